"""What every endpoint must keep, whatever it talks to: run `check_conformance` on a fresh one."""

from __future__ import annotations

from collections.abc import Callable

from tests.endpoints.talk import DRAIN_S, Heard, setup_for, turn
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.event import Closed, EndpointError, SessionOpened, UnitDone, from_json, to_json
from tmlapp.core.units import TURN_NS

TURNS = 12


def check_conformance(make: Callable[[], Endpoint], instruction: str = "") -> None:
    """Assert the adapter contract (docs/endpoints/index.md) on the endpoints that `make` gives.

    Covers: address and locality, first and last event, `seq`, receive times, an acknowledgement for every micro-turn
    where they are granted, events that survive JSON, `drain` and `close` called twice, `push` after `close`.
    """
    _identity(make())
    heard = _conversation(make(), instruction)
    _order(heard)
    _answers(heard)
    _values(heard)
    _closed_before_anything(make(), instruction)


def _identity(endpoint: Endpoint) -> None:
    assert ":" in endpoint.address
    assert bool(endpoint.host) != endpoint.local


def _conversation(endpoint: Endpoint, instruction: str) -> Heard:
    endpoint.check(instruction)
    heard = Heard()
    duplex = endpoint.open(setup_for(instruction), heard)
    assert heard.events[0] == SessionOpened(granted=duplex.granted)
    assert duplex.granted.endpoint == endpoint.address
    for index in range(TURNS):
        duplex.push(turn(index, level=index % 3))
    duplex.drain(DRAIN_S)
    duplex.drain(DRAIN_S)
    duplex.close()
    count = len(heard.events)
    duplex.close()
    duplex.push(turn(TURNS))
    assert len(heard.events) == count, "nothing may come after Closed"
    return heard


def _order(heard: Heard) -> None:
    assert [e.seq for e in heard.events] == list(range(len(heard.events)))
    assert len(heard.of(Closed)) == len(heard.of(SessionOpened)) == 1
    assert isinstance(heard.events[-1], Closed)
    times = [e.t_rx_ns for e in heard.events]
    assert times == sorted(times)
    assert not [e for e in heard.of(EndpointError) if e.fatal]


def _answers(heard: Heard) -> None:
    if not heard.of(SessionOpened)[0].granted.acknowledges_units:
        return
    assert [e.micro_turn for e in heard.of(UnitDone)] == list(range(TURNS))
    for done in heard.of(UnitDone):
        assert done.latency_ns == done.t_rx_ns - (done.micro_turn + 1) * TURN_NS


def _values(heard: Heard) -> None:
    for event in heard.events:
        assert from_json(to_json(event)) == event


def _closed_before_anything(endpoint: Endpoint, instruction: str) -> None:
    heard = Heard()
    duplex = endpoint.open(setup_for(instruction), heard)
    duplex.close()
    assert len(heard.of(Closed)) == 1
