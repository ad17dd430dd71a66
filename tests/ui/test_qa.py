"""A tester works through a checklist with the keyboard alone, and hands over a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from tests.ui.conftest import Person
from tests.ui.sessions import Desk, counting
from tests.ui.test_session_in_window import close_session
from tmlapp.bench.qa.checklist import Checklist, find_checklist, load_checklist, read_checklist
from tmlapp.bench.qa.offline import open_qa
from tmlapp.bench.qa.places import folder_of
from tmlapp.core.event import Granted
from tmlapp.endpoints.scripted import Line
from tmlapp.ui.qa.choose import ChecklistChooser

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
TWO = """
schema: 1
id: two
title: Zwei Schritte · 測試
instruction: Please count out reps for squats.
steps:
  - {id: first, title: First, do: Do it, expect: It, instruction: That is enough., checks: [{says_number: {}}]}
  - {id: second, title: Second, needs: [speaks], do: %s, expect: It}
"""


@pytest.fixture
def counted(demo_clip: Path) -> Desk:
    source = f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}"
    return Desk(source, counting([2.0, 3.0, 4.0], start_s=1.0))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pages that were opened outside the window."""
    pages: list[str] = []
    monkeypatch.setattr(
        "tmlapp.ui.qa.desk.QDesktopServices.openUrl", lambda url: pages.append(url.toLocalFile()) or True
    )
    return pages


def asked(person: Person) -> None:
    """Wait until the question is there and the cursor in it."""

    def ready() -> bool:
        dialog = QApplication.activeModalWidget()
        return isinstance(dialog, ChecklistChooser) and QApplication.focusWidget() is dialog.words

    person.sees(ready)


def choose(person: Person, words: str) -> None:
    """Ctrl+Shift+C, a few letters, Return."""
    person.press(Qt.Key.Key_C, CTRL | SHIFT)
    asked(person)
    person.type(words)
    person.press(Qt.Key.Key_Return)
    person.sees(lambda: person.window.qa.checklist is not None and QApplication.activeModalWidget() is None)
    # Without a window manager nobody gives the keyboard back.
    person.window.activateWindow()
    person.sees(lambda: QApplication.activeWindow() is person.window)


def states(person: Person) -> list[str]:
    run = person.window.qa.run
    assert run is not None
    return [v.state for v in run.views()]


def test_a_checklist_is_worked_through_by_keyboard_alone(
    open_window: OpenWindow, counted: Desk, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = open_window(counted)
    window, panel = person.window, person.window.view.side.checklist
    assert not window.view.side.on_checklist
    person.press(Qt.Key.Key_C)
    assert window.view.side.on_checklist
    assert panel.empty.isVisible()
    choose(person, "counting")
    assert panel.title.text() == "Counting"
    assert "whole body" in panel.setup.text()
    person.start(0.4)
    person.press(Qt.Key.Key_Return, CTRL)
    person.sees(lambda: states(person)[0] == "running")
    assert panel.step_title.text() == "Says nothing before the first squat"
    person.go_on_to(1.8)
    person.sees(lambda: panel.checks.rows[0].sign.text() == "✕")
    person.press(Qt.Key.Key_F10)
    assert states(person)[:2] == ["fail", "pending"]
    assert panel.step_title.text() == "Counts five squats"
    person.press(Qt.Key.Key_Return, CTRL)
    person.press(Qt.Key.Key_F12)
    person.press(Qt.Key.Key_N)
    person.type("third late")
    person.press(Qt.Key.Key_Return)
    person.go_on_to(5.0)
    assert "third late" in panel.notes.text()
    person.press(Qt.Key.Key_F11)
    person.press(Qt.Key.Key_F8)
    person.press(Qt.Key.Key_Return, CTRL)
    person.press(Qt.Key.Key_Return, CTRL)
    assert states(person) == ["fail", "blocked", "skipped", "ended"]
    recording = close_session(person)
    person.press(Qt.Key.Key_F9)
    assert states(person)[3] == "pass"
    assert window.qa._report_button.isVisible()
    person.press(Qt.Key.Key_R, CTRL | SHIFT)
    person.sees(lambda: bool(opened), timeout_ms=60_000)
    page = folder_of(recording) / "report.html"
    assert opened == [str(page)]
    assert window.result.note.text() == f"QA report: {page}"
    monkeypatch.setattr("tmlapp.ui.qa.desk.QDesktopServices.openUrl", lambda _url: False)
    person.press(Qt.Key.Key_R, CTRL | SHIFT)
    person.sees(lambda: "No browser opened" in window.result.note.text(), timeout_ms=60_000)
    assert window.result.note.isVisible()
    assert "third late" in page.read_text(encoding="utf-8")
    suite = ET.parse(folder_of(recording) / "report.xml").getroot()[0]
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("1", "1", "1")
    shot = next(folder_of(recording).glob("*-five-squats.png"))
    assert shot.read_bytes()[:4] == b"\x89PNG"
    live = [v.to_json() for v in window.qa.run.views()] if window.qa.run else []
    assert live == [v.to_json() for v in open_qa(recording).runs[0].steps]


def test_a_step_is_tried_again_and_any_step_can_be_chosen(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    choose(person, "start and stop")
    person.start(0.4)
    person.press(Qt.Key.Key_Return, CTRL)
    person.go_on_to(1.0)
    person.press(Qt.Key.Key_F10)
    person.press(Qt.Key.Key_Up, ALT)
    assert person.window.actions_["qa.start"].text() == "Try again"
    person.press(Qt.Key.Key_Return, CTRL)
    person.go_on_to(1.6)
    person.press(Qt.Key.Key_F9)
    run = person.window.qa.run
    assert run is not None
    assert [t.verdict for t in run.log.tries["nothing-yet"]] == ["fail", "pass"]
    row = person.window.view.side.checklist.steps.rows[0]
    assert row.beside.text().startswith("try 2")
    assert "passed" in row.accessibleName()
    person.qtbot.mouseClick(person.window.view.side.checklist.steps.rows[2], Qt.MouseButton.LeftButton)
    assert person.window.qa.current == "ends"
    close_session(person)


def test_the_instruction_of_a_step_is_told_to_the_model(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.window.qa.use(two())
    assert person.window.header.instruction.text() == "Please count out reps for squats."
    person.start(0.4)
    person.press(Qt.Key.Key_Return, CTRL)
    person.go_on_to(1.0)
    person.sees_row("That is enough.")
    close_session(person)


def test_a_step_that_does_not_apply_says_why(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.window.qa.use(two())
    person.start(0.4)
    observer = person.window.qa._observer
    assert observer is not None
    observer.facts.granted = Granted(endpoint="e", name="e", local=True, modalities_out=("text",))
    person.press(Qt.Key.Key_Down, ALT)
    person.sees(lambda: "gives no sound" in person.window.view.side.checklist.why.text())
    person.press(Qt.Key.Key_Return, CTRL)
    person.sees(person.window.banner.isVisible)
    assert "does not apply" in person.window.banner.what.text()
    close_session(person)


def two(do: str = "Do it") -> Checklist:
    return read_checklist(TWO % do, "two.yaml")


def test_very_long_texts_wrap_and_markup_stays_text(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    words = "<b>bold</b> " + "überaus langes Wort " * 90
    person.window.qa.use(two(f'"{words}"'))
    person.press(Qt.Key.Key_Down, ALT)
    panel = person.window.view.side.checklist
    assert panel.do.text() == words.strip()
    assert panel.do.textFormat() is Qt.TextFormat.PlainText
    assert panel.title.text() == "Zwei Schritte · 測試"
    assert panel._area.widget().width() <= panel._area.viewport().width()


def test_a_file_of_ones_own_is_chosen_and_a_broken_one_is_explained(
    open_window: OpenWindow, counted: Desk, tmp_path: Path
) -> None:
    person = open_window(counted)
    own = tmp_path / "own.yaml"
    own.write_text(TWO % "Do it", encoding="utf-8")
    person.press(Qt.Key.Key_C, CTRL | SHIFT)
    asked(person)
    person.type("no such thing")
    person.press(Qt.Key.Key_Return)
    dialog = person.window.findChild(QFileDialog, "choose-checklist-file")
    assert dialog is not None
    dialog.fileSelected.emit(str(own))
    dialog.close()
    person.sees(lambda: person.window.qa.checklist is not None and person.window.qa.checklist.id == "two")
    own.write_text("schema: 1\nid: A A\n", encoding="utf-8")
    person.window.qa.use_file(own)
    person.sees(person.window.banner.isVisible)
    assert "Line 1" in person.window.banner.why.text()
    assert person.window.qa.checklist is not None


def test_search_and_presenter_go_on_as_before(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    window = person.window
    choose(person, "counting")
    person.press(Qt.Key.Key_F, CTRL)
    assert not window.view.side.on_checklist
    assert window.events.search.hasFocus()
    person.press(Qt.Key.Key_Escape)
    person.press(Qt.Key.Key_C)
    person.start(0.4)
    person.press(Qt.Key.Key_F)
    assert not window.view.side.isVisible()
    person.press(Qt.Key.Key_Return, CTRL)
    person.press(Qt.Key.Key_F)
    assert window.view.side.isVisible()
    assert states(person)[0] == "running"
    close_session(person)


def test_what_cannot_be_kept_is_told(open_window: OpenWindow, counted: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_more: Any) -> None:
        raise OSError(28, "No space left on device")

    person = open_window(counted)
    choose(person, "counting")
    person.start(0.4)
    monkeypatch.setattr("tmlapp.ui.qa.desk._keep_mark", refuse)
    person.press(Qt.Key.Key_Return, CTRL)
    person.sees(person.window.banner.isVisible)
    assert "No space left" in person.window.banner.why.text()
    close_session(person)


def test_nothing_is_offered_without_a_checklist(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.start(0.4)
    actions = person.window.actions_
    keys = ("qa.start", "qa.pass", "qa.fail", "qa.blocked", "qa.skip", "qa.shot", "qa.next")
    assert not any(actions[key].isEnabled() for key in keys)
    recording = close_session(person)
    assert not person.window.qa._report_button.isVisible()
    person.press(Qt.Key.Key_R, CTRL | SHIFT)
    assert "nothing to report" in person.window.banner.what.text()
    assert not folder_of(recording).exists()


def test_a_new_session_begins_at_the_first_step_and_the_old_tries_stay(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.window.qa.use(two())
    person.start(0.4)
    person.press(Qt.Key.Key_Return, CTRL)
    person.go_on_to(1.0)
    person.press(Qt.Key.Key_F9)
    assert person.window.qa.current == "second"
    recording = close_session(person)
    person.window.controller.opened.emit()
    person.window.qa.refresh()
    assert person.window.qa.current == "first"
    assert [s.state for s in open_qa(recording).runs[0].steps] == ["pass", "pending"]


def test_two_checklists_follow_one_another_in_one_session(open_window: OpenWindow, demo_clip: Path) -> None:
    desk = Desk(f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}", [Line(3_600_000_000_000, "end")])
    person = open_window(desk)
    person.window.qa.use(two())
    person.start(0.4)
    person.press(Qt.Key.Key_Return, CTRL)
    person.go_on_to(1.0)
    person.press(Qt.Key.Key_F9)
    person.window.qa.use(load_checklist(find_checklist("counting")))
    person.press(Qt.Key.Key_Return, CTRL)
    person.go_on_to(2.0)
    recording = close_session(person)
    runs = open_qa(recording).runs
    assert [(r.checklist.id, r.steps[0].state) for r in runs] == [("two", "pass"), ("counting", "ended")]
