"""Scripts of filmed streams: who does what when, as joint coordinates with exact labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.tiny.train.config import FPS
from models.tiny.train.film_moves import (
    ANGLES,
    DIMS,
    ELBOW_PLANK,
    EXACT,
    FIRST_ANCHOR,
    INDEX,
    PAUSES,
    PLANK,
    RESTS,
    SEATED,
    STAND,
    Array,
    Manner,
    Move,
    mirrored,
    pick,
)
from models.tiny.train.trajectory import GAP_STEPS, Builder, Trajectory, ease, excursion, fill_gaps, quick_noise

THINGS = ("pendulum", "wheel", "ball", "door", "saw", "flap", "hand", "screen")
"""Cyclic objects, and a hand close by."""
THING_DIMS = 8
NEGATIVES = ("montage", "hold", "walk", "household", "talk", "room", "thing at rest")
PERIOD_S = (0.45, 7.0)
NEARLY = 0.06
"""A repetition that a clip cuts off this close to its end counts as ended."""


@dataclass(frozen=True)
class Kind:
    """What a stream shows: person or thing; clip (little around a set), stream (idling, sets, rests) or a negative."""

    subject: str
    story: str


def spread(rng: np.random.Generator, low: float, high: float) -> float:
    """Log-uniform draw."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def pick_kind(rng: np.random.Generator) -> Kind:
    """Four streams of five hold repetitions."""
    subject = "person" if rng.random() < 0.84 else str(rng.choice(THINGS))
    if rng.random() < 0.2:
        story = str(rng.choice(NEGATIVES, p=[0.24, 0.2, 0.14, 0.2, 0.1, 0.06, 0.06]))
        return Kind(str(rng.choice(THINGS)) if story == "thing at rest" else "person", story)
    return Kind(subject, "clip" if rng.random() < 0.55 else "stream")


class Script(Builder):
    """Fills a trajectory of joint coordinates from left to right."""

    def __init__(self, rng: np.random.Generator, steps: int, subject: str, manner: Manner = EXACT) -> None:
        self.manner = manner
        self.person = subject == "person"
        super().__init__(rng, steps, DIMS if self.person else THING_DIMS, quick_noise)
        self.unit = np.zeros(self.dims)
        """Size of a clear movement per coordinate."""
        if self.person:
            self.unit[ANGLES] = 30.0
            self.unit[[INDEX["pitch"], INDEX["lean"], INDEX["turn"]]] = 12.0
            self.unit[[INDEX["px"], INDEX["pz"]]] = 0.25
            self.here = STAND.copy()
        else:
            self.unit[:] = 0.35
            self.here = rng.normal(0, 0.2, self.dims)

    def posture(self) -> Array:
        """Some rest pose."""
        if not self.person:
            return np.asarray(self.here + self.unit * self.rng.normal(0, 0.3, self.dims))
        options = PAUSES if self.rng.random() < 0.7 else RESTS
        out = options[self.rng.integers(len(options))].copy()
        out[ANGLES] += self.rng.normal(0, 6, len(ANGLES))
        out[:2] = self.here[:2] + self.rng.normal(0, 0.15, 2)
        return out

    def move_to(self, goal: Array, steps: int) -> None:
        """Set-up move: acts, but does not repeat."""
        self.put(self.here + (goal - self.here) * ease(max(3, steps))[1:, None], busy=True)

    def sway(self, steps: int, size: float, time_constant: float) -> None:
        """Live stillness: shifting weight and balance, nobody's action."""
        if steps > 2:
            noise = self.noise(self.rng, steps, self.dims, time_constant) * self.unit * size
            self.put(self.here + (noise - noise[0]) * ease(steps)[:, None])

    def rest(self, steps: int) -> None:
        """Stand still, sway, change the posture once, or walk a little."""
        kind = self.rng.random()
        if kind < 0.35:
            self.hold(steps)
        elif kind < 0.7:
            self.sway(steps, spread(self.rng, 0.02, 0.2), self.rng.uniform(5, 30))
        elif kind < 0.9 or not self.person:
            move = min(steps, int(self.rng.uniform(5, 22)))
            self.move_to(self.posture(), move)
            self.hold(steps - move)
        else:
            self.walk(min(steps, 40))

    def wander(self, steps: int, scale: float) -> None:
        """Acts without repeating: household activity."""
        walk = self.noise(self.rng, steps, self.dims, self.rng.uniform(4, 16)) * self.unit * scale
        self.put(self.here + (walk - walk[0]), busy=True)

    def walk(self, steps: int) -> None:
        """Steps across the room: legs in turn, arms against them."""
        rng, t = self.rng, np.arange(1, steps + 1) / FPS
        away = rng.choice([-1, 1])
        gait = np.sin(2 * np.pi * rng.uniform(0.7, 1.1) * t) * np.minimum(1, np.minimum(t, t[::-1]) * 2)
        path = np.repeat(STAND[None], steps, 0)
        path[:, :2] = self.here[:2]
        pace = rng.uniform(0.2, 1.0) * away
        path[:, INDEX["px"]] += pace * t * (1.0 if rng.random() < 0.6 else np.sign(np.sin(t * rng.uniform(0.4, 1.2))))
        path[:, INDEX["turn"]] = 90 * away * np.minimum(1, t * 2)
        for side, sign in (("L", 1), ("R", -1)):
            path[:, INDEX[f"hip{side}"]] += 28 * sign * gait
            path[:, INDEX[f"knee{side}"]] += 20 + 20 * np.maximum(0, -sign * gait)
            path[:, INDEX[f"arm{side}"]] -= 22 * sign * gait
        blend = np.minimum(1, t * 2)[:, None]
        start = self.here.copy()
        self.put(start * (1 - blend) + path * blend, busy=True)

    def exercise(self) -> Move:
        """A movement of the subject, around where it is now."""
        rng = self.rng
        if self.person:
            move = pick(rng, self.manner)
            points = move.points.copy()
            points[:, :2] += self.here[:2]
            return Move(points, move.sides, move.circle, move.double)
        far = self.here + self.unit * rng.normal(0, 0.25, self.dims)
        far[0] = self.here[0] + rng.choice([-1, 1]) * rng.uniform(0.4, 1.2)
        circle = self.unit * rng.normal(0, 0.3, self.dims) * (rng.random() < 0.5)
        return Move(np.stack([self.here, far]), "same", circle, np.zeros(self.dims))

    def bout(self, scale: float, first: bool, move: Move | None = None) -> None:
        """A set of repetitions; scale is the number of frames it should fill, 0 for any number."""
        rng, target = self.rng, scale
        move = move or self.exercise()
        points, circle, double = move.points, move.circle, move.double
        mirror = points
        if move.sides == "other":
            points = points + (mirrored(points[0]) - points[0]) / 2
            mirror = np.stack([mirrored(p) for p in points])
        circle = np.zeros(self.dims) if circle is None else circle
        double = np.zeros(self.dims) if double is None else double
        period = spread(rng, *PERIOD_S) * FPS
        if target and target / period < 1.2 and rng.random() < 0.8:
            period = max(6.0, target / rng.uniform(1.5, 6))
        count = int(spread(rng, 1.3, 30.99))
        if count < 3 and rng.random() < 0.4:
            count = 3
        if target:
            count = max(1, min(30, round(target / period)))
        out_share, hold = rng.uniform(0.32, 0.68), float(rng.choice([0, 0, 0.1, 0.3]))
        jitter, fatigue, uneven = rng.uniform(0.02, 0.15), rng.uniform(-0.015, 0.03), rng.uniform(0, 0.15)
        pause_share, pause_s = float(rng.choice([0, 0, 0, 0.2, 0.6, 0.9])), rng.uniform(0.3, 2.5)
        start_inside = first and move.sides == "same" and rng.random() < 0.4
        offset = 0.0
        if start_inside:
            offset = 0.5 if rng.random() < 0.5 else float(rng.uniform(0.05, 0.95))
        lag = rng.uniform(-0.08, 0.08, self.dims) * (rng.random() < 0.35)
        lag[FIRST_ANCHOR if self.person else self.dims :] = 0
        if self.t and np.abs((points[0] - self.here) / (self.unit + 1e-6))[self.unit > 0].max() > 0.05:
            self.move_to(points[0], int(rng.uniform(5, 20)))
            if rng.random() < 0.4:
                self.hold(int(rng.uniform(2, 12)))
        size = 1.0
        for i in range(count):
            n = max(4, round(period * (1 + fatigue) ** i * np.exp(rng.standard_normal() * jitter)))
            part = (np.arange(1, n + 1) / n)[:, None]
            phase, before, size = part + offset, size, 1 + rng.standard_normal() * uneven
            share = excursion((phase + lag) % 1, out_share, hold)
            if not offset:
                share = share - excursion(lag[None] % 1, out_share, hold)
            pose = along(mirror if i % 2 else points, share, before + (size - before) * part)
            pose = pose + np.sin(2 * np.pi * phase) * circle + (0.5 - 0.5 * np.cos(4 * np.pi * phase)) * double
            away = 0.5 - 0.5 * np.cos(2 * np.pi * part[:, 0]) if offset else excursion(part[:, 0], out_share, hold)
            start = self.t
            complete = self.put(pose, away=away, repeating=True, busy=True)
            done = self.t - start
            if complete or (done > n / 2 and away[done - 1] < NEARLY):
                self.out.ended[self.t - 1] = 1
            if not complete:
                return
            if not offset and i < count - 1 and rng.random() < pause_share:
                wait = min(60, int(rng.exponential(pause_s) * FPS))
                self.hold(wait, repeating=wait <= 1.5 * FPS)


def along(points: Array, share: Array, size: Array | float) -> Array:
    """Way points [K,D], share [n,D] of the way there (0..1 per joint) -> poses [n,D]; size stretches the way."""
    if len(points) == 2:
        return np.asarray(points[0] + (points[1] - points[0]) * share * size)
    legs = len(points) - 1
    at = np.clip(share, 0, 1) * legs
    whole = np.minimum(at.astype(int), legs - 1)
    part = at - whole
    column = np.arange(points.shape[1])[None]
    return np.asarray(points[whole, column] * (1 - part) + points[whole + 1, column] * part)


def tell(rng: np.random.Generator, kind: Kind, steps: int, manner: Manner = EXACT) -> Trajectory:
    """The whole story [steps]; cuts are left to the film."""
    b = Script(rng, steps, kind.subject, manner)
    if kind.story in NEGATIVES:
        tell_negative(b, kind.story)
    elif kind.story == "clip":
        move = b.exercise()
        if rng.random() < 0.75:
            b.here = move.points[0].copy()
        if rng.random() < 0.45:
            b.hold(int(rng.uniform(1, 14)))
        tail = int(rng.uniform(1, 15)) if rng.random() < 0.6 else 0
        b.bout((steps - b.t) * float(rng.choice([0.55, 0.8, 1.0, 1.0])) - tail, b.t == 0, move)
        b.rest(int(rng.uniform(3, 25)))
    else:
        if rng.random() < 0.8:
            if b.person:
                b.here = b.posture()
            b.rest(int(rng.uniform(5, 80)))
        move = b.exercise()
        while not b.full:
            b.bout(0.0, b.t == 0, move)
            if rng.random() < 0.5:
                b.move_to(b.posture(), int(rng.uniform(6, 20)))
            if rng.random() < 0.35:
                b.hold(steps)
            b.rest(int(rng.uniform(8, 80)))
            if rng.random() < 0.3:
                b.wander(int(rng.uniform(10, 50)), rng.uniform(0.3, 0.9))
            if rng.random() < 0.35:
                move = b.exercise()
    b.rest(steps) if rng.random() < 0.5 else b.hold(steps)
    out = b.out
    out.acting = fill_gaps(out.busy, GAP_STEPS)
    if kind.story not in ("room", "thing at rest") and rng.random() < 0.7:
        size = spread(rng, *manner.alive)
        alive = quick_noise(rng, steps, b.dims, rng.uniform(4, 30)) * b.unit * size
        still = manner.idle if rng.random() < 0.6 else 0.0
        out.pose = out.pose + alive * np.maximum(still, gently(out.acting) if manner.idle < 1 else out.acting)[:, None]
        if b.person:
            breath = np.sin(2 * np.pi * np.arange(steps) / FPS * rng.uniform(0.2, 0.4)) * rng.uniform(0, 1.2)
            out.pose[:, INDEX["bend"]] += breath
    return out


def gently(on: Array) -> Array:
    """0 and 1 [T] -> the same with slopes of a second, so that nothing jumps."""
    return np.asarray(np.convolve(np.pad(on, FPS // 2, mode="edge"), np.ones(FPS + 1) / (FPS + 1), "valid"))


def tell_negative(b: Script, story: str) -> None:
    """Nothing repeats."""
    rng = b.rng
    if story == "hold":
        b.here = (
            PLANK if rng.random() < 0.5 else ELBOW_PLANK if rng.random() < 0.5 else pick(rng, b.manner).points[-1]
        ).copy()
        if rng.random() < 0.3:
            goal, b.here = b.here, b.posture()
            b.rest(int(rng.uniform(5, 40)))
            b.move_to(goal, 12)
        b.sway(b.steps - b.t - int(rng.uniform(0, 50)), spread(rng, 0.01, 0.15), rng.uniform(1, 10))
    elif story == "walk":
        while not b.full:
            b.walk(int(rng.uniform(15, 80)))
            b.rest(int(rng.uniform(3, 50)))
    elif story == "talk":
        b.here = (SEATED if rng.random() < 0.5 else STAND).copy()
        b.unit[[INDEX["nod"], INDEX["turn"], INDEX["side"]]] *= 1.5
        b.sway(b.steps, spread(rng, 0.05, 0.25), rng.uniform(3, 12))
    elif story == "montage":
        while not b.full:
            move, n = pick(rng, b.manner), int(rng.uniform(3, 11))
            share = excursion((np.arange(n) / rng.uniform(8, 30) + rng.random()) % 1, 0.5, 0.0)[:, None]
            b.put(along(move.points, share + np.zeros(b.dims), 1.0), busy=True)
            if not b.full:
                b.out.cuts[b.t] = 1
    elif story == "household":
        b.here = RESTS[rng.integers(len(RESTS))].copy()
        while not b.full:
            if rng.random() < 0.7:
                b.wander(int(rng.uniform(15, 120)), rng.uniform(0.3, 1.2))
            b.rest(int(rng.uniform(5, 50)))
    elif story == "room":
        b.hold(b.steps)
    else:
        b.rest(int(rng.uniform(10, 60)))
        b.hold(b.steps)
