"""Distance rows: how far the present frame is from each of the last 12.8 s, in motion and in appearance.

`batch_rows` serves training; `stream_row` is the same arithmetic one frame at a time, as traced into the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from models.tiny.train.config import LAGS, LEAK, RANGE_DECAY, RING

ROW_KINDS = 5
"""Motion and look over the long range, both over the short range, validity."""
EXTRAS = 9
"""Numbers beside the rows, see `extras`."""
STATS = 4
"""Running values per row: long range, short range, noise floor, distance to the previous frame."""
LAG_INDEX = torch.tensor(LAGS)
RECENT = sum(lag <= 40 for lag in LAGS)
"""The short range looks at the last four seconds only: a title or a step into place is soon forgotten."""
RECENT_DECAY = 0.98
REACH_FLOOR, NOISE_FLOOR = 0.04, 0.02
"""Smaller ranges and noises all count as these, so that idle sensor noise is not blown up to full scale."""


def extras(motion: Tensor, look: Tensor, energy: Tensor, age: Tensor) -> Tensor:
    """Context of one frame beside the rows.

    motion, look: [...,STATS]; energy: RMS cell motion in pixels per frame [...]; age: frames since the start
    or the last cut [...]. Returns [..., EXTRAS].
    """
    parts = []
    for x in (motion, look):
        reach, recent = x[..., 0] + REACH_FLOOR, x[..., 1] + REACH_FLOOR
        floor, near = x[..., 2] + NOISE_FLOOR, x[..., 3]
        parts += [torch.log(reach / floor) / 3, near / recent, torch.log(recent / reach)]
    level = torch.log(energy + NOISE_FLOOR)
    parts += [level / 3 + 0.5, (level - torch.log(motion[..., 2] + NOISE_FLOOR)) / 3, (age / 50).clamp_max(1.0)]
    return torch.stack(parts, -1)


def next_stat(stat: Tensor, d: Tensor, age: Tensor) -> Tensor:
    """Running values [...,STATS] after the distances d [...,LAGS] of one more frame of this age [...]."""
    near = d[..., 0]
    reach = torch.maximum(stat[..., 0] * RANGE_DECAY, d.amax(-1))
    recent = torch.maximum(stat[..., 1] * RECENT_DECAY, d[..., :RECENT].amax(-1))
    floor = stat[..., 2]
    moved = torch.where(near < floor, 0.7 * floor + 0.3 * near, floor * 1.005)
    floor = torch.where(age < 0.5, floor, torch.where(floor <= 0.0, near.clamp_min(1e-4), moved))
    return torch.stack([reach, recent, floor, near], -1)


def falling_peak(peak: Tensor, decay: float) -> Tensor:
    """Largest value so far when older ones shrink by decay per frame: r = max(decay * r, peak) along [B,T]."""
    slope = torch.arange(peak.shape[1]) * math.log(decay)
    logs = torch.log(peak.double() + 1e-30) - slope
    return (torch.cummax(logs, 1).values + slope).exp().to(peak.dtype)


Stats = Callable[[Tensor, Tensor], Tensor]


def quick_stats(d: Tensor, ages: Tensor) -> Tensor:
    """`batch_stats` by closed formulas: faster, with other last bits; a head keeps what it was trained with."""
    near = d[..., 0]
    floors = np.zeros(near.shape, np.float32)
    floor = np.zeros(len(near), np.float32)
    for t, (now, young) in enumerate(zip(near.numpy().T, (ages < 0.5).numpy().T, strict=True)):
        moved = np.where(now < floor, 0.7 * floor + 0.3 * now, floor * 1.005)
        floor = np.where(young, floor, np.where(floor <= 0.0, np.maximum(now, 1e-4), moved)).astype(np.float32)
        floors[:, t] = floor
    reach = falling_peak(d.amax(-1), RANGE_DECAY)
    recent = falling_peak(d[..., :RECENT].amax(-1), RECENT_DECAY)
    return torch.stack([reach, recent, torch.from_numpy(floors), near], -1)


def batch_stats(d: Tensor, ages: Tensor) -> Tensor:
    """`next_stat` over whole clips, bit for bit: distances [B,T,LAGS], ages [B,T] -> [B,T,STATS]."""
    near, young = d[..., 0].numpy(), (ages < 0.5).numpy()
    most, latest = d.amax(-1).numpy(), d[..., :RECENT].amax(-1).numpy()
    out = np.zeros((*near.shape, STATS), np.float32)
    reach = recent = floor = np.zeros(len(near), np.float32)
    for t in range(near.shape[1]):
        now = near[:, t]
        reach = np.maximum(reach * np.float32(RANGE_DECAY), most[:, t])
        recent = np.maximum(recent * np.float32(RECENT_DECAY), latest[:, t])
        lower = np.float32(0.7) * floor + np.float32(0.3) * now
        moved = np.where(now < floor, lower, floor * np.float32(1.005))
        known = np.where(floor <= 0.0, np.maximum(now, np.float32(1e-4)), moved)
        floor = np.where(young[:, t], floor, known)
        out[:, t] = np.stack([reach, recent, floor, now], -1)
    return torch.from_numpy(out)


def scaled(d: Tensor, stat: Tensor) -> Tensor:
    """Distances [...,LAGS] over the long and over the short range [...,2,LAGS]."""
    return torch.stack([d / (stat[..., :1] + REACH_FLOOR), (d / (stat[..., 1:2] + REACH_FLOOR)).clamp_max(1.5)], -2)


def integrate(motion: Tensor) -> Tensor:
    """Cell motion [B,T,D] -> leaky sum over time [B,T,D]."""
    out, total = [], torch.zeros_like(motion[:, 0])
    for t in range(motion.shape[1]):
        total = total * LEAK + motion[:, t]
        out.append(total)
    return torch.stack(out, 1)


def lagged(x: Tensor, ages: Tensor) -> tuple[Tensor, Tensor]:
    """Root-mean-square distances [B,T,LAGS] to earlier frames and their validity; nothing reaches behind a cut."""
    steps, width = x.shape[1], x.shape[2]
    square = (x * x).sum(-1)
    gram = torch.bmm(x, x.transpose(1, 2))
    d = torch.sqrt((square[:, :, None] + square[:, None, :] - 2 * gram).clamp_min(0) / width + 1e-12)
    index = torch.arange(steps)[:, None] - LAG_INDEX[None]
    valid = (LAG_INDEX[None, None] <= ages[:, :, None]).to(x.dtype)
    return d.gather(2, index.clamp_min(0)[None].expand(len(x), -1, -1)) * valid, valid


def cut_ages(cuts: Tensor) -> Tensor:
    """Frames since the first frame or the last cut [B,T]."""
    ages, age = [], torch.zeros_like(cuts[:, 0])
    for t in range(cuts.shape[1]):
        age = torch.where(cuts[:, t] > 0.5, torch.zeros_like(age), age + 1.0 if t else age)
        ages.append(age)
    return torch.stack(ages, 1)


def batch_rows(motion: Tensor, look: Tensor, cuts: Tensor, running: Stats = batch_stats) -> tuple[Tensor, Tensor]:
    """Measured clips [B,T,D*] -> rows [B,T,ROW_KINDS,LAGS] and extras [B,T,EXTRAS]."""
    ages = cut_ages(cuts)
    energy = torch.sqrt((motion * motion).mean(-1))
    rows, stats = [], []
    valid = torch.zeros(0)
    for x in (integrate(motion), look):
        d, valid = lagged(x, ages)
        stats.append(running(d, ages))
        rows.append(scaled(d, stats[-1]))
    return torch.cat([*rows, valid[:, :, None]], 2), extras(stats[0], stats[1], energy, ages)


def stream_row(now: Tensor, ring: Tensor, stat: Tensor, age: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One frame: vector [1,D], ring of past vectors [1,RING,D] (newest first), [1,STATS] running values, age [1].

    Returns the scaled rows [1,2,LAGS], their validity [1,1,LAGS], the new ring and the new running values.
    """
    d = torch.sqrt(((now[:, None] - ring) ** 2).mean(2) + 1e-12)[:, LAG_INDEX - 1]
    valid = (LAG_INDEX[None].to(age.dtype) <= age[:, None]).to(now.dtype)
    d = d * valid
    stat = next_stat(stat, d, age)
    ring = torch.cat([now[:, None], ring[:, : RING - 1]], 1)
    return scaled(d, stat), valid[:, None], ring, stat
