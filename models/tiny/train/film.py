"""Films whole streams of synthetic pictures with exact labels: people and things that repeat, rest or do otherwise.

No picture, texture or movement comes from a recording; everything is drawn from one random generator.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from models.tiny.train.config import FPS
from models.tiny.train.film_body import Limb, Strokes, View, person, project, thing
from models.tiny.train.film_lens import Grey, Lens, bars, judder, make_lens
from models.tiny.train.film_moves import LIVELY, Manner
from models.tiny.train.film_paint import (
    MARGIN,
    WORDS,
    Actor,
    Picture,
    backdrop,
    blotches,
    title_card,
    wardrobe,
    write,
)
from models.tiny.train.film_script import NEGATIVES, Kind, Script, pick_kind, spread, tell
from models.tiny.train.trajectory import Array, Trajectory, quick_noise

SIZES = ((72, 128), (72, 128), (72, 128), (96, 128), (96, 54), (96, 54), (96, 96), (80, 128), (56, 128), (96, 72))
"""Heights and widths of the part of the picture inside the letterbox."""
PAD_SHARE = 0.35
"""Streams whose first frame, and streams whose last frame, is held for some seconds."""
TAKES = 3
"""Attempts at filming a repetition so that it can be seen."""
LEAST_CHANGE = 4.0
OVERLAP = 6
"""Frames on either side of a cut that a dissolve may take."""


@dataclass
class Filmed:
    """Grey pictures [T,96,128] with the labels of `Trajectory`; held [T] is 1 where the picture before was held."""

    frames: Grey
    labels: Trajectory
    kind: Kind
    held: NDArray[np.uint8]
    grains: list[float] = field(default_factory=list)
    """Noise of the held pictures before and after, in grey levels."""


@dataclass
class Plan:
    """Frames of held first picture, title, content, end title and held last picture."""

    before: int
    title: int
    content: int
    end: int
    after: int


def make_plan(rng: np.random.Generator, frames: int) -> Plan:
    def pad() -> int:
        return int(rng.uniform(3, 8) * FPS) if rng.random() < PAD_SHARE else 0

    before, after = pad(), pad()
    if after and rng.random() < 0.15:
        after += int(rng.uniform(0, 0.3) * frames)
    title = int(rng.uniform(6, 35)) if rng.random() < 0.08 else 0
    end = int(rng.uniform(6, 50)) if rng.random() < 0.08 else 0
    spare = frames - before - title - end - after
    if spare < 0.3 * frames:
        return Plan(0, 0, frames, 0, 0)
    return Plan(before, title, spare, end, after)


def camera_path(rng: np.random.Generator, steps: int, shaky: bool) -> Array | None:
    """Shift x, y in pixels, log zoom and roll per frame [T,4], none for a camera that stands still."""
    kind = rng.random()
    if shaky:
        kind = 0.5 + kind / 2
    if kind < 0.58:
        return None
    path = np.zeros((steps, 4))
    size = np.array([1.0, 1.0, 0.006, 0.006])
    if kind < 0.9:
        path += quick_noise(rng, steps, 4, rng.uniform(6, 40)) * size * spread(rng, 0.1, 3)
        path += quick_noise(rng, steps, 4, rng.uniform(0.6, 3)) * size * spread(rng, 0.02, 0.5)
    if kind > 0.84:
        t = np.linspace(-0.5, 0.5, steps)[:, None]
        path += t * rng.normal(0, 1, 4) * np.array([15, 6, 0.12, 0.03]) * spread(rng, 0.2, 1.5)
    return path


def random_view(rng: np.random.Generator, subject: str, manner: Manner) -> View:
    """Where the camera stands."""
    if subject != "person":
        tilt = (rng.normal(0, 0.4), rng.normal(0.1, 0.3))
        return View(tilt[0], tilt[1], rng.uniform(-3.1, 3.1) * (rng.random() < 0.5), rng.uniform(3, 8),
                    rng.uniform(0.3, 1.1), 0.0, (rng.normal(0, 0.06), rng.normal(0, 0.06)))  # fmt: skip
    fill = rng.uniform(0.2, 0.5) if rng.random() < manner.far else rng.uniform(*manner.fill)
    close = rng.uniform(0.2, 1.6) if rng.random() < manner.close else 0.0
    pitch = rng.uniform(0.3, 1.45) if rng.random() < 0.15 else rng.normal(0.1, 0.1)
    room = (1 - min(fill, 1)) * 0.35
    return View(rng.uniform(-np.pi, np.pi), pitch, rng.normal(0, 0.03), rng.uniform(1.8, 6), fill, close,
                (rng.uniform(-room, room), rng.uniform(-room, room)))  # fmt: skip


def moved(strokes: Strokes, path: Array | None, height: int, width: int) -> Strokes:
    """Strokes as a moving camera sees them."""
    if path is None:
        return strokes
    middle = np.array([width / 2, height / 2])
    zoom, cos, sin = np.exp(path[:, 2]), np.cos(path[:, 3]), np.sin(path[:, 3])
    spin = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1) * zoom[:, None, None]
    shift = (middle + path[:, :2])[:, None]

    def seen(p: Array) -> Array:
        return np.asarray(np.einsum("tij,tnj->tni", spin, p - middle) + shift)

    return Strokes(seen(strokes.start), seen(strokes.end), strokes.radius * zoom[:, None], strokes.depth,
                   strokes.widths, strokes.clothes)  # fmt: skip


class Shot:
    """One camera's view of the frames first..last of the story."""

    def __init__(self, stage: Stage, first: int, last: int) -> None:
        rng, self.first = stage.rng, first
        self.height, self.width = stage.size
        busy = stage.busy * rng.uniform(0.7, 1.2)
        self.back = backdrop(rng, self.height, self.width, stage.level + rng.normal(0, 5), busy)
        self.path = camera_path(rng, last - first, stage.shaky)
        self.still = self.back[MARGIN : MARGIN + self.height, MARGIN : MARGIN + self.width]
        view, self.actors = random_view(rng, stage.subject, stage.manner), list[Actor]()
        focus = stage.focus[first:last]
        focus = focus if focus.any() else np.ones(last - first, bool)
        for limbs, share, side in stage.cast:
            part = [Limb(x.start[first:last], x.end[first:last], x.width, x.cloth) for x in limbs]
            where = view
            if side:
                off = (side * rng.uniform(0.2, 0.4), view.off[1] + rng.uniform(-0.1, 0.1))
                where = View(
                    view.yaw + rng.normal(0, 0.6), view.pitch, view.roll, view.distance, view.fill * share, 0.0, off
                )
            strokes = project(part, where, self.height, self.width, focus)
            strokes = moved(strokes, self.path, self.height, self.width)
            wear = stage.wear if not side else stage.other_wear
            self.actors.insert(0, Actor(rng, strokes, wear, stage.size))
        self.skeleton = stage.skeleton
        self.screens = stage.screens(rng, last - first)

    def scene(self, t: int) -> Picture:
        """The picture of frame t of the story in grey levels."""
        i = t - self.first
        if self.path is None:
            out: Picture = self.still.copy()
        else:
            dx, dy, zoom, roll = self.path[i]
            turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]) * np.exp(zoom)
            middle = np.array([self.width / 2 - 0.5, self.height / 2 - 0.5])
            shift = middle + np.array([dx, dy]) - turn @ (middle + MARGIN)
            matrix = np.hstack([turn, shift[:, None]])
            how = cv2.BORDER_REFLECT_101
            warped = cv2.warpAffine(self.back, matrix, (self.width, self.height), borderMode=how)
            out = np.asarray(warped, np.float32)
        for (y0, y1, x0, x1), pictures in self.screens:
            out[y0:y1, x0:x1] = pictures[i]
        for actor in self.actors:
            actor.paint(out, i)
        if self.skeleton and self.actors:
            self.actors[-1].bones(out, i)
        return out


class Stage:
    """Everything that stays the same between the shots of one stream."""

    def __init__(self, rng: np.random.Generator, kind: Kind, tr: Trajectory, manner: Manner) -> None:
        self.manner = manner
        self.rng, self.subject, pose = rng, kind.subject, tr.pose
        self.focus = tr.repeating > 0
        if not self.focus.any() or rng.random() < 0.25:
            self.focus = self.focus | (tr.away >= 0)
        self.size = SIZES[rng.integers(len(SIZES))]
        plain = rng.random()
        self.busy = 0.0 if plain < 0.16 else rng.uniform(0.03, 0.35) if plain < 0.4 else rng.uniform(0.35, 1.0)
        self.level = rng.uniform(180, 248) if self.busy == 0 and rng.random() < 0.7 else rng.uniform(40, 200)
        contrast = rng.uniform(20, 60) if rng.random() < 0.12 else rng.uniform(80, 220)
        self.wear = wardrobe(rng, self.level, contrast)
        self.other_wear = wardrobe(rng, self.level, contrast * rng.uniform(0.5, 1))
        self.shaky = kind.story == "hold" and rng.random() < 0.5
        self.skeleton = kind.subject == "person" and rng.random() < 0.04
        self.cast = [(person(rng, pose) if kind.subject == "person" else thing(rng, kind.subject, pose), 1.0, 0.0)]
        if kind.story == "room":
            self.cast = []
        elif rng.random() < 0.14:
            self.cast.append(self.bystander(kind, pose))
        self.flicker = rng.random() < (0.4 if kind.story == "room" else 0.06)

    def bystander(self, kind: Kind, pose: Array) -> tuple[list[Limb], float, float]:
        """Somebody else in the picture: walks through, does other things, or does the same a little later."""
        rng, steps = self.rng, len(pose)
        side = float(rng.choice([-1, 1]))
        if kind.subject == "person" and kind.story not in NEGATIVES and rng.random() < 0.5:
            late = rng.integers(0, 25) if rng.random() < 0.7 else 0
            same = pose[np.maximum(np.arange(steps) - late, 0)]
            return person(rng, same), rng.uniform(0.4, 0.8), side
        script = Script(rng, steps, "person")
        while not script.full:
            if rng.random() < 0.3:
                script.walk(int(rng.uniform(20, 60)))
            elif rng.random() < 0.3:
                script.wander(int(rng.uniform(20, 60)), 0.5)
            script.rest(int(rng.uniform(20, 120)))
        return person(rng, script.out.pose), rng.uniform(0.25, 0.6), side

    def screens(self, rng: np.random.Generator, steps: int) -> list[tuple[tuple[int, int, int, int], list[Picture]]]:
        """Flickering screens: their place, and what they show per frame."""
        if not self.flicker:
            return []
        h, w = int(rng.integers(6, self.size[0] // 3)), int(rng.integers(8, self.size[1] // 3))
        y, x = int(rng.integers(0, self.size[0] - h)), int(rng.integers(0, self.size[1] - w))
        change, now, shown = rng.uniform(0.05, 0.8), np.zeros((h, w), np.float32), []
        for i in range(steps):
            if i == 0 or rng.random() < change:
                now = blotches(rng, h, w, 5) * 40 + np.float32(rng.uniform(40, 220))
            shown.append(now)
        return [((y, y + h, x, x + w), shown)]


def make_cuts(rng: np.random.Generator, tr: Trajectory, story: str) -> dict[int, int]:
    """Adds changes of view to the labels; returns half the length of the dissolve at every cut."""
    steps = len(tr.pose)
    if story != "montage" and story != "room" and steps > 40 and rng.random() < 0.15:
        tr.cuts[rng.integers(15, steps - 15, rng.integers(1, 4))] = 1
    soft = rng.random() < 0.35
    return {int(at): int(rng.integers(1, OVERLAP + 1)) if soft else 0 for at in np.flatnonzero(tr.cuts)}


def captions(
    rng: np.random.Generator, tr: Trajectory, height: int, width: int
) -> list[list[tuple[str, tuple[int, int], float, float]]]:
    """Texts burnt into every frame: (text, place, size, level)."""
    steps = len(tr.pose)
    out: list[list[tuple[str, tuple[int, int], float, float]]] = [[] for _ in range(steps)]
    for _ in range(int(rng.integers(1, 3))):
        kind, size = rng.random(), rng.uniform(0.25, 0.6)
        at, level = (int(rng.integers(0, width // 2)), int(rng.integers(10, height))), float(rng.choice([0, 255]))
        word = WORDS[rng.integers(len(WORDS))]
        done = np.cumsum(tr.ended).astype(int)
        wait = int(rng.uniform(8, 100))
        for t in range(steps):
            if kind < 0.3:
                text = f"{word} {done[t]}"
            elif kind < 0.55:
                text = f"00:{t // FPS:02d}"
            elif kind < 0.7:
                text = f"{90 + 80 * tr.away[t]:.0f}"
            else:
                if t and t % wait == 0:
                    word = WORDS[rng.integers(len(WORDS))]
                text = word
            out[t].append((text, at, size, level))
    return out


def film_content(
    rng: np.random.Generator, stage: Stage, lens: Lens, tr: Trajectory, shown: NDArray[np.int64], soft: dict[int, int]
) -> list[Grey]:
    """The pictures of the story, one per frame; repeated frames are the same picture."""
    steps = len(tr.pose)
    starts = sorted({0, *soft})
    spans = zip(starts, [*starts[1:], steps], strict=True)
    shots = [Shot(stage, max(0, a - OVERLAP), min(steps, b + OVERLAP)) for a, b in spans]
    halves = [soft.get(a, 0) for a in starts]
    texts = captions(rng, tr, *stage.size) if rng.random() < 0.1 else None
    out: list[Grey] = []
    last, at = -1, 0
    for t in shown.tolist():
        if t == last:
            out.append(out[-1])
            continue
        while at + 1 < len(starts) and t >= starts[at + 1]:
            at += 1
        scene = mixed(shots, starts, halves, at, t)
        for text, place, size, level in texts[t] if texts else []:
            write(scene, text, place, size, level)
        out.append(lens.expose(scene, t, out[-1] if out else None))
        last = t
    return out


def mixed(shots: list[Shot], starts: list[int], halves: list[int], at: int, t: int) -> Picture:
    """Frame t as shot number at shows it, mixed with the shot before or after it while one dissolves into the other."""
    scene = shots[at].scene(t)
    for k in (at, at + 1):
        if 0 < k < len(starts) and -halves[k] <= t - starts[k] < halves[k]:
            other = shots[at - 1 if k == at else k].scene(t)
            share = np.float32(0.5 + 0.5 * (t - starts[k] + 0.5) / halves[k])
            new, old = (scene, other) if k == at else (other, scene)
            scene = np.asarray(new * share + old * (1 - share), np.float32)
    return scene


def render(rng: np.random.Generator, frames: int = 300, kind: Kind | None = None, manner: Manner = LIVELY) -> Filmed:
    """One stream of pictures at 10 Hz; a pure function of the generator (and of the kind, if it is given)."""
    cv2.setNumThreads(1)
    kind = kind or pick_kind(rng)
    plan = make_plan(rng, frames)
    tr = tell(rng, kind, plan.content, manner)
    soft = make_cuts(rng, tr, kind.story)
    shown = judder(rng, plan.content)
    for _ in range(TAKES):
        stage = Stage(rng, kind, tr, manner)
        lens = make_lens(rng, plan.content, *stage.size, manner.contrast, dark=rng.random() < 0.12)
        body = film_content(rng, stage, lens, tr, shown, soft)
        if shows(body, tr.repeating[shown]):
            break
    parts: list[list[Grey]] = [[], body, []]
    for k, count in ((0, plan.title), (2, plan.end)):
        if count:
            card = title_card(rng, *stage.size)
            still = lens.expose(card, 0, None)
            parts[k] = [still] * count if rng.random() < 0.6 else [lens.hold(still, 0.7) for _ in range(count)]
    if plan.title and rng.random() < 0.4:
        dissolve(body, parts[0][-1], int(rng.integers(2, 10)))
    middle = parts[0] + body + parts[2]
    grains = [0.0 if rng.random() < 0.35 else spread(rng, 0.1, 3.0) for _ in range(2)]
    first = [lens.hold(middle[0], grains[0]) for _ in range(plan.before)]
    last = [lens.hold(middle[-1], grains[1]) for _ in range(plan.after)]
    held = np.zeros(frames, np.uint8)
    held[1 : plan.before], held[frames - plan.after + 1 :] = 1, 1
    if plan.after == 0:
        held[-1] = 0
    return Filmed(bars(np.stack(first + middle + last)), spread_labels(tr, plan, shown), kind, held, grains)


def shows(body: list[Grey], repeating: Array) -> bool:
    """Whether what repeats can be seen at all: some part of the picture changes by a few grey levels."""
    seen = np.flatnonzero(repeating)[::4]
    if len(seen) < 4:
        return True
    h, w = body[0].shape
    small = np.stack([cv2.resize(body[i], (w // 4, h // 4), interpolation=cv2.INTER_AREA) for i in seen])
    return bool(np.quantile(small.std(0), 0.985) > LEAST_CHANGE)


def dissolve(body: list[Grey], card: Grey, count: int) -> None:
    """Let the content come out of the card during its first frames."""
    for i in range(min(count, len(body))):
        body[i] = cv2.addWeighted(body[i], (i + 1) / (count + 1), card, 1 - (i + 1) / (count + 1), 0).astype(np.uint8)


def spread_labels(tr: Trajectory, plan: Plan, shown: NDArray[np.int64]) -> Trajectory:
    """Labels of the content -> labels of the stream: what is shown counts, held pictures and titles are stillness."""
    ends = np.cumsum(tr.ended)[shown]
    first = plan.before + plan.title

    def padded(x: Array) -> Array:
        out = np.zeros((first + len(x) + plan.end + plan.after, *x.shape[1:]))
        out[first : first + len(x)] = x
        return out

    pose = padded(tr.pose[shown])
    pose[:first], pose[first + plan.content :] = tr.pose[shown[0]], tr.pose[shown[-1]]
    cuts = padded(np.maximum(tr.cuts[shown] * np.diff(shown, prepend=-1) > 0, 0).astype(float))
    if plan.title:
        cuts[first] = 1
    if plan.end:
        cuts[first + plan.content] = 1
    return Trajectory(
        pose,
        padded(tr.away[shown]),
        padded(tr.repeating[shown]),
        padded(np.diff(ends, prepend=0.0)),
        padded(tr.acting[shown]),
        cuts,
        title_end=first if plan.title else 0,
        busy=padded(tr.busy[shown]),
    )
