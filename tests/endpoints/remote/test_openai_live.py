"""GPT-Live without a socket: what is sent, what everything that comes means, and that nothing does harm."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.family import JPEG, WALL_S, b64, kinds, micro_turn, names, say, sent, start, told
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Delegation,
    EndpointError,
    Granted,
    Limit,
    SessionUpdated,
    TextOut,
    TextOutDone,
    ToolCall,
    ToolCancelled,
    TurnDone,
    TurnStarted,
    Unrecognized,
    Usage,
    UserTranscript,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import Control, DelegationResult, Interrupt, PlaybackReport, TextInput, ToolResult
from tmlapp.core.units import NS_PER_MS, TURN_NS
from tmlapp.endpoints.gpt_live.asking import pieces
from tmlapp.endpoints.openai_live import OPENAI_LIVE
from tmlapp.endpoints.registry import dialects, endpoint_from_address
from tmlapp.endpoints.remote.contract import (
    Action,
    Answer,
    Codec,
    Drained,
    Ended,
    MessageError,
    Opened,
    Resumption,
    Target,
)

pytestmark = pytest.mark.unit

RESPONSES = {"delegation": "responses", "backend_model": "gpt-backend"}
LOUD = np.full(2400, 3000, "<i2").tobytes()
QUIET = bytes(4800)
WEATHER = ToolSpec(name="lookup_forecast", description="Weather.", parameters={"type": "object", "properties": {}})
DELEGATE = ToolSpec(name="delegate", description="Work.", parameters={"type": "object"})


def codec_of(**members: Any) -> Codec:
    return OPENAI_LIVE.codec(start(OPENAI_LIVE, **members))


def begin(codec: Codec, **echoed: Any) -> Granted:
    """The service agrees to what is asked, but for `echoed`."""
    (first,) = sent(codec.hello())
    session = {"id": "live_1", "status": "active", **first["session"], **echoed}
    (opened,) = say(codec, type="session.started", event_id="s", client_event_id=first["event_id"], session=session)
    assert isinstance(opened, Opened)
    return opened.granted


def running(at: int = 0, **members: Any) -> Codec:
    """A codec whose session is open and whose first micro-turn has the index `at`."""
    codec = codec_of(**members)
    begin(codec)
    codec.turn(micro_turn(at))
    return codec


def session_of(**members: Any) -> dict[str, Any]:
    (first,) = sent(codec_of(**members).hello())
    assert set(first) == {"type", "event_id", "session"}
    session: dict[str, Any] = first["session"]
    return session


def give(codec: Codec, index: int, *controls: Control, texts: Any = ()) -> list[Action]:
    """What a micro-turn makes, but for its sound, which comes first."""
    sound, *rest = codec.turn(micro_turn(index, controls=controls, texts=texts))
    (message,) = sent([sound])
    assert set(message) == {"type", "audio"}
    assert message["type"] == "session.input_audio.append"
    return rest


def audio(codec: Codec, pcm16: bytes, **members: Any) -> list[Action]:
    return say(codec, type="session.output_audio.delta", delta=b64(pcm16), **members)


def delegated(codec: Codec, name: str = "item_D", target: str = "client", **members: Any) -> list[Action]:
    delegation = {"id": name, "target": target, "type": "delegation", **members}
    return say(codec, type="session.delegation.created", event_id="d", offset_ms=3800, delegation=delegation)


def nested(codec: Codec, kind: str, delegation: str | None = "item_D", **members: Any) -> list[Action]:
    event = {"type": kind, **members}
    return say(codec, type="response.event", event_id="r", delegation_id=delegation, event=event)


def call_item(call_id: str, arguments: str = "{}", name: str = "lookup_forecast") -> dict[str, Any]:
    return {"id": "fc_1", "type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


# --- the set-up -------------------------------------------------------------------------------------------------------


def test_a_session_is_asked_for_with_exactly_what_is_set() -> None:
    assert session_of() == {
        "model": "gpt-live-1",
        "instructions": "Count the reps.",
        "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "marin"}},
        "delegation": {"type": "client"},
    }
    bare = session_of(instruction=" ", voice="cedar", model="gpt-live-2")
    assert bare == {
        "model": "gpt-live-2",
        "audio": {"format": {"type": "audio/pcm", "rate": 24000}, "output": {"voice": "cedar"}},
        "delegation": {"type": "client"},
    }


def test_history_and_storing_are_asked_for_where_they_are_wanted() -> None:
    turns = (HistoryTurn(role="user", text="Hi."), HistoryTurn(role="assistant", text="Hello."))
    session = session_of(history=turns, options={"store": "on", "acknowledgement_delay_ms": "400"})
    assert session["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]},
    ]
    assert session["store"] is True
    assert session["delegation"] == {"type": "client", "acknowledgement_delay_ms": 400}


def test_of_a_long_history_the_newest_turns_are_told_and_the_rest_is_said() -> None:
    sound = AudioClip(np.zeros(10, np.int16), 16_000)
    turns = (HistoryTurn(role="user", sound=sound), *(HistoryTurn(role="user", text=f"turn {k}") for k in range(200)))
    codec = codec_of(history=turns)
    granted = begin(codec)
    (first,) = sent(codec_of(history=turns).hello())
    assert [m["content"][0]["text"] for m in first["session"]["input"]] == [f"turn {k}" for k in range(72, 200)]
    assert [(r.asked, r.granted) for r in granted.rejections if "history" in r.asked] == [
        ("history of 201 turns", "200 turns"),
        ("history of 200 turns", "128 turns"),
    ]
    long = (HistoryTurn(role="user", text="x" * 10_000), HistoryTurn(role="user", text="y" * 10_000))
    assert [m["content"][0]["text"][0] for m in session_of(history=long)["input"]] == ["y"]


def test_a_backend_gets_the_tools_of_the_session_and_is_never_forced_to_call_one() -> None:
    options = {
        **RESPONSES,
        "backend_instructions": "Be brief.",
        "backend": json.dumps({"tool_choice": "required", "tools": [{"type": "web_search"}], "max_output_tokens": 9}),
    }
    codec = codec_of(options=options, tools=(WEATHER, replace(WEATHER, name="other", parameters={})))
    (first,) = sent(codec.hello())
    assert first["session"]["delegation"] == {
        "type": "responses",
        "responses": {
            "model": "gpt-backend",
            "instructions": "Be brief.",
            "tool_choice": "auto",
            "max_output_tokens": 9,
            "tools": [
                {
                    "type": "function",
                    "name": "lookup_forecast",
                    "description": "Weather.",
                    "parameters": {"type": "object", "properties": {}},
                },
                {
                    "type": "function",
                    "name": "other",
                    "description": "Weather.",
                    "parameters": {"type": "object", "properties": {}},
                },
                {"type": "web_search"},
            ],
        },
    }
    refused = [(r.asked, r.granted) for r in begin(codec).rejections]
    assert ('tool_choice: "required"', "auto") in refused
    assert not any(asked.startswith("tools: ") for asked, _ in refused)
    assert session_of(options=RESPONSES)["delegation"]["responses"] == {"model": "gpt-backend"}


def test_tools_without_a_backend_are_refused_but_for_the_one_that_works_in_the_background() -> None:
    for options, refused in (
        ({}, "tools: lookup_forecast"),
        ({"delegation": "none"}, "tools: lookup_forecast, delegate"),
    ):
        granted = begin(codec_of(tools=(WEATHER, DELEGATE), options=options))
        assert [r.asked for r in granted.rejections if r.asked.startswith("tools")] == [refused]


# --- what is granted --------------------------------------------------------------------------------------------------


def test_the_grant_says_what_it_is_and_what_it_is_not() -> None:
    granted = begin(codec_of(), expires_at=WALL_S + 3600)
    assert (granted.input_rate, granted.output_rate, granted.clock_kind) == (24_000, 24_000, "session")
    assert (granted.turn_owner, granted.proactive, granted.can_interrupt) == ("model", True, False)
    assert granted.expires_at_ms == 3_600_000
    assert granted.input_delay_ms == 1.0
    assert [r.asked for r in granted.rejections] == ["pictures", "typed text"]
    assert granted.details["session_id"] == "live_1"
    backend = begin(codec_of(options={**RESPONSES, "typed": "backend"}))
    assert [r.asked for r in backend.rejections] == ["pictures"]
    assert backend.expires_at_ms is None


def test_what_the_service_changes_is_a_rejection_but_not_a_dated_name_of_the_model() -> None:
    changed = {"format": {"type": "audio/pcm", "rate": 16000}, "output": {"voice": "verse"}}
    granted = begin(codec_of(), model="gpt-live-1-2026-10-01", audio=changed, delegation=None)
    assert [(r.asked, r.granted) for r in granted.rejections[2:]] == [
        ("audio.output.voice: marin", "verse"),
        ("audio.format.rate: 24000", "16000"),
    ]
    assert [r.granted for r in begin(codec_of(), model="other").rejections[2:]] == ["other"]


def test_a_second_start_and_a_notice_do_not_open_again() -> None:
    codec = running()
    assert say(codec, type="session.started", session={"id": "live_2"}) == []
    (updated,) = say(codec, type="info", code="data_channel_permissions", message="Read only.")
    assert isinstance(updated, SessionUpdated)
    assert updated.granted.details["notices"] == ["data_channel_permissions: Read only."]
    assert say(codec_of(), type="info", code="early", message="Not yet.") == []


# --- sound ------------------------------------------------------------------------------------------------------------


def test_silence_is_sent_like_any_sound_and_without_an_identifier() -> None:
    codec = codec_of()
    begin(codec)
    (message,) = sent(codec.turn(micro_turn(0)))
    assert message == {"type": "session.input_audio.append", "audio": b64(bytes(9600))}


def test_identifiers_are_ours_name_the_micro_turn_and_are_used_once() -> None:
    codec = running()
    found = [m["event_id"] for m in sent(give(codec, 7, texts=["one", "two"]) + list(codec.goodbye()))]
    assert len(set(found)) == 3
    assert all(name.startswith("mt7-") for name in found)


def test_identifiers_of_a_connection_do_not_come_again_on_the_next_one() -> None:
    (first,), (second,) = (sent(codec_of(epoch=epoch).hello()) for epoch in (0, 1))
    assert first["event_id"] != second["event_id"]


def test_output_stands_where_it_was_on_the_sessions_own_timeline() -> None:
    codec = running(at=10)
    events = [e for _ in range(3) for e in audio(codec, QUIET)]
    assert [e.t_media_ns for e in events if isinstance(e, AudioOut)] == [
        10 * TURN_NS + k * 100 * NS_PER_MS for k in range(3)
    ]
    assert all(e.dur_media_ns == 100 * NS_PER_MS and e.media_kind == "session" for e in told(events, AudioOut))
    (timed,) = told(audio(codec, QUIET, start_ms=5000), AudioOut)
    assert timed.t_media_ns == 10 * TURN_NS + 5000 * NS_PER_MS


def test_output_before_our_first_micro_turn_has_no_media_time() -> None:
    codec = codec_of()
    begin(codec)
    (event,) = audio(codec, QUIET)
    assert isinstance(event, AudioOut)
    assert (event.t_media_ns, event.media_kind) == (None, None)


def test_half_a_sample_waits_for_its_other_half() -> None:
    codec = running()
    assert told(audio(codec, b"\x01"), AudioOut) == []
    (event,) = told(audio(codec, b"\x02\x03"), AudioOut)
    assert event.pcm16 == b"\x01\x02"


def test_turns_are_found_in_the_sound_and_hold_the_words_that_were_said_in_them() -> None:
    codec = running()
    actions = audio(codec, LOUD)
    actions += say(codec, type="session.output_transcript.delta", delta="Sure,", start_ms=0, end_ms=200)
    actions += say(codec, type="session.output_transcript.delta", delta=" why not.", start_ms=200, end_ms=400)
    for _ in range(6):
        actions += audio(codec, QUIET)
    assert [n for n in names(actions) if n != "AudioOut"] == [
        "TurnStarted",
        "TextOut",
        "TextOut",
        "TextOutDone",
        "TurnDone",
    ]
    (done,) = told(actions, TextOutDone)
    (turn,) = told(actions, TurnStarted)
    assert (done.text, done.channel, done.response_id) == ("Sure, why not.", "transcript", turn.response_id)
    assert (done.t_media_ns, done.dur_media_ns) == (0, 400 * NS_PER_MS)
    assert {e.response_id for e in told(actions, TextOut)} == {turn.response_id}
    assert {e.item_id for e in told(actions, TextOut)} == {done.item_id}


def test_the_convention_for_turns_is_configurable() -> None:
    codec = running(options={"quiet_ms": "100", "audible_dbfs": "-10"})
    assert names(audio(codec, LOUD)) == ["AudioOut"]
    loud = np.full(2400, 20_000, "<i2").tobytes()
    assert names(audio(codec, loud) + audio(codec, QUIET)) == ["TurnStarted", "AudioOut", "AudioOut", "TurnDone"]


def test_words_without_sound_are_finished_when_the_timeline_has_passed() -> None:
    codec = running()
    say(codec, type="session.output_transcript.delta", delta="One", start_ms=0, end_ms=200)
    actions = [e for _ in range(17) for e in audio(codec, QUIET)]
    assert [e.text for e in told(actions, TextOutDone)] == ["One"]
    first = say(codec, type="session.output_transcript.delta", delta="Two", start_ms=2000, end_ms=2200)
    second = say(codec, type="session.output_transcript.delta", delta="Three", start_ms=9000, end_ms=9200)
    assert [e.text for e in told(first + second, TextOutDone)] == ["Two"]


# --- the person -------------------------------------------------------------------------------------------------------


def test_what_the_person_says_grows_and_is_finished_after_a_pause() -> None:
    codec = running(at=5)
    actions = say(codec, type="session.input_transcript.delta", delta="What", start_ms=600, end_ms=800)
    actions += say(codec, type="session.input_transcript.delta", delta=" will", start_ms=800, end_ms=1000)
    actions += say(codec, type="session.input_transcript.delta", delta="Again", start_ms=4000, end_ms=4200)
    heard = told(actions, UserTranscript)
    assert [(e.text, e.final) for e in heard] == [
        ("What", False),
        ("What will", False),
        ("What will", True),
        ("Again", False),
    ]
    assert [e.t_media_ns for e in heard[:3]] == [TURN_NS * 5 + ms * NS_PER_MS for ms in (600, 800, 600)]
    assert (heard[2].dur_media_ns, heard[2].media_kind) == (400 * NS_PER_MS, "session")
    assert heard[2].item_id == heard[0].item_id != heard[3].item_id
    later = [e for _ in range(58) for e in audio(codec, QUIET)]
    assert [(e.text, e.final) for e in told(later, UserTranscript)] == [("Again", True)]


def test_fragments_without_times_are_words_all_the_same() -> None:
    codec = running()
    (event,) = say(codec, type="session.input_transcript.delta", delta="Hm")
    assert isinstance(event, UserTranscript)
    assert (event.text, event.t_media_ns) == ("Hm", None)


# --- typed text -------------------------------------------------------------------------------------------------------


def test_typed_text_is_told_silently_and_the_operators_as_an_instruction() -> None:
    codec = running()
    found = sent(give(codec, 1, texts=["I am 60.", TextInput(0, "Whisper.", "system"), TextInput(0, " ")]))
    assert [(m["type"], m["content"], m["delegation_id"]) for m in found] == [
        ("session.thinking.append", "I am 60.", None),
        ("session.instructions.append", "Whisper.", None),
    ]


def test_typed_text_may_go_to_the_backend() -> None:
    codec = running(options={**RESPONSES, "typed": "backend"})
    item, create = sent(give(codec, 1, texts=["Book it."]))
    assert item["item"] == {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Book it."}],
    }
    assert create["type"] == "response.create"
    without = running(options={"typed": "backend"})
    assert kinds(give(without, 1, texts=["Book it."])) == ["session.thinking.append"]


def test_a_backend_sees_pictures_at_the_pace_that_is_set_and_nobody_else_does() -> None:
    codec = codec_of(options={**RESPONSES, "video_fps": "1"})
    granted = begin(codec)
    assert (granted.modalities_in, granted.frames_per_unit) == (("audio", "text", "image"), 1)
    assert [r.asked for r in granted.rejections] == ["typed text"]
    found = [m for k in range(10) for m in sent(codec.turn(micro_turn(k, jpegs=[JPEG])))[1:]]
    assert [m["event_id"].split("-")[0] for m in found] == ["mt0", "mt5"]
    assert found[0]["item"] == {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_image", "image_url": f"data:image/jpeg;base64,{b64(JPEG)}", "detail": "auto"}],
    }
    for options in ({"video_fps": "1"}, RESPONSES):
        assert kinds(running(options=options).turn(micro_turn(1, jpegs=[JPEG]))) == ["session.input_audio.append"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=1500), st.integers(8, 600))
def test_pieces_are_short_and_lose_nothing_but_blanks(text: str, most: int) -> None:
    found = list(pieces(text, most))
    assert all(0 < len(piece.encode()) <= most for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())
    if len(text.encode()) <= most:
        assert found == ([text] if text.strip() else [])


def test_pieces_end_with_sentences_where_there_are_any() -> None:
    text = "This is the first sentence. This is the second one! And the third?"
    assert list(pieces(text, 40)) == ["This is the first sentence.", "This is the second one! And the third?"]
    ten = " ".join(["word"] * 10)
    assert list(pieces("word " * 30, 50)) == [ten, ten, ten + " "]


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


# --- anything ---------------------------------------------------------------------------------------------------------


KINDS = [
    "session.started", "session.updated", "session.output_audio.delta", "session.output_transcript.delta",
    "session.input_transcript.delta", "session.delegation.created", "response.event", "session.usage.updated",
    "session.closed", "info", "error", "session.thinking.appended", "nobody.knows",
]  # fmt: skip
KEYS = [
    "type", "session", "delta", "delegation", "id", "target", "event", "item", "call_id", "name", "arguments", "usage",
    "usage_ratio", "context_window", "reason", "error", "code", "message", "start_ms", "end_ms", "offset_ms",
    "delegation_id", "response", "expires_at", "text",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(["AAAA", "client", "responses", "d1", "function_call", "response.output_item.done", "expired"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)),
    max_leaves=5,
)
MESSAGES = st.builds(
    lambda kind, members: {**members, "type": kind},
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8),
)


def unharmed(codec: Codec, frame: str | bytes) -> None:
    try:
        message = codec.parse(frame)
    except MessageError:
        return
    json.dumps(codec.describe(message))
    try:
        actions = codec.receive(message)
    except MessageError:
        return
    for message in sent(actions):
        json.dumps(message, allow_nan=False)


@settings(max_examples=50, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_any_bytes_and_any_text_do_no_harm(frame: str | bytes) -> None:
    unharmed(running(), frame)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MESSAGES, max_size=6), st.sampled_from(["client", "responses", "none"]))
def test_any_message_does_no_harm_and_the_session_goes_on(messages: list[dict[str, Any]], delegation: str) -> None:
    codec = codec_of(options={"delegation": delegation, "backend_model": "m"}, tools=(DELEGATE,))
    codec.hello()
    for index, message in enumerate(messages):
        unharmed(codec, json.dumps(message))
        codec.turn(micro_turn(index, controls=[ToolResult("d1", "x"), DelegationResult("d1", "y", final=False)]))
    left = codec.resumption()
    assert left is None or isinstance(left, Resumption)
    codec.end_of_input()
    codec.goodbye()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "session.started"},
        {"type": "session.output_audio.delta"},
        {"type": "session.output_audio.delta", "delta": "%%"},
        {"type": "session.output_transcript.delta"},
        {"type": "session.delegation.created", "delegation": {}},
        {"type": "response.event"},
        {"type": "session.usage.updated"},
        {"type": "error"},
        {"type": "session.closed", "reason": "x" * 300},
    ],
)
def test_a_known_kind_without_what_it_must_carry_costs_that_frame(message: dict[str, Any]) -> None:
    codec = running()
    with pytest.raises(MessageError):
        say(codec, **message)
    assert names(audio(codec, QUIET)) == ["AudioOut"]


def test_an_unknown_kind_is_named() -> None:
    (event,) = say(running(), type="session.brand_new", whatever={})
    assert event == Unrecognized(name="session.brand_new")


def test_kinds_that_say_nothing_here_are_known() -> None:
    codec = running()
    for kind in (
        "session.updated", "session.instructions.appended", "session.thinking.appended", "session.commentary.appended",
        "session.input_audio.muted", "session.input_audio.unmuted", "session.output_audio.fixture.playing",
        "session.output_audio.fixture.played",
    ):  # fmt: skip
        assert say(codec, type=kind, event_id="x", start_ms=0, end_ms=1) == []


def test_identifiers_without_end_are_not_kept() -> None:
    codec = running(options=RESPONSES)
    delegated(codec, target="responses")
    with pytest.raises(MessageError):
        nested(codec, "response.output_item.done", item=call_item("x" * 300))
    with pytest.raises(MessageError):
        delegated(codec, "x" * 300)
