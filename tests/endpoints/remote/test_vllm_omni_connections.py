"""vLLM-Omni from one connection to the next, and over a real socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.endpoints.remote.fakes.vllm import TONE, WORDS, FakeVllm
from tests.endpoints.remote.family import JPEG, Log, kinds, micro_turn, say, sent, setup, told, tone
from tests.endpoints.remote.vllm import QUICK, SOUND, after_a_loss, codec_of, created
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    EndpointError,
    InputLost,
    Listen,
    ResumeHandle,
    SessionOpened,
    SessionUpdated,
    TextOut,
    TurnDone,
    TurnStarted,
    Unrecognized,
    WireFrame,
)
from tmlapp.endpoints.registry import EndpointOptions, dialects
from tmlapp.endpoints.remote.contract import (
    Ended,
    Opened,
    Resumption,
    Target,
)
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.vllm_omni import VLLM_OMNI, vllm_omni

pytestmark = pytest.mark.unit


# ---------------------------------------------------------------------- from one connection to the next


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
