"""A loudspeaker without a sound card: what would have been heard, to the sample."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmlapp.core.event import AudioOut, SessionEvent
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S, ns_to_samples, samples_to_ns
from tmlapp.live.playout import HeardPiece, Item, Items, Position

RAMP_NS = 15 * NS_PER_MS
"""A change of loudness takes so long, so that it does not click."""


@dataclass(slots=True, eq=False)
class _Piece:
    item: Item
    pcm: Pcm
    rate_hz: int
    start_ns: int
    played: int = 0

    @property
    def end_ns(self) -> int:
        return self.start_ns + samples_to_ns(len(self.pcm), self.rate_hz)

    def until(self, t_ns: int) -> int:
        """Samples that have sounded by `t_ns`."""
        return max(self.played, min(len(self.pcm), ns_to_samples(max(0, t_ns - self.start_ns), self.rate_hz)))


class _Loudness:
    """The gain over session time: constant but for a ramp of `RAMP_NS` after each change."""

    def __init__(self) -> None:
        # Corners of the curve: from each time on towards the next one's gain, after the last one constant.
        self._corners: list[tuple[int, float]] = [(0, 1.0)]
        self._now_ns = 0

    def set(self, gain: float, t_ns: int) -> None:
        t_ns = max(t_ns, self._now_ns)
        begin = float(self._at(np.array([t_ns], np.float64))[0])
        self._corners = [corner for corner in self._corners if corner[0] < t_ns]
        self._corners += [(t_ns, begin), (t_ns + RAMP_NS, gain)]

    def passed(self, t_ns: int) -> None:
        """Nothing before `t_ns` is asked for again."""
        self._now_ns = max(self._now_ns, t_ns)
        while len(self._corners) > 1 and self._corners[1][0] <= self._now_ns:
            del self._corners[0]

    def of(self, pcm: Pcm, t_ns: int, rate_hz: int) -> Pcm:
        """`pcm`, whose first sample is played at `t_ns`, as loud as it is then."""
        if len(self._corners) == 1 and self._corners[0][1] == 1.0:
            return pcm
        return (pcm * self._at(t_ns + np.arange(len(pcm), dtype=np.float64) * (NS_PER_S / rate_hz))).astype(np.int16)

    def _at(self, t_ns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        times, gains = zip(*self._corners, strict=True)
        return np.asarray(np.interp(t_ns, times, gains), np.float64)


class VirtualPlayout:
    """A loudspeaker without delay, for runs from files and machines without sound.

    Each piece begins as soon as it was received and the one before it has ended.
    """

    def __init__(self) -> None:
        self._items = Items()
        self._pieces: deque[_Piece] = deque()
        self._free_ns = 0
        self._loudness = _Loudness()

    def play(self, audio: AudioOut, item_id: str, *, more: bool = False) -> None:
        item = self._items.take(audio, item_id, more)
        pcm = np.frombuffer(audio.pcm16, "<i2")
        piece = _Piece(item, pcm, audio.rate, max(audio.t_rx_ns, self._free_ns))
        self._free_ns = piece.end_ns
        self._pieces.append(piece)

    def finish(self, item_id: str | None) -> None:
        self._items.finish(item_id)

    def flush(self, t_ns: int) -> tuple[str, ...]:
        over = [piece for piece in self._pieces if piece.end_ns <= t_ns]
        # What sounded by then was heard, though nobody has asked for it yet.
        for piece in over:
            piece.item.waiting -= 1
        cut = self._items.cut_off()
        for piece in over:
            piece.item.waiting += 1
        for piece in self._pieces:
            heard = piece.until(t_ns)
            if heard < len(piece.pcm):
                piece.pcm = piece.pcm[:heard]
                piece.item.interrupted = True
        self._free_ns = min(self._free_ns, t_ns)
        return cut

    def duck(self, gain: float, t_ns: int) -> None:
        self._loudness.set(gain, t_ns)

    def advance(self, to_ns: int) -> tuple[list[HeardPiece], list[SessionEvent]]:
        pieces: list[HeardPiece] = []
        ended: list[SessionEvent] = []
        while self._pieces:
            piece = self._pieces[0]
            until = piece.until(to_ns)
            if until > piece.played:
                at_ns = piece.start_ns + samples_to_ns(piece.played, piece.rate_hz)
                new = self._loudness.of(piece.pcm[piece.played : until], at_ns, piece.rate_hz)
                self._items.hear(piece.item, at_ns, new, piece.rate_hz)
                pieces.append(HeardPiece(at_ns, new, piece.rate_hz))
                piece.played = until
            if piece.played < len(piece.pcm):
                break
            if piece.item.start_ns is None:
                piece.item.end_ns = piece.start_ns
            piece.item.waiting -= 1
            self._pieces.popleft()
            ended += self._items.pop(piece.item, piece.end_ns)
        self._loudness.passed(to_ns)
        return pieces, [*ended, *self._items.pop_over(to_ns)]

    @property
    def playing(self) -> Position | None:
        return self._items.playing

    @property
    def busy(self) -> bool:
        return bool(self._pieces)

    @property
    def tap(self) -> None:
        return None

    def close(self) -> None:
        self._pieces.clear()
        self._items.clear()
