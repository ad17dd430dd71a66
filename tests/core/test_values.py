"""The small nouns: errors, units, media, turns, items, grades, set-up, feeds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.core import endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.feed import Captured, FeedInfo, TrackInfo
from tmlapp.core.grade import Baseline, Grade, Provenance, Verdict
from tmlapp.core.item import Expectation, Item, Window
from tmlapp.core.media import AudioClip, Frame
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import NS_PER_S, TURN_NS, TURN_SAMPLES, ns_to_s, ns_to_samples, s_to_ns, samples_to_ns

pytestmark = pytest.mark.unit


def test_an_error_is_three_sentences() -> None:
    error = AppError("It broke.", "Too old.", "Buy a new one.")
    assert str(error) == "It broke. Too old. Buy a new one."
    assert error.to_json() == {"what": "It broke.", "why": "Too old.", "fix": "Buy a new one."}


def test_a_micro_turn_is_200_ms() -> None:
    assert samples_to_ns(TURN_SAMPLES) == TURN_NS
    assert ns_to_samples(TURN_NS) == TURN_SAMPLES


@given(st.integers(0, 10**9), st.sampled_from([8_000, 16_000, 24_000, 44_100, 48_000]))
def test_samples_to_time_and_back_never_gains_a_sample(samples: int, rate: int) -> None:
    assert samples - 1 <= ns_to_samples(samples_to_ns(samples, rate), rate) <= samples


@given(st.integers(0, 10**6))
def test_microseconds_survive_seconds(us: int) -> None:
    assert s_to_ns(ns_to_s(us * 1000)) == us * 1000


def test_a_micro_turn_knows_its_window() -> None:
    turn = MicroTurn(3, np.zeros(TURN_SAMPLES, np.int16), texts=(TextInput(1, "hi"),))
    assert (turn.start_sample, turn.t_ns, turn.end_ns) == (9_600, 600_000_000, 800_000_000)


@pytest.mark.parametrize("pcm", [np.zeros(TURN_SAMPLES - 1, np.int16), np.zeros(TURN_SAMPLES, np.float32)])
def test_a_micro_turn_of_another_size_is_refused(pcm: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a micro-turn holds int16"):
        MicroTurn(0, pcm)


def test_a_clip_knows_its_length() -> None:
    assert AudioClip(np.zeros(24_000, np.int16), 24_000).duration_ns == NS_PER_S
    assert Frame(0, b"", 1, 1).repeated is False


def test_a_window_holds_both_its_ends() -> None:
    window = Window(5, 9)
    assert [window.holds(t) for t in (4, 5, 9, 10)] == [False, True, True, False]
    assert window.duration_ns == 4
    assert Item("a", "count", ("a.mp4",), (Expectation("six", window),)).expectations[0].window is window


def test_a_window_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        Window(2, 1)


def test_a_grade_is_plain_json() -> None:
    grade = Grade(
        suite="s", metric="m", score=50.0, n=1, n_scored=1, n_missing=0, n_silent=0, n_ungraded=0,
        verdicts=(Verdict(item="i", score=50.0, passed=True, graded_text=((1.0, "x"),), why="because"),),
        baselines=(Baseline(name="silent", score=0.0),),
        provenance=Provenance(formula="f@1", profile="p", parameters={"tail_s": 3.0}, files={"truth": "ab"}),
    )  # fmt: skip
    plain = json.loads(json.dumps(grade.to_json()))
    assert plain["verdicts"][0]["graded_text"] == [[1.0, "x"]]
    assert plain["provenance"]["timing_source"] == "t_rx"


def test_the_set_up_of_a_session_is_plain_json() -> None:
    feed = FeedInfo(mic=TrackInfo(kind="device", name="mic"), camera=TrackInfo(kind="none", name=""), realtime=True)
    info = SessionInfo(
        session_id="1", name="n", created_utc="2026-01-01", instruction="", endpoint="onnx:tiny", clock="real",
        feed=feed, versions={},
    )  # fmt: skip
    assert json.loads(json.dumps(info.to_json()))["feed"]["mic"]["kind"] == "device"


def test_a_captured_turn_has_no_gaps_by_default() -> None:
    assert Captured(0, np.zeros(TURN_SAMPLES, np.int16), (), 0, 0).events == ()


def test_the_set_up_of_an_endpoint_is_real_time_by_default() -> None:
    class Still:
        def now_ns(self) -> int:
            return 0

        def wait(self, event: object, until_ns: int | None) -> bool:
            return False

    setup = endpoint.EndpointSetup(instruction="", clock=Still(), session_now_ns=lambda: 0)
    assert (setup.virtual_time, setup.honest_clock, dict(setup.options)) == (False, False, {})
