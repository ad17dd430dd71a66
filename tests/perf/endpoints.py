"""Remote endpoints: what an adapter adds to a micro-turn and to a frame of sound, in time, work and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.perf.figure import Effort, Figure, at_most, percentile, unmeasured

ROOT = Path(__file__).resolve().parents[2]
SPEED = 20
"""How much faster than real time the long session runs."""


class Peer:
    """`endpoint_peer` at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.port = int(self._lines.readline())

    def stamps(self) -> dict[str, int]:
        """When it received what, on the connection that ended last."""
        received: dict[str, int] = json.loads(self._lines.readline())["received"]
        return received


@contextmanager
def peer() -> Iterator[Peer]:
    """A realtime server in another process."""
    command = [sys.executable, "-m", "tests.perf.endpoint_peer"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield Peer(process)
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _run(*command: str) -> dict[str, Any]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])} failed: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _ours(port: int, turns: int, speed: float = 1.0) -> dict[str, Any]:
    result = _run(sys.executable, "-m", "tests.perf.endpoint_ours", str(port), str(turns), str(speed))
    if result["errors"]:
        raise RuntimeError(f"the session had errors: {result['errors'][:3]}")
    return result


def latency(effort: Effort) -> Iterable[Figure]:
    """From the end of a micro-turn to its bytes on the socket, and from bytes read to the event, under load."""
    ms: dict[str, list[float]] = {}
    with peer() as there:
        for _ in range(round(effort.seconds(10, 1))):
            with tempfile.TemporaryDirectory() as folder:
                run = _run(sys.executable, "-m", "tests.perf.endpoint_live", str(there.port), folder)
            received = there.stamps()
            for name in ("read_ms", "heard_ms", "bare_ms", "send_ms", "push_us"):
                ms.setdefault(name, []).extend(run[name])
            for begin, end in (("ready", "sent"), ("ready", "pushed"), ("pushed", "sent"), ("pushed", "received")):
                ends = received if end == "received" else run[end]
                hops = [(ends[i] - run[begin][i]) / 1e6 for i in run[begin] if i in received]
                ms.setdefault(f"{begin} {end}", []).extend(hops)

    def at(name: str, q: float) -> float:
        return round(percentile(ms[name], q), 3)

    bare = {
        "what": "in the same process: a thread woken over a socket with every micro-turn, and that sending itself",
        "bare_p50_ms": at("bare_ms", 50),
        "bare_p99_ms": at("bare_ms", 99),
        "bare_send_p99_ms": at("send_ms", 99),
        "load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 2),
    }
    yield at_most(
        "endpoint.out.p99",
        at("ready sent", 99),
        5,
        "ms",
        len(ms["ready sent"]),
        p50_ms=at("ready sent", 50),
        end_of_turn_to_push_p99_ms=at("ready pushed", 99),
        push_to_socket_p50_ms=at("pushed sent", 50),
        push_to_socket_p99_ms=at("pushed sent", 99),
        push_to_peer_p99_ms=at("pushed received", 99),
        push_p50_us=at("push_us", 50),
        **bare,
    )
    yield at_most(
        "endpoint.in.p99",
        at("read_ms", 99),
        3,
        "ms",
        len(ms["read_ms"]),
        p50_ms=at("read_ms", 50),
        from_before_the_peer_sends_p50_ms=at("heard_ms", 50),
        from_before_the_peer_sends_p99_ms=at("heard_ms", 99),
        **bare,
    )


def _vendors_python() -> Path | None:
    named = os.environ.get("TMLAPP_CONFORMANCE_PY")
    python = Path(named) if named else ROOT / ".venv-conformance" / "bin" / "python"
    return python if python.is_file() else None


def work(effort: Effort) -> Iterable[Figure]:
    """CPU time per minute of session: ours over that of OpenAI's own client, against the same peer, in turns."""
    python = _vendors_python()
    if python is None:
        yield unmeasured("endpoint.cpu", "ratio", "<= 1", "there is no environment with openai: TMLAPP_CONFORMANCE_PY")
        return
    turns, rounds = round(effort.seconds(300, 75)), round(effort.seconds(5, 3))
    minutes = turns / 300
    ours: list[float] = []
    theirs: list[float] = []
    with peer() as there:
        for _ in range(rounds):
            mine = _ours(there.port, turns)
            there.stamps()
            other = _run(str(python), "tests/perf/endpoint_theirs.py", str(there.port), str(turns))
            there.stamps()
            if mine["bytes"] != other["bytes"]:
                raise RuntimeError(f"not the same sound was decoded: {mine['bytes']} and {other['bytes']} bytes")
            ours.append(mine["cpu_s"] / minutes)
            theirs.append(other["cpu_s"] / minutes)
    ratio = percentile(ours, 50) / percentile(theirs, 50)
    yield at_most(
        "endpoint.cpu",
        ratio,
        1.0,
        "ratio",
        rounds,
        what="openai's client, 200 ms at 24 kHz both ways; ours resamples from 16 kHz and writes the wire log, too",
        ours_s_per_min=[round(s, 3) for s in ours],
        theirs_s_per_min=[round(s, 3) for s in theirs],
    )


def memory(effort: Effort) -> Iterable[Figure]:
    """Growth of a session of an hour (quick: 20 min) at 20 times the speed of time."""
    turns = round(effort.seconds(18_000, 6_000))
    with peer() as there:
        run = _ours(there.port, turns, SPEED)
        there.stamps()
    mib = [rss / 2**20 for _, rss in run["rss"]]
    about = {
        "what": "the same process after a tenth of the session; every micro-turn answered with as much sound",
        "mib": round(mib[0], 1),
        "session_min": round(turns / 300, 1),
        "push_p99_us": round(percentile(run["push_us"], 99), 1),
    }
    yield at_most("endpoint.memory", max(mib[-5:]) - mib[0], 10, "MiB", len(mib), **about)


def endpoints(effort: Effort) -> Iterable[Figure]:
    """Everything above."""
    yield from latency(effort)
    yield from work(effort)
    yield from memory(effort)
