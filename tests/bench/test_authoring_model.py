from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.authoring_parts import SAMPLES, expectation, state_with_take, take
from tmlapp.bench.authoring import codec, model
from tmlapp.bench.authoring.codec import FormError
from tmlapp.bench.authoring.model import (
    SPARE_SAMPLES,
    ItemDraft,
    ItemSet,
    ModelError,
    Source,
    Span,
    Speaker,
    Take,
    UserWord,
    check_item,
    check_set,
    check_take,
    free_id,
    new_item_id,
    to_samples,
    to_seconds,
)
from tmlapp.bench.labels.speak_items import parse_item

pytestmark = pytest.mark.unit


@given(st.integers(-(10**9), 10**12))
def test_seconds_hold_every_sample_exactly_through_a_json_file(samples: int) -> None:
    assert to_samples(json.loads(json.dumps(to_seconds(samples)))) == samples


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300])
def test_what_is_no_number_of_seconds_is_refused(seconds: float) -> None:
    with pytest.raises(ModelError, match="no number of seconds"):
        to_samples(seconds)


def test_seconds_are_written_with_seven_decimals() -> None:
    assert to_seconds(1) == 0.0000625
    assert to_seconds(137_600) == 8.6


def full_state() -> ItemSet:
    state = state_with_take()
    source = Source("import", "ü\ud800.flac", sha256="1" * 64, kept="takes/x/t2.original.flac")
    second = take("t2", source=source, instruction=Span(0, 5), stop=9, discarded=True, video="takes/x/t2.mp4")
    item = state.items[0]
    return replace(state, name="é", items=(replace(item, takes=(*item.takes, second), extra='{"a":1}'),))


def test_a_set_is_the_same_after_json() -> None:
    state = full_state()
    text = json.dumps(model.to_json(state), allow_nan=False)
    assert model.from_json(json.loads(text)) == state


def test_a_set_finds_its_parts_and_files() -> None:
    state = full_state()
    item = state.item("ts-0001")
    assert item.best_take == item.take("t1")
    assert replace(item, best=None).best_take is None
    assert state.speaker("s1").id == "s1"
    assert item.take("t1").expectation("e1").id == "e1"
    assert state.files == {"takes/x/t1.wav", "takes/x/t2.wav", "takes/x/t2.mp4", "takes/x/t2.original.flac"}
    with pytest.raises(KeyError):
        state.item("nobody")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"extra_member": 1}, "extra_member is no member of ItemSet"),
        ({"name": 5}, "name is 5, not a text"),
        ({"suite": "other"}, "not one of timespeak, cuespeak"),
        ({"suite": ["timespeak"]}, "not one of timespeak, cuespeak"),
        ({"items": {}}, r"items is \{\}, not a list"),
        ({"items": [3]}, r"items\[0\] is 3, not an object"),
        ({"items": [{"id": "a"}]}, r"items\[0\].suite is missing"),
        ({"speakers": [{"id": "s1", "consent": 1}]}, r"speakers\[0\].consent is 1, not true or false"),
        ({"speakers": [{"id": "s1"}, {"id": "s1"}]}, "two are called 's1'"),
        ({"speakers": [{"id": "Name Surname"}]}, "has other characters"),
    ],
)
def test_json_that_is_no_set_is_refused_with_its_place(change: dict[str, Any], why: str) -> None:
    with pytest.raises(FormError, match=why):
        model.from_json(model.to_json(ItemSet()) | change)


def test_json_of_another_kind_is_refused() -> None:
    with pytest.raises(FormError, match="not an object"):
        model.from_json([])
    with pytest.raises(FormError, match="is missing, not a text"):
        codec.from_json(str, None)
    with pytest.raises(FormError, match="t0 is True, not a whole number"):
        codec.from_json(Span, {"t0": True, "t1": 3})


def test_a_fraction_has_no_place_in_a_set() -> None:
    with pytest.raises(TypeError, match="float"):
        codec.to_json(Span(0.5, 1))  # type: ignore[arg-type]


BAD_TAKES = [
    (take("T 1"), "has other characters"),
    (take("a" * 101), "101 characters"),
    (take(audio=""), "has no sound"),
    (take(audio="/etc/passwd"), "outside the set"),
    (take(audio="../x.wav"), "outside the set"),
    (take(video="c:/x.mp4"), "outside the set"),
    (take(recording="a\\b"), "outside the set"),
    (take(source=Source("import", "x", kept="../x")), "outside the set"),
    (take(samples=0), "0 samples"),
    (take(samples=1 << 60), "samples"),
    (take(instruction=Span(5, 4)), "ends .* before it begins"),
    (take(instruction=Span(0, SAMPLES + 1)), "outside the 10 s"),
    (take(user_words=(UserWord(Span(-1, 4), "word"),)), "the word 'word'"),
    (take(stop=-1), "request to stop"),
    (take(stop=SAMPLES + 1), "request to stop"),
    (take(expectations=(expectation(), expectation())), "two are called 'e1'"),
    (take(expectations=(expectation(" "),)), "has no id"),
    (take(expectations=(expectation(cue=Span(9, 8)),)), "the cue of the expectation e1 ends"),
    (take(expectations=(expectation(cue=Span(0, SAMPLES + 1)),)), "the cue of"),
    (take(expectations=(expectation(t_ref=SAMPLES + 1),)), "the reference of"),
    (take(expectations=(expectation(t_ref=-1),)), "the reference of"),
    (take(expectations=(expectation(window=Span(5, 5)),)), "no later than it begins"),
    (take(expectations=(expectation(window=Span(-1, 5)),)), "lies outside 0 s to 20 s"),
    (take(expectations=(expectation(window=Span(0, SAMPLES + SPARE_SAMPLES + 1)),)), "lies outside 0 s to 20 s"),
]


@pytest.mark.parametrize(("bad", "why"), BAD_TAKES)
def test_a_take_that_contradicts_itself_is_refused(bad: Take, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        check_take(bad)


def test_the_limits_of_a_take_belong_to_it() -> None:
    check_take(
        take(
            instruction=Span(0, SAMPLES),
            stop=SAMPLES,
            expectations=(expectation(t_ref=SAMPLES, cue=Span(0, 0), window=Span(0, SAMPLES + SPARE_SAMPLES)),),
        )
    )


def test_an_item_names_its_best_take_among_those_that_count() -> None:
    item = ItemDraft("a", "timespeak", takes=(take(discarded=True),))
    check_item(item)
    with pytest.raises(ModelError, match="is discarded"):
        check_item(replace(item, best="t1"))
    with pytest.raises(ModelError, match="has no take 't9'"):
        check_item(replace(item, best="t9"))
    with pytest.raises(ModelError, match="take of a"):
        check_item(replace(item, takes=(take(), take())))


def test_a_set_knows_the_speakers_of_its_takes() -> None:
    state = state_with_take()
    check_set(state)
    with pytest.raises(ModelError, match="a speaker 's1' whom"):
        check_set(replace(state, speakers=(Speaker("s2"),)))
    with pytest.raises(ModelError, match="each item"):
        check_set(replace(state, items=state.items * 2))


def test_free_ids_are_the_first_that_nobody_has() -> None:
    assert free_id(["e1", "e3"], "e") == "e2"
    state = ItemSet(items=(ItemDraft("cs-0001", "cuespeak"),))
    assert new_item_id(state, "cuespeak") == "cs-0002"
    assert new_item_id(state, "timespeak") == "ts-0001"


def test_spans_move_and_overlap() -> None:
    assert Span(1, 3).shifted(2) == Span(3, 5)
    assert Span(0, 2).overlaps(Span(1, 3))
    assert not Span(0, 2).overlaps(Span(2, 3))


def test_what_the_model_allows_the_loader_of_items_allows() -> None:
    """The limits of a draft are those of the format that it becomes."""
    value = expectation(window=Span(0, SAMPLES + SPARE_SAMPLES), t_ref=SAMPLES)
    check_take(take(expectations=(value,)))
    parse_item(
        {
            "schema": "tmlapp.speak_item/1", "suite": "timespeak", "id": "ts-0001", "category": "x", "lang": "en",
            "input": {"audio": "a.wav", "duration_s": to_seconds(SAMPLES)},
            "instruction": {"text": "x", "t0": 0, "t1": 1},
            "expectations": [
                {
                    "id": "e1", "cue": {"kind": "time", "t0": 4.0, "t1": 4.0}, "t_ref": to_seconds(value.t_ref),
                    "window": [to_seconds(value.window.t0), to_seconds(value.window.t1)], "meaning": "x",
                }
            ],
        }
    )  # fmt: skip


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**400])
def test_a_number_that_no_reader_holds_exactly_is_refused(number: int) -> None:
    raw = model.to_json(state_with_take())
    raw["items"][0]["takes"][0]["expectations"][0]["cue"]["t1"] = number
    with pytest.raises(FormError, match="too much"):
        model.from_json(raw)
