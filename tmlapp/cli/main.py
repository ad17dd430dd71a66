"""The command `tmlapp`: without a verb it opens the window."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import tmlapp
from tmlapp.cli import (
    agree,
    bench,
    bench_model,
    data,
    demo,
    devices,
    doctor,
    endpoints,
    export,
    grade,
    items,
    library,
    packet,
    qa,
    recover,
    replay,
    run,
    serve,
    show,
    verify,
)
from tmlapp.cli import open as open_
from tmlapp.cli.common import reported, start_logging

app = typer.Typer(
    name="tmlapp",
    help="Meet interaction models live; record every session; grade it offline. Without a verb: the window.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tmlapp {tmlapp.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    start_logging()
    if context.invoked_subcommand is None:
        with reported(False):
            from tmlapp.ui.app import run_window

            raise typer.Exit(run_window([]))


for _verb in (
    agree,
    devices,
    doctor,
    run,
    serve,
    show,
    open_,
    grade,
    replay,
    recover,
    verify,
    export,
    demo,
    bench_model,
):
    app.command(_verb.__name__.rsplit(".", 1)[-1].replace("_", "-"))(_verb.command)
for _group in (bench, data, endpoints, items, library, packet, qa):
    app.add_typer(_group.app, name=_group.__name__.rsplit(".", 1)[-1])


def main() -> None:
    """Entry point of the command; what goes wrong before a verb has begun is told like everything else."""
    try:
        with reported("--json" in sys.argv):
            app()
    except typer.Exit as done:
        sys.exit(done.exit_code)


def window() -> None:
    """Entry point of the desktop icon."""
    app(args=[])
