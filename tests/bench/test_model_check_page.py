"""The page of a check: every figure, every failure worst first, and text that stays text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tmlapp.bench.model_check.check import Report, Request, write_report
from tmlapp.bench.model_check.figures import Curve, Failure, Figure, Mark, Span, Table
from tmlapp.bench.model_check.options import Options
from tmlapp.bench.model_check.page import drawing_of, interval_text, render, rows_of, shown_of, value_text
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

FIGURES = (
    Figure(
        name="bare.obo", group="Clips", label="off by one", value=0.9, n=10, of="clips", definition="Share <of> clips.",
        interval=(0.8, 1.0), baselines={"always 3": 0.6},
    ),
    Figure(name="extra", label="another", value=None, n=0, of="clips", definition="d", reason="there are none"),
)  # fmt: skip
FAILURE = Failure(
    name="<b>.mp4",
    why="5 done: 4 counted",
    badness=2.0,
    length_s=20.0,
    spans=(Span("truth", 4.0, 14.0, "the action", "truth"), Span("start/stop", 6.0, 30.0, "called", "heard")),
    marks=(Mark("truth", 6.0, "1", "end"), Mark("padded", 6.2, "1"), Mark("padded", 6.3, "2")),
    curves=(Curve("acting", (0.2, 10.0, 20.0), (0.0, 1.0, float("nan"))),),
    jpeg=b"picture",
    jpeg_s=6.0,
    wav=b"sound",
    facts={"padded": "6.2 s: <1>"},
)
MACHINE: dict[str, Any] = {"made_utc": "2026-11-22T10:00:00+00:00", "note": "", "versions": {"tmlapp": "0"}}


def report(*tables: Table, note: str = "") -> Report:
    return Report(
        request=Request(endpoint="onnx:tiny", options=Options()),
        tables=tables,
        model={"name": "tiny", "version": "1", "model_sha256": "ab" * 32},
        manifests={"clips": "cd" * 32},
        machine=MACHINE | {"note": note},
    )


def page(*tables: Table, note: str = "") -> str:
    made = report(*tables, note=note)
    return render(made.to_json(), made.tables)


def test_the_page_shows_figures_failures_and_where_they_come_from() -> None:
    text = page(Table(title="Vision", figures=FIGURES, failures=(FAILURE,), notes=("3 were left out.",)))
    for shown in (
        "off by one ↑", "0.8 – 1", "≥ 0.93", "within the interval", "always 3: 0.6", "prototype: .815",
        "there are none",
        "3 were left out.", "Share &lt;of&gt; clips.", "&lt;b&gt;.mp4", "6.2 s: &lt;1&gt;", "cd" * 32,
        "data:image/jpeg;base64,cGljdHVyZQ==", "data:audio/wav;base64,c291bmQ=",
    ):  # fmt: skip
        assert shown in text, shown
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)


def test_a_page_without_failures_says_so_and_a_busy_machine_is_told() -> None:
    text = page(Table(title="Vision", figures=()), note="The machine was busy.")
    assert '<p class="mu">Nothing.</p>' in text
    assert "The machine was busy." in text


def test_the_worst_ones_stand_open_and_faultless_ones_closed() -> None:
    good = Failure(name="good", why="all right", badness=0.0)
    text = page(Table(title="Vision", figures=(), failures=(FAILURE, good)))
    assert text.count('<details class="item" open>') == 1
    assert text.count('<details class="item">') == 1


def test_lanes_stand_truth_first_and_lie_inside_the_drawing() -> None:
    drawing = drawing_of(FAILURE)
    assert [lane.name for lane in drawing.lanes] == ["truth", "padded", "start/stop", "acting"]
    truth, padded, called, acting = drawing.lanes
    assert (truth.boxes[0].x, truth.boxes[0].w) == (276.8, 452.0)
    assert called.boxes[0].x + called.boxes[0].w == 1000.0
    assert [s.label_x is None for s in padded.strokes] == [False, True]
    first, second = (tuple(map(float, point.split(","))) for point in acting.points.split())
    assert (first[0], second[0]) == (105.0, 548.0)
    assert first[1] > second[1] >= acting.y
    assert drawing.height > acting.y + acting.h
    assert drawing.ticks[0] == (96.0, "0 s")


def test_the_drawing_is_well_formed() -> None:
    text = page(Table(title="Vision", figures=(), failures=(FAILURE,)))
    (svg,) = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    root = ElementTree.fromstring(svg)
    assert len(root.findall("polyline")) == 1
    assert len(root.findall("rect")) == 2


def test_a_failure_without_a_timeline_has_no_drawing() -> None:
    shown = shown_of(Failure(name="phrase", why="not understood", badness=1.0))
    assert (shown.drawing, shown.picture, shown.sound) == (None, "", "")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(None, "s", "–"), (0.8366, "", "0.837"), (1.0, "", "1"), (14.46, "ms", "14.5 ms"), (123.4, "/min", "123 /min")],
)
def test_values_have_three_digits(value: float | None, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_figures_to_reach_come_first() -> None:
    held, others = rows_of(Table(title="x", figures=FIGURES[::-1]))
    assert ([f.name for f in held], [f.name for f in others]) == (["bare.obo"], ["extra"])
    assert interval_text(others[0]) == ""


def test_both_files_are_written_and_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    made = report(Table(title="Vision", figures=FIGURES))
    result, index = write_report(made, tmp_path / "new" / "out")
    assert [path.name for path in (result, index)] == ["result.json", "index.html"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(AppError, match="could not be written"):
        write_report(made, tmp_path / "file" / "out")
