"""Random body trajectories with exact labels: bouts of repetitions between idling, set-up moves and wandering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.tiny.train.config import FPS

Array = NDArray[np.float64]

GAP_STEPS = round(1.2 * FPS)
"""Shorter pauses inside an action still belong to it (start/stop target)."""


@dataclass
class Trajectory:
    """Pose coordinates [T,P] (largest excursion about 1) and per-frame labels [T]."""

    pose: Array
    away: Array
    """0 at the reference pose of a repetition, 1 at its far end."""
    repeating: Array
    ended: Array
    """1 on the frame in which a repetition ends."""
    acting: Array
    """1 while somebody acts, pauses up to 1.2 s included."""
    cuts: Array
    """1 on the first frame after a change of view."""
    frozen: bool = False
    title_end: int = 0
    """Frames of a still title before the action."""
    busy: Array = field(default_factory=lambda: np.zeros(0))


def smooth_noise(rng: np.random.Generator, steps: int, dims: int, time_constant: float) -> Array:
    """Ornstein-Uhlenbeck process [steps, dims], unit variance, smoothed once more so that speed is finite."""
    keep = np.exp(-1 / time_constant)
    kicks = rng.standard_normal((steps + 1, dims)) * np.sqrt(1 - keep * keep)
    out = np.empty((steps + 1, dims))
    out[0] = rng.standard_normal(dims)
    for t in range(1, steps + 1):
        out[t] = keep * out[t - 1] + kicks[t]
    return np.asarray((out[1:] + out[:-1]) / 2)


def quick_noise(rng: np.random.Generator, steps: int, dims: int, time_constant: float) -> Array:
    """The same process by Fourier transform: faster, with other last bits; a head keeps what it was trained with."""
    keep = np.exp(-1 / time_constant)
    kicks = rng.standard_normal((steps + 1, dims)) * np.sqrt(1 - keep * keep)
    kicks[0] = rng.standard_normal(dims)
    size = 2 * (steps + 1)
    response = np.fft.rfft(keep ** np.arange(steps + 1), size)[:, None]
    out = np.fft.irfft(np.fft.rfft(kicks, size, axis=0) * response, size, axis=0)[: steps + 1]
    return np.asarray((out[1:] + out[:-1]) / 2)


Noise = Callable[[np.random.Generator, int, int, float], Array]


def ease(steps: int) -> Array:
    """Minimum-jerk ramp from 0 to 1."""
    s = np.linspace(0, 1, steps)
    return 10 * s**3 - 15 * s**4 + 6 * s**5


def excursion(phase: Array, out_share: float, hold: float) -> Array:
    """There-and-back curve over phase 0..1: out, hold at the far end, back."""
    out, back = out_share * (1 - hold), (1 - out_share) * (1 - hold)
    going = 0.5 - 0.5 * np.cos(np.pi * np.clip(phase / out, 0, 1))
    coming = 0.5 + 0.5 * np.cos(np.pi * np.clip((phase - out - hold) / back, 0, 1))
    return np.where(phase < out, going, np.where(phase < out + hold, 1.0, coming))


class Builder:
    """Fills a trajectory from left to right."""

    def __init__(self, rng: np.random.Generator, steps: int, dims: int, noise: Noise) -> None:
        self.noise = noise
        self.rng, self.steps, self.dims, self.t = rng, steps, dims, 0
        zero = np.zeros(steps)
        self.out = Trajectory(
            np.zeros((steps, dims)), zero.copy(), zero.copy(), zero.copy(), zero.copy(), zero.copy(), busy=zero.copy()
        )
        self.here = rng.standard_normal(dims) * 0.3
        self.title_end = 0

    @property
    def full(self) -> bool:
        return self.t >= self.steps

    def put(self, pose: Array, *, away: Array | None = None, repeating: bool = False, busy: bool = False) -> bool:
        """Append poses [n,P]; true if all of them fitted."""
        n = min(len(pose), self.steps - self.t)
        if n <= 0:
            return False
        part = slice(self.t, self.t + n)
        self.out.pose[part] = pose[:n]
        self.out.repeating[part] = repeating
        self.out.busy[part] = busy
        if away is not None:
            self.out.away[part] = away[:n]
        self.here = self.out.pose[self.t + n - 1].copy()
        self.t += n
        return n == len(pose)

    def hold(self, steps: int, *, repeating: bool = False) -> None:
        self.put(np.repeat(self.here[None], max(0, steps), 0), repeating=repeating)

    def idle(self, steps: int, scale: float) -> None:
        """Stand still, make a one-way move, or sway; ends where it likes."""
        rng, kind = self.rng, self.rng.random()
        if kind < 0.5:
            self.hold(steps)
        elif kind < 0.75:
            goal = self.here + rng.standard_normal(self.dims) * rng.uniform(0.1, 1.5) * scale
            move = min(steps, int(rng.uniform(4, 25)))
            self.put(self.here + (goal - self.here) * ease(move)[:, None], busy=True)
            self.hold(steps - move)
        else:
            size = rng.uniform(0.03, 0.3) * scale
            sway = self.noise(rng, steps, self.dims, rng.uniform(5, 30)) * size
            self.put(self.here + (sway - sway[0]) * ease(steps)[:, None])

    def wander(self, steps: int, scale: float) -> None:
        """Act without repeating: household activity, walking about."""
        walk = self.noise(self.rng, steps, self.dims, self.rng.uniform(4, 20)) * self.rng.uniform(0.4, 1.2) * scale
        self.put(self.here + (walk - walk[0]), busy=True)

    def bout(self, scale: float, first: bool) -> None:
        """A set of repetitions."""
        rng, dims = self.rng, self.dims
        active = rng.random(dims) < rng.choice([0.25, 0.6, 1.0])
        active[rng.integers(dims)] = True
        main = rng.standard_normal(dims) * active
        main /= np.linalg.norm(main)
        other = main
        kind = rng.random()
        if kind < 0.08:
            other = main + 0.6 * rng.standard_normal(dims) / np.sqrt(dims)
        elif kind < 0.18:
            other = rng.permutation(main) * rng.choice([-1, 1], dims)
        double = main * 0
        if rng.random() < 0.2:
            double = rng.standard_normal(dims) * (rng.random(dims) < 0.4) * rng.uniform(0.1, 0.6) / np.sqrt(dims)
        circle = main * 0
        if rng.random() < 0.4:
            circle = rng.standard_normal(dims) * active * rng.uniform(0, 0.5) / np.sqrt(active.sum())
        lag = rng.uniform(-0.12, 0.12, dims) * (rng.random() < 0.4)
        period = np.exp(rng.uniform(np.log(0.55), np.log(6.5))) * FPS
        count = int(np.exp(rng.uniform(np.log(1.3), np.log(30))))
        if count < 3 and rng.random() < 0.4:
            count = 3
        out_share, hold = rng.uniform(0.3, 0.7), float(rng.choice([0, 0, 0.1, 0.3]))
        jitter, fatigue, size_jitter = rng.uniform(0.02, 0.18), rng.uniform(-0.02, 0.04), rng.uniform(0, 0.2)
        pause_share, pause_s = float(rng.choice([0, 0, 0.2, 0.6, 0.9])), rng.uniform(0.3, 2.5)
        offset = rng.uniform(0, 1) if first and self.t == self.title_end and rng.random() < 0.5 else 0.0
        rest = self.here.copy()
        for i in range(count):
            n = max(5, round(period * (1 + fatigue) ** i * np.exp(rng.standard_normal() * jitter)))
            size = scale * (1 + rng.standard_normal() * size_jitter)
            phase = np.arange(1, n + 1) / n
            if offset:
                share = excursion((phase + offset) % 1, out_share, hold) - excursion(
                    np.array([offset]), out_share, hold
                )
                pose, away = share[:, None] * main, 0.5 - 0.5 * np.cos(2 * np.pi * phase)
            else:
                share = np.stack(
                    [
                        excursion((phase + g) % 1, out_share, hold) - excursion(np.array([g % 1]), out_share, hold)
                        for g in lag
                    ],
                    1,
                )
                pose = share * (other if i % 2 else main)
                away = excursion(phase, out_share, hold)
            pose = (
                pose
                + np.sin(2 * np.pi * phase)[:, None] * circle
                + (0.5 - 0.5 * np.cos(4 * np.pi * phase))[:, None] * double
            )
            if not self.put(rest + size * pose, away=away, repeating=True, busy=True):
                return
            self.out.ended[self.t - 1] = 1
            if not offset and i < count - 1 and rng.random() < pause_share:
                wait = min(60, int(rng.exponential(pause_s) * FPS))
                self.hold(wait, repeating=wait <= 1.5 * FPS)


def fill_gaps(busy: Array, gap: int) -> Array:
    """Close runs of zeros up to gap frames long that lie between ones."""
    out = busy.copy()
    on = np.flatnonzero(busy > 0)
    for a, b in pairwise(on.tolist()):
        if 1 < b - a <= gap:
            out[a:b] = 1
    return out


def make_trajectory(rng: np.random.Generator, steps: int, dims: int, noise: Noise = smooth_noise) -> Trajectory:
    """One clip; every sixth or so holds no repetition at all."""
    b = Builder(rng, steps, dims, noise)
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.4))))
    negative = rng.random() < 0.17
    if negative:
        b.out.frozen = rng.random() < 0.3
        while not b.full:
            n = int(rng.uniform(10, 90))
            if b.out.frozen:
                b.hold(n)
            elif rng.random() < 0.4:
                b.wander(n, scale)
            else:
                b.idle(n, scale)
    else:
        if rng.random() < 0.12:
            b.hold(int(rng.uniform(8, 50)))
            b.title_end = b.out.title_end = b.t
        if rng.random() < 0.6:
            b.idle(int(rng.uniform(3, 70)), scale)
        bouts = 0
        while not b.full:
            b.bout(scale, bouts == 0)
            bouts += 1
            if rng.random() < 0.5:
                b.hold(steps)
            elif rng.random() < 0.2:
                b.wander(int(rng.uniform(10, 50)), scale)
            b.idle(int(rng.uniform(5, 80)), scale)
    out = b.out
    out.acting = fill_gaps(out.busy, GAP_STEPS)
    if not out.frozen:
        alive = rng.choice([0.003, 0.01, 0.03, 0.08]) * rng.random() * scale
        move = noise(rng, steps, dims, rng.uniform(3, 30)) * alive
        still = 1.0 if rng.random() < 0.5 else out.acting[:, None]
        out.pose += move * still
    cuts = rng.random()
    if cuts < 0.1:
        out.cuts[rng.integers(10, steps, rng.integers(1, 4))] = 1
    if out.title_end:
        out.cuts[out.title_end] = 1
    if negative and 0.1 <= cuts < 0.3:
        out.cuts[rng.integers(5, steps, rng.integers(5, 30))] = 1
    return out
