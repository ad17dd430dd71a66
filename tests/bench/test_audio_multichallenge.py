from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.judged import Written
from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.published import published
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.audio_multichallenge import AudioMultiChallenge, criteria_met
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade

pytestmark = pytest.mark.unit

TRUTH: dict[str, Any] = {
    "suite": "audio-multichallenge", "axis": "VOICE_EDITING", "rubrics": ["Names a bird.", "Does not name a cat."],
    "user_turns": ["Name a bird.", "Another one."], "assistant_turns": ["A robin."], "protocol": "official",
}  # fmt: skip
LIVE = TRUTH | {"protocol": "live"}


def spoken(*pieces: tuple[float, str], starts: Any = (0.0, 10.0)) -> Answer:
    utterances = tuple(Utterance(t, None, text) for t, text in pieces)
    return Answer(text=" ".join(p[1] for p in pieces), utterances=utterances, extra={"turn_starts_s": starts})


def entry(name: str, answer: Answer | str | None, truth: dict[str, Any] = TRUTH, **more: Any) -> Entry:
    given = Answer(text=answer) if isinstance(answer, str) else answer
    return Entry(name, truth | more, None, {} if given is None else {"main": given})


def run(entries: list[Entry], met: dict[str, tuple[Any, ...]] | None = None, **more: Any) -> tuple[Grade, Written]:
    table = {(item, str(i)): value for item, values in (met or {}).items() for i, value in enumerate(values)}
    judge = Written(table | more.get("table", {}), raw=False)
    sources = Sources(judge=judge, folders=more.get("folders", {}))
    profile, params = more.get("profile", "official"), more.get("params", {})
    return AudioMultiChallenge().grade(entries, profile=profile, params=params, sources=sources), judge


def test_a_conversation_passes_if_every_criterion_is_met() -> None:
    entries = [
        entry("all", "A wren."),
        entry("half", "A cat."),
        entry("odd", "A wren?", axis="SELF_COHERENCE"),
        entry("lost", None, axis="SELF_COHERENCE"),
    ]
    grade, _ = run(entries, {"all": (True, True), "half": (True, False), "odd": (True, None)})
    assert {m.name: m.value for m in grade.metrics} == {
        "apr": 25.0, "ars": 50.0, "apr_self_coherence": 0.0, "apr_voice_editing": 50.0, "ars_self_coherence": 25.0,
        "ars_voice_editing": 75.0,
    }  # fmt: skip
    assert (grade.score, grade.n, grade.n_missing, grade.n_ungraded) == (25.0, 4, 1, 1)
    assert grade.aggregates["by_axis"]["VOICE_EDITING"] == {"n": 2, "apr": 50.0, "ars": 75.0}
    assert (grade.aggregates["n_criteria"], grade.aggregates["n_criteria_ungraded"]) == (8, 1)
    assert [v.why for v in grade.verdicts] == [
        "passes: 2 of 2 criteria are met",
        "fails: 1 of 2 criteria are met; not met: 2",
        "fails: 1 of 2 criteria are met; not met: 2; 1 not judged (no verdict)",
        "fails: the item was not run",
    ]
    assert grade.metrics[0].name == published("audio-multichallenge")[0].metric
    assert grade.provenance.protocol == {"protocol": "official"}
    assert grade.verdicts[1].details["criteria_met"] == [True, False]


def test_the_judge_sees_the_published_history_and_the_reply() -> None:
    _, judge = run([entry("a", " A wren. ")])
    assert [q.key for q in judge.asked] == ["0", "1"]
    question = judge.asked[1]
    assert question.fields["context"] == (
        "User: Name a bird.\n\nAssistant: A robin.\n\nUser: Another one.\n\nAssistant: A wren."
    )
    assert (question.fields["candidate"], question.fields["expected"]) == ("A wren.", "Does not name a cat.")
    message = question.prompt.messages(question.fields)[-1]["content"]
    assert question.fields["context"] in message
    assert "CRITERION\nDoes not name a cat." in message
    assert (question.prompt.source, question.prompt.model) == ("ours", "o4-mini")


def test_in_live_the_history_is_what_the_model_said_from_turn_to_turn() -> None:
    answer = spoken((1.0, "A crow,"), (9.9, "or a jay."), (10.0, "A wren."), (12.0, "Enough?"))
    grade, judge = run([entry("a", answer, LIVE)], {"a": (True, True)})
    assert judge.asked[0].fields["context"] == (
        "User: Name a bird.\n\nAssistant: A crow, or a jay.\n\nUser: Another one.\n\nAssistant: A wren. Enough?"
    )
    assert grade.verdicts[0].details["last_reply"] == "A wren. Enough?"
    assert grade.provenance.protocol == {"protocol": "live"}
    assert len(grade.verdicts[0].graded_text) == 4


@pytest.mark.parametrize(
    "answer",
    [
        spoken((1.0, "A crow."), (5.0, "Or a jay.")),
        spoken((1.0, "A crow."), (11.0, "A wren."), starts=[0.0]),
        Answer(text="A crow.", extra={"turns": ["A crow."]}),
    ],
)
def test_who_says_nothing_after_the_last_turn_is_silent_in_it(answer: Answer) -> None:
    grade, judge = run([entry("a", answer, LIVE)], profile="clean")
    assert (grade.n_silent, grade.score, judge.asked) == (1, 0.0, [])
    assert grade.verdicts[0].why == "fails: nothing was said after the last user turn"
    assert grade.verdicts[0].details["criteria_met"] == [False, False]


def test_official_asks_about_silence_too() -> None:
    grade, judge = run([entry("a", "")], {"a": (False, True)})
    assert (grade.score, grade.n_silent, len(judge.asked)) == (0.0, 1, 2)
    assert {m.name: m.value for m in grade.metrics}["ars"] == 50.0
    assert judge.asked[0].fields["context"].endswith("Assistant: ")


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"turn_starts_s": []},
        {"turn_starts_s": [0.0, 1.0, 2.0]},
        {"turn_starts_s": [0.0, math.nan]},
        {"turn_starts_s": [0.0, math.inf]},
        {"turn_starts_s": [-1.0, 1.0]},
        {"turn_starts_s": [2.0, 1.0]},
        {"turn_starts_s": [True, 1.0]},
        {"turn_starts_s": "0 1"},
        {"turns": "A wren."},
        {"turns": ["a", "b", "c"]},
        {"turns": [1]},
    ],
)
def test_a_live_conversation_without_its_turns_is_refused(extra: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="The conversation a cannot be rebuilt"):
        run([entry("a", Answer(text="A wren.", extra=extra), LIVE)])


def test_a_time_that_is_none_is_refused_before_the_judge_is_paid() -> None:
    with pytest.raises(AppError, match="cannot be graded"):
        run([entry("a", spoken((math.nan, "A wren.")), LIVE)])


def test_two_protocols_never_stand_in_one_grade() -> None:
    with pytest.raises(AppError, match="Two protocols"):
        run([entry("a", "x"), entry("b", spoken((11.0, "x")), LIVE)])


def test_what_silence_scores_is_asked_only_on_request() -> None:
    table = {("a", "silent/1"): True, ("b", "silent/0"): True, ("b", "silent/1"): True}
    for truth, history in ((TRUTH, "Assistant: A robin."), (LIVE, "Assistant: \n")):
        entries = [entry("a", None, truth), entry("b", None, truth)]
        grade, judge = run(entries, params={"measure_silent": True}, table=table)
        assert (grade.baselines[0].score, grade.aggregates["silent_ars"]) == (50.0, 75.0)
        assert history in judge.asked[0].fields["context"]
    grade, judge = run([entry("a", None)])
    assert (grade.baselines[0].score, judge.asked) == (None, [])
    assert run([entry("a", None)], profile="clean")[0].baselines[0].score == 0.0


def test_nothing_to_grade_has_no_score_but_a_reason() -> None:
    grade, _ = run([], params={"measure_silent": True})
    assert (grade.score, grade.baselines[0].score) == (None, None)
    assert all(m.reason for m in grade.metrics)


def test_the_official_text_of_the_user_is_asked(tmp_path: Path) -> None:
    (tmp_path / "audio-multichallenge.criterion.txt").write_text("$context $expected", encoding="utf-8")
    _, judge = run([entry("a", "x")], folders={"judge_prompts": tmp_path})
    assert judge.asked[0].prompt.source == "audio-multichallenge.criterion.txt"


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"explanation": "yes", "criteria_met": true}', True),
        ('```json\n{"criteria_met": false}\n```', False),
        ('{"criteria_met": "true"}', None),
        ('{"explanation": "cut off', None),
        ("true", None),
        ("", None),
    ],
)
def test_a_reply_is_an_object_with_a_truth_value(reply: str, value: bool | None) -> None:
    assert criteria_met(reply) is value


@pytest.mark.parametrize(
    "wrong",
    [
        {"rubrics": []},
        {"rubrics": [""]},
        {"rubrics": "Names a bird."},
        {"user_turns": None},
        {"assistant_turns": []},
        {"assistant_turns": None},
        {"protocol": "other"},
        {"axis": ""},
    ],
)
def test_a_truth_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="truth for audio-multichallenge is not valid"):
        run([entry("a", "x", **wrong)])


def test_a_published_reply_that_is_missing_leaves_no_empty_turn_behind_but_silence_does() -> None:
    _, judge = run([entry("a", "", assistant_turns=[""])])
    assert judge.asked[0].fields["context"] == "User: Name a bird.\n\nUser: Another one.\n\nAssistant: "
    _, judge = run([entry("a", spoken((11.0, "A wren.")), LIVE)])
    assert judge.asked[0].fields["context"].startswith("User: Name a bird.\n\nAssistant: \n\nUser: Another one.")


ROWS = st.lists(st.one_of(st.none(), st.tuples(*[st.sampled_from([True, False, None])] * 2)), min_size=1, max_size=8)


def _of(rows: list[Any]) -> dict[str, float | None]:
    axes = ("VOICE_EDITING", "SELF_COHERENCE")
    entries = [
        entry(f"{i:02d}", None if row is None else "A wren.", axis=axes[0 if row is None else bool(row[0])])
        for i, row in enumerate(rows)
    ]
    grade, _ = run(entries, {f"{i:02d}": row for i, row in enumerate(rows) if row is not None})
    return {m.name: m.value for m in grade.metrics}


@settings(max_examples=25, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_items(rows: list[Any], random: Any) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    assert _of(rows) == pytest.approx(_of(mixed))


@settings(max_examples=25, deadline=None)
@given(ROWS, st.integers(0, 7))
def test_one_more_met_criterion_never_lowers_a_score(rows: list[Any], at: int) -> None:
    better = list(rows)
    better[at % len(rows)] = (True, True)
    before, after = _of(rows), _of(better)
    for name in ("apr", "ars"):
        assert (after[name] or 0.0) >= (before[name] or 0.0)
