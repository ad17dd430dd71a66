"""What people note beside a recording: `<name>.annotations.jsonl`, append-only, every line with its provenance.

Notes, markers, tags, verdicts, results of checklists. The recording is never touched, no line is ever changed or
removed: taking something back is a new line (`undo`) that names the id of what it takes back.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tmlapp.bench.runs.lines import append_line, dumped, read_numbered
from tmlapp.bench.sidecar import provenance
from tmlapp.recording.names import base_of

SCHEMA = 1
NOTE, MARKER, TAG, VERDICT, QA, UNDO = "note", "marker", "tag", "verdict", "qa", "undo"
"""Kinds that the app writes; any other name is kept as well."""

UNDOES = "undoes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One line.

    Attributes:
        id: unique; what an undo names.
        kind: `note`, `marker`, `tag`, `verdict`, `qa`, `undo`, or a name of your own.
        who, when, tool, why: provenance; `when` is UTC in ISO 8601.
        t_ns, end_ns: session time of the place or stretch that it is about; None where it is about the whole.
        data: anything that JSON holds.
    """

    id: str
    kind: str
    who: str
    when: str
    tool: str
    why: str
    t_ns: int | None = None
    end_ns: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The line as it is written; members without a value are left out."""
        line: dict[str, Any] = {"schema": SCHEMA, "id": self.id, "kind": self.kind}
        line |= {"who": self.who, "when": self.when, "tool": self.tool, "why": self.why}
        line |= {name: at for name, at in (("t_ns", self.t_ns), ("end_ns", self.end_ns)) if at is not None}
        return line | ({"data": dict(self.data)} if self.data else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Annotation:
        """The inverse of `to_json`.

        Raises:
            ValueError: `value` is no annotation.
        """
        texts = {name: value.get(name, "") for name in ("id", "kind", "who", "when", "tool", "why")}
        if not all(isinstance(text, str) for text in texts.values()) or not texts["id"] or not texts["kind"]:
            raise ValueError("an annotation has an id and a kind, and who, when, tool and why are texts")
        data = value.get("data", {})
        if not isinstance(data, dict):
            raise ValueError("data of an annotation is an object")
        t_ns, end_ns = _times(value.get("t_ns"), value.get("end_ns"))
        return cls(**texts, t_ns=t_ns, end_ns=end_ns, data=data)


def _times(t_ns: object, end_ns: object) -> tuple[int | None, int | None]:
    for at in (t_ns, end_ns):
        if at is not None and (isinstance(at, bool) or not isinstance(at, int)):
            raise ValueError("t_ns and end_ns are whole nanoseconds")
    if end_ns is not None and (t_ns is None or end_ns < t_ns):  # type: ignore[operator]
        raise ValueError("end_ns comes after t_ns")
    return t_ns, end_ns  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class AnnotationLog:
    """A file of annotations.

    Attributes:
        current: what holds, oldest first: neither undone nor an undo.
        everything: all lines that can be read, undone ones and undos too, oldest first.
        damaged: numbers of lines that cannot be read (cut off by a crash); they stay in the file.
    """

    current: tuple[Annotation, ...] = ()
    everything: tuple[Annotation, ...] = ()
    damaged: tuple[int, ...] = ()

    def of(self, *kinds: str) -> tuple[Annotation, ...]:
        """Those of `current` that are of one of `kinds`."""
        return tuple(a for a in self.current if a.kind in kinds)


def annotations_of(recording: Path) -> Path:
    """Where the annotations of `recording` lie; the same place while it is still being written (`.mcap.part`)."""
    return recording.with_name(f"{base_of(recording)}.annotations.jsonl")


def annotate(
    recording: Path,
    kind: str,
    *,
    data: Mapping[str, Any] | None = None,
    t_ns: int | None = None,
    end_ns: int | None = None,
    why: str = "",
    who: str | None = None,
    when: datetime | None = None,
) -> Annotation:
    """Add an annotation to `recording`; it is on the disk when this returns.

    Args:
        recording: the `.mcap` or `.mcap.part` file.
        kind: see `Annotation`.
        data: anything that JSON holds.
        t_ns: session time of the place that it is about.
        end_ns: end of the stretch, where it is about one.
        why: the reason, in a few words.
        who: the user of this machine if left out.
        when: time of day with its zone; now if left out.

    Raises:
        AppError: the line cannot be written.
        ValueError: no kind, times in the wrong order, or data that JSON does not hold.
    """
    made = new_annotation(kind, data=data, t_ns=t_ns, end_ns=end_ns, why=why, who=who, when=when)
    return append(annotations_of(recording), made)


def undo(
    recording: Path, annotation: str, *, why: str = "undone", who: str | None = None, when: datetime | None = None
) -> Annotation:
    """Take back what has the id `annotation`, by a new line; undoing an undo brings back what it took.

    Raises:
        AppError: the line cannot be written.
    """
    made = new_annotation(UNDO, data={UNDOES: annotation}, why=why, who=who, when=when)
    return append(annotations_of(recording), made)


def read_annotations(recording: Path) -> AnnotationLog:
    """The annotations of `recording`, folded; none where there is no sidecar.

    Raises:
        AppError: the sidecar cannot be read at all.
    """
    return read_file(annotations_of(recording))


def new_annotation(
    kind: str,
    *,
    data: Mapping[str, Any] | None = None,
    t_ns: int | None = None,
    end_ns: int | None = None,
    why: str = "",
    who: str | None = None,
    when: datetime | None = None,
    id: str | None = None,  # noqa: A002 - the member's name
) -> Annotation:
    """An annotation that is in no file yet; arguments as `annotate`, and `id` where it has one already.

    Raises:
        ValueError: as `annotate`.
    """
    line = {"id": id or uuid.uuid4().hex, "kind": kind, **provenance(why=why, who=who, when=when)}
    made = Annotation.from_json({**line, "t_ns": t_ns, "end_ns": end_ns, "data": dict(data or {})})
    try:
        dumped(made.to_json())
    except TypeError as error:
        raise ValueError(f"data of an annotation is what JSON holds: {error}") from error
    return made


def append(path: Path, annotation: Annotation) -> Annotation:
    """Add `annotation` to a file of annotations, and return it.

    Raises:
        AppError: the line cannot be written.
    """
    append_line(path, annotation.to_json())
    return annotation


def read_file(path: Path) -> AnnotationLog:
    """A file of annotations, wherever it lies (a run folder has one, too), folded.

    Raises:
        AppError: the file cannot be read at all.
    """
    numbered, damaged = read_numbered(path)
    everything: dict[str, Annotation] = {}
    for number, value in numbered:
        try:
            annotation = Annotation.from_json(value)
        except ValueError:
            damaged.append(number)
        else:
            # A file that was appended to its own copy says everything twice.
            everything.setdefault(annotation.id, annotation)
    found = tuple(everything.values())
    return AnnotationLog(folded(found), found, tuple(sorted(damaged)))


def folded(annotations: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """What holds of `annotations`, oldest first: undone ones and undos are left out."""
    undone: set[str] = set()
    current: list[Annotation] = []
    # From the end: whether an undo still holds is known before what it takes back is met.
    for annotation in reversed(list(annotations)):
        if annotation.id in undone:
            continue
        if annotation.kind == UNDO:
            undone.add(str(annotation.data.get(UNDOES, "")))
        else:
            current.append(annotation)
    return tuple(reversed(current))
