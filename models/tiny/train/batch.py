"""Training batches: rendered streams in ever new variations, drawn figures and abstract movements."""

from __future__ import annotations

import multiprocessing as mp
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.tiny.train.augment import Stream, varied
from models.tiny.train.config import LAGS
from models.tiny.train.dataset import EXACT_STREAMS, shard_path
from models.tiny.train.figures import CLEAR, POSE_DIMS, WIDE, Style, disturb, draw, edit, embed
from models.tiny.train.rows import EXTRAS, ROW_KINDS, batch_rows, quick_stats
from models.tiny.train.trajectory import Trajectory, make_trajectory, quick_noise

VIEWS = 2
"""Different disturbances of each drawn figure in one batch."""
DATA_SEED = 7
"""Seed of the rendered streams, whatever the seed of the heads."""
PATIENCE_S = 1800.0
HELD_OUT = 16
"""One rendered stream of so many is never learnt from."""
AHEAD = 3
"""Batches under way per worker."""


@dataclass(frozen=True)
class Mix:
    """What one batch holds; every stream has the same number of frames."""

    rendered: int
    figures: int
    """Drawn figures, each in VIEWS disturbances."""
    abstract: int
    first: int = 400
    growth: float = 1.0
    most: int = 2000
    """Rendered streams in use at the first step, more of them at every step, and at the end."""
    lively: float = 0.0
    """Share of the rendered streams that is drawn from those that move as films of exercises do."""
    frames: int = 300
    """At 10 Hz."""

    def known(self, step: int) -> int:
        """Rendered streams in use at a step; rendering may go on while the training has begun."""
        return min(self.most, int(self.first + self.growth * step))


T = TypeVar("T")

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


_read: dict[Path, list[Stream]] = {}
"""Streams of a folder, read once per process."""


def rendered_streams(folder: Path, count: int, patience_s: float = 0.0) -> list[Stream]:
    """The first streams of a folder, half-precision as they are stored.

    Shards that are still being made are waited for. Raises FileNotFoundError when one has not come in time.
    """
    streams = _read.setdefault(folder, [])
    while len(streams) < count:
        path = shard_path(folder, DATA_SEED, len(streams))
        until = time.monotonic() + patience_s
        while not path.exists() and time.monotonic() < until:
            time.sleep(1.0)
        with np.load(path) as stored:
            parts = [stored[name] for name in ("motion", "look", "cuts", "targets")]
        streams += [Stream(*stream) for stream in zip(*parts, strict=True)]
    return streams[:count]


def split(streams: list[T]) -> tuple[list[T], list[T]]:
    """Streams to learn from, and those held out for validation and for the choice of thresholds."""
    learnt = [s for i, s in enumerate(streams) if i % HELD_OUT != HELD_OUT - 1]
    return learnt, streams[HELD_OUT - 1 :: HELD_OUT]


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
        streams, _ = split(rendered_streams(folder, mix.known(step), PATIENCE_S))
        lively_from = len(split(list(range(EXACT_STREAMS)))[0])
        for _ in range(mix.rendered):
            least = lively_from if mix.lively and rng.random() < mix.lively else 0
            a, b = rng.integers(least, len(streams), size=2)
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
