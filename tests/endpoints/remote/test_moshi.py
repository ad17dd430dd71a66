"""Moshi and PersonaPlex: binary frames both ways, turns found in the sound, and a server that is freed again."""

from __future__ import annotations

import contextlib
import json
import struct
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.fakes.moshi import RUST_HANDSHAKE, FakeMoshi
from tests.endpoints.remote.family import JPEG, Log, micro_turn, names, setup, start, told, tone
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    Limit,
    SessionUpdated,
    TextOut,
    TextOutDone,
    TurnDone,
    TurnStarted,
    Unrecognized,
    WireFrame,
)
from tmlapp.core.secret import Secret
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import Interrupt, ToolResult
from tmlapp.endpoints.moshi import MOSHI, MoshiCodec, moshi
from tmlapp.endpoints.registry import EndpointOptions, dialects
from tmlapp.endpoints.remote.contract import Action, Drained, MessageError, Opened, Patience, Send, Target
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.remote.opus import OpusDecoder, OpusEncoder

pytestmark = pytest.mark.unit

PATIENT = Patience(warn_turns=500, drop_video_turns=500, give_up_turns=500)
"""Turns are pushed as fast as they can be."""


def codec_of(**members: Any) -> MoshiCodec:
    return MoshiCodec(start(MOSHI, **members))


def receive(codec: MoshiCodec, frame: bytes) -> list[Action]:
    return list(codec.receive(codec.parse(frame)))


def opened(codec: MoshiCodec, handshake: bytes = b"\x00") -> Opened:
    (found,) = told(receive(codec, handshake), Opened)
    return found


def frames_of(actions: list[Action]) -> list[bytes]:
    return [bytes(a.message) for a in actions if isinstance(a, Send) and isinstance(a.message, bytes)]


def target_of(url: str = "", secret: str = "", voice: str = "", **options: str) -> Target:
    return Target(
        kind="moshi",
        address="moshi:test",
        name="test",
        url=url,
        voice=voice,
        options=options,
        secret=Secret(secret) if secret else None,
    )


def url_of(target: Target, instruction: str = "") -> str:
    assert MOSHI.request_for is not None
    return MOSHI.request_for(target, None, setup(instruction)).url


# ---------------------------------------------------------------------- the address


def test_the_address_has_a_path_and_the_query_that_was_typed() -> None:
    target = target_of("ws://127.0.0.1:8998", query="text_temperature=0.7&audio_topk=250")

    assert url_of(target, "Be kind.") == "ws://127.0.0.1:8998/api/chat?text_temperature=0.7&audio_topk=250"
    assert MOSHI.request(target_of(), None).url == "ws://127.0.0.1:8998/api/chat"
    assert url_of(target_of("wss://h/other?seed=1", query="seed=2")) == "wss://h/other?seed=1"


def test_personaplex_is_told_instruction_and_voice_under_names_that_can_be_changed() -> None:
    plain = url_of(target_of(variant="personaplex"), "You are kind & calm.")
    named = url_of(target_of(variant="personaplex", voice="mine.pt", text_prompt_name="prompt"), "Hi")
    typed = url_of(target_of(variant="personaplex", query="text_prompt=typed"), "from the session")

    assert plain.endswith("/api/chat?text_prompt=You%20are%20kind%20%26%20calm.&voice_prompt=NATF0.pt")
    assert named.endswith("?prompt=Hi&voice_prompt=mine.pt")
    assert "text_prompt=typed&voice_prompt" in typed


def test_an_instruction_that_no_address_holds_is_refused() -> None:
    with pytest.raises(AppError, match="too long"):
        url_of(target_of(variant="personaplex"), "Be kind. " * 1_000)


@pytest.mark.parametrize("query", ["api_key=abcdefgh", "token=x", "a=my-own-key-0123", "a=my%2Down%2Dkey%2D0123"])
def test_a_key_in_the_query_is_refused_without_being_quoted(query: str) -> None:
    with pytest.raises(AppError) as refused:
        url_of(target_of(secret="my-own-key-0123", query=query))

    assert "my-own-key" not in str(refused.value)
    assert "abcdefgh" not in str(refused.value)


def test_a_query_that_is_none_is_refused() -> None:
    with pytest.raises(AppError, match="cannot be read"):
        url_of(target_of(query="nonsense"))


def test_a_key_goes_into_a_header() -> None:
    request = MOSHI.request(target_of(secret="my-own-key-0123"), None)

    assert request.headers == {"Authorization": "Bearer my-own-key-0123"}
    assert "my-own-key" not in request.url


def test_without_the_extra_nothing_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sphn", None)
    endpoint = RemoteEndpoint(MOSHI, target_of("ws://127.0.0.1:9"), patience=Patience(connect_s=5))

    with pytest.raises(AppError, match="Opus"):
        endpoint.open(setup(), Log())


# ---------------------------------------------------------------------- the handshake


def test_nothing_is_said_before_the_handshake_of_either_server() -> None:
    codec = codec_of()
    assert list(codec.hello()) == []

    granted = opened(codec).granted
    rust = opened(codec_of(instruction=""), RUST_HANDSHAKE).granted

    assert (granted.unit_ms, granted.turn_owner, granted.clock_kind) == (80, "model", "output")
    assert (granted.can_interrupt, granted.can_resume, granted.can_truncate) == (False, False, False)
    assert granted.modalities_in == ("audio",)
    assert granted.input_delay_ms == 7.5
    assert rust.details["protocol_version"] == 0
    assert rust.details["model_version"] == 3
    assert [r.asked for r in rust.rejections] == ["pictures"]


def test_what_moshi_does_not_do_is_said_and_personaplex_follows_an_instruction() -> None:
    members = {"tools": (ToolSpec(name="f", description=""),), "history": (HistoryTurn(role="user", text="hi"),)}

    plain = opened(codec_of(instruction="Count.", voice="NATF0.pt", **members)).granted
    persona = opened(codec_of(instruction="Count.", voice="NATF0.pt", options={"variant": "personaplex"})).granted
    newer = opened(codec_of(instruction=""), b"\x00" + struct.pack("<II", 7, 1)).granted

    asked = [r.asked for r in plain.rejections]
    assert asked == ["instruction", "voice NATF0.pt", "pictures", "tools: f", "history of 1 turns"]
    assert [r.asked for r in persona.rejections] == ["pictures"]
    assert sorted(r.granted for r in newer.rejections) == ["7", "none"]


@pytest.mark.parametrize("handshake", [b"\x00\x01", b"\x00" + bytes(9)])
def test_a_handshake_of_another_length_is_none(handshake: bytes) -> None:
    with pytest.raises(MessageError):
        receive(codec_of(), handshake)


def test_a_second_handshake_and_sound_before_the_first_cost_their_frames() -> None:
    codec = codec_of()
    with pytest.raises(MessageError, match="before"):
        receive(codec, b"\x01" + OpusEncoder().push(np.zeros(1_920, np.int16)))
    opened(codec)
    with pytest.raises(MessageError, match="second"):
        receive(codec, b"\x00")


# ---------------------------------------------------------------------- sound out


def test_five_micro_turns_are_twelve_frames_and_a_half_that_waits() -> None:
    codec = codec_of()
    opened(codec)

    counts = [len(frames_of(list(codec.turn(micro_turn(i, tone()))))) for i in range(10)]

    assert counts == [2, 3, 2, 3, 2, 3, 2, 3, 2, 3]


def test_what_is_sent_sounds_like_what_was_said() -> None:
    codec = codec_of()
    opened(codec)
    decoder = OpusDecoder()
    second = np.concatenate([tone() for _ in range(5)])
    turns = [second[i * 3_200 : (i + 1) * 3_200] for i in range(5)]

    frames = [f for i in range(10) for f in frames_of(list(codec.turn(micro_turn(i, turns[i % 5]))))]

    assert {f[0] for f in frames} == {1}
    heard = np.concatenate([decoder.push(f[1:]) for f in frames])
    assert len(heard) == 25 * 1_920
    expected = np.sin(2 * np.pi * 440 * np.arange(40_000) / 24_000)
    best = max(np.corrcoef(expected, heard[d : d + 40_000])[0, 1] for d in range(400))
    assert best > 0.9


def test_texts_and_results_are_refused_once_and_an_interruption_is_nobody_s_business() -> None:
    codec = codec_of()
    opened(codec)
    everything = {"jpegs": [JPEG], "texts": ["a"], "controls": [ToolResult("c", "4"), Interrupt(0)]}

    first = told(codec.turn(micro_turn(0, **everything)), EndpointError)
    second = told(codec.turn(micro_turn(1, **everything)), EndpointError)

    assert [(e.kind, e.fatal) for e in first] == [("unsupported", False)] * 2
    assert second == []


def test_the_end_of_the_context_is_announced_half_a_minute_before() -> None:
    codec = codec_of()
    opened(codec)
    codec._turns = 1_040

    limits = [(i, e) for i in range(1_040, 1_060) for e in told(codec.turn(micro_turn(i)), Limit)]

    ((index, limit),) = limits
    assert (index + 1) * 200 == 210_000
    assert (limit.kind, limit.remaining_ms) == ("context", 30_000)


# ---------------------------------------------------------------------- what is received


def test_sound_stands_where_the_output_stream_stands() -> None:
    codec = codec_of()
    opened(codec)
    codec.turn(micro_turn(3))
    encoder = OpusEncoder()

    actions = [a for _ in range(3) for a in receive(codec, b"\x01" + encoder.push(np.zeros(1_920, np.int16)))]

    sounds = told(actions, AudioOut)
    assert [e.t_media_ns for e in sounds] == [0, 80_000_000, 160_000_000]
    assert {(e.media_kind, e.dur_media_ns, e.rate) for e in sounds} == {("output", 80_000_000, 24_000)}


def test_pieces_of_text_are_words_of_the_speech_in_any_colour() -> None:
    codec = codec_of()
    opened(codec)

    actions = [*receive(codec, b"\x02 Hello"), *receive(codec, "\x07\x05 thére".encode()), *receive(codec, b"\x02")]

    assert "".join(e.delta for e in told(actions, TextOut)) == " Hello thére"
    assert {e.channel for e in told(actions, TextOut)} == {"transcript"}


def test_metadata_stands_in_the_details_whenever_it_comes() -> None:
    early, late = codec_of(), codec_of()
    receive(early, b'\x04{"text_temperature": 0.7}')
    opened(late)

    granted = opened(early).granted
    (updated,) = told(receive(late, b'\x04{"mimi": "m"}'), SessionUpdated)

    assert granted.details["metadata"] == {"text_temperature": 0.7}
    assert updated.granted.details["metadata"] == {"mimi": "m"}
    assert updated.granted.details["variant"] == "moshi"


def test_an_error_costs_nothing_and_pings_and_controls_say_nothing() -> None:
    codec = codec_of()
    opened(codec)

    (error,) = told(receive(codec, b"\x05no more memory"), EndpointError)
    (wordless,) = told(receive(codec, b"\x05"), EndpointError)

    assert (error.kind, error.fatal, error.message) == ("server", False, "no more memory")
    assert wordless.message
    assert receive(codec, b"\x06") == []
    assert [u.name for u in told(receive(codec, b"\x03\x01"), Unrecognized)] == ["control end_turn"]
    assert [u.name for u in told(receive(codec, b"\x03\x09"), Unrecognized)] == ["control 9"]
    assert [u.name for u in told(receive(codec, b"\x2a?"), Unrecognized)] == ["kind 42"]


@pytest.mark.parametrize(
    "frame", [b"\x01no ogg", b"\x02\xff\xfe", b"\x04{", b"\x04" + b"[" * 60_000, b"\x02" + b"a" * 70_000]
)
def test_what_cannot_be_read_costs_its_frame(frame: bytes) -> None:
    codec = codec_of()
    opened(codec)
    with pytest.raises(MessageError):
        receive(codec, frame)


@pytest.mark.parametrize("frame", ["\x01", b""])
def test_a_frame_of_text_or_of_nothing_is_none_of_this_protocol(frame: str | bytes) -> None:
    with pytest.raises(MessageError):
        codec_of().parse(frame)


def test_a_plain_close_is_an_ordinary_end_only_of_a_session_that_began() -> None:
    codec = codec_of()
    early = codec.closed(1005, "")
    opened(codec)

    assert early is not None
    assert codec.closed(1005, "") is None
    assert codec.closed(1000, "") is None
    broken = codec.closed(1006, "")
    assert broken is not None
    assert broken.kind == "network"
    assert codec.resumption() is None
    assert list(codec.goodbye()) == []


def test_the_wire_log_says_what_a_frame_is() -> None:
    codec = codec_of()
    sound = b"OggS" + bytes(30)

    assert codec.describe(b"\x01" + sound) == {"kind": "audio", "audio": sound}
    assert codec.describe(codec.parse(b"\x02 Hi")) == {"kind": "text", "text": " Hi"}
    assert codec.describe(codec.parse(b"\x2aabc")) == {"kind": "kind 42", "payload": "616263", "bytes": 3}
    assert codec.describe("else") == "else"


def test_it_is_drained_once_the_answers_have_caught_up() -> None:
    codec = codec_of()
    opened(codec)
    sent = [f for i in range(5) for f in frames_of(list(codec.turn(micro_turn(i))))]
    ending = list(codec.end_of_input())
    sent += frames_of(ending)
    encoder = OpusEncoder()

    drained_after = []
    for n in range(len(sent)):
        if told(receive(codec, b"\x01" + encoder.push(np.zeros(1_920, np.int16))), Drained):
            drained_after.append(n + 1)

    assert len(sent) == 13
    assert not told(ending, Drained)
    assert drained_after == [9]


def test_a_turn_that_the_end_cuts_off_is_incomplete_and_has_its_words() -> None:
    codec = codec_of()
    opened(codec)
    receive(codec, b"\x02 Hello")
    encoder = OpusEncoder()
    loud = (9000 * np.sin(2 * np.pi * 440 * np.arange(3_840) / 24_000)).astype(np.int16)
    receive(codec, b"\x01" + encoder.push(loud))

    ending = list(codec.end_of_input())

    assert [e.text for e in told(ending, TextOutDone)] == ["Hello"]
    assert [e.status for e in told(ending, TurnDone)] == ["incomplete"]
    assert told(ending, Drained)


# ---------------------------------------------------------------------- over a real socket


def talk(server: FakeMoshi, log: Log, patience: Patience | None = None, **options: str) -> RemoteDuplex:
    target = target_of(server.url, **options)
    return RemoteEndpoint(MOSHI, target, patience=patience or PATIENT).open(setup(), log)


def test_a_conversation_from_the_handshake_to_the_close_that_frees_the_server() -> None:
    log = Log()
    with FakeMoshi(RUST_HANDSHAKE).running() as server:
        duplex = talk(server, log, query="text_seed=7")
        for i in range(15):
            duplex.push(micro_turn(i, tone()))
        duplex.drain(10)
        duplex.close()
        assert server.served.acquire(timeout=10)
        (seen,) = server.connections
        again = talk(server, Log())
        again.close()

    assert (seen.path, seen.query, seen.close_code) == ("/api/chat", {"text_seed": "7"}, 1000)
    assert set(seen.kinds) == {1}
    assert abs(len(seen.sound) - 15 * 4_800) <= 5 * 1_920
    expected = np.sin(2 * np.pi * 440 * np.arange(40_000) / 24_000)
    assert max(np.corrcoef(expected, seen.sound[d : d + 40_000])[0, 1] for d in range(400)) > 0.9
    assert "".join(e.delta for e in log.of(TextOut)) == " Hello there"
    (begun,), (done,) = log.of(TurnStarted), log.of(TurnDone)
    assert [(e.text, e.response_id) for e in log.of(TextOutDone)] == [("Hello there", done.response_id)]
    assert begun.response_id == done.response_id
    assert begun.t_media_ns is not None
    assert done.t_media_ns is not None
    assert abs(begun.t_media_ns - 5 * 80_000_000) <= 40_000_000
    assert abs(done.t_media_ns - 15 * 80_000_000) <= 80_000_000
    assert [e.t_media_ns for e in log.of(AudioOut)][:3] == [0, 80_000_000, 160_000_000]
    assert [e.initiated_by for e in log.of(Closed)] == ["us"]
    assert not log.of(EndpointError)
    received = [f.message["kind"] for f in log.of(WireFrame) if f.direction == "received"]
    assert received[0] == "handshake"
    assert all(set(f.message["audio"]) == {"bytes", "sha256"} for f in log.of(WireFrame) if "audio" in f.message)
    assert json.dumps([f.message for f in log.of(WireFrame)])


def test_who_comes_second_gets_no_handshake_and_an_error_that_says_so() -> None:
    with FakeMoshi().running() as server:
        first = talk(server, Log())
        with pytest.raises(AppError, match="did not answer the set-up"):
            talk(server, Log(), Patience(configure_s=0.1))
        first.close()


def test_odd_frames_cost_themselves_and_the_conversation_goes_on() -> None:
    log = Log()
    odd = {3: [b"\x05careful", b"\x2a", b"", "text", b"\x01rubbish", b"\x06", b'\x04{"a": 1}']}
    with FakeMoshi(extra=odd).running() as server:
        duplex = talk(server, log)
        for i in range(15):
            duplex.push(micro_turn(i))
        duplex.drain(10)
        duplex.close()

    assert sorted(e.kind for e in log.of(EndpointError)) == ["protocol", "protocol", "protocol", "server"]
    assert not any(e.fatal for e in log.of(EndpointError))
    assert [u.name for u in log.of(Unrecognized)] == ["kind 42"]
    assert [e.status for e in log.of(TurnDone)] == ["completed"]


def test_a_server_that_hangs_up_ends_the_session() -> None:
    log = Log()
    with FakeMoshi(hangs_up_after=5).running() as server:
        duplex = talk(server, log)
        for i in range(5):
            duplex.push(micro_turn(i))
        log.wait_for(lambda events: any(isinstance(e, Closed) for e in events))
        duplex.close()

    assert [e.initiated_by for e in log.of(Closed)] == ["server"]
    assert names(log.events)[-1] == "Closed"


def test_the_kind_is_known_and_can_be_addressed() -> None:
    assert dialects()["moshi"] is MOSHI
    assert moshi("ws://127.0.0.1:8998", EndpointOptions()).host == "127.0.0.1:8998"


# ---------------------------------------------------------------------- anything at all


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.builds(lambda kind, rest: bytes([kind]) + rest, st.integers(0, 9), st.binary(max_size=80)), max_size=9)
)
def test_no_bytes_do_harm(frames: list[bytes]) -> None:
    codec = codec_of()
    codec.turn(micro_turn(0))
    for frame in frames:
        with contextlib.suppress(MessageError):
            receive(codec, frame)
        codec.describe(codec.parse(frame))
    codec.turn(micro_turn(1))
    codec.end_of_input()
