from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.judged import Written
from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.judges.rules import RulesJudge
from tmlapp.bench.published import published
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.bigbench_audio import CORRECT, BigBenchAudio, judged_correct
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit


def truth(category: str = "navigate", official: str = "Yes", runs: int = 1) -> dict[str, Any]:
    return {"suite": "bigbench-audio", "category": category, "official_answer": official, "runs": runs}


def answer(text: str, question: str = "Do you return?") -> Answer:
    return Answer(text=text, user_text=question)


def entry(name: str, *texts: str | None, **more: Any) -> Entry:
    runs = zip(("main", "main_2", "main_3"), texts, strict=False)
    return Entry(name, truth(**more), None, {run: answer(text) for run, text in runs if text is not None})


def run(entries: list[Entry], replies: dict[tuple[str, str], str] | None = None, **more: Any) -> tuple[Grade, Written]:
    judge = Written(replies or {}, raw=True)
    sources = Sources(judge=judge, folders=more.get("folders", {}))
    return BigBenchAudio().grade(entries, profile=more.get("profile", "official"), params={}, sources=sources), judge


def test_accuracy_is_over_all_items_and_per_category() -> None:
    entries = [
        entry("right", "Yes."),
        entry("wrong", "No."),
        entry("mute", " ", category="web_of_lies"),
        entry("lost", None, category="web_of_lies"),
        entry("odd", "Perhaps.", category="object_counting", official="3"),
    ]
    replies = {("right", "main"): "CORRECT", ("wrong", "main"): "INCORRECT", ("odd", "main"): "CORRECT or INCORRECT"}
    grade, judge = run(entries, replies)
    assert grade.score == 20.0
    assert (grade.n, grade.n_missing, grade.n_silent, grade.n_ungraded) == (5, 1, 1, 1)
    assert [v.why for v in grade.verdicts] == [
        "correct: official answer Yes",
        "incorrect: official answer Yes",
        "incorrect: nothing was said",
        "incorrect: the item was not run",
        "ungraded, counted as incorrect: the reply says neither or both words",
    ]
    assert {m.name: m.value for m in grade.metrics} == {
        "accuracy": 20.0, "accuracy_navigate": 50.0, "accuracy_object_counting": 0.0, "accuracy_web_of_lies": 0.0,
    }  # fmt: skip
    assert grade.aggregates["by_category"]["navigate"] == {"n": 2, "accuracy": 50.0}
    assert [q.item for q in judge.asked] == ["right", "wrong", "odd"]
    assert grade.metrics[0].name == published("bigbench-audio")[0].metric


def test_constant_answers_are_counted_in_the_official_answers() -> None:
    officials = [
        ("formal_fallacies", "valid"), ("formal_fallacies", "invalid"), ("formal_fallacies", "invalid"),
        ("navigate", "No"), ("web_of_lies", "Yes"), ("object_counting", "7"), ("object_counting", "7"),
        ("object_counting", "8"),
    ]  # fmt: skip
    grade, _ = run([entry(str(i), None, category=c, official=a) for i, (c, a) in enumerate(officials)])
    assert [b.score for b in grade.baselines] == [0.0, 25.0, 37.5, 100 * 6 / 8]


def test_nothing_to_grade_has_no_score_but_a_reason() -> None:
    for profile in ("official", "aa_mean3"):
        grade, _ = run([], profile=profile)
        assert grade.score is None
        assert all(m.reason for m in grade.metrics)
        assert {b.score for b in grade.baselines} == {None}


def test_three_runs_are_averaged_and_each_is_reported() -> None:
    entries = [entry("a", "Yes.", "Yes.", "No.", runs=3), entry("b", "Yes.", None, "", runs=3)]
    replies = {(i, r): "CORRECT" for i in "ab" for r in ("main", "main_2")} | {("a", "main_3"): "INCORRECT"}
    grade, judge = run(entries, replies, profile="aa_mean3")
    got = {m.name: m.value for m in grade.metrics}
    assert got["accuracy"] == pytest.approx(50.0)
    assert (got["accuracy_main"], got["accuracy_main_2"], got["accuracy_main_3"]) == (100.0, 50.0, 0.0)
    assert [m.label for m in grade.metrics[1:4]] == ["accuracy, run 1", "accuracy, run 2", "accuracy, run 3"]
    assert grade.verdicts[0].passed is False
    assert (grade.n_missing, grade.n_silent) == (0, 0)
    assert [(q.item, q.key) for q in judge.asked] == [
        ("a", "main"), ("a", "main_2"), ("a", "main_3"), ("b", "main"),
    ]  # fmt: skip
    assert run(entries, replies)[0].score == 100.0


def test_a_first_run_that_failed_is_not_replaced_by_the_second() -> None:
    grade, judge = run([entry("a", None, "Yes.", "Yes.", runs=3)])
    assert (grade.score, grade.n_missing, judge.asked) == (0.0, 1, [])


@pytest.mark.parametrize("entries", [[entry("a", "Yes.")], [Entry("a", truth(), (Said(1.0, "Yes."),))]])
def test_three_runs_cannot_be_averaged_where_there_is_one(entries: list[Entry]) -> None:
    with pytest.raises(AppError, match="needs 3 runs of every item"):
        run(entries, profile="aa_mean3")


def test_utterances_alone_are_an_answer() -> None:
    grade, judge = run([Entry("a", truth(), (Said(1.0, "Well,"), Said(2.0, "yes.")))], {("a", "main"): "CORRECT"})
    assert grade.verdicts[0].graded_text == ((1.0, "Well,"), (2.0, "yes."))
    assert judge.asked[0].fields["candidate"] == "Well, yes."


def test_a_judge_that_does_not_know_the_question_is_told_so_and_the_verdict_says_so() -> None:
    unheard = Entry("a", truth(), None, {"main": answer("Yes.", "")})
    grade, judge = run([unheard, entry("b", "Yes.")], {("a", "main"): "CORRECT", ("b", "main"): "CORRECT"})
    assert grade.verdicts[0].why == "correct: official answer Yes; the judge did not know the question"
    assert [v.details["question_known"] for v in grade.verdicts] == [False, True]
    assert grade.aggregates["n_question_unknown"] == 1
    assert judge.asked[0].fields["question"] == "(The question's text is not at hand.)"
    message = judge.asked[1].prompt.messages(judge.asked[1].fields)[0]["content"]
    for part in ("START QUESTION\nDo you return?", "The OFFICIAL ANSWER: Yes", "ASSESS\nYes.\nEND CANDIDATE"):
        assert part in message


def test_the_official_text_of_the_user_is_asked(tmp_path: Path) -> None:
    (tmp_path / "bigbench-audio.correct.txt").write_text("$question $expected $candidate", encoding="utf-8")
    _, judge = run([entry("a", "Yes.")], folders={"judge_prompts": tmp_path})
    assert judge.asked[0].prompt.source == "bigbench-audio.correct.txt"


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("CORRECT", True),
        ("Correct.", True),
        ("**INCORRECT**", False),
        ("_incorrect_", False),
        ("Correct, I say: CORRECT", True),
        ("INCORRECT, not CORRECT", None),
        ("UNCORRECTED", None),
        ("Correctly put", None),
        ("", None),
        ("yes", None),
    ],
)
def test_a_reply_holds_exactly_one_of_the_two_whole_words(reply: str, value: bool | None) -> None:
    assert judged_correct(reply) is value


def ruled(expected: str, candidate: str, question: str = "Do you return to the starting point?") -> str:
    assert CORRECT.rules is not None
    return CORRECT.rules({"expected": expected, "candidate": candidate, "question": question})


def test_the_rules_decide_what_is_plain_and_leave_an_implied_yes_or_no_open() -> None:
    assert ruled("No", "No, you do not.") == "right"
    assert ruled("Yes", "No, you do not.") == "wrong"
    assert ruled("No", "Sam lies, so he doesn't tell the truth.") == "undecided"
    assert ruled("12", "The answer is 12.", "") == "right"
    assert ruled("valid", "It is invalid.", "") == "wrong"
    grade = BigBenchAudio().grade(
        [entry("a", "Yes, you do.")], profile="official", params={}, sources=Sources(judge=RulesJudge())
    )
    assert grade.score == 100.0


@pytest.mark.parametrize("wrong", [{"category": ""}, {"official": " "}, {"official": 3}])
def test_a_truth_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="truth for bigbench-audio is not valid"):
        run([entry("a", "x", **wrong)])


def test_a_time_that_is_none_is_refused_before_the_judge_is_paid() -> None:
    untimed = Answer(text="x", utterances=(Utterance(math.nan, None, "x"),))
    with pytest.raises(AppError, match="cannot be graded"):
        run([Entry("a", truth(), None, {"main": untimed})])


KINDS = st.lists(
    st.tuples(st.sampled_from(["CORRECT", "INCORRECT", "?", "mute", "lost"]), st.sampled_from(["navigate", "other"])),
    min_size=1,
    max_size=8,
)


def _of(rows: list[tuple[str, str]]) -> dict[str, float | None]:
    said = {"mute": "", "lost": None}
    entries = [entry(f"{i:02d}", said.get(kind, "Yes."), category=category) for i, (kind, category) in enumerate(rows)]
    replies = {(f"{i:02d}", "main"): kind for i, (kind, _) in enumerate(rows)}
    return {m.name: m.value for m in run(entries, replies)[0].metrics}


@settings(max_examples=25, deadline=None)
@given(KINDS, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_items(rows: list[tuple[str, str]], random: Any) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    assert _of(rows) == pytest.approx(_of(mixed))


@settings(max_examples=25, deadline=None)
@given(KINDS, st.integers(0, 7))
def test_one_more_right_answer_never_lowers_the_score(rows: list[tuple[str, str]], at: int) -> None:
    better = list(rows)
    better[at % len(rows)] = ("CORRECT", better[at % len(rows)][1])
    before, after = _of(rows), _of(better)
    assert all((after[name] or 0.0) >= (before[name] or 0.0) for name in before)
