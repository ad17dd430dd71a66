"""What a duplex session is asked for, and what the server's capability flags grant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import Granted, Rejection
from tmlapp.endpoints.openai_family.fields import Message, mapping_or_empty, number_or_none, text_or
from tmlapp.endpoints.openai_family.functions import function_tools
from tmlapp.endpoints.openai_family.grant import differences
from tmlapp.endpoints.remote.contract import Dialect, Target
from tmlapp.endpoints.remote.refusals import rejected
from tmlapp.endpoints.remote.target import host_of

OUTPUT_RATE_HZ = 24_000
UNIT_MS = 1000
"""Length of a model's unit where the server does not say."""

_TEXTS = ("overlap_policy", "playback_commit_policy")
_NUMBERS = ("temperature", "idle_timeout_s")
_REPEATED = (*_TEXTS, *_NUMBERS, "model", "instructions", "voice")


class Asked:
    """The session that is asked for: options, instruction, tools, the voice to take on."""

    def __init__(self, dialect: Dialect, target: Target, setup: EndpointSetup, prepared: Mapping[str, Any]) -> None:
        self._dialect = dialect
        self._target = target
        self._setup = setup
        self._prepared = prepared
        self.input_format = self._option("input_format")
        self.input_rate = int(self._option("input_rate"))

    def session(self) -> dict[str, Any]:
        """The `session` of the first `session.update`."""
        detection = (
            {"type": "server_vad", "interrupt_response": True} if self._option("turn_detection") != "none" else None
        )
        said: dict[str, Any] = {
            "model": self._target.model,
            "modalities": ["audio", "text"],
            "input_audio_format": self.input_format,
            "output_audio_format": "pcm16",
            "sample_rate_hz": self.input_rate,
            "audio": {"input": {"sample_rate_hz": self.input_rate}, "output": {"sample_rate_hz": OUTPUT_RATE_HZ}},
            "turn_detection": detection,
            "extra_body": self._extra_body(),
        }
        if not self._target.model:
            del said["model"]
        if self._setup.instruction:
            said["instructions"] = self._setup.instruction
        if self._target.voice:
            said["voice"] = self._target.voice
        if self._setup.tools:
            said["tools"] = function_tools(self._setup.tools)
        said |= {name: value for name in _TEXTS if (value := self._option(name))}
        said |= {name: float(value) for name in _NUMBERS if (value := self._option(name))}
        return {**said, **self._prepared}

    def _extra_body(self) -> dict[str, Any]:
        extra: dict[str, Any] = {"auto_response": True}
        if count := self._option("force_listen_count"):
            extra["force_listen_count"] = int(float(count))
        if text := self._option("initial_user_text"):
            extra["duplex_initial_user_text"] = text
        return extra | (json.loads(self._option("extra_body")) if self._option("extra_body") else {})

    def grant(self, session: Message, *, delay_ms: float, resumable: bool, afresh: bool) -> Granted:
        """What `session` of the server's answer grants; only flags count, never the name of the model.

        Args:
            delay_ms: what our conversion of the sound adds.
            resumable: the server gave a token.
            afresh: a session before this one could not be resumed.
        """
        flags = mapping_or_empty(session, "capabilities")
        pictures = takes_pictures(flags)
        unit_ms = unit_of(flags)
        target = self._target
        return Granted(
            endpoint=target.address,
            name=target.name,
            local=False,
            input_rate=self.input_rate,
            output_rate=OUTPUT_RATE_HZ,
            unit_ms=unit_ms,
            modalities_in=("audio", "image") if pictures else ("audio",),
            modalities_out=("audio", "text"),
            turn_owner="model" if self._option("turn_detection") == "none" else "server_vad",
            clock_kind="output",
            input_delay_ms=delay_ms,
            frames_per_unit=int(self._option("frames_per_unit")) if pictures else 0,
            can_interrupt=flags.get("supports_barge_in") is True,
            can_truncate=flags.get("supports_audio_truncate") is True,
            can_resume=resumable and flags.get("supports_session_resume") is True,
            can_ack_playback=flags.get("supports_playback_ack") is not False,
            provider=host_of(target.url),
            rejections=tuple(self._rejections(session, flags, afresh)),
            details={
                "session": text_or(session, "id")[:200],
                "implementation_level": text_or(flags, "implementation_level")[:200],
                "capabilities": {k: v for k, v in list(flags.items())[:100] if isinstance(v, bool | int | float | str)},
                "force_listen_count": self._option("force_listen_count"),
            },
        )

    def _rejections(self, session: Message, flags: Message, afresh: bool) -> Iterator[Rejection]:
        # Members of ours that a server repeats; most of the others it keeps to itself.
        asked = {k: v for k, v in self.session().items() if k in _REPEATED and session.get(k) is not None}
        yield from differences(asked, session)
        if flags.get("supports_input_append") is False:
            why = "The server says that it does not take sound as it comes."
            yield Rejection(asked="sound as it comes", granted="whole turns", reason=why)
        if not takes_pictures(flags):
            yield Rejection(asked="pictures", granted="none", reason="This model takes no pictures.")
        if self._setup.tools and not session.get("tools"):
            names = ", ".join(tool.name for tool in self._setup.tools)
            why = "The server does not say whether this model calls tools."
            yield Rejection(asked=f"tools: {names}", granted="unknown", reason=why)
        if afresh:
            why = "The session before this one could not be resumed; nothing of it can be told to this model."
            yield Rejection(asked="the conversation so far", granted="a new session", reason=why)
        yield from rejected(self._setup, history="This interface begins every conversation anew.")

    def _option(self, name: str) -> str:
        return self._dialect.option(self._target, name)


def takes_pictures(flags: Message) -> bool:
    """Whether the model's flags name video among its inputs."""
    names: list[Any] = []
    for key in ("required_input_modalities", "optional_input_modalities", "input_modes"):
        value = flags.get(key)
        names += value[:50] if isinstance(value, list) else []
    return any(isinstance(name, str) and "video" in name for name in names)


def unit_of(flags: Message) -> int:
    """Length of a model's unit, ms."""
    value = number_or_none(flags, "chunk_period_ms")
    return int(value) if value is not None and 1 <= value <= 60_000 else UNIT_MS
