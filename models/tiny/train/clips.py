"""Turns a video file into the frames the app would give the model, micro-turn by micro-turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.tiny.train.config import CHUNK_MS, FRAMES, HEIGHT, WIDTH

Frame = NDArray[np.uint8]
JPEG_QUALITY = 85


@dataclass(frozen=True)
class Padding:
    """Idle time around a clip: first and last frame held with fresh sensor noise."""

    before_s: float
    after_s: float
    noise: float = 2.0
    seed: int = 0


def letterbox(rgb: Frame, height: int = HEIGHT, width: int = WIDTH) -> Frame:
    """Scale [h,w,3] to fit height x width and centre it on black."""
    h, w = rgb.shape[:2]
    scale = min(height / h, width / w)
    nh, nw = max(1, round(h * scale)), max(1, round(w * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - nh) // 2, (width - nw) // 2
    out[top : top + nh, left : left + nw] = cv2.resize(rgb, (nw, nh), interpolation=how)
    return out


def through_jpeg(bgr: Frame) -> Frame:
    """Compress and decode at native size, then letterbox to RGB model size."""
    ok, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not ok:
        raise ValueError("the frame could not be compressed")
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return letterbox(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB).astype(np.uint8))


def read_video(path: Path) -> tuple[list[Frame], float]:
    """All frames (BGR, native size) and the frame rate in Hz."""
    video = cv2.VideoCapture(str(path))
    fps = float(video.get(cv2.CAP_PROP_FPS)) or 25.0
    frames: list[Frame] = []
    while True:
        ok, frame = video.read()
        if not ok:
            break
        frames.append(frame.astype(np.uint8))
    video.release()
    if not frames:
        raise ValueError(f"no frames could be read from {path.name}")
    return frames, fps


def sample_times_ms(steps: int, per_step: int = FRAMES) -> NDArray[np.float64]:
    """Latest capture time of frame i of step k: 200(k+1) - (F-1-i)*200/F. Shape [steps, F]."""
    k = np.arange(steps)[:, None]
    i = np.arange(per_step)[None]
    return CHUNK_MS * (k + 1) - (per_step - 1 - i) * CHUNK_MS / per_step


def model_frames(path: Path, padding: Padding | None = None, tail_s: float = 0.0) -> Frame:
    """Frames [steps, F, H, W, 3] for a whole clip; idle padding and a plain held tail are optional."""
    frames, fps = read_video(path)
    before = padding.before_s if padding else 0.0
    after = (padding.after_s if padding else 0.0) + tail_s
    length_s = len(frames) / fps
    steps = int(np.ceil((before + length_s + after) * 1000 / CHUNK_MS - 1e-9))
    rng = np.random.default_rng(padding.seed if padding else 0)
    cache: dict[int, Frame] = {}
    out = np.zeros((steps, FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    for (k, i), t_ms in np.ndenumerate(sample_times_ms(steps)):
        at_s = t_ms / 1000 - before
        idle = padding is not None and not 0 <= at_s < length_s
        index = int(np.clip(np.floor(at_s * fps + 1e-6), 0, len(frames) - 1))
        if idle and padding is not None:
            noisy = frames[index] + rng.standard_normal(frames[index].shape, dtype=np.float32) * padding.noise
            out[k, i] = through_jpeg(noisy.clip(0, 255).round().astype(np.uint8))
            continue
        if index not in cache:
            cache = {index: through_jpeg(frames[index])}
        out[k, i] = cache[index]
    return out
