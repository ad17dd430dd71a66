"""Tiers of labelled spans: what every annotation program shares. Times are whole nanoseconds, so samples stay exact."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from tmlapp.core.units import NS_PER_S

LIMIT_S = 1e9
"""No time in a file is longer than this; larger values are typing errors."""

MOMENTS = " (moments)"
"""Appended to the name of a tier of intervals for those of its spans that last no time, where a format has no such."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `t0_ns` to `t1_ns` (the same for a moment), with its label."""

    t0_ns: int
    t1_ns: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """A named row of spans in order of time; `points` where all of them are moments by their nature."""

    name: str
    spans: tuple[Span, ...] = ()
    points: bool = False


@dataclass(frozen=True, slots=True)
class Tiers:
    """A file of tiers.

    Attributes:
        end_ns: length of what is annotated; spans may lie beyond it, which makes it longer.
        media: names of the files that are annotated, relative to the file of tiers.
    """

    tiers: tuple[Tier, ...] = ()
    end_ns: int = 0
    media: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(tier.name for tier in self.tiers)

    @property
    def first_ns(self) -> int:
        """Where the file begins: 0, or earlier if a span does."""
        return min([0, *(s.t0_ns for tier in self.tiers for s in tier.spans)])

    @property
    def last_ns(self) -> int:
        """Where the file ends: `end_ns`, or later if a span does."""
        return max([self.end_ns, *(s.t1_ns for tier in self.tiers for s in tier.spans)])

    def tier(self, name: str) -> Tier | None:
        """The first tier called `name`."""
        return next((t for t in self.tiers if t.name == name), None)

    def gathered(self, name: str) -> tuple[Span, ...]:
        """Spans of the tier `name` and of those that hold what did not fit into it (`name 2`, moments), in order."""
        pattern = re.compile(re.escape(name) + r"(?: [0-9]+)?(?: \(moments\)(?: [0-9]+)?)?")
        return tuple(sorted(s for t in self.tiers if pattern.fullmatch(t.name) for s in t.spans))


Room = Callable[[Span], tuple[int, int]]
"""Begin and end of what a span takes up on its tier, in any unit."""


def _as_it_is(span: Span) -> tuple[int, int]:
    # Two points of one moment are refused by Praat.
    return span.t0_ns, max(span.t1_ns, span.t0_ns + 1)


def fitted(tiers: Tiers, *, moments: bool = True, room: Room = _as_it_is) -> Tiers:
    """The same spans on tiers in which none overlaps another, as Praat and ELAN want them, and with unique names.

    What does not fit goes to further tiers: `name 2`, `name 3`. Where the format has no interval without length and
    `moments` is false, moments of a tier of intervals go to a tier of points.
    """
    found: list[Tier] = []
    for tier in tiers.tiers:
        apart = not tier.points and not moments
        flat = [s for s in tier.spans if apart and s.t1_ns <= s.t0_ns]
        long = [s for s in tier.spans if not apart or s.t1_ns > s.t0_ns]
        found += _rows(replace(tier, spans=tuple(long)), room)
        if flat:
            found += _rows(Tier(tier.name + MOMENTS, tuple(flat), points=True), room)
    return replace(tiers, tiers=_unique(found))


def _rows(tier: Tier, room: Room) -> list[Tier]:
    rows: list[list[Span]] = [[]]
    ends: list[int] = [-(1 << 62)]
    for span in sorted(tier.spans):
        begin, end = room(span)
        n = next((n for n, busy in enumerate(ends) if busy <= begin), None)
        if n is None:
            n = len(rows)
            rows.append([])
            ends.append(end)
        rows[n].append(span)
        ends[n] = end
    names = [tier.name, *(f"{tier.name} {n}" for n in range(2, len(rows) + 1))]
    return [replace(tier, name=name, spans=tuple(row)) for name, row in zip(names, rows, strict=True)]


def _unique(tiers: Sequence[Tier]) -> tuple[Tier, ...]:
    taken: set[str] = set()
    found = []
    for tier in tiers:
        name, number = tier.name, 2
        while name in taken:
            name, number = f"{tier.name} {number}", number + 1
        taken.add(name)
        found.append(tier if name == tier.name else replace(tier, name=name))
    return tuple(found)


def seconds_text(t_ns: int) -> str:
    """Nanoseconds as seconds in decimals, exactly: `12.0000625`."""
    sign = "-" if t_ns < 0 else ""
    whole, part = divmod(abs(t_ns), NS_PER_S)
    return f"{sign}{whole}.{part:09d}".rstrip("0").rstrip(".")


def ns_of(text: str) -> int:
    """The inverse of `seconds_text`, for any decimal number; rounded to the nanosecond.

    Raises:
        ValueError: it is no number of seconds.
    """
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]!r} is no number of seconds") from error
    # Without arithmetic, which refuses exponents that a text may well have.
    if not value.is_finite() or value.copy_abs() > LIMIT_S:
        raise ValueError(f"{text[:40]!r} is no number of seconds")
    return round(value * NS_PER_S)
