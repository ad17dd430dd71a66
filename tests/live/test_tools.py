"""Tools in a live session: results travel with micro-turns, and nothing that a tool does ends the conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.endpoints.minimodel import write_model, write_wav
from tests.live.parts import AnsweringEndpoint, ListFeed, MemoryLog, Watcher, captured, said, session_info
from tests.live.toolboxes import Functions, Gate, answers, streams
from tmlapp.config.settings import Settings
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    BackgroundCalled,
    DelegationReturned,
    EndpointEvent,
    Notice,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolCancelled,
    ToolReturned,
    UserTranscript,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.tool import BackgroundUse, CallCancelledError, HistoryTurn, Reply, Said, Toolbox
from tmlapp.core.turn import DelegationResult, TextInput, ToolResult
from tmlapp.core.units import NS_PER_S, TURN_NS, s_to_ns
from tmlapp.endpoints.onnx_local import OnnxEndpoint
from tmlapp.endpoints.scripted import ScriptedEndpoint
from tmlapp.live.conversation import Conversation
from tmlapp.live.plan import SessionPlan, build_session
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.live.tools import TOOL_EVENTS, TOOL_LIMIT_S, RecordedToolbox, Tools, recorded_toolbox
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit


class Desk:
    """One session with tools, of small real parts."""

    def __init__(
        self,
        endpoint: Endpoint | Sequence[dict[str, Any]],
        toolbox: Toolbox | None = None,
        *,
        turns: int = 10,
        virtual: bool = True,
        feed: ListFeed | None = None,
        history: Sequence[HistoryTurn] = (),
        instruction: str = "",
    ) -> None:
        self.feed = feed or ListFeed([captured(k) for k in range(turns)])
        self.log = MemoryLog()
        self.watcher = Watcher()
        self.clock = ManualClock(1_000)
        self.session = LiveSession(
            feed=self.feed,
            endpoint=ScriptedEndpoint(endpoint) if isinstance(endpoint, Sequence) else endpoint,
            info=session_info,
            make_log=lambda info, fail: self.log,  # noqa: ARG005 - a factory's form
            clock=self.clock,
            options=SessionOptions(virtual_time=virtual),
            toolbox=toolbox,
            history=history,
            instruction=instruction,
        )
        self.session.add_observer(self.watcher)

    def run(self) -> Desk:
        self.session.start()
        assert self.session.wait(60)
        return self

    def logged(self, kind: type) -> list[Any]:
        return [e for e in self.log.events if isinstance(e, kind)]

    def controls(self) -> list[tuple[int, Any]]:
        return [(turn.index, control) for turn in self.log.turns for control in turn.controls]

    def texts(self) -> list[tuple[int, str]]:
        return [(e.t_rx_ns // TURN_NS, e.text) for e in self.logged(TextOutDone)]


CALL: dict[str, Any] = {"t_s": 0.3, "call": "look_up", "arguments": {"what": "tea"}, "id": "a"}
REACT: dict[str, Any] = {"after": "a", "text": "It says: $result"}


def test_a_result_goes_with_the_next_micro_turn_and_the_model_reacts() -> None:
    toolbox = Functions(look_up=answers("4 euros"))
    desk = Desk([CALL, REACT], toolbox).run()
    assert [(c.name, c.arguments, c.call_id) for c in toolbox.calls] == [("look_up", {"what": "tea"}, "a")]
    # Called in answer to micro-turn 1, which ends at 0.4 s; the result goes with micro-turn 2.
    assert desk.controls() == [(2, ToolResult("a", "4 euros"))]
    assert desk.logged(ToolReturned) == [ToolReturned(t_ns=2 * TURN_NS, call_id="a", name="look_up", output="4 euros")]
    assert desk.texts() == [(3, "It says: 4 euros")]
    order = [type(e).__name__ for e in desk.log.events if isinstance(e, ToolCall | ToolReturned | TextOutDone)]
    assert order == ["ToolCall", "ToolReturned", "TextOutDone"]


def test_the_endpoint_is_told_of_the_tools_and_of_the_history() -> None:
    history = [HistoryTurn(role="user", text="hello"), HistoryTurn(role="assistant", text="hi")]
    desk = Desk([], Functions(a=answers(""), b=answers("")), history=history).run()
    assert desk.session.granted is not None
    assert desk.session.granted.details["tools"] == ["a", "b"]
    assert not desk.logged(Notice)


def test_virtual_time_waits_for_a_tool_however_long_it_takes() -> None:
    gate = Gate(answers("late"))
    desk = Desk([CALL], Functions(look_up=gate))
    desk.session.start()
    gate.begun.wait()
    assert [t.index for t in desk.log.turns] == [0, 1]
    desk.clock.advance(TOOL_LIMIT_S * NS_PER_S - 1)
    gate.let()
    assert desk.session.wait(60)
    assert desk.controls() == [(2, ToolResult("a", "late"))]


def test_runs_with_several_tools_repeat_exactly() -> None:
    script: list[dict[str, Any]] = [
        {"t_s": 0.1, "call": "slow", "id": "s"},
        {"t_s": 0.1, "call": "fast", "id": "f"},
        {"after": "f", "call": "fast", "arguments": {"of": "$result", "n": 1}, "id": "g"},
        {"after": "s", "text": "$result"},
    ]

    def run() -> Desk:
        slow = Gate(streams("one ", "two"))

        def fast(arguments: Mapping[str, Any], reply: Reply) -> None:
            reply(ToolResult("x", f"fast {arguments.get('of', '')}"))
            slow.let()

        return Desk(script, Functions(slow=slow, fast=fast)).run()

    first, second = run(), run()
    assert first.controls() == second.controls()
    assert first.log.events == second.log.events
    assert first.controls() == [
        (1, DelegationResult("s", "one ", False)),
        (1, DelegationResult("s", "two", True)),
        (1, ToolResult("f", "fast ")),
        (2, ToolResult("g", "fast fast ")),
    ]
    assert first.logged(DelegationReturned)[-1].final
    assert first.texts() == [(2, "one two")]


def test_on_a_real_clock_the_conversation_goes_on_while_a_tool_works() -> None:
    gate = Gate(answers("done"))
    feed = ListFeed([captured(0), captured(1)], ends=False)
    desk = Desk([CALL, REACT], Functions(look_up=gate), virtual=False, feed=feed)
    desk.session.start()
    gate.begun.wait()
    feed.more(captured(2), captured(3))
    desk.watcher.until(lambda: desk.watcher.turns == [0, 1, 2, 3])
    gate.let()
    gate.ended.wait()
    feed.more(captured(4))
    feed.end()
    assert desk.session.wait(60)
    assert desk.controls() == [(4, ToolResult("a", "done"))]


def fails(_: Mapping[str, Any], __: Reply) -> None:
    raise ZeroDivisionError("by zero")


def refuses(_: Mapping[str, Any], __: Reply) -> None:
    raise AppError("There is no tea.", "It is sold out.", "Drink water.")


def forgets(_: Mapping[str, Any], reply: Reply) -> None:
    reply(DelegationResult("", "half an ", False))


@pytest.mark.parametrize(
    ("toolbox", "output"),
    [
        (Functions(look_up=fails), "The tool look_up failed: ZeroDivisionError: by zero"),
        (Functions(look_up=refuses), "There is no tea. It is sold out."),
        (Functions(look_up=forgets), "The tool look_up gave no result."),
        (Functions(other=answers("")), "There is no tool 'look_up'. Tools: other."),
        (None, "There is no tool 'look_up'. Tools: none."),
    ],
)
def test_what_goes_wrong_is_a_result_that_the_model_reads(toolbox: Functions | None, output: str) -> None:
    desk = Desk([CALL, REACT], toolbox).run()
    assert desk.session.error is None
    assert [c for _, c in desk.controls()][-1] == ToolResult("a", output, is_error=True)
    assert desk.logged(ToolReturned)[0].is_error
    assert desk.texts() == [(3, f"It says: {output}")]


def test_a_tool_that_never_returns_fails_when_its_time_is_up() -> None:
    gate = Gate(answers("too late"))
    desk = Desk([CALL], Functions(look_up=gate))
    desk.session.start()
    gate.begun.wait()
    desk.clock.advance(TOOL_LIMIT_S * NS_PER_S)
    assert desk.session.wait(60)
    assert [(k, c.is_error) for k, c in desk.controls()] == [(2, True)]
    assert str(TOOL_LIMIT_S) in desk.controls()[0][1].output
    gate.let()
    gate.ended.wait()
    assert isinstance(gate.raised, CallCancelledError)


def test_a_call_that_is_taken_back_sends_nothing() -> None:
    gate = Gate(answers("nobody wants this"))
    feed = ListFeed([captured(0)], ends=False)
    desk = Desk([{**CALL, "t_s": 0}, {"t_s": 0.5, "cancel": "a"}], Functions(look_up=gate), virtual=False, feed=feed)
    desk.session.start()
    gate.begun.wait()
    feed.more(captured(1), captured(2))
    desk.watcher.until(lambda: any(isinstance(e, ToolCancelled) for e in desk.watcher.events))
    gate.let()
    gate.ended.wait()
    feed.more(captured(3))
    feed.end()
    assert desk.session.wait(60)
    assert desk.controls() == []
    assert desk.logged(ToolReturned) == []
    assert isinstance(gate.raised, CallCancelledError)


@pytest.mark.parametrize("virtual", [True, False])
def test_the_end_of_a_session_waits_for_no_tool(virtual: bool) -> None:
    gate = Gate(answers("too late"))
    desk = Desk([CALL], Functions(look_up=gate), virtual=virtual, turns=2)
    desk.session.start()
    gate.begun.wait()
    desk.session.stop()
    assert desk.session.wait(60)
    assert desk.session.error is None
    assert [(e.is_error, e.output) for e in desk.logged(ToolReturned)] == [
        (True, "The session ended before the tool had answered.")
    ]
    gate.let()


def test_a_result_that_no_micro_turn_carries_any_more_is_logged() -> None:
    desk = Desk([CALL], Functions(look_up=answers("x")), turns=2).run()
    assert desk.controls() == []
    assert [e.output for e in desk.logged(ToolReturned)] == ["x"]


def test_a_call_after_the_end_is_answered_with_an_error_and_never_made() -> None:
    log: list[Any] = []
    toolbox = Functions(look_up=answers("x"))
    tools = Tools(toolbox, Conversation(), ManualClock(), lambda: 7, lambda: None)
    tools.close(log.append)
    tools.note(ToolCall(call_id="a", name="look_up", arguments={}), log.append)
    tools.note(ToolCancelled(call_id="unknown"), log.append)
    assert tools.take(log.append) == (ToolResult("a", "The session is over.", is_error=True),)
    assert toolbox.calls == []


def test_a_tool_is_told_the_whole_conversation() -> None:
    script: dict[int, Sequence[EndpointEvent]] = {
        0: [UserTranscript(text="Hel", final=False), TextOut(delta="Hi"), TextOut(delta=" there")],
        1: [UserTranscript(text="Hello", final=True, t_rx_ns=TURN_NS), said(1, "Hi there."), TextOut(delta=" ")],
        2: [
            TextOutDone(text="I wonder", channel="thought"), TextOut(delta="hm", channel="thought"),
            UserTranscript(text="Look", final=False, t_rx_ns=3 * TURN_NS), said(2, " "),
            ToolCall(call_id="a", name="look_up", arguments="{}"),
        ],
    }  # fmt: skip
    toolbox = Functions(look_up=answers("x"))
    texts = (TextInput(TURN_NS, "typed"), TextInput(TURN_NS, "a rule", "system"))
    feed = ListFeed([captured(0), captured(1, texts=texts), captured(2)])
    history = [HistoryTurn(role="assistant", text="Before."), HistoryTurn(role="user", sound=None)]
    Desk(AnsweringEndpoint(script), toolbox, feed=feed, history=history, instruction="Be brief.").run()
    found = [(s.t_ns // TURN_NS, s.role, s.text) for s in toolbox.told[0]]
    assert found == [
        (0, "assistant", "Before."), (0, "system", "Be brief."), (0, "user", "Hello"), (0, "assistant", "Hi there."),
        (1, "user", "typed"), (1, "system", "a rule"), (3, "user", "Look"),
    ]  # fmt: skip


def test_an_endpoint_without_tools_says_so_and_the_person_is_told(shipped_model: Path) -> None:
    endpoint = OnnxEndpoint("onnx:mini", shipped_model)
    desk = Desk(endpoint, Functions(look_up=answers("x")), turns=1, instruction="Please count out reps for squats.")
    desk.run()
    assert desk.session.granted is not None
    assert [r.asked for r in desk.session.granted.rejections if "tools" in r.asked] == ["tools: look_up"]
    assert [(n.level, n.what) for n in desk.logged(Notice)] == [
        ("warning", "The model cannot use the tools of this session.")
    ]


def test_an_endpoint_that_begins_anew_refuses_a_history(shipped_model: Path) -> None:
    endpoint = OnnxEndpoint("onnx:mini", shipped_model)
    history = [HistoryTurn(role="user", text="hello")]
    desk = Desk(endpoint, history=history, instruction="Please count out reps for squats.")
    with pytest.raises(AppError, match="cannot take over a conversation"):
        desk.session.start()


@pytest.fixture
def shipped_model(tmp_path: Path) -> Path:
    return write_model(tmp_path)


def _recorded(folder: Path, script: list[dict[str, Any]], toolbox: Toolbox | None) -> Recording:
    folder.mkdir(exist_ok=True)
    (folder / "script.json").write_text(json.dumps(script))
    plan = SessionPlan(
        microphone="none", loudspeaker="none", camera="none", endpoint=f"scripted:{folder / 'script.json'}",
        folder=folder, source=str(folder / "in.wav"), clock="fast",
    )  # fmt: skip
    return _run(plan, toolbox, [HistoryTurn(role="user", text="hello", sound=None)])


def _run(plan: SessionPlan, toolbox: Toolbox | None, history: Sequence[HistoryTurn] = ()) -> Recording:
    session = build_session(plan, Settings(), clock=MonotonicClock(), toolbox=toolbox, history=history)
    session.start()
    assert session.wait(60)
    assert session.error is None
    assert session.recording_path is not None
    return Recording.open(session.recording_path)


def test_calls_and_results_are_recorded_and_can_be_replayed_without_the_tools(tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", rate=16_000, samples=32_000)
    script: list[dict[str, Any]] = [CALL, REACT, {"t_s": 0.3, "call": "think", "id": "b"}]
    use = BackgroundUse(name="search", arguments={"q": 1}, output="found")

    def think(arguments: Mapping[str, Any], reply: Reply) -> None:
        reply(use)
        streams("one ", "two")(arguments, reply)

    toolbox = Functions(look_up=answers("4 euros"), think=think)
    first = _recorded(tmp_path, script, toolbox)
    assert first.info["options"]["tools"][0] == {"name": "look_up", "description": "Does look_up.", "parameters": {}}
    assert first.info["options"]["history"] == [{"role": "user", "text": "hello", "has_sound": False}]
    again = _run(
        SessionPlan(
            microphone="none", loudspeaker="none", camera="none", endpoint=f"recorded:{first.path}",
            folder=tmp_path / "again", source=f"recording:{first.path}", clock="fast",
        ),
        None,
    )  # fmt: skip
    controls = [[t.controls for t in recording.turns()] for recording in (first, again)]
    assert controls[0] == controls[1]
    assert [c for turn in controls[0] for c in turn] == [
        ToolResult("a", "4 euros"), DelegationResult("b", "one ", False), DelegationResult("b", "two", True),
    ]  # fmt: skip
    events = [list(r.events(TOOL_EVENTS[1:])) for r in (first, again)]
    assert events[0] == events[1]
    called = BackgroundCalled(t_ns=2 * TURN_NS, id="b", name="search", arguments={"q": 1}, output="found")
    assert [e for e in events[0] if isinstance(e, BackgroundCalled)] == [called]


def test_a_recording_says_what_answered_for_its_tools(tmp_path: Path) -> None:
    class Stated(Functions):
        def provenance(self) -> dict[str, Any]:
            return {"model": "m"}

    write_wav(tmp_path / "in.wav", rate=16_000, samples=3_200)
    assert _recorded(tmp_path, [], Stated(a=answers(""))).info["options"]["toolbox"] == {"model": "m"}


def test_a_recording_without_calls_has_no_tools() -> None:
    assert recorded_toolbox([said(0, "hello")]) is None
    assert RecordedToolbox([]).specs == ()


def test_said_values_are_plain() -> None:
    conversation = Conversation(history=[HistoryTurn(role="user", sound=AudioClip(None, 16_000))])  # type: ignore[arg-type]
    conversation.note(UserTranscript(text=" ", final=True))
    conversation.typed([TextInput(s_to_ns(1), "x")])
    assert conversation.so_far() == (Said(t_ns=NS_PER_S, role="user", text="x"),)
