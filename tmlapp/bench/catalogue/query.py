"""The search language: words, and conditions such as `endpoint:onnx tag:"to check" is:unfinished after:2026-11-01`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tmlapp.bench.catalogue.entry import HIDDEN, KINDS, STATES, clean
from tmlapp.core.errors import AppError

HELP = """\
words             each must occur: name, instruction, endpoint, what was said, notes, tags
"two words"       in this order
endpoint:onnx     part of the endpoint's address
suite:timespeak   part of the benchmark's name
tag:blurred       with this tag
verdict:fail      pass, fail, unsure, or none
date:2026-11      in this year, month or day; also today, yesterday, week
after:2026-11-01  on this day or later
before:2026-11    earlier than this
is:unfinished     ok, recording, unfinished, damaged, foreign, missing, trashed, copy, graded, tagged
kind:run          recording, run, items, or export
in:folder         part of the path
-tag:x            not this"""

_TOKEN = re.compile(r'(-?)(?:([A-Za-z]+):)?(?:"([^"]*)"?|([^\s"]*))')
_MOST_TERMS, _LONGEST = 100, 1000
_VERDICTS = ("pass", "fail", "unsure", "none")
_CJK = re.compile(r"([\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff])")
_WORD = re.compile(r"\w+", re.UNICODE)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A search as SQL: a condition over the table `entry`, and its values. Words of a person are only ever values."""

    where: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One piece of a search; `field` is empty for words."""

    field: str
    value: str
    without: bool = False


def segmented(text: str) -> str:
    """`text` with a space around each sign of scripts that write no spaces, so that a part of a sentence is found."""
    return _CJK.sub(r" \1 ", text)


def parse(text: str) -> list[Term]:
    """The pieces of a search.

    Raises:
        AppError: a condition is unknown or has no value; the sentence says which there are.
    """
    terms: list[Term] = []
    for minus, field, quoted, bare in _TOKEN.findall(clean(text)):
        value, name = quoted or bare, field.lower()
        if len(terms) == _MOST_TERMS or len(value) > _LONGEST:
            raise AppError(
                "The search is too long.",
                f"It takes {_MOST_TERMS} words and conditions of {_LONGEST} characters each.",
                "Look for a part of it.",
            )
        if name and name not in _FIELDS:
            # "12:30" and "https://…" are words; so is what somebody quoted.
            raise _unclear(f"“{field}:” is no condition.", f"There are {', '.join(f'{f}:' for f in _FIELDS)}.")
        if not value.strip():
            if name:
                raise _unclear(f"“{field}:” has no value.", "A condition needs one, without a space before it.")
            continue
        terms.append(Term(name, value, bool(minus)))
    return terms


def compiled(text: str, *, fts: bool, now: datetime | None = None) -> Compiled:
    """`text` as a condition of SQL.

    Args:
        fts: words are looked up in the full-text index; else by `LIKE`.
        now: what `date:today` refers to, with its zone; now if left out.

    Raises:
        AppError: as `parse`, and for values that no row can have.
    """
    # In the person's own time; naive from here on, so that each day begins as it did there, summer or winter.
    moment = (now or datetime.now().astimezone()).astimezone().replace(tzinfo=None)
    parts: list[str] = []
    values: list[object] = []
    terms = parse(text)
    for term in terms:
        where, given = _FIELDS[term.field](term.value, moment) if term.field else _words(term.value, fts)
        parts.append(f"NOT ({where})" if term.without else f"({where})")
        values += given
    asked = {t.value.lower() for t in terms if t.field == "is" and not t.without}
    if not asked & set(HIDDEN):
        parts.append(f"state NOT IN ({', '.join('?' * len(HIDDEN))})")
        values += HIDDEN
    return Compiled(" AND ".join(parts), tuple(values))


_Made = tuple[str, Sequence[object]]


def _words(value: str, fts: bool) -> _Made:
    words = _WORD.findall(segmented(value))
    if fts and words:
        phrase = " ".join(words)
        # The last word may be one that is still being typed; a quote ends a phrase and words hold none.
        return "id IN (SELECT rowid FROM words WHERE words MATCH ?)", [f'"{phrase}"*']
    folded = " ".join(segmented(value).casefold().split())
    return "id IN (SELECT id FROM plain WHERE folded LIKE ? ESCAPE '\\')", [f"%{_escaped(folded)}%"]


def _escaped(value: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", value)


def _part_of(column: str) -> Callable[[str, datetime], _Made]:
    return lambda value, _now: (f"{column} LIKE ? ESCAPE '\\'", [f"%{_escaped(value)}%"])


def _tag(value: str, _now: datetime) -> _Made:
    return "tags LIKE ? ESCAPE '\\'", [f"%\n{_escaped(value.strip().casefold())}\n%"]


def _verdict(value: str, _now: datetime) -> _Made:
    if value.lower() not in _VERDICTS:
        raise _unclear(f"There is no verdict “{value}”.", f"There are {', '.join(_VERDICTS)}.")
    return "verdict = ?", ["" if value.lower() == "none" else value.lower()]


def _kind(value: str, _now: datetime) -> _Made:
    wanted = next((k for k in KINDS if value.lower() in (k, k + "s")), None)
    if wanted is None:
        raise _unclear(f"There is no kind “{value}”.", f"There are {', '.join(KINDS)}.")
    return "kind = ?", [wanted]


_IS = {"copy": "copies > 1", "graded": "grade != ''", "tagged": "tags != ''"}


def _is(value: str, _now: datetime) -> _Made:
    wanted = value.lower()
    if wanted in _IS:
        return _IS[wanted], []
    if wanted not in STATES:
        raise _unclear(f"Nothing is ever “{value}”.", f"There are {', '.join((*STATES, *_IS))}.")
    return "state = ?", [wanted]


def _date(value: str, now: datetime) -> _Made:
    begin, end = _span(value, now)
    return "created_s >= ? AND created_s < ?", [begin.timestamp(), end.timestamp()]


def _after(value: str, now: datetime) -> _Made:
    return "created_s >= ?", [_span(value, now)[0].timestamp()]


def _before(value: str, now: datetime) -> _Made:
    return "created_s < ?", [_span(value, now)[0].timestamp()]


def _span(value: str, now: datetime) -> tuple[datetime, datetime]:
    """Begin and end of a year, month, day, or of a day that is named from `now`."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    named = {
        "today": (today, today + day),
        "yesterday": (today - day, today),
        "week": (today - 6 * day, today + day),
    }
    if value.lower() in named:
        return named[value.lower()]
    match = _DATE.match(value)
    if match is not None:
        year, month, date = (int(g) if g else None for g in match.groups())
        try:
            # Naive, which means the person's own time.
            first = datetime(max(year or 0, 1971), 1 if month is None else month, 1 if date is None else date)  # noqa: DTZ001 - naive
            if date is not None:
                return first, first + day
            months = first.year * 12 + (12 if month is None else month)
            return first, datetime(months // 12, months % 12 + 1, 1)  # noqa: DTZ001 - naive
        except (ValueError, OverflowError):
            pass  # 2026-13 or 2026-02-30: told below, like everything else that is no date.
    raise _unclear(f"“{value}” is no date.", "Dates are 2026, 2026-11, 2026-11-22, today, yesterday, week.")


def _unclear(what: str, why: str) -> AppError:
    return AppError(what, why, "Correct the search, or put it in quotes to look for the words.")


_FIELDS: dict[str, Callable[[str, datetime], _Made]] = {
    "endpoint": _part_of("endpoint"),
    "suite": _part_of("suite"),
    "tag": _tag,
    "verdict": _verdict,
    "date": _date,
    "after": _after,
    "before": _before,
    "is": _is,
    "kind": _kind,
    "in": _part_of("place"),
}
