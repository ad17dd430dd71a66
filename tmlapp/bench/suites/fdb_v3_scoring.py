"""Full-Duplex-Bench v3: formulas over tool calls and times. What is certain about them: docs/grading.md.

All times are seconds, 0 at the first sample of the user's sound.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.said import is_time
from tmlapp.core.errors import AppError

TURN_GAP_S = 2.0
"""The first gap between the user's words longer than this ends the user's turn."""
SPEECH_END = "user_speech_end_rel"
SPEECH_START = "audio_agent_speech_start"
CHUNKS = "has_chunks"
"""Members of `Answer.extra` read from an official result file; they win over what is measured."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, expected or made."""

    function: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """How well the names of the calls agree, each figure to 3 decimals; `exact`: none missing, none too many."""

    recall: float
    precision: float
    f1: float
    exact: bool


def selection(expected: Sequence[str], actual: Sequence[str]) -> Selection:
    """Recall, precision and F1 of two multisets of names."""
    matched = sum((Counter(expected) & Counter(actual)).values())
    recall = matched / len(expected) if expected else 1.0
    precision = matched / len(actual) if actual else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Selection(round(recall, 3), round(precision, 3), round(f1, 3), recall == precision == 1)


def paired(expected: Sequence[Call], actual: Sequence[Call]) -> list[Call | None]:
    """For each expected call the made one that answers it: first in, first out per function; None: not called."""
    left: dict[str, list[Call]] = {}
    for call in reversed(actual):
        left.setdefault(call.function, []).append(call)
    return [left[call.function].pop() if left.get(call.function) else None for call in expected]


def comparable(expected: Mapping[str, Any]) -> dict[str, Any]:
    """The expected arguments that a call can be compared with: references to earlier results are left out."""
    return {key: value for key, value in expected.items() if not _is_reference(value)}


def equal_arguments(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    """The rule without a judge: every expected argument is there and the same after lower case, strip, `_` to space."""
    return all(key in actual and _same(value, actual[key]) for key, value in comparable(expected).items())


def plain_arguments(args: Mapping[str, Any]) -> Any:
    """Arguments as values that a file can hold: what a model wrote may be NaN or infinite."""
    return json.loads(json.dumps(dict(args), default=str), parse_constant=str)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("$")


def _same(expected: Any, actual: Any) -> bool:
    if _is_reference(expected):
        return True
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and equal_arguments(expected, actual)
    if isinstance(expected, list | tuple):
        if not isinstance(actual, list | tuple) or len(expected) != len(actual):
            return False
        return all(_same(a, b) for a, b in zip(expected, actual, strict=True))
    if _is_number(expected) and _is_number(actual):
        return bool(expected == actual)
    return _plain(expected) == _plain(actual)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return text.lower().strip().replace("_", " ")


def user_turn_end_s(words: Sequence[Word]) -> float | None:
    """End of the user's turn; None without words. A word without an end ends where it begins."""
    found = sorted(words, key=lambda w: w.t0_s)
    for word, following in pairwise(found):
        if following.t0_s - _end(word) > TURN_GAP_S:
            return _end(word)
    return _end(found[-1]) if found else None


def _end(word: Word) -> float:
    return word.t0_s if word.t1_s is None else word.t1_s


@dataclass(frozen=True, slots=True)
class Times:
    """End of the user's turn and start of the model's speech, each with its source; None where it is not known."""

    user_end_s: float | None
    user_from: str
    model_start_s: float | None
    model_from: str

    @property
    def latency_s(self) -> float | None:
        """Negative: the model spoke before the user had finished."""
        if self.user_end_s is None or self.model_start_s is None:
            return None
        return self.model_start_s - self.user_end_s


def times_of(item: str, answer: Answer) -> Times:
    """When the turns met: by an official result, by words, else by voice activity or by utterances.

    Raises:
        AppError: a time is not a finite number.
    """
    user_end, user_from = _user_end(answer)
    start, start_from = _model_start(answer)
    read: tuple[Any, ...] = (user_end, start)
    for value in read:
        if value is not None and not (isinstance(value, int | float) and is_time(value)):
            raise AppError(
                f"The answer to {item} cannot be graded.",
                "A time in it is not a finite number.",
                "Transcribe the run again, or correct the times.",
            )
    return Times(user_end, user_from, start, start_from)


def _user_end(answer: Answer) -> tuple[float | None, str]:
    if SPEECH_END in answer.extra:
        return answer.extra[SPEECH_END], "recorded"
    if answer.user_words:
        return user_turn_end_s(answer.user_words), "words"
    if answer.user_speech_s:
        return user_turn_end_s([Word(a, b, "") for a, b in answer.user_speech_s]), "vad"
    return None, ""


def _model_start(answer: Answer) -> tuple[float | None, str]:
    if SPEECH_START in answer.extra:
        return answer.extra[SPEECH_START], "recorded"
    sources = (
        ("words", [w.t0_s for w in answer.words]),
        ("utterances", [u.t0_s for u in answer.utterances if u.text.strip()]),
        ("vad", [a for a, _ in answer.speech_s or ()]),
    )
    for name, starts in sources:
        if starts:
            # NaN first, so that it is found wherever it stands.
            return min(starts, key=lambda t: (t == t, t)), name
    return None, ""
