"""Golden files of TimeSpeak and CueSpeak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tmlapp.bench.answer import Utterance, Word, utterances_of
from tmlapp.bench.labels.speak_items import Expectation, SpeakItem, parse_item
from tmlapp.bench.suites.speak_params import SpeakParams, speak_params
from tmlapp.bench.suites.speak_scoring import ItemScore, SuiteScore, in_onset_order, score_item, score_suite

NONE = "no such figure"


def scoring_checks(golden: Golden) -> Iterator[Check]:
    """`scoring.json`: items with recorded verdicts, scored under several sets of parameters."""
    tolerance = golden.get("tolerance", TOLERANCE)
    items = [(parse_item(entry["item"]), entry) for entry in golden["items"]]
    sets = golden.get("parameter_sets", {"tml_reading": {}})
    for name in golden["expect"]:
        given = {**golden.get("defaults", {}), **sets[name]}
        params = speak_params("timespeak", "tml_reading", given)
        scored = [(item, _scored(item, entry, params, "utterance_gap_s" in given)) for item, entry in items]
        expect = golden["expect"][name]
        by_id = {item.id: score for item, score in scored}
        for item_id, wanted in expect.get("items", {}).items():
            yield from _item_checks(f"{name} {item_id}", wanted, by_id[item_id], tolerance)
        for suite, wanted in expect.get("suites", {}).items():
            of_suite = score_suite([(i.category, s) for i, s in scored if i.suite == suite])
            yield from _suite_checks(f"{name} {suite}", wanted, of_suite, params, tolerance)
        for key in expect:
            if key not in ("items", "suites"):
                yield Check(f"{name} {key}", expect[key], NONE)


def _scored(item: SpeakItem, entry: Mapping[str, Any], params: SpeakParams, split: bool) -> ItemScore:
    verdicts = entry.get("judge_verdicts", {})

    def ask(expectation: Expectation, key: str, candidates: Sequence[Utterance]) -> bool | None:
        found: bool | None = verdicts.get(key)
        return found

    said = [_utterance(u) for u in entry["utterances"] or ()]
    if split and said and all(u.words for u in said):
        said = list(utterances_of(tuple(w for u in said for w in u.words), params.utterance_gap_s))
    speech = entry.get("speech")
    return score_item(item, in_onset_order(said, params, speech), params, ask)


def _utterance(raw: Mapping[str, Any]) -> Utterance:
    words = tuple(Word(w["t0"], w.get("t1"), w["text"]) for w in raw.get("words") or ())
    return Utterance(raw["t0"], raw.get("t1"), raw["text"], words)


def _item_checks(where: str, wanted: Mapping[str, Any], got: ItemScore, tolerance: float) -> Iterator[Check]:
    met = {m.id: m for m in got.met}
    for key, expected in wanted.items():
        if key != "expectations":
            yield Check(f"{where} {key}", expected, getattr(got, key, NONE), tolerance)
            continue
        for name, result in expected.items():
            found = {"pass": met[name].passed, "reason": met[name].reason, "utterance": met[name].utterance}
            for what, value in result.items():
                yield Check(f"{where} {name} {what}", value, found.get(what, NONE), tolerance)


def _suite_checks(
    where: str, wanted: Mapping[str, Any], got: SuiteScore, params: SpeakParams, tolerance: float
) -> Iterator[Check]:
    found: dict[str, Any] = {
        "n_examples": got.n_examples,
        "macro_example": got.macro_example,
        "macro_category": got.macro_category,
        "accuracy": got.accuracy(params),
    }
    for key, expected in wanted.items():
        if key != "by_category":
            yield Check(f"{where} {key}", expected, found.get(key, NONE), tolerance)
            continue
        yield Check(f"{where} categories", sorted(expected), sorted(got.by_category))
        for category, value in expected.items():
            yield Check(f"{where} {category}", value, got.by_category.get(category, NONE), tolerance)


KINDS = {("timespeak-cuespeak", "scoring.json"): scoring_checks}
