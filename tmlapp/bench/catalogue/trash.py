"""What a person does to files in the library: trash with undo, rename, bring along, tag. Nothing is overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from tmlapp.bench.annotations import TAG, annotate, read_annotations, undo
from tmlapp.bench.catalogue import bundle as moving
from tmlapp.bench.catalogue.bundle import Bundle
from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.catalogue.probe import tag_text
from tmlapp.bench.catalogue.walk import MANIFEST, TRASH
from tmlapp.bench.companions import companions
from tmlapp.core.errors import AppError
from tmlapp.recording.lock import try_lock
from tmlapp.recording.names import FINAL, PART, base_of, safe_name


def unit_of(entry: Entry) -> list[Path]:
    """Everything that goes where `entry` goes: a recording with its companions, or the whole folder of a run or set.

    Raises:
        AppError: it is in use, is gone, or is the folder that is searched itself.
    """
    if not entry.path.exists():
        raise AppError(f"{entry.name} is gone.", f"There is no {entry.path} any more.", "Look again (F5).")
    if entry.kind == "recording":
        _check_unused(entry, entry.path)
        try:
            return [entry.path, *companions(entry.path)]
        except OSError as error:
            raise _unreadable(entry, error) from error
    folder = entry.path.parent
    if folder == entry.root:
        raise AppError(
            f"{entry.name} cannot be moved.", f"{folder} is a folder of the library itself.", "Move it by hand."
        )
    _check_unused(entry, folder / ".lock")
    return [folder]


def _check_unused(entry: Entry, locked: Path) -> None:
    try:
        if locked.exists():
            with locked.open("rb") as file:
                if not try_lock(file.fileno()):
                    raise AppError(
                        f"{entry.name} is in use.", "Another session or window writes it.", "Wait until it has ended."
                    )
    except OSError as error:
        raise _unreadable(entry, error) from error


def _unreadable(entry: Entry, error: OSError) -> AppError:
    return AppError(f"{entry.name} cannot be read.", f"{error.strerror or error}.", "Check the folder's rights.")


def trash(entry: Entry) -> Bundle:
    """Move `entry` and all that belongs to it to the trash folder on its own disk.

    Raises:
        AppError: it is in use, or cannot be moved; then everything is where it was.
    """
    files = unit_of(entry)
    bundle = moving.new_bundle(_root_of(entry), entry.name, [(path, None) for path in files], "moving")
    with moving.held(bundle.folder):
        moving.forward(bundle)
        return moving.stepped(bundle, "trashed")


def _root_of(entry: Entry) -> Path:
    """The folder in which its trash lies: a rename works within one file system only."""
    folder = entry.folder.parent
    same = os.stat(entry.root).st_dev == os.stat(entry.folder).st_dev
    return entry.root if same and entry.path.is_relative_to(entry.root) else folder


def restore(bundle: Bundle) -> list[Path]:
    """Bring everything back to where it was; the paths.

    Raises:
        AppError: something else has come to stand there; then nothing is moved.
    """
    for move in bundle.moves:
        old, new = bundle.old(move), bundle.new(move)
        if os.path.lexists(new) and os.path.lexists(old) and not old.samefile(new):
            raise AppError(
                f"{bundle.name} cannot be restored.", f"{old} is there already.", "Move or rename that one first."
            )
    with moving.held(bundle.folder) as ours:
        if not ours:
            raise AppError(f"{bundle.name} is in use.", "Another window works on it.", "Try again.")
        moving.back(moving.stepped(bundle, "restoring"))
    moving.discard(bundle)
    return [bundle.old(move) for move in bundle.moves]


def bundle_of(entry: Entry) -> Bundle:
    """The bundle in which a trashed `entry` lies.

    Raises:
        AppError: it is not in a trash folder, or its manifest is damaged.
    """
    folder = Path(str(entry.details.get("bundle", "")))
    found = moving.read_bundle(folder / MANIFEST, folder.parent.parent) if entry.state == "trashed" else None
    if found is None:
        raise AppError(
            f"{entry.name} cannot be restored.",
            f"The list of what belongs to it is damaged: {folder / MANIFEST}.",
            "Move the files back by hand; they are whole.",
        )
    return found


def bundles_in(roots: Sequence[Path]) -> list[Bundle]:
    """Everything in the trash folders at the top of `roots`, newest first."""
    found: list[Bundle] = []
    for root in roots:
        for manifest in sorted((root / TRASH).glob(f"*/{MANIFEST}")):
            bundle = moving.read_bundle(manifest, root)
            if bundle is not None and bundle.step == "trashed":
                found.append(bundle)
    return sorted(found, key=lambda b: b.created, reverse=True)


def empty_trash(bundles: Iterable[Bundle], send: Callable[[str], object] | None = None) -> int:
    """Hand bundles to the trash of the system, from where a person may still take them; how many.

    Raises:
        AppError: the system's trash refuses; what was handed over before stays there.
    """
    if send is None:
        from send2trash import send2trash

        send = send2trash
    count = 0
    for bundle in bundles:
        try:
            send(str(bundle.folder))
        except OSError as error:
            raise AppError(
                f"{bundle.name} could not be given to the system's trash.", f"{error}.", "Delete its folder by hand."
            ) from error
        count += 1
    return count


def rename(entry: Entry, name: str) -> Path:
    """Give `entry` another name, and everything that belongs to it; its new path.

    Raises:
        AppError: the name is taken, it is in use, or it cannot be moved; then everything is where it was.
    """
    base = safe_name(name.strip())
    files = unit_of(entry)
    if entry.kind != "recording":
        target = entry.path.parent.with_name(base)
        _move_named(entry, [(entry.path.parent, target)])
        return target / entry.path.name
    before = base_of(entry.path)
    taken = [base + end for end in (FINAL, PART) if base != before and (entry.path.parent / (base + end)).exists()]
    if taken:
        raise AppError(f"{entry.name} cannot be renamed.", f"{taken[0]} is there already.", "Choose another name.")
    _move_named(entry, [(p, p.with_name(base + p.name[len(before) :])) for p in files])
    return entry.path.with_name(base + entry.path.name[len(before) :])


def bring_along(entry: Entry) -> list[Path]:
    """Move companions that stayed where `entry` was moved from by hand to where it lies now; their new paths.

    Raises:
        AppError: a place is taken, or they cannot be moved; then everything is where it was.
    """
    base = base_of(entry.path)
    moves = []
    for text in entry.details.get("left_behind", ()):
        old = Path(str(text))
        if old.exists():
            moves.append((old, entry.path.with_name(base + _ending(old))))
    _move_named(entry, moves)
    return [new for _, new in moves]


def _ending(companion: Path) -> str:
    for kind in (".grades.jsonl", ".annotations.jsonl", ".truth.json"):
        if companion.name.endswith(kind):
            return kind
    stem, _, rest = companion.name.rpartition(".")
    for mark in (".truth-", ".qa", ".shot", ".screenshot"):
        if mark in stem:
            return stem[stem.rindex(mark) :] + "." + rest
    return f".{rest}"


def _move_named(entry: Entry, moves: Sequence[tuple[Path, Path]]) -> None:
    moves = [(old, new) for old, new in moves if old != new]
    if not moves:
        return
    root = Path(os.path.commonpath([p.parent for pair in moves for p in pair]))
    bundle = moving.new_bundle(root, entry.name, moves, "renaming")
    with moving.held(bundle.folder):
        moving.forward(bundle)
        bundle.manifest.unlink()
    moving.discard(bundle)


Change = Literal["tag", "untag"]


def set_tag(entry: Entry, tag: str, change: Change = "tag") -> None:
    """Tag `entry`, or take the tag off it, by a new line beside it.

    Raises:
        AppError: the tag is empty, or the line cannot be written.
    """
    wanted = tag_text(tag)
    if not wanted:
        raise AppError("There is no tag to set.", "It is empty.", "Type a word.")
    if change == "tag":
        if wanted not in entry.tags:
            # With the session, so that the line finds its recording when only that was moved.
            annotate(entry.path, TAG, data={"tag": wanted, "session": entry.session}, why="tagged in the library")
        return
    lines = [a for a in read_annotations(entry.path).of(TAG) if tag_text(a.data.get("tag", "")) == wanted]
    if not lines and wanted in entry.tags:
        raise AppError(
            f"The tag “{wanted}” cannot be taken off here.",
            "It stands in a file that was left behind when the recording was moved.",
            "Bring its files along first.",
        )
    for line in lines:
        undo(entry.path, line.id, why="tag taken off in the library")
