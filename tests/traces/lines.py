"""A recorded session as a file: one JSON object per line, `{"direction", "at", "json"}`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

LARGEST_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Step:
    """One frame: `received` from the service, or `sent` by whoever was recorded."""

    line: int
    direction: Literal["sent", "received"]
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong, at line `line` of the file (0: the file as a whole)."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Trace:
    path: Path
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]

    @property
    def received(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.direction == "received")

    @property
    def sent(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.direction == "sent")


def read_trace(path: Path) -> Trace:
    """Everything that can be read of `path`; what cannot is a fault. Never raises."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            return Trace(path, (), (Fault(0, f"the file is larger than {LARGEST_BYTES >> 20} MiB"),))
        data = path.read_bytes()
    except OSError as error:
        return Trace(path, (), (Fault(0, f"cannot be read: {error.strerror or error}"),))
    steps: list[Step] = []
    faults: list[Fault] = []
    for line, raw in enumerate(data.split(b"\n"), 1):
        if not raw.strip():
            continue
        found = _step(line, raw)
        if isinstance(found, Step):
            steps.append(found)
        else:
            faults.append(found)
    if not steps and not faults:
        faults.append(Fault(0, "there is no frame in it"))
    elif not any(step.direction == "received" for step in steps):
        faults.append(Fault(0, "nothing was received in it"))
    return Trace(path, tuple(steps), tuple(faults))


def _step(line: int, raw: bytes) -> Step | Fault:
    try:
        row = json.loads(raw.decode("utf-8-sig" if line == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        return Fault(line, f"is not UTF-8: {error.reason}")
    except (ValueError, RecursionError) as error:
        return Fault(line, f"is not JSON: {error}")
    if not isinstance(row, dict):
        return Fault(line, "is no JSON object")
    direction, message, at = row.get("direction"), row.get("json"), row.get("at")
    if direction not in ("sent", "received"):
        return Fault(line, f"has the direction {str(direction)[:40]!r}, neither sent nor received")
    if not isinstance(message, dict):
        return Fault(line, "has no JSON object under json")
    if at is not None and (isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at)):
        return Fault(line, f"has the time {str(at)[:40]!r}, which is neither null nor a number of seconds")
    return Step(line, direction, message)
