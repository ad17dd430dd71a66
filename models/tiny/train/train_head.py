"""Trains the heads on synthetic measurements only. The budget is in steps, so the same seed gives the same weights."""

from __future__ import annotations

import argparse
import logging
import multiprocessing as mp
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name torch users know)

from models.tiny.train.config import LAGS
from models.tiny.train.figures import CLEAR, POSE_DIMS, WIDE, Measured, Style, disturb, draw, edit, embed
from models.tiny.train.head import OUTPUTS, Head
from models.tiny.train.rows import EXTRAS, ROW_KINDS, batch_rows, batch_stats, quick_stats
from models.tiny.train.trajectory import Trajectory, make_trajectory, quick_noise, smooth_noise

log = logging.getLogger("tiny.head")

BATCH = 20
VIEWS = 2
"""Different disturbances of each drawn figure in one batch."""
PEAK_RATE = 3e-3
AHEAD = 3
"""Batches under way per worker."""


@dataclass(frozen=True)
class Recipe:
    """How one head is trained; seed is added to the seed of the whole model."""

    style: Style
    frames: int
    """Length of a synthetic clip at 10 Hz."""
    figures: int
    """Drawn figures per batch; the rest are abstract."""
    steps: int
    schedule: int
    """Length of the cosine of the learning rate; training may end before it does."""
    seed: int = 0


RECIPES = (Recipe(WIDE, 300, 4, 1500, 1500), Recipe(CLEAR, 240, 1, 900, 1700))
"""The heads that answer together."""

Batch = tuple[Tensor, Tensor, Tensor]
"""rows [B,T,ROW_KINDS,LAGS], extras [B,T,EXTRAS], targets [B,T,4]."""


Shot = tuple[Trajectory, Measured, NDArray[np.float64]]
"""Labels, measurements, noticed cuts."""


def shoot(rng: np.random.Generator, tr: Trajectory, seen: Measured, style: Style) -> Shot:
    cut, noticed = edit(rng, tr, seen)
    return tr, disturb(rng, cut, style), noticed


def pack(shots: list[Shot], style: Style) -> NDArray[np.float32]:
    """Rows and extras [B, T, ROW_KINDS*LAGS+EXTRAS] of clips with equal widths."""
    motion = torch.from_numpy(np.stack([seen.motion for _, seen, _ in shots]))
    look = torch.from_numpy(np.stack([seen.look for _, seen, _ in shots]))
    cuts = torch.from_numpy(np.stack([noticed for _, _, noticed in shots]).astype(np.float32))
    rows, extra = batch_rows(motion, look, cuts, quick_stats if style.relative else batch_stats)
    return np.asarray(torch.cat([rows.flatten(2), extra], 2).numpy(), np.float32)


def targets(tr: Trajectory) -> NDArray[np.float32]:
    """Labels [T,4] in the order of the head's outputs."""
    return np.stack([tr.away * tr.repeating, tr.repeating, tr.ended, tr.acting], 1).astype(np.float32)


def make_batch(recipe: Recipe, seed: int, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The batch of one training step, a pure function of its arguments."""
    torch.set_num_threads(1)
    rng = np.random.default_rng((seed, step))
    noise = quick_noise if recipe.style.relative else smooth_noise
    figures, abstract = list[Shot](), list[Shot]()
    for _ in range(recipe.figures):
        tr = make_trajectory(rng, recipe.frames, POSE_DIMS, noise)
        seen = draw(rng, tr, recipe.style)
        figures += [shoot(rng, tr, seen, recipe.style) for _ in range(VIEWS)]
    for _ in range(BATCH - len(figures)):
        tr = make_trajectory(rng, recipe.frames, int(rng.integers(3, 10)), noise)
        abstract.append(shoot(rng, tr, embed(rng, tr, recipe.style), recipe.style))
    packed = np.concatenate([pack(figures, recipe.style), pack(abstract, recipe.style)])
    return packed, np.stack([targets(shot[0]) for shot in figures + abstract])


def batches(recipe: Recipe, seed: int, workers: int) -> Iterator[Batch]:
    """Batches in step order, made a few steps ahead by worker processes."""
    with mp.get_context("spawn").Pool(workers) as pool:
        coming = iter(range(recipe.steps))
        waiting = deque(pool.apply_async(make_batch, (recipe, seed, step)) for step in islice(coming, AHEAD * workers))
        while waiting:
            packed, labels = waiting.popleft().get()
            waiting.extend(pool.apply_async(make_batch, (recipe, seed, step)) for step in islice(coming, 1))
            x = torch.from_numpy(packed)
            rows = x[..., :-EXTRAS].reshape(*x.shape[:2], ROW_KINDS, len(LAGS))
            yield rows, x[..., -EXTRAS:], torch.from_numpy(labels)


def loss(logits: Tensor, target: Tensor) -> tuple[Tensor, list[float]]:
    """Weighted cross-entropies of the four outputs, and each alone."""
    away, repeating, ended, acting = target.unbind(-1)
    near_end = ended
    for k in range(1, 4):
        near_end = torch.maximum(near_end, F.pad(ended, (k, 0))[:, : ended.shape[1]])
    bce = F.binary_cross_entropy_with_logits
    parts = [
        (bce(logits[..., 0], away, reduction="none") * (0.5 + repeating)).mean(),
        0.5 * bce(logits[..., 1], repeating),
        0.5 * bce(logits[..., 2], near_end, pos_weight=torch.tensor(2.0)),
        0.5 * bce(logits[..., 3], acting),
    ]
    return torch.stack(parts).sum(), [float(p.detach()) for p in parts]


def train(recipe: Recipe, seed: int, out: Path, workers: int = 1) -> Head:
    """Train one head and keep its weights in out; seed is that of the whole model."""
    seed += recipe.seed
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net = Head()
    optimiser = torch.optim.AdamW(net.parameters(), PEAK_RATE, weight_decay=1e-3)
    recent: list[list[float]] = []
    for step, (rows, extra, target) in enumerate(batches(recipe, seed, workers)):
        rate = PEAK_RATE * min(1.0, (step + 1) / 40) * (0.5 + 0.5 * np.cos(np.pi * step / recipe.schedule)) + 2e-5
        for group in optimiser.param_groups:
            group["lr"] = rate
        logits, _ = net(rows, extra)
        total, parts = loss(logits, target)
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        recent.append(parts)
        if step % 50 == 49:
            means = np.mean(recent, 0)
            log.info("step %d %s", step + 1, " ".join(f"{n} {v:.3f}" for n, v in zip(OUTPUTS, means, strict=True)))
            recent = []
            torch.save(net.state_dict(), out)
    torch.save(net.state_dict(), out)
    return net


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--member", type=int, choices=range(len(RECIPES)), default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    train(RECIPES[args.member], args.seed, args.out)
