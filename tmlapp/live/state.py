"""What a session needs and how it looks: options, the log it writes to, the snapshot that the window reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tmlapp.core.cue import Cue, Overlay
from tmlapp.core.errors import AppError
from tmlapp.core.event import ConnectionChanged, Event, Granted, Health
from tmlapp.core.media import Pcm
from tmlapp.core.session import SessionInfo, SessionState
from tmlapp.core.turn import MicroTurn
from tmlapp.live.echo_path import EchoMode


class SessionLog(Protocol):
    """Where a session writes itself down; `tmlapp.recording.writer.Recorder` is the real one."""

    @property
    def path(self) -> Path: ...
    @property
    def bytes_written(self) -> int: ...
    def start(self) -> None: ...
    def turn(
        self, turn: MicroTurn, *, ready_ns: int, pushed_ns: int, drift_ppm: float | None, raw: Pcm | None = None
    ) -> None: ...
    def event(self, event: Event) -> None: ...
    def cue(self, cue: Cue) -> None: ...
    def await_room(self) -> None: ...
    def heard(self, t_ns: int, pcm: np.ndarray[Any, np.dtype[np.int16]], rate_hz: int) -> None: ...
    def close(self) -> Path: ...


LogFactory = Callable[[SessionInfo, Callable[[AppError], None]], SessionLog]
"""Makes the log once the feed is open and everything about the session is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session runs.

    Attributes:
        virtual_time: as fast as possible, on a clock that is moved by the micro-turns themselves.
        honest_clock: in virtual time, let receive times include the measured compute time.
        folder: where the recording goes (watched for free space).
        echo: `on` takes the loudspeaker's sound out of the microphone; the others say why that is not done.
    """

    virtual_time: bool = False
    honest_clock: bool = False
    folder: Path | None = None
    echo: EchoMode = "none"
    endpoint_options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How the session looks right now; made for the window, cheap to take.

    Attributes:
        granted: what the endpoint agreed to; None before it has.
        echo: whether a canceller takes the loudspeaker's sound out of the microphone, and if not, why.
        echo_loss_db: how much it took out in the last second in which only the model spoke; None before and while that
            cannot be told. echo_delay_ms: from the sound card to the microphone, None while unknown.
        connection: to a remote endpoint, already while `start` still waits for it; None for a local one.
    """

    state: SessionState
    t_ns: int
    name: str
    instruction: str
    endpoint: str
    granted: Granted | None
    overlay: Overlay
    health: Health | None
    muted: bool
    paused: bool
    level_dbfs: float
    recording_path: Path | None
    recording_bytes: int
    error: AppError | None
    connection: ConnectionChanged | None = None
    echo: EchoMode = "none"
    echo_loss_db: float | None = None
    echo_delay_ms: float | None = None
