"""`tmlapp data check` says of every benchmark what is complete, missing or damaged, and where to get it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.bench.fdb_folders import v15_sample
from tests.bench.fdb_v3_data import make_data
from tmlapp.bench.check import check_data
from tmlapp.bench.data import Loaded
from tmlapp.bench.registry import suite_named, suites
from tmlapp.bench.suite import Suite
from tmlapp.bench.suites.audio_multichallenge import AudioMultiChallenge
from tmlapp.cli.main import app

pytestmark = pytest.mark.unit

EXPECTED = {
    "audio-multichallenge": "metadata.jsonl",
    "bigbench-audio": "metadata.jsonl",
    "charades": "Charades_v1",
    "cuespeak": ".jsonl",
    "fdb-v1": "input.wav",
    "fdb-v1.5": "clean_input.wav",
    "fdb-v3": "input.wav",
    "harmbench": ".csv",
    "ifeval": ".jsonl",
    "ifeval-voice": ".jsonl",
    "proactive-video-qa": "json",
    "qivd": "labels.json",
    "repcount-a": "LLSP",
    "timespeak": ".jsonl",
}
"""A file that the message has to name, by suite."""


def check(suite: str, folder: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["data", "check", suite, str(folder), *more])


def found(suite: str, folder: Path) -> Any:
    result = check(suite, folder, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_every_suite_is_checked_here() -> None:
    assert set(suites()) == set(EXPECTED)


@pytest.mark.parametrize("suite", sorted(EXPECTED))
def test_an_empty_folder_says_what_is_expected_and_where_to_get_it(suite: str, tmp_path: Path) -> None:
    shown = check(suite, tmp_path)
    assert shown.exit_code == 1
    told = flat(shown.stderr)
    assert EXPECTED[suite] in told
    assert "Why:" in told
    assert suite_named(suite).where
    error = json.loads(check(suite, tmp_path, "--json").stdout)["error"]
    assert str(tmp_path) in error["what"] + error["why"]
    # Where to get it: a name to search for or an address, as the suite states it.
    assert flat(suite_named(suite).where) in flat(f"{error['why']} {error['fix']}")


@pytest.mark.parametrize("suite", sorted(EXPECTED))
def test_a_folder_that_is_not_there_is_an_error_for_people(suite: str, tmp_path: Path) -> None:
    shown = check(suite, tmp_path / "nowhere")
    assert shown.exit_code == 1
    assert "has made a mistake" not in shown.stderr
    assert "Fix:" in shown.stderr


def conversations(folder: Path, *with_sound: str) -> Path:
    rows = [
        {"id": name, "axis": "VOICE_EDITING", "last_user_turn": 1, "rubrics": ["r"], "user_turn_1_transcript": "One."}
        for name in ("a", "b")
    ]
    folder.mkdir(exist_ok=True)
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for name in with_sound:
        place = folder / "audio" / name
        place.mkdir(parents=True)
        (place / "user_turn_1.wav").write_bytes(b"RIFF0000WAVE")
    return folder


def test_items_without_a_session_are_not_counted_as_runnable(tmp_path: Path) -> None:
    silent = found("audio-multichallenge", conversations(tmp_path))
    assert (silent["state"], silent["usable"], silent["gradable"], silent["expected"]) == ("incomplete", 0, 2, 452)
    shown = check("audio-multichallenge", tmp_path).stdout
    assert "0 items can be run of 452 published ones" in shown
    assert "Answers to 2 items can be graded" in shown
    assert "nothing can be run" in shown
    assert flat(AudioMultiChallenge.where) in flat(shown)


def test_half_a_folder_says_what_is_missing(tmp_path: Path) -> None:
    half = found("audio-multichallenge", conversations(tmp_path, "a"))
    assert (half["usable"], half["gradable"], half["kinds"]) == (1, 1, {"missing": 1})
    assert "b/user_turn_1.wav is missing or empty" in check("audio-multichallenge", tmp_path).stdout


def test_a_damaged_row_is_told_apart_from_a_missing_one(tmp_path: Path) -> None:
    folder = tmp_path / "v1.5"
    for name in ("1", "2", "3", "4"):
        v15_sample(folder, "user_backchannel", name)
    (folder / "user_backchannel" / "2" / "metadata.json").write_text("{")
    (folder / "user_backchannel" / "3" / "clean_input.wav").unlink()
    whole = folder / "user_backchannel" / "4" / "input.wav"
    whole.write_bytes(whole.read_bytes()[:5000])
    half = found("fdb-v1.5", folder)
    assert (half["usable"], half["kinds"]) == (1, {"damaged": 2, "missing": 1})
    assert "user_interruption is not in the folder (200 samples)" in half["notes"]
    shown = check("fdb-v1.5", folder).stdout
    assert "2 rows are damaged" in shown
    assert "user_backchannel/4: input.wav is cut off" in shown
    assert "user_backchannel/2: metadata.json is no JSON" in shown


def test_where_tools_come_from_is_said(tmp_path: Path) -> None:
    notes = found("fdb-v3", make_data(tmp_path))["notes"]
    assert any(note.startswith("Tools as in") for note in notes)
    assert any("No fixed result was found of" in note for note in notes)
    (tmp_path / "v3" / "tools.json").write_text("{}")
    damaged = check("fdb-v3", tmp_path / "v3")
    assert damaged.exit_code == 1
    assert "holds no tools" in damaged.stderr


def test_media_that_are_named_and_not_there_make_an_item_not_runnable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = conversations(tmp_path, "a", "b")
    right = suite_named("audio-multichallenge").load(folder, {})

    def load(self: Suite, place: Path, options: object) -> Loaded:
        (folder / "audio" / "b" / "user_turn_1.wav").unlink(missing_ok=True)
        return Loaded(items=right.items, expected=2)

    assert check_data("audio-multichallenge", folder, {}).usable == 2
    monkeypatch.setattr(AudioMultiChallenge, "load", load)
    gone = check_data("audio-multichallenge", folder, {})
    assert (gone.state, gone.usable, gone.gradable) == ("incomplete", 1, 2)
    assert [Path(p).parent.name for p in gone.absent_files] == ["b"]
    monkeypatch.setattr(AudioMultiChallenge, "load", lambda *_: Loaded(items=right.items[:1], expected=1))
    assert check_data("audio-multichallenge", folder, {}).state == "complete"
