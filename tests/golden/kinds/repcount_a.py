"""Golden files of RepCount-A."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.golden.checks import Check, Golden
from tmlapp.bench.said import Said, numbers_said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.repcount_a import RepCountA, last_number, mae_obo
from tmlapp.core.numbers import numbers_in


def mae_obo_checks(golden: Golden) -> Iterator[Check]:
    """`mae_obo.json`: figures of several sets of predictions over one list of counts."""
    tolerance = golden.get("tolerance", 1e-6)
    true = [item["gt"] for item in golden["items"]]
    for name, expect in golden["expect"].items():
        mae, obo = mae_obo([item["pred"][name] for item in golden["items"]], true)
        for key, actual in (("MAE", mae), ("OBO", obo)):
            yield Check(f"{name} {key}", expect[key], actual, tolerance)


def number_checks(golden: Golden) -> Iterator[Check]:
    """`number_parser.json`: texts and the numbers in them."""
    idioms = golden.get("params", {}).get("idioms", False)
    for case in golden["cases"]:
        actual = [n.value for n in numbers_in(case["text"], idioms=case.get("idioms", idioms))]
        yield Check(repr(case["text"]), case["numbers"], actual)


def online_checks(golden: Golden) -> Iterator[Check]:
    """`online.json`: single windows, then a run over real labels through the grader itself."""
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


KINDS = {
    ("repcount-a", "mae_obo.json"): mae_obo_checks,
    ("repcount-a", "number_parser.json"): number_checks,
    ("repcount-a", "online.json"): online_checks,
}
