"""GPT-Live without a socket: limits, errors, ends, how it goes on, and where it is reached."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.endpoints.remote.family import kinds, micro_turn, names, say, sent, told
from tests.endpoints.remote.live import (
    LOUD,
    QUIET,
    RESPONSES,
    WEATHER,
    audio,
    begin,
    codec_of,
    delegated,
    give,
    nested,
    running,
)
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    Delegation,
    EndpointError,
    Limit,
    ToolCancelled,
    TurnDone,
    Usage,
)
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn
from tmlapp.core.turn import Interrupt, PlaybackReport, TextInput, ToolResult
from tmlapp.endpoints.openai_live import OPENAI_LIVE
from tmlapp.endpoints.registry import dialects, endpoint_from_address
from tmlapp.endpoints.remote.contract import (
    Action,
    Answer,
    Codec,
    Drained,
    Ended,
    Opened,
    Target,
)

pytestmark = pytest.mark.unit


# --- limits and ends --------------------------------------------------------------------------------------------------


def test_usage_is_told_and_the_memory_when_it_has_moved() -> None:
    codec = running()

    def used(seconds: float, ratio: float | None) -> list[Action]:
        window = {} if ratio is None else {"context_window": {"usage_ratio": ratio}}
        return say(codec, type="session.usage.updated", event_id="u", usage={"seconds": seconds}, **window)

    first = used(1.5, 0.001)
    assert told(first, Usage)[0].counters == {"seconds": 1.5, "context_window": {"usage_ratio": 0.001}}
    assert [(e.kind, e.ratio) for e in told(first, Limit)] == [("context", 0.001)]
    assert names(used(2, 0.01)) == ["Usage"]
    assert names(used(3, 0.2)) == ["Usage", "Limit"]
    assert names(used(4, None)) == ["Usage"]


@pytest.mark.parametrize(
    ("reason", "kind", "retryable"),
    [
        ("close_requested", None, False),
        ("remote_hangup", None, False),
        ("expired", "session_expired", True),
        ("content", "content_filter", False),
        ("connection_lost", "network", True),
        ("something_new", "server", True),
        (None, "server", True),
    ],
)
def test_every_reason_of_an_end_has_its_meaning(reason: str | None, kind: str | None, retryable: bool) -> None:
    codec = running()
    audio(codec, LOUD)
    delegated(codec)
    say(codec, type="session.input_transcript.delta", delta="Hi", start_ms=0, end_ms=200)
    say(codec, type="session.output_transcript.delta", delta="Ho", start_ms=0, end_ms=200)
    actions = say(codec, type="session.closed", event_id="x", reason=reason, usage={"seconds": 3.5}, session={})
    assert [type(a).__name__ for a in actions] == [
        "UserTranscript",
        "TextOutDone",
        "TurnDone",
        "Delegation",
        "Usage",
        "Ended",
    ]
    assert told(actions, TurnDone)[0].status == "incomplete"
    (end,) = told(actions, Ended)
    assert end.code == (reason or "closed")
    if kind is None:
        assert end.error is None
    else:
        assert end.error is not None
        assert (end.error.kind, end.error.fatal, end.error.retryable) == (kind, True, retryable)


def test_no_sound_is_sent_after_the_goodbye_which_is_said_once() -> None:
    codec = running()
    assert kinds(codec.goodbye()) == ["session.close"]
    assert codec.goodbye() == ()
    assert codec.turn(micro_turn(1)) == ()
    assert codec.closed(1000, "") is None


def test_a_close_without_a_word_is_a_lost_connection() -> None:
    codec = codec_of()
    assert codec.closed(1000, "") is None
    codec = running()
    for code in (1000, 1006):
        error = codec.closed(code, "")
        assert error is not None
        assert error.kind == "network"
    refused = codec.closed(1008, "Live session failed")
    assert refused is not None
    assert refused.kind == "config"


def test_the_end_of_input_is_the_end_since_the_timeline_stands_still() -> None:
    codec = running()
    assert told(codec.end_of_input(), Drained) == [Drained()]
    assert told(audio(codec, QUIET), Drained) == []


def test_a_service_that_keeps_pace_is_given_the_time_to_catch_up() -> None:
    codec = running()
    for k in range(1, 30):
        codec.turn(micro_turn(k))
    for _ in range(55):
        audio(codec, QUIET)
    assert codec.end_of_input() == ()
    later = [audio(codec, QUIET) for _ in range(4)]
    assert [len(told(a, Drained)) for a in later] == [0, 0, 1, 0]


def test_interrupting_is_refused_once() -> None:
    codec = running()
    actions = give(codec, 1, Interrupt(0), PlaybackReport("a", 1)) + give(
        codec, 2, Interrupt(0, by_person=False), Interrupt(5)
    )
    assert [(e.kind, e.code, e.fatal) for e in told(actions, EndpointError)] == [("unsupported", "no_interrupt", False)]


# --- errors -----------------------------------------------------------------------------------------------------------


def test_a_refused_set_up_ends_the_session_with_what_was_wrong() -> None:
    codec = codec_of()
    (first,) = sent(codec.hello())
    about = {
        "type": "invalid_request_error",
        "code": "unknown_parameter",
        "message": "Unknown parameter.",
        "param": "session.voice",
        "client_event_id": first["event_id"],
    }
    (end,) = say(codec, type="error", event_id="e", error=about)
    assert isinstance(end, Ended)
    assert end.error is not None
    assert (end.error.kind, end.error.fatal, end.error.retryable) == ("config", True, False)
    assert (end.error.code, end.error.param, end.error.client_event_id) == (
        "unknown_parameter",
        "session.voice",
        first["event_id"],
    )


@pytest.mark.parametrize(
    ("code", "kind", "fatal"),
    [
        (None, "invalid_input", False),
        ("insufficient_quota", "quota", True),
        ("credit_balance_exhausted", "quota", True),
        ("billing_hard_limit_reached", "quota", True),
        ("invalid_api_key", "auth", True),
        ("account_deactivated", "auth", True),
        ("forbidden", "auth", True),
        ("session_id_not_found", "session_expired", True),
        ("unknown_parameter", "config", False),
    ],
)
def test_errors_have_their_kind_with_and_without_a_code(code: str | None, kind: str, fatal: bool) -> None:
    about = {"type": "invalid_request_error", "code": code, "message": "No."}
    (error,) = say(running(), type="error", event_id="e", client_event_id="mt0-9", error=about)
    assert isinstance(error, EndpointError)
    assert (error.kind, error.fatal, error.client_event_id) == (kind, fatal, "mt0-9")


def test_a_refusal_of_any_kind_before_the_start_is_final() -> None:
    for code, kind in ((None, "config"), ("rate_limit_exceeded", "rate_limit"), ("insufficient_quota", "quota")):
        about = {"type": "invalid_request_error", "code": code, "message": "No."}
        (end,) = say(codec_of(), type="error", error=about)
        assert isinstance(end, Ended)
        assert end.error is not None
        assert (end.error.kind, end.error.fatal) == (kind, True)


# --- going on ---------------------------------------------------------------------------------------------------------


def spoken_turn(codec: Codec) -> None:
    """The person says something, and the model answers."""
    say(codec, type="session.input_transcript.delta", delta="Count.", start_ms=0, end_ms=200)
    audio(codec, LOUD)
    say(codec, type="session.output_transcript.delta", delta="One.", start_ms=0, end_ms=200)
    for _ in range(20):
        audio(codec, QUIET)


def test_a_new_connection_is_told_what_was_said_and_what_was_added_to_the_instruction() -> None:
    codec = running(history=(HistoryTurn(role="user", text="Before."),))
    spoken_turn(codec)
    give(codec, 2, texts=["Typed.", TextInput(0, "Whisper.", "system")])
    left = codec.resumption()
    assert left is not None
    assert left.kind == "history"
    (first,) = sent(codec_of(resumption=left, epoch=1).hello())
    assert [(m["role"], m["content"][0]["text"]) for m in first["session"]["input"]] == [
        ("user", "Before."),
        ("assistant", "One."),
        ("user", "Count."),
        ("user", "Typed."),
        ("developer", "Whisper."),
    ]
    assert first["session"]["instructions"] == "Count the reps."
    again = codec_of(resumption=left, epoch=1)
    assert begin(again).details["resumed"] == "history"
    assert again.resumption() == left


@pytest.mark.parametrize("store", ["on", "off"])
def test_work_that_a_lost_connection_leaves_behind_is_ended_by_the_next_one(store: str) -> None:
    codec = running(options={**RESPONSES, "store": store}, tools=(WEATHER,))
    audio(codec, LOUD)
    delegated(codec, "item_D", "responses")
    nested(codec, "response.created", response={"id": "resp_1"})
    called = {"type": "function_call", "name": "lookup_forecast", "arguments": "{}"}
    for call_id in ("call_1", "call_2"):
        nested(codec, "response.output_item.done", item={**called, "call_id": call_id})
    give(codec, 1, ToolResult("call_1", "Sun."))
    delegated(codec, "item_E")

    left = codec.resumption()
    assert left is not None
    silent = codec_of(options={**RESPONSES, "store": store}, resumption=left, epoch=1)
    silent.hello()
    again = silent.resumption()
    assert again is not None
    assert again.unfinished == left.unfinished
    following = codec_of(options={**RESPONSES, "store": store}, resumption=again, epoch=2)
    following.hello()
    begun = say(following, type="session.started", session={"id": "live_2"})

    assert [e.call_id for e in told(begun, ToolCancelled)] == ["call_2"]
    assert [(e.id, e.target, e.state) for e in told(begun, Delegation)] == [
        ("item_D", "responses", "failed"),
        ("item_E", "client", "failed"),
    ]
    assert [(e.status, e.reason) for e in told(begun, TurnDone)] == [("incomplete", "connection lost")]
    assert isinstance(begun[-1], Opened)
    after = following.resumption()
    assert after is not None
    assert after.unfinished == ()


def test_a_stored_session_is_forked_and_its_words_are_kept_for_when_it_is_gone() -> None:
    codec = running(options={"store": "on"})
    spoken_turn(codec)
    left = codec.resumption()
    assert left is not None
    assert (left.kind, left.data["session_id"]) == ("native", "live_1")
    target = Target(kind="openai_live", address="a", name="n")
    assert OPENAI_LIVE.request(target, left).url == "wss://api.openai.com/v1/live/sessions/live_1/fork"
    fork = codec_of(options={"store": "on"}, resumption=left, epoch=1)
    (first,) = sent(fork.hello())
    assert first["session"] == {"audio": {"format": {"type": "audio/pcm", "rate": 24000}}, "store": True}
    (end,) = say(
        fork, type="error", error={"type": "invalid_request_error", "code": "session_id_not_found", "message": "?"}
    )
    assert isinstance(end, Ended)
    assert end.error is not None
    assert (end.error.kind, end.error.retryable) == ("session_expired", True)
    instead = fork.resumption()
    assert instead is not None
    assert (instead.kind, instead.data["turns"]) == ("history", left.data["turns"])
    told_again = codec_of(options={"store": "on"}, resumption=left, epoch=1)
    say(told_again, type="session.started", session={"id": "live_2"})
    second = told_again.resumption()
    assert second is not None
    assert second.data["session_id"] == "live_2"


# --- where it is reached ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "service", "wanted", "header"),
    [
        ("", "openai", "wss://api.openai.com/v1/live/sessions", ("Authorization", "Bearer k3y")),
        ("ws://127.0.0.1:9", "openai", "ws://127.0.0.1:9/v1/live/sessions", ("Authorization", "Bearer k3y")),
        ("wss://x.example/own", "openai", "wss://x.example/own", ("Authorization", "Bearer k3y")),
        ("wss://r.openai.azure.com", "azure", "wss://r.openai.azure.com/openai/v1/live/sessions", ("api-key", "k3y")),
    ],
)
def test_the_key_goes_into_a_header_and_the_model_not_into_the_url(
    url: str, service: str, wanted: str, header: tuple[str, str]
) -> None:
    target = Target(
        kind="openai_live",
        address="a",
        name="n",
        url=url,
        model="m",
        options={"service": service},
        secret=Secret("k3y"),
    )
    request = OPENAI_LIVE.request(target, None)
    assert (request.url, dict(request.headers)) == (wanted, dict([header]))
    assert OPENAI_LIVE.request(replace(target, secret=None), None).headers == {}


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("", {}, "needs a key"),
        ("", {"service": "azure"}, "needs an address"),
        ("ws://127.0.0.1:9", {"delegation": "responses"}, "has no model"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(url: str, options: dict[str, str], says: str) -> None:
    assert OPENAI_LIVE.prepare is not None

    def fetch(url: str, headers: Any) -> Answer:
        raise AssertionError

    target = Target(kind="openai_live", address="a", name="n", url=url, options=options)
    with pytest.raises(AppError, match=says):
        OPENAI_LIVE.prepare(target, fetch)
    local = Target(kind="openai_live", address="a", name="n", url="ws://127.0.0.1:9")
    assert OPENAI_LIVE.prepare(local, fetch) == {}


def test_it_is_an_endpoint_of_this_installation() -> None:
    assert dialects()["openai_live"] is OPENAI_LIVE
    found = endpoint_from_address("openai_live:gpt-live-1")
    assert (found.host, found.local) == ("api.openai.com", False)
