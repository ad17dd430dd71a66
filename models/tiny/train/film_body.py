"""From joint coordinates to limbs in space and on the picture: people, and simple things that move to and fro."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.tiny.train.film_moves import FIRST_ANCHOR, INDEX, Array

Ints = NDArray[np.int64]


@dataclass
class Limb:
    """A tapered capsule over time; positions in space [T,3] (x right, y up, z towards the viewer) or on the picture."""

    start: Array
    end: Array
    width: tuple[float, float]
    """Radii at both ends, body units."""
    cloth: str
    """Which part of the wardrobe covers it."""


@dataclass
class Strokes:
    """Limbs on the picture: start, end [T,N,2] and radius [T,N] in pixels, depth [T,N] (larger is nearer)."""

    start: Array
    end: Array
    radius: Array
    depth: Array
    widths: list[tuple[float, float]]
    clothes: list[str]


def about_x(a: Array) -> Array:
    """Rotations [T,3,3] about the axis to the side; positive leans forward."""
    out = np.zeros((len(a), 3, 3))
    out[:, 0, 0] = 1
    out[:, 1, 1] = out[:, 2, 2] = np.cos(a)
    out[:, 2, 1], out[:, 1, 2] = np.sin(a), -np.sin(a)
    return out


def about_y(a: Array) -> Array:
    out = np.zeros((len(a), 3, 3))
    out[:, 1, 1] = 1
    out[:, 0, 0] = out[:, 2, 2] = np.cos(a)
    out[:, 0, 2], out[:, 2, 0] = np.sin(a), -np.sin(a)
    return out


def about_z(a: Array) -> Array:
    out = np.zeros((len(a), 3, 3))
    out[:, 2, 2] = 1
    out[:, 0, 0] = out[:, 1, 1] = np.cos(a)
    out[:, 1, 0], out[:, 0, 1] = np.sin(a), -np.sin(a)
    return out


def apply(rotation: Array, vector: Array) -> Array:
    return np.asarray(np.einsum("tij,tj->ti", rotation, np.broadcast_to(vector, (len(rotation), 3))))


def hinge(forward: Array, outward: Array, side: float) -> tuple[Array, Array]:
    """Direction of a limb that hangs down, raised forward and outward [T,3], and the direction its hinge bends to."""
    raised = about_x(-forward)
    zero = np.zeros_like(outward)
    down = np.stack([side * np.sin(outward), -np.cos(outward), zero], 1)
    return apply(raised, down), apply(raised, np.array([0.0, 0.0, 1.0]))


Joints = dict[str, Array]


def joints_of(pose: Array, build: Array) -> Joints:
    """Forward kinematics: pose [T,DIMS] in degrees, build [8] relative lengths -> named places [T,3] in body units."""
    g = {name: np.deg2rad(pose[:, i]) for name, i in INDEX.items()}
    thigh, shin, torso, neck, shoulder, hip, upper, fore = build * np.array(
        [0.45, 0.45, 0.5, 0.2, 0.19, 0.1, 0.3, 0.28]
    )
    root = about_y(g["turn"]) @ about_x(g["pitch"]) @ about_z(g["lean"])
    chest = root @ about_x(g["bend"]) @ about_z(g["side"])
    zero = np.zeros((len(pose), 3))
    up = np.array([0.0, 1.0, 0.0])
    waist = zero + apply(root, up * torso * 0.45)
    top = waist + apply(chest, up * torso * 0.55)
    head = top + apply(chest @ about_x(g["nod"]), up * neck + np.array([0, 0, 0.03]))
    out = {"hip": zero, "waist": waist, "top": top, "head": head}
    for s, sign in (("L", 1.0), ("R", -1.0)):
        d, f = hinge(g[f"arm{s}"], g[f"out{s}"], sign)
        roll, bend = g[f"roll{s}"][:, None], g[f"elbow{s}"][:, None]
        f = np.cos(roll) * f + np.sin(roll) * sign * np.cross(f, d)
        out[f"shoulder{s}"] = top + apply(chest, np.array([sign * shoulder, -0.03, 0]))
        out[f"elbow{s}"] = out[f"shoulder{s}"] + apply(chest, d) * upper
        out[f"hand{s}"] = out[f"elbow{s}"] + apply(chest, np.cos(bend) * d + np.sin(bend) * f) * fore
        d, f = hinge(g[f"hip{s}"], g[f"open{s}"], sign)
        bend = g[f"knee{s}"][:, None]
        low = np.cos(bend) * d - np.sin(bend) * f
        out[f"hip{s}"] = apply(root, np.array([sign * hip, 0, 0]))
        out[f"knee{s}"] = out[f"hip{s}"] + apply(root, d) * thigh
        out[f"foot{s}"] = out[f"knee{s}"] + apply(root, low) * shin
        toe = np.sin(bend) * d + np.cos(bend) * f
        out[f"toe{s}"] = out[f"foot{s}"] + apply(root, toe * 0.9 + low * 0.2) * 0.17
    anchor = anchored(out, pose)
    place = np.stack([pose[:, INDEX["px"]], pose[:, INDEX["lift"]], pose[:, INDEX["pz"]]], 1)
    return {name: x - anchor + place for name, x in out.items()}


def anchored(places: Joints, pose: Array) -> Array:
    """Where the part that does not move is [T,3]: the lower foot, the hands or the seat, height 0 on the floor."""
    feet = np.stack([places["footL"], places["footR"]])
    weight = np.exp(-(feet[..., 1] - feet[..., 1].min(0)) / 0.08)[..., None]
    low = (feet * weight).sum(0) / weight.sum(0)
    hands = (places["handL"] + places["handR"]) / 2 - np.array([0, 0.9, 0])
    seat = places["hip"] - np.array([0, 0.12, 0])
    share = np.clip(pose[:, FIRST_ANCHOR : FIRST_ANCHOR + 3], 0, None) + 1e-3
    share = share / share.sum(1, keepdims=True)
    return np.asarray(low * share[:, :1] + hands * share[:, 1:2] + seat * share[:, 2:])


def person(rng: np.random.Generator, pose: Array) -> list[Limb]:
    """Body parts of one person."""
    build = np.exp(rng.normal(0, 0.07, 8))
    stout = np.exp(rng.normal(0, 0.18))
    at = joints_of(pose, build)
    top = at["top"]
    limbs = [
        Limb(at["hip"], at["waist"], (0.145 * stout, 0.125 * stout), "hips"),
        Limb(at["waist"], top - (top - at["waist"]) * 0.12, (0.13 * stout, 0.165 * stout), "shirt"),
        Limb(at["shoulderL"], at["shoulderR"], (0.07 * stout, 0.07 * stout), "shirt"),
        Limb(top, at["head"], (0.055, 0.055), "skin"),
        Limb(at["head"] - (at["head"] - top) * 0.1, at["head"] + (at["head"] - top) * 0.35, (0.085, 0.095), "head"),
    ]
    for s in "LR":
        hand = at[f"hand{s}"] + (at[f"hand{s}"] - at[f"elbow{s}"]) * 0.25
        limbs += [
            Limb(at[f"shoulder{s}"], at[f"elbow{s}"], (0.062 * stout, 0.048 * stout), "sleeve"),
            Limb(at[f"elbow{s}"], at[f"hand{s}"], (0.047 * stout, 0.032), "skin"),
            Limb(at[f"hand{s}"], hand, (0.038, 0.034), "skin"),
            Limb(at[f"hip{s}"], at[f"knee{s}"], (0.095 * stout, 0.065 * stout), "thigh"),
            Limb(at[f"knee{s}"], at[f"foot{s}"], (0.062 * stout, 0.04), "shin"),
            Limb(at[f"foot{s}"], at[f"toe{s}"], (0.04, 0.035), "shoe"),
        ]
    return limbs + equipment(rng, at)


def equipment(rng: np.random.Generator, at: Joints) -> list[Limb]:
    """Now and then dumbbells or a barbell."""
    kind = rng.random()
    left, right = at["handL"], at["handR"]
    middle, half = (left + right) / 2, (left - right) / 2
    if kind < 0.12:
        return [Limb(x, x + np.array([0, 0, 0.02]), (0.07, 0.07), "iron") for x in (left, right)]
    if kind < 0.2:
        half = half / (np.linalg.norm(half, axis=1, keepdims=True) + 0.05) * 0.75
        ends = [middle - half, middle + half]
        discs = [Limb(x, x + np.array([0, 0.02, 0]), (0.2, 0.2), "iron") for x in ends]
        return [Limb(ends[0], ends[1], (0.015, 0.015), "iron"), *discs]
    return []


def thing(rng: np.random.Generator, subject: str, pose: Array) -> list[Limb]:
    """Limbs of a cyclic object from its coordinates [T,8]; the first one carries the movement."""
    steps, a = len(pose), pose[:, 0]
    zero = np.zeros(steps)
    origin = np.zeros((steps, 3))
    small = pose[:, 1:3] * 0.1

    def to(x: Array, y: Array) -> Array:
        return np.stack([x, y, zero], 1)

    if subject == "pendulum":
        end = to(np.sin(a * 1.3), -np.cos(a * 1.3))
        return [Limb(origin, end, (0.03, 0.03), "iron"), Limb(end, end * 1.06, (0.17, 0.17), "shirt")]
    if subject == "wheel":
        turn = 2 * np.pi * a
        spokes = [to(np.cos(turn + k), np.sin(turn + k)) for k in (0.0, 2.0, 3.3)]
        return [Limb(origin, p, (0.1, 0.05 + 0.05 * i), f"cloth{i}") for i, p in enumerate(spokes)]
    if subject == "ball":
        p = to(small[:, 0], np.abs(a) * 1.2 - 0.6)
        return [Limb(p, p + 0.01, (0.22, 0.22), "shirt")]
    if subject == "door":
        width = np.cos(np.clip(a, -1.3, 1.3))
        rows = [
            Limb(to(zero, zero + y), to(width, zero + y * (1 + 0.15 * np.sin(a))), (0.16, 0.16), "shirt")
            for y in (-0.6, -0.3, 0, 0.3, 0.6)
        ]
        return [*rows, Limb(to(width * 0.9, zero), to(width * 0.95, zero), (0.05, 0.05), "iron")]
    if subject == "saw":
        p, q = to(a - 0.8, small[:, 0]), to(a + 0.8, small[:, 1])
        return [Limb(p, q, (0.08, 0.14), "iron"), Limb(p, p - np.array([0.3, 0.1, 0]), (0.15, 0.12), "skin")]
    if subject == "flap":
        return [
            Limb(origin, to(np.cos(a), np.sin(a)), (0.1, 0.25), "shirt"),
            Limb(origin, to(zero - 0.7, zero), (0.2, 0.2), "iron"),
        ]
    if subject == "hand":
        return hand(rng, pose)
    p = to(a, small[:, 1])
    return [
        Limb(p - 0.2, p + np.array([0.2, -0.2, 0]), (0.2, 0.2), "shirt"),
        Limb(p + 0.3, p + 0.5, (0.06, 0.06), "skin"),
    ]


def hand(rng: np.random.Generator, pose: Array) -> list[Limb]:
    """A forearm with a palm and fingers, moved by the wrist, the elbow and the fingers."""
    share = rng.dirichlet(np.full(4, 0.5)) * 2
    a = pose[:, 0]
    shift = np.stack([a * share[2] * 0.6, pose[:, 1] * 0.2 + a * share[2] * rng.uniform(-0.4, 0.4), 0 * a], 1)
    tilt, wrist, curl = (
        pose[:, 2] * 0.3 + a * share[0] * 0.5,
        a * share[1] * 0.9,
        0.3 + a * share[3] * 0.9 + pose[:, 3] * 0.3,
    )

    def towards(angle: Array, length: float) -> Array:
        return np.stack([np.sin(angle), np.cos(angle), np.zeros_like(angle)], 1) * length

    elbow = shift + np.array([0, -1.0, 0])
    joint = elbow + towards(tilt, 0.9)
    palm = joint + towards(tilt + wrist, 0.35)
    limbs = [Limb(elbow, joint, (0.2, 0.14), "sleeve"), Limb(joint, palm, (0.17, 0.2), "skin")]
    for k, fan in enumerate((-0.35, -0.12, 0.12, 0.35)):
        base = palm + towards(tilt + wrist + np.pi / 2, fan * 0.45)
        knuckle = base + towards(tilt + wrist + fan + curl * 0.5, 0.2 - 0.02 * abs(k - 1.5))
        tip = knuckle + towards(tilt + wrist + fan + curl * 1.4, 0.2)
        limbs += [Limb(base, knuckle, (0.06, 0.055), "skin"), Limb(knuckle, tip, (0.055, 0.045), "skin")]
    thumb = joint + towards(tilt + wrist - 1.2 + curl * 0.4, 0.35)
    return [*limbs, Limb(joint, thumb, (0.08, 0.06), "skin")]


@dataclass(frozen=True)
class View:
    """Camera beside the action: angles in radians, distance in body units, part of the picture that it fills."""

    yaw: float
    pitch: float
    roll: float
    distance: float
    fill: float
    close: float
    """0 = everything in view, 1 = the upper parts only."""
    off: tuple[float, float]
    """Where the subject is, in shares of the picture from its middle."""


def project(limbs: list[Limb], view: View, height: int, width: int, focus: NDArray[np.bool_]) -> Strokes:
    """Perspective picture of limbs, scaled so that the movement in the focus [T] fills the wanted part of it."""
    start = np.stack([x.start for x in limbs], 1)
    end = np.stack([x.end for x in limbs], 1)
    both = np.stack([start, end])
    shown = both[:, focus]
    low, high = shown.min((0, 1, 2)), shown.max((0, 1, 2))
    middle = (low + high) / 2
    one = np.ones(1)
    camera = (about_z(one * view.roll) @ about_x(one * view.pitch) @ about_y(one * view.yaw))[0]
    seen = (both - middle) @ camera.T
    near = view.distance / np.maximum(view.distance - seen[..., 2], 0.3)
    flat = seen[..., :2] * near[..., None] * np.array([1, -1])
    box_low, box_high = np.quantile(flat[:, focus], (0.01, 0.99), (0, 1, 2))
    size = np.maximum(box_high - box_low, 0.25) + 0.25
    scale = view.fill * min(width / size[0], height / size[1])
    centre = (box_low + box_high) / 2
    if view.close:
        centre[1] = box_low[1] + (box_high[1] - box_low[1]) * 0.25
        scale *= 1 + view.close
    flat = (flat - centre) * scale + np.array([width * (0.5 + view.off[0]), height * (0.5 + view.off[1])])
    radius = scale * near.mean(0)
    return Strokes(flat[0], flat[1], radius, seen[..., 2].mean(0), [x.width for x in limbs], [x.cloth for x in limbs])
