"""The contract between a session and what it captures from: devices or files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tmlapp.core.event import SessionEvent
from tmlapp.core.media import Frame, Pcm, Picture
from tmlapp.core.turn import TextInput


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackInfo:
    """Where a track comes from, as asked for and as really opened; kept in the recording.

    Attributes:
        kind: `device`, `file`, `synthetic` or `none`.
        name: device name or file path.
        sha256: of the file, where it is one.
        asked, actual: settings asked for and read back (rate_hz, channels, width, height, fps, …).
    """

    kind: str
    name: str
    sha256: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    actual: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedInfo:
    """What a feed gives: its two tracks, whether it keeps real time, and its length where it is known."""

    mic: TrackInfo
    camera: TrackInfo
    realtime: bool
    duration_ns: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """One finished micro-turn of capture, before the session adds texts and controls.

    Attributes:
        index: k.
        pcm: int16 [3200].
        frames: frames with `t_ns` inside this window.
        mono_ns: monotonic time of the first sample.
        ready_ns: monotonic time of the audio callback that completed it (of the pacer, for files).
        events: gaps, notices and the like that were found while it was captured.
        texts: what was typed in it, where the feed is a recording.
        drift_ppm: sample counter against the monotonic clock, None while unknown.
        xruns: overflows that PortAudio reported so far.
    """

    index: int
    pcm: Pcm
    frames: tuple[Frame, ...]
    mono_ns: int
    ready_ns: int
    events: tuple[SessionEvent, ...] = ()
    texts: tuple[TextInput, ...] = ()
    drift_ppm: float | None = None
    xruns: int = 0


class Feed(Protocol):
    """Source of micro-turns. `open` starts it; `wake` is called, from any thread, whenever `poll` may have more."""

    @property
    def info(self) -> FeedInfo:
        """Known after `open`."""
        ...

    @property
    def finished(self) -> bool:
        """True when `poll` will give nothing more."""
        ...

    def open(self, wake: Callable[[], None]) -> None:
        """Open devices or files; time zero is the first sample after this.

        Raises:
            AppError: a device or file cannot be used; nothing is left open.
        """
        ...

    def poll(self) -> Captured | None:
        """The next micro-turn if it is complete, else None; never blocks."""
        ...

    def preview(self) -> Picture | None:
        """The newest camera picture, BGR, for the window; None if there is none yet. Any thread."""
        ...

    def level_dbfs(self) -> float:
        """Peak level of the last 50 ms of the microphone; -120.0 for silence. Any thread."""
        ...

    def pause(self, paused: bool) -> None:
        """While paused nothing is produced and session time stands still."""
        ...

    def close(self) -> None:
        """Stop threads and release devices; idempotent."""
        ...
