"""From what the model says to the dialect's server events."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    EndpointEvent,
    Interrupted,
    Listen,
    SessionOpened,
    TaskSet,
    TextOut,
    TextOutDone,
    TurnDone,
    TurnStarted,
    UnitDone,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.resample import Resampler
from tmlapp.core.units import NS_PER_MS
from tmlapp.endpoints.serve.intake import ms_of

_log = logging.getLogger(__name__)
_DELTA_BYTES = 480_000
_ASKED_WRONGLY = frozenset({"unsupported", "invalid_input"})
Wire = dict[str, Any]


@dataclass(slots=True)
class _Response:
    """An answer under way. `held`: the model itself says when it is over. `touched`: it went on in this unit."""

    number: int
    modalities: tuple[str, ...]
    text: str = ""
    text_state: str = ""
    sounded: bool = False
    held: bool = False
    touched: bool = True
    resampler: Resampler | None = None

    @property
    def id(self) -> str:
        return f"resp_{self.number}"

    @property
    def item_id(self) -> str:
        return f"item_{self.number}"

    @property
    def going_on(self) -> bool:
        """More of it may come after this unit."""
        speech_only = self.sounded and not self.text_state
        return self.held or (self.touched and (self.text_state == "open" or speech_only))


@dataclass(slots=True)
class Replies:
    """Turns the events of one session into server events, without their `event_id` and place in time.

    Attributes:
        rate: of the sound that was granted.
        modalities: what is granted now; an answer under way keeps those that it began with.
    """

    rate: int
    modalities: tuple[str, ...] = ("text",)
    _responses: dict[str, _Response] = field(default_factory=dict)
    _count: int = 0
    _untold: set[str] = field(default_factory=set)

    def take(self, event: EndpointEvent) -> Iterator[Wire]:
        """The server events that `event` becomes; none for what the dialect has no words for."""
        match event:
            case TextOut(channel="thought") | TextOutDone(channel="thought"):
                self._leave_out("a thought")
            case TextOut():
                yield from self._text(event, event.delta)
            case TextOutDone():
                yield from self._text_done(event)
            case AudioOut():
                yield from self._sound(event)
            case Interrupted():
                yield from self._cut()
            case TurnStarted():
                yield from self._hold(event)
            case TurnDone():
                if (response := self._responses.get(_key(event))) is not None:
                    yield from self._finish(_key(event), response, event.status, event.reason or "stop")
            case UserSpeech(state=state):
                at = "audio_start_ms" if state == "started" else "audio_end_ms"
                when = 0.0 if event.t_media_ns is None else event.t_media_ns / NS_PER_MS
                yield {"type": f"input_audio_buffer.speech_{state}", "item_id": event.item_id or "input", at: when}
            case UserTranscript():
                yield _transcript(event)
            case TaskSet():
                yield task_set(event)
            case EndpointError():
                yield error_event(event)
            case Listen() | UnitDone() | SessionOpened():
                return
            case _:
                self._leave_out(type(event).__name__)

    def end_unit(self) -> Iterator[Wire]:
        """The unit is over: answers that are complete are closed."""
        for key, response in list(self._responses.items()):
            if not response.going_on:
                yield from self._finish(key, response, "completed", "stop")
            response.touched = False

    def finish(self, status: str, reason: str) -> Iterator[Wire]:
        """Close every answer under way."""
        for key, response in list(self._responses.items()):
            yield from self._finish(key, response, status, reason)

    @property
    def busy(self) -> bool:
        """An answer is under way."""
        return bool(self._responses)

    def _begin(self, event: EndpointEvent) -> Iterator[Wire]:
        response = self._responses.get(_key(event))
        if response is not None:
            response.touched = True
            return
        self._count += 1
        response = _Response(self._count, self.modalities)
        self._responses[_key(event)] = response
        yield {"type": "response.created", "response": _shown(response, "in_progress")}

    def _hold(self, event: TurnStarted) -> Iterator[Wire]:
        yield from self._begin(event)
        self._responses[_key(event)].held = True

    def _text(self, event: TextOut | TextOutDone, delta: str) -> Iterator[Wire]:
        before = self._responses.get(_key(event))
        if before is not None and before.text_state == "done":
            yield from self._finish(_key(event), before, "completed", "stop")
        yield from self._begin(event)
        response = self._responses[_key(event)]
        response.text += delta
        response.text_state = "open"
        yield _part(response, f"{_words(response)}.delta") | {"delta": delta}

    def _text_done(self, event: TextOutDone) -> Iterator[Wire]:
        response = self._responses.get(_key(event))
        if response is None or response.text_state != "open":
            yield from self._text(event, event.text)
            response = self._responses[_key(event)]
        response.text = event.text
        yield from _end_of_text(response)

    def _sound(self, event: AudioOut) -> Iterator[Wire]:
        response = self._responses.get(_key(event))
        if "audio" not in (response.modalities if response else self.modalities):
            return
        yield from self._begin(event)
        response = self._responses[_key(event)]
        pcm = event.pcm16
        if event.rate != self.rate:
            if response.resampler is None or response.resampler.rate_in != event.rate:
                response.resampler = Resampler(event.rate, self.rate)
            pcm = response.resampler.push(np.frombuffer(pcm, "<i2").astype(np.int16)).astype("<i2").tobytes()
        for at in range(0, len(pcm), _DELTA_BYTES):
            response.sounded = True
            delta = base64.b64encode(pcm[at : at + _DELTA_BYTES]).decode("ascii")
            yield _part(response, "output_audio.delta") | {"delta": delta}

    def _cut(self) -> Iterator[Wire]:
        """What was sent before must fall silent: its answers end as cancelled, or an empty one says it for them."""
        earlier = [(key, r) for key, r in self._responses.items() if not r.touched]
        for key, response in earlier:
            yield from self._finish(key, response, "cancelled", "interrupted")
        if not earlier:
            self._count += 1
            response = _Response(self._count, ())
            yield {"type": "response.created", "response": _shown(response, "in_progress")}
            yield {"type": "response.done", "response": _shown(response, "cancelled", "interrupted")}

    def _finish(self, key: str, response: _Response, status: str, reason: str) -> Iterator[Wire]:
        del self._responses[key]
        if response.text_state == "open":
            yield from _end_of_text(response)
        if response.sounded:
            yield _part(response, "output_audio.done")
        yield {"type": "response.done", "response": _shown(response, status, reason)}

    def _leave_out(self, what: str) -> None:
        if what not in self._untold:
            self._untold.add(what)
            _log.info("the dialect has no words for %s; it is left out", what)


def task_set(event: TaskSet) -> Wire:
    """An addition of ours that other clients pass over: what the model understood, from which unit on."""
    members = {"instruction": event.instruction, "task": event.task, "params": event.params}
    return {"type": "tmlapp.task.set", **members, "from_unit": f"unit_{event.from_turn}"}


def error_event(event: EndpointError, client_event_id: str | None = None) -> Wire:
    """An error of the model; its code is kept."""
    kind = "invalid_request_error" if event.kind in _ASKED_WRONGLY else "server_error"
    return failure(event.code, event.message, client_event_id, event.param, kind=kind)


def failure(
    code: str, message: str, event_id: str | None, param: str | None = None, *, kind: str = "", fatal: bool = False
) -> Wire:
    """An error as the dialect writes it."""
    kind = kind or ("server_error" if fatal else "invalid_request_error")
    error = {"type": kind, "code": code, "message": message[:512], "event_id": event_id, "param": param}
    return {"type": "error", "sglang": {"fatal": fatal}, "error": error}


def place(unit_id: str, chunk: int, start_sample: int, samples: int) -> Wire:
    """Where on the input timeline an output comes from."""
    media = {"t_start_ms": ms_of(start_sample), "duration_ms": ms_of(samples)}
    return {"unit_id": unit_id, "chunk_seq": chunk, "media_time": media}


def _key(event: EndpointEvent) -> str:
    return event.response_id or event.item_id or "turn"


def _words(response: _Response) -> str:
    return "output_text" if "text" in response.modalities else "output_audio_transcript"


def _part(response: _Response, name: str) -> Wire:
    place_in = {"response_id": response.id, "item_id": response.item_id, "output_index": 0, "content_index": 0}
    return {"type": f"response.{name}", **place_in}


def _end_of_text(response: _Response) -> Iterator[Wire]:
    response.text_state = "done"
    name = "text" if "text" in response.modalities else "transcript"
    yield _part(response, f"{_words(response)}.done") | {name: response.text}


def _shown(response: _Response, status: str, reason: str = "") -> Wire:
    shown: Wire = {"id": response.id, "object": "realtime.response", "status": status, "output": []}
    if status == "in_progress":
        return shown
    content: list[Wire] = []
    if response.text_state and "text" in response.modalities:
        content.append({"type": "output_text", "text": response.text})
    if response.sounded:
        content.append({"type": "output_audio", "transcript": response.text})
    item = {"id": response.item_id, "object": "realtime.item", "type": "message", "role": "assistant"}
    shown["status_details"] = {"reason": reason}
    shown["output"] = [item | {"content": content}] if content else []
    shown["usage"] = None
    return shown


def _transcript(event: UserTranscript) -> Wire:
    head = "conversation.item.input_audio_transcription"
    members = {"item_id": event.item_id or "input", "content_index": 0}
    if event.final:
        return {"type": f"{head}.completed", **members, "transcript": event.text}
    return {"type": f"{head}.delta", **members, "delta": event.text}
