"""Parts that raise what nobody expected: whoever waits for the session gets an answer, and the rest is closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.parts import AnsweringEndpoint, ListFeed, MemoryLog, captured, session_info
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions

pytestmark = pytest.mark.unit


def session(feed: ListFeed, endpoint: AnsweringEndpoint, log: MemoryLog) -> LiveSession:
    return LiveSession(
        feed=feed,
        endpoint=endpoint,
        info=session_info,
        make_log=lambda info, on_failure: log,  # noqa: ARG005 - the shape of a factory
        clock=ManualClock(1_000),
        options=SessionOptions(virtual_time=True),
    )


def bursting(message: str) -> Callable[..., object]:
    def burst(*arguments: object) -> object:
        raise RuntimeError(message)

    return burst


def test_a_model_that_bursts_on_opening_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, endpoint = ListFeed([]), AnsweringEndpoint()
    monkeypatch.setattr(endpoint, "open", bursting("burst"))
    made = session(feed, endpoint, MemoryLog())
    with pytest.raises(AppError, match="burst"):
        made.start()
    assert (made.state, feed.closed, made.wait(0)) == ("closed", 1, True)


def test_a_log_that_bursts_on_opening_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    feed, log = ListFeed([captured(0)]), MemoryLog()
    monkeypatch.setattr(log, "start", bursting("burst"))
    made = session(feed, AnsweringEndpoint(), log)
    with pytest.raises(AppError, match="burst"):
        made.start()
    assert (made.state, feed.closed, made.wait(0)) == ("closed", 1, True)


@pytest.mark.parametrize("part", ["feed", "playout", "log"])
def test_a_part_that_bursts_on_closing_is_named_and_the_session_still_ends(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    feed, log = ListFeed([captured(k) for k in range(3)]), MemoryLog()
    made = session(feed, AnsweringEndpoint(), log)
    monkeypatch.setattr({"feed": feed, "log": log, "playout": made._speaking.playout}[part], "close", bursting("burst"))
    made.start()
    made.wait()
    assert made.state == "closed"
    assert made.error is not None
    assert "burst" in made.error.why
    assert len(log.turns) == 3
    assert (made.recording_path == Path("session.mcap")) == (part != "log")
