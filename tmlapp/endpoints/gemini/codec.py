"""One connection in the grammar of Gemini Live (docs/endpoints/gemini-live.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tmlapp.core.event import (
    Channel,
    EndpointEvent,
    Limit,
    ResumeHandle,
    ToolCancelled,
    TurnDone,
    Unrecognized,
    Usage,
)
from tmlapp.core.units import NS_PER_MS
from tmlapp.endpoints.gemini.fields import (
    Message,
    camel,
    duration_ns,
    flag,
    mapping_or_none,
    mappings,
    member,
    number_or_none,
    parse_object,
    text_or_empty,
)
from tmlapp.endpoints.gemini.outward import Outward
from tmlapp.endpoints.gemini.replies import Status
from tmlapp.endpoints.gemini.setup import OUTPUT_RATE_HZ
from tmlapp.endpoints.remote.contract import Action, MessageError, Opened, Send, Start
from tmlapp.endpoints.remote.errors import endpoint_error
from tmlapp.endpoints.remote.sound import decode_base64

_RATE = re.compile(r"rate=(\d{1,6})")
_SLOWEST, _FASTEST = 8_000, 96_000
# What stands beside the content of a part and says nothing by itself.
_BESIDE = frozenset(
    (
        "thought",
        "thoughtSignature",
        "videoMetadata",
        "partMetadata",
        "mediaResolution",
        "speechMetadata",
        "audioMetadata",
    )
)
_CONTENT = frozenset(
    ("modelTurn", "outputTranscription", "inputTranscription", "interimInputTranscription", "interrupted",
     "generationComplete", "turnComplete", "turnCompleteReason", "interactionStatus", "waitingForInput",
     "groundingMetadata", "urlContextMetadata")
)  # fmt: skip
_MEMBERS = (
    "setupComplete", "usageMetadata", "voiceActivity", "voiceActivityDetectionSignal", "sessionResumptionUpdate",
    "serverContent", "toolCall", "toolCallCancellation", "goAway",
)  # fmt: skip
_FINE = ("", "TURN_COMPLETE_REASON_UNSPECIFIED")
_FAILED = ("MALFORMED_FUNCTION_CALL", "MAX_REGENERATION_REACHED")


class GeminiCodec(Outward):
    """See `Codec`. `receive` never fails but with `MessageError`; memory is bounded whatever comes."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self._handlers: Mapping[str, Callable[[Message], Iterable[Action]]] = {
            "setupComplete": self._on_setup_complete, "usageMetadata": self._on_usage,
            "voiceActivity": self._on_activity, "voiceActivityDetectionSignal": self._person.signal,
            "sessionResumptionUpdate": self._on_resumption, "serverContent": self._on_content,
            "toolCall": self._on_tool_call, "toolCallCancellation": self._calls.cancelled, "goAway": self._on_go_away,
        }  # fmt: skip

    def parse(self, frame: str | bytes) -> Any:
        return parse_object(frame)

    def receive(self, message: Any) -> Sequence[Action]:
        actions: list[Action] = []
        fault: MessageError | None = None
        for name in _MEMBERS:
            try:
                content = mapping_or_none(message, name)
                if content is not None:
                    for action in self._handlers[name](content):
                        self._note(action)
                        actions.append(action)
            except MessageError as error:
                fault = error
                # What else is in the frame counts: books have been kept on it.
                actions.append(endpoint_error("protocol", "malformed", str(error), fatal=False))
        if fault is not None and len(actions) == 1:
            raise fault
        actions += _unknown(message, frozenset(_MEMBERS), "")
        actions += self._drained()
        return actions

    def _note(self, action: Action) -> None:
        if isinstance(action, EndpointEvent):
            self._history.note(action)

    def _on_setup_complete(self, message: Message) -> Iterator[Action]:
        if self._opened:
            return
        self._opened = True
        if self._seed is not None:
            yield Send(self._seed)
        for call_id in self._left.get("lost_calls", ()):
            yield ToolCancelled(call_id=call_id)
        if lost := self._left.get("lost_turn", ""):
            yield TurnDone(status="cancelled", reason="connection lost", response_id=lost)
        yield Opened(self._set_up.granted(self._start.target, text_or_empty(message, "sessionId")))

    def _on_usage(self, message: Message) -> Iterator[Action]:
        counters = {camel(str(key)): value for key, value in message.items()}
        for theirs in ("candidatesTokenCount", "candidatesTokensDetails"):
            # Vertex AI has another word for the same thing.
            if theirs in counters:
                counters.setdefault(theirs.replace("candidates", "response"), counters[theirs])
        yield Usage(counters=counters, response_id=self._replies.id or None)
        yield from self._limits.context(number_or_none(message, "totalTokenCount"))

    def _on_activity(self, message: Message) -> Iterator[Action]:
        yield from self._person.activity(message)
        self._owed = True

    def _on_resumption(self, message: Message) -> Iterator[Action]:
        handle = text_or_empty(message, "newHandle")
        if not handle or not flag(message, "resumable"):
            return
        self._handle, self._known_calls = handle, self._calls.open
        yield ResumeHandle(handle=handle, valid_from_index=self._index + 1)

    def _on_go_away(self, message: Message) -> Iterator[Action]:
        left_ns = duration_ns(message, "timeLeft")
        self._limits.going_away()
        remaining_ms = None if left_ns is None else left_ns / NS_PER_MS
        yield Limit(kind="going_away", remaining_ms=remaining_ms, message="Gemini Live will end this connection.")

    def _on_tool_call(self, message: Message) -> Iterator[Action]:
        if any(True for _ in mappings(message, "functionCalls")):
            yield from self._person_done()
            yield from self._replies.begin()
            yield from self._calls.called(message, self._replies.id)

    def _on_content(self, content: Message) -> Iterator[Action]:
        yield from _unknown(content, _CONTENT, "serverContent.")
        yield from self._on_transcripts(content)
        if flag(content, "interrupted"):
            yield from self._replies.interrupted(self._index)
        fault: MessageError | None = None
        try:
            yield from self._on_output(content)
        except MessageError as error:
            # Whatever was wrong with what it said: its turn must not stay open for that.
            fault = error
        if flag(content, "turnComplete"):
            reason = member(content, "turnCompleteReason")
            yield from self._on_turn_complete(reason if isinstance(reason, str) else "")
        if fault is not None:
            raise fault

    def _on_output(self, content: Message) -> Iterator[Action]:
        model_turn = mapping_or_none(content, "modelTurn")
        for part in mappings(model_turn, "parts") if model_turn is not None else ():
            yield from self._on_part(part)
        transcription = mapping_or_none(content, "outputTranscription")
        if transcription is not None:
            yield from self._words(text_or_empty(transcription, "text"), "transcript")
            if flag(transcription, "finished"):
                yield from self._replies.words_done("transcript")

    def _on_transcripts(self, content: Message) -> Iterator[Action]:
        for name, take in (
            ("interimInputTranscription", self._person.interim), ("inputTranscription", self._person.transcript),
        ):  # fmt: skip
            transcription = mapping_or_none(content, name)
            if transcription is not None:
                self._owed = self._owed or bool(text_or_empty(transcription, "text"))
                yield from take(transcription)

    def _on_part(self, part: Message) -> Iterator[Action]:
        text, blob = text_or_empty(part, "text"), mapping_or_none(part, "inlineData")
        if text:
            yield from self._words(text, "thought" if flag(part, "thought") else "say")
        elif blob is not None:
            yield from self._on_blob(blob)
        elif "text" not in part:
            yield from _unknown(part, _BESIDE, "part.")

    def _on_blob(self, blob: Message) -> Iterator[Action]:
        kind = text_or_empty(blob, "mimeType").lower()
        if not kind.startswith(("audio/pcm", "audio/l16")):
            yield Unrecognized(name=f"inlineData {kind[:80]}")
            return
        stated = _RATE.search(kind)
        rate = int(stated[1]) if stated else OUTPUT_RATE_HZ
        if not _SLOWEST <= rate <= _FASTEST:
            raise MessageError(f"sound at {rate} Hz")
        data = member(blob, "data")
        if not isinstance(data, str):
            raise MessageError("sound without data")
        pcm16 = decode_base64(data)
        yield from self._person_done()
        yield from self._replies.audio(pcm16, rate, self._index)

    def _words(self, text: str, channel: Channel) -> Iterator[EndpointEvent]:
        if text:
            yield from self._person_done()
            yield from self._replies.words(text, channel, self._index)

    def _person_done(self) -> Iterable[EndpointEvent]:
        """The model answers: what the person said before is complete."""
        return () if self._replies.id or self._replies.stale(self._index) else self._person.finished()

    def _on_turn_complete(self, reason: str) -> Iterator[Action]:
        self._owed = False
        if not self._replies.id and not self._replies.cut:
            yield from self._person.finished()
        status: Status = "completed"
        if reason in _FAILED:
            status = "failed"
        elif reason == "NEED_MORE_INPUT":
            status = "incomplete"
        elif reason not in _FINE:
            status = "incomplete"
            why = f"Gemini Live gave no full answer: {reason[:80]}."
            yield endpoint_error("content_filter", reason[:80], why, fatal=False)
        yield from self._replies.complete(status, "" if reason in _FINE else reason[:80])


def _unknown(message: Message, known: frozenset[str], prefix: str) -> Iterator[Action]:
    """An event for every key that nobody here reads."""
    for key in message:
        name = camel(str(key))
        if name not in known:
            yield Unrecognized(name=f"{prefix}{name[:80]}")
