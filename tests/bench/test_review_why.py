"""Why did it speak: what stands before an output, as a value, as text, and as a link."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.sessions import info, make_recording
from tests.bench.test_speak_items import changed
from tests.recording.parts import write_part
from tmlapp.bench.review.lanes import Lanes, Output
from tmlapp.bench.review.opened import read_lanes
from tmlapp.bench.review.why import Why, deep_link, text_of, voice_detector, why
from tmlapp.bench.transcripts.placement import read_wav
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.event import (
    AudioOut,
    Event,
    Interrupted,
    Listen,
    TaskSet,
    TextOut,
    TextOutDone,
    ToolCall,
    UnitDone,
    UserTranscript,
)
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, TURN_NS, s_to_ns
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import recover
from tmlapp.recording.writer import Recorder

pytestmark = pytest.mark.unit

PCM = np.full(2_400, 900, "<i2").tobytes()


def ns(seconds: float) -> int:
    return s_to_ns(seconds)


def explained(recording: Recording, number: int = 1, **more: object) -> tuple[Why, Lanes]:
    lanes = read_lanes(recording.path)
    return why(recording, lanes, lanes.outputs[number - 1], **more), lanes  # type: ignore[arg-type]


def session_of(folder: Path, events: list[Event]) -> Recording:
    """Two seconds of a tone with these events and no other."""
    log = Recorder(folder, "s", info(), clock=MonotonicClock(), on_failure=lambda error: pytest.fail(str(error)))
    log.start()
    for k in range(10):
        turn = MicroTurn(k, np.full(3_200, 16_384, np.int16))
        log.turn(turn, ready_ns=0, pushed_ns=0, drift_ppm=None)
    for event in events:
        log.event(event)
    return Recording.open(log.close())


def test_the_micro_turns_before_an_output_are_told(tmp_path: Path) -> None:
    pcm = np.zeros(20 * 3_200, np.int16)
    pcm[4 * 3_200 : 5 * 3_200] = 16_384
    events: list[Event] = [
        Listen(seq=90, t_rx_ns=ns(3.8), micro_turn=18),
        UserTranscript(seq=91, t_rx_ns=ns(1.2), t_media_ns=ns(0.8), dur_media_ns=ns(0.2), text="Now?", final=True),
        ToolCall(seq=92, t_rx_ns=ns(0.8), call_id="c", name="look", arguments={}),
        TextOut(seq=93, t_rx_ns=ns(0.9), delta="hm", channel="thought"),
        Interrupted(seq=94, t_rx_ns=ns(0.61)),
    ]
    recording = make_recording(tmp_path, [(1.0, "one")], events=events, pcm=pcm, heard_after_s=0.25)
    found, _ = explained(recording, turns=4)
    assert [r.index for r in found.rows] == [1, 2, 3, 4]
    last = found.rows[-1]
    assert (last.said, last.decision, last.answered) == ("one", "say", True)
    assert (last.latency_ns, last.compute_ns, last.lag_turns, last.late) == (2_000_000, 1_000_000, 0, False)
    assert last.level_dbfs == pytest.approx(-6.02, abs=0.01)
    assert last.words == "…Now?…"
    assert [r.decision for r in found.rows] == ["listen", "say", "say", "say"]
    assert [r.said for r in found.rows[1:3]] == ["(interrupted)", "calls look"]
    assert found.rows[0].level_dbfs == -96
    assert (found.task, found.expected, found.due_ns, found.due_from) == ("", None, None, "")
    assert found.speak_ns == ns(1.0)
    assert found.output.heard == (ns(1.25), ns(1.55))


def test_the_numbers_of_the_model_stand_in_the_table_and_a_late_turn_is_marked(tmp_path: Path) -> None:
    events: list[Event] = [
        UnitDone(
            seq=80, t_rx_ns=ns(4.25), micro_turn=20, latency_ns=ns(0.25), lag_turns=1, diagnostics={"p": [0.5, 0.25]}
        ),
        TextOutDone(seq=81, t_rx_ns=ns(4.25), text="late"),
    ]
    recording = make_recording(tmp_path, seconds=5.0, events=events)
    lanes = read_lanes(recording.path)
    # The first answer to a micro-turn counts, and `make_recording` has answered all of them: ask for the stretch alone.
    found = why(recording, lanes, lanes.outputs[0], turns=3)
    assert found.names in ((), ("p",))
    told = text_of(found)
    assert "“late” (say) at 4.250 s" in told
    assert told.endswith(found.link)


def test_only_sound_without_words_is_told_as_sound(tmp_path: Path) -> None:
    events: list[Event] = [
        AudioOut(seq=80, t_rx_ns=ns(1.0), pcm16=PCM, rate=24_000, item_id="x"),
        TextOutDone(seq=81, t_rx_ns=ns(1.4), text="two", item_id="y"),
        AudioOut(seq=82, t_rx_ns=ns(1.4), pcm16=PCM, rate=24_000, item_id="y"),
    ]
    found, _ = explained(make_recording(tmp_path, events=events))
    assert found.output.text == "two"
    assert {r.index: r.said for r in found.rows if r.said} == {4: "(sound)", 6: "two"}


def test_an_output_at_the_very_beginning_has_fewer_rows_and_unanswered_ones_say_so(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, [(0.4, "hi")])
    lanes = read_lanes(recording.path)
    found = why(recording, lanes, lanes.outputs[0])
    assert [r.index for r in found.rows] == [0, 1]
    beyond = Output(number=2, t_ns=ns(99), kind="say", text="x", turn=500)
    assert why(recording, lanes, beyond, turns=2).rows[-1].index == 19


def test_the_voice_of_the_user_is_measured_where_one_asks_for_it(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, [(2.0, "one")])
    found, _ = explained(recording, turns=3, voice=lambda _: [(1.1, 1.3), (1.4, 9.0)])
    # The detector hears a second more on the left: its 1.1 s is 1.5 s of the session.
    assert [r.voice for r in found.rows] == pytest.approx([0.5, 0.5, 1.0])
    assert "voice %" in text_of(found)


def test_real_speech_is_found(tmp_path: Path, shared_data: Path) -> None:
    pcm = read_wav(shared_data / "speech/openai__whisper/jfk.wav")[: 4 * 16_000]
    recording = make_recording(tmp_path, [(3.0, "one")], pcm=pcm)
    found, _ = explained(recording, voice=voice_detector())
    assert max(r.voice or 0.0 for r in found.rows) > 0.5


def test_what_was_expected_then_says_when_it_was_due(tmp_path: Path) -> None:
    path = make_recording(tmp_path, [(1.8, "butterfly"), (3.8, "again")], seconds=6.0).path
    item = changed(
        lambda i: i["expectations"][0].update(window=[1.0, 2.0], t_ref=1.5, cue={"kind": "event", "t0": 1.0, "t1": 1.5})
    )
    lanes = read_lanes(path, item)
    recording = Recording.open(path)
    inside, outside = (why(recording, lanes, o) for o in lanes.outputs)
    assert inside.expected is not None
    assert (inside.expected.id, inside.inside, inside.due_ns, inside.due_from) == ("e1", True, ns(1.5), "expectation")
    assert (outside.inside, outside.due_ns) == (False, ns(1.5))
    assert "Due: 1.500 s by the expectation; spoken +300 ms from there." in text_of(inside)
    assert "Window of e1: 1.000 to 2.000 s, inside it: says butterfly" in text_of(inside)
    assert "outside it" in text_of(outside)


@pytest.mark.parametrize(
    ("params", "due_s"),
    [
        ({"period_s": 0.5}, 1.4),
        ({"period_min": 1.0}, 60.4),
        ({"until_s": 2.0}, 2.4),
        ({"until_min": 0.1}, 6.4),
        ({"period_s": 0.5, "elapsed_s": 0.2}, 1.7),
        # Given in the first micro-turn, and again after a pause.
        ({"period_s": 0.5, "elapsed_s": 0.0, "since_turn": 0.0}, 1.5),
        ({}, None),
    ],
)
def test_a_timer_says_when_it_was_due(tmp_path: Path, params: dict[str, float], due_s: float | None) -> None:
    task = TaskSet(seq=70, t_rx_ns=ns(0.4), instruction="Beep.", task="beat", params=params, from_turn=2)
    later = TaskSet(seq=71, t_rx_ns=ns(3.0), instruction="Stop.", task="none", params={}, from_turn=15)
    found, _ = explained(make_recording(tmp_path, [(1.6, "beep")], events=[task, later]))
    assert (found.task, found.task_params) == ("beat", params)
    assert found.due_ns == (None if due_s is None else ns(due_s))
    assert found.due_from == ("" if due_s is None else "timer")
    assert "Task: beat" in text_of(found)


def test_lost_sound_and_typed_texts_stand_where_they_were(tmp_path: Path) -> None:
    part, ends = write_part(tmp_path, name="holed")
    data = bytearray(part.read_bytes())
    data[ends[0] : ends[1]] = bytes(ends[1] - ends[0])
    part.write_bytes(data)
    recording = Recording.open(recover(part).path)
    lanes = read_lanes(recording.path)
    found = why(recording, lanes, lanes.outputs[-1])
    assert [r.lost for r in found.rows] == [False, True, False, False, False]
    assert found.rows[0].typed == ("text 0 “ü”",)
    told = text_of(found)
    assert "(lost)" in told
    assert "[text 3 “ü”]" in told


def test_words_of_the_user_stand_in_the_micro_turns_in_which_they_are_said(tmp_path: Path) -> None:
    path = make_recording(tmp_path, [(1.0, "yes")]).path
    words = [{"t0": 0.1, "t1": 0.5, "text": "now"}, {"t0": 0.7, "t1": 0.7, "text": "go"}]
    lanes = read_lanes(path, changed(lambda i: i.update(user_words=words)))
    found = why(Recording.open(path), lanes, lanes.outputs[0])
    assert [r.words for r in found.rows] == ["now", "now", "now", "go", ""]


def test_a_link_is_a_command_that_a_shell_takes(tmp_path: Path) -> None:
    assert deep_link(Path("/a b/it's.mcap"), 12_340_000_000) == "tmlapp open '/a b/it'\"'\"'s.mcap' --at 12.34"
    found, _ = explained(make_recording(tmp_path, [(1.0, "one")]))
    assert found.link == f"tmlapp open {tmp_path}/squats.mcap --at 1.00"
    assert TURN_NS * 5 == NS_PER_S
