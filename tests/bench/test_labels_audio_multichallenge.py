from __future__ import annotations

import builtins
import importlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.data import HistoryPart, Tail
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.audio_multichallenge import AudioMultiChallenge
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

ROW: dict[str, Any] = {
    "id": "ab12", "axis": "VOICE_EDITING", "last_user_turn": 2, "rubrics": ["Names a bird."],
    "user_turn_1_transcript": "One.", "assistant_turn_1_transcript": "Two.", "user_turn_2_transcript": "Three.",
}  # fmt: skip
WAV = b"RIFF0000WAVE"


def folder(path: Path, rows: list[Any], sounds: tuple[str, ...] = ("ab12",), place: str = "audio") -> Path:
    path.mkdir(exist_ok=True)
    for name in sounds:
        for turn in (1, 2):
            sound = path / place / name / f"user_turn_{turn}.wav"
            sound.parent.mkdir(parents=True, exist_ok=True)
            sound.write_bytes(WAV)
    (path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def no_sound(item: str, part: str) -> None:
    return None


def test_live_plays_every_user_turn_one_after_another(tmp_path: Path) -> None:
    loaded = AudioMultiChallenge().load(folder(tmp_path, [ROW]), {})
    (item,) = loaded.items
    assert (item.id, item.group, loaded.expected, loaded.notes) == ("ab12", "VOICE_EDITING", 452, ())
    (part,) = item.parts
    assert [Path(s).name for s in part.sounds] == ["user_turn_1.wav", "user_turn_2.wav"]
    assert (part.turn_quiet_s, part.turn_most_s, part.history) == (1.0, 20.0, ())
    assert part.tail == Tail(quiet_s=2.0, most_s=60.0)
    assert item.truth["protocol"] == "live"


def test_official_gives_the_published_history_and_plays_the_last_turn(tmp_path: Path) -> None:
    loaded = AudioMultiChallenge().load(folder(tmp_path, [ROW], place="."), {"protocol": "official"})
    (part,) = loaded.items[0].parts
    first = str(tmp_path / "ab12" / "user_turn_1.wav")
    assert part.history == (HistoryPart(role="user", sound=first), HistoryPart(role="assistant", text="Two."))
    assert part.sounds == (str(tmp_path / "ab12" / "user_turn_2.wav"),)
    assert (part.instruction, part.message) == ("", "")


def test_a_reply_that_is_not_published_is_left_out_of_the_history(tmp_path: Path) -> None:
    row = {**ROW, "assistant_turn_1_transcript": None}
    loaded = AudioMultiChallenge().load(folder(tmp_path, [row]), {"protocol": "official"})
    (part,) = loaded.items[0].parts
    assert [h.role for h in part.history] == ["user"]
    assert loaded.items[0].truth["assistant_turns"] == [""]
    assert "not published: replies in ab12" in loaded.notes[0]
    assert AudioMultiChallenge().load(tmp_path, {}).notes == ()


def test_sounds_may_lie_elsewhere(tmp_path: Path) -> None:
    folder(tmp_path / "sounds", [])
    folder(tmp_path / "data", [ROW], sounds=())
    options = {"audio_dir": str(tmp_path / "sounds" / "audio")}
    assert len(AudioMultiChallenge().load(tmp_path / "data", options).items[0].parts) == 1
    with pytest.raises(AppError, match="There are no sounds in"):
        AudioMultiChallenge().load(tmp_path / "data", {"audio_dir": str(tmp_path / "data")})
    with pytest.raises(AppError, match="There are no sounds in 2024"):
        AudioMultiChallenge().load(tmp_path / "data", {"audio_dir": 2024})


def test_without_any_sound_answers_can_be_graded_still(tmp_path: Path) -> None:
    loaded = AudioMultiChallenge().load(folder(tmp_path, [ROW], sounds=()), {})
    assert loaded.items[0].parts == ()
    assert "nothing can be run" in loaded.notes[0]


def test_rows_that_cannot_be_used_are_counted_with_their_reason(tmp_path: Path) -> None:
    rows = [
        ROW,
        {**ROW, "id": "gone"},
        {**ROW, "id": "../ab12"},
        {**ROW, "id": "x", "last_user_turn": 9},
        {**ROW, "id": "x", "last_user_turn": True},
        {**ROW, "id": "x", "rubrics": []},
        {**ROW, "id": "x", "axis": ""},
        {**ROW, "id": "x", "user_turn_2_transcript": None},
        {k: v for k, v in ROW.items() if k != "rubrics"} | {"id": "x", "rubric": "[1"},
        {k: v for k, v in ROW.items() if k != "rubrics"} | {"id": "x"},
        ROW,
    ]
    loaded = AudioMultiChallenge().load(folder(tmp_path, rows), {})
    assert len(loaded.items) == 1
    kinds = Counter(q.kind for q in loaded.quarantined)
    assert kinds == {"missing": 1, "damaged": 9}
    assert loaded.quarantined[0].why == "gone/user_turn_1.wav is missing or empty"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "It has no metadata.jsonl and no parquet file"),
        ("7", "None of 1 rows can be used; the first: it is no JSON"),
    ],
)
def test_a_folder_without_conversations_says_what_is_expected(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "metadata.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(AppError, match=message):
        AudioMultiChallenge().load(tmp_path, {})


def test_blank_metadata_says_that_no_row_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(AppError, match="the first: none"):
        AudioMultiChallenge().load(tmp_path, {})


@pytest.mark.parametrize("options", [{"protocol": "both"}, {"extract": "maybe"}, {"audio": "x"}, {"turn_most_s": -1}])
def test_an_option_that_is_none_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="is no option of audio-multichallenge"):
        AudioMultiChallenge().load(folder(tmp_path, [ROW]), options)


def test_the_real_metadata_has_what_is_published(shared_data: Path) -> None:
    loaded = AudioMultiChallenge().load(shared_data / "bench" / "audio-multichallenge", {"protocol": "official"})
    assert (len(loaded.items), loaded.quarantined) == (452, ())
    assert Counter(i.group for i in loaded.items) == {
        "INFERENCE_MEMORY": 132, "INSTRUCTION_RETENTION": 120, "VOICE_EDITING": 117, "SELF_COHERENCE": 83,
    }  # fmt: skip
    assert sum(len(i.truth["rubrics"]) for i in loaded.items) == 1712
    assert "replies in plrw2n71ditatq03." in loaded.notes[-1]
    entries = [Entry.of(i, None) for i in loaded.items]
    grade = AudioMultiChallenge().grade(entries, profile="official", params={}, sources=Sources())
    assert (grade.score, grade.n, grade.n_missing) == (0.0, 452, 452)


def parquet(path: Path, sounds: bytes | None = WAV) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow reads the parquet files")
    writer = importlib.import_module("pyarrow.parquet")
    columns: dict[str, list[Any]] = {"id": ["ab12"], "axis": ["VOICE_EDITING"], "rubric": ['["Names a bird."]']}
    texts = {(1, "user"): "One.", (1, "assistant"): "Two.", (2, "user"): "Three."}
    for turn in range(1, 9):
        for who in ("user", "assistant"):
            columns[f"{who}_turn_{turn}_transcript"] = [texts.get((turn, who))]
        sound = {"bytes": sounds, "path": "x.wav"} if turn < 3 and sounds else None
        columns[f"user_turn_{turn}_audio"] = pyarrow.array([sound], type=pyarrow.struct(
            [("bytes", pyarrow.binary()), ("path", pyarrow.string())]
        ))  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    writer.write_table(pyarrow.table(columns), path)


def test_parquet_files_are_read_and_their_sounds_written_out_on_request(tmp_path: Path) -> None:
    parquet(tmp_path / "data" / "test-00000-of-00001.parquet")
    suite = AudioMultiChallenge()
    assert suite.load(tmp_path, {}).items[0].parts == ()
    loaded = suite.load(tmp_path, {"extract": "true"})
    assert (tmp_path / "audio" / "ab12" / "user_turn_2.wav").read_bytes() == WAV
    assert not (tmp_path / "audio" / "ab12" / "user_turn_3.wav").exists()
    assert len(loaded.items[0].parts[0].sounds) == 2
    truth = loaded.items[0].truth
    assert (truth["rubrics"], truth["user_turns"], truth["assistant_turns"]) == (
        ["Names a bird."], ["One.", "Three."], ["Two."],
    )  # fmt: skip
    assert list(loaded.files) == ["test-00000-of-00001.parquet"]


def test_sounds_of_another_kind_are_not_renamed_to_wav(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", b"OggS")
    with pytest.raises(AppError, match=r"user turn 1 in a.parquet, row 1 is no wav"):
        AudioMultiChallenge().load(tmp_path, {"extract": True})


def test_a_folder_that_cannot_take_the_sounds_is_named(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet")
    (tmp_path / "audio").write_text("a file is in the way")
    with pytest.raises(AppError, match="cannot be written"):
        AudioMultiChallenge().load(tmp_path, {"extract": True})


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow reads the parquet files")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(AppError, match=r"a.parquet cannot be read"):
        AudioMultiChallenge().load(tmp_path, {})


def test_without_pyarrow_the_error_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    real = builtins.__import__

    def refuse(name: str, *more: Any, **named: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(AppError, match="pip install pyarrow"):
        AudioMultiChallenge().load(tmp_path, {})


def test_official_answers_come_back_as_they_were_written(tmp_path: Path) -> None:
    suite = AudioMultiChallenge()
    items = suite.load(folder(tmp_path, [ROW, {**ROW, "id": "cd"}], ("ab12", "cd")), {"protocol": "official"}).items
    answers = {"ab12": {"main": Answer(text="A \ud83d wren.", text_source="recorded", timing_source="recorded")}}
    (path,) = suite.write_official(tmp_path / "out", items, answers, no_sound)
    assert json.loads(path.read_text()) == {"id": "ab12", "answer": "A \ud83d wren.", "protocol": "official"}
    assert suite.read_official(tmp_path / "out", items) == answers


def test_live_answers_come_back_with_the_whole_conversation(tmp_path: Path) -> None:
    suite = AudioMultiChallenge()
    items = suite.load(folder(tmp_path, [ROW]), {}).items
    spoken = (Utterance(1.0, 2.0, "A crow."), Utterance(12.0, 13.0, "A wren."))
    answer = Answer(text="A crow. A wren.", utterances=spoken, extra={"turn_starts_s": [0.0, 10.0]})
    suite.write_official(tmp_path, items, {"ab12": {"main": answer}}, no_sound)
    read = suite.read_official(tmp_path, items)
    assert read["ab12"]["main"].text == "A wren."
    assert read["ab12"]["main"].extra == {"turns": ["A crow.", "A wren."]}
    suite.write_official(tmp_path / "again", items, read, no_sound)
    assert suite.read_official(tmp_path / "again", items) == read


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"answer": "a", "protocol": "live", "turns": "a"}, "turns is no list of texts"),
        ({"answer": "a", "protocol": "live", "turns": [1]}, "turns holds something that is no text"),
        ({"protocol": "live"}, "answer is missing"),
        ({"answer": "a"}, "is of protocol 'official'"),
    ],
)
def test_a_file_of_answers_that_cannot_be_used_says_why(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    suite = AudioMultiChallenge()
    items = suite.load(folder(tmp_path, [ROW]), {}).items
    (tmp_path / "predictions.jsonl").write_text(json.dumps({"id": "ab12", **row}), encoding="utf-8")
    with pytest.raises(AppError, match=message):
        suite.read_official(tmp_path, items)


def test_tables_of_verdicts_are_read(tmp_path: Path) -> None:
    suite = AudioMultiChallenge()
    items = suite.load(folder(tmp_path, [{**ROW, "rubrics": ["a", "b"]}]), {}).items
    assert list(suite.recorded_verdicts(tmp_path, items)) == []
    judged = tmp_path / "judged.jsonl"
    judged.write_text('{"id": "ab12", "criteria_met": [true, null]}', encoding="utf-8")
    found = [(v.kind, v.item, v.key, v.value) for v in suite.recorded_verdicts(tmp_path, items)]
    kind = "audio-multichallenge/criterion"
    assert found == [(kind, "ab12", "0", True), (kind, "ab12", "1", None)]
    for wrong in ("[true]", "[true, 1]", "true"):
        judged.write_text(f'{{"id": "ab12", "criteria_met": {wrong}}}', encoding="utf-8")
        with pytest.raises(AppError, match="no list of 2 verdicts"):
            list(suite.recorded_verdicts(tmp_path, items))
