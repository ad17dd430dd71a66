"""A person runs sessions: keys pressed in a real window, a real session on a real clip behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMessageBox

from tests.ui.conftest import Person
from tests.ui.sessions import Desk, counting
from tmlapp.core.event import Gap, Marker
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]


@pytest.fixture
def counted(demo_clip: Path) -> Desk:
    """A session in which the model says start at 1 s and counts at 2, 3 and 4 s."""
    source = f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}"
    return Desk(source, counting([2.0, 3.0, 4.0], start_s=1.0, stop_s=5.0))


def markers(recording: Path) -> list[tuple[str, str]]:
    events = Recording.open(recording).events()
    return [(e.label, e.note) for e in events if isinstance(e, Marker)]


def close_session(person: Person) -> Path:
    person.press(Qt.Key.Key_Space)
    person.sees(lambda: person.window.pages.currentWidget() is person.window.result)
    recording = person.window.result.recording
    assert recording is not None
    return recording


def test_space_starts_a_session_and_the_picture_appears(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    stage = person.window.stage
    person.sees(lambda: stage.grab().toImage().pixelColor(stage.width() // 2, stage.height() // 2).value() > 30)
    assert person.window.header.rec.text().startswith("REC")


def test_count_and_cues_are_shown_as_the_model_says_them(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(1.4)
    stage = person.window.stage
    person.sees(lambda: stage.overlay.border == "start")
    assert stage.overlay.action == "squats"
    person.go_on_to(3.2)
    person.sees(lambda: stage.overlay.count == 2 and stage.overlay.caption == "two")
    assert "count 2" in stage.accessibleDescription()
    person.go_on_to(5.2)
    person.sees(lambda: stage.overlay.border == "stop" and stage.overlay.count == 3)
    for words in ("start", "one", "two", "three", "stop"):
        person.sees_row(f"model {words}")


def test_the_count_bumps_when_it_changes_and_then_rests(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(2.2)
    stage = person.window.stage
    person.sees(lambda: stage.overlay.count == 1)
    person.sees(lambda: not stage._animation.isActive())
    person.go_on_to(3.2)
    person.sees(lambda: stage._animation.isActive())


def test_an_output_is_painted_after_it_was_received(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(1.6)
    painted: list[int | None] = []
    person.window.stage.on_painted = lambda overlay, _at: painted.append(overlay.count)
    person.go_on_to(2.4)
    person.sees(lambda: 1 in painted)


def test_space_stops_and_the_recording_is_shown_with_what_was_said(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(4.4)
    recording = close_session(person)
    assert recording.suffix == ".mcap"
    assert str(recording) in person.window.result.path.text()
    person.sees(lambda: "3 of them counts" in person.window.result.summary.text())
    assert Recording.open(recording).n_turns == 22


def test_space_after_a_session_makes_ready_for_the_next(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    first = close_session(person)
    person.press(Qt.Key.Key_Space)
    person.sees(lambda: person.window.pages.currentWidget() is person.window.preflight)
    person.start()
    assert close_session(person) != first


def test_m_sets_a_marker_that_is_recorded(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    person.press(Qt.Key.Key_M)
    person.sees_row("marker")
    assert ("marker", "") in markers(close_session(person))


def test_n_takes_a_note_and_gives_the_keys_back(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    person.press(Qt.Key.Key_N)
    person.type("heel lifted, still counted")
    person.press(Qt.Key.Key_Return)
    person.sees_row("heel lifted, still counted")
    person.press(Qt.Key.Key_M)
    person.sees_row("marker marker")
    assert ("note", "heel lifted, still counted") in markers(close_session(person))


@pytest.mark.parametrize("digit", [1, 5, 9])
def test_digits_tag_the_moment_with_a_verdict(open_window: OpenWindow, counted: Desk, digit: int) -> None:
    person = open_window(counted)
    person.start()
    person.press(Qt.Key(int(Qt.Key.Key_0) + digit))
    person.sees_row(f"verdict {digit}")
    assert (str(digit), "") in markers(close_session(person))


def test_letters_typed_into_a_note_are_no_commands(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    person.press(Qt.Key.Key_N)
    person.type("m q p 1 space")
    assert person.window.events.note.text() == "m q p 1 space"
    session = person.window.controller.session
    assert session is not None
    assert not session.snapshot().muted
    assert session.state == "running"


def test_t_tells_the_model_something_and_the_next_micro_turn_carries_it(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    person.press(Qt.Key.Key_T)
    person.type("stop counting")
    person.press(Qt.Key.Key_Return)
    person.go_on_to(2.0)
    person.sees_row("stop counting")
    turns = Recording.open(close_session(person)).turns()
    assert [t.text for turn in turns for t in turn.texts] == ["stop counting"]


def test_q_mutes_and_the_button_says_so(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    person.press(Qt.Key.Key_Q)
    person.sees_row("microphone muted")
    assert person.window.header.mute.isChecked()
    person.go_on_to(3.0)
    person.press(Qt.Key.Key_Q)
    person.sees_row("microphone on")
    assert not person.window.header.mute.isChecked()
    turns = list(Recording.open(close_session(person)).turns())
    assert not turns[10].pcm.any()


def test_p_pauses_and_goes_on(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    person.press(Qt.Key.Key_P)
    person.sees_row("paused")
    person.sees(lambda: person.window.header.rec.text().startswith("PAUSED"))
    person.press(Qt.Key.Key_P)
    person.sees_row("resumed")
    person.go_on_to(2.0)


def test_gaps_are_listed_once_with_their_length(open_window: OpenWindow, demo_clip: Path) -> None:
    def gap(index: int) -> tuple[Gap, ...]:
        reason = "The microphone was unplugged."
        return (Gap(t_ns=index * 200_000_000, track="mic", dur_ns=200_000_000, reason=reason, kind="unplugged"),)

    desk = Desk(f"{demo_clip / 'squats.mp4'}", extra={2: gap(2), 3: gap(3), 4: gap(4)})
    person = open_window(desk)
    person.start(2.0)
    person.sees_row("microphone: The microphone was unplugged. 600 ms")
    assert sum("unplugged" in row for row in person.rows()) == 1


def test_ctrl_f_searches_the_events_and_escape_shows_all_again(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(4.4)
    person.sees_row("three")
    person.press(Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    person.type("TWO")
    person.sees(lambda: len(person.rows()) == 1 and "two" in person.rows()[0])
    person.type("x")
    person.sees(lambda: person.window.events.empty.isVisible())
    person.press(Qt.Key.Key_Escape)
    person.sees(lambda: len(person.rows()) >= 5)


def test_presenter_shows_the_stage_alone_and_escape_leaves_it(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(2.2)
    window = person.window
    person.press(Qt.Key.Key_F)
    person.sees(window.isFullScreen)
    person.sees(lambda: window.stage.placed.badge is not None)
    assert not any(part.isVisible() for part in (window.header, window.rail, window.events, window.lanes))
    person.sees(lambda: window.stage.placed.banner is None)
    person.press(Qt.Key.Key_Escape)
    person.sees(lambda: not window.isFullScreen() and window.header.isVisible())


def test_a_recording_window_does_not_close_by_accident(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    person.window.close()
    box = person.window.findChild(QMessageBox, "close-guard")
    assert box is not None
    assert person.window.isVisible()
    person.qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert person.window.controller.live


def test_stop_and_close_keeps_the_recording(open_window: OpenWindow, counted: Desk, tmp_path: Path) -> None:
    person = open_window(counted)
    person.start(2.0)
    person.window.close()
    box = person.window.findChild(QMessageBox, "close-guard")
    assert box is not None
    with person.qtbot.waitSignal(person.window.gone, timeout=20_000):
        next(b for b in box.buttons() if "Stop" in b.text()).click()
    found = list((tmp_path / "recordings").glob("*.mcap"))
    assert len(found) == 1
    assert Recording.open(found[0]).n_turns == 10


def test_a_session_that_ends_by_itself_leads_to_the_result(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    assert counted.feed is not None
    counted.feed.end()
    person.sees(lambda: person.window.pages.currentWidget() is person.window.result)
    assert person.window.header.rec.text() == "READY"


def test_a_recording_goes_to_the_trash_only_after_a_question(open_window: OpenWindow, counted: Desk) -> None:
    trashed: list[Path] = []
    person = open_window(counted, trash=trashed.append)
    person.start()
    recording = close_session(person)
    person.press(Qt.Key.Key_Delete)
    box = person.window.findChild(QMessageBox, "trash-guard")
    assert box is not None
    assert trashed == []
    next(b for b in box.buttons() if "Move" in b.text()).click()
    person.sees(lambda: person.window.result.title.text() == "Moved to the trash")
    assert trashed == [recording]


def test_lanes_and_status_follow_the_session(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(4.0)
    bridge = person.window.controller.bridge
    assert bridge is not None
    # The last answer may still be on its way when its micro-turn has been shown.
    person.sees(lambda: [c.text for c in bridge.history.view(4_000_000_000).cues] == ["start", "one", "two", "three"])
    person.sees(lambda: len(bridge.history.view(4_000_000_000).replies) == 20)
    view = bridge.history.view(4_000_000_000)
    assert {s.text for s in view.spoken} >= {"start", "one", "two"}
    person.sees(lambda: "0" in person.window.status.text("dropped"))
    person.sees(lambda: person.window.status.text("turn").startswith("turn 200.0"))


def test_the_size_of_the_recording_is_seen_to_grow(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(1.0)
    rec = person.window.header.rec

    def shown_bytes() -> float:
        number, unit = rec.text().split()[-2:]
        return float(number) * {"B": 1, "kB": 1e3, "MB": 1e6}[unit]

    person.sees(lambda: "00:00:01" in rec.text() and shown_bytes() > 0)
    before = shown_bytes()
    person.go_on_to(4.0)
    person.sees(lambda: shown_bytes() > before)


def test_no_letter_is_lost_to_a_text_box_at_the_start(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start()
    assert QApplication.focusWidget() is person.window.view
