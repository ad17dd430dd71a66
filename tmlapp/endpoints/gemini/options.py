"""What can be set for Gemini Live, and what it comes to: every value checked, every refusal told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tmlapp.core.errors import AppError
from tmlapp.core.event import Rejection
from tmlapp.endpoints.remote.contract import Option, Target

KIND = "gemini_live"
DEFAULT_MODEL = "gemini-3.8-live"
LOWEST_FPS, HIGHEST_FPS = 0.2, 5.0

_ON_OFF = ("on", "off")
_LEVELS = ("minimal", "low", "medium", "high", "xhigh")
_RESOLUTIONS = ("low", "medium", "high")
_COVERAGE = {
    "activity": "TURN_INCLUDES_ONLY_ACTIVITY",
    "all": "TURN_INCLUDES_ALL_INPUT",
    "activity_and_video": "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
}
_SCHEDULING = {"silent": "SILENT", "when_idle": "WHEN_IDLE", "interrupt": "INTERRUPT"}


def _flag(name: str, text: str, default: str = "") -> Option:
    return Option(name=name, help=text, default=default, kind="flag", choices=_ON_OFF)


def _choice(name: str, text: str, choices: tuple[str, ...], default: str = "") -> Option:
    return Option(name=name, help=text, default=default, kind="choice", choices=choices)


def _number(name: str, text: str, default: str = "") -> Option:
    return Option(name=name, help=text, default=default, kind="number")


OPTIONS: tuple[Option, ...] = (
    _choice("service", "The Gemini Developer API (with an API key), or Vertex AI.", ("developer", "vertex"),
            "developer"),
    Option(name="project", help="Vertex AI: the Google Cloud project that the model is used in."),
    Option(name="location", help="Vertex AI: the region, or global.", default="us-central1"),
    _choice("auth", "How the key travels; empty: as an API key to the Developer API, as an access token to Vertex AI.",
            ("key", "bearer")),
    Option(name="api_version", help="Empty: v1alpha where proactivity is asked for, else v1beta; Vertex AI: v1beta1."),
    _choice("modality", "What the model answers with.", ("audio", "text"), "audio"),
    Option(name="language", help="Language of the voice as a BCP-47 code, e.g. de-DE; empty: the model's choice."),
    _flag("proactive_audio", "The model may stay silent, or speak unasked (v1alpha; native-audio models).", "off"),
    _flag("proactive_video", "A picture may make it speak (needs proactive_audio; costs more).", "off"),
    _number("video_fps", "Pictures per second at most, 0.2 to 5; of several the newest is sent.", "1"),
    _choice("media_resolution", "How closely it looks at pictures.", _RESOLUTIONS),
    _choice("thinking_level", "How much it thinks; some models must be told.", _LEVELS),
    _number("thinking_budget", "Tokens for thinking; 0 switches it off. Not together with thinking_level."),
    _flag("thoughts", "Send summaries of its thoughts.", "off"),
    _number("temperature", "0 to 2; empty: the model's own."),
    _number("max_output_tokens", "Longest answer in tokens; empty: the model's own."),
    _choice("activity", "Who finds out when the person speaks: the service, or nobody (all input is one activity).",
            ("automatic", "whole_input"), "automatic"),
    _choice("start_sensitivity", "How easily the beginning of speech is found.", ("high", "low")),
    _choice("end_sensitivity", "How easily the end of speech is found.", ("high", "low")),
    _number("prefix_padding_ms", "Speech needed before its beginning counts, in ms."),
    _number("silence_duration_ms", "Silence needed before the end of speech counts, in ms."),
    _flag("barge_in", "Speech of the person interrupts the model.", "on"),
    _choice("turn_coverage", "What belongs to the person's turn: speech, everything, or speech and all pictures.",
            tuple(_COVERAGE)),
    _flag("input_transcription", "Write down what the person says.", "on"),
    _flag("output_transcription", "Write down what the model says.", "on"),
    _flag("compression", "Drop the oldest of the conversation when the context is full: no end of a session.", "on"),
    _number("compression_trigger_tokens", "Size of the context at which the oldest is dropped."),
    _number("compression_target_tokens", "Size of the context after that."),
    _flag("session_resumption", "Ask for handles with which a new connection goes on.", "on"),
    _choice("typed_text", "What is typed is a turn of its own, or flows in like sound.", ("turn", "stream"), "turn"),
    _flag("history_config", "Announce earlier turns in the set-up; some models take them only so.", "off"),
    _choice("async_tools", "Which tools the model does not wait for.", ("delegate", "all", "none"), "delegate"),
    _choice("tool_scheduling", "When it uses the result of a tool that it did not wait for.", tuple(_SCHEDULING),
            "when_idle"),
    _choice("delegate_answer", "The background model's answer goes to it whole, or piece by piece (Developer API).",
            ("whole", "pieces"), "whole"),
)  # fmt: skip
_BY_NAME = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `Target.options` comes to.

    Attributes:
        version: of the API, as it stands in the path.
        model: as the service names it, with its path.
        video_fps: pictures per second.
        compression: None where there is none, else the limits that were set.
        activity: None where the service finds out who speaks, with its own numbers.
        rejections: what was set and cannot be had.
    """

    vertex: bool
    location: str
    bearer: bool
    version: str
    model: str
    voice: str
    text_out: bool
    language: str
    proactive_audio: bool
    proactive_video: bool
    video_fps: float
    generation: dict[str, Any]
    detection: dict[str, Any]
    whole_input: bool
    barge_in: bool
    coverage: str
    input_transcription: bool
    output_transcription: bool
    compression: dict[str, Any] | None
    session_resumption: bool
    typed_as_turn: bool
    history_config: bool
    async_tools: str
    scheduling: str
    pieces: bool
    rejections: tuple[Rejection, ...]


def settings_of(target: Target) -> Settings:
    """What is set for `target`, checked.

    Raises:
        AppError: an option has no value that can be used.
    """
    return _Reader(target).settings()


class _Reader:
    def __init__(self, target: Target) -> None:
        self._target = target
        self._rejections: list[Rejection] = []

    def settings(self) -> Settings:
        vertex = self._choice("service") == "vertex"
        wanted = self._flag("proactive_audio"), self._flag("proactive_video")
        version = self._version(vertex, any(wanted))
        if not self._text("location").replace("-", "").isalnum():
            self._wrong("location", "It is a region such as us-central1, or global")
        proactive_audio, proactive_video = self._proactive(vertex, version, *wanted)
        whole_input = self._choice("activity") == "whole_input"
        pieces = self._choice("delegate_answer") == "pieces"
        if pieces and vertex:
            pieces = self._refuse("delegate_answer=pieces", "whole", "Vertex AI takes one result of each call.")
        return Settings(
            vertex=vertex, location=self._text("location"), version=version, model=self._model(vertex),
            bearer=(self._choice("auth") or ("bearer" if vertex else "key")) == "bearer",
            voice=self._target.voice, text_out=self._choice("modality") == "text", language=self._text("language"),
            proactive_audio=proactive_audio, proactive_video=proactive_video, video_fps=self._fps(),
            generation=self._generation(), detection=self._detection(whole_input), whole_input=whole_input,
            barge_in=self._flag("barge_in"), coverage=_COVERAGE.get(self._choice("turn_coverage"), ""),
            input_transcription=self._flag("input_transcription"),
            output_transcription=self._flag("output_transcription"), compression=self._compression(),
            session_resumption=self._flag("session_resumption"), typed_as_turn=self._choice("typed_text") == "turn",
            history_config=self._flag("history_config"), async_tools=self._choice("async_tools"),
            scheduling=_SCHEDULING[self._choice("tool_scheduling")], pieces=pieces, rejections=tuple(self._rejections),
        )  # fmt: skip

    def _refuse(self, asked: str, granted: str, reason: str) -> bool:
        self._rejections.append(Rejection(asked=asked, granted=granted, reason=reason))
        return False

    def _text(self, name: str) -> str:
        return (self._target.options.get(name) or _BY_NAME[name].default).strip()

    def _choice(self, name: str) -> str:
        value = self._text(name)
        if value and value not in _BY_NAME[name].choices:
            self._wrong(name, f"It is one of {', '.join(_BY_NAME[name].choices)}")
        return value

    def _flag(self, name: str) -> bool:
        return self._choice(name) == "on"

    def _number(self, name: str, least: float, most: float) -> float | None:
        text = self._text(name)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            self._wrong(name, f"It is a number from {least:g} to {most:g}")
        return value

    def _whole(self, name: str, least: int, most: int) -> int | None:
        value = self._number(name, least, most)
        if value is not None and value != int(value):
            self._wrong(name, "It is a whole number")
        return None if value is None else int(value)

    def _wrong(self, name: str, rule: str) -> None:
        raise AppError(
            f"The option {name} of {self._target.name or KIND} cannot be “{self._text(name)}”.",
            f"{rule}.",
            "Correct it in the profile.",
        )

    def _version(self, vertex: bool, proactive: bool) -> str:
        version = self._text("api_version")
        if version and not version.isalnum():
            self._wrong("api_version", "It is a version such as v1beta")
        return version or ("v1beta1" if vertex else "v1alpha" if proactive else "v1beta")

    def _proactive(self, vertex: bool, version: str, audio: bool, video: bool) -> tuple[bool, bool]:
        if (audio or video) and not vertex and version != "v1alpha":
            why = f"The Developer API is proactive on v1alpha only, and api_version is {version}."
            for name, asked in (("proactive_audio", audio), ("proactive_video", video)):
                if asked:
                    self._refuse(name, "off", why)
            return False, False
        if video and not audio:
            video = self._refuse("proactive_video", "off", "It needs proactive_audio.")
        return audio, video

    def _model(self, vertex: bool) -> str:
        model = self._target.model.strip() or DEFAULT_MODEL
        if not vertex:
            return model if "/" in model else f"models/{model}"
        if not model.startswith(("projects/", "publishers/")):
            model = f"publishers/google/models/{model.removeprefix('models/')}"
        project = self._text("project")
        if project and model.startswith("publishers/"):
            model = f"projects/{project}/locations/{self._text('location')}/{model}"
        return model

    def _fps(self) -> float:
        asked = self._number("video_fps", 0, 1000) or 0.0
        fps = min(max(asked, LOWEST_FPS), HIGHEST_FPS)
        if fps != asked:
            why = f"Between {LOWEST_FPS:g} and {HIGHEST_FPS:g} pictures per second are sent."
            self._refuse(f"video_fps={asked:g}", f"{fps:g}", why)
        return fps

    def _generation(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if resolution := self._choice("media_resolution"):
            found["mediaResolution"] = f"MEDIA_RESOLUTION_{resolution.upper()}"
        thinking: dict[str, Any] = {}
        level, budget = self._choice("thinking_level"), self._whole("thinking_budget", -1, 1_000_000)
        if level:
            thinking["thinkingLevel"] = level.upper()
            if budget is not None:
                self._refuse(
                    f"thinking_budget={budget}", "", "thinking_level is set, and only one of the two is taken."
                )
        elif budget is not None:
            thinking["thinkingBudget"] = budget
        if self._flag("thoughts"):
            thinking["includeThoughts"] = True
        if thinking:
            found["thinkingConfig"] = thinking
        if (temperature := self._number("temperature", 0, 2)) is not None:
            found["temperature"] = temperature
        if (most := self._whole("max_output_tokens", 1, 1_000_000)) is not None:
            found["maxOutputTokens"] = most
        return found

    def _detection(self, whole_input: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, key in (("start", "startOfSpeechSensitivity"), ("end", "endOfSpeechSensitivity")):
            if level := self._choice(f"{name}_sensitivity"):
                found[key] = f"{name.upper()}_SENSITIVITY_{level.upper()}"
        for name, key in (("prefix_padding_ms", "prefixPaddingMs"), ("silence_duration_ms", "silenceDurationMs")):
            if (value := self._whole(name, 0, 60_000)) is not None:
                found[key] = value
        if not whole_input:
            return found
        for name in found:
            self._refuse(name, "", "activity is whole_input: nobody looks for speech.")
        return {"disabled": True}

    def _compression(self) -> dict[str, Any] | None:
        trigger = self._whole("compression_trigger_tokens", 1, 10_000_000)
        target = self._whole("compression_target_tokens", 1, 10_000_000)
        if not self._flag("compression"):
            for name, value in (("trigger", trigger), ("target", target)):
                if value is not None:
                    self._refuse(f"compression_{name}_tokens={value}", "", "compression is off.")
            return None
        found: dict[str, Any] = {"slidingWindow": {} if target is None else {"targetTokens": target}}
        return found if trigger is None else {"triggerTokens": trigger} | found
