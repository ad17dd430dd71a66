from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.strategies import any_event
from tmlapp.core.cue import (
    HEARD_NS,
    REFUSED_APART_NS,
    REFUSED_NS,
    TOAST_NS,
    Cue,
    Overlay,
    action_of,
    classify,
    fold,
    numbers_in_rest,
)
from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    Ducked,
    Interrupted,
    Listen,
    Marker,
    SpeechHeard,
    TaskSet,
    TextOut,
    TextOutDone,
)
from tmlapp.core.units import NS_PER_S

pytestmark = pytest.mark.unit


def folded(*events: Any) -> Overlay:
    return reduce(lambda overlay, event: fold(overlay, event)[0], events, Overlay())


def said(text: str, t_ns: int = 0, channel: Any = "say") -> TextOutDone:
    return TextOutDone(text=text, t_rx_ns=t_ns, channel=channel)


def task(name: str, instruction: str = "") -> TaskSet:
    return TaskSet(instruction=instruction, task=name, params={}, from_turn=0)


@pytest.mark.parametrize(
    ("text", "task", "expected"),
    [
        ("three", "", ("count", 3)),
        ("3.", "count", ("count", 3)),
        ("Twenty-one!", "", ("count", 21)),
        ("three reps", "", ("say", None)),
        ("one two", "", ("say", None)),
        ("Start", "", ("start", None)),
        ("stop!", "", ("stop", None)),
        ("stop now", "", ("say", None)),
        ("", "", ("say", None)),
        ("Breathe in.", "every_n_seconds", ("remind", None)),
        ("Drink.", "once_after_n", ("remind", None)),
        ("Stand up.", "remind", ("remind", None)),
        ("Breathe in.", "count", ("say", None)),
    ],
)
def test_an_utterance_is_the_kind_of_cue_that_a_person_takes_it_for(text: str, task: str, expected: Any) -> None:
    assert classify(text, task=task) == expected


def test_the_rest_of_a_text_without_a_number_is_the_text() -> None:
    assert numbers_in_rest("go on") == "go on"
    assert numbers_in_rest("rep 7!") == "rep"


@pytest.mark.parametrize(
    ("instruction", "action"),
    [
        ("Please count out reps for squats.", "squats"),
        ("Count the repetitions of my push-ups, please", "push-ups"),
        ("Say 'start' when the person starts doing jumping jacks then say 'Stop' when they stop.", "jumping jacks"),
        ("say start when the person starts squatting then say stop when they stop", "squatting"),
        ("Say start when someone is walking, and then say stop when they stop.", "walking"),
        ("Count my squats", "squats"),
        ("count lunges", "lunges"),
        ("Hello.", ""),
        ("", ""),
    ],
)
def test_the_action_is_read_from_the_instruction(instruction: str, action: str) -> None:
    assert action_of(instruction) == action


def test_a_count_changes_the_badge_and_is_a_cue() -> None:
    overlay, cue = fold(Overlay(), said("four", 7))
    assert cue == Cue(7, "count", "four", 4)
    assert (overlay.count, overlay.count_t_ns, overlay.caption, overlay.caption_t_ns) == (4, 7, "four", 7)


def test_start_and_stop_move_the_border() -> None:
    overlay = folded(said("start", 5))
    assert (overlay.border, overlay.border_t_ns) == ("start", 5)
    overlay = folded(said("start", 5), said("Stop.", 9))
    assert (overlay.border, overlay.border_t_ns) == ("stop", 9)


def test_plain_speech_changes_only_the_caption() -> None:
    overlay, cue = fold(folded(said("2", 1)), said("Keep going", 2))
    assert cue is not None
    assert cue.kind == "say"
    assert (overlay.count, overlay.caption) == (2, "Keep going")


def test_reminders_become_toasts_that_fade_and_only_the_newest_three_are_kept() -> None:
    overlay = folded(task("every_n_seconds"), *[said(f"breathe {w}", t) for t, w in enumerate("abcd")])
    assert [c.text for c in overlay.reminders] == ["breathe b", "breathe c", "breathe d"]
    assert len(overlay.toasts_at(TOAST_NS)) == 3
    assert [c.text for c in overlay.toasts_at(TOAST_NS + 2)] == ["breathe d"]
    assert overlay.toasts_at(TOAST_NS + 3) == ()


def test_a_new_task_clears_count_and_border_and_names_the_action() -> None:
    overlay = folded(said("3"), said("start"), task("count", "Please count out reps for squats."))
    assert (overlay.count, overlay.border, overlay.action, overlay.task) == (None, None, "squats", "count")


def test_text_grows_into_one_caption_until_it_is_done() -> None:
    growing = (TextOut(delta="twenty", t_rx_ns=4), TextOut(delta=" one", t_rx_ns=5))
    assert folded(*growing).caption == "twenty one"
    assert folded(*growing, said("twenty one"), TextOut(delta="next", t_rx_ns=6)).caption == "next"


def test_thoughts_are_not_shown() -> None:
    assert folded(TextOut(delta="hm", channel="thought"), said("7", channel="thought")) == Overlay()


def test_a_pause_keeps_what_was_counted_and_a_new_task_does_not() -> None:
    def told(task: str, from_turn: int, since_turn: int) -> TaskSet:
        return TaskSet(
            instruction="Count my squats", task=task, params={"since_turn": float(since_turn)}, from_turn=from_turn
        )

    counted = [told("count_reps", 3, 3), said("four"), told("paused", 9, 9)]
    assert (folded(*counted).count, folded(*counted).task, folded(*counted).action) == (4, "paused", "squats")
    gone_on = folded(*counted, told("count_reps", 12, 3))
    assert (gone_on.count, gone_on.task, gone_on.action) == (4, "count_reps", "squats")
    assert folded(*counted, told("count_reps", 12, 12)).count is None


def test_the_speaking_sign_lasts_as_long_as_the_sound_that_came() -> None:
    half_a_second = AudioOut(pcm16=b"\1\1" * 12_000, rate=24_000, t_rx_ns=NS_PER_S)
    overlay = folded(half_a_second, half_a_second)
    assert overlay.speaking_at(2 * NS_PER_S - 1)
    assert not overlay.speaking_at(2 * NS_PER_S)
    assert not folded(half_a_second, Interrupted(t_rx_ns=NS_PER_S)).speaking_at(NS_PER_S)


def test_events_without_meaning_for_the_picture_change_nothing() -> None:
    assert fold(Overlay(), Listen(micro_turn=3)) == (Overlay(), None)
    assert fold(Overlay(), Marker(t_ns=1, label="note")) == (Overlay(), None)


@given(st.lists(any_event(), max_size=6))
@settings(max_examples=100, deadline=None)
def test_no_event_breaks_the_fold_and_the_same_events_give_the_same_overlay(events: list[Any]) -> None:
    assert folded(*events) == folded(*events)


def test_a_lost_connection_takes_the_words_of_the_last_utterance_off_the_picture() -> None:
    before = folded(said("three"), TextOut(delta="fo"))
    assert (before.caption, before.count) == ("fo", 3)
    after = folded(said("three"), TextOut(delta="fo"), ConnectionChanged(state="reconnecting"))
    assert (after.caption, after.caption_open, after.count) == ("", False, 3)
    assert folded(said("three"), ConnectionChanged(state="open")).caption == "three"


def heard(t_ns: int, *, reason: str = "", grammar: str = "commands") -> SpeechHeard:
    return SpeechHeard(
        text="stop", accepted=not reason, reason=reason, grammar=grammar, from_ns=0, to_ns=t_ns, t_rx_ns=t_ns
    )


def test_what_was_heard_is_shown_for_a_while() -> None:
    taken, refused = heard(NS_PER_S), heard(NS_PER_S, reason="unclear")
    assert folded(taken).heard_at(NS_PER_S + HEARD_NS - 1) == taken
    assert folded(taken).heard_at(NS_PER_S + HEARD_NS) is None
    assert folded(refused).heard_at(NS_PER_S + REFUSED_NS - 1) == refused
    assert folded(refused).heard_at(NS_PER_S + REFUSED_NS) is None
    assert Overlay().heard_at(0) is None


def test_talk_to_others_is_not_refused_again_and_again() -> None:
    first, soon = heard(NS_PER_S, reason="unclear"), heard(9 * NS_PER_S, reason="unclear")
    late, taken = heard(NS_PER_S + REFUSED_APART_NS, reason="unclear"), heard(2 * NS_PER_S)
    assert folded(first, soon).heard == first
    assert folded(first, late).heard == late
    assert folded(first, taken).heard == taken
    assert folded(taken, soon).heard == soon


def test_while_a_task_runs_only_what_is_understood_is_shown() -> None:
    assert folded(heard(0, reason="unclear", grammar="stop")).heard is None
    assert folded(heard(0, grammar="stop")).heard is not None


def test_a_lowered_voice_is_known_until_it_is_raised() -> None:
    assert folded(Ducked(gain_db=-12.0, since_ns=0)).lowered
    assert not folded(Ducked(gain_db=-12.0, since_ns=0), Ducked(gain_db=0.0, since_ns=5)).lowered
