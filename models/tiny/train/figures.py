"""Turns trajectories into what the front end would measure: cell motion and appearance, per frame.

Two ways: an abstract random embedding (cheap, very varied) and softly drawn jointed figures on the cell grid (closer to
real pictures, with the Eulerian effects of a limb that sweeps over fixed cells).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.tiny.train.config import COLS, HEIGHT, ROWS, WIDTH
from models.tiny.train.trajectory import Trajectory, quick_noise, smooth_noise

Array = NDArray[np.float32]

FINE = 2
"""Sample points per cell and axis."""
POSE_DIMS = 12


@dataclass(frozen=True)
class Style:
    """How large the synthetic movements are beside their disturbances; heads of two styles err differently."""

    gain: tuple[float, float]
    """Range of the pixels per frame of an abstract movement."""
    unit: tuple[float, float]
    """Range of a figure's torso in model pixels."""
    relative: bool
    """Figures move visibly and disturbances are in proportion to the movement, so that nothing drowns it."""


WIDE = Style((0.15, 6), (9, 48), relative=False)
CLEAR = Style((0.5, 8), (12, 44), relative=True)


@dataclass
class Measured:
    """motion [T,Dm] in pixels per frame, look [T,Dl] with unit contrast."""

    motion: Array
    look: Array


def embed(
    rng: np.random.Generator, tr: Trajectory, style: Style = WIDE, motion_dims: int = 32, look_dims: int = 24
) -> Measured:
    """Random linear or Fourier features of the pose; motion is the difference over time."""
    dims = tr.pose.shape[1]

    def features(width: int, linear: bool, scale: float) -> NDArray[np.float64]:
        weights = rng.standard_normal((dims, width)) / scale
        if linear:
            return np.asarray(tr.pose @ weights)
        return np.cos(tr.pose @ weights + rng.uniform(0, 2 * np.pi, width))

    linear = rng.random() < 0.4
    place = features(motion_dims, linear, float(np.exp(rng.uniform(np.log(0.4), np.log(3)))))
    look_scale = float(np.exp(rng.uniform(np.log(0.25), np.log(3))))
    look = features(look_dims, False, look_scale)
    motion = np.diff(place, axis=0, prepend=place[:1]) * spread(rng, *style.gain)
    for at in np.flatnonzero(tr.cuts):
        look[at:] = features(look_dims, False, look_scale)[at:]
    return Measured(motion.astype(np.float32), look.astype(np.float32) * np.float32(np.exp(rng.uniform(-1.5, 0.3))))


def spread(rng: np.random.Generator, low: float, high: float) -> float:
    """Log-uniform draw."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw(rng: np.random.Generator, tr: Trajectory, style: Style = WIDE) -> Measured:
    """A jointed figure seen by one or more cameras (one per cut), drawn on the fine cell grid."""
    steps = len(tr.pose)
    borders = [0, *np.flatnonzero(tr.cuts).tolist(), steps]
    bones = skeleton(rng, tr, style)
    motion = np.zeros((steps, ROWS * COLS * 2), np.float32)
    look = np.zeros((steps, ROWS * COLS), np.float32)
    for a, b in pairwise(borders):
        if b > a:
            motion[a:b], look[a:b] = film(rng, [(p[a:b], q[a:b], w) for p, q, w in bones], style)
    return Measured(motion, look)


Bone = tuple[NDArray[np.float64], NDArray[np.float64], float]


def skeleton(rng: np.random.Generator, tr: Trajectory, style: Style) -> list[Bone]:
    """Forward kinematics: (from [T,2], to [T,2], width) per bone in body units (torso 1, origin at the hip)."""
    gains = np.concatenate([rng.uniform(0.2, 1.8, 2), rng.uniform(0.3, 1.2, 2), rng.uniform(0.6, 2.2, POSE_DIMS - 4)])
    z = tr.pose[:, :POSE_DIMS] * gains
    if style.relative:
        shown = z[tr.repeating > 0] if tr.repeating.any() else z
        z = z * (rng.uniform(0.8, 2.4) / (np.ptp(shown, axis=0).max() + 0.3))
    else:
        z = z * rng.uniform(1.2, 3.6)
    base = rng.normal(0, 0.35, POSE_DIMS)
    if rng.random() < 0.4:  # both sides move alike
        for left, right in ((4, 6), (5, 7), (8, 10), (9, 11)):
            z[:, right], base[right] = z[:, left], base[left]
    hip = z[:, :2] + base[:2]
    lean = base[2] + z[:, 2] * 0.6
    chest = hip + turn(lean)
    head = chest + 0.45 * turn(lean + base[3] + z[:, 3] * 0.4)
    bones: list[Bone] = [(hip, chest, 0.34), (chest, head, 0.22)]
    for upper, lower, side in ((4, 5, 1.0), (6, 7, -1.0)):
        a = lean + side * (2.6 + base[upper]) + side * z[:, upper]
        elbow = chest + 0.55 * turn(a)
        hand = elbow + 0.55 * turn(a + side * (base[lower] + z[:, lower]))
        bones += [(chest, elbow, 0.13), (elbow, hand, 0.11)]
    for upper, lower, side in ((8, 9, 1.0), (10, 11, -1.0)):
        a = np.pi + side * (0.15 + base[upper]) + side * z[:, upper]
        knee = hip + 0.8 * turn(a)
        foot = knee + 0.8 * turn(a + side * (base[lower] + z[:, lower]))
        bones += [(hip, knee, 0.2), (knee, foot, 0.14)]
    return bones


def turn(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors [T,2] of angles [T]; 0 points up."""
    return np.stack([np.sin(angle), -np.cos(angle)], 1)


def film(rng: np.random.Generator, bones: list[Bone], style: Style) -> tuple[Array, Array]:
    """Camera, clothes, background: motion [T,ROWS*COLS*2] and look [T,ROWS*COLS]."""
    steps = len(bones[0][0])
    unit = spread(rng, *style.unit)
    angle = rng.normal(0, 0.15) if rng.random() < 0.65 else rng.uniform(-np.pi, np.pi)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * unit
    spin[0] *= rng.choice([-1, 1]) * (1.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.0))
    centre = np.array([rng.uniform(0.3, 0.7) * WIDTH, rng.uniform(0.35, 0.65) * HEIGHT])
    h, w = ROWS * FINE, COLS * FINE
    ys, xs = np.meshgrid((np.arange(h) + 0.5) * HEIGHT / h, (np.arange(w) + 0.5) * WIDTH / w, indexing="ij")
    grid = np.stack([xs.ravel(), ys.ravel()], 1).astype(np.float32)
    coarse = rng.standard_normal((ROWS, COLS)).repeat(FINE, 0).repeat(FINE, 1)
    backdrop = coarse * rng.uniform(0, 1) + rng.standard_normal((h, w)) * rng.uniform(0, 0.5)
    look = np.repeat(backdrop.reshape(1, -1).astype(np.float32), steps, 0)
    flow = np.zeros((steps, h * w, 2), np.float32)
    clothes = rng.normal(0, 1.5, 4)
    for k in rng.permutation(len(bones)):
        p, q, width = bones[k]
        a, b = (p @ spin.T + centre).astype(np.float32), (q @ spin.T + centre).astype(np.float32)
        va, vb = np.diff(a, axis=0, prepend=a[:1]), np.diff(b, axis=0, prepend=b[:1])
        along = b - a
        length2 = (along**2).sum(1)[:, None] + 1.0
        rel_x, rel_y = grid[None, :, 0] - a[:, None, 0], grid[None, :, 1] - a[:, None, 1]
        s = np.clip((rel_x * along[:, None, 0] + rel_y * along[:, None, 1]) / length2, 0, 1)
        gap = np.sqrt((rel_x - s * along[:, None, 0]) ** 2 + (rel_y - s * along[:, None, 1]) ** 2)
        cover = np.clip((width * unit * 0.5 - gap) / 3.0 + 0.5, 0, 1)
        trust = cover * np.float32(rng.uniform(0.4, 1.0))
        shade = np.float32(clothes[rng.integers(4)] + rng.normal(0, 0.4)) + s * np.float32(rng.normal(0, 0.5))
        look += cover * (shade - look)
        for axis in (0, 1):
            v = va[:, None, axis] * (1 - s) + vb[:, None, axis] * s
            flow[..., axis] += trust * (v - flow[..., axis])
    speed = np.sqrt((flow**2).sum(2, keepdims=True))
    limit = np.float32(rng.uniform(6, 14))
    lost = (speed > limit) * np.float32(rng.uniform(0.2, 1.0))
    flow *= 1 - lost * rng.random((*flow.shape[:2], 1), dtype=np.float32)
    cells = flow.reshape(steps, ROWS, FINE, COLS, FINE, 2).mean((2, 4)).transpose(0, 3, 1, 2).reshape(steps, -1)
    small = look.reshape(steps, ROWS, FINE, COLS, FINE).mean((2, 4)).reshape(steps, -1)
    small -= small.mean(1, keepdims=True)
    small /= small.std(1, keepdims=True) + 0.1
    return cells.astype(np.float32), small.astype(np.float32)


def edit(rng: np.random.Generator, tr: Trajectory, seen: Measured) -> tuple[Measured, NDArray[np.float64]]:
    """Film editing: still title, dissolves, missed cuts. Also returns the cuts that will be noticed [T]."""
    motion, look, cuts = seen.motion.copy(), seen.look.copy(), tr.cuts.copy()
    steps = len(look)
    if tr.title_end:
        look[: tr.title_end] = rng.standard_normal(look.shape[1]) * look.std()
        motion[: tr.title_end] = 0
    for at in np.flatnonzero(cuts).tolist():
        motion[at] = 0
        if rng.random() < 0.4:
            half = int(rng.integers(1, 9))
            a, b = max(0, at - half), min(steps, at + half)
            share = np.linspace(0, 1, b - a)[:, None]
            look[a:b] = look[a] * (1 - share) + look[b - 1] * share
            burst = np.exp(rng.uniform(np.log(0.02), np.log(2)))
            kept = rng.random()
            motion[a:b] = motion[a:b] * kept + rng.standard_normal((b - a, motion.shape[1])) * burst
            cuts[at] = 0
        elif rng.random() < 0.08:
            motion[at] = rng.standard_normal(motion.shape[1]) * rng.uniform(0.3, 3)
            cuts[at] = 0
    return Measured(motion, look), cuts


def disturb(rng: np.random.Generator, seen: Measured, style: Style = WIDE) -> Measured:
    """Sensor noise, flow errors, camera shake and light changes of the style."""
    return disturb_in_proportion(rng, seen) if style.relative else disturb_at_will(rng, seen)


def disturb_at_will(rng: np.random.Generator, seen: Measured) -> Measured:
    """Sensor noise, flow errors that grow with speed, camera shake, slow light changes, bystanders."""
    look: NDArray[np.floating[Any]] = seen.look
    steps = len(look)
    speed = np.sqrt((seen.motion**2).mean(1, keepdims=True))
    noise = np.exp(rng.uniform(np.log(1e-4), np.log(0.03)))
    error = rng.choice([0.03, 0.1, 0.25]) * rng.random()
    motion = seen.motion + rng.standard_normal(seen.motion.shape) * (noise + error * speed)
    if rng.random() < 0.3:
        kind = rng.standard_normal((4, motion.shape[1])) / 2
        shake = smooth_noise(rng, steps, 4, rng.uniform(1, 20)) * np.exp(rng.uniform(np.log(0.005), np.log(0.2)))
        motion = motion + shake @ kind
        drift = np.cumsum(shake, 0) @ rng.standard_normal((4, look.shape[1])) * rng.uniform(0, 0.1)
        look = look + drift
    look = look + rng.standard_normal(look.shape) * np.exp(rng.uniform(np.log(0.002), np.log(0.12)))
    if rng.random() < 0.3:
        light = smooth_noise(rng, steps, 2, rng.uniform(5, 60)) * rng.uniform(0.01, 0.15)
        look = look + light @ rng.standard_normal((2, look.shape[1]))
    return Measured(motion.astype(np.float32), look.astype(np.float32))


def disturb_in_proportion(rng: np.random.Generator, seen: Measured) -> Measured:
    """The same disturbances, limited by how much moves and how much the picture changes."""
    look: NDArray[np.floating[Any]] = seen.look
    steps = len(look)
    speed = np.sqrt((seen.motion**2).mean(1, keepdims=True))
    pace, contrast = float(speed.mean()), float(look.std(0).mean())
    noise = min(spread(rng, 1e-4, 0.03), 0.5 * pace + 1e-4)
    error = rng.choice([0.02, 0.05, 0.12]) * rng.random()
    motion = seen.motion + rng.standard_normal(seen.motion.shape) * (noise + error * speed)
    grain = min(spread(rng, 0.002, 0.12), 0.35 * contrast + 0.002)
    look = look + rng.standard_normal(look.shape) * grain
    if rng.random() < 0.3:
        shake = quick_noise(rng, steps, 4, rng.uniform(1, 20))
        motion = motion + shake @ rng.standard_normal((4, motion.shape[1])) / 2 * pace * rng.uniform(0.02, 0.4)
        drift = np.cumsum(shake, 0) @ rng.standard_normal((4, look.shape[1]))
        look = look + drift / drift.std() * contrast * rng.uniform(0.05, 1.0)
    if rng.random() < 0.3:
        light = quick_noise(rng, steps, 2, rng.uniform(5, 60)) @ rng.standard_normal((2, look.shape[1]))
        look = look + light * contrast * rng.uniform(0.05, 0.5)
    return Measured(motion.astype(np.float32), look.astype(np.float32))
