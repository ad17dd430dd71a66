"""Synthetic sources and the clap-and-flash measurement, also over a rendered file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.capture.media_made import file_feed, frame_times_ms, play, sound_of, write_video
from tmlapp.capture.selftest import measure_av_offset
from tmlapp.capture.synthetic import SyntheticFeed, clap
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def synthetic(kind: str, **options: float) -> SyntheticFeed:
    return SyntheticFeed(kind, realtime=False, clock=ManualClock(), **options)  # type: ignore[arg-type]


def test_the_tone_is_a_440_hz_sine_across_turn_borders() -> None:
    pcm = sound_of(play(synthetic("tone", duration_s=2))).astype(float)
    spectrum = np.abs(np.fft.rfft(pcm))
    assert np.argmax(spectrum) == 880
    assert spectrum[880] > 1000 * np.median(spectrum)


def test_the_length_is_rounded_up_to_whole_turns_and_frames_are_even() -> None:
    feed = synthetic("tone", duration_s=1.1)
    turns = play(feed)
    assert len(turns) == 6
    assert feed.info.duration_ns == 1_200_000_000
    assert frame_times_ms(turns) == pytest.approx([i * 1000 / 30 for i in range(36)])


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="organ"):
        synthetic("organ")


@pytest.mark.parametrize("offset_ms", [0, 100, 400, -100, -400])
def test_a_known_offset_is_measured(offset_ms: int) -> None:
    found = measure_av_offset(play(synthetic("clap", flash_after_ms=offset_ms)))
    assert found.median_ms == pytest.approx(offset_ms, abs=0.1)
    assert found.spread_ms == pytest.approx(0, abs=0.1)
    assert found.n in (9, 10)
    assert found.frame_ms == pytest.approx(1000 / 30, abs=0.01)


def test_an_offset_between_frames_is_seen_at_the_next_frame() -> None:
    found = measure_av_offset(play(synthetic("clap", flash_after_ms=40)))
    assert 40 <= found.median_ms <= 40 + found.frame_ms


def test_claps_that_cross_a_turn_border_are_found_once() -> None:
    turns = play(synthetic("clap"))
    shifted = [replace(t, index=t.index + 7) for t in turns]
    moved = [replace(t, frames=tuple(replace(f, t_ns=f.t_ns + 1_400_000_000) for f in t.frames)) for t in shifted]
    assert measure_av_offset(moved).median_ms == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("offset_ms", [0, 120, -80])
def test_the_offset_of_a_rendered_file_is_measured(tmp_path: Path, offset_ms: int) -> None:
    fps, rate = 50, 48_000
    sound = np.zeros(rate * 5, np.int16)
    hand = np.repeat(clap(), rate // 16_000)
    pictures = []
    for at in np.arange(0.5, 5, 1):
        sound[round(at * rate) :][: len(hand)] = hand
    for i in range(fps * 5):
        lit = (i / fps - 0.5 - offset_ms / 1000) % 1 < 0.1
        pictures.append(np.full((48, 64, 3), 240 if lit else 20, np.uint8))
    path = write_video(tmp_path / "clap.mkv", pictures, fps=fps, sound=sound, sound_rate=rate)
    found = measure_av_offset(play(file_feed(path, pad_before_s=1)))
    assert found.median_ms == pytest.approx(offset_ms, abs=1)
    assert found.n >= 4


def test_nothing_to_measure_is_an_error_that_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no flash"):
        measure_av_offset(play(synthetic("tone", duration_s=0.2)))
    with pytest.raises(AppError, match="no clap"):
        measure_av_offset([])
    turns = [replace(t, pcm=np.zeros(3200, np.int16)) for t in play(synthetic("clap", duration_s=2))]
    with pytest.raises(AppError, match="no clap"):
        measure_av_offset(turns)


def test_claps_and_flashes_far_apart_are_not_paired(tmp_path: Path) -> None:
    sound = np.zeros(16_000 * 3, np.int16)
    sound[:800] = clap()
    soundfile.write(tmp_path / "c.wav", sound, 16_000)
    pictures = [np.full((48, 64, 3), 240 if i >= 60 else 20, np.uint8) for i in range(90)]
    video = write_video(tmp_path / "v.mp4", pictures)
    with pytest.raises(AppError, match="do not belong together"):
        measure_av_offset(play(file_feed(video, tmp_path / "c.wav")))
