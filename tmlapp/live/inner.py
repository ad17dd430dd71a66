"""A local model's own numbers by micro-turn: which of them are worth a line, and on which scale."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmlapp.core.event import UnitDone
from tmlapp.core.units import TURN_NS

MOST_SIGNALS = 4
"""So many lines can be told apart at a glance; the values of all others are given at the cursor."""

LISTENING = "hear.listening"
"""The number that says what the model listens for: an index into `MODES`."""

MODES = ("commands", "stop", "paused")

_APPS_OWN = "app."
_HEARING = "hear."

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One number of the model over time.

    Attributes:
        name: as the model calls it; `hear.…` are those of its hearing.
        t_ns: int64 [n], end of the micro-turn that each value belongs to, rising.
        values: float64 [n].
        low, high: the scale: 0 to 1, wider where the model has gone beyond.
    """

    name: str
    t_ns: Times
    values: Values
    low: float = 0.0
    high: float = 1.0

    @property
    def shares(self) -> Values:
        """The values as shares of the scale, 0 to 1."""
        return (self.values - self.low) / ((self.high - self.low) or 1.0)

    def at(self, t_ns: float) -> float | None:
        """The value of the micro-turn that holds `t_ns`; None where there is none."""
        place = int(np.searchsorted(self.t_ns, t_ns))
        if place == len(self.t_ns) or self.t_ns[place] - t_ns > TURN_NS:
            return None
        return float(self.values[place])


def numbers_of(done: UnitDone) -> dict[str, float]:
    """The model's single numbers for a micro-turn, without those that the app adds about its own work."""
    return {n: v[0] for n, v in done.diagnostics.items() if len(v) == 1 and not n.startswith(_APPS_OWN)}


def picked(signals: Sequence[Signal], most: int = MOST_SIGNALS) -> tuple[Signal, ...]:
    """Those that get a line: the model's first ones, in its order, and after them whatever it says of its hearing.

    What it listens for is no line: it is told in words.
    """
    hearing = [s for s in signals if s.name.startswith(_HEARING) and s.name != LISTENING][:most]
    seeing = [s for s in signals if not s.name.startswith(_HEARING)]
    return (*seeing[: most - len(hearing)], *hearing)


class SignalLog:
    """Gathers signals micro-turn by micro-turn.

    Args:
        most: of each signal no more than the newest so many values are kept; None keeps all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._points: dict[str, deque[tuple[int, float]]] = {}
        self._scale: dict[str, tuple[float, float]] = {}

    def add(self, done: UnitDone) -> None:
        """Take the numbers of one micro-turn; micro-turns come in order."""
        end_ns = (done.micro_turn + 1) * TURN_NS
        for name, value in numbers_of(done).items():
            points = self._points.setdefault(name, deque(maxlen=self._most))
            if points and points[-1][0] >= end_ns:
                continue  # Answered twice after a reconnect: the first answer counts.
            points.append((end_ns, value))
            low, high = self._scale.get(name, (0.0, 1.0))
            self._scale[name] = min(low, value), max(high, value)

    @property
    def listens(self) -> str:
        """One of `MODES`: what the model listened for last; empty where it does not hear."""
        points = self._points.get(LISTENING)
        return MODES[min(max(0, round(points[-1][1])), len(MODES) - 1)] if points else ""

    def signals(self, from_ns: int = -1) -> tuple[Signal, ...]:
        """Each signal after `from_ns`, in the order in which they first came."""
        return tuple(_signal(name, points, self._scale, from_ns) for name, points in self._points.items())


def _signal(
    name: str, points: Iterable[tuple[int, float]], scale: Mapping[str, tuple[float, float]], from_ns: int
) -> Signal:
    kept = [p for p in points if p[0] > from_ns]
    return Signal(
        name, np.array([t for t, _ in kept], np.int64), np.array([v for _, v in kept], np.float64), *scale[name]
    )
