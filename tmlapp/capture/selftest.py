"""Measures how far the picture is from the sound, by claps and flashes that happen at the same moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame, Pcm
from tmlapp.core.units import NS_PER_MS, TURN_NS, TURN_SAMPLES, samples_to_ns

_PAIR_NS = 450 * NS_PER_MS
_QUIET_SAMPLES = 4_800
_LOUD_SHARE = 0.35
_LEAST_PEAK = 1_000
_LEAST_CONTRAST = 20.0


class HasMedia(Protocol):
    """What is measured: a `Captured` or a `MicroTurn`."""

    @property
    def index(self) -> int: ...
    @property
    def pcm(self) -> Pcm: ...
    @property
    def frames(self) -> tuple[Frame, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AvOffset:
    """How much later the picture is than the sound (negative: earlier).

    Attributes:
        median_ms: over all pairs.
        spread_ms: between the 10th and the 90th percentile.
        n: pairs of a clap and a flash.
        frame_ms: time between frames; a flash is seen up to this much after it happened.
    """

    median_ms: float
    spread_ms: float
    n: int
    frame_ms: float


def measure_av_offset(turns: Iterable[HasMedia]) -> AvOffset:
    """The offset over consecutive micro-turns of claps with flashes, about one second apart.

    Offsets beyond ±450 ms cannot be told from the neighbouring pair and are not found.

    Raises:
        AppError: no clap, no flash, or no two that belong together.
    """
    pcm: list[Pcm] = []
    times: list[int] = []
    light: list[float] = []
    first: int | None = None
    for turn in turns:
        first = turn.index if first is None else first
        pcm.append(turn.pcm)
        for frame in turn.frames:
            times.append(frame.t_ns)
            light.append(_brightness(frame))
    start_ns = (first or 0) * TURN_NS
    claps = [start_ns + samples_to_ns(n) for n in clap_onsets(np.concatenate(pcm) if pcm else np.zeros(0, np.int16))]
    flashes = [times[i] for i in flash_onsets(np.asarray(light))]
    if not claps or not flashes:
        missing = "clap" if not claps else "flash"
        raise AppError(
            f"The offset between sound and picture was not measured: no {missing} was found.",
            f"{len(claps)} claps and {len(flashes)} flashes stand out in {len(pcm) * TURN_SAMPLES / 16_000:.1f} s.",
            "Clap in front of the camera, or play the clap-and-flash clip to it, in a dim and quiet room.",
        )
    offsets = [f - min(claps, key=lambda c: abs(f - c)) for f in flashes]
    near = np.asarray([o for o in offsets if abs(o) <= _PAIR_NS], np.float64) / NS_PER_MS
    if not near.size:
        raise AppError(
            "The offset between sound and picture was not measured: claps and flashes do not belong together.",
            "No flash lies within 0.45 s of a clap.",
            "Let both happen at the same moment.",
        )
    low, high = np.percentile(near, [10, 90])
    frame_ms = float(np.median(np.diff(times))) / NS_PER_MS if len(times) > 1 else 0.0
    return AvOffset(median_ms=float(np.median(near)), spread_ms=float(high - low), n=int(near.size), frame_ms=frame_ms)


def _brightness(frame: Frame) -> float:
    picture = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
    if picture is None:
        raise ValueError(f"the frame at {frame.t_ns} ns is no JPEG")
    return float(picture.mean())


def clap_onsets(pcm: Pcm) -> list[int]:
    """Samples at which a sudden loud sound begins, after at least 0.3 s without one."""
    level = np.abs(pcm.astype(np.int32))
    if not level.size or int(level.max()) < _LEAST_PEAK:
        return []
    loud = np.flatnonzero(level >= _LOUD_SHARE * level.max())
    begins = np.flatnonzero(np.diff(loud, prepend=-_QUIET_SAMPLES - 1) > _QUIET_SAMPLES)
    return [int(n) for n in loud[begins]]


def flash_onsets(light: npt.NDArray[np.float64]) -> list[int]:
    """Frames at which the mean brightness rises through the middle between its darkest and its brightest."""
    if light.size < 2 or float(np.ptp(light)) < _LEAST_CONTRAST:
        return []
    bright = light > (light.min() + light.max()) / 2
    return [int(i) + 1 for i in np.flatnonzero(bright[1:] & ~bright[:-1])]
