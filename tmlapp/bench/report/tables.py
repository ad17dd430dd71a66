"""Result tables of runs: our rows, the trivial baselines and the published figures; as CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.answer import Answer
from tmlapp.bench.published import SOURCE, published
from tmlapp.bench.report.write import one_decimal
from tmlapp.core.grade import Grade, Metric

MAIN_COLUMNS = 5
"""As many metrics stand in a table side by side; the rest follows in the run's own list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One grade of one run, with what a report shows beside it.

    Attributes:
        name: of the row: usually the endpoint.
        run: what `run.json` says; shown as provenance.
        folder: the run; None for a grade without one.
        answers: by item and part, for timelines.
        sounds: by item, the path or `data:` address of the model's sound.
        failures: by item, why it was not run.
    """

    name: str
    grade: Grade
    run: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    answers: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)
    sounds: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def starred(self) -> bool:
        """A background agent took part."""
        return bool(self.grade.provenance.protocol.get("background_agent"))


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: None where there is none, and `reason` says why."""

    value: float | None
    interval: tuple[float, float] | None = None
    n: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run, a baseline or a published system; `counts` are those of a run, `judged` says who judged it."""

    kind: Literal["run", "baseline", "published"]
    name: str
    starred: bool = False
    cells: Mapping[str, Cell] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    profile: str = ""
    rule: str = ""
    judged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One suite. `columns` are its metrics, the headline first; the first `MAIN_COLUMNS` fit a page."""

    suite: str
    columns: tuple[Metric, ...]
    rows: tuple[Row, ...]

    @property
    def main(self) -> tuple[Metric, ...]:
        """The columns of a page: the headline, what has been published, then the others in order."""
        named = {p.metric for p in published(self.suite)}
        first = [m for m in self.columns[1:] if m.name in named]
        rest = [m for m in self.columns[1:] if m.name not in named]
        return tuple([*self.columns[:1], *first, *rest][:MAIN_COLUMNS])


def tables_of(views: Sequence[RunView]) -> tuple[Table, ...]:
    """One table per suite, in the order in which the suites come up."""
    suites = dict.fromkeys(view.grade.suite for view in views)
    return tuple(_table(suite, [v for v in views if v.grade.suite == suite]) for suite in suites)


def _table(suite: str, views: Sequence[RunView]) -> Table:
    columns: dict[str, Metric] = {}
    for view in views:
        for metric in metrics_of(view.grade):
            columns.setdefault(metric.name, metric)
    rows = [_run_row(view) for view in views]
    # Each profile has trivial answers of its own, which belong to its own headline.
    baselines: dict[str, dict[str, Cell]] = {}
    for view in views:
        headline = metrics_of(view.grade)[0].name
        for baseline in view.grade.baselines:
            baselines.setdefault(baseline.name, {}).setdefault(headline, Cell(baseline.score))
    rows += [Row(kind="baseline", name=name, cells=cells) for name, cells in baselines.items()]
    systems: dict[tuple[str, bool], dict[str, Cell]] = {}
    for value in published(suite):
        systems.setdefault((value.system, value.starred), {})[value.metric] = Cell(value.value)
    rows += [Row(kind="published", name=n, starred=starred, cells=c) for (n, starred), c in systems.items()]
    return Table(suite=suite, columns=tuple(columns.values()), rows=tuple(rows))


def metrics_of(grade: Grade) -> tuple[Metric, ...]:
    """All metrics of a grade; grades of older versions have their headline only."""
    return grade.metrics or (Metric(name="score", label=grade.metric, value=grade.score, n=grade.n_scored),)


def _run_row(view: RunView) -> Row:
    grade = view.grade
    return Row(
        kind="run",
        name=view.name,
        starred=view.starred,
        cells={m.name: Cell(m.value, m.interval, m.n, m.reason) for m in metrics_of(grade)},
        counts={
            "n": grade.n, "scored": grade.n_scored, "missing": grade.n_missing, "silent": grade.n_silent,
            "ungraded": grade.n_ungraded, "quarantined": grade.n_quarantined,
        },
        profile=grade.provenance.profile,
        rule=grade.provenance.formula,
        judged=judged_by(grade),
    )  # fmt: skip


def judged_by(grade: Grade) -> str:
    """Who judged, and where that were rules: how much they left undecided. Empty where nobody was asked."""
    names = sorted({str(entry.get("judge")) for entry in grade.provenance.judges})
    if not names:
        return f"no judge, {grade.n_ungraded} of {grade.n} items ungraded" if grade.n_ungraded else ""
    told = f"judged by {', '.join(names)}"
    if any("rules" in name for name in names):
        share = 100.0 * grade.n_ungraded / grade.n if grade.n else 0.0
        told += f" (offline fallback: {grade.n_ungraded} of {grade.n} items undecided, {share:.1f} %)"
    return told


def shown(value: float | None, unit: str) -> str:
    """A value as a table prints it: percent with one decimal (halves up), anything else with two."""
    if value is None:
        return "–"
    return one_decimal(value) if unit == "%" else f"{value:.2f}"


def to_csv(tables: Iterable[Table]) -> str:
    """One line per value, unrounded: suite, kind, name, profile, metric, value, interval, n, counts, source."""
    text = io.StringIO()
    out = csv.DictWriter(text, _CSV, restval="", lineterminator="\n")
    out.writeheader()
    for table in tables:
        metrics = {m.name: m for m in table.columns}
        for row in table.rows:
            for name, cell in row.cells.items():
                out.writerow(_csv_line(table.suite, row, name, metrics.get(name), cell))
    return text.getvalue()


def _csv_line(suite: str, row: Row, name: str, metric: Metric | None, cell: Cell) -> dict[str, Any]:
    line: dict[str, Any] = {
        "suite": suite, "kind": row.kind, "name": _plain(row.name), "background_agent": int(row.starred),
        "profile": row.profile, "rule": row.rule, "judged": _plain(row.judged), "metric": name,
        "reason": _plain(cell.reason),
        "source": SOURCE if row.kind == "published" else "",
    }  # fmt: skip
    line |= {"n_items" if key == "n" else f"n_{key}": count for key, count in row.counts.items()}
    if metric is not None:
        line |= {"unit": metric.unit, "better": metric.better}
    if cell.value is not None:
        line["value"] = repr(cell.value)
    if cell.interval is not None:
        line |= {"low_95": repr(cell.interval[0]), "high_95": repr(cell.interval[1])}
    if cell.n is not None:
        line["n_metric"] = cell.n
    return line


def _plain(text: str) -> str:
    # A cell that begins like a formula would be run by a spreadsheet.
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def to_json(tables: Iterable[Table]) -> str:
    """The tables as they are, unrounded."""
    value = {"source_of_published": SOURCE, "tables": [asdict(table) for table in tables]}
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


_CSV = (
    "suite", "kind", "name", "background_agent", "profile", "rule", "metric", "unit", "better", "value", "low_95",
    "high_95", "n_metric", "n_items", "n_scored", "n_missing", "n_silent", "n_ungraded", "n_quarantined", "judged",
    "reason", "source",
)  # fmt: skip
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "−": "$-$", "≥": r"$\ge$", "≤": r"$\le$",
    "ω": r"$\omega$", "→": r"$\to$", "…": r"\dots{}", "\n": " ",
}  # fmt: skip


def latex_text(text: str) -> str:
    """`text` with everything that LaTeX would take for a command written out."""
    return "".join(_LATEX.get(c, c) for c in text)


def to_latex(tables: Iterable[Table]) -> str:
    """One `tabular` per suite (package booktabs): the main columns, intervals below the runs' values."""
    return "\n".join(_latex_table(table) for table in tables)


def _latex_table(table: Table) -> str:
    main = table.main
    arrows = {"higher": r"$\uparrow$", "lower": r"$\downarrow$"}
    heads = [f"{latex_text(m.label)} {arrows[m.better]}" for m in main]
    lines = [
        f"% {table.suite}; published figures: {SOURCE}",
        rf"\begin{{tabular}}{{l{'r' * len(main)}}}",
        r"\toprule",
        " & ".join([latex_text(table.suite), *heads]) + r" \\",
        r"\midrule",
    ]
    kind, profiles = None, {row.profile for row in table.rows if row.profile}
    for row in table.rows:
        if kind is not None and row.kind != kind:
            lines.append(r"\midrule")
        kind = row.kind
        cells = [_latex_cell(row.cells.get(m.name), m.unit) for m in main]
        name = latex_text(row.name) + ("*" if row.starred else "")
        name += f", {latex_text(row.profile)}" if row.profile and len(profiles) > 1 else ""
        name += rf" {{\scriptsize ({latex_text(row.judged)})}}" if row.judged else ""
        lines.append(" & ".join([name, *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _latex_cell(cell: Cell | None, unit: str) -> str:
    if cell is None or cell.value is None:
        return "--"
    value = shown(cell.value, unit)
    if cell.interval is None:
        return value
    low, high = (shown(v, unit) for v in cell.interval)
    return rf"{value} {{\scriptsize [{low}, {high}]}}"
