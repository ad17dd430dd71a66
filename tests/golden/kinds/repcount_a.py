"""Golden files of RepCount-A."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tmlapp.bench.said import Said, numbers_said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.repcount_a import RepCountA, last_number, mae_obo
from tmlapp.core.numbers import numbers_in

NONE = "no such figure"


def mae_obo_checks(golden: Golden) -> Iterator[Check]:
    """`mae_obo.json`: figures of several sets of predictions over one list of counts."""
    tolerance = golden.get("tolerance", 1e-6)
    true = [item["gt"] for item in golden["items"]]
    for name, expect in golden["expect"].items():
        mae, obo = mae_obo([item["pred"][name] for item in golden["items"]], true)
        found = {"MAE": mae, "OBO": obo, "n": len(true)}
        for key, expected in expect.items():
            yield Check(f"{name} {key}", expected, found.get(key, NONE), tolerance)


def number_checks(golden: Golden) -> Iterator[Check]:
    """`number_parser.json`: texts and the numbers in them."""
    idioms = golden.get("params", {}).get("idioms", False)
    for case in golden["cases"]:
        actual = [n.value for n in numbers_in(case["text"], idioms=case.get("idioms", idioms))]
        yield Check(repr(case["text"]), case["numbers"], actual)


def online_checks(golden: Golden) -> Iterator[Check]:
    """`online.json`: single windows, then a run over real labels through the grader itself."""
    params = {k: v for k, v in golden.get("params", {}).items() if k != "profile"}
    tolerance = golden.get("tolerance", TOLERANCE)
    for vector in golden.get("vectors", ()):
        said = numbers_said([Said(t, text) for t, text in vector["said"]], idioms=params.get("idioms", False))
        bounds = params.get("bounds", "inclusive")
        last = last_number(said, vector["t_penultimate_end"], vector["t_end"], bounds=bounds)
        found = {
            "last_number": last.value if last else None,
            "last_number_t": last.t_s if last else None,
            "pass": last is not None and abs(last.value - vector["n"]) <= 1,
        }
        for key, expected in vector["expect"].items():
            where = f"{vector.get('clip', '')} {vector.get('case', '')} {key}"
            yield Check(where, expected, found.get(key, NONE), tolerance)
    if golden.get("suite"):
        yield from _online_suite(golden, params, tolerance)


def _online_suite(golden: Golden, params: Mapping[str, Any], tolerance: float) -> Iterator[Check]:
    entries = [
        Entry(item["name"], _truth(item), tuple(Said(t, text) for t, text in item["said"])) for item in golden["suite"]
    ]
    profile = golden.get("params", {}).get("profile", "tml_reading")
    grade = RepCountA().grade(entries, profile=profile, params=params, sources=Sources())
    for item, verdict in zip(golden["suite"], grade.verdicts, strict=True):
        details = verdict.details
        found = {
            "dropped": verdict.score is None,
            "t_penultimate_end": details.get("t_penultimate_end_s"),
            "t_end": details.get("t_end_s"),
            "last_number": details.get("last_number"),
            "last_number_t": details.get("last_number_t_s"),
            "pass": verdict.passed,
        }
        for key, expected in item["expect"].items():
            yield Check(f"{item['name']} {key}", expected, found.get(key, NONE), tolerance)
    totals = {
        "n": grade.n, "n_scored": grade.n_scored, "n_dropped": grade.aggregates["n_dropped"],
        "n_silent": grade.n_silent, "score": grade.score,
    }  # fmt: skip
    for key, expected in golden.get("expect_suite", {}).items():
        yield Check(f"suite {key}", expected, totals.get(key, NONE), tolerance)


def _truth(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"count": item["n"], "L": item["L"], "fps": item["fps"], "num_frames": item["num_frames"]}


KINDS = {
    ("repcount-a", "mae_obo.json"): mae_obo_checks,
    ("repcount-a", "number_parser.json"): number_checks,
    ("repcount-a", "online.json"): online_checks,
}
