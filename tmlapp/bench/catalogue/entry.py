"""One row of the catalogue: a recording, a run, a set of items or an exported folder, as the last look found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["recording", "run", "items", "export"]
State = Literal["ok", "recording", "unfinished", "damaged", "foreign", "missing", "trashed"]

KINDS: tuple[Kind, ...] = ("recording", "run", "items", "export")
STATES: tuple[State, ...] = ("ok", "recording", "unfinished", "damaged", "foreign", "missing", "trashed")
HIDDEN: tuple[State, ...] = ("foreign", "missing", "trashed")
"""States that are listed only where they are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one file that stands for a recording, a run, a set or an export.

    Attributes:
        id: of the row; 0 before it has one. It stays the same when the file is moved or renamed.
        path: the `.mcap`, `.mcap.part`, `run.json`, `set.json`, `items.jsonl` or `setup.json`.
        root: the folder that was searched.
        identity: equal for two files that hold the same, wherever they lie; empty where nothing tells.
        session: id of the session of a recording.
        name: as a person knows it: of the file, or of the folder of runs, sets and exports.
        state: `recording` is one that another process writes now; `foreign` a file of another program.
        why: one sentence, where the state is not `ok`.
        created: UTC, ISO 8601; the file's own time where it does not tell.
        created_s: the same in seconds since 1970.
        said: what the model said. notes: what people wrote and typed.
        verdict: `pass`, `fail`, `unsure` or empty. grade: the newest one in a few words.
        size, mtime_ns, stamp: by which a change is seen without reading.
        strays: files of this session that lie elsewhere, as a digest.
        part_of: the `run.json` of the run that a recording belongs to.
        picture: there are frames. copies: files with the same identity, this one included.
        details: whatever else is shown.
    """

    id: int = 0
    path: Path
    root: Path
    kind: Kind
    identity: str = ""
    session: str = ""
    name: str = ""
    state: State = "ok"
    why: str = ""
    created: str = ""
    created_s: float = 0.0
    duration_s: float | None = None
    endpoint: str = ""
    suite: str = ""
    instruction: str = ""
    said: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    verdict: str = ""
    grade: str = ""
    size: int = 0
    mtime_ns: int = 0
    stamp: str = ""
    strays: str = ""
    part_of: str = ""
    picture: bool = False
    copies: int = 1
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """What a person would call the thing itself: the folder of a run, set or export, else the file."""
        return self.path if self.kind == "recording" else self.path.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that may be worth a row, found by its name alone.

    `trashed` is the manifest of the bundle in whose trash it lies; `run` the `run.json` above it.
    """

    path: Path
    root: Path
    kind: Kind
    size: int
    mtime_ns: int
    stamp: str
    run: Path | None = None
    trashed: Path | None = None


def clean(text: object) -> str:
    """`text` without what no database takes: halves of surrogate pairs, zero bytes."""
    return str(text).encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
