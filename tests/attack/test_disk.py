"""Folders and files that change under a running session; disks that fill at the last moment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.parts import CLAP, error_of, here, script, whole
from tests.recording.parts import make_info, make_turn
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.live.health import HealthMeter
from tmlapp.recording.recover import recover
from tmlapp.recording.writer import Recorder

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(sys.platform == "win32", reason="there a file in use cannot be moved"),
]


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Recorder, list[AppError]]:
    """A recorder with three micro-turns, and what it complains of."""
    failures: list[AppError] = []
    recorder = Recorder(tmp_path / "out", "s", make_info(), clock=MonotonicClock(), on_failure=failures.append)
    (tmp_path / "out").mkdir()
    recorder.start()
    for index in range(3):
        recorder.turn(make_turn(index), ready_ns=0, pushed_ns=1, drift_ppm=None)
    return recorder, failures


def test_a_recording_that_is_moved_away_is_noticed_and_can_be_recovered_from_there(
    recorded: tuple[Recorder, list[AppError]],
) -> None:
    recorder, failures = recorded
    moved = recorder.path.rename(recorder.path.with_name("moved.mcap.part"))
    with pytest.raises(AppError):
        recorder.close()
    assert ["moved while it was written" in e.what for e in failures] == [True]
    assert recover(moved).turns == 3
    moved.unlink()
    assert [p.name for p in whole(moved.parent)] == ["moved.mcap"]


def test_another_file_under_the_name_of_a_recording_is_noticed_and_not_touched(
    recorded: tuple[Recorder, list[AppError]],
) -> None:
    recorder, failures = recorded
    recorder.path.unlink()
    recorder.path.write_text("mine")
    with pytest.raises(AppError):
        recorder.close()
    assert len(failures) == 1
    assert recorder.path.read_text() == "mine"


def test_a_folder_that_is_deleted_is_one_clear_error(recorded: tuple[Recorder, list[AppError]]) -> None:
    recorder, failures = recorded
    shutil.rmtree(recorder.path.parent)
    with pytest.raises(AppError):
        recorder.close()
    assert len(failures) == 1
    assert HealthMeter(recorder.path.parent).sample(0, 0).disk_free_bytes is None


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of its own, as large as the test asks."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


# One second of claps takes 260 KB while it is written: too much at once, during the run, and for the finished file.
@pytest.mark.parametrize("small_disk", ["120k", "240k", "280k"], indirect=True)
def test_a_disk_that_fills_keeps_what_fitted_and_says_what_to_do(small_disk: Path, tmp_path: Path) -> None:
    said = script(tmp_path / "script.json", "one")
    done = here(*CLAP, "--seconds", 1, "--endpoint", said, "--out", small_disk, "--json")
    error = error_of(done)
    assert "No space left" in error["why"]
    assert "Free space" in error["fix"]
    left = list(small_disk.iterdir())
    assert all(path.stat().st_size for path in left)
    for part in small_disk.glob("*.part"):
        (tmp_path / "large").mkdir()
        recover(Path(shutil.copy(part, tmp_path / "large")))
        (tmp_path / "large" / part.name).unlink()
        whole(tmp_path / "large")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    said = script(tmp_path / "script.json", "one")
    error_of(here(*CLAP, "--endpoint", said, "--out", tmp_path / "file", "--json"))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    said = script(tmp_path / "script.json", "one")
    done = here(*CLAP, "--seconds", 1, "--endpoint", said, "--out", tmp_path / "a" / "b", "--json")
    assert done.returncode == 0
    whole(tmp_path / "a" / "b")
