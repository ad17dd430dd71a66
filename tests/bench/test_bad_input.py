"""Files and answers that are damaged in ways that a program meets and nobody means: each is told, none is a crash."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench.every_suite import PROFILES, SUITES, entries, entry, grade
from tests.bench.fdb_v3_data import make_data
from tmlapp.bench.answer import Answer, ToolUse, Utterance
from tmlapp.bench.data import Part, SuiteItem, is_file, is_there
from tmlapp.bench.judges.base import JudgePrompt, Question, Ruling, read_reply, yes_or_no
from tmlapp.bench.labels.rows import strict_json
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.charades_rule import span_in
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

HUGE = 10**400
"""A whole number of JSON that is too long for a float."""
DEEP = "[" * 100_000
LONG = "a" * 300


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[NaN]", "NaN is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ("[1e999]", "1e999 is too large"),
        ('[{"a": 1, "b": 2, "a": 3}]', "'a' stands there twice"),
        ("{", "Expecting"),
    ],
)
def test_json_that_would_lose_or_hide_something_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        strict_json(text)
    assert strict_json('{"a": [1, 2.5, 1e3]}') == {"a": [1, 2.5, 1000.0]}


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_a_folder_that_cannot_be_opened_is_told(tmp_path: Path, suite: str) -> None:
    # A name too long for any file stands for whatever else the system answers: rights, a drive that was taken out.
    for folder in (tmp_path / LONG, tmp_path / "none", Path(__file__)):
        with pytest.raises(AppError):
            SUITES[suite].load(folder, {})
    item = SuiteItem(id="a/1", truth=entry(suite, "", 0, "right").truth, group="a")
    with contextlib.suppress(AppError):
        assert SUITES[suite].read_official(tmp_path / LONG, [item]) == {}
    assert list(SUITES[suite].recorded_verdicts(tmp_path / "none", [item])) == []


def test_names_that_no_file_can_have_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in (LONG, "a\0b", "loop", "."):
        assert not is_file(tmp_path / name)
        assert not is_there(tmp_path / name)


def lines(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), encoding="utf-8")
    return path


def test_a_sound_that_links_to_itself_is_missing(tmp_path: Path) -> None:
    row = {"category": "navigate", "official_answer": "Yes"}
    (tmp_path / "loop.mp3").symlink_to(tmp_path / "loop.mp3")
    (tmp_path / "fine.mp3").write_bytes(b"x")
    names = ("fine.mp3", "loop.mp3", LONG, "a\0b")
    lines(tmp_path / "metadata.jsonl", *({**row, "id": i, "file_name": n} for i, n in enumerate(names)))
    loaded = SUITES["bigbench-audio"].load(tmp_path, {})
    assert ([i.id for i in loaded.items], len(loaded.quarantined)) == (["0"], 3)


def test_arguments_nested_beyond_all_measure_set_the_row_aside(tmp_path: Path) -> None:
    row = {"prompt": "Write.", "instruction_id_list": ["punctuation:no_comma"]}
    lines(tmp_path / "input_data.jsonl", {**row, "key": 1, "kwargs": [{}]}, {**row, "key": 2, "kwargs": DEEP}, DEEP)
    loaded = SUITES["ifeval"].load(tmp_path, {})
    assert (len(loaded.items), len(loaded.quarantined)) == (1, 2)


@pytest.mark.parametrize("text", [DEEP, '{"a": {"subset": "testing", "duration": 1' + "0" * 400 + ', "actions": []}}'])
def test_a_charades_json_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "charades.json").write_text(text)
    with pytest.raises(AppError, match="is not valid"):
        SUITES["charades"].load(tmp_path, {})
    with pytest.raises(AppError, match="option items"):
        SUITES["charades"].load(tmp_path, {"items": []})


@pytest.mark.parametrize("chunks", [[{"text": "a", "timestamp": [HUGE, 1]}], [{"text": "a", "timestamp": []}], 5])
def test_times_of_an_official_transcript_that_are_none_are_told(tmp_path: Path, chunks: Any) -> None:
    lines(tmp_path / "1" / "output.json", {"text": "a", "chunks": chunks})
    item = SuiteItem(id="candor_pause_handling/1", truth={}, group="candor_pause_handling")
    (tmp_path / "v1.0").mkdir()
    (tmp_path / "1").rename(tmp_path / "v1.0" / "1")
    (tmp_path / "v1.0").rename(tmp_path / "candor_pause_handling")
    with pytest.raises(AppError, match=r"transcript .* cannot be read"):
        SUITES["fdb-v1"].read_official(tmp_path, [item])
    v3 = {"transcript": "a", "asr_chunks": chunks, "actual_tool_calls": []}
    lines(tmp_path / "x_1" / "result_us.json", v3)
    with pytest.raises(AppError, match="no result of Full-Duplex-Bench v3"):
        SUITES["fdb-v3"].read_official(tmp_path, [SuiteItem(id="x_1", truth={})])


def test_a_prediction_at_an_endless_time_is_told(tmp_path: Path) -> None:
    said = [{"time": HUGE, "content": "a"}]
    lines(tmp_path / "WEB.jsonl", {"question_id": "q", "model_response_list": said})
    with pytest.raises(AppError, match="no prediction"):
        SUITES["proactive-video-qa"].read_official(tmp_path, [])


def test_verdicts_under_a_name_that_is_none_are_left_out(tmp_path: Path) -> None:
    rows = [{"id": ["a"], "verdicts": {}}, {"id": "a", "verdicts": {"e1/0": True}}]
    lines(tmp_path / "verdicts.jsonl", *rows)
    found = SUITES["timespeak"].recorded_verdicts(tmp_path, [SuiteItem(id="a", truth={})])
    assert [(v.item, v.key, v.value) for v in found] == [("a", "e1/0", True)]


@pytest.mark.parametrize("stops", [[[1, math.nan]], [[1, HUGE]], [[1]]])
def test_recorded_intervals_that_are_none_are_told(stops: Any) -> None:
    given = entry("fdb-v1.5", "official", 0, "right")
    intervals = {"latency_stop_list": stops, "latency_resp_list": []}
    answers = {k: replace(a, speech_s=None, extra={"latency_intervals": intervals}) for k, a in given.answers.items()}
    with pytest.raises(AppError, match=r"latency_intervals\.json"):
        grade("fdb-v1.5", [replace(given, answers=answers)], "official")


def test_what_a_model_calls_a_tool_with_can_be_written_down() -> None:
    given = entry("fdb-v3", "official", 0, "right")
    calls = (
        ToolUse(name="track_order", arguments='{"order_id": NaN, "n": 1e999}', t0_s=math.nan),
        ToolUse(name="track_order", arguments={"order_id": -math.inf}, t0_s=4.0),
    )
    answers = {"main": replace(given.answers["main"], tools=calls)}
    made = grade("fdb-v3", [replace(given, answers=answers)], "official")
    json.dumps(made.to_json(), allow_nan=False)
    assert made.verdicts[0].details["actual_calls"][1]["args"] == {"order_id": "-Infinity"}
    with pytest.raises(AppError, match="not a finite number"):
        grade("fdb-v3", [replace(given, answers={"main": Answer(extra={"user_speech_end_rel": "soon"})})], "official")


def test_an_end_that_is_no_time_is_unknown() -> None:
    given = entry("proactive-video-qa", "official", 0, "right")
    odd = tuple(replace(u, t1_s=math.inf) for u in given.answers["main"].utterances)
    made = grade("proactive-video-qa", [replace(given, answers={"main": Answer(text="a", utterances=odd)})], "official")
    assert set(made.verdicts[0].details["ends_s"]) == {None}


def test_a_verdict_that_is_neither_true_nor_false_is_none() -> None:
    for value in ({"a": 1}, "yes", 1, math.nan):
        ruling = yes_or_no(Ruling(value=value, judge="table", replies=("r",)))
        assert (ruling.value, ruling.replies) == (None, ("r",))
        assert "neither true nor false" in ruling.why
    for kept in (True, False, None):
        assert yes_or_no(Ruling(value=kept, judge="table", why="w")) == Ruling(value=kept, judge="table", why="w")


class Odd:
    """Gives one value to everything."""

    name = "odd"
    parallel = 1

    def __init__(self, value: Any) -> None:
        self._value = value

    def ask(self, question: Question) -> Ruling:
        return Ruling(value=self._value, judge=f"{self.name} {question.key}")

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ()


@pytest.mark.parametrize("value", [{"a": 1}, ["C_RESPOND", 5], math.nan, "yes", HUGE, {"rating": HUGE}, -1])
@pytest.mark.parametrize(("suite", "profile"), PROFILES)
def test_odd_verdicts_of_a_table_crash_no_suite(suite: str, profile: str, value: Any) -> None:
    listed: list[Entry] = entries(suite, profile, ["right"] * 4)
    made = SUITES[suite].grade(listed, profile=profile, params={}, sources=Sources(judge=Odd(value)))
    json.dumps(made.to_json(), allow_nan=False)
    assert made.n == 4


def _one_run(suite: str, text: str) -> tuple[list[SuiteItem], dict[str, dict[str, Answer]]]:
    items, answers = [], {}
    for made in entries(suite, SUITES[suite].profiles[0], ["right"]):
        parts = tuple(Part(name=name) for name in made.answers)
        truth = {"context": "", "title": "", "turn_taking": [], **made.truth}
        items.append(SuiteItem(id=made.item, truth=truth, parts=parts, group=truth.get("scenario", "g")))
        answers[made.item] = {
            name: replace(a, text=text, utterances=(Utterance(5.0, None, text),), words=())
            for name, a in made.answers.items()
        }
    return items, answers


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_half_a_surrogate_pair_can_be_written_by_every_suite(tmp_path: Path, suite: str) -> None:
    items, answers = _one_run(suite, "right \ud800")
    written = SUITES[suite].write_official(tmp_path, items, answers, lambda *_: None)
    assert written
    for path in written:
        path.read_text(encoding="utf-8")


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_a_folder_that_cannot_be_made_is_told_by_every_suite(tmp_path: Path, suite: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AppError, match=r"(cannot|could not) be written"):
        SUITES[suite].write_official(tmp_path / "file", *_one_run(suite, "right"), lambda *_: None)


def test_an_empty_recording_counts_as_missing(tmp_path: Path) -> None:
    place = make_data(tmp_path, python=False) / "fdb_v3_data_released"
    row = json.loads((place / "ecommerce_01_bb" / "metadata.json").read_text())
    (place / "ecommerce_01_bb" / "metadata.json").write_text(json.dumps({**row, "disfluency_features": 5}))
    (place / "ecommerce_03_aa").mkdir()
    loaded = SUITES["fdb-v3"].load(tmp_path, {})
    assert [(q.row, q.kind) for q in loaded.quarantined] == [("ecommerce_03_aa", "missing")]
    assert [i.truth["features"] for i in loaded.items] == [["FILLER"], [], ["FILLER"]]


@pytest.mark.parametrize("text", [" " * 100_000, "1" * 100_000, "1" + " " * 100_000, "1 " * 50_000, "\n" * 100_000])
def test_a_long_row_of_one_sign_is_read_at_once(text: str) -> None:
    assert span_in(text) is None
    assert read_reply(JudgePrompt(kind="any", parse=str), text) == text
    assert read_reply(JudgePrompt(kind="any", parse=str), f"{text}</think>yes") == "yes"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 4.0 - 9.5", (4.0, 9.5)), ("12.5 sec to 13", (12.5, 13.0)), ("1 second until 2 seconds", (1.0, 2.0)),
        ("between 3s and 5s", (3.0, 5.0)), ("1 SECS—2.", (1.0, 2.0)), ("1.5.2 - 3", None), ("9 to 3", None),
        ("3 stops to 5", None), ("no", None),
    ],
)  # fmt: skip
def test_written_intervals_are_read(text: str, found: tuple[float, float] | None) -> None:
    assert span_in(text) == found


@pytest.mark.parametrize("name", ["../secret.mp4", "{at}/secret.mp4", "x/../../secret.mp4"])
def test_no_row_opens_a_file_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    secret, folder = tmp_path / "secret.mp4", tmp_path / "data"
    secret.write_bytes(b"x")
    (folder / "x").mkdir(parents=True)
    name = name.format(at=tmp_path)
    lines(folder / "test_with_fps.csv", "type,name,count,L1,L2,fps,num_frames", f"squat,{name},1,0,90,30,300")
    row = {"key": 1, "prompt": "a", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}], "audio": name}
    lines(folder / "input_data.jsonl", row)
    question = entry("proactive-video-qa", "", 0, "right").truth
    talk = [{"role": "user", "time": 0, "content": "What?"}]
    lines(folder / "WEB" / "anno.json", [{**question, "video": f"../{name}", "conversation": talk}])
    (folder / "WEB" / "videos").mkdir()
    lines(folder / "items.jsonl", speak_item(name))
    for suite in ("repcount-a", "ifeval-voice", "proactive-video-qa", "timespeak"):
        with pytest.raises(AppError, match=r"No video|No row|No question|not a valid item"):
            SUITES[suite].load(folder, {})


def speak_item(audio: str) -> dict[str, Any]:
    raw = dict(entry("timespeak", "", 0, "right").truth)
    return {**raw, "input": {**raw["input"], "audio": audio}}
