"""Tools as values: what is announced, what was said, and grades that come back from their file."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tmlapp.core.media import AudioClip
from tmlapp.core.tool import CallCancelledError, HistoryTurn, Said, Toolbox, ToolSpec
from tmlapp.core.turn import ToolResult

pytestmark = pytest.mark.unit


def test_a_tool_without_arguments_is_announced_with_an_empty_schema() -> None:
    spec = ToolSpec(name="now", description="The time.")
    assert dataclasses.asdict(spec) == {"name": "now", "description": "The time.", "parameters": {}}


def test_values_are_equal_by_content_and_cannot_be_changed() -> None:
    said = Said(t_ns=1, role="user", text="hello")
    assert said == Said(t_ns=1, role="user", text="hello")
    with pytest.raises(dataclasses.FrozenInstanceError):
        said.text = "bye"  # type: ignore[misc]


def test_a_turn_of_the_history_has_text_or_sound() -> None:
    sound = AudioClip(np.zeros(3, np.int16), 16_000)
    assert HistoryTurn(role="user", sound=sound).text == ""
    assert HistoryTurn(role="assistant", text="hi").sound is None


def test_a_toolbox_is_anything_with_specs_and_call() -> None:
    class Clock:
        specs = (ToolSpec(name="now", description="The time."),)

        def call(self, call, conversation, reply) -> None:  # type: ignore[no-untyped-def]
            reply(ToolResult(call, "12"))

    given: list[object] = []
    box: Toolbox = Clock()
    box.call("a", (), given.append)  # type: ignore[arg-type]
    assert given == [ToolResult("a", "12")]
    assert issubclass(CallCancelledError, Exception)
