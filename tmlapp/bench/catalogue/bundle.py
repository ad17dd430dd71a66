"""Files that move together: announced in a manifest first, so that a move that was cut off is taken back, file by file.

A file is never overwritten, and never anywhere but at its old place or its new one.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.catalogue.walk import MANIFEST, TRASH
from tmlapp.bench.runs.lines import dumped, read_object, write_whole
from tmlapp.bench.sidecar import provenance
from tmlapp.core.errors import AppError
from tmlapp.recording.lock import try_lock
from tmlapp.recording.part import sync_folder

Step = Literal["moving", "trashed", "restoring", "renaming"]
SCHEMA = 1
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Move:
    """From where to where, both relative to the root."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Files that were moved, or are being moved, together.

    Attributes:
        folder: in the trash folder of `root`; holds the manifest and, while they are in the trash, the files.
        step: `trashed` when the move is whole; any other word is of a move that may have been cut off.
        name: what a person calls it. size: bytes of all files. created: UTC, ISO 8601.
    """

    folder: Path
    root: Path
    step: Step
    name: str
    moves: tuple[Move, ...]
    size: int = 0
    created: str = ""
    who: str = ""

    @property
    def manifest(self) -> Path:
        return self.folder / MANIFEST

    def old(self, move: Move) -> Path:
        """Where the file belongs."""
        return self.root / move.old

    def new(self, move: Move) -> Path:
        """Where the file went."""
        return self.root / move.new

    def to_json(self) -> dict[str, Any]:
        """What the manifest says."""
        moves = [{"old": m.old, "new": m.new} for m in self.moves]
        return {
            "schema": SCHEMA, "step": self.step, "name": self.name, "created": self.created, "who": self.who,
            "size": self.size, "moves": moves,
        }  # fmt: skip


def read_bundle(manifest: Path, root: Path) -> Bundle | None:
    """The bundle of a manifest; None where it is damaged, or names places outside of `root`.

    Raises:
        AppError: the manifest cannot be read at all.
    """
    value = read_object(manifest)
    try:
        assert value is not None
        moves = tuple(Move(str(m["old"]), str(m["new"])) for m in value["moves"])
        step = value["step"]
        size = int(value.get("size") or 0)
    except (AssertionError, KeyError, TypeError, ValueError, OverflowError):
        return None
    inside = all(_inside(p) for m in moves for p in (m.old, m.new))
    if step not in ("moving", "trashed", "restoring", "renaming") or not inside:
        return None
    return Bundle(
        folder=manifest.parent, root=root, step=step, name=str(value.get("name", "")), moves=moves,
        size=size, created=str(value.get("created", "")), who=str(value.get("who", "")),
    )  # fmt: skip


def _inside(path: str) -> bool:
    return bool(path) and not os.path.isabs(path) and ".." not in Path(path).parts


def new_bundle(root: Path, name: str, moves: Sequence[tuple[Path, Path | None]], step: Step) -> Bundle:
    """Announce a move of files inside `root`: where it goes to, or None for the trash. Nothing has moved yet.

    Raises:
        AppError: the manifest cannot be written.
    """
    folder = root / TRASH / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:8]}"
    made = provenance(why=step)
    size = sum(_size(old) for old, _ in moves)
    plain = tuple(
        Move(str(old.relative_to(root)), str((new or folder / old.name).relative_to(root))) for old, new in moves
    )
    bundle = Bundle(
        folder=folder, root=root, step=step, name=name, moves=plain, size=size, created=str(made["when"]),
        who=str(made["who"]),
    )  # fmt: skip
    try:
        folder.mkdir(parents=True)
        write_manifest(bundle)
        sync_folder(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise AppError(
            f"{name} could not be moved.", f"{folder}: {error.strerror or error}.", "Check the folder's rights."
        ) from error
    return bundle


def write_manifest(bundle: Bundle) -> Bundle:
    """Write what `bundle` says, in one step.

    Raises:
        AppError: it cannot be written.
    """
    write_whole(bundle.manifest, dumped(bundle.to_json()))
    return bundle


def stepped(bundle: Bundle, step: Step) -> Bundle:
    """`bundle` at its next step, on the disk."""
    return write_manifest(replace(bundle, step=step))


def forward(bundle: Bundle) -> None:
    """Move every file to its new place.

    Raises:
        AppError: one cannot be moved; those that were are where they were before.
    """
    try:
        for move in bundle.moves:
            move_file(bundle.old(move), bundle.new(move))
        _sync(p.parent for m in bundle.moves for p in (bundle.old(m), bundle.new(m)))
    except OSError as error:
        back(bundle)
        discard(bundle)
        raise _told(bundle.name, error) from error


def back(bundle: Bundle) -> None:
    """Bring back every file that is at its new place; one whose old place is taken stays, and that is told.

    Raises:
        AppError: a place is taken, or the disk refuses; what could be brought back was.
    """
    problem: OSError | None = None
    for move in bundle.moves:
        old, new = bundle.old(move), bundle.new(move)
        if not os.path.lexists(new) or (new.parent != bundle.folder and _apart(old, new)):
            continue  # It was not moved; what stands at its new place, if anything does, is another's.
        try:
            old.parent.mkdir(parents=True, exist_ok=True)
            move_file(new, old)
        except OSError as error:
            problem = error
    _sync(bundle.old(m).parent for m in bundle.moves)
    if problem is not None:
        raise _told(bundle.name, problem) from problem


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Keep other processes from healing the bundle in `folder` meanwhile; False where one of them works on it."""
    with (folder / LOCK).open("ab") as lock:
        yield try_lock(lock.fileno())


def _apart(old: Path, new: Path) -> bool:
    return os.path.lexists(old) and not (old.exists() and new.exists() and old.samefile(new))


def discard(bundle: Bundle) -> None:
    """Remove the manifest and its folder, once no file is in it."""
    if any(os.path.lexists(bundle.new(m)) and bundle.new(m).parent == bundle.folder for m in bundle.moves):
        return
    bundle.manifest.unlink(missing_ok=True)
    (bundle.folder / LOCK).unlink(missing_ok=True)
    # Somebody may have put something there; it is theirs.
    with suppress(OSError):
        bundle.folder.rmdir()
        bundle.folder.parent.rmdir()


def heal(bundle: Bundle) -> bool:
    """Take back a move that was cut off; True if there was something to do.

    Raises:
        AppError: as `back`.
    """
    if bundle.step == "trashed":
        return False
    with held(bundle.folder) as ours:
        if not ours:
            return False
        back(bundle)
    discard(bundle)
    return True


def heal_all(manifests: Iterable[Path]) -> int:
    """Take back every move that was cut off; how many there were. One that cannot be taken back is left for later."""
    healed = 0
    for manifest in manifests:
        with suppress(AppError, OSError):
            bundle = read_bundle(manifest, root_of(manifest))
            healed += bundle is not None and heal(bundle)
    return healed


def root_of(manifest: Path) -> Path:
    """The folder that the paths in a manifest begin at."""
    return manifest.parent.parent.parent


def move_file(old: Path, new: Path) -> None:
    """Rename `old` to `new` on the same file system, never over anything.

    Raises:
        OSError: `new` is there, or the system refuses.
    """
    if os.path.lexists(new):
        same = old.exists() and new.exists() and old.samefile(new)
        # Where a disk ignores capitals, "Squats" and "squats" are one name, and not two names of one file.
        if same and (old.parent, old.name.casefold()) == (new.parent, new.name.casefold()):
            os.rename(old, new)
            return
        if same and old.is_file() and old.stat().st_nlink > 1:
            # Cut off between the new name and the end of the old one.
            old.unlink()
            return
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    if old.is_file() and not old.is_symlink():
        try:
            # Unlike a rename, a link is refused where something has come to stand meanwhile.
            os.link(old, new)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOENT, errno.EXDEV, errno.EACCES):
                raise
        else:
            old.unlink()
            return
    os.rename(old, new)


def _size(path: Path) -> int:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            return sum(_size(p) for p in path.iterdir())
        return path.lstat().st_size
    return 0


def _sync(folders: Iterable[Path]) -> None:
    for folder in sorted(set(folders)):
        with suppress(OSError):
            sync_folder(folder)


def _told(name: str, error: OSError) -> AppError:
    if isinstance(error, FileExistsError):
        place = error.filename2 or error.filename
        return AppError(
            f"{name} could not be moved.", f"{place} is there already.", "Move or rename that one, then try again."
        )
    return AppError(
        f"{name} could not be moved.", f"{error.strerror or error}.", "Check the folder's rights, then try again."
    )
