"""Brings the catalogue up to date with the files: what is new or changed is read, what moved keeps its row."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tmlapp.bench.catalogue.bundle import heal_all
from tmlapp.bench.catalogue.entry import Candidate, Entry
from tmlapp.bench.catalogue.probe import iso, sessions_in, with_sidecars
from tmlapp.bench.catalogue.store import Catalogue, Known
from tmlapp.bench.catalogue.walk import Walked, walk
from tmlapp.bench.catalogue.workers import Failed, Workers

PROBE = "tmlapp.bench.catalogue.probe_sets:probe"
_BATCH = 200
_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look at the files has come: `done` of `total` that have to be read."""

    done: int
    total: int
    name: str = ""


@dataclass(slots=True)
class Refreshed:
    """What a look at the files found.

    Attributes:
        files: everything that has a row now. read: of these, how many were opened.
        moved: found under another name or in another folder. missing: gone since the last look.
        unread: folders that could not be read, with the reason.
        cancelled: it was stopped; the next look goes on where this one ended.
    """

    files: int = 0
    read: int = 0
    moved: int = 0
    missing: int = 0
    unread: list[tuple[Path, str]] = field(default_factory=list)
    cancelled: bool = False


def usual_workers() -> int:
    """How many processes read at once on this machine."""
    return max(1, min(_MOST_WORKERS, (os.cpu_count() or 2)))


def refresh(
    catalogue: Catalogue,
    roots: Sequence[Path],
    *,
    workers: Workers | None = None,
    progress: Callable[[Progress], None] = lambda _progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Refreshed:
    """Compare the files under `roots` with the catalogue, and read what is new or changed.

    Args:
        roots: folders; one that is missing or cannot be read keeps its rows, as missing, until it is back. Rows of
            files elsewhere are left alone.
        workers: the processes that read; ended by their owner. Own ones if left out.
        progress: called from this thread, often.
        cancelled: asked often.

    Raises:
        AppError: the catalogue cannot be read or written.
    """
    own = workers or Workers(usual_workers())
    try:
        return _Look(catalogue, roots, own, progress, cancelled).run()
    finally:
        if workers is None:
            own.close()


class _Look:
    def __init__(
        self,
        catalogue: Catalogue,
        roots: Sequence[Path],
        workers: Workers,
        progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._catalogue, self._workers = catalogue, workers
        self._roots = [Path(os.path.abspath(root)) for root in roots]
        self._progress, self._cancelled = progress, cancelled
        self._known: dict[Path, Known] = {}
        self._gone: dict[str, list[tuple[Path, Known]]] = {}
        self._strays: dict[str, tuple[Path, ...]] = {}
        self._waiting: list[Entry] = []
        self._done = self._total = 0
        self._result = Refreshed()

    def run(self) -> Refreshed:
        walked = walk(self._roots, self._cancelled)
        if heal_all(walked.bundles):
            walked = walk(self._roots, self._cancelled)
        self._result.unread = walked.unread
        if self._cancelled():
            self._result.cancelled = True
            return self._result
        self._known = self._catalogue.known()
        self._strays = _by_session(walked.strays)
        self._result.files = len(walked.found)
        changed = [c for c in walked.found if self._changed(c)]
        self._find_gone(walked)
        self._read(changed)
        if self._cancelled():
            self._result.cancelled = True
            return self._result
        self._say_missing(walked)
        self._catalogue.count_copies()
        return self._result

    def _changed(self, candidate: Candidate) -> bool:
        known = self._known.get(candidate.path)
        if known is None or known.state == "missing":
            return True
        if (candidate.size, candidate.mtime_ns, candidate.stamp) != (known.size, known.mtime_ns, known.stamp):
            return True
        if (candidate.trashed is not None) != (known.state == "trashed") or known.state == "recording":
            return True
        return known.strays != _digest(self._strays.get(known.session, ()))

    def _find_gone(self, walked: Walked) -> None:
        there = {c.path for c in walked.found}
        for path, known in self._known.items():
            if path not in there and known.identity:
                self._gone.setdefault(known.identity, []).append((path, known))

    def _read(self, changed: list[Candidate]) -> None:
        # The newest first: whoever waits sees what was recorded last.
        changed.sort(key=lambda c: -c.mtime_ns)
        self._total = len(changed)
        self._progress(Progress(0, self._total))

        def on_result(number: int, result: Entry | Failed) -> None:
            candidate = changed[number]
            entry = _unread(candidate, result) if isinstance(result, Failed) else result
            self._done += 1
            self._waiting.append(self._placed(entry))
            if len(self._waiting) >= _BATCH:
                self._write()
            self._progress(Progress(self._done, self._total, entry.name))

        try:
            self._workers.run(PROBE, changed, on_result, self._cancelled)
        finally:
            self._write()
        self._result.read = self._done

    def _placed(self, entry: Entry) -> Entry:
        """`entry` with its row: that of its path, or that of the same content which has gone from elsewhere."""
        strays = self._strays.get(entry.session, ()) if entry.session else ()
        if strays:
            entry = replace(with_sidecars(entry, strays), strays=_digest(strays))
        before = self._known.get(entry.path)
        gone = self._gone.get(entry.identity, []) if entry.identity else []
        # A file that was only not looked for is no file that has gone.
        while gone and os.path.lexists(gone[0][0]):
            gone.pop(0)
        if gone and (before is None or before.identity != entry.identity):
            path, known = gone.pop(0)
            self._known.pop(path, None)
            self._result.moved += 1
            left = [] if entry.kind != "recording" or strays else _left_behind(path, entry.path)
            details = {**entry.details, **({"left_behind": left} if left else {})}
            return replace(entry, id=known.id, details=details)
        return entry if before is None else replace(entry, id=before.id)

    def _write(self) -> None:
        if self._waiting:
            self._catalogue.put(self._waiting)
            self._waiting.clear()

    def _say_missing(self, walked: Walked) -> None:
        there = {c.path for c in walked.found}
        over: list[int] = []
        missing: dict[str, list[int]] = {}
        unread = [path for path, _ in walked.unread]
        for path, known in self._known.items():
            if path in there:
                continue
            root = next((r for r in self._roots if path.is_relative_to(r)), None)
            away = next((u for u in unread if path.is_relative_to(u)), None)
            if root is None:
                continue  # Another look with other folders knows it.
            if known.state in ("foreign", "trashed") and away is None:
                over.append(known.id)
            elif known.state != "missing":
                why = "Its file is gone." if away is None else f"The folder {away} cannot be read."
                missing.setdefault(why, []).append(known.id)
        for why, ids in missing.items():
            self._catalogue.set_state(ids, "missing", why)
            self._result.missing += len(ids)
        if over:
            self._catalogue.forget(over)


def _unread(candidate: Candidate, failed: Failed) -> Entry:
    name = candidate.path.name if candidate.kind == "recording" else candidate.path.parent.name
    return Entry(
        path=candidate.path, root=candidate.root, kind=candidate.kind, name=name, state="damaged",
        why=f"{failed.error.what} {failed.error.why}", size=candidate.size, mtime_ns=candidate.mtime_ns,
        stamp=candidate.stamp, created=iso(candidate.mtime_ns / 1e9), created_s=candidate.mtime_ns / 1e9,
    )  # fmt: skip


def _by_session(strays: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    for path in strays:
        for session in sessions_in(path):
            found[session] = (*found.get(session, ()), path)
    return found


def _digest(strays: tuple[Path, ...]) -> str:
    if not strays:
        return ""
    told = []
    for path in strays:
        with suppress(OSError):
            status = path.stat()
            told.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return hashlib.blake2b("\n".join(told).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _left_behind(old: Path, new: Path) -> list[str]:
    """Companions that stayed where a recording was moved from by hand."""
    from tmlapp.bench.companions import companions

    try:
        if old.exists() or (old.parent == new.parent and old.name == new.name):
            return []
        return [str(p) for p in companions(old)]
    except OSError:
        return []
