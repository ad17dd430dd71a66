"""Which protocol a recorded session speaks, told by its frames and never by its name, and how we are to speak it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.traces.expected import gemini_member, objects, plain_name
from tests.traces.lines import Trace
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.endpoints.registry import dialects
from tmlapp.endpoints.remote.contract import Dialect

_GEMINI = frozenset(
    ("setup", "setupComplete", "clientContent", "realtimeInput", "toolResponse", "serverContent", "toolCall",
     "toolCallCancellation", "usageMetadata", "goAway", "sessionResumptionUpdate", "voiceActivity")
)  # fmt: skip
_LIVE = (
    "session.start", "session.input_audio.", "session.output_audio.", "session.output_transcript.",
    "session.input_transcript.", "session.delegation.", "session.thinking.", "session.commentary.", "response.event",
)  # fmt: skip
_BETA = frozenset(
    ("response.audio.delta", "response.audio.done", "response.audio_transcript.delta", "response.audio_transcript.done",
     "response.text.delta", "response.text.done", "conversation.item.created")
)  # fmt: skip
_FAMILY = (
    "session.", "response.", "conversation.", "input_audio_buffer.", "output_audio_buffer.", "rate_limits.", "error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spoken:
    """A protocol, and what the recorded client asked of it.

    Attributes:
        grammar: how the recording is read: `family`, `live` or `gemini`.
        binary: whether the service sends its JSON in binary frames.
    """

    dialect: Dialect
    grammar: str
    options: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    instruction: str = ""
    tools: tuple[ToolSpec, ...] = ()
    history: tuple[HistoryTurn, ...] = ()
    binary: bool = False


def kind_of(message: Mapping[str, Any], grammar: str) -> str:
    """What a frame is called: its `type`, or the key that says it."""
    if grammar != "gemini":
        return str(message.get("type", ""))
    names = [plain_name(str(key)) for key in message]
    return next((name for name in names if name in _GEMINI), names[0] if names else "")


def detect(trace: Trace) -> tuple[str, str] | None:
    """Kind of the endpoint and grammar of `trace`; None where no frame says it."""
    types = {str(step.message["type"]) for step in trace.steps if isinstance(step.message.get("type"), str)}
    keys = {plain_name(str(key)) for step in trace.steps if "type" not in step.message for key in step.message}
    if keys & _GEMINI:
        return "gemini_live", "gemini"
    if any(kind.startswith(_LIVE) for kind in types):
        return "openai_live", "live"
    if not any(kind.startswith(_FAMILY) for kind in types):
        return None
    members = {str(key) for step in trace.steps for key in step.message}
    if any(kind.startswith("sglang.") for kind in types) or any("sglang" in key for key in members):
        return "sglang_omni", "family"
    if "server_event_seq" in members:
        return "vllm_omni", "family"
    if types & {"session.finish", "session.finished", "input_image_buffer.append"}:
        return "qwen_omni", "family"
    if any(kind.startswith("unmute.") for kind in types):
        return "unmute", "family"
    return "openai_realtime", "family"


def spoken_in(trace: Trace, known: Callable[[], Mapping[str, Dialect]] = dialects) -> Spoken | None:
    """How `trace` is replayed; None where no frame says which protocol it is, or this installation has none for it."""
    found = detect(trace)
    dialect = known().get(found[0]) if found else None
    if found is None or dialect is None:
        return None
    if found[1] == "gemini":
        return _gemini(trace, dialect)
    return _openai(trace, dialect, found[1])


# ---------------------------------------------------------------------- Gemini


def _gemini(trace: Trace, dialect: Dialect) -> Spoken:
    setup: Mapping[str, Any] = {}
    history: list[HistoryTurn] = []
    for step in trace.sent:
        setup = setup or _mapping(gemini_member(step.message, "setup"))
        content = _mapping(gemini_member(step.message, "clientContent"))
        turns = objects(content.get("turns"))
        complete = gemini_member(content, "turnComplete") is True
        for turn in turns[:-1] if complete else turns:
            history += _history(turn.get("role"), (part.get("text") for part in objects(turn.get("parts"))))
    model = str(setup.get("model", ""))
    config = _mapping(gemini_member(setup, "generationConfig"))
    modalities = str(gemini_member(config, "responseModalities")).upper()
    instruction = "".join(
        str(part.get("text", "")) for part in objects(_mapping(gemini_member(setup, "systemInstruction")).get("parts"))
    )
    declared = [f for tool in objects(setup.get("tools")) for f in objects(gemini_member(tool, "functionDeclarations"))]
    options = {"modality": "text" if "TEXT" in modalities else "audio"}
    if model.startswith(("publishers/", "projects/")):
        options["service"] = "vertex"
    return Spoken(
        dialect=dialect, grammar="gemini", options=options, model=model, instruction=instruction,
        tools=_tools(declared), history=tuple(history), binary=True,
    )  # fmt: skip


# ---------------------------------------------------------------------- OpenAI's family and GPT-Live


def _openai(trace: Trace, dialect: Dialect, grammar: str) -> Spoken:
    sent = [step.message for step in trace.sent]
    asked = next((_mapping(m.get("session")) for m in sent if m.get("type") in ("session.update", "session.start")), {})
    echoed = [_mapping(step.message.get("session")) for step in trace.received]
    model = next((str(s["model"]) for s in (asked, *echoed) if isinstance(s.get("model"), str)), "")
    messages = [
        item for m in sent for item in [_mapping(m.get("item"))]
        if m.get("type") == "conversation.item.create" and item.get("type") == "message"
    ]  # fmt: skip
    # The last item before the recorded client asks for an answer is what is typed; what lies before is history.
    history = [turn for item in messages[: _seeds(sent)] for turn in _history(item.get("role"), _texts(item))]
    modalities = str(asked.get("output_modalities") or asked.get("modalities") or "audio")
    options: dict[str, str] = {}
    names = {option.name: option for option in dialect.options}
    if "modalities" in names and grammar == "family" and modalities and "audio" not in modalities:
        options["modalities"] = "text"
    types = {str(step.message.get("type")) for step in trace.received}
    if types & _BETA and "service" in names:
        options["service"] = "azure-voice-live"
    delegation = _mapping(asked.get("delegation"))
    if "delegation" in names and delegation.get("type") in names["delegation"].choices:
        options["delegation"] = str(delegation["type"])
    if options.get("delegation") == "responses" and "backend_model" in names:
        options["backend_model"] = str(_mapping(delegation.get("responses")).get("model") or "unknown")
    return Spoken(
        dialect=dialect, grammar=grammar, options=options, model=model,
        instruction=str(asked.get("instructions") or ""), tools=_tools(objects(asked.get("tools"))),
        history=tuple(history),
    )  # fmt: skip


def _seeds(sent: Iterable[Mapping[str, Any]]) -> int:
    """How many messages stand before the one that is answered first."""
    count = 0
    for message in sent:
        if message.get("type") == "response.create":
            break
        count += message.get("type") == "conversation.item.create"
    return max(0, count - 1)


def _texts(item: Mapping[str, Any]) -> list[Any]:
    return [content.get("text") or content.get("transcript") for content in objects(item.get("content"))]


def _history(role: Any, texts: Iterable[Any]) -> list[HistoryTurn]:
    text = "".join(t for t in texts if isinstance(t, str))
    return [HistoryTurn(role="user" if role == "user" else "assistant", text=text)] if text.strip() else []


def _tools(declared: Iterable[Mapping[str, Any]]) -> tuple[ToolSpec, ...]:
    return tuple(
        ToolSpec(
            name=str(d.get("name")), description=str(d.get("description", "")), parameters=_mapping(d.get("parameters"))
        )
        for d in declared
        if d.get("name")
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
