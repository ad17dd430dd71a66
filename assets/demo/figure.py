"""The figure: limbs as tapered capsules with smooth edges, lit like cylinders from the upper left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from motion import State

SKIN, SHIRT, SHORTS, SHOE, HAIR, SOLE = (
    (134, 164, 208),
    (176, 138, 84),
    (92, 66, 52),
    (214, 208, 200),
    (52, 52, 66),
    (150, 140, 130),
)
LIGHT = np.array([-0.52, -0.60, 0.61])
FLOOR_Y = 424.0
ANKLE_X = 318.0
SHIN, THIGH, TORSO, UPPER_ARM, FOREARM = 90.0, 88.0, 104.0, 58.0, 56.0
FAR_SHADE = 0.72

Point = tuple[float, float]


def _along(origin: Point, length: float, angle: float) -> Point:
    """Return the point `length` from `origin`; angle 0 is straight up, positive leans to the right, in radians."""
    return origin[0] + length * float(np.sin(angle)), origin[1] - length * float(np.cos(angle))


@dataclass(frozen=True)
class Pose:
    """Joints in pixels, seen from the side, facing right. The far limbs are shifted a little for depth."""

    ankle: Point
    knee: Point
    hip: Point
    chest: Point
    neck: Point
    head: Point
    elbow: Point
    wrist: Point
    depth: float

    @classmethod
    def from_state(cls, state: State) -> Pose:
        d = state.depth
        ankle = (ANKLE_X, FLOOR_Y - 16)
        knee = _along(ankle, SHIN, 0.07 + 0.50 * d)
        hip = _along(knee, THIGH, -0.06 - 1.42 * d + 0.012 * state.sway)
        lean = 0.03 + 0.62 * d + 0.010 * state.sway + 0.008 * state.breath
        chest = _along(hip, TORSO + 1.6 * state.breath, lean)
        neck = _along(chest, 22, lean * 0.9 + 0.06)
        head = _along(neck, 27, lean * 0.45 + 0.05)
        # The arms hang while standing and reach forward in the squat, to keep the balance.
        reach = float(np.pi) - 0.03 - 1.56 * d + 0.03 * state.sway
        elbow = _along(chest, UPPER_ARM, reach)
        wrist = _along(elbow, FOREARM, reach - 0.14 - 0.06 * d)
        return cls(ankle, knee, hip, chest, neck, head, elbow, wrist, d)


@dataclass(frozen=True)
class Limb:
    """A capsule from `a` to `b` with radii in pixels."""

    a: Point
    b: Point
    ra: float
    rb: float
    colour: tuple[int, int, int]

    def moved(self, dx: float, dy: float, shade: float) -> Limb:
        blue, green, red = (int(c * shade) for c in self.colour)
        a, b = ((x + dx, y + dy) for x, y in (self.a, self.b))
        return Limb(a, b, self.ra, self.rb, (blue, green, red))


def draw_limb(picture: np.ndarray, limb: Limb) -> None:
    """Blend the limb into `picture`, float32 BGR."""
    reach = max(limb.ra, limb.rb) + 2
    left = max(0, int(min(limb.a[0], limb.b[0]) - reach))
    top = max(0, int(min(limb.a[1], limb.b[1]) - reach))
    right = min(picture.shape[1], int(max(limb.a[0], limb.b[0]) + reach) + 1)
    bottom = min(picture.shape[0], int(max(limb.a[1], limb.b[1]) + reach) + 1)
    ys, xs = np.mgrid[top:bottom, left:right].astype(np.float32)
    ax, ay = limb.a
    dx, dy = limb.b[0] - ax, limb.b[1] - ay
    share = np.clip(((xs - ax) * dx + (ys - ay) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
    radius = limb.ra + share * (limb.rb - limb.ra)
    nx, ny = (xs - ax - share * dx) / radius, (ys - ay - share * dy) / radius
    length = np.hypot(nx, ny)
    cover = np.clip((1 - length) * radius + 0.5, 0, 1)[..., None]
    nz = np.sqrt(np.clip(1 - length**2, 0, 1))
    lit = 0.62 + 0.48 * np.clip(nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2], -0.25, 1)
    colour = np.array(limb.colour, np.float32) * lit[..., None]
    patch = picture[top:bottom, left:right]
    patch += (colour - patch) * cover


def _leg(pose: Pose) -> list[Limb]:
    toe = (pose.ankle[0] + 32, FLOOR_Y - 8)
    heel = (pose.ankle[0] - 8, FLOOR_Y - 9)
    mid = _mix(pose.hip, pose.knee, 0.62)
    return [
        Limb(pose.ankle, pose.knee, 11, 15.5, SKIN),
        Limb((heel[0], heel[1] + 5), (toe[0] + 2, toe[1] + 4), 5, 4, SOLE),
        Limb(heel, toe, 10.5, 7.5, SHOE),
        Limb((pose.ankle[0] - 1, pose.ankle[1] + 3), (pose.ankle[0] + 8, FLOOR_Y - 11), 10.5, 9, SHOE),
        Limb(mid, pose.knee, 18.5, 15.5, SKIN),
        Limb(pose.hip, mid, 25, 21, SHORTS),
    ]


def _arm(pose: Pose) -> list[Limb]:
    sleeve = _mix(pose.chest, pose.elbow, 0.5)
    hand = _mix(pose.elbow, pose.wrist, 1.16)
    return [
        Limb(pose.elbow, pose.wrist, 10.5, 8, SKIN),
        Limb(pose.wrist, hand, 8.5, 8, SKIN),
        Limb(sleeve, pose.elbow, 11.5, 10.5, SKIN),
        Limb(pose.chest, sleeve, 16, 14, SHIRT),
    ]


def _mix(a: Point, b: Point, share: float) -> Point:
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


def _trunk(pose: Pose) -> list[Limb]:
    back = (pose.head[0] - 5, pose.head[1] - 6)
    return [
        Limb(pose.neck, pose.head, 11, 11, SKIN),
        Limb(_mix(pose.hip, pose.chest, 0.05), _mix(pose.hip, pose.chest, 0.16), 26, 26, SHORTS),
        Limb(_mix(pose.hip, pose.chest, 0.26), _mix(pose.hip, pose.chest, 0.92), 25, 30, SHIRT),
        Limb(_mix(pose.hip, pose.chest, 0.92), _mix(pose.chest, pose.neck, 0.35), 30, 15, SHIRT),
        Limb(back, (back[0] + 3, back[1] - 1), 28, 28, HAIR),
        Limb((pose.head[0] + 5, pose.head[1] + 3), (pose.head[0] + 8, pose.head[1] + 8), 23, 19, SKIN),
        Limb((pose.head[0] + 29, pose.head[1] + 4), (pose.head[0] + 30, pose.head[1] + 7), 3.5, 4, SKIN),
        Limb((pose.head[0] - 6, pose.head[1] + 4), (pose.head[0] - 7, pose.head[1] + 8), 5, 4.5, SKIN),
    ]


def draw_figure(picture: np.ndarray, pose: Pose) -> None:
    """Draw the figure from far to near into `picture`, float32 BGR of shape (H, W, 3)."""
    far = [limb.moved(17, -9, FAR_SHADE) for limb in _leg(pose)]
    far_arm = [limb.moved(11, -4, FAR_SHADE) for limb in _arm(pose)]
    for limb in (*far_arm, *far, *_leg(pose), *_trunk(pose), *_arm(pose)):
        draw_limb(picture, limb)
