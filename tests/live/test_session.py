"""A session keeps everything, in order, and ends cleanly whatever happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.live.parts import AnsweringEndpoint, ListFeed, MemoryLog, Watcher, captured, said, session_info, sound
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    Gap,
    Health,
    Heard,
    Interrupted,
    Marker,
    Notice,
    SessionOpened,
    StateChanged,
    UnitDone,
)
from tmlapp.core.units import TURN_NS
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions

pytestmark = pytest.mark.unit


class Bench:
    """One session of small real parts."""

    def __init__(self, feed: ListFeed, endpoint: AnsweringEndpoint | None = None, *, virtual: bool = True) -> None:
        self.feed = feed
        self.endpoint = endpoint or AnsweringEndpoint()
        self.log = MemoryLog()
        self.watcher = Watcher()
        self.clock = ManualClock(1_000)
        self.session = LiveSession(
            feed=feed,
            endpoint=self.endpoint,
            info=session_info,
            make_log=self._make_log,
            clock=self.clock,
            options=SessionOptions(virtual_time=virtual),
        )
        self.session.add_observer(self.watcher)

    def _make_log(self, info: object, on_failure: object) -> MemoryLog:
        self.on_failure = on_failure
        return self.log

    def run(self) -> Bench:
        self.session.start()
        self.session.wait()
        return self

    def logged(self, kind: type) -> list:
        return [e for e in self.log.events if isinstance(e, kind)]


def test_every_micro_turn_reaches_endpoint_log_and_observers_in_order() -> None:
    bench = Bench(ListFeed([captured(k) for k in range(12)])).run()
    assert [t.index for t in bench.endpoint.pushed] == list(range(12))
    assert [t.index for t in bench.log.turns] == list(range(12))
    assert bench.watcher.turns == list(range(12))
    assert all((a.pcm == b.pcm).all() for a, b in zip(bench.endpoint.pushed, bench.log.turns, strict=True))
    assert bench.session.error is None
    assert bench.session.recording_path == Path("session.mcap")
    assert bench.watcher.states == ["preflight", "armed", "running", "draining", "closed"]


def test_answers_are_logged_before_the_next_micro_turn_on_virtual_time() -> None:
    bench = Bench(ListFeed([captured(k) for k in range(3)]), AnsweringEndpoint({0: [said(0, "one")]})).run()
    order = [type(e).__name__ for e in bench.log.events]
    assert order.index("TextOutDone") < order.index("UnitDone")
    assert [e.micro_turn for e in bench.logged(UnitDone)] == [0, 1, 2]
    assert isinstance(bench.logged(SessionOpened)[0], SessionOpened)
    assert len(bench.logged(Closed)) == 1


def test_a_count_becomes_a_cue_and_is_heard_where_it_was_played() -> None:
    script = {1: [said(1, "seven"), sound(1, 12_000, "seven")]}
    bench = Bench(ListFeed([captured(k) for k in range(6)]), AnsweringEndpoint(script)).run()
    assert [(c.kind, c.value, c.t_ns) for c in bench.log.cues] == [("count", 7, 2 * TURN_NS)]
    assert bench.watcher.cues == bench.log.cues
    heard = bench.logged(Heard)
    assert [(h.t_ns, h.dur_ns, h.text, h.interrupted) for h in heard] == [(400_000_000, 500_000_000, "seven", False)]
    assert sum(n for _, n, _ in bench.log.heard_pieces) == 12_000
    assert bench.logged(AudioOut)[0].item_id == heard[0].item_id
    assert bench.session.snapshot().overlay.count == 7


def test_what_is_still_being_said_at_the_end_is_heard_out() -> None:
    bench = Bench(ListFeed([captured(0)]), AnsweringEndpoint({0: [sound(0, 24_000)]})).run()
    assert [h.dur_ns for h in bench.logged(Heard)] == [1_000_000_000]


def test_an_interruption_cuts_what_was_not_heard_yet() -> None:
    script = {0: [sound(0, 48_000)], 2: [Interrupted(t_rx_ns=3 * TURN_NS)]}
    bench = Bench(ListFeed([captured(k) for k in range(5)]), AnsweringEndpoint(script)).run()
    heard = bench.logged(Heard)
    assert [(h.t_ns, h.dur_ns, h.interrupted) for h in heard] == [(200_000_000, 400_000_000, True)]


def test_typed_text_travels_with_the_next_micro_turn() -> None:
    bench = Bench(ListFeed([], ends=False), virtual=False)
    bench.session.start()
    bench.session.send_text("stop")
    bench.feed.more(captured(0))
    bench.watcher.until(lambda: bench.watcher.turns == [0])
    bench.feed.end()
    bench.session.wait()
    assert [t.text for t in bench.log.turns[0].texts] == ["stop"]


def test_muted_means_digital_silence_for_the_model_and_in_the_log() -> None:
    bench = Bench(ListFeed([], ends=False), virtual=False)
    bench.session.start()
    bench.session.set_muted(True)
    bench.feed.more(captured(0))
    bench.watcher.until(lambda: bench.watcher.turns == [0])
    bench.session.set_muted(False)
    bench.feed.more(captured(1))
    bench.watcher.until(lambda: bench.watcher.turns == [0, 1])
    bench.feed.end()
    bench.session.wait()
    assert not bench.log.turns[0].pcm.any()
    assert bench.log.turns[1].pcm.any()
    assert [(g.t_ns, g.kind) for g in bench.logged(Gap)] == [(0, "muted")]
    assert [e.state for e in bench.logged(StateChanged)][1:3] == ["muted", "unmuted"]


def test_a_pause_stops_session_time() -> None:
    bench = Bench(ListFeed([captured(0)], ends=False), virtual=False)
    bench.session.start()
    bench.watcher.until(lambda: bench.watcher.turns == [0])
    bench.clock.advance(50_000_000)
    bench.session.set_paused(True)
    bench.session.set_paused(True)
    at_ns = bench.session.now_ns()
    bench.clock.advance(10 * TURN_NS)
    assert bench.session.now_ns() == at_ns
    bench.session.set_paused(False)
    assert bench.session.now_ns() == at_ns
    bench.session.stop()
    bench.session.wait()
    assert bench.feed.paused == [True, False]
    held = [(e.state, e.t_ns) for e in bench.logged(StateChanged) if e.state in ("paused", "resumed")]
    assert held == [("paused", at_ns), ("resumed", at_ns)]


def test_markers_and_notes_are_stamped_with_session_time() -> None:
    bench = Bench(ListFeed([captured(0)], ends=False), virtual=False)
    bench.session.start()
    bench.watcher.until(lambda: bench.watcher.turns == [0])
    bench.clock.advance(123_000_000)
    bench.session.marker("note", "heel lifted")
    bench.watcher.until(lambda: any(isinstance(e, Marker) for e in bench.watcher.events))
    bench.session.stop()
    bench.session.wait()
    assert [(m.t_ns, m.label, m.note) for m in bench.logged(Marker)] == [(123_000_000, "note", "heel lifted")]


def test_vital_signs_once_a_second() -> None:
    bench = Bench(ListFeed([captured(k) for k in range(10)])).run()
    health = bench.logged(Health)
    assert [h.t_ns for h in health[:2]] == [1_000_000_000, 2_000_000_000]
    assert health[1].turns == 10
    assert health[1].reply_p50_ms == pytest.approx(7.0)


def test_a_fatal_error_of_the_endpoint_ends_the_session_with_everything_kept() -> None:
    fatal = EndpointError(kind="internal", code="E_NONFINITE", message="NaN in say.", fatal=True)
    bench = Bench(ListFeed([captured(k) for k in range(9)]), AnsweringEndpoint({2: [fatal]})).run()
    assert bench.session.error is not None
    assert "E_NONFINITE" in bench.session.error.what
    assert len(bench.log.turns) == 3
    assert bench.session.recording_path == Path("session.mcap")


def test_an_endpoint_that_hangs_up_ends_the_session() -> None:
    gone = Closed(code="1006", reason="connection lost", initiated_by="network")
    bench = Bench(ListFeed([captured(k) for k in range(9)]), AnsweringEndpoint({1: [gone]})).run()
    assert len(bench.log.turns) == 2
    assert "connection lost" in bench.logged(StateChanged)[-1].reason


@pytest.mark.parametrize("part", ["endpoint", "feed"])
def test_what_cannot_be_opened_is_said_and_nothing_stays_open(part: str) -> None:
    broken = AppError("No microphone.", "None was found.", "Plug one in.")
    bench = Bench(ListFeed([], fails=broken if part == "feed" else None))
    bench.endpoint.refuses = broken if part == "endpoint" else None
    with pytest.raises(AppError, match="No microphone"):
        bench.session.start()
    assert bench.session.wait(0)
    assert bench.session.error is broken
    assert bench.feed.closed == 1
    assert bench.session.snapshot().state == "closed"


def test_a_full_disk_stops_the_session_and_is_said() -> None:
    bench = Bench(ListFeed([captured(0)], ends=False), virtual=False)
    full = AppError("The disk is full.", "No space left.", "Make room.")
    bench.log.fails_on_close = AppError("Not finalized.", "No space left.", "Run recover.")
    bench.session.start()
    bench.watcher.until(lambda: bench.watcher.turns == [0])
    bench.on_failure(full)  # type: ignore[operator]
    bench.session.wait()
    assert bench.session.error is full
    assert bench.session.recording_path == Path("session.mcap.part")


def test_a_fault_of_ours_is_said_and_the_recording_is_closed() -> None:
    class Broken(Watcher):
        def on_event(self, event: object) -> None:
            raise RuntimeError("boom")

    bench = Bench(ListFeed([captured(0)]))
    bench.session.add_observer(Broken())
    bench.run()
    assert bench.session.error is not None
    assert "boom" in bench.session.error.why
    assert bench.session.recording_path == Path("session.mcap")


def test_a_snapshot_shows_the_session_without_touching_it() -> None:
    bench = Bench(ListFeed([captured(0)], ends=False), virtual=False)
    assert bench.session.snapshot().level_dbfs == -120.0
    bench.session.start()
    bench.watcher.until(lambda: bench.watcher.turns == [0])
    snapshot = bench.session.snapshot()
    assert (snapshot.state, snapshot.level_dbfs, snapshot.endpoint) == ("running", -20.0, "answering:test")
    assert bench.session.preview() is None
    bench.session.stop()
    bench.session.wait()


def test_events_found_while_capturing_are_logged_with_their_micro_turn() -> None:
    lost = Gap(t_ns=10, track="mic", dur_ns=5, reason="Overflow.")
    back = Notice(t_ns=11, level="info", what="The microphone is back.")
    bench = Bench(ListFeed([captured(0, events=(lost, back))])).run()
    assert bench.logged(Gap) == [lost]
    assert bench.logged(Notice) == [back]
    assert np.array_equal(bench.log.turns[0].pcm, captured(0).pcm)


def test_the_action_is_known_from_the_instruction_before_any_answer() -> None:
    feed = ListFeed([])
    session = LiveSession(
        feed=feed,
        endpoint=AnsweringEndpoint(),
        info=session_info,
        make_log=lambda _info, _failed: MemoryLog(),
        clock=ManualClock(),
        options=SessionOptions(virtual_time=True),
        instruction="Please count out reps for squats.",
    )
    assert session.snapshot().overlay.action == "squats"
