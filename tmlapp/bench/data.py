"""A benchmark as the user has it: its items, how each is driven, and what of it cannot be used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Subtitle:
    """A line that is drawn into the video from `t0_s` to `t1_s` (video time)."""

    t0_s: float
    t1_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """How long a session goes on after the media, with silence and the last frame.

    Attributes:
        least_s: always.
        quiet_s: then until the model has been silent for this long; 0: not at all.
        most_s: but never longer than this; a model that has said nothing is waited for so long, too.
    """

    least_s: float = 0.0
    quiet_s: float = 0.0
    most_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPart:
    """A turn before the session: the user's sound or the text of the dataset."""

    role: Literal["user", "assistant"]
    text: str = ""
    sound: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One session of an item. Order on its clock: instruction, `silence_s`, then the media, then the tail.

    The item's clock is 0 where the media begin. Files are paths as found on this machine.

    Attributes:
        name: unique in the item; `main` where there is one session only.
        instruction: what the model is asked to do; spoken by the app's voice or typed, as the run says. Empty: none.
        silence_s: between a spoken instruction and the media.
        sounds: the user's sound. One after another: the next begins when the model has been silent for `turn_quiet_s`,
            at the latest `turn_most_s` after the end of the one before.
        video: pictures; its own sound is played only if not `muted`.
        message: a text typed to the model in the first micro-turn, as a user message.
        history: turns that lie before the session.
        tools: the suite has tools for this item (`Suite.toolbox`).
    """

    name: str = "main"
    instruction: str = ""
    silence_s: float = 2.0
    sounds: tuple[str, ...] = ()
    turn_quiet_s: float = 1.0
    turn_most_s: float = 20.0
    video: str = ""
    muted: bool = True
    subtitles: tuple[Subtitle, ...] = ()
    message: str = ""
    history: tuple[HistoryPart, ...] = ()
    tools: bool = False
    tail: Tail = Tail()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Part:
        """The inverse of `to_json`.

        Raises:
            TypeError: `value` is no part.
        """
        plain = dict(value)
        plain["sounds"] = tuple(plain.get("sounds", ()))
        plain["subtitles"] = tuple(Subtitle(**s) for s in plain.get("subtitles", ()))
        plain["history"] = tuple(HistoryPart(**h) for h in plain.get("history", ()))
        plain["tail"] = Tail(**plain.get("tail", {}))
        return cls(**plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteItem:
    """One row of a benchmark.

    Attributes:
        id: unique in the suite; any characters.
        truth: everything that its grader needs, as plain JSON values; kept in the run.
        parts: the sessions that it takes, in order.
        group: category, subset, axis: what tables break the score down by.
    """

    id: str
    truth: Mapping[str, Any]
    parts: tuple[Part, ...] = ()
    group: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SuiteItem:
        """The inverse of `to_json`.

        Raises:
            TypeError, KeyError: `value` is no item.
        """
        if not isinstance(value["id"], str) or not isinstance(value["truth"], Mapping):
            raise TypeError("an item has a text as its id, and an object as its truth")
        return cls(
            id=value["id"],
            truth=value["truth"],
            parts=tuple(Part.from_json(p) for p in value.get("parts", ())),
            group=value.get("group", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A row that cannot be used: where it stands, and why. It is counted, never dropped in silence."""

    row: str
    why: str
    kind: Literal["missing", "damaged", "unusable"] = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A benchmark as found in a folder.

    Attributes:
        expected: how many items the published benchmark has; None where nobody has said so.
        notes: what a user should know: another split, extra columns that were ignored.
        files: sha256 of the files that hold the annotations, by role.
    """

    items: tuple[SuiteItem, ...]
    quarantined: tuple[Quarantined, ...] = ()
    expected: int | None = None
    notes: tuple[str, ...] = ()
    version: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def items_sha256(items: Sequence[SuiteItem]) -> str:
    """Digest of the list of items: ids and truths in order. Two runs are comparable only where it is the same."""
    digest = hashlib.sha256()
    for item in items:
        line = json.dumps([item.id, item.truth], sort_keys=True, ensure_ascii=True, default=str)
        digest.update(line.encode("ascii") + b"\n")
    return digest.hexdigest()


def is_inside(name: str) -> bool:
    """A file's name in a row that does not lead out of the folder: no row decides what else is opened and sent."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def is_file(path: Path) -> bool:
    """A file that can be seen; names that no file can have are none."""
    try:
        return path.is_file()
    except OSError:
        # pathlib answers only some errors: a name from a row may be too long, or its folder closed.
        return False


def is_there(path: Path) -> bool:
    """A file with something in it."""
    return is_file(path) and path.stat().st_size > 0
