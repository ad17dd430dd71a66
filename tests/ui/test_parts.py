"""Single parts of the window, without a session."""

from __future__ import annotations

import pytest
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tmlapp.core.event import Health, Marker, TextOutDone, UnitDone
from tmlapp.ui.eventpanel import EventModel
from tmlapp.ui.statusbar import StatusBar
from tmlapp.ui.theme import load_theme

pytestmark = pytest.mark.qt


def test_the_list_of_events_announces_its_rows_as_views_expect(qtbot: QtBot) -> None:
    model = EventModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    seen: list[tuple[int, int]] = []
    model.rowsAboutToBeInserted.connect(lambda _parent, first, _last: seen.append((first, model.rowCount())))
    for k in range(3):
        model.add(TextOutDone(text=f"{k}", t_rx_ns=k))
        model.add(UnitDone(micro_turn=k, latency_ns=1))
    model.add(Marker(t_ns=9, label="marker"))
    assert seen == [(0, 0), (1, 1), (2, 2), (3, 3)]
    model.clear()
    assert model.rowCount() == 0
    del tester


def test_lost_samples_and_frames_are_two_numbers_and_a_name_is_no_markup(qtbot: QtBot) -> None:
    bar = StatusBar(load_theme("dark"))
    qtbot.addWidget(bar)
    health = Health(t_ns=0, turns=5, dropped_samples=3200, dropped_frames=2)
    bar.show_health(health, microphone="A<b>B", muted=False, recording_bytes=0, turn_ms=None, jitter_ms=None)
    assert bar.text("dropped") == "dropped 3200 / 2"
    assert any("A&lt;b&gt;B" in label.text() for label in bar.findChildren(QLabel))
