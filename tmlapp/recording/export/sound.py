"""The tracks of a recording as one sound: alone and untouched, mixed, or side by side."""

from __future__ import annotations

import math
import wave
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, ns_to_samples
from tmlapp.recording.export.pace import Pace, check_stretch, unfinished
from tmlapp.recording.reader import Recording

Sound = Literal["mix", "mic", "model", "heard", "stereo"]
"""`mic`, `model` (as received) and `heard` are tracks as they were recorded. `mix` is the microphone and what was heard
(as received where no loudspeaker was recorded), `stereo` has them left and right; where an echo canceller was at work,
both have what it left of the microphone, or the model would be heard twice."""

MIX_RATE_HZ = 48_000
"""A multiple of the rates of microphone and voice."""

BLOCK_NS = 10 * NS_PER_S
_TRACKS = {"mic": "/mic", "model": "/model/audio", "heard": "/model/heard"}
_HALF_WIDTH = 24
_KAISER_BETA = 9.0
_LARGEST_WAV = 2**32 - 2**16

Samples = npt.NDArray[np.float64]


class Source:
    """Sound of a recording at one rate, from any place on: `read` gives int16 [n, channels].

    Attributes:
        rate_hz: its rate. channels: 1 or 2.
    """

    def __init__(self, recording: Recording, sound: Sound) -> None:
        self._recording = recording
        user = recording.input_topic
        self._rates = {topic: recording.audio(topic, 0, 0)[1] for topic in (*_TRACKS.values(), user)}
        spoken = "/model/heard" if recording.places("/model/heard") else "/model/audio"
        self._alone = _TRACKS.get(sound)
        self._mixed: tuple[tuple[str, ...], ...]
        if self._alone is not None:
            self.rate_hz = self._rates[self._alone]
            self._mixed = ()
        else:
            self.rate_hz = MIX_RATE_HZ
            self._mixed = ((user, spoken),) if sound == "mix" else ((user,), (spoken,))
        self.channels = max(1, len(self._mixed))

    def read(self, first: int, n: int) -> Pcm:
        """Samples `first` to `first` + `n`, counted from the beginning of the session; silence outside it."""
        if self._alone is not None:
            return self._track(self._alone, first, n).reshape(-1, 1)
        out = np.empty((n, self.channels), np.float64)
        for i, topics in enumerate(self._mixed):
            out[:, i] = sum(self._converted(topic, first, n) for topic in topics)
        return np.clip(out.round(), -32768, 32767).astype(np.int16)

    def _track(self, topic: str, first: int, n: int, rate_hz: int | None = None) -> Pcm:
        rate = rate_hz or self.rate_hz
        pcm: Pcm = self._recording.audio(topic, _time_of(first, rate), _time_of(first + n, rate))[0]
        return pcm

    def _converted(self, topic: str, first: int, n: int) -> Samples:
        rate = self._rates[topic]
        step = math.gcd(rate, self.rate_hz)
        phases, stride = self.rate_hz // step, rate // step
        table = kernel(phases, max(1.0, rate / self.rate_hz))
        half = table.shape[1] // 2
        # Input sample at or before each output sample, and how far behind it that lies, in phases.
        at = np.arange(first, first + n, dtype=np.int64) * stride
        base, phase = at // phases, at % phases
        begin = int(base[0]) - half + 1
        pcm = self._track(topic, begin, int(base[-1]) + half + 1 - begin, rate).astype(np.float64)
        if not pcm.any():
            return np.zeros(n)
        out = np.empty(n)
        for p in np.unique(phase):
            mine = np.nonzero(phase == p)[0]
            offsets = base[mine] - half + 1 - begin
            windows = np.lib.stride_tricks.sliding_window_view(pcm, 2 * half)[offsets]
            out[mine] = windows @ table[p]
        return out


def _time_of(sample: int, rate_hz: int) -> int:
    """The first nanosecond that belongs to `sample`, so that `ns_to_samples` gives it back."""
    return -(-sample * NS_PER_S // rate_hz)


@lru_cache(maxsize=8)
def kernel(phases: int, narrower: float) -> Samples:
    """A windowed sinc for each place between two samples: float [phases, taps], each row with sum 1.

    Args:
        narrower: how much lower the new rate is; 1 where it is higher.
    """
    half = math.ceil(_HALF_WIDTH * narrower)
    away = np.arange(-half + 1, half + 1)[None, :] - np.arange(phases)[:, None] / phases
    shape = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (away / half) ** 2, 0, None)))
    table = np.sinc(away / narrower) * shape
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def write_wav(
    recording: Recording,
    path: Path,
    *,
    start_ns: int = 0,
    end_ns: int | None = None,
    sound: Sound = "mix",
    force: bool = False,
    pace: Pace | None = None,
) -> Path:
    """Write the sound from `start_ns` to `end_ns` (the end of the session if None) as 16-bit WAV.

    A single track keeps its rate and its samples; `mix` and `stereo` are at 48 kHz.

    Raises:
        AppError: the stretch is empty or too long for a WAV, `path` is there and `force` is false, or it cannot be
            written.
        StoppedError: the export was stopped.
    """
    end_ns = recording.duration_ns if end_ns is None else end_ns
    check_stretch(start_ns, end_ns, recording.duration_ns)
    source = Source(recording, sound)
    first, last = ns_to_samples(start_ns, source.rate_hz), ns_to_samples(end_ns, source.rate_hz)
    if (last - first) * 2 * source.channels > _LARGEST_WAV:
        raise AppError(
            f"{path.name} would be too large.", "A WAV file ends at 4 GB.", "Choose a shorter stretch, or one track."
        )
    tick, block = pace or Pace(), ns_to_samples(BLOCK_NS, source.rate_hz)
    with unfinished(path, force=force) as beside, wave.open(str(beside), "wb") as file:
        file.setnchannels(source.channels)
        file.setsampwidth(2)
        file.setframerate(source.rate_hz)
        for at in range(first, last, block):
            tick.at((at - first) / (last - first))
            file.writeframes(source.read(at, min(block, last - at)).astype("<i2").tobytes())
    tick.at(1.0)
    return path
