"""Session time and vital signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.live.parts import captured
from tmlapp.core.clock import ManualClock
from tmlapp.core.event import AudioOut, Gap, InputLost, Listen, UnitDone
from tmlapp.core.media import Frame
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS, TURN_SAMPLES
from tmlapp.live.health import HealthMeter
from tmlapp.live.history import History
from tmlapp.live.timeline import Timeline

pytestmark = pytest.mark.unit


def test_session_time_is_carried_on_between_micro_turns() -> None:
    clock = ManualClock(5_000)
    time = Timeline(clock, virtual=False)
    assert time.now_ns() == 0
    assert time.at(4_711) == 0
    time.micro_turn(0, 5_000)
    clock.advance(150_000_000)
    assert time.now_ns() == 150_000_000
    # The sample counter says that the second micro-turn began 1 ms later than the monotonic clock expected.
    time.micro_turn(TURN_NS, 5_000 + TURN_NS + 1_000_000)
    clock.advance(50_000_000)
    assert time.now_ns() == TURN_NS - 1_000_000
    assert time.at(0) < 0


def test_after_a_pause_session_time_goes_on_from_where_it_stood() -> None:
    clock = ManualClock(5_000)
    time = Timeline(clock, virtual=False)
    time.micro_turn(0, 5_000)
    clock.advance(150_000_000)
    time.freeze(True)
    clock.advance(60_000_000_000)
    assert time.now_ns() == 150_000_000
    time.freeze(False)
    assert time.now_ns() == 150_000_000
    clock.advance(10_000_000)
    assert time.now_ns() == 160_000_000
    time.freeze(False)
    assert time.now_ns() == 160_000_000


def test_virtual_time_moves_with_the_micro_turns_alone() -> None:
    time = Timeline(ManualClock(99), virtual=True)
    assert time.now_ns() == 0
    time.micro_turn(3 * TURN_NS, 0)
    assert time.now_ns() == 4 * TURN_NS


def test_vital_signs_count_what_was_lost_and_how_late_things_were(tmp_path: Path) -> None:
    meter = HealthMeter(tmp_path)
    frames = tuple(Frame(TURN_NS * 5 - 1 - k * 33_000_000, b"", 1, 1, repeated=k == 0) for k in range(31))
    for k in range(5):
        turn = MicroTurn(k, np.zeros(TURN_SAMPLES, np.int16), frames if k == 4 else ())
        meter.turn(turn, captured(k, drift_ppm=3.5, xruns=2), captured(k).ready_ns + k * 1_000_000)
        meter.event(UnitDone(micro_turn=k, latency_ns=k * 10_000_000))
    meter.event(Gap(t_ns=0, track="mic", dur_ns=20_000_000, reason="overflow"))
    meter.event(Gap(t_ns=0, track="camera", dur_ns=0, reason="nobody took it"))
    meter.event(Listen(micro_turn=4))
    health = meter.sample(5 * TURN_NS, 1234)
    assert (health.turns, health.queue_turns, health.xruns, health.drift_ppm) == (5, 0, 2, 3.5)
    assert (health.turn_late_p50_ms, health.turn_late_max_ms) == (2.0, 4.0)
    assert (health.reply_p50_ms, health.dropped_samples, health.dropped_frames) == (20.0, 320, 1)
    assert health.camera_fps == 30.0
    assert health.recording_bytes == 1234
    assert health.disk_free_bytes is not None


def test_nothing_measured_is_none_and_not_zero() -> None:
    health = HealthMeter(None).sample(0, None)
    assert (health.turn_late_p99_ms, health.reply_p99_ms, health.camera_fps) == (None, None, None)
    assert health.disk_free_bytes is None


def test_what_a_remote_model_did_not_get_is_a_hole_in_the_lanes_and_zeros_are_nothing() -> None:
    history = History()
    history.on_event(InputLost(micro_turn=3, what="turn", reason="The connection was lost."))
    history.on_event(InputLost(micro_turn=4, what="video", reason="The network is slow."))
    history.on_event(AudioOut(pcm16=bytes(4_800), rate=24_000, t_rx_ns=0))
    view = history.view(6 * TURN_NS)
    assert [(g.t_ns, g.track, g.kind) for g in view.gaps] == [
        (3 * TURN_NS, "mic", "not sent"),
        (4 * TURN_NS, "camera", "not sent"),
    ]
    assert view.spoken == ()
    history.on_event(AudioOut(pcm16=b"\1\1" * 2_400, rate=24_000, t_rx_ns=0, item_id="i"))
    assert [s.item_id for s in history.view(6 * TURN_NS).spoken] == ["i"]
