"""What a protocol of interaction models consists of, without sockets, threads or clocks (docs/endpoints/index.md).

A `Dialect` describes a protocol; its `Codec` holds one connection's grammar: bytes and micro-turns in, actions out.
Everything that waits (sockets, retries, time limits, the wire log, secrets) is done once for all, by `RemoteDuplex`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import EndpointError, EndpointEvent, Granted
from tmlapp.core.secret import Secret
from tmlapp.core.turn import MicroTurn


class MessageError(Exception):
    """A frame that cannot be understood; costs that frame (`EndpointError(kind="protocol")`), not the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting of one protocol, shown with its help in the window and in `tmlapp endpoints add --help-kind`.

    Attributes:
        default: what is used where nothing is set; empty where the service's own default holds.
        kind: `choice` needs `choices`; `flag` is `on` or `off`; `json` is a JSON object.
    """

    name: str
    help: str
    default: str = ""
    kind: Literal["text", "number", "choice", "flag", "json"] = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which model is reached, where and how.

    Attributes:
        address: as settings and recordings name it, e.g. `profile:lab` or `sglang_omni:ws://127.0.0.1:8765`.
        name: what a person calls it.
        url: `ws://…`, `wss://…` (or `http…`, which is taken for it) with or without a path; empty for the
            dialect's default. A URL without a path gets the dialect's.
        options: what was set, by `Option.name`.
        secret: the key; None where none was given.
    """

    kind: str
    address: str
    name: str
    url: str = ""
    model: str = ""
    voice: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    secret: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a socket is opened. Headers may carry the key; the URL never does."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    subprotocols: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resumption:
    """What the next connection needs in order to go on: a handle of the service's, or the finished turns.

    `data` stays in memory and is never logged. Open turns of the model are gone on with or ended by the codec that
    takes up `native`, and end by themselves (`open_turns`) where a connection begins anew.

    Attributes:
        unfinished: ends of what was begun and cannot be gone on with (`ToolCancelled`, `Delegation(failed)`): told by
            the codec of the next connection once that is granted, and at the end of the session if there is none.
    """

    kind: Literal["native", "history"]
    data: Mapping[str, Any] = field(repr=False)
    unfinished: tuple[EndpointEvent, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a codec begins with.

    Attributes:
        setup: instruction, tools, history, voice, options of the session.
        epoch: 0 for the first connection, +1 each.
        resumption: what the codec before this one left; None for the first.
        prepared: what `Dialect.prepare` found.
        wall_s: UTC now in seconds, for limits that services state as a date.
    """

    target: Target
    setup: EndpointSetup
    epoch: int
    resumption: Resumption | None
    prepared: Mapping[str, Any]
    wall_s: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Send:
    """A frame to send: a mapping as a JSON text frame, bytes as a binary one."""

    message: Mapping[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """The service keeps us in its own queue: the time limit of the set-up stands still until the next action."""

    reason: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The set-up was acknowledged: micro-turns may flow."""

    granted: Granted


@dataclass(frozen=True, slots=True)
class Drained:
    """After the end of input: nothing more will come."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The service says in its own words that the session is over; `error` where that is no ordinary end."""

    code: str
    reason: str
    error: EndpointError | None = None


Action = Send | EndpointEvent | Waiting | Opened | Drained | Ended


class Codec(Protocol):
    """The grammar of one connection. Called on one thread; never waits, never looks at a clock of its own.

    Events leave `seq`, `epoch`, `wire_ref` and `t_rx_ns` at 0 or None: the caller fills them in. `t_media_ns` and its
    companions are the codec's work: session time of the first sample that this connection has sent (the `t_ns` of the
    first micro-turn given to `turn`) plus the service's media time.
    """

    def hello(self) -> Sequence[Action]:
        """The socket is open: what we say first; empty where the service begins."""
        ...

    def parse(self, frame: str | bytes) -> Any:
        """A frame as a value for `receive` and `describe`.

        Raises:
            MessageError: it is none of this protocol, whatever bytes it holds.
        """
        ...

    def receive(self, message: Any) -> Sequence[Action]:
        """What a parsed frame means, in order; `Unrecognized` for a kind that is not known.

        Raises:
            MessageError: a known kind without what it must carry.
        """
        ...

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        """The frames for one micro-turn: sound, pictures, texts, controls. Called once each, in order of `index`.

        After a loss of connection `index` jumps; a picture may have been taken out before.
        """
        ...

    def end_of_input(self) -> Sequence[Action]:
        """No more micro-turns; with `Drained` where the protocol has no verb for it and nothing is outstanding."""
        ...

    def goodbye(self) -> Sequence[Action]:
        """The close verb, if the protocol has one; `Ended` or the closing of the socket answers it."""
        ...

    def closed(self, code: int, reason: str) -> EndpointError | None:
        """What it means that the service closed the socket with `code`; None for an ordinary end."""
        ...

    def resumption(self) -> Resumption | None:
        """What a next connection could go on with; None where it cannot.

        Asked when the connection is lost, and of a codec whose set-up was refused: one that tried `native` in vain
        may answer with `history` then.
        """
        ...

    def describe(self, message: Any) -> Any:
        """A parsed or sent message as a JSON value for the wire log; long base64 and secrets may still be in it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Of an HTTP request before the session: `body` is at most 1 MiB."""

    status: int
    body: bytes


Fetch = Callable[[str, Mapping[str, str]], Answer]
"""GET of a URL with headers; raises AppError where nothing answers."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A protocol, as the window, the verbs and the documentation present it, and as a session speaks it.

    Attributes:
        kind: scheme of its addresses and value of `kind` in a profile, e.g. `openai_realtime`.
        title: what a person calls it.
        page: its page in docs/endpoints, without `.md`.
        sends: what leaves this machine, in a person's words.
        default_url, default_model: empty where a person must say.
        key_variable: environment variable that usually holds the key; empty where no key is known of.
        key_required: whether it is useless without one.
        voices: known ones; others may be typed.
        experimental: why it is to be trusted less; empty where it is not.
        close_s: how long the close verb may take.
        virtual_time: it acknowledges every micro-turn, so that a session may run on virtual time.
        request_for: instead of `request` where the address depends on what the session asks for.
    """

    kind: str
    title: str
    page: str
    request: Callable[[Target, Resumption | None], Request]
    codec: Callable[[Start], Codec]
    prepare: Callable[[Target, Fetch], Mapping[str, Any]] | None = None
    sends: str = "sound and pictures"
    default_url: str = ""
    default_model: str = ""
    key_variable: str = ""
    key_required: bool = False
    voices: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    experimental: str = ""
    close_s: float = 3.0
    virtual_time: bool = False
    request_for: Callable[[Target, Resumption | None, EndpointSetup], Request] | None = None

    def option(self, target: Target, name: str) -> str:
        """What `target` sets for the option `name`, or its default."""
        for option in self.options:
            if option.name == name:
                return target.options.get(name) or option.default
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, in seconds of real time, and how often is tried again.

    Attributes:
        backoff_s: pauses before the tries to take a lost connection up again, one for each.
        jitter: share of a pause by which it varies.
        warn_turns, drop_video_turns, give_up_turns: micro-turns that wait to be sent.
        settled_s: a connection that lasted this long starts the tries anew when it is lost.
        calm_s: how long nobody must have spoken before a connection that goes away is changed.
    """

    connect_s: float = 10.0
    configure_s: float = 10.0
    ping_every_s: float = 5.0
    pong_s: float = 20.0
    backoff_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    jitter: float = 0.2
    warn_turns: int = 3
    drop_video_turns: int = 5
    give_up_turns: int = 25
    settled_s: float = 10.0
    calm_s: float = 2.0
