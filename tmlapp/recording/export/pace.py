"""What a long export owes the person who waits for it: how far it is, and a way to stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tmlapp.core.errors import AppError


class StoppedError(Exception):
    """The person stopped the export; nothing of it is left."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Called while an export goes on.

    Attributes:
        progress: with the share that is done, 0 to 1.
        cancelled: True once nobody wants the result any more.
    """

    progress: Callable[[float], object] = lambda _: None
    cancelled: Callable[[], bool] = lambda: False

    def at(self, share: float) -> None:
        """So much is done.

        Raises:
            StoppedError: it is no longer wanted.
        """
        if self.cancelled():
            raise StoppedError
        self.progress(min(1.0, max(0.0, share)))


@contextmanager
def unfinished(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Where to write what becomes `path` once the block has ended well; otherwise nothing is left of it.

    Raises:
        AppError: `path` is there already and `force` is false, or it cannot be written.
    """
    if not force and path.exists():
        raise AppError(f"{path} is there already.", "It would be lost.", "Name another file, or say --force.")
    beside = path.with_name(f"unfinished-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(path)
    except OSError as error:
        raise AppError(
            f"{path} cannot be written.", f"{error.strerror or error}.", "Choose another folder, or free space."
        ) from error
    finally:
        # Where the folder itself cannot be used, there is nothing to remove.
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def check_stretch(start_ns: int, end_ns: int, duration_ns: int) -> None:
    """A stretch of a recording that can be exported.

    Raises:
        AppError: it is empty, or lies outside the recording.
    """
    if 0 <= start_ns < end_ns and start_ns < duration_ns:
        return
    raise AppError(
        "There is nothing to export.",
        f"{start_ns / 1e9:g} to {end_ns / 1e9:g} s is no stretch of the {duration_ns / 1e9:g} s that were recorded.",
        "Choose a beginning inside the recording, and an end after it.",
    )
