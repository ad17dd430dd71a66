"""Our own model server: who is let in, what a session is like, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_socket

from tests.endpoints.remote.family import Log, connect, micro_turn, setup
from tests.endpoints.remote.script import ANSWERS, BEFORE_OPEN, WHILE_OPEN, conversation, refusals, told
from tests.endpoints.remote.serving import JPEG, Client, Model, append, client, image, kinds, served, update
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    EndpointEvent,
    Interrupted,
    Limit,
    Listen,
    SessionOpened,
    TaskSet,
    TextOut,
    TextOutDone,
    TurnDone,
    TurnStarted,
    UnitDone,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.secret import Secret
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.remote.contract import Target
from tmlapp.endpoints.remote.endpoint import RemoteEndpoint
from tmlapp.endpoints.serve import server as server_module
from tmlapp.endpoints.serve.conversation import ModelPool
from tmlapp.endpoints.serve.intake import picture_size
from tmlapp.endpoints.serve.offer import Limits, Offer
from tmlapp.endpoints.serve.refusal import told_to_clients, without_paths
from tmlapp.endpoints.serve.replies import Replies
from tmlapp.endpoints.serve.schema import RefusedError, check_event, read_frame
from tmlapp.endpoints.serve.server import ServeOptions, is_loopback
from tmlapp.endpoints.serve.session import Session
from tmlapp.endpoints.sglang_omni import SGLANG_OMNI

pytestmark = pytest.mark.unit

TOKEN = "a-token-that-nobody-else-has"


def get(url: str, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def http(url: str) -> str:
    return url.replace("ws://", "http://")


def status_of(url: str, path: str = "/v1/realtime", **headers: str) -> int:
    """HTTP status with which a connection is refused."""
    with pytest.raises(InvalidStatus) as refused, client(url, path, **headers):
        raise AssertionError("it was let in")
    return refused.value.response.status_code


# ---------------------------------------------------------------------- where it listens


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "lab.example"])
def test_it_listens_elsewhere_only_with_a_certificate_and_a_token(host: str) -> None:
    with pytest.raises(AppError, match="no certificate") as error:
        ServeOptions(host=host).check()
    assert "no token" in error.value.why
    with pytest.raises(AppError, match="certificate"):
        ServeOptions(host=host, token=Secret(TOKEN)).check()
    with pytest.raises(AppError, match="no token"):
        ServeOptions(host=host, certificate=Path("c"), private_key=Path("k")).check()
    with pytest.raises(AppError, match="no token"):
        ServeOptions(host=host, certificate=Path("c"), private_key=Path("k"), token=Secret("")).check()


def test_this_machine_alone_needs_neither() -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert is_loopback(host)
        assert ServeOptions(host=host).check() is None


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(AppError, match="not complete"):
        ServeOptions(certificate=Path("c.pem")).check()


def test_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    empty = tmp_path / "c.pem"
    empty.write_text("")
    for certificate in (empty, tmp_path / "none.pem"):
        with pytest.raises(AppError, match="cannot be used"):
            ServeOptions(certificate=certificate, private_key=empty).check()


def test_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AppError, match=f"cannot listen on 127.0.0.1, port {port}"), served(Model, port=port):
            raise AssertionError("it listens")


def test_model_that_does_not_say_when_it_has_answered_is_not_served() -> None:
    with pytest.raises(AppError, match="cannot be served"), served(lambda: Model(acknowledges=False)):
        raise AssertionError("it listens")


# ---------------------------------------------------------------------- who is let in


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def url(model: Model) -> Iterator[str]:
    with served(lambda: model, sessions=2) as server:
        yield server.url


def test_capabilities_say_what_is_served(url: str) -> None:
    status, offered = get(http(url) + "/v1/realtime/capabilities")
    assert status == 200
    assert (offered["model"], offered["native_unit_ms"], offered["proactive_output"]) == ("counter", 200, True)
    assert offered["limits"]["max_input_bytes"] == 1_920_000
    assert offered["input_image_format"]["max_bytes"] == 524_288


def test_there_is_nothing_else(url: str) -> None:
    assert get(http(url) + "/")[0] == 404
    assert status_of(url, "/v1/other") == 404


def test_wrong_model_and_resumption_are_closed_with_1008(url: str) -> None:
    for query in ("model=other", "model=", "session_id=sess_1", "model=counter&session_id="):
        with client(url, f"/v1/realtime?{query}") as peer:
            assert peer.close_code() == 1008
    with client(url, "/v1/realtime?model=counter") as peer:
        assert peer.until("session.created")[0]["session"]["model"] == "counter"


def test_full_server_answers_503_until_a_place_is_free(url: str) -> None:
    with client(url) as first, client(url) as second:
        first.until("session.created"), second.until("session.created")
        assert status_of(url) == 503
        second.say({"type": "session.close"}, "session.closed")
        assert second.close_code() == 1000
        first.say({"type": "session.close"}, "session.closed")
        assert first.close_code() == 1000


def test_pages_of_a_browser_are_not_let_in_without_a_token(url: str) -> None:
    assert status_of(url, Origin="https://example.com") == 403


def test_token_is_asked_for_everywhere_and_told_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    with served(Model, token=Secret(TOKEN)) as server:
        for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": TOKEN}, {"Authorization": "Bearer é"}):
            assert status_of(server.url, **wrong) == 401
        assert get(http(server.url) + "/v1/realtime/capabilities")[0] == 401
        good = {"Authorization": f"Bearer {TOKEN}"}
        status, offered = get(http(server.url) + "/v1/realtime/capabilities", **good)
        assert status == 200
        with client(server.url, **good) as peer:
            peer.open(instructions="Count.")
    assert TOKEN not in json.dumps(offered)
    assert TOKEN not in "".join(r.getMessage() for r in caplog.records if not r.name.startswith("websockets.client"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to make a certificate with")
def test_two_machines_with_tls_and_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=lab"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    options = {"host": "0.0.0.0", "token": Secret(TOKEN), "certificate": certificate, "private_key": key}
    with served(Model, **options) as server:
        assert server.url.startswith("wss://0.0.0.0:")
        url = server.url.replace("0.0.0.0", "localhost")
        target = Target(kind="sglang_omni", address="a", name="lab", url=url, secret=Secret(TOKEN))
        log = Log()
        duplex = RemoteEndpoint(SGLANG_OMNI, target).open(setup(), log)
        duplex.push(micro_turn(0))
        log.wait_for(lambda events: any(isinstance(e, UnitDone) for e in events))
        duplex.close()
        monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
        with pytest.raises(AppError, match="could not be asked"):
            RemoteEndpoint(SGLANG_OMNI, target).open(setup(), Log())
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        plain.load_verify_locations(certificate)
        with pytest.raises(InvalidStatus), connect_socket(url + "/v1/realtime", ssl=plain, proxy=None):
            raise AssertionError("it was let in")


# ---------------------------------------------------------------------- a session


def session(peer: Client, *, turns: int = 1) -> list[dict[str, Any]]:
    """Open a session and send silence; everything that came after the opening."""
    peer.until("session.created")
    peer.open(instructions="Count.")
    return [a for k in range(turns) for a in peer.say(append(k, k * 200.0), "sglang.unit.done")]


def speaking(*answers: list[EndpointEvent], **options: Any) -> Iterator[dict[str, Any]]:
    """The messages of a session whose model says this, micro-turn by micro-turn."""
    modalities = options.pop("output_modalities", ["text", "audio"])
    given = Model(lambda turn: answers[turn.index] if turn.index < len(answers) else [], **options)
    with served(lambda: given) as server, client(server.url) as peer:
        peer.until("session.created")
        peer.open(output_modalities=modalities)
        for k in range(len(answers)):
            yield from peer.say(append(k, k * 200.0), "sglang.unit.done")
        yield from peer.say({"type": "session.close"}, "session.closed")


def test_model_gets_the_samples_and_pictures_of_each_unit(model: Model, url: str) -> None:
    model.turns.clear()
    pcm = np.arange(4800, dtype="<i2")
    with client(url) as peer:
        peer.until("session.created")
        opened = peer.open(instructions="Count.")
        assert opened["sglang"]["granted"]["rejections"] == []
        peer.say(image(150.25), "sglang.input_image.accepted")
        peer.say(image(10.0), "sglang.input_image.accepted")
        peer.say(image(300.0), "sglang.input_image.accepted")
        peer.say(append(0, 0.0, pcm.tobytes()), "sglang.unit.done")
        answers = peer.say({"type": "sglang.input_audio.end"}, "sglang.input_audio.drained")
    first, second = model.turns
    assert [f.t_ns for f in first.frames] == [10_000_000, 150_250_000]
    assert [(f.t_ns, f.jpeg) for f in second.frames] == [(300_000_000, JPEG)]
    assert (first.pcm == pcm[:3200]).all()
    assert (second.pcm[:1600] == pcm[3200:]).all()
    assert not second.pcm[1600:].any()
    assert kinds(answers) == ["sglang.input_audio.ended", "sglang.unit.done", "sglang.input_audio.drained"]
    assert answers[1]["sglang"]["media_time"] == {"t_start_ms": 200.0, "duration_ms": 100.0}
    assert {k: answers[2][k] for k in ("consumed_ms", "discarded_ms", "padding_ms")} == {
        "consumed_ms": 300.0,
        "discarded_ms": 0.0,
        "padding_ms": 100.0,
    }


def test_every_mistake_is_answered_in_the_words_of_the_dialect() -> None:
    with served(Model, name="fake-interaction", frames_per_unit=2) as server, client(server.url) as peer:
        steps = dict([*refusals(peer), *conversation(peer)])
    assert {name: told(steps[name]) for name in ANSWERS} == ANSWERS
    assert len(ANSWERS) == len(BEFORE_OPEN) + len(WHILE_OPEN) + 5
    assert [a["type"] for a in steps["unit 4"]][1:] == [
        "response.created",
        "response.output_text.delta",
        "response.output_audio.delta",
        "response.output_text.done",
        "response.output_audio.done",
        "response.done",
        "sglang.unit.done",
    ]
    assert steps["unit 4"][-1]["sglang"]["media_time"] == {"t_start_ms": 800.0, "duration_ms": 200.0}
    assert steps["clear"][0]["sglang"] == {"discarded_ms": 100.0}
    end = steps["end"][-1]
    assert (end["accepted_end_ms"], end["consumed_ms"], end["discarded_ms"], end["padding_ms"]) == (
        1600,
        1500,
        100,
        100,
    )
    assert steps["code"] == 1000


def test_model_that_refuses_the_instruction_leaves_the_session_to_be_opened_otherwise() -> None:
    with served(lambda: Model(refuses="dance")) as server, client(server.url) as peer:
        peer.until("session.created")
        (refused,) = peer.say(update(instructions="Let us dance."))
        assert (refused["error"]["code"], refused["sglang"]["fatal"]) == ("admission_rejected", False)
        assert refused["error"]["message"] == "It cannot do this. It counts. Change the instruction."
        assert peer.open(instructions="Count.")["instructions"] == "Count."


@pytest.mark.parametrize("folder", ["/srv/lab models/tiny", "/srv/models/tiny"])
def test_what_a_client_is_told_names_no_file_of_the_server(folder: str) -> None:
    error = OnnxContractError("E_TASK_UNSUPPORTED", "tiny does not understand “x”.", folder, fix="Say: Count")
    told_ = told_to_clients(error, "x")
    assert told_ == (
        "The model cannot do what was asked. tiny does not understand “x”. Change the instruction. Say: Count"
    )
    broken = told_to_clients(OnnxContractError("E_RUN", f"It failed in {folder}.", folder), "x")
    assert broken == "The model cannot be used. It failed in tiny."
    other = told_to_clients(AppError("The script /srv/me/a.txt, cannot be read.", "No C:\\x\\y.txt here.", "Look."), "")
    assert other == "The script …, cannot be read. No … here."
    assert without_paths("1/2 of http://lab/x and and/or") == "1/2 of http://lab/x and and/or"


def test_model_that_fails_at_the_start_refuses_the_session() -> None:
    given = Model()
    with served(lambda: given) as server, client(server.url) as peer:
        given.opened = [EndpointError(kind="internal", code="E_RUN", message="No weights.", fatal=True)]
        peer.until("session.created")
        assert peer.say(update())[0]["error"]["message"] == "No weights."
        given.opened = []
        peer.open()


def test_new_instructions_reach_a_model_that_takes_them_as_typed() -> None:
    given = Model(modalities_in=("audio", "text"))
    with served(lambda: given) as server, client(server.url) as peer:
        peer.until("session.created")
        peer.open(instructions="Count.")
        peer.say(update(instructions="Count.\nNow squats."), "session.updated")
        peer.say(append(0, 0.0), "sglang.unit.done")
        peer.say(update(instructions="Something else."), "session.updated")
        peer.say(append(1, 200.0), "sglang.unit.done")
        (refused,) = peer.say(image(400.0))
    assert [[t.text for t in turn.texts] for turn in given.turns] == [["Now squats."], ["Something else."]]
    assert refused["error"]["message"] == "image input is not granted"


def test_what_the_model_understood_is_told() -> None:
    given = Model()
    given.opened = [TaskSet(instruction="Count.", task="count", params={"n": 1.0}, from_turn=0)]
    with served(lambda: given) as server, client(server.url) as peer:
        peer.until("session.created")
        peer.say(update(instructions="Count."), "session.updated")
        (task,) = peer.until("tmlapp.task.set")
    assert (task["task"], task["params"], task["from_unit"]) == ("count", {"n": 1.0}, "unit_0")


def text(delta: str, item: str = "a", *, done: bool = True) -> list[EndpointEvent]:
    first: list[EndpointEvent] = [TextOut(delta=delta, item_id=item)]
    return [*first, TextOutDone(text=delta, item_id=item)] if done else first


def sound(samples: int, item: str = "a", rate: int = 24_000) -> AudioOut:
    return AudioOut(pcm16=bytes(2 * samples), rate=rate, item_id=item)


def short(messages: Any) -> list[str]:
    """Types without what every unit has."""
    every = ("sglang.input_audio.accepted", "sglang.unit.done", "session.closed")
    return [m["type"].removeprefix("response.") for m in messages if m["type"] not in every]


def test_speech_over_several_units_is_one_response() -> None:
    said = list(speaking([sound(10)], [sound(10)], []))
    assert short(said) == ["created", "output_audio.delta", "output_audio.delta", "output_audio.done", "done"]
    assert said[-3]["response"]["output"][0]["content"] == [{"type": "output_audio", "transcript": ""}]


def test_text_over_several_units_is_one_response() -> None:
    said = list(speaking(text("one ", done=False), [TextOutDone(text="one two", item_id="a")]))
    assert short(said) == ["created", "output_text.delta", "output_text.done", "done"]
    assert said[-3]["response"]["output"][0]["content"] == [{"type": "output_text", "text": "one two"}]


def test_text_after_its_end_is_another_response() -> None:
    assert (
        short(speaking([*text("one"), *text("two")]))
        == ["created", "output_text.delta", "output_text.done", "done"] * 2
    )


def test_text_that_comes_whole_is_a_delta_too() -> None:
    assert short(speaking([TextOutDone(text="one")])) == ["created", "output_text.delta", "output_text.done", "done"]


def test_only_what_was_granted_is_sent() -> None:
    both = [*text("one"), sound(10)]
    assert short(speaking(both, output_modalities=["text"])) == [
        "created",
        "output_text.delta",
        "output_text.done",
        "done",
    ]
    spoken = list(speaking(both, output_modalities=["audio"]))
    name = "output_audio_transcript"
    assert short(spoken) == [
        "created",
        f"{name}.delta",
        f"{name}.done",
        "output_audio.delta",
        "output_audio.done",
        "done",
    ]
    assert spoken[3]["transcript"] == "one"


def test_sound_of_another_rate_is_converted_without_a_seam() -> None:
    said = [
        base64.b64decode(m["delta"])
        for m in speaking([sound(800, rate=8_000)], [sound(800, rate=8_000)], [])
        if "delta" in m
    ]
    assert [len(s) for s in said] == [4_800, 4_800]


def test_long_sound_goes_in_several_frames() -> None:
    said = [base64.b64decode(m["delta"]) for m in speaking([sound(300_000)]) if "delta" in m]
    assert [len(s) for s in said] == [480_000, 120_000]


def test_model_that_cuts_itself_off_says_so_with_an_empty_cancelled_response() -> None:
    said = list(speaking([*text("one"), sound(9)], [*text("two", "b"), Interrupted(), sound(9, "b")]))
    ends = [m["response"] for m in said if m["type"] == "response.done"]
    assert [(r["status"], r["status_details"]["reason"], len(r["output"])) for r in ends] == [
        ("completed", "stop", 1),
        ("cancelled", "interrupted", 0),
        ("completed", "stop", 1),
    ]


def test_speech_that_goes_on_is_cancelled_itself() -> None:
    said = list(speaking([sound(9)], [Interrupted(), *text("two", "b")]))
    ends = [(m["response"]["id"], m["response"]["status"]) for m in said if m["type"] == "response.done"]
    assert ends == [("resp_1", "cancelled"), ("resp_2", "completed")]


def test_turns_of_a_model_last_as_long_as_it_says() -> None:
    begun, over = TurnStarted(response_id="r"), TurnDone(status="incomplete", reason="max", response_id="r")
    said = list(speaking([begun], [TextOut(delta="a", response_id="r")], [over], [TurnDone(status="completed")]))
    assert short(said) == ["created", "output_text.delta", "output_text.done", "done"]
    assert [m["response"]["status"] for m in said if m["type"] == "response.done"] == ["incomplete"]


def test_what_the_model_hears_and_its_errors_are_told_the_rest_is_left_out() -> None:
    events: list[EndpointEvent] = [
        UserSpeech(state="started", source="model", t_media_ns=TURN_NS),
        UserSpeech(state="stopped", source="model"),
        UserTranscript(text="hel", final=False, item_id="u"),
        UserTranscript(text="hello", final=True),
        EndpointError(kind="unsupported", code="E_TASK_UNSUPPORTED", message="No.", fatal=False),
        EndpointError(kind="config", code="E_VOICE", message="No voice.", fatal=False),
        TextOut(delta="hm", channel="thought"),
        TextOutDone(text="hm", channel="thought"),
        Limit(kind="rate"),
        Listen(micro_turn=0),
    ]
    said = list(speaking(events))[1:-2]
    head = "conversation.item.input_audio_transcription"
    speech = "input_audio_buffer.speech"
    assert kinds(said) == [
        f"{speech}_started",
        f"{speech}_stopped",
        f"{head}.delta",
        f"{head}.completed",
        "error",
        "error",
    ]
    assert said[0]["audio_start_ms"] == 200.0
    assert [(m["error"]["type"], m["error"]["code"], m["sglang"]["fatal"]) for m in said[-2:]] == [
        ("invalid_request_error", "E_TASK_UNSUPPORTED", False),
        ("server_error", "E_VOICE", False),
    ]
    assert said[-1]["sglang"]["unit_id"] == "unit_0"


def unfinished(turn: MicroTurn) -> list[EndpointEvent]:
    return text("one ", done=False)


def endless(turn: MicroTurn) -> list[EndpointEvent]:
    return text("x" * 5_000)


def test_cancel_ends_the_answer_under_way_and_tells_the_model() -> None:
    given = Model(unfinished)
    with served(lambda: given) as server, client(server.url) as peer:
        session(peer)
        (*_, done) = peer.say({"type": "response.cancel"}, "response.done")
        assert (done["response"]["status"], done["response"]["status_details"]["reason"]) == (
            "cancelled",
            "client_cancelled",
        )
        peer.say(append(1, 200.0), "sglang.unit.done")
    assert [len(turn.controls) for turn in given.turns] == [0, 1]


# ---------------------------------------------------------------------- how it ends


def test_client_that_goes_away_frees_its_place_and_its_model() -> None:
    given = Model()
    with served(lambda: given) as server:
        for _ in range(3):
            with client(server.url) as peer:
                session(peer)
    assert given.closed == 4


def test_close_ends_what_is_being_said() -> None:
    said = list(speaking(text("one ", done=False)))
    assert short(said) == ["created", "output_text.delta", "output_text.done", "done"]
    assert said[-2]["response"]["status_details"] == {"reason": "client_closed"}


def failing(turn: MicroTurn) -> list[EndpointEvent]:
    return [EndpointError(kind="internal", code="E_NONFINITE", message="NaN.", fatal=True)]


def full(turn: MicroTurn) -> list[EndpointEvent]:
    return [EndpointError(kind="context", code="E", message="No room.", fatal=True)]


def gone(turn: MicroTurn) -> list[EndpointEvent]:
    return [Closed(code="x", reason="The model has gone.", initiated_by="server")]


def broken(turn: MicroTurn) -> list[EndpointEvent]:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (failing, "internal", "E_NONFINITE: NaN."),
        (full, "context_exhausted", "No room."),
        (gone, "internal", "The model has gone."),
        (broken, "internal", "RuntimeError: a bug"),
    ],
)
def test_model_that_fails_ends_the_session_with_a_word(answer: Any, code: str, says: str) -> None:
    with served(lambda: Model(answer)) as server, client(server.url) as peer:
        peer.until("session.created")
        peer.open()
        answers = peer.say(append(0, 0.0), "session.closed")
        error = next(a for a in answers if a["type"] == "error")
        assert (error["error"]["code"], error["error"]["type"], error["sglang"]["fatal"]) == (
            code,
            "server_error",
            True,
        )
        assert says in error["error"]["message"]
        assert answers[-1]["reason"] == code
        assert peer.close_code() == 1000


def test_client_that_never_opens_its_session_is_sent_away() -> None:
    with served(Model, limits=Limits(session_update_timeout_s=0.05)) as server, client(server.url) as peer:
        created, error, closed = peer.until("session.closed")
        assert created["type"] == "session.created"
        assert error["error"]["message"] == "session not opened within 0.05 s"
        assert (error["error"]["code"], closed["reason"]) == ("session_update_timeout", "session_update_timeout")
        assert peer.close_code() == 1000


def test_client_that_does_not_read_is_given_up() -> None:
    with (
        served(lambda: Model(endless), limits=Limits(max_output_bytes=4_000)) as server,
        client(server.url) as peer,
    ):
        peer.until("session.created")
        peer.open()
        answers = peer.say(append(0, 0.0), "session.closed")
        error = next(a for a in answers if a["type"] == "error")
        assert error["error"]["message"] == "outbound event budget exhausted"


def verbose(turn: MicroTurn) -> list[EndpointEvent]:
    return text("many words " * 50_000)


@contextmanager
def deaf(url: str) -> Iterator[socket.socket]:
    """A client that opens a session, sends 20 units, and reads nothing: its answers fill every buffer on the way."""
    host, port = url.removeprefix("ws://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        key = base64.b64encode(bytes(16)).decode()
        lines = ("GET /v1/realtime HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade")
        ws = (f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", "")
        raw.sendall("\r\n".join((*lines, *ws)).encode())
        for event in ({"type": "session.update", "session": {}}, *(append(k, k * 200.0) for k in range(20))):
            data = json.dumps({"event_id": "e"} | event).encode()
            raw.sendall(b"\x81\xfe" + len(data).to_bytes(2, "big") + bytes(4) + data)
        yield raw


def test_client_that_reads_nothing_loses_its_place() -> None:
    with served(lambda: Model(verbose), limits=Limits(stalled_s=0.1)) as server, deaf(server.url):
        for _ in range(40):
            # A place that is not free is waited for a moment before the answer is 503.
            with suppress(InvalidStatus), client(server.url) as peer:
                assert peer.until("session.created")
                break
        else:
            pytest.fail("the place was never free again")


def test_client_that_reads_nothing_does_not_keep_the_server_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_GOODBYE_S", 0.1)
    all_heard = threading.Event()

    def answer(turn: MicroTurn) -> list[EndpointEvent]:
        if turn.index == 19:
            all_heard.set()
        return verbose(turn)

    served_model = Model(answer)
    with ExitStack() as client_too, served(lambda: served_model) as server:
        client_too.enter_context(deaf(server.url))
        assert all_heard.wait(15)
    assert served_model.closed == 2


def test_server_that_ends_closes_its_sessions_in_order() -> None:
    given = Model()
    with ExitStack() as client_too:
        with served(lambda: given) as server:
            peer = client_too.enter_context(client(server.url))
            session(peer)
        answers = peer.until("session.closed")
        assert (answers[-1]["reason"], peer.close_code()) == ("server_shutdown", 1001)
    assert given.closed == 2


def test_our_adapter_and_our_server_in_real_time() -> None:
    with served(Model) as server:
        log = Log()
        duplex = connect(SGLANG_OMNI, server.url, log)
        for k in range(5):
            duplex.push(micro_turn(k))
        log.wait_for(lambda events: any(isinstance(e, UnitDone) and e.micro_turn == 4 for e in events))
        duplex.drain(10)
        duplex.close()
    assert [e.granted.name for e in log.of(SessionOpened)] == ["counter"]
    assert [e.text for e in log.of(TextOutDone)] == ["1"]
    assert log.of(EndpointError) == []


# ---------------------------------------------------------------------- anything


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40) | st.text(max_size=40))
def test_no_frame_is_more_than_refused(frame: str | bytes) -> None:
    with pytest.raises(RefusedError):
        check_event(read_frame(frame))


_ID = st.just("e")
_FRAMES = st.one_of(
    st.builds(lambda i, s, t, n: json.dumps({"event_id": i, **append(s, t, bytes(n))}), _ID, st.integers(0, 3),
              st.sampled_from([None, 0.0, 200.0]), st.sampled_from([0, 3, 3_200, 6_400, 20_000])),
    st.builds(lambda i, t, d: json.dumps({"event_id": i, **image(t, d)}), _ID,
              st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([b"", JPEG, b"\x89PNG"])),
    st.sampled_from([json.dumps({"type": kind, "event_id": "e"}) for kind in (
        "input_audio_buffer.clear", "sglang.input_audio.end", "session.close", "input_audio_buffer.commit",
        "response.create", "response.cancel")]),
    st.builds(lambda i, v: json.dumps({"type": "session.update", "event_id": i, "session": v}), _ID,
              st.dictionaries(st.sampled_from(["instructions", "audio", "sglang", "output_modalities", "x"]),
                              st.sampled_from(["", "Count.", [], ["text"], {}, {"input": {}}, None, 3]))),
    st.binary(max_size=8), st.text(max_size=8),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(_FRAMES, max_size=12))
def test_no_order_of_frames_does_harm(frames: list[str | bytes]) -> None:
    async def run() -> list[str]:
        pool = ModelPool(lambda: Model(unfinished), "test")
        session = Session(Offer(model="m", output_modalities=("text",)), pool)
        session.begin()
        await session.receive(json.dumps({"event_id": "e"} | update()))
        for frame in frames:
            await session.receive(frame)
        await session.close("disconnect")
        return [text async for text in session.outbox.texts()]

    types = [json.loads(text)["type"] for text in asyncio.run(run())]
    assert types[0] == "session.created"
    assert types[-1] == "session.closed"
    assert types.count("session.closed") == 1


def test_deeply_nested_frames_are_refused(url: str) -> None:
    with client(url) as peer:
        peer.until("session.created")
        deep = '{"a":' * 100_000
        assert peer.raw(deep)[0]["error"]["message"] == "invalid JSON"
        nested = '{"type":"session.update","event_id":"e","session":{"audio":' + '{"a":' * 700 + "1" + "}" * 702
        assert peer.raw(nested)[0]["error"]["code"] == "invalid_request"


def test_picture_that_would_unfold_to_gigabytes_is_refused(url: str) -> None:
    bomb = b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff" + bytes(9)
    with client(url) as peer:
        peer.until("session.created")
        peer.open()
        assert peer.say(image(0.0, bomb))[0]["error"]["message"] == "image exceeds input budget"


def test_size_of_a_picture_is_read_from_its_header() -> None:
    import cv2

    picture = np.zeros((30, 50, 3), np.uint8)
    for kind in (".jpg", ".png"):
        assert picture_size(cv2.imencode(kind, picture)[1].tobytes()) == (50, 30)
    assert picture_size(JPEG) == (1, 1)
    assert picture_size(b"\x89PNG") == (1, 1)


def test_books_of_answers_are_closed_in_the_end() -> None:
    replies = Replies(24_000)
    assert list(replies.take(TextOut(delta="a")))
    assert replies.busy
    assert [w["type"] for w in replies.finish("failed", "internal")] == ["response.output_text.done", "response.done"]
    assert not replies.busy
