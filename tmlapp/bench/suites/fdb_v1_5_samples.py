"""Full-Duplex-Bench v1.5: what one sample gives: its four transcripts and its times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.judges.base import Ruling
from tmlapp.bench.labels.fdb_files import NO_TRANSCRIPT, said_text, transcript
from tmlapp.bench.labels.fdb_v1_5 import CLEAN, INPUT, PARTS
from tmlapp.bench.said import is_time
from tmlapp.bench.suite import Entry
from tmlapp.bench.suites.fdb_behaviour import COUNTS
from tmlapp.bench.suites.fdb_timing import MODEL_GAP_S, USER_GAP_S, Span, Timing, timing
from tmlapp.bench.suites.fdb_turns import words_in
from tmlapp.bench.truth import Fields
from tmlapp.core.errors import AppError

USER_KNOWN = "user_transcript"
"""Member of `Answer.extra`: the user's transcript is there, even if it is empty."""
INTERVALS = "latency_intervals"
"""Member of `Answer.extra`: what a latency_intervals.json holds."""
_KNOWN = (
    "suite", "scenario", "id", "context_text", "current_turn_text", "event_s", "duration_s", "output_samples",
)  # fmt: skip
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_FIELDS = {"input_clean": CLEAN, "input_noisy": INPUT, "output_clean": CLEAN, "output_noisy": INPUT}


@dataclass(frozen=True, slots=True)
class V15Truth:
    """What happens in a sample; `event_s` is the overlap, `durations_s` are by part."""

    scenario: str
    event_s: Span | None = None
    durations_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class V15Sample:
    """One sample.

    Attributes:
        lacking: the transcripts that are not there, by the name of their file.
        said: the model's words by part; `text` is what it said under the overlap.
        labels: what it was ruled to be; None where nobody has ruled.
        found: its times; None where no voice activity was detected.
    """

    entry: Entry
    truth: V15Truth
    lacking: tuple[str, ...] = ()
    said: Mapping[str, tuple[Word, ...]] = field(default_factory=dict)
    text: str = ""
    labels: tuple[str, ...] | None = None
    found: Timing | None = None
    ruling: Ruling | None = None

    @property
    def words(self) -> tuple[Word, ...]:
        """What the model said under the overlap."""
        return self.said.get(INPUT, ())

    @property
    def asks(self) -> bool:
        """A judge has to rule: all is there, and the model spoke."""
        return not self.lacking and bool(self.words)


def parse_truth(raw: Mapping[str, Any]) -> V15Truth:
    """The truth of an item.

    Raises:
        AppError: a member is missing or malformed.
    """
    fields = Fields(raw, "fdb-v1.5", _KNOWN)
    scenario = fields.text("scenario")
    if scenario not in COUNTS:
        raise fields.error(f"scenario is {scenario!r}, none of {', '.join(COUNTS)}")
    event = None
    if fields.has("event_s"):
        times = fields.numbers("event_s")
        if len(times) != 2:
            raise fields.error(f"event_s has {len(times)} times, not start and end")
        event = (times[0], times[1])
    given = raw.get("duration_s") or {}
    if not isinstance(given, Mapping):
        raise fields.error("duration_s is no object with a length for each part")
    lengths = Fields(given, "fdb-v1.5", PARTS)
    return V15Truth(scenario, event, {part: lengths.number(part, above=0) for part in PARTS if lengths.has(part)})


def user_known(answer: Answer) -> bool:
    """Somebody has written down what the user says."""
    return bool(answer.user_text or answer.user_words or answer.extra.get(USER_KNOWN))


def measured(entry: Entry, truth: V15Truth, parameters: Mapping[str, Any]) -> V15Sample:
    """The sample of `entry`; its label is still to be asked for.

    Raises:
        AppError: words or times cannot be used.
    """
    lacking: list[str] = []
    for part, output in ((INPUT, "output"), (CLEAN, "clean_output")):
        answer = entry.answers.get(part)
        if answer is None or not user_known(answer):
            lacking.append(f"{part}.json")
        if answer is None or answer.extra.get(NO_TRANSCRIPT):
            lacking.append(f"{output}.json")
    overlapped = entry.answers.get(INPUT)
    found = None if overlapped is None else times_of(overlapped, entry.item, **parameters)
    if lacking:
        return V15Sample(entry=entry, truth=truth, lacking=tuple(lacking), found=found)
    said = {part: words_in(entry.answers[part], truth.durations_s.get(part), entry.item) for part in PARTS}
    text = output_text(entry.answers[INPUT], said[INPUT])
    return V15Sample(entry=entry, truth=truth, said=said, text=text, found=found)


def question_fields(sample: V15Sample) -> dict[str, str]:
    """The four transcripts as the judge gets them: compact JSON."""
    fields = {}
    for name, part in _FIELDS.items():
        answer = sample.entry.answers[part]
        if name.startswith("input"):
            heard = transcript(answer.user_words, answer.user_text or said_text(answer.user_words))
        else:
            heard = transcript(sample.said[part], output_text(answer, sample.said[part]))
        fields[name] = _COMPACT.encode(heard)
    return fields


def output_text(answer: Answer, words: tuple[Word, ...]) -> str:
    """The text that goes with the graded words."""
    return answer.text if words == answer.words else said_text(words)


def times_of(
    answer: Answer, item: str, *, user_gap_s: float = USER_GAP_S, model_gap_s: float = MODEL_GAP_S
) -> Timing | None:
    """Intervals from voice activity, or as recorded; None where neither is there.

    Raises:
        AppError: they are malformed.
    """
    if answer.speech_s is not None and answer.user_speech_s is not None:
        return timing(answer.user_speech_s, answer.speech_s, user_gap_s=user_gap_s, model_gap_s=model_gap_s)
    recorded = answer.extra.get(INTERVALS)
    if recorded is None:
        return None
    try:
        lists = [
            tuple((float(start), float(end)) for start, end in recorded[key])
            for key in ("latency_stop_list", "latency_resp_list")
        ]
        if not all(is_time(t) for spans in lists for span in spans for t in span):
            raise ValueError("a time is no number of seconds")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise AppError(
            f"The latency_intervals.json of {item} cannot be read.",
            f"{type(error).__name__}: {error}.",
            "It should hold latency_stop_list and latency_resp_list, lists of [start, end].",
        ) from error
    return Timing((), (), lists[0], lists[1])


def intervals_json(found: Timing) -> dict[str, Any]:
    """What a latency_intervals.json holds."""
    return {
        "latency_stop_list": [list(span) for span in found.stops],
        "latency_resp_list": [list(span) for span in found.responses],
    }
