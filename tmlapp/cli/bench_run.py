"""`tmlapp bench run`: a benchmark through live sessions, kept in a run folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tmlapp.cli.bench_options import agent_options, one_of, pairs
from tmlapp.cli.common import FAILED, Json, emit, err, out, reported, visible

if TYPE_CHECKING:
    from tmlapp.bench.runs.make import Made, Progress

_SHOWN = 10
INTERRUPTED = 130


def run(
    suite: Annotated[str, typer.Option(help="Name of a benchmark, e.g. repcount-a.")],
    data: Annotated[Path, typer.Option(help="Folder of its data, laid out as published.")],
    endpoint: Annotated[str, typer.Option(help="onnx:tiny, onnx:FOLDER, scripted:FILE …")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the run: new, or with --resume an existing one.")],
    limit: Annotated[int | None, typer.Option(min=1, help="So many items; all if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="With --limit: a random sample instead of the first items.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Items at once, each in a process of its own.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run; failed items are tried again.")] = False,
    option: Annotated[list[str] | None, typer.Option("--option", help="KEY=VALUE for the suite (split=test).")] = None,
    instruct: Annotated[str, typer.Option(help="spoken, typed, or auto: typed for local models.")] = "auto",
    instructions: Annotated[
        Path | None, typer.Option(help="Folder of recorded instructions (ITEM.wav, or SHA256-OF-TEXT.wav).")
    ] = None,
    clock: Annotated[str, typer.Option(help="real, fast (virtual time), or auto: fast for local models.")] = "auto",
    engine: Annotated[str, typer.Option(help="pool: this machine; ray: a cluster.")] = "pool",
    address: Annotated[str, typer.Option(help="Of the cluster, for --engine ray.")] = "",
    provider: Annotated[str, typer.Option(help="cpu or cuda: where a local model must compute.")] = "",
    jpeg_quality: Annotated[int, typer.Option(min=50, max=100, help="Of the pictures that the model sees.")] = 85,
    fps: Annotated[
        float | None, typer.Option(min=0.1, max=240, help="At most so many pictures per second; all if left out.")
    ] = None,
    max_side: Annotated[int, typer.Option(min=16, max=7680, help="Longer pictures are scaled down to this.")] = 1920,
    agent: Annotated[
        str, typer.Option(help="MODEL@URL?key_env=NAME: who works in the background on what the model delegates.")
    ] = "",
    agent_only: Annotated[
        bool, typer.Option("--agent-only/--agent-and-tools", help="Only the agent gets the tools of an item, or both.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Run a benchmark. What was done stays, whatever happens; go on with --resume."""
    from tmlapp.bench.drive import DriveSettings, instruct_mode
    from tmlapp.bench.runs.make import RunRequest, make_run

    with reported(as_json):
        request = RunRequest(
            suite=suite,
            data=data,
            endpoint=endpoint,
            out=out_dir,
            options=pairs(option or [], "--option"),
            limit=limit,
            seed=seed,
            jobs=jobs,
            resume=resume,
            instruct=one_of(instruct, ("auto", "spoken", "typed"), "--instruct"),
            clock=one_of(clock, ("auto", "real", "fast"), "--clock"),
            instructions=instructions,
            engine=engine,
            address=address,
            settings=DriveSettings(
                jpeg_quality=jpeg_quality,
                max_side=max_side,
                max_fps=fps,
                provider=provider,
                agent=agent_options(agent, "--agent"),
                agent_only=agent_only,
            ),
            command=tuple(sys.argv),
        )
        if instruct_mode(request.instruct, endpoint) == "spoken" and not as_json:
            told = f"Instructions are spoken to {endpoint}; --instruct typed is for models that read them."
            err().print(visible(told), markup=False)
        with _bar() as tell:
            made = make_run(request, on_progress=tell)
        _show(made, as_json)
        if made.stopped:
            raise typer.Exit(INTERRUPTED)
        if made.failed:
            raise typer.Exit(FAILED)


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on standard error; where that is no terminal, one line per failed item."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = err()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        console=console,
        transient=True,
    )
    task = bar.add_task("items", total=None, left="")

    def tell(now: Any) -> None:
        if now.reason:
            bar.console.print(f"failed: {visible(now.item)}: {visible(now.reason)}", markup=False)
        words = [] if now.left_s is None else [f"{time_left(now.left_s)} left"]
        if now.failed:
            words.append(f"{now.failed} failed")
        bar.update(task, total=now.total, completed=now.done + now.failed, left=", ".join(words))

    with bar:
        yield tell


def time_left(seconds: float) -> str:
    """As people say it: `50 s`, `3 min`, `2 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def _show(made: Made, as_json: bool) -> None:
    rate = made.media_s / made.took_s if made.took_s > 0 else 0.0
    if as_json:
        emit(
            {
                "run": str(made.folder), "done": made.done, "total": made.total, "failed": dict(made.failed),
                "stopped": made.stopped, "quarantined": made.quarantined, "media_s": round(made.media_s, 3),
                "took_s": round(made.took_s, 3), "media_s_per_s": round(rate, 2),
                "official": [str(path) for path in made.official], "notes": list(made.notes),
            }
        )  # fmt: skip
        return
    console = out()
    console.print(f"{made.done} of {made.total} items are done. Run: {made.folder}", markup=False)
    if made.media_s:
        console.print(f"{made.media_s:.1f} s of media in {made.took_s:.1f} s ({rate:.1f} s per second).", markup=False)
    if made.quarantined:
        console.print(f"{made.quarantined} rows of the data cannot be used (tmlapp data check).", markup=False)
    for item, reason in list(made.failed.items())[:_SHOWN]:
        console.print(f"failed: {visible(item)}: {visible(reason)}", markup=False)
    for note in made.notes:
        console.print(note, markup=False)
    if made.stopped or made.failed:
        console.print("Go on with the same command and --resume.", markup=False)
