"""`tmlapp replay`: the same input into another (or the same) endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported
from tmlapp.cli.run import clock_named, run_plan


def command(
    recording: Annotated[Path, typer.Argument(help="A finished recording (.mcap).")],
    endpoint: Annotated[
        str,
        typer.Option(
            help="Address of the model: onnx:tiny, onnx:FOLDER, profile:NAME, KIND:URL, scripted:FILE, recorded:FILE."
        ),
    ] = "onnx:tiny",
    instruction: Annotated[str | None, typer.Option(help="Left out: the one of the recording.")] = None,
    clock: Annotated[str, typer.Option(help="fast, or real.")] = "fast",
    out_dir: Annotated[Path | None, typer.Option("--out", help="Folder; left out: beside the recording.")] = None,
    as_json: Json = False,
) -> None:
    """Send the very bytes of a recording through an endpoint again and record its answers."""
    from tmlapp.config.settings import load_settings
    from tmlapp.live.plan import plan_from_settings
    from tmlapp.recording.reader import Recording
    from tmlapp.recording.summary import summarize

    with reported(as_json):
        settings = load_settings()
        asked = Recording.open(recording).info["instruction"]
        plan = plan_from_settings(
            settings,
            source=f"recording:{recording}",
            instruction=asked if instruction is None else instruction,
            endpoint=endpoint,
            clock=clock_named(clock),
            folder=out_dir or recording.parent,
            name=f"{recording.stem}-replay",
            loudspeaker="none",
        )
        path = run_plan(plan, settings)
        summary = summarize(Recording.open(path))
        if as_json:
            emit(summary)
        else:
            out().print(f"{len(summary['outputs'])} outputs. Recording: {path}", markup=False)
