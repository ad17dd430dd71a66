"""Calls of tools: each is answered once, in the service's words; what it took back is not answered at all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tmlapp.core.event import EndpointEvent, ToolCall, ToolCancelled, Unrecognized
from tmlapp.core.turn import DelegationResult, ToolResult
from tmlapp.endpoints.gemini.fields import Message, mapping_or_none, mappings, member, name_or_empty
from tmlapp.endpoints.gemini.options import Settings
from tmlapp.endpoints.gemini.setup import is_async
from tmlapp.endpoints.remote.contract import MessageError
from tmlapp.endpoints.remote.errors import endpoint_error

_CALLS = 256
_CHARACTERS = 1_000_000


@dataclass(slots=True)
class Waiting:
    """A call without its result; `id` is the service's own, empty where it gave none."""

    name: str
    id: str
    pieces: list[str] = field(default_factory=list)
    size: int = 0


class Calls:
    """The calls that wait for a result.

    Args:
        known: calls of the connection before this one that the service still waits for, as `open` gave them.
    """

    def __init__(self, settings: Settings, epoch: int, known: Mapping[str, Waiting] | None = None) -> None:
        self._settings = settings
        self._epoch = epoch
        self._count = 0
        self._open: OrderedDict[str, Waiting] = OrderedDict(known or {})
        self._gone: OrderedDict[str, None] = OrderedDict()

    @property
    def open(self) -> dict[str, Waiting]:
        """The calls that wait, by their ids."""
        return dict(self._open)

    def called(self, message: Message, response_id: str) -> Iterator[EndpointEvent]:
        """`toolCall`.

        Raises:
            MessageError: a call has no name, or no arguments that are an object.
        """
        for call in mappings(message, "functionCalls"):
            name = name_or_empty(call, "name")
            if not name:
                raise MessageError("a call without a name")
            if member(call, "partialArgs") is not None or member(call, "willContinue") is True:
                yield Unrecognized(name="toolCall.functionCalls.partialArgs")
                continue
            arguments = mapping_or_none(call, "args") or {}
            given = name_or_empty(call, "id")
            self._count += 1
            call_id = given or f"call-{self._epoch}-{self._count}"
            if call_id in self._open:
                raise MessageError("a call with the id of another one that is not answered yet")
            self._open[call_id] = Waiting(name, given)
            if len(self._open) > _CALLS:
                self._open.popitem(last=False)
            yield ToolCall(call_id=call_id, name=name, arguments=dict(arguments), response_id=response_id or None)

    def cancelled(self, message: Message) -> Iterator[EndpointEvent]:
        """`toolCallCancellation`."""
        ids = member(message, "ids")
        if not isinstance(ids, list) or not all(isinstance(call_id, str) for call_id in ids):
            raise MessageError("toolCallCancellation without ids")
        for call_id in ids:
            if call_id in self._open:
                self._close(call_id)
                yield ToolCancelled(call_id=call_id)

    def answers(
        self, results: Sequence[ToolResult | DelegationResult]
    ) -> tuple[list[Mapping[str, Any]], list[EndpointEvent]]:
        """`functionResponses` for what came back, and errors for what nobody asked for."""
        responses: list[Mapping[str, Any]] = []
        errors: list[EndpointEvent] = []
        for result in results:
            call_id = result.call_id if isinstance(result, ToolResult) else result.id
            call = self._open.get(call_id)
            if call is not None:
                response = self._answer(call_id, call, result)
                responses += [] if response is None else [response]
            elif call_id not in self._gone:
                why = f"There is no call {call_id[:80]!r} that waits for a result."
                errors.append(endpoint_error("invalid_input", "unknown_call", why, fatal=False))
            # A call that was taken back while its tool worked, or answered: nothing may be said to it any more.
        return responses, errors

    def _answer(self, call_id: str, call: Waiting, result: ToolResult | DelegationResult) -> Mapping[str, Any] | None:
        if isinstance(result, ToolResult):
            self._close(call_id)
            return self._response(call, {"error" if result.is_error else "output": result.output})
        if self._settings.pieces and is_async(self._settings, call.name):
            if result.final:
                self._close(call_id)
            return self._response(call, {"output": result.text} if result.text else {}) | {
                "willContinue": not result.final
            }
        if call.size < _CHARACTERS:
            call.pieces.append(result.text)
            call.size += len(result.text)
        if not result.final:
            return None
        self._close(call_id)
        return self._response(call, {"output": "".join(call.pieces)})

    def _response(self, call: Waiting, response: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {"id": call.id} if call.id else {}
        found |= {"name": call.name, "response": dict(response)}
        if is_async(self._settings, call.name):
            found["scheduling"] = self._settings.scheduling
        return found

    def _close(self, call_id: str) -> None:
        self._open.pop(call_id, None)
        self._gone[call_id] = None
        if len(self._gone) > _CALLS:
            self._gone.popitem(last=False)
