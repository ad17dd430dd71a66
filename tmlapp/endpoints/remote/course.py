"""The whole course of a conversation on its own loop: connect, serve, take up again, close."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import (
    EndpointError,
    EndpointEvent,
    Granted,
    InputLost,
    Limit,
    SessionOpened,
    SessionUpdated,
)
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.remote.connection import Connection, Noticed
from tmlapp.endpoints.remote.contract import Dialect, Drained, Opened, Patience, Resumption, Target, Waiting
from tmlapp.endpoints.remote.ends import End
from tmlapp.endpoints.remote.errors import RECONNECT, endpoint_error
from tmlapp.endpoints.remote.limits import Expiry, Quiet
from tmlapp.endpoints.remote.link import Link
from tmlapp.endpoints.remote.opening import LostError, Opener, Stop, StoppedError, failed
from tmlapp.endpoints.remote.outbox import Outbox
from tmlapp.endpoints.remote.outlet import Outlet

_TRY_ON = RECONNECT | {"timeout", "rate_limit"}
"""Failures of an attempt to take a conversation up again after which the next one is made."""
_OURS = End("1000", "closed", "us")
_AWAY_S = 10.0
"""What is left where a service goes away without saying when."""
_HUSH_S = 1.0
"""How long the micro-turn being sent may take while the connection is changed."""


class Course:
    """Runs on one loop; `stop`, `end_input` and `pushed` are called on it.

    Args:
        opened: called once the session is granted.
        drained: called once nothing more will come after the end of input.
    """

    def __init__(
        self,
        dialect: Dialect,
        target: Target,
        setup: EndpointSetup,
        outlet: Outlet,
        outbox: Outbox,
        patience: Patience,
        opened: Callable[[Granted], None],
        drained: Callable[[], None],
    ) -> None:
        self._dialect = dialect
        self._target = target
        self._setup = setup
        self._outlet = outlet
        self._outbox = outbox
        self._patience = patience
        self._opened = opened
        self._drained = drained
        self._stop = Stop()
        self._opener = Opener(dialect, target, setup, outlet, patience, self._stop)
        self._overflow: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._quiet = Quiet(asyncio.get_running_loop(), patience.calm_s)
        self._expiry = Expiry(asyncio.get_running_loop(), self._announce)
        self._connection: Connection | None = None
        self._configuring: asyncio.Timeout | None = None
        self._paused_s: float | None = None
        self._since_s = 0.0
        self._tries = 0
        self._complaint = ""
        self._warned = False
        self._draining = False
        self._granted = False
        self._serving = False
        self.failure: LostError | None = None

    # ------------------------------------------------------------------ asked from outside, on this loop

    def stop(self) -> None:
        """Close, whatever is going on."""
        self._stop.set()

    def end_input(self) -> None:
        """No more micro-turns."""
        if self._draining:
            return
        self._draining = True
        if self._connection is None or not self._serving:
            self._drained()
            return
        self._outlet.state("draining")
        self._connection.end_input()

    def send_now(self, turn: MicroTurn) -> bool:
        """Send `turn` from the thread that has borrowed the loop; False where it has to wait its turn."""
        return self._serving and self._connection is not None and self._connection.send_now(turn)

    def pushed(self) -> None:
        """A micro-turn was sent, or put into the outbox."""
        self._expiry.check(self._outlet.now_ns())
        if self._connection is None or not self._serving:
            self._lose_waiting("There was no connection.")
            return
        self._connection.poke()
        self._watch(self._connection.unsent)

    # ------------------------------------------------------------------ the course

    async def run(self) -> None:
        """From the first connection to `Closed`."""
        end = _OURS
        try:
            connection = await self._first()
            end = await self._serve(connection)
        except StoppedError:
            end = _OURS
        except LostError as lost:
            self.failure = lost
            end = lost.end
        except Exception as error:  # noqa: BLE001 - a bug of ours is told like any failure, and logged
            self._outlet.fault("the conversation", error)
            what = f"A fault in tmlapp: {type(error).__name__}."
            end = End("internal", what, "us", endpoint_error("internal", type(error).__name__, what))
            self.failure = LostError(end)
        finally:
            self._quiet.forget()
            self._expiry.forget()
            await self._ended(end)

    async def _ended(self, end: End) -> None:
        self._serving = False
        if self._connection is not None:
            await self._connection.shut()
            left = self._connection.resumption()
            for event in () if left is None else left.unfinished:
                self._outlet.emit(event)
        self._lose_waiting("The session was closed before it was sent.")
        if end.error is not None:
            self._outlet.emit(replace(end.error, fatal=True), wire_ref=end.wire_ref)
        self._drained()
        self._outlet.close(end.code, end.reason, end.by)

    async def _first(self) -> Connection:
        self._outlet.state("connecting")
        await self._opener.prepare()
        return await self._connect(None)

    async def _connect(self, resumption: Resumption | None, link: Link | None = None) -> Connection:
        """Socket, set-up, and the service's word that the session is granted."""
        if resumption is not None and resumption.kind != "native":
            self._outlet.end_turns()
        if link is None:
            link = await self._opener.link(resumption)
        if self._connection is not None:
            self._outlet.epoch += 1
            if resumption is None or resumption.kind != "native":
                self._outlet.names.era = self._outlet.epoch
        codec = await self._opener.codec(link, self._outlet.epoch, resumption)
        connection = Connection(link, codec, self._outbox, self._outlet, self._patience, self._note)
        self._connection = connection
        await self._configured(connection)
        return connection

    def _grant(self, granted: Granted) -> None:
        """The session is granted; told before anything else that the same frame may say."""
        first, self._granted = not self._granted, True
        self._since_s = time.monotonic()
        self._warned = False
        self._quiet.reset()
        self._expiry.set(granted, self._outlet.now_ns())
        self._outlet.state("open")
        event = SessionOpened(granted=granted) if first else SessionUpdated(granted=granted)
        self._outlet.emit(event, wire_ref=None if self._connection is None else self._connection.granted_by)
        if self._connection is not None:
            self._serving = True
            self._connection.flow()
            if self._draining:
                self._connection.end_input()
        self._opened(granted)

    async def _configured(self, connection: Connection) -> None:
        self._outlet.state("configuring")
        self._complaint = ""
        self._paused_s = None
        connection.start()
        try:
            async with asyncio.timeout(self._patience.configure_s) as self._configuring:
                await self._stop.unless(connection.settled())
        except TimeoutError:
            pass
        finally:
            self._configuring = None
        if connection.granted.is_set():
            return
        left = connection.resumption()
        if connection.over.done():
            end = connection.over.result()
            if end.error is None:
                why = f"The service ended the session during the set-up: {end.reason or end.code}."
                end = replace(end, error=endpoint_error("server", end.code, why, fatal=True))
        else:
            why = f"The service did not answer the set-up within {self._patience.configure_s:g} s.{self._complaint}"
            end = failed(endpoint_error("timeout", "configure_timeout", why))
        await connection.shut()
        raise LostError(end, left)

    async def _serve(self, connection: Connection) -> End:
        """Until the conversation is over, over as many connections as it takes."""
        while True:
            await self._something(connection)
            if self._overflow.done():
                return self._overflow.result()
            if self._stop.is_set():
                self._serving = False
                await connection.leave(self._dialect.close_s, goodbye=True)
                return self._left(connection)
            if connection.over.done():
                connection = await self._again(connection)
            else:
                connection = await self._switch(connection)

    async def _something(self, connection: Connection) -> None:
        events: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(event.wait()) for event in (self._stop, self._quiet.due)
        ]
        try:
            await asyncio.wait([connection.over, self._overflow, *events], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for event in events:
                event.cancel()

    def _left(self, connection: Connection) -> End:
        """How a conversation that we closed came to its end: nothing of that is a failure any more."""
        if not connection.over.done():
            return _OURS
        end = connection.over.result()
        if end.error is not None:
            self._outlet.emit(replace(end.error, fatal=False), wire_ref=end.wire_ref)
        return End(end.code, end.reason or "closed", "us")

    # ------------------------------------------------------------------ taking a conversation up again

    async def _again(self, connection: Connection) -> Connection:
        """The next connection after a loss."""
        end = connection.over.result()
        self._serving = False
        await connection.shut()
        error = end.error
        resumption = None
        if error is not None and error.kind in RECONNECT and not self._draining and not self._setup.virtual_time:
            resumption = connection.resumption()
        if error is None or resumption is None:
            raise LostError(end)
        self._outlet.emit(replace(error, fatal=False, retryable=True), wire_ref=end.wire_ref)
        self._lose_waiting("The connection was lost.")
        if time.monotonic() - self._since_s >= self._patience.settled_s:
            self._tries = 0
        return await self._tried(end, resumption)

    async def _tried(self, end: End, resumption: Resumption) -> Connection:
        """Try until it works, a failure says that it never will, or the tries are used up."""
        while self._tries < len(self._patience.backoff_s):
            pause_s = self._patience.backoff_s[self._tries]
            self._tries += 1
            self._outlet.state("reconnecting", end.reason, self._tries)
            spread = self._patience.jitter * random.uniform(-1, 1)
            await self._stop.unless(asyncio.sleep(pause_s * (1 + spread)))
            try:
                return await self._connect(resumption)
            except LostError as lost:
                end = lost.end
                if end.error is None or end.error.kind not in _TRY_ON:
                    raise
                resumption = lost.resumption or resumption
        raise LostError(end)

    async def _switch(self, old: Connection) -> Connection:
        """Leave a connection that will end soon for a new one, which is opened before the old one is left."""
        self._quiet.due.clear()
        resumption = old.resumption()
        if resumption is None or self._draining or self._setup.virtual_time or not await self._worth_it(old):
            return old
        try:
            link = await self._opener.link(resumption)
        except LostError:
            # The old one still works; what cannot be had now is tried again once it is gone.
            return old
        if old.over.done():
            await link.close()
            return old
        await old.hush(_HUSH_S)
        self._serving = False
        resumption = old.resumption() or resumption
        self._outlet.state("reconnecting", "The service ends this connection soon.")
        await old.leave(0.0, goodbye=False)
        self._lose_waiting("The connection was being changed.")
        try:
            return await self._connect(resumption, link)
        except LostError as lost:
            if lost.end.error is None or lost.end.error.kind not in _TRY_ON:
                raise
            return await self._tried(lost.end, lost.resumption or resumption)

    async def _worth_it(self, old: Connection) -> bool:
        """Whether to leave `old`; a service that sends everybody away at once is not followed without end."""
        if time.monotonic() - self._since_s >= self._patience.settled_s:
            self._tries = 0
        elif self._outlet.epoch:
            if self._tries >= len(self._patience.backoff_s):
                return False
            pause_s = self._patience.backoff_s[self._tries]
            self._tries += 1
            stopping = asyncio.ensure_future(self._stop.wait())
            ends: list[asyncio.Future[Any]] = [old.over, self._overflow, stopping]
            await asyncio.wait(ends, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        return not (old.over.done() or self._overflow.done() or self._stop.is_set())

    # ------------------------------------------------------------------ what is noticed on the way

    def _note(self, what: Noticed) -> None:
        """A connection met this."""
        if not isinstance(what, MicroTurn):
            # A micro-turn may be told of on a thread that has borrowed the loop, and says nothing about the set-up.
            self._pause_configuring(what)
        match what:
            case Opened():
                self._grant(what.granted)
            case SessionUpdated():
                self._opened(what.granted)
                self._expiry.set(what.granted, self._outlet.now_ns())
            case Drained():
                self._drained()
            case EndpointError():
                self._complaint = f" It said: {what.message}"
            case Limit(kind="going_away"):
                self._quiet.leave_within(_AWAY_S if what.remaining_ms is None else what.remaining_ms / 1000)
            case MicroTurn():
                self._quiet.sent(what)
            case EndpointEvent():
                self._quiet.note(what)
            case _:
                pass

    def _pause_configuring(self, what: object) -> None:
        """The time limit of the set-up stands still while the service keeps us in its queue."""
        limit = self._configuring
        if limit is None:
            return
        now_s = asyncio.get_running_loop().time()
        if self._paused_s is not None:
            limit.reschedule(now_s + self._paused_s)
            self._paused_s = None
        if isinstance(what, Waiting) and (when := limit.when()) is not None:
            self._paused_s = when - now_s
            limit.reschedule(None)
            self._outlet.state("waiting", what.reason)

    def _watch(self, unsent: int) -> None:
        """The outbox has grown: say so, drop pictures, or give up."""
        patience = self._patience
        if unsent < patience.warn_turns:
            self._warned = self._warned and unsent > 1
        elif not self._warned:
            self._warned = True
            what = f"{unsent} micro-turns wait to be sent: the network is slow."
            self._outlet.emit(Limit(kind="rate", ratio=unsent / patience.give_up_turns, message=what))
        if unsent >= patience.drop_video_turns:
            for index in self._outbox.drop_older_pictures():
                why = "The network is too slow for all pictures; the newest one is sent."
                self._outlet.emit(InputLost(micro_turn=index, what="video", reason=why))
        if unsent >= patience.give_up_turns and not self._overflow.done():
            what = f"{unsent} micro-turns wait to be sent: the network is too slow for this endpoint."
            error = endpoint_error("backpressure", "outbox_full", what)
            self._overflow.set_result(End("backpressure", what, "us", error))

    def _announce(self, remaining_ms: float) -> None:
        minutes = round(remaining_ms / 60_000)
        what = f"The service ends this session in {minutes} min."
        self._outlet.emit(Limit(kind="expires", remaining_ms=remaining_ms, message=what))

    def _lose_waiting(self, reason: str) -> None:
        for index in self._outbox.clear():
            self._outlet.emit(InputLost(micro_turn=index, what="turn", reason=reason))
