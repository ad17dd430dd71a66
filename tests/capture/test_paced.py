"""Turns made ahead: real time on a clock that the test moves, pause, failure, preview and level."""

from __future__ import annotations

import threading
from collections.abc import Generator

import numpy as np
import pytest

from tests.capture.media_made import number_of, numbered, until
from tmlapp.capture.paced import PacedFeed, TurnContent, decode_jpeg, encode_jpeg
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.feed import Captured, FeedInfo, TrackInfo
from tmlapp.core.media import Frame
from tmlapp.core.units import TURN_NS

pytestmark = pytest.mark.unit

MS = 1_000_000


class Counted(PacedFeed):
    """`turns` turns; turn k holds samples of value k and one frame with the number k in its middle."""

    def __init__(self, turns: int, *, realtime: bool, clock: ManualClock, fails_at: int | None = None) -> None:
        super().__init__(realtime=realtime, clock=clock, ahead_turns=3)
        self.turns, self.fails_at = turns, fails_at
        self.made = 0
        self.released = 0

    @property
    def info(self) -> FeedInfo:
        nothing = TrackInfo(kind="synthetic", name="counted")
        return FeedInfo(mic=nothing, camera=nothing, realtime=self._realtime)

    def _prepare(self) -> None:
        self.made = 0

    def _release_sources(self) -> None:
        self.released += 1

    def _contents(self) -> Generator[TurnContent]:
        for k in range(self.turns):
            if k == self.fails_at:
                raise AppError("It broke.", "On purpose.", "None.")
            self.made += 1
            frame = Frame(k * TURN_NS + TURN_NS // 2, encode_jpeg(numbered(k), 95), 160, 120)
            yield TurnContent(k, np.full(3200, k * 1000, np.int16), (frame,))


class Taker:
    """Polls as the engine does: when woken, until there is nothing more."""

    def __init__(self, feed: PacedFeed) -> None:
        self.feed = feed
        self.turns: list[Captured] = []
        self.woken = threading.Semaphore(0)
        feed.open(self.woken.release)

    def take(self, count: int) -> list[Captured]:
        while len(self.turns) < count:
            turn = self.feed.poll()
            if turn is None:
                assert self.woken.acquire(timeout=20)
            else:
                self.turns.append(turn)
        return self.turns


def test_real_time_hands_a_turn_out_exactly_when_it_is_over() -> None:
    clock = ManualClock(start_ns=5_000)
    feed = Counted(3, realtime=True, clock=clock)
    taker = Taker(feed)
    clock.await_waiters()
    clock.advance(TURN_NS - 1)
    clock.await_waiters()
    assert feed.poll() is None
    clock.advance(1)
    first = taker.take(1)[0]
    assert (first.index, first.mono_ns, first.ready_ns) == (0, 5_000, 5_000 + TURN_NS)
    clock.advance(2 * TURN_NS)
    assert [t.index for t in taker.take(3)] == [0, 1, 2]
    assert [t.mono_ns for t in taker.turns] == [5_000 + k * TURN_NS for k in range(3)]
    until(lambda: feed.finished)
    feed.close()


def test_pausing_stops_time_where_it_is() -> None:
    clock = ManualClock()
    feed = Counted(2, realtime=True, clock=clock)
    taker = Taker(feed)
    clock.await_waiters()
    clock.advance(150 * MS)
    feed.pause(True)
    feed.pause(True)
    clock.advance(10_000 * MS)
    assert feed.poll() is None
    feed.pause(False)
    clock.await_waiters()
    clock.advance(49 * MS)
    assert feed.poll() is None
    clock.advance(1 * MS)
    turn = taker.take(1)[0]
    assert turn.ready_ns == 10_200 * MS
    assert turn.mono_ns == 10_000 * MS
    feed.close()


def test_a_fast_feed_gives_nothing_while_paused() -> None:
    feed = Counted(4, realtime=False, clock=ManualClock())
    taker = Taker(feed)
    taker.take(1)
    feed.pause(True)
    assert feed.poll() is None
    feed.pause(False)
    assert [t.index for t in taker.take(4)] == [0, 1, 2, 3]
    assert feed.finished
    feed.close()


def test_reading_ahead_is_bounded() -> None:
    feed = Counted(50, realtime=False, clock=ManualClock())
    feed.open(lambda: None)
    until(lambda: feed.made >= 4)
    assert feed.made == 4
    feed.close()
    assert feed.made <= 5


def test_a_failure_comes_after_everything_before_it() -> None:
    feed = Counted(5, realtime=False, clock=ManualClock(), fails_at=2)
    taker = Taker(feed)
    taker.take(2)
    until(lambda: feed._made_all)
    assert not feed.finished
    with pytest.raises(AppError, match="It broke"):
        feed.poll()
    assert feed.finished
    assert feed.poll() is None
    feed.close()


def test_a_source_that_fails_in_real_time_ends_the_pacing() -> None:
    clock = ManualClock()
    feed = Counted(5, realtime=True, clock=clock, fails_at=1)
    taker = Taker(feed)
    until(lambda: feed._made_all)
    clock.advance(3 * TURN_NS)
    taker.take(1)
    with pytest.raises(AppError, match="It broke"):
        feed.poll()
    assert feed.finished
    feed.close()


def test_closing_releases_the_sources_once_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    feed = Counted(50, realtime=True, clock=ManualClock())
    feed.open(lambda: None)
    feed.close()
    feed.close()
    assert feed.released == 1
    assert feed.finished
    assert feed.poll() is None
    assert set(threading.enumerate()) <= before


def test_closing_what_was_never_opened_is_harmless() -> None:
    feed = Counted(1, realtime=False, clock=ManualClock())
    feed.close()
    assert feed.released == 0
    assert feed.preview() is None
    assert feed.level_dbfs() == -120.0


def test_preview_and_level_follow_the_clock_within_a_turn() -> None:
    clock = ManualClock()
    feed = Counted(3, realtime=True, clock=clock)
    taker = Taker(feed)
    until(lambda: feed.made == 3)
    assert feed.preview() is None
    assert feed.level_dbfs() == -120.0
    clock.advance(320 * MS)
    taker.take(1)
    shown = feed.preview()
    assert shown is not None
    assert number_of(shown) == 1
    assert feed.preview() is shown, "a picture is decoded once"
    assert feed.level_dbfs() == pytest.approx(20 * np.log10(1000 / 32768))
    feed.close()


def test_preview_and_level_of_a_fast_feed_are_those_of_the_last_turn() -> None:
    feed = Counted(3, realtime=False, clock=ManualClock())
    taker = Taker(feed)
    taker.take(3)
    shown = feed.preview()
    assert shown is not None
    assert number_of(shown) == 2
    assert feed.level_dbfs() == pytest.approx(20 * np.log10(2000 / 32768))
    feed.close()


def test_broken_jpeg_is_refused() -> None:
    with pytest.raises(ValueError, match="no JPEG"):
        decode_jpeg(b"no picture")
