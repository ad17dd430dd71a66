"""The linear part of an echo: a filter that follows the room, block by block, in the frequency domain.

A Kalman filter with diagonal uncertainty over partitions of the room's answer (after Enzner and Vary, "Frequency-domain
adaptive Kalman filter for acoustic echo control", 2006). It slows down by itself while somebody speaks, because what it
cannot explain counts as noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

BLOCK_SAMPLES = SAMPLE_RATE_HZ // 25
"""40 ms: what one step takes."""

_PARTITIONS = 10
"""Delay and room together may take 400 ms."""

_WANDERS = 0.999**2
"""How much of the room is still the same after a block."""

_NOISE_KEPT = 0.95
_TINY = np.float32(1e-9)

Floats = npt.NDArray[np.float32]


class LinearEcho:
    """Follows one way from a loudspeaker to a microphone; begins knowing nothing. One thread."""

    def __init__(self) -> None:
        shape = (_PARTITIONS, BLOCK_SAMPLES + 1)
        self._filter = np.zeros(shape, np.complex64)
        self._doubt = np.ones(shape, np.float32)
        self._far = np.zeros(shape, np.complex64)
        self._last: Floats = np.zeros(BLOCK_SAMPLES, np.float32)
        self._noise: Floats = np.full(BLOCK_SAMPLES + 1, 1e-2, np.float32)

    def estimate(self, near: Pcm, far: Pcm) -> Floats:
        """The echo of `far` in `near` (int16 [640 * n] each) as far as it is known by now: float32, in their scale."""
        scale = np.float32(1 / 32768)
        found = [
            self._block(near[at : at + BLOCK_SAMPLES] * scale, far[at : at + BLOCK_SAMPLES] * scale)
            for at in range(0, len(near), BLOCK_SAMPLES)
        ]
        return np.asarray(np.concatenate([*found, np.zeros(0, np.float32)]) / scale, np.float32)

    def _block(self, near: Floats, far: Floats) -> Floats:
        self._far[1:] = self._far[:-1].copy()
        self._far[0] = np.fft.rfft(np.concatenate((self._last, far)))
        self._last = far
        power = _power(self._far)
        error = np.zeros(2 * BLOCK_SAMPLES, np.float32)
        error[BLOCK_SAMPLES:] = near - self._echo()
        spectrum = np.fft.rfft(error)
        self._noise = _NOISE_KEPT * self._noise + np.float32(1 - _NOISE_KEPT) * _power(spectrum)
        gain = self._doubt / ((power * self._doubt).sum(axis=0) / 2 + self._noise + _TINY)
        change = np.fft.irfft(np.conj(self._far) * (gain * spectrum), axis=1)
        # Each partition answers for one block of time.
        change[:, BLOCK_SAMPLES:] = 0
        self._filter += np.fft.rfft(change, axis=1)
        self._doubt *= np.maximum(1 - gain * power / 2, 0) * np.float32(_WANDERS)
        self._doubt += np.float32(1 - _WANDERS) * _power(self._filter)
        return self._echo()

    def _echo(self) -> Floats:
        whole = np.fft.irfft((self._far * self._filter).sum(axis=0))
        return np.asarray(whole[BLOCK_SAMPLES:], np.float32)


def _power(spectrum: npt.NDArray[np.complexfloating[Any, Any]]) -> Floats:
    return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
