"""What is read while the page stands already: newest recordings, waveforms, lanes, why, checks, repairs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tmlapp.bench.review.apart import StoppedError, lanes_of
from tmlapp.bench.review.lanes import Lanes, Output
from tmlapp.bench.review.why import Voice, Why, voice_detector, why
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.live.player_sound import LazySound, Sound
from tmlapp.recording.names import PART
from tmlapp.recording.peaks import Peaks
from tmlapp.recording.reader import PROCESSED, Recording
from tmlapp.recording.recover import recover
from tmlapp.ui.review.opening import TRACKS, Checked, Opened, check, make_peaks, open_now, sound_of
from tmlapp.ui.text import tr

if TYPE_CHECKING:
    from tmlapp.ui.review.workspace import ReviewWorkspace

NEWEST = 12
CHECKED_BYTES = 256 * 1024 * 1024
"""A recording up to this size is verified when it is opened; a larger one when it is asked for."""
EAR = "ear"
"""The choice of the player that is only what the model heard of the person."""

_EMPTY = {
    "/mic": "no microphone in this recording",
    "/model/heard": "nothing was played",
    "/model/audio": "no sound came from the model",
}


class Reading:
    """Jobs of one page; what belongs to a recording that is not open any more is dropped."""

    def __init__(self, page: ReviewWorkspace) -> None:
        self._page = page
        self._serial = 0
        self._asked_why = 0
        self._voice: Voice | None = None
        self._listens = True
        self._voice_lock = threading.Lock()
        self.find_voice: Callable[[], Voice] = voice_detector
        self.sounds: dict[str, LazySound] = {}
        self.checked: Checked | None = None
        self.verifying = False
        self.asked: Path | None = None
        self.unreadable: Path | None = None
        self.checks_up_to = CHECKED_BYTES

    def stop(self) -> None:
        """The window closes."""
        self._serial += 1

    def list_newest(self) -> None:
        """Fill the list of the empty page."""
        folder = self._page.host.settings.recordings_dir
        self._page.aside.work(lambda: newest_in(folder), self._page.show_newest)

    def open(self, path: Path, at_s: float | None) -> None:
        self._serial += 1
        self.asked = path
        self._page.show_note(tr("Opening {name}…").format(name=self._page.naming.name_of(path)))
        serial = self._serial
        self._page.aside.work(
            lambda: open_now(path, at_s), partial(self._opened, serial), partial(self._not_opened, serial, path)
        )

    def _not_opened(self, serial: int, path: Path, error: AppError) -> None:
        if serial == self._serial:
            self._page.show_note("")
            # Only what this app has written can be repaired; a foreign file is named as such.
            mends = path.name.endswith(PART) or "tmlapp recover" in error.fix
            self._page.show_unreadable(path if mends else None, error)

    def _opened(self, serial: int, opened: Opened) -> None:
        if serial != self._serial:
            return
        page, review = self._page, opened.review
        self.sounds, self.checked, self.unreadable, self.verifying = {}, None, None, False
        page.show_opened(opened)
        page.set_choices()
        if page.host.actions_[f"review.{EAR}"].isChecked():
            page.hear("A")
        for topic in TRACKS:
            if topic in opened.peaks:
                self._made(serial, topic, opened.peaks[topic])
            elif topic in review.tracks:
                page.lanes.wave(topic).set_waiting(tr("Making the waveform…"))
                job = partial(make_peaks, review, topic, self.overtaken(serial))
                page.aside.work(job, partial(self._made, serial, topic))
            elif topic in _EMPTY:
                page.lanes.wave(topic).set_waiting(tr(_EMPTY[topic]))
        page.aside.work(partial(self._lanes, opened, serial), partial(self._read, serial))
        if review.path.stat().st_size <= self.checks_up_to:
            self.verify()

    def _lanes(self, opened: Opened, serial: int) -> Lanes | None:
        try:
            return lanes_of(opened.review, cancelled=self.overtaken(serial))
        except StoppedError:
            return None

    def overtaken(self, serial: int) -> Callable[[], bool]:
        """Asks whether another recording was opened since, or the window was closed."""
        return lambda: serial != self._serial

    def _made(self, serial: int, topic: str, peaks: Peaks | None) -> None:
        if serial != self._serial or self._page.opened is None or peaks is None:
            return
        sound = self.sound(self._page.opened.review.recording, topic, peaks)
        lanes = self._page.lanes
        lanes.wave(topic).set_peaks(peaks, sound.read, self._page.aside.work)
        if topic == "/mic":
            lanes.spectrogram.set_track(sound.read, peaks.samples, peaks.rate_hz, self._page.aside.work)
        if topic != "/model/audio":
            self.sounds[topic] = sound
            self._page.set_choices()
        if topic == "/model/heard":
            # The first play would wait for the places of its pieces.
            self._page.aside.work(partial(self._page.opened.review.recording.places, topic), lambda _: None)

    def _read(self, serial: int, found: Lanes | None) -> None:
        if serial == self._serial and found is not None:
            self._page.show_lanes(found)

    def choices(self) -> dict[str, list[Sound]]:
        """What can be heard of the first recording: you and the model; or only what the model heard of you."""
        mixed: list[Sound] = [sound for topic, sound in self.sounds.items() if topic != PROCESSED]
        alone: list[Sound] = [self.sounds[PROCESSED]] if PROCESSED in self.sounds else []
        return {"A": mixed, EAR: alone}

    @staticmethod
    def sound(recording: Recording, topic: str, peaks: Peaks) -> LazySound:
        """A track to be played."""
        return sound_of(recording, topic, peaks)

    # ------------------------------------------------------------------ why

    def ask_why(self, found: Lanes, output: Output) -> None:
        """Explain `output`; a question that was overtaken by another one is not answered."""
        opened = self._page.opened
        if opened is None:
            return
        self._asked_why += 1
        asked, serial = self._asked_why, self._serial

        def job() -> Why | None:
            if asked != self._asked_why:
                return None
            return why(opened.review.recording, found, output, voice=self._user_voice if self._listens else None)

        def done(answer: Why | None) -> None:
            if answer is not None and asked == self._asked_why and serial == self._serial:
                self._page.show_why(answer)

        def failed(error: AppError) -> None:
            self._page.show_error(error)
            if self._listens and self._voice is None:
                # Everything but the voice can still be told.
                self._listens = False
                self.ask_why(found, output)

        self._page.aside.work(job, done, failed)

    def _user_voice(self, pcm: Pcm) -> Sequence[tuple[float, float]]:
        # Made on the worker by the first question, then kept; it serves one thread at a time.
        with self._voice_lock:
            if self._voice is None:
                self._voice = self.find_voice()
            return self._voice(pcm)

    # ------------------------------------------------------------------ whole and broken files

    def verify(self) -> None:
        """Check the whole file, in another process."""
        path, serial = self._page.path, self._serial
        if path is not None:
            self.verifying = True
            self._page.naming.show_file()
            self._page.aside.work(
                lambda: check(path, self.overtaken(serial)),
                partial(self._verified, serial),
                partial(self._not_verified, serial),
            )

    def _verified(self, serial: int, checked: Checked | None) -> None:
        if serial == self._serial:
            self.checked, self.verifying = checked, False
            self._page.naming.show_file()

    def _not_verified(self, serial: int, error: AppError) -> None:
        self._verified(serial, None)
        self._page.show_error(error)

    def recover(self) -> None:
        """Repair what could not be opened, and open the result."""
        path = self.unreadable
        if path is not None:
            self._page.show_note(tr("Recovering {name}…").format(name=self._page.naming.name_of(path)))
            self._page.aside.work(lambda: recover(path).path, self._page.open)


def newest_in(folder: Path) -> list[Path]:
    """The newest recordings of a folder, unfinished ones as well."""
    if not folder.is_dir():
        return []
    known = [p for p in folder.iterdir() if p.name.endswith((".mcap", PART))]
    dated = []
    for path in known:
        try:
            dated.append((path.stat().st_mtime_ns, path))
        except OSError:
            # Renamed or removed since the folder was read.
            continue
    return [path for _, path in sorted(dated, reverse=True)[:NEWEST]]
