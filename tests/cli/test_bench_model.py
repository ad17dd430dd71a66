"""`tmlapp bench-model`: tables for a person, JSON for a program, three sentences where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.films import write_film, write_manifest
from tests.cli.invoking import answer, invoke, write_script

pytestmark = pytest.mark.unit


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    write_film(folder / "a.avi")
    reps = {"n_reps": 2, "rep_end_times_s": "0.9 1.9", "start_s": "0.1", "stop_s": "1.9"}
    write_manifest(folder / "manifest.csv", {"file": "a.avi", **reps}, {"file": "gone.avi"})
    return folder


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"scripted:{write_script(tmp_path / 's.json', {'t_s': 1.0, 'text': '1'})}"


def test_the_table_the_worst_clip_and_the_files_are_shown(clips: Path, endpoint: str, tmp_path: Path) -> None:
    result = invoke("bench-model", endpoint, "--clips", clips, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    for shown in (
        "off by one at most (OBO)",
        "≥ 0.93",
        "not reached",
        "gone.avi",
        "To look at first:",
        "a.avi: 2 done",
    ):
        assert shown in result.stdout, shown
    assert "index.html" in result.stdout
    assert "clips: 1 of 1" in result.stderr


def test_json_holds_every_figure_and_where_the_files_lie(clips: Path, endpoint: str, tmp_path: Path) -> None:
    words = ("bench-model", endpoint, "--clips", clips, "--out", tmp_path / "out", "--only", "vision", "--json")
    found = answer(invoke(*words))
    assert found["figures"]["bare.exact"]["value"] == 0.0
    kept = json.loads(Path(found["result"]).read_text("utf-8"))
    assert {f["name"] for f in kept["tables"][0]["figures"]} == set(found["figures"])
    assert Path(found["page"]).is_file()


def test_the_manifest_may_lie_elsewhere(clips: Path, endpoint: str, tmp_path: Path) -> None:
    listed = (clips / "manifest.csv").rename(tmp_path / "list.csv")
    out = ("--out", tmp_path / "out", "--json")
    assert "manifest.csv" in answer(invoke("bench-model", endpoint, "--clips", clips, *out), 1)["error"]["what"]
    answer(invoke("bench-model", endpoint, "--clips", clips, "--clips-manifest", listed, *out))


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    assert invoke("bench-model", "--only", "smell").exit_code == 2
    assert answer(invoke("bench-model", "--json"), 1)["error"]["what"] == "There is nothing to check."
