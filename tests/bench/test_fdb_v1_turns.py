from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bench.fdb_folders import PROMPT, checkout, write_json
from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.labels.fdb_files import OFFICIAL
from tmlapp.bench.suites.fdb_checkout import (
    CHECKOUT,
    NO_CHECKOUT,
    behaviour_prompt,
    checkout_file,
    rating_prompt,
    reference_distributions,
)
from tmlapp.bench.suites.fdb_turns import after, backchannels, divergence, read_rating, spread, takes_turn, words_in
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

SENTENCE = "\nI would rate the AI's response as "


def words(*times: tuple[float, float | None]) -> tuple[Word, ...]:
    return tuple(Word(a, b, "w") for a, b in times)


@pytest.mark.parametrize(
    ("given_words", "taken"),
    [
        ((), False),
        (words((1.0, 1.3), (1.3, 1.6), (1.6, 1.99)), False),
        (words((1.0, 1.3), (1.3, 1.6), (1.6, 2.0)), True),
        (words((1.0, 1.1), (1.1, 1.2), (1.2, 1.3), (1.3, 1.5)), True),
        (words((1.0, 1.2), (9.0, 9.3)), True),
        (words((1.0, 1.3), (1.3, None)), False),
        (words((1.0, 1.3), (2.4, None)), True),
    ],
)
def test_a_turn_is_a_second_of_speech_or_four_words(given_words: tuple[Word, ...], taken: bool) -> None:
    assert takes_turn(given_words) is taken


def test_the_official_turn_is_not_decided_without_an_end() -> None:
    assert takes_turn(words((1.0, None)), open_end=False) is None
    assert takes_turn(words((1.0, None), (1.2, 1.3)), open_end=False) is False


def test_later_short_segments_decide_anew_only_in_the_official_rule() -> None:
    segments = [(2.0, 3.5), (8.0, 8.5)]
    assert backchannels(segments, ()).tor is False
    assert backchannels(segments, (), overwrite=False).tor is True
    assert backchannels([(0.0, 0.5), (5.0, 8.1), (9.0, 9.2)], ()).spans == ((0.0, 0.5),)


def test_words_belong_to_a_segment_that_they_touch() -> None:
    segment = [(5.0, 5.9)]
    inside = words((5.0, 5.1), (5.2, 5.3), (5.8, 6.5))
    assert backchannels(segment, inside).tor is True
    assert backchannels(segment, inside[:2]).tor is False
    assert backchannels(segment, (*inside[:2], *words((4.0, 5.0), (6.0, 6.1), (5.5, None)))).tor is False
    assert backchannels(segment, (*inside[:2], *words((4.9, 5.1)))).tor is True
    assert backchannels(segment, (*inside[:2], *words((5.9, None)))).tor is True


def test_the_distance_is_one_without_backchannels_and_none_to_itself() -> None:
    assert divergence((), 10.0, [1.0]) == 1.0
    assert divergence([(0.0, 0.1)], 0.3, [1.0, 0.0]) == pytest.approx(0.0, abs=1e-4)
    assert divergence([(0.0, 0.1)], 0.3, [0.0, 1.0]) == pytest.approx(math.sqrt(math.log(2)), abs=1e-4)
    assert divergence([(-0.5, -0.3), (9.0, 9.1)], 0.3, [0.5, 0.5]) == pytest.approx(0.0, abs=1e-9)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4)), min_size=1, max_size=8),
    st.lists(st.floats(0, 1), min_size=2, max_size=30).filter(lambda x: sum(x) > 0.01),
)
@settings(max_examples=60, deadline=None)
def test_the_distance_is_that_of_plain_python(spans: list[tuple[int, int]], shares: list[float]) -> None:
    found = [(a / 4, a / 4 + b / 4) for a, b in spans]
    bins = [1e-10] * (int(10.5 / 0.2) + 1)
    for a, b in found:
        for i in range(int(a / 0.2), min(int(b / 0.2) + 1, len(bins))):
            bins[i] += 1
    p = [b / sum(bins) for b in bins]
    at = [i / (len(bins) - 1) * (len(shares) - 1) for i in range(len(bins))]
    low = [min(int(x), len(shares) - 2) for x in at]
    raw = [shares[i] + (x - i) * (shares[i + 1] - shares[i]) for x, i in zip(at, low, strict=True)]
    q = [x / sum(raw) for x in raw]
    m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    both = sum(a * math.log(a / c) for a, c in zip(p, m, strict=True) if a > 0)
    both += sum(b * math.log(b / c) for b, c in zip(q, m, strict=True) if b > 0)
    assert divergence(found, 10.5, shares) == pytest.approx(math.sqrt(max(both, 0) / 2), abs=1e-6)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("Analysis: a\nb" + SENTENCE + "10", {"analysis": "a\nb", "rating": 10}),
        ("Analysis:" + SENTENCE + "0.", {"analysis": "", "rating": 0}),
        ("Analysis: a" + SENTENCE + "1\nAnalysis: b" + SENTENCE + "2", {"analysis": "b", "rating": 2}),
        ("Analysis: a" + SENTENCE + "1" + SENTENCE + "2", {"analysis": "a", "rating": 1}),
        ("Analysis: a" + SENTENCE + "1\nAnalysis: b", {"analysis": "a", "rating": 1}),
        ("Analysis:" + SENTENCE + "1" + SENTENCE + "2", {"analysis": SENTENCE.strip() + " 1", "rating": 2}),
        ("Analysis: a" + SENTENCE + "12345678901", {"analysis": "a", "rating": 12345678901}),
        ("Analysis: x I would rate the AI's response as 2.", None),
        ("analysis: x" + SENTENCE + "1", None),
        ("Analysis: x" + SENTENCE + "five", None),
        ("", None),
    ],
)
def test_the_last_complete_rating_of_a_reply_counts(reply: str, found: dict[str, Any] | None) -> None:
    assert read_rating(reply) == found


def test_words_are_put_in_order_and_cut_at_the_end_of_the_sound() -> None:
    answer = Answer(words=words((2.0, 3.5), (1.0, 1.5), (2.5, None), (3.1, 3.2)), text="w w w w")
    assert words_in(answer, 3.0, "x") == words((1.0, 1.5), (2.0, 3.0), (2.5, None))
    assert words_in(answer, None, "x") == words((1.0, 1.5), (2.0, 3.5), (2.5, None), (3.1, 3.2))
    as_it_stands = Answer(words=answer.words, extra={OFFICIAL: True})
    assert words_in(as_it_stands, 3.0, "x") == answer.words


@pytest.mark.parametrize("bad", [(math.nan, 1.0), (1.0, math.inf), (-math.inf, None), (1.0, math.nan)])
def test_a_time_that_is_no_number_is_an_error(bad: tuple[float, float | None]) -> None:
    for extra in ({}, {OFFICIAL: True}):
        with pytest.raises(AppError, match="The words of x cannot be graded"):
            words_in(Answer(words=words(bad), text="w", extra=extra), 5.0, "x")


def test_a_text_without_any_time_is_an_error_and_signs_are_no_words() -> None:
    with pytest.raises(AppError, match="when it did is not known"):
        words_in(Answer(text="hello"), 5.0, "x")
    assert words_in(Answer(text=" … "), 5.0, "x") == ()


def test_words_of_an_utterance_are_spread_over_its_time() -> None:
    own = Utterance(0.0, 0.5, "a", (Word(0.0, 0.5, "a"),))
    answer = Answer(
        text="a b c d", words=own.words, utterances=(own, Utterance(1.0, 2.0, "b c"), Utterance(3.0, None, "d"))
    )
    assert spread(answer)
    assert words_in(answer, 9.0, "x") == (
        Word(0.0, 0.5, "a"), Word(1.0, 1.5, "b"), Word(1.5, 2.0, "c"), Word(3.0, None, "d"),
    )  # fmt: skip
    assert not spread(Answer(utterances=(own, Utterance(1.0, 2.0, " "))))


def test_after_an_interruption_only_words_that_mostly_lie_behind_it_are_heard() -> None:
    found = after(words((0.0, 1.0), (1.6, 2.2), (1.9, 2.5), (1.9, None), (2.0, None), (3.0, 4.0)), 2.0)
    assert found == words((2.0, 2.5), (2.0, None), (3.0, 4.0))


@given(st.lists(st.floats(0, 19.9), min_size=2, max_size=12), st.floats(20, 40))
@settings(max_examples=50, deadline=None)
def test_appended_silence_changes_no_word(times: list[float], duration: float) -> None:
    answer = Answer(words=tuple(Word(a, b, "w") for a, b in pairwise(sorted(times))), text="w")
    assert words_in(answer, duration, "x") == words_in(answer, duration + 5.0, "x")


def test_prompts_and_distributions_come_from_the_checkout(tmp_path: Path) -> None:
    folders = {CHECKOUT: checkout(tmp_path)}
    rating = rating_prompt(folders)
    fields = {"context": "A $x", "question": "B", "candidate": "C"}
    assert rating.messages(fields) == [
        {"role": "system", "content": "Rate it for $5."}, {"role": "user", "content": "c=A $x i=B r=C"},
    ]  # fmt: skip
    assert (rating.model, rating.temperature, rating.seed) == ("gpt-4-turbo", None, 0)
    behaviour = behaviour_prompt(folders)
    sent = behaviour.messages(dict.fromkeys(("input_clean", "input_noisy", "output_clean", "output_noisy"), "{}"))
    assert sent[0]["content"] == "Label it, $1 each."
    assert sent[1]["content"].split() == (
        ["{", '"input_clean":', "{},", '"input_noisy":', "{},", '"output_clean":', "{},", '"output_noisy":', "{}", "}"]
    )
    assert (behaviour.seed, behaviour.seed_step, behaviour.temperature) == (1, 1, None)
    assert reference_distributions(folders) == {"1": [0.5, 0.5, 0.0], "2": [1.0]}
    inner = {CHECKOUT: tmp_path / "v1_v1.5" / "evaluation"}
    assert rating_prompt(inner).sha256 == rating.sha256


def test_without_a_checkout_questions_have_no_text() -> None:
    assert rating_prompt({}).messages({}) == []
    assert behaviour_prompt({}).messages({}) == []
    assert behaviour_prompt({}).source == NO_CHECKOUT
    assert reference_distributions({}) is None


def test_a_text_of_the_user_stands_in_for_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "fdb-v1.rating.txt").write_text("$context $question $candidate", encoding="utf-8")
    fields = {"context": "A", "question": "B", "candidate": "C"}
    assert rating_prompt({"judge_prompts": tmp_path}).messages(fields) == [{"role": "user", "content": "A B C"}]


def test_a_folder_that_is_no_checkout_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no checkout of Full-Duplex-Bench"):
        checkout_file({CHECKOUT: tmp_path}, "icc_gt_distribution.json")


@pytest.mark.parametrize(
    "text",
    [
        "def (",
        "system_msg = 'x'",
        PROMPT.replace("{in_interrupt_text}", "{other}"),
        PROMPT.replace('"""Rate', 'f"""{1}'),
    ],
)
def test_a_script_without_the_prompt_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "eval_user_interruption.py").write_text(text, encoding="utf-8")
    with pytest.raises(AppError, match="The prompt in"):
        rating_prompt({CHECKOUT: tmp_path})


def test_a_prompt_in_a_wrong_encoding_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "instruction").mkdir()
    (tmp_path / "instruction" / "behavior.txt").write_bytes(b"\xff")
    with pytest.raises(AppError, match="cannot be read"):
        behaviour_prompt({CHECKOUT: tmp_path})


@pytest.mark.parametrize("value", ["{", [], {"1": 3}, {"1": []}, {"1": [True]}, {"1": [-1.0, 2.0]}, {"1": [0, 0]}])
def test_distributions_that_are_none_are_an_error(tmp_path: Path, value: Any) -> None:
    path = write_json(tmp_path / "icc_gt_distribution.json", value)
    if value == "{":
        path.write_text(value, encoding="utf-8")
    with pytest.raises(AppError, match="reference distributions"):
        reference_distributions({CHECKOUT: tmp_path})
