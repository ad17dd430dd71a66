"""What the Library asks of the program below: catalogue, reading processes, actions on files. No Qt; may block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.catalogue.jobs import EXPORT, RECOVER, VERIFY
from tmlapp.bench.catalogue.pictures import MAKE, Wanted
from tmlapp.bench.catalogue.probe import with_sidecars
from tmlapp.bench.catalogue.refresh import Progress, Refreshed, refresh, usual_workers
from tmlapp.bench.catalogue.store import Catalogue
from tmlapp.bench.catalogue.workers import Failed, Workers
from tmlapp.core.errors import AppError
from tmlapp.recording.names import base_of, candidates
from tmlapp.recording.recover import RecoveryReport
from tmlapp.recording.thumbnail import Thumbnail
from tmlapp.recording.verify import VerifyReport


class Shelf:
    """The catalogue with its processes; everything ends with `close`."""

    def __init__(self, cache: Path | None = None) -> None:
        self.catalogue = Catalogue.open(cache)
        self._readers = Workers(usual_workers())
        self._painter = Workers(1)
        self._doer = Workers(1)
        self._closed = False

    def close(self) -> None:
        """End the processes, close the database."""
        self._closed = True
        for workers in (self._readers, self._painter, self._doer):
            workers.close()
        self.catalogue.close()

    def look(
        self, roots: Sequence[Path], progress: Callable[[Progress], None], cancelled: Callable[[], bool]
    ) -> Refreshed:
        """Bring the catalogue up to date with the files.

        Raises:
            AppError: the catalogue cannot be used.
        """
        return refresh(
            self.catalogue,
            roots,
            workers=self._readers,
            progress=progress,
            cancelled=lambda: self._closed or cancelled(),
        )

    def thumbnails(self, wanted: Sequence[Wanted]) -> dict[str, Thumbnail]:
        """Thumbnails by key; an empty one where none can be made."""
        made: dict[str, Thumbnail] = {}

        def keep(number: int, result: Thumbnail | Failed) -> None:
            made[wanted[number].key] = Thumbnail() if isinstance(result, Failed) else result

        self._painter.run(MAKE, list(wanted), keep, lambda: self._closed)
        return made

    def verify(self, entry: Entry) -> VerifyReport:
        """Is it whole? What is not is damaged from now on in the catalogue, too, until the file changes.

        Raises:
            AppError: it cannot be read, or the catalogue cannot be written.
        """
        report: VerifyReport = self._doer.call(VERIFY, entry.path)
        if report.problems and entry.state == "ok":
            self.catalogue.set_state([entry.id], "damaged", f"It is not whole: {report.problems[0]}.")
        return report

    def recover(self, entry: Entry) -> RecoveryReport:
        """Repair it into a recording beside it.

        Raises:
            AppError: nothing can be saved.
        """
        report: RecoveryReport = self._doer.call(RECOVER, entry.path)
        return report

    def export(self, entry: Entry) -> Path:
        """Export it to a new folder beside it; the folder.

        Raises:
            AppError: it is damaged, or the folder cannot be written.
        """
        if entry.kind != "recording" or entry.state != "ok":
            raise AppError(
                f"{entry.name} cannot be exported.",
                "Only whole recordings can.",
                "Recover it first, or choose another.",
            )
        names = candidates(f"{base_of(entry.path)} export")
        folder = next(p for n in names if not (p := entry.path.with_name(n)).exists())
        self._doer.call(EXPORT, (entry.path, folder))
        return folder

    def reread(self, entry: Entry) -> Entry:
        """The row of `entry` with what lies beside it now, kept in the catalogue.

        Raises:
            AppError: the catalogue cannot be written.
        """
        fresh = with_sidecars(entry) if entry.kind == "recording" else entry
        self.catalogue.put([fresh])
        return fresh
