"""The background agent: an interaction model hands over a task, a text model works on it while the talk goes on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tmlapp.bench.background_http import ChatClient, ChatError, Step
from tmlapp.bench.background_tools import DELEGATE, CombinedToolbox, arguments_of, call_for_model, in_openai_form
from tmlapp.bench.judges.chat_wire import key_from
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import ToolCall
from tmlapp.core.tool import Reply, Said, Toolbox, ToolSpec
from tmlapp.core.turn import DelegationResult, ToolResult
from tmlapp.core.units import s_to_ns

SPEC = ToolSpec(
    name=DELEGATE,
    description=(
        "Hands a task to a careful assistant in the background that can think, look things up and use tools. It knows "
        "the whole conversation. Its answer comes back piece by piece while you go on talking."
    ),
    parameters={
        "type": "object",
        "properties": {"task": {"type": "string", "description": "What to do, with everything that matters."}},
        "required": ["task"],
    },
)
SYSTEM = (
    "You work in the background of a spoken conversation between a user and a voice assistant. You are given the "
    "conversation so far and one task from the voice assistant. Do the task with the tools that you have; call a tool "
    "only with what the user really asked for in the end, since people correct themselves while they speak. Then "
    "answer with what the voice assistant should tell the user: short, plain sentences that can be read aloud, with "
    "every fact, name and number that matters, no markup. If something cannot be done, say so and why."
)
_SENTENCE = re.compile(r"[.!?…][\"')\]]*\s|\n")
_NAMES = {"user": "User", "assistant": "Voice assistant", "system": "Instruction"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOptions:
    """Who works in the background, and how much it may cost.

    Attributes:
        url: base address of an OpenAI-compatible service, e.g. `http://127.0.0.1:8000/v1`.
        model: as the service names it.
        key_env: name of the environment variable that holds the key; empty for a service without one. The key itself
            is read when the agent is made, and stands in no log, error or recording.
        temperature, seed: None leaves them out of the request.
        max_steps: replies of the model in one task. max_seconds, max_tokens: of one task, over all its replies.
        token_field: how the service calls its limit (`max_completion_tokens` at some).
        extra: further members of the request.
    """

    url: str
    model: str
    key_env: str = ""
    temperature: float | None = 0.0
    seed: int | None = 0
    max_steps: int = 8
    max_seconds: float = 120.0
    max_tokens: int = 4096
    token_field: str = "max_tokens"
    extra: Mapping[str, Any] = field(default_factory=dict)


class BackgroundAgent:
    """A `Toolbox` that announces `delegate(task)`.

    A task ends with a final `DelegationResult`, or with a `ToolResult` that says what went wrong. Pieces are whole
    sentences, so that they do not depend on how a network cuts a stream.

    Args:
        options: the service.
        toolbox: the tools that it may use itself.
        clock: for limits and waiting.

    Raises:
        AppError: the address is none, a limit is not positive, or the variable with the key is not set.
    """

    def __init__(self, options: AgentOptions, toolbox: Toolbox | None = None, *, clock: Clock | None = None) -> None:
        self._options = options
        self._toolbox: Toolbox = toolbox or CombinedToolbox()
        self._clock = clock or MonotonicClock()
        self._client = ChatClient(_checked(options).url, key_from(options.key_env, os.environ), self._clock)
        self._lock = threading.Lock()
        self._tasks = self._failed = self._steps = self._tokens = 0

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return (SPEC,)

    def call(self, call: ToolCall, conversation: Sequence[Said], reply: Reply) -> None:
        """Work on the task of `call`; every failure is given to `reply` as a result."""
        task = arguments_of(call).get("task")
        if not isinstance(task, str) or not task.strip():
            reply(ToolResult(call.call_id, "The argument task is missing: say what is to be done.", is_error=True))
            return
        pieces = _Pieces(call.call_id, reply)
        with self._lock:
            self._tasks += 1
        try:
            self._work(call.call_id, self._messages(task, conversation), conversation, pieces, reply)
        except ChatError as error:
            with self._lock:
                self._failed += 1
            reply(ToolResult(call.call_id, f"The background task failed. {error}", is_error=True))

    def provenance(self) -> dict[str, Any]:
        """Everything needed to say what answered; never the key."""
        options = self._options
        with self._lock:
            counts = {"tasks": self._tasks, "failed": self._failed, "steps": self._steps, "tokens": self._tokens}
        return {
            "model": options.model, "host": urlsplit(options.url).netloc,
            "prompt_sha256": prompt_sha256(self._toolbox), "seed": options.seed, "temperature": options.temperature,
            "max_steps": options.max_steps, "max_seconds": options.max_seconds, "max_tokens": options.max_tokens,
            "extra": dict(options.extra), "tools": [spec.name for spec in self._toolbox.specs], **counts,
        }  # fmt: skip

    def _messages(self, task: str, conversation: Sequence[Said]) -> list[dict[str, Any]]:
        # One message: templates of many open models refuse two turns of the same speaker in a row.
        # Nor do many of them see: a picture that goes with a delegation is left out.
        lines = [f"{_NAMES[said.role]}: {said.text}" for said in conversation if said.frame is None]
        told = "\n".join(lines) or "(nothing was written down yet)"
        user = f"The conversation so far:\n{told}\n\nThe task:\n{task}"
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]

    def _work(
        self,
        call_id: str,
        messages: list[dict[str, Any]],
        conversation: Sequence[Said],
        pieces: _Pieces,
        reply: Reply,
    ) -> None:
        options = self._options
        deadline_ns = self._clock.now_ns() + s_to_ns(options.max_seconds)
        left = options.max_tokens
        for _ in range(options.max_steps):
            self._in_time(deadline_ns)
            step = self._client.step(self._body(messages, left), deadline_ns, pieces.add)
            left -= step.tokens
            with self._lock:
                self._steps += 1
                self._tokens += step.tokens
            if not step.calls:
                pieces.end(cut_off=step.finish == "length")
                return
            if left <= 0:
                raise ChatError(f"It used up its {options.max_tokens} tokens.")
            pieces.pause()
            messages.append(_as_message(step, call_id))
            for wanted in messages[-1]["tool_calls"]:
                self._in_time(deadline_ns)
                made = wanted["function"]
                use = call_for_model(self._toolbox, wanted["id"], made["name"], made["arguments"], conversation)
                reply(use)
                messages.append({"role": "tool", "tool_call_id": wanted["id"], "content": use.output})
        raise ChatError(f"It gave no answer within {options.max_steps} steps.")

    def _in_time(self, deadline_ns: int) -> None:
        if self._clock.now_ns() >= deadline_ns:
            raise ChatError("The time for the task is up.")

    def _body(self, messages: Sequence[Mapping[str, Any]], left: int) -> dict[str, Any]:
        options = self._options
        body: dict[str, Any] = {
            "model": options.model, "messages": list(messages), "stream": True,
            "stream_options": {"include_usage": True}, options.token_field: left,
        }  # fmt: skip
        for name, value in (("temperature", options.temperature), ("seed", options.seed)):
            if value is not None:
                body[name] = value
        if self._toolbox.specs:
            body["tools"] = in_openai_form(self._toolbox.specs)
        return body | dict(options.extra)


def with_agent(
    options: AgentOptions, toolbox: Toolbox | None, *, direct: bool = False, clock: Clock | None = None
) -> Toolbox:
    """The tools of a session with a background agent, which gets `toolbox`.

    `direct`: the interaction model may use the tools itself, too; else it has `delegate` alone.

    Raises:
        AppError: as `BackgroundAgent`, or a tool is named `delegate`.
    """
    agent = BackgroundAgent(options, toolbox, clock=clock)
    return CombinedToolbox(toolbox, agent) if direct and toolbox is not None else agent


def prompt_sha256(toolbox: Toolbox) -> str:
    """Digest of the fixed text and of the tools as they are announced."""
    content = json.dumps([SYSTEM, in_openai_form(toolbox.specs)], sort_keys=True)
    return hashlib.sha256(content.encode("ascii")).hexdigest()


class _Pieces:
    """Collects text and gives it on by whole sentences."""

    def __init__(self, call_id: str, reply: Callable[[DelegationResult | ToolResult], None]) -> None:
        self._call_id = call_id
        self._reply = reply
        self._text = ""
        self._any = False

    def add(self, text: str) -> None:
        self._text += text
        while match := _SENTENCE.search(self._text):
            self._give(self._text[: match.end()])
            self._text = self._text[match.end() :]

    def pause(self) -> None:
        """The model calls a tool: what it said so far is a piece."""
        if self._text.strip():
            self._give(self._text + "\n")
        self._text = ""

    def end(self, *, cut_off: bool) -> None:
        """Nothing more comes.

        Raises:
            ChatError: nothing was said at all.
        """
        if not self._any and not self._text.strip():
            raise ChatError("It gave no answer.")
        rest = self._text + (" (The answer was cut off: the limit of tokens was reached.)" if cut_off else "")
        self._reply(DelegationResult(self._call_id, rest, True))

    def _give(self, text: str) -> None:
        self._any = self._any or bool(text.strip())
        self._reply(DelegationResult(self._call_id, text, False))


def _as_message(step: Step, call_id: str) -> dict[str, Any]:
    calls = [
        {
            "id": wanted.id or f"{call_id}-{i}",
            "type": "function",
            "function": {"name": wanted.name, "arguments": wanted.arguments or "{}"},
        }
        for i, wanted in enumerate(step.calls)
    ]
    return {"role": "assistant", "content": step.text or None, "tool_calls": calls}


def _checked(options: AgentOptions) -> AgentOptions:
    parts = urlsplit(options.url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.username or parts.password:
        # It is not shown: it may hold a key.
        raise AppError(
            "The address of the background agent is not valid.",
            "It begins with http:// or https://, usually ends with /v1, and holds no user name or password.",
            "Correct it, and name the variable that holds the key with key_env.",
        )
    for name in ("max_steps", "max_seconds", "max_tokens"):
        if not getattr(options, name) > 0:
            raise AppError(
                f"{name} of the background agent is {getattr(options, name)}.",
                "Nothing could be done within it.",
                "Give a positive number.",
            )
    return options
