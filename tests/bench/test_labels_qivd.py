from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.data import Tail
from tmlapp.bench.labels.qivd import timestamp_s
from tmlapp.bench.suites.qivd import Qivd
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

ROW: dict[str, Any] = {
    "id": 0, "video": "00000000.mp4", "category": "ocr", "timestamp": "00:04.2", "question": "What does it say?",
    "short_answer": "Stop", "answer": "It says stop.",
}  # fmt: skip


def folder(path: Path, rows: list[Any], videos: tuple[str, ...] = ("00000000.mp4", "00000001.mp4")) -> Path:
    (path / "videos").mkdir(exist_ok=True)
    for name in videos:
        (path / "videos" / name).write_bytes(b"clip")
    (path / "labels.json").write_text(json.dumps(rows), encoding="utf-8")
    return path


def no_sound(item: str, part: str) -> None:
    return None


def test_a_clip_is_shown_with_its_sound_until_two_seconds_after_the_answer(tmp_path: Path) -> None:
    loaded = Qivd().load(folder(tmp_path, [ROW]), {})
    (item,) = loaded.items
    assert (item.id, item.group, loaded.expected) == ("0", "ocr", 2900)
    assert item.truth["timestamp_s"] == 4.2
    (part,) = item.parts
    assert (part.muted, part.sounds, part.instruction, part.message) == (False, (), "", "")
    assert part.video == str(tmp_path / "videos" / "00000000.mp4")
    assert part.tail == Tail(least_s=0, quiet_s=2.0, most_s=10)
    assert set(loaded.files) == {"labels"}
    assert loaded.notes == ()


def test_the_tail_is_an_option(tmp_path: Path) -> None:
    loaded = Qivd().load(folder(tmp_path, [ROW]), {"tail_max_s": "5", "quiet_s": 1})
    assert loaded.items[0].parts[0].tail == Tail(quiet_s=1.0, most_s=5.0)


@pytest.mark.parametrize("options", [{"tail": 1}, {"quiet_s": "soon"}, {"quiet_s": -1}, {"quiet_s": True}])
def test_an_option_that_is_none_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="is no option of qivd"):
        Qivd().load(folder(tmp_path, [ROW]), options)


def test_rows_that_cannot_be_used_are_counted_with_their_reason(tmp_path: Path) -> None:
    bad: list[Any] = [
        {**ROW, "id": None},
        {**ROW, "id": 1, "video": "gone.mp4"},
        {**ROW, "id": 2, "video": "../labels.json"},
        {**ROW, "id": 3, "timestamp": "4.2"},
        {**ROW, "id": 4, "question": ""},
        {**ROW, "id": 5, "answer": 3},
        {**ROW, "id": 6, "short_answer": None},
        ["no", "object"],
        ROW,
    ]
    other = {**ROW, "id": 7, "short_answer": 1, "category": "tricks"}
    loaded = Qivd().load(folder(tmp_path, [ROW, *bad, other]), {})
    assert [i.id for i in loaded.items] == ["0", "7"]
    assert loaded.items[1].truth["short_answer"] == "1"
    assert [q.kind for q in loaded.quarantined] == ["damaged", "missing", "missing", *["damaged"] * 6]
    assert loaded.quarantined[-1].why == "the id 0 stands in the file already"
    assert loaded.quarantined[0].row == "labels.json, entry 2"
    assert "tricks" in loaded.notes[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "it has no labels.json|It has no labels.json"),
        (b"{}", "holds no list"),
        (b"[]", "No entry of labels.json can be used"),
        (b"[1]", "the first: it is no JSON object"),
        (b"[", "is not JSON"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_folder_without_clips_says_what_is_expected(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / "labels.json").write_bytes(data)
    with pytest.raises(AppError, match=message):
        Qivd().load(tmp_path, {})


@pytest.mark.parametrize(
    ("written", "seconds"), [("00:04.2", 4.2), ("01:00.0", 60.0), ("10:30", 630.0), (" 00:05 ", 5.0)]
)
def test_times_are_minutes_and_seconds(written: str, seconds: float) -> None:
    assert timestamp_s(written) == seconds


@pytest.mark.parametrize("written", ["", "4.2", "00:nan", "-1:02", "1:2:3", "00:1e3", "٠٠:٠٤"])
def test_other_times_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not mm:ss"):
        timestamp_s(written)


def test_answers_come_back_as_they_were_written(tmp_path: Path) -> None:
    suite = Qivd()
    rows = [{**ROW, "id": i, "video": "00000000.mp4"} for i in range(5)]
    items = suite.load(folder(tmp_path, rows), {}).items
    recorded: Any = {"text_source": "recorded", "timing_source": "recorded"}
    answers = {
        "0": {"main": Answer(text="Stop.", utterances=(Utterance(4.5, None, "Stop."),), **recorded)},
        "1": {"main": Answer(text="", **recorded)},
        "2": {"main": Answer(text="Untimed \ud83d", **recorded)},
        "4": {},
    }
    out = tmp_path / "out"
    (path,) = suite.write_official(out, items, answers, no_sound)
    assert path == out / "predictions.jsonl"
    assert suite.read_official(out, items) == {k: v for k, v in answers.items() if v}


def test_the_onset_of_words_is_what_is_written(tmp_path: Path) -> None:
    suite = Qivd()
    items = suite.load(folder(tmp_path, [ROW]), {}).items
    suite.write_official(tmp_path, items, {"0": {"main": Answer(text="a", words=(Word(1.5, 2.0, "a"),))}}, no_sound)
    assert json.loads((tmp_path / "predictions.jsonl").read_text()) == {
        "id": "0",
        "prediction": "a",
        "first_word_s": 1.5,
    }


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"id": 0}', "prediction is missing"),
        ('{"id": 0, "prediction": "a", "first_word_s": NaN}', "NaN is no number"),
        ('{"id": 0, "prediction": "a", "first_word_s": true}', "first_word_s is True"),
        ('{"id": 0, "prediction": "a"}\n{"id": "0", "prediction": "b"}', "the id 0 stands there already"),
        ('{"id": 9, "prediction": "a"}', "no row has the id"),
        ('{"prediction": "a"}', "id is missing"),
        ("{", "is not JSON"),
    ],
)
def test_a_file_of_answers_that_cannot_be_used_says_why(tmp_path: Path, lines: str, message: str) -> None:
    suite = Qivd()
    items = suite.load(folder(tmp_path, [ROW]), {}).items
    (tmp_path / "predictions.jsonl").write_text(lines, encoding="utf-8")
    with pytest.raises(AppError, match=message):
        suite.read_official(tmp_path, items)


def test_verdicts_of_somebody_are_read_raw(tmp_path: Path) -> None:
    suite = Qivd()
    items = suite.load(folder(tmp_path, [ROW]), {}).items
    assert list(suite.recorded_verdicts(tmp_path, items)) == []
    judged = tmp_path / "judged.jsonl"
    judged.write_text('\n{"id": 0, "judge_reply": "yes"}\n{"id": 8, "judge_reply": ""}\n', encoding="utf-8")
    (verdict,) = suite.recorded_verdicts(tmp_path, items)
    assert (verdict.kind, verdict.item, verdict.key, verdict.reply) == ("qivd/correct", "0", "main", "yes")
    judged.write_text('{"id": 0, "judge_reply": 1}', encoding="utf-8")
    with pytest.raises(AppError, match="judge_reply is missing or no text"):
        list(suite.recorded_verdicts(tmp_path, items))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    suite = Qivd()
    items = suite.load(folder(tmp_path, [ROW]), {}).items
    with pytest.raises(AppError, match=r"predictions.jsonl cannot be read"):
        suite.read_official(tmp_path, items)
