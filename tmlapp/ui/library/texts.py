"""How the Library writes what it knows."""

from __future__ import annotations

from datetime import datetime

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.ui.text import bytes_text, tr


def date_text(entry: Entry) -> str:
    """Day and minute in the person's own time."""
    return datetime.fromtimestamp(entry.created_s).astimezone().strftime("%Y-%m-%d %H:%M")


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
        "ok": tr("copy {n}×").format(n=entry.copies) if entry.copies > 1 else "",
        "recording": tr("recording"),
        "unfinished": tr("unfinished"),
        "damaged": tr("damaged"),
        "foreign": tr("foreign"),
        "missing": tr("missing"),
        "trashed": tr("in trash"),
    }[entry.state]


def verdict_text(entry: Entry) -> str:
    """Verdict with a sign that does not depend on colour, and the grade."""
    sign = {"pass": "✓", "fail": "✕", "unsure": "?"}.get(entry.verdict, "")
    return " ".join(t for t in (sign, entry.grade) if t)


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
        told = tr("{n} items").format(n=items or 0)
        return told + (", " + tr("{n} takes").format(n=takes) if takes else "")
    return tr("exported folder")


def cell_text(entry: Entry, column: str) -> str:
    """What stands in a column."""
    if column == "created":
        return date_text(entry)
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
    parts = (entry.name, kind_text(entry), state_text(entry), date_text(entry), length_text(entry.duration_s))
    return ", ".join(p for p in (*parts, entry.endpoint, entry.suite, *entry.tags, verdict_text(entry)) if p)
