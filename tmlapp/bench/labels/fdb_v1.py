"""Full-Duplex-Bench v1.0 as published: `v1.0/<subset>/{ID}/` with input.wav and an annotation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail
from tmlapp.bench.labels.fdb_files import RowError, load_samples, read_row, span_of, wav_length

VERSION = "v1.0"
TAIL_S = 5.0
SIZES = {
    "candor_pause_handling": 216,
    "synthetic_pause_handling": 137,
    "icc_backchannel": 55,
    "candor_turn_taking": 119,
    "synthetic_user_interruption": 200,
}
"""Subsets and the number of samples published in each."""
TASKS = {
    "candor_pause_handling": "pause_handling",
    "synthetic_pause_handling": "pause_handling",
    "icc_backchannel": "backchannel",
    "candor_turn_taking": "smooth_turn_taking",
    "synthetic_user_interruption": "user_interruption",
}
ANNOTATIONS = {
    "pause_handling": "pause.json",
    "smooth_turn_taking": "turn_taking.json",
    "user_interruption": "interrupt.json",
}
"""The file that holds the annotation of a task; backchannels have none."""
WHERE = (
    "Full-Duplex-Bench v1.0: the archives that https://github.com/DanielLin94144/Full-Duplex-Bench links to, unpacked "
    "as v1.0/<subset>/{ID}/. Candor and ICC parts CC BY-NC 4.0 and the terms of their sources, synthetic parts MIT."
)


def load_v1(folder: Path, subsets: object) -> Loaded:
    """Every sample of the subsets asked for.

    Raises:
        AppError: an unknown subset is asked for, or none is there.
    """
    return load_samples(
        folder, subsets, _item, option="subsets", sizes=SIZES, version=VERSION,
        layout="<subset>/<ID>/input.wav with its annotation", where=WHERE,
    )  # fmt: skip


def _item(subset: str, name: str, sample: Path) -> SuiteItem:
    sound = sample / "input.wav"
    length = wav_length(sound)
    task = TASKS[subset]
    truth: dict[str, Any] = {
        "suite": "fdb-v1", "subset": subset, "task": task, "id": sample.name, "duration_s": length.duration_s,
        "output_samples": length.output_samples,
    }  # fmt: skip
    if task in ANNOTATIONS:
        truth |= annotation(task, read_row(sample / ANNOTATIONS[task]))
    part = Part(sounds=(str(sound),), silence_s=0.0, tail=Tail(least_s=TAIL_S, most_s=TAIL_S))
    return SuiteItem(id=name, truth=truth, parts=(part,), group=subset)


def annotation(task: str, raw: Any) -> dict[str, Any]:
    """Members of a truth from the annotation file of `task`.

    Raises:
        RowError: it does not hold what the task needs.
    """
    where = ANNOTATIONS[task]
    # Which pauses there are is of no account for the grade, so a list without any will do there.
    empty = raw == [] and task != "pause_handling"
    if not isinstance(raw, list) or empty or not all(isinstance(x, Mapping) and "timestamp" in x for x in raw):
        raise RowError(f"{where} is no list of objects with a timestamp")
    if task == "pause_handling":
        return {"pauses_s": [list(span_of(x["timestamp"], where)) for x in raw]}
    if task == "smooth_turn_taking":
        # Only the start is used; copies exist whose end is null.
        return {"turn_end_s": _first(raw[0]["timestamp"], where), "turn_taking": list(raw)}
    start, end = span_of(raw[0]["timestamp"], where)
    texts = {key: raw[0].get(key) for key in ("context", "interrupt")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise RowError(f"{where} has no texts context and interrupt")
    return {**texts, "interrupt_start_s": start, "interrupt_end_s": end}


def _first(stamp: Any, where: str) -> float:
    start = stamp[0] if isinstance(stamp, Sequence) and stamp else None
    return span_of([start, start], where)[0]


def official_annotation(truth: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Name and content of the annotation file, as the official scripts read it beside the result."""
    task = str(truth["task"])
    if task == "pause_handling":
        return ANNOTATIONS[task], [{"text": "[PAUSE]", "timestamp": list(p)} for p in truth["pauses_s"]]
    if task == "smooth_turn_taking":
        return ANNOTATIONS[task], truth["turn_taking"]
    if task == "user_interruption":
        stamp = [truth["interrupt_start_s"], truth["interrupt_end_s"]]
        return ANNOTATIONS[task], [
            {"context": truth["context"], "interrupt": truth["interrupt"], "timestamp": stamp}
        ]  # fmt: skip
    return None
