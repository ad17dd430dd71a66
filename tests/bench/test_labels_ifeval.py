from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.data import Tail
from tmlapp.bench.labels import ifeval as labels
from tmlapp.bench.labels.rows import write_rows
from tmlapp.bench.suites.ifeval import IFEval
from tmlapp.bench.suites.ifeval_voice import IFEvalVoice
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def row(key: Any = 1, **more: Any) -> dict[str, Any]:
    return {
        "key": key, "prompt": f"Write {key}.", "instruction_id_list": ["length_constraints:number_words"],
        "kwargs": [{"num_words": 20, "relation": "at least"}], **more,
    }  # fmt: skip


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), encoding="utf-8")
    return path


def parquet(path: Path, rows: list[Any]) -> None:
    table = pytest.importorskip("pyarrow").Table.from_pylist(rows)
    pytest.importorskip("pyarrow.parquet").write_table(table, path)


def test_the_published_file_loads_as_published(shared_data: Path) -> None:
    found = IFEval().load(shared_data / "bench" / "ifeval", {})
    assert (len(found.items), found.expected, found.quarantined) == (541, 541, ())
    assert sum(len(item.truth["instruction_id_list"]) for item in found.items) == 834
    part = found.items[0].parts[0]
    assert part.message == found.items[0].truth["prompt"]
    assert (part.sounds, part.tail) == ((), Tail(least_s=0.2, quiet_s=2.0, most_s=60.0))
    assert found.files.keys() == {"input_data.jsonl"}


def test_the_longest_wait_is_an_option(tmp_path: Path) -> None:
    jsonl(tmp_path / "input_data.jsonl", [row()])
    assert IFEval().load(tmp_path, {"tail_most_s": 5}).items[0].parts[0].tail.most_s == 5.0
    with pytest.raises(AppError, match="no parameter"):
        IFEval().load(tmp_path, {"speed": 1})


@pytest.mark.parametrize("place", ["ifeval_input_data.jsonl", "ifeval/rows.jsonl", "data/metadata.jsonl"])
def test_copies_are_found_where_they_lie(tmp_path: Path, place: str) -> None:
    file = jsonl(tmp_path / place, [row()])
    assert len(IFEval().load(tmp_path, {}).items) == 1
    assert len(IFEval().load(file, {}).items) == 1


def test_a_folder_without_rows_says_where_to_get_them(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", [row()])
    jsonl(tmp_path / "b.jsonl", [row()])
    with pytest.raises(AppError, match=r"one other \.jsonl file.*google/IFEval"):
        IFEval().load(tmp_path, {})


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("{", "it is not JSON"),
        ("3", "it is no JSON object"),
        ({"key": 2}, "prompt, instruction_id_list, kwargs is missing"),
        (row(2, kwargs=[]), "1 instructions, but 0 kwargs"),
        (row(2, kwargs="[{"), "kwargs is not JSON"),
        (row("2"), "key is '2'"),
        (row(1), "the key 1 stands there twice"),
    ],
)
def test_a_row_that_cannot_be_used_is_set_aside(tmp_path: Path, wrong: Any, why: str) -> None:
    jsonl(tmp_path / "input_data.jsonl", [row(), "", wrong])
    found = IFEval().load(tmp_path, {})
    assert [item.id for item in found.items] == ["1"]
    assert found.quarantined[0].row == "input_data.jsonl line 3"
    assert why in found.quarantined[0].why


def test_a_file_without_a_usable_row_is_an_error(tmp_path: Path) -> None:
    jsonl(tmp_path / "input_data.jsonl", ["{}"])
    with pytest.raises(AppError, match=r"The first: input_data\.jsonl line 1: key, prompt"):
        IFEval().load(tmp_path, {})
    (tmp_path / "input_data.jsonl").write_text("\n")
    with pytest.raises(AppError, match="0 were found"):
        IFEval().load(tmp_path, {})
    (tmp_path / "input_data.jsonl").write_bytes(b"\xff\xfe\xfa\n")
    with pytest.raises(AppError, match="in UTF-8"):
        IFEval().load(tmp_path, {})


def test_arguments_kept_as_text_or_padded_with_nulls_are_the_same(tmp_path: Path) -> None:
    padded = [{"num_words": 20.0, "relation": "at least", "letter": None}]
    jsonl(tmp_path / "input_data.jsonl", [row(1), row(2, kwargs=padded), row(3, kwargs=json.dumps(padded))])
    truths = [item.truth["kwargs"] for item in IFEval().load(tmp_path, {}).items]
    assert truths == [[{"num_words": 20, "relation": "at least"}]] * 3


def test_parquet_copies_are_read(tmp_path: Path) -> None:
    rows = [row(1, kwargs=[{"num_words": 5, "relation": None}]), row(2, kwargs=[{"num_words": None, "relation": "x"}])]
    parquet(tmp_path / "train-00000-of-00002.parquet", rows[:1])
    parquet(tmp_path / "train-00001-of-00002.parquet", rows[1:])
    found = IFEval().load(tmp_path, {})
    assert [item.truth["kwargs"] for item in found.items] == [[{"num_words": 5}], [{"relation": "x"}]]
    assert len(found.files) == 2


def test_parquet_that_is_damaged_or_cannot_be_read_here_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(AppError, match="Fetch it anew"):
        IFEval().load(tmp_path, {})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(AppError, match="pip install pyarrow"):
        IFEval().load(tmp_path, {})


def test_spoken_rows_take_their_sound_from_the_row_or_by_key(tmp_path: Path) -> None:
    rows = [
        row(1, audio="clips/one.wav"),
        row(2),
        row(3, audio={"path": "/srv/somebody/three.wav"}),
        row(4),
        row(5, audio=7),
    ]
    jsonl(tmp_path / "ifeval.jsonl", rows)
    for name in ("clips/one.wav", "audio/2.mp3", "audio/three.wav", "5.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = IFEvalVoice().load(tmp_path, {})
    assert [Path(item.parts[0].sounds[0]).relative_to(tmp_path).as_posix() for item in found.items] == [
        "clips/one.wav", "audio/2.mp3", "audio/three.wav", "5.flac"
    ]  # fmt: skip
    assert [(q.why, q.kind) for q in found.quarantined] == [("its sound is missing: 4.wav", "missing")]
    assert found.expected == 345
    assert (found.items[0].parts[0].message, found.items[0].parts[0].tail.most_s) == ("", 120.0)


def test_sounds_inside_a_parquet_file_are_written_out_when_that_is_wanted(tmp_path: Path) -> None:
    file = tmp_path / "ifeval" / "test-00000-of-00001.parquet"
    file.parent.mkdir()
    rows = [
        row(1, audio={"bytes": b"RIFF....", "path": None}),
        row(2, audio={"bytes": b"????", "path": "two.mp3"}),
        row(3, audio={"bytes": b"", "path": None}),
    ]
    parquet(file, rows)
    with pytest.raises(AppError, match="unpack=true"):
        IFEvalVoice().load(tmp_path, {})
    found = IFEvalVoice().load(tmp_path, {"unpack": True})
    assert [Path(item.parts[0].sounds[0]).name for item in found.items] == ["1.wav", "2.mp3"]
    assert (file.parent / "audio" / "1.wav").read_bytes() == b"RIFF...."
    assert [item.id for item in IFEvalVoice().load(tmp_path, {}).items] == ["1", "2"]


def test_sounds_that_cannot_be_written_are_an_error(tmp_path: Path) -> None:
    parquet(tmp_path / "t.parquet", [row(1, audio={"bytes": b"RIFF", "path": None})])
    (tmp_path / "audio").write_text("in the way")
    with pytest.raises(AppError, match="cannot be written"):
        IFEvalVoice().load(tmp_path, {"unpack": True})


def test_responses_are_read_as_google_voicebench_and_lm_eval_write_them(tmp_path: Path) -> None:
    jsonl(tmp_path / "google.jsonl", [{"prompt": "Write 1.", "response": "one"}])
    jsonl(tmp_path / "voice.jsonl", [{"key": 2, "prompt": "Write it.", "response": "two"}])
    jsonl(tmp_path / "samples.jsonl", [{"doc": row(3), "resps": [["three"]]}])
    found = labels.read_responses(tmp_path)
    assert found.by_key == {2: "two", 3: "three"}
    assert found.by_prompt == {"Write 1.": "one", "Write it.": "two", "Write 3.": "three"}
    assert labels.read_responses(tmp_path / "google.jsonl").by_prompt == {"Write 1.": "one"}


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"prompt": "x", "response": 3}', '{"doc": 1, "resps": []}'])
def test_a_line_that_is_no_response_is_named(tmp_path: Path, line: str) -> None:
    jsonl(tmp_path / "r.jsonl", [line])
    with pytest.raises(AppError, match=r"Line 1 of .* is no response"):
        labels.read_responses(tmp_path)


def test_a_folder_without_responses_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="There are no responses"):
        labels.read_responses(tmp_path)


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(AppError, match="could not be written"):
        write_rows(tmp_path / "file" / "x.jsonl", [])
