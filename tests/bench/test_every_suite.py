"""What holds for each of the fourteen suites, whatever its rule is."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.every_suite import PROFILES, STATES, SUITES, WORLDS, entries, entry, grade
from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.published import published
from tmlapp.bench.registry import suites
from tmlapp.bench.suite import Entry
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

MIXED = st.lists(st.sampled_from(STATES), min_size=1, max_size=12)
SEEN = {("fdb-v1", "official"), ("fdb-v1.5", "official"), ("fdb-v3", "official")}
"""The official scripts grade what they find: an item that was not run is not among it."""
ONLY_TAKEN = {("fdb-v1", "clean"), ("fdb-v3", "official")}
"""Latencies and, in the official rule, qualities are means over turns that were taken, which silence leaves."""


every = pytest.mark.parametrize(("suite", "profile"), PROFILES)
counting_all = pytest.mark.parametrize(("suite", "profile"), sorted(set(PROFILES) - SEEN - ONLY_TAKEN))


def numbers(made: Grade) -> dict[str, Any]:
    return {m.name: (m.value, m.n, m.interval, m.reason) for m in made.metrics}


def headline(made: Grade) -> float:
    """The score, the higher the better; what has none is below everything."""
    if made.score is None:
        return -math.inf
    return -made.score if made.metrics[0].better == "lower" else made.score


def quiet_tail(given: Entry) -> Entry:
    """The same answer, followed by an utterance in which nothing is said."""
    answers = {}
    for part, answer in given.answers.items():
        blank = (Utterance(900.0, 900.5, " "),) if answer.utterances else ()
        answers[part] = replace(answer, utterances=(*answer.utterances, *blank), text=answer.text + " " * bool(blank))
    first = next(iter(answers.values()), None)
    return replace(given, answers=answers, outputs=None if first is None else first.said())


def test_the_worlds_hold_every_suite() -> None:
    assert len(SUITES) == 14
    assert {name.partition("/")[0] for name in WORLDS} == set(suites())


@every
def test_right_answers_earn_more_than_wrong_ones(suite: str, profile: str) -> None:
    right = grade(suite, entries(suite, profile, ["right"] * 8), profile)
    wrong = grade(suite, entries(suite, profile, ["wrong"] * 8), profile)
    assert headline(right) > headline(wrong)
    assert headline(right) == (0.0 if suite == "fdb-v1" else 100.0)


@every
@settings(max_examples=8, deadline=None)
@given(states=MIXED, seed=st.integers(0, 99))
def test_the_order_of_the_items_changes_no_metric_and_no_interval(
    suite: str, profile: str, states: list[str], seed: int
) -> None:
    listed = entries(suite, profile, states)
    other = list(listed)
    random.Random(seed).shuffle(other)
    first, second = grade(suite, listed, profile), grade(suite, other, profile)
    assert numbers(first) == numbers(second)
    assert {v.item: v for v in first.verdicts} == {v.item: v for v in second.verdicts}
    assert first.baselines == second.baselines


@every
@settings(max_examples=4, deadline=None)
@given(states=MIXED)
def test_a_silent_tail_changes_no_score(suite: str, profile: str, states: list[str]) -> None:
    listed = entries(suite, profile, states)
    plain, longer = grade(suite, listed, profile), grade(suite, [quiet_tail(e) for e in listed], profile)
    assert numbers(plain) == numbers(longer)
    assert [v.score for v in plain.verdicts] == [v.score for v in longer.verdicts]


@counting_all
@settings(max_examples=8, deadline=None)
@given(states=MIXED, which=st.integers(0, 11))
def test_an_item_that_was_not_run_never_raises_the_headline(
    suite: str, profile: str, states: list[str], which: int
) -> None:
    listed = entries(suite, profile, states)
    at = which % len(states)
    without = [*listed[:at], entry(suite, profile, at, "missing"), *listed[at + 1 :]]
    assert headline(grade(suite, without, profile)) <= headline(grade(suite, listed, profile)) + 1e-9


@every
@settings(max_examples=8, deadline=None)
@given(states=MIXED, which=st.integers(0, 11))
def test_another_right_answer_never_lowers_the_headline(
    suite: str, profile: str, states: list[str], which: int
) -> None:
    listed = entries(suite, profile, states)
    at = which % len(states)
    better = [*listed[:at], entry(suite, profile, at, "right"), *listed[at + 1 :]]
    assert headline(grade(suite, better, profile)) >= headline(grade(suite, listed, profile)) - 1e-9


@every
@pytest.mark.parametrize("states", [[], ["right"], ["wrong"], ["missing"] * 5, ["silent"] * 5, ["missing"], ["silent"]])
def test_a_figure_without_a_value_says_why(suite: str, profile: str, states: list[str]) -> None:
    made = grade(suite, entries(suite, profile, states), profile)
    assert (made.n, len(made.verdicts)) == (len(states), len(states))
    assert made.n_missing == states.count("missing")
    assert made.n_silent == states.count("silent")
    assert all(m.reason for m in made.metrics if m.value is None)
    assert all(math.isfinite(m.value) for m in made.metrics if m.value is not None)
    assert all(v.why for v in made.verdicts)
    assert [v.item for v in made.verdicts] == [e.item for e in entries(suite, profile, states)]
    assert all(v.missing == (s == "missing") for v, s in zip(made.verdicts, states, strict=True))


@every
@settings(max_examples=4, deadline=None)
@given(states=MIXED)
def test_a_grade_survives_its_file(suite: str, profile: str, states: list[str]) -> None:
    made = grade(suite, entries(suite, profile, states), profile)
    # Whatever reads the file need not be Python: no NaN, no infinity.
    text = json.dumps(made.to_json(), allow_nan=False)
    again = Grade.from_json(json.loads(text))
    assert json.dumps(again.to_json(), allow_nan=False) == text
    assert again.metrics == made.metrics
    assert again.baselines == made.baselines


@every
def test_the_metrics_hold_every_published_one_and_the_items_their_parts(suite: str, profile: str) -> None:
    made = grade(suite, entries(suite, profile, ["right", "wrong"] * 8), profile)
    names = [m.name for m in made.metrics]
    assert len(set(names)) == len(names)
    wanted = {p.metric for p in published(suite)}
    if (suite, profile) == ("repcount-a", "official"):
        wanted = {"final_obo"}  # the published figure is that of the online rule
    assert wanted <= set(names)
    assert names[0] in wanted
    assert wanted <= {name for v in made.verdicts for name in v.values}


@every
@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf, 1e308, -1e308, -5.0, 1e9])
def test_times_out_of_this_world_are_refused_or_graded(suite: str, profile: str, time: float) -> None:
    listed = [_at(entry(suite, profile, i, "right"), time) for i in range(4)]
    with contextlib.suppress(AppError):
        json.dumps(grade(suite, listed, profile).to_json(), allow_nan=False)


def _at(given: Entry, time: float) -> Entry:
    """The answer with every time of its first utterance and word set to `time`."""
    answers: dict[str, Answer] = {}
    for part, answer in given.answers.items():
        words = tuple(replace(w, t0_s=time, t1_s=time) for w in answer.words)
        utterances = tuple(replace(u, t0_s=time, t1_s=time, words=words[:1]) for u in answer.utterances)
        answers[part] = replace(answer, words=words, utterances=utterances)
    return replace(given, answers=answers, outputs=next(iter(answers.values())).said())


_HASHED = """
import hashlib, json
from tests.bench.every_suite import PROFILES, STATES, entries, grade
digest = hashlib.sha256()
for suite, profile in PROFILES:
    made = grade(suite, entries(suite, profile, list(STATES) * 5), profile)
    digest.update(json.dumps(made.to_json()).encode())
print(digest.hexdigest())
"""


def test_two_processes_give_the_same_grade_to_the_last_bit() -> None:
    digest = hashlib.sha256()
    for suite, profile in PROFILES:
        digest.update(json.dumps(grade(suite, entries(suite, profile, list(STATES) * 5), profile).to_json()).encode())
    for seed in ("1", "2"):
        found = subprocess.run(
            [sys.executable, "-c", _HASHED],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert found.stdout.strip() == digest.hexdigest()
