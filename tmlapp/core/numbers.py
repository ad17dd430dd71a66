"""Numbers as people say and write them. Rule: docs/grading.md, "Number extraction" (our choice, strict by default)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]|_")
_HYPHENS = frozenset("-‐‑")  # also the two hyphens that typesetting programs write
_MOST_DIGITS = 18
_UNITS = {w: i for i, w in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])}
_TEENS = {
    w: i
    for i, w in enumerate(
        ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"],
        start=10,
    )
}
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpokenNumber:
    """A number found in a text; `start`, `end` are character offsets, `word` the index of its first token."""

    value: int
    start: int
    end: int
    word: int


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    # casefold() may change the length of a text; lower() on each token keeps the offsets.
    return [_Token(m.group().lower(), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def numbers_in(text: str, *, idioms: bool = False) -> list[SpokenNumber]:
    """Every number in `text`, in order.

    Args:
        text: one utterance.
        idioms: drop "one" when followed by "more" or preceded by "last", "another" or "no".
    """
    tokens = _tokens(text)
    found: list[SpokenNumber] = []
    i = 0
    while i < len(tokens):
        value, used = _number_at(tokens, i)
        if used == 0:
            i += 1
            continue
        if not (idioms and value == 1 and tokens[i].text == "one" and _is_idiom(tokens, i)):
            found.append(SpokenNumber(value, tokens[i].start, tokens[i + used - 1].end, i))
        i += used
    return found


def _is_idiom(tokens: list[_Token], i: int) -> bool:
    before = tokens[i - 1].text if i else ""
    after = tokens[i + 1].text if i + 1 < len(tokens) else ""
    return after == "more" or before in {"last", "another", "no"}


def _number_at(tokens: list[_Token], i: int) -> tuple[int, int]:
    """Value of the number that begins at token `i` and how many tokens it takes; (0, 0) if none does."""
    word = tokens[i].text
    if word.isdecimal():
        # Python refuses to read thousands of digits; from here on a number only needs to be huge.
        return int(word) if len(word) <= _MOST_DIGITS else 10**_MOST_DIGITS, 1
    if word == "hundred":
        return 100, 1
    if _UNITS.get(word, 0) >= 1 and i + 1 < len(tokens) and tokens[i + 1].text == "hundred":
        return _hundreds(tokens, i)
    return _below_hundred(tokens, i)


def _hundreds(tokens: list[_Token], i: int) -> tuple[int, int]:
    value, used = _UNITS[tokens[i].text] * 100, 2
    rest_at = i + 2
    if rest_at < len(tokens) and tokens[rest_at].text == "and":
        rest_at += 1
    if rest_at < len(tokens):
        rest, rest_used = _below_hundred(tokens, rest_at)
        # "one hundred two hundred" is 100, 200: the "two" belongs to the next hundred.
        starts_next = rest_at + 1 < len(tokens) and tokens[rest_at + 1].text == "hundred"
        if rest_used and rest > 0 and not starts_next:
            return value + rest, rest_at - i + rest_used
    return value, used


def _below_hundred(tokens: list[_Token], i: int) -> tuple[int, int]:
    word = tokens[i].text
    if word in _UNITS:
        return _UNITS[word], 1
    if word in _TEENS:
        return _TEENS[word], 1
    if word not in _TENS:
        return 0, 0
    unit_at = i + 1
    if unit_at + 1 < len(tokens) and tokens[unit_at].text in _HYPHENS:
        hyphen = tokens[unit_at]
        if hyphen.start == tokens[i].end and tokens[unit_at + 1].start == hyphen.end:
            unit_at += 1
    if unit_at < len(tokens):
        unit = _UNITS.get(tokens[unit_at].text, 0)
        starts_hundred = unit_at + 1 < len(tokens) and tokens[unit_at + 1].text == "hundred"
        if unit >= 1 and not starts_hundred:
            return _TENS[word] + unit, unit_at - i + 1
    return _TENS[word], 1


def number_words(value: int) -> str:
    """`value` in English words, 0 to 999 ("one hundred and five", "twenty-one").

    Raises:
        ValueError: `value` is outside 0 … 999.
    """
    if not 0 <= value <= 999:
        raise ValueError(f"no words for {value}: only 0 to 999")
    if value >= 100:
        rest = value % 100
        return f"{number_words(value // 100)} hundred" + (f" and {number_words(rest)}" if rest else "")
    for table in (_UNITS, _TEENS):
        for word, number in table.items():
            if number == value:
                return word
    ten = next(w for w, n in _TENS.items() if n == value // 10 * 10)
    return ten + (f"-{number_words(value % 10)}" if value % 10 else "")
