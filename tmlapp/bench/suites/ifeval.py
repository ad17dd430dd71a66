"""IFEval: instructions whose following a program can check, typed to the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail
from tmlapp.bench.labels import ifeval as labels
from tmlapp.bench.labels.rows import write_rows
from tmlapp.bench.said import in_order
from tmlapp.bench.suite import Answers, Entry, Outcome, Sounds, Sources, Suite, assemble, merged_parameters, suite
from tmlapp.bench.suites.ifeval_checkers import Checkers
from tmlapp.bench.suites.ifeval_scoring import (
    RATES,
    Followed,
    Row,
    cleaned,
    follow,
    intervals,
    parse_row,
    rates,
    summed,
)
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Metric, Verdict

RANDOM_KEYS = (1122, 1129)
"""Their letter to count is none of a to z; the checkers draw another one at random, each time."""
N_TEXT = 541
_LABELS = {
    "final": "final, mean of the four",
    "prompt_strict": "prompt strict",
    "prompt_loose": "prompt loose",
    "instruction_strict": "instruction strict",
    "instruction_loose": "instruction loose",
}


@suite("ifeval")
class IFEval(Suite):
    """The mean of the four accuracies in percent."""

    suite_name: ClassVar[str] = "ifeval"
    title: ClassVar[str] = "IFEval (text)"
    profiles: ClassVar[tuple[str, ...]] = ("official", "clean")
    where: ClassVar[str] = (
        "input_data.jsonl of google-research/instruction_following_eval, or the dataset google/IFEval (Apache-2.0)."
    )
    options: ClassVar[Mapping[str, Any]] = {"tail_most_s": 60.0}
    result_name: ClassVar[str] = "input_response_data_tmlapp.jsonl"
    strips_marks: ClassVar[bool] = False

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        tail = self._tail(options)
        found = labels.read_rows(folder, self.where)
        items = [SuiteItem(id=str(raw["key"]), truth=raw, parts=(self._part(raw, tail),)) for raw in found.rows]
        return Loaded(
            items=tuple(items),
            quarantined=found.quarantined,
            expected=N_TEXT,
            files=found.files,
        )

    def _part(self, raw: Mapping[str, Any], tail: Tail) -> Part:
        return Part(message=raw["prompt"], tail=tail)

    def _tail(self, options: Mapping[str, Any]) -> Tail:
        chosen = merged_parameters(self.suite_name, "load", {"load": self.options}, options)
        return Tail(least_s=0.2, quiet_s=2.0, most_s=float(chosen["tail_most_s"]))

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        given = {"strip_marks": self.strips_marks, "left_out_keys": []}
        profiles = {"official": given, "clean": given | {"left_out_keys": list(RANDOM_KEYS)}}
        parameters = merged_parameters(self.suite_name, profile, profiles, params)
        rows = [parse_row(entry.truth) for entry in entries]
        checkers = Checkers(sources.folders.get("nltk_data"))
        left_out = frozenset(parameters["left_out_keys"])
        graded = [
            _grade_item(checkers, entry, row, parameters["strip_marks"], row.key in left_out)
            for entry, row in zip(entries, rows, strict=True)
        ]
        kept = [(row, followed) for row, (_, followed) in zip(rows, graded, strict=True) if row.key not in left_out]
        followed = [f for _, f in kept]
        grade = assemble(
            suite_name=self.suite_name,
            metric="final, %",
            formula="ifeval/google@1",
            profile=profile,
            parameters=parameters,
            outcomes=_with_values(graded, rows, left_out),
            baselines=[_blank([row for row, _ in kept])],
            aggregates=_aggregates(kept),
            sources=sources,
            metrics=_metrics(followed),
        )
        made = grade.provenance
        seeds = made.seeds | {"random_before_each_prompt": 0, "langdetect_before_each_check": 0}
        software, files = made.software | checkers.versions, made.files | checkers.files
        return replace(grade, provenance=replace(made, seeds=seeds, software=software, files=files))

    def write_official(
        self,
        folder: Path,
        items: Sequence[SuiteItem],
        answers: Answers,
        sounds: Sounds,  # noqa: ARG002 - the official scripts read texts alone
    ) -> list[Path]:
        lines = []
        for item in items:
            answer = answers.get(item.id, {}).get(item.parts[0].name)
            if answer is not None:
                lines.append(self._line(item.truth, answer.text))
        return [write_rows(folder / self.result_name, lines)]

    def _line(self, raw: Mapping[str, Any], response: str) -> dict[str, Any]:
        return {"prompt": raw["prompt"], "response": response}

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        said = labels.read_responses(folder)
        found: dict[str, dict[str, Answer]] = {}
        for item in items:
            text = said.by_key.get(item.truth["key"], said.by_prompt.get(item.truth["prompt"]))
            if text is not None:
                found[item.id] = {
                    item.parts[0].name: Answer(text=text, text_source="recorded", timing_source="recorded")
                }
        return found


def _grade_item(
    checkers: Checkers, entry: Entry, row: Row, strip_marks: bool, left_out: bool
) -> tuple[Outcome, Followed]:
    answer = None if entry.failure else entry.answer
    response = "" if answer is None else cleaned(answer.text) if strip_marks else answer.text
    try:
        followed = follow(checkers, row, response)
    except AppError as error:
        raise AppError(f"The item {entry.item} cannot be graded.", f"{error.what} {error.why}", error.fix) from error
    missing, silent = answer is None, answer is not None and not response.strip()
    skipped = [name for name, result in zip(row.ids, followed.strict, strict=True) if result is None]
    share = [100.0 * each.count(True) / len(row.ids) for each in (followed.strict, followed.loose)]
    whole = [100.0 * all(each) for each in (followed.strict, followed.loose)]
    verdict = Verdict(
        item=entry.item,
        score=None if left_out or skipped else (sum(share) + sum(whole)) / 4,
        passed=None if left_out or skipped else all(followed.strict),
        graded_text=() if not response else ((_onset(answer), response),),
        why=_why(row, followed, missing=missing, silent=silent, left_out=left_out, skipped=skipped),
        details={
            "key": row.key, "instruction_id_list": list(row.ids), "strict": list(followed.strict),
            "loose": list(followed.loose), "skipped": skipped,
        },
        group=entry.group,
    )  # fmt: skip
    outcome = Outcome(
        verdict=verdict, missing=missing, silent=silent, ungraded=bool(skipped) and not left_out, dropped=left_out
    )
    return outcome, followed


def _onset(answer: Answer | None) -> float:
    said = in_order(answer.said()) if answer is not None else ()
    return said[0].t_s if said else 0.0


def _why(row: Row, followed: Followed, *, missing: bool, silent: bool, left_out: bool, skipped: Sequence[str]) -> str:
    if left_out:
        return "left out: its checker draws a letter at random"
    if missing:
        return "fails: the item was not run"
    if silent:
        return "fails: a blank response follows nothing"
    if skipped:
        return f"not decided: {', '.join(skipped)} needs nltk's punkt_tab, which is missing"
    wrong = [name for name, ok in zip(row.ids, followed.strict, strict=True) if not ok]
    verb = "passes" if not wrong else "fails"
    counts = f"follows {len(row.ids) - len(wrong)} of {len(row.ids)} strictly, {followed.loose.count(True)} loosely"
    return f"{verb}: {counts}" + (f"; not followed: {', '.join(wrong)}" if wrong else "")


def _with_values(
    graded: Sequence[tuple[Outcome, Followed]], rows: Sequence[Row], left_out: frozenset[int]
) -> list[Outcome]:
    """The outcomes with each item's part of the metrics: their means over the items are the metrics themselves."""
    sums = summed([f for row, (_, f) in zip(rows, graded, strict=True) if row.key not in left_out])
    prompts, instructions = sums[2], sums[5]
    found = []
    for outcome, followed in graded:
        counts = followed.counts()
        if not outcome.dropped and counts[2]:
            # An item with many instructions weighs more in the rates per instruction.
            weight = 100.0 * prompts / instructions
            four = (100.0 * counts[0], 100.0 * counts[1], weight * counts[3], weight * counts[4])
            values = {**dict(zip(RATES, four, strict=True)), "final": sum(four) / 4}
            outcome = replace(outcome, verdict=replace(outcome.verdict, values=values))
        found.append(outcome)
    return found


def _blank(rows: Sequence[Row]) -> Baseline:
    blank = rates(summed([Followed.nothing(row) for row in rows]))
    return Baseline(name="blank", score=_percent(blank["final"]))


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100.0 * fraction


def _metrics(followed: Sequence[Followed]) -> list[Metric]:
    sums = summed(followed)
    values, spans = rates(sums), intervals(followed)
    found = []
    for name in ("final", *RATES):
        span, value = spans[name], _percent(values[name])
        found.append(
            Metric(
                name=name,
                label=_LABELS[name],
                value=value,
                n=sums[5] if name.startswith("instruction") else sums[2],
                interval=None if span is None else (100.0 * span[0], 100.0 * span[1]),
                reason="" if value is not None else "no prompt could be checked",
            )
        )
    return found


def _aggregates(kept: Sequence[tuple[Row, Followed]]) -> dict[str, Any]:
    sums = summed([f for _, f in kept])
    total: Counter[str] = Counter()
    strict: Counter[str] = Counter()
    loose: Counter[str] = Counter()
    skipped = 0
    for row, followed in kept:
        for name, is_strict, is_loose in zip(row.ids, followed.strict, followed.loose, strict=True):
            if is_strict is None:
                skipped += 1
                continue
            total[name] += 1
            strict[name] += bool(is_strict)
            loose[name] += bool(is_loose)
    found: dict[str, Any] = {
        "n_prompts": sums[2],
        "n_instructions": sums[5],
        "n_skipped_instructions": skipped,
        "incomplete": bool(skipped),
        "per_instruction": {
            name: {"n": n, "strict": 100.0 * strict[name] / n, "loose": 100.0 * loose[name] / n}
            for name, n in sorted(total.items())
        },
    }
    if skipped:
        found["incomplete_why"] = (
            f"{skipped} instructions were skipped, and their prompts left out: they need nltk's punkt_tab. "
            "Name the folder that holds tokenizers/punkt_tab (nltk_data)."
        )
    return found
