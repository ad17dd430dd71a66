"""Finds what may belong into the catalogue, by names alone: nothing is opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tmlapp.bench.catalogue.entry import Candidate, Kind
from tmlapp.recording.names import FINAL, PART

TRASH, MANIFEST = ".trash", "manifest.json"
_ANNOTATIONS, _GRADES = ".annotations.jsonl", ".grades.jsonl"
_MARKS: dict[str, tuple[Kind, tuple[str, ...]]] = {
    "run.json": ("run", ("grades.jsonl", "answers.jsonl", "run.json" + _ANNOTATIONS)),
    "set.json": ("items", ("journal.jsonl", "tries.jsonl", "set.json" + _ANNOTATIONS)),
    "items.jsonl": ("items", ("items.jsonl" + _ANNOTATIONS, "README.md", "dataset.json")),
    "setup.json": ("export", ("setup.json" + _ANNOTATIONS,)),
}
_DEEPEST = 40
_LATEST_NS = 2**63 - 1
"""Times of files beyond 2262, as broken clocks set them, have no place in the catalogue: they count as then."""


@dataclass(slots=True)
class Walked:
    """What lies under the roots.

    Attributes:
        unread: folders that could not be read, with the reason; what was known of them stays known.
        strays: annotation files beside which no recording lies.
        bundles: manifests of what lies in a trash folder, or was on its way when a process ended.
    """

    found: list[Candidate] = field(default_factory=list)
    unread: list[tuple[Path, str]] = field(default_factory=list)
    strays: list[Path] = field(default_factory=list)
    bundles: list[Path] = field(default_factory=list)


def walk(roots: Sequence[Path], cancelled: Callable[[], bool] = lambda: False) -> Walked:
    """Look through `roots` and every folder below; each folder once, however many ways lead there."""
    walked = Walked()
    seen: set[tuple[int, int]] = set()
    for root in roots:
        _Root(root, walked, seen, cancelled).folder(root, None, 0)
    return walked


@dataclass(slots=True)
class _File:
    """A name in a folder, with what its inode says."""

    name: str
    size: int
    mtime_ns: int


class _Root:
    def __init__(self, root: Path, walked: Walked, seen: set[tuple[int, int]], cancelled: Callable[[], bool]) -> None:
        self._root, self._walked, self._seen, self._cancelled = root, walked, seen, cancelled
        self._trashed: Path | None = None

    def folder(self, folder: Path, run: Path | None, depth: int) -> None:
        if self._cancelled():
            return
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self._seen or depth > _DEEPEST:
                return
            self._seen.add((status.st_dev, status.st_ino))
            files, below = _listed(folder)
        except OSError as error:
            self._walked.unread.append((folder, error.strerror or str(error)))
            return
        mark = next((m for m in _MARKS if m in files and _is(m, files)), None)
        if mark is not None:
            self._mark(folder, mark, files)
        if mark == "run.json":
            run = folder / mark
        if mark not in ("set.json", "setup.json"):
            self._recordings(folder, files, run)
            self._below(folder, below, run, depth)

    def _below(self, folder: Path, below: Iterable[str], run: Path | None, depth: int) -> None:
        for name in sorted(below):
            if name == TRASH:
                self._trash(folder / name)
            elif not name.startswith("."):
                self.folder(folder / name, run, depth + 1)

    def _trash(self, trash: Path) -> None:
        try:
            bundles = sorted(p for p in trash.iterdir() if (p / MANIFEST).is_file())
        except OSError as error:
            self._walked.unread.append((trash, error.strerror or str(error)))
            return
        for bundle in bundles:
            self._walked.bundles.append(bundle / MANIFEST)
            self._trashed = bundle / MANIFEST
            self.folder(bundle, None, 1)
            self._trashed = None

    def _mark(self, folder: Path, mark: str, files: dict[str, _File]) -> None:
        kind, beside = _MARKS[mark]
        file = files[mark]
        stamp = _stamp(files[n] for n in beside if n in files)
        self._add(folder / mark, kind, file, stamp, None)

    def _recordings(self, folder: Path, files: dict[str, _File], run: Path | None) -> None:
        above = _run_stamp(run)
        bases: set[str] = set()
        for name, file in files.items():
            base = name.removesuffix(PART) if name.endswith(PART) else name.removesuffix(FINAL)
            if base == name or name.startswith("."):
                continue
            bases.add(base)
            # What a repair left behind belongs to the finished recording beside it.
            if name.endswith(FINAL) or base + FINAL not in files:
                beside = [files[n] for n in (base + _GRADES, base + _ANNOTATIONS) if n in files]
                self._add(folder / name, "recording", file, _stamp(beside, above), run)
        strays = (n for n in files if n.endswith(_ANNOTATIONS) and n.removesuffix(_ANNOTATIONS) not in bases)
        self._walked.strays += [folder / n for n in strays if n.removesuffix(_ANNOTATIONS) not in files]

    def _add(self, path: Path, kind: Kind, file: _File, stamp: str, run: Path | None) -> None:
        self._walked.found.append(Candidate(
            path=path, root=self._root, kind=kind, size=file.size, mtime_ns=file.mtime_ns, stamp=stamp, run=run,
            trashed=self._trashed,
        ))  # fmt: skip


def _listed(folder: Path) -> tuple[dict[str, _File], list[str]]:
    """Files with their sizes and times, and the names of the folders."""
    files: dict[str, _File] = {}
    below: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_dir():
                    below.append(entry.name)
                elif entry.is_file():
                    status = entry.stat()
                    files[entry.name] = _file(entry.name, status)
            except OSError:
                continue  # A link into nowhere, or a file that went away just now: there is nothing to list.
    return files, below


def _is(mark: str, files: dict[str, _File]) -> bool:
    # Many programs write a setup.json; an export of ours has its turns beside it.
    return mark != "setup.json" or "turns.jsonl" in files


def _stamp(files: Iterable[_File], above: str = "") -> str:
    told = sorted(f"{f.name} {f.size} {f.mtime_ns}" for f in files)
    if not told and not above:
        return ""
    return hashlib.blake2b("\n".join([*told, above]).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _run_stamp(run: Path | None) -> str:
    return "" if run is None else _stamp(_status(p) for p in (run, run.with_name("grades.jsonl")))


def _status(path: Path) -> _File:
    try:
        status = path.stat()
    except OSError:
        return _File(path.name, 0, 0)
    return _file(path.name, status)


def _file(name: str, status: os.stat_result) -> _File:
    return _File(name, status.st_size, max(-_LATEST_NS, min(status.st_mtime_ns, _LATEST_NS)))
