"""The pool: every item once, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.run_parts import Deaf, Interrupting, Mortal, Steady, Threads, Unkept, task_of
from tmlapp.bench.drive_item import Outcome
from tmlapp.bench.engines import StoppedError, engine_named, pool
from tmlapp.bench.engines.interrupt import interruptions
from tmlapp.bench.engines.pool import MakeWork, PoolEngine, _how_ended
from tmlapp.bench.runs.run import read_result
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.crash


def ran(run: Path, ids: Sequence[str], make_work: MakeWork, jobs: int = 2) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    PoolEngine(jobs, make_work).run(
        [task_of(i, run) for i in ids], lambda o: found.setdefault(o.result.id, []).append(o)
    )
    return found


def begun(run: Path, item: str) -> list[str]:
    path = run / "items" / item / "begun"
    return path.read_text().split() if path.exists() else []


def test_each_item_is_done_once_and_by_another_process(tmp_path: Path) -> None:
    ids = [f"item {i}" for i in range(6)]
    found = ran(tmp_path, ids, Steady)
    assert {i: [o.result.state for o in outcomes] for i, outcomes in found.items()} == {i: ["done"] for i in ids}
    assert all(found[i][0].answers["main"].text == i for i in ids)
    workers = {pid for i in ids for pid in begun(tmp_path, i)}
    assert all(len(begun(tmp_path, i)) == 1 for i in ids)
    assert 1 <= len(workers) <= 2
    assert str(os.getpid()) not in workers


def test_a_worker_that_dies_costs_its_item_only(tmp_path: Path) -> None:
    ids = ["a", "kill me", "once only", "b", "fails", "c"]
    found = ran(tmp_path, ids, Mortal)
    states = {i: [(o.result.state, o.result.reason) for o in outcomes] for i, outcomes in found.items()}
    assert states == {
        "a": [("done", "")],
        "b": [("done", "")],
        "c": [("done", "")],
        "once only": [("done", "")],
        "kill me": [("failed", "The worker died: it was ended by SIGKILL.")],
        "fails": [("failed", "It does not work.")],
    }
    tries = {i: len(begun(tmp_path, i)) for i in ids}
    assert tries == {"a": 1, "b": 1, "c": 1, "fails": 1, "once only": 2, "kill me": 2}
    kept = read_result(tmp_path / "items" / "kill me" / "result.json")
    assert kept is not None
    assert kept.state == "failed"
    assert kept.tries == 2


def test_a_failure_that_cannot_be_kept_ends_the_work_with_its_sentences(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AppError, match=r"result\.json cannot be read\. Is a directory\. Check the file's rights\."):
        ran(tmp_path, ["a", "b"], Unkept, jobs=1)
    assert begun(tmp_path, "a") != []
    assert begun(tmp_path, "b") == []
    # No traceback of a worker either.
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_does_not_reach_a_worker_that_is_still_being_started(tmp_path: Path) -> None:
    found = ran(tmp_path, ["a"], Deaf)
    assert found["a"][0].answers["main"].text == "True"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_ctrl_c_lets_running_items_finish_and_begins_no_more(tmp_path: Path) -> None:
    found: list[Outcome] = []
    with pytest.raises(StoppedError):
        PoolEngine(1, Interrupting).run([task_of(i, tmp_path) for i in ("a", "ctrl-c", "c", "d")], found.append)
    # Whether the signal arrives before or after the worker's answer is read, nothing that was begun is lost.
    assert [o.result.id for o in found][:2] == ["a", "ctrl-c"]
    assert {o.result.state for o in found} == {"done"}
    assert not begun(tmp_path, "d")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait_and_marks_what_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Outcome] = []
    noted: list[list[int]] = []

    @contextmanager
    def watched() -> Iterator[list[int]]:
        with interruptions() as asked:
            noted.append(asked)
            yield asked

    monkeypatch.setattr(pool, "interruptions", watched)

    def again() -> None:
        waiting = threading.Event()
        # Two signals of one kind that come together are one.
        while not noted or not noted[0]:
            waiting.wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=again)
    thread.start()
    with pytest.raises(StoppedError):
        PoolEngine(1, Interrupting).run([task_of(i, tmp_path) for i in ("ctrl-c-c", "b")], found.append)
    thread.join()
    assert [(o.result.id, o.result.state, o.result.reason) for o in found] == [
        ("ctrl-c-c", "failed", "It was interrupted.")
    ]
    assert not begun(tmp_path, "b")


def test_workers_share_the_cores(tmp_path: Path) -> None:
    found = ran(tmp_path, ["a"], Threads, jobs=max(1, os.cpu_count() or 1))
    assert found["a"][0].answers["main"].text == "1"
    assert "OMP_NUM_THREADS" not in os.environ or os.environ["OMP_NUM_THREADS"] != "1"


def test_how_a_worker_ended_is_said_in_words() -> None:
    assert _how_ended(7) == "it ended with status 7"
    assert _how_ended(-11) == "it was ended by SIGSEGV"
    assert _how_ended(-63) == "it was ended by signal 63"


def test_no_tasks_need_no_workers(tmp_path: Path) -> None:
    assert ran(tmp_path, [], Steady) == {}
    with pytest.raises(ValueError, match="at least one"):
        PoolEngine(0)


def test_engines_have_names() -> None:
    assert isinstance(engine_named("pool", jobs=1), PoolEngine)
    with pytest.raises(AppError, match="no engine 'abacus'"):
        engine_named("abacus", jobs=1)
