"""Events of an endpoint that says more than anyone can take: the micro-turns go on."""

from __future__ import annotations

import pytest

from tests.live.parts import AnsweringEndpoint, ListFeed, MemoryLog, captured, session_info
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.cue import CAPTION_CHARS, Overlay, fold
from tmlapp.core.event import EndpointEvent, Listen, TextOut, TextOutDone
from tmlapp.live.conversation import UTTERANCE_CHARS, Conversation
from tmlapp.live.inbox import AT_ONCE, Inbox
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions

pytestmark = pytest.mark.unit


def test_a_flood_is_taken_in_pieces_and_the_rest_is_not_waited_for() -> None:
    woken: list[None] = []
    inbox = Inbox(lambda: woken.append(None))
    for index in range(AT_ONCE + 5):
        inbox(Listen(micro_turn=index))
    woken.clear()
    assert len(list(inbox.take())) == AT_ONCE
    assert len(woken) == 1
    assert [e.micro_turn for e in inbox.take() if isinstance(e, Listen)] == [AT_ONCE + n for n in range(5)]
    assert len(woken) == 1


def test_taking_ends_although_more_comes_all_the_time() -> None:
    inbox = Inbox(lambda: None)
    inbox(Listen(micro_turn=0))
    for event in inbox.take_all():
        inbox(event)
    taken: list[EndpointEvent] = []
    for event in inbox.take():
        inbox(event)
        taken.append(event)
    assert len(taken) == AT_ONCE


def test_a_session_takes_every_event_of_a_flood_in_the_end() -> None:
    endpoint = AnsweringEndpoint({0: [Listen(micro_turn=0)] * (3 * AT_ONCE)})
    endpoint.on_drain = [TextOutDone(text="over", channel="say")] * (2 * AT_ONCE)
    log = MemoryLog()
    session = LiveSession(
        feed=ListFeed([captured(0), captured(1)]),
        endpoint=endpoint,
        info=session_info,
        make_log=lambda _info, _failed: log,
        clock=MonotonicClock(),
        options=SessionOptions(virtual_time=False),
    )
    session.start()
    assert session.wait(20)
    assert session.error is None
    assert len([e for e in log.events if isinstance(e, Listen)]) == 3 * AT_ONCE
    assert len([e for e in log.events if isinstance(e, TextOutDone)]) == 2 * AT_ONCE


def test_an_utterance_without_end_does_not_grow_without_end() -> None:
    overlay, conversation = Overlay(), Conversation()
    piece = TextOut(delta="word " * 5_000, channel="say")
    for _ in range(10):
        overlay, _cue = fold(overlay, piece)
        conversation.note(piece)
    assert len(overlay.caption) == CAPTION_CHARS
    assert overlay.caption.startswith("…")
    assert overlay.caption.endswith("word ")
    (said,) = conversation.so_far()
    assert len(said.text) == UTTERANCE_CHARS
    overlay, cue = fold(overlay, TextOutDone(text="whole " * 5_000, channel="say"))
    assert len(overlay.caption) == CAPTION_CHARS
    assert cue is not None
    assert cue.text == "whole " * 5_000
