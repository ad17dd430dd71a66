"""Trains the heads on synthetic measurements only. The budget is in steps, so the same seed gives the same weights."""

from __future__ import annotations

import argparse
import copy
import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name torch users know)

from models.tiny.train.batch import Mix, batches
from models.tiny.train.head import OUTPUTS, Head

log = logging.getLogger("tiny.head")

WARM = 40
"""Steps of a stage in which the learning rate rises."""
TRUE_END, PATIENCE = 0.8, 0.25
"""Prior of the true end of a movement as its reference, and how far (in nats per frame) the other must be better."""
KEPT_EVERY = 100
"""Steps between two checkpoints, from which an interrupted training goes on."""
SHOWN_EVERY = 50


@dataclass(frozen=True)
class Stage:
    """A part of the training with its own data and its own cosine of the learning rate."""

    mix: Mix
    steps: int
    peak_rate: float
    schedule: int = 0
    """Length of the cosine where the stage ends before it does."""


@dataclass(frozen=True)
class Recipe:
    """How the heads are trained: all of them on the same batches, from the same start, each with its own loss."""

    stages: tuple[Stage, ...]
    forgiving: tuple[bool, ...] = (False, True)
    """One entry per head: may it follow a set from its other end (see `either_way`)?"""
    average: float = 0.995
    """Decay per step of the running average of the weights, which is what is kept."""


RECIPE = Recipe(
    (
        Stage(Mix(0, 2, 10), 800, 3e-3),
        Stage(Mix(12, 1, 4), 700, 2e-3, schedule=1600),
        Stage(Mix(14, 1, 2, first=1050, growth=0.6, lively=0.75), 1000, 1.5e-3),
        Stage(Mix(14, 1, 2, first=1650, growth=0.6, most=2300, lively=0.85), 1100, 1.5e-3),
    )
)


def either_way(logit: Tensor, away: Tensor, repeating: Tensor) -> Tensor:
    """Cross-entropy per frame [B,T] of the way out and back, forgiving a set that is followed from its other end.

    Which end of a movement is its reference often cannot be known. A head that is blamed for both guesses says "half
    way" for ever; here it may settle on one for a whole set, and the true one costs less.
    """
    bce = F.binary_cross_entropy_with_logits
    right, wrong = bce(logit, away, reduction="none"), bce(logit, 1 - away, reduction="none")
    on = (repeating > 0.5).to(logit.dtype)
    edges = torch.cat([on[:, :1], (on[:, 1:] - on[:, :-1]).abs()], 1)
    sets = edges.cumsum(1).long() + torch.arange(len(on), device=on.device)[:, None] * (on.shape[1] + 1)
    flat, room = sets.flatten(), len(on) * (on.shape[1] + 1)
    zero = right.new_zeros(room)
    length = zero.index_add(0, flat, torch.ones_like(right).flatten()).clamp_min(1.0)
    mean_right = zero.index_add(0, flat, right.detach().flatten()) / length
    mean_wrong = zero.index_add(0, flat, wrong.detach().flatten()) / length
    odds = torch.logit(torch.tensor(TRUE_END)) + (mean_wrong - mean_right) / PATIENCE
    share = torch.sigmoid(odds)[flat].reshape(right.shape)
    share = torch.where(on > 0.5, share, torch.ones_like(share))
    return share * right + (1 - share) * wrong


def loss(logits: Tensor, target: Tensor, forgiving: bool) -> tuple[Tensor, list[float]]:
    """Weighted cross-entropies of the four outputs, and each alone."""
    away, repeating, ended, acting = target.unbind(-1)
    near_end = ended
    for k in range(1, 4):
        near_end = torch.maximum(near_end, F.pad(ended, (k, 0))[:, : ended.shape[1]])
    bce = F.binary_cross_entropy_with_logits
    out = either_way(logits[..., 0], away, repeating) if forgiving else bce(logits[..., 0], away, reduction="none")
    parts = [
        (out * (0.5 + repeating)).mean(),
        0.5 * bce(logits[..., 1], repeating),
        0.5 * bce(logits[..., 2], near_end, pos_weight=logits.new_tensor(2.0)),
        0.5 * bce(logits[..., 3], acting),
    ]
    return torch.stack(parts).sum(), [float(p.detach()) for p in parts]


def rate_at(step: int, stage: Stage) -> float:
    """Learning rate: a short rise, then a cosine to almost nothing."""
    wave = 0.5 + 0.5 * np.cos(np.pi * step / (stage.schedule or stage.steps))
    return float(stage.peak_rate * min(1.0, (step + 1) / WARM) * wave + 2e-5)


class Trainee:
    """One head with its optimiser and the running average of its weights."""

    def __init__(self, recipe: Recipe, number: int, seed: int, device: torch.device) -> None:
        torch.manual_seed(seed * 100)
        self.decay, self.forgiving = recipe.average, recipe.forgiving[number]
        self.net = Head().to(device)
        self.begin(recipe.stages[0])

    def begin(self, stage: Stage) -> None:
        """A new stage: the optimiser forgets, the average begins anew."""
        self.mean, self.seen = copy.deepcopy(self.net), 0
        self.optimiser = torch.optim.AdamW(self.net.parameters(), stage.peak_rate, weight_decay=1e-3)

    def learn(self, rows: Tensor, extra: Tensor, target: Tensor, rate: float) -> list[float]:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        logits, _ = self.net(rows, extra)
        total, parts = loss(logits, target, self.forgiving)
        self.optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.seen += 1
        keep = min(self.decay, self.seen / (self.seen + 10))
        with torch.no_grad():
            for average, value in zip(self.mean.parameters(), self.net.parameters(), strict=True):
                average.lerp_(value, 1 - keep)
        return parts

    def rest(self) -> None:
        """The end of a stage: the average is what the next one begins with."""
        self.net.load_state_dict(self.mean.state_dict())

    def state(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "seen": self.seen,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.seen = state["seen"]


class Training:
    """All heads of one model, their progress, and the files that keep both."""

    def __init__(self, recipe: Recipe, seed: int, kept: Path) -> None:
        self.recipe, self.seed, self.kept = recipe, seed, kept
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.trainees = [Trainee(recipe, i, seed, self.device) for i in range(len(recipe.forgiving))]
        self.stage = self.step = 0
        self.curve: list[dict[str, float]] = []
        if kept.exists():
            self.resume()

    def resume(self) -> None:
        state = torch.load(self.kept, weights_only=True)
        if state["recipe"] != str((self.recipe, self.seed)):
            raise ValueError(f"{self.kept.name} is of another recipe or seed: remove it, or name another file")
        self.stage, self.step, self.curve = state["stage"], state["step"], state["curve"]
        for trainee, past in zip(self.trainees, state["trainees"], strict=True):
            trainee.begin(self.recipe.stages[self.stage])
            trainee.restore(past)
        log.info("going on in stage %d after step %d", self.stage + 1, self.step)

    def keep(self) -> None:
        """Checkpoint, and beside it the report as JSON."""
        state = {"recipe": str((self.recipe, self.seed)), "stage": self.stage, "step": self.step, "curve": self.curve}
        torch.save(state | {"trainees": [t.state() for t in self.trainees]}, self.kept)
        report = {"seed": self.seed, "recipe": asdict(self.recipe), "device": str(self.device), "loss": self.curve}
        self.kept.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    def run_stage(self, data: Path | None, workers: int) -> None:
        """The rest of the present stage."""
        stage, recent = self.recipe.stages[self.stage], list[list[list[float]]]()
        seed, began = self.seed + 1000 * self.stage, time.monotonic()
        for batch in batches(stage.mix, data, seed, range(self.step, stage.steps), workers):
            rows, extra, target = (x.to(self.device) for x in batch)
            rate = rate_at(self.step, stage)
            recent.append([t.learn(rows, extra, target, rate) for t in self.trainees])
            self.step += 1
            if self.step % SHOWN_EVERY == 0:
                for number, means in enumerate(np.mean(recent, 0).tolist()):
                    named = dict(zip(OUTPUTS, means, strict=True))
                    place = {"stage": self.stage + 1, "step": self.step, "head": number + 1}
                    self.curve.append(place | {k: round(v, 4) for k, v in named.items()})
                    text = " ".join(f"{k} {v:.3f}" for k, v in named.items())
                    log.info("step %d head %d %.0f s %s", self.step, number + 1, time.monotonic() - began, text)
                recent = []
            if self.step % KEPT_EVERY == 0:
                self.keep()

    def run(self, data: Path | None, workers: int) -> list[Head]:
        while True:
            self.run_stage(data, workers)
            self.keep()
            if self.stage == len(self.recipe.stages) - 1:
                return [t.mean.cpu().eval() for t in self.trainees]
            self.stage, self.step = self.stage + 1, 0
            for trainee in self.trainees:
                trainee.rest()
                trainee.begin(self.recipe.stages[self.stage])


def train(recipe: Recipe, seed: int, data: Path | None, kept: Path, workers: int = 1) -> list[Head]:
    """Train all heads; an interrupted training goes on from the file `kept`. Its report lies beside that as JSON."""
    torch.set_num_threads(1)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "the processor"
    log.info("training on %s", device)
    return Training(recipe, seed, kept).run(data, workers)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data", type=Path, required=True, help="folder of rendered streams")
    parser.add_argument("--workers", type=int, default=1, help="processes that make batches")
    parser.add_argument("--out", type=Path, required=True, help="file that keeps the state of the training")
    args = parser.parse_args()
    train(RECIPE, args.seed, args.data, args.out, args.workers)
