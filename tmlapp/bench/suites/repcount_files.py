"""RepCount-A's folders: the official archive `LLSP/` or a csv beside the videos, and predictions written out."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.data import Loaded, Part, Quarantined, SuiteItem, Tail, is_file, is_inside, is_there
from tmlapp.bench.labels.repcount_a import RepLabels, RepRow, read_labels
from tmlapp.bench.labels.rows import file_sha256
from tmlapp.bench.suites.repcount_truth import parse_truth
from tmlapp.bench.suites.speak_files import SAID, bad_line, read_said, said_row, write_rows, write_text
from tmlapp.core.errors import AppError

TAIL_S = 3.0
SILENCE_S = 2.0
SPLITS = {"train": 758, "valid": 131, "test": 152}
OPTIONS: dict[str, Any] = {"split": "test", "labels": "", "rows": "all"}
PREDICTIONS = "predictions.csv"
WHERE = (
    "RepCount-A is offered by its authors (github.com/SvipRepetitionCounting/TransRAC, archive LLSP); give the "
    "folder with LLSP/annotation/*.csv and the videos in LLSP/train, valid, test, or EveryShotCounts' "
    "*_with_fps.csv beside the videos. The footage belongs to its uploaders."
)


def load_folder(folder: Path, options: Mapping[str, Any]) -> Loaded:
    """One split of RepCount-A.

    Args:
        folder: holds `LLSP/`, is `LLSP/`, or holds a csv and videos.
        options: `split` train, valid or test; `labels` the csv, where it is elsewhere; `rows` all or everyshotcounts
            (only those that EveryShotCounts keeps).

    Raises:
        AppError: no labels or no videos are there, or an option is not valid.
    """
    chosen = {**OPTIONS, **options}
    split = _one_of(chosen, "split", tuple(SPLITS))
    kept = _one_of(chosen, "rows", ("all", "everyshotcounts"))
    path = _labels_path(folder, split, str(chosen["labels"]))
    labels = read_labels(path)
    rows = labels.rows if kept == "all" else labels.everyshotcounts()
    items: list[SuiteItem] = []
    aside = [
        Quarantined(row=f"line {a.line} {a.name}".strip(), why=a.reason, kind="unusable") for a in labels.set_aside
    ]
    for row in rows:
        made = _item(row, _video(folder, split, row.name))
        if isinstance(made, SuiteItem):
            items.append(made)
        else:
            aside.append(made)
    if not items:
        raise AppError(
            f"No video of {path.name} can be used in {folder}.",
            f"Of {len(aside)} rows none has a video that can be read.",
            WHERE,
        )
    open_set = path.name.startswith("new_")
    return Loaded(
        items=tuple(items),
        quarantined=tuple(aside),
        expected=SPLITS[split] if kept == "all" and not open_set else None,
        notes=tuple(_notes(labels, rows, kept, open_set)),
        version=f"{path.parent.name}/{path.name}",
        files={"labels": file_sha256(path)},
    )


def _one_of(options: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = options[key]
    if value not in allowed:
        raise AppError(
            f"The option {key} of repcount-a cannot be {value!r}.",
            "It chooses what is loaded.",
            f"Use one of: {', '.join(allowed)}.",
        )
    return str(value)


def _labels_path(folder: Path, split: str, named: str) -> Path:
    names = (f"annotation/{split}.csv", f"{split}_with_fps.csv", f"{split}.csv", f"new_{split}.csv")
    places = [folder / named] if named else [f / n for f in (folder, folder / "LLSP") for n in names]
    for path in places:
        if path.is_file():
            return path
    looked = ", ".join(str(p.relative_to(folder)) if p.is_relative_to(folder) else str(p) for p in places)
    raise AppError(f"There are no labels of RepCount-A in {folder}.", f"Looked for {looked}.", WHERE)


def _video(folder: Path, split: str, name: str) -> Path | None:
    """Where the video lies. Names do not tell the split, so the folder of the csv's own split is tried first."""
    if not is_inside(name):
        return None
    order = (split, *(s for s in SPLITS if s != split), "")
    for root in (folder, folder / "LLSP", folder / "videos", folder / "video"):
        for sub in order:
            path = root / sub / name
            if is_file(path):
                return path
    return None


def _item(row: RepRow, video: Path | None) -> SuiteItem | Quarantined:
    where = f"line {row.line} {row.name}"
    if video is None:
        return Quarantined(row=where, why="its video is not there", kind="missing")
    if not is_there(video):
        return Quarantined(row=where, why=f"{video.name} is empty")
    try:
        fps, frames = (None, None) if row.fps and row.num_frames else _rate_and_frames(video)
        truth = row.truth(fps=row.fps or fps, num_frames=row.num_frames or frames)
        # What the grader would refuse must not be run first.
        parse_truth(truth)
    except AppError as error:
        return Quarantined(row=where, why=f"{error.what} {error.why}")
    part = Part(instruction=row.instruction, silence_s=SILENCE_S, video=str(video), tail=Tail(least_s=TAIL_S))
    return SuiteItem(id=row.name, truth=truth, parts=(part,), group=row.action)


def _rate_and_frames(video: Path) -> tuple[float, int]:
    """The official csv has no frame rate; it is taken from the video.

    Raises:
        AppError: the file does not say both, or cannot be decoded.
    """
    # Imported here: grading needs no decoder.
    from tmlapp.capture.video_file import VideoFile

    opened = VideoFile(video)
    opened.close()
    stated, frames = opened.info.actual["fps"], opened.info.actual["frames"]
    if not isinstance(frames, int) or frames <= 0 or not isinstance(stated, float) or abs(stated - opened.fps) > 0.001:
        raise AppError(
            f"The length of {video.name} is not known.",
            f"It states {frames} frames at {stated} frames/s.",
            "Convert it to MP4, or use labels with the columns fps and num_frames.",
        )
    return opened.fps, frames


def _notes(labels: RepLabels, rows: Sequence[RepRow], kept: str, open_set: bool) -> Iterator[str]:
    if open_set:
        yield "this is TransRAC's open-set split by action, not the official split"
    if kept != "all":
        yield f"{len(labels.rows) - len(rows)} rows that EveryShotCounts leaves out are left out"
    none = [r.name for r in rows if r.count == 0]
    if none:
        yield f"no repetition, so left out by the online rule: {', '.join(none)}"
    for row in rows:
        if row.degenerate_pairs:
            yield f"{row.name}: {row.degenerate_pairs} repetitions without length"
    for name, times in labels.unknown_types.items():
        yield f"the type {name!r} ({times} rows) has no phrase of its own"


def write_predictions(folder: Path, done: Sequence[tuple[SuiteItem, Answer]], numbers: Sequence[int]) -> list[Path]:
    """Final numbers as TransRAC's test loop compares them, and what was said.

    Raises:
        AppError: a file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "count", "prediction"))
    for (item, _), number in zip(done, numbers, strict=True):
        writer.writerow((item.id, item.truth["count"], number))
    return [
        write_text(folder / PREDICTIONS, text.getvalue()),
        write_rows(folder / SAID, [said_row(item.id, answer) for item, answer in done]),
    ]


def read_predictions(folder: Path, items: Sequence[SuiteItem]) -> dict[str, Answer]:
    """What was said, or, where only final numbers are there, each as said at the end of its video.

    Raises:
        AppError: naming the line, if a file is malformed.
    """
    if (folder / SAID).is_file():
        return read_said(folder / SAID, items)
    path = folder / PREDICTIONS
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        fix = f"Give a folder with {SAID} or {PREDICTIONS}."
        raise AppError(f"{path} cannot be read.", f"{error}.", fix) from error
    wanted = {item.id: item for item in items}
    found: dict[str, Answer] = {}
    reader = csv.DictReader(io.StringIO(text, newline=""))
    for row in reader:
        item = wanted.get(row.get("name") or "")
        value = _prediction(path, reader.line_num, row.get("prediction"))
        if item is not None:
            length = parse_truth(item.truth).duration_s or 0.0
            said = Utterance(length, None, str(round(value)))
            found[item.id] = Answer(
                text=said.text, utterances=(said,), text_source="recorded", timing_source="recorded"
            )
    return found


def _prediction(path: Path, line: int, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError as error:
        raise bad_line(path, line, f"the prediction is {text!r}") from error
    if not math.isfinite(value) or value < 0:
        raise bad_line(path, line, f"the prediction is {text!r}")
    return value
