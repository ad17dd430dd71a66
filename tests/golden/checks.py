"""What each kind of golden file asks, and how our graders answer it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tmlapp.bench.intervals import iou, recall_at
from tmlapp.bench.said import Said, numbers_said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.charades import pair_borders
from tmlapp.bench.suites.repcount_a import RepCountA, last_number, mae_obo
from tmlapp.core.numbers import numbers_in

Golden = Mapping[str, Any]
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: where in the file, what it expects and what we give."""

    where: str
    expected: Any
    actual: Any
    tolerance: float = TOLERANCE

    @property
    def passed(self) -> bool:
        return same(self.expected, self.actual, self.tolerance)


def same(expected: Any, actual: Any, tolerance: float) -> bool:
    """Equal values; numbers within `tolerance` (absolute); lists and objects member by member."""
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return math.isclose(expected, actual, rel_tol=0.0, abs_tol=tolerance)
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(
            same(a, b, tolerance) for a, b in zip(expected, actual, strict=True)
        )
    return bool(expected == actual)


def mae_obo_checks(golden: Golden) -> Iterator[Check]:
    """`repcount-a/mae_obo.json`: figures of several sets of predictions over one list of counts."""
    tolerance = golden.get("tolerance", 1e-6)
    true = [item["gt"] for item in golden["items"]]
    for name, expect in golden["expect"].items():
        mae, obo = mae_obo([item["pred"][name] for item in golden["items"]], true)
        for key, actual in (("MAE", mae), ("OBO", obo)):
            yield Check(f"{name} {key}", expect[key], actual, tolerance)


def number_checks(golden: Golden) -> Iterator[Check]:
    """`repcount-a/number_parser.json`: texts and the numbers in them."""
    idioms = golden.get("params", {}).get("idioms", False)
    for case in golden["cases"]:
        actual = [n.value for n in numbers_in(case["text"], idioms=case.get("idioms", idioms))]
        yield Check(repr(case["text"]), case["numbers"], actual)


def online_checks(golden: Golden) -> Iterator[Check]:
    """`repcount-a/online.json`: single windows, then a run over real labels through the grader itself."""
    params = {k: v for k, v in golden.get("params", {}).items() if k in ("tail_s", "bounds", "idioms")}
    for vector in golden.get("vectors", ()):
        said = numbers_said([Said(t, text) for t, text in vector["said"]], idioms=params.get("idioms", False))
        bounds = params.get("bounds", "inclusive")
        last = last_number(said, vector["t_penultimate_end"], vector["t_end"], bounds=bounds)
        where = f"{vector['clip']} {vector['case']}"
        yield Check(f"{where} last_number", vector["expect"]["last_number"], last.value if last else None)
        passed = last is not None and abs(last.value - vector["n"]) <= 1
        yield Check(f"{where} pass", vector["expect"]["pass"], passed)
    if golden.get("suite"):
        yield from _online_suite(golden, params)


def _online_suite(golden: Golden, params: Mapping[str, Any]) -> Iterator[Check]:
    entries = [
        Entry(item["name"], _truth(item), tuple(Said(t, text) for t, text in item["said"])) for item in golden["suite"]
    ]
    grade = RepCountA().grade(entries, profile="tml_reading", params=params, sources=Sources())
    for item, verdict in zip(golden["suite"], grade.verdicts, strict=True):
        expect, where = item["expect"], item["name"]
        if expect.get("dropped"):
            yield Check(f"{where} dropped", None, verdict.score)
            continue
        yield Check(f"{where} t_penultimate_end", expect["t_penultimate_end"], verdict.details["t_penultimate_end_s"])
        yield Check(f"{where} t_end", expect["t_end"], verdict.details["t_end_s"])
        yield Check(f"{where} last_number", expect["last_number"], verdict.details["last_number"])
        yield Check(f"{where} pass", expect["pass"], verdict.passed)
    got = {"n_scored": grade.n_scored, "n_dropped": grade.aggregates["n_dropped"], "n_silent": grade.n_silent}
    for key, expected in golden.get("expect_suite", {}).items():
        yield Check(f"suite {key}", expected, grade.score if key == "score" else got.get(key, "no such figure"))


def _truth(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"count": item["n"], "L": item["L"], "fps": item["fps"], "num_frames": item["num_frames"]}


def iou_checks(golden: Golden) -> Iterator[Check]:
    """`charades/iou.json`: elementary pairs, then the figures over many."""
    tolerance = golden.get("tolerance", TOLERANCE)
    for case in golden.get("elementary", ()):
        where = f"{case['pred']} against {case['ref']}"
        yield Check(where, case["iou"], _iou(case["pred"], case["ref"]), tolerance)
    ious = [_iou(item["pred"], item["ref"]) for item in golden.get("items", ())]
    for key, expected in golden.get("expect", {}).items():
        actual: Any = "no such figure"
        if key == "n":
            actual = len(ious)
        elif key == "mIoU":
            actual = 100.0 * sum(ious) / len(ious)
        elif key.startswith("R@"):
            actual = recall_at(ious, float(key.removeprefix("R@")))
        yield Check(key, expected, actual, tolerance)


def _iou(pred: list[float] | None, ref: list[float]) -> float:
    return 0.0 if pred is None else iou((pred[0], pred[1]), (ref[0], ref[1]))


def pairing_checks(golden: Golden) -> Iterator[Check]:
    """`charades/start_stop_pairing.json`: utterances to intervals under each pair of modes."""
    for case in golden["cases"]:
        said = [Said(t, text) for t, text in case["utterances"]]
        for key, expect in case["expect"].items():
            mode, unmatched = key.split("/")
            pairing = pair_borders(said, case["length"], mode=mode, unmatched=unmatched)
            first = list(pairing.intervals[0]) if pairing.intervals else None
            where = f"{case['id']} {key}"
            yield Check(f"{where} intervals", expect["intervals"], pairing.intervals)
            yield Check(f"{where} unmatched_start", expect["unmatched_start"], pairing.unmatched_start)
            yield Check(f"{where} iou_first", expect["iou_first"], _iou(first, case["ref"]))


KINDS: dict[tuple[str, str], Callable[[Golden], Iterator[Check]]] = {
    ("repcount-a", "mae_obo.json"): mae_obo_checks,
    ("repcount-a", "number_parser.json"): number_checks,
    ("repcount-a", "online.json"): online_checks,
    ("charades", "iou.json"): iou_checks,
    ("charades", "start_stop_pairing.json"): pairing_checks,
}
"""By benchmark folder and file name."""
