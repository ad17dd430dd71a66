"""Shards of measured streams: what training reads is what the front end of the graph sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.tiny.train import dataset  # noqa: E402 (needs torch)
from models.tiny.train.film import render  # noqa: E402
from models.tiny.train.offline import measure  # noqa: E402

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("seed", [0, 3])
def test_the_quick_front_end_measures_as_the_graph_does(seed: int) -> None:
    grey = render(np.random.default_rng(seed), 40).frames
    rgb = torch.from_numpy(np.repeat(grey[..., None], 3, 3).reshape(20, 2, 96, 128, 3))
    found = dataset.QuickFrontEnd().measure(grey)
    for quick, slow in zip(found, measure(rgb), strict=True):
        assert np.abs(quick - slow[0].numpy()).max() < 1e-3


def test_shards_are_read_back_and_not_made_twice(tmp_path: Path) -> None:
    dataset.make_shard(0, 7, tmp_path, clips=2, frames=30)
    dataset.make_shard(2, 7, tmp_path, clips=1, frames=30)
    arrays = dataset.load(tmp_path)
    shapes = {name: x.shape for name, x in arrays.items()}
    assert shapes == {"motion": (3, 30, 384), "look": (3, 30, 192), "cuts": (3, 30), "targets": (3, 30, 4)}
    again = dataset.make_clip(7, 1, 30)
    for name, x in again.items():
        assert np.array_equal(arrays[name][1], x)
    path = dataset.shard_path(tmp_path, 7, 0)
    written = path.stat().st_mtime_ns
    dataset.make_shard(0, 7, tmp_path, clips=2, frames=30)
    assert path.stat().st_mtime_ns == written


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no shards"):
        dataset.load(tmp_path)
