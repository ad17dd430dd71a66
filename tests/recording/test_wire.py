"""Frames of the wire have a topic of their own; recordings that do not know it are read as ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recording.parts import make_info, make_turn, record, recorder
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    ConnectionChanged,
    EndpointEvent,
    InputLost,
    RoundTrip,
    UnitDone,
    Unrecognized,
    WireFrame,
)
from tmlapp.core.units import TURN_NS
from tmlapp.recording import log_writer
from tmlapp.recording.export.folder import export_folder
from tmlapp.recording.log import Log
from tmlapp.recording.log_writer import LogWriter
from tmlapp.recording.part import PartFile
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import recover
from tmlapp.recording.schema import FIRST_TOPICS, TOPICS
from tmlapp.recording.summary import interruption, summarize
from tmlapp.recording.verify import verify

pytestmark = pytest.mark.unit

FRAMES = [
    WireFrame(seq=1, t_rx_ns=-5, index=0, direction="sent", size=90, message={"type": "session.update", "key": "•••"}),
    WireFrame(seq=2, t_rx_ns=TURN_NS, index=1, direction="received", size=7, message=["odd", 1, None], note="no JSON"),
    WireFrame(
        seq=5, t_rx_ns=3 * TURN_NS, index=2, direction="sent", size=12_800, message={"bytes": 9_600, "sha256": "ab"}
    ),
]
OTHERS = [
    ConnectionChanged(seq=0, state="connecting"),
    InputLost(seq=3, t_rx_ns=TURN_NS, micro_turn=0, what="turn", reason="The connection was lost."),
    RoundTrip(seq=4, t_rx_ns=TURN_NS, rtt_ns=25_000_000),
    Unrecognized(seq=6, t_rx_ns=3 * TURN_NS, name="mood.changed"),
]


def remote_recording(folder: Path) -> Path:
    writer = recorder(folder, [])
    writer.start()
    for event in (*OTHERS, *FRAMES):
        writer.event(event)
    for index in range(4):
        writer.turn(make_turn(index), ready_ns=0, pushed_ns=1, drift_ppm=None)
    return writer.close()


def test_frames_are_read_back_apart_from_the_events(tmp_path: Path) -> None:
    recording = Recording.open(remote_recording(tmp_path))
    assert list(recording.wire()) == FRAMES
    assert list(recording.wire(TURN_NS, 3 * TURN_NS)) == FRAMES[1:2]
    assert list(recording.events()) == OTHERS
    assert list(recording.events((EndpointEvent,))) == OTHERS
    assert list(recording.events((InputLost,))) == OTHERS[1:2]
    assert recording.topics["/wire"] == 3


def test_a_recording_with_frames_verifies_and_is_exported(tmp_path: Path) -> None:
    path = remote_recording(tmp_path)
    assert verify(path).problems == []
    names = [p.name for p in export_folder(Recording.open(path), tmp_path / "out")]
    lines = (tmp_path / "out" / "wire.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2]
    assert names.index("wire.jsonl") == names.index("events.jsonl") + 1


def test_what_was_not_sent_is_summed_up(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    for event in (
        *OTHERS,
        InputLost(micro_turn=1, what="video", reason="slow"),
        ConnectionChanged(state="open", epoch=2),
        UnitDone(micro_turn=0, latency_ns=1),
    ):
        writer.event(event)
    recording = Recording.open(writer.close())
    health = summarize(recording)["health"]
    assert (health["not_sent"], health["reconnects"]) == (1, 2)
    told = "1 micro-turn (0.2 s) did not reach the model, the connection was made again 2 times"
    assert interruption(recording) == told


def test_a_session_without_losses_was_not_interrupted(tmp_path: Path) -> None:
    assert interruption(Recording.open(record(tmp_path))) == ""


def test_frames_survive_a_repair_but_for_those_that_are_none(tmp_path: Path) -> None:
    part = PartFile.create(tmp_path, "cut")
    log = LogWriter(part)
    log.start(make_info())
    log.turn(make_turn(0), 0, 1, None)
    for frame in FRAMES:
        log.event(frame)
    log._json("/wire", 0, {"type": "WireFrame", "direction": "sent"})
    part.flush()
    part.close()
    report = recover(part.path)
    assert report.malformed == 1
    assert list(Recording.open(report.path).wire()) == FRAMES
    assert verify(report.path).ok


def test_frames_are_found_where_the_beginning_of_a_file_is_lost(tmp_path: Path) -> None:
    part = PartFile.create(tmp_path, "head")
    log = LogWriter(part)
    log.start(make_info())
    for frame in FRAMES:
        log.event(frame)
    part.flush()
    part.close()
    data = bytearray(part.path.read_bytes())
    data[: data.find(b'{"type":"WireFrame"') - 40] = bytes(data.find(b'{"type":"WireFrame"') - 40)
    part.path.write_bytes(data)
    assert list(Recording.open(recover(part.path).path).wire()) == FRAMES


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recording as the first version of the format left it."""
    with monkeypatch.context() as patched:
        patched.setattr(log_writer, "TOPICS", TOPICS[:FIRST_TOPICS])
        return record(tmp_path)


def test_an_older_recording_is_read_verified_and_exported_as_ever(older: Path, tmp_path: Path) -> None:
    recording = Recording.open(older)
    assert len(Log.open(older).summary.channels) == FIRST_TOPICS
    assert verify(older).ok
    assert list(recording.wire()) == []
    assert recording.n_turns == 5
    assert list(recording.events()) == list(Recording.open(record(tmp_path, name="now")).events())
    assert not any(p.name == "wire.jsonl" for p in export_folder(recording, tmp_path / "out"))


def test_a_damaged_older_recording_is_repaired(older: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(older.read_bytes()[:-200])
    report = recover(cut)
    assert (report.turns, report.lost_turns) == (5, ())
    assert list(Recording.open(report.path).events()) == list(Recording.open(older).events())


@pytest.mark.parametrize("kept", [TOPICS[: FIRST_TOPICS - 1], (*TOPICS[:-1], TOPICS[0])])
def test_other_channels_than_ours_are_refused(kept: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "TOPICS", kept)
    with pytest.raises(AppError, match=r"is not a recording of this app|did not verify"):
        Recording.open(record(tmp_path))
