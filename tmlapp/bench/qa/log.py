"""What a tester did, folded from marks: runs of checklists, the tries of their steps, verdicts, notes, pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tmlapp.bench.qa.marks import Mark


@dataclass(frozen=True, slots=True)
class Said:
    """A note, or the name of a picture, at session time `t_ns` (None: after the session)."""

    t_ns: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try of a step.

    Attributes:
        number: 1 for the first.
        end_ns: None while it runs.
        verdict: the person's last word; empty before the first. `verdicts` are all of them, oldest first.
        by: who gave the last one, where the annotations tell.
    """

    step: str
    number: int
    start_ns: int
    end_ns: int | None = None
    verdict: str = ""
    verdicts: tuple[str, ...] = ()
    by: str = ""
    notes: tuple[Said, ...] = ()
    shots: tuple[Said, ...] = ()


@dataclass(slots=True)
class RunLog:
    """One run of one checklist.

    Attributes:
        checklist_id, sha256: of the checklist, as it was when the run began.
        text: the whole file, where the annotations hold it.
        skipped: steps left out, with the reason that was given.
        notes: those that belong to no step.
    """

    checklist_id: str
    sha256: str
    t_ns: int
    text: str = ""
    tries: dict[str, list[Try]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[Said] = field(default_factory=list)
    who: str = ""

    @property
    def running(self) -> Try | None:
        """The try that runs."""
        return next((t for tries in self.tries.values() for t in tries if t.end_ns is None), None)

    def last(self, step: str) -> Try | None:
        """The newest try of `step`."""
        tries = self.tries.get(step)
        return tries[-1] if tries else None

    def end(self, t_ns: int) -> None:
        """Whatever runs ends now."""
        running = self.running
        if running is not None:
            self._put(replace(running, end_ns=max(running.start_ns, t_ns)))

    def take(self, mark: Mark) -> None:
        """Apply the next mark; one about a try that never began is dropped."""
        if mark.action == "start" and mark.t_ns is not None:
            self.end(mark.t_ns)
            self.skipped.pop(mark.step, None)
            self.tries.setdefault(mark.step, []).append(Try(step=mark.step, number=mark.tried, start_ns=mark.t_ns))
            return
        if mark.action == "skip":
            self.skipped[mark.step] = mark.text
            return
        found = next((t for t in self.tries.get(mark.step, ()) if t.number == mark.tried), None)
        if found is not None:
            self._put(_after(found, mark))

    def _put(self, changed: Try) -> None:
        tries = self.tries[changed.step]
        tries[next(i for i, t in enumerate(tries) if t.number == changed.number)] = changed


def _after(found: Try, mark: Mark) -> Try:
    ended = found.end_ns
    if ended is None and mark.t_ns is not None and mark.action in ("end", "verdict"):
        ended = max(found.start_ns, mark.t_ns)
    match mark.action:
        case "verdict":
            verdicts = (*found.verdicts, mark.text)
            return replace(found, end_ns=ended, verdict=mark.text, verdicts=verdicts, by=mark.who)
        case "note":
            return replace(found, notes=(*found.notes, Said(mark.t_ns, mark.text)))
        case "shot":
            return replace(found, shots=(*found.shots, Said(mark.t_ns, mark.text)))
        case _:
            return replace(found, end_ns=ended)


def merged(recorded: Iterable[Mark], annotated: Iterable[Mark]) -> list[Mark]:
    """The marks of both places in order: the recording knows when, the annotations know who and every word."""
    found: dict[int, Mark] = {}
    for mark in annotated:
        found.setdefault(mark.n, mark)
    for mark in recorded:
        other = found.get(mark.n)
        if other is None:
            found[mark.n] = mark
        elif (other.action, other.step, other.tried) == (mark.action, mark.step, mark.tried):
            found[mark.n] = replace(other, t_ns=mark.t_ns)
    return [found[n] for n in sorted(found)]


def runs_of(marks: Iterable[Mark]) -> list[RunLog]:
    """The runs that `marks`, in order, tell of."""
    runs: list[RunLog] = []
    for mark in marks:
        if mark.action == "run":
            if runs and mark.t_ns is not None:
                runs[-1].end(mark.t_ns)
            checklist_id, _, sha256 = mark.text.partition(" ")
            runs.append(RunLog(checklist_id, sha256, mark.t_ns or 0, text=mark.checklist, who=mark.who))
        elif runs:
            runs[-1].take(mark)
    return runs
