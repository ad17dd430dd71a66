"""The limits that Gemini Live has and does not speak of in time, told by the micro-turns that were sent."""

from __future__ import annotations

from collections.abc import Iterator

from tmlapp.core.event import Limit
from tmlapp.core.units import NS_PER_S, s_to_ns

CONNECTION_S = 600
"""A connection lasts about as long; `goAway` comes about a minute before its end, if it comes."""
SOUND_S = 900
PICTURES_S = 120
"""How long a session lasts without compression: with sound alone, and from the first picture on."""
WARN_S = (300, 60)
CONTEXT_TOKENS = 128_000
CONTEXT_RATIO = 0.8


class Limits:
    """Announces ends: the session's as soon as it is known, five minutes and one minute before, a connection's at last.

    Args:
        unlimited: old parts of the conversation are dropped, so that the session has no end.
        began_ns: session time at which the service's session began, where that was another connection.

    Attributes:
        began_ns: session time of the first micro-turn of the service's session; None before it.
    """

    def __init__(self, *, unlimited: bool, began_ns: int | None = None) -> None:
        self.began_ns = began_ns
        self._unlimited = unlimited
        self._connected_ns: int | None = None
        self._pictures = False
        self._announced: dict[str, int] = {}
        self._going_away = False
        self._context = False

    def going_away(self) -> None:
        """The service has said when this connection ends."""
        self._going_away = True

    def turn(self, start_ns: int, end_ns: int, *, pictures: bool) -> Iterator[Limit]:
        """A micro-turn was sent, `pictures` with at least one picture."""
        if self._connected_ns is None:
            self._connected_ns = start_ns
            self.began_ns = start_ns if self.began_ns is None else self.began_ns
        if not self._going_away:
            left_s = self._left_s(self._connected_ns, CONNECTION_S, end_ns)
            what = "Gemini Live ends a connection after about 10 minutes."
            yield from self._announce("connection", left_s, WARN_S[-1:], what)
        if self._unlimited or self.began_ns is None:
            return
        self._pictures = self._pictures or pictures
        name, length_s = ("pictures", PICTURES_S) if self._pictures else ("sound", SOUND_S)
        with_what = "pictures" if self._pictures else "sound alone"
        what = f"Without compression a session with {with_what} ends after {length_s // 60} minutes."
        marks = (length_s, *(mark for mark in WARN_S if mark < length_s))
        yield from self._announce(name, self._left_s(self.began_ns, length_s, end_ns), marks, what)

    def context(self, tokens: float | None) -> Iterator[Limit]:
        """So many tokens stand in the model's context."""
        if tokens is None or self._unlimited or self._context or tokens < CONTEXT_RATIO * CONTEXT_TOKENS:
            return
        self._context = True
        yield Limit(
            kind="context", ratio=min(1.0, tokens / CONTEXT_TOKENS), message="The model's context is nearly full."
        )

    @staticmethod
    def _left_s(from_ns: int, length_s: int, now_ns: int) -> float:
        return max(0.0, (from_ns + s_to_ns(length_s) - now_ns) / NS_PER_S)

    def _announce(self, name: str, left_s: float, marks: tuple[int, ...], what: str) -> Iterator[Limit]:
        """Once for each of `marks` (falling) that `left_s` has come down to."""
        reached = sum(left_s <= mark for mark in marks)
        if reached > self._announced.get(name, 0):
            self._announced[name] = reached
            yield Limit(kind="expires", remaining_ms=left_s * 1000, message=what)
