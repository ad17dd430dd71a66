"""What the loudspeaker's callback has handed to the sound card, sample by sample, and when."""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S

_SLOTS = 512
_AT_ONCE_NS = NS_PER_MS


class Handed(NamedTuple):
    """int16 mono of the frames from `first` on; frames count from the opening of the stream, silence included."""

    first: int
    pcm: Pcm


class PlayTap:
    """Keeps the last seconds of one stream. Written by the callback alone, read by one other thread without a lock.

    Nothing sounds before it was handed over. That holds for every sound card, whatever latency it claims.
    """

    def __init__(self, rate_hz: int, seconds: float = 4.0) -> None:
        self.rate_hz = rate_hz
        self._data: Pcm = np.zeros(int(rate_hz * seconds), np.int16)
        self._ends = array("q", bytes(8 * _SLOTS))
        self._times = array("q", bytes(8 * _SLOTS))
        self._callbacks = 0
        self.handed = 0

    def write(self, block: npt.NDArray[np.int16], now_ns: int) -> None:
        """The callback hands over int16 [n] at the monotonic time `now_ns`."""
        count, size = len(block), len(self._data)
        at = self.handed % size
        first = min(count, size - at)
        self._data[at : at + first] = block[:first]
        self._data[: count - first] = block[first:]
        slot = self._callbacks % _SLOTS
        self._ends[slot], self._times[slot] = self.handed + count, now_ns
        self._callbacks += 1
        self.handed += count

    def handed_by(self, mono_ns: int) -> int:
        """Frames that had been handed over at the monotonic time `mono_ns`; 0 before the oldest time it knows."""
        for back in range(1, min(self._callbacks, _SLOTS - 1) + 1):
            slot = (self._callbacks - back) % _SLOTS
            if self._times[slot] <= mono_ns:
                return self._ends[slot]
        return 0

    def handed_at(self, mono_ns: int) -> float:
        """As `handed_by`, as if frames were handed over one by one: better than a callback on average."""
        upto = self._callbacks
        oldest = max(0, upto - _SLOTS + 2)
        for last in range(upto - 1, oldest - 1, -1):
            if (at_ns := self._times[last % _SLOTS]) <= mono_ns:
                # A sound card may ask several times at once, and then not for long.
                first = last
                while first > oldest and self._times[first % _SLOTS] - self._times[(first - 1) % _SLOTS] < _AT_ONCE_NS:
                    first -= 1
                end = self._ends[last % _SLOTS]
                since = (mono_ns - at_ns) * self.rate_hz / NS_PER_S
                return end + min(since, float(end - self._ends[(first - 1) % _SLOTS]))
        return 0.0

    def read(self, first: int) -> Handed:
        """Everything handed over from frame `first` on; less, with a later `first`, if that was too long ago."""
        upto, size = self.handed, len(self._data)
        # The callback may write on meanwhile: the oldest tenth is left to it.
        first = max(first, upto - size * 9 // 10)
        begin, end = first % size, upto % size
        if first == upto or begin < end:
            return Handed(first, self._data[begin : begin + upto - first].copy())
        return Handed(first, np.concatenate((self._data[begin:], self._data[:end])))
