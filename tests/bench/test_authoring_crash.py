"""Real editors, killed; real journals, cut; real disks, filled."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bench import authoring_child
from tests.bench.authoring_parts import edited, some_commands, state_with_take
from tests.capture.sound_made import noise, write_wav
from tmlapp.bench.authoring import store
from tmlapp.bench.authoring.commands import AddItem, SetField, SetItemField
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.importing import take_from_file
from tmlapp.bench.authoring.journal import JOURNAL
from tmlapp.bench.authoring.model import ItemDraft, ItemSet
from tmlapp.bench.authoring.store import PREVIOUS_SET, SET, read_set
from tmlapp.core.errors import AppError

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL, fork and mount"),
]

ROOT = Path(__file__).resolve().parents[2]


def start(what: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.authoring_child", what, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def lines_of(child: subprocess.Popen[str]) -> Iterator[str]:
    assert child.stdout is not None
    yield from (line.rstrip("\n") for line in child.stdout)


def names(count: int) -> list[str]:
    """The set's name after each operation of `authoring_child.edit`."""
    found, done, undone = [""], [""], [""]
    for number in range(1, count + 1):
        if number % 5 == 3:
            undone.append(done.pop())
        elif number % 5 == 4:
            done.append(undone.pop())
        else:
            done.append(f"{number} ü\ud800")
        found.append(done[-1])
    return found


@pytest.mark.parametrize("kill_at", [1, 6, 7, 8, 50])
def test_kill_9_at_any_moment_loses_no_acknowledged_change(tmp_path: Path, kill_at: int) -> None:
    acknowledged = 0
    with start("edit", tmp_path / "set") as child:
        for line in lines_of(child):
            acknowledged = int(line.split()[1])
            if acknowledged == kill_at:
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    expected = names(acknowledged + 1)
    # The last one may have been written down without being acknowledged any more.
    assert read_set(tmp_path / "set").name in expected[acknowledged:]
    with Editor.open(tmp_path / "set") as editor:
        assert editor.state.name in expected[acknowledged:]
        editor.do(SetField("name", "after"))
    assert read_set(tmp_path / "set").name == "after"


def test_a_crash_at_every_single_call_to_the_system_loses_nothing(tmp_path: Path) -> None:
    expected = authoring_child.names_after()
    acknowledged: dict[int, int] = {}
    whole = None
    with start("crashes", tmp_path) as child:
        for line in lines_of(child):
            match line.split():
                case ["at", at, "ack", number]:
                    acknowledged[int(at)] = int(number)
                case ["whole", at, code]:
                    whole = int(at)
                    assert code == "0"
    assert child.returncode == 0
    # Thirteen operations make this many calls at least: none of the crashes was left out.
    assert whole is not None
    assert whole > 60
    for at in range(whole + 1):
        folder, done = tmp_path / str(at), acknowledged.get(at, 0)
        with Editor.open(folder) as editor:
            assert editor.state.name in expected[done : done + 2], f"crash {at} after {done} operations"
            # Only a line that was being written may be cut, and it is kept.
            assert len(editor.reports) == len(list(folder.glob("journal.damaged*")))
            editor.do(SetField("name", "after"))
        assert read_set(folder).name == "after"
        damage_the_last_save(folder)
        with Editor.open(folder) as editor:
            assert editor.state.name == "after"


def damage_the_last_save(folder: Path) -> None:
    (folder / SET).write_bytes(b"{")


def test_a_stale_lock_does_not_block_and_a_living_one_says_who_holds_it(tmp_path: Path) -> None:
    with start("hold", tmp_path) as child:
        assert next(lines_of(child)) == "held"
        with pytest.raises(AppError, match=f"Process {child.pid} of .* holds it since") as error:
            Editor.open(tmp_path)
        assert "Close the set there" in error.value.fix
        child.kill()
    Editor.open(tmp_path).close()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ItemSet]]:
    """A set that was saved once and then changed eight times; its states since the save."""
    folder = tmp_path_factory.mktemp("journal") / "set"
    first, second, *others = some_commands(9)
    editor = edited(folder, first)
    editor.save()
    states = [editor.state]
    for command in [second, *others[:-1]]:
        states.append(editor.do(command))
    states.append(editor.undo())
    # As a crash would: without the save of a close.
    editor._lock.close()
    return folder, states


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_journal_cut_at_any_byte_gives_every_whole_change_and_keeps_the_rest(
    journal: tuple[Path, list[ItemSet]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    source, states = journal
    whole = (source / JOURNAL).read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    folder = tmp_path_factory.mktemp("cut")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    (folder / JOURNAL).write_bytes(whole[:cut])
    lines = whole[:cut].count(b"\n")
    tail = whole[:cut].rpartition(b"\n")[2]
    assert read_set(folder) == states[lines]
    editor = Editor.open(folder)
    assert editor.state == states[lines]
    aside = list(folder.glob("journal.damaged*"))
    assert [path.read_bytes() for path in aside] == ([tail] if tail else [])
    assert len(editor.reports) == len(aside)
    editor.do(SetField("name", "more"))
    editor._lock.close()
    with Editor.open(folder) as again:
        assert again.state.name == "more"
        assert again.reports == ()
    shutil.rmtree(folder)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_journal_with_any_byte_changed_gives_a_prefix_and_keeps_the_rest(
    journal: tuple[Path, list[ItemSet]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    source, states = journal
    whole = bytearray((source / JOURNAL).read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    whole[at] ^= 1 << bit
    folder = tmp_path_factory.mktemp("flipped")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    (folder / JOURNAL).write_bytes(whole)
    before = bytes(whole[:at]).count(b"\n")
    with Editor.open(folder) as editor:
        # White space, and the letters of a checksum's own case, may change without harm.
        assert editor.state in (states[before], states[-1])
        assert bool(editor.reports) == (editor.state != states[-1] or bool(list(folder.glob("journal.damaged*"))))
    shutil.rmtree(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def until_full(editor: Editor) -> None:
    for n in range(1000):
        editor.do(SetItemField("a", "notes", f"{n} " + "x" * 5000))


def test_a_full_disk_refuses_a_change_and_loses_none(small_disk: Path) -> None:
    editor = edited(small_disk / "set", AddItem(ItemDraft("a", "timespeak")))
    with pytest.raises(AppError, match="No space left") as error:
        until_full(editor)
    assert "Free space" in error.value.fix
    state = editor.state
    with pytest.raises(AppError, match="No space left"):
        editor.save()
    assert not editor.autosave()
    assert editor.save_error is not None
    with pytest.raises(AppError, match="No space left"):
        editor.do(SetItemField("a", "notes", "y" * 5000))
    assert editor.state == state
    assert read_set(small_disk / "set") == state
    editor.do(SetItemField("a", "notes", "short"))
    with pytest.raises(AppError, match="No space left"):
        editor.close()
    # The folder was let go of, and the journal tells all of it.
    assert read_set(small_disk / "set").items[0].notes == "short"
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    with Editor.open(small_disk / "set") as again:
        assert again.state.items[0].notes == "short"
        assert again.reports == ()
        again.undo()
        assert again.state == state


def test_a_take_that_does_not_fit_on_the_disk_leaves_nothing_behind(small_disk: Path, tmp_path: Path) -> None:
    source = write_wav(tmp_path / "long.wav", noise(20.0, 16_000), 16_000)
    with pytest.raises(AppError, match="No space left"):
        take_from_file(small_disk, ItemDraft("a", "timespeak"), source)
    # The sound fits, the original beside it does not.
    source = write_wav(tmp_path / "short.wav", noise(4.0, 16_000), 16_000)
    with pytest.raises(AppError, match="No space left"):
        take_from_file(small_disk, ItemDraft("a", "timespeak"), source)
    assert [p for p in small_disk.rglob("*") if p.is_file()] == []
    take_from_file(small_disk, ItemDraft("a", "timespeak"), write_wav(tmp_path / "c.wav", noise(1.0, 16_000), 16_000))


def test_a_folder_that_is_read_only_is_one_clear_error_and_can_be_read(small_disk: Path) -> None:
    edited(small_disk / "set", SetField("name", "x")).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(AppError, match="Read-only file system") as error:
        Editor.open(small_disk / "set")
    assert "rights" in error.value.fix
    assert read_set(small_disk / "set").name == "x"
    with pytest.raises(AppError, match="Read-only file system"):
        Editor.open(small_disk / "other")


def test_a_set_json_that_is_damaged_is_made_again_from_its_copies(tmp_path: Path) -> None:
    editor = edited(tmp_path, SetField("name", "x"))
    editor.save()
    editor.do(SetField("name", "y"))
    editor.save()
    editor.do(SetField("name", "z"))
    editor._lock.close()
    bad = b'{"schema":"tmlapp.item_set","version":1,"n":'
    (tmp_path / SET).write_bytes(bad)
    assert read_set(tmp_path).name == "z"
    with Editor.open(tmp_path) as again:
        assert again.state.name == "z"
        assert "was damaged" in again.reports[0]
        assert (tmp_path / "set.damaged.json").read_bytes() == bad
        again.undo()
        assert again.state.name == "y"
    assert read_set(tmp_path).name == "y"


def test_a_set_json_that_is_missing_is_made_again(tmp_path: Path) -> None:
    edited(tmp_path, SetField("name", "x"), autosave_after=1).close()
    (tmp_path / SET).unlink()
    with Editor.open(tmp_path) as again:
        assert again.state.name == "x"
        assert len(again.reports) == 1


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"schema":"tmlapp.item_set","version":1,"n":-1,"set":{}}',
        b'{"schema":"tmlapp.item_set","version":1,"n":true,"set":{}}',
        b'{"schema":"tmlapp.item_set","version":"1","n":1,"set":{}}',
        b'{"schema":"tmlapp.item_set","version":1,"n":1,"set":{"items":[{"id":"a"}]}}',
        b'{"schema":"tmlapp.item_set","version":1,"n":1,"set":{"colour":"red"}}',
        b'{"schema":"tmlapp.item_set","version":1,"n":1,"set":{"items":[{"id":"../a","suite":"timespeak"}]}}',
    ],
)  # fmt: skip
def test_a_set_json_without_copies_that_is_damaged_is_refused_and_left_alone(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / SET).write_bytes(bad)
    for opened in (Editor.open, read_set):
        with pytest.raises(AppError, match="is damaged") as error:
            opened(tmp_path)
        assert "untouched" in error.value.fix
    assert (tmp_path / SET).read_bytes() == bad
    # The lock was let go of.
    store.hold(tmp_path).close()


def test_copies_that_are_damaged_too_are_refused_and_left_alone(tmp_path: Path) -> None:
    editor = edited(tmp_path, SetField("name", "x"), autosave_after=1)
    editor.do(SetField("name", "y"))
    editor.close()
    (tmp_path / SET).write_bytes(b"{")
    previous = (tmp_path / PREVIOUS_SET).read_bytes()
    (tmp_path / PREVIOUS_SET).write_bytes(b"}")
    with pytest.raises(AppError, match="too: it holds no set"):
        Editor.open(tmp_path)
    (tmp_path / PREVIOUS_SET).write_bytes(previous)
    (tmp_path / "journal.previous.jsonl").unlink()
    with pytest.raises(AppError, match="do not lead to it"):
        Editor.open(tmp_path)
    assert (tmp_path / SET).read_bytes() == b"{"


def test_a_set_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    newer = b'{"schema":"tmlapp.item_set","version":2,"n":1,"set":{"new":1}}'
    (tmp_path / SET).write_bytes(newer)
    with pytest.raises(AppError, match="made by a newer tmlapp") as error:
        Editor.open(tmp_path)
    assert "Update" in error.value.fix
    assert (tmp_path / SET).read_bytes() == newer
    assert not (tmp_path / JOURNAL).exists()


def test_a_journal_that_does_not_fit_its_set_is_kept_and_reported(tmp_path: Path) -> None:
    editor = edited(tmp_path / "a", AddItem(ItemDraft("a", "timespeak")), SetItemField("a", "notes", "x"))
    editor._lock.close()
    other = edited(tmp_path / "b")
    other.close()
    lines = (tmp_path / "a" / JOURNAL).read_bytes().splitlines(keepends=True)
    # The change that added the item is gone: what follows has nothing to change.
    (tmp_path / "b" / JOURNAL).write_bytes(lines[1])
    with Editor.open(tmp_path / "b") as again:
        assert again.state == ItemSet()
        assert "could not be repeated" in again.reports[0]
        assert (tmp_path / "b" / "journal.damaged.jsonl").read_bytes() == lines[1]
        again.do(SetField("name", "goes on"))
    assert read_set(tmp_path / "b").name == "goes on"


def test_a_journal_that_is_older_than_its_set_is_kept_and_what_follows_is_not_lost(tmp_path: Path) -> None:
    editor = edited(tmp_path, SetField("name", "x"))
    older = (tmp_path / JOURNAL).read_bytes()
    editor.do(SetField("name", "y"))
    editor.close()
    (tmp_path / JOURNAL).write_bytes(older)
    assert read_set(tmp_path).name == "y"
    again = Editor.open(tmp_path)
    assert "holds change 2 already" in again.reports[0]
    assert (tmp_path / "journal.damaged.jsonl").read_bytes() == older
    again.do(SetField("name", "z"))
    again._lock.close()
    assert read_set(tmp_path).name == "z"


def test_what_is_kept_aside_never_replaces_what_was(tmp_path: Path) -> None:
    for n in range(3):
        assert store.keep_aside(tmp_path, "journal.damaged.jsonl", str(n).encode()).read_bytes() == str(n).encode()
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(AppError, match="could not be written"):
        store.keep_aside(tmp_path / "nowhere", "x.json", b"")


def test_a_state_survives_with_everything_in_it(tmp_path: Path) -> None:
    item = state_with_take().items[0]
    with edited(tmp_path, AddItem(ItemDraft("b", "cuespeak"))) as editor:
        long = SetItemField("b", "script", "\ud800ü" * 200_000)
        editor.do(long)
    assert read_set(tmp_path).items[0].script == long.value
    assert item.takes
