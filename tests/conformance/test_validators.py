"""Recorded sessions and what our adapters send in their place, by the vendors' own types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.harness import Table, Validator
from tests.traces.by_codec import CodecRun
from tests.traces.dialects import Spoken, spoken_in
from tests.traces.lines import Trace, read_trace
from tests.traces.sessions import gemini, live, write

pytestmark = pytest.mark.conformance

SERVICES = (
    "openai_",
    "openai-current",
    "openai-previous",
    "azure_",
    "azure-current",
    "azure-voice",
    "google",
    "gateway",
)
"""Beginnings of names of recordings whose service the vendors' types describe."""
TABLES: dict[str, Table] = {"family": "openai", "gemini": "gemini", "live": "openai-live"}


def read(path: Path) -> tuple[Trace, Spoken]:
    trace = read_trace(path)
    spoken = spoken_in(trace)
    assert spoken is not None
    return trace, spoken


def test_what_we_send_in_the_place_of_a_recorded_client_is_valid(shared_data: Path, validate: Validator) -> None:
    checked = 0
    for path in sorted((shared_data / "traces").glob("*.jsonl")):
        trace, spoken = read(path)
        if spoken.options.get("service") == "azure-voice-live":
            # It speaks the beta's names; the vendor's types know the new ones only.
            continue
        frames: Sequence[Any] = CodecRun(trace, spoken).sent
        assert validate(frames, TABLES[spoken.grammar]) == [], path.name
        checked += len(frames)
    assert checked > 100


@pytest.mark.parametrize("rows", [gemini, live])
def test_what_we_send_in_made_up_sessions_is_valid(rows: Any, tmp_path: Path, validate: Validator) -> None:
    trace, spoken = read(write(tmp_path / "session", rows()))
    frames = CodecRun(trace, spoken).sent
    assert len(frames) > 2
    assert validate(frames, TABLES[spoken.grammar]) == []


def test_recordings_are_what_the_types_say_but_for_what_is_known(shared_data: Path, validate: Validator) -> None:
    for path in sorted(p for p in (shared_data / "traces").glob("*.jsonl") if p.name.startswith(SERVICES)):
        trace, spoken = read(path)
        table = TABLES[spoken.grammar]
        faults = validate([step.message for step in trace.received], table, "received")
        if spoken.options.get("service") == "azure-voice-live":
            assert faults
        else:
            # Vertex AI counts candidates where the types have responses.
            assert [f for f in faults if "candidatesToken" not in f] == [], path.name
