"""Texts that no keyboard gives: halves of surrogate pairs, control characters, markup, a novel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.attack.parts import script, whole
from tmlapp.cli.main import app
from tmlapp.core.errors import AppError
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.device

HALF = "half \ud83d of 😀"


def unwanted(error: AppError) -> None:
    raise error


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording whose name, instruction and outputs hold what has no UTF-8, what terminals obey, and markup."""
    folder = tmp_path_factory.mktemp("strange")
    said = script(folder / "script.json", HALF, "[red]one[/]", "\x1b[31mtwo\a\n")
    result = invoke(
        *("run", "--source", "synthetic:clap", "--clock", "fast", "--seconds", 2, "--endpoint", said),
        *("--out", folder / "out", "--name", "ha\udcfflf", "--instruction", f"{HALF}\x00\n[/]", "--json"),
    )
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stderr
    assert "[red]one[/]" in result.stderr
    (made,) = whole(folder / "out")
    return made


def test_half_a_surrogate_pair_is_recorded_and_read_back_as_it_was(strange: Path) -> None:
    assert strange.name == "ha_lf.mcap"
    recording = Recording.open(strange)
    assert recording.info["instruction"] == f"{HALF}\x00\n[/]"
    assert [cue.text for cue in recording.cues()] == [HALF, "[red]one[/]", "\x1b[31mtwo\a\n"]


def test_show_prints_strange_texts_and_never_what_a_terminal_obeys(strange: Path) -> None:
    shown = json.loads(invoke("show", strange, "--json").stdout)
    assert [o["text"] for o in shown["outputs"]] == [HALF, "[red]one[/]", "\x1b[31mtwo\a\n"]
    for_people = invoke("show", strange)
    assert for_people.exit_code == 0
    assert "\x1b" not in for_people.stdout
    assert "[red]one[/]" in for_people.stdout


def test_strange_texts_are_exported(strange: Path, tmp_path: Path) -> None:
    assert invoke("export", strange, "--out", tmp_path / "x", "--json").exit_code == 0
    events = [json.loads(line) for line in (tmp_path / "x" / "events.jsonl").read_text("utf-8").splitlines()]
    assert HALF in [e.get("text") for e in events]
    assert json.loads((tmp_path / "x" / "setup.json").read_text("utf-8"))["instruction"].startswith(HALF)


def test_an_instruction_of_ten_megabytes_is_recorded(tmp_path: Path) -> None:
    from dataclasses import replace

    from tests.live.parts import session_info
    from tmlapp.capture.synthetic import SyntheticFeed
    from tmlapp.core.clock import MonotonicClock
    from tmlapp.recording.writer import Recorder

    feed = SyntheticFeed("tone", realtime=False, clock=MonotonicClock())
    feed.open(lambda: None)
    info = replace(session_info(feed), instruction="squat " * 1_700_000)
    feed.close()
    recorder = Recorder(tmp_path, "novel", info, clock=MonotonicClock(), on_failure=unwanted)
    recorder.start()
    assert Recording.open(recorder.close()).info["instruction"] == info.instruction


def test_a_recording_that_cannot_begin_leaves_nothing_behind(tmp_path: Path) -> None:
    from dataclasses import replace

    from tests.live.parts import ListFeed, session_info
    from tmlapp.core.clock import MonotonicClock
    from tmlapp.recording.writer import Recorder

    info = replace(session_info(ListFeed([])), options={"no place in JSON": object()})
    recorder = Recorder(tmp_path, "s", info, clock=MonotonicClock(), on_failure=unwanted)
    with pytest.raises(TypeError):
        recorder.start()
    assert list(tmp_path.iterdir()) == []
