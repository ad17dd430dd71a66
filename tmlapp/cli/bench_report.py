"""`tmlapp bench report` and `tmlapp bench compare`: what came out of runs, for people and other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported

if TYPE_CHECKING:
    from tmlapp.bench.compare import Comparison
    from tmlapp.bench.report.tables import RunView

Profile = Annotated[str | None, typer.Option(help="Of grades by this profile only; all of them if left out.")]


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders that have been graded.")],
    html: Annotated[bool, typer.Option("--html", help="One self-contained page (the default).")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="One line per value, unrounded.")] = False,
    tables: Annotated[bool, typer.Option("--tables", help="The tables as JSON.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="LaTeX tables (package booktabs).")] = False,
    inspect: Annotated[
        str | None, typer.Option(help="Inspect logs, one per grade: eval or json (needs the extra inspect).")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Folder for the files; the first run's if left out.")] = None,
    embed_sound: Annotated[
        bool, typer.Option(help="Lay the model's sound into the page (up to 60 MB) instead of linking to the run.")
    ] = False,
    profile: Profile = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "",
    as_json: Json = False,
) -> None:
    """Write what came out of RUNS: numbers beside the published ones and trivial answers, items, provenance."""
    from tmlapp.bench.report.of_runs import views_of
    from tmlapp.bench.report.run_page import headline_text, write_run_report
    from tmlapp.bench.report.tables import tables_of, to_csv, to_json, to_latex
    from tmlapp.bench.report.write import write_page

    with reported(as_json):
        views = views_of(runs, profile=profile)
        folder = to or runs[0]
        written: list[Path] = []
        if html or not (csv or tables or latex or inspect):
            page = folder / "report.html"
            written.append(write_run_report(views, page, title=title, embed_sound=embed_sound))
        forms: tuple[tuple[bool, str, Callable[..., str]], ...] = (
            (csv, "results.csv", to_csv),
            (tables, "results.json", to_json),
            (latex, "results.tex", to_latex),
        )
        written += [write_page(make(tables_of(views)), folder / name) for asked, name, make in forms if asked]
        if inspect:
            written += _inspect_logs(views, folder, inspect)
        if as_json:
            emit({"files": [str(path) for path in written], "headlines": [headline_text(v.grade) for v in views]})
            return
        console = out()
        for view in views:
            made = view.grade.provenance
            star = "*" if view.starred else ""
            console.print(f"{view.name}{star}: {headline_text(view.grade)} (profile {made.profile})", markup=False)
        for path in written:
            console.print(f"written: {path}", markup=False)


def _inspect_logs(views: list[RunView], folder: Path, ending: str) -> list[Path]:
    from tmlapp.bench.report.inspect_log import write_inspect_log
    from tmlapp.bench.runs.run import load_run, safe_name

    written = []
    for number, view in enumerate(views):
        items = {item.id: item for item in load_run(view.folder).items} if view.folder else {}
        name = f"{number + 1:02d}-{safe_name(f'{view.grade.suite}-{view.name}-{view.grade.provenance.profile}')}"
        written.append(write_inspect_log(view, folder / f"{name}.{ending}", items))
    return written


def compare(
    one: Annotated[Path, typer.Argument(help="A run folder that has been graded.")],
    other: Annotated[Path, typer.Argument(help="Another one, of the same items.")],
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Compare two runs item by item: difference, 95 % interval, and a paired test whether it could be chance."""
    from tmlapp.bench.compare import compare as compared
    from tmlapp.bench.report.of_runs import newest
    from tmlapp.bench.runs.run import load_run
    from tmlapp.core.errors import AppError

    with reported(as_json):
        left, right = load_run(one), load_run(other)
        if left.info.suite != right.info.suite:
            raise AppError(
                "The two runs cannot be compared.",
                f"One is a run of {left.info.suite}, the other of {right.info.suite}.",
                "Name two runs of one benchmark.",
            )
        ours = {g.provenance.profile: g for g in newest(left, profile)}
        theirs = {g.provenance.profile: g for g in newest(right, profile)}
        common = [name for name in ours if name in theirs]
        if not common:
            raise AppError(
                "The two runs cannot be compared.",
                f"One was graded by {', '.join(ours)}, the other by {', '.join(theirs)}.",
                "Grade both by the same profile: tmlapp bench grade RUN --profile NAME",
            )
        found = {name: compared(ours[name], theirs[name]) for name in common}
        same = left.info.items_sha256 == right.info.items_sha256
        if as_json:
            emit(
                {
                    "one": str(one), "other": str(other), "same_items": same,
                    "profiles": {name: [c.to_json() for c in rows] for name, rows in found.items()},
                }
            )  # fmt: skip
            return
        console = out()
        console.print(f"A: {one} ({left.info.endpoint})\nB: {other} ({right.info.endpoint})", markup=False)
        if not same:
            console.print("The lists of items differ: only the items that both have are compared.", markup=False)
        for name, rows in found.items():
            console.print(f"profile {name}", markup=False)
            for row in rows:
                console.print("  " + _line(row), markup=False)


def _line(row: Comparison) -> str:
    from tmlapp.bench.report.tables import shown

    if row.difference is None:
        return f"{row.label}: no item has it in both runs"
    text = f"{row.label}: {shown(row.mean_a, row.unit)} → {shown(row.mean_b, row.unit)}"
    text += f", difference {row.difference:+.2f}"
    if row.interval is not None:
        text += f" [{row.interval[0]:+.2f}, {row.interval[1]:+.2f}]"
    text += f", {row.n} pairs ({row.higher} up, {row.lower} down), p = {row.p_value:.4f} ({row.test})"
    if row.mcnemar_p is not None:
        text += f", McNemar p = {row.mcnemar_p:.4f}"
    left_out = len(row.only_a) + len(row.only_b)
    return text + (f"; {left_out} items only in one" if left_out else "")
