"""`tmlapp show`: what a recording holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported, visible


def command(
    recording: Annotated[Path, typer.Argument(help="A finished recording (.mcap).")], as_json: Json = False
) -> None:
    """Show what a recording holds: length, what the model said and when, latency, health."""
    from tmlapp.recording.reader import Recording
    from tmlapp.recording.summary import summarize

    with reported(as_json):
        summary = summarize(Recording.open(recording))
        if as_json:
            emit(summary)
            return
        console = out()
        console.print(
            f"{summary['recording']}: {summary['duration_s']} s, {summary['micro_turns']} micro-turns", markup=False
        )
        for said in summary["outputs"]:
            console.print(f"{said['t_s']:8.1f} s  {said['kind']:7} {visible(said['text'])}", markup=False)
        for title in ("latency", "health"):
            for key, value in summary[title].items():
                console.print(f"{title} {key}: {value}", markup=False)
