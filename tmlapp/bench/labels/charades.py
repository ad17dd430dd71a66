"""Charades' files (official csv, charades.json, class list, Charades-STA), and the items made of them."""

from __future__ import annotations

import csv
import io
import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.labels.rows import strict_json
from tmlapp.core.errors import AppError

INSTRUCTION = "Say 'start' when the person starts doing {action} then say 'Stop' when they stop."
STA_INSTRUCTION = "When does this happen in the video: {sentence} Answer with start and end in seconds, like 4.0 - 9.5."
COLUMNS = (
    "id", "subject", "scene", "quality", "relevance", "verified", "script", "objects", "descriptions", "actions",
    "length",
)  # fmt: skip
CLASSES = 157
BORDER_S = 0.5
"""Set B leaves out actions that begin or end within this time of the video's own ends."""

_ACTION = re.compile(r"(c\d{3}) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)")
_STA = re.compile(r"(\S+) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)##(.+)")


@dataclass(frozen=True, slots=True)
class Annotated:
    """One interval of one class in a video, in seconds, as annotated (the end may lie beyond the video)."""

    class_id: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Video:
    """One video with everything annotated in it.

    `set_aside` holds the intervals that end no later than they start (the training set has some; the test set none).
    """

    id: str
    length_s: float
    actions: tuple[Annotated, ...]
    set_aside: tuple[Annotated, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """One line of Charades-STA."""

    video: str
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class ActionItem:
    """One (video, class) with its one interval, end clipped to the video."""

    video: str
    class_id: str
    start_s: float
    end_s: float
    length_s: float

    @property
    def id(self) -> str:
        return f"{self.video}/{self.class_id}"

    def instruction(self, classes: Mapping[str, str]) -> str:
        """TML's sentence with the name of the class."""
        return INSTRUCTION.format(action=classes[self.class_id])

    def truth(self) -> dict[str, Any]:
        """The item as a truth for the grader."""
        return {"suite": "charades", "start_s": self.start_s, "stop_s": self.end_s, "length_s": self.length_s}


def _bad(path: Path, where: str, why: str) -> AppError:
    return AppError(
        f"{path}, {where}, is not valid.",
        f"{why[:1].upper()}{why[1:]}.",
        "Use the file as its authors publish it; nothing was read from this one.",
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(f"The labels {path} cannot be read.", f"{error}.", "Give the path of the file.") from error


def read_csv(path: Path) -> tuple[Video, ...]:
    """The official `Charades_v1_{train,test}.csv`.

    Raises:
        AppError: naming the line, if header or row have anything but the 11 columns, or a value is malformed.
    """
    # StringIO, because splitlines() also cuts at separators that stand inside texts.
    reader = csv.reader(io.StringIO(_read(path), newline=""), strict=True)
    videos: dict[str, Video] = {}
    try:
        line = 1
        for index, cells in enumerate(reader):
            where, line = f"line {line}", reader.line_num + 1
            if index and not cells:
                continue
            # Copies circulate in which every ";" became ",": they parse, and mean other intervals.
            if len(cells) != len(COLUMNS) or (index == 0 and tuple(cells) != COLUMNS):
                names = "" if index else f" named {', '.join(COLUMNS)}"
                raise _bad(path, where, f"it has {len(cells)} columns, not {len(COLUMNS)}{names}")
            if index:
                video = _video(path, where, dict(zip(COLUMNS, cells, strict=True)))
                if video.id in videos:
                    raise _bad(path, where, f"the video {video.id} stands in the file already")
                videos[video.id] = video
    except csv.Error as error:
        raise _bad(path, f"line {reader.line_num}", str(error)) from error
    if line == 1:
        raise _bad(path, "line 1", "the file is empty")
    return tuple(videos.values())


def _video(path: Path, where: str, cells: Mapping[str, str]) -> Video:
    try:
        length = float(cells["length"])
    except ValueError as error:
        raise _bad(path, where, f"the length is {cells['length']!r}") from error
    if not cells["id"] or not math.isfinite(length) or length <= 0:
        raise _bad(path, where, f"id or length are not valid: {cells['id']!r}, {cells['length']!r}")
    actions = []
    for text in cells["actions"].split(";") if cells["actions"].strip() else ():
        match = _ACTION.fullmatch(text.strip())
        if match is None:
            raise _bad(path, where, f"this is no action: {text!r}")
        actions.append(_annotated(path, where, match[1], float(match[2]), float(match[3])))
    return _sorted_out(cells["id"], length, actions)


def _sorted_out(name: str, length: float, actions: Iterable[Annotated]) -> Video:
    usable: list[Annotated] = []
    aside: list[Annotated] = []
    for action in actions:
        (usable if action.end_s > action.start_s else aside).append(action)
    return Video(name, length, tuple(usable), tuple(aside))


def _annotated(path: Path, where: str, class_id: str, start: float, end: float) -> Annotated:
    if int(class_id[1:]) >= CLASSES or not (0 <= start < math.inf and 0 <= end < math.inf):
        raise _bad(path, where, f"no class has the number of {class_id}, or its times are none: {start} to {end}")
    return Annotated(class_id, start, end)


def read_json(path: Path, *, subset: Literal["training", "testing"] | None = "testing") -> tuple[Video, ...]:
    """VSLNet's `charades.json`; only the videos of `subset`, or all.

    Raises:
        AppError: it is not JSON, or a video in it is malformed.
    """
    try:
        raw = strict_json(_read(path))
        items = list(raw.items())
    except (ValueError, AttributeError, RecursionError) as error:
        raise _bad(path, "as a whole", f"it is no JSON object: {error}") from error
    return tuple(_json_video(path, name, v) for name, v in items if subset is None or _subset(path, name, v) == subset)


def _subset(path: Path, name: str, value: object) -> str:
    if not isinstance(value, dict) or value.get("subset") not in ("training", "testing"):
        raise _bad(path, f"video {name}", "it has no subset training or testing")
    return str(value["subset"])


def _json_video(path: Path, name: str, value: Mapping[str, Any]) -> Video:
    where = f"video {name}"
    try:
        length = float(value["duration"])
        actions = tuple(
            _annotated(path, where, f"c{int(index):03d}", float(start), float(end))
            for index, start, end in value["actions"]
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _bad(path, where, f"duration or actions are malformed: {error}") from error
    if not 0 < length < math.inf:
        raise _bad(path, where, f"its duration is {length}")
    return _sorted_out(name, length, actions)


def read_classes(path: Path) -> dict[str, str]:
    """The class list, as phrases for the instruction: `c000` → "holding some clothes".

    Raises:
        AppError: it does not hold the 157 classes, one per line.
    """
    names: dict[str, str] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"(c\d{3}) (\S.*)", line.strip())
        if match is None or match[1] in names:
            raise _bad(path, f"line {number}", f"it is no new class: {line!r}")
        names[match[1]] = match[2][:1].lower() + match[2][1:]
    if len(names) != CLASSES:
        raise _bad(path, "as a whole", f"it has {len(names)} classes, not {CLASSES}")
    return names


def read_sta(path: Path) -> tuple[Sentence, ...]:
    """Charades-STA: `ID start end##sentence.` per line; ends as annotated, so possibly beyond the video.

    Raises:
        AppError: naming the line, if one is malformed.
    """
    sentences = []
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if line.strip():
            match = _STA.fullmatch(line.strip())
            if match is None:
                raise _bad(path, f"line {number}", f"it is not `ID start end##sentence`: {line!r}")
            sentences.append(Sentence(match[1], float(match[2]), float(match[3]), match[4]))
    return tuple(sentences)


def items_of(videos: Iterable[Video], which: Literal["single", "interior"] = "interior") -> tuple[ActionItem, ...]:
    """Set A (`single`: every class that occurs once in its video) or set B (`interior`: of those, the ones whose start
    and end are seen, more than `BORDER_S` from the ends of the video)."""
    return tuple(i for video in videos for i in _single(video) if which == "single" or _interior(i))


def _single(video: Video) -> Iterator[ActionItem]:
    # A class with one usable and one unusable interval does not occur once.
    times = Counter(a.class_id for a in (*video.actions, *video.set_aside))
    for action in video.actions:
        end = min(action.end_s, video.length_s)
        if times[action.class_id] == 1 and end > action.start_s:
            yield ActionItem(video.id, action.class_id, action.start_s, end, video.length_s)


def _interior(item: ActionItem) -> bool:
    return item.start_s > BORDER_S and item.end_s < item.length_s - BORDER_S


def sample(items: Iterable[ActionItem], count: int, *, seed: int) -> tuple[ActionItem, ...]:
    """`count` items (fewer if there are not so many videos), at most one of each video; the same for the same seed."""
    by_video: dict[str, list[ActionItem]] = {}
    # Sorted first: the same seed must draw the same items from any order of files.
    for item in sorted(items, key=lambda i: i.id):
        by_video.setdefault(item.video, []).append(item)
    rng = random.Random(seed)
    chosen = rng.sample(sorted(by_video), min(count, len(by_video)))
    return tuple(rng.choice(by_video[video]) for video in chosen)
