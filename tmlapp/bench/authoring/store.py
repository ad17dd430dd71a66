"""The folder of a set: `set.json` is the state, `journal.jsonl` every change since, `takes/` the media.

The state before the last save and its journal are kept as `set.previous.json` and `journal.previous.jsonl`: a damaged
`set.json` is rebuilt from them.
"""

from __future__ import annotations

import getpass
import os
import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from tmlapp.bench.authoring import codec, model
from tmlapp.bench.authoring.codec import FormError
from tmlapp.bench.authoring.journal import JOURNAL, Read, line_of, read_journal, sync_folder
from tmlapp.bench.authoring.model import ItemDraft, ItemSet
from tmlapp.bench.authoring.replay import History, replay
from tmlapp.bench.runs.lines import dumped, parsed, write_whole, written
from tmlapp.core.errors import AppError
from tmlapp.recording.lock import try_lock

SCHEMA = "tmlapp.item_set"
VERSION = 1
SET = "set.json"
PREVIOUS_SET = "set.previous.json"
PREVIOUS_JOURNAL = "journal.previous.jsonl"
LOCK = ".lock"
TAKES = "takes"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A saved state and the number of the last change in it."""

    state: ItemSet
    n: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds.

    Attributes:
        history: the state, and the changes that can be undone.
        n: number of the last change.
        saved: number of the last change in `set.json`.
        used: the entries of the journal that were used.
        rest: bytes of the journal that could not be; empty normally.
        damaged: `set.json` is not what it was saved as; the state was found without it.
        reports: what was repaired, in sentences for a person.
    """

    history: History
    n: int
    saved: int
    used: tuple[dict[str, Any], ...] = ()
    rest: bytes = b""
    damaged: bool = False
    reports: tuple[str, ...] = ()


def read_set(folder: Path) -> ItemSet:
    """The state of the set in `folder`, changes of its journal included; nothing is locked, repaired or written.

    Raises:
        AppError: the folder holds no set, or a damaged one, or one of a newer version.
    """
    if not (folder / SET).exists():
        raise AppError(f"{folder} holds no set of items.", f"There is no {SET}.", "Choose the folder of a set.")
    return find(folder).history.state


def find(folder: Path) -> Found:
    """The state of `folder`: the last save with its journal; an empty set where there is nothing.

    Raises:
        AppError: `set.json` is of a newer version, or damaged and cannot be rebuilt; it is left as it is.
    """
    journal = read_journal(folder / JOURNAL)
    try:
        snapshot = _snapshot(folder / SET)
    except FormError as error:
        return _rebuilt(folder, journal, str(error))
    if snapshot is None:
        if (folder / PREVIOUS_SET).exists():
            return _rebuilt(folder, journal, "it is missing")
        snapshot = Snapshot(ItemSet(), 0)
    return _followed(snapshot, journal)


def _followed(snapshot: Snapshot, journal: Read, earlier: tuple[dict[str, Any], ...] = ()) -> Found:
    """The snapshot and what came after it: `earlier` entries, then the journal's. What it holds already is skipped."""
    entries = (*earlier, *journal.entries)
    history, n, at, reports = History(snapshot.state), snapshot.n, 0, []
    for at, entry in enumerate(entries):
        if entry["n"] <= n:
            continue
        try:
            if entry["n"] != n + 1:
                raise FormError(f"what follows change {n} is missing")
            history = replay(history, entry)
        except (FormError, AppError) as error:
            reports.append(f"{len(entries) - at} changes from number {n + 1} on could not be repeated: {error}.")
            break
        n += 1
    else:
        at = len(entries)
    if entries and at == len(entries) and entries[-1]["n"] < n:
        # What is written behind these lines would not follow them.
        reports.append(f"The journal ends with change {entries[-1]['n']}, but {SET} holds change {n} already.")
        at = len(earlier)
    rest = b"".join(line_of(e) for e in entries[at:]) + journal.rest
    if journal.rest:
        reports.append(f"{len(journal.rest)} bytes at the end of the journal were cut off or damaged.")
    return Found(history, n, snapshot.n, entries[len(earlier) : at], rest, reports=tuple(reports))


def _rebuilt(folder: Path, journal: Read, why: str) -> Found:
    """The state without `set.json`: the one before, the journal that led to it, and the journal since."""
    try:
        before = _snapshot(folder / PREVIOUS_SET)
    except FormError as error:
        raise _damaged(folder, f"{why}; {PREVIOUS_SET}, too: {error}") from error
    # Before the second save, the journals are everything.
    before = before or Snapshot(ItemSet(), 0)
    earlier = read_journal(folder / PREVIOUS_JOURNAL)
    found = _followed(before, journal, earlier.entries)
    ends = earlier.entries[-1]["n"] if earlier.entries else -1
    if (found.n == before.n and ends != before.n) or len(found.rest) > len(journal.rest) or earlier.rest:
        raise _damaged(folder, f"{why}; the older copy and the journals do not lead to it")
    report = f"{SET} was damaged ({why}); it was made again from {PREVIOUS_SET} and the journals."
    return replace(found, damaged=True, reports=(report, *found.reports))


def _damaged(folder: Path, why: str) -> AppError:
    return AppError(
        f"{folder / SET} is damaged.",
        f"{why[:1].upper()}{why[1:]}.",
        "Nothing was changed. Bring back a copy of the folder; the takes in it are untouched.",
    )


def _snapshot(path: Path) -> Snapshot | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AppError(f"{path} cannot be read.", f"{error.strerror}.", "Check the file's rights.") from error
    raw = parsed(data)
    if raw is None or raw.get("schema") != SCHEMA:
        raise FormError("it holds no set of items")
    version, n = raw.get("version"), raw.get("n")
    if type(version) is int and version > VERSION:
        raise AppError(
            f"{path} was made by a newer tmlapp.",
            f"Its format is version {version}; this one reads version {VERSION}.",
            "Update tmlapp; nothing was changed.",
        )
    if version != VERSION or type(n) is not int or n < 0:
        raise FormError(f"its version is {ascii(version)[:20]}, its last change {ascii(n)[:20]}")
    return Snapshot(model.from_json(raw.get("set")), n)


def write_snapshot(folder: Path, state: ItemSet, n: int, known: Lines | None = None) -> None:
    """Save `state` as the set after change `n`, in steps between which a crash loses nothing.

    The old `set.json` is kept, the new one put in its place, and the journal that led there set aside.

    Raises:
        AppError: something could not be written; the set and its journal still lead to the same state.
    """
    path = folder / SET
    with written(path):
        if path.exists():
            write_whole(folder / PREVIOUS_SET, path.read_bytes())
        write_whole(path, set_bytes(state, n, known))
        sync_folder(folder)
        if (folder / JOURNAL).exists():
            (folder / JOURNAL).replace(folder / PREVIOUS_JOURNAL)
        sync_folder(folder)


def repair(folder: Path, found: Found) -> None:
    """Make the folder lead to what was `found` in it; what could not be used is kept in files of its own first.

    Raises:
        AppError: something cannot be written.
    """
    if found.rest:
        keep_aside(folder, "journal.damaged.jsonl", found.rest)
        write_whole(folder / JOURNAL, b"".join(line_of(e) for e in found.used))
    if found.damaged and (folder / SET).exists():
        with written(folder / SET):
            data = (folder / SET).read_bytes()
        keep_aside(folder, "set.damaged.json", data)
    if found.damaged or not (folder / SET).exists():
        # The older copy stays what it is; entries that are saved already are skipped.
        write_whole(folder / SET, set_bytes(found.history.state, found.n))


Lines = dict[str, tuple[ItemDraft, bytes]]
"""Items as they were written last, by id: those that did not change since are not written out anew."""


def set_bytes(state: ItemSet, n: int = 0, known: Lines | None = None) -> bytes:
    """`set.json` with a line for each item, so that version control shows what changed; the same for the same state.

    `known` is brought up to date: a set of many items is saved in the time of those that changed.
    """
    known = {} if known is None else known
    old = dict(known)
    known.clear()
    for item in state.items:
        before = old.get(item.id)
        known[item.id] = before if before and before[0] is item else (item, dumped(codec.to_json(item)))
    head = {"schema": SCHEMA, "version": VERSION, "n": n}
    outside = {key: value for key, value in codec.to_json(replace(state, items=())).items() if key != "items"}
    # Escaped, because half of a surrogate pair, which a person may paste, has no UTF-8.
    parts = [dumped(head)[:-1], b',\n"set":', dumped(outside)[:-1], b',\n"items":[\n']
    return b"".join((*parts, b",\n".join(line for _, line in known.values()), b"\n]}}\n"))


def keep_aside(folder: Path, name: str, data: bytes) -> Path:
    """Write `data` to a new file `name`, or `name` with a number; never over another one.

    Raises:
        AppError: it cannot be written.
    """
    stem, dot, ending = name.rpartition(".")
    number = 0
    while True:
        path = folder / (name if not number else f"{stem}-{number}{dot}{ending}")
        try:
            with written(path):
                with path.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                sync_folder(folder)
        except AppError as error:
            if isinstance(error.__cause__, FileExistsError):
                number += 1
                continue
            raise
        return path


def hold(folder: Path) -> IO[bytes]:
    """The lock on `folder`, made if need be; it is free again when the file is closed or the process ends.

    Raises:
        AppError: the folder cannot be made or written, or somebody else holds it; says who.
    """
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with written(folder / LOCK):
        lock = (folder / LOCK).open("a+b")
        try:
            if not try_lock(lock.fileno()):
                raise _held(folder, lock)
            _sign(lock)
        except BaseException:
            lock.close()
            raise
    return lock


def _sign(lock: IO[bytes]) -> None:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # Containers may run under a number that no user has.
        user = ""
    who = {"pid": os.getpid(), "host": platform.node(), "user": user, "since": now()}
    lock.truncate(0)
    lock.write(dumped(who))
    lock.flush()


def _held(folder: Path, lock: IO[bytes]) -> AppError:
    lock.seek(0)
    who = parsed(lock.read(4096)) or {}
    if who.get("pid") == os.getpid() and who.get("host") == platform.node():
        by = "Another window of this tmlapp holds it"
    elif who:
        by = f"Process {who.get('pid')} of {who.get('user') or 'somebody'} on {who.get('host')} holds it"
    else:
        by = "Another tmlapp holds it"
    since = f" since {who['since']}" if who.get("since") else ""
    return AppError(
        f"{folder} is open elsewhere.", f"{by}{since}.", "Close the set there, or open another folder here."
    )


def now() -> str:
    """The time of day in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_held(folder: Path, lock: IO[bytes]) -> bool:
    """The lock that is held is the one that lies in `folder`."""
    held = os.fstat(lock.fileno())
    try:
        found = (folder / LOCK).stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)
