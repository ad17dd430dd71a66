"""The GA interface of OpenAI (and of Azure OpenAI), and its beta as Azure Voice Live speaks it."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from tmlapp.core.event import Granted, Rejection
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn, ToolResult
from tmlapp.endpoints.openai_family import fields
from tmlapp.endpoints.openai_family.codec import FamilyCodec
from tmlapp.endpoints.openai_family.fields import Message
from tmlapp.endpoints.openai_family.functions import function_tools
from tmlapp.endpoints.openai_family.grant import differences
from tmlapp.endpoints.openai_family.pace import ClientTurns, PicturePace, is_loud
from tmlapp.endpoints.remote.contract import Action, Dialect, Start
from tmlapp.endpoints.remote.refusals import Refusals
from tmlapp.endpoints.remote.target import host_of

RATE_HZ = 24_000
_SLOWEST_HZ = 4_000
_TAIL_TURNS = 10
"""Speech this close to the end of input is waited for."""


class RealtimeCodec(FamilyCodec):
    """GA. Sound out in bursts without a clock; pictures are items of the conversation; turns by `turn_detection`."""

    default_transcription = "gpt-realtime-whisper"
    belongs_to: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "vad_threshold": ("server_vad",),
        "prefix_padding_ms": ("server_vad",),
        "silence_duration_ms": ("server_vad", "none"),
        "idle_timeout_ms": ("server_vad",),
        "eagerness": ("semantic_vad",),
        "interrupt_response": ("server_vad", "semantic_vad"),
        "ask_every_s": ("none",),
    }
    """Options, and the turn policies in which they mean something."""
    can_truncate = True
    has_clock = True
    """What the service hears stands on the clock of what we sent."""
    max_image_bytes = 0
    no_pictures = ""
    """Why it takes no pictures; empty where it does."""

    def __init__(self, dialect: Dialect, start: Start, *, input_rate: int = RATE_HZ) -> None:
        super().__init__(dialect, start, input_rate=input_rate, output_rate=RATE_HZ)
        self.asked: dict[str, Any] = {}
        self.turn_detection = self.option("turn_detection")
        self.interrupts_by_speech = self.turn_detection != "none" and self.option("interrupt_response") == "on"
        self._pace = PicturePace(0.0 if self.no_pictures else self.number("video_fps") or 0.0)
        self._refusals = Refusals(pictures=self.no_pictures)
        silence_ms = self.number("silence_duration_ms") or 500
        self._turns = ClientTurns(silence_ms, self.number("ask_every_s") or 0.0)
        self._newest: deque[Pcm] = deque(maxlen=_TAIL_TURNS)

    def number(self, name: str) -> float | None:
        """The number that an option is set to; None where it is not set."""
        value = self.option(name)
        return float(value) if value else None

    # ------------------------------------------------------------------ what is sent

    def session(self) -> dict[str, Any]:
        pcm = {"type": "audio/pcm", "rate": RATE_HZ}
        heard: dict[str, Any] = {
            "format": pcm,
            "noise_reduction": self.noise_reduction(),
            "transcription": self.transcription(),
            "turn_detection": self.detection(),
        }
        spoken: dict[str, Any] = {"format": pcm}
        if self.target.voice:
            spoken["voice"] = self.target.voice
        if (speed := self.number("speed")) is not None:
            spoken["speed"] = speed
        session: dict[str, Any] = {
            "type": "realtime",
            "output_modalities": [self.option("modalities")],
            "audio": {"input": heard, "output": spoken},
            **self.common("max_output_tokens"),
        }
        if effort := self.option("reasoning_effort"):
            session["reasoning"] = {"effort": effort}
        self.asked = session
        return session

    def common(self, tokens: str) -> dict[str, Any]:
        """What both spellings say alike; `tokens` is the name of the limit on them, empty where there is none."""
        said: dict[str, Any] = {}
        if self.start.setup.instruction:
            said["instructions"] = self.start.setup.instruction
        if self.start.setup.tools:
            said["tools"] = function_tools(self.start.setup.tools)
            said["tool_choice"] = "auto"
        if tokens and (limit := self.option("max_output_tokens")):
            said[tokens] = int(limit) if limit.isdigit() else limit
        return said

    def transcription(self) -> dict[str, Any] | None:
        model = self.option("transcription_model") or self.default_transcription
        if model == "off":
            return None
        language = self.option("transcription_language")
        return {"model": model} | ({"language": language} if language else {})

    def noise_reduction(self) -> dict[str, Any] | None:
        kind = self.option("noise_reduction")
        return {"type": kind} if kind else None

    def detection(self) -> dict[str, Any] | None:
        """`turn_detection` with all its numbers: the service's own defaults differ from model to model."""
        answers = {"create_response": True, "interrupt_response": self.option("interrupt_response") == "on"}
        match self.turn_detection:
            case "none":
                return None
            case "semantic_vad":
                return {"type": "semantic_vad", "eagerness": self.option("eagerness"), **answers}
        idle = self.number("idle_timeout_ms")
        return {
            "type": "server_vad",
            "threshold": self.number("vad_threshold"),
            "prefix_padding_ms": int(self.number("prefix_padding_ms") or 0),
            "silence_duration_ms": int(self.number("silence_duration_ms") or 0),
            "idle_timeout_ms": int(idle) if idle else None,
            **answers,
        }

    def pictures(self, turn: MicroTurn) -> Iterable[Action]:
        yield from self._refusals.of(turn)
        frame = self._pace.take(turn)
        if frame is not None:
            url = f"data:image/jpeg;base64,{base64.b64encode(frame.jpeg).decode('ascii')}"
            picture = {"type": "input_image", "image_url": url, "detail": self.option("image_detail")}
            yield self.item(role="user", content=[picture])

    def tool_result(self, result: ToolResult) -> Iterable[Action]:
        """The result of a call that a lost connection has made is told in words: this one knows nothing of it."""
        if self.start.epoch and not self.asking.knows(result.call_id):
            said = f"The result of the tool call {result.call_id}, made before the connection was lost: {result.output}"
            yield self.item(role="system", content=[{"type": "input_text", "text": said}])
            yield from self.ask()
        else:
            yield from super().tool_result(result)

    def media(self, turn: MicroTurn) -> Iterable[Action]:
        """Sound first, since it is what cannot wait; but a picture that belongs to what is answered now goes before."""
        if self.turn_detection == "none":
            return super().media(turn)
        return (*self.sound(turn), *self.pictures(turn))

    def sound(self, turn: MicroTurn) -> Iterable[Action]:
        yield from super().sound(turn)
        if self.turn_detection != "none":
            self._newest.append(turn.pcm)
            return
        match self._turns.after(turn):
            case "ended":
                yield from self.commit()
            case "tick" if self.replies.active is None and not self.asking.asked:
                yield from self.commit()
            case "forget":
                yield self.message("input_audio_buffer.clear")

    def commit(self) -> Iterable[Action]:
        """The person's turn is over: the service may answer."""
        yield self.message("input_audio_buffer.commit")
        yield from self.ask()

    def last_words(self) -> Iterable[Action]:
        if self.turn_detection == "none" and self._turns.spoken:
            self._turns.ended()
            yield from self.commit()

    def outstanding(self) -> bool:
        return super().outstanding() or self.hearing.speaking or any(is_loud(pcm) for pcm in self._newest)

    # ------------------------------------------------------------------ what is read

    def on_response_created(self, message: Message) -> Iterable[Action]:
        self._newest.clear()
        return super().on_response_created(message)

    def grant(self, session: Message) -> Granted:
        rate = fields.number_or_none(_inner(session, "audio", "output", "format"), "rate")
        if rate is not None and rate >= _SLOWEST_HZ:
            self.output_rate = int(rate)
        spoken = _inner(session, "audio", "output")
        modalities = fields.texts(session, "output_modalities")
        return self.granted_by(
            session,
            modalities or [self.option("modalities")],
            differences(self.asked, session),
            {"service": self.option("service"), "voice": spoken.get("voice")},
            _inner(session, "audio", "input"),
        )

    def granted_by(
        self,
        session: Message,
        modalities: list[str],
        rejections: tuple[Rejection, ...],
        details: dict[str, Any],
        heard: Message,
    ) -> Granted:
        """What is granted, in the words of both spellings; `heard` holds `turn_detection` as it was answered."""
        owner = self._owner(heard)
        detection = self.detection() or {}
        idle = detection.get("idle_timeout_ms")
        proactive = f"emulated: idle_timeout_ms {idle}" if idle else "off"
        if self.turn_detection == "none" and self.option("ask_every_s"):
            proactive = f"emulated: an answer is asked for every {self.option('ask_every_s')} s"
        can_see = ("image",) if self._pace.per_s > 0 else ()
        out = ("audio", "text") if "audio" in modalities else ("text",)
        return Granted(
            endpoint=self.target.address,
            name=self.target.name,
            local=False,
            input_rate=self.sound_out.rate_hz,
            output_rate=self.output_rate,
            modalities_in=("audio", "text", *can_see),
            modalities_out=out,
            turn_owner=owner,
            proactive=proactive != "off",
            clock_kind="input" if self.has_clock and owner != "client" else None,
            input_delay_ms=self.sound_out.delay_ms,
            frames_per_unit=1 if can_see else 0,
            max_image_bytes=self.max_image_bytes,
            can_interrupt=True,
            can_truncate=self.can_truncate,
            expires_at_ms=self.expires_at_ms(session),
            provider=host_of(self.target.url or self.dialect.default_url),
            rejections=(*rejections, *self.untold()),
            details={
                "model": fields.text_or(session, "model") or self.target.model or self.dialect.default_model,
                "session": fields.text_or(session, "id"),
                "proactivity": proactive,
                "pictures_per_s": self._pace.per_s,
                "turn_detection": heard.get("turn_detection"),
                **details,
            },
        )

    def _owner(self, heard: Message) -> str:
        """Who decides on turns, and whether speech interrupts: the service's word, where it answers one."""
        asked = "client" if self.turn_detection == "none" else self.turn_detection
        if "turn_detection" not in heard:
            return asked
        detection = fields.mapping_or_empty(heard, "turn_detection")
        if not detection:
            self.interrupts_by_speech = False
            return "client"
        if isinstance(answered := detection.get("interrupt_response"), bool):
            self.interrupts_by_speech = answered
        return fields.text_or(detection, "type", asked)

    def untold(self) -> Iterator[Rejection]:
        """What is set or given, and has no place in what is asked of the service."""
        for name, policies in self.belongs_to.items():
            value = self.target.options.get(name)
            if value and self.turn_detection not in policies:
                reason = f"It belongs to turn_detection={' or '.join(policies)}."
                yield Rejection(asked=f"{name}: {value}", granted="", reason=reason)
        if any(turn.role == "assistant" and not turn.text for turn in self.before):
            asked = "history: what the model said, as sound"
            yield Rejection(asked=asked, granted="", reason="Only its words can be told.")

    def expires_at_ms(self, session: Message) -> int | None:
        """Session time at which the service ends it; None where it does not say, or says a time that is over."""
        at_s = fields.number_or_none(session, "expires_at")
        left_s = at_s - self.start.wall_s() if at_s is not None else -1.0
        return None if left_s <= 0 else round(self.start.setup.session_now_ns() / 1e6 + left_s * 1000)


class VoiceLiveCodec(RealtimeCodec):
    """Azure Voice Live: the beta's names and its flat session; no pictures, no speed, no reasoning effort."""

    default_transcription = "whisper-1"
    assistant_text = "text"
    no_pictures = "Azure Voice Live takes no pictures."

    def session(self) -> dict[str, Any]:
        text_only = self.option("modalities") == "text"
        session: dict[str, Any] = {
            "modalities": ["text"] if text_only else ["text", "audio"],
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "input_audio_sampling_rate": RATE_HZ,
            "input_audio_noise_reduction": self.noise_reduction(),
            "input_audio_transcription": self.transcription(),
            "turn_detection": self.detection(),
            **self.common("max_response_output_tokens"),
        }
        if voice := self.target.voice:
            session["voice"] = {"name": voice, "type": "azure-standard" if "-" in voice else "openai"}
        self.asked = session
        return session

    def grant(self, session: Message) -> Granted:
        modalities = fields.texts(session, "modalities") or self.asked["modalities"]
        asked = dict(self.asked)
        # With sound its words come as well, whether or not the service calls that a modality.
        if "audio" in modalities and "audio" in asked["modalities"]:
            asked.pop("modalities")
        unsaid = [
            Rejection(asked=f"{name}: {value}", granted="", reason=f"Voice Live has no {what}.")
            for name, what in (("speed", "setting for it"), ("reasoning_effort", "setting for it"))
            if (value := self.option(name))
        ]
        return self.granted_by(
            session,
            modalities,
            (*differences(asked, session), *unsaid),
            {"service": self.option("service"), "voice": session.get("voice")},
            session,
        )


def _inner(message: Message, *names: str) -> Message:
    for name in names:
        message = fields.mapping_or_empty(message, name)
    return message
