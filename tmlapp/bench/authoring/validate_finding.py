"""What a check says: one finding with a way there and, where one is known, a way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.authoring.command import Command
from tmlapp.bench.authoring.model import Span, to_seconds

Severity = Literal["error", "warning", "good"]
"""An error keeps the item out of an export; a warning does not; good is what was looked at and is right."""

_ORDER = {"error": 0, "warning": 1, "good": 2}


@dataclass(frozen=True, slots=True)
class Where:
    """Where to look. Empty texts and None: the finding is about the whole of what is named.

    Attributes:
        field: member of the item, the take, the expectation, the speaker or the set that it is about.
        span: stretch of the take, in samples.
        other: id of another item, where two are compared.
    """

    item: str = ""
    take: str = ""
    expectation: str = ""
    speaker: str = ""
    field: str = ""
    span: Span | None = None
    other: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; the span in seconds. What is empty is left out."""
        names = ("item", "take", "expectation", "speaker", "field", "other")
        found: dict[str, Any] = {name: getattr(self, name) for name in names if getattr(self, name)}
        if self.span is not None:
            found |= {"t0": to_seconds(self.span.t0), "t1": to_seconds(self.span.t1)}
        return found


@dataclass(frozen=True, slots=True)
class Fix:
    """A way out.

    Attributes:
        title: what it does, as words for a button's tooltip.
        made: the command. Or, where a new file is needed first, `make(folder of the set)` writes it and returns the
            command; it takes as long as a file takes and may raise an `AppError`.
    """

    title: str
    made: Command | None = None
    make: Callable[[Path], Command] | None = field(default=None, compare=False)

    def command(self, folder: Path) -> Command:
        """The command to do; writes what it needs.

        Raises:
            AppError: a file cannot be read or written.
        """
        if self.made is not None:
            return self.made
        if self.make is None:
            raise RuntimeError("a fix has a command, or makes one")
        return self.make(folder)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        code: stable name of the check. what, why, advice: one sentence each; `what` alone says it in short.
        fix: does what the advice says, where a program can.
    """

    code: str
    severity: Severity
    what: str
    why: str
    advice: str
    where: Where = field(default_factory=Where)
    fix: Fix | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        found: dict[str, Any] = {
            "code": self.code, "severity": self.severity, "what": self.what, "why": self.why, "fix": self.advice,
            "where": self.where.to_json(),
        }  # fmt: skip
        return found | ({"can_fix": self.fix.title} if self.fix else {})

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.advice) if part)


def worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then what is right; in the order they were found otherwise."""
    return tuple(sorted(findings, key=lambda f: _ORDER[f.severity]))
