"""A stand-in for a voice: a syllable-shaped buzz as long as the word would take to say."""

from __future__ import annotations

import numpy as np

from tmlapp.core.media import AudioClip


def VOICE(text: str, rate_hz: int = 24_000) -> AudioClip:  # noqa: N802 - reads like the function of the program
    """About 0.45 s per short word, int16 mono, syllables rise and fall."""
    seconds = 0.25 + 0.05 * len(text)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    syllables = np.abs(np.sin(np.pi * t / seconds * max(1, len(text) // 3))) ** 0.7
    rough = np.random.default_rng(len(text)).uniform(0.5, 1.0, len(t))
    tone = np.sin(2 * np.pi * 140 * t) + 0.5 * np.sin(2 * np.pi * 420 * t)
    return AudioClip((tone * syllables * rough * 9000).astype(np.int16), rate_hz)
