"""The recorder: one thread that owns the file of a running session."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tmlapp.core.clock import Clock
from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.event import AudioOut, Event, WireFrame
from tmlapp.core.media import Pcm
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.finalize import finalize
from tmlapp.recording.log_writer import LogWriter, pcm_bytes
from tmlapp.recording.names import FINAL, base_of
from tmlapp.recording.part import PartFile, sync_folder

_SYNC_NS = NS_PER_S
_FRAME_BYTES = 2**19
"""What is left of a frame of the wire, at most."""
_GATHER_S = 0.02
"""How long the writer waits for more after the first thing it could write."""
_OVERHEAD_BYTES = 1024
MAX_PENDING_BYTES = 64 * 1024 * 1024


class Recorder:
    """Writes a session to `<folder>/<name>.mcap.part` and, on `close`, turns it into `<name>.mcap`.

    `turn`, `event`, `cue` and `heard` may be called from any thread and return at once. A micro-turn is
    acknowledged when the operating system holds all of it: it then survives the death of this process, and at
    most about a second later the loss of power.

    Args:
        folder: must exist.
        name: what the person called the session; made safe, and numbered where it is taken.
        info: goes into the file as its first message.
        clock: times the second between two syncs.
        on_failure: called once, from any thread, when the disk refuses or cannot keep up. Nothing is recorded
            after that; everything acknowledged stays.
        max_pending_bytes: how much may wait for the disk.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        info: SessionInfo,
        *,
        clock: Clock,
        on_failure: Callable[[AppError], None],
        max_pending_bytes: int = MAX_PENDING_BYTES,
    ) -> None:
        self._folder = folder
        self._name = name
        self._info = info
        self._clock = clock
        self._on_failure = on_failure
        self._max_pending = max_pending_bytes
        self._lock = threading.Lock()
        self._pending: deque[tuple[int, int | None, Callable[[], None]]] = deque()
        self._pending_bytes = 0
        self._work = threading.Event()
        self._room = threading.Event()
        self._room.set()
        self._hurry = threading.Event()
        self._closing = False
        self._failure: AppError | None = None
        self._acknowledged = -1
        self._part: PartFile | None = None
        self._log: LogWriter | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._final: Path | None = None

    @property
    def path(self) -> Path:
        """The `.mcap.part`.

        Raises:
            RuntimeError: `start` has not chosen its name yet.
        """
        return self._opened().path

    @property
    def final_path(self) -> Path:
        """The `.mcap` that `close` leaves.

        Raises:
            RuntimeError: `start` has not chosen its name yet.
        """
        return self._final or self.path.with_name(base_of(self.path) + FINAL)

    @property
    def acknowledged_turn(self) -> int:
        """Index of the last micro-turn that is safe; -1 before the first."""
        return self._acknowledged

    @property
    def bytes_written(self) -> int:
        """Size of the `.part` so far."""
        return self._opened().flushed

    @property
    def failure(self) -> AppError | None:
        """What `on_failure` was told, if it was."""
        return self._failure

    def _opened(self) -> PartFile:
        if self._part is None:
            raise RuntimeError("the recorder was not started")
        return self._part

    def start(self) -> None:
        """Create the file, write `/setup`, start the thread.

        Raises:
            AppError: the folder is missing, read-only or full.
        """
        part = PartFile.create(self._folder, self._name)
        log = LogWriter(part)
        try:
            log.start(self._info)
            part.flush()
            part.sync()
            sync_folder(self._folder)
        except BaseException as error:
            part.close()
            part.path.unlink()
            if isinstance(error, OSError):
                raise _disk_error(part.path, error) from error
            raise
        self._part, self._log = part, log
        self._thread.start()

    def turn(
        self, turn: MicroTurn, *, ready_ns: int, pushed_ns: int, drift_ppm: float | None, raw: Pcm | None = None
    ) -> None:
        """Record a micro-turn: `ready_ns` its last sample was there, `pushed_ns` the endpoint had it (monotonic).

        `raw` is the sound as captured, int16 [3200], where that of the micro-turn was processed; both are recorded.
        """
        size = (2 if raw is not None else 1) * turn.pcm.nbytes + sum(len(f.jpeg) + 256 for f in turn.frames)
        size += sum(4 * len(t.text) for t in turn.texts)
        self._put(size, partial(self._writer().turn, turn, ready_ns, pushed_ns, drift_ppm, raw), turn.index)

    def event(self, event: Event) -> None:
        """Record what an endpoint sent or what happened in the session."""
        size = len(event.pcm16) if isinstance(event, AudioOut) else 0
        if isinstance(event, WireFrame):
            # At most: sound and pictures in it are folded, long texts cut.
            size = min(event.size, _FRAME_BYTES)
        self._put(size, partial(self._writer().event, event))

    def cue(self, cue: Cue) -> None:
        """Record a cue as it was shown."""
        self._put(0, partial(self._writer().cue, cue))

    def heard(self, t_ns: int, pcm: Pcm, rate_hz: int) -> None:
        """Record what the loudspeaker played from `t_ns` on; `pcm` is copied."""
        data = pcm_bytes(pcm)
        self._put(len(data), partial(self._writer().heard, t_ns, data, rate_hz))

    def await_room(self) -> None:
        """Block while more than half of what may wait does: for sessions that run faster than time."""
        self._room.wait()

    def _writer(self) -> LogWriter:
        if self._log is None:
            raise RuntimeError("the recorder was not started")
        return self._log

    def _put(self, size: int, write: Callable[[], None], turn: int | None = None) -> None:
        with self._lock:
            if self._closing or self._failure is not None:
                return
            size += _OVERHEAD_BYTES
            fits = self._pending_bytes + size <= self._max_pending
            if fits:
                self._pending.append((size, turn, write))
                self._pending_bytes += size
                self._work.set()
                if self._pending_bytes > self._max_pending // 2:
                    self._room.clear()
                    self._hurry.set()
        if not fits:
            self._fail(AppError(
                f"The recording {self.path.name} cannot keep up.",
                f"{self._pending_bytes // 2**20} MiB wait for the disk of {self._folder}.",
                "Choose a faster disk for recordings; what was recorded so far is kept.",
            ))  # fmt: skip

    def _fail(self, error: AppError, *, dead: bool = False) -> None:
        with self._lock:
            told = self._failure is not None
            self._failure = self._failure or error
            if dead:
                # Nobody writes any more, so nobody may wait for it either.
                self._pending.clear()
                self._pending_bytes = 0
                self._room.set()
        if not told:
            self._on_failure(error)

    def _run(self) -> None:
        part = self._opened()
        try:
            self._write_until_closed(part, self._writer())
        except OSError as error:
            self._fail(_disk_error(part.path, error), dead=True)
        except Exception as error:  # noqa: BLE001 - a writer that dies unheard would lose the session
            failure = AppError(
                f"The recording {part.path.name} was stopped.",
                f"Something cannot be written: {error!r}.",
                "Report this as a defect; what was recorded so far is kept.",
            )
            self._fail(failure, dead=True)

    def _write_until_closed(self, part: PartFile, log: LogWriter) -> None:
        synced_ns = self._clock.now_ns()
        synced_at = part.flushed
        while True:
            dirty = part.flushed > synced_at
            self._clock.wait(self._work, synced_ns + _SYNC_NS if dirty else None)
            # Whoever has just put something here is in the middle of a micro-turn, and wants the interpreter.
            self._hurry.wait(_GATHER_S)
            # Cleared before it is looked at: whatever comes after this wakes the next round.
            self._work.clear()
            closing = self._closing
            self._write_pending(part)
            now_ns = self._clock.now_ns()
            if part.flushed > synced_at and (closing or now_ns - synced_ns >= _SYNC_NS):
                log.checkpoint()
                part.flush()
                part.sync()
                synced_ns, synced_at = now_ns, part.flushed
                if not part.in_place():
                    self._fail(_gone(part.path))
            if closing:
                return

    def _write_pending(self, part: PartFile) -> None:
        while self._pending:
            size, turn, write = self._pending.popleft()
            write()
            if turn is not None or not self._pending:
                part.flush()
                if turn is not None:
                    self._acknowledged = turn
            with self._lock:
                self._pending_bytes -= size
                if self._pending_bytes <= self._max_pending // 2:
                    self._room.set()
                    if not self._closing:
                        self._hurry.clear()

    def close(self) -> Path:
        """Write what is pending, rewrite the file with an index, verify it, and give it its final name.

        Returns:
            The `.mcap`; the `.part` is gone. Idempotent.

        Raises:
            AppError: the finished file could not be written or did not verify; the `.part` is kept.
        """
        if self._final is not None:
            return self._final
        part = self._opened()
        with self._lock:
            self._closing = True
            self._hurry.set()
            self._work.set()
        self._thread.join()
        try:
            self._final = finalize(part.path)
        finally:
            part.close()
        part.path.unlink()
        return self._final


def _gone(path: Path) -> AppError:
    return AppError(
        f"The recording {path.name} was deleted or moved while it was written.",
        f"There is no such file in {path.parent} any more.",
        "Look for it where it was moved, run `tmlapp recover` on it, and record again.",
    )


def _disk_error(path: Path, error: OSError) -> AppError:
    return AppError(
        f"The recording {path.name} cannot be written any further.",
        f"{error.strerror or error}.",
        f"Free space on the disk of {path.parent} or choose another folder; what was recorded so far is kept.",
    )
