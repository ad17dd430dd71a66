"""Searches regular expressions of a manifest with a limit on time.

Python's `re` can be neither timed out nor interrupted, holds the interpreter lock while it searches, and may need
exponential time: one careless rule would stop capture, clock and window. A rule that is provably quick is searched by
`re`. Any other one runs on a small machine that follows all alternatives at once, in the order of preference of `re`
(the method of Thompson and Pike): its time grows with the length of the text only, and it stops when time is up.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

LIMIT_NS = 50_000_000
_WIDE_REPEATS = 3
_CHOICES = 100_000
_MANY = 8
_MOST_COPIES = 64
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

Test = Callable[[str], bool]
Instruction = tuple[str, Any, Any]
Saves = Mapping[str, int]


class RuleError(ValueError):
    """The expression is malformed, or can neither be proven quick nor searched with a limit."""


class RuleTimeoutError(Exception):
    """The search took more than 50 ms."""


class RulePattern:
    """One compiled rule.

    Attributes:
        groups: names of its groups.
        quick: searched by `re` itself.

    Raises:
        RuleError: see there.
    """

    def __init__(self, match: str, *, timer: Callable[[], int] = time.thread_time_ns) -> None:
        self._timer = timer
        try:
            self._pattern = re.compile(match, re.ASCII)
        except (re.error, RecursionError, OverflowError) as error:
            raise RuleError(f"is not a regular expression: {error}") from error
        self.groups = tuple(self._pattern.groupindex)
        # The parser is not public, but nothing else tells what `re` itself understands.
        parser: Any = importlib.import_module("re._parser")
        tree = parser.parse(match, re.ASCII)
        self.quick = _quick(tree)
        self._program = [] if self.quick else _program(tree, dict(self._pattern.groupindex))

    def search(self, text: str) -> dict[str, str] | None:
        """Named groups that took part in the first match, None without a match.

        Raises:
            RuleTimeoutError: after 50 ms.
        """
        start_ns = self._timer()
        if not self.quick:
            return self._follow(text, start_ns)
        match = self._pattern.search(text)
        self._check(start_ns)
        return None if match is None else {k: v for k, v in match.groupdict().items() if v is not None}

    def _check(self, start_ns: int) -> None:
        if self._timer() - start_ns > LIMIT_NS:
            raise RuleTimeoutError

    def _follow(self, text: str, start_ns: int) -> dict[str, str] | None:
        threads: list[tuple[int, Saves]] = []
        found: Saves | None = None
        for at in range(len(text) + 1):
            self._check(start_ns)
            seen: set[int] = set()
            here: list[tuple[int, Saves]] = []
            for pc, saves in threads:
                self._reach(pc, saves, text, at, seen, here)
            if found is None:
                self._reach(0, {}, text, at, seen, here)
            threads = []
            for pc, saves in here:
                name, test, _ = self._program[pc]
                if name == "match":
                    found = saves
                    break
                if at < len(text) and test(text[at]):
                    threads.append((pc + 1, saves))
            if not threads and found is not None:
                break
        if found is None:
            return None
        return {n: text[found[f"<{n}"] : found[f">{n}"]] for n in self.groups if f">{n}" in found}

    def _reach(self, pc: int, saves: Saves, text: str, at: int, seen: set[int], out: list[tuple[int, Saves]]) -> None:
        stack = [(pc, saves)]
        while stack:
            pc, saves = stack.pop()
            if pc in seen:
                continue
            seen.add(pc)
            name, first, second = self._program[pc]
            if name == "split":
                stack += [(second, saves), (first, saves)]
            elif name == "jump":
                stack.append((first, saves))
            elif name == "save":
                stack.append((pc + 1, {**saves, first: at}))
            elif name == "at":
                if first(text, at):
                    stack.append((pc + 1, saves))
            else:
                out.append((pc, saves))


def _word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isascii() and (text[at].isalnum() or text[at] == "_")


def _boundary(text: str, at: int) -> bool:
    return _word(text, at - 1) != _word(text, at)


_PLACES: Mapping[str, Callable[[str, int], bool]] = {
    "AT_BEGINNING": lambda _text, at: at == 0,
    "AT_BEGINNING_STRING": lambda _text, at: at == 0,
    "AT_END": lambda text, at: at == len(text),
    "AT_END_STRING": lambda text, at: at == len(text),
    "AT_BOUNDARY": _boundary,
    "AT_NON_BOUNDARY": lambda text, at: not _boundary(text, at),
}
_CATEGORIES: Mapping[str, Test] = {
    "CATEGORY_DIGIT": lambda c: c in "0123456789",
    "CATEGORY_SPACE": lambda c: c in " \t\n\r\f\v",
    "CATEGORY_WORD": lambda c: c.isascii() and (c.isalnum() or c == "_"),
}


def _one(item: tuple[Any, Any]) -> Test:
    """Whether one character fits a literal, a range, a category or a set of them."""
    name, argument = str(item[0]), item[1]
    if name == "LITERAL":
        return lambda c: ord(c) == argument
    if name == "NOT_LITERAL":
        return lambda c: ord(c) != argument
    if name == "ANY":
        return lambda c: c != "\n"
    if name == "RANGE":
        return lambda c: argument[0] <= ord(c) <= argument[1]
    if name == "CATEGORY":
        category = str(argument)
        negative = _CATEGORIES.get(category.replace("NOT_", ""))
        if negative is not None:
            return (lambda c: not negative(c)) if "NOT_" in category else negative
    if name == "IN":
        inner = [_one(part) for part in argument if str(part[0]) != "NEGATE"]
        wanted = len(inner) == len(argument)
        return lambda c: any(test(c) for test in inner) == wanted
    raise RuleError(f"uses {name}, which cannot be searched with a limit, in a form that may take too long")


def _program(tree: Any, groups: Mapping[str, int]) -> list[Instruction]:
    program: list[Instruction] = []
    _emit(program, tree, {number: name for name, number in groups.items()})
    program.append(("match", None, None))
    return program


def _emit(program: list[Instruction], tree: Any, names: Mapping[int, str]) -> None:
    for operator, argument in tree:
        name = str(operator)
        if name == "BRANCH":
            _emit_branch(program, argument[1], names)
        elif name == "SUBPATTERN":
            group = names.get(argument[0], "")
            if group:
                program.append(("save", f"<{group}", None))
            _emit(program, argument[-1], names)
            if group:
                program.append(("save", f">{group}", None))
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            _emit_repeat(program, argument, names, greedy=name == "MAX_REPEAT")
        elif name == "AT" and str(argument) in _PLACES:
            program.append(("at", _PLACES[str(argument)], None))
        else:
            program.append(("char", _one((operator, argument)), None))


def _emit_branch(program: list[Instruction], branches: Any, names: Mapping[int, str]) -> None:
    ends = []
    for branch in branches[:-1]:
        split = len(program)
        program.append(("split", None, None))
        _emit(program, branch, names)
        ends.append(len(program))
        program.append(("jump", None, None))
        program[split] = ("split", split + 1, len(program))
    _emit(program, branches[-1], names)
    for end in ends:
        program[end] = ("jump", len(program), None)


def _emit_repeat(program: list[Instruction], argument: Any, names: Mapping[int, str], *, greedy: bool) -> None:
    least, most, body = int(argument[0]), argument[1], argument[2]
    endless = str(most) == "MAXREPEAT"
    if least > _MOST_COPIES or (not endless and int(most) > _MOST_COPIES):
        raise RuleError(f"repeats more than {_MOST_COPIES} times in a form that may take too long")
    for _ in range(least):
        _emit(program, body, names)
    splits = []
    for _ in range(1 if endless else int(most) - least):
        splits.append(len(program))
        program.append(("split", None, None))
        _emit(program, body, names)
    if endless:
        program.append(("jump", splits[0], None))
    for split in splits:
        ways = (split + 1, len(program))
        program[split] = ("split", *(ways if greedy else ways[::-1]))


def _quick(tree: Any) -> bool:
    """Whether a search by `re` is short whatever the text, for texts of a few hundred characters.

    True if nothing that repeats holds a choice, at most three repeats can run over letters, and the alternatives are
    few. Runs of anything but letters are short in what people write: blanks are collapsed, numbers have few digits.
    """
    wide, choices, nested = _cost(tree, inside=False)
    return not nested and wide <= _WIDE_REPEATS and choices <= _CHOICES


def _cost(tree: Any, *, inside: bool) -> tuple[int, int, bool]:
    """(repeats over letters in a row, product of finite choices, whether a choice stands inside a repeat)."""
    wide, choices, nested = 0, 1, False
    for operator, argument in tree:
        name = str(operator)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, body = argument
            free = least != most
            inner = _cost(body, inside=inside or int(most) > 1)
            open_end = free and int(most) > _MANY
            wide += inner[0] + int(open_end and _over_letters(body))
            choices *= inner[1] * (1 if open_end or not free else int(most) - int(least) + 1)
            nested |= inner[2] or (inside and free)
        elif name == "BRANCH":
            parts = [_cost(branch, inside=inside) for branch in argument[1]]
            wide += max(part[0] for part in parts)
            choices *= sum(part[1] for part in parts)
            nested |= inside or any(part[2] for part in parts)
        elif name == "SUBPATTERN":
            inner = _cost(argument[-1], inside=inside)
            wide, choices, nested = wide + inner[0], choices * inner[1], nested or inner[2]
        elif name not in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT"):
            nested = True
    return wide, choices, nested


def _over_letters(body: Any) -> bool:
    if len(body) != 1 or str(body[0][0]) not in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
        return True
    test = _one(body[0])
    return any(test(letter) for letter in _LETTERS)
