"""Files of Full-Duplex-Bench v3: recordings in `fdb_v3_data_released/`, scenarios in `benchmark_data_v2.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tmlapp.bench.data import Loaded, Part, Quarantined, SuiteItem, Tail
from tmlapp.bench.labels.rows import checked_options, file_json
from tmlapp.core.errors import AppError

RECORDINGS = "fdb_v3_data_released"
SCENARIOS = "benchmark_data_v2.json"
SIZE = 100
TAIL_QUIET_S, TAIL_MOST_S = 3.0, 30.0
WHERE = (
    "Full-Duplex-Bench v3 (CC BY-NC 4.0): clone https://github.com/DanielLin94144/Full-Duplex-Bench and unpack the "
    f"released recordings as v3/{RECORDINGS}; give the folder v3 of the clone."
)
OPTIONS: Mapping[str, Any] = {"instruction": ""}
"""`instruction`: what the model is told before the recording; empty (default): nothing but its tools."""


def places(folder: Path) -> tuple[Path, ...]:
    """Folders in which files of the benchmark may lie when a user gives `folder`, the nearest first."""
    base = folder.absolute()
    found = [base, base / RECORDINGS, base / "v3", base / "v3" / RECORDINGS]
    if base.name == RECORDINGS:
        found.append(base.parent)
    return tuple(place for place in found if place.is_dir())


def load(folder: Path, options: Mapping[str, Any]) -> Loaded:
    """One item per recording `{example_id}_{speaker}`; its id is the name of its folder.

    What stands in a recording's own `metadata.json` wins over the list of scenarios.

    Raises:
        AppError: there are no recordings, the scenarios cannot be read, or an option is not valid.
    """
    wanted = checked_options("fdb-v3", OPTIONS, options)
    recordings = _recordings(folder)
    if not recordings:
        raise AppError(
            f"{folder} holds no recordings of Full-Duplex-Bench v3.",
            f"There is no {RECORDINGS}/{{example_id}}_{{speaker}}/input.wav in it.",
            WHERE,
        )
    listed = next((place / SCENARIOS for place in places(folder) if (place / SCENARIOS).is_file()), None)
    scenarios = {} if listed is None else _scenarios(listed)
    items: list[SuiteItem] = []
    aside: list[Quarantined] = []
    for path in recordings:
        try:
            items.append(_item(path, scenarios, wanted["instruction"]))
        except _RowError as error:
            aside.append(Quarantined(row=path.name, why=str(error), kind=error.kind))
        except AppError as error:
            aside.append(Quarantined(row=path.name, why=f"{error.what} {error.why}"))
    notes = [] if listed else [f"{SCENARIOS} was not found: each recording's metadata.json is all there is."]
    if not items:
        raise AppError(f"{folder} holds no recording that can be used.", f"{aside[0].row}: {aside[0].why}.", WHERE)
    found = {item.truth["example_id"] for item in items}
    notes.append(f"{len(items)} recordings of {len(found)} scenarios.")
    files = {} if listed is None else {"scenarios": hashlib.sha256(listed.read_bytes()).hexdigest()}
    return Loaded(
        items=tuple(items), quarantined=tuple(aside), expected=SIZE, notes=tuple(notes), version="v3", files=files
    )


class _RowError(Exception):
    def __init__(self, why: str, kind: Any = "damaged") -> None:
        super().__init__(why)
        self.kind = kind


def _recordings(folder: Path) -> list[Path]:
    for place in places(folder):
        # Macs leave hidden folders in archives.
        found = sorted(p for p in place.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))
        # Here a folder that is named like a recording is one, even if it is empty: it counts as missing.
        named = "_" if place.name == RECORDINGS else "/"
        found = [p for p in found if named in p.name or (p / "input.wav").exists() or (p / "metadata.json").exists()]
        if found:
            return found
    return []


def _scenarios(path: Path) -> dict[str, Mapping[str, Any]]:
    value = file_json(path)
    listed = value.get("scenarios") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        raise AppError(f"{path} holds no scenarios.", "It has no list `scenarios`.", WHERE)
    return {row["id"]: row for row in listed if isinstance(row, dict) and isinstance(row.get("id"), str)}


def _item(path: Path, scenarios: Mapping[str, Mapping[str, Any]], instruction: str) -> SuiteItem:
    sound = path / "input.wav"
    if not sound.is_file() or sound.stat().st_size == 0:
        raise _RowError("input.wav is missing or empty", "missing")
    with sound.open("rb") as file:
        if file.read(4) not in (b"RIFF", b"RF64"):
            raise _RowError("input.wav is no wav file")
    example, _, speaker = path.name.rpartition("_")
    own = file_json(path / "metadata.json") if (path / "metadata.json").is_file() else {}
    if not isinstance(own, dict):
        raise _RowError("metadata.json is no object")
    row = {**scenarios.get(example, {}), **own}
    if "expected_tool_calls" not in row:
        raise _RowError(f"nothing says which tools {example or path.name} expects", "missing")
    truth = {
        "example_id": example or path.name, "speaker": speaker, "title": _text(row, "title"),
        "domain": _text(row, "domain"), "difficulty": _text(row, "difficulty"),
        "features": _features(row),
        "rollback": bool(row.get("state_rollback_test")),
        "expected_tool_calls": list(_calls(row["expected_tool_calls"])), **_dialogue(row.get("dialogue")),
    }  # fmt: skip
    # A reply may come after the recording has ended; nothing is published about how long it is waited for.
    tail = Tail(quiet_s=TAIL_QUIET_S, most_s=TAIL_MOST_S)
    part = Part(sounds=(str(sound),), tools=True, instruction=instruction, tail=tail)
    return SuiteItem(id=path.name, truth=truth, parts=(part,), group=str(truth["domain"]))


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key) or ""
    return value if isinstance(value, str) else str(value)


def _features(row: Mapping[str, Any]) -> list[str]:
    listed = row.get("disfluency_features")
    return [str(feature) for feature in listed] if isinstance(listed, list) else []


def _calls(value: Any) -> Iterator[dict[str, Any]]:
    for call in value if isinstance(value, list) else [value]:
        args = call.get("args", {}) if isinstance(call, dict) else None
        if not isinstance(args, dict) or not isinstance(call.get("function"), str):
            raise _RowError("expected_tool_calls is no list of {function, args}")
        yield {"function": call["function"], "args": args}


def _dialogue(value: Any) -> dict[str, str]:
    """What the user says, and what the model should say at the end."""
    turns = value if isinstance(value, list) else []
    if not turns or not all(isinstance(t, dict) and isinstance(t.get("ai", ""), str) for t in turns):
        raise _RowError("dialogue is no list of {user, ai}")
    user = " ".join(str(t.get("user") or "").strip() for t in turns)
    return {"user": user.strip(), "expected_response": turns[-1].get("ai", "")}
