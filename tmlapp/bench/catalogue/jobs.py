"""Long work on one recording, for a worker process: each takes and returns values that fit through a pipe."""

from __future__ import annotations

from pathlib import Path

from tmlapp.recording.recover import RecoveryReport, recover
from tmlapp.recording.verify import VerifyReport, verify

VERIFY = "tmlapp.bench.catalogue.jobs:verified"
RECOVER = "tmlapp.bench.catalogue.jobs:recovered"
EXPORT = "tmlapp.bench.catalogue.jobs:exported"


def verified(path: Path) -> VerifyReport:
    """Read everything in `path`, and say what is wrong.

    Raises:
        AppError: it cannot be read.
    """
    report = verify(path)
    report.digests = {}
    return report


def recovered(path: Path) -> RecoveryReport:
    """Repair `path` into a recording beside it.

    Raises:
        AppError: it is still being written, or nothing can be saved.
    """
    return recover(path)


def exported(asked: tuple[Path, Path]) -> list[Path]:
    """Export the recording (first) to a new folder (second).

    Raises:
        AppError: the recording is damaged, or the folder cannot be written.
    """
    from tmlapp.recording.export.folder import export_folder
    from tmlapp.recording.reader import Recording

    return export_folder(Recording.open(asked[0]), asked[1])
