"""`tmlapp open`: the window on a recording, a set of items, or a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tmlapp.cli import show
from tmlapp.cli.common import err, reported
from tmlapp.cli.demo import has_display
from tmlapp.core.errors import AppError


def command(
    path: Annotated[Path, typer.Argument(help="A recording (.mcap), the folder of a set of items, or of a run.")],
    at: Annotated[
        float | None, typer.Option("--at", help="Of a recording: where to open it, in seconds.", min=0.0, max=1e6)
    ] = None,
) -> None:
    """Open a recording in Review at that moment, or a set of items; without a display: say what a recording holds."""
    with reported(False):
        kind = kind_of(path)
        if at is not None and kind != "recording":
            raise typer.BadParameter("Only a recording has a time.", param_hint="--at")
        go = _WAYS[kind](path, at)
        if has_display():
            from tmlapp.ui.app import run_window

            raise typer.Exit(run_window([], go=go))
        if kind != "recording":
            raise AppError(f"{path} cannot be shown.", "There is no display.", "Open it on a machine with a screen.")
        err().print("No display: this is what the recording holds.")
        show.command(path)


def kind_of(path: Path) -> str:
    """What lies at `path`: `recording`, `items` or `run`.

    Raises:
        AppError: none of them.
    """
    from tmlapp.bench.authoring.journal import JOURNAL
    from tmlapp.bench.authoring.store import SET
    from tmlapp.bench.runs.run import is_run

    if path.is_dir():
        if any((path / name).is_file() for name in (SET, JOURNAL)):
            return "items"
        if is_run(path):
            return "run"
        raise AppError(
            f"{path} cannot be opened.",
            "The folder holds neither a set of items nor a run.",
            "Name a recording (.mcap), or a folder that tmlapp has made.",
        )
    return "recording"


def _recording(path: Path, at_s: float | None) -> tuple[str, Any]:
    from tmlapp.bench.review.opened import open_review
    from tmlapp.core.units import NS_PER_S

    # Opened here, so that what is wrong with it is said where it was asked for.
    length_s = open_review(path).duration_ns / NS_PER_S
    if at_s is not None and at_s > length_s:
        err().print(f"The recording ends at {length_s:g} s; that is where it is opened.")
        at_s = length_s
    return "review", (path.absolute(), at_s)


def _items(path: Path, at_s: float | None) -> tuple[str, Any]:  # noqa: ARG001 - the form of every way
    return "items", ("set", path.absolute())


def _run(path: Path, at_s: float | None) -> tuple[str, Any]:  # noqa: ARG001 - the form of every way
    from tmlapp.bench.runs.run import load_run

    run = load_run(path)
    for item in run.items:
        result = run.results.get(item.id)
        for part in result.parts.values() if result else ():
            recording = run.item_folder(item.id) / part.recording
            if recording.is_file():
                err().print(f"{path} is a run of {len(run.items)} items; {item.id} is shown first.", markup=False)
                return "review", (recording.absolute(), None)
    raise AppError(f"{path} cannot be shown.", "None of its items has a recording yet.", f"Go on with the run: {path}.")


_WAYS = {"recording": _recording, "items": _items, "run": _run}
