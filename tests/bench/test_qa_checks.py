"""The rule of every automatic check, at its bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.bench.qa_parts import RATE, buzz, microphone
from tmlapp.bench.qa.checklist import read_checklist
from tmlapp.bench.qa.checks import Check
from tmlapp.bench.qa.evaluate import outcome_of
from tmlapp.bench.qa.facts import Facts
from tmlapp.bench.qa.log import merged, runs_of
from tmlapp.bench.qa.marks import LABEL, Mark, mark_from_json, mark_of
from tmlapp.bench.qa.outcome import Outcome, Stretch
from tmlapp.bench.qa.speech import ModelSpeech, joined, loud_spans
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Event,
    Gap,
    Heard,
    Interrupted,
    Listen,
    Marker,
    Notice,
    TaskSet,
    TextOutDone,
    UnitDone,
)
from tmlapp.core.units import s_to_ns

pytestmark = pytest.mark.unit

HEAD = "schema: 1\nid: a\ntitle: A\nsteps:\n  - {id: s, title: T, do: D, expect: E, checks: [%s]}\n"


def check(line: str) -> Check:
    return read_checklist(HEAD % line, "a.yaml").steps[0].checks[0]


def said(t_s: float, text: str) -> TextOutDone:
    return TextOutDone(text=text, t_rx_ns=s_to_ns(t_s))


def spoken(t_s: float, seconds: float, item: str = "a", text: str = "") -> list[Event]:
    at = {"t_rx_ns": s_to_ns(t_s), "item_id": item}
    sound = AudioOut(pcm16=buzz(seconds, RATE).tobytes(), rate=RATE, **at)  # type: ignore[arg-type]
    return [TextOutDone(text=text or item, **at), sound]  # type: ignore[arg-type]


def heard(t_s: float, seconds: float, item: str = "a", *, cut: bool = False) -> Heard:
    return Heard(t_ns=s_to_ns(t_s), item_id=item, text="", dur_ns=s_to_ns(seconds), interrupted=cut)


def marker(t_s: float) -> Marker:
    return Marker(t_ns=s_to_ns(t_s), label="marker")


def facts_of(
    events: Sequence[Event | list[Event]] = (), *, seconds: float = 10.0, user: Sequence[tuple[float, float]] = ()
) -> Facts:
    facts = Facts()
    facts.on_sound(microphone(seconds, user))
    for event in events:
        for one in event if isinstance(event, list) else [event]:
            facts.on_event(one)
    return facts


def found(line: str, facts: Facts, a: float = 0.0, b: float = 10.0, *, over: bool = True) -> Outcome:
    return outcome_of(check(line), facts, Stretch(s_to_ns(a), s_to_ns(b), over))


def state(line: str, facts: Facts, a: float = 0.0, b: float = 10.0, *, over: bool = True) -> str:
    return found(line, facts, a, b, over=over).state


def test_speaks_within_counts_both_bounds() -> None:
    line = "speaks_within: {s: 2, after: marker}"
    at = [spoken(3.0, 1.0)]
    assert [state(line, facts_of([marker(m), *at])) for m in (0.999, 1.0, 3.0, 3.001)] == [
        "fail",
        "pass",
        "pass",
        "fail",
    ]
    assert found(line, facts_of([marker(1.0), *at])).value == 2.0
    assert state(line, facts_of(at)) == "undecided"
    assert state(line, facts_of([marker(1.0)]), b=2.0, over=False) == "waiting"
    assert state(line, facts_of([marker(1.0)]), b=3.1, over=False) == "fail"
    assert state(line, facts_of([marker(1.0)]), b=2.0) == "fail"
    assert state(line, facts_of([]), over=False) == "waiting"
    assert state(line, facts_of([marker(1.0), *at]), b=2.9) == "fail"


def test_the_users_end_is_the_last_one_before_the_model_answers() -> None:
    line = "speaks_within: {s: 1, after: user_speech_end}"
    user = [(1.0, 2.0), (3.0, 4.0)]
    assert state(line, facts_of([spoken(4.8, 1.0)], user=user)) == "pass"
    assert state(line, facts_of([spoken(2.5, 1.0)], user=user)) == "pass"
    assert state(line, facts_of([spoken(5.5, 1.0)], user=user)) == "fail"
    assert state(line, facts_of([spoken(4.05, 1.0)], user=user)) == "pass"
    assert state(line, facts_of([spoken(1.5, 3.0)], user=user)) == "fail"
    assert found(line, facts_of([])).why == "Nobody was heard on the microphone."
    assert state(line, facts_of([], seconds=4.0, user=user), b=4.0, over=False) == "waiting"
    assert state(line, facts_of([], user=user), over=False) == "waiting"


def test_stays_silent_counts_from_the_grace_to_the_last_moment() -> None:
    line = "stays_silent: {s: 3, after: step_start, grace_s: 1}"
    assert state(line, facts_of([spoken(0.0, 0.9)])) == "pass"
    assert state(line, facts_of([spoken(0.0, 1.0)])) == "fail"
    assert state(line, facts_of([spoken(3.0, 1.0)])) == "fail"
    assert state(line, facts_of([spoken(3.02, 1.0)])) == "pass"
    assert state(line, facts_of([]), b=2.0) == "undecided"
    assert state(line, facts_of([]), b=2.0, over=False) == "waiting"
    assert state(line, facts_of([]), b=3.0, over=False) == "pass"
    assert state("stays_silent: {}", facts_of([]), over=False) == "waiting"
    assert found("stays_silent: {}", facts_of([])).value == 10.0
    assert state("stays_silent: {after: marker}", facts_of([])) == "undecided"
    talk = facts_of([], user=[(1.0, 2.0)])
    assert state("stays_silent: {s: 3, after: user_speech_end}", talk, over=False) == "waiting"
    assert state("stays_silent: {s: 3, after: user_speech_end}", talk) == "pass"


def test_stopping_and_going_on_are_measured_from_the_same_moment() -> None:
    events = [*spoken(1.0, 4.0), marker(3.0)]
    stops, keeps = "stops_within: {s: %s, after: marker}", "keeps_speaking: {s: %s, after: marker}"
    assert [state(stops % s, facts_of(events)) for s in (1.99, 2)] == ["fail", "pass"]
    assert [state(keeps % s, facts_of(events)) for s in (2, 2.01)] == ["pass", "fail"]
    assert state(stops % 1, facts_of([*spoken(1.0, 1.0), marker(3.0)])) == "undecided"
    assert state(stops % 1, facts_of([])) == "undecided"
    assert state(stops % 1, facts_of([*spoken(1.0, 1.0), marker(3.0)]), over=False) == "waiting"
    assert state(stops % 3, facts_of(events), b=5.2, over=False) == "waiting"
    assert state(keeps % 3, facts_of(events), b=5.2, over=False) == "waiting"
    assert state(stops % 3, facts_of(events), b=5.5, over=False) == "pass"
    assert state(keeps % 1, facts_of(events), b=4.5, over=False) == "pass"


def test_a_step_knows_of_speech_that_began_before_it() -> None:
    events = [*spoken(1.0, 4.0, "a"), *spoken(8.0, 1.0, "b"), marker(3.5)]
    facts = facts_of(events)
    assert found("stops_within: {s: 2, after: marker}", facts, a=3.0).value == 1.5
    assert state("stays_silent: {s: 1, after: step_start}", facts, a=3.0) == "fail"
    assert state("speaks_within: {s: 3, after: step_start}", facts, a=3.0, b=7.0) == "fail"
    late = facts_of([*spoken(1.0, 4.0, "a"), *spoken(5.3, 1.0, "b"), *spoken(6.6, 1.0, "c")])
    assert late.model_speech(s_to_ns(6.8), s_to_ns(7)) == [(s_to_ns(1), s_to_ns(7.6))]
    assert late.model_speech(s_to_ns(9), s_to_ns(10)) == []
    assert late.model_speech(0, s_to_ns(0.5)) == []


def test_what_is_thrown_away_before_it_began_leaves_no_trace() -> None:
    events = [*spoken(1.0, 1.0, "a"), *spoken(1.1, 1.0, "b"), Interrupted(t_rx_ns=s_to_ns(1.5)), *spoken(1.6, 0.4, "c")]
    facts = facts_of([*events, said(25.0, "text alone")], seconds=30.0)
    assert facts.model_speech(0, s_to_ns(4)) == [(s_to_ns(1), s_to_ns(2))]
    assert facts.model_speech(s_to_ns(24), s_to_ns(26)) == [(s_to_ns(25), s_to_ns(25))]


def test_an_interruption_is_the_user_beginning_while_the_model_speaks() -> None:
    line = "stops_within: {s: 1, after: interruption}"
    cut = [*spoken(1.0, 8.0), Interrupted(t_rx_ns=s_to_ns(4.5))]
    assert found(line, facts_of(cut, user=[(0.2, 0.8), (4.0, 5.0)])).value == 0.5
    assert state(line, facts_of(spoken(1.0, 8.0), user=[(4.0, 5.0)])) == "fail"
    quiet = found(line, facts_of(spoken(1.0, 1.0), user=[(4.0, 5.0)]))
    assert (quiet.state, "never began" in quiet.why) == ("undecided", True)
    assert (
        state("speaks_within: {s: 2, after: user_speech_start}", facts_of([*spoken(5.0, 1.0)], user=[(3.0, 6.0)]))
        == "pass"
    )


def test_what_the_loudspeaker_played_replaces_what_was_foreseen() -> None:
    sound = ModelSpeech()
    for event in spoken(1.0, 2.0):
        if isinstance(event, AudioOut):
            sound.on_audio(event)
    assert sound.begin_of("a") == s_to_ns(1.0)
    assert sound.begin_of("b") is None
    sound.on_heard(heard(1.3, 0.5))
    assert joined(sound.spans()) == [(s_to_ns(1.3), s_to_ns(3.0))]
    sound.on_heard(heard(1.8, 0.2, cut=True))
    assert joined(sound.spans()) == [(s_to_ns(1.3), s_to_ns(2.0))]
    assert not sound.near(s_to_ns(9), s_to_ns(1))


def test_sound_that_cannot_be_heard_is_no_speech_and_its_text_is() -> None:
    silence = AudioOut(pcm16=np.zeros(RATE, "<i2").tobytes(), rate=RATE, item_id="a", t_rx_ns=s_to_ns(1))
    assert loud_spans(np.zeros(100, np.int16), RATE) == []
    assert loud_spans(np.full(100, 5000, np.int16), RATE) == [(0, 100 * 10**9 // RATE)]
    assert facts_of([silence]).model_speech(0, s_to_ns(10)) == []
    assert facts_of([silence, said(5, "hello")]).model_speech(0, s_to_ns(10)) == [(s_to_ns(5), s_to_ns(5))]
    assert facts_of([*spoken(1, 1), said(1.5, "hello")]).model_speech(0, s_to_ns(10)) == [(s_to_ns(1), s_to_ns(2))]


def test_words_are_whole_words_in_either_case() -> None:
    facts = facts_of([said(1, "Dreißig Grad: HALT ein"), TextOutDone(text="halt", channel="thought", t_rx_ns=0)])
    assert state("says: {any_of: [halt]}", facts) == "pass"
    assert state("says: {any_of: [hal]}", facts) == "fail"
    assert state("says: {any_of: ['grad: halt']}", facts, a=0.5) == "pass"
    assert state("says: {any_of: [halt]}", facts, a=1.001) == "fail"
    assert state("says: {regex: 'h.lt'}", facts) == "pass"
    assert state("says: {any_of: [none]}", facts, over=False) == "waiting"
    assert state("never_says: {any_of: [halt]}", facts, b=1.0) == "fail"
    assert state("never_says: {any_of: [none]}", facts) == "pass"
    assert state("never_says: {any_of: [none]}", facts_of([]), over=False) == "waiting"
    assert found("never_says: {any_of: [none]}", facts_of([])).why == "It said nothing."
    assert "…" in found("says: {any_of: [a]}", facts_of([said(1, "a " * 200)])).why


def test_numbers_and_counts() -> None:
    facts = facts_of([said(1, "one"), said(2, "two"), said(3, "three of them"), said(4, "five")])
    assert state("says_number: {}", facts) == "pass"
    assert found("says_number: {value: 3}", facts).at_ns == s_to_ns(3)
    assert "It said 1, 2, 3, 5." in found("says_number: {value: 9}", facts).why
    assert state("says_number: {value: 9}", facts, over=False) == "waiting"
    assert state("says_number: {}", facts_of([])) == "fail"
    assert state("says_number: {increasing: true}", facts, b=3.5) == "pass"
    assert state("says_number: {increasing: true}", facts, b=3.5, over=False) == "waiting"
    assert found("says_number: {increasing: true}", facts).why == "5 came after 3."
    assert state("says_number: {increasing: true}", facts, b=1.5) == "fail"
    assert state("count_reaches: {value: 5}", facts) == "pass"
    assert [state("count_reaches: {value: 4, tolerance: 1}", facts, b=b) for b in (0.5, 1.5, 9)] == [
        "fail",
        "fail",
        "pass",
    ]
    assert state("count_reaches: {value: 2}", facts, over=False) == "fail"
    assert state("count_reaches: {value: 7}", facts, over=False) == "waiting"
    assert state("count_reaches: {value: 7}", facts_of([]), over=False) == "waiting"


def test_cues_are_counted() -> None:
    facts = facts_of([said(1, "start"), said(2, "stop"), said(3, "start")])
    assert state("cue: {kind: start}", facts) == "pass"
    assert found("cue: {kind: start, at_least: 2}", facts).at_ns == s_to_ns(3)
    assert state("cue: {kind: start, at_least: 3}", facts, over=False) == "waiting"
    assert state("cue: {kind: start, at_least: 3}", facts) == "fail"
    assert state("cue: {kind: start, at_least: 0, at_most: 1}", facts, over=False) == "fail"
    assert state("cue: {kind: stop, at_least: 1, at_most: 1}", facts) == "pass"
    assert state("cue: {kind: stop, at_least: 0}", facts_of([])) == "pass"
    timer = TaskSet(instruction="every 4 s", task="every_n_seconds", params={}, from_turn=0)
    assert state("cue: {kind: remind}", facts_of([timer, said(1, "breathe")])) == "pass"


def test_a_rhythm_may_be_off_by_the_tolerance() -> None:
    line = "repeats_every: {s: 2, tolerance_s: 0.5, times: 3}"
    assert state(line, facts_of([said(1, "a"), said(3.5, "b"), said(5, "c")])) == "pass"
    assert state(line, facts_of([said(1, "a"), said(3.6, "b")]), over=False) == "fail"
    assert state(line, facts_of([said(1, "a"), said(3, "b")])) == "fail"
    assert state(line, facts_of([said(1, "a"), said(3, "b")]), over=False) == "waiting"


def test_both_at_once_and_too_much() -> None:
    facts = facts_of([*spoken(1.5, 1.0)], user=[(1.0, 2.0)])
    assert state("says_nothing_while_user_speaks: {allow_s: 0.2}", facts, over=False) == "fail"
    assert state("says_nothing_while_user_speaks: {allow_s: 1}", facts) == "pass"
    assert state("says_nothing_while_user_speaks: {allow_s: 1}", facts, over=False) == "waiting"
    assert state("says_nothing_while_user_speaks: {}", facts_of([])) == "undecided"
    assert state("says_nothing_while_user_speaks: {}", facts_of([]), over=False) == "waiting"
    assert [state("speaks_at_most: {s: %s}" % s, facts) for s in (0.99, 1)] == ["fail", "pass"]  # noqa: UP031 - braces
    assert state("speaks_at_most: {s: 1}", facts, over=False) == "waiting"


def test_the_health_of_the_session() -> None:
    answers: list[Event] = [
        UnitDone(micro_turn=k, latency_ns=k * 1_000_000, t_rx_ns=s_to_ns(k / 10)) for k in range(101)
    ]
    facts = facts_of(answers)
    assert found("reply_latency: {p95_ms: 95}", facts).value == 95.0
    assert [state("reply_latency: {p95_ms: %s}" % ms, facts) for ms in (94.9, 95)] == ["fail", "pass"]  # noqa: UP031 - YAML has braces
    assert state("reply_latency: {p95_ms: 95}", facts, over=False) == "waiting"
    assert state("reply_latency: {p95_ms: 95}", facts_of([])) == "undecided"
    assert state("no_error: {}", facts_of([Listen(micro_turn=1)])) == "pass"
    assert state("no_error: {}", facts_of([]), over=False) == "waiting"
    error = EndpointError(kind="server", code="E", message="no", fatal=False, t_rx_ns=s_to_ns(3))
    assert [state("no_error: {}", facts_of([error]), b=b, over=False) for b in (2.9, 3)] == ["waiting", "fail"]
    warned = [Notice(t_ns=1, level=level, what="W", why="Y") for level in ("warning", "error")]  # type: ignore[arg-type]
    assert [state("no_error: {}", facts_of([notice])) for notice in warned] == ["pass", "fail"]
    gap = Gap(t_ns=s_to_ns(1), track="camera", dur_ns=s_to_ns(1), reason="The cable.", kind="unplugged")
    assert found("no_gap: {}", facts_of([gap])).why == "camera: The cable."
    assert state("no_gap: {}", facts_of([]), over=False) == "waiting"


def test_an_outcome_says_by_which_formula_it_was_found() -> None:
    value = found("says_number: {}", facts_of([said(1, "one")])).to_json()
    assert value == {"state": "pass", "why": "It said 1.", "value": 1, "unit": "", "at_s": 1.0, "formula": "qa/1"}


@pytest.mark.parametrize(
    "mark",
    [
        Mark(n=1, action="run", t_ns=5, text="counting abc"),
        Mark(n=2, action="start", t_ns=5, step="s", tried=1),
        Mark(n=3, action="verdict", t_ns=5, step="s", tried=2, text="fail"),
        Mark(n=4, action="note", t_ns=5, step="s", tried=2, text="a · b"),
        Mark(n=5, action="skip", t_ns=5, step="s", text="no · time"),
    ],
)
def test_a_mark_is_the_same_from_the_recording_and_from_the_annotations(mark: Mark) -> None:
    assert mark_of(Marker(t_ns=5, label=LABEL, note=mark.note())) == mark
    assert mark_from_json(mark.data(), 5, "", "") == mark


@pytest.mark.parametrize(
    "note",
    ["", "hello", "1", "x · start · s · try 1", "1 · start · s", "1 · start · s · try x", "1 · dance · s · try 1",
     "1 · verdict · s · try 1 · great", "0 · start · s · try 1", "1 · start · s · try 0", "1 · start ·  · try 1",
     "9999999999 · run · a b", "1 · start · s · try 99999"],
)  # fmt: skip
def test_notes_of_others_are_no_marks(note: str) -> None:
    assert mark_of(Marker(t_ns=0, label=LABEL, note=note)) is None


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"n": True, "action": "run"}, {"n": 1, "action": 3}, {"n": 1, "action": "run", "step": "s"},
     {"n": 1, "action": "note", "step": "s", "try": "1"}, {"n": 1.5, "action": "run"}],
)  # fmt: skip
def test_annotations_of_others_are_no_marks(data: object) -> None:
    assert mark_from_json(data, None, "", "") is None


def test_the_log_forgives_what_does_not_fit() -> None:
    begin = Mark(n=1, action="run", t_ns=0, text="a b")
    marks = [
        Mark(n=0 + 9, action="note", t_ns=1, step="s", tried=1, text="never began"), begin,
        Mark(n=2, action="start", t_ns=10, step="s", tried=1), Mark(n=3, action="start", t_ns=20, step="t", tried=1),
        Mark(n=4, action="end", t_ns=30, step="t", tried=1),
        Mark(n=5, action="verdict", t_ns=None, step="s", tried=1, text="pass"),
        Mark(n=6, action="start", t_ns=40, step="s", tried=2), Mark(n=7, action="run", t_ns=50, text="c d"),
    ]  # fmt: skip
    other = [
        Mark(n=4, action="start", t_ns=99, step="x", tried=1),
        Mark(n=3, action="start", t_ns=21, step="t", tried=1),
    ]
    first, second = runs_of(merged(other, marks))
    assert (first.checklist_id, first.sha256, second.checklist_id) == ("a", "b", "c")
    assert [(t.start_ns, t.end_ns, t.verdict) for t in first.tries["s"]] == [(10, 21, "pass"), (40, 50, "")]
    assert [(t.start_ns, t.end_ns) for t in first.tries["t"]] == [(21, 30)]
    assert first.running is None
    assert runs_of(marks[:1]) == []
