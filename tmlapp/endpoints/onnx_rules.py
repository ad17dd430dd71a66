"""Searches regular expressions of a manifest with a limit on time.

Python's `re` can be neither timed out nor interrupted, and holds the interpreter lock while it searches: one careless
rule would stop capture, clock and window. The package `regex` reads the same expressions, lets the lock go, and stops
when time is up.
"""

from __future__ import annotations

import re

import regex

LIMIT_S = 0.05


class RuleError(ValueError):
    """The expression is malformed."""


class RuleTimeoutError(Exception):
    """The search took more than 50 ms."""


class RulePattern:
    """One compiled rule; `groups` are the names of its groups.

    Raises:
        RuleError: see there.
    """

    def __init__(self, match: str) -> None:
        try:
            # The contract speaks of `re`; what only `regex` understands is no rule.
            re.compile(match, re.ASCII)
            self._pattern = regex.compile(match, regex.ASCII | regex.VERSION0)
        except (re.error, regex.error, RecursionError, OverflowError) as error:
            raise RuleError(f"is not a regular expression: {error}") from error
        self.groups = tuple(self._pattern.groupindex)

    def search(self, text: str) -> dict[str, str] | None:
        """Named groups that took part in the first match, None without a match.

        Raises:
            RuleTimeoutError: after 50 ms.
        """
        try:
            match = self._pattern.search(text, timeout=LIMIT_S)
        except TimeoutError as error:
            raise RuleTimeoutError from error
        return None if match is None else {k: v for k, v in match.groupdict().items() if v is not None}
