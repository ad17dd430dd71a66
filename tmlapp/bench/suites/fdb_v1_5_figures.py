"""Full-Duplex-Bench v1.5: rates, their average and the times, out of the samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import numpy as np

from tmlapp.bench.stats import Floats, grouped_interval
from tmlapp.bench.suite import mean_metric
from tmlapp.bench.suites.fdb_behaviour import COUNTS, UNGRADED, average, ratios, rounded
from tmlapp.bench.suites.fdb_timing import Span, mean_length, response_after, stop_at
from tmlapp.bench.suites.fdb_v1_5_samples import V15Sample
from tmlapp.core.grade import Metric

_NO_LABEL = "the judge gave no label"
Rows = Mapping[str, Sequence[V15Sample]]


def by_scenario(samples: Sequence[V15Sample]) -> dict[str, list[V15Sample]]:
    """The samples by scenario, in the order of the published table."""
    found: dict[str, list[V15Sample]] = {}
    for sample in samples:
        found.setdefault(sample.truth.scenario, []).append(sample)
    return {name: found[name] for name in COUNTS if name in found}


def labels(samples: Sequence[V15Sample]) -> list[tuple[str, ...]]:
    """The labels of each sample; one that nobody has ruled on is a label of its own."""
    return [(UNGRADED,) if s.labels is None else s.labels for s in samples]


def right_share(sample: V15Sample) -> float:
    """Share of the right label among the labels of a sample; 0 without any."""
    given = sample.labels or ()
    return given.count(COUNTS[sample.truth.scenario]) / len(given) if given else 0.0


def times(sample: V15Sample) -> dict[str, float]:
    """Its stop under the overlap and its response after it, by the name of the metric."""
    found, event = sample.found, sample.truth.event_s
    if found is None or event is None:
        return {}
    spans = {"stop_latency_s": stop_at(found, event), "response_latency_s": response_after(found, event)}
    return {f"{n}/{sample.truth.scenario}": s[1] - s[0] for n, s in spans.items() if s is not None}


def metrics(samples: Sequence[V15Sample], *, intervals: bool = True) -> list[Metric]:
    """All metrics, the average first."""
    rows = by_scenario(samples)
    why = _unjudged(samples)
    shares = {name: {} if why else ratios(labels(row)) for name, row in rows.items()}
    listed = [*_averages(rows, shares, why, intervals)]
    for name in rows:
        listed.append(_rate(name, rows[name], shares[name], why, intervals))
    for name, row in rows.items():
        listed += _timed(name, row, intervals)
    return listed


def _unjudged(samples: Sequence[V15Sample]) -> str:
    """Why there are no labels at all; empty where there is one."""
    unruled = [s for s in samples if s.labels is None]
    if not unruled or any(s.labels is not None and s.ruling is not None for s in samples):
        return ""
    ruling = unruled[0].ruling
    return f"no answer was judged: {ruling.why if ruling else 'nobody was asked'}"


def _averages(rows: Rows, shares: Mapping[str, Mapping[str, float]], why: str, intervals: bool) -> list[Metric]:
    absent = [_absent(name, rows.get(name, ())) for name in COUNTS if not shares.get(name)]
    reason = why or "; ".join(absent)
    values = {name: [right_share(s) for s in row if s.labels != ()] for name, row in rows.items()}
    n = sum(len(v) for v in values.values())
    interval = None
    if intervals and not reason:
        interval = grouped_interval([values[name] for name in COUNTS], _mean_of_rates)
    exact = average(shares)
    tidy = average({name: rounded(share) for name, share in shares.items()})
    return [
        Metric(name="average", label="average", value=tidy, n=n, interval=interval, reason=reason),
        Metric(name="average_unrounded", label="average of rates as they are", value=exact, n=n, reason=reason),
    ]  # fmt: skip


def _absent(name: str, row: Sequence[V15Sample]) -> str:
    if not row:
        return f"there is no sample of {name}"
    lacking = sorted({file for s in row for file in s.lacking})
    return f"no sample of {name} has all four transcripts ({', '.join(lacking)} not there)" if lacking else _NO_LABEL


def _mean_of_rates(means: Floats) -> Floats:
    return np.asarray(100 * np.round(means, 2).mean(axis=1))


def _rate(name: str, row: Sequence[V15Sample], share: Mapping[str, float], why: str, intervals: bool) -> Metric:
    values = [100 * right_share(s) for s in row if s.labels != ()]
    made = mean_metric(
        f"rate/{name}", f"{COUNTS[name]} in {name}", [] if why else values,
        reason=why or _absent(name, row), interval=intervals,
    )  # fmt: skip
    if made.value is None:
        return made
    return Metric(
        name=made.name, label=made.label, value=100 * rounded(share).get(COUNTS[name], 0.0), n=made.n,
        interval=made.interval,
    )  # fmt: skip


def _timed(name: str, row: Sequence[V15Sample], intervals: bool) -> list[Metric]:
    unheard = "no voice activity was detected" if all(s.found is None for s in row) else "there is no such interval"
    own = [times(s) for s in row]
    listed = []
    for kind, label in (("stop", "time until the model stops"), ("response", "time until it responds")):
        key = f"{kind}_latency_s/{name}"
        listed.append(
            mean_metric(
                key, f"{label}, {name}", [t[key] for t in own if key in t],
                reason=unheard, interval=intervals, unit="s", better="lower",
            )
        )  # fmt: skip
        spans = every(row, kind)
        listed.append(
            mean_metric(
                f"{kind}_all_s/{name}", f"{label}, all intervals, {name}", [e - s for s, e in spans],
                reason=unheard, interval=False, unit="s", better="lower",
            )
        )  # fmt: skip
    return listed


def every(row: Sequence[V15Sample], kind: str) -> list[Span]:
    """All intervals of a kind, `stop` or `response`."""
    found = [s.found for s in row if s.found is not None]
    return [span for timing in found for span in (timing.stops if kind == "stop" else timing.responses)]


def aggregates(samples: Sequence[V15Sample]) -> dict[str, Any]:
    """Counts, ratios and what is lacking, by scenario."""
    rows = by_scenario(samples)
    shares = {name: ratios(labels(row)) for name, row in rows.items()}
    tidy = average({name: rounded(share) for name, share in shares.items()})
    return {
        "labels_count": {n: dict(Counter(x for given in labels(row) for x in given)) for n, row in rows.items()},
        "ratios": shares,
        "ratios_rounded": {name: rounded(share) for name, share in shares.items()},
        "average_half_up": None if tidy is None or _unjudged(samples) else half_up(tidy),
        "lacking_transcripts": {s.entry.item: list(s.lacking) for s in samples if s.lacking},
        "mean_intervals_s": {
            name: {kind: mean_length(every(row, kind)) for kind in ("stop", "response")} for name, row in rows.items()
        },
    }


def half_up(value: float) -> float:
    """One decimal, halves up: as the published table has it (48.25 is 48.3)."""
    # Rounded to 9 digits first: 14.249999999999998 is a mean of hundredths, 14.25.
    return float(Decimal(str(round(value, 9))).quantize(Decimal("0.1"), ROUND_HALF_UP))
