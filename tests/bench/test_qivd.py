from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.judged import Written
from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.judges.rules import RulesJudge
from tmlapp.bench.published import published
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.qivd import CORRECT, Qivd, first_word_s, judged_correct
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

TRUTH: dict[str, Any] = {
    "suite": "qivd", "category": "object counting", "timestamp_s": 3.0, "question": "How many cups are there?",
    "answer": "There are two cups.", "short_answer": "2", "video": "a.mp4",
}  # fmt: skip
RIGHT = '{"correct": true, "reason": "same"}'
WRONG = '```json\n{"correct": false}\n```'


def said(text: str, onset: float | None = 3.5) -> dict[str, Answer]:
    return {"main": Answer(text=text, utterances=() if onset is None else (Utterance(onset, None, text),))}


def entry(name: str, answers: dict[str, Answer] | None, **more: Any) -> Entry:
    return Entry(name, TRUTH | more, None, answers or {}, failure="" if answers else "the connection was lost")


def run(entries: list[Entry], replies: dict[str, Any] | None = None, **more: Any) -> tuple[Grade, Written]:
    judge = Written({(item, "main"): reply for item, reply in (replies or {}).items()}, raw=True)
    sources = Sources(judge=judge, **more.pop("sources", {}))
    return Qivd().grade(entries, profile=more.pop("profile", "tml_reading"), params={}, sources=sources), judge


def metrics(grade: Grade) -> dict[str, float | None]:
    return {m.name: m.value for m in grade.metrics}


def test_accuracy_is_over_all_items_and_every_failure_is_counted_and_explained() -> None:
    entries = [
        entry("right", said("Two.", 3.4)),
        entry("wrong", said("Three.", 2.0)),
        entry("mute", said("", None)),
        entry("lost", None),
        entry("odd", said("Two, I think.", None)),
    ]
    grade, judge = run(entries, {"right": RIGHT, "wrong": WRONG, "odd": "yes"})
    assert grade.score == 20.0
    assert (grade.n, grade.n_scored, grade.n_missing, grade.n_silent, grade.n_ungraded) == (5, 5, 1, 1, 1)
    assert [v.why for v in grade.verdicts] == [
        "correct says written; first word at 3.40 s, answerable from 3.00 s",
        "incorrect says written; first word at 2.00 s, answerable from 3.00 s",
        "incorrect: nothing was said",
        "incorrect: the connection was lost",
        "ungraded, counted as incorrect: the reply holds no verdict",
    ]
    got = metrics(grade)
    assert got["no_answer_pct"] == 40.0
    assert got["timing_mae_s"] == pytest.approx((0.4 + 1.0) / 2)
    assert got["answered_before_pct"] == 50.0
    assert [q.item for q in judge.asked] == ["right", "wrong", "odd"]
    assert grade.aggregates["by_category"]["object counting"]["n"] == 5
    assert (grade.aggregates["n_answered"], grade.aggregates["n_timed"]) == (3, 2)
    assert grade.verdicts[4].graded_text == ((0.0, "Two, I think."),)
    assert grade.baselines[0].score == 0.0


def test_the_headline_is_the_published_metric() -> None:
    grade, _ = run([entry("a", said("Two."))], {"a": RIGHT})
    assert grade.metrics[0].name == published("qivd")[0].metric


def test_nothing_to_grade_has_no_score_but_a_reason() -> None:
    grade, _ = run([])
    assert (grade.score, grade.baselines[0].score) == (None, None)
    assert all(m.reason for m in grade.metrics)


def test_the_judge_sees_both_references_and_the_judge_of_the_profile_is_named() -> None:
    for profile, model in (("tml_reading", "gpt-4o-mini"), ("paper", "Qwen3-8B")):
        _, judge = run([entry("a", said(" Two. "))], {"a": RIGHT}, profile=profile)
        question = judge.asked[0]
        assert question.prompt.model == model
        assert question.fields == {
            "question": TRUTH["question"], "expected": TRUTH["answer"], "accept": "2", "candidate": "Two.",
        }  # fmt: skip
        message = question.prompt.messages(question.fields)[-1]["content"]
        assert all(part in message for part in ("There are two cups.", "SHORT ANSWER\n2", "TRANSCRIPT\nTwo."))
    assert CORRECT["paper"].sha256 == CORRECT["tml_reading"].sha256


def test_rules_can_judge_offline() -> None:
    judge = RulesJudge()
    grade = Qivd().grade(
        [entry("a", said("I can see two cups.")), entry("b", said("Three."))],
        profile="tml_reading", params={}, sources=Sources(judge=judge),
    )  # fmt: skip
    assert [v.passed for v in grade.verdicts] == [True, False]


def test_an_official_text_of_the_user_is_asked_instead_of_ours(tmp_path: Path) -> None:
    (tmp_path / "qivd.correct.txt").write_text("Q $question A $expected T $candidate", encoding="utf-8")
    sources = {"folders": {"judge_prompts": tmp_path}}
    _, judge = run([entry("a", said("Two."))], {"a": RIGHT}, sources=sources)
    prompt = judge.asked[0].prompt
    assert (prompt.system, prompt.source) == ("", "qivd.correct.txt")
    assert prompt.sha256 != CORRECT["tml_reading"].sha256


def test_a_folder_without_a_text_of_the_kind_changes_nothing(tmp_path: Path) -> None:
    _, judge = run([entry("a", said("Two."))], {"a": RIGHT}, sources={"folders": {"judge_prompts": tmp_path}})
    assert judge.asked[0].prompt is CORRECT["tml_reading"]


@pytest.mark.parametrize(
    ("data", "message"), [(b"T $candidate", r"\$question, \$expected must"), (b"\xff", "cannot be read")]
)
def test_a_text_of_the_user_that_cannot_be_asked_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "qivd.correct.txt").write_bytes(data)
    with pytest.raises(AppError, match=message):
        run([entry("a", said("Two."))], sources={"folders": {"judge_prompts": tmp_path}})


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (RIGHT, True),
        (WRONG, False),
        ('Sure. {"correct": true} or {"correct": false}', True),
        ('{"reason": "?"} {"correct": true}', None),
        ('{"correct": "true"}', None),
        ('{"correct": 1}', None),
        ("yes", None),
        ("", None),
    ],
)
def test_the_first_object_of_a_reply_counts(reply: str, value: bool | None) -> None:
    assert judged_correct(reply) is value


def test_the_first_word_is_that_of_words_before_that_of_utterances() -> None:
    words = (Word(2.5, 2.7, "Two."), Word(2.2, 2.4, "Well,"))
    assert first_word_s("a", Answer(text="x", words=words, utterances=(Utterance(1.0, None, "x"),))) == 2.2
    assert first_word_s("a", Answer(text="x", utterances=(Utterance(0.5, None, " "), Utterance(1.0, None, "x")))) == 1.0
    assert first_word_s("a", Answer(text="x")) is None


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_none_is_refused_before_the_judge_is_paid(time: float) -> None:
    with pytest.raises(AppError, match="cannot be graded"):
        run([entry("a", said("Two.", time))])
    with pytest.raises(AppError, match="cannot be graded"):
        run([entry("a", {"main": Answer(text="Two.", words=(Word(time, None, "Two."),))})])


@pytest.mark.parametrize(
    "wrong", [{"question": ""}, {"answer": " "}, {"timestamp_s": math.nan}, {"timestamp_s": None}, {"category": 3}]
)
def test_a_truth_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="truth for qivd is not valid"):
        run([entry("a", said("Two."), **wrong)])


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(AppError, match="no profile 'official'"):
        run([], profile="official")


ITEM = st.tuples(st.sampled_from(["right", "wrong", "odd", "mute", "lost"]), st.floats(0, 10))


def _of(rows: list[tuple[str, float]]) -> Grade:
    replies = {"right": RIGHT, "wrong": WRONG, "odd": "?"}
    entries = [
        entry(f"{i:02d}", None if kind == "lost" else said("" if kind == "mute" else "Two.", onset))
        for i, (kind, onset) in enumerate(rows)
    ]
    return run(entries, {f"{i:02d}": replies.get(kind) for i, (kind, _) in enumerate(rows)})[0]


@settings(max_examples=25, deadline=None)
@given(st.lists(ITEM, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_items(rows: list[tuple[str, float]], random: Any) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    one, other = metrics(_of(rows)), metrics(_of(mixed))
    assert one == {k: pytest.approx(v, abs=1e-9) if v is not None else None for k, v in other.items()}


@settings(max_examples=25, deadline=None)
@given(st.lists(ITEM, min_size=1, max_size=8), st.integers(0, 7))
def test_one_more_right_answer_never_lowers_the_score(rows: list[tuple[str, float]], at: int) -> None:
    better = list(rows)
    better[at % len(rows)] = ("right", 3.0)
    before, after = _of(rows).score, _of(better).score
    assert before is not None
    assert after is not None
    assert after >= before
