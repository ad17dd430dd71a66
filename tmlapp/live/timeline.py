"""Session time between micro-turns."""

from __future__ import annotations

from tmlapp.core.clock import Clock
from tmlapp.core.units import TURN_NS


class Timeline:
    """The sample counter is the ruler; between micro-turns the monotonic clock carries it on.

    Read from any thread, moved by the engine thread alone.
    """

    def __init__(self, clock: Clock, *, virtual: bool) -> None:
        self._clock = clock
        self._virtual = virtual
        # (session time, monotonic time) of the newest micro-turn's first sample; replaced whole: readers need no lock.
        self._anchor: tuple[int, int] | None = None
        self._frozen_ns: int | None = None

    def micro_turn(self, t_ns: int, mono_ns: int) -> None:
        """A micro-turn that began at session time `t_ns` and monotonic time `mono_ns` has passed."""
        self._anchor = (t_ns, mono_ns)

    def freeze(self, frozen: bool) -> None:
        """While frozen (paused) session time stands still; afterwards it goes on from where it stood."""
        if frozen:
            self._frozen_ns = self.now_ns()
            return
        if self._frozen_ns is not None and self._anchor is not None and not self._virtual:
            # Until the next micro-turn, the old one would count the pause as session time.
            self._anchor = (self._frozen_ns, self._clock.now_ns())
        self._frozen_ns = None

    def now_ns(self) -> int:
        """Session time now; 0 before the first micro-turn. On virtual time: the end of the newest micro-turn."""
        if self._frozen_ns is not None:
            return self._frozen_ns
        if self._virtual:
            return self._anchor[0] + TURN_NS if self._anchor else 0
        return max(0, self.at(self._clock.now_ns()))

    def at(self, mono_ns: int) -> int:
        """Session time of the monotonic time `mono_ns`."""
        if self._anchor is None:
            return 0
        t_ns, at_ns = self._anchor
        return t_ns + mono_ns - at_ns
