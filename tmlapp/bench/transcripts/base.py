"""What a transcriber and a voice activity detector give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tmlapp.bench.answer import Word
from tmlapp.core.media import Pcm


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Words on the clock of the sound that was given, 0 at its first sample."""

    text: str
    words: tuple[Word, ...]
    notes: tuple[str, ...] = ()


class Transcriber(Protocol):
    """Writes down 16 kHz mono sound."""

    @property
    def name(self) -> str:
        """Provider and model, e.g. `onnx-asr:nemo-parakeet-tdt-0.6b-v2`."""
        ...

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:
        """Words of `pcm` (int16, 16 kHz); `text` is what is known to be said in it, for a forced alignment.

        Raises:
            AppError: it cannot be transcribed.
        """
        ...

    def provenance(self) -> Mapping[str, Any]:
        """Model, version, sha256 of its files, parameters."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceActivity:
    """Stretches with voice in seconds, and what found them."""

    segments_s: tuple[tuple[float, float], ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
