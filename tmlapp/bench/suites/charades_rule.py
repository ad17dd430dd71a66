"""Charades: when an action is seen, and the words of an answer as intervals. Times are video time in seconds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tmlapp.bench.answer import Utterance
from tmlapp.bench.intervals import Interval, clip
from tmlapp.bench.said import Said, in_order
from tmlapp.bench.truth import Fields

Mode = Literal["strict", "loose"]
Unmatched = Literal["close", "zero"]
Border = tuple[float, str]
"""When a word was said, and the word: `start` or `stop`."""
STRICT_WORDS = 3

_KNOWN = (
    "suite", "start_s", "stop_s", "intervals", "length_s", "video_start_s", "action", "sentence", "name", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTruth:
    """When an action is seen: `intervals` clipped to the video, in order, at least one; the first is the reference."""

    intervals: tuple[Interval, ...]
    length_s: float
    video_start_s: float = 0.0
    ignored: tuple[str, ...] = ()


def parse_truth(raw: Mapping[str, Any]) -> ActionTruth:
    """The truth in a truth file or an item.

    Raises:
        AppError: a member is missing or malformed, or nothing of the action lies inside the video.
    """
    fields = Fields(raw, "charades", _KNOWN)
    length = fields.number("length_s", above=0)
    if fields.has("intervals"):
        given = fields.pairs("intervals")
    else:
        given = ((fields.number("start_s"), fields.number("stop_s")),)
    for start, stop in given:
        if stop <= start:
            raise fields.error(f"The action stops ({stop} s) no later than it starts ({start} s)")
    inside = tuple(sorted(clip(given, length)))
    if not inside:
        raise fields.error(f"No interval lies inside the video of {length} s")
    return ActionTruth(
        intervals=inside,
        length_s=length,
        video_start_s=fields.number("video_start_s", 0.0),
        ignored=tuple(fields.ignored),
    )


def words_of(text: str) -> list[str]:
    """The words of an utterance: split on blanks, punctuation stripped, case folded."""
    stripped = (_strip_punctuation(word).casefold() for word in text.split())
    return [word for word in stripped if word]


def _strip_punctuation(word: str) -> str:
    first, last = 0, len(word)
    while first < last and unicodedata.category(word[first])[0] in "PS":
        first += 1
    while last > first and unicodedata.category(word[last - 1])[0] in "PS":
        last -= 1
    return word[first:last]


def borders_in(utterances: Sequence[Utterance]) -> dict[Mode, list[Border]]:
    """Every `start` and `stop` that counts, in order of time; nothing of an utterance that began before time 0.

    `strict`: the first word of an utterance of at most three, at its onset. `loose`: every such word of any utterance,
    at its own onset where that is known.
    """
    strict: list[Border] = []
    loose: list[Border] = []
    for said in utterances:
        # "I'll say start when …" before the video is the classic false hit.
        if said.t0_s < 0 or not _may_hold(said):
            continue
        timed = [(w.t0_s, word) for w in said.words for word in words_of(w.text)]
        timed = timed or [(said.t0_s, word) for word in words_of(said.text)]
        if len(timed) <= STRICT_WORDS and timed and timed[0][1] in _BORDERS:
            strict.append((said.t0_s, timed[0][1]))
        loose += [pair for pair in timed if pair[1] in _BORDERS]
    return {"strict": strict, "loose": sorted(loose, key=_time)}


_BORDERS = frozenset({"start", "stop"})


def _may_hold(said: Utterance) -> bool:
    """Most of what is said holds neither word; looking for their common letters first is much faster."""
    return bool(said.words) or "st" in said.text.casefold()


def _time(border: Border) -> float:
    return border[0]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The intervals that an answer means; `unmatched_start`: the last start was never followed by a stop."""

    intervals: tuple[Interval, ...]
    unmatched_start: bool


def pair(borders: Sequence[Border], length_s: float, unmatched: Unmatched = "close") -> Pairing:
    """Starts paired with stops in time order, clipped to the video.

    The first start opens, the first stop closes; a start while open and a stop while closed are ignored. A start that
    is never closed ends with the video (`close`) or is dropped (`zero`).
    """
    intervals: list[Interval] = []
    opened: float | None = None
    for t_s, word in borders:
        if word == "start" and opened is None:
            opened = t_s
        elif word == "stop" and opened is not None:
            intervals.append((opened, t_s))
            opened = None
    if opened is not None and unmatched == "close":
        intervals.append((opened, length_s))
    return Pairing(clip(intervals, length_s), opened is not None)


def pair_borders(
    outputs: Sequence[Said], length_s: float, *, mode: Mode = "strict", unmatched: Unmatched = "close"
) -> Pairing:
    """The intervals of what was said, by one mode."""
    utterances = [Utterance(s.t_s, None, s.text) for s in in_order(outputs)]
    return pair(borders_in(utterances)[mode], length_s, unmatched)


# Nothing is tried twice: a long row of digits or blanks must not take for ever.
_SPAN = re.compile(
    r"(?<!\d)(\d++(?:\.\d++)?)\s*+(?:seconds?|secs?|s)?\s*+(?:-|–|—|to|until|and)\s*+(\d++(?:\.\d++)?)", re.IGNORECASE
)


def span_in(text: str) -> Interval | None:
    """The first `a - b` (or `a to b`) in a written answer, in seconds; None where there is none or it ends first."""
    match = _SPAN.search(text)
    if match is None:
        return None
    start, end = float(match[1]), float(match[2])
    return (start, end) if end >= start else None
