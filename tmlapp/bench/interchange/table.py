"""Tiers as CSV (RFC 4180, UTF-8): `tier,kind,start_s,end_s,text`, one line per span, times exact to the nanosecond."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from tmlapp.bench.interchange.textfiles import FormError, read_text, refused, write_text
from tmlapp.bench.interchange.tiers import Span, Tier, Tiers, ns_of, seconds_text

KIND = "CSV"
COLUMNS = ("tier", "kind", "start_s", "end_s", "text")
_LONGEST_FIELD = 16 * 2**20


def write_csv(path: Path, tiers: Tiers, *, force: bool = False) -> Path:
    """Write `tiers` as a table; texts stand in it as they are, line breaks and all.

    Raises:
        AppError: the file is there already and `force` is false, or it cannot be written.
    """
    return write_text(path, csv_text(tiers), force=force)


def csv_text(tiers: Tiers) -> str:
    """The file as text."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for tier in tiers.tiers:
        kind = "point" if tier.points else "interval"
        for span in tier.spans:
            writer.writerow((tier.name, kind, seconds_text(span.t0_ns), seconds_text(span.t1_ns), span.text))
    return out.getvalue()


def read_csv(path: Path) -> Tiers:
    """The tiers of such a table; further columns are left out, and the order of the columns is free.

    Raises:
        AppError: it cannot be read, or is malformed: naming the line.
    """
    text = read_text(path)
    try:
        return parse_csv(text)
    except FormError as error:
        raise refused(path, error, KIND) from error


def parse_csv(text: str) -> Tiers:
    """The tiers in the text of such a table.

    Raises:
        FormError: it is malformed.
    """
    before = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: dict[tuple[str, bool], list[Span]] = {}
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise FormError(1, f"the column {missing[0]} is missing")
        for row in reader:
            key, span = _row(row, reader.line_num)
            found.setdefault(key, []).append(span)
    except csv.Error as error:
        # The inner reader is at the line that it stumbled over.
        raise FormError(reader.reader.line_num, str(error)) from error
    finally:
        csv.field_size_limit(before)
    tiers = tuple(Tier(name, tuple(sorted(spans)), points) for (name, points), spans in found.items())
    return Tiers(tiers, max((s.t1_ns for t in tiers for s in t.spans), default=0))


def _row(row: dict[str, str | None], line: int) -> tuple[tuple[str, bool], Span]:
    values = [row[name] for name in COLUMNS]
    name, kind, start, end, text = values
    if name is None or kind is None or start is None or end is None or text is None:
        raise FormError(line, "a value is missing")
    if kind not in ("interval", "point"):
        raise FormError(line, f"the kind {kind[:40]!r} is neither interval nor point")
    try:
        t0_ns, t1_ns = ns_of(start), ns_of(end)
    except ValueError as error:
        raise FormError(line, str(error)) from error
    if t1_ns < t0_ns:
        raise FormError(line, f"it ends ({end} s) before it begins ({start} s)")
    return (name, kind == "point"), Span(t0_ns, t1_ns, text)
