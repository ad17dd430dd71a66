"""The pyramid of a waveform: exact, quick at every resolution, and kept."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.recording.parts import record
from tmlapp.core.errors import AppError
from tmlapp.recording import peak_cache
from tmlapp.recording.peak_cache import PeakCache, peaks_aside, peaks_of
from tmlapp.recording.peaks import BUCKET, PeakBuilder, Peaks, build_peaks
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit


def noise(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32768, 32768, n).astype(np.int16)


def by_hand(pcm: np.ndarray, start: float, end: float, n: int) -> list[tuple[int, int]]:
    edges = [start + i * ((end - start) / n) for i in range(n + 1)]
    found = []
    for a, b in itertools.pairwise(edges):
        low, high = int(np.floor(a)), max(int(np.ceil(b)), int(np.floor(a)) + 1)
        part = pcm[max(0, low) : max(0, high)]
        found.append((int(part.min()), int(part.max())) if len(part) else (0, 0))
    return found


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(0, 3000),
    start=st.floats(-500, 3000, allow_nan=False),
    width=st.floats(0.5, 3500, allow_nan=False),
    n=st.integers(1, 90),
)
@example(size=0, start=-0.5, width=1.0, n=1)
def test_fine_columns_are_exact_to_the_sample(size: int, start: float, width: float, n: int) -> None:
    assume(width / n < 256)
    pcm = noise(size)
    low, high = Peaks.of(pcm, 16_000).columns(start, start + width, n)
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == by_hand(pcm, start, start + width, n)


@pytest.mark.parametrize("per_column", [300, 1024, 5000, 70_000])
def test_coarse_columns_hold_every_sample_and_look_no_further_than_a_bucket(per_column: int) -> None:
    pcm = noise(400_000)
    # A needle in each column must never be lost, and silence stays silence a bucket away from it.
    pcm[:] = 0
    pcm[123_456] = 20_000
    peaks = Peaks.of(pcm, 16_000)
    n = len(pcm) // per_column
    _, high = peaks.columns(0, n * per_column, n)
    place = min(123_456 // per_column, n - 1)
    if place * per_column <= 123_456 < (place + 1) * per_column:
        assert high[place] == 20_000
    assert set(np.flatnonzero(high).tolist()) <= {place - 1, place, place + 1}


def test_without_the_sound_columns_are_as_coarse_as_a_bucket() -> None:
    pcm = noise(10_000)
    builder = PeakBuilder(16_000)
    for at in range(0, len(pcm), 777):
        builder.add(pcm[at : at + 777])
    peaks = builder.peaks()
    assert (peaks.samples, peaks.duration_ns) == (10_000, 625_000_000)
    low, high = peaks.columns(100, 110, 10)
    assert low.tolist() == [int(pcm[64:128].min())] * 10
    assert high.tolist() == [int(pcm[64:128].max())] * 10
    assert peaks.columns(100, 110, 10, (90, pcm[90:120]))[0].tolist() == pcm[100:110].tolist()
    # Sound of another place is no help.
    assert peaks.columns(100, 110, 10, (105, pcm[105:120]))[0].tolist() == low.tolist()


def test_the_last_bucket_may_be_short_and_columns_outside_are_zero() -> None:
    peaks = Peaks(16_000, BUCKET + 3, np.array([[-5, 5], [-7, 7]], np.int16))
    low, high = peaks.columns(-BUCKET, 4 * BUCKET, 5)
    assert (low.tolist(), high.tolist()) == ([0, -5, -7, 0, 0], [0, 5, 7, 0, 0])
    assert Peaks.of(noise(0), 16_000).columns(0, 100, 3)[0].tolist() == [0, 0, 0]
    assert len(Peaks.of(noise(10), 16_000).columns(0, 10, 0)[0]) == 0


def test_a_recording_is_built_in_stretches_that_join_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording.open(record(tmp_path, 12))
    heard: list[float] = []
    for topic in ("/mic", "/model/audio", "/model/heard"):
        whole = Peaks.of(*recording.audio(topic))
        monkeypatch.setattr("tmlapp.recording.peaks._STRETCH_S", 1)
        built = build_peaks(recording, topic, heard.append)
        assert (built.rate_hz, built.samples) == (whole.rate_hz, whole.samples)
        assert np.array_equal(built.finest, whole.finest)
    assert heard[-1] == 1.0
    assert len(heard) == 9


def test_what_was_built_is_kept_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording.open(record(tmp_path, 3))
    first = peaks_of(recording, "/mic")
    monkeypatch.setattr(peak_cache, "build_peaks", None)
    again = peaks_of(recording, "/mic")
    assert np.array_equal(first.finest, again.finest)
    assert (again.rate_hz, again.samples) == (16_000, 9600)


def test_a_file_that_changed_is_built_anew(tmp_path: Path) -> None:
    path = record(tmp_path, 3)
    cache = PeakCache(tmp_path / "cache")
    peaks_of(Recording.open(path), "/mic", cache=cache)
    assert cache.get(path, "/mic") is not None
    os.utime(path, ns=(1, 1))
    assert cache.get(path, "/mic") is None


@pytest.mark.parametrize("damage", ["cut", "flipped head", "flipped data", "empty", "foreign"])
def test_a_damaged_cache_is_built_anew(tmp_path: Path, damage: str) -> None:
    recording = Recording.open(record(tmp_path, 3))
    cache = PeakCache(tmp_path / "cache")
    first = peaks_of(recording, "/mic", cache=cache)
    (file,) = (tmp_path / "cache").iterdir()
    packed = bytearray(file.read_bytes())
    if damage == "flipped head":
        packed[25] ^= 1
    elif damage == "flipped data":
        packed[-1] ^= 1
    whole = bytes(packed)
    file.write_bytes({"cut": whole[:-7], "empty": b"", "foreign": b"x" * 100}.get(damage, whole))
    assert cache.get(recording.path, "/mic") is None
    assert np.array_equal(peaks_of(recording, "/mic", cache=cache).finest, first.finest)
    assert cache.get(recording.path, "/mic") is not None


def test_a_cache_folder_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    recording = Recording.open(record(tmp_path, 3))
    (tmp_path / "file").write_bytes(b"")
    cache = PeakCache(tmp_path / "file")
    assert peaks_of(recording, "/mic", cache=cache).samples == 9600
    assert not cache.keep(recording.path, "/mic", peaks_of(recording, "/mic", cache=cache))


def test_the_cache_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path, 3)
    cache = PeakCache(tmp_path / "cache")
    for topic in ("/mic", "/model/audio"):
        peaks_of(Recording.open(path), topic, cache=cache)
    os.utime(cache._place(path, "/mic"), ns=(1, 1))
    monkeypatch.setattr(peak_cache, "_LIMIT_BYTES", 3000)
    peaks_of(Recording.open(path), "/model/heard", cache=cache)
    left = {topic for topic in ("/mic", "/model/audio", "/model/heard") if cache.get(path, topic) is not None}
    assert left == {"/model/audio", "/model/heard"}


def test_a_process_of_its_own_builds_the_same_and_keeps_it(tmp_path: Path) -> None:
    path = record(tmp_path, 12)
    heard: list[float] = []
    aside = peaks_aside(path, "/mic", tell=heard.append)
    assert np.array_equal(aside.finest, Peaks.of(*Recording.open(path).audio("/mic")).finest)
    assert heard == [1.0]
    assert np.array_equal(peaks_aside(path, "/mic").finest, aside.finest)
    other = peaks_aside(path, "/model/audio")
    assert other.rate_hz == 24_000


def test_what_goes_wrong_in_the_process_is_told_in_three_sentences(tmp_path: Path) -> None:
    path = tmp_path / "foreign.mcap"
    path.write_bytes(b"nothing of ours" * 10)
    with pytest.raises(AppError) as caught:
        peaks_aside(path, "/mic")
    assert caught.value.what == "foreign.mcap is not a recording."


def test_a_damaged_file_can_not_become_a_stale_waveform(tmp_path: Path) -> None:
    path = record(tmp_path, 3)
    heard: list[float] = []
    packed = peak_cache.packed_peaks(path, "/mic", heard.append)
    assert heard == [1.0]
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match="of another file"):
        peak_cache._unpacked(packed, peak_cache._key(path, "/mic"))
