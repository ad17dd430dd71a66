from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.judge_triples import FRESH, HELD_BACK, KNOWN, Triple
from tmlapp.bench.judges.base import JudgePrompt, Question
from tmlapp.bench.judges.rules import NAME, RulesJudge, meaning_rules

pytestmark = pytest.mark.unit


def fields(triple: Triple) -> dict[str, str]:
    return dict(zip(("candidate", "expected", "accept", "reject", "question"), triple[:5], strict=True))


def rule(candidate: str, expected: str, *, accept: str = "", reject: str = "", question: str = "") -> str:
    return meaning_rules(fields((candidate, expected, accept, reject, question, None)))


def measured(table: list[Triple]) -> tuple[float, float, list[Triple]]:
    """Share right of those decided, share undecided, and the wrong ones."""
    rows = [(t, meaning_rules(fields(t))) for t in table if t[5] is not None]
    decided = [(t, verdict) for t, verdict in rows if verdict != "undecided"]
    wrong = [t for t, verdict in decided if (verdict == "right") != t[5]]
    return 1 - len(wrong) / len(decided), 1 - len(decided) / len(rows), wrong


def test_both_tables_are_large_and_of_both_kinds() -> None:
    for table, least in ((KNOWN, 60), (HELD_BACK, 25), (FRESH, 15)):
        labels = Counter(t[5] for t in table)
        assert min(labels[True], labels[False]) >= least
        assert len({t[:5] for t in table}) == len(table)


@pytest.mark.parametrize("table", [KNOWN, HELD_BACK, FRESH])
def test_what_the_rules_decide_is_right_and_they_decide_most(table: list[Triple]) -> None:
    right, undecided, wrong = measured(table)
    assert right > 0.87, wrong
    assert undecided <= 1 / 3


def test_right_and_wrong_are_both_trustworthy_on_the_sentences_held_back() -> None:
    verdicts = [(meaning_rules(fields(t)), t[5]) for t in [*HELD_BACK, *FRESH] if t[5] is not None]
    for verdict, label in (("right", True), ("wrong", False)):
        given = [truth for said, truth in verdicts if said == verdict]
        assert sum(truth is label for truth in given) / len(given) > 0.87


@pytest.mark.parametrize(
    ("candidate", "expected", "more", "verdict"),
    [
        ("", "a dog", {}, "wrong"),
        (" …!? ", "a dog", {}, "wrong"),
        ("dog", "", {}, "undecided"),
        ("dog", "", {"reject": "dog"}, "wrong"),
        ("cat", "", {"reject": "dog"}, "undecided"),
        ("dog", "", {"accept": "dog"}, "right"),
        (
            "moth or butterfly",
            "gives the English word butterfly",
            {"accept": "butterfly", "reject": "moth"},
            "undecided",
        ),
        ("I'll remind you.", "tells the user to stretch", {}, "wrong"),
        ("Okay. I'll remind you.", "tells the user to stretch", {}, "wrong"),
        ("Hmm, so…", "yes", {"question": "Am I late?"}, "wrong"),
        ("Sure, I will.", "says that ten seconds are over", {}, "wrong"),
        ("Now!", "says that ten seconds are over", {}, "undecided"),
        ("I counted three of them.", "a reply about the whole group of visitors", {"accept": "3"}, "right"),
        ("A red ball.", "a red ball", {"question": "Do I hold something?"}, "right"),
        ("The ball.", "a red ball", {"question": "What is it?"}, "right"),
        ("Now.", "says now", {"accept": "now"}, "right"),
        ("I am in the kitchen with a cup", "breathe in", {"accept": "in"}, "undecided"),
        ("tooth brush", "a toothbrush", {"accept": "toothbrush"}, "right"),
        ("It is not a moth.", "gives the English word butterfly", {"reject": "moth"}, "wrong"),
        ("No parking at all", "no parking", {"accept": "no parking"}, "right"),
        ("7", "", {"accept": "1", "question": "Did I clap?"}, "undecided"),
        ("4", "", {"accept": "no", "question": "How many claps?"}, "undecided"),
        ("1,200 people", "1200", {"question": "How many people?"}, "right"),
        ("two million", "2,000,000", {}, "right"),
        ("2.5 thousand", "2500", {}, "right"),
        ("3", "the red one", {"question": "Which one?"}, "undecided"),
        ("It is 10:00.", "says that it is ten o'clock", {}, "right"),
        ("ten to three", "says that it is 3:30", {}, "wrong"),
        ("2 and 3", "1, 2 and 3", {}, "undecided"),
        ("1, 2, 3 and 4", "1, 2 and 3", {}, "undecided"),
        ("a hand", "3", {"question": "How many hands?"}, "undecided"),
        ("many", "3", {"question": "How many hands?"}, "undecided"),
        ("the green one", "the blue one", {"question": "Which one?"}, "wrong"),
        ("both dogs", "2", {"question": "How many dogs?"}, "right"),
        ("You are.", "Yes, you are.", {"question": "Am I late?"}, "right"),
        ("You are not.", "Yes, you are.", {"question": "Am I late?"}, "wrong"),
        ("Not really.", "yes", {"question": "Am I late?"}, "wrong"),
        ("Of course.", "yes", {"question": "Am I late?"}, "right"),
        ("Right.", "yes", {"question": "Am I late?"}, "right"),
        ("Yes, you hold 3.", "Yes, you hold 2.", {"question": "Do I hold something?"}, "wrong"),
        ("Yes, a red one.", "Yes, a blue ball.", {"question": "Do I hold something?"}, "wrong"),
        ("The answer: yes", "no", {"question": ""}, "wrong"),
        ("Not only red, it is bright red.", "red", {"question": "What colour is it?"}, "right"),
        ("The door is not locked.", "The door is unlocked.", {}, "right"),
        ("It's at the back.", "at the front", {"question": "Where is it?"}, "wrong"),
        ("a buterfly", "a butterfly", {}, "right"),
        ("a buttterfly", "a butterfly", {}, "right"),
        ("a butterflx", "a butterfly", {}, "right"),
        ("Wait... I mean", "a butterfly", {}, "wrong"),
        ("The quick brown fox jumps over lazy dogs.", "a symphony by somebody", {}, "undecided"),
        ("says", "says", {}, "right"),
        ("the", "the", {}, "undecided"),
        ("an", "the", {}, "undecided"),
        ("no", "?", {}, "undecided"),
        ("Dreißig", "dreißig", {}, "right"),
        ("蝴蝶", "蝴蝶", {}, "right"),
    ],
)
def test_single_rules(candidate: str, expected: str, more: dict[str, str], verdict: str) -> None:
    assert rule(candidate, expected, **more) == verdict


def test_fields_may_be_absent() -> None:
    assert meaning_rules({}) == "wrong"
    assert meaning_rules({"candidate": "red", "expected": "red"}) == "right"


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=40), st.text(max_size=40), st.text(max_size=60))
@settings(max_examples=80, deadline=None)
def test_any_text_gets_a_verdict(candidate: str, expected: str, accept: str, reject: str, question: str) -> None:
    verdict = rule(candidate, expected, accept=accept, reject=reject, question=question)
    assert verdict in ("right", "wrong", "undecided")


WORDS = st.sampled_from(
    re.split(
        " ",
        "the a red blue dog cat one two three not no yes left in out breathe stop is it you 7 10 2.5 thousand or and"
        " . , ? how many what where did wait mean sorry I'll remind hold",
    )
)


@given(*[st.lists(WORDS, max_size=9).map(" ".join)] * 5)
@settings(max_examples=80, deadline=None)
def test_any_sentence_of_its_own_words_gets_a_verdict(
    candidate: str, expected: str, accept: str, reject: str, question: str
) -> None:
    verdict = rule(candidate, expected, accept=accept, reject=reject, question=question)
    assert verdict in ("right", "wrong", "undecided")
    again = rule(candidate.upper(), expected, accept=accept, reject=reject, question=question)
    assert again == verdict


def test_a_very_long_reply_gets_a_verdict() -> None:
    long = "breathe in and out I mean wait " * 600
    assert rule(long, "tells the user to breathe in", question="what is it") in ("right", "wrong", "undecided")


def prompt(**more: Any) -> JudgePrompt:
    return JudgePrompt(kind="t/meaning", parse=lambda reply: reply or None, **more)


def test_the_judge_says_what_the_prompt_calls_right_and_wrong_and_counts_the_undecided() -> None:
    judge = RulesJudge()
    ask = prompt(rules=meaning_rules, right_value=3, wrong_value=1)

    def ruled(candidate: str) -> tuple[Any, bool, str]:
        fields = {"candidate": candidate, "expected": "a red ball"}
        ruling = judge.ask(Question(prompt=ask, item="i", key="k", fields=fields))
        assert ruling.judge == NAME
        return ruling.value, ruling.undecided, ruling.why

    assert ruled("a red ball") == (3, False, "by rules: right")
    assert ruled("a blue ball") == (1, False, "by rules: wrong")
    assert ruled("something that rolls across floors quickly") == (None, True, "the rules cannot decide it")
    assert judge.provenance() == (
        {"judge": NAME, "kind": "t/meaning", "calls": 3, "undecided": 1, "undecided_share": 1 / 3},
    )


def test_a_kind_without_rules_is_always_undecided() -> None:
    judge = RulesJudge()
    ruling = judge.ask(Question(prompt=prompt(), item="i", key="k", fields={"candidate": "a", "expected": "a"}))
    assert (ruling.value, ruling.undecided, ruling.why) == (None, True, "there are no rules for t/meaning")
