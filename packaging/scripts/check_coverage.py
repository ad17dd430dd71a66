"""Hold the coverage floors of pyproject.toml, `[tool.tmlapp.coverage]`, against a `coverage json` report.

Usage: check_coverage.py REPORT.json. Exits 1 and names each file that falls short.
"""

from __future__ import annotations

import json
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def shortfalls(report: dict[str, Any], full: list[str], total_percent: float) -> list[str]:
    """Return one line per broken floor.

    `full` holds path patterns of files in which every line and branch must run; `total_percent` is the floor of the
    whole. A pattern that matches no file is reported too: a renamed folder must not switch its floor off.
    """
    files: dict[str, Any] = report["files"]
    found = []
    for pattern in full:
        matching = sorted(name for name in files if fnmatch(name, pattern))
        if not matching:
            found.append(f"{pattern}: matches no measured file")
        for name in matching:
            missing_lines = files[name]["missing_lines"]
            missing_branches = files[name].get("missing_branches", [])
            if missing_lines or missing_branches:
                arcs = ", ".join(f"{start}->{end}" for start, end in missing_branches)
                found.append(f"{name}: lines {missing_lines or 'all run'}, branches not taken: {arcs or 'none'}")
    percent = report["totals"]["percent_covered"]
    if percent < total_percent:
        found.append(f"the whole: {percent:.1f} % is below {total_percent} %")
    return found


def main(argv: list[str]) -> int:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["tmlapp"]["coverage"]
    report = json.loads(Path(argv[1]).read_text("utf-8"))
    found = shortfalls(report, settings["full"], settings["total_percent"])
    for line in found:
        print(f"coverage: {line}", file=sys.stderr)
    if not found:
        print(f"==> Coverage {report['totals']['percent_covered']:.1f} %, fully covered: {', '.join(settings['full'])}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
