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
from models.tiny.train.config import HEADS
from models.tiny.train.head import OUTPUTS, Head

log = logging.getLogger("tiny.head")

PEAK_RATE = 3e-3
WARM = 40
TRUE_END, PATIENCE = 0.8, 0.25
"""Prior of the true end of a movement as its reference, and how far (in nats per frame) the other must be better."""
KEPT_EVERY = 100
"""Steps between two checkpoints, from which an interrupted training goes on."""


@dataclass(frozen=True)
class Recipe:
    """How the heads are trained: all of them on the same batches, each from a start of its own."""

    mix: Mix
    steps: int
    heads: int = HEADS
    average: float = 0.995
    """Decay per step of the running average of the weights, which is what is kept."""


RECIPE = Recipe(Mix(rendered=12, figures=1, abstract=6), 1500)


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


def loss(logits: Tensor, target: Tensor) -> tuple[Tensor, list[float]]:
    """Weighted cross-entropies of the four outputs, and each alone."""
    away, repeating, ended, acting = target.unbind(-1)
    near_end = ended
    for k in range(1, 4):
        near_end = torch.maximum(near_end, F.pad(ended, (k, 0))[:, : ended.shape[1]])
    bce = F.binary_cross_entropy_with_logits
    parts = [
        (either_way(logits[..., 0], away, repeating) * (0.5 + repeating)).mean(),
        0.5 * bce(logits[..., 1], repeating),
        0.5 * bce(logits[..., 2], near_end, pos_weight=torch.tensor(2.0)),
        0.5 * bce(logits[..., 3], acting),
    ]
    return torch.stack(parts).sum(), [float(p.detach()) for p in parts]


def rate_at(step: int, steps: int) -> float:
    """Learning rate: a short rise, then a cosine to almost nothing."""
    return float(PEAK_RATE * min(1.0, (step + 1) / WARM) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 2e-5)


class Trainee:
    """One head with its optimiser and the running average of its weights."""

    def __init__(self, seed: int, average: float, device: torch.device) -> None:
        torch.manual_seed(seed)
        self.device, self.decay = device, average
        self.net = Head().to(device)
        self.mean = copy.deepcopy(self.net)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), PEAK_RATE, weight_decay=1e-3)
        self.seen = 0

    def learn(self, rows: Tensor, extra: Tensor, target: Tensor, rate: float) -> list[float]:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        logits, _ = self.net(rows, extra)
        total, parts = loss(logits, target)
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


def train(recipe: Recipe, seed: int, data: Path | None, kept: Path, workers: int = 1) -> list[Head]:
    """Train all heads; an interrupted training goes on from the file `kept`. Its report lies beside that as JSON."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    log.info("training on %s", torch.cuda.get_device_name() if device.type == "cuda" else "the processor")
    trainees = [Trainee(seed * 100 + i, recipe.average, device) for i in range(recipe.heads)]
    first, curve = 0, list[dict[str, float]]()
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        if state["recipe"] != str((recipe, seed)):
            raise ValueError(f"{kept.name} is of another recipe or seed: remove it, or name another file")
        for trainee, past in zip(trainees, state["trainees"], strict=True):
            trainee.restore(past)
        first, curve = state["step"], state["curve"]
        log.info("going on after step %d", first)
    recent: list[list[float]] = []
    began = time.monotonic()
    for step, batch in enumerate(batches(recipe.mix, data, seed, range(first, recipe.steps), workers), first):
        rows, extra, target = (x.to(device) for x in batch)
        rate = rate_at(step, recipe.steps)
        recent.append(list(np.mean([t.learn(rows, extra, target, rate) for t in trainees], 0)))
        if step % 50 == 49:
            means = dict(zip(OUTPUTS, np.mean(recent, 0).tolist(), strict=True))
            curve.append({"step": step + 1, **{k: round(v, 4) for k, v in means.items()}})
            log.info(
                "step %d %.0f s %s",
                step + 1,
                time.monotonic() - began,
                " ".join(f"{k} {v:.3f}" for k, v in means.items()),
            )
            recent = []
        if step % KEPT_EVERY == KEPT_EVERY - 1 or step == recipe.steps - 1:
            state = {"recipe": str((recipe, seed)), "step": step + 1, "curve": curve}
            torch.save(state | {"trainees": [t.state() for t in trainees]}, kept)
            report = {"seed": seed, "recipe": asdict(recipe), "device": str(device), "loss": curve}
            kept.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return [t.mean.cpu().eval() for t in trainees]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data", type=Path, help="folder of rendered streams")
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument("--mix", type=int, nargs=3, default=[12, 1, 6], help="rendered, figures, abstract")
    parser.add_argument("--heads", type=int, default=HEADS)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    chosen = Recipe(Mix(*args.mix), args.steps, args.heads)
    train(chosen, args.seed, args.data, args.out, 1)
