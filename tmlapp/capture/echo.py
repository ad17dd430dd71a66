"""The loudspeaker's sound is taken out of the microphone: WebRTC's AEC3 through pywebrtc-audio."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ

LIBRARY = "pywebrtc-audio"

FRAME_SAMPLES = SAMPLE_RATE_HZ // 100
"""10 ms at 16 kHz: what the canceller works on."""

DELAY_SAMPLES = 128
"""What comes out is so much behind what went in, always."""

DELAY_NS = DELAY_SAMPLES * NS_PER_S // SAMPLE_RATE_HZ


class EchoCanceller:
    """Follows one microphone and one loudspeaker; it adapts, so one instance belongs to one session.

    The loudspeaker's sound may lead its echo by up to about half a second, and must never come after it. What comes
    out is `DELAY_SAMPLES` late. It passes on nothing below about 100 Hz. One thread.

    Raises:
        AppError: the library is missing or does not load.
    """

    def __init__(self) -> None:
        self._canceller: Any = _library().EchoCanceller(sample_rate=SAMPLE_RATE_HZ)

    def process(self, near: Pcm, far: Pcm) -> Pcm:
        """What the microphone heard besides the loudspeaker.

        Args:
            near: int16 [160 * n], 16 kHz, as captured.
            far: int16 [160 * n], what the loudspeaker played in the same time.

        Returns:
            int16 [160 * n].

        Raises:
            ValueError: the two differ in length, or it is no multiple of 10 ms.
        """
        if near.shape != far.shape or near.ndim != 1 or len(near) % FRAME_SAMPLES:
            raise ValueError(f"echo needs two times int16 [n * {FRAME_SAMPLES}], not {near.shape} and {far.shape}")
        clean: Pcm = self._canceller.process(np.ascontiguousarray(near), np.ascontiguousarray(far))
        return clean

    def reset(self) -> None:
        """Forget the room, as after a pause in which everything may have changed."""
        self._canceller.reset()


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
