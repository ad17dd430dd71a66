"""Recording one take of an item: the same capture path as a session, with an endpoint that says nothing.

The recording is the truth: it is written as it is captured, survives a crash (`recover_take`), and everything that a
person marks while speaking lies in it as markers.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tmlapp.config.settings import Settings
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.feed import Captured, Feed
from tmlapp.core.media import Picture
from tmlapp.core.session import SessionInfo, SessionState
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_NS, samples_to_ns
from tmlapp.endpoints.scripted import ScriptedEndpoint
from tmlapp.live.observer import BlankObserver, Observer
from tmlapp.live.plan import SessionPlan, make_feed, versions
from tmlapp.live.session import LiveSession
from tmlapp.live.state import SessionOptions
from tmlapp.live.take_watch import TakeSound, TakeWatch
from tmlapp.recording.names import PART, base_of
from tmlapp.recording.recover import find_parts, recover
from tmlapp.recording.writer import Recorder

EXPECT = "expect"
"""Label of a marker: the model should speak here; its note is the meaning, if one was given."""

INSTRUCTION = "instruction"
"""Label of two markers: the instruction begins, and ends; or of one: it ends, and began with the take."""

STOP = "stop"
"""Label of a marker: the user asks to stop."""

TAKE = "take"
"""Label of a marker, and member of the recording's options: the count-in is over."""

_SILENT = "scripted:silent"
_OVER = "the take is over"
_LAST_TURN_NS = 3 * TURN_NS
_MOST_COUNT_IN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePlan:
    """Everything chosen for one take.

    Attributes:
        folder: where the recording goes, `takes/<item>` of a set; name: of its file, `<take>`.
        microphone, camera: device name, part of one, `default`, or `none`; `camera:0` is the first camera.
        count_in_s: seconds before the speaker begins; they are in the recording and not in the take.
        instruction: what will be asked for, for the record.
        speaker: pseudonym of who speaks, for the record: a take that is found again has its speaker.
        source: a file (`VIDEO[,AUDIO]`) instead of devices.
        fast: with a file, run on virtual time.
    """

    folder: Path
    name: str
    microphone: str = "default"
    camera: str = "none"
    count_in_s: float = 0.0
    instruction: str = ""
    speaker: str = ""
    source: str | None = None
    fast: bool = False


class TakeRecorder:
    """Records one take from `start` until `stop`, or until its source ends. Call from any thread."""

    def __init__(self, plan: TakePlan, feed: Feed, *, clock: Clock | None = None) -> None:
        if not 0 <= plan.count_in_s <= _MOST_COUNT_IN_S:
            raise AppError(
                f"A count-in cannot last {plan.count_in_s:g} s.",
                f"It lasts 0 to {_MOST_COUNT_IN_S:g} s.",
                "Choose another one.",
            )
        self.plan = plan
        self.count_in_ns = samples_to_ns(round(plan.count_in_s * SAMPLE_RATE_HZ))
        self._clock = clock = clock or MonotonicClock()
        self._watch = TakeWatch(self.count_in_ns)
        self._session = LiveSession(
            feed=feed,
            endpoint=ScriptedEndpoint([], address=_SILENT),
            info=self._info,
            make_log=lambda info, failed: Recorder(plan.folder, plan.name, info, clock=clock, on_failure=failed),
            clock=clock,
            options=SessionOptions(virtual_time=plan.fast, folder=plan.folder),
            name=plan.name,
        )
        self._session.add_observer(self._watch)
        self._marks = _Ends(self._session, self.count_in_ns)
        self._session.add_observer(self._marks)

    def add_observer(self, observer: Observer) -> None:
        """Let `observer` watch, too; only before `start`."""
        self._session.add_observer(observer)

    def start(self) -> None:
        """Open the devices and record.

        Raises:
            AppError: a device cannot be opened, or the folder not be written; nothing is left open.
        """
        try:
            self.plan.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AppError(
                f"The folder {self.plan.folder} for takes cannot be made.", f"{error.strerror}.", "Check its rights."
            ) from error
        self._session.start()

    @property
    def state(self) -> SessionState:
        return self._session.state

    @property
    def error(self) -> AppError | None:
        """Why the take ended early; what was recorded until then is kept."""
        return self._session.error

    @property
    def sound(self) -> TakeSound:
        """Level, clipping and noise up to the newest micro-turn."""
        return self._watch.sound

    @property
    def recording_path(self) -> Path | None:
        """The file that is being written (`.part`), then the finished one; None before `start`."""
        return self._session.recording_path

    def now_ns(self) -> int:
        """Session time; the take begins at `count_in_ns`."""
        return self._session.now_ns()

    def counting_ns(self) -> int:
        """What is left of the count-in; 0 once the speaker may begin."""
        return max(0, self.count_in_ns - self.now_ns())

    def level_dbfs(self) -> float:
        """Peak level of the last 50 ms."""
        return self._session.level_dbfs()

    def preview(self) -> Picture | None:
        """The newest camera picture, BGR."""
        return self._session.preview()

    def drop(self, label: str = EXPECT, note: str = "") -> int:
        """Mark the present moment with `EXPECT`, `INSTRUCTION`, `STOP` or another label; its session time.

        Raises:
            AppError: nothing is being recorded.
        """
        if self.state not in ("armed", "running"):
            raise AppError("Nothing can be marked now.", "No take is being recorded.", "Start a take first.")
        return self._session.marker(label, note)

    def request_stop(self) -> None:
        """Ask for the end; returns at once. The micro-turn that is being captured still belongs to the take."""
        if self.plan.fast or self.state != "running":
            self._session.stop(_OVER)
        else:
            self._marks.end_at(self.now_ns())

    def stop(self) -> Path:
        """End the take and wait until the recording is finished; its path. See `error` for what went wrong.

        Raises:
            AppError: nothing was recorded.
        """
        self.request_stop()
        # A microphone that gives nothing more must not keep the take open.
        self._clock.wait(self._marks.over, self._clock.now_ns() + _LAST_TURN_NS)
        self._session.stop(_OVER)
        self._session.wait()
        path = self._session.recording_path
        if path is None or path.name.endswith(PART):
            why = self.error
            raise why or AppError("There is no take.", "Nothing was recorded.", "Start a take first.")
        return path

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the take is over (its source ended, or somebody stopped it); False if `timeout_s` passed."""
        return self._session.wait(timeout_s)

    def _info(self, feed: Feed) -> SessionInfo:
        speaker = {"speaker": self.plan.speaker} if self.plan.speaker else {}
        options: dict[str, Any] = {TAKE: {"count_in_ns": self.count_in_ns, **speaker}}
        return SessionInfo(
            session_id=uuid.uuid4().hex,
            name=self.plan.name,
            created_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
            instruction=self.plan.instruction,
            endpoint=_SILENT,
            clock="fast" if self.plan.fast else "real",
            feed=feed.info,
            versions=versions(),
            options=options,
        )


class _Ends(BlankObserver):
    """Marks where the count-in ends, to the sample, and ends the take with the micro-turn that was being captured."""

    def __init__(self, session: LiveSession, count_in_ns: int) -> None:
        self._session = session
        self._count_in_ns: int | None = count_in_ns or None
        self._end_ns: int | None = None
        self.over = threading.Event()

    def end_at(self, t_ns: int) -> None:
        """The take ends with the micro-turn in which session time `t_ns` lies."""
        self._end_ns = t_ns

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:  # noqa: ARG002 - an observer's form
        if self._count_in_ns is not None and turn.end_ns > self._count_in_ns:
            self._session.marker(TAKE, t_ns=self._count_in_ns)
            self._count_in_ns = None
        if self._end_ns is not None and turn.end_ns >= self._end_ns:
            self._session.stop(_OVER)
            self.over.set()

    def on_state(self, state: str, reason: str) -> None:  # noqa: ARG002 - an observer's form
        if state in ("draining", "closed"):
            self.over.set()


def take_recorder(plan: TakePlan, settings: Settings, *, clock: Clock | None = None) -> TakeRecorder:
    """A recorder for `plan` with its devices or its file; nothing is opened before its `start`.

    Raises:
        AppError: the plan names something that does not exist, or a count-in that cannot be.
    """
    clock = clock or MonotonicClock()
    session = SessionPlan(
        microphone=plan.microphone,
        camera=plan.camera,
        folder=plan.folder,
        source=plan.source,
        clock="fast" if plan.fast else "real",
    )
    return TakeRecorder(plan, make_feed(session, settings, clock), clock=clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A take whose recording was never finished: `part` is the file, `item` and `name` say whose it is."""

    part: Path
    item: str
    name: str
    bytes: int


def unfinished_takes(folder: Path) -> list[Unfinished]:
    """Takes in the set `folder` that a crash cut off and that nobody repaired yet; none that is being recorded.

    Raises:
        AppError: the folder cannot be read.
    """
    try:
        holders = sorted(path for path in (folder / "takes").iterdir() if path.is_dir())
        parts = [part for holder in holders for part in find_parts(holder)]
        return [
            Unfinished(part=part, item=part.parent.name, name=base_of(part), bytes=part.stat().st_size)
            for part in parts
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AppError(
            f"The takes in {folder} cannot be listed.", f"{error.strerror}.", "Check the folder's rights."
        ) from error


def recover_take(part: Path) -> Path:
    """A finished recording of everything that holds in `part`, which is not changed; its path.

    Raises:
        AppError: nothing in it holds, or it is being written.
    """
    return recover(part).path
