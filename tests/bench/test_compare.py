from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.bench.compare import compare, mcnemar, permutation_test
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Metric, Provenance, Verdict

pytestmark = pytest.mark.unit


def grade(values: Mapping[str, float], *, name: str = "accuracy", **made: Any) -> Grade:
    verdicts = tuple(
        Verdict(item=i, score=v, passed=None, graded_text=(), why="", values={name: v}) for i, v in values.items()
    )
    provenance = Provenance(**{"formula": "f@1", "profile": "p", "parameters": {}, "files": {}, **made})
    mean = sum(values.values()) / len(values) if values else None
    metric = Metric(name=name, label="Accuracy", value=mean, n=len(values))
    n = len(values)
    return Grade(
        suite="s", metric=name, score=mean, n=n, n_scored=n, n_missing=0, n_silent=0, n_ungraded=0,
        verdicts=verdicts, baselines=(), provenance=provenance, metrics=(metric,),
    )  # fmt: skip


def test_pairs_are_made_by_item_and_the_rest_is_named() -> None:
    a = grade({"x": 0.0, "y": 100.0, "only-a": 100.0})
    b = grade({"y": 100.0, "only-b": 0.0, "x": 100.0})
    (found,) = compare(a, b)
    assert (found.n, found.only_a, found.only_b) == (2, ("only-a",), ("only-b",))
    assert (found.mean_a, found.mean_b, found.difference) == (50.0, 100.0, 50.0)
    assert (found.higher, found.lower, found.equal) == (1, 0, 1)
    assert found.to_json()["metric"] == "accuracy"


def test_the_exact_test_counts_every_way_of_swapping() -> None:
    # Of the 2 ** 3 swaps of differences 1, 2, 4 only +7 and -7 are as far from 0 as 7.
    assert permutation_test(np.array([1.0, 2.0, 4.0])) == (2 / 8, "exact")
    # Pairs that do not differ say nothing.
    assert permutation_test(np.array([1.0, 0.0, 2.0, 0.0, 4.0])) == (2 / 8, "exact")
    assert permutation_test(np.zeros(3)) == (1.0, "exact")
    assert permutation_test(np.zeros(0)) == (None, "no pair")


def test_many_pairs_are_swapped_at_random_from_a_stated_seed() -> None:
    apart = np.linspace(-1.0, 1.2, 40)
    p, how = permutation_test(apart)
    assert how == "10000 random swaps, seed 0"
    assert permutation_test(apart) == (p, how)
    clear, _ = permutation_test(np.full(40, 1.0))
    assert clear == pytest.approx(1 / 10_001)
    assert p is not None
    assert 0.3 < p < 0.6


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(1, 5) == pytest.approx(2 * (1 + 6) / 64)
    assert mcnemar(700, 700) == 1.0
    assert mcnemar(0, 1000) < 1e-300


def test_values_that_are_not_all_or_nothing_have_no_mcnemar() -> None:
    assert compare(grade({"x": 0.4, "y": 1.3}), grade({"x": 0.5, "y": 1.0}))[0].mcnemar_p is None
    binary = compare(grade({"x": 0.0, "y": 100.0}), grade({"x": 100.0, "y": 0.0}))[0]
    assert binary.mcnemar_p == 1.0


def test_a_grade_without_named_values_is_compared_by_its_scores() -> None:
    verdicts = tuple(
        Verdict(item=i, score=s, passed=None, graded_text=(), why="") for i, s in (("x", 1.0), ("y", None))
    )
    one = replace(grade({"x": 1.0}, name="score"), verdicts=verdicts)
    (found,) = compare(one, one)
    assert (found.n, found.difference, found.interval) == (1, 0.0, None)


def test_a_metric_without_a_pair_has_no_figures() -> None:
    other = replace(grade({"x": 1.0}), verdicts=(replace(grade({"x": 1.0}).verdicts[0], values={}),))
    (found,) = compare(grade({"x": 1.0}), other)
    assert (found.n, found.mean_a, found.mean_b, found.difference, found.p_value) == (0, None, None, None, None)
    assert found.only_a == ("x",)
    assert found.mcnemar_p is None


def test_the_interval_of_a_difference_holds_it_and_is_the_same_each_time() -> None:
    random = np.random.default_rng(3)
    a = {str(i): float(v) for i, v in enumerate(random.normal(0, 1, 3000))}
    b = {k: v + 0.2 for k, v in a.items()}
    (found,) = compare(grade(a), grade(b))
    assert found.interval is not None
    assert found.interval[0] == pytest.approx(0.2)
    assert found.interval == compare(grade(a), grade(b))[0].interval


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"formula": "f@2"}, "rule"),
        ({"profile": "clean"}, "profile"),
        ({"parameters": {"tail_s": 1.0}}, "parameters"),
        ({"text_source": "asr"}, "graded text"),
        ({"transcripts": {"transcriber": "align"}}, "transcripts"),
        ({"judges": ({"kind": "k", "judge": "rules@1", "prompt_sha256": "ab"},)}, "judges"),
        ({"protocol": {"protocol": "live"}}, "protocol"),
    ],
)
def test_what_was_graded_in_another_way_is_refused(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(AppError, match=named):
        compare(grade({"x": 1.0}), grade({"x": 1.0}, **changed))


def test_a_run_in_which_nothing_was_said_is_compared_although_its_judge_was_never_asked() -> None:
    silent = grade({"x": 0.0, "y": 0.0})
    silent = replace(silent, verdicts=tuple(replace(v, silent=True) for v in silent.verdicts))
    judged = grade({"x": 1.0, "y": 0.0}, judges=({"kind": "k", "judge": "rules@1", "prompt_sha256": "ab"},))
    assert compare(silent, judged)[0].difference == pytest.approx(0.5)
    assert compare(judged, silent)[0].difference == pytest.approx(-0.5)


def test_runs_without_a_common_item_are_refused() -> None:
    with pytest.raises(AppError, match="no item in common"):
        compare(grade({"x": 1.0}), grade({"y": 1.0}))


def test_an_item_that_stands_twice_is_refused() -> None:
    one = grade({"x": 1.0})
    with pytest.raises(AppError, match="twice"):
        compare(replace(one, verdicts=one.verdicts * 2), one)


@given(st.dictionaries(st.text(min_size=1), st.floats(-100, 100), min_size=1, max_size=12), st.randoms())
def test_neither_order_nor_direction_matters(values: dict[str, float], random: Any) -> None:
    other = {k: v / 2 + 1 for k, v in values.items()}
    mixed = list(values.items())
    random.shuffle(mixed)
    (one,) = compare(grade(values), grade(other))
    (same,) = compare(grade(dict(mixed)), grade(other))
    (turned,) = compare(grade(other), grade(values))
    assert one == same
    assert turned.p_value == one.p_value
    assert (turned.higher, turned.lower) == (one.lower, one.higher)
