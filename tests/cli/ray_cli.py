"""Run as a program: a benchmark through Ray at the command line, then gone on with at the address of a cluster.

Prints one JSON object. A process of its own, because Ray leaves handlers and threads behind.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ray.cluster_utils import Cluster

from tests.cli.invoking import answer, invoke, write_sound
from tmlapp.bench.runs.run import load_run


def main() -> None:
    data, script, folder, spoken = map(Path, sys.argv[1:5])
    words = (
        "bench", "run", "--suite", "proactive-video-qa", "--data", data, "--endpoint", f"scripted:{script}", "--out",
        folder, "--instruct", "spoken", "--instructions", spoken, "--engine", "ray", "--json",
    )  # fmt: skip
    first = answer(invoke(*words), 1)
    before = load_run(folder)
    write_sound(spoken / sys.argv[5], 0.5)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100 * 2**20})
    second = answer(invoke(*words, "--resume", "--address", cluster.address))
    cluster.shutdown()  # type: ignore[no-untyped-call]  # Ray has no types there
    after = load_run(folder)
    print(
        json.dumps(
            {
                "first": first, "second": second, "engine": before.info.engine, "finished": after.info.finished,
                "tries": {i: r.tries for i, r in after.results.items()},
                "reasons": {i: r.reason for i, r in before.results.items()},
                "answered": sorted(after.answers),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
