"""What Items remembers between two starts: recent sets, endpoints to try on, the judge."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tmlapp.ui.memory import memory_file, remember, remembered

_RECENT = 8
_NAME = "items"


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
    return memory_file(_NAME)


def load_memory() -> Memory:
    """What was remembered; a file that cannot be read is worth no question: the program starts afresh."""
    raw = remembered(_NAME)

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
    remember(_NAME, asdict(memory))
