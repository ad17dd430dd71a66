"""Full-Duplex-Bench v1: what one sample gives in each of the four tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.judges.base import Ruling
from tmlapp.bench.labels.fdb_files import NO_TRANSCRIPT, OFFICIAL, STRAYS, said_text, words_of
from tmlapp.bench.suite import Entry
from tmlapp.bench.suites.fdb_turns import (
    Span,
    after,
    backchannels,
    checked_words,
    divergence,
    in_order,
    spread,
    takes_turn,
    words_in,
)
from tmlapp.bench.truth import Fields
from tmlapp.core.errors import AppError

Task = Literal["pause_handling", "backchannel", "smooth_turn_taking", "user_interruption"]
State = Literal["ok", "missing", "no transcript"]

TASK_NAMES = ("pause_handling", "backchannel", "smooth_turn_taking", "user_interruption")
WAITS = frozenset({"pause_handling", "backchannel"})
"""Tasks in which the model should not take the turn."""
_KNOWN = (
    "suite", "subset", "task", "id", "duration_s", "output_samples", "pauses_s", "turn_end_s", "turn_taking",
    "context", "interrupt", "interrupt_start_s", "interrupt_end_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class V1Truth:
    """What happens in a sample; `turn_end_s` is the end of the user's turn or interruption."""

    subset: str
    task: Task
    id: str
    duration_s: float | None = None
    turn_end_s: float = 0.0
    context: str = ""
    interrupt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample, measured.

    Attributes:
        words, text: what is graded.
        tor: whether the model took the turn; None where a word without an end stops the official script.
        strays: the same, and the latency, for other transcripts in the official folder of the sample.
        values: its part of each figure of its task.
        ruling: of the rating judge, where it was asked.
    """

    entry: Entry
    truth: V1Truth
    state: State = "ok"
    words: tuple[Word, ...] = ()
    text: str = ""
    tor: bool | None = False
    strays: tuple[tuple[bool | None, float], ...] = ()
    values: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    ruling: Ruling | None = None


def parse_truth(raw: Mapping[str, Any]) -> V1Truth:
    """The truth of an item.

    Raises:
        AppError: a member is missing or malformed.
    """
    fields = Fields(raw, "fdb-v1", _KNOWN)
    task = fields.text("task")
    if task not in TASK_NAMES:
        raise fields.error(f"task is {task!r}, none of {', '.join(TASK_NAMES)}")
    end = {"smooth_turn_taking": "turn_end_s", "user_interruption": "interrupt_end_s"}.get(task)
    return V1Truth(
        subset=fields.text("subset", task),
        task=task,  # type: ignore[arg-type]  # checked above against the names of the literal
        id=fields.text("id"),
        duration_s=fields.number("duration_s", above=0) if fields.has("duration_s") else None,
        turn_end_s=fields.number(end) if end else 0.0,
        context=fields.text("context"),
        interrupt=fields.text("interrupt"),
    )


def graded_words(truth: V1Truth, answer: Answer, item: str) -> tuple[Word, ...]:
    """The words that an official output.json of this answer holds: inside the sound, after an interruption.

    Raises:
        AppError: something was said, and when is not known; or a time is no number.
    """
    words = words_in(answer, truth.duration_s, item)
    cut = truth.task == "user_interruption" and not answer.extra.get(OFFICIAL)
    return after(words, truth.turn_end_s) if cut else words


def graded_text(answer: Answer, words: tuple[Word, ...]) -> str:
    """The text that goes with the graded words."""
    return answer.text if words == answer.words else said_text(words)


def measured(
    entry: Entry,
    truth: V1Truth,
    parameters: Mapping[str, Any],
    official: bool,
    shares: Mapping[str, list[float]] | None,
) -> Sample:
    """The sample of `entry`; a rating is still to be asked for.

    Args:
        shares: reference distributions of backchannels by ID; None where they are not known.

    Raises:
        AppError: the answer lacks what the task needs.
    """
    answer = entry.answer
    if answer is None:
        # Not run: it counts as what the task does not want. The official scripts do not see it.
        return Sample(entry=entry, truth=truth, state="missing", values={} if official else _failure(truth))
    if answer.extra.get(NO_TRANSCRIPT):
        return Sample(entry=entry, truth=truth, state="no transcript", values={} if official else _failure(truth))
    words = graded_words(truth, answer, entry.item)
    if not official:
        words = in_order(words)
    details = {"word_times": "spread over utterances"} if spread(answer) else {}
    sample = Sample(entry=entry, truth=truth, words=words, text=graded_text(answer, words), details=details)
    if truth.task == "backchannel":
        return _listener(sample, answer, parameters, official, shares)
    strays: tuple[tuple[bool | None, float], ...] = ()
    if official:
        others = [words_of(other, name)[0] for name, other in answer.extra.get(STRAYS, {}).items()]
        strays = tuple((_tor(truth, o, parameters, official), _latency_s(truth, o)) for o in others)
    tor = _tor(truth, words, parameters, official)
    values = {} if tor is None else {"tor": float(tor)}
    if tor and truth.task != "pause_handling":
        # A latency after an interruption is printed only for answers that were rated.
        values["latency_s" if truth.task == "smooth_turn_taking" else "latency_all_s"] = _latency_s(truth, words)
    return replace(sample, tor=tor, strays=strays, values=values)


def _failure(truth: V1Truth) -> dict[str, float]:
    if truth.task == "backchannel":
        return {"tor": 1.0, "frequency": 0.0, "jsd": 1.0}
    return {"tor": float(truth.task in WAITS)}


def _latency_s(truth: V1Truth, words: tuple[Word, ...]) -> float:
    return max(0.0, words[0].t0_s - truth.turn_end_s) if words else 0.0


def _tor(truth: V1Truth, words: tuple[Word, ...], parameters: Mapping[str, Any], official: bool) -> bool | None:
    return takes_turn(
        words,
        turn_s=parameters["turn_s"],
        turn_words=parameters["turn_words"],
        open_end=not official or truth.task == "pause_handling",
    )


def _listener(
    sample: Sample,
    answer: Answer,
    parameters: Mapping[str, Any],
    official: bool,
    shares: Mapping[str, list[float]] | None,
) -> Sample:
    duration = _duration_s(answer, sample.truth, sample.entry.item)
    spans = _speech(answer, duration, sample.entry.item)
    found = backchannels(spans, sample.words, long_s=parameters["long_speech_s"], overwrite=official)
    values = {"tor": float(found.tor), "frequency": len(found.spans) / duration}
    details = {**sample.details, "speech_s": spans, "backchannels_s": found.spans}
    if not found.spans:
        values["jsd"] = 1.0
    elif shares is not None and sample.truth.id in shares:
        values["jsd"] = divergence(
            found.spans, duration, shares[sample.truth.id],
            window_s=parameters["window_s"], epsilon=parameters["epsilon"],
        )  # fmt: skip
    return replace(sample, tor=found.tor, values=values, details=details)


def _speech(answer: Answer, duration_s: float, item: str) -> tuple[Span, ...]:
    if answer.speech_s is None:
        if not answer.words and not answer.audio:
            return ()
        raise AppError(
            f"{item} cannot be graded.",
            "Backchannels need voice activity of the model's sound, and none was detected.",
            "Grade with a voice activity detector.",
        )
    checked_words([Word(start, end, "speech") for start, end in answer.speech_s], item)
    # The official script asks the detector for tenths of a second, none beyond the sound.
    return tuple((max(round(start, 1), 0.0), min(round(end, 1), duration_s)) for start, end in answer.speech_s)


def _duration_s(answer: Answer, truth: V1Truth, item: str) -> float:
    duration = answer.duration_s or truth.duration_s
    if answer.samples is not None and answer.rate_hz > 0:
        duration = answer.samples / answer.rate_hz
    if not duration or not 0 < duration < 1e6:
        raise AppError(
            f"{item} cannot be graded.", f"Its sound is {duration} s long.", "Run it again, or correct its truth."
        )
    return duration
