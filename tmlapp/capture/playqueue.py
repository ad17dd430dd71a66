"""What waits for the loudspeaker, and what became of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from tmlapp.capture.playring import PlayRing, Sent
from tmlapp.core.media import Pcm
from tmlapp.core.resample import Resampler
from tmlapp.core.units import NS_PER_S

_SEAM_NS = 10_000_000
_EMPTY: Pcm = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A stretch of an item that has left the loudspeaker.

    Attributes:
        start_mono_ns: monotonic time at which it began to sound, by the sound card's clock.
        pcm: int16 [n] at `rate_hz`, a piece of what was given to `play`, as loud as it was played (zeros while muted);
            may be empty.
        interrupted: the rest of the item was thrown away.
        done: nothing of this item waits any more.
    """

    item_id: str
    start_mono_ns: int
    pcm: Pcm
    rate_hz: int
    interrupted: bool = False
    done: bool = False


@dataclass(slots=True, eq=False)
class _Piece:
    item_id: str
    source: Pcm
    rate_hz: int
    pcm: Pcm
    start: int = -1
    moved: int = 0
    heard: int = 0
    flushed: bool = False

    @property
    def end(self) -> int:
        return self.start + (self.moved if self.flushed else len(self.pcm))

    def cut(self, begin: int, end: int) -> Pcm:
        """The source of frames [begin, end) of this piece."""
        last = len(self.source) if end >= len(self.pcm) else end * len(self.source) // len(self.pcm)
        return self.source[begin * len(self.source) // len(self.pcm) : last]


class PlayQueue:
    """Pieces in order, their way through a `PlayRing`, and the reports. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._report: list[Played] = []
        self._resampler: Resampler | None = None
        self._item_id = ""
        self.sounds_until_ns = 0
        """Monotonic time at which everything that was sent so far has sounded."""

    def __len__(self) -> int:
        return len(self._pieces)

    def add(self, item_id: str, pcm: Pcm, rate_hz: int, device_rate_hz: int) -> None:
        """Queue int16 [n], converted to the device's rate; pieces of one item join without a seam."""
        if len(pcm):
            converter = self._converter(item_id, rate_hz, device_rate_hz)
            self._pieces.append(_Piece(item_id, pcm, rate_hz, converter.push(pcm)))

    def refuse(self, item_id: str, rate_hz: int, now_ns: int) -> None:
        """Report an item that cannot be heard at all."""
        self._report.append(Played(item_id, now_ns, _EMPTY, rate_hz, interrupted=True, done=True))

    def _converter(self, item_id: str, rate_hz: int, device_rate_hz: int) -> Resampler:
        known = self._resampler
        if known is None or item_id != self._item_id or (known.rate_in, known.rate_out) != (rate_hz, device_rate_hz):
            if known is not None and self._pieces and known.delay_ns:
                # What still rings in the filter belongs to the end of the item before.
                ending = known.push(np.zeros(known.ring_frames // 2, np.int16))
                self._pieces.append(_Piece(self._item_id, _EMPTY, known.rate_in, ending))
            known = self._resampler = Resampler(rate_hz, device_rate_hz)
            self._item_id = item_id
        return known

    def move(self, ring: PlayRing) -> None:
        """Fill the ring."""
        for piece in self._pieces:
            if piece.flushed or (piece.start >= 0 and piece.moved == len(piece.pcm)):
                continue
            if piece.start < 0:
                piece.start = ring.written
            piece.moved += ring.write(piece.pcm[piece.moved :])
            if piece.moved < len(piece.pcm):
                return

    def flush(self, ring: PlayRing | None, now_ns: int) -> None:
        """Throw away what was not sent yet."""
        self._resampler = None
        for piece in self._pieces:
            piece.flushed = True
            piece.start = max(0, piece.start)
        if ring is None:
            self.fail(now_ns)
        else:
            ring.flush_to = ring.written

    def fail(self, now_ns: int) -> None:
        """The device is gone, and everything that waits with it."""
        self._resampler = None
        while self._pieces:
            self._drop_first(now_ns)

    def collect(self, ring: PlayRing, rate_hz: int, now_ns: int) -> None:
        """Turn the ring's log into reports."""
        # Read before the log: everything up to here is in the log then.
        read = ring.read
        for sent in ring.sent():
            self._heard(sent, rate_hz, now_ns)
        while self._pieces and self._pieces[0].start >= 0 and self._pieces[0].end <= read:
            self._drop_first(now_ns)

    def take_report(self) -> list[Played]:
        """What became known since the last call."""
        report, self._report = self._report, []
        return report

    def _heard(self, sent: Sent, rate_hz: int, now_ns: int) -> None:
        at, end = sent.start, sent.start + sent.frames
        while at < end and self._pieces:
            piece = self._pieces[0]
            if piece.end <= at:
                self._drop_first(now_ns)
                continue
            stop = min(end, piece.end)
            begin_ns = sent.mono_ns + (at - sent.start) * NS_PER_S // rate_hz
            self.sounds_until_ns = begin_ns + (stop - at) * NS_PER_S // rate_hz
            pcm = _as_played(sent, at, stop, piece.cut(at - piece.start, stop - piece.start))
            piece.heard = stop - piece.start
            done = piece.heard == len(piece.pcm) and self._is_last(piece)
            self._add(Played(piece.item_id, begin_ns, pcm, piece.rate_hz, done=done))
            at = stop

    def _is_last(self, piece: _Piece) -> bool:
        return not any(other.item_id == piece.item_id for other in self._pieces if other is not piece)

    def _drop_first(self, now_ns: int) -> None:
        piece = self._pieces.popleft()
        if piece.heard == len(piece.pcm):
            return
        last = self._report[-1] if self._report else None
        if last is not None and last.item_id == piece.item_id:
            self._report[-1] = replace(last, interrupted=True, done=True)
        else:
            self.refuse(piece.item_id, piece.rate_hz, now_ns)

    def _add(self, new: Played) -> None:
        """Append a report, or lengthen the last one if this continues it."""
        last = self._report[-1] if self._report else None
        if last is not None and last.item_id == new.item_id and last.rate_hz == new.rate_hz and not last.done:
            expected_ns = last.start_mono_ns + len(last.pcm) * NS_PER_S // last.rate_hz
            if abs(new.start_mono_ns - expected_ns) < _SEAM_NS:
                pcm = np.concatenate((last.pcm, new.pcm))
                self._report[-1] = replace(last, pcm=pcm, done=new.done)
                return
        self._report.append(new)


def _as_played(sent: Sent, begin: int, end: int, pcm: Pcm) -> Pcm:
    """`pcm`, the source of frames [begin, end) of the stretch `sent`, muted or with the gain that it was sent with."""
    if sent.muted:
        return np.zeros_like(pcm)
    if (sent.gain_from, sent.gain_to) == (1.0, 1.0):
        return pcm
    at = np.interp([begin - sent.start, end - sent.start], [0, sent.frames], [sent.gain_from, sent.gain_to])
    return (pcm * np.linspace(at[0], at[1], len(pcm))).astype(np.int16)
