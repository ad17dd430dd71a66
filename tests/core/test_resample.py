"""The resampler: exact counts, exact bits, and what it lets through."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.capture.sound_made import noise
from tmlapp.core.resample import Resampler, resample

pytestmark = pytest.mark.unit

RATES = (48_000, 44_100, 96_000, 32_000, 22_050, 11_025, 8_000, 16_000)


def _tone(freq_hz: float, rate_hz: int, seconds: float = 1.0) -> npt.NDArray[np.int16]:
    return np.rint(16_000 * np.sin(2 * np.pi * freq_hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(np.int16)


def _gain_db(freq_hz: float, rate_in: int, rate_out: int) -> float:
    out = Resampler(rate_in, rate_out).push(_tone(freq_hz, rate_in))[rate_out // 10 :].astype(float)
    return float(20 * np.log10(max(np.sqrt(np.mean(out**2)), 1e-3) / (16_000 / np.sqrt(2))))


@settings(max_examples=60, deadline=None)
@given(rate=st.sampled_from(RATES), cuts=st.lists(st.integers(0, 3000), min_size=1, max_size=12))
def test_any_way_of_cutting_the_input_gives_the_same_bits(rate: int, cuts: list[int]) -> None:
    source = noise(1.0, 40_000)[: sum(cuts)]
    whole = Resampler(rate, 16_000).push(source)
    stream = Resampler(rate, 16_000)
    parts = [stream.push(part) for part in np.split(source, np.cumsum(cuts)[:-1])]
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(whole) == -(-len(source) * 16_000 // rate)


@pytest.mark.parametrize("rate", RATES)
def test_it_says_beforehand_how_much_comes_out_of_how_much(rate: int) -> None:
    stream = Resampler(rate, 16_000)
    for wanted in (1, 3200, 3199, 7):
        frames = stream.frames_for(wanted)
        assert stream.count_after(frames) - stream.count_after(0) >= wanted
        if frames:
            assert stream.count_after(frames - 1) - stream.count_after(0) < wanted
        stream.push(np.zeros(frames, np.int16))


@pytest.mark.parametrize("rate", [48_000, 44_100, 96_000])
def test_speech_passes_and_what_would_fold_into_it_does_not(rate: int) -> None:
    for freq_hz in (100, 1000, 3000, 5000, 6000):
        assert abs(_gain_db(freq_hz, rate, 16_000)) < 0.1
    for freq_hz in (9_000, 10_000, 12_000, 15_500, 20_000):
        assert _gain_db(freq_hz, rate, 16_000) < -60


def test_the_loudspeakers_doubling_adds_no_mirror_image() -> None:
    out = resample(_tone(3000, 24_000), 24_000, 48_000).astype(float)[4800:-4800]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    freq_hz = np.fft.rfftfreq(len(out), 1 / 48_000)
    assert 20 * np.log10(spectrum[freq_hz > 15_000].max() / spectrum.max()) < -70


@pytest.mark.parametrize("rate", [48_000, 44_100, 8_000])
def test_the_delay_is_what_it_says(rate: int) -> None:
    click = np.zeros(rate, np.int16)
    click[rate // 2] = 20_000
    stream = Resampler(rate, 16_000)
    peak_ns = int(np.abs(stream.push(click)).argmax()) * 62_500
    assert abs(peak_ns - stream.delay_ns - 500_000_000) <= 62_500
    whole = resample(click, rate, 16_000)
    assert int(np.abs(whole).argmax()) == 8_000
    assert len(whole) == 16_000


def test_skipping_silence_is_pushing_silence() -> None:
    source = noise(0.3, 44_100)
    pushed, skipped = Resampler(44_100, 16_000), Resampler(44_100, 16_000)
    expected = [pushed.push(source), pushed.push(np.zeros(50_001, np.int16)), pushed.push(source)]
    ringing = skipped.ring_frames
    parts = [skipped.push(source), skipped.push(np.zeros(ringing, np.int16))]
    parts.append(np.zeros(skipped.skip(50_001 - ringing), np.int16))
    parts.append(skipped.push(source))
    assert np.array_equal(np.concatenate(parts), np.concatenate(expected))
    assert skipped.taken == pushed.taken


@pytest.mark.parametrize("rate", RATES)
def test_the_fast_way_gives_what_the_definition_gives(rate: int) -> None:
    source = noise(0.05, rate)
    stream = Resampler(rate, 16_000)
    bank, width = stream._bank, stream.ring_frames
    padded = np.concatenate((np.zeros(width), source.astype(float)))
    expected = []
    for output in range(stream.count_after(len(source))):
        newest, phase = divmod(output * rate // math.gcd(rate, 16_000), 16_000 // math.gcd(rate, 16_000))
        expected.append(np.rint(padded[newest + 1 : newest + 1 + width] @ bank[phase]))
    if rate != 16_000:
        assert np.array_equal(stream.push(source), np.clip(expected, -32768, 32767))


def test_full_scale_is_clipped_not_wrapped() -> None:
    square = np.where(np.arange(48_000) % 200 < 100, 32767, -32768).astype(np.int16)
    out = resample(square, 48_000, 16_000)
    assert out.max() == 32767
    assert out.min() == -32768


def test_one_rate_to_itself_changes_nothing_and_takes_no_time() -> None:
    source = noise(0.1, 16_000)
    assert np.array_equal(resample(source, 16_000, 16_000), source)
    assert Resampler(16_000, 16_000).delay_ns == 0


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Resampler(0, 16_000)
