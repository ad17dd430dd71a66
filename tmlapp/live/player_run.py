"""Which part of a track lies in which frames that a player has handed to its loudspeaker."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from tmlapp.core.units import NS_PER_S
from tmlapp.live.player_sound import OUT_RATE_HZ


class Stretch(NamedTuple):
    """From output frame `frame` on the track goes on from `pos_ns`."""

    frame: int
    pos_ns: float


@dataclass(slots=True)
class Run:
    """One uninterrupted way through the track, from a play, seek or change of speed to the next one.

    Attributes:
        began_ns: monotonic time at which it was asked for.
        head_ns: where rendering has come to.
        stretches: which part of the track lies in which output frames; more than one after a loop.
        rendered, sent: output frames made, and frames that the loudspeaker has sent or is about to.
        anchor: a frame and the monotonic time at which it leaves the converter.
        last: no frame follows the rendered ones.
        choice: what was rendered last, to fade from.
    """

    name: str
    start_ns: int
    end_ns: int
    loop: bool
    speed: float
    began_ns: int
    from_ns: float
    head_ns: float = 0.0
    stretches: list[Stretch] = field(default_factory=list)
    rendered: int = 0
    sent: int = 0
    anchor: tuple[int, int] | None = None
    last: bool = False
    choice: str = ""

    def __post_init__(self) -> None:
        self.head_ns = self.from_ns

    def heard_at(self, frame: float) -> float:
        """Session time that belongs to an output frame."""
        if not self.stretches:
            return self.from_ns
        place = max(0, bisect_right(self.stretches, frame, key=lambda s: s.frame) - 1)
        stretch = self.stretches[place]
        return stretch.pos_ns + (frame - stretch.frame) * self.speed * NS_PER_S / OUT_RATE_HZ

    def by_clock(self, now_ns: int) -> tuple[float, bool]:
        """Session time after so long without a loudspeaker, and whether the end was reached."""
        pos = self.from_ns + (now_ns - self.began_ns) * self.speed
        if self.start_ns <= pos <= self.end_ns and not (pos == self.end_ns and self.speed > 0 and not self.loop):
            return pos, False
        if self.loop:
            return self.start_ns + (pos - self.start_ns) % max(1, self.end_ns - self.start_ns), False
        return float(self.end_ns if self.speed > 0 else self.start_ns), True
