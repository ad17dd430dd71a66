"""The Library as somebody uses it: by keyboard, over real recordings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox

from tests.bench.catalogue_parts import make_recording, truncate
from tests.ui.conftest import Person
from tmlapp.bench.annotations import read_annotations
from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.catalogue.pictures import wanted
from tmlapp.config.settings import Settings
from tmlapp.recording.thumbnail import Thumbnail
from tmlapp.ui.library.model import COLUMNS
from tmlapp.ui.library.texts import endpoint_text, second_line, short_date_text, title_text, verdict_text
from tmlapp.ui.library.workspace import LibraryWorkspace

pytestmark = pytest.mark.qt

Key, Ctrl, Shift = Qt.Key, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Reader:
    """Whoever looks through the library."""

    def __init__(self, person: Person) -> None:
        self.person = person
        person.press(Key.Key_5, Ctrl)
        page = person.window.workspaces.page("library")
        assert isinstance(page, LibraryWorkspace)
        self.page = page
        self.rests()

    def rests(self) -> None:
        """Wait until nothing is being done any more."""
        page = self.page
        self.person.sees(lambda: page.shelf is not None and not page._looking and not page.acts._busy)

    def names(self) -> list[str]:
        rows = range(self.page.model.rowCount())
        return [entry.name for row in rows if (entry := self.page.model.entry(row)) is not None]

    def chosen(self) -> list[str]:
        return [e.name for e in self.page.chosen()]

    def search(self, text: str) -> None:
        self.person.press(Key.Key_Slash)
        assert self.page.search.hasFocus()
        self.person.press(Key.Key_A, Ctrl)
        self.person.type(text)
        self.page.search.completer_.popup().hide()
        self.person.press(Key.Key_Return)

    def choose(self, name: str) -> None:
        self.page.table.choose([self.names().index(name)])


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shelf")
    make_recording(root, "squats", turns=3)
    make_recording(root, "breathing", said=("breathe in",), instruction="Remind me to breathe.", frames=False, turns=2)
    make_recording(root, "深蹲", created="2026-10-01T10:00:00+00:00", turns=2)
    make_recording(root, "killed", finish=False)
    truncate(make_recording(root, "cut", turns=3))
    return root


@pytest.fixture
def root(shelf: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shelf, tmp_path / "recordings"))


@pytest.fixture
def reader(open_window: Callable[..., Person], root: Path) -> Reader:
    return Reader(open_window(settings=Settings(theme="dark", recordings_dir=root)))


def test_everything_is_there_and_found_by_words_and_conditions(reader: Reader) -> None:
    assert sorted(reader.names()) == ["breathing", "cut", "killed", "squats", "深蹲"]
    reader.search("breathe in")
    assert (reader.names(), reader.chosen()) == (["breathing"], ["breathing"])
    assert reader.page.table.hasFocus()
    reader.search("is:unfinished")
    assert reader.names() == ["killed"]
    reader.search("nobody said this")
    assert reader.page.empty_title.text() == "Nothing matches"
    reader.person.press(Key.Key_Escape)
    assert len(reader.names()) == 5
    reader.search("color:red")
    assert "no condition" in reader.page.count.text()
    reader.person.press(Key.Key_F1)
    dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible())
    dialog.close()


def test_conditions_are_completed_while_one_types(reader: Reader) -> None:
    reader.person.press(Key.Key_Slash)
    reader.person.type("squats ver")
    popup = reader.page.search.completer_.popup()
    assert popup.isVisible()
    reader.person.qtbot.keyClick(popup, Key.Key_Down)
    reader.person.qtbot.keyClick(popup, Key.Key_Return)
    assert reader.page.search.text() == "squats verdict:pass"


def test_chips_and_sorting_work_by_keyboard(reader: Reader) -> None:
    chips = reader.page.chips.buttons
    chips[4].setFocus()
    reader.person.press(Key.Key_Return)
    assert reader.names() == ["killed"]
    assert chips[4].isChecked()
    assert not chips[0].isChecked()
    chips[0].setFocus()
    reader.person.press(Key.Key_Return)
    reader.page.host.actions_["library.sort_name"].trigger()
    assert reader.names() == ["breathing", "cut", "killed", "squats", "深蹲"]
    reader.page.table.sort_asked.emit("name")
    assert reader.names()[0] == "深蹲"


def test_a_tag_is_set_found_taken_off_and_undone(reader: Reader, root: Path) -> None:
    reader.choose("squats")
    reader.person.press(Key.Key_T)
    reader.person.type("Blurred, to check")
    reader.person.press(Key.Key_Return)
    reader.rests()
    assert reader.page.chosen()[0].tags == ("blurred", "to check")
    assert len(read_annotations(root / "squats.mcap").current) == 2
    reader.page.search.ask('tag:"to check"')
    assert reader.names() == ["squats"]
    reader.person.press(Key.Key_T)
    reader.person.type("-blurred")
    reader.person.press(Key.Key_Return)
    reader.rests()
    assert reader.page.chosen()[0].tags == ("to check",)
    reader.person.sees(reader.page.table.hasFocus)
    for _ in range(2):  # The second one while the first is under way.
        reader.person.press(Key.Key_Z, Ctrl)
    reader.rests()
    assert read_annotations(root / "squats.mcap").current == ()


def test_trash_and_undo(reader: Reader, root: Path) -> None:
    before = sorted(p.name for p in root.iterdir())
    reader.page.host.actions_["library.sort_name"].trigger()
    reader.choose("breathing")
    reader.person.press(Key.Key_Down, Shift)
    assert reader.chosen() == ["breathing", "cut"]
    assert reader.page.detail.name.text() == "2 chosen"
    reader.person.press(Key.Key_Delete)
    reader.rests()
    assert reader.names() == ["killed", "squats", "深蹲"]
    assert "Ctrl+Z" in reader.page.note.text()
    reader.person.press(Key.Key_Z, Ctrl)
    reader.rests()
    assert len(reader.names()) == 5
    assert sorted(p.name for p in root.iterdir()) == before


def test_restoring_from_the_trash_and_emptying_it(reader: Reader, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr("send2trash.send2trash", sent.append)
    for name in ("squats", "深蹲"):
        reader.choose(name)
        reader.person.press(Key.Key_Delete)
        reader.rests()
    reader.search("is:trashed")
    assert sorted(reader.names()) == ["squats", "深蹲"]
    reader.choose("squats")
    reader.person.press(Key.Key_R, Ctrl)
    reader.rests()
    assert (root / "squats.mcap").exists()
    reader.page.host.actions_["library.empty"].trigger()
    box = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMessageBox) and w.isVisible())
    assert "1 entries" in box.text()
    box.buttons()[0].click() if "Empty" in box.buttons()[0].text() else box.buttons()[1].click()
    reader.rests()
    assert len(sent) == 1


def test_rename_by_f2_and_back(reader: Reader, root: Path) -> None:
    reader.choose("squats")
    reader.person.press(Key.Key_F2)
    reader.person.type("Kniebeugen")
    reader.person.press(Key.Key_Return)
    reader.rests()
    assert (root / "Kniebeugen.mcap").exists()
    assert reader.chosen() == ["Kniebeugen"]
    reader.person.press(Key.Key_Z, Ctrl)
    reader.rests()
    assert (root / "squats.mcap").exists()
    reader.person.press(Key.Key_F2)
    reader.person.type("gone again")
    reader.person.press(Key.Key_Escape)
    assert reader.page.detail.name.text() == "squats"
    reader.person.press(Key.Key_F2)
    reader.person.type("breathing")
    reader.person.press(Key.Key_Return)
    reader.rests()
    assert "cannot be renamed" in reader.page.banner.what.text()
    reader.person.press(Key.Key_Escape)
    assert not reader.page.banner.isVisible()


def test_verify_recover_export(reader: Reader, root: Path) -> None:
    reader.choose("squats")
    reader.person.press(Key.Key_V)
    reader.rests()
    assert "whole" in reader.page.note.text()
    reader.person.press(Key.Key_E)
    reader.rests()
    assert (root / "squats export" / "user.wav").exists()
    assert "squats export" in reader.names()
    reader.choose("cut")
    reader.person.press(Key.Key_V)
    reader.rests()
    assert "damaged" in reader.page.banner.what.text()
    reader.choose("killed")
    reader.person.press(Key.Key_R)
    reader.rests()
    assert (root / "killed.mcap").exists()
    assert reader.chosen() == ["killed"]
    assert next(e for e in map(reader.page.model.entry, range(9)) if e and e.name == "killed").state == "ok"


def test_what_is_found_damaged_is_shown_as_such_and_can_be_recovered(reader: Reader, root: Path) -> None:
    path = make_recording(root, "long", turns=60)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF  # within its pictures
    path.write_bytes(data)
    reader.person.press(Key.Key_F5)
    reader.rests()
    reader.choose("long")
    assert reader.page.chosen()[0].state == "ok", "a look at the files does not read all of them"
    reader.person.press(Key.Key_V)
    reader.rests()
    assert reader.page.chosen()[0].state == "damaged"
    assert "It is not whole" in reader.page.chosen()[0].why
    reader.person.press(Key.Key_R)
    reader.rests()
    assert reader.chosen() == ["long (recovered)"]


def test_return_opens_a_recording_in_review_and_a_set_in_items(
    reader: Reader, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    host = reader.page.host
    monkeypatch.setattr(type(host), "open_recording", lambda _self, path, _at_s=None: opened.append(path))
    monkeypatch.setattr(type(host), "open_in", lambda _self, name, what: opened.append((name, what)))
    from tmlapp.bench.authoring.editor import Editor

    Editor.open(root / "my set").close()
    (root / "run 1").mkdir()
    (root / "run 1" / "run.json").write_text('{"suite": "timespeak", "endpoint": "onnx:tiny", "finished": "x"}')
    reader.person.press(Key.Key_F5)
    reader.rests()
    reader.choose("squats")
    reader.person.press(Key.Key_Return)
    reader.search("kind:items")
    reader.person.press(Key.Key_Return)
    assert opened == [root / "squats.mcap", ("items", ("set", root / "my set"))]
    reader.search("kind:run")
    reader.person.press(Key.Key_Return)
    assert "in:" in reader.page.search.text()
    reader.search("is:unfinished")
    reader.person.press(Key.Key_Return)
    assert "cannot be opened" in reader.page.banner.what.text()


def test_files_that_come_go_and_move_are_seen_on_f5(reader: Reader, root: Path) -> None:
    (root / "squats.mcap").unlink()
    os.rename(root / "breathing.mcap", root / "moved.mcap")
    (root / "breathing.html").write_text("report")
    make_recording(root, "new", turns=1)
    reader.person.press(Key.Key_F5)
    reader.rests()
    assert sorted(reader.names()) == ["cut", "killed", "moved", "new", "深蹲"]
    assert "1 missing" in reader.page.count.text()
    reader.choose("moved")
    assert "left behind: breathing" in reader.page.detail.files.text().replace("\u200b", "")
    reader.person.press(Key.Key_B)
    reader.rests()
    assert (root / "moved.html").exists()
    reader.search("is:missing")
    assert reader.names() == ["squats"]
    reader.person.press(Key.Key_Delete, Ctrl)
    reader.rests()
    assert reader.names() == []


def test_thumbnails_appear_for_pictures_and_for_sound(reader: Reader) -> None:
    model = reader.page.model
    for name in ("squats", "breathing"):
        reader.choose(name)
        entry = reader.page.chosen()[0]
        reader.person.sees(lambda e=entry: model.picture(e) is not None)  # type: ignore[misc]
    reader.person.press(Key.Key_C, Ctrl)
    assert QGuiApplication.clipboard().text().endswith("breathing.mcap")
    reader.person.press(Key.Key_L, Ctrl)
    reader.person.sees(lambda: model.picture(reader.page.chosen()[0]) is not None)


def test_a_picture_that_failed_is_made_anew_when_the_file_lies_elsewhere(reader: Reader, root: Path) -> None:
    model = reader.page.model
    reader.choose("squats")
    entry = reader.page.chosen()[0]
    reader.person.sees(lambda: model.picture(entry) is not None)
    asked = wanted(entry)
    assert asked is not None
    # As if the file had been renamed by hand while its picture was being made.
    model._pictures.clear()
    model._in_making = {asked.key: replace(asked, path=root / "before.mcap")}
    model.take({asked.key: Thumbnail()})
    reader.person.sees(lambda: model.picture(entry) is not None)


def test_a_recording_renamed_by_hand_has_its_picture(reader: Reader, root: Path) -> None:
    (root / "squats.mcap").rename(root / "by hand.mcap")
    reader.person.press(Key.Key_F5)
    reader.rests()
    reader.choose("by hand")
    entry = reader.page.chosen()[0]
    reader.person.sees(lambda: reader.page.model.picture(entry) is not None)
    # A copy shares the picture; every row that waits for it is told.
    model, asked = reader.page.model, wanted(entry)
    assert asked is not None
    model._shown_in[asked.key] = {entry.id, 77}
    told: list[Any] = []
    model.rows_changed.connect(told.append)
    model.take({asked.key: Thumbnail()})
    assert sorted(told[0]) == sorted([entry.id, 77])


def test_a_picture_that_cannot_be_made_is_asked_for_once(reader: Reader) -> None:
    model = reader.page.model
    reader.choose("squats")
    entry = reader.page.chosen()[0]
    reader.person.sees(lambda: model.picture(entry) is not None)
    asked = wanted(entry)
    assert asked is not None
    model._pictures.clear()
    model._asked.clear()
    model._in_making = {asked.key: asked}
    model.take({asked.key: Thumbnail()})
    assert model.picture(entry) is None
    assert asked.key not in model._asked


def test_an_empty_library_says_what_to_do_and_takes_a_further_folder(
    open_window: Callable[..., Person], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    reader = Reader(open_window(settings=Settings(theme="light", recordings_dir=tmp_path / "none")))
    assert reader.page.empty_title.text() == "No recordings yet"
    assert "Ctrl+1" in reader.page.empty_text.text()
    reader.person.press(Key.Key_O, Ctrl | Shift)
    dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QFileDialog) and w.isVisible())
    dialog.close()
    reader.page.take_folder(root)
    reader.rests()
    assert len(reader.names()) == 5
    assert reader.page.host.settings.library_folders == (root,)


def test_every_control_has_a_name_and_rows_are_read_aloud(reader: Reader) -> None:
    page = reader.page
    for part in (page.table, page.search, page.detail.tags, page.detail.name, page.detail.picture, *page.chips.buttons):
        assert part.accessibleName(), part
    index = page.model.index(reader.names().index("killed"), 0)
    assert "unfinished" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert QAccessible.queryAccessibleInterface(page.table) is not None


def test_a_window_that_is_closed_while_it_looks_ends_at_once(open_window: Callable[..., Person], root: Path) -> None:
    person = open_window(settings=Settings(theme="dark", recordings_dir=root))
    person.press(Key.Key_5, Ctrl)
    person.window.close()


def _entry(**facts: Any) -> Entry:
    given: dict[str, Any] = {"path": Path("/r/run-a/items/0/main.mcap"), "root": Path("/r"), "kind": "recording"}
    return Entry(**{**given, "name": "main", **facts})


def test_dates_are_short_and_tell_the_year_only_where_it_is_another() -> None:
    now = datetime(2026, 11, 22, 18, 0).astimezone()
    assert (
        short_date_text(_entry(created_s=datetime(2026, 11, 22, 16, 34).astimezone().timestamp()), now)
        == "22 Nov 16:34"
    )
    assert short_date_text(_entry(created_s=datetime(2025, 3, 1, 9, 5).astimezone().timestamp()), now) == "1 Mar 2025"


def test_recordings_of_a_run_are_told_apart_by_their_items() -> None:
    entry = _entry(part_of="/r/run-a/run.json", details={"item": "cs-0003"}, verdict="fail", grade="0")
    assert (title_text(entry), verdict_text(entry)) == ("cs-0003 · run-a", "✕ wrong")
    assert title_text(_entry(name="squats")) == "squats"
    assert verdict_text(_entry(verdict="pass", grade="87.5 % OBO")) == "✓ 87.5 % OBO"
    assert verdict_text(_entry(verdict="unsure", grade="0")) == "? undecided"


def test_one_item_and_one_take_are_told_in_the_singular() -> None:
    told = [second_line(_entry(kind="items", details={"items": n, "takes": t})) for n, t in ((1, 1), (1, 0), (2, 3))]
    assert told == ["1 item, 1 take", "1 item", "2 items, 3 takes"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("onnx:tiny", "onnx:tiny"),
        ("scripted:/far/away/bravo.jsonl", "scripted:bravo.jsonl"),
        ("wss://host/far/away", "wss://host/far/away"),
    ],
)
def test_addresses_are_shown_without_their_folders(address: str, shown: str) -> None:
    assert endpoint_text(_entry(endpoint=address)) == shown


def test_columns_in_which_nothing_stands_are_left_out(reader: Reader) -> None:
    table = reader.page.table
    shown = {name for i, name in enumerate(COLUMNS) if not table.isColumnHidden(i)}
    assert {"name", "created", "duration", "endpoint", "state"} <= shown
    assert not shown & {"tags", "suite", "verdict"}
    reader.choose("squats")
    reader.person.press(Key.Key_T)
    reader.person.type("blurred")
    reader.person.press(Key.Key_Return)
    reader.rests()
    assert not table.isColumnHidden(COLUMNS.index("tags"))


def test_how_many_are_chosen_and_what_to_do_next_is_said(reader: Reader) -> None:
    reader.page.table.choose([0, 1])
    assert reader.page.detail.name.text() == "2 chosen"
    assert reader.page.detail.line.isVisible()
    assert "B" in reader.page.detail.line.text()


def test_where_room_is_short_what_is_shown_is_shown_whole(open_window: Callable[..., Person], root: Path) -> None:
    reader = Reader(open_window(settings=Settings(theme="dark", recordings_dir=root, text_scale=2.0)))
    window, page = reader.person.window, reader.page
    window.resize(1280, 800)
    reader.person.sees(lambda: window.width() == 1280)
    for button in page.chips.buttons:
        assert not button.isVisible() or button.width() >= button.minimumSizeHint().width()
    assert sum(b.isVisible() for b in page.chips.buttons) in range(1, len(page.chips.buttons))
    assert page.detail.geometry().right() < page.width()
    assert sum(page.table.columnWidth(i) for i in range(len(COLUMNS))) <= page.table.viewport().width()
