"""A person meets a remote model: the connection, what is granted, the frames, and the way out."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from tests.ui.conftest import Person
from tests.ui.remote_fake import HOST, FakeRemote, granted
from tests.ui.sessions import Desk, counting
from tests.ui.test_session_in_window import close_session
from tmlapp.config.profiles import EndpointProfile, profiles_path, save_profiles
from tmlapp.config.settings import Settings, load_settings
from tmlapp.core.errors import AppError
from tmlapp.core.event import ConnectionChanged, EndpointError, EndpointEvent, InputLost, Limit, WireFrame
from tmlapp.core.turn import Interrupt
from tmlapp.live.preflight import Check
from tmlapp.ui.endpoints.profiles_dialog import ProfilesDialog
from tmlapp.ui.endpoints.recent import recent_addresses, use_address
from tmlapp.ui.endpoints.wire_dialog import WireDialog
from tmlapp.ui.endpoints.wire_panel import WirePanel
from tmlapp.ui.review.wire import show_wire
from tmlapp.ui.review.workspace import ReviewWorkspace
from tmlapp.ui.window import MainWindow

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def meet(open_window: OpenWindow, demo_clip: Path, facts: dict[str, Any]) -> Callable[..., Person]:
    """Opens a window on a remote model that says what is given, and agrees to send."""
    facts.update(local=False, host=HOST)

    def make(remote: FakeRemote | None = None, **settings: Any) -> Person:
        endpoint = remote or FakeRemote(counting([2.0, 3.0]))
        person = open_window(Desk(f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}", endpoint=endpoint))
        person.sees(lambda: person.window.preflight.consent.isVisible())
        person.press(Qt.Key.Key_Y)
        return person

    return make


def wire(person: Person) -> WirePanel:
    return person.window.endpoints.dock.wire


def frames(person: Person) -> list[str]:
    return [row.kind for row in wire(person).model.shown()]


# ---------------------------------------------------------------------------------------------- connection


def test_the_connection_is_said_in_header_and_status_bar(meet: Callable[..., Person]) -> None:
    extra = {
        9: [ConnectionChanged(state="reconnecting", reason="The network went away.", attempt=2)],
        10: [InputLost(micro_turn=k, what="turn", reason="not connected") for k in (8, 9)],
        14: [ConnectionChanged(state="open")],
    }
    person = meet(FakeRemote(counting([1.0]), extra=extra))
    window = person.window
    assert window.status.link.isHidden(), "before a session there is no connection"
    person.start(1.6)
    person.sees(lambda: "open" in window.status.link.accessibleName())
    assert HOST in window.header.endpoint.accessibleName()
    assert "open" in window.header.endpoint.accessibleName()
    person.go_on_to(2.6)
    person.sees(lambda: "reconnecting, try 2" in window.header.endpoint.accessibleName())
    assert "The network went away" in window.status.link.accessibleName()
    person.sees_row("connection to the model is lost")
    person.sees(lambda: any("is lost" in text for text in window.endpoints.toasts.texts()))
    person.go_on_to(4.0)
    person.sees(lambda: "2 micro-turns lost" in window.status.link.accessibleName())
    person.sees(lambda: any("is back" in text for text in window.endpoints.toasts.texts()))
    person.sees(lambda: "round trip" in window.status.link.accessibleName())
    close_session(person)
    person.sees(lambda: "closed" in window.status.link.accessibleName())


def test_the_reply_is_split_into_its_parts(meet: Callable[..., Person]) -> None:
    person = meet()
    person.start(4.2)
    person.sees(lambda: "network" in person.window.status.text("split"))
    assert "model" in person.window.status.text("split")


def test_waiting_in_the_queue_is_shown_and_can_be_given_up(meet: Callable[..., Person]) -> None:
    hold = threading.Event()
    told = [ConnectionChanged(state="connecting"), ConnectionChanged(state="waiting", reason="You are number 2.")]
    person = meet(FakeRemote(before=told, hold=hold))
    window = person.window
    person.sees(lambda: window.preflight.ready)
    person.press(Qt.Key.Key_Space)
    person.sees(lambda: "Waiting in the queue" in window.preflight.title.text())
    assert "number 2" in window.preflight.hint.text()
    assert "waiting in the queue" in window.header.endpoint.accessibleName()
    assert window.actions_["live.toggle"].text() == "Give up"
    person.press(Qt.Key.Key_Space)
    person.sees(lambda: not window.controller.live)
    person.sees(lambda: bool(window.preflight.rows))
    person.sees(lambda: window.preflight.ready)
    assert not window.banner.isVisible(), "giving up is no error"
    assert window.status.link.isHidden()


def test_a_connection_that_fails_is_an_error_and_the_window_is_ready_again(meet: Callable[..., Person]) -> None:
    remote = FakeRemote()

    def refuse(*_: Any) -> Any:
        raise AppError("The key was refused.", "401.", "Correct it.")

    remote.open = refuse  # type: ignore[method-assign]
    person = meet(remote)
    person.sees(lambda: person.window.preflight.ready)
    person.press(Qt.Key.Key_Space)
    person.sees(person.window.banner.isVisible)
    assert "refused" in person.window.banner.what.text()
    person.sees(lambda: not person.window.header.name.isReadOnly())


def test_problems_that_end_nothing_are_calm(meet: Callable[..., Person]) -> None:
    trouble = EndpointError(kind="invalid_input", code="image_too_big", message="Too big.", fatal=False)
    extra: dict[int, list[EndpointEvent]] = {
        3: [trouble],
        4: [Limit(kind="going_away", remaining_ms=50_000, message="A restart.")],
    }
    extra[2] = [EndpointError(kind="network", code="1006", message="It broke.", fatal=False)]
    person = meet(FakeRemote(extra=extra))
    person.start(1.4)
    toasts = person.window.endpoints.toasts
    person.sees(lambda: any("closes this connection" in t for t in toasts.texts()))
    assert any("image_too_big" in text for text in toasts.texts())
    assert not any("1006" in text for text in toasts.texts()), "the reconnection is told instead"
    person.sees_row("Too big.")
    assert not person.window.banner.isVisible()
    assert not [row for row in person.rows() if " error " in row]


def test_notices_stay_clear_of_what_the_model_shows(meet: Callable[..., Person]) -> None:
    trouble = EndpointError(kind="invalid_input", code="a_rather_long_code", message="m", fatal=False)
    person = meet(FakeRemote(counting([1.0, 2.0], start_s=0.6), extra={12: [trouble]}))
    person.start(3.0)
    window = person.window

    def apart() -> bool:
        box = window.endpoints.toasts.geometry()
        signs = (window.stage.placed.badge, window.stage.placed.banner)
        beside = [s and (box.right() < s.x or box.left() > s.right or box.top() > s.bottom) for s in signs]
        return all(beside) and box.height() >= 30

    for size in ((1280, 800), (1024, 640)):
        window.resize(*size)
        person.sees(apart)


def test_the_presenter_shows_no_notices_and_no_dock(meet: Callable[..., Person]) -> None:
    trouble = EndpointError(kind="server", code="c", message="m", fatal=False)
    person = meet(FakeRemote(extra={6: [trouble]}))
    person.start(1.0)
    person.press(Qt.Key.Key_W)
    window = person.window
    person.press(Qt.Key.Key_F)
    assert not window.endpoints.dock.isVisible()
    window.endpoints.toasts.clear()
    person.go_on_to(2.0)
    person.sees_row("reported a problem")
    assert window.endpoints.toasts.texts() == []
    person.press(Qt.Key.Key_F)
    person.sees(window.endpoints.dock.isVisible)
    assert not window.lanes.isVisible()


# ---------------------------------------------------------------------------------------------- what is granted


def test_what_was_refused_is_told_and_stands_beside_what_is_granted(meet: Callable[..., Person]) -> None:
    person = meet()
    window = person.window
    person.start(1.2)
    person.sees_row("Not granted: temperature 0.2")
    person.sees(lambda: any("2 of what was asked for" in t for t in window.endpoints.toasts.texts()))
    person.press(Qt.Key.Key_A)
    panel = window.endpoints.dock.granted
    person.sees(panel.isVisible)
    text = panel.text()
    for words in ("omni-7b", "the model decides when it speaks", "temperature 0.2", "3 camera frames per micro-turn",
                  "1 a second", "59:5", "In its own words", "native duplex"):  # fmt: skip
        assert words in text, words
    assert window.actions_["live.granted"].isChecked()
    person.press(Qt.Key.Key_A)
    assert not window.endpoints.dock.isVisible()
    assert window.lanes.isVisible()


def test_before_a_session_nothing_is_granted_and_that_is_said(open_window: OpenWindow) -> None:
    person = open_window()
    person.press(Qt.Key.Key_A)
    assert "Nothing was agreed on yet" in person.window.endpoints.dock.granted.text()
    person.press(Qt.Key.Key_Escape)
    assert not person.window.endpoints.dock.isVisible()


def test_everything_granted_is_said_too(meet: Callable[..., Person]) -> None:
    person = meet(FakeRemote(agreed=granted(rejections=())))
    person.start(1.0)
    person.press(Qt.Key.Key_A)
    person.sees(lambda: "Everything that was asked for" in person.window.endpoints.dock.granted.text())
    person.window.resize(1024, 640)
    person.window.toggle_theme()
    assert "Everything that was asked for" in person.window.endpoints.dock.granted.text()


def test_the_person_cuts_the_model_off(meet: Callable[..., Person]) -> None:
    remote = FakeRemote(counting([1.0]))
    person = meet(remote)
    assert not person.window.actions_["live.interrupt"].isEnabled()
    person.start(1.2)
    person.press(Qt.Key.Key_B)
    person.go_on_to(2.4)

    def cuts() -> list[Interrupt]:
        return [c for turn in remote.interrupted for c in turn.controls if isinstance(c, Interrupt)]

    person.sees(lambda: bool(cuts()))
    assert [cut.by_person for cut in cuts()] == [True]


# ---------------------------------------------------------------------------------------------- the wire


def test_every_frame_is_listed_both_ways_and_the_list_follows(meet: Callable[..., Person]) -> None:
    person = meet()
    person.press(Qt.Key.Key_W)
    panel = wire(person)
    assert "listed here" in panel.empty.text()
    person.start(2.2)
    person.sees(lambda: "response.output_audio.delta" in frames(person))
    assert frames(person)[0] == "session.update"
    assert panel.following
    bar = panel.table.verticalScrollBar()
    person.sees(lambda: bar.value() == bar.maximum())
    assert "frames" in panel.count.text()
    panel.table.selectRow(0)
    assert not panel.following, "it stands where somebody looks"
    assert not person.window.actions_["wire.follow"].isChecked()
    person.go_on_to(3.0)
    assert panel.table.currentIndex().row() == 0
    person.press(Qt.Key.Key_W, SHIFT)
    assert panel.following
    person.sees(lambda: bar.value() == bar.maximum())


def test_the_chosen_frame_is_a_tree_with_media_folded(meet: Callable[..., Person]) -> None:
    person = meet()
    person.press(Qt.Key.Key_W)
    person.start(2.2)
    panel = wire(person)
    person.sees(lambda: "input_audio_buffer.append" in frames(person))
    panel.table.selectRow(frames(person).index("input_audio_buffer.append"))
    tree = panel.detail.tree
    assert panel.detail.kind.whole == "input_audio_buffer.append"
    texts = {tree.topLevelItem(i).text(0): tree.topLevelItem(i).text(1) for i in range(tree.topLevelItemCount())}  # type: ignore[union-attr]
    assert texts["audio"].startswith("‹6.4 kB")
    panel.table.selectRow(0)
    panel.detail.copy.click()
    assert json.loads(QGuiApplication.clipboard().text())["session"]["authorization"] == "••••"


def test_frames_are_searched_and_filtered(meet: Callable[..., Person]) -> None:
    trouble = EndpointError(kind="server", code="overload", message="m", fatal=False)
    person = meet(FakeRemote(counting([1.0]), extra={3: [trouble]}))
    person.press(Qt.Key.Key_W)
    person.start(2.0)
    panel = wire(person)
    person.sees(lambda: "error" in frames(person))
    panel.table.setFocus()
    person.press(Qt.Key.Key_F, CTRL)
    assert panel.search.hasFocus()
    person.type("overload")
    person.press(Qt.Key.Key_Return)
    assert frames(person) == ["error"]
    assert panel.detail.kind.whole == "error"
    panel.search.clear()
    person.press(Qt.Key.Key_E, SHIFT)
    assert set(frames(person)) == {"error"}
    person.press(Qt.Key.Key_E, SHIFT)
    panel.direction.setCurrentIndex(1)
    assert all(row.sent for row in panel.model.shown())
    panel.kind.setCurrentIndex(panel.kind.findData("session.update"))
    assert frames(person) == ["session.update"]
    panel.search.setText("nothing like it")
    person.sees(lambda: "No frame matches" in panel.empty.text())
    panel.show_all()
    assert panel.model.rowCount() == len(panel.model.kept)


def test_an_event_leads_to_its_frame(meet: Callable[..., Person]) -> None:
    person = meet()
    person.start(2.4)
    person.sees_row("one")
    events = person.window.events
    at = next(i for i, row in enumerate(person.rows()) if " model one" in row)
    events.view.setCurrentIndex(events.view.model().index(at, 0))
    events.view.setFocus()
    person.press(Qt.Key.Key_Return)
    panel = wire(person)
    person.sees(panel.isVisible)
    assert panel.detail.kind.whole == "response.output_audio_transcript.delta"
    panel.direction.setCurrentIndex(1)
    person.window.endpoints.show_frame(panel.model.kept[1].index)
    assert panel.direction.currentIndex() == 0, "a filter that hides it is taken back"
    person.window.endpoints.show_frame(10_000_000)
    assert "no longer kept" in panel.count.text()


def test_frames_are_saved_and_it_says_where(meet: Callable[..., Person], tmp_path: Path) -> None:
    person = meet()
    window = person.window
    person.press(Qt.Key.Key_W)
    person.press(Qt.Key.Key_S, SHIFT)
    assert window.endpoints.toasts.texts() == ["There is no frame to save."]
    person.start(2.0)
    person.sees(lambda: len(frames(person)) > 10)
    person.press(Qt.Key.Key_S, SHIFT)
    dialog = window.findChild(QFileDialog, "save-frames")
    assert dialog is not None
    path = tmp_path / "frames.jsonl"
    dialog.fileSelected.emit(str(path))
    dialog.close()
    person.sees(lambda: any(str(path) in text for text in window.endpoints.toasts.texts()))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["json"]["type"] == "session.update"
    assert {line["direction"] for line in lines} == {"sent", "received"}


def test_many_frames_are_listed_and_the_oldest_go(open_window: OpenWindow) -> None:
    person = open_window()
    person.press(Qt.Key.Key_W)
    panel = wire(person)
    panel.model._most_frames = 8_000
    for start in range(0, 12_000, 2_000):
        panel.add(
            [
                WireFrame(index=i, direction="sent", size=8, message={"type": "a", "n": i}, t_rx_ns=i)
                for i in range(start, start + 2_000)
            ]
        )
    assert len(panel.model.kept) <= 8_000
    assert panel.model.kept[-1].index == 11_999
    assert "in the recording" in panel.count.text()
    panel.search.setText("11990")
    person.sees(lambda: panel.model.rowCount() == 1)


def test_a_bridge_that_nobody_empties_keeps_a_bounded_number(meet: Callable[..., Person]) -> None:
    person = meet()
    person.start(1.0)
    bridge = person.window.controller.bridge
    assert bridge is not None
    assert bridge._frames.maxlen == 40_000


# ---------------------------------------------------------------------------------------------- choosing one


def test_an_endpoint_is_picked_from_the_header(open_window: OpenWindow, facts: dict[str, Any]) -> None:
    save_profiles([EndpointProfile(name="lab", kind="sglang_omni", url="ws://127.0.0.1:9")])
    use_address("sglang_omni:ws://127.0.0.1:5")
    person = open_window()
    window = person.window
    person.sees(lambda: window.preflight.ready)
    person.press(Qt.Key.Key_E)
    picker = window.endpoints.picker
    person.sees(picker.isVisible)
    assert picker.entries() == ["onnx:tiny", "profile:lab", "sglang_omni:ws://127.0.0.1:5"]
    facts.update(local=False, host=HOST)
    lab = next(a for a in picker.actions() if a.data() == "profile:lab")
    assert lab.text().startswith("lab   ·   ")
    assert lab.text().endswith("   ·   127.0.0.1:9"), lab.text()
    lab.trigger()
    picker.close()
    person.sees(lambda: "lab" in window.header.endpoint.text())
    assert load_settings().endpoint == "profile:lab"
    assert window.controller.plan is not None
    assert window.controller.plan.endpoint == "profile:lab"
    assert recent_addresses()[0] == "profile:lab"
    person.sees(lambda: HOST in window.header.endpoint.accessibleName())


def test_while_a_session_runs_the_endpoint_stays(meet: Callable[..., Person]) -> None:
    profiles_path().parent.mkdir(parents=True, exist_ok=True)
    profiles_path().write_text("{", encoding="utf-8")
    person = meet()
    person.start(1.0)
    person.press(Qt.Key.Key_E)
    picker = person.window.endpoints.picker
    person.sees(picker.isVisible)
    assert not any(a.isEnabled() for a in picker.actions() if a.data())
    assert any("not valid" in a.text() for a in picker.actions())
    picker.close()
    before = person.window.controller.endpoint
    person.window.endpoints.choose("onnx:tiny")
    assert person.window.controller.endpoint == before


def test_profiles_are_managed_from_anywhere_and_a_change_is_checked(open_window: OpenWindow) -> None:
    save_profiles([EndpointProfile(name="lab", kind="sglang_omni", url="ws://127.0.0.1:9")])
    person = open_window()
    window = person.window
    person.sees(lambda: window.preflight.ready)
    person.press(Qt.Key.Key_E, CTRL | SHIFT)
    dialog = window.findChild(ProfilesDialog)
    assert dialog is not None
    window.endpoints.manage()
    assert len(window.findChildren(ProfilesDialog)) == 1
    dialog.use_now()
    person.sees(lambda: window.controller.endpoint == "profile:lab")
    person.sees(lambda: window.endpoints.dialog is None)


def test_the_red_model_leads_to_its_profile(open_window: OpenWindow, checks: list[Check], tmp_path: Path) -> None:
    save_profiles([EndpointProfile(name="lab", kind="sglang_omni", url="ws://127.0.0.1:9")])
    checks[3] = Check(key="endpoint", title="Model", ok=False, why="No key.", fix="Enter it.", action="choose_endpoint")
    person = open_window()
    window: MainWindow = person.window
    person.sees(lambda: bool(window.preflight.rows))
    button = window.preflight.row("endpoint").button
    assert button is not None
    button.click()
    assert window.endpoints.dialog is None, "an endpoint without a profile is chosen in the settings"
    window.findChildren(QLabel)
    for dialog in QApplication.topLevelWidgets():
        if dialog.windowTitle() == "Settings":
            dialog.close()
    window.controller.use_settings(Settings(endpoint="profile:lab", recordings_dir=tmp_path))
    window.endpoints.help()
    dialog_ = window.endpoints.dialog
    assert dialog_ is not None
    assert dialog_.form.name.text() == "lab"
    dialog_.reject()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_keys_are_taken_once_in_every_workspace(open_window: OpenWindow) -> None:
    window = open_window().window
    for place in ("items", "review", "library", "live"):
        window.go_to(place)
    for place in ("items", "review", "library", "live"):
        seen: dict[str, str] = {}
        for command in window.actions_.commands():
            if command.workspace in ("", place):
                for key in [k for k in command.shortcut.split(" | ") if k]:
                    assert key not in seen, (place, key, command.key, seen.get(key))
                    seen[key] = command.key


# ---------------------------------------------------------------------------------------------- recordings


@pytest.fixture
def review(meet: Callable[..., Person]) -> tuple[Person, ReviewWorkspace]:
    """Review with the recording of a short session, the cursor at 1.5 s."""
    person = meet()
    person.start(2.6)
    path = close_session(person)
    person.window.workspaces.open_recording(path, 1.5)
    page = person.window.workspaces.page("review")
    assert isinstance(page, ReviewWorkspace)
    person.sees(lambda: page.opened is not None and page.found is not None)
    return person, page


def test_the_frames_of_a_recording_are_listed_in_review(review: tuple[Person, ReviewWorkspace], tmp_path: Path) -> None:
    person, page = review
    person.press(Qt.Key.Key_W)
    dialog = person.window.findChild(WireDialog)
    assert dialog is not None
    panel = dialog.panel
    person.sees(lambda: panel.model.rowCount() > 10)
    assert panel.model.shown()[0].kind == "session.update"
    assert panel.detail.row is not None
    assert panel.detail.row.t_ns >= 1_500_000_000, "the list stands at the cursor"
    panel.table.selectRow(panel.model.rowCount() - 1)
    at_ns = panel.model.shown()[-1].t_ns
    panel.table.activated.emit(panel.table.currentIndex())
    assert page.axis.cursor_ns == at_ns
    dialog._actions["wire.errors"].trigger()
    assert panel.model.rowCount() == 0
    dialog._actions["wire.errors"].trigger()
    dialog._actions["wire.save"].trigger()
    asked = dialog.findChild(QFileDialog, "save-frames")
    assert asked is not None
    asked.fileSelected.emit(str(tmp_path / "w.jsonl"))
    asked.close()
    person.sees(lambda: "saved to" in dialog.note.text())
    asked_again = tmp_path / "w.jsonl"
    assert asked_again.read_text(encoding="utf-8").count("\n") == panel.model.rowCount()
    dialog.close()


def test_who_judges_blind_sees_no_frames(review: tuple[Person, ReviewWorkspace]) -> None:
    person, page = review
    person.press(Qt.Key.Key_W)
    before = person.window.findChild(WireDialog)
    assert before is not None
    page.judge.set_blind(True)
    person.sees(lambda: person.window.findChild(WireDialog) is None)
    assert show_wire(page) is None
    assert page.status.text("note").startswith("You judge blind")


def test_a_recording_without_a_network_says_so(open_window: OpenWindow, demo_clip: Path) -> None:
    person = open_window(Desk(f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}", counting([0.5])))
    page = person.window.workspaces.page("review")
    assert isinstance(page, ReviewWorkspace)
    assert show_wire(page) is None, "nothing is open"
    person.start(1.0)
    path = close_session(person)
    person.window.workspaces.open_recording(path)
    person.sees(lambda: page.opened is not None)
    dialog = show_wire(page)
    assert dialog is not None
    person.sees(lambda: "not reached over a network" in dialog.panel.empty.text())
    dialog.close()
