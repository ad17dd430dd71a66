"""The loudspeaker's sound is taken out of the microphone: a linear filter of our own, then WebRTC's AEC3.

AEC3 (through pywebrtc-audio) alone removes an echo well, but where the echo is as loud as a person or louder it takes
the person with it. What a linear filter can explain is exact and costs the person nothing, so that much goes first;
AEC3 finds less to suppress and lets the person through, and while a person speaks it is left out (`echo_talk`). See
docs/echo.md for figures.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from tmlapp.capture.echo_linear import BLOCK_SAMPLES, Floats, LinearEcho
from tmlapp.capture.echo_talk import TalkGate
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ

LIBRARY = "pywebrtc-audio"

DELAY_SAMPLES = 128
"""What comes out is so much behind what went in, always."""

DELAY_NS = DELAY_SAMPLES * NS_PER_S // SAMPLE_RATE_HZ

_TRUSTED_DB, _SPAN_DB = 5.0, 6.0
"""The linear filter counts from this loss on, and fully when it reaches so much more."""

_KNOWN = 0.5
"""Trust from which on what the linear filter leaves may be heard."""

_WRONG_DB = -0.5
_RISE, _TIRE, _FALL = 0.1, 0.01, 0.25
_KEPT = 0.8
_AUDIBLE = 10.0
"""Mean square of an estimated echo (about -80 dBFS) from which on it says something about the filter."""


class EchoCanceller:
    """Follows one microphone and one loudspeaker; it adapts, so one instance belongs to one session.

    The loudspeaker's sound may lead its echo by up to about half a second, and must never come after it. What comes
    out is `DELAY_SAMPLES` late. It passes on nothing below about 100 Hz. One thread.

    Raises:
        AppError: the library is missing or does not load.
    """

    def __init__(self) -> None:
        self._library = _library()
        self.reset()

    def reset(self) -> None:
        """Forget the room, as after a pause in which everything may have changed."""
        self._canceller: Any = self._library.EchoCanceller(sample_rate=SAMPLE_RATE_HZ)
        self._linear = LinearEcho()
        self._gate = TalkGate()
        self._waiting: Floats = np.zeros((2, DELAY_SAMPLES), np.float32)
        self.moved()

    def moved(self) -> None:
        """The loudspeaker's sound now stands elsewhere against its echo: the linear filter has to win trust anew.

        Until it has learnt that, it would add to the echo, and the rest of it would be taken for a person.
        """
        self._trust = 0.0
        self._before = self._after = 1.0

    def process(self, near: Pcm, far: Pcm) -> Pcm:
        """What the microphone heard besides the loudspeaker.

        Args:
            near: int16 [640 * n], 16 kHz, as captured.
            far: int16 [640 * n], what the loudspeaker played in the same time.

        Returns:
            int16 [640 * n].

        Raises:
            ValueError: the two differ in length, or it is no multiple of 40 ms.
        """
        if near.shape != far.shape or near.ndim != 1 or len(near) % BLOCK_SAMPLES:
            raise ValueError(f"echo needs two times int16 [n * {BLOCK_SAMPLES}], not {near.shape} and {far.shape}")
        echo = self._linear.estimate(near, far)
        before, self._trust = self._trust, self._judged(near, echo)
        taken = np.linspace(before, self._trust, len(near), dtype=np.float32) * echo
        rest = near - taken
        clean: Pcm = self._canceller.process(_integers(rest), np.ascontiguousarray(far))
        rest, taken = self._late(rest, taken)
        mixed = self._gate.mixed(clean.astype(np.float32), rest, taken, trusted=self._trust >= _KNOWN)
        return _integers(mixed)

    def _late(self, rest: Floats, taken: Floats) -> Floats:
        """Both [n], as late as what AEC3 makes of them: [2, n]."""
        both = np.concatenate([self._waiting, np.stack([rest, taken])], axis=1)
        self._waiting = both[:, len(rest) :]
        return both[:, : len(rest)]

    def _judged(self, near: Pcm, echo: Floats) -> float:
        """How much of the estimated echo is to be taken away, 0 to 1; changes slowly, so that AEC3 can follow."""
        if len(echo) == 0 or float(np.dot(echo, echo)) / len(echo) < _AUDIBLE:
            return self._trust
        sound = near.astype(np.float32)
        rest = sound - echo
        self._before = _KEPT * self._before + float(np.dot(sound, sound))
        self._after = _KEPT * self._after + float(np.dot(rest, rest))
        loss_db = 10 * np.log10(self._before / self._after)
        if loss_db < _WRONG_DB:
            # The room is another one now.
            return max(0.0, self._trust - _FALL)
        wanted = float(np.clip((loss_db - _TRUSTED_DB) / _SPAN_DB, 0.0, 1.0))
        # While a person speaks the loss shrinks and says little.
        return min(wanted, self._trust + _RISE) if wanted > self._trust else max(wanted, self._trust - _TIRE)


def _integers(sound: Floats) -> Pcm:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def library_version() -> str:
    """Name and version of the canceller, for the record."""
    return f"{LIBRARY} {version(LIBRARY)}"


def _library() -> Any:
    try:
        # Late: only a session with a microphone and a loudspeaker needs it.
        import pywebrtc_audio
    except ImportError as error:
        raise AppError(
            "The echo canceller cannot be loaded.",
            f"{error}.",
            "Install tmlapp again, or set echo to off and use headphones.",
        ) from error
    return pywebrtc_audio
