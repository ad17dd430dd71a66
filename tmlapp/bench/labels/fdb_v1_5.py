"""Full-Duplex-Bench v1.5 as published: `<scenario>/{ID}/` with input.wav, clean_input.wav and metadata.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail
from tmlapp.bench.labels.fdb_files import RowError, load_samples, read_row, span_of, wav_length

VERSION = "v1.5"
TAIL_S = 5.0
# The README speaks of 99 in user_backchannel; the archive holds 98.
SIZES = {"user_interruption": 200, "user_backchannel": 98, "talking_to_other": 100, "background_speech": 100}
"""Scenarios and the number of samples published in each."""
INPUT, CLEAN = "input", "clean_input"
PARTS = (INPUT, CLEAN)
"""The two sessions of a sample: with the overlap, and without it."""
OUTPUTS = {INPUT: "output", CLEAN: "clean_output"}
"""Name of the model's files, by part."""
WHERE = (
    "Full-Duplex-Bench v1.5: the archives that https://github.com/DanielLin94144/Full-Duplex-Bench links to, unpacked "
    "as v1.5/<scenario>/{ID}/; MIT. The judge's prompt is CC BY-NC 4.0 and is read from a clone of that repository."
)


def load_v1_5(folder: Path, scenarios: object) -> Loaded:
    """Every sample of the scenarios asked for.

    Raises:
        AppError: an unknown scenario is asked for, or none is there.
    """
    return load_samples(
        folder, scenarios, _item, option="scenarios", sizes=SIZES, version=VERSION,
        layout="<scenario>/<ID>/ with input.wav, clean_input.wav and metadata.json", where=WHERE,
    )  # fmt: skip


def _item(scenario: str, name: str, sample: Path) -> SuiteItem:
    sounds = {part: sample / f"{part}.wav" for part in PARTS}
    lengths = {part: wav_length(sound) for part, sound in sounds.items()}
    metadata = read_row(sample / "metadata.json")
    if not isinstance(metadata, Mapping):
        raise RowError("metadata.json holds no object")
    texts = {key: metadata.get(key, "") for key in ("context_text", "current_turn_text")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise RowError("metadata.json holds no texts context_text and current_turn_text")
    truth = {
        "suite": "fdb-v1.5", "scenario": scenario, "id": sample.name, **texts,
        "event_s": list(span_of(metadata.get("timestamps"), "metadata.json")),
        "duration_s": {part: length.duration_s for part, length in lengths.items()},
        "output_samples": {part: length.output_samples for part, length in lengths.items()},
    }  # fmt: skip
    tail = Tail(least_s=TAIL_S, most_s=TAIL_S)
    parts = tuple(Part(name=n, sounds=(str(sound),), silence_s=0.0, tail=tail) for n, sound in sounds.items())
    return SuiteItem(id=name, truth=truth, parts=parts, group=scenario)
