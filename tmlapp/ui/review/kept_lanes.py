"""Order, heights and hidden lanes of Review, from one start to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tmlapp.ui.memory import remember, remembered
from tmlapp.ui.timeline.lane import LEAST_SCALE, MOST_SCALE
from tmlapp.ui.timeline.order import Arranged

_NAME, _KEY = "review", "lanes"


class KeptLanes:
    """What was read at the start, and what has to be written."""

    def __init__(self) -> None:
        self.arrangement = _read(remembered(_NAME).get(_KEY))
        self._written = self.arrangement
        self._lock = threading.Lock()

    def changed(self, arrangement: Sequence[Arranged]) -> Callable[[], None] | None:
        """A job that writes `arrangement`, to be done aside; None where nothing is new."""
        # Those of a second recording follow the first one's.
        kept = [a for a in arrangement if "." not in a[0]]
        if kept == self.arrangement:
            return None
        self.arrangement = kept
        return self.save

    def save(self) -> None:
        """Write the newest, whichever job comes last. Blocks.

        Raises:
            AppError: the file cannot be written.
        """
        with self._lock:
            newest = self.arrangement
            if newest != self._written:
                remember(_NAME, {**remembered(_NAME), _KEY: newest})
                self._written = newest


def _read(raw: object) -> list[Arranged]:
    found: list[Arranged] = []
    for entry in raw if isinstance(raw, list) else ():
        match entry:
            case [str() as key, bool() as hidden, int() | float() as scale]:
                found.append((key, hidden, min(max(LEAST_SCALE, float(scale)), MOST_SCALE)))
    return found
