"""When an answer may be asked for: one response at a time, and only once all calls of the last one are answered."""

from __future__ import annotations

from collections import OrderedDict

_CALLS = 256


class Asking:
    """Keeps a `response.create` back while a response is under way.

    Attributes:
        waiting: an answer will be asked for as soon as it may be.
        asked: our `event_id` of a request that has no response yet; empty otherwise.
        unwanted: what was asked for is not wanted any more: cancel it when it begins.
    """

    def __init__(self) -> None:
        self.waiting = False
        self.asked = ""
        self.unwanted = False
        self._stands_in_the_way = False
        self._calls: OrderedDict[str, str] = OrderedDict()
        self._pieces: OrderedDict[str, list[str]] = OrderedDict()

    def may_ask(self, active: bool) -> bool:
        """Whether an answer may be asked for now; if not, it is remembered."""
        self.waiting = active or bool(self.asked) or self._stands_in_the_way
        return not self.waiting

    def due(self, active: bool) -> bool:
        """Whether what was kept back may go now."""
        return self.waiting and not active and not self.asked and not self._stands_in_the_way

    def sent(self, event_id: str) -> None:
        self.waiting = False
        self.asked = event_id

    def began(self) -> bool:
        """A response began or ended; True if it is one that was asked for and that nobody wants any more."""
        unwanted, self.unwanted, self.asked = self.unwanted and bool(self.asked), False, ""
        self._stands_in_the_way = False
        return unwanted

    def refused(self, again: bool) -> None:
        """Our request was refused; `again` once the response that stands in its way is done."""
        self.asked = ""
        self.unwanted = False
        self.waiting = self.waiting or again
        # Asking again at once would be refused again, as fast as the network can.
        self._stands_in_the_way = again

    def called(self, call_id: str, response_id: str) -> None:
        """The model waits for the result of this call."""
        self._calls[call_id] = response_id
        if len(self._calls) > _CALLS:
            self._calls.popitem(last=False)

    def knows(self, call_id: str) -> bool:
        """Whether this call was made on this connection and waits for its result."""
        return call_id in self._calls

    def answered(self, call_id: str) -> bool:
        """This call has its result; True if no other call of the same response waits for one."""
        response_id = self._calls.pop(call_id, None)
        return response_id is None or response_id not in self._calls.values()

    def piece(self, call_id: str, text: str, final: bool) -> str | None:
        """All of a result that comes in pieces, with its last one; None before it."""
        pieces = self._pieces.setdefault(call_id, [])
        pieces.append(text)
        if final:
            return "".join(self._pieces.pop(call_id))
        if len(self._pieces) > _CALLS:
            self._pieces.popitem(last=False)
        return None
