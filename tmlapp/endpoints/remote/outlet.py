"""Where everything of one conversation leaves: numbered, stamped, without the key, and after `Closed` nothing."""

from __future__ import annotations

import hashlib
import logging
import threading
import traceback
from dataclasses import replace
from typing import Any, Literal

from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.event import (
    Closed,
    ConnectionChanged,
    ConnectionState,
    EndpointError,
    EndpointEvent,
    ResumeHandle,
    RoundTrip,
    TurnDone,
    TurnStarted,
    UnitDone,
    WireFrame,
)
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.remote.names import Names
from tmlapp.endpoints.remote.open_turns import LOST, OpenTurns
from tmlapp.endpoints.remote.wirelog import Folder, Redactor, member_names

_log = logging.getLogger(__name__)
_MESSAGE_CHARS = 4_000


class Outlet:
    """Gives `seq`, `epoch`, `t_rx_ns` and `wire_ref`; the sink hears of one event at a time.

    Attributes:
        epoch: of the connection whose events leave now.
        names: of items and responses, see there.
    """

    def __init__(self, sink: EventSink, setup: EndpointSetup, redactor: Redactor) -> None:
        self._sink = sink
        self._setup = setup
        self._redactor = redactor
        self._folder = Folder(redactor)
        self._turns = OpenTurns()
        # A sink may close the conversation from inside its call, hence re-entrant.
        self._lock = threading.RLock()
        self._seq = 0
        self._frames = 0
        self._last_ns = 0
        self._closed = False
        self.epoch = 0
        self.names = Names()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def redactor(self) -> Redactor:
        return self._redactor

    def now_ns(self) -> int:
        """Session time; never runs backwards."""
        self._last_ns = max(self._last_ns, self._setup.session_now_ns())
        return self._last_ns

    def emit(self, event: EndpointEvent, *, t_rx_ns: int | None = None, wire_ref: int | None = None) -> None:
        """Hand `event` to the session; round trips only in real time: on virtual time every run is the same."""
        if isinstance(event, RoundTrip) and self._setup.virtual_time:
            return
        if isinstance(event, ResumeHandle):
            # Who has the handle has the conversation: the codec keeps it, the recording sees that there is a new one.
            event = replace(event, handle=f"sha256:{hashlib.sha256(event.handle.encode()).hexdigest()[:12]}")
        if isinstance(event, EndpointError) and len(event.message) > _MESSAGE_CHARS:
            # It is shown to a person; the frame itself is in the wire log.
            event = replace(event, message=self._redactor.text(event.message)[:_MESSAGE_CHARS] + "…")
        self._send(event, t_rx_ns, wire_ref)

    def wire(
        self, direction: Literal["sent", "received"], size: int, message: Any, t_rx_ns: int, note: str = ""
    ) -> int:
        """Write down one frame; its number."""
        index = self._frames
        self._frames += 1
        shown = self._folder.fold(message)
        note = self._redactor.text(note)
        frame = WireFrame(index=index, direction=direction, size=size, message=shown, note=note)
        self._send(frame, t_rx_ns, index)
        return index

    def state(self, state: ConnectionState, reason: str = "", attempt: int = 0) -> None:
        """The connection has moved on."""
        self.emit(ConnectionChanged(state=state, reason=reason, attempt=attempt))

    def end_turns(self, reason: str = LOST) -> None:
        """Turns that are open end here: what comes next knows nothing of them."""
        with self._lock:
            for event in self._turns.end(reason):
                self._emit_one(event, None, None)

    def close(self, code: str, reason: str, by: Literal["us", "server", "network"], *, timeout_s: float = -1.0) -> bool:
        """Send `Closed`, once; False where the sink still has not returned from an event after `timeout_s`."""
        if not self._lock.acquire(timeout=timeout_s):
            return False
        try:
            if not self._closed:
                self.end_turns(LOST if by == "network" else "the session ended")
                self.state("closed", reason)
                self.emit(Closed(code=code[:80], reason=self._redactor.text(reason)[:500], initiated_by=by))
                self._closed = True
        finally:
            self._lock.release()
        return True

    def fault(self, doing: str, error: BaseException) -> None:
        """A bug of ours: its traceback goes to the log file, without the key."""
        lines = "".join(traceback.format_exception(error))
        _log.critical("%s failed\n%s", doing, self._redactor.text(lines))

    def _send(self, event: EndpointEvent, t_rx_ns: int | None, wire_ref: int | None) -> None:
        if isinstance(event, TurnStarted | TurnDone):
            with self._lock:
                for told in self._turns.pass_on(event):
                    self._emit_one(told, t_rx_ns, wire_ref)
        else:
            self._emit_one(event, t_rx_ns, wire_ref)

    def _emit_one(self, event: EndpointEvent, t_rx_ns: int | None, wire_ref: int | None) -> None:
        members = self._redactor.changes(event) if not isinstance(event, WireFrame) else {}
        with self._lock:
            if self._closed:
                return
            members |= {
                "seq": self._seq,
                "t_rx_ns": self.now_ns() if t_rx_ns is None else t_rx_ns,
                "epoch": self.epoch,
                "wire_ref": wire_ref,
            }
            if self.names.era:
                for name in ("item_id", "response_id"):
                    members[name] = self.names.outer(members.get(name, getattr(event, name)))
            if isinstance(event, UnitDone):
                members["latency_ns"] = members["t_rx_ns"] - (event.micro_turn + 1) * TURN_NS
            self._seq += 1
            self._sink(_with(event, members))


def _with(event: EndpointEvent, members: dict[str, Any]) -> EndpointEvent:
    """`replace` for an event, at a third of its cost: there are a hundred in a second."""
    cls = type(event)
    made = object.__new__(cls)
    for name in member_names(cls):
        object.__setattr__(made, name, members[name] if name in members else getattr(event, name))
    return made
