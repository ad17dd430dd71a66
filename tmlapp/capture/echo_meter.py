"""How much of the loudspeaker's sound the canceller takes out of the microphone, and how late its echo comes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tmlapp.capture.echo import DELAY_SAMPLES
from tmlapp.capture.vad import FRAME_SAMPLES as VOICE_SAMPLES
from tmlapp.capture.vad import VoiceActivity
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

_SECOND = SAMPLE_RATE_HZ
FRAME_SAMPLES = SAMPLE_RATE_HZ // 100
_LOUD = 32768.0**2 * 10 ** (-45 / 10)
_TAIL = 20
"""Frames of 10 ms in which a room still answers."""
_LEAST_FRAMES = 20
_ABOVE_NOISE = 4.0
_DOWN = 4
_SPAN = _SECOND // 2
_DISTINCT = 8.0
_FORGET = 0.7

Floats = npt.NDArray[np.float64]


class EchoMeter:
    """Fed with every micro-turn; measures once per second of sound. One thread writes, any may read.

    Attributes:
        loss_db: echo return loss enhancement over the last second, 10 log10 of the energy of the microphone before and
            after, where the loudspeaker was heard and nobody else; None where that was too seldom, or the echo does not
            stand out of the noise.
        delay_ms: from the sound card to the microphone, by cross-correlation; None while it cannot be told.
    """

    def __init__(self) -> None:
        self.loss_db: float | None = None
        self.delay_ms: float | None = None
        self._activity = VoiceActivity(3)
        self._raw: Pcm = np.zeros(_SECOND + DELAY_SAMPLES, np.int16)
        self._clean: Pcm = np.zeros(_SECOND, np.int16)
        self._far: Pcm = np.zeros(_SECOND + _SPAN, np.int16)
        self._voice = np.zeros(_SECOND // VOICE_SAMPLES, np.bool_)
        self._floor: float | None = None
        self._cross: npt.NDArray[np.complex128] | None = None
        self._new = 0

    def push(self, raw: Pcm, clean: Pcm, far: Pcm) -> None:
        """One micro-turn: as captured, as processed, and what the loudspeaker played; int16 [3200] each."""
        self._raw, self._clean, self._far = (
            np.concatenate((kept[len(new) :], new))
            for kept, new in ((self._raw, raw), (self._clean, clean), (self._far, far))
        )
        voice = np.asarray(self._activity.push(clean), np.bool_)
        self._voice = np.concatenate((self._voice[len(voice) :], voice))
        self._new += len(raw)
        if self._new >= _SECOND:
            self._new = 0
            self._measure()

    def _measure(self) -> None:
        far = _energies(self._far)
        raw, clean = _energies(self._raw[:_SECOND]), _energies(self._clean)
        self.delay_ms = self._delay_ms() if (far > _LOUD).sum() >= _LEAST_FRAMES else self.delay_ms
        quietest = float(np.percentile(raw, 10))
        # A quiet moment counts at once, noise that rises does in some ten seconds.
        self._floor = quietest if self._floor is None else min(quietest, self._floor * 1.3 + 1.0)
        late = round(self.delay_ms / 10) if self.delay_ms is not None else 0
        reach = _TAIL if self.delay_ms is not None else _SPAN // FRAME_SAMPLES
        played = np.convolve(far > _LOUD, np.ones(reach))[: len(far)] > 0
        played = played[_SPAN // FRAME_SAMPLES - late :][: len(raw)]
        alone = played & ~np.repeat(self._voice, VOICE_SAMPLES // FRAME_SAMPLES)
        before, after = float(raw[alone].sum()), float(clean[alone].sum())
        heard = alone.sum() >= _LEAST_FRAMES and before > alone.sum() * (_ABOVE_NOISE * self._floor)
        self.loss_db = round(10 * float(np.log10(before / max(after, 1.0))), 1) if heard else None

    def _delay_ms(self) -> float | None:
        """By generalised cross-correlation with phase transform at 4 kHz, averaged over the last seconds."""
        far, raw = _low(self._far), _low(self._raw[-_SECOND:])
        size = 2 * len(far)
        cross = np.conj(np.fft.rfft(far, size)) * np.fft.rfft(raw, size)
        cross /= np.abs(cross) + 1e-9
        self._cross = cross if self._cross is None else _FORGET * self._cross + cross
        # `far` began half a second earlier.
        lags = np.roll(np.fft.irfft(self._cross, size), _SPAN // _DOWN)[: _SPAN // _DOWN]
        at = int(lags.argmax())
        distinct = lags[at] > _DISTINCT * np.sqrt(np.mean(lags**2))
        return at * _DOWN * 1000 / SAMPLE_RATE_HZ if distinct else None


def _energies(sound: Pcm) -> Floats:
    """Mean square of each 10 ms."""
    return np.asarray((sound.reshape(-1, FRAME_SAMPLES).astype(np.float64) ** 2).mean(axis=1))


def _low(sound: Pcm) -> Floats:
    return np.asarray(sound.reshape(-1, _DOWN).mean(axis=1))
