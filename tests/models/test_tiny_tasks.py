"""Timers, counting words and task changes of the shipped graph, played with onnxruntime alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.tiny.train.runner import Player, choose

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


@pytest.mark.parametrize(
    ("instruction", "period_ms", "until_ms"),
    [
        ("Remind me to breathe in and out every 4 seconds until I ask you to stop.", 4000, None),
        ("say now every 0.6 seconds", 600, None),
        ("say now every 7.5 seconds", 7500, None),
        ("say now every 3 seconds until 20 seconds", 3000, 20000),
        ("say now every 5 seconds for 20 seconds", 5000, 20000),
        ("tell me to blink every second", 1000, None),
    ],
)
def test_every_multiple_falls_into_its_micro_turn(
    player: Player, instruction: str, period_ms: int, until_ms: int | None
) -> None:
    player.instruct(instruction)
    steps = 110
    last = min(until_ms or steps * 200 - 1, steps * 200 - 1)
    expected = [k * period_ms // 200 for k in range(1, last // period_ms + 1)]
    heard = said(player, steps)
    assert [k for k, _ in heard] == expected
    assert {text for _, text in heard} == {"{content}"}


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


def test_a_new_instruction_restarts_the_clock_and_stop_silences(player: Player) -> None:
    player.instruct("say now every 2 seconds")
    assert [k for k, _ in said(player, 15)] == [10]
    player.instruct("say now every 1 seconds")
    assert [k for k, _ in said(player, 12)] == [5, 10]
    player.instruct("that's enough")
    assert said(player, 50) == []


def test_open_content_is_captured(player: Player) -> None:
    chosen = choose(
        player.manifest, "I want to practice my breathing, remind me to breathe in and out every four seconds."
    )
    assert chosen is not None
    assert chosen.groups["content"] == "breathe in and out"


def test_an_instruction_it_cannot_represent_is_refused(player: Player) -> None:
    assert player.manifest["task"]["default"] is None
    for text in ("what is the weather?", "Everytime I codeswitch, give me the correct word.", "hello"):
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
        ("tell me to relax every minute", "every_minute"),
        ("remind me every 4 seconds", "beat"),
        ("ask me to stretch after two minutes", "once_after_n"),
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
