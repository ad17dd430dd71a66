"""The hearing, echo and time tables, small: the shipped model, one voice, and endpoints that cannot be asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tmlapp.bench.model_check.echo import BargeIn
from tmlapp.bench.model_check.hearing import run_hearing
from tmlapp.bench.model_check.hearing_run import figures_of, kitchen_air, quiet_air
from tmlapp.bench.model_check.hearing_talk import Talk, Unheard, hearing_of, of
from tmlapp.bench.model_check.hearing_trials import Trial, Typed, phrase_trial, put_into, stop_trial, wav_bytes
from tmlapp.bench.model_check.material import Recording, active_rms
from tmlapp.bench.model_check.material_text import TASK_PHRASES, Phrase
from tmlapp.bench.model_check.material_voices import installed_voices
from tmlapp.bench.model_check.options import Options
from tmlapp.bench.model_check.timing import Costs, Reminder, TimingRun, cost_figures, timing_figures
from tmlapp.core.event import Heard, TaskSet
from tmlapp.core.units import NS_PER_S, TURN_SAMPLES
from tmlapp.endpoints.registry import endpoint_from_address

pytestmark = pytest.mark.unit
needs_flite = pytest.mark.skipif(
    shutil.which("flite") is None or shutil.which("espeak-ng") is None, reason="flite and espeak-ng are not installed"
)
QUIET = np.random.default_rng(0)


def nobody(what: str, done: int, most: int) -> None:
    """Progress that nobody watches."""


def test_what_the_phrases_mean_is_what_the_shipped_model_reads_when_they_are_typed() -> None:
    with Talk(endpoint_from_address("onnx:tiny")) as talk:
        typed = Typed(talk)
        problems = {p.text: typed.meant(p)[1] for p in TASK_PHRASES}
        assert {text: why for text, why in problems.items() if why} == {}
        assert typed.meant(Phrase("feed the cat"))[0] is None
        assert "typed, it gives" in typed.meant(Phrase("count to ten every two seconds", numbers=(3,)))[1]


def test_a_conversation_hears_reminders_when_they_are_due() -> None:
    with Talk(endpoint_from_address("onnx:tiny"), "Count to 3.") as talk:
        talk.quiet(25)
        talk.played_out()
    assert [h.text for h in talk.heard if isinstance(h, Heard)] == ["one", "two", "three"]
    onsets = [h.audible_ns or 0 for h in talk.heard]
    assert all(abs(ns - k * NS_PER_S) <= 0.26 * NS_PER_S for k, ns in enumerate(onsets, start=1))
    assert of(talk.events, TaskSet)[0].instruction == "Count to 3."


@needs_flite
def test_a_spoken_stop_is_obeyed_and_a_phrase_is_held_against_the_typed_one() -> None:
    voice = next(v for v in installed_voices() if v.name == "flite slt")
    endpoint = endpoint_from_address("onnx:tiny", keep=True)
    with Talk(endpoint_from_address("onnx:tiny")) as listening, Talk(endpoint, air=quiet_air(QUIET)) as talk:
        typed = Typed(listening)
        stop = stop_trial(talk, typed, "stop", voice.name, voice.speak("stop"), QUIET, figure="stop.quiet")
        assert stop.outcome == "obeyed"
        assert stop.failure() is None
        assert stop.delay_s is not None
        assert 0 < stop.delay_s < 2
        phrase = Phrase("count my squats", content="squats")
        exact = phrase_trial(talk, typed, phrase, voice.name, voice.speak("count my squats"), QUIET)
        assert exact.outcome == "exact"
        wrong = phrase_trial(talk, typed, phrase, voice.name, voice.speak("count my push ups"), QUIET)
        assert (wrong.outcome, wrong.best) == ("wrong", False)
        failure = wrong.failure()
        assert failure is not None
        assert failure.wav
        missed = phrase_trial(talk, typed, phrase, voice.name, np.zeros(8000), QUIET)
        assert (missed.outcome, missed.why) == ("missed", "no speech was noticed")
        put_into(talk, "paused")
        assert of(talk.events, TaskSet)[-1].task == "paused"


@needs_flite
@pytest.mark.slow
@pytest.mark.parametrize("part", ["hearing", "echo", "time"])
def test_a_small_check_fills_every_row_of_its_table(part: str) -> None:
    options = Options(limit=1, only=(part,))  # type: ignore[arg-type]
    (table,) = run_hearing("onnx:tiny", None, options, nobody)
    unmeasured = {f.name for f in table.figures if f.value is None}
    assert unmeasured <= {"stop.kitchen", "stop.talking_6db", "stop.sparse"}
    json.dumps([dict(row) for row in table.rows], allow_nan=False)
    assert any("espeak-ng" in note for note in table.notes)
    assert len({f.name for f in table.figures}) == len(table.figures)


def test_endpoints_that_cannot_hear_are_not_measured_and_say_why(tmp_path: Path) -> None:
    script = tmp_path / "quiet.txt"
    script.write_text("[]", encoding="utf-8")
    with pytest.raises(Unheard, match="runs elsewhere"):
        hearing_of(endpoint_from_address("openai_realtime:gpt-realtime"))
    tables = run_hearing(f"scripted:{script}", None, Options(limit=1), nobody)
    assert [t.title for t in tables] == ["Hearing", "Echo", "Time"]
    deaf = tables[0].figures
    assert all(f.value is None and "does not" in f.reason for f in deaf)


def test_figures_of_trials_count_what_happened_and_what_guessing_would_have_given() -> None:
    def trial(figure: str, outcome: str, **more: object) -> Trial:
        return Trial(figure, "v", "stop", "“stop”", outcome, **more)  # type: ignore[arg-type]

    trials = [
        trial("phrases", "exact", best=True),
        trial("phrases", "missed", best=True),
        trial("phrases", "wrong", misled=True),
        trial("stop.false_per_min", "false", events=1, seconds=30.0, more={"best_parses": 3}),
        trial("stop.false_per_min", "silent", seconds=30.0, more={"best_parses": 0}),
    ]
    rows = {f.name: f for f in figures_of(trials, 5)}
    assert rows["phrases.exact"].value == pytest.approx(1 / 3)
    assert rows["phrases.exact"].baselines == {"silence": 0.0, "best parse": pytest.approx(2 / 3)}
    assert rows["phrases.wrong_accepted"].value == pytest.approx(1 / 3)
    assert rows["phrases.wrong_accepted"].baselines["best parse"] == pytest.approx(1 / 3)
    assert rows["stop.false_per_min"].value == pytest.approx(1.0)
    assert rows["stop.false_per_min"].baselines["best parse"] == pytest.approx(3.0)
    assert rows["stop.quiet"].value is None
    assert "neither" in rows["stop.quiet"].reason


def test_a_barge_in_is_noticed_in_time_or_a_failure() -> None:
    assert BargeIn(-6, "v", "hello", 0.4).failure() is None
    late, never = BargeIn(-6, "v", "hello", 1.5).failure(), BargeIn(0, "v", "hello", None).failure()
    assert late is not None
    assert never is not None
    assert late.facts["ducked after"] == "1.50 s"
    assert never.facts["ducked after"] == "never"


def test_a_kitchen_is_so_much_quieter_than_a_person() -> None:
    noise = Recording("tap", "noise", "", np.random.default_rng(1).normal(0, 0.3, 4000), "")
    air = kitchen_air([noise], 0, QUIET)
    heard = np.concatenate([air(np.zeros(TURN_SAMPLES), np.zeros(TURN_SAMPLES)) for _ in range(5)])
    assert 20 * np.log10(active_rms(heard / 32768)) == pytest.approx(-41, abs=0.5)
    assert wav_bytes(np.zeros(10))[:4] == b"RIFF"


def test_reminders_that_never_came_are_counted_apart() -> None:
    run = TimingRun.__new__(TimingRun)
    run.reminders = [Reminder("typed", 2, 1, 0.1), Reminder("typed", 2, 2, -0.3), Reminder("typed", 2, 3, None)]
    run.after_stop = [(1.0, 1.0), (0.0, 1.0)]
    rows = {f.name: f for f in timing_figures(run, 5)}
    assert rows["reminder.median"].value == pytest.approx(200.0)
    assert rows["reminder.missed"].value == pytest.approx(1 / 3)
    assert rows["reminder.after_stop"].value == pytest.approx(0.5)
    assert [f.reason for f in cost_figures(Costs(reason="nobody spoke"))] == ["nobody spoke"] * 4
