"""Whether a folder holds a benchmark: what is complete, missing or damaged, and where to get it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.data import Loaded, Quarantined, items_sha256
from tmlapp.bench.registry import suite_named
from tmlapp.bench.runs.make import loader_options, media_of, tool_notes

State = Literal["complete", "incomplete", "unusable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """What a folder holds.

    Attributes:
        state: `complete` where every published item can be used, `incomplete` where some can.
        usable: items that can be run: they have a session, and all of its media are there.
        gradable: items whose truth is there, so that answers to them can be graded.
        expected: how many the published benchmark has (None: nobody has said so).
        quarantined: rows that cannot be used, each with its reason; `kinds` counts them by kind.
        absent_files: media named by usable items that are not there.
        where: where to get the data, and under which licence.
    """

    suite: str
    folder: str
    state: State
    usable: int
    gradable: int
    expected: int | None
    version: str
    quarantined: tuple[Quarantined, ...]
    absent_files: tuple[str, ...]
    notes: tuple[str, ...]
    files: Mapping[str, str]
    items_sha256: str
    where: str

    @property
    def kinds(self) -> dict[str, int]:
        """Rows that cannot be used, by kind."""
        return dict(Counter(q.kind for q in self.quarantined))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"kinds": self.kinds}


def check_data(suite_name: str, folder: Path, options: Mapping[str, Any]) -> DataCheck:
    """Look at every row of the data in `folder`.

    Raises:
        AppError: nothing of the benchmark is there (with where to get it), or an option is not valid.
    """
    suite = suite_named(suite_name)
    loaded = suite.load(folder, loader_options(suite, options))
    absent = _absent(loaded)
    gone = frozenset(absent)
    usable = sum(bool(item.parts) and gone.isdisjoint(media_of(item)) for item in loaded.items)
    enough = usable >= (len(loaded.items) if loaded.expected is None else loaded.expected)
    complete = enough and not absent and not loaded.quarantined
    return DataCheck(
        suite=suite_name,
        folder=str(folder),
        state="complete" if complete else "incomplete" if loaded.items else "unusable",
        usable=usable,
        gradable=len(loaded.items),
        expected=loaded.expected,
        version=loaded.version,
        quarantined=loaded.quarantined,
        absent_files=absent,
        notes=(*loaded.notes, *tool_notes(suite, loaded.items, folder)),
        files=loaded.files,
        items_sha256=items_sha256(loaded.items),
        where=suite.where,
    )


def _absent(loaded: Loaded) -> tuple[str, ...]:
    named = {path for item in loaded.items for path in media_of(item)}
    return tuple(sorted(path for path in named if not Path(path).exists()))
