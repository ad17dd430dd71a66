"""Golden files of ProactiveVideoQA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tmlapp.bench.judges.base import Question, Ruling
from tmlapp.bench.labels.proactive_video_qa import CATEGORIES, replies_of, split_id, truth_of
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.pauc import kept_points, pauc
from tmlapp.bench.suites.proactive_video_qa import ProactiveVideoQA
from tmlapp.core.grade import Grade

_MISSING = "no such figure"


class ListedJudge:
    """Gives the replies of a golden file in call order, and keeps what it was asked."""

    name = "listed"
    parallel = 1

    def __init__(self, outputs: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._left = {category: list(listed) for category, listed in outputs.items()}
        self.asked: dict[str, list[tuple[str, str]]] = {category: [] for category in outputs}

    def ask(self, question: Question) -> Ruling:
        category, _, name = question.item.partition("/")
        text = question.prompt.messages(question.fields)[-1]["content"]
        identity = f"{name}={question.key.partition('#')[0]}"
        self.asked.setdefault(category, []).append((identity, text))
        left = self._left.get(category, [])
        if not left or split_id(left[0][0]) != split_id(identity):
            return Ruling(value=None, judge=self.name, why="the file has no reply in this place")
        return Ruling(value=question.prompt.parse(left.pop(0)[1]), judge=self.name)

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ()


def pauc_checks(golden: Golden) -> Iterator[Check]:
    """`pauc.json`: areas of single turns, then a run through the grader itself with recorded judge replies."""
    tolerance = golden.get("tolerance", TOLERANCE)
    for case in golden.get("elementary", ()):
        span = (case["span"][0], case["span"][1])
        points = tuple(sorted((t, score) for t, score in case["points"]))
        if "related_timespan" in case:
            points = kept_points(points, case["related_timespan"][1])
        for omega, expected in case["expect"].items():
            where = f"{case['id']} omega {omega}"
            yield Check(where, expected, pauc(points, span, float(omega)), case.get("tolerance", tolerance))
    if golden.get("items"):
        yield from _suite_checks(golden, tolerance)


def _suite_checks(golden: Golden, tolerance: float) -> Iterator[Check]:
    entries = [
        Entry(f"{category}/{row['question_id']}", truth_of(category, row), _replies(golden, category, row))
        for category, rows in golden["items"].items()
        for row in rows
    ]
    grades: dict[float, tuple[Grade, ListedJudge]] = {}

    def graded(omega: float) -> tuple[Grade, ListedJudge]:
        if omega not in grades:
            judge = ListedJudge(golden["judge_outputs"])
            params = {**golden.get("params", {}), "omega": omega}
            profile = golden.get("profile", "official")
            grades[omega] = (
                ProactiveVideoQA().grade(entries, profile=profile, params=params, sources=Sources(judge=judge)),
                judge,
            )
        return grades[omega]

    _, judge = graded(0.5)
    for category, inputs in golden.get("judge_inputs", {}).items():
        expected = [(*split_id(identity), text) for identity, text in inputs]
        actual = [(*split_id(identity), text) for identity, text in judge.asked.get(category, [])]
        yield Check(f"{category} number of judge inputs", len(expected), len(actual))
        for wanted, got in zip(expected, actual, strict=False):
            yield Check(f"judge input {wanted[:3]}", wanted, got)
    for key, expected in golden.get("expect", {}).items():
        if key in CATEGORIES:
            for figure, value in expected.items():
                yield from _category_checks(key, figure, value, graded, tolerance)
        else:
            name, _, omega = key.partition("_x100_omega=")
            metric = {"macro": "pauc", "micro": "micro"}.get(name, "")
            yield Check(key, expected, _metric(graded(float(omega))[0], metric) if metric else _MISSING, tolerance)


def _replies(golden: Golden, category: str, row: Mapping[str, Any]) -> Any:
    return replies_of(golden.get("replies", {}).get(category, {}).get(row["question_id"], ()))


def _metric(grade: Grade, name: str) -> Any:
    return next((metric.value for metric in grade.metrics if metric.name == name), _MISSING)


def _category_checks(category: str, figure: str, expected: Any, graded: Any, tolerance: float) -> Iterator[Check]:
    where = f"{category} {figure}"
    if figure == "n_judge_calls":
        yield Check(where, expected, len(graded(0.5)[1].asked.get(category, [])))
    elif figure.startswith("omega="):
        grade = graded(float(figure.removeprefix("omega=")))[0]
        value = _metric(grade, f"pauc_{category.lower()}")
        got = {
            "pauc": value / 100 if isinstance(value, float) else value,
            "turns": grade.aggregates["n_turns"].get(category, 0),
        }
        for key, wanted in expected.items():
            yield Check(f"{where} {key}", wanted, got.get(key, _MISSING), tolerance)
    elif figure == "kept_scores" or figure.startswith("per_turn_omega_"):
        omega = 0.5 if figure == "kept_scores" else float(figure.removeprefix("per_turn_omega_"))
        turns = {v.item.partition("/")[2]: v.details["turns"] for v in graded(omega)[0].verdicts if v.group == category}
        for name, wanted in expected.items():
            if figure == "kept_scores":
                points = [sorted((float(t), score) for t, score in one.items()) for one in wanted]
                yield Check(f"{where} {name}", points, [turn["points"] for turn in turns[name]], tolerance)
            else:
                yield Check(f"{where} {name}", wanted, [turn["pauc"] / 100 for turn in turns[name]], tolerance)
    else:
        yield Check(where, expected, _MISSING)


KINDS = {("proactive-video-qa", "pauc.json"): pauc_checks}
