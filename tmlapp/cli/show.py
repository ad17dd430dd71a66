"""`tmlapp show`: what a recording holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported, visible

if TYPE_CHECKING:
    from tmlapp.recording.reader import Recording


def command(
    recording: Annotated[Path, typer.Argument(help="A finished recording (.mcap).")], as_json: Json = False
) -> None:
    """Show what a recording holds: length, what the model said and when, latency, health."""
    from tmlapp.recording.reader import Recording
    from tmlapp.recording.summary import interruption, summarize

    with reported(as_json):
        opened = Recording.open(recording)
        summary = summarize(opened)
        if as_json:
            emit(summary)
            return
        console = out()
        console.print(
            f"{summary['recording']}: {summary['duration_s']} s, {summary['micro_turns']} micro-turns", markup=False
        )
        console.print(visible(f"endpoint: {_endpoint(opened)}"), markup=False)
        for said in summary["outputs"]:
            console.print(f"{said['t_s']:8.1f} s  {said['kind']:7} {visible(said['text'])}", markup=False)
        if lost := interruption(opened):
            console.print(f"interrupted: {lost}", markup=False)
        for title in ("latency", "health"):
            for key, value in summary[title].items():
                console.print(f"{title} {key}: {value}", markup=False)


def _endpoint(recording: Recording) -> str:
    """Its address, and who was met there: a profile may lead elsewhere by now."""
    asked, granted = str(recording.info.get("endpoint") or "unknown"), recording.granted
    if granted is None:
        return f"{asked}, which never answered"
    where = "on this machine" if granted.local else granted.provider and f"at {granted.provider}"
    return ", ".join(part for part in (asked, granted.name, where) if part)
