"""The automatic checks that a step of a checklist can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, get_args

from tmlapp.bench.qa.checks_said import CountReaches, CueComes, NeverSays, Says, SaysNumber
from tmlapp.bench.qa.checks_time import (
    KeepsSpeaking,
    RepeatsEvery,
    SilentWhileUserSpeaks,
    SpeaksAtMost,
    SpeaksWithin,
    StaysSilent,
    StopsWithin,
)
from tmlapp.bench.qa.strict_yaml import Node

FORMULA = "qa/1"
"""Version of the rules of all checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLatency:
    """How soon micro-turns are answered."""

    name: ClassVar[str] = "reply_latency"
    rule: ClassVar[str] = (
        "The 95th percentile (linear interpolation) of the time from the end of a micro-turn to its answer, over all "
        "answers that came inside the step: passes when the step ends if it is at most p95_ms. Undecided if there are "
        "none."
    )
    p95_ms: float

    @classmethod
    def read(cls, node: Node) -> ReplyLatency:
        return cls(p95_ms=node.members(cls.name, ("p95_ms",), ("p95_ms",))["p95_ms"].number("p95_ms", 0, 10**6))

    def words(self) -> str:
        return f"answers micro-turns within {self.p95_ms:g} ms (p95)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoGap:
    """Nothing of sound and picture is lost."""

    name: ClassVar[str] = "no_gap"
    rule: ClassVar[str] = (
        "Fails at the first hole (lost, unplugged, stalled, or a jump of the clock) in microphone, camera or the "
        "model's sound that touches the step; passes when the step ends without one. Muting and pausing are no holes."
    )

    @classmethod
    def read(cls, node: Node) -> NoGap:
        node.members(cls.name, ())
        return cls()

    def words(self) -> str:
        return "nothing of sound or picture is lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoError:
    """Nothing goes wrong."""

    name: ClassVar[str] = "no_error"
    rule: ClassVar[str] = (
        "Fails at the first error that the endpoint or the app reports inside the step; passes when the step ends "
        "without one."
    )

    @classmethod
    def read(cls, node: Node) -> NoError:
        node.members(cls.name, ())
        return cls()

    def words(self) -> str:
        return "no error is reported"


Check = (
    SpeaksWithin
    | StaysSilent
    | StopsWithin
    | KeepsSpeaking
    | Says
    | NeverSays
    | SaysNumber
    | CountReaches
    | CueComes
    | RepeatsEvery
    | SilentWhileUserSpeaks
    | SpeaksAtMost
    | ReplyLatency
    | NoGap
    | NoError
)
CHECKS: dict[str, type[Check]] = {kind.name: kind for kind in get_args(Check)}
"""Every kind of check by its name in a checklist."""


def read_check(node: Node) -> Check:
    """One entry of `checks`: a mapping of the check's name to what it takes.

    Raises:
        AppError: naming file and line.
    """
    found = node.members("a check", tuple(CHECKS))
    if len(found) != 1:
        raise node.wrong("A check is one name with what it takes, such as “speaks_within: {s: 2, after: marker}”.")
    name, given = next(iter(found.items()))
    return CHECKS[name].read(given)
