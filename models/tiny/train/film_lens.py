"""What happens to a picture between the scene and the model: light, sensor, compression, holding, letterbox."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.tiny.train.config import FPS, HEIGHT, WIDTH
from models.tiny.train.film_paint import Picture
from models.tiny.train.film_script import spread
from models.tiny.train.trajectory import Array, quick_noise

Grey = NDArray[np.uint8]
POOL = 320
BLOCK = 8


def jpeg(picture: Grey, quality: int) -> Grey:
    """Through the compression and back."""
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise ValueError("the picture could not be compressed")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def to_bytes(picture: Picture) -> Grey:
    return np.asarray(np.clip(picture, 0, 255) + 0.5).astype(np.uint8)


@dataclass
class Lens:
    """Everything between scene and file; one per stream."""

    rng: np.random.Generator
    pool: Picture
    """Sensor noise to cut fresh pieces from [POOL,POOL]."""
    grain: float
    """Standard deviation of the sensor noise in grey levels."""
    gain: Array
    """Exposure per frame [T]."""
    contrast: float
    vignette: Picture
    quality: int
    """JPEG quality, 0 = none."""
    skip: float
    """Blocks that change less than this many grey levels are not refreshed, as in video files; 0 = all are."""
    refresh: int
    """Frames between full refreshes."""

    def noise(self, shape: tuple[int, ...]) -> Picture:
        y, x = self.rng.integers(0, [POOL - shape[0], POOL - shape[1]])
        return self.pool[y : y + shape[0], x : x + shape[1]]

    def expose(self, scene: Picture, t: int, before: Grey | None) -> Grey:
        """Scene in grey levels -> the picture as it lies in the file."""
        seen = ((scene - 110) * np.float32(self.contrast) + 110) * (self.vignette * np.float32(self.gain[t]))
        if self.grain:
            seen = seen + self.noise(seen.shape) * np.float32(self.grain)
        out = to_bytes(seen)
        if self.quality:
            out = jpeg(out, self.quality)
        if self.skip and before is not None and t % self.refresh:
            h, w = out.shape[0] // BLOCK * BLOCK, out.shape[1] // BLOCK * BLOCK
            change = cv2.absdiff(out[:h, :w], before[:h, :w])
            small = cv2.resize(change, (w // BLOCK, h // BLOCK), interpolation=cv2.INTER_AREA)
            stay = cv2.resize((small < self.skip).astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST)
            out[:h, :w] = np.where(stay, before[:h, :w], out[:h, :w])
        return out

    def hold(self, picture: Grey, grain: float) -> Grey:
        """A held picture with fresh noise, compressed once more; unchanged without noise."""
        if not grain:
            return picture
        out = to_bytes(picture + self.noise(picture.shape) * np.float32(grain))
        return jpeg(out, 85) if self.quality else out


def make_lens(
    rng: np.random.Generator, steps: int, height: int, width: int, contrast_range: tuple[float, float], dark: bool
) -> Lens:
    """A random camera and file format for pictures of this size."""
    gain = np.ones(steps)
    if dark:
        gain *= spread(rng, 0.15, 0.6)
    kind = rng.random()
    if kind < 0.2:
        gain *= 1 + quick_noise(rng, steps, 1, rng.uniform(8, 60))[:, 0] * rng.uniform(0.01, 0.12)
    elif kind < 0.32:
        gain *= 1 + rng.normal(0, rng.uniform(0.003, 0.04), steps)
    elif kind < 0.4:
        at, size = int(rng.integers(0, steps)), rng.uniform(-0.3, 0.3)
        gain *= 1 + size / (1 + np.exp(-(np.arange(steps) - at) / rng.uniform(0.5, 5)))
    if rng.random() < 0.06:
        n = min(steps, int(rng.uniform(4, 20)))
        gain[:n] *= np.linspace(0.03, 1, n)
    ys, xs = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    depth = rng.uniform(0, 0.5) if rng.random() < 0.3 else 0.0
    vignette = (1 - depth * (xs**2 + ys**2) / 2).astype(np.float32)
    pool = rng.standard_normal((POOL, POOL), dtype=np.float32)
    if rng.random() < 0.4:
        pool = cv2.GaussianBlur(pool, (0, 0), 0.8)
        pool /= pool.std()
    grain = 0.0 if rng.random() < 0.3 else spread(rng, 0.15, 6.0)
    contrast = spread(rng, *contrast_range)
    quality = int(rng.integers(20, 96)) if rng.random() < 0.4 else 0
    skip = spread(rng, 0.5, 4.0) if rng.random() < 0.25 else 0.0
    return Lens(
        rng,
        np.asarray(pool, np.float32),
        grain,
        gain,
        contrast,
        vignette,
        quality,
        skip,
        int(rng.uniform(0.6, 8) * FPS),
    )


def bars(pictures: Grey) -> Grey:
    """Centre pictures [T,h,w] on exact black [T,HEIGHT,WIDTH]."""
    h, w = pictures.shape[1:]
    out = np.zeros((len(pictures), HEIGHT, WIDTH), np.uint8)
    top, left = (HEIGHT - h) // 2, (WIDTH - w) // 2
    out[:, top : top + h, left : left + w] = pictures
    return out


def judder(rng: np.random.Generator, steps: int) -> NDArray[np.int64]:
    """Which frame is shown at every time [steps]: films with fewer frames than the model looks at, or dropped ones."""
    shown = np.arange(steps)
    kind = rng.random()
    if kind < 0.14:
        rate = rng.uniform(5, 9.5)
        shown = np.floor(np.floor(shown * rate / FPS + 1e-9) * FPS / rate + 1e-9).astype(np.int64)
    elif kind < 0.24:
        stuck = rng.random(steps) < rng.choice([0.02, 0.1, 0.3])
        stuck[0] = False
        shown = np.maximum.accumulate(np.where(stuck, 0, shown))
    return np.asarray(shown, np.int64)
