"""`tmlapp agree`: how far people agree with each other, and judges with people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tmlapp.cli.common import Json, emit, out, reported, visible

if TYPE_CHECKING:
    from rich.console import Console

    from tmlapp.bench.people.adjudication import Confusion
    from tmlapp.bench.people.agreement import Agreement
    from tmlapp.bench.people.preference import Preference
    from tmlapp.bench.people.summary import Summary
    from tmlapp.bench.people.windows import Figure, WindowAgreement


def command(
    places: Annotated[
        list[Path], typer.Argument(help="Run folders and recordings; with --windows two items.jsonl files.")
    ],
    windows: Annotated[bool, typer.Option("--windows", help="Compare the windows of two authors.")] = False,
    tolerance: Annotated[float, typer.Option(min=0.0, help="Seconds by which two edges may differ.")] = 0.1,
    resamples: Annotated[int, typer.Option(min=1, help="Of the bootstrap over items.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    as_json: Json = False,
) -> None:
    """Agreement of raters with intervals, open conflicts, judges against people, and preferences."""
    from tmlapp.bench.people.summary import item_windows, summary_of
    from tmlapp.bench.people.windows import window_agreement
    from tmlapp.core.errors import AppError

    with reported(as_json):
        if windows:
            if len(places) != 2:
                raise AppError(
                    "Windows are compared between two authors.", f"{len(places)} files were named.", "Name two."
                )
            (a, lengths), (b, more) = (item_windows(place) for place in places)
            found = window_agreement(a, b, more | lengths, tolerance_s=tolerance, resamples=resamples, seed=seed)
            if as_json:
                emit(found.to_json())
            else:
                _show_windows(out(), found)
            return
        summary = summary_of(places, resamples=resamples, seed=seed)
        if as_json:
            emit(summary.to_json())
        else:
            _show(out(), summary)


def _show(console: Console, summary: Summary) -> None:
    if not summary.raters and summary.preference is None:
        console.print("Nobody has judged anything here yet: see tmlapp packet make, or Review in the window.")
    for one in summary.aspects:
        console.print(f"{one.aspect}: {one.n_judged} judged by {', '.join(summary.raters)}", markup=False)
        for agreement in one.agreements:
            console.print(f"  {_agreement(agreement)}", markup=False)
        for confusion in one.confusions:
            _show_confusion(console, confusion)
    if summary.conflicts:
        console.print(f"{len(summary.conflicts)} conflicts, {summary.n_open} of them open", markup=False)
        for conflict in summary.conflicts:
            if conflict.decision is None:
                told = ", ".join(f"{rater} {v.value}" for rater, v in conflict.verdicts.items())
                console.print(f"  {visible(str(conflict.question.subject))}: {visible(told)}", markup=False)
    if summary.preference is not None:
        _show_preference(console, summary.preference, [p.name for p in summary.places])
    if summary.damaged:
        console.print(f"note: {summary.damaged} lines cannot be read", markup=False)


_NAMES = {"cohen": "Cohen's kappa", "fleiss": "Fleiss' kappa", "alpha": "Krippendorff's alpha"}


def _agreement(one: Agreement) -> str:
    who = " and ".join(one.raters) if one.name == "cohen" else f"{len(one.raters)} raters"
    return f"{_NAMES[one.name]}, {who}: {_value(one.value, one.interval, one.reason)}, n = {one.n}"


def _value(value: float | None, interval: tuple[float, float] | None, reason: str) -> str:
    if value is None:
        return f"– ({reason})"
    return f"{value:.2f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def _show_confusion(console: Console, one: Confusion) -> None:
    left = "".join(f", {n} left out ({why})" for why, n in one.left_out.items())
    console.print(f"  {visible(one.judge)} against people: n = {one.n}, {one.undecided} undecided{left}", markup=False)
    if not one.n:
        return
    console.print(f"    accuracy {_value(one.accuracy, one.accuracy_interval, '')}", markup=False)
    console.print(f"    kappa {_value(one.kappa.value, one.kappa.interval, one.kappa.reason)}", markup=False)
    for label, row, figures in zip(one.labels, one.table, one.classes, strict=True):
        counts = ", ".join(f"{name} {n}" for name, n in zip(one.labels, row, strict=True))
        share = (f"{v:.2f}" if v is not None else "–" for v in (figures.precision, figures.recall, figures.f1))
        told = "precision {}, recall {}, F1 {}".format(*share)
        console.print(f"    people say {label}: judge says {counts}; {told}", markup=False)


def _show_preference(console: Console, one: Preference, names: list[str]) -> None:
    console.print(
        f"preference: {names[0]} {one.wins[0]}, {names[1]} {one.wins[1]}, ties {one.ties} over {one.n_items} items",
        markup=False,
    )
    console.print(f"  share of {names[0]}: {_value(one.share, one.interval, one.reason)}", markup=False)
    if one.p_value is not None:
        side = "matters: do not trust this result" if one.sides_matter else "does not matter"
        console.print(
            f"  p = {one.p_value:.3f}; the side {side} "
            f"({_value(one.first_share, one.first_interval, '')} chose what came first)",
            markup=False,
        )


def _show_windows(console: Console, found: WindowAgreement) -> None:
    def told(figure: Figure) -> str:
        return f"{_value(figure.value, figure.interval, figure.reason)}, n = {figure.n}"

    console.print(f"{found.items} items, {found.matched} windows matched", markup=False)
    console.print(f"  alone: {found.only_a} of the first, {found.only_b} of the second", markup=False)
    console.print(f"  temporal IoU: {told(found.iou)}; of matched ones: {told(found.iou_matched)}", markup=False)
    console.print(f"  kappa with {found.tolerance_s:g} s tolerance: {told(found.kappa)}", markup=False)
    if found.onset_s is not None and found.offset_s is not None:
        console.print(f"  starts differ by {found.onset_s:.3f} s, ends by {found.offset_s:.3f} s", markup=False)
    if found.missing:
        console.print(f"note: {len(found.missing)} items are in one file only", markup=False)
