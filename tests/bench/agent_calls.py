"""Calls of a background agent, and what comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.bench.chat_server import ChatServer
from tests.live.toolboxes import Functions
from tmlapp.bench.background import AgentOptions, BackgroundAgent
from tmlapp.bench.background_tools import (
    DELEGATE,
)
from tmlapp.core.clock import Clock
from tmlapp.core.event import ToolCall
from tmlapp.core.tool import Said
from tmlapp.core.turn import ToolResult

KEY = "sk-very-secret-1234"
TALK = (
    Said(t_ns=0, role="system", text="Be brief."),
    Said(t_ns=1, role="user", text="A flight to Rome, no, Oslo."),
    Said(t_ns=2, role="assistant", text="Let me look."),
)


def delegate(
    server: ChatServer,
    toolbox: Functions | None = None,
    *,
    task: Any = "Find a flight.",
    clock: Clock | None = None,
    **options: Any,
) -> list[Any]:
    """Everything that one task gave."""
    agent = BackgroundAgent(
        AgentOptions(url=server.url, model="m", key_env="TEST_KEY", **options), toolbox, clock=clock
    )
    found: list[Any] = []
    agent.call(ToolCall(call_id="c", name=DELEGATE, arguments={"task": task}), TALK, found.append)
    return found


def failure(found: Sequence[Any]) -> str:
    assert isinstance(found[-1], ToolResult)
    assert found[-1].is_error
    assert found[-1].call_id == "c"
    return found[-1].output
