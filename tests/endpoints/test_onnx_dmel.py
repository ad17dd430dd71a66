"""Mel bins against the test vectors of the contract."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tmlapp.endpoints.onnx_dmel import Dmel, filter_bank

pytestmark = pytest.mark.unit

Samples = npt.NDArray[np.float64]
N = np.arange(16_000)
SILENCE = np.zeros(16_000)
TONE = (0.5 * np.sin(2 * np.pi * 440 * N / 16_000)).astype(np.float32).astype(np.float64)
CLICK = np.where(N == 4000, 1.0, 0.0)
NOISE = (0.1 * np.random.RandomState(0).randn(16_000)).astype(np.float32).astype(np.float64)


def streamed(samples: Samples) -> npt.NDArray[np.int32]:
    dmel = Dmel()
    return np.concatenate([dmel.step(chunk)[0] for chunk in samples.reshape(-1, 3200)])


def test_silence() -> None:
    bins = streamed(SILENCE)
    assert bins.shape == (20, 80)
    assert bins.dtype == np.int32
    assert (bins == 2).all()
    assert bins.sum() == 3200


def test_a_tone() -> None:
    bins = streamed(TONE)
    assert bins.sum() == 4339
    assert bins[2, 10:13].tolist() == [12, 13, 11]
    assert (np.delete(bins[2], [10, 11, 12]) == 2).all()


def test_a_click() -> None:
    bins = streamed(CLICK)
    assert (bins.sum(), bins.min(), bins.max()) == (3840, 2, 10)


def test_noise() -> None:
    bins = streamed(NOISE)
    assert abs(int(bins.sum()) - 16_952) <= 2
    assert (bins.min(), bins.max()) == (9, 11)


@pytest.mark.parametrize("samples", [TONE, CLICK, NOISE], ids=["tone", "click", "noise"])
def test_chunks_give_the_same_as_the_whole(samples: Samples) -> None:
    assert np.array_equal(Dmel().step(samples)[0], streamed(samples))


def test_a_reset_forgets_the_last_samples() -> None:
    dmel = Dmel()
    dmel.step(NOISE[:3200])
    dmel.reset()
    assert np.array_equal(dmel.step(TONE[:3200]), Dmel().step(TONE[:3200]))


def test_pcm_is_scaled() -> None:
    pcm = np.full(3200, 16_384, dtype=np.int16)
    assert np.array_equal(Dmel().step_pcm(pcm), Dmel().step(np.full(3200, 0.5)))


def test_filters_have_the_area_of_slaney() -> None:
    bank = filter_bank()
    assert bank.shape == (801, 80)
    assert np.allclose(bank[:, 60:].sum(axis=0) * 10.0, 1.0, atol=0.02)
