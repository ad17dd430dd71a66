"""What the judging panel shows: questions, verdicts and the queue of one rater. No Qt; may block where it says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tmlapp.bench.people.adjudication import Conflict, conflicts_of
from tmlapp.bench.people.agreement import Agreement, agreements, alpha, cohen, rows_of
from tmlapp.bench.people.questions import Question, questions_of
from tmlapp.bench.people.queue import Queue, queue_of
from tmlapp.bench.people.summary import labels_of
from tmlapp.bench.people.verdicts import PersonVerdict, Subject, Verdicts, give, read_verdicts, run_of, take_back

SEED = 0
_CLOSE_S = 1e-6
"""Times that went through nanoseconds are the same within this."""

Asked = Question | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything that can be judged at some places, and what people have said."""

    places: tuple[Path, ...] = ()
    questions: tuple[Question, ...] = ()
    verdicts: dict[Path, Verdicts] = field(default_factory=dict)

    def queue(self, rater: str, changed: Kept | None = None) -> Queue:
        """What is left for `rater`, after something was written. Takes a while for thousands of questions."""
        verdicts = self.verdicts | ({changed.place: changed.verdicts} if changed else {})
        return queue_of(self.questions, verdicts, rater=rater, seed=SEED)


def load(places: Sequence[Path]) -> Loaded:
    """Questions and verdicts of runs and recordings; a recording of a run brings the whole run. Blocks.

    Raises:
        AppError: one of them cannot be read.
    """
    wanted = tuple(dict.fromkeys(run_of(place) or place for place in places))
    questions = tuple(q for place in wanted for q in questions_of(place))
    return Loaded(wanted, questions, {place: read_verdicts(place) for place in wanted})


@dataclass(frozen=True, slots=True)
class Kept:
    """After a verdict was written or taken back: what people say about its place now; blocks to be made."""

    place: Path
    verdicts: Verdicts
    verdict: PersonVerdict | None = None


def keep(question: Question, value: str, rater: str, confidence: int | None, note: str) -> Kept:
    """Write a verdict. Blocks.

    Raises:
        AppError: it cannot be written.
    """
    made = give(
        question.place, question.subject, value, rater=rater, confidence=confidence, note=note, scale=question.scale
    )
    return Kept(question.place, read_verdicts(question.place), made)


def remove(place: Path, verdict: str) -> Kept:
    """Take a verdict back. Blocks.

    Raises:
        AppError: it cannot be written.
    """
    take_back(place, verdict)
    return Kept(place, read_verdicts(place))


def settle(question: Question, value: str, rater: str, note: str) -> Kept:
    """Decide a conflict. Blocks.

    Raises:
        AppError: it cannot be written.
    """
    made = give(
        question.place, question.subject, value, rater=rater, note=note, scale=question.scale, decides=True,
        why="adjudicated",
    )  # fmt: skip
    return Kept(question.place, read_verdicts(question.place), made)


class Judging:
    """The state of the panel: what is asked now, and what comes next."""

    def __init__(self, rater: str) -> None:
        self.rater = rater
        self.loaded = Loaded()
        self.current: Question | None = None
        self.at_s: float | None = None
        self.queue = Loaded().queue(rater)
        self._given: list[tuple[Path, Subject, str, str]] = []

    def use(self, loaded: Loaded, queue: Queue, recording: Path | None = None) -> None:
        """Judge these from now on; begin with `recording` (at `at_s`), or with what the queue names first."""
        self._begin(loaded, queue, recording)
        if recording is not None and self.at_s is not None:
            self.current = self.question_at(self.at_s, recording) or self.current
        self.at_s = None

    def _begin(self, loaded: Loaded, queue: Queue, recording: Path | None) -> None:
        before = self.current
        self.loaded = loaded
        self.queue = queue if queue.rater == self.rater else loaded.queue(self.rater)
        known = {(q.place, q.subject): q for q in loaded.questions}
        same = known.get((before.place, before.subject)) if before else None
        if same is not None and (recording is None or same_file(same.recording, recording)):
            self.current = same
            return
        here = [q for q in loaded.questions if recording is None or same_file(q.recording, recording)]
        names = {(q.place, q.subject) for q in here}
        queued = [e.question for e in self.queue.entries if (e.question.place, e.question.subject) in names]
        judged = [q for q in here if q.subject.aspect != "timing"] or here
        self.current = queued[0] if queued else judged[0] if judged else None

    def set_rater(self, rater: str) -> None:
        """Judge under another pseudonym."""
        self.rater = rater
        self._given.clear()
        self.queue = self.loaded.queue(rater)

    def go_on(self) -> Question | None:
        """The first of the queue that is not the one shown now; None at the end."""
        left = [e.question for e in self.queue.entries if not self._is_current(e.question)]
        if left:
            self.current = left[0]
        return left[0] if left else None

    def choose(self, question: Question) -> None:
        self.current = question

    def question_at(self, t_s: float, recording: Path, *, said: bool = False) -> Asked:
        """The question about `recording` at `t_s`: by its window, with `said` first by what was said then, or None.

        The one that is asked now stays where it lies there, too; of several the one with the shortest window counts.
        """
        now = self.current
        if now is not None and now.at_s is not None and abs(now.at_s - t_s) < _CLOSE_S and not said:
            return now if same_file(now.recording, recording) else None
        ranked = sorted(
            ((rank, number, q) for number, q in enumerate(self.loaded.questions) if (rank := _rank(q, t_s, said))),
            key=lambda r: (r[0], not self._is_current(r[2]), r[1]),
        )
        return next((q for _rank, _number, q in ranked if same_file(q.recording, recording)), None)

    def question_named(self, key: str, recording: Path) -> Asked:
        """The question about the expectation `key` of `recording`, or (`key` empty) about all of it; None: no such."""
        found = [
            q
            for q in self.loaded.questions
            if (q.subject.key == key if key else q.subject.aspect == "overall") and same_file(q.recording, recording)
        ]
        found.sort(key=lambda q: (not self._is_current(q), q.subject.aspect == "timing"))
        return found[0] if found else None

    def mine(self) -> PersonVerdict | None:
        """What this rater has said about the current question."""
        return self.people().get(self.rater)

    def people(self) -> dict[str, PersonVerdict]:
        """What everybody has said about the current question."""
        if self.current is None:
            return {}
        return self.loaded.verdicts.get(self.current.place, Verdicts()).of(self.current.subject)

    def decision(self) -> PersonVerdict | None:
        """How the current question was settled, if it was."""
        if self.current is None:
            return None
        return self.loaded.verdicts.get(self.current.place, Verdicts()).decisions.get(self.current.subject)

    def take(self, kept: Kept, queue: Queue | None = None) -> None:
        """Something was written; `queue` is what is left then, if that was counted already."""
        self.loaded.verdicts[kept.place] = kept.verdicts
        if kept.verdict is not None and kept.verdict.rater == self.rater:
            self._given.append((kept.place, kept.verdict.subject, kept.verdict.id, kept.verdict.when))
        self.queue = queue if queue is not None and queue.rater == self.rater else self.loaded.queue(self.rater)

    @property
    def given_at(self) -> str:
        """When the newest verdict of this sitting was given (UTC, ISO 8601); empty where there is none."""
        return self._given[-1][3] if self._given else ""

    def to_undo(self) -> tuple[Path, str] | None:
        """The newest verdict of this sitting, else that on the current question: place and id. It is shown, too."""
        if self._given:
            place, subject, verdict, _when = self._given.pop()
            found = [q for q in self.loaded.questions if (q.place, q.subject) == (place, subject)]
            self.current = found[0] if found else self.current
            return place, verdict
        mine = self.mine()
        return (self.current.place, mine.id) if self.current is not None and mine is not None else None

    def conflicts(self) -> tuple[Conflict, ...]:
        """Where people differ, open ones first."""
        return conflicts_of(self.loaded.questions, self.loaded.verdicts)

    def agreement(self) -> Agreement | None:
        """Of the raters on the aspect that is asked now: kappa of two, alpha of more (not all judge all). Blocks.

        Raises:
            AppError: the extra `agreement` is not installed.
        """
        if self.current is None:
            return None
        asked = [q for q in self.loaded.questions if q.subject.aspect == self.current.subject.aspect]
        labels = labels_of(asked, dict(self.loaded.verdicts))
        raters = sorted(labels)
        if len(raters) < 2:
            return agreements(labels)[0]
        rows = rows_of(labels, raters)
        return cohen(rows, raters) if len(raters) == 2 else alpha(rows, raters)

    def _is_current(self, question: Question) -> bool:
        return self.current is not None and (question.place, question.subject) == (
            self.current.place,
            self.current.subject,
        )


def _rank(question: Question, t_s: float, said: bool) -> tuple[bool, bool, float] | None:
    """How little `question` is about `t_s`; None: not at all. Its timing is asked about after its meaning."""
    window = question.window_s
    held = window is not None and window[0] - _CLOSE_S <= t_s < window[1]
    spoken = any(abs(a - t_s) < _CLOSE_S or (b is not None and a <= t_s < b) for a, b in question.said_s)
    timing = question.subject.aspect == "timing"
    # What is asked about timing names all that was said.
    spoken = spoken and not timing
    if not held and not spoken:
        return None
    width = window[1] - window[0] if window is not None else math.inf
    return (not (spoken if said else held), timing, width)


def same_file(a: Path | None, b: Path) -> bool:
    """Whether two paths name one file (it need not be there)."""
    return a is not None and a.resolve() == b.resolve()
