"""A set that was just made holds nothing to take back, nothing to recover, and asks for what is still missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.ui.conftest import Person
from tests.ui.items_desk import page_of, press
from tmlapp.bench.authoring.store import read_set
from tmlapp.ui.items.set_dialogs import NewItemDialog

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
Key, Mod = Qt.Key, Qt.KeyboardModifier
CTRL = Mod.ControlModifier


def test_what_a_set_was_made_with_is_saved_and_cannot_be_taken_back(
    open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = open_window()
    person.press(Key.Key_2, CTRL)
    page = page_of(person)
    notes: list[str] = []
    monkeypatch.setattr(page, "show_note", notes.append)
    page.sets.make(tmp_path / "set", {"name": "numbers", "suite": "cuespeak"})
    person.sees(lambda: page.model.editor is not None)
    editor = page.model.editor
    assert editor is not None
    assert (editor.can_undo, editor.unsaved, notes) == (False, 0, [])
    assert (read_set(tmp_path / "set").name, read_set(tmp_path / "set").suite) == ("numbers", "cuespeak")


def test_after_the_instruction_of_a_new_item_its_script_is_written(open_window: OpenWindow, tmp_path: Path) -> None:
    person = open_window()
    person.press(Key.Key_2, CTRL)
    page = page_of(person)
    page.sets.make(tmp_path / "set", {"name": "numbers", "suite": "cuespeak"})
    person.sees(lambda: page.model.editor is not None)
    press(person, Key.Key_N, CTRL)
    dialog = page.findChild(NewItemDialog)
    assert dialog is not None
    QTest.keyClicks(dialog.instruction, "Correct me.")
    QTest.keyClick(dialog.instruction, Key.Key_Return)
    person.sees(lambda: page.script.writing and page.script.write_script.hasFocus())
    QTest.keyClicks(page.script.write_script, "red")
    page.script.done()
    (item,) = page.model.state.items
    assert (item.instruction, item.script) == ("Correct me.", "red")
