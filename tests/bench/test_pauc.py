from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.bench.said import Said
from tmlapp.bench.suites.pauc import Asked, Point, heard_in, kept_points, pauc

pytestmark = pytest.mark.unit

SPAN = (10.0, 20.0)
omegas = st.floats(0, 1)
times = st.integers(100, 200).map(lambda tenth: tenth / 10)
rated = st.lists(st.tuples(times, st.integers(0, 2)), max_size=6)


@given(omegas)
def test_silence_is_worth_a_quarter_at_every_omega(omega: float) -> None:
    assert pauc((), SPAN, omega) == pytest.approx(0.25, abs=1e-12)


@given(omegas)
def test_a_wrong_answer_at_the_start_is_worth_nothing_and_a_right_one_everything(omega: float) -> None:
    assert pauc([(10.0, 0)], SPAN, omega) == 0
    assert pauc([(10.0, 2)], SPAN, omega) == pytest.approx(1.0)


@pytest.mark.parametrize(("omega", "expected"), [(0.0, 48.5 / 98), (0.5, 0.7474489795918368), (1.0, 1.0)])
def test_the_figure_of_the_paper_is_reproduced(omega: float, expected: float) -> None:
    points = [(312.0, 0), (328.0, 1), (344.0, 2), (352.0, 2)]
    assert pauc(points, (311.0, 360.0), omega) == pytest.approx(expected, abs=1e-12)


@given(rated, omegas)
def test_pauc_lies_between_0_and_1(points: list[Point], omega: float) -> None:
    assert -1e-12 <= pauc(kept_points(points, 18.0), SPAN, omega) <= 1 + 1e-12


@given(st.lists(st.tuples(times, st.integers(0, 2)), max_size=6, unique_by=lambda p: p[0]), omegas, st.randoms())
def test_ratings_may_come_in_any_order(points: list[Point], omega: float, random: object) -> None:
    mixed = list(points)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert kept_points(mixed, 18.0) == kept_points(points, 18.0)


@given(rated, times, omegas)
def test_a_fully_right_reply_never_lowers_a_turn(points: list[Point], t: float, omega: float) -> None:
    # Judged after the others of its instant, as a reply that comes later is.
    before = pauc(kept_points(points, 18.0), SPAN, omega)
    assert pauc(kept_points([*points, (t, 2)], 18.0), SPAN, omega) >= before - 1e-12


@given(rated.filter(bool), st.data(), omegas)
def test_a_better_rating_in_time_never_lowers_a_turn(points: list[Point], data: st.DataObject, omega: float) -> None:
    points = list({t: (t, score) for t, score in points}.values())
    at = data.draw(st.integers(0, len(points) - 1))
    t, score = points[at]
    better = [*points[:at], (t, min(2, score + 1)), *points[at + 1 :]]
    related_end = data.draw(times.filter(lambda end: end >= t))
    assert (
        pauc(kept_points(better, related_end), SPAN, omega)
        >= pauc(kept_points(points, related_end), SPAN, omega) - 1e-12
    )


def test_a_better_rating_of_a_late_reply_may_lower_a_turn() -> None:
    # The late-reply rule deletes the 0, and leaves the 1: what was fully right is then followed by half an answer.
    in_time, late, later = (11.0, 1), (18.5, 2), 19.0
    wrong = kept_points([in_time, late, (later, 0)], 18.0)
    half = kept_points([in_time, late, (later, 1)], 18.0)
    assert wrong == (in_time, late)
    assert half == (in_time, late, (later, 1))
    assert pauc(half, SPAN) < pauc(wrong, SPAN)


def test_a_late_reply_that_is_worse_is_deleted_and_one_alone_never_is() -> None:
    assert kept_points([(12.0, 2), (19.0, 1)], 18.0) == ((12.0, 2),)
    assert kept_points([(12.0, 2), (18.0, 1)], 18.0) == ((12.0, 2), (18.0, 1))
    assert kept_points([(19.0, 0)], 18.0) == ((19.0, 0),)
    assert kept_points([(18.5, 0), (19.0, 0)], 18.0) == ((18.5, 0), (19.0, 0))


def test_of_one_instant_the_last_rating_counts_and_an_ungraded_one_changes_nothing() -> None:
    assert kept_points([(12.0, 2), (12.0, 0), (12.0, None), (13.0, None)], 18.0) == ((12.0, 0),)


def test_a_turn_hears_both_ends_of_its_span_and_judges_what_was_said_so_far() -> None:
    said = [Said(9.9, "a"), Said(10.0, "b"), Said(12.0, "c"), Said(13.0, "b"), Said(20.0, "d"), Said(20.1, "e")]
    heard = heard_in(said, SPAN)
    assert heard.asked == (Asked(10.0, "b"), Asked(12.0, "b c"), Asked(20.0, "b c d"))
    assert (heard.duplicates, heard.replies) == (1, 4)
