"""`tmlapp items`: sets of items that were recorded for TimeSpeak and CueSpeak."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from tmlapp.cli.bench_ask import person
from tmlapp.cli.bench_options import values
from tmlapp.cli.common import FAILED, Json, emit, err, out, reported, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tmlapp.bench.authoring.model import ItemSet
    from tmlapp.bench.authoring.trying import Progress, Tried
    from tmlapp.bench.authoring.validate import Finding, Report

app = typer.Typer(
    help="Check, try, export and import items that you have recorded.", no_args_is_help=True, rich_markup_mode=None
)

_SIGNS = {"error": "✕", "warning": "▲", "good": "✓"}
_SIGNS_ASCII = {"error": "error:", "warning": "warning:", "good": "ok:"}

Set = Annotated[Path, typer.Argument(metavar="SET", help="Folder of a set of items (set.json).")]
Items = Annotated[list[str] | None, typer.Option("--item", help="Only this item; may be given several times.")]


@app.command("check")
def check(
    folder: Set,
    item: Items = None,
    good: Annotated[bool, typer.Option("--good", help="Also say what was looked at and is right.")] = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with a set and its items, and what to do about it. Exit status 1 if an item has an error."""
    from tmlapp.bench.authoring.validate import Context, Report, all_findings, findings

    with reported(as_json):
        state = _read(folder)
        context = Context(folder, eager=True)
        names = _wanted(state, item)
        if item:
            report = Report(of_items={name: findings(state, name, context, good=good) for name in names})
        else:
            report = all_findings(state, context)
            if good:
                of_items = {name: findings(state, name, context, good=True) for name in names}
                report = Report(of_set=report.of_set, of_items=of_items)
        if as_json:
            emit(report.to_json())
        else:
            _show_report(report)
        if len(report.valid) < len(report.of_items) or any(f.severity == "error" for f in report.of_set):
            raise typer.Exit(FAILED)


@app.command("try")
def try_(
    folder: Set,
    item: Annotated[list[str] | None, typer.Argument(metavar="[ITEM]…", help="Ids; all items if left out.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option("--endpoint", help="Address, e.g. onnx:tiny; may be given several times.")
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option("--judge", help="Who judges the meaning: rules (default), none, openai:MODEL@URL …"),
    ] = None,
    clock: Annotated[str, typer.Option(help="auto, real, or fast (virtual time, local endpoints only).")] = "auto",
    take: Annotated[str, typer.Option(help="Id of a take instead of the best one.")] = "",
    profile: Annotated[str, typer.Option(help="Rule of the suite: tml_reading or strict.")] = "tml_reading",
    param: Annotated[list[str] | None, typer.Option("--param", help="KEY=VALUE of the rule.")] = None,
    transcripts: Annotated[str, typer.Option(help="Who writes down what was said, as for bench grade.")] = "",
    as_json: Json = False,
) -> None:
    """Play items into endpoints, and say at once whether the reply came in its window and what it means."""
    from tmlapp.bench.authoring.trying import TryRequest, try_on

    with reported(as_json):
        if clock not in ("auto", "real", "fast"):
            raise typer.BadParameter("auto, real or fast", param_hint="--clock")
        asked = cast(Literal["auto", "real", "fast"], clock)
        state = _read(folder)
        names = _wanted(state, item)
        given = [visible(one) for one in judge or ["rules"] if one != "none"]
        endpoints = endpoint or ["onnx:tiny"]
        made: list[Tried] = []
        for name in names:
            request = TryRequest(
                item=name, endpoint="", take=take, judges=tuple(given), clock=asked, profile=profile,
                params=values(param or [], "--param"), transcripts=transcripts, ask=person(),
            )  # fmt: skip
            made += try_on(state, folder, request, endpoints, on_progress=_progress(as_json))
        if as_json:
            emit({"tries": [_try_json(t) for t in made]})
        else:
            _show_tries(made)
        if any(t.error for t in made):
            raise typer.Exit(FAILED)


@app.command("export")
def export(
    folder: Set,
    to: Annotated[Path, typer.Option("--out", help="New folder; one that is there is never overwritten.")],
    parts: Annotated[
        str, typer.Option("--split", help="Parts by speaker, e.g. train=0.8,test=0.2; as last time if left out.")
    ] = "",
    seed: Annotated[int | None, typer.Option(help="For the split by speaker; as last time if left out.")] = None,
    only_valid: Annotated[bool, typer.Option("--only-valid", help="Leave items with errors out.")] = False,
    previous: Annotated[Path | None, typer.Option(help="Folder of the version before, for the changelog.")] = None,
    layout: Annotated[str, typer.Option(help="dataset, or fdb (Full-Duplex-Bench v1.0).")] = "dataset",
    as_json: Json = False,
) -> None:
    """Write a set as a dataset folder: items.jsonl, media, card, checksums; it loads with `datasets`."""
    with reported(as_json):
        if layout not in ("dataset", "fdb"):
            raise typer.BadParameter("dataset or fdb", param_hint="--layout")
        state = _read(folder)
        if layout == "fdb":
            from tmlapp.bench.authoring.fdb_folder import export_fdb

            items = export_fdb(state, folder, to, only_valid=only_valid)
            _emit_or_print(as_json, {"folder": str(to), "items": list(items)}, f"{len(items)} items in {to}")
            return
        _export(state, folder, to, parts, seed, only_valid, previous, as_json)


def _export(
    state: ItemSet, folder: Path, to: Path, parts: str, seed: int | None, only_valid: bool, previous: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    from dataclasses import replace

    from tmlapp.bench.authoring.dataset import export_dataset, options_of
    from tmlapp.bench.authoring.dataset_split import parsed_ratios

    options = replace(options_of(folder), only_valid=only_valid, previous=previous)
    asked = replace(options, ratios=parsed_ratios(parts)) if parts else options
    asked = asked if seed is None else replace(asked, seed=seed)
    if (dict(asked.ratios), asked.seed) != (dict(options.ratios), options.seed):
        # Other parts were asked for; with --previous speakers keep theirs all the same.
        asked = replace(asked, fixed={})
    made = export_dataset(state, folder, to, asked)
    if as_json:
        emit(made.to_json())
        return
    console = out()
    told = ", ".join(f"{name} {count}" for name, count in made.parts.items())
    console.print(f"{len(made.items)} items ({told}), {made.size_bytes / 1e6:.1f} MB in {to}", markup=False)
    for name, why in made.left_out.items():
        console.print(visible(f"left out: {name}: {why}"), markup=False)
    for note in made.notes:
        console.print(visible(f"note: {note}"), markup=False)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A dataset folder, or an items.jsonl beside its media.")],
    folder: Annotated[Path, typer.Argument(metavar="SET", help="New folder for the set.")],
    as_json: Json = False,
) -> None:
    """Make a set that can be edited out of an exported dataset, or of somebody else's items.jsonl."""
    from tmlapp.bench.authoring.dataset_import import import_dataset

    with reported(as_json):
        made = import_dataset(source, folder)
        _emit_or_print(as_json, made.to_json(), f"{len(made.items)} items in {folder}")
        if not as_json:
            for name, notes in made.notes.items():
                for note in notes:
                    out().print(visible(f"note: {name}: {note}"), markup=False)


# ---------------------------------------------------------------------- reading


def _read(folder: Path) -> ItemSet:
    from tmlapp.bench.authoring.store import read_set

    return read_set(folder)


def _wanted(state: ItemSet, names: Sequence[str] | None) -> list[str]:
    from tmlapp.core.errors import AppError

    known = [item.id for item in state.items]
    for name in names or ():
        if name not in known:
            raise AppError(
                f"The set has no item {name!r}.", f"It has {len(known)} others.", "See tmlapp items check SET."
            )
    return list(dict.fromkeys(names)) if names else known


# ---------------------------------------------------------------------- showing


def _emit_or_print(as_json: bool, value: dict[str, Any], text: str) -> None:
    if as_json:
        emit(value)
    else:
        out().print(visible(text), markup=False)


def _show_report(report: Report) -> None:
    console = out()
    for finding in report.of_set:
        console.print(_line("set", finding), markup=False)
    for name, found in report.of_items.items():
        for finding in found:
            console.print(_line(name, finding), markup=False)
    console.print(f"{len(report.valid)} of {len(report.of_items)} items valid", markup=False)


def _line(name: str, finding: Finding) -> str:
    span = finding.where.span
    at = f" at {span.t0 / 16_000:.2f} s" if span is not None else ""
    told = " ".join(part for part in (finding.why, finding.advice) if part)
    return visible(f"{name}{at}: {_sign(finding.severity)} {finding.what}. {told}".rstrip())


def _sign(severity: str) -> str:
    signs = _SIGNS
    try:
        signs[severity].encode(out().encoding)
    except (UnicodeEncodeError, LookupError):
        signs = _SIGNS_ASCII
    return signs[severity]


def _progress(as_json: bool) -> Any:
    console = err()

    def show(progress: Progress) -> None:
        if not as_json and console.is_terminal and progress.phase == "playing":
            told = f"{progress.endpoint}: {progress.done_s:.0f} of {progress.total_s:.0f} s"
            console.print(visible(told), end="\r", markup=False)

    return show


def _show_tries(tries: Sequence[Tried]) -> None:
    console = out()
    for tried in tries:
        console.print(visible(f"{tried.item} on {tried.endpoint}: {_verdict(tried)}"), markup=False)
        if tried.error:
            console.print(visible(f"  {tried.error['why']} {tried.error['fix']}"), markup=False)
        meanings = {m.expectation: m for m in tried.meaning}
        for timing in tried.timing:
            meaning = meanings.get(timing.expectation)
            said = f" “{timing.text}”" if timing.text else ""
            judged = f", meaning {meaning.verdict}" if meaning and meaning.verdict != "not_asked" else ""
            console.print(visible(f"  {timing.expectation}: {timing_words(timing)}{judged}{said}"), markup=False)


def _verdict(tried: Tried) -> str:
    if tried.error and tried.grade is None:
        return f"failed: {tried.error['what']}"
    return "passes" if tried.passed else "does not pass"


def timing_words(timing: Any) -> str:
    """When a reply came, in a few words."""
    match timing.verdict:
        case "in_window":
            return f"{timing.onset_s:.2f} s, in its window"
        case "early" | "late":
            return f"{timing.onset_s:.2f} s, {timing.off_s:.2f} s too {timing.verdict}"
        case _:
            return "silent"


def _try_json(tried: Tried) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "id": tried.id, "item": tried.item, "take": tried.take, "endpoint": tried.endpoint, "clock": tried.clock,
        "recording": tried.recording, "score": tried.score, "passed": tried.passed, "judge": tried.judge,
        "timing": [asdict(t) for t in tried.timing], "meaning": [asdict(m) for m in tried.meaning],
        "utterances": [dict(u) for u in tried.utterances], "item_sha256": tried.item_sha256,
        "parameters": tried.grade.provenance.parameters if tried.grade else None,
        "formula": tried.grade.provenance.formula if tried.grade else None, "error": dict(tried.error) or None,
    }  # fmt: skip
