"""A dataset, ours or somebody else's `items.jsonl`, as a set that can be edited."""

from __future__ import annotations

import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from tmlapp.bench.authoring.dataset import CHANGELOG, ITEMS, META, SCHEMA, check_free, new_folder, remember_options
from tmlapp.bench.authoring.dataset_row import Media, RowError, item_of
from tmlapp.bench.authoring.media import copy_new, take_path
from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Speaker
from tmlapp.bench.authoring.store import write_snapshot
from tmlapp.bench.labels.speak_items import SpeakItem, load_items
from tmlapp.bench.runs.lines import read_object, written
from tmlapp.core.errors import AppError

TAKE = "t1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The set that was made, and what a person should know about the change of form, by item."""

    folder: Path
    items: tuple[str, ...]
    notes: Mapping[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        notes = {name: list(found) for name, found in self.notes.items()}
        return {"folder": str(self.folder), "items": list(self.items), "notes": notes}


def import_dataset(
    source: Path, folder: Path, *, on_progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Imported:
    """Make a new set in `folder` out of a dataset folder, or an `items.jsonl` with the media that it names.

    Raises:
        AppError: `folder` holds something already; a line is not valid (it is named), a medium is missing, was changed,
            or is no 16 kHz mono PCM16; or something cannot be written. Nothing is left behind then.
    """
    path = source if source.suffix == ".jsonl" else source / ITEMS
    read = load_items(path)
    meta = _meta(path.parent)
    check_free(folder)
    notes: dict[str, tuple[str, ...]] = {}
    speakers: dict[str, Speaker] = {}
    items: list[ItemDraft] = []
    with new_folder(folder) as made:
        for done, one in enumerate(read):
            on_progress(done, len(read))
            items.append(_item(path.parent, made, one, speakers, notes))
        if isinstance(meta.get("split"), Mapping):
            remember_options(made, meta["split"])
        write_snapshot(made, _set(path.parent, meta, items, speakers), 0)
    on_progress(len(read), len(read))
    return Imported(folder=folder, items=tuple(item.id for item in items), notes=notes)


def _meta(folder: Path) -> Mapping[str, Any]:
    found = read_object(folder / META)
    if found is None or found.get("schema") != SCHEMA:
        return {}
    return found


def _item(
    source: Path, folder: Path, read: SpeakItem, speakers: dict[str, Speaker], notes: dict[str, tuple[str, ...]]
) -> ItemDraft:
    audio = take_path(read.id, TAKE, ".wav")
    video = take_path(read.id, TAKE, PurePosixPath(read.video).suffix.lower() or ".mp4") if read.video else ""
    sha256 = copy_new(source / read.audio, folder / audio)
    video_sha256 = copy_new(source / read.video, folder / video) if video else ""
    media = Media(audio=audio, samples=_samples(folder / audio), sha256=sha256, video=video, video_sha256=video_sha256)
    try:
        item, speaker, found = item_of(read, media, take=TAKE)
    except RowError as error:
        raise AppError(
            f"The item {read.id} cannot be part of a set.", f"{str(error)[:1].upper()}{str(error)[1:]}.",
            "Correct its line; the set was not made.",
        ) from error  # fmt: skip
    if speaker is not None:
        known = speakers.setdefault(speaker.id, speaker)
        if known != speaker:
            found = (*found, f"{speaker.id} is described differently than in an earlier line; that one was kept")
    if found:
        notes[read.id] = found
    return item


def _samples(path: Path) -> int:
    with written(path), wave.open(str(path), "rb") as sound:
        return sound.getnframes()


def _set(folder: Path, meta: Mapping[str, Any], items: list[ItemDraft], speakers: Mapping[str, Speaker]) -> ItemSet:
    def text(name: str) -> str:
        value = meta.get(name, "")
        return value if isinstance(value, str) else ""

    made = ItemSet(
        name=text("name") or ("" if meta else folder.name),
        suite="cuespeak" if items and items[0].suite == "cuespeak" else "timespeak",
        version=text("version"),
        licence=text("licence") or ("" if meta else _common([i.licence for i in items])),
        author=text("author"),
        description=text("description"),
        changelog=_changelog(folder) if meta else "",
        speakers=tuple(speakers.values()),
        items=tuple(items),
    )
    if meta.get("suite") in ("timespeak", "cuespeak"):
        made = replace(made, suite=meta["suite"])
    return made


def _changelog(folder: Path) -> str:
    try:
        text = (folder / CHANGELOG).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        # Without it the next export begins a new one.
        return ""
    head, _, rest = text.partition("\n")
    return (rest if head.startswith("# ") else text).strip()


def _common(values: list[str]) -> str:
    return values[0] if values and all(value == values[0] for value in values) else ""
