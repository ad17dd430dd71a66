"""Voice activity by the graph of Silero VAD 6.2.3, through onnxruntime and numpy: no torch.

The rule follows `get_speech_timestamps` of silero-vad 6.2.3 (MIT, see models/silero); sample for sample the same on
16 kHz sound. Its limit on the length of a stretch is left out: the default is none, and no benchmark sets one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.bench.transcripts.base import VoiceActivity
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ
from tmlapp.endpoints.hearing.silero import SHA256, VERSION, WINDOW, SileroGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class VadParams:
    """The parameters of `get_speech_timestamps`, with its defaults.

    Attributes:
        threshold: from this probability on there is speech.
        neg_threshold: below it there is none any more; None: `max(threshold - 0.15, 0.01)`.
        min_speech_ms: shorter stretches are left out.
        min_silence_ms: a stretch ends after this much silence.
        pad_ms: added on either side, at most half of the silence in between.
    """

    threshold: float = 0.5
    neg_threshold: float | None = None
    min_speech_ms: int = 250
    min_silence_ms: int = 100
    pad_ms: int = 30


class VoiceActivityDetector:
    """Finds the stretches with voice in 16 kHz mono sound. One graph, one thread; may be used for many sounds.

    Raises:
        AppError: the graph is missing, is not that of 6.2.3, or cannot be run.
    """

    def __init__(self, path: Path | None = None, params: VadParams | None = None) -> None:
        self.params = params or VadParams()
        self._graph = SileroGraph(path)

    def __call__(self, pcm: Pcm) -> VoiceActivity:
        """Stretches in seconds, to the sample."""
        segments = tuple((a / SAMPLE_RATE_HZ, b / SAMPLE_RATE_HZ) for a, b in self.timestamps(pcm))
        return VoiceActivity(segments_s=segments, provenance=self.provenance())

    def timestamps(self, pcm: Pcm) -> list[tuple[int, int]]:
        """Begin and end of each stretch of `pcm` (int16 [n], 16 kHz) in samples."""
        return segments_of(self.probabilities(pcm), len(pcm), self.params)

    def seconds(self, pcm: Pcm) -> list[tuple[float, float]]:
        """As `get_speech_timestamps(..., return_seconds=True)`: rounded to 0.1 s."""
        return rounded(self(pcm).segments_s, len(pcm) / SAMPLE_RATE_HZ)

    def probabilities(self, pcm: Pcm) -> list[float]:
        """Probability of speech in each window of 512 samples; the last one is filled up with silence."""
        filled = np.zeros(-(-len(pcm) // WINDOW) * WINDOW, np.int16)
        filled[: len(pcm)] = pcm
        return self._graph.stream().push(filled)

    def provenance(self) -> dict[str, Any]:
        """Version and sha256 of the graph, and the parameters."""
        return {"vad": "silero", "version": VERSION, "sha256": SHA256, **asdict(self.params)}


def segments_of(probabilities: Sequence[float], samples: int, params: VadParams | None = None) -> list[tuple[int, int]]:
    """Stretches with voice, in samples, of a sound of `samples` samples at 16 kHz."""
    use = params or VadParams()
    off = max(use.threshold - 0.15, 0.01) if use.neg_threshold is None else use.neg_threshold
    least_speech = SAMPLE_RATE_HZ * use.min_speech_ms / 1000
    least_silence = SAMPLE_RATE_HZ * use.min_silence_ms / 1000
    found: list[tuple[int, int]] = []
    begin: int | None = None
    # 0 means "no end in sight", as in the original; an end cannot lie there, since something began before it.
    end = 0
    for i, probability in enumerate(probabilities):
        at = WINDOW * i
        if probability >= use.threshold:
            end = 0
            if begin is None:
                begin = at
                continue
        if probability < off and begin is not None:
            end = end or at
            if at - end >= least_silence:
                if end - begin > least_speech:
                    found.append((begin, end))
                begin, end = None, 0
    if begin is not None and samples - begin > least_speech:
        found.append((begin, samples))
    return _padded(found, samples, SAMPLE_RATE_HZ * use.pad_ms / 1000)


def _padded(found: Iterable[tuple[int, int]], samples: int, pad: float) -> list[tuple[int, int]]:
    begins, ends = (list(side) for side in zip(*found, strict=True)) if found else ([], [])
    for i in range(len(begins)):
        if i == 0:
            begins[0] = int(max(0, begins[0] - pad))
        if i == len(begins) - 1:
            ends[i] = int(min(samples, ends[i] + pad))
            continue
        silence = begins[i + 1] - ends[i]
        share = silence // 2 if silence < 2 * pad else pad
        ends[i] = int(min(samples, ends[i] + share))
        begins[i + 1] = int(max(0, begins[i + 1] - share))
    return list(zip(begins, ends, strict=True))


def rounded(segments_s: Iterable[tuple[float, float]], duration_s: float) -> list[tuple[float, float]]:
    """Stretches rounded to 0.1 s, none ending after the sound, as `return_seconds=True` gives them."""
    return [(max(round(a, 1), 0), min(round(b, 1), duration_s)) for a, b in segments_s]


def merged(segments_s: Iterable[tuple[float, float]], gap_s: float) -> list[tuple[float, float]]:
    """Stretches with pauses of up to `gap_s` closed."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(segments_s):
        if found and begin - found[-1][1] <= gap_s:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found
