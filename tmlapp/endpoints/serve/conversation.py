"""A model's conversation as the server drives it: one micro-turn in, its events out, on virtual time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tmlapp.core.clock import MonotonicClock
from tmlapp.core.endpoint import Duplex, Endpoint, EndpointSetup, Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.event import Closed, EndpointEvent, Granted, UnitDone
from tmlapp.core.turn import MicroTurn

ANSWER_S = 60.0
"""How long a model may take for one unit."""


class ModelSilentError(Exception):
    """The model did not answer a unit, or ended the conversation by itself."""


def _ignore(event: EndpointEvent) -> None:
    """For a conversation that nobody listens to."""


@dataclass(slots=True)
class ModelPool:
    """Endpoints for sessions: one each at a time, kept for the next session.

    Attributes:
        make: a new endpoint.
        name: what it is called in messages.
        synthesize: the app's voice, for models that need one.
    """

    make: Callable[[], Endpoint]
    name: str
    synthesize: Synthesizer | None = None
    _idle: list[Endpoint] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def probe(self) -> Granted:
        """Open the model once and close it again: what it grants.

        Raises:
            AppError: it cannot be opened, or it answers no micro-turns one by one.
        """
        endpoint = self.make()
        endpoint.check("")
        duplex = endpoint.open(self._setup("", threading.Event()), _ignore)
        granted = duplex.granted
        duplex.close()
        if not granted.acknowledges_units:
            raise AppError(
                f"{self.name} cannot be served.",
                "It does not say when it has answered a micro-turn: nobody could tell what an answer belongs to.",
                "Serve a local model, a script, or an endpoint that acknowledges its input.",
            )
        with self._lock:
            self._idle.append(endpoint)
        return granted

    def open(self, instruction: str, loop: asyncio.AbstractEventLoop) -> Conversation:
        """A conversation whose events arrive on `loop`. Blocks while the model loads.

        Raises:
            AppError: the model refuses the instruction, or cannot be opened.
        """
        with self._lock:
            endpoint = self._idle.pop() if self._idle else None
        endpoint = endpoint or self.make()
        events: asyncio.Queue[EndpointEvent] = asyncio.Queue()
        abandoned = threading.Event()

        def sink(event: EndpointEvent) -> None:
            if not abandoned.is_set():
                loop.call_soon_threadsafe(events.put_nowait, event)

        try:
            endpoint.check(instruction)
            duplex = endpoint.open(self._setup(instruction, abandoned), sink)
        except BaseException:
            abandoned.set()
            self._give_back(endpoint)
            raise
        return Conversation(duplex, events, abandoned, lambda: self._give_back(endpoint))

    def _give_back(self, endpoint: Endpoint) -> None:
        with self._lock:
            self._idle.append(endpoint)

    def _setup(self, instruction: str, abandoned: threading.Event) -> EndpointSetup:
        return EndpointSetup(
            instruction=instruction,
            clock=MonotonicClock(),
            session_now_ns=lambda: 0,
            virtual_time=True,
            synthesize=self.synthesize,
            abandoned=abandoned.is_set,
        )


@dataclass(slots=True)
class Conversation:
    """One open conversation."""

    duplex: Duplex
    _events: asyncio.Queue[EndpointEvent]
    _abandoned: threading.Event
    _give_back: Callable[[], None]
    _closed: bool = False

    def greeting(self) -> list[EndpointEvent]:
        """What the model said of its own when it was opened."""
        found = []
        while not self._events.empty():
            found.append(self._events.get_nowait())
        return found

    async def answer(self, turn: MicroTurn) -> AsyncIterator[EndpointEvent]:
        """Push `turn` and give what the model says, up to and without its `UnitDone`.

        Raises:
            ModelSilentError: nothing came for `ANSWER_S`, or the model is gone.
        """
        self.duplex.push(turn)
        while True:
            try:
                # Not `wait_for`: in Python 3.11 it may swallow that its task is cancelled.
                async with asyncio.timeout(ANSWER_S):
                    event = await self._events.get()
            except TimeoutError:
                raise ModelSilentError(f"the model did not answer within {ANSWER_S:g} s") from None
            if isinstance(event, Closed):
                raise ModelSilentError(event.reason or event.code)
            if isinstance(event, UnitDone) and event.micro_turn >= turn.index:
                return
            yield event

    async def rest(self, timeout_s: float) -> list[EndpointEvent]:
        """After the last micro-turn: let the model finish, and give what it still says."""
        await asyncio.to_thread(self.duplex.drain, timeout_s)
        return self.greeting()

    def close(self) -> None:
        """Release the model for the next session. Blocks; idempotent."""
        if not self._closed:
            self._closed = True
            self._abandoned.set()
            self.duplex.close()
            self._give_back()
