"""Places in a take at which a window's edge may snap: where a voice begins and ends, words, zero crossings.

A voice is found by Silero (32 ms at a time); its edges are then moved to the sample at which the energy rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tmlapp.bench.authoring.media import read_take
from tmlapp.bench.authoring.model import RATE_HZ, Take
from tmlapp.bench.transcripts.silero import VadParams, VoiceActivityDetector
from tmlapp.core.media import Pcm

SnapKind = Literal["onset", "offset", "word", "zero"]
EDGES: tuple[SnapKind, ...] = ("onset", "offset", "word")

_MS = RATE_HZ // 1000
_SMOOTH = 5 * _MS
_BEFORE = 100 * _MS
_INTO = 150 * _MS
_HOLD = 20 * _MS
_OVER_NOISE = 10.0
_UNDER_PEAK = 10.0**-3.5
_LEAST_POWER = 4.0
"""Two steps of 16 bits: what lies below is dither."""

Places = npt.NDArray[np.int64]
"""Samples in rising order, shape [n]."""


@dataclass(frozen=True, slots=True, eq=False)
class SnapPoints:
    """Samples of a take in rising order: onsets and offsets of the voice, edges of words, zero crossings."""

    onsets: Places
    offsets: Places
    words: Places
    zeros: Places

    def of(self, kind: SnapKind) -> Places:
        """The places of one kind."""
        return {"onset": self.onsets, "offset": self.offsets, "word": self.words, "zero": self.zeros}[kind]


@dataclass(frozen=True, slots=True)
class Snap:
    """Where to snap to, and what is there."""

    sample: int
    kind: SnapKind


def snap_points(folder: Path, take: Take, vad: VoiceActivityDetector | None = None) -> SnapPoints:
    """The places of `take` in the set at `folder`. Takes about 1 s per minute of sound: call it in a worker.

    Raises:
        AppError: the take's sound cannot be read, or the voice activity detector not be loaded.
    """
    return points_of(read_take(folder, take), take, vad)


def points_of(pcm: Pcm, take: Take, vad: VoiceActivityDetector | None = None) -> SnapPoints:
    """As `snap_points`, for the sound of `take` (int16 [samples] at 16 kHz).

    Raises:
        AppError: the voice activity detector cannot be loaded.
    """
    detect = vad or VoiceActivityDetector(params=VadParams(min_speech_ms=100))
    voiced = refined(pcm, detect.timestamps(pcm))
    spans = [w.span for w in take.user_words] + ([take.instruction] if take.instruction else [])
    return SnapPoints(
        onsets=_places(a for a, _ in voiced),
        offsets=_places(b for _, b in voiced),
        words=_places(t for s in spans for t in (s.t0, s.t1)),
        zeros=zero_crossings(pcm),
    )


def _places(values: object) -> Places:
    return np.unique(np.fromiter(values, np.int64))  # type: ignore[call-overload]


def nearest(points: SnapPoints, sample: int, reach: int, kinds: Sequence[SnapKind] = EDGES) -> Snap | None:
    """The nearest place of `kinds` at most `reach` samples away; of two as near the kind named first."""
    best: Snap | None = None
    for kind in kinds:
        places = points.of(kind)
        at = int(np.searchsorted(places, sample))
        for found in places[max(0, at - 1) : at + 1]:
            away = abs(int(found) - sample)
            if away <= reach and (best is None or away < abs(best.sample - sample)):
                best = Snap(int(found), kind)
    return best


def following(points: SnapPoints, sample: int, kinds: Sequence[SnapKind] = EDGES, *, back: bool = False) -> Snap | None:
    """The next place after `sample` (with `back`: before it), for going through them by key; None at the end."""
    found = [Snap(int(p), kind) for kind in kinds for p in _beside(points.of(kind), sample, back)]
    if not found:
        return None
    return max(found, key=lambda s: s.sample) if back else min(found, key=lambda s: s.sample)


def _beside(places: Places, sample: int, back: bool) -> Places:
    at = int(np.searchsorted(places, sample, side="left" if back else "right"))
    return places[max(0, at - 1) : at] if back else places[at : at + 1]


def zero_crossings(pcm: Pcm) -> Places:
    """Samples at which the wave passes through zero, each the one of the two that is nearer to it."""
    signs = pcm >= 0
    after = np.flatnonzero(signs[1:] != signs[:-1]) + 1
    wide = np.abs(pcm.astype(np.int32))
    return np.where(wide[after - 1] < wide[after], after - 1, after).astype(np.int64)


def refined(pcm: Pcm, voiced: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches with voice whose edges lie where the energy rises above the noise around them, to the sample."""
    found: list[tuple[int, int]] = []
    for n, (begin, end) in enumerate(voiced):
        first = voiced[n - 1][1] if n else 0
        last = voiced[n + 1][0] if n + 1 < len(voiced) else len(pcm)
        lo = _rise(pcm, begin, first, end)
        # The end of a sound is the beginning of the same sound played backwards.
        hi = len(pcm) - _rise(pcm[::-1], len(pcm) - end, len(pcm) - last, len(pcm) - begin)
        found.append((lo, hi) if lo < hi else (begin, end))
    return found


def _rise(pcm: Pcm, begin: int, first: int, end: int) -> int:
    """Where near `begin` the energy rises: not before `first`, not after `end`; `begin` where it does not."""
    lo, hi = max(first, begin - _BEFORE), min(end, begin + _INTO)
    power = np.square(pcm[lo : min(len(pcm), hi + _SMOOTH + _HOLD)], dtype=np.float64)
    total = np.concatenate(([0.0], np.cumsum(power)))
    smooth = (total[_SMOOTH:] - total[:-_SMOOTH]) / _SMOOTH
    if hi - lo < _SMOOTH or len(smooth) < _HOLD:
        return begin
    noise = float(np.quantile(smooth[: max(1, begin - lo)], 0.2))
    limit = max(noise * _OVER_NOISE, float(smooth.max()) * _UNDER_PEAK, _LEAST_POWER)
    loud = smooth >= limit
    # A click is over at once; a voice stays.
    kept = np.convolve(smooth >= limit / 4, np.ones(_HOLD), "full")[_HOLD - 1 :] >= _HOLD - 0.5
    starts = np.flatnonzero(loud[: len(kept)] & kept[: len(loud)])
    if not len(starts):
        return begin
    inside = np.flatnonzero(power[starts[0] :] >= limit)
    return lo + int(starts[0]) + int(inside[0])
