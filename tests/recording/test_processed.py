"""Both tracks of a session with an echo canceller: the sound as captured, and what the endpoint heard."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.recording.parts import make_info, make_turn, recorder
from tests.recording.test_reader import replaced, without
from tests.recording.test_recover import holed, places
from tmlapp.cli.show import echo_lines
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Health, Heard
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS, TURN_SAMPLES
from tmlapp.recording import log_writer
from tmlapp.recording.export.folder import export_folder
from tmlapp.recording.export.sound import Source
from tmlapp.recording.finalize import write_finished
from tmlapp.recording.log_writer import LogWriter
from tmlapp.recording.part import PartFile
from tmlapp.recording.peaks import Peaks, build_peaks
from tmlapp.recording.reader import PROCESSED, Recording
from tmlapp.recording.recover import RecoveryReport, recover
from tmlapp.recording.replay import RecordedFeed
from tmlapp.recording.scan import Found, payloads, scan
from tmlapp.recording.schema import FIRST_TOPICS, TOPICS, Sound
from tmlapp.recording.summary import summarize
from tmlapp.recording.verify import verify
from tmlapp.recording.writer import Recorder

pytestmark = pytest.mark.unit

TURNS = 4


def heard_of(index: int) -> MicroTurn:
    """What the endpoint heard in micro-turn `index`: a tenth of what was captured."""
    turn = make_turn(index)
    return replace(turn, pcm=(turn.pcm // 10).astype(np.int16))


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An unfinished recording with both tracks."""
    file = PartFile.create(tmp_path_factory.mktemp("part"), "s")
    log = LogWriter(file)
    log.start(make_info())
    for index in range(TURNS):
        log.turn(heard_of(index), 10 * index, 10 * index + 3, None, make_turn(index).pcm)
    file.flush()
    file.close()
    return file.path.read_bytes()


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    failures: list[AppError] = []
    writer = recorder(tmp_path, failures)
    writer.start()
    for index in range(TURNS):
        writer.turn(heard_of(index), ready_ns=0, pushed_ns=1, drift_ppm=None, raw=make_turn(index).pcm)
    writer.heard(0, np.full(24_000, 99, np.int16), 24_000)
    writer.event(Heard(t_ns=0, item_id="i", text="one", dur_ns=10**9))
    assert failures == []
    return Recording.open(writer.close())


def whole(make: object) -> Pcm:
    return np.concatenate([make(index).pcm for index in range(TURNS)])  # type: ignore[operator]


def test_the_microphone_is_kept_as_captured_and_the_micro_turns_as_the_endpoint_heard_them(
    recording: Recording,
) -> None:
    assert verify(recording.path).ok
    assert recording.topics[PROCESSED] == recording.topics["/mic"] == TURNS
    assert recording.input_topic == PROCESSED
    assert np.array_equal(recording.audio("/mic")[0], whole(make_turn))
    assert np.array_equal(recording.audio(PROCESSED)[0], whole(heard_of))
    part_of_it, rate = recording.audio(PROCESSED, TURN_NS // 2, 3 * TURN_NS // 2)
    assert (rate, len(part_of_it)) == (16_000, TURN_SAMPLES)
    assert np.array_equal(part_of_it, whole(heard_of)[1_600:4_800])
    assert np.array_equal(np.concatenate([t.pcm for t in recording.turns(1)]), whole(heard_of)[TURN_SAMPLES:])
    assert np.array_equal(build_peaks(recording, PROCESSED).finest, Peaks.of(whole(heard_of), 16_000).finest)


def test_a_replay_feeds_what_was_heard_and_says_so(recording: Recording) -> None:
    feed = RecordedFeed(recording, realtime=False, clock=ManualClock())
    feed.open(lambda: None)
    turns = []
    while not feed.finished:
        if (captured := feed.poll()) is not None:
            turns.append(captured.pcm)
    feed.close()
    assert np.array_equal(np.concatenate(turns), whole(heard_of))
    assert feed.info.mic.actual["track"] == PROCESSED


def test_an_export_has_both_and_a_mix_has_no_echo(recording: Recording, tmp_path: Path) -> None:
    names = {path.name: path for path in export_folder(recording, tmp_path / "out")}
    for name, expected in (("user.wav", make_turn), ("processed.wav", heard_of)):
        with wave.open(str(names[name]), "rb") as file:
            assert np.array_equal(np.frombuffer(file.readframes(-1), "<i2"), whole(expected))
    sides = Source(recording, "stereo").read(0, 3 * TURN_SAMPLES).astype(float)
    assert np.abs(sides[:, 0]).max() < 10_000, "the microphone without the loudspeaker in it"
    assert np.array_equal(Source(recording, "mic").read(0, TURN_SAMPLES)[:, 0], make_turn(0).pcm)


ON = {"mode": "on", "library": "pywebrtc-audio 0.2.0"}


@pytest.mark.parametrize(
    ("options", "losses", "told", "line"),
    [
        ({"echo": {"mode": "none"}}, [None], None, None),
        ({}, [30.0], None, None),
        ({"echo": {"mode": "headphones"}}, [None], {"mode": "headphones", "heard": "/mic", "loss_db": None},
         "headphones: the model heard the microphone as it is"),
        ({"echo": ON}, [None], {**ON, "heard": PROCESSED, "loss_db": None},
         "no echo was met by pywebrtc-audio 0.2.0; the model heard /mic/processed"),
        ({"echo": ON}, [None, 20.0, 31.0, 33.0], {**ON, "heard": PROCESSED, "loss_db": 31.0},
         "31 dB taken out by pywebrtc-audio 0.2.0; the model heard /mic/processed"),
    ],
)  # fmt: skip
def test_a_summary_says_what_stood_between(
    tmp_path: Path,
    options: dict[str, object],
    losses: list[float | None],
    told: dict[str, object] | None,
    line: str | None,
) -> None:
    info, failures = replace(make_info(), options=options), list[AppError]()
    writer = Recorder(tmp_path, "s", info, clock=MonotonicClock(), on_failure=failures.append)
    writer.start()
    raw = make_turn(0).pcm if options.get("echo") == ON else None
    writer.turn(heard_of(0), ready_ns=0, pushed_ns=1, drift_ppm=None, raw=raw)
    for loss in losses:
        writer.event(Health(t_ns=TURN_NS, turns=1, echo_loss_db=loss))
    summary = summarize(Recording.open(writer.close()))
    assert summary.get("echo") == told
    assert [said for _, said in echo_lines(summary)] == ([line] if line else [])


def repaired(folder: Path, part: bytes, *holes: tuple[int, int]) -> tuple[RecoveryReport, list[Pcm]]:
    report = recover(holed(folder, part, *holes))
    assert verify(report.path).ok
    return report, [turn.pcm for turn in Recording.open(report.path).turns()]


def test_a_crash_loses_neither_track(part: bytes, tmp_path: Path) -> None:
    report, turns = repaired(tmp_path, part)
    assert report.complete
    assert np.array_equal(np.concatenate(turns), whole(heard_of))


def inside(place: tuple[int, int]) -> tuple[int, int]:
    return place[0] + 100, place[0] + 200


def test_where_the_processed_sound_is_lost_the_captured_one_stands_in_and_is_named(part: bytes, tmp_path: Path) -> None:
    report, turns = repaired(tmp_path, part, inside(places(part, PROCESSED)[2]))
    assert (report.lost_processed, report.lost_turns, report.complete) == ((2,), (), False)
    assert np.array_equal(turns[2], make_turn(2).pcm)
    assert np.array_equal(turns[3], heard_of(3).pcm)
    records = list(Recording.open(report.path).turn_records())
    assert [record.get("lost_processed", False) for record in records] == [False, False, True, False]
    assert not Recording.open(report.path).audio(PROCESSED)[0][2 * TURN_SAMPLES : 3 * TURN_SAMPLES].any()


def test_where_the_captured_sound_is_lost_what_the_endpoint_heard_is_still_there(part: bytes, tmp_path: Path) -> None:
    report, turns = repaired(tmp_path, part, inside(places(part, "/mic")[1]))
    assert (report.lost_turns, report.lost_processed) == ((1,), ())
    assert np.array_equal(turns[1], heard_of(1).pcm)
    assert not Recording.open(report.path).audio("/mic")[0][TURN_SAMPLES : 2 * TURN_SAMPLES].any()


def test_a_micro_turn_whose_entry_is_lost_keeps_both(part: bytes, tmp_path: Path) -> None:
    report, turns = repaired(tmp_path, part, inside(places(part, "/turn")[3]))
    assert (report.rebuilt_turns, report.lost_processed) == ((3,), ())
    assert np.array_equal(turns[3], heard_of(3).pcm)
    assert np.array_equal(Recording.open(report.path).audio("/mic")[0], whole(make_turn))


def changed(folder: Path, part: bytes, change: object) -> Path:
    found = scan(part)
    messages = [message for _, message in payloads(part, found, iter(range(len(found))))]
    write_finished(folder / "changed.mcap", change(messages), [])  # type: ignore[operator]
    return folder / "changed.mcap"


def unsealed(messages: list[Found]) -> list[Found]:
    return [replace(m, data=m.data.replace(b'"processed_crc32":', b'"processed_crc32":"","was":')) for m in messages]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without(PROCESSED, 1), "the processed sound of micro-turn 1: missing"),
        (replaced(PROCESSED, 1, Sound(TURN_NS, bytes(6_400), 16_000).encode()), "micro-turn 1: not what was recorded"),
        (unsealed, "processed_crc32 is not of type int"),
    ],
)
def test_what_does_not_fit_together_is_named(part: bytes, tmp_path: Path, change: object, problem: str) -> None:
    report = verify(changed(tmp_path, part, change))
    assert any(problem in said for said in report.problems), report.problems


@pytest.mark.parametrize("topics", [FIRST_TOPICS, FIRST_TOPICS + 1, len(TOPICS)])
def test_recordings_of_every_version_so_far_are_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topics: int
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(log_writer, "TOPICS", TOPICS[:topics])
        failures: list[AppError] = []
        writer = recorder(tmp_path, failures)
        writer.start()
        writer.turn(make_turn(0), ready_ns=0, pushed_ns=1, drift_ppm=None)
        recording = Recording.open(writer.close())
    assert (recording.n_turns, recording.input_topic) == (1, "/mic")
    assert recording.audio(PROCESSED)[0].tolist() == [0] * TURN_SAMPLES
    assert verify(recording.path).ok
