"""Microphone, loudspeaker and feed on real streams of a virtual sound card."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.capture.sound_made import PATIENCE_S, Engine, decimated_exactly, noise, place_of, write_wav
from tests.vdesk.desk import VirtualDesk
from tmlapp.capture.device_feed import DeviceFeed
from tmlapp.capture.devices import AudioSystem, list_devices, resolve
from tmlapp.capture.microphone import Microphone
from tmlapp.capture.playqueue import Played
from tmlapp.capture.speaker import Speaker
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap
from tmlapp.core.media import Pcm
from tmlapp.core.resample import resample

pytestmark = pytest.mark.device

CLOCK = MonotonicClock()


@pytest.fixture
def engine(virtual_desk: VirtualDesk) -> Iterator[Engine]:
    feed = DeviceFeed(Microphone("vd_mic", clock=CLOCK), clock=CLOCK)
    yield Engine(feed)
    feed.close()


def _gaps(engine: Engine) -> list[Gap]:
    return [event for turn in engine.turns for event in turn.events if isinstance(event, Gap)]


def test_what_is_played_into_the_microphone_arrives_bit_for_bit_as_micro_turns(
    virtual_desk: VirtualDesk, engine: Engine, tmp_path: Path
) -> None:
    source = noise(5.0, 48_000)
    with virtual_desk.play(write_wav(tmp_path / "noise.wav", source, 48_000)) as player:
        engine.run_until(lambda turns: len(turns) > 3 and bool(turns[-4].pcm.any()))
        heard = np.concatenate([turn.pcm for turn in engine.run(12)])
        player.terminate()
    assert decimated_exactly(heard, source, 48_000)
    assert [turn.index for turn in engine.turns] == list(range(len(engine.turns)))
    assert _gaps(engine) == []
    assert engine.feed.info.mic.actual["rate_hz"] == 48_000
    steps = np.diff([turn.mono_ns for turn in engine.turns])
    assert np.abs(steps - 200_000_000).max() < 60_000_000
    assert all(turn.ready_ns >= turn.mono_ns for turn in engine.turns)


def test_eight_channels_at_96_khz_are_mixed_down(virtual_desk: VirtualDesk, tmp_path: Path) -> None:
    virtual_desk.wake("eight_in")
    source = noise(4.0, 96_000)
    wav = write_wav(tmp_path / "eight.wav", np.repeat(source[:, None], 8, axis=1), 96_000, channels=8)
    for options in ({}, {"channel": 5}):
        feed = DeviceFeed(Microphone("vd_eight", clock=CLOCK, rate_hz=96_000, channels=8, **options), clock=CLOCK)
        engine = Engine(feed)
        try:
            with virtual_desk.play(wav, sink="eight_in") as player:
                engine.run_until(lambda turns: len(turns) > 4 and bool(turns[-4].pcm.any()))
                heard = np.concatenate([turn.pcm for turn in engine.run(6)])
                player.terminate()
        finally:
            feed.close()
        assert decimated_exactly(heard, source, 96_000)
        assert feed.info.mic.actual["channels"] == 8


def test_the_level_of_a_running_microphone_can_be_read_at_any_time(
    virtual_desk: VirtualDesk, engine: Engine, tmp_path: Path
) -> None:
    engine.run(2)
    assert engine.feed.level_dbfs() == -120.0
    with virtual_desk.play(write_wav(tmp_path / "noise.wav", noise(3.0, 48_000), 48_000)) as player:
        engine.run_until(lambda turns: len(turns) > 3 and bool(turns[-2].pcm.any()))
        assert -20.0 < engine.feed.level_dbfs() < 0.0
        player.terminate()


def test_a_pulled_microphone_is_noticed_the_session_goes_on_and_plugging_it_in_resumes(
    virtual_desk: VirtualDesk, engine: Engine, tmp_path: Path
) -> None:
    engine.run(5)
    before = CLOCK.now_ns()
    virtual_desk.unplug()
    try:
        engine.run_until_told("does not answer")
        noticed = CLOCK.now_ns()
        engine.run(8)
    finally:
        virtual_desk.replug()
    engine.run_until_told("is back")
    engine.run(5)
    assert [notice.level for notice in engine.notices] == ["error", "info"]
    assert noticed - before < 1_700_000_000
    gaps = _gaps(engine)
    assert {gap.kind for gap in gaps} == {"unplugged"}
    assert sum(gap.dur_ns for gap in gaps) > 1_500_000_000
    for gap, following in pairwise(gaps):
        assert gap.t_ns + gap.dur_ns == following.t_ns
    last = engine.turns[-1]
    elapsed_ns = last.mono_ns - engine.turns[0].mono_ns
    assert abs(elapsed_ns - last.index * 200_000_000) < 60_000_000


def test_a_sound_server_that_dies_ends_nothing(virtual_desk: VirtualDesk) -> None:
    code = """
import sys
from tests.capture.sound_made import Engine
from tmlapp.capture.device_feed import DeviceFeed
from tmlapp.capture.microphone import Microphone
from tmlapp.core.clock import MonotonicClock
feed = DeviceFeed(Microphone("vd_mic", clock=MonotonicClock()), clock=MonotonicClock())
engine = Engine(feed)
engine.run(2)
print("ready", flush=True)
engine.run_until_told("does not answer")
engine.run(5)
print("silent", flush=True)
engine.run_until_told("is back")
engine.run(2)
feed.close()
print("back", len(engine.turns), flush=True)
"""
    # Not below tmp_path: the name of a Unix socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="vdesk-"))
    desk = VirtualDesk(folder)
    desk.start()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", code], env=desk.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as app:
            assert app.stdout is not None
            assert app.stdout.readline() == "ready\n"
            desk.stop()
            assert app.stdout.readline() == "silent\n"
            desk.start()
            assert app.stdout.readline().startswith("back")
    finally:
        desk.stop()
        shutil.rmtree(folder)


@pytest.mark.crash
def test_a_process_that_stood_still_for_five_seconds_loses_no_place(virtual_desk: VirtualDesk, tmp_path: Path) -> None:
    source = noise(14.0, 48_000)
    wav = write_wav(tmp_path / "noise.wav", source, 48_000)
    out = tmp_path / "captured.npy"
    code = f"""
import numpy as np, sys
from tests.capture.sound_made import Engine
from tmlapp.capture.device_feed import DeviceFeed
from tmlapp.capture.microphone import Microphone
from tmlapp.core.clock import MonotonicClock
feed = DeviceFeed(Microphone("vd_mic", clock=MonotonicClock()), clock=MonotonicClock())
engine = Engine(feed)
engine.run_until(lambda turns: len(turns) > 8 and turns[-8].pcm.any())
print("ready", flush=True)
engine.run_until(lambda turns: len(turns) > 47)
feed.close()
np.save({str(out)!r}, engine.pcm)
for turn in engine.turns:
    for event in turn.events:
        print(event.t_ns, event.dur_ns, event.kind)
"""
    with (
        virtual_desk.play(wav) as player,
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=virtual_desk.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as app,
    ):
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n"
        app.send_signal(signal.SIGSTOP)
        virtual_desk.let_pass(5.0)
        app.send_signal(signal.SIGCONT)
        gaps = app.stdout.read().splitlines()
        player.terminate()
    captured = np.load(out)
    expected = resample(source, 48_000, 16_000)
    begin, end = captured[16_000 - 3200 : 16_000], captured[-6400:]
    apart = place_of(end, expected) - place_of(begin, expected)
    assert abs(apart - (len(captured) - 6400 - (16_000 - 3200))) < 16_000 * 0.06, gaps


def test_without_a_microphone_silence_keeps_the_cadence_and_says_so() -> None:
    feed = DeviceFeed(None, clock=CLOCK)
    engine = Engine(feed)
    engine.run(3)
    feed.close()
    assert not engine.pcm.any()
    assert [gap.kind for gap in _gaps(engine)] == ["absent"]
    assert feed.info.mic.kind == "none"
    assert feed.finished
    assert feed.poll() is None


def test_a_microphone_that_is_not_there_is_an_error_that_lists_what_there_is(virtual_desk: VirtualDesk) -> None:
    with pytest.raises(AppError, match="vd_mic"):
        DeviceFeed(Microphone("no such", clock=CLOCK), clock=CLOCK).open(lambda: None)


def test_a_microphone_that_refuses_its_format_is_an_error_in_portaudios_words(virtual_desk: VirtualDesk) -> None:
    with pytest.raises(AppError, match="cannot be opened") as caught:
        DeviceFeed(Microphone("vd_mic", clock=CLOCK, rate_hz=5_000_000), clock=CLOCK).open(lambda: None)
    assert caught.value.why.endswith(".")


def test_devices_are_found_by_name_part_and_default(virtual_desk: VirtualDesk) -> None:
    names = [device.name for device in list_devices().microphones]
    assert {"vd_mic", "vd_eight"} <= set(names)
    assert resolve("input", "eight").name == "vd_eight"
    assert resolve("output", "default").default
    with pytest.raises(AppError, match="more than one"):
        resolve("input", "vd_")


def _play_out(speaker: Speaker) -> list[Played]:
    """Poll until nothing sounds any more."""
    report = speaker.poll()
    pause = threading.Event()
    while speaker.busy:
        CLOCK.wait(pause, CLOCK.now_ns() + 20_000_000)
        report += speaker.poll()
    return report


@pytest.fixture
def speaker(virtual_desk: VirtualDesk) -> Iterator[Speaker]:
    # More in hand than a session keeps: these tests compare every sample, and the machine may be busy.
    loudspeaker = Speaker("vd_speaker", clock=CLOCK, latency=0.2)
    loudspeaker.open()
    yield loudspeaker
    loudspeaker.close()


def _until_recording(raw: Path) -> None:
    deadline = CLOCK.now_ns() + int(PATIENCE_S * 1e9)
    pause = threading.Event()
    while not raw.exists() or raw.stat().st_size < 9_600:
        assert CLOCK.now_ns() < deadline
        CLOCK.wait(pause, CLOCK.now_ns() + 10_000_000)


def test_what_is_said_is_heard_bit_for_bit_and_reported_with_its_time(
    virtual_desk: VirtualDesk, speaker: Speaker, tmp_path: Path
) -> None:
    said = noise(1.0, 24_000)
    raw = tmp_path / "heard.raw"
    recorder = virtual_desk.record(raw)
    _until_recording(raw)
    asked_ns = CLOCK.now_ns()
    for at in range(0, len(said), 4800):
        speaker.play("one", said[at : at + 4800], 24_000)
    report = _play_out(speaker)
    virtual_desk.let_pass(0.2)
    recorder.terminate()
    recorder.wait()
    heard: Pcm = np.fromfile(raw, np.int16)
    expected = np.concatenate([resample(said, 24_000, 48_000)])
    at = place_of(expected, heard)
    assert np.array_equal(heard[at : at + 47_900], expected[:47_900])
    assert np.array_equal(np.concatenate([piece.pcm for piece in report]), said)
    assert [piece.done for piece in report] == [False] * (len(report) - 1) + [True]
    assert not any(piece.interrupted for piece in report)
    assert 0 < report[0].start_mono_ns - asked_ns < 500_000_000
    for piece, following in pairwise(report):
        step_ns = following.start_mono_ns - piece.start_mono_ns
        assert abs(step_ns - len(piece.pcm) * 1e9 / 24_000) < 40_000_000


def test_a_barge_in_throws_away_what_was_not_sent(speaker: Speaker) -> None:
    said = noise(2.0, 24_000)
    speaker.play("one", said, 24_000)
    speaker.play("two", said, 24_000)
    report: list[Played] = []
    pause = threading.Event()
    while not report:
        CLOCK.wait(pause, CLOCK.now_ns() + 20_000_000)
        report += speaker.poll()
    speaker.flush()
    speaker.play("three", said[:4800], 24_000)
    report += _play_out(speaker)
    ends = {piece.item_id: piece for piece in report}
    assert ends["one"].interrupted
    assert ends["one"].done
    assert 0 < sum(len(piece.pcm) for piece in report if piece.item_id == "one") < len(said)
    assert ends["two"].interrupted
    assert not sum(len(piece.pcm) for piece in report if piece.item_id == "two")
    assert not ends["three"].interrupted
    assert sum(len(piece.pcm) for piece in report if piece.item_id == "three") == 4800


def test_a_muted_loudspeaker_reports_silence(speaker: Speaker) -> None:
    speaker.set_muted(True)
    speaker.play("one", noise(0.2, 48_000), 48_000)
    report = _play_out(speaker)
    assert sum(len(piece.pcm) for piece in report) == 9600
    assert not any(piece.pcm.any() for piece in report)


def test_the_devices_are_read_again_while_the_loudspeaker_is_idle_but_not_while_it_speaks(
    virtual_desk: VirtualDesk,
) -> None:
    audio = AudioSystem()
    speaker = Speaker("vd_speaker", clock=CLOCK, audio=audio)
    microphone = Microphone("vd_mic", clock=CLOCK, audio=audio)
    speaker.open()
    try:
        assert audio.refresh(microphone)
        speaker.play("one", noise(0.5, 48_000), 48_000)
        assert not audio.refresh(microphone)
        assert sum(len(piece.pcm) for piece in _play_out(speaker)) == 24_000
    finally:
        speaker.close()
