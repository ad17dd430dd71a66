"""The order of lanes, as a person left it."""

from __future__ import annotations

from collections.abc import Sequence

from tmlapp.ui.timeline.lane import Lane

Arranged = tuple[str, bool, float]
"""A lane's key, whether it is hidden, and how much higher than usual it is."""


def arranged(lanes: Sequence[Lane], order: Sequence[Arranged]) -> list[Lane]:
    """`lanes` as `order` wants them; one that it does not know stays below the one above it."""
    known = {key: (place, hidden, scale) for place, (key, hidden, scale) in enumerate(order)}
    ranked: list[tuple[int, Lane]] = []
    place = -1
    for lane in lanes:
        place, lane.hidden, lane.scale = known.get(lane.key, (place, lane.hidden, lane.scale))
        ranked.append((place, lane))
    return [lane for _, lane in sorted(ranked, key=lambda r: r[0])]
