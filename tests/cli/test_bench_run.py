"""Benchmarks at the terminal: data, run, kill, resume, grade; a real local model on a real clip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.bench.run_parts import repcount_folder
from tmlapp.bench.runs.run import load_run
from tmlapp.cli.bench_options import agent_options
from tmlapp.cli.bench_run import time_left
from tmlapp.cli.main import app

pytestmark = pytest.mark.crash

ROOT = Path(__file__).resolve().parents[2]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def answer(result: Result, status: int = 0) -> Any:
    """The JSON object on standard output: nothing else may stand there."""
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, demo_clip: Path) -> Path:
    """RepCount-A with three videos, and one row whose video is not there."""
    folder = repcount_folder(tmp_path_factory.mktemp("repcount"), demo_clip)
    with (folder / "LLSP" / "annotation" / "test.csv").open("a") as file:
        file.write("squat,absent.mp4,1,0,30\n")
    return folder


def run_of(data: Path, out: Path, *more: object, endpoint: str = "onnx:tiny") -> list[str]:
    words = ("bench", "run", "--suite", "repcount-a", "--data", data, "--endpoint", endpoint, "--out", out, *more)
    return [str(w) for w in words]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """All three items by the shipped model, undisturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    made = answer(invoke(*run_of(data, out, "--jobs", 2, "--json")))
    assert (made["done"], made["total"], made["failed"], made["quarantined"]) == (3, 3, {}, 1)
    assert made["media_s"] == pytest.approx(27.0, abs=0.2)
    return out


def graded(run: Path) -> list[dict[str, Any]]:
    """The grades that are added now, as they stand in the run."""
    before = len(load_run(run).grades)
    summaries = answer(invoke("bench", "grade", run, "--json"))["grades"]
    added = [kept.grade.to_json() for kept in load_run(run).grades[before:]]
    assert [g["score"] for g in added] == [s["score"] for s in summaries]
    return json.loads(json.dumps(added))  # type: ignore[no-any-return]


def test_a_run_says_everything_needed_to_repeat_it(run: Path, data: Path) -> None:
    kept = load_run(run)
    info = kept.info
    assert (info.suite, info.endpoint, info.instruct, info.clock) == ("repcount-a", "onnx:tiny", "typed", "fast")
    assert info.options["split"] == "test"
    assert info.files["labels"]
    assert info.granted is not None
    assert info.granted["details"]["model_sha256"]
    assert info.versions["tmlapp"]
    assert len(info.commit.rstrip("+")) == (40 if (ROOT / ".git").exists() else 0)
    assert info.finished
    assert [q["row"] for q in info.quarantined] == ["line 5 absent.mp4"]
    assert [i.id for i in kept.items] == [f"squat={n}%.mp4" for n in range(3)]
    assert {r.state for r in kept.results.values()} == {"done"}
    part = kept.results["squat=0%.mp4"].parts["main"]
    assert part.instruction == "Please count out reps for squats."
    answers = [kept.answers[i.id]["main"] for i in kept.items]
    assert answers[0].text
    assert len({a.text for a in answers}) == 1
    folder = kept.item_folder("squat=1%.mp4")
    assert folder.name == "00001-squat_1_.mp4"
    assert (folder / "main.mcap").exists()
    assert not kept.damaged


def test_grades_are_added_and_are_the_same_every_time(run: Path) -> None:
    first, second = graded(run), graded(run)
    assert first == second
    assert first[0]["provenance"]["protocol"].get("data_version", "") == load_run(run).info.version
    software = first[0]["provenance"]["software"]
    assert {"tmlapp", "python", "numpy"} <= software.keys()
    assert ("commit" in software) == (ROOT / ".git").exists()
    assert [g["provenance"]["profile"] for g in first] == ["tml_reading", "official"]
    made = first[0]
    assert (made["n"], made["n_missing"], made["n_quarantined"]) == (3, 0, 1)
    assert made["provenance"]["items_sha256"] == load_run(run).info.items_sha256
    assert made["provenance"]["protocol"]["instruct"] == "typed"
    shown = invoke("bench", "grade", run, "--profile", "official", "--param", "tail_s=2.5", "--why", "a shorter tail")
    assert shown.exit_code == 0
    assert "profile official: n 3" in shown.stdout
    last = load_run(run).grades[-1]
    assert (last.why, last.grade.provenance.parameters["tail_s"]) == ("a shorter tail", 2.5)


def test_a_run_is_read_again_from_its_recordings(run: Path) -> None:
    own = graded(run)
    before = len(load_run(run).grades)
    answer(invoke("bench", "grade", run, "--transcripts", "stream", "--judge", "rules", "--json"))
    again = [kept.grade.to_json() for kept in load_run(run).grades[before:]]
    assert json.loads(json.dumps(again)) == own
    assert "no transcriber" in invoke("bench", "grade", run, "--transcripts", "ear").stderr


def test_a_run_that_is_killed_goes_on_and_ends_as_if_nothing_had_happened(
    run: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    words = [sys.executable, "-m", "tmlapp", *run_of(data, out, "--jobs", 2)]
    child = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = [out / "items" / f"0000{n}-squat_{n}_.mp4" / "result.json" for n in range(3)]
    waiting = threading.Event()
    while not any(path.exists() for path in first):
        assert child.poll() is None
        waiting.wait(0.01)
    child.kill()
    child.wait()
    before = {path: path.stat().st_mtime_ns for path in first if path.exists()}
    assert len(before) < 3
    resumed = answer(invoke(*run_of(data, out, "--resume", "--json")))
    assert (resumed["done"], resumed["failed"]) == (3, {})
    # A worker may have finished between the look and the kill; what was done is never done again.
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert load_run(out).answers == load_run(run).answers
    assert graded(out) == graded(run)
    assert not load_run(out).damaged
    again = answer(invoke(*run_of(data, out, "--resume", "--json")))
    assert (again["done"], again["media_s"]) == (3, 0)


def test_an_answer_that_was_lost_is_read_from_its_recording(run: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    shutil.copytree(run, out)
    (out / "answers.jsonl").unlink()
    assert "have no answer" in invoke("bench", "grade", out).stdout
    assert answer(invoke(*run_of(data, out, "--resume", "--json")))["done"] == 3
    assert load_run(out).answers == load_run(run).answers


def test_a_failed_item_is_kept_with_its_reason_and_tried_again(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"t_s": 6.5, "text": "one"}]))
    out, spoken = tmp_path / "run", tmp_path / "spoken"
    spoken.mkdir()
    soundfile.write(spoken / "squat=0%.mp4.wav", np.zeros(1600, np.int16), 16_000)
    words = run_of(
        data, out, "--instruct", "spoken", "--limit", 2, "--instructions", spoken, endpoint=f"scripted:{script}"
    )
    made = answer(invoke(*words, "--json"), 1)
    assert made["done"] == 1
    assert "has not been recorded" in made["failed"]["squat=1%.mp4"]
    assert not load_run(out).info.finished
    missing = graded(out)[0]
    assert (missing["n"], missing["n_missing"]) == (2, 1)
    page = answer(invoke("bench", "report", out, "--to", tmp_path / "page", "--json"))["files"][0]
    assert "has not been recorded" in Path(page).read_text()
    shown = invoke(*words, "--resume")
    assert shown.exit_code == 1
    assert "--resume" in shown.stdout
    assert load_run(out).results["squat=1%.mp4"].tries == 2


def test_a_script_is_graded_from_the_run_and_from_its_official_files(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(
        json.dumps([{"t_s": 6.5, "text": "one"}, {"t_s": 8.5, "text": "two"}, {"t_s": 10.6, "text": "3"}])
    )
    out = tmp_path / "run"
    words = run_of(data, out, "--instruct", "typed", "--limit", 2, "--seed", 1, "--json", endpoint=f"scripted:{script}")
    made = answer(invoke(*words))
    assert made["done"] == 2
    assert load_run(out).info.seeds == {"items": 1}
    own = graded(out)
    assert [g["score"] for g in own] == [100.0, 100.0]
    assert {Path(p).name for p in made["official"]} >= {"predictions.csv"}
    words = ["bench", "grade", str(out / "official"), "--suite", "repcount-a", "--data", str(data), "--json"]
    official = answer(invoke(*words))["grades"]
    assert [g["n_missing"] for g in official] == [1, 1]
    assert [round(g["score"], 3) for g in official] == [66.667, 66.667]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--resume", "--endpoint", "onnx:other"), "There is neither a shipped model"),
        (("--resume", "--instruct", "spoken"), "instruct was 'typed' and is now 'spoken'"),
        (("--resume", "--option", "split=valid"), "There are no labels"),
        (("--resume", "--limit", "1"), "the items are others"),
        (("--option", "moon=full"), "has no option 'moon'"),
        (("--engine", "abacus"), "There is no engine"),
        ((), "holds a run already"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is_done(
    run: Path, data: Path, more: tuple[str, ...], told: str
) -> None:
    result = invoke(*run_of(data, run), *more)
    assert result.exit_code == 1
    assert told in result.stderr.replace("\n", " ")
    assert load_run(run).info.finished


def test_who_works_in_the_background_is_one_address() -> None:
    found = agent_options("big@http://localhost:8000/v1?key_env=KEY&max_steps=3&temperature=0.5", "--agent")
    assert found is not None
    assert (found.model, found.url, found.key_env) == ("big", "http://localhost:8000/v1", "KEY")
    assert (found.max_steps, found.temperature) == (3, 0.5)
    assert agent_options("", "--agent") is None


@pytest.mark.parametrize(
    "bad",
    [
        ("--option", "split"),
        ("--clock", "fastest"),
        ("--option", "a=1", "--option", "a=2"),
        ("--agent", "big"),
        ("--agent", "big@http://here?moon=1"),
        ("--agent", "big@http://here?max_steps=some"),
    ],
)
def test_bad_options_are_refused_by_name(data: Path, tmp_path: Path, bad: tuple[str, ...]) -> None:
    result = invoke(*run_of(data, tmp_path / "run"), *bad)
    assert result.exit_code == 2
    assert bad[0] in result.stderr


def test_only_runs_and_known_official_folders_are_graded(tmp_path: Path, data: Path) -> None:
    assert "is no run" in invoke("bench", "grade", tmp_path).stderr
    words = ["bench", "grade", str(tmp_path), "--suite", "repcount-a", "--data", str(data), "--transcripts", "align"]
    assert "An official folder holds its own" in invoke(*words).stderr


def test_data_are_checked(data: Path, tmp_path: Path) -> None:
    found = answer(invoke("data", "check", "repcount-a", data, "--json"))
    assert (found["state"], found["usable"], found["expected"]) == ("incomplete", 3, 152)
    assert found["kinds"] == {"missing": 1}
    assert found["quarantined"][0]["row"] == "line 5 absent.mp4"
    shown = invoke("data", "check", "repcount-a", data)
    assert "3 items can be run of 152" in shown.stdout
    assert "absent.mp4: its video is not there" in shown.stdout
    nothing = invoke("data", "check", "repcount-a", tmp_path)
    assert nothing.exit_code == 1
    assert "TransRAC" in nothing.stderr.replace("\n", " ")
    assert invoke("data", "check", "repcount-a", data, "--option", "split=moon").exit_code == 1


def test_time_left_is_said_as_people_say_it() -> None:
    assert [time_left(s) for s in (4.2, 89, 100, 5400, 7500)] == ["4 s", "89 s", "2 min", "1 h 30 min", "2 h 05 min"]


@pytest.mark.parametrize("more", [("--suite", "charades"), ("--data", "elsewhere"), ("--option", "split=valid")])
def test_what_belongs_to_official_folders_is_refused_for_a_run(run: Path, more: tuple[str, str]) -> None:
    result = invoke("bench", "grade", run, *more)
    assert result.exit_code == 1
    assert "would change nothing" in result.stderr.replace("\n", " ")


def test_without_a_terminal_nobody_is_asked(run: Path) -> None:
    result = invoke("bench", "grade", run, "--judge", "human")
    assert result.exit_code == 1
    assert "Nobody can be asked here" in result.stderr
    assert os.environ.get("TMLAPP_CONFIG_DIR")
