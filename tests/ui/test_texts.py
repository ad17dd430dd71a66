"""What the event list says, and how numbers are written."""

from __future__ import annotations

from typing import Any

import pytest

from tmlapp.core.event import (
    Delegation,
    EndpointError,
    Gap,
    Health,
    Interrupted,
    Limit,
    Marker,
    Notice,
    SpeechHeard,
    StateChanged,
    TaskSet,
    TextOut,
    TextOutDone,
    ToolCall,
    UnitDone,
    UserTranscript,
)
from tmlapp.core.turn import TextInput
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.ui.eventlog import EventLog, row_of
from tmlapp.ui.text import bytes_text, clock_text, ms_text, stamp_text

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("event", "who", "text"),
    [
        (TextOutDone(text="one"), "model", "one"),
        (UserTranscript(text="hello", final=True), "you", "hello"),
        (Marker(t_ns=0, label="marker"), "marker", "marker"),
        (Marker(t_ns=0, label="note", note="fine"), "note", "fine"),
        (Marker(t_ns=0, label="3"), "verdict", "verdict 3"),
        (Notice(t_ns=0, level="info", what="It is back."), "session", "It is back."),
        (Notice(t_ns=0, level="error", what="Gone.", why="Pulled.", fix="Plug in."), "error", "Gone. Pulled. Plug in."),
        (EndpointError(kind="network", code="E1", message="no route", fatal=False), "error", "no route"),
        (TaskSet(instruction="count", task="count_reps", params={}, from_turn=0), "task", "count"),
        (TaskSet(instruction="", task="idle", params={}, from_turn=0), "task", "no instruction"),
        (StateChanged(t_ns=0, state="closed", reason="enough"), "session", "closed: enough"),
        (StateChanged(t_ns=0, state="draining", reason="enough"), "session", "stopping"),
        (Interrupted(), "session", "the model was interrupted"),
        (ToolCall(call_id="1", name="look", arguments={}), "model", "calls look"),
        (Delegation(id="1", target="thinker", state="created"), "model", "delegates to thinker"),
        (Limit(kind="expires", message="one minute left"), "warning", "one minute left"),
    ],
)
def test_each_event_has_its_line(event: Any, who: str, text: str) -> None:
    row = row_of(event)
    assert row is not None
    assert (row.who, row.text) == (who, text)


@pytest.mark.parametrize(
    "event",
    [
        TextOut(delta="o"),
        TextOutDone(text="hm", channel="thought"),
        UserTranscript(text="he", final=False),
        StateChanged(t_ns=0, state="armed"),
        Health(t_ns=0, turns=1),
    ],
)
def test_what_is_not_for_people_has_no_line(event: Any) -> None:
    assert EventLog().add(event) == []


def test_typed_words_are_yours() -> None:
    log = EventLog()
    log.add(TextInput(5, "stop"))
    assert (log.rows[0].who, log.rows[0].text, log.rows[0].extra) == ("you", "stop", "typed")


def test_the_latency_of_a_reply_comes_with_its_unit() -> None:
    log = EventLog()
    log.add(TextOutDone(text="one"))
    assert log.add(UnitDone(micro_turn=3, latency_ns=38 * NS_PER_MS)) == [0]
    assert log.rows[0].extra == "+38 ms"
    assert log.add(UnitDone(micro_turn=4, latency_ns=99 * NS_PER_MS)) == []


def test_gaps_that_follow_each_other_are_one_line_and_others_are_not() -> None:
    def gap(t_s: float, track: Any = "mic", dur_ms: int = 200) -> Gap:
        return Gap(t_ns=round(t_s * NS_PER_S), track=track, dur_ns=dur_ms * NS_PER_MS, reason="unplugged")

    log = EventLog()
    for t_s in (1.0, 1.2, 1.4):
        log.add(gap(t_s))
    log.add(gap(1.4, "camera"))
    log.add(gap(9.0))
    assert [(r.text, r.extra) for r in log.rows] == [
        ("microphone: unplugged", "600 ms"),
        ("camera: unplugged", "200 ms"),
        ("microphone: unplugged", "200 ms"),
    ]
    log.add(gap(9.2, dur_ms=2000))
    assert log.rows[2].extra == "2.2 s"


def test_muted_gaps_are_left_to_the_state_and_points_have_no_length() -> None:
    log = EventLog()
    assert log.add(Gap(t_ns=0, track="mic", dur_ns=5, reason="muted", kind="muted")) == []
    log.add(Gap(t_ns=0, track="camera", dur_ns=0, reason="the clock jumped", kind="clock"))
    assert log.rows[0].extra == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (42_100_000, "42.1 MB"), (214_000_000_000, "214 GB"), (3_200_000_000_000, "3.2 TB")],
)
def test_sizes_are_short(size: int, text: str) -> None:
    assert bytes_text(size) == text


def test_times_are_aligned() -> None:
    assert clock_text(83 * NS_PER_S) == "00:01:23"
    assert stamp_text(83_450 * NS_PER_MS) == "01:23.4"
    assert stamp_text(3_700 * NS_PER_S) == "61:40.0"
    assert stamp_text(-1) == "00:00.0"
    assert (ms_text(3.14), ms_text(61.2)) == ("3.1", "61")


def heard(text: str, to_s: float, *, reason: str = "") -> SpeechHeard:
    return SpeechHeard(
        text=text, accepted=not reason, reason=reason, grammar="stop", from_ns=0, to_ns=round(to_s * NS_PER_S)
    )


def test_an_instruction_that_was_heard_stands_like_a_typed_one_at_its_end() -> None:
    log = EventLog()
    log.add(TextInput(NS_PER_S, "stop"))
    log.add(heard("stop", 3))
    assert [(r.t_ns, r.who, r.text, r.extra) for r in log.rows] == [
        (NS_PER_S, "you", "stop", "typed"),
        (3 * NS_PER_S, "you", "stop", "heard"),
    ]


def test_speech_that_was_not_understood_is_one_row_without_a_guess() -> None:
    log = EventLog()
    assert log.add(heard("stop", 1, reason="It is not clear enough.")) == [0]
    assert log.add(heard("", 2, reason="It fits no instruction.")) == [0]
    log.add(heard("stop", 3))
    assert log.add(heard("go", 4, reason="It is not clear enough.")) == [2]
    assert [(r.text, r.extra) for r in log.rows] == [
        ("did not understand", "It fits no instruction. ×2"),
        ("stop", "heard"),
        ("did not understand", "It is not clear enough."),
    ]


def test_an_instruction_that_was_heard_is_told_once_and_what_it_led_to() -> None:
    log = EventLog()
    log.add(heard("count my squats", 3))
    assert log.add(UserTranscript(text="count my squats", final=True)) == []
    log.add(TaskSet(instruction="count my squats", task="count_reps", params={}, from_turn=20))
    log.add(heard("", 4, reason="unclear"))
    log.add(UserTranscript(text="count my squats", final=True))
    assert [(r.who, r.text) for r in log.rows] == [
        ("you", "count my squats"),
        ("task", "count reps"),
        ("you", "did not understand"),
        ("you", "count my squats"),
    ]
    log.add(heard("stop", 9))
    log.add(TaskSet(instruction="stop", task="none", params={}, from_turn=50))
    assert log.rows[-1].text == "waits for an instruction"
