"""What timelines show, read from the details that the suites really write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench.every_suite import SUITES, entries, grade
from tmlapp.bench.report.marks import marks_of

pytestmark = pytest.mark.unit


def marks(suite: str, n: int = 1) -> list[tuple[float, float, str]]:
    """Of the last of `n` items, from a grade as it stands in a file."""
    made = grade(suite, entries(suite, SUITES[suite].profiles[0], ["right"] * n), SUITES[suite].profiles[0])
    return marks_of(json.loads(json.dumps(made.to_json()))["verdicts"][-1]["details"])


def times(found: list[tuple[float, float, str]]) -> list[tuple[float, float]]:
    return [(round(a, 3), round(b, 3)) for a, b, _ in found]


@pytest.mark.parametrize("suite", ["timespeak", "cuespeak"])
def test_windows_of_expectations_are_shown_with_meaning_and_ruling(suite: str) -> None:
    found = marks(suite, 2)
    assert times(found)[:2] == [(5.5, 7.5), (8.5, 10.5)]
    assert found[0][2].startswith("e0: says right (ok")
    assert (0.5, 2.0, "instruction") in found


def test_spans_of_proactive_turns_are_shown() -> None:
    found = marks("proactive-video-qa", 2)
    assert times(found) == [(5.0, 9.0), (5.0, 10.0), (20.0, 24.0), (20.0, 25.0)]
    assert found[0][2].endswith("a mug")


def test_turn_ends_and_interruptions_of_full_duplex_bench_are_shown() -> None:
    assert marks("fdb-v1", 1) == [(2.0, 2.0, "the user's turn ends")]
    assert marks("fdb-v1", 2) == []  # pauses: the user has not ended
    assert marks("fdb-v1", 3) == [(2.0, 2.0, "the interruption ends")]
    overlapped = marks("fdb-v1.5")
    assert (4.0, 5.0, "overlap") in overlapped
    assert any(label == "until the model answers" for _, _, label in overlapped)
    assert (3.0, 3.0, "the user has spoken") in marks("fdb-v3")


def test_repetitions_actions_and_moments_are_shown() -> None:
    assert times(marks("repcount-a")) == [(2.0, 2.0), (4.0, 4.0), (6.0, 6.0)]
    assert marks("charades") == [(3.0, 7.0, "action")]
    assert marks("qivd") == [(0.9, 0.9, "can be answered from here on")]


@pytest.mark.parametrize(
    "details",
    [
        {"windows": None, "turns": ["a"], "expectations": [1], "intervals": [[1]], "rep_ends_s": "12"},
        {"event_s": [None, 2], "timestamp_s": None, "windows": [[float("nan"), 1], [0, float("inf"), "x"]]},
        {"task": "pause_handling", "turn_end_s": 0.0, "instruction_s": [True, False]},
    ],
)
def test_what_is_no_time_is_left_out(details: dict[str, Any]) -> None:
    assert marks_of(details) == []


def test_windows_of_other_suites_keep_their_own_labels() -> None:
    assert marks_of({"windows": [[1, 2, "here"], (3.0, 4.0)]}) == [(1.0, 2.0, "here"), (3.0, 4.0, "")]
