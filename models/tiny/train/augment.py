"""Varies rendered streams on the level of their measurements: pace, stillness, cuts, loudness of motion, noise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

AWAY, REPEATING, ENDED, ACTING = range(4)
"""Columns of the labels, in the order of the heads' outputs."""

PACE = (0.7, 1.4)
LONG_STILL, LONGER_STILL = 12, 25
"""Frames after which a stop in the stream counts as "nobody acts" and as "nothing repeats"."""


@dataclass(frozen=True)
class Stream:
    """motion [T,Dm] in pixels per frame, look [T,Dl], cuts [T], labels [T,4]."""

    motion: Array
    look: Array
    cuts: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.look)


def timeline(rng: np.random.Generator, length: int, steps: int, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Place in the source of every frame to be made [steps]: another pace, held stretches, held to the end."""
    pace = float(np.exp(rng.uniform(*np.log(PACE)))) if rng.random() < 0.7 else 1.0
    drift = np.interp(np.arange(steps), np.linspace(0, steps, 6), np.exp(rng.standard_normal(6) * 0.08))
    speed = pace * drift
    lead = int(rng.integers(15, 80)) if rng.random() < 0.3 else 0
    speed[:lead] = 0.0
    if rng.random() < 0.3:
        at, length_held = int(rng.integers(lead, steps)), int(rng.integers(4, 70))
        speed[at : at + length_held] = 0.0
    spare = length - 1 - speed.sum()
    room = starts[starts <= max(0.0, spare)]
    first = int(rng.choice(room)) if len(room) and rng.random() < 0.5 else 0
    return np.minimum(first + np.cumsum(speed) - speed[0], length - 1.0)


def resampled(source: Stream, at: NDArray[np.float64]) -> Stream:
    """The stream as it is at these places [steps]; what stands still long enough is labelled so."""
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(source) - 1)
    share = (at - low).astype(np.float32)[:, None]
    share = np.where(source.cuts[high, None] > 0.5, np.float32(0), share)
    motion = source.motion.astype(np.float32)
    motion[0] = 0
    place = np.cumsum(motion, 0, dtype=np.float32)
    there = place[low] * (1 - share) + place[high] * share
    labels = source.labels[np.round(at).astype(int)].astype(np.float32)
    labels[:, AWAY] = (source.labels[low, AWAY] * (1 - share[:, 0])) + source.labels[high, AWAY] * share[:, 0]
    look = source.look[low] * (1 - share) + source.look[high] * share
    marks = []
    for column in (source.labels[:, ENDED], source.cuts):
        mark = np.zeros(len(at), np.float32)
        for index in np.flatnonzero(column > 0.5):
            reached = int(np.searchsorted(at, index))
            if reached < len(at) and (index > 0 or reached == 0) and index >= at[0]:
                mark[reached] = 1.0
        marks.append(mark)
    labels[:, ENDED] = marks[0]
    still = np.concatenate([[False], np.diff(at) < 1e-6])
    borders = np.flatnonzero(np.diff(np.concatenate([[0], still, [0]])))
    for a, b in pairwise(borders.tolist()):
        if still[a]:
            if b - a > LONG_STILL:
                labels[a:b, ACTING] = 0
            if b - a > LONGER_STILL:
                labels[a:b, REPEATING] = 0
    return Stream(np.diff(there, axis=0, prepend=there[:1]), look, marks[1], labels)


def with_cuts(rng: np.random.Generator, stream: Stream) -> Stream:
    """Changes of view at random: nothing before one can be compared with anything after it."""
    cuts, motion = stream.cuts.copy(), stream.motion.copy()
    at = rng.integers(5, len(stream), int(rng.integers(1, 4)))
    cuts[at], motion[at] = 1.0, 0.0
    return Stream(motion, stream.look, cuts, stream.labels)


def joined(rng: np.random.Generator, first: Stream, second: Stream) -> Stream:
    """One stream, then a cut, then the beginning of the other."""
    at = int(rng.integers(len(first) // 4, len(first)))
    rest = len(first) - at
    cuts = np.concatenate([first.cuts[:at], second.cuts[:rest]])
    motion = np.concatenate([first.motion[:at], second.motion[:rest]])
    cuts[at], motion[at] = 1.0, 0.0
    look = np.concatenate([first.look[:at], second.look[:rest]])
    labels = np.concatenate([first.labels[:at], second.labels[:rest]])
    return Stream(motion, look, cuts, labels)


def noisy(rng: np.random.Generator, stream: Stream) -> Stream:
    """Louder or fainter motion, and errors of the measurement in motion and picture."""
    scale = np.exp(rng.uniform(-0.7, 0.5))
    speed = np.sqrt((stream.motion**2).mean(1, keepdims=True))
    error = rng.choice([0.0, 0.03, 0.1]) * rng.random()
    grain = np.exp(rng.uniform(np.log(1e-4), np.log(0.02)))
    motion = stream.motion + rng.standard_normal(stream.motion.shape, dtype=np.float32) * (grain + error * speed)
    look = stream.look + rng.standard_normal(stream.look.shape, dtype=np.float32) * np.exp(
        rng.uniform(np.log(0.002), np.log(0.06))
    )
    return Stream((motion * scale).astype(np.float32), look.astype(np.float32), stream.cuts, stream.labels)


def places_to_start(labels: Array) -> NDArray[np.int64]:
    """Frames at which a stream can begin without changing what its labels mean: between repetitions."""
    between = (labels[:, REPEATING] < 0.5) | (labels[:, ENDED] > 0.5)
    return np.flatnonzero(between)


def varied(rng: np.random.Generator, stream: Stream, other: Stream, steps: int) -> Stream:
    """A new stream of that many frames made of one, and sometimes of a second behind a cut."""
    out = resampled(stream, timeline(rng, len(stream), steps, places_to_start(stream.labels)))
    if rng.random() < 0.12:
        out = joined(rng, out, resampled(other, timeline(rng, len(other), steps, np.zeros(1, np.int64))))
    if rng.random() < 0.25:
        out = with_cuts(rng, out)
    return noisy(rng, out)
