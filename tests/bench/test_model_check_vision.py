"""Clips through a real endpoint: what a check measures is what a session would show, and the same each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.films import write_film, write_manifest
from tmlapp.bench.model_check.check import Request, run_check, write_report
from tmlapp.bench.model_check.options import Options, Part
from tmlapp.bench.model_check.playing import play, turns_of
from tmlapp.bench.model_check.vision import IDLE_S, paddings_of
from tmlapp.bench.model_check.vision_clips import read_clips
from tmlapp.core.errors import AppError
from tmlapp.endpoints.recorded import RecordedEndpoint
from tmlapp.endpoints.registry import endpoint_from_address
from tmlapp.endpoints.scripted import ScriptedEndpoint

pytestmark = pytest.mark.unit

REPS = {"n_reps": 2, "rep_end_times_s": "0.9 1.9", "start_s": "0.1", "stop_s": "1.9"}


def told(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what


def script(folder: Path, *lines: tuple[float, str]) -> str:
    path = folder / "script.json"
    path.write_text(json.dumps([{"t_s": t, "text": text} for t, text in lines]), encoding="utf-8")
    return f"scripted:{path}"


def films(folder: Path, *rows: dict[str, Any]) -> Path:
    for row in rows:
        write_film(folder / row["file"])
    write_manifest(folder / "manifest.csv", *rows)
    return folder


def checked(endpoint: str, clips: Path, **options: Any) -> dict[str, Any]:
    found = run_check(Request(endpoint=endpoint, clips=clips, options=Options(**options)), told).to_json()
    json.dumps(found, allow_nan=False)
    return found


def values(found: dict[str, Any]) -> dict[str, Any]:
    return {f["name"]: f["value"] for f in found["tables"][0]["figures"]}


def untimed(found: dict[str, Any]) -> dict[str, Any]:
    """All that two checks of the same recordings have in common."""
    found = json.loads(json.dumps(found))
    del found["machine"]
    for table in found["tables"]:
        for figure in table["figures"]:
            if figure["timing"]:
                figure["value"] = None
                figure["reach"] = None
    return found


def test_a_script_gets_the_figures_that_its_times_give(tmp_path: Path) -> None:
    endpoint = script(tmp_path, (1.0, "1"), (2.0, "2"), (5.0, "Start"), (6.0, "7 more"))
    found = checked(endpoint, films(tmp_path, {"file": "a.avi", **REPS}, {"file": "b.avi"}))
    value = values(found)
    # The clip as it is ends after 2 s.
    assert (value["bare.obo"], value["bare.exact"], value["bare.f1"], value["bare.lead"]) == (1.0, 1.0, 1.0, 0.0)
    assert value["bare.within_half_second"] == 1.0
    # Padded, 7 is the last number; on the negative 1 and 2 as it is, all three padded.
    assert value["padded.exact"] == 0.0
    assert value["negatives.counts"] == 5.0
    assert value["model.size"] is None
    row = found["tables"][0]["rows"][0]
    assert row["bare"]["said"] == [[1.0, 1], [2.0, 2]]
    assert row["padded"][0]["said"][-1] == [6.0, 7]
    assert row["start_stop"][0]["starts_s"] == [5.0]
    assert 6.2 <= row["padded"][0]["length_s"] - 2.0 <= 16.4


def test_the_shipped_model_gives_the_same_twice(tmp_path: Path) -> None:
    clips = films(tmp_path, {"file": "a.avi", **REPS})
    first, again = checked("onnx:tiny", clips), checked("onnx:tiny", clips)
    assert untimed(first) == untimed(again)
    assert first["model"]["model_sha256"] == again["model"]["model_sha256"] != ""
    assert values(first)["model.size"] == pytest.approx(first["model"]["model_bytes"] / 1e6)
    assert values(first)["step.p50"] > 0


def test_several_processes_give_what_one_gives(tmp_path: Path) -> None:
    clips = films(tmp_path, {"file": "a.avi", **REPS}, {"file": "b.avi"})
    endpoint = script(tmp_path, (1.0, "1"), (4.0, "Start"))
    one, several = checked(endpoint, clips), checked(endpoint, clips, jobs=2)
    assert several["tables"][0]["rows"] == one["tables"][0]["rows"]
    assert "2 processes" in several["tables"][0]["notes"][-1]


def test_real_clips_are_measured_and_shown(shared_data: Path, tmp_path: Path) -> None:
    clip = "squat-counter__ad8b_squat.gif"
    clips = tmp_path / "clips"
    clips.mkdir()
    (clips / clip).symlink_to(shared_data / "clips" / clip)
    request = Request(
        endpoint="onnx:tiny",
        clips=clips,
        clips_manifest=shared_data / "clips" / "manifest.csv",
        options=Options(only=("vision",)),
    )
    report = run_check(request, told)
    result, page = write_report(report, tmp_path / "out")
    found = json.loads(result.read_text("utf-8"))
    (row,) = found["tables"][0]["rows"]
    assert (row["true"], row["padded"][0]["ends_s"][0]) == (2, round(3.2 + row["padded"][0]["before_s"], 3))
    assert found["tables"][0]["notes"][0] == "1 of the 27 clips in the manifest were played."
    assert "PRIME-FITNESS__squats.mp4" in found["tables"][0]["notes"][1]
    text = page.read_text("utf-8")
    assert clip in text
    assert "<polyline" in text
    assert "http" not in text.replace("http-equiv", "")


def test_padding_belongs_to_the_row_whatever_else_is_there(tmp_path: Path) -> None:
    rows = [{"file": name} for name in ("a.avi", "b.avi", "c.avi")]
    clips = {c.name: c for c in read_clips(films(tmp_path, *rows)).clips}
    draws = np.random.default_rng(5).uniform(*IDLE_S, size=6)
    for i, name in enumerate(("a.avi", "b.avi", "c.avi")):
        (padding,) = paddings_of(clips[name], Options(seed=5))
        assert (padding.before_s, padding.after_s, padding.seed) == (draws[2 * i], draws[2 * i + 1], i)
    more = paddings_of(clips["b.avi"], Options(seed=5, pad_seeds=3))
    assert more[0] == paddings_of(clips["b.avi"], Options(seed=5))[0]
    assert more[1].before_s == paddings_of(clips["b.avi"], Options(seed=6))[0].before_s
    assert len({p.seed for p in more}) == 3


def test_several_paddings_are_several_streams(tmp_path: Path) -> None:
    endpoint = script(tmp_path, (1.0, "1"))
    found = checked(endpoint, films(tmp_path, {"file": "a.avi", **REPS}), pad_seeds=2)
    (row,) = found["tables"][0]["rows"]
    assert len(row["padded"]) == len(row["start_stop"]) == 2
    assert len(found["tables"][0]["failures"]) == 1


def test_turns_hold_all_of_the_film_between_still_pictures(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.avi")
    bare, padded = turns_of(film), turns_of(film, pad_before_s=3.0, pad_after_s=3.1)
    assert (len(bare), len(padded)) == (10, 41)
    inside = [f for t in padded for f in t.frames if 3.0 <= f.t_ns / 1e9 < 5.0]
    shown = [f for t in bare for f in t.frames if f.t_ns / 1e9 < 2.0]
    assert [f.jpeg for f in inside] == [f.jpeg for f in shown]


def test_signals_of_the_model_come_with_every_micro_turn(tmp_path: Path) -> None:
    turns = turns_of(write_film(tmp_path / "a.avi"))
    played = play(endpoint_from_address("onnx:tiny"), "Please count out reps for squats.", turns)
    assert "activity" in played.signals
    assert played.signals["activity"].times_s == tuple(k / 5 for k in range(1, 11))
    assert not [name for name in played.signals if name.startswith("app.")]
    assert all(0 < a <= b for a, b in zip(played.seeing_ms, played.compute_ms, strict=True))


def test_an_endpoint_that_does_not_say_what_it_has_answered_is_refused(tmp_path: Path) -> None:
    turns = turns_of(write_film(tmp_path / "a.avi"))
    said = play(ScriptedEndpoint([{"t_s": 0.5, "text": "1"}]), "", turns)
    quiet = type(said.granted)(endpoint="recorded:x", name="x", local=True)
    with pytest.raises(AppError, match="virtual time"):
        play(RecordedEndpoint(said.events, quiet, address="recorded:x"), "", turns)


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(b"no film at all")
    write_manifest(tmp_path / "manifest.csv", {"file": "a.avi", **REPS})
    with pytest.raises(AppError, match=r"No picture could be read from a\.avi"):
        checked(script(tmp_path), tmp_path)


@pytest.mark.parametrize("only", [(), ("vision",)])
def test_nothing_to_check_is_said(only: tuple[Part, ...]) -> None:
    with pytest.raises(AppError, match="There is nothing to check"):
        run_check(Request(endpoint="onnx:tiny", options=Options(only=only)), told)


def test_a_speech_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    request = Request(endpoint="onnx:tiny", speech=tmp_path / "gone", options=Options())
    with pytest.raises(AppError, match="There is no folder"):
        run_check(request, told)
