"""Unmute: Opus both ways, words without ids, the health of its parts before anything else."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.remote.fakes.unmute import SECONDS, FakeUnmute
from tests.endpoints.remote.family import JPEG, Log, connect, kinds, micro_turn, names, opened, say, sent, start, told
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    SessionOpened,
    TextOut,
    TextOutDone,
    TurnDone,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.media import Pcm
from tmlapp.core.tool import HistoryTurn, ToolSpec
from tmlapp.core.turn import Control, DelegationResult, Interrupt, ToolResult
from tmlapp.endpoints.registry import dialects, endpoint_from_address
from tmlapp.endpoints.remote.contract import Answer, Drained, MessageError, Target
from tmlapp.endpoints.remote.opus import OpusEncoder
from tmlapp.endpoints.unmute import UNMUTE, UnmuteCodec

pytestmark = pytest.mark.unit

pytest.importorskip("sphn", reason="Opus needs sphn")


def codec(**given: Any) -> UnmuteCodec:
    made = UNMUTE.codec(start(UNMUTE, **given))
    assert isinstance(made, UnmuteCodec)
    return made


def talking(**given: Any) -> UnmuteCodec:
    made = codec(**given)
    opened(made)
    return made


def pages(seconds: float = 0.4) -> list[str]:
    pcm = (np.sin(np.arange(int(seconds * 24_000)) / 9) * 8000).astype(np.int16)
    return [base64.b64encode(page).decode("ascii") for page in OpusEncoder().frames(pcm)]


def continuous(seconds: float) -> list[Pcm]:
    """Micro-turns of one uninterrupted 440 Hz tone."""
    t = np.arange(int(seconds * 16_000)) / 16_000
    return list((np.sin(2 * np.pi * 440 * t) * 10_000).astype(np.int16).reshape(-1, 3_200))


def test_it_is_found_and_says_why_it_is_experimental() -> None:
    assert dialects()["unmute"] is UNMUTE
    assert UNMUTE.experimental
    assert endpoint_from_address("unmute:ws://127.0.0.1:8000").host == "127.0.0.1:8000"
    request = UNMUTE.request(Target(kind="unmute", address="x", name="x"), None)
    assert (request.url, request.subprotocols) == ("ws://127.0.0.1:8000/v1/realtime", ("realtime",))


def test_the_task_is_an_object_and_nothing_is_recorded_unless_allowed() -> None:
    (first,) = sent(codec(options={"language": "fr"}, voice="v").hello())
    task = {"type": "constant", "text": "Count the reps.", "language": "fr"}
    assert first["session"] == {"instructions": task, "voice": "v", "allow_recording": False}
    (plain,) = sent(codec(options={"allow_recording": "on"}, instruction="").hello())
    assert plain["session"] == {"instructions": None, "voice": None, "allow_recording": True}


def test_what_it_cannot_do_is_said() -> None:
    model = codec(tools=(ToolSpec(name="f", description=""),), history=(HistoryTurn(role="user", text="Hi."),))
    agreed = opened(model).granted
    assert [r.asked for r in agreed.rejections] == ["tools: f", "history of 1 turns"]
    assert (agreed.modalities_in, agreed.can_interrupt, agreed.input_delay_ms) == (("audio",), False, 81.0)
    results: list[Control] = [ToolResult("k", "1"), DelegationResult("k", "2", True)]
    actions = model.turn(micro_turn(0, texts=["Hello"], jpegs=[JPEG], controls=results))
    assert [e.code for e in told(actions, EndpointError)] == ["no_pictures", "no_texts", "no_results"]
    assert told(model.turn(micro_turn(1, texts=["Hello"])), EndpointError) == []
    assert kinds(model.turn(micro_turn(2))) == ["input_audio_buffer.append"]
    assert model.resumption() is None
    assert model.goodbye() == ()


def test_a_turn_as_its_sources_send_it() -> None:
    model = talking()
    model.turn(micro_turn(5))
    word = "conversation.item.input_audio_transcription.delta"
    actions = [
        *say(model, type="input_audio_buffer.speech_started"),
        *say(model, type=word, delta="count", start_time=1.28),
        *say(model, type=word, delta="them", start_time=1.6),
        *say(model, type="input_audio_buffer.speech_stopped"),
        *say(model, type="response.created", response={"status": "in_progress", "voice": "v", "chat_history": []}),
        *say(model, type="unmute.response.text.delta.ready", delta="Three"),
        *say(model, type="response.text.done", text="Three of them."),
        *say(model, type="response.text.delta", delta="Three"),
        *[a for page in pages() for a in say(model, type="response.audio.delta", delta=page)],
        *say(model, type="response.text.delta", delta="of"),
        *say(model, type="response.text.delta", delta="them."),
        *say(model, type="unmute.response.audio.delta.ready", number_of_samples=480),
        *say(model, type="response.audio.done"),
    ]
    heard = [(e.text, e.final, e.t_media_ns) for e in told(actions, UserTranscript)]
    assert heard == [
        ("count", False, 2_280_000_000),
        ("count them", False, 2_600_000_000),
        ("count them", True, None),
    ]
    assert "".join(e.delta for e in told(actions, TextOut)) == "Three of them."
    assert [(e.text, e.channel) for e in told(actions, TextOutDone)] == [("Three of them.", "transcript")]
    assert [e.status for e in told(actions, TurnDone)] == ["completed"]
    assert len({e.response_id for e in told(actions, AudioOut)}) == 1
    assert say(model, type="response.audio.done") == []


def test_a_reply_that_is_interrupted_ends_there() -> None:
    model = talking()
    say(model, type="response.created", response={})
    say(model, type="response.text.done", text="All of it.")
    say(model, type="response.text.delta", delta="All")
    for page in pages():
        say(model, type="response.audio.delta", delta=page)
    actions = say(model, type="unmute.interrupted_by_vad")
    assert names(actions) == ["Interrupted", "TurnDone"]
    assert [(e.status, e.reason) for e in told(actions, TurnDone)] == [("cancelled", "interrupted_by_vad")]
    assert say(model, type="unmute.interrupted_by_vad") == []
    say(model, type="response.created", response={})
    assert names(say(model, type="response.created", response={})) == ["TurnDone", "TurnStarted"]


def test_a_person_who_interrupts_hears_no_more_of_it() -> None:
    model = talking()
    say(model, type="response.created", response={})
    first, *rest = pages()
    say(model, type="response.audio.delta", delta=first)
    assert kinds(model.turn(micro_turn(0, controls=[Interrupt(0)]))) == ["input_audio_buffer.append"]
    assert [a for page in rest for a in say(model, type="response.audio.delta", delta=page)] == []
    assert told(say(model, type="response.audio.done"), TurnDone)
    assert told(model.end_of_input(), Drained) == [Drained()]


@pytest.mark.parametrize("delta", ["AAAA", "AAAAAAAA", "!"])
def test_sound_that_is_no_opus_costs_its_frame(delta: str) -> None:
    model = talking()
    with contextlib.suppress(MessageError):
        assert told(say(model, type="response.audio.delta", delta=delta), AudioOut) == []
    sounds: list[Any] = []
    for page in pages():
        with contextlib.suppress(MessageError):
            sounds += say(model, type="response.audio.delta", delta=page)
    assert told(sounds, AudioOut)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [(200, b'{"ok": false, "tts_up": false}', "tts_up"), (503, b"<html>", "503"), (404, b"{}", "404")],
)
def test_it_is_not_called_while_parts_of_it_are_down(status: int, body: bytes, fault: str) -> None:
    asked = []

    def fetch(url: str, headers: Any) -> Answer:
        asked.append((url, dict(headers)))
        return Answer(status=status, body=body)

    target = Target(kind="unmute", address="x", name="lab", url="wss://lab.example")
    assert UNMUTE.prepare is not None
    with pytest.raises(AppError, match="lab") as caught:
        UNMUTE.prepare(target, fetch)
    assert fault in str(caught.value)
    assert asked == [("https://lab.example/v1/health", {})]


def test_a_session_over_a_socket() -> None:
    log = Log()
    fake = FakeUnmute()
    with fake.running():
        duplex = connect(UNMUTE, fake.url, log)
        try:
            for index, pcm in enumerate([None, *continuous(1.0), None, None]):
                duplex.push(micro_turn(index, pcm))
            log.wait_for(lambda events: any(isinstance(e, TurnDone) for e in events))
            duplex.drain(5)
        finally:
            duplex.close()
    assert fake.paths == ["/v1/health", "/v1/realtime"]
    assert fake.frames[0]["session"]["allow_recording"] is False
    assert log.of(SessionOpened)[0].granted.details["health"] == {"ok": True, "stt_up": True}
    assert [e.state for e in log.of(UserSpeech)] == ["started", "stopped"]
    assert [e.text for e in log.of(UserTranscript) if e.final] == ["count them"]
    assert "".join(e.delta for e in log.of(TextOut)) == "One, two."
    sound = np.frombuffer(b"".join(e.pcm16 for e in log.of(AudioOut)), "<i2")
    assert abs(len(sound) - SECONDS * 24_000) <= 1_920
    heard = np.concatenate(fake.heard)
    spoken = heard[int(0.5 * 24_000) : int(0.9 * 24_000)].astype(float)
    t = np.arange(len(spoken)) / 24_000
    waves = np.stack((np.sin(2 * np.pi * 440 * t), np.cos(2 * np.pi * 440 * t)))
    fitted = (waves @ spoken) @ waves / (len(t) / 2)
    assert np.corrcoef(spoken, fitted)[0, 1] > 0.9
    assert [e.initiated_by for e in log.of(Closed)] == ["us"]
    assert not log.of(EndpointError)


def test_a_server_whose_parts_are_down_is_not_joined() -> None:
    fake = FakeUnmute(health={"ok": False, "llm_up": False})
    with fake.running(), pytest.raises(AppError, match="not ready"):
        connect(UNMUTE, fake.url, Log())
    assert fake.paths == ["/v1/health"]


KEYS = st.sampled_from(["delta", "text", "start_time", "response", "session"])
VALUES = st.integers() | st.text() | st.floats() | st.none()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(UnmuteCodec.EVENTS)), st.dictionaries(KEYS, VALUES), st.binary(max_size=60))
def test_no_message_does_any_harm(kind: str, body: dict[str, Any], sound: bytes) -> None:
    model = codec()
    model.hello()
    for message in (body, {"delta": base64.b64encode(b"OggS" + sound).decode("ascii")}):
        with contextlib.suppress(MessageError):
            model.receive(model.parse(json.dumps(message | {"type": kind})))
    model.end_of_input()
