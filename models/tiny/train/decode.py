"""What the graph would say on whole measured streams at once: the graph's own decisions, many streams side by side.

Serves the choice of thresholds on held-out synthetic streams and the validation during training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.tiny.train.augment import ACTING, ENDED, Stream
from models.tiny.train.config import CHUNK_MS, FPS, FRAMES, HIDDEN
from models.tiny.train.grading import Counted, Spanned, count_scores, span_scores
from models.tiny.train.head import Heads
from models.tiny.train.rows import batch_rows, cut_ages, quick_stats
from models.tiny.train.vision import SEEN, Decider, Thresholds


@dataclass(frozen=True)
class Read:
    """What the heads say of one stream: probabilities [T,4]; and its motion energy and its ages [T] (see `extras`)."""

    chances: Tensor
    energy: Tensor
    ages: Tensor


@dataclass(frozen=True)
class Decided:
    """Moments in seconds at which micro-turns end that count, start or stop."""

    counted_s: list[float]
    started_s: list[float]
    stopped_s: list[float]


def read(heads: Heads, motion: Tensor, look: Tensor, cuts: Tensor) -> list[Read]:
    """Measured streams [B,T,...] -> what the heads say of each."""
    rows, extra = batch_rows(motion, look, cuts, quick_stats)
    first = torch.zeros(len(heads.members), len(rows), HIDDEN)
    with torch.no_grad():
        chances = torch.sigmoid(heads(rows, extra, first)[0])
    energy = torch.sqrt((motion * motion).mean(-1))
    return [Read(*parts) for parts in zip(chances, energy, cut_ages(cuts), strict=True)]


def decide(found: list[Read], thresholds: Thresholds | None = None) -> list[Decided]:
    """The decisions of `Decider` on every stream, micro-turn by micro-turn."""
    decider = Decider(thresholds)
    size, steps = len(found), max(len(r.energy) for r in found)
    chances, energy, ages = torch.zeros(size, steps, found[0].chances.shape[1]), *torch.zeros(2, size, steps)
    for i, r in enumerate(found):
        n = len(r.energy)
        chances[i, :n], energy[i, :n], ages[i, :n] = r.chances, r.energy, r.ages
    single = {name: entry for name, entry in SEEN.items() if len(entry[1]) == 1}
    state = {name: torch.full((size,), init, dtype=dtype) for name, (dtype, _, init) in single.items()}
    marks = torch.zeros(3, size, steps // FRAMES * FRAMES)
    with torch.no_grad():
        for t in range(marks.shape[2]):
            p, e, state["age"] = chances[:, t], energy[:, t], ages[:, t]
            marks[0, :, t] = decider.count(p, e, state)
            marks[1, :, t], marks[2, :, t] = decider.act(p, state)
    turns = marks.reshape(3, size, -1, FRAMES).amax(-1).numpy()
    return [Decided(*(moments(row[: len(r.energy) // FRAMES]) for row in turns[:, i])) for i, r in enumerate(found)]


def moments(marks: NDArray[np.float32]) -> list[float]:
    """Ends in seconds of the marked micro-turns."""
    return [float(x) for x in (np.flatnonzero(marks > 0.5) + 1) * CHUNK_MS / 1000]


def counted(name: str, labels: NDArray[np.float32], said: Decided) -> Counted:
    ends = [float(x) for x in np.flatnonzero(labels[:, ENDED] > 0.5) / FPS]
    return Counted(name, ends, said.counted_s, list(range(1, len(said.counted_s) + 1)))


def spanned(name: str, labels: NDArray[np.float32], said: Decided) -> Spanned | None:
    """The first stretch in which somebody acts, against the first start and the stop after it."""
    on = np.flatnonzero(labels[:, ACTING] > 0.5)
    if not len(on):
        return None
    off = np.flatnonzero(labels[on[0] :, ACTING] < 0.5)
    end = (on[0] + off[0] if len(off) else len(labels)) / FPS
    if not said.started_s:
        return Spanned(name, (on[0] / FPS, end), None, 0)
    begun = said.started_s[0]
    over = next((t for t in said.stopped_s if t > begun), len(labels) / FPS)
    return Spanned(name, (on[0] / FPS, end), (begun, over), 1)


def scored(streams: list[Stream], found: list[Read], thresholds: Thresholds | None = None) -> dict[str, float]:
    """Scores of counting and of the first start and stop on labelled streams, and counts on those without any."""
    said = decide(found, thresholds)
    counts = [counted(str(i), s.labels, d) for i, (s, d) in enumerate(zip(streams, said, strict=True))]
    spans = [spanned(str(i), s.labels, d) for i, (s, d) in enumerate(zip(streams, said, strict=True))]
    spoken = span_scores([s for s in spans if s])
    idle = [c for c in counts if not c.ends_s]
    return (
        count_scores(counts)
        | {name: spoken[name] for name in ("tiou", "start_1s", "stop_1s")}
        | {"false": sum(len(c.said) for c in idle) / max(1, len(idle))}
    )
