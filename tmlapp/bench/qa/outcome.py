"""What a check has found, and over which stretch of the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tmlapp.bench.qa.checks import FORMULA
from tmlapp.core.units import ns_to_s

State = Literal["waiting", "pass", "fail", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a check has found.

    Attributes:
        state: `waiting` while the step runs and nothing is decided, `undecided` where its rule does not apply.
        why: one sentence with the measured value.
        value, unit: what was measured, None where nothing was.
        at_ns: session time of the moment that decided.
    """

    state: State
    why: str
    value: float | None = None
    unit: str = ""
    at_ns: int | None = None

    def to_json(self) -> dict[str, Any]:
        at_s = None if self.at_ns is None else ns_to_s(self.at_ns)
        found: dict[str, Any] = {"state": self.state, "why": self.why, "value": self.value, "unit": self.unit}
        return found | {"at_s": at_s, "formula": FORMULA}


@dataclass(frozen=True, slots=True)
class Stretch:
    """The step on the session's time: `over` once it has ended, else `end_ns` is now."""

    start_ns: int
    end_ns: int
    over: bool


def passed(ok: bool) -> State:
    """`pass` or `fail`."""
    return "pass" if ok else "fail"


def seconds_of(t_ns: int) -> float:
    """A duration in seconds, to the ms."""
    return round(t_ns / 1e9, 3)


def s_text(t_ns: int) -> str:
    """A duration in seconds with two decimals."""
    return f"{t_ns / 1e9:.2f} s"


def measured(ok: bool, why: str, t_ns: int, at_ns: int) -> Outcome:
    """Passed or failed by a duration."""
    return Outcome(state=passed(ok), why=why, value=seconds_of(t_ns), unit="s", at_ns=at_ns)


def open_or(step: Stretch, waiting: str, over: Outcome) -> Outcome:
    """`over` where the step has ended; else it goes on, and `waiting` says for what."""
    return over if step.over else Outcome(state="waiting", why=waiting)
