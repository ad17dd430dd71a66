"""Programmes: exact to the sample, in step with a model that answers, never ahead of a decision."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from tests.capture.media_made import (
    decoded,
    events_of,
    frame_times_ms,
    impulse,
    number_of,
    numbered,
    numbers_of,
    onset,
    play,
    sound_of,
    until,
    write_video,
)  # fmt: skip
from tmlapp.capture.program_feed import Program, ProgramFeed
from tmlapp.capture.program_subtitles import Line, Subtitles, drawable
from tmlapp.capture.program_tracks import read_sound
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap
from tmlapp.core.feed import Captured
from tmlapp.core.turn import TextInput
from tmlapp.core.units import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES, samples_to_ns

pytestmark = pytest.mark.unit

MS = NS_PER_MS


class Model:
    """Speaks in the given stretches of session time (ms); asserts that it is asked when all before was taken."""

    def __init__(self, *spoken_ms: tuple[int, int]) -> None:
        self.spoken = [(a * MS, b * MS) for a, b in spoken_ms]
        self.taken = 0
        self.asked: list[int] = []

    def quiet_since_ns(self, after_ns: int) -> int | None:
        now_ns = self.taken * TURN_NS
        self.asked.append(self.taken)
        ends = [end for begin, end in self.spoken if begin <= now_ns and end > after_ns]
        return max(ends) if ends else None


def played(program: Program, model: Model | None = None) -> tuple[ProgramFeed, list[Captured]]:
    """All turns, taken one by one as a session does."""
    feed = ProgramFeed(program, realtime=False, clock=ManualClock(), director=model)
    counted = feed.poll

    def poll() -> Captured | None:
        turn = counted()
        if turn is not None and model is not None:
            model.taken = turn.index + 1
        return turn

    feed.poll = poll  # type: ignore[method-assign]
    turns = play(feed)
    assert feed.completed
    return feed, turns


def ramp(samples: int, start: int = 1) -> Any:
    return (np.arange(samples) % 20_000 + start).astype(np.int16)


@pytest.fixture
def sounds(tmp_path: Path) -> tuple[Path, Path]:
    """Two wavs of 0.75 s and 0.5 s; neither ends with a micro-turn."""
    for name, samples in (("a", 12_000), ("b", 8_000)):
        soundfile.write(tmp_path / f"{name}.wav", ramp(samples), SAMPLE_RATE_HZ)
    return tmp_path / "a.wav", tmp_path / "b.wav"


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return write_video(tmp_path / "second.mp4", [numbered(i) for i in range(30)])


def test_lead_silence_and_sound_follow_each_other_sample_by_sample(sounds: tuple[Path, Path]) -> None:
    lead = ramp(5_001, 7)
    feed, turns = played(Program(lead=lead, silence_s=2.0, sounds=sounds[:1], least_s=0.5))
    sound = sound_of(turns)
    t0 = 5_001 + 32_000
    assert feed.media_t0_ns == samples_to_ns(t0)
    assert np.array_equal(sound[:5_001], lead)
    assert not sound[5_001:t0].any()
    assert np.array_equal(sound[t0 : t0 + 12_000], ramp(12_000))
    assert not sound[t0 + 12_000 :].any()
    assert feed.sound_spans_ns == ((samples_to_ns(t0), samples_to_ns(t0 + 12_000)),)
    assert feed.media_end_ns == samples_to_ns(t0 + 12_000)
    # Half a second after the end, rounded up to a micro-turn.
    assert len(turns) == -(-(t0 + 12_000 + 8_000) // TURN_SAMPLES)
    assert feed.info.mic.actual["program"][0] == {"kind": "instruction", "samples": 5_001}
    assert feed.info.mic.sha256
    assert [e.track for e in events_of(turns) if isinstance(e, Gap)] == ["camera"]


def test_without_a_lead_the_media_begin_at_once(sounds: tuple[Path, Path]) -> None:
    feed, turns = played(Program(sounds=sounds[:1]))
    assert feed.media_t0_ns == 0
    assert np.array_equal(sound_of(turns)[:12_000], ramp(12_000))
    assert len(turns) == 4


def test_no_picture_is_shown_before_the_media_and_the_last_one_stays(second: Path) -> None:
    feed, turns = played(Program(lead=ramp(1_000), silence_s=0.5, video=second, least_s=1.0))
    t0_ms = feed.media_t0_ns / MS
    assert t0_ms == 562.5
    fresh = [f for t in turns for f in t.frames if not f.repeated]
    held = [f for t in turns for f in t.frames if f.repeated]
    assert [number_of(decoded(f.jpeg)) for f in fresh] == list(range(30))
    assert [f.t_ns / MS - t0_ms for f in fresh] == pytest.approx([i * 1000 / 30 for i in range(30)], abs=1.0)
    assert fresh[0].t_ns == feed.media_t0_ns
    assert feed.media_end_ns == pytest.approx((t0_ms + 1000) * MS, abs=2 * MS)
    assert len(turns) == 13
    assert [f.t_ns // TURN_NS for f in held] == [8, 9, 10, 11, 12]
    assert {f.jpeg for f in held} == {fresh[-1].jpeg}
    assert "left out" in next(e.reason for e in events_of(turns) if isinstance(e, Gap))


def test_the_next_sound_waits_until_the_model_has_been_quiet(sounds: tuple[Path, Path]) -> None:
    # The first sound ends at 750 ms; a word during it is no answer to it.
    model = Model((100, 300), (1_100, 2_350))
    feed, turns = played(Program(sounds=sounds, turn_quiet_s=1.0, least_s=0.0), model)
    (_, first_end), (second_start, second_end) = feed.sound_spans_ns
    assert first_end == 750 * MS
    assert second_start == 3_400 * MS
    assert second_end == 3_900 * MS
    assert np.array_equal(sound_of(turns)[second_start * 16 // NS_PER_MS // 1 :][:8_000], ramp(8_000))
    assert model.asked == list(range(4, 18))


def test_a_model_that_says_nothing_is_waited_for_no_longer_than_asked(sounds: tuple[Path, Path]) -> None:
    feed, _ = played(Program(sounds=sounds, turn_quiet_s=1.0, turn_most_s=2.03), Model())
    assert feed.sound_spans_ns[1][0] == 2_780 * MS
    feed, _ = played(Program(sounds=sounds, turn_quiet_s=1.0, turn_most_s=0.0), Model())
    assert feed.sound_spans_ns[1][0] == 800 * MS


def test_the_tail_ends_when_the_model_is_quiet_or_the_time_is_over(second: Path) -> None:
    tail = {"least_s": 0.4, "quiet_s": 2.0, "most_s": 10.0}
    lengths = {
        "says nothing": Model(),
        "has answered in the video": Model((200, 700)),
        "answers after it": Model((1_500, 3_000)),
        "talks on": Model((500, 60_000)),
    }
    found = {name: len(played(Program(video=second, **tail), model)[1]) * 0.2 for name, model in lengths.items()}  # type: ignore[arg-type]
    assert found == pytest.approx(
        {"says nothing": 11.0, "has answered in the video": 2.8, "answers after it": 5.0, "talks on": 11.0}
    )


def test_after_sounds_only_an_answer_ends_the_tail(sounds: tuple[Path, Path]) -> None:
    program = Program(sounds=sounds[:1], quiet_s=0.5, most_s=3.0)
    assert len(played(program, Model((0, 500)))[1]) == 19
    assert len(played(program, Model((0, 800)))[1]) == 7


def test_what_was_typed_stands_in_the_first_turn_and_a_program_of_text_has_a_tail() -> None:
    feed, turns = played(Program(texts=("How are you?",), quiet_s=1.0, most_s=4.0), Model((400, 900)))
    assert [t.texts for t in turns if t.texts] == [(TextInput(0, "How are you?"),)]
    assert turns[0].texts
    assert len(turns) == 10
    assert feed.media_end_ns == 0
    assert len(played(Program())[1]) == 1


def test_in_real_time_turns_come_when_due_and_decisions_when_known(sounds: tuple[Path, Path]) -> None:
    clock = ManualClock()
    model = Model((900, 1_000))
    feed = ProgramFeed(
        Program(sounds=sounds, turn_quiet_s=0.3, least_s=0.2), realtime=True, clock=clock, director=model
    )
    more = threading.Event()
    feed.open(more.set)
    turns: list[Captured] = []
    try:
        while not feed.finished:
            turn = feed.poll()
            if turn is None:
                until(lambda: more.is_set() or clock._waiting)
                if more.is_set():
                    more.clear()
                else:
                    clock.advance(20 * MS)
                continue
            model.taken = turn.index + 1
            turns.append(turn)
    finally:
        feed.close()
    assert [t.index for t in turns] == list(range(len(turns)))
    assert all(t.ready_ns >= (t.index + 1) * TURN_NS for t in turns)
    assert feed.sound_spans_ns[1][0] == 1_400 * MS


def test_a_feed_that_is_closed_before_a_decision_ends(sounds: tuple[Path, Path]) -> None:
    feed = ProgramFeed(Program(sounds=sounds), realtime=False, clock=ManualClock())
    feed.open(lambda: None)
    # Four turns are made; the fifth depends on the model.
    until(lambda: feed._question is not None)
    feed.close()
    assert feed.finished
    assert not feed.completed


@pytest.mark.parametrize("starts_ms", [0, 300])
def test_a_video_keeps_its_own_sound_in_place(tmp_path: Path, starts_ms: int) -> None:
    sound = impulse(48_000, 1.0, 0.5)
    path = write_video(tmp_path / "v.mkv", [numbered(i) for i in range(30)], sound=sound, sound_starts_ms=starts_ms)
    feed, turns = played(Program(video=path, muted=False, lead=ramp(16), silence_s=1.0))
    heard = sound_of(turns)[feed.media_t0_ns * 16_000 // NS_PER_S :]
    assert onset(heard) / 16 == pytest.approx(500 + starts_ms, abs=1.5)
    assert feed.sound_spans_ns == ()
    assert not [e for e in events_of(turns) if isinstance(e, Gap)]


def test_a_sound_that_begins_before_the_pictures_is_heard_whole(tmp_path: Path) -> None:
    pictures = [numbered(i) for i in range(30)]
    times = [400 + round(i * 1000 / 30) for i in range(30)]
    path = write_video(tmp_path / "v.mkv", pictures, times_ms=times, sound=impulse(48_000, 1.0, 0.1))
    feed, turns = played(Program(video=path, muted=False))
    assert feed.media_t0_ns == pytest.approx(400 * MS, abs=2 * MS)
    assert frame_times_ms(turns)[0] == feed.media_t0_ns / MS
    assert onset(sound_of(turns)) / 16 == pytest.approx(100, abs=1.5)


def test_a_video_without_sound_that_is_not_muted_is_silent(second: Path) -> None:
    _, turns = played(Program(video=second, muted=False))
    assert not sound_of(turns).any()
    assert [e.reason for e in events_of(turns) if isinstance(e, Gap)] == ["There is no sound: silence."]


def test_what_cannot_be_played_is_told_before_the_start(
    tmp_path: Path, second: Path, sounds: tuple[Path, Path]
) -> None:
    with pytest.raises(AppError, match="cannot be played"):
        ProgramFeed(Program(video=second, muted=False, sounds=sounds), realtime=False, clock=ManualClock())
    for program in (
        Program(video=second, sounds=(tmp_path / "none.wav",)),
        Program(video=tmp_path / "none.mp4"),
        Program(sounds=(second,)),
    ):
        with pytest.raises(AppError):
            ProgramFeed(program, realtime=False, clock=ManualClock()).open(lambda: None)


def test_a_folder_of_pictures_is_a_video(tmp_path: Path) -> None:
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), numbered(i))
    feed, turns = played(Program(video=tmp_path, muted=False))
    assert numbers_of(turns)[:3] == [0, 1, 2]
    assert feed.media_end_ns == 300 * MS
    assert feed.info.camera.actual["frames"] == 3


def test_pictures_beyond_the_rate_are_left_out_and_the_last_of_each_part_stays(second: Path) -> None:
    feed = ProgramFeed(Program(video=second, least_s=0.2), realtime=False, clock=ManualClock(), max_fps=10.0)
    turns = play(feed)
    fresh = [number_of(decoded(f.jpeg)) for t in turns for f in t.frames if not f.repeated]
    assert fresh == [2, 5, 8, 11, 14, 17, 20, 23, 26, 29]
    # Two different pictures for a model that looks twice in a micro-turn, at its middle and at its end.
    assert all({f.t_ns - t.index * TURN_NS < TURN_NS // 2 for f in t.frames} == {True, False} for t in turns[:5])
    assert feed.info.camera.actual["max_fps"] == 10.0
    assert feed.media_end_ns == pytest.approx(1_000 * MS, abs=2 * MS)


def test_subtitles_stand_in_the_pictures_of_their_time_only(second: Path) -> None:
    lines = (Line(0.3, 0.6, "(Penny:) It’s a café"), Line(0.5, 0.6, "Second"), Line(0.9, 2.0, " "))
    feed, turns = played(Program(video=second, subtitles=lines))
    plain = played(Program(video=second))[1]
    pairs = zip(
        (f for t in turns for f in t.frames if not f.repeated),
        (f for t in plain for f in t.frames if not f.repeated),
        strict=True,
    )
    drawn = [i for i, (a, b) in enumerate(pairs) if a.jpeg != b.jpeg]
    assert drawn == list(range(9, 18))
    told = feed.info.camera.actual["subtitles"]
    assert told["lines"] == 3
    assert "HERSHEY" in told["font"]


def test_subtitles_are_legible_and_inside_the_picture() -> None:
    grey = np.full((360, 640, 3), 128, np.uint8)
    text = "This is a rather long line that does not fit into the picture and has to be wrapped"
    drawn = Subtitles([Line(0, 1, text)]).drawn(grey, 0)
    rows, columns = np.nonzero((drawn == 255).all(axis=2))
    assert rows.min() > 180
    assert rows.max() < 350
    assert columns.min() > 16
    assert columns.max() < 624
    assert (grey == 128).all()
    assert drawable("naïve — “ok”… 漢\n") == 'naive - "ok"... ? '


def test_a_sound_is_read_whole(sounds: tuple[Path, Path]) -> None:
    pcm, sha256 = read_sound(sounds[0])
    assert np.array_equal(pcm, ramp(12_000))
    assert len(sha256) == 64
