"""What the model says: one turn after the other, whose beginning the service does not name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tmlapp.core.event import AudioOut, Channel, EndpointEvent, Interrupted, TextOut, TextOutDone, TurnDone, TurnStarted
from tmlapp.endpoints.remote.sound import Samples

Status = Literal["completed", "cancelled", "incomplete", "failed"]

STALE_TURNS = 5
"""For so many micro-turns after an interruption, what comes belongs to the turn that was interrupted: no answer is that
quick. Later it is a new one, even if the end of the old one was never told."""
_CHARACTERS = 100_000


class Replies:
    """Makes the events of the model's turns: each begins with what comes first of it, and ends once.

    Attributes:
        id: of the turn that is open; empty between turns.
        last: of the turn that was open last.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._count = 0
        self._said: dict[Channel, list[str]] = {}
        self._samples = Samples()
        self._muted = False
        self._cut_at: int | None = None
        self.id = ""
        self.last = ""

    @property
    def cut(self) -> bool:
        """A turn was interrupted, and its end is not told yet."""
        return self._cut_at is not None

    def begin(self) -> Iterator[EndpointEvent]:
        """Something of a turn is here: open one, if none is."""
        if self.id:
            return
        self._count += 1
        self.id = self.last = f"turn-{self._epoch}-{self._count}"
        self._cut_at = None
        self._muted = False
        yield TurnStarted(response_id=self.id)

    def audio(self, data: bytes, rate: int, index: int) -> Iterator[EndpointEvent]:
        """Sound as it came with micro-turn `index`; a sample may be cut in two."""
        if self.stale(index):
            return
        yield from self.begin()
        whole = self._samples.whole(self.id, data)
        if whole and not self._muted:
            yield AudioOut(pcm16=whole, rate=rate, item_id=self.id, response_id=self.id)

    def words(self, delta: str, channel: Channel, index: int) -> Iterator[EndpointEvent]:
        """The next words."""
        if not delta or self.stale(index):
            return
        yield from self.begin()
        if self._muted:
            return
        said = self._said.setdefault(channel, [])
        said.append(delta)
        yield TextOut(delta=delta, channel=channel, item_id=self.id, response_id=self.id)
        # Joined now and then: many small pieces cost far more than their text.
        if len(said) > 256:
            said[:] = ["".join(said)]
            if len(said[0]) > _CHARACTERS:
                yield from self.words_done(channel)

    def words_done(self, channel: Channel) -> Iterator[EndpointEvent]:
        """What was said on `channel` is complete, as far as anything was."""
        text = "".join(self._said.pop(channel, ()))
        if text:
            yield TextOutDone(text=text, channel=channel, item_id=self.id, response_id=self.id)

    def mute(self, item_id: str) -> None:
        """A person cut off `item_id` (empty: whatever is said): nothing more of it may come out."""
        if self.id and item_id in ("", self.id):
            self._muted = True

    def interrupted(self, index: int) -> Iterator[EndpointEvent]:
        """The service cut itself off: what is not played yet shall be thrown away."""
        yield Interrupted(response_id=self.last or None, item_id=self.last or None)
        if self.id:
            yield from self._finish("cancelled", "interrupted")
            self._cut_at = index

    def complete(self, status: Status, reason: str) -> Iterator[EndpointEvent]:
        """The turn is over; one that was interrupted is so already, one without any output was silence."""
        if self.id:
            if self._muted:
                status, reason = "cancelled", "cut off by the person"
            yield from self._finish(status, reason)
        elif self._cut_at is None:
            self._count += 1
            yield TurnDone(status=status, reason=reason or "silence", response_id=f"turn-{self._epoch}-{self._count}")
        self._cut_at = None

    def _finish(self, status: Status, reason: str) -> Iterator[EndpointEvent]:
        for channel in list(self._said):
            yield from self.words_done(channel)
        self._samples.end(self.id)
        ended, self.id = self.id, ""
        yield TurnDone(status=status, reason=reason, response_id=ended)

    def stale(self, index: int) -> bool:
        """Whether what comes with micro-turn `index` belongs to a turn that was interrupted."""
        return not self.id and self._cut_at is not None and index - self._cut_at <= STALE_TURNS
