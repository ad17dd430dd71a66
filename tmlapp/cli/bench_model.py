"""`tmlapp bench-model`: how well a model sees, hears and keeps time, on folders of annotated material."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tmlapp.cli.bench_options import one_of
from tmlapp.cli.common import Json, emit, err, out, reported, visible

if TYPE_CHECKING:
    from tmlapp.bench.model_check.figures import Table

_LOOK_AT = 5
_WIDE = 110
_STANDINGS = {
    "reached": ("green", "reached"),
    "within the interval": ("yellow", "in interval"),
    "not reached": ("red", "not reached"),
}


def command(
    endpoint: Annotated[str, typer.Argument(help="Address of the model.")] = "onnx:tiny",
    clips: Annotated[Path | None, typer.Option(help="Folder of annotated clips with a manifest.csv.")] = None,
    clips_manifest: Annotated[
        Path | None, typer.Option(help="The manifest of the clips, where it lies elsewhere.")
    ] = None,
    speech: Annotated[Path | None, typer.Option(help="Folder of recorded speech with a manifest.csv.")] = None,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for result.json and index.html.")] = Path(
        "bench-model"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of padding, noise, rooms and intervals.")] = 5,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once; with more than 1 times are longer.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="vision, hearing, echo or time; may be repeated. All of them if left out.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many items of each kind; all if left out.")] = None,
    pad_seeds: Annotated[int, typer.Option(min=1, max=100, help="Padded streams for each clip.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure a model on clips and speech: tables with intervals and trivial answers, and every failure as a page."""
    from tmlapp.bench.model_check.check import Request, run_check, write_report
    from tmlapp.bench.model_check.options import PARTS, Options

    with reported(as_json):
        request = Request(
            endpoint=endpoint,
            clips=clips,
            clips_manifest=clips_manifest,
            speech=speech,
            options=Options(
                seed=seed,
                jobs=jobs,
                only=tuple(one_of(part, PARTS, "--only") for part in only or ()),
                limit=limit,
                pad_seeds=pad_seeds,
            ),
        )
        with _bar() as tell:
            report = run_check(request, tell)
        result, page = write_report(report, out_dir)
        if as_json:
            figures = {f.name: f.to_json() for table in report.tables for f in table.figures}
            emit({"result": str(result), "page": str(page), "figures": figures})
            return
        for table in report.tables:
            _show(table)
        if report.machine["note"]:
            out().print(report.machine["note"], markup=False)
        out().print(f"written: {result}\nwritten: {page}", markup=False)


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error for each thing that is done; where that is no terminal, a line for each step."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    console = err()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int) -> None:
        if not console.is_terminal:
            console.print(f"{visible(what)}: {done} of {total}", markup=False)
            return
        if what not in tasks:
            tasks[what] = bar.add_task(visible(what), total=total)
        bar.update(tasks[what], completed=done, total=total)

    with bar:
        yield tell


def _show(table: Table) -> None:
    from rich.markup import escape
    from rich.table import Table as Drawn

    from tmlapp.bench.model_check.page import interval_text, rows_of, value_text

    console = out()
    wide = console.width >= _WIDE
    drawn = Drawn(title=table.title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in ("", "value", "95 %", "n", "to reach", "", *(("trivial answers",) if wide else ())):
        right = name in ("value", "95 %", "n", "to reach")
        drawn.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    held, others = rows_of(table)
    group = ""
    for figure in (*held, *others):
        if figure.group != group:
            group = figure.group
            drawn.add_row(f"[bold]{escape(group)}[/]")
        colour, word = _STANDINGS.get(figure.standing, ("default", ""))
        trivial = ", ".join(f"{name}: {value_text(value)}" for name, value in figure.baselines.items())
        drawn.add_row(
            f"  {escape(figure.label)}" if group else escape(figure.label),
            value_text(figure.value, figure.unit),
            interval_text(figure),
            str(figure.n),
            figure.reach.text if figure.reach else "",
            f"[{colour}]{word}[/]" if word else "",
            *((escape(trivial),) if wide else ()),
        )
    console.print(drawn)
    for note in table.notes:
        console.print(f"  {visible(note)}", markup=False)
    worst = [f for f in table.failures if f.badness > 0][:_LOOK_AT]
    if worst:
        console.print("  To look at first:", markup=False)
    for failure in worst:
        console.print(f"    {visible(failure.name)}: {visible(failure.why)}", markup=False)
    console.print()
