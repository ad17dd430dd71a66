"""One session of a client: its state, its input timeline, its model, and what goes back to it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError, TaskSet
from tmlapp.core.turn import Control, Interrupt, TextInput
from tmlapp.endpoints.serve.conversation import Conversation, ModelPool, ModelSilentError
from tmlapp.endpoints.serve.intake import Intake, Unit, ms_of
from tmlapp.endpoints.serve.offer import Offer
from tmlapp.endpoints.serve.refusal import told_to_clients, without_paths
from tmlapp.endpoints.serve.replies import Replies, Wire, failure, place
from tmlapp.endpoints.serve.schema import RefusedError, check_event, event_id_of, read_frame

_log = logging.getLogger(__name__)
State = Literal["CREATED", "OPEN", "CLOSING", "CLOSED"]


@dataclass(slots=True)
class Outbox:
    """What waits to be sent, at most so many bytes of it."""

    most_bytes: int
    _waiting: deque[str] = field(default_factory=deque)
    _bytes: int = 0
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _complete: bool = False

    def put(self, text: str, *, must: bool = False) -> bool:
        """Queue `text`; False where there is no room for it and it is not a `must`."""
        if self._complete or (not must and self._bytes + len(text) > self.most_bytes):
            return self._complete
        self._waiting.append(text)
        self._bytes += len(text)
        self._ready.set()
        return True

    def forget(self) -> None:
        """Drop everything that waits: whoever does not read is told only why it ends."""
        self._waiting.clear()
        self._bytes = 0

    def complete(self) -> None:
        """Nothing follows."""
        self._complete = True
        self._ready.set()

    async def texts(self) -> AsyncIterator[str]:
        """Everything in order, until `complete`."""
        while self._waiting or not self._complete:
            if not self._waiting:
                self._ready.clear()
                await self._ready.wait()
                continue
            text = self._waiting.popleft()
            self._bytes -= len(text)
            yield text


class Session:
    """Takes a client's frames one after the other (`receive`) and fills `outbox`."""

    def __init__(self, offer: Offer, pool: ModelPool, number: int = 1) -> None:
        self._offer = offer
        self._pool = pool
        self.id = f"sess_{number}"
        self.state: State = "CREATED"
        self.outbox = Outbox(offer.limits.max_output_bytes)
        self._intake = Intake(offer)
        self._replies = Replies(offer.output_rate)
        self._config: dict[str, Any] = {}
        self._granted: dict[str, Any] = {}
        self._conversation: Conversation | None = None
        self._texts: list[TextInput] = []
        self._controls: list[Control] = []
        self._input = asyncio.Event()
        self._end_event_id = ""
        self._chunk = self._events = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: asyncio.Task[None] | None = None
        self._overflown = False

    def begin(self) -> None:
        """Greet the client; from now on it has so long to open the session."""
        session = {"id": self.id, "object": "realtime.session", "type": "realtime", "model": self._offer.model}
        self._tell({"type": "session.created", "session": session | {"sglang": {"granted": None}}})
        self._tasks.append(asyncio.create_task(self._expire()))

    async def receive(self, frame: str | bytes) -> None:
        """Act on one frame; whatever is wrong with it is answered."""
        event_id = None
        try:
            value = read_frame(frame)
            event_id = event_id_of(value)
            await self._dispatch(check_event(value))
        except RefusedError as error:
            self._tell(failure(error.code, error.message, event_id, error.param))

    async def close(self, reason: str, client_event_id: str | None = None) -> None:
        """End the session in good order; idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(reason, client_event_id))
        await asyncio.shield(self._closing)

    async def wait_closed(self) -> None:
        """Until an ending that has begun is over."""
        if self._closing is not None:
            await asyncio.shield(self._closing)

    # ------------------------------------------------------------------ what the client says

    async def _dispatch(self, event: dict[str, Any]) -> None:
        event_id = event["event_id"]
        match event["type"]:
            case "session.update":
                await self._update(event["session"], event_id)
            case "input_audio_buffer.append":
                self._append(event)
            case "sglang.input_image.append":
                self._require_open()
                unit = self._intake.picture(event["image"], float(event["sglang"]["t_ms"]))
                accepted = {"unit_id": f"unit_{unit}", "client_event_id": event_id}
                self._tell({"type": "sglang.input_image.accepted", **accepted})
            case "input_audio_buffer.clear":
                self._require_open()
                cleared = {"sglang": {"discarded_ms": ms_of(self._intake.clear())}}
                self._tell({"type": "input_audio_buffer.cleared", "client_event_id": event_id, **cleared})
            case "sglang.input_audio.end":
                self._end(event_id)
            case "response.cancel":
                self._require_open()
                self._cancel()
            case "session.close":
                await self.close("client_closed", event_id)
            case "conversation.item.truncate":
                self._require_open()
                raise RefusedError("not_supported", "this session does not truncate responses")
            case _:
                self._require_open()
                raise RefusedError("not_applicable", "manual turn commands are not granted")

    def _require_open(self) -> None:
        if self.state != "OPEN":
            raise RefusedError("invalid_state", "session is not OPEN")

    async def _update(self, patch: Mapping[str, Any], event_id: str) -> None:
        if self.state not in ("CREATED", "OPEN"):
            raise RefusedError("invalid_state", "session is closing")
        opened = self.state == "OPEN"
        try:
            config, granted = self._offer.negotiate(self._config, patch, opened=opened)
        except RecursionError as error:
            raise RefusedError("invalid_request", "invalid session configuration", "session") from error
        greeting: list[Wire] = []
        if opened:
            self._instruct(self._config.get("instructions", ""), config.get("instructions", ""))
        else:
            greeting = await self._open(config.get("instructions", ""))
        self._config, self._granted = config, granted
        self._replies.modalities = tuple(granted["output_modalities"])
        extension = config.get("sglang", {}) | {"granted": granted}
        session = config | {"id": self.id, "object": "realtime.session", "sglang": extension}
        self._tell({"type": "session.updated", "client_event_id": event_id, "session": session})
        self._tell_all(greeting)

    async def _open(self, instruction: str) -> list[Wire]:
        loop = asyncio.get_running_loop()
        try:
            self._conversation = await asyncio.to_thread(self._pool.open, instruction, loop)
        except AppError as error:
            _log.info("session %s is refused: %s", self.id, error)
            raise RefusedError("admission_rejected", told_to_clients(error, instruction)) from error
        greeting = self._conversation.greeting()
        failed = [e.message for e in greeting if isinstance(e, EndpointError) and e.fatal]
        if failed or self.state != "CREATED":
            conversation, self._conversation = self._conversation, None
            await asyncio.to_thread(conversation.close)
            raise (
                RefusedError("admission_rejected", without_paths(failed[0]))
                if failed
                else RefusedError("invalid_state", "session is closing")
            )
        self.state = "OPEN"
        self._tasks.append(asyncio.create_task(self._work()))
        # What is said before the first unit belongs to none; only what the model understood is worth telling.
        return [wire for e in greeting if isinstance(e, TaskSet) for wire in self._replies.take(e)]

    def _instruct(self, before: str, now: str) -> None:
        """The model gets what is new in the instructions with its next unit, as if someone had typed it."""
        if now != before:
            new = now.removeprefix(before).strip() if before else now
            self._texts.append(TextInput(0, new or now))

    def _append(self, event: dict[str, Any]) -> None:
        self._require_open()
        place_in = event["sglang"]
        self._intake.append(event["audio"], place_in["seq"], place_in.get("t_start_ms"))
        accepted = {"seq": place_in["seq"], "accepted_end_ms": ms_of(self._intake.accepted)}
        self._tell({"type": "sglang.input_audio.accepted", **accepted, "client_event_id": event["event_id"]})
        self._input.set()

    def _cancel(self) -> None:
        if not self._replies.busy:
            raise RefusedError("not_supported", "this session does not cancel responses")
        self._controls.append(Interrupt(played_ns=0))
        self._tell_all(self._replies.finish("cancelled", "client_cancelled"))

    def _end(self, event_id: str) -> None:
        self._require_open()
        self._intake.end()
        self._end_event_id = event_id
        ended = {"accepted_end_ms": ms_of(self._intake.accepted), "tail_policy": "pad"}
        self._tell({"type": "sglang.input_audio.ended", **ended, "client_event_id": event_id})
        self._input.set()

    # ------------------------------------------------------------------ what the model does

    async def _work(self) -> None:
        try:
            while True:
                await self._input.wait()
                self._input.clear()
                while (unit := self._intake.cut()) is not None:
                    await self._unit(unit)
                    if unit.last and self._intake.ended:
                        return self._drained()
        except ModelSilentError as error:
            self._fail("internal", str(error))
        except _ModelFailedError as error:
            self._fail(error.code, error.message)
        except Exception as error:  # noqa: BLE001 - a bug must end the session with a word, not a task in silence
            _log.exception("session %s failed", self.id)
            self._fail("internal", f"{type(error).__name__}: {error}")

    async def _unit(self, unit: Unit) -> None:
        conversation = self._conversation
        if conversation is None:
            raise RuntimeError("a session that works has a model")
        texts, self._texts = tuple(self._texts), []
        controls, self._controls = tuple(self._controls), []
        if unit.real_samples:
            turn = unit.micro_turn(tuple(TextInput(unit.index * 200_000_000, t.text) for t in texts), controls)
            async for event in conversation.answer(turn):
                if isinstance(event, EndpointError) and event.fatal:
                    raise _ModelFailedError(event)
                self._say(self._replies.take(event), unit)
        if unit.last and self._intake.ended:
            for event in await conversation.rest(self._offer.limits.cleanup_timeout_s):
                self._say(self._replies.take(event), unit)
        self._say(self._replies.end_unit(), unit)
        self._intake.consumed += unit.real_samples
        done = {"type": "sglang.unit.done", "unit_id": unit.unit_id}
        self._tell(done | {"sglang": place(unit.unit_id, 0, unit.start_sample, unit.real_samples)})

    def _say(self, events: Iterable[Wire], unit: Unit) -> None:
        for event in events:
            at = place(unit.unit_id, self._chunk, unit.start_sample, unit.real_samples)
            self._chunk += 1
            self._tell(event | {"sglang": event.get("sglang", {}) | at})

    def _drained(self) -> None:
        intake = self._intake
        counts = {"accepted": intake.accepted, "consumed": intake.consumed, "discarded": intake.discarded}
        drained: Wire = {"type": "sglang.input_audio.drained"}
        drained["accepted_end_ms"] = ms_of(counts.pop("accepted"))
        drained |= {f"{name}_ms": ms_of(count) for name, count in counts.items()}
        self._tell(drained | {"padding_ms": ms_of(intake.padding), "client_event_id": self._end_event_id})

    # ------------------------------------------------------------------ how it ends

    async def _expire(self) -> None:
        limit = self._offer.limits.session_update_timeout_s
        await asyncio.sleep(limit)
        if self.state == "CREATED":
            self.state = "CLOSING"
            self._fail("session_update_timeout", f"session not opened within {limit:g} s")

    def _fail(self, code: str, message: str) -> None:
        """End the session with an error; the client is told and the socket is closed as usual."""
        if self._closing is None:
            _log.warning("session %s fails: %s: %s", self.id, code, message)
            self._tell(failure(code, without_paths(message), None, fatal=True), must=True)
            self._closing = asyncio.create_task(self._close(code, None))

    async def _close(self, reason: str, client_event_id: str | None) -> None:
        self.state = "CLOSING"
        for task in self._tasks:
            task.cancel()
        # What they were doing does not matter any more; a failure of theirs has been told.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._conversation is not None:
            await asyncio.to_thread(self._conversation.close)
        status = "cancelled" if reason in ("client_closed", "disconnect") else "failed"
        self._tell_all(self._replies.finish(status, reason), must=True)
        closed = {"type": "session.closed", "reason": reason, "client_event_id": client_event_id}
        self._tell(closed, must=True)
        self.state = "CLOSED"
        self.outbox.complete()

    def _tell_all(self, events: Iterable[Wire], *, must: bool = False) -> None:
        for event in events:
            self._tell(event, must=must)

    def _tell(self, event: Wire, *, must: bool = False) -> None:
        if self._overflown and not must:
            return
        # Counted, not random: the same session gives the same frames every time.
        self._events += 1
        text = json.dumps(event | {"event_id": f"evt_{self._events}"}, allow_nan=False)
        if not self.outbox.put(text, must=must):
            self.outbox.forget()
            self._overflown = True
            self._fail("internal", "outbound event budget exhausted")


class _ModelFailedError(Exception):
    def __init__(self, error: EndpointError) -> None:
        super().__init__(error.message)
        self.code = "context_exhausted" if error.kind == "context" else "internal"
        self.message = f"{error.code}: {error.message}"
