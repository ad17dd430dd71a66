"""A set as a dataset that loads anywhere, and back: the same content gives the same bytes.

items.jsonl             every item, `tmlapp.speak_item/1`, windows always explicit
<part>.jsonl            the items of one part, where there are several parts
<id>/input.wav, .mp4    the media
dataset.json            what the lines do not tell: name, version, parts
README.md, CHANGELOG.md, CHECKSUMS.sha256
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from tmlapp.bench.authoring.dataset_card import Card, changelog, content_sha256, readme
from tmlapp.bench.authoring.dataset_options import (
    ALONE,
    OPTIONS,
    ExportOptions,
    assigned_in,
    options_of,
    remember_options,
    split_told,
)
from tmlapp.bench.authoring.dataset_row import row_of
from tmlapp.bench.authoring.dataset_split import checked_ratios, counts, split_of
from tmlapp.bench.authoring.journal import sync_folder
from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Take
from tmlapp.bench.authoring.validate import Context, has_errors, own_findings
from tmlapp.bench.runs.lines import read_lines, read_object, written
from tmlapp.core.errors import AppError

__all__ = [
    "OPTIONS", "Chosen", "ExportOptions", "Exported", "chosen_items", "export_dataset", "options_of",
    "remember_options",
]  # fmt: skip

SCHEMA = "tmlapp.speak_dataset/1"
ITEMS, META, README, CHANGELOG, CHECKSUMS = (
    "items.jsonl",
    "dataset.json",
    "README.md",
    "CHANGELOG.md",
    "CHECKSUMS.sha256",
)
FIRST_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        items: ids in order. left_out: items with errors, and the first of them.
        parts: how many items each has. split: what `remember_options` keeps. notes: what a person should know.
    """

    folder: Path
    items: tuple[str, ...]
    left_out: Mapping[str, str]
    parts: Mapping[str, int]
    size_bytes: int
    split: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "folder": str(self.folder), "items": list(self.items), "left_out": dict(self.left_out),
            "parts": dict(self.parts), "size_bytes": self.size_bytes, "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """An item without errors, its best take, and where its media go."""

    item: ItemDraft
    take: Take
    audio: str
    video: str


OnProgress = Callable[[int, int], None]
"""(items written, items in all)."""


def export_dataset(
    state: ItemSet,
    folder: Path,
    out: Path,
    options: ExportOptions | None = None,
    *,
    context: Context | None = None,
    on_progress: OnProgress = lambda _done, _all: None,
) -> Exported:
    """Write the set in `folder` as the new folder `out`; it is there in full or not at all.

    Raises:
        AppError: `out` is there already (a published version is never overwritten); the set has no valid item
            or, unless `only_valid`, an item with an error; a medium is missing or was changed; the disk is
            full or read-only.
    """
    options = options or options_of(folder)
    check_free(out)
    chosen, left_out = chosen_items(state, folder, options, context)
    before = _Before.read(options.previous) if options.previous else None
    rows, parts, assigned, notes = _split(state, chosen, options, before)
    texts = _texts(state, rows, parts, assigned, options, before)
    with new_folder(out) as made:
        digests: dict[str, str] = {}
        for done, one in enumerate(chosen):
            on_progress(done, len(chosen))
            for source, target, digest in _media(one):
                digests[target] = copy_media(folder / source, made / target, digest, one.item.id)
        for name, text in texts.items():
            digests[name] = write_file(made / name, _utf8(name, text))
        sums = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
        write_file(made / CHECKSUMS, sums.encode("ascii"))
        size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    on_progress(len(chosen), len(chosen))
    split = split_told(options, assigned)
    try:
        remember_options(folder, split)
    except AppError as error:
        # The dataset is there all the same; only the next version has to be told where this one lies.
        notes = (*notes, f"how it was split was not remembered: {error}")
    return Exported(
        folder=out,
        items=tuple(one.item.id for one in chosen),
        left_out=left_out,
        parts={part: len(found) for part, found in parts.items()},
        size_bytes=size,
        split=split,
        notes=notes,
    )


# ---------------------------------------------------------------------- what


def chosen_items(
    state: ItemSet, folder: Path, options: ExportOptions, context: Context | None
) -> tuple[list[Chosen], dict[str, str]]:
    """Items without errors in order, and the first error of each other one.

    Raises:
        AppError: nothing is left, or unless `only_valid`, something was left out.
    """
    # Errors do not depend on what is heard in a sound, only on its form.
    context = context or Context(folder, eager=True, voice="nobody")
    chosen: list[Chosen] = []
    left_out: dict[str, str] = {}
    for item in state.items:
        found = own_findings(state, item, context)
        take = item.best_take
        if has_errors(found) or take is None:
            left_out[item.id] = next((str(f) for f in found if f.severity == "error"), "it has no take")
            continue
        video = f"{item.id}/input{PurePosixPath(take.video).suffix.lower() or '.mp4'}" if take.video else ""
        chosen.append(Chosen(item, take, f"{item.id}/input.wav", video))
    if left_out and not options.only_valid:
        names = ", ".join(list(left_out)[:5]) + (" …" if len(left_out) > 5 else "")
        raise AppError(
            f"{len(left_out)} of {len(state.items)} items have errors: {names}.",
            f"The first: {next(iter(left_out.values()))}",
            "Mend them, or export the valid ones only.",
        )
    if not chosen:
        raise AppError("There is nothing to export.", "The set has no valid item.", "Record an item, or mend one.")
    return chosen, left_out


def _split(
    state: ItemSet, chosen: Sequence[Chosen], options: ExportOptions, before: _Before | None
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]], dict[str, str], tuple[str, ...]]:
    """Rows in order, rows by part, and the part of each speaker (of items without one: of each item)."""
    ratios = checked_ratios(options.ratios)
    groups = [one.take.speaker or ALONE + one.item.id for one in chosen]
    fixed = {**(before.speakers if before else {}), **options.fixed}
    assigned = split_of(counts(groups), ratios, options.seed, fixed)
    rows: list[dict[str, Any]] = []
    parts: dict[str, list[dict[str, Any]]] = {part: [] for part in ratios}
    for one, group in zip(chosen, groups, strict=True):
        part = assigned[group]
        row = row_of(state, one.item, one.take, audio=one.audio, video=one.video, split=part)
        rows.append(row)
        parts[part].append(row)
    notes = [f"no speaker is left for the part {part}" for part, found in parts.items() if not found]
    nameless = sum(group.startswith(ALONE) for group in groups)
    if nameless and len(ratios) > 1:
        notes.append(f"{nameless} items name no speaker: each is split on its own")
    return rows, {part: found for part, found in parts.items() if found}, assigned, tuple(notes)


def _texts(
    state: ItemSet,
    rows: Sequence[Mapping[str, Any]],
    parts: Mapping[str, Sequence[Mapping[str, Any]]],
    assigned: Mapping[str, str],
    options: ExportOptions,
    before: _Before | None,
) -> dict[str, str]:
    """Every file that is text, by name."""
    version = state.version.strip() or FIRST_VERSION
    files = {part: ITEMS if len(parts) == 1 else f"{part}.jsonl" for part in parts}
    found = {ITEMS: lines_of(rows)}
    found |= {files[part]: lines_of(of_part) for part, of_part in parts.items()}
    meta = {
        "schema": SCHEMA, "name": state.name, "version": version, "suite": state.suite, "licence": state.licence,
        "author": state.author, "description": state.description, "n_items": len(rows),
        "split": {"by": "speaker", **split_told(options, assigned)},
    }  # fmt: skip
    found[META] = json.dumps(meta, ensure_ascii=False, indent=1) + "\n"
    card = Card(
        name=state.name, version=version, licence=state.licence, author=state.author, description=state.description,
        rows=rows, parts=parts, files=files, seed=options.seed,
    )  # fmt: skip
    found[README] = readme(card)
    found[CHANGELOG] = changelog(state.name, version, state.changelog, rows, before.items if before else None)
    return found


def _utf8(name: str, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        around = " ".join(text[max(0, error.start - 40) : error.start].split())
        raise AppError(
            "The set cannot be exported.",
            f"{name} would hold half of a character ({error.object[error.start]!a}), which no program reads: "
            f"behind “{around}”.",
            "Type that text again.",
        ) from error


def lines_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """One JSON object per line."""
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


@dataclass(frozen=True, slots=True)
class _Before:
    """An earlier version: the part of each speaker, and digests of its items."""

    speakers: Mapping[str, str]
    items: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> _Before:
        meta = read_object(folder / META) or {}
        lines = read_lines(folder / ITEMS)
        if meta.get("schema") != SCHEMA or lines.damaged or not lines.values:
            raise AppError(
                f"{folder} is no earlier version.", f"Its {META} or {ITEMS} is missing or damaged.", "Check the path."
            )
        try:
            speakers = assigned_in(meta["split"])
            items = {str(row["id"]): content_sha256(row) for row in lines.values}
        except (KeyError, TypeError, AttributeError) as error:
            raise AppError(f"{folder} is no earlier version.", f"{error!r}.", "Check the path.") from error
        return cls(speakers, items)


# ---------------------------------------------------------------------- onto the disk


def check_free(out: Path) -> None:
    """Nothing is at `out`, or an empty folder.

    Raises:
        AppError: something is, or nobody may look there.
    """
    with written(out):
        taken = out.exists() and not (out.is_dir() and not any(out.iterdir()))
    if taken:
        raise AppError(
            f"{out} is there already.",
            "A version that was published is never overwritten.",
            "Raise the version of the set, or name another folder.",
        )


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that gets its name when everything is in it, and is gone if anything fails.

    Raises:
        AppError: `out` is there already, or something cannot be written.
    """
    with written(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        made = out.parent / f".{out.name}.{os.getpid()}.part"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
    try:
        yield made
        with written(out):
            for path in (made, *made.rglob("*")):
                if path.is_dir():
                    sync_folder(path)
            check_free(out)
            if out.exists():
                out.rmdir()
            made.rename(out)
            sync_folder(out.parent)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _media(one: Chosen) -> list[tuple[str, str, str]]:
    """Source, target and digest of each file of an item."""
    found = [(one.take.audio, one.audio, one.take.sha256)]
    return [*found, (one.take.video, one.video, one.take.video_sha256)] if one.video else found


def copy_media(source: Path, target: Path, digest: str, item: str) -> str:
    """Copy a file that is still the one with this digest; the digest of what was copied.

    Raises:
        AppError: it is missing, is another one, or cannot be written.
    """
    found = hashlib.sha256()
    with written(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            reader = source.open("rb")
        except OSError as error:
            why = f"{source}: {error.strerror}."
            raise AppError(f"The media of {item} cannot be read.", why, "Put the file back.") from error
        with reader, target.open("xb") as file:
            while block := reader.read(1 << 20):
                found.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    if digest and found.hexdigest() != digest:
        raise AppError(
            f"The media of {item} were changed.", f"{source} is another file than its take says.", "Put the file back."
        )
    return found.hexdigest()


def write_file(path: Path, data: bytes) -> str:
    """Write a new file, to the disk; its digest.

    Raises:
        AppError: it cannot be written.
    """
    with written(path), path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(data).hexdigest()
