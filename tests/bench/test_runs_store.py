"""Run folders: written in steps that no crash can leave half done, read back whatever is damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.runs.info import ItemResult, PartResult, RunInfo
from tmlapp.bench.runs.run import KeptGrade, append_grade, read_result
from tmlapp.bench.runs.store import RunStore, load_run, read_wav, safe_name, write_wav
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Provenance

pytestmark = pytest.mark.unit

INFO = RunInfo(suite="repcount-a", data="data", endpoint="onnx:tiny", instruct="typed", clock="fast")
ITEMS = [
    SuiteItem(id="TV/castle=s01%e02", truth={"count": 3}, parts=(Part(instruction="Count.", video="a.mp4"),)),
    SuiteItem(id="b", truth={"count": 1}, parts=(Part(name="with overlap", sounds=("x.wav",)), Part(name="clean"))),
]
PART = PartResult(name="main", recording="main.mcap", media_t0_s=2.5, duration_s=4.0, session_s=9.8)
DONE = ItemResult(id="b", state="done", parts={"main": PART}, tries=2)
ANSWER = Answer(text="one", utterances=(Utterance(0.5, None, "one"),), duration_s=4.0)


def grade(score: float = 50.0, profile: str = "official") -> Grade:
    made = Provenance(formula="f@1", profile=profile, parameters={}, files={})
    return Grade(
        suite="repcount-a", metric="m", score=score, n=2, n_scored=2, n_missing=0, n_silent=0, n_ungraded=0,
        verdicts=(), baselines=(), provenance=made,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_what_was_written_is_read_back(folder: Path) -> None:
    with RunStore.create(folder, INFO, ITEMS) as store:
        store.write_result(DONE)
        store.write_answers("b", {"main": ANSWER})
        store.update(granted={"name": "tiny"})
        store.finish()
    append_grade(folder, grade())
    append_grade(folder, grade(60.0), why="again")
    run = load_run(folder)
    assert run.items == tuple(ITEMS)
    assert run.results == {"b": DONE}
    assert run.answers == {"b": {"main": ANSWER}}
    assert [type(g) for g in run.grades] == [KeptGrade, KeptGrade]
    assert run.newest_grades() == {"official": grade(60.0)}
    assert run.info.granted == {"name": "tiny"}
    assert run.info.finished
    assert run.info.n_items == 2
    assert not run.damaged
    assert run.failure("b") == ""
    assert run.failure(ITEMS[0].id) == "the item was not run"


def test_a_run_says_what_every_resumption_ran_with(folder: Path) -> None:
    RunStore.create(folder, replace(INFO, versions={"tmlapp": "1.0"}, commit="a"), ITEMS).close()
    later = replace(INFO, versions={"tmlapp": "1.1"}, commit="b", command=("tmlapp", "--resume"), jobs=3)
    for _ in range(2):
        RunStore.create(folder, later, ITEMS, resume=True).close()
    info = load_run(folder).info
    assert (info.versions, info.commit, info.jobs) == ({"tmlapp": "1.0"}, "a", INFO.jobs)
    assert [(r["versions"], r["commit"], r["command"], r["jobs"]) for r in info.resumed] == [
        ({"tmlapp": "1.1"}, "b", ["tmlapp", "--resume"], 3)
    ] * 2


def test_a_run_that_is_resumed_is_open_again(folder: Path) -> None:
    with RunStore.create(folder, INFO, ITEMS) as store:
        store.write_result(DONE)
        store.finish()
    with RunStore.create(folder, INFO, ITEMS, resume=True) as store:
        assert store.result("b") == DONE
        assert store.info.finished == ""
        assert store.info.created


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"endpoint": "onnx:other"}, "endpoint was 'onnx:tiny' and is now 'onnx:other'"),
        ({"instruct": "spoken"}, "instruct was 'typed' and is now 'spoken'"),
        ({"options": {"split": "test"}}, "options was"),
        ({"files": {"labels": "00"}}, "these files of the data have changed: labels"),
    ],
)
def test_other_parameters_are_named_and_refused(folder: Path, change: dict[str, object], told: str) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    with pytest.raises(AppError, match=r"cannot be resumed") as caught:
        RunStore.create(folder, replace(INFO, **change), ITEMS, resume=True)  # type: ignore[arg-type]
    assert told in caught.value.why


def test_other_items_are_refused_and_moved_data_are_not(folder: Path) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    with pytest.raises(AppError, match="cannot be resumed"):
        RunStore.create(folder, INFO, ITEMS[:1], resume=True)
    moved = [replace(ITEMS[0], parts=(Part(instruction="Count.", video="elsewhere/a.mp4"),)), ITEMS[1]]
    with RunStore.create(folder, replace(INFO, data="elsewhere"), moved, resume=True) as store:
        assert store.items[0].parts[0].video == "elsewhere/a.mp4"


@pytest.mark.parametrize("replaced", [True, False])
def test_a_folder_that_was_removed_under_way_is_told(folder: Path, *, replaced: bool) -> None:
    with RunStore.create(folder, INFO, ITEMS) as store:
        folder.rename(folder.with_name("gone"))
        if replaced:
            RunStore.create(folder, INFO, ITEMS).close()
        with pytest.raises(AppError, match="no longer the folder of this run"):
            store.write_answers("a", {"main": ANSWER})
        with pytest.raises(AppError, match="no longer the folder of this run"):
            store.finish()


def test_a_run_is_not_mixed_with_another_or_with_something_else(folder: Path, tmp_path: Path) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    with pytest.raises(AppError, match="holds a run already"):
        RunStore.create(folder, INFO, ITEMS)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to mum.txt").write_text("hello")
    with pytest.raises(AppError, match="holds something else"):
        RunStore.create(tmp_path / "letters", INFO, ITEMS)


def test_two_processes_do_not_write_one_run(folder: Path) -> None:
    with RunStore.create(folder, INFO, ITEMS), pytest.raises(AppError, match="is being written"):
        RunStore.create(folder, INFO, ITEMS, resume=True)
    RunStore.create(folder, INFO, ITEMS, resume=True).close()


def test_a_writer_that_was_killed_lets_go_of_the_folder(folder: Path) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom tests.bench.test_runs_store import INFO, ITEMS, RunStore\n"
        f"kept = RunStore.create(Path({str(folder)!r}), INFO, ITEMS, resume=True)\nprint('has it', flush=True)\n"
        "sys.stdin.read()\n"
    )
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env=dict(os.environ)
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"has it\n"
    with pytest.raises(AppError, match="is being written"):
        RunStore.create(folder, INFO, ITEMS, resume=True)
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    RunStore.create(folder, INFO, ITEMS, resume=True).close()


def test_damaged_lines_are_told_and_cost_nothing_else(folder: Path) -> None:
    with RunStore.create(folder, INFO, ITEMS) as store:
        store.write_answers("b", {"main": ANSWER})
        with (folder / "answers.jsonl").open("ab") as file:
            file.write(b'{"id": "cut o')
        store.write_answers(ITEMS[0].id, {"main": ANSWER})
        with (folder / "answers.jsonl").open("ab") as file:
            file.write(b'{"id": "x", "parts": {"main": {"speech_s": 7}}}\n')
            file.write(b'{"id": "y", "parts": {"main": {"text": 5}}}\n')
    append_grade(folder, grade())
    with (folder / "grades.jsonl").open("ab") as file:
        file.write(b'{"grade": {}}\n[]\n')
    bad = folder / "items" / "00001-b"
    bad.mkdir(parents=True)
    (bad / "result.json").write_bytes(b"{")
    run = load_run(folder)
    assert set(run.answers) == {"b", ITEMS[0].id}
    assert len(run.grades) == 1
    assert run.results == {}
    assert [str(d) for d in run.damaged] == [
        "items/00001-b/result.json", "answers.jsonl, line 2", "answers.jsonl, item 'x'", "answers.jsonl, item 'y'",
        "grades.jsonl, line 3",
        "grades.jsonl, grade of None",
    ]  # fmt: skip


def test_a_run_whose_items_were_changed_is_refused(folder: Path, tmp_path: Path) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    lines = (folder / "items.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "items.jsonl").write_bytes(lines[0])
    with pytest.raises(AppError, match="items of the run"):
        load_run(folder)
    (folder / "items.jsonl").write_bytes(b"{}\n")
    with pytest.raises(AppError, match="items of the run"):
        load_run(folder)
    (folder / "run.json").write_bytes(b"{")
    with pytest.raises(AppError, match="is no run"):
        load_run(folder)
    (folder / "run.json").write_bytes(b"{}")
    with pytest.raises(AppError, match="no run that can be read"):
        load_run(folder)
    with pytest.raises(AppError, match="is no run"):
        load_run(tmp_path / "nowhere")


@pytest.mark.parametrize("cut", [slice(0, -9), slice(0, 0)])
def test_a_list_of_items_that_was_damaged_is_made_whole_by_going_on(folder: Path, cut: slice) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    whole = (folder / "items.jsonl").read_bytes()
    (folder / "items.jsonl").write_bytes(whole[cut])
    with pytest.raises(AppError, match=r"--resume"):
        load_run(folder)
    RunStore.create(folder, INFO, ITEMS, resume=True).close()
    assert (folder / "items.jsonl").read_bytes() == whole


@pytest.mark.parametrize("change", [{"suite": ["x"]}, {"endpoint": 5}, {"settings": [1]}, {"files": 3}])
def test_a_run_json_with_members_of_another_kind_is_told(folder: Path, change: dict[str, object]) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    value = json.loads((folder / "run.json").read_bytes())
    (folder / "run.json").write_text(json.dumps(value | change))
    with pytest.raises(AppError, match=f"no run that can be read.*{next(iter(change))} is "):
        load_run(folder)


def test_a_run_of_a_newer_app_is_still_read(folder: Path) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    value = json.loads((folder / "run.json").read_bytes())
    (folder / "run.json").write_text(json.dumps(value | {"moon": "full"}))
    assert load_run(folder).info.suite == "repcount-a"


def test_a_creation_that_was_cut_off_is_begun_again(folder: Path) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    (folder / "run.json").unlink()
    with RunStore.create(folder, INFO, ITEMS[:1]) as store:
        assert store.info.n_items == 1
    assert len(load_run(folder).items) == 1


def test_names_of_folders_are_safe_and_unique(folder: Path) -> None:
    items = [SuiteItem(id=i, truth={}) for i in ("a=b%20c", "a b c", "./etc", "é" * 300, "...", "A=B%20C")]
    with RunStore.create(folder, INFO, items) as store:
        names = [store.item_folder(i.id).name for i in items]
        assert [store.number_of(i.id) for i in items] == [0, 1, 2, 3, 4, 5]
        with pytest.raises(KeyError):
            store.item_folder("other")
    assert names == ["00000-a_b_20c", "00001-a_b_c", "00002-etc", "00003-item", "00004-item", "00005-A_B_20C"]
    run = load_run(folder)
    assert run.item_folder("...") == folder / "items" / "00004-item"
    with pytest.raises(KeyError):
        run.item_folder("other")
    assert len(safe_name("x" * 500)) == 60


def test_two_items_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(AppError, match="Two items are called 'b'"):
        RunStore.create(folder, INFO, [ITEMS[1], ITEMS[1]])


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AppError, match="could not be written"):
        RunStore.create(tmp_path / "file" / "run", INFO, ITEMS)


def test_a_result_is_there_whole_or_not_at_all(folder: Path) -> None:
    with RunStore.create(folder, INFO, ITEMS) as store:
        store.write_result(DONE)
        store.write_result(replace(DONE, state="failed", reason="the disk is full"))
        assert [p.name for p in store.item_folder("b").iterdir()] == ["result.json"]
        assert load_run(folder).failure("b") == "the disk is full"
        assert read_result(store.item_folder("b") / "other.json") is None


def test_sounds_keep_every_sample(folder: Path) -> None:
    pcm = np.arange(-5, 5, dtype=np.int16)
    with RunStore.create(folder, INFO, ITEMS) as store:
        place = store.item_folder("b")
        place.mkdir(parents=True)
        assert store.sound("b", "with overlap") is None
        write_wav(place / "with_overlap.wav", pcm)
        assert np.array_equal(store.sound("b", "with overlap"), pcm)  # type: ignore[arg-type]
        (place / "main.wav").write_bytes(b"RIFF")
        with pytest.raises(AppError, match="cannot be read"):
            read_wav(place / "main.wav")


def test_something_that_is_no_file_is_told(folder: Path) -> None:
    RunStore.create(folder, INFO, ITEMS).close()
    (folder / "answers.jsonl").mkdir()
    with pytest.raises(AppError, match="cannot be read"):
        load_run(folder)
    (folder / "run.json").unlink()
    (folder / "run.json").mkdir()
    with pytest.raises(AppError, match="cannot be read"):
        load_run(folder)


@pytest.mark.parametrize("name", ["../out", "a/../../b", "/etc/x", "a\\..\\b", "\\\\host\\x", "a\0b"])
@pytest.mark.parametrize("member", ["id", "group"])
def test_an_item_whose_name_leads_out_of_the_run_is_refused(folder: Path, name: str, member: str) -> None:
    hostile = replace(ITEMS[0], **{member: name})  # type: ignore[arg-type]
    with pytest.raises(AppError, match="leads out of the folder"):
        RunStore.create(folder, INFO, [hostile])
    RunStore.create(folder, INFO, ITEMS).close()
    lines = [json.dumps(item.to_json()) for item in (hostile, ITEMS[1])]
    (folder / "items.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(AppError, match="leads out of the folder"):
        load_run(folder)


def test_dots_inside_a_name_are_no_way_out(folder: Path) -> None:
    RunStore.create(folder, INFO, [replace(ITEMS[0], id="a..b/c...mp4")]).close()
