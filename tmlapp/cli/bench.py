"""`tmlapp bench`: benchmarks run, graded, reported, compared. A new verb is one line below."""

from __future__ import annotations

import typer

from tmlapp.cli import bench_grade, bench_report, bench_run

app = typer.Typer(help="Run, grade, report and compare benchmarks.", no_args_is_help=True, rich_markup_mode=None)

for _verb in (bench_run.run, bench_grade.grade, bench_report.report, bench_report.compare):
    app.command(_verb.__name__)(_verb)
