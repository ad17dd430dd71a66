"""What a deployment grants, read from its `session.updated`, and what of our wishes it can be asked for at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tmlapp.core.event import Granted, Rejection
from tmlapp.core.units import SAMPLE_RATE_HZ
from tmlapp.endpoints.openai_family import fields
from tmlapp.endpoints.openai_family.fields import Message
from tmlapp.endpoints.remote.contract import MessageError

DEFAULT_RATES = (SAMPLE_RATE_HZ, 24_000)
UNIT_MS = 200
MAX_IMAGE_BYTES = 512 * 1024
_MODALITIES = {"audio": "audio", "image": "video", "video": "video", "text": "text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A grant as the codec works with it; see `Granted` for the rest.

    Attributes:
        native: the model decides by itself when it speaks.
        pictures: it takes JPEGs.
        truncates: it wants to know what was really heard.
    """

    input_rate: int
    output_rate: int
    unit_ms: int
    native: bool
    pictures: bool
    frames_per_unit: int
    max_image_bytes: int
    truncates: bool

    @classmethod
    def read(cls, granted: Message) -> Terms:
        """Raises MessageError for a grant under which nothing could be sent."""
        images = fields.mapping_or_empty(granted, "input_image_format")
        types = fields.texts(images, "types")
        unit_ms = _whole(granted, "native_unit_ms", UNIT_MS)
        if not 1 <= unit_ms <= 60_000:
            raise MessageError(f"a grant with units of {unit_ms} ms")
        return cls(
            input_rate=_rate(granted, "input_audio_format", DEFAULT_RATES[0]),
            output_rate=_rate(granted, "output_audio_format", DEFAULT_RATES[1]),
            unit_ms=unit_ms,
            native=fields.text_or(granted, "interaction", "native") == "native",
            pictures="image" in fields.texts(granted, "input_modalities") and (not types or "image/jpeg" in types),
            frames_per_unit=max(0, _whole(images, "max_frames_per_unit", 0)),
            max_image_bytes=max(0, _whole(images, "max_bytes", MAX_IMAGE_BYTES)),
            truncates=granted.get("supports_truncate") is True,
        )


def granted_of(
    terms: Terms,
    granted: Message,
    *,
    address: str,
    name: str,
    provider: str,
    acknowledges: bool,
    typed: bool,
    input_delay_ms: float,
    rejections: tuple[Rejection, ...],
) -> Granted:
    """The grant as the session, the window and the recording see it; numbers of the deployment in `details`.

    Args:
        typed: what a person types is sent, with the instructions.
    """
    heard = [_MODALITIES[m] for m in fields.texts(granted, "input_modalities") if m in _MODALITIES] or ["audio"]
    if typed:
        heard.append("text")
    said = [m for m in fields.texts(granted, "output_modalities") if m in ("text", "audio")] or ["text"]
    turns = [t for t in _list(granted, "turn_control") if isinstance(t, str)]
    owner = "model" if terms.native else next((t for t in turns if t in ("server_vad", "semantic_vad")), "server_vad")
    details = {key: granted[key] for key in _DETAILS if key in granted}
    return Granted(
        endpoint=address,
        name=name,
        local=False,
        input_rate=terms.input_rate,
        output_rate=terms.output_rate,
        unit_ms=terms.unit_ms,
        modalities_in=tuple(dict.fromkeys(heard)),
        modalities_out=tuple(dict.fromkeys(said)),
        turn_owner=owner,
        proactive=granted.get("proactive_output") is True,
        acknowledges_units=acknowledges,
        clock_kind="input",
        input_delay_ms=input_delay_ms,
        first_unit_ms=max(0, _whole(granted, "first_unit_ms", 0)),
        frames_per_unit=terms.frames_per_unit,
        max_image_bytes=terms.max_image_bytes if terms.pictures else 0,
        can_interrupt=True,
        can_truncate=terms.truncates,
        can_resume=False,
        can_ack_playback=False,
        provider=provider,
        rejections=(*rejections, *_rejections(granted)),
        details=details,
    )


_DETAILS = (
    "interaction", "native_full_duplex", "turn_control", "client_commit", "tail_policy", "partial_style",
    "pressure_policy", "strict_order", "supports_server_interrupt", "supports_resume", "sampling_parameters",
    "supports_reference_audio", "limits",
)  # fmt: skip


def _rejections(granted: Message) -> Iterator[Rejection]:
    for entry in fields.mappings(granted, "rejections"):
        asked = f"{fields.text_or(entry, 'field', 'a setting')}: {_shown(entry.get('requested'))}"
        got = entry.get("granted")
        yield Rejection(
            asked=asked, granted="" if got is None else _shown(got), reason=fields.text_or(entry, "reason", "refused")
        )


def _shown(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 120 else said[:119] + "…"


def _rate(granted: Message, key: str, default: int) -> int:
    stated = fields.mapping_or_empty(granted, key)
    rate = _whole(stated, "rate", default)
    if fields.text_or(stated, "type", "audio/pcm") != "audio/pcm" or not 8_000 <= rate <= 48_000:
        raise MessageError(f"a grant with a sound that is not PCM of 8 to 48 kHz ({key})")
    return rate


def _whole(message: Message, key: str, default: int) -> int:
    value = fields.number_or_none(message, key)
    return default if value is None else int(value)


def _list(message: Message, key: str) -> list[Any]:
    value = message.get(key)
    return value if isinstance(value, list) else []


@dataclass(slots=True)
class Wishes:
    """Puts the `session` of the set-up together: what the deployment says it lacks is not asked for but rejected.

    Args:
        offered: what its capabilities route said; empty where it has none.
    """

    offered: Mapping[str, Any]

    def session(
        self, settings: Mapping[str, Any], extension: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[Rejection]]:
        """The members of `session` for `settings`, and of `session.sglang` for `extension` (None: not wished for)."""
        rejections: list[Rejection] = []
        session = {key: value for key, value in settings.items() if value not in (None, "")}
        wished = {key: value for key, value in extension.items() if value not in (None, "", {})}
        if not self.offered:
            return session | ({"sglang": wished} if wished else {}), rejections
        audio = {}
        for way in ("input", "output"):
            stated = self.offered.get(f"{way}_audio_format")
            if isinstance(stated, dict) and set(stated) == {"type", "rate"}:
                audio[way] = {"format": stated}
        for way, more in session.pop("audio", {}).items():
            audio[way] = audio.get(way, {}) | more
        if audio:
            session["audio"] = audio
        unit = self.offered.get("native_unit_ms")
        if isinstance(unit, int) and not isinstance(unit, bool):
            wished["timebase"] = wished.get("timebase", {}) | {"native_unit_ms": unit}
        rejections += self._leave_out(wished)
        return session | ({"sglang": wished} if wished else {}), rejections

    def _leave_out(self, wished: dict[str, Any]) -> Iterator[Rejection]:
        known = set(fields.texts(self.offered, "sampling_parameters"))
        for name in sorted(set(wished.get("sampling", {})) - known):
            value = wished["sampling"].pop(name)
            yield Rejection(asked=f"sampling.{name}: {_shown(value)}", granted="", reason="Not of this deployment.")
        if not wished.get("sampling", True):
            del wished["sampling"]
        for name in ("reference_audio", "tts_reference_audio"):
            if name in wished and self.offered.get("supports_reference_audio") is not True:
                del wished[name]
                yield Rejection(asked=name, granted="", reason="This deployment takes no voice to speak with.")
        for name in ("tail_policy", "interaction"):
            has = self.offered.get(name)
            if name in wished and isinstance(has, str) and wished[name] != has:
                yield Rejection(asked=f"{name}: {wished.pop(name)}", granted=has, reason="Fixed by the deployment.")
