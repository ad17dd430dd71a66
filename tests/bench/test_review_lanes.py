"""Everything that Review draws, read from real recordings and from what lies around them, damaged or whole."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.sessions import make_recording
from tests.bench.test_speak_items import ITEM, changed
from tests.bench.test_speak_suites import RIGHT, entry
from tests.bench.test_speak_suites import run as graded
from tests.recording.parts import record, write_part
from tmlapp.bench.annotations import annotate, undo
from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.authoring.trying_tried import TRIES, Tried, keep_try
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.review import apart, belongs
from tmlapp.bench.review.apart import StoppedError, lanes_of
from tmlapp.bench.review.belongs import TRUTH_SUFFIX
from tmlapp.bench.review.blind import blind_lanes
from tmlapp.bench.review.lanes import Flag, Lanes
from tmlapp.bench.review.opened import open_review, read_lanes
from tmlapp.bench.review.said import turn_at
from tmlapp.bench.runs.info import ItemResult, PartResult, RunInfo
from tmlapp.bench.runs.run import ANSWERS, GRADES, ITEMS, RESULT, append_grade
from tmlapp.bench.runs.store import RunStore
from tmlapp.bench.sidecar import sidecar_of, write_grade
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Event,
    Gap,
    Health,
    Heard,
    Interrupted,
    Marker,
    Notice,
    SpeechHeard,
    TaskSet,
    TextOut,
    TextOutDone,
    UnitDone,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.units import NS_PER_S, TURN_NS, s_to_ns
from tmlapp.recording.recover import recover

pytestmark = pytest.mark.unit

PCM = np.full(2_400, 900, "<i2").tobytes()
"""A tenth of a second at 24 kHz."""


def ns(seconds: float) -> int:
    return s_to_ns(seconds)


# ---------------------------------------------------------------- opening


def test_opening_reads_what_the_recording_says_of_itself(tmp_path: Path) -> None:
    review = open_review(make_recording(tmp_path, [(1.0, "one")], heard_after_s=0.2).path)
    assert (review.title, review.turns, review.duration_ns) == ("Squats", 20, 4 * NS_PER_S)
    assert review.tracks == {"/mic", "/camera", "/model/heard"}
    assert review.granted is not None
    assert review.granted.name == "Tiny"
    assert (review.run, review.lost_turns) == (None, frozenset())
    assert review.messages == sum(review.recording.topics.values())
    with pytest.raises(AppError, match="cannot be opened"):
        open_review(tmp_path / "none.mcap")


def test_a_recording_without_a_name_is_called_as_its_file(tmp_path: Path) -> None:
    review = open_review(make_recording(tmp_path, opened=False).path)
    object.__setattr__(review, "info", {})
    assert review.title == "squats"
    assert review.granted is None


# ---------------------------------------------------------------- what the recording itself holds


def test_a_models_own_numbers_and_what_it_heard_are_read(tmp_path: Path) -> None:
    recording = make_recording(
        tmp_path,
        events=[
            UnitDone(seq=60, micro_turn=30, latency_ns=0, diagnostics={"activity": [0.5], "app.prepare_ms": [2.0]}),
            UnitDone(seq=61, micro_turn=29, latency_ns=0, diagnostics={"activity": [3.0], "pair": [1.0, 2.0]}),
            SpeechHeard(seq=62, text="stop", accepted=True, grammar="stop", from_ns=ns(1.0), to_ns=ns(1.5)),
            SpeechHeard(
                seq=63, text="start", accepted=False, reason="No.", grammar="stop", from_ns=ns(2.0), to_ns=ns(2.5)
            ),
        ],
    )
    lanes = read_lanes(recording.path)
    (activity,) = lanes.signals
    assert (activity.name, activity.values.tolist(), activity.high) == ("activity", [3.0, 0.5], 3.0)
    assert activity.shares.tolist() == pytest.approx([1.0, 1 / 6])
    assert [(h.text, h.accepted) for h in lanes.speech] == [("stop", True), ("start", False)]
    assert (blind_lanes(lanes).signals, blind_lanes(lanes).speech) == ((), ())


def test_words_outputs_and_replies_of_a_session_with_a_loudspeaker(tmp_path: Path) -> None:
    recording = make_recording(tmp_path, [(1.0, "one"), (2.0, "two"), (2.4, "two")], heard_after_s=0.25)
    lanes = read_lanes(recording.path)
    assert [(o.number, o.t_ns, o.kind, o.text, o.value, o.turn) for o in lanes.outputs] == [
        (1, ns(1.0), "count", "one", 1, 4), (2, ns(2.0), "count", "two", 2, 9), (3, ns(2.4), "count", "two", 2, 11),
    ]  # fmt: skip
    assert [o.received for o in lanes.outputs] == [None, None, None]
    assert [o.heard for o in lanes.outputs] == [
        (ns(t), ns(t) + 300_000_000) for t in (1.25, 2.25, 2.65)
    ]  # fmt: skip
    assert [(u.t0_ns, u.text, u.timing) for u in lanes.heard] == [
        (ns(1.25), "one", "audio"), (ns(2.25), "two", "audio"), (ns(2.65), "two", "audio"),
    ]  # fmt: skip
    assert [(u.t0_ns, u.t1_ns, u.timing) for u in lanes.received] == [
        (ns(t), None, "text") for t in (1.0, 2.0, 2.4)
    ]  # fmt: skip
    assert [(w.t0_ns, w.text) for w in lanes.model_words] == [(ns(1.0), "one"), (ns(2.0), "two"), (ns(2.4), "two")]
    assert (lanes.model_words_from, lanes.user_words, lanes.user_words_from) == ("endpoint", (), "")
    assert lanes.replies.turn.tolist() == list(range(20))
    assert lanes.replies.end_ns[0] == TURN_NS
    assert set(lanes.replies.latency_ns) == {2_000_000}
    assert not lanes.replies.late.any()
    assert (lanes.media_t0_ns, lanes.duration_ns, lanes.problems) == (0, 4 * NS_PER_S, ())


def test_sound_of_the_model_places_what_was_received_and_an_interruption_cuts_it(tmp_path: Path) -> None:
    events: list[Event] = [
        TextOutDone(seq=50, t_rx_ns=ns(1.0), text="go on", item_id="a"),
        AudioOut(seq=51, t_rx_ns=ns(1.0), pcm16=PCM * 20, rate=24_000, text="go on", item_id="a"),
        Interrupted(seq=52, t_rx_ns=ns(1.5)),
        AudioOut(seq=53, t_rx_ns=ns(2.0), pcm16=PCM, rate=24_000, text="(alone)", item_id="b"),
        AudioOut(seq=54, t_rx_ns=ns(3.0), pcm16=PCM, rate=24_000, text="", item_id="c"),
        Heard(t_ns=ns(1.1), item_id="a", text="go on", dur_ns=ns(0.4), interrupted=True),
    ]
    lanes = read_lanes(make_recording(tmp_path, events=events).path)
    assert [(u.t0_ns, u.t1_ns, u.text, u.interrupted) for u in lanes.received] == [
        (ns(1.0), ns(1.5), "go on", True), (ns(2.0), ns(2.1), "(alone)", False),
    ]  # fmt: skip
    first, second = lanes.outputs
    assert (first.received, first.heard, first.interrupted) == ((ns(1.0), ns(1.5)), (ns(1.1), ns(1.5)), True)
    assert (second.kind, second.text, second.turn, second.heard) == ("say", "(alone)", 9, None)
    assert [f.kind for f in lanes.flags] == ["interrupted"]


def test_a_text_whose_sound_was_thrown_away_is_an_output_without_sound(tmp_path: Path) -> None:
    events: list[Event] = [
        TextOutDone(seq=50, t_rx_ns=ns(1.0), text="long", item_id="a"),
        AudioOut(seq=51, t_rx_ns=ns(1.0), pcm16=PCM * 20, rate=24_000, text="long", item_id="a"),
        TextOutDone(seq=52, t_rx_ns=ns(1.2), text="two", item_id="b"),
        AudioOut(seq=53, t_rx_ns=ns(1.2), pcm16=PCM, rate=24_000, text="two", item_id="b"),
        Interrupted(seq=54, t_rx_ns=ns(1.4)),
        TextOutDone(seq=55, t_rx_ns=ns(3.0), text="two", item_id="c"),
        AudioOut(seq=56, t_rx_ns=ns(3.0), pcm16=PCM, rate=24_000, text="two", item_id="c"),
        # The words of a sound that is still coming in are complete later.
        AudioOut(seq=57, t_rx_ns=ns(3.4), pcm16=PCM * 3, rate=24_000, text="", item_id="d"),
        TextOutDone(seq=58, t_rx_ns=ns(3.6), text="bye", item_id="d"),
        *(Heard(t_ns=ns(t), item_id=i, text=x, dur_ns=ns(0.1)) for t, i, x in ((1.05, "a", "long"), (3.1, "c", "two"))),
    ]
    lanes = read_lanes(make_recording(tmp_path, events=events).path)
    assert [(o.t_ns, o.text, o.received and o.received[0], o.heard and o.heard[0]) for o in lanes.outputs] == [
        (ns(1.0), "long", ns(1.0), ns(1.05)), (ns(1.2), "two", None, None), (ns(3.0), "two", ns(3.0), ns(3.1)),
        (ns(3.6), "bye", ns(3.4), None),
    ]  # fmt: skip
    assert [o.interrupted for o in lanes.outputs] == [True, True, False, False]


def test_a_text_that_came_in_parts_has_a_time_for_each_word_and_thoughts_are_left_out(tmp_path: Path) -> None:
    events: list[Event] = [
        TextOut(seq=50, t_rx_ns=ns(1.0), delta="Good "),
        TextOut(seq=51, t_rx_ns=ns(1.2), delta="morning"),
        TextOut(seq=52, t_rx_ns=ns(1.3), delta="hm", channel="thought"),
        TextOutDone(seq=53, t_rx_ns=ns(1.4), text="hm", channel="thought"),
        TextOutDone(seq=54, t_rx_ns=ns(1.6), text="Good morning"),
    ]
    lanes = read_lanes(make_recording(tmp_path, events=events).path)
    assert [(w.t0_ns, w.text) for w in lanes.model_words] == [(ns(1.0), "Good"), (ns(1.2), "morning")]
    assert [(o.t_ns, o.text, o.turn) for o in lanes.outputs] == [(ns(1.6), "Good morning", 7)]


def test_an_unfinished_text_is_an_output_when_it_began(tmp_path: Path) -> None:
    lanes = read_lanes(make_recording(tmp_path, events=[TextOut(seq=50, t_rx_ns=ns(1.0), delta="Well")]).path)
    assert [(o.t_ns, o.text) for o in lanes.outputs] == [(ns(1.0), "Well")]


def test_what_the_endpoint_told_about_the_user(tmp_path: Path) -> None:
    events: list[Event] = [
        UserTranscript(seq=49, t_rx_ns=ns(0.2), text="Before.", final=True),
        UserSpeech(seq=50, t_rx_ns=ns(0.5), state="started", source="server_vad"),
        UserSpeech(seq=51, t_rx_ns=ns(0.6), state="started", source="server_vad"),
        UserTranscript(seq=52, t_rx_ns=ns(0.9), text="Hel", final=False),
        UserTranscript(seq=53, t_rx_ns=ns(1.0), text="Hello", final=True),
        UserSpeech(seq=54, t_rx_ns=ns(1.6), t_media_ns=ns(1.5), state="stopped", source="server_vad"),
        UserSpeech(seq=55, t_rx_ns=ns(1.7), state="stopped", source="server_vad"),
        UserTranscript(seq=56, t_rx_ns=ns(2.0), text="Hello there.", final=True),
        UserTranscript(seq=57, t_rx_ns=ns(2.1), t_media_ns=ns(0.5), dur_media_ns=ns(1), text="Timed.", final=True),
        UserTranscript(seq=58, t_rx_ns=ns(2.1), t_media_ns=ns(0.7), text="Begun.", final=True),
        UserTranscript(seq=59, t_rx_ns=ns(2.2), text=" ", final=True),
        UserSpeech(seq=60, t_rx_ns=ns(3.0), state="started", source="model"),
    ]
    lanes = read_lanes(make_recording(tmp_path, events=events).path)
    assert lanes.user_voice == ((ns(0.5), ns(1.5)), (ns(3.0), ns(4.0)))
    assert [(u.t0_ns, u.t1_ns, u.text) for u in lanes.user_said] == [
        (ns(0.2), None, "Before."), (ns(0.5), ns(1.0), "Hello"), (ns(0.5), ns(1.5), "Hello there."),
        (ns(0.5), ns(1.5), "Timed."), (ns(0.7), None, "Begun."),
    ]  # fmt: skip


def test_gaps_flags_tasks_and_health(tmp_path: Path) -> None:
    events: list[Event] = [
        Gap(t_ns=ns(1), track="mic", dur_ns=ns(0.5), reason="Unplugged.", kind="unplugged"),
        Marker(t_ns=ns(3), label="note", note="nice"),
        Notice(t_ns=ns(2), level="error", what="It is red.", fix="Look."),
        EndpointError(seq=70, t_rx_ns=ns(2.5), kind="server", code="E1", message="It broke.", fatal=True),
        TaskSet(
            seq=71, t_rx_ns=ns(0.1), instruction="Count.", task="count_reps", params={"period_s": 2.0}, from_turn=1
        ),
        Health(t_ns=ns(1), turns=5, reply_p99_ms=12.5, dropped_samples=3),
        Health(t_ns=ns(2), turns=10),
        UnitDone(seq=72, t_rx_ns=ns(9), micro_turn=3, latency_ns=1),
        UnitDone(seq=73, t_rx_ns=ns(9), micro_turn=30, latency_ns=201_000_000),
        UnitDone(seq=74, t_rx_ns=ns(9), micro_turn=31, latency_ns=5, lag_turns=2),
    ]
    lanes = read_lanes(make_recording(tmp_path, events=events).path)
    (gap,) = lanes.gaps
    assert (gap.t0_ns, gap.t1_ns, gap.track, gap.kind, gap.reason) == (ns(1), ns(1.5), "mic", "unplugged", "Unplugged.")
    assert [(f.t_ns, f.kind, f.text) for f in lanes.flags] == [
        (ns(2), "notice", "It is red. Look."), (ns(2.5), "error", "It broke."), (ns(3), "note", "nice"),
    ]  # fmt: skip
    assert lanes.flags[1].data == {"code": "E1", "fatal": True}
    (task,) = lanes.tasks
    assert (task.task, task.params, task.from_turn, task.instruction) == ("count_reps", {"period_s": 2.0}, 1, "Count.")
    assert lanes.vitals.t_ns.tolist() == [ns(1), ns(2)]
    assert lanes.vitals.reply_p99_ms[0] == 12.5
    assert np.isnan(lanes.vitals.reply_p99_ms[1])
    assert lanes.vitals.dropped_samples.tolist() == [3, 0]
    # A micro-turn that was answered again counts once, the first time.
    assert lanes.replies.latency_ns[3] == 2_000_000
    assert lanes.replies.late.tolist()[-2:] == [True, True]


def test_typed_texts_are_flags(tmp_path: Path) -> None:
    lanes = read_lanes(record(tmp_path))
    assert [(f.t_ns, f.text) for f in lanes.flags if f.kind == "typed"] == [
        (5, "text 0 “ü”"),
        (3 * TURN_NS + 5, "text 3 “ü”"),
    ]


def test_a_recording_without_anything_but_sound(tmp_path: Path) -> None:
    lanes = read_lanes(make_recording(tmp_path, frames=[], opened=False).path)
    assert (lanes.outputs, lanes.flags, lanes.expected, lanes.grades) == ((), (), (), ())


def test_lost_micro_turns_are_told(tmp_path: Path) -> None:
    part, ends = write_part(tmp_path, name="holed")
    data = bytearray(part.read_bytes())
    data[ends[0] : ends[2]] = bytes(ends[2] - ends[0])
    part.write_bytes(data)
    lanes = read_lanes(recover(part).path)
    assert lanes.lost_turns == (1, 2)
    assert "lost" in {g.kind for g in lanes.gaps}


def test_the_micro_turn_of_an_output_is_the_one_that_was_answered_next_to_it() -> None:
    answered = [(ns(1.03), 4), (ns(1.25), 5)]
    assert [turn_at(ns(t), answered) for t in (1.02, 1.04, 1.2, 1.26)] == [4, 4, 5, 5]
    assert [turn_at(ns(t), answered) for t in (0.0, 3.0, 3.01)] == [0, 14, 15]
    assert turn_at(ns(0.5), []) == 2


# ---------------------------------------------------------------- what lies beside it


def test_annotations_are_flags_and_what_was_taken_back_is_gone(tmp_path: Path) -> None:
    path = make_recording(tmp_path, events=[Marker(t_ns=ns(1), label="marker")]).path
    annotate(path, "note", data={"text": "zögert"}, t_ns=ns(0.5), who="ada")
    gone = annotate(path, "tag", data={"tag": "3"}, t_ns=ns(2))
    annotate(path, "verdict", data={"verdict": "pass"}, why="fine")
    annotate(path, "marker", t_ns=ns(2), end_ns=ns(3), why="here")
    undo(path, gone.id)
    lanes = read_lanes(path)
    assert [(f.t_ns, f.kind, f.text) for f in lanes.flags] == [
        (ns(0.5), "note", "zögert"), (ns(1), "marker", ""), (ns(2), "marker", "here"),
    ]  # fmt: skip
    assert (lanes.flags[0].who, bool(lanes.flags[0].id), lanes.flags[2].end_ns) == ("ada", True, ns(3))
    assert [(f.kind, f.text) for f in lanes.untimed] == [("verdict", "pass")]


def test_damaged_sidecars_cost_nothing_but_what_is_damaged(tmp_path: Path) -> None:
    path = make_recording(tmp_path, [(1.0, "one")]).path
    annotate(path, "note", data={"text": "kept"}, t_ns=5)
    write_grade(path, graded([entry(ITEM, RIGHT)]))
    notes, grades = path.with_name("squats.annotations.jsonl"), sidecar_of(path)
    notes.write_bytes(b'{"half": \n' + notes.read_bytes() + b'{"schema":1,"id":"x"')
    grades.write_bytes(grades.read_bytes() + b'{"grade": {"suite": "x"}, "when": "then"}\n{"gra')
    path.with_suffix(TRUTH_SUFFIX).write_text("not json", encoding="utf-8")
    lanes = read_lanes(path)
    assert [f.text for f in lanes.flags] == ["kept"]
    assert [g.suite for g in lanes.grades] == ["cuespeak"]
    told = "\n".join(lanes.problems)
    for words in ("lines 1, 3", "A grade of 'then'", "lines 3 of the sidecar", "is not JSON"):
        assert words in told


def test_sidecars_that_cannot_be_read_at_all_are_told(tmp_path: Path) -> None:
    path = make_recording(tmp_path).path
    path.with_name("squats.annotations.jsonl").mkdir()
    sidecar_of(path).mkdir()
    lanes = read_lanes(path)
    assert len(lanes.problems) == 2
    assert (lanes.grades, lanes.flags) == ((), ())


def test_a_grade_in_the_sidecar_tells_what_was_expected(tmp_path: Path) -> None:
    path = make_recording(tmp_path, pad_before_s=1.0).path
    write_grade(path, graded([entry(ITEM, RIGHT)]), who="ada")
    lanes = read_lanes(path)
    (expected,) = lanes.expected
    assert (expected.id, expected.window, expected.t_ref_ns) == ("e1", (ns(7.0), ns(10.0)), ns(7.5))
    assert (expected.outcome, expected.passed, expected.output) == ("ok", True, 0)
    (grade,) = lanes.grades
    assert (grade.score, grade.passed, grade.who, grade.source, grade.profile) == (
        100.0,
        True,
        "ada",
        "recording",
        "tml_reading",
    )


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        ({"rep_ends_s": [1.0, 2.5]}, [(1.5, 1.5, "repetition 1 ends"), (3.0, 3.0, "repetition 2 ends")]),
        ({"intervals": [[0.5, 2.0]], "video_start_s": 1.0}, [(1.5, 3.0, "action")]),
        ({"rep_end_times_s": [1.0]}, [(1.5, 1.5, "repetition 1 ends")]),
        ({"start_s": 0.5, "stop_s": 2.0}, [(1.0, 2.5, "action")]),
        ({}, []),
    ],
)
def test_a_truth_file_beside_the_recording_tells_what_was_expected(
    tmp_path: Path, truth: dict[str, Any], expected: list[tuple[float, float, str]]
) -> None:
    path = make_recording(tmp_path, pad_before_s=0.5).path
    path.with_suffix(TRUTH_SUFFIX).write_text(json.dumps(truth), encoding="utf-8")
    found = read_lanes(path).expected
    assert [(e.window[0], e.window[1], e.meaning) for e in found] == [(ns(a), ns(b), text) for a, b, text in expected]


def test_the_caller_may_bring_the_item(tmp_path: Path) -> None:
    path = make_recording(tmp_path, pad_before_s=2.0).path
    item = changed(lambda i: i["expectations"][0].update(window=None))
    lanes = read_lanes(path, item)
    (expected,) = lanes.expected
    assert (expected.window, expected.cue, expected.cue_text) == ((ns(8.2), ns(11.5)), (ns(8.0), ns(8.5)), "mariposa")
    assert (expected.outcome, expected.passed, expected.kind) == ("", None, "event")
    assert [(w.t0_ns, w.t1_ns, w.text) for w in lanes.user_words] == [(ns(6.0), ns(10.0), "I saw a mariposa")]
    assert lanes.user_words_from == "item"
    broken = read_lanes(path, changed(lambda i: i.pop("expectations")))
    assert broken.expected == ()
    assert "The item cs-1 is not valid: expectations is missing." in broken.problems


# ---------------------------------------------------------------- runs


def make_run(folder: Path) -> Path:
    """A run of one item whose media begin 1 s after the session; returns the recording."""
    items = [
        SuiteItem(id=name, truth=changed(lambda i, name=name: i.update(id=name)), parts=(Part(),))
        for name in ("cs-1", "cs-2")
    ]
    with RunStore.create(folder, RunInfo(suite="cuespeak", data="d", endpoint="onnx:tiny"), items) as store:
        path = make_recording(store.item_folder("cs-2"), [(3.0, "butterfly")], item="cs-2").path
        part = PartResult(name="main", recording=path.name, media_t0_s=1.0, duration_s=10.0, session_s=15.0)
        store.write_result(ItemResult(id="cs-2", state="done", parts={"main": part}))
        answer = Answer(
            text="butterfly",
            words=(Word(2.0, 2.5, "butterfly"),),
            user_words=(Word(0.5, 0.75, "I"), Word(0.8, None, "saw")),
        )
        store.write_answers("cs-2", {"main": answer})
        append_grade(folder, graded([entry(items[1].truth, RIGHT, name="cs-2"), entry(items[0].truth, name="cs-1")]))
        store.finish()
    return path


def test_a_recording_of_a_run_knows_its_item_its_words_and_its_grade(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    assert open_review(path).run == tmp_path / "run"
    lanes = read_lanes(path)
    assert lanes.media_t0_ns == ns(1)
    assert [(w.t0_ns, w.t1_ns, w.text) for w in lanes.user_words] == [
        (ns(1.5), ns(1.75), "I"), (ns(1.8), None, "saw"),
    ]  # fmt: skip
    assert (lanes.user_words_from, lanes.model_words_from) == ("transcript", "transcript")
    assert [(w.t0_ns, w.text) for w in lanes.model_words] == [(ns(3.0), "butterfly")]
    (grade,) = lanes.grades
    assert (grade.item, grade.source, grade.passed) == ("cs-2", "run", True)
    (expected,) = lanes.expected
    assert (expected.window, expected.passed, expected.meaning) == ((ns(7), ns(10)), True, "says butterfly")
    assert lanes.problems == ()


def test_a_replay_beside_the_recording_of_a_run_has_its_own_answers_and_no_grade_of_the_run(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    replay = make_recording(path.parent, [(4.0, "beetle")], item="cs-2", source=f"recording:{path}").path
    assert replay != path
    lanes = read_lanes(replay)
    assert lanes.media_t0_ns == ns(1)
    assert (lanes.grades, lanes.model_words_from) == ((), "endpoint")
    (expected,) = lanes.expected
    assert (expected.window, expected.passed) == ((ns(7), ns(10)), None)


def test_a_damaged_run_costs_nothing_but_what_is_damaged(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    run = tmp_path / "run"
    for name in (ANSWERS, GRADES):
        (run / name).write_bytes((run / name).read_bytes() + b'{"half')
    (run / ITEMS).write_bytes(b"{half\n{}\n" + (run / ITEMS).read_bytes())
    lanes = read_lanes(path)
    assert lanes.media_t0_ns == ns(1)
    assert [e.id for e in lanes.expected] == ["e1"]
    assert len(lanes.problems) == 3
    for name in (ANSWERS, GRADES, ITEMS):
        (run / name).unlink()
        (run / name).mkdir()
    lanes = read_lanes(path)
    assert len(lanes.problems) == 1
    assert (lanes.expected, lanes.grades) == ((), ())


def test_an_item_that_is_not_in_the_list_and_a_result_that_is_gone(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    (path.parent / RESULT).unlink()
    assert read_lanes(path).media_t0_ns == 0
    other = path.parent.with_name("00099-other")
    shutil.move(path.parent, other)
    lanes = read_lanes(other / path.name)
    assert (lanes.expected, lanes.problems) == ((), ())


def test_answers_that_cannot_be_read_at_all_are_told(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run")
    (tmp_path / "run" / ANSWERS).unlink()
    (tmp_path / "run" / ANSWERS).mkdir()
    lanes = read_lanes(path)
    assert any("cannot be read" in p for p in lanes.problems)
    assert len(lanes.expected) == 1


def test_a_session_that_was_tried_knows_what_its_set_says_of_it(tmp_path: Path) -> None:
    place = tmp_path / "set" / "tries" / "cs-1" / "20261122-onnx"
    path = make_recording(place, [(6.6, "butterfly")], seconds=8.0).path
    assert read_lanes(path).expected == ()
    common = {"who": "ada", "tool": "t", "why": "tried", "item": "cs-1", "take": "t1", "endpoint": "onnx:tiny"}
    digests = {"item_sha256": "0" * 64, "sound_sha256": "1" * 64}
    kept = [
        Tried(id="a", when="1", recording="tries/cs-1/20261122-onnx/squats.mcap", **common, **digests),
        Tried(id="b", when="2", of="a", grade=graded([entry(ITEM, RIGHT)]), **common, **digests),
        Tried(id="c", when="3", recording="elsewhere.mcap", grade=graded([entry(ITEM)]), **common, **digests),
    ]
    for tried in kept:
        keep_try(tmp_path / "set", tried)
    lanes = read_lanes(path)
    (grade,) = lanes.grades
    assert (grade.source, grade.who, grade.passed) == ("try", "ada", True)
    assert [(e.id, e.window, e.passed) for e in lanes.expected] == [("e1", (ns(6), ns(9)), True)]
    assert [(w.t0_ns, w.text) for w in lanes.user_words] == [(ns(4), "I saw a mariposa")]
    log = tmp_path / "set" / TRIES
    log.write_bytes(log.read_bytes() + b"{half")
    assert "lines 4 cannot be read" in read_lanes(path).problems[0]
    log.unlink()
    log.mkdir()
    assert read_lanes(path).expected == ()


def test_a_log_of_tries_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_recording(tmp_path / "set" / "tries" / "cs-1" / "x").path
    (tmp_path / "set" / TRIES).write_text("", encoding="utf-8")

    def broken(_: Path) -> None:
        raise AppError("The tries cannot be read.", "The disk is broken.", "Mend it.")

    monkeypatch.setattr(belongs, "read_tries", broken)
    assert read_lanes(path).problems == ("The tries cannot be read. The disk is broken.",)


@pytest.mark.parametrize("words", [["x"], [[0.0, 1.0]], [["a", 1.0, "x"]], [[0.0, float("inf"), "x"]], "words"])
def test_words_of_a_damaged_grade_are_left_out(tmp_path: Path, words: object) -> None:
    path = make_recording(tmp_path).path
    grade = graded([entry(ITEM, RIGHT)])
    verdict = replace(
        grade.verdicts[0], details={**grade.verdicts[0].details, "user_words": words, "expectations": [3]}
    )
    line = {"when": "1", "grade": replace(grade, verdicts=(verdict,)).to_json()}
    sidecar_of(path).write_text(json.dumps(line), encoding="utf-8")
    lanes = read_lanes(path)
    assert (lanes.user_words, len(lanes.grades)) == ((), 1)


# ---------------------------------------------------------------- in another process


def test_lanes_from_another_process_are_the_same(tmp_path: Path) -> None:
    review = open_review(make_recording(tmp_path, [(1.0, "one")], heard_after_s=0.2).path)
    here, there = lanes_of(review), lanes_of(review, apart_from=0)
    assert here.outputs == there.outputs
    assert here.replies.latency_ns.tolist() == there.replies.latency_ns.tolist()
    assert multiprocessing.active_children() == []


def test_an_error_in_another_process_arrives_in_three_sentences(tmp_path: Path) -> None:
    review = open_review(make_recording(tmp_path).path)
    review.path.unlink()
    with pytest.raises(AppError, match="cannot be opened") as told:
        lanes_of(review, apart_from=0)
    assert told.value.fix


def test_what_nobody_wants_any_more_is_ended(tmp_path: Path) -> None:
    review = open_review(make_recording(tmp_path).path)
    with pytest.raises(StoppedError):
        lanes_of(review, apart_from=0, cancelled=lambda: True)
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_is_told(tmp_path: Path) -> None:
    review = open_review(make_recording(tmp_path).path)

    def kill() -> bool:
        for child in multiprocessing.active_children():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
        return False

    with pytest.raises(AppError, match="could not be read"):
        lanes_of(review, apart_from=0, cancelled=kill)


def test_the_other_process_sends_what_it_read_or_why_it_could_not(tmp_path: Path) -> None:
    path = make_recording(tmp_path).path
    for file, kind in ((path, Lanes), (tmp_path / "none.mcap", tuple)):
        ours, theirs = multiprocessing.Pipe(duplex=False)
        apart._parse(theirs, file, None)
        assert isinstance(ours.recv(), kind)
        ours.close()


def test_a_flag_without_data_has_an_empty_object() -> None:
    assert Flag(t_ns=0, kind="marker").data == {}
