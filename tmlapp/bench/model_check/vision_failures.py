"""What went wrong in a clip, in words and as a timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tmlapp.bench.model_check.figures import Curve, Failure, Mark, Span
from tmlapp.bench.model_check.playing import Signal
from tmlapp.bench.model_check.vision_grading import ON_TIME_S, Bordered, Counted, Watched

_BORDERS = ("start", "stop")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """When it happened, in seconds of the stream, and what it was."""

    t_s: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a failure shows besides the grades: all of the first padded stream."""

    before_s: float
    signals: Mapping[str, Signal]
    jpeg: bytes | None
    jpeg_s: float


def count_mistakes(stream: Counted) -> list[Mistake]:
    """Repetitions without a count, counts without a repetition, counts that ran ahead, in order of time."""
    pairs = stream.pairs
    found = [
        Mistake(end, f"repetition {i + 1} was not counted")
        for i, end in enumerate(stream.ends_s)
        if i not in {a for a, _ in pairs}
    ]
    for j, (t, value) in enumerate(stream.said):
        done = sum(end <= t for end in stream.ends_s)
        if value > done + 1:
            found.append(Mistake(t, f"{value} was said when {done} were done"))
        elif j not in {b for _, b in pairs}:
            found.append(Mistake(t, f"{value} was said and nothing had ended"))
    return sorted(found)


def border_mistakes(stream: Bordered) -> list[Mistake]:
    """Cues that did not come or were more than a second off, and starts that came again, in order of time."""
    found = []
    for border, name in enumerate(_BORDERS):
        off = stream.off_s(border)
        if off is None:
            found.append(Mistake(stream.truth[border], f"{name} was not said"))
        elif not stream.near(border):
            found.append(Mistake(min(stream.truth[border], stream.truth[border] + off), f"{name} {off:+.1f} s"))
    found += [Mistake(t, "start was said again") for t in stream.starts_s[1:]]
    return sorted(found)


def first_mistake(watched: Watched, before_s: float) -> float | None:
    """Time of the first mistake in any stream of the clip, on the first padded one; None: there is none."""
    found = [m.t_s for stream in watched.padded[:1] for m in count_mistakes(stream)]
    found += [m.t_s + before_s for m in count_mistakes(watched.bare)]
    found += [m.t_s for stream in watched.borders[:1] for m in border_mistakes(stream)]
    return min(found, default=None)


def badness_of(watched: Watched) -> float:
    """How far from right a clip is: counts off, events missed, borders off; 0 is perfect."""
    streams = [watched.bare, *watched.padded[:1]]
    bad = sum(abs(s.error) + (1.0 - s.f1) for s in streams)
    bad += sum(max(0, (s.lead or 0) - 1) for s in streams if not watched.negative)
    bad += sum((1.0 - b.overlap) + (1.0 - b.near(0)) + (1.0 - b.near(1)) for b in watched.borders[:1])
    return round(bad, 6)


def failure_of(watched: Watched, looked: Looked) -> Failure:
    """The clip with its timeline: everything on the time of its first padded stream."""
    before, padded = looked.before_s, watched.padded[0]
    border = next(iter(watched.borders), None)
    truth = () if border is None else (Span("truth", *border.truth, "the action", "truth"),)
    cues = () if border is None else _cues(border)
    called = () if border is None or border.found is None else (Span("start/stop", *border.found, "called", "heard"),)
    return Failure(
        name=watched.name,
        why=_why(watched, border),
        badness=badness_of(watched),
        length_s=padded.length_s,
        spans=(*truth, *called),
        marks=(
            *(Mark("truth", end, str(i), "end") for i, end in enumerate(padded.ends_s, 1)),
            *(Mark("as it is", t + before, str(value)) for t, value in watched.bare.said),
            *(Mark("padded", t, str(value)) for t, value in padded.said),
            *cues,
        ),
        curves=tuple(_curve(name, signal) for name, signal in looked.signals.items()),
        jpeg=looked.jpeg,
        jpeg_s=looked.jpeg_s,
        facts=_facts(watched, border, before),
    )


def _cues(border: Bordered) -> tuple[Mark, ...]:
    starts = tuple(Mark("start/stop", t, "start", "start") for t in border.starts_s)
    return starts + tuple(Mark("start/stop", t, "stop", "stop") for t in border.stops_s)


def _curve(name: str, signal: Signal) -> Curve:
    """Signals that leave [0, 1] are scaled into it, and the scale is in the name."""
    least, most = min(signal.values), max(signal.values)
    if least >= 0 and most <= 1:
        return Curve(name, signal.times_s, signal.values)
    least = min(least, 0.0)
    scaled = tuple((v - least) / ((most - least) or 1.0) for v in signal.values)
    return Curve(f"{name} ({least:g} to {most:g})", signal.times_s, scaled)


def _why(watched: Watched, border: Bordered | None) -> str:
    bare, padded = watched.bare, watched.padded[0]
    text = f"{bare.true} done: {bare.last} counted, {padded.last} padded"
    if border is not None:
        text += f"; IoU {border.overlap:.2f}"
        for at, name in enumerate(_BORDERS):
            off = border.off_s(at)
            text += f", {name} " + ("not said" if off is None else f"{off:+.1f} s")
    return text if watched.sure else f"{text} (annotation unsure)"


def _facts(watched: Watched, border: Bordered | None, before_s: float) -> dict[str, str]:
    found = {
        "as it is": _listed([Mistake(m.t_s + before_s, m.what) for m in count_mistakes(watched.bare)]),
        "padded": _listed(count_mistakes(watched.padded[0])),
    }
    if border is not None:
        found["start/stop"] = _listed(border_mistakes(border))
    late = [d for d in watched.bare.delays_s if abs(d) > ON_TIME_S + 1e-9]
    if late:
        found["off by more than 0.5 s"] = ", ".join(f"{d:+.1f} s" for d in late)
    return {name: text for name, text in found.items() if text}


def _listed(mistakes: list[Mistake]) -> str:
    return "; ".join(f"{m.t_s:.1f} s: {m.what}" for m in mistakes)


def row_of(watched: Watched, paddings: list[dict[str, float]]) -> dict[str, Any]:
    """Everything that was measured on a clip, for result.json; seconds."""
    return {
        "name": watched.name,
        "sure": watched.sure,
        "true": watched.bare.true,
        "bare": _counted_row(watched.bare),
        "padded": [{**padding, **_counted_row(s)} for padding, s in zip(paddings, watched.padded, strict=True)],
        "start_stop": [
            {
                "truth_s": _tidy(b.truth),
                "starts_s": _tidy(b.starts_s),
                "stops_s": _tidy(b.stops_s),
                "tiou": round(b.overlap, 6),
                "start_error_s": _rounded(b.off_s(0)),
                "stop_error_s": _rounded(b.off_s(1)),
            }
            for b in watched.borders
        ],
    }


def _counted_row(stream: Counted) -> dict[str, Any]:
    return {
        "ends_s": _tidy(stream.ends_s),
        "said": [[round(t, 3), value] for t, value in stream.said],
        "last": stream.last,
        "f1": round(stream.f1, 6),
        "lead": stream.lead,
        "delays_s": _tidy(stream.delays_s),
        "length_s": round(stream.length_s, 3),
    }


def _tidy(values: tuple[float, ...] | list[float]) -> list[float]:
    return [round(v, 3) for v in values]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
