"""Tracks that can be read anywhere, and their conversion to what a loudspeaker takes, at any speed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S

OUT_RATE_HZ = 48_000
"""Rate of everything that a player hands to the loudspeaker."""

_HALF = 16
_PHASES = 4096
_BLOCK_S = 2
_BLOCKS = 30

Floats = npt.NDArray[np.float32]


class Sound(Protocol):
    """One track; sample k stands at session time `k / rate_hz`."""

    @property
    def rate_hz(self) -> int: ...

    def read(self, start: int, end: int) -> Pcm:
        """Samples [start, end): int16, exactly that many, zeros outside the track; may block."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ArraySound:
    """A track in memory: int16 [n]."""

    pcm: Pcm
    rate_hz: int

    def read(self, start: int, end: int) -> Pcm:
        found: Pcm = np.zeros(max(0, end - start), np.int16)
        part = self.pcm[max(0, start) : max(0, end)]
        if len(part):
            at = max(0, -start)
            found[at : at + len(part)] = part
        return found


class LazySound:
    """A long track that is read in blocks of two seconds, the last minute of which is kept.

    Args:
        load: int16 of the samples [start, end); called by any thread, may raise `AppError`.
        samples: length of the track.
    """

    def __init__(self, load: Callable[[int, int], Pcm], samples: int, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.samples = samples
        self._load = load
        self._lock = threading.Lock()
        self._blocks: OrderedDict[int, Pcm] = OrderedDict()

    def read(self, start: int, end: int) -> Pcm:
        found: Pcm = np.zeros(max(0, end - start), np.int16)
        size = _BLOCK_S * self.rate_hz
        for index in range(max(0, start) // size, -(-min(end, self.samples) // size)):
            block = self._block(index, size)
            first = index * size
            low, high = max(start, first), min(end, first + len(block))
            if high > low:
                found[low - start : high - start] = block[low - first : high - first]
        return found

    def _block(self, index: int, size: int) -> Pcm:
        with self._lock:
            block = self._blocks.get(index)
            if block is None:
                block = self._load(index * size, min(self.samples, (index + 1) * size))
                self._blocks[index] = block
                while len(self._blocks) > _BLOCKS:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end(index)
            return block


def render(sound: Sound, pos_ns: float, speed: float, frames: int) -> Floats:
    """`frames` samples at `OUT_RATE_HZ`, the first one heard at session time `pos_ns`, going on at `speed`.

    At the usual speed by a windowed sinc that gives back a track of the same rate bit for bit; shuttling is for
    finding a place, and linear.
    """
    step = speed * sound.rate_hz / OUT_RATE_HZ
    at = pos_ns * sound.rate_hz / NS_PER_S + np.arange(frames) * step
    base = np.floor(at).astype(np.int64)
    first, last = int(base.min()) - _HALF, int(base.max()) + _HALF + 2
    source = sound.read(first, last).astype(np.float32)
    if abs(step) > 1 or speed != 1:
        rough: Floats = np.interp(at, np.arange(first, last), source).astype(np.float32)
        return rough
    phase = np.rint((at - base) * _PHASES).astype(np.int64)
    # A phase of one whole sample is the next sample's phase of none.
    base, phase = base + phase // _PHASES, phase % _PHASES
    windows = np.lib.stride_tricks.sliding_window_view(source, 2 * _HALF)[base - first - _HALF + 1]
    heard: Floats = np.einsum("ij,ij->i", windows, _bank()[phase])
    return heard


@lru_cache(maxsize=1)
def _bank() -> Floats:
    """Taps of each phase: float32 [phases, 2 * _HALF]; tap j belongs to sample `base - _HALF + 1 + j`."""
    phases = np.arange(_PHASES)[:, None] / _PHASES
    away = np.arange(-_HALF + 1, _HALF + 1)[None] - phases
    taps = np.sinc(away) * np.kaiser(8192, 8.0)[np.clip((away / _HALF + 1) * 4095.5, 0, 8191).astype(np.int64)]
    taps[0] = away[0] == 0
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)
