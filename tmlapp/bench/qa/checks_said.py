"""Automatic checks of what the model says: what each needs to know, and its rule in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tmlapp.bench.qa.pattern import PatternError, SafePattern
from tmlapp.bench.qa.strict_yaml import Node

_KINDS = ("count", "start", "stop", "remind", "say")


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """Words that the model says, or (`never`) does not say."""

    name: ClassVar[str] = "says"
    rule: ClassVar[str] = (
        "A text of the model is said when its sound begins (when it came, where it has none). Passes if a text said "
        "inside the step holds one of any_of as whole words, in either case, or matches regex. Fails when the step "
        "ends without one."
    )
    any_of: tuple[str, ...] = ()
    regex: SafePattern | None = None

    @classmethod
    def read(cls, node: Node) -> Says:
        any_of, regex = _said(cls.name, node)
        return cls(any_of=any_of, regex=regex)

    def words(self) -> str:
        return f"says {_what(self.any_of, self.regex)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverSays:
    """Words that the model does not say."""

    name: ClassVar[str] = "never_says"
    rule: ClassVar[str] = "The opposite of says: fails at the first such text, passes when the step ends without one."
    any_of: tuple[str, ...] = ()
    regex: SafePattern | None = None

    @classmethod
    def read(cls, node: Node) -> NeverSays:
        any_of, regex = _said(cls.name, node)
        return cls(any_of=any_of, regex=regex)

    def words(self) -> str:
        return f"never says {_what(self.any_of, self.regex)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SaysNumber:
    """A number, or numbers that go up."""

    name: ClassVar[str] = "says_number"
    rule: ClassVar[str] = (
        "The numbers of all texts said inside the step, in order. With value: passes if it is among them. With "
        "increasing: fails at the first that is not exactly one more than the number before it, passes when the step "
        "ends with at least two of them. With neither: passes at the first number."
    )
    value: int | None = None
    increasing: bool = False

    @classmethod
    def read(cls, node: Node) -> SaysNumber:
        m = node.members(cls.name, ("value", "increasing"))
        if len(m) > 1:
            raise node.wrong("says_number takes value or increasing, not both.")
        return cls(
            value=m["value"].whole("value", 0, 10**9) if "value" in m else None,
            increasing=m["increasing"].truth("increasing") if "increasing" in m else False,
        )

    def words(self) -> str:
        if self.value is not None:
            return f"says the number {self.value}"
        return "counts up by one each time" if self.increasing else "says a number"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountReaches:
    """The last number of a count."""

    name: ClassVar[str] = "count_reaches"
    rule: ClassVar[str] = (
        "The largest number n that the model says as a count (a text that is nothing but a number) inside the step: "
        "passes when the step ends if |n − value| ≤ tolerance; fails as soon as n > value + tolerance."
    )
    value: int
    tolerance: int = 0

    @classmethod
    def read(cls, node: Node) -> CountReaches:
        m = node.members(cls.name, ("value", "tolerance"), ("value",))
        tolerance = m["tolerance"].whole("tolerance", 0, 10**6) if "tolerance" in m else 0
        return cls(value=m["value"].whole("value", 0, 10**9), tolerance=tolerance)

    def words(self) -> str:
        within = f" ± {self.tolerance}" if self.tolerance else ""
        return f"the count reaches {self.value}{within}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CueComes:
    """Cues of one kind."""

    name: ClassVar[str] = "cue"
    rule: ClassVar[str] = (
        "The number n of cues of this kind inside the step (a count is a bare number, start and stop are those words "
        "alone, remind is what is said under a timer task, say is all else): passes if at_least ≤ n ≤ at_most; fails "
        "as soon as n > at_most, or when the step ends with too few."
    )
    kind: str
    at_least: int = 1
    at_most: int | None = None

    @classmethod
    def read(cls, node: Node) -> CueComes:
        m = node.members(cls.name, ("kind", "at_least", "at_most"), ("kind",))
        least = m["at_least"].whole("at_least", 0, 10**6) if "at_least" in m else 1
        most = m["at_most"].whole("at_most", 0, 10**6) if "at_most" in m else None
        if most is not None and most < least:
            raise m["at_most"].wrong(f"at_most is not less than at_least, which is {least}.")
        return cls(kind=m["kind"].choice("kind", _KINDS), at_least=least, at_most=most)

    def words(self) -> str:
        if self.at_most is None:
            return f"cue “{self.kind}”, at least {self.at_least}"
        if self.at_most == self.at_least:
            return f"cue “{self.kind}”, exactly {self.at_least}"
        return f"cue “{self.kind}”, {self.at_least} to {self.at_most}"


def _said(name: str, node: Node) -> tuple[tuple[str, ...], SafePattern | None]:
    m = node.members(name, ("any_of", "regex"))
    if len(m) != 1:
        raise node.wrong(f"{name} takes any_of or regex, and one of the two.")
    if "any_of" in m:
        texts = tuple(entry.text("a text of any_of", most=200) for entry in m["any_of"].entries("any_of"))
        if not texts:
            raise m["any_of"].wrong("any_of is empty.")
        return texts, None
    expression = m["regex"].text("regex")
    try:
        return (), SafePattern(expression)
    except PatternError as error:
        raise m["regex"].wrong(f"The expression {error}.") from error


def _what(any_of: tuple[str, ...], regex: SafePattern | None) -> str:
    if regex is not None:
        return f"what matches /{regex.expression}/"
    return " or ".join(f"“{text}”" for text in any_of)
