from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Tail
from tmlapp.bench.suites.bigbench_audio import BigBenchAudio
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

ROW: dict[str, Any] = {"category": "navigate", "official_answer": "Yes", "file_name": "data/q_0.mp3", "id": 0}


def folder(path: Path, rows: list[Any], sounds: tuple[str, ...] = ("data/q_0.mp3",)) -> Path:
    for name in sounds:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(b"sound")
    (path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


def no_sound(item: str, part: str) -> None:
    return None


def test_a_question_is_one_sound(tmp_path: Path) -> None:
    loaded = BigBenchAudio().load(folder(tmp_path, [ROW]), {})
    (item,) = loaded.items
    assert (item.id, item.group, loaded.expected) == ("0", "navigate", 1000)
    (part,) = item.parts
    assert (part.name, part.sounds, part.video) == ("main", (str(tmp_path / "data" / "q_0.mp3"),), "")
    assert part.tail == Tail(quiet_s=3.0, most_s=60.0)
    assert "navigate: 1 questions, 250 are published." in loaded.notes
    assert "web_of_lies: 0 questions, 250 are published." in loaded.notes


def test_it_is_asked_three_times_on_request(tmp_path: Path) -> None:
    loaded = BigBenchAudio().load(folder(tmp_path, [ROW]), {"runs": "3"})
    assert [p.name for p in loaded.items[0].parts] == ["main", "main_2", "main_3"]
    assert loaded.items[0].truth["runs"] == 3


@pytest.mark.parametrize("options", [{"runs": 2}, {"runs": "many"}, {"run": 3}])
def test_an_option_that_is_none_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="is no option of bigbench-audio"):
        BigBenchAudio().load(folder(tmp_path, [ROW]), options)


@pytest.mark.parametrize("place", ["q_1.mp3", "data/q_1.mp3", "sub/q_1.mp3"])
def test_sounds_are_found_where_copies_keep_them(tmp_path: Path, place: str) -> None:
    row = {**ROW, "id": 1, "file_name": "sub/q_1.mp3" if place != "data/q_1.mp3" else "q_1.mp3"}
    loaded = BigBenchAudio().load(folder(tmp_path, [row], (place,)), {})
    assert loaded.items[0].parts[0].sounds == (str(tmp_path / place),)


def test_rows_that_cannot_be_used_are_counted_with_their_reason(tmp_path: Path) -> None:
    rows = [
        {**ROW, "official_answer": 7, "category": "object_counting"},
        ROW,
        {**ROW, "id": 1, "file_name": "gone.mp3"},
        {**ROW, "id": 2, "file_name": "../outside.mp3"},
        {**ROW, "id": 3, "official_answer": True},
        {**ROW, "id": 4, "category": None},
        {**ROW, "id": 5, "file_name": ""},
        {**ROW, "id": []},
        3,
    ]
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.mp3").write_bytes(b"sound")
    loaded = BigBenchAudio().load(folder(tmp_path / "inside", rows), {})
    assert [i.truth["official_answer"] for i in loaded.items] == ["7"]
    assert [q.kind for q in loaded.quarantined].count("missing") == 2
    assert len(loaded.quarantined) == 8
    assert loaded.quarantined[-1].why == "it is no JSON object"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "It has no metadata.jsonl"),
        ("\n", "No row of metadata.jsonl can be used"),
        ("{", "the first: it is not JSON"),
    ],
)
def test_a_folder_without_questions_says_what_is_expected(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "metadata.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(AppError, match=message):
        BigBenchAudio().load(tmp_path, {})


def test_answers_come_back_as_they_were_written(tmp_path: Path) -> None:
    suite = BigBenchAudio()
    rows = [{**ROW, "id": i} for i in range(3)]
    items = suite.load(folder(tmp_path, rows), {"runs": 3}).items
    recorded: Any = {"text_source": "recorded", "timing_source": "recorded"}
    answers = {
        "0": {
            "main": Answer(text="Yes.", user_text="Do you \u2028 return?", **recorded),
            "main_3": Answer(text="No.", **recorded),
        },
        "1": {"main": Answer(text="", **recorded)},
    }
    (path,) = suite.write_official(tmp_path / "out", items, answers | {"2": {"other": Answer()}}, no_sound)
    assert len(path.read_text().splitlines()) == 3
    assert suite.read_official(tmp_path / "out", items) == answers


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"id": 0}', "answer is missing"),
        ('{"id": 0, "answer": "a", "question": 1}', "question is missing or no text"),
        ('{"id": 0, "answer": "a", "run": 4}', "run is 4, not 1 to 3"),
        ('{"id": 0, "answer": "a", "run": true}', "run is True, not 1 to 3"),
        ('{"id": 0, "answer": "a"}\n{"id": 0, "answer": "b", "run": 1}', "run 1 of 0 stands there already"),
        ('{"id": 9, "answer": "a"}', "no row has the id"),
        ('{"id": {}, "answer": "a"}', "id is missing"),
        ("7", "it is no JSON object"),
    ],
)
def test_a_file_of_answers_that_cannot_be_used_says_why(tmp_path: Path, lines: str, message: str) -> None:
    suite = BigBenchAudio()
    items = suite.load(folder(tmp_path, [ROW]), {}).items
    (tmp_path / "predictions.jsonl").write_text(lines, encoding="utf-8")
    with pytest.raises(AppError, match=message):
        suite.read_official(tmp_path, items)


def test_verdicts_of_somebody_are_read_raw(tmp_path: Path) -> None:
    suite = BigBenchAudio()
    items = suite.load(folder(tmp_path, [ROW]), {}).items
    assert list(suite.recorded_verdicts(tmp_path, items)) == []
    judged = tmp_path / "judged.jsonl"
    judged.write_text('{"id": 0, "run": 2, "judge_reply": "CORRECT"}\n{"id": 5, "judge_reply": ""}', encoding="utf-8")
    (verdict,) = suite.recorded_verdicts(tmp_path, items)
    assert (verdict.kind, verdict.item, verdict.key, verdict.reply) == (
        "bigbench-audio/correct",
        "0",
        "main_2",
        "CORRECT",
    )
    judged.write_text('{"id": 0}', encoding="utf-8")
    with pytest.raises(AppError, match="judge_reply is missing"):
        list(suite.recorded_verdicts(tmp_path, items))
