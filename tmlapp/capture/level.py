"""How loud a stretch of sound is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FLOOR_DBFS = -120.0
"""What silence reads."""

_FULL = 32768.0


def peak_dbfs(pcm: npt.NDArray[np.int16]) -> float:
    """Peak of int16 samples of any shape in dB of full scale; -120.0 for silence or nothing."""
    if not pcm.size:
        return FLOOR_DBFS
    peak = max(int(pcm.max()), -int(pcm.min()))
    return max(FLOOR_DBFS, 20.0 * math.log10(peak / _FULL)) if peak else FLOOR_DBFS
