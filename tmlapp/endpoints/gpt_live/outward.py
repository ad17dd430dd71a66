"""What one connection of GPT-Live sends: sound, typed texts, results, the close."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from tmlapp.core.event import EndpointError
from tmlapp.core.turn import Control, DelegationResult, Interrupt, MicroTurn, TextInput, ToolResult
from tmlapp.endpoints.gpt_live.asking import DELEGATE, RATE_HZ, Wishes, pieces
from tmlapp.endpoints.gpt_live.delegations import Delegations, Work
from tmlapp.endpoints.gpt_live.words import Words
from tmlapp.endpoints.openai_family.pace import PicturePace
from tmlapp.endpoints.remote.contract import Action, Send, Start
from tmlapp.endpoints.remote.errors import endpoint_error
from tmlapp.endpoints.remote.history import FinishedTurns
from tmlapp.endpoints.remote.sound import SoundOut

_INSTRUCTIONS = 16


class Outward:
    """The sending half of a codec; `LiveCodec` is the whole.

    Args:
        before: what was said before this connection.
    """

    def __init__(self, start: Start, wishes: Wishes, before: FinishedTurns) -> None:
        self._start = start
        self._wishes = wishes
        self._history = before
        self._sound = SoundOut(RATE_HZ)
        self._words = Words(start.epoch)
        self._work = Delegations()
        self._pace = PicturePace(wishes.video_fps if wishes.sees else 0.0)
        self._instructions: deque[str] = deque(maxlen=_INSTRUCTIONS)
        if start.resumption is not None:
            self._instructions += start.resumption.data.get("instructions", ())
        self._index = 0
        # No name of an earlier connection comes again.
        self._numbered = start.epoch * 1_000_000
        self._closing = self._told_of_interrupts = False
        # Its pieces are sentences to be said, while other programs say silently how far they are.
        self._worker = any(tool.name == DELEGATE for tool in start.setup.tools)

    def turn(self, turn: MicroTurn) -> Sequence[Action]:
        if self._closing:
            return ()
        self._index = turn.index
        if self._words.offset_ns is None:
            self._words.offset_ns = turn.t_ns
        # Without an event_id: it is never acknowledged, and the service's recordings have none.
        actions: list[Action] = [Send({"type": "session.input_audio.append", "audio": self._sound.base64(turn.pcm)})]
        for control in turn.controls:
            actions += self._control(control)
        for text in turn.texts:
            actions += self._typed(text)
        actions += self._picture(turn)
        return actions

    def _control(self, control: Control) -> Iterator[Action]:
        match control:
            case ToolResult():
                yield from self._tool_result(control)
            case DelegationResult():
                yield from self._delegation_result(control)
            case Interrupt(by_person=True) if not self._told_of_interrupts:
                self._told_of_interrupts = True
                why = "GPT-Live decides by itself when it stops; only the loudspeaker here was silenced."
                yield endpoint_error("unsupported", "no_interrupt", why)
            case _:
                return

    def goodbye(self) -> Sequence[Action]:
        if self._closing:
            return ()
        self._closing = True
        return (self._message("session.close"),)

    def _message(self, kind: str, **members: Any) -> Send:
        self._numbered += 1
        return Send({"type": kind, "event_id": f"mt{self._index}-{self._numbered}", **members})

    def _append(self, kind: str, text: str, delegation_id: str | None = None) -> Iterator[Send]:
        """`thinking`, `commentary` or `instructions`, in as many pieces as its limit asks for."""
        for piece in pieces(text):
            yield self._message(f"session.{kind}.append", delegation_id=delegation_id, content=piece)

    def _typed(self, text: TextInput) -> Iterator[Send]:
        if not text.text.strip():
            return
        if text.role == "system":
            self._instructions.append(text.text)
            yield from self._append("instructions", text.text)
            return
        self._history.typed(text.text)
        if self._wishes.typed == "backend" and self._wishes.delegation == "responses":
            content = [{"type": "input_text", "text": text.text}]
            yield self._message("response.item.create", item={"type": "message", "role": "user", "content": content})
            yield self._message("response.create")
        else:
            yield from self._append("thinking", text.text)

    def _picture(self, turn: MicroTurn) -> Iterator[Send]:
        """For the backend, which looks at it with the next work that it gets."""
        frame = self._pace.take(turn)
        if frame is not None:
            url = f"data:image/jpeg;base64,{base64.b64encode(frame.jpeg).decode('ascii')}"
            content = [{"type": "input_image", "image_url": url, "detail": "auto"}]
            yield self._message("response.item.create", item={"type": "message", "role": "user", "content": content})

    def _tool_result(self, result: ToolResult) -> Iterator[Action]:
        work = self._work.find(result.call_id)
        if work is not None:
            yield from self._append("commentary", result.output, self._addressed(work))
            if result.is_error:
                yield from self._work.fail(work.id, result.output)
            else:
                yield from self._work.done(work.id, result.output)
        elif self._work.waits_for(result.call_id):
            yield from self._function_output(result.call_id, result.output)
        else:
            yield _unknown_call(result.call_id)

    def _function_output(self, call_id: str, output: str) -> Iterator[Action]:
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        yield self._message("response.item.create", item=item)
        if self._work.answered(call_id):
            yield self._message("response.create")

    def _delegation_result(self, result: DelegationResult) -> Iterator[Action]:
        if self._work.waits_for(result.id):
            # The backend's model called a tool that answers in pieces, and it takes one output.
            whole = self._work.gather(result.id, result.text)
            if result.final:
                yield from self._function_output(result.id, whole)
            return
        work = self._work.find(result.id)
        if work is None:
            # Of a connection that is gone, or of nobody: the model still learns it.
            yield from self._append("commentary" if result.final else "thinking", result.text)
            return
        told = work.add(result.text)
        if not result.final:
            kind = "commentary" if self._worker else "thinking"
            yield from self._append(kind, result.text, self._addressed(work))
            yield from self._work.progress(work.id, result.text)
            return
        # An empty last piece only says that the ones before it were everything.
        last = result.text if result.text.strip() or self._worker else told
        yield from self._append("commentary", last, self._addressed(work))
        yield from self._work.done(work.id, last or told)

    def _addressed(self, work: Work) -> str | None:
        """With a backend of the service's, appends may name no delegation."""
        return work.id if work.target == "client" else None


def _unknown_call(call_id: str) -> EndpointError:
    why = f"The result of the call {call_id!r} was not sent: nobody waits for it on this connection."
    return endpoint_error("invalid_input", "unknown_call", why, fatal=False)
