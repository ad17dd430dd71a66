"""Items are tried through real sessions; the verdict is that of a benchmark run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.items_made import FarEndpoint, add_item, new_set, s, write_wav
from tmlapp.bench.answer import Utterance
from tmlapp.bench.authoring.commands import ChooseBest, SetInstructionSpan, SetItemField, SetWindow
from tmlapp.bench.authoring.dataset import export_dataset
from tmlapp.bench.authoring.dataset_row import row_of
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.model import Expectation, ItemSet, Span
from tmlapp.bench.authoring.store import read_set
from tmlapp.bench.authoring.trying import (
    Cancel,
    CancelledError,
    Progress,
    Tried,
    TryRequest,
    grade_again,
    item_sha256,
    read_tries,
    try_item,
    try_on,
)
from tmlapp.bench.authoring.trying_tried import TRIES, timing_of
from tmlapp.bench.judges.base import Question, Ruling
from tmlapp.bench.labels.speak_items import parse_item
from tmlapp.bench.runs.grade_run import GradeRequest, grade_run
from tmlapp.bench.runs.make import RunRequest, make_run
from tmlapp.bench.suites.speak_params import SpeakParams
from tmlapp.bench.suites.speak_scoring import in_onset_order
from tmlapp.core.errors import AppError
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit

ITEM = "cs-0001"
LINES = {
    "right": [(2.9, "sure"), (5.0, "butterfly"), (9.0, "bye")],
    "wrong": [(5.0, "moth")],
    "late": [(8.4, "butterfly")],
    "early": [(3.6, "x"), (5.6, "butterfly")],
    "silent": [],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_set(tmp_path_factory.mktemp("made") / "set", 2)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "set"))


def script(folder: Path, name: str, lines: list[tuple[float, str]] | None = None) -> str:
    path = folder.parent / f"{name}.json"
    said = LINES[name] if lines is None else lines
    write_wav(folder.parent / "word.wav", np.full(12_000, 900, np.int16), rate=24_000)
    rows = [{"t_s": t, "text": text, "wav": "word.wav"} for t, text in said]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return f"scripted:{path}"


def tried(folder: Path, name: str, **more: Any) -> Tried:
    return try_item(read_set(folder), folder, TryRequest(item=ITEM, endpoint=script(folder, name), **more))


def said(*onsets: tuple[float, str]) -> Any:
    return in_onset_order([Utterance(t, t + 0.4, text) for t, text in onsets], SpeakParams())


def row(state: ItemSet, name: str = ITEM) -> Any:
    item = state.item(name)
    take = item.best_take
    assert take is not None
    return parse_item(row_of(state, item, take, audio=take.audio))


# ---------------------------------------------------------------------- sessions


def test_a_right_answer_is_in_its_window_and_means_the_right_thing(folder: Path) -> None:
    seen: list[Progress] = []
    state = read_set(folder)
    found = try_item(state, folder, TryRequest(item=ITEM, endpoint=script(folder, "right")), on_progress=seen.append)
    (timing,) = found.timing
    assert (timing.verdict, timing.text, timing.off_s) == ("in_window", "butterfly", 0.0)
    assert timing.onset_s == pytest.approx(5.0, abs=0.2)
    assert timing.late_s == pytest.approx(0.4, abs=0.2)
    (meaning,) = found.meaning
    assert (meaning.verdict, meaning.judge, meaning.text) == ("right", "rules@1", "butterfly")
    assert (found.score, found.passed, found.judge, found.clock) == (100.0, True, "rules@1", "fast")
    assert [u["role"] for u in found.utterances] == ["acknowledgement", "used", "extra"]
    assert found.grade is not None
    assert found.grade.provenance.formula.startswith("speak/")
    assert found.grade.provenance.parameters["window_after_s"]["cuespeak"] == 3.0
    assert found.grade.provenance.files == {"audio": found.sound_sha256}
    assert found.granted is not None
    assert found.duration_s == 13.0
    recording = Recording.open(folder / found.recording)
    assert recording.duration_ns == 13_000_000_000
    assert (folder / found.wav).is_file()
    assert {p.phase for p in seen} == {"opening", "playing", "judging"}
    assert seen[-1].done_s == seen[-1].total_s == 13.0


@pytest.mark.parametrize(
    ("name", "timing", "meaning", "passed"),
    [
        ("wrong", "in_window", "wrong", False),
        ("late", "late", "not_asked", False),
        ("silent", "silent", "not_asked", False),
    ],
)
def test_each_way_to_fail_is_told_apart(folder: Path, name: str, timing: str, meaning: str, passed: bool) -> None:
    found = tried(folder, name)
    assert (found.timing[0].verdict, found.meaning[0].verdict, found.passed) == (timing, meaning, passed)
    if name == "late":
        assert found.timing[0].off_s == pytest.approx(1.2, abs=0.2)


def test_tries_are_kept_line_by_line_and_read_back_equal(folder: Path) -> None:
    first, second = tried(folder, "right"), tried(folder, "silent")
    log = read_tries(folder)
    assert [t.to_json() for t in log.tries] == [
        Tried.from_json(json.loads(json.dumps(t.to_json()))).to_json() for t in (first, second)
    ]
    assert log.damaged == ()
    assert list(log.newest(ITEM)) == [first.endpoint, second.endpoint]
    assert log.of_item("cs-0002") == ()
    with (folder / TRIES).open("ab") as file:
        file.write(b'{"schema": "tmlapp.try/1"}\n{"schema": "tmlapp.try/9", "answer": null}\nnot json\n{"id": "cut')
    third = tried(folder, "wrong")
    log = read_tries(folder)
    assert [t.id for t in log.tries] == [first.id, second.id, third.id]
    assert log.damaged == (3, 4, 5, 6)


def test_tries_of_another_form_are_damaged_lines(folder: Path) -> None:
    whole = tried(folder, "right").to_json()
    timing, utterance = whole["timing"][0], whole["grade"]["verdicts"][0]["details"]["utterances"][0]
    odd: list[dict[str, Any]] = [
        {"endpoint": []}, {"duration_s": "long"}, {"duration_s": 10**400}, {"timing": [timing | {"window": [0, None]}]},
        {"timing": [timing | {"off_s": "late"}]}, {"timing": [timing | {"utterance": "first"}]},
        {"grade": whole["grade"] | {"verdicts": []}}, {"meaning": [whole["meaning"][0] | {"text": 7}]},
    ]  # fmt: skip
    utterance["onset_s"] = None
    lines = [json.dumps(json.loads(json.dumps(whole)) | change) for change in (*odd, {})]
    (folder / TRIES).write_text("\n".join(lines))
    assert read_tries(folder).tries == ()
    assert len(read_tries(folder).damaged) == len(lines)


def test_the_verdict_is_that_of_a_benchmark_run(folder: Path, tmp_path: Path) -> None:
    with Editor.open(folder) as editor:
        second = Expectation(
            "e2", "event", Span(s(6), s(6.5)), s(6.5), Span(s(6.4), s(9.0)), "x", "says moth", ("moth",), (), True, True
        )
        take = editor.state.item(ITEM).takes[0]
        add_item(editor, "cs-0010", 4, expectations=(*take.expectations, second))
    state = read_set(folder)
    export_dataset(state, folder, tmp_path / "out")
    lines = [(2.9, "sure"), (5.0, "a butterfly"), (7.0, "hmm"), (7.9, "moth"), (11.0, "bye")]
    address = script(folder, "talk", lines)
    out = tmp_path / "run"
    make_run(RunRequest(suite="cuespeak", data=tmp_path / "out", endpoint=address, out=out))
    for profile in ("tml_reading", "strict"):
        graded = grade_run(out, GradeRequest(judges=("rules",), profiles=(profile,))).grades[0]
        for verdict in graded.verdicts:
            found = try_item(state, folder, TryRequest(item=verdict.item, endpoint=address, profile=profile))
            assert found.verdict is not None
            assert found.grade is not None
            told = found.verdict
            assert (told.score, told.passed, told.why) == (verdict.score, verdict.passed, verdict.why)
            assert told.graded_text == verdict.graded_text
            assert json.dumps(told.details) == json.dumps(verdict.details)
            assert found.grade.provenance.parameters == graded.provenance.parameters
            assert found.grade.provenance.formula == graded.provenance.formula


def test_several_endpoints_make_a_table_and_one_that_cannot_be_used_is_a_row_of_it(folder: Path) -> None:
    state = read_set(folder)
    addresses = [script(folder, "right"), "onnx:tiny", f"scripted:{folder}/absent.json"]
    rows: list[Tried] = []
    found = try_on(state, folder, TryRequest(item=ITEM, endpoint=""), addresses, on_tried=rows.append)
    assert [t.endpoint for t in found] == addresses
    assert rows == list(found)
    assert [t.passed for t in found] == [True, False, None]
    assert "cannot be read" in found[2].error["what"]
    assert (found[2].score, found[2].utterances, found[2].judge, found[2].timing) == (None, (), "", ())
    assert list(read_tries(folder).newest(ITEM)) == addresses
    kept = sorted(p.name for p in (folder / "tries" / ITEM).iterdir())
    assert len(kept) == 2


def test_two_tries_in_one_second_have_folders_of_their_own(folder: Path) -> None:
    recordings = {tried(folder, "silent").recording for _ in range(3)}
    assert len(recordings) == 3


# ---------------------------------------------------------------------- stale, again


def test_a_try_is_stale_once_what_was_tried_has_changed(folder: Path) -> None:
    found = tried(folder, "right")
    assert not found.is_stale(item_sha256(read_set(folder), ITEM))
    with Editor.open(folder) as editor:
        editor.do(SetItemField(ITEM, "notes", "a note changes nothing"))
        assert not found.is_stale(item_sha256(editor.state, ITEM))
        editor.do(SetWindow(ITEM, "t1", "e1", Span(s(4.3), s(4.9))))
        assert found.is_stale(item_sha256(editor.state, ITEM))
        editor.do(ChooseBest(ITEM, None))
        assert item_sha256(editor.state, ITEM) == ""


def test_after_a_window_was_moved_the_same_session_is_graded_again(folder: Path) -> None:
    before = tried(folder, "right")
    with Editor.open(folder) as editor:
        editor.do(SetWindow(ITEM, "t1", "e1", Span(s(4.3), s(4.9))))
    state = read_set(folder)
    again = grade_again(state, folder, before, TryRequest(item=ITEM, endpoint=before.endpoint))
    assert (again.timing[0].verdict, again.passed, again.of) == ("late", False, before.id)
    assert again.recording == before.recording
    assert not again.is_stale(item_sha256(state, ITEM))
    twice = grade_again(state, folder, again, TryRequest(item=ITEM, endpoint="", judges=()))
    assert twice.of == before.id
    assert [t.id for t in read_tries(folder).tries] == [before.id, again.id, twice.id]
    other = replace(before, sound_sha256="0" * 64)
    with pytest.raises(AppError, match="another sound"):
        grade_again(state, folder, other, TryRequest(item=ITEM, endpoint=""))
    with pytest.raises(AppError, match="no answer"):
        grade_again(state, folder, replace(before, answer=None), TryRequest(item=ITEM, endpoint=""))


# ---------------------------------------------------------------------- judges


class Refusing:
    name, parallel = "refusing", 1

    def ask(self, question: Question) -> Ruling:
        raise AppError("The judge cannot be used.", "The key is wrong.", "Give another key.")

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ()


def test_without_a_judge_the_timing_is_told_and_the_meaning_is_open(folder: Path) -> None:
    found = tried(folder, "right", judges=())
    assert found.timing[0].verdict == "in_window"
    assert found.meaning[0].verdict == "ungraded"


def test_a_judge_that_fails_costs_nothing_of_the_session(folder: Path) -> None:
    state = read_set(folder)
    request = TryRequest(item=ITEM, endpoint=script(folder, "right"))
    found = try_item(state, folder, request, judge=Refusing())
    assert "judge" in found.error["what"]
    assert found.timing[0].verdict == "in_window"
    assert found.grade is None
    (kept,) = read_tries(folder).tries
    again = grade_again(state, folder, kept, request)
    assert (again.passed, again.error) == (True, {})


def test_what_a_judge_ruled_is_not_asked_twice(folder: Path) -> None:
    tried(folder, "right")
    lines = (folder / "tries.verdicts.jsonl").read_bytes()
    tried(folder, "right")
    assert (folder / "tries.verdicts.jsonl").read_bytes() == lines


def test_recorded_verdicts_and_human_judges_work_here_too(folder: Path) -> None:
    table = folder.parent / "verdicts.jsonl"
    table.write_text(json.dumps({"kind": "speak/meaning", "item": ITEM, "key": "e1/1", "value": False}) + "\n")
    found = tried(folder, "right", judges=(f"recorded:{table}",))
    assert found.meaning[0].verdict == "wrong"
    asked: list[str] = []

    def person(text: str) -> str:
        asked.append(text)
        return "y"

    assert tried(folder, "right", judges=("human",), ask=person).passed
    assert asked


# ---------------------------------------------------------------------- cancelling, and what cannot be tried


def test_a_cancelled_try_leaves_nothing(folder: Path) -> None:
    cancel = Cancel()

    def stop(progress: Progress) -> None:
        if progress.phase == "playing" and progress.done_s > 2:
            cancel()

    request = TryRequest(item=ITEM, endpoint=script(folder, "right"))
    with pytest.raises(CancelledError):
        try_item(read_set(folder), folder, request, on_progress=stop, cancel=cancel)
    assert read_tries(folder).tries == ()
    assert list((folder / "tries" / ITEM).iterdir()) == []
    with pytest.raises(CancelledError):
        try_item(read_set(folder), folder, request, cancel=cancel)


@pytest.mark.parametrize("phase", ["opening", "judging"])
def test_a_try_is_cancelled_at_any_moment(folder: Path, phase: str) -> None:
    cancel = Cancel()
    request = TryRequest(item=ITEM, endpoint=script(folder, "right"))

    def stop(progress: Progress) -> None:
        if progress.phase == phase:
            cancel()

    with pytest.raises(CancelledError):
        try_item(read_set(folder), folder, request, on_progress=stop, cancel=cancel)
    assert read_tries(folder).tries == ()


def test_what_cannot_be_tried_says_why(folder: Path) -> None:
    state = read_set(folder)
    with pytest.raises(AppError, match="no 'nobody'"):
        try_item(state, folder, TryRequest(item="nobody", endpoint="onnx:tiny"))
    with pytest.raises(AppError, match="no 't9'"):
        try_item(state, folder, TryRequest(item=ITEM, take="t9", endpoint="onnx:tiny"))
    with pytest.raises(AppError, match="parameter"):
        try_item(state, folder, TryRequest(item=ITEM, endpoint="onnx:tiny", params={"nonsense": 1}))
    with Editor.open(folder) as editor:
        editor.do(SetInstructionSpan(ITEM, "t1", None))
        with pytest.raises(AppError, match="instruction is said"):
            try_item(editor.state, folder, TryRequest(item=ITEM, endpoint="onnx:tiny"))
        editor.do(ChooseBest(ITEM, None))
        with pytest.raises(AppError, match="no take"):
            try_item(editor.state, folder, TryRequest(item=ITEM, endpoint="onnx:tiny"))
    (folder / state.item("cs-0002").takes[0].audio).unlink()
    with pytest.raises(AppError, match="is missing"):
        try_item(state, folder, TryRequest(item="cs-0002", endpoint="onnx:tiny"))
    assert read_tries(folder).tries == ()


def test_a_far_endpoint_cannot_run_on_virtual_time(folder: Path) -> None:
    request = TryRequest(item=ITEM, endpoint="openai-realtime:gpt@http://127.0.0.1:9", clock="fast")
    found = try_item(read_set(folder), folder, request, endpoint=FarEndpoint())
    assert "virtual time" in found.error["what"]


def test_the_onset_of_the_voice_and_a_transcriber_may_be_asked_for(folder: Path) -> None:
    found = tried(folder, "silent", params={"onset": "audio_onset"}, transcripts="stream", clock="fast")
    assert found.answer is not None
    assert found.answer.speech_s == ()


def test_a_full_disk_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise AppError("x could not be written.", "No space left on device.", "Free space.")

    monkeypatch.setattr("tmlapp.bench.authoring.trying.keep_try", full)
    with pytest.raises(AppError, match="No space"):
        tried(folder, "silent")


# ---------------------------------------------------------------------- timing alone


def test_timing_names_the_nearest_reply_that_answers_nothing_else(folder: Path) -> None:
    item = row(read_set(folder))
    params = SpeakParams()
    early = timing_of(item, said((2.5, "sure"), (4.0, "too soon")), params)[0]
    # Until 3 s after the instruction a reply outside of windows is an acknowledgement.
    assert early.verdict == "silent"
    told = replace(item, instruction_s=(0.0, 0.5))
    early = timing_of(told, said((4.0, "too soon"), (9.0, "bye")), params)[0]
    assert (early.verdict, early.off_s, early.late_s, early.text) == ("early", 0.3, -0.6, "too soon")
    late = timing_of(told, said((8.2, "there"), (12.0, "bye")), params)[0]
    assert (late.verdict, late.off_s, late.utterance) == ("late", 1.0, 0)
    edge = timing_of(told, said((7.2, "just")), params)[0]
    assert edge.verdict == "in_window"


def test_one_reply_answers_one_expectation_only(folder: Path) -> None:
    item = row(read_set(folder))
    first = item.expectations[0]
    two = replace(item, expectations=(first, replace(first, id="e2", window=(5.0, 8.0))))
    found = timing_of(two, said((6.0, "once")), SpeakParams())
    assert [t.verdict for t in found] == ["in_window", "silent"]
    found = timing_of(two, said((6.0, "once"), (6.9, "twice")), SpeakParams())
    assert [(t.verdict, t.text) for t in found] == [("in_window", "once"), ("in_window", "twice")]
