"""Sets as datasets: loaded by the real library and by benchmark runs, and back byte for byte."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bench.items_made import SPEAKERS, add_item, new_set, s, take_sound, write_wav
from tmlapp.bench.authoring.commands import (
    AddTake,
    ChooseBest,
    SetField,
    SetItemField,
    SetSpeaker,
    SetTakeSpeaker,
    SetWindow,
)
from tmlapp.bench.authoring.dataset import (
    OPTIONS,
    Exported,
    ExportOptions,
    export_dataset,
    options_of,
)
from tmlapp.bench.authoring.dataset_card import changelog
from tmlapp.bench.authoring.dataset_import import import_dataset
from tmlapp.bench.authoring.dataset_row import RowError, graded_sha256, row_of
from tmlapp.bench.authoring.dataset_split import checked_ratios, parsed_ratios, split_of
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.fdb_folder import SUBSET, export_fdb
from tmlapp.bench.authoring.model import Span
from tmlapp.bench.authoring.store import read_set
from tmlapp.bench.authoring.validate import Context, all_findings
from tmlapp.bench.labels.fdb_v1 import load_v1
from tmlapp.bench.labels.speak_items import load_items
from tmlapp.bench.registry import suite_named
from tmlapp.bench.runs.make import RunRequest, make_run
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

PARTS = ExportOptions(ratios={"train": 0.6, "test": 0.4}, seed=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four items by four speakers, one of them with unusual members."""
    folder = new_set(tmp_path_factory.mktemp("made") / "set", 4, speakers=SPEAKERS)
    with Editor.open(folder) as editor:
        extra = {"difficulty": 3, "tags": ["a", "b"], "source": {"page": 1.5, "none": None}}
        editor.do(SetItemField("cs-0002", "extra", json.dumps(extra)))
        editor.do(SetItemField("cs-0002", "notes", "línea 1\nline 2 | “quoted” \u2028 🪟" + "long " * 3000))
        (folder / "takes/cs-0003/t1.mp4").write_bytes(b"a film")
        take = replace(
            editor.state.item("cs-0003").takes[0], id="t2", video="takes/cs-0003/t1.mp4", stop=s(7.5),
            video_sha256=hashlib.sha256(b"a film").hexdigest(),
        )  # fmt: skip
        editor.do(AddTake("cs-0003", take))
        editor.do(ChooseBest("cs-0003", "t2"))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "set"))


def exported(folder: Path, out: Path, options: ExportOptions | None = None) -> Exported:
    return export_dataset(read_set(folder), folder, out, options)


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows(folder: Path, name: str = "items.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_bytes().split(b"\n") if line]


# ---------------------------------------------------------------------- what is written


def test_an_export_holds_lines_media_card_and_checksums(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    out = tmp_path / "out" / "v1"
    found = export_dataset(read_set(folder), folder, out, PARTS, on_progress=lambda a, b: seen.append((a, b)))
    assert found.items == ("cs-0001", "cs-0002", "cs-0003", "cs-0004")
    assert (sum(found.parts.values()), found.left_out, found.notes) == (4, {}, ())
    assert set(files(out)) == {
        "items.jsonl", "train.jsonl", "test.jsonl", "dataset.json", "README.md", "CHANGELOG.md", "CHECKSUMS.sha256",
        "cs-0001/input.wav", "cs-0002/input.wav", "cs-0003/input.wav", "cs-0003/input.mp4", "cs-0004/input.wav",
    }  # fmt: skip
    assert found.size_bytes == sum(map(len, files(out).values()))
    assert seen[0] == (0, 4)
    assert seen[-1] == (4, 4)
    for line in (out / "CHECKSUMS.sha256").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert len((out / "CHECKSUMS.sha256").read_text().splitlines()) == len(files(out)) - 1
    assert json.loads(json.dumps(found.to_json()))["parts"] == found.parts


def test_every_line_is_of_the_published_schema(folder: Path, tmp_path: Path, shared_data: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((shared_data / "bench" / "timespeak-cuespeak" / "speak_item.schema.json").read_bytes())
    exported(folder, tmp_path / "out", PARTS)
    for row in rows(tmp_path / "out"):
        jsonschema.validate(row, schema)
        assert all(len(e["window"]) == 2 for e in row["expectations"])


def test_times_are_exact_to_the_sample_and_the_speaker_is_a_pseudonym(folder: Path, tmp_path: Path) -> None:
    with Editor.open(folder) as editor:
        take = editor.state.item("cs-0001").takes[0]
        editor.do(SetWindow("cs-0001", take.id, "e1", Span(68_801, 115_203)))
    exported(folder, tmp_path / "out")
    (row,) = [r for r in rows(tmp_path / "out") if r["id"] == "cs-0001"]
    lo, hi = row["expectations"][0]["window"]
    assert (lo * 16_000, hi * 16_000) == (68_801.0, 115_203.0)
    assert row["speaker"] == {
        "id": "s-001", "consent": True, "consent_date": "2026-11-22", "language": "en-GB",
        "device": "Scarlett 2i2, lavalier", "room": "office, carpet",
    }  # fmt: skip
    assert row["licence"] == "CC-BY-4.0"
    assert row["split"] == "test"


def test_the_card_has_front_matter_and_says_how_it_was_recorded(folder: Path, tmp_path: Path) -> None:
    exported(folder, tmp_path / "out", PARTS)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    matter = yaml.safe_load(text.split("---\n")[1])
    assert (matter["license"], matter["language"], matter["size_categories"]) == ("cc-by-4.0", ["en"], ["n<1K"])
    assert matter["configs"][0]["data_files"] == [
        {"split": "train", "path": "train.jsonl"}, {"split": "test", "path": "test.jsonl"}
    ]  # fmt: skip
    assert matter["version"] == "1.0.0"
    assert "| s-003 | en-GB | Scarlett 2i2, lavalier | office, carpet | 2026-11-22 | 1 |" in text
    assert "Read aloud in an office." in text
    changes = (tmp_path / "out" / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## 1.0.0\n\n- 4 items." in changes


def test_an_unknown_licence_is_named_as_such(folder: Path, tmp_path: Path) -> None:
    with Editor.open(folder) as editor:
        editor.do(SetField("licence", "internal use only"))
    exported(folder, tmp_path / "out")
    matter = yaml.safe_load((tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert (matter["license"], matter["license_name"]) == ("other", "internal use only")


# ---------------------------------------------------------------------- the same bytes


def test_the_same_set_gives_the_same_bytes_and_so_does_the_dataset_read_back(folder: Path, tmp_path: Path) -> None:
    exported(folder, tmp_path / "one", PARTS)
    exported(folder, tmp_path / "two", PARTS)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    found = import_dataset(tmp_path / "one", tmp_path / "back")
    assert (found.items, found.notes) == (("cs-0001", "cs-0002", "cs-0003", "cs-0004"), {})
    exported(tmp_path / "back", tmp_path / "three")
    assert files(tmp_path / "one") == files(tmp_path / "three")
    with Editor.open(tmp_path / "back") as editor:
        assert editor.reports == ()
        report = all_findings(editor.state, Context(tmp_path / "back", eager=True, voice="energy"))
        assert len(report.valid) == 4


def test_items_without_speakers_come_back_to_their_part_too(folder: Path, tmp_path: Path) -> None:
    with Editor.open(folder) as editor:
        for name in ("cs-0001", "cs-0003", "cs-0004"):
            editor.do(SetTakeSpeaker(name, editor.state.item(name).best or "", ""))
        for n in range(5, 9):
            add_item(editor, f"cs-{n:04d}", n, speaker="")
    found = exported(folder, tmp_path / "one", PARTS)
    assert found.notes == ("7 items name no speaker: each is split on its own",)
    import_dataset(tmp_path / "one", tmp_path / "back")
    exported(tmp_path / "back", tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_published_folder_is_never_overwritten(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exported(folder, out)
    before = files(out)
    with pytest.raises(AppError, match="never overwritten"):
        exported(folder, out)
    (tmp_path / "file").write_text("x")
    with pytest.raises(AppError, match="there already"):
        exported(folder, tmp_path / "file")
    assert files(out) == before
    (tmp_path / "empty").mkdir()
    assert exported(folder, tmp_path / "empty").items
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


# ---------------------------------------------------------------------- errors


def test_items_with_errors_are_refused_or_left_out_by_name(folder: Path, tmp_path: Path) -> None:
    with Editor.open(folder) as editor:
        editor.do(SetItemField("cs-0002", "category", ""))
        editor.do(SetSpeaker("s-003", replace(SPEAKERS[2], consent=False)))
    with pytest.raises(AppError, match=r"2 of 4 items have errors: cs-0002, cs-0003"):
        exported(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    found = exported(folder, tmp_path / "out", ExportOptions(only_valid=True))
    assert found.items == ("cs-0001", "cs-0004")
    assert set(found.left_out) == {"cs-0002", "cs-0003"}
    assert "No category" in found.left_out["cs-0002"]
    assert [i.id for i in load_items(tmp_path / "out" / "items.jsonl")] == ["cs-0001", "cs-0004"]


def test_half_of_a_character_in_the_set_is_told_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    state = replace(read_set(folder), name="odd \ud83d")
    with pytest.raises(AppError, match="half of a character") as told:
        export_dataset(state, folder, tmp_path / "out")
    assert str(told.value).isprintable()
    assert "odd" in str(told.value)
    assert not list(tmp_path.glob("*out*"))


def test_a_set_without_a_valid_item_is_not_exported(tmp_path: Path) -> None:
    empty = new_set(tmp_path / "empty", 0)
    for options in (None, ExportOptions(only_valid=True)):
        with pytest.raises(AppError, match="nothing to export"):
            exported(empty, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_media_that_go_or_change_while_exporting_leave_no_folder(folder: Path, tmp_path: Path) -> None:
    state = read_set(folder)
    sound = folder / "takes/cs-0003/t1.wav"
    data = sound.read_bytes()

    def spoil(done: int, _: int) -> None:
        if done == 1:
            sound.write_bytes(data[:-2] + b"zz") if change else sound.unlink()

    for change in (True, False):  # noqa: B007 - read by spoil
        sound.write_bytes(data)
        with pytest.raises(AppError, match=r"changed|cannot be read"):
            export_dataset(state, folder, tmp_path / "out", on_progress=spoil)
        assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="rights do not bind this user")
def test_a_folder_without_rights_is_told(folder: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(AppError, match="could not be written"):
        exported(folder, closed / "out")


def test_a_set_that_cannot_be_written_is_exported_all_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / OPTIONS).mkdir()
    found = exported(folder, tmp_path / "out", PARTS)
    assert "was not remembered" in found.notes[0]
    assert (tmp_path / "out" / "items.jsonl").is_file()


@pytest.mark.crash
def test_a_full_disk_is_told_and_nothing_is_left(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tmlapp.bench.authoring.dataset.os.fsync", full)
    with pytest.raises(AppError, match="No space"):
        exported(folder, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


# ---------------------------------------------------------------------- parts


def test_no_speaker_is_in_two_parts_and_the_seed_decides(folder: Path, tmp_path: Path) -> None:
    exported(folder, tmp_path / "out", PARTS)
    parts = {p: {r["speaker"]["id"] for r in rows(tmp_path / "out", f"{p}.jsonl")} for p in ("train", "test")}
    assert not parts["train"] & parts["test"]
    assert len(parts["train"] | parts["test"]) == 4
    for row in rows(tmp_path / "out"):
        assert row["speaker"]["id"] in parts[row["split"]]
    speakers = {f"s-{n}": 1 + n % 4 for n in range(40)}
    ratios = checked_ratios({"train": 8, "validation": 1, "test": 1})
    found = split_of(speakers, ratios, 1)
    assert found == split_of(dict(reversed(speakers.items())), ratios, 1)
    assert found != split_of(speakers, ratios, 2)
    total = sum(speakers.values())
    for part, share in ratios.items():
        size = sum(n for name, n in speakers.items() if found[name] == part)
        assert size == pytest.approx(share * total, abs=4)


def test_speakers_stay_in_their_part_when_others_come(folder: Path, tmp_path: Path) -> None:
    first = exported(folder, tmp_path / "v1", PARTS)
    with Editor.open(folder) as editor:
        for n in range(5, 15):
            add_item(editor, f"cs-{n:04d}", n, speaker="s-004", item={"instruction": f"Number {n}"})
        editor.do(SetItemField("cs-0001", "category", "other"))
        editor.do(SetField("version", "1.1.0"))
        editor.do(SetField("changelog", "Ten more by one speaker."))
    assert options_of(folder).fixed == first.split["speakers"]
    second = export_dataset(
        read_set(folder), folder, tmp_path / "v2", replace(PARTS, seed=9, previous=tmp_path / "v1")
    )  # fmt: skip
    assert second.split["speakers"] == first.split["speakers"]
    text = (tmp_path / "v2" / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## 1.1.0\n\nTen more by one speaker.\n\n- 10 added: cs-0005" in text
    assert "- 1 changed: cs-0001." in text
    with pytest.raises(AppError, match="no earlier version"):
        exported(folder, tmp_path / "v3", ExportOptions(previous=tmp_path))


def test_options_that_were_damaged_are_named(folder: Path) -> None:
    assert options_of(folder) == ExportOptions()
    for damage in ("[", "{}", '{"ratios": {"a": "x"}, "seed": 1}', '{"ratios": 3}'):
        (folder / OPTIONS).write_text(damage)
        with pytest.raises(AppError, match="damaged"):
            options_of(folder)


@pytest.mark.parametrize("text", ["", "train=", "train=x", "Train=1", "items=1", "a=-1", "a=nan", "a/b=1"])
def test_parts_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(AppError):
        parsed_ratios(text)


def test_parts_are_read_as_a_person_writes_them() -> None:
    assert parsed_ratios("train=8, test=2") == {"train": 0.8, "test": 0.2}
    assert parsed_ratios("test") == {"test": 1.0}


def test_the_changelog_is_continued_and_a_section_that_is_there_is_kept() -> None:
    row = {"id": "a"}
    first = changelog("N", "1.0.0", "Our first.", [row], None)
    assert first == "# Changes of N\n\n## 1.0.0\n\nOur first.\n\n- 1 items.\n"
    assert changelog("N", "1.0.0", first, [row], None) == first
    second = changelog("N", "1.1.0", first, [], {"a": "0"})
    assert second == "# Changes of N\n\n## 1.1.0\n\n- 1 removed: a.\n\n## 1.0.0\n\nOur first.\n\n- 1 items.\n"
    notes = changelog("N", "1.1.0", "New.\n\n## 1.0.0\n\nOld.", [], {})
    assert notes == "# Changes of N\n\n## 1.1.0\n\nNew.\n\n- No item changed.\n\n## 1.0.0\n\nOld.\n"


# ---------------------------------------------------------------------- others read it


def test_the_real_library_loads_it_and_its_paths_open(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets", reason="the extra datasets is not installed")
    out = tmp_path / "out"
    exported(folder, out, PARTS)
    # In a process of its own: the library warns, keeps threads, and looks for its hub when it is imported.
    code = """
import json, sys, wave
from pathlib import Path
from datasets import load_dataset
folder = Path(sys.argv[1])
found = load_dataset(str(folder), cache_dir=sys.argv[2])
told = {}
for part, rows in found.items():
    told[part] = []
    for row in rows:
        with wave.open(str(folder / row["input"]["audio"])) as sound:
            row["frames"] = sound.getnframes()
        told[part].append(row)
print(json.dumps(told))
"""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    command = [sys.executable, "-c", code, str(out), str(tmp_path / "cache")]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **offline}, timeout=100
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == {"train", "test"}
    by_id = {row["id"]: row for part in told.values() for row in part}
    for row in rows(out):
        loaded = by_id[row["id"]]
        assert loaded["frames"] == row["input"]["duration_s"] * 16_000
        for name in ("suite", "input", "instruction", "user_words", "expectations", "stop_t", "split", "notes"):
            assert loaded[name] == row[name]
        assert loaded["speaker"]["id"] == row["speaker"]["id"]
    assert by_id["cs-0002"]["difficulty"] == 3
    assert by_id["cs-0001"]["difficulty"] is None


def test_the_benchmark_runs_on_it_and_on_a_part_of_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exported(folder, out, PARTS)
    assert [i.id for i in load_items(out / "items.jsonl")] == ["cs-0001", "cs-0002", "cs-0003", "cs-0004"]
    loaded = suite_named("cuespeak").load(out, {"file": "test.jsonl"})
    assert [i.id for i in loaded.items] == [r["id"] for r in rows(out, "test.jsonl")]
    with Editor.open(folder) as editor:
        for item in editor.state.items:
            editor.do(SetItemField(item.id, "suite", "timespeak"))
            editor.do(ChooseBest(item.id, "t1"))
    exported(folder, tmp_path / "time")
    script = tmp_path / "script.json"
    write_wav(tmp_path / "w.wav", take_sound(1)[: s(0.5)], rate=24_000)
    script.write_text(json.dumps([{"t_s": 5.0, "text": "butterfly", "wav": "w.wav"}]))
    made = make_run(
        RunRequest(
            suite="timespeak", data=tmp_path / "time", endpoint=f"scripted:{script}", out=tmp_path / "run", limit=2
        )
    )  # fmt: skip
    assert (made.done, made.failed) == (2, {})


def test_the_full_duplex_bench_layout_loads_with_its_reader_and_comes_back(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "fdb"
    assert export_fdb(read_set(folder), folder, out) == ("cs-0001", "cs-0002", "cs-0003", "cs-0004")
    loaded = load_v1(out, SUBSET)
    assert [i.id for i in loaded.items] == [f"{SUBSET}/{n}" for n in (1, 2, 3, 4)]
    truth = loaded.items[0].truth
    assert (truth["interrupt_start_s"], truth["interrupt_end_s"], truth["interrupt"]) == (4.0, 4.6, "mariposa")
    assert truth["context"].startswith("Everytime I codeswitch")
    with wave.open(str(out / "v1.0" / SUBSET / "1" / "input.wav")) as sound:
        assert sound.getnframes() == s(8.0)
    back = import_dataset(out, tmp_path / "back")
    assert back.items == ("cs-0001", "cs-0002", "cs-0003", "cs-0004")
    before, after = read_set(folder), read_set(tmp_path / "back")
    for item in before.items:
        one, other = item.best_take, after.item(item.id).best_take
        assert one is not None
        assert other is not None
        assert (one.expectations, one.user_words, one.sha256) == (other.expectations, other.user_words, other.sha256)
    with pytest.raises(AppError, match="there already"):
        export_fdb(before, folder, out)


def test_members_of_mixed_types_still_export_without_types(folder: Path, tmp_path: Path) -> None:
    with Editor.open(folder) as editor:
        editor.do(SetItemField("cs-0001", "extra", '{"difficulty": "hard", "score": 1}'))
        editor.do(SetItemField("cs-0003", "extra", '{"score": 1.5, "source": {"more": [{}]}}'))
    exported(folder, tmp_path / "out")
    matter = yaml.safe_load((tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert "dataset_info" not in matter


def test_an_item_whose_instruction_has_no_place_is_no_line(folder: Path) -> None:
    state = read_set(folder)
    item = state.items[0]
    with pytest.raises(RowError):
        row_of(state, item, replace(item.takes[0], instruction=None), audio="a.wav")
    row = row_of(state, item, item.takes[0], audio="a.wav")
    assert graded_sha256(row) == graded_sha256(row | {"notes": "other", "licence": "", "speaker": None})
    assert graded_sha256(row) != graded_sha256(row | {"stop_t": 1.0})
