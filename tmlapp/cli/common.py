"""What all verbs share: errors in three sentences, JSON on request, a log file."""

from __future__ import annotations

import errno
import json
import logging
import logging.handlers
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer
from rich.console import Console

from tmlapp.config.paths import log_dir
from tmlapp.core.errors import AppError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]

FAILED = 1
"""Exit status of a verb that could not do its work."""


class Terminal(Console):
    """A console that leaves it to the caller what a reader that went away means: rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Raises: BrokenPipeError."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def out() -> Console:
    """Results for a person."""
    return Terminal(highlight=False, soft_wrap=True)


def err() -> Console:
    """Progress, warnings and errors."""
    return Terminal(stderr=True, highlight=False, soft_wrap=True)


def visible(text: str) -> str:
    """`text` without what a terminal would obey or cannot show: control characters, halves of surrogate pairs."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def emit(value: Any) -> None:
    """One JSON value on standard output, in ASCII where that cannot show all of it."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=1, allow_nan=False)
    typer.echo(text)


@contextmanager
def reported(as_json: bool) -> Iterator[None]:
    """Turns an `AppError`, and a fault of ours as well, into three sentences (or a JSON object) and exit status 1."""
    try:
        yield
    except (typer.Exit, typer.BadParameter):
        raise
    except BrokenPipeError as error:
        # Whoever read the answer has had enough of it, like `head`.
        raise typer.Exit(FAILED) from error
    except Exception as error:
        logging.getLogger("tmlapp").error("%s", error, exc_info=error)
        told = error if isinstance(error, AppError) else _unforeseen(error)
        # Whoever does not read one of the two streams may still read the other.
        if as_json:
            with suppress(OSError):
                emit({"error": told.to_json()})
        with suppress(OSError):
            show_error(told)
        raise typer.Exit(FAILED) from error


def _unforeseen(error: Exception) -> AppError:
    if isinstance(error, OSError):
        return AppError(
            "tmlapp could not read or write something.", f"{error.strerror or error}.", "Check the disk and the pipe."
        )
    if isinstance(error, ImportError):
        return AppError("A library that tmlapp needs cannot be loaded.", f"{error}.", "Install tmlapp again.")
    return AppError(
        "tmlapp has made a mistake.", f"{type(error).__name__}: {error}.", "Please report this with the log file."
    )


def show_error(error: AppError) -> None:
    """The three sentences, without a traceback."""
    console = err()
    console.print(f"[bold red]{_plain(error.what)}[/]")
    console.print(f"  Why: {_plain(error.why)}")
    console.print(f"  Fix: {_plain(error.fix)}")


def _plain(text: str) -> str:
    return visible(text).replace("[", r"\[")


def start_logging() -> None:
    """Log to a file that turns over at 5 MB; nothing of it is shown to the person.

    A log folder that cannot be written is said on standard error, and the verb goes on.
    """
    logger = logging.getLogger("tmlapp")
    logger.setLevel(logging.INFO)
    try:
        log_dir().mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            log_dir() / "tmlapp.log",
            maxBytes=5_000_000,
            backupCount=3,
            encoding="utf-8",
            errors="backslashreplace",
            delay=True,
        )
    except OSError as error:
        err().print(f"No log is written: {log_dir()}: {error.strerror}.", markup=False)
        # Without any handler Python would write tracebacks to standard error.
        logger.addHandler(logging.NullHandler())
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
