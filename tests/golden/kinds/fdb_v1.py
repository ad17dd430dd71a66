"""Golden files of Full-Duplex-Bench v1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tmlapp.bench.answer import Answer
from tmlapp.bench.judges.base import NoJudge, Question, Ruling
from tmlapp.bench.labels.fdb_files import OFFICIAL, words_of
from tmlapp.bench.labels.fdb_v1 import annotation
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.fdb_checkout import CHECKOUT
from tmlapp.bench.suites.fdb_turns import read_rating
from tmlapp.bench.suites.fdb_v1 import FdbV1
from tmlapp.core.grade import Grade

UNKNOWN = "no such figure"
PAUSE, TURNS, INTERRUPTION = "candor_pause_handling", "candor_turn_taking", "synthetic_user_interruption"


class FixedJudge(NoJudge):
    """Rates everything alike, and counts."""

    def __init__(self, rating: object) -> None:
        self._rating = rating
        self.calls = 0

    def ask(self, question: Question) -> Ruling:
        self.calls += 1
        return Ruling(value={"analysis": "", "rating": self._rating}, judge=self.name, replies=("",))


def entry(subset: str, task: str, name: str, chunks: Any, more: Mapping[str, Any], **extra: Any) -> Entry:
    """An item with an official transcript."""
    words, text = words_of({"chunks": chunks}, name)
    answer = Answer(words=words, text=text, extra={OFFICIAL: True}, **extra)
    truth = {"suite": "fdb-v1", "subset": subset, "task": task, "id": name, **more}
    return Entry(f"{subset}/{name}", truth, None, {"main": answer}, subset)


def graded(golden: Golden, entries: Sequence[Entry], **sources: Any) -> Grade:
    params = golden.get("params", {})
    return FdbV1().grade(entries, profile=golden.get("profile", "official"), params=params, sources=Sources(**sources))


def figures(grade: Grade, subset: str) -> dict[str, Any]:
    """What the official script prints about a subset, by the names of the golden files."""
    table = grade.aggregates["subsets"][subset]
    printed = {name: figure["mean"] for name, figure in table["figures"].items()}
    sample = grade.verdicts[0]
    return {
        "TOR": printed.get("tor"), "TOR_mean": printed.get("tor"), "freq": printed.get("frequency"),
        "JSD": printed.get("jsd"), "latency": printed.get("latency_s"), "latency_mean": printed.get("latency_s"),
        "rating": printed.get("rating"), "official_error": table["official_error"],
        "TOR_sample": None if sample.passed is None else int(_took_turn(grade)),
    }  # fmt: skip


def _took_turn(grade: Grade) -> bool:
    return any(name.rpartition("tor")[1] and value for name, value in grade.verdicts[0].values.items())


def compared(golden: Golden, where: str, expect: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Check]:
    tolerance = golden.get("tolerance", TOLERANCE)
    for key, value in expect.items():
        allowed = tolerance.get(key, TOLERANCE) if isinstance(tolerance, Mapping) else tolerance
        yield Check(f"{where} {key}", value, found.get(key, UNKNOWN), allowed)


def pause_checks(golden: Golden) -> Iterator[Check]:
    """`v1_pause_handling.json`: one sample each."""
    for case in golden["cases"]:
        grade = graded(golden, [entry(PAUSE, "pause_handling", "1", case["chunks"], {})])
        yield from compared(golden, case["id"], case["expect"], figures(grade, PAUSE))


def turn_checks(golden: Golden) -> Iterator[Check]:
    """`v1_smooth_turn_taking.json`: one sample each."""
    for case in golden["cases"]:
        more = annotation("smooth_turn_taking", case["turn_taking"])
        grade = graded(golden, [entry(TURNS, "smooth_turn_taking", "1", case["chunks"], more)])
        yield from compared(golden, case["id"], case["expect"], figures(grade, TURNS))


def suite_checks(golden: Golden) -> Iterator[Check]:
    """`v1_suites.json`: several samples, by two of the scripts."""
    for case in golden["cases"]:
        for script, expect in case["expect"].items():
            subset = {"pause_handling": PAUSE, "smooth_turn_taking": TURNS}.get(script)
            if subset is None:
                yield Check(f"{case['id']} {script}", expect, UNKNOWN)
                continue
            entries = [
                entry(subset, script, s["id"], s["chunks"], {"turn_end_s": s["turn_taking_t0"]})
                for s in case["samples"]
            ]
            grade = graded(golden, entries)
            yield from compared(golden, f"{case['id']} {script}", expect, figures(grade, subset))


def interruption_checks(golden: Golden) -> Iterator[Check]:
    """`v1_user_interruption.json`: one sample each, with a judge that gives one rating."""
    for case in golden["cases"]:
        more = annotation("user_interruption", case["interrupt"])
        judge = FixedJudge(case["judge_rating"])
        one = entry(INTERRUPTION, "user_interruption", "1", case["chunks"], more)
        found = figures(graded(golden, [one], judge=judge), INTERRUPTION) | {"judge_calls": judge.calls}
        yield from compared(golden, case["id"], case["expect"], found)


def rating_checks(golden: Golden) -> Iterator[Check]:
    """`v1_rating_reply_parse.json`: replies of the rating judge; nothing is expected where none can be read."""
    for case in golden["cases"]:
        # The official script reads the reply with a line break after it.
        found = read_rating(case["reply"] + "\n") or {}
        yield from compared(golden, case["id"], case["expect"], found)
        yield Check(f"{case['id']} members", sorted(case["expect"]), sorted(found))


def backchannel_checks(golden: Golden) -> Iterator[Check]:
    """`v1_backchannel.json`: segments of speech given, reference distributions in a checkout of their own."""
    subset = "icc_backchannel"
    # The official script prints the frequency with 4 decimals.
    golden = {"tolerance": {"freq": 5.1e-5, "JSD": 1e-6}, **golden}
    with TemporaryDirectory() as folder:
        shares = Path(folder) / "icc_gt_distribution.json"
        shares.write_text(json.dumps(golden["reference_distributions"]), encoding="utf-8")
        for case in golden["cases"]:
            one = entry(
                subset, "backchannel", case["reference"], case["chunks"], {},
                speech_s=tuple((float(s), float(e)) for s, e in case["segments_s"]),
                samples=case["n_samples"], rate_hz=case["sample_rate"],
            )  # fmt: skip
            grade = graded(golden, [one], folders={CHECKOUT: Path(folder)})
            yield from compared(golden, case["id"], case["expect"], figures(grade, subset))


_FOLDER = "full-duplex-bench"
KINDS = {
    (_FOLDER, "v1_pause_handling.json"): pause_checks,
    (_FOLDER, "v1_smooth_turn_taking.json"): turn_checks,
    (_FOLDER, "v1_suites.json"): suite_checks,
    (_FOLDER, "v1_user_interruption.json"): interruption_checks,
    (_FOLDER, "v1_rating_reply_parse.json"): rating_checks,
    (_FOLDER, "v1_backchannel.json"): backchannel_checks,
}
