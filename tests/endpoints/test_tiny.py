"""The shipped model through the endpoint: it loads, keeps the adapter contract, keeps time and counts."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.endpoints.conformance import check_conformance
from tests.endpoints.talk import COUNT_SQUATS, converse, setup_for, turn
from tmlapp.capture.file_feed import open_source
from tmlapp.config.settings import PRESETS
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.cue import classify
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, EndpointError, TaskSet, TextOutDone
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS, TURN_SAMPLES
from tmlapp.endpoints.registry import endpoint_from_address

pytestmark = pytest.mark.unit


@pytest.fixture
def tiny() -> Endpoint:
    return endpoint_from_address("onnx:tiny")


def turns_of(source: Path) -> list[MicroTurn]:
    feed = open_source(f"{source},none", realtime=False, clock=MonotonicClock())
    ready = threading.Event()
    feed.open(ready.set)
    turns = []
    while not feed.finished:
        captured = feed.poll()
        if captured is None:
            ready.wait()
            ready.clear()
        else:
            turns.append(MicroTurn(captured.index, captured.pcm, captured.frames))
    feed.close()
    return turns


def test_it_keeps_the_adapter_contract(tiny: Endpoint) -> None:
    check_conformance(lambda: tiny, COUNT_SQUATS)


@pytest.mark.parametrize("preset", PRESETS)
def test_it_understands_the_presets(tiny: Endpoint, preset: str) -> None:
    tiny.check(preset.replace("{action}", "squats"))


def test_it_waits_for_an_instruction_and_then_keeps_time(tiny: Endpoint) -> None:
    turns = [turn(i, text="In 2 seconds tell me to drink." if i == 4 else "") for i in range(20)]
    heard = converse(tiny, turns, setup_for(""))
    said = heard.of(TextOutDone)
    assert [e.text for e in said] == ["drink"]
    assert abs(said[0].t_rx_ns - 3 * NS_PER_S) <= NS_PER_S // 4


REMINDER = "Remind me to breathe in and out every 1.5 seconds until I ask you to stop."


@pytest.mark.parametrize("typed_ms", [800, 801, 999])
def test_typed_reminders_come_in_the_micro_turns_that_hold_their_moments(tiny: Endpoint, typed_ms: int) -> None:
    silent = np.zeros(TURN_SAMPLES, np.int16)
    at = {4: (typed_ms, REMINDER), 24: (4900, "That's enough."), 34: (6900, "go on")}
    turns = [
        MicroTurn(i, silent, texts=(TextInput(at[i][0] * NS_PER_MS, at[i][1]),) if i in at else ()) for i in range(40)
    ]
    heard = converse(tiny, turns, setup_for(""))
    due = [(typed_ms + k * 1500) // 200 for k in (1, 2)]
    assert [e.t_rx_ns // TURN_NS - 1 for e in heard.of(TextOutDone)] == due
    assert [e.text for e in heard.of(AudioOut)] == ["breathe in and out"] * 2
    assert [e.task for e in heard.of(TaskSet)] == ["none", "every_n_seconds", "none"]
    assert heard.of(TaskSet)[1].params["elapsed_s"] == pytest.approx((1000 - typed_ms) / 1000)
    assert ["Nothing is paused." in e.message for e in heard.of(EndpointError)] == [True]


def test_a_pause_keeps_the_task_and_its_words(tiny: Endpoint) -> None:
    said_in = {5: "pause", 12: "go on"}
    heard = converse(tiny, [turn(i, text=said_in.get(i, "")) for i in range(24)], setup_for("say now every second"))
    assert [e.t_rx_ns // TURN_NS - 1 for e in heard.of(TextOutDone)] == [5, 15, 20]
    assert {e.text for e in heard.of(TextOutDone)} == {"now"}
    assert [(e.task, e.from_turn) for e in heard.of(TaskSet)] == [
        ("every_n_seconds", 0),
        ("paused", 6),
        ("every_n_seconds", 13),
    ]
    assert heard.of(TaskSet)[2].instruction == "say now every second"


@pytest.mark.parametrize("instruction", ["pause", "go on"])
def test_a_session_cannot_begin_with_a_pause(tiny: Endpoint, instruction: str) -> None:
    with pytest.raises(AppError, match="E_TASK_UNSUPPORTED"):
        tiny.check(instruction)


@pytest.mark.slow
def test_it_counts_real_squats_aloud(tiny: Endpoint, shared_data: Path) -> None:
    clip = shared_data / "clips" / "RepCountA_test2315.mp4"
    if not clip.is_file():
        pytest.skip("the clip is not among the shared data")
    heard = converse(tiny, turns_of(clip))
    counts = [classify(e.text)[1] for e in heard.of(TextOutDone)]
    assert counts == list(range(1, len(counts) + 1))
    assert abs(len(counts) - 3) <= 1
    assert [e.text for e in heard.of(AudioOut)] == [e.text for e in heard.of(TextOutDone)]
