from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.bench.intervals import Interval, clip, iou, measure, recall_at, set_iou, union

pytestmark = pytest.mark.unit

# A grid of eighths is exact in binary, so that equalities are equalities.
times = st.integers(0, 400).map(lambda n: n / 8)
spans = st.tuples(times, times).map(lambda p: (min(p), max(p)))
lists = st.lists(spans, max_size=5)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((2, 6), (2, 6), 1.0),
        ((2, 6), (6, 9), 0.0),
        ((2, 6), (0, 10), 0.4),
        ((2, 6), (7, 9), 0.0),
        ((3, 3), (3, 3), 0.0),
        ((3, 3), (2, 4), 0.0),
    ],
)
def test_iou_takes_the_hull_and_a_hull_without_length_gives_nothing(a: Interval, b: Interval, expected: float) -> None:
    assert iou(a, b) == expected


@given(spans, spans)
def test_iou_does_not_mind_the_order_and_stays_between_0_and_1(a: Interval, b: Interval) -> None:
    assert iou(a, b) == iou(b, a)
    assert 0.0 <= iou(a, b) <= 1.0


@given(spans)
def test_only_an_interval_with_length_agrees_fully_with_itself(a: Interval) -> None:
    assert iou(a, a) == (1.0 if a[1] > a[0] else 0.0)


@given(lists, lists)
def test_set_iou_does_not_mind_the_order_and_stays_between_0_and_1(a: list[Interval], b: list[Interval]) -> None:
    assert set_iou(a, b) == pytest.approx(set_iou(b, a))
    assert 0.0 <= set_iou(a, b) <= 1.0 + 1e-12
    assert set_iou(a[::-1], b[::-1]) == pytest.approx(set_iou(a, b))


@given(spans, lists)
def test_saying_more_of_the_truth_never_lowers_the_set_iou(part: Interval, truth: list[Interval]) -> None:
    said = list(truth[:1])
    assert set_iou([*said, *truth], truth) >= set_iou(said, truth)
    assert set_iou([part, *truth], truth) <= set_iou(truth, truth) + 1e-12


def test_the_set_iou_of_two_occurrences_counts_both() -> None:
    assert set_iou([(0, 2), (4, 6)], [(0, 2)]) == 0.5
    assert set_iou([], []) == 0.0
    assert set_iou([(1, 1)], [(2, 2)]) == 0.0


def test_a_union_is_disjoint_and_in_order() -> None:
    assert union([(4, 5), (0, 2), (1, 3), (3, 4)]) == ((0, 5),)
    assert union([(4, 5), (0, 2)]) == ((0, 2), (4, 5))
    assert measure([(0, 2), (1, 3), (7, 8)]) == 4


def test_what_lies_outside_the_video_is_cut_off_and_what_is_empty_is_dropped() -> None:
    assert clip([(-1, 2), (3, 99), (11, 12), (5, 5)], 10) == ((0.0, 2), (3, 10))


def test_recall_counts_the_border_in() -> None:
    assert recall_at([0.5, 0.49999], 0.5) == 50.0
    assert recall_at([], 0.5) is None
