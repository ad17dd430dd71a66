"""Regular expressions of a checklist, refused before they can hang.

Python's `re` backtracks and can be neither timed out nor interrupted, and a checklist may come from anybody. So only
expressions are taken whose backtracking is bounded by their form: the number of ways in which each part can match is
multiplied along the expression, a part repeated without limit counts as often as the longest text has characters, and
the product may not exceed `MOST_WAYS`. One `.*` and a few optional parts fit; nested or neighbouring repetitions do
not. Texts are cut to `LONGEST_TEXT` characters before they are searched.
"""

from __future__ import annotations

import re

LONGEST_PATTERN = 200
LONGEST_TEXT = 1000
MOST_WAYS = 5 * LONGEST_TEXT
"""Times the places at which a search begins: at most five million steps, some tens of milliseconds."""

_COUNT = re.compile(r"\{(?=[\d,])(\d*)(,?)(\d*)\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_MANY = 10**9


class PatternError(ValueError):
    """The expression is malformed, or its search could take too long."""


class SafePattern:
    """One compiled expression; letters match in either case.

    Raises:
        PatternError: see there.
    """

    def __init__(self, expression: str) -> None:
        if len(expression) > LONGEST_PATTERN:
            raise PatternError(f"has {len(expression)} characters, at most {LONGEST_PATTERN} are taken")
        try:
            self._compiled = re.compile(expression, re.IGNORECASE)
        except (re.error, RecursionError, OverflowError) as error:
            raise PatternError(f"is no regular expression: {error}") from error
        if _Ways(expression).count() > MOST_WAYS:
            raise PatternError("could search for too long: repeat less inside of what is repeated, or beside it")
        self.expression = expression

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SafePattern) and other.expression == self.expression

    def __hash__(self) -> int:
        return hash(self.expression)

    def search(self, text: str) -> bool:
        """True if the first `LONGEST_TEXT` characters of `text` hold a match."""
        return self._compiled.search(text[:LONGEST_TEXT]) is not None


class _Ways:
    """In how many ways an expression that `re` has taken can match at one place, at most."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._at = 0

    def count(self) -> int:
        ways = self._branches()
        if self._at < len(self._text):
            raise PatternError(f"ends at character {self._at + 1}")  # pragma: no cover - re has refused it before
        return ways

    def _branches(self) -> int:
        total = self._sequence()
        while self._take("|"):
            total += self._sequence()
        return min(total, _MANY)

    def _sequence(self) -> int:
        ways = 1
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            ways = min(_MANY, ways * self._repeated(self._atom()))
        return ways

    def _atom(self) -> int:
        """Ways of one atom, which is then behind us."""
        char = self._text[self._at]
        if char == "[":
            found = _CLASS.match(self._text, self._at)
            self._at = found.end() if found else len(self._text)
            return 1
        if char == "\\":
            following = self._text[self._at + 1 : self._at + 2]
            if following.isalnum() and following not in "bBdDsSwWnt":
                raise PatternError(f"holds \\{following}, which is not taken here")
            self._at += 2
            return 1
        self._at += 1
        if char != "(":
            return 1
        if self._take("?") and not self._take(":"):
            raise PatternError("holds (? without a colon: only (?:…) is taken here")
        ways = self._branches()
        self._take(")")
        return ways

    def _repeated(self, ways: int) -> int:
        most = self._most()
        if most is None:
            return ways
        if self._take("+"):
            raise PatternError("holds a possessive repetition, which is not taken here")
        # A part with one way only can stop after each round; one with several multiplies with each round.
        return min(_MANY, most + 1) if ways == 1 else min(_MANY, ways ** min(most, 64) + 1)

    def _most(self) -> int | None:
        """How often the atom behind us may come at most; None where no repetition follows."""
        if self._take("*") or self._take("+"):
            most = LONGEST_TEXT
        elif self._take("?"):
            most = 1
        elif found := _COUNT.match(self._text, self._at):
            self._at = found.end()
            most = int(found[3]) if found[3] else LONGEST_TEXT if found[2] else int(found[1])
        else:
            return None
        self._take("?")
        return most

    def _take(self, char: str) -> bool:
        if self._text[self._at : self._at + 1] != char:
            return False
        self._at += 1
        return True
