"""`tmlapp qa`: checklists, and what testers did with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tmlapp.cli.common import FAILED, Json, emit, out, reported, visible

if TYPE_CHECKING:
    from tmlapp.bench.qa.checklist import Checklist
    from tmlapp.bench.qa.offline import RunView

app = typer.Typer(
    help="Checklists for testers: list them, check a recording again, write the report.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_Recording = Annotated[Path, typer.Argument(help="A finished recording (.mcap) beside which a checklist was run.")]
_Named = Annotated[
    str | None,
    typer.Option("--checklist", help="Evaluate by this shipped checklist or file, in place of the one that was run."),
]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the checklists that come with the app."""
    from tmlapp.bench.qa.checklist import load_checklist, shipped_checklists

    with reported(as_json):
        found = [load_checklist(path) for path in shipped_checklists()]
        if as_json:
            emit([_about(c) for c in found])
            return
        console = out()
        for checklist in found:
            console.print(f"{checklist.id:18} {len(checklist.steps)} steps  {checklist.description}", markup=False)


@app.command("validate")
def validate(
    file: Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped checklist.")], as_json: Json = False
) -> None:
    """Say whether a checklist can be used; if not, in which line what is wrong."""
    from tmlapp.bench.qa.checklist import find_checklist, load_checklist

    with reported(as_json):
        checklist = load_checklist(find_checklist(file))
        if as_json:
            emit(_about(checklist))
            return
        console = out()
        console.print(f"{checklist.title}: {len(checklist.steps)} steps, sha256 {checklist.sha256}", markup=False)
        for step in checklist.steps:
            console.print(f"  {step.id}: {visible(step.title)}", markup=False)
            for check in step.checks:
                console.print(f"    {check.words()}", markup=False)


@app.command("check")
def check(recording: _Recording, checklist: _Named = None, as_json: Json = False) -> None:
    """Evaluate the automatic checks again, from the recording alone; exit status 1 where a step failed."""
    from tmlapp.bench.qa.offline import open_qa

    with reported(as_json):
        session = open_qa(recording, _named(checklist))
        if as_json:
            found = {"recording": str(recording), "damaged_annotation_lines": list(session.damaged)}
            emit({**found, "runs": [run.to_json() for run in session.runs]})
        else:
            for run in session.runs:
                _print(run)
            if session.damaged:
                out().print(f"{len(session.damaged)} damaged lines of the annotations were not read.", markup=False)
        if any(run.failed for run in session.runs):
            raise typer.Exit(FAILED)


@app.command("report")
def report(
    recording: _Recording,
    checklist: _Named = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the report; NAME.qa beside the recording if left out.")
    ] = None,
    media: Annotated[bool, typer.Option(help="Show sound and picture of every try.")] = True,
    as_json: Json = False,
) -> None:
    """Write the report: a page with sound and picture, and JUnit XML for a CI server."""
    from tmlapp.bench.qa.report import write_qa_report

    with reported(as_json):
        made = write_qa_report(recording, checklist=_named(checklist), out=folder, media=media)
        if as_json:
            paths = {"page": str(made.page), "junit": str(made.junit), "media": [str(path) for path in made.media]}
            emit({**paths, "failed": made.failed})
            return
        console = out()
        console.print(f"{made.page}\n{made.junit}", markup=False)


def _named(name: str | None) -> Checklist | None:
    from tmlapp.bench.qa.checklist import find_checklist, load_checklist

    return None if name is None else load_checklist(find_checklist(name))


def _about(checklist: Checklist) -> dict[str, object]:
    return {
        "id": checklist.id,
        "title": checklist.title,
        "description": checklist.description,
        "sha256": checklist.sha256,
        "needs": list(checklist.needs),
        "steps": [
            {"id": s.id, "title": s.title, "limit_s": s.limit_s, "checks": [c.words() for c in s.checks]}
            for s in checklist.steps
        ],
    }


def _print(run: RunView) -> None:
    from tmlapp.bench.qa.offline import result_of

    console = out()
    console.print(f"{run.checklist.title}, from {run.run.t_ns / 1e9:.1f} s on", markup=False)
    if run.changed:
        console.print("  This is not the checklist that was run: its digest differs.", markup=False)
    for step_id in run.unknown:
        console.print(f"  It has no step “{step_id}” any more.", markup=False)
    for step in run.steps:
        told = f"{step.state}" if step.state == result_of(step) else f"{step.state}, automatic: {result_of(step)}"
        console.print(f"  {visible(step.step.title)}: {told} {visible(step.why)}".rstrip(), markup=False)
        for tried in step.tries:
            console.print(f"    try {tried.tried.number} at {tried.tried.start_ns / 1e9:.1f} s", markup=False)
            for checked in tried.checks:
                why = visible(checked.outcome.why)
                console.print(f"      {checked.outcome.state:9} {checked.check.words()}: {why}", markup=False)
