"""Golden files of Charades."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tmlapp.bench.intervals import iou, recall_at, set_iou
from tmlapp.bench.said import Said
from tmlapp.bench.suites.charades import pair_borders


def iou_checks(golden: Golden) -> Iterator[Check]:
    """`iou.json`: elementary pairs, then the figures over many."""
    tolerance = golden.get("tolerance", TOLERANCE)
    for case in golden.get("elementary", ()):
        where = f"{case['pred']} against {case['ref']}"
        yield Check(where, case["iou"], _iou(case["pred"], case["ref"]), tolerance)
        if case["pred"] is not None:
            yield Check(f"{where} reversed", case["iou"], _iou(case["ref"], case["pred"]), tolerance)
    ious = [_iou(item["pred"], item["ref"]) for item in golden.get("items", ())]
    for key, expected in golden.get("expect", {}).items():
        actual: Any = "no such figure"
        if key == "n":
            actual = len(ious)
        elif key == "mIoU":
            actual = 100.0 * sum(ious) / len(ious) if ious else None
        elif key.startswith("R@"):
            actual = recall_at(ious, float(key.removeprefix("R@")))
        yield Check(key, expected, actual, tolerance)


def _iou(pred: list[float] | None, ref: list[float]) -> float:
    return 0.0 if pred is None else iou((pred[0], pred[1]), (ref[0], ref[1]))


def pairing_checks(golden: Golden) -> Iterator[Check]:
    """`start_stop_pairing.json`: utterances to intervals under each pair of modes."""
    tolerance = golden.get("tolerance", TOLERANCE)
    for case in golden["cases"]:
        said = [Said(t, text) for t, text in case["utterances"]]
        ref = (case["ref"][0], case["ref"][1])
        for key, expect in case["expect"].items():
            mode, unmatched = key.split("/")
            pairing = pair_borders(said, case["length"], mode=mode, unmatched=unmatched)
            found = {
                "intervals": pairing.intervals,
                "unmatched_start": pairing.unmatched_start,
                "iou_first": iou(pairing.intervals[0], ref) if pairing.intervals else 0.0,
                "set_iou": set_iou(pairing.intervals, [ref]),
            }
            for what, expected in expect.items():
                yield Check(f"{case['id']} {key} {what}", expected, found.get(what, "no such figure"), tolerance)


KINDS = {
    ("charades", "iou.json"): iou_checks,
    ("charades", "start_stop_pairing.json"): pairing_checks,
}
