"""How well single counts sit on single repetitions: beside the headline, to see where a counter goes wrong.

Our choice throughout; the parameters are in every grade.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from tmlapp.bench.answer import Utterance, Word
from tmlapp.bench.said import SaidNumber
from tmlapp.core.numbers import numbers_in

_SHORT = 40
"""Characters of a text that is worth remembering."""


class NumbersHeard:
    """Reads numbers out of what was said; the same text is read once, as counts are said again in every item."""

    def __init__(self, *, idioms: bool = False) -> None:
        self._idioms = idioms
        self._read: dict[str, tuple[tuple[int, int], ...]] = {}

    def of(self, utterances: Sequence[Utterance]) -> tuple[SaidNumber, ...]:
        """Every number in `utterances` in order of time.

        Each takes the onset of its own first word; where no words are known, all of an utterance take its onset, and
        the last one said stays the last.
        """
        found: list[SaidNumber] = []
        for said in utterances:
            if said.words:
                found += self._by_word(said.words)
            else:
                found += [SaidNumber(said.t0_s, value) for value, _ in self._numbers(said.text)]
        found.sort(key=_time)
        return tuple(found)

    def _by_word(self, words: Sequence[Word]) -> Iterator[SaidNumber]:
        starts = [0, *accumulate(len(word.text) + 1 for word in words)]
        for value, start in self._numbers(" ".join(word.text for word in words)):
            yield SaidNumber(words[bisect_right(starts, start) - 1].t0_s, value)

    def _numbers(self, text: str) -> tuple[tuple[int, int], ...]:
        """Value and place of each number in `text`."""
        known = self._read.get(text)
        if known is None:
            known = tuple((n.value, n.start) for n in numbers_in(text, idioms=self._idioms))
            # Long texts hardly ever come twice.
            if len(text) <= _SHORT:
                self._read[text] = known
        return known


def _time(number: SaidNumber) -> float:
    return number.t_s


def match_counts(
    said_s: Sequence[float], ends_s: Sequence[float], *, early_s: float, late_s: float
) -> list[tuple[int, int]]:
    """Pairs (index said, index of the repetition), in order: each count is at most `early_s` before and `late_s` after
    the end of its repetition. All windows have one length, so taking the earliest fitting count gives the most pairs.
    """
    pairs: list[tuple[int, int]] = []
    next_said = 0
    for rep, end in enumerate(ends_s):
        while next_said < len(said_s) and said_s[next_said] < end - early_s:
            next_said += 1
        # A count goes to the earliest repetition that still lacks one, so it is used up here.
        if next_said < len(said_s) and said_s[next_said] <= end + late_s:
            pairs.append((next_said, rep))
            next_said += 1
    return pairs


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of all reach (nearest rank); None for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def count_diagnostics(
    numbers: Sequence[SaidNumber], ends_s: Sequence[float], count: int, t_end_s: float, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Final number, event F1 and latency (said minus true, seconds) of the numbers in [0, `t_end_s`]."""
    heard = [n for n in numbers if 0 <= n.t_s <= t_end_s]
    final = heard[-1].value if heard else None
    found: dict[str, Any] = {"final_number": final, "final_error": None if final is None else final - count}
    if not ends_s:
        return found
    times = [n.t_s for n in heard]
    pairs = match_counts(times, ends_s, early_s=parameters["match_early_s"], late_s=parameters["match_late_s"])
    late = [times[i] - ends_s[rep] for i, rep in pairs]
    found |= {
        "events_said": len(times),
        "events_matched": len(pairs),
        "event_f1": 2 * len(pairs) / (len(times) + len(ends_s)),
        "right_number_share": sum(heard[i].value == rep + 1 for i, rep in pairs) / len(ends_s),
        "latency_median_s": statistics.median(late) if late else None,
        "latency_p90_s": percentile(late, 0.9),
        "latencies_s": [round(v, 6) for v in late],
    }
    return found
