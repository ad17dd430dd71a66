"""One connection in the grammar of Gemini Live (docs/endpoints/gemini-live.md)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tmlapp.core.event import (
    EndpointError,
    EndpointEvent,
    Limit,
    ResumeHandle,
    ToolCancelled,
    TurnDone,
    Unrecognized,
    Usage,
)
from tmlapp.core.tool import HistoryTurn
from tmlapp.core.turn import DelegationResult, Interrupt, MicroTurn, TextInput, ToolResult
from tmlapp.core.units import NS_PER_MS, SAMPLE_RATE_HZ, s_to_ns
from tmlapp.endpoints.gemini.calls import Calls
from tmlapp.endpoints.gemini.closing import closing
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
from tmlapp.endpoints.gemini.limits import Limits
from tmlapp.endpoints.gemini.options import settings_of
from tmlapp.endpoints.gemini.person import Person
from tmlapp.endpoints.gemini.replies import Replies, Status
from tmlapp.endpoints.gemini.setup import OUTPUT_RATE_HZ, SetUp, history_message
from tmlapp.endpoints.remote.contract import Action, Drained, MessageError, Opened, Resumption, Send, Start
from tmlapp.endpoints.remote.errors import endpoint_error
from tmlapp.endpoints.remote.history import FinishedTurns, turns_of
from tmlapp.endpoints.remote.sound import SoundOut, decode_base64

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


class GeminiCodec:
    """See `Codec`. `receive` never fails but with `MessageError`; memory is bounded whatever comes."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._settings = settings_of(start.target)
        native = start.resumption if start.resumption is not None and start.resumption.kind == "native" else None
        left: Mapping[str, Any] = start.resumption.data if start.resumption is not None else {}
        self._left = left
        self._handle = str(left.get("handle", "")) if native else ""
        self._trying_handle = bool(self._handle)
        before: tuple[HistoryTurn, ...] = (
            tuple(left.get("turns", ())) if native else turns_of(start.resumption, start.setup.history)
        )
        self._history = FinishedTurns(before)
        self._set_up = SetUp(self._settings, start.setup, self._handle)
        self._seed = None if native else history_message(before, self._settings)
        self._calls = Calls(self._settings, start.epoch, left.get("known_calls") if native else None)
        self._known_calls = self._calls.open
        self._replies = Replies(start.epoch)
        self._person = Person()
        self._limits = Limits(
            unlimited=self._settings.compression is not None, began_ns=left.get("began_ns") if native else None
        )
        self._sound = SoundOut(SAMPLE_RATE_HZ)
        self._index = -1
        self._picture_due_ns: int | None = None
        self._opened = False
        self._owed = False
        self._draining = False
        self._handlers = {
            "setupComplete": self._on_setup_complete, "usageMetadata": self._on_usage,
            "voiceActivity": self._on_activity, "voiceActivityDetectionSignal": self._person.signal,
            "sessionResumptionUpdate": self._on_resumption, "serverContent": self._on_content,
            "toolCall": self._on_tool_call, "toolCallCancellation": self._calls.cancelled, "goAway": self._on_go_away,
        }  # fmt: skip

    # ------------------------------------------------------------------ what we say

    def hello(self) -> Sequence[Action]:
        return (Send(self._set_up.message),)

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        actions: list[Action] = []
        if self._person.offset_ns is None:
            self._person.offset_ns = turn.t_ns
            if self._settings.whole_input:
                actions.append(_realtime(activityStart={}))
        self._index = turn.index
        actions += self._controls(turn)
        actions.append(
            _realtime(audio={"data": self._sound.base64(turn.pcm), "mimeType": f"audio/pcm;rate={SAMPLE_RATE_HZ}"})
        )
        picture = self._picture(turn)
        if picture is not None:
            data = base64.b64encode(picture).decode("ascii")
            actions.append(_realtime(video={"data": data, "mimeType": "image/jpeg"}))
        for text in turn.texts:
            actions.append(self._text(text))
        actions += self._limits.turn(turn.t_ns, turn.end_ns, pictures=picture is not None)
        return actions

    def _controls(self, turn: MicroTurn) -> Iterator[Action]:
        results: list[ToolResult | DelegationResult] = []
        for control in turn.controls:
            match control:
                case ToolResult() | DelegationResult():
                    results.append(control)
                case Interrupt(by_person=True):
                    self._replies.mute(control.item_id)
                case _:
                    # The service takes no word on what was heard or played: see the rejections.
                    continue
        responses, errors = self._calls.answers(results)
        yield from errors
        if responses:
            self._owed = self._owed or any(r.get("scheduling") != "SILENT" for r in responses)
            yield Send({"toolResponse": {"functionResponses": responses}})

    def _picture(self, turn: MicroTurn) -> bytes | None:
        """The newest picture, where the next one is due."""
        if not turn.frames:
            return None
        newest = turn.frames[-1]
        if self._picture_due_ns is not None and newest.t_ns < self._picture_due_ns:
            return None
        period_ns = s_to_ns(1 / self._settings.video_fps)
        due_ns = newest.t_ns if self._picture_due_ns is None else self._picture_due_ns
        self._picture_due_ns = max(due_ns + period_ns, newest.t_ns + period_ns // 2)
        return newest.jpeg

    def _text(self, text: TextInput) -> Send:
        if text.role == "user":
            self._history.typed(text.text)
            self._owed = True
            if not self._settings.typed_as_turn:
                return _realtime(text=text.text)
        # There are no system turns: what the operator notes is told without asking for an answer.
        turns = [{"role": "user", "parts": [{"text": text.text}]}]
        return Send({"clientContent": {"turns": turns, "turnComplete": text.role == "user"}})

    def end_of_input(self) -> Sequence[Action]:
        self._draining = True
        actions: list[Action] = []
        if self._settings.whole_input and self._person.offset_ns is not None:
            self._owed = True
            actions.append(_realtime(activityEnd={}))
        elif not self._settings.whole_input and not self._settings.vertex:
            actions.append(_realtime(audioStreamEnd=True))
        return [*actions, *self._drained()]

    def _drained(self) -> Iterator[Action]:
        if self._draining and not self._owed and not self._replies.id:
            self._draining = False
            yield Drained()

    def goodbye(self) -> Sequence[Action]:
        return ()

    def describe(self, message: Any) -> Any:
        return message

    # ------------------------------------------------------------------ how it ends, and goes on

    def closed(self, code: int, reason: str) -> EndpointError | None:
        error = closing(code, reason)
        if self._opened or not self._trying_handle or error is None or error.kind not in ("config", "unsupported"):
            return error
        # The same set-up was accepted before: what is refused is the handle. The turns can still be told anew.
        self._trying_handle = False
        return endpoint_error("session_expired", error.code, error.message, fatal=True)

    def resumption(self) -> Resumption | None:
        if not self._opened:
            if self._start.resumption is None or self._trying_handle or not self._handle:
                return self._start.resumption
            return Resumption("history", {**self._history.resumption().data, **self._lost({})})
        if not self._handle:
            return Resumption("history", {**self._history.resumption().data, **self._lost({})})
        kept = {"handle": self._handle, "turns": self._history.turns, "began_ns": self._limits.began_ns}
        return Resumption("native", kept | self._lost(self._known_calls))

    def _lost(self, known_calls: Mapping[str, Any]) -> dict[str, Any]:
        """What the next connection has to bring to an end, and the calls that the service will still know there."""
        if not self._opened:
            return {key: self._left.get(key, ()) for key in ("lost_calls", "lost_turn")}
        known = {call_id: call for call_id, call in self._calls.open.items() if call_id in known_calls}
        gone = tuple(call_id for call_id in self._calls.open if call_id not in known)
        return {"known_calls": known, "lost_calls": gone, "lost_turn": self._replies.id}

    # ------------------------------------------------------------------ what we are told

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
        yield Opened(
            self._set_up.granted(self._start.target, self._start.setup.tools, text_or_empty(message, "sessionId"))
        )

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
        # Who has the handle has the conversation: what leaves here only tells one handle from another.
        print_of = f"sha256:{hashlib.sha256(handle.encode()).hexdigest()[:12]}"
        yield ResumeHandle(handle=print_of, valid_from_index=self._index + 1)

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
        model_turn = mapping_or_none(content, "modelTurn")
        for part in mappings(model_turn, "parts") if model_turn is not None else ():
            yield from self._on_part(part)
        transcription = mapping_or_none(content, "outputTranscription")
        if transcription is not None:
            yield from self._words(text_or_empty(transcription, "text"), "transcript")
            if flag(transcription, "finished"):
                yield from self._replies.words_done("transcript")
        if flag(content, "turnComplete"):
            yield from self._on_turn_complete(text_or_empty(content, "turnCompleteReason"))

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

    def _words(self, text: str, channel: Any) -> Iterator[EndpointEvent]:
        if text:
            yield from self._person_done()
            yield from self._replies.words(text, channel, self._index)

    def _person_done(self) -> Iterable[EndpointEvent]:
        """The model answers: what the person said before is complete."""
        return () if self._replies.id else self._person.finished()

    def _on_turn_complete(self, reason: str) -> Iterator[Action]:
        self._owed = False
        status: Status = "completed"
        if reason in _FAILED:
            status = "failed"
        elif reason == "NEED_MORE_INPUT":
            status = "incomplete"
        elif reason not in _FINE:
            status = "incomplete"
            why = f"Gemini Live withheld its answer ({reason[:80]})."
            yield endpoint_error("content_filter", reason[:80], why, fatal=False)
        yield from self._replies.complete(status, "" if reason in _FINE else reason[:80])


def _realtime(**members: Any) -> Send:
    return Send({"realtimeInput": members})


def _unknown(message: Message, known: frozenset[str], prefix: str) -> Iterator[Action]:
    """An event for every key that nobody here reads."""
    for key in message:
        name = camel(str(key))
        if name not in known:
            yield Unrecognized(name=f"{prefix}{name[:80]}")
