"""Whole-clip version of the front end, for development and for the test that streaming gives the same numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from models.tiny.train.frontend import CUT_BELOW, FrontEnd, likeness, normalise, pyramid, to_grey

CHUNK = 32


def measure(frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """uint8 frames [steps,F,H,W,3] -> motion [1,T,MOTION_DIM], look [1,T,LOOK_DIM] and cuts [1,T], T = steps * F."""
    front = FrontEnd()
    pictures = frames.flatten(0, 1)
    motions, looks = [], []
    before: list[Tensor] = []
    with torch.no_grad():
        for i in range(0, len(pictures), CHUNK):
            grey = to_grey(pictures[i : i + CHUNK])
            levels = pyramid(normalise(grey))
            before = before or [x[:1] for x in levels]
            shifted = [torch.cat([last, x[:-1]]) for last, x in zip(before, levels, strict=True)]
            motions.append(front.cells(*front.flow(shifted, levels), grey))
            looks.append(front.look(grey))
            before = [x[-1:] for x in levels]
    motion, look = torch.cat(motions), torch.cat(looks)
    cuts = torch.ones(len(look))
    cuts[1:] = (likeness(look[1:], look[:-1]) < CUT_BELOW).float()
    return (motion * (1 - cuts[:, None]))[None], look[None], cuts[None]
