"""Verdicts that people give: kept as annotations, each with its rater; the newest of a rater is the one that holds.

A verdict on a run lies in the run folder (`people.jsonl`), one on a single recording beside it. Nothing is ever
changed: another opinion, and taking one back, are new lines.
"""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.annotations import (
    UNDO,
    UNDOES,
    VERDICT,
    Annotation,
    annotations_of,
    append,
    new_annotation,
    read_file,
)
from tmlapp.bench.runs.run import is_run
from tmlapp.core.errors import AppError

PEOPLE = "people.jsonl"
ADJUDICATED = "adjudicated"
"""Kind of an annotation that decides between raters; who gave it stands in it like a rater."""

Aspect = Literal["meaning", "timing", "overall"]
ASPECTS: tuple[Aspect, ...] = ("meaning", "timing", "overall")
RIGHT, WRONG, UNSURE = "right", "wrong", "unsure"
SCALE = (RIGHT, WRONG, UNSURE)
CONFIDENCES = (1, 2, 3)


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What a verdict is about.

    Attributes:
        item: of the run; the recording's own name where it belongs to no run.
        key: the question inside the item: id of an expectation, or `main`.
        aspect: what was said (`meaning`, judged without times), when (`timing`), or everything (`overall`).
    """

    item: str
    key: str
    aspect: Aspect = "meaning"

    def __str__(self) -> str:
        return f"{self.item} {self.key}" if self.key != "main" else self.item


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonVerdict:
    """One verdict; `rater` is a pseudonym, `id` names its line, `packet` the packet that it came in, if any."""

    subject: Subject
    value: str
    rater: str
    confidence: int | None = None
    note: str = ""
    id: str = ""
    when: str = ""
    who: str = ""
    packet: str = ""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What people say about one run or recording.

    Attributes:
        by_subject: the newest verdict that holds of each rater, by subject.
        decisions: what was adjudicated, by subject.
        damaged: lines of the file that cannot be read, or hold a verdict that is none.
    """

    by_subject: Mapping[Subject, Mapping[str, PersonVerdict]] = field(default_factory=dict)
    decisions: Mapping[Subject, PersonVerdict] = field(default_factory=dict)
    damaged: int = 0

    def of(self, subject: Subject) -> dict[str, PersonVerdict]:
        """By rater."""
        return dict(self.by_subject.get(subject, {}))

    @property
    def current(self) -> dict[tuple[Subject, str], PersonVerdict]:
        """By subject and rater."""
        return {(about, rater): v for about, given in self.by_subject.items() for rater, v in given.items()}

    @property
    def raters(self) -> tuple[str, ...]:
        """Everybody who has a verdict here, in order of name."""
        return tuple(sorted({rater for given in self.by_subject.values() for rater in given}))


def file_of(place: Path) -> Path:
    """Where verdicts on `place` lie: a run folder, a recording of a run (its run), or any other recording."""
    run = run_of(place)
    return annotations_of(place) if run is None else run / PEOPLE


def run_of(place: Path) -> Path | None:
    """The run folder that `place` is, or that the recording `place` belongs to; None where there is none."""
    if is_run(place):
        return place
    above = place.resolve().parents
    return above[2] if len(above) > 2 and above[1].name == "items" and is_run(above[2]) else None


def give(
    place: Path,
    subject: Subject,
    value: str,
    *,
    rater: str,
    confidence: int | None = None,
    note: str = "",
    scale: Sequence[str] = SCALE,
    decides: bool = False,
    more: Mapping[str, Any] | None = None,
    why: str = "judged",
    who: str | None = None,
    when: datetime | None = None,
    id: str | None = None,  # noqa: A002 - the member's name
) -> PersonVerdict:
    """Keep a verdict on `place`; it is on the disk when this returns.

    Args:
        place: run folder or recording.
        value: one of `scale`.
        rater: pseudonym.
        confidence: 1 (a guess) to 3 (certain); None where it was not asked.
        decides: this settles what raters differ in (adjudication).
        more: further members of the annotation's data (packet and the like).
        id: of the line, where it has one already.

    Raises:
        AppError: the value is not on the scale, the rater has no name, or the line cannot be written.
    """
    _check(value, scale, rater, confidence)
    data: dict[str, Any] = {"item": subject.item, "key": subject.key, "aspect": subject.aspect, "value": value}
    data |= {"rater": rater, "scale": list(scale)} | dict(more or {})
    if confidence is not None:
        data["confidence"] = confidence
    if note.strip():
        data["note"] = note.strip()
    kind = ADJUDICATED if decides else VERDICT
    made = append(file_of(place), new_annotation(kind, data=data, why=why, who=who, when=when, id=id))
    return _verdict(made)


def take_back(place: Path, verdict: str, *, why: str = "taken back", who: str | None = None) -> None:
    """Undo the verdict with the id `verdict` by a new line; the rater's one before it holds again.

    Raises:
        AppError: the line cannot be written.
    """
    append(file_of(place), new_annotation(UNDO, data={UNDOES: verdict}, why=why, who=who))


def read_verdicts(place: Path) -> Verdicts:
    """What people say about `place`; nothing where nobody has.

    Raises:
        AppError: the file cannot be read at all.
    """
    log = read_file(file_of(place))
    found = verdicts_in(log.current)
    return Verdicts(found.by_subject, found.decisions, found.damaged + len(log.damaged))


def verdicts_in(annotations: Iterable[Annotation]) -> Verdicts:
    """The verdicts among `annotations` (undone ones left out already), oldest first."""
    current: dict[Subject, dict[str, PersonVerdict]] = {}
    decisions: dict[Subject, PersonVerdict] = {}
    damaged = 0
    for annotation in annotations:
        if annotation.kind not in (VERDICT, ADJUDICATED):
            continue
        try:
            verdict = _verdict(annotation)
        except (KeyError, ValueError):
            damaged += 1
            continue
        if annotation.kind == ADJUDICATED:
            decisions[verdict.subject] = verdict
        else:
            current.setdefault(verdict.subject, {})[verdict.rater] = verdict
    return Verdicts(current, decisions, damaged)


def default_rater() -> str:
    """A pseudonym for the user of this machine: always the same, and no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # Containers may run under a number that no user has.
        user = ""
    return f"rater-{hashlib.sha256(user.encode()).hexdigest()[:4]}"


def _verdict(annotation: Annotation) -> PersonVerdict:
    data = annotation.data
    aspect = data["aspect"]
    texts = [data["item"], data["key"], data["value"], data["rater"], data.get("note", ""), data.get("packet", "")]
    confidence = data.get("confidence")
    if aspect not in ASPECTS or not all(isinstance(t, str) for t in texts):
        raise ValueError("a verdict has an aspect, an item, a key, a value and a rater")
    if confidence is not None and confidence not in CONFIDENCES:
        raise ValueError("a confidence is 1, 2 or 3")
    return PersonVerdict(
        subject=Subject(texts[0], texts[1], aspect),
        value=texts[2],
        rater=texts[3],
        confidence=confidence,
        note=texts[4],
        id=annotation.id,
        when=annotation.when,
        who=annotation.who,
        packet=texts[5],
    )


def _check(value: str, scale: Sequence[str], rater: str, confidence: int | None) -> None:
    if value not in scale:
        raise AppError(f"{value!r} is no verdict here.", f"The scale is {', '.join(scale)}.", "Give one of these.")
    if not rater.strip():
        raise AppError("The verdict has no rater.", "Agreement is counted by raters.", "Write a pseudonym.")
    if confidence is not None and confidence not in CONFIDENCES:
        raise AppError(f"{confidence!r} is no confidence.", "It goes from 1 to 3.", "Give 1, 2 or 3.")
