"""One connection in the grammar of GPT-Live (docs/endpoints/openai-live.md).

Source: the event types of OpenAI's own Python library 3.54.0 (`openai.types.live`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tmlapp.core.event import (
    AudioOut,
    Delegation,
    EndpointError,
    EndpointEvent,
    Granted,
    Limit,
    Rejection,
    SessionUpdated,
    TurnDone,
    Unrecognized,
    Usage,
)
from tmlapp.core.units import NS_PER_MS, samples_to_ns
from tmlapp.endpoints.gpt_live.asking import RATE_HZ, Asked, Wishes
from tmlapp.endpoints.gpt_live.outward import Outward
from tmlapp.endpoints.openai_family import fields
from tmlapp.endpoints.openai_family.fields import Message
from tmlapp.endpoints.remote.contract import Action, Drained, Ended, MessageError, Opened, Resumption, Start
from tmlapp.endpoints.remote.errors import Kind, close_error, endpoint_error, service_error
from tmlapp.endpoints.remote.history import FinishedTurns
from tmlapp.endpoints.remote.loudness import Loudness
from tmlapp.endpoints.remote.open_turns import LOST
from tmlapp.endpoints.remote.sound import Samples, decode_base64

Handler = Callable[[Message], Iterable[Action]]

_KEPT_PACE_MS = 1_000
_PACED_AFTER_MS = 5_000
_SLACK_MS = 200
_CONTEXT_STEP = 0.05
_NOTICES = 16
_NO_WORKER = "Nobody works in the background in this session: answer without."
_HANDOFF = "Responses handoff"
_ENDS: Mapping[str, tuple[Kind, str]] = {
    "expired": ("session_expired", "The session has reached its longest duration."),
    "content": ("content_filter", "The service's safety filter ended the session."),
    "connection_lost": ("network", "The service lost the connection."),
}

_ORDINARY = ("close_requested", "remote_hangup")
"""Somebody asked for the end: us, another program with the same key, or a caller who hung up."""


class LiveCodec(Outward):
    """See the module. `receive` fails with nothing but `MessageError`; memory is bounded whatever comes.

    Args:
        request: what to start with.
        model: what is asked for; a service may answer with a dated name of it.
    """

    def __init__(self, start: Start, wishes: Wishes, request: Asked, model: str, before: FinishedTurns) -> None:
        super().__init__(start, wishes, before)
        self._request = request
        self._model = model
        self._fork_gone = False
        self._samples = Samples()
        self._loudness = Loudness(quiet_ms=wishes.quiet_ms, audible_dbfs=wishes.audible_dbfs, epoch=start.epoch)
        self._received = 0
        self._granted: Granted | None = None
        self._session_id = ""
        self._context = -1.0
        self._ending = self._drained = False
        self._handlers: Mapping[str, Handler] = {
            "session.started": self._on_started,
            "session.updated": self._on_nothing,
            "session.output_audio.delta": self._on_audio,
            "session.output_transcript.delta": self._on_said,
            "session.input_transcript.delta": self._words.heard,
            "session.delegation.created": self._on_delegation,
            "response.event": self._on_response,
            "session.instructions.appended": self._on_nothing,
            "session.thinking.appended": self._on_nothing,
            "session.commentary.appended": self._on_nothing,
            "session.input_audio.muted": self._on_nothing,
            "session.input_audio.unmuted": self._on_nothing,
            "session.output_audio.fixture.playing": self._on_nothing,
            "session.output_audio.fixture.played": self._on_nothing,
            "session.usage.updated": self._on_usage,
            "session.closed": self._on_closed,
            "info": self._on_info,
            "error": self._on_error,
        }

    # ------------------------------------------------------------------ the contract

    def hello(self) -> Sequence[Action]:
        return (self._message("session.start", session=self._request.session),)

    def parse(self, frame: str | bytes) -> Any:
        return fields.parse_object(frame)

    def receive(self, message: Any) -> Sequence[Action]:
        handler = self._handlers.get(message["type"])
        if handler is None:
            return (Unrecognized(name=message["type"]),)
        actions = list(handler(message))
        for action in actions:
            if isinstance(action, EndpointEvent):
                self._history.note(action)
        return actions

    def end_of_input(self) -> Sequence[Action]:
        self._ending = True
        return tuple(self._drain())

    def closed(self, code: int, reason: str) -> EndpointError | None:
        error = close_error(code, reason)
        if error is None and self._granted is not None and not self._closing:
            why = "The service closed the connection without a word that the session is over."
            return endpoint_error("network", str(code), why)
        return error

    def resumption(self) -> Resumption | None:
        """The stored session to go on with where there is one, and what was said for when it is gone."""
        told = {"turns": self._history.turns, "instructions": tuple(self._instructions)}
        unfinished = self._unfinished()
        if not self._wishes.store or not self._session_id or self._fork_gone:
            return Resumption("history", told, unfinished)
        return Resumption("native", {**told, "session_id": self._session_id}, unfinished)

    def _unfinished(self) -> tuple[EndpointEvent, ...]:
        """A fork has everything that was said, but neither the turn that was being said nor the work under way."""
        before = self._start.resumption
        if self._granted is None and before is not None:
            return before.unfinished
        turn = self._loudness.turn_id
        cut = () if turn is None else (TurnDone(status="incomplete", reason=LOST, response_id=turn),)
        return (*cut, *self._work.unfinished("The connection was lost."))

    def describe(self, message: Any) -> Any:
        return message

    # ------------------------------------------------------------------ what is read

    def _on_nothing(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        """Known, and says nothing that the wire log does not show."""
        return ()

    def _on_started(self, message: Message) -> Iterator[Action]:
        session = fields.mapping(message, "session")
        self._session_id = fields.name_or(session, "id")
        if self._granted is None:
            self._granted = self._grant(session)
            if self._start.resumption is not None:
                yield from self._start.resumption.unfinished
            yield Opened(self._granted)

    def _grant(self, session: Message) -> Granted:
        target, resumption = self._start.target, self._start.resumption
        expires_s = fields.number_or_none(session, "expires_at")
        expires_at_ms = None
        if expires_s is not None:
            now_ms = self._start.setup.session_now_ns() / NS_PER_MS
            expires_at_ms = round(now_ms + (expires_s - self._start.wall_s()) * 1000)
        return Granted(
            endpoint=target.address,
            name=target.name,
            local=False,
            input_rate=RATE_HZ,
            output_rate=RATE_HZ,
            unit_ms=100,
            modalities_in=("audio", "text", "image") if self._wishes.sees else ("audio", "text"),
            modalities_out=("audio", "text"),
            turn_owner="model",
            proactive=True,
            clock_kind="session",
            frames_per_unit=1 if self._wishes.sees else 0,
            input_delay_ms=self._sound.delay_ms,
            can_resume=self._wishes.store,
            expires_at_ms=expires_at_ms,
            provider=self._wishes.service,
            rejections=(*self._request.rejections, *self._changed(session)),
            details={
                "session_id": self._session_id,
                "model": fields.text_or(session, "model", self._model),
                "delegation": self._wishes.delegation,
                "stored": session.get("store") is True,
                "resumed": "" if resumption is None else "fork" if resumption.kind == "native" else "history",
            },
        )

    def _changed(self, session: Message) -> Iterator[Rejection]:
        """What the service says to use instead of what it was asked for; it need not repeat everything."""
        for path in (("model",), ("audio", "output", "voice"), ("audio", "format", "rate"), ("delegation", "type")):
            wanted, got = _inner(self._request.session, path), _inner(session, path)
            if wanted is None or got is None or got == wanted:
                continue
            if path == ("model",) and isinstance(got, str) and got.startswith(f"{wanted}-"):
                continue
            yield Rejection(
                asked=f"{'.'.join(path)}: {wanted}", granted=str(got)[:120], reason="The service uses another value."
            )

    def _on_audio(self, message: Message) -> Iterator[Action]:
        pcm16 = self._samples.whole("", decode_base64(fields.text(message, "delta")))
        if not pcm16:
            return
        position_ms = self._position_ms(self._received)
        self._received += len(pcm16) // 2
        start_ms = fields.number_or_none(message, "start_ms")
        media = self._words.media(position_ms if start_ms is None else start_ms)
        if media:
            media["dur_media_ns"] = samples_to_ns(len(pcm16) // 2, RATE_HZ)
        for event in self._loudness.feed(AudioOut(pcm16=pcm16, rate=RATE_HZ, **media)):
            if isinstance(event, TurnDone):
                yield from self._words.end_said(event.response_id)
            yield event
        yield from self._words.pass_to(self._position_ms(self._received), self._loudness.turn_id)
        if self._ending:
            yield from self._drain()

    def _on_said(self, message: Message) -> Iterable[Action]:
        return self._words.said(message, self._loudness.turn_id)

    def _on_delegation(self, message: Message) -> Iterator[Action]:
        delegation = fields.mapping(message, "delegation")
        if not fields.name_or(delegation, "id"):
            raise MessageError("a delegation without an id")
        media = self._words.media(fields.number_or_none(message, "offset_ms"))
        for event in self._work.created(delegation, **media):
            if self._wishes.delegation == "none" and isinstance(event, Delegation) and event.state == "created":
                # Never told as created: a session would begin to work on it.
                yield from self._append("thinking", _NO_WORKER, event.id)
                yield from self._work.fail(event.id, _NO_WORKER)
            else:
                yield event

    def _on_response(self, message: Message) -> Iterable[Action]:
        return self._work.nested(fields.name_or(message, "delegation_id"), fields.mapping(message, "event"))

    def _on_usage(self, message: Message) -> Iterator[Action]:
        usage = fields.mapping(message, "usage")
        window = fields.mapping_or_empty(message, "context_window")
        yield Usage(counters=dict(usage) | ({"context_window": dict(window)} if window else {}))
        ratio = fields.number_or_none(window, "usage_ratio")
        if ratio is not None and abs(ratio - self._context) >= _CONTEXT_STEP:
            self._context = ratio
            yield Limit(kind="context", ratio=ratio)

    def _on_closed(self, message: Message) -> Iterator[Action]:
        reason = fields.name_or(message, "reason")
        yield from self._last_words(reason or "closed")
        usage = fields.mapping_or_empty(message, "usage")
        if usage:
            yield Usage(counters=dict(usage))
        error = None
        if reason in _ENDS:
            kind, said = _ENDS[reason]
            error = endpoint_error(kind, reason, said, fatal=True)
        elif reason not in _ORDINARY:
            error = endpoint_error("server", reason or "closed", "The service ended the session.", fatal=True)
        yield Ended(reason or "closed", error.message if error else "The session was closed.", error)

    def _last_words(self, why: str) -> Iterator[EndpointEvent]:
        """What is still open when the session ends."""
        yield from self._words.end_heard()
        yield from self._words.end_said(self._loudness.turn_id)
        yield from self._loudness.end("incomplete", why)
        yield from self._work.fail_all("The session ended before.")

    def _on_info(self, message: Message) -> Iterator[Action]:
        """A notice that is no error: kept with what was granted, where a person sees it."""
        notice = f"{fields.name_or(message, 'code')}: {fields.text_or(message, 'message')[:1000]}"
        if self._granted is not None:
            notices = [*self._granted.details.get("notices", ()), notice][-_NOTICES:]
            self._granted = replace(self._granted, details={**self._granted.details, "notices": notices})
            yield SessionUpdated(granted=self._granted)

    def _on_error(self, message: Message) -> Iterator[Action]:
        about = fields.mapping(message, "error")
        # The service's own types promise a code; its messages may come without one.
        code = fields.name_or(about, "code")
        said = fields.text_or(about, "message") or "The service reported an error."
        cause = fields.name_or(about, "client_event_id") or fields.name_or(message, "client_event_id")
        if said.startswith(_HANDOFF):
            yield from self._work.fail_oldest("responses", said)
            yield endpoint_error(
                "server", code or "responses_handoff", said, fatal=False, client_event_id=cause or None
            )
            return
        self._fork_gone = self._fork_gone or code == "session_id_not_found"
        error = service_error(
            code or None,
            said,
            error_type=fields.name_or(about, "type") or None,
            client_event_id=cause or None,
            param=fields.text_or(about, "param") or None,
        )
        if self._granted is None:
            kind = "config" if error.kind in ("invalid_input", "unsupported") else error.kind
            refused = endpoint_error(
                kind, error.code, said, fatal=True, client_event_id=cause or None, param=error.param
            )
            yield Ended(error.code, said, refused)
            return
        yield error

    # ------------------------------------------------------------------ the end of input

    def _position_ms(self, samples: int) -> float:
        return samples * 1000 / RATE_HZ

    def _drain(self) -> Iterator[Action]:
        """Its timeline stands still without input. A service that has kept pace is given what it still owes."""
        behind_ms = self._position_ms(self._sound.samples - self._received)
        paced = self._position_ms(self._sound.samples) >= _PACED_AFTER_MS
        if not self._drained and not (paced and _SLACK_MS < behind_ms <= _KEPT_PACE_MS):
            self._drained = True
            yield Drained()


def _inner(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
