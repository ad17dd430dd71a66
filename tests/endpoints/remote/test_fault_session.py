"""A whole session over a network that fails: its micro-turns go on, its recording says what was lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.endpoints.remote.echo import ECHO
from tests.endpoints.remote.kit import PATIENT_S, QUICK, Peer, send, target
from tests.endpoints.remote.proxy import FaultProxy
from tests.live.parts import ListFeed, captured, session_info
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.event import Closed, EndpointError, Event, InputLost, SessionUpdated, UnitDone
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.gemini_live import DIALECT
from tmlapp.endpoints.openai_live import OPENAI_LIVE
from tmlapp.endpoints.openai_realtime import OPENAI_REALTIME
from tmlapp.endpoints.remote.contract import Dialect
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.live.observer import BlankObserver
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.recording.reader import Recording
from tmlapp.recording.writer import Recorder

pytestmark = pytest.mark.unit


class Waiting(BlankObserver):
    """Lets a test wait for what the engine has done."""

    def __init__(self) -> None:
        self.turns = 0
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        with self._changed:
            self.turns = turn.index + 1
            self._changed.notify_all()

    def on_event(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def until_turns(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.turns >= count, PATIENT_S)

    def until(self, kind: type[Any], count: int = 1) -> None:
        with self._changed:
            found = lambda: len([e for e in self.events if isinstance(e, kind)])  # noqa: E731 - a condition
            assert self._changed.wait_for(lambda: found() >= count, PATIENT_S), self.events[-5:]


def _realtime(peer: Peer) -> str:
    session = {"id": "s", "object": "realtime.session", "type": "realtime"}
    peer.greeting = [{"type": "session.created", "event_id": "e", "session": session}]
    peer.react["session.update"] = lambda ws, m: send(ws, type="session.updated", event_id="e", session=m["session"])
    return "input_audio_buffer.append"


def _gemini(peer: Peer) -> str:
    peer.react["setup"] = lambda ws, _: send(ws, setupComplete={})
    return "realtimeInput"


def _live(peer: Peer) -> str:
    session = {"id": "live_1", "status": "active"}
    peer.react["session.start"] = lambda ws, _: send(ws, type="session.started", event_id="e", session=session)
    return "session.input_audio.append"


PEERS = [(ECHO, lambda _: "turn"), (OPENAI_REALTIME, _realtime), (DIALECT, _gemini), (OPENAI_LIVE, _live)]


@pytest.mark.parametrize(("dialect", "make"), PEERS, ids=lambda v: getattr(v, "kind", ""))
def test_micro_turns_go_on_while_the_network_stalls_breaks_and_comes_back(
    tmp_path: Path, dialect: Dialect, make: Any
) -> None:
    clock, watch = MonotonicClock(), Waiting()
    feed = ListFeed([captured(i) for i in range(3)], ends=False)
    with Peer() as peer, FaultProxy(peer.port) as proxy:
        kind = make(peer)
        session = LiveSession(
            feed=feed,
            endpoint=RemoteEndpoint(dialect, target(dialect, proxy.url, key="key-of-the-test"), patience=QUICK),
            info=session_info,
            make_log=lambda info, failed: Recorder(tmp_path, "faults", info, clock=clock, on_failure=failed),
            clock=clock,
            options=SessionOptions(virtual_time=False),
        )
        session.add_observer(watch)
        session.start()
        peer.until(kind, 3)
        proxy.hold()
        feed.more(*(captured(i) for i in range(3, 9)))
        watch.until_turns(9)
        proxy.release()
        peer.until(kind, 9)
        proxy.refusing = True
        proxy.cut()
        watch.until(EndpointError)
        feed.more(*(captured(i) for i in range(9, 12)))
        watch.until(InputLost, 3)
        proxy.refusing = False
        watch.until(SessionUpdated)
        feed.more(*(captured(i) for i in range(12, 15)))
        peer.until(kind, 3, connection=len(peer.connections) - 1)
        sent = len(peer.of(kind, 0)) + len(peer.of(kind, len(peer.connections) - 1))
        if dialect is OPENAI_LIVE:
            peer.say(type="session.closed", event_id="e", reason="close_requested", usage={}, session={"id": "live_1"})
        else:
            peer.close(1000)
        assert session.wait(PATIENT_S)
    assert session.error is None
    assert session.recording_path is not None
    recording = Recording.open(session.recording_path)
    assert [t["index"] for t in recording.turn_records()] == list(range(15))
    kept = list(recording.events())
    lost = [e.micro_turn for e in kept if isinstance(e, InputLost)]
    assert lost == [9, 10, 11]
    assert sent == 12
    assert len([e for e in kept if isinstance(e, Closed)]) == 1
    assert "key-of-the-test" not in json.dumps([repr(e) for e in kept])
    assert not any(isinstance(e, UnitDone) for e in kept)
