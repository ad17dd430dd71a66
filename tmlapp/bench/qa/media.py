"""Sound and picture of the stretch of a try, cut from the recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tmlapp.bench.qa.view import TryView
from tmlapp.bench.runs.lines import write_whole
from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.export.clip import has_media, write_mp4
from tmlapp.recording.export.pace import Pace
from tmlapp.recording.export.sound import write_wav
from tmlapp.recording.reader import Recording

LONGEST_NS = 300 * NS_PER_S
"""Of a longer try only the beginning is cut; the recording has the rest."""

STILLS = 8
_LEAST_NS = NS_PER_S // 10


@dataclass(frozen=True, slots=True)
class Cut:
    """What shows a try: files, and still pictures where there is no film; `note` says what is left out."""

    start_ns: int
    files: tuple[Path, ...] = ()
    stills: tuple[Frame, ...] = ()
    note: str = ""


@dataclass(slots=True)
class Stretches:
    """Cuts of one recording, written to `folder/media`."""

    recording: Recording
    folder: Path
    pace: Pace
    written: list[Path] = field(default_factory=list)

    def of(self, step: str, tried: TryView, total: int) -> Cut:
        """Sound and picture of this try, one of `total`; where they cannot be cut, the note says why.

        Raises:
            StoppedError: the report is no longer wanted.
        """
        start, end = tried.tried.start_ns, min(tried.end_ns, self.recording.duration_ns)
        note = ""
        if end - start > LONGEST_NS:
            end, note = start + LONGEST_NS, f"Only the first {LONGEST_NS // NS_PER_S} s are shown here."
        if end - start < _LEAST_NS:
            return Cut(start, note="The step was too short to be shown.")
        self.pace.at(len(self.written) / max(1, total))
        try:
            return self._cut(self.folder / "media" / f"{step}-{tried.tried.number}", start, end, note)
        except AppError as error:
            # What was found is worth more than its pictures: the report is written without them, and says so.
            return Cut(start, note=f"{error.what} {error.why}")

    def _cut(self, path: Path, start: int, end: int, note: str) -> Cut:
        if has_media() and next(self.recording.frames(start, end), None) is not None:
            film = write_mp4(self.recording, path.with_suffix(".mp4"), start_ns=start, end_ns=end, force=True)
            self.written.append(film)
            return Cut(start, (film,), note=note)
        sound = write_wav(self.recording, path.with_suffix(".wav"), start_ns=start, end_ns=end, force=True)
        self.written.append(sound)
        return Cut(start, (sound,), tuple(self._stills(start, end)), note)

    def keep(self, name: str, data: bytes) -> None:
        """Write a still beside the page, which has no room for it."""
        path = self.folder / "media" / name
        write_whole(path, data)
        self.written.append(path)

    def _stills(self, start: int, end: int) -> Iterator[Frame]:
        last = -1
        for k in range(STILLS):
            frame = next(self.recording.frames(start + (end - start) * k // STILLS, end), None)
            if frame is not None and frame.t_ns > last:
                last = frame.t_ns
                yield frame


def still_name(step: str, tried: TryView, still: Frame) -> str:
    """Name of the file of a still picture."""
    return f"{step}-{tried.tried.number}-{still.t_ns // 1_000_000}ms.jpg"
