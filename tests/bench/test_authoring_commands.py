from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bench.authoring_parts import SAMPLES, any_command, expectation, state_with_take, take
from tmlapp.bench.authoring import commands as c
from tmlapp.bench.authoring import model
from tmlapp.bench.authoring.codec import FormError
from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Span, Speaker, UserWord
from tmlapp.bench.authoring.replay import History, did, difference, patched, redid, undid
from tmlapp.bench.authoring.store import set_bytes
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

ITEM, TAKE = "ts-0001", "t1"


@given(any_command)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_command_is_the_same_after_json(command: c.Command) -> None:
    assert c.from_json(json.loads(json.dumps(command.to_json(), allow_nan=False))) == command


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_commands_and_their_undo_give_the_same_bytes(data: st.DataObject) -> None:
    history = History(state_with_take())
    seen = [set_bytes(history.state)]
    for command in data.draw(st.lists(any_command, max_size=12)):
        before = set_bytes(history.state)
        try:
            history = did(history, command)
        except AppError:
            assert set_bytes(history.state) == before
            continue
        model.check_set(history.state)
        assert model.from_json(json.loads(json.dumps(model.to_json(history.state)))) == history.state
        seen.append(set_bytes(history.state))
    backwards = [seen[-1]]
    while history.done:
        patch = json.loads(json.dumps(difference(history.state, history.done[-1].before)))
        assert set_bytes(patched(history.state, patch)) == set_bytes(history.done[-1].before)
        history = undid(history)
        backwards.append(set_bytes(history.state))
    assert backwards == seen[::-1]
    forwards = [seen[0]]
    while history.undone:
        history = redid(history)
        forwards.append(set_bytes(history.state))
    assert forwards == seen


def changed(*commands: c.Command, state: ItemSet | None = None) -> ItemSet:
    found = state_with_take() if state is None else state
    for command in commands:
        found = command.apply(found)
    return found


def refused(command: c.Command, why: str, state: ItemSet | None = None) -> None:
    given = state_with_take() if state is None else state
    before = set_bytes(given)
    with pytest.raises(AppError, match=f"(?i){why}") as error:
        command.apply(given)
    assert error.value.what == f"Cannot {command.title}."
    assert set_bytes(given) == before


BAD = [
    (c.SetWindow("nobody", TAKE, "e1", Span(0, 1)), "'nobody'"),
    (c.SetWindow(ITEM, "t9", "e1", Span(0, 1)), "'t9'"),
    (c.SetWindow(ITEM, TAKE, "e9", Span(0, 1)), "'e9'"),
    (c.SetWindow(ITEM, TAKE, "e1", Span(9, 9)), "no later than it begins"),
    (c.SetWindow(ITEM, TAKE, "e1", Span(9, 8)), "no later than it begins"),
    (c.SetWindow(ITEM, TAKE, "e1", Span(-1, 8)), "outside"),
    (c.SetWindow(ITEM, TAKE, "e1", Span(0, SAMPLES + 160_001)), "outside"),
    (c.SetCue(ITEM, TAKE, "e1", Span(0, 1), SAMPLES + 1), "reference"),
    (c.AddExpectation(ITEM, TAKE, expectation()), "two are called"),
    (c.AddExpectation(ITEM, TAKE, expectation("e2"), 7), "no place 7"),
    (c.RemoveExpectation(ITEM, TAKE, "e2"), "'e2'"),
    (c.SetExpectation(ITEM, TAKE, "e2", expectation()), "'e2'"),
    (c.AddItem(ItemDraft(ITEM, "timespeak")), "two are called"),
    (c.AddItem(ItemDraft("Ü", "timespeak")), "other characters"),
    (c.AddItem(ItemDraft("new", "timespeak"), -1), "no place -1"),
    (c.RemoveItem("x"), "'x'"),
    (c.RenameItem(ITEM, "A B"), "other characters"),
    (c.DuplicateItem(ITEM, ITEM), "two are called"),
    (c.MoveItem(ITEM, 1), "no place 1"),
    (c.SetItemField(ITEM, "suite", "other"), "not timespeak or cuespeak"),
    (c.SetField("suite", "other"), "not timespeak or cuespeak"),
    (c.AddSpeaker(Speaker("s1")), "two are called"),
    (c.RemoveSpeaker("s1"), "names a speaker"),
    (c.RemoveSpeaker("s9"), "'s9'"),
    (c.SetSpeaker("s9", Speaker("s9")), "'s9'"),
    (c.AddTake(ITEM, take()), "two are called"),
    (c.AddTake(ITEM, take("t2", speaker="s9")), "a speaker 's9'"),
    (c.RemoveTake(ITEM, "t9"), "'t9'"),
    (c.DiscardTake(ITEM, "t9"), "'t9'"),
    (c.ChooseBest(ITEM, "t9"), "no take 't9'"),
    (c.SetTakeSpeaker(ITEM, TAKE, "s9"), "a speaker 's9'"),
    (c.SetInstructionSpan(ITEM, TAKE, Span(3, 2)), "before it begins"),
    (c.SetStop(ITEM, TAKE, SAMPLES + 1), "request to stop"),
    (c.SetWord(ITEM, TAKE, 1, UserWord(Span(0, 1), "a")), "no place 1"),
    (c.RemoveWord(ITEM, TAKE, -1), "no place -1"),
    (c.AddWord(ITEM, TAKE, UserWord(Span(0, SAMPLES + 1), "a")), "the word 'a'"),
]


@pytest.mark.parametrize(("command", "why"), BAD)
def test_a_bad_command_is_refused_and_changes_nothing(command: c.Command, why: str) -> None:
    refused(command, why)


def test_several_commands_are_all_done_or_none() -> None:
    both = c.Together((c.SetField("name", "x"), c.RemoveItem("nobody")), "do both")
    state = state_with_take()
    with pytest.raises(AppError, match="nobody"):
        both.apply(state)
    assert state.name == ""
    assert changed(c.Together((c.SetField("name", "x"), c.RemoveItem(ITEM)))).items == ()


def test_items_are_added_moved_renamed_duplicated_and_removed() -> None:
    state = changed(c.AddItem(ItemDraft("b", "cuespeak")), c.AddItem(ItemDraft("a", "cuespeak"), 0))
    assert [i.id for i in state.items] == ["a", ITEM, "b"]
    assert [i.id for i in changed(c.MoveItem("a", 2), state=state).items] == [ITEM, "b", "a"]
    state = changed(c.RenameItem(ITEM, "new"), c.DuplicateItem("new", "copy"), state=state)
    assert [i.id for i in state.items] == ["a", "new", "copy", "b"]
    assert state.item("copy").takes == ()
    assert changed(c.DuplicateItem("new", "c2", takes=True), state=state).item("c2").best == "t1"
    assert [i.id for i in changed(c.RemoveItem("new"), state=state).items] == ["a", "copy", "b"]


def test_fields_of_set_and_item_change() -> None:
    state = changed(c.SetField("suite", "cuespeak"), c.SetItemField(ITEM, "category", "codeswitch"))
    assert (state.suite, state.items[0].category) == ("cuespeak", "codeswitch")
    assert changed(c.SetItemField(ITEM, "suite", "cuespeak")).items[0].suite == "cuespeak"


def test_a_speaker_who_is_renamed_takes_the_takes_along() -> None:
    state = changed(c.SetSpeaker("s1", Speaker("s2", consent=True, consent_date="2026-11-22")))
    assert state.items[0].takes[0].speaker == "s2"
    assert state.speakers == (Speaker("s2", consent=True, consent_date="2026-11-22"),)
    assert changed(c.SetSpeaker("s1", Speaker("s1", room="quiet"))).speakers[0].room == "quiet"
    assert changed(c.SetTakeSpeaker(ITEM, TAKE, ""), c.RemoveSpeaker("s1")).speakers == ()
    assert changed(c.AddSpeaker(Speaker("s2")), c.SetTakeSpeaker(ITEM, TAKE, "s2")).items[0].takes[0].speaker == "s2"


def test_the_best_take_follows_what_is_discarded_and_removed() -> None:
    state = changed(c.AddTake(ITEM, take("t2")), c.AddTake(ITEM, take("t3")))
    assert state.items[0].best == "t1"
    assert changed(c.DiscardTake(ITEM, "t2"), state=state).items[0].best == "t1"
    assert changed(c.DiscardTake(ITEM, "t1"), state=state).items[0].best == "t3"
    assert changed(c.RemoveTake(ITEM, "t1"), state=state).items[0].best == "t3"
    assert changed(c.RemoveTake(ITEM, "t2"), state=state).items[0].best == "t1"
    assert changed(c.ChooseBest(ITEM, "t2"), c.RemoveTake(ITEM, "t1"), state=state).items[0].best == "t2"
    alone = changed(c.DiscardTake(ITEM, "t1"))
    assert alone.items[0].best is None
    assert changed(c.RestoreTake(ITEM, "t1"), state=alone).items[0].best == "t1"
    assert changed(c.AddTake(ITEM, take("t2", discarded=True)), state=alone).items[0].best is None
    assert changed(c.ChooseBest(ITEM, None)).items[0].best is None


def test_words_stay_in_order_of_time() -> None:
    early = UserWord(Span(0, 10), "early")
    state = changed(c.AddWord(ITEM, TAKE, early))
    assert [w.text for w in state.items[0].takes[0].user_words] == ["early", "hello"]
    state = changed(c.SetWord(ITEM, TAKE, 0, UserWord(Span(50_000, 60_000), "late")), state=state)
    assert [w.text for w in state.items[0].takes[0].user_words] == ["hello", "late"]
    state = changed(c.RemoveWord(ITEM, TAKE, 0), state=state)
    assert [w.text for w in state.items[0].takes[0].user_words] == ["late"]
    assert changed(c.ReplaceWords(ITEM, TAKE, (early,))).items[0].takes[0].user_words == (early,)


def test_expectations_change() -> None:
    second = expectation("e2", 50_000)
    found = changed(c.AddExpectation(ITEM, TAKE, second, 0)).items[0].takes[0].expectations
    assert [e.id for e in found] == ["e2", "e1"]
    one = changed(c.SetWindow(ITEM, TAKE, "e1", Span(3, 4))).items[0].takes[0].expectations[0]
    assert one == replace(expectation(), window=Span(3, 4))
    moved = changed(c.SetCue(ITEM, TAKE, "e1", Span(3, 4), 4)).items[0].takes[0].expectations[0]
    assert (moved.cue, moved.t_ref, moved.window) == (Span(3, 4), 4, expectation().window)
    renamed = changed(c.SetExpectation(ITEM, TAKE, "e1", second)).items[0].takes[0].expectations
    assert renamed == (second,)
    assert changed(c.RemoveExpectation(ITEM, TAKE, "e1")).items[0].takes[0].expectations == ()
    replaced = changed(c.ReplaceExpectations(ITEM, TAKE, (second,), "file")).items[0].takes[0].expectations
    assert replaced == (second,)
    state = changed(c.SetInstructionSpan(ITEM, TAKE, Span(0, 9)), c.SetStop(ITEM, TAKE, 7))
    assert (state.items[0].takes[0].instruction, state.items[0].takes[0].stop) == (Span(0, 9), 7)


@pytest.mark.parametrize(
    "raw",
    [
        None, {}, {"command": "Nothing"}, {"command": ["AddItem"]}, {"command": "RemoveItem"},
        {"command": "RemoveItem", "item": "a", "more": 1}, {"command": "MoveItem", "item": "a", "to": "b"},
        {"command": "Together"}, {"command": "Together", "commands": 3, "label": ""},
        {"command": "Together", "commands": [{}], "label": ""}, {"command": "Together", "commands": [], "label": 4},
    ],
)  # fmt: skip
def test_json_that_is_no_command_is_refused(raw: object) -> None:
    with pytest.raises(FormError):
        c.from_json(raw)


@pytest.mark.parametrize(
    "raw",
    [
        None, {}, {"items": 3}, {"items": [], "unknown": 1}, {"items": [], "order": ["nobody"]},
        {"items": [], "order": [3]}, {"items": [], "order": "ts-0001"}, {"items": [], "name": 5},
        {"items": [], "speakers": [{"id": 4}]}, {"items": [{}]}, {"items": [], "speakers": []},
        {"items": [], "order": [["x"]]},
    ],
)  # fmt: skip
def test_json_that_is_no_difference_is_refused(raw: object) -> None:
    with pytest.raises(FormError):
        patched(state_with_take(), raw)


def test_only_so_many_steps_can_be_undone() -> None:
    history = History(ItemSet())
    for n in range(1005):
        history = did(history, c.SetField("name", str(n)))
    assert len(history.done) == 1000
