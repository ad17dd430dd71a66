"""Figures of a check: intervals that are the same on every machine, and what a figure is held against."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tmlapp.bench.model_check.figures import (
    Figure,
    bootstrap,
    mean_figure,
    mean_of,
    percentile_of,
    ratio_figure,
    ratio_interval,
    ratio_of,
)
from tmlapp.bench.model_check.reach import REACH
from tmlapp.bench.stats import mean_interval

pytestmark = pytest.mark.unit

VALUES = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.5]


def figure(name: str, value: float | None, interval: tuple[float, float] | None = None, **more: Any) -> Figure:
    return Figure(name=name, label="x", value=value, n=3, of="clips", definition="d", interval=interval, **more)


def test_the_same_items_in_any_order_give_the_same_interval() -> None:
    pairs = [(v, 1.0) for v in VALUES]
    first = ratio_interval(pairs, 5)
    assert first == ratio_interval(pairs[::-1], 5)
    assert first == bootstrap(VALUES, mean_of, 5, key=lambda v: v)
    assert first != ratio_interval(pairs, 6) or first == (0.375, 1.0)


def test_an_interval_is_that_of_an_independent_bootstrap() -> None:
    ours = ratio_interval([(v, 1.0) for v in VALUES], 5, resamples=20_000)
    theirs = mean_interval(VALUES, resamples=20_000, seed=1)
    assert ours is not None
    assert theirs is not None
    assert np.allclose(ours, theirs, atol=0.07)


def test_a_ratio_draws_items_whole() -> None:
    pairs = [(1.0, 10.0), (9.0, 10.0)]
    low, high = ratio_interval(pairs, 0) or (None, None)
    assert (low, high) == (0.1, 0.9)
    assert ratio_of(pairs) == 0.5


def test_draws_without_anything_to_measure_are_left_out() -> None:
    assert ratio_interval([(0.0, 0.0), (1.0, 2.0)], 0) == (0.5, 0.5)
    assert ratio_interval([(0.0, 0.0), (0.0, 0.0)], 0) is None
    assert bootstrap([1, 2], lambda _: None, 0) is None


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_items_have_no_interval(values: list[float]) -> None:
    assert bootstrap(values, mean_of, 0) is None
    assert ratio_interval([(v, 1.0) for v in values], 0) is None
    assert mean_figure("x", "x", values, "d", seed=0).interval is None


def test_nothing_has_no_mean_no_ratio_and_no_percentile() -> None:
    assert mean_of([]) is None
    assert ratio_of([]) is None
    assert percentile_of([], 0.5) is None
    empty = mean_figure("x", "x", [], "d", seed=0, of="clips")
    assert (empty.value, empty.n, empty.reason) == (None, 0, "there are no such clips")
    assert ratio_figure("x", "x", [(0.0, 0.0)], "d", seed=0, of="minutes").reason == "there are no minutes"


def test_a_percentile_lies_between_its_neighbours() -> None:
    assert percentile_of([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5


@pytest.mark.parametrize(
    ("name", "value", "interval", "standing"),
    [
        ("bare.obo", 0.93, None, "reached"),
        ("bare.obo", 0.92, (0.8, 1.0), "within the interval"),
        ("bare.obo", 0.92, (0.8, 0.92), "not reached"),
        ("bare.obo", 0.92, None, "not reached"),
        ("bare.obo", None, None, ""),
        ("bare.mae", 0.09, None, "reached"),
        ("bare.mae", 0.1, (0.05, 0.2), "within the interval"),
        ("nobody.asks", 0.1, (0.05, 0.2), ""),
    ],
)
def test_a_figure_stands_where_its_value_and_its_interval_put_it(
    name: str, value: float | None, interval: tuple[float, float] | None, standing: str
) -> None:
    assert figure(name, value, interval).standing == standing


def test_a_figure_as_json_says_all_of_it() -> None:
    found = figure("bare.obo", 0.9, (0.8, 1.0), baselines={"silence": 0.0}, group="Clips").to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["interval"] == [0.8, 1.0]
    assert found["baselines"] == {"silence": 0.0}
    assert found["reach"]["standing"] == "within the interval"
    assert found["reach"]["before"] == {"prototype": ".815", "person pose": ".889"}
    assert figure("other", 0.9).to_json()["reach"] is None


def test_a_figure_is_called_by_its_group_and_label() -> None:
    assert figure("a", 1.0, group="Clips").title == "Clips: x"
    assert figure("a", 1.0).title == "x"


def test_what_is_to_be_reached_says_which_way() -> None:
    assert REACH["bare.obo"].text == "≥ 0.93"
    assert REACH["negatives.counts"].text == "≤ 0"
    assert REACH["echo.loss_db"].met_by(30.0)
    assert not REACH["step.p50"].met_by(10.1)
