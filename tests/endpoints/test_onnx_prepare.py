"""Micro-turns become tensors: pictures at the contract's times, in the contract's shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.endpoints.minimodel import mini_manifest, write_model
from tests.endpoints.talk import frame, turn
from tmlapp.core.media import Frame
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, TURN_NS
from tmlapp.endpoints.onnx_manifest import FramesSpec, Manifest, read_manifest
from tmlapp.endpoints.onnx_prepare import Preparer, decode, fit, patch_grid, patches, target_size

pytestmark = pytest.mark.unit

SPEC = FramesSpec(kind="rgb_u8", count=2, height=24, width=32)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return read_manifest(write_model(tmp_path, manifest=mini_manifest()))


def reds(pictures: np.ndarray) -> list[int]:
    """Red of the middle of each picture, rounded to tens."""
    return [round(int(v), -1) for v in pictures[0, :, 12, 16, 0]]


def at(ms: float, red: int) -> Frame:
    return frame(round(ms * NS_PER_MS), colour=(0, 0, red))


# ---------------------------------------------------------------- sound


def test_sound_is_float_of_16_bits(manifest: Manifest) -> None:
    pcm = np.array([-32768, 32767, 0] + [0] * 3197, dtype=np.int16)
    audio = Preparer(manifest).prepare(MicroTurn(0, pcm)).inputs["audio"]
    assert audio.dtype == np.float32
    assert audio.shape == (1, 3200)
    assert audio[0, :3].tolist() == [-1.0, 32767 / 32768, 0.0]


def test_mel_bins_are_given_where_the_manifest_wants_them(manifest: Manifest) -> None:
    preparer = Preparer(replace(manifest, audio="dmel"))
    assert preparer.prepare(turn(0, level=9)).inputs["dmel"].shape == (1, 4, 80)
    kept = preparer.memory()
    after = preparer.prepare(turn(1)).inputs["dmel"]
    preparer.reset()
    preparer.restore(kept)
    assert np.array_equal(preparer.prepare(turn(1)).inputs["dmel"], after)


def test_a_blind_and_deaf_model_gets_nothing(manifest: Manifest) -> None:
    preparer = Preparer(replace(manifest, audio="none", frames=None))
    assert preparer.prepare(turn(0, frames=[at(0, 200)])).inputs == {}
    assert preparer.memory()["last"].size == 0


# ---------------------------------------------------------------- which picture


def test_before_the_first_picture_there_is_black(manifest: Manifest) -> None:
    done = Preparer(manifest).prepare(turn(0))
    assert not done.inputs["frames"].any()
    assert done.inputs["frames"].shape == (1, 2, 24, 32, 3)
    assert done.inputs["frames"].dtype == np.uint8
    assert done.repeated == 2


def test_each_time_gets_the_newest_picture_at_or_before_it(manifest: Manifest) -> None:
    frames = [at(0, 50), at(100, 100), at(100.001, 150), at(199.9, 200)]
    done = Preparer(manifest).prepare(turn(0, frames=frames))
    assert reds(done.inputs["frames"]) == [100, 200]
    assert done.repeated == 0


def test_thirds_of_a_micro_turn_are_exact(manifest: Manifest) -> None:
    assert manifest.frames is not None
    preparer = Preparer(replace(manifest, frames=replace(manifest.frames, count=3)))
    frames = [Frame(t, at(0, red).jpeg, 64, 48) for t, red in ((66_666_666, 50), (66_666_667, 100), (133_333_334, 150))]
    assert reds(preparer.prepare(turn(0, frames=frames)).inputs["frames"]) == [50, 100, 150]


def test_the_last_picture_is_carried_over(manifest: Manifest) -> None:
    preparer = Preparer(manifest)
    preparer.prepare(turn(0, frames=[at(50, 50), at(150, 100)]))
    done = preparer.prepare(turn(1, frames=[at(350, 200)]))
    assert (reds(done.inputs["frames"]), done.repeated) == ([100, 200], 1)
    still = preparer.prepare(turn(2))
    assert (reds(still.inputs["frames"]), still.repeated) == ([200, 200], 2)


def test_a_picture_that_stands_in_counts_as_repeated(manifest: Manifest) -> None:
    stand_in = replace(at(150, 100), repeated=True)
    assert Preparer(manifest).prepare(turn(0, frames=[at(50, 50), stand_in])).repeated == 1


def test_skipping_repeats_the_last_picture_and_decodes_nothing(manifest: Manifest) -> None:
    preparer = Preparer(manifest)
    preparer.prepare(turn(0, frames=[at(50, 50)]))
    broken = Frame(TURN_NS + 1, b"not decoded", 64, 48)
    done = preparer.prepare(turn(1, frames=[broken, at(350, 200)]), skip_frames=True)
    assert (reds(done.inputs["frames"]), done.skipped, done.undecodable) == ([50, 50], 2, 0)
    assert reds(preparer.prepare(turn(2)).inputs["frames"]) == [200, 200]


@pytest.mark.parametrize("data", [b"", b"no picture", frame(0).jpeg[:60]], ids=["empty", "noise", "cut"])
def test_a_picture_that_cannot_be_decoded_is_counted_and_the_last_stands_in(manifest: Manifest, data: bytes) -> None:
    preparer = Preparer(manifest)
    preparer.prepare(turn(0, frames=[at(150, 100)]))
    done = preparer.prepare(turn(1, frames=[Frame(TURN_NS, data, 64, 48)]))
    assert (reds(done.inputs["frames"]), done.undecodable) == ([100, 100], 1)


# ---------------------------------------------------------------- which shape


@pytest.mark.parametrize(
    ("fit_name", "size", "scaled"),
    [
        ("letterbox", (640, 360), (32, 18)),
        ("letterbox", (360, 640), (14, 24)),
        ("crop", (640, 360), (43, 24)),
        ("crop", (360, 640), (32, 57)),
        ("stretch", (640, 360), (32, 24)),
        ("letterbox", (2000, 3), (32, 1)),
    ],
)
def test_sizes(fit_name: str, size: tuple[int, int], scaled: tuple[int, int]) -> None:
    assert target_size(*size, replace(SPEC, fit=fit_name)) == scaled


def test_letterbox_puts_black_bars_and_red_first() -> None:
    out = fit(np.full((360, 640, 3), (10, 20, 200), np.uint8), SPEC)
    assert out.shape == (24, 32, 3)
    assert not out[:3].any()
    assert not out[21:].any()
    assert out[12, 16].tolist() == [200, 20, 10]


def test_crop_takes_the_middle() -> None:
    picture = np.zeros((24, 64, 3), np.uint8)
    picture[:, 16:48] = 255
    assert (fit(picture, replace(SPEC, fit="crop")) == 255).all()


def test_stretch_fills_everything_and_small_pictures_grow() -> None:
    out = fit(np.full((6, 6, 3), 77, np.uint8), replace(SPEC, fit="stretch"))
    assert (out == 77).all()


def test_the_decoder_may_halve_a_picture_but_never_below_twice_the_target() -> None:
    for width, height, halved in ((640, 480, 8), (512, 384, 8), (510, 382, 4), (128, 96, 2), (126, 94, 1), (20, 15, 1)):
        picture = decode(frame(0, width, height), SPEC)
        assert picture is not None
        assert picture.shape[1] == -(-width // halved)
        assert halved == 1 or picture.shape[1] >= 64


def test_halving_in_the_decoder_changes_next_to_nothing() -> None:
    y, x = np.mgrid[0:480, 0:640]
    smooth = np.stack([x % 256, (x + y) // 8, y // 2], axis=2).astype(np.uint8)
    smooth = np.asarray(cv2.GaussianBlur(smooth, (0, 0), 9), dtype=np.uint8)
    data = cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    reduced = decode(Frame(0, data.tobytes(), 640, 480), SPEC)
    assert reduced is not None
    whole = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    difference = fit(reduced, SPEC, size=(640, 480)).astype(int) - fit(whole, SPEC)
    assert np.abs(difference).max() <= 6
    assert np.abs(difference).mean() <= 1


# ---------------------------------------------------------------- patches


def test_patches_are_cut_row_by_row_and_scaled() -> None:
    spec = FramesSpec(kind="patches40", count=1, height=80, width=120)
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[40:80, 80:120] = 255
    out = patches([picture, picture], spec)
    assert out.shape == (1, 6, 2, 40, 40, 3)
    assert out.dtype == np.float32
    white = (1.0 - np.array([0.48145466, 0.4578275, 0.40821073])) / [0.26862954, 0.26130258, 0.27577711]
    assert np.allclose(out[0, 5, 0, 0, 0], white, atol=1e-6)
    assert np.allclose(
        out[0, 4, 0, 0, 0],
        -np.array([0.48145466, 0.4578275, 0.40821073]) / [0.26862954, 0.26130258, 0.27577711],
        atol=1e-6,
    )


@pytest.mark.parametrize(("rule", "count"), [("exact", 48), ("inkling", 54)])
def test_the_number_of_patches_of_240_by_320(rule: str, count: int) -> None:
    rows, columns = patch_grid(FramesSpec(kind="patches40", count=1, height=240, width=320, patch_rule=rule))
    assert rows * columns == count


def test_padding_is_minus_one_before_scaling() -> None:
    spec = FramesSpec(kind="patches40", count=1, height=40, width=40, patch_rule="inkling")
    out = patches([np.zeros((40, 40, 3), np.uint8)], spec)
    assert out.shape == (1, 2, 1, 40, 40, 3)
    assert np.allclose(out[0, 1, 0, 0, 0, 0], (-1 / 255 - 0.48145466) / 0.26862954, atol=1e-6)


def test_one_picture_is_repeated_or_the_two_newest_are_given(manifest: Manifest) -> None:
    spec = FramesSpec(kind="patches40", count=1, height=40, width=40)
    frames = [at(10, 100), at(20, 200)]
    once = Preparer(replace(manifest, frames=spec)).prepare(turn(0, frames=frames)).inputs["patches"]
    assert np.array_equal(once[0, 0, 0], once[0, 0, 1])
    last_two = replace(spec, temporal_source="last_two")
    preparer = Preparer(replace(manifest, frames=last_two))
    black = preparer.prepare(turn(0)).inputs["patches"]
    assert np.array_equal(black[0, 0, 0], black[0, 0, 1])
    both = preparer.prepare(turn(1, frames=frames)).inputs["patches"]
    assert both[0, 0, 0, 20, 20, 0] < both[0, 0, 1, 20, 20, 0]
    assert np.array_equal(preparer.prepare(turn(2)).inputs["patches"], both)
    fresh = Preparer(replace(manifest, frames=last_two)).prepare(turn(0, frames=frames[:1])).inputs["patches"]
    assert np.array_equal(fresh[0, 0, 0], fresh[0, 0, 1])
