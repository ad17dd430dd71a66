"""The live lanes: rows for every height and text size, the model's own numbers, what it heard, the cursor."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tmlapp.core.cue import Cue
from tmlapp.core.event import Ducked, SpeechHeard, UnitDone
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.live.history import History, HistoryView, Lowered
from tmlapp.live.inner import MODES, SignalLog, picked
from tmlapp.ui.lane_rows import Rows, place_rows
from tmlapp.ui.lanes import HEIGHT_PX, Lanes
from tmlapp.ui.lanes_inner import listens_meaning, listens_text
from tmlapp.ui.signal_look import signal_meaning, signal_name, value_text
from tmlapp.ui.theme import Theme, load_theme

pytestmark = pytest.mark.qt

NOW_NS = 26 * NS_PER_S


def done(k: int, **numbers: list[float]) -> UnitDone:
    named = {name.replace("__", "."): values for name, values in numbers.items()}
    return UnitDone(micro_turn=k, latency_ns=21_000_000, diagnostics=named)


def heard(text: str, from_s: float, to_s: float, *, reason: str = "", grammar: str = "commands") -> SpeechHeard:
    return SpeechHeard(
        text=text, accepted=not reason, reason=reason, grammar=grammar,
        from_ns=round(from_s * NS_PER_S), to_ns=round(to_s * NS_PER_S),
    )  # fmt: skip


@pytest.fixture
def told() -> History:
    """Half a minute of a model that tells five numbers, hears, and counts."""
    history = History()
    for k in range(130):
        history.on_event(
            done(k, activity=[k / 130], rep_phase=[k % 10 / 10], acting=[1.0], motion=[0.3], count=[float(k // 10)],
                 hear__voice=[0.9 if k < 15 else 0.0], hear__listening=[float(k >= 15)],
                 app__prepare_ms=[2.0], levels=[0.1, 0.2])
        )  # fmt: skip
    history.on_cue(Cue(10 * NS_PER_S, "count", "one", 1))
    history.on_event(heard("please count out reps for squats", 0.6, 3.0))
    return history


# ------------------------------------------------------------------ what is kept and chosen


def test_single_numbers_of_the_model_are_kept_and_those_of_the_app_are_not(told: History) -> None:
    view = told.view(NOW_NS)
    own = ["activity", "rep_phase", "acting", "motion", "count"]
    assert [s.name for s in view.signals] == [*own, "hear.voice", "hear.listening"]
    activity, count = view.signals[0], view.signals[4]
    assert activity.at(10 * NS_PER_S) == pytest.approx(49 / 130)
    assert activity.at(9.9 * NS_PER_S) == pytest.approx(49 / 130), "a value holds for its whole micro-turn"
    assert activity.at(NOW_NS + 1) is None
    assert activity.at(-5 * NS_PER_S) is None
    assert (activity.low, activity.high) == (0.0, 1.0)
    assert (count.low, count.high) == (0.0, 12.0), "the scale widens where a number leaves 0 to 1"


def test_four_numbers_get_a_line_and_its_hearing_is_always_one_of_them(told: History) -> None:
    assert [s.name for s in picked(told.view(NOW_NS).signals)] == ["activity", "rep_phase", "acting", "hear.voice"]
    log = SignalLog()
    for name in "abcdef":
        log.add(done(0, **{name: [0.0]}))
    assert [s.name for s in picked(log.signals())] == ["a", "b", "c", "d"]


def test_a_micro_turn_that_is_answered_twice_counts_once() -> None:
    log = SignalLog()
    log.add(done(3, activity=[0.25]))
    log.add(done(3, activity=[0.75]))
    (signal,) = log.signals()
    assert signal.values.tolist() == [0.25]


def test_what_it_listens_for_is_what_it_says_itself(told: History) -> None:
    assert told.view(NOW_NS).listens == "stop"
    assert told.view(NOW_NS).signals[-1].at(NS_PER_S) == 0.0
    told.on_event(done(130, hear__listening=[2.0]))
    assert told.view(NOW_NS).listens == "paused"
    assert {listens_text(m) for m in MODES} == {"hears all", "hears stop", "hears go on"}
    assert all(map(listens_meaning, MODES))
    deaf = History()
    deaf.on_event(done(0, activity=[0.0]))
    assert deaf.view(NOW_NS).listens == ""


def test_speech_and_lowered_stretches_leave_with_the_window(told: History) -> None:
    told.on_event(Ducked(gain_db=-12.0, since_ns=5 * NS_PER_S, t_rx_ns=6 * NS_PER_S))
    told.on_event(Ducked(gain_db=0.0, since_ns=7 * NS_PER_S, t_rx_ns=8 * NS_PER_S))
    view = told.view(NOW_NS)
    assert view.ducked == (Lowered(6 * NS_PER_S, 8 * NS_PER_S, -12.0),)
    assert [h.text for h in view.speech] == ["please count out reps for squats"]
    later = told.view(39 * NS_PER_S)
    assert (later.ducked, later.speech) == ((), ())


# ------------------------------------------------------------------ where the rows stand


def all_rows(rows: Rows) -> list[Any]:
    return [r for r in (rows.you, rows.heard, rows.flags, rows.model, rows.reply, *rows.bands, rows.axis) if r]


@given(st.integers(96, 420), st.floats(10, 30), st.booleans(), st.integers(0, 4))
def test_rows_never_overlap_and_stay_inside(height: int, text: float, hears: bool, signals: int) -> None:
    rows = all_rows(place_rows(height, text, hears=hears, signals=signals))
    for above, below in pairwise(rows):
        assert above.bottom <= below.top + 0.5 or height < 6 * text
    assert rows[-1].bottom <= height


def test_the_usual_height_has_room_for_everything_and_a_small_one_for_what_matters() -> None:
    whole = place_rows(HEIGHT_PX, 13.3, hears=True, signals=4)
    assert len(all_rows(whole)) == 10
    small = place_rows(HEIGHT_PX, 27.0, hears=True, signals=4)
    assert (small.heard is None, small.reply, len(small.bands)) == (False, None, 2), "numbers before latencies"


# ------------------------------------------------------------------ what is drawn


@pytest.fixture(params=["dark", "light"])
def theme(request: pytest.FixtureRequest) -> Theme:
    return load_theme(request.param)


@pytest.fixture
def lanes(qtbot: QtBot, theme: Theme, told: History) -> Lanes:
    made = Lanes(theme)
    qtbot.addWidget(made)
    made.resize(906, HEIGHT_PX)
    made.show()
    made.show_view(told.view(NOW_NS), NOW_NS)
    return made


def inked(image: QImage, color: QColor, top: float, bottom: float) -> int:
    """How many pixels between two heights have about this colour."""
    ratio = image.devicePixelRatio()
    raw = np.frombuffer(image.convertToFormat(QImage.Format.Format_RGB32).constBits(), np.uint8)
    rows = raw.reshape(image.height(), -1, 4)[round(top * ratio) : round(bottom * ratio), :, 2::-1].astype(int)
    wanted = np.array([color.red(), color.green(), color.blue()])
    return int((np.abs(rows - wanted).max(axis=2) < 24).sum())


def test_every_number_has_its_own_line_in_its_own_colour(lanes: Lanes, theme: Theme) -> None:
    image = lanes.grab().toImage()
    for row, color in zip(lanes.rows().bands, theme.signals, strict=True):
        own = inked(image, color, row.top, row.bottom)
        assert own > 100
        for other in theme.signals:
            assert other == color or inked(image, other, row.top, row.bottom) < own / 4


def move(lanes: Lanes, x: int) -> None:
    at, none = QPointF(x, 100), Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, at, lanes.mapToGlobal(at), none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(lanes, event)


def test_the_pointer_shows_the_values_of_its_micro_turn(lanes: Lanes, theme: Theme) -> None:
    rows = lanes.rows()
    before = inked(lanes.grab().toImage(), theme.text, rows.bands[0].top, rows.axis.bottom)
    move(lanes, 500)
    assert inked(lanes.grab().toImage(), theme.text, rows.bands[0].top, rows.axis.bottom) > before + 100
    move(lanes, 20)
    assert inked(lanes.grab().toImage(), theme.text, rows.bands[0].top, rows.axis.bottom) == before


def test_each_row_says_what_it_means_and_why_words_were_not_taken(lanes: Lanes, told: History) -> None:
    rows = lanes.rows()
    assert rows.heard is not None
    assert rows.reply is not None
    assert lanes.hint(QPointF(20, rows.bands[0].middle)) == signal_meaning("activity")
    assert "“stop”" in lanes.hint(QPointF(20, rows.heard.middle))
    assert lanes.hint(QPointF(200, rows.heard.middle)) == "“please count out reps for squats”"
    assert "reply" in lanes.hint(QPointF(200, rows.reply.middle))
    told.on_event(heard("", 20, 21, reason="Did not understand: the words fit no instruction.", grammar="stop"))
    told.on_event(Ducked(gain_db=-12.0, since_ns=0, t_rx_ns=20 * NS_PER_S))
    lanes.show_view(told.view(NOW_NS), NOW_NS)
    assert lanes.hint(QPointF(890, rows.heard.middle)) == "did not understand. The words fit no instruction."
    assert "12 dB" in lanes.hint(QPointF(200, rows.model.middle))
    assert lanes.accessibleDescription().endswith("Heard last: did not understand. The words fit no instruction.")


def test_a_model_that_tells_nothing_of_itself_leaves_no_empty_rows(qtbot: QtBot, theme: Theme) -> None:
    history = History()
    for k in range(20):
        history.on_event(UnitDone(micro_turn=k, latency_ns=TURN_NS))
    lanes = Lanes(theme)
    qtbot.addWidget(lanes)
    assert lanes.hint(QPointF(10, 10)) == ""
    view: HistoryView = history.view(4 * NS_PER_S)
    lanes.show_view(view, 4 * NS_PER_S)
    rows = lanes.rows()
    assert (rows.heard, rows.bands) == (None, ())
    assert rows.reply is not None


def test_names_and_values_are_short() -> None:
    assert [signal_name(n) for n in ("activity", "rep_phase", "hear.voice", "hear.mode", "my_own")] == [
        "activity", "phase", "voice", "mode", "my own",
    ]  # fmt: skip
    assert signal_meaning("other").startswith("other")
    assert [value_text(v) for v in (0.256, 1.0, 12.4)] == ["0.26", "1.00", "12"]
