"""Is the take good? Level, clipping and noise of the microphone while it is being recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmlapp.capture.level import FLOOR_DBFS, peak_dbfs
from tmlapp.capture.vad import FRAME_SAMPLES, VoiceActivity
from tmlapp.core.event import Event, Gap
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import TURN_SAMPLES
from tmlapp.live.observer import BlankObserver

CLIP_LEVEL = 32_700
"""From here on (0.02 dB below full scale) a sample counts as clipped."""

_FULL = 32768.0
_LEAST_FRAMES = 10
_BINS_PER_DB = 4
_BINS = round(-FLOOR_DBFS) * _BINS_PER_DB + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSound:
    """What was heard up to `t_ns` of the session. Levels in dB of full scale, -120 for silence.

    Attributes:
        now_peak_dbfs, now_rms_dbfs: of the newest micro-turn.
        peak_dbfs, clipped: highest level and clipped samples since the count-in ended.
        voice_s: seconds with voice since then.
        noise_dbfs: median level of the frames (20 ms) without voice, the count-in included; None below 0.2 s of them.
            The median, because the ends of words are often taken for pauses.
        snr_db: level of the frames with voice, the noise taken off, above the noise; None while either is unknown.
        lost_s: seconds of the microphone that are missing.
    """

    t_ns: int = 0
    now_peak_dbfs: float = FLOOR_DBFS
    now_rms_dbfs: float = FLOOR_DBFS
    peak_dbfs: float = FLOOR_DBFS
    clipped: int = 0
    voice_s: float = 0.0
    noise_dbfs: float | None = None
    snr_db: float | None = None
    lost_s: float = 0.0


class TakeWatch(BlankObserver):
    """Measures each micro-turn on the engine thread (under 0.1 ms); `sound` may be read from any thread."""

    def __init__(self, count_in_ns: int = 0) -> None:
        self.sound = TakeSound()
        self._count_in = count_in_ns * 16 // 1_000_000
        self._vad = VoiceActivity()
        self._voiced = [0, 0.0]
        self._quiet: npt.NDArray[np.int64] = np.zeros(_BINS, np.int64)
        self._lost_ns = 0
        self._voice_frames = 0

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:  # noqa: ARG002 - an observer's form
        """Measure one micro-turn."""
        take = turn.pcm[max(0, self._count_in - turn.index * TURN_SAMPLES) :]
        self._frames(turn.pcm, turn.index)
        before, noise = self.sound, self._noise_dbfs()
        self.sound = TakeSound(
            t_ns=turn.end_ns,
            now_peak_dbfs=peak_dbfs(turn.pcm),
            now_rms_dbfs=_power_db(float(np.mean(np.square(turn.pcm, dtype=np.float64)))),
            peak_dbfs=max(before.peak_dbfs, peak_dbfs(take)),
            clipped=before.clipped + int(np.count_nonzero((take >= CLIP_LEVEL) | (take <= -CLIP_LEVEL))),
            voice_s=round(self._voice_frames * 0.02, 2),
            noise_dbfs=noise,
            snr_db=self._snr_db(noise),
            lost_s=round(self._lost_ns / 1e9, 3),
        )

    def on_event(self, event: Event) -> None:
        """Count what the microphone lost."""
        if isinstance(event, Gap) and event.track == "mic":
            self._lost_ns += event.dur_ns

    def _frames(self, pcm: Pcm, index: int) -> None:
        powers: npt.NDArray[np.float64] = np.square(pcm.reshape(-1, FRAME_SAMPLES), dtype=np.float64).mean(axis=1)
        for n, (voice, power) in enumerate(zip(self._vad.push(pcm), powers, strict=True)):
            if not voice:
                self._quiet[round((_power_db(float(power)) - FLOOR_DBFS) * _BINS_PER_DB)] += 1
                continue
            self._voiced[0] += 1
            self._voiced[1] += float(power)
            if index * TURN_SAMPLES + n * FRAME_SAMPLES >= self._count_in:
                self._voice_frames += 1

    def _noise_dbfs(self) -> float | None:
        frames = int(self._quiet.sum())
        if frames < _LEAST_FRAMES:
            return None
        middle = int(np.searchsorted(np.cumsum(self._quiet), (frames + 1) // 2))
        return FLOOR_DBFS + middle / _BINS_PER_DB

    def _snr_db(self, noise_dbfs: float | None) -> float | None:
        frames, power = self._voiced
        if noise_dbfs is None or frames < _LEAST_FRAMES:
            return None
        # Digital silence reads as half a step of 16 bits, so that the ratio stays a number.
        noise = max(10 ** (noise_dbfs / 10) * _FULL**2, 0.25)
        return 10.0 * math.log10(max(power / frames - noise, 0.25) / noise)


def _power_db(power: float) -> float:
    return max(FLOOR_DBFS, 10.0 * math.log10(power / _FULL**2)) if power > 0 else FLOOR_DBFS
