"""Who is heard while the loudspeaker plays: only its echo, or a person as well.

AEC3 suppresses what may be echo, and a person's words with it: they are noticed, but no longer understood. While a
person speaks, what the linear filter leaves is the better sound: the person is whole in it, with a little more echo.
Figures are in docs/echo.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tmlapp.capture.echo_linear import BLOCK_SAMPLES, Floats

_LOUDER = 6.0
"""A person speaks where so many times the power is left that the echo alone would leave."""

_PASSED = 0.1
"""AEC3 lets through at least so much of it, as power: it finds a person there too."""

_SUPPRESSED = 10**-0.8
"""Where AEC3 lets through less than this, there is nothing but echo: from there the filter's own error is learnt."""

_FLOOR = 100.0
"""Mean square that is not told from silence (about -70 dBFS)."""

_PLAYING = 1000.0
"""Mean square of an echo from which something is learnt."""

_ERROR, _LEAST_ERROR, _MOST_ERROR = 0.05, 0.002, 0.3
"""What the linear filter leaves of an echo, as a share of its power: at the beginning, and its bounds."""

_RISE, _FALL, _JUMP = 0.05, 0.02, 4.0
_DECAY = 0.6
"""An echo dies away: of its power, so much still counts a block later."""

_BEFORE, _AFTER = 4, 3
"""Blocks before and after one with a person that are his or hers too: words begin and end softly."""

_RAMP = 64
"""Samples in which one sound is faded into the other: 4 ms."""


class TalkGate:
    """Finds out, block by block, whether a person speaks; begins knowing nothing. One thread."""

    def __init__(self) -> None:
        self._error = _ERROR
        self._echo = 0.0
        self._left = 0
        self._fade: Floats = np.zeros(_RAMP - 1, np.float32)

    def mixed(self, clean: Floats, rest: Floats, echo: Floats, *, trusted: bool) -> Floats:
        """`clean` where the loudspeaker is alone, `rest` where a person speaks as well.

        What comes before a person's first loud sound is taken from `rest` only as far back as these samples go.

        Args:
            clean: float32 [640 * n], what AEC3 makes of `rest`.
            rest: the same shape, what the linear filter leaves.
            echo: the same shape, what it takes away.
            trusted: whether the filter knows the room; until then nobody is found.

        Returns:
            float32 [640 * n].
        """
        speaks = self._person(_powers(clean), _powers(rest), _powers(echo), trusted)
        share = np.concatenate([self._fade, np.repeat(speaks, BLOCK_SAMPLES).astype(np.float32)])
        self._fade = share[len(share) - (_RAMP - 1) :]
        weight = np.convolve(share, np.full(_RAMP, 1 / _RAMP, np.float32), "valid")
        return np.asarray(clean + weight * (rest - clean), np.float32)

    def _person(self, clean: Floats, rest: Floats, echo: Floats, trusted: bool) -> npt.NDArray[np.bool_]:
        """Whether a person speaks in each block, from mean squares."""
        found = np.zeros(len(rest), np.bool_)
        for k, (passed, left, taken) in enumerate(zip(clean.tolist(), rest.tolist(), echo.tolist(), strict=True)):
            self._echo = max(taken, _DECAY * self._echo)
            alone = _LOUDER * self._error * self._echo + _FLOOR
            if trusted and self._echo > _FLOOR and left > alone and passed > _PASSED * left:
                found[max(0, k - _BEFORE) : k] = True
                self._left = _AFTER + 1
            found[k] |= self._left > 0
            self._left = max(0, self._left - 1)
            if taken > _PLAYING and passed < _SUPPRESSED * left:
                self._learn(left / self._echo)
        return found

    def _learn(self, error: float) -> None:
        step = _RISE if error > self._error else _FALL
        self._error += step * (min(error, _JUMP * self._error) - self._error)
        self._error = min(max(self._error, _LEAST_ERROR), _MOST_ERROR)


def _powers(sound: Floats) -> Floats:
    return np.asarray(np.square(sound.reshape(-1, BLOCK_SAMPLES)).mean(axis=1), np.float32)
