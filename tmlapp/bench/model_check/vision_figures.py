"""From graded streams to the figures of the vision table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tmlapp.bench.model_check.figures import (
    Better,
    Figure,
    mean_figure,
    mean_of,
    percentile_of,
    ratio_figure,
)
from tmlapp.bench.model_check.vision_grading import Bordered, Counted, Watched

MANY = 5
"""Clips with at least so many repetitions are shown apart: on the others an error of one is half of the truth."""

_OBO = "Share of clips whose last number is off by one at most; silence is 0 (RepCount-A, TransRAC's test loop)."
_EXACT = "Share of clips whose last number is the true count."
_MAE = "Mean of |last number - true count| / (true count + 0.1), as in RepCount-A."
_F1 = (
    "Mean over clips of the F1 of counts as events: each repetition takes the nearest count from half a period before "
    "to half a period, at least 0.8 s, after its end."
)
_COUNTS: tuple[tuple[str, str, str, Callable[[Counted], float], Better], ...] = (
    ("obo", "off by one at most (OBO)", _OBO, lambda c: c.near, "higher"),
    ("exact", "exact", _EXACT, lambda c: c.exact, "higher"),
    ("mae", "relative error (MAE)", _MAE, lambda c: c.relative, "lower"),
    ("f1", "counts as events, F1", _F1, lambda c: c.f1, "higher"),
)
_BORDERS: tuple[tuple[str, str, str, Callable[[Bordered], float]], ...] = (
    ("tiou", "start/stop: temporal IoU", "Mean over clips of intersection over hull of the first interval that was "
     "called and the true one; silence is 0, an interval never stopped lasts to the end.", lambda b: b.overlap),
    ("start_1s", "start within 1 s", "Share of clips whose first start came within 1 s of the first movement.",
     lambda b: b.near(0)),
    ("stop_1s", "stop within 1 s", "Share of clips whose stop after the first start came within 1 s of the last "
     "movement.", lambda b: b.near(1)),
    ("once", "exactly one start", "Share of clips in which start was said once.", lambda b: b.once),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepTimes:
    """What micro-turns took, in ms: without hearing, and all of it."""

    seeing_ms: Sequence[float]
    whole_ms: Sequence[float]


def vision_figures(watched: Sequence[Watched], times: StepTimes, size_mb: float | None, seed: int) -> list[Figure]:
    """Every figure of the table, in the order in which it is printed.

    Args:
        times: what each micro-turn took the model.
        size_mb: of its graph, in 10^6 bytes; None where it has no file.
    """
    real = [w for w in watched if not w.negative]
    many = [w for w in real if w.bare.true >= MANY]
    sure = [w for w in watched if w.sure]
    real_sure = [w for w in real if w.sure]
    apart = f"{MANY} or more repetitions"
    return [
        *_counting("bare", "Clips as they are", [(w.bare,) for w in real], seed),
        _on_time("bare", "Clips as they are", [(w.bare,) for w in real], seed),
        _lead("bare", "Clips as they are", [w.bare for w in real]),
        *_counting("bare5", f"As they are, {apart}", [(w.bare,) for w in many], seed),
        *_bordering("padded", "Padded clips", real, seed),
        *_counting("padded", "Padded clips", [w.padded for w in real], seed),
        _on_time("padded", "Padded clips", [w.padded for w in real], seed),
        _lead("padded", "Padded clips", [c for w in real for c in w.padded]),
        *_counting("padded5", f"Padded, {apart}", [w.padded for w in many], seed),
        _negatives(watched),
        *_steps(times),
        _size(size_mb),
        *_counting("bare_sure", "As they are, sure ones only", [(w.bare,) for w in real_sure], seed),
        *_bordering("padded_sure", "Padded, sure ones only", sure, seed),
    ]


def _counting(room: str, group: str, clips: Sequence[tuple[Counted, ...]], seed: int) -> list[Figure]:
    """The four counting figures over clips, each clip the mean of its streams."""
    best = best_constant([streams[0].true for streams in clips])
    baselines: dict[str, list[tuple[Counted, ...]]] = {}
    if best is not None:
        baselines["silence"] = [_silent(streams) for streams in clips]
        baselines[f"always {best}"] = [_constant(streams, best) for streams in clips]
    return [
        mean_figure(
            f"{room}.{name}",
            what,
            _means(clips, value),
            definition,
            seed=seed,
            group=group,
            better=better,
            baselines={k: mean_of(_means(c, value)) for k, c in baselines.items()},
        )
        for name, what, definition, value, better in _COUNTS
    ]


def _means(clips: Sequence[tuple[Any, ...]], value: Callable[[Any], float]) -> list[float]:
    return [m for streams in clips if (m := mean_of([value(s) for s in streams])) is not None]


def best_constant(true: Sequence[int]) -> int | None:
    """The number that, said of every clip, is off by one at most for most of them; ties: exact for most, then lower."""
    if not true:
        return None
    return max(
        range(1, max(true) + 2), key=lambda c: (sum(abs(c - n) <= 1 for n in true), sum(c == n for n in true), -c)
    )


def _silent(streams: tuple[Counted, ...]) -> tuple[Counted, ...]:
    return tuple(replace(s, said=()) for s in streams)


def _constant(streams: tuple[Counted, ...], number: int) -> tuple[Counted, ...]:
    """Says `number` once, at the end of the stream."""
    return tuple(replace(s, said=((s.length_s, number),)) for s in streams)


def _on_time(room: str, group: str, clips: Sequence[tuple[Counted, ...]], seed: int) -> Figure:
    pairs = [(sum(s.on_time for s in streams), sum(len(s.pairs) for s in streams)) for streams in clips]
    return ratio_figure(
        f"{room}.within_half_second",
        "said within 0.5 s of the end",
        [(float(a), float(b)) for a, b in pairs],
        "Of the counts that were matched to a repetition (as for F1): share that came 0.5 s before to 0.5 s after its "
        "end, at the end of the micro-turn in which they were said.",
        seed=seed,
        of="matched counts",
        group=group,
    )


def _lead(room: str, group: str, streams: Sequence[Counted]) -> Figure:
    leads = [lead for stream in streams if (lead := stream.lead) is not None]
    return Figure(
        name=f"{room}.lead",
        label="largest lead over the truth",
        group=group,
        value=float(max(leads)) if leads else None,
        n=sum(len(s.said) for s in streams),
        of="counts",
        definition="The most by which a number that was said exceeds the repetitions that had ended by then. Below 0: "
        "never ahead, never even.",
        better="lower",
        reason="" if leads else "nothing was said",
    )


def _bordering(room: str, group: str, clips: Sequence[Watched], seed: int) -> list[Figure]:
    streams = [w.borders for w in clips if w.borders]
    silent = [tuple(replace(b, starts_s=(), stops_s=()) for b in s) for s in streams]
    whole = [tuple(replace(b, starts_s=(0.0,), stops_s=(b.length_s,)) for b in s) for s in streams]
    return [
        mean_figure(
            f"{room}.{name}",
            what,
            _means(streams, value),
            definition,
            seed=seed,
            group=group,
            baselines={k: mean_of(_means(s, value)) for k, s in (("whole clip", whole), ("silence", silent)) if s},
        )
        for name, what, definition, value in _BORDERS
    ]


def _negatives(watched: Sequence[Watched]) -> Figure:
    streams = [s for w in watched if w.negative for s in (w.bare, *w.padded)]
    return Figure(
        name="negatives.counts",
        group="Nothing repeats",
        label="counts said",
        value=float(sum(len(s.said) for s in streams)) if streams else None,
        n=len(streams),
        of="streams",
        definition="Numbers said over all negative clips, as they are and padded.",
        better="lower",
        baselines={"silence": 0.0} if streams else {},
        reason="" if streams else "there are no negative clips",
    )


def _steps(times: StepTimes) -> list[Figure]:
    seeing = (
        "Time of one micro-turn by the model's own stopwatch, graph on one thread: pictures decoded and graph run; "
        "files are read beforehand. What hearing takes is left out (app.hear_ms)."
    )
    whole = "The same with what hearing takes."
    return [
        _step("step.p50", "one micro-turn, p50", times.seeing_ms, 0.5, seeing),
        _step("step.p99", "one micro-turn, p99", times.seeing_ms, 0.99, seeing),
        _step("step.whole_p50", "one micro-turn with hearing, p50", times.whole_ms, 0.5, whole),
        _step("step.whole_p99", "one micro-turn with hearing, p99", times.whole_ms, 0.99, whole),
    ]


def _step(name: str, label: str, values: Sequence[float], share: float, definition: str) -> Figure:
    # Micro-turns of one machine are no sample of machines, so no interval is given.
    return Figure(
        name=name,
        group="The model",
        label=label,
        value=percentile_of(values, share),
        n=len(values),
        of="micro-turns",
        definition=definition,
        better="lower",
        unit="ms",
        timing=True,
    )


def _size(size_mb: float | None) -> Figure:
    return Figure(
        name="model.size",
        group="The model",
        label="size of the graph",
        value=size_mb,
        n=1,
        of="file",
        definition="Bytes of the ONNX file over 10^6.",
        better="lower",
        unit="MB",
        reason="" if size_mb is not None else "the endpoint has no file of its own",
    )
