from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench.ray_run import tasks_in
from tmlapp.bench.drive_item import ItemDriver
from tmlapp.bench.engines import engine_named
from tmlapp.bench.engines import ray as engine
from tmlapp.bench.runs.run import read_result
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.crash


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.json"
    path.write_text('[{"t_s": 1.0, "text": "hello"}]', encoding="utf-8")
    return path


def test_a_killed_node_costs_no_item_and_none_is_done_twice(tmp_path: Path, script: Path) -> None:
    run = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.ray_run", str(run), str(script), "--items", "6", "--kill"],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["nodes_left"] == 0
    assert "was lost (try 1)" in done.stderr
    assert found["outcomes"] == {f"item {n}": 1 for n in range(6)}
    assert found["states"] == {"done": 6}
    assert set(map(tuple, found["texts"].values())) == {("hello",)}
    folders = sorted((run / "items").iterdir())
    assert len(folders) == 6
    for folder in folders:
        assert {p.name for p in folder.iterdir()} >= {"result.json", "main.mcap", "main.wav"}
    assert not (run / ".work").exists()


def test_files_of_a_worker_that_does_not_see_the_run_travel_back(tmp_path: Path, script: Path) -> None:
    (task,) = tasks_in(tmp_path / "run", 1, script, 2.0)
    delivery = engine._drive(task, "no such token", ItemDriver)
    assert not task.folder.exists()
    assert delivery.place == ""
    assert {"main.mcap", "main.wav", "result.json"} <= delivery.files.keys()
    outcome = engine._placed(task, delivery)
    assert outcome.result.state == "done"
    kept = read_result(task.folder / "result.json")
    assert kept is not None
    assert kept.parts == outcome.result.parts
    # The paths are those of the run, not of the folder in which the worker drove.
    assert outcome.answers["main"].audio == "items/00000-item_0/main.wav"
    assert engine._placed(task, delivery).result.tries == 2


def test_a_worker_that_sees_the_run_works_below_it_and_only_we_put_its_files_in_place(
    tmp_path: Path, script: Path
) -> None:
    (task,) = tasks_in(tmp_path / "run", 1, script, 2.0)
    with engine._token(task.run_folder) as token:
        delivery = engine._drive(task, token, ItemDriver)
        assert not task.folder.exists()
        assert (task.run_folder / delivery.place).is_dir()
        assert engine._placed(task, delivery).result.state == "done"
        assert (task.folder / "main.mcap").is_file()
    assert not (task.run_folder / ".work").exists()


def test_media_that_are_not_on_the_worker_are_named(tmp_path: Path, script: Path) -> None:
    (task,) = tasks_in(tmp_path / "run", 1, script, 2.0)
    part = replace(task.item.parts[0], sounds=("/no/such/file.wav",))
    task = replace(task, item=replace(task.item, parts=(part,)))
    outcome = engine._placed(task, engine._drive(task, "no such token", ItemDriver))
    assert outcome.result.state == "failed"
    assert "/no/such/file.wav is not on the machine" in outcome.result.reason


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1:99999", "nowhere.invalid:6379"])
def test_a_cluster_that_is_not_there_is_an_error_for_people(tmp_path: Path, script: Path, address: str) -> None:
    with pytest.raises(AppError, match=f"The Ray cluster at {address} cannot be used"):
        engine_named("ray", jobs=1, address=address).run(tasks_in(tmp_path, 1, script, 1.0), print)


def test_nothing_to_do_starts_no_cluster() -> None:
    engine_named("ray", jobs=1).run([], print)


def test_an_engine_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one item"):
        engine.RayEngine(0)


def test_an_engine_that_does_not_exist_is_named() -> None:
    with pytest.raises(AppError, match="pool or ray"):
        engine_named("slurm", jobs=1)
