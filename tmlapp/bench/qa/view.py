"""A run as window, report and terminal show it: every step with its state, its tries, and what the checks found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tmlapp.bench.qa.checklist import Checklist, Step, needs_of
from tmlapp.bench.qa.checks import Check
from tmlapp.bench.qa.evaluate import outcome_of
from tmlapp.bench.qa.facts import Facts
from tmlapp.bench.qa.log import RunLog, Try
from tmlapp.bench.qa.outcome import Outcome, Stretch
from tmlapp.core.units import ns_to_s, s_to_ns

StepState = Literal["pending", "running", "ended", "pass", "fail", "blocked", "skipped", "not_applicable"]
"""`ended`: tried, and the person has not said yet how it went."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A check and what it found."""

    check: Check
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class TryView:
    """A try with its checks; `late`: it took longer than the step's limit."""

    tried: Try
    end_ns: int
    checks: tuple[Checked, ...]
    late: bool

    @property
    def automatic(self) -> str:
        """`fail` if a check failed, `pass` if at least one passed and none failed, else `undecided`."""
        states = {c.outcome.state for c in self.checks}
        return "fail" if "fail" in states else "pass" if "pass" in states else "undecided"

    def to_json(self) -> dict[str, Any]:
        return {
            "try": self.tried.number,
            "start_s": ns_to_s(self.tried.start_ns),
            "end_s": ns_to_s(self.end_ns),
            "verdict": self.tried.verdict or None,
            "verdicts": list(self.tried.verdicts),
            "automatic": self.automatic,
            "late": self.late,
            "checks": [
                {"check": c.check.name, "words": c.check.words(), **c.outcome.to_json()} for c in self.checks
            ],
            "notes": [n.text for n in self.tried.notes],
            "screenshots": [s.text for s in self.tried.shots],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepView:
    """A step, its state, and why it does not apply or was left out."""

    step: Step
    state: StepState
    why: str
    tries: tuple[TryView, ...]

    @property
    def last(self) -> TryView | None:
        return self.tries[-1] if self.tries else None

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"id": self.step.id, "title": self.step.title, "state": self.state}
        return found | ({"why": self.why} if self.why else {}) | {"tries": [t.to_json() for t in self.tries]}


def step_views(checklist: Checklist, run: RunLog, facts: Facts, *, closed: bool = False) -> tuple[StepView, ...]:
    """Every step of `checklist` as `run` and `facts` say it stands; `closed`: nothing more will happen."""
    return tuple(_step_view(checklist, step, run, facts, closed) for step in checklist.steps)


def try_view(step: Step, tried: Try, facts: Facts, *, closed: bool = False) -> TryView:
    """What the checks of `step` find in this try."""
    now_ns = max(facts.now_ns, tried.start_ns)
    end_ns = now_ns if tried.end_ns is None else tried.end_ns
    if closed:
        end_ns = max(tried.start_ns, min(end_ns, now_ns))
    stretch = Stretch(tried.start_ns, end_ns, over=closed or tried.end_ns is not None)
    checks = tuple(Checked(check, outcome_of(check, facts, stretch)) for check in step.checks)
    return TryView(tried, end_ns, checks, end_ns - tried.start_ns > s_to_ns(step.limit_s))


def _step_view(checklist: Checklist, step: Step, run: RunLog, facts: Facts, closed: bool) -> StepView:
    tries = tuple(try_view(step, tried, facts, closed=closed) for tried in run.tries.get(step.id, ()))
    lacks = facts.abilities.lacks(needs_of(checklist, step))
    state, why = _state(run, step.id, lacks, closed)
    return StepView(step, state, why, tries)


def _state(run: RunLog, step_id: str, lacks: str, closed: bool) -> tuple[StepState, str]:
    last = run.last(step_id)
    if step_id in run.skipped:
        return "skipped", run.skipped[step_id]
    if last is None:
        return ("not_applicable", lacks) if lacks else ("pending", "")
    if last.end_ns is None and not closed:
        return "running", ""
    verdict: StepState = last.verdict or "ended"  # type: ignore[assignment]
    return verdict, ""


def counts(views: Sequence[StepView]) -> dict[str, int]:
    """How many steps are in each state; only states that occur."""
    found: dict[str, int] = {}
    for view in views:
        found[view.state] = found.get(view.state, 0) + 1
    return found
