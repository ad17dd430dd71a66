"""`tmlapp library` at the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.catalogue_parts import make_recording
from tests.cli.invoking import answer, invoke
from tmlapp.config.settings import Settings, save_settings

pytestmark = pytest.mark.device


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    make_recording(folder, "squats", turns=2)
    make_recording(folder / "friday", "Übung [1]", turns=2, said=("eins",))
    save_settings(Settings(recordings_dir=folder))
    return folder


def test_rebuild_search_trash_restore(root: Path, tmp_path: Path) -> None:
    built = answer(invoke("library", "rebuild", "--json"))
    assert (built["files"], built["read"], built["states"], built["full_text"]) == (2, 2, {"ok": 2}, "fts5")
    found = answer(invoke("library", "search", "eins", "endpoint:onnx", "--json"))
    assert [e["name"] for e in found["entries"]] == ["Übung [1]"]
    assert found["entries"][0]["path"] == str(root / "friday" / "Übung [1].mcap")
    (told,) = answer(invoke("library", "trash", root / "squats.mcap", "--json"))
    assert told["files"] == [str(root / "squats.mcap")]
    assert not (root / "squats.mcap").exists()
    assert answer(invoke("library", "search", "--json"))["found"] == 1
    assert [b["name"] for b in answer(invoke("library", "restore", "--json"))] == ["squats"]
    assert "squats" in invoke("library", "restore").stdout
    restored = answer(invoke("library", "restore", "squats", "--json"))
    assert restored == [{"name": "squats", "files": [str(root / "squats.mcap")]}]
    assert (root / "squats.mcap").exists()
    assert invoke("library", "restore").stdout == "The trash is empty.\n"


def test_what_a_person_reads(root: Path) -> None:
    built = invoke("library", "rebuild")
    assert "2 files, 2 read: 2 ok" in built.stdout
    listed = invoke("library", "search", "--limit", "1", "--sort", "name", "--ascending").stdout
    assert "squats.mcap" in listed
    assert "1 more" in listed
    assert invoke("library", "search", "nobody").stdout == "Nothing matches.\n"
    trashed = invoke("library", "trash", root / "squats.mcap").stdout
    assert "1 files moved" in trashed
    assert "1 files are back" in invoke("library", "restore", "squats").stdout


def test_errors_are_three_sentences(root: Path, tmp_path: Path) -> None:
    for words, told in (
        (("search", "foo:bar"), "no condition"),
        (("trash", tmp_path / "nothing.mcap"), "is not in the library"),
        (("restore", "nothing"), "is not in the trash"),
    ):
        value = answer(invoke("library", *words, "--json"), 1)
        assert told in value["error"]["what"]
        assert value["error"]["fix"]
    assert invoke("library", "search", "--sort", "colour").exit_code == 2


def test_other_folders_and_a_cache_that_cannot_be_written(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_recording(tmp_path / "other", "elsewhere", turns=1).parent
    assert answer(invoke("library", "search", "--in", other, "--json"))["found"] == 1
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMLAPP_CACHE_DIR", str(tmp_path / "file"))
    done = invoke("library", "rebuild", "--in", other, "--in", tmp_path / "nowhere")
    assert "in memory only" in done.output
    assert "Not read:" in done.output
    assert "in memory" in invoke("library", "search", "--in", other).output
