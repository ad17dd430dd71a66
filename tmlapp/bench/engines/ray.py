"""A cluster of machines through Ray (extra `ray`). Each item is a Ray task.

A worker drives its item in a folder of its own: below the run, where it sees the run's disk, else in a temporary one
whose files travel back. Only this process puts files into the run, once per item, so a worker that was taken for dead
and still writes can do no harm. The media of the items have to lie at the same paths on every machine.
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
import socket
import tempfile
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tmlapp.bench.data import Part
from tmlapp.bench.drive_item import ItemDriver, ItemTask, Outcome, failed
from tmlapp.bench.engines import OnOutcome, StoppedError
from tmlapp.bench.engines.interrupt import interruptions
from tmlapp.bench.runs.lines import write_whole, written
from tmlapp.bench.runs.run import RESULT, read_result
from tmlapp.bench.runs.store import write_result
from tmlapp.core.errors import AppError

TRIES = 3
"""How often an item is begun before lost workers are taken for the item's fault; machines do go away."""

CONNECT_S = 5.0
OBJECT_STORE_BYTES = 200 * 2**20
_WORK = ".work"
_WAIT_S = 0.5

Work = Callable[[ItemTask], Outcome]
MakeWork = Callable[[], Work]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a worker gives back.

    Attributes:
        outcome: with paths as they will be in the run.
        place: folder of this try below the run, where the worker saw the run's disk; else empty.
        files: name and content of every file, where it did not.
    """

    outcome: Outcome
    place: str
    files: Mapping[str, bytes]


def make_engine(*, jobs: int, address: str = "") -> RayEngine:
    """An engine over the cluster at `address`, or over one that is started on this machine.

    Raises:
        AppError: Ray is not installed.
    """
    try:
        import ray  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise AppError(
            "Ray is not installed.", "Runs on more than one machine need it.", "pip install 'tmlapp[ray]'"
        ) from error
    return RayEngine(jobs, address)


class RayEngine:
    """An engine over a Ray cluster (see `tmlapp.bench.engines.Engine`).

    Args:
        jobs: items at once; each takes one CPU of the cluster.
        address: `HOST:PORT` or `auto`; empty starts Ray here with `jobs` CPUs.
        make_work: what a worker does with a task, made once in each worker.
    """

    def __init__(self, jobs: int, address: str = "", make_work: MakeWork = ItemDriver) -> None:
        if jobs < 1:
            raise ValueError("an engine does at least one item at a time")
        self._jobs = jobs
        self._address = address
        self._make_work = make_work

    def run(self, tasks: Sequence[ItemTask], on_outcome: OnOutcome) -> None:
        """See `Engine.run`."""
        if not tasks:
            return
        with _cluster(self._address, self._jobs), _token(tasks[0].run_folder) as token, interruptions() as asked:
            self._run(tasks, on_outcome, token, asked)

    def _run(self, tasks: Sequence[ItemTask], on_outcome: OnOutcome, token: str, asked: list[int]) -> None:
        import ray

        drive = ray.remote(num_cpus=1, max_retries=0, max_calls=0)(_drive)
        waiting = deque(tasks)
        tries: dict[str, int] = {}
        running: dict[Any, ItemTask] = {}
        while (waiting and not asked) or running:
            while waiting and not asked and len(running) < self._jobs:
                task = waiting.popleft()
                running[drive.remote(task, token, self._make_work)] = task
            if len(asked) > 1:
                _drop(running, on_outcome)
                break
            ready, _ = ray.wait(list(running), num_returns=1, timeout=_WAIT_S)
            for ref in ready:
                task = running.pop(ref)
                try:
                    delivery: Delivery = ray.get(ref)
                except ray.exceptions.RayError as error:
                    self._lost(task, error, waiting, tries, on_outcome)
                    continue
                on_outcome(_placed(task, delivery))
        if asked and (waiting or len(asked) > 1):
            raise StoppedError

    def _lost(
        self, task: ItemTask, error: Exception, waiting: deque[ItemTask], tries: dict[str, int], on_outcome: OnOutcome
    ) -> None:
        """The worker of `task` has gone: somebody else does it, or it is given up."""
        begun = tries[task.item.id] = tries.get(task.item.id, 0) + 1
        reason = str(error).strip().split("\n", 1)[0] or type(error).__name__
        _log.warning("the worker of %s was lost (try %d): %s", task.item.id, begun, reason)
        if begun < TRIES:
            waiting.appendleft(task)
        else:
            on_outcome(failed(task, f"The worker was lost {begun} times: {reason}"))


def _drop(running: dict[Any, ItemTask], on_outcome: OnOutcome) -> None:
    import ray

    for ref, task in running.items():
        ray.cancel(ref, force=True)
        on_outcome(failed(task, "It was interrupted."))


@contextmanager
def _cluster(address: str, jobs: int) -> Iterator[None]:
    """Connected to the cluster while inside; one that was connected before stays so."""
    # Nothing about a run is told to anybody.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        yield
        return
    if address:
        _reach(address)
    options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        options = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
    else:
        options |= {"num_cpus": jobs, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise _unusable(address, first.rstrip(".")) from error
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Knock first: Ray ends the whole process where nobody listens."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _unusable(address, f"Nobody answers there: {error}") from error


def _unusable(address: str, why: str) -> AppError:
    return AppError(
        f"The Ray cluster {f'at {address}' if address else 'on this machine'} cannot be used.",
        f"{why}.",
        "Start it (`ray start --head`), give its address as HOST:PORT, use one version of Ray everywhere, and where it "
        "asks for a token (it does once ~/.ray/auth_token is there) set RAY_AUTH_MODE=token on both sides.",
    )


@contextmanager
def _token(run_folder: Path) -> Iterator[str]:
    """A file in the run by which a worker knows whether it sees the same disk; its name, while inside."""
    name = f"{_WORK}/{uuid.uuid4().hex}"
    # What a run that was cut off has left there belongs to no item.
    shutil.rmtree(run_folder / _WORK, ignore_errors=True)
    with written(run_folder / _WORK):
        (run_folder / _WORK).mkdir(parents=True)
    write_whole(run_folder / name, name.encode("ascii"))
    try:
        yield name
    finally:
        shutil.rmtree(run_folder / _WORK, ignore_errors=True)


# --- in the worker ----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def _work_of(make_work: MakeWork) -> Work:
    """One per process: models, voices and detectors are loaded once."""
    return make_work()


def _drive(task: ItemTask, token: str, make_work: MakeWork) -> Delivery:
    shared = task.run_folder / token
    sees_run = shared.is_file() and shared.read_bytes() == token.encode("ascii")
    if sees_run:
        place = f"{_WORK}/{uuid.uuid4().hex}"
        outcome = _driven(task, task.run_folder / place, make_work)
        return Delivery(outcome, place, {})
    with tempfile.TemporaryDirectory(prefix="tmlapp-") as name:
        outcome = _driven(task, Path(name), make_work)
        folder = Path(name) / task.folder.relative_to(task.run_folder)
        return Delivery(outcome, "", {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()})


def _driven(task: ItemTask, root: Path, make_work: MakeWork) -> Outcome:
    """Drive the item below `root`, which stands for the run."""
    folder = root / task.folder.relative_to(task.run_folder)
    with written(folder):
        folder.mkdir(parents=True)
    here = replace(task, folder=folder, run_folder=root)
    gone = [name for part in task.item.parts for name in _media(part) if name and not Path(name).exists()]
    if gone:
        return failed(here, f"{gone[0]} is not on the machine {socket.gethostname()}: its data must lie where ours do.")
    return _work_of(make_work)(here)


def _media(part: Part) -> tuple[str, ...]:
    return (*part.sounds, part.video, *(turn.sound for turn in part.history))


# --- back in the run --------------------------------------------------------------------------------------------------


def _placed(task: ItemTask, delivery: Delivery) -> Outcome:
    """Put what the worker made into the run, in place of what an earlier try has left."""
    before = read_result(task.folder / RESULT)
    result = replace(delivery.outcome.result, tries=before.tries + 1 if before else 1)
    with written(task.folder):
        if task.folder.exists():
            shutil.rmtree(task.folder)
        task.folder.parent.mkdir(parents=True, exist_ok=True)
        if delivery.place:
            os.replace(task.run_folder / delivery.place / task.folder.relative_to(task.run_folder), task.folder)
        else:
            task.folder.mkdir()
            for name, data in delivery.files.items():
                (task.folder / name).write_bytes(data)
    write_result(task.folder, result)
    return replace(delivery.outcome, result=result)
