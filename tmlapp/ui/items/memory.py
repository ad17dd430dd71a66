"""What Items remembers between two starts: recent sets, endpoints to try on, the judge."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tmlapp.config.paths import config_dir
from tmlapp.core.errors import AppError

_RECENT = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """`recent` holds folders of sets, the latest first; `camera`: takes are recorded with picture."""

    recent: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    judge: str = ""
    snapping: bool = True
    camera: bool = False

    def with_recent(self, folder: Path) -> Memory:
        """With `folder` as the latest."""
        name = str(folder)
        return replace(self, recent=(name, *(r for r in self.recent if r != name))[:_RECENT])


def memory_path() -> Path:
    return config_dir() / "items.json"


def load_memory() -> Memory:
    """What was remembered; a file that cannot be read is worth no question: the program starts afresh."""
    try:
        raw: Any = json.loads(memory_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Memory()
    if not isinstance(raw, dict):
        return Memory()

    def texts(key: str) -> tuple[str, ...]:
        found = raw.get(key)
        return tuple(t for t in found if isinstance(t, str)) if isinstance(found, list) else ()

    judge = raw.get("judge")
    return Memory(
        recent=texts("recent"),
        endpoints=texts("endpoints"),
        judge=judge if isinstance(judge, str) else "",
        snapping=raw.get("snapping") is not False,
        camera=raw.get("camera") is True,
    )


def save_memory(memory: Memory) -> None:
    """Write it whole or not at all.

    Raises:
        AppError: the file cannot be written.
    """
    path = memory_path()
    temporary = path.with_suffix(".json.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(asdict(memory), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        why = f"{error.strerror}."
        raise AppError(f"{path} could not be written.", why, "Check the folder's permissions and space.") from error
