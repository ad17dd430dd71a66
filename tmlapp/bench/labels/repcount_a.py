"""RepCount-A's csv files: the official `LLSP/annotation/*.csv` and the copies of EveryShotCounts, with fps.

Columns are read by name, because copies carry leading `Unnamed: 0` columns and a byte order mark.
Rows that contradict themselves are set aside with their reason, never repaired and never lost.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tmlapp.core.errors import AppError

INSTRUCTION = "Please count out reps for {action}."
PHRASES = {
    "squat": "squats", "squant": "squats", "front_raise": "front raises", "frontraise": "front raises",
    "bench_pressing": "bench presses", "benchpressing": "bench presses", "jump_jack": "jumping jacks",
    "jumpjacks": "jumping jacks", "battle_rope": "battle rope waves", "pull_up": "pull-ups", "pullups": "pull-ups",
    "push_up": "push-ups", "pushups": "push-ups", "situp": "sit-ups", "pommelhorse": "pommel horse circles",
    "others": "the repeated action",
}  # fmt: skip
"""The `{action}` of the instruction for every spelling of a type in the files (our choice)."""

_NEEDED = ("type", "name", "count")
_MIN_FRAMES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RepRow:
    """One video.

    `frames` are start and end of each repetition in turn; `fps` and `num_frames` are None where the file has none.
    """

    line: int
    name: str
    type: str
    count: int
    frames: tuple[float, ...]
    fps: float | None = None
    num_frames: int | None = None

    @property
    def action(self) -> str:
        """What the instruction calls it."""
        return PHRASES.get(self.type, self.type.replace("_", " "))

    @property
    def instruction(self) -> str:
        return INSTRUCTION.format(action=self.action)

    @property
    def degenerate_pairs(self) -> int:
        """Repetitions without length."""
        return sum(a == b for a, b in zip(self.frames[::2], self.frames[1::2], strict=True))

    def truth(self, *, fps: float | None = None, num_frames: int | None = None) -> dict[str, Any]:
        """The row as a truth for the grader; `fps`, `num_frames` from the video where the file has none.

        Raises:
            AppError: neither the file nor the caller knows them.
        """
        fps, num_frames = fps or self.fps, num_frames or self.num_frames
        if fps is None or num_frames is None:
            raise AppError(
                f"The length of {self.name} is not known.",
                "Its csv has no columns fps and num_frames.",
                "Read them from the video.",
            )
        return {
            "suite": "repcount-a", "count": self.count, "L": list(self.frames), "fps": fps, "num_frames": num_frames,
            "action": self.action,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that cannot be used, and why."""

    line: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class RepLabels:
    """What a csv holds. `unknown_types` have no phrase of ours; their own name is used."""

    rows: tuple[RepRow, ...]
    set_aside: tuple[SetAside, ...]
    unknown_types: Mapping[str, int]

    def everyshotcounts(self) -> tuple[RepRow, ...]:
        """The rows that EveryShotCounts keeps: a count above 0, more than 64 frames, without stu1_10.mp4."""
        return tuple(
            r
            for r in self.rows
            if r.count > 0 and (r.num_frames is None or r.num_frames > _MIN_FRAMES) and r.name != "stu1_10.mp4"
        )


class _RowError(Exception):
    """Why a row is set aside."""


def read_labels(path: Path) -> RepLabels:
    """All rows of a RepCount-A csv.

    Raises:
        AppError: the file cannot be read, or lacks the columns type, name and count, or has one twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            # Not DictReader: of two columns with one name it takes the last, silently.
            reader = csv.reader(file)
            columns = _columns(path, next(reader, []))
            found = [(reader.line_num, cells) for cells in reader if any(c.strip() for c in cells)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AppError(f"The labels {path} cannot be read.", f"{error}.", "Give a csv file of RepCount-A.") from error
    rows: dict[str, RepRow] = {}
    aside: list[SetAside] = []
    for line, cells in found:
        named = {key: cells[i].strip() for key, i in columns.items() if i < len(cells)}
        try:
            row = _row(line, named)
            if row.name in rows:
                raise _RowError(f"the name stands in line {rows[row.name].line} already")
            rows[row.name] = row
        except _RowError as error:
            aside.append(SetAside(line, named.get("name", ""), str(error)))
    unknown = Counter(r.type for r in rows.values() if r.type not in PHRASES)
    return RepLabels(tuple(rows.values()), tuple(aside), dict(unknown))


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    names = [h.strip() for h in header]
    used = [n for n in names if n in (*_NEEDED, "fps", "num_frames") or re.fullmatch(r"L\d+", n)]
    wrong = [n for n in _NEEDED if n not in used] or [n for n, times in Counter(used).items() if times > 1]
    if wrong:
        raise AppError(
            f"The labels {path} have no usable header.",
            f"These columns are missing or stand there twice: {', '.join(wrong)}.",
            "Give a csv file of RepCount-A, with the columns type, name, count, L1, L2, ….",
        )
    return {n: names.index(n) for n in used}


def _row(line: int, cells: Mapping[str, str]) -> RepRow:
    name = cells.get("name", "")
    if not name:
        raise _RowError("it has no name")
    count = _whole("count", cells.get("count", ""))
    frames = _frames(cells)
    if len(frames) != 2 * count:
        raise _RowError(f"count is {count}, but there are {len(frames) / 2:g} pairs of frames")
    fps = _positive("fps", cells["fps"]) if "fps" in cells else None
    num_frames = _whole("num_frames", cells["num_frames"]) if "num_frames" in cells else None
    if num_frames is not None and frames and frames[-1] > num_frames:
        raise _RowError(f"a repetition ends at frame {frames[-1]:g} of {num_frames}")
    return RepRow(
        line=line, name=name, type=cells.get("type", ""), count=count, frames=frames, fps=fps, num_frames=num_frames
    )


def _frames(cells: Mapping[str, str]) -> tuple[float, ...]:
    numbered = sorted((int(key[1:]), value) for key, value in cells.items() if re.fullmatch(r"L\d+", key))
    texts = [value for _, value in numbered]
    # Only the padding at the end may be blank; a blank in between is a damaged row.
    while texts and not texts[-1]:
        texts.pop()
    frames = tuple(_number(f"L{i + 1}", text) for i, text in enumerate(texts))
    if any(b < a for a, b in pairwise(frames)):
        raise _RowError("its frames go backwards")
    return frames


def _number(key: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise _RowError(f"{key} is {text!r}, not a number" if text else f"{key} is empty") from error
    if not math.isfinite(value) or value < 0:
        raise _RowError(f"{key} is {text}")
    return value


def _positive(key: str, text: str) -> float:
    value = _number(key, text)
    if value == 0:
        raise _RowError(f"{key} is 0")
    return value


def _whole(key: str, text: str) -> int:
    value = _number(key, text)
    if value != int(value):
        raise _RowError(f"{key} is {text}, not a whole number")
    return int(value)
