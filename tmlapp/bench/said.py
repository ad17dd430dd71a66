"""What a model said, as graders see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tmlapp.core.errors import AppError
from tmlapp.core.numbers import numbers_in
from tmlapp.core.units import s_to_ns

MOST_S = 1e10
"""No time is further from 0 (three hundred years): larger ones are mistakes, and sums of them no numbers any more."""


def is_time(value: float) -> bool:
    """A number of seconds that can be computed with; NaN and infinity are none."""
    return abs(value) < MOST_S


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance: `t_s` is its onset in seconds, on whichever clock the grader names."""

    t_s: float
    text: str


def in_order(outputs: Iterable[Said]) -> tuple[Said, ...]:
    """`outputs` by time; those of one instant keep their order.

    Raises:
        AppError: a time is no number of seconds (`is_time`).
    """
    listed = tuple(outputs)
    for said in listed:
        if not is_time(said.t_s):
            raise AppError(
                f"The output {said.text[:40]!r} cannot be graded.",
                f"Its time is {said.t_s}.",
                "Give every output a time in seconds.",
            )
    # Stable: utterances of one micro-turn stay in the order in which they were said.
    return tuple(sorted(listed, key=lambda s: s.t_s))


def shifted(outputs: Iterable[Said], by_s: float) -> tuple[Said, ...]:
    """`outputs` in order, `by_s` seconds later; kept to the nanosecond, so that bounds compare exactly."""
    return tuple(Said(s_to_ns(s.t_s + by_s) / 1e9, s.text) for s in in_order(outputs))


@dataclass(frozen=True, slots=True)
class SaidNumber:
    """A number and the onset of the utterance that it was part of."""

    t_s: float
    value: int


def numbers_said(outputs: Iterable[Said], *, idioms: bool = False) -> tuple[SaidNumber, ...]:
    """Every number in `outputs`, in the order in which it was said; all of one utterance take its onset."""
    return tuple(
        SaidNumber(said.t_s, number.value)
        for said in in_order(outputs)
        for number in numbers_in(said.text, idioms=idioms)
    )
