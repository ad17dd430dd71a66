"""The page of a check: the tables, and every failure with its timeline. One file, no script, no address outside it."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import tmlapp
from tmlapp.bench.model_check.figures import Failure, Figure, Table
from tmlapp.bench.report.timeline import clock_text
from tmlapp.bench.report.write import day_text, plain_value

GUTTER, WIDTH = 96.0, 1000.0
LANE_H, CURVE_H, AXIS_H = 22.0, 30.0, 18.0
OPEN = 6
"""So many of the worst failures stand open."""

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Stroke:
    """A mark in units of the drawing; `label_x` is None where its label would lie on the one before."""

    x: float
    label_x: float | None
    label: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Box:
    """A stretch in units of the drawing."""

    x: float
    w: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of the drawing: strokes and boxes, or a curve."""

    name: str
    y: float
    h: float
    boxes: tuple[Box, ...] = ()
    strokes: tuple[Stroke, ...] = ()
    points: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The timeline of a failure."""

    height: float
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A failure as the page shows it."""

    failure: Failure
    drawing: Drawing | None
    picture: str
    sound: str


def render(result: Mapping[str, Any], tables: Sequence[Table]) -> str:
    """The page as text, from what result.json holds and the tables with their pictures."""
    environment = Environment(
        loader=PackageLoader("tmlapp.bench", "."),
        # What a manifest says and a model says is text, whatever it looks like.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": day_text, "plain": plain_value}
    return environment.get_template("model_check/page.html.j2").render(
        r=result,
        tables=[(table, [shown_of(failure) for failure in table.failures]) for table in tables],
        value=value_text,
        interval=interval_text,
        rows_of=rows_of,
        open_ones=OPEN,
        gutter=GUTTER,
        version=tmlapp.__version__,
    )


def value_text(value: float | None, unit: str = "") -> str:
    """Three significant digits and the unit; a dash for no value."""
    if value is None:
        return "–"
    number = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{number} {unit}".rstrip()


def interval_text(figure: Figure) -> str:
    """`0.72 – 1`, or nothing."""
    return " – ".join(value_text(bound) for bound in figure.interval) if figure.interval else ""


def rows_of(table: Table) -> tuple[list[Figure], list[Figure]]:
    """The figures that have a value to reach, and the others."""
    held = [f for f in table.figures if f.reach is not None]
    return held, [f for f in table.figures if f.reach is None]


def shown_of(failure: Failure) -> Shown:
    """`failure` with its timeline in units of the drawing, its picture and its sound as addresses."""
    return Shown(
        failure,
        drawing_of(failure) if failure.length_s > 0 else None,
        _address("image/jpeg", failure.jpeg),
        _address("audio/wav", failure.wav),
    )


def _address(kind: str, data: bytes | None) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}" if data else ""


def drawing_of(failure: Failure) -> Drawing:
    """Lanes in the order in which they come first (marks that stand for the truth above all), then the curves."""
    scale = (WIDTH - GUTTER) / failure.length_s

    def x(t_s: float) -> float:
        return round(GUTTER + min(max(t_s, 0.0), failure.length_s) * scale, 1)

    lanes: list[Lane] = []
    y = 4.0
    for name in dict.fromkeys([s.lane for s in failure.spans[:1]] + [m.lane for m in failure.marks]
                              + [s.lane for s in failure.spans]):  # fmt: skip
        boxes = tuple(
            Box(x(s.t0_s), max(1.5, round(x(s.t1_s) - x(s.t0_s), 1)), s.kind, _title(s.label, s.t0_s, s.t1_s))
            for s in failure.spans
            if s.lane == name
        )
        strokes = _strokes([(x(m.t_s), m.label, m.kind, m.t_s) for m in failure.marks if m.lane == name])
        lanes.append(Lane(name, y, LANE_H - 4, boxes, strokes))
        y += LANE_H
    for curve in failure.curves:
        points = " ".join(
            f"{x(t)},{y + 2 + (1 - v) * (CURVE_H - 6):.1f}"
            for t, v in zip(curve.times_s, curve.values, strict=True)
            if math.isfinite(v)
        )
        lanes.append(Lane(curve.name, y, CURVE_H - 4, points=points))
        y += CURVE_H
    step = next((s for s in _STEPS_S if failure.length_s / s <= 14), _STEPS_S[-1])
    ticks = tuple((x(t), clock_text(t)) for t in range(0, int(failure.length_s) + 1, step))
    return Drawing(y + AXIS_H, tuple(lanes), ticks)


def _title(label: str, t0_s: float, t1_s: float) -> str:
    return f"{label}: {t0_s:.1f} to {t1_s:.1f} s"


def _strokes(marks: Sequence[tuple[float, str, str, float]]) -> tuple[Stroke, ...]:
    found, free_from = [], GUTTER
    for at, label, kind, t_s in sorted(marks):
        room = at >= free_from and at + 8 + 6.5 * len(label) <= WIDTH
        found.append(Stroke(at, at + 3 if room else None, label, kind, f"{label}, {t_s:.1f} s"))
        if room:
            free_from = at + 8 + 6.5 * len(label)
    return tuple(found)
