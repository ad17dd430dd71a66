"""Draws the losses of a training as one SVG picture, from the JSON files that training leaves.

python -m models.tiny.train.curves models/tiny/train/report/heads-*.json --out models/tiny/train/report/curves.svg
"""

from __future__ import annotations

import argparse
import json
from itertools import accumulate
from pathlib import Path
from typing import Any

from models.tiny.train.head import OUTPUTS

WIDE, HIGH, EDGE, FOOT = 420, 190, 46, 20
COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#805ad5", "#b83280", "#4a5568")


def series(report: dict[str, Any], name: str) -> dict[int, list[tuple[int, float]]]:
    """Head number -> (step over all stages, loss)."""
    lengths = [stage["steps"] for stage in report["recipe"]["stages"]]
    found: dict[int, list[tuple[int, float]]] = {}
    for point in report["loss"]:
        at = sum(lengths[: point["stage"] - 1]) + point["step"]
        found.setdefault(point["head"], []).append((at, point[name]))
    return {head: sorted(points) for head, points in found.items()}


def panel(reports: list[dict[str, Any]], name: str, left: int, top: int) -> list[str]:
    """One output's losses, one line per seed and head; grey lines where a stage ends."""
    lines = [(r["seed"], head, points) for r in reports for head, points in series(r, name).items()]
    last = max(points[-1][0] for *_, points in lines)
    most = max(loss for *_, points in lines for _, loss in points)

    def x(step: float) -> float:
        return left + EDGE + step / last * (WIDE - EDGE - 10)

    def y(loss: float) -> float:
        return top + HIGH - 28 - loss / most * (HIGH - 56)

    out = [f'<text x="{left + EDGE}" y="{top + 16}" font-weight="bold">{name}</text>']
    for share in (0.0, 0.5, 1.0):
        at = y(share * most)
        out.append(f'<line x1="{x(0)}" y1="{at:.1f}" x2="{x(last)}" y2="{at:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left + EDGE - 6}" y="{at + 4:.1f}" text-anchor="end">{share * most:.2f}</text>')
    lengths = [stage["steps"] for stage in reports[0]["recipe"]["stages"]]
    for border in accumulate(lengths[:-1]):
        out.append(f'<line x1="{x(border):.1f}" y1="{y(most)}" x2="{x(border):.1f}" y2="{y(0)}" stroke="#888"/>')
    out.append(f'<text x="{x(last)}" y="{top + HIGH - 10}" text-anchor="end">{last} steps</text>')
    for i, (*_, points) in enumerate(lines):
        path = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="1.3"/>')
    return out


def legend(reports: list[dict[str, Any]], top: int) -> list[str]:
    """Whose lines have which colour, in one row under all panels."""
    names = [f"seed {r['seed']} head {head}" for r in reports for head in series(r, OUTPUTS[0])]
    return [
        f'<text x="{EDGE + 90 * i}" y="{top + 12}" fill="{COLOURS[i % len(COLOURS)]}">{name}</text>'
        for i, name in enumerate(names)
    ]


def picture(reports: list[dict[str, Any]]) -> str:
    """All outputs, two by two."""
    body = []
    for i, name in enumerate(OUTPUTS):
        body += panel(reports, name, WIDE * (i % 2), HIGH * (i // 2))
    body += legend(reports, 2 * HIGH)
    size = f'width="{2 * WIDE}" height="{2 * HIGH + FOOT}" viewBox="0 0 {2 * WIDE} {2 * HIGH + FOOT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="10">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", type=Path, nargs="+", help="JSON files that training leaves")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.write_text(picture([json.loads(path.read_text(encoding="utf-8")) for path in args.reports]), "utf-8")


if __name__ == "__main__":
    main()
