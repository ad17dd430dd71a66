"""What a GPT-Live session is asked for: `session.start`, field by field, and how long texts are cut for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import Rejection
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.endpoints.asked import TOOLS
from tmlapp.endpoints.openai_family.functions import function_tools
from tmlapp.endpoints.remote.contract import Target

RATE_HZ = 24_000
DEFAULT_VOICE = "marin"
DELEGATE = "delegate"
"""The tool of a session that works in the background: a delegation of the model's is a call of it."""

PIECE_BYTES = 500
"""An append holds at most 500 tokens, and no token is shorter than a byte."""
_HISTORY_MESSAGES = 128
_HISTORY_BYTES = 2 * 8_192
"""At most 8,192 tokens; two bytes to a token is less than any language needs."""
_SENTENCE_ENDS = (". ", "! ", "? ", "\n", "。", "；", "; ")
_PICTURES = Rejection(asked="pictures", granted="none", reason="GPT-Live's voice model sees nothing.")
_TEXTS = Rejection(
    asked="typed text", granted="silent context", reason="GPT-Live takes no turns in text; it learns what was typed."
)
_FORCED = "A tool that is forced is called for ever."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options of a target, read.

    Attributes:
        delegation: who does what the model delegates: `client` (this session), `responses` (a model at OpenAI), `none`.
        backend: further members of the configuration of a `responses` backend.
        typed: where typed text goes: `thinking`, or `backend` as a message to the `responses` backend.
        video_fps: pictures per second for the `responses` backend.
    """

    delegation: str = "client"
    delay_ms: int | None = None
    backend_model: str = ""
    backend_instructions: str = ""
    backend: Mapping[str, Any] = field(default_factory=dict)
    typed: str = "thinking"
    video_fps: float = 0.0
    store: bool = False
    quiet_ms: float = 600.0
    audible_dbfs: float = -54.0
    service: str = "openai"

    @property
    def sees(self) -> bool:
        """Somebody looks at pictures."""
        return self.delegation == "responses" and self.video_fps > 0


@dataclass(frozen=True, slots=True)
class Asked:
    """`session` of `session.start`, and what was left out of it."""

    session: Mapping[str, Any]
    rejections: tuple[Rejection, ...]


def asked(
    target: Target,
    model: str,
    setup: EndpointSetup,
    wishes: Wishes,
    turns: Iterable[HistoryTurn],
    instructions: Iterable[str] = (),
) -> Asked:
    """What to start a session with: exactly the fields that are set: the service refuses what it does not know.

    Args:
        turns: what was said before.
        instructions: what was added to `setup.instruction` in an earlier connection.
    """
    rejections = _refused(wishes)
    session: dict[str, Any] = {"model": model}
    if setup.instruction.strip():
        session["instructions"] = setup.instruction
    session["audio"] = {
        "format": {"type": "audio/pcm", "rate": RATE_HZ},
        "output": {"voice": target.voice or DEFAULT_VOICE},
    }
    added = [_message("developer", text) for text in instructions]
    messages = _history(tuple(turns), _HISTORY_MESSAGES - len(added), rejections) + added
    if messages:
        session["input"] = messages
    session["delegation"] = _delegation(setup.tools, wishes, rejections)
    if wishes.store:
        session["store"] = True
    return Asked(session, tuple(rejections))


def forked(wishes: Wishes) -> Asked:
    """What to go on with after a stored session: everything but the form of the sound is its own."""
    session: dict[str, Any] = {"audio": {"format": {"type": "audio/pcm", "rate": RATE_HZ}}}
    if wishes.store:
        session["store"] = True
    return Asked(session, tuple(_refused(wishes)))


def pieces(text: str, most_bytes: int = PIECE_BYTES) -> Iterator[str]:
    """`text` in pieces of at most `most_bytes` of UTF-8, cut after sentences, else between words, else anywhere.

    Nothing is lost but blanks where it is cut; a text that fits stays as it is, and blank text gives nothing.
    """
    rest = text
    while rest.strip():
        if len(rest.encode()) <= most_bytes:
            yield rest
            return
        head = rest.encode()[:most_bytes].decode(errors="ignore")
        cut = max((head.rfind(end) + len(end) for end in _SENTENCE_ENDS if end in head), default=0)
        if cut <= len(head) // 4:
            cut = head.rfind(" ") + 1
        if cut <= len(head) // 4:
            cut = len(head)
        if piece := rest[:cut].rstrip():
            yield piece
        rest = rest[cut:].lstrip()


def _history(turns: tuple[HistoryTurn, ...], most: int, rejections: list[Rejection]) -> list[dict[str, Any]]:
    """The newest turns that fit, at most `most`, oldest first."""
    written = [turn for turn in turns if turn.text.strip()]
    if len(written) < len(turns):
        rejections.append(_less(len(turns), len(written), "Only turns with text can be told; sound cannot."))
    kept: list[dict[str, Any]] = []
    left = _HISTORY_BYTES
    for turn in reversed(written):
        left -= len(turn.text.encode())
        if left < 0 or len(kept) == most:
            why = "A session begins with at most 128 messages and 8,192 tokens; the newest were told."
            rejections.append(_less(len(written), len(kept), why))
            break
        kept.append(_message(turn.role, turn.text))
    return kept[::-1]


def _message(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _refused(wishes: Wishes) -> list[Rejection]:
    """What no session has a place for."""
    typed = wishes.typed == "backend" and wishes.delegation == "responses"
    return [*(() if wishes.sees else (_PICTURES,)), *(() if typed else (_TEXTS,))]


def _less(asked_turns: int, told: int, why: str) -> Rejection:
    return Rejection(asked=f"history of {asked_turns} turns", granted=f"{told} turns", reason=why)


def _delegation(tools: tuple[ToolSpec, ...], wishes: Wishes, rejections: list[Rejection]) -> dict[str, Any]:
    delay = {} if wishes.delay_ms is None else {"acknowledgement_delay_ms": wishes.delay_ms}
    if wishes.delegation == "responses":
        return {"type": "responses", "responses": _backend(tools, wishes, rejections), **delay}
    usable = wishes.delegation == "client"
    refused = [tool.name for tool in tools if not (usable and tool.name == DELEGATE)]
    if refused:
        why = "GPT-Live calls tools only through a backend: set the option delegation to responses."
        rejections.append(Rejection(asked=TOOLS + ", ".join(refused), granted="", reason=why))
    return {"type": "client", **delay}


def _backend(tools: tuple[ToolSpec, ...], wishes: Wishes, rejections: list[Rejection]) -> dict[str, Any]:
    backend: dict[str, Any] = {"model": wishes.backend_model}
    if wishes.backend_instructions:
        backend["instructions"] = wishes.backend_instructions
    backend |= wishes.backend
    functions = function_tools(tools)
    given = backend.get("tools")
    if functions or given:
        backend["tools"] = [*functions, *(given if isinstance(given, list) else ())]
    if (choice := backend.get("tool_choice", "auto")) not in ("auto", "none"):
        backend["tool_choice"] = "auto"
        rejections.append(Rejection(asked=f"tool_choice: {json.dumps(choice)}", granted="auto", reason=_FORCED))
    return backend
