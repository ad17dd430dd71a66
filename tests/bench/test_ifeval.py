from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import langdetect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.data import Part, SuiteItem
from tmlapp.bench.registry import suite_named
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites import ifeval_checkers
from tmlapp.bench.suites.ifeval import IFEval
from tmlapp.bench.suites.ifeval_checkers import NEEDS_SENTENCES, Checkers, SeededRandom
from tmlapp.bench.suites.ifeval_scoring import (
    RATES,
    Followed,
    cleaned,
    follow,
    intervals,
    parse_row,
    rates,
    summed,
    variants,
)
from tmlapp.bench.suites.ifeval_voice import IFEvalVoice
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

NO_COMMA, LOWER, SENTENCES = (
    "punctuation:no_comma",
    "change_case:english_lowercase",
    "length_constraints:number_sentences",
)
TITLE, LETTERS = "detectable_format:title", "keywords:letter_frequency"


def truth(key: int = 1, *ids: str, kwargs: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    chosen = ids or (NO_COMMA,)
    given = [{} for _ in chosen] if kwargs is None else list(kwargs)
    return {"key": key, "prompt": f"Write {key}.", "instruction_id_list": list(chosen), "kwargs": given}


def entry(raw: dict[str, Any], text: str | None) -> Entry:
    return Entry(str(raw["key"]), raw, None, {} if text is None else {"main": Answer(text=text)})


def graded(entries: Sequence[Entry], profile: str = "official", suite: type[IFEval] = IFEval, **folders: Path) -> Grade:
    return suite().grade(entries, profile=profile, params={}, sources=Sources(folders=folders))


def values(grade: Grade) -> dict[str, float | None]:
    return {metric.name: metric.value for metric in grade.metrics}


def test_the_headline_is_the_mean_of_the_four_accuracies() -> None:
    two = truth(2, NO_COMMA, TITLE)
    grade = graded([entry(truth(1), "no comma"), entry(two, "with, comma <<title>>")])
    third = pytest.approx(200 / 3)
    assert values(grade) == {
        "final": pytest.approx((50 + 50 + 200 / 3 + 200 / 3) / 4), "prompt_strict": 50.0, "prompt_loose": 50.0,
        "instruction_strict": third, "instruction_loose": third,
    }  # fmt: skip
    assert grade.score == values(grade)["final"]
    assert [m.name for m in grade.metrics] == ["final", *RATES]
    assert grade.baselines[0].score == 0.0


def test_the_loose_rule_also_tries_the_response_without_its_first_line() -> None:
    grade = graded([entry(truth(1), "Sure, here:\nno comma")])
    assert (values(grade)["prompt_strict"], values(grade)["prompt_loose"], grade.score) == (0.0, 100.0, 50.0)
    verdict = grade.verdicts[0]
    assert verdict.details["strict"] == [False]
    assert verdict.why == f"fails: follows 0 of 1 strictly, 1 loosely; not followed: {NO_COMMA}"


def test_the_variants_are_those_of_the_rule_without_blank_ones() -> None:
    assert variants("a*\nb\nc") == ("a*\nb\nc", "a\nb\nc", "b\nc", "a*\nb", "b", "a\nb")
    assert variants("a") == ("a",)
    assert variants("a\n\nb") == ("a\n\nb", "b", "a")


def test_blank_and_missing_responses_follow_nothing() -> None:
    raw = truth(1, NO_COMMA, SENTENCES, kwargs=[{}, {"num_sentences": 2, "relation": "less than"}])
    lost = Entry("3", truth(3), None, {"main": Answer(text="fine")}, failure="the connection was lost")
    grade = graded([entry(raw, " \n"), entry(truth(2), None), lost])
    assert (grade.score, grade.n_silent, grade.n_missing, grade.n_scored) == (0.0, 1, 2, 3)
    assert [v.why for v in grade.verdicts] == [
        "fails: a blank response follows nothing",
        "fails: the item was not run",
        "fails: the item was not run",
    ]
    assert not grade.aggregates["incomplete"]


def test_without_punkt_tab_instructions_are_skipped_and_the_run_is_incomplete(tmp_path: Path) -> None:
    raw = truth(1, NO_COMMA, SENTENCES, kwargs=[{}, {"num_sentences": 2, "relation": "less than"}])
    grade = graded([entry(raw, "One. Two."), entry(truth(2), "fine"), entry(truth(3), "a, b")], nltk_data=tmp_path)
    assert grade.aggregates["incomplete"]
    assert grade.aggregates["n_skipped_instructions"] == 1
    assert "nltk_data" in grade.aggregates["incomplete_why"]
    assert (grade.n_ungraded, grade.verdicts[0].score, grade.verdicts[0].values) == (1, None, {})
    assert grade.verdicts[0].details["skipped"] == [SENTENCES]
    assert "punkt_tab, which is missing" in grade.verdicts[0].why
    assert values(grade)["prompt_strict"] == 50.0
    assert values(grade)["instruction_strict"] == pytest.approx(200 / 3)


def test_where_nothing_could_be_checked_there_is_no_headline() -> None:
    raw = truth(1, SENTENCES, kwargs=[{"num_sentences": 2, "relation": "less than"}])
    grade = graded([entry(raw, "One."), entry(raw | {"key": 2}, "One.")])
    assert (grade.score, grade.metrics[0].reason, grade.interval) == (None, "no prompt could be checked", None)
    assert graded([]).score is None


def test_clean_leaves_out_the_two_prompts_with_a_random_letter() -> None:
    kwargs = [{"letter": "#", "let_frequency": 4, "let_relation": "at least"}]
    entries = [entry(truth(key, LETTERS, kwargs=kwargs), "no such sign") for key in (1122, 1129)] + [
        entry(truth(1), "ok")
    ]
    official, clean = graded(entries), graded(entries, "clean")
    assert (official.metrics[0].n, clean.metrics[0].n) == (3, 1)
    assert clean.score == 100.0
    assert clean.aggregates["n_dropped"] == 2
    assert clean.verdicts[0].why == "left out: its checker draws a letter at random"
    assert (clean.verdicts[0].score, clean.verdicts[0].passed) == (None, None)


def test_grades_name_the_seeds_and_the_versions_of_the_checkers() -> None:
    made = graded([entry(truth(1), "ok")]).provenance
    assert made.seeds["random_before_each_prompt"] == made.seeds["langdetect_before_each_check"] == 0
    assert {"lm_eval", "langdetect", "nltk", "tmlapp"} <= made.software.keys()


def test_the_text_is_graded_as_the_endpoint_gave_it_and_its_onset_kept() -> None:
    answer = Answer(text="a\nb", utterances=(Utterance(1.5, None, "a b"),))
    grade = graded([Entry("1", truth(1), None, {"main": answer})])
    assert grade.verdicts[0].graded_text == ((1.5, "a\nb"),)


def test_an_utterance_without_a_time_is_refused() -> None:
    answer = Answer(text="a", utterances=(Utterance(float("nan"), None, "a"),))
    with pytest.raises(AppError, match="Give every output a time"):
        graded([Entry("1", truth(1), None, {"main": answer})])


@pytest.mark.parametrize(
    ("response", "expected"),
    [("<2> Hello <|user|>", "Hello"), ("<4>x", "<4>x"), ("x <|user|> y", "x <|user|> y"), (" as it is ", " as it is ")],
)
def test_marks_of_voicebench_are_taken_off(response: str, expected: str) -> None:
    assert cleaned(response) == expected


def test_only_the_spoken_suite_takes_marks_off() -> None:
    raw = truth(1, "startend:end_checker", kwargs=[{"end_phrase": "Done."}])
    assert graded([entry(raw, "<1>Done.<|user|>")]).score == 0.0
    assert graded([entry(raw, "<1>Done.<|user|>")], suite=IFEvalVoice).score == 100.0


def test_a_row_that_the_library_does_not_know_names_the_item() -> None:
    with pytest.raises(AppError, match="The item 7 cannot be graded"):
        graded([entry(truth(7, "keywords:unknown"), "text")])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": " "}, "prompt is missing"),
        ({"instruction_id_list": []}, "instruction_id_list is not"),
        ({"instruction_id_list": [3]}, "instruction_id_list is not"),
        ({"kwargs": "x"}, "kwargs is not"),
        ({"kwargs": [3]}, "kwargs is not"),
        ({"kwargs": []}, "1 instructions, but 0 kwargs"),
        ({"key": 1.5}, "key is 1.5"),
        ({"suite": "qivd"}, "for the suite 'qivd'"),
    ],
)
def test_a_malformed_truth_says_what_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(AppError, match=message):
        parse_row({**truth(1), **change})


def test_padding_of_copies_is_left_out() -> None:
    assert parse_row(truth(1, kwargs=[None])).kwargs == ({},)  # type: ignore[list-item]
    kwargs = [{"num_words": 20.0, "relation": "at least", "letter": None, "share": 0.5}]
    row = parse_row(truth(1, "length_constraints:number_words", kwargs=kwargs))
    assert row.kwargs == ({"num_words": 20, "relation": "at least", "share": 0.5},)
    assert isinstance(row.kwargs[0]["num_words"], int)


one = st.lists(st.sampled_from([(False, False), (False, True), (True, True)]), min_size=1, max_size=3)
runs = st.lists(one.map(lambda pairs: Followed(*zip(*pairs, strict=True))), min_size=1, max_size=12)


@settings(max_examples=50)
@given(runs, st.randoms())
def test_rates_are_shares_in_any_order_and_loose_is_never_below_strict(run: list[Followed], random: Any) -> None:
    found = {k: v for k, v in rates(summed(run)).items() if v is not None}
    assert all(0 <= value <= 1 for value in found.values())
    assert found["prompt_strict"] <= found["prompt_loose"]
    assert found["instruction_strict"] <= found["instruction_loose"]
    assert min(found[r] for r in RATES) <= found["final"] + 1e-12
    assert found["final"] <= max(found[r] for r in RATES) + 1e-12
    mixed = list(run)
    random.shuffle(mixed)
    assert rates(summed(mixed)) == found
    assert intervals(mixed) == intervals(run)


@given(runs, st.data())
def test_an_instruction_more_never_lowers_a_rate(run: list[Followed], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(run) - 1))
    which = data.draw(st.integers(0, len(run[at].strict) - 1))
    more = [*run]
    strict, loose = list(run[at].strict), list(run[at].loose)
    strict[which] = loose[which] = True
    more[at] = Followed(tuple(strict), tuple(loose))
    before, after = rates(summed(run)), rates(summed(more))
    assert all((after[name] or 0) >= (before[name] or 0) for name in after)


def test_the_interval_holds_the_rate_and_needs_two_prompts() -> None:
    run = [Followed((True,), (True,)), Followed((False, True), (False, True))] * 20
    span = intervals(run)["final"]
    assert span is not None
    assert span[0] < (rates(summed(run))["final"] or 0) < span[1]
    assert set(intervals(run[:1]).values()) == {None}


def test_the_items_values_have_the_metrics_as_their_means() -> None:
    three = truth(2, NO_COMMA, TITLE, LOWER)
    grade = graded([entry(truth(1), "a, b"), entry(three, "<<title>> and more"), entry(truth(4), "fine")])
    for metric in grade.metrics:
        assert sum(v.values[metric.name] for v in grade.verdicts) / 3 == pytest.approx(metric.value)


RESPONSES = (
    'Sure, *this* is "my" answer.\n\n<<A title>>\n\n* one\n* two\n\nP.S. I am done! # Is there any help?',
    "my answer is yes. this has no capital letters, and some words",
    '"THE WHOLE TEXT IS LOUD\n******\nPARAGRAPH 1\n\nSECTION 2 [here] [there]"',
)


@pytest.mark.parametrize("response", RESPONSES)
def test_every_prompt_is_graded_as_lm_eval_grades_it(
    shared_data: Path, response: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both sides ask for the same few texts again and again, a hundredth of a second each.
    slow, known = ifeval_checkers._Langdetect.detect, dict[str, str]()

    def detect(self: ifeval_checkers._Langdetect, text: str) -> str:
        if text not in known:
            known[text] = slow(self, text)
        return known[text]

    monkeypatch.setattr(ifeval_checkers._Langdetect, "detect", detect)
    random = SeededRandom(0)
    stand_ins = {
        "random": random,
        "nltk": ifeval_checkers._nltk(ifeval_checkers._Apart("nltk", ("nltk", "nltk.tokenize")), None),
        "langdetect": ifeval_checkers._Langdetect(langdetect),
    }
    packages = ("lm_eval", "lm_eval.tasks", "lm_eval.tasks.ifeval")
    official = ifeval_checkers._Apart("lm_eval", packages, stand_ins).module("lm_eval.tasks.ifeval.utils")
    checkers = Checkers()
    random_letters = 0
    for line in (shared_data / "bench" / "ifeval" / "input_data.jsonl").read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        if NEEDS_SENTENCES & set(raw["instruction_id_list"]):
            continue
        random.restart()
        found = official.process_results(raw, [response])
        ours = follow(checkers, parse_row(raw), response)
        random_letters += checkers.random.used
        assert list(ours.strict) == found["inst_level_strict_acc"]
        assert list(ours.loose) == found["inst_level_loose_acc"]
    assert random_letters == 2


def items(*keys: int) -> list[SuiteItem]:
    return [SuiteItem(id=str(key), truth=truth(key), parts=(Part(),)) for key in keys]


@pytest.mark.parametrize("suite", [IFEval, IFEvalVoice])
def test_what_was_written_for_the_official_scripts_reads_back_the_same(tmp_path: Path, suite: type[IFEval]) -> None:
    texts = {"1": "a\nb „c“\u2028d", "2": ""}
    answers = {key: {"main": Answer(text=text)} for key, text in texts.items()}
    (file,) = suite().write_official(tmp_path, items(1, 2, 3), answers, lambda _i, _p: None)
    assert file.name == suite.result_name
    back = suite().read_official(tmp_path, items(1, 2, 3))
    assert {key: parts["main"].text for key, parts in back.items()} == texts
    assert back["1"]["main"].text_source == "recorded"
    first = json.loads(file.read_text(encoding="utf-8").split("\n")[0])
    assert first.keys() >= {"prompt", "response"}


@pytest.mark.parametrize("name", ["ifeval", "ifeval-voice"])
def test_the_suites_are_found_by_their_names(name: str) -> None:
    assert suite_named(name).suite_name == name
