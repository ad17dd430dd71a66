"""One self-contained HTML page per recording: what was run, what came out, how it was graded."""

from tmlapp.bench.report.write import write_report

__all__ = ["write_report"]
