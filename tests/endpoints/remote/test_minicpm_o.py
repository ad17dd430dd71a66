"""MiniCPM-o's demo server: its queue, seconds of float32 with their pictures, and what comes of each result."""

from __future__ import annotations

import base64
import contextlib
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.fakes.minicpm import TONE, WORDS, FakeMiniCpm
from tests.endpoints.remote.family import JPEG, Log, b64, kinds, micro_turn, names, say, sent, setup, start, told, tone
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    EndpointError,
    Limit,
    Listen,
    TextOut,
    TextOutDone,
    TurnDone,
    TurnStarted,
    UnitDone,
    Unrecognized,
)
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import ToolResult
from tmlapp.endpoints.minicpm.codec import MiniCpmCodec
from tmlapp.endpoints.minicpm_o import MINICPM_O, minicpm_o
from tmlapp.endpoints.registry import EndpointOptions, dialects
from tmlapp.endpoints.remote.contract import Answer, Drained, Ended, MessageError, Opened, Patience, Target, Waiting
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint

pytestmark = pytest.mark.unit

SECOND = b64(TONE.tobytes())
PATIENT = Patience(warn_turns=500, drop_video_turns=500, give_up_turns=500)
"""Turns are pushed as fast as they can be."""


def codec_of(**members: Any) -> MiniCpmCodec:
    return MiniCpmCodec(MINICPM_O, start(MINICPM_O, **members))


def opened(codec: MiniCpmCodec) -> Opened:
    codec.hello()
    say(codec, type="queue_done")
    (found,) = told(say(codec, type="prepared"), Opened)
    return found


def second(codec: MiniCpmCodec, n: int, **members: Any) -> list[Any]:
    """Five micro-turns."""
    return [a for i in range(5 * n, 5 * n + 5) for a in codec.turn(micro_turn(i, tone(), **members))]


def result(codec: MiniCpmCodec, **members: Any) -> list[Any]:
    return say(codec, **{"type": "result", "is_listen": True, "text": "", "audio_data": "", **members})


def target_of(url: str = "", voice: str = "", **options: str) -> Target:
    return Target(kind="minicpm_o", address="minicpm_o:test", name="test", url=url, voice=voice, options=options)


def _fetch(url: str, headers: Any) -> Answer:
    raise AssertionError("nothing is fetched")


def voice_file(folder: Path, *, channels: int = 1, width: int = 2, rate: int = 16_000, frames: int = 1_600) -> str:
    path = folder / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(
            bytes(range(256)) * (frames * channels * width // 256) + bytes(frames * channels * width % 256)
        )
    return str(path)


# ---------------------------------------------------------------------- address and set-up


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        ({}, "omni_"),
        ({"mode": "audio"}, "audio_duplex_"),
        ({"wire": "source"}, "omni_"),
        ({"wire": "source", "mode": "audio"}, "adx_"),
    ],
)
def test_the_mode_stands_in_the_name_of_the_session(options: dict[str, str], begins: str) -> None:
    target = target_of("wss://demo.example", **options)

    first, other = MINICPM_O.request(target, None).url, MINICPM_O.request(target, None).url

    assert first.startswith(f"wss://demo.example/ws/duplex/{begins}")
    assert first != other
    assert MINICPM_O.request(target_of("wss://demo.example/mine"), None).url == "wss://demo.example/mine"


def test_a_key_goes_into_a_header() -> None:
    target = Target(kind="minicpm_o", address="a", name="a", url="wss://demo.example", secret=Secret("secret-key"))
    assert MINICPM_O.request(target, None).headers == {"Authorization": "Bearer secret-key"}


def test_the_queue_is_waited_in_with_place_and_time_and_the_set_up_follows_it() -> None:
    codec = codec_of()
    assert list(codec.hello()) == []

    queued = say(codec, type="queued", ticket_id="t", position=3, eta_seconds=90.4)
    moved = say(codec, type="queue_update", position=1)
    nowhere = say(codec, type="queue_update")
    (prepare,) = sent(say(codec, type="queue_done"))

    assert [w.reason for w in told([*queued, *moved, *nowhere], Waiting)] == [
        "Place 3 in the server's queue, about 90 s.",
        "Place 1 in the server's queue.",
        "The server has a queue.",
    ]
    assert prepare["type"] == "prepare"
    assert prepare["prefix_system_prompt"] == "Count the reps."
    assert prepare["config"] == {
        "generate_audio": True,
        "chunk_ms": 1000,
        "sample_rate": 16_000,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "force_listen_count": 0,
        "max_new_speak_tokens_per_chunk": 20,
        "listen_prob_scale": 1.0,
        "ls_mode": "explicit",
    }
    assert say(codec, type="queue_done") == []


def test_a_worker_without_a_queue_is_told_at_once_in_its_own_names() -> None:
    codec = codec_of(options={"queue": "off", "wire": "source", "config": '{"top_k": 5}'}, voice="assets/voice.wav")

    (prepare,) = sent(codec.hello())

    assert prepare["system_prompt"] == "Count the reps."
    assert prepare["config"]["top_k"] == 5
    assert prepare["ref_audio_path"] == "assets/voice.wav"
    assert "prefix_system_prompt" not in prepare


def test_a_voice_of_this_machine_goes_along_as_float32(tmp_path: Path) -> None:
    path = voice_file(tmp_path)
    assert MINICPM_O.prepare is not None

    prepared = MINICPM_O.prepare(target_of(ref_audio=path, tts_ref_audio=path), _fetch)

    codec = codec_of(prepared=prepared, voice="assets/voice.wav")
    granted = opened(codec).granted
    codec = codec_of(prepared=prepared, options={"queue": "off"})
    (prepare,) = sent(codec.hello())
    sound = np.frombuffer(base64.b64decode(prepare["ref_audio_base64"]), "<f4")
    assert len(sound) == 1_600
    assert np.abs(sound).max() <= 1.0
    assert prepare["tts_ref_audio_base64"] == prepare["ref_audio_base64"]
    assert "ref_audio_path" not in prepare
    assert [r.asked for r in granted.rejections] == ["voice assets/voice.wav"]
    assert MINICPM_O.prepare(target_of(), _fetch) == {}


@pytest.mark.parametrize("shape", [{"channels": 2}, {"width": 1}, {"rate": 24_000}, {"frames": 0}])
def test_another_kind_of_sound_is_refused_with_what_it_is(tmp_path: Path, shape: dict[str, int]) -> None:
    assert MINICPM_O.prepare is not None
    with pytest.raises(AppError, match="wrong kind of sound"):
        MINICPM_O.prepare(target_of(ref_audio=voice_file(tmp_path, **shape)), _fetch)


@pytest.mark.parametrize("content", [None, b"", b"RIFF no wave at all"])
def test_what_is_no_wav_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "voice.wav"
    if content is not None:
        path.write_bytes(content)
    assert MINICPM_O.prepare is not None
    with pytest.raises(AppError, match="cannot be read"):
        MINICPM_O.prepare(target_of(ref_audio=str(path)), _fetch)


def test_what_is_granted_and_what_is_not() -> None:
    codec = codec_of(tools=(ToolSpec(name="f", description=""),), history=(HistoryTurn(role="user", text="hi"),))
    codec.hello()
    say(codec, type="queue_done")

    (found,) = told(say(codec, type="prepared", prompt_length=12), Opened)

    granted = found.granted
    assert (granted.unit_ms, granted.input_delay_ms, granted.clock_kind) == (1000, 1000, "session")
    assert (granted.can_interrupt, granted.can_resume) == (False, False)
    assert granted.modalities_in == ("audio", "image")
    assert granted.details["config"]["force_listen_count"] == 0
    assert granted.details["prompt_length"] == 12
    assert [r.asked for r in granted.rejections] == ["tools: f", "history of 1 turns"]
    assert opened(codec_of(options={"mode": "audio"})).granted.modalities_in == ("audio",)
    with pytest.raises(MessageError):
        say(codec, type="prepared")


# ---------------------------------------------------------------------- what is sent


def test_five_micro_turns_are_one_second_of_float32_with_the_newest_picture_just_before() -> None:
    codec = codec_of()
    opened(codec)
    turns = [codec.turn(micro_turn(i, tone(), jpegs=[JPEG + bytes([i])])) for i in range(10)]

    messages = [m for actions in turns for m in sent(actions)]

    assert [len(sent(actions)) for actions in turns] == [0, 0, 0, 0, 2] * 2
    assert [m["type"] for m in messages] == ["video_frame", "audio_chunk"] * 2
    assert [m["frame"] for m in messages[::2]] == [b64(JPEG + b"\x04"), b64(JPEG + b"\x09")]
    sound = np.frombuffer(base64.b64decode(messages[1]["audio"]), "<f4")
    assert len(sound) == 16_000
    assert np.array_equal(sound, np.tile(tone(), 5).astype("<f4") / 32768)


def test_in_the_servers_own_words_picture_and_sound_are_one_message() -> None:
    codec = codec_of(options={"wire": "source"})
    opened(codec)

    (chunk,) = sent(second(codec, 0, jpegs=[JPEG]))
    (blind,) = sent(second(codec, 1))

    assert chunk["frame_base64_list"] == [b64(JPEG)]
    assert len(base64.b64decode(chunk["audio_base64"])) == 64_000
    assert set(blind) == {"type", "audio_base64"}


def test_what_cannot_be_sent_is_refused_once() -> None:
    codec = codec_of(options={"mode": "audio"})
    opened(codec)
    members = {"jpegs": [JPEG], "texts": ["a"], "controls": [ToolResult("c", "4")]}

    actions = [*second(codec, 0, **members), *second(codec, 1, **members)]

    assert [e.code for e in told(actions, EndpointError)] == ["no_texts", "no_results"]
    assert kinds(actions) == ["audio_chunk"] * 2


def test_the_last_second_is_filled_up_with_quiet_and_waited_for() -> None:
    codec = codec_of()
    opened(codec)
    second(codec, 0)
    codec.turn(micro_turn(5, tone()))

    ending = codec.end_of_input()

    (chunk,) = sent(ending)
    sound = np.frombuffer(base64.b64decode(chunk["audio"]), "<f4")
    assert len(sound) == 16_000
    assert not sound[3_200:].any()
    assert not told(ending, Drained)
    assert not told(result(codec), Drained)
    assert told(result(codec), Drained)
    assert kinds(codec.goodbye()) == ["stop"]


def test_a_turn_that_the_end_cuts_off_is_incomplete() -> None:
    codec = codec_of()
    opened(codec)
    second(codec, 0)
    codec.end_of_input()

    actions = result(codec, is_listen=False, text="One")

    assert [e.text for e in told(actions, TextOutDone)] == ["One"]
    assert [e.status for e in told(actions, TurnDone)] == ["incomplete"]
    assert told(actions, Drained)


def test_with_nothing_outstanding_it_is_drained_at_once() -> None:
    codec = codec_of()
    opened(codec)
    assert told(codec.end_of_input(), Drained)


# ---------------------------------------------------------------------- what is received


def test_a_second_of_silence_is_a_decision_to_listen_and_ends_its_micro_turns() -> None:
    codec = codec_of()
    opened(codec)
    second(codec, 0)

    actions = result(codec, current_time=1000, cost_all_ms=35.4, n_tokens=3)

    (listen,) = told(actions, Listen)
    units = told(actions, UnitDone)
    assert (listen.micro_turn, listen.t_media_ns, listen.media_kind) == (4, 1_000_000_000, "session")
    assert [u.micro_turn for u in units] == [0, 1, 2, 3, 4]
    assert {u.compute_ns for u in units} == {35_400_000}
    assert units[-1].diagnostics == {"cost_all_ms": [35.4], "n_tokens": [3]}


@pytest.mark.parametrize("number", [-5, 1e14, float("inf"), True, "3000"])
def test_a_time_that_cannot_be_is_none(number: Any) -> None:
    codec = codec_of()
    opened(codec)
    second(codec, 0)

    actions = codec.receive({"type": "result", "is_listen": True, "current_time": number, "cost_all_ms": number})

    assert told(actions, Listen)[0].t_media_ns is None
    assert 0 <= told(actions, UnitDone)[-1].compute_ns <= 10**15


def test_a_turn_begins_goes_on_and_ends_on_the_servers_clock() -> None:
    codec = codec_of()
    opened(codec)
    for i in range(10, 25):
        codec.turn(micro_turn(i))

    first = result(codec, is_listen=False, text="One", audio_data=SECOND, current_time=1000)
    more = result(codec, is_listen=False, text=" two", audio_data=SECOND, current_time=2000)
    last = result(codec, is_listen=False, audio_data=SECOND, end_of_turn=True, current_time=3000)

    assert names(first)[:3] == ["TurnStarted", "TextOut", "AudioOut"]
    assert names(last)[:3] == ["AudioOut", "TextOutDone", "TurnDone"]
    everything = [*first, *more, *last]
    assert [e.t_media_ns for e in told(everything, AudioOut)] == [3_000_000_000, 4_000_000_000, 5_000_000_000]
    assert {e.dur_media_ns for e in told(everything, AudioOut)} == {1_000_000_000}
    assert len(told(everything, TurnStarted)) == 1
    assert [e.text for e in told(everything, TextOutDone)] == ["One two"]
    assert [e.status for e in told(everything, TurnDone)] == ["completed"]
    assert len({e.response_id for e in told(everything, AudioOut)}) == 1
    assert told(result(codec, is_listen=False), TurnStarted)[0].response_id != told(first, TurnStarted)[0].response_id


def test_a_model_that_listens_in_the_middle_has_not_finished() -> None:
    codec = codec_of()
    opened(codec)
    second(codec, 0)
    result(codec, is_listen=False, text="One")

    assert [(e.status) for e in told(result(codec), TurnDone)] == ["incomplete"]


def test_sound_that_is_too_loud_is_clipped_and_counted() -> None:
    codec = codec_of()
    opened(codec)
    second(codec, 0)
    data = b64(np.array([0.0, 0.5, 1.5, -2.0, np.nan, np.inf, -1.0], "<f4").tobytes())

    actions = result(codec, is_listen=False, audio_data=data)

    (sound,) = told(actions, AudioOut)
    assert np.frombuffer(sound.pcm16, "<i2").tolist() == [0, 16_384, 32_767, -32_768, 0, 0, -32_768]
    assert told(actions, UnitDone)[-1].diagnostics["clipped_samples"] == [4]


def test_sound_that_comes_by_itself_belongs_to_the_turn() -> None:
    codec = codec_of()
    opened(codec)

    actions = say(codec, type="audio_only", audio_data=SECOND)

    assert names(actions) == ["TurnStarted", "AudioOut"]


def test_a_server_that_falls_behind_is_told_of_once_each_time() -> None:
    codec = codec_of()
    opened(codec)

    limits = [told(result(codec, cost_all_ms=ms), Limit) for ms in (900.0, 1_500.0, 1_600.0, 800.0, 1_200.0)]

    assert [len(found) for found in limits] == [0, 1, 0, 0, 1]
    assert (limits[1][0].kind, limits[1][0].ratio) == ("rate", 1.5)


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        ({"type": "error", "message": "Out of memory"}, "server", "Out of memory"),
        ({"type": "error", "error": "Queue is full (20)"}, "rate_limit", "Queue is full (20)"),
        ({"type": "error"}, "server", "The server reports an error without a word."),
        ({"type": "timeout", "elapsed_s": 61}, "session_expired", "The server gave the session up."),
    ],
)
def test_errors_and_time_outs_end_the_session(message: dict[str, Any], kind: str, text: str) -> None:
    codec = codec_of()
    opened(codec)

    (ended,) = told(say(codec, **message), Ended)

    assert ended.error is not None
    assert (ended.error.kind, ended.error.message, ended.error.fatal) == (kind, text, True)
    assert codec.resumption() is None


def test_stopped_is_an_ordinary_end_and_the_unknown_is_told_of() -> None:
    codec = codec_of()
    opened(codec)

    (ended,) = told(say(codec, type="stopped", session_id="omni_1"), Ended)

    assert (ended.code, ended.reason, ended.error) == ("stopped", "omni_1", None)
    assert told(say(codec, type="paused"), Unrecognized)
    assert codec.closed(1000, "") is None
    assert codec.describe({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("members", [{"is_listen": "yes"}, {"is_listen": False, "audio_data": "AAA="}])
def test_a_result_that_cannot_be_read_costs_itself(members: dict[str, Any]) -> None:
    codec = codec_of()
    opened(codec)
    with pytest.raises(MessageError):
        result(codec, **members)


# ---------------------------------------------------------------------- over a real socket


def talk(server: FakeMiniCpm, log: Log, **options: str) -> RemoteDuplex:
    return RemoteEndpoint(MINICPM_O, target_of(server.url, **options), patience=PATIENT).open(setup(), log)


@pytest.mark.parametrize("wire", ["document", "source"])
def test_a_conversation_from_the_queue_to_the_stop(wire: Any) -> None:
    log = Log()
    with FakeMiniCpm(wire=wire).running() as server:
        server.let_in.set()
        duplex = talk(server, log, wire=wire)
        for i in range(28):
            duplex.push(micro_turn(i, tone(), jpegs=[JPEG]))
        duplex.drain(10)
        duplex.close()
        (seen,) = server.connections

    waits = [e.reason for e in log.of(ConnectionChanged) if e.state == "waiting"]
    assert waits == ["Place 2 in the server's queue, about 60 s.", "Place 1 in the server's queue, about 30 s."]
    assert "".join(e.delta for e in log.of(TextOut)) == "".join(WORDS)
    assert [e.t_media_ns for e in log.of(AudioOut)] == [2_000_000_000, 3_000_000_000, 4_000_000_000]
    assert [e.status for e in log.of(TurnDone)] == ["completed"]
    assert [e.micro_turn for e in log.of(Listen)] == [4, 24, 27]
    assert [e.micro_turn for e in log.of(UnitDone)] == list(range(28))
    assert [e.latency_ns for e in log.of(UnitDone)] == [-200_000_000 * (i + 1) for i in range(28)]
    assert not log.of(EndpointError)
    assert [(e.code, e.initiated_by) for e in log.of(Closed)] == [("stopped", "us")]
    chunks = ["audio_chunk"] * 6 if wire == "source" else ["video_frame", "audio_chunk"] * 6
    assert seen.kinds == ["prepare", *chunks, "stop"]


def test_time_in_the_queue_is_no_time_of_the_set_up() -> None:
    log = Log()
    with FakeMiniCpm().running() as server:

        def let_in(event: Any) -> None:
            log(event)
            if isinstance(event, ConnectionChanged) and "Place 1" in event.reason:
                server.let_in.set()

        target = target_of(server.url)
        duplex = RemoteEndpoint(MINICPM_O, target, patience=Patience(configure_s=5)).open(setup(), let_in)
        duplex.close()

    states = [e.state for e in log.of(ConnectionChanged)]
    assert states[:4] == ["connecting", "configuring", "waiting", "waiting"]
    assert "open" in states


def test_an_error_of_the_server_ends_the_session_and_odd_messages_do_not() -> None:
    log = Log()
    odd = {1: ["{", '{"type": "heartbeat"}', {"type": "result"}], 2: [{"type": "error", "message": "Out of memory"}]}
    with FakeMiniCpm(extra=odd).running() as server:
        server.let_in.set()
        duplex = talk(server, log)
        for i in range(10):
            duplex.push(micro_turn(i))
        log.wait_for(lambda events: any(isinstance(e, Closed) for e in events))
        duplex.close()

    assert [e.kind for e in log.of(EndpointError)] == ["protocol", "protocol", "server"]
    assert [e.fatal for e in log.of(EndpointError)] == [False, False, True]
    assert [u.name for u in log.of(Unrecognized)] == ["heartbeat"]


def test_the_kind_is_known_and_can_be_addressed() -> None:
    assert dialects()["minicpm_o"] is MINICPM_O
    assert minicpm_o("wss://demo.example", EndpointOptions()).host == "demo.example"


# ---------------------------------------------------------------------- anything at all

_VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.just(SECOND[:64]))
_KINDS = ("queued", "queue_done", "prepared", "result", "audio_only", "stopped", "timeout", "error")
_MEMBERS = (
    "is_listen", "text", "audio_data", "end_of_turn", "current_time", "cost_all_ms", "position", "eta_seconds",
    "message", "reason", "session_id", "n_tokens",
)  # fmt: skip
_MESSAGES = st.fixed_dictionaries({"type": st.sampled_from(_KINDS)}, optional=dict.fromkeys(_MEMBERS, _VALUES))


@settings(max_examples=40, deadline=None)
@given(st.lists(_MESSAGES, max_size=8))
def test_no_message_does_harm(messages: list[dict[str, Any]]) -> None:
    codec = codec_of()
    codec.hello()
    codec.turn(micro_turn(0))
    for message in messages:
        with contextlib.suppress(MessageError):
            for action in codec.receive(message):
                if isinstance(action, Opened):
                    assert json.dumps(action.granted.details)
    second(codec, 1)
    codec.end_of_input()


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=100) | st.text(max_size=100))
def test_no_frame_does_harm(frame: bytes | str) -> None:
    with contextlib.suppress(MessageError):
        codec_of().parse(frame)
