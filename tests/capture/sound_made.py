"""Noise that can be located to the sample, and ways to run a feed without sleeping."""

from __future__ import annotations

import threading
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tmlapp.capture.device_feed import DeviceFeed
from tmlapp.core.event import Notice
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.resample import Resampler

PATIENCE_S = 20.0
MOST_TURNS = 200


def noise(seconds: float, rate_hz: int, seed: int = 1) -> Pcm:
    """White noise, every stretch of it unique."""
    return (np.random.default_rng(seed).standard_normal(int(seconds * rate_hz)) * 4000).astype(np.int16)


def write_wav(path: Path, pcm: Pcm, rate_hz: int, channels: int = 1) -> Path:
    """int16 [n] or [n, channels] as a WAV file."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(np.ascontiguousarray(pcm).tobytes())
    return path


def place_of(part: Pcm, whole: Pcm) -> int:
    """Where `part` begins in `whole`, by correlation."""
    size = 1 << (len(part) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole.astype(float), size) * np.conj(np.fft.rfft(part.astype(float), size))
    return int(np.fft.irfft(spectrum, size)[: len(whole)].argmax())


def decimated_exactly(captured: Pcm, source: Pcm, rate_hz: int) -> bool:
    """True if `captured` (16 kHz) is, bit for bit, what the resampler makes of some stretch of `source`."""
    for phase in range(rate_hz // 16_000):
        expected = Resampler(rate_hz, 16_000).push(source[phase:])
        at = place_of(captured, expected)
        if np.array_equal(expected[at : at + len(captured)], captured):
            return True
    return False


class Engine:
    """Stands for the session's engine thread: waits to be woken, polls."""

    def __init__(self, feed: DeviceFeed) -> None:
        self.feed = feed
        self.woken = threading.Event()
        self.turns: list[Captured] = []
        feed.open(self.woken.set)

    def run_until(self, enough: Callable[[list[Captured]], bool]) -> list[Captured]:
        """Poll until `enough` says so."""
        while not enough(self.turns):
            if not self.woken.wait(PATIENCE_S) or len(self.turns) > MOST_TURNS:
                raise TimeoutError(f"waited in vain, after {len(self.turns)} micro-turns")
            self.woken.clear()
            while (turn := self.feed.poll()) is not None:
                self.turns.append(turn)
        return self.turns

    def run(self, more: int) -> list[Captured]:
        """Poll until that many more micro-turns are there; returns those."""
        have = len(self.turns)
        self.run_until(lambda turns: len(turns) >= have + more)
        return self.turns[have:]

    def run_until_told(self, words: str) -> None:
        """Poll until a notice says these words."""
        self.run_until(lambda _: any(words in notice.what for notice in self.notices))

    @property
    def notices(self) -> list[Notice]:
        return [event for turn in self.turns for event in turn.events if isinstance(event, Notice)]

    @property
    def pcm(self) -> Pcm:
        return np.concatenate([turn.pcm for turn in self.turns])
