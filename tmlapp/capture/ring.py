"""The ring between the audio callback and the engine: samples, and what PortAudio said about each block."""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_BYTES = 2


class BlockMeta(NamedTuple):
    """What is known about one block.

    Attributes:
        frames: its length.
        callback_ns: monotonic time at which the callback got it.
        age_ns: how long before that its first frame was converted, by PortAudio's clock.
        overflow: PortAudio says that input was lost in or before it.
        resumed: the first one after a pause.
        missing: frames that this ring had to refuse just before it, because nobody read.
    """

    frames: int
    callback_ns: int
    age_ns: int
    overflow: bool
    resumed: bool
    missing: int


class BlockRing:
    """Preallocated: one writer (the callback), one reader (the engine), and anyone for the level.

    The copy goes through memoryviews, because those keep the interpreter lock: an array assignment of this size gives
    it away, and a busy thread would then delay the callback by a whole switch interval.

    Attributes:
        block_frames: usual length of a block.
        written, read: frames so far.
        blocks_written, blocks_read: blocks so far.
        wake_at: the callback wakes the engine as soon as `written` reaches this.
        last_callback_ns: monotonic time of the newest callback, 0 before the first.
        overflows: blocks that PortAudio flagged.
        accepting: False while paused; blocks are then dropped.
    """

    def __init__(self, *, rate_hz: int, channels: int, block_frames: int, seconds: float = 10.0) -> None:
        blocks = max(4, int(seconds * rate_hz / block_frames))
        self.capacity = blocks * block_frames
        self.channels = channels
        self.block_frames = block_frames
        self._data: npt.NDArray[np.int16] = np.zeros((self.capacity, channels), np.int16)
        self._bytes = self._data.reshape(-1).data.cast("B")
        self._frame_bytes = channels * _BYTES
        # Devices may hand over smaller blocks than were asked for.
        self._slots = blocks * 4
        self._frames = array("q", bytes(8 * self._slots))
        self._callback = array("q", bytes(8 * self._slots))
        self._age = array("d", bytes(8 * self._slots))
        self._flags = array("b", bytes(self._slots))
        self._missing = array("q", bytes(8 * self._slots))
        self._refused = 0
        self._was_paused = False
        self.written = self.read = 0
        self.blocks_written = self.blocks_read = 0
        self.wake_at = 0
        self.last_callback_ns = 0
        self.overflows = 0
        self.accepting = True

    def write(self, raw: Any, frames: int, callback_ns: int, age_s: float, overflow: bool) -> None:
        """Copy a block of interleaved int16 (any buffer) with its stamps; called by the callback only."""
        self.last_callback_ns = callback_ns
        if overflow:
            self.overflows += 1
        if not self.accepting:
            self._was_paused = True
            return
        if self.written + frames - self.read > self.capacity or self.blocks_written - self.blocks_read >= self._slots:
            self._refused += frames
            return
        size = self._frame_bytes
        start = self.written % self.capacity
        first = min(frames, self.capacity - start)
        self._bytes[start * size : (start + first) * size] = raw[: first * size]
        if first < frames:
            self._bytes[: (frames - first) * size] = raw[first * size :]
        slot = self.blocks_written % self._slots
        self._frames[slot] = frames
        self._callback[slot] = callback_ns
        self._age[slot] = age_s
        self._flags[slot] = overflow | self._was_paused << 1
        self._missing[slot] = self._refused
        self._refused = 0
        self._was_paused = False
        self.written += frames
        self.blocks_written += 1

    def meta(self, block: int) -> BlockMeta:
        """The stamps of block number `block`, which was written and not yet read."""
        slot = block % self._slots
        age_s = self._age[slot]
        # A wall clock that was set between PortAudio's two readings gives nonsense.
        age_ns = int(age_s * 1e9) if 0.0 <= age_s < 1.0 else 0
        flags = self._flags[slot]
        return BlockMeta(
            self._frames[slot], self._callback[slot], age_ns, bool(flags & 1), bool(flags & 2), self._missing[slot]
        )

    def take(self, blocks: int) -> npt.NDArray[np.int16]:
        """Copy the next `blocks` blocks out, int16 [frames, channels], and free their place."""
        frames = sum(self._frames[block % self._slots] for block in range(self.blocks_read, self.blocks_read + blocks))
        out = self._copy(self.read, frames)
        self.read += frames
        self.blocks_read += blocks
        return out

    def newest(self, frames: int) -> npt.NDArray[np.int16]:
        """A copy of the newest frames (at most `frames`, fewer at the start), int16 [n, channels]; any thread."""
        written = self.written
        frames = min(frames, written, self.capacity // 2)
        return self._copy(written - frames, frames)

    def _copy(self, at: int, frames: int) -> npt.NDArray[np.int16]:
        out = np.empty((frames, self.channels), np.int16)
        if frames:
            view = out.reshape(-1).data.cast("B")
            size = self._frame_bytes
            start = at % self.capacity
            first = min(frames, self.capacity - start)
            view[: first * size] = self._bytes[start * size : (start + first) * size]
            if first < frames:
                view[first * size :] = self._bytes[: (frames - first) * size]
        return out
