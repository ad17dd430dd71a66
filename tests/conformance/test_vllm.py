"""vLLM-Omni's own client against our server, its own wire against our adapter, its error codes against our table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.harness import Peer, running, serving
from tests.endpoints.remote.fakes.vllm import WORDS, FakeVllm
from tests.endpoints.remote.family import JPEG, Log, micro_turn, setup, tone
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Listen,
    SessionUpdated,
    TextOut,
    TurnDone,
    TurnStarted,
    Unrecognized,
)
from tmlapp.core.turn import Interrupt, PlaybackReport
from tmlapp.endpoints.remote.contract import Patience, Target
from tmlapp.endpoints.remote.duplex import RemoteDuplex
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.remote.errors import KINDS
from tmlapp.endpoints.vllm.codes import KINDS as KIND_OF_CODE
from tmlapp.endpoints.vllm_omni import VLLM_OMNI

pytestmark = pytest.mark.conformance


def test_their_client_converses_with_our_server() -> None:
    with FakeVllm().running() as server, running("vllm_client.py", server.url + "/v1/realtime") as client:
        said = client.finish().splitlines()
        (seen,) = server.connections

    assert said[0].startswith("session duplex-")
    assert said[1] == f"response speak {''.join(WORDS)}"
    assert seen.query == {"duplex": "1", "model": "m", "autostart": "0"}
    assert seen.kinds[0] == "session.update"
    assert "session.close" in seen.kinds
    assert seen.of("playback.ack")
    acknowledged = [frame["server_event_seq"] for frame in seen.of("session.event_ack")]
    assert acknowledged == sorted(acknowledged)
    assert {"audio", "audio_end_ms", "duration_ms", "format", "sample_rate_hz"} <= set(
        seen.of("input_audio_buffer.append")[0]
    )


def test_every_error_code_of_theirs_has_its_kind() -> None:
    with running("vllm_errors.py") as script:
        codes = json.loads(script.finish())

    assert sorted(code for code in codes if code not in KIND_OF_CODE) == []
    assert set(KIND_OF_CODE.values()) <= set(KINDS)


def commands(peer: Peer, name: str) -> list[dict[str, Any]]:
    """The fields of every command of that name that their server has understood."""
    return [json.loads(line.partition(" ")[2]) for line in peer.lines if line.startswith(f"{name} {{")]


def talk(server: Peer, log: Log) -> RemoteDuplex:
    target = Target(kind="vllm_omni", address="vllm_omni:test", name="test", url=server.url, model="m")
    patience = Patience(
        backoff_s=(0.01, 0.01, 0.01), jitter=0.0, warn_turns=500, drop_video_turns=500, give_up_turns=500
    )
    return RemoteEndpoint(VLLM_OMNI, target, patience=patience).open(setup(), log)


def said(log: Log) -> str:
    return "".join(event.delta for event in log.of(TextOut))


def test_our_adapter_converses_with_their_wire() -> None:
    log = Log()
    with serving("vllm_duplex_server.py", "0") as server:
        duplex = talk(server, log)
        for i in range(10):
            duplex.push(micro_turn(i, tone(), jpegs=[JPEG]))
        log.wait_for(lambda events: any(isinstance(e, AudioOut) for e in events))
        item = log.of(AudioOut)[0].item_id or ""
        for i in range(10, 21):
            report = PlaybackReport(item, (i - 9) * 200_000_000)
            duplex.push(micro_turn(i, tone(), jpegs=[JPEG], controls=[report]))
        duplex.drain(10)
        duplex.close()
        server.wait_for(lambda line: line.startswith("CloseSession"))
        appends, acks = commands(server, "AppendAudio"), commands(server, "AckPlayback")
        lines = list(server.lines)

    assert duplex.granted.rejections == ()
    assert duplex.granted.can_resume
    assert said(log) == "one two three"
    assert [e.t_media_ns for e in log.of(AudioOut)] == [0, 1_000_000_000, 2_000_000_000]
    assert [e.status for e in log.of(TurnDone)] == ["completed"]
    assert len(log.of(Listen)) == 2
    assert not log.of(EndpointError)
    assert not log.of(Unrecognized)
    assert [a["end"] for a in appends] == [a["heard"] for a in appends]
    assert [a["end"] for a in appends if a["pictures"]] == [1000, 2000, 3000, 4000, 5000]
    # Never more than what has come: the reports here run ahead of it.
    played = [a["played"] for a in acks]
    assert played[:5] == [200, 400, 600, 800, 1000]
    assert played == sorted(set(played))
    assert {a["item"] for a in acks} == {item}
    assert not any(line.startswith(("REFUSED", "AUTOSTART")) for line in lines)


def test_a_person_cuts_in_on_their_wire() -> None:
    log = Log()
    with serving("vllm_duplex_server.py", "0") as server:
        duplex = talk(server, log)
        for i in range(10):
            duplex.push(micro_turn(i, tone()))
        log.wait_for(lambda events: any(isinstance(e, AudioOut) for e in events))
        item = log.of(AudioOut)[0].item_id or ""
        duplex.push(micro_turn(10, tone(), controls=[Interrupt(300_000_000, item)]))
        log.wait_for(lambda events: any(isinstance(e, TurnDone) for e in events))
        duplex.close()
        server.wait_for(lambda line: line.startswith("CloseSession"))
        acks, cuts = commands(server, "AckPlayback"), commands(server, "TruncateItem")

    assert [e.status for e in log.of(TurnDone)] == ["cancelled"]
    assert [a["played"] for a in acks] == [300]
    assert cuts == [{"item": item, "end": 300}]
    assert not log.of(EndpointError)


def test_a_cut_connection_is_taken_up_again_on_their_wire() -> None:
    log = Log()
    with serving("vllm_duplex_server.py", "2") as server:
        duplex = talk(server, log)
        for i in range(10):
            duplex.push(micro_turn(i, tone()))
        log.wait_for(lambda events: any(isinstance(e, SessionUpdated) for e in events))
        for i in range(10, 20):
            duplex.push(micro_turn(i, tone()))
        duplex.drain(10)
        duplex.close()
        server.wait_for(lambda line: line.startswith("CloseSession"))
        lines = list(server.lines)

    assert said(log) == "one two three"
    assert len(log.of(TurnStarted)) == 1
    assert [e.status for e in log.of(TurnDone)] == ["completed"]
    assert sum(line.startswith("RESUME") for line in lines) == 1
    assert not any(line.startswith("REFUSED") for line in lines)
