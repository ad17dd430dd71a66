from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.labels.charades import (
    COLUMNS,
    ActionItem,
    Annotated,
    Video,
    items_of,
    read_classes,
    read_csv,
    read_json,
    read_sta,
    sample,
)
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.charades import Charades, baselines, parse_truth
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

HEADER = ",".join(COLUMNS)


def file(folder: Path, text: str) -> Path:
    path = folder / "labels.txt"
    path.write_bytes(text.encode())
    return path


def row(actions: str = "", *, name: str = "AAAAA", script: str = "", length: str = "10.0") -> str:
    return f"{name},,,,,,{script},,,{actions},{length}"


def test_a_row_gives_its_actions_and_its_length(tmp_path: Path) -> None:
    text = f"\ufeff{HEADER}\r\n{row('c092 11.90 21.20;c147 0.00 12.60', script=chr(34) + 'a, b' + chr(34))}\r\n\r\n"
    (video,) = read_csv(file(tmp_path, text))
    assert video == Video("AAAAA", 10.0, (Annotated("c092", 11.9, 21.2), Annotated("c147", 0.0, 12.6)))


def test_a_text_may_hold_line_breaks_of_any_kind_and_lines_are_still_counted(tmp_path: Path) -> None:
    broken = row(script='"one\ntwo\x0b\u2028three"')
    assert len(read_csv(file(tmp_path, f"{HEADER}\n{broken}\n"))) == 1
    with pytest.raises(AppError, match="line 4"):
        read_csv(file(tmp_path, f"{HEADER}\n{broken}\nshort,row\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, is not valid. The file is empty"),
        (f"{HEADER},\n", "line 1, is not valid. It has 12 columns, not 11"),
        ("id" + ",x" * 10 + "\n", "line 1"),
        (f"{HEADER}\n{row()}\n{row(name='BBBBB')},\n", "line 3, is not valid. It has 12 columns, not 11"),
        (f"{HEADER}\n{row('c092 11.90 21.20,c147 0.00 12.60')}\n", "line 2, is not valid. It has 12 columns"),
        (f"{HEADER}\n{row('c092 11.90')}\n", "This is no action"),
        (f"{HEADER}\n{row('c157 1.0 2.0')}\n", "No class has the number of c157"),
        (f"{HEADER}\n{row(length='')}\n", "The length is ''"),
        (f"{HEADER}\n{row(length='nan')}\n", "Id or length are not valid"),
        (f"{HEADER}\n{row(name='')}\n", "Id or length are not valid"),
        (f"{HEADER}\n{row()}\n{row()}\n", "AAAAA stands in the file already"),
        (f'{HEADER}\n"a" b,{",".join(10 * ["x"])}\n', "line 2"),
    ],
)
def test_anything_but_the_official_layout_is_refused_naming_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AppError, match=message):
        read_csv(file(tmp_path, text))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        read_csv(tmp_path / "none.csv")


def as_json(folder: Path, value: Any) -> Path:
    return file(folder, json.dumps(value))


def test_charades_json_gives_the_same_videos(tmp_path: Path) -> None:
    value = {
        "A": {"subset": "testing", "duration": 10.0, "actions": [[92, 1, 2], [0, 5.0, 3.0]]},
        "B": {"subset": "training", "duration": 10.0, "actions": []},
    }
    (video,) = read_json(as_json(tmp_path, value))
    assert video.actions == (Annotated("c092", 1.0, 2.0),)
    assert video.set_aside == (Annotated("c000", 5.0, 3.0),)
    assert len(read_json(as_json(tmp_path, value), subset=None)) == 2


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "no JSON object"),
        ({"A": 3}, "video A, is not valid. It has no subset"),
        ({"A": {"subset": "x"}}, "no subset"),
        ({"A": {"subset": "testing", "actions": []}}, "malformed"),
        ({"A": {"subset": "testing", "duration": 0, "actions": []}}, "duration is 0"),
        ({"A": {"subset": "testing", "duration": 9, "actions": [[1, 2]]}}, "malformed"),
        ({"A": {"subset": "testing", "duration": 9, "actions": [[157, 1, 2]]}}, "No class"),
        ({"A": {"subset": "testing", "duration": 9, "actions": [[1, -1, 2]]}}, "times are none"),
    ],
)
def test_a_malformed_charades_json_is_refused_naming_the_video(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(AppError, match=message):
        read_json(as_json(tmp_path, value))


def test_text_that_is_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no JSON object"):
        read_json(file(tmp_path, "{"))


def test_class_names_become_phrases(tmp_path: Path) -> None:
    lines = [f"c{i:03d} Holding thing {i}" for i in range(157)]
    classes = read_classes(file(tmp_path, "\r\n".join(lines) + "\r\n\n"))
    assert classes["c007"] == "holding thing 7"
    item = ActionItem("A", "c007", 1.0, 2.0, 3.0)
    assert item.instruction(classes) == (
        "Say 'start' when the person starts doing holding thing 7 then say 'Stop' when they stop."
    )
    assert item.truth() == {"suite": "charades", "start_s": 1.0, "stop_s": 2.0, "length_s": 3.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [("c000 A\nc000 B\n", "line 2"), ("hello\n", "line 1"), ("c000 A\n", "It has 1 classes")],
)
def test_a_class_list_must_be_whole(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AppError, match=message):
        read_classes(file(tmp_path, text))


def test_sentences_of_sta_are_read_and_bad_lines_named(tmp_path: Path) -> None:
    (one,) = read_sta(file(tmp_path, "3MSZA 24.3 30.4##person turn a light on.\n\n"))
    assert (one.video, one.start_s, one.end_s, one.text) == ("3MSZA", 24.3, 30.4, "person turn a light on.")
    with pytest.raises(AppError, match="line 2"):
        read_sta(file(tmp_path, "A 1 2##b.\nA 1##b.\n"))


def test_items_occur_once_are_clipped_and_interior_ones_have_both_borders_in_sight() -> None:
    video = Video(
        "A", 10.0,
        (Annotated("c001", 1.0, 4.0), Annotated("c002", 1.0, 2.0), Annotated("c002", 5.0, 6.0),
         Annotated("c003", 0.5, 4.0), Annotated("c004", 2.0, 99.0), Annotated("c005", 11.0, 12.0),
         Annotated("c006", 2.0, 3.0)),
        (Annotated("c006", 3.0, 2.0),),
    )  # fmt: skip
    assert [i.id for i in items_of([video], "single")] == ["A/c001", "A/c003", "A/c004"]
    assert [i.end_s for i in items_of([video], "single")] == [4.0, 4.0, 10.0]
    assert [i.id for i in items_of([video])] == ["A/c001"]


def test_a_sample_has_one_item_per_video_and_is_repeatable_in_any_order() -> None:
    items = [ActionItem(f"v{k % 5}", f"c{k:03d}", 1, 2, 9) for k in range(20)]
    chosen = sample(items, 3, seed=7)
    assert chosen == sample(reversed(items), 3, seed=7)
    assert len({i.video for i in chosen}) == 3
    assert len(sample(items, 99, seed=7)) == 5
    assert any(sample(items, 3, seed=s) != chosen for s in range(5))


@pytest.fixture(scope="module")
def videos(shared_data: Path) -> tuple[Video, ...]:
    return read_json(shared_data / "bench/charades/vslnet/charades.json")


def test_the_real_layout_agrees_with_the_json_and_the_ruined_one_is_refused(
    shared_data: Path, videos: tuple[Video, ...]
) -> None:
    known = {v.id: v for v in videos}
    rows = read_csv(shared_data / "bench/charades/layout_60_rows.csv")
    assert len(rows) == 60
    assert all(known[r.id] == r for r in rows)
    with pytest.raises(AppError, match=r"line 1, is not valid\. It has 31 columns"):
        read_csv(shared_data / "bench/charades/layout_60_rows_RUINED.csv")
    assert len(read_sta(shared_data / "bench/charades/vslnet/charades_sta_test.txt")) == 3_720


@pytest.mark.parametrize(
    ("which", "n", "expected"), [("single", 15_927, [0.0, 42.84, 62.76]), ("interior", 7_586, [0.0, 28.17, 45.81])]
)
def test_the_item_sets_and_their_baselines_are_those_that_were_measured(
    videos: tuple[Video, ...], which: Any, n: int, expected: list[float]
) -> None:
    truths = [parse_truth(i.truth()) for i in items_of(videos, which)]
    assert len(truths) == n
    assert [round(b.score or 0, 2) for b in baselines(truths)] == expected


@pytest.mark.slow
def test_a_perfect_answer_400_ms_late_scores_what_was_measured(videos: tuple[Video, ...]) -> None:
    entries = [
        Entry(i.id, i.truth(), (Said(i.start_s + 0.4, "start"), Said(i.end_s + 0.4, "stop"))) for i in items_of(videos)
    ]
    grade = Charades().grade(entries, profile="tml_reading", params={}, sources=Sources())
    assert round(grade.score or 0, 1) == 89.2
