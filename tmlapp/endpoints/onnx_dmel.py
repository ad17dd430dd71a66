"""Audio as 16-level mel bins every 50 ms (contract section 5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

HOP, WINDOW, BANDS, LEVELS = 800, 1600, 80, 16
_LOW, _HIGH = -7.0, 2.0
_LINEAR_HZ_PER_MEL = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0
_TOP_HZ = SAMPLE_RATE_HZ / 2
_TOP_MEL = _BREAK_MEL + np.log(_TOP_HZ / _BREAK_HZ) / _LOG_STEP

Doubles = npt.NDArray[np.float64]


def _to_hz(mel: Doubles) -> Doubles:
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)))


def filter_bank() -> Doubles:
    """Slaney mel filters of area one, [801 FFT bins, 80 bands], 0 to 8000 Hz."""
    edges = _to_hz(np.linspace(0.0, _TOP_MEL, BANDS + 2))
    bins = np.linspace(0.0, _TOP_HZ, WINDOW // 2 + 1)
    widths = np.diff(edges)
    slopes = edges[None, :] - bins[:, None]
    down = -slopes[:, :-2] / widths[:-1]
    up = slopes[:, 2:] / widths[1:]
    triangles = np.maximum(0.0, np.minimum(down, up))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2])), dtype=np.float64)


class Dmel:
    """The transform with its memory: the last 800 samples, zero at the start."""

    def __init__(self) -> None:
        self._filters = filter_bank()
        self._window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)
        self.tail: Doubles = np.zeros(HOP)

    def reset(self) -> None:
        self.tail = np.zeros(HOP)

    def step(self, samples: Doubles) -> npt.NDArray[np.int32]:
        """int32 [1, n/800, 80] for float samples [n] in [-1, 1), n a multiple of 800."""
        heard = np.concatenate([self.tail, samples])
        self.tail = heard[-HOP:].copy()
        frames = np.lib.stride_tricks.sliding_window_view(heard, WINDOW)[::HOP]
        spectrum = np.fft.rfft(frames * self._window, axis=1)
        magnitude = np.sqrt(np.maximum(spectrum.real**2 + spectrum.imag**2, 1e-10))
        level = np.clip(np.log10(np.maximum(magnitude @ self._filters, 1e-10)), _LOW, _HIGH)
        # The nearest centre with the lower one on ties is a ceiling, not a rounding to even.
        bins = np.ceil((level - _LOW) / ((_HIGH - _LOW) / (LEVELS - 1)) - 0.5)
        return np.clip(bins, 0, LEVELS - 1).astype(np.int32)[None]

    def step_pcm(self, pcm: Pcm) -> npt.NDArray[np.int32]:
        """The same for PCM16."""
        return self.step(pcm.astype(np.float64) / 32768.0)
