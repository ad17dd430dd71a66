"""How loud a stretch of sound is."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FLOOR_DBFS = -120.0
"""What silence reads."""

_FULL = 32768.0
_CLIPPED = 32767


class Level(NamedTuple):
    """Peak and RMS in dB of full scale (a full-scale sine reads 0 and -3), and how many samples stand at full scale."""

    peak_dbfs: float
    rms_dbfs: float
    clipped: int


def peak_dbfs(pcm: npt.NDArray[np.int16]) -> float:
    """Peak of int16 samples of any shape in dB of full scale; -120.0 for silence or nothing."""
    if not pcm.size:
        return FLOOR_DBFS
    peak = max(int(pcm.max()), -int(pcm.min()))
    return max(FLOOR_DBFS, 20.0 * math.log10(peak / _FULL)) if peak else FLOOR_DBFS


def measure(pcm: npt.NDArray[np.int16]) -> Level:
    """The level of int16 samples of any shape."""
    if not pcm.size:
        return Level(FLOOR_DBFS, FLOOR_DBFS, 0)
    wide = pcm.astype(np.float64)
    mean_square = float(np.mean(wide * wide))
    rms = 10.0 * math.log10(mean_square / _FULL**2) if mean_square else FLOOR_DBFS
    clipped = int(np.count_nonzero((pcm >= _CLIPPED) | (pcm <= -_CLIPPED)))
    return Level(peak_dbfs(pcm), max(FLOOR_DBFS, rms), clipped)
