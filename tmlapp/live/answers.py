"""Virtual time: a session goes on only when its endpoint has answered."""

from __future__ import annotations

from collections.abc import Callable

from tmlapp.core.event import EndpointEvent, InputLost, UnitDone
from tmlapp.live.failures import endpoint_silent
from tmlapp.live.inbox import Inbox

ANSWER_TIMEOUT_S = 60
"""In virtual time: how long one micro-turn may stay unanswered before the session gives up."""


class Answers:
    """Which micro-turns were answered. Used by the engine thread alone."""

    def __init__(self, inbox: Inbox, address: str) -> None:
        self._inbox = inbox
        self._address = address
        self._answered = -1

    def note(self, event: UnitDone | InputLost) -> None:
        """A micro-turn was answered, or will never be."""
        self._answered = max(self._answered, event.micro_turn)

    def wait(self, index: int, take: Callable[[EndpointEvent], None], over: Callable[[], bool]) -> None:
        """Give events to `take` until micro-turn `index` is answered or it is `over`.

        Raises:
            AppError: nothing came for `ANSWER_TIMEOUT_S`.
        """
        while self._answered < index and not over():
            event = self._inbox.wait(ANSWER_TIMEOUT_S)
            if event is None:
                raise endpoint_silent(self._address, index, ANSWER_TIMEOUT_S)
            take(event)
