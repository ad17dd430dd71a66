"""`tmlapp verify`: is a recording whole?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.common import FAILED, Json, emit, out, reported


def command(
    recordings: Annotated[list[Path], typer.Argument(help="Finished recordings (.mcap).")], as_json: Json = False
) -> None:
    """Check that each recording is whole: index, CRCs, every micro-turn in its place."""
    from tmlapp.recording.verify import verify

    with reported(as_json):
        reports = [verify(path) for path in recordings]
        if as_json:
            emit([r.to_json() for r in reports])
        else:
            for path, report in zip(recordings, reports, strict=True):
                out().print(f"{'whole  ' if report.ok else 'DAMAGED'} {path}", markup=False)
                for problem in report.problems:
                    out().print(f"  {problem}", markup=False)
    if not all(r.ok for r in reports):
        raise typer.Exit(FAILED)
