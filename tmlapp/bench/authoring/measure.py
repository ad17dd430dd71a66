"""What can be measured in a take's sound: level, clipping, noise, silence, and a print by which copies are found.

Formulas, on samples x in -1 … 1 of 16 kHz mono sound:
    peak      20 log10 max |x|            rms   10 log10 mean(x²)          dc   mean(x)
    frames    20 ms without overlap; a frame is voice where its middle lies in a stretch of voice
    speech    10 log10 of the mean power of the voice frames (which hold the noise, too)
    noise     10 log10 of the mean power of all other frames, the loudest fifth left out (breath, ends of words)
    snr       speech - noise, in dB
    rise      of the frames without voice (median of 9 neighbours), those at the end, 0.2 s or more, that stay 3 dB
              above the median of all: their median minus that of the others, in dB; 0 where the end is like the rest
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.capture.level import FLOOR_DBFS, peak_dbfs
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

VERSION = "sound-figures@2"
"""Changes whenever a formula does, so that stored figures are measured anew."""

FRAME = SAMPLE_RATE_HZ // 50
CLIP_LEVEL = 32_700
CLIP_LEAST = 3
FLAT_LEAST = 4
FLAT_FROM = 8_192
"""A sound may be cut off below full scale (in the device before us): a flat top from a quarter of it on counts."""

QUIETEST_DBFS = -96.0
"""Digital silence reads as the step of 16 bits, so that an SNR stays a number."""

VOICE_ABOVE_DB = 12.0
VOICE_GAP = SAMPLE_RATE_HZ * 3 // 10
VOICE_LEAST = SAMPLE_RATE_HZ // 10
_LEAST_FRAMES = 5
_MEDIAN_OF, _RISE_LEAST_DB, _RISE_FRAMES = 9, 3.0, 10
_FULL = 32768.0

Stretch = tuple[int, int]
"""Begin and end in samples, the end not included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFigures:
    """What was measured; levels in dB of full scale, places in samples.

    Attributes:
        sha256: of the samples, little-endian: the same for a copy with another header.
        clipped: stretches that are cut off.
        voice: stretches with voice, and `voice_by`: who found them.
        speech_dbfs, noise_dbfs, snr_db: None where there is no voice, or no pause.
        rise_db, rise_from: by how much the noise is louder at the end, and from where on; None without pauses.
    """

    samples: int
    sha256: str
    peak_dbfs: float
    rms_dbfs: float
    dc: float
    clipped: tuple[Stretch, ...]
    voice: tuple[Stretch, ...]
    voice_by: str
    speech_dbfs: float | None
    noise_dbfs: float | None
    snr_db: float | None
    rise_db: float | None
    rise_from: int | None

    @property
    def lead(self) -> int:
        """Samples before the first voice; the whole sound where there is none."""
        return self.voice[0][0] if self.voice else self.samples

    @property
    def trail(self) -> int:
        """Samples after the last voice."""
        return self.samples - self.voice[-1][1] if self.voice else self.samples

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SoundFigures:
        """The inverse of `to_json`.

        Raises:
            TypeError, ValueError, KeyError: `value` is something else.
        """
        clipped, voice = (tuple((int(a), int(b)) for a, b in value[key]) for key in ("clipped", "voice"))
        return replace(cls(**value), clipped=clipped, voice=voice)


def measure(pcm: Pcm, voice: Sequence[Stretch] | None = None, *, voice_by: str = "given") -> SoundFigures:
    """The figures of `pcm` (int16 [n] at 16 kHz).

    Args:
        voice: where there is voice; None: found by energy (`voice_by_energy`).
        voice_by: who found it, for the record.
    """
    if voice is None:
        voice, voice_by = voice_by_energy(pcm), "energy"
    powers = frame_powers(pcm)
    spoken = _frames_in(voice, len(powers))
    speech, noise = _levels(powers, spoken)
    rise_db, rise_from = _rise(powers, spoken)
    return SoundFigures(
        samples=len(pcm),
        sha256=pcm_sha256(pcm),
        peak_dbfs=round(peak_dbfs(pcm), 3),
        rms_dbfs=_decibels(float(np.square(pcm, dtype=np.float64).mean()) / _FULL**2) if len(pcm) else FLOOR_DBFS,
        dc=round(float(pcm.mean()) / _FULL, 6) if len(pcm) else 0.0,
        clipped=clipped_runs(pcm),
        voice=tuple((int(a), int(b)) for a, b in voice),
        voice_by=voice_by,
        speech_dbfs=speech,
        noise_dbfs=noise,
        snr_db=None if speech is None or noise is None else round(speech - noise, 2),
        rise_db=rise_db,
        rise_from=rise_from,
    )


def pcm_sha256(pcm: Pcm) -> str:
    """Digest of the samples as little-endian PCM16."""
    return hashlib.sha256(np.ascontiguousarray(pcm, "<i2").tobytes()).hexdigest()


def frame_powers(pcm: Pcm) -> npt.NDArray[np.float64]:
    """Mean power of each whole frame of 20 ms, 1.0 at full scale; the noise of 16 bits is the least."""
    whole = len(pcm) // FRAME
    frames = pcm[: whole * FRAME].reshape(whole, FRAME).astype(np.float32)
    found: npt.NDArray[np.float64] = np.einsum("ij,ij->i", frames, frames).astype(np.float64) / (FRAME * _FULL**2)
    np.maximum(found, 10.0 ** (QUIETEST_DBFS / 10.0), out=found)
    return found


def voice_by_energy(pcm: Pcm) -> tuple[Stretch, ...]:
    """Stretches of frames that are 12 dB above the noise floor (the level that a tenth of the frames stay under).

    Pauses of up to 0.3 s are closed and stretches under 0.1 s left out. A sound whose frames are all alike has none.
    """
    powers = frame_powers(pcm)
    if not len(powers):
        return ()
    levels = 10.0 * np.log10(powers)
    loud = levels > max(float(np.percentile(levels, 10)) + VOICE_ABOVE_DB, -60.0)
    found: list[Stretch] = []
    for first, last in _runs(loud):
        begin, end = first * FRAME, last * FRAME
        if found and begin - found[-1][1] <= VOICE_GAP:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return tuple((a, b) for a, b in found if b - a >= VOICE_LEAST)


def clipped_runs(pcm: Pcm) -> tuple[Stretch, ...]:
    """Stretches that were cut off: 3 samples or more at full scale, or 4 or more at the sound's own loudest value."""
    if not len(pcm):
        return ()
    high, low = int(pcm.max()), int(pcm.min())
    runs = [
        run
        for mask in (pcm >= CLIP_LEVEL, pcm <= -CLIP_LEVEL)
        if mask.any()
        for run in _runs(mask)
        if run[1] - run[0] >= CLIP_LEAST
    ]
    for extreme in (high, low):
        if FLAT_FROM <= abs(extreme) < CLIP_LEVEL:
            runs += [run for run in _runs(pcm == extreme) if run[1] - run[0] >= FLAT_LEAST]
    return tuple(sorted(runs))


def _runs(mask: npt.NDArray[np.bool_]) -> list[Stretch]:
    """Stretches of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False]))))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _frames_in(voice: Sequence[Stretch], count: int) -> npt.NDArray[np.bool_]:
    inside = np.zeros(count, np.bool_)
    for begin, end in voice:
        # A frame belongs to where its middle lies.
        inside[max(0, -(-(begin - FRAME // 2) // FRAME)) : max(0, -(-(end - FRAME // 2) // FRAME))] = True
    return inside


def _levels(powers: npt.NDArray[np.float64], spoken: npt.NDArray[np.bool_]) -> tuple[float | None, float | None]:
    rest = np.sort(powers[~spoken])
    noise = _decibels(float(rest[: len(rest) - len(rest) // 5].mean())) if len(rest) >= _LEAST_FRAMES else None
    speech = _decibels(float(powers[spoken].mean())) if spoken.sum() >= _LEAST_FRAMES else None
    return speech, noise


def _rise(powers: npt.NDArray[np.float64], spoken: npt.NDArray[np.bool_]) -> tuple[float | None, int | None]:
    places = np.flatnonzero(~spoken)
    if len(places) < _MEDIAN_OF:
        return None, None
    levels = 10.0 * np.log10(powers[places])
    padded = np.pad(levels, _MEDIAN_OF // 2, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN_OF), axis=1)
    low = np.flatnonzero(smooth <= float(np.median(levels)) + _RISE_LEAST_DB)
    first = int(low[-1]) + 1 if len(low) else 0
    if not _RISE_FRAMES <= len(levels) - first < len(levels):
        return 0.0, None
    return round(float(np.median(levels[first:]) - np.median(levels[:first])), 2), int(places[first]) * FRAME


def _decibels(power: float) -> float:
    return round(max(FLOOR_DBFS, 10.0 * math.log10(power)), 3) if power > 0.0 else FLOOR_DBFS
