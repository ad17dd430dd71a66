from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.bench.stats import grouped_interval, mean_interval

pytestmark = pytest.mark.unit


def test_the_interval_has_the_width_that_theory_gives() -> None:
    values = [100.0] * 300 + [0.0] * 100
    found = mean_interval(values)
    assert found is not None
    # sqrt(p (1 - p) / n) = 2.165; two-sided 95 % is 1.96 of it each way.
    assert found[0] == pytest.approx(75 - 1.96 * 2.165, abs=0.6)
    assert found[1] == pytest.approx(75 + 1.96 * 2.165, abs=0.6)


def test_fewer_than_two_values_have_no_interval() -> None:
    assert mean_interval([]) is None
    assert mean_interval([1.0]) is None
    assert mean_interval([1.0, 1.0]) == (1.0, 1.0)


def test_a_figure_of_group_means_is_drawn_inside_its_groups() -> None:
    found = grouped_interval([[0.0] * 50, [1.0] * 5], lambda means: means.mean(axis=1))
    assert found == (0.5, 0.5)
    assert grouped_interval([[0.0, 1.0], []], lambda means: means.mean(axis=1)) is None


def test_many_items_are_drawn_in_pieces() -> None:
    values = np.linspace(0.0, 1.0, 5000)
    found = mean_interval(list(values))
    assert found is not None
    assert found[0] < 0.5 < found[1]
    assert found[1] - found[0] == pytest.approx(2 * 1.96 * 0.2887 / 5000**0.5, rel=0.15)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=30), st.randoms())
def test_the_order_of_the_items_is_of_no_account(values: list[float], random: Any) -> None:
    mixed = list(values)
    random.shuffle(mixed)
    assert mean_interval(mixed) == mean_interval(values)
