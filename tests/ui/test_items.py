"""A person makes items: with the keyboard alone, in a real window over a real folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from tests.ui.conftest import Person
from tests.ui.items_desk import RATE, TakeDesk, make_set, open_set, page_of, press, speech, write_wav
from tmlapp.bench.authoring.aligning import Aligned
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.model import Span, UserWord
from tmlapp.bench.authoring.store import read_set
from tmlapp.ui.items.memory import Memory, load_memory, memory_path, save_memory
from tmlapp.ui.items.model import clamped_edge, moved_edge
from tmlapp.ui.items.set_dialogs import ItemDialog, NewItemDialog, NewSetDialog, SetDialog
from tmlapp.ui.items.speakers import SpeakersDialog
from tmlapp.ui.items.take_lane import ns
from tmlapp.ui.items.template_dialog import TemplateDialog
from tmlapp.ui.items.workspace import ItemsWorkspace

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
Key, Mod = Qt.Key, Qt.KeyboardModifier
CTRL, SHIFT, ALT = Mod.ControlModifier, Mod.ShiftModifier, Mod.AltModifier


class Items:
    """A person at the Items page with a set of one recorded item open."""

    def __init__(self, person: Person, desk: TakeDesk, folder: Path) -> None:
        self.person, self.desk, self.folder = person, desk, folder
        self.page: ItemsWorkspace = page_of(person, desk)

    def press(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        press(self.person, key, *modifiers)

    def window(self) -> tuple[float, float]:
        """The chosen window in samples."""
        expectation = self.page.model.expectation
        assert expectation is not None
        return expectation.window.t0, expectation.window.t1

    def fresh(self) -> None:
        """Everything as it was opened, for the next thing to be tried in the same window."""
        model = self.page.model
        while model.editor is not None and model.editor.can_undo:
            model.undo()
        model.choose_item("cs-0001")
        model.choose_expectation("e1", "window")
        self.page.playing.seek(0)
        self.page.take_card.show_all()
        self.page.take_card.setFocus()


@pytest.fixture
def items(open_window: OpenWindow, tmp_path: Path) -> Items:
    folder = make_set(tmp_path / "set", takes=2)
    desk = TakeDesk(write_wav(tmp_path / "said.wav", speech(12.0)))
    person = open_window()
    made = Items(person, desk, folder)
    open_set(person, made.page, folder)
    return made


def test_without_a_set_the_page_says_what_to_do_and_makes_one_by_keys_alone(
    open_window: OpenWindow, tmp_path: Path
) -> None:
    person = open_window()
    person.press(Key.Key_2, CTRL)
    page = page_of(person)
    assert page.start.isVisible()
    assert page.start.new.isVisible()
    person.press(Key.Key_N, CTRL | SHIFT)
    dialog = page.findChild(NewSetDialog)
    assert dialog is not None
    dialog.name.insert("Zahlen üb")
    QTest.keyClicks(dialog.name, "en")
    QTest.keyClick(dialog.name, Key.Key_Return)
    person.sees(lambda: page.model.editor is not None)
    assert page.model.folder == tmp_path / "recordings" / "items" / "zahlen-üben"
    assert "Zahlen üben" in page.header.title.text()
    assert page.take_card.empty_title.text() == "No items yet"
    press(person, Key.Key_N, CTRL)
    item = page.findChild(NewItemDialog)
    assert item is not None
    assert item.id.text() == "cs-0001"
    QTest.keyClicks(item.instruction, "Correct me when I am wrong.")
    QTest.keyClick(item.instruction, Key.Key_Return)
    person.sees(lambda: page.script.writing)
    assert page.model.state.items[0].instruction == "Correct me when I am wrong."


def test_a_set_that_is_open_in_another_window_is_refused_with_a_sentence(
    open_window: OpenWindow, tmp_path: Path
) -> None:
    folder = make_set(tmp_path / "set", takes=0)
    person = open_window()
    page = page_of(person)
    with Editor.open(folder):
        page.sets.open(folder)
        person.sees(page.banner.isVisible)
    assert "open elsewhere" in page.banner.what.text()
    person.press(Key.Key_Escape)
    assert not page.banner.isVisible()


def test_the_list_says_how_each_item_stands_and_the_filter_finds_words(items: Items) -> None:
    page, person = items.page, items.person
    person.sees(lambda: "2 takes" in page.list.model.rows[0].state)
    assert page.list.model.rows[1].state == "not recorded"
    assert page.header.badge.text().endswith("of 2 valid")
    items.press(Key.Key_F, CTRL)
    person.type("not recorded")
    assert [r.id for r in page.list.model.rows] == ["cs-0002"]
    items.press(Key.Key_Escape)
    assert page.list.filter.text() == ""
    page.take_card.setFocus()
    items.press(Key.Key_Down, CTRL)
    assert page.model.item_id == "cs-0002"
    assert page.take_card.empty_title.text() == "No take yet"
    items.press(Key.Key_Up, CTRL)
    assert page.model.item_id == "cs-0001"


def test_tab_goes_from_window_to_window_and_arrows_move_them(items: Items) -> None:
    page = items.page
    page.take_card.setFocus()
    assert page.model.expectation_id == "e1"
    items.press(Key.Key_Tab)
    assert page.model.expectation_id == "e2"
    assert page.model.playhead == 4 * RATE
    items.press(Key.Key_Backtab, SHIFT)
    assert page.model.expectation_id == "e1"
    lo, hi = items.window()
    items.press(Key.Key_Right)
    assert items.window() == (lo + 160, hi + 160)
    items.press(Key.Key_Left, SHIFT)
    assert items.window() == (lo + 160 - 3200, hi + 160 - 3200)
    items.press(Key.Key_W)
    assert page.model.edge == "t0"
    items.press(Key.Key_Right, ALT)
    assert items.window() == (lo + 161 - 3200, hi + 160 - 3200)
    items.press(Key.Key_W)
    items.press(Key.Key_Left)
    assert items.window() == (lo + 161 - 3200, hi - 3200)
    for _ in range(4):
        items.press(Key.Key_Z, CTRL)
    assert items.window() == (lo, hi)
    items.press(Key.Key_Z, CTRL | SHIFT)
    assert items.window() == (lo + 160, hi + 160)
    saved = read_set(items.folder).items[0].take(page.model.take_id).expectations[0].window
    assert (saved.t0, saved.t1) == (lo + 160, hi + 160)


def test_the_window_is_played_and_looped_and_brackets_put_its_edges_on_what_is_heard(items: Items) -> None:
    page, person = items.page, items.person
    page.take_card.setFocus()
    person.sees(lambda: bool(items.desk.players))
    items.press(Key.Key_Space, SHIFT)
    items.desk.clock.advance(3_600_000_000)
    # 1.0 s to 4.5 s; after 3.6 s it has begun anew.
    person.sees(lambda: page.playing.running)
    assert abs(page.playing.position() - round(1.1 * RATE)) <= 1
    items.press(Key.Key_Escape)
    assert not page.playing.running
    items.fresh()
    page, person = items.page, items.person
    page.take_card.setFocus()
    person.sees(lambda: bool(items.desk.players))
    items.press(Key.Key_Space)
    person.sees(lambda: page.playing.running)
    items.desk.clock.advance(1_250_000_000)
    items.press(Key.Key_BracketLeft)
    # The window began at 2 s, its context at 1 s.
    assert items.window()[0] == round(2.25 * RATE)
    items.desk.clock.advance(500_000_000)
    items.press(Key.Key_BracketRight)
    assert items.window() == (round(2.25 * RATE), round(2.75 * RATE))
    items.press(Key.Key_Space)
    assert not page.playing.running
    assert page.model.playhead == round(2.75 * RATE)


def test_e_drops_an_expectation_del_takes_it_away_and_without_one_arrows_move_the_playhead(items: Items) -> None:
    page = items.page
    page.take_card.setFocus()
    page.playing.seek(5 * RATE)
    items.press(Key.Key_E)
    assert page.model.expectation_id == "e3"
    assert page.model.expectation is not None
    assert page.model.expectation.t_ref == 5 * RATE
    items.press(Key.Key_M)
    items.person.type("says butterfly")
    items.press(Key.Key_Return)
    assert page.model.expectation is not None
    assert page.model.expectation.meaning == "says butterfly"
    assert page.take_card.view.hasFocus()
    items.press(Key.Key_Delete)
    assert page.model.expectation_id != "e3"
    items.press(Key.Key_Z, CTRL)
    assert len(page.expectations.cards) == 3
    items.fresh()
    page = items.page
    for _ in range(2):
        page.model.choose_expectation(page.model.expectation_id)
        page.windows.remove()
    page.take_card.setFocus()
    page.playing.seek(RATE)
    assert page.model.expectation_id == ""
    page.windows.nudge(160)
    assert page.model.playhead == RATE + 160
    items.person.sees(lambda: bool(items.desk.players))
    items.press(Key.Key_Space)
    items.person.sees(lambda: page.playing.running)
    items.press(Key.Key_Space, CTRL)
    items.person.sees(lambda: not page.playing.running)
    items.press(Key.Key_Space, CTRL)
    items.person.sees(lambda: page.playing.running)
    page.playing.seek(2 * RATE)
    assert page.playing.position() == 2 * RATE


def test_instruction_script_and_wordings_are_written_by_keys(items: Items) -> None:
    page = items.page
    items.press(Key.Key_F2)
    items.person.sees(lambda: page.script.writing)
    page.script.write_instruction.selectAll()
    QTest.keyClicks(page.script.write_instruction, "Say r when you hear E.")
    QTest.keyClick(page.script.write_instruction, Key.Key_Return, CTRL)
    assert not page.script.writing
    assert page.model.state.items[0].instruction == "Say r when you hear E."
    items.press(Key.Key_F2)
    QTest.keyClicks(page.script.write_script, "nothing of this stays")
    QTest.keyClick(page.script.write_script, Key.Key_Escape)
    assert "nothing of this" not in page.model.state.items[0].script
    assert page.take_card.view.hasFocus()
    items.fresh()
    page = items.page
    page.take_card.setFocus()
    items.press(Key.Key_A)
    field = QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    QTest.keyClicks(field, "a window, please e")
    QTest.keyClick(field, Key.Key_Return)
    expectation = page.model.expectation
    assert expectation is not None
    assert expectation.accept == ("window", "a window, please e")
    QTest.keyClick(page.expectations.cards["e1"].accept.field, Key.Key_Backspace)
    assert page.model.expectation is not None
    assert page.model.expectation.accept == ("window",)
    items.press(Key.Key_Escape)
    items.press(Key.Key_A, SHIFT)
    QTest.keyClick(page.expectations.cards["e1"].reject.field, Key.Key_Backspace)
    assert page.model.expectation is not None
    assert page.model.expectation.reject == ()


def test_instruction_stop_request_and_cue_are_set_at_the_playhead(items: Items) -> None:
    page = items.page
    page.take_card.setFocus()
    page.playing.seek(2_000)
    items.press(Key.Key_I, SHIFT)
    assert page.model.take is not None
    assert page.model.take.instruction == Span(2_000, 24_000)
    page.playing.seek(40_000)
    items.press(Key.Key_I, SHIFT)
    assert page.model.take.instruction == Span(40_000, 96_000)
    assert "I marks where it ends" in page.status.note.toolTip()
    items.press(Key.Key_Z, CTRL)
    assert page.model.take.instruction == Span(2_000, 24_000)
    page.playing.seek(30_000)
    items.press(Key.Key_I)
    page.playing.seek(90_000)
    items.press(Key.Key_S)
    take = page.model.take
    assert take is not None
    assert take.instruction is not None
    assert (take.instruction, take.stop) == (Span(2_000, 30_000), 90_000)
    items.press(Key.Key_S)
    assert page.model.take is not None
    assert page.model.take.stop is None
    items.fresh()
    page = items.page
    page.take_card.setFocus()
    page.playing.seek(RATE)
    items.press(Key.Key_E, SHIFT)
    assert "before the window" in page.status.note.toolTip()
    page.playing.seek(38_000)
    items.press(Key.Key_E, SHIFT)
    expectation = page.model.expectation
    assert expectation is not None
    assert (expectation.cue, expectation.t_ref) == (Span(32_000, 38_000), 38_000)
    items.press(Key.Key_Q)
    items.person.type("die Katze")
    items.press(Key.Key_Return)
    assert page.model.expectation is not None
    assert page.model.expectation.cue_text == "die Katze"


def test_the_best_take_is_chosen_and_others_are_set_aside(items: Items) -> None:
    page = items.page
    assert page.model.take_id == page.model.state.items[0].best
    items.press(Key.Key_Period)
    other = page.model.take_id
    items.press(Key.Key_B)
    assert page.model.state.items[0].best == other
    items.press(Key.Key_D)
    assert page.model.take is not None
    assert page.model.take.discarded
    assert page.model.state.items[0].best != other
    items.press(Key.Key_B)
    assert "cannot be the best" in page.status.note.toolTip()
    items.press(Key.Key_D)
    assert not page.model.take.discarded


def test_an_edge_is_drawn_by_mouse_and_goes_to_onsets_by_keys(items: Items) -> None:
    page, person = items.page, items.person
    view, axis = page.take_card.view, page.take_card.axis
    person.sees(lambda: page.checking.points() is not None)
    area, plot = view.plot_rect(), view.plot_of(page.take_card.wave)

    def at(sample: float) -> QPoint:
        return QPoint(round(area.left() + axis.x_of(ns(round(sample)), area.width())), round(plot.rect.center().y()))

    lo, hi = items.window()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=at(hi))
    QTest.mouseMove(view, at(hi + 4000))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(hi + 4000))
    moved = items.window()
    assert moved[0] == lo
    assert abs(moved[1] - (hi + 4000)) < 0.02 * axis.duration_ns / 62_500
    assert page.model.edge == "t1"
    assert page.model.editor is not None
    assert page.model.editor.undo_title == "move the window"
    items.press(Key.Key_Z, CTRL)
    assert items.window() == (lo, hi)
    items.fresh()
    page, person = items.page, items.person
    person.sees(lambda: page.checking.points() is not None)
    page.take_card.setFocus()
    items.press(Key.Key_W)
    items.press(Key.Key_Right, CTRL)
    points = page.checking.points()
    assert points is not None
    places = {*points.onsets.tolist(), *points.offsets.tolist(), *points.words.tolist()}
    assert items.window()[0] in places
    assert items.window()[0] > 2 * RATE


def test_the_take_is_sought_and_zoomed_by_mouse_and_by_keys(items: Items) -> None:
    page = items.page
    view, axis = page.take_card.view, page.take_card.axis
    area = view.plot_rect()
    pos = QPoint(round(area.left() + area.width() / 2), round(view.height() * 0.6))
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=pos)
    assert abs(page.model.playhead - 48_000) < 200
    before = axis.span_ns
    wheel = QWheelEvent(
        QPointF(pos), QPointF(view.mapToGlobal(pos)), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton,
        Mod.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(view, wheel)
    assert axis.span_ns < before
    items.press(Key.Key_0)
    assert axis.span_ns == before
    items.fresh()
    page = items.page
    page.take_card.setFocus()
    whole = page.take_card.axis.span_ns
    items.press(Key.Key_Z)
    assert page.take_card.axis.span_ns < whole
    items.press(Key.Key_Plus)
    closer = page.take_card.axis.span_ns
    items.press(Key.Key_Minus)
    assert page.take_card.axis.span_ns > closer


def test_templates_and_found_words_are_one_step_of_undo_each(items: Items) -> None:
    page = items.page
    items.press(Key.Key_T, CTRL)
    dialog = page.findChild(TemplateDialog)
    assert dialog is not None
    dialog.rule.setCurrentIndex(dialog.rule.findData("every"))
    dialog.number.setText("nonsense")
    assert not dialog.yes.isEnabled()
    assert "no number" in dialog.wrong.text() or "4.5" in dialog.wrong.text()
    dialog.number.setText("1")
    assert dialog.list.count() == 4
    dialog.meaning.setText("tells the user to breathe")
    dialog.take()
    take = page.model.take
    assert take is not None
    assert [e.t_ref for e in take.expectations] == [24_000 + 16_000 * n for n in (1, 2, 3, 4)]
    items.press(Key.Key_Z, CTRL)
    assert page.model.take is not None
    assert [e.id for e in page.model.take.expectations] == ["e1", "e2"]
    items.fresh()
    page, person = items.page, items.person
    words = (UserWord(Span(4000, 9000), "Every"), UserWord(Span(33_000, 39_000), "fenêtre"))
    page.services = replace(page.services, align=lambda _item, _pcm: Aligned(words, Span(4000, 9000), ("one guessed",)))
    items.press(Key.Key_W, CTRL)
    person.sees(lambda: "2 words found" in page.status.note.toolTip())
    take = page.model.take
    assert take is not None
    assert [w.text for w in take.user_words] == ["fenêtre"]
    assert take.instruction == Span(4000, 9000)
    items.press(Key.Key_Z, CTRL)
    assert page.model.take is not None
    assert len(page.model.take.user_words) == 2


def test_findings_are_shown_and_mended_and_the_mending_is_undone(items: Items) -> None:
    page, person = items.page, items.person
    page.windows.edit_item("category", "")
    person.sees(lambda: any(r.fix is not None and "ategory" in r.text for r in page.findings.rows))
    at = next(i for i, r in enumerate(page.findings.rows) if "ategory" in r.text)
    page.findings.do(at, "fix")
    person.sees(lambda: page.model.state.items[0].category == "codeswitch")
    items.press(Key.Key_Z, CTRL)
    assert page.model.state.items[0].category == ""
    person.sees(lambda: any("ategory" in r.text for r in page.findings.rows))
    items.press(Key.Key_F8)
    assert page.status.note.toolTip()
    items.press(Key.Key_F8, SHIFT)
    person.sees(lambda: page.model.state.items[0].category == "codeswitch")


def test_speakers_agree_with_a_date_and_the_chosen_one_speaks(items: Items) -> None:
    page = items.page
    items.press(Key.Key_P)
    dialog = page.findChild(SpeakersDialog)
    assert dialog is not None
    dialog.add()
    assert dialog.id.text() == "s-001"
    dialog.consent.click()
    dialog.language.setText("pt-BR")
    dialog.take()
    speaker = page.model.state.speaker("s-001")
    assert (speaker.consent, speaker.consent_date, speaker.language) == (True, page.services.today(), "pt-BR")
    assert page.model.speaker_id == "s-001"
    assert "s-001" in page.status.speaker.text()
    items.press(Key.Key_P)
    again = [d for d in page.findChildren(SpeakersDialog) if d.isVisible()][-1]
    again.list.setCurrentRow(0)
    again._remove()
    assert "stays" in again.wrong.text()
    again.reject()


def test_items_are_described_duplicated_and_removed_and_come_back(items: Items) -> None:
    page = items.page
    items.press(Key.Key_D, CTRL)
    assert page.model.item_id == "cs-0003"
    page.host.actions_["items.remove-item"].trigger()
    assert [i.id for i in page.model.state.items] == ["cs-0001", "cs-0002"]
    items.press(Key.Key_Z, CTRL)
    assert len(page.model.state.items) == 3
    items.fresh()
    page = items.page
    items.press(Key.Key_F2, SHIFT)
    dialog = page.findChild(ItemDialog)
    assert dialog is not None
    dialog.id.setText("cs-0002")
    dialog.take()
    assert "taken" in dialog.wrong.text()
    dialog.id.setText("cs-renamed")
    dialog.notes.setPlainText("quiet room")
    dialog.take()
    assert page.model.item_id == "cs-renamed"
    assert page.model.item is not None
    assert page.model.item.notes == "quiet room"
    items.press(Key.Key_Z, CTRL)
    assert page.model.state.items[0].id == "cs-0001"
    page.host.actions_["items.set-details"].trigger()
    about = page.findChild(SetDialog)
    assert about is not None
    about.version.setText("1.1.0")
    about.take()
    assert page.model.state.version == "1.1.0"


def test_leaving_stops_the_sound_and_the_page_says_when_it_was_saved_and_remembers_the_set(
    items: Items, open_window: OpenWindow
) -> None:
    page, person = items.page, items.person
    page.take_card.setFocus()
    person.sees(lambda: bool(items.desk.players))
    items.press(Key.Key_Space)
    items.press(Key.Key_1, CTRL)
    assert not page.playing.running
    assert not person.window.actions_["items.record"].isVisible()
    items.press(Key.Key_2, CTRL)
    assert page.take_card.view.hasFocus()
    items.fresh()
    page = items.page
    items.press(Key.Key_Right)
    page.mirror.show_saved()
    assert "saved" in page.status.saved.accessibleDescription()
    # Some seconds after the last change it is in set.json as well as in the journal.
    editor = page.model.editor
    assert editor is not None
    assert editor.unsaved > 0
    assert page.save_timer.isActive()
    assert page.save_timer.interval() == 5000
    page.save_timer.start(0)
    items.person.sees(lambda: editor.unsaved == 0)
    items.person.window.close()
    person = open_window()
    again = page_of(person, items.desk)
    person.sees(lambda: again.model.folder == items.folder)
    assert json.loads((items.folder / "set.json").read_text(encoding="utf-8"))["set"]["name"] == "codeswitch set"


def test_snapping_is_switched_by_key_and_the_choice_is_remembered(items: Items) -> None:
    page = items.page
    page.take_card.setFocus()
    items.person.sees(lambda: page.model.snapping)
    items.press(Key.Key_X)
    assert not page.model.snapping
    assert not page.take_card.snap.isChecked()
    assert not page.memory.snapping


def test_files_and_folders_are_asked_for_without_blocking(items: Items) -> None:
    for key, name in (("open-set", "open-set"), ("import", "import-take"), ("import-windows", "import-windows")):
        items.page.host.actions_[f"items.{key}"].trigger()
        dialog = items.page.findChild(QFileDialog, name)
        assert dialog is not None
        dialog.reject()


def test_edges_never_pass_each_other_nor_leave_the_take() -> None:
    assert moved_edge(Span(10, 20), "t0", 15, 100) == Span(15, 20)
    assert moved_edge(Span(10, 20), "t0", 30, 100) == Span(30, 40)
    assert moved_edge(Span(10, 20), "t1", 5, 100) == Span(0, 5)
    assert moved_edge(Span(10, 20), "window", 95, 100) == Span(90, 100)
    assert clamped_edge(Span(10, 20), "t0", 25, 100) == Span(19, 20)
    assert clamped_edge(Span(10, 20), "t1", 500, 100) == Span(10, 100)


def test_a_memory_that_cannot_be_read_is_begun_anew() -> None:
    memory_path().parent.mkdir(parents=True, exist_ok=True)
    memory_path().write_text("[]", encoding="utf-8")
    assert load_memory() == Memory()
    memory_path().write_text("{", encoding="utf-8")
    assert load_memory() == Memory()
    save_memory(Memory(recent=("a",), judge="none", snapping=False).with_recent(Path("b")))
    assert load_memory() == Memory(recent=("b", "a"), judge="none", snapping=False)
