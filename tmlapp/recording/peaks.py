"""Least and greatest sample of every stretch of a track, at many resolutions: a waveform of any length at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.reader import Recording

BUCKET = 64
"""Samples in a bucket of the finest level; each level above has buckets of `FACTOR` of the one below."""
FACTOR = 4
_PER_COLUMN = 4
_STRETCH_S = 300
_EMPTY: Pcm = np.zeros(0, np.int16)

Buckets = npt.NDArray[np.int16]
"""Least and greatest sample of each bucket: int16 [n, 2]."""
Columns = tuple[Pcm, Pcm]
"""Least and greatest sample of each column: two int16 [n]."""


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """The pyramid of one track.

    Attributes:
        rate_hz, samples: of the track; `samples` is its length.
        finest: least and greatest of every `BUCKET` samples, the last bucket may stand for fewer.
        sound: the whole track where it is in memory anyway, empty where it is not.
    """

    rate_hz: int
    samples: int
    finest: Buckets
    sound: Pcm = field(default_factory=lambda: _EMPTY)
    _levels: list[Buckets] = field(init=False)

    def __post_init__(self) -> None:
        levels = [self.finest]
        while len(levels[-1]) > FACTOR:
            levels.append(_coarser(levels[-1]))
        object.__setattr__(self, "_levels", levels)

    @classmethod
    def of(cls, pcm: Pcm, rate_hz: int) -> Peaks:
        """Of int16 [n], which is kept, so that columns are exact down to single samples."""
        builder = PeakBuilder(rate_hz)
        builder.add(pcm)
        return Peaks(rate_hz, len(pcm), builder.finest(), pcm)

    @property
    def duration_ns(self) -> int:
        return self.samples * NS_PER_S // self.rate_hz

    def needs_sound(self, start: float, end: float, n: int) -> bool:
        """True if columns this fine are exact only with the sound itself (see `columns`)."""
        return (end - start) / max(1, n) < _PER_COLUMN * BUCKET

    def columns(self, start: float, end: float, n: int, sound: tuple[int, Pcm] | None = None) -> Columns:
        """Least and greatest sample of `n` equal columns from sample `start` to `end`.

        Columns outside the track are zero. Fine columns are taken from `sound` (its first sample's number, int16 [n]),
        or from the track that is in memory, where that covers them; else they are as coarse as a bucket.
        """
        edges = start + np.arange(n + 1) * ((end - start) / max(1, n))
        low_at = np.floor(edges[:-1]).astype(np.int64)
        high_at = np.maximum(np.ceil(edges[1:]).astype(np.int64), low_at + 1)
        if self.needs_sound(start, end, n):
            first, pcm = sound if sound is not None else (0, self.sound)
            wanted = max(0, int(low_at[0])) if n else 0, min(self.samples, int(high_at[-1])) if n else 0
            if len(pcm) and first <= wanted[0] and wanted[1] <= first + len(pcm):
                return _reduced(pcm, pcm, low_at - first, high_at - first)
        level, bucket = self._level((end - start) / max(1, n))
        return _reduced(level[:, 0], level[:, 1], low_at // bucket, -(-high_at // bucket))

    def _level(self, per_column: float) -> tuple[Buckets, int]:
        bucket, chosen = BUCKET, 0
        while chosen + 1 < len(self._levels) and bucket * FACTOR * _PER_COLUMN <= per_column:
            chosen, bucket = chosen + 1, bucket * FACTOR
        return self._levels[chosen], bucket


class PeakBuilder:
    """Takes a track piece by piece and keeps only its finest buckets: 3.6 MB for an hour at 16 kHz."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.samples = 0
        self._done: list[Buckets] = []
        self._rest = _EMPTY

    def add(self, pcm: Pcm) -> None:
        """Append int16 [n]."""
        self.samples += len(pcm)
        pcm = np.concatenate((self._rest, pcm)) if len(self._rest) else pcm
        whole = len(pcm) // BUCKET * BUCKET
        self._done.append(_buckets(pcm[:whole].reshape(-1, BUCKET)))
        self._rest = pcm[whole:].copy()

    def finest(self) -> Buckets:
        """What was added so far, as `Peaks.finest`."""
        last = [_buckets(self._rest[None])] if len(self._rest) else []
        none: Buckets = np.zeros((0, 2), np.int16)
        return np.concatenate((none, *self._done, *last))

    def peaks(self) -> Peaks:
        """The pyramid of what was added so far, without its sound."""
        return Peaks(self.rate_hz, self.samples, self.finest())


def build_peaks(recording: Recording, topic: str, tell: Callable[[float], object] | None = None) -> Peaks:
    """Of a track of sound (`/mic`, `/model/heard` …), read in stretches of some minutes; `tell` hears the part done.

    Raises:
        AppError: the recording is damaged, or gone.
    """
    builder: PeakBuilder | None = None
    for start_ns, end_ns in _stretches(recording.duration_ns):
        pcm, rate_hz = recording.audio(topic, start_ns, end_ns)
        builder = builder or PeakBuilder(rate_hz)
        builder.add(pcm)
        if tell is not None:
            tell(end_ns / recording.duration_ns)
    return builder.peaks() if builder is not None else Peaks.of(_EMPTY, 16_000)


def _stretches(duration_ns: int) -> Iterator[tuple[int, int]]:
    # Whole seconds are whole samples at every rate, so that stretches join without a seam.
    step_ns = _STRETCH_S * NS_PER_S
    for start_ns in range(0, duration_ns, step_ns):
        yield start_ns, min(duration_ns, start_ns + step_ns)


def _buckets(rows: Pcm) -> Buckets:
    return np.stack((rows.min(axis=1), rows.max(axis=1)), axis=1) if len(rows) else np.zeros((0, 2), np.int16)


def _coarser(level: Buckets) -> Buckets:
    missing = -len(level) % FACTOR
    full = np.concatenate((level, np.repeat(level[-1:], missing, axis=0))) if missing else level
    # Element by element over strided views: many times as fast as a reduction over an axis of four.
    parts = [full[k::FACTOR] for k in range(FACTOR)]
    made = np.empty_like(parts[0])
    made[:, 0] = np.minimum(np.minimum(parts[0][:, 0], parts[1][:, 0]), np.minimum(parts[2][:, 0], parts[3][:, 0]))
    made[:, 1] = np.maximum(np.maximum(parts[0][:, 1], parts[1][:, 1]), np.maximum(parts[2][:, 1], parts[3][:, 1]))
    return made


def _reduced(low: Pcm, high: Pcm, begin: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> Columns:
    """Least of `low` and greatest of `high` in each [begin, end); zero where that lies outside."""
    size = len(low)
    inside = (end > 0) & (begin < size) if size else np.zeros(len(begin), bool)
    least, greatest = np.zeros(len(begin), np.int16), np.zeros(len(begin), np.int16)
    if not inside.any():
        return least, greatest
    first = np.clip(begin[inside], 0, size - 1)
    last = np.clip(end[inside], first + 1, size)
    base = int(first[0])
    top = int(last.max())
    # Every second stretch of the reduction is one of ours; a sentinel keeps the last index in range.
    pairs = np.stack((first, last), axis=1).ravel() - base
    least[inside] = np.minimum.reduceat(np.append(low[base:top], low[top - 1]), pairs)[::2]
    greatest[inside] = np.maximum.reduceat(np.append(high[base:top], high[top - 1]), pairs)[::2]
    return least, greatest
