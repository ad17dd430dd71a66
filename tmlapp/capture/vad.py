"""Is somebody speaking?"""

from __future__ import annotations

import webrtcvad

from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
"""20 ms at 16 kHz."""


class VoiceActivity:
    """WebRTC's voice activity detector; it adapts, so one instance follows one track.

    `aggressiveness` runs from 0 (calls much of it speech) to 3 (only what surely is).
    """

    def __init__(self, aggressiveness: int = 2) -> None:
        self._vad = webrtcvad.Vad(aggressiveness)

    def push(self, pcm: Pcm) -> list[bool]:
        """One flag per 20 ms of int16 [n * 320] at 16 kHz: ten for a micro-turn.

        Raises:
            ValueError: the length is not a multiple of 320.
        """
        if len(pcm) % FRAME_SAMPLES:
            raise ValueError(f"voice activity needs a multiple of {FRAME_SAMPLES} samples, not {len(pcm)}")
        raw = pcm.tobytes()
        step = FRAME_SAMPLES * 2
        return [self._vad.is_speech(raw[at : at + step], SAMPLE_RATE_HZ) for at in range(0, len(raw), step)]
