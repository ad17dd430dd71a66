"""Jobs in a process of their own: result, error, death, cancelling."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from multiprocessing import Pipe

import pytest

from tmlapp.core.errors import AppError
from tmlapp.recording.apart import StoppedError, _child, run_apart

pytestmark = pytest.mark.unit


def adds(a: int, b: int, tell: Callable[[float], object]) -> int:
    tell(0.5)
    return a + b


def fails(tell: Callable[[float], object]) -> int:
    raise AppError("It broke.", "It was old.", "Take a new one.")


def dies(tell: Callable[[float], object]) -> int:
    os._exit(9)


def lasts(tell: Callable[[float], object]) -> int:
    threading.Event().wait()
    return 0


def test_the_result_and_its_progress_come_back() -> None:
    heard: list[float] = []
    assert run_apart(adds, 2, 3, tell=heard.append) == 5
    assert heard == [0.5]


def test_an_error_comes_back_with_its_three_sentences() -> None:
    with pytest.raises(AppError) as caught:
        run_apart(fails)
    assert (caught.value.what, caught.value.why, caught.value.fix) == ("It broke.", "It was old.", "Take a new one.")


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(AppError, match="ended before it was done"):
        run_apart(dies)


def test_a_job_that_nobody_wants_is_ended() -> None:
    with pytest.raises(StoppedError):
        run_apart(lasts, cancelled=lambda: True)


def test_the_other_side_sends_parts_then_the_result_or_the_error() -> None:
    ours, theirs = Pipe(duplex=False)
    _child(theirs, adds, (1, 2))
    _child(theirs, fails, ())
    assert [ours.recv()[0] for _ in range(3)] == ["part", "done", "failed"]
