"""One running session, without a window: micro-turns in, events out, everything recorded.

Threads: the engine thread owns the order of things. It wakes when the feed has a micro-turn or the endpoint has an
event, and never waits for the model, the disk or the window. Endpoints and the feed compute on threads of their own.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tmlapp.core.clock import Clock
from tmlapp.core.cue import action_of
from tmlapp.core.endpoint import Duplex, Endpoint, EndpointSetup, Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    Closed,
    EndpointError,
    EndpointEvent,
    Granted,
    InputLost,
    Marker,
    SessionOpened,
    SessionUpdated,
    StateChanged,
    UnitDone,
)
from tmlapp.core.feed import Captured, Feed
from tmlapp.core.media import Picture
from tmlapp.core.session import SessionInfo, SessionState
from tmlapp.core.tool import HistoryTurn, Toolbox
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import TURN_NS
from tmlapp.live.answers import Answers
from tmlapp.live.conversation import Conversation
from tmlapp.live.draining import drained, heard_out
from tmlapp.live.echo_path import Ears, EchoPath
from tmlapp.live.failures import endpoint_failed, fault, no_virtual_time, not_wanted
from tmlapp.live.inbox import Inbox
from tmlapp.live.journal import Journal
from tmlapp.live.notices import Notices
from tmlapp.live.observer import Observer
from tmlapp.live.playout import Playout
from tmlapp.live.requests import Requests
from tmlapp.live.speaking import Speaking
from tmlapp.live.state import LogFactory, SessionOptions, Snapshot
from tmlapp.live.timeline import Timeline
from tmlapp.live.tools import Tools

SWITCH_INTERVAL_S = 0.0001
"""A busy Python thread hands the interpreter over after this long (5 ms by default), see docs/decisions."""


class LiveSession:
    """Runs one conversation from `start` until the feed ends, `stop` is called, or something fails."""

    def __init__(
        self,
        *,
        feed: Feed,
        endpoint: Endpoint,
        info: Callable[[Feed], SessionInfo],
        make_log: LogFactory,
        clock: Clock,
        options: SessionOptions,
        playout: Callable[[Callable[[int], int]], Playout] | None = None,
        synthesize: Synthesizer | None = None,
        name: str = "session",
        instruction: str = "",
        toolbox: Toolbox | None = None,
        history: Sequence[HistoryTurn] = (),
    ) -> None:
        self._feed = feed
        self._endpoint = endpoint
        self._make_info = info
        self._make_log = make_log
        self._clock = clock
        self._options = options
        self._make_playout = playout
        self._synthesize = synthesize
        self._name = name
        self._instruction = instruction
        self._history = tuple(history)

        self.state: SessionState = "idle"
        self.error: AppError | None = None
        self.recording_path: Path | None = None
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._stop_reason: str | None = None
        # Events of the endpoint and requests of the window meet here; the engine thread alone takes them out.
        self._inbox = Inbox(self._wake.set)
        self._requests = Requests()
        self._duplex: Duplex | None = None
        self._speaking = Speaking()
        self._barge_in = threading.Event()
        self._time = Timeline(clock, virtual=options.virtual_time)
        self._ears = Ears()
        self._paused = self._muted = False
        self._answers = Answers(self._inbox, endpoint.address)
        self._endpoint_closed = False
        self.granted: Granted | None = None
        self._notices = Notices(self.now_ns)
        self._journal = Journal(options.folder, action_of(instruction))
        self._tools = Tools(toolbox, Conversation(instruction, history), clock, self.now_ns, self._wake.set)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # ------------------------------------------------------------------ from any thread

    def add_observer(self, observer: Observer) -> None:
        """Let `observer` watch; only before `start`."""
        self._journal.add_observer(observer)

    def start(self) -> None:
        """Open endpoint, feed and log, then run. A `stop` while it waits for the endpoint makes it give up.

        Raises:
            AppError: one of them cannot be opened; everything opened so far is closed again.
        """
        self._set_state("preflight")
        try:
            self._endpoint.check(self._instruction)
            self._duplex = self._endpoint.open(self._endpoint_setup(), self._inbox)
            self.granted = self._duplex.granted
            if self._stopping():
                raise not_wanted(self._endpoint.address)
            if self._options.virtual_time and not (self._endpoint.local or self.granted.acknowledges_units):
                raise no_virtual_time(self._endpoint.address)
            if self._make_playout is not None:
                self._speaking = Speaking(self._make_playout(self._time.at))
            if self._options.echo == "on":
                self._ears.path = EchoPath(lambda: self._speaking.playout.tap)
            self._feed.open(self._wake.set)
            log = self._make_log(self._make_info(self._feed), self._fail)
            log.start()
            self._journal.log = log
            self.recording_path = log.path
        except Exception as error:
            self.error = fault(error)
            self._not_started()
            if isinstance(error, AppError):
                raise
            raise self.error from error
        self._set_state("armed")
        if not self._options.virtual_time:
            sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread.start()

    def _not_started(self) -> None:
        try:
            self._release()
        finally:
            self._set_state("closed", str(self.error))
            self._closed.set()

    def stop(self, reason: str = "stopped by the operator") -> None:
        """Ask the session to drain and close; returns at once."""
        if self._stop_reason is None:
            self._stop_reason = reason
        self._wake.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the session is closed; False if `timeout_s` passed first."""
        return self._closed.wait(timeout_s)

    def send_text(self, text: str) -> None:
        """Type `text` to the model; the micro-turn being captured carries it."""
        self._requests.put(TextInput(self.now_ns(), text))

    def interrupt(self) -> None:
        """The person cuts the model off: it falls silent at once, and learns how far it was heard."""
        self._barge_in.set()
        self._wake.set()

    def marker(self, label: str, note: str = "", *, t_ns: int | None = None) -> int:
        """Set a marker (`marker`, `note`, a verdict tag `1` … `9`) at `t_ns`, or now; its session time."""
        t_ns = self.now_ns() if t_ns is None else t_ns
        self._requests.put(Marker(t_ns=t_ns, label=label, note=note))
        self._wake.set()
        return t_ns

    def set_muted(self, muted: bool) -> None:
        """While muted the model hears, and the recording holds, digital silence."""
        if muted != self._muted:
            self._muted = muted
            self._requests.put(StateChanged(t_ns=self.now_ns(), state="muted" if muted else "unmuted"))
            self._wake.set()

    def set_paused(self, paused: bool) -> None:
        """While paused session time stands still and nothing is captured."""
        if paused == self._paused:
            return
        self._paused = paused
        self._time.freeze(paused)
        self._feed.pause(paused)
        self._requests.put(StateChanged(t_ns=self.now_ns(), state="paused" if paused else "resumed"))
        self._wake.set()

    def now_ns(self) -> int:
        """Session time."""
        return self._time.now_ns()

    def preview(self) -> Picture | None:
        """The newest camera picture, BGR."""
        return self._feed.preview()

    def level_dbfs(self) -> float:
        """Peak level of the last moments of the microphone."""
        return self._feed.level_dbfs()

    def snapshot(self) -> Snapshot:
        """How the session looks right now."""
        return Snapshot(
            state=self.state,
            t_ns=self.now_ns(),
            name=self._name,
            instruction=self._instruction,
            endpoint=self._endpoint.address,
            granted=self.granted,
            overlay=self._journal.overlay,
            health=self._journal.health,
            muted=self._muted,
            paused=self._paused,
            level_dbfs=self._feed.level_dbfs() if self.state in ("armed", "running", "draining") else -120.0,
            recording_path=self.recording_path,
            recording_bytes=self._journal.log.bytes_written if self._journal.log else 0,
            error=self.error,
            connection=self._inbox.connection,
            echo=self._options.echo,
            echo_loss_db=self._ears.loss_db,
            echo_delay_ms=self._ears.delay_ms,
        )

    # ------------------------------------------------------------------ engine thread

    def _run(self) -> None:
        try:
            self._set_state("running")
            self._loop()
            self._set_state("draining", self._stop_reason or "the source has ended")
            self._drain()
        except Exception as error:  # noqa: BLE001 - whatever it is must reach the person, and the recording must be closed
            self._fail(fault(error))
        finally:
            self._finish()

    def _loop(self) -> None:
        while not self._stopping():
            while not self._stopping() and (captured := self._feed.poll()) is not None:
                self._micro_turn(captured)
                if self._options.virtual_time:
                    self._await_answer(captured.index)
                    self._tools.await_results(self._wake, self._stopping)
                    self._journal.await_room()
            self._requests.put_back(self._requests.take(self._journal.publish))
            self._take_inbox()
            if self._feed.finished:
                return
            self._clock.wait(self._wake, None)
            self._wake.clear()

    def _micro_turn(self, captured: Captured) -> None:
        texts, muted = (*captured.texts, *self._requests.take(self._journal.publish)), self._muted
        pcm, raw = self._ears.hear(captured, muted=muted)
        self._take_barge_in()
        if self._speaking.wants_position:
            self._advance_playout((captured.index + 1) * TURN_NS)
        controls = (*self._speaking.controls(), *self._tools.take(self._journal.publish))
        turn = MicroTurn(captured.index, pcm, captured.frames, texts, controls, captured.mono_ns)
        self._tools.turn(turn)
        # First the time, then the turn: an endpoint may answer before `push` has returned.
        self._time.micro_turn(turn.t_ns, captured.mono_ns)
        self._opened().push(turn)
        pushed_ns = self._clock.now_ns()
        if muted:
            self._journal.muted(turn.t_ns)
        self._journal.turn(turn, captured, pushed_ns, raw, self._ears.measure())
        self._take_inbox()
        self._advance_playout(turn.end_ns)

    def _take_barge_in(self) -> None:
        if self._barge_in.is_set():
            self._barge_in.clear()
            self._journal.publish(self._speaking.interrupt(self.now_ns()))

    def _take_inbox(self, *, everything: bool = False) -> None:
        self._take_barge_in()
        for event in self._inbox.take_all() if everything else self._inbox.take():
            self._endpoint_event(event)

    def _await_answer(self, index: int) -> None:
        """Virtual time: go on only when the endpoint has answered micro-turn `index`."""
        if not (self.granted and self.granted.acknowledges_units):
            return
        self._answers.wait(index, self._endpoint_event, lambda: self._endpoint_closed or self._stopping())

    def _endpoint_event(self, event: EndpointEvent) -> None:
        match event:
            case SessionOpened() | SessionUpdated():
                self.granted = event.granted
            case UnitDone() | InputLost(what="turn"):
                self._answers.note(event)
            case EndpointError(fatal=True):
                self._fail(endpoint_failed(self._endpoint.address, event))
            case Closed():
                self._endpoint_closed = True
                if event.initiated_by != "us":
                    self.stop(f"the endpoint closed the session: {event.reason or event.code}")
            case _:
                pass
        self._journal.publish(self._speaking.take(event))
        for notice in self._notices.of(event):
            self._journal.publish(notice)
        self._tools.note(event, self._journal.publish)

    def _advance_playout(self, to_ns: int) -> None:
        self._journal.heard(*self._speaking.advance(to_ns))

    def _drain(self) -> None:
        pace = None if self._options.virtual_time else self._clock
        drained(self._opened(), pace, self._wake, self._while_draining)
        self._requests.put_back(self._requests.take(self._journal.publish))
        self._take_inbox(everything=True)
        if self._options.virtual_time:
            self._tools.await_results(self._wake, self._stopping)
        heard_out(self._speaking, self._advance_playout, self._journal.end_ns, pace)

    def _while_draining(self) -> None:
        self._take_inbox()
        self._advance_playout(max(self._journal.end_ns, self.now_ns()))

    def _finish(self) -> None:
        """Close endpoint, feed and log, each whatever happened before; the recording is finalized here."""
        for step in (self._release, self._last_words, self._close_log):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - it reaches the person, and the next step must still be taken
                self._fail(fault(error))
        try:
            self._set_state("closed", self._stop_reason or "")
        finally:
            self._closed.set()

    def _last_words(self) -> None:
        self._take_inbox(everything=True)
        self._tools.close(self._journal.publish)
        self._journal.take_health()
        self._journal.publish(StateChanged(t_ns=self.now_ns(), state="closed", reason=self._stop_reason or ""))

    def _close_log(self) -> None:
        self.recording_path = self._journal.close()

    def _release(self) -> None:
        # The last one entered is closed first, and each is closed even if another one cannot be.
        with ExitStack() as parts:
            parts.callback(self._speaking.close)
            if self._duplex is not None:
                parts.callback(self._duplex.close)
            parts.callback(self._feed.close)

    # ------------------------------------------------------------------ helpers

    def _opened(self) -> Duplex:
        if self._duplex is None:
            raise RuntimeError("the session is not open")
        return self._duplex

    def _endpoint_setup(self) -> EndpointSetup:
        return EndpointSetup(
            instruction=self._instruction,
            clock=self._clock,
            session_now_ns=self.now_ns,
            virtual_time=self._options.virtual_time,
            honest_clock=self._options.honest_clock,
            synthesize=self._synthesize,
            options=dict(self._options.endpoint_options),
            tools=self._tools.specs,
            history=self._history,
            abandoned=self._stopping,
        )

    def _fail(self, error: AppError) -> None:
        """End the session because of `error`; also called by the log's own thread, when the disk gave up."""
        if self.error is None:
            self.error = error
        self.stop(error.what)

    def _stopping(self) -> bool:
        return self._stop_reason is not None

    def _set_state(self, state: SessionState, reason: str = "") -> None:
        self.state = state
        if state in ("running", "draining"):
            self._journal.publish(StateChanged(t_ns=self.now_ns(), state=state, reason=reason))
        self._journal.state(state, reason)
