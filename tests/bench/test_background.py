"""The background agent against a real HTTP server on loopback."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.agent_calls import KEY, TALK, delegate, failure
from tests.bench.chat_server import ChatServer, Respond, call_events, dropped, plain, stream, text_events, wire
from tests.live.toolboxes import Functions, answers, streams
from tmlapp.bench.background import SPEC, AgentOptions, BackgroundAgent
from tmlapp.bench.background_http import sse_data
from tmlapp.bench.background_tools import (
    DELEGATE,
    in_openai_form,
)
from tmlapp.core.errors import AppError
from tmlapp.core.event import ToolCall
from tmlapp.core.tool import BackgroundUse, CallCancelledError, Reply
from tmlapp.core.turn import DelegationResult, ToolResult
from tmlapp.core.units import NS_PER_S

pytestmark = [pytest.mark.unit, pytest.mark.usefixtures("agent_key")]


def test_an_answer_is_streamed_sentence_by_sentence() -> None:
    with ChatServer(stream(text_events("There ", "is one at 9. It co", "sts 40 euros.", "\nGo", "?"))) as server:
        found = delegate(server)
    assert found == [
        DelegationResult("c", "There is one at 9. ", False), DelegationResult("c", "It costs 40 euros.\n", False),
        DelegationResult("c", "Go?", True),
    ]  # fmt: skip
    body = server.bodies[0]
    assert server.paths == ["/v1/chat/completions"]
    assert (body["model"], body["temperature"], body["seed"], body["stream"]) == ("m", 0.0, 0, True)
    assert body["max_tokens"] == 4096
    assert "tools" not in body
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_the_model_reads_the_whole_conversation_and_the_task() -> None:
    with ChatServer(stream(text_events("Yes."))) as server:
        delegate(server)
    system, user = server.messages(0)
    assert system["role"] == "system"
    lines = user["content"].splitlines()
    assert lines[1:4] == [
        "Instruction: Be brief.", "User: A flight to Rome, no, Oslo.", "Voice assistant: Let me look.",
    ]  # fmt: skip
    assert lines[-1] == "Find a flight."


def test_it_calls_tools_of_its_own_until_it_can_answer() -> None:
    toolbox = Functions(search=answers('{"price": 40}'), book=streams("boo", "ked"))
    asked = call_events(("search", '{"to": "Oslo"}'), ("book", "{}"), tokens=7)
    with ChatServer(stream(asked), stream(text_events("Booked", tokens=3))) as server:
        found = delegate(server, toolbox, max_tokens=100)
    assert found == [
        BackgroundUse(name="search", arguments={"to": "Oslo"}, output='{"price": 40}'),
        BackgroundUse(name="book", arguments={}, output="booked"),
        DelegationResult("c", "Booked", True),
    ]
    assert [c.arguments for c in toolbox.calls] == [{"to": "Oslo"}, {}]
    assert toolbox.told == [TALK, TALK]
    assert server.bodies[1]["max_tokens"] == 93
    assert server.bodies[0]["tools"] == in_openai_form(toolbox.specs)
    assistant, *results = server.messages(1)[2:]
    assert [c["function"]["arguments"] for c in assistant["tool_calls"]] == ['{"to": "Oslo"}', "{}"]
    assert [(r["role"], r["tool_call_id"], r["content"]) for r in results] == [
        ("tool", "t0", '{"price": 40}'), ("tool", "t1", "booked"),
    ]  # fmt: skip


def test_what_it_says_before_a_call_is_a_piece_of_its_own() -> None:
    first = [*text_events("I look.")[:-1], *call_events(("search", "{}"))]
    with ChatServer(stream(first), stream(text_events("Found."))) as server:
        found = delegate(server, Functions(search=answers("x")))
    assert [r.text for r in found if isinstance(r, DelegationResult)] == ["I look.\n", "Found."]


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_a_stream_may_be_cut_anywhere(cut: int, end: bytes) -> None:
    said = stream(text_events("Zwölf Flüge\u2028nach Århus. ", "Ok"), cut=cut, end=end)
    with ChatServer(stream(call_events(("search", '{"q": "Århus"}')), cut=cut, end=end), said) as server:
        found = delegate(server, Functions(search=answers("x")))
    assert found == [
        BackgroundUse(name="search", arguments={"q": "Århus"}, output="x"),
        DelegationResult("c", "Zwölf Flüge\u2028nach Århus. ", False), DelegationResult("c", "Ok", True),
    ]  # fmt: skip


@given(st.lists(st.text(max_size=6), max_size=4), st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_events_do_not_depend_on_how_the_bytes_are_cut(texts: list[str], sizes: list[int]) -> None:
    data = wire(text_events(*texts))
    chunks, at, i = [], 0, 0
    while at < len(data):
        chunks.append(data[at : at + sizes[i % len(sizes)]])
        at += sizes[i % len(sizes)]
        i += 1
    assert list(sse_data(chunks)) == list(sse_data([data]))
    assert [json.loads(d)["choices"][0]["delta"] for d in list(sse_data([data]))[: len(texts)]] == [
        {"content": t} for t in texts
    ]


def test_a_last_event_without_its_blank_line_and_data_of_several_lines() -> None:
    assert list(sse_data([b"event: x\ndata: a\ndata:b\n\n\ndata: c\r"])) == ["a\nb", "c"]


def test_a_server_that_does_not_stream_will_do() -> None:
    call = {"id": "", "function": {"name": "search", "arguments": {"q": 1}}}
    replies = [
        {"choices": [{"message": {"content": None, "tool_calls": [call, {**call, "id": "z"}]}}]},
        {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}], "usage": {"completion_tokens": 2}},
    ]
    with ChatServer(*[plain(200, json.dumps(r)) for r in replies]) as server:
        found = delegate(server, Functions(search=answers("x")))
    assert found[-1] == DelegationResult("c", "Hello.", True)
    assert [c["id"] for c in server.messages(1)[2]["tool_calls"]] == ["c-0", "z"]


def test_pieces_of_a_call_without_an_index_belong_to_the_last_one() -> None:
    pieces = [{"id": "t", "function": {"name": "search", "arguments": '{"q"'}}, {"function": {"arguments": ": 1}"}}]
    events = [{"choices": [{"delta": {"tool_calls": [p]}}]} for p in pieces]
    with ChatServer(stream([*events, *text_events()]), stream(text_events("ok"))) as server:
        found = delegate(server, Functions(search=answers("x")))
    assert found[0] == BackgroundUse(name="search", arguments={"q": 1}, output="x")


class SkippingClock:
    """Nobody ever waits on it: it goes on at once to the time that is waited for, and notes how long that was."""

    def __init__(self) -> None:
        self.t_ns = 0
        self.waits_s: list[float] = []

    def now_ns(self) -> int:
        return self.t_ns

    def wait(self, event: threading.Event, until_ns: int | None) -> bool:
        assert until_ns is not None
        self.waits_s.append((until_ns - self.t_ns) / NS_PER_S)
        self.t_ns = until_ns
        return event.is_set()


@pytest.mark.parametrize(
    ("headers", "waited_s"),
    [
        ({"Retry_After": "17"}, 17),
        ({}, 1),
        ({"Retry_After": "soon"}, 1),
        ({"Retry_After": "-3"}, 0),
        ({"Retry_After": "Sun, 22 Nov 2026 10:00:30 GMT", "Date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 30),
    ],
)
def test_a_rate_limit_is_waited_for_as_long_as_the_server_asks(headers: dict[str, str], waited_s: float | None) -> None:
    clock = SkippingClock()
    with ChatServer(plain(429, "slow down", **headers), stream(text_events("ok"))) as server:
        found = delegate(server, clock=clock)
    assert found == [DelegationResult("c", "ok", True)]
    assert clock.waits_s == [waited_s]


def test_a_limit_that_lasts_longer_than_the_task_may_take_is_told_at_once() -> None:
    with ChatServer(plain(429, "slow down", Retry_After="1e9")) as server:
        assert "429" in failure(delegate(server, clock=SkippingClock()))


def test_a_server_that_fails_is_asked_three_times_and_then_given_up() -> None:
    clock = SkippingClock()
    with ChatServer(*[plain(500, f"broken, {KEY}")] * 3) as server:
        why = failure(delegate(server, clock=clock))
    assert len(server.bodies) == 3
    assert why == "The background task failed. The endpoint answered 500 Internal Server Error: broken, [key]"


def test_a_wrong_key_is_told_without_the_key_and_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ChatServer(plain(401, json.dumps({"error": {"message": f"Incorrect API key: {KEY}"}}))) as server:
        why = failure(delegate(server))
    assert "401" in why
    assert KEY not in why + caplog.text
    assert len(server.bodies) == 1


BROKEN: list[tuple[Respond, str]] = [
    (plain(200, "data: {nonsense\n\n", "text/event-stream"), "not JSON"),
    (plain(200, "data: [1]\n\n", "text/event-stream"), "not JSON"),
    (plain(200, "<html>", "text/html"), "not JSON"),
    (plain(200, "{}"), "empty"),
    (plain(200, json.dumps({"choices": 3})), "not of the form"),
    (plain(200, json.dumps({"choices": [{"delta": {"tool_calls": [{"index": 5}]}}]})), "not of the form"),
    (dropped([]), "The connection failed"),
    (stream([], done=False), "broke in the middle"),
]


@pytest.mark.parametrize(("respond", "why"), BROKEN)
def test_a_broken_reply_is_asked_for_again(respond: Respond, why: str) -> None:
    clock = SkippingClock()
    with ChatServer(respond, stream(text_events("ok"))) as server:
        assert delegate(server, clock=clock) == [DelegationResult("c", "ok", True)]
    clock = SkippingClock()
    with ChatServer(respond, respond, respond) as server:
        assert why in failure(delegate(server, clock=clock))


def test_a_connection_that_breaks_after_something_was_said_is_not_begun_again() -> None:
    with ChatServer(dropped(text_events("There is one. And")[:-1])) as server:
        found = delegate(server)
    assert found[0] == DelegationResult("c", "There is one. ", False)
    assert "connection failed" in failure(found)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("error", [{"message": "overloaded"}, "overloaded"])
def test_an_error_inside_a_stream_is_told(error: Any) -> None:
    with ChatServer(stream([{"error": error}])) as server:
        assert "overloaded" in failure(delegate(server))


def test_nobody_listens() -> None:
    with ChatServer() as server:
        pass
    clock = SkippingClock()
    assert "The connection failed" in failure(delegate(server, clock=clock))


def test_an_endpoint_that_does_not_answer_in_time() -> None:
    held = threading.Event()
    with ChatServer(lambda _: (held.wait(10), None)[1]) as server:
        found = delegate(server, max_seconds=0.05)
        held.set()
    assert "did not answer in time" in failure(found)


def test_the_time_of_a_task_is_limited() -> None:
    clock = SkippingClock()

    def slow(_: Mapping[str, Any], reply: Reply) -> None:
        clock.t_ns += 60 * NS_PER_S
        reply(ToolResult("", "x"))

    calls = call_events(("search", "{}"), ("search", "{}"), ("search", "{}"))
    with ChatServer(stream(calls)) as server:
        found = delegate(server, Functions(search=slow), clock=clock)
    assert "time for the task is up" in failure(found)
    assert len(found) == 3
    with ChatServer(stream(call_events(("search", "{}"))), stream(text_events("a. ", "b"))) as server:
        found = delegate(server, Functions(search=slow), clock=clock, max_seconds=30)
    assert "time for the task is up" in failure(found)
    talk = stream(text_events("a. ", "b"))

    def late(handler: BaseHTTPRequestHandler) -> None:
        clock.t_ns += 60 * NS_PER_S
        talk(handler)

    with ChatServer(late) as server:
        assert "time for the task is up" in failure(delegate(server, clock=clock, max_seconds=30))


def test_the_steps_of_a_task_are_limited() -> None:
    with ChatServer(*[stream(call_events(("search", "{}")))] * 2) as server:
        assert "within 2 steps" in failure(delegate(server, Functions(search=answers("x")), max_steps=2))


def test_the_tokens_of_a_task_are_limited() -> None:
    with ChatServer(stream(call_events(("search", "{}"), tokens=10))) as server:
        assert "10 tokens" in failure(delegate(server, Functions(search=answers("x")), max_tokens=10))
    with ChatServer(stream(text_events("Half an", finish="length"))) as server:
        assert "cut off" in delegate(server, max_tokens=2)[-1].text


def test_an_empty_answer_is_a_failure() -> None:
    with ChatServer(stream(text_events(" ", "\n"))) as server:
        assert "gave no answer" in failure(delegate(server))


@pytest.mark.parametrize("task", ["", " ", None, 3])
def test_a_task_must_be_there(task: Any) -> None:
    with ChatServer() as server:
        assert "task is missing" in failure(delegate(server, task=task))


def test_a_task_that_is_cancelled_stops_at_its_next_piece() -> None:
    def cancelled(_: object) -> None:
        raise CallCancelledError

    with ChatServer(stream(text_events("One. ", "Two. "))) as server:
        agent = BackgroundAgent(AgentOptions(url=server.url, model="m"))
        with pytest.raises(CallCancelledError):
            agent.call(ToolCall(call_id="c", name=DELEGATE, arguments='{"task": "x"}'), (), cancelled)
    assert "authorization" not in server.headers[0]


def test_what_answered_is_stated_without_the_key() -> None:
    with ChatServer(stream(text_events("ok", tokens=5)), plain(400, "no")) as server:
        options = AgentOptions(
            url=server.url, model="m", key_env="TEST_KEY", seed=None,
            temperature=None, token_field="max_completion_tokens", extra={"reasoning_effort": "low"},
        )  # fmt: skip
        agent = BackgroundAgent(options, Functions(search=answers("x")))
        call = ToolCall(call_id="c", name=DELEGATE, arguments={"task": "x"})
        agent.call(call, (), lambda _: None)
        agent.call(call, (), lambda _: None)
    found = agent.provenance()
    assert KEY not in json.dumps(found)
    assert len(found.pop("prompt_sha256")) == 64
    assert found == {
        "model": "m", "host": server.url.split("/")[2], "seed": None, "temperature": None, "max_steps": 8,
        "max_seconds": 120.0, "max_tokens": 4096, "extra": {"reasoning_effort": "low"}, "tools": ["search"],
        "tasks": 2, "failed": 1, "steps": 1, "tokens": 5,
    }  # fmt: skip
    body = server.bodies[0]
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (4096, "low")
    assert not {"seed", "temperature", "max_tokens"} & set(body)
    assert agent.specs == (SPEC,)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"url": "ftp://x"}, "address of the background agent"),
        ({"url": "localhost:80"}, "address of the background agent"),
        ({"url": "http://user:secret@127.0.0.1:1/v1"}, "address of the background agent"),
        ({"key_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE holds no key"),
        ({"max_steps": 0}, "max_steps"),
        ({"max_seconds": float("nan")}, "max_seconds"),
        ({"max_tokens": -1}, "max_tokens"),
    ],
)
def test_an_agent_that_cannot_work_is_refused(options: dict[str, Any], what: str) -> None:
    with pytest.raises(AppError, match=what) as caught:
        BackgroundAgent(AgentOptions(**{"url": "http://127.0.0.1:1/v1", "model": "m"} | options))
    assert "secret" not in str(caught.value)
