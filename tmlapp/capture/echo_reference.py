"""What the loudspeaker plays, on the axis of the microphone's samples: the echo canceller's second input.

Two streams are counted, sample by sample: what the sound card was handed, and what the microphone gave. When a
micro-turn is complete, everything handed over by then stands beside its last sample. Nothing sounds before it was
handed over and nothing is captured after it was delivered, so the reference never comes after its echo, whatever
latencies the devices claim, and it is always there when it is needed: no micro-turn waits for it. The whole way
through both devices and the room is left for the canceller, which finds a delay of up to half a second by itself.

Where the two run on clocks of their own, the reference is brought onto the microphone's: see `drift`.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from tmlapp.capture.drift import REACH, Drift, between
from tmlapp.capture.playtap import PlayTap
from tmlapp.core.media import Pcm
from tmlapp.core.resample import Resampler
from tmlapp.core.units import NS_PER_MS, SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES

_MARGIN = SAMPLE_RATE_HZ * 5 // 1000
"""Callbacks are late by chance; so much more may they be before the two streams have to be aligned anew."""

_SLACK = SAMPLE_RATE_HZ * 60 // 1000
"""The two clocks may drift apart by this much: each new alignment costs the canceller a second or so."""

_STEP_NS = 50 * NS_PER_MS
_RECENT = 15
_KEPT = 2 * SAMPLE_RATE_HZ


class EchoReference:
    """Follows one session; one thread. Begins anew when the loudspeaker was reopened or the microphone stood still.

    Attributes:
        moved: with the newest micro-turn the two streams were aligned anew.
    """

    def __init__(self) -> None:
        self._tap: PlayTap | None = None
        self._mic_end = 0
        self._mono_ns: int | None = None
        self._end: float | None = None
        self._drift = Drift()
        self._leads: deque[int] = deque(maxlen=_RECENT)
        self.moved = False

    def turn(self, tap: PlayTap | None, mono_ns: int, ready_ns: int) -> Pcm:
        """The reference for the next micro-turn.

        Args:
            tap: of the stream that plays now; None while there is none.
            mono_ns, ready_ns: monotonic time of the micro-turn's first sample, and when its last one was there.

        Returns:
            int16 [3200] at 16 kHz; zeros where nothing was played.
        """
        stood = self._mono_ns is not None and abs(mono_ns - self._mono_ns - TURN_NS) > _STEP_NS
        self._mono_ns, self.moved = mono_ns, False
        if tap is not self._tap or stood:
            self._tap, self._mic_end, self._end = tap, 0, None
            self._drift = Drift()
            self._leads.clear()
            if tap is not None:
                self._begin(tap, tap.read(tap.handed - tap.rate_hz).first)
        if tap is None:
            return np.zeros(TURN_SAMPLES, np.int16)
        self._take(tap)
        self._mic_end += TURN_SAMPLES
        self._leads.append(tap.handed_by(ready_ns) * SAMPLE_RATE_HZ // tap.rate_hz - self._mic_end)
        # Before its first callback a sound card does not count.
        if (handed := tap.handed_at(ready_ns)) > 0:
            self._drift.push(self._mic_end, handed * SAMPLE_RATE_HZ / tap.rate_hz)
        there = self._mic_end + min(self._leads)
        if self._end is not None:
            self._end += TURN_SAMPLES * self._drift.rate
        if self._end is None or not self._end <= there <= self._end + _SLACK:
            self._end, self.moved = there - _MARGIN, True
        return self._cut(self._end)

    def _begin(self, tap: PlayTap, frame: int) -> None:
        self._resampler = Resampler(tap.rate_hz, SAMPLE_RATE_HZ)
        self._next = frame
        self._first = frame * SAMPLE_RATE_HZ // tap.rate_hz
        self._pcm: Pcm = np.zeros(0, np.int16)

    def _take(self, tap: PlayTap) -> None:
        first, new = tap.read(self._next)
        if first > self._next:
            # The engine stood still for longer than the tap remembers.
            self._begin(tap, first)
        self._next = first + len(new)
        pcm = np.concatenate((self._pcm, self._resampler.push(new)))
        self._first += max(0, len(pcm) - _KEPT)
        self._pcm = pcm[-_KEPT:]

    def _cut(self, end: float) -> Pcm:
        """What was played in the micro-turn that ends beside sample `end`; silence before the first sample."""
        rate = self._drift.rate
        around = REACH if rate != 1.0 or end % 1 else 0
        first = math.floor(end - TURN_SAMPLES * rate) - around
        last = math.ceil(end) + around
        found: Pcm = np.zeros(last - first, np.int16)
        at = first - self._first
        part = self._pcm[max(0, at) : max(0, at + len(found))]
        begin = max(0, -at)
        found[begin : begin + len(part)] = part
        if not around:
            return found
        return between(found, end - first - rate * np.arange(TURN_SAMPLES, 0, -1, dtype=np.float64))
