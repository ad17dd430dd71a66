"""The ring between the session and the loudspeaker's callback, and the log of what was really sent when."""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tmlapp.capture.playtap import PlayTap
from tmlapp.core.media import Pcm

_BYTES = 2
_UNITY = 1 << 15
_LOG_SLOTS = 4096
_FADE_S = 0.005


class Sent(NamedTuple):
    """`frames` frames from position `start` on left the loudspeaker from monotonic time `mono_ns` on.

    They were played with a gain that went evenly from `gain_from` to `gain_to`.
    """

    start: int
    frames: int
    mono_ns: int
    muted: bool
    gain_from: float = 1.0
    gain_to: float = 1.0


class PlayRing:
    """Preallocated: one writer (who holds the speaker's lock) and one reader (the callback). Positions count frames.

    Attributes:
        written, read: positions.
        flush_to: the callback jumps here, after a fade of 5 ms.
        muted: the callback sends silence and goes on reading.
        gain: of everything that is sent; a change takes one block (10 ms).
        tap: everything that was handed to the sound card, as it was handed over.
        last_callback_ns: monotonic time of the newest callback, 0 before the first.
        underflows: callbacks that PortAudio flagged.
    """

    def __init__(self, *, rate_hz: int, channels: int, seconds: float = 10.0) -> None:
        self.capacity = int(rate_hz * seconds)
        self.channels = channels
        self._data: npt.NDArray[np.int16] = np.zeros((self.capacity, channels), np.int16)
        self._bytes = self._data.reshape(-1).data.cast("B")
        self._size = channels * _BYTES
        self._zeros = bytes(rate_hz * self._size)
        fade = int(rate_hz * _FADE_S)
        self._ramp = np.linspace(1.0, 0.0, fade, dtype=np.float32)[:, None]
        self._faded: npt.NDArray[np.int16] = np.zeros((fade, channels), np.int16)
        self._log = tuple(array("q", bytes(8 * _LOG_SLOTS)) for _ in range(6))
        self._logged = self._reported = 0
        self.written = self.read = self.flush_to = 0
        self.muted = False
        self.gain = self._gain = 1.0
        self.tap = PlayTap(rate_hz)
        self.last_callback_ns = 0
        self.underflows = 0

    @property
    def waiting(self) -> int:
        """Frames that were not sent yet and will be."""
        return self.written - max(self.read, self.flush_to)

    def write(self, pcm: Pcm) -> int:
        """Append as much of int16 [n] as there is room for, on every channel; returns how much that was."""
        count = min(len(pcm), self.capacity - (self.written - self.read))
        start = self.written % self.capacity
        first = min(count, self.capacity - start)
        self._data[start : start + first] = pcm[:first, None]
        self._data[: count - first] = pcm[first:count, None]
        self.written += count
        return count

    def fill(self, out: Any, frames: int, now_ns: int, ahead_s: float, underflow: bool) -> None:
        """Fill a writable buffer of `frames` frames that will sound `ahead_s` from now; called by the callback only."""
        self.last_callback_ns = now_ns
        if underflow:
            self.underflows += 1
        flush = self.flush_to > self.read
        end = self.flush_to if flush else self.written
        count = min(frames, end - self.read, len(self._ramp) if flush else frames)
        size = self._size
        if self.muted:
            out[: count * size] = self._zeros[: count * size]
        elif flush:
            self._fade(count)
            out[: count * size] = self._faded.reshape(-1).data.cast("B")[: count * size]
        else:
            start = self.read % self.capacity
            first = min(count, self.capacity - start)
            out[: first * size] = self._bytes[start * size : (start + first) * size]
            if first < count:
                out[first * size : count * size] = self._bytes[: (count - first) * size]
        if count < frames:
            out[count * size : frames * size] = self._zeros[: (frames - count) * size]
        before, self._gain = self._gain, self.gain
        sound = np.frombuffer(out, np.int16).reshape(-1, self.channels)[:frames]
        if count and (before, self._gain) != (1.0, 1.0):
            ramp = np.linspace(before, self._gain, count, dtype=np.float32)[:, None]
            np.multiply(sound[:count], ramp, out=sound[:count], casting="unsafe")
        self.tap.write(sound[:, 0], now_ns)
        if count:
            self._note(count, now_ns + int(ahead_s * 1e9) if 0.0 <= ahead_s < 5.0 else now_ns, before)
        self.read = end if flush else self.read + count

    def _fade(self, count: int) -> None:
        index = np.arange(self.read, self.read + count) % self.capacity
        np.multiply(self._data[index], self._ramp[-count:], out=self._faded[:count], casting="unsafe")

    def _note(self, count: int, mono_ns: int, before: float) -> None:
        if self._logged - self._reported >= _LOG_SLOTS:
            # Nobody asked for a minute; the newest stretch grows, its beginning stays right.
            self._log[1][(self._logged - 1) % _LOG_SLOTS] += count
            return
        slot = self._logged % _LOG_SLOTS
        gains = int(before * _UNITY), int(self._gain * _UNITY)
        for column, value in zip(self._log, (self.read, count, mono_ns, self.muted, *gains), strict=True):
            column[slot] = value
        self._logged += 1

    def sent(self) -> list[Sent]:
        """What was sent since the last call, oldest first."""
        upto = self._logged
        slots = [entry % _LOG_SLOTS for entry in range(self._reported, upto)]
        self._reported = upto
        return [self._sent(slot) for slot in slots]

    def _sent(self, slot: int) -> Sent:
        start, frames, mono_ns, muted, before, after = (column[slot] for column in self._log)
        return Sent(start, frames, mono_ns, bool(muted), before / _UNITY, after / _UNITY)
