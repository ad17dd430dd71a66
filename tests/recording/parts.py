"""A small session with everything in it, and the ways to damage it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Event,
    Gap,
    Granted,
    Health,
    Interrupted,
    Marker,
    Notice,
    SessionOpened,
    StateChanged,
    TextOutDone,
    UnitDone,
)
from tmlapp.core.feed import FeedInfo, TrackInfo
from tmlapp.core.media import Frame
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import DelegationResult, Interrupt, MicroTurn, PlaybackReport, TextInput, ToolResult
from tmlapp.core.units import TURN_NS, TURN_SAMPLES
from tmlapp.recording.finalize import finalize
from tmlapp.recording.log_writer import LogWriter
from tmlapp.recording.part import PartFile
from tmlapp.recording.reader import Recording
from tmlapp.recording.writer import Recorder

NOWHERE = TrackInfo(kind="none", name="")
GRANTED = Granted(endpoint="onnx:tiny", name="Tiny", local=True, details={"sha256": "ab"})


def make_info(session_id: str = "s1") -> SessionInfo:
    feed = FeedInfo(mic=NOWHERE, camera=NOWHERE, realtime=False)
    return SessionInfo(
        session_id=session_id, name="Squats", created_utc="2026-11-22T10:00:00Z",
        instruction="Please count out reps for squats.", endpoint="onnx:tiny", clock="fast", feed=feed,
        versions={"tmlapp": "0.1.0"},
    )  # fmt: skip


def jpeg(shade: int, width: int = 32, height: int = 24) -> bytes:
    picture = np.full((height, width, 3), shade % 256, np.uint8)
    ok, data = cv2.imencode(".jpg", picture)
    assert ok
    return data.tobytes()


def make_turn(index: int, *, frames: int = 2, texts: bool = True) -> MicroTurn:
    pcm = np.random.default_rng(index).integers(-32768, 32768, TURN_SAMPLES).astype(np.int16)
    start_ns = index * TURN_NS
    taken = tuple(Frame(start_ns + i * 66_666_666, jpeg(index * 10 + i), 32, 24, repeated=i > 0) for i in range(frames))
    typed = (TextInput(start_ns + 5, f"text {index} “ü”", "user"),) if texts and index % 3 == 0 else ()
    controls = (
        Interrupt(index), PlaybackReport("item", 7), ToolResult("call", "42", is_error=True),
        DelegationResult("d", "done", final=True),
    ) if index == 1 else ()  # fmt: skip
    return MicroTurn(index, pcm, taken, typed, controls, mono_ns=1_000_000_007 + index * 200_000_100)


def events_of(index: int) -> list[Event]:
    """What comes back after micro-turn `index`."""
    t_ns = (index + 1) * TURN_NS
    opened: list[Event] = [SessionOpened(seq=0, t_rx_ns=0, granted=GRANTED)] if index == 0 else []
    return [
        *opened,
        UnitDone(seq=index, t_rx_ns=t_ns, micro_turn=index, latency_ns=5_000_000 + index, compute_ns=4_000_000,
                 diagnostics={"p": [0.5]}),
        AudioOut(seq=index, t_rx_ns=t_ns, pcm16=np.full(1200, index + 1, "<i2").tobytes(), rate=24_000, text="one"),
        TextOutDone(seq=index, t_rx_ns=t_ns, text="one"),
    ]  # fmt: skip


REST: list[Event] = [
    Interrupted(seq=90, t_rx_ns=TURN_NS),
    EndpointError(seq=91, t_rx_ns=TURN_NS, kind="server", code="E1", message="It broke.", fatal=False),
    Gap(t_ns=TURN_NS, track="mic", dur_ns=1_000_000, reason="The microphone was unplugged.", kind="unplugged"),
    Gap(t_ns=TURN_NS, track="model", dur_ns=1_000_000, reason="The model was late.", kind="stalled"),
    Marker(t_ns=3, label="note", note="nice"),
    Health(t_ns=TURN_NS, turns=5, dropped_samples=16, dropped_frames=2, xruns=1, drift_ppm=3.5),
    Notice(t_ns=4, level="error", what="It is red."),
    Notice(t_ns=4, level="info", what="It is fine."),
    StateChanged(t_ns=5, state="running"),
]


def fill(log: LogWriter, part: PartFile, turns: int) -> list[int]:
    """Write a session of `turns` micro-turns; returns the file size after each, as acknowledged."""
    log.start(make_info())
    part.flush()
    ends = []
    for index in range(turns):
        log.turn(make_turn(index), 10 * index, 10 * index + 3, 1.5)
        part.flush()
        ends.append(part.flushed)
        for event in events_of(index):
            log.event(event)
        log.cue(Cue((index + 1) * TURN_NS, "count", "one", 1))
        log.heard((index + 1) * TURN_NS + 7, np.full(600, 5, "<i2").tobytes(), 24_000)
        part.flush()
        if index % 2:
            log.checkpoint()
            part.flush()
    for event in REST:
        log.event(event)
    part.flush()
    return ends


def write_part(folder: Path, turns: int = 5, name: str = "s") -> tuple[Path, list[int]]:
    """A `.part` as a session leaves it that never ended."""
    part = PartFile.create(folder, name)
    ends = fill(LogWriter(part), part, turns)
    part.close()
    return part.path, ends


def record(folder: Path, turns: int = 5, name: str = "s") -> Path:
    """A finished recording."""
    part, _ = write_part(folder, turns, name)
    final = finalize(part)
    part.unlink()
    return final


def recorder(folder: Path, failures: list[AppError], *, name: str = "s", clock: Clock | None = None) -> Recorder:
    return Recorder(folder, name, make_info(), clock=clock or MonotonicClock(), on_failure=failures.append)


def same(a: MicroTurn, b: MicroTurn) -> bool:
    return np.array_equal(a.pcm, b.pcm) and (a.index, a.frames, a.texts, a.controls, a.mono_ns) == (
        b.index, b.frames, b.texts, b.controls, b.mono_ns,
    )  # fmt: skip


def assert_turns(recording: Recording, indices: Iterable[int]) -> None:
    """The given micro-turns are in the recording bit for bit."""
    got = list(recording.turns())
    for index in indices:
        assert same(got[index], make_turn(index)), index
