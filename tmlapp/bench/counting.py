"""How well single counts sit on single repetitions: beside the headline, to see where a counter goes wrong.

Our choice throughout; the parameters are in every grade.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tmlapp.bench.said import SaidNumber


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
