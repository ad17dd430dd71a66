"""Sets of items: checking one edit among many, and measuring a long sound."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.bench.items_made import many_items, take_sound
from tests.perf.figure import Effort, Figure, at_most
from tmlapp.bench.authoring.measure import measure
from tmlapp.bench.authoring.measure_alike import sound_print
from tmlapp.bench.authoring.measure_files import Sound
from tmlapp.bench.authoring.validate import Context, all_findings, findings

ITEMS = 500


def items(effort: Effort) -> Iterator[Figure]:
    """One edit of one item of 500 whose sounds are all known; the whole set anew is the reference."""
    rounds = 50 if effort.quick else 300
    with tempfile.TemporaryDirectory() as folder:
        state = many_items(ITEMS)
        context = Context(Path(folder), voice="energy", keep=Path(folder) / "keep")
        first = time.perf_counter()
        for n, item in enumerate(state.items):
            pcm = np.roll(take_sound(n % 40), 997 * n)
            context.files.know(item.takes[0].sha256, Sound(figures=measure(pcm), print=sound_print(pcm)))
        measured_s = time.perf_counter() - first
        first = time.perf_counter()
        all_findings(state, context)
        whole_ms = 1000 * (time.perf_counter() - first)
        spent: list[float] = []
        for n in range(rounds):
            item = replace(state.items[n], instruction=f"Tell me number {n} as soon as you hear {n * 7919}.")
            state = replace(state, items=(*state.items[:n], item, *state.items[n + 1 :]))
            first = time.perf_counter()
            findings(state, item, context)
            spent.append(1000 * (time.perf_counter() - first))
    p95 = float(np.percentile(spent, 95))
    yield at_most(
        f"one edit of one item among {ITEMS}, checked: p95", p95, 20.0, "ms", rounds,
        whole_set_first_ms=round(whole_ms, 1), most_ms=round(max(spent), 2), sounds_measured_s=round(measured_s, 2),
    )  # fmt: skip
    pcm = np.tile(take_sound(1, 60.0), 5)
    first = time.perf_counter()
    measure(pcm)
    figures_s = time.perf_counter() - first
    first = time.perf_counter()
    sound_print(pcm)
    yield at_most(
        "figures of 5 min of sound", figures_s + time.perf_counter() - first, 1.0, "s", 1, figures_s=round(figures_s, 3)
    )
