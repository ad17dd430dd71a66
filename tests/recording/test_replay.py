"""A recording as a feed: the same micro-turns again, paced or not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.recording.parts import make_turn, record, recorder
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap
from tmlapp.core.feed import Captured, Feed
from tmlapp.core.media import Frame
from tmlapp.core.units import TURN_NS
from tmlapp.recording.export.pictures import decode_bgr
from tmlapp.recording.reader import Recording
from tmlapp.recording.replay import RecordedFeed

pytestmark = pytest.mark.unit


class Session:
    """What a session does with a feed: waits for the wake, polls."""

    def __init__(self, feed: RecordedFeed) -> None:
        self.feed = feed
        self.woken = threading.Event()
        as_feed: Feed = feed
        as_feed.open(self.woken.set)

    def next(self) -> Captured | None:
        while not self.feed.finished:
            self.woken.clear()
            captured = self.feed.poll()
            if captured is not None:
                return captured
            if not self.feed.finished:
                self.woken.wait()
        return None

    def all(self) -> Iterator[Captured]:
        while (captured := self.next()) is not None:
            yield captured


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return Recording.open(record(tmp_path_factory.mktemp("long"), turns=40))


def test_a_fast_replay_gives_every_micro_turn_bit_for_bit(long: Recording) -> None:
    session = Session(RecordedFeed(long, realtime=False, clock=ManualClock(77)))
    seen = 0
    for captured in session.all():
        expected = make_turn(captured.index)
        assert captured.index == seen
        assert np.array_equal(captured.pcm, expected.pcm)
        assert captured.frames == expected.frames
        assert captured.mono_ns == 77 + captured.index * TURN_NS
        assert captured.texts == expected.texts
        seen += 1
    assert seen == 40
    assert session.feed.poll() is None
    session.feed.close()
    session.feed.close()


def test_gaps_of_the_capture_come_with_their_micro_turn(long: Recording) -> None:
    session = Session(RecordedFeed(long, realtime=False, clock=ManualClock()))
    gaps = {c.index: c.events for c in session.all() if c.events}
    assert {k: [type(e) for e in v] for k, v in gaps.items()} == {1: [Gap]}
    session.feed.close()


def test_a_real_time_replay_keeps_the_pace_of_its_clock(long: Recording) -> None:
    clock = ManualClock()
    session = Session(RecordedFeed(long, realtime=True, clock=clock))
    clock.await_waiters()
    assert session.feed.poll() is None
    clock.advance(TURN_NS - 1)
    assert session.feed.poll() is None
    clock.advance(1)
    captured = session.next()
    assert captured is not None
    assert (captured.index, captured.ready_ns) == (0, TURN_NS)
    session.feed.pause(True)
    session.feed.pause(True)
    clock.advance(5 * TURN_NS)
    assert session.feed.poll() is None
    session.woken.clear()
    session.feed.pause(False)
    session.feed.pause(False)
    assert session.woken.is_set()
    clock.advance(TURN_NS)
    later = session.next()
    assert later is not None
    assert (later.index, later.ready_ns) == (1, 7 * TURN_NS)
    session.feed.close()


def test_a_feed_that_nobody_polls_reads_only_a_little_ahead(long: Recording) -> None:
    clock = ManualClock()
    session = Session(RecordedFeed(long, realtime=False, clock=clock))
    clock.await_waiters()
    session.feed.close()
    assert len(list(session.all())) == 25


def test_picture_and_level_are_those_of_the_last_polled_turn(long: Recording) -> None:
    feed = RecordedFeed(long, realtime=False, clock=ManualClock())
    with pytest.raises(RuntimeError, match="not opened"):
        _ = feed.info
    assert feed.preview() is None
    assert feed.level_dbfs() == -120.0
    session = Session(feed)
    assert session.next() is not None
    picture = feed.preview()
    assert picture is not None
    assert np.array_equal(picture, decode_bgr(make_turn(0).frames[-1]))
    assert -1 < feed.level_dbfs() <= 0
    assert feed.info.mic.name == feed.info.camera.name == str(long.path)
    assert len(feed.info.mic.sha256) == 64
    assert feed.info.duration_ns == 40 * TURN_NS
    feed.close()


def test_silence_and_a_missing_camera_are_told_apart(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    quiet = make_turn(0, frames=0)
    quiet.pcm[:] = 0
    writer.turn(quiet, ready_ns=0, pushed_ns=0, drift_ppm=None)
    session = Session(RecordedFeed(Recording.open(writer.close()), realtime=False, clock=ManualClock()))
    assert session.next() is not None
    assert session.feed.info.camera.kind == "none"
    assert session.feed.preview() is None
    assert session.feed.level_dbfs() == -120.0
    session.feed.close()


def test_a_recording_damaged_in_the_middle_says_so_when_it_gets_there(tmp_path: Path) -> None:
    path = record(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"zstd") + 40
    data[at : at + 3] = b"\xff\xff\xff"
    path.write_bytes(data)
    session = Session(RecordedFeed(Recording.open(path), realtime=False, clock=ManualClock()))
    with pytest.raises(AppError, match="is damaged"):
        list(session.all())
    assert session.feed.finished
    session.feed.close()


def test_a_feed_can_be_closed_before_it_was_opened(long: Recording) -> None:
    feed = RecordedFeed(long, realtime=True, clock=ManualClock())
    feed.pause(False)
    feed.close()


def test_a_frame_that_is_no_picture_is_an_error() -> None:
    with pytest.raises(AppError, match="cannot be decoded"):
        decode_bgr(Frame(0, b"no jpeg", 1, 1))
