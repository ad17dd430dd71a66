"""Work that the voice model hands over: who does it, how far it is, and which calls of tools it waits for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tmlapp.core.event import Delegation, EndpointEvent, ToolCall, ToolCancelled, Usage
from tmlapp.endpoints.openai_family.fields import Message, mapping, mapping_or_empty, name_or, object_in, text_or

_OPEN = 64
_CALLS = 1024
_TEXT = 20_000
"""Characters of one result; a call of a function takes that much at once, appends are cut anyway."""


@dataclass(slots=True)
class Work:
    """One delegation that is not done.

    Attributes:
        calls: announced calls of tools that have no result yet.
        response_id: the backend's response that runs now.
        callers: responses that have called a tool, so that another one follows them.
        told: pieces of a result that came before its last.
    """

    id: str
    target: str
    calls: set[str] = field(default_factory=set)
    response_id: str = ""
    callers: set[str] = field(default_factory=set)
    told: str = ""

    def add(self, text: str) -> str:
        """Everything that came so far, with `text`."""
        self.told = (self.told + text)[:_TEXT]
        return self.told


class Delegations:
    """Bounded: the oldest of too many open delegations fails."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Work] = OrderedDict()
        self._calls: OrderedDict[str, str] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._gathered: OrderedDict[str, str] = OrderedDict()

    def find(self, delegation_id: str) -> Work | None:
        """A delegation that is open."""
        return self._open.get(delegation_id)

    def created(self, delegation: Message, **media: Any) -> Iterator[EndpointEvent]:
        """`delegation` of `session.delegation.created`."""
        work = Work(
            name_or(delegation, "id"),
            name_or(delegation, "target") or "client",
            response_id=name_or(delegation, "response_id"),
        )
        known = work.id in self._open
        if not known:
            self._open[work.id] = work
            yield Delegation(
                id=work.id,
                target=work.target,
                state="created",
                response_id=work.response_id or None,
                **media,
            )
        while len(self._open) > _OPEN:
            yield from self.fail(next(iter(self._open)), "too many are open")

    def progress(self, delegation_id: str, text: str) -> Iterator[EndpointEvent]:
        work = self._open.get(delegation_id)
        if work is not None:
            yield Delegation(id=work.id, target=work.target, state="progress", text=text[:_TEXT])

    def done(self, delegation_id: str, text: str = "") -> Iterator[EndpointEvent]:
        work = self._open.pop(delegation_id, None)
        if work is not None:
            yield Delegation(id=work.id, target=work.target, state="done", text=text[:_TEXT])

    def fail(self, delegation_id: str, why: str) -> Iterator[EndpointEvent]:
        """It ends without a result; nobody wants what its calls return."""
        work = self._open.pop(delegation_id, None)
        if work is not None:
            for call_id in sorted(work.calls):
                self._calls.pop(call_id, None)
                if call_id in self._told:
                    yield ToolCancelled(call_id=call_id)
            yield Delegation(id=work.id, target=work.target, state="failed", text=why[:_TEXT])

    def fail_oldest(self, target: str, why: str) -> Iterator[EndpointEvent]:
        """One of those with `target` ended without a result, and nobody says which."""
        oldest = next((work.id for work in self._open.values() if work.target == target), None)
        if oldest is not None:
            yield from self.fail(oldest, why)

    def fail_all(self, why: str) -> Iterator[EndpointEvent]:
        yield from self.unfinished(why)
        self._open.clear()
        self._calls.clear()

    def unfinished(self, why: str) -> Iterator[EndpointEvent]:
        """What ends everything that is open: nobody waits for a result any more."""
        for call_id in self._calls:
            if call_id in self._told:
                yield ToolCancelled(call_id=call_id)
        for work in self._open.values():
            yield Delegation(id=work.id, target=work.target, state="failed", text=why[:_TEXT])

    def nested(self, delegation_id: str, event: Message) -> Iterator[EndpointEvent]:
        """A streaming event of the backend's response inside a `response.event`; kinds without a meaning here pass."""
        work = self._open.get(delegation_id) if delegation_id else self._only()
        name = delegation_id if work is None else work.id
        match event.get("type"):
            case "response.created" if work is not None:
                work.response_id = name_or(mapping_or_empty(event, "response"), "id")
            case "response.output_item.added" if mapping_or_empty(event, "item").get("type") == "function_call":
                self._announced(work, name, name_or(mapping_or_empty(event, "item"), "call_id"))
            case "response.output_item.done" if mapping_or_empty(event, "item").get("type") == "function_call":
                yield from self._called(work, name, mapping(event, "item"))
            case "response.output_text.done":
                yield from self.progress(name, text_or(event, "text"))
            case "response.completed":
                yield from self._completed(work, mapping_or_empty(event, "response"))
            case "response.failed" | "response.incomplete" | "response.cancelled" | "error":
                yield from self.fail(name, _why(event))
            case _:
                return

    def gather(self, call_id: str, text: str) -> str:
        """All pieces of the result of a call so far, with `text`."""
        self._gathered[call_id] = (self._gathered.get(call_id, "") + text)[:_TEXT]
        if len(self._gathered) > _OPEN:
            self._gathered.popitem(last=False)
        return self._gathered.get(call_id, text)

    def answered(self, call_id: str) -> bool:
        """A call has its result; True if its delegation now waits for no other."""
        owner = self._calls.pop(call_id, None)
        self._gathered.pop(call_id, None)
        work = self._open.get(owner or "")
        if work is None:
            return owner is not None and owner not in self._calls.values()
        work.calls.discard(call_id)
        return not work.calls

    def waits_for(self, call_id: str) -> bool:
        """A call was announced and has no result yet."""
        return call_id in self._calls

    def _only(self) -> Work | None:
        """The backend's one delegation, where an event does not say whose it is."""
        works = [work for work in self._open.values() if work.target == "responses"]
        return works[0] if len(works) == 1 else None

    def _completed(self, work: Work | None, response: Message) -> Iterator[EndpointEvent]:
        """A response is complete: the delegation is, too, unless the response has called a tool."""
        response_id = name_or(response, "id") or (work.response_id if work else "")
        usage = mapping_or_empty(response, "usage")
        if usage:
            yield Usage(counters={"backend": dict(usage)}, response_id=response_id or None)
        if work is not None:
            if response_id not in work.callers:
                yield from self.done(work.id)
            work.callers.discard(response_id)

    def _announced(self, work: Work | None, name: str, call_id: str) -> None:
        if not call_id or call_id in self._calls or call_id in self._told:
            return
        self._calls[call_id] = name
        if len(self._calls) > _CALLS:
            self._calls.popitem(last=False)
        if work is not None and len(work.calls) < _CALLS and len(work.callers) < _CALLS:
            work.calls.add(call_id)
            work.callers.add(work.response_id)

    def _called(self, work: Work | None, name: str, item: Message) -> Iterator[EndpointEvent]:
        call_id, tool = name_or(item, "call_id"), name_or(item, "name")
        if not call_id or not tool or call_id in self._told:
            return
        self._announced(work, name, call_id)
        self._told[call_id] = None
        if len(self._told) > _CALLS:
            self._told.popitem(last=False)
        raw = text_or(item, "arguments")
        known = object_in(raw)
        yield ToolCall(
            call_id=call_id,
            name=tool,
            arguments=raw if known is None else known,
            item_id=name_or(item, "id") or None,
            response_id=name or None,
        )


def _why(event: Message) -> str:
    """The reason in a response that did not complete."""
    response = mapping_or_empty(event, "response")
    error = mapping_or_empty(response, "error")
    details = mapping_or_empty(response, "incomplete_details")
    return text_or(error, "message") or text_or(details, "reason") or text_or(event, "message") or "no reason given"
