"""Real sessions under the hand of a test: real files, a scripted endpoint, virtual time that stops where it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.ui.voice import VOICE
from tmlapp.capture.file_feed import open_source
from tmlapp.config.settings import Settings
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.event import SessionEvent
from tmlapp.core.feed import Captured, Feed, FeedInfo
from tmlapp.core.media import Picture
from tmlapp.core.session import SessionInfo
from tmlapp.core.units import NS_PER_S
from tmlapp.endpoints.scripted import Line, ScriptedEndpoint
from tmlapp.live.echo_path import EchoMode
from tmlapp.live.plan import SessionPlan
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.recording.writer import Recorder


class HeldFeed:
    """A feed that gives nothing beyond the micro-turn up to which it was released; session time stands still there."""

    def __init__(self, feed: Feed, extra: dict[int, tuple[SessionEvent, ...]] | None = None) -> None:
        self._feed = feed
        self._extra = extra or {}
        self._until = 0
        self._next = 0
        self._paused = False
        self._ended = False
        self._wake: Callable[[], None] = lambda: None
        self.reached = threading.Semaphore(0)

    def release(self, until_s: float) -> None:
        """Let micro-turns up to session time `until_s` pass."""
        self._until = max(self._until, round(until_s * 5))
        self._wake()

    def end(self) -> None:
        """The source has nothing more."""
        self._ended = True
        self._wake()

    @property
    def info(self) -> FeedInfo:
        return self._feed.info

    @property
    def finished(self) -> bool:
        return self._ended or self._feed.finished

    def open(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._feed.open(wake)

    def poll(self) -> Captured | None:
        if self._next >= self._until or self._paused or self._ended:
            return None
        captured = self._feed.poll()
        if captured is None:
            return None
        self._next = captured.index + 1
        extra = self._extra.get(captured.index, ())
        # The spacing of a real sound card, which a run on virtual time does not have.
        ready_ns = captured.mono_ns + 200_000_000 + (captured.index * 7919 % 11 - 5) * 60_000
        return replace(captured, events=(*captured.events, *extra), ready_ns=ready_ns)

    def preview(self) -> Picture | None:
        return self._feed.preview()

    def level_dbfs(self) -> float:
        return self._feed.level_dbfs()

    def pause(self, paused: bool) -> None:
        self._paused = paused
        self._wake()

    def close(self) -> None:
        self._feed.close()


class Desk:
    """Builds sessions for a window; `feed` is the one of the latest session, to be released step by step."""

    def __init__(
        self,
        source: str,
        lines: Sequence[Line] = (),
        *,
        extra: dict[int, tuple[SessionEvent, ...]] | None = None,
        tail_s: float = 600.0,
        endpoint: Endpoint | None = None,
        honest_clock: bool = False,
        echo: EchoMode = "none",
    ) -> None:
        self.source = source
        self.endpoint: Endpoint = endpoint or ScriptedEndpoint(tuple(lines) or (Line(3600 * NS_PER_S, "end"),))
        self.extra = extra
        self.honest_clock = honest_clock
        self.echo: EchoMode = echo
        self.tail_s = tail_s
        self.feed: HeldFeed | None = None
        self.sessions: list[LiveSession] = []

    def build(self, plan: SessionPlan, settings: Settings) -> LiveSession:
        """In place of `build_session`."""
        clock = MonotonicClock()
        self.feed = feed = HeldFeed(
            open_source(self.source, realtime=False, clock=clock, tail_s=self.tail_s), self.extra
        )
        plan.folder.mkdir(parents=True, exist_ok=True)

        def info(opened: Feed) -> SessionInfo:
            return SessionInfo(
                session_id=f"{plan.name}-{len(self.sessions)}",
                name=plan.name,
                created_utc="2026-11-22T10:00:00.000+00:00",
                instruction=plan.instruction,
                endpoint=self.endpoint.address,
                clock="fast",
                feed=opened.info,
                versions={},
            )

        session = LiveSession(
            feed=feed,
            endpoint=self.endpoint,
            info=info,
            make_log=lambda made, failed: Recorder(plan.folder, plan.name, made, clock=clock, on_failure=failed),
            clock=clock,
            options=SessionOptions(
                virtual_time=True, honest_clock=self.honest_clock, folder=plan.folder, echo=self.echo
            ),
            name=plan.name,
            instruction=plan.instruction,
        )
        self.sessions.append(session)
        return session

    def run_to(self, t_s: float) -> None:
        """Let the session go on to session time `t_s`."""
        assert self.feed is not None
        self.feed.release(t_s)


def counting(
    times_s: Sequence[float], *, start_s: float | None = None, stop_s: float | None = None
) -> tuple[Line, ...]:
    """Lines that count up at `times_s`, with sound; a start before, a stop after."""
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    lines = [Line(round(t * NS_PER_S), w, clip=VOICE(w)) for t, w in zip(times_s, words, strict=False)]
    if start_s is not None:
        lines.append(Line(round(start_s * NS_PER_S), "start", clip=VOICE("start")))
    if stop_s is not None:
        lines.append(Line(round(stop_s * NS_PER_S), "stop", clip=VOICE("stop")))
    return tuple(sorted(lines, key=lambda line: line.t_ns))


def plan_for(folder: Path, **changes: object) -> SessionPlan:
    """A plan whose recordings go to `folder`."""
    plan = SessionPlan(folder=folder, name="squats-03", instruction="Please count out reps for squats.")
    return replace(plan, **changes)  # type: ignore[arg-type]
