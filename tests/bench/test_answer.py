from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.bench.answer import Answer, ToolUse, Utterance, Word, utterances_of
from tmlapp.bench.data import HistoryPart, Part, Subtitle, SuiteItem, Tail, is_there, items_sha256
from tmlapp.bench.published import published
from tmlapp.bench.registry import suites
from tmlapp.bench.said import Said
from tmlapp.bench.suite import Entry

pytestmark = pytest.mark.unit


def test_an_answer_survives_json() -> None:
    word = Word(1.0, None, "one")
    answer = Answer(
        text="one", utterances=(Utterance(1.0, 1.4, "one", (word,)),), words=(word,), speech_s=((0.9, 1.5),),
        user_words=(Word(0.0, 0.5, "go"),), user_text="go", duration_s=3.0, samples=48_000, delegated=True,
        tools=(ToolUse(name="t", arguments={"a": [1]}, t0_s=0.2, t1_s=0.3, output="x"),), extra={"k": 1},
    )  # fmt: skip
    assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer
    assert Answer.from_json(json.loads(json.dumps(Answer().to_json()))) == Answer()


def test_blank_text_is_silence() -> None:
    assert Answer(text=" \n").silent
    assert not Answer(text="a").silent


def test_words_fall_into_utterances_at_pauses() -> None:
    words = (Word(3.0, 3.2, "c"), Word(0.0, 0.2, "a"), Word(1.0, None, "b"), Word(1.79, 2.2, "b2"))
    found = utterances_of(words)
    assert [(u.t0_s, u.t1_s, u.text) for u in found] == [(0.0, 0.2, "a"), (1.0, 2.2, "b b2"), (3.0, 3.2, "c")]
    assert utterances_of(()) == ()


@given(st.floats(0, 1000).map(lambda x: round(x, 3)))
def test_a_pause_of_just_the_gap_splits_wherever_it_stands(t: float) -> None:
    assert len(utterances_of((Word(t, t + 0.1, "a"), Word(t + 0.9, t + 1.0, "b")))) == 2


def test_an_item_survives_json_and_its_digest_is_of_ids_and_truths() -> None:
    part = Part(
        name="p", sounds=("a.wav",), subtitles=(Subtitle(0, 1, "x"),), tail=Tail(least_s=1, quiet_s=2, most_s=3),
        history=(HistoryPart(role="user", sound="u.wav"), HistoryPart(role="assistant", text="hi")),
    )  # fmt: skip
    item = SuiteItem(id="a=b%c", truth={"count": 3}, parts=(part,), group="g")
    again = SuiteItem.from_json(json.loads(json.dumps(item.to_json())))
    assert again == item
    assert items_sha256([again]) == items_sha256([item])
    assert items_sha256([item, SuiteItem(id="z", truth={})]) != items_sha256([SuiteItem(id="z", truth={}), item])


def test_an_item_with_a_part_that_was_not_run_is_missing() -> None:
    item = SuiteItem(id="i", truth={}, parts=(Part(name="one"), Part(name="two")), group="g")
    said = Answer.of_said((Said(1.0, "a"), Said(2.0, "b")))
    whole = Entry.of(item, {"two": Answer(), "one": said})
    assert whole.answer == said
    assert whole.outputs == (Said(1.0, "a"), Said(2.0, "b"))
    assert not whole.failure
    lacking = Entry.of(item, {"one": said})
    assert lacking.outputs is None
    assert lacking.answer is None
    assert lacking.failure == "the item was not run"
    assert Entry.of(item, None, "the endpoint hung up").failure == "the endpoint hung up"


def test_outputs_alone_make_an_answer() -> None:
    assert Entry("i", {}, None).answer is None
    answer = Entry("i", {}, (Said(1.0, "a"),)).answer
    assert answer is not None
    assert answer.text == "a"


def test_an_empty_file_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "full").write_text("x")
    assert [is_there(tmp_path / n) for n in ("empty", "full", "none")] == [False, True, False]


def test_every_suite_with_published_figures_is_named_as_in_the_tables() -> None:
    assert [p.value for p in published("fdb-v3") if p.starred] == [82.8, 68.0]
    assert published("no-such-suite") == ()
    assert all(published(name) for name in suites())
