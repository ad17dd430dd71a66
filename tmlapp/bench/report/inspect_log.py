"""A grade as an Inspect log (`.eval` or `.json`), written by Inspect's own library (extra `inspect`).

One sample per item: what was said is its output, our verdict its score. Values that do not exist are NaN, which
Inspect takes as unscored. The log is a copy for its viewer; the grade stays where it is.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tmlapp
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.report.tables import RunView, metrics_of
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Metric, Verdict

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

HIDDEN = "not shown: the benchmark holds what should not be spread"


def write_inspect_log(
    view: RunView, path: Path, items: Mapping[str, SuiteItem] | None = None, *, now: datetime | None = None
) -> Path:
    """Write `view` as an Inspect log to `path`, replacing what was there.

    Args:
        path: ends in `.eval` or `.json`, which decides the form.
        items: by id, for what was asked; an item that is not there is named only.

    Raises:
        AppError: the extra is not installed, the ending is another one, or the file cannot be written.
    """
    if path.suffix not in (".eval", ".json"):
        raise AppError(
            f"An Inspect log cannot be named {path.name}.", "Its ending says its form.", "Use .eval or .json."
        )
    try:
        from inspect_ai.log import write_eval_log
    except ImportError as error:
        raise AppError(
            "Inspect's library is not installed.", "It writes its logs itself.", "pip install 'tmlapp[inspect]'"
        ) from error
    log = _log(view, items or {}, now or datetime.now(UTC))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_eval_log(log, str(path))
    except OSError as error:
        raise AppError(
            f"The log {path} could not be written.", f"{error.strerror}.", "Choose another folder, or free space."
        ) from error
    return path


def _log(view: RunView, items: Mapping[str, SuiteItem], now: datetime) -> EvalLog:
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalPlan, EvalResults, EvalSpec, EvalStats

    grade, made = view.grade, view.grade.provenance
    created = str(view.run.get("created") or now.isoformat(timespec="seconds"))
    # The same grade gives the same ids, so that a log written twice is one evaluation.
    digest = hashlib.sha256(json.dumps(grade.to_json(), sort_keys=True, default=str).encode()).hexdigest()
    samples = [_sample(grade.suite, v, metrics_of(grade)[0], items.get(v.item)) for v in grade.verdicts]
    ids = [str(s.id) for s in samples]
    return EvalLog(
        status="success",
        eval=EvalSpec(
            eval_id=digest[:22], run_id=digest[22:44], task_id=digest[44:], created=created,
            task=f"tmlapp/{grade.suite}", task_version=made.formula, model=view.name,
            dataset=EvalDataset(name=grade.suite, samples=grade.n, sample_ids=list(ids)),
            config=EvalConfig(), packages={"tmlapp": tmlapp.__version__, "inspect_ai": version("inspect_ai")},
            task_args={"profile": made.profile, **_plain(made.parameters)},
            metadata={"provenance": _plain(view.grade.to_json()["provenance"]), "run": _plain(dict(view.run))},
        ),
        plan=EvalPlan(),
        results=EvalResults(
            total_samples=grade.n, completed_samples=grade.n - grade.n_missing, scores=[_score(view)],
            metadata={
                "n_silent": grade.n_silent, "n_ungraded": grade.n_ungraded, "n_quarantined": grade.n_quarantined,
                "baselines": {b.name: b.score for b in grade.baselines}, "aggregates": _plain(grade.aggregates),
            },
        ),
        stats=EvalStats(started_at=created, completed_at=created),
        samples=samples,
    )  # fmt: skip


def _score(view: RunView) -> Any:
    from inspect_ai.log import EvalMetric, EvalScore

    grade = view.grade
    metrics = {
        m.name: EvalMetric(
            name=m.name,
            value=math.nan if m.value is None else m.value,
            metadata={
                "label": m.label, "unit": m.unit, "better": m.better, "n": m.n, "interval_95": m.interval,
                "reason": m.reason,
            },
        )
        for m in metrics_of(grade)
    }  # fmt: skip
    return EvalScore(
        name=grade.suite, scorer=grade.provenance.formula, scored_samples=grade.n_scored,
        unscored_samples=grade.n - grade.n_scored, metrics=metrics,
    )  # fmt: skip


def _sample(grade_name: str, verdict: Verdict, headline: Metric, item: SuiteItem | None) -> EvalSample:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score

    hidden = bool(verdict.details.get("sensitive"))
    said = HIDDEN if hidden else "\n".join(f"[{t:.2f} s] {text}" for t, text in verdict.graded_text)
    value = verdict.values.get(headline.name, verdict.score)
    metadata: dict[str, Any] = {"group": verdict.group, "passed": verdict.passed, "values": dict(verdict.values)}
    metadata |= {"missing": verdict.missing, "silent": verdict.silent, "ungraded": verdict.ungraded}
    if not hidden:
        metadata["details"] = _plain(verdict.details)
    return EvalSample(
        id=verdict.item,
        epoch=1,
        input=HIDDEN if hidden else _asked(item, verdict),
        target="" if hidden or item is None else json.dumps(_plain(dict(item.truth)), ensure_ascii=False),
        output=ModelOutput.from_content(model="tmlapp", content=said),
        scores={grade_name: Score(value=math.nan if value is None else value, answer=said, explanation=verdict.why)},
        metadata=metadata,
    )


def _asked(item: SuiteItem | None, verdict: Verdict) -> str:
    parts = item.parts if item is not None else ()
    lines = [line for part in parts for line in (part.instruction, part.message, *part.sounds, part.video) if line]
    return "\n".join(lines) or verdict.item


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
