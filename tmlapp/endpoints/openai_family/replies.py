"""What the model says: responses, their parts and items, and which of them nobody wants to hear any more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tmlapp.core.event import (
    AudioOut,
    Channel,
    EndpointEvent,
    Interrupted,
    TextOut,
    TextOutDone,
    ToolCall,
    TurnDone,
    TurnStarted,
)
from tmlapp.core.units import NS_PER_S, samples_to_ns
from tmlapp.endpoints.openai_family.fields import (
    Message,
    index_or_zero,
    mapping_or_empty,
    mappings,
    name_or,
    object_in,
    text_or,
)
from tmlapp.endpoints.remote.sound import Samples

Status = Literal["completed", "cancelled", "incomplete", "failed"]
_STATUS: dict[str, Status] = {
    "completed": "completed", "cancelled": "cancelled", "incomplete": "incomplete", "failed": "failed",
}  # fmt: skip

_OPEN = 32
_REMEMBERED = 4096
_ITEMS = 512
_PARTS = 64
_CHARACTERS = 1 << 20
_LATE_NS = NS_PER_S
"""How much later than it could be a loudspeaker may have played what came."""

_Part = tuple[str, int, Channel]


@dataclass(slots=True)
class _Said:
    """Pieces of a text, joined now and then: many small pieces cost far more than their text."""

    pieces: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, delta: str) -> None:
        self.size += len(delta)
        if self.size <= _CHARACTERS:
            self.pieces.append(delta)
        if len(self.pieces) > 256:
            self.pieces[:] = [self.text]

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(slots=True)
class Reply:
    """A response that is not done.

    Attributes:
        muted: it was cut off: none of its sound and words may come out any more.
        sounded: the item that it spoke last; empty where it has not spoken.
        ours: it answers our `response.create`.
    """

    id: str
    muted: bool = False
    sounded: str = ""
    ours: bool = False
    parts: dict[_Part, _Said] = field(default_factory=dict)
    told: set[tuple[str, int]] = field(default_factory=set)


@dataclass(slots=True)
class Item:
    """An item of the conversation: `samples` of sound of it came; `name` is that of the tool it calls."""

    id: str
    samples: int = 0
    content_index: int = 0
    rate: int = 24_000
    name: str = ""
    call_id: str = ""
    truncated: bool = False


class Replies:
    """Keeps the books of responses and makes their events; ids that are missing are those of what is being said now.

    Bounded: what is older than the last few thousand responses is forgotten.

    Attributes:
        now_ns: session time up to which input was given.
        unheard: sound has come since the last interruption.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._open: OrderedDict[str, Reply] = OrderedDict()
        self._done: OrderedDict[str, None] = OrderedDict()
        self._calls: OrderedDict[str, None] = OrderedDict()
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._samples = Samples()
        self._unnamed = 0
        self.now_ns = 0
        self.unheard = False
        self._playing_until_ns = 0

    @property
    def active(self) -> Reply | None:
        """The response that began last and is not done."""
        return next(reversed(self._open.values())) if self._open else None

    def find(self, response_id: str) -> Reply | None:
        """A response that is not done."""
        return self._open.get(response_id)

    def item(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def known(self, item_id: str) -> Item:
        """The item, noted now if it is new."""
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = Item(item_id)
            if len(self._items) > _ITEMS:
                self._items.popitem(last=False)
        return item

    def begin(self, response_id: str) -> Iterator[EndpointEvent]:
        """A response begins, once; empty id: one that has none."""
        if not response_id:
            self._unnamed += 1
            response_id = f"response-{self._epoch}-{self._unnamed}"
        if response_id in self._done or response_id in self._open:
            return
        self._open[response_id] = Reply(response_id)
        yield TurnStarted(response_id=response_id)
        while len(self._open) > _OPEN:
            yield from self.finish(next(iter(self._open)), "incomplete", "never finished")

    def of(self, message: Message, begun: list[EndpointEvent]) -> Reply | None:
        """The response that `message` belongs to, or None if that is over; what begins with it goes into `begun`."""
        response_id = name_or(message, "response_id")
        if response_id in self._done:
            return None
        if not response_id:
            active = self.active
            response_id = active.id if active else ""
        if not response_id or response_id not in self._open:
            begun.extend(self.begin(response_id))
            return self.active
        return self._open[response_id]

    def audio(self, message: Message, pcm16: bytes, rate: int, say: str = "") -> Iterator[EndpointEvent]:
        """Sound of a response, `pcm16` as it came: a sample may be cut in two."""
        begun: list[EndpointEvent] = []
        reply = self.of(message, begun)
        yield from begun
        if reply is None or reply.muted:
            return
        item_id = name_or(message, "item_id") or reply.sounded or f"{reply.id}-sound"
        whole = self._samples.whole(item_id, pcm16)
        if not whole:
            return
        item = self.known(item_id)
        item.samples += len(whole) // 2
        item.rate = rate
        item.content_index = index_or_zero(message, "content_index")
        reply.sounded = item_id
        self.unheard = True
        self._playing_until_ns = max(self._playing_until_ns, self.now_ns) + samples_to_ns(len(whole) // 2, rate)
        yield AudioOut(pcm16=whole, rate=rate, text=say, item_id=item_id, response_id=reply.id)

    def audio_done(self, message: Message) -> None:
        self._samples.end(name_or(message, "item_id"))

    def words(self, message: Message, channel: Channel, delta: str) -> Iterator[EndpointEvent]:
        """The next words of a part of a response."""
        begun: list[EndpointEvent] = []
        reply = self.of(message, begun)
        yield from begun
        if reply is None or reply.muted or not delta:
            return
        part = _part(message, channel)
        if part[:2] in reply.told:
            return
        if part in reply.parts or len(reply.parts) < _PARTS:
            reply.parts.setdefault(part, _Said()).add(delta)
        yield TextOut(delta=delta, channel=channel, item_id=part[0] or None, response_id=reply.id)

    def words_done(self, message: Message, channel: Channel, text: str | None) -> Iterator[EndpointEvent]:
        """A part is complete: `text` is what it says in the end; None: what came of it."""
        begun: list[EndpointEvent] = []
        reply = self.of(message, begun)
        yield from begun
        if reply is not None:
            yield from _close(reply, _part(message, channel), text)

    def call(self, message: Message) -> Iterator[EndpointEvent]:
        """A tool is called, told once per call: in `response.function_call_arguments.done` or in a finished item."""
        item = self._items.get(name_or(message, "item_id"))
        call_id = name_or(message, "call_id") or (item.call_id if item else "")
        name = name_or(message, "name") or (item.name if item else "")
        begun: list[EndpointEvent] = []
        reply = self.of(message, begun)
        yield from begun
        # Without its name it is told with the finished item, which has it.
        if reply is None or reply.muted or not call_id or not name or call_id in self._calls:
            return
        _remember(self._calls, call_id)
        item_id = name_or(message, "item_id") or None
        raw = text_or(message, "arguments")
        known = object_in(raw)
        arguments = raw if known is None else known
        yield ToolCall(call_id=call_id, name=name, arguments=arguments, item_id=item_id, response_id=reply.id)

    def cut(self) -> Iterator[EndpointEvent]:
        """What is said now is cut off by the service: nothing of it may come out any more."""
        active = self.active
        if active is not None:
            active.muted = True
        # Sound comes faster than it is played: what was over long ago cannot be interrupted.
        speaks = active is not None and bool(active.sounded)
        unheard, self.unheard = self.unheard, False
        if unheard and (speaks or self.now_ns <= self._playing_until_ns + _LATE_NS):
            last = next((i for i in reversed(self._items.values()) if i.samples), None)
            yield Interrupted(response_id=active.id if active else None, item_id=last.id if last else None)
        self._playing_until_ns = self.now_ns

    def done(self, response: Message) -> Iterator[EndpointEvent]:
        """`response.done`: what it says that was not said piece by piece, then its `TurnDone`, once."""
        response_id = name_or(response, "id")
        if not response_id:
            response_id = self.active.id if self.active else ""
        if response_id in self._done:
            return
        if not response_id or response_id not in self._open:
            yield from self.begin(response_id)
            response_id = response_id or (self.active.id if self.active else "")
        yield from self._rest(self._open[response_id], response)
        details = mapping_or_empty(response, "status_details")
        status = _STATUS.get(text_or(response, "status", "completed"), "incomplete")
        reason = text_or(details, "reason") or text_or(mapping_or_empty(details, "error"), "code")
        if status == "cancelled" and reason == "turn_detected" and not self._open[response_id].muted:
            yield from self.cut()
        yield from self.finish(response_id, status, reason)

    def finish(self, response_id: str, status: Status, reason: str = "") -> Iterator[EndpointEvent]:
        """The one `TurnDone` of a response that is open."""
        reply = self._open.pop(response_id, None)
        if reply is None:
            return
        for part in list(reply.parts):
            yield from _close(reply, part, None)
        _remember(self._done, response_id)
        if reply.sounded:
            self._samples.end(reply.sounded)
        yield TurnDone(status=status, reason=reason, response_id=response_id)

    def _rest(self, reply: Reply, response: Message) -> Iterator[EndpointEvent]:
        if reply.muted:
            return
        for item in mappings(response, "output"):
            about = {"type": "response.done", "response_id": reply.id, "item_id": name_or(item, "id")}
            if item.get("type") == "function_call":
                yield from self.call(about | _called(item))
            for index, content in enumerate(mappings(item, "content")):
                channel: Channel = "transcript" if "transcript" in content else "say"
                said = text_or(content, "transcript") or text_or(content, "text")
                part = (about["item_id"], index, channel)
                if said and part[:2] not in reply.told:
                    if part not in reply.parts:
                        yield TextOut(delta=said, channel=channel, item_id=part[0] or None, response_id=reply.id)
                    yield from _close(reply, part, said)


def _called(item: Message) -> dict[str, Any]:
    return {key: item[key] for key in ("call_id", "name", "arguments") if key in item}


def _part(message: Message, channel: Channel) -> _Part:
    return name_or(message, "item_id"), index_or_zero(message, "content_index"), channel


def _close(reply: Reply, part: _Part, text: str | None) -> Iterator[EndpointEvent]:
    said = reply.parts.pop(part, _Said())
    if reply.muted or part[:2] in reply.told:
        return
    if len(reply.told) < _PARTS:
        reply.told.add(part[:2])
    whole = said.text if text is None else text
    yield TextOutDone(text=whole, channel=part[2], item_id=part[0] or None, response_id=reply.id)


def _remember(names: OrderedDict[str, None], name: str) -> None:
    names[name] = None
    if len(names) > _REMEMBERED:
        names.popitem(last=False)
