"""How the Library writes what it knows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QLocale

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.ui.text import bytes_text, tr


def date_text(entry: Entry) -> str:
    """Day and minute in the person's own time."""
    return datetime.fromtimestamp(entry.created_s).astimezone().strftime("%Y-%m-%d %H:%M")


def short_date_text(entry: Entry, now: datetime | None = None) -> str:
    """`22 Nov 16:34` within the year of `now`, else `22 Nov 2025`; in the person's own time and language."""
    when = datetime.fromtimestamp(entry.created_s).astimezone()
    day = f"{when.day} {QLocale().monthName(when.month, QLocale.FormatType.ShortFormat)}"
    this_year = (now or datetime.now().astimezone()).year == when.year
    return f"{day} {when:%H:%M}" if this_year else f"{day} {when.year}"


def title_text(entry: Entry) -> str:
    """Its name; recordings of a run, which all have the same one, by their item."""
    item = str(entry.details.get("item") or "")
    return f"{item} · {Path(entry.part_of).parent.name}" if item and entry.part_of else entry.name


def endpoint_text(entry: Entry) -> str:
    """The address without folders, which say little and leave no room for what does."""
    kind, colon, rest = entry.endpoint.partition(":")
    return f"{kind}:{Path(rest).name}" if colon and Path(rest).is_absolute() and "//" not in rest else entry.endpoint


def length_text(duration_s: float | None) -> str:
    """`m:ss`, or `h:mm:ss`."""
    if duration_s is None:
        return ""
    seconds = round(duration_s)
    minutes = (
        f"{seconds // 60 % 60:02d}:{seconds % 60:02d}" if seconds >= 3600 else f"{seconds // 60}:{seconds % 60:02d}"
    )
    return f"{seconds // 3600}:{minutes}" if seconds >= 3600 else minutes


def kind_text(entry: Entry) -> str:
    """What it is."""
    return {"recording": tr("recording"), "run": tr("run"), "items": tr("items"), "export": tr("export")}[entry.kind]


def state_text(entry: Entry) -> str:
    """How it is, in a word; nothing where all is well."""
    return {
        "ok": _fine_text(entry),
        "recording": tr("recording"),
        "unfinished": tr("unfinished"),
        "damaged": tr("damaged"),
        "foreign": tr("foreign"),
        "missing": tr("missing"),
        "trashed": tr("in trash"),
    }[entry.state]


def _fine_text(entry: Entry) -> str:
    if entry.details.get("interrupted"):
        return tr("interrupted")
    return tr("copy {n}×").format(n=entry.copies) if entry.copies > 1 else ""


def model_text(entry: Entry) -> str:
    """Who was met: the model at its host, where that is known of a remote one, else the address."""
    return str(entry.details.get("model") or "") or endpoint_text(entry)


def verdict_text(entry: Entry) -> str:
    """Verdict with a sign that does not depend on colour, and the grade."""
    sign = {"pass": "✓", "fail": "✕", "unsure": "?"}.get(entry.verdict, "")
    # Of a verdict on one item, 0 and 1 say nothing that the word does not say better.
    words = {"pass": tr("right"), "fail": tr("wrong"), "unsure": tr("undecided")}
    plain = words.get(entry.verdict, "") if entry.grade in ("0", "1") else ""
    return " ".join(t for t in (sign, plain or entry.grade) if t)


def second_line(entry: Entry) -> str:
    """What stands under the name."""
    if entry.state not in ("ok", "recording") and entry.why:
        return entry.why
    if entry.kind == "recording":
        said = entry.said.replace("\n", " · ")
        return entry.instruction or (tr("said: {words}").format(words=said) if said else tr("nothing asked or said"))
    items, takes = entry.details.get("items"), entry.details.get("takes")
    if entry.kind == "run":
        return tr("run, {n} of {all} items answered").format(n=entry.details.get("answers", 0), all=items or 0)
    if entry.kind == "items":
        told = tr("1 item") if items == 1 else tr("{n} items").format(n=items or 0)
        of_takes = tr("1 take") if takes == 1 else tr("{n} takes").format(n=takes)
        return f"{told}, {of_takes}" if takes else told
    return tr("exported folder")


def cell_text(entry: Entry, column: str) -> str:
    """What stands in a column."""
    if column == "name":
        return title_text(entry)
    if column == "created":
        return short_date_text(entry)
    if column == "endpoint":
        return model_text(entry)
    if column == "duration":
        return length_text(entry.duration_s)
    if column == "tags":
        return ", ".join(entry.tags)
    if column == "verdict":
        return verdict_text(entry)
    if column == "size":
        return bytes_text(entry.size) if entry.kind == "recording" else ""
    if column == "state":
        return state_text(entry)
    return str(getattr(entry, column))


def accessible_text(entry: Entry) -> str:
    """A row as a screen reader says it."""
    parts = (title_text(entry), kind_text(entry), state_text(entry), date_text(entry), length_text(entry.duration_s))
    return ", ".join(p for p in (*parts, entry.endpoint, entry.suite, *entry.tags, verdict_text(entry)) if p)


def sentence(text: str) -> str:
    """`text` as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
