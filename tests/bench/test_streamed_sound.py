"""Sound that comes in many pieces, with silence in it, lies where it can be heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.sessions import make_recording
from tmlapp.bench.answers import answer_of
from tmlapp.bench.grading import outputs_heard
from tmlapp.bench.qa.facts import Facts
from tmlapp.bench.review.opened import read_lanes
from tmlapp.bench.review.why import text_of, why
from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    EndpointEvent,
    Heard,
    InputLost,
    Interrupted,
    TextOutDone,
    TurnStarted,
)
from tmlapp.core.units import NS_PER_MS as MS
from tmlapp.core.units import TURN_NS

pytestmark = pytest.mark.unit


def piece(t_ms: int, *levels: int, item_id: str | None = "i") -> AudioOut:
    """100 ms for each level."""
    pcm = np.concatenate([np.full(2_400, level, "<i2") for level in levels])
    return AudioOut(pcm16=pcm.tobytes(), rate=24_000, t_rx_ns=t_ms * MS, item_id=item_id, response_id="r")


BURST: list[EndpointEvent] = [
    TurnStarted(response_id="r", t_rx_ns=1_000 * MS),
    TextOutDone(text="well done", channel="transcript", item_id="i", response_id="r", t_rx_ns=1_000 * MS),
    piece(1_000, 0, 0),
    piece(1_001, 0, 3_000),
    piece(1_002, 3_000, 3_000),
]
HEARD = Heard(
    t_ns=1_000 * MS, item_id="i", text="well done", dur_ns=600 * MS, t_rx_ns=1_000 * MS, audible_ns=1_300 * MS
)


def test_words_begin_where_they_can_be_heard_in_answers_lanes_and_grades(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, events=[*BURST, HEARD])
    (said,) = answer_of(recording, media_t0_ns=0).utterances
    assert (said.t0_s, said.t1_s, said.text) == (1.3, 1.6, "well done")
    assert [s.t_s for s in outputs_heard(recording)] == [1.3]
    lanes = read_lanes(recording.path)
    assert [(u.t0_ns // MS, u.t1_ns, u.text) for u in lanes.received] == [(1_300, 1_600 * MS, "well done")]
    assert [(u.t0_ns // MS, u.t1_ns) for u in lanes.heard] == [(1_300, 1_600 * MS)]


def test_zeros_between_utterances_and_sound_that_came_too_late_are_no_speech(tmp_path: Path) -> None:
    cut = Interrupted(t_rx_ns=1_400 * MS)
    frames = [piece(2_000 + 100 * k, 0, item_id=None) for k in range(5)]
    events = [*BURST, cut, piece(1_450, 3_000, 3_000), *frames]
    recording = make_recording(tmp_path, events=events)
    answer = answer_of(recording, media_t0_ns=0)
    (said,) = answer.utterances
    assert (said.t0_s, said.t1_s) == (1.3, 1.4)
    lanes = read_lanes(recording.path)
    assert [(u.t1_ns, u.interrupted) for u in lanes.received] == [(1_400 * MS, True)]
    facts = Facts()
    for event in events:
        facts.on_event(event)
    assert facts.model_speech(0, 3_000 * MS) == [(1_300 * MS, 1_400 * MS)]


def test_what_was_not_sent_stands_in_lanes_in_the_reasons_and_in_the_checks(tmp_path: Path) -> None:
    lost = [InputLost(micro_turn=k, what="turn", reason="It is away.", t_rx_ns=(k + 1) * TURN_NS) for k in (3, 4)]
    events: list[EndpointEvent] = [
        ConnectionChanged(state="connecting"),
        ConnectionChanged(state="reconnecting", reason="Reset.", attempt=1, t_rx_ns=3 * TURN_NS),
        *lost,
        ConnectionChanged(state="open", epoch=1, t_rx_ns=5 * TURN_NS),
    ]
    recording = make_recording(tmp_path, [(1.2, "one")], events=events)
    lanes = read_lanes(recording.path)
    assert [(g.t0_ns, g.t1_ns, g.kind) for g in lanes.gaps] == [(3 * TURN_NS, 5 * TURN_NS, "not sent")]
    assert [f.text for f in lanes.flags if f.kind == "connection"] == [
        "connection: reconnecting, attempt 1: Reset.",
        "connection: open",
    ]
    found = why(recording, lanes, lanes.outputs[0])
    assert [row.index for row in found.rows if row.not_sent] == [3, 4]
    assert text_of(found).count("(not sent)") == 2
    facts = Facts()
    for event in events:
        facts.on_event(event)
    assert [(a, b) for a, b, _ in facts.holes] == [(3 * TURN_NS, 4 * TURN_NS), (4 * TURN_NS, 5 * TURN_NS)]
