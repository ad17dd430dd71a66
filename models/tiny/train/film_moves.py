"""What a filmed person can do: joint coordinates, poses, and exercises as movements between poses (in degrees)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BODY = ("px", "pz", "lift", "pitch", "lean", "turn", "bend", "side", "nod")
"""Place on the floor and height in body units; pitch 0 upright, 90 face down, -90 on the back; the spine; the head."""
LIMBS = ("arm", "out", "elbow", "roll", "hip", "open", "knee")
"""Upper arm forward and outward, elbow, turn of the upper arm; thigh forward and outward, knee."""
ANCHORS = ("feet", "hands", "seat")
"""Shares of the parts that stay where they are while the rest moves."""
JOINTS = (*BODY, *(f"{limb}{side}" for side in "LR" for limb in LIMBS), *ANCHORS)
INDEX = {name: i for i, name in enumerate(JOINTS)}
DIMS = len(JOINTS)
FIRST_ANCHOR = INDEX["feet"]
LENGTHS = [INDEX[n] for n in ("px", "pz", "lift")]
ANGLES = [i for n, i in INDEX.items() if n not in (*ANCHORS, "px", "pz", "lift")]


def pose(**joints: float) -> Array:
    """A pose [DIMS]; a limb without L or R means both sides; feet carry it unless an anchor is named."""
    out = np.zeros(DIMS)
    for name, value in joints.items():
        for full in (name,) if name in INDEX else (f"{name}L", f"{name}R"):
            out[INDEX[full]] = value
    if not any(a in joints for a in ANCHORS):
        out[INDEX["feet"]] = 1.0
    return out


def mirrored(p: Array) -> Array:
    """Left and right exchanged."""
    out, n, half = p.copy(), len(BODY), len(LIMBS)
    out[n : n + half], out[n + half : n + 2 * half] = p[n + half : n + 2 * half], p[n : n + half]
    for name in ("px", "lean", "turn", "side"):
        out[INDEX[name]] *= -1
    return out


@dataclass(frozen=True)
class Move:
    """An exercise: way points of one repetition, there and back."""

    points: Array
    """[K,D], the first is the rest pose and the last the far end."""
    sides: str = "same"
    """same; other = the next repetition is done by the other side; either = one side or taking turns."""
    circle: Array | None = None
    """Sine part [D] that makes way there and way back differ."""
    double: Array | None = None
    """Part [D] that comes twice per repetition."""


STAND = pose(arm=5, out=8, elbow=12)
SEATED = pose(seat=1, hip=88, knee=88, arm=25, elbow=55)
FLOOR_SEAT = pose(seat=1, pitch=-15, hip=75, knee=10, arm=10, elbow=15)
SUPINE = pose(seat=1, pitch=-90, arm=5, out=15)
KNEES_UP = pose(seat=1, pitch=-90, hip=50, knee=95, arm=10, out=15)
PRONE = pose(seat=1, pitch=88, arm=160, out=15)
PLANK = pose(pitch=66, arm=80, elbow=8)
ELBOW_PLANK = pose(pitch=76, arm=80, elbow=85)
BENT = pose(pitch=65, hip=75, knee=25, arm=65, elbow=5)
HALF_SQUAT = pose(pitch=25, hip=70, knee=65, arm=60, elbow=60)
ALL_FOURS = pose(seat=1, pitch=85, hip=85, knee=90, arm=85, elbow=5)
KNEELING = pose(seat=1, knee=95, arm=5, out=8, elbow=15)
PIKE = pose(pitch=105, hip=95, arm=165, elbow=5)
HANG = pose(hands=1, arm=172, out=12, elbow=8)
RESTS = (STAND, STAND, STAND, SEATED, FLOOR_SEAT, SUPINE, KNEES_UP, PRONE, PLANK, BENT, HALF_SQUAT, ALL_FOURS, KNEELING)
PAUSES = (STAND, pose(arm=-15, out=35, elbow=80, roll=-20), pose(pitch=45, hip=60, knee=25, arm=40, elbow=30), KNEELING)
"""Where people rest between sets."""

SQUAT = pose(pitch=35, hip=120, knee=105, arm=75, elbow=15)


def steps(*points: Array, sides: str = "same", circle: Array | None = None, double: Array | None = None) -> Move:
    return Move(np.stack(points), sides, circle, double)


def swing(**joints: float) -> Array:
    """Difference of joints [DIMS] without anchors."""
    out = pose(**joints, feet=1)
    out[FIRST_ANCHOR:] = 0
    return out


MOVES: dict[str, Move] = {
    "squat": steps(STAND, SQUAT),
    "squat, arms still": steps(pose(arm=85, elbow=10), pose(pitch=30, hip=115, knee=105, arm=85, elbow=10)),
    "goblet squat": steps(pose(arm=35, elbow=130), pose(pitch=25, hip=112, knee=110, arm=35, elbow=130)),
    "lunge": steps(STAND, pose(hipL=88, kneeL=85, hipR=-15, kneeR=70, arm=5, elbow=40), sides="either"),
    "side lunge": steps(STAND, pose(pitch=25, hip=60, openR=45, openL=15, kneeL=70, arm=40, px=0.2), sides="either"),
    "jack": steps(STAND, pose(out=160, elbow=10, open=26), double=swing(lift=0.07)),
    "curl": steps(pose(elbow=8, out=8), pose(elbow=140, arm=12, out=8), sides="same"),
    "curl in turn": steps(pose(elbow=8, out=8), pose(elbowL=140, armL=12, out=8, elbowR=8), sides="other"),
    "concentration curl": steps(
        pose(seat=1, pitch=35, hip=110, knee=85, open=20, arm=40, elbow=15),
        pose(seat=1, pitch=35, hip=110, knee=85, open=20, armL=40, elbowL=130, armR=40, elbowR=15),
    ),
    "lateral raise": steps(STAND, pose(out=92, elbow=12)),
    "front raise": steps(STAND, pose(arm=92, elbow=8), sides="either"),
    "press": steps(pose(out=70, elbow=115, roll=85), pose(out=160, elbow=15, roll=85)),
    "seated press": steps(
        pose(seat=1, hip=85, knee=85, out=70, elbow=115, roll=85),
        pose(seat=1, hip=85, knee=85, out=160, elbow=15, roll=85),
    ),
    "deadlift": steps(STAND, pose(pitch=72, hip=88, knee=22, arm=70)),
    "kettlebell": steps(pose(pitch=62, hip=80, knee=32, arm=45), pose(arm=95, elbow=5)),
    "row": steps(BENT, pose(pitch=65, hip=75, knee=25, arm=-5, elbow=95), sides="either"),
    "dip": steps(
        pose(hands=1, arm=-5, elbow=12, hip=15, knee=50), pose(hands=1, arm=-55, elbow=95, hip=25, knee=60, pitch=20)
    ),
    "bench dip": steps(
        pose(hands=1, arm=-20, elbow=5, hip=85, knee=30), pose(hands=1, arm=-65, elbow=90, hip=95, knee=30)
    ),
    "pull-up": steps(HANG, pose(hands=1, arm=95, out=55, elbow=135, roll=20, knee=30)),
    "pull-down": steps(
        pose(seat=1, hip=88, knee=88, arm=170, out=20), pose(seat=1, hip=88, knee=88, arm=70, out=55, elbow=130)
    ),
    "kick": steps(STAND, pose(hipL=90, kneeL=12, arm=20, elbow=90, pitch=-8), sides="either"),
    "side kick": steps(STAND, pose(openL=70, kneeL=10, lean=15, arm=30, elbow=90), sides="either"),
    "high knees": steps(STAND, pose(hipL=95, kneeL=95, armR=40, elbow=80), sides="other"),
    "punch": steps(pose(arm=45, elbow=125), pose(armL=90, elbowL=5, armR=45, elbowR=125, turn=-20), sides="other"),
    "clap": steps(pose(arm=75, out=55, elbow=25), pose(arm=78, out=2, elbow=25)),
    "wave": steps(pose(outR=8, outL=95, rollL=85, elbowL=65), pose(outR=8, outL=95, rollL=85, elbowL=115)),
    "wave high": steps(pose(outL=150, rollL=80, elbowL=10), pose(outL=115, rollL=80, elbowL=45)),
    "push-up": steps(PLANK, pose(pitch=83, arm=45, out=35, elbow=100)),
    "knee push-up": steps(
        pose(seat=1, pitch=58, knee=80, arm=75, elbow=8), pose(seat=1, pitch=80, knee=80, arm=45, out=35, elbow=100)
    ),
    "wall push-up": steps(pose(pitch=25, arm=90, elbow=5), pose(pitch=38, arm=60, out=30, elbow=100)),
    "climber": steps(PLANK, pose(pitch=66, arm=80, elbow=8, hipL=105, kneeL=105), sides="other"),
    "pike": steps(PLANK, PIKE),
    "sit-up": steps(KNEES_UP, pose(seat=1, pitch=-15, bend=15, hip=125, knee=95, arm=70, elbow=20)),
    "crunch": steps(
        pose(seat=1, pitch=-90, hip=50, knee=95, arm=150, elbow=130),
        pose(seat=1, pitch=-90, bend=42, nod=15, hip=50, knee=95, arm=150, elbow=130),
    ),
    "leg raise": steps(SUPINE, pose(seat=1, pitch=-90, hip=88, arm=5, out=15)),
    "one leg raise": steps(SUPINE, pose(seat=1, pitch=-90, hipL=85, arm=5, out=15), sides="either"),
    "v-up": steps(pose(seat=1, pitch=-90, arm=170), pose(seat=1, pitch=-45, bend=25, hip=80, arm=90)),
    "bridge": steps(pose(pitch=-86, hip=48, knee=98, arm=5, out=20), pose(pitch=-118, hip=-5, knee=75, arm=25, out=20)),
    "superman": steps(PRONE, pose(seat=1, pitch=88, bend=-28, hip=-18, arm=175, out=12)),
    "donkey kick": steps(
        ALL_FOURS, pose(seat=1, pitch=85, hipL=-10, kneeL=60, hipR=85, kneeR=90, arm=85), sides="either"
    ),
    "bench press": steps(
        pose(seat=1, pitch=-90, hip=40, knee=85, arm=55, out=50, elbow=95),
        pose(seat=1, pitch=-90, hip=40, knee=85, arm=90, elbow=6),
    ),
    "seated row": steps(
        pose(seat=1, hip=95, knee=25, pitch=12, arm=80), pose(seat=1, hip=78, knee=25, pitch=-12, arm=0, elbow=100)
    ),
    "rowing machine": steps(
        pose(pitch=25, hip=135, knee=125, arm=85), pose(pitch=-22, hip=72, knee=12, arm=10, elbow=100)
    ),
    "calf raise": steps(STAND, pose(arm=5, out=8, elbow=12, lift=0.09)),
    "jump": steps(STAND, pose(pitch=40, hip=110, knee=95, arm=-40), pose(lift=0.28, arm=150)),
    "jump squat": steps(SQUAT, pose(lift=0.2, arm=-20)),
    "burpee": steps(pose(arm=140), pose(pitch=55, hip=135, knee=120, arm=70), PLANK),
    "side bend": steps(
        pose(arm=150, elbow=110, out=40), pose(arm=150, elbow=110, out=40, side=30, lean=6), sides="either"
    ),
    "twist": steps(pose(arm=60, elbow=110, turn=-35), pose(arm=60, elbow=110, turn=35)),
    "leg abduction": steps(STAND, pose(openL=42, arm=-10, elbow=80, out=25), sides="either"),
    "arm circles": steps(pose(out=80), pose(out=105), circle=swing(arm=25)),
    "pedals": steps(
        pose(seat=1, hipL=95, kneeL=90, hipR=45, kneeR=45),
        pose(seat=1, hipL=45, kneeL=45, hipR=95, kneeR=90),
        circle=swing(kneeL=25) - swing(kneeR=25),
    ),
    "step aside": steps(pose(px=-0.25), pose(px=0.25, arm=30, elbow=60), double=swing(openL=15, kneeR=20)),
    "nod": steps(STAND, pose(nod=35, arm=5, out=8, elbow=12)),
    "triceps": steps(pose(arm=165, elbow=120), pose(arm=170, elbow=8)),
    "good morning": steps(
        pose(out=70, elbow=130, roll=60), pose(out=70, elbow=130, roll=60, pitch=70, hip=75, knee=10)
    ),
    "thruster": steps(pose(pitch=25, hip=112, knee=105, out=60, elbow=125, roll=80), pose(out=160, elbow=10, roll=80)),
    "typing": steps(SEATED, pose(seat=1, hip=88, knee=88, arm=32, elbow=70)),
    "drink": steps(SEATED, pose(seat=1, hip=88, knee=88, armL=55, elbowL=135, rollL=-30, armR=25, elbowR=55)),
    "flies": steps(pose(out=80, arm=80, elbow=15), pose(out=8, arm=80, elbow=15)),
}


def random_move(rng: np.random.Generator) -> Move:
    """A movement that has no name: some joints of one posture go somewhere and come back."""
    start = RESTS[rng.integers(len(RESTS))].copy()
    start[ANGLES] += rng.normal(0, 8, len(ANGLES))
    group = rng.random()
    upper = [i for n, i in INDEX.items() if n[:-1] in ("arm", "out", "elbow", "roll")]
    joints = upper if group < 0.5 else [i for i in ANGLES if JOINTS[i] not in ("turn", "lean")]
    chosen = rng.choice(joints, int(rng.integers(1, 6)), replace=False)
    change = np.zeros(DIMS)
    change[chosen] = rng.choice([-1, 1], len(chosen)) * rng.uniform(20, 90, len(chosen))
    if rng.random() < 0.4:
        n, half = len(BODY), len(LIMBS)
        change[n + half : n + 2 * half] = change[n : n + half]
    if not change.any():
        change[INDEX["armL"]] = 60.0
    far = start + change
    for limb in ("elbow", "knee"):
        for s in "LR":
            far[INDEX[limb + s]] = np.clip(far[INDEX[limb + s]], 0, 145)
    if np.abs(far - start).max() < 15:
        far[INDEX["armL"]] += 60.0
    return Move(np.stack([start, far]), str(rng.choice(["same", "same", "either"])))


@dataclass(frozen=True)
class Manner:
    """How people move and how they are filmed."""

    amount: tuple[float, float]
    """Range of the amplitude, 1 = as in the catalogue."""
    alive: tuple[float, float]
    """Range of the random part of all joints, 1 = a clear movement."""
    idle: float
    """How much of that is left while nobody acts."""
    fill: tuple[float, float]
    """Share of the picture that a near subject fills."""
    far: float
    close: float
    """Shares of the views from afar and from close by."""
    contrast: tuple[float, float]


EXACT = Manner((0.45, 1.1), (0.004, 0.06), 1.0, (0.55, 1.3), 0.17, 0.22, (0.8, 1.8))
"""Small movements, repeated exactly."""
LIVELY = Manner((0.7, 1.15), (0.02, 0.2), 0.25, (0.7, 1.45), 0.1, 0.3, (1.0, 2.0))
"""Movements as large as in films of exercises, no two repetitions alike."""


def personal(rng: np.random.Generator, move: Move, manner: Manner = EXACT) -> Move:
    """The way one person does it: amplitude, posture, small circles and double movements."""
    points = move.points.copy()
    points[:, ANGLES] += rng.normal(0, 5, len(ANGLES)) + rng.normal(0, 3, (len(points), len(ANGLES)))
    amount = rng.uniform(*manner.amount)
    points[1:] = points[0] + (points[1:] - points[0]) * amount
    reach = points[-1] - points[0]
    circle = np.zeros(DIMS) if move.circle is None else move.circle * rng.uniform(0.5, 1.3)
    if rng.random() < 0.4:
        circle = circle + reach * rng.uniform(-0.3, 0.3, DIMS)
    double = np.zeros(DIMS) if move.double is None else move.double * rng.uniform(0.4, 1.4)
    if rng.random() < 0.15:
        extra = np.zeros(DIMS)
        extra[rng.choice(ANGLES, 3)] = rng.normal(0, 15, 3)
        double = double + extra
    circle[FIRST_ANCHOR:] = double[FIRST_ANCHOR:] = 0
    sides = move.sides
    if sides == "either":
        sides = "other" if rng.random() < 0.5 else "same"
    if rng.random() < 0.5:
        points, circle, double = (np.stack([mirrored(p) for p in points]), mirrored(circle), mirrored(double))
    return Move(points, sides, circle, double)


def pick(rng: np.random.Generator, manner: Manner = EXACT) -> Move:
    """Mostly an exercise of the catalogue."""
    names = list(MOVES)
    move = random_move(rng) if rng.random() < 0.25 else MOVES[names[rng.integers(len(names))]]
    return personal(rng, move, manner)
