from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.fdb_folders import INTERRUPTED, LISTEN, PAUSE, TURNS, v1_sample, v15_sample, write_json, write_wav
from tmlapp.bench.answer import Word
from tmlapp.bench.data import Loaded, Tail
from tmlapp.bench.labels.fdb_files import (
    RowError,
    counted,
    group_folders,
    read_answer,
    read_json,
    transcript,
    wav_length,
    words_of,
    write_sound,
)
from tmlapp.bench.labels.fdb_files import write_json as write_json_file
from tmlapp.bench.labels.fdb_v1 import SIZES, TASKS, annotation, load_v1, official_annotation
from tmlapp.bench.labels.fdb_v1_5 import load_v1_5
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def reasons(loaded: Loaded) -> dict[str, tuple[str, str]]:
    return {q.row: (q.kind, q.why) for q in loaded.quarantined}


def test_all_subsets_are_loaded_with_what_their_graders_need(tmp_path: Path) -> None:
    for subset in SIZES:
        v1_sample(tmp_path / "v1.0", subset, rate=48_000, seconds=6.00002)
    loaded = load_v1(tmp_path, "")
    assert [i.id for i in loaded.items] == [f"{s}/1" for s in SIZES]
    assert (loaded.expected, loaded.version, loaded.quarantined) == (727, "v1.0", ())
    assert loaded.notes[0] == "candor_pause_handling has 1 samples; 216 are published"
    truths = {i.group: i.truth for i in loaded.items}
    assert truths[TURNS]["turn_end_s"] == 2.0
    assert truths[INTERRUPTED] | {"context": "A?", "interrupt": "B?", "interrupt_end_s": 4.0} == truths[INTERRUPTED]
    assert truths[PAUSE]["pauses_s"] == [[1.0, 1.5]]
    assert truths[LISTEN]["output_samples"] == round(288_001 / 3)
    part = loaded.items[0].parts[0]
    assert (part.name, part.instruction, part.silence_s) == ("main", "", 0.0)
    assert part.tail == Tail(least_s=5.0, most_s=5.0)
    assert [Path(s).name for s in part.sounds] == ["input.wav"]


def test_folder_parent_or_one_subset_may_be_given_and_ids_are_in_order_of_number(tmp_path: Path) -> None:
    for name in ("10", "2", "0"):
        v1_sample(tmp_path / "v1.0", LISTEN, name)
    for folder in (tmp_path, tmp_path / "v1.0", tmp_path / "v1.0" / LISTEN):
        assert [i.id for i in load_v1(folder, "").items] == [f"{LISTEN}/{n}" for n in ("0", "2", "10")]
    assert load_v1(tmp_path / "v1.0" / LISTEN, "").expected == 55
    notes = load_v1(tmp_path, [LISTEN, TURNS]).notes
    assert notes == (
        "candor_turn_taking is not in the folder (119 samples)",
        "icc_backchannel has 3 samples; 55 are published",
    )
    assert load_v1(tmp_path, f" {LISTEN} ,").expected == 55
    assert group_folders(tmp_path / "nothing", [LISTEN], "v1.0") == {}


def test_a_complete_subset_needs_no_note() -> None:
    groups = {"a": Path("a"), "b": Path("b")}
    notes = counted(groups, ["a", "b"], {"a": 2, "b": 2}, {"a": 2, "b": 1})
    assert notes == ["b has 1 samples; 2 are published"]


@pytest.mark.parametrize("subsets", ["juggling", 3, [1]])
def test_an_unknown_subset_is_an_error(tmp_path: Path, subsets: Any) -> None:
    v1_sample(tmp_path, TURNS)
    with pytest.raises(AppError, match="option subsets cannot"):
        load_v1(tmp_path, subsets)
    with pytest.raises(AppError, match="No sample"):
        load_v1(tmp_path, LISTEN)
    with pytest.raises(AppError, match="Bench v1"):
        load_v1_5(tmp_path, "")


def test_what_cannot_be_used_is_set_aside_with_its_reason(tmp_path: Path) -> None:
    v1_sample(tmp_path, TURNS)
    (tmp_path / TURNS / "notes").mkdir()
    (tmp_path / TURNS / ".hidden").mkdir()
    (tmp_path / TURNS / "README.md").write_text("x")
    (v1_sample(tmp_path, TURNS, "2") / "input.wav").unlink()
    (v1_sample(tmp_path, TURNS, "3") / "input.wav").write_bytes(b"RIFF")
    write_wav(v1_sample(tmp_path, TURNS, "4") / "input.wav", 0.0)
    (v1_sample(tmp_path, TURNS, "5") / "turn_taking.json").unlink()
    (v1_sample(tmp_path, TURNS, "6") / "turn_taking.json").write_text("{")
    bad: list[Any] = [{}, [], [1], [{"timestamp": [-1.0, 2]}], [{"timestamp": ["a"]}], [{"timestamp": None}]]
    for number, value in enumerate(bad, start=7):
        write_json(v1_sample(tmp_path, TURNS, str(number)) / "turn_taking.json", value)
    texts = [{"timestamp": [1, 2], "context": "A", "interrupt": None}]
    write_json(v1_sample(tmp_path, INTERRUPTED, "1") / "interrupt.json", texts)
    write_json(v1_sample(tmp_path, INTERRUPTED, "2") / "interrupt.json", [{"timestamp": [2, 1]}])
    loaded = load_v1(tmp_path, "")
    found = reasons(loaded)
    assert [i.id for i in loaded.items] == [f"{TURNS}/1"]
    assert found[f"{TURNS}/notes"] == ("unusable", "its name is no number")
    assert found[f"{TURNS}/2"] == ("missing", "input.wav is missing")
    assert found[f"{TURNS}/3"][0] == "damaged"
    assert found[f"{TURNS}/4"][1] == "input.wav holds no sound"
    assert found[f"{TURNS}/5"] == ("missing", "turn_taking.json is missing")
    assert "no JSON" in found[f"{TURNS}/6"][1]
    assert "no texts" in found[f"{INTERRUPTED}/1"][1]
    assert "no [start, end]" in found[f"{INTERRUPTED}/2"][1]
    assert len(found) == 14


def test_a_turn_without_an_end_and_a_list_without_pauses_will_do() -> None:
    assert annotation("smooth_turn_taking", [{"timestamp": [2.5, None]}])["turn_end_s"] == 2.5
    assert annotation("pause_handling", []) == {"pauses_s": []}


@pytest.mark.parametrize("subset", SIZES)
def test_annotations_are_written_as_they_were(tmp_path: Path, subset: str) -> None:
    sample = v1_sample(tmp_path, subset)
    truth = load_v1(tmp_path, "").items[0].truth
    written = official_annotation(truth)
    if TASKS[subset] == "backchannel":
        assert written is None
    else:
        assert written is not None
        assert read_json(sample / written[0]) == written[1]


def test_v1_5_has_two_sessions_per_sample(tmp_path: Path) -> None:
    v15_sample(tmp_path / "v1.5", "user_backchannel")
    loaded = load_v1_5(tmp_path, "user_backchannel")
    item = loaded.items[0]
    assert (item.id, item.group, loaded.expected) == ("user_backchannel/1", "user_backchannel", 98)
    assert [p.name for p in item.parts] == ["input", "clean_input"]
    assert [Path(p.sounds[0]).name for p in item.parts] == ["input.wav", "clean_input.wav"]
    assert item.truth["event_s"] == [5.0, 6.0]
    assert item.truth["output_samples"] == {"input": 160_000, "clean_input": 128_000}
    assert load_v1_5(tmp_path / "v1.5" / "user_backchannel", "").expected == 98
    assert load_v1_5(tmp_path, "").expected == 498


def test_v1_5_samples_that_cannot_be_used_are_set_aside(tmp_path: Path) -> None:
    v15_sample(tmp_path, "talking_to_other")
    (v15_sample(tmp_path, "talking_to_other", "2") / "clean_input.wav").unlink()
    write_json(v15_sample(tmp_path, "talking_to_other", "3") / "metadata.json", [])
    write_json(v15_sample(tmp_path, "talking_to_other", "4") / "metadata.json", {"context_text": 1})
    write_json(v15_sample(tmp_path, "talking_to_other", "5") / "metadata.json", {"timestamps": [1]})
    found = reasons(load_v1_5(tmp_path, ""))
    assert [kind for kind, _ in found.values()] == ["missing", "damaged", "damaged", "damaged"]


def test_older_transcripts_are_accepted() -> None:
    value = {
        "text": " A [UH] b",
        "chunks": [
            {"text": " A", "timestamp": [0.0, 1.6]}, {"text": " [UH]", "timestamp": [1.6, None]},
            {"text": "?", "timestamp": [None, None]},
        ],
    }  # fmt: skip
    words, text = words_of(value, "x")
    assert words == (Word(0.0, 1.6, " A"), Word(1.6, None, " [UH]"))
    assert text == " A [UH] b"
    assert words_of(transcript(words, text), "x") == (words, text)
    assert words_of({"chunks": value["chunks"]}, "x")[1] == "A [UH]"


@pytest.mark.parametrize(
    "value",
    [{}, [], 3, {"chunks": 1}, {"chunks": [{"text": "a"}]}, {"chunks": [{"text": "a", "timestamp": [1]}]},
     {"chunks": [{"text": "a", "timestamp": ["x", 1]}]}, {"chunks": [], "text": 1}],
)  # fmt: skip
def test_other_transcripts_are_an_error(value: Any) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        words_of(value, "x")


def test_result_files_that_cannot_be_read_or_written_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "output.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AppError, match="cannot be read"):
        read_json(tmp_path / "output.json")
    (tmp_path / "output.wav").write_bytes(b"no sound")
    with pytest.raises(AppError, match="cannot be read"):
        read_answer(tmp_path)
    blocked = tmp_path / "output.wav" / "x"
    with pytest.raises(AppError, match="cannot be written"):
        write_json_file(blocked, {})
    with pytest.raises(AppError, match="cannot be written"):
        write_sound(blocked, np.zeros(1, np.int16), 1)


@pytest.mark.parametrize("samples", [0, 3, 8])
def test_sounds_are_cut_or_filled_to_the_sample(tmp_path: Path, samples: int) -> None:
    path = write_sound(tmp_path / "output.wav", np.arange(1, 6, dtype=np.int16), samples)
    if samples:
        assert wav_length(path).samples == samples
    else:
        with pytest.raises(RowError):
            wav_length(path)
    data = np.frombuffer(path.read_bytes()[44:], "<i2")
    assert data.tolist() == ([1, 2, 3, 4, 5] + [0] * 8)[:samples]
