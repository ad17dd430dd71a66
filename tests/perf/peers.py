"""The same bare work as Pipecat's local transport, alternately, by one metric.

Needs a Python that has Pipecat, named by TMLAPP_PEER_PYTHON, and the peers' scripts, in ../shared/tools/peers or in
the folder named by TMLAPP_PEER_TOOLS.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.perf.figure import Effort, Figure, at_most, unmeasured
from tests.perf.live import ROOT, sound_card
from tests.vdesk.desk import missing_tools

RATIO = "ours / theirs"


def tools_folder() -> Path:
    return Path(os.environ.get("TMLAPP_PEER_TOOLS") or ROOT.parent / "shared" / "tools" / "peers")


def peers(effort: Effort) -> Iterable[Figure]:
    """Lateness after the callback, processor time and lost samples against Pipecat."""
    python, tools = os.environ.get("TMLAPP_PEER_PYTHON"), tools_folder()
    if not python or not (tools / "pipecat_cadence.py").exists() or missing_tools():
        why = "set TMLAPP_PEER_PYTHON to a Python with pipecat-ai[local], and TMLAPP_PEER_TOOLS to the peers' scripts"
        yield unmeasured("peers.idle", RATIO, "<= 1", why)
        return
    seconds, rounds = effort.seconds(90, 20), 2 if effort.quick else 3
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with sound_card() as desk, tempfile.TemporaryDirectory() as work:
        env = {**desk.env, "CADENCE_DEVICE": "vd_mic", "CADENCE_WORKDIR": work}
        env["CADENCE_FEED"] = "paplay --device=mic_in {wav}"
        for _ in range(rounds):
            for ui in ("idle", "busy"):
                for who in ("theirs", "ours"):
                    command = [python, str(tools / "pipecat_cadence.py")]
                    if who == "ours":
                        command = [sys.executable, "-m", "tests.perf.peer_ours", str(tools)]
                    command += ["--seconds", str(seconds), "--ui", ui]
                    done = subprocess.run(
                        command, cwd=ROOT, env=env, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
                    )
                    rows.setdefault((who, ui), []).append(json.loads(done.stdout.splitlines()[-1]))
    yield from _figures(rows)


def _figures(rows: dict[tuple[str, str], list[dict[str, Any]]]) -> Iterable[Figure]:
    for ui in ("idle", "busy"):
        ours, theirs = (_median(rows[who, ui], "after_callback_ms", "p99") for who in ("ours", "theirs"))
        chunks = sum(r["chunks"] for r in rows["ours", ui])
        yield at_most(f"peers.{ui}", ours / theirs, 1.0, RATIO, chunks, ours_p99_ms=ours, pipecat_p99_ms=theirs)
    ours, theirs = (_median(rows[who, "idle"], "net_cpu_pct") for who in ("ours", "theirs"))
    n = len(rows["ours", "idle"])
    yield at_most("peers.cpu", ours / theirs, 0.7, RATIO, n, ours_percent=ours, pipecat_percent=theirs)
    lost = sum(_lost(r) for ui in ("idle", "busy") for r in rows["ours", ui])
    their_lost = sum(_lost(r) for ui in ("idle", "busy") for r in rows["theirs", ui])
    yield at_most("peers.lost", lost, 0, "samples at 48 kHz", n * 2, pipecat=their_lost)


def _median(rows: list[dict[str, Any]], *keys: str) -> float:
    values: list[float] = []
    for row in rows:
        value: Any = row
        for key in keys:
            value = value[key]
        values.append(float(value))
    return statistics.median(values)


def _lost(row: dict[str, Any]) -> int:
    return int(row["lost_samples48"]) + int(row["repeated_samples48"])
