"""Run as a program: items through a Ray cluster of two nodes on this machine, of which one may be killed on the way.

Prints one JSON object. A process of its own, because Ray leaves handlers and threads behind.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from ray.cluster_utils import Cluster

from tmlapp.bench.data import Part, SuiteItem, Tail
from tmlapp.bench.drive_item import ItemTask, Outcome
from tmlapp.bench.engines.ray import RayEngine
from tmlapp.bench.runs.run import item_folder_name


def tasks_in(run: Path, count: int, script: Path, seconds: float) -> list[ItemTask]:
    """Items that take `seconds` of session time each."""
    items = [
        SuiteItem(id=f"item {n}", truth={}, parts=(Part(message=f"question {n}", tail=Tail(least_s=seconds)),))
        for n in range(count)
    ]
    return [
        ItemTask(
            item=item, folder=run / "items" / item_folder_name(n, item.id), run_folder=run, suite="ifeval",
            data=run, endpoint=f"scripted:{script}", instruct="typed", clock="fast",
        )
        for n, item in enumerate(items)
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("script", type=Path)
    parser.add_argument("--items", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--kill-after", type=int, default=0)
    args = parser.parse_args()
    node = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    nodes = [cluster.add_node(**node) for _ in range(args.nodes - 1)]
    outcomes: list[Outcome] = []

    def took(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if args.kill_after == len(outcomes):
            cluster.remove_node(nodes.pop(), allow_graceful=False)

    begun = time.monotonic()
    tasks = tasks_in(args.run, args.items, args.script, args.seconds)
    RayEngine(args.nodes, cluster.address).run(tasks, took)
    seconds = time.monotonic() - begun
    cluster.shutdown()
    print(
        json.dumps(
            {
                "outcomes": Counter(o.result.id for o in outcomes),
                "states": Counter(o.result.state for o in outcomes),
                "reasons": sorted({o.result.reason for o in outcomes if o.result.reason}),
                "texts": {o.result.id: [a.text for a in o.answers.values()] for o in outcomes},
                "nodes_left": len(nodes),
                "seconds": seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
