"""One microphone: opened with what it grants, watched, and opened again when it comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.capture.devices import AudioSystem, SoundDevice, portaudio, reason, resolve
from tmlapp.capture.ring import BlockRing
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Notice
from tmlapp.core.feed import TrackInfo
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S

SILENT_NS = 1_000_000_000
"""A microphone that gave nothing for so long is gone."""

WAKING_NS = 4 * NS_PER_S
"""One that came back may take so long to give its first sound: headsets on the air do."""

CHECK_NS = 200_000_000
_RETRY_NS = NS_PER_S
_PREFERRED_RATE_HZ = 48_000


class MicLine:
    """One open stream of a microphone and its ring.

    Attributes:
        ended: PortAudio gave the stream up.
    """

    def __init__(self, ring: BlockRing, rate_hz: int, clock: Clock, wake: Callable[[], None]) -> None:
        self.ring = ring
        self.rate_hz = rate_hz
        self.ended = False
        self.stream: Any = None
        self._now_ns = clock.now_ns
        self._wake = wake

    def callback(self, data: Any, frames: int, times: Any, status: Any) -> None:
        """PortAudio's: copy and return; the engine is woken only by the block that completes its micro-turn."""
        now_ns = self._now_ns()
        age_s = times.currentTime - times.inputBufferAdcTime
        self.ring.write(data, frames, now_ns, age_s, status.input_overflow)
        if self.ring.written >= self.ring.wake_at:
            self._wake()

    def finished(self) -> None:
        """PortAudio's, when the stream stops by itself."""
        self.ended = True


class Microphone:
    """The microphone `device` (a name, part of one, `default`); `open` and `close` it once.

    It is opened at 48 kHz mono where it can be, else at its own rate with all its channels. More than one channel is
    mixed down to their mean, so that nothing said into any of them is missed, unless `channel` picks one (0 is the
    first). It has no thread: whoever owns it calls `check` a few times a second.

    Args:
        rate_hz, channels: open exactly so, instead of what suits best.
        audio: shared with the loudspeaker of the same session.
    """

    def __init__(
        self,
        device: str | None,
        *,
        clock: Clock,
        blocksize_ms: int = 20,
        rate_hz: int | None = None,
        channels: int | None = None,
        channel: int | None = None,
        audio: AudioSystem | None = None,
    ) -> None:
        self._name = device or "default"
        self._clock = clock
        self._block_ms = blocksize_ms
        self._rate_hz, self._channels, self._channel = rate_hz, channels, channel
        self._audio = audio or AudioSystem()
        self._wake: Callable[[], None] = _nothing
        self._notes: list[tuple[int, Notice]] = []
        self._notes_lock = threading.Lock()
        self._line: MicLine | None = None
        self._info: TrackInfo | None = None
        self._alive_ns = 0
        self._checked_ns = 0
        self._retry_ns = 0
        self._attempts = 0
        self._returning = False
        self._overflows = 0

    @property
    def info(self) -> TrackInfo:
        """As asked for and as opened."""
        if self._info is None:
            raise RuntimeError("the microphone was not opened yet")
        return self._info

    @property
    def line(self) -> MicLine | None:
        """The open stream; None while the microphone is unplugged. Another object after each reopening."""
        return self._line

    @property
    def overflows(self) -> int:
        """Blocks that PortAudio flagged, so far."""
        line = self._line
        return self._overflows + (line.ring.overflows if line else 0)

    def open(self, wake: Callable[[], None]) -> None:
        """Open the stream and start it; `wake` is called whenever the ring has what the engine asked for.

        Raises:
            AppError: no such device, or it refuses every format.
        """
        self._wake = wake
        self._line = self._audio.opening(self._start)
        self._audio.join(self)
        self._alive_ns = self._checked_ns = self._clock.now_ns()

    def close(self) -> None:
        """Release the device; idempotent."""
        self._audio.leave(self)
        self._audio.opening(self._stop)

    def mono(self, block: npt.NDArray[np.int16]) -> Pcm:
        """One channel of int16 [n, channels]: the chosen one, or the mean of all."""
        if block.shape[1] == 1:
            return np.ascontiguousarray(block[:, 0])
        if self._channel is not None:
            return np.ascontiguousarray(block[:, self._channel])
        mean: Pcm = np.rint(block.sum(axis=1, dtype=np.int32) / block.shape[1]).astype(np.int16)
        return mean

    def pop_events(self, to_session_ns: Callable[[int], int]) -> list[Notice]:
        """What a person should know since the last call."""
        if not self._notes:
            return []
        with self._notes_lock:
            notes, self._notes = self._notes, []
        return [Notice(t_ns=to_session_ns(at), level=n.level, what=n.what, why=n.why, fix=n.fix) for at, n in notes]

    def lend(self) -> bool:
        return self._line is None

    def reclaim(self) -> None:
        """Nothing was lent but a closed stream."""

    def check(self, now_ns: int) -> int:
        """Notice that the device is gone or back; returns when to check again. Called by one thread."""
        stalled = now_ns - self._checked_ns > 3 * CHECK_NS
        self._checked_ns = now_ns
        line = self._line
        if line is None:
            if now_ns >= self._retry_ns:
                self._try_again(now_ns)
            return now_ns + CHECK_NS
        if stalled:
            # This process itself stood still; what the device delivered meanwhile is on its way.
            self._alive_ns = now_ns
        self._alive_ns = max(self._alive_ns, line.ring.last_callback_ns)
        waking = self._returning and not line.ring.last_callback_ns
        if line.ended or now_ns - self._alive_ns > (WAKING_NS if waking else SILENT_NS):
            self._lose(line, now_ns)
        elif self._returning and line.ring.last_callback_ns:
            self._returning = False
            self._note(now_ns, Notice(t_ns=0, level="info", what=f"The microphone “{self._name}” is back."))
        return now_ns + CHECK_NS

    def _lose(self, line: MicLine, now_ns: int) -> None:
        why = "The system has ended its stream." if line.ended else "It has given no sound for more than a second."
        self._audio.opening(self._stop)
        self._retry_ns = now_ns + _RETRY_NS
        if not self._returning:
            what = f"The microphone “{self._name}” does not answer any more."
            fix = "Plug it in again; the session goes on with silence until then."
            self._note(now_ns, Notice(t_ns=0, level="error", what=what, why=why, fix=fix))
        self._wake()

    def _try_again(self, now_ns: int) -> None:
        self._retry_ns = now_ns + _RETRY_NS
        self._attempts += 1
        try:
            if self._attempts % 2 == 0:
                self._audio.refresh(self)
            line = self._audio.opening(self._start)
        except AppError:
            # Said when it was lost; it is told again when it is back.
            return
        self._attempts = 0
        self._returning = True
        self._alive_ns = now_ns
        self._line = line
        self._wake()

    def _note(self, now_ns: int, notice: Notice) -> None:
        with self._notes_lock:
            self._notes.append((now_ns, notice))

    def _stop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            self._overflows += line.ring.overflows
            line.stream.close(ignore_errors=True)

    def _start(self) -> MicLine:
        device = resolve("input", self._name)
        sd = portaudio()
        first: Exception | None = None
        for rate_hz, channels in self._formats(device):
            try:
                return self._start_as(sd, device, rate_hz, channels)
            except sd.PortAudioError as error:
                first = first or error
        assert first is not None
        raise AppError(
            f"The microphone “{device.name}” cannot be opened.",
            reason(first),
            "Close other programs that use it, or choose another microphone.",
        ) from first

    def _formats(self, device: SoundDevice) -> list[tuple[int, int]]:
        rates = [self._rate_hz] if self._rate_hz else [_PREFERRED_RATE_HZ, device.rate_hz]
        counts = [self._channels] if self._channels else [1, min(2, device.channels), min(device.channels, 64)]
        if not self._channels and self._channel is not None:
            counts = [self._channel + 1, device.channels]
        wanted = [(rate, count) for count in counts for rate in rates if count <= device.channels]
        return list(dict.fromkeys(wanted)) or [(rates[0], device.channels)]

    def _start_as(self, sd: Any, device: SoundDevice, rate_hz: int, channels: int) -> MicLine:
        frames = rate_hz * self._block_ms // 1000
        ring = BlockRing(rate_hz=rate_hz, channels=channels, block_frames=frames)
        line = MicLine(ring, rate_hz, self._clock, self._wake)
        stream = sd.RawInputStream(
            samplerate=rate_hz,
            blocksize=frames,
            device=device.index,
            channels=channels,
            dtype="int16",
            latency="low",
            callback=line.callback,
            finished_callback=line.finished,
        )
        line.stream = stream
        try:
            stream.start()
        except sd.PortAudioError:
            stream.close(ignore_errors=True)
            raise
        asked = {"device": self._name, "rate_hz": self._rate_hz or _PREFERRED_RATE_HZ, "blocksize_ms": self._block_ms}
        actual = {
            "device": device.name,
            "host": device.host,
            "rate_hz": rate_hz,
            "measured_rate_hz": stream.samplerate,
            "channels": channels,
            "mixdown": "mean" if self._channel is None else f"channel {self._channel}",
            "latency_ms": round(stream.latency * 1000, 3),
        }
        self._info = TrackInfo(kind="device", name=device.name, asked=asked, actual=actual)
        return line


def _nothing() -> None:
    return None
