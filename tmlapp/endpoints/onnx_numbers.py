"""Numbers and lengths of time in an instruction, written so that rules can read them (contract section 4)."""

from __future__ import annotations

import re

from tmlapp.core.numbers import numbers_in

MOST_IN_CONTRACT = 60
MOST_SPOKEN = 199
_N = r"(\d+(?:\.\d+)?)"
_UNIT = r"(second|minute|hour)"
_BEFORE = r"\b(every|each|in|after|for|of|until|till|when|than)"
_HALVES = (
    # "one and a half seconds", "2 minutes and a half", "a minute and a half", "half a minute"
    (re.compile(rf"\b(\d+) and a half {_UNIT}s?\b"), lambda m: f"{m[1]}.5 {m[2]}s"),
    (re.compile(rf"\b(\d+) {_UNIT}s? and a half\b"), lambda m: f"{m[1]}.5 {m[2]}s"),
    (re.compile(rf"\b(every|each) {_UNIT} and a half\b"), lambda m: f"every 1.5 {m[2]}s"),
    (re.compile(rf"\ban? {_UNIT} and a half\b"), lambda m: f"1.5 {m[1]}s"),
    (re.compile(rf"\b(?:a )?half (?:of )?(?:an? )?{_UNIT}\b"), lambda m: f"0.5 {m[1]}s"),
    (re.compile(rf"\b(?:a )?quarter(?: of)? an? {_UNIT}\b"), lambda m: f"0.25 {m[1]}s"),
    (re.compile(rf"\b3 quarters(?: of)? an? {_UNIT}\b"), lambda m: f"0.75 {m[1]}s"),
    (re.compile(rf"\b(\d+) point ((?:\d )*\d)(?= {_UNIT}s?\b)"), lambda m: f"{m[1]}.{m[2].replace(' ', '')}"),
)
_ONES = (
    (re.compile(rf"\b(every|each) other {_UNIT}\b"), r"every 2 \2s"),
    (re.compile(rf"\b(every|each) {_UNIT}\b"), r"every 1 \2"),
    (re.compile(rf"\bonce (?:an?|every) {_UNIT}\b"), r"every 1 \1"),
    (re.compile(rf"\ba couple of {_UNIT}s\b"), r"2 \1s"),
    (re.compile(rf"{_BEFORE} an? {_UNIT}\b"), r"\1 1 \2"),
    (re.compile(rf"\bthe next {_UNIT}\b"), r"the next 1 \1"),
    (re.compile(rf"\ban? {_UNIT}(?= timer\b)"), r"1 \1"),
)
_HOURS = re.compile(rf"(\b(?:every|in|after|until|till|when|timer (?:for|of)|the next) ){_N} hours?\b")
_HOURS_LAST = re.compile(rf"(\bfor ){_N} hours?(?=[ .!]*$)")
_HOURS_TIMER = re.compile(rf"(\b){_N}[ -]hours?(?= timer\b)")
_SUM = re.compile(rf"\b{_N} minutes?,?(?: and)? {_N} (minute|second)s?\b")


def _plain(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _sum(minutes: float, more: float, unit: str) -> str:
    total = minutes + more if unit == "minute" else 60 * minutes + more
    return f"{_plain(total)} {unit}s"


def with_digits(text: str, most: int = MOST_IN_CONTRACT) -> str:
    """`text` with the number words from one to `most` as digits."""
    for number in reversed(numbers_in(text)):
        if 1 <= number.value <= most and not text[number.start].isdigit():
            text = text[: number.start] + str(number.value) + text[number.end :]
    return text


def spoken_numbers(text: str) -> str:
    """Lower-case `text` with numbers up to 199 as digits and lengths of time in seconds or minutes.

    "half a minute" is "0.5 minutes", "every other second" "every 2 seconds", "an hour" "60 minutes" where a length of
    time stands, "1 minute and 30 seconds" "90 seconds". Only what has one meaning is changed.
    """
    text = with_digits(re.sub(r"\ba hundred\b", "one hundred", text), MOST_SPOKEN)
    for pattern, halves in _HALVES:
        text = pattern.sub(halves, text)
    for pattern, ones in _ONES:
        text = pattern.sub(ones, text)
    for pattern in (_HOURS, _HOURS_LAST, _HOURS_TIMER):
        text = pattern.sub(lambda m: f"{m[1]}{_plain(60 * float(m[2]))} minutes", text)
    # Hours have become minutes, so a second number of minutes is what was left of an hour.
    return _SUM.sub(lambda m: _sum(float(m[1]), float(m[2]), m[3]), text)
