"""Praat TextGrid, text files, long and short: everything but numbers, quoted texts and `<flags>` is decoration.

Format: Praat manual, "TextGrid file formats". A tier of intervals has no room between them, so an empty label is no
span: one of ours without words is written as `∅`. Times are written to the nanosecond, so that samples come back.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tmlapp.bench.interchange.textfiles import FormError, read_text, refused, write_text
from tmlapp.bench.interchange.tiers import Span, Tier, Tiers, fitted, ns_of, seconds_text

KIND = "TextGrid"
NO_WORDS = "∅"
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(")|(<[^>\n]*>)|(![^\n]*)|([^\s"]+)')
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTERVALS, _POINTS = "IntervalTier", "TextTier"


def write_textgrid(path: Path, tiers: Tiers, *, short: bool = False, force: bool = False) -> Path:
    """Write `tiers` as a TextGrid; what overlaps is spread over further tiers (`name 2`).

    Raises:
        AppError: the file is there already and `force` is false, or it cannot be written.
    """
    return write_text(path, textgrid_text(tiers, short=short), force=force)


def textgrid_text(tiers: Tiers, *, short: bool = False) -> str:
    """The file as text."""
    laid = fitted(tiers, moments=False)
    # Praat has no TextGrid without length.
    first, last = laid.first_ns, max(laid.last_ns, laid.first_ns + 1)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    out = _Short() if short else _Long()
    lines += out.head(first, last, len(laid.tiers))
    for number, tier in enumerate(laid.tiers, start=1):
        spans = tier.spans if tier.points else tuple(_without_room(tier, first, last))
        lines += out.tier(number, tier, first, last, len(spans))
        for n, span in enumerate(spans, start=1):
            lines += out.point(n, span) if tier.points else out.interval(n, span)
    return "\n".join(lines) + "\n"


def _without_room(tier: Tier, first: int, last: int) -> Iterator[Span]:
    at = first
    for span in tier.spans:
        if span.t0_ns > at:
            yield Span(at, span.t0_ns)
        yield Span(span.t0_ns, span.t1_ns, span.text or NO_WORDS)
        at = span.t1_ns
    if at < last:
        yield Span(at, last)


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


class _Long:
    """The layout that Praat calls "text file"."""

    def head(self, first: int, last: int, n: int) -> list[str]:
        return [
            f"xmin = {seconds_text(first)} ",
            f"xmax = {seconds_text(last)} ",
            "tiers? <exists> ",
            f"size = {n} ",
            "item []: ",
        ]

    def tier(self, number: int, tier: Tier, first: int, last: int, n: int) -> list[str]:
        kind, what = (_POINTS, "points") if tier.points else (_INTERVALS, "intervals")
        return [
            f"    item [{number}]:",
            f'        class = "{kind}" ',
            f"        name = {_quoted(tier.name)} ",
            f"        xmin = {seconds_text(first)} ",
            f"        xmax = {seconds_text(last)} ",
            f"        {what}: size = {n} ",
        ]

    def interval(self, n: int, span: Span) -> list[str]:
        return [
            f"        intervals [{n}]:",
            f"            xmin = {seconds_text(span.t0_ns)} ",
            f"            xmax = {seconds_text(span.t1_ns)} ",
            f"            text = {_quoted(span.text)} ",
        ]

    def point(self, n: int, span: Span) -> list[str]:
        return [
            f"        points [{n}]:",
            f"            number = {seconds_text(span.t0_ns)} ",
            f"            mark = {_quoted(span.text)} ",
        ]


class _Short:
    """The layout that Praat calls "short text file"."""

    def head(self, first: int, last: int, n: int) -> list[str]:
        return [seconds_text(first), seconds_text(last), "<exists>", str(n)]

    def tier(self, number: int, tier: Tier, first: int, last: int, n: int) -> list[str]:  # noqa: ARG002 - as `_Long`
        kind = _POINTS if tier.points else _INTERVALS
        return [f'"{kind}"', _quoted(tier.name), seconds_text(first), seconds_text(last), str(n)]

    def interval(self, n: int, span: Span) -> list[str]:  # noqa: ARG002 - as `_Long`
        return [seconds_text(span.t0_ns), seconds_text(span.t1_ns), _quoted(span.text)]

    def point(self, n: int, span: Span) -> list[str]:  # noqa: ARG002 - as `_Long`
        return [seconds_text(span.t0_ns), _quoted(span.text)]


def read_textgrid(path: Path) -> Tiers:
    """The tiers of a TextGrid, long or short; empty intervals are left out.

    Raises:
        AppError: it cannot be read, or is malformed: naming the line.
    """
    text = read_text(path)
    try:
        return parse_textgrid(text)
    except FormError as error:
        raise refused(path, error, KIND) from error


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


class _Tokens:
    def __init__(self, text: str) -> None:
        self._ends = [m.start() for m in re.finditer("\n", text)]
        self._all = self._read(text)
        self._line = 1

    def _read(self, text: str) -> Iterator[_Token]:
        for match in _TOKEN.finditer(text):
            line = bisect_right(self._ends, match.start() - 1) + 1
            if match[2]:
                raise FormError(line, "a text in quotes has no end")
            if match[1] is not None:
                yield _Token("text", match[1].replace('""', '"'), line)
            elif match[3]:
                yield _Token("flag", match[3], line)
            elif match[5] and _NUMBER.fullmatch(match[5]):
                yield _Token("number", match[5], line)

    def take(self, kind: str, what: str) -> _Token:
        token = next(self._all, None)
        if token is None:
            raise FormError(self._line, f"the file ends where {what} should stand")
        self._line = token.line
        if token.kind != kind:
            raise FormError(token.line, f"{token.text[:40]!r} stands where {what} should")
        return token

    def time(self, what: str) -> int:
        token = self.take("number", what)
        try:
            return ns_of(token.text)
        except ValueError as error:
            raise FormError(token.line, str(error)) from error

    def count(self, what: str) -> int:
        token = self.take("number", what)
        if not token.text.isdecimal():
            raise FormError(token.line, f"{token.text[:40]!r} stands where {what} should")
        return int(token.text[:18])

    @property
    def line(self) -> int:
        return self._line


def parse_textgrid(text: str) -> Tiers:
    """The tiers in the text of a TextGrid file.

    Raises:
        FormError: it is malformed.
    """
    if text.startswith("ooBinaryFile"):
        raise FormError(1, "it is a binary file; in Praat choose Save as text file")
    tokens = _Tokens(text)
    for wanted in ("ooTextFile", "TextGrid"):
        found = tokens.take("text", f'"{wanted}"')
        if found.text != wanted:
            raise FormError(found.line, f'it is a "{found.text[:40]}", not a "{wanted}"')
    tokens.time("the beginning")
    end_ns = tokens.time("the end")
    if tokens.take("flag", "<exists>").text != "<exists>":
        return Tiers((), max(0, end_ns))
    tiers = tuple(_tier(tokens) for _ in range(tokens.count("the number of tiers")))
    return Tiers(tiers, max(0, end_ns))


def _tier(tokens: _Tokens) -> Tier:
    kind = tokens.take("text", f'"{_INTERVALS}" or "{_POINTS}"')
    if kind.text not in (_INTERVALS, _POINTS):
        raise FormError(kind.line, f"{kind.text[:40]!r} is no kind of tier")
    name = tokens.take("text", "the name of a tier").text
    tokens.time("the beginning of the tier")
    tokens.time("the end of the tier")
    points = kind.text == _POINTS
    spans = []
    for _ in range(tokens.count("the number of its entries")):
        t0_ns = tokens.time("a time")
        t1_ns = t0_ns if points else tokens.time("the end of an interval")
        if t1_ns < t0_ns:
            raise FormError(tokens.line, f"an interval ends ({seconds_text(t1_ns)} s) before it begins")
        label = tokens.take("text", "a label").text
        if points or label:
            spans.append(Span(t0_ns, t1_ns, "" if label == NO_WORDS and not points else label))
    return Tier(name, tuple(sorted(spans)), points)
