"""`tmlapp show`: what a recording holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tmlapp.cli.common import Json, emit, out, reported, visible

if TYPE_CHECKING:
    from tmlapp.recording.reader import Recording


def command(
    recording: Annotated[Path, typer.Argument(help="A finished recording (.mcap).")], as_json: Json = False
) -> None:
    """Show what a recording holds: length, what the model said and when, latency, health."""
    from tmlapp.recording.reader import Recording
    from tmlapp.recording.summary import interruption, summarize

    with reported(as_json):
        opened = Recording.open(recording)
        summary = summarize(opened)
        if as_json:
            emit(summary)
            return
        console = out()
        console.print(
            f"{summary['recording']}: {summary['duration_s']} s, {summary['micro_turns']} micro-turns", markup=False
        )
        console.print(visible(f"endpoint: {_endpoint(opened)}"), markup=False)
        for said in summary["outputs"]:
            console.print(f"{said['t_s']:8.1f} s  {said['kind']:7} {visible(said['text'])}", markup=False)
        if lost := interruption(opened):
            console.print(f"interrupted: {lost}", markup=False)
        lines = (*latency_lines(summary["latency"]), *echo_lines(summary), *health_lines(summary["health"]))
        for title, line in lines:
            console.print(visible(f"{title}: {line}"), markup=False)


def latency_lines(latency: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`latency` of a summary as titles and lines; what was not measured is left out."""
    titles = {"reply_ms": "reply", "turn_late_ms": "micro-turn late", "compute_ms": "computing"}
    for key, title in titles.items():
        if spread := latency[key]:
            yield title, f"p50 {spread['p50']:.0f} ms, p99 {spread['p99']:.0f} ms, at most {spread['max']:.0f} ms"
    if (factor := latency["realtime_factor"]) is not None:
        yield "speed", f"{factor:g} times real time"
    if share := latency["over_budget_share"]:
        yield "over budget", f"{share:.1%} of the steps took longer than a micro-turn"


def echo_lines(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`echo` of a summary as a title and a line; nothing where no loudspeaker could be heard."""
    echo = summary.get("echo")
    if echo is None:
        return
    if echo["mode"] != "on":
        yield "echo", f"{echo['mode']}: the model heard the microphone as it is"
        return
    loss = f"{echo['loss_db']:.0f} dB taken out" if echo["loss_db"] is not None else "no echo was met"
    yield "echo", f"{loss} by {echo['library']}; the model heard {echo['heard']}"


def health_lines(health: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`health` of a summary as titles and lines, one for each gap and error."""
    for gap in health["gaps"]:
        kind = f" ({gap['kind']})" if gap["kind"] else ""
        yield "gap", f"{gap['t_s']:.1f} s, {gap['track']}{kind} {gap['dur_s']:.2f} s: {gap['reason']}"
    for error in health["errors"]:
        code = f" [{error['code']}]" if error["code"] else ""
        yield "error", f"{error['t_s']:.1f} s, {error['what']}{code}"
    lost = {"samples dropped": "dropped_samples", "frames dropped": "dropped_frames", "overruns": "xruns",
            "micro-turns not sent": "not_sent", "reconnections": "reconnects"}  # fmt: skip
    told = [f"{health[key]} {words}" for words, key in lost.items() if health[key]]
    if health["drift_ppm"] is not None:
        told.append(f"clock drift {health['drift_ppm']:.1f} ppm")
    if told or not (health["gaps"] or health["errors"]):
        yield "health", ", ".join(told) or "nothing was lost"


def _endpoint(recording: Recording) -> str:
    """Its address, and who was met there: a profile may lead elsewhere by now."""
    asked, granted = str(recording.info.get("endpoint") or "unknown"), recording.granted
    if granted is None:
        return f"{asked}, which never answered"
    where = "on this machine" if granted.local else granted.provider and f"at {granted.provider}"
    return ", ".join(part for part in (asked, granted.name, where) if part)
