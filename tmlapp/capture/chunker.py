"""Samples in, micro-turns of exactly 3,200 samples out; nothing is packed and nothing is left out."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from tmlapp.core.event import SessionEvent
from tmlapp.core.media import Pcm
from tmlapp.core.units import TURN_NS, TURN_SAMPLES, samples_to_ns


@dataclass(frozen=True, slots=True, eq=False)
class CutTurn:
    """One micro-turn of sound.

    Attributes:
        index: k.
        pcm: int16 [3200].
        ready_ns: monotonic time of the callback that completed it.
        events: those that begin in it, oldest first.
    """

    index: int
    pcm: Pcm
    ready_ns: int
    events: tuple[SessionEvent, ...]


class Chunker:
    """Queues 16 kHz sound and silence in order and cuts it."""

    def __init__(self) -> None:
        self._parts: deque[tuple[Pcm | None, int, int]] = deque()
        self._events: list[SessionEvent] = []
        self._index = 0
        self._waiting = 0

    @property
    def samples(self) -> int:
        """Samples since the start, cut ones and queued ones."""
        return self._index * TURN_SAMPLES + self._waiting

    @property
    def t_ns(self) -> int:
        """Session time of the next sample."""
        return samples_to_ns(self.samples)

    @property
    def missing(self) -> int:
        """Samples that the next micro-turn still needs; 0 if it can be cut."""
        return max(0, TURN_SAMPLES - self._waiting)

    def push(self, pcm: Pcm, ready_ns: int) -> None:
        """Append int16 [n] that was complete at monotonic time `ready_ns`."""
        if len(pcm):
            self._parts.append((pcm, len(pcm), ready_ns))
            self._waiting += len(pcm)

    def silence(self, samples: int, ready_ns: int) -> None:
        """Append digital silence; its length costs no memory."""
        if samples > 0:
            self._parts.append((None, samples, ready_ns))
            self._waiting += samples

    def note(self, event: SessionEvent) -> None:
        """Hand an event to the micro-turn in which it begins, or to the next one if that was cut already."""
        self._events.append(event)

    def pop(self) -> CutTurn | None:
        """The next micro-turn, if it is complete."""
        if self._waiting < TURN_SAMPLES:
            return None
        pieces: list[Pcm] = []
        need, ready_ns = TURN_SAMPLES, 0
        while need:
            pcm, count, ready_ns = self._parts.popleft()
            used = min(count, need)
            pieces.append(np.zeros(used, np.int16) if pcm is None else pcm[:used])
            if used < count:
                self._parts.appendleft((None if pcm is None else pcm[used:], count - used, ready_ns))
            need -= used
        end_ns = (self._index + 1) * TURN_NS
        events = tuple(sorted((e for e in self._events if e.t_ns < end_ns), key=lambda e: e.t_ns))
        self._events = [e for e in self._events if e.t_ns >= end_ns]
        turn = CutTurn(self._index, pieces[0] if len(pieces) == 1 else np.concatenate(pieces), ready_ns, events)
        self._index += 1
        self._waiting -= TURN_SAMPLES
        return turn
