from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.authoring_parts import SAMPLES, expectation, state_with_take, take
from tmlapp.bench.authoring import templates
from tmlapp.bench.authoring.commands import AddTake
from tmlapp.bench.authoring.expecting import Wording, all_dropped, cues_of, default_window, dropped, speaks_in
from tmlapp.bench.authoring.model import SPARE_SAMPLES, Expectation, Span, Suite, Take, UserWord, check_take
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

SAYS = Wording("says it", ("yes",), ("no",), required=False)


def words(*said: tuple[int, str]) -> tuple[UserWord, ...]:
    """Words of 500 ms, each at its second."""
    return tuple(UserWord(Span(at * 16_000, at * 16_000 + 8_000), text) for at, text in said)


def test_default_windows_are_those_of_the_specification() -> None:
    at = 5 * 16_000
    assert default_window("timespeak", at, SAMPLES) == Span(at - 8_000, at + 24_000)
    assert default_window("cuespeak", at, SAMPLES) == Span(at - 4_800, at + 48_000)


@given(st.sampled_from(["timespeak", "cuespeak"]), st.integers(-(10**6), 10**6), st.integers(1, 10**6))
def test_a_drop_anywhere_gives_an_expectation_that_a_take_accepts(suite: Suite, at: int, samples: int) -> None:
    target = take(samples=samples)
    made = dropped(suite, at, target, SAYS)
    check_take(replace(target, expectations=(made,)))
    assert made.t_ref == min(max(0, at), samples)
    assert made.window.t1 <= samples + SPARE_SAMPLES
    assert made.window.t0 >= 0
    assert (made.meaning, made.accept, made.reject, made.required) == ("says it", ("yes",), ("no",), False)


def test_drops_come_in_order_of_time_behind_what_is_there() -> None:
    target = take(expectations=(expectation("e1"),))
    found = all_dropped("cuespeak", [(50_000, Wording("b")), (20_000, Wording("a"))], target)
    assert [(e.id, e.meaning) for e in found] == [("e1", ""), ("e2", "a"), ("e3", "b")]
    assert found[1].kind == "event"
    assert dropped("timespeak", 5, target).kind == "time"


def test_whether_the_user_speaks_is_known_with_the_words_only() -> None:
    assert speaks_in(take(), Span(0, 5)) is None
    spoken = take(user_words=words((1, "hello")))
    assert speaks_in(spoken, Span(0, 16_001)) is True
    assert speaks_in(spoken, Span(0, 16_000)) is False
    assert dropped("cuespeak", 16_000, spoken).while_user_speaks is True


def test_every_n_seconds_is_due_from_the_end_of_the_instruction_to_the_request_to_stop() -> None:
    """The example of the specification: instruction to 6.0 s, every 4 s, stop at 23.8 s."""
    target = take(samples=30 * 16_000, instruction=Span(8_000, 96_000), stop=380_800)
    made = templates.every("timespeak", target, 64_000, Wording("breathe in or out"))
    assert [e.t_ref / 16_000 for e in made] == [10.0, 14.0, 18.0, 22.0]
    assert [e.id for e in made] == ["e1", "e2", "e3", "e4"]
    assert made[0] == Expectation("e1", "time", Span(160_000, 160_000), 160_000, Span(152_000, 184_000),
                                  meaning="breathe in or out")  # fmt: skip
    without_stop = templates.every("timespeak", replace(target, stop=None), 64_000, SAYS)
    assert [e.t_ref / 16_000 for e in without_stop] == [10.0, 14.0, 18.0, 22.0, 26.0, 30.0]
    due_at_stop = templates.every("timespeak", replace(target, stop=160_000 + 64_000), 64_000, SAYS)
    assert [e.t_ref / 16_000 for e in due_at_stop] == [10.0]
    check_take(replace(target, expectations=without_stop))


@pytest.mark.parametrize(
    ("target", "step", "why"),
    [
        (take(), 16_000, "nobody said where"),
        (take(instruction=Span(0, 100)), 0, "no usable list"),
        (take(instruction=Span(0, 100)), 10, "no usable list"),
        (take(instruction=Span(0, 100)), SAMPLES, "nothing is due"),
        (take(instruction=Span(0, 100), stop=50), 16_000, "nothing is due"),
    ],
)
def test_every_n_seconds_without_sense_is_refused(target: Take, step: int, why: str) -> None:
    with pytest.raises(AppError, match=f"(?i){why}"):
        templates.every("timespeak", target, step, SAYS)


def test_once_after_n_seconds() -> None:
    target = take(instruction=Span(0, 16_000))
    (made,) = templates.once("timespeak", target, 48_000, SAYS)
    assert (made.t_ref, made.cue, made.kind) == (64_000, Span(64_000, 64_000), "time")
    with pytest.raises(AppError, match="outside the take"):
        templates.once("timespeak", target, SAMPLES, SAYS)
    with pytest.raises(AppError, match="nobody said where"):
        templates.once("timespeak", take(), 5, SAYS)


def test_at_each_cue_that_is_said() -> None:
    target = take(user_words=words((1, "a"), (2, "Mariposa,"), (3, "and"), (4, "mariposa")))
    made = templates.at_each_word("cuespeak", target, "mariposa", SAYS)
    assert [e.cue for e in made] == [Span(32_000, 40_000), Span(64_000, 72_000)]
    assert [e.t_ref for e in made] == [40_000, 72_000]
    assert [e.window for e in made] == [Span(35_200, 88_000), Span(67_200, 120_000)]
    assert [(e.kind, e.cue_text, e.while_user_speaks) for e in made] == [
        ("event", "Mariposa,", True),
        ("event", "mariposa", True),
    ]
    with pytest.raises(AppError, match="is not among the words"):
        templates.at_each_word("cuespeak", target, "papillon", SAYS)


def test_at_each_drop_replaces_what_was_there() -> None:
    target = take(expectations=(expectation("e7"),))
    made = templates.at_each_drop("cuespeak", target, [80_000, 40_000], SAYS)
    assert [(e.id, e.t_ref) for e in made] == [("e1", 40_000), ("e2", 80_000)]
    with pytest.raises(AppError, match="Nothing was marked"):
        templates.at_each_drop("cuespeak", target, [], SAYS)


@pytest.mark.parametrize(
    ("said", "wanted", "spans"),
    [
        (((1, "red"), (2, "FOX")), "red fox", [(1, 2)]),
        (((1, "red"), (2, "brown"), (3, "fox")), "red fox", []),
        (((1, "it's"),), "it’s", [(1, 1)]),
        (((1, "its"),), "it's", []),
        (((1, "über"),), "u\u0308ber", [(1, 1)]),
        (((1, "a phrase with the cue, twice the cue"),), "cue", [(1, 1)]),
        (((1, "go"), (2, "go"), (3, "go")), "go go", [(1, 2)]),
        (((1, "red fox"), (2, "red"), (3, "fox runs")), "red fox", [(1, 1), (2, 3)]),
        (((1, "word"),), "  ...  ", []),
        ((), "word", []),
    ],
)
def test_cues_are_found_among_the_words(
    said: tuple[tuple[int, str], ...], wanted: str, spans: list[tuple[int, int]]
) -> None:
    found = cues_of(words(*said), wanted)
    assert [(w.span.t0 // 16_000, w.span.t1 // 16_000) for w in found] == spans


def test_wording_is_copied_to_the_times_of_another_take_by_order() -> None:
    given = take(
        "t1",
        instruction=Span(0, 10_000),
        expectations=(
            expectation("e1", 40_000, meaning="one", accept=("1",), cue_text="cue"),
            expectation("e2", 80_000, meaning="two"),
            expectation("e3", 120_000, meaning="three", required=False),
        ),
    )
    own = take("t2", expectations=(expectation("x", 90_000), expectation("e2", 50_000)), user_words=words((8, "hi")))
    found = templates.copied(given, own)
    assert [(e.id, e.t_ref, e.meaning) for e in found] == [
        ("e2", 50_000, "one"), ("x", 90_000, "two"), ("e1", 130_000, "three"),
    ]  # fmt: skip
    assert (found[0].accept, found[0].cue_text, found[0].window) == (("1",), "cue", own.expectations[1].window)
    assert found[2].window == expectation("e3", 130_000).window
    assert (found[2].required, found[2].while_user_speaks) == (False, True)


def test_a_take_without_expectations_gets_them_later_by_the_instruction() -> None:
    given = take("t1", instruction=Span(0, 10_000), expectations=(expectation("e1", 40_000),))
    moved = templates.copied(given, take("t2", instruction=Span(0, 15_000)))
    assert [(e.id, e.t_ref, e.window.t0) for e in moved] == [("e1", 45_000, 37_000)]
    assert [e.t_ref for e in templates.copied(given, take("t2"))] == [40_000]
    more = take("t2", expectations=(expectation("a", 1_000, window=Span(0, 9)), expectation("b", 90_000)))
    assert [e.id for e in templates.copied(given, more)] == ["a", "b"]


@given(st.integers(1, SAMPLES), st.integers(0, SAMPLES), st.integers(0, SAMPLES))
def test_what_is_copied_stays_inside_the_other_take(samples: int, end: int, other: int) -> None:
    given_take = take("t1", instruction=Span(0, end), expectations=(expectation(),))
    target = take("t2", samples=samples, instruction=Span(0, min(other, samples)))
    check_take(replace(target, expectations=templates.copied(given_take, target)))


def test_templates_and_copies_are_commands() -> None:
    state = AddTake("ts-0001", take("t2")).apply(state_with_take())
    command = templates.copy_command(state, "ts-0001", "t2", "t1")
    assert command.by == "copy"
    assert [e.id for e in command.apply(state).item("ts-0001").take("t2").expectations] == ["e1"]
    made = templates.template_command("ts-0001", "t1", (expectation("z"),))
    assert [e.id for e in made.apply(state).item("ts-0001").take("t1").expectations] == ["z"]
    with pytest.raises(AppError, match="expects nothing"):
        templates.copy_command(state, "ts-0001", "t1", "t2")
    with pytest.raises(AppError, match="has no 't9'"):
        templates.copy_command(state, "ts-0001", "t1", "t9")
