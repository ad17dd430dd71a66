"""What a speech engine gives, as the app plays it: mono PCM16 at 24 kHz, without silence around it, at one level."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import OUTPUT_RATE_HZ

_PEAK = 0.35
_LEAD_S, _TAIL_S = 0.010, 0.060
_AUDIBLE = 0.01
_RATES_HZ = range(4_000, 192_001)
"""Of real engines; at a rate of a few samples per second a short file would be hours of sound."""


def streamed_wav(raw: bytes, program: str = "the engine") -> tuple[Pcm, int]:
    """Samples and rate of a wav that was written to a pipe, whose header therefore gives no true lengths.

    Raises:
        AppError: it is no mono PCM16 wav.
    """
    problem = AppError("The voice failed.", f"What {program} gave is no mono PCM16 sound.", "Choose another voice.")
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise problem
    at, rate = 12, 0
    while at + 8 <= len(raw):
        name, size = raw[at : at + 4], struct.unpack_from("<I", raw, at + 4)[0]
        body = at + 8
        if name == b"fmt " and body + 16 <= len(raw):
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", raw, body)
            if (kind, channels, bits) != (1, 1, 16) or rate not in _RATES_HZ:
                raise problem
        elif name == b"data" and rate:
            data = raw[body : body + min(size, len(raw) - body)]
            return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16), rate
        at = body + size + size % 2
    raise problem


def polished(pcm: Pcm, rate_hz: int) -> Pcm:
    """`pcm` at 24 kHz without silence around it, at a soft level; empty if nothing can be heard."""
    sound = resampled(pcm.astype(np.float64) / 32768.0, rate_hz)
    peak = float(np.abs(sound).max(initial=0.0))
    if peak == 0.0:
        return np.zeros(0, dtype=np.int16)
    heard = np.flatnonzero(np.abs(sound) > _AUDIBLE * peak)
    first = max(0, int(heard[0]) - round(_LEAD_S * OUTPUT_RATE_HZ))
    last = min(len(sound), int(heard[-1]) + 1 + round(_TAIL_S * OUTPUT_RATE_HZ))
    cut = sound[first:last] * (_PEAK / peak)
    ramp = min(len(cut) // 2, round(0.002 * OUTPUT_RATE_HZ))
    if ramp:
        cut[:ramp] *= np.linspace(0.0, 1.0, ramp)
        cut[-ramp:] *= np.linspace(1.0, 0.0, ramp)
    return np.asarray(np.rint(cut * 32767.0), dtype=np.int16)


def resampled(sound: npt.NDArray[np.float64], rate_hz: int) -> npt.NDArray[np.float64]:
    """`sound` at 24 kHz, by its spectrum: exact for a whole phrase that begins and ends in silence."""
    if rate_hz == OUTPUT_RATE_HZ or not len(sound):
        return sound
    # Padding to a whole number of output samples keeps the ratio of the rates exact.
    step = rate_hz // np.gcd(rate_hz, OUTPUT_RATE_HZ)
    padded = np.pad(sound, (0, -len(sound) % step + step))
    length = len(padded) * OUTPUT_RATE_HZ // rate_hz
    spectrum = np.fft.rfft(padded)
    wide = np.zeros(length // 2 + 1, dtype=complex)
    kept = min(len(spectrum), len(wide))
    wide[:kept] = spectrum[:kept]
    return np.asarray(np.fft.irfft(wide, length) * (length / len(padded)))
