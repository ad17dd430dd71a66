"""Training batches: rendered streams in ever new variations, drawn figures and abstract movements."""

from __future__ import annotations

import multiprocessing as mp
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.tiny.train.augment import Stream, varied
from models.tiny.train.config import LAGS
from models.tiny.train.figures import CLEAR, POSE_DIMS, WIDE, Style, disturb, draw, edit, embed
from models.tiny.train.rows import EXTRAS, ROW_KINDS, batch_rows, quick_stats
from models.tiny.train.trajectory import Trajectory, make_trajectory, quick_noise

VIEWS = 2
"""Different disturbances of each drawn figure in one batch."""
AHEAD = 3
"""Batches under way per worker."""


@dataclass(frozen=True)
class Mix:
    """What one batch holds; every stream has the same number of frames."""

    rendered: int
    figures: int
    """Drawn figures, each in VIEWS disturbances."""
    abstract: int
    frames: int = 300
    """At 10 Hz."""


Batch = tuple[Tensor, Tensor, Tensor]
"""rows [B,T,ROW_KINDS,LAGS], extras [B,T,EXTRAS], targets [B,T,4]."""


def labels_of(tr: Trajectory) -> NDArray[np.float32]:
    """Labels [T,4] in the order of the head's outputs."""
    return np.stack([tr.away * tr.repeating, tr.repeating, tr.ended, tr.acting], 1).astype(np.float32)


def imagined(rng: np.random.Generator, tr: Trajectory, style: Style, drawn: bool, views: int) -> list[Stream]:
    """Streams of one trajectory, drawn as a figure or embedded at random."""
    seen = draw(rng, tr, style) if drawn else embed(rng, tr, style)
    out = []
    for _ in range(views):
        cut, noticed = edit(rng, tr, seen)
        noisy = disturb(rng, cut, style)
        out.append(Stream(noisy.motion, noisy.look, noticed.astype(np.float32), labels_of(tr)))
    return out


def packed(streams: list[Stream]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows and extras [B,T,ROW_KINDS*LAGS+EXTRAS] and labels [B,T,4] of streams with equal widths."""
    motion, look, cuts = (
        torch.from_numpy(np.stack([getattr(s, name) for s in streams])) for name in ("motion", "look", "cuts")
    )
    rows, extra = batch_rows(motion, look, cuts, quick_stats)
    joint = np.asarray(torch.cat([rows.flatten(2), extra], 2).numpy(), np.float32)
    return joint, np.stack([s.labels for s in streams])


_shards: dict[Path, list[Stream]] = {}
"""Streams of a folder, read once per worker process; their large arrays stay on disk until they are used."""


def rendered_streams(folder: Path) -> list[Stream]:
    """All streams of the training part of a folder of rendered streams."""
    if folder not in _shards:
        from models.tiny.train.dataset import load

        _shards[folder] = [Stream(*parts) for parts in load(folder)]
    return _shards[folder]


def make_batch(mix: Mix, folder: Path | None, seed: int, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The batch of one training step, a pure function of its arguments and the folder's contents."""
    torch.set_num_threads(1)
    rng = np.random.default_rng((seed, step))
    groups: list[list[Stream]] = [[], [], []]
    for _ in range(mix.figures):
        style = CLEAR if rng.random() < 0.6 else WIDE
        groups[0] += imagined(rng, make_trajectory(rng, mix.frames, POSE_DIMS, quick_noise), style, True, VIEWS)
    for _ in range(mix.abstract):
        style = CLEAR if rng.random() < 0.6 else WIDE
        tr = make_trajectory(rng, mix.frames, int(rng.integers(3, 10)), quick_noise)
        groups[1] += imagined(rng, tr, style, False, 1)
    if mix.rendered:
        if folder is None:
            raise ValueError("this mix needs a folder of rendered streams")
        streams = rendered_streams(folder)
        for _ in range(mix.rendered):
            a, b = rng.integers(len(streams), size=2)
            groups[2].append(varied(rng, streams[a], streams[b], mix.frames))
    made = [packed(group) for group in groups if group]
    return np.concatenate([x for x, _ in made]), np.concatenate([y for _, y in made])


def unpacked(joint: NDArray[np.float32], labels: NDArray[np.float32]) -> Batch:
    x = torch.from_numpy(joint)
    return x[..., :-EXTRAS].reshape(*x.shape[:2], ROW_KINDS, len(LAGS)), x[..., -EXTRAS:], torch.from_numpy(labels)


def batches(mix: Mix, folder: Path | None, seed: int, steps: range, workers: int) -> Iterator[Batch]:
    """Batches in step order, made a few steps ahead by worker processes."""
    with mp.get_context("spawn").Pool(workers) as pool:
        coming = iter(steps)
        waiting = deque(
            pool.apply_async(make_batch, (mix, folder, seed, step)) for step in islice(coming, AHEAD * workers)
        )
        while waiting:
            yield unpacked(*waiting.popleft().get())
            waiting.extend(pool.apply_async(make_batch, (mix, folder, seed, step)) for step in islice(coming, 1))
