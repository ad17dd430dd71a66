"""The one object that `run --json` and `show --json` print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.recording.parts import make_info, record, recorder, write_part
from tmlapp.core.event import UnitDone
from tmlapp.recording.reader import Recording
from tmlapp.recording.recover import recover
from tmlapp.recording.scan import payloads, scan
from tmlapp.recording.summary import summarize

pytestmark = pytest.mark.unit


def test_a_session_is_summed_up(tmp_path: Path) -> None:
    path = record(tmp_path)
    summary = summarize(Recording.open(path))
    assert json.loads(json.dumps(summary)) == summary
    assert list(summary) == ["recording", "duration_s", "micro_turns", "outputs", "latency", "health"]
    assert summary["recording"] == str(path)
    assert (summary["duration_s"], summary["micro_turns"]) == (1.0, 5)
    assert summary["outputs"][0] == {"t_s": 0.2, "text": "one", "kind": "count"}
    latency = summary["latency"]
    assert latency["reply_ms"]["p50"] == pytest.approx(5.0, abs=0.001)
    assert latency["turn_late_ms"]["max"] == 0.0
    assert latency["compute_ms"]["p99"] == 4.0
    assert latency["over_budget_share"] == 0.0
    assert latency["realtime_factor"] > 1
    health = summary["health"]
    assert (health["dropped_samples"], health["dropped_frames"], health["xruns"]) == (16, 2, 1)
    assert health["drift_ppm"] == 1.5
    assert [g["kind"] for g in health["gaps"]] == ["unplugged", "stalled"]
    assert [e["what"] for e in health["errors"]] == ["It broke.", "It is red."]


def test_an_empty_session_measures_nothing(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    summary = summarize(Recording.open(writer.close()))
    assert summary["latency"] == {
        "reply_ms": None, "turn_late_ms": None, "compute_ms": None, "realtime_factor": None, "over_budget_share": None,
    }  # fmt: skip
    assert summary["health"]["drift_ppm"] is None
    assert make_info().name == "Squats"


def test_a_step_longer_than_a_micro_turn_is_over_budget(tmp_path: Path) -> None:
    writer = recorder(tmp_path, [])
    writer.start()
    for index, compute_ns in enumerate((200_000_001, 1_000_000, 0)):
        writer.event(UnitDone(micro_turn=index, latency_ns=1, compute_ns=compute_ns))
    assert summarize(Recording.open(writer.close()))["latency"]["over_budget_share"] == 0.5


def test_rebuilt_turns_have_no_lateness(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, turns=1)
    data = bytearray(part.read_bytes())
    found = scan(bytes(data))
    for i, message in payloads(bytes(data), found, iter(range(len(found)))):
        if message.topic.name == "/turn":
            data[found.offsets[i] : found.offsets[i] + 40] = bytes(40)
    part.write_bytes(data)
    assert summarize(Recording.open(recover(part).path))["latency"]["turn_late_ms"] is None
