"""DashScope's Qwen-Omni: the beta's names, sound at 16 kHz, a buffer for pictures, and a verb for the end."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from tmlapp.core.event import Granted, InputLost
from tmlapp.core.turn import Interrupt, MicroTurn
from tmlapp.endpoints.openai_family import fields, table
from tmlapp.endpoints.openai_family.fields import Message
from tmlapp.endpoints.openai_family.grant import differences
from tmlapp.endpoints.openai_family.realtime import RealtimeCodec
from tmlapp.endpoints.remote.contract import Action, Dialect, Ended, Send, Start
from tmlapp.endpoints.remote.errors import endpoint_error

INPUT_HZ = 16_000


class QwenCodec(RealtimeCodec):
    """Assumed, not recorded: that its answers have the fields of OpenAI's beta, and how many pictures it takes."""

    EVENTS: ClassVar[Mapping[str, str]] = {**table.EVENTS, "session.finished": "on_finished"}
    belongs_to: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "interrupt_response": ("server_vad", "semantic_vad"),
        "ask_every_s": ("none",),
    }
    assistant_text = "text"
    can_truncate = False
    has_clock = False

    def __init__(self, dialect: Dialect, start: Start) -> None:
        super().__init__(dialect, start, input_rate=INPUT_HZ)
        self.max_image_bytes = int(self.number("max_image_bytes") or 0)
        self._finishing = self._finished = False

    # ------------------------------------------------------------------ what is sent

    @property
    def modalities(self) -> list[str]:
        return ["text"] if self.option("modalities") == "text" else ["audio", "text"]

    def session(self) -> dict[str, Any]:
        session: dict[str, Any] = {
            "modalities": self.modalities,
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "input_audio_transcription": self.transcription(),
            "turn_detection": self.detection(),
            **self.common(""),
        }
        if self.target.voice:
            session["voice"] = self.target.voice
        for name in ("temperature", "top_k"):
            if (value := self.number(name)) is not None:
                session[name] = int(value) if value == int(value) else value
        if smooth := self.option("smooth_output"):
            session["smooth_output"] = smooth == "on"
        self.asked = session
        return session

    def transcription(self) -> dict[str, Any] | None:
        model = self.option("transcription_model")
        return None if model == "off" else {"model": model or None}

    def detection(self) -> dict[str, Any] | None:
        if self.turn_detection == "none":
            return None
        return {
            "type": self.turn_detection,
            "threshold": self.number("vad_threshold"),
            "prefix_padding_ms": int(self.number("prefix_padding_ms") or 0),
            "silence_duration_ms": int(self.number("silence_duration_ms") or 0),
        }

    def media(self, turn: MicroTurn) -> Iterable[Action]:
        """Sound first: a picture may not come before any sound."""
        yield from self.sound(turn)
        yield from self.pictures(turn)

    def pictures(self, turn: MicroTurn) -> Iterable[Action]:
        frame = self._pace.take(turn)
        if frame is None:
            return
        if self.max_image_bytes and len(frame.jpeg) > self.max_image_bytes:
            why = f"The picture has {len(frame.jpeg)} bytes; {self.max_image_bytes} are allowed."
            yield InputLost(micro_turn=turn.index, what="video", reason=why)
            return
        yield self.message("input_image_buffer.append", image=base64.b64encode(frame.jpeg).decode("ascii"))

    def response_create(self) -> Send:
        return self.message("response.create", response={"instructions": None, "modalities": self.modalities})

    def response_cancel(self, response_id: str) -> Send:  # noqa: ARG002 - this service cancels what is under way
        return self.message("response.cancel")

    def truncate(self, control: Interrupt) -> Iterator[Action]:  # noqa: ARG002 - there is no verb for it
        yield from ()

    def last_words(self) -> Iterable[Action]:
        yield from super().last_words()
        yield from self._finish()

    def _finish(self) -> Iterator[Action]:
        if not self._finishing:
            self._finishing = True
            yield self.message("session.finish")

    def outstanding(self) -> bool:
        return not self._finished

    def goodbye(self) -> Sequence[Action]:
        return [*self._finish()]

    # ------------------------------------------------------------------ what is read

    def on_finished(self, message: Message) -> Iterable[Action]:  # noqa: ARG002 - a handler's form
        self._finished = True
        if not self.draining:
            yield Ended("finished", "The service has finished the session.")

    def on_error(self, message: Message) -> Iterable[Action]:
        """While the end is awaited, an error is the end."""
        for action in super().on_error(message):
            yield action
            if self._finishing and not self._finished and not isinstance(action, Ended):
                self._finished = True
                said = fields.text_or(fields.mapping_or_empty(message, "error"), "message")
                yield Ended("error", said, endpoint_error("server", "finish_failed", said, fatal=False))

    def on_speech_started(self, message: Message) -> Iterable[Action]:
        """Whoever speaks over the model stops it; it has to be told so."""
        active = self.replies.active
        stops = self.interrupts_by_speech and active is not None and not active.muted
        yield from super().on_speech_started(message)
        if stops:
            yield self.response_cancel("")

    def grant(self, session: Message) -> Granted:
        modalities = fields.texts(session, "modalities") or self.modalities
        details = {
            "voice": session.get("voice"),
            "assumed": "fields of the answers and limits on pictures were not checked against the service",
        }
        return self.granted_by(session, modalities, differences(self.asked, session), details, session)

    def expires_at_ms(self, session: Message) -> int | None:
        said = super().expires_at_ms(session)
        minutes = self.number("session_minutes")
        if said is None and minutes:
            return round(self.start.setup.session_now_ns() / 1e6 + minutes * 60_000)
        return said
