"""Frames of the wire as rows of a table: their kind, one line of what they say, and which of them are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tmlapp.core.event import ConnectionChanged, EndpointError, EndpointEvent, WireFrame
from tmlapp.core.units import NS_PER_S
from tmlapp.ui.text import bytes_text

TEXT_MOST = 65_536
"""So many characters of a frame are kept here; the recording has each frame whole."""

_SUMMARY_MOST = 160
_DEPTH_MOST = 12
_IDS = ("type", "event_id", "id", "response_id", "item_id", "previous_item_id", "object", "sha256")
_NO_KIND = ("usageMetadata",)


@dataclass(frozen=True, slots=True)
class WireRow:
    """One frame as it is listed; `text` is its JSON value in one line, cut after `TEXT_MOST` characters."""

    index: int
    t_ns: int
    epoch: int
    sent: bool
    kind: str
    size: int
    summary: str
    error: bool
    note: str
    text: str
    connection: bool = False
    """No frame, but what became of the connection; its `index` is that of the frame before it."""

    @property
    def whole(self) -> bool:
        """Nothing of it was cut off."""
        return len(self.text) < TEXT_MOST

    def value(self) -> Any:
        """The JSON value; where the frame was cut off, what is left of it as a text."""
        return json.loads(self.text) if self.whole else self.text


@dataclass(frozen=True, slots=True)
class WireFilter:
    """Which frames are shown: all of `words` somewhere in it, one direction, one kind, or only what went wrong."""

    words: str = ""
    direction: str = ""
    kind: str = ""
    errors: bool = False

    def shows(self, row: WireRow) -> bool:
        if self.errors and not row.error:
            return False
        if self.direction and row.connection:
            return False
        if self.direction and (self.direction == "sent") != row.sent:
            return False
        if self.kind and row.kind != self.kind:
            return False
        if not self.words:
            return True
        text = f"{row.kind} {row.note} {row.text}".casefold()
        return all(word in text for word in self.words.casefold().split())


def row_of_frame(frame: WireFrame) -> WireRow:
    """`frame` as a row."""
    kind = kind_of(frame.message)
    text = json.dumps(frame.message, ensure_ascii=False, separators=(",", ":"), default=str)
    return WireRow(
        index=frame.index,
        t_ns=frame.t_rx_ns,
        epoch=frame.epoch,
        sent=frame.direction == "sent",
        kind=kind,
        size=frame.size,
        summary=frame.note or summary_of(frame.message),
        error=bool(frame.note) or _failed(kind, frame.message),
        note=frame.note,
        text=text[:TEXT_MOST],
    )


def row_of_connection(event: EndpointEvent, after: int) -> WireRow | None:
    """The row of a connection that broke, after the frame `after`; None for what says nothing of that."""
    match event:
        case ConnectionChanged(state="reconnecting"):
            kind, says = "connection.reconnecting", event.reason
        case EndpointError(fatal=True, wire_ref=None):
            kind, says = f"connection.{event.code or event.kind}", event.message
        case _:
            return None
    text = json.dumps({"type": kind, "reason": says}, ensure_ascii=False)
    return WireRow(after, event.t_rx_ns, event.epoch, False, kind, 0, says, True, says, text, connection=True)


def kind_of(message: Any) -> str:
    """What the frame calls itself: its `type`, or the way to its first member (`serverContent.modelTurn`)."""
    if not isinstance(message, dict):
        return "text" if isinstance(message, str) else type(message).__name__
    for key in ("type", "event", "kind"):
        if isinstance(message.get(key), str):
            return str(message[key])
    if is_media(message):
        return "binary"
    keys = [k for k in message if k not in _NO_KIND] or list(message)
    if not keys:
        return "{}"
    inner = message[keys[0]]
    if isinstance(inner, dict) and inner and not is_media(inner):
        return f"{keys[0]}.{next(iter(inner))}"
    return str(keys[0])


def is_media(value: Any) -> bool:
    """True for what stands in place of sound or a picture."""
    return isinstance(value, dict) and isinstance(value.get("bytes"), int) and "sha256" in value


def media_text(value: dict[str, Any]) -> str:
    """Folded media in words."""
    return f"‹{bytes_text(value['bytes'])}, sha256 {str(value['sha256'])[:10]}›"


def summary_of(message: Any) -> str:
    """One line of what the frame says: its texts, numbers and media, without identifiers."""
    parts: list[str] = []
    length = 0
    for key, value in _leaves(message, "", 0):
        part = f"{key} {value}".strip()
        parts.append(part)
        length += len(part) + 3
        if length > _SUMMARY_MOST:
            break
    line = " · ".join(parts)
    return line if len(line) <= _SUMMARY_MOST else f"{line[: _SUMMARY_MOST - 1]}…"


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEPTH_MOST:
        yield name, "…"
    elif is_media(value):
        yield name, f"‹{bytes_text(value['bytes'])}›"
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _IDS:
                yield from _leaves(inner, str(key), depth + 1)
    elif isinstance(value, list):
        for inner in value[:8]:
            yield from _leaves(inner, name, depth + 1)
    elif value not in (None, ""):
        text = " ".join(value.split()) if isinstance(value, str) else json.dumps(value, default=str)
        yield name, f"“{text[:_SUMMARY_MOST]}”" if isinstance(value, str) else text


def _failed(kind: str, message: Any) -> bool:
    last = kind.rsplit(".", 1)[-1]
    if last in ("error", "failed", "refusal") or kind == "error":
        return True
    return isinstance(message, dict) and bool(message.get("error"))


def wire_line(row: WireRow) -> str:
    """The frame as one line of JSONL, as `python -m tests.traces` reads it; folded media stay folded."""
    plain: dict[str, Any] = {
        "direction": "sent" if row.sent else "received",
        "at": round(row.t_ns / NS_PER_S, 6),
        "index": row.index,
        "connection": row.epoch,
        "size": row.size,
    }
    if row.note:
        plain["note"] = row.note
    return json.dumps(plain, ensure_ascii=False)[:-1] + f', "json": {row.text if row.whole else json.dumps(row.text)}}}'
