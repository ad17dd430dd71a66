"""Stretches of speech in a stream of sound, from the probability of voice in each window of 32 ms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ
from tmlapp.endpoints.hearing.silero import WINDOW, SileroGraph

ON, OFF = 0.5, 0.35
"""Probability from which voice sets in, and under which a window is silent."""
FIRST = 2
"""Windows in a row that must be voiced before a stretch begins."""
LEAST = 4
"""Windows of voice that a stretch has at least; less is a click."""
SHORT_S = 0.8
"""Speech of this length is judged when it has ended; longer speech is followed, by what its beginning was like."""
BEFORE_S, AFTER_S = 0.25, 0.20
"""Of the sound around a stretch that the recogniser gets: voice activity finds soft beginnings late."""
KEEP_S = 16.0
"""Sound that is remembered; a longer stretch is cut at its beginning."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech between two silences.

    Attributes:
        from_sample, to_sample: first and last voiced window of the stream.
        pcm: int16 with what lies around it.
        lead: samples of `pcm` before `from_sample`.
    """

    from_sample: int
    to_sample: int
    pcm: Pcm
    lead: int

    @property
    def seconds(self) -> float:
        return (self.to_sample - self.from_sample) / SAMPLE_RATE_HZ

    @property
    def long(self) -> bool:
        """It is followed while it goes on."""
        return self.seconds >= SHORT_S

    @property
    def beginning(self) -> Pcm:
        """Until `SHORT_S` after the onset, with what lies before."""
        return self.pcm[: self.lead + int(SHORT_S * SAMPLE_RATE_HZ)]

    @property
    def above_noise_db(self) -> float:
        """Level at the beginning of the speech over what was just before it; infinite where nothing was."""
        # The last windows before an onset hold its soft beginning.
        before = self.pcm[: max(0, self.lead - 2 * WINDOW)].astype(np.float64)
        end = self.lead + self.to_sample - self.from_sample
        voiced = self.beginning[self.lead : end].astype(np.float64)
        noise = float(np.square(before).mean()) if len(before) else 0.0
        level = float(np.square(voiced).mean())
        return 10 * math.log10(level / noise) if noise and level else math.inf


class Stretches:
    """Finds stretches in one stream at 16 kHz; the outcome does not depend on how it is cut into pieces."""

    def __init__(self, graph: SileroGraph) -> None:
        self._stream = graph.stream(renewed=True)
        self._sound: Pcm = np.zeros(0, np.int16)
        self._sound_at = 0
        self._window = 0
        self._from: int | None = None
        self._last = 0
        self._voiced = 0
        self._run = 0
        self.probability = 0.0

    @property
    def speaking_since(self) -> int | None:
        """Sample at which the stretch that goes on began; None while nobody speaks."""
        return None if self._from is None else self._from * WINDOW

    @property
    def silent_since(self) -> int:
        """Sample behind the last voiced window."""
        return (self._last + 1) * WINDOW

    @property
    def going_on(self) -> Stretch | None:
        """What was said so far of the stretch that goes on, without silence behind it that may be its end."""
        return None if self._from is None else self._cut(self._from)

    def push(self, pcm: Pcm, silence_ms: int) -> list[Stretch]:
        """Stretches that end in `pcm` (int16 [n]), after `silence_ms` without voice."""
        self._sound = np.concatenate([self._sound, pcm])
        probabilities = self._stream.push(pcm)
        self.probability = max(probabilities, default=0.0)
        limit = max(1, round(silence_ms * SAMPLE_RATE_HZ / 1000 / WINDOW))
        found = [stretch for p in probabilities if (stretch := self._one(p, limit)) is not None]
        self._forget()
        return found

    def _one(self, probability: float, limit: int) -> Stretch | None:
        index = self._window
        self._window += 1
        if self._from is None:
            self._run = self._run + 1 if probability >= ON else 0
            if self._run < FIRST:
                return None
            self._from, self._last, self._voiced = index - FIRST + 1, index, FIRST
            return None
        if probability >= OFF:
            self._last = index
            self._voiced += 1
            return None
        if index - self._last < limit:
            return None
        return self._ended()

    def _ended(self) -> Stretch | None:
        found = self._cut(self._from or 0) if self._voiced >= LEAST else None
        self._from, self._run = None, 0
        return found

    def _cut(self, window: int) -> Stretch:
        first, last = window * WINDOW, self.silent_since
        begin = max(self._sound_at, first - int(BEFORE_S * SAMPLE_RATE_HZ))
        end = last + int(AFTER_S * SAMPLE_RATE_HZ)
        pcm = self._sound[begin - self._sound_at : end - self._sound_at]
        return Stretch(first, last, pcm.copy(), max(0, first - begin))

    def _forget(self) -> None:
        surplus = len(self._sound) - int(KEEP_S * SAMPLE_RATE_HZ)
        if surplus > 0:
            self._sound = self._sound[surplus:]
            self._sound_at += surplus
