"""The embedded model: what one micro-turn costs, and how fast a file goes through."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from tests.perf.figure import Effort, Figure, at_least, at_most, percentile
from tmlapp.capture.file_feed import open_source
from tmlapp.config.paths import assets_dir, models_dir
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.endpoint import EndpointSetup
from tmlapp.core.event import EndpointEvent, UnitDone
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.endpoints.registry import endpoint_from_address

INSTRUCTION = "Please count out reps for squats."


def clip() -> Path:
    """The bundled clip: 640×480, 30 fps."""
    return assets_dir() / "demo" / "squats.mp4"


def turns_of(source: str, limit: int) -> list[Captured]:
    """The first micro-turns of `source`."""
    feed = open_source(source, realtime=False, clock=MonotonicClock())
    ready = threading.Event()
    feed.open(ready.set)
    turns: list[Captured] = []
    while len(turns) < limit and not feed.finished:
        turn = feed.poll()
        if turn is None:
            ready.wait()
            ready.clear()
        else:
            turns.append(turn)
    feed.close()
    return turns


def step(effort: Effort) -> Iterable[Figure]:
    """Compute time per micro-turn on one thread, frames decoded and scaled included."""
    turns = turns_of(f"{clip()},none", 150)
    rounds = round(effort.seconds(8, 2))
    costs: list[float] = []
    for _ in range(rounds):
        costs += _costs(turns)
    bare = _bare_steps(200)
    for q, reach in ((50, 10.0), (99, 25.0)):
        yield at_most(
            f"model.step.p{q}",
            percentile(costs, q),
            reach,
            "ms",
            len(costs),
            what="onnxruntime alone on zeros, same file, one thread",
            ms=round(percentile(bare, q), 3),
        )


def _costs(turns: list[Captured]) -> list[float]:
    costs: list[float] = []
    answered = threading.Event()

    def sink(event: EndpointEvent) -> None:
        if isinstance(event, UnitDone):
            costs.append(event.compute_ns / 1e6)
            answered.set()

    setup = EndpointSetup(
        instruction=INSTRUCTION, clock=MonotonicClock(), session_now_ns=time.monotonic_ns, virtual_time=True
    )
    duplex = endpoint_from_address("onnx:tiny", threads=1).open(setup, sink)
    for turn in turns:
        answered.clear()
        duplex.push(MicroTurn(turn.index, turn.pcm, turn.frames))
        answered.wait()
    duplex.close()
    return costs[5:]


def _bare_steps(count: int) -> list[float]:
    folder = models_dir() / "tiny"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(folder / json.loads((folder / "manifest.json").read_text())["model"]),
        options,
        providers=["CPUExecutionProvider"],
    )
    kinds = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int64)": "int64", "tensor(int32)": "int32"}
    feeds = {i.name: np.zeros(i.shape, kinds[i.type]) for i in session.get_inputs()}
    times: list[float] = []
    for _ in range(count):
        begin = time.perf_counter()
        session.run(None, feeds)
        times.append((time.perf_counter() - begin) * 1000)
    return times[5:]


def fast_run(effort: Effort) -> Iterable[Figure]:
    """`tmlapp run --clock fast` on a 480p file of two minutes, whole process, recording finalized and verified."""
    runs = round(effort.seconds(5, 2))
    factors: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "two minutes.mp4"
        _loop(film, 4)
        command = [sys.executable, "-m", "tmlapp", "run", "--source", f"{film},none", "--instruction", INSTRUCTION]
        command += ["--endpoint", "onnx:tiny", "--clock", "fast", "--out", folder, "--json"]
        for _ in range(runs):
            begin = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            factors.append(json.loads(done.stdout)["duration_s"] / (time.perf_counter() - begin))
        bare = _bare_decode(film)
    yield at_least(
        "run.fast",
        percentile(factors, 50),
        10,
        "x real time",
        runs,
        what="decode and JPEG-encode every frame of the same file, one thread, nothing else",
        x_real_time=round(bare, 1),
    )


def _loop(film: Path, times: int) -> None:
    """The bundled clip, `times` after one another: long enough that the start of the program counts little."""
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 30, (640, 480))
    for _ in range(times):
        capture = cv2.VideoCapture(str(clip()))
        while True:
            ok, picture = capture.read()
            if not ok:
                break
            writer.write(picture)
    writer.release()


def _bare_decode(film: Path) -> float:
    capture = cv2.VideoCapture(str(film))
    begin, frames = time.perf_counter(), 0
    while True:
        ok, picture = capture.read()
        if not ok:
            break
        cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
        frames += 1
    return frames / capture.get(cv2.CAP_PROP_FPS) / (time.perf_counter() - begin)
