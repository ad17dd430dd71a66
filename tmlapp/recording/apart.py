"""A job in a process of its own: parsing a long file on a thread of the window's process would hold the window up."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from tmlapp.core.errors import AppError

_NOTICE_S = 0.1


class StoppedError(Exception):
    """Nobody wants the result any more."""


def run_apart(
    job: Callable[..., Any],
    *args: Any,
    tell: Callable[[float], object] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Any:
    """What `job(*args, tell)` returns, computed in another process; blocks its caller, so call it on a worker thread.

    Args:
        job: a function of a module, as it travels by its name; its last argument takes the part done, 0 to 1.
        tell: hears that part, on this thread.
        cancelled: asked often; True ends the process.

    Raises:
        AppError: the job's own, or the process died.
        StoppedError: `cancelled` said so.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, job, args), daemon=True, name=f"tmlapp-{job.__name__}")
    process.start()
    # With our copy closed, the end of the process is the end of the pipe.
    theirs.close()
    try:
        return _answer(ours, tell, cancelled)
    except EOFError as error:
        raise AppError(
            "A long file could not be read to its end.",
            "The process that read it ended before it was done, as when memory runs out.",
            "Close other programs and open it again.",
        ) from error
    finally:
        ours.close()
        process.terminate()
        process.join()


def _answer(pipe: Connection, tell: Callable[[float], object], cancelled: Callable[[], bool]) -> Any:
    while True:
        while not pipe.poll(_NOTICE_S):
            if cancelled():
                raise StoppedError
        kind, said = pipe.recv()
        if kind == "done":
            return said
        if kind == "failed":
            raise AppError(**said)
        tell(said)


def _child(pipe: Connection, job: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        pipe.send(("done", job(*args, lambda part: pipe.send(("part", part)))))
    except AppError as error:
        pipe.send(("failed", error.to_json()))
