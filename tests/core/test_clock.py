from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tmlapp.core.clock import Clock, ManualClock, MonotonicClock

pytestmark = pytest.mark.unit


def in_thread(wait: Callable[[], bool]) -> tuple[threading.Thread, list[bool]]:
    result: list[bool] = []
    thread = threading.Thread(target=lambda: result.append(wait()))
    thread.start()
    return thread, result


def test_the_monotonic_clock_never_goes_back() -> None:
    clock: Clock = MonotonicClock()
    readings = [clock.now_ns() for _ in range(100)]
    assert readings == sorted(readings)


def test_the_monotonic_clock_tells_an_event_from_a_deadline() -> None:
    clock = MonotonicClock()
    event = threading.Event()
    assert clock.wait(event, clock.now_ns() + 1_000_000) is False
    assert clock.wait(event, clock.now_ns() - 1_000_000) is False
    event.set()
    assert clock.wait(event, None) is True
    assert clock.wait(event, clock.now_ns() - 1) is True


def test_a_manual_clock_stands_still_until_it_is_advanced() -> None:
    clock = ManualClock(5)
    assert clock.now_ns() == 5
    clock.advance(7)
    clock.advance(0)
    assert clock.now_ns() == 12


def test_a_manual_clock_cannot_go_back() -> None:
    with pytest.raises(ValueError, match="cannot go back by 3 ns"):
        ManualClock().advance(-3)


def test_a_waiter_wakes_when_its_time_has_come_and_not_before() -> None:
    clock = ManualClock()
    thread, result = in_thread(lambda: clock.wait(threading.Event(), 100))
    clock.await_waiters()
    clock.advance(99)
    assert result == []
    clock.await_waiters()
    clock.advance(1)
    thread.join()
    assert result == [False]


def test_a_waiter_wakes_when_its_event_is_set() -> None:
    clock = ManualClock()
    event = threading.Event()
    thread, result = in_thread(lambda: clock.wait(event, None))
    clock.await_waiters()
    event.set()
    thread.join()
    assert result == [True]


def test_a_wait_until_the_past_returns_at_once() -> None:
    clock = ManualClock(10)
    assert clock.wait(threading.Event(), 10) is False


def test_several_waiters_can_be_awaited() -> None:
    clock = ManualClock()
    waiters = [in_thread(lambda: clock.wait(threading.Event(), 10)) for _ in range(3)]
    clock.await_waiters(3)
    clock.advance(10)
    for thread, result in waiters:
        thread.join()
        assert result == [False]
