"""vLLM-Omni without a socket: what is sent, what is granted, playback and barge-in."""

from __future__ import annotations

import base64
import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.endpoints.remote.fakes.vllm import CAPABILITIES
from tests.endpoints.remote.family import JPEG, b64, kinds, micro_turn, say, sent, start, told, tone
from tests.endpoints.remote.vllm import SOUND, _fetch, codec_of, created, speaking
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    SessionUpdated,
)
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import DelegationResult, Interrupt, PlaybackReport, ToolResult
from tmlapp.endpoints.remote.contract import (
    Drained,
    Send,
    Target,
)
from tmlapp.endpoints.remote.media import Base64
from tmlapp.endpoints.vllm.codec import VllmCodec
from tmlapp.endpoints.vllm_omni import VLLM_OMNI

pytestmark = pytest.mark.unit


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
