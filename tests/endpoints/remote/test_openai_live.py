"""GPT-Live without a socket: the set-up, what is granted, sound and words both ways."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.family import JPEG, WALL_S, b64, kinds, micro_turn, names, say, sent, told
from tests.endpoints.remote.live import (
    DELEGATE,
    LOUD,
    QUIET,
    RESPONSES,
    WEATHER,
    audio,
    begin,
    codec_of,
    give,
    running,
    session_of,
)
from tmlapp.core.event import (
    AudioOut,
    SessionUpdated,
    TextOut,
    TextOutDone,
    TurnStarted,
    UserTranscript,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.tool import HistoryTurn
from tmlapp.core.turn import TextInput
from tmlapp.core.units import NS_PER_MS, TURN_NS
from tmlapp.endpoints.gpt_live.asking import pieces

pytestmark = pytest.mark.unit


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
