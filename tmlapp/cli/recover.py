"""`tmlapp recover`: bring back what a killed session had written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported

if TYPE_CHECKING:
    from tmlapp.recording.recover import RecoveryReport


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
            out().print(f"{report.path}: {told(report)}", markup=False)


def told(report: RecoveryReport) -> str:
    """What was saved and what was not, in words."""
    lost = [
        (len(report.lost_turns), "micro-turns without their sound"),
        (len(report.rebuilt_turns), "micro-turns without what was typed in them"),
        (len(report.lost_processed), "micro-turns as the model heard them"),
        (report.lost_frames, "frames"),
        (report.lost_outputs, "sounds of the model"),
        (report.malformed, "unreadable messages"),
    ]
    gone = ", ".join(f"{count} {what}" for count, what in lost if count)
    unread = sum(end - start for start, end in report.damage)
    parts = [f"{report.turns} micro-turns"]
    if report.already:
        parts.append("it had been finished before")
    if gone:
        parts.append(f"lost: {gone}")
    if unread:
        parts.append(f"{unread} bytes hold nothing readable")
    if report.altered:
        parts.append(f"{sum(end - start for start, end in report.altered)} bytes lie in stretches that were changed")
    if report.complete and not report.already:
        parts.append("nothing was lost")
    return "; ".join(parts)
