"""What a person should be told of an endpoint: once, however often it happens.

Errors that end the session are told as its end; everything here lets it go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tmlapp.core.event import (
    Closed,
    ConnectionChanged,
    EndpointError,
    EndpointEvent,
    Granted,
    InputLost,
    Limit,
    Notice,
    Rejection,
    SessionOpened,
    SessionUpdated,
    Unrecognized,
)
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.endpoints.asked import TOOLS

AGAIN_NS = 30 * NS_PER_S
"""The same trouble is told again after this long."""

MOST_KINDS = 100
"""Trouble of more kinds than this is in the recording only: a service gone wild shall not flood the person."""

_LIMITS = {
    "going_away": "The service closes this connection soon",
    "expires": "The service ends this session soon",
    "context": "The model's memory of this conversation is nearly full",
    "rate": "The service's limit of requests is near",
}


class Notices:
    """Turns events of an endpoint into notices. Used by the engine thread alone."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._told: dict[tuple[str, ...], int] = {}
        self._refused: set[Rejection] = set()
        self._lost = 0
        self._local = False
        self._away = self._waiting = self._ending = False
        self._state = ""

    def of(self, event: EndpointEvent) -> Iterator[Notice]:
        """What `event` gives a person to know."""
        match event:
            case SessionOpened() | SessionUpdated():
                yield from self._granted(event.granted)
            case ConnectionChanged():
                yield from self._connection(event)
            case InputLost():
                yield from self._input_lost(event)
            case Limit():
                yield from self._limit(event)
            case Unrecognized():
                what = f"The service sent “{event.name}”, which this version of tmlapp does not know."
                yield from self._once(
                    ("unrecognized", event.name), "info", what, "It was written down and passed over."
                )
            case EndpointError(fatal=False, kind="network" | "session_expired"):
                return  # That the connection is lost is told next, once.
            case EndpointError(fatal=False):
                what = f"The endpoint reported a problem ({event.code or event.kind})."
                yield from self._again((event.kind, event.code), event.t_rx_ns, "warning", what, event.message)
            case Closed():
                yield from self._closed(event)
            case _:
                return

    def _granted(self, granted: Granted) -> Iterator[Notice]:
        self._local = granted.local
        # What a model of this machine lacks was said when it was chosen.
        for refused in () if granted.local else granted.rejections:
            # Tools that are not announced are told with what follows from that.
            if refused in self._refused or refused.asked.startswith(TOOLS):
                continue
            self._refused.add(refused)
            instead = f" Granted: {refused.granted}." if refused.granted else ""
            yield self._notice("warning", f"Not granted: {refused.asked}.", f"{refused.reason}{instead}".strip())

    def _connection(self, event: ConnectionChanged) -> Iterator[Notice]:
        if event.state == "reconnecting" and not self._away:
            self._away = True
            yield self._notice("warning", "The connection to the model is lost. Reconnecting…", event.reason)
        elif event.state == "waiting" and not self._waiting:
            self._waiting = True
            yield self._notice("info", "The service keeps this session in its queue.", event.reason)
        elif event.state == "open":
            self._waiting = False
            if self._away or self._lost:
                yield self._back()
        elif event.state == "draining":
            self._ending = True

    def _back(self) -> Notice:
        lost, self._lost, self._away = self._lost, 0, False
        why = f"{_turns(lost)} did not reach the model and are not sent later." if lost else "Nothing was lost."
        return self._notice("info", "The connection to the model is back.", why)

    def _input_lost(self, event: InputLost) -> Iterator[Notice]:
        if event.what == "video":
            what = "Older pictures are not sent to the model."
            yield from self._again(("video",), event.t_rx_ns, "warning", what, event.reason)
            return
        self._lost += 1
        if self._lost == 1 and not self._away:
            yield self._notice("warning", "The model does not hear and see what happens now.", event.reason)

    def _limit(self, event: Limit) -> Iterator[Notice]:
        left = f" (in {event.remaining_ms / 1000:.0f} s)" if event.remaining_ms is not None else ""
        left = left or (f" ({event.ratio:.0%})" if event.ratio is not None else "")
        key = ("limit", event.kind, str(event.epoch))
        # A model in this process has no service: it is slower than the session.
        what = "The model is falling behind" if self._local and event.kind == "rate" else _LIMITS[event.kind]
        yield from self._again(key, event.t_rx_ns, "warning", f"{what}{left}.", event.message)

    def _closed(self, event: Closed) -> Iterator[Notice]:
        lost, self._lost = self._lost, 0
        cost = f"{_turns(lost)} did not reach the model." if lost else ""
        if event.initiated_by == "server" and not self._ending:
            reason = (event.reason or event.code).strip()
            why = f"{reason.rstrip('.')}. {cost}" if cost else reason
            yield self._notice("warning", "The service has closed the session.", why)
        elif cost:
            yield self._notice("warning", cost)

    def _once(self, key: tuple[str, ...], level: str, what: str, why: str) -> Iterator[Notice]:
        if key not in self._told and len(self._told) < MOST_KINDS:
            self._told[key] = 0
            yield self._notice(level, what, why)

    def _again(self, key: tuple[str, ...], t_ns: int, level: str, what: str, why: str) -> Iterator[Notice]:
        last = self._told.get(key)
        if last is None and len(self._told) >= MOST_KINDS:
            return
        if last is None or t_ns - last >= AGAIN_NS:
            self._told[key] = t_ns
            yield self._notice(level, what, why)

    def _notice(self, level: str, what: str, why: str = "") -> Notice:
        return Notice(t_ns=self._now_ns(), level=level, what=what, why=why)  # type: ignore[arg-type]


def _turns(count: int) -> str:
    seconds = count * TURN_NS / NS_PER_S
    return f"{count} micro-turn{'s' if count != 1 else ''} ({seconds:.1f} s)"
