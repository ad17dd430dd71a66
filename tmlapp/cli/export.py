"""`tmlapp export`: a recording as files that other tools open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported


def command(
    recording: Annotated[Path, typer.Argument(help="A finished recording (.mcap).")],
    to: Annotated[str, typer.Option(help="folder: wav, mp4, jsonl and WebVTT.")] = "folder",
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="New or empty folder; left out: beside the file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Export a recording for other tools."""
    from tmlapp.recording.export.folder import export_folder
    from tmlapp.recording.reader import Recording

    if to != "folder":
        raise typer.BadParameter(f"{to!r} is not known; there is: folder", param_hint="--to")
    with reported(as_json):
        folder = out_dir or recording.with_suffix("")
        files = export_folder(Recording.open(recording), folder)
        if as_json:
            emit({"folder": str(folder), "files": [str(f) for f in files]})
        else:
            for file in files:
                out().print(str(file), markup=False)
