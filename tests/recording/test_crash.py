"""Real processes, killed; real disks, filled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recording.parts import assert_turns, make_info, make_turn, recorder
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import find_parts, recover
from tmlapp.recording.verify import verify
from tmlapp.recording.writer import Recorder

pytestmark = [
    pytest.mark.crash,
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL, rlimits and mount"),
]

ROOT = Path(__file__).resolve().parents[2]


def start_child(folder: Path, *, name: str = "s", turns: int = 100_000, limit: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.recording.child", str(folder), name, str(turns), str(limit)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def lines_of(child: subprocess.Popen[str]) -> Iterator[str]:
    assert child.stdout is not None
    yield from (line.rstrip("\n") for line in child.stdout)


@pytest.mark.parametrize("kill_at", [0, 1, 7, 40, 150])
def test_kill_9_at_any_moment_loses_no_acknowledged_micro_turn(tmp_path: Path, kill_at: int) -> None:
    with start_child(tmp_path, name="Kniebeugen ü 1") as child:
        acknowledged = -1
        for line in lines_of(child):
            if line.startswith("ack"):
                acknowledged = int(line.split()[1])
            if acknowledged == kill_at:
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    (part,) = find_parts(tmp_path)
    report = recover(part)
    assert verify(report.path).ok
    assert report.turns > acknowledged >= kill_at
    assert not report.lost_turns
    assert_turns(Recording.open(report.path), range(acknowledged + 1))


def test_a_killed_writer_lets_go_of_its_lock_and_a_living_one_does_not(tmp_path: Path) -> None:
    with start_child(tmp_path) as child:
        lines = lines_of(child)
        part = Path(next(lines).removeprefix("path "))
        assert next(lines) == "ack 0"
        assert find_parts(tmp_path) == []
        with pytest.raises(AppError, match="still being written"):
            recover(part)
        child.kill()
    assert find_parts(tmp_path) == [part]


def test_two_processes_with_one_name_write_two_files(tmp_path: Path) -> None:
    with start_child(tmp_path, turns=3) as first, start_child(tmp_path, turns=3) as second:
        closed = [line.removeprefix("closed ") for c in (first, second) for line in lines_of(c) if "closed" in line]
    assert sorted(closed) == [str(tmp_path / "s (2).mcap"), str(tmp_path / "s.mcap")]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s (2).mcap", "s.mcap"]
    for path in closed:
        assert_turns(Recording.open(Path(path)), range(3))


def test_a_file_size_limit_stops_the_recording_once_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    with start_child(tmp_path, limit=400_000) as child:
        lines = list(lines_of(child))
    failed = [line for line in lines if line.startswith("failed")]
    assert len(failed) == 1
    assert "File too large" in failed[0]
    acknowledged = max(int(line.split()[1]) for line in lines if line.startswith("ack"))
    # What was flushed is smaller than the limit, so even finishing succeeds.
    assert lines[-1] == f"closed {tmp_path / 's.mcap'}"
    assert_turns(Recording.open(tmp_path / "s.mcap"), range(acknowledged + 1))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def record_until_full(folder: Path) -> tuple[Recorder, AppError]:
    failures: list[AppError] = []
    told = threading.Event()

    def failed(error: AppError) -> None:
        failures.append(error)
        told.set()

    writer = Recorder(folder, "s", make_info(), clock=MonotonicClock(), on_failure=failed)
    writer.start()
    index = 0
    while not told.is_set():
        writer.turn(make_turn(index), ready_ns=0, pushed_ns=0, drift_ppm=None)
        index += 1
    writer.turn(make_turn(index), ready_ns=0, pushed_ns=0, drift_ppm=None)
    assert len(failures) == 1
    return writer, failures[0]


def test_a_full_disk_stops_the_session_cleanly_with_everything_so_far_readable(
    small_disk: Path, tmp_path: Path
) -> None:
    writer, error = record_until_full(small_disk)
    assert "No space left" in error.why
    acknowledged = writer.acknowledged_turn
    assert acknowledged > 10
    part = writer.path
    assert part.stat().st_size == writer.bytes_written
    with pytest.raises(AppError, match="No space left"):
        writer.close()
    assert sorted(p.name for p in small_disk.iterdir()) == ["s.mcap.part"]
    report = recover(part, out=tmp_path / "saved.mcap")
    assert not report.damage
    assert_turns(Recording.open(report.path), range(acknowledged + 1))
    with pytest.raises(AppError, match="No space left"):
        recover(part)
    (tmp_path / "saved.mcap").unlink()


def test_a_disk_that_is_full_at_the_start_is_said_to_be_so(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 1 << 20)
    with pytest.raises(AppError, match="No space left"):
        recorder(small_disk, []).start()
    assert [p.name for p in small_disk.iterdir()] == ["ballast"]


def test_a_read_only_disk_is_said_to_be_so(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(AppError, match="Read-only file system"):
        recorder(small_disk, []).start()


def test_kill_9_while_finishing_leaves_a_part_or_a_verified_recording(tmp_path: Path) -> None:
    with start_child(tmp_path, turns=60) as child:
        for line in lines_of(child):
            if line == "ack 59":
                break
        while child.poll() is None and not (tmp_path / "s.mcap.tmp").exists():
            pass
        child.kill()
    for part in find_parts(tmp_path):
        recover(part)
    assert verify(tmp_path / "s.mcap").ok
    assert_turns(Recording.open(tmp_path / "s.mcap"), range(60))
