"""`tmlapp bench grade`: numbers for a run, again and again, without the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tmlapp.cli.bench_ask import person
from tmlapp.cli.bench_options import pairs, values
from tmlapp.cli.common import Json, emit, err, out, reported, visible

if TYPE_CHECKING:
    from tmlapp.bench.runs.grade_run import Graded
    from tmlapp.core.grade import Grade, Metric

INTERRUPTED = 130


def grade(
    folder: Annotated[Path, typer.Argument(help="A run folder, or what an official script has left.")],
    suite: Annotated[str, typer.Option(help="For an official folder: name of the benchmark.")] = "",
    data: Annotated[Path | None, typer.Option(help="For an official folder: the benchmark's data.")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", help="KEY=VALUE for loading the data.")] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option("--judge", help="rules, openai:MODEL@URL, recorded:FILE, human; several make a panel."),
    ] = None,
    transcripts: Annotated[
        str, typer.Option(help="stream, align, onnx-asr:MODEL@FOLDER, openai:MODEL@URL, recorded:FOLDER.")
    ] = "",
    profile: Annotated[
        list[str] | None, typer.Option("--profile", help="Rule; the default, official and clean if left out.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="KEY=VALUE for the rule.")] = None,
    place: Annotated[
        list[str] | None, typer.Option("--folder", help="NAME=PATH of what cannot be shipped (fdb_checkout=…).")
    ] = None,
    why: Annotated[str, typer.Option(help="Reason for this grade, in a few words.")] = "graded",
    as_json: Json = False,
) -> None:
    """Grade a run folder or an official one; every grade is kept beside the earlier ones."""
    from tmlapp.bench.engines import StoppedError
    from tmlapp.bench.runs.grade_run import GradeRequest, grade_official, grade_run
    from tmlapp.bench.runs.run import is_run
    from tmlapp.core.errors import AppError

    with reported(as_json):
        request = GradeRequest(
            profiles=tuple(profile or ()),
            params=values(param or [], "--param"),
            judges=tuple(judge or ()),
            transcripts=transcripts,
            folders={name: Path(path).expanduser() for name, path in pairs(place or [], "--folder").items()},
            why=why,
            ask=person(),
        )
        try:
            if is_run(folder):
                if suite or data is not None or option:
                    raise AppError(
                        f"{folder} is a run, which knows its benchmark and its data.",
                        "--suite, --data and --option are for official folders, and would change nothing.",
                        "Leave them out.",
                    )
                graded = grade_run(folder, request)
            elif suite and data is not None:
                graded = grade_official(folder, suite, data, request, options=pairs(option or [], "--option"))
            else:
                raise AppError(
                    f"{folder} is no run.",
                    "An official folder can be graded where its benchmark is known.",
                    "Add --suite and --data, or name a folder that tmlapp bench run has written.",
                )
        except StoppedError as stop:
            err().print(
                f"Interrupted. Every transcript and verdict so far is kept in {folder}; no grade was added. "
                "Go on with the same command.",
                markup=False,
            )
            raise typer.Exit(INTERRUPTED) from stop
        _show(graded, as_json)


def _show(graded: Graded, as_json: bool) -> None:
    if as_json:
        official = [str(path) for path in graded.official]
        emit({"grades": [summary(g) for g in graded.grades], "notes": list(graded.notes), "official": official})
        return
    from tmlapp.bench.report.tables import judged_by

    console = out()
    for one in graded.grades:
        counts = f"n {one.n}, scored {one.n_scored}, missing {one.n_missing}, silent {one.n_silent}"
        console.print(
            f"{one.suite}, profile {one.provenance.profile}: {counts}, ungraded {one.n_ungraded}", markup=False
        )
        if judged := judged_by(one):
            console.print(f"  {judged}", markup=False)
        ungraded = next((v for v in one.verdicts if v.ungraded), None)
        if ungraded is not None and one.provenance.judges:
            # A judge that is down would else leave nothing but a low score.
            console.print(f"  ungraded, for example {visible(f'{ungraded.item}: {ungraded.why}')}", markup=False)
        for metric in one.metrics:
            console.print(f"  {metric.label}: {shown(metric)}", markup=False)
        for baseline in one.baselines:
            score = "–" if baseline.score is None else f"{baseline.score:.1f}"
            console.print(f"  trivial, {baseline.name}: {score}", markup=False)
    if graded.official:
        console.print(f"{len(graded.official)} official files were written anew with these transcripts.", markup=False)
    for note in graded.notes:
        console.print(f"note: {visible(note)}", markup=False)


def shown(metric: Metric) -> str:
    """Value, interval and number of items of a metric, or why there is none."""
    if metric.value is None:
        return f"– ({metric.reason})"
    unit = f" {metric.unit}" if metric.unit else ""
    interval = f" [{metric.interval[0]:.2f}, {metric.interval[1]:.2f}]" if metric.interval else ""
    return f"{metric.value:.2f}{unit}{interval}, n = {metric.n}"


def summary(one: Grade) -> dict[str, object]:
    """A grade without its verdicts, as plain JSON values."""
    plain = one.to_json()
    del plain["verdicts"]
    return plain
