"""Sound and pictures as values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
"""Mono PCM16 samples, shape [n]."""

Picture = npt.NDArray[np.uint8]
"""A decoded picture, shape [height, width, 3]; the channel order is in the name of whoever holds it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera frame as it was stored and sent: the JPEG is the truth, pixels are made from it.

    Attributes:
        t_ns: session time at which the frame was grabbed.
        jpeg: the encoded picture; a model sees exactly these bytes decoded, live and in every replay.
        width, height: size in pixels.
        repeated: the camera gave nothing new (unplugged, stalled): the last frame stands in.
    """

    t_ns: int
    jpeg: bytes
    width: int
    height: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class AudioClip:
    """A stretch of mono PCM16 with its rate, for example a phrase of the voice."""

    pcm: Pcm
    rate_hz: int

    @property
    def duration_ns(self) -> int:
        return len(self.pcm) * 1_000_000_000 // self.rate_hz
