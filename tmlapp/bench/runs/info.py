"""What a run folder says about itself (`run.json`), and about each item (`result.json`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

SCHEMA = 1
_TEXTS = ("suite", "data", "endpoint", "instruct", "clock", "items_sha256", "created", "finished")
_MAPPINGS = ("options", "files", "target", "voice", "seeds", "settings", "versions")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """Everything needed to run it again.

    Attributes:
        suite, options: the benchmark and how it was loaded.
        data: folder of the user's data; `files` are sha256 of its annotations by role.
        version, notes, expected: as the suite found the data; `expected` is the published number of items.
        endpoint: its address; `granted` is what it agreed to when the first item opened, None before.
        target: of a remote one: kind, URL, model, voice and options as they were then; never a key.
        instruct: `spoken` or `typed`; `voice` says who speaks (id, version, sha256), empty where nobody does.
        clock: `real`, or `fast` for virtual time.
        limit: of how many items there are; None for all.
        jobs, engine: how the work was shared out; they do not change a result.
        seeds: every random seed, by what it is for.
        settings: whatever else shapes what the model sees and hears (JPEG quality, subtitles).
        items_sha256: of the list of items, in order. quarantined: rows of the data that could not be used.
        versions, commit: of the app and its libraries; `commit` only where the app runs from a checkout.
        command: the command line. created, finished: UTC, ISO 8601; `finished` is empty while items are open.
        resumed: what each resumption ran with: when, versions, commit, command, jobs, engine.
    """

    suite: str
    data: str
    endpoint: str
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    notes: tuple[str, ...] = ()
    expected: int | None = None
    target: Mapping[str, Any] = field(default_factory=dict)
    granted: Mapping[str, Any] | None = None
    instruct: Literal["spoken", "typed"] = "spoken"
    voice: Mapping[str, Any] = field(default_factory=dict)
    clock: Literal["real", "fast"] = "real"
    limit: int | None = None
    jobs: int = 1
    engine: str = "pool"
    seeds: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    items_sha256: str = ""
    n_items: int = 0
    quarantined: tuple[Mapping[str, Any], ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    command: tuple[str, ...] = ()
    created: str = ""
    finished: str = ""
    resumed: tuple[Mapping[str, Any], ...] = ()
    schema: int = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunInfo:
        """The inverse of `to_json`; members that a newer app has written are left out.

        Raises:
            TypeError: a member is missing, or of another kind.
        """
        known = {f.name for f in fields(cls)}
        plain = {k: v for k, v in value.items() if k in known}
        for key in ("notes", "quarantined", "command", "resumed"):
            plain[key] = tuple(plain.get(key, ()))
        made = cls(**plain)
        for key, kind in (*((k, str) for k in _TEXTS), *((k, Mapping) for k in _MAPPINGS)):
            if not isinstance(getattr(made, key), kind):
                raise TypeError(f"{key} is {getattr(made, key)!r}")
        return made


SAME = (
    "suite", "options", "files", "endpoint", "target", "instruct", "voice", "clock", "limit", "seeds", "settings",
    "items_sha256",
)  # fmt: skip
"""Members that must be the same for two pieces of work to belong to one run."""


def differences(before: RunInfo, now: RunInfo) -> list[str]:
    """What was asked for otherwise than `before`, as sentences without a full stop; empty where nothing was."""
    told = []
    for key in SAME:
        # As they stand in the file: a tuple that comes back as a list is the same.
        was, new = (json.loads(json.dumps(getattr(info, key))) for info in (before, now))
        if was == new or (key == "voice" and _more_recordings(was, new)):
            continue
        if key == "items_sha256":
            told.append("the items are others (their ids, truths or order)")
        elif key == "files":
            changed = sorted(k for k in {*was, *new} if was.get(k) != new.get(k))
            told.append(f"these files of the data have changed: {', '.join(changed)}")
        else:
            told.append(f"{key} was {was!r} and is now {new!r}")
    return told


def _more_recordings(was: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """An instruction that had not been recorded was added; which one each item heard stands in its own result."""
    return was.get("id") == new.get("id") == "files" and new.get("files", 0) > was.get("files", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartResult:
    """How one part of an item was driven; all times are session time in seconds, 0 at the first sample.

    Attributes:
        recording: file name of the recording inside the item's folder.
        media_t0_s: where the media begin: 0 of the item's own clock.
        duration_s: length of the media (all sounds with the waits between them, or the video).
        session_s: length of the whole session.
        turn_starts_s, turn_ends_s: of every sound, in order.
        instruct: `spoken`, `typed`, or `none` where the part has no instruction.
        instruction: its text. voice: who spoke it: id, version, sha256 of the samples, length.
        wav, tail_wav: the model's sound from `media_t0_s` on, as long as the media, and what came after it.
        notes: what a reader should know.
    """

    name: str
    recording: str
    media_t0_s: float
    duration_s: float
    session_s: float
    turn_starts_s: tuple[float, ...] = ()
    turn_ends_s: tuple[float, ...] = ()
    instruct: Literal["spoken", "typed", "none"] = "none"
    instruction: str = ""
    voice: Mapping[str, Any] = field(default_factory=dict)
    wav: str = ""
    tail_wav: str = ""
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PartResult:
        """The inverse of `to_json`.

        Raises:
            TypeError: a member is missing or unknown.
        """
        plain = dict(value)
        for key in ("turn_starts_s", "turn_ends_s", "notes"):
            plain[key] = tuple(plain.get(key, ()))
        return cls(**plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What became of one item.

    Attributes:
        state: `done` only when every part was driven to its end; `interrupted` where it was, and a remote endpoint did
            not get all of it, or was connected anew: its recordings are kept, it is not graded, and a resumed run
            begins it again.
        reason: why it failed; empty where it did not.
        tries: how often it was begun, this time included.
        parts: those that were driven, by name.
    """

    id: str
    state: Literal["done", "failed", "interrupted"]
    reason: str = ""
    tries: int = 1
    parts: Mapping[str, PartResult] = field(default_factory=dict)
    granted: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ItemResult:
        """The inverse of `to_json`.

        Raises:
            TypeError, KeyError: `value` is no result of an item.
        """
        plain = dict(value)
        plain["parts"] = {name: PartResult.from_json(p) for name, p in plain.get("parts", {}).items()}
        return cls(**plain)
