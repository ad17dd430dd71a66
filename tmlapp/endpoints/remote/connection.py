"""One connection: a socket and the codec that speaks on it, from the first word to the close."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError, EndpointEvent, InputLost, RoundTrip, SessionUpdated, Unrecognized
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.remote.contract import (
    Action,
    Codec,
    Drained,
    Ended,
    MessageError,
    Opened,
    Patience,
    Resumption,
    Send,
    Waiting,
)
from tmlapp.endpoints.remote.ends import End
from tmlapp.endpoints.remote.errors import endpoint_error
from tmlapp.endpoints.remote.flood import Flood
from tmlapp.endpoints.remote.link import Link, LinkClosedError
from tmlapp.endpoints.remote.media import encoded, size_of
from tmlapp.endpoints.remote.outbox import Outbox
from tmlapp.endpoints.remote.outlet import Outlet
from tmlapp.endpoints.remote.pulse import beat
from tmlapp.endpoints.remote.wirelog import described_frame

MAX_REPLIES = 5_000
MAX_UNKNOWN_KINDS = 100
_LOOKS = 3
"""Rounds of the loop in which bytes that lie in the system's buffer become events."""


Noticed = EndpointEvent | Opened | Waiting | Drained | MicroTurn | None


class Connection:
    """Reads, writes and pings in three tasks; `over` has the one reason for which it ended.

    Args:
        notice: called with every event before it leaves, every micro-turn before it is encoded, with `Opened`,
            `Waiting` and `Drained`, and with None for the rest.

    Attributes:
        granted: set once the session is; `granted_by` is the number of the frame that said so.
    """

    def __init__(
        self,
        link: Link,
        codec: Codec,
        outbox: Outbox,
        outlet: Outlet,
        patience: Patience,
        notice: Callable[[Noticed], None],
    ) -> None:
        self._link = link
        self._codec = codec
        self._outbox = outbox
        self._outlet = outlet
        self._patience = patience
        self._notice = notice
        self.granted = asyncio.Event()
        self.granted_by: int | None = None
        self.over: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._wake = asyncio.Event()
        self._rested = asyncio.Event()
        self._replies: deque[Mapping[str, Any] | bytes] = deque()
        self._flowing = False
        self._in_flight: MicroTurn | None = None
        self._parts: deque[Action] = deque()
        self._unlogged: deque[tuple[Mapping[str, Any] | bytes, str | bytes, int]] = deque()
        self._resting = False
        self._ending: Literal["no", "asked", "said"] = "no"
        self._leaving = False
        self._unknown: set[str] = set()
        self._flood = Flood()
        self._tasks: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------------ what the course asks for

    def start(self) -> None:
        """Say hello and begin to read, write and ping."""
        self._perform(self._ask("hello", self._codec.hello))
        self._tasks = [asyncio.ensure_future(self._guarded(part)) for part in (self._read, self._write, self._ping)]

    async def settled(self) -> None:
        """Wait until the session is granted, or over."""
        granted = asyncio.ensure_future(self.granted.wait())
        parts: list[asyncio.Future[Any]] = [granted, self.over]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            granted.cancel()

    def flow(self) -> None:
        """The set-up is acknowledged: micro-turns go out from now on."""
        self._flowing = True
        self.poke()

    def poke(self) -> None:
        """Something may wait to be sent."""
        self._wake.set()

    @property
    def unsent(self) -> int:
        """Micro-turns that wait, the one being sent included."""
        return len(self._outbox) + (self._in_flight is not None)

    def end_input(self) -> None:
        """No more micro-turns: once all are sent the codec says so."""
        if self._ending == "no":
            self._ending = "asked"
        self.poke()

    def resumption(self) -> Resumption | None:
        """What a next connection could go on with."""
        try:
            return self._codec.resumption()
        except Exception as error:  # noqa: BLE001 - without it the conversation ends; the fault is in the log
            self._outlet.fault("asking what a next connection needs", error)
            return None

    async def hush(self, timeout_s: float) -> None:
        """Take no further micro-turn; wait until the one being sent is out."""
        self._flowing = False
        self._rested.clear()
        self.poke()
        try:
            async with asyncio.timeout(timeout_s):
                await self._rested.wait()
        except TimeoutError:
            return

    async def leave(self, timeout_s: float, *, goodbye: bool) -> None:
        """Say goodbye, wait for the answer at most `timeout_s`, and close the socket; what has come is still heard."""
        self._leaving = True
        self._flowing = False
        for _ in range(_LOOKS):
            await asyncio.sleep(0)
        if goodbye and not self.over.done():
            actions = self._ask("saying goodbye", self._codec.goodbye)
            self._perform(actions)
            self.poke()
            if actions:
                await asyncio.wait([self.over], timeout=timeout_s)
        await self.shut()

    async def shut(self) -> None:
        """Stop the tasks and close the socket; a micro-turn that is not out yet is lost."""
        for task in self._tasks:
            task.cancel()
        self._log_sent()
        if self._in_flight is not None:
            # What the system has not taken yet must not go out after it was called lost.
            self._link.abort()
            self._lose(self._in_flight, "The connection ended while it was being sent.")
            self._in_flight = None
            self._parts.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()

    # ------------------------------------------------------------------ tasks

    async def _guarded(self, part: Callable[[], Awaitable[None]]) -> None:
        try:
            await part()
        except Exception as error:  # noqa: BLE001 - a task that dies alone would leave the session deaf or dumb
            self._fault("keeping the connection", error)

    async def _read(self) -> None:
        while True:
            try:
                frame = await self._link.receive()
            except LinkClosedError as closed:
                self._closed(closed.code, closed.reason)
                return
            self._received(frame, self._outlet.now_ns())
            pause_s = self._flood.pause_s(len(frame))
            if self._flood.endless:
                error = endpoint_error("protocol", "flood", "The service sends more than anyone can read.", fatal=True)
                self._finish(End("flood", error.message, "us", error))
                return
            if pause_s:
                await asyncio.sleep(pause_s)

    async def _write(self) -> None:
        try:
            while True:
                if self._in_flight is not None:
                    await self._rest_of_turn()
                elif self._replies:
                    await self._transmit(self._replies.popleft())
                elif self._flowing and (turn := self._outbox.take()) is not None:
                    self._begin(turn)
                elif self._ending == "asked" and self._flowing:
                    self._ending = "said"
                    self._perform(self._ask("ending the input", self._codec.end_of_input))
                else:
                    self._log_sent()
                    self._rested.set()
                    self._wake.clear()
                    self._resting = True
                    await self._wake.wait()
                    self._resting = False
        except LinkClosedError:
            # The reader learns the same, and first hears what the service still said.
            return

    async def _ping(self) -> None:
        try:
            await beat(self._link, self._patience, self.granted, lambda ns: self._outlet.emit(RoundTrip(rtt_ns=ns)))
        except LinkClosedError:
            return
        except TimeoutError:
            what = f"The service has not answered a ping for {self._patience.pong_s:g} s."
            self._finish(End("1006", what, "network", endpoint_error("timeout", "pong_timeout", what)))
            # Nobody would answer a close either.
            self._link.abort()

    # ------------------------------------------------------------------ out

    def send_now(self, turn: MicroTurn) -> bool:
        """Send `turn` at once, where nothing is in its way; on whatever thread has borrowed the loop.

        What else there is to do is left to the loop, which must be woken: no event leaves from here.
        """
        waits = self._replies or self._wake.is_set() or self._in_flight is not None or not self._resting
        if waits or not self._flowing or self._ending != "no" or not self._link.idle:
            return False
        whole = self._outbox.pass_by(turn)
        if whole is None:
            return False
        try:
            self._begin(whole)
            while self._parts and isinstance(part := self._parts[0], Send) and self._link.idle:
                payload = encoded(part.message)
                self._parts.popleft()
                self._link.write(payload)
                self._unlogged.append((part.message, payload, self._outlet.now_ns()))
            if not self._parts and self._link.idle:
                self._in_flight = None
        except Exception as error:  # noqa: BLE001 - as in a task: a bug of ours is told, logged, and ends the session
            self._fault("sending a micro-turn", error)
        return True

    def _begin(self, turn: MicroTurn) -> None:
        self._in_flight = turn
        self._notice(turn)
        own = self._outlet.names.inner(turn)
        self._parts.extend(self._ask("encoding a micro-turn", lambda: self._codec.turn(own)))

    async def _rest_of_turn(self) -> None:
        self._log_sent()
        await self._link.taken()
        while self._parts:
            part = self._parts.popleft()
            if isinstance(part, Send):
                await self._transmit(part.message)
            else:
                self._perform((part,))
        self._in_flight = None

    async def _transmit(self, message: Mapping[str, Any] | bytes) -> None:
        payload = encoded(message)
        self._log_sent()
        await self._link.send(payload)
        self._unlogged.append((message, payload, self._outlet.now_ns()))
        self._log_sent()

    def _log_sent(self) -> None:
        """Write down what was sent; before anything that comes after it."""
        while self._unlogged:
            message, payload, t_ns = self._unlogged.popleft()
            self._outlet.wire("sent", size_of(payload), self._describe(message), t_ns)

    # ------------------------------------------------------------------ in

    def _received(self, frame: str | bytes, t_rx_ns: int) -> None:
        self._log_sent()
        size = size_of(frame)
        try:
            message = self._codec.parse(frame)
        except (MessageError, RecursionError) as error:
            why = str(error) or "It is nested too deeply."
            shown = described_frame(frame, self._outlet.redactor)
            self._malformed(why, self._outlet.wire("received", size, shown, t_rx_ns, why), t_rx_ns)
            return
        except Exception as error:  # noqa: BLE001 - whatever a codec throws is a bug of ours, told and logged
            self._fault("reading a frame", error)
            return
        actions, fault = self._understood(message)
        # All that costs time comes before the first event: a session that is woken wants the interpreter for itself.
        wire_ref = self._outlet.wire("received", size, self._describe(message), t_rx_ns)
        if isinstance(fault, MessageError):
            self._malformed(str(fault), wire_ref, t_rx_ns)
        elif fault is not None:
            self._fault("understanding a frame", fault)
        else:
            self._perform(actions, t_rx_ns, wire_ref)

    def _understood(self, message: Any) -> tuple[Sequence[Action], Exception | None]:
        try:
            return self._codec.receive(message), None
        except Exception as error:  # noqa: BLE001 - as above
            return (), error

    def _perform(self, actions: Sequence[Action], t_rx_ns: int | None = None, wire_ref: int | None = None) -> None:
        for action in actions:
            match action:
                case Send():
                    self._notice(None)
                    self._reply(action.message)
                case EndpointError(fatal=True):
                    self._finish(End(action.code, action.message, "server", action, wire_ref=wire_ref))
                case EndpointEvent():
                    self._notice(action)
                    if not (isinstance(action, Unrecognized) and self._known(action)):
                        self._outlet.emit(action, t_rx_ns=t_rx_ns, wire_ref=wire_ref)
                case Opened() if self.granted.is_set():
                    self._perform((SessionUpdated(granted=action.granted),), t_rx_ns, wire_ref)
                case Opened():
                    self.granted_by = wire_ref
                    self.granted.set()
                    self._notice(action)
                case Waiting() | Drained():
                    self._notice(action)
                case Ended():
                    by: Literal["us", "server"] = "us" if self._leaving else "server"
                    self._finish(End(action.code, action.reason, by, action.error, wire_ref=wire_ref))

    def _reply(self, message: Mapping[str, Any] | bytes) -> None:
        if len(self._replies) >= MAX_REPLIES:
            error = endpoint_error("backpressure", "replies", "The service asks faster than answers can be sent.")
            self._finish(End("backpressure", error.message, "us", error))
            return
        self._replies.append(message)
        self.poke()

    def _known(self, event: Unrecognized) -> bool:
        """Whether its kind was told before; kinds without end are told of up to a bound."""
        if event.name in self._unknown or len(self._unknown) >= MAX_UNKNOWN_KINDS:
            return True
        self._unknown.add(event.name)
        return False

    def _malformed(self, why: str, wire_ref: int, t_rx_ns: int) -> None:
        error = endpoint_error("protocol", "malformed_frame", why)
        self._outlet.emit(error, t_rx_ns=t_rx_ns, wire_ref=wire_ref)

    # ------------------------------------------------------------------ ends and faults

    def _closed(self, code: int, reason: str) -> None:
        try:
            error = self._codec.closed(code, reason)
        except Exception as fault:  # noqa: BLE001 - as above
            self._fault("understanding the close", fault)
            return
        by: Literal["us", "server", "network"] = "us" if self._leaving else "server"
        if error is not None and error.kind == "network" and not self._leaving:
            by = "network"
        self._finish(End(str(code), reason or (error.message if error else "closed"), by, error))

    def _finish(self, end: End) -> None:
        if not self.over.done():
            self.over.set_result(end)

    def _fault(self, doing: str, error: Exception) -> None:
        if isinstance(error, AppError):
            # A codec's own words for a person, e.g. that it cannot take the turns before the session.
            refusal = endpoint_error("config", "refused", error.why)
            self._finish(End("config", error.what, "us", refusal, app=error))
            return
        self._outlet.fault(doing, error)
        what = f"A fault in tmlapp while {doing}: {type(error).__name__}."
        self._finish(End("internal", what, "us", endpoint_error("internal", type(error).__name__, what)))

    def _ask(self, doing: str, call: Callable[[], Sequence[Action]]) -> Sequence[Action]:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - as above
            self._fault(doing, error)
            return ()

    def _describe(self, message: Any) -> Any:
        try:
            return self._codec.describe(message)
        except Exception as error:  # noqa: BLE001 - as above
            self._fault("describing a frame", error)
            return "…"

    def _lose(self, turn: MicroTurn, reason: str) -> None:
        self._outlet.emit(InputLost(micro_turn=turn.index, what="turn", reason=reason))
