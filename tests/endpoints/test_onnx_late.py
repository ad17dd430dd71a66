"""What happens when a local model is late, and how a conversation ends."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.endpoints.minimodel import write_model
from tests.endpoints.talk import DRAIN_S, GatedStepper, Heard, frame, setup_for, turn
from tmlapp.core.clock import ManualClock
from tmlapp.core.event import (
    Closed,
    EndpointError,
    EndpointEvent,
    Granted,
    Limit,
    TextOut,
    UnitDone,
)
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.endpoints import onnx_duplex
from tmlapp.endpoints.onnx_contract import load_model
from tmlapp.endpoints.onnx_duplex import OnnxDuplex
from tmlapp.endpoints.onnx_local import OnnxEndpoint

pytestmark = pytest.mark.unit


@pytest.fixture
def endpoint(tmp_path: Path) -> OnnxEndpoint:
    return OnnxEndpoint("onnx:mini", write_model(tmp_path / "mini"))


class Slow:
    """A conversation in real time on a clock that stands still, with a model that waits for `gate.let`."""

    def __init__(self, folder: Path, *, virtual_time: bool = False, honest_clock: bool = False) -> None:
        self.clock = ManualClock()
        model = load_model(write_model(folder))
        self.gate = GatedStepper(model.stepper())
        self.heard = Heard()
        setup = setup_for(virtual_time=virtual_time, honest_clock=honest_clock, clock=self.clock)
        granted = Granted(endpoint="onnx:mini", name="mini", local=True)
        self.duplex = OnnxDuplex(
            model, setup, self.heard, granted, stepper=self.gate, timer=self.clock.now_ns
        )  # the stopwatch is the same clock, so that costs are exact

    def push_until(self, first: int, last: int) -> None:
        for index in range(first, last + 1):
            self.clock.advance(TURN_NS)
            self.duplex.push(turn(index, level=1, frames=[frame(index * TURN_NS + 1)]))


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


def test_a_step_of_one_second_delays_outputs_and_nothing_is_lost(slow: Slow) -> None:
    slow.push_until(0, 0)
    slow.gate.await_step()
    slow.push_until(1, 4)
    slow.clock.advance(TURN_NS)
    slow.gate.let(5)
    slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    done = slow.heard.of(UnitDone)
    assert [u.micro_turn for u in done] == [0, 1, 2, 3, 4]
    assert [u.lag_turns for u in done] == [0, 3, 2, 1, 0]
    assert done[0].compute_ns == NS_PER_S
    assert done[0].latency_ns == NS_PER_S
    assert [u.t_media_ns for u in done] == [(k + 1) * TURN_NS for k in range(5)]
    assert {u.t_rx_ns for u in done} == {6 * TURN_NS}
    assert done[4].queue_ns == TURN_NS
    assert len(slow.heard.of(TextOut)) == 5
    assert not slow.heard.of(Limit)


def test_at_five_waiting_micro_turns_pictures_are_skipped_until_it_has_caught_up(slow: Slow) -> None:
    slow.push_until(0, 0)
    slow.gate.await_step()
    slow.push_until(1, 4)
    assert not slow.heard.of(Limit)
    slow.push_until(5, 7)
    limit = slow.heard.of(Limit)
    assert [(e.kind, e.t_rx_ns) for e in limit] == [("rate", 6 * TURN_NS)]
    assert "5 micro-turns (1.0 s) behind" in limit[0].message
    slow.gate.let(8)
    slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    done = slow.heard.of(UnitDone)
    assert [u.lag_turns for u in done] == [0, 6, 5, 4, 3, 2, 1, 0]
    assert [u.diagnostics["app.frames_skipped"] for u in done] == [[0.0], *[[1.0]] * 5, [0.0], [0.0]]
    shown = [inputs["frames"] for inputs in slow.gate.seen]
    assert all(np.array_equal(picture[0, 1], shown[0][0, 1]) for picture in shown)


def test_a_second_delay_is_reported_again(slow: Slow) -> None:
    for start in (0, 7):
        slow.push_until(start, start)
        slow.gate.await_step()
        slow.push_until(start + 1, start + 6)
        slow.gate.let(7)
        slow.duplex.drain(DRAIN_S)
        for _ in range(6):
            slow.gate.await_step()
    slow.duplex.close()
    assert len(slow.heard.of(Limit)) == 2


def test_five_seconds_behind_ends_the_session_even_if_the_step_never_returns(slow: Slow) -> None:
    slow.push_until(0, 0)
    slow.gate.await_step()
    slow.push_until(1, 24)
    assert not slow.heard.of(EndpointError)
    slow.push_until(25, 25)
    error = slow.heard.of(EndpointError)[0]
    assert (error.kind, error.code, error.fatal) == ("backpressure", "E_OVERRUN", True)
    slow.push_until(26, 30)
    slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    assert not slow.heard.of(UnitDone)
    assert slow.heard.of(Closed)[0].code == "E_OVERRUN"


def test_drain_gives_up_after_its_time(slow: Slow) -> None:
    slow.push_until(0, 0)
    slow.gate.await_step()
    waiter = threading.Thread(target=slow.duplex.drain, args=(3.0,))
    waiter.start()
    slow.clock.await_waiters()
    slow.clock.advance(3 * NS_PER_S)
    waiter.join(DRAIN_S)
    assert not waiter.is_alive()
    slow.duplex.close()
    assert not slow.heard.of(UnitDone)


def test_in_virtual_time_nothing_is_ever_late(tmp_path: Path) -> None:
    slow = Slow(tmp_path, virtual_time=True)
    slow.push_until(0, 40)
    slow.gate.let(41)
    slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    done = slow.heard.of(UnitDone)
    assert [u.t_rx_ns for u in done] == [(k + 1) * TURN_NS for k in range(41)]
    assert {u.lag_turns for u in done} == {0}
    assert not slow.heard.of(Limit)


def test_an_honest_clock_adds_the_cost_and_passes_delays_on(tmp_path: Path) -> None:
    slow = Slow(tmp_path, virtual_time=True, honest_clock=True)
    for index, cost_ns in enumerate((NS_PER_S, 0, TURN_NS // 2)):
        slow.duplex.push(turn(index, level=1))
        slow.gate.await_step()
        slow.clock.advance(cost_ns)
        slow.gate.let()
        slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    done = slow.heard.of(UnitDone)
    assert [u.t_rx_ns for u in done] == [6 * TURN_NS, 6 * TURN_NS, 6 * TURN_NS + TURN_NS // 2]
    assert [u.lag_turns for u in done] == [0, 4, 3]
    assert [e.t_rx_ns for e in slow.heard.of(TextOut)] == [u.t_rx_ns for u in done]


def test_closing_during_a_step_lets_nothing_through_afterwards(slow: Slow) -> None:
    slow.push_until(0, 1)
    slow.gate.await_step()
    slow.duplex.close()
    assert isinstance(slow.heard.events[-1], Closed)
    assert not slow.heard.of(EndpointError)


def test_a_step_that_never_ends_does_not_hold_up_the_end(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_duplex, "_JOIN_S", 0.0)
    monkeypatch.setattr(slow.gate, "stop", lambda: None)
    slow.push_until(0, 0)
    slow.gate.await_step()
    slow.duplex.close()
    assert isinstance(slow.heard.events[-1], Closed)
    count = len(slow.heard.events)
    slow.gate.let()
    slow.duplex._worker.join(DRAIN_S)
    assert len(slow.heard.events) == count


def test_a_sink_may_close_the_conversation(endpoint: OnnxEndpoint) -> None:
    heard = Heard()

    def sink(event: EndpointEvent) -> None:
        heard(event)
        if isinstance(event, UnitDone):
            duplex.close()

    duplex = endpoint.open(setup_for(), sink)
    duplex.push(turn(0))
    heard.wait_for(Closed)
    duplex.close()
    assert len(heard.of(Closed)) == 1
