"""The two tracks of a microphone with an echo canceller, in Review: as captured, and what the model heard of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from tests.recording.parts import GRANTED, REST, events_of, make_info, make_turn, record
from tests.ui.test_review import Reviewer, review
from tmlapp.core.event import SessionOpened
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.finalize import finalize
from tmlapp.recording.log_writer import LogWriter
from tmlapp.recording.part import PartFile
from tmlapp.recording.peaks import Peaks
from tmlapp.recording.reader import PROCESSED, Recording
from tmlapp.ui.review.reading import EAR
from tmlapp.ui.timeline.lane_menu import lane_menu
from tmlapp.ui.timeline.order import arranged

__all__ = ["review"]

pytestmark = pytest.mark.qt
TURNS = 10
SHIFT = Qt.KeyboardModifier.ShiftModifier
WITHOUT = [
    "you", "hears", "heard", "words", "outputs", "cues", "inner", "expectations", "grades", "reply", "gaps", "markers",
]  # fmt: skip
"""The lanes that are shown of any recording."""


def cancelled(folder: Path, name: str = "cancelled") -> Path:
    """A finished recording with both tracks; the model heard a tenth of what was captured."""
    part = PartFile.create(folder, name)
    log = LogWriter(part)
    log.start(make_info())
    log.event(SessionOpened(seq=0, t_rx_ns=0, granted=GRANTED))
    for index in range(TURNS):
        turn = make_turn(index)
        heard = replace(turn, pcm=(turn.pcm // 10).astype(np.int16))
        log.turn(heard, 10 * index, 10 * index + 3, 1.5, turn.pcm)
        for event in events_of(index)[-3:]:
            log.event(event)
        log.heard((index + 1) * NS_PER_S // 5, np.full(600, 5, "<i2").tobytes(), 24_000)
    for rest in REST:
        log.event(rest)
    part.flush()
    part.close()
    final = finalize(part.path)
    part.path.unlink()
    return final


@pytest.fixture
def both(review: Reviewer, tmp_path: Path) -> Reviewer:
    review.open(cancelled(tmp_path))
    review.sees(lambda: review.page.lanes.processed.peaks is not None)
    return review


def track(path: Path, topic: str) -> Pcm:
    return Recording.open(path).audio(topic)[0]


def keys(reviewer: Reviewer) -> list[str]:
    return [lane.key for lane in reviewer.page.timeline.shown]


def played(reviewer: Reviewer, name: str) -> list[Pcm]:
    """The tracks of a choice of the player, each as it is in the file."""
    path = reviewer.page.path
    assert path is not None
    sounds = reviewer.page.reading.choices()[name]
    return [sound.read(0, len(track(path, "/mic"))) for sound in sounds if sound.rate_hz == 16_000]


def test_what_the_model_heard_of_a_person_is_a_lane_below_the_sound_as_captured(both: Reviewer) -> None:
    page, lanes = both.page, both.page.lanes
    path = page.path
    assert path is not None
    assert keys(both)[:2] == ["you", "processed"]
    assert lanes.processed.peaks is not None
    assert lanes.you.peaks is not None
    captured, heard = track(path, "/mic"), track(path, PROCESSED)
    assert np.array_equal(heard, captured // 10)
    assert np.array_equal(lanes.processed.peaks.finest, Peaks.of(heard, 16_000).finest)
    assert np.array_equal(lanes.you.peaks.finest, Peaks.of(captured, 16_000).finest)
    assert not np.array_equal(lanes.processed.peaks.finest, lanes.you.peaks.finest)
    assert lanes.processed.hint(page.timeline.plot_of(lanes.processed), QPointF(200, 60)) == (
        "What the model heard of you"
    )
    assert lanes.processed.describe(page.axis) == "you, as heard: What the model heard of you"
    assert lanes.you.describe(page.axis) == "you"
    page.grab()


def test_without_a_canceller_there_is_no_lane_and_no_command(review: Reviewer, tmp_path: Path) -> None:
    page, window = review.page, review.person.window
    review.open(record(tmp_path, TURNS))
    assert keys(review) == WITHOUT
    menu = lane_menu(page.timeline, None)
    assert "you, as heard" not in [action.text() for action in menu.actions()]
    menu.deleteLater()
    assert not page.host.actions_[f"review.{EAR}"].isVisible()
    window.resize(1024, 640)
    processed = page.lanes.processed
    places = page.timeline.places()
    assert [lane.key for lane, _, _ in places] == ["ruler", *WITHOUT]
    page.timeline.set_lanes([lane for lane in page.timeline.lanes if lane is not processed])
    assert page.timeline.places() == places, "it takes no room"
    review.press(Qt.Key.Key_A, SHIFT)
    assert page.playback.player is not None
    assert page.playback.player.choice == "A"


def test_in_a_small_window_every_lane_with_it_is_reached(both: Reviewer) -> None:
    timeline, window = both.page.timeline, both.person.window
    window.resize(1024, 640)
    assert (window.width(), window.height()) == (1024, 640)
    for lane in timeline.shown:
        timeline.focus_lane(lane)
        top, height = next((t, h) for known, t, h in timeline.places() if known is lane)
        assert top + height <= timeline.height(), lane.key
    both.page.grab()


def test_what_the_model_heard_of_a_person_is_played_alone_and_never_mixed_in(both: Reviewer, tmp_path: Path) -> None:
    page = both.page
    player, path = page.playback.player, page.path
    assert player is not None
    assert path is not None
    action = page.host.actions_[f"review.{EAR}"]
    assert action.isVisible()
    both.press(Qt.Key.Key_A, SHIFT)
    assert (player.choice, action.isChecked()) == (EAR, True)
    (alone,) = played(both, EAR)
    assert np.array_equal(alone, track(path, PROCESSED))
    (mixed,) = played(both, "A")
    assert np.array_equal(mixed, track(path, "/mic"))
    both.press(Qt.Key.Key_A)
    assert (player.choice, action.isChecked()) == ("A", False)
    both.press(Qt.Key.Key_A, SHIFT)
    both.open(record(tmp_path, TURNS))
    assert page.playback.player is not None
    assert (page.playback.player.choice, action.isChecked(), action.isVisible()) == ("A", False, False)


def test_it_is_left_as_it_was_also_by_recordings_without_it(both: Reviewer, tmp_path: Path) -> None:
    timeline = both.page.timeline
    timeline.hide_lane("processed")
    both.open(record(tmp_path, TURNS, "plain"))
    assert "processed" not in keys(both)
    both.open(cancelled(tmp_path, "again"))
    assert "processed" not in keys(both)
    timeline.hide_lane("processed", False)
    assert keys(both)[:2] == ["you", "processed"]


def test_an_order_from_before_has_it_below_the_sound_as_captured(both: Reviewer) -> None:
    lanes = both.page.lanes.first()
    before = [("markers", False, 1.0), ("you", False, 1.5), ("heard", True, 1.0)]
    order = [lane.key for lane in arranged(lanes, before)]
    assert order.index("processed") == order.index("you") + 1
    assert order[0] == "markers"
