"""`python -m tests.traces FILE…`: replay recorded sessions to our adapters; one line per fault, then a count."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.traces.report import Report, replay

EPILOG = """\
FILE is a recorded session of a realtime service: one JSON object per line,
{"direction": "sent"|"received", "at": null|seconds, "json": {…}}. Which protocol it speaks is told by its frames.
Every frame is given to the adapter's codec, and with sockets also sent to the whole adapter over loopback by a server
that plays the recording. Exit status 1 where there is any fault."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.traces", description=__doc__, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("file", nargs="+", type=Path, help="recorded sessions (.jsonl)")
    parser.add_argument(
        "--socket", action=argparse.BooleanOptionalAction, default=True,
        help="also over loopback, with the whole adapter; without, through its codec alone",
    )  # fmt: skip
    parser.add_argument(
        "--verbose", action="store_true", help="say for each file what it is, and what was unknown in it"
    )
    args = parser.parse_args(arguments)
    total = Report()
    for path in args.file:
        report = replay(path, socket=args.socket)
        for fault in report.faults:
            print(f"{path}:{fault.line} {fault.what}")
        if args.verbose:
            print(f"{path}: {report.kind or 'unknown'}, {report.summary()}")
        total += report
    print(f"{len(args.file)} file{'s' * (len(args.file) != 1)}: {total.summary()}")
    return 1 if total.faults else 0


if __name__ == "__main__":
    sys.exit(main())
