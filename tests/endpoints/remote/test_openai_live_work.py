"""GPT-Live without a socket: work that the voice model hands over, and tools that a backend calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.endpoints.remote.family import kinds, names, say, sent, told
from tests.endpoints.remote.live import (
    DELEGATE,
    RESPONSES,
    WEATHER,
    call_item,
    codec_of,
    delegated,
    give,
    nested,
    running,
)
from tmlapp.core.event import (
    Delegation,
    EndpointError,
    ToolCall,
    ToolCancelled,
    Usage,
)
from tmlapp.core.turn import DelegationResult, ToolResult
from tmlapp.core.units import NS_PER_MS

pytestmark = pytest.mark.unit


# --- delegation -------------------------------------------------------------------------------------------------------


def test_a_delegation_is_answered_silently_then_aloud() -> None:
    codec = running()
    (created,) = delegated(codec)
    assert isinstance(created, Delegation)
    assert (created.id, created.target, created.state) == ("item_D", "client", "created")
    assert (created.t_media_ns, created.media_kind) == (3800 * NS_PER_MS, "session")
    assert delegated(codec) == []
    first = give(codec, 1, DelegationResult("item_D", "Still looking.", final=False))
    last = give(codec, 2, DelegationResult("item_D", "It is seven.", final=True))
    assert [(m["type"], m["delegation_id"], m["content"]) for m in sent(first + last)] == [
        ("session.thinking.append", "item_D", "Still looking."),
        ("session.commentary.append", "item_D", "It is seven."),
    ]
    assert [(e.state, e.text) for e in told(first + last, Delegation)] == [
        ("progress", "Still looking."),
        ("done", "It is seven."),
    ]


def test_an_empty_last_piece_says_everything_that_came_before() -> None:
    codec = running()
    delegated(codec)
    give(codec, 1, DelegationResult("item_D", "It is seven.", final=False))
    (message,) = sent(give(codec, 2, DelegationResult("item_D", "", final=True)))
    assert (message["type"], message["content"]) == ("session.commentary.append", "It is seven.")


def test_all_that_a_worker_of_the_session_says_is_said() -> None:
    codec = running(tools=(DELEGATE,))
    assert names(delegated(codec)) == ["Delegation"]
    actions = give(codec, 1, DelegationResult("item_D", "Sunny. ", final=False))
    actions += give(codec, 2, DelegationResult("item_D", "", final=True))
    assert [(m["type"], m["content"]) for m in sent(actions)] == [("session.commentary.append", "Sunny. ")]
    assert [(e.state, e.text) for e in told(actions, Delegation)] == [("progress", "Sunny. "), ("done", "Sunny. ")]


@pytest.mark.parametrize(("is_error", "state"), [(False, "done"), (True, "failed")])
def test_a_worker_that_returns_a_plain_result_ends_the_delegation(is_error: bool, state: str) -> None:
    codec = running(tools=(DELEGATE,))
    delegated(codec)
    actions = give(codec, 1, ToolResult("item_D", "No idea.", is_error))
    assert [(m["type"], m["delegation_id"]) for m in sent(actions)] == [("session.commentary.append", "item_D")]
    assert [e.state for e in told(actions, Delegation)] == [state]
    assert told(actions, ToolCancelled) == []


def test_nobody_to_work_is_told_at_once_where_that_is_set() -> None:
    codec = running(options={"delegation": "none"})
    actions = delegated(codec)
    assert [(m["type"], m["delegation_id"]) for m in sent(actions)] == [("session.thinking.append", "item_D")]
    assert [e.state for e in told(actions, Delegation)] == ["failed"]


def test_a_result_of_a_lost_connection_is_told_without_an_address() -> None:
    codec = running()
    actions = give(
        codec, 1, DelegationResult("gone", "Half.", final=False), DelegationResult("gone", "All.", final=True)
    )
    assert [(m["type"], m["delegation_id"], m["content"]) for m in sent(actions)] == [
        ("session.thinking.append", None, "Half."),
        ("session.commentary.append", None, "All."),
    ]
    (error,) = told(give(codec, 2, ToolResult("gone", "7")), EndpointError)
    assert (error.kind, error.code, error.fatal) == ("invalid_input", "unknown_call", False)


def test_too_many_delegations_do_not_fill_the_memory() -> None:
    codec = running()
    actions = [a for k in range(200) for a in delegated(codec, f"d{k}")]
    assert [(e.id, e.text) for e in told(actions, Delegation) if e.state == "failed"] == [
        (f"d{k}", "too many are open") for k in range(136)
    ]


# --- a backend of the service's ---------------------------------------------------------------------------------------


def test_the_happy_path_of_a_delegated_tool() -> None:
    codec = running(options=RESPONSES, tools=(WEATHER,))
    (created,) = delegated(codec, target="responses", response_id="resp_1")
    assert isinstance(created, Delegation)
    assert (created.target, created.response_id) == ("responses", "resp_1")
    assert nested(codec, "response.created", response={"id": "resp_1"}) == []
    assert nested(codec, "response.function_call_arguments.done", arguments="{}", item_id="fc_1") == []
    arguments = '{"city":"Amsterdam"}'
    (call,) = nested(codec, "response.output_item.done", item=call_item("call_1", arguments))
    assert isinstance(call, ToolCall)
    assert (call.call_id, call.name, call.arguments) == ("call_1", "lookup_forecast", {"city": "Amsterdam"})
    assert nested(codec, "response.output_item.done", item=call_item("call_1", arguments)) == []
    item, create = sent(give(codec, 1, ToolResult("call_1", "14 degrees, light rain.")))
    assert item["item"] == {"type": "function_call_output", "call_id": "call_1", "output": "14 degrees, light rain."}
    assert create["type"] == "response.create"
    # The response that called is complete; the delegation is only after the next one.
    assert nested(codec, "response.completed", response={"id": "resp_1"}) == []
    nested(codec, "response.created", response={"id": "resp_2"})
    (progress,) = nested(codec, "response.output_text.done", text="Fourteen degrees.")
    usage, done = nested(codec, "response.completed", response={"id": "resp_2", "usage": {"total_tokens": 9}})
    assert isinstance(usage, Usage)
    assert usage.counters == {"backend": {"total_tokens": 9}}
    assert [(e.state, e.text) for e in (progress, done)] == [("progress", "Fourteen degrees."), ("done", "")]  # type: ignore[union-attr]


def test_the_backend_goes_on_once_every_call_has_its_result() -> None:
    codec = running(options=RESPONSES, tools=(WEATHER,))
    delegated(codec, target="responses")
    nested(codec, "response.output_item.added", item=call_item("call_1", ""))
    nested(codec, "response.output_item.done", item=call_item("call_1", "no JSON"))
    nested(codec, "response.output_item.added", item=call_item("call_2", ""))
    assert kinds(give(codec, 1, ToolResult("call_1", "a"))) == ["response.item.create"]
    (call,) = nested(codec, "response.output_item.done", item=call_item("call_2"))
    assert isinstance(call, ToolCall)
    pieces_ = give(codec, 2, DelegationResult("call_2", "b", final=False))
    assert pieces_ == []
    item, create = sent(give(codec, 3, DelegationResult("call_2", "c", final=True)))
    assert (item["item"]["output"], create["type"]) == ("bc", "response.create")


def test_events_that_name_no_delegation_belong_to_the_only_one() -> None:
    codec = running(options=RESPONSES, tools=(WEATHER,))
    (call,) = nested(codec, "response.output_item.done", None, item=call_item("call_0"))
    assert isinstance(call, ToolCall)
    assert kinds(give(codec, 1, ToolResult("call_0", "a"))) == ["response.item.create", "response.create"]
    delegated(codec, target="responses")
    assert nested(codec, "response.completed", "another") == []
    (done,) = nested(codec, "response.completed", None)
    assert isinstance(done, Delegation)
    assert (done.id, done.state) == ("item_D", "done")
    assert nested(codec, "response.completed") == []
    assert nested(codec, "response.something_new") == []


@pytest.mark.parametrize(
    ("kind", "members", "why"),
    [
        ("response.failed", {"response": {"error": {"message": "broken"}}}, "broken"),
        (
            "response.incomplete",
            {"response": {"incomplete_details": {"reason": "max_output_tokens"}}},
            "max_output_tokens",
        ),
        ("error", {"message": "too many"}, "too many"),
        ("response.failed", {}, "no reason given"),
    ],
)
def test_a_backend_that_fails_takes_its_calls_back(kind: str, members: dict[str, Any], why: str) -> None:
    codec = running(options=RESPONSES, tools=(WEATHER,))
    delegated(codec, target="responses")
    nested(codec, "response.output_item.added", item=call_item("call_0"))
    nested(codec, "response.output_item.done", item=call_item("call_1"))
    actions = nested(codec, kind, **members)
    assert [e.call_id for e in told(actions, ToolCancelled)] == ["call_1"]
    assert [(e.state, e.text) for e in told(actions, Delegation)] == [("failed", why)]


def test_a_failed_handoff_fails_the_oldest_delegation_and_keeps_the_session() -> None:
    codec = running(options=RESPONSES)
    delegated(codec, "a", target="responses")
    delegated(codec, "b", target="responses")
    said = "Responses handoff ended without a result."
    actions = say(codec, type="error", event_id="e", error={"type": "server_error", "code": None, "message": said})
    assert [(e.id, e.state) for e in told(actions, Delegation)] == [("a", "failed")]
    (error,) = told(actions, EndpointError)
    assert (error.kind, error.code, error.fatal) == ("server", "responses_handoff", False)
    assert told(say(codec_of(), type="error", error={"message": said}), EndpointError)[0].fatal is False
