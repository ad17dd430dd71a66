"""What people note beside a recording: nothing is changed, nothing is lost, everything says who and when."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.bench import annotations
from tmlapp.bench.annotations import annotate, annotations_of, read_annotations, undo
from tmlapp.bench.runs import lines
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

REPO = Path(__file__).resolve().parents[2]


def test_an_annotation_says_who_when_tool_why_and_where(tmp_path: Path) -> None:
    recording = tmp_path / "squats (2).mcap"
    when = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    made = annotate(
        recording, "note", data={"text": "says “in” twice"}, t_ns=5, end_ns=9, why="heard", who="ada", when=when
    )
    assert annotations_of(recording).name == "squats (2).annotations.jsonl"
    line = json.loads(annotations_of(recording).read_bytes())
    assert line == {
        "schema": 1, "id": made.id, "kind": "note", "who": "ada", "when": "2026-11-22T10:00:00.000+00:00",
        "tool": made.tool, "why": "heard", "t_ns": 5, "end_ns": 9, "data": {"text": "says “in” twice"},
    }  # fmt: skip
    assert made.tool.startswith("tmlapp ")
    assert read_annotations(recording).current == (made,)
    assert abs(datetime.fromisoformat(annotate(recording, "tag").when) - datetime.now(UTC)) < timedelta(days=1)


def test_a_session_that_is_still_written_has_the_same_sidecar_as_when_it_is_finished(tmp_path: Path) -> None:
    made = annotate(tmp_path / "live.mcap.part", "marker", t_ns=0)
    assert read_annotations(tmp_path / "live.mcap").of("marker") == (made,)


def test_a_recording_without_annotations_has_none(tmp_path: Path) -> None:
    assert read_annotations(tmp_path / "a.mcap") == annotations.AnnotationLog()


def test_undo_is_a_new_line_and_can_itself_be_undone(tmp_path: Path) -> None:
    recording = tmp_path / "a.mcap"
    first, second = annotate(recording, "note", data={"n": 1}), annotate(recording, "tag", data={"n": 2})
    before = annotations_of(recording).read_bytes()
    taken_back = undo(recording, first.id, why="wrong place")
    assert annotations_of(recording).read_bytes().startswith(before)
    log = read_annotations(recording)
    assert (log.current, log.of("note")) == ((second,), ())
    assert log.everything == (first, second, taken_back)
    undo(recording, taken_back.id)
    assert read_annotations(recording).current == (first, second)


def test_an_undo_of_something_unknown_takes_nothing_back(tmp_path: Path) -> None:
    recording = tmp_path / "a.mcap"
    kept = annotate(recording, "note")
    undo(recording, "nothing")
    assert read_annotations(recording).current == (kept,)


def test_what_was_appended_twice_counts_once(tmp_path: Path) -> None:
    recording = tmp_path / "a.mcap"
    kept = annotate(recording, "note")
    path = annotations_of(recording)
    path.write_bytes(path.read_bytes() * 2)
    assert read_annotations(recording).current == (kept,)


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":"x","kind":"note","who":"b',
        b"[]",
        b"\xff\xfe",
        b'{"id":"","kind":"note"}',
        b'{"id":"x","kind":""}',
        b'{"id":"x","kind":"note","who":1}',
        b'{"id":"x","kind":"note","data":[]}',
        b'{"id":"x","kind":"note","t_ns":1.5}',
        b'{"id":"x","kind":"note","t_ns":true}',
        b'{"id":"x","kind":"note","end_ns":1}',
        b'{"id":"x","kind":"note","t_ns":2,"end_ns":1}',
    ],
)
def test_a_damaged_line_is_counted_and_stays_and_costs_only_itself(tmp_path: Path, line: bytes) -> None:
    recording = tmp_path / "a.mcap"
    first = annotate(recording, "note")
    with annotations_of(recording).open("ab") as file:
        file.write(line)
    second = annotate(recording, "note")
    log = read_annotations(recording)
    assert (log.current, log.damaged) == ((first, second), (2,))
    assert line + b"\n" in annotations_of(recording).read_bytes()


def test_members_of_a_newer_version_do_no_harm(tmp_path: Path) -> None:
    recording = tmp_path / "a.mcap"
    annotations_of(recording).write_text('{"schema":9,"id":"x","kind":"dream","colour":"red"}\n', encoding="utf-8")
    assert [a.kind for a in read_annotations(recording).current] == ["dream"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": ""},
        {"kind": "note", "end_ns": 3},
        {"kind": "note", "t_ns": 3, "end_ns": 2},
        {"kind": "note", "data": {"x": float("nan")}},
        {"kind": "note", "data": {"x": {1, 2}}},
    ],
)
def test_what_no_line_can_hold_is_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        annotate(tmp_path / "a.mcap", **wrong)
    assert not list(tmp_path.iterdir())


def test_a_sidecar_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    annotations_of(tmp_path / "a.mcap").mkdir()
    with pytest.raises(AppError, match="could not be written"):
        annotate(tmp_path / "a.mcap", "note")
    with pytest.raises(AppError, match="cannot be read"):
        read_annotations(tmp_path / "a.mcap")


@given(st.lists(st.text(max_size=20), min_size=1, max_size=6), st.data())
@settings(max_examples=60, deadline=None)
def test_a_sidecar_cut_at_any_byte_keeps_every_whole_line(texts: list[str], data: st.DataObject) -> None:
    made = [annotations.new_annotation("note", data={"text": text}, id=str(n)) for n, text in enumerate(texts)]
    whole = b"".join(lines.dumped(a.to_json()) + b"\n" for a in made)
    cut = data.draw(st.integers(0, len(whole)))
    found = cut_read(whole[:cut])
    ends = whole[:cut].count(b"\n") + (whole[cut - 1 : cut] == b"}" and whole[cut : cut + 1] == b"\n")
    assert list(found.current) == made[:ends]


def cut_read(content: bytes) -> annotations.AnnotationLog:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_bytes(content)
        return annotations.read_file(path)


WRITER = """
import sys
from pathlib import Path
from tmlapp.bench.annotations import annotate
sys.stdin.readline()
for n in range(40):
    annotate(Path(sys.argv[1]), "note", data={"text": "x" * 6000, "n": n}, who=sys.argv[2])
"""


@pytest.mark.crash
def test_two_programs_that_write_at_once_lose_no_line_and_mix_none(tmp_path: Path) -> None:
    recording = tmp_path / "a.mcap"
    command = [sys.executable, "-c", WRITER, str(recording)]
    people = [subprocess.Popen([*command, who], stdin=subprocess.PIPE, cwd=REPO) for who in ("ada", "eve")]
    for person in people:
        assert person.stdin is not None
        person.stdin.write(b"\n")
        person.stdin.close()
    assert [person.wait() for person in people] == [0, 0]
    log = read_annotations(recording)
    assert not log.damaged
    for who in ("ada", "eve"):
        assert [a.data["n"] for a in log.current if a.who == who] == list(range(40))


@pytest.mark.crash
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_is_full_leaves_the_sidecar_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = tmp_path / "a.mcap"
    kept = annotate(recording, "note")
    before = annotations_of(recording).read_bytes()

    def half(file: Any, data: bytes) -> None:
        file.write(data[:7])
        with open("/dev/full", "wb", buffering=0) as full:
            full.write(data)

    with monkeypatch.context() as patched:
        patched.setattr(lines, "_write_all", half)
        with pytest.raises(AppError, match="No space left"):
            annotate(recording, "note")
    assert annotations_of(recording).read_bytes() == before
    assert read_annotations(recording).current == (kept,)
