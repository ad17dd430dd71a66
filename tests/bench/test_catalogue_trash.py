"""Trash, rename and bring along: everything or nothing, never over anything, and back to exactly where it was."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.bench.catalogue_parts import Inline, make_recording
from tmlapp.bench.annotations import annotate
from tmlapp.bench.catalogue import bundle as moving
from tmlapp.bench.catalogue import trash as doing
from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.catalogue.refresh import refresh
from tmlapp.bench.catalogue.store import Catalogue
from tmlapp.bench.companions import companions
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.device


@pytest.fixture(scope="module")
def workers() -> Inline:
    return Inline()


def entry_of(path: Path, root: Path, **more: object) -> Entry:
    name = path.stem if path.suffix == ".mcap" else path.parent.name
    given: dict[str, object] = {"path": path, "root": root, "kind": "recording", "name": name}
    return Entry(**given | more)  # type: ignore[arg-type]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """One with everything beside it that may lie there, and neighbours that are not its own."""
    path = make_recording(tmp_path / "r" / "friday", "größer")
    annotate(path, "note", data={"text": "look"})
    for name in ("größer.grades.jsonl", "größer.truth.json", "größer.qa.png", "größer.mcap.part"):
        path.with_name(name).write_text(name)
    path.with_name("größer 2.grades.jsonl").write_text("another's")
    path.with_name("größer.doc").write_text("no file of ours")
    (path.parent / "größer.qa").mkdir()
    (path.parent / "größer.qa" / "1.png").write_text("shot")
    return path


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below `folder` with its bytes and its time."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def test_trash_and_back_changes_nothing(recording: Path, tmp_path: Path) -> None:
    root = tmp_path / "r"
    before = contents(root)
    bundle = doing.trash(entry_of(recording, root))
    assert sorted(p.name for p in recording.parent.iterdir()) == ["größer 2.grades.jsonl", "größer.doc"]
    assert bundle.name == "größer"
    assert doing.bundles_in([root]) == [bundle]
    restored = doing.restore(bundle)
    assert recording in restored
    assert contents(root) == before
    assert not (root / ".trash").exists()


def test_what_is_trashed_is_found_as_such_and_restored_from_its_row(
    recording: Path, tmp_path: Path, workers: Inline
) -> None:
    root = tmp_path / "r"
    with Catalogue.open(tmp_path / "cache") as catalogue:
        refresh(catalogue, [root], workers=workers)
        (entry,) = catalogue.rows(catalogue.search("is:ok"))
        doing.trash(entry)
        refresh(catalogue, [root], workers=workers)
        assert catalogue.search() == []
        (trashed,) = catalogue.rows(catalogue.search("is:trashed look"))
        assert trashed.id == entry.id
        doing.restore(doing.bundle_of(trashed))
        refresh(catalogue, [root], workers=workers)
        assert [e.path for e in catalogue.rows(catalogue.search())] == [recording]
        with pytest.raises(AppError, match="cannot be restored"):
            doing.bundle_of(entry)


def test_nothing_is_ever_overwritten(recording: Path, tmp_path: Path) -> None:
    root = tmp_path / "r"
    bundle = doing.trash(entry_of(recording, root))
    recording.write_text("something else by now")
    with pytest.raises(AppError, match="is there already"):
        doing.restore(bundle)
    assert recording.read_text() == "something else by now"
    recording.unlink()
    doing.restore(bundle)
    assert recording.stat().st_size > 1000


def test_a_folder_that_has_gone_is_made_again(recording: Path, tmp_path: Path) -> None:
    root = tmp_path / "r"
    recording.with_name("größer 2.grades.jsonl").unlink()
    recording.with_name("größer.doc").unlink()
    bundle = doing.trash(entry_of(recording, root))
    recording.parent.rmdir()
    doing.restore(bundle)
    assert recording.exists()


def test_whole_folders_of_runs_go_and_come_back(tmp_path: Path) -> None:
    root = tmp_path / "r"
    run = root / "run 1"
    make_recording(run / "items" / "0", "main")
    (run / "run.json").write_text("{}")
    (run / ".lock").touch()
    before = contents(root)
    bundle = doing.trash(entry_of(run / "run.json", root, kind="run"))
    assert not run.exists()
    doing.restore(bundle)
    assert contents(root) == before
    with pytest.raises(AppError, match="folder of the library itself"):
        doing.trash(entry_of(run / "run.json", run, kind="run"))


def test_what_is_in_use_or_gone_stays(tmp_path: Path) -> None:
    from tmlapp.recording.part import PartFile

    part = PartFile.create(tmp_path, "live")
    entry = entry_of(part.path, tmp_path)
    with pytest.raises(AppError, match="is in use"):
        doing.trash(entry)
    part.close()
    part.path.unlink()
    with pytest.raises(AppError, match="is gone"):
        doing.rename(entry, "b")


def test_a_disk_that_refuses_half_way_leaves_everything_where_it_was(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "r"
    before = contents(root)
    moved: list[Path] = []
    real = moving.move_file

    def failing(old: Path, new: Path) -> None:
        if len(moved) == 2 and ".trash" in str(new):
            raise OSError(28, "No space left on device")
        moved.append(old)
        real(old, new)

    monkeypatch.setattr(moving, "move_file", failing)
    with pytest.raises(AppError, match="No space left"):
        doing.trash(entry_of(recording, root))
    assert len(moved) > 2
    assert contents(root) == before


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_move_that_was_cut_off_is_taken_back_by_the_next_look(
    recording: Path, tmp_path: Path, workers: Inline, after: int
) -> None:
    root = tmp_path / "r"
    before = contents(root)
    entry = entry_of(recording, root)
    bundle = moving.new_bundle(root, "größer", [(p, None) for p in doing.unit_of(entry)], "moving")
    for move in bundle.moves[:after]:
        moving.move_file(bundle.old(move), bundle.new(move))
    if after == 3:
        # Cut off between the new name and the end of the old one.
        os.link(bundle.new(bundle.moves[0]), bundle.old(bundle.moves[0]))
    with Catalogue.open(tmp_path / "cache") as catalogue:
        # Somebody who still works on it is left in peace.
        with moving.held(bundle.folder):
            refresh(catalogue, [root], workers=workers)
        assert bundle.manifest.exists()
        refresh(catalogue, [root], workers=workers)
        assert len(catalogue.search()) == 1
    assert contents(root) == before


def test_a_restore_that_was_cut_off_is_finished(recording: Path, tmp_path: Path) -> None:
    root = tmp_path / "r"
    before = contents(root)
    bundle = moving.stepped(doing.trash(entry_of(recording, root)), "restoring")
    moving.move_file(bundle.new(bundle.moves[1]), bundle.old(bundle.moves[1]))
    assert moving.heal_all([bundle.manifest]) == 1
    assert contents(root) == before


def test_manifests_that_are_damaged_or_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / ".trash" / "x"
    folder.mkdir(parents=True)
    manifest = folder / "manifest.json"
    for moves, step in (
        ([{"old": "../../etc/passwd", "new": ".trash/x/a"}], "trashed"),
        ([{"old": "/etc/passwd", "new": ".trash/x/a"}], "moving"),
        ([{"old": "a"}], "moving"),
        ([{"old": "a", "new": "b"}], "dancing"),
    ):
        manifest.write_text(json.dumps({"moves": moves, "step": step}))
        assert moving.read_bundle(manifest, tmp_path) is None
    manifest.write_text("{")
    assert moving.heal_all([manifest]) == 0
    entry = entry_of(folder / "a.mcap", tmp_path, state="trashed", details={"bundle": str(folder)})
    with pytest.raises(AppError, match="is damaged"):
        doing.bundle_of(entry)


def test_a_rename_takes_everything_along_and_can_be_taken_back(recording: Path, tmp_path: Path) -> None:
    root = tmp_path / "r"
    before = contents(root)
    renamed = doing.rename(entry_of(recording, root), "  Kniebeugen/1  ")
    assert renamed == recording.with_name("Kniebeugen_1.mcap")
    names = sorted(p.name for p in companions(renamed))
    assert names == [
        "Kniebeugen_1.annotations.jsonl", "Kniebeugen_1.grades.jsonl", "Kniebeugen_1.mcap.part", "Kniebeugen_1.qa",
        "Kniebeugen_1.qa.png", "Kniebeugen_1.truth.json",
    ]  # fmt: skip
    doing.rename(entry_of(renamed, root), "größer")
    assert contents(root) == before
    make_recording(recording.parent, "taken")
    with pytest.raises(AppError, match=r"taken\.mcap is there already"):
        doing.rename(entry_of(recording, root), "taken")
    recording.with_name("free.grades.jsonl").write_text("another's")
    with pytest.raises(AppError, match=r"free\.grades\.jsonl is there already"):
        doing.rename(entry_of(recording, root), "free")
    assert recording.exists()
    assert doing.rename(entry_of(recording, root), "größer") == recording


def test_sets_are_renamed_with_their_folder(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "set.json").write_text("{}")
    entry = entry_of(tmp_path / "set" / "set.json", tmp_path, kind="items")
    assert doing.rename(entry, "other") == tmp_path / "other" / "set.json"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other"]


def test_the_trash_is_emptied_into_that_of_the_system(recording: Path, tmp_path: Path) -> None:
    root = tmp_path / "r"
    bundle = doing.trash(entry_of(recording, root))
    sent: list[str] = []
    assert doing.empty_trash([bundle], sent.append) == 1
    assert sent == [str(bundle.folder)]

    def refusing(_path: str) -> None:
        raise OSError("no trash here")

    with pytest.raises(AppError, match="could not be given"):
        doing.empty_trash([bundle], refusing)


def test_an_empty_tag_is_none(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no tag"):
        doing.set_tag(entry_of(recording, tmp_path), "  ")


def test_a_folder_that_cannot_be_written_is_told(recording: Path, tmp_path: Path) -> None:
    root = tmp_path / "r"
    (root / ".trash").write_text("a file where the trash should be")
    with pytest.raises(AppError, match="could not be moved"):
        doing.trash(entry_of(recording, root))
    assert recording.exists()
