"""The report of one or more runs: one HTML file, complete in itself, that opens at once with thousands of items.

The tables stand in the page as they are; what belongs to a single item (timeline, words, sound) lies in the page as
data and is drawn when the item is opened.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import tmlapp
from tmlapp.bench.answer import Answer
from tmlapp.bench.counting import percentile
from tmlapp.bench.published import SOURCE
from tmlapp.bench.report.gather import data_address
from tmlapp.bench.report.marks import marks_of
from tmlapp.bench.report.tables import RunView, judged_by, metrics_of, shown, tables_of
from tmlapp.bench.report.write import day_text, plain_value, write_page
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Metric, Verdict

SOUND_LIMIT_BYTES = 60_000_000
"""Sounds that are laid into the page stop here; the items after it say so."""

TEXT_LIMIT = 4000
_BINS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: from `low` to `high`, `n` items."""

    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How the values of one metric lie in one run; seconds."""

    run: str
    metric: Metric
    n: int
    p50: float | None
    p90: float | None
    p99: float | None
    most: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLine:
    """One item of one run as the list shows it."""

    key: str
    run: str
    suite: str
    profile: str
    item: str
    group: str
    state: str
    score: str
    why: str


def write_run_report(
    views: Sequence[RunView], out_html: Path, *, title: str = "", embed_sound: bool = False, now: datetime | None = None
) -> Path:
    """Write the report of `views` to `out_html`, replacing what was there, and return it.

    Args:
        views: the grades to show; several suites and several runs of one suite may stand side by side.
        embed_sound: lay the model's sounds into the page (up to 60 MB), instead of naming the files of the run.

    Raises:
        AppError: there is nothing to show, or the file cannot be written.
    """
    return write_page(render_runs(views, out_html.parent, title=title, embed_sound=embed_sound, now=now), out_html)


def render_runs(
    views: Sequence[RunView], beside: Path, *, title: str = "", embed_sound: bool = False, now: datetime | None = None
) -> str:
    """The page as text; sounds are named relative to the folder `beside`.

    Raises:
        AppError: there is nothing to show.
    """
    if not views:
        raise AppError("There is nothing to report.", "No grade was given.", "Grade a run: tmlapp bench grade RUN.")
    environment = Environment(
        loader=PackageLoader("tmlapp.bench.report", "."),
        # What a model says is text, whatever it looks like.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": plain_value, "day": day_text}
    script = files("tmlapp.bench.report").joinpath("run_page.js").read_text("utf-8")
    lines = [line for number, view in enumerate(views) for line in item_lines(view, number)]
    return environment.get_template("run_page.html.j2").render(
        title=title or "Benchmark report",
        made=(now or datetime.now(UTC)).isoformat(timespec="seconds"),
        views=list(enumerate(views)),
        tables=tables_of(views),
        shown=shown,
        metrics_of=metrics_of,
        distributions=[d for view in views for d in distributions(view)],
        lines=lines,
        failures=[line for line in lines if line.state in ("missing", "ungraded")],
        data=_page_data(views, beside, embed_sound),
        script=script,
        script_hash=_script_hash(script),
        published_source=SOURCE,
        version=tmlapp.__version__,
        several=len(views) > 1,
    )


def _script_hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def item_lines(view: RunView, number: int) -> Iterable[ItemLine]:
    """The items of a run, in order; `number` makes their keys unique in the page."""
    headline = metrics_of(view.grade)[0]
    for index, verdict in enumerate(view.grade.verdicts):
        yield ItemLine(
            key=f"{number}-{index}",
            run=view.name,
            suite=view.grade.suite,
            profile=view.grade.provenance.profile,
            item=verdict.item,
            group=verdict.group,
            state=_state(verdict),
            score=_score(verdict, headline),
            why=view.failures.get(verdict.item) or verdict.why,
        )


def _state(verdict: Verdict) -> str:
    if verdict.missing:
        return "missing"
    if verdict.ungraded:
        return "ungraded"
    if verdict.passed is not None:
        return "passed" if verdict.passed else "failed"
    return "silent" if verdict.silent else "scored" if verdict.score is not None else "left out"


def _score(verdict: Verdict, headline: Metric) -> str:
    value = verdict.values.get(headline.name, verdict.score)
    return shown(value, headline.unit)


def distributions(view: RunView) -> Iterable[Distribution]:
    """Every metric in seconds that at least two items enter."""
    for metric in metrics_of(view.grade):
        if metric.unit != "s":
            continue
        values = sorted(v.values[metric.name] for v in view.grade.verdicts if metric.name in v.values)
        if len(values) < 2:
            continue
        yield Distribution(
            run=view.name, metric=metric, n=len(values), p50=percentile(values, 0.5), p90=percentile(values, 0.9),
            p99=percentile(values, 0.99), most=values[-1], bars=tuple(_bars(values)),
        )  # fmt: skip


def _bars(values: Sequence[float]) -> Iterable[Bar]:
    low, high = values[0], values[-1]
    width = (high - low) / _BINS or 1.0
    counts = [0] * _BINS
    for value in values:
        counts[min(_BINS - 1, int((value - low) / width))] += 1
    return (Bar(low + i * width, low + (i + 1) * width, n) for i, n in enumerate(counts))


def _page_data(views: Sequence[RunView], beside: Path, embed_sound: bool) -> str:
    """What is drawn when an item is opened, as JSON that cannot end its script element."""
    sounds = _Sounds(beside, embed_sound)
    data: dict[str, Any] = {}
    for number, view in enumerate(views):
        for index, verdict in enumerate(view.grade.verdicts):
            data[f"{number}-{index}"] = _item_data(view, verdict, sounds)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


class _Sounds:
    """Sounds as the page names them: by their path from where it lies, or laid into it while there is room."""

    def __init__(self, beside: Path, embedded: bool) -> None:
        self._beside = beside.resolve()
        self._room = SOUND_LIMIT_BYTES if embedded else None

    def of(self, view: RunView, named: str) -> dict[str, str]:
        """What is said about the sound `named` inside the run of `view`; nothing where it is not there."""
        path = None if not named or view.folder is None else view.folder / named
        if path is None or not path.is_file():
            return {}
        if self._room is None:
            return {"sound": Path(os.path.relpath(path.resolve(), self._beside)).as_posix()}
        size = path.stat().st_size
        if size > self._room:
            return {"note": f"Its sound is left out: the page holds {SOUND_LIMIT_BYTES // 10**6} MB already."}
        self._room -= size
        return {"sound": data_address("audio/wav", path.read_bytes())}


def _item_data(view: RunView, verdict: Verdict, sounds: _Sounds) -> dict[str, Any]:
    if verdict.details.get("sensitive"):
        return {"note": "What was asked and said in this item is not shown in reports."}
    found: dict[str, Any] = {"said": [[_tidy(t), text[:TEXT_LIMIT]] for t, text in verdict.graded_text]}
    marks = marks_of(verdict.details)
    if marks:
        found["truth"] = [[_tidy(start), _tidy(end), label[:TEXT_LIMIT]] for start, end, label in marks]
    answers = view.answers.get(verdict.item, {})
    for number, (part, answer) in enumerate(answers.items()):
        if number == 0:
            found |= _answer_data(answer)
            continue
        # Several sessions of one item: the first belongs to the marks, the others follow with what was said in them.
        said = [[_tidy(u.t0_s), u.text[:TEXT_LIMIT]] for u in answer.utterances]
        more = {"name": part, "said": said, **_answer_data(answer), **sounds.of(view, answer.audio)}
        found.setdefault("more", []).append(more)
    first = next(iter(answers.values()), None)
    found |= sounds.of(view, view.sounds.get(verdict.item) or verdict.audio or (first.audio if first else ""))
    values = {name: _tidy(value) for name, value in verdict.values.items()}
    if values:
        found["values"] = values
    return found


def _answer_data(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"length": answer.duration_s}
    for name, spans in (("model", answer.speech_s), ("user", answer.user_speech_s)):
        if spans:
            found[name] = [[_tidy(a), _tidy(b)] for a, b in spans]
    if answer.tools:
        found["tools"] = [[_tidy(t.t0_s), t.name, plain_value(t.arguments)[:TEXT_LIMIT]] for t in answer.tools]
    return found


def _tidy(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) and math.isfinite(value) else value


def headline_text(grade: Grade) -> str:
    """One line for a terminal: metric, value, interval, counts."""
    metric = metrics_of(grade)[0]
    text = f"{grade.suite} {metric.label}: {shown(metric.value, metric.unit)}"
    if metric.interval is not None:
        text += f" [{shown(metric.interval[0], metric.unit)}, {shown(metric.interval[1], metric.unit)}]"
    text = text if metric.value is not None else f"{text} ({metric.reason})"
    return f"{text}, {judged}" if (judged := judged_by(grade)) else text
