"""Runs the exported model over annotated clips, causally, 200 ms at a time, and prints the model card's tables."""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.tiny.train.clips import Frame, Padding, model_frames
from models.tiny.train.config import MAX_COUNT
from models.tiny.train.grading import Counted, Spanned, count_scores, count_values, interval, span_scores, span_values
from models.tiny.train.runner import Player, Turn
from models.tiny.train.tasks import Task

MODEL = Path(__file__).resolve().parents[1]
FEW = 5
"""Clips with at least this many repetitions are also reported apart."""
HELD_S = 3.0
"""How long the last frame of a clip stays in the held streams."""


@dataclass(frozen=True)
class Clip:
    """One row of the annotation table."""

    name: str
    ends_s: list[float]
    span_s: tuple[float, float] | None


def read_clips(table: Path) -> list[Clip]:
    """Rows of manifest.csv: file, rep_end_times_s, start_s, stop_s."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda r: r["file"])
    return [
        Clip(
            r["file"],
            [float(x) for x in r["rep_end_times_s"].split()],
            (float(r["start_s"]), float(r["stop_s"])) if r["start_s"] else None,
        )
        for r in rows
    ]


def play(player: Player, frames: Frame, task: Task, times_ms: list[float]) -> list[Turn]:
    """All micro-turns in which something was said."""
    player.reset()
    player.set_task(int(task))
    said = []
    for step in frames:
        began = time.perf_counter()
        turn = player.turn(step)
        times_ms.append((time.perf_counter() - began) * 1000)
        if turn.phrase:
            said.append(turn)
    return said


def counted(clip: Clip, said: list[Turn], offset_s: float) -> Counted:
    numbers = [t for t in said if t.phrase <= MAX_COUNT]
    return Counted(
        clip.name, [e + offset_s for e in clip.ends_s], [t.t_ms / 1000 for t in numbers], [t.phrase for t in numbers]
    )


def spanned(clip: Clip, said: list[Turn], offset_s: float, end_s: float) -> Spanned | None:
    """The first start and the stop after it; an open interval closes at the end of the stream."""
    if clip.span_s is None:
        return None
    truth = (clip.span_s[0] + offset_s, clip.span_s[1] + offset_s)
    starts = [t.t_ms / 1000 for t in said if t.text == "start"]
    if not starts:
        return Spanned(clip.name, truth, None, 0)
    stops = [t.t_ms / 1000 for t in said if t.text == "stop" and t.t_ms / 1000 > starts[0]]
    return Spanned(clip.name, truth, (starts[0], stops[0] if stops else end_s), len(starts))


def paddings(clips: list[Clip], seed: int) -> Iterator[tuple[Clip, Padding]]:
    """Reproducible 3-8 s of idle time before and after every clip."""
    rng = np.random.default_rng(seed)
    for i, clip in enumerate(clips):
        yield clip, Padding(float(rng.uniform(3, 8)), float(rng.uniform(3, 8)), seed=i)


def line(clip: Clip, bare: Counted, padded: Counted, span: Spanned | None) -> str:
    """One clip: true, bare and padded count, errors of the start and stop cues in seconds."""
    off = "-"
    if span and span.found:
        off = f"{span.found[0] - span.truth[0]:+.1f} {span.found[1] - span.truth[1]:+.1f}"
    return f"{clip.name:42s} true {len(clip.ends_s):2d}  bare {bare.last:2d}  padded {padded.last:2d}  cues {off}"


def evaluate(model: Path, clips_dir: Path, table: Path, seed: int, verbose: bool) -> dict[str, dict[str, float]]:
    """Scores on the bare streams, on those with a held last frame, and on the padded ones."""
    player, clips, times_ms = Player(model), read_clips(table), list[float]()
    bare, held, padded, spans = list[Counted](), list[Counted](), list[Counted](), list[Spanned]()
    for clip, padding in paddings(clips, seed):
        path = clips_dir / clip.name
        if not path.exists():
            continue
        bare.append(counted(clip, play(player, model_frames(path), Task.count_reps, times_ms), 0.0))
        frames = model_frames(path, tail_s=HELD_S)
        held.append(counted(clip, play(player, frames, Task.count_reps, times_ms), 0.0))
        frames = model_frames(path, padding)
        padded.append(counted(clip, play(player, frames, Task.count_reps, times_ms), padding.before_s))
        said = play(player, frames, Task.start_stop, times_ms)
        span = spanned(clip, said, padding.before_s, len(frames) * 0.2)
        spans += [span] if span else []
        if verbose:
            print(line(clip, bare[-1], padded[-1], span))
    negatives = [c for c in bare + held + padded if not c.ends_s]
    many = [c for c in bare if len(c.ends_s) >= FEW]
    for title, values in (
        ("bare", count_values(bare)),
        ("bare, five or more", count_values(many)),
        ("padded", count_values(padded)),
        ("start/stop, padded", span_values(spans)),
    ):
        if verbose:
            ranges = ((name, *interval(x)) for name, x in values.items())
            print(f"95 % {title}: " + "  ".join(f"{name} {low:.2f}-{high:.2f}" for name, low, high in ranges))
    return {
        "bare": count_scores(bare),
        "bare, five or more": count_scores(many),
        "last frame held": count_scores(held),
        "padded": count_scores(padded),
        "padded, five or more": count_scores([c for c in padded if len(c.ends_s) >= FEW]),
        "start/stop, padded": span_scores(spans),
        "negatives": {"streams": len(negatives), "counts said": float(sum(len(c.said) for c in negatives))},
        "ms per step": {"p50": float(np.percentile(times_ms, 50)), "p99": float(np.percentile(times_ms, 99))},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder with the video files")
    parser.add_argument("--table", type=Path, required=True, help="manifest.csv with the annotations")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--seed", type=int, default=5, help="seed of the idle padding")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    scores = evaluate(args.model, args.clips, args.table, args.seed, verbose=True)
    for name, values in scores.items():
        print(f"{name:22s} " + "  ".join(f"{k} {v:.3g}" for k, v in values.items()))
    if args.json:
        args.json.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
