"""Full-Duplex-Bench v3: grades."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.fdb_v3_data import BUY, TRACK, Says, answer, item, words
from tmlapp.bench.answer import Answer, ToolUse, Utterance, Word
from tmlapp.bench.judges.base import Judge, NoJudge
from tmlapp.bench.published import published
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.fdb_v3 import ARGUMENTS, RESPONSE, FdbV3, argument_rules, judged
from tmlapp.bench.suites.fdb_v3_scoring import (
    CHUNKS,
    SPEECH_END,
    SPEECH_START,
    Call,
    Times,
    equal_arguments,
    paired,
    selection,
    times_of,
    user_turn_end_s,
)
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Verdict

pytestmark = pytest.mark.unit


def entry(expected: Sequence[dict[str, Any]], given: Answer | None, name: str = "a", **truth: Any) -> Entry:
    made = item(*expected, **truth).truth
    if given is None:
        return Entry(name, made, None, {}, "g", "the endpoint went away")
    return Entry(name, made, given.said(), {"main": given}, "g")


def grade(
    *entries: Entry, profile: str = "official", judge: Judge | None = None, params: Mapping[str, Any] | None = None
) -> Grade:
    sources = Sources(judge=judge or Says())
    return FdbV3().grade(entries, profile=profile, params=params or {}, sources=sources)


def figures(found: Grade) -> dict[str, float | None]:
    return {m.name: m.value for m in found.metrics}


def only(found: Grade) -> Verdict:
    (verdict,) = found.verdicts
    return verdict


def test_right_calls_and_a_right_answer_pass() -> None:
    judge = Says()
    found = grade(entry(TRACK, answer(*TRACK)), judge=judge)
    verdict = only(found)
    assert verdict.passed
    assert verdict.score == 100.0
    assert "passes Pass@1: 1 calls for 1, 1 with right arguments; response: right (because)" in verdict.why
    assert verdict.details["tool_latency_s"] == 1.0
    # The user's turn ends before the pause of 2.5 s, at 4 s; the model begins at 6 s.
    assert figures(found) == {
        "response_quality": 100.0, "pass_at_1": 100.0, "tool_selection_f1": 1.0, "tool_selection_recall": 1.0,
        "tool_selection_precision": 1.0, "argument_acc": 1.0, "turn_take": 1.0, "latency_s": 2.0,
        "interruption_rate": 0.0, "response_quality_all": 100.0, "tool_selection_f1_all": 1.0,
        "tool_selection_recall_all": 1.0, "tool_selection_precision_all": 1.0, "argument_acc_all": 1.0,
    }  # fmt: skip
    assert [(q.prompt.kind, q.key) for q in judge.asked] == [
        ("fdb-v3/arguments", "argument-0"), ("fdb-v3/response", "response"),
    ]  # fmt: skip
    assert json.loads(judge.asked[0].fields["expected"]) == {"order_id": "A1"}
    assert judge.asked[0].fields["context"] == "track_order"
    assert judge.asked[1].fields == {
        "question": "Where is A1?", "expected": "It is on its way.", "candidate": "It is on its way.",
    }  # fmt: skip


def test_the_headlines_are_the_published_metrics() -> None:
    names = [m.name for m in grade(entry(TRACK, answer(*TRACK))).metrics]
    assert names[:2] == ["response_quality", "pass_at_1"]
    assert {p.metric for p in published("fdb-v3")} <= set(names)


@pytest.mark.parametrize(
    ("made", "judge", "passed"),
    [
        ([*TRACK, *TRACK], Says(), False),
        ([], Says(), False),
        ([{"function": "track_order", "args": {}}], Says(argument_0=False), False),
        (TRACK, Says(response=False), True),
    ],
)
def test_pass_at_1_needs_exactly_the_right_calls_and_nothing_else(
    made: list[dict[str, Any]], judge: Says, passed: bool
) -> None:
    assert only(grade(entry(TRACK, answer(*made)), judge=judge)).passed is passed


def test_a_silent_model_passes_where_no_call_is_expected() -> None:
    judge = Says()
    found = grade(entry([], Answer()), judge=judge)
    assert judge.asked == []
    assert (only(found).passed, only(found).score, found.n_silent, found.n_scored) == (True, None, 1, 0)
    assert found.score is None
    assert found.metrics[0].reason == "no turn was taken"
    assert figures(found)["response_quality_all"] == 0.0
    assert figures(found)["latency_s"] is None
    assert {b.name: b.score for b in found.baselines} == {"silent": None, "silent, Pass@1": 100.0}
    clean = grade(entry([], Answer()), profile="clean")
    assert clean.score == 0.0
    assert clean.baselines[0].score == 0.0


def test_chunks_without_text_are_a_turn_with_a_wrong_answer() -> None:
    found = grade(entry([], Answer(extra={CHUNKS: True})))
    assert found.score == 0.0
    assert figures(found)["turn_take"] == 1.0
    assert found.aggregates["n_turn_taken"] == 1


def test_items_that_were_not_run_are_left_out_officially_and_fail_in_clean() -> None:
    entries = [entry(TRACK, answer(*TRACK)), entry(TRACK, None, "b")]
    official, clean = grade(*entries), grade(*entries, profile="clean")
    assert (official.score, figures(official)["pass_at_1"], official.n_missing) == (100.0, 100.0, 1)
    assert official.verdicts[1].passed is None
    assert official.verdicts[1].why == "left out: the endpoint went away"
    assert (clean.score, figures(clean)["pass_at_1"], clean.n_missing) == (50.0, 50.0, 1)
    assert clean.verdicts[1].why == "fails: the endpoint went away"
    kept = grade(*entries, params={"missing": "fail"})
    assert (kept.score, figures(kept)["pass_at_1"]) == (100.0, 50.0)


def test_without_a_judge_arguments_are_compared_and_quality_has_no_value() -> None:
    right = [{"function": "search_products", "args": {"query": " Desk lamp", "max_price": 40.0, "more": 1}}, BUY[1]]
    found = grade(entry(BUY, answer(*right)), judge=NoJudge())
    assert only(found).passed
    assert found.score is None
    assert found.metrics[0].reason == "no judge was chosen"
    assert found.n_ungraded == 1
    assert found.aggregates["arguments_by"] == "equality, no judge"
    assert found.provenance.formula.endswith("arguments by equality")
    assert only(found).details["argument_judges"] == ["equality", "rule"]
    assert "ungraded (no judge was chosen)" in only(found).why
    wrong = [{"function": "search_products", "args": {"query": "chair", "max_price": 40}}, BUY[1]]
    found = grade(entry(BUY, answer(*wrong)), judge=NoJudge())
    assert only(found).details["argument_verdicts"] == [False, True]
    assert figures(found)["argument_acc"] == 0.5


def test_a_reply_that_cannot_be_read_counts_as_wrong_and_as_ungraded() -> None:
    found = grade(entry(TRACK, answer(*TRACK)), judge=Says(None))
    assert (found.score, found.n_ungraded, only(found).passed) == (0.0, 1, False)


def test_references_to_earlier_results_are_not_compared() -> None:
    judge = Says(False)
    found = grade(entry(BUY[1:], answer({"function": "add_to_cart", "args": {}})), judge=judge)
    assert only(found).passed
    assert [q.key for q in judge.asked] == ["response"]


def test_calls_of_a_background_agent_count_and_handing_over_does_not() -> None:
    tools = (
        ToolUse(name="delegate", arguments={"task": "x"}, t0_s=1.0),
        ToolUse(name="track_order", arguments='{"order_id": "a1"}', t0_s=4.5),
    )
    found = grade(entry(TRACK, answer(tools=tools)), judge=NoJudge())
    assert only(found).passed
    assert only(found).details["tool_latency_s"] == 0.5
    broken = (ToolUse(name="track_order", arguments="{nonsense", t0_s=4.5),)
    assert not only(grade(entry(TRACK, answer(tools=broken)), judge=NoJudge())).passed


def test_a_model_that_speaks_too_early_interrupts() -> None:
    early = answer(words=words((3.0, 3.5)))
    found = grade(entry([], early), entry([], answer(), "b"), entry([], answer(user_words=()), "c"))
    assert figures(found)["interruption_rate"] == 0.5
    assert figures(found)["latency_s"] == 2.0
    assert found.aggregates["n_interruptions"] == 1
    assert found.verdicts[2].details["tool_latency_s"] is None


def test_figures_stand_by_domain_and_difficulty() -> None:
    found = grade(entry(TRACK, answer(*TRACK)), entry(TRACK, None, "b", difficulty="hard"), entry([], Answer(), "c"))
    assert found.aggregates["per_difficulty"] == {
        "easy": {"n": 2, "pass_at_1": 100.0}, "hard": {"n": 1, "pass_at_1": None},
    }  # fmt: skip
    assert found.aggregates["per_domain"]["ecommerce"]["n"] == 3
    assert found.aggregates["arguments_by"] == "says"


def test_no_items_are_no_error() -> None:
    found = grade(profile="clean")
    assert found.score is None
    assert figures(found)["pass_at_1"] is None
    assert [b.score for b in found.baselines] == [None, None]


@pytest.mark.parametrize(
    "truth",
    [
        {"expected_tool_calls": None},
        {"expected_tool_calls": [3]},
        {"expected_tool_calls": [{"function": 3}]},
        {"expected_tool_calls": [{"function": "a", "args": []}]},
        {"user": 3},
        {"suite": "fdb-v1"},
    ],
)
def test_a_truth_that_is_not_valid_is_refused(truth: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="truth for fdb-v3"):
        grade(entry([], Answer(), **truth))


@pytest.mark.parametrize(
    "given",
    [
        Answer(words=words((1.0, 2.0), (math.nan, 1.0)), text="x"),
        Answer(words=words((math.inf, None)), text="x"),
        Answer(extra={SPEECH_START: math.nan}),
        Answer(user_words=words((1.0, -math.inf))),
    ],
)
def test_times_that_are_no_numbers_are_refused(given: Answer) -> None:
    with pytest.raises(AppError, match="cannot be graded"):
        grade(entry([], given))


def test_times_come_from_the_best_source_there_is() -> None:
    full = answer(extra={SPEECH_END: 1.0, SPEECH_START: None}, speech_s=((9.0, 9.5),), user_speech_s=((0.0, 3.0),))
    found = times_of("a", full)
    assert (found.user_end_s, found.user_from, found.model_start_s, found.model_from) == (
        1.0,
        "recorded",
        None,
        "recorded",
    )
    assert found.latency_s is None
    uttered = Answer(utterances=(Utterance(8.0, None, " "), Utterance(8.5, 9.0, "x")), user_speech_s=((0, 3), (5.5, 6)))
    assert times_of("a", uttered) == Times(3, "vad", 8.5, "utterances")
    assert times_of("a", Answer(speech_s=((9.0, 9.5),))).model_from == "vad"


def test_the_users_turn_ends_before_the_first_long_pause() -> None:
    assert user_turn_end_s(words((0, 1), (3.0, 4.0), (6.1, 7.0))) == 4.0
    assert user_turn_end_s(words((3.0, 4.0), (0, None))) == 0.0
    assert user_turn_end_s(words((3.0, 4.0), (1, 1.5))) == 4.0
    assert user_turn_end_s(()) is None


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ({"a": "New_York "}, {"a": "new york", "b": 2}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": "1"}, True),
        ({"a": True}, {"a": "true"}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": 1}, {}, False),
        ({"a": "$RESULT_0.x"}, {}, True),
        ({"a": ["$RESULT_0.x", "B"]}, {"a": [7, "b"]}, True),
        ({"a": ["b"]}, {"a": ["b", "c"]}, False),
        ({"a": ["b"]}, {"a": "b"}, False),
        ({"a": {"b": "C"}}, {"a": {"b": "c", "d": 1}}, True),
        ({"a": {"b": "C"}}, {"a": "c"}, False),
        ({"a": None}, {"a": "null"}, True),
    ],
)
def test_the_fallback_compares_expected_arguments_only(
    expected: dict[str, Any], actual: dict[str, Any], same: bool
) -> None:
    assert equal_arguments(expected, actual) is same
    fields = {"expected": json.dumps(expected), "candidate": json.dumps(actual)}
    assert argument_rules(fields) == ("right" if same else "wrong")


def test_calls_are_paired_first_in_first_out() -> None:
    made = [Call("a", {"n": 1}), Call("b", {"n": 2}), Call("a", {"n": 3})]
    expected = [Call("a", {}), Call("a", {}), Call("c", {}), Call("a", {}), Call("b", {})]
    assert [c and c.args["n"] for c in paired(expected, made)] == [1, 3, None, None, 2]


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"correct": true}', True),
        ('Well: {"reason": "x"} {"correct": false}', False),
        ('{"correct": "yes"}', None),
        ("yes", None),
    ],
)
def test_replies_of_a_judge(reply: str, value: bool | None) -> None:
    assert judged(reply) is value


def test_the_questions_are_our_own_words_with_all_their_fields() -> None:
    for prompt in (ARGUMENTS, RESPONSE):
        fields = {"context": "T1", "question": "Q1", "expected": "E1", "candidate": "C1"}
        text = prompt.messages(fields)[1]["content"]
        assert all(value in text for name, value in fields.items() if f"${name}" in prompt.user)
        assert "$" not in text
        assert prompt.source == "ours"


_NAMES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=5)


@given(_NAMES, _NAMES, st.randoms())
def test_selection_does_not_depend_on_order_and_more_right_calls_never_lower_recall(
    expected: list[str], actual: list[str], random: Any
) -> None:
    found = selection(expected, actual)
    mixed = list(actual)
    random.shuffle(mixed)
    assert selection(expected, mixed) == found
    assert found.exact == (sorted(expected) == sorted(actual))
    assert selection(expected, expected).f1 == 1.0
    for name in expected:
        assert selection(expected, [*actual, name]).recall >= found.recall


@given(st.permutations(range(6)))
@settings(max_examples=12, deadline=None)
def test_a_grade_does_not_depend_on_the_order_of_the_items(order: list[int]) -> None:
    answers = [answer(*TRACK), Answer(), answer(), answer(*BUY), None, answer(*TRACK, words=words((1.0, 2.0)))]
    entries = [entry(TRACK, a, f"i{k}") for k, a in enumerate(answers)]
    first, second = grade(*entries, judge=NoJudge()), grade(*[entries[k] for k in order], judge=NoJudge())
    assert [(m.name, m.n, m.interval) for m in first.metrics] == [(m.name, m.n, m.interval) for m in second.metrics]
    for a, b in zip(first.metrics, second.metrics, strict=True):
        assert a.value == pytest.approx(b.value)


def test_an_answer_of_which_only_utterances_are_known_is_graded() -> None:
    found = FdbV3().grade([Entry("a", item().truth, ())], profile="official", params={}, sources=Sources(judge=Says()))
    assert found.n_silent == 1
    assert found.n_missing == 0


def test_word_times_are_used_whatever_their_order() -> None:
    given_ = Answer(text="b a", words=(Word(7.0, 8.0, "b"), Word(6.0, 6.5, "a")))
    assert times_of("a", given_).model_start_s == 6.0
