"""What is told to a connection that begins anew: finished turns, in the order in which they were said."""

from __future__ import annotations

import pytest

from tmlapp.core.event import Listen, TextOutDone, TurnDone, UserSpeech, UserTranscript
from tmlapp.core.tool import HistoryTurn
from tmlapp.endpoints.remote.contract import Resumption
from tmlapp.endpoints.remote.history import FinishedTurns, turns_of

pytestmark = pytest.mark.unit


def said(turns: FinishedTurns) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in turns.turns]


def test_what_was_said_stands_in_order_although_its_transcript_comes_late() -> None:
    turns = FinishedTurns([HistoryTurn(role="user", text="Before.")])
    turns.note(UserSpeech(state="started", source="server_vad", item_id="u"))
    turns.note(UserSpeech(state="stopped", source="server_vad", item_id="u"))
    turns.note(TextOutDone(text="Hm.", channel="thought", response_id="r"))
    turns.note(TextOutDone(text="One,", channel="transcript", response_id="r"))
    turns.note(TextOutDone(text="two.", channel="say", response_id="r"))
    turns.note(TurnDone(status="completed", response_id="r"))
    turns.note(Listen(micro_turn=1))
    turns.typed("And now?")
    turns.note(UserTranscript(text="Cou", final=False, item_id="u"))
    turns.note(UserTranscript(text=" Count! ", final=True, item_id="u"))
    assert said(turns) == [("user", "Before."), ("user", "Count!"), ("assistant", "One, two."), ("user", "And now?")]


def test_what_was_cut_off_or_is_being_said_is_left_out() -> None:
    turns = FinishedTurns()
    turns.note(TextOutDone(text="Cut.", channel="say", response_id="r"))
    turns.note(TurnDone(status="cancelled", response_id="r"))
    turns.note(TextOutDone(text="Not yet.", channel="say", response_id="s"))
    turns.note(TurnDone(status="completed", response_id="silent"))
    turns.note(UserSpeech(state="stopped", source="server_vad", item_id="u"))
    turns.note(UserTranscript(text="  ", final=True, item_id="u"))
    turns.note(UserTranscript(text="", final=True, item_id="never"))
    assert said(turns) == []


def test_the_oldest_turns_go_first() -> None:
    turns = FinishedTurns(most=3, characters=10)
    for n in range(5):
        turns.typed(f"{n}{n}")
    assert [text for _, text in said(turns)] == ["22", "33", "44"]
    turns.note(UserTranscript(text="x" * 100, final=True))
    assert said(turns) == [("user", "x" * 10)]
    for n in range(5):
        turns.note(TextOutDone(text="y" * 30, channel="say", response_id=f"{n}"))
        turns.note(TextOutDone(text="y" * 30, channel="say", response_id=f"{n}"))
    turns.note(TurnDone(status="completed", response_id="4"))
    turns.note(TurnDone(status="completed", response_id="0"))
    assert said(turns) == [("assistant", "y" * 10)]


def test_the_next_connection_reads_what_the_last_one_left() -> None:
    before = (HistoryTurn(role="user", text="Hi."),)
    left = FinishedTurns(before).resumption()
    assert left.kind == "history"
    assert turns_of(left) == before
    assert turns_of(None, before) == before
    assert turns_of(Resumption("native", {"handle": "x"}), before) == before
    assert turns_of(Resumption("history", {})) == ()
