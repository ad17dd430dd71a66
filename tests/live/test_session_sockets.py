"""A whole session over a real socket on loopback: recorded, verified, replayed, and with nothing secret in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.endpoints.remote.proxy import FaultProxy
from tests.endpoints.remote.serving import Model, served
from tests.live.parts import ListFeed, Watcher, captured, session_info
from tmlapp.bench.drive_listen import Listener
from tmlapp.bench.review.opened import read_lanes
from tmlapp.config.settings import Settings
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    EndpointEvent,
    Heard,
    InputLost,
    Notice,
    TextOut,
    TextOutDone,
    UnitDone,
)
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.remote.contract import Patience
from tmlapp.endpoints.remote.endpoint import remote_endpoint
from tmlapp.endpoints.sglang_omni import SGLANG_OMNI
from tmlapp.live.plan import make_endpoint
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.recording.reader import Recording
from tmlapp.recording.verify import verify
from tmlapp.recording.writer import Recorder

pytestmark = pytest.mark.unit

TURNS = 12


def speaks(turn: MicroTurn) -> Iterator[EndpointEvent]:
    """Says "one" with micro-turn 3, for half a second in five pieces that come at once."""
    if turn.index != 3:
        return
    yield TextOut(delta="one", item_id="say-3")
    for _ in range(5):
        pcm16 = np.full(2_400, 3_000, "<i2").tobytes()
        yield AudioOut(pcm16=pcm16, rate=24_000, item_id="say-3", text="")
    yield TextOutDone(text="one", item_id="say-3")


def session(endpoint: object, folder: Path, name: str, feed: ListFeed, *, virtual: bool = True) -> LiveSession:
    clock = ManualClock(1_000) if virtual else MonotonicClock()
    return LiveSession(
        feed=feed,
        endpoint=endpoint,  # type: ignore[arg-type]
        info=session_info,
        make_log=lambda info, on_failure: Recorder(folder, name, info, clock=MonotonicClock(), on_failure=on_failure),
        clock=clock,
        options=SessionOptions(virtual_time=virtual, folder=folder),
    )


def run(endpoint: object, folder: Path, name: str) -> Recording:
    made = session(endpoint, folder, name, ListFeed([captured(k) for k in range(TURNS)]))
    made.start()
    made.wait()
    assert made.error is None
    assert made.recording_path is not None
    return Recording.open(made.recording_path)


def utterances(recording: Recording) -> list[tuple[str, int, int, int | None]]:
    heard = [e for e in recording.events((Heard,)) if isinstance(e, Heard)]
    return [(h.text, h.t_ns, h.dur_ns, h.audible_ns) for h in heard]


def test_a_session_over_a_socket_is_recorded_and_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SGLANG_OMNI.key_variable, "marker-4711")
    with served(lambda: Model(speaks)) as server:
        recording = run(remote_endpoint(SGLANG_OMNI, server.url), tmp_path, "far")
    assert verify(recording.path).problems == []
    (said,) = utterances(recording)
    assert said[0] == "one"
    assert said[2] == 500_000_000
    assert said[1] == said[3] == 4 * 200_000_000, "heard from the answer to micro-turn 3 on"
    frames = list(recording.wire())
    assert [f.index for f in frames] == list(range(len(frames)))
    assert {f.direction for f in frames} == {"sent", "received"}
    units = [e for e in recording.events((UnitDone,)) if isinstance(e, UnitDone)]
    assert [e.micro_turn for e in units] == list(range(TURNS))
    assert "open" in [e.state for e in recording.events((ConnectionChanged,)) if isinstance(e, ConnectionChanged)]
    assert b"marker-4711" not in recording.path.read_bytes()
    assert not any("marker-4711" in str(f) for f in frames)
    again = run(make_endpoint(f"recorded:{recording.path}", Settings()), tmp_path, "again")
    assert utterances(again) == utterances(recording)
    assert "/wire" not in again.topics


def test_a_connection_that_breaks_costs_micro_turns_and_no_time(tmp_path: Path) -> None:
    patience = Patience(backoff_s=(0.01,) * 2_000, jitter=0.0)
    watcher, listener = Watcher(), Listener()

    def until(state: str, epoch: int = 0) -> None:
        watcher.until(
            lambda: any(
                isinstance(e, ConnectionChanged) and (e.state, e.epoch) == (state, epoch) for e in watcher.events
            )
        )

    with served(lambda: Model(speaks), sessions=2) as server, FaultProxy(int(server.url.rpartition(":")[2])) as proxy:
        feed = ListFeed([captured(0)], ends=False)
        made = session(remote_endpoint(SGLANG_OMNI, proxy.url, patience=patience), tmp_path, "cut", feed, virtual=False)
        made.add_observer(watcher)
        made.add_observer(listener)
        made.start()
        watcher.until(lambda: any(isinstance(e, UnitDone) for e in watcher.events))
        proxy.refusing = True
        proxy.cut()
        watcher.until(
            lambda: any(isinstance(e, ConnectionChanged) and e.state == "reconnecting" for e in watcher.events)
        )
        feed.more(*(captured(k) for k in range(1, 4)))
        watcher.until(lambda: sum(isinstance(e, InputLost) for e in watcher.events) == 3)
        proxy.refusing = False
        until("open", 1)
        feed.more(captured(4))
        watcher.until(lambda: any(isinstance(e, UnitDone) and e.micro_turn == 4 for e in watcher.events))
        feed.end()
        made.wait()
    assert made.error is None
    assert made.recording_path is not None
    recording = Recording.open(made.recording_path)
    assert recording.n_turns == 5
    assert [e.micro_turn for e in recording.events((InputLost,)) if isinstance(e, InputLost)] == [1, 2, 3]
    told = [e.what for e in recording.events((Notice,)) if isinstance(e, Notice)]
    assert [w for w in told if "connection" in w] == [
        "The connection to the model is lost. Reconnecting…",
        "The connection to the model is back.",
    ]
    lanes = read_lanes(recording.path)
    assert [(g.t0_ns, g.t1_ns, g.track, g.kind) for g in lanes.gaps] == [(TURN_NS, 4 * TURN_NS, "mic", "not sent")]
    assert {f.data["state"] for f in lanes.flags if f.kind == "connection"} == {"reconnecting", "open"}
    assert "3 micro-turns did not reach the model, the first at 0.2 s" in listener.interruption
    assert listener.interruption.endswith("; the connection was made again")
