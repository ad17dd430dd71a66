"""Turns of a model that never says when it begins or ends to speak: found in its sound, by a convention of ours.

A turn begins with the first piece of sound whose peak reaches -54 dBFS and is done after 600 ms below it, counted in
samples. The convention names stretches for the window and the transcript; nothing is graded by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from tmlapp.core.event import AudioOut, EndpointEvent, MediaKind, TurnDone, TurnStarted
from tmlapp.core.units import NS_PER_MS, ns_to_samples, samples_to_ns

AUDIBLE_DBFS = -54.0
QUIET_MS = 600


class Loudness:
    """Finds turns in a stream of `AudioOut`; pure counting, no clock.

    Args:
        quiet_ms: so much quiet ends a turn.
        audible_dbfs: peak from which on sound counts as speech.
        epoch: of the connection; it keeps the names of turns apart.
    """

    def __init__(self, *, quiet_ms: float = QUIET_MS, audible_dbfs: float = AUDIBLE_DBFS, epoch: int = 0) -> None:
        self._quiet_ns = round(quiet_ms * NS_PER_MS)
        self._floor = max(1, round(32768 * 10 ** (audible_dbfs / 20)))
        self._epoch = epoch
        self._turns = 0
        self._open = False
        self._quiet = 0
        self._loud_until_ns: int | None = None
        self._kind: MediaKind | None = None

    @property
    def turn_id(self) -> str | None:
        """Name of the turn that is going on; None while the model is quiet."""
        return f"turn-{self._epoch}-{self._turns}" if self._open else None

    def feed(self, audio: AudioOut) -> Sequence[EndpointEvent]:
        """`audio` with the turn's name as item and response, after the beginning and before the end of a turn."""
        pcm = np.frombuffer(audio.pcm16, "<i2")
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= self._floor)
        events: list[EndpointEvent] = []
        if len(loud):
            if not self._open:
                self._open = True
                self._turns += 1
                events.append(self._started(audio, int(loud[0])))
            self._quiet = len(pcm) - 1 - int(loud[-1])
            self._loud_until_ns = _at(audio, int(loud[-1]) + 1)
        else:
            self._quiet += len(pcm)
        name = self.turn_id
        events.append(replace(audio, item_id=name, response_id=name) if name else audio)
        if self._open and self._quiet >= ns_to_samples(self._quiet_ns, audio.rate):
            events += self.end("completed")
        return events

    def end(
        self, status: Literal["completed", "cancelled", "incomplete", "failed"] = "incomplete", reason: str = ""
    ) -> Sequence[TurnDone]:
        """The turn that is going on ends here; nothing where there is none."""
        name, at_ns = self.turn_id, self._loud_until_ns
        if name is None:
            return ()
        self._open = False
        return (TurnDone(status=status, reason=reason, response_id=name, t_media_ns=at_ns, media_kind=self._kind),)

    def _started(self, audio: AudioOut, sample: int) -> TurnStarted:
        at_ns = _at(audio, sample)
        self._kind = audio.media_kind
        name = self.turn_id
        return TurnStarted(item_id=name, response_id=name, t_media_ns=at_ns, media_kind=self._kind)


def _at(audio: AudioOut, sample: int) -> int | None:
    """Media time of a sample of `audio`."""
    return None if audio.t_media_ns is None else audio.t_media_ns + samples_to_ns(sample, audio.rate)
