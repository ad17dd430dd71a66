"""The first message of a connection, and what is granted by its acknowledgement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.errors import AppError
from tmlapp.core.event import Granted, Rejection
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.units import SAMPLE_RATE_HZ
from tmlapp.endpoints.asked import TOOLS
from tmlapp.endpoints.gemini.options import Settings
from tmlapp.endpoints.gemini.schema import Converted
from tmlapp.endpoints.remote.contract import Target

DELEGATE = "delegate"
"""The tool that hands work to a background model: the model goes on talking while it is worked on."""

OUTPUT_RATE_HZ = 24_000
_TOOL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_HEARD = Rejection(
    asked="what was heard of an answer that was cut off",
    granted="",
    reason="Gemini Live cannot be told: it takes its whole answer for heard. The recording holds what was.",
)


def is_async(settings: Settings, name: str) -> bool:
    """Whether the model goes on while the tool `name` works."""
    return settings.async_tools == "all" or (settings.async_tools == "delegate" and name == DELEGATE)


class SetUp:
    """What a session asks for, in the service's words.

    Args:
        handle: of the conversation that goes on; empty for a new one.
        told: earlier turns will be told.

    Attributes:
        message: the frame.
        rejections: what was asked for and is not in it.
    """

    def __init__(self, settings: Settings, setup: EndpointSetup, handle: str = "", *, told: bool = False) -> None:
        self._settings = settings
        self._rejections = list(settings.rejections)
        self.message: Mapping[str, Any] = {"setup": self._setup(setup, handle, told=told)}
        if settings.barge_in:
            self._rejections.append(_HEARD)
        self.rejections = tuple(self._rejections)

    def _setup(self, setup: EndpointSetup, handle: str, *, told: bool) -> dict[str, Any]:
        settings = self._settings
        message: dict[str, Any] = {"model": settings.model, "generationConfig": self._generation()}
        if setup.instruction.strip():
            message["systemInstruction"] = {"parts": [{"text": setup.instruction}]}
        if declarations := self._declarations(setup.tools):
            message["tools"] = [{"functionDeclarations": declarations}]
        if realtime := self._realtime():
            message["realtimeInputConfig"] = realtime
        if settings.input_transcription:
            message["inputAudioTranscription"] = {}
        if settings.output_transcription and not settings.text_out:
            message["outputAudioTranscription"] = {}
        if settings.session_resumption:
            message["sessionResumption"] = {"handle": handle} if handle else {}
        if settings.compression is not None:
            message["contextWindowCompression"] = settings.compression
        if settings.proactive_audio:
            message["proactivity"] = {"proactiveAudio": True}
            if settings.proactive_video:
                message["proactivity"]["proactiveVideo"] = True
        if settings.history_config and told:
            # Only then: the service waits for them before it listens.
            message["historyConfig"] = {"initialHistoryInClientContent": True}
        return message

    def _generation(self) -> dict[str, Any]:
        settings = self._settings
        found: dict[str, Any] = {"responseModalities": ["TEXT" if settings.text_out else "AUDIO"]}
        speech: dict[str, Any] = {}
        if settings.voice and settings.text_out:
            self._rejections.append(
                Rejection(asked=f"voice {settings.voice}", granted="", reason="It answers in text.")
            )
        elif settings.voice:
            speech["voiceConfig"] = {"prebuiltVoiceConfig": {"voiceName": settings.voice}}
        if settings.language:
            speech["languageCode"] = settings.language
        if speech:
            found["speechConfig"] = speech
        return found | settings.generation

    def _realtime(self) -> dict[str, Any]:
        settings = self._settings
        found: dict[str, Any] = {}
        if settings.detection:
            found["automaticActivityDetection"] = settings.detection
        if not settings.barge_in:
            found["activityHandling"] = "NO_INTERRUPTION"
        if settings.coverage:
            found["turnCoverage"] = settings.coverage
        return found

    def _declarations(self, tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for spec in tools:
            if not _TOOL_NAME.fullmatch(spec.name):
                why = "Its name must begin with a letter or _ and hold only letters, digits and _ . : - (128 at most)."
                self._rejections.append(Rejection(asked=TOOLS + spec.name, granted="", reason=why))
                continue
            declaration: dict[str, Any] = {"name": spec.name, "description": spec.description}
            if is_async(self._settings, spec.name):
                declaration["behavior"] = "NON_BLOCKING"
            if spec.parameters.get("properties"):
                converted = Converted(spec.parameters)
                declaration["parameters"] = converted.schema
                if converted.lost:
                    asked = f"schema of {spec.name}: {', '.join(converted.lost)}"
                    why = "Gemini Live reads a part of JSON schema only."
                    self._rejections.append(Rejection(asked=asked, granted="", reason=why))
            found.append(declaration)
        return found

    def granted(self, target: Target, session_id: str) -> Granted:
        """What `setupComplete` means: all of the message, for the service says nothing else."""
        settings = self._settings
        owner = "model" if settings.proactive_audio else "client" if settings.whole_input else "server_vad"
        asked = {
            k: v
            for k, v in self.message["setup"].items()
            if k not in ("systemInstruction", "tools", "sessionResumption")
        }
        details: dict[str, Any] = {"api_version": settings.version, "setup": asked}
        declared = [f for tool in self.message["setup"].get("tools", ()) for f in tool["functionDeclarations"]]
        details["tools"] = [f["name"] for f in declared]
        if session_id:
            details["session_id"] = session_id
        return Granted(
            endpoint=target.address, name=target.name, local=False, input_rate=SAMPLE_RATE_HZ,
            output_rate=OUTPUT_RATE_HZ, modalities_in=("audio", "image", "text"),
            modalities_out=("text",) if settings.text_out else ("audio", "text") if settings.output_transcription
            else ("audio",),
            turn_owner=owner, proactive=settings.proactive_audio, clock_kind="input", frames_per_unit=1,
            can_interrupt=False, can_truncate=False, can_resume=settings.session_resumption, can_ack_playback=False,
            provider="Vertex AI" if settings.vertex else "Gemini Developer API", rejections=self.rejections,
            details=details,
        )  # fmt: skip


def vertex_host(settings: Settings) -> str:
    """Where Vertex AI lives in the region that is set."""
    region = settings.location
    return "aiplatform.googleapis.com" if region == "global" else f"{region}-aiplatform.googleapis.com"


def default_path(settings: Settings) -> str:
    """Where its live conversations are."""
    if settings.vertex:
        return f"/ws/google.cloud.aiplatform.{settings.version}.LlmBidiService/BidiGenerateContent"
    return f"/ws/google.ai.generativelanguage.{settings.version}.GenerativeService.BidiGenerateContent"


def history_message(turns: Sequence[HistoryTurn], settings: Settings) -> Mapping[str, Any] | None:
    """Earlier turns; None where there are none.

    Raises:
        AppError: one of them is sound without words, which the service does not take.
    """
    contents: list[dict[str, Any]] = []
    for turn in turns:
        if not turn.text.strip():
            if turn.sound is None:
                continue
            raise AppError(
                "Gemini Live cannot take over a turn that is sound alone.",
                "It reads earlier turns as text.",
                "Give the turn's words as well, or let it be spoken live.",
            )
        role = "model" if turn.role == "assistant" else "user"
        contents.append({"role": role, "parts": [{"text": turn.text}]})
    if not contents:
        return None
    # With `historyConfig` the completed history makes nobody speak; without it, a complete turn would.
    return {"clientContent": {"turns": contents, "turnComplete": settings.history_config}}
