"""The shipped model through the endpoint: it loads, keeps the adapter contract, keeps time and counts."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.endpoints.conformance import check_conformance
from tests.endpoints.talk import COUNT_SQUATS, converse, setup_for, turn
from tmlapp.capture.file_feed import open_source
from tmlapp.config.settings import PRESETS
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.cue import classify
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.event import AudioOut, TextOutDone
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S
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


@pytest.mark.slow
def test_it_counts_real_squats_aloud(tiny: Endpoint, shared_data: Path) -> None:
    clip = shared_data / "clips" / "MrPose__squat2.mp4"
    if not clip.is_file():
        pytest.skip("the clip is not among the shared data")
    heard = converse(tiny, turns_of(clip))
    counts = [classify(e.text)[1] for e in heard.of(TextOutDone)]
    assert counts == list(range(1, len(counts) + 1))
    assert abs(len(counts) - 6) <= 1
    assert [e.text for e in heard.of(AudioOut)] == [e.text for e in heard.of(TextOutDone)]
