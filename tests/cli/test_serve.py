"""`tmlapp serve` as a person types it: the shipped model on a socket, and the same cues as without one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.invoking import answer, invoke, write_script, write_sound
from tests.endpoints.remote.family import Log, micro_turn
from tests.endpoints.remote.serving import Model
from tmlapp.cli import serve
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    EndpointError,
    EndpointEvent,
    Listen,
    TaskSet,
    TextOutDone,
    UnitDone,
)
from tmlapp.core.secret import Secret
from tmlapp.core.units import TURN_NS
from tmlapp.endpoints.registry import endpoint_from_address
from tmlapp.endpoints.serve.certificate import names_in
from tmlapp.endpoints.serve.server import ModelServer, ServeOptions
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "assets" / "demo" / "squats.mp4"
TINY = ROOT / "models" / "tiny"


class Served:
    """`tmlapp serve` in a process of its own; `told` is what it printed when it was ready."""

    def __init__(self, *words: object) -> None:
        command = [sys.executable, "-m", "tmlapp", "serve", "--port", "0", "--json", *map(str, words)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = self.process.stdout.readline()
            assert line, self.process.communicate()
            text += line
        self.told: dict[str, Any] = json.loads(text)

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C: its exit status, and what it said on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, told = self.process.communicate(timeout=30)
        return self.process.returncode, told


@pytest.fixture(scope="module")
def tiny() -> Iterator[Served]:
    served = Served("--model", TINY)
    try:
        yield served
        assert served.interrupt() == (0, "")
    finally:
        served.process.kill()
        served.process.wait()


def run(endpoint: str, folder: Path, name: str) -> list[EndpointEvent]:
    words = ["run", "--endpoint", endpoint, "--source", f"{CLIP},none", "--clock", "fast", "--seconds", 8]
    answer(invoke(*words, "--instruction", "Count out reps for squats", "--out", folder, "--name", name, "--json"))
    events = Recording.open(folder / f"{name}.mcap").events()
    return [e for e in events if isinstance(e, EndpointEvent)]


def said(events: list[EndpointEvent]) -> list[Any]:
    """Everything that the model decided, with the micro-turn at whose end it was said."""
    found: list[Any] = []
    for e in events:
        match e:
            case TextOutDone():
                found.append((e.t_rx_ns, e.text))
            case AudioOut():
                found.append((e.t_rx_ns, e.pcm16))
            case Listen() | UnitDone():
                found.append((type(e).__name__, e.micro_turn))
            case TaskSet():
                found.append((e.task, e.params, e.from_turn))
            case _:
                continue
    return found


def lasting(events: list[EndpointEvent]) -> list[EndpointEvent]:
    """Events without those of the connection: `--seconds` stops it at any moment within a micro-turn.

    For the same reason the number of a frame that comes last depends on whether ours went out before it.
    """
    return [replace(e, seq=0, wire_ref=None) for e in events if not isinstance(e, ConnectionChanged)]


def test_served_model_says_the_same_as_without_a_server_and_every_time(tiny: Served, tmp_path: Path) -> None:
    assert tiny.told["model"] == "tiny"
    assert tiny.told["endpoint"] == f"sglang_omni:{tiny.told['url']}"
    direct = run("onnx:tiny", tmp_path, "direct")
    first, second = (run(tiny.told["endpoint"], tmp_path, name) for name in ("first", "second"))
    assert [e.text for e in direct if isinstance(e, TextOutDone)]
    assert said(first) == said(direct)
    assert lasting(first) == lasting(second)


def test_what_is_typed_is_heard_in_the_same_micro_turn_as_without_a_server(tiny: Served) -> None:
    found = []
    for address in ("onnx:tiny", tiny.told["endpoint"]):
        log = Log()
        now = [0]
        setup = EndpointSetup(
            instruction="Count out reps for squats",
            clock=MonotonicClock(),
            session_now_ns=lambda now=now: now[0],  # type: ignore[misc]
            virtual_time=True,
        )
        duplex = endpoint_from_address(address).open(setup, log)
        for k in range(4):
            now[0] = (k + 1) * TURN_NS
            duplex.push(micro_turn(k, texts=["Say stop when I stop"] if k == 1 else []))
            log.wait_for(lambda events, k=k: any(isinstance(e, UnitDone) and e.micro_turn == k for e in events))
        duplex.close()
        found.append([(e.task, e.from_turn) for e in log.of(TaskSet)] + [(e.code, 0) for e in log.of(EndpointError)])
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_script_can_be_served_under_another_name(tmp_path: Path) -> None:
    script = write_script(tmp_path / "s.json", {"t_s": 0.4, "text": "hello"})
    served = Served("--model", f"scripted:{script}", "--name", "mine", "--update-timeout", "5", "--sessions", "2")
    try:
        sound = write_sound(tmp_path / "c.wav", np.zeros(16_000, np.int16))
        words = ["run", "--endpoint", f"sglang_omni:mine@{served.told['url']}", "--source", sound]
        told = answer(invoke(*words, "--clock", "fast", "--out", tmp_path, "--json"))
        assert [output["text"] for output in told["outputs"]] == ["hello"]
        assert served.interrupt() == (0, "")
    finally:
        served.process.kill()
        served.process.wait()


def refused(*words: object) -> dict[str, str]:
    error: dict[str, str] = answer(invoke("serve", "--json", *words), status=1)["error"]
    return error


def test_it_refuses_to_listen_where_others_could_reach_it() -> None:
    assert "no certificate" in refused("--host", "0.0.0.0")["why"]


def test_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "neither a shipped model nor a folder" in json.dumps(refused("--model", "nothing"))
    assert refused("--model", "unheard:of")["what"] == "There is no endpoint of the kind “unheard”."
    assert refused("--model", f"recorded:{tmp_path}/none.mcap")


@pytest.mark.parametrize("text", ["", " \n", "two words", "schlüssel", "a\x01b"])
def test_token_must_be_one_word_of_a_header(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("TOKEN", text)
    for words in (("--token-file", path), ("--token-env", "TOKEN")):
        error = refused(*words)
        assert error["what"] == "The token cannot be used."
        assert "words" not in error["why"]


def test_token_that_cannot_be_read_or_stands_twice_is_told(tmp_path: Path) -> None:
    assert "cannot be read" in refused("--token-file", tmp_path / "none")["what"]
    (tmp_path / "raw").write_bytes(b"\xff\xfe")
    assert "no text" in refused("--token-file", tmp_path / "raw")["why"]
    assert "two tokens" in refused("--token-file", tmp_path / "raw", "--token-env", "TOKEN")["what"]


def test_models_are_named_by_folder_shipped_name_or_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert serve._address("models/tiny") == f"onnx:{TINY}"
    assert serve._address("tiny") == "onnx:tiny"
    assert serve._address("scripted:a.json") == "scripted:a.json"


def test_address_to_paste_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    options = ServeOptions(host="0.0.0.0", token=Secret("abc"))
    server = ModelServer(options, Model, address="x")
    server.url = "wss://0.0.0.0:8765"
    serve._ready(server, options, False)
    told = capsys.readouterr().out
    assert "tmlapp run --endpoint sglang_omni:wss://" in told
    assert "0.0.0.0" not in told
    assert "wss://NAME-IN-THE-CERTIFICATE:8765" in told
    assert "abc" not in told
    assert os.environ.get("SGLANG_OMNI_API_KEY") is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to make a certificate with")
def test_an_address_that_is_printed_for_other_machines_is_one_in_the_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=other",
    ]
    names = "subjectAltName=DNS:localhost,DNS:*.lab.local,DNS:lab.local,IP:192.0.2.1"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, "-addext", names, *files], check=True, capture_output=True)
    options = ServeOptions(host="0.0.0.0", token=Secret("abc"), certificate=certificate, private_key=key)
    context = options.check()
    assert context is not None
    assert names_in(certificate, context) == ("localhost", "lab.local", "192.0.2.1")
    assert names_in(key, context) == ()
    server = ModelServer(options, lambda: endpoint_from_address("onnx:tiny"), address="onnx:tiny")
    server.url = "wss://0.0.0.0:8765"
    serve._ready(server, options, as_json=False)
    assert "tmlapp run --endpoint sglang_omni:wss://lab.local:8765" in capsys.readouterr().out
