"""Sources that need no file and no device: a tone, and a clap with a flash each second."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from tmlapp.capture.paced import PacedFeed, TurnContent, encode_jpeg
from tmlapp.core.clock import Clock
from tmlapp.core.feed import FeedInfo, TrackInfo
from tmlapp.core.media import Frame, Pcm, Picture
from tmlapp.core.units import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES, s_to_ns

SYNTHETIC_KINDS = frozenset({"tone", "clap"})

_TONE_HZ = 440.0
_TONE_PEAK = 0.25 * 32767
_CLAP_PEAK = 0.8 * 32767
_CLAP_DECAY_S = 0.008
_CLAP_SAMPLES = SAMPLE_RATE_HZ // 20
_FLASH_NS = 100 * NS_PER_MS
_FIRST_EVENT_NS = NS_PER_S // 2
_DARK, _BRIGHT = 24, 250


def clap(seed: int = 0) -> Pcm:
    """50 ms of a hand clap: noise that begins at once and decays; int16 [800] at 16 kHz."""
    noise = np.random.default_rng(seed).uniform(-1.0, 1.0, _CLAP_SAMPLES)
    noise[0] = 1.0
    decay = np.exp(-np.arange(_CLAP_SAMPLES) / (_CLAP_DECAY_S * SAMPLE_RATE_HZ))
    return np.rint(noise * decay * _CLAP_PEAK).astype(np.int16)


class SyntheticFeed(PacedFeed):
    """`tone`: 440 Hz at -12 dBFS and a bar that moves. `clap`: each second, from 0.5 s on, a clap and a white flash.

    Args:
        duration_s: rounded up to whole micro-turns.
        flash_after_ms: how long after its clap (before it, where negative) each flash is due; the picture that shows
            it first is the first frame not earlier than that.
    """

    def __init__(
        self,
        kind: str,
        *,
        realtime: bool,
        clock: Clock,
        duration_s: float = 10.0,
        fps: float = 30.0,
        width: int = 640,
        height: int = 480,
        flash_after_ms: float = 0.0,
        jpeg_quality: int = 85,
    ) -> None:
        super().__init__(realtime=realtime, clock=clock)
        if kind not in SYNTHETIC_KINDS:
            raise ValueError(f"no synthetic source {kind!r}")
        self._kind = kind
        self._turns = max(1, -(-s_to_ns(duration_s) // TURN_NS))
        self._fps = fps
        self._size = (width, height)
        self._flash_after_ns = round(flash_after_ms * NS_PER_MS)
        self._quality = jpeg_quality
        self._clap = clap()

    @property
    def info(self) -> FeedInfo:
        name = f"synthetic:{self._kind}"
        width, height = self._size
        return FeedInfo(
            mic=TrackInfo(kind="synthetic", name=name, actual={"rate_hz": SAMPLE_RATE_HZ, "channels": 1}),
            camera=TrackInfo(kind="synthetic", name=name, actual={"width": width, "height": height, "fps": self._fps}),
            realtime=self._realtime,
            duration_ns=self._turns * TURN_NS,
        )

    def _prepare(self) -> None:
        """Nothing to open."""

    def _release_sources(self) -> None:
        """Nothing is held open."""

    def _contents(self) -> Generator[TurnContent]:
        number = 0
        for index in range(self._turns):
            frames: list[Frame] = []
            while (t_ns := round(number * NS_PER_S / self._fps)) < (index + 1) * TURN_NS:
                width, height = self._size
                frames.append(Frame(t_ns, encode_jpeg(self._picture(t_ns), self._quality), width, height))
                number += 1
            pcm = self._tone(index) if self._kind == "tone" else self._claps(index)
            yield TurnContent(index, pcm, tuple(frames))

    def _tone(self, index: int) -> Pcm:
        n = np.arange(index * TURN_SAMPLES, (index + 1) * TURN_SAMPLES)
        return np.rint(np.sin(2 * np.pi * _TONE_HZ * n / SAMPLE_RATE_HZ) * _TONE_PEAK).astype(np.int16)

    def _claps(self, index: int) -> Pcm:
        pcm = np.zeros(TURN_SAMPLES, np.int16)
        first = index * TURN_SAMPLES
        start = SAMPLE_RATE_HZ * _FIRST_EVENT_NS // NS_PER_S
        while start < first + TURN_SAMPLES:
            low, high = max(start, first), min(start + _CLAP_SAMPLES, first + TURN_SAMPLES)
            if low < high:
                pcm[low - first : high - first] = self._clap[low - start : high - start]
            start += SAMPLE_RATE_HZ
        return pcm

    def _picture(self, t_ns: int) -> Picture:
        width, height = self._size
        picture = np.full((height, width, 3), _DARK, np.uint8)
        if self._kind == "tone":
            left = int(t_ns * width // (2 * NS_PER_S) % width)
            picture[:, left : left + max(1, width // 40)] = _BRIGHT
        else:
            since_ns = (t_ns - _FIRST_EVENT_NS - self._flash_after_ns) % NS_PER_S
            begun = t_ns >= _FIRST_EVENT_NS + self._flash_after_ns
            if begun and since_ns < _FLASH_NS:
                picture[:] = _BRIGHT
        return picture
