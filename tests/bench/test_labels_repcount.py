from __future__ import annotations

from pathlib import Path

import pytest

from tmlapp.bench.labels.repcount_a import PHRASES, RepLabels, read_labels
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.repcount_a import RepCountA
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def labels(folder: Path, text: str, *, bom: bool = False) -> RepLabels:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8-sig" if bom else "utf-8")
    return read_labels(path)


def test_columns_are_found_by_name_behind_a_byte_order_mark_and_unnamed_columns(tmp_path: Path) -> None:
    text = "Unnamed: 0,,type,name,count,L1,L2,L3,L4,note\n0,0,squant,a.mp4,1.0,3.0,33.0,,,x\n\n,,,,,,,,,\n"
    row = labels(tmp_path, text, bom=True).rows[0]
    assert (row.name, row.count, row.frames, row.fps, row.num_frames) == ("a.mp4", 1, (3.0, 33.0), None, None)
    assert row.action == "squats"
    assert row.instruction == "Please count out reps for squats."


def test_the_official_layout_has_no_fps_and_takes_it_from_the_video(tmp_path: Path) -> None:
    row = labels(tmp_path, "type,name,count,L1,L2\nsitup,a.mp4,1,0,14\n").rows[0]
    with pytest.raises(AppError, match=r"length of a\.mp4 is not known"):
        row.truth()
    assert row.truth(fps=14, num_frames=140)["fps"] == 14


def test_the_copies_with_fps_give_a_whole_truth(tmp_path: Path) -> None:
    row = labels(tmp_path, "type,name,count,L1,L2,fps,num_frames\npullups,a.mp4,1,0,14,30,300.0\n").rows[0]
    assert row.truth() == {
        "suite": "repcount-a", "count": 1, "L": [0.0, 14.0], "fps": 30.0, "num_frames": 300, "action": "pull-ups",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("squat,,1,0,9,30,300", "no name"),
        ("squat,a.mp4,,0,9,30,300", "count is empty"),
        ("squat,a.mp4,nan,0,9,30,300", "count is nan"),
        ("squat,a.mp4,many,0,9,30,300", "count is 'many', not a number"),
        ("squat,a.mp4,1.5,0,9,30,300", "not a whole number"),
        ("squat,a.mp4,-1,,,30,300", "count is -1"),
        ("squat,a.mp4,2,0,9,30,300", "count is 2, but there are 1 pairs"),
        ("squat,a.mp4,1,0,,30,300", "count is 1, but there are 0.5 pairs"),
        ("squat,a.mp4,1,,9,30,300", "L1 is empty"),
        ("squat,a.mp4,1,9,0,30,300", "backwards"),
        ("squat,a.mp4,1,0,9,0,300", "fps is 0"),
        ("squat,a.mp4,1,0,9,,300", "fps is empty"),
        ("squat,a.mp4,1,0,301,30,300", "ends at frame 301 of 300"),
        ("squat,a.mp4", "count is empty"),
    ],
)
def test_a_row_that_contradicts_itself_is_set_aside_with_its_line_and_reason(
    tmp_path: Path, row: str, reason: str
) -> None:
    found = labels(tmp_path, f"type,name,count,L1,L2,fps,num_frames\nsquat,ok.mp4,0,,,30,300\n{row}\n")
    assert [r.name for r in found.rows] == ["ok.mp4"]
    assert found.set_aside[0].line == 3
    assert reason in found.set_aside[0].reason


def test_a_name_that_comes_twice_is_set_aside(tmp_path: Path) -> None:
    found = labels(tmp_path, "type,name,count,L1,L2\nsquat,a.mp4,0,,\nsquat,a.mp4,0,,\n")
    assert found.set_aside[0].reason == "the name stands in line 2 already"


def test_a_type_without_a_phrase_keeps_its_name_and_is_counted(tmp_path: Path) -> None:
    found = labels(tmp_path, "type,name,count\nrope_climb,a.mp4,0\n")
    assert found.rows[0].action == "rope climb"
    assert found.unknown_types == {"rope_climb": 1}


@pytest.mark.parametrize("header", ["", "type,name", "type,name,count,count", "type,name,count,L1,L1"])
def test_a_header_without_the_columns_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(AppError, match="no usable header"):
        labels(tmp_path, header + "\n")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        read_labels(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00type")
    with pytest.raises(AppError, match="cannot be read"):
        read_labels(tmp_path / "binary.csv")


def test_every_count_follows_everyshotcounts_filter(tmp_path: Path) -> None:
    rows = ["a.mp4,0,,", "b.mp4,1,0,9", "stu1_10.mp4,1,0,9"]
    text = "type,name,count,L1,L2,fps,num_frames\n" + "".join(
        f"squat,{r},30,{n}\n" for r, n in zip(rows, (300, 64, 300), strict=True)
    )
    found = labels(tmp_path, text)
    assert (len(found.rows), found.everyshotcounts()) == (3, ())
    assert [r.name for r in labels(tmp_path, "type,name,count,L1,L2\nsquat,b.mp4,1,0,9\n").everyshotcounts()] == [
        "b.mp4"
    ]


@pytest.fixture(scope="module")
def real(shared_data: Path) -> dict[str, RepLabels]:
    folder = shared_data / "bench/repcount-a/everyshotcounts"
    return {split: read_labels(folder / f"{split}_with_fps.csv") for split in ("train", "valid", "test")}


def test_the_real_files_show_the_traps_that_were_measured(real: dict[str, RepLabels]) -> None:
    assert {k: len(v.rows) for k, v in real.items()} == {"train": 756, "valid": 131, "test": 152}
    assert [s.name for s in real["train"].set_aside] == ["test118.mp4", "stu6_44.mp4"]
    assert real["test"].set_aside == ()
    assert sum(r.count for r in real["test"].rows) == 2_466
    assert {r.name: r.degenerate_pairs for r in real["test"].rows if r.degenerate_pairs} == {"stu4_5.mp4": 10}
    assert {r.type for v in real.values() for r in v.rows} == set(PHRASES)
    assert not any(v.unknown_types for v in real.values())


def test_the_trivial_baselines_are_those_that_were_measured(real: dict[str, RepLabels]) -> None:
    entries = [Entry(r.name, r.truth(), None) for r in real["test"].rows]
    grade = RepCountA().grade(entries, profile="tml_reading", params={}, sources=Sources())
    assert (grade.n, grade.n_scored, grade.aggregates["n_dropped"]) == (152, 151, 1)
    assert [round(b.score or 0, 1) for b in grade.baselines] == [0.0, 21.9, 26.5]
    offline = RepCountA().grade(entries, profile="official", params={}, sources=Sources())
    assert offline.baselines[1].score == pytest.approx(21.710526315789473)
    assert offline.aggregates["final_number_MAE"] == pytest.approx(0.9782773868033761, abs=1e-6)


@pytest.mark.parametrize(("tail_s", "expected"), [(0, [100.0, 99.3, 95.4, 72.8, 61.6]), (3, [100.0] * 5)])
def test_a_perfect_counter_scores_what_was_measured(
    real: dict[str, RepLabels], tail_s: int, expected: list[float]
) -> None:
    scores = []
    for delay in (0.0, 0.2, 1.0, 2.0, 3.0):
        entries = [
            Entry(
                r.name,
                r.truth(),
                tuple(Said(f / (r.fps or 1) + delay, str(i + 1)) for i, f in enumerate(r.frames[1::2])),
            )
            for r in real["test"].rows
        ]
        grade = RepCountA().grade(entries, profile="tml_reading", params={"tail_s": tail_s}, sources=Sources())
        scores.append(round(grade.score or 0, 1))
    assert scores == expected


def test_the_open_set_split_has_the_same_labels(shared_data: Path, real: dict[str, RepLabels]) -> None:
    known = {r.name: r for v in real.values() for r in v.rows}
    opened = [
        read_labels(shared_data / f"bench/repcount-a/transrac_open_set/new_{s}.csv") for s in ("train", "valid", "test")
    ]
    rows = [r for found in opened for r in found.rows]
    assert all(known[r.name].frames == r.frames for r in rows if r.name in known)
    assert sum(len(found.rows) + len(found.set_aside) for found in opened) == 1_024
