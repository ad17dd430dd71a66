"""Pictures of limbs and places: textured sprites laid over backdrops, in grey levels 0..255."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.tiny.train.film_body import Strokes
from models.tiny.train.film_script import spread

Picture = NDArray[np.float32]
MARGIN = 24
"""Pixels of backdrop around the picture, for cameras that move."""
CLOTHES = ("hips", "shirt", "sleeve", "skin", "head", "thigh", "shin", "shoe", "iron", "cloth0", "cloth1", "cloth2")
WORDS = (
    "REST",
    "GO!",
    "Fitness",
    "Workout 12",
    "SET 2/3",
    "00:24",
    "subscribe",
    "squats",
    "Keep going",
    "LEVEL",
    "www.train.it",
)


def blotches(rng: np.random.Generator, height: int, width: int, cell: float) -> Picture:
    """Smooth noise of unit variance with features of about cell pixels."""
    h, w = max(2, round(height / cell) + 1), max(2, round(width / cell) + 1)
    small = rng.standard_normal((h, w)).astype(np.float32)
    how = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(small, (width, height), interpolation=how), np.float32)


def wardrobe(rng: np.random.Generator, backdrop: float, contrast: float) -> dict[str, tuple[float, float, float]]:
    """Grey level, texture strength and texture size of every cloth; contrast against a backdrop of this level."""

    def tone() -> float:
        away = rng.choice([-1, 1]) * rng.uniform(0.25, 1.0) * contrast
        return float(np.clip(backdrop + away, 8, 250))

    skin, shirt, trousers = tone(), tone(), tone()
    out = {name: (tone(), spread(rng, 0.5, 16), spread(rng, 2, 12)) for name in CLOTHES}
    out["skin"] = (skin, spread(rng, 0.5, 8), 6.0)
    out["head"] = (skin if rng.random() < 0.5 else tone(), spread(rng, 4, 30), 4.0)
    out["shirt"] = (shirt, spread(rng, 0.5, 30), spread(rng, 2, 12))
    out["hips"] = out["thigh"] = (trousers, spread(rng, 0.5, 20), spread(rng, 2, 12))
    out["sleeve"] = out["shirt"] if rng.random() < 0.5 else out["skin"]
    out["shin"] = out["thigh"] if rng.random() < 0.55 else out["skin"]
    return out


def sprite(
    rng: np.random.Generator, length: float, radii: tuple[float, float], cloth: tuple[float, float, float], light: float
) -> Picture:
    """A tapered capsule [h,w,2] of level and cover that lies along x; sizes in pixels, its ends touch the border."""
    most = max(radii)
    w = int(np.clip(np.ceil(length + radii[0] + radii[1]), 4, 150))
    h = int(np.clip(np.ceil(2 * most), 3, 100)) + 2
    xs = (np.arange(w, dtype=np.float32) + 0.5) / w * (length + radii[0] + radii[1]) - radii[0]
    ys = (np.arange(h, dtype=np.float32) + 0.5 - h / 2) * (2 * most / (h - 2))
    s = np.clip(xs / max(length, 1e-3), 0, 1)
    r = radii[0] + (radii[1] - radii[0]) * s
    gap = np.sqrt((xs - s * length)[None] ** 2 + ys[:, None] ** 2)
    cover = np.clip(r[None] - gap + 0.5, 0, 1)
    across = np.clip(ys[:, None] / np.maximum(r[None], 0.5), -1, 1)
    level, strength, cell = cloth
    shade = 1 - abs(light) * 0.35 * across**2 + light * 0.3 * across
    texture = blotches(rng, h, w, max(1.5, cell * most / 12)) if w > 1 else np.zeros((h, w), np.float32)
    if rng.random() < 0.25:
        texture = texture * 0.4 + np.sign(np.sin(xs * rng.uniform(0.4, 1.5)))[None].astype(np.float32)
    colour = level * shade + texture * strength
    return np.stack([colour, cover], 2).astype(np.float32)


class Actor:
    """Strokes with their sprites, ready to be laid over a picture frame by frame."""

    def __init__(
        self,
        rng: np.random.Generator,
        strokes: Strokes,
        wear: dict[str, tuple[float, float, float]],
        size: tuple[int, int],
    ) -> None:
        height, width = size
        gap = strokes.end - strokes.start
        length = np.sqrt((gap**2).sum(2))
        light = float(rng.uniform(-1, 1))
        count = length.shape[1]
        self.sprites = []
        typical, scale = np.quantile(length, 0.8, axis=0), np.median(strokes.radius, axis=0)
        for k in range(count):
            radii = (strokes.widths[k][0] * scale[k], strokes.widths[k][1] * scale[k])
            self.sprites.append(sprite(rng, float(typical[k]), radii, wear[strokes.clothes[k]], light))
        w0, w1 = np.array(strokes.widths).T
        safe = np.maximum(length, 1e-3)[..., None]
        flat = np.array([1.0, 0.0])
        along = np.where(length[..., None] > 0.05, gap / safe, flat)
        across = np.stack([-along[..., 1], along[..., 0]], 2)
        r0, r1, most = w0 * strokes.radius, w1 * strokes.radius, np.maximum(w0, w1) * strokes.radius
        tall = np.array([s.shape[0] for s in self.sprites])
        wide = np.array([s.shape[1] for s in self.sprites])
        u = along * ((length + r0 + r1) / wide)[..., None]
        v = across * (2 * most / (tall - 2))[..., None]
        corner = strokes.start - along * r0[..., None] - v * (tall / 2)[None, :, None]
        edge = most + 1.5
        low = np.floor(np.minimum(strokes.start, strokes.end) - edge[..., None]).astype(int)
        high = np.ceil(np.maximum(strokes.start, strokes.end) + edge[..., None]).astype(int) + 1
        self.low = np.clip(low, 0, [width, height]).tolist()
        self.high = np.clip(high, 0, [width, height]).tolist()
        origin = corner - np.clip(low, 0, [width, height]) + 0.5 * (u + v) - 0.5
        self.matrix = np.stack([u, v, origin], 3)
        self.lines = np.stack([strokes.start, strokes.end], 2)
        self.order = np.argsort(strokes.depth, axis=1, kind="stable").tolist()

    def paint(self, picture: Picture, t: int) -> None:
        """Lay the limbs of frame t over picture [H,W], far ones first."""
        low, high, matrix = self.low[t], self.high[t], self.matrix[t]
        for k in self.order[t]:
            (x0, y0), (x1, y1) = low[k], high[k]
            if x1 <= x0 or y1 <= y0:
                continue
            seen = cv2.warpAffine(self.sprites[k], matrix[k], (x1 - x0, y1 - y0))
            part, cover = picture[y0:y1, x0:x1], seen[..., 1]
            part += cover * (seen[..., 0] - part)

    def bones(self, picture: Picture, t: int) -> None:
        """The lines and dots that pose estimators burn into pictures."""
        for a, b in np.clip(self.lines[t] * 8, -4000, 4000).astype(int).tolist():
            cv2.line(picture, a, b, 255.0, 1, cv2.LINE_AA, 3)


def rectangles(rng: np.random.Generator, picture: Picture, count: int, strength: float) -> None:
    h, w = picture.shape
    for _ in range(count):
        x, y = int(rng.integers(-10, w)), int(rng.integers(-10, h))
        size = (int(spread(rng, 3, w * 0.5)), int(spread(rng, 3, h * 0.5)))
        level = float(picture[min(max(y, 0), h - 1), min(max(x, 0), w - 1)] + rng.normal(0, strength))
        thick = -1 if rng.random() < 0.7 else int(rng.integers(1, 3))
        cv2.rectangle(picture, (x, y), (x + size[0], y + size[1]), level, thick)


def rails(rng: np.random.Generator, picture: Picture, strength: float) -> None:
    """Racks, windows, wall bars: parallel lines."""
    h, w = picture.shape
    for _ in range(int(rng.integers(1, 4))):
        step, level = int(rng.integers(3, 24)), float(picture.mean() + rng.normal(0, strength))
        low, high = sorted(int(x) for x in rng.integers(0, w if rng.random() < 0.5 else h, 2))
        upright = rng.random() < 0.5
        tilt = int(rng.normal(0, 4))
        for at in range(low, high, step):
            ends = ((at, 0), (at + tilt, h)) if upright else ((0, at), (w, at + tilt))
            cv2.line(picture, ends[0], ends[1], level, 1, cv2.LINE_AA)


def backdrop(rng: np.random.Generator, height: int, width: int, level: float, busy: float) -> Picture:
    """A place [height+2*MARGIN, width+2*MARGIN]; busy 0 is an empty studio, 1 a full room."""
    h, w = height + 2 * MARGIN, width + 2 * MARGIN
    ramp = np.linspace(-1, 1, h, dtype=np.float32)[:, None] * rng.normal(0, 8) + np.linspace(
        -1, 1, w, dtype=np.float32
    )[None] * rng.normal(0, 8)
    out = np.asarray(ramp + np.float32(level), np.float32)
    floor = int(h * rng.uniform(0.55, 0.9))
    if rng.random() < 0.8:
        out[floor:] += np.float32(rng.normal(0, 6 + 35 * busy))
    if busy <= 0.02:
        return cv2.GaussianBlur(out, (0, 0), 3)
    strength = 80 * busy
    for cell, share in ((40, 0.6), (16, 0.5), (6, 0.3), (2.5, 0.2)):
        out += blotches(rng, h, w, cell) * np.float32(strength * rng.uniform(0, share))
    if rng.random() < 0.8:
        rectangles(rng, out, int(rng.integers(2, 40)), strength * 1.2)
    if rng.random() < 0.5:
        rails(rng, out, strength * 1.2)
    if rng.random() < 0.3:
        out += blotches(rng, h, w, 1.5) * np.float32(strength * rng.uniform(0, 0.3))
    if rng.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.5, 2.5)))
    return np.asarray(out, np.float32)


def write(picture: Picture, text: str, at: tuple[int, int], size: float, level: float) -> None:
    """Text in this grey level; the library only writes into bytes."""
    ink = np.zeros(picture.shape, np.uint8)
    cv2.putText(ink, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    picture += (np.float32(level) - picture) * (ink * np.float32(1 / 255))


def title_card(rng: np.random.Generator, height: int, width: int) -> Picture:
    """A still card with some words."""
    level = float(rng.choice([5, 20, 128, 235, 250]))
    out = np.full((height, width), level, np.float32)
    if rng.random() < 0.3:
        out += blotches(rng, height, width, 20) * np.float32(rng.uniform(2, 25))
    ink = 255 - level if abs(level - 128) > 20 else 255.0
    for _ in range(int(rng.integers(1, 6))):
        at = (int(rng.integers(0, max(1, width // 2))), int(rng.integers(10, height)))
        write(out, WORDS[rng.integers(len(WORDS))], at, float(rng.uniform(0.25, 0.8)), ink)
    if rng.random() < 0.5:
        cv2.circle(
            out, (int(rng.integers(width)), int(rng.integers(height))), int(rng.integers(5, 30)), ink, -1, cv2.LINE_AA
        )
    return out
