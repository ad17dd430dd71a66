"""What should have happened when, for the timeline of an item: read from the details that each suite writes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Mark = tuple[float, float, str]
_TURN_ENDS = {"smooth_turn_taking": "the user's turn ends", "user_interruption": "the interruption ends"}
_SPANS = (("event_s", "overlap"), ("instruction_s", "instruction"))
_OF_TURNS = (
    ("related_timespan", "what is asked about is seen"),
    ("reply_timespan", "time to reply"),
)
_LISTS = (
    ("intervals", "action"),
    ("latency_stop_list", "until the model stops"),
    ("latency_resp_list", "until the model answers"),
)
_MOMENTS = (
    ("timestamp_s", "can be answered from here on"),
    ("user_speech_end_s", "the user has spoken"),
    ("stop_s", "the user says stop"),
)


def marks_of(details: Mapping[str, Any]) -> list[Mark]:
    """Begin, end (the same where it is a moment) and label; seconds on the item's clock, in the order of the details.

    What is no time is left out: details hold null where something did not happen.
    """
    return [
        (start, end, label) for start, end, label in _all(details) if math.isfinite(start) and math.isfinite(end)
    ]  # fmt: skip


def _all(details: Mapping[str, Any]) -> Iterator[Mark]:
    for window in _rows(details.get("windows")):
        yield from _span(window[:2], str(window[2]) if len(window) > 2 else "")
    for met in _rows(details.get("expectations")):
        if isinstance(met, Mapping):
            yield from _span(met.get("window"), _expectation(met))
    for turn in _rows(details.get("turns")):
        if isinstance(turn, Mapping):
            for name, label in _OF_TURNS:
                yield from _span(turn.get(name), f"{label}: {turn.get('answer', '')}")
    for name, label in _SPANS:
        yield from _span(details.get(name), label)
    for name, label in _LISTS:
        for span in _rows(details.get(name)):
            yield from _span(span, label)
    for number, end in enumerate(_rows(details.get("rep_ends_s")), start=1):
        yield from _span((end, end), f"repetition {number} ends")
    for name, label in _MOMENTS:
        yield from _span((details.get(name),) * 2, label)
    if details.get("task") in _TURN_ENDS:
        yield from _span((details.get("turn_end_s"),) * 2, _TURN_ENDS[details["task"]])


def _expectation(met: Mapping[str, Any]) -> str:
    optional = "" if met.get("required", True) else ", optional"
    return f"{met.get('id', '')}{optional}: {met.get('meaning', '')} ({met.get('reason', '')})"


def _rows(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _span(value: Any, label: str) -> Iterator[Mark]:
    times = _rows(value)
    if len(times) == 2 and all(isinstance(t, int | float) and not isinstance(t, bool) for t in times):
        yield float(times[0]), float(times[1]), label
