"""How much a service may say: read slower once it is too much, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

FRAMES_PER_S = 2_000.0
BYTES_PER_S = 32.0 * 2**20
BURST_S = 10.0
"""How much of it may come at once."""
ENDLESS_S = 20.0


class Flood:
    """A bucket of frames and one of bytes that fill with time.

    Where one is empty reading pauses, so that the network itself holds the service back; a service that goes on like
    that for `ENDLESS_S` is `endless`.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._at_s = clock_s()
        self._frames = FRAMES_PER_S * BURST_S
        self._bytes = BYTES_PER_S * BURST_S
        self._since_s: float | None = None

    @property
    def endless(self) -> bool:
        return self._since_s is not None and self._at_s - self._since_s > ENDLESS_S

    def pause_s(self, size: int) -> float:
        """How long to wait before the next frame, after one of `size` bytes."""
        now_s = self._clock_s()
        passed_s = now_s - self._at_s
        self._at_s = now_s
        self._frames = min(FRAMES_PER_S * BURST_S, self._frames + passed_s * FRAMES_PER_S) - 1
        self._bytes = min(BYTES_PER_S * BURST_S, self._bytes + passed_s * BYTES_PER_S) - size
        owed_s = max(-self._frames / FRAMES_PER_S, -self._bytes / BYTES_PER_S)
        if owed_s <= 0:
            if self._frames > FRAMES_PER_S and self._bytes > BYTES_PER_S:
                self._since_s = None
            return 0.0
        if self._since_s is None:
            self._since_s = now_s
        return owed_s
