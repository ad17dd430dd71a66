"""RepCount-A: what happened in a video, and the rules as pure functions. All times are video time in seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tmlapp.bench.said import SaidNumber
from tmlapp.bench.truth import Fields
from tmlapp.core.errors import AppError
from tmlapp.core.units import s_to_ns

_KNOWN = (
    "suite", "count", "n", "rep_end_times_s", "L", "fps", "num_frames", "duration_s", "video_start_s", "tail_s",
    "action", "type", "name", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RepTruth:
    """What happened in a video.

    Attributes:
        count: repetitions.
        ends_s: end of each repetition; empty where only the count is known.
        t_pen_s: end of the last repetition but one; 0 for a count below 2; None where it is unknown.
        duration_s: length of the video; None where it is unknown.
        video_start_s: session time of the first video frame.
        tail_s: how long after the video an answer still counts; None for the profile's value.
        action: group for the figures per type.
    """

    count: int
    ends_s: tuple[float, ...] = ()
    t_pen_s: float | None = None
    duration_s: float | None = None
    video_start_s: float = 0.0
    tail_s: float | None = None
    action: str = ""
    ignored: tuple[str, ...] = ()


def parse_truth(raw: Mapping[str, Any]) -> RepTruth:
    """The truth in a truth file or a label row.

    Raises:
        AppError: a member is missing or malformed, or count and times disagree.
    """
    fields = Fields(raw, "repcount-a", _KNOWN)
    count = fields.integer("count" if fields.has("count") or not fields.has("n") else "n")
    fps = fields.number("fps", above=0) if fields.has("fps") else None
    ends = _ends(fields, fps)
    if ends and len(ends) != count:
        raise fields.error(f"count is {count}, but there are {len(ends)} ends of repetitions")
    t_pen = 0.0 if count < 2 else ends[count - 2] if ends else None
    duration = _duration(fields, fps)
    if t_pen is not None and duration is not None and t_pen > duration:
        raise fields.error(f"Repetition {count - 1} ends at {t_pen:g} s, after the video, which is {duration:g} s long")
    return RepTruth(
        count=count,
        ends_s=ends,
        t_pen_s=t_pen,
        duration_s=duration,
        video_start_s=fields.number("video_start_s", 0.0),
        tail_s=fields.number("tail_s") if fields.has("tail_s") else None,
        action=fields.text("action") or fields.text("type"),
        ignored=tuple(fields.ignored),
    )


def _ends(fields: Fields, fps: float | None) -> tuple[float, ...]:
    if fields.has("rep_end_times_s"):
        return fields.numbers("rep_end_times_s")
    if not fields.has("L"):
        return ()
    if fps is None:
        raise fields.error("L is in frames, and fps is missing")
    frames = fields.numbers("L")
    if len(frames) % 2:
        raise fields.error(f"L has {len(frames)} frames, an odd number")
    return tuple(frame / fps for frame in frames[1::2])


def _duration(fields: Fields, fps: float | None) -> float | None:
    if fields.has("duration_s"):
        return fields.number("duration_s", above=0)
    if fields.has("num_frames") and fps is not None:
        return fields.number("num_frames", above=0) / fps
    return None


def mae_obo(predicted: Sequence[float], true: Sequence[float]) -> tuple[float | None, float | None]:
    """MAE and OBO as in TransRAC's test loop: halves round to even, g + 0.1 below; (None, None) for no items.

    Computed in float64; the original adds up in float32, so compare to 1e-6.

    Raises:
        AppError: the lists differ in length, or hold something that is no count.
    """
    if len(predicted) != len(true):
        raise _not_counts(f"There are {len(predicted)} predictions for {len(true)} items")
    if not all(math.isfinite(v) for v in (*predicted, *true)) or any(g < 0 for g in true):
        raise _not_counts("A prediction or a true count is not a finite number, or a true count is negative")
    if not true:
        return None, None
    # round() takes halves to even, as torch.round does.
    off = [abs(round(p) - g) for p, g in zip(predicted, true, strict=True)]
    mae = sum(d / (g + 0.1) for d, g in zip(off, true, strict=True)) / len(true)
    return mae, sum(d <= 1 for d in off) / len(true)


def _not_counts(why: str) -> AppError:
    return AppError("MAE and OBO cannot be computed.", f"{why}.", "Give one count per item.")


def last_number(
    numbers: Sequence[SaidNumber], t_pen_s: float, t_end_s: float, *, bounds: str = "inclusive"
) -> SaidNumber | None:
    """The last number said in the window from `t_pen_s` to `t_end_s`; `strict` leaves its first instant out."""
    # On whole nanoseconds, because a bound such as 169/30 s does not survive adding and taking off video_start_s.
    first, last = s_to_ns(t_pen_s), s_to_ns(t_end_s)
    if bounds == "strict":
        first += 1
    for number in reversed(numbers):
        if first <= s_to_ns(number.t_s) <= last:
            return number
    return None
