"""Turns of the model: each is told to have begun once and to be over once, whatever the connection does.

A codec ends what its service ends. What is open when a connection is lost, and is not taken up where it was, nobody
else would end: the next connection knows nothing of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from tmlapp.core.event import EndpointEvent, TurnDone, TurnStarted

LOST = "connection lost"
_MOST = 1024


class OpenTurns:
    """Sees every event in order. Bounded: the oldest of too many open turns is ended."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, TurnStarted] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def pass_on(self, event: EndpointEvent) -> Sequence[EndpointEvent]:
        """What leaves for `event`: itself, but for a beginning or an end that was told already."""
        match event:
            case TurnStarted():
                return self._started(event)
            case TurnDone():
                name = event.response_id or ""
                self._open.pop(name, None)
                if name in self._ended:
                    del self._ended[name]
                    return ()
            case _:
                pass
        return (event,)

    def end(self, reason: str) -> Sequence[TurnDone]:
        """Every turn that is open ends here."""
        ends = [self._end(turn, reason) for turn in self._open.values()]
        self._open.clear()
        return ends

    def _started(self, event: TurnStarted) -> Sequence[EndpointEvent]:
        name = event.response_id or ""
        if name in self._open:
            return ()
        self._ended.pop(name, None)
        self._open[name] = event
        if len(self._open) <= _MOST:
            return (event,)
        _, oldest = self._open.popitem(last=False)
        return (self._end(oldest, "never finished"), event)

    def _end(self, turn: TurnStarted, reason: str) -> TurnDone:
        self._ended[turn.response_id or ""] = None
        if len(self._ended) > _MOST:
            self._ended.popitem(last=False)
        return TurnDone(status="incomplete", reason=reason, response_id=turn.response_id, item_id=turn.item_id)
