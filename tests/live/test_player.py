"""Playing a recording: position is what is heard, seeks land, loops and switches have no seam."""

from __future__ import annotations

import numpy as np
import pytest

from tests.live.loudspeaker import TestSpeaker
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.live.player import NO_LOUDSPEAKER, Player
from tmlapp.live.player_sound import ArraySound, LazySound, render

pytestmark = pytest.mark.unit
S = NS_PER_S
MS = NS_PER_MS
FRAME_NS = 20_834


def numbered(seconds: float = 8.0, step: int = 1) -> Pcm:
    """Every sample tells its own number, at 48 kHz, modulo 30,000."""
    return (np.arange(round(seconds * 48_000)) * step % 30_000).astype(np.int16)


class Room:
    """A player, a loudspeaker and a clock that moves only when told."""

    def __init__(self, speaker: TestSpeaker | None = None, duration_ns: int = 8 * S, **choices: Pcm) -> None:
        self.clock = ManualClock(1_000_000_000_000)
        self.speaker = speaker or TestSpeaker(self.clock)
        self.speaker._clock = self.clock
        tracks = choices or {"A": numbered()}
        self.player = Player(
            self.clock,
            duration_ns=duration_ns,
            choices={name: [ArraySound(pcm, 48_000)] for name, pcm in tracks.items()},
            loudspeaker=lambda: self.speaker,
        )

    def go(self, ms: int, every_ms: int = 10) -> None:
        for _ in range(ms // every_ms):
            self.player.pump()
            self.clock.advance(every_ms * MS)
        self.player.pump()

    def sounding(self) -> int:
        """Session time of what sounds at this very moment, by the loudspeaker's own record."""
        since = self.clock.now_ns() - self.speaker.opened_ns - self.speaker.latency_ns - 10 * MS
        sound = self.speaker.sound()
        at = since * 48_000 // S
        return int(sound[at]) * S // 48_000 if 0 <= at < len(sound) else 0


def test_the_position_is_what_the_converter_sends_at_this_moment() -> None:
    room = Room()
    room.player.play(100 * MS)
    assert room.player.position_ns == 100 * MS
    room.go(300)
    for _ in range(15):
        room.go(7, every_ms=7)
        assert abs(room.player.position_ns - room.sounding()) <= FRAME_NS
    assert room.player.playing


def test_what_is_heard_is_the_track_without_a_seam() -> None:
    room = Room()
    room.player.play(200 * MS)
    room.go(600)
    sound = room.speaker.sound()
    begin = int(np.flatnonzero(sound)[0])
    assert sound[begin] == 9600
    assert np.array_equal(np.diff(sound[begin : begin + 20_000]), np.ones(20_000 - 1))


def test_a_seek_lands_on_the_sample_and_what_was_queued_is_thrown_away() -> None:
    room = Room()
    room.player.play()
    room.go(300)
    room.player.seek(400 * MS)
    assert room.player.position_ns == 400 * MS
    room.go(200)
    sound = room.speaker.sound()
    jump = int(np.flatnonzero(sound == 19_200)[-1])
    assert np.array_equal(np.diff(sound[jump : jump + 2000]), np.ones(1999))
    # Between the seek and the new sound lie two blocks of the converter and its latency, no more.
    assert room.speaker.flushed == 1
    assert abs(room.player.position_ns - room.sounding()) <= FRAME_NS


def test_pause_keeps_the_place_of_what_was_heard_and_play_goes_on_there() -> None:
    room = Room()
    room.player.play()
    room.go(305)
    heard = room.sounding()
    room.player.pause()
    at = room.player.position_ns
    assert abs(at - heard) <= 10 * MS
    room.go(500)
    assert (room.player.position_ns, room.player.playing, room.player.speed) == (at, False, 0.0)
    room.player.toggle()
    room.go(300)
    assert room.player.position_ns > at
    room.player.toggle()
    assert not room.player.playing


def test_a_loop_plays_its_stretch_again_and_again_to_the_sample() -> None:
    room = Room()
    room.player.play(100 * MS, 150 * MS, loop=True)
    room.go(400)
    sound = room.speaker.sound()
    begin = int(np.flatnonzero(sound)[0])
    expected = np.tile(np.arange(4800, 7200), 4)
    assert np.array_equal(sound[begin : begin + len(expected)], expected)
    assert 100 * MS <= room.player.position_ns <= 150 * MS
    assert abs(room.player.position_ns - room.sounding()) <= FRAME_NS
    room.player.seek(2 * S)
    room.go(300)
    assert room.player.position_ns > 2 * S


def test_it_ends_where_it_was_told_to_and_says_so() -> None:
    room = Room()
    room.player.play(100 * MS, 200 * MS)
    room.go(400)
    assert (room.player.position_ns, room.player.playing) == (200 * MS, False)
    sound = room.speaker.sound()
    assert int(sound.max()) == 9599
    room.player.play(8 * S)
    room.go(100)
    assert not room.player.playing
    room.player.play()
    room.go(200)
    assert 0 < room.player.position_ns < S


def test_switching_the_mix_goes_on_at_the_same_position_without_gap_or_jump() -> None:
    room = Room(A=numbered(), B=(numbered() + 2).astype(np.int16))
    room.player.play(100 * MS)
    room.go(200)
    before = room.player.position_ns
    room.player.choose("B")
    assert room.player.choice == "B"
    assert room.player.position_ns == before
    room.go(300)
    assert abs(room.player.position_ns - before - 300 * MS) <= FRAME_NS
    sound = room.speaker.sound()
    begin, end = int(np.flatnonzero(sound)[0]), int(np.flatnonzero(sound)[-1])
    steps = np.diff(sound[begin:end].astype(int))
    # The two differ by 2 everywhere, so that a fade between them is never more than that off the line.
    assert (steps.min(), steps.max()) >= (1, 1)
    assert steps.max() <= 2
    assert int((steps == 2).sum()) == 2
    assert room.speaker.flushed == 0
    with pytest.raises(KeyError):
        room.player.choose("C")


def test_other_mixes_keep_the_name_that_is_chosen_if_they_can() -> None:
    room = Room(A=numbered(), B=numbered())
    room.player.choose("B")
    room.player.set_choices({"A": [], "B": []})
    assert room.player.choice == "B"
    room.player.set_choices({"C": []})
    assert room.player.choice == "C"
    room.player.set_choices({})
    assert room.player.choice == ""
    room.player.play()
    room.go(200)
    assert room.player.position_ns > 0


def test_shuttle_doubles_with_each_press_and_turns_round() -> None:
    room = Room()
    room.player.seek(4 * S)
    speeds = []
    for direction in (1, 1, 1, 1, 1, -1, -1):
        room.player.shuttle(direction)
        speeds.append(room.player.speed)
    assert speeds == [1, 2, 4, 8, 8, -1, -2]
    room.go(500)
    # Half a second at twice the speed, less what the loudspeaker needs to begin.
    assert 4 * S - 1 * S <= room.player.position_ns <= 4 * S - 800 * MS
    room.go(2500)
    assert (room.player.position_ns, room.player.playing) == (0, False)


def test_sound_is_the_mix_of_its_tracks_clipped() -> None:
    clock = ManualClock()
    speaker = TestSpeaker(clock)
    loud = ArraySound(np.full(48_000, 30_000, np.int16), 48_000)
    player = Player(clock, duration_ns=S, choices={"A": [loud, loud]}, loudspeaker=lambda: speaker)
    player.play()
    for _ in range(20):
        player.pump()
        clock.advance(10 * MS)
    assert int(speaker.sound().max()) == 32_767


def test_without_a_loudspeaker_it_runs_on_the_clock_and_says_that_it_is_silent() -> None:
    clock = ManualClock()
    player = Player(clock, duration_ns=2 * S, choices={})
    assert player.silent == NO_LOUDSPEAKER
    player.play(500 * MS)
    clock.advance(250 * MS)
    assert player.position_ns == 750 * MS
    player.seek(S)
    clock.advance(100 * MS)
    player.pump()
    assert player.position_ns == 1100 * MS
    player.pause()
    clock.advance(S)
    assert (player.position_ns, player.playing) == (1100 * MS, False)
    player.shuttle(-1)
    player.shuttle(-1)
    clock.advance(100 * MS)
    assert player.position_ns == 900 * MS
    clock.advance(S)
    assert (player.position_ns, player.playing) == (0, False)
    player.play(0, 300 * MS, loop=True)
    clock.advance(1000 * MS)
    assert player.position_ns == 100 * MS
    player.play(S)
    clock.advance(2 * S)
    assert (player.position_ns, player.playing) == (2 * S, False)


def test_a_loudspeaker_that_cannot_be_opened_is_named_and_the_clock_goes_on() -> None:
    clock = ManualClock()
    error = AppError("The loudspeaker “x” cannot be opened.", "It is busy.", "Choose another.")
    player = Player(clock, duration_ns=S, choices={}, loudspeaker=lambda: TestSpeaker(clock, error=error))
    assert player.silent == ""
    player.play()
    clock.advance(100 * MS)
    assert player.position_ns == 0
    player.pump()
    assert player.silent == "The loudspeaker “x” cannot be opened. It is busy."
    clock.advance(100 * MS)
    assert player.position_ns == 100 * MS
    player.release()
    player.pump()
    assert player.silent == ""


def test_a_loudspeaker_that_goes_away_is_told_and_used_again_when_it_is_back() -> None:
    room = Room()
    room.player.play()
    room.go(300)
    before = room.player.position_ns
    room.speaker.say("error", "The loudspeaker is gone.")
    room.go(100)
    assert room.player.silent == "The loudspeaker is gone. It does so."
    assert abs(room.player.position_ns - before - 100 * MS) <= 20 * MS
    room.speaker.say("info", "It is back.")
    room.speaker._blocks += 10
    room.go(200)
    assert room.player.silent == ""
    assert room.player.position_ns > before + 150 * MS
    assert room.player.playing


def test_a_player_that_was_served_too_late_says_where_it_is_and_queues_more_from_then_on() -> None:
    room = Room(A=(numbered() + 1).astype(np.int16))
    room.player.play()
    room.go(200)
    room.clock.advance(300 * MS)
    room.player.pump()
    starved = room.player.position_ns
    # What was not sent cannot have been heard.
    assert starved < 400 * MS
    room.go(200)
    assert abs(room.player.position_ns - room.sounding()) <= 2 * FRAME_NS
    room.clock.advance(120 * MS)
    room.go(100)
    sound = room.speaker.sound()
    begin = int(np.flatnonzero(sound)[0])
    gaps = np.flatnonzero(np.diff(np.flatnonzero(sound[begin:])) > 1)
    assert len(gaps) == 1


def test_release_gives_the_loudspeaker_back_and_the_next_play_opens_it_again() -> None:
    room = Room()
    room.player.play()
    room.go(100)
    room.player.release()
    room.go(20)
    assert (room.speaker.closed, room.player.playing) == (1, False)
    room.player.play()
    room.go(20)
    assert room.speaker.opened == 2


def test_the_thread_serves_and_ends() -> None:
    room = Room()
    room.player.start()
    room.player.start()
    room.player.play()
    while room.player.position_ns <= 100 * MS:
        room.clock.await_waiters()
        room.clock.advance(10 * MS)
    room.player.close()
    assert room.speaker.closed == 1


def test_a_track_that_cannot_be_read_stops_it_with_its_error() -> None:
    clock = ManualClock()
    told = AppError("The recording is damaged.", "A piece does not hold.", "Repair it.")

    def load(start: int, end: int) -> Pcm:
        raise told

    speaker = TestSpeaker(clock)
    sound = LazySound(load, 48_000, 48_000)
    player = Player(clock, duration_ns=S, choices={"A": [sound]}, loudspeaker=lambda: speaker)
    player.start()
    player.play()
    while (error := player.take_error()) is None:
        clock.await_waiters()
    assert error is told
    assert not player.playing
    assert player.take_error() is None
    player.close()


def test_a_track_of_its_own_rate_is_given_back_bit_for_bit() -> None:
    pcm = np.random.default_rng(1).integers(-9000, 9000, 48_000).astype(np.int16)
    assert np.array_equal(render(ArraySound(pcm, 48_000), 250 * MS, 1.0, 960), pcm[12_000:12_960])


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
def test_other_rates_are_converted_in_time_and_level(rate_hz: int) -> None:
    k = np.arange(2 * rate_hz)
    tone = (10_000 * np.sin(2 * np.pi * 440 * k / rate_hz)).astype(np.int16)
    heard = render(ArraySound(tone, rate_hz), 500 * MS + 13, 1.0, 4800)
    wanted = 10_000 * np.sin(2 * np.pi * 440 * (0.500_000_013 + np.arange(4800) / 48_000))
    assert float(np.abs(heard - wanted).max()) < 12


def test_a_lazy_track_reads_each_block_once_and_is_silent_outside() -> None:
    asked: list[tuple[int, int]] = []
    pcm = np.arange(1, 20_001).astype(np.int16)

    def load(start: int, end: int) -> Pcm:
        asked.append((start, end))
        return pcm[start:end]

    lazy = LazySound(load, len(pcm), 1000)
    whole = ArraySound(pcm, 1000)
    for start, end in ((-50, 10), (1990, 2010), (0, 20_000), (19_990, 20_050), (30_000, 30_010), (5, 5)):
        assert np.array_equal(lazy.read(start, end), whole.read(start, end))
    assert len(asked) == len(set(asked)) == 10


def test_a_lazy_track_forgets_what_is_long_past() -> None:
    asked: list[int] = []

    def load(start: int, end: int) -> Pcm:
        asked.append(start)
        return np.zeros(end - start, np.int16)

    lazy = LazySound(load, 200_000, 1000)
    lazy.read(0, 200_000)
    lazy.read(0, 10)
    assert asked.count(0) == 2
