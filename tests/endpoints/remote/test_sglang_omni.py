"""SGLang-Omni: what is sent and when, what comes of what is received, and a session on virtual time."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.harness import free_port
from tests.endpoints.remote.family import JPEG, Log, b64, connect, kinds, micro_turn, say, sent, setup, start, told
from tests.endpoints.remote.serving import Model, served
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    EndpointError,
    InputAccepted,
    InputLost,
    Interrupted,
    Listen,
    SessionUpdated,
    TaskSet,
    TextOut,
    TextOutDone,
    TurnDone,
    UnitDone,
    Unrecognized,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.media import Frame
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import DelegationResult, Interrupt, MicroTurn, TextInput, ToolResult
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.registry import EndpointOptions, dialects
from tmlapp.endpoints.remote.contract import Answer, Drained, Ended, MessageError, Opened, Patience, Resumption, Target
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.sglang.codec import SglangCodec
from tmlapp.endpoints.sglang_omni import SGLANG_OMNI, sglang_omni

pytestmark = pytest.mark.unit

_MS = 1_000_000


def grant(**changes: Any) -> dict[str, Any]:
    granted: dict[str, Any] = {
        "interaction": "native",
        "proactive_output": True,
        "input_modalities": ["audio", "image"],
        "output_modalities": ["text", "audio"],
        "input_audio_format": {"type": "audio/pcm", "rate": 16_000},
        "output_audio_format": {"type": "audio/pcm", "rate": 24_000},
        "input_image_format": {"types": ["image/jpeg"], "max_bytes": 1_000, "max_frames_per_unit": 2},
        "native_unit_ms": 200,
        "first_unit_ms": 200,
        "supports_truncate": False,
        "rejections": [],
    }
    return {"model": "m", "sglang": {"granted": granted | changes}}


def opened(*, changes: dict[str, Any] | None = None, **members: Any) -> SglangCodec:
    codec = SglangCodec(SGLANG_OMNI, start(SGLANG_OMNI, **members))
    greet(codec)
    (found,) = told(say(codec, type="session.updated", session=grant(**(changes or {}))), Opened)
    assert found.granted is codec.granted
    return codec


def greet(codec: SglangCodec) -> list[Any]:
    """The server speaks first; what we say then."""
    assert codec.hello() == ()
    said = say(codec, type="session.created", session={"id": "s", "sglang": {"granted": None}})
    assert say(codec, type="session.created", session={}) == []
    return said


def appends(actions: Any) -> list[tuple[int, float]]:
    of = [m["sglang"] for m in sent(actions) if m["type"] == "input_audio_buffer.append"]
    return [(m["seq"], m["t_start_ms"]) for m in of]


def unit(codec: SglangCodec, number: int, ms: float = 200.0, start_ms: float | None = None) -> list[Any]:
    at = {"t_start_ms": number * ms if start_ms is None else start_ms, "duration_ms": ms}
    return say(codec, type="sglang.unit.done", unit_id=f"unit_{number}", sglang={"media_time": at})


def refuse(codec: SglangCodec, event_id: str, code: str, message: str, **more: Any) -> list[Any]:
    error = {"type": "invalid_request_error", "code": code, "message": message, "event_id": event_id, "param": None}
    return say(codec, type="error", error=error, sglang={"fatal": False} | more)


def test_dialect_is_found_and_makes_endpoints() -> None:
    assert dialects()["sglang_omni"] is SGLANG_OMNI
    endpoint = sglang_omni("model@ws://127.0.0.1:8765", EndpointOptions())
    assert (endpoint.address, endpoint.host) == ("sglang_omni:model@ws://127.0.0.1:8765", "127.0.0.1:8765")
    request = SGLANG_OMNI.request(
        Target(kind="sglang_omni", address="a", name="n", url="wss://h", model="m", secret=Secret("k")), None
    )
    assert request.url == "wss://h/v1/realtime?model=m"
    assert request.headers == {"Authorization": "Bearer k"}


# ---------------------------------------------------------------------- set-up


def hello(**members: Any) -> dict[str, Any]:
    (message,) = sent(greet(SglangCodec(SGLANG_OMNI, start(SGLANG_OMNI, **members))))
    assert message["type"] == "session.update"
    assert message["event_id"]
    return dict(message["session"])


def test_without_capabilities_nothing_is_asked_for_that_might_be_wrong() -> None:
    assert hello() == {"type": "realtime", "instructions": "Count the reps."}


def test_capabilities_are_copied_into_the_set_up() -> None:
    offered = grant()["sglang"]["granted"] | {"model": "m", "native_unit_ms": 80}
    asked = hello(prepared={"capabilities": offered})
    assert asked["model"] == "m"
    assert asked["audio"]["input"] == {"format": {"type": "audio/pcm", "rate": 16_000}}
    assert asked["audio"]["output"] == {"format": {"type": "audio/pcm", "rate": 24_000}}
    assert asked["sglang"] == {"timebase": {"native_unit_ms": 80}}
    assert asked["output_modalities"] == ["text", "audio"]


def test_options_are_asked_for() -> None:
    asked = hello(
        options={
            "output": "text+audio",
            "microturn_ms": "200",
            "tail_policy": "flush",
            "interaction": "turn_based",
            "sampling": '{"seed": 1}',
            "max_slice_nums": "2",
            "turn_detection": '{"type": "server_vad"}',
        },
        prepared={"reference_audio": "AAAA"},
    )
    assert asked["output_modalities"] == ["text", "audio"]
    assert asked["audio"] == {"input": {"turn_detection": {"type": "server_vad"}}}
    assert asked["sglang"] == {
        "interaction": "turn_based",
        "tail_policy": "flush",
        "timebase": {"microturn_ms": 200.0},
        "sampling": {"seed": 1},
        "max_slice_nums": 2,
        "reference_audio": {"media_type": "audio/wav", "data": "AAAA"},
    }


def test_what_the_deployment_says_it_lacks_is_rejected_instead_of_asked_for() -> None:
    offered = {"sampling_parameters": ["seed"], "tail_policy": "pad", "supports_reference_audio": False}
    codec = SglangCodec(
        SGLANG_OMNI,
        start(
            SGLANG_OMNI,
            options={"sampling": '{"seed": 1, "top_k": 3}', "tail_policy": "flush"},
            prepared={"capabilities": offered, "reference_audio": "AAAA"},
            voice="marin",
            tools=(ToolSpec(name="look_up", description=""),),
        ),
    )
    (message,) = sent(greet(codec))
    assert message["session"]["sglang"] == {"sampling": {"seed": 1}}
    entry = {"field": "output_modalities", "requested": ["video"], "reason": "deployment", "granted": ["text"]}
    (found,) = told(say(codec, type="session.updated", session=grant(rejections=[entry])), Opened)
    assert [(r.asked, r.granted) for r in found.granted.rejections] == [
        ("sampling.top_k: 3", ""),
        ("reference_audio", ""),
        ("tail_policy: flush", "pad"),
        ("voice: marin", ""),
        ("tools: look_up", "none"),
        ('output_modalities: ["video"]', '["text"]'),
    ]


def test_grant_is_read_in_full() -> None:
    codec = opened(changes={"native_unit_ms": 1000, "turn_control": ["server_vad"], "interaction": "turn_based"})
    granted = codec.granted
    assert granted is not None
    assert (granted.unit_ms, granted.turn_owner, granted.acknowledges_units) == (1000, "server_vad", False)
    assert (granted.clock_kind, granted.proactive, granted.can_resume) == ("input", True, False)
    assert granted.details["turn_control"] == ["server_vad"]


@pytest.mark.parametrize(
    "changes",
    [
        {"native_unit_ms": 0},
        {"input_audio_format": {"type": "audio/pcmu", "rate": 8000}},
        {"output_audio_format": {"type": "audio/pcm", "rate": 3}},
    ],
)
def test_grant_under_which_nothing_could_be_sent_is_malformed(changes: dict[str, Any]) -> None:
    codec = SglangCodec(SGLANG_OMNI, start(SGLANG_OMNI))
    with pytest.raises(MessageError):
        say(codec, type="session.updated", session=grant(**changes))


def test_refused_set_up_ends_the_session() -> None:
    codec = SglangCodec(SGLANG_OMNI, start(SGLANG_OMNI))
    (asked,) = sent(greet(codec))
    (ended,) = refuse(codec, asked["event_id"], "admission_rejected", "It counts.")
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert (ended.error.kind, ended.error.fatal) == ("config", True)


# ---------------------------------------------------------------------- what the route says before


def target(**members: Any) -> Target:
    return Target(**{"kind": "sglang_omni", "address": "a", "name": "n", "url": "ws://127.0.0.1:1"} | members)


def prepare(answer: Answer, **members: Any) -> Any:
    seen: list[Any] = []

    def fetch(url: str, headers: Any) -> Answer:
        seen.append((url, dict(headers)))
        return answer

    assert SGLANG_OMNI.prepare is not None
    return SGLANG_OMNI.prepare(target(**members), fetch), seen


def test_capabilities_are_fetched_beside_the_socket_with_the_token() -> None:
    found, seen = prepare(Answer(status=200, body=b'{"model": "m"}'), secret=Secret("k"), url="wss://h/base")
    assert found == {"capabilities": {"model": "m"}}
    assert seen == [("https://h/base/capabilities", {"Authorization": "Bearer k"})]


@pytest.mark.parametrize(
    "answer", [Answer(status=404, body=b""), Answer(status=200, body=b"{"), Answer(status=200, body=b"[]")]
)
def test_server_without_the_route_is_asked_for_nothing_special(answer: Answer) -> None:
    assert prepare(answer)[0] == {"capabilities": {}}


@pytest.mark.parametrize(("status", "says"), [(503, "not ready"), (401, "let us in"), (403, "let us in")])
def test_server_that_will_not_is_told_to_the_person(status: int, says: str) -> None:
    with pytest.raises(AppError, match=says):
        prepare(Answer(status=status, body=b""))


def test_wrong_model_is_told_before_the_socket_is_opened() -> None:
    with pytest.raises(AppError, match="has no model “other”"):
        prepare(Answer(status=200, body=b'{"model": "m"}'), model="other")


def test_voice_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 160, "NONE", ""))
        file.writeframes(bytes(320))
    found, _ = prepare(Answer(status=404, body=b""), options={"tts_reference_audio": str(path)})
    assert found["tts_reference_audio"] == b64(path.read_bytes())


# ---------------------------------------------------------------------- sound and pictures


def test_sound_is_contiguous_by_its_samples() -> None:
    codec = opened()
    assert [appends(codec.turn(micro_turn(k))) for k in range(3)] == [[(0, 0.0)], [(1, 200.0)], [(2, 400.0)]]


def test_other_rates_count_the_samples_that_were_sent() -> None:
    codec = opened(changes={"input_audio_format": {"type": "audio/pcm", "rate": 24_000}})
    assert codec.granted is not None
    assert codec.granted.input_delay_ms > 0
    sound = [sent(codec.turn(micro_turn(k)))[0] for k in range(2)]
    assert [m["sglang"]["t_start_ms"] for m in sound] == [0.0, len(sound[0]["audio"]) * 3 / 4 / 2 * 1000 / 24_000]


def test_pictures_go_before_the_sound_of_their_micro_turn() -> None:
    codec = opened()
    codec.turn(micro_turn(0))
    actions = codec.turn(micro_turn(1, jpegs=[JPEG, JPEG]))
    image = "sglang.input_image.append"
    assert kinds(actions) == [image, image, "input_audio_buffer.append"]
    assert [m["sglang"]["t_ms"] for m in sent(actions)[:2]] == [200.0, 300.0]


def test_of_too_many_pictures_the_newest_are_sent() -> None:
    codec = opened()
    actions = codec.turn(micro_turn(0, jpegs=[JPEG] * 5))
    assert [m["sglang"]["t_ms"] for m in sent(actions)[:-1]] == [120.0, 160.0]
    (lost,) = told(actions, InputLost)
    assert (lost.micro_turn, lost.what) == (0, "video")


def test_too_large_picture_is_left_out_as_it_is() -> None:
    codec = opened()
    actions = codec.turn(micro_turn(0, jpegs=[JPEG + bytes(1000), JPEG]))
    assert len(sent(actions)) == 2
    (lost,) = told(actions, InputLost)
    assert "1022 bytes" in lost.reason


def test_pictures_that_nobody_takes_are_refused_once() -> None:
    codec = opened(changes={"input_modalities": ["audio"]})
    actions = [*codec.turn(micro_turn(0, jpegs=[JPEG])), *codec.turn(micro_turn(1, jpegs=[JPEG]))]
    assert kinds(actions) == ["input_audio_buffer.append"] * 2
    assert [e.code for e in told(actions, EndpointError)] == ["no_pictures"]


def test_long_units_get_their_newest_pictures_just_before_they_are_complete() -> None:
    codec = opened(changes={"native_unit_ms": 1000})
    actions = [codec.turn(micro_turn(k, jpegs=[JPEG])) for k in range(5)]
    assert [len(sent(a)) for a in actions] == [1, 1, 1, 1, 3]
    assert [m["sglang"]["t_ms"] for m in sent(actions[4])[:2]] == [600.0, 800.0]
    assert [e.micro_turn for a in actions for e in told(a, InputLost)] == [0, 1, 2]


def test_pictures_of_an_unfinished_unit_go_before_the_end() -> None:
    codec = opened(changes={"native_unit_ms": 1000})
    codec.turn(micro_turn(0, jpegs=[JPEG]))
    assert kinds(codec.end_of_input()) == ["sglang.input_image.append", "sglang.input_audio.end"]


def test_short_units_get_their_pictures_no_more_than_two_units_ahead() -> None:
    codec = opened(changes={"native_unit_ms": 20})
    actions = sent(codec.turn(micro_turn(0, jpegs=[JPEG] * 4)))
    assert [m["sglang"].get("t_ms", m["sglang"].get("t_start_ms")) for m in actions] == [
        0.0, 0.0, 50.0, 40.0, 100.0, 80.0, 150.0, 120.0, 160.0,
    ]  # fmt: skip
    assert [m["sglang"]["seq"] for m in actions if "audio" in m] == [0, 1, 2, 3, 4]


def test_picture_from_outside_its_micro_turn_keeps_to_it() -> None:
    codec = opened()
    turn = MicroTurn(0, np.zeros(3200, np.int16), (Frame(-5, JPEG, 8, 8), Frame(TURN_NS + 5, JPEG, 8, 8)))
    assert [m["sglang"]["t_ms"] for m in sent(codec.turn(turn))[:2]] == [0.0, pytest.approx(200.0, abs=1e-3)]


def test_refused_sound_is_lost_and_what_follows_takes_its_place() -> None:
    codec = opened()
    names = [sent(codec.turn(micro_turn(k)))[0]["event_id"] for k in range(4)]
    accepted = say(codec, type="sglang.input_audio.accepted", seq=0, accepted_end_ms=200.0, client_event_id=names[0])
    assert [(e.micro_turn, e.accepted_end_ns) for e in told(accepted, InputAccepted)] == [(0, TURN_NS)]

    full = refuse(codec, names[1], "buffer_overflow", "input budget exhausted; retry this seq")
    assert [(e.micro_turn, e.what) for e in told(full, InputLost)] == [(1, "turn")]
    assert [(e.kind, e.fatal) for e in told(full, EndpointError)] == [("rate_limit", False)]
    # The next one goes where the refused one would have been; those on their way are refused for their numbers.
    assert appends(codec.turn(micro_turn(4))) == [(1, 200.0)]
    for k in (2, 3):
        gone = refuse(codec, names[k], "invalid_state", "audio seq must be contiguous")
        assert [e.micro_turn for e in told(gone, InputLost)] == [k]
    assert appends(codec.turn(micro_turn(5))) == [(2, 400.0)]

    # From now on the input timeline lies 600 ms before the session.
    done = unit(codec, 1)
    assert [(e.micro_turn, e.t_media_ns) for e in told(done, UnitDone)] == [(4, 4 * TURN_NS)]
    assert [e.micro_turn for e in told(unit(codec, 2), UnitDone)] == [5]
    late = say(codec, type="input_audio_buffer.speech_started", item_id="i", audio_start_ms=300.0)
    assert [e.t_media_ns for e in told(late, UserSpeech)] == [900 * _MS]


def test_on_virtual_time_a_refused_micro_turn_counts_as_answered() -> None:
    codec = opened(virtual_time=True)
    name = sent(codec.turn(micro_turn(0)))[0]["event_id"]
    assert [e.micro_turn for e in told(refuse(codec, name, "buffer_overflow", "full"), UnitDone)] == [0]


def test_refused_sound_takes_the_pictures_that_waited_with_it() -> None:
    codec = opened(changes={"native_unit_ms": 1000})
    name = sent(codec.turn(micro_turn(0, jpegs=[JPEG])))[0]["event_id"]
    codec.turn(micro_turn(1, jpegs=[JPEG]))
    lost = told(refuse(codec, name, "buffer_overflow", "full"), InputLost)
    assert [(e.micro_turn, e.what) for e in lost] == [(0, "turn"), (1, "video")]


def test_refused_picture_is_lost_alone() -> None:
    codec = opened()
    name = sent(codec.turn(micro_turn(0, jpegs=[JPEG])))[0]["event_id"]
    lost = refuse(codec, name, "invalid_state", "frame unit already cut")
    assert [(e.micro_turn, e.what) for e in told(lost, InputLost)] == [(0, "video")]
    assert appends(codec.turn(micro_turn(1))) == [(1, 200.0)]


def test_after_a_reconnection_the_input_timeline_begins_anew() -> None:
    codec = opened(epoch=1, resumption=Resumption("history", {"turns": (), "instructions": "Count."}))
    actions = codec.turn(micro_turn(40, jpegs=[JPEG]))
    assert appends(actions) == [(0, 0.0)]
    assert sent(actions)[0]["sglang"] == {"t_ms": 0.0}
    assert [(e.micro_turn, e.t_media_ns) for e in told(unit(codec, 0), UnitDone)] == [(40, 40 * TURN_NS)]


# ---------------------------------------------------------------------- units


def test_every_unit_is_the_answer_to_its_micro_turn() -> None:
    codec = opened()
    codec.turn(micro_turn(0))
    assert [type(a) for a in unit(codec, 0)] == [Listen, UnitDone]
    codec.turn(micro_turn(1))
    at = {"media_time": {"t_start_ms": 200.0, "duration_ms": 200.0}}
    (begun, text) = say(codec, type="response.output_text.delta", delta="1", response_id="r", item_id="i", sglang=at)
    assert (text.t_media_ns, text.dur_media_ns, text.media_kind) == (TURN_NS, TURN_NS, "input")
    assert begun.response_id == "r"
    assert [type(a) for a in unit(codec, 1)] == [UnitDone]
    assert unit(codec, 2, ms=0.0, start_ms=400.0) == []


def test_short_units_answer_a_micro_turn_with_the_last_that_it_completed() -> None:
    codec = opened(changes={"native_unit_ms": 80})
    answered = []
    for k in range(4):
        codec.turn(micro_turn(k))
    for n in range(10):
        answered.append([e.micro_turn for e in told(unit(codec, n, 80.0), UnitDone)])
    assert answered == [[], [0], [], [], [1], [], [2], [], [], [3]]


def test_long_units_answer_the_micro_turn_that_completed_them() -> None:
    codec = opened(changes={"native_unit_ms": 1000})
    for k in range(12):
        name = sent(codec.turn(micro_turn(k)))[0]["event_id"]
        accepted = say(codec, type="sglang.input_audio.accepted", seq=k, client_event_id=name)
        assert told(accepted, UnitDone) == []
    assert [[e.micro_turn for e in told(unit(codec, n, 1000.0), UnitDone)] for n in range(2)] == [[4], [9]]


def test_long_units_let_virtual_time_go_on_while_none_is_complete() -> None:
    codec = opened(changes={"native_unit_ms": 1000}, virtual_time=True)
    assert codec.granted is not None
    assert codec.granted.acknowledges_units
    found = []
    for k in range(5):
        codec.turn(micro_turn(k))
        found.append([e.micro_turn for e in told(say(codec, type="sglang.input_audio.accepted", seq=k), UnitDone)])
    assert found == [[0], [1], [2], [3], []]
    assert [e.micro_turn for e in told(unit(codec, 0, 1000.0), UnitDone)] == [4]


def test_micro_turn_in_several_stretches_is_answered_once() -> None:
    codec = opened(changes={"native_unit_ms": 80}, virtual_time=True)
    found = []
    for k in range(3):
        codec.turn(micro_turn(k, jpegs=[JPEG]))
        for seq in (2 * k, 2 * k + 1):
            found += told(say(codec, type="sglang.input_audio.accepted", seq=seq), UnitDone)
    assert found == []
    answered = [e.micro_turn for n in range(7) for e in told(unit(codec, n, 80.0), UnitDone)]
    assert answered == [0, 1, 2]


def test_unit_without_its_time_is_known_by_its_number() -> None:
    codec = opened()
    codec.turn(micro_turn(0))
    assert [e.micro_turn for e in told(say(codec, type="sglang.unit.done", unit_id="unit_0"), UnitDone)] == [0]
    with pytest.raises(MessageError):
        say(codec, type="sglang.unit.done", unit_id="first")


def test_acceptance_of_what_nobody_sent_says_nothing() -> None:
    codec = opened()
    assert say(codec, type="sglang.input_audio.accepted", seq=7, client_event_id="x") == []
    assert say(codec, type="sglang.input_image.accepted", unit_id="unit_0", client_event_id="x") == []
    assert say(codec, type="sglang.input_audio.accepted") == []


def test_turn_based_deployments_hear_and_do_not_listen_in_silence() -> None:
    codec = opened(changes={"interaction": "turn_based"})
    codec.turn(micro_turn(0))
    assert [type(a) for a in unit(codec, 0)] == [UnitDone]
    heard = "conversation.item.input_audio_transcription"
    say(codec, type="input_audio_buffer.speech_stopped", item_id="i", audio_end_ms=100.0)
    said = say(codec, type=f"{heard}.completed", item_id="i", transcript="hello")
    assert [(e.text, e.final) for e in told(said, UserTranscript)] == [("hello", True)]


# ---------------------------------------------------------------------- answers


def test_text_that_is_also_spoken_is_said_once() -> None:
    codec = opened()
    codec.turn(micro_turn(0))
    about = {"response_id": "r", "item_id": "i"}
    actions = [
        *say(codec, type="response.output_text.delta", delta="one", **about),
        *say(codec, type="response.output_audio.delta", delta=b64(bytes(4)), **about),
        *say(codec, type="sglang.response.progress", text_end=3, audio_ms=1.0, **about),
        *say(codec, type="response.output_text.done", text="one", **about),
        *say(
            codec,
            type="response.done",
            response={
                "id": "r",
                "status": "completed",
                "status_details": {"reason": "stop"},
                "output": [
                    {
                        "id": "i",
                        "content": [
                            {"type": "output_text", "text": "one"},
                            {"type": "output_audio", "transcript": "one"},
                        ],
                    }
                ],
            },
        ),
    ]
    assert [(e.delta, e.channel) for e in told(actions, TextOut)] == [("one", "say")]
    assert [e.text for e in told(actions, TextOutDone)] == ["one"]
    assert [(e.pcm16, e.rate) for e in told(actions, AudioOut)] == [(bytes(4), 24_000)]
    assert [(e.status, e.reason) for e in told(actions, TurnDone)] == [("completed", "stop")]


def test_only_sound_comes_with_its_transcript() -> None:
    codec = opened(changes={"output_modalities": ["audio"]})
    codec.turn(micro_turn(0))
    said = say(codec, type="response.output_audio_transcript.delta", delta="one", response_id="r", item_id="i")
    assert [e.channel for e in told(said, TextOut)] == ["transcript"]


def test_model_that_cuts_itself_off_silences_what_was_sent() -> None:
    codec = opened()
    say(codec, type="response.output_audio.delta", delta=b64(bytes(4)), response_id="r", item_id="i")
    say(codec, type="response.done", response={"id": "r", "status": "completed"})
    say(codec, type="response.created", response={"id": "s"})
    cut = {"id": "s", "status": "cancelled", "status_details": {"reason": "interrupted"}}
    assert [type(a) for a in say(codec, type="response.done", response=cut)] == [Interrupted, TurnDone]


def test_person_who_cuts_in_cancels_and_tells_what_was_heard_where_that_is_granted() -> None:
    for truncates, expected in (
        (False, ["response.cancel"]),
        (True, ["response.cancel", "conversation.item.truncate"]),
    ):
        codec = opened(changes={"supports_truncate": truncates})
        codec.turn(micro_turn(0))
        say(codec, type="response.output_audio.delta", delta=b64(bytes(9_600)), response_id="r", item_id="i")
        actions = codec.turn(micro_turn(1, controls=[Interrupt(played_ns=100 * _MS, item_id="i")]))
        assert kinds(actions)[:-1] == expected
        assert set(sent(actions)[0]) == {"type", "event_id"}


def test_typed_text_becomes_part_of_the_instructions() -> None:
    for how, expected in (("append", "Count the reps.\nNow squats."), ("replace", "Now squats.")):
        codec = opened(options={"typed": how})
        actions = codec.turn(micro_turn(0, texts=["Now squats.", TextInput(0, "  ")]))
        update = sent(actions)[0]
        assert (update["type"], update["session"]) == ("session.update", {"instructions": expected})
        resumption = codec.resumption()
        assert resumption is not None
        assert resumption.data["instructions"] == expected
    codec = opened(options={"typed": "off"})
    actions = [*codec.turn(micro_turn(0, texts=["a"])), *codec.turn(micro_turn(1, texts=["b"]))]
    assert [e.code for e in told(actions, EndpointError)] == ["no_texts"]
    assert kinds(actions) == ["input_audio_buffer.append"] * 2


def test_results_of_tools_have_no_place() -> None:
    codec = opened()
    actions = codec.turn(micro_turn(0, controls=[ToolResult("c", "x"), DelegationResult("d", "y", True)]))
    assert kinds(actions) == ["input_audio_buffer.append"]
    assert [e.code for e in told(actions, EndpointError)] == ["no_results"]


def test_task_of_our_own_server_is_told() -> None:
    codec = opened(epoch=1, resumption=Resumption("history", {}))
    codec.turn(micro_turn(10))
    members = {"instruction": "Count.", "task": "count", "params": {"n": 2, "x": "no number"}, "from_unit": "unit_3"}
    (event,) = say(codec, type="tmlapp.task.set", **members)
    assert isinstance(event, TaskSet)
    assert (event.task, event.params, event.from_turn) == ("count", {"n": 2.0}, 13)


# ---------------------------------------------------------------------- earlier turns


HISTORY = (HistoryTurn(role="user", text="Hello"), HistoryTurn(role="assistant", text="Hi"))


def test_earlier_turns_are_refused_unless_the_option_puts_them_into_the_instructions() -> None:
    with pytest.raises(AppError, match="cannot take over"):
        SglangCodec(SGLANG_OMNI, start(SGLANG_OMNI, history=HISTORY))
    asked = hello(history=HISTORY, options={"history": "instructions"})
    assert asked["instructions"] == "Count the reps.\n\nThe conversation so far:\nUser: Hello\nYou: Hi"


def test_lost_connection_begins_anew_and_says_so() -> None:
    first = opened()
    left = first.resumption()
    assert left is not None
    again = SglangCodec(SGLANG_OMNI, start(SGLANG_OMNI, epoch=1, resumption=left))
    greet(again)
    actions = say(again, type="session.updated", session=grant())
    assert [e.code for e in told(actions, EndpointError)] == ["no_resume"]
    refused = SglangCodec(SGLANG_OMNI, start(SGLANG_OMNI, epoch=1, resumption=left))
    assert refused.resumption() is left


# ---------------------------------------------------------------------- the end


def drained(codec: SglangCodec, **ms: float) -> list[Any]:
    return say(codec, type="sglang.input_audio.drained", **{f"{name}_ms": value for name, value in ms.items()})


def ending() -> SglangCodec:
    codec = opened()
    codec.turn(micro_turn(0))
    assert kinds(codec.end_of_input()) == ["sglang.input_audio.end"]
    assert say(codec, type="sglang.input_audio.ended", accepted_end_ms=200.0) == []
    return codec


def test_drained_once_the_books_agree() -> None:
    codec = ending()
    assert drained(codec, accepted_end=200.0, consumed=200.0, discarded=0.0, padding=0.0) == [Drained()]
    assert drained(ending()) == [Drained()]


def test_books_that_do_not_agree_are_told() -> None:
    for books, says in (
        ({"accepted_end": 100.0}, "100 ms were accepted of 200 ms sent"),
        ({"consumed": 100.0, "discarded": 0.0}, "100 ms were used and 0 ms thrown away"),
        ({"discarded": 200.0}, "200 ms were thrown away"),
    ):
        error, done = drained(ending(), **books)
        assert says in error.message
        assert (error.kind, error.fatal, done) == ("protocol", False, Drained())


def test_end_that_is_refused_ends_the_waiting() -> None:
    codec = opened()
    (end,) = sent(codec.end_of_input())
    actions = refuse(codec, end["event_id"], "invalid_state", "partial native unit; append more audio before EOS")
    assert [type(a) for a in actions] == [EndpointError, Drained]


def test_session_is_closed_by_its_verb() -> None:
    codec = opened()
    assert kinds(codec.goodbye()) == ["session.close"]
    (ended,) = say(codec, type="session.closed", reason="client_closed")
    assert ended == Ended("client_closed", "closed")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("context_exhausted", "context"), ("internal", "server"), ("server_shutdown", "server"), ("anything", "server")],
)
def test_server_that_closes_says_why(reason: str, kind: str) -> None:
    (ended,) = say(opened(), type="session.closed", reason=reason)
    assert isinstance(ended, Ended)
    assert ended.error is not None
    assert (ended.error.kind, ended.error.fatal) == (kind, True)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("invalid_state", "session field is frozen", "config"),
        ("invalid_state", "audio seq must be contiguous", "invalid_input"),
        ("buffer_overflow", "input budget exhausted; retry this seq", "rate_limit"),
        ("buffer_overflow", "frame exceeds lookahead budget", "invalid_input"),
        ("not_supported", "x", "unsupported"),
        ("not_applicable", "x", "unsupported"),
        ("E_VOICE", "x", "invalid_input"),
    ],
)
def test_errors_have_their_kind_and_are_fatal_only_where_the_server_says_so(code: str, message: str, kind: str) -> None:
    codec = opened()
    for fatal in (False, True):
        (error,) = told(refuse(codec, "mine", code, message, fatal=fatal), EndpointError)
        assert (error.kind, error.code, error.fatal, error.client_event_id) == (kind, code, fatal, "mine")


# ---------------------------------------------------------------------- anything


def test_unknown_kinds_are_told_once() -> None:
    codec = opened()
    actions = [*say(codec, type="sglang.new"), *say(codec, type="sglang.new")]
    assert [e.name for e in told(actions, Unrecognized)] == ["sglang.new"]


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("unit_9")
_KEYS = st.sampled_from(
    ["sglang", "media_time", "t_start_ms", "duration_ms", "seq", "client_event_id", "unit_id", "session", "granted",
     "error", "code", "event_id", "response", "status", "output", "content", "delta", "reason", "params", "from_unit",
     "native_unit_ms", "input_audio_format", "rejections", "consumed_ms", "accepted_end_ms", "instruction", "task"]
)  # fmt: skip
_INNER = st.dictionaries(_KEYS, _PLAIN, max_size=4)
_VALUES = _PLAIN | _INNER | st.lists(_INNER, max_size=2) | st.dictionaries(_KEYS, _INNER | _PLAIN, max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(SglangCodec.EVENTS)), st.dictionaries(_KEYS, _VALUES, max_size=5)), max_size=4
    )
)
def test_no_message_does_harm(messages: list[tuple[str, dict[str, Any]]]) -> None:
    codec = opened()
    for index, (kind, members) in enumerate(messages):
        codec.turn(micro_turn(index, jpegs=[JPEG]))
        try:
            codec.receive({"type": kind} | members)
        except MessageError:
            continue


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=64) | st.text(max_size=64))
def test_no_bytes_do_harm(frame: str | bytes) -> None:
    codec = opened()
    try:
        codec.receive(codec.parse(frame))
    except MessageError:
        return


def test_memory_is_bounded_where_nothing_is_ever_acknowledged() -> None:
    codec = opened(changes={"native_unit_ms": 60_000})
    for k in range(5_000):
        codec.turn(micro_turn(k, jpegs=[JPEG] if k % 50 == 0 else []))
    assert len(codec._uplink._waiting) <= 4_096
    assert len(codec._uplink._ends) <= 4_096
    assert len(codec._uplink._held) <= 2


# ---------------------------------------------------------------------- over a socket


def test_server_that_restarts_is_met_again_with_a_new_timeline() -> None:
    port = free_port()
    patience = Patience(backoff_s=(0.02,) * 200, jitter=0.0)
    log = Log()
    with served(Model, port=port) as server:
        target = Target(kind="sglang_omni", address="a", name="n", url=server.url)
        duplex = RemoteEndpoint(SGLANG_OMNI, target, patience=patience).open(setup(), log)
        duplex.push(micro_turn(0))
        log.wait_for(lambda events: any(isinstance(e, UnitDone) for e in events))
    log.wait_for(lambda events: any(isinstance(e, ConnectionChanged) and e.state == "reconnecting" for e in events))
    duplex.push(micro_turn(1))
    log.wait_for(lambda events: any(isinstance(e, InputLost) for e in events))
    with served(Model, port=port):
        log.wait_for(lambda events: any(isinstance(e, SessionUpdated) for e in events))
        duplex.push(micro_turn(2, jpegs=[JPEG]))
        log.wait_for(lambda events: any(isinstance(e, UnitDone) and e.epoch for e in events))
        duplex.close()
    assert [(e.micro_turn, e.what) for e in log.of(InputLost)] == [(1, "turn")]
    assert [(e.micro_turn, e.t_media_ns, e.epoch > 0) for e in log.of(UnitDone)] == [
        (0, 0, False),
        (2, 2 * TURN_NS, True),
    ]
    assert "no_resume" in [e.code for e in log.of(EndpointError)]
    assert [(e.kind, e.fatal) for e in log.of(EndpointError) if e.code == "server_shutdown"] == [("server", False)]


def test_session_on_virtual_time_is_the_same_every_time() -> None:
    logs = []
    with served(Model) as server:
        for _ in range(2):
            log = Log()
            now = [0]
            duplex = connect(SGLANG_OMNI, server.url, log, virtual_time=True)
            for k in range(12):
                now[0] = (k + 1) * TURN_NS
                duplex.push(micro_turn(k, np.full(3200, k, np.int16), jpegs=[JPEG]))
                log.wait_for(lambda events, k=k: any(isinstance(e, UnitDone) and e.micro_turn == k for e in events))
            duplex.drain(10)
            duplex.close()
            logs.append(log.events)
    assert logs[0] == logs[1]
    assert [e.text for e in logs[0] if isinstance(e, TextOutDone)] == ["1", "2"]
    assert json.dumps([type(e).__name__ for e in logs[0]]).count("UnitDone") == 12
