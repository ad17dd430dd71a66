"""`tmlapp grade`: a number for a recording, with where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported


def command(
    recording: Annotated[Path, typer.Argument(help="A finished recording (.mcap).")],
    suite: Annotated[
        str, typer.Option(help="Whose rule: repcount-a, charades, any other; what needs a judge stays ungraded here.")
    ],
    truth: Annotated[Path, typer.Option(help="What really happened: docs/grading.md says how to write it.")],
    profile: Annotated[str | None, typer.Option(help="Reading of the rule; the suite's default if left out.")] = None,
    keep: Annotated[bool, typer.Option(help="Append the grade to RECORDING.grades.jsonl.")] = True,
    as_json: Json = False,
) -> None:
    """Grade a recording against the truth; the recording itself is never touched."""
    from tmlapp.bench.grading import grade_recording, write_grade
    from tmlapp.recording.reader import Recording
    from tmlapp.recording.summary import interruption

    with reported(as_json):
        opened = Recording.open(recording)
        grade = grade_recording(opened, suite, truth, profile=profile)
        if keep:
            write_grade(recording, grade)
        if as_json:
            emit(grade.to_json())
            return
        console = out()
        console.print(f"{grade.suite} {grade.metric}: {grade.score}", markup=False)
        if lost := interruption(opened):
            console.print(
                f"  interrupted: {lost}. The score is not the model's alone: a run would not grade this.", markup=False
            )
        for verdict in grade.verdicts:
            console.print(f"  {verdict.why}", markup=False)
        for baseline in grade.baselines:
            console.print(f"  baseline {baseline.name}: {baseline.score}", markup=False)
        made = grade.provenance
        console.print(f"  {made.formula}, profile {made.profile}, parameters {made.parameters}", markup=False)
