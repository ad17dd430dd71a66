"""Where raters differ, who decides, and how a judge that is a program does against people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tmlapp.bench.people.agreement import Agreement, cohen, resampled_interval
from tmlapp.bench.people.questions import Question
from tmlapp.bench.people.verdicts import UNSURE, PersonVerdict, Verdicts
from tmlapp.bench.stats import RESAMPLES, SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A question on which people differ; `decision` is how it was settled, None while it is open."""

    question: Question
    verdicts: Mapping[str, PersonVerdict]
    decision: PersonVerdict | None = None


def conflicts_of(questions: Iterable[Question], verdicts: Mapping[Path, Verdicts]) -> tuple[Conflict, ...]:
    """Questions with two different verdicts (unsure is one), open ones first, else in the order given."""
    found: list[Conflict] = []
    for question in questions:
        people = verdicts[question.place].of(question.subject) if question.place in verdicts else {}
        if len({v.value for v in people.values()}) > 1:
            decision = verdicts[question.place].decisions.get(question.subject)
            found.append(Conflict(question=question, verdicts=dict(sorted(people.items())), decision=decision))
    return tuple(sorted(found, key=lambda c: c.decision is not None))


def people_say(verdicts: Verdicts, question: Question) -> tuple[str | None, str]:
    """What people say together: the decision, else what most say; None, and why, where neither is there."""
    decision = verdicts.decisions.get(question.subject)
    if decision is not None:
        return decision.value, ""
    votes = Counter(v.value for v in verdicts.of(question.subject).values() if v.value != UNSURE)
    if not votes:
        return None, "nobody has judged it" if not verdicts.of(question.subject) else "people are unsure"
    (value, most), *others = votes.most_common()
    if any(n == most for _, n in others):
        return None, "people differ, and nobody has decided"
    return value, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """One label: how often people gave it, and what the judge made of that. None where nothing entered it."""

    label: str
    n_people: int
    n_judge: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """A judge that is a program against people.

    Attributes:
        table: counts [people][judge], rows and columns in the order of `labels`.
        accuracy: share of items with the same label. kappa: Cohen's, with interval.
        undecided: items that the judge left open. left_out: items without one verdict of people, by reason.
    """

    judge: str
    labels: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]
    classes: tuple[ClassFigures, ...]
    n: int
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    kappa: Agreement
    undecided: int
    left_out: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def confusions(
    questions: Sequence[Question],
    verdicts: Mapping[Path, Verdicts],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[Confusion, ...]:
    """Every judge of `questions` against people, in order of name.

    Raises:
        AppError: statsmodels is not installed.
    """
    judges = sorted({r.judge for q in questions for r in q.rulings})
    return tuple(confusion(judge, questions, verdicts, resamples=resamples, seed=seed) for judge in judges)


def confusion(
    judge: str,
    questions: Sequence[Question],
    verdicts: Mapping[Path, Verdicts],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Confusion:
    """`judge` against people, over what both have decided.

    Raises:
        AppError: statsmodels is not installed.
    """
    pairs: list[tuple[str, str]] = []
    undecided, left_out = 0, Counter[str]()
    labels: dict[str, None] = {}
    for question in questions:
        ruling = next((r for r in question.rulings if r.judge == judge), None)
        if ruling is None:
            continue
        people, why = people_say(verdicts.get(question.place, Verdicts()), question)
        if people is None or people == UNSURE:
            left_out[why or "people are unsure"] += 1
        elif ruling.value is None:
            undecided += 1
        else:
            labels |= dict.fromkeys(v for v in question.scale if v != UNSURE)
            pairs.append((people, ruling.value))
    names = tuple(labels | dict.fromkeys(v for pair in pairs for v in pair))
    table = tuple(tuple(sum(p == (a, b) for p in pairs) for b in names) for a in names)
    return Confusion(
        judge=judge,
        labels=names,
        table=table,
        classes=tuple(_class(names, table, i) for i in range(len(names))),
        n=len(pairs),
        accuracy=_accuracy(pairs) if pairs else None,
        accuracy_interval=resampled_interval(sorted(pairs), _accuracy, resamples=resamples, seed=seed),
        kappa=cohen(pairs, ("people", judge), resamples=resamples, seed=seed),
        undecided=undecided,
        left_out=dict(left_out),
    )


def _accuracy(pairs: Sequence[tuple[str, str]]) -> float:
    return sum(a == b for a, b in pairs) / len(pairs)


def _class(labels: Sequence[str], table: Sequence[Sequence[int]], i: int) -> ClassFigures:
    hits, people, judge = table[i][i], sum(table[i]), sum(row[i] for row in table)
    return ClassFigures(
        label=labels[i],
        n_people=people,
        n_judge=judge,
        precision=hits / judge if judge else None,
        recall=hits / people if people else None,
        f1=2 * hits / (people + judge) if people + judge else None,
    )
