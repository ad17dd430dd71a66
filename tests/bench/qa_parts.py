"""Sessions for checklists: a microphone and a model that speak when they are told, and a real recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.live.parts import AnsweringEndpoint, ListFeed, captured
from tests.ui.voice import VOICE
from tmlapp.bench.qa.checklist import Checklist
from tmlapp.bench.qa.marks import Mark
from tmlapp.bench.qa.offline import keep_mark
from tmlapp.bench.qa.run import QaObserver, QaRun
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.event import AudioOut, EndpointEvent, Interrupted, TextOutDone
from tmlapp.core.feed import Captured, Feed, FeedInfo, TrackInfo
from tmlapp.core.media import Frame, Pcm
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, TURN_NS, TURN_SAMPLES, s_to_ns
from tmlapp.live.observer import BlankObserver
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.recording.writer import Recorder

RATE = 24_000
Model = tuple[float, str, float]
"""When the model begins, what it says, and for how long it can be heard (0: text alone)."""


def buzz(seconds: float, rate_hz: int) -> Pcm:
    """Something that a voice activity detector takes for a voice."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 12))
    return (tone * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)) * 5000).astype(np.int16)


def microphone(seconds: float, spoken: Sequence[tuple[float, float]]) -> Pcm:
    """int16 at 16 kHz: silence, and a voice from a to b for each of `spoken`."""
    pcm: Pcm = np.zeros(round(seconds * 5) * TURN_SAMPLES, np.int16)
    for a, b in spoken:
        pcm[round(a * 16_000) : round(a * 16_000) + round((b - a) * 16_000)] = buzz(b - a, 16_000)
    return pcm


class TurnFeed(ListFeed):
    """Micro-turns of a given sound, with a picture every second."""

    def __init__(self, pcm: Pcm, *, pictures: bool = True) -> None:
        from tests.bench.sessions import jpeg

        turns: list[Captured] = []
        for k in range(len(pcm) // TURN_SAMPLES):
            frames = (Frame(k * TURN_NS, jpeg(k), 64, 48),) if pictures and k % 5 == 0 else ()
            turns.append(replace(captured(k), pcm=pcm[k * TURN_SAMPLES : (k + 1) * TURN_SAMPLES], frames=frames))
        super().__init__(turns)

    @property
    def info(self) -> FeedInfo:
        mic = TrackInfo(kind="file", name="mic.wav")
        return FeedInfo(mic=mic, camera=TrackInfo(kind="synthetic", name="grey"), realtime=False)


def model(
    said: Sequence[Model], *, cut: Sequence[float] = (), more: dict[int, list[EndpointEvent]] | None = None
) -> AnsweringEndpoint:
    """An endpoint that says `said`, and throws away what it has not said yet at the times `cut`."""
    script: dict[int, list[EndpointEvent]] = {}
    for i, (t_s, text, length) in enumerate(said):
        at = {"t_rx_ns": s_to_ns(t_s), "item_id": f"m-{i}", "seq": i}
        events: list[EndpointEvent] = [TextOutDone(text=text, **at)]  # type: ignore[arg-type]
        if length:
            pcm16 = buzz(length, RATE).tobytes()
            events.append(AudioOut(pcm16=pcm16, rate=RATE, text=text, **at))  # type: ignore[arg-type]
        script.setdefault(_turn(t_s), []).extend(events)
    for t_s in cut:
        script.setdefault(_turn(t_s), []).append(Interrupted(t_rx_ns=s_to_ns(t_s)))
    for k, events in (more or {}).items():
        script.setdefault(k, []).extend(events)
    return AnsweringEndpoint({k: sorted(events, key=lambda e: e.t_rx_ns) for k, events in script.items()})


def _turn(t_s: float) -> int:
    return max(0, -(-s_to_ns(t_s) // TURN_NS) - 1)


Deed = Callable[[QaRun, LiveSession], object]


class Tester(BlankObserver):
    """Does what a tester does at given times; runs on the engine thread, the one thread of these sessions."""

    def __init__(self, deeds: Sequence[tuple[float, Deed]]) -> None:
        self.waiting = sorted(deeds, key=lambda d: d[0])
        self.session: LiveSession | None = None
        self.begin: Callable[[], QaRun] | None = None
        self.run: QaRun | None = None

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        assert self.session is not None
        if self.run is None:
            assert self.begin is not None
            self.run = self.begin()
        while self.waiting and s_to_ns(self.waiting[0][0]) <= turn.end_ns:
            self.waiting.pop(0)[1](self.run, self.session)


@dataclass
class Done:
    """A finished session with its run."""

    run: QaRun
    path: Path
    kept: list[Mark]


def run_session(
    folder: Path,
    feed: Feed,
    endpoint: Endpoint,
    checklist: Checklist,
    deeds: Sequence[tuple[float, Deed]],
    *,
    instruction: str = "",
    keep: bool = True,
) -> Done:
    """A session on virtual time in which a tester does `deeds`, recorded to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = MonotonicClock()

    def info(opened: Feed) -> SessionInfo:
        return SessionInfo(
            session_id="qa", name="qa", created_utc="2026-11-22T10:00:00.000+00:00", instruction=instruction,
            endpoint=endpoint.address, clock="fast", feed=opened.info, versions={"tmlapp": "0.1.0"},
        )  # fmt: skip

    session = LiveSession(
        feed=feed,
        endpoint=endpoint,
        info=info,
        make_log=lambda made, failed: Recorder(folder, "qa", made, clock=clock, on_failure=failed),
        clock=clock,
        options=SessionOptions(virtual_time=True, folder=folder),
        synthesize=lambda text: VOICE(text),
        instruction=instruction,
    )
    observer, tester, kept = QaObserver(), Tester(deeds), []

    def write(mark: Mark) -> None:
        kept.append(mark)
        if keep:
            assert session.recording_path is not None
            keep_mark(session.recording_path, mark)

    tester.session = session
    tester.begin = lambda: QaRun(checklist, observer, session, keep=write, now_ns=session.now_ns)
    session.add_observer(observer)
    session.add_observer(tester)
    session.start()
    assert session.wait(60)
    assert session.error is None, session.error
    assert tester.run is not None
    assert session.recording_path is not None
    tester.run.close()
    return Done(tester.run, session.recording_path, kept)


def start(step: str) -> Deed:
    return lambda run, _session: run.start(step)


def judge(step: str, verdict: str) -> Deed:
    return lambda run, _session: run.judge(step, verdict)  # type: ignore[arg-type]


def press_m(_run: QaRun, session: LiveSession) -> None:
    session.marker("marker")


def length_ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
