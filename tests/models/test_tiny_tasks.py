"""Timers, counting words and task changes of the shipped graph, played with onnxruntime alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tiny.train.runner import Player, choose
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_manifest import read_manifest
from tmlapp.endpoints.onnx_tasks import TaskReader

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def loaded(model_dir: Path) -> Player:
    return Player(model_dir)


@pytest.fixture
def player(loaded: Player) -> Player:
    loaded.reset()
    return loaded


def said(player: Player, steps: int) -> list[tuple[int, str]]:
    """Micro-turn index since the call and text of everything said."""
    turns = [player.turn() for _ in range(steps)]
    return [(k, t.text) for k, t in enumerate(turns) if t.phrase]


def due_turns(period_ms: int, elapsed_ms: int, steps: int, until_ms: int | None = None) -> list[int]:
    """Steps in which a multiple of the period after the instruction lies, by whole numbers alone."""
    last = elapsed_ms + 200 * steps
    moments = [k * period_ms for k in range(1, last // period_ms + 1)]
    until = last if until_ms is None else until_ms
    return [(m - elapsed_ms) // 200 for m in moments if elapsed_ms <= m < last and m <= until]


@pytest.mark.parametrize(
    "instruction",
    ["Remind me to drink every 0 seconds", "in 0.0 seconds tell me to drink", "say now every .. seconds", "count to 0"],
)
def test_no_time_at_all_is_not_understood(model_dir: Path, instruction: str) -> None:
    with pytest.raises(OnnxContractError):
        TaskReader(read_manifest(model_dir)).read(instruction)


@pytest.mark.parametrize(
    ("instruction", "period_ms", "until_ms", "elapsed_ms", "steps"),
    [
        ("Remind me to breathe in and out every 4 seconds until I ask you to stop.", 4000, None, 0, 62),
        ("Remind me to breathe in and out every 4 seconds until I ask you to stop.", 4000, None, 732, 42),
        ("say now every 0.7 seconds", 700, None, 137, 30),
        ("say now every one and a half seconds", 1500, None, 999, 40),
        ("say now every 3 seconds until 10 seconds", 3000, 10000, 600, 65),
        ("for the next 10 seconds, say now every five seconds", 5000, 10000, 1, 80),
        ("tell me to blink every second", 1000, None, 612, 25),
    ],
)
def test_every_multiple_falls_into_its_micro_turn(
    player: Player, instruction: str, period_ms: int, until_ms: int | None, elapsed_ms: int, steps: int
) -> None:
    player.instruct(instruction, elapsed_ms / 1000)
    heard = said(player, steps)
    assert [k for k, _ in heard] == due_turns(period_ms, elapsed_ms, steps, until_ms)
    assert {text for _, text in heard} == {"{content}"}


@settings(max_examples=150, deadline=None)
@given(
    period_ms=st.one_of(st.integers(1, 2000), st.integers(1, 400).map(lambda n: 250 * n), st.integers(1, 7_200_000)),
    elapsed_ms=st.integers(0, 8000),
    near=st.integers(1, 4000),
    off=st.integers(-3, 3),
    phrase=st.sampled_from(["every_n_seconds", "beat"]),
)
def test_a_micro_turn_says_it_if_and_only_if_a_multiple_lies_in_it(
    loaded: Player, period_ms: int, elapsed_ms: int, near: int, off: int, phrase: str
) -> None:
    # A step close to the k-th multiple, where an error of one millisecond would show.
    step = max(1, (near * period_ms - elapsed_ms) // 200 + off)
    task = loaded.manifest["task"]
    params = np.array([[period_ms / 1000, 0, 0, 0, 0, elapsed_ms / 1000, 0]], np.float32)
    assert round(float(params[0, 0]) * 1000) == period_ms
    loaded.set_task(task["options"].index(phrase), params)
    loaded.states |= {"state.task": loaded.task, "state.params": params, "state.steps": np.array([step], np.int64)}
    begin = elapsed_ms + 200 * step
    assert bool(loaded.turn().phrase) == ((begin + 199) // period_ms > (begin - 1) // period_ms)


@pytest.mark.parametrize("elapsed_ms", [400, 613])
def test_a_minute_is_a_minute(player: Player, elapsed_ms: int) -> None:
    player.instruct("every minute tell me to look up", elapsed_ms / 1000)
    assert said(player, 3) == []
    player.states["state.steps"] = np.array([290], np.int64)
    assert [290 + k for k, _ in said(player, 12)] == due_turns(60000, elapsed_ms, 302)


def test_what_had_passed_when_the_task_was_set_is_left_out_of_a_series(player: Player) -> None:
    player.instruct("say now every half second", 0.63)
    assert [k for k, _ in said(player, 10)] == [1, 4, 6, 9]


def test_a_single_reminder_that_had_passed_comes_at_once(player: Player) -> None:
    player.instruct("in one second tell me to look", 1.2)
    assert said(player, 20) == [(0, "{content}")]
    player.instruct("set a timer for one second", 1.0)
    assert said(player, 20) == [(0, "time is up")]


def test_an_end_before_the_first_reminder_is_no_end(player: Player) -> None:
    player.instruct("every 4 seconds remind me to look away for 2 seconds")
    assert [k for k, _ in said(player, 45)] == [20, 40]


@pytest.mark.parametrize("period", [0.6, 4.0, 7.5])
def test_timers_stay_exact_after_an_hour(player: Player, period: float) -> None:
    player.instruct(f"say now every {period:g} seconds")
    player.turn()
    begin = 3600 * 5
    player.states["state.steps"] = np.array([begin], np.int64)
    period_ms = round(period * 1000)
    heard = [begin + k for k, _ in said(player, 80)]
    assert heard == [t // 200 for t in range(0, 3_700_000, period_ms) if begin * 200 <= t < (begin + 80) * 200]


@pytest.mark.parametrize(
    ("instruction", "step", "text"),
    [
        ("in 10 seconds tell me to drink", 50, "{content}"),
        ("remind me to stand up in 5.1 seconds", 25, "{content}"),
        ("tell me when ten seconds have passed", 50, "time is up"),
        ("set a timer for 1 minute and 1 second", 305, "time is up"),
        ("in a minute say hello", 300, "{content}"),
        ("in half a minute say hello", 150, "{content}"),
        ("wake me up in an hour and ten minutes", 21000, "time is up"),
    ],
)
def test_single_reminders_come_once(player: Player, instruction: str, step: int, text: str) -> None:
    player.instruct(instruction)
    assert said(player, 3) == []
    player.states["state.steps"] = np.array([step - 5], np.int64)
    assert said(player, 20) == [(5, text)]
    player.states["state.steps"] = np.array([2 * step - 5], np.int64)
    assert said(player, 10) == []


def test_counting_to_a_number_and_down(player: Player) -> None:
    player.instruct("count to three")
    assert said(player, 40) == [(5, "one"), (10, "two"), (15, "three")]
    player.instruct("count down from three")
    assert said(player, 40) == [(5, "three"), (10, "two"), (15, "one"), (20, "time is up")]
    player.instruct("count to three every two and a half seconds", 0.65)
    assert said(player, 60) == [(9, "one"), (21, "two"), (34, "three")]
    player.instruct("every half second count backwards from two")
    assert said(player, 60) == [(2, "two"), (5, "one"), (7, "time is up")]


def test_counting_without_an_end_goes_on(player: Player) -> None:
    player.instruct("count every two seconds")
    assert said(player, 22) == [(10, "one"), (20, "two")]
    player.states["state.steps"] = np.array([199 * 10 - 1], np.int64)
    assert said(player, 12) == [(1, "one hundred ninety-nine")]


def test_an_end_is_never_overlooked(player: Player) -> None:
    for end in ("until one minute has passed", "for the next minute", "and stop after a minute", "for 1 minute"):
        chosen = choose(player.manifest, f"remind me to breathe every four seconds {end}")
        assert chosen is not None
        assert dict(zip(player.manifest["task"]["params"], chosen.params[0], strict=True))["until_min"] == 1


def test_counting_aloud_begins_at_one_even_if_its_first_moment_had_passed(player: Player) -> None:
    player.instruct("count to two every half second", 0.7)
    assert said(player, 20) == [(1, "one"), (4, "two")]


def test_a_pause_is_silent_and_the_timer_keeps_its_start(player: Player) -> None:
    player.instruct("say now every 2 seconds", 0.5)
    assert [k for k, _ in said(player, 20)] == [7, 17]
    player.instruct("pause")
    assert said(player, 15) == []
    player.instruct("go on")
    assert [35 + k for k, _ in said(player, 20)] == [37, 47]


def test_who_counts_aloud_goes_on_after_a_pause_where_he_was(player: Player) -> None:
    player.instruct("count to four")
    assert said(player, 12) == [(5, "one"), (10, "two")]
    player.instruct("Hold on, please.")
    assert said(player, 15) == []
    player.instruct("okay, continue")
    assert said(player, 20) == [(3, "three"), (8, "four")]


def test_a_stop_in_a_pause_ends_the_task(player: Player) -> None:
    player.instruct("say now every second")
    said(player, 3)
    player.instruct("wait")
    player.instruct("stop")
    assert said(player, 20) == []


def test_a_new_instruction_restarts_the_clock_and_stop_silences(player: Player) -> None:
    player.instruct("say now every 2 seconds")
    assert [k for k, _ in said(player, 15)] == [10]
    player.instruct("say now every 1 seconds")
    assert [k for k, _ in said(player, 12)] == [5, 10]
    player.instruct("say now every 1 seconds")
    assert [k for k, _ in said(player, 6)] == [5]
    player.instruct("that's enough")
    assert said(player, 15) == []


def test_open_content_is_captured(player: Player) -> None:
    chosen = choose(
        player.manifest, "I want to practice my breathing, remind me to breathe in and out every four seconds."
    )
    assert chosen is not None
    assert chosen.groups["content"] == "breathe in and out"


def test_an_instruction_it_cannot_represent_is_refused(player: Player) -> None:
    assert player.manifest["task"]["default"] is None
    for text in (
        "what is the weather?",
        "Everytime I codeswitch, give me the correct word.",
        "hello",
        "count to 500",
        "count to ten every now and then",
        "pause for five minutes",
        "I will go on holiday",
    ):
        assert choose(player.manifest, text) is None


@pytest.mark.parametrize(
    ("instruction", "option"),
    [
        ("Please count out reps for squats.", "count_reps"),
        ("Please count out reps for the repeated action.", "count_reps"),
        ("count my push-ups", "count_reps"),
        ("count how many lunges I do", "count_reps"),
        ("Say 'start' when the person starts doing holding some clothes then say 'Stop' when they stop.", "start_stop"),
        ("please say start when the person starts waving and say stop when they stop", "start_stop"),
        ('Say "start" when the person starts opening a door then say "Stop" when they stop.', "start_stop"),
        ("remind me every 5 minutes to drink water", "every_n_seconds"),
        ("remind me every four seconds for two minutes to breathe", "every_n_seconds"),
        ("for the next hour, every ten minutes tell me to stand up", "every_n_seconds"),
        ("tell me to relax every minute", "every_n_seconds"),
        ("every other second say tick", "every_n_seconds"),
        ("remind me every 4 seconds", "beat"),
        ("beep every second until I tell you to stop", "beat"),
        ("ask me to stretch after two minutes", "once_after_n"),
        ("in ninety seconds tell me to drink", "once_after_n"),
        ("remind me in an hour", "timer"),
        ("start an hour timer", "timer"),
        ("timer for a minute and a half", "timer"),
        ("let me know when two minutes are up", "timer"),
        ("remind me in ten seconds to drink water", "once_after_n"),
        ("set a reminder to stretch in half an hour", "once_after_n"),
        ("give me a reminder to stretch every half hour", "every_n_seconds"),
        ("count to ten with two seconds between each number", "count_to"),
        ("count the seconds", "count_to"),
        ("count every two seconds", "count_to"),
        ("count to twenty", "count_to"),
        ("count up to one hundred and twenty every three seconds", "count_to"),
        ("count down from ten every half second", "count_down"),
        ("pause", "paused"),
        ("Pause counting, please.", "paused"),
        ("hold on", "paused"),
        ("wait a moment", "paused"),
        ("go on", "go_on"),
        ("Okay, please resume.", "go_on"),
        ("continue counting", "go_on"),
        ("keep going", "go_on"),
        ("stop", "none"),
        ("okay stop", "none"),
        ("Be quiet!", "none"),
        ("you can stop now", "none"),
        ("stop counting", "none"),
        ("that is enough", "none"),
        ("never mind", "none"),
    ],
)
def test_instructions_find_their_task(player: Player, instruction: str, option: str) -> None:
    chosen = choose(player.manifest, instruction)
    assert chosen is not None
    assert player.manifest["task"]["options"][chosen.option] == option
