"""The example of "Bring your own model": as short as it says, clean, and good enough for a whole session."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cli.invoking import answer, invoke, write_sound
from tests.conformance.harness import free_port
from tests.endpoints.remote.family import Log, connect, micro_turn, tone
from tests.endpoints.remote.serving import append, client
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    EndpointEvent,
    InputLost,
    Listen,
    SessionOpened,
    TextOutDone,
    UnitDone,
    Unrecognized,
)
from tmlapp.endpoints.sglang_omni import SGLANG_OMNI
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "endpoints" / "example_server.py"
PAGE = ROOT / "docs" / "endpoints" / "bring-your-own.md"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The example at work on a free port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(EXAMPLE), str(port)], stderr=subprocess.PIPE, text=True)
    try:
        _wait_until_it_listens(process, port)
        yield f"ws://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait_until_it_listens(process: subprocess.Popen[str], port: int) -> None:
    pause = threading.Event()
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        pause.wait(0.05)
    raise AssertionError("the example does not listen")


def test_it_has_at_most_sixty_lines_and_needs_only_numpy_and_websockets() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert max(map(len, text.splitlines())) <= 120
    used = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)}  # fmt: skip
    others = {str(name).split(".")[0] for name in used} - set(sys.stdlib_module_names)
    assert others == {"numpy", "websockets"}


def test_it_is_typed_and_clean() -> None:
    for node in ast.walk(ast.parse(EXAMPLE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert node.returns is not None
            assert all(a.annotation is not None or a.arg == "self" for a in node.args.args)
    for command in (["check"], ["format", "--check"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, str(EXAMPLE)], check=True, cwd=ROOT, capture_output=True
        )


def test_without_a_port_it_says_how_it_is_used() -> None:
    told = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (1, f"Usage: {EXAMPLE} PORT\n")


def test_page_shows_what_the_example_is() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown == EXAMPLE.read_text(encoding="utf-8")


def test_conversation_with_pictures_and_onsets(url: str) -> None:
    log = Log()
    duplex = connect(SGLANG_OMNI, url, log, virtual_time=True)
    for k in range(10):
        loud = k in (2, 3, 7)
        duplex.push(micro_turn(k, tone() if loud else None, jpegs=[b"\xff\xd8\xff"]))
        log.wait_for(lambda events, k=k: any(isinstance(e, UnitDone) and e.micro_turn == k for e in events))
    duplex.drain(10)
    duplex.close()
    assert [e.granted.acknowledges_units for e in log.of(SessionOpened)] == [True]
    assert [(e.text, e.t_media_ns) for e in log.of(TextOutDone)] == [("1", 400_000_000), ("2", 1_400_000_000)]
    assert [len(e.pcm16) for e in log.of(AudioOut)] == [4_800, 4_800]
    assert [e.micro_turn for e in log.of(Listen)] == [0, 1, 3, 4, 5, 6, 8, 9]
    assert log.of(EndpointError) == log.of(Unrecognized) == log.of(InputLost) == []
    assert [e.initiated_by for e in log.of(Closed)] == ["us"]


def test_what_it_cannot_do_it_says(url: str) -> None:
    with client(url) as peer:
        peer.until("session.created")
        (refused,) = peer.say({"type": "response.create"})
        assert (refused["error"]["code"], refused["sglang"]["fatal"]) == ("not_supported", False)
        assert peer.say(append(7, 0.0))[0]["type"] == "error"


def test_whole_session_from_the_command_line(url: str, tmp_path: Path) -> None:
    silence, loud = np.zeros(8_000, np.int16), np.full(8_000, 9_000, np.int16)
    clip = write_sound(tmp_path / "clip.wav", np.concatenate([silence, loud] * 3))
    told = answer(
        invoke("run", "--endpoint", f"sglang_omni:{url}", "--source", clip, "--clock", "fast",
               "--instruction", "Count.", "--out", tmp_path, "--name", "mine", "--json")
    )  # fmt: skip
    assert [output["text"] for output in told["outputs"]] == ["1", "2", "3"]
    events = [e for e in Recording.open(tmp_path / "mine.mcap").events() if isinstance(e, EndpointEvent)]
    assert [e.micro_turn for e in events if isinstance(e, UnitDone)] == list(range(15))
