from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.charades import Charades, Pairing, pair_borders, parse_truth, span_in, words_of
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

TRUTH: dict[str, Any] = {"suite": "charades", "start_s": 3.0, "stop_s": 9.0, "length_s": 12.0}


def run(entries: list[Entry], *, profile: str = "tml_reading", params: Any = None) -> Grade:
    return Charades().grade(entries, profile=profile, params=params or {}, sources=Sources())


def grade(outputs: list[Said], truth: dict[str, Any] | None = None, **more: Any) -> Grade:
    return run([Entry("item", TRUTH if truth is None else truth, tuple(outputs))], **more)


def test_a_start_and_a_stop_make_an_interval() -> None:
    result = grade([Said(4.0, "Start."), Said(8.0, "stop!")])
    verdict = result.verdicts[0]
    assert result.score == pytest.approx(100 * 4 / 6)
    assert verdict.passed is True
    assert verdict.why == "IoU 0.667: [4.000, 8.000] s against [3.000, 9.000] s"
    assert (verdict.details["start_error_s"], verdict.details["stop_error_s"]) == (1.0, -1.0)
    assert result.aggregates["R@0.5"] == 100.0
    assert result.aggregates["R@0.7"] == 0.0


def test_silence_and_a_lone_stop_give_nothing() -> None:
    for outputs in ([], [Said(5.0, "stop")]):
        result = grade(outputs)
        assert result.score == 0.0
        assert result.verdicts[0].why == "IoU 0: the answer gives no interval"
        assert result.n_silent == (0 if outputs else 1)


def test_a_start_that_is_never_closed_ends_with_the_video_or_is_dropped() -> None:
    outputs = [Said(6.0, "start")]
    closed = grade(outputs)
    assert closed.score == pytest.approx(100 / 3)
    assert "never stopped" in closed.verdicts[0].why
    assert closed.aggregates["n_unmatched_start"] == 1
    assert grade(outputs, params={"unmatched": "zero"}).score == 0.0


def test_strict_and_loose_are_both_reported() -> None:
    outputs = [Said(3.0, "okay, start"), Said(9.0, "and stop")]
    strict = grade(outputs)
    assert (strict.score, strict.aggregates["mean_iou_loose"]) == (0.0, 100.0)
    loose = grade(outputs, params={"mode": "loose"})
    assert (loose.score, loose.aggregates["mean_iou_strict"]) == (100.0, 0.0)


def test_a_strict_utterance_has_at_most_three_words() -> None:
    assert pair_borders([Said(1, "start right now"), Said(2, "stop")], 9).intervals == ((1, 2),)
    assert pair_borders([Said(1, "start right now please"), Said(2, "stop")], 9).intervals == ()
    assert pair_borders([Said(1, "— start …"), Said(2, "stop")], 9).intervals == ((1, 2),)


def test_both_words_in_one_breath_are_no_interval() -> None:
    assert pair_borders([Said(1, "start and stop")], 9, mode="loose") == Pairing((), False)


def test_a_start_after_the_end_is_unmatched_and_empty() -> None:
    assert pair_borders([Said(13, "start")], 12) == Pairing((), True)
    assert pair_borders([Said(13, "start"), Said(14, "stop")], 12) == Pairing((), False)


def test_words_lose_their_punctuation_but_not_their_endings() -> None:
    assert words_of("“START!” - started, (stop)…") == ["start", "started", "stop"]
    assert words_of("") == []


def test_what_was_said_before_the_video_is_an_acknowledgement() -> None:
    truth = TRUTH | {"video_start_s": 2.0}
    outputs = [Said(1.0, "start"), Said(5.0, "start"), Said(11.0, "stop")]
    assert grade(outputs, truth).score == 100.0


def test_several_occurrences_are_judged_by_the_first_and_as_a_set() -> None:
    truth = {"intervals": [[6, 8], [1, 3]], "length_s": 10}
    verdict = grade([Said(1, "start"), Said(3, "stop"), Said(6, "start"), Said(8, "stop")], truth).verdicts[0]
    assert (verdict.score, verdict.details["set_iou"]) == (100.0, 1.0)
    assert verdict.details["reference"] == (1.0, 3.0)


def test_the_truth_is_clipped_to_the_video() -> None:
    assert parse_truth(TRUTH | {"stop_s": 99}).intervals == ((3.0, 12.0),)


def test_the_baselines_answer_the_same_items() -> None:
    names = {b.name: b.score for b in grade([]).baselines}
    assert names["silent"] == 0.0
    assert names["start at 0, stop at the end"] == pytest.approx(50.0)
    assert names["true start, never stops"] == pytest.approx(100 * 6 / 9)


def test_missing_items_count_as_failures() -> None:
    right = (Said(3, "start"), Said(9, "stop"))
    result = run([Entry("a", TRUTH, right), Entry("b", TRUTH, None)])
    assert (result.score, result.n_missing, result.n_scored) == (50.0, 1, 2)
    assert result.verdicts[1].why == "IoU 0: the item was not run"


def test_no_items_give_no_score_and_no_error() -> None:
    result = run([])
    assert (result.score, result.aggregates["mean_set_iou"]) == (None, None)
    assert [b.score for b in result.baselines] == [None] * 3


def test_a_written_answer_is_graded_under_the_sta_profile() -> None:
    result = grade([Said(13.0, "It happens from 3.0 to 9 seconds.")], profile="sta")
    assert (result.score, result.provenance.formula) == (100.0, "charades/text-interval-iou@1")
    assert "n_unmatched_start" not in result.aggregates
    assert grade([Said(-1.0, "3 - 9"), Said(1.0, "no idea")], profile="sta").score == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5 - 9", (3.5, 9.0)),
        ("3s to 9s", (3.0, 9.0)),
        ("between 3 seconds and 9.25 seconds", (3.0, 9.25)),
        ("9 - 3", None),
        ("at 3", None),
    ],
)
def test_a_span_is_read_from_a_written_answer(text: str, expected: Any) -> None:
    assert span_in(text) == expected


@pytest.mark.parametrize(
    ("truth", "why"),
    [
        ({"start_s": 1, "stop_s": 2}, "length_s is missing"),
        ({"length_s": 9, "stop_s": 2}, "start_s is missing"),
        ({"length_s": 9, "start_s": 2, "stop_s": 2}, "no later than it starts"),
        ({"length_s": 9, "start_s": 9, "stop_s": 12}, "No interval lies inside"),
        ({"length_s": 9, "intervals": []}, "No interval lies inside"),
        ({"length_s": 9, "intervals": [[1]]}, "not a list of"),
        ({"length_s": 9, "intervals": 7}, "not a list of"),
        ({"length_s": 9, "intervals": [[1, math.nan]]}, r"intervals\[0\]\[1\] is nan"),
        ({"length_s": 0, "start_s": 1, "stop_s": 2}, "too small"),
        ({"suite": "repcount-a"}, "for the suite 'repcount-a'"),
    ],
)
def test_a_truth_that_contradicts_itself_is_refused_with_the_reason(truth: dict[str, Any], why: str) -> None:
    with pytest.raises(AppError, match=why):
        grade([], truth)


def test_members_that_mean_nothing_are_named() -> None:
    assert grade([], TRUTH | {"colour": 1}).verdicts[0].details["ignored_truth_members"] == ["colour"]


@pytest.mark.parametrize("params", [{"mode": "wild"}, {"unmatched": "open"}, {"mode": 3}])
def test_a_mode_that_does_not_exist_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="cannot be"):
        grade([], params=params)


words = st.sampled_from(["start", "stop", "Start!", "hm", "okay start now go", ""])
talk = st.lists(st.tuples(st.integers(-8, 120), words), max_size=10)


@given(talk, st.randoms(), st.sampled_from(["strict", "loose"]), st.sampled_from(["close", "zero"]))
@settings(deadline=None)
def test_the_order_of_the_outputs_does_not_matter(said: Any, rng: Any, mode: Any, unmatched: Any) -> None:
    outputs = [Said(t / 8, text) for t, text in dict(said).items()]
    shuffled = outputs[:]
    rng.shuffle(shuffled)
    assert grade(outputs, params={"mode": mode, "unmatched": unmatched}) == grade(
        shuffled, params={"mode": mode, "unmatched": unmatched}
    )


@given(talk, st.sampled_from(["strict", "loose"]), st.sampled_from(["close", "zero"]))
def test_intervals_are_in_order_disjoint_and_inside_the_video(said: Any, mode: Any, unmatched: Any) -> None:
    intervals = pair_borders([Said(t / 8, text) for t, text in said], 12.0, mode=mode, unmatched=unmatched).intervals
    flat = [t for span in intervals for t in span]
    assert flat == sorted(flat)
    assert all(0 <= s < e <= 12.0 for s, e in intervals)


@given(talk)
@settings(deadline=None)
def test_appended_silence_and_other_speech_change_no_score(said: Any) -> None:
    outputs = [Said(t / 8, text) for t, text in said]
    assert grade([*outputs, Said(40.0, ""), Said(41.0, "well done")]).score == grade(outputs).score


@given(st.lists(st.integers(0, 40), min_size=2, max_size=2, unique=True))
@settings(deadline=None)
def test_the_right_answer_is_never_worse_than_another(times: list[int]) -> None:
    start, stop = sorted(t / 4 for t in times)
    other = grade([Said(start, "start"), Said(stop, "stop")]).score
    assert other is not None
    assert other <= 100.0 == grade([Said(3.0, "start"), Said(9.0, "stop")]).score
