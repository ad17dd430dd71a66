from __future__ import annotations

import errno
import getpass
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from tests.bench.sessions import make_recording
from tmlapp.bench import registry, sidecar
from tmlapp.bench.grading import grade_outputs, grade_recording, outputs_said, sha256_of
from tmlapp.bench.said import Said
from tmlapp.bench.sidecar import read_grades, sidecar_of, write_grade
from tmlapp.bench.suite import suite
from tmlapp.bench.truth import load_truth
from tmlapp.core.errors import AppError
from tmlapp.core.event import Heard, TextOutDone
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

TRUTH: dict[str, Any] = {
    "suite": "repcount-a",
    "count": 2,
    "rep_end_times_s": [1.0, 2.0],
    "duration_s": 3.0,
    "tail_s": 1,
}
SAID = [(1.2, "one"), (2.2, "two")]


def truth_file(folder: Path, truth: Any = None) -> Path:
    path = folder / "truth.json"
    path.write_text(json.dumps(TRUTH if truth is None else truth), encoding="utf-8")
    return path


def test_a_recording_is_graded_from_what_it_holds(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, SAID)
    truth = truth_file(tmp_path)
    grade = grade_recording(recording, "repcount-a", truth)
    assert grade.score == 100.0
    assert grade.verdicts[0].item == "squats"
    assert grade.provenance.files == {"recording": sha256_of(recording.path), "truth": sha256_of(truth)}
    assert grade.provenance.parameters["video_start_from"] == "recording"
    assert grade.provenance.parameters["length_from"] == "truth"
    assert "heard" not in grade.aggregates


def test_grading_again_gives_the_same_grade(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, SAID, heard_after_s=0.1)
    truth = truth_file(tmp_path)
    assert grade_recording(recording, "repcount-a", truth) == grade_recording(recording, "repcount-a", truth)


def test_the_times_heard_are_graded_beside_the_times_received(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, [(1.2, "one"), (3.8, "two")], heard_after_s=0.4)
    grade = grade_recording(recording, "repcount-a", truth_file(tmp_path))
    assert grade.score == 100.0
    heard = grade.aggregates["heard"]
    assert heard["graded_text"] == ((1.6, "one"), (4.2, "two"))
    assert heard["score"] == 100.0
    assert heard["why"].startswith("passes: 1 at 1.600 s")


def test_padding_and_tail_of_the_session_place_the_video(tmp_path: Path) -> None:
    recording = make_recording(
        tmp_path, [(0.4, "start"), (1.6, "start"), (2.6, "stop")], seconds=4.0,
        pad_before_s=1.0, pad_after_s=0.4, tail_s=0.6,
    )  # fmt: skip
    grade = grade_recording(recording, "charades", truth_file(tmp_path, {"start_s": 0.6, "stop_s": 1.6}))
    assert grade.score == pytest.approx(100.0)
    assert grade.verdicts[0].details["length_s"] == pytest.approx(2.0)
    assert grade.provenance.parameters["length_from"] == "recording"
    assert grade.provenance.parameters["video_start_s"] == 1.0


def test_the_truth_file_overrules_the_session(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, SAID, pad_before_s=1.0)
    truth = TRUTH | {"video_start_s": 0.0, "name": "my video"}
    grade = grade_recording(recording, "repcount-a", truth_file(tmp_path, truth), params={"tail_s": 2})
    assert grade.provenance.parameters["video_start_from"] == "truth"
    assert (grade.verdicts[0].item, grade.score) == ("my video", 100.0)


def test_a_place_that_is_no_number_is_refused(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, SAID)
    with pytest.raises(AppError, match="video_start_s is 'soon'"):
        grade_recording(recording, "repcount-a", truth_file(tmp_path, TRUTH | {"video_start_s": "soon"}))


def test_thoughts_and_wordless_sounds_are_not_graded(tmp_path: Path) -> None:
    thought = TextOutDone(text="two", t_rx_ns=2_000_000_000, channel="thought")
    beep = Heard(t_ns=0, item_id="x", text="", dur_ns=5)
    recording = make_recording(tmp_path, [(1.2, "one")], events=[thought, beep])
    assert outputs_said(recording) == (Said(1.2, "one"),)
    assert "heard" not in grade_recording(recording, "repcount-a", truth_file(tmp_path)).aggregates


def test_outputs_can_be_graded_without_a_recording() -> None:
    outputs = [Said(t, text) for t, text in SAID]
    grade = grade_outputs("repcount-a", outputs, TRUTH, profile="official", files={"truth": "ab"}, item="a.mp4")
    assert (grade.score, grade.verdicts[0].item, grade.provenance.files) == (100.0, "a.mp4", {"truth": "ab"})
    assert grade.provenance.profile == "official"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "is not JSON"), (b"[1]", "holds no JSON object"), (b"\xff\xfe", "is not JSON"), (None, "cannot be read"),
     (b"[" * 100_000, "is not JSON")],
)  # fmt: skip
def test_a_truth_file_that_is_none_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "truth.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AppError, match=message):
        load_truth(path)


def test_a_file_without_a_hash_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        sha256_of(tmp_path / "none")


def test_both_suites_are_found_and_an_unknown_one_is_named() -> None:
    assert set(registry.suites()) >= {"repcount-a", "charades"}
    with pytest.raises(AppError, match="no suite 'chess'"):
        registry.suite_named("chess")


@suite("repcount-a")
class Impostor:
    profiles = ("x",)


@suite("chess")
class Chess:
    profiles = ("x",)


def _installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    point = EntryPoint(name="x", value=f"{__name__}:{name}", group=registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.ENTRY_POINTS else [])


def test_a_suite_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, "Chess")
    assert isinstance(registry.suite_named("chess"), Chess)


def test_two_suites_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, "Impostor")
    with pytest.raises(AppError, match="Two suites are named 'repcount-a'"):
        registry.suites()


def test_a_package_whose_suite_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint(name="theirs", value="no_such_package:Theirs", group=registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.ENTRY_POINTS else [])
    with pytest.raises(AppError, match=r"'theirs' of the package no_such_package:Theirs cannot be loaded\. ModuleNot"):
        registry.suites()


def a_grade() -> Grade:
    return grade_outputs("repcount-a", [Said(t, text) for t, text in SAID], TRUTH)


def test_a_grade_is_appended_with_who_when_tool_and_why(tmp_path: Path) -> None:
    recording = tmp_path / "a.b.mcap"
    when = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    path = write_grade(recording, a_grade(), why="first look", who="ada", when=when)
    write_grade(recording, a_grade(), why="again")
    assert path == sidecar_of(recording) == tmp_path / "a.b.grades.jsonl"
    first, second = read_grades(recording).lines
    assert (first["who"], first["when"], first["why"]) == ("ada", "2026-11-22T10:00:00.000+00:00", "first look")
    assert first["tool"].startswith("tmlapp ")
    assert first["grade"] == second["grade"] == json.loads(json.dumps(a_grade().to_json()))
    assert abs(datetime.fromisoformat(second["when"]) - datetime.now(UTC)) < timedelta(days=1)
    assert second["who"]


def test_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    grade = grade_outputs("repcount-a", [Said(1.2, "one \ud83d")], TRUTH)
    write_grade(tmp_path / "a.mcap", grade)
    assert read_grades(tmp_path / "a.mcap").lines[0]["grade"]["verdicts"][0]["graded_text"] == [[1.2, "one \ud83d"]]


def test_a_line_that_a_crash_cut_off_costs_only_itself(tmp_path: Path) -> None:
    recording = tmp_path / "a.mcap"
    write_grade(recording, a_grade(), who="ada")
    with sidecar_of(recording).open("ab") as file:
        file.write(b'{"schema":1,"who":"b')
    write_grade(recording, a_grade(), who="eve")
    with sidecar_of(recording).open("ab") as file:
        file.write(b"[]\n\n")
    log = read_grades(recording)
    assert [line["who"] for line in log.lines] == ["ada", "eve"]
    assert log.damaged == (2, 4)


def test_a_recording_without_grades_has_none(tmp_path: Path) -> None:
    assert read_grades(tmp_path / "a.mcap") == sidecar.GradeLog((), ())


def test_grades_that_cannot_be_written_or_read_are_an_error(tmp_path: Path) -> None:
    recording = tmp_path / "a.mcap"
    sidecar_of(recording).mkdir()
    with pytest.raises(AppError, match="could not be written"):
        write_grade(recording, a_grade())
    with pytest.raises(AppError, match="cannot be read"):
        read_grades(recording)


@pytest.mark.parametrize("has_uid", [True, False])
def test_a_machine_that_knows_no_user_name_still_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_uid: bool
) -> None:
    def nobody() -> str:
        raise OSError(errno.ENOENT, "no such user")

    monkeypatch.setattr(getpass, "getuser", nobody)
    if not has_uid:
        monkeypatch.delattr(os, "getuid")
    write_grade(tmp_path / "a.mcap", a_grade())
    assert read_grades(tmp_path / "a.mcap").lines[0]["who"].startswith("uid " if has_uid else "unknown user")


def test_a_suite_that_needs_no_length_grades_a_recording(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, [(1.0, "three")])
    truth = tmp_path / "truth.json"
    asked = {"question": "How many?", "answer": "Three.", "short_answer": "3"}
    truth.write_text(json.dumps(asked | {"timestamp_s": 1.0, "category": "c"}))
    grade = grade_recording(recording, "qivd", truth)
    assert (grade.n, grade.n_ungraded) == (1, 1)
    assert grade.provenance.parameters["length_from"] == "truth"
