"""Motion front end without learned weights: coarse-to-fine Lucas-Kanade flow in exportable tensor operations.

Everything is deterministic and traced straight into the ONNX graph. Flow is in model pixels per frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name torch users know)

from models.tiny.train.config import CELL, COLS, HEIGHT, LOOK_COLS, LOOK_ROWS, ROWS, WIDTH

NOISE_FLOOR = 0.012
"""Added to the structure tensor: gradients weaker than about 0.11 per pixel (normalised contrast) give no motion."""
CONTRAST_FLOOR = 10.0
"""Grey levels added to the local contrast before dividing by it, so that sensor noise is not amplified."""
CUT_BELOW = 0.7
"""Likeness of two successive pictures under which the view has changed (same shot: 0.93 and more; cuts: under 0.4)."""
TRUST_LEVEL = 2
RIM = 2
"""Cells from the edge of the picture that tell the camera's motion: people are rarely there."""
RIM_PRIOR, ZOOM_PRIOR = 3.0, 3.0 * 40.0**2
"""Weight of "the camera is still" against the cells of the rim."""
CAMERA_SCALES = (2.0, 1.0, 0.5)
"""Disagreement in pixels that halves a cell's say, round after round."""
LEVELS = ((12, 16, 2), (24, 32, 2), (48, 64, 2), (96, 128, 1))
"""Height, width and iterations of every pyramid level, coarse to fine."""


def box(x: Tensor, size: int) -> Tensor:
    """Mean over a size x size window of [B,C,H,W]; at the border over the part inside the picture."""
    return F.avg_pool2d(x, size, 1, size // 2, count_include_pad=False)


def gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of [B,1,H,W] along x and y, replicated at the border."""
    p = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return (p[..., 1:-1, 2:] - p[..., 1:-1, :-2]) * 0.5, (p[..., 2:, 1:-1] - p[..., :-2, 1:-1]) * 0.5


def to_grey(frame: Tensor) -> Tensor:
    """uint8 RGB [B,H,W,3] -> float grey levels [B,1,H,W] in 0..255."""
    weights = frame.new_tensor([0.299, 0.587, 0.114], dtype=torch.float32)
    return (frame.float() * weights).sum(-1).unsqueeze(1)


def normalise(grey: Tensor) -> Tensor:
    """Remove local brightness and most of the local contrast: exposure changes vanish, texture stays. [B,1,H,W]."""
    high = grey - box(grey, 17)
    return high / (torch.sqrt(box(high * high, 17)) + CONTRAST_FLOOR)


def likeness(a: Tensor, b: Tensor) -> Tensor:
    """Cosine of two appearance vectors [B,LOOK_DIM]."""
    return (a * b).sum(1) / torch.sqrt((a * a).sum(1) * (b * b).sum(1) + 1e-3)


def pyramid(x: Tensor) -> list[Tensor]:
    """Normalised picture [B,1,96,128] -> pictures at the sizes of LEVELS, coarse first."""
    levels = [x]
    for _ in LEVELS[1:]:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels[::-1]


class FrontEnd(nn.Module):
    """Flow between two frames, its camera part removed, pooled to cells; and a small appearance vector per frame."""

    def __init__(self) -> None:
        super().__init__()
        for i, (h, w, _) in enumerate(LEVELS):
            ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
            self.register_buffer(f"grid{i}", torch.stack([xs, ys], -1).float()[None], persistent=False)
        ys, xs = torch.meshgrid(torch.arange(ROWS) + 0.5, torch.arange(COLS) + 0.5, indexing="ij")
        self.register_buffer("places", torch.stack([xs.flatten(), ys.flatten()]) * CELL, persistent=False)

    def warp(self, x: Tensor, flow: Tensor, level: int) -> Tensor:
        """Sample [B,1,h,w] at pixel + flow [B,2,h,w] (bilinear, border repeated)."""
        h, w, _ = LEVELS[level]
        at = self.get_buffer(f"grid{level}") + flow.permute(0, 2, 3, 1)
        scale = at.new_tensor([2.0 / (w - 1), 2.0 / (h - 1)])
        return F.grid_sample(x, at * scale - 1.0, mode="bilinear", padding_mode="border", align_corners=True)

    def flow(self, before: list[Tensor], after: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Pyramids of two frames -> flow [B,2,96,128] (x, y) in pixels and trust [B,1,48,64], 0 where nothing shows."""
        flow = before[0].new_zeros(before[0].shape[0], 2, *LEVELS[0][:2])
        trust = flow[:, :1]
        for level, (h, w, rounds) in enumerate(LEVELS):
            if level:
                flow = F.interpolate(flow, size=(h, w), mode="bilinear", align_corners=False) * 2.0
            a, b = before[level], after[level]
            gx, gy = gradients(a)
            window = 5 if level < 3 else 7
            products = box(torch.cat([gx * gx, gx * gy, gy * gy], 1), window)
            xx, xy, yy = products[:, 0:1] + NOISE_FLOOR, products[:, 1:2], products[:, 2:3] + NOISE_FLOOR
            det = xx * yy - xy * xy
            if level == TRUST_LEVEL:
                trust = 1.0 - 2 * NOISE_FLOOR / (xx + yy)
            for _ in range(rounds):
                delta = a - self.warp(b, flow, level)
                rhs = box(torch.cat([gx * delta, gy * delta], 1), window)
                bx, by = rhs[:, 0:1], rhs[:, 1:2]
                step = torch.cat([yy * bx - xy * by, xx * by - xy * bx], 1) / det
                flow = flow + step.clamp(-1.5, 1.5)
            flow = box(flow, 3)
        return flow, trust

    def look(self, grey: Tensor) -> Tensor:
        """Appearance [B, LOOK_DIM]: blurred grey picture, brightness and contrast of the whole picture removed."""
        small = F.avg_pool2d(grey, HEIGHT // LOOK_ROWS, WIDTH // LOOK_COLS).flatten(1)
        centred = small - small.mean(1, keepdim=True)
        return centred / (torch.sqrt((centred * centred).mean(1, keepdim=True)) + 4.0)

    def cells(self, flow: Tensor, trust: Tensor, grey: Tensor) -> Tensor:
        """Flow and trust -> mean motion of every cell without the camera's, 0 where nothing shows [B, MOTION_DIM]."""
        pooled, sure = F.avg_pool2d(flow, CELL), F.avg_pool2d(trust, CELL // 2)
        inside = (F.max_pool2d(grey, CELL) > 0.5).to(flow.dtype)
        outside = F.pad(1.0 - inside, (RIM, RIM, RIM, RIM), value=1.0)
        rim = inside * F.max_pool2d(outside, 2 * RIM + 1, 1)
        weight = (sure * rim).flatten(1)
        camera = self.camera(pooled.flatten(2), weight)
        return ((pooled.flatten(2) - camera) * (sure * inside).flatten(2)).flatten(1)

    def camera(self, motion: Tensor, weight: Tensor) -> Tensor:
        """Shift, zoom and roll that the rim agrees on: motion [B,2,N], weights [B,N] -> camera motion [B,2,N].

        Closed-form least squares, repeated with less weight on cells that disagree; a rim without texture gives zero.
        """
        place = self.get_buffer("places")
        u, v, fit = motion[:, 0], motion[:, 1], torch.zeros_like(motion)
        w = weight
        for scale in CAMERA_SCALES:
            total = w.sum(1, keepdim=True)
            share = w / (total + RIM_PRIOR)
            norm = total + 1e-6
            cx, cy = (w * place[0]).sum(1, keepdim=True) / norm, (w * place[1]).sum(1, keepdim=True) / norm
            x, y = place[0] - cx, place[1] - cy
            spread = (w * (x * x + y * y)).sum(1, keepdim=True) + ZOOM_PRIOR
            zoom = (w * (x * u + y * v)).sum(1, keepdim=True) / spread
            roll = (w * (x * v - y * u)).sum(1, keepdim=True) / spread
            mean_u, mean_v = (share * u).sum(1, keepdim=True), (share * v).sum(1, keepdim=True)
            fit = torch.stack([mean_u + zoom * x - roll * y, mean_v + zoom * y + roll * x], 1)
            off = ((motion - fit) ** 2).sum(1) / (scale * scale)
            w = weight / (1.0 + off) ** 2
        return fit
