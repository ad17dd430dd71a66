"""Processes that are killed while they build or move, and processes that build at the same time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.catalogue_parts import make_recording
from tmlapp.bench.catalogue.refresh import refresh
from tmlapp.bench.catalogue.store import Catalogue
from tmlapp.bench.companions import companions

pytestmark = pytest.mark.crash

CHILD = [sys.executable, "-m", "tests.bench.catalogue_child"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings enough for a process to be met in the middle of them."""
    root = tmp_path_factory.mktemp("many")
    one = make_recording(root, "r0", turns=1, frames=False)
    for i in range(1, 260):
        shutil.copy(one, root / f"r{i}.mcap")
    return root


def start(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CHILD, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def killed(child: subprocess.Popen[str]) -> None:
    """As `kill -9` does it, without its workers."""
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()


def test_a_rebuild_that_was_killed_is_gone_on_with(many: Path, tmp_path: Path) -> None:
    child = start("rebuild", tmp_path, many)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= 220:
            break
    killed(child)
    with Catalogue.open(tmp_path) as catalogue:
        assert catalogue.notice == ""
        there = len(catalogue.search())
        assert 0 < there < 260
        found = refresh(catalogue, [many])
        assert (found.files, found.read) == (260, 260 - there)
        assert len(catalogue.search()) == 260


def test_two_processes_may_build_at_once(many: Path, tmp_path: Path) -> None:
    children = [start("rebuild", tmp_path, many) for _ in range(2)]
    for child in children:
        out, _ = child.communicate()
        assert (child.returncode, out.splitlines()[-1]) == (0, "done")
    with Catalogue.open(tmp_path) as catalogue:
        assert len(catalogue.search()) == 260
        assert len(catalogue.search("squats")) == 260


@pytest.mark.parametrize("stop_at", [0, 1, 2])
def test_a_recording_whose_trashing_was_killed_is_whole_again(tmp_path: Path, stop_at: int) -> None:
    root = tmp_path / "r"
    path = make_recording(root, "a", turns=2, frames=False)
    for ending in (".grades.jsonl", ".truth.json"):
        path.with_suffix(ending).write_text("{}")
    before = {p.name: p.read_bytes() for p in (path, *companions(path))}
    child = start("trash", root, "a.mcap", stop_at)
    assert child.stdout is not None
    assert child.stdout.readline() == "here\n"
    killed(child)
    with Catalogue.open(tmp_path / "cache") as catalogue:
        refresh(catalogue, [root])
        assert [e.name for e in catalogue.rows(catalogue.search())] == ["a"]
    assert {p.name: p.read_bytes() for p in root.iterdir()} == before
