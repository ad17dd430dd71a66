"""The picture and the sound of a file side by side on session time."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import replace

import numpy as np

from tmlapp.capture.media_file import PictureSource
from tmlapp.capture.padding import HeldPictures
from tmlapp.capture.sound_file import SoundTrack
from tmlapp.core.event import Notice, SessionEvent
from tmlapp.core.media import Frame, Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_SAMPLES, samples_to_ns

TIME_GRAIN_NS = NS_PER_MS
"""Containers round picture times to this; it must not cost a whole micro-turn at the end."""

_TELL_SHORTER_NS = NS_PER_S // 2


class Tracks:
    """The two tracks side by side on session time, each going on in its own way after its end."""

    def __init__(
        self,
        pictures: PictureSource | None,
        sound: SoundTrack | None,
        pictures_ns: int,
        sound_start: int,
        seed: int,
        quality: int,
        encoder: Executor,
    ) -> None:
        self._source = pictures
        self._pictures_ns = pictures_ns
        self._held: HeldPictures | None = None
        if pictures is not None:
            self._held = HeldPictures(pictures, first_ns=pictures_ns, seed=seed, jpeg_quality=quality, encoder=encoder)
        self._sound = sound
        self._sound_start = sound_start
        self._samples = 0
        self._sound_end_ns: int | None = None
        self._told = False

    def frames(self, limit_ns: int) -> list[Future[Frame]]:
        """Frames before `limit_ns` that were not given yet, being encoded."""
        return self._held.until(limit_ns) if self._held else []

    def pcm(self) -> Pcm:
        """The next 3,200 samples; silence before and after the sound."""
        turn = np.zeros(TURN_SAMPLES, np.int16)
        lead = min(max(0, self._sound_start - self._samples), TURN_SAMPLES)
        if self._sound is not None and self._sound_end_ns is None and lead < TURN_SAMPLES:
            heard = self._sound.read(TURN_SAMPLES - lead)
            turn[lead : lead + len(heard)] = heard
            if len(heard) < TURN_SAMPLES - lead:
                self._sound_end_ns = samples_to_ns(self._samples + lead + len(heard))
        self._samples += TURN_SAMPLES
        return turn

    def events(self) -> list[SessionEvent]:
        """What the sources found, on session time."""
        found: list[SessionEvent] = []
        if self._source is not None:
            found += [replace(e, t_ns=e.t_ns + self._pictures_ns) for e in self._source.take_events()]
        if self._sound is not None:
            start_ns = samples_to_ns(self._sound_start)
            found += [replace(e, t_ns=e.t_ns + start_ns) for e in self._sound.take_events()]
        return found + self._one_ended_first()

    def _one_ended_first(self) -> list[SessionEvent]:
        if self._told or self._held is None or self._sound is None or self.end_ns() is None:
            return []
        self._told = True
        picture_ns, sound_ns = self._held.end_ns or 0, self._sound_end_ns or 0
        if abs(picture_ns - sound_ns) < _TELL_SHORTER_NS:
            return []
        first, then = ("sound", "silence follows") if sound_ns < picture_ns else ("picture", "its last frame stays")
        what = f"The {first} ends at {min(picture_ns, sound_ns) / NS_PER_S:.2f} s; {then}."
        return [Notice(t_ns=min(picture_ns, sound_ns), level="info", what=what)]

    def end_ns(self) -> int | None:
        """Session time at which the longer track ended; None while one still runs."""
        ends: list[int | None] = []
        if self._held is not None:
            end_ns = self._held.end_ns
            ends.append(None if end_ns is None else end_ns - TIME_GRAIN_NS)
        if self._sound is not None:
            ends.append(self._sound_end_ns)
        known = [e for e in ends if e is not None]
        return max(known) if len(known) == len(ends) else None
