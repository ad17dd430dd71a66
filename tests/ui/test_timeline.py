"""The timeline by mouse and by keyboard: looking, seeking, lanes, edges to the sample, drawing at every depth."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.recording.peaks import PeakBuilder
from tmlapp.ui.theme import load_theme
from tmlapp.ui.timeline import (
    BarsLane,
    Flag,
    FlagsLane,
    GapsLane,
    Span,
    SpansLane,
    SpectrogramLane,
    TimeAxis,
    TimelineView,
    WaveLane,
)
from tmlapp.ui.timeline.lane import Lane, Ruler, time_text
from tmlapp.ui.timeline.lane_menu import lane_menu
from tmlapp.ui.timeline.spectrogram import shades

pytestmark = pytest.mark.qt
S = NS_PER_S
RATE = 16_000


def at_once(job: Callable[[], Any], done: Callable[[Any], Any]) -> None:
    done(job())


@cache
def tone(seconds: float = 30.0) -> np.ndarray:
    k = np.arange(round(seconds * RATE))
    return (np.sin(k * 2 * np.pi * 1000 / RATE) * 12_000 * (k > 10 * RATE)).astype(np.int16)


class Room:
    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.axis = TimeAxis(30 * S)
        self.wave = WaveLane("you", "you")
        self.wave.set_pcm(tone(), RATE)
        self.spectrogram = SpectrogramLane("spectrogram", "spectrogram")
        self.spectrogram.set_track(lambda a, b: tone()[a:b], 30 * RATE, RATE, at_once)
        self.words = SpansLane("words", "words")
        self.windows = SpansLane("windows", "windows", bands=True)
        self.flags = FlagsLane("flags", "flags")
        self.bars = BarsLane("reply", "reply")
        self.gaps = GapsLane("gaps", "gaps")
        self.windows.set_spans([
            Span(key="e1", start_ns=5 * S, end_ns=7 * S, label="e1", role="model", outlined=True, editable=True),
            Span(key="e2", start_ns=12 * S, end_ns=14 * S, label="e2", role="model", outlined=True, editable=True),
        ])  # fmt: skip
        self.words.set_spans(
            [Span(key=str(n), start_ns=n * S, end_ns=n * S + S // 2, label=f"w{n}") for n in range(30)]
        )
        self.flags.set_flags([Flag(t_ns=3 * S, label="here"), Flag(t_ns=20 * S, label="there", role="notice")])
        self.bars.set_values(np.arange(150) * 200 * NS_PER_MS, np.where(np.arange(150) == 70, 300, 40) * NS_PER_MS)
        self.view = TimelineView(self.axis, load_theme("dark"))
        lanes: list[Lane] = [self.wave, self.spectrogram, self.words, self.windows, self.flags, self.bars, self.gaps]
        self.view.set_lanes(lanes)
        self.view.resize(892, 500)
        qtbot.addWidget(self.view)
        self.view.show()
        self.view.setFocus()

    def point(self, lane: Lane, t_ns: float) -> QPoint:
        plot = self.view.plot_of(lane)
        return QPoint(round(plot.x(t_ns)), round(plot.rect.center().y()))

    def click(self, at: QPoint) -> None:
        self.qtbot.mouseClick(self.view, Qt.MouseButton.LeftButton, pos=at)  # type: ignore[no-untyped-call]

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self.qtbot.keyClick(self.view, key, modifiers)  # type: ignore[no-untyped-call]

    def drag(self, begin: QPoint, end: QPoint) -> None:
        self.qtbot.mousePress(self.view, Qt.MouseButton.LeftButton, pos=begin)  # type: ignore[no-untyped-call]
        self.qtbot.mouseMove(self.view, (begin + end) / 2)  # type: ignore[no-untyped-call]
        self.qtbot.mouseMove(self.view, end)  # type: ignore[no-untyped-call]
        self.qtbot.mouseRelease(self.view, Qt.MouseButton.LeftButton, pos=end)  # type: ignore[no-untyped-call]

    def wheel(self, at: QPoint, steps: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        event = QWheelEvent(
            QPointF(at), QPointF(self.view.mapToGlobal(at)), QPoint(), QPoint(0, 120 * steps),
            Qt.MouseButton.NoButton, modifiers, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(self.view, event)

    def picture(self) -> QImage:
        return self.view.grab().toImage()


@pytest.fixture
def room(qtbot: QtBot) -> Room:
    return Room(qtbot)


# ---------------------------------------------------------------------- axis


def test_zoom_keeps_the_place_at_the_pointer(room: Room) -> None:
    at = room.point(room.wave, 10 * S)
    room.wheel(at, 5)
    assert room.axis.span_ns < 11 * S
    plot = room.view.plot_of(room.wave)
    assert abs(plot.x(10 * S) - at.x()) < 1.5
    room.wheel(at, -20)
    assert (room.axis.start_ns, room.axis.span_ns) == (0, 30 * S)


def test_one_can_look_as_close_as_single_samples_and_no_closer(room: Room) -> None:
    for _ in range(60):
        room.axis.zoom(2.0, 12 * S)
    assert room.axis.span_ns == NS_PER_MS
    assert room.axis.start_ns <= 12 * S <= room.axis.end_ns
    room.picture()


def test_a_drag_moves_what_is_looked_at_and_a_click_seeks(room: Room) -> None:
    room.axis.look_at(10 * S, 20 * S)
    sought: list[int] = []
    room.axis.sought.connect(sought.append)
    begin = room.point(room.wave, 15 * S)
    room.drag(begin, begin + QPoint(-100, 0))
    assert room.axis.start_ns > 11 * S
    assert sought == []
    room.click(room.point(room.wave, 16 * S))
    assert abs(sought[0] - 16 * S) < 20 * NS_PER_MS
    assert room.axis.cursor_ns == sought[0]


def test_dragging_beyond_the_start_stays_at_the_start(room: Room) -> None:
    room.axis.look_at(1 * S, 11 * S)
    begin = room.point(room.wave, 3 * S)
    room.drag(begin, begin + QPoint(400, 0))
    assert room.axis.start_ns == 0


def test_the_ruler_scrubs(room: Room) -> None:
    room.drag(room.point(room.view.ruler, 4 * S), room.point(room.view.ruler, 9 * S))
    assert abs(room.axis.cursor_ns - 9 * S) < 50 * NS_PER_MS


def test_shift_and_wheel_move_sideways(room: Room) -> None:
    room.axis.look_at(10 * S, 20 * S)
    room.wheel(room.point(room.wave, 15 * S), -1, Qt.KeyboardModifier.ShiftModifier)
    assert room.axis.start_ns > 10 * S
    assert round(room.axis.span_ns) == 10 * S


def test_keys_zoom_move_and_seek(room: Room) -> None:
    room.axis.set_cursor(10 * S)
    room.press(Qt.Key.Key_Plus)
    assert room.axis.span_ns < 20 * S
    room.press(Qt.Key.Key_PageDown)
    assert room.axis.start_ns > 10 * S
    room.press(Qt.Key.Key_PageUp)
    room.press(Qt.Key.Key_Minus)
    room.press(Qt.Key.Key_0)
    assert room.axis.span_ns == 30 * S
    room.press(Qt.Key.Key_Right)
    assert room.axis.cursor_ns == 10 * S + 600 * NS_PER_MS
    room.press(Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert room.axis.cursor_ns == 7 * S + 600 * NS_PER_MS
    room.press(Qt.Key.Key_End)
    assert room.axis.cursor_ns == 30 * S
    room.press(Qt.Key.Key_Home)
    assert room.axis.cursor_ns == 0


@pytest.mark.parametrize(
    ("t_ns", "step", "text"),
    [(0, S, "0:00"), (75 * S, 5 * S, "1:15"), (3_725 * S, S, "1:02:05"), (13_000_500_000, 500_000, "0:13.0005")],
)
def test_times_have_as_many_figures_as_they_need(t_ns: int, step: int, text: str) -> None:
    assert time_text(t_ns, step) == text


def test_labels_of_the_ruler_never_touch() -> None:
    assert Ruler.step_ns(S / 10, 60) >= 8.4 * S
    assert Ruler.step_ns(1e12, 60) == 7200 * S


# ---------------------------------------------------------------------- lanes


def test_tab_goes_from_lane_to_lane_and_on(room: Room) -> None:
    heard: list[str] = []
    room.view.lane_focused.connect(heard.append)
    for _ in range(3):
        room.press(Qt.Key.Key_Tab)
    room.press(Qt.Key.Key_Backtab)
    assert heard == ["you", "spectrogram", "words", "spectrogram"]
    room.press(Qt.Key.Key_Down)
    assert room.view.focused is room.words
    room.view.focus_lane(room.gaps)
    room.press(Qt.Key.Key_Tab)
    assert room.view.focused not in room.view.lanes


def test_lanes_are_hidden_and_moved_by_key_and_remembered(room: Room) -> None:
    told: list[bool] = []
    room.view.lanes_changed.connect(lambda: told.append(True))
    room.view.focus_lane(room.wave)
    room.press(Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert [lane.key for lane in room.view.shown][:2] == ["spectrogram", "you"]
    room.view.hide_lane("you")
    assert "you" not in [lane.key for lane in room.view.shown]
    kept = room.view.arrangement()
    other = Room(room.qtbot)
    other.view.arrange(kept)
    assert other.view.arrangement() == kept
    other.view.arrange([])
    assert len(told) == 2
    room.view.move_lane("spectrogram", -1)
    assert len(told) == 2


def test_a_lane_is_made_higher_and_lower_by_key_and_that_is_remembered(room: Room) -> None:
    def height() -> float:
        return next(h for lane, _, h in room.view.places() if lane is room.words)

    before = height()
    room.view.focus_lane(room.words)
    for _ in range(3):
        room.press(Qt.Key.Key_Plus, Qt.KeyboardModifier.AltModifier)
    assert height() == pytest.approx(before * 1.25**3, abs=1)
    kept = room.view.arrangement()
    for _ in range(9):
        room.press(Qt.Key.Key_Minus, Qt.KeyboardModifier.AltModifier)
    assert height() == pytest.approx(before / 2, abs=1), "never out of sight"
    room.view.arrange(kept)
    assert height() == pytest.approx(before * 1.25**3, abs=1)


def test_a_lane_that_may_shrink_is_low_while_nothing_is_in_it(room: Room) -> None:
    room.words.shrinks, room.words.empty = True, "none"
    full = room.view.sizeHint().height()
    spans = room.words.spans
    room.words.set_spans([])
    low = room.view.sizeHint().height()
    assert low < full
    assert next(h for lane, _, h in room.view.places() if lane is room.words) == 22
    room.view.grab()
    room.words.set_spans(spans)
    assert room.view.sizeHint().height() == full


def test_a_lane_is_dragged_by_its_name(room: Room) -> None:
    begin = QPoint(20, room.point(room.flags, 0).y())
    room.drag(begin, QPoint(20, room.point(room.words, 0).y()))
    keys = [lane.key for lane in room.view.shown]
    assert keys.index("flags") < keys.index("windows")
    assert room.axis.cursor_ns == 0


def test_the_menu_hides_moves_and_shows(room: Room) -> None:
    def choose(lane: Lane | None, text: str) -> None:
        menu: QMenu = lane_menu(room.view, lane)
        next(a for a in menu.actions() if a.text().startswith(text)).trigger()
        menu.deleteLater()

    choose(room.bars, "Hide")
    assert room.bars.hidden
    choose(None, "reply")
    assert [lane.key for lane in room.view.shown][-2] == "reply"
    choose(room.bars, "Move up")
    choose(room.bars, "Move down")
    room.axis.look_at(0, S)
    choose(None, "Show the whole")
    assert room.axis.span_ns == 30 * S


def test_lanes_that_do_not_fit_are_scrolled_to(room: Room) -> None:
    room.view.resize(892, 200)
    room.view.focus_lane(room.gaps)
    top, height = next((t, h) for lane, t, h in room.view.places() if lane is room.gaps)
    assert top + height <= 200
    room.view.focus_lane(room.wave)
    top = next(t for lane, t, _ in room.view.places() if lane is room.wave)
    assert top >= 20
    room.wheel(QPoint(20, 100), -3)
    assert next(t for lane, t, _ in room.view.places() if lane is room.wave) < top


# ---------------------------------------------------------------------- spans


def test_an_edge_is_dragged_to_the_sample_and_never_across_the_other(room: Room) -> None:
    moved: list[tuple[str, str, int, bool]] = []
    room.windows.edge_moved.connect(lambda *what: moved.append(what))
    plot = room.view.plot_of(room.windows)
    y = round(plot.rect.center().y())
    room.drag(QPoint(round(plot.x(7 * S)), y), QPoint(round(plot.x(9 * S)), y))
    key, edge, t_ns, final = moved[-1]
    assert (key, edge, final) == ("e1", "end", True)
    assert abs(t_ns - 9 * S) < 40 * NS_PER_MS
    assert t_ns % 62_500 == 0
    assert room.windows.current == "e1"
    room.windows.move_edge("e1", "start", 20 * S, final=True)
    span = room.windows.current_span
    assert span is not None
    assert span.end_ns - span.start_ns == 62_500
    room.windows.move_edge("none", "start", 0, final=True)


def test_an_edge_can_be_taken_over_the_waveform_as_well(room: Room) -> None:
    moved: list[Any] = []
    room.windows.edge_moved.connect(lambda *what: moved.append(what))
    y = room.point(room.wave, 0).y()
    plot = room.view.plot_of(room.windows)
    room.drag(QPoint(round(plot.x(12 * S)), y), QPoint(round(plot.x(11 * S)), y))
    assert moved[-1][:2] == ("e2", "start")
    assert abs(moved[-1][2] - 11 * S) < 40 * NS_PER_MS


def test_arrows_go_through_spans_and_nudge_the_edge_that_has_the_focus(room: Room) -> None:
    chosen: list[str] = []
    room.windows.selected.connect(chosen.append)
    room.view.focus_lane(room.windows)
    room.press(Qt.Key.Key_Right)
    assert chosen == ["e1"]
    assert room.axis.cursor_ns == 5 * S
    room.press(Qt.Key.Key_Right)
    room.press(Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert room.windows.current_span is not None
    assert room.windows.current_span.end_ns == 7 * S + 210 * NS_PER_MS
    room.press(Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    room.press(Qt.Key.Key_Left)
    assert room.windows.current_span.start_ns == 5 * S - 10 * NS_PER_MS
    assert "e1" in room.windows.describe(room.axis)
    activated: list[str] = []
    room.windows.activated.connect(activated.append)
    room.press(Qt.Key.Key_Return)
    assert activated == ["e1"]
    room.press(Qt.Key.Key_Escape)
    assert not room.windows.current
    room.picture()


def test_words_are_stepped_through_from_the_cursor(room: Room) -> None:
    room.axis.set_cursor(10 * S + 5)
    room.view.focus_lane(room.words)
    room.press(Qt.Key.Key_Right)
    assert room.axis.cursor_ns == 11 * S
    room.press(Qt.Key.Key_Left)
    assert room.axis.cursor_ns == 10 * S
    room.words.select("")
    room.axis.set_cursor(10 * S)
    room.press(Qt.Key.Key_Left)
    assert room.axis.cursor_ns == 10 * S
    empty = SpansLane("empty", "empty")
    assert not empty.step(1, room.axis)
    assert "0" in empty.describe(room.axis)


def test_a_click_on_a_span_selects_it_and_goes_there(room: Room) -> None:
    room.click(room.point(room.words, 4.25 * S))
    assert room.words.current == "4"
    assert room.axis.cursor_ns == 4 * S
    plot = room.view.plot_of(room.words)
    assert "w4" in room.words.hint(plot, QPointF(room.point(room.words, 4.25 * S)))
    assert room.words.hint(plot, QPointF(room.point(room.words, 4.75 * S))) == ""


def test_spans_that_overlap_lie_below_each_other(room: Room) -> None:
    room.words.set_spans(
        [Span(key=str(n), start_ns=n * S, end_ns=(n + 4) * S, label=f"w{n}", symbol="✓", role="good") for n in range(6)]
    )
    plot = room.view.plot_of(room.words)
    tops = {room.words.box(plot, span).top() for span in room.words.spans}
    assert len(tops) == 3
    room.picture()


# ---------------------------------------------------------------------- marks


def test_flags_are_reached_by_arrow_and_by_click(room: Room) -> None:
    room.view.focus_lane(room.flags)
    room.press(Qt.Key.Key_Right)
    assert room.axis.cursor_ns == 3 * S
    assert "here" in room.flags.describe(room.axis)
    room.press(Qt.Key.Key_Right)
    room.press(Qt.Key.Key_Right)
    assert room.axis.cursor_ns == 20 * S
    room.press(Qt.Key.Key_Left)
    assert room.axis.cursor_ns == 3 * S
    room.click(room.point(room.flags, 20 * S) + QPoint(12, 0))
    assert room.axis.cursor_ns == 20 * S
    plot = room.view.plot_of(room.flags)
    assert "there" in room.flags.hint(plot, QPointF(room.point(room.flags, 20 * S)))
    assert room.flags.hint(plot, QPointF(room.point(room.flags, S))) == ""
    room.flags.set_flags([Flag(t_ns=n * 10 * NS_PER_MS, label="many") for n in range(500)])
    room.picture()


def test_a_late_reply_is_said_and_drawn(room: Room) -> None:
    plot = room.view.plot_of(room.bars)
    assert room.bars.hint(plot, QPointF(room.point(room.bars, 14 * S))).endswith("300 ms · late")
    assert "1 late" in room.bars.describe(room.axis)
    assert colored(room.picture(), plot.rect.toRect(), load_theme("dark").act)
    assert BarsLane("x", "x").hint(plot, QPointF()) == ""


# ---------------------------------------------------------------------- drawing


def colored(image: QImage, box: Any, color: Any) -> list[int]:
    return np.flatnonzero(_same(image, box, color).any(axis=0)).tolist()


def _same(image: QImage, box: Any, color: Any) -> Any:
    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(plain.constBits(), np.uint32).reshape(plain.height(), -1)
    return (rows[box.top() : box.bottom(), : box.right()] == color.rgb()) & (np.arange(box.right()) >= box.left())


@pytest.mark.parametrize("width_s", [30.0, 8.0, 1.0, 0.05, 0.002])
def test_sound_is_drawn_where_it_is_at_every_depth(room: Room, width_s: float) -> None:
    room.view.hide_lane("windows")
    room.axis.look_at((10 - width_s / 2) * S, (10 + width_s / 2) * S)
    image = room.picture()
    plot = room.view.plot_of(room.wave)
    box = plot.rect.toRect().adjusted(1, 2, -1, -2)
    middle = round(plot.rect.center().y())
    loud = colored(image, box.adjusted(0, 0, 0, middle - 6 - box.bottom()), load_theme("dark").you)
    assert loud, "the tone is on the screen"
    assert min(loud) >= plot.x(10 * S) - 2


def test_a_long_track_is_coarse_until_its_sound_arrives(qtbot: QtBot, room: Room) -> None:
    jobs: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = []
    builder = PeakBuilder(RATE)
    builder.add(tone())
    room.wave.set_peaks(builder.peaks(), lambda a, b: tone()[a:b], lambda job, done: jobs.append((job, done)))
    room.axis.look_at(12 * S, 12.01 * S)
    coarse = room.picture()
    assert len(jobs) == 1
    job, done = jobs.pop()
    done(job())
    fine = room.picture()
    assert coarse != fine
    room.axis.look_at(12.002 * S, 12.012 * S)
    room.picture()
    assert jobs == []


def test_an_empty_lane_says_why(room: Room) -> None:
    room.wave.set_waiting("Making the waveform…")
    before = room.picture()
    room.wave.set_peaks(None)
    assert room.picture() != before


def test_the_spectrogram_shows_the_tone_at_its_height_and_refuses_an_hour(room: Room) -> None:
    found = shades(tone()[12 * RATE : 13 * RATE], RATE, 160, 90)
    loudest = int(found.mean(axis=1).argmax())
    assert abs((1 - loudest / found.shape[0]) * 5500 - 1000) < 60
    assert shades(np.zeros(0, np.int16), RATE, 160, 4).max() == 0
    room.axis.look_at(12 * S, 14 * S)
    room.picture()
    assert room.spectrogram.ready
    with_tone = room.picture()
    room.spectrogram.set_track(None, 0, RATE, None)
    assert room.picture() != with_tone
    long = SpectrogramLane("long", "long")
    long.set_track(lambda a, b: tone()[a:b], 3600 * RATE, RATE, at_once)
    axis = TimeAxis(3600 * S)
    view = TimelineView(axis, load_theme("light"))
    view.set_lanes([long])
    room.qtbot.addWidget(view)
    view.grab()
    assert long.ready


def test_light_large_and_without_card_or_labels(qtbot: QtBot, room: Room) -> None:
    room.view.set_theme(load_theme("light", 2.0))
    room.picture()
    bare = TimelineView(TimeAxis(10 * S), load_theme("dark"), card=False, labels=False)
    wave = WaveLane("you", "you")
    wave.set_pcm(tone(10.0), RATE)
    bare.set_lanes([wave])
    qtbot.addWidget(bare)
    bare.grab()
    assert bare.plot_rect().left() == 0
    assert bare.sizeHint().height() > 20


def test_the_cursor_moves_without_drawing_everything_anew(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.picture()
    drawn: list[QPainter] = []
    monkeypatch.setattr(room.view, "_draw", drawn.append)
    room.axis.set_cursor(3 * S)
    room.picture()
    assert drawn == []
    room.axis.zoom(2)
    room.picture()
    assert len(drawn) == 1
