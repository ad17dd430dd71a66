"""What the recorded client did, as what a person or a tool does in our sessions: one micro-turn for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tests.traces.dialects import Spoken, kind_of
from tests.traces.expected import gemini_member, objects, plain_name
from tests.traces.lines import Step, Trace
from tmlapp.core.media import Frame
from tmlapp.core.turn import Control, MicroTurn, TextInput, ToolResult
from tmlapp.core.units import TURN_NS, TURN_SAMPLES

Role = Literal["setup", "history", "text", "result", "stream", "own", "other"]

STREAM = frozenset(("input_audio_buffer.append", "session.input_audio.append", "realtimeInput"))
"""How many of these are sent is the client's business."""
OWN = frozenset(
    ("response.create", "input_audio_buffer.commit", "session.close", "session.thinking.append",
     "session.commentary.append", "session.instructions.append")
)  # fmt: skip
"""What an adapter sends by itself where its own state asks for it."""
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


@dataclass(frozen=True, slots=True)
class Move:
    """A frame that was sent: `role` says who causes it with us, `turn` the micro-turn that does."""

    step: Step
    kind: str
    role: Role
    texts: tuple[str, ...] = ()
    results: tuple[ToolResult, ...] = ()

    def micro_turn(self, index: int) -> MicroTurn:
        """The micro-turn that makes an adapter send this."""
        at_ns = index * TURN_NS
        controls: tuple[Control, ...] = self.results
        frames = (Frame(at_ns, JPEG, 8, 8),) if self.role == "stream" and _has_picture(self.step.message) else ()
        return MicroTurn(
            index,
            np.zeros(TURN_SAMPLES, np.int16),
            frames=frames,
            texts=tuple(TextInput(at_ns, text) for text in self.texts),
            controls=controls,
        )


def moves_of(trace: Trace, spoken: Spoken) -> tuple[Move, ...]:
    """Every frame that was sent, in order."""
    find = _gemini_move if spoken.grammar == "gemini" else _openai_move
    seeds = len(spoken.history)
    found: list[Move] = []
    for step in trace.sent:
        kind = kind_of(step.message, spoken.grammar)
        move = find(step, kind, seeds)
        seeds -= move.role == "history" and kind == "conversation.item.create"
        found.append(move)
    return tuple(found)


def _gemini_move(step: Step, kind: str, seeds: int) -> Move:
    if kind == "setup":
        return Move(step, kind, "setup")
    if kind == "realtimeInput":
        return Move(step, kind, "stream")
    if kind == "toolResponse":
        return Move(step, kind, "result", results=tuple(_gemini_results(step.message)))
    if kind == "clientContent":
        content = gemini_member(step.message, "clientContent")
        turns = objects(gemini_member(content, "turns"))
        complete = gemini_member(content, "turnComplete") is True
        if not complete:
            return Move(step, kind, "history" if seeds else "other")
        text = "".join(str(part.get("text", "")) for part in objects(turns[-1].get("parts") if turns else None))
        return Move(step, kind, "text", texts=(text,)) if text else Move(step, kind, "other")
    return Move(step, kind, "other")


def _gemini_results(message: Mapping[str, Any]) -> list[ToolResult]:
    found: list[ToolResult] = []
    for response in objects(gemini_member(gemini_member(message, "toolResponse"), "functionResponses")):
        answer = response.get("response")
        said = answer if isinstance(answer, dict) else {}
        failed = "error" in said
        found.append(ToolResult(str(response.get("id")), str(said.get("error" if failed else "output", "")), failed))
    return found


def _openai_move(step: Step, kind: str, seeds: int) -> Move:
    item = step.message.get("item")
    item = item if isinstance(item, dict) else {}
    if kind in ("session.update", "session.start"):
        return Move(step, kind, "setup")
    if kind in STREAM:
        return Move(step, kind, "stream")
    if kind in OWN:
        return Move(step, kind, "own")
    if item.get("type") == "function_call_output":
        result = ToolResult(str(item.get("call_id")), str(item.get("output", "")))
        return Move(step, kind, "result", results=(result,))
    if kind == "conversation.item.create" and item.get("type") == "message":
        if seeds:
            return Move(step, kind, "history")
        texts = [c.get("text") for c in objects(item.get("content"))]
        text = "".join(t for t in texts if isinstance(t, str))
        if text and item.get("role") == "user" and len(texts) == sum(isinstance(t, str) for t in texts):
            return Move(step, kind, "text", texts=(text,))
    return Move(step, kind, "other")


def _has_picture(message: Mapping[str, Any]) -> bool:
    content = gemini_member(message, "realtimeInput")
    return isinstance(content, dict) and any(plain_name(str(key)) == "video" for key in content)
