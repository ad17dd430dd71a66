"""Tools that a model may call while it converses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tmlapp.core.event import ToolCall
from tmlapp.core.media import AudioClip, Frame
from tmlapp.core.turn import DelegationResult, ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as it is announced to a model: `parameters` is a JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One utterance of the conversation so far, in session time; what the person said stands there as far as known.

    Attributes:
        frame: what the camera saw then: the last entry of what goes with a delegation, which has no text.
    """

    t_ns: int
    role: Literal["user", "assistant", "system"]
    text: str
    frame: Frame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTurn:
    """A turn that lies before the session: what a model is told to have heard or said."""

    role: Literal["user", "assistant"]
    text: str = ""
    sound: AudioClip | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundUse:
    """A tool that a background model called on its way to an answer: kept in the recording, never sent to the model."""

    name: str
    arguments: dict[str, Any] | str
    output: str
    is_error: bool = False


Reply = Callable[[ToolResult | DelegationResult | BackgroundUse], None]
"""Takes a result, from any thread; the session sends it with the next micro-turn.

Raises `CallCancelledError` once nobody wants results of this call any more.
"""


class CallCancelledError(Exception):
    """The model took its call back, its time is up, or the session is over: let it pass and return."""


class Toolbox(Protocol):
    """The tools of a session. Calls come on a thread of their own, one per call."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What is announced to the model."""
        ...

    def call(self, call: ToolCall, conversation: Sequence[Said], reply: Reply) -> None:
        """Do what `call` asks and give every result to `reply`; returns when the last one was given.

        A call ends with one `ToolResult` or with a `DelegationResult` that is `final`. A failure is a result with
        `is_error`, so that the model learns of it; only a fault of our own is raised.
        """
        ...
