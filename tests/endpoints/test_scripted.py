"""The endpoint that says given things at given times."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.endpoints.minimodel import write_wav
from tests.endpoints.talk import Heard, converse, finish, setup_for, turn
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Listen,
    SessionOpened,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolCancelled,
    UnitDone,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.turn import DelegationResult, Interrupt, ToolResult
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.endpoints.scripted import Line, ScriptedEndpoint

pytestmark = pytest.mark.unit


def test_lines_come_with_the_micro_turn_in_which_their_time_lies() -> None:
    script: list[dict[str, Any]] = [
        {"t_s": 0.5, "text": "two"},
        {"t_s": 0.2, "text": "one"},
        {"t_s": 0.2, "text": "hm", "channel": "thought"},
    ]
    heard = converse(ScriptedEndpoint(script), [turn(i) for i in range(4)])
    said = [(e.text, e.channel, e.t_rx_ns, e.t_media_ns) for e in heard.of(TextOutDone)]
    half = NS_PER_S // 2
    assert said == [
        ("one", "say", TURN_NS, TURN_NS),
        ("hm", "thought", TURN_NS, TURN_NS),
        ("two", "say", 3 * TURN_NS, half),
    ]
    assert [e.micro_turn for e in heard.of(Listen)] == [1, 3]
    assert [e.micro_turn for e in heard.of(UnitDone)] == [0, 1, 2, 3]


def test_on_a_real_clock_answers_carry_its_time() -> None:
    clock = ManualClock()
    heard = Heard()
    duplex = ScriptedEndpoint([Line(0, "one")]).open(setup_for(virtual_time=False, clock=clock), heard)
    clock.advance(TURN_NS + 5)
    finish(duplex, [turn(0)])
    assert heard.of(UnitDone)[0].latency_ns == 5
    assert heard.of(TextOut)[0].t_rx_ns == TURN_NS + 5


def test_a_line_may_have_a_recording_or_is_spoken_by_the_voice(tmp_path: Path) -> None:
    write_wav(tmp_path / "one.wav", rate=16_000, samples=1600)
    script = tmp_path / "script.json"
    lines = [{"t_s": 0, "text": "one", "wav": "one.wav"}, {"t_s": 0, "text": "two"}]
    script.write_text(json.dumps([*lines, {"t_s": 0, "text": "hm", "channel": "thought"}]))
    endpoint = ScriptedEndpoint.from_file(script)
    assert endpoint.address == f"scripted:{script}"
    voice = AudioClip(np.zeros(240, np.int16), 24_000)
    heard = converse(endpoint, [turn(0)], setup_for(synthesize=lambda _: voice))
    assert [(e.text, e.rate, len(e.pcm16)) for e in heard.of(AudioOut)] == [("one", 16_000, 3200), ("two", 24_000, 480)]
    silent = converse(endpoint, [turn(0)])
    assert [e.text for e in silent.of(AudioOut)] == ["one"]


def test_a_micro_turn_never_waits_for_the_voice() -> None:
    spoken: list[str] = []

    def voice(text: str) -> AudioClip:
        spoken.append(text)
        return AudioClip(np.zeros(240, np.int16), 24_000)

    duplex = ScriptedEndpoint([{"t_s": 0, "text": "one"}]).open(setup_for(synthesize=voice), Heard())
    before = list(spoken)
    finish(duplex, [turn(0)])
    assert before == spoken == ["one"]


def test_a_voice_that_fails_is_reported() -> None:
    def dumb(text: str) -> AudioClip:
        raise AppError("There is no voice.", "It is gone.", "Install it.")

    heard = converse(ScriptedEndpoint([{"t_s": 0, "text": "one"}]), [turn(0)], setup_for(synthesize=dumb))
    assert [(e.code, e.fatal) for e in heard.of(EndpointError)] == [("E_VOICE", False)]


def test_an_empty_script_only_listens() -> None:
    endpoint = ScriptedEndpoint([])
    endpoint.check("anything")
    heard = converse(endpoint, [turn(0)])
    assert heard.of(SessionOpened)[0].granted.modalities_out == ("text",)
    assert not heard.of(TextOut)


def test_a_script_calls_tools_and_reacts_to_their_results() -> None:
    script: list[dict[str, Any]] = [
        {"t_s": 0, "call": "look_up", "arguments": {"what": "tea", "n": 1}, "id": "a"},
        {"after": "a", "text": "It is $result."},
        {"after": "a", "t_s": 0.7, "call": "buy", "arguments": {"what": "$result", "n": 2}},
        {"t_s": 0.1, "call": "think", "id": "b"},
        {"after": "b", "text": "$result", "channel": "thought"},
        {"t_s": 0.3, "cancel": "b"},
    ]
    controls = {
        1: (Interrupt(0), ToolResult("a", "green"), DelegationResult("b", "one ", False)),
        2: (DelegationResult("b", "two", True),),
    }
    turns = [replace(turn(i), controls=controls.get(i, ())) for i in range(4)]
    voice = AudioClip(np.zeros(240, np.int16), 24_000)
    heard = converse(ScriptedEndpoint(script), turns, setup_for(synthesize=lambda _: voice))
    calls = [(e.t_rx_ns // TURN_NS, e.call_id, e.name, e.arguments) for e in heard.of(ToolCall)]
    assert calls == [
        (1, "a", "look_up", {"what": "tea", "n": 1}), (1, "b", "think", {}),
        (4, "call-2", "buy", {"what": "green", "n": 2}),
    ]  # fmt: skip
    assert [(e.t_rx_ns // TURN_NS, e.text) for e in heard.of(TextOutDone)] == [(2, "It is green."), (3, "one two")]
    assert [(e.t_rx_ns // TURN_NS, e.call_id) for e in heard.of(ToolCancelled)] == [(2, "b")]
    assert not heard.of(AudioOut), "what a tool returns cannot have been spoken before"


@pytest.mark.parametrize(
    "script",
    [
        {"t_s": 1},
        ["one"],
        [{"t_s": 1, "text": "one", "colour": 1}],
        [{"text": "one"}],
        [{"t_s": -1, "text": "one"}],
        [{"t_s": True, "text": "one"}],
        [{"t_s": float("nan"), "text": "one"}],
        [{"t_s": 1}],
        [{"t_s": 1, "text": " "}],
        [{"t_s": 1, "text": "one", "channel": "shout"}],
        [{"t_s": 1, "text": "one", "wav": "missing.wav"}],
        [{"t_s": 1, "text": "one", "wav": "stereo.wav"}],
        [{"t_s": 1, "text": "one", "wav": "bad.json"}],
        [{"t_s": 1, "text": "one", "after": 3}],
        [{"t_s": 1, "text": "one", "after": "nobody"}],
        [{"t_s": 1, "cancel": "nobody"}],
        [{"t_s": 1, "cancel": "a", "text": "x"}],
        [{"t_s": 1, "call": ""}],
        [{"t_s": 1, "call": ["x"]}],
        [{"call": "x"}],
        [{"t_s": 1, "call": "x", "arguments": []}],
        [{"t_s": 1, "call": "x", "id": ""}],
        [{"t_s": 1, "call": "x", "id": "a"}, {"t_s": 2, "call": "y", "id": "a"}],
    ],
)
def test_a_malformed_script_is_refused_with_an_example(tmp_path: Path, script: object) -> None:
    write_wav(tmp_path / "stereo.wav", channels=2)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(script))
    with pytest.raises(AppError, match="cannot be used") as caught:
        ScriptedEndpoint.from_file(path)
    assert '"t_s": 1.2' in caught.value.fix


def test_a_script_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[")
    with pytest.raises(AppError, match="not JSON"):
        ScriptedEndpoint.from_file(tmp_path / "x.json")


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        ScriptedEndpoint.from_file(tmp_path / "x.json")
