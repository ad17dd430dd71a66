"""`tmlapp packet`: blind packets for raters, and their answers back into the runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported, visible

app = typer.Typer(help="Blind packets for raters.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def make(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; exactly two with --kinds preference.")],
    folder: Annotated[Path, typer.Option("--out", help="New folder; one folder per rater is made in it.")],
    key: Annotated[
        Path | None, typer.Option("--key", help="New folder for the key, which no rater gets; OUT-key if left out.")
    ] = None,
    raters: Annotated[int, typer.Option(min=1, help="How many people.")] = 3,
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the questions that all of them get, for agreement.")
    ] = 0.3,
    seed: Annotated[int | None, typer.Option(help="Of names, order and sides; a secret one if left out.")] = None,
    kinds: Annotated[str, typer.Option(help="meaning, timing, overall (with commas), or preference.")] = "meaning",
    as_json: Json = False,
) -> None:
    """Write a folder per rater that does not tell the models apart, and the key somewhere else."""
    from tmlapp.bench.people.packet import PacketRequest, make_packets

    with reported(as_json):
        request = PacketRequest(
            runs=runs,
            out=folder,
            key=key or folder.with_name(f"{folder.name}-key"),
            raters=raters,
            share=share,
            kinds=tuple(word.strip() for word in kinds.split(",") if word.strip()),
            seed=seed,
        )
        made = make_packets(request)
        if as_json:
            emit(made.to_json())
            return
        console = out()
        shared = f"{made.n_shared} of {made.n_questions} questions go to all"
        console.print(f"packet {made.packet}: {shared}, seed {made.seed}", markup=False)
        for rater, n in zip(made.folders, made.per_rater, strict=True):
            console.print(f"  {rater}: {n} questions; open rate.html, or rate it in the window", markup=False)
        console.print(f"  key: {made.key} (keep it to yourself)", markup=False)
        for note in made.notes:
            console.print(f"note: {visible(note)}", markup=False)


@app.command()
def merge(
    key: Annotated[Path, typer.Argument(help="The folder of the key.")],
    answers: Annotated[list[Path], typer.Argument(help="answers.json files, or packet folders that hold one.")],
    partial: Annotated[bool, typer.Option("--partial", help="Take answers of raters who are not done.")] = False,
    as_json: Json = False,
) -> None:
    """Check answers against the key, and add them to the runs as verdicts."""
    from tmlapp.bench.people.packet_merge import merge_packets

    with reported(as_json):
        done = merge_packets(key, answers, partial=partial)
        if as_json:
            emit(done.to_json())
            return
        console = out()
        known = f", {done.known} stood there already" if done.known else ""
        missing = f", {done.missing} questions without an answer" if done.missing else ""
        console.print(
            f"packet {done.packet}: {done.written} verdicts of {', '.join(done.raters)} added{known}{missing}",
            markup=False,
        )
        console.print(f"  table: {done.table}", markup=False)
        for note in done.notes:
            console.print(f"note: {visible(note)}", markup=False)
