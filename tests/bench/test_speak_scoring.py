from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.bench.answer import Utterance
from tmlapp.bench.labels.speak_items import SpeakItem, parse_item
from tmlapp.bench.suites.speak_params import SpeakParams, speak_params
from tmlapp.bench.suites.speak_prompt import fields_of, heard_until, meaning_prompt, verdict_in
from tmlapp.bench.suites.speak_scoring import ItemScore, in_onset_order, score_item, score_suite, window_of
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def expectation(name: str, ref: float, **more: Any) -> dict[str, Any]:
    cue = {"kind": "time", "t0": ref, "t1": ref}
    return {"id": name, "cue": cue, "t_ref": ref, "window": None, "meaning": f"says {name}"} | more


def item(*expectations: dict[str, Any], suite: str = "timespeak", stop: float | None = None) -> SpeakItem:
    return parse_item(
        {
            "schema": "tmlapp.speak_item/1", "suite": suite, "id": "a", "category": "c", "lang": "en",
            "input": {"audio": "a.wav", "duration_s": 60.0}, "instruction": {"text": "do it", "t0": 0.0, "t1": 4.0},
            "expectations": list(expectations), "stop_t": stop,
        }
    )  # fmt: skip


def said(*times: float) -> list[Utterance]:
    return [Utterance(t, t + 0.5, f"u{i}") for i, t in enumerate(times)]


def score(one: SpeakItem, utterances: list[Utterance], verdicts: Any = True, **params: Any) -> ItemScore:
    chosen = speak_params(one.suite, "tml_reading", params)

    def ask(_: object, key: str, __: object) -> bool | None:
        return verdicts.get(key) if isinstance(verdicts, Mapping) else verdicts

    return score_item(one, in_onset_order(utterances, chosen), chosen, ask)


def test_the_bounds_of_a_window_belong_to_it_and_computed_ones_are_rounded() -> None:
    one = item(expectation("e1", 10.1))
    assert window_of(one.expectations[0], "timespeak", SpeakParams()) == (9.6, 11.6)
    assert window_of(one.expectations[0], "cuespeak", SpeakParams()) == (9.8, 13.1)
    for t, passed in (
        (9.6, True),
        (9.6 - 1e-10, True),
        (9.599, False),
        (11.6, True),
        (11.6 + 1e-10, True),
        (11.601, False),
    ):
        assert score(one, said(t)).met[0].passed is passed


def test_of_several_candidates_any_right_one_counts_up_to_the_cap() -> None:
    one = item(expectation("e1", 10.0, window=[9.0, 15.0]))
    utterances = said(9.0, 10.0, 11.0, 12.0, 13.0, 14.0)
    right_last = {"e1/5": True} | {f"e1/{i}": False for i in range(5)}
    found = score(one, utterances, right_last)
    assert (found.met[0].reason, found.n_judge_calls, found.n_unmatched_in_window) == ("wrong_meaning", 5, 6)
    found = score(one, utterances, right_last, max_candidates=6)
    assert (found.met[0].utterance, found.n_judge_calls, found.met[0].judged) == (5, 6, (0, 1, 2, 3, 4, 5))
    assert (found.used, found.n_unmatched_in_window) == ((5,), 5)


def test_first_asks_about_one_and_joined_about_all_at_once() -> None:
    one = item(expectation("e1", 10.0))
    verdicts = {"e1/0": False, "e1/1": True, "e1/joined": True}
    assert score(one, said(10.0, 10.6), verdicts, candidates="first").met[0].reason == "wrong_meaning"
    joined = score(one, said(10.0, 10.6), verdicts, candidates="joined")
    assert (joined.met[0].utterance, joined.used, joined.n_judge_calls) == (0, (0, 1), 1)
    nothing = score(one, [], verdicts, candidates="joined")
    assert (nothing.met[0].reason, nothing.n_judge_calls) == ("no_speech_in_window", 0)


def test_an_unreadable_verdict_leaves_the_expectation_ungraded_unless_a_later_one_is_right() -> None:
    one = item(expectation("e1", 10.0))
    assert score(one, said(10.0, 10.6), {"e1/1": False}).met[0].reason == "ungraded"
    assert score(one, said(10.0, 10.6), {"e1/1": True}).met[0].reason == "ok"
    assert score(one, said(10.0), {"e1/0": False}).met[0].reason == "wrong_meaning"


def test_one_utterance_serves_one_expectation_unless_it_may_be_used_again() -> None:
    one = item(expectation("e2", 11.0), expectation("e1", 10.0))
    found = score(one, said(11.0))
    assert [(m.id, m.reason) for m in found.met] == [("e1", "ok"), ("e2", "no_speech_in_window")]
    again = score(one, said(11.0), reuse_utterance=True)
    assert ([m.utterance for m in again.met], again.n_unmatched_in_window, again.score) == ([0, 0], 0, 1.0)


def test_speech_outside_the_windows_is_an_acknowledgement_first_and_extra_later() -> None:
    one = item(expectation("e1", 20.0))
    found = score(one, said(-1.0, 6.999, 7.0, 20.0, 30.0))
    assert (found.n_ack, found.n_extra, found.acks, found.extras, found.score) == (2, 2, (0, 1), (2, 4), 1.0)
    assert score(one, said(6.0, 20.0), extra="fail_item").score == 1.0
    assert score(one, said(7.0, 20.0), extra="fail_item").score == 0.0


def test_speech_after_the_stop_request_is_counted_only() -> None:
    one = item(expectation("e1", 10.0), stop=12.0)
    found = score(one, said(10.0, 13.0, 13.001))
    assert (found.n_after_stop, found.score) == (1, 1.0)


@pytest.mark.parametrize(
    ("multi", "value", "examples"),
    [
        ("all", 0.0, (0.0,)),
        ("mean", 0.5, (0.5,)),
        ("first", 1.0, (1.0,)),
        ("expand", None, (1.0, 0.0)),
    ],
)
def test_several_expectations_score_by_the_parameter(
    multi: str, value: float | None, examples: tuple[float, ...]
) -> None:
    one = item(expectation("e1", 10.0), expectation("e2", 20.0), expectation("e0", 5.0, required=False))
    found = score(one, said(10.0), multi=multi)
    assert (found.score, found.examples) == (value, examples)
    assert (found.score_all, found.score_mean) == (0.0, 0.5)
    failed = score(one, said(10.0, 50.0), multi=multi, extra="fail_item")
    assert not any(failed.examples)


def test_both_averages_are_given_and_the_headline_follows_the_parameter() -> None:
    right, wrong = score(item(expectation("e1", 10.0)), said(10.0)), score(item(expectation("e1", 10.0)), [])
    suite = score_suite([("a", right), ("a", right), ("a", right), ("b", wrong)])
    assert (suite.macro_example, suite.macro_category, suite.n_examples) == (75.0, 50.0, 4)
    assert suite.by_category == {"a": 100.0, "b": 0.0}
    assert suite.accuracy(SpeakParams()) == 75.0
    assert suite.accuracy(SpeakParams(macro_over="category")) == 50.0
    empty = score_suite([])
    assert (empty.n_examples, empty.macro_example, empty.macro_category) == (0, None, None)


def test_a_reply_happens_at_its_first_word_its_voice_or_its_end() -> None:
    utterances = [Utterance(5.0, 6.0, "b"), Utterance(1.0, 2.0, "a"), Utterance(8.0, None, "c")]
    assert [(t.index, t.onset_s, t.utterance.text) for t in in_onset_order(utterances, SpeakParams())] == [
        (0, 1.0, "a"), (1, 5.0, "b"), (2, 8.0, "c"),
    ]  # fmt: skip
    voice = SpeakParams(onset="audio_onset")
    # The second stretch began before the first utterance was over; nothing of a voice is near the third.
    speech = [(0.9, 1.2), (1.9, 5.5), (5.6, 5.7)]
    assert [t.onset_s for t in in_onset_order(utterances, voice, speech)] == [0.9, 5.0, 8.0]
    late = [(1.1, 2.0), (4.8, 6.0), (7.9, 9.0)]
    assert [t.onset_s for t in in_onset_order(utterances, voice, late)] == [1.1, 4.8, 7.9]
    assert in_onset_order([], voice) == []
    with pytest.raises(AppError, match="cannot be taken from the voice"):
        in_onset_order(utterances, voice)
    ends = SpeakParams(onset="utterance_end")
    assert [t.onset_s for t in in_onset_order(utterances[:2], ends)] == [2.0, 6.0]
    with pytest.raises(AppError, match="end of 'c' is not known"):
        in_onset_order(utterances, ends)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"colour": 1}, "no parameter 'colour'"),
        ({"candidates": "some"}, "any, first, joined"),
        ({"onset": ["first_word"]}, "first_word, audio_onset"),
        ({"window_before_s": "soon"}, "number of seconds"),
        ({"window_before_s": {"dancespeak": 1}}, "number of seconds"),
        ({"window_after_s": {"timespeak": float("nan")}}, "number of seconds"),
        ({"window_before_s": 2.0}, "later than it begins"),
        ({"judge_model": 3}, "name of a judge"),
        ({"reuse_utterance": 1}, "true or false"),
        ({"tries": 4}, "3 times"),
        ({"max_candidates": 0}, "from 1 on"),
        ({"max_candidates": 2.0}, "from 1 on"),
        ({"seed": True}, "from 0 on"),
        ({"ack_s": -1}, "from 0 on"),
        ({"stop_grace_s": float("nan")}, "from 0 on"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_told(given: dict[str, Any], why: str) -> None:
    with pytest.raises(AppError, match=f"(?is){why}"):
        speak_params("timespeak", "tml_reading", given)


def test_parameters_come_from_the_profile_then_the_call_and_have_one_digest() -> None:
    strict = speak_params("timespeak", "strict", {"window_before_s": -1, "window_after_s": {"cuespeak": 9}})
    assert (strict.candidates, strict.extra) == ("first", "fail_item")
    assert strict.window_before_s == {"timespeak": -1.0, "cuespeak": -0.3}
    assert strict.window_after_s == {"timespeak": 1.5, "cuespeak": 9.0}
    assert strict.sha256 != SpeakParams().sha256 == speak_params("cuespeak", "tml_reading", {"tries": 3}).sha256
    again = speak_params("timespeak", "strict", strict.to_json())
    assert again == strict
    with pytest.raises(AppError, match="no profile 'loose'"):
        speak_params("timespeak", "loose", {})


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"conveys_meaning": true, "reason": "yes"}', True),
        ('Sure:\n```json\n{"conveys_meaning": false, "reason": ""}\n```', False),
        ('{"conveys_meaning": 1, "reason": ""}', None),
        ('{"conveys_meaning": true}', None),
        ('{"conveys_meaning": true, "reason": "", "score": 1}', None),
        ('{"conveys_meaning": true, "reason": null}', None),
        (f'{{"conveys_meaning": true, "reason": "{"x" * 201}"}}', None),
        ('{"a": 1} {"conveys_meaning": true, "reason": ""}', None),
        ("yes", None),
    ],
)
def test_only_the_first_object_of_a_reply_counts_and_only_in_its_form(reply: str, value: bool | None) -> None:
    assert verdict_in(reply) is value


def test_the_judge_is_told_the_meaning_and_no_times() -> None:
    one = item(expectation("e1", 10.0, accept=["in", "out"], reject=["no"]))
    fields = fields_of(one, one.expectations[0], said(10.25, 11.0))
    assert fields == {
        "suite": "timespeak", "question": "do it", "context": "", "expected": "says e1", "accept": "in\nout",
        "reject": "no", "candidate": "u0 u1",
    }  # fmt: skip
    messages = meaning_prompt().messages(fields)
    assert [m["role"] for m in messages] == ["system", "user"]
    assert "10" not in messages[1]["content"]
    assert "says e1" in messages[1]["content"]


def test_the_user_is_heard_up_to_the_end_of_the_reply_and_no_further() -> None:
    spoken = [(5.0, 6.0, "later"), (0.0, 4.0, "one two three four"), (1.0, 1.0, "")]
    assert heard_until(spoken, 2.0) == "one two"
    assert heard_until(spoken, 9.0) == "one two three four later"
    assert heard_until([], 9.0) == ""


times = st.lists(st.integers(0, 400).map(lambda t: t / 10), max_size=8)
verdict = st.sampled_from([True, False, None])


@settings(max_examples=60, deadline=None)
@given(times, st.randoms(), st.dictionaries(st.integers(0, 7), verdict))
def test_the_result_depends_on_no_order_and_no_later_silence(said_at: list[float], shuffle: Any, table: Any) -> None:
    one = item(expectation("e1", 10.0), expectation("e2", 11.0), expectation("e3", 20.0))
    verdicts = {f"{e}/{i}": v for e in ("e1", "e2", "e3") for i, v in table.items()}
    utterances = [Utterance(t, t + 0.1, str(t)) for t in sorted(set(said_at))]
    mixed = list(utterances)
    shuffle.shuffle(mixed)
    turned = item(expectation("e3", 20.0), expectation("e1", 10.0), expectation("e2", 11.0))
    assert score(one, utterances, verdicts) == score(turned, mixed, verdicts)
    longer = parse_item({**one.raw, "input": {"audio": "a.wav", "duration_s": 600.0}})
    assert score(longer, utterances, verdicts) == score(one, utterances, verdicts)


@settings(max_examples=60, deadline=None)
@given(times, st.dictionaries(st.integers(0, 7), verdict), st.integers(0, 7))
def test_a_verdict_that_turns_right_never_lowers_a_single_expectation(
    said_at: list[float], table: dict[int, bool | None], better: int
) -> None:
    one = item(expectation("e1", 10.0, window=[5.0, 35.0]))
    verdicts = {f"e1/{i}": v for i, v in table.items()}
    for params in ({}, {"candidates": "first"}, {"extra": "fail_item"}):
        before = score(one, said(*said_at), verdicts, **params)
        after = score(one, said(*said_at), verdicts | {f"e1/{better}": True}, **params)
        assert (after.score or 0.0) >= (before.score or 0.0)
