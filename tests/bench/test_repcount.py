from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.bench.said import Said, SaidNumber
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.repcount_a import RepCountA, last_number, mae_obo, parse_truth
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade
from tmlapp.core.numbers import number_words

pytestmark = pytest.mark.unit

TRUTH: dict[str, Any] = {"suite": "repcount-a", "count": 3, "rep_end_times_s": [2.0, 4.0, 6.0], "duration_s": 8.0}
RIGHT = [Said(2.2, "one"), Said(4.2, "two"), Said(6.2, "three")]


def run(entries: list[Entry], *, profile: str = "tml_reading", params: Any = None) -> Grade:
    return RepCountA().grade(entries, profile=profile, params=params or {}, sources=Sources())


def grade(outputs: list[Said], truth: dict[str, Any] | None = None, **more: Any) -> Grade:
    return run([Entry("item", TRUTH if truth is None else truth, tuple(outputs))], **more)


def test_counting_along_passes_and_says_why() -> None:
    result = grade(RIGHT)
    verdict = result.verdicts[0]
    assert (result.score, verdict.passed, result.n, result.n_scored, result.n_silent) == (100.0, True, 1, 1, 0)
    assert verdict.why == "passes: 3 at 6.200 s is the last number in [4.000, 11.000] s; true count 3"
    assert verdict.graded_text == ((2.2, "one"), (4.2, "two"), (6.2, "three"))
    assert result.provenance.formula == "repcount-a/online@1"
    assert result.provenance.parameters["tail_s"] == 3.0


@pytest.mark.parametrize(
    ("outputs", "passed", "last"),
    [
        ([], False, None),
        ([Said(4.0, "2")], True, 2),
        ([Said(3.999, "2")], False, None),
        ([Said(11.0, "4")], True, 4),
        ([Said(11.001, "3")], False, None),
        ([Said(6.0, "5")], False, 5),
        ([Said(6.0, "three, two, one")], False, 1),
        ([Said(6.0, "three")] * 2 + [Said(5.0, "nine")], True, 3),
        ([Said(7.0, "well done")], False, None),
    ],
)
def test_the_last_number_in_the_window_decides_and_both_ends_belong_to_it(
    outputs: list[Said], passed: bool, last: int | None
) -> None:
    verdict = grade(outputs).verdicts[0]
    assert verdict.passed is passed
    assert verdict.details["last_number"] == last
    assert verdict.why.startswith("passes" if passed else "fails")


def test_strict_bounds_leave_the_first_instant_out() -> None:
    assert grade([Said(4.0, "2")], params={"bounds": "strict"}).score == 0.0
    assert grade([Said(4.001, "2")], params={"bounds": "strict"}).score == 100.0


def test_a_bound_holds_although_times_are_binary_fractions() -> None:
    truth = {"count": 2, "L": [0, 169, 170, 246], "fps": 30, "num_frames": 300, "video_start_s": 0.7}
    assert grade([Said(0.7 + 169 / 30, "one")], truth).score == 100.0


def test_what_was_said_before_the_video_does_not_count() -> None:
    truth = TRUTH | {"count": 1, "rep_end_times_s": [2.0], "video_start_s": 5.0}
    assert grade([Said(4.9, "one")], truth).score == 0.0
    assert grade([Said(5.0, "one")], truth).score == 100.0
    assert grade([Said(5.0, "one")], truth).verdicts[0].graded_text == ((0.0, "one"),)


def test_the_tail_comes_from_the_call_then_the_truth_then_the_rule() -> None:
    late = [Said(12.0, "three")]
    assert grade(late).score == 0.0
    assert grade(late, TRUTH | {"tail_s": 4}).score == 100.0
    assert grade(late, TRUTH | {"tail_s": 4}, params={"tail_s": 2}).score == 0.0
    assert grade(late, TRUTH | {"tail_s": 4}).provenance.parameters["tail_s"] == 4.0


def test_items_with_different_tails_use_their_own() -> None:
    late = (Said(12.0, "three"),)
    entries = [Entry("a", TRUTH, late), Entry("b", TRUTH | {"tail_s": 4}, late)]
    result = run(entries)
    assert [v.score for v in result.verdicts] == [0.0, 100.0]
    assert result.provenance.parameters["tail_s"] == [3.0, 4.0]


def test_one_more_to_go_is_a_number_unless_idioms_are_filtered() -> None:
    outputs = [Said(6.2, "That's three, one more to go")]
    strict = grade(outputs)
    assert (strict.score, strict.aggregates["score_with_idioms"]) == (0.0, 100.0)
    idioms = grade(outputs, profile="idioms")
    assert idioms.score == 100.0
    assert "score_with_idioms" not in idioms.aggregates


def test_a_video_without_repetitions_is_left_out_and_counted() -> None:
    result = grade([Said(1.0, "one")], {"count": 0, "duration_s": 5.0})
    assert (result.score, result.n, result.n_scored, result.aggregates["n_dropped"]) == (None, 1, 0, 1)
    assert "score_reason" in result.aggregates
    assert result.verdicts[0].why.startswith("left out")
    assert [b.score for b in result.baselines] == [None, None, None]


def test_a_missing_item_counts_as_a_failure_and_silence_is_counted() -> None:
    entries = [Entry("ran", TRUTH, tuple(RIGHT)), Entry("missing", TRUTH, None), Entry("silent", TRUTH, ())]
    result = run(entries)
    assert result.score == pytest.approx(100 / 3)
    assert (result.n, result.n_scored, result.n_missing, result.n_silent) == (3, 3, 1, 1)
    assert result.verdicts[1].why == "fails: the item was not run"
    offline = run(entries, profile="official")
    assert offline.verdicts[1].why == "fails: the item was not run"


def test_no_items_give_no_score_and_no_error() -> None:
    result = run([])
    assert (result.score, result.n) == (None, 0)
    assert result.aggregates["final_number_MAE"] is None


def test_the_official_profile_takes_the_final_number_and_needs_no_times() -> None:
    result = grade([Said(1.0, "one"), Said(9.0, "four")], {"count": 3}, profile="official")
    assert (result.score, result.provenance.formula) == (100.0, "repcount-a/mae-obo@1")
    assert result.aggregates["final_number_MAE"] == pytest.approx(1 / 3.1)
    assert grade([], {"count": 3}, profile="official").verdicts[0].why.startswith("fails: no number was said")
    assert [b.score for b in result.baselines] == [None, None, None]


def test_figures_are_given_per_type() -> None:
    entries = [Entry("a", TRUTH | {"type": "squats"}, tuple(RIGHT)), Entry("b", TRUTH | {"action": "squats"}, ())]
    assert run(entries).aggregates["per_type"] == {"squats": {"n": 2, "score": 50.0}}


def test_the_baselines_answer_the_same_item() -> None:
    names = {b.name: b.score for b in grade(RIGHT).baselines}
    assert names == {"silent": 0.0, "says 4 at the end": 100.0, "metronome, a count every 3.25 s": 100.0}


def test_single_counts_are_compared_with_single_repetitions() -> None:
    details = grade([Said(1.9, "one"), Said(4.4, "three"), Said(9.0, "four")]).verdicts[0].details
    assert (details["events_said"], details["events_matched"]) == (3, 2)
    assert details["event_f1"] == pytest.approx(2 * 2 / 6)
    assert details["right_number_share"] == pytest.approx(1 / 3)
    assert details["latency_median_s"] == pytest.approx(0.15)
    assert details["latency_p90_s"] == pytest.approx(0.4)
    assert (details["final_number"], details["final_error"]) == (4, 1)
    nothing = grade([]).verdicts[0].details
    assert (nothing["event_f1"], nothing["latency_median_s"], nothing["final_error"]) == (0.0, None, None)


@pytest.mark.parametrize(
    ("truth", "why"),
    [
        ({"suite": "charades", "count": 3}, "for the suite 'charades'"),
        ({}, "count is missing"),
        ({"count": None}, "count is missing"),
        ({"count": 2.5}, "not a whole number"),
        ({"count": True}, "count is True, not a number"),
        ({"count": "3"}, "count is '3', not a number"),
        ({"count": -1}, "too small"),
        ({"count": math.nan}, "not a number"),
        ({"count": 1, "duration_s": math.inf}, "too large"),
        ({"count": 10**400}, "too large"),
        ({"count": 1, "duration_s": 0}, "too small"),
        ({"count": 2, "rep_end_times_s": [1.0]}, "there are 1 ends"),
        ({"count": 2, "rep_end_times_s": [2.0, 1.0]}, "not in order"),
        ({"count": 2, "rep_end_times_s": "1, 2"}, "not a list"),
        ({"count": 2, "rep_end_times_s": [1.0, None]}, r"rep_end_times_s\[1\] is None"),
        ({"count": 1, "L": [0, 9]}, "fps is missing"),
        ({"count": 1, "L": [0, 9, 9], "fps": 30}, "odd number"),
        ({"count": 1, "L": [0, 9], "fps": 0}, "too small"),
        ({"count": 1, "action": 7}, "not a text"),
        ({"count": 2, "rep_end_times_s": [5, 6], "duration_s": 4.5}, "Repetition 1 ends at 5 s, after the video"),
    ],
)
def test_a_truth_that_contradicts_itself_is_refused_with_the_reason(truth: dict[str, Any], why: str) -> None:
    with pytest.raises(AppError, match=why):
        parse_truth(truth)


def test_the_short_names_of_labels_are_understood() -> None:
    truth = parse_truth({"n": 2, "L": [0, 30, 30, 75], "fps": 15, "num_frames": 90, "colour": "red"})
    assert (truth.count, truth.ends_s, truth.t_pen_s, truth.duration_s) == (2, (2.0, 5.0), 2.0, 6.0)
    assert truth.ignored == ("colour",)
    details = grade([], {"count": 1, "duration_s": 2, "colour": "red"}).verdicts[0].details
    assert details["ignored_truth_members"] == ["colour"]


@pytest.mark.parametrize(
    ("truth", "lacks"),
    [({"count": 3, "duration_s": 9}, "ends of the repetitions"), ({"count": 1}, "length of the video")],
)
def test_the_online_rule_says_what_it_lacks(truth: dict[str, Any], lacks: str) -> None:
    with pytest.raises(AppError, match=lacks) as caught:
        grade([], truth)
    assert "official" in caught.value.fix


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"profile": "guess"}, "no profile 'guess'"),
        ({"params": {"tails": 1}}, "no parameter 'tails'"),
        ({"params": {"tail_s": "3"}}, "cannot be '3'"),
        ({"params": {"tail_s": True}}, "cannot be True"),
        ({"params": {"tail_s": -1}}, "cannot be -1"),
        ({"params": {"tail_s": math.nan}}, "cannot be nan"),
        ({"params": {"idioms": 1}}, "cannot be 1"),
        ({"params": {"bounds": "open"}}, "cannot be 'open'"),
    ],
)
def test_an_unknown_profile_or_parameter_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(AppError, match=message):
        grade(RIGHT, **more)


@pytest.mark.parametrize("t_s", [math.nan, math.inf, -math.inf])
def test_an_output_without_a_time_is_refused(t_s: float) -> None:
    with pytest.raises(AppError, match="cannot be graded"):
        grade([Said(t_s, "three")])


def test_mae_and_obo_round_halves_to_even() -> None:
    assert mae_obo([2.5], [2]) == (0.0, 1.0)
    assert mae_obo([3.5], [2])[1] == 0.0
    assert mae_obo([0], [10]) == (10 / 10.1, 0.0)
    assert mae_obo([], []) == (None, None)


@pytest.mark.parametrize(
    ("predicted", "true"), [([1], []), ([math.nan], [1]), ([1], [math.inf]), ([1], [-1]), ([math.inf], [1])]
)
def test_mae_and_obo_refuse_what_is_no_count(predicted: list[float], true: list[float]) -> None:
    with pytest.raises(AppError, match="MAE and OBO"):
        mae_obo(predicted, true)


numbers = st.lists(st.tuples(st.integers(-20, 140), st.integers(0, 12)), max_size=12)


@given(numbers, st.randoms())
@settings(deadline=None)
def test_the_order_of_the_outputs_does_not_matter(said: list[tuple[int, int]], rng: Any) -> None:
    outputs = [Said(t / 10, str(v)) for t, v in dict(said).items()]
    shuffled = outputs[:]
    rng.shuffle(shuffled)
    assert grade(outputs) == grade(shuffled)


@given(numbers)
@settings(deadline=None)
def test_speech_without_numbers_changes_no_score(said: list[tuple[int, int]]) -> None:
    outputs = [Said(t / 10, str(v)) for t, v in said]
    assert grade([*outputs, Said(7.0, "keep going"), Said(50.0, "")]).score == grade(outputs).score


@given(numbers)
@settings(deadline=None)
def test_a_right_final_count_never_lowers_the_score(said: list[tuple[int, int]]) -> None:
    outputs = [Said(t / 10, str(v)) for t, v in said if t <= 80]
    assert (grade([*outputs, Said(8.5, "three")]).score or 0) >= (grade(outputs).score or 0)


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.integers(0, 5))
@settings(deadline=None)
def test_one_more_right_item_never_lowers_a_run(right: list[bool], which: int) -> None:
    def score(answers: list[bool]) -> float:
        entries = [Entry(str(i), TRUTH, tuple(RIGHT) if ok else ()) for i, ok in enumerate(answers)]
        return run(entries).score or 0.0

    better = [ok or i == which for i, ok in enumerate(right)]
    assert score(better) >= score(right)


@given(st.integers(1, 60), st.floats(0.0, 2.9))
@settings(deadline=None, max_examples=30)
def test_a_counter_that_lags_less_than_the_tail_always_passes(count: int, lag_s: float) -> None:
    truth = {"count": count, "rep_end_times_s": [float(k) for k in range(1, count + 1)], "duration_s": float(count)}
    assert grade([Said(k + lag_s, number_words(k)) for k in range(1, count + 1)], truth).score == 100.0


def test_huge_input_is_graded() -> None:
    outputs = [Said(4 + k / 100, "one two three " * 20) for k in range(200)]
    assert grade(outputs).score == 100.0
    assert grade([Said(6.0, "9" * 5_000)]).score == 0.0


def test_last_number_of_nothing_is_nothing() -> None:
    assert last_number((), 0.0, 1.0) is None
    assert last_number((SaidNumber(0.5, 7),), 0.0, 1.0) == SaidNumber(0.5, 7)
