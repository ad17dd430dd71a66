"""Two sound cards, two clocks: how much faster one counts than the other, and sound on the other's clock.

Crystals of sound cards differ by up to some hundred millionths. An echo filter that has learnt a room to the sample
falls behind such a drift, and most of what it takes away is lost.
"""

from __future__ import annotations

from collections import deque
from functools import cache

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Pcm

_KEPT, _LEAST, _EVERY = 1500, 300, 25
"""Pairs that are remembered (5 minutes of micro-turns), that are needed, and between two estimates."""

_CERTAIN = 5.0
"""A drift is believed where it is so many times its own standard error."""

_MOST = 5e-4
"""More than this is no crystal: something else is wrong."""

_JUMP, _UNUSUAL = 32.0, 6.0
"""One count has jumped where the means of two times `_EVERY` pairs are so many samples (2 ms) further apart than they
usually are, and so many times as far as usual."""

_TAPS, _PHASES = 16, 512
REACH = _TAPS // 2
"""Samples around a place that `between` needs."""

Places = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


class Drift:
    """Follows two counts of samples that go on together; begins believing that they run alike."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        self._new = 0
        self.rate = 1.0
        """How many of the second count go by during one of the first."""

    def push(self, first: float, second: float) -> None:
        """Where both stand at one moment, as well as is known: each pair may be wrong by milliseconds."""
        self._pairs.append((first, second))
        self._new += 1
        if self._new >= _EVERY and len(self._pairs) >= _LEAST:
            self._new = 0
            self._estimate()

    def _estimate(self) -> None:
        pairs = np.array(self._pairs)[len(self._pairs) % _EVERY :]
        ahead = (pairs[:, 1] - pairs[:, 0]).reshape(-1, _EVERY)
        time = pairs[:, 0].reshape(-1, _EVERY)
        stretch = _stretches(ahead.mean(axis=1))
        time, ahead = _centred(time, stretch), _centred(ahead, stretch)
        spread = float(time @ time)
        slope = float(time @ ahead) / spread
        left = ahead - slope * time
        error = float(np.sqrt(left @ left / (len(time) - stretch[-1] - 2) / spread))
        believed = _CERTAIN * error < abs(slope) < _MOST
        self.rate = 1.0 + slope if believed else 1.0


def _stretches(means: Places) -> Numbers:
    """To which stretch without a jump each of `means` belongs: a sound card that failed for a moment is no drift."""
    steps = np.diff(means)
    unusual = np.abs(steps - np.median(steps))
    jumped = unusual > max(_JUMP, _UNUSUAL * float(np.median(unusual)))
    return np.concatenate([[0], np.cumsum(jumped)])


def _centred(values: Places, stretch: Numbers) -> Places:
    """`values` [n, m], each less the mean of its stretch: [n * m]."""
    means = np.bincount(stretch, values.mean(axis=1)) / np.bincount(stretch)
    return np.asarray(values - means[stretch][:, None]).reshape(-1)


def between(sound: Pcm, places: Places) -> Pcm:
    """`sound` (int16 [n]) at `places` between its samples (float64 [m], from `REACH` to n - `REACH`): int16 [m]."""
    whole = np.floor(places).astype(np.int64)
    phase = np.rint((places - whole) * _PHASES).astype(np.int64)
    around = sound[whole[:, None] + np.arange(1 - REACH, REACH + 1)].astype(np.float32)
    found = np.einsum("mt,mt->m", around, _filters()[phase])
    pcm: Pcm = np.clip(np.rint(found), -32768, 32767).astype(np.int16)
    return pcm


@cache
def _filters() -> npt.NDArray[np.float32]:
    """Windowed sincs for each phase from 0 to 1: float32 [513, 16]."""
    at = np.arange(1 - REACH, REACH + 1) - np.arange(_PHASES + 1)[:, None] / _PHASES
    window = np.i0(7 * np.sqrt(np.clip(1 - (at / REACH) ** 2, 0, None))) / np.i0(7)
    taps = np.sinc(at) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)
