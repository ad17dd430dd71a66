"""Ctrl-C while a run is graded, and a person who judges at a terminal: a real one each time."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bench.judge_server import service
from tests.cli.invoking import graded
from tmlapp.bench.answer import Answer
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.engines import StoppedError
from tmlapp.bench.judges.base import NoJudge
from tmlapp.bench.runs.info import ItemResult, RunInfo
from tmlapp.bench.runs.run import load_run
from tmlapp.bench.runs.stopping import StoppableJudge, Stopping
from tmlapp.bench.runs.store import RunStore
from tmlapp.cli.bench_ask import Person

pytestmark = pytest.mark.crash

ROOT = Path(__file__).resolve().parents[2]
COUNT = 4


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four conversations that were answered, one criterion each."""
    truth = {"axis": "MEMORY", "rubrics": ["r"], "user_turns": ["one"], "assistant_turns": [], "protocol": "official"}
    items = [SuiteItem(id=f"item-{n}", truth={**truth, "user_turns": [f"say {n}"]}) for n in range(COUNT)]
    info = RunInfo(suite="audio-multichallenge", data=str(tmp_path), endpoint="scripted:none")
    with RunStore.create(tmp_path / "run", info, items) as store:
        for item in items:
            store.write_result(ItemResult(id=item.id, state="done"))
            store.write_answers(item.id, {"main": Answer(text=f"answer {item.id}")})
    return tmp_path / "run"


class Asked:
    """Answers the first question; holds the others until the test lets go."""

    def __init__(self) -> None:
        self.waiting = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, _body: dict[str, Any], n: int) -> str:
        if n > 0:
            self.waiting.set()
            self.let_go.wait(60)
        return json.dumps({"explanation": "", "criteria_met": True})


def grading(run: Path, *more: str) -> list[str]:
    words = ["bench", "grade", str(run), "--profile", "official", *more]
    return [sys.executable, "-m", "tmlapp", *words]


@contextmanager
def program(words: list[str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A child that does not outlive the test."""
    with subprocess.Popen(words, cwd=ROOT, **more) as child:
        try:
            yield child
        finally:
            child.kill()


def verdicts(run: Path) -> list[Any]:
    lines = (run / "verdicts.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["value"] is not None]


def test_ctrl_c_ends_waiting_and_keeps_what_was_ruled(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    asked = Asked()
    with service(asked) as server:
        address = f"openai:judge-1@{server.url}?parallel=1"
        with program(
            grading(run, "--judge", address), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as child:
            assert asked.waiting.wait(60)
            child.send_signal(signal.SIGINT)
            _, told = child.communicate(timeout=60)
            asked.let_go.set()
        assert child.returncode == 130, told
        assert "Go on with the same command" in " ".join(told.split())
        assert len(verdicts(run)) == 1
        assert load_run(run).grades == ()
        before = len(server.bodies)
        monkeypatch.setattr(server, "answer", lambda _body, _n: json.dumps({"criteria_met": True}))
        done = graded(run, "--judge", address, "--profile", "official")["grades"][0]
        assert (done["n_ungraded"], done["score"]) == (0, 100.0)
        # What was ruled before is not asked again.
        assert len(server.bodies) - before == COUNT - 1


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def screen(fd: int, until: str, times: int) -> str:
    """What is shown until `until` has been shown so often."""
    text = ""
    while text.count(until) < times:
        text += os.read(fd, 4096).decode("utf-8", "replace")
    return text


def test_a_person_judges_at_the_terminal_and_may_leave(run: Path, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    words = grading(run, "--judge", "human")
    with program(words, **streams, start_new_session=True, preexec_fn=_own_terminal) as child:
        os.close(theirs)
        shown = screen(ours, "y = right", 1)
        assert "audio-multichallenge/criterion" in shown
        assert "answer item-0" in shown
        os.write(ours, b"y\n")
        screen(ours, "y = right", 1)
        os.write(ours, b"n\n")
        screen(ours, "y = right", 1)
        os.write(ours, b"\x03")
        assert "Interrupted" in screen(ours, "same command", 1)
        assert child.wait(60) == 130
    assert [row["value"] for row in verdicts(run)] == [True, False]
    assert load_run(run).grades == ()


def _own_terminal() -> None:
    """Make standard input the terminal that Ctrl-C comes from."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_person_who_has_gone_leaves_the_rest_ungraded(terminal: tuple[int, int]) -> None:
    reading, writing = os.pipe()
    person = Person(reading)
    os.write(writing, "ja\u00e9\r\nno newline".encode())
    os.close(writing)
    assert person("?") == "ja\u00e9"
    assert person("?") == "no newline"
    for _ in range(2):
        with pytest.raises(EOFError):
            person("?")
    os.close(reading)


def test_a_person_who_is_not_waited_for_any_more() -> None:
    reading, writing = os.pipe()
    person = Person(reading)
    threading.Timer(0.01, person.close).start()
    with pytest.raises(EOFError):
        person("?")
    os.close(writing)


def test_the_second_ctrl_c_is_raised_and_a_closer_that_fails_hides_no_other() -> None:
    closed = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def fails() -> None:
        raise OSError

    with Stopping() as stopping:
        stopping.check()
        stopping.closes(fails)
        stopping.closes(closed.set)
        signal.raise_signal(signal.SIGINT)
        assert closed.wait(60)
        assert stopping.asked
        with pytest.raises(StoppedError):
            StoppableJudge(NoJudge(), stopping).ask(None)  # type: ignore[arg-type]  # nothing is asked any more
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
