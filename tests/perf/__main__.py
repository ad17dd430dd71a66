"""`python -m tests.perf [--quick] [NAME…]`: measure and print one JSON line per figure."""

from __future__ import annotations

import argparse
import sys

from tests.perf.figure import Effort, Measure


def measures() -> dict[str, Measure]:
    """Everything that can be measured, by name."""
    from tests.perf import (
        bench_run,
        catalogue,
        echo,
        endpoints,
        grading,
        ifeval,
        items,
        items_edge,
        live,
        model,
        peers,
        recorder,
        report,
        review,
        timeline,
        window,
    )

    return {
        "cadence": live.cadence,
        "cadence_busy": live.cadence_busy,
        "peers": peers.peers,
        "model": model.step,
        "recording": recorder.recording_cpu,
        "run_fast": model.fast_run,
        "window": window.window_start,
        "items_edge": items_edge.items_edge,
        "timeline": timeline.timeline,
        "review": review.review,
        "grading": grading.grading,
        "ifeval": ifeval.ifeval,
        "report": report.report,
        "bench_run": bench_run.bench_run,
        "catalogue": catalogue.catalogue,
        "ray": bench_run.ray_workers,
        "items": items.items,
        "endpoints": endpoints.endpoints,
        "echo": echo.echo,
    }


def main() -> int:
    known = measures()
    parser = argparse.ArgumentParser(prog="python -m tests.perf", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs: under 10 minutes in all")
    parser.add_argument("name", nargs="*", help=f"what to measure; all if left out: {', '.join(known)}")
    args = parser.parse_args()
    if unknown := set(args.name) - set(known):
        parser.error(f"not known: {', '.join(sorted(unknown))}; there is: {', '.join(known)}")
    good = True
    for name in args.name or known:
        for figure in known[name](Effort(quick=args.quick)):
            print(figure.line(), flush=True)
            good = good and figure.ok is not False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
