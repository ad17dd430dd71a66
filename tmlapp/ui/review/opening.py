"""What is read of a recording before it is on the screen, and what follows; all of it on worker threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tmlapp.bench.review.apart import APART_FROM
from tmlapp.bench.review.opened import Review, open_review
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S
from tmlapp.live.player_sound import LazySound
from tmlapp.recording.apart import StoppedError, run_apart
from tmlapp.recording.peak_cache import PeakCache, peaks_aside, peaks_of
from tmlapp.recording.peaks import Peaks
from tmlapp.recording.reader import PROCESSED, Recording
from tmlapp.recording.verify import verify
from tmlapp.ui.review.frames import Shown, picture_at

_HERE_BYTES = 16 * 1024 * 1024
_SHOWN = ("/mic", PROCESSED, "/model/heard")
"""What is on the screen at once; the others are read when these are drawn."""
TRACKS = (*_SHOWN, "/model/audio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A recording as far as it is there at once.

    Attributes:
        peaks: waveforms that were kept from the last time; the others have to be made (`missing`).
        picture: at the place where it was opened; None without a camera.
    """

    review: Review
    peaks: dict[str, Peaks] = field(default_factory=dict)
    picture: Shown | None = None
    at_ns: int = 0

    @property
    def missing(self) -> list[str]:
        return [topic for topic in TRACKS if topic in self.review.tracks and topic not in self.peaks]


def open_now(path: Path, at_s: float | None) -> Opened:
    """Index, first picture and the waveforms that are in the cache.

    Raises:
        AppError: as `Recording.open`.
    """
    review = open_review(path)
    at_ns = min(max(0, round((at_s or 0.0) * NS_PER_S)), review.duration_ns)
    cache = PeakCache.of_user()
    found = {topic: cache.get(path, topic) for topic in _SHOWN if topic in review.tracks}
    return Opened(
        review=review,
        peaks={topic: peaks for topic, peaks in found.items() if peaks is not None},
        picture=picture_at(review.recording, at_ns) if "/camera" in review.tracks else None,
        at_ns=at_ns,
    )


def make_peaks(review: Review, topic: str, cancelled: Callable[[], bool]) -> Peaks | None:
    """A waveform, made in another process where it is long; None where it was cancelled.

    Raises:
        AppError: the recording is damaged.
    """
    if review.messages < APART_FROM:
        return peaks_of(review.recording, topic)
    try:
        return peaks_aside(review.path, topic, cancelled=cancelled)
    except StoppedError:
        return None


def sound_of(recording: Recording, topic: str, peaks: Peaks) -> LazySound:
    """A track of `recording` to be played, or looked at closely; `peaks` tells its rate and length."""
    rate_hz = peaks.rate_hz

    def load(start: int, end: int) -> Pcm:
        # Rounded up, so that going back to samples gives the same numbers.
        return recording.audio(topic, -(-start * NS_PER_S // rate_hz), -(-end * NS_PER_S // rate_hz))[0]

    return LazySound(load, peaks.samples, rate_hz)


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a recording is whole: its digest, and what is wrong with it."""

    ok: bool
    sha256: str
    problems: tuple[str, ...] = ()


def check(path: Path, cancelled: Callable[[], bool]) -> Checked | None:
    """Verify a recording, a large one in a process of its own; None where it was cancelled.

    Raises:
        AppError: it cannot be read at all.
    """
    if path.stat().st_size <= _HERE_BYTES:
        return Checked(*verified(path))
    try:
        ok, sha256, problems = run_apart(verified, path, cancelled=cancelled)
    except StoppedError:
        return None
    return Checked(ok, sha256, problems)


def verified(path: Path, _tell: Callable[[float], object] = lambda _: None) -> tuple[bool, str, tuple[str, ...]]:
    """The other process's part."""
    report = verify(path)
    return report.ok, report.sha256, tuple(report.problems)
