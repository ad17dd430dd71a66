"""`tmlapp data`: the user's benchmark data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.bench_options import pairs
from tmlapp.cli.common import FAILED, Json, emit, out, reported

_SHOWN = 20

app = typer.Typer(help="Look after benchmark data.", no_args_is_help=True, rich_markup_mode=None)


@app.command("check")
def check(
    suite: Annotated[str, typer.Argument(help="Name of a benchmark, e.g. repcount-a.")],
    folder: Annotated[Path, typer.Argument(help="Where its data lie, laid out as published.")],
    option: Annotated[list[str] | None, typer.Option("--option", help="KEY=VALUE, as for a run (split=test).")] = None,
    as_json: Json = False,
) -> None:
    """Say what of a benchmark is complete, missing or damaged, and where to get it."""
    from tmlapp.bench.check import check_data

    with reported(as_json):
        found = check_data(suite, folder, pairs(option or [], "--option"))
        if as_json:
            emit(found.to_json())
        else:
            console = out()
            of = "" if found.expected is None else f" of {found.expected} published ones"
            console.print(f"{suite}: {found.state}. {found.usable} items can be run{of}.", markup=False)
            if found.gradable != found.usable:
                console.print(f"Answers to {found.gradable} items can be graded.", markup=False)
            if found.version:
                console.print(f"version: {found.version}", markup=False)
            for note in found.notes:
                console.print(f"note: {note}", markup=False)
            for kind, count in sorted(found.kinds.items()):
                console.print(f"{count} rows are {kind}:", markup=False)
                rows = [q for q in found.quarantined if q.kind == kind]
                for row in rows[:_SHOWN]:
                    console.print(f"  {row.row}: {row.why}", markup=False)
                if len(rows) > _SHOWN:
                    console.print(f"  and {len(rows) - _SHOWN} more (--json lists all)", markup=False)
            for path in found.absent_files[:_SHOWN]:
                console.print(f"absent: {path}", markup=False)
            if len(found.absent_files) > _SHOWN:
                console.print(
                    f"and {len(found.absent_files) - _SHOWN} more are absent (--json lists all)", markup=False
                )
            if found.state != "complete" and found.where:
                console.print(found.where, markup=False)
        if found.state == "unusable":
            raise typer.Exit(FAILED)
