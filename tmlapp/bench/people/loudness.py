"""Integrated loudness after ITU-R BS.1770-5 (LUFS) of mono sound, and sounds made equally loud.

K-weighting: the two biquads of the recommendation, given for 48 kHz, are designed anew for other rates from the analog
filters that they come from (as libebur128 does); at 48 kHz the coefficients are those of the recommendation to 1e-12.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tmlapp.bench.stats import Floats
from tmlapp.core.media import Pcm

MEASURE = "integrated loudness, ITU-R BS.1770-5, LUFS"
TARGET_LUFS = -23.0
"""As EBU R 128 has it; leaves room for peaks of speech."""

PEAK = 10 ** (-1 / 20)
"""No sample goes beyond -1 dBFS; a sound that would is left quieter."""

_BLOCK_S, _STEP_S = 0.4, 0.1
_ABSOLUTE, _RELATIVE, _OFFSET = -70.0, -10.0, -0.691
_FULL = 32768.0
_RESPONSE = 16384
"""Samples after which the slowest pole (38 Hz) has died away to less than 1e-12, up to 48 kHz."""


def k_weighting(rate_hz: int) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """(b, a) of the shelf and of the high-pass at `rate_hz`: float64 [3] each."""
    k = math.tan(math.pi * 1681.974450955533 / rate_hz)
    q, gain = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = gain**0.4996667741545416
    whole = 1 + k / q + k * k
    shelf_b = np.array([gain + middle * k / q + k * k, 2 * (k * k - gain), gain - middle * k / q + k * k]) / whole
    shelf_a = np.array([whole, 2 * (k * k - 1), 1 - k / q + k * k]) / whole
    k, q = math.tan(math.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    whole = 1 + k / q + k * k
    high_b = np.array([1.0, -2.0, 1.0])
    high_a = np.array([whole, 2 * (k * k - 1), 1 - k / q + k * k]) / whole
    return (shelf_b, shelf_a), (high_b, high_a)


def integrated_lufs(pcm: Pcm, rate_hz: int = 16_000) -> float | None:
    """Gated loudness of int16 [n] mono; None for silence, and for less than 0.4 s."""
    block, step = round(_BLOCK_S * rate_hz), round(_STEP_S * rate_hz)
    if len(pcm) < block:
        return None
    signal = pcm.astype(np.float64) / _FULL
    signal = _weighted(signal, rate_hz)
    sums = np.concatenate([[0.0], np.cumsum(signal * signal)])
    starts = np.arange(0, len(signal) - block + 1, step)
    power = (sums[starts + block] - sums[starts]) / block
    loud = power[power > 10 ** ((_ABSOLUTE - _OFFSET) / 10)]
    if not len(loud):
        return None
    threshold = loud.mean() * 10 ** (_RELATIVE / 10)
    return float(_OFFSET + 10 * math.log10(loud[loud > threshold].mean()))


def _weighted(signal: Floats, rate_hz: int) -> Floats:
    """Both filters over `signal`, by their impulse response: no loop over samples."""
    response = _response(rate_hz)
    size = 1 << (len(signal) + _RESPONSE - 1).bit_length()
    if size <= 1 << 20:
        return np.asarray(np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)[: len(signal)])
    return _overlap_added(signal, response)


@lru_cache(maxsize=4)
def _response(rate_hz: int) -> Floats:
    signal = np.zeros(_RESPONSE)
    signal[0] = 1.0
    for b, a in k_weighting(rate_hz):
        signal = _biquad(signal, b, a)
    return signal


def _biquad(signal: Floats, b: Floats, a: Floats) -> Floats:
    out = np.zeros(len(signal))
    b0, b1, b2, a1, a2 = (float(v) for v in (*b, *a[1:]))
    x1 = x2 = y1 = y2 = 0.0
    for n, x in enumerate(signal.tolist()):
        y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
        out[n] = y
        x1, x2, y1, y2 = x, x1, y, y1
    return out


def _overlap_added(signal: Floats, response: Floats) -> Floats:
    size = 1 << 18
    step = size - len(response) + 1
    spectrum = np.fft.rfft(response, size)
    out = np.zeros(len(signal) + size)
    for start in range(0, len(signal), step):
        part = np.fft.rfft(signal[start : start + step], size)
        out[start : start + size] += np.fft.irfft(part * spectrum, size)
    return out[: len(signal)]


def scaled(pcm: Pcm, gain: float) -> Pcm:
    """int16 [n] times `gain`, rounded, held inside the range."""
    return np.clip(np.rint(pcm.astype(np.float64) * gain), -32768, 32767).astype(np.int16)


def equally_loud(sounds: list[Pcm], target_lufs: float = TARGET_LUFS, rate_hz: int = 16_000) -> list[Pcm]:
    """`sounds` at one loudness: `target_lufs`, or as much less as the one with the highest peak needs."""
    measured = [integrated_lufs(pcm, rate_hz) for pcm in sounds]
    peaks = [float(np.abs(pcm.astype(np.int32)).max(initial=0)) / _FULL for pcm in sounds]
    reach = [
        loudness + 20 * math.log10(PEAK / peak)
        for loudness, peak in zip(measured, peaks, strict=True)
        if loudness is not None
    ]
    target = min([target_lufs, *reach])
    return [
        pcm if loudness is None else scaled(pcm, 10 ** ((target - loudness) / 20))
        for pcm, loudness in zip(sounds, measured, strict=True)
    ]
