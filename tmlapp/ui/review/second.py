"""A second recording of the same input, locked to the first: its picture, its lanes, its sound at the same place."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tmlapp.bench.review.apart import lanes_of
from tmlapp.bench.review.lanes import Lanes
from tmlapp.bench.review.same import Sameness, same_input
from tmlapp.recording.peaks import Peaks
from tmlapp.ui.review.lanes import ReviewLanes
from tmlapp.ui.review.opening import Opened, make_peaks, open_now, sound_of
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace


class Second:
    """What belongs to the second recording; empty until one is opened."""

    def __init__(self, page: ReviewWorkspace) -> None:
        self._page = page
        self._serial = 0
        self.opened: Opened | None = None
        self.lanes = ReviewLanes("B")
        self.peaks: dict[str, Peaks] = {}
        self.sameness: Sameness | None = None
        self.found: Lanes | None = None

    @property
    def path(self) -> Path | None:
        return self.opened.review.path if self.opened is not None else None

    def open(self, path: Path) -> None:
        """Open `path` at the cursor of the first one."""
        self._serial += 1
        at_s = self._page.axis.cursor_ns / 1e9
        self._page.aside.work(lambda: open_now(path, at_s), partial(self._opened, self._serial))

    def close(self) -> None:
        """Only the first one is left."""
        self._serial += 1
        if self.opened is not None:
            self.opened, self.sameness, self.found = None, None, None
            self.peaks = {}
            self.lanes = ReviewLanes("B")
            self._page.second_changed()

    def _opened(self, serial: int, opened: Opened) -> None:
        first = self._page.opened
        if serial != self._serial or first is None:
            return
        self.lanes = ReviewLanes("B")
        self.opened, self.peaks, self.sameness, self.found = opened, {}, None, None
        self._page.second_changed()
        for topic in ("/model/heard", "/mic"):
            if topic in opened.peaks:
                self._made(serial, topic, opened.peaks[topic])
            elif topic in opened.missing:
                self.lanes.wave(topic).set_waiting(tr("Making the waveform…"))
                job = partial(make_peaks, opened.review, topic, lambda: serial != self._serial)
                self._page.aside.work(job, partial(self._made, serial, topic))
        self._page.aside.work(lambda: lanes_of(opened.review), partial(self._read, serial))
        compare = partial(same_input, first.review.recording, opened.review.recording)
        self._page.aside.work(compare, partial(self._compared, serial))

    def _made(self, serial: int, topic: str, peaks: Peaks | None) -> None:
        if serial == self._serial and self.opened is not None and peaks is not None:
            self.peaks[topic] = peaks
            sound = sound_of(self.opened.review.recording, topic, peaks)
            self.lanes.wave(topic).set_peaks(peaks, sound.read, self._page.aside.work)
            self._page.set_choices()

    def _read(self, serial: int, found: Lanes) -> None:
        if serial == self._serial:
            self.found = found
            self._page.fill_lanes()

    def _compared(self, serial: int, found: Sameness) -> None:
        if serial == self._serial:
            self.sameness = found
            self._page.status.say("note", found.text)
