"""Geometry of the report's timeline: rows of equal length, lanes one above the other, in units of the SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tmlapp.core.cue import Cue
from tmlapp.core.units import NS_PER_S

GUTTER, WIDTH = 58.0, 1000.0
TRUTH_Y, TRUTH_H = 4.0, 18.0
LEVEL_Y, LEVEL_H = 28.0, 36.0
MODEL_Y, MODEL_H = 70.0, 16.0
CUE_Y, CUE_LINE_H, CUE_LINES = 92.0, 15.0, 3
AXIS_Y = CUE_Y + CUE_LINES * CUE_LINE_H + 4
HEIGHT = AXIS_Y + 18
_FLOOR_DBFS = -60.0
_CHARACTER_W = 6.4
_LONGEST_LABEL = 24
_ROW_S, _MOST_ROWS = 60.0, 20
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasts: onset and length in seconds of session time, with its text."""

    t_s: float
    dur_s: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """Level of a sound: peaks in dBFS, one per `step_s` seconds."""

    dbfs: tuple[float, ...]
    step_s: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a lane, with what it stands for."""

    x: float
    w: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A cue: where its stroke is, and on which line its label stands (None: no room, only the stroke)."""

    x: float
    kind: str
    text: str
    label: str
    y: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row: everything in SVG units, times in seconds."""

    start_s: float
    end_s: float
    ticks: tuple[tuple[float, str], ...]
    level: str
    windows: tuple[Box, ...]
    ends: tuple[Box, ...]
    heard: tuple[Box, ...]
    cues: tuple[Mark, ...]
    gaps: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class TruthMarks:
    """What really happened: `windows` that last, and `ends`, single instants."""

    windows: tuple[Span, ...] = ()
    ends: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """What a timeline shows."""

    duration_s: float
    level: Track
    cues: Sequence[Cue] = ()
    heard: Sequence[Span] = ()
    gaps: Sequence[Span] = ()
    truth: TruthMarks = field(default_factory=TruthMarks)


def level_of(pcm: npt.NDArray[np.int16], step: int) -> list[float]:
    """Peak of every `step` samples in dBFS, at least -60."""
    floor = 10 ** (_FLOOR_DBFS / 20)
    peaks = (np.abs(pcm[i : i + step].astype(np.int32)).max() / 32768 for i in range(0, len(pcm), step))
    return [20 * math.log10(max(float(p), floor)) for p in peaks]


def rows_of(lanes: Lanes) -> tuple[Row, ...]:
    """The rows of a timeline: one for a short session, else a minute each, twenty at most."""
    total = max(lanes.duration_s, 1.0)
    count = min(_MOST_ROWS, math.ceil(total / _ROW_S))
    length = total / count
    return tuple(_row(lanes, k * length, (k + 1) * length) for k in range(count))


def _row(lanes: Lanes, start_s: float, end_s: float) -> Row:
    scale = (WIDTH - GUTTER) / (end_s - start_s)

    def x(t_s: float) -> float:
        return round(GUTTER + (t_s - start_s) * scale, 1)

    def boxes(spans: Iterable[Span]) -> tuple[Box, ...]:
        inside = (
            (max(s.t_s, start_s), min(s.t_s + s.dur_s, end_s), s.text)
            for s in spans
            if s.t_s < end_s and (s.t_s + s.dur_s > start_s or start_s <= s.t_s)
        )
        return tuple(Box(x(a), round(max(1.5, (b - a) * scale), 1), text) for a, b, text in inside)

    first_tick, step = _ticks(start_s, end_s)
    ticks = [first_tick + i * step for i in range(int((end_s - first_tick) / step) + 1)]
    return Row(
        start_s=start_s,
        end_s=end_s,
        ticks=tuple((x(t), clock_text(t)) for t in ticks),
        level=_level_path(lanes.level, start_s, end_s),
        windows=boxes(lanes.truth.windows),
        ends=boxes(s for s in lanes.truth.ends if start_s <= s.t_s < end_s),
        heard=boxes(lanes.heard),
        cues=_marks([(x(c.t_ns / NS_PER_S), c) for c in lanes.cues if start_s <= c.t_ns / NS_PER_S < end_s]),
        gaps=boxes(lanes.gaps),
    )


def clock_text(t_s: float) -> str:
    """`75` → `1:15`; below a minute only seconds."""
    return f"{t_s:g} s" if t_s < 60 else f"{int(t_s) // 60}:{int(t_s) % 60:02d}"


def _ticks(start_s: float, end_s: float) -> tuple[float, float]:
    step = next((s for s in _STEPS_S if (end_s - start_s) / s <= 14), _STEPS_S[-1])
    return math.ceil(start_s / step) * step, step


def _level_path(track: Track, start_s: float, end_s: float) -> str:
    if not track.dbfs:
        return ""
    first, last = int(start_s / track.step_s), min(len(track.dbfs), math.ceil(end_s / track.step_s))
    # More points than pixels would only make the page heavy.
    group = max(1, (last - first) // 900)
    peaks = [max(track.dbfs[i : i + group]) for i in range(first, last, group)]
    middle = LEVEL_Y + LEVEL_H / 2
    scale = (WIDTH - GUTTER) / (end_s - start_s)
    points = []
    for i, dbfs in enumerate(peaks):
        half = max(0.4, (dbfs - _FLOOR_DBFS) / -_FLOOR_DBFS * LEVEL_H / 2)
        points.append((round(GUTTER + ((first + i * group) * track.step_s - start_s) * scale, 1), round(half, 1)))
    upper = [f"{px},{middle - half:.1f}" for px, half in points]
    lower = [f"{px},{middle + half:.1f}" for px, half in reversed(points)]
    return "M" + " L".join(upper + lower) + " Z" if points else ""


def _marks(cues: Iterable[tuple[float, Cue]]) -> tuple[Mark, ...]:
    # Labels take the first line that is free where they begin; without one only the stroke is drawn.
    free_from = [GUTTER] * CUE_LINES
    marks = []
    for x, cue in cues:
        text = cue.text.strip()
        label = text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"
        width = 8 + _CHARACTER_W * len(label)
        line = next((i for i, free in enumerate(free_from) if free <= x), None)
        if line is None or x + width > WIDTH:
            marks.append(Mark(x, cue.kind, text, label, None))
            continue
        free_from[line] = x + width
        marks.append(Mark(x, cue.kind, text, label, CUE_Y + (line + 1) * CUE_LINE_H - 3))
    return tuple(marks)
