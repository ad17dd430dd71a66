"""What the person says, as the service hears it: when, on the clock of the sound that we sent, and which words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from tmlapp.core.event import EndpointEvent, UserSpeech, UserTranscript
from tmlapp.endpoints.gemini.fields import Message, duration_ns, flag, text_or_empty

_CHARACTERS = 100_000


class Person:
    """Speech and transcript of the person.

    Attributes:
        offset_ns: session time of the first sample that was sent on this connection; None before it.
    """

    def __init__(self) -> None:
        self.offset_ns: int | None = None
        self._speaking = False
        self._words = ""

    def activity(self, message: Message) -> Iterator[EndpointEvent]:
        """`voiceActivity`: with the place in the sound where speech began or ended."""
        kind = text_or_empty(message, "voiceActivityType")
        if kind not in ("ACTIVITY_START", "ACTIVITY_END"):
            return
        at_ns = duration_ns(message, "audioOffset")
        media: dict[str, Any] = {}
        if at_ns is not None and self.offset_ns is not None:
            media = {"t_media_ns": self.offset_ns + at_ns, "media_kind": "input"}
        if kind == "ACTIVITY_START":
            yield from self.finished()
        yield self._speech("started" if kind == "ACTIVITY_START" else "stopped", media)

    def signal(self, message: Message) -> Iterator[EndpointEvent]:
        """`voiceActivityDetectionSignal` (Vertex AI): the same without a place; told once where both come."""
        kind = text_or_empty(message, "vadSignalType")
        begins = kind == "VAD_SIGNAL_TYPE_SOS"
        if (begins or kind == "VAD_SIGNAL_TYPE_EOS") and begins != self._speaking:
            yield self._speech("started" if begins else "stopped", {})

    def _speech(self, state: Literal["started", "stopped"], media: dict[str, Any]) -> EndpointEvent:
        self._speaking = state == "started"
        return UserSpeech(state=state, source="server_vad", **media)

    def transcript(self, message: Message) -> Iterator[EndpointEvent]:
        """`inputTranscription`: the next words; the event holds all of the utterance so far."""
        text = text_or_empty(message, "text")
        if text:
            self._words = (self._words + text)[:_CHARACTERS]
            yield UserTranscript(text=self._words.lstrip(), final=False)
        if flag(message, "finished"):
            yield from self.finished()

    def interim(self, message: Message) -> Iterator[EndpointEvent]:
        """`interimInputTranscription`: a guess that the next one replaces."""
        text = text_or_empty(message, "text")
        if text:
            yield UserTranscript(text=(self._words + text)[:_CHARACTERS].lstrip(), final=False)

    def finished(self) -> Iterator[EndpointEvent]:
        """Nothing more of this utterance will come: the model answers, or the next one begins."""
        words, self._words = self._words.strip(), ""
        if words:
            yield UserTranscript(text=words, final=True)
