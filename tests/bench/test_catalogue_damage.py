"""What other programs, broken clocks and damaged disks leave in a library costs nothing else in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.bench.catalogue_parts import Inline, make_recording
from tmlapp.bench.catalogue import trash as doing
from tmlapp.bench.catalogue.probe import newest_grade
from tmlapp.bench.catalogue.probe_sets import _of_run
from tmlapp.bench.catalogue.refresh import refresh
from tmlapp.bench.catalogue.store import Catalogue
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.device


@pytest.mark.parametrize("size", ["much", [1], float("inf"), float("nan")])
def test_a_manifest_with_an_odd_size_is_damaged_and_nothing_else(tmp_path: Path, size: Any) -> None:
    make_recording(tmp_path, "squats")
    bundle = tmp_path / ".trash" / "b"
    make_recording(bundle, "gone")
    moves = [{"old": "gone.mcap", "new": ".trash/b/gone.mcap"}]
    (bundle / "manifest.json").write_text(json.dumps({"step": "moving", "size": size, "moves": moves}))
    assert doing.bundles_in([tmp_path]) == []
    with Catalogue.open(tmp_path / "cache") as catalogue:
        refresh(catalogue, [tmp_path], workers=Inline())  # type: ignore[arg-type]
        assert catalogue.counts() == {"ok": 1, "trashed": 1}


def test_a_file_of_another_century_is_listed(tmp_path: Path) -> None:
    path = make_recording(tmp_path, "squats")
    os.utime(path, (10**10, 10**10))
    with Catalogue.open(tmp_path / "cache") as catalogue:
        refresh(catalogue, [tmp_path], workers=Inline())  # type: ignore[arg-type]
        assert catalogue.counts() == {"ok": 1}
        assert refresh(catalogue, [tmp_path], workers=Inline()).read == 0  # type: ignore[arg-type]


def test_a_grade_of_another_form_says_nothing_of_its_recording(tmp_path: Path) -> None:
    path = make_recording(tmp_path, "squats")
    grade = {"score": 10**400, "metric": "accuracy", "verdicts": 7}
    path.with_name("squats.grades.jsonl").write_text(json.dumps({"grade": grade}) + "\n")
    with Catalogue.open(tmp_path / "cache") as catalogue:
        refresh(catalogue, [tmp_path], workers=Inline())  # type: ignore[arg-type]
        assert [(e.state, e.grade) for e in catalogue.rows(catalogue.search())] == [("ok", "– accuracy")]
    assert newest_grade([{"score": 0.5, "metric": "m", "verdicts": [None, {"passed": True}]}]) == ("0.5 m", "pass")


def test_a_run_of_another_form_says_nothing_of_its_recordings(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"suite": "x", "endpoint": "y", "notes": 7}))
    grade = {"verdicts": [None, {"item": "a", "score": "high"}, {"item": "b", "passed": True, "score": 1}]}
    grade["verdicts"].append({"item": "c", "passed": False, "score": 0, "ungraded": True})
    lines = [json.dumps({"grade": grade}), json.dumps({"grade": {"verdicts": 7}})]
    (tmp_path / "grades.jsonl").write_text("\n".join(lines))
    verdicts = _of_run(tmp_path / "run.json", "now")[2]
    assert verdicts == {"a": ("", ""), "b": ("pass", "1"), "c": ("unsure", "0")}
    with Catalogue.open(tmp_path / "cache") as catalogue:
        refresh(catalogue, [tmp_path], workers=Inline())  # type: ignore[arg-type]
        assert catalogue.counts() == {"unfinished": 1}


@pytest.mark.parametrize("text", ["a " * 20_000, "-a " * 101, "tag:" + "x" * 100_000, '"' + "y " * 1_000_000])
def test_a_search_that_is_a_whole_book_is_refused(tmp_path: Path, text: str) -> None:
    with Catalogue.open(tmp_path) as catalogue, pytest.raises(AppError, match="too long"):
        catalogue.search(text)


@pytest.mark.parametrize("text", ["\ud800", "tag:\ud800", 'in:"\udfff', "a\0b", '"a" OR 1=1; --', 'NEAR("a" *'])
def test_a_search_may_hold_anything(tmp_path: Path, text: str) -> None:
    with Catalogue.open(tmp_path) as catalogue:
        assert catalogue.search(text) == []


def test_a_replay_beside_the_recording_of_a_run_has_no_grade_of_that_run(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"suite": "x", "endpoint": "y"}))
    grade = {"verdicts": [{"item": "a", "passed": True, "score": 1}]}
    (tmp_path / "grades.jsonl").write_text(json.dumps({"grade": grade}) + "\n")
    folder = tmp_path / "items" / "00000-a"
    for name in ("main", "main-replay"):
        make_recording(folder, name)
    result = {"id": "a", "state": "done", "parts": {"main": {"recording": "main.mcap"}}}
    (folder / "result.json").write_text(json.dumps(result))
    with Catalogue.open(tmp_path / "cache") as catalogue:
        refresh(catalogue, [tmp_path], workers=Inline())  # type: ignore[arg-type]
        rows = {e.name: e for e in catalogue.rows(catalogue.search()) if e.kind == "recording"}
    assert (rows["main"].details["item"], rows["main"].verdict, rows["main"].grade) == ("a", "pass", "1")
    assert (rows["main-replay"].details["item"], rows["main-replay"].verdict) == ("", "")
    assert rows["main-replay"].grade == ""
