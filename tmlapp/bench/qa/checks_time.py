"""Automatic checks of when the model speaks: what each needs to know, and its rule in words.

Rules, all on session time, all bounds inclusive. The *step* runs from its start to its end. *Speech of the model* is
its sound as the loudspeaker played it (as a loudspeaker without delay would have, until that is known), where the
level of 20 ms is at least −50 dBFS; pauses shorter than 0.5 s do not end it. A text that comes without sound is speech
of no length at the moment it came. *Speech of the user* is what the voice activity detector of the app finds on the
microphone; pauses shorter than 0.5 s do not end it, and less than 0.2 s of voice is none. A moment that a rule counts
`after`:

- `step_start`: the start of the step.
- `marker`: the first marker that the tester sets (key M) inside the step.
- `user_speech_start`: the first beginning of the user's speech inside the step.
- `user_speech_end`: the last end of the user's speech, begun inside the step, that lies before the model answers:
  before the model's first beginning from the first such end on. The detector holds on to a voice for a moment, so a
  beginning up to 0.2 s before that end counts as one at it.
- `interruption`: the first beginning of the user's speech inside the step while the model speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from tmlapp.bench.qa.strict_yaml import Node

After = Literal["step_start", "marker", "user_speech_start", "user_speech_end", "interruption"]
AFTERS: tuple[str, ...] = get_args(After)
_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeaksWithin:
    """The model begins to speak."""

    name: ClassVar[str] = "speaks_within"
    rule: ClassVar[str] = (
        "Passes if the model's speech begins at t with a ≤ t ≤ a + s, a being the moment after which it counts. "
        "Fails at a + s otherwise, or when the step ends after a without it."
    )
    s: float
    after: After

    @classmethod
    def read(cls, node: Node) -> SpeaksWithin:
        m = node.members(cls.name, ("s", "after"), ("s", "after"))
        return cls(s=_seconds(m["s"]), after=_after(m["after"]))

    def words(self) -> str:
        return f"speaks within {self.s:g} s after {_words(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysSilent:
    """The model says nothing for a while."""

    name: ClassVar[str] = "stays_silent"
    rule: ClassVar[str] = (
        "Fails if there is speech of the model at any time t with a + grace_s ≤ t ≤ a + s. Passes at a + s otherwise; "
        "without s it lasts until the step ends. Undecided if the step ends before a + s."
    )
    s: float | None
    after: After
    grace_s: float = 0.0

    @classmethod
    def read(cls, node: Node) -> StaysSilent:
        m = node.members(cls.name, ("s", "after", "grace_s"))
        return cls(
            s=_seconds(m["s"]) if "s" in m else None,
            after=_after(m["after"]) if "after" in m else "step_start",
            grace_s=m["grace_s"].number("grace_s", 0, _LONGEST_S) if "grace_s" in m else 0.0,
        )

    def words(self) -> str:
        span = "until the step ends" if self.s is None else f"for {self.s:g} s"
        grace = f", from {self.grace_s:g} s on" if self.grace_s else ""
        return f"stays silent {span} after {_words(self.after)}{grace}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopsWithin:
    """The model falls silent."""

    name: ClassVar[str] = "stops_within"
    rule: ClassVar[str] = (
        "The speech of the model that goes on at a ends at t: passes if t ≤ a + s. Undecided if the model does not "
        "speak at a."
    )
    s: float
    after: After

    @classmethod
    def read(cls, node: Node) -> StopsWithin:
        m = node.members(cls.name, ("s", "after"), ("s", "after"))
        return cls(s=_seconds(m["s"]), after=_after(m["after"]))

    def words(self) -> str:
        return f"stops within {self.s:g} s after {_words(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepsSpeaking:
    """The model does not let itself be stopped."""

    name: ClassVar[str] = "keeps_speaking"
    rule: ClassVar[str] = (
        "The speech of the model that goes on at a ends at t: passes if t ≥ a + s. Undecided if the model does not "
        "speak at a."
    )
    s: float
    after: After

    @classmethod
    def read(cls, node: Node) -> KeepsSpeaking:
        m = node.members(cls.name, ("s", "after"), ("s", "after"))
        return cls(s=_seconds(m["s"]), after=_after(m["after"]))

    def words(self) -> str:
        return f"keeps speaking for {self.s:g} s after {_words(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatsEvery:
    """Speech in a steady rhythm."""

    name: ClassVar[str] = "repeats_every"
    rule: ClassVar[str] = (
        "The distances between one beginning of the model's speech and the next inside the step: passes when the step "
        "ends with at least times beginnings and every distance d has |d − s| ≤ tolerance_s; fails at the first that "
        "has not."
    )
    s: float
    tolerance_s: float
    times: int

    @classmethod
    def read(cls, node: Node) -> RepeatsEvery:
        m = node.members(cls.name, ("s", "tolerance_s", "times"), ("s", "tolerance_s", "times"))
        return cls(
            s=_seconds(m["s"]), tolerance_s=m["tolerance_s"].number("tolerance_s", 0, _LONGEST_S),
            times=m["times"].whole("times", 2, 10**4),
        )  # fmt: skip

    def words(self) -> str:
        return f"speaks every {self.s:g} ± {self.tolerance_s:g} s, at least {self.times} times"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentWhileUserSpeaks:
    """The model does not talk over the user."""

    name: ClassVar[str] = "says_nothing_while_user_speaks"
    rule: ClassVar[str] = (
        "The time inside the step during which both speak: passes when the step ends if it is at most allow_s, fails "
        "as soon as it is more. Undecided if the user does not speak."
    )
    allow_s: float = 0.3

    @classmethod
    def read(cls, node: Node) -> SilentWhileUserSpeaks:
        m = node.members(cls.name, ("allow_s",))
        return cls(allow_s=m["allow_s"].number("allow_s", 0, _LONGEST_S) if "allow_s" in m else 0.3)

    def words(self) -> str:
        return f"says nothing while the user speaks (at most {self.allow_s:g} s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeaksAtMost:
    """The model is brief."""

    name: ClassVar[str] = "speaks_at_most"
    rule: ClassVar[str] = (
        "The time inside the step during which the model speaks: passes when the step ends if it is at most s, fails "
        "as soon as it is more."
    )
    s: float

    @classmethod
    def read(cls, node: Node) -> SpeaksAtMost:
        return cls(s=node.members(cls.name, ("s",), ("s",))["s"].number("s", 0, _LONGEST_S))

    def words(self) -> str:
        return f"speaks {self.s:g} s at most"


def _seconds(node: Node) -> float:
    return node.number("s", 0, _LONGEST_S)


def _after(node: Node) -> After:
    found: After = node.choice("after", AFTERS)  # type: ignore[assignment]
    return found


def _words(after: After) -> str:
    return {
        "step_start": "the start of the step",
        "marker": "the marker",
        "user_speech_start": "the user begins to speak",
        "user_speech_end": "the user has spoken",
        "interruption": "the user interrupts",
    }[after]
