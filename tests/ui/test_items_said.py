"""What the page says is about what it shows: findings of the shown take, voices that a person named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.conftest import Person
from tests.ui.items_desk import TakeDesk, make_set, open_set, page_of, press, speech, write_wav
from tmlapp.ui.items.findings import FindingRow
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
