"""The codec of Gemini Live: what it understands, how a connection ends and goes on, and that nothing does it harm."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.family import JPEG, micro_turn, names, sent, told
from tests.endpoints.remote.gemini import called, codec, content, responses, say, spoken, talking
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Limit,
    ResumeHandle,
    TextOut,
    TextOutDone,
    ToolCancelled,
    TurnDone,
    Unrecognized,
    Usage,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.tool import HistoryTurn
from tmlapp.core.turn import Interrupt, PlaybackReport, ToolResult
from tmlapp.endpoints.gemini.codec import GeminiCodec
from tmlapp.endpoints.remote.contract import Codec, MessageError, Opened, Resumption

pytestmark = pytest.mark.unit


# ---------------------------------------------------------------------- what is heard


def test_a_turn_has_words_sound_thoughts_and_one_end() -> None:
    made = talking()
    actions = [
        *content(made, modelTurn={"parts": [{"text": "Hm.", "thought": True}, {"thoughtSignature": "AA=="}, {}]}),
        *content(made, outputTranscription={"text": "One"}, **spoken()),
        *say(
            made, server_content={"model_turn": {"parts": [{"inline_data": {"mime_type": "audio/pcm", "data": "-_8"}}]}}
        ),
        *content(made, outputTranscription={"text": " two", "finished": True}),
        *content(made, generationComplete=True, groundingMetadata={}),
        *say(made, serverContent={"turnComplete": True}, usageMetadata={"candidatesTokenCount": 5}),
    ]
    assert names(actions) == [
        "TurnStarted", "TextOut", "AudioOut", "TextOut", "AudioOut", "TextOut", "TextOutDone", "Usage", "TextOutDone",
        "TurnDone",
    ]  # fmt: skip
    assert [(e.text, e.channel) for e in told(actions, TextOutDone)] == [("One two", "transcript"), ("Hm.", "thought")]
    assert b"".join(e.pcm16 for e in told(actions, AudioOut)) == b"\1\2\3\4\xfb\xff"
    assert {e.response_id for e in actions} == {"turn-0-1"}
    assert told(actions, Usage)[0].counters == {"candidatesTokenCount": 5, "responseTokenCount": 5}
    assert told(actions, TurnDone)[0].status == "completed"


def test_text_without_a_voice_is_said() -> None:
    made = talking(options={"modality": "text"})
    (_, text) = content(made, modelTurn={"parts": [{"text": "Hello."}]})
    assert (text.delta, text.channel) == ("Hello.", "say")


def test_rate_of_the_sound_is_read_and_other_media_are_not_understood() -> None:
    made = talking()
    (_, audio) = content(made, **spoken(mimeType="audio/L16;codec=pcm;rate=16000"))
    assert audio.rate == 16_000
    assert content(made, **spoken(mimeType="image/png")) == [Unrecognized(name="inlineData image/png")]
    assert content(made, modelTurn={"parts": [{"executableCode": {}}]}) == [Unrecognized(name="part.executableCode")]
    for wrong in ({"mimeType": "audio/pcm;rate=1"}, {"data": None}, {"data": "%%%"}):
        with pytest.raises(MessageError):
            content(made, **spoken(**wrong))


def test_an_interruption_ends_the_turn_at_once_and_nothing_late_of_it_comes_out() -> None:
    made = talking()
    made.turn(micro_turn(0))
    content(made, outputTranscription={"text": "One"}, **spoken())
    cut = content(made, interrupted=True)
    assert names(cut) == ["Interrupted", "TextOutDone", "TurnDone"]
    assert cut[0].item_id == cut[2].response_id
    assert (cut[2].status, cut[2].reason) == ("cancelled", "interrupted")
    assert content(made, outputTranscription={"text": "late"}, **spoken()) == []
    assert content(made, turnComplete=True) == []
    assert names(content(made, **spoken())) == ["TurnStarted", "AudioOut"]


def test_an_interrupted_turn_whose_end_never_comes_does_not_mute_the_next_answer() -> None:
    made = talking()
    content(made, **spoken())
    content(made, interrupted=True)
    for index in range(7):
        made.turn(micro_turn(index))
    assert names(content(made, **spoken())) == ["TurnStarted", "AudioOut"]
    assert names(content(talking(), interrupted=True)) == ["Interrupted"]


def test_a_person_who_cuts_the_model_off_hears_no_more_of_that_turn() -> None:
    made = talking()
    (_, audio) = content(made, **spoken())
    others: list[Any] = [PlaybackReport(audio.item_id, 1), Interrupt(5, by_person=False), Interrupt(5, "another")]
    assert len(sent(made.turn(micro_turn(0, controls=others)))) == 1
    assert len(content(made, **spoken())) == 1
    made.turn(micro_turn(1, controls=[Interrupt(5, audio.item_id)]))
    assert content(made, outputTranscription={"text": "late"}, **spoken()) == []
    (done,) = content(made, turnComplete=True)
    assert (done.status, done.reason) == ("cancelled", "cut off by the person")


@pytest.mark.parametrize(
    ("reason", "status", "kinds"),
    [
        ("TURN_COMPLETE_REASON_UNSPECIFIED", "completed", []),
        ("NEED_MORE_INPUT", "incomplete", []),
        ("MALFORMED_FUNCTION_CALL", "failed", []),
        ("PROHIBITED_INPUT_CONTENT", "incomplete", ["content_filter"]),
    ],
)
def test_reasons_of_an_end_are_told(reason: str, status: str, kinds: list[str]) -> None:
    actions = content(talking(), turnComplete=True, turnCompleteReason=reason)
    assert [e.kind for e in told(actions, EndpointError)] == kinds
    assert not any(e.fatal for e in told(actions, EndpointError))
    assert told(actions, TurnDone)[0].status == status


def test_silence_that_the_model_chose_is_a_turn_without_a_beginning() -> None:
    made = talking(options={"proactive_audio": "on"})
    heard = content(made, inputTranscription={"text": " Hm."})
    assert told(heard, UserTranscript) == [UserTranscript(text="Hm.", final=False)]
    actions = content(made, turnComplete=True)
    assert names(actions) == ["UserTranscript", "TurnDone"]
    assert actions[1].reason == "silence"


def test_speech_stands_on_the_clock_of_what_was_sent() -> None:
    made = talking()
    made.turn(micro_turn(5))
    (begun,) = say(made, voiceActivity={"voiceActivityType": "ACTIVITY_START", "audioOffset": "1.240s"})
    assert (begun.state, begun.t_media_ns, begun.media_kind) == ("started", 2_240_000_000, "input")
    assert say(made, voiceActivityDetectionSignal={"vadSignalType": "VAD_SIGNAL_TYPE_SOS"}) == []
    (ended,) = say(made, voice_activity={"voice_activity_type": "ACTIVITY_END", "audio_offset": {"seconds": 2}})
    assert (ended.state, ended.t_media_ns) == ("stopped", 3_000_000_000)
    (signal,) = say(made, voiceActivityDetectionSignal={"vadSignalType": "VAD_SIGNAL_TYPE_SOS"})
    assert signal == UserSpeech(state="started", source="server_vad")
    (odd,) = say(made, voiceActivity={"voiceActivityType": "ACTIVITY_END", "audioOffset": "soon"})
    assert odd.t_media_ns is None
    assert say(made, voiceActivity={"voiceActivityType": "TYPE_UNSPECIFIED"}) == []


def test_words_of_the_person_grow_until_they_are_finished() -> None:
    made = talking()
    actions = [
        *content(made, interimInputTranscription={"text": "wha"}),
        *content(made, inputTranscription={"text": " What"}),
        *content(made, interimInputTranscription={"text": " is"}),
        *content(made, inputTranscription={"text": " is it?", "finished": True}),
        *content(made, inputTranscription={"text": "Well"}),
        *say(made, voiceActivity={"voiceActivityType": "ACTIVITY_START"}),
    ]
    found = [(e.text, e.final) for e in told(actions, UserTranscript)]
    assert found == [
        ("wha", False), ("What", False), ("What is", False), ("What is it?", False), ("What is it?", True),
        ("Well", False), ("Well", True),
    ]  # fmt: skip


# ---------------------------------------------------------------------- limits and ends


def limits(made: Codec, turns: int, **members: Any) -> list[tuple[int, float | None]]:
    return [
        (index, limit.remaining_ms)
        for index in range(turns)
        for limit in told(made.turn(micro_turn(index, **members)), Limit)
    ]


def test_limits_are_announced_before_they_strike() -> None:
    sound = limits(talking(options={"compression": "off"}), 4_500)
    ends = {0: 899_800.0, 2_699: 60_000.0, 2_999: 300_000.0, 4_199: 60_000.0}
    assert dict(sound) == pytest.approx(ends)
    pictures = limits(talking(options={"compression": "off"}), 400, jpegs=[JPEG])
    assert dict(pictures) == pytest.approx({0: 119_800.0, 299: 60_000.0})
    endless = talking()
    (away,) = say(endless, goAway={"timeLeft": "50s"})
    assert (away.kind, away.remaining_ms) == ("going_away", 50_000)
    assert limits(endless, 3_100) == []
    assert say(endless, go_away={})[0].remaining_ms is None


def test_a_full_context_is_announced_once_where_nothing_is_dropped() -> None:
    made = talking(options={"compression": "off"})
    usage = {"usageMetadata": {"totalTokenCount": "110000"}}
    assert [e.kind for e in told(say(made, **usage), Limit)] == ["context"]
    assert told(say(made, **usage), Limit) == []
    assert told(say(talking(), **usage), Limit) == []


@pytest.mark.parametrize(
    ("code", "reason", "kind", "retryable"),
    [
        (1007, "Invalid JSON payload received. Unknown name \"handle\" at 'setup.safety'", "config", False),
        (1007, "Thinking level must be specified for this model", "config", False),
        (1007, "API key not valid. Please pass a valid API key.", "auth", False),
        (1007, "", "config", False),
        (1008, "models/x is not found for API version v1beta, or is not supported", "config", False),
        (1008, "Operation is not implemented, or supported, or enabled.", "unsupported", False),
        (1008, "", "config", False),
        (1011, "You exceeded your current quota, please check your plan", "quota", False),
        (1011, "Resource has been exhausted", "rate_limit", True),
        (1011, "Internal error encountered.", "server", True),
        (1008, "Connection aborted: the client did not leave before the GoAway deadline", "session_expired", True),
        (1007, "The input token count exceeds the maximum", "context", False),
        (1008, "Blocked by safety filters", "content_filter", False),
        (1001, "", "session_expired", True),
        (1006, "", "network", True),
    ],
)
def test_close_codes_and_their_sentences_are_understood(code: int, reason: str, kind: str, retryable: bool) -> None:
    error = talking().closed(code, reason)
    assert error is not None
    assert (error.kind, error.fatal, error.retryable, error.code) == (kind, True, retryable, str(code))
    assert reason.rstrip(".")[:40] in error.message


def test_an_ordinary_close_is_no_error() -> None:
    assert talking().closed(1000, "") is None


# ---------------------------------------------------------------------- going on


def test_a_handle_goes_on_where_the_last_connection_was() -> None:
    made = talking(options={"compression": "off"})
    made.turn(micro_turn(0))
    called(made, "delegate", "known")
    (told_of,) = told(say(made, sessionResumptionUpdate={"newHandle": "secret", "resumable": True}), ResumeHandle)
    assert told_of.handle == "secret"
    assert told_of.valid_from_index == 1
    assert say(made, sessionResumptionUpdate={"newHandle": "", "resumable": False}) == []
    called(made, "f", "lost")
    content(made, **spoken())
    left = made.resumption()
    assert left is not None
    assert left.kind == "native"
    again = codec(options={"compression": "off"}, resumption=left, epoch=1)
    (frame,) = sent(again.hello())
    assert frame["setup"]["sessionResumption"] == {"handle": "secret"}
    actions = say(again, setupComplete={})
    assert told(actions, ToolCancelled) == [ToolCancelled(call_id="lost")]
    assert told(actions, TurnDone) == [TurnDone(status="cancelled", reason="connection lost", response_id="turn-0-1")]
    assert told(actions, Opened)
    assert not sent(actions)
    assert dict(limits(again, 1)) == {0: pytest.approx(899_800.0)}
    assert [r["id"] for r in responses(again, ToolResult("known", "5"))] == ["known"]
    assert names(content(again, **spoken())) == ["TurnStarted", "AudioOut"]


def test_without_a_handle_the_turns_are_told_anew() -> None:
    made = talking(options={"session_resumption": "off"}, history=(HistoryTurn(role="user", text="Hi."),))
    made.turn(micro_turn(0, texts=["One?"]))
    content(made, outputTranscription={"text": "Yes."}, **spoken())
    content(made, turnComplete=True)
    content(made, **spoken())
    left = made.resumption()
    assert left is not None
    assert left.kind == "history"
    again = codec(options={"session_resumption": "off"}, resumption=left, epoch=1)
    (frame,) = sent(again.hello())
    assert "sessionResumption" not in frame["setup"]
    actions = say(again, setupComplete={})
    (seed,) = sent(actions)
    assert [t["parts"][0]["text"] for t in seed["clientContent"]["turns"]] == ["Hi.", "One?", "Yes."]
    assert told(actions, TurnDone)[0].response_id == "turn-0-2"


def test_a_handle_that_is_refused_leaves_the_turns() -> None:
    made = talking()
    made.turn(micro_turn(0, texts=["One?"]))
    called(made, "delegate", "known")
    say(made, sessionResumptionUpdate={"newHandle": "h", "resumable": True})
    called(made, "f", "lost")
    again = codec(resumption=made.resumption(), epoch=1)
    again.hello()
    assert again.resumption() == made.resumption()
    assert getattr(again.closed(1007, "API key not valid"), "kind", "") == "auth"
    assert getattr(again.closed(1008, "refused"), "kind", "") == "session_expired"
    left = again.resumption()
    assert left is not None
    assert left.kind == "history"
    assert [t.text for t in left.data["turns"]] == ["One?"]
    third = codec(resumption=left, epoch=2)
    third.hello()
    assert {e.call_id for e in told(say(third, setupComplete={}), ToolCancelled)} == {"lost", "known"}
    assert getattr(codec().closed(1008, "refused"), "kind", "") == "config"
    assert codec().resumption() is None


# ---------------------------------------------------------------------- whatever comes


def test_keep_alives_say_nothing_and_what_nobody_knows_is_told() -> None:
    made = talking()
    assert say(made) == []
    assert content(made) == []
    assert say(made, serverContent=None) == []
    unknown = say(made, brandNew=1, serverContent={"alsoNew": 2, "turnComplete": False})
    assert unknown == [Unrecognized(name="serverContent.alsoNew"), Unrecognized(name="brandNew")]
    assert Unrecognized(name="x" * 80) in say(made, **{"x" * 1000: 1})


def test_binary_and_text_frames_mean_the_same() -> None:
    made = talking()
    for frame in (b'{"serverContent":{}}', '{"serverContent":{}}'):
        assert made.parse(frame) == {"serverContent": {}}
    assert made.describe({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("frame", ["", "[]", "7", "{", b"\xff", "[" * 100_000, '{"a": NaN}', '"x"'])
def test_what_is_no_message_costs_that_frame(frame: str | bytes) -> None:
    with pytest.raises(MessageError):
        talking().parse(frame)


def test_half_characters_become_whole_ones() -> None:
    made = talking()
    actions = made.receive(made.parse('{"serverContent": {"outputTranscription": {"text": "a\\ud800b"}}}'))
    assert [e.delta for e in told(actions, TextOut)] == ["a\ufffdb"]


def test_what_is_wrong_in_a_frame_does_not_cost_the_rest_of_it() -> None:
    actions = say(talking(), serverContent={"outputTranscription": {"text": "One"}}, toolCall={"functionCalls": [7]})
    assert names(actions) == ["TurnStarted", "TextOut", "EndpointError"]
    made = talking()
    content(made, **spoken())
    broken = content(made, turnComplete=True, turnCompleteReason=7, **spoken(data="%%%"))
    assert names(broken) == ["TurnDone", "EndpointError"]
    for wrong in ({"serverContent": 7}, {"usageMetadata": "x"}, {"toolCall": {"functionCalls": 7}}):
        with pytest.raises(MessageError):
            say(talking(), **wrong)


_KEYS = st.sampled_from(
    ["setupComplete", "serverContent", "server_content", "modelTurn", "parts", "text", "thought", "inlineData", "data",
     "mimeType", "outputTranscription", "inputTranscription", "finished", "interrupted", "turnComplete", "id",
     "turnCompleteReason", "toolCall", "functionCalls", "name", "args", "toolCallCancellation", "ids", "goAway",
     "timeLeft", "sessionResumptionUpdate", "newHandle", "resumable", "voiceActivity", "voiceActivityType",
     "audioOffset", "usageMetadata", "totalTokenCount", "generationComplete"]
)  # fmt: skip
_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["audio/pcm;rate=24000", "AAAA", "1.2s", "ACTIVITY_START", "\ud800", "c1"])
)  # fmt: skip
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=40) | st.dictionaries(_KEYS, _VALUES, max_size=4), max_size=12))
def test_no_message_does_any_harm(messages: list[bytes | Mapping[str, Any]]) -> None:
    made = talking()
    for number, message in enumerate(messages):
        frame = message if isinstance(message, bytes) else json.dumps(message)
        with contextlib.suppress(MessageError):
            for action in made.receive(made.parse(frame)):
                if isinstance(action, TextOut):
                    action.delta.encode()
        made.turn(micro_turn(number, controls=[ToolResult("c1", "x")]))
    made.end_of_input()
    left = made.resumption()
    assert isinstance(left, Resumption)
    assert isinstance(codec(resumption=left, epoch=1), GeminiCodec)


def test_memory_is_bounded_whatever_comes() -> None:
    made = talking()
    for number in range(700):
        called(made, call_id=f"id-{number}")
        content(made, outputTranscription={"text": "x" * 400}, inputTranscription={"text": "y" * 400})
    left = made.resumption()
    assert left is not None
    assert len(left.data["lost_calls"]) <= 256
    assert sum(len(t.text) for t in left.data["turns"]) <= 100_000
    assert len(pickled(made)) < 2_000_000


def pickled(made: GeminiCodec) -> str:
    """Everything that the books hold, as text."""
    held = (made._replies, made._person, made._calls, made._history)
    return repr([{name: getattr(book, name, None) for name in vars(book)} for book in held])
