"""Micro-turns that wait for the network: bounded, in order, never blocking whoever captures."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

from tmlapp.core.turn import DelegationResult, MicroTurn, ToolResult

_RESULTS = 256


class Outbox:
    """A queue of micro-turns between the engine's thread and the connection's.

    Args:
        capacity: from here on `put` refuses: nothing grows without bound even where nobody takes out.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._turns: deque[MicroTurn] = deque()
        self._refused: deque[int] = deque(maxlen=10_000)
        # Sound that comes late is worthless, but a call waits for its result however late that is.
        self._results: deque[ToolResult | DelegationResult] = deque(maxlen=_RESULTS)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._turns)

    def put(self, turn: MicroTurn) -> bool:
        """Append `turn`; False where there is no room."""
        with self._lock:
            if len(self._turns) >= self._capacity:
                self._refused.append(turn.index)
                return False
            self._turns.append(turn)
            return True

    def take(self) -> MicroTurn | None:
        """The oldest micro-turn, with the results of those that were thrown away before; None where there is none."""
        with self._lock:
            if not self._turns:
                return None
            return self._with_results(self._turns.popleft())

    def pass_by(self, turn: MicroTurn) -> MicroTurn | None:
        """`turn`, with the results of those that were thrown away before; None where others wait already."""
        with self._lock:
            return None if self._turns else self._with_results(turn)

    def clear(self) -> list[int]:
        """Throw away everything that waits but the results of calls; indices of what was and of what found no room."""
        with self._lock:
            lost = [*(turn.index for turn in self._turns), *self._refused]
            for turn in self._turns:
                self._results.extend(c for c in turn.controls if isinstance(c, ToolResult | DelegationResult))
            self._turns.clear()
            self._refused.clear()
            return lost

    def drop_older_pictures(self) -> list[int]:
        """Take out every picture but the newest one; indices of the micro-turns that lost some."""
        with self._lock:
            newest_kept = False
            lost: list[int] = []
            for place in range(len(self._turns) - 1, -1, -1):
                turn = self._turns[place]
                kept = turn.frames[-1:] if not newest_kept else ()
                newest_kept = newest_kept or bool(kept)
                if len(kept) < len(turn.frames):
                    self._turns[place] = replace(turn, frames=kept)
                    lost.append(turn.index)
            return lost[::-1]

    def _with_results(self, turn: MicroTurn) -> MicroTurn:
        if not self._results:
            return turn
        turn = replace(turn, controls=(*self._results, *turn.controls))
        self._results.clear()
        return turn
