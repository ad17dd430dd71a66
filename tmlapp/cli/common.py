"""What all verbs share: errors in three sentences, JSON on request, a log file."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from tmlapp.config.paths import log_dir
from tmlapp.core.errors import AppError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]

FAILED = 1
"""Exit status of a verb that could not do its work."""


def out() -> Console:
    """Results for a person."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Progress, warnings and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def emit(value: Any) -> None:
    """One JSON value on standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1, allow_nan=False)
    sys.stdout.write("\n")


@contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Turns an `AppError` into three sentences (or a JSON object) and exit status 1."""
    try:
        yield
    except AppError as error:
        logging.getLogger("tmlapp").error("%s", error, exc_info=error)
        if as_json:
            emit({"error": error.to_json()})
        show_error(error)
        raise typer.Exit(FAILED) from error


def show_error(error: AppError) -> None:
    """The three sentences, without a traceback."""
    console = err()
    console.print(f"[bold red]{_plain(error.what)}[/]")
    console.print(f"  Why: {_plain(error.why)}")
    console.print(f"  Fix: {_plain(error.fix)}")


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def start_logging() -> None:
    """Log to a file that turns over at 5 MB; nothing of it is shown to the person.

    A log folder that cannot be written is said on standard error, and the verb goes on.
    """
    logger = logging.getLogger("tmlapp")
    logger.setLevel(logging.INFO)
    try:
        log_dir().mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            log_dir() / "tmlapp.log", maxBytes=5_000_000, backupCount=3, encoding="utf-8", delay=True
        )
    except OSError as error:
        err().print(f"No log is written: {log_dir()}: {error.strerror}.")
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
