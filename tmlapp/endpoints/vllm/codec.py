"""One connection in vLLM-Omni's duplex dialect, without its socket (docs/endpoints/vllm-omni.md)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from tmlapp.core.event import (
    AudioOut,
    Granted,
    Listen,
    ResumeHandle,
    SessionUpdated,
    TextOut,
    ToolCall,
    UserSpeech,
)
from tmlapp.core.units import samples_to_ns
from tmlapp.endpoints.openai_family import fields, table
from tmlapp.endpoints.openai_family.fields import Message
from tmlapp.endpoints.remote.contract import Action, Dialect, Ended, MessageError, Opened, Resumption, Send, Start
from tmlapp.endpoints.remote.errors import endpoint_error
from tmlapp.endpoints.remote.sound import decode_base64
from tmlapp.endpoints.vllm.codes import KINDS, REFUSED_RESUME
from tmlapp.endpoints.vllm.sending import Sending, remember
from tmlapp.endpoints.vllm.session import takes_pictures, unit_of

LAST_WORDS_MS = 10_000
"""After the end of input a model that is speaking is given so much silence at most."""

_PCM16 = ("", "pcm16", "pcm_s16le", "s16le", "pcm", "audio/pcm")
_ORDERLY = ("client_close", "closed", "close")


class VllmCodec(Sending):
    """The model listens and speaks by itself, unit by unit: sound is only ever appended, never committed.

    A session outlives its socket: `resumption` holds what the next connection needs to take it up where the last
    event was received, the books of replies included.
    """

    EVENTS: ClassVar[Mapping[str, str]] = {
        **table.EVENTS,
        "session.resumed": "on_resumed",
        "session.replaced": "on_replaced",
        "session.expired": "on_expired",
        "session.closed": "on_session_closed",
        "session.resync_required": "on_resync_required",
        "session.heartbeat_ack": table.NOTHING,
        "response.listen": "on_listen",
        "response.speak": "on_speak",
        "overlap.decision": "on_overlap_decision",
        "turn.event": "on_turn_event",
        "playback.acknowledged": table.NOTHING,
        "output_audio_buffer.cleared": "on_output_cleared",
        "duplex.function_call.done": "on_malformed_call",
    }

    def __init__(self, dialect: Dialect, start: Start) -> None:
        super().__init__(dialect, start)
        self._seq = -1
        self._spans: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._resumable = True
        self._afresh = start.resumption is not None and start.resumption.kind == "history"
        self._before: Granted | None = None
        self._more_ms = LAST_WORDS_MS
        self._over = False
        self._leaving = False
        if start.resumption is not None and start.resumption.kind == "native":
            self._take_up(start.resumption.data)

    @property
    def resuming(self) -> bool:
        """This connection takes up a session of the one before."""
        return bool(self.token) and self.granted is None

    def hello(self) -> Sequence[Action]:
        if not self.resuming:
            return super().hello()
        return (
            self.message(
                "session.resume",
                session_id=self.session_id,
                resume_token=self.token,
                last_received_server_event_seq=max(0, self._seq),
            ),
        )

    def goodbye(self) -> Sequence[Action]:
        self._leaving = True
        return (self.message("session.close"),)

    # ------------------------------------------------------------------ what is received

    def receive(self, message: Any) -> Sequence[Action]:
        seq = fields.number_or_none(message, "server_event_seq")
        if seq is None or seq != int(seq):
            return super().receive(message)
        if seq <= self._seq:
            return ()
        self._seq = int(seq)
        return [*super().receive(message), Send({"type": "session.event_ack", "server_event_seq": self._seq})]

    def grant(self, session: Message) -> Granted:
        flags = fields.mapping_or_empty(session, "capabilities")
        self.unit_ms, self.pictures_taken = unit_of(flags), takes_pictures(flags)
        resumable = bool(self.token) and self._resumable
        return self.asked_for.grant(session, delay_ms=self.sound_out.delay_ms, resumable=resumable, afresh=self._afresh)

    def on_session_created(self, message: Message) -> Iterable[Action]:
        session = fields.mapping(message, "session")
        yield from self._credentials(message, session)
        yield from self.on_session_updated(message)

    def on_session_updated(self, message: Message) -> Iterable[Action]:
        # Only the first answer is sure to have everything.
        if self.granted is None or "capabilities" in fields.mapping(message, "session"):
            yield from self._credentials(message, fields.mapping(message, "session"))
            yield from super().on_session_updated(message)

    def on_resumed(self, message: Message) -> Iterable[Action]:
        yield from self._credentials(message, fields.mapping_or_empty(message, "session"))
        session = fields.mapping_or_empty(message, "session")
        if self.granted is None:
            before = self._before
            self.granted = self.grant(session) if "capabilities" in session or before is None else before
            yield Opened(self.granted)

    def _credentials(self, message: Message, session: Message) -> Iterator[Action]:
        """The session's name, and the token that takes it up again; each resumption brings a new one."""
        self.session_id = fields.name_or(message, "session_id") or fields.name_or(session, "id") or self.session_id
        token = fields.name_or(message, "resume_token")
        if token and token != self.token:
            self.token = token
            yield ResumeHandle(handle=token, valid_from_index=self.index + 1)

    def on_resync_required(self, message: Message) -> Iterable[Action]:
        """What was missed is gone: this session cannot be resumed (any more)."""
        reason = fields.text_or(message, "reason") or "resync_required"
        if self.granted is None:
            yield self._refused(reason, f"The server cannot tell what was missed ({reason}).")
        elif self.granted.can_resume:
            self._resumable = False
            self.granted = replace(self.granted, can_resume=False)
            yield SessionUpdated(granted=self.granted)

    def on_replaced(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        self._over = True
        why = "Another connection took this session over."
        yield Ended("replaced", why, endpoint_error("session_expired", "session_replaced", why, retryable=False))

    def on_expired(self, message: Message) -> Iterable[Action]:
        reason = fields.text_or(message, "reason") or "expired"
        yield self._refused("expired", f"The server ended the session: {reason}.")

    def on_session_closed(self, message: Message) -> Iterable[Action]:
        reason = fields.text_or(message, "reason") or "closed"
        if self._leaving or reason in _ORDERLY:
            self._over = True
            yield Ended("closed", reason)
        else:
            yield self._refused("session_closed", f"The server closed the session: {reason}.")

    def _refused(self, code: str, why: str) -> Ended:
        """This session is lost; a new one may be opened."""
        self._resumable = False
        self._afresh = True
        return Ended(code, why, endpoint_error("session_expired", code, why))

    def on_error(self, message: Message) -> Iterable[Action]:
        about = fields.mapping_or_empty(message, "error") or message
        code = fields.name_or(about, "code")
        said = fields.text_or(about, "message") or fields.text_or(message, "error") or code
        if self.resuming and code in REFUSED_RESUME:
            yield self._refused(code, said)
            return
        for action in super().on_error(message):
            kind = KINDS.get(code)
            if kind is None or isinstance(action, Ended):
                yield action
            else:
                cause = fields.name_or(about, "event_id") or None
                param = fields.text_or(about, "param") or None
                fatal = kind == "session_expired"
                yield endpoint_error(kind, code, said, fatal=fatal, client_event_id=cause, param=param)

    def on_listen(self, message: Message) -> Iterable[Action]:
        """The model keeps silent for a unit; with a response's id it ends that one."""
        self.decided += 1
        response_id = fields.name_or(message, "response_id")
        if response_id and self.replies.find(response_id) is not None:
            reason = fields.mapping_or_empty(fields.mapping_or_empty(message, "response"), "metadata").get("reason")
            yield from self.replies.finish(response_id, "completed", reason if isinstance(reason, str) else "listen")
        if self.index >= 0:
            yield Listen(micro_turn=self.answered, response_id=response_id or None)

    def on_speak(self, message: Message) -> Iterable[Action]:
        yield from self.replies.begin(fields.name_or(message, "response_id"))

    def on_overlap_decision(self, message: Message) -> Iterable[Action]:
        """What the server makes of speech over the model's own: only barging in throws sound away."""
        return self.replies.cut() if message.get("action") == "barge_in" else ()

    def on_output_cleared(self, message: Message) -> Iterable[Action]:
        """What was not played yet is not wanted any more, unless something new is said already."""
        active, response_id = self.replies.active, fields.name_or(message, "response_id")
        return self.replies.cut() if active is None or active.id == response_id else ()

    def on_turn_event(self, message: Message) -> Iterable[Action]:
        event = fields.text_or(message, "event")
        if event == "user_started" and not self.hearing.speaking:
            self.hearing.speaking = True
            yield UserSpeech(state="started", source="model")
        elif event == "user_committed" and self.hearing.speaking:
            self.hearing.speaking = False
            yield UserSpeech(state="stopped", source="model")
        elif event == "barge_in":
            yield from self.replies.cut()

    def on_malformed_call(self, message: Message) -> Iterable[Action]:
        """A call of a tool that the model wrote wrongly: as it is if it has a name, else it is an error."""
        event = fields.mapping_or_empty(message, "event")
        call_id, name = fields.name_or(event, "call_id"), fields.name_or(event, "name")
        raw = fields.text_or(event, "arguments") or fields.text_or(event, "raw")
        if call_id and name:
            yield ToolCall(call_id=call_id, name=name, arguments=raw)
        else:
            why = f"The model called a tool in a way that nobody can read: {raw[:200] or 'nothing is named'}"
            yield endpoint_error("protocol", "malformed_tool_call", why, fatal=False)

    # ------------------------------------------------------------------ sound and words, and when

    def sound_of(self, message: Message) -> tuple[bytes, int]:
        form = fields.text_or(message, "format")
        if form.lower() not in _PCM16:
            raise MessageError(f"sound in the format {form[:40]!r}, which was not asked for")
        rate = fields.number_or_none(message, "sample_rate_hz")
        text = fields.text_or(message, "delta") or fields.text(message, "audio")
        return decode_base64(text), int(rate) if rate is not None and 4_000 <= rate <= 192_000 else self.output_rate

    def on_audio_delta(self, message: Message) -> Iterable[Action]:
        """Sound, at the place of its item that the sound before it takes up.

        `audio_duration_ms` is the item's length so far in some models and the piece's in others: samples are counted.
        """
        for action in super().on_audio_delta(message):
            if isinstance(action, AudioOut) and action.item_id:
                item = self.replies.known(action.item_id)
                length = len(action.pcm16) // 2
                begin = samples_to_ns(item.samples - length, action.rate)
                dur = samples_to_ns(length, action.rate)
                remember(self._spans, action.item_id, (begin, dur))
                if action.item_id not in self.item_of:
                    remember(self.item_of, action.item_id, (action.response_id or "", 0))
                yield replace(action, **_at(begin, dur))
            else:
                yield action
        self.decided += 1
        if self.draining and self._more_ms > 0 and self.stands_still:
            # Its time stands still without sound from us: it is heard to its end.
            self._more_ms -= self.unit_ms
            yield from self.quiet(self.unit_ms)

    def on_transcript_delta(self, message: Message) -> Iterable[Action]:
        """The words of the sound just before: one message each."""
        for action in super().on_transcript_delta(message):
            span = self._spans.get(action.item_id or "") if isinstance(action, TextOut) else None
            yield replace(action, **_at(*span)) if span and isinstance(action, TextOut) else action

    # ------------------------------------------------------------------ from one connection to the next

    def resumption(self) -> Resumption | None:
        if self._over:
            return None
        if not self._resumable:
            return Resumption("history", {}) if self._afresh else None
        if self.granted is None:
            return self.start.resumption
        if not self.granted.can_resume:
            return None
        return Resumption(
            "native",
            {
                "session_id": self.session_id,
                "token": self.token,
                "seq": self._seq,
                "appended": self.appended,
                "decided": self.decided,
                "granted": self.granted,
                "books": (self.replies, self.asking, self.history, self.item_of, self._spans),
            },
        )

    def _take_up(self, data: Mapping[str, Any]) -> None:
        self.session_id, self.token, self._seq = data["session_id"], data["token"], data["seq"]
        self.appended, self.decided = data["appended"], data["decided"]
        self._before = data["granted"]
        self.replies, self.asking, self.history, self.item_of, self._spans = data["books"]


def _at(begin_ns: int, dur_ns: int) -> dict[str, Any]:
    """A place inside its item; when the item is played gives it a place in the session."""
    return {"t_media_ns": begin_ns, "dur_media_ns": dur_ns, "media_kind": "output"}
