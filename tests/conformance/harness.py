"""Runs programs of others, in an environment of their own, as servers, clients and validators on loopback.

The environment is what `packaging/scripts/conformance.sh` makes (`make conformance`), or what these variables name:

- TMLAPP_CONFORMANCE_PY: a Python that has the vendors' packages;
- TMLAPP_CONFORMANCE_NODE_MODULES: the folder `node_modules` that has aimock;
- TMLAPP_CONFORMANCE_REQUIRED: where it is set, a missing environment fails the tests instead of skipping them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from tmlapp.core.event import WireFrame

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS = Path(__file__).resolve().parent / "peers"
VENV = ROOT / ".venv-conformance"
LIMIT_S = 15.0
"""How long a test waits for what a program must say or do."""
START_S = 40.0
"""How long a program may take to start: importing a vendor's package takes seconds, on a busy machine many."""

Table = Literal["openai", "openai-live", "gemini", "sglang"]
Frame = Mapping[str, Any]


def _missing(what: str) -> None:
    reason = f"{what} is not here: run packaging/scripts/conformance.sh"
    if os.environ.get("TMLAPP_CONFORMANCE_REQUIRED"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def interpreter() -> Path:
    """The Python that has the vendors' packages; skips the test where there is none."""
    named = os.environ.get("TMLAPP_CONFORMANCE_PY")
    python = Path(named) if named else VENV / "bin" / "python"
    if not python.is_file():
        _missing(f"the environment of the conformance tests ({python})")
    return python


def node_modules() -> Path:
    """The folder that has aimock; skips the test where there is none."""
    named = os.environ.get("TMLAPP_CONFORMANCE_NODE_MODULES")
    folder = Path(named) if named else VENV / "node_modules"
    if not (folder / "@copilotkit" / "aimock" / "package.json").is_file():
        _missing(f"aimock ({folder})")
    return folder


def node() -> str:
    """The program that runs aimock; skips the test where there is none."""
    own = VENV / "bin" / "node"
    found = str(own) if own.exists() else shutil.which("node")
    if found is None:
        _missing("node")
    return str(found)


def free_port() -> int:
    """A TCP port on loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Peer:
    """A program at work; `lines` is what it printed, both streams together."""

    def __init__(self, command: Sequence[str], port: int = 0) -> None:
        self.port = port
        self.lines: list[str] = []
        self._changed = threading.Condition()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "COVERAGE"))}
        env |= {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=PEERS, env=env
        )
        self._reader = threading.Thread(target=self._read, name="peer-output", daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """`ws://127.0.0.1:PORT`, without a path."""
        return f"ws://127.0.0.1:{self.port}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._changed:
                    self.lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self.process.wait()
            self._changed.notify_all()

    def wait_for(self, told: Callable[[str], bool], timeout_s: float = LIMIT_S) -> str:
        """The first line that `told` accepts, once it was printed.

        Raises:
            AssertionError: the program ended before, or the time is up; with everything that it printed.
        """

        def found() -> bool:
            return any(map(told, self.lines)) or self.process.returncode is not None

        with self._changed:
            self._changed.wait_for(found, timeout_s)
            for line in self.lines:
                if told(line):
                    return line
        raise AssertionError("the peer never said so; it printed:\n" + "\n".join(self.lines))

    def finish(self, timeout_s: float = START_S) -> str:
        """Everything that it printed, once it has ended by itself with status 0."""
        with self._changed:
            ended = self._changed.wait_for(lambda: self.process.returncode is not None, timeout_s)
        text = "\n".join(self.lines)
        assert ended, f"the peer does not end; it printed:\n{text}"
        assert self.process.returncode == 0, f"the peer failed:\n{text}"
        return text

    def wait_until_it_listens(self, timeout_s: float = START_S) -> None:
        """Return as soon as its port takes connections."""
        for _ in range(int(timeout_s / 0.05)):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            with self._changed:
                if self._changed.wait_for(lambda: self.process.returncode is not None, 0.05):
                    break
        raise AssertionError(f"the peer does not listen on port {self.port}; it printed:\n" + "\n".join(self.lines))

    def end(self) -> None:
        """End the program, by its process id."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._reader.join(5)


def _command(script: str, arguments: Sequence[str]) -> list[str]:
    if script.endswith(".mjs"):
        return [node(), str(PEERS / script), str(node_modules()), *arguments]
    return [str(interpreter()), str(PEERS / script), *arguments]


@contextmanager
def serving(script: str, *arguments: str | Path) -> Iterator[Peer]:
    """A server of `tests/conformance/peers` on a free port (its last argument), ready for connections."""
    port = free_port()
    peer = Peer(_command(script, [*map(str, arguments), str(port)]), port)
    try:
        peer.wait_until_it_listens()
        yield peer
    finally:
        peer.end()


@contextmanager
def running(script: str, *arguments: str | Path) -> Iterator[Peer]:
    """A client of `tests/conformance/peers` at work; `Peer.finish` waits for its end."""
    peer = Peer(_command(script, [*map(str, arguments)]))
    try:
        yield peer
    finally:
        peer.end()


class Validator:
    """The vendors' own types, in one process for all tests of a session: importing them takes seconds."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __call__(
        self, frames: Iterable[Frame], table: Table, direction: Literal["sent", "received"] = "sent"
    ) -> list[str]:
        """Why frames are refused, one line each with the frame's place and type; empty where all are accepted."""
        frames = list(frames)
        if self._process is None:
            command = [str(interpreter()), str(PEERS / "validator.py")]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PEERS
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        task = {"table": table, "direction": direction, "frames": frames}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the validator ended; its reason stands on standard error"
        faults: list[str] = json.loads(answer)
        assert len(faults) == len(frames)
        return [
            f"{place} {frame.get('type', next(iter(frame), ''))}: {fault}"
            for place, (frame, fault) in enumerate(zip(frames, faults, strict=True))
            if fault
        ]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process.kill()
            self._process.wait()


def unfolded(value: Any) -> Any:
    """A message of the wire log with zeros in the place of sound and pictures, as base64 of the same length."""
    if isinstance(value, Mapping):
        if "sha256" in value and "bytes" in value:
            return "A" * (-(-int(value["bytes"]) // 3) * 4)
        return {key: unfolded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [unfolded(item) for item in value]
    return value


def frames_of(events: Iterable[object], direction: Literal["sent", "received"] = "sent") -> list[dict[str, Any]]:
    """The JSON frames of a session's wire log, as a vendor's types can validate them."""
    frames = [e for e in events if isinstance(e, WireFrame) and e.direction == direction]
    return [unfolded(frame.message) for frame in frames if isinstance(frame.message, Mapping)]
