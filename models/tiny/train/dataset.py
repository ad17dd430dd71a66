"""Makes shards of measured synthetic streams: what the front end sees of filmed pictures, with exact labels.

python -m models.tiny.train.dataset --seed 7 --clips 2000 --out FOLDER
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing as mp
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.tiny.train.config import CELL, COLS, HEIGHT, LOOK_COLS, LOOK_ROWS, MOTION_DIM, ROWS, WIDTH
from models.tiny.train.film import render
from models.tiny.train.film_moves import EXACT, LIVELY
from models.tiny.train.frontend import (
    CAMERA_SCALES,
    CONTRAST_FLOOR,
    CUT_BELOW,
    LEVELS,
    NOISE_FLOOR,
    RIM,
    RIM_PRIOR,
    TRUST_LEVEL,
    ZOOM_PRIOR,
)
from models.tiny.train.trajectory import Trajectory

log = logging.getLogger("tiny.dataset")

SHARD = 50
"""Streams per file."""
FRAMES = 300
"""Pictures per stream."""
EXACT_STREAMS = 850
"""The first streams of a data set repeat small movements exactly; all later ones are as lively as real films."""
Floats = NDArray[np.float32]
Arrays = dict[str, NDArray[np.generic]]


class Box:
    """Mean over a square window, at the border over the part inside the picture."""

    def __init__(self, height: int, width: int, size: int) -> None:
        self.size = (size, size)
        self.share = np.ones((height, width), np.float32)
        self.share = 1 / cv2.boxFilter(self.share, -1, self.size, normalize=False, borderType=cv2.BORDER_CONSTANT)

    def __call__(self, x: Floats) -> Floats:
        total = cv2.boxFilter(x, -1, self.size, normalize=False, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(total * self.share, np.float32)


class QuickFrontEnd:
    """`FrontEnd` picture by picture with OpenCV instead of torch: the same numbers to rounding, ten times as fast."""

    def __init__(self) -> None:
        self.wide = Box(HEIGHT, WIDTH, 17)
        self.window = [Box(h, w, 5 if level < 3 else 7) for level, (h, w, _) in enumerate(LEVELS)]
        self.smooth = [Box(h, w, 3) for h, w, _ in LEVELS]
        self.grids = [np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)) for h, w, _ in LEVELS]
        ys, xs = np.meshgrid(np.arange(ROWS) + 0.5, np.arange(COLS) + 0.5, indexing="ij")
        self.places = (np.stack([xs.ravel(), ys.ravel()]) * CELL).astype(np.float32)

    def pyramid(self, grey: Floats) -> list[tuple[Floats, Floats, Floats]]:
        """Normalised picture and its gradients at the sizes of LEVELS, coarse first."""
        high = grey - self.wide(grey)
        levels = [high / (np.sqrt(np.maximum(self.wide(high * high), 0)) + np.float32(CONTRAST_FLOOR))]
        for h, w, _ in LEVELS[-2::-1]:
            levels.append(np.asarray(cv2.resize(levels[-1], (w, h), interpolation=cv2.INTER_AREA), np.float32))
        out = []
        for x in levels[::-1]:
            p = cv2.copyMakeBorder(x, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
            gx, gy = (p[1:-1, 2:] - p[1:-1, :-2]) * np.float32(0.5), (p[2:, 1:-1] - p[:-2, 1:-1]) * np.float32(0.5)
            out.append((x, gx, gy))
        return out

    def flow(
        self, before: list[tuple[Floats, Floats, Floats]], after: list[tuple[Floats, Floats, Floats]]
    ) -> tuple[Floats, Floats, Floats]:
        """Pyramids of two pictures -> motion along x and y [96,128] in pixels and trust [48,64]."""
        u = v = np.zeros(LEVELS[0][:2], np.float32)
        trust = u
        for level, (h, w, rounds) in enumerate(LEVELS):
            if level:
                u, v = (cv2.resize(f, (w, h), interpolation=cv2.INTER_LINEAR) * np.float32(2) for f in (u, v))
            (a, gx, gy), b, box = before[level], after[level][0], self.window[level]
            xx, xy, yy = box(gx * gx) + np.float32(NOISE_FLOOR), box(gx * gy), box(gy * gy) + np.float32(NOISE_FLOOR)
            det = xx * yy - xy * xy
            if level == TRUST_LEVEL:
                trust = np.float32(1) - np.float32(2 * NOISE_FLOOR) / (xx + yy)
            xx, xy, yy = xx / det, xy / det, yy / det
            grid_x, grid_y = self.grids[level]
            for _ in range(rounds):
                moved = cv2.remap(b, grid_x + u, grid_y + v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                delta = a - moved
                bx, by = box(gx * delta), box(gy * delta)
                u = u + np.clip(yy * bx - xy * by, -1.5, 1.5)
                v = v + np.clip(xx * by - xy * bx, -1.5, 1.5)
            u, v = self.smooth[level](u), self.smooth[level](v)
        return u, v, trust

    def measure(self, frames: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
        """Grey pictures [T,96,128] -> motion [T,MOTION_DIM], look [T,LOOK_DIM] and cuts [T], as `offline.measure`."""
        steps = len(frames)
        flow, sure = np.zeros((steps, 2, ROWS * COLS), np.float32), np.zeros((steps, ROWS * COLS), np.float32)
        grey = frames.astype(np.float32)
        before = self.pyramid(grey[0])
        for t in range(1, steps):
            if np.array_equal(frames[t], frames[t - 1]):
                continue
            after = self.pyramid(grey[t])
            u, v, trust = self.flow(before, after)
            for axis, x in enumerate((u, v)):
                flow[t, axis] = cv2.resize(x, (COLS, ROWS), interpolation=cv2.INTER_AREA).ravel()
            sure[t] = cv2.resize(trust, (COLS, ROWS), interpolation=cv2.INTER_AREA).ravel()
            before = after
        small = grey.reshape(steps, LOOK_ROWS, HEIGHT // LOOK_ROWS, LOOK_COLS, WIDTH // LOOK_COLS).mean((2, 4))
        centred = small.reshape(steps, -1) - small.reshape(steps, -1).mean(1, keepdims=True)
        look = centred / (np.sqrt((centred * centred).mean(1, keepdims=True)) + 4)
        a, b = look[1:], look[:-1]
        like = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1) + 1e-3)
        cuts = np.ones(steps, np.float32)
        cuts[1:] = like < CUT_BELOW
        inside = frames.reshape(steps, ROWS, CELL, COLS, CELL).max((2, 4)) > 0
        return self.cells(flow, sure, inside) * (1 - cuts[:, None]), look, cuts

    def cells(self, flow: Floats, sure: Floats, inside: NDArray[np.bool_]) -> Floats:
        """Mean motion of every cell without the camera's [T,MOTION_DIM]."""
        steps = len(flow)
        wide = np.ones((steps, ROWS + 2 * RIM, COLS + 2 * RIM), bool)
        wide[:, RIM:-RIM, RIM:-RIM] = ~inside
        near = np.zeros_like(inside)
        for dy in range(2 * RIM + 1):
            for dx in range(2 * RIM + 1):
                near |= wide[:, dy : dy + ROWS, dx : dx + COLS]
        rim = (inside & near).reshape(steps, -1)
        weight = sure * rim
        u, v, fit, w = flow[:, 0], flow[:, 1], np.zeros_like(flow), weight
        for scale in CAMERA_SCALES:
            total = w.sum(1, keepdims=True)
            share, norm = w / (total + RIM_PRIOR), total + 1e-6
            cx, cy = ((w * p).sum(1, keepdims=True) / norm for p in self.places)
            x, y = self.places[0] - cx, self.places[1] - cy
            reach = (w * (x * x + y * y)).sum(1, keepdims=True) + ZOOM_PRIOR
            zoom = (w * (x * u + y * v)).sum(1, keepdims=True) / reach
            roll = (w * (x * v - y * u)).sum(1, keepdims=True) / reach
            mean_u, mean_v = (share * u).sum(1, keepdims=True), (share * v).sum(1, keepdims=True)
            fit = np.stack([mean_u + zoom * x - roll * y, mean_v + zoom * y + roll * x], 1)
            off = ((flow - fit) ** 2).sum(1) / (scale * scale)
            w = weight / (1 + off) ** 2
        seen = (flow - fit) * (sure * inside.reshape(steps, -1))[:, None]
        return np.asarray(seen.reshape(steps, MOTION_DIM), np.float32)


def targets(tr: Trajectory) -> Floats:
    """Labels [T,4]: away while repeating, repeating, ended, acting."""
    return np.stack([tr.away * tr.repeating, tr.repeating, tr.ended, tr.acting], 1).astype(np.float32)


def make_clip(seed: int, index: int, frames: int = FRAMES) -> Arrays:
    """Stream index of a data set, measured; a pure function of its arguments."""
    manner = EXACT if index < EXACT_STREAMS else LIVELY
    filmed = render(np.random.default_rng((seed, index)), frames, manner=manner)
    motion, look, cuts = QuickFrontEnd().measure(filmed.frames)
    return {
        "motion": motion.astype(np.float16),
        "look": look.astype(np.float16),
        "cuts": cuts.astype(np.uint8),
        "targets": targets(filmed.labels).astype(np.float16),
    }


def make_shard(first: int, seed: int, out: Path, clips: int, frames: int = FRAMES) -> tuple[int, float]:
    """Write streams first .. first+clips-1 into one file unless it exists; returns first and seconds taken."""
    path, began = shard_path(out, seed, first), time.monotonic()
    if not path.exists():
        cv2.setNumThreads(1)
        made = [make_clip(seed, i, frames) for i in range(first, first + clips)]
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez(file, **{name: np.stack([clip[name] for clip in made]) for name in made[0]})
        part.replace(path)
    return first, time.monotonic() - began


def shard_path(out: Path, seed: int, first: int) -> Path:
    return out / f"film-{seed}-{first:07d}.npz"


def load(folder: Path) -> dict[str, NDArray[np.generic]]:
    """All finished shards of a folder: motion [N,T,384], look [N,T,192], cuts [N,T], targets [N,T,4].

    Raises FileNotFoundError when there is none.
    """
    paths = sorted(folder.glob("film-*.npz"))
    if not paths:
        raise FileNotFoundError(f"no shards in {folder.name}; make some with models.tiny.train.dataset")
    shards = [dict(np.load(path)) for path in paths]
    return {name: np.concatenate([shard[name] for shard in shards]) for name in shards[0]}


def make(seed: int, clips: int, out: Path, workers: int = 1, first: int = 0) -> None:
    """All shards of streams first .. first+clips-1."""
    out.mkdir(parents=True, exist_ok=True)
    starts = range(first, first + clips, SHARD)
    job = partial(make_shard, seed=seed, out=out, clips=SHARD)
    with mp.get_context("spawn").Pool(workers) as pool:
        for start, seconds in pool.imap_unordered(job, starts):
            log.info("streams %d to %d: %.1f s", start, start + SHARD - 1, seconds)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clips", type=int, default=2000, help=f"rounded up to whole shards of {SHARD}")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="index of the first stream")
    args = parser.parse_args()
    make(args.seed, args.clips, args.out, args.workers, args.first)
