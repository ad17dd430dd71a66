"""Makes the shipped model from a seed: phrases, training, export, manifest, and the scores if clips are at hand."""

from __future__ import annotations

import argparse
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from models.tiny.train.batch import DATA_SEED
from models.tiny.train.dataset import make
from models.tiny.train.export import export_graph, write_manifest
from models.tiny.train.graph import Step
from models.tiny.train.head import Heads
from models.tiny.train.phrases import render_all
from models.tiny.train.stored import heads_of
from models.tiny.train.train_head import RECIPE, train

MODEL = Path(__file__).resolve().parents[1]

log = logging.getLogger("tiny")


def flat(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    """Nested scores as one level of "table: name" keys for the manifest."""
    return {f"{table}: {name}": round(value, 4) for table, row in scores.items() for name, value in row.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.tiny.train", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--workers", type=int, default=2, help="processes that draw streams; the result does not depend on it"
    )
    parser.add_argument("--data", type=Path, help="folder of rendered streams; what is missing in it is rendered")
    parser.add_argument("--work", type=Path, help="folder of streams and progress, for going on later")
    parser.add_argument(
        "--from-model", type=Path, help="take the heads of this model.onnx instead of training: after changes elsewhere"
    )
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--no-phrases", action="store_true", help="keep the recordings that are there")
    parser.add_argument("--clips", type=Path, help="folder of annotated clips to score on")
    parser.add_argument("--table", type=Path, help="their annotation table")
    parser.add_argument("--date", default=datetime.now(UTC).date().isoformat(), help="date written into the manifest")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.no_phrases:
        log.info("phrases: %.1f MB", render_all(args.out) / 1e6)
    if args.from_model:
        members = heads_of(args.from_model)
    else:
        with TemporaryDirectory() as folder:
            work = args.work or Path(folder)
            work.mkdir(parents=True, exist_ok=True)
            data = args.data or work / "streams"
            make(DATA_SEED, max(stage.mix.known(stage.steps) for stage in RECIPE.stages), data, args.workers)
            members = train(RECIPE, args.seed, data, work / f"heads-{args.seed}.pt", args.workers)
    export_graph(Step(Heads(members)), args.out / "model.onnx")
    described: dict[str, Any] = {"seed": args.seed, "trained_on": args.date}
    metrics: dict[str, float] = {}
    if args.from_model:
        past = json.loads((args.from_model.parent / "manifest.json").read_text(encoding="utf-8"))["provenance"]
        described, metrics = {key: past[key] for key in described}, past["metrics"]
    described["code"] = "models/tiny/train in this repository"
    write_manifest(args.out, metrics=metrics, **described)
    if args.clips and args.table:
        from models.tiny.train.evaluate import evaluate  # needs opencv, which training alone does not

        write_manifest(args.out, metrics=flat(evaluate(args.out, args.clips, args.table, 5, verbose=True)), **described)


if __name__ == "__main__":
    main()
