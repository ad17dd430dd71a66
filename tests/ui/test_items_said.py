"""What the page says is about what it shows: findings of the shown take, voices that a person named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.conftest import Person
from tests.ui.items_desk import TakeDesk, make_set, open_set, page_of, press, speech, write_wav
from tmlapp.bench.authoring.commands import AddSpeaker, SetSpeaker
from tmlapp.bench.authoring.model import Speaker
from tmlapp.ui.items.findings import FindingRow
from tmlapp.ui.items.parts import Elided
from tmlapp.ui.items.tried import TryRow, short_address
from tmlapp.ui.items.try_dialog import TryDialog
from tmlapp.ui.items.voice_dialog import VoiceDialog, ask_voice_of_file, voices
from tmlapp.ui.items.workspace import ItemsWorkspace

pytestmark = pytest.mark.qt

Key = Qt.Key


@pytest.fixture
def opened(open_window: Callable[..., Person], tmp_path: Path) -> tuple[Person, ItemsWorkspace]:
    folder = make_set(tmp_path / "set", takes=2)
    person = open_window()
    page = page_of(person, TakeDesk(write_wav(tmp_path / "said.wav", speech(6.0))))
    open_set(person, page, folder)
    return person, page


Opened = tuple[Person, ItemsWorkspace]


def _voice(page: ItemsWorkspace) -> VoiceDialog:
    dialog = [d for d in page.findChildren(VoiceDialog) if d.isVisible()][-1]
    assert isinstance(dialog, VoiceDialog)
    return dialog


def test_findings_are_of_the_take_that_is_shown_and_the_list_keeps_to_the_best(opened: Opened) -> None:
    person, page = opened
    item = page.model.state.items[0]
    other = next(t.id for t in item.takes if t.id != item.best)
    page.model.choose_take(other)
    page.windows.remove()
    page.windows.remove()
    person.sees(lambda: "not the best" in page.findings_title.text() and any("xpect" in r.text for r in _bad(page)))
    assert page.findings_title.text() == f"Findings · take {[t.id for t in item.takes].index(other) + 1} (not the best)"
    assert page.checking.state_of(page.model.state.items[0]).worst == ""
    assert item.best is not None
    page.model.choose_take(item.best)
    person.sees(lambda: page.findings_title.text() == "Findings")
    assert not any("xpect" in r.text for r in _bad(page))


def _bad(page: ItemsWorkspace) -> list[FindingRow]:
    return [r for r in page.findings.rows if r.level == "error"]


def test_whose_voice_is_in_a_file_is_asked_and_nobody_is_the_answer_until_somebody_is_named(
    opened: Opened, tmp_path: Path
) -> None:
    person, page = opened
    assert page.model.speaker_id == "s-014"
    assert [name for _, name in voices(page.model.state)] == ["", "s-014"]
    ask_voice_of_file(page, tmp_path / "said.wav")
    QTest.keyClick(_voice(page).list, Key.Key_Return)
    person.sees(lambda: len(page.model.state.items[0].takes) == 3)
    assert page.model.state.items[0].takes[2].speaker == ""
    person.sees(lambda: any("Nobody is named" in r.text for r in page.findings.rows))
    at = next(i for i, r in enumerate(page.findings.rows) if "Nobody is named" in r.text)
    page.findings.do(at, "show")
    dialog = _voice(page)
    QTest.keyClick(dialog.list, Key.Key_Down)
    QTest.keyClick(dialog.list, Key.Key_Return)
    assert page.model.state.items[0].takes[2].speaker == "s-014"
    ask_voice_of_file(page, tmp_path / "said.wav")
    dialog = _voice(page)
    QTest.keyClick(dialog.list, Key.Key_Escape)
    assert len(page.model.state.items[0].takes) == 3
    press(person, Key.Key_Escape)


def test_a_judge_that_is_none_is_refused_in_the_dialog_and_not_remembered(opened: Opened) -> None:
    _, page = opened
    page.trying.ask()
    dialog = page.findChild(TryDialog)
    assert dialog is not None
    for text, said in (("gibberish", "no judge 'gibberish'"), ("human", "Nobody can be asked"), ("  ", "No judge")):
        dialog.judge.setEditText(text)
        dialog.take()
        assert dialog.isVisible()
        assert said in dialog.wrong.text()
    assert (page.memory.judge, page.trying.running) == ("", False)
    dialog.reject()


def test_a_long_address_is_scheme_and_file_name_and_gives_way_to_an_ellipsis(opened: Opened) -> None:
    person, page = opened
    assert short_address("scripted:/srv/somebody/lines.json") == "scripted · lines.json"
    assert short_address("onnx:tiny") == "onnx · tiny"
    assert short_address("ws://host:80/live") == "ws://host:80/live"
    address = f"scripted:/srv/somebody/{'very-long-' * 12}name.json"
    page.tried.show_rows((TryRow(address, "✕ silent", "bad"),), "")
    (name,) = page.tried.findChildren(Elided)
    person.sees(lambda: "…" in name.text())
    assert name.text().startswith("scripted · very")
    assert name.text().endswith("name.json")
    assert name.toolTip() == address


def test_what_was_said_of_one_set_is_not_said_of_the_next(opened: Opened, tmp_path: Path) -> None:
    person, page = opened
    page.show_note("Recovered 67 changes that set.json did not hold yet.")
    page.sets.open(make_set(tmp_path / "other"))
    assert page.status.note.toolTip() == ""
    person.sees(lambda: page.model.folder == tmp_path / "other")


def test_who_speaks_is_the_same_after_undo_and_redo_of_speakers(opened: Opened) -> None:
    _, page = opened
    model = page.model
    model.do(AddSpeaker(Speaker("s-020")))
    model.speaker_id = "s-020"
    model.do(SetSpeaker("s-020", Speaker("s-021")))
    assert model.speaker_id == "s-021"
    model.undo()
    assert model.speaker_id == "s-020"
    model.undo()
    assert model.speaker_id == ""
    model.redo()
    assert model.speaker_id == "s-020"
    model.redo()
    assert model.speaker_id == "s-021"
    model.speaker_id = "s-014"
    model.undo()
    model.undo()
    assert model.speaker_id == "s-014"


def test_while_the_sound_is_read_the_spectrogram_says_so(opened: Opened) -> None:
    _, page = opened
    take, card = page.model.take, page.take_card
    assert take is not None
    assert card.spectrogram.waiting == ""
    assert card.needs_sound(Path("another.wav"), take)
    assert card.spectrogram.waiting == "reading…"
    card.show_no_sound("it is gone")
    assert card.spectrogram.waiting == ""
