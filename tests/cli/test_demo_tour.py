"""The tour as a newcomer meets it: what is spoken in the clip is heard, done and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.sessions import make_recording
from tmlapp.cli.demo import tour_told
from tmlapp.cli.run import Printer, run_plan
from tmlapp.config.paths import tour_source
from tmlapp.config.settings import Settings
from tmlapp.core.event import SpeechHeard, TaskSet
from tmlapp.live.plan import plan_from_settings
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit


@pytest.mark.slow
def test_three_spoken_instructions_are_heard_and_done(
    tmp_path: Path, demo_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(recordings_dir=tmp_path)
    plan = plan_from_settings(
        settings, instruction="", name="tour", clock="fast", source=tour_source(), loudspeaker="none", folder=tmp_path
    )
    recording = Recording.open(run_plan(plan, settings))
    heard = [e for e in recording.events((SpeechHeard,)) if isinstance(e, SpeechHeard)]
    assert all(h.accepted for h in heard)
    tasks = [e.task for e in recording.events((TaskSet,)) if isinstance(e, TaskSet)]
    assert tasks == ["none", "count_reps", "none", "start_stop", "none", "every_n_seconds", "none"]
    told = tour_told(recording, demo_clip / "truth-tour.json")
    assert told[1].strip() == "instructions heard 6 of 6"
    assert told[2].strip() == "counted 5 of 5"
    assert "never" not in " ".join(told)
    assert told[5].strip().startswith("reminded 2 of 2 times, +")
    Printer().on_event(heard[0])
    assert "heard   “please count out reps for squats”" in capsys.readouterr().err


def test_what_was_not_said_is_told_too(tmp_path: Path, demo_clip: Path) -> None:
    told = tour_told(make_recording(tmp_path), demo_clip / "truth-tour.json")
    assert [line.strip() for line in told[1:]] == [
        "instructions heard 0 of 6",
        "counted 0 of 5",
        "start said never",
        "stop said never",
        "reminded 0 of 2 times",
    ]
