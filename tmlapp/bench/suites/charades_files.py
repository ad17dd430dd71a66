"""Charades' folders: the official csv or charades.json, class names, Charades-STA, videos; and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.data import Loaded, Part, Quarantined, SuiteItem, Tail, is_file, is_there
from tmlapp.bench.intervals import Interval
from tmlapp.bench.labels.charades import (
    STA_INSTRUCTION,
    ActionItem,
    Sentence,
    Video,
    items_of,
    read_classes,
    read_csv,
    read_json,
    read_sta,
    sample,
)
from tmlapp.bench.labels.rows import file_sha256
from tmlapp.bench.said import is_time
from tmlapp.bench.suites.speak_files import SAID, bad_line, read_rows, read_said, said_row, write_rows
from tmlapp.core.errors import AppError

SILENCE_S = 2.0
TAIL_S = 2.0
OPTIONS: dict[str, Any] = {"items": "interior", "subset": "test", "sample": 0, "seed": 0}
EXPECTED = {"interior": 7_586, "single": 15_927, "sta": 3_720}
"""Items of the test subset."""
CLASSES = "Charades_v1_classes.txt"
PREDICTIONS = "predictions.jsonl"
WHERE = (
    "The Allen Institute for AI has Charades for non-commercial research (prior.allenai.org/projects/charades). Give "
    "the folder with Charades_v1_test.csv (or charades.json of VSLNet), Charades_v1_classes.txt and the videos in "
    "Charades_v1_480/ or Charades_v1/; for Charades-STA also charades_sta_test.txt."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    items: Literal["interior", "single", "sta"]
    subset: Literal["test", "train"]
    sample: int
    seed: int


def load_folder(folder: Path, options: Mapping[str, Any]) -> Loaded:
    """The items of one subset.

    Args:
        folder: holds the annotations and a folder of videos.
        options: `items` interior, single or sta; `subset` test or train; `sample` how many are drawn, at most one of a
            video (0: all); `seed` of the draw. What is drawn does not depend on which videos are there.

    Raises:
        AppError: annotations or videos are not there, are damaged, or an option is not valid.
    """
    chosen = _chosen({**OPTIONS, **options})
    path, videos = _videos(folder, chosen)
    files = {"labels": file_sha256(path)}
    if chosen.items == "sta":
        sta = _needed(folder, f"charades_sta_{chosen.subset}.txt")
        files["sta"] = file_sha256(sta)
        rows, aside = _sentences(read_sta(sta), videos, chosen)
    else:
        names_file = _needed(folder, CLASSES)
        files["classes"] = file_sha256(names_file)
        rows, aside = _actions(videos, read_classes(names_file), chosen)
    found = _with_videos(folder, rows, aside)
    if not found:
        raise AppError(f"No video of Charades is in {folder}.", f"{len(rows)} items were looked for.", WHERE)
    notes = [f"drawn with seed {chosen.seed}, at most one item of each video"] if chosen.sample else []
    whole = EXPECTED[chosen.items] if chosen.subset == "test" else None
    return Loaded(
        items=tuple(found),
        quarantined=tuple(aside),
        expected=min(chosen.sample, len(rows)) if chosen.sample else whole,
        notes=tuple(notes),
        version=path.name,
        files=files,
    )


def _chosen(options: Mapping[str, Any]) -> _Chosen:
    if options["items"] not in tuple(EXPECTED):
        raise _bad_option("items", options["items"], ", ".join(EXPECTED))
    if options["subset"] not in ("test", "train"):
        raise _bad_option("subset", options["subset"], "test, train")
    for key in ("sample", "seed"):
        if isinstance(options[key], bool) or not isinstance(options[key], int) or options[key] < 0:
            raise _bad_option(key, options[key], "whole numbers from 0 on")
    return _Chosen(items=options["items"], subset=options["subset"], sample=options["sample"], seed=options["seed"])


def _bad_option(key: str, value: object, allowed: str) -> AppError:
    return AppError(
        f"The option {key} of charades cannot be {value!r}.", "It chooses what is loaded.", f"Use one of: {allowed}."
    )


def _videos(folder: Path, chosen: _Chosen) -> tuple[Path, tuple[Video, ...]]:
    official, copied = f"Charades_v1_{chosen.subset}.csv", "charades.json"
    path = _there(folder, official)
    if path is not None:
        return path, read_csv(path)
    path = _there(folder, copied)
    if path is None:
        raise AppError(f"There are no labels of Charades in {folder}.", f"Looked for {official} and {copied}.", WHERE)
    return path, read_json(path, subset="testing" if chosen.subset == "test" else "training")


def _there(folder: Path, name: str) -> Path | None:
    # The official archive unpacks to a folder of its own.
    return next((p for p in (folder / name, folder / "Charades" / name) if p.is_file()), None)


def _needed(folder: Path, name: str) -> Path:
    path = _there(folder, name)
    if path is None:
        raise AppError(f"{name} is not in {folder}.", "It says what is asked in each item.", WHERE)
    return path


def _actions(
    videos: Iterable[Video], classes: Mapping[str, str], chosen: _Chosen
) -> tuple[list[SuiteItem], list[Quarantined]]:
    listed = tuple(videos)
    aside = [
        Quarantined(
            row=f"{v.id}/{a.class_id}", why=f"it ends at {a.end_s:g} s, no later than it starts", kind="unusable"
        )
        for v in listed
        for a in v.set_aside
    ]
    which: Literal["single", "interior"] = "single" if chosen.items == "single" else "interior"
    found: tuple[ActionItem, ...] = items_of(listed, which)
    if chosen.sample:
        found = sample(found, chosen.sample, seed=chosen.seed)
    made = [
        _suite_item(i.id, i.instruction(classes), i.truth() | {"action": classes[i.class_id]}, i.class_id)
        for i in found
    ]
    return made, aside


def _sentences(
    sentences: Sequence[Sentence], videos: Iterable[Video], chosen: _Chosen
) -> tuple[list[SuiteItem], list[Quarantined]]:
    lengths = {video.id: video.length_s for video in videos}
    made: dict[str, list[SuiteItem]] = {}
    aside: list[Quarantined] = []
    for number, sentence in enumerate(sentences, start=1):
        name = f"{sentence.video}/sta-{number}"
        length = lengths.get(sentence.video)
        end = sentence.end_s if length is None else min(sentence.end_s, length)
        if length is None:
            aside.append(Quarantined(row=name, why="the labels do not have its video", kind="unusable"))
        elif end <= sentence.start_s:
            aside.append(Quarantined(row=name, why="nothing of it lies inside the video", kind="unusable"))
        else:
            truth = {"suite": "charades", "start_s": sentence.start_s, "stop_s": end, "length_s": length,
                     "sentence": sentence.text}  # fmt: skip
            asked = STA_INSTRUCTION.format(sentence=sentence.text)
            made.setdefault(sentence.video, []).append(_suite_item(name, asked, truth, "sentence"))
    every = [item for of_video in made.values() for item in of_video]
    return (_drawn(made, chosen) if chosen.sample else every), aside


def _drawn(made: Mapping[str, Sequence[SuiteItem]], chosen: _Chosen) -> list[SuiteItem]:
    # The same draw as for actions: `sample` needs no more than a video and a name.
    by_name = {item.id: item for of_video in made.values() for item in of_video}
    stand_ins = [ActionItem(name.split("/")[0], name.split("/")[1], 0.0, 1.0, 1.0) for name in by_name]
    return [by_name[i.id] for i in sample(stand_ins, chosen.sample, seed=chosen.seed)]


def _suite_item(name: str, instruction: str, truth: dict[str, Any], group: str) -> SuiteItem:
    part = Part(instruction=instruction, silence_s=SILENCE_S, tail=Tail(least_s=TAIL_S))
    return SuiteItem(id=name, truth=truth, parts=(part,), group=group)


def _with_videos(folder: Path, rows: Sequence[SuiteItem], aside: list[Quarantined]) -> list[SuiteItem]:
    """The items whose video is there; the others join `aside`."""
    places: dict[str, Path | None] = {}
    found: list[SuiteItem] = []
    for item in rows:
        video = video_of(item)
        if video not in places:
            places[video] = _place(folder, video)
        path = places[video]
        if path is None:
            aside.append(Quarantined(row=item.id, why=f"its video {video}.mp4 is not there", kind="missing"))
        elif not is_there(path):
            aside.append(Quarantined(row=item.id, why=f"{path.name} is empty"))
        else:
            part = item.parts[0]
            placed = Part(instruction=part.instruction, silence_s=part.silence_s, video=str(path), tail=part.tail)
            found.append(SuiteItem(id=item.id, truth=item.truth, parts=(placed,), group=item.group))
    return found


def video_of(item: SuiteItem) -> str:
    """The video's id, which every item's name begins with."""
    return item.id.split("/")[0]


def _place(folder: Path, video: str) -> Path | None:
    for sub in ("Charades_v1_480", "Charades_v1", "videos", ""):
        path = folder / sub / f"{video}.mp4"
        if is_file(path):
            return path
    return None


def write_predictions(
    folder: Path, done: Sequence[tuple[SuiteItem, Answer]], predicted: Sequence[Interval | None]
) -> list[Path]:
    """One object per item as scorers of temporal grounding read them, and what was said.

    Raises:
        AppError: a file cannot be written.
    """
    rows = [
        {"id": item.id, "vid": video_of(item), "query": item.truth.get("sentence") or item.truth.get("action", ""),
         "duration": item.truth["length_s"], "gt": [item.truth["start_s"], item.truth["stop_s"]],
         "pred": None if span is None else list(span)}
        for (item, _), span in zip(done, predicted, strict=True)
    ]  # fmt: skip
    return [
        write_rows(folder / PREDICTIONS, rows),
        write_rows(folder / SAID, [said_row(item.id, answer) for item, answer in done]),
    ]


def read_predictions(folder: Path, items: Sequence[SuiteItem]) -> dict[str, Answer]:
    """What was said, or, where only intervals are there, a `start` and a `stop` (a written answer for a sentence).

    Raises:
        AppError: naming the line, if a file is malformed.
    """
    if (folder / SAID).is_file():
        return read_said(folder / SAID, items)
    wanted = {item.id: item for item in items}
    found: dict[str, Answer] = {}
    for number, row in read_rows(folder / PREDICTIONS):
        item = wanted.get(str(row.get("id")))
        span = _span(folder / PREDICTIONS, number, row.get("pred"))
        if item is None:
            continue
        said = () if span is None else _said(item, span)
        text = " ".join(u.text for u in said)
        found[item.id] = Answer(text=text, utterances=said, text_source="recorded", timing_source="recorded")
    return found


def _said(item: SuiteItem, span: Interval) -> tuple[Utterance, ...]:
    if item.truth.get("sentence"):
        return (Utterance(float(item.truth["length_s"]), None, f"{span[0]!r} - {span[1]!r}"),)
    return Utterance(span[0], None, "start"), Utterance(span[1], None, "stop")


def _span(path: Path, number: int, value: object) -> Interval | None:
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 2:
        start, end = value
        good = [isinstance(v, int | float) and not isinstance(v, bool) and is_time(v) for v in value]
        if all(good) and 0 <= start <= end:
            return float(start), float(end)
    raise bad_line(path, number, f"pred is {value!r}, neither null nor [start, end]")
