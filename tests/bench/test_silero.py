"""Voice activity: the stretches that silero-vad 6.2.3 itself finds, to the sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.bench.transcripts.placement import read_wav
from tmlapp.bench.transcripts.silero import (
    SHA256,
    VadParams,
    VoiceActivityDetector,
    merged,
    rounded,
    segments_of,
)
from tmlapp.config.paths import silero_model
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def vad() -> VoiceActivityDetector:
    return VoiceActivityDetector()


# Begin and end in samples as the package silero-vad 6.2.3 gave them, with its torch model and with its graph alike.
OFFICIAL = {
    "openai__whisper/jfk.wav": [(5152, 36320), (52256, 71136), (86048, 122848), (130592, 169952)],
    "Uberi__speech_recognition/english.wav": [(1056, 8160), (16416, 25056), (31776, 41952)],
    "cmusphinx__pocketsphinx/goforward.wav": [(7712, 36832)],
    "pyannote__pyannote-audio/sample.wav": [(108064, 115680), (121888, 286688), (288800, 345568), (348704, 480000)],
    "felixchenfy__Speech-Commands-Classification-by-LSTM-PyTorch/running_tap.wav": [],
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_real_speech_is_cut_where_the_official_package_cuts_it(
    name: str, vad: VoiceActivityDetector, shared_data: Path
) -> None:
    pcm = read_wav(shared_data / "speech" / name)
    assert vad.timestamps(pcm) == OFFICIAL[name]
    assert vad(pcm).segments_s == tuple((a / 16_000, b / 16_000) for a, b in OFFICIAL[name])


def test_seconds_are_rounded_as_full_duplex_bench_reads_them(vad: VoiceActivityDetector, shared_data: Path) -> None:
    pcm = read_wav(shared_data / "speech/openai__whisper/jfk.wav")
    assert vad.seconds(pcm) == [(0.3, 2.3), (3.3, 4.4), (5.4, 7.7), (8.2, 10.6)]
    assert rounded([(0.04, 1.26)], 1.23) == [(0.0, 1.23)]


# Probabilities (value, times), samples, parameters, stretches: from get_speech_timestamps_from_probs of 6.2.3.
RULE: list[tuple[list[tuple[float, int]], int, dict[str, Any], list[tuple[int, int]]]] = [
    ([(0.5, 7), (0.4, 5), (0, 6), (0.51, 3)], 10_531,
     {"threshold": 0.1, "min_speech_ms": 64, "min_silence_ms": 32}, [(0, 6624), (8736, 10_531)]),
    ([(0.49, 8), (0.2, 3), (0, 4), (0.49, 4), (0.34, 5)], 11_804,
     {"threshold": 0.1, "min_speech_ms": 0, "min_silence_ms": 0, "neg_threshold": 0.3},
     [(0, 4352), (4352, 5600), (7200, 11_804)]),
    ([(0.34, 3), (0.5, 3), (0.9, 1), (0, 6), (0.34, 7), (0.35, 5)], 12_643,
     {"threshold": 0.1, "min_speech_ms": 0, "min_silence_ms": 0, "pad_ms": 500}, [(0, 5120), (5120, 12_643)]),
    ([(0.35, 2), (0.49, 4), (0, 8), (0.51, 8)], 10_912,
     {"threshold": 0.3, "min_speech_ms": 64}, [(0, 3552), (6688, 10_912)]),
    ([], 0, {}, []),
]  # fmt: skip


@pytest.mark.parametrize(("runs", "samples", "params", "expected"), RULE)
def test_probabilities_become_stretches_by_the_official_rule(
    runs: list[tuple[float, int]], samples: int, params: dict[str, Any], expected: list[tuple[int, int]]
) -> None:
    probabilities = [p for p, times in runs for _ in range(times)]
    assert segments_of(probabilities, samples, VadParams(**params)) == expected


@given(st.lists(st.floats(0, 1), max_size=80), st.integers(0, 511))
def test_stretches_are_in_order_inside_the_sound_and_never_overlap(found: list[float], short: int) -> None:
    samples = max(0, len(found) * 512 - short)
    flat = [t for segment in segments_of(found, samples) for t in segment]
    assert flat == sorted(flat)
    assert all(0 <= t <= samples for t in flat)


def test_merging_closes_pauses_up_to_the_gap_inclusive() -> None:
    assert merged([(2.25, 3.0), (0.0, 1.0), (1.5, 1.7)], 0.5) == [(0.0, 1.7), (2.25, 3.0)]
    assert merged([(0.0, 3.0), (1.0, 2.0)], 0.0) == [(0.0, 3.0)]


def test_silence_and_nothing_hold_no_voice(vad: VoiceActivityDetector) -> None:
    assert vad.timestamps(np.zeros(16_000, np.int16)) == []
    assert vad.timestamps(np.zeros(0, np.int16)) == []
    assert len(vad.probabilities(np.zeros(513, np.int16))) == 2


def test_version_hash_and_parameters_are_stated(vad: VoiceActivityDetector) -> None:
    about = vad(np.zeros(100, np.int16)).provenance
    assert (about["vad"], about["version"], about["sha256"], about["threshold"]) == ("silero", "6.2.3", SHA256, 0.5)


def test_any_other_graph_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "silero_vad.onnx"
    with pytest.raises(AppError, match="cannot be read"):
        VoiceActivityDetector(other)
    other.write_bytes(silero_model().read_bytes() + b"\0")
    with pytest.raises(AppError, match=r"not the graph of silero-vad 6\.2\.3"):
        VoiceActivityDetector(other)
