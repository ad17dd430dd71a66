"""Full-Duplex-Bench v1: the figures of a subset out of its samples, by the official scripts or by the clean rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

import numpy as np

from tmlapp.bench.judges.base import Ruling
from tmlapp.bench.suite import mean_metric
from tmlapp.bench.suites.fdb_v1_samples import Sample
from tmlapp.core.grade import Metric

HEADLINE = "candor_turn_taking"
"""The subset whose latency is the published number."""

_PRINTED = {
    "pause_handling": ("tor",),
    "backchannel": ("tor", "frequency", "jsd"),
    "smooth_turn_taking": ("latency_s", "tor"),
    "user_interruption": ("tor", "latency_s", "rating"),
}
_PREFIX = {
    "pause_handling": "pause", "backchannel": "backchannel", "smooth_turn_taking": "turn",
    "user_interruption": "interruption",
}  # fmt: skip
_LOOKS: dict[str, tuple[str, str]] = {
    "tor": ("turns taken (TOR)", ""),
    "latency_s": ("latency", "s"),
    "latency_all_s": ("latency, rated or not", "s"),
    "rating": ("rating, 0 to 5", ""),
    "frequency": ("backchannels", "1/s"),
    "jsd": ("distance to listeners (JSD)", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is averaged in a subset.

    Attributes:
        values: the numbers behind each figure.
        error: the exception with which the official script would end, and `reason` in words; no figure is then given.
        lacking: why a single figure has no value.
    """

    values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    error: str = ""
    reason: str = ""
    lacking: Mapping[str, str] = field(default_factory=dict)

    def mean(self, figure: str) -> float | None:
        """Mean of a figure; None where there is none."""
        values = self.values.get(figure, ())
        return sum(sorted(values)) / len(values) if values and not self.error else None

    def why(self, figure: str) -> str:
        """Why a figure has no value."""
        return f"{self.error}: {self.reason}" if self.error else self.lacking.get(figure, "")


def metric_name(task: str, subset: str, figure: str) -> str:
    """Key of a figure; those of the headline's subset are short."""
    return figure if subset == HEADLINE else f"{_PREFIX[task]}_{figure}/{subset}"


def figures(task: str, samples: Sequence[Sample], official: bool) -> Figures:
    """The figures of one subset."""
    if not official:
        return _clean(task, samples)
    return {
        "pause_handling": _pauses,
        "backchannel": _listening,
        "smooth_turn_taking": _turns,
        "user_interruption": _interruptions,
    }[task](samples)


def _clean(task: str, samples: Sequence[Sample]) -> Figures:
    values: dict[str, list[float]] = {}
    for sample in samples:
        for figure, value in sample.values.items():
            values.setdefault(figure, []).append(value)
    lacking = {"rating": "no answer was rated", "latency_s": "nobody took the turn", "latency_all_s": "nobody did"}
    if task == "user_interruption":
        lacking["latency_s"] = "no answer was rated"
    if any("jsd" not in s.values for s in samples):
        values.pop("jsd", None)
        lacking["jsd"] = "the reference distributions lie in a checkout of Full-Duplex-Bench, which was not given"
    return Figures(values=values, lacking=lacking)


def _crash(error: str, reason: str) -> Figures:
    return Figures(error=error, reason=f"{reason}; the official script ends there")


def _open_end(tors: Sequence[bool | None]) -> Figures | None:
    return _crash("TypeError", "the last word of an answer has no end") if None in tors else None


def _pauses(samples: Sequence[Sample]) -> Figures:
    tors = [tor for s in samples if s.state == "ok" for tor in (s.tor, *(stray for stray, _ in s.strays))]
    if not tors:
        return _crash("ZeroDivisionError", "there is no transcript")
    return Figures(values={"tor": [float(bool(tor)) for tor in tors]})


def _turns(samples: Sequence[Sample]) -> Figures:
    # Every transcript in a folder is paired with the one end of the user's turn there.
    taken = [
        pair for s in samples if s.state == "ok" for pair in ((s.tor, s.values.get("latency_s", 0.0)), *s.strays)
    ]  # fmt: skip
    crash = _open_end([tor for tor, _ in taken])
    if crash:
        return crash
    latencies = [latency for tor, latency in taken if tor]
    if not latencies:
        return _crash("ZeroDivisionError", f"nobody took the turn in {len(taken)} samples (TOR 0)")
    return Figures(values={"tor": [float(bool(tor)) for tor, _ in taken], "latency_s": latencies})


def _interruptions(samples: Sequence[Sample]) -> Figures:
    if any(s.state != "ok" for s in samples):
        return _crash("FileNotFoundError", "a sample has no output.json")
    crash = _open_end([s.tor for s in samples])
    if crash:
        return crash
    ratings: list[float] = []
    tors: list[float] = []
    for sample in samples:
        # An unreadable reply is asked for again, and the turn counted again each time.
        tors += [float(bool(sample.tor))] * _tries(sample.ruling)
        # The script appends every rating twice.
        ratings += [sample.values["rating"]] * 2 if "rating" in sample.values else []
    if not ratings:
        return _crash("ZeroDivisionError", f"no answer was rated (the turn was taken in {_share(samples)})")
    found = {"tor": tors, "rating": ratings}
    for figure in ("latency_s", "latency_all_s"):
        found[figure] = [s.values[figure] for s in samples if figure in s.values]
    return Figures(values=found)


def _tries(ruling: Ruling | None) -> int:
    return max(1, len(ruling.replies)) if ruling is not None and ruling.value is not None else 1


def _share(samples: Sequence[Sample]) -> str:
    return f"{sum(bool(s.tor) for s in samples)} of {len(samples)} samples"


def _listening(samples: Sequence[Sample]) -> Figures:
    if any(s.state == "missing" for s in samples):
        return _crash("FileNotFoundError", "a sample has no output.wav")
    values: dict[str, list[float]] = {"tor": [], "frequency": [], "jsd": []}
    tor: float | None = None
    lacking = ""
    for sample in samples:
        tor = sample.values.get("tor", tor)
        if tor is None:
            return _crash("UnboundLocalError", "the first sample has no output.json")
        # A sample without output.json takes over the turn of the one before.
        values["tor"].append(tor)
        values["frequency"].append(sample.values.get("frequency", 0.0))
        if sample.state == "ok" and "jsd" not in sample.values:
            lacking = "the reference distribution of a sample is not known (checkout of Full-Duplex-Bench)"
        values["jsd"].append(sample.values.get("jsd", 1.0))
    if lacking:
        values["jsd"] = []
    return Figures(values=values, lacking={"jsd": lacking})


def metrics(task: str, subset: str, found: Figures, *, intervals: bool = True) -> list[Metric]:
    """The metrics of a subset."""
    wants_none = task in ("pause_handling", "backchannel")
    listed = []
    for figure in (*_PRINTED[task], *(["latency_all_s"] if task == "user_interruption" else [])):
        label, unit = _LOOKS[figure]
        lower = figure in ("latency_s", "latency_all_s", "jsd") or (figure == "tor" and wants_none)
        better: Literal["higher", "lower"] = "lower" if lower else "higher"
        values = () if found.error else found.values.get(figure, ())
        listed.append(
            mean_metric(
                metric_name(task, subset, figure), f"{label}, {subset}", values,
                reason=found.why(figure), interval=intervals, unit=unit, better=better,
            )
        )  # fmt: skip
    return listed


def table(task: str, samples: Sequence[Sample], found: Figures) -> dict[str, Any]:
    """Everything about a subset as plain JSON values; `std` is that of the population."""
    shown = {}
    for figure in _PRINTED[task]:
        values = () if found.error else found.values.get(figure, ())
        spread = float(np.std(values)) if values else None
        shown[figure] = {"mean": found.mean(figure), "std": spread, "n": len(values)}
    own = [s.values["tor"] for s in samples if "tor" in s.values]
    return {
        "task": task,
        "n": len(samples),
        "n_missing": sum(s.state != "ok" for s in samples),
        "n_silent": sum(s.state == "ok" and not s.words for s in samples),
        "tor_share": fmean(own) if own else None,
        "figures": shown,
        "official_error": found.error or None,
        "reason": found.reason,
    }
