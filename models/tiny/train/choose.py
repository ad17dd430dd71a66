"""Chooses the decision levels on rendered streams that no head has learnt from, and prints what each choice scores.

python -m models.tiny.train.choose --model models/tiny/model.onnx --data FOLDER --streams 2000
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from models.tiny.train.augment import Stream
from models.tiny.train.batch import rendered_streams, split
from models.tiny.train.decode import Read, read, scored
from models.tiny.train.head import Head, Heads
from models.tiny.train.stored import heads_of
from models.tiny.train.vision import Thresholds

RANGES: dict[str, tuple[float, ...]] = {
    "blend": (0.35, 0.5, 0.7, 1.0),
    "rise": (0.1, 0.15, 0.2, 0.3, 0.4),
    "fall": (0.1, 0.15, 0.2, 0.3),
    "share": (0.25, 0.4, 0.5, 0.6),
    "ended": (0.15, 0.25, 0.35, 0.5),
    "whole": (0.6, 0.7, 0.8, 0.9),
    "again": (0.05, 0.1, 0.15, 0.25),
    "repeating": (0.3, 0.4, 0.5, 0.6, 0.7),
    "give_up": (0.15, 0.25, 0.35, 0.5),
    "smooth": (0.3, 0.5, 0.7, 1.0),
    "start": (0.5, 0.6, 0.7, 0.8),
    "stop": (0.15, 0.25, 0.35, 0.45, 0.55),
}
"""What is tried for each level; the others stay as they are."""
GROUP = 50


def worth(scores: dict[str, float]) -> float:
    """One number for a choice: counts, their moments, cues, and silence where nothing repeats."""
    counts = scores["obo"] + scores["exact"] + scores["f1"] - scores["mae"] + 0.5 * scores["on_time"]
    return counts + scores["tiou"] + 0.5 * (scores["start_1s"] + scores["stop_1s"]) - 0.3 * min(2.0, scores["false"])


def read_all(heads: Heads, streams: list[Stream]) -> list[Read]:
    """What the heads say of every stream, a group at a time."""
    found: list[Read] = []
    for at in range(0, len(streams), GROUP):
        group = streams[at : at + GROUP]
        parts = (np.stack([getattr(s, name) for s in group]) for name in ("motion", "look", "cuts"))
        found += read(heads, *(torch.from_numpy(part.astype(np.float32)) for part in parts))
    return found


def with_level(levels: Thresholds, name: str, value: float) -> Thresholds:
    other = Thresholds()
    for key in RANGES:
        setattr(other, key, getattr(levels, key))
    setattr(other, name, value)
    return other


def choose(streams: list[Stream], found: list[Read], rounds: int = 2) -> Thresholds:
    """Level after level, the best value while the others stay; a few rounds."""
    levels = Thresholds()
    best = worth(scored(streams, found, levels))
    for _ in range(rounds):
        for name, values in RANGES.items():
            tried = [(worth(scored(streams, found, with_level(levels, name, v))), v) for v in values]
            top, value = max(tried)
            print(f"{name:10s} " + "  ".join(f"{v:g}: {score:.3f}" for score, v in tried), flush=True)
            if top > best + 0.005:
                best, levels = top, with_level(levels, name, value)
    return levels


def show(title: str, scores: dict[str, float]) -> None:
    print(f"{title:8s} " + "  ".join(f"{k} {v:.3g}" for k, v in scores.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.onnx whose heads are used")
    parser.add_argument("--data", type=Path, required=True, help="folder of rendered streams")
    parser.add_argument("--streams", type=int, default=2000, help="use the held-out part of so many")
    args = parser.parse_args()
    held_out = split(rendered_streams(args.data, args.streams))[1]
    members: list[Head] = heads_of(args.model)
    found = read_all(Heads(members), held_out)
    show("now", scored(held_out, found))
    levels = choose(held_out, found)
    show("chosen", scored(held_out, found, levels))
    print({name: getattr(levels, name) for name in RANGES})


if __name__ == "__main__":
    main()
