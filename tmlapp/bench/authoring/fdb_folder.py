"""A set in the layout of Full-Duplex-Bench v1.0, for programs that read that benchmark.

    v1.0/synthetic_user_interruption/<n>/input.wav        the user's sound, numbered from 1
    v1.0/synthetic_user_interruption/<n>/interrupt.json   [{"context", "interrupt", "timestamp": [start, end]}, …]
    items.jsonl                                           the items in full, with the same sounds

Of its subsets, user interruption fits best: an instruction, then something the user says at a known time to which the
model has to speak. `context` is the instruction, `interrupt` what is said in the cue (nothing where it is a moment),
`timestamp` the cue. There is an entry per expectation, in order of time; the benchmark's own scripts read the first.
Meanings and windows have no place there: they stand in `items.jsonl`, from which the set is read back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.authoring.dataset import (
    CHECKSUMS,
    ITEMS,
    Chosen,
    ExportOptions,
    OnProgress,
    check_free,
    chosen_items,
    copy_media,
    lines_of,
    new_folder,
    write_file,
)
from tmlapp.bench.authoring.dataset_row import row_of
from tmlapp.bench.authoring.model import ItemSet, Take, to_seconds
from tmlapp.bench.labels.fdb_v1 import ANNOTATIONS, TASKS, VERSION

SUBSET = "synthetic_user_interruption"
ANNOTATION = ANNOTATIONS[TASKS[SUBSET]]


def export_fdb(
    state: ItemSet,
    folder: Path,
    out: Path,
    *,
    only_valid: bool = False,
    on_progress: OnProgress = lambda _done, _all: None,
) -> tuple[str, ...]:
    """Write the set in `folder` as the new folder `out`, in full or not at all; ids in the order of the numbers.

    Raises:
        AppError: as `export_dataset`.
    """
    check_free(out)
    chosen, _ = chosen_items(state, folder, ExportOptions(only_valid=only_valid), None)
    digests: dict[str, str] = {}
    with new_folder(out) as made:
        rows: list[dict[str, Any]] = []
        for number, one in enumerate(chosen, start=1):
            on_progress(number - 1, len(chosen))
            rows.append(_written(state, folder, made, number, one, digests))
        digests[ITEMS] = write_file(made / ITEMS, lines_of(rows).encode("utf-8"))
        sums = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))
        write_file(made / CHECKSUMS, sums.encode("ascii"))
    on_progress(len(chosen), len(chosen))
    return tuple(one.item.id for one in chosen)


def _written(
    state: ItemSet, folder: Path, made: Path, number: int, one: Chosen, digests: dict[str, str]
) -> dict[str, Any]:
    place = f"{VERSION}/{SUBSET}/{number}"
    audio = f"{place}/input.wav"
    digests[audio] = copy_media(folder / one.take.audio, made / audio, one.take.sha256, one.item.id)
    video = ""
    if one.video:
        video = f"{place}/{one.video.rpartition('/')[2]}"
        digests[video] = copy_media(folder / one.take.video, made / video, one.take.video_sha256, one.item.id)
    told = json.dumps(annotation(one.item.instruction, one.take), ensure_ascii=False, indent=1) + "\n"
    name = f"{place}/{ANNOTATION}"
    digests[name] = write_file(made / name, told.encode("utf-8"))
    return row_of(state, one.item, one.take, audio=audio, video=video)


def annotation(instruction: str, take: Take) -> Sequence[dict[str, Any]]:
    """What `interrupt.json` holds for a take; times in seconds."""
    ordered = sorted(take.expectations, key=lambda e: (e.cue.t0, e.cue.t1, e.id))
    return [
        {
            "context": instruction,
            "interrupt": value.cue_text,
            "timestamp": [to_seconds(value.cue.t0), to_seconds(value.cue.t1)],
        }
        for value in ordered
    ]
