"""The loudspeaker's ring and queue, driven by the test in place of PortAudio."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.capture.sound_made import noise
from tmlapp.capture import speaker as speaker_module
from tmlapp.capture.devices import AudioSystem, SoundDevice, list_sound
from tmlapp.capture.playqueue import Played
from tmlapp.capture.playring import PlayRing
from tmlapp.capture.speaker import Speaker
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.resample import Resampler

pytestmark = pytest.mark.unit

MS = 1_000_000
RATE = 48_000
BLOCK = 960


class PortAudioError(Exception):
    pass


class Card:
    """Stands for PortAudio: asks for blocks when the test says so, and keeps what it got."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.opened = 0
        self.refuse = False
        self.dead = False
        self.heard: list[np.ndarray[Any, Any]] = []

    def RawOutputStream(self, **options: Any) -> SimpleNamespace:  # noqa: N802 - the library's name
        if self.refuse:
            raise PortAudioError("Device unavailable", -9985)
        self.options = options
        self.opened += 1
        return SimpleNamespace(start=lambda: None, close=lambda **_: None, latency=0.04)

    def _terminate(self) -> None:
        if self.dead:
            raise PortAudioError("PortAudio not initialized", -10000)

    _initialize = query_hostapis = _terminate

    def pull(self, blocks: int, clock: ManualClock, *, underflow: bool = False) -> None:
        for _ in range(blocks):
            clock.advance(20 * MS)
            out = bytearray(BLOCK * 2 * self.options["channels"])
            times = SimpleNamespace(currentTime=1.0, outputBufferDacTime=1.06)
            self.options["callback"](out, BLOCK, times, SimpleNamespace(output_underflow=underflow))
            self.heard.append(np.frombuffer(out, np.int16))

    @property
    def pcm(self) -> np.ndarray[Any, Any]:
        return np.concatenate(self.heard)


class Desk:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = ManualClock(10**12)
        self.card = Card()
        self.audio = AudioSystem()
        device = SoundDevice(index=0, name="card", host="test", rate_hz=RATE, channels=1, default=True)
        monkeypatch.setattr(speaker_module, "portaudio", lambda: self.card)
        monkeypatch.setattr("tmlapp.capture.devices.portaudio", lambda: self.card)
        monkeypatch.setattr(speaker_module, "resolve", lambda *_: device)
        self.speaker = Speaker("card", clock=self.clock, audio=self.audio)
        monkeypatch.setattr(self.speaker._watch, "start", lambda: None)

    def pull(self, blocks: int, **how: Any) -> None:
        self.card.pull(blocks, self.clock, **how)

    def look(self, ms: int) -> None:
        for _ in range(ms // 200):
            self.clock.advance(200 * MS)
            self.speaker.check(self.clock.now_ns())


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(monkeypatch)
    made.speaker.open()
    return made


def _total(report: list[Played], item_id: str) -> int:
    return sum(len(piece.pcm) for piece in report if piece.item_id == item_id)


def test_silence_until_there_is_something_then_exactly_that(desk: Desk) -> None:
    said = noise(0.1, RATE)
    desk.pull(2)
    assert not desk.speaker.busy
    desk.speaker.play("one", said, RATE)
    assert desk.speaker.busy
    desk.pull(7)
    assert np.array_equal(desk.card.pcm, np.concatenate((np.zeros(2 * BLOCK), said, np.zeros(2 * BLOCK))))
    (piece,) = desk.speaker.poll()
    assert np.array_equal(piece.pcm, said)
    assert (piece.item_id, piece.rate_hz, piece.done, piece.interrupted) == ("one", RATE, True, False)
    assert piece.start_mono_ns == 10**12 + 3 * 20 * MS + 60 * MS
    assert desk.speaker.latency_ns == 40 * MS


def test_it_is_busy_until_the_last_sample_has_sounded(desk: Desk) -> None:
    desk.speaker.play("one", noise(0.02, RATE), RATE)
    desk.pull(1)
    desk.speaker.poll()
    assert desk.speaker.busy
    desk.clock.advance(80 * MS)
    assert not desk.speaker.busy


def test_items_are_reported_one_by_one_and_in_pieces(desk: Desk) -> None:
    desk.speaker.play("one", noise(0.03, 24_000), 24_000)
    desk.speaker.play("two", noise(0.05, 24_000, seed=2), 24_000)
    desk.speaker.play("two", np.zeros(0, np.int16), 24_000)
    desk.pull(2)
    first = desk.speaker.poll()
    assert [(p.item_id, p.done) for p in first] == [("one", True), ("two", False)]
    desk.pull(4)
    second = desk.speaker.poll()
    assert [(p.item_id, p.done) for p in second] == [("two", True)]
    assert _total(first + second, "one") == 720
    assert _total(first + second, "two") == 1200


def test_pieces_of_one_item_join_without_a_seam(desk: Desk) -> None:
    said = noise(0.2, 24_000)
    for part in np.split(said, [1000, 1001, 3333]):
        desk.speaker.play("one", part, 24_000)
    desk.pull(12)
    heard = desk.card.pcm[: 2 * len(said)]
    assert np.array_equal(heard, Resampler(24_000, RATE).push(said))
    assert _total(desk.speaker.poll(), "one") == len(said)


def test_more_than_fits_into_the_ring_waits_and_is_played_in_order(desk: Desk) -> None:
    said = noise(12.0, RATE)
    desk.speaker.play("long", said, RATE)
    desk.speaker.play("after", said[:BLOCK], RATE)
    report = []
    for _ in range(62):
        desk.pull(10)
        report += desk.speaker.poll()
    assert np.array_equal(desk.card.pcm[: len(said) + BLOCK], np.concatenate((said, said[:BLOCK])))
    assert np.array_equal(np.concatenate([p.pcm for p in report if p.item_id == "long"]), said)
    assert [p.done for p in report if p.item_id == "long"][-1]


def test_a_flush_fades_within_five_ms_and_reports_the_interruption(desk: Desk) -> None:
    said = np.full(RATE, 10_000, np.int16)
    desk.speaker.play("one", said, RATE)
    desk.speaker.play("two", said, RATE)
    desk.pull(3)
    desk.speaker.flush()
    desk.speaker.play("three", said[:BLOCK], RATE)
    desk.pull(3)
    report = desk.speaker.poll()
    block = desk.card.heard[3]
    assert block[0] == 10_000
    assert np.all(np.diff(block[:240].astype(int)) <= 0)
    assert not block[240:].any()
    assert np.array_equal(desk.card.heard[4], said[:BLOCK])
    assert [(p.item_id, len(p.pcm), p.interrupted, p.done) for p in report] == [
        ("one", 3 * BLOCK + 240, True, True),
        ("two", 0, True, True),
        ("three", BLOCK, False, True),
    ]


def test_a_flush_also_reaches_what_waits_outside_the_ring(desk: Desk) -> None:
    desk.speaker.play("long", noise(12.0, RATE), RATE)
    desk.speaker.play("never", noise(1.0, RATE), RATE)
    desk.pull(1)
    desk.speaker.flush()
    desk.pull(2)
    report = desk.speaker.poll()
    assert [(p.item_id, p.interrupted) for p in report] == [("long", True), ("never", True)]
    assert not desk.card.heard[-1].any()


def test_a_flush_with_nothing_to_flush_does_nothing(desk: Desk) -> None:
    desk.speaker.flush()
    desk.pull(1)
    assert desk.speaker.poll() == []


def test_muted_sound_is_reported_as_silence_and_time_goes_on(desk: Desk) -> None:
    said = noise(0.1, RATE)
    desk.speaker.play("one", said, RATE)
    desk.pull(2)
    desk.speaker.set_muted(True)
    desk.pull(2)
    desk.speaker.set_muted(False)
    desk.pull(1)
    heard = np.concatenate([piece.pcm for piece in desk.speaker.poll()])
    expected = said.copy()
    expected[2 * BLOCK : 4 * BLOCK] = 0
    assert np.array_equal(heard, expected)
    assert np.array_equal(desk.card.pcm, expected)


def test_underflows_are_counted(desk: Desk) -> None:
    desk.pull(1, underflow=True)
    desk.pull(1)
    assert desk.speaker.underflows == 1


def test_a_report_that_nobody_fetches_for_minutes_keeps_every_sample(desk: Desk) -> None:
    said = noise(9.9, RATE)
    heard = 0
    ring = PlayRing(rate_hz=RATE, channels=1)
    out = bytearray(20)
    for _ in range(5000):
        ring.write(said[:10])
        ring.fill(out, 10, 0, 9.0, False)
        heard += 10
    assert sum(sent.frames for sent in ring.sent()) == heard


def test_a_loudspeaker_that_stops_is_noticed_and_used_again_when_it_is_back(desk: Desk) -> None:
    desk.pull(1)
    desk.speaker.play("one", noise(1.0, RATE), RATE)
    desk.card.refuse = True
    desk.look(3000)
    desk.speaker.play("two", noise(1.0, RATE), RATE)
    desk.speaker.flush()
    report = desk.speaker.poll()
    assert [(p.item_id, len(p.pcm), p.interrupted) for p in report] == [("one", 0, True), ("two", 0, True)]
    desk.card.refuse = False
    desk.look(1200)
    desk.pull(1)
    desk.look(200)
    notices = desk.speaker.pop_events(lambda mono_ns: mono_ns - 10**12)
    assert [n.level for n in notices] == ["error", "info"]
    assert 1_000 * MS < notices[0].t_ns <= 1_520 * MS
    desk.speaker.play("three", noise(0.02, RATE), RATE)
    desk.pull(1)
    assert [p.item_id for p in desk.speaker.poll()] == ["three"]


def test_a_stream_that_portaudio_ends_is_noticed_at_once(desk: Desk) -> None:
    desk.card.options["finished_callback"]()
    desk.look(200)
    assert "ended" in desk.speaker.pop_events(lambda _: 0)[0].why


def test_a_process_that_stood_still_does_not_blame_the_loudspeaker(desk: Desk) -> None:
    desk.pull(1)
    desk.look(200)
    desk.clock.advance(5_000 * MS)
    desk.speaker.check(desk.clock.now_ns())
    assert desk.speaker.pop_events(lambda _: 0) == []


def test_it_lends_its_stream_only_while_nothing_sounds(desk: Desk) -> None:
    other = SimpleNamespace()
    assert desk.audio.refresh(other)
    assert desk.card.opened == 2
    desk.speaker.play("one", noise(0.02, RATE), RATE)
    assert not desk.audio.refresh(other)
    assert desk.card.opened == 2


def test_a_portaudio_that_does_not_start_again_is_tried_again_later(desk: Desk) -> None:
    desk.card.options["finished_callback"]()
    desk.card.refuse = desk.card.dead = True
    desk.look(3000)
    with pytest.raises(AppError, match="not initialized"):
        list_sound("output")
    desk.card.refuse = desk.card.dead = False
    desk.look(1200)
    assert desk.card.opened == 2


def test_what_is_said_while_the_stream_is_lent_is_heard_afterwards(desk: Desk) -> None:
    assert desk.speaker.lend()
    desk.speaker.play("one", noise(0.02, RATE), RATE)
    desk.speaker.check(desk.clock.now_ns())
    desk.speaker.reclaim()
    desk.speaker.reclaim()
    desk.pull(1)
    assert _total(desk.speaker.poll(), "one") == BLOCK


def test_a_stream_that_cannot_be_reclaimed_counts_as_unplugged(desk: Desk) -> None:
    assert desk.speaker.lend()
    desk.card.refuse = True
    desk.speaker.reclaim()
    assert "unavailable" in desk.speaker.pop_events(lambda _: 0)[0].why


def test_a_card_that_refuses_is_an_error_in_portaudios_words(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    desk.card.refuse = True
    with pytest.raises(AppError, match="Device unavailable"):
        desk.speaker.open()
    with pytest.raises(RuntimeError, match="not opened"):
        _ = desk.speaker.info
