"""Renders a report and writes it in one piece."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import tmlapp
from tmlapp.bench.report import timeline
from tmlapp.bench.report.gather import Contents, contents_of, data_address
from tmlapp.bench.report.timeline import Lanes, Span, TruthMarks
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade
from tmlapp.core.units import NS_PER_S
from tmlapp.recording.reader import Recording


def write_report(
    recording: Recording, grades: Sequence[Grade], out_html: Path, screenshot: bytes | None = None
) -> Path:
    """Write the report of `recording` to `out_html`, replacing what was there, and return it.

    Args:
        recording: a finished one.
        grades: its grades, shown in this order; may be empty.
        out_html: one file, complete in itself: no script, no address outside it.
        screenshot: a PNG of the window, if there is one.

    Raises:
        AppError: the recording is damaged, or the file cannot be written.
    """
    return write_page(render(contents_of(recording), grades, screenshot), out_html)


def write_page(page: str, out_html: Path) -> Path:
    """Write `page` in one piece, replacing what was there, and return where it lies.

    Raises:
        AppError: the file cannot be written.
    """
    # Renamed into place, so that an open page is replaced whole.
    waiting = out_html.with_name(out_html.name + ".new")
    try:
        out_html.parent.mkdir(parents=True, exist_ok=True)
        waiting.write_bytes(page.encode("utf-8", "replace"))
        os.replace(waiting, out_html)
    except OSError as error:
        raise AppError(
            f"The report {out_html} could not be written.",
            f"{error.strerror}.",
            "Choose another folder, or free space.",
        ) from error
    finally:
        # Half a page on a full disk takes the room that the next try needs.
        with contextlib.suppress(OSError):
            waiting.unlink(missing_ok=True)
    return out_html


def render(contents: Contents, grades: Sequence[Grade], screenshot: bytes | None = None) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("tmlapp.bench.report", "."),
        # What a model says is text, whatever it looks like.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"one": one_decimal, "plain": plain_value, "clock": timeline.clock_text, "day": day_text}
    lanes = Lanes(
        duration_s=contents.duration_s,
        level=contents.level,
        cues=contents.cues,
        heard=contents.heard,
        gaps=[Span(g.t_ns / NS_PER_S, g.dur_ns / NS_PER_S, f"{g.track}: {g.reason}") for g in contents.gaps],
        truth=truth_marks(grades),
    )
    return environment.get_template("report.html.j2").render(
        c=contents,
        grades=grades,
        rows=timeline.rows_of(lanes),
        has_truth=bool(lanes.truth.windows or lanes.truth.ends),
        t=timeline,
        screenshot=data_address("image/png", screenshot) if screenshot else None,
        version=tmlapp.__version__,
        late=_lateness(grades),
    )


def truth_marks(grades: Sequence[Grade]) -> TruthMarks:
    """What really happened, as the first verdict of each grade knows it, on session time."""
    windows: dict[tuple[float, float], Span] = {}
    ends: dict[float, Span] = {}
    for grade in grades:
        for verdict in grade.verdicts[:1]:
            shift = verdict.details.get("video_start_s", 0.0)
            for number, end in enumerate(verdict.details.get("rep_ends_s", ()), start=1):
                ends[end + shift] = Span(end + shift, 0.0, f"repetition {number} ends")
            for start, stop in verdict.details.get("intervals", ()):
                windows[start + shift, stop] = Span(start + shift, stop - start, f"action from {start:g} to {stop:g} s")
    return TruthMarks(tuple(windows.values()), tuple(ends.values()))


def _lateness(grades: Sequence[Grade]) -> dict[str, str]:
    """The diagnostics worth a line of their own, by their name for people."""
    names = {
        "event_f1": "Counts on the right repetition, F1",
        "right_number_share": "Repetitions with the right number, share",
        "latency_median_s": "Count minus end of its repetition, median, s",
        "latency_p90_s": "Count minus end of its repetition, p90, s",
        "final_error": "Final number minus true count",
        "set_iou": "Set IoU",
        "start_error_s": "Start said minus true, s",
        "stop_error_s": "Stop said minus true, s",
    }
    found: dict[str, str] = {}
    for grade in grades:
        for verdict in grade.verdicts[:1]:
            for key, name in names.items():
                value = verdict.details.get(key)
                if value is not None:
                    found.setdefault(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    return found


def one_decimal(value: float | None) -> str:
    """One decimal, halves up, as tables of this field have it; a dash for no value."""
    if value is None:
        return "–"
    return str(Decimal(repr(float(value))).quantize(Decimal("0.1"), ROUND_HALF_UP))


def day_text(utc: str) -> str:
    """`2026-11-22T10:00:00.000+00:00` → `22 November 2026, 10:00 UTC`; any other text as it is."""
    try:
        return f"{datetime.fromisoformat(utc).astimezone(UTC):%d %B %Y, %H:%M} UTC"
    except ValueError:
        return utc


def plain_value(value: Any) -> str:
    """A value of a parameter or setting as a person reads it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(v, str) for v in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, default=str)
