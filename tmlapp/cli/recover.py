"""`tmlapp recover`: bring back what a killed session had written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported


def command(
    paths: Annotated[list[Path], typer.Argument(help="Files ending in .mcap.part, or folders with such files.")],
    as_json: Json = False,
) -> None:
    """Write a verified .mcap beside each unfinished recording; the unfinished file stays."""
    from tmlapp.recording.recover import find_parts, recover

    with reported(as_json):
        parts = [part for path in paths for part in (find_parts(path) if path.is_dir() else [path])]
        reports = [recover(part) for part in parts]
        if as_json:
            emit([r.to_json() for r in reports])
            return
        if not reports:
            out().print("Nothing to recover.")
        for report in reports:
            out().print(str(report), markup=False)
