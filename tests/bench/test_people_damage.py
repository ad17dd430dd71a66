"""Packets that come back from a hostile world: damaged keys, notes that are no text for every program."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.people_runs import make_run
from tmlapp.bench.people.packet import PacketRequest, PacketsMade, make_packets
from tmlapp.bench.people.packet_files import Given, answered, answers_so_far, read_packet
from tmlapp.bench.people.packet_merge import merge_packets
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def one_packet(tmp_path: Path, note: str = "") -> PacketsMade:
    """A packet of one rater who has answered everything."""
    run = make_run(tmp_path / "run", "scripted:alphamodel", items=1)
    made = make_packets(PacketRequest(runs=[run], out=tmp_path / "out", key=tmp_path / "key", raters=1, seed=1))
    packet = read_packet(made.folders[0])
    file = answers_so_far(packet)
    for question in packet.questions:
        file = answered(file, question.id, Given(value="right", note=note))
    return made


@pytest.mark.parametrize("note", ["=HYPERLINK(1)", "+1", "-2", "@SUM(A1)"])
def test_a_note_is_no_formula_in_the_table(tmp_path: Path, note: str) -> None:
    made = one_packet(tmp_path, note)
    table = merge_packets(made.key, made.folders).table
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert {row["note"] for row in rows} == {f"'{note}"}


def test_half_of_a_surrogate_pair_in_a_note_is_merged(tmp_path: Path) -> None:
    made = one_packet(tmp_path, "odd \ud83d")
    merged = merge_packets(made.key, made.folders)
    assert merged.written == 2
    assert "odd \\ud83d" in merged.table.read_text(encoding="utf-8")


def damaged(value: Any) -> Iterator[Any]:
    """`value` with each of its members removed, and replaced by something of another kind."""
    if isinstance(value, dict):
        for name in value:
            yield {k: v for k, v in value.items() if k != name}
            for changed in (*damaged(value[name]), None, 7):
                yield {**value, name: changed}
    elif isinstance(value, list):
        for number, member in enumerate(value):
            for changed in (*damaged(member), None, 700):
                yield [*value[:number], changed, *value[number + 1 :]]


def test_a_damaged_key_is_refused_or_makes_no_difference(tmp_path: Path) -> None:
    made = one_packet(tmp_path)
    file = made.key / "key.json"
    whole = json.loads(file.read_text())
    refused = 0
    for changed in damaged(copy.deepcopy(whole)):
        file.write_text(json.dumps(changed))
        try:
            assert merge_packets(made.key, made.folders).missing == 0
        except AppError:
            refused += 1
    assert refused > 50
