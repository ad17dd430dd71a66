"""The recorder: acknowledges what is safe, never blocks, fails once and aloud."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.recording.parts import (
    REST,
    assert_turns,
    events_of,
    make_info,
    make_turn,
    record,
    recorder,
    write_part,
)
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, Interrupted, TextOutDone, UnitDone, WireFrame
from tmlapp.core.media import Frame
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.recording import finalize as finalize_module
from tmlapp.recording import part as part_module
from tmlapp.recording.log_writer import dump_json
from tmlapp.recording.names import base_of, safe_name
from tmlapp.recording.part import PartFile
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import recover
from tmlapp.recording.scan import Found, payloads, scan
from tmlapp.recording.verify import verify
from tmlapp.recording.writer import Recorder

pytestmark = pytest.mark.unit


def put(writer: Recorder, turn: MicroTurn) -> None:
    writer.turn(turn, ready_ns=3, pushed_ns=5, drift_ppm=None)


def messages(path: Path, topic: str) -> list[Found]:
    data = path.read_bytes()
    found = scan(data)
    return [m for _, m in payloads(data, found, iter(range(len(found)))) if m.topic.name == topic]


def test_a_session_goes_in_and_comes_out(tmp_path: Path) -> None:
    failures: list[AppError] = []
    writer = recorder(tmp_path, failures)
    writer.start()
    assert writer.path == tmp_path / "s.mcap.part"
    assert writer.final_path == tmp_path / "s.mcap"
    assert writer.acknowledged_turn == -1
    for index in range(4):
        put(writer, make_turn(index))
        for event in events_of(index):
            writer.event(event)
        writer.cue(Cue(7, "start", "start"))
        writer.heard(9, np.arange(5, dtype=np.int16), 24_000)
    for event in REST:
        writer.event(event)
    final = writer.close()
    assert final == writer.final_path == writer.close()
    assert not failures
    assert writer.acknowledged_turn == 3
    assert [p.name for p in tmp_path.iterdir()] == ["s.mcap"]
    recording = Recording.open(final)
    assert_turns(recording, range(4))
    assert recording.info == make_info().to_json() | {"options": {}}
    assert list(recording.cues()) == [Cue(7, "start", "start")] * 4
    assert [e for k in range(4) for e in events_of(k)] + REST == list(recording.events())
    put(writer, make_turn(4))  # too late, and nobody is harmed


def test_the_first_message_is_the_setup_and_every_time_is_session_time(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path)
    data = part.read_bytes()
    found = scan(data)
    every = [m for _, m in payloads(data, found, iter(range(len(found))))]
    assert every[0].topic.name == "/setup"
    assert json.loads(every[0].data)["session_id"] == "s1"
    assert max(m.log_time for m in every) <= 6 * TURN_NS


def test_a_turn_is_acknowledged_only_after_the_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    held, go_on = threading.Event(), threading.Event()
    flush = PartFile.flush

    def slow_flush(self: PartFile) -> None:
        held.set()
        go_on.wait()
        flush(self)

    monkeypatch.setattr(PartFile, "flush", slow_flush)
    put(writer, make_turn(0))
    held.wait()
    assert writer.acknowledged_turn == -1
    go_on.set()
    writer.close()
    assert writer.acknowledged_turn == 0


def test_a_second_by_the_clock_brings_a_checkpoint_and_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, synced = ManualClock(), threading.Event()
    writer = recorder(tmp_path, [], clock=clock)
    writer.start()
    sync = PartFile.sync
    monkeypatch.setattr(PartFile, "sync", lambda self: (sync(self), synced.set()))
    put(writer, make_turn(0))
    clock.await_waiters()
    while writer.acknowledged_turn < 0:
        clock.await_waiters()
    assert not synced.is_set()
    clock.advance(NS_PER_S)
    synced.wait()
    (checkpoint,) = messages(writer.path, "/checkpoint")
    value = json.loads(checkpoint.data)
    assert value["turn"] == 0
    assert value["counts"] == {"/setup": 1, "/mic": 1, "/camera": 2, "/turn": 1}
    assert value["from"] == 0 < value["bytes"] < writer.path.stat().st_size
    writer.close()


def test_checkpoints_seal_every_byte_before_them(tmp_path: Path) -> None:
    import zlib

    part, _ = write_part(tmp_path)
    data = part.read_bytes()
    at = 0
    for checkpoint in messages(part, "/checkpoint"):
        value = json.loads(checkpoint.data)
        assert value["from"] == at
        at = value["bytes"]
        assert zlib.crc32(data[value["from"] : at]) == value["crc32"]
    assert at


def test_more_than_fits_is_a_failure_told_once_and_never_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[AppError] = []
    writer = Recorder(
        tmp_path, "s", make_info(), clock=MonotonicClock(), on_failure=failures.append, max_pending_bytes=40_000
    )
    writer.start()
    go_on, flush = threading.Event(), PartFile.flush
    monkeypatch.setattr(PartFile, "flush", lambda self: (go_on.wait(), flush(self))[1])
    for index in range(20):
        put(writer, make_turn(index))
    assert len(failures) == 1
    assert "cannot keep up" in failures[0].what
    assert writer.failure is failures[0]
    go_on.set()
    recording = Recording.open(writer.close())
    assert 0 < recording.n_turns < 20
    assert_turns(recording, range(recording.n_turns))


def test_a_session_faster_than_time_waits_for_the_disk_and_loses_nothing(tmp_path: Path) -> None:
    failures: list[AppError] = []
    writer = Recorder(
        tmp_path, "s", make_info(), clock=MonotonicClock(), on_failure=failures.append, max_pending_bytes=40_000
    )
    writer.start()
    for k in range(200):
        put(writer, make_turn(k))
        writer.await_room()
    assert Recording.open(writer.close()).n_turns == 200
    assert failures == []


def test_a_second_failure_is_not_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[AppError] = []
    writer = Recorder(
        tmp_path, "s", make_info(), clock=MonotonicClock(), on_failure=failures.append, max_pending_bytes=40_000
    )
    writer.start()
    go_on = threading.Event()

    def break_down(self: PartFile) -> None:
        go_on.wait()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(PartFile, "flush", break_down)
    for index in range(20):
        put(writer, make_turn(index))
    go_on.set()
    assert Recording.open(writer.close()).n_turns == 0
    assert [e.what for e in failures] == ["The recording s.mcap.part cannot keep up."]


def test_an_io_error_cuts_the_file_back_to_the_last_good_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[AppError] = []
    told = threading.Event()
    writer = Recorder(
        tmp_path, "s", make_info(), clock=MonotonicClock(), on_failure=lambda e: (failures.append(e), told.set())[0]
    )
    writer.start()
    put(writer, make_turn(0))
    while writer.acknowledged_turn < 0:
        pass
    write, good = os.write, writer.bytes_written

    def fail(fd: int, data: Any) -> int:
        raise OSError(5, "Input/output error")

    def only_part(fd: int, data: Any) -> int:
        monkeypatch.setattr(part_module.os, "write", fail)
        return write(fd, data[:100])

    monkeypatch.setattr(part_module.os, "write", only_part)
    put(writer, make_turn(1))
    told.wait()
    monkeypatch.undo()
    assert failures[0].why == "Input/output error."
    assert writer.path.stat().st_size == good
    assert writer.acknowledged_turn == 0
    recording = Recording.open(writer.close())
    assert_turns(recording, [0])
    assert len(failures) == 1


def test_something_that_cannot_be_written_is_told_and_costs_nothing_before_it(tmp_path: Path) -> None:
    failures: list[AppError] = []
    told = threading.Event()
    writer = Recorder(
        tmp_path, "s", make_info(), clock=MonotonicClock(), on_failure=lambda e: (failures.append(e), told.set())[0]
    )
    writer.start()
    put(writer, make_turn(0))
    bad: Any = {"x": [object()]}
    writer.event(UnitDone(micro_turn=0, latency_ns=0, diagnostics=bad))
    told.wait()
    assert "object has no place" in failures[0].why
    assert_turns(Recording.open(writer.close()), [0])


def test_numbers_that_json_does_not_know_become_plain_ones_or_null() -> None:
    value = {"a": np.float32(0.5), "b": [float("nan"), 1.0], "c": {"d": (float("inf"),)}, "e": np.int64(3), "f": "é"}
    assert json.loads(dump_json(value)) == {"a": 0.5, "b": [None, 1.0], "c": {"d": [None]}, "e": 3, "f": "é"}
    assert json.loads(dump_json({"a": np.float32("nan")})) == {"a": None}


def test_nothing_can_be_recorded_before_the_start(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    for early in (lambda: writer.path, lambda: writer.final_path, lambda: writer.bytes_written, writer.close):
        with pytest.raises(RuntimeError, match="not started"):
            early()
    with pytest.raises(RuntimeError, match="not started"):
        writer.cue(Cue(0, "say", "x"))


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_folder_that_is_none_is_an_error_with_a_fix(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(AppError) as caught:
        recorder(tmp_path / kind / "", []).start()
    assert "Choose another folder" in caught.value.fix


def test_a_taken_name_is_numbered_whether_unfinished_or_finished(tmp_path: Path) -> None:
    first = recorder(tmp_path, [], name="a b ü")
    first.start()
    second = recorder(tmp_path, [], name="a b ü")
    second.start()
    assert second.path.name == "a b ü (2).mcap.part"
    assert first.close().name == "a b ü.mcap"
    third = recorder(tmp_path, [], name="a b ü")
    third.start()
    assert third.path.name == "a b ü (3).mcap.part"
    assert {second.close().name, third.close().name} == {"a b ü (2).mcap", "a b ü (3).mcap"}


def test_a_name_lost_at_the_last_moment_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(part_module, "try_lock", lambda _: next(answers))
    part = PartFile.create(tmp_path, "s")
    part.close()
    part.close()
    assert [p.name for p in tmp_path.iterdir()] == ["s (2).mcap.part"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Squats, day 1", "Squats, day 1"), ("a/b\\c:d*e", "a_b_c_d_e"), ("..", "session"), ("", "session"),
        ("CON", "_CON"), ("nul.txt", "_nul.txt"), ("x\n\x00y", "x__y"), (" .Übung. ", "Übung"),
        ("ü" * 300, "ü" * 100), ("日本語", "日本語"),
    ],
)  # fmt: skip
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_the_name_of_a_session_is_found_under_every_extension() -> None:
    assert {base_of(Path(f"a.b{e}")) for e in (".mcap", ".mcap.part", ".mcap.tmp", "")} == {"a.b"}


def test_a_file_that_does_not_verify_keeps_the_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    put(writer, make_turn(0))
    put(writer, make_turn(1))
    write_finished = finalize_module.write_finished

    def bad_disk(path: Path, *rest: Any) -> Any:
        written = write_finished(path, *rest)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        return written

    monkeypatch.setattr(finalize_module, "write_finished", bad_disk)
    with pytest.raises(AppError, match="did not verify"):
        writer.close()
    assert [p.name for p in tmp_path.iterdir()] == ["s.mcap.part"]
    monkeypatch.undo()
    assert_turns(Recording.open(writer.close()), [0, 1])


def test_a_message_that_got_lost_on_the_way_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, _ = write_part(tmp_path, turns=2)
    write_finished = finalize_module.write_finished

    def forgetful(path: Path, found: Any, lost: list[int]) -> Any:
        every = list(found)
        written = write_finished(path, every, lost)
        path.unlink()
        write_finished(path, [m for m in every if m.topic.name != "/cue"], lost)
        return written

    monkeypatch.setattr(finalize_module, "write_finished", forgetful)
    with pytest.raises(AppError, match="/cue does not read back"):
        finalize_module.finalize(part)
    assert part.exists()


def test_a_part_damaged_while_it_was_written_is_left_to_repair(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    put(writer, make_turn(0))
    while writer.acknowledged_turn < 0:
        pass
    with writer.path.open("r+b") as file:
        file.seek(-200, 2)
        file.write(bytes(100))
    with pytest.raises(AppError, match="tmlapp recover"):
        writer.close()
    assert recover(writer.path).damage


def test_a_foreign_file_with_the_final_name_is_not_overwritten(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    writer.final_path.write_bytes(b"mine")
    with pytest.raises(AppError, match="already exists"):
        writer.close()
    assert writer.final_path.read_bytes() == b"mine"


def test_frames_with_a_time_outside_their_turn_keep_it_and_are_found(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    template = make_turn(1)
    early, late = (Frame(t, template.frames[0].jpeg, 32, 24) for t in (-5, 10 * TURN_NS))
    turn = MicroTurn(1, template.pcm, (early, late))
    put(writer, make_turn(0))
    put(writer, turn)
    recording = Recording.open(writer.close())
    assert next(recording.turns(start=1)).frames == (early, late)


def test_sound_that_comes_faster_than_it_plays_is_placed_behind_itself(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    for index in range(6):
        put(writer, make_turn(index))
    second = np.full(2400, 7, "<i2").tobytes()
    writer.event(AudioOut(t_rx_ns=100_000_000, pcm16=second, rate=24_000))
    writer.event(AudioOut(t_rx_ns=110_000_000, pcm16=second, rate=24_000))
    writer.event(Interrupted(t_rx_ns=250_000_000))
    writer.event(AudioOut(t_rx_ns=260_000_000, pcm16=second, rate=24_000))
    writer.event(TextOutDone(t_rx_ns=-3, text="before time"))
    recording = Recording.open(writer.close())
    begins = [start for start, _ in recording.places("/model/audio")]
    assert begins == [100_000_000, 200_000_000, 260_000_000]
    assert [e.t_rx_ns for e in recording.events((TextOutDone,)) if isinstance(e, TextOutDone)] == [-3]


def test_an_empty_session_is_a_recording_too(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    recording = Recording.open(writer.close())
    assert recording.n_turns == recording.duration_ns == 0
    assert list(recording.turns()) == []
    assert recording.granted is None
    assert verify(recording.path).ok


def test_finishing_keeps_every_message(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, turns=3)
    data = part.read_bytes()
    found = scan(data)
    before = sorted((m.topic.name, m.sequence, m.data) for _, m in payloads(data, found, iter(range(len(found)))))
    part.unlink()
    data = record(tmp_path, turns=3).read_bytes()
    found = scan(data)
    assert before == sorted(
        (m.topic.name, m.sequence, m.data) for _, m in payloads(data, found, iter(range(len(found))))
    )


def test_large_frames_that_were_folded_do_not_count_as_they_came(tmp_path: Path) -> None:
    failures: list[AppError] = []
    recorder = Recorder(tmp_path, "s", make_info(), clock=MonotonicClock(), on_failure=failures.append)
    recorder.start()
    for index in range(40):
        recorder.event(WireFrame(index=index, direction="received", size=2**24, message={"bytes": 2**24}))
    path = recorder.close()
    assert failures == []
    assert len(list(Recording.open(path).wire())) == 40
