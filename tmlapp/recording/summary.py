"""A recording in one JSON object: what `run --json` and `show --json` print."""

from __future__ import annotations

from typing import Any

import numpy as np

from tmlapp.core.event import ConnectionChanged, EndpointError, Gap, Health, InputLost, Notice, UnitDone
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS, ns_to_s
from tmlapp.recording.reader import Recording


def summarize(recording: Recording) -> dict[str, Any]:
    """Length, cues, latency and health of a session; durations in ms where the name says so, else in seconds.

    `latency.turn_late_ms` is from the last sample of a micro-turn to its push, `reply_ms` from the end of a
    micro-turn to its answer, `compute_ms` what the model took; each None where nothing was measured.
    `realtime_factor` is session time per wall time, `over_budget_share` the share of steps longer than a micro-turn.
    `echo`, only where a loudspeaker could be heard by the microphone, says what stood between microphone and endpoint
    (`mode`: on, off or headphones), which track the endpoint heard, and the median of the measured loss in dB.
    `health.not_sent` counts micro-turns that a remote endpoint did not get, `health.reconnects` its later connections.
    """
    return {
        "recording": str(recording.path),
        "duration_s": ns_to_s(recording.duration_ns),
        "micro_turns": recording.n_turns,
        "outputs": [{"t_s": ns_to_s(c.t_ns), "text": c.text, "kind": c.kind} for c in recording.cues()],
        "latency": _latency(recording),
        "health": _health(recording),
        **_echo(recording),
    }


def interruption(recording: Recording) -> str:
    """What a broken connection cost the session of a remote model, in words; empty where it cost nothing."""
    found = list(recording.events((InputLost, ConnectionChanged)))
    turns = sum(event.what == "turn" for event in found if isinstance(event, InputLost))
    again = max((event.epoch for event in found if isinstance(event, ConnectionChanged)), default=0)
    return interruption_text(turns, again)


def interruption_text(turns: int, again: int) -> str:
    """What it cost that `turns` micro-turns were not sent and the connection was made `again` so many times."""
    told = []
    if turns:
        seconds = turns * TURN_NS / NS_PER_S
        told.append(f"{turns} micro-turn{'s' if turns > 1 else ''} ({seconds:.1f} s) did not reach the model")
    if again:
        told.append("the connection was made again" + (f" {again} times" if again > 1 else ""))
    return ", ".join(told)


def _echo(recording: Recording) -> dict[str, Any]:
    chosen = recording.info.get("options", {}).get("echo", {"mode": "none"})
    if chosen["mode"] == "none":
        return {}
    losses = [e.echo_loss_db for e in recording.events((Health,)) if isinstance(e, Health)]
    measured = [loss for loss in losses if loss is not None]
    loss_db = round(float(np.median(measured)), 1) if measured else None
    return {"echo": {**chosen, "heard": recording.input_topic, "loss_db": loss_db}}


def _latency(recording: Recording) -> dict[str, Any]:
    late, first_ns, last_ns = [], None, None
    for record in recording.turn_records():
        if record["pushed_ns"] is None:
            continue
        late.append(record["pushed_ns"] - record["ready_ns"])
        first_ns = record["ready_ns"] if first_ns is None else first_ns
        last_ns = record["pushed_ns"]
    done = [e for e in recording.events((UnitDone,)) if isinstance(e, UnitDone)]
    compute = [e.compute_ns for e in done if e.compute_ns]
    wall_ns = 0 if first_ns is None or last_ns is None else last_ns - first_ns
    # The first micro-turn was ready when the count began, so one fewer was captured in that time.
    session_ns = (len(late) - 1) * TURN_NS
    return {
        "reply_ms": _spread([e.latency_ns for e in done]),
        "turn_late_ms": _spread(late),
        "compute_ms": _spread(compute),
        "realtime_factor": round(session_ns / wall_ns, 3) if wall_ns > 0 and session_ns > 0 else None,
        "over_budget_share": round(sum(c > TURN_NS for c in compute) / len(compute), 6) if compute else None,
    }


def _spread(values_ns: list[int]) -> dict[str, float] | None:
    if not values_ns:
        return None
    p50, p99 = np.percentile(values_ns, [50, 99])
    return {name: round(float(v) / NS_PER_MS, 3) for name, v in (("p50", p50), ("p99", p99), ("max", max(values_ns)))}


def _health(recording: Recording) -> dict[str, Any]:
    gaps: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    last: Health | None = None
    not_sent = reconnects = 0
    for event in recording.events((Gap, Health, EndpointError, Notice, InputLost, ConnectionChanged)):
        if isinstance(event, Gap):
            gaps.append({
                "t_s": ns_to_s(event.t_ns), "track": event.track, "kind": event.kind,
                "dur_s": event.dur_ns / NS_PER_S, "reason": event.reason,
            })  # fmt: skip
        elif isinstance(event, Health):
            last = event
        elif isinstance(event, InputLost):
            not_sent += event.what == "turn"
        elif isinstance(event, ConnectionChanged):
            reconnects = max(reconnects, event.epoch)
        elif isinstance(event, EndpointError):
            errors.append({"t_s": ns_to_s(event.t_rx_ns), "what": event.message, "code": event.code})
        elif isinstance(event, Notice) and event.level == "error":
            errors.append({"t_s": ns_to_s(event.t_ns), "what": event.what, "code": ""})
    drift = [r["drift_ppm"] for r in recording.turn_records() if r["drift_ppm"] is not None]
    return {
        "gaps": gaps,
        "dropped_samples": last.dropped_samples if last else 0,
        "dropped_frames": last.dropped_frames if last else 0,
        "xruns": last.xruns if last else 0,
        "drift_ppm": drift[-1] if drift else None,
        "errors": errors,
        "not_sent": not_sent,
        "reconnects": reconnects,
    }
