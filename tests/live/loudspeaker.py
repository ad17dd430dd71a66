"""A loudspeaker on a manual clock: a converter that sends blocks of 10 ms, and tells when."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Notice, SessionEvent
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S

BLOCK = 480
RATE_HZ = 48_000


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    item_id: str
    start_mono_ns: int
    pcm: Pcm
    rate_hz: int = RATE_HZ
    interrupted: bool = False
    done: bool = False


class TestSpeaker:
    """What it has sent so far stands in `heard`, on the clock's time from `opened_ns` on."""

    __test__ = False

    def __init__(self, clock: Clock, *, latency_ns: int = 30 * NS_PER_MS, error: AppError | None = None) -> None:
        self._clock = clock
        self.latency_ns = latency_ns
        self._error = error
        self._queue: deque[tuple[str, Pcm]] = deque()
        self._parts: list[Part] = []
        self._notices: list[Notice] = []
        self.heard: list[Pcm] = []
        self.opened_ns = 0
        self.opened = self.closed = self.flushed = 0
        self._blocks = 0
        self.gone = False

    def open(self) -> None:
        if self._error is not None:
            raise self._error
        self.opened += 1
        self.opened_ns = self._clock.now_ns()

    def play(self, item_id: str, pcm: Pcm, rate_hz: int) -> None:
        self._work()
        assert rate_hz == RATE_HZ
        self._queue.append((item_id, pcm))

    def flush(self) -> None:
        self._work()
        self.flushed += 1
        self._queue.clear()

    def poll(self) -> list[Part]:
        self._work()
        parts, self._parts = self._parts, []
        return parts

    def pop_events(self, to_session_ns: Callable[[int], int]) -> list[SessionEvent]:
        notices, self._notices = self._notices, []
        return list(notices)

    def close(self) -> None:
        self.closed += 1

    def say(self, level: str, what: str) -> None:
        """Tell whoever asks next that it is gone (`error`) or back (`info`)."""
        self.gone = level == "error"
        self._notices.append(Notice(t_ns=0, level="error" if self.gone else "info", what=what, why="It does so."))

    def sound(self) -> Pcm:
        """Everything that left the converter, silence included; sample k sounded `latency` after its block's time."""
        self._work()
        return np.concatenate([np.zeros(0, np.int16), *self.heard])

    def _work(self) -> None:
        block_ns = BLOCK * NS_PER_S // RATE_HZ
        while not self.gone and self.opened_ns + (self._blocks + 1) * block_ns <= self._clock.now_ns():
            self._blocks += 1
            self._send(self.opened_ns + self._blocks * block_ns + self.latency_ns)

    def _send(self, mono_ns: int) -> None:
        out: Pcm = np.zeros(BLOCK, np.int16)
        at = 0
        while at < BLOCK and self._queue:
            name, pcm = self._queue.popleft()
            part = pcm[: BLOCK - at]
            out[at : at + len(part)] = part
            self._parts.append(Part(name, mono_ns + at * NS_PER_S // RATE_HZ, part))
            at += len(part)
            if len(part) < len(pcm):
                self._queue.appendleft((name, pcm[len(part) :]))
        self.heard.append(out)
