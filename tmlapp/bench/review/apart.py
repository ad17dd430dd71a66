"""Large logs are parsed in a process of their own: on a thread of the window's process they would hold it up."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tmlapp.bench.review.lanes import Lanes
from tmlapp.bench.review.opened import Review, read_lanes
from tmlapp.core.errors import AppError

APART_FROM = 30_000
"""Messages from which on a recording is parsed in a process of its own: about ten minutes with a camera."""

_NOTICE_S = 0.1
_JOIN_S = 5.0


class StoppedError(Exception):
    """Nobody wants the result any more."""


def lanes_of(
    review: Review,
    item: Mapping[str, Any] | None = None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    apart_from: int = APART_FROM,
) -> Lanes:
    """`read_lanes` for a window: call it on a worker thread; a long recording is parsed in another process.

    Raises:
        AppError: as `read_lanes`, or the other process was killed.
        StoppedError: `cancelled` said so; the other process is ended.
    """
    if review.messages < apart_from:
        return read_lanes(review.path, item)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_parse, args=(theirs, review.path, item), daemon=True)
    process.start()
    # With our copy closed, the end of the process is the end of the pipe.
    theirs.close()
    try:
        while not ours.poll(_NOTICE_S):
            if cancelled():
                raise StoppedError
        found = ours.recv()
    except EOFError as error:
        raise AppError(
            f"{review.path.name} could not be read.",
            "The process that parsed it ended before it was done, as when memory runs out.",
            "Close other programs and open it again.",
        ) from error
    finally:
        ours.close()
        if process.is_alive():
            process.terminate()
        process.join(_JOIN_S)
    if isinstance(found, Lanes):
        return found
    raise AppError(*found)


def _parse(pipe: Connection, path: Path, item: Mapping[str, Any] | None) -> None:
    try:
        found: Lanes | tuple[str, str, str] = read_lanes(path, item)
    except AppError as error:
        found = (error.what, error.why, error.fix)
    pipe.send(found)
    pipe.close()
