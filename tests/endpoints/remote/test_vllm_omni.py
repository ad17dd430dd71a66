"""vLLM-Omni duplex: what is sent, what comes of what is received, and a conversation that outlives its socket."""

from __future__ import annotations

import base64
import contextlib
import json
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.fakes.vllm import CAPABILITIES, TONE, WORDS, FakeVllm
from tests.endpoints.remote.family import JPEG, Log, b64, kinds, micro_turn, say, sent, setup, start, told, tone
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    EndpointError,
    InputLost,
    Interrupted,
    Listen,
    ResumeHandle,
    SessionOpened,
    SessionUpdated,
    TextOut,
    TextOutDone,
    ToolCall,
    TurnDone,
    TurnStarted,
    Unrecognized,
    UserSpeech,
    WireFrame,
)
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import DelegationResult, Interrupt, PlaybackReport, ToolResult
from tmlapp.endpoints.registry import EndpointOptions, dialects
from tmlapp.endpoints.remote.contract import (
    Answer,
    Drained,
    Ended,
    MessageError,
    Opened,
    Patience,
    Resumption,
    Send,
    Target,
)
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.remote.media import Base64
from tmlapp.endpoints.vllm.codec import VllmCodec
from tmlapp.endpoints.vllm.codes import KINDS
from tmlapp.endpoints.vllm_omni import VLLM_OMNI, vllm_omni

pytestmark = pytest.mark.unit

SOUND = base64.b64encode(TONE[:9600]).decode()
QUICK = Patience(backoff_s=(0.01, 0.01, 0.01), jitter=0.0, warn_turns=500, drop_video_turns=500, give_up_turns=500)
"""Turns are pushed as fast as they can be."""


def _fetch(url: str, headers: Mapping[str, str]) -> Answer:
    raise AssertionError("nothing is fetched")


def codec_of(**members: Any) -> VllmCodec:
    return VllmCodec(VLLM_OMNI, start(VLLM_OMNI, **members))


def created(codec: VllmCodec, capabilities: Mapping[str, Any] | None = None, **session: Any) -> Opened:
    codec.hello()
    about = {"id": "duplex-1", "capabilities": {**CAPABILITIES, **(capabilities or {})}, **session}
    actions = say(codec, type="session.created", session=about, session_id="duplex-1", resume_token="token-of-one")
    (found,) = told(actions, Opened)
    return found


def speaking(codec: VllmCodec, response: str = "r1") -> list[Any]:
    ids = {"response_id": response, "item_id": f"i-{response}"}
    actions = say(codec, type="response.created", response_id=response, response={"id": response})
    actions += say(codec, type="response.speak", metadata={}, **ids)
    actions += say(codec, type="response.output_audio.delta", delta=SOUND, format="pcm16", sample_rate_hz=24_000, **ids)
    return actions + say(codec, type="response.output_audio_transcript.delta", delta="one", **ids)


# ---------------------------------------------------------------------- what is sent


def test_the_set_up_declares_both_rates_and_what_was_asked_for() -> None:
    options = {
        "temperature": "0.5",
        "overlap_policy": "barge_in_on_speech",
        "initial_user_text": "Hi.",
        "turn_detection": "server_vad",
        "extra_body": '{"listen_bias": 1}',
    }
    tool = ToolSpec(name="f", description="does f")
    codec = codec_of(options=options, voice="NATF2.pt", model="openbmb/MiniCPM-o-4_5", tools=(tool,))

    (update,) = sent(codec.hello())

    session = update["session"]
    assert update["type"] == "session.update"
    assert update["event_id"]
    assert session["model"] == "openbmb/MiniCPM-o-4_5"
    assert session["instructions"] == "Count the reps."
    assert session["sample_rate_hz"] == session["audio"]["input"]["sample_rate_hz"] == 16_000
    assert session["audio"]["output"]["sample_rate_hz"] == 24_000
    assert session["turn_detection"] == {"type": "server_vad", "interrupt_response": True}
    assert session["overlap_policy"] == "barge_in_on_speech"
    assert session["playback_commit_policy"] == "ack_only"
    assert session["temperature"] == 0.5
    assert session["idle_timeout_s"] == 300
    assert session["tools"][0]["name"] == "f"
    expected = {"auto_response": True, "force_listen_count": 0, "duplex_initial_user_text": "Hi.", "listen_bias": 1}
    assert session["extra_body"] == expected


def test_without_model_the_server_chooses_and_nobody_else_detects_turns() -> None:
    (update,) = sent(codec_of().hello())

    assert "model" not in update["session"]
    assert update["session"]["turn_detection"] is None


def test_the_address_keeps_a_server_from_beginning_by_itself() -> None:
    target = Target(kind="vllm_omni", address="a", name="a", url="ws://127.0.0.1:8099", model="m", secret=Secret("sk"))

    request = VLLM_OMNI.request(target, None)

    assert request.url == "ws://127.0.0.1:8099/v1/realtime?duplex=1&autostart=0&model=m"
    assert request.headers == {"Authorization": "Bearer sk"}
    named_by_url = Target(kind="vllm_omni", address="a", name="a", url="ws://127.0.0.1:8099/v1/duplex?model=x")
    assert VLLM_OMNI.request(named_by_url, None).url == "ws://127.0.0.1:8099/v1/duplex?model=x&duplex=1&autostart=0"


def test_the_voice_to_take_on_is_a_file_of_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(3200))
    target = Target(kind="vllm_omni", address="a", name="a", options={"ref_audio": str(path)})
    assert VLLM_OMNI.prepare is not None

    prepared = VLLM_OMNI.prepare(target, _fetch)

    (update,) = sent(VllmCodec(VLLM_OMNI, start(VLLM_OMNI, prepared=prepared)).hello())
    head, _, data = update["session"]["ref_audio"].partition(",")
    assert head == "data:audio/wav;base64"
    assert base64.b64decode(data) == path.read_bytes()
    with pytest.raises(AppError, match=r"missing\.wav"):
        VLLM_OMNI.prepare(Target(kind="a", address="a", name="a", options={"ref_audio": "missing.wav"}), _fetch)


def test_sound_goes_out_with_its_times_and_pictures_with_the_append_that_closes_a_unit() -> None:
    codec = codec_of()
    created(codec)

    appends = [sent(codec.turn(micro_turn(i, tone(), jpegs=[JPEG + bytes([i])])))[0] for i in range(10)]

    assert [a["type"] for a in appends] == ["input_audio_buffer.append"] * 10
    assert [a["audio_end_ms"] for a in appends] == list(range(200, 2001, 200))
    assert {a["duration_ms"] for a in appends} == {200}
    assert {(a["format"], a["sample_rate_hz"]) for a in appends} == {("pcm16", 16_000)}
    assert len(base64.b64decode(appends[0]["audio"])) == 6_400
    assert [i for i, a in enumerate(appends) if "video_frames" in a] == [4, 9]
    assert appends[4]["video_frames"] == [b64(JPEG + bytes([4]))]


def test_several_pictures_of_a_unit_may_be_asked_for_and_short_units_take_each() -> None:
    codec = codec_of(options={"frames_per_unit": "2"})
    created(codec, {"chunk_period_ms": 80})

    (append,) = sent(codec.turn(micro_turn(0, jpegs=[JPEG, JPEG + b"1", JPEG + b"2"])))

    assert append["video_frames"] == [b64(JPEG + b"1"), b64(JPEG + b"2")]


def test_sound_is_encoded_once_and_the_wire_log_does_not_decode_it() -> None:
    codec = codec_of()
    created(codec)
    (append,) = (a.message for a in codec.turn(micro_turn(0, tone())) if isinstance(a, Send))
    assert isinstance(append, Mapping)
    assert isinstance(append["audio"], Base64)
    assert append["audio"].data == tone().tobytes()


def test_a_model_without_eyes_gets_no_pictures_and_that_is_a_rejection() -> None:
    codec = codec_of()
    granted = created(codec, {"optional_input_modalities": []}).granted

    actions = [a for i in range(6) for a in codec.turn(micro_turn(i, jpegs=[JPEG]))]

    assert granted.modalities_in == ("audio",)
    assert not any("video_frames" in m for m in sent(actions))
    assert [r.asked for r in granted.rejections] == ["pictures"]
    assert not told(actions, EndpointError)


def test_personaplex_takes_float32_at_24_khz() -> None:
    codec = codec_of(options={"input_format": "pcm_f32le", "input_rate": "24000"})
    created(codec)

    (append,) = sent(codec.turn(micro_turn(0, tone())))

    sound = np.frombuffer(base64.b64decode(append["audio"]), "<f4")
    assert (append["format"], append["sample_rate_hz"], len(sound)) == ("pcm_f32le", 24_000, 4_800)
    assert 0.25 < np.abs(sound).max() < 0.35


def test_a_heartbeat_goes_out_every_thirty_seconds_of_sound() -> None:
    codec = codec_of()
    created(codec)

    beats = [i for i in range(301) if "session.heartbeat" in kinds(codec.turn(micro_turn(i)))]

    assert beats == [149, 299]


def test_typed_text_is_refused_once_and_results_of_tools_are_items() -> None:
    codec = codec_of()
    created(codec)

    actions = [*codec.turn(micro_turn(0, texts=["a"])), *codec.turn(micro_turn(1, texts=["b"]))]
    results = codec.turn(micro_turn(2, controls=[ToolResult("c1", "4"), DelegationResult("d", "done", final=True)]))

    assert [e.kind for e in told(actions, EndpointError)] == ["unsupported"]
    items = [m["item"] for m in sent(results) if m["type"] == "conversation.item.create"]
    assert items == [
        {"type": "function_call_output", "call_id": "c1", "output": "4"},
        {"type": "function_call_output", "call_id": "d", "output": "done"},
    ]
    assert not any(m["type"] == "response.create" for m in sent(results))


def test_the_last_unit_is_completed_with_quiet_and_nothing_is_ever_committed() -> None:
    codec = codec_of()
    created(codec)
    actions = [a for i in range(7) for a in codec.turn(micro_turn(i, tone()))]

    ending = codec.end_of_input()

    (append,) = sent(ending)
    assert append["audio_end_ms"] == 2_000
    assert append["duration_ms"] == 600
    assert not any(base64.b64decode(append["audio"]))
    assert told(ending, Drained)
    assert "input_audio_buffer.commit" not in kinds([*actions, *ending])
    assert kinds(codec.goodbye()) == ["session.close"]


def test_a_model_that_speaks_at_the_end_is_given_silence_until_it_is_done() -> None:
    codec = codec_of()
    created(codec)
    for i in range(5):
        codec.turn(micro_turn(i, tone()))
    speaking(codec)
    delta = {"type": "response.output_audio.delta", "delta": SOUND, "response_id": "r1", "item_id": "i-r1"}

    (first,) = sent(codec.end_of_input())
    more = [sent(say(codec, **delta)) for _ in range(12)]
    done = say(codec, type="response.done", response_id="r1", response={"id": "r1", "status": "completed"})

    assert (first["duration_ms"], first["audio_end_ms"]) == (1000, 2000)
    assert [len(found) for found in more] == [1] * 10 + [0] * 2
    assert not any(base64.b64decode(more[0][0]["audio"]))
    assert told(done, Drained)


# ---------------------------------------------------------------------- what is granted


def test_flags_and_not_names_decide_what_is_granted() -> None:
    granted = created(codec_of(model="openbmb/MiniCPM-o-4_5")).granted
    none = {key: False for key in CAPABILITIES if key.startswith("supports_")}
    bare = created(codec_of(model="openbmb/MiniCPM-o-4_5"), {**none, "chunk_period_ms": 80}).granted

    assert (granted.can_interrupt, granted.can_truncate, granted.can_resume, granted.can_ack_playback) == (True,) * 4
    assert (granted.unit_ms, granted.clock_kind, granted.turn_owner) == (1000, "output", "model")
    assert granted.modalities_in == ("audio", "image")
    assert (bare.can_interrupt, bare.can_truncate, bare.can_resume, bare.can_ack_playback) == (False,) * 4
    assert bare.unit_ms == 80
    assert [r.asked for r in bare.rejections] == ["sound as it comes"]


def test_what_was_asked_for_and_not_granted_is_listed() -> None:
    codec = codec_of(tools=(ToolSpec(name="f", description=""),), history=(HistoryTurn(role="user", text="hi"),))

    granted = created(codec, overlap_policy="barge_in_on_speech", instructions="No.", voice=None).granted

    asked = sorted(r.asked for r in granted.rejections)
    assert asked == ["history of 1 turns", "instructions: Count the reps.", "overlap_policy: listen_only", "tools: f"]


def test_the_second_answer_to_the_set_up_changes_nothing_unless_it_does() -> None:
    codec = codec_of()
    created(codec)
    about = {"id": "duplex-1", "capabilities": CAPABILITIES}

    assert not told(say(codec, type="session.updated", session=about), SessionUpdated)
    assert not told(say(codec, type="session.updated", session={"id": "duplex-1"}), SessionUpdated)
    changed = {**about, "capabilities": {**CAPABILITIES, "supports_barge_in": False}}
    (updated,) = told(say(codec, type="session.updated", session=changed), SessionUpdated)
    assert not updated.granted.can_interrupt


# ---------------------------------------------------------------------- what is received


def test_a_unit_of_silence_is_a_decision_to_listen() -> None:
    codec = codec_of()
    created(codec)
    assert not told(say(codec, type="response.listen"), Listen)
    for i in range(5):
        codec.turn(micro_turn(i))

    (listen,) = told(say(codec, type="response.listen", response={"status": "listening"}), Listen)

    assert listen.micro_turn == 4


def test_a_decision_that_comes_late_is_still_that_of_its_own_unit() -> None:
    codec = codec_of()
    created(codec)
    for i in range(13):
        codec.turn(micro_turn(i))

    found = [told(say(codec, type="response.listen"), Listen)[0].micro_turn for _ in range(2)]

    assert found == [4, 9]


def test_a_listen_with_a_name_ends_that_response() -> None:
    codec = codec_of()
    created(codec)
    codec.turn(micro_turn(0))
    say(codec, type="response.created", response={"id": "r1"})

    actions = say(codec, type="response.listen", response_id="r1", response={"metadata": {"reason": "model_listen"}})

    assert [(e.status, e.reason) for e in told(actions, TurnDone)] == [("completed", "model_listen")]


def test_sound_stands_where_the_sound_before_it_ends_whatever_the_server_calls_its_length() -> None:
    codec = codec_of()
    created(codec)
    codec.turn(micro_turn(3))
    ids = {"response_id": "r1", "item_id": "i-r1"}
    first = speaking(codec)
    second = say(codec, type="response.output_audio.delta", delta=SOUND, metadata={"audio_duration_ms": 400}, **ids)
    words = say(codec, type="response.output_audio_transcript.delta", delta=" two", **ids)

    assert [type(e).__name__ for e in first if not isinstance(e, ResumeHandle)] == [
        "TurnStarted",
        "AudioOut",
        "TextOut",
    ]
    begins = [e.t_media_ns for e in told([*first, *second], AudioOut)]
    assert begins == [0, 200_000_000]
    assert {e.dur_media_ns for e in told([*first, *second], AudioOut)} == {200_000_000}
    assert [e.t_media_ns for e in told([*first, *words], TextOut)] == begins
    assert {e.media_kind for e in told(second, AudioOut)} == {"output"}


def test_both_spellings_at_once_are_one_event() -> None:
    codec = codec_of()
    created(codec)
    speaking(codec)
    ids = {"response_id": "r1", "item_id": "i-r1"}

    actions = say(codec, type="conversation.item.added", item={"id": "i-r1", "type": "message"})
    actions += say(codec, type="conversation.item.created", item={"id": "i-r1", "type": "message"})
    actions += say(codec, type="response.output_audio_transcript.done", transcript="one", **ids)
    actions += say(codec, type="response.done", response_id="r1", response={"id": "r1", "status": "completed"})
    actions += say(codec, type="response.done", response_id="r1", response={"id": "r1", "status": "completed"})

    assert [e.text for e in told(actions, TextOutDone)] == ["one"]
    assert [e.status for e in told(actions, TurnDone)] == ["completed"]


def test_what_came_before_is_dropped_by_its_number_and_everything_is_acknowledged() -> None:
    codec = codec_of()
    created(codec)

    first = say(codec, type="response.created", response={"id": "r1"}, server_event_seq=7)
    again = say(codec, type="response.created", response={"id": "r1"}, server_event_seq=7)
    older = say(codec, type="response.done", response={"id": "r1"}, server_event_seq=6)
    unnumbered = say(codec, type="rate_limits.updated", rate_limits=[])

    assert sent(first) == [{"type": "session.event_ack", "server_event_seq": 7}]
    assert told(first, TurnStarted)
    assert again == older == unnumbered == []


@pytest.mark.parametrize("form", ["g711_ulaw", "wav"])
def test_sound_in_a_format_that_was_not_asked_for_costs_its_message(form: str) -> None:
    codec = codec_of()
    created(codec)

    with pytest.raises(MessageError, match="format"):
        say(codec, type="response.output_audio.delta", delta=SOUND, format=form, response_id="r1", item_id="i")


def test_speech_and_overlap_as_the_server_sees_them() -> None:
    codec = codec_of()
    created(codec)
    speaking(codec)

    heard = say(codec, type="turn.event", event="user_started", turn_state="user_speaking")
    heard += say(codec, type="turn.event", event="user_started", turn_state="user_speaking")
    heard += say(codec, type="turn.event", event="user_committed", turn_state="user_committed")
    heard += say(codec, type="turn.event", event="assistant_started", turn_state="assistant_generating")
    assert [(e.state, e.source) for e in told(heard, UserSpeech)] == [("started", "model"), ("stopped", "model")]
    assert not told(say(codec, type="overlap.decision", action="listen", policy="listen_only"), Interrupted)
    assert told(say(codec, type="overlap.decision", action="barge_in"), Interrupted)
    later = say(codec, type="response.output_audio.delta", delta=SOUND, response_id="r1", item_id="i-r1")
    assert not told(later, AudioOut)


def test_sound_that_the_server_clears_is_thrown_away_even_of_a_response_that_is_done() -> None:
    codec = codec_of()
    created(codec)
    speaking(codec)
    other = say(codec, type="output_audio_buffer.cleared", response_id="r0")
    say(codec, type="response.done", response_id="r1", response={"id": "r1", "status": "completed"})

    cleared = say(codec, type="output_audio_buffer.cleared", response_id="r1")

    assert not told(other, Interrupted)
    assert [e.item_id for e in told(cleared, Interrupted)] == ["i-r1"]


def test_tools_are_called_by_name_even_if_their_arguments_are_no_json() -> None:
    codec = codec_of()
    created(codec)
    say(codec, type="response.created", response={"id": "r1"})
    item = {"id": "i1", "type": "function_call", "name": "f", "call_id": "c1"}
    say(codec, type="response.output_item.added", response_id="r1", item=item)
    ids = {"response_id": "r1", "item_id": "i1", "call_id": "c1"}

    (call,) = told(say(codec, type="response.function_call_arguments.done", arguments='{"n": 3}', **ids), ToolCall)
    raw = {"call_id": "c2", "name": "f", "arguments": "{oops"}
    (broken,) = told(say(codec, type="duplex.function_call.done", event=raw), ToolCall)
    (error,) = told(say(codec, type="duplex.function_call.done", event={"arguments": "f("}), EndpointError)

    assert (call.name, call.arguments) == ("f", {"n": 3})
    assert (broken.call_id, broken.arguments) == ("c2", "{oops")
    assert (error.kind, error.fatal) == ("protocol", False)


@pytest.mark.parametrize(("code", "kind"), sorted(KINDS.items()))
def test_every_code_has_its_kind(code: str, kind: str) -> None:
    codec = codec_of()
    created(codec)
    about = {"type": "invalid_request_error", "code": code, "message": "Because.", "event_id": "mt0-1"}

    (error,) = told(say(codec, type="error", error=about), EndpointError)

    assert (error.kind, error.code, error.message, error.client_event_id) == (kind, code, "Because.", "mt0-1")
    assert error.fatal == (kind == "session_expired")


def test_a_refused_set_up_ends_the_session_in_either_shape() -> None:
    codec = codec_of()
    codec.hello()
    about = {"type": "rate_limit_error", "code": "resource_exhausted", "message": "capacity exhausted: limit=4"}
    (ended,) = told(say(codec, type="error", error=about), Ended)
    flat = codec_of()
    flat.hello()
    (also,) = told(say(flat, type="error", error="No voice.", code="ref_audio_required"), Ended)

    assert ended.error is not None
    assert (ended.error.kind, ended.error.fatal) == ("rate_limit", True)
    assert also.error is not None
    assert (also.error.kind, also.error.message) == ("config", "No voice.")


def test_unknown_events_are_told_of_and_known_ones_say_nothing() -> None:
    codec = codec_of()
    created(codec)

    assert told(say(codec, type="session.brand_new"), Unrecognized)
    for kind in ("session.heartbeat_ack", "playback.acknowledged"):
        assert say(codec, type=kind) == []


# ---------------------------------------------------------------------- playback and barge-in


def test_playback_is_acknowledged_every_200_ms_and_at_its_end() -> None:
    codec = codec_of()
    created(codec)
    speaking(codec)
    say(codec, type="response.output_audio.delta", delta=SOUND, response_id="r1", item_id="i-r1")

    reports = [100, 200, 300, 399, 400, 400, 500]
    acks = []
    for i, ms in enumerate(reports):
        acks += sent(codec.turn(micro_turn(i, controls=[PlaybackReport("i-r1", ms * 1_000_000)])))[:-1]

    assert [a["played_ms"] for a in acks] == [200, 400]
    assert {(a["type"], a["item_id"], a["response_id"]) for a in acks} == {("playback.ack", "i-r1", "r1")}
    assert [a["committed_ms"] for a in acks] == [200, 400]
    assert kinds(codec.turn(micro_turn(9, controls=[PlaybackReport("nobody", 9)]))) == ["input_audio_buffer.append"]


def test_a_person_cuts_in_with_a_barge_in_and_a_last_acknowledgement() -> None:
    codec = codec_of()
    created(codec)
    speaking(codec)

    messages = sent(codec.turn(micro_turn(0, controls=[Interrupt(120_000_000, "i-r1")])))
    twice = kinds(codec.turn(micro_turn(1, controls=[Interrupt(120_000_000, "i-r1")])))
    later = say(codec, type="response.output_audio.delta", delta=SOUND, response_id="r1", item_id="i-r1")

    barge, ack, cut, _ = messages
    assert barge["type"] == "barge_in"
    assert (ack["type"], ack["played_ms"], ack["truncate"]) == ("playback.ack", 120, True)
    assert (cut["type"], cut["audio_end_ms"]) == ("conversation.item.truncate", 120)
    assert twice == ["input_audio_buffer.append"]
    assert not told(later, AudioOut)


def test_a_model_that_knows_no_barge_in_is_cancelled_and_one_that_cut_itself_off_only_hears_what_was_played() -> None:
    flags = {"supports_barge_in": False, "supports_audio_truncate": False}
    codec = codec_of()
    created(codec, flags)
    speaking(codec)
    by_model = kinds(codec.turn(micro_turn(0, controls=[Interrupt(0, "i-r1", by_person=False)])))
    speaking(codec, "r2")
    by_person = kinds(codec.turn(micro_turn(1, controls=[Interrupt(0, "i-r2")])))
    silent = kinds(codec.turn(micro_turn(2, controls=[Interrupt(0)])))

    assert by_model == ["playback.ack", "input_audio_buffer.append"]
    assert by_person == ["response.cancel", "playback.ack", "input_audio_buffer.append"]
    assert silent == ["input_audio_buffer.append"]


def test_without_the_flag_nothing_is_acknowledged() -> None:
    codec = codec_of()
    created(codec, {"supports_playback_ack": False, "supports_audio_truncate": False})
    speaking(codec)

    controls = [PlaybackReport("i-r1", 200_000_000), Interrupt(200_000_000, "i-r1", by_person=False)]
    assert kinds(codec.turn(micro_turn(0, controls=controls))) == ["input_audio_buffer.append"]


# ---------------------------------------------------------------------- from one connection to the next


def after_a_loss(codec: VllmCodec) -> VllmCodec:
    resumption = codec.resumption()
    assert resumption is not None
    return codec_of(epoch=1, resumption=resumption)


def test_a_session_is_taken_up_where_its_last_event_was_received() -> None:
    codec = codec_of()
    created(codec)
    for i in range(5):
        codec.turn(micro_turn(i))
    say(codec, type="response.created", response={"id": "r1"}, server_event_seq=4)
    say(codec, type="response.output_audio.delta", delta=SOUND, response_id="r1", item_id="i", server_event_seq=5)

    second = after_a_loss(codec)
    (resume,) = sent(second.hello())
    resumed = say(second, type="session.resumed", session_id="duplex-1", session={}, resume_token="token-of-two")
    again = say(second, type="response.created", response={"id": "r1"}, server_event_seq=4)
    on = say(second, type="response.output_audio.delta", delta=SOUND, response_id="r1", item_id="i", server_event_seq=6)
    (append,) = sent(second.turn(micro_turn(9)))
    media = say(second, type="response.output_audio.delta", delta=SOUND, response_id="r1", item_id="i")

    assert resume["type"] == "session.resume"
    assert (resume["session_id"], resume["resume_token"]) == ("duplex-1", "token-of-one")
    assert resume["last_received_server_event_seq"] == 5
    assert [e.handle for e in told(resumed, ResumeHandle)] == ["token-of-two"]
    (opened,) = told(resumed, Opened)
    assert opened.granted.can_resume
    assert again == []
    assert [e.t_media_ns for e in told(on, AudioOut)] == [200_000_000]
    assert not told(on, TurnStarted)
    assert append["audio_end_ms"] == 1_200
    (sound,) = told(media, AudioOut)
    assert sound.t_media_ns == 400_000_000
    data = second.resumption()
    assert data is not None
    assert data.data["token"] == "token-of-two"


def test_a_resumption_that_was_interrupted_is_tried_again_with_the_same_token() -> None:
    codec = codec_of()
    created(codec)

    second = after_a_loss(codec)

    assert second.resumption() == codec_of(resumption=second.resumption()).resumption()
    assert second.resumption() is second.start.resumption


@pytest.mark.parametrize(
    "message",
    [
        {"type": "error", "error": "Unknown or expired duplex session: duplex-1", "code": "session_resume_expired"},
        {"type": "error", "error": {"type": "invalid_request_error", "code": "invalid_resume_token", "message": "No."}},
        {"type": "session.resync_required", "reason": "journal_gap"},
        {"type": "session.expired", "reason": "disconnect_grace"},
    ],
)
def test_where_a_session_cannot_be_taken_up_a_new_one_is_opened_and_that_is_said(message: dict[str, Any]) -> None:
    codec = codec_of()
    created(codec)
    second = after_a_loss(codec)
    second.hello()

    (ended,) = told(say(second, **message), Ended)
    third = after_a_loss(second)

    assert ended.error is not None
    assert (ended.error.kind, ended.error.retryable) == ("session_expired", True)
    assert kinds(third.hello()) == ["session.update"]
    granted = created(third).granted
    assert [r.granted for r in granted.rejections] == ["a new session"]


def test_a_session_that_lost_its_journal_goes_on_and_cannot_be_resumed() -> None:
    codec = codec_of()
    created(codec)

    (updated,) = told(say(codec, type="session.resync_required", reason="journal_overflow"), SessionUpdated)

    assert not updated.granted.can_resume
    assert codec.resumption() is None
    assert not told(say(codec, type="session.resync_required", reason="journal_overflow"), SessionUpdated)


def test_how_sessions_end() -> None:
    ours, theirs, expired, replaced = (codec_of() for _ in range(4))
    for codec in (ours, theirs, expired, replaced):
        created(codec)
    ours.goodbye()

    (orderly,) = told(say(ours, type="session.closed", reason="runtime_error"), Ended)
    (closed,) = told(say(theirs, type="session.closed", reason="runtime_error"), Ended)
    (over,) = told(say(expired, type="session.expired", reason="idle"), Ended)
    (taken,) = told(say(replaced, type="session.replaced", attachment_generation=2), Ended)

    assert orderly.error is None
    assert ours.resumption() is None
    assert closed.error is not None
    assert closed.error.kind == "session_expired"
    assert over.error is not None
    assert (over.code, over.error.kind) == ("expired", "session_expired")
    assert expired.resumption() == Resumption("history", {})
    assert taken.error is not None
    assert not taken.error.retryable
    assert replaced.resumption() is None


def test_without_the_flag_a_lost_connection_is_the_end() -> None:
    codec = codec_of()
    created(codec, {"supports_session_resume": False})

    assert codec.resumption() is None


# ---------------------------------------------------------------------- over a real socket


def talk(server: FakeVllm, log: Log, **members: Any) -> RemoteDuplex:
    target = Target(kind="vllm_omni", address="vllm_omni:test", name="test", url=server.url, model="m")
    return RemoteEndpoint(VLLM_OMNI, target, patience=QUICK).open(setup(**members), log)


def said(log: Log) -> str:
    return "".join(e.delta for e in log.of(TextOut))


def test_a_conversation_from_the_first_unit_to_the_last() -> None:
    log = Log()
    with FakeVllm().running() as server:
        duplex = talk(server, log)
        for i in range(21):
            duplex.push(micro_turn(i, tone(), jpegs=[JPEG]))
        duplex.drain(10)
        duplex.close()
        (seen,) = server.connections

    assert duplex.granted.unit_ms == 1000
    assert said(log) == "".join(WORDS)
    assert sum(len(e.pcm16) for e in log.of(AudioOut)) == 3 * len(TONE)
    assert [e.t_media_ns for e in log.of(AudioOut)] == [0, 1_000_000_000, 2_000_000_000]
    assert [e.status for e in log.of(TurnDone)] == ["completed"]
    assert len(log.of(Listen)) == 2
    assert not log.of(EndpointError)
    assert not log.of(Unrecognized)
    assert [e.initiated_by for e in log.of(Closed)] == ["us"]
    assert sum("video_frames" in f for f in seen.of("input_audio_buffer.append")) == 5
    assert "session.close" in seen.kinds
    assert len({f["event_id"] for f in seen.frames if "event_id" in f}) == len(seen.frames) - len(
        seen.of("session.event_ack")
    )


def test_a_conversation_that_ends_while_the_model_speaks_hears_it_to_its_end() -> None:
    log = Log()
    with FakeVllm().running() as server:
        duplex = talk(server, log)
        for i in range(10):
            duplex.push(micro_turn(i, tone()))
        log.wait_for(lambda events: any(isinstance(e, AudioOut) for e in events))
        duplex.drain(10)
        duplex.close()

    assert said(log) == "".join(WORDS)
    assert [e.status for e in log.of(TurnDone)] == ["completed"]


def test_a_cut_connection_is_taken_up_again_without_a_word_lost_or_said_twice() -> None:
    log = Log()
    with FakeVllm(cut_after=2).running() as server:
        duplex = talk(server, log)
        for i in range(10):
            duplex.push(micro_turn(i, tone()))
        log.wait_for(lambda events: any(isinstance(e, ConnectionChanged) and e.state == "reconnecting" for e in events))
        for i in range(10, 13):
            duplex.push(micro_turn(i, tone()))
        log.wait_for(lambda events: sum(isinstance(e, InputLost) for e in events) >= 3)
        server.let_in.set()
        log.wait_for(lambda events: any(isinstance(e, SessionUpdated) for e in events))
        for i in range(13, 23):
            duplex.push(micro_turn(i, tone()))
        duplex.drain(10)
        duplex.close()
        first, second = server.connections

    assert said(log) == "".join(WORDS)
    assert len(log.of(AudioOut)) == len(WORDS)
    assert [e.status for e in log.of(TurnDone)] == ["completed"]
    assert len(log.of(TurnStarted)) == 1
    assert {e.micro_turn for e in log.of(InputLost)} >= {10, 11, 12}
    assert second.kinds[0] == "session.resume"
    assert second.query["autostart"] == "0"
    assert len(log.of(SessionOpened)) == 1
    # What was said before the cut may have been on its way: then the replay brings it.
    assert {e.epoch for e in log.of(AudioOut)} in ({0, 1}, {1})
    assert not [e for e in log.of(EndpointError) if e.fatal]
    resumed = second.of("input_audio_buffer.append")[0]["audio_end_ms"]
    assert resumed == first.of("input_audio_buffer.append")[-1]["audio_end_ms"] + 200


def test_no_token_stands_in_anything_that_leaves_the_adapter() -> None:
    log = Log()
    with FakeVllm(cut_after=2).running() as server:
        server.let_in.set()
        duplex = talk(server, log)
        for i in range(10):
            duplex.push(micro_turn(i, tone()))
        log.wait_for(lambda events: any(isinstance(e, SessionUpdated) for e in events))
        duplex.close()
        tokens = list(server.tokens)

    everything = repr(log.events) + json.dumps([f.message for f in log.of(WireFrame)])
    assert len(tokens) == 2
    assert len(log.of(ResumeHandle)) == 2
    assert not any(token in everything for token in tokens)


def test_where_the_server_cannot_tell_what_was_missed_a_new_session_begins() -> None:
    log = Log()
    with FakeVllm(cut_after=2, gap=True).running() as server:
        server.let_in.set()
        duplex = talk(server, log)
        for i in range(10):
            duplex.push(micro_turn(i, tone()))
        log.wait_for(lambda events: any(isinstance(e, SessionUpdated) for e in events))
        duplex.close()
        last = server.connections[-1]

    assert last.kinds[0] == "session.update"
    assert [r.granted for r in log.of(SessionUpdated)[-1].granted.rejections] == ["a new session"]


def test_a_server_that_is_full_is_an_error_with_its_reason() -> None:
    with (
        FakeVllm(refuse="resource_exhausted").running() as server,
        pytest.raises(AppError, match="could not be opened"),
    ):
        talk(server, Log())


def test_the_kind_is_known_and_can_be_addressed() -> None:
    assert dialects()["vllm_omni"] is VLLM_OMNI
    endpoint = vllm_omni("m@ws://127.0.0.1:8099", EndpointOptions())
    assert (endpoint.address, endpoint.host) == ("vllm_omni:m@ws://127.0.0.1:8099", "127.0.0.1:8099")
    with pytest.raises(AppError, match="needs an address"):
        vllm_omni("m", EndpointOptions()).check("")


# ---------------------------------------------------------------------- anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("duplex-1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(
        {"session", "response", "response_id", "item_id", "delta", "event", "reason", "capabilities", "id", "item",
         "server_event_seq", "format", "sample_rate_hz", "resume_token", "session_id", "action", "metadata", "error",
         "code", "call_id", "name", "arguments", "chunk_period_ms", "optional_input_modalities", "status"}
    )), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(VllmCodec.EVENTS)), JSON), max_size=8), st.booleans())
def test_no_message_does_harm(messages: list[tuple[str, Any]], resumed: bool) -> None:
    codec = codec_of()
    created(codec)
    if resumed:
        codec = after_a_loss(codec)
        codec.hello()
    codec.turn(micro_turn(0))
    for kind, value in messages:
        members = value if isinstance(value, dict) else {"error": value}
        try:
            actions = codec.receive({**members, "type": kind})
        except MessageError:
            continue
        for action in actions:
            if isinstance(action, Opened):
                assert json.dumps(action.granted.details)
    codec.turn(micro_turn(1, jpegs=[JPEG]))
    codec.end_of_input()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_frame_does_harm(frame: bytes | str) -> None:
    with contextlib.suppress(MessageError):
        codec_of().parse(frame)
