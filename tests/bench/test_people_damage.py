"""Packets that come back from a hostile world: damaged keys, notes that are no text for every program."""

from __future__ import annotations

import copy
import csv
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.people_runs import make_run
from tmlapp.bench.people.packet import PacketRequest, PacketsMade, make_packets
from tmlapp.bench.people.packet_files import Given, answered, answers_so_far, read_packet
from tmlapp.bench.people.packet_merge import merge_packets
from tmlapp.bench.people.questions import questions_of
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


def two_runs(tmp_path: Path, *start_s: float) -> list[Path]:
    """Runs of one item whose sessions began at different times."""
    runs = []
    for number, start in enumerate(start_s):
        run = make_run(tmp_path / f"run{number}", f"scripted:model{number}", items=1)
        for file in run.glob("items/*/result.json"):
            result = json.loads(file.read_text())
            result["parts"]["main"]["media_t0_s"] = start
            file.write_text(json.dumps(result))
        runs.append(run)
    return runs


def test_the_window_does_not_tell_when_a_models_session_began(tmp_path: Path) -> None:
    runs = two_runs(tmp_path, 0.1, 0.7, 3.3)
    request = PacketRequest(
        runs=runs, out=tmp_path / "out", key=tmp_path / "key", raters=1, seed=1, kinds=("timing",)
    )  # fmt: skip
    made = make_packets(request)
    assert {q.window_s for q in read_packet(made.folders[0]).questions} == {(6.0, 9.0), (9.0, 9.9)}
    assert made.notes == ()


def test_questions_that_are_worded_differently_are_told(tmp_path: Path) -> None:
    runs = two_runs(tmp_path, 0.0, 0.0)
    grades = runs[1] / "grades.jsonl"
    grades.write_text(grades.read_text().replace("says dog", "says hound"))
    made = make_packets(PacketRequest(runs=runs, out=tmp_path / "out", key=tmp_path / "key", raters=1, seed=1))
    assert any("not worded alike" in note for note in made.notes)


def test_packets_that_do_not_fit_on_the_disk_leave_nothing_and_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = PacketRequest(runs=two_runs(tmp_path, 0.0), out=tmp_path / "out", key=tmp_path / "key", seed=1)
    with monkeypatch.context() as full:
        full.setattr("tmlapp.bench.people.packet.packet_bytes", lambda *_: no_room())
        with pytest.raises(AppError, match="could not be written"):
            make_packets(request)
    assert not request.out.exists()
    assert not request.key.exists()
    assert make_packets(request).n_questions == 2


def no_room() -> bytes:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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


@pytest.mark.parametrize(("old", "new"), [('"id":"cs-0"', '"id":null'), ('"truth":{', '"truth":true,"kept":{')])
def test_a_run_whose_items_have_another_form_is_refused(tmp_path: Path, old: str, new: str) -> None:
    run = make_run(tmp_path / "run", "scripted:alphamodel", items=1)
    items = run / "items.jsonl"
    assert old in items.read_text()
    items.write_text(items.read_text().replace(old, new, 1))
    with pytest.raises(AppError, match="items of the run"):
        questions_of(run)
