from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.capture.sound_made import noise, write_wav
from tests.live.parts import ListFeed, captured
from tmlapp.capture.program_tracks import read_sound
from tmlapp.config.settings import Settings
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Marker
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS, TURN_SAMPLES
from tmlapp.live.observer import BlankObserver
from tmlapp.live.take import (
    EXPECT,
    INSTRUCTION,
    TAKE,
    TakePlan,
    TakeRecorder,
    recover_take,
    take_recorder,
    unfinished_takes,
)
from tmlapp.live.take_watch import TakeWatch
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


class At(BlankObserver):
    """Does something when a micro-turn has gone by."""

    def __init__(self, index: int, act: object) -> None:
        self._index = index
        self._act = act

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        if turn.index == self._index:
            self._act()  # type: ignore[operator]


def file_take(folder: Path, pcm: Pcm, **changes: object) -> TakeRecorder:
    folder.mkdir(parents=True, exist_ok=True)
    source = write_wav(folder / "source.wav", pcm, 16_000)
    plan = TakePlan(folder=folder / "takes" / "ts-0001", name="t1", source=str(source), fast=True, **changes)  # type: ignore[arg-type]
    return take_recorder(plan, Settings(), clock=ManualClock())


def recorded(recorder: TakeRecorder) -> Recording:
    recorder.start()
    assert recorder.wait(PATIENCE_S)
    return Recording.open(recorder.stop())


def test_a_take_is_recorded_to_the_sample_with_its_count_in_and_its_marks(tmp_path: Path) -> None:
    pcm = noise(2.0, 16_000)
    recorder = file_take(tmp_path, pcm, count_in_s=0.5, instruction="Count.")
    dropped: list[int] = []
    recorder.add_observer(At(4, lambda: dropped.append(recorder.drop(note="says one"))))
    recorder.add_observer(At(5, lambda: dropped.append(recorder.drop(INSTRUCTION))))
    assert recorder.recording_path is None
    recording = recorded(recorder)
    assert recording.path == tmp_path / "takes" / "ts-0001" / "t1.mcap"
    assert np.array_equal(recording.audio("/mic")[0], pcm)
    assert recording.info["options"] == {TAKE: {"count_in_ns": 500_000_000}}
    assert recording.info["endpoint"] == "scripted:silent"
    marks = [(m.t_ns, m.label, m.note) for m in recording.events((Marker,)) if isinstance(m, Marker)]
    assert (500_000_000, TAKE, "") in marks
    assert (dropped[0], EXPECT, "says one") in marks
    assert (dropped[1], INSTRUCTION, "") in marks
    assert len(marks) == 3
    assert recorder.error is None
    assert recorder.state == "closed"
    assert recorder.recording_path == recording.path


def test_without_a_count_in_nothing_marks_its_end(tmp_path: Path) -> None:
    assert list(recorded(file_take(tmp_path, noise(0.4, 16_000))).events((Marker,))) == []


def test_nothing_can_be_marked_outside_a_take(tmp_path: Path) -> None:
    recorder = file_take(tmp_path, noise(0.4, 16_000))
    with pytest.raises(AppError, match="No take is being recorded"):
        recorder.drop()
    recorded(recorder)
    with pytest.raises(AppError, match="No take is being recorded"):
        recorder.drop()


def test_a_take_runs_until_it_is_stopped_and_counts_in(tmp_path: Path) -> None:
    feed = ListFeed([captured(0), captured(1)], ends=False)
    clock = ManualClock(1_000)
    recorder = TakeRecorder(TakePlan(folder=tmp_path, name="t1", count_in_s=1.0), feed, clock=clock)
    seen: list[int] = []
    recorder.add_observer(At(1, lambda: seen.append(recorder.counting_ns())))
    recorder.start()
    assert recorder.level_dbfs() == -20.0
    assert recorder.preview() is None
    while not seen:
        recorder.wait(0.01)
    clock.advance(400_000_000)
    assert recorder.now_ns() == 400_000_000
    assert recorder.counting_ns() == 600_000_000
    clock.advance(700_000_000)
    assert recorder.counting_ns() == 0
    assert recorder.state == "running"
    recorder.request_stop()
    # The micro-turn in which somebody pressed stop still belongs to the take; the next one does not.
    feed.more(*(captured(index) for index in range(2, 8)))
    path = recorder.stop()
    assert path == tmp_path / "t1.mcap"
    assert Recording.open(path).n_turns == 6
    assert feed.closed == 1


def test_a_microphone_that_gives_nothing_more_does_not_keep_the_take_open(tmp_path: Path) -> None:
    clock = ManualClock(1_000)
    feed = ListFeed([captured(0)], ends=False)
    recorder = TakeRecorder(TakePlan(folder=tmp_path, name="t1"), feed, clock=clock)
    recorder.start()
    paths: list[Path] = []
    stopping = threading.Thread(target=lambda: paths.append(recorder.stop()))
    stopping.start()
    while not paths:
        clock.advance(100_000_000)
        stopping.join(0.01)
    stopping.join()
    assert Recording.open(paths[0]).n_turns == 1


def test_a_name_that_is_taken_is_never_overwritten(tmp_path: Path) -> None:
    first = recorded(file_take(tmp_path, noise(0.4, 16_000))).path
    before = first.read_bytes()
    second = recorded(file_take(tmp_path, noise(0.4, 16_000, seed=2))).path
    assert second.name == "t1 (2).mcap"
    assert first.read_bytes() == before


def test_a_take_that_cannot_start_is_one_clear_error(tmp_path: Path) -> None:
    fails = ListFeed([], fails=AppError("No microphone.", "It is gone.", "Plug it in."))
    recorder = TakeRecorder(TakePlan(folder=tmp_path, name="t1"), fails, clock=ManualClock())
    with pytest.raises(AppError, match="It is gone"):
        recorder.start()
    with pytest.raises(AppError, match="It is gone"):
        recorder.stop()
    (tmp_path / "file").write_text("mine")
    blocked = TakeRecorder(TakePlan(folder=tmp_path / "file" / "x", name="t1"), ListFeed([]), clock=ManualClock())
    with pytest.raises(AppError, match="for takes cannot be made"):
        blocked.start()
    with pytest.raises(AppError, match="cannot last 90 s"):
        TakeRecorder(TakePlan(folder=tmp_path, name="t1", count_in_s=90), ListFeed([]))


def watched(pcm: Pcm, count_in_ns: int = 0) -> TakeWatch:
    watch = TakeWatch(count_in_ns)
    for index in range(len(pcm) // TURN_SAMPLES):
        piece = pcm[index * TURN_SAMPLES : (index + 1) * TURN_SAMPLES]
        turn = captured(index, pcm=piece)
        watch.on_turn(MicroTurn(index, piece, (), (), (), 0), turn)
    return watch


def test_level_and_clipping_count_after_the_count_in_only() -> None:
    pcm = np.zeros(3 * TURN_SAMPLES, np.int16)
    pcm[100] = 32_767
    pcm[TURN_SAMPLES + 99] = -32_768
    pcm[TURN_SAMPLES + 100] = 16_384
    pcm[2 * TURN_SAMPLES + 5 : 2 * TURN_SAMPLES + 10] = 32_700
    early = watched(pcm[: 2 * TURN_SAMPLES], TURN_NS + 100 * 62_500).sound
    assert early.clipped == 0
    assert early.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert early.now_peak_dbfs == 0.0
    assert early.t_ns == 2 * TURN_NS
    late = watched(pcm, TURN_NS + 100 * 62_500).sound
    assert late.clipped == 5
    assert watched(pcm).sound.clipped == 7
    silence = watched(np.zeros(TURN_SAMPLES, np.int16)).sound
    assert (silence.now_peak_dbfs, silence.now_rms_dbfs, silence.snr_db) == (-120.0, -120.0, None)
    assert silence.noise_dbfs == -120.0


@pytest.mark.parametrize("snr_db", [10, 20, 40])
def test_the_signal_to_noise_ratio_of_real_speech_in_noise_is_known_within_2_db(shared_data: Path, snr_db: int) -> None:
    speech = read_sound(shared_data / "speech" / "cmusphinx__pocketsphinx" / "goforward.wav")[0].astype(float)
    frames = np.square(speech[: len(speech) // 320 * 320].reshape(-1, 320)).mean(axis=1)
    power = frames[frames > frames.max() * 10**-3.5].mean() / 10 ** (snr_db / 10)
    sound = np.random.default_rng(1).standard_normal(32_000 + len(speech)) * np.sqrt(power)
    sound[16_000 : 16_000 + len(speech)] += speech
    found = watched(np.clip(sound, -32768, 32767).astype(np.int16), 10**9).sound
    assert found.snr_db == pytest.approx(snr_db, abs=2)
    assert found.noise_dbfs == pytest.approx(10 * np.log10(power / 32768**2), abs=0.5)
    assert found.voice_s > 0.5


def test_what_the_microphone_lost_is_counted() -> None:
    watch = TakeWatch()
    watch.on_event(Gap(t_ns=0, track="mic", dur_ns=40_000_000, reason="lost"))
    watch.on_event(Gap(t_ns=0, track="camera", dur_ns=40_000_000, reason="lost"))
    piece = np.zeros(TURN_SAMPLES, np.int16)
    watch.on_turn(MicroTurn(0, piece, (), (), (), 0), captured(0, pcm=piece))
    assert watch.sound.lost_s == 0.04


@pytest.mark.crash
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_take_that_was_killed_is_offered_again_and_holds_what_was_recorded(tmp_path: Path) -> None:
    source = write_wav(tmp_path / "long.wav", noise(30.0, 16_000), 16_000)
    folder = tmp_path / "set" / "takes" / "cs-0001"
    command = [sys.executable, "-m", "tests.live.take_child", str(source), str(folder), "t1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8") as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line == "turn 6\n":
                # It is being recorded: nobody may take it yet.
                assert unfinished_takes(tmp_path / "set") == []
                child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    (found,) = unfinished_takes(tmp_path / "set")
    assert (found.item, found.name, found.part) == ("cs-0001", "t1", folder / "t1.mcap.part")
    assert found.bytes > 6 * 6400
    path = recover_take(found.part)
    assert path == folder / "t1.mcap"
    recording = Recording.open(path)
    assert recording.n_turns >= 6
    assert recording.info["options"] == {TAKE: {"count_in_ns": 300_000_000, "speaker": "s-014"}}
    assert np.array_equal(recording.audio("/mic")[0], noise(30.0, 16_000)[: recording.n_turns * TURN_SAMPLES])
    marks = [m for m in recording.events((Marker,)) if isinstance(m, Marker)]
    assert {(m.label, m.note) for m in marks} == {(TAKE, ""), (EXPECT, "says hello")}
    assert unfinished_takes(tmp_path / "set") == []


def test_a_set_without_takes_has_no_unfinished_ones(tmp_path: Path) -> None:
    assert unfinished_takes(tmp_path) == []
    (tmp_path / "takes").write_text("no folder")
    with pytest.raises(AppError, match="cannot be listed"):
        unfinished_takes(tmp_path)
