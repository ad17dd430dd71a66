"""What a recorded session says by itself, read without our codecs: words, sound, calls, turns, line by line."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.traces.lines import Fault, Step

Message = Mapping[str, Any]


@dataclass(slots=True)
class Said:
    """One response (or turn) of the model.

    Attributes:
        words: per line, what was added to what it says (thoughts are left out).
        sound: per line, PCM16 as it came.
        done: line at which it was over; None where the recording ends before.
        status: as the service says; empty where it does not.
        cut: line at which it was interrupted or cancelled: what comes out of what follows is not the recording's word.
    """

    words: dict[int, str] = field(default_factory=dict)
    sound: dict[int, bytes] = field(default_factory=dict)
    done: int | None = None
    status: str = ""
    cut: int | None = None

    def open_to_doubt(self, line: int) -> bool:
        """Whether what stands at `line` came when nobody wanted to hear it any more."""
        return self.cut is not None and line > self.cut


@dataclass(frozen=True, slots=True)
class Final:
    """At `line` the service says what came at `lines` in whole."""

    line: int
    lines: tuple[int, ...]
    text: str
    said: Said


@dataclass(frozen=True, slots=True)
class Called:
    line: int
    name: str
    arguments: Any
    call_id: str


@dataclass(slots=True)
class Expected:
    """
    Attributes:
        turns: whether the service itself says when a response is over.
        opens: line at which the service acknowledges the set-up; None where it never does.
        received: lines of what came from the service.
    """

    turns: bool = True
    opens: int | None = None
    said: list[Said] = field(default_factory=list)
    finals: list[Final] = field(default_factory=list)
    calls: list[Called] = field(default_factory=list)
    heard: list[tuple[int, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    received: frozenset[int] = frozenset()


def sound_of(text: Any) -> bytes | None:
    """Base64 of either alphabet, padded or not; None where it is none."""
    if not isinstance(text, str):
        return None
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def arguments_of(text: Any) -> Any:
    """Arguments as an adapter tells them: an object, or the text where it holds none."""
    if not isinstance(text, str):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text


def _object(value: Any) -> Message:
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Message]:
    """The objects in a list; nothing where there is none."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


# ---------------------------------------------------------------------- OpenAI's family

_WORDS = ("response.output_audio_transcript", "response.audio_transcript", "response.output_text", "response.text")
_SOUND = ("response.output_audio.delta", "response.audio.delta")


class _Family:
    def __init__(self) -> None:
        self.found = Expected()
        self._by_id: dict[str, Said] = {}
        self._parts: dict[tuple[str, str, str], list[int]] = {}
        self._called: set[str] = set()
        self._names: dict[str, str] = {}
        self._stopped = 0

    def step(self, step: Step) -> None:
        message, kind = step.message, str(step.message.get("type"))
        if kind in ("input_audio_buffer.speech_started", "response.cancel"):
            self._stopped = step.line
        elif step.direction == "sent":
            return
        elif kind == "session.updated" and self.found.opens is None:
            self.found.opens = step.line
        elif kind == "response.created":
            self._said(_object(message.get("response")).get("id"))
        elif kind in _SOUND:
            self._sound(step)
        elif kind.rpartition(".")[0] in _WORDS:
            self._words(step, kind.endswith(".delta"))
        elif kind in ("conversation.item.added", "conversation.item.created", "response.output_item.added"):
            item = _object(message.get("item"))
            self._names[str(item.get("id"))] = str(item.get("name", ""))
        elif kind == "response.function_call_arguments.done":
            self._call(step.line, message, str(message.get("name") or self._names.get(str(message.get("item_id")), "")))
        elif kind == "response.output_item.done" and _object(message.get("item")).get("type") == "function_call":
            item = _object(message["item"])
            self._call(step.line, item, str(item.get("name", "")))
        elif kind == "conversation.item.input_audio_transcription.completed":
            self.found.heard.append((step.line, str(message.get("transcript", "")).strip()))
        elif kind == "response.done":
            self._done(step)

    def _said(self, response_id: Any) -> Said:
        key = str(response_id or "")
        if not key and self.found.said and self.found.said[-1].done is None:
            return self.found.said[-1]
        if key not in self._by_id or not key:
            self._by_id[key] = Said()
            self.found.said.append(self._by_id[key])
        return self._by_id[key]

    def _sound(self, step: Step) -> None:
        pcm16 = sound_of(step.message.get("delta"))
        if pcm16 is None:
            self.found.faults.append(Fault(step.line, "has sound that is not base64"))
        else:
            self._said(step.message.get("response_id")).sound[step.line] = pcm16

    def _words(self, step: Step, delta: bool) -> None:
        message = step.message
        said = self._said(message.get("response_id"))
        part = (str(message.get("item_id")), str(message.get("content_index")), str(message["type"]).rpartition(".")[0])
        if delta:
            said.words[step.line] = str(message.get("delta", ""))
            self._parts.setdefault(part, []).append(step.line)
            return
        text = message.get("transcript", message.get("text"))
        if isinstance(text, str):
            self.found.finals.append(Final(step.line, (*self._parts.pop(part, ()), step.line), text, said))

    def _call(self, line: int, call: Message, name: str) -> None:
        call_id = str(call.get("call_id", ""))
        if call_id and name and call_id not in self._called:
            self._called.add(call_id)
            self.found.calls.append(Called(line, name, arguments_of(call.get("arguments")), call_id))

    def _done(self, step: Step) -> None:
        response = _object(step.message.get("response"))
        said = self._said(response.get("id"))
        if said.done is not None:
            return
        said.done, said.status = step.line, str(response.get("status", ""))
        if said.status == "cancelled":
            said.cut = self._stopped
        contents = [c for item in objects(response.get("output")) for c in objects(item.get("content"))]
        texts = [c.get("transcript") or c.get("text") for c in contents if c.get("transcript") or c.get("text")]
        if texts:
            lines = (*said.words, *(f.line for f in self.found.finals if f.said is said), step.line)
            self.found.finals.append(Final(step.line, lines, "".join(map(str, texts)), said))


# ---------------------------------------------------------------------- GPT-Live


class _Live:
    """One stream of sound without turns: everything it says is one `Said`."""

    def __init__(self) -> None:
        self.found = Expected(turns=False)
        self._all = Said()
        self.found.said.append(self._all)
        self._called: set[str] = set()

    def step(self, step: Step) -> None:
        message, kind = step.message, step.message.get("type")
        if step.direction == "sent":
            return
        if kind == "session.started" and self.found.opens is None:
            self.found.opens = step.line
        elif kind == "session.output_transcript.delta":
            self._all.words[step.line] = str(message.get("delta", ""))
        elif kind == "session.output_audio.delta":
            pcm16 = sound_of(message.get("delta"))
            if pcm16 is None:
                self.found.faults.append(Fault(step.line, "has sound that is not base64"))
            else:
                self._all.sound[step.line] = pcm16
        elif kind == "response.event":
            event = _object(message.get("event"))
            item = _object(event.get("item"))
            if event.get("type") == "response.output_item.done" and item.get("type") == "function_call":
                call_id = str(item.get("call_id", ""))
                if call_id not in self._called:
                    self._called.add(call_id)
                    arguments = arguments_of(item.get("arguments"))
                    self.found.calls.append(Called(step.line, str(item.get("name", "")), arguments, call_id))


# ---------------------------------------------------------------------- Gemini


def plain_name(name: str) -> str:
    """A key in the spelling with capitals."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def gemini_member(message: Any, name: str) -> Any:
    """What stands under `name`, spelled with capitals or underscores; None where nothing does, or nothing can."""
    if not isinstance(message, dict):
        return None
    return next((value for key, value in message.items() if plain_name(key) == name), None)


class _Gemini:
    def __init__(self) -> None:
        self.found = Expected()
        self._open: Said | None = None
        self._cut = False
        self._heard: list[str] = []
        self._heard_at = 0

    def step(self, step: Step) -> None:
        message = step.message
        if step.direction == "sent":
            return
        if gemini_member(message, "setupComplete") is not None and self.found.opens is None:
            self.found.opens = step.line
        content = _object(gemini_member(message, "serverContent"))
        self._person(step.line, _object(gemini_member(content, "inputTranscription")))
        if gemini_member(content, "interrupted") is True:
            self._interrupted(step.line)
        for part in objects(gemini_member(_object(gemini_member(content, "modelTurn")), "parts")):
            self._part(step.line, part)
        text = gemini_member(_object(gemini_member(content, "outputTranscription")), "text")
        if text:
            self._add(step.line, str(text))
        for call in objects(gemini_member(_object(gemini_member(message, "toolCall")), "functionCalls")):
            self._turn()
            arguments = call.get("args") if isinstance(call.get("args"), dict) else {}
            self.found.calls.append(Called(step.line, str(call.get("name")), arguments, str(call.get("id", ""))))
        if gemini_member(content, "turnComplete") is True:
            self._complete(step.line, gemini_member(content, "turnCompleteReason"))

    def _turn(self) -> Said:
        if self._open is None:
            self._open = Said()
            self.found.said.append(self._open)
            self._end_of_heard()
        return self._open

    def _add(self, line: int, text: str) -> None:
        if self._open is not None or not self._cut:
            words = self._turn().words
            words[line] = words.get(line, "") + text

    def _part(self, line: int, part: Message) -> None:
        blob = _object(gemini_member(part, "inlineData"))
        if part.get("text"):
            if part.get("thought") is not True:
                self._add(line, str(part["text"]))
            elif not self._cut:
                self._turn()
        elif str(gemini_member(blob, "mimeType") or "").lower().startswith("audio/"):
            pcm16 = sound_of(blob.get("data"))
            if pcm16 is None:
                self.found.faults.append(Fault(line, "has sound that is not base64"))
            elif self._open is not None or not self._cut:
                sound = self._turn().sound
                sound[line] = sound.get(line, b"") + pcm16

    def _interrupted(self, line: int) -> None:
        if self._open is not None:
            self._open.done, self._open.status, self._open.cut = line, "cancelled", line
            self._open, self._cut = None, True

    def _complete(self, line: int, reason: Any) -> None:
        if not self._cut or self._open is not None:
            said = self._turn()
            said.done, said.status = line, "completed" if reason is None else ""
            lines = tuple(said.words)
            self.found.finals.append(Final(line, lines, "".join(said.words.values()), said))
        self._open, self._cut = None, False

    def _person(self, line: int, transcription: Message) -> None:
        text = transcription.get("text")
        if text:
            self._heard.append(str(text))
            self._heard_at = line
        if transcription.get("finished") is True:
            self._end_of_heard()

    def _end_of_heard(self) -> None:
        text = "".join(self._heard).strip()
        self._heard = []
        if text:
            self.found.heard.append((self._heard_at, text))


def expected_of(steps: Sequence[Step], grammar: str) -> Expected:
    """What `steps` say in the grammar `family`, `live` or `gemini`."""
    reader = _Gemini() if grammar == "gemini" else _Live() if grammar == "live" else _Family()
    for step in steps:
        reader.step(step)
    reader.found.received = frozenset(step.line for step in steps if step.direction == "received")
    return reader.found
