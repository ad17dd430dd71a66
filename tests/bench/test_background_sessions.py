"""The background agent in sessions and items, and several toolboxes as one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bench.agent_calls import failure
from tests.bench.chat_server import ChatServer, call_events, plain, stream, text_events
from tests.bench.fdb_v3_data import make_data
from tests.live.parts import ListFeed, MemoryLog, captured, session_info
from tests.live.toolboxes import Functions, answers
from tmlapp.bench.background import AgentOptions, BackgroundAgent, with_agent
from tmlapp.bench.background_tools import (
    DELEGATE,
    CombinedToolbox,
    arguments_of,
    call_for_model,
    in_openai_form,
    read_arguments,
)
from tmlapp.bench.drive import DriveSettings
from tmlapp.bench.drive_item import ItemDriver, ItemTask
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites.fdb_v3 import FdbV3
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import BackgroundCalled, DelegationReturned, ToolCall
from tmlapp.core.tool import BackgroundUse, CallCancelledError, Reply, Toolbox, ToolSpec
from tmlapp.core.turn import DelegationResult, ToolResult
from tmlapp.endpoints.scripted import ScriptedEndpoint
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("agent_key")]


def test_a_key_that_no_header_can_hold_is_told_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_KEY", "s\u00e9cret")
    with pytest.raises(AppError, match="AGENT_KEY holds no key") as caught:
        BackgroundAgent(AgentOptions(url="http://127.0.0.1:1/v1", model="m", key_env="AGENT_KEY"))
    assert "cret" not in str(caught.value)


def test_an_address_that_no_machine_has() -> None:
    agent = BackgroundAgent(AgentOptions(url="http://[::1:80/v1".replace("[", "a\x00"), model="m"))
    found: list[Any] = []
    agent.call(ToolCall(call_id="c", name=DELEGATE, arguments={"task": "x"}), (), found.append)
    assert "not valid" in failure(found)


class Desk:
    """A session in which a script delegates and says what came back."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.log = MemoryLog()
        script: list[dict[str, Any]] = [
            {"t_s": 0.1, "text": "Let me look."},
            {"t_s": 0.3, "call": "delegate", "arguments": {"task": "Find it."}, "id": "d"},
            {"after": "d", "text": "$result"},
        ]
        self.session = LiveSession(
            feed=ListFeed([captured(k) for k in range(4)]),
            endpoint=ScriptedEndpoint(script),
            info=session_info,
            make_log=lambda info, fail: self.log,  # noqa: ARG005 - a factory's form
            clock=ManualClock(1_000),
            options=SessionOptions(virtual_time=True),
            toolbox=toolbox,
        )
        self.session.start()
        assert self.session.wait(60)
        assert self.session.error is None

    def controls(self) -> list[tuple[int, Any]]:
        return [(turn.index, control) for turn in self.log.turns for control in turn.controls]


def test_a_session_delegates_and_the_model_says_what_came_back() -> None:
    tools = Functions(search=answers("found"))
    with ChatServer(stream(call_events(("search", "{}"))), stream(text_events("It is here. ", "Take it."))) as server:
        agent = with_agent(AgentOptions(url=server.url, model="m"), tools)
        desk = Desk(agent)
    assert [s.name for s in agent.specs] == ["delegate"]
    assert desk.controls() == [
        (2, DelegationResult("d", "It is here. ", False)), (2, DelegationResult("d", "Take it.", True)),
    ]  # fmt: skip
    kept = [e for e in desk.log.events if isinstance(e, BackgroundCalled | DelegationReturned)]
    assert [type(e).__name__ for e in kept] == ["BackgroundCalled", "DelegationReturned", "DelegationReturned"]
    assert desk.log.cues[-1].text == "It is here. Take it."
    assert "Voice assistant: Let me look." in server.messages(0)[1]["content"]


def test_an_item_is_driven_with_an_agent_that_has_its_tools(tmp_path: Path) -> None:
    v3 = make_data(tmp_path)
    (item, *_) = FdbV3().load(v3, {}).items
    script = [{"t_s": 0, "call": "delegate", "arguments": {"task": "Track A1."}, "id": "d"}]
    (tmp_path / "script.json").write_text(json.dumps(script))
    replies = [stream(call_events(("track_order", '{"order_id": "A1"}'))), stream(text_events("On its way."))]
    with ChatServer(*replies) as server:
        task = ItemTask(
            item=item, folder=tmp_path / "run" / "a", run_folder=tmp_path / "run", suite="fdb-v3", data=v3,
            endpoint=f"scripted:{tmp_path / 'script.json'}", instruct="typed", clock="fast",
            settings=DriveSettings(agent=AgentOptions(url=server.url, model="m")),
        )  # fmt: skip
        task.folder.mkdir(parents=True)
        outcome = ItemDriver()(task)
    assert outcome.result.state == "done", outcome.result.reason
    answer = outcome.answers["main"]
    assert answer.delegated
    assert [(t.name, t.arguments) for t in answer.tools] == [("track_order", {"order_id": "A1"})]
    graded = FdbV3().grade([Entry.of(item, outcome.answers)], profile="official", params={}, sources=Sources())
    assert graded.verdicts[0].passed
    assert server.bodies[0]["tools"][0]["function"]["name"] == "search_flights"


def test_a_session_outlives_an_agent_that_fails() -> None:
    with ChatServer(plain(400, "no")) as server:
        desk = Desk(with_agent(AgentOptions(url=server.url, model="m"), None, direct=True))
    ((index, result),) = desk.controls()
    assert (index, result.is_error) == (2, True)
    assert "400" in desk.log.cues[-1].text


def test_both_models_may_have_the_tools() -> None:
    box = with_agent(AgentOptions(url="http://127.0.0.1:1", model="m"), Functions(search=answers("x")), direct=True)
    assert isinstance(box, CombinedToolbox)
    assert [s.name for s in box.specs] == ["search", "delegate"]
    assert box.provenance()["delegate"]["tools"] == ["search"]


def test_several_toolboxes_as_one() -> None:
    one, two = Functions(a=answers("1")), Functions(b=answers("2"))
    box = CombinedToolbox(one, two)
    assert [s.name for s in box.specs] == ["a", "b"]
    found: list[Any] = []
    for name in ("b", "a", "c"):
        box.call(ToolCall(call_id="x", name=name, arguments={}), (), found.append)
    assert [(r.output, r.is_error) for r in found] == [("2", False), ("1", False), ("There is no tool 'c'.", True)]
    with pytest.raises(AppError, match="Two tools are named a"):
        CombinedToolbox(one, one)


def fails(_: Mapping[str, Any], __: Reply) -> None:
    raise ZeroDivisionError


def refuses(_: Mapping[str, Any], __: Reply) -> None:
    raise AppError("No.", "Not today.", "Wait.")


def with_uses(_: Mapping[str, Any], reply: Reply) -> None:
    reply(BackgroundUse(name="deep", arguments={}, output="ignored"))
    reply(ToolResult("", "bad", is_error=True))


@pytest.mark.parametrize(
    ("work", "name", "arguments", "output"),
    [
        (answers("x"), "other", "{}", "There is no tool 'other'. Tools: t."),
        (answers("x"), "t", "[1]", "The arguments are no JSON object."),
        (fails, "t", "{}", "The tool t failed: ZeroDivisionError."),
        (refuses, "t", "{}", "No. Not today."),
        (with_uses, "t", "", "bad"),
    ],
)
def test_what_goes_wrong_in_a_tool_is_read_by_the_model(
    work: Callable[[Mapping[str, Any], Reply], None], name: str, arguments: str, output: str
) -> None:
    use = call_for_model(Functions(t=work), "c", name, arguments, ())
    assert (use.output, use.is_error) == (output, True)


def test_a_cancelled_call_ends_the_task() -> None:
    def cancelled(_: Mapping[str, Any], __: Reply) -> None:
        raise CallCancelledError

    with pytest.raises(CallCancelledError):
        call_for_model(Functions(t=cancelled), "c", "t", "{}", ())


def test_arguments_are_read_as_json() -> None:
    assert read_arguments("") == {}
    assert read_arguments("[" * 100_000) is None
    assert arguments_of(ToolCall(call_id="c", name="x", arguments="nonsense")) == {}
    assert in_openai_form([ToolSpec(name="a", description="b")])[0]["function"]["parameters"]["type"] == "object"
