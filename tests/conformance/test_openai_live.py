"""GPT-Live against aimock, which compares the set-up field by field and the sound byte by byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conformance.harness import Peer, Validator, frames_of, node_modules, running, serving
from tests.conformance.live_fixtures import SESSION, Tape, with_sound
from tests.endpoints.remote.family import JPEG, Log, micro_turn, say, sent, setup, start
from tmlapp.core.endpoint import Duplex
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    Delegation,
    EndpointError,
    TextOut,
    TextOutDone,
    ToolCall,
    TurnDone,
    TurnStarted,
    Unrecognized,
    Usage,
)
from tmlapp.core.resample import Resampler
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import Control, DelegationResult, MicroTurn, TextInput, ToolResult
from tmlapp.core.units import NS_PER_MS, TURN_SAMPLES
from tmlapp.endpoints.openai_live import OPENAI_LIVE
from tmlapp.endpoints.remote.contract import Patience, Target
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint

pytestmark = pytest.mark.conformance

IMPATIENT = Patience(backoff_s=(0.0,), jitter=0.0)
AIMOCK = "aimock_server.mjs"
INSTRUCTION = "Count the reps."


def noise(turns: int) -> list[MicroTurn]:
    """Micro-turns that no other sound could be taken for."""
    rng = np.random.default_rng(5)
    return [MicroTurn(k, rng.integers(-9000, 9000, TURN_SAMPLES).astype(np.int16)) for k in range(turns)]


def on_the_wire(turns: list[MicroTurn]) -> list[bytes]:
    """What a service has to get: 24 kHz, without a seam."""
    resampler = Resampler(16_000, 24_000)
    return [resampler.push(turn.pcm).astype("<i2").tobytes() for turn in turns]


def with_controls(turn: MicroTurn, *controls: Control) -> MicroTurn:
    return MicroTurn(turn.index, turn.pcm, controls=controls)


@contextmanager
def conversation(peer: Peer, log: Log, instruction: str = INSTRUCTION, **members: Any) -> Iterator[Duplex]:
    """A session with the mock, closed in the end."""
    options = members.pop("options", {})
    target = Target(
        kind="openai_live", address="openai_live:test", name="test", url=peer.url, voice="marin", options=options
    )
    duplex = RemoteEndpoint(OPENAI_LIVE, target, patience=IMPATIENT).open(setup(instruction, **members), log)
    try:
        yield duplex
    finally:
        duplex.close()


def quiet(log: Log) -> None:
    """No error, nothing unknown, one end."""
    assert log.of(EndpointError) == []
    assert log.of(Unrecognized) == []
    assert len(log.of(Closed)) == 1


def has(kind: type) -> Callable[[list[Any]], bool]:
    return lambda events: any(isinstance(e, kind) for e in events)


def test_sound_is_byte_exact_in_both_directions_and_words_keep_their_time(tmp_path: Path, validate: Validator) -> None:
    turns = noise(12)
    spoken = [np.full(4800, 2000 if k in (3, 4) else 7, "<i2").tobytes() for k in range(12)]
    tape = Tape()
    tape.start()
    for k, (heard, said) in enumerate(zip(on_the_wire(turns), spoken, strict=True)):
        tape.hear(heard)
        tape.say(said)
        if k == 4:
            tape.tell("session.output_transcript.delta", "words", start_ms=800, end_ms=1000, delta="One")
    tape.close(seconds=2.4)
    log = Log()
    with serving(AIMOCK, tape.write(tmp_path / "fixture.json")) as peer, conversation(peer, log) as duplex:
        for turn in turns:
            duplex.push(turn)
        duplex.drain(5)
    assert b"".join(e.pcm16 for e in log.of(AudioOut)) == b"".join(spoken)
    assert [e.t_media_ns for e in log.of(AudioOut)] == [k * 200 * NS_PER_MS for k in range(12)]
    (words,) = log.of(TextOut)
    assert (words.delta, words.channel, words.t_media_ns, words.media_kind) == (
        "One",
        "transcript",
        800 * NS_PER_MS,
        "session",
    )
    assert [e.text for e in log.of(TextOutDone)] == ["One"]
    assert [e.t_media_ns for e in log.of(TurnStarted)] == [600 * NS_PER_MS]
    assert [(e.status, e.t_media_ns) for e in log.of(TurnDone)] == [("completed", 1000 * NS_PER_MS)]
    assert [e.counters for e in log.of(Usage)] == [{"seconds": 2.4}]
    (closed,) = log.of(Closed)
    assert (closed.code, closed.initiated_by) == ("close_requested", "us")
    quiet(log)
    sent = frames_of(log.events)
    assert [f["type"] for f in sent] == ["session.start", *["session.input_audio.append"] * 12, "session.close"]
    assert validate(sent, "openai-live") == []
    assert validate(frames_of(log.events, "received"), "openai-live", "received") == []


def test_a_set_up_that_is_refused_is_a_configuration_error(tmp_path: Path) -> None:
    tape = Tape()
    tape.start()
    tape.close()
    log = Log()
    with (
        serving(AIMOCK, tape.write(tmp_path / "fixture.json")) as peer,
        pytest.raises(AppError),
        conversation(peer, log, "Count the sheep."),
    ):
        pass
    (error,) = log.of(EndpointError)
    assert (error.kind, error.fatal, error.retryable, error.code) == ("config", True, False, "1008")
    assert [e.name for e in log.of(Unrecognized)] == ["aimock.error"]
    assert len(log.of(Closed)) == 1


def shipped(name: str) -> dict[str, Any]:
    """A fixture that comes with aimock."""
    path = node_modules() / "@copilotkit" / "aimock" / "fixtures" / f"openai-live-{name}.json"
    fixture: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return fixture


def test_a_delegation_to_this_session_is_answered_silently_and_then_aloud(tmp_path: Path, validate: Validator) -> None:
    turns = noise(4)
    fixture = with_sound(shipped("client"), on_the_wire(turns))
    live = fixture["fixtures"][0]["response"]["live"]
    path = tmp_path / "fixture.json"
    path.write_text(json.dumps(fixture), encoding="utf-8")
    said = [e["event"]["content"] for e in live["entries"] if "content" in e["event"]]
    log = Log()
    with (
        serving(AIMOCK, path) as peer,
        conversation(peer, log, live["configuration"]["instructions"]) as duplex,
    ):
        duplex.push(turns[0])
        log.wait_for(has(Delegation))
        (created,) = log.of(Delegation)
        duplex.push(with_controls(turns[1], DelegationResult(created.id, said[0], final=False)))
        duplex.push(with_controls(turns[2], DelegationResult(created.id, said[1], final=True)))
        log.wait_for(has(AudioOut))
        duplex.push(turns[3])
        duplex.drain(5)
    assert (created.target, created.state, created.t_media_ns) == ("client", "created", 0)
    assert [e.state for e in log.of(Delegation)] == ["created", "progress", "done"]
    assert log.of(Usage)[0].counters == {"seconds": 1, "context_window": {"usage_ratio": 0.001}}
    quiet(log)
    assert validate(frames_of(log.events), "openai-live") == []


def test_a_backend_of_the_service_calls_the_tools_of_the_session(tmp_path: Path, validate: Validator) -> None:
    turns = noise(3)
    fixture = with_sound(
        shipped("managed"), [on_the_wire(turns)[0], on_the_wire(turns)[1], b"", b"", on_the_wire(turns)[2]]
    )
    live = fixture["fixtures"][0]["response"]["live"]
    sessions = [e["event"]["session"] for e in live["entries"] if "session" in e["event"]]
    for session in (live["configuration"], *sessions):
        for tool in session["delegation"]["responses"]["tools"]:
            # Tools of a session say nothing of strictness.
            tool.pop("strict")
    backend = live["configuration"]["delegation"]["responses"]
    path = tmp_path / "fixture.json"
    path.write_text(json.dumps(fixture), encoding="utf-8")
    options = {
        "delegation": "responses",
        "backend_model": backend["model"],
        "backend_instructions": backend["instructions"],
        "backend": json.dumps({k: backend[k] for k in ("parallel_tool_calls", "max_output_tokens", "tool_choice")}),
    }
    tools = tuple(
        ToolSpec(name=t["name"], description=t["description"], parameters=t["parameters"]) for t in backend["tools"]
    )
    log = Log()
    with (
        serving(AIMOCK, path) as peer,
        conversation(peer, log, live["configuration"]["instructions"], options=options, tools=tools) as duplex,
    ):
        duplex.push(turns[0])
        log.wait_for(lambda events: sum(isinstance(e, ToolCall) for e in events) == 2)
        calls = log.of(ToolCall)
        results = [
            ToolResult(c.call_id, json.dumps({"sensor": c.name, "value": v}, separators=(",", ":")))
            for c, v in zip(calls, (7, 9), strict=True)
        ]
        duplex.push(with_controls(turns[1], *results))
        log.wait_for(has(AudioOut))
        duplex.push(turns[2])
        duplex.drain(5)
    assert [(c.name, c.arguments) for c in calls] == [("read_red", {}), ("read_blue", {})]
    quiet(log)
    sent = frames_of(log.events)
    assert [f["type"] for f in sent if f["type"].startswith("response.")] == [
        "response.item.create",
        "response.item.create",
        "response.create",
    ]
    assert validate(sent, "openai-live") == []


def test_a_session_that_the_other_side_hangs_up_ends_with_everything_that_was_said(tmp_path: Path) -> None:
    turns = noise(2)
    tape = Tape()
    tape.start()
    tape.hear(on_the_wire(turns)[0])
    tape.say(np.full(2400, 2000, "<i2").tobytes())
    tape.close("remote_hangup", asked=False)
    log = Log()
    with serving(AIMOCK, tape.write(tmp_path / "fixture.json")) as peer, conversation(peer, log) as duplex:
        duplex.push(turns[0])
        log.wait_for(has(Closed))
        duplex.push(turns[1])
        duplex.drain(5)
    quiet(log)
    assert len(log.of(AudioOut)) == 1
    assert [(e.status, e.reason) for e in log.of(TurnDone)] == [("incomplete", "remote_hangup")]
    assert (log.of(Closed)[0].code, log.of(Closed)[0].initiated_by) == ("remote_hangup", "server")


def test_a_service_that_dies_is_a_lost_network(tmp_path: Path) -> None:
    turns = noise(1)
    tape = Tape()
    tape.start()
    tape.hear(on_the_wire(turns)[0])
    tape.say(bytes(4800))
    tape.close()
    log = Log()
    with serving(AIMOCK, tape.write(tmp_path / "fixture.json")) as peer, conversation(peer, log) as duplex:
        duplex.push(turns[0])
        log.wait_for(has(AudioOut))
        peer.end()
        log.wait_for(has(Closed))
    error = log.of(EndpointError)[-1]
    assert (error.kind, error.fatal) == ("network", True)
    assert len(log.of(Closed)) == 1


def test_vendors_types_accept_everything_that_can_be_sent(validate: Validator) -> None:
    history = (HistoryTurn(role="user", text="Hi."), HistoryTurn(role="assistant", text="Hello."))
    options = {"delegation": "responses", "backend_model": "m", "video_fps": "1", "typed": "backend", "store": "on"}
    tools = (ToolSpec(name="look_up", description="Looks up.", parameters={"type": "object", "properties": {}}),)
    frames: list[dict[str, Any]] = []
    for chosen in (options, {**options, "delegation": "none", "acknowledgement_delay_ms": "400"}):
        codec = OPENAI_LIVE.codec(start(OPENAI_LIVE, history=history, options=chosen, tools=tools))
        frames += sent(codec.hello())
        say(codec, type="session.started", session={"id": "live_1"})
        frames += sent(say(codec, type="session.delegation.created", delegation={"id": "d", "target": "client"}))
        call = {"type": "function_call", "call_id": "c", "name": "look_up", "arguments": "{}", "id": "i"}
        say(codec, type="response.event", event={"type": "response.output_item.done", "item": call})
        texts = ["Typed.", TextInput(0, "Whisper.", "system")]
        controls = [
            ToolResult("c", "7"),
            DelegationResult("x", "a", final=False),
            DelegationResult("x", "b", final=True),
        ]
        frames += sent(codec.turn(micro_turn(0, texts=texts, controls=controls, jpegs=[JPEG])))
        frames += sent(codec.goodbye())
    left = OPENAI_LIVE.codec(start(OPENAI_LIVE)).resumption()
    frames += sent(OPENAI_LIVE.codec(start(OPENAI_LIVE, resumption=left)).hello())
    assert {f["type"] for f in frames} == {
        "session.start",
        "session.input_audio.append",
        "session.instructions.append",
        "session.thinking.append",
        "session.commentary.append",
        "response.item.create",
        "response.create",
        "session.close",
    }
    assert validate(frames, "openai-live") == []


@pytest.mark.slow
def test_vendors_client_accepts_the_same_mock(tmp_path: Path) -> None:
    tape = Tape()
    tape.start()
    for _ in range(3):
        tape.hear(bytes(9600))
        tape.say(bytes(9600))
    tape.close()
    with (
        serving(AIMOCK, tape.write(tmp_path / "fixture.json")) as peer,
        running("openai_live_client.py", peer.url, "3") as client,
    ):
        told = client.finish()
    assert "S> session.closed close_requested" in told
    assert told.endswith("output audio bytes 28800")
    assert SESSION["instructions"] == INSTRUCTION
