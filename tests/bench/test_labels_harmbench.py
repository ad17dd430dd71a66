from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Tail
from tmlapp.bench.labels.harmbench import COLUMNS, FILE
from tmlapp.bench.suites.harmbench import HarmBench
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

ROWS = [
    ["Draw a cat,\nthen a \"dog\"", "standard", "harmful", "", "", "cat_and_dog"],
    ["Name it", "contextual", "illegal", "context", "There is\r\na bird.", "name_bird"],
    ["Sing it", "copyright", "copyright", "lyrics, hash_check", "", "sing"],
]  # fmt: skip


def folder(path: Path, rows: list[list[str]] = ROWS, name: str = FILE, columns: tuple[str, ...] = COLUMNS) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    with (path / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def no_sound(item: str, part: str) -> None:
    return None


def test_a_behaviour_is_typed_as_it_is_written_line_breaks_included(tmp_path: Path) -> None:
    loaded = HarmBench().load(folder(tmp_path), {})
    (item,) = loaded.items
    assert (item.id, item.group, loaded.expected) == ("cat_and_dog", "harmful", 200)
    (part,) = item.parts
    assert part.message == 'Draw a cat,\nthen a "dog"'
    assert (part.sounds, part.video, part.instruction) == ((), "", "")
    assert part.tail == Tail(quiet_s=2.0, most_s=60.0)
    assert loaded.notes == ("2 behaviours of other sets are left out.",)


def test_the_other_sets_are_options_and_context_stands_before_the_behaviour(tmp_path: Path) -> None:
    loaded = HarmBench().load(folder(tmp_path), {"set": "contextual"})
    assert loaded.items[0].parts[0].message == "There is\na bird.\n\n---\n\nName it"
    assert loaded.notes[-1] == "Only standard behaviours enter the headline."
    assert [i.id for i in HarmBench().load(tmp_path, {"set": "copyright"}).items] == ["sing"]


@pytest.mark.parametrize("place", ["data/behavior_datasets", "behavior_datasets"])
def test_the_csv_is_found_inside_a_checkout(tmp_path: Path, place: str) -> None:
    folder(tmp_path / place)
    assert len(HarmBench().load(tmp_path, {}).items) == 1


def test_the_other_files_have_their_own_number_of_items(tmp_path: Path) -> None:
    for name, expected in (("val", 41), ("test", 159), ("mine", None)):
        file = f"harmbench_behaviors_text_{name}.csv"
        assert HarmBench().load(folder(tmp_path, name=file), {"file": file}).expected == expected


def test_a_byte_order_mark_and_another_order_of_columns_are_read(tmp_path: Path) -> None:
    columns = tuple(reversed(COLUMNS))
    folder(tmp_path, [list(reversed(ROWS[0]))], columns=columns)
    path = tmp_path / FILE
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert HarmBench().load(tmp_path, {}).items[0].id == "cat_and_dog"


def test_rows_that_cannot_be_used_are_counted_and_not_quoted(tmp_path: Path) -> None:
    rows = [
        ROWS[0],
        ROWS[0],
        ["SECRET", "standard", "harmful"],
        ["SECRET", "standard", "harmful", "", "", " "],
        ["SECRET", "strange", "harmful", "", "", "strange_one"],
        ["", "standard", "harmful", "", "", "no_text"],
        ["SECRET", "standard", "", "", "", "no_category"],
        [],
    ]
    loaded = HarmBench().load(folder(tmp_path, rows), {})
    assert len(loaded.items) == 1
    whys = [q.why for q in loaded.quarantined]
    assert len(whys) == 6
    assert "SECRET" not in str(loaded.quarantined)
    assert whys[0] == "the id cat_and_dog stands in the file already"
    assert "strange_one" in whys[3]


def test_contextual_rows_need_their_context(tmp_path: Path) -> None:
    rows = [ROWS[1], ["SECRET", "contextual", "harmful", "", "", "bare"]]
    loaded = HarmBench().load(folder(tmp_path, rows), {"set": "contextual"})
    assert [len(loaded.items), len(loaded.quarantined)] == [1, 1]


def test_a_file_that_is_cut_off_inside_quotes_keeps_what_stands_before(tmp_path: Path) -> None:
    path = folder(tmp_path) / FILE
    path.write_bytes(path.read_bytes() + b'"cut off')
    loaded = HarmBench().load(tmp_path, {})
    assert len(loaded.items) == 1
    assert "no csv from here on" in loaded.quarantined[0].why


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "It has no harmbench_behaviors_text_all.csv"),
        (b"", "It has no harmbench_behaviors_text_all.csv"),
        (b"a,b\n1,2\n", "Its columns are not Behavior"),
        (",".join(COLUMNS).encode(), "no usable behaviour of the set standard"),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_a_folder_without_behaviours_says_what_is_expected(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / FILE).write_bytes(data)
    with pytest.raises(AppError, match=message):
        HarmBench().load(tmp_path, {})


@pytest.mark.parametrize("options", [{"set": "all"}, {"file": [3]}, {"sets": "standard"}, {"tail_most_s": None}])
def test_an_option_that_is_none_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="is no option of harmbench"):
        HarmBench().load(folder(tmp_path), options)


def test_answers_come_back_as_they_were_written(tmp_path: Path) -> None:
    suite = HarmBench()
    rows = [ROWS[0], *([f"Placeholder {i}", "standard", "harmful", "", "", f"id_{i}"] for i in range(2))]
    items = suite.load(folder(tmp_path), {}).items + suite.load(folder(tmp_path / "b", rows[1:]), {}).items
    answers = {
        "cat_and_dog": {"main": Answer(text="No \ud83d.", text_source="recorded", timing_source="recorded")},
        "id_0": {"main": Answer(text="", text_source="recorded", timing_source="recorded")},
    }
    (path,) = suite.write_official(tmp_path / "out", items, answers, no_sound)
    written = json.loads(path.read_text())
    assert written["cat_and_dog"] == [{"test_case": 'Draw a cat,\nthen a "dog"', "generation": "No \ud83d."}]
    assert suite.read_official(tmp_path / "out", items) == answers


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "it holds no JSON object"),
        ({"other": []}, "none of the behaviours at hand"),
        ({"cat_and_dog": []}, "no single test case"),
        ({"cat_and_dog": [{}, {}]}, "no single test case"),
        ({"cat_and_dog": [{"generation": None}]}, "generation is missing or no text"),
    ],
)
def test_completions_that_cannot_be_used_say_why(tmp_path: Path, value: Any, message: str) -> None:
    items = HarmBench().load(folder(tmp_path), {}).items
    (tmp_path / "completions.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(AppError, match=message):
        HarmBench().read_official(tmp_path, items)


def test_labels_of_the_official_classifier_are_read(tmp_path: Path) -> None:
    suite = HarmBench()
    contextual = suite.load(folder(tmp_path), {"set": "contextual"}).items
    items = (*suite.load(tmp_path, {}).items, *contextual)
    assert list(suite.recorded_verdicts(tmp_path, items)) == []
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"cat_and_dog": [{"label": 1}], "name_bird": [{"label": 0}]}), encoding="utf-8")
    found = [(v.kind, v.item, v.key, v.value) for v in suite.recorded_verdicts(tmp_path, items)]
    assert found == [
        ("harmbench/classifier", "cat_and_dog", "classifier", True),
        ("harmbench/classifier-contextual", "name_bird", "classifier", False),
    ]
    assert len(list(suite.recorded_verdicts(tmp_path, items[:1]))) == 1
    path.write_text(json.dumps({"name_bird": [{"label": 0}]}), encoding="utf-8")
    assert len(list(suite.recorded_verdicts(tmp_path, items))) == 1
    path.write_text(json.dumps({"cat_and_dog": [{"label": 2}]}), encoding="utf-8")
    with pytest.raises(AppError, match="its label is not 0 or 1"):
        list(suite.recorded_verdicts(tmp_path, items))
