"""What the person says, as the service hears it: speech on the clock of what we sent, and its transcript."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tmlapp.core.event import EndpointEvent, UserSpeech, UserTranscript
from tmlapp.core.units import NS_PER_MS
from tmlapp.endpoints.openai_family.fields import Message, name_or, number_or_none, text

_ITEMS = 64
_CHARACTERS = 100_000


@dataclass(slots=True)
class _Utterance:
    start_ns: int | None = None
    end_ns: int | None = None
    words: str = ""

    @property
    def media(self) -> dict[str, Any]:
        """When it was said, as members of an event."""
        if self.start_ns is None:
            return {}
        length = None if self.end_ns is None else max(0, self.end_ns - self.start_ns)
        return {"t_media_ns": self.start_ns, "dur_media_ns": length, "media_kind": "input"}


class Hearing:
    """Speech and transcripts by the item that they become.

    Attributes:
        offset_ns: session time of the first sample that was sent on this connection; None before it.
        speaking: the service hears speech now.
    """

    def __init__(self) -> None:
        self.offset_ns: int | None = None
        self.speaking = False
        self._items: OrderedDict[str, _Utterance] = OrderedDict()

    def at(self, ms: float | None) -> int | None:
        """Session time of `ms` of the sound that we sent."""
        return None if ms is None or self.offset_ns is None else self.offset_ns + round(ms * NS_PER_MS)

    def started(self, message: Message) -> Iterator[EndpointEvent]:
        item_id = name_or(message, "item_id")
        at_ns = self.at(number_or_none(message, "audio_start_ms"))
        self.speaking = True
        self._of(item_id).start_ns = at_ns
        yield UserSpeech(state="started", source="server_vad", item_id=item_id or None, **_at(at_ns))

    def stopped(self, message: Message) -> Iterator[EndpointEvent]:
        item_id = name_or(message, "item_id")
        at_ns = self.at(number_or_none(message, "audio_end_ms"))
        self.speaking = False
        self._of(item_id).end_ns = at_ns
        yield UserSpeech(state="stopped", source="server_vad", item_id=item_id or None, **_at(at_ns))

    def delta(self, message: Message, **media: Any) -> Iterator[EndpointEvent]:
        """The next words: the event holds all of them so far."""
        item_id = name_or(message, "item_id")
        said = self._of(item_id)
        said.words = (said.words + text(message, "delta"))[:_CHARACTERS]
        yield UserTranscript(text=said.words, final=False, item_id=item_id or None, **media or said.media)

    def completed(self, message: Message) -> Iterator[EndpointEvent]:
        words = text(message, "transcript")
        item_id = name_or(message, "item_id")
        said = self._items.pop(item_id, _Utterance())
        yield UserTranscript(text=words, final=True, item_id=item_id or None, **said.media)

    def _of(self, item_id: str) -> _Utterance:
        said = self._items.setdefault(item_id, _Utterance())
        if len(self._items) > _ITEMS:
            self._items.popitem(last=False)
        return said


def _at(at_ns: int | None) -> dict[str, Any]:
    return {} if at_ns is None else {"t_media_ns": at_ns, "media_kind": "input"}
