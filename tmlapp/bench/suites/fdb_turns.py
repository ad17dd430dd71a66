"""Full-Duplex-Bench v1: who takes the turn, backchannels, and the reply of the rating judge.

Formulas as in the evaluation scripts of DanielLin94144/Full-Duplex-Bench at d7336bd, written anew. Times in seconds,
0 at the first sample of the user's sound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.labels.fdb_files import OFFICIAL
from tmlapp.bench.said import is_time
from tmlapp.core.errors import AppError

Span = tuple[float, float]

TURN_S = 1.0
TURN_WORDS = 3
WINDOW_S = 0.2
EPSILON = 1e-10
LONG_SPEECH_S = 3.0
_BACKCHANNEL_S = 1.0
_BACKCHANNEL_WORDS = 2

_OPENING = "Analysis:"
_SENTENCE = re.compile(r"\nI would rate the AI's response as (\d{1,4000})")
"""As many digits as Python reads."""
_NOT_BLANK = re.compile(r"\S")


def checked_words(words: Sequence[Word], item: str) -> tuple[Word, ...]:
    """`words` as they are.

    Raises:
        AppError: a time is not a finite number.
    """
    for word in words:
        if not is_time(word.t0_s) or not (word.t1_s is None or is_time(word.t1_s)):
            raise AppError(
                f"The words of {item} cannot be graded.",
                f"{word.text[:40]!r} is said from {word.t0_s} to {word.t1_s} s.",
                "Give every word a time in seconds; an end that is not known is null.",
            )
    return tuple(words)


def words_in(answer: Answer, duration_s: float | None, item: str) -> tuple[Word, ...]:
    """The words of an official transcript of `answer`, whose sound is `duration_s` long: in order, none after its end.

    Those read from an official folder stay as they stand there. Of an utterance without word times the words are
    spread evenly over its time (`spread` tells): its onset, its end and their number are what is known.

    Raises:
        AppError: something was said, and when is not known; or a time is no number.
    """
    if answer.extra.get(OFFICIAL):
        return checked_words(answer.words, item)
    words = _with_spread(answer) if spread(answer) else answer.words
    if _fits(words, math.inf if duration_s is None else duration_s):
        return words
    if not words and any(c.isalnum() for c in answer.text):
        raise AppError(
            f"{item} cannot be graded.",
            "The model said something, and when it did is not known.",
            "Choose a transcriber that gives word times.",
        )
    return within(in_order(checked_words(words, item)), duration_s)


def spread(answer: Answer) -> bool:
    """Whether some of its words have no times of their own."""
    return any(not u.words and u.text.strip() for u in answer.utterances)


def _with_spread(answer: Answer) -> tuple[Word, ...]:
    found: list[Word] = []
    for utterance in answer.utterances:
        texts, start, end = utterance.text.split(), utterance.t0_s, utterance.t1_s
        if utterance.words or end is None:
            found += utterance.words or [Word(start, None, text) for text in texts]
            continue
        step = (end - start) / max(1, len(texts))
        bounds = [start + i * step for i in range(len(texts))] + [end]
        found += [Word(a, b, text) for text, (a, b) in zip(texts, pairwise(bounds), strict=True)]
    return tuple(found)


def _fits(words: Sequence[Word], duration_s: float) -> bool:
    """Nothing has to be done to `words`: one pass, since nearly all transcripts are in order and end in time."""
    last = -math.inf
    for word in words:
        start, end = word.t0_s, word.t0_s if word.t1_s is None else word.t1_s
        if not (last <= start < duration_s and -math.inf < end <= duration_s) or end == math.inf:
            return False
        last = start
    return len(words) > 0


def in_order(words: Sequence[Word]) -> tuple[Word, ...]:
    """`words` by time, as the clean rule takes them; the official scripts take them as they stand."""
    return tuple(sorted(words, key=lambda w: w.t0_s))


def within(words: Sequence[Word], duration_s: float | None) -> tuple[Word, ...]:
    """What of `words` lies in a sound of `duration_s`; a word over its end is cut there."""
    if duration_s is None:
        return tuple(words)
    kept = (w for w in words if w.t0_s < duration_s)
    return tuple(w if w.t1_s is None or w.t1_s <= duration_s else Word(w.t0_s, duration_s, w.text) for w in kept)


def after(words: Sequence[Word], t_s: float) -> tuple[Word, ...]:
    """What a transcriber hears of `words` in a sound cut at `t_s`: words of which half or more lies after it."""
    found = []
    for word in words:
        middle = word.t0_s if word.t1_s is None else (word.t0_s + word.t1_s) / 2
        if middle >= t_s:
            found.append(word if word.t0_s >= t_s else Word(t_s, word.t1_s, word.text))
    return tuple(found)


def takes_turn(
    words: Sequence[Word], *, turn_s: float = TURN_S, turn_words: int = TURN_WORDS, open_end: bool = True
) -> bool | None:
    """Whether `words` are a turn: more than `turn_words` of them, or `turn_s` from the first start to the last end.

    With `open_end` a last end that is not known is taken to be the last start; without, the result is then None (the
    official scripts for turn taking and interruption stop with a TypeError there).
    """
    if not words:
        return False
    end = words[-1].t1_s
    if end is None:
        if not open_end:
            return None
        end = words[-1].t0_s
    return end - words[0].t0_s >= turn_s or len(words) > turn_words


@dataclass(frozen=True, slots=True)
class Backchannels:
    """What a listener did: whether it took the turn, and its short utterances."""

    tor: bool
    spans: tuple[Span, ...]


def backchannels(
    segments: Sequence[Span], words: Sequence[Word], *, long_s: float = LONG_SPEECH_S, overwrite: bool = True
) -> Backchannels:
    """Backchannels among `segments` of speech.

    A segment longer than `long_s` takes the turn and ends the search. With `overwrite` each later short segment
    decides anew whether the turn was taken (as the official script has it); without, one segment is enough.
    """
    tor = False
    spans: list[Span] = []
    for start, end in segments:
        length = end - start
        if length > long_s:
            return Backchannels(True, tuple(spans))
        taken = length >= _BACKCHANNEL_S or sum(_heard_in(w, start, end) for w in words) > _BACKCHANNEL_WORDS
        tor = taken if overwrite else tor or taken
        spans.append((start, end))
    return Backchannels(tor, tuple(spans))


def _heard_in(word: Word, start: float, end: float) -> bool:
    t0, t1 = word.t0_s, word.t1_s
    if t1 is None:
        # Without an end it counts only where it begins at the end of the segment: inside or later.
        if t0 < end:
            return False
        t1 = t0
    inside = t0 >= start and t1 <= end
    return inside or (t0 <= end < t1) or (t0 <= start < t1)


def divergence(
    spans: Sequence[Span],
    duration_s: float,
    reference: Sequence[float],
    *,
    window_s: float = WINDOW_S,
    epsilon: float = EPSILON,
) -> float:
    """Jensen-Shannon distance (square root of the divergence, natural logarithm) between where `spans` lie in a sound
    of `duration_s` and `reference`, which is stretched to the same number of windows. Without spans it is 1."""
    if not spans:
        return 1.0
    counts = np.zeros(int(duration_s / window_s) + 1)
    for start, end in spans:
        # The quotient as a float, although 0.6 / 0.2 is 2.99…: so it is in the published figures.
        first, last = int(start / window_s), int(end / window_s)
        counts[max(first, 0) : max(last + 1, 0)] += 1
    counts += epsilon
    wanted = np.asarray(reference, dtype=np.float64)
    stretched = np.interp(np.linspace(0, 1, len(counts)), np.linspace(0, 1, len(wanted)), wanted)
    return _distance(counts / counts.sum(), stretched / stretched.sum())


def _distance(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    middle = (p + q) / 2
    both = _relative_entropy(p, middle) + _relative_entropy(q, middle)
    return math.sqrt(max(both, 0.0) / 2)


def _relative_entropy(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> float:
    there = p > 0
    return float(np.sum(p[there] * np.log(p[there] / q[there])))


def read_rating(reply: str) -> dict[str, Any] | None:
    """Analysis and rating in a judge's reply; of several complete pairs the last; None where there is none."""
    found: dict[str, Any] | None = None
    at = reply.find(_OPENING)
    while at >= 0:
        begin = at + len(_OPENING)
        # The official pattern passes over blanks first: a sentence right behind them counts only if no other follows.
        text = _NOT_BLANK.search(reply, begin)
        sentence = (_SENTENCE.search(reply, text.start()) if text else None) or _SENTENCE.search(reply, begin)
        if sentence is None:
            break
        found = {"analysis": reply[begin : sentence.start()].strip(), "rating": int(sentence[1])}
        at = reply.find(_OPENING, sentence.end())
    return found
