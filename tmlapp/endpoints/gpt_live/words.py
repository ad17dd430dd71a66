"""Transcripts of both sides, which come as fragments with times and never say when somebody has finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tmlapp.core.event import EndpointEvent, TextOut, TextOutDone, UserTranscript
from tmlapp.core.units import NS_PER_MS
from tmlapp.endpoints.openai_family.fields import Message, number_or_none, text

PAUSE_MS = 1_500
"""So long after its last fragment an utterance counts as finished: our convention, nothing is graded by it."""

_CHARACTERS = 100_000


@dataclass(slots=True)
class _Utterance:
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    start_ms: float | None = None
    end_ms: float | None = None

    def add(self, delta: str, start_ms: float | None, end_ms: float | None) -> None:
        self.size += len(delta)
        if self.size <= _CHARACTERS:
            self.pieces.append(delta)
        if len(self.pieces) > 64:
            self.pieces[:] = ["".join(self.pieces)]
        self.start_ms = start_ms if self.start_ms is None else self.start_ms
        self.end_ms = end_ms if end_ms is not None else self.end_ms

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Words:
    """Fragments as they come, and what they make together. `position_ms` is that of the session's own timeline.

    Attributes:
        offset_ns: session time of the first sample that was sent on this connection; None before it.
    """

    def __init__(self, epoch: int) -> None:
        self.offset_ns: int | None = None
        self._epoch = epoch
        self._heard = _Utterance()
        self._said = _Utterance()
        self._utterances = 0
        self._replies = 0

    def media(self, start_ms: float | None, end_ms: float | None = None) -> dict[str, Any]:
        """Members of an event that happened there on the service's timeline."""
        if self.offset_ns is None or start_ms is None:
            return {}
        length = None if end_ms is None else max(0, round((end_ms - start_ms) * NS_PER_MS))
        at_ns = self.offset_ns + round(start_ms * NS_PER_MS)
        return {"t_media_ns": at_ns, "dur_media_ns": length, "media_kind": "session"}

    def heard(self, message: Message) -> Iterator[EndpointEvent]:
        """`session.input_transcript.delta`; the event holds all words of the utterance so far."""
        delta, start_ms, end_ms = _fragment(message)
        if self._over(self._heard, start_ms):
            yield from self.end_heard()
        self._heard.add(delta, start_ms, end_ms)
        yield UserTranscript(text=self._heard.text, final=False, item_id=self._heard_id, **self.media(start_ms, end_ms))

    def said(self, message: Message, turn_id: str | None) -> Iterator[EndpointEvent]:
        """`session.output_transcript.delta`, during the turn `turn_id` or between turns."""
        delta, start_ms, end_ms = _fragment(message)
        if turn_id is None and self._over(self._said, start_ms):
            yield from self.end_said(None)
        self._said.add(delta, start_ms, end_ms)
        yield TextOut(
            delta=delta,
            channel="transcript",
            item_id=self._reply_id,
            response_id=turn_id,
            **self.media(start_ms, end_ms),
        )

    def pass_to(self, position_ms: float, turn_id: str | None) -> Iterator[EndpointEvent]:
        """The timeline has come to `position_ms`: what ended long before is finished."""
        if self._over(self._heard, position_ms):
            yield from self.end_heard()
        if turn_id is None and self._over(self._said, position_ms):
            yield from self.end_said(None)

    def end_heard(self) -> Iterator[EndpointEvent]:
        heard, self._heard = self._heard, _Utterance()
        if heard.text.strip():
            item_id = self._heard_id
            self._utterances += 1
            media = self.media(heard.start_ms, heard.end_ms)
            yield UserTranscript(text=heard.text, final=True, item_id=item_id, **media)

    def end_said(self, turn_id: str | None) -> Iterator[EndpointEvent]:
        """What was said in the turn that ends, or between turns."""
        said, self._said = self._said, _Utterance()
        if said.text.strip():
            media = self.media(said.start_ms, said.end_ms)
            item_id = self._reply_id
            self._replies += 1
            yield TextOutDone(text=said.text, channel="transcript", item_id=item_id, response_id=turn_id, **media)

    @property
    def _heard_id(self) -> str:
        return f"heard-{self._epoch}-{self._utterances}"

    @property
    def _reply_id(self) -> str:
        return f"said-{self._epoch}-{self._replies}"

    @staticmethod
    def _over(utterance: _Utterance, at_ms: float | None) -> bool:
        return utterance.end_ms is not None and at_ms is not None and at_ms >= utterance.end_ms + PAUSE_MS


def _fragment(message: Message) -> tuple[str, float | None, float | None]:
    return text(message, "delta"), number_or_none(message, "start_ms"), number_or_none(message, "end_ms")
