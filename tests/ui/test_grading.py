"""After the stop: the person says what really happened, and holds a graded recording and a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel

from tests.recording.parts import make_turn, recorder
from tests.ui.conftest import Person
from tests.ui.sessions import Desk, counting
from tests.ui.test_session_in_window import close_session
from tmlapp.bench.sidecar import read_grades
from tmlapp.core.errors import AppError
from tmlapp.core.event import ConnectionChanged, InputLost
from tmlapp.core.units import NS_PER_S
from tmlapp.endpoints.scripted import Line
from tmlapp.ui.judging import Judgement, companions, grade_by_hand, grade_from_json, suite_of

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
CTRL = Qt.KeyboardModifier.ControlModifier
START_STOP = "Say 'start' when the person starts doing squats then say 'Stop' when they stop."


@pytest.fixture
def counted(demo_clip: Path) -> Desk:
    source = f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}"
    return Desk(source, counting([2.0, 3.0, 4.0], start_s=1.0, stop_s=5.0))


def instruct(person: Person, text: str) -> None:
    person.press(Qt.Key.Key_I)
    person.type(text)
    person.press(Qt.Key.Key_Return)


def after(person: Person, t_s: float = 5.4) -> Path:
    """Run to `t_s`, stop, and wait for the question."""
    person.start(t_s)
    recording = close_session(person)
    person.sees(person.window.result.judge.isVisible)
    return recording


def grade(person: Person, *answers: str) -> None:
    """Type the answers like a person: G, first, Tab, second, Enter."""
    person.press(Qt.Key.Key_G)
    for i, answer in enumerate(answers):
        if i:
            person.press(Qt.Key.Key_Tab)
        person.type(answer)
    person.press(Qt.Key.Key_Return)


def grades_of(recording: Path) -> list[dict[str, Any]]:
    return [line["grade"] for line in read_grades(recording).lines]


def test_a_person_says_the_count_and_holds_a_graded_recording(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    recording = after(person)
    result = person.window.result
    assert result.judge.count.text() == ""
    assert not result.judge.start.isVisible()
    assert "Only you know" in result.judge.sentence.text()
    grade(person, "4")
    person.sees(result.grades.isVisible)
    assert result.grades.text() == "OBO 100.0 % – passes: 3 at 4.000 s is the final number; true count 4"
    for words in ("MAE 0.244", "repcount-a/mae-obo@1, profile official", "5 texts of the model graded", "silent 0.0"):
        assert words in result.how.text()
    (kept,) = grades_of(recording)
    assert kept["provenance"]["files"].keys() == {"recording", "truth"}
    truth = json.loads(recording.with_suffix(".truth.json").read_text())
    assert (truth["suite"], truth["count"], truth["action"]) == ("repcount-a", 4, "squats")
    assert QApplication.focusWidget() is person.window.view


def test_another_count_is_another_grade_and_no_truth_is_overwritten(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    recording = after(person)
    for answer in ("9", "3", "9"):
        before = len(grades_of(recording))
        grade(person, answer)
        person.sees(lambda n=before: len(grades_of(recording)) == n + 1)
        person.sees(lambda a=answer: f"true count {a}" in person.window.result.grades.text())
    truths = [json.loads(p.read_text())["count"] for p in sorted(recording.parent.glob("*.truth*.json"))]
    assert sorted(truths) == [3, 9]
    assert [g["score"] for g in grades_of(recording)] == [0.0, 100.0, 0.0]


@pytest.mark.parametrize(("answer", "why"), [("", "No number was given."), ("ten", "“ten” is no number")])
def test_an_answer_that_is_no_number_is_refused_in_the_banner(
    open_window: OpenWindow, counted: Desk, answer: str, why: str
) -> None:
    person = open_window(counted)
    recording = after(person)
    grade(person, answer)
    banner = person.window.banner
    person.sees(banner.isVisible)
    assert why in banner.why.text()
    assert list(companions(recording)) == []
    person.type("3")
    person.press(Qt.Key.Key_Return)
    person.sees(person.window.result.grades.isVisible)
    assert not banner.isVisible()


def test_two_markers_are_the_times_that_start_and_stop_are_graded_by(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.sees(lambda: person.window.preflight.ready)
    instruct(person, START_STOP)
    person.start(1.0)
    person.press(Qt.Key.Key_M)
    person.go_on_to(5.0)
    person.press(Qt.Key.Key_M)
    person.go_on_to(5.4)
    recording = close_session(person)
    judge = person.window.result.judge
    person.sees(judge.isVisible)
    assert (judge.start.text(), judge.stop.text()) == ("1.0", "5.0")
    assert not judge.count.isVisible()
    person.press(Qt.Key.Key_G)
    person.press(Qt.Key.Key_Return)
    person.sees(person.window.result.grades.isVisible)
    assert person.window.result.grades.text().startswith("mIoU 100.0 % – IoU 1.000")
    (kept,) = grades_of(recording)
    assert kept["provenance"]["formula"] == "charades/start-stop-iou@1"


def test_times_are_typed_with_point_or_comma_and_must_be_in_order(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.sees(lambda: person.window.preflight.ready)
    instruct(person, START_STOP)
    recording = after(person)
    banner = person.window.banner
    grade(person, "5.0", "1,0")
    person.sees(banner.isVisible)
    assert "no later than it starts" in banner.why.text()
    assert list(companions(recording)) == []
    grade(person, "1,0", "soon")
    person.sees(lambda: "“soon” is no time" in banner.why.text())
    person.type("3.0")
    person.press(Qt.Key.Key_Return)
    person.sees(person.window.result.grades.isVisible)
    assert person.window.result.grades.text().startswith("mIoU 50.0 %")


def test_a_session_of_reminders_asks_nothing(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    person.sees(lambda: person.window.preflight.ready)
    instruct(person, "Remind me to breathe in and out every 4 seconds.")
    asked: list[object] = []
    person.window.controller.asked.connect(lambda _recording, question: asked.append(question))
    person.start(2.0)
    close_session(person)
    person.sees(lambda: bool(asked))
    assert person.window.result.judge.isHidden()
    assert not person.window.actions_["app.grade"].isEnabled()


def test_a_truth_that_cannot_be_kept_is_told_and_nothing_is_graded(
    open_window: OpenWindow, counted: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = open_window(counted)
    recording = after(person)
    recording.with_suffix(".truth.json").mkdir()
    opened = Path.open

    def full(path: Path, mode: str = "r", **how: Any) -> Any:
        if mode == "x":
            if path.exists():
                raise FileExistsError(17, "File exists")
            raise OSError(28, "No space left on device")
        return opened(path, mode, **how)

    monkeypatch.setattr(Path, "open", full)
    grade(person, "3")
    person.sees(person.window.banner.isVisible)
    assert "squats-03.truth-2.json" in person.window.banner.what.text()
    assert person.window.banner.why.text() == "No space left on device."
    assert grades_of(recording) == []


def test_ctrl_r_writes_the_report_beside_the_recording_and_opens_it(
    open_window: OpenWindow, counted: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "tmlapp.ui.after.QDesktopServices.openUrl", lambda url: opened.append(url.toLocalFile()) or True
    )
    person = open_window(counted)
    recording = after(person)
    for answer in ("9", "3"):
        grade(person, answer)
        person.sees(lambda a=answer: f"true count {a}" in person.window.result.grades.text())
    person.press(Qt.Key.Key_R, CTRL)
    page = recording.with_suffix(".html")
    person.sees(lambda: opened == [str(page)])
    text = page.read_text(encoding="utf-8")
    assert "true count 3" in text
    assert "true count 9" not in text


def test_a_report_that_cannot_be_written_says_why(open_window: OpenWindow, counted: Desk) -> None:
    def refuse(_recording: Path) -> Path:
        raise AppError("The report could not be written.", "No space left on device.", "Free space.")

    person = open_window(counted, write_report=refuse)
    after(person)
    person.press(Qt.Key.Key_R, CTRL)
    person.sees(person.window.banner.isVisible)
    assert "No space left" in person.window.banner.why.text()


def test_an_answer_about_an_earlier_recording_is_dropped(open_window: OpenWindow, counted: Desk) -> None:
    person = open_window(counted)
    recording = after(person)
    grade(person, "3")
    person.sees(person.window.result.grades.isVisible)
    text = person.window.result.grades.text()
    controller = person.window.controller
    other = recording.with_name("other.mcap")
    controller.graded.emit(other, [])
    controller.outputs_read.emit(other, [])
    controller.asked.emit(other, None)
    controller.reported.emit(other, other)
    assert person.window.result.grades.text() == text


def test_what_the_model_says_is_shown_as_it_is_and_never_as_markup(open_window: OpenWindow, demo_clip: Path) -> None:
    said = "<b>bold</b> <img src='file:///etc/hostname'>"
    desk = Desk(f"{demo_clip / 'squats.mp4'}", [Line(NS_PER_S, said)])
    person = open_window(desk)
    after(person, 2.0)
    result = person.window.result
    person.sees(lambda: "1 output, no count." in result.summary.text())
    label = next(w for w in result.findChildren(QLabel) if w.text() == said)
    assert label.textFormat() is Qt.TextFormat.PlainText


@pytest.mark.parametrize(
    ("instruction", "task", "suite"),
    [
        ("Please count out reps for squats.", "", "repcount-a"),
        (START_STOP, "", "charades"),
        ("Remind me to breathe in and out every 4 seconds.", "", None),
        ("whatever", "count_reps", "repcount-a"),
        ("Please count out reps for squats.", "every_n_seconds", None),
    ],
)
def test_the_task_decides_what_is_asked(instruction: str, task: str, suite: str | None) -> None:
    assert suite_of(instruction, task) == suite


def test_a_grade_that_lacks_something_is_an_error_that_says_so() -> None:
    with pytest.raises(AppError, match="cannot be read"):
        grade_from_json({"verdicts": []})


def test_a_grade_of_a_session_whose_connection_broke_says_so(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    for index in range(5):
        writer.turn(make_turn(index), ready_ns=index, pushed_ns=index, drift_ppm=None)
    writer.event(InputLost(micro_turn=1, what="turn", reason="network"))
    writer.event(ConnectionChanged(state="open", epoch=1))
    (graded,) = grade_by_hand(writer.close(), Judgement("repcount-a", "squats", count=1))
    said = "1 micro-turn (0.2 s) did not reach the model, the connection was made again"
    assert graded.verdict.endswith(f"\nNot the model's alone: {said}.")
