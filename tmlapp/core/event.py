"""What came back from an endpoint, and what happened in the session, as typed values.

Every event round-trips through JSON (`to_json`, `from_json`). Times are session time in nanoseconds.
Source of the endpoint events: our adapter contract, docs/endpoints/index.md.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from tmlapp.core.event_base import EndpointEvent as EndpointEvent
from tmlapp.core.event_hearing import Ducked as Ducked
from tmlapp.core.event_hearing import SpeechHeard as SpeechHeard
from tmlapp.core.event_wire import ConnectionChanged as ConnectionChanged
from tmlapp.core.event_wire import ConnectionState as ConnectionState
from tmlapp.core.event_wire import InputLost as InputLost
from tmlapp.core.event_wire import RoundTrip as RoundTrip
from tmlapp.core.event_wire import Unrecognized as Unrecognized
from tmlapp.core.event_wire import WireFrame as WireFrame
from tmlapp.core.granted import Granted as Granted
from tmlapp.core.granted import MediaKind as MediaKind
from tmlapp.core.granted import Rejection as Rejection
from tmlapp.core.granted import granted_from_json as granted_from_json

Channel = Literal["transcript", "say", "thought"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(EndpointEvent):
    granted: Granted


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUpdated(EndpointEvent):
    granted: Granted


@dataclass(frozen=True, slots=True, kw_only=True)
class InputAccepted(EndpointEvent):
    micro_turn: int
    accepted_end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDone(EndpointEvent):
    """The endpoint has answered micro-turn `micro_turn`.

    `latency_ns` is `t_rx_ns` minus the end of that micro-turn; `compute_ns` and `lag_turns` (micro-turns
    that waited) are given by local models; `diagnostics` are the model's own named numbers.
    """

    micro_turn: int
    latency_ns: int
    compute_ns: int = 0
    queue_ns: int = 0
    lag_turns: int = 0
    diagnostics: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioOut(EndpointEvent):
    """Sound from the model: `pcm16` is little-endian mono at `rate` Hz; `text` is what it says, where known."""

    pcm16: bytes
    rate: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOut(EndpointEvent):
    delta: str
    channel: Channel = "say"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOutDone(EndpointEvent):
    text: str
    channel: Channel = "say"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted(EndpointEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDone(EndpointEvent):
    status: Literal["completed", "cancelled", "incomplete", "failed"]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen(EndpointEvent):
    """The model chose to stay silent for this unit."""

    micro_turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted(EndpointEvent):
    """Output that was not played yet must be thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSpeech(EndpointEvent):
    state: Literal["started", "stopped"]
    source: Literal["server_vad", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTranscript(EndpointEvent):
    text: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall(EndpointEvent):
    call_id: str
    name: str
    arguments: dict[str, Any] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCancelled(EndpointEvent):
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation(EndpointEvent):
    id: str
    target: str
    state: Literal["created", "progress", "done", "failed"]
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(EndpointEvent):
    counters: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit(EndpointEvent):
    kind: Literal["going_away", "expires", "context", "rate"]
    remaining_ms: float | None = None
    ratio: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeHandle(EndpointEvent):
    handle: str
    valid_from_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSet(EndpointEvent):
    """A local model's task input changed: `instruction` gave `task` with `params`, from micro-turn `from_turn` on."""

    instruction: str
    task: str
    params: dict[str, float]
    from_turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointError(EndpointEvent):
    kind: Literal[
        "auth", "quota", "rate_limit", "config", "unsupported", "invalid_input", "protocol", "content_filter",
        "context", "session_expired", "network", "server", "timeout", "backpressure", "internal",
    ]  # fmt: skip
    code: str
    message: str
    fatal: bool
    retryable: bool = False
    client_event_id: str | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(EndpointEvent):
    code: str
    reason: str
    initiated_by: Literal["us", "server", "network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """Base of what happens in the session itself rather than at the endpoint."""

    t_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(SessionEvent):
    """Media that is missing or stands in for something missing, at its place.

    Attributes:
        track: which track has the hole.
        dur_ns: length of the hole, filled with silence or the last frame.
        reason: one sentence for a person.
        kind: `lost` (xrun, overflow), `unplugged`, `stalled`, `muted`, `paused`, `absent` (never there),
            `clock` (time jumped), `not sent` (recorded, but a remote endpoint did not get it; never recorded
            itself, `InputLost` is).
    """

    track: Literal["mic", "camera", "model"]
    dur_ns: int
    reason: str
    kind: Literal["lost", "unplugged", "stalled", "muted", "paused", "absent", "clock", "not sent"] = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker(SessionEvent):
    """Set by a person.

    Attributes:
        label: `marker`, `note`, a verdict tag `1` … `9`, `qa` (a step of a checklist), or, in a take, `expect`,
            `instruction`, `stop` and `take` (the end of the count-in).
    """

    label: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(SessionEvent):
    """Something a person should know: a device came back, a limit nears, an instruction was refused."""

    level: Literal["info", "warning", "error"]
    what: str
    why: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged(SessionEvent):
    """The session moved on (idle … closed), or was paused, resumed, muted, unmuted."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(SessionEvent):
    """The loudspeaker has played `dur_ns` of the item from `t_ns` on; `interrupted`: the rest was thrown away.

    Attributes:
        t_rx_ns: when its first sound was received; with `t_ns` it says how long that waited.
        t_media_ns: where that sound belongs on the session clock by the endpoint's own account, where it gives one.
            For a clock of its output (`media_kind`) that is where the item's playing began; None if it never did.
        audible_ns: when the first sample at or above -54 dBFS was heard; None where there was none.
    """

    item_id: str
    text: str
    dur_ns: int
    interrupted: bool = False
    t_rx_ns: int | None = None
    t_media_ns: int | None = None
    audible_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReturned(SessionEvent):
    """A tool answered `call_id` at `t_ns`; the next micro-turn carries it to the model (`controls`)."""

    call_id: str
    name: str
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationReturned(SessionEvent):
    """A background model gave the next piece of its answer to the call `id`; `final` is the last one."""

    id: str
    name: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundCalled(SessionEvent):
    """While it worked on the call `id`, a background model called a tool of its own, which answered at `t_ns`."""

    id: str
    name: str
    arguments: dict[str, Any] | str
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(SessionEvent):
    """One second of vital signs. Durations in ms; `None` where nothing was measured in that second.

    Attributes:
        turns: micro-turns pushed so far.
        turn_late_p50_ms, turn_late_p99_ms, turn_late_max_ms: from the audio callback that completed a
            micro-turn to its push to the endpoint, over the last 30 s.
        reply_p50_ms, reply_p99_ms: end of micro-turn to the endpoint's answer, over the last 30 s.
        network_ms, model_ms, playout_ms: what a reply consists of, medians over the last 30 s: a round trip of the
            network, what the model itself takes, and how long its sound waits for the loudspeaker. See
            `tmlapp.live.latency`.
        queue_turns: micro-turns that wait at the endpoint.
        drift_ppm: sample counter against the monotonic clock.
        camera_fps: frames per second over the last second.
        dropped_samples: samples of the microphone that were lost, so far.
        dropped_frames: stretches in which frames of the camera were lost, so far.
        disk_free_bytes, recording_bytes: so far.
        echo_loss_db: how much of the loudspeaker's sound the echo canceller took out of the microphone in that
            second; None where nothing was played or nothing is cancelled.
    """

    turns: int
    turn_late_p50_ms: float | None = None
    turn_late_p99_ms: float | None = None
    turn_late_max_ms: float | None = None
    reply_p50_ms: float | None = None
    reply_p99_ms: float | None = None
    queue_turns: int = 0
    drift_ppm: float | None = None
    camera_fps: float | None = None
    dropped_samples: int = 0
    dropped_frames: int = 0
    xruns: int = 0
    disk_free_bytes: int | None = None
    recording_bytes: int | None = None
    network_ms: float | None = None
    model_ms: float | None = None
    playout_ms: float | None = None
    echo_loss_db: float | None = None


Event = EndpointEvent | SessionEvent
E_ = TypeVar("E_", bound=Event)


def _all_types(base: type[Any]) -> dict[str, type[Any]]:
    found = {base.__name__: base}
    for sub in base.__subclasses__():
        found.update(_all_types(sub))
    return found


EVENT_TYPES: dict[str, type[Any]] = _all_types(EndpointEvent) | _all_types(SessionEvent)
"""Every event class by its name, as it stands in the field `type` of its JSON."""


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple | list):
        return [_encode(v) for v in value]
    if isinstance(value, dict):
        return {k: _encode(v) for k, v in value.items()}
    if isinstance(value, Granted | Rejection):
        return {f.name: _encode(getattr(value, f.name)) for f in fields(value)}
    return value


def to_json(event: Event) -> dict[str, Any]:
    """`event` as plain JSON values, with its class name under `type`; bytes become base64."""
    return {"type": type(event).__name__} | {f.name: _encode(getattr(event, f.name)) for f in fields(event)}


def from_json(value: dict[str, Any]) -> Event:
    """The event whose `to_json` is `value`.

    Raises:
        ValueError: the type is unknown or a field is missing, unknown or malformed.
    """
    plain = dict(value)
    name = plain.pop("type", None)
    cls = EVENT_TYPES.get(name) if isinstance(name, str) else None
    if cls is None:
        raise ValueError(f"unknown event type {name!r}")
    try:
        if "granted" in plain:
            plain["granted"] = granted_from_json(plain["granted"])
        if "pcm16" in plain:
            plain["pcm16"] = base64.b64decode(plain["pcm16"], validate=True)
        event: Event = cls(**plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f"malformed {name}: {error}") from error
    return event
