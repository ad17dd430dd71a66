"""Limits that a service announces: when to leave a connection that will end, and when to warn of the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tmlapp.core.event import (
    Delegation,
    EndpointEvent,
    Granted,
    Interrupted,
    TextOut,
    ToolCall,
    ToolCancelled,
    TurnDone,
    TurnStarted,
    UserSpeech,
)
from tmlapp.core.turn import DelegationResult, MicroTurn, ToolResult
from tmlapp.core.units import NS_PER_MS

WARNINGS_MS = (300_000.0, 60_000.0)
"""Remaining times at which the end of a session is announced."""
_MARGIN_S = 3.0


class Quiet:
    """Sets `due` once a connection that goes away should be left: at the first calm moment, at the latest shortly
    before it strikes.

    Calm is: for `calm_s` nobody has spoken, no turn of the model is under way, and no call waits for its result.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, calm_s: float) -> None:
        self._loop = loop
        self._calm_s = calm_s
        self._busy: set[str] = set()
        self._timers: list[asyncio.TimerHandle] = []
        self._noise_s = loop.time()
        self._leaving = False
        self.due = asyncio.Event()

    def leave_within(self, remaining_s: float) -> None:
        """The connection ends in `remaining_s`."""
        latest_s = max(0.0, remaining_s - min(_MARGIN_S, remaining_s / 4))
        self._leaving = True
        self._timers.append(self._loop.call_later(latest_s, self.due.set))
        self._look()

    def note(self, event: EndpointEvent) -> None:
        """What came from the endpoint."""
        match event:
            case TurnStarted():
                self._busy.add("turn")
            case TurnDone() | Interrupted():
                self._busy.discard("turn")
            case UserSpeech(state="started"):
                self._busy.add("person")
            case UserSpeech():
                self._busy.discard("person")
            case ToolCall():
                self._busy.add(f"call {event.call_id}")
            case ToolCancelled():
                self._busy.discard(f"call {event.call_id}")
            case Delegation(state="created"):
                self._busy.add(f"call {event.id}")
            case Delegation(state="done" | "failed"):
                self._busy.discard(f"call {event.id}")
            case TextOut():
                pass
            case _:
                return
        self._noise()

    def sent(self, turn: MicroTurn) -> None:
        """What went to the endpoint."""
        for control in turn.controls:
            match control:
                case ToolResult():
                    self._busy.discard(f"call {control.call_id}")
                case DelegationResult(final=True):
                    self._busy.discard(f"call {control.id}")
                case _:
                    continue
        if turn.texts or turn.controls:
            self._noise()

    def reset(self) -> None:
        """A new connection: nothing is under way on it."""
        self.forget()
        self._busy.clear()
        self._leaving = False
        self.due.clear()

    def forget(self) -> None:
        """Stop all timers."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _noise(self) -> None:
        self._noise_s = self._loop.time()
        if self._leaving:
            self._look()

    def _look(self) -> None:
        if self._busy or self.due.is_set():
            return
        left_s = self._noise_s + self._calm_s - self._loop.time()
        if left_s <= 0:
            self.due.set()
        else:
            self._timers.append(self._loop.call_later(left_s, self._look))


class Expiry:
    """Announces the end of a session at each of `WARNINGS_MS`, once, by session time or by the clock on the wall.

    Session time may stand still (pause) or fly (virtual time): what comes first counts.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, announce: Callable[[float], None]) -> None:
        self._loop = loop
        self._announce = announce
        # Remaining time to announce, and when: session time in ms, the loop's time in s.
        self._due: list[tuple[float, float, float]] = []
        self._timer: asyncio.TimerHandle | None = None

    def set(self, granted: Granted, now_ns: int) -> None:
        """A session was granted at session time `now_ns`."""
        self.forget()
        if granted.expires_at_ms is None:
            return
        left_ms = granted.expires_at_ms - now_ns / NS_PER_MS
        for warning_ms in WARNINGS_MS:
            if left_ms >= warning_ms:
                ahead_s = (left_ms - warning_ms) / 1000
                self._due.append((warning_ms, granted.expires_at_ms - warning_ms, self._loop.time() + ahead_s))
        self._arm()

    def check(self, now_ns: int) -> None:
        """Session time is `now_ns` now."""
        while self._due:
            warning_ms, session_ms, loop_s = self._due[0]
            if now_ns < session_ms * NS_PER_MS and self._loop.time() < loop_s:
                return
            self._due.pop(0)
            self._announce(warning_ms)
            self._arm()

    def forget(self) -> None:
        """Announce nothing any more."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._due:
            self._timer = self._loop.call_at(self._due[0][2], self.check, 0)
