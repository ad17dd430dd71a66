"""Where the signs over the picture go, so that none ever hides another, at any size. No Qt, no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in device-independent pixels."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        return self.x + self.w

    @property
    def bottom(self) -> float:
        return self.y + self.h

    def meets(self, other: Box) -> bool:
        """True if the two share any area."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom


@dataclass(frozen=True, slots=True)
class Wanted:
    """Sizes that the signs would like to have (width, height); None where there is nothing to show."""

    badge: float | None = None
    banner: tuple[float, float] | None = None
    caption: tuple[float, float] | None = None
    speaking: tuple[float, float] | None = None
    toasts: tuple[tuple[float, float], ...] = ()
    heard: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the signs go. A box may be narrower than wanted: its text is then shortened. Toasts newest last."""

    badge: Box | None = None
    banner: Box | None = None
    caption: Box | None = None
    speaking: Box | None = None
    toasts: tuple[Box, ...] = ()
    heard: Box | None = None

    def boxes(self) -> list[Box]:
        """All that are shown."""
        named = [self.badge, self.banner, self.caption, self.speaking, self.heard]
        return [b for b in named if b is not None] + list(self.toasts)


def scale_for(width: float, height: float) -> float:
    """How much larger than at 880×495 the signs are drawn; less than in proportion, so that small ones stay legible."""
    return max(0.5, min(2.0, math.pow(min(width / 880, height / 495), 0.6)))


def place(width: float, height: float, wanted: Wanted) -> Placed:
    """Arrange the signs over a stage of `width` × `height`.

    Badge at the top right, banner at the top left, caption at the bottom centre, speaking sign at the bottom right,
    toasts at the bottom left; whoever does not fit beside the caption moves above it. What was heard stands below the
    banner, if there is room.
    """
    scale = scale_for(width, height)
    margin, gap = 20 * scale, 10 * scale
    left, right, top, bottom = margin, width - margin, margin, height - margin
    badge = Box(right - wanted.badge, top, wanted.badge, wanted.badge) if wanted.badge else None
    free_right = badge.x - gap if badge else right
    banner = None
    if wanted.banner:
        w, h = wanted.banner
        banner = Box(left, top, min(w, free_right - left), h)
    caption = None
    if wanted.caption:
        w, h = wanted.caption
        w = min(w, right - left)
        caption = Box((width - w) / 2, bottom - h, w, h)
    floor = caption.y - gap if caption else bottom
    speaking = _speaking(wanted.speaking, caption, right, bottom, gap)
    heard = _heard(wanted.heard, left, top, free_right, gap, banner, caption, speaking)
    above = heard or banner
    toasts = _toasts(wanted.toasts, left, bottom, floor, free_right, gap, above, caption, speaking)
    return Placed(badge, banner, caption, speaking, toasts, heard)


def _heard(
    size: tuple[float, float] | None,
    left: float,
    top: float,
    free_right: float,
    gap: float,
    banner: Box | None,
    caption: Box | None,
    speaking: Box | None,
) -> Box | None:
    if size is None:
        return None
    y = banner.bottom + gap if banner else top
    box = Box(left, y, min(size[0], free_right - left), size[1])
    below = [b.y - gap for b in (caption, speaking) if b is not None]
    return box if box.w > size[1] and box.bottom <= min(below, default=box.bottom) else None


def _speaking(
    size: tuple[float, float] | None, caption: Box | None, right: float, bottom: float, gap: float
) -> Box | None:
    if size is None:
        return None
    w, h = size
    beside = caption is None or right - w >= caption.right + gap
    below = bottom if beside or caption is None else caption.y - gap
    return Box(right - w, below - h, w, h)


def _toasts(
    sizes: tuple[tuple[float, float], ...],
    left: float,
    bottom: float,
    floor: float,
    free_right: float,
    gap: float,
    above: Box | None,
    caption: Box | None,
    speaking: Box | None,
) -> tuple[Box, ...]:
    widest = max((w for w, _ in sizes), default=0.0)
    beside = caption is None or left + widest + gap <= caption.x
    y = bottom if beside else floor
    most = free_right - left
    if speaking is not None:
        most = min(most, speaking.x - gap - left)
    ceiling = above.bottom + gap if above else 0.0
    boxes: list[Box] = []
    # Newest first from below: when room is short, the oldest is the one left out.
    for w, h in reversed(sizes):
        if y - h < ceiling:
            break
        boxes.append(Box(left, y - h, min(w, most), h))
        y -= h + gap
    return tuple(reversed(boxes))
