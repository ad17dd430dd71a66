"""Where blocks are put when the sound card, its server or the computer misbehaves; on a clock that stands still."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.capture.sound_made import noise
from tmlapp.capture import microphone as microphone_module
from tmlapp.capture.device_feed import DeviceFeed
from tmlapp.capture.devices import SoundDevice
from tmlapp.capture.microphone import MicLine, Microphone
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Notice, SessionEvent
from tmlapp.core.feed import Captured, TrackInfo

pytestmark = pytest.mark.unit

MS = 1_000_000
START_NS = 1_000_000 * MS
RATE = 16_000
BLOCK = 320


class PortAudioError(Exception):
    pass


class Card:
    """Stands for PortAudio: opens streams, and delivers blocks when the test says so."""

    PortAudioError = PortAudioError

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.streams: list[SimpleNamespace] = []
        self.refuse = False
        self.sound = noise(60.0, RATE)
        self.sent = 0

    def RawInputStream(self, **options: Any) -> SimpleNamespace:  # noqa: N802 - the library's name
        if self.refuse or options["samplerate"] != RATE:
            raise PortAudioError("Invalid sample rate", -9997)
        stream = SimpleNamespace(
            start=lambda: None,
            close=lambda **_: options["finished_callback"](),
            samplerate=float(RATE),
            latency=0.04,
            options=options,
        )
        self.streams.append(stream)
        return stream

    def block(self, *, late_ms: float = 0.0, overflow: bool = False, send: bool = True) -> None:
        """Let 20 ms go by; then their sound arrives `late_ms` after that (the clock is not moved by it) or is lost."""
        self.clock.advance(20 * MS)
        sound = self.sound[self.sent : self.sent + BLOCK]
        self.sent += BLOCK
        if send:
            self.hand_over(sound, round(late_ms * MS), overflow)

    def hand_over(self, sound: np.ndarray[Any, Any], late_ns: int = 0, overflow: bool = False) -> None:
        options = self.streams[-1].options
        line: MicLine = options["callback"].__self__
        now = self.clock.now_ns() + late_ns
        line._now_ns = lambda: now
        times = SimpleNamespace(currentTime=5.0, inputBufferAdcTime=4.96)
        channels = options["channels"]
        data = np.repeat(sound[:, None], channels, axis=1).reshape(-1).data.cast("B")
        line.callback(data, len(sound), times, SimpleNamespace(input_overflow=overflow))


class Desk:
    """A feed on a `Card`, polled by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, channels: int = 1) -> None:
        self.clock = ManualClock(START_NS)
        self.card = Card(self.clock)
        device = SoundDevice(index=0, name="card", host="test", rate_hz=RATE, channels=channels, default=True)
        monkeypatch.setattr(microphone_module, "portaudio", lambda: self.card)
        monkeypatch.setattr(microphone_module, "resolve", lambda *_: device)
        self.microphone = Microphone("card", clock=self.clock)
        monkeypatch.setattr(self.microphone._audio, "refresh", lambda *_: True)
        self.feed = DeviceFeed(self.microphone, clock=self.clock)
        self.turns: list[Captured] = []
        self.wakes = 0

    def open(self) -> Desk:
        # The watch thread stays unstarted: the test calls `_tick` at the times that matter.
        self.feed._watch.start = lambda: None  # type: ignore[method-assign]
        self.feed.open(self._woken)
        return self

    def _woken(self) -> None:
        self.wakes += 1

    def poll(self) -> None:
        while (turn := self.feed.poll()) is not None:
            self.turns.append(turn)

    def blocks(self, count: int, **how: Any) -> None:
        for _ in range(count):
            self.card.block(**how)
            self.feed._tick(self.clock.now_ns())
            self.poll()

    def tick(self, ms: int, *, every_ms: int = 200) -> None:
        """Let time go by without any sound, with the watch looking."""
        for _ in range(ms // every_ms):
            self.clock.advance(every_ms * MS)
            self.feed._tick(self.clock.now_ns())
            self.poll()

    @property
    def pcm(self) -> np.ndarray[Any, Any]:
        return np.concatenate([turn.pcm for turn in self.turns])

    def of(self, kind: type[SessionEvent]) -> list[Any]:
        return [event for turn in self.turns for event in turn.events if isinstance(event, kind)]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch).open()


def test_ten_blocks_wake_the_engine_twice_and_make_a_micro_turn(desk: Desk) -> None:
    desk.blocks(100)
    assert len(desk.turns) == 10
    assert desk.wakes <= 21
    assert np.array_equal(desk.pcm, desk.card.sound[:32_000])
    assert desk.of(SessionEvent) == []
    assert [turn.ready_ns for turn in desk.turns] == [START_NS + k * 200 * MS for k in range(1, 11)]
    assert {turn.mono_ns - START_NS - turn.index * 200 * MS for turn in desk.turns} == {-20 * MS}


def test_what_comes_late_in_a_burst_is_not_lost(desk: Desk) -> None:
    desk.blocks(30)
    for block in range(50):
        desk.card.block(late_ms=1000 - 20 * block + block * 0.5)
    desk.poll()
    desk.blocks(70)
    assert np.array_equal(desk.pcm, desk.card.sound[: len(desk.pcm)])
    assert len(desk.turns) == 15
    assert desk.of(Gap) == []


def test_what_was_lost_without_a_word_becomes_silence_at_its_place(desk: Desk) -> None:
    desk.blocks(35)
    desk.blocks(20, send=False)
    desk.blocks(45)
    assert len(desk.turns) == 10
    expected = desk.card.sound[:32_000].copy()
    expected[35 * BLOCK : 55 * BLOCK] = 0
    assert np.array_equal(desk.pcm, expected)
    (gap,) = desk.of(Gap)
    assert (gap.t_ns, gap.dur_ns, gap.kind, gap.track) == (700 * MS, 400 * MS, "stalled", "mic")


def test_a_reported_overflow_of_one_block_becomes_silence_at_its_place(desk: Desk) -> None:
    desk.blocks(35)
    desk.blocks(1, send=False)
    desk.blocks(1, overflow=True)
    desk.blocks(33)
    expected = desk.card.sound[:22_400].copy()
    expected[35 * BLOCK : 36 * BLOCK] = 0
    assert np.array_equal(desk.pcm, expected)
    (gap,) = desk.of(Gap)
    assert (gap.t_ns, gap.dur_ns, gap.kind) == (700 * MS, 20 * MS, "lost")
    assert desk.turns[-1].xruns == 1


def test_a_reported_overflow_after_which_nothing_is_missing_changes_nothing(desk: Desk) -> None:
    desk.blocks(35)
    desk.blocks(1, overflow=True)
    desk.blocks(34)
    assert np.array_equal(desk.pcm, desk.card.sound[:22_400])
    assert desk.of(Gap) == []


def test_a_loss_that_is_reported_late_is_put_where_it_was_reported(desk: Desk) -> None:
    desk.blocks(30)
    desk.blocks(10, send=False)
    desk.blocks(2)
    desk.blocks(1, overflow=True)
    desk.blocks(37)
    (gap,) = desk.of(Gap)
    assert (gap.t_ns, gap.dur_ns, gap.kind) == (640 * MS, 200 * MS, "lost")


def test_a_server_that_only_slowly_catches_up_is_given_two_seconds(desk: Desk) -> None:
    desk.blocks(30)
    desk.blocks(40, send=False)
    for block in range(150):
        desk.card.block(late_ms=-4.0 * block)
        desk.poll()
    assert len(desk.of(Gap)) == 1


def test_an_engine_that_slept_for_longer_than_the_ring_gets_silence_for_what_did_not_fit(desk: Desk) -> None:
    for _ in range(600):
        desk.card.block()
    desk.poll()
    desk.blocks(50)
    expected = desk.card.sound[: len(desk.pcm)].copy()
    expected[500 * BLOCK : 600 * BLOCK] = 0
    assert np.array_equal(desk.pcm, expected)
    (gap,) = desk.of(Gap)
    assert (gap.t_ns, gap.dur_ns, gap.kind) == (10_000 * MS, 2_000 * MS, "lost")
    assert "buffer" in gap.reason


def test_each_of_many_micro_turns_that_wait_knows_its_own_callback(desk: Desk) -> None:
    for _ in range(60):
        desk.card.block()
    desk.poll()
    assert [turn.ready_ns for turn in desk.turns] == [START_NS + k * 200 * MS for k in range(1, 7)]


def test_a_microphone_that_falls_silent_is_noticed_within_one_and_a_half_seconds(desk: Desk) -> None:
    desk.blocks(53)
    desk.tick(1200)
    assert desk.microphone.line is None
    (notice,) = desk.of(Notice)
    assert notice.level == "error"
    assert "card" in notice.what


def test_the_session_goes_on_with_silence_and_resumes_at_the_right_place(desk: Desk) -> None:
    desk.blocks(53)
    desk.card.refuse = True
    desk.tick(5000)
    assert len(desk.turns) == 30
    desk.card.refuse = False
    desk.tick(1000, every_ms=100)
    assert desk.microphone.line is not None
    sent, elapsed_ms = desk.card.sent, (desk.clock.now_ns() - START_NS) // MS
    desk.blocks(25)
    desk.feed._tick(desk.clock.now_ns())
    desk.blocks(25)
    assert [n.level for n in desk.of(Notice)] == ["error", "info"]
    gaps = desk.of(Gap)
    assert {gap.kind for gap in gaps} == {"unplugged"}
    assert gaps[0].t_ns == 53 * 20 * MS
    assert all(a.t_ns + a.dur_ns == b.t_ns for a, b in pairwise(gaps))
    begin = elapsed_ms * 16
    assert gaps[-1].t_ns + gaps[-1].dur_ns == elapsed_ms * MS
    assert not desk.pcm[53 * BLOCK : begin].any()
    assert np.array_equal(desk.pcm[begin:], desk.card.sound[sent : sent + len(desk.pcm) - begin])


def test_a_stream_that_portaudio_ends_is_noticed_at_the_next_look(desk: Desk) -> None:
    desk.blocks(20)
    line = desk.microphone.line
    assert line is not None
    line.finished()
    desk.tick(400)
    assert "ended" in desk.of(Notice)[0].why


def test_a_process_that_stood_still_does_not_blame_the_microphone(desk: Desk) -> None:
    desk.blocks(10)
    desk.feed._tick(desk.clock.now_ns())
    desk.clock.advance(5_000 * MS)
    desk.feed._tick(desk.clock.now_ns())
    assert desk.microphone.line is not None
    desk.tick(1200)
    assert desk.microphone.line is None


def test_a_microphone_that_comes_back_only_to_fall_silent_again_is_not_announced(desk: Desk) -> None:
    desk.blocks(20)
    desk.tick(6000)
    assert [n.level for n in desk.of(Notice)] == ["error"]
    assert len(desk.card.streams) > 1


def test_while_paused_nothing_is_produced_and_session_time_stands_still(desk: Desk) -> None:
    desk.blocks(23)
    desk.feed.pause(True)
    desk.feed.pause(True)
    desk.blocks(100)
    assert len(desk.turns) == 2
    desk.feed.pause(False)
    desk.blocks(27)
    assert len(desk.turns) == 5
    sound = desk.card.sound
    assert np.array_equal(desk.pcm, np.concatenate((sound[: 23 * BLOCK], sound[123 * BLOCK : 150 * BLOCK])))
    assert desk.of(Gap) == []
    assert desk.turns[-1].mono_ns == START_NS + (4 * 200 + 2000 - 20) * MS


def test_a_pause_without_a_microphone_stops_the_clock_too() -> None:
    clock = ManualClock(START_NS)
    feed = DeviceFeed(None, clock=clock)
    feed._watch.start = lambda: None  # type: ignore[method-assign]
    assert feed.poll() is None
    feed.open(lambda: None)
    clock.advance(450 * MS)
    turns = [feed.poll(), feed.poll(), feed.poll()]
    assert [turn is not None for turn in turns] == [True, True, False]
    feed.pause(True)
    clock.advance(5_000 * MS)
    feed._tick(clock.now_ns())
    assert feed.poll() is None
    feed.pause(False)
    assert feed.poll() is None
    clock.advance(200 * MS)
    last = feed.poll()
    assert last is not None
    assert last.index == 2
    assert feed.level_dbfs() == -120.0
    assert feed.preview() is None


def test_a_card_that_takes_no_mono_is_opened_with_its_channels_and_mixed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch, channels=2).open()
    desk.blocks(10)
    assert np.array_equal(desk.pcm, desk.card.sound[:3200])


def test_a_card_that_refuses_everything_is_an_error_and_leaves_no_camera_open(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    camera = Camera()
    desk.feed._camera = camera
    desk.card.refuse = True
    with pytest.raises(AppError, match=r"cannot be opened\. Invalid sample rate"):
        desk.open()
    assert camera.calls == ["open", "close"]


class Camera:
    """A camera whose frames the test lays out."""

    info = TrackInfo(kind="device", name="test camera")

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.frames: list[SimpleNamespace] = []

    def open(self) -> None:
        self.calls.append("open")

    def grab(self, mono_ns: int) -> None:
        self.frames.append(SimpleNamespace(mono_ns=mono_ns, jpeg=b"jpeg", width=4, height=3, repeated=False))

    def take(self, until_mono_ns: int) -> list[SimpleNamespace]:
        due = [frame for frame in self.frames if frame.mono_ns < until_mono_ns]
        self.frames = [frame for frame in self.frames if frame.mono_ns >= until_mono_ns]
        return due

    def preview(self) -> None:
        return None

    def pop_events(self, to_session_ns: Any) -> list[Notice]:
        return [Notice(t_ns=to_session_ns(START_NS), level="info", what="from the camera")]

    def set_paused(self, paused: bool) -> None:
        self.calls.append(f"paused {paused}")

    def close(self) -> None:
        self.calls.append("close")


def test_frames_go_into_the_micro_turn_in_which_they_were_grabbed(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    camera = Camera()
    desk.feed._camera = camera
    desk.open()
    zero_ns = START_NS - 20 * MS
    for ms in (-10, 0, 33, 199, 200, 250, 410):
        camera.grab(zero_ns + ms * MS)
    desk.blocks(20)
    assert [[frame.t_ns // MS for frame in turn.frames] for turn in desk.turns] == [[0, 33, 199], [200, 250]]
    camera.grab(zero_ns + 390 * MS)
    desk.blocks(10)
    assert [frame.t_ns // MS for frame in desk.turns[2].frames] == [410, 410]
    assert desk.turns[0].events[0].t_ns == 20 * MS
    desk.feed.pause(True)
    desk.feed.close()
    desk.feed.close()
    assert camera.calls == ["open", "paused True", "close"]
    assert desk.feed.info.camera.name == "test camera"
