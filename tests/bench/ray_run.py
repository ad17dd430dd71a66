"""Run as a program: items through a Ray cluster of two nodes on this machine, of which one may be killed on the way.

With a script the items are quick and typed; with a video the embedded model watches it.
Prints one JSON object. A process of its own, because Ray leaves handlers and threads behind.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from tmlapp.bench.data import Part, SuiteItem, Tail
from tmlapp.bench.drive_item import ItemDriver, ItemTask, Outcome
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


def watching(run: Path, count: int, video: Path, first: int = 0) -> list[ItemTask]:
    """Items in which the embedded model counts along with `video`."""
    part = Part(instruction="Please count out reps for squats.", video=str(video), tail=Tail(least_s=1.0))
    items = [SuiteItem(id=f"item {n}", truth={}, parts=(part,)) for n in range(first, first + count)]
    return [
        ItemTask(
            item=item, folder=run / "items" / item_folder_name(n, item.id), run_folder=run, suite="repcount-a",
            data=run, endpoint="onnx:tiny", instruct="typed", clock="fast",
        )
        for n, item in enumerate(items, start=first)
    ]  # fmt: skip


@dataclass(frozen=True)
class OneCoreEach:
    """Makes a driver in a worker that keeps to one core, another one than the worker before."""

    claims: Path

    def __call__(self) -> ItemDriver:
        for core in sorted(os.sched_getaffinity(0)):
            try:
                (self.claims / f"core {core}").mkdir(parents=True)
            except FileExistsError:
                continue
            # Threads that Ray has started already do not follow the first one.
            for thread in os.listdir("/proc/self/task"):
                os.sched_setaffinity(int(thread), {core})
            break
        return ItemDriver()


@dataclass(frozen=True)
class HeldAt:
    """Makes a driver that begins an item on the node called `node`, says so, and never ends it."""

    node: str
    begun: Path

    def __call__(self) -> Callable[[ItemTask], Outcome]:
        driver = ItemDriver()

        def work(task: ItemTask) -> Outcome:
            if ray.get_runtime_context().get_node_id() == self.node:
                self.begun.touch()
                threading.Event().wait()
            return driver(task)

        return work


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("script", type=Path, nargs="?")
    parser.add_argument("--video", type=Path)
    parser.add_argument("--one-core-each", action="store_true", help="and one item per worker before the time runs")
    parser.add_argument("--items", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--kill", action="store_true", help="kill the last node in the middle of an item")
    args = parser.parse_args()
    node = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    nodes = [cluster.add_node(**node) for _ in range(args.nodes - 1)]
    outcomes: list[Outcome] = []
    over = threading.Event()

    def took(outcome: Outcome) -> None:
        outcomes.append(outcome)

    def kill(begun: Path) -> None:
        while not begun.exists():
            over.wait(0.05)
        cluster.remove_node(nodes.pop(), allow_graceful=False)

    if args.video is not None:
        tasks = watching(args.run, args.items, args.video)
    else:
        tasks = tasks_in(args.run, args.items, args.script, args.seconds)
    engine = RayEngine(args.nodes, cluster.address)
    if args.kill:
        mark = args.run.with_name("begun")
        engine = RayEngine(args.nodes, cluster.address, HeldAt(nodes[-1].node_id, mark))
        threading.Thread(target=kill, args=(mark,), daemon=True).start()
    if args.one_core_each:
        # Connected here once, so that the workers of the first items do the others as well.
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        engine = RayEngine(args.nodes, cluster.address, OneCoreEach(args.run / "claims"))
        engine.run(watching(args.run, args.nodes, args.video, first=args.items), lambda _: None)
    begun = time.monotonic()
    engine.run(tasks, took)
    seconds = time.monotonic() - begun
    ray.shutdown()
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
