"""What a person should judge next: what nobody could decide, what judges differ in, what is rare, then a sample.

The same questions, verdicts and seed give the same order, whatever order the questions come in.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tmlapp.bench.people.questions import Question
from tmlapp.bench.people.verdicts import UNSURE, Aspect, PersonVerdict, Subject, Verdicts

Reason = Literal["undecided", "differ", "rare", "sample"]
REASONS: tuple[Reason, ...] = ("undecided", "differ", "rare", "sample")
FEW = 3
"""A kind of which people have judged fewer than this is rare."""

SAMPLE = 20
_JUDGED: tuple[Aspect, ...] = ("meaning", "overall")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A question, and why it stands where it does."""

    question: Question
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What is left for one rater, most wanted first; `seed` is that of the sample and of the order inside a reason."""

    entries: tuple[Entry, ...]
    rater: str
    seed: int
    n_questions: int
    n_judged: int

    @property
    def remaining(self) -> int:
        """How many are left."""
        return len(self.entries)

    def counts(self) -> dict[Reason, int]:
        """How many are left, by reason."""
        found = Counter(e.reason for e in self.entries)
        return {reason: found[reason] for reason in REASONS}


def queue_of(
    questions: Iterable[Question],
    verdicts: Mapping[Path, Verdicts],
    *,
    rater: str,
    seed: int = 0,
    sample: int = SAMPLE,
    few: int = FEW,
    aspects: Sequence[Aspect] = _JUDGED,
) -> Queue:
    """The queue of `rater`.

    Args:
        questions: of any number of runs and recordings.
        verdicts: what people have said, by `Question.place`.
        sample: how many of the questions without a reason of their own are asked as well.
        few: see `FEW`.
        aspects: what is asked; timing is decided by a program, so it is left out unless it is wanted.
    """
    asked = [q for q in questions if q.subject.aspect in aspects]
    known = {_key(q): _people(q, verdicts) for q in asked}
    mine = {key for key, people in known.items() if rater in people}
    left = sorted((q for q in asked if _key(q) not in mine), key=lambda q: _shuffled(q, seed))
    decided = Counter(_kind(q) for q in asked if any(v.value != UNSURE for v in known[_key(q)].values()))
    found: dict[Reason, list[Entry]] = {reason: [] for reason in REASONS}
    rest: list[Question] = []
    for question in left:
        placed = _placed(question, known[_key(question)], _decision(question, verdicts))
        if placed is None:
            rest.append(question)
        else:
            found[placed.reason].append(placed)
    taken = Counter(_kind(e.question) for entries in found.values() for e in entries)
    # The rarest kind first; of each kind as many as are missing.
    for question in sorted(rest, key=lambda q: decided[_kind(q)]):
        kind = _kind(question)
        if decided[kind] + taken[kind] < few:
            taken[kind] += 1
            why = f"rare: {decided[kind]} of {_kind_text(question)} judged by people"
            found["rare"].append(Entry(question=question, reason="rare", why=why))
    chosen = {_key(e.question) for e in found["rare"]}
    pool = [q for q in rest if _key(q) not in chosen][:sample]
    found["sample"] = [Entry(question=q, reason="sample", why=f"random sample, seed {seed}") for q in pool]
    return Queue(
        entries=tuple(entry for reason in REASONS for entry in found[reason]),
        rater=rater,
        seed=seed,
        n_questions=len(asked),
        n_judged=len(mine),
    )


def _placed(question: Question, people: Mapping[str, PersonVerdict], decision: PersonVerdict | None) -> Entry | None:
    if decision is not None:
        return None
    rulings = {r.judge: r.value for r in question.rulings}
    opinions = {v.value for v in people.values() if v.value != UNSURE}
    if not opinions and (not rulings or all(value is None for value in rulings.values())):
        judges = ", ".join(rulings)
        why = f"undecided by {judges}" if judges else "nobody has judged it"
        return Entry(question=question, reason="undecided", why=why)
    said = {name: value for name, value in rulings.items() if value is not None}
    said |= {rater: v.value for rater, v in people.items() if v.value != UNSURE}
    if len(set(said.values())) > 1:
        told = ", ".join(f"{name} {value}" for name, value in sorted(said.items()))
        return Entry(question=question, reason="differ", why=f"judges differ: {told}")
    if unsure := sorted(rater for rater, v in people.items() if v.value == UNSURE):
        return Entry(question=question, reason="undecided", why=f"unsure: {', '.join(unsure)}")
    return None


def _key(question: Question) -> tuple[Path, Subject]:
    return question.place, question.subject


def _people(question: Question, verdicts: Mapping[Path, Verdicts]) -> dict[str, PersonVerdict]:
    found = verdicts.get(question.place)
    return found.of(question.subject) if found else {}


def _decision(question: Question, verdicts: Mapping[Path, Verdicts]) -> PersonVerdict | None:
    found = verdicts.get(question.place)
    return found.decisions.get(question.subject) if found else None


def _kind(question: Question) -> tuple[str, Aspect]:
    return question.group, question.subject.aspect


def _kind_text(question: Question) -> str:
    return question.group or "this kind"


def _shuffled(question: Question, seed: int) -> str:
    """A place that depends on the question and the seed alone: others that come or go move nothing."""
    subject = question.subject
    text = "\0".join((str(seed), question.place.name, subject.item, subject.key, subject.aspect))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
