"""Engines: who shares the items of a run out. Each item is one task, done once."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Protocol

from tmlapp.bench.drive_item import ItemTask, Outcome
from tmlapp.core.errors import AppError

ENGINES = ("pool", "ray")

OnOutcome = Callable[[Outcome], None]
"""Called on the thread that runs the engine, once for each item that was done or given up."""


class StoppedError(Exception):
    """The person asked to stop (Ctrl-C). What was running is finished or marked as failed; the rest was not begun."""


class Engine(Protocol):
    """Shares tasks out.

    A module of this package that is an engine has `make_engine(jobs, address)`.
    """

    def run(self, tasks: Sequence[ItemTask], on_outcome: OnOutcome) -> None:
        """Do every task; returns when each has an outcome.

        A worker that dies costs its item only: it is tried once more at once, and then given up with the reason.

        Raises:
            StoppedError: Ctrl-C; every item that was begun has its outcome.
            AppError: no work can be done at all.
        """
        ...


def engine_named(name: str, *, jobs: int, address: str = "") -> Engine:
    """The engine called `name`; `address` is for those that run on other machines.

    Raises:
        AppError: there is none, or what it needs is not installed.
    """
    if name not in ENGINES:
        raise AppError(
            f"There is no engine {name!r}.", "Work is shared out by one of two.", f"Use {' or '.join(ENGINES)}."
        )
    module = importlib.import_module(f"{__name__}.{name}")
    engine: Engine = module.make_engine(jobs=jobs, address=address)
    return engine
