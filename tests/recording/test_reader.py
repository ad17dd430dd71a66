"""Reading back: bit for bit, at its place, and clear about what cannot be read."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import SeekingReader
from mcap.writer import MCAP0_MAGIC, Writer

from tests.recording.parts import (
    GRANTED,
    REST,
    assert_turns,
    events_of,
    make_info,
    make_turn,
    record,
    recorder,
    write_part,
)
from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, EndpointEvent, Gap, Health, Marker, SessionEvent, UnitDone
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES
from tmlapp.recording.finalize import write_finished
from tmlapp.recording.log import Log
from tmlapp.recording.log_writer import dump_json
from tmlapp.recording.reader import Recording
from tmlapp.recording.scan import Found, payloads, scan
from tmlapp.recording.schema import BY_ID, CHANNEL_IDS, Sound
from tmlapp.recording.verify import verify

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return Recording.open(record(tmp_path_factory.mktemp("reader")))


def test_turns_come_back_bit_for_bit(recording: Recording) -> None:
    assert_turns(recording, range(5))
    assert recording.n_turns == 5
    assert recording.duration_ns == 5 * TURN_NS
    assert recording.lost_turns == frozenset()
    assert [t.index for t in recording.turns(start=3)] == [3, 4]


def test_what_the_session_was_set_up_with_comes_back(recording: Recording) -> None:
    assert recording.info == make_info().to_json()
    assert recording.granted == GRANTED
    assert recording.topics["/turn"] == 5
    assert "/checkpoint" in recording.topics


def test_events_come_back_in_order_with_their_sound(recording: Recording) -> None:
    events = list(recording.events())
    expected = [e for k in range(5) for e in events_of(k)] + REST
    assert [e for e in events if isinstance(e, EndpointEvent)] == [e for e in expected if isinstance(e, EndpointEvent)]
    assert [e for e in events if isinstance(e, SessionEvent)] == [e for e in expected if isinstance(e, SessionEvent)]


def test_events_of_chosen_types_come_alone(recording: Recording) -> None:
    assert {type(e) for e in recording.events((Gap, Health, Marker))} == {Gap, Health, Marker}
    assert [type(e) for e in recording.events((UnitDone,))] == [UnitDone] * 5
    assert len(list(recording.events((SessionEvent,)))) == 7
    assert len(list(recording.events((AudioOut,)))) == 5


def test_cues_come_back(recording: Recording) -> None:
    assert list(recording.cues()) == [Cue((k + 1) * TURN_NS, "count", "one", 1) for k in range(5)]


def test_the_microphone_track_is_placed_to_the_sample(recording: Recording) -> None:
    whole, rate = recording.audio("/mic")
    assert rate == SAMPLE_RATE_HZ
    assert np.array_equal(whole, np.concatenate([make_turn(k).pcm for k in range(5)]))
    part, _ = recording.audio("/mic", TURN_NS // 2, 3 * TURN_NS + TURN_NS // 4)
    assert np.array_equal(part, whole[TURN_SAMPLES // 2 : 3 * TURN_SAMPLES + TURN_SAMPLES // 4])
    beyond, _ = recording.audio("/mic", 4 * TURN_NS, 6 * TURN_NS)
    assert np.array_equal(beyond[:TURN_SAMPLES], whole[-TURN_SAMPLES:])
    assert not beyond[TURN_SAMPLES:].any()


def test_model_tracks_have_silence_where_nothing_was_said(recording: Recording) -> None:
    track, rate = recording.audio("/model/audio", 0, 6 * TURN_NS)
    assert rate == 24_000
    assert len(track) == 28_800
    for k in range(5):
        at = (k + 1) * 4800
        assert (track[at : at + 1200] == k + 1).all()
        assert not track[at + 1200 : at + 4800].any()
    cut, _ = recording.audio("/model/audio", TURN_NS + 25_000_000, TURN_NS + 30_000_000)
    assert cut.tolist() == [1] * 120
    nothing, rate = recording.audio("/model/audio", 0, TURN_NS)
    assert not nothing.any()
    assert rate == 24_000


def test_what_was_heard_comes_back_in_pieces_and_as_a_track(recording: Recording) -> None:
    pieces = list(recording.heard_pieces())
    assert [(t, len(p), r) for t, p, r in pieces] == [((k + 1) * TURN_NS + 7, 600, 24_000) for k in range(5)]
    track, _ = recording.audio("/model/heard", TURN_NS, 2 * TURN_NS)
    assert (track[:600] == 5).all()
    assert recording.places("/model/heard")[0] == (TURN_NS + 7, TURN_NS + 7 + 25_000_000)


def test_frames_come_by_their_time(recording: Recording) -> None:
    every = [f for k in range(5) for f in make_turn(k).frames]
    assert list(recording.frames()) == every
    assert list(recording.frames(every[3].t_ns, every[6].t_ns)) == every[3:6]


def test_a_track_of_two_rates_is_brought_to_the_first(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    for index in range(3):
        writer.turn(make_turn(index), ready_ns=0, pushed_ns=0, drift_ppm=None)
    writer.heard(0, np.full(2400, 9, np.int16), 24_000)
    writer.heard(200_000_000, np.full(4800, 8, np.int16), 48_000)
    writer.heard(400_000_000, np.zeros(0, np.int16), 48_000)
    track, rate = Recording.open(writer.close()).audio("/model/heard")
    assert rate == 24_000
    assert (track[:2400] == 9).all()
    assert (track[4800:7200] == 8).all()
    assert not track[2400:4800].any()


def test_a_track_without_sound_is_silence(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    writer.turn(make_turn(0, frames=0), ready_ns=0, pushed_ns=0, drift_ppm=None)
    recording = Recording.open(writer.close())
    track, rate = recording.audio("/model/audio")
    assert (len(track), rate) == (TURN_SAMPLES, SAMPLE_RATE_HZ)
    assert not track.any()
    assert list(recording.frames()) == []


def test_an_unfinished_recording_is_sent_to_repair(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path)
    with pytest.raises(AppError, match="tmlapp recover"):
        Recording.open(part)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"RIFF....WAVEfmt ", "is not a recording"),
        (b"\x89MCAP0\r\n", "is damaged"),
        (b"\x89MCAP0\r\n" + bytes(200), "is damaged"),
        (b"\x89MCAP0\r\n" + bytes(200) + b"\x89MCAP0\r\n", "is damaged"),
    ],
)
def test_a_file_that_is_none_is_said_to_be_so(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "x.mcap"
    path.write_bytes(content)
    with pytest.raises(AppError) as caught:
        Recording.open(path)
    assert what in caught.value.what
    assert verify(path).problems


def test_a_missing_file_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be opened"):
        Recording.open(tmp_path / "x.mcap")
    recording = Recording.open(record(tmp_path))
    recording.path.unlink()
    with pytest.raises(AppError, match="cannot be opened"):
        list(recording.turns())
    with pytest.raises(AppError, match="cannot be opened"):
        verify(tmp_path / "x.mcap")


def test_another_programs_mcap_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "other.mcap"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema("x", "jsonschema", b"{}")
        writer.add_message(writer.register_channel("/x", "json", schema), 0, b"{}", 0)
        writer.add_metadata("notes", {"a": "b"})
        writer.finish()
    with pytest.raises(AppError, match="not a recording of this app"):
        Recording.open(path)
    assert not verify(path).ok


def damaged(path: Path, at: int, value: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


def test_a_damaged_index_is_noticed_on_opening(tmp_path: Path) -> None:
    path = record(tmp_path)
    damaged(path, len(path.read_bytes()) - 60, b"\xff\xff")
    with pytest.raises(AppError, match="is damaged"):
        Recording.open(path)


def test_a_damaged_chunk_is_noticed_on_reading(tmp_path: Path) -> None:
    path = record(tmp_path)
    damaged(path, path.read_bytes().index(b"zstd") + 40, b"\xff\xff\xff")
    recording = Recording.open(path)
    with pytest.raises(AppError, match="tmlapp recover"):
        list(recording.turns())
    report = verify(path)
    assert not report.ok
    assert any("do not hold" in p for p in report.problems)


def test_a_whole_recording_verifies(tmp_path: Path) -> None:
    report = verify(record(tmp_path))
    assert report.ok
    assert report.turns == 5
    assert report.counts["/camera"] == 10
    assert len(report.sha256) == 64
    assert json.loads(json.dumps(report.to_json()))["ok"] is True


def rewritten(folder: Path, change: object) -> list[str]:
    """Problems of a well-formed file whose messages were changed by `change`."""
    part, _ = write_part(folder)
    data = part.read_bytes()
    found = scan(data)
    messages = [m for _, m in payloads(data, found, iter(range(len(found))))]
    path = folder / "changed.mcap"
    write_finished(path, change(messages), [])  # type: ignore[operator]
    report = verify(path)
    assert report.ok is not bool(report.problems)
    return report.problems


def without(topic: str, sequence: int) -> object:
    return lambda every: [m for m in every if (m.topic.name, m.sequence) != (topic, sequence)]


def replaced(topic: str, sequence: int, data: bytes) -> object:
    return lambda every: [
        Found(m.topic, m.sequence, m.log_time, data) if (m.topic.name, m.sequence) == (topic, sequence) else m
        for m in every
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("/setup", 0), "/setup is missing"),
        (without("/turn", 2), "micro-turn 2: missing"),
        (without("/mic", 1), "the sound of micro-turn 1: missing"),
        (without("/camera", 3), "frame 3: missing"),
        (without("/model/audio", 3), "the sound of output 3: missing"),
        (without("/turn", 4), "the sound of micro-turn 4: promised by nothing"),
        (replaced("/mic", 1, Sound(TURN_NS, bytes(6400), 16_000).encode()), "micro-turn 1: not what was recorded"),
        (lambda every: [*every, next(m for m in every if m.topic.name == "/turn")], "micro-turn 0 comes after 4"),
        (
            lambda every: [m for m in every if m.topic.name != "/mic"],
            "the sound of micro-turn 0, 1, 2, 3, 4: missing",
        ),
        (
            lambda every: [m for m in every if m.topic.name != "/camera"],
            "frame 0, 1, 2, 3, 4 and 5 more: missing",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(tmp_path: Path, change: object, problem: str) -> None:
    assert any(problem in p for p in rewritten(tmp_path, change))


@pytest.mark.parametrize(
    ("topic", "sequence", "why"),
    [
        ("/mic", 1, "The sound of micro-turn 1 is missing"), ("/camera", 3, "Frame 3 is missing"),
        ("/model/audio", 3, "The sound of output 3 is missing"),
    ],
)  # fmt: skip
def test_what_is_missing_without_being_declared_is_an_error_and_no_silence(
    tmp_path: Path, topic: str, sequence: int, why: str
) -> None:
    rewritten(tmp_path, without(topic, sequence))
    recording = Recording.open(tmp_path / "changed.mcap")
    with pytest.raises(AppError, match=why):
        _ = list(recording.turns()), list(recording.events())


def test_a_checksum_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = record(tmp_path)
    data = path.read_bytes()
    at = scan(data).data_end
    assert at is not None
    assert "the checksum over all data is wrong" in verify(damaged(path, at + 9, b"\1\2\3\4")).problems


def test_bytes_after_the_end_are_named(tmp_path: Path) -> None:
    path = record(tmp_path)
    path.write_bytes(path.read_bytes() + b"more")
    assert any("was cut" in p for p in verify(path).problems)


def test_an_index_that_counts_wrongly_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Writer.add_metadata

    def lie(self: Writer, name: str, data: dict[str, str]) -> None:
        original(self, name, data | {"turns": "9"})
        self._Writer__statistics.channel_message_counts[1] += 1

    monkeypatch.setattr(Writer, "add_metadata", lie)
    problems = rewritten(tmp_path, lambda every: every)
    assert "the index counts other messages than there are" in problems
    assert "the index speaks of 9 micro-turns, there are 5" in problems


def test_messages_of_a_chunk_that_contradicts_itself_are_not_believed(tmp_path: Path) -> None:
    topic = BY_ID[CHANNEL_IDS["/cue"]]
    path = tmp_path / "x.mcap"
    write_finished(path, [Found(topic, 0, 0, dump_json({"a": 1})), Found(topic, 1, 0, b"[1]")], [])
    assert len(scan(path.read_bytes())) == 1


def test_events_of_a_stretch_are_read_without_the_rest(tmp_path: Path) -> None:
    recording = Recording.open(record(tmp_path))
    stretch = list(recording.events((UnitDone, AudioOut), 2 * TURN_NS, 4 * TURN_NS))
    assert [e.t_rx_ns for e in stretch] == [2 * TURN_NS] * 2 + [3 * TURN_NS] * 2
    sounds = [e for e in stretch if isinstance(e, AudioOut)]
    assert sounds == [e for e in recording.events((AudioOut,)) if e.t_rx_ns in (2 * TURN_NS, 3 * TURN_NS)]
    assert sounds[0].pcm16 == np.full(1200, 2, "<i2").tobytes()


def test_events_without_sound_have_silence_of_the_same_length(tmp_path: Path) -> None:
    recording = Recording.open(record(tmp_path))
    loud, silent = (list(recording.events((AudioOut,), sound=sound)) for sound in (True, False))
    assert [len(e.pcm16) for e in silent] == [len(e.pcm16) for e in loud]
    assert not any(any(e.pcm16) for e in silent)


def test_typed_texts_are_found_where_there_are_any(tmp_path: Path) -> None:
    recording = Recording.open(record(tmp_path))
    assert [t.text for t in recording.typed()] == ["text 0 “ü”", "text 3 “ü”"]


def test_an_event_whose_type_does_not_come_first_is_read_all_the_same(tmp_path: Path) -> None:
    def turned(message: Found) -> Found:
        if message.topic.name != "/output":
            return message
        value = json.loads(message.data)
        kind = value.pop("type")
        return replace(message, data=dump_json({**value, "type": kind}))

    path = record(tmp_path)
    before = list(Recording.open(path).events((UnitDone,)))
    other = tmp_path / "other.mcap"
    found = scan(path.read_bytes())
    every = payloads(path.read_bytes(), found, iter(range(len(found))))
    write_finished(other, [turned(message) for _, message in every], [])
    assert list(Recording.open(other).events((UnitDone,))) == before


def test_the_index_is_the_one_that_mcap_reads(tmp_path: Path) -> None:
    path = record(tmp_path)
    with path.open("rb") as file:
        summary = SeekingReader(file).get_summary()
    assert summary is not None
    ours = Log.open(path).summary
    for member in ("chunk_indexes", "channels", "schemas", "statistics", "metadata_indexes"):
        assert getattr(ours, member) == getattr(summary, member), member


def test_an_index_with_records_of_other_programs_is_that_of_another_file(tmp_path: Path) -> None:
    data = record(tmp_path).read_bytes()
    footer = struct.Struct("<BQQQI")
    at = len(data) - len(MCAP0_MAGIC) - footer.size
    opcode, size, start, offsets, _ = footer.unpack_from(data, at)
    private = struct.pack("<BQ", 0x80, 0)
    summary = private + data[start:at]
    checked = summary + footer.pack(opcode, size, start, offsets, 0)[:-4]
    path = tmp_path / "other.mcap"
    path.write_bytes(data[:start] + checked + struct.pack("<I", zlib.crc32(checked)) + MCAP0_MAGIC)
    with pytest.raises(AppError, match="not a recording of this app"):
        Log.open(path)
