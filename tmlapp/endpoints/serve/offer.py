"""What the server offers and what a session was granted of it."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, field
from typing import Any

from tmlapp.core.units import OUTPUT_RATE_HZ, SAMPLE_RATE_HZ, TURN_NS
from tmlapp.endpoints.serve.schema import RefusedError, check_session

UNIT_MS = TURN_NS // 1_000_000
IMAGE_TYPES = ["image/jpeg", "image/png"]
FRAMES_PER_UNIT = 12
"""A camera of 60 frames per second fits in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a session may hold. Bytes of decoded sound in, bytes on the wire out, characters, seconds.

    Attributes:
        stalled_s: a client that has not taken a frame for so long is dropped.
    """

    max_input_bytes: int = 60 * SAMPLE_RATE_HZ * 2
    max_output_bytes: int = 32 * 1024 * 1024
    max_history_chars: int = 64 * 1024
    cleanup_timeout_s: float = 30
    session_update_timeout_s: float = 60
    stalled_s: float = 20

    def told(self) -> dict[str, float]:
        """As a client is told of them, in the names of the dialect; how long we are patient is our own affair."""
        return {name: value for name, value in asdict(self).items() if name != "stalled_s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The model as clients see it.

    Attributes:
        sees: it takes pictures.
        instructable: instructions may change while the session is open.
        interrupts: it may cut itself off.
    """

    model: str
    sees: bool = True
    output_modalities: tuple[str, ...] = ("text",)
    output_rate: int = OUTPUT_RATE_HZ
    instructable: bool = False
    interrupts: bool = False
    max_image_bytes: int = 512 * 1024
    frames_per_unit: int = FRAMES_PER_UNIT
    limits: Limits = field(default_factory=Limits)

    def capabilities(self) -> dict[str, Any]:
        """The offer as JSON, in the form of a grant."""
        offered: dict[str, Any] = {
            "interaction": "native",
            "native_full_duplex": True,
            "proactive_output": True,
            "turn_control": [None],
            "client_commit": False,
            "input_modalities": ["audio", "image"] if self.sees else ["audio"],
            "output_modalities": list(self.output_modalities),
            "input_audio_format": {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ},
            "output_audio_format": {"type": "audio/pcm", "rate": self.output_rate},
            "native_unit_ms": UNIT_MS,
            "first_unit_ms": UNIT_MS,
            "microturn_ms": "variable",
            "tail_policy": "pad",
            "supports_server_interrupt": self.interrupts,
            "supports_truncate": False,
            "supports_resume": False,
            "partial_style": "append_only",
            "pressure_policy": "reject",
            "strict_order": True,
            "sampling_parameters": [],
            "supports_reference_audio": False,
        }
        if self.sees:
            offered["input_image_format"] = {
                "types": IMAGE_TYPES,
                "max_bytes": self.max_image_bytes,
                "max_frames_per_unit": self.frames_per_unit,
                "max_slice_nums": 1,
            }
        return offered

    def public(self) -> dict[str, Any]:
        """What the capabilities route answers."""
        return {"model": self.model, **self.capabilities(), "limits": self.limits.told()}

    def negotiate(self, current: dict[str, Any], patch: Any, *, opened: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """Settings after `patch`, and what is granted of them.

        Raises:
            RefusedError: nothing has changed then.
        """
        config = check_session(_merged(current, patch) if isinstance(patch, dict) else patch)
        if opened and self._frozen(config) != self._frozen(current):
            raise RefusedError("invalid_state", "session field is frozen")
        if len(config.get("instructions", "")) > self.limits.max_history_chars:
            raise RefusedError("invalid_request", "instructions exceed context or have invalid type")
        if config.get("model", self.model) != self.model:
            raise RefusedError("invalid_request", "model differs from deployment")
        if config.get("type", "realtime") != "realtime":
            raise RefusedError("invalid_request", "session type is unavailable")
        self._check_audio(config.get("audio", {}))
        asked = config.get("output_modalities", list(self.output_modalities))
        given = [kind for kind in dict.fromkeys(asked) if kind in self.output_modalities]
        if not given:
            raise RefusedError("invalid_request", "no supported output combination")
        self._check_extension(config.get("sglang", {}))
        return self._grant(config, asked, given)

    def _frozen(self, config: dict[str, Any]) -> dict[str, Any]:
        """What cannot change any more once the session is open."""
        kept = copy.deepcopy(config)
        kept.pop("output_modalities", None)
        kept.get("audio", {}).get("input", {}).pop("turn_detection", None)
        if self.instructable:
            kept.pop("instructions", None)
        return kept

    def _check_audio(self, audio: dict[str, Any]) -> None:
        for direction, rate in (("input", SAMPLE_RATE_HZ), ("output", self.output_rate)):
            asked = audio.get(direction, {}).get("format")
            if asked is not None and asked != {"type": "audio/pcm", "rate": rate}:
                where = f"session.audio.{direction}.format"
                raise RefusedError("invalid_request", "unsupported PCM format or sample rate", where)
        if audio.get("input", {}).get("turn_detection") is not None:
            raise RefusedError("not_applicable", "VAD is only available for turn-based sessions")

    def _check_extension(self, extension: dict[str, Any]) -> None:
        if sampling := sorted(extension.get("sampling", {})):
            message = f"unsupported sampling parameters: {', '.join(sampling)}"
            raise RefusedError("not_applicable", message, "session.sglang.sampling")
        for name in ("reference_audio", "tts_reference_audio"):
            if name in extension:
                raise RefusedError("not_applicable", "reference audio is unavailable", f"session.sglang.{name}")
        slices = extension.get("max_slice_nums")
        if slices is not None and not self.sees:
            raise RefusedError("not_applicable", "image input is unavailable", "session.sglang.max_slice_nums")
        if slices is not None and slices > 1:
            message = "slice count exceeds deployment limit"
            raise RefusedError("invalid_request", message, "session.sglang.max_slice_nums")
        if extension.get("tail_policy", "pad") != "pad":
            raise RefusedError("invalid_request", "tail policy is unavailable")
        if extension.get("timebase", {}).get("native_unit_ms", UNIT_MS) != UNIT_MS:
            raise RefusedError("invalid_request", "native cadence is fixed")

    def _grant(
        self, config: dict[str, Any], asked: list[str], given: list[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        extension = config.get("sglang", {})
        rejections: list[dict[str, Any]] = []

        def reject(where: str, requested: Any, reason: str, granted: Any) -> None:
            rejections.append({"field": where, "requested": requested, "reason": reason, "granted": granted})

        if (cadence := extension.get("timebase", {}).get("microturn_ms")) is not None:
            reason = "external chunks are variable length; no fixed external cadence"
            reject("sglang.timebase.microturn_ms", float(cadence), reason, None)
        if extension.get("interaction", "native") != "native":
            reject("sglang.interaction", extension["interaction"], "the model owns its turns", "native")
        if given != asked:
            reject("output_modalities", asked, "deployment modalities", given)
        granted = self.capabilities() | {
            "output_modalities": given,
            "microturn_ms": None,
            "limits": self.limits.told(),
            "rejections": rejections,
        }
        audio = config.setdefault("audio", {})
        for direction, rate in (("input", SAMPLE_RATE_HZ), ("output", self.output_rate)):
            audio.setdefault(direction, {}).setdefault("format", {"type": "audio/pcm", "rate": rate})
        config.update(model=self.model, type="realtime", output_modalities=given)
        return config, granted


def _merged(current: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(current)
    for key, value in patch.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merged(before, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged
