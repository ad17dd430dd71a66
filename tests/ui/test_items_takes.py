"""Takes: recorded through the real recorder, imported, made of a session; and what a killed window leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from tests.ui.conftest import Person
from tests.ui.items_desk import RATE, TakeDesk, make_set, open_set, page_of, press, speech, write_wav
from tests.ui.test_session_in_window import close_session
from tmlapp.bench.authoring.model import Span, UserWord
from tmlapp.bench.authoring.store import read_set
from tmlapp.core.errors import AppError
from tmlapp.ui.items.set_dialogs import NewSetDialog
from tmlapp.ui.items.stretch_dialog import StretchDialog, time_of
from tmlapp.ui.items.takes_dialog import TakesDialog
from tmlapp.ui.items.workspace import ItemsWorkspace
from tmlapp.ui.review.workspace import ReviewWorkspace
from tmlapp.ui.timeline.lane import Plot

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
Key, Mod = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def desk(tmp_path: Path) -> TakeDesk:
    return TakeDesk(write_wav(tmp_path / "said.wav", speech(30.0)))


@pytest.fixture
def open_items(open_window: OpenWindow, tmp_path: Path, desk: TakeDesk) -> Callable[..., tuple[Person, ItemsWorkspace]]:
    def make(takes: int = 0, **services: Any) -> tuple[Person, ItemsWorkspace]:
        folder = make_set(tmp_path / "set", takes=takes)
        person = open_window()
        page = page_of(person, desk, **services)
        open_set(person, page, folder)
        return person, page

    return make


OpenItems = Callable[..., tuple[Person, ItemsWorkspace]]


def begin(person: Person, page: ItemsWorkspace, desk: TakeDesk, to_s: float = 3.4) -> None:
    """Press R, wait for the count-in, let it pass."""
    press(person, Key.Key_R)
    person.sees(lambda: page.recorder.state == "counting")
    desk.go_on_to(to_s)
    person.sees(lambda: page.recorder.state == "running")


def test_r_counts_in_and_what_is_marked_while_speaking_becomes_the_take(open_items: OpenItems, desk: TakeDesk) -> None:
    person, page = open_items()
    press(person, Key.Key_R)
    person.sees(lambda: page.recorder.state == "counting")
    person.sees(lambda: page.recorder.prompter.accessibleDescription() == "3")
    desk.go_on_to(1.4)
    person.sees(lambda: page.recorder.prompter.accessibleDescription() == "2")
    desk.go_on_to(3.4)
    person.sees(lambda: page.recorder.state == "running")
    assert page.recorder.prompter.accessibleDescription().startswith("Every time")
    press(person, Key.Key_Space)
    assert "fenêtre" in page.recorder.prompter.accessibleDescription()
    press(person, Key.Key_Return)
    assert "warm" in page.recorder.prompter.accessibleDescription()
    desk.go_on_to(5.0)
    assert desk.recorder is not None
    person.sees(lambda: desk.recorder is not None and desk.recorder.now_ns() >= 5_000_000_000)
    press(person, Key.Key_I)
    assert "instruction ends at 2.00 s" in page.recorder.drops.text()
    desk.go_on_to(5.4)
    person.sees(lambda: desk.recorder is not None and desk.recorder.now_ns() >= 5_400_000_000)
    press(person, Key.Key_I)
    assert "instruction begins at 2.00 s   ·   instruction ends at 2.40 s" in page.recorder.drops.text()
    desk.go_on_to(7.0)
    person.sees(lambda: desk.recorder is not None and desk.recorder.now_ns() >= 7_000_000_000)
    press(person, Key.Key_E)
    press(person, Key.Key_S)
    person.sees(lambda: "REC" in page.recorder.sign.text())
    person.sees(lambda: "dBFS" in page.recorder.level_text.text())
    assert "e1 at 4.00 s" in page.recorder.drops.text()
    press(person, Key.Key_R)
    person.sees(lambda: page.model.take is not None)
    take = page.model.take
    assert take is not None
    assert [e.t_ref for e in take.expectations] == [4 * RATE]
    assert take.stop == 4 * RATE
    assert take.instruction == Span(2 * RATE, round(2.4 * RATE))
    assert (take.speaker, page.model.state.items[0].best) == ("s-014", take.id)
    assert page.take_card.isVisible()
    assert person.window.focusWidget() is page.take_card.view
    person.sees(lambda: page.take_card.wave.peaks is not None)


def test_escape_asks_and_a_discarded_take_is_kept(open_items: OpenItems, desk: TakeDesk) -> None:
    person, page = open_items()
    begin(person, page, desk)
    press(person, Key.Key_Escape)
    box = page.findChild(QMessageBox, "discard-take")
    assert box is not None
    assert page.recording.running
    QTest.keyClick(box, Key.Key_Escape)
    assert page.recording.running
    desk.go_on_to(5.0)
    press(person, Key.Key_Escape)
    box = [b for b in page.findChildren(QMessageBox) if b.isVisible()][-1]
    box.buttons()[0].click()
    person.sees(lambda: page.model.take is not None)
    assert page.model.take is not None
    assert page.model.take.discarded
    assert page.model.state.items[0].best is None
    press(person, Key.Key_D)
    assert page.model.state.items[0].best == page.model.take.id


def test_ending_in_the_count_in_makes_no_take_and_leaving_the_page_keeps_one(
    open_items: OpenItems, desk: TakeDesk
) -> None:
    person, page = open_items()
    press(person, Key.Key_R)
    person.sees(lambda: page.recorder.state == "counting")
    desk.go_on_to(1.0)
    press(person, Key.Key_R)
    person.sees(lambda: not page.recording.active)
    assert page.model.state.items[0].takes == ()
    assert "no take" in page.status.note.toolTip()
    begin(person, page, desk, 4.0)
    assert "being recorded" in page.unsaved()
    person.sees(lambda: desk.recorder is not None and desk.recorder.now_ns() >= 4_000_000_000)
    press(person, Key.Key_I)
    press(person, Key.Key_1, Mod.ControlModifier)
    person.sees(lambda: page.model.take is not None)
    assert page.unsaved() == ""
    # Marked once, the instruction began with the take.
    assert page.model.take is not None
    assert page.model.take.instruction == Span(0, RATE)


def test_without_a_microphone_the_reason_is_red_and_a_file_is_offered(open_items: OpenItems) -> None:
    gone = AppError("The microphone “Scarlett” is not there.", "It was unplugged.", "Plug it in.")

    def broken(*_args: object) -> Any:
        raise gone

    person, page = open_items(take_recorder=broken)
    press(person, Key.Key_R)
    person.sees(lambda: page.recorder.state == "failed")
    assert gone.what in page.recorder.failure.text()
    assert "Plug it in" in page.recorder.advice.text()
    assert all(b.isVisible() for b in page.recorder.buttons)
    assert page.host.actions_["items.import"].isEnabled()
    press(person, Key.Key_Escape)
    assert not page.recording.active


def test_while_a_session_runs_no_take_is_begun(open_items: OpenItems) -> None:
    person, page = open_items()
    person.window.go_to("live")
    person.start(0.6)
    person.window.go_to("items")
    press(person, Key.Key_R)
    person.sees(lambda: page.recorder.state == "failed")
    assert "live session" in page.recorder.failure.text()
    press(person, Key.Key_Escape)
    person.window.go_to("live")
    close_session(person)


def test_a_file_becomes_a_take_one_that_is_no_sound_is_refused_and_takes_are_compared(
    open_items: OpenItems, desk: TakeDesk, tmp_path: Path
) -> None:
    person, page = open_items(takes=1)
    page.takes.take_file(tmp_path / "said.wav")
    person.sees(lambda: len(page.model.state.items[0].takes) == 2)
    assert page.model.take is not None
    assert page.model.take.samples == 30 * RATE
    press(person, Key.Key_C)
    dialog = page.findChild(TakesDialog)
    assert dialog is not None
    assert dialog.table.rowCount() == 2
    dialog.table.selectRow(1)
    QTest.keyClick(dialog.table, Key.Key_B)
    assert page.model.state.items[0].best == page.model.state.items[0].takes[1].id
    QTest.keyClick(dialog.table, Key.Key_D)
    assert page.model.state.items[0].takes[1].discarded
    dialog.table.selectRow(0)
    dialog.take()
    assert page.model.take_id == page.model.state.items[0].takes[0].id
    page.takes.take_file(tmp_path / "nothing.wav")
    person.sees(page.banner.isVisible)
    assert len(page.model.state.items[0].takes) == 2


def test_a_stretch_of_a_session_becomes_an_item(open_items: OpenItems) -> None:
    person, page = open_items(takes=1)
    person.window.go_to("live")
    person.start(4.4)
    recording = close_session(person)
    person.window.workspaces.open_in("items", ("stretch", recording, 1.0, 3.5))
    dialog = page.findChild(StretchDialog)
    assert dialog is not None
    assert (dialog.begin.text(), dialog.end.text()) == ("1", "3.5")
    dialog.end.setText("0:00.5")
    dialog.take()
    assert "before" in dialog.wrong.text()
    dialog.end.setText("0:03.5")
    dialog.take()
    person.sees(lambda: len(page.model.state.items) == 3 and bool(page.model.state.items[2].takes))
    take = page.model.state.items[2].takes[0]
    assert take.samples == round(2.5 * RATE)
    assert take.source is not None
    assert take.source.start_ns == 1_000_000_000


def test_what_review_looks_at_becomes_an_item_of_the_set_that_is_asked_for(
    open_window: OpenWindow, tmp_path: Path, desk: TakeDesk
) -> None:
    person = open_window()
    person.start(3.0)
    recording = close_session(person)
    person.window.workspaces.open_recording(recording)
    review = person.window.workspaces.page("review")
    assert isinstance(review, ReviewWorkspace)
    person.sees(lambda: review.path == recording)
    review.axis.look_at(600_000_000, 2_200_000_000)
    press(person, Key.Key_E, Mod.ShiftModifier)
    page = page_of(person, desk)
    box = page.findChild(QMessageBox, "which-set")
    assert box is not None
    box.buttons()[0].click()
    dialog = page.findChild(NewSetDialog)
    assert dialog is not None
    dialog.name.setText("from sessions")
    QTest.keyClick(dialog.name, Key.Key_Return)
    person.sees(lambda: page.findChild(StretchDialog) is not None)
    stretch = page.findChild(StretchDialog)
    assert stretch is not None
    assert (stretch.begin.text(), stretch.end.text()) == ("0.6", "2.2")
    stretch.take()
    person.sees(lambda: page.model.take is not None)
    assert page.model.take is not None
    assert page.model.take.samples == round(1.6 * RATE)
    # The session had a camera: the item has its film.
    assert page.model.take.video
    assert page.take_card.picture.isVisible()


def test_times_of_a_stretch_are_written_as_people_write_them() -> None:
    assert (time_of("12.5"), time_of("1:02,5"), time_of("1:00:01")) == (12.5, 62.5, 3601.0)
    with pytest.raises(AppError):
        time_of("soon")


_KILLED = """
import sys
from pathlib import Path
from tmlapp.bench.authoring.commands import SetItemField
from tmlapp.bench.authoring.editor import Editor
editor = Editor.open(Path(sys.argv[1]))
editor.do(SetItemField("cs-0001", "notes", "written just before the end"))
print("ready", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_window_had_done_is_there_again_and_said(open_window: OpenWindow, tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", takes=0)
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGKILL)
    person = open_window()
    page = page_of(person)
    page.sets.open(folder)
    person.sees(lambda: page.model.editor is not None)
    assert page.model.state.items[0].notes == "written just before the end"
    assert "Recovered 1" in page.status.note.toolTip()


def test_a_take_whose_window_was_killed_is_offered_again(open_items: OpenItems, desk: TakeDesk) -> None:
    person, page = open_items()
    folder = page.model.folder
    assert folder is not None
    begin(person, page, desk, 5.0)
    person.sees(lambda: desk.recorder is not None and desk.recorder.now_ns() >= 5_000_000_000)
    assert desk.recorder is not None
    path = desk.recorder.stop()
    person.sees(lambda: page.model.take is not None)
    editor = page.model.editor
    assert editor is not None
    page.undo()
    page.sets.close()
    # Only the recording is left, as after a crash between its end and the take.
    for wav in path.parent.glob("*.wav"):
        wav.unlink()
    page.sets.open(folder)
    person.sees(lambda: page.model.take is not None)
    (again,) = read_set(folder).items[0].takes
    assert (again.samples, again.speaker) == (2 * RATE, "s-014")
    assert "found again" in page.status.note.toolTip()


def test_all_takes_of_the_item_are_compared_by_their_figures(open_items: OpenItems, tmp_path: Path) -> None:
    person, page = open_items(takes=1)
    page.takes.take_file(tmp_path / "said.wav")
    person.sees(lambda: len(page.model.state.items[0].takes) == 2)
    person.sees(lambda: all(page.checking.figures(t) is not None for t in page.model.state.items[0].takes))
    press(person, Key.Key_C)
    dialog = page.findChild(TakesDialog)
    assert dialog is not None
    peaks = [dialog.table.item(row, 3) for row in range(2)]
    assert all(cell is not None and "dBFS" in cell.text() for cell in peaks)
    dialog.close()


def test_words_of_a_cue_have_room_before_others(open_items: OpenItems) -> None:
    _, page = open_items(takes=1)
    take = page.model.take
    assert take is not None
    step = take.samples // 20
    words = tuple(UserWord(Span(k * step, k * step + step // 2), f"extraordinary{k}") for k in range(20))
    cued = replace(take.expectations[0], cue=words[10].span)
    shown = replace(take, user_words=words, expectations=(cued,))
    plot = Plot(QPainter(), QRectF(0, 0, 300, 30), page.take_card.view.axis, page.theme)
    texts = [text for _, text, _ in page.take_card.words.placed(plot, shown)]
    assert texts[0] == "extraordinary10"
    assert "·" in texts
