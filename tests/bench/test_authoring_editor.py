from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.authoring_parts import edited, expectation, take
from tmlapp.bench.authoring import store
from tmlapp.bench.authoring.cleaning import clean_up, unneeded_files
from tmlapp.bench.authoring.commands import (
    AddExpectation,
    AddItem,
    AddTake,
    MoveItem,
    RemoveItem,
    RemoveTake,
    RenameItem,
    SetField,
    SetWindow,
    Together,
)
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.journal import JOURNAL, line_of
from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Span
from tmlapp.bench.authoring.store import PREVIOUS_JOURNAL, PREVIOUS_SET, SET, find, read_set, set_bytes
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def test_an_empty_folder_becomes_an_empty_set(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "set"
    with pytest.raises(AppError, match="holds no set"):
        read_set(folder)
    with Editor.open(folder) as editor:
        assert editor.state == ItemSet()
        assert not editor.can_undo
        assert not editor.can_redo
        assert (editor.undo_title, editor.redo_title) == ("", "")
        assert editor.undo() == editor.redo() == ItemSet()
    assert read_set(folder) == ItemSet()
    assert sorted(p.name for p in folder.iterdir()) == [".lock", "set.json"]


def test_what_was_done_can_be_undone_and_redone_with_its_title(tmp_path: Path) -> None:
    with edited(tmp_path, AddItem(ItemDraft("a", "timespeak")), AddTake("a", take())) as editor:
        editor.do(AddExpectation("a", "t1", expectation()))
        before = editor.state
        editor.do(SetWindow("a", "t1", "e1", Span(1, 2)))
        assert editor.undo_title == "move the window"
        assert editor.undo() == before
        assert editor.redo_title == "move the window"
        assert editor.redo().items[0].takes[0].expectations[0].window == Span(1, 2)
        editor.do(Together((SetField("name", "x"),), "do it all"))
        assert editor.undo_title == "do it all"
        assert not editor.can_redo


def test_a_bad_command_is_not_written_down(tmp_path: Path) -> None:
    with edited(tmp_path, SetField("name", "x")) as editor:
        journal = (tmp_path / JOURNAL).read_bytes()
        with pytest.raises(AppError):
            editor.do(RemoveItem("nobody"))
        assert (tmp_path / JOURNAL).read_bytes() == journal
        assert editor.state.name == "x"


def test_listeners_hear_each_change_until_they_leave(tmp_path: Path) -> None:
    heard: list[str] = []
    with Editor.open(tmp_path) as editor:
        leave = editor.add_listener(lambda state: heard.append(state.name))
        editor.do(SetField("name", "x"))
        editor.undo()
        editor.redo()
        leave()
        editor.do(SetField("name", "y"))
    assert heard == ["x", "", "x"]


def test_two_editors_cannot_have_one_folder(tmp_path: Path) -> None:
    with Editor.open(tmp_path), pytest.raises(AppError, match="Another window of this tmlapp holds it"):
        Editor.open(tmp_path)
    Editor.open(tmp_path).close()


def test_a_lock_that_says_nothing_still_holds(tmp_path: Path) -> None:
    with Editor.open(tmp_path):
        (tmp_path / ".lock").write_bytes(b"no json")
        with pytest.raises(AppError, match="Another tmlapp holds it"):
            Editor.open(tmp_path)


def test_a_closed_editor_does_nothing_any_more(tmp_path: Path) -> None:
    editor = edited(tmp_path, SetField("name", "x"))
    editor.close()
    editor.close()
    for act in (editor.undo, editor.redo, editor.save, lambda: editor.do(SetField("name", "y"))):
        with pytest.raises(AppError, match="is closed"):
            act()
    assert read_set(tmp_path).name == "x"


def test_a_snapshot_is_saved_after_so_many_changes_and_undo_goes_on(tmp_path: Path) -> None:
    editor = edited(tmp_path, *(SetField("name", str(n)) for n in range(5)), autosave_after=3)
    assert editor.unsaved == 2
    assert json.loads((tmp_path / SET).read_bytes())["set"]["name"] == "2"
    for _ in range(5):
        editor.undo()
    assert editor.state.name == ""
    assert editor.autosave()
    assert editor.unsaved == 0
    assert json.loads((tmp_path / SET).read_bytes())["set"]["name"] == ""
    editor.redo()
    # As a crash would: what can be undone after the last save is still known, and what was undone before it is not.
    editor._lock.close()
    with Editor.open(tmp_path) as again:
        assert again.state.name == "0"
        assert again.can_undo
        again.undo()
        assert again.state.name == ""


def test_saving_without_changes_writes_nothing(tmp_path: Path) -> None:
    with edited(tmp_path, SetField("name", "x")) as editor:
        editor.save()
        before = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
        editor.save()
        assert editor.autosave()
        assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before
        assert sorted(before) == [".lock", PREVIOUS_JOURNAL, SET, PREVIOUS_SET]


def test_a_saved_set_has_a_line_for_each_item_and_is_the_same_for_the_same_state(tmp_path: Path) -> None:
    state = ItemSet(name="ü\ud800", items=(ItemDraft("a", "timespeak"), ItemDraft("b", "timespeak")))
    known: store.Lines = {}
    data = set_bytes(state, 3, known)
    assert data == set_bytes(state, 3) == set_bytes(state, 3, known)
    assert data.count(b"\n{") == 2
    fewer = replace(state, items=(replace(state.items[1], notes="new"),))
    assert set_bytes(fewer, 4, known) == set_bytes(fewer, 4)
    store.write_snapshot(tmp_path, state, 3)
    assert find(tmp_path).history.state == state
    assert find(tmp_path).n == 3


def test_any_state_is_saved_the_same_with_and_without_what_was_known(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    with edited(tmp_path, *(AddItem(ItemDraft(name, "timespeak")) for name in names), autosave_after=1) as editor:
        editor.do(MoveItem("a", 2))
        editor.do(RenameItem("b", "z"))
        editor.undo()
        editor.do(RemoveItem("c"))
        assert (tmp_path / SET).read_bytes() == set_bytes(editor.state, 7)


def test_a_journal_that_something_else_cut_is_not_written_on(tmp_path: Path) -> None:
    editor = edited(tmp_path, SetField("name", "x"))
    editor._journal.close()
    (tmp_path / JOURNAL).write_bytes(b"")
    with pytest.raises(AppError, match="shorter than it was"):
        editor.do(SetField("name", "y"))
    editor.save()
    assert editor.do(SetField("name", "z")).name == "z"
    editor.close()
    assert read_set(tmp_path).name == "z"


def test_half_a_line_that_could_not_be_taken_back_does_not_spoil_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = edited(tmp_path, SetField("name", "x"))
    real = os.write
    truncated = os.ftruncate

    def half(fd: int, data: bytes) -> int:
        real(fd, bytes(data)[:9])
        monkeypatch.setattr(os, "ftruncate", fails)
        raise OSError(5, "Input/output error")

    def fails(fd: int, size: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(AppError, match="Input/output error"):
        editor.do(SetField("name", "y"))
    monkeypatch.setattr(os, "write", real)
    monkeypatch.setattr(os, "ftruncate", truncated)
    assert not (tmp_path / JOURNAL).read_bytes().endswith(b"\n")
    editor.do(SetField("name", "z"))
    editor._lock.close()
    with Editor.open(tmp_path) as again:
        assert again.state.name == "z"
        assert again.reports == ()


def test_an_entry_of_an_unknown_kind_is_kept_and_reported(tmp_path: Path) -> None:
    edited(tmp_path).close()
    (tmp_path / JOURNAL).write_bytes(line_of({"n": 1, "op": "dance"}) + line_of({"n": 2, "op": "do", "command": {}}))
    with Editor.open(tmp_path) as editor:
        assert editor.state == ItemSet()
        assert "'dance', which is no kind of change" in editor.reports[0]
        assert "2 changes" in editor.reports[0]
    assert (tmp_path / "journal.damaged.jsonl").read_bytes().count(b"\n") == 2


def test_a_user_without_a_name_can_hold_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    with Editor.open(tmp_path):
        assert json.loads((tmp_path / ".lock").read_bytes())["user"] == ""


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_folder_that_is_taken_away_is_one_clear_error(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "set"
    editor = edited(folder, SetField("name", "x"))
    shutil.move(folder, tmp_path / "moved")
    if how == "replaced":
        edited(folder).close()
    with pytest.raises(AppError, match="no longer the folder of this set"):
        editor.do(SetField("name", "y"))
    assert editor.state.name == "x"
    with pytest.raises(AppError, match="no longer the folder"):
        editor.close()
    with Editor.open(tmp_path / "moved") as again:
        assert again.state.name == "x"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(AppError, match="could not be written"):
        Editor.open(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_state_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / SET).mkdir()
    with pytest.raises(AppError, match="cannot be read"):
        Editor.open(tmp_path)
    (tmp_path / SET).rmdir()
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(AppError, match="cannot be read"):
        Editor.open(tmp_path)


def files_in(folder: Path, *names: str) -> list[Path]:
    made = [folder / "takes" / "a" / name for name in names]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    return made


def test_files_go_only_when_somebody_cleans_up_and_nothing_needs_them(tmp_path: Path) -> None:
    one, two, part, stray = files_in(tmp_path, "t1.wav", "t2.wav", "t3.mcap.part", "old.wav")
    takes = [take("t1", audio="takes/a/t1.wav"), take("t2", audio="takes/a/t2.wav")]
    editor = edited(tmp_path, AddItem(ItemDraft("a", "timespeak")), *(AddTake("a", t) for t in takes))
    editor.do(RemoveTake("a", "t2"))
    # It could be undone: the file is still needed.
    assert unneeded_files(editor) == [stray]
    trashed: list[Path] = []
    assert clean_up(editor, trashed.append) == [stray, two]
    assert trashed == [stray, two]
    assert not editor.can_undo
    editor.do(RemoveItem("a"))
    assert one.exists()
    assert part.exists()
    assert editor.kept_files() == {"takes/a/t1.wav"}
    editor.close()


def test_a_trash_that_fails_is_one_clear_error(tmp_path: Path) -> None:
    files_in(tmp_path, "t1.wav")

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with Editor.open(tmp_path) as editor, pytest.raises(AppError, match="could not be moved to the trash"):
        clean_up(editor, full)


def test_a_folder_of_takes_that_cannot_be_read_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(self: Path, pattern: str) -> None:
        raise PermissionError(13, "Permission denied")

    with Editor.open(tmp_path) as editor:
        monkeypatch.setattr(Path, "rglob", closed)
        with pytest.raises(AppError, match="Permission denied"):
            unneeded_files(editor)
