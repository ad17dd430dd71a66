"""Tools for session tests: functions by name, some of which wait until they are let."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tmlapp.core.event import ToolCall
from tmlapp.core.tool import Reply, Said, ToolSpec
from tmlapp.core.turn import DelegationResult, ToolResult

Work = Callable[[Mapping[str, Any], Reply], None]


def answers(text: str) -> Work:
    """A tool that returns `text` at once."""
    return lambda _, reply: reply(ToolResult("", text))


def streams(*pieces: str) -> Work:
    """A background model that gives `pieces`, the last one final."""

    def work(_: Mapping[str, Any], reply: Reply) -> None:
        for i, piece in enumerate(pieces):
            reply(DelegationResult("", piece, i == len(pieces) - 1))

    return work


class Gate:
    """A tool that waits for `let`, and notes that it has begun and how it ended."""

    def __init__(self, then: Work) -> None:
        self._then = then
        self._open = threading.Event()
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.raised: BaseException | None = None

    def let(self) -> None:
        self._open.set()

    def __call__(self, arguments: Mapping[str, Any], reply: Reply) -> None:
        self.begun.set()
        self._open.wait()
        try:
            self._then(arguments, reply)
        except BaseException as error:
            self.raised = error
            raise
        finally:
            self.ended.set()


class Functions:
    """A toolbox of functions; remembers what it was told."""

    def __init__(self, **functions: Work) -> None:
        self._functions = functions
        self.calls: list[ToolCall] = []
        self.told: list[tuple[Said, ...]] = []

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(ToolSpec(name=name, description=f"Does {name}.") for name in self._functions)

    def call(self, call: ToolCall, conversation: Sequence[Said], reply: Reply) -> None:
        self.calls.append(call)
        self.told.append(tuple(conversation))
        arguments = call.arguments if isinstance(call.arguments, dict) else {}
        self._functions[call.name](arguments, reply)
