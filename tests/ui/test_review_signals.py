"""The model's own numbers and what it heard, in Review: on the time axis, at the cursor, and in the answer to why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from tests.bench.sessions import make_recording
from tmlapp.bench.review.opened import read_lanes
from tmlapp.bench.review.why import why
from tmlapp.core.event import SpeechHeard, UnitDone
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.live.inner import SignalLog
from tmlapp.ui.review.lanes import ReviewLanes
from tmlapp.ui.review.why_panel import WhyPanel
from tmlapp.ui.signal_look import signal_meaning
from tmlapp.ui.theme import load_theme
from tmlapp.ui.timeline import SignalsLane, TimeAxis, TimelineView

pytestmark = pytest.mark.qt


def numbers(turns: int) -> SignalLog:
    log = SignalLog()
    for k in range(turns):
        told = {"activity": [min(1.0, k / 20)], "rep_phase": [k % 11 / 10], "motion": [0.2], "hear.voice": [0.0]}
        log.add(UnitDone(micro_turn=k, latency_ns=0, diagnostics={**told, "five": [0.0], "six": [6.0]}))
    return log


@pytest.fixture
def lane() -> SignalsLane:
    made = SignalsLane("inner", "inside the model")
    made.set_signals(numbers(100).signals(), [4 * NS_PER_S, 2 * NS_PER_S])
    return made


@pytest.fixture
def view(qtbot: QtBot, lane: SignalsLane) -> TimelineView:
    made = TimelineView(TimeAxis(20 * NS_PER_S), load_theme("light"))
    qtbot.addWidget(made)
    made.set_lanes([lane])
    made.resize(900, 160)
    made.show()
    return made


def drawn(view: TimelineView) -> QImage:
    return view.grab().toImage()


def test_four_numbers_have_lines_and_all_have_values(view: TimelineView, lane: SignalsLane) -> None:
    assert [s.name for s in lane.shown] == ["activity", "rep_phase", "motion", "hear.voice"]
    assert (lane.wanted_px, lane.moments.tolist()) == (72.0, [2 * NS_PER_S, 4 * NS_PER_S])
    told = lane.describe(view.axis)
    assert told == "inside the model: activity 0.00, phase 0.00, motion 0.20, voice 0.00, five 0.00, six 6.00"
    plot = view.plot_of(lane)
    hint = lane.hint(plot, QPointF(plot.x(3 * NS_PER_S), plot.rect.top() + 4)).splitlines()
    assert hint[:3] == [signal_meaning("activity"), "3.00 s", "activity 0.70"]


def test_the_values_follow_the_cursor(view: TimelineView) -> None:
    view.axis.seek(NS_PER_S)
    first = drawn(view)
    view.axis.seek(3 * NS_PER_S)
    assert drawn(view) != first


def test_lines_are_drawn_from_hours_down_to_a_second(qtbot: QtBot, lane: SignalsLane, view: TimelineView) -> None:
    axis = view.axis
    for span_s in (20, 5, 0.5):
        axis.look_at(0, round(span_s * NS_PER_S))
        assert not drawn(view).isNull()
    long = TimelineView(TimeAxis(18_000 * TURN_NS), load_theme("dark"))
    qtbot.addWidget(long)
    hours = SignalsLane("inner", "inside")
    hours.set_signals(numbers(18_000).signals())
    long.set_lanes([hours])
    long.resize(900, 160)
    image = drawn(long)
    ratio = image.devicePixelRatio()
    area = long.plot_of(hours).rect
    raw = np.frombuffer(image.convertToFormat(QImage.Format.Format_RGB32).constBits(), np.uint8)
    pixels = raw.reshape(image.height(), -1, 4)
    inside = pixels[round(area.top() * ratio) : round(area.bottom() * ratio), round(area.center().x() * ratio)]
    assert len(np.unique(inside, axis=0)) > 3


def test_without_numbers_the_lane_is_low_and_says_so(lane: SignalsLane, view: TimelineView) -> None:
    lane.shrinks, lane.empty = True, "none"
    lane.set_signals(())
    assert lane.bare
    assert lane.wanted_px <= 22
    assert (lane.hint(view.plot_of(lane), QPointF(200, 40)), lane.describe(view.axis)) == ("", "inside the model: none")
    assert not drawn(view).isNull()


def test_speech_stands_in_its_lane_and_in_the_answer_to_why(qtbot: QtBot, tmp_path: Path) -> None:
    told = {"app.prepare_ms": [1.0], "hear.voice": [0.9], "activity": [0.9], "rep_phase": [0.1]}
    recording = make_recording(
        tmp_path,
        [(3.0, "one")],
        events=[
            UnitDone(seq=90, t_rx_ns=4 * NS_PER_S, micro_turn=20, latency_ns=0, diagnostics=told),
            SpeechHeard(
                seq=91, text="stop", accepted=True, grammar="stop", from_ns=1_450_000_000, to_ns=1_550_000_000
            ),
            SpeechHeard(
                seq=92, text="start", accepted=False, reason="Did not understand: too long.", grammar="stop",
                from_ns=2_450_000_000, to_ns=2_550_000_000,
            ),
        ],
    )  # fmt: skip
    found = read_lanes(recording.path)
    lanes = ReviewLanes()
    lanes.fill(found)
    assert [(s.text, s.outlined, s.hint) for s in lanes.hears.spans] == [
        ("✓ stop", False, ""),
        ("? did not understand", True, "Too long."),
    ]
    assert [s.name for s in lanes.inner.signals] == ["hear.voice", "activity", "rep_phase"]
    assert lanes.inner in lanes.first()
    answer = why(recording, found, found.outputs[0])
    assert [row.words for row in answer.rows if row.words] == ["…stop…", "(not understood)"]
    panel = WhyPanel(load_theme("dark"))
    qtbot.addWidget(panel)
    panel.resize(520, 300)
    panel.show_why(replace(answer, rows=tuple(replace(row, diagnostics=told) for row in answer.rows)))
    assert panel.found is not None
    assert {"activity", "phase"} <= set(panel.cells(panel.found.rows[-1]))
    assert panel.cells(panel.found.rows[-1])["activity"] == ".90"
    assert not panel.grab().isNull()
