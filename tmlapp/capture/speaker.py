"""One loudspeaker: queues what the model says, throws it away when told, and reports what was really heard when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tmlapp.capture.devices import AudioSystem, SoundDevice, portaudio, reason, resolve
from tmlapp.capture.playqueue import Played, PlayQueue
from tmlapp.capture.playring import PlayRing
from tmlapp.capture.playtap import PlayTap
from tmlapp.capture.watch import Watch
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Notice
from tmlapp.core.feed import TrackInfo
from tmlapp.core.media import Pcm

_CHECK_NS = 200_000_000
_SILENT_NS = 1_000_000_000
_RETRY_NS = 1_000_000_000
_RATE_HZ = 48_000


class _OutLine:
    def __init__(self, ring: PlayRing, rate_hz: int, clock: Clock) -> None:
        self.ring = ring
        self.rate_hz = rate_hz
        self.ended = False
        self.stream: Any = None
        self._now_ns = clock.now_ns

    def callback(self, out: Any, frames: int, times: Any, status: Any) -> None:
        ahead_s = times.outputBufferDacTime - times.currentTime
        self.ring.fill(out, frames, self._now_ns(), ahead_s, status.output_underflow)

    def finished(self) -> None:
        self.ended = True


class Speaker:
    """The loudspeaker `device` (a name, part of one, `default`). Its methods may be called from any thread.

    Args:
        latency: PortAudio's `low` or `high`, or seconds; more survives longer stalls, but keeps sounding after a flush.
        audio: shared with the microphone of the same session.
    """

    def __init__(
        self,
        device: str | None,
        *,
        clock: Clock,
        latency: str | float = 0.03,
        audio: AudioSystem | None = None,
    ) -> None:
        self._name = device or "default"
        self._clock = clock
        self._latency = latency
        self._audio = audio or AudioSystem()
        self._watch = Watch("tmlapp-speaker-watch", clock, self.check)
        self._lock = threading.Lock()
        self._line: _OutLine | None = None
        self._lent = False
        self._info: TrackInfo | None = None
        self._latency_ns = 0
        self._rate_hz = _RATE_HZ
        self._queue = PlayQueue()
        self._muted = False
        self._gain = 1.0
        self._underflows = 0
        self._notes: list[tuple[int, Notice]] = []
        self._alive_ns = self._checked_ns = self._retry_ns = 0
        self._attempts = 0
        self._returning = False

    @property
    def info(self) -> TrackInfo:
        """As asked for and as opened."""
        if self._info is None:
            raise RuntimeError("the loudspeaker was not opened yet")
        return self._info

    @property
    def latency_ns(self) -> int:
        """From the callback to the sound, as PortAudio reports it."""
        return self._latency_ns

    @property
    def underflows(self) -> int:
        """How often PortAudio ran out of sound because a callback came too late."""
        line = self._line
        return self._underflows + (line.ring.underflows if line else 0)

    @property
    def busy(self) -> bool:
        """Something is queued or still sounds."""
        return len(self._queue) > 0 or self._clock.now_ns() < self._queue.sounds_until_ns

    def open(self) -> None:
        """Open the stream; silence plays until there is something.

        Raises:
            AppError: no such device, or it refuses every format.
        """
        self._line = self._audio.opening(self._start)
        self._audio.join(self)
        self._alive_ns = self._checked_ns = self._clock.now_ns()
        self._watch.start()

    def close(self) -> None:
        """Release the device; what was queued is not played; idempotent."""
        self._watch.stop()
        self._audio.leave(self)
        self._audio.opening(self._stop)

    def play(self, item_id: str, pcm: Pcm, rate_hz: int) -> None:
        """Queue int16 [n] mono after what is queued; calls with the same `item_id` continue it without a seam."""
        with self._lock:
            line = self._line
            if line is None and not self._lent:
                self._queue.refuse(item_id, rate_hz, self._clock.now_ns())
                return
            self._queue.add(item_id, pcm, rate_hz, line.rate_hz if line else self._rate_hz)
            if line is not None:
                self._queue.move(line.ring)

    def flush(self) -> None:
        """Throw away what was not sent to the sound card yet, with a fade of 5 ms."""
        with self._lock:
            self._collect()
            self._queue.flush(self._line.ring if self._line else None, self._clock.now_ns())

    def set_muted(self, muted: bool) -> None:
        """Silence instead of sound; time goes on."""
        with self._lock:
            self._muted = muted
            if self._line is not None:
                self._line.ring.muted = muted

    def duck(self, gain: float) -> None:
        """Play everything from the next block on, also what is queued, `gain` times as loud; 1.0 for as it is."""
        with self._lock:
            self._gain = gain
            if self._line is not None:
                self._line.ring.gain = gain

    @property
    def tap(self) -> PlayTap | None:
        """What was handed to the sound card; another one after each reopening, None while it is gone."""
        line = self._line
        return line.ring.tap if line is not None else None

    def poll(self) -> list[Played]:
        """What has been played since the last call, in order; call it a few times a second."""
        with self._lock:
            self._collect()
            if self._line is not None:
                self._queue.move(self._line.ring)
            return self._queue.take_report()

    def pop_events(self, to_session_ns: Callable[[int], int]) -> list[Notice]:
        """What a person should know since the last call."""
        with self._lock:
            notes, self._notes = self._notes, []
        return [Notice(t_ns=to_session_ns(at), level=n.level, what=n.what, why=n.why, fix=n.fix) for at, n in notes]

    def _collect(self) -> None:
        """Turn the callback's log into reports."""
        if self._line is not None:
            self._queue.collect(self._line.ring, self._line.rate_hz, self._clock.now_ns())

    def lend(self) -> bool:
        with self._lock:
            if self._line is None or self.busy:
                return self._line is None
            self._lent = True
        self._stop()
        return True

    def reclaim(self) -> None:
        if not self._lent:
            return
        try:
            self._line = self._start()
        except AppError as error:
            self._gone(self._clock.now_ns(), error.why)
        finally:
            with self._lock:
                self._lent = False
                self._alive_ns = self._clock.now_ns()
                if self._line is not None:
                    self._queue.move(self._line.ring)

    def check(self, now_ns: int) -> int:
        """Notice that the device is gone or back; returns when to check again. Called by the speaker's own thread."""
        stalled = now_ns - self._checked_ns > 3 * _CHECK_NS
        self._checked_ns = now_ns
        line = self._line
        if line is None:
            if now_ns >= self._retry_ns and not self._lent:
                self._try_again(now_ns)
            return now_ns + _CHECK_NS
        if stalled:
            # This process itself stood still, and its callbacks with it.
            self._alive_ns = now_ns
        self._alive_ns = max(self._alive_ns, line.ring.last_callback_ns)
        if line.ended or now_ns - self._alive_ns > _SILENT_NS:
            self._audio.opening(self._stop)
            self._gone(now_ns, "The system has ended its stream." if line.ended else "It takes no sound any more.")
        elif self._returning and line.ring.last_callback_ns:
            self._returning = False
            self._note(now_ns, Notice(t_ns=0, level="info", what=f"The loudspeaker “{self._name}” is back."))
        return now_ns + _CHECK_NS

    def _gone(self, now_ns: int, why: str) -> None:
        self._retry_ns = now_ns + _RETRY_NS
        if not self._returning:
            what = f"The loudspeaker “{self._name}” does not answer any more."
            fix = "Plug it in again; the session goes on and nothing is heard until then."
            self._note(now_ns, Notice(t_ns=0, level="error", what=what, why=why, fix=fix))

    def _try_again(self, now_ns: int) -> None:
        self._retry_ns = now_ns + _RETRY_NS
        self._attempts += 1
        try:
            if self._attempts % 2 == 0:
                self._audio.refresh(self)
            self._line = self._audio.opening(self._start)
        except AppError:
            # Said when it was lost; it is told again when it is back.
            return
        self._attempts = 0
        self._returning = True
        self._alive_ns = now_ns

    def _note(self, now_ns: int, notice: Notice) -> None:
        with self._lock:
            self._notes.append((now_ns, notice))

    def _stop(self) -> None:
        with self._lock:
            self._collect()
            line, self._line = self._line, None
            if not self._lent:
                self._queue.fail(self._clock.now_ns())
        if line is not None:
            self._underflows += line.ring.underflows
            line.stream.close(ignore_errors=True)

    def _start(self) -> _OutLine:
        device = resolve("output", self._name)
        sd = portaudio()
        first: Exception | None = None
        counts = [1, min(2, device.channels), device.channels]
        for rate_hz, channels in dict.fromkeys((rate, c) for c in counts for rate in (_RATE_HZ, device.rate_hz)):
            try:
                return self._start_as(sd, device, rate_hz, channels)
            except sd.PortAudioError as error:
                first = first or error
        assert first is not None
        raise AppError(
            f"The loudspeaker “{device.name}” cannot be opened.",
            reason(first),
            "Close other programs that use it, or choose another loudspeaker.",
        ) from first

    def _start_as(self, sd: Any, device: SoundDevice, rate_hz: int, channels: int) -> _OutLine:
        ring = PlayRing(rate_hz=rate_hz, channels=channels)
        ring.muted, ring.gain = self._muted, self._gain
        line = _OutLine(ring, rate_hz, self._clock)
        stream = sd.RawOutputStream(
            samplerate=rate_hz,
            # A new word waits for the next block: 10 ms, not 20, bring it into the 80 ms that a short word may take.
            blocksize=rate_hz // 100,
            device=device.index,
            channels=channels,
            dtype="int16",
            latency=self._latency,
            callback=line.callback,
            finished_callback=line.finished,
        )
        line.stream = stream
        try:
            stream.start()
        except sd.PortAudioError:
            stream.close(ignore_errors=True)
            raise
        self._rate_hz = rate_hz
        self._latency_ns = round(stream.latency * 1e9)
        actual = {
            "device": device.name,
            "host": device.host,
            "rate_hz": rate_hz,
            "channels": channels,
            "latency_ms": round(stream.latency * 1000, 3),
        }
        asked = {"device": self._name, "rate_hz": _RATE_HZ, "latency": self._latency}
        self._info = TrackInfo(kind="device", name=device.name, asked=asked, actual=actual)
        return line
