"""What we say in the grammar of the family: micro-turns, texts, results and interruptions as messages."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from tmlapp.core.event import EndpointError, Granted
from tmlapp.core.tool import HistoryTurn
from tmlapp.core.turn import DelegationResult, Interrupt, MicroTurn, PlaybackReport, TextInput, ToolResult
from tmlapp.endpoints.openai_family.asking import Asking
from tmlapp.endpoints.openai_family.hearing import Hearing
from tmlapp.endpoints.openai_family.replies import Replies
from tmlapp.endpoints.remote.contract import Action, Dialect, Drained, Resumption, Send, Start
from tmlapp.endpoints.remote.errors import close_error, endpoint_error, kind_of
from tmlapp.endpoints.remote.history import FinishedTurns, turns_of
from tmlapp.endpoints.remote.sound import SoundOut, clip_pcm16

_OWN_CODES = 3000
_SEPARATORS = re.compile(r"[.:, ]+")


class Outward:
    """The sending half of a connection; see `FamilyCodec`.

    Args:
        input_rate, output_rate: Hz of the sound both ways; profiles may change `output_rate` once it is granted.

    Attributes:
        replies, hearing, asking: the books of what the model says, what the person says, and what was asked for.
        index: micro-turn that was given last; -1 before the first.
        granted: None until the session is open.
        history: finished turns so far.
        before: turns that lie before this connection.
        draining: the input has ended.
    """

    assistant_text: ClassVar[str] = "output_text"
    """Kind of content of what the model said in text."""

    def __init__(self, dialect: Dialect, start: Start, *, input_rate: int = 24_000, output_rate: int = 24_000) -> None:
        self.dialect = dialect
        self.start = start
        self.target = start.target
        self.output_rate = output_rate
        self.sound_out = SoundOut(input_rate)
        self.replies = Replies(start.epoch)
        self.hearing = Hearing()
        self.asking = Asking()
        self.index = -1
        self.granted: Granted | None = None
        self.before: tuple[HistoryTurn, ...] = turns_of(start.resumption, start.setup.history)
        self.history = FinishedTurns(self.before)
        self.draining = False
        self._drained = False
        self.setup_id = ""
        self._sent = start.epoch * 1_000_000

    # ------------------------------------------------------------------ what we say

    def option(self, name: str) -> str:
        """What is set for an option of the dialect, or its default."""
        return self.dialect.option(self.target, name)

    def message(self, kind: str, **members: Any) -> Send:
        """A client event with an `event_id` that no other of the session has."""
        self._sent += 1
        return Send({"type": kind, "event_id": f"mt{max(self.index, 0)}-{self._sent}", **members})

    def ask(self) -> Iterator[Action]:
        """Ask for a response: now, or once the one under way is done."""
        if self.asking.may_ask(self.replies.active is not None):
            send = self.response_create()
            self.asking.sent(_event_id(send))
            yield send

    def hello(self) -> Sequence[Action]:
        send = self.message("session.update", session=self.session())
        self.setup_id = _event_id(send)
        return (send,)

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        if self.hearing.offset_ns is None:
            self.hearing.offset_ns = turn.t_ns
        self.index = turn.index
        self.replies.now_ns = turn.end_ns
        actions: list[Action] = []
        for control in turn.controls:
            match control:
                case Interrupt():
                    actions += self.interrupt(control)
                case PlaybackReport():
                    actions += self.playback(control)
                case ToolResult():
                    actions += self.tool_result(control)
                case DelegationResult():
                    actions += self.delegation_result(control)
        actions += self.media(turn)
        for text in turn.texts:
            actions += self.text(text)
        return actions

    def describe(self, message: Any) -> Any:
        return message

    def resumption(self) -> Resumption | None:
        return self.history.resumption() if self.granted is not None else self.start.resumption

    def closed(self, code: int, reason: str) -> EndpointError | None:
        """Codes of its own come with a reason such as `invalid_request_error.invalid_api_key`."""
        if code >= _OWN_CODES:
            known = (kind_of(part.strip()) for part in reversed(_SEPARATORS.split(reason)))
            if kind := next((k for k in known if k), None):
                said = f"The service closed the connection (close code {code}): {reason[:300]}"
                return endpoint_error("config" if kind == "invalid_input" else kind, str(code), said, fatal=True)
        return close_error(code, reason)

    # ------------------------------------------------------------------ hooks: what is sent

    def session(self) -> dict[str, Any]:
        """The `session` of the set-up message."""
        raise NotImplementedError

    def media(self, turn: MicroTurn) -> Iterable[Action]:
        """Pictures and sound of one micro-turn, in the order in which the service wants them."""
        yield from self.pictures(turn)
        yield from self.sound(turn)

    def pictures(self, turn: MicroTurn) -> Iterable[Action]:  # noqa: ARG002 - for profiles that take pictures
        return ()

    def sound(self, turn: MicroTurn) -> Iterable[Action]:
        yield self.message("input_audio_buffer.append", audio=self.sound_out.base64(turn.pcm))

    def text(self, text: TextInput) -> Iterable[Action]:
        """What was typed, as an item; a person's text is answered."""
        yield self.item(role=text.role, content=[{"type": "input_text", "text": text.text}])
        if text.role == "user":
            self.history.typed(text.text)
            yield from self.ask()

    def item(self, role: str, content: list[dict[str, Any]]) -> Send:
        """A `conversation.item.create` with a message."""
        return self.message("conversation.item.create", item={"type": "message", "role": role, "content": content})

    def seed(self) -> Iterable[Action]:
        """Turns that lie before this connection."""
        for turn in self.before:
            kind = "input_text" if turn.role == "user" else self.assistant_text
            content = [{"type": kind, "text": turn.text}] if turn.text else []
            if turn.sound is not None and turn.role == "user":
                pcm16 = clip_pcm16(turn.sound, self.sound_out.rate_hz)
                content = [{"type": "input_audio", "audio": base64.b64encode(pcm16).decode("ascii")}]
            if content:
                yield self.item(role=turn.role, content=content)

    def tool_result(self, result: ToolResult) -> Iterable[Action]:
        output = {"type": "function_call_output", "call_id": result.call_id, "output": result.output}
        yield self.message("conversation.item.create", item=output)
        if self.asking.answered(result.call_id):
            yield from self.ask()

    def delegation_result(self, result: DelegationResult) -> Iterable[Action]:
        """Where delegation is a tool: its pieces become one result."""
        whole = self.asking.piece(result.id, result.text, result.final)
        if whole is not None:
            yield from self.tool_result(ToolResult(result.id, whole))

    def response_create(self) -> Send:
        return self.message("response.create")

    def interrupt(self, control: Interrupt) -> Iterable[Action]:
        """A person cuts the model off (what it says is cancelled); either way it learns what was really heard."""
        if control.by_person:
            yield from self.cancel()
        self.replies.unheard = False
        yield from self.truncate(control)

    def cancel(self) -> Iterator[Action]:
        """Stop the response under way, or the one that was asked for as soon as it begins."""
        active = self.replies.active
        if active is not None and not active.muted:
            active.muted = True
            yield self.response_cancel(active.id)
        elif active is None and self.asking.asked:
            self.asking.unwanted = True

    def response_cancel(self, response_id: str) -> Send:
        return self.message("response.cancel", response_id=response_id)

    def truncate(self, control: Interrupt) -> Iterator[Action]:
        """`conversation.item.truncate` with the samples of the item that were really heard, once per item."""
        item = self.replies.item(control.item_id) if control.item_id else None
        if item is None or item.truncated or not item.samples:
            return
        length_ms = item.samples * 1000 // item.rate
        heard_ms = min(max(0, control.played_ns) // 1_000_000, length_ms)
        active = self.replies.active
        if heard_ms >= length_ms and (active is None or active.sounded != item.id):
            return
        item.truncated = True
        yield self.message(
            "conversation.item.truncate", item_id=item.id, content_index=item.content_index, audio_end_ms=heard_ms
        )

    def playback(self, report: PlaybackReport) -> Iterable[Action]:  # noqa: ARG002 - for profiles that are told
        return ()

    def end_of_input(self) -> Sequence[Action]:
        self.draining = True
        return [*self.last_words(), *self.drained_now()]

    def last_words(self) -> Iterable[Action]:
        """The verb for the end of input, where the profile has one."""
        return ()

    def outstanding(self) -> bool:
        """After the end of input: whether something is still to come."""
        return bool(self.replies.active or self.asking.asked or self.asking.waiting)

    def goodbye(self) -> Sequence[Action]:
        return ()

    def drained_now(self) -> Iterator[Action]:
        """`Drained`, once, as soon as nothing is to come any more."""
        if self.draining and not self._drained and not self.outstanding():
            self._drained = True
            yield Drained()


def _event_id(send: Send) -> str:
    return str(send.message["event_id"]) if isinstance(send.message, Mapping) else ""
