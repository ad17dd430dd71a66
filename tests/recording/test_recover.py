"""Repair: whatever still holds is saved, whatever is gone is named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recording.parts import assert_turns, make_turn, record, write_part
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, Gap
from tmlapp.core.units import TURN_NS
from tmlapp.recording.lock import try_lock
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import find_parts, jpeg_size, recover
from tmlapp.recording.scan import payloads, scan
from tmlapp.recording.verify import verify

pytestmark = pytest.mark.unit


@dataclass(frozen=True, repr=False)
class Original:
    """An unfinished file and its size after each acknowledged micro-turn."""

    data: bytes
    ends: list[int]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    part, ends = write_part(tmp_path_factory.mktemp("original"))
    return Original(part.read_bytes(), ends)


def places(data: bytes, topic: str) -> list[tuple[int, int]]:
    """Body offset and end of each message of a topic."""
    found = scan(data)
    chosen = [(i, m) for i, m in payloads(data, found, iter(range(len(found)))) if m.topic.name == topic]
    return [(found.offsets[i], found.offsets[i] + 22 + len(m.data)) for i, m in chosen]


def holed(folder: Path, data: bytes, *holes: tuple[int, int], filler: int = 0) -> Path:
    damaged = bytearray(data)
    for start, end in holes:
        damaged[start:end] = bytes([filler]) * (end - start)
    path = folder / "s.mcap.part"
    path.write_bytes(damaged)
    return path


def test_an_undamaged_part_is_recovered_completely(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path)
    report = recover(part)
    assert report.complete
    assert report.path == tmp_path / "s.mcap"
    assert part.exists()
    assert_turns(Recording.open(report.path), range(5))
    assert report.to_json()["complete"] is True


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 1 << 20))
def test_a_file_cut_anywhere_gives_every_acknowledged_turn_before_the_cut(
    original: Original, tmp_path: Path, at: int
) -> None:
    whole, ends = original.data, original.ends
    cut = at % (len(whole) + 1)
    part = tmp_path / "cut.mcap.part"
    part.write_bytes(whole[:cut])
    out = tmp_path / "cut.mcap"
    out.unlink(missing_ok=True)
    acknowledged = sum(end <= cut for end in ends)
    if not len(scan(whole[:cut])):
        assert acknowledged == 0
        with pytest.raises(AppError, match="nothing to recover"):
            recover(part)
        return
    report = recover(part)
    assert verify(out).ok
    assert report.turns >= acknowledged
    assert_turns(Recording.open(out), range(acknowledged))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 1 << 20), length=st.integers(1, 9000), filler=st.sampled_from([0, 5, 255]))
def test_a_hole_anywhere_costs_only_what_it_touches(
    original: Original, tmp_path: Path, at: int, length: int, filler: int
) -> None:
    whole, ends = original.data, original.ends
    start = at % len(whole)
    end = min(len(whole), start + length)
    part = holed(tmp_path, whole, (start, end), filler=filler)
    out = tmp_path / "s.mcap"
    out.unlink(missing_ok=True)
    report = recover(part)
    checked = verify(out)
    assert checked.ok, checked.problems
    begins = [0, *ends[:-1]]
    whole_turns = [k for k in range(5) if end <= begins[k] or start >= ends[k]]
    assert_turns(Recording.open(out), whole_turns)
    assert not set(report.lost_turns) & set(whole_turns)


def test_what_follows_a_hole_is_recovered_and_the_loss_is_placed(original: Original, tmp_path: Path) -> None:
    whole, ends = original.data, original.ends
    part = holed(tmp_path, whole, (ends[0], ends[2]))
    report = recover(part)
    assert report.lost_turns == (1, 2)
    assert not report.complete
    recording = Recording.open(report.path)
    assert recording.lost_turns == {1, 2}
    assert recording.n_turns == 5
    assert_turns(recording, [0, 3, 4])
    assert not list(recording.turns())[2].pcm.any()
    gaps = [g for g in recording.events((Gap,)) if isinstance(g, Gap) and g.kind == "lost"]
    assert [(g.track, g.t_ns, g.dur_ns) for g in gaps] == [("mic", TURN_NS, 2 * TURN_NS)]
    assert [t.index for t in recording.turns(start=2)] == [2, 3, 4]


def test_turns_lost_at_the_very_end_of_a_hole_are_filled_with_silence(original: Original, tmp_path: Path) -> None:
    whole = original.data
    *_, sound = places(whole, "/mic")
    report = recover(holed(tmp_path, whole, (sound[0] + 100, sound[0] + 200)))
    assert report.lost_turns == (4,)
    last = list(Recording.open(report.path).turns())[-1]
    assert last.frames == make_turn(4).frames
    assert not last.pcm.any()
    assert verify(report.path).lost_turns == [4]


def test_a_recovered_file_can_be_damaged_and_recovered_again(original: Original, tmp_path: Path) -> None:
    whole = original.data
    sound, audio = places(whole, "/mic")[2], places(whole, "/model/audio")[1]
    first = recover(holed(tmp_path, whole, sound, audio)).path
    finished = bytearray(first.read_bytes())
    finished[-30:] = bytes(30)
    first.write_bytes(finished)
    report = recover(first)
    assert report.path.name == "s (recovered).mcap"
    assert report.lost_turns == (2,)
    assert report.lost_outputs == 0
    assert_turns(Recording.open(report.path), [0, 1, 3, 4])
    outs = [e for e in Recording.open(report.path).events((AudioOut,)) if isinstance(e, AudioOut)]
    assert len(outs) == 5
    assert outs[1].pcm16 == bytes(2400)


def test_a_lost_turn_entry_is_rebuilt_from_its_sound_and_frames(original: Original, tmp_path: Path) -> None:
    whole = original.data
    report = recover(holed(tmp_path, whole, places(whole, "/turn")[3]))
    assert report.rebuilt_turns == (3,)
    assert report.lost_turns == ()
    rebuilt = list(Recording.open(report.path).turns())[3]
    assert np.array_equal(rebuilt.pcm, make_turn(3).pcm)
    assert [(f.jpeg, f.width, f.height) for f in rebuilt.frames] == [(f.jpeg, 32, 24) for f in make_turn(3).frames]
    assert rebuilt.texts == ()


def test_frames_whose_turn_is_gone_keep_their_place(original: Original, tmp_path: Path) -> None:
    whole = original.data
    report = recover(holed(tmp_path, whole, places(whole, "/turn")[3], places(whole, "/mic")[3]))
    assert report.rebuilt_turns == (3,)
    assert report.lost_turns == (3,)
    assert [f.jpeg for f in list(Recording.open(report.path).turns())[3].frames] == [
        f.jpeg for f in make_turn(3).frames
    ]


def test_a_frame_whose_bytes_changed_is_dropped_and_named(original: Original, tmp_path: Path) -> None:
    whole = original.data
    first, second = places(whole, "/camera")[2:4]
    report = recover(holed(tmp_path, whole, (first[0] + 200, first[0] + 260), (second[0] + 200, second[0] + 260)))
    assert report.lost_frames == 2
    recording = Recording.open(report.path)
    assert list(recording.turns())[1].frames == ()
    gaps = [g for g in recording.events((Gap,)) if isinstance(g, Gap) and g.track == "camera"]
    assert [(g.t_ns, g.dur_ns) for g in gaps] == [(TURN_NS, TURN_NS)]


def test_lost_model_sound_becomes_silence_of_the_same_length(original: Original, tmp_path: Path) -> None:
    whole = original.data
    report = recover(holed(tmp_path, whole, places(whole, "/model/audio")[2]))
    assert report.lost_outputs == 1
    recording = Recording.open(report.path)
    outs = [e for e in recording.events((AudioOut,)) if isinstance(e, AudioOut)]
    assert outs[2].pcm16 == bytes(2400)
    assert outs[3].pcm16 == np.full(1200, 4, "<i2").tobytes()


def test_a_lost_beginning_does_not_hide_the_rest(original: Original, tmp_path: Path) -> None:
    whole = original.data
    setup = places(whole, "/setup")[0]
    report = recover(holed(tmp_path, whole, (0, setup[1])))
    recording = Recording.open(report.path)
    assert recording.info["session_id"] == ""
    assert recording.info["name"] == "s"
    assert_turns(recording, range(5))


def test_a_cut_finished_file_gives_what_lies_before_the_cut(tmp_path: Path) -> None:
    final = record(tmp_path, turns=4)
    data = final.read_bytes()
    final.write_bytes(data[: len(data) - 400])
    with pytest.raises(AppError, match="tmlapp recover"):
        Recording.open(final)
    report = recover(final)
    assert report.path.name == "s (recovered).mcap"
    assert_turns(Recording.open(report.path), range(4))


def test_a_changed_letter_is_noticed_although_everything_still_reads(original: Original, tmp_path: Path) -> None:
    data = original.data.replace(b"text 0", b"text X")
    part = holed(tmp_path, data)
    report = recover(part)
    (first, *_) = (
        m for _, m in payloads(data, scan(data), iter(range(len(scan(data))))) if m.topic.name == "/checkpoint"
    )
    assert report.altered == ((0, json.loads(first.data)["bytes"]),)
    assert not report.damage
    assert not report.complete


def test_an_explicit_target_is_used_and_never_overwritten(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, turns=1)
    out = tmp_path / "elsewhere.mcap"
    assert recover(part, out=out).path == out
    with pytest.raises(AppError, match="already exists"):
        recover(part, out=out)


def test_recovering_again_finds_what_was_recovered_before(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, turns=2)
    recover(part)
    again = recover(part)
    assert again.already
    assert again.turns == 2


def test_another_sessions_recording_is_never_taken_for_the_result(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, turns=1)
    data = part.read_bytes()
    part.unlink()
    final = record(tmp_path, turns=1)
    part.write_bytes(data.replace(b'"session_id":"s1"', b'"session_id":"s9"'))
    with pytest.raises(AppError, match="another session"):
        recover(part)
    part.write_bytes(data[places(data, "/setup")[0][1] :])
    with pytest.raises(AppError, match="another session"):
        recover(part)
    assert final.exists()


def test_an_interrupted_finish_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, turns=2)
    (tmp_path / "s.mcap.tmp").write_bytes(b"half a file")
    assert recover(part).complete
    assert not (tmp_path / "s.mcap.tmp").exists()


def test_a_part_that_is_still_written_is_left_alone(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, turns=1)
    with part.open("rb") as file:
        assert try_lock(file.fileno())
        assert find_parts(tmp_path) == []
        with pytest.raises(AppError, match="still being written"):
            recover(part)
    assert find_parts(tmp_path) == [part]
    recover(part)
    assert find_parts(tmp_path) == []
    assert find_parts(tmp_path / "missing") == []


def test_a_missing_or_worthless_file_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be opened"):
        recover(tmp_path / "missing.mcap.part")
    for name, content in (("empty", b""), ("text", b"hello" * 500)):
        path = tmp_path / f"{name}.mcap.part"
        path.write_bytes(content)
        with pytest.raises(AppError, match="nothing to recover"):
            recover(path)


def test_the_size_of_a_jpeg_is_read_from_its_header() -> None:
    assert jpeg_size(make_turn(0).frames[0].jpeg) == (32, 24)
    assert jpeg_size(b"\xff\xd8\xff\xc4\x00\x02") == (0, 0)
    assert jpeg_size(b"\xff\xd8\xff\xc4\x00\x02" + bytes(20)) == (0, 0)
    assert jpeg_size(b"") == (0, 0)


def test_a_report_is_plain_json(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, turns=1)
    assert json.loads(json.dumps(recover(part).to_json()))["turns"] == 1
