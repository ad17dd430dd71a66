"""What may be seen of a recording by whoever judges it blind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.recording.parts import record
from tmlapp.bench.annotations import MARKER, NOTE, TAG, annotate
from tmlapp.bench.review.apart import lanes_of
from tmlapp.bench.review.blind import Names, blind_lanes, blind_why
from tmlapp.bench.review.lanes import Expected
from tmlapp.bench.review.opened import open_review
from tmlapp.bench.review.why import text_of, why

pytestmark = pytest.mark.unit


def test_names_are_masked_as_words_and_longer_ones_first(tmp_path: Path) -> None:
    review = open_review(record(tmp_path, 3, "nightowl"))
    names = Names.of([review], [Path("/else/where.mcap")])
    told = f"{review.path}: ONNX:tiny (Tiny) differs from nightowl.mcap, where destiny is squats; /else/where.mcap"
    assert names.masked(told) == "…: … (…) differs from …, … destiny is …; …"
    assert Names().masked(told) == told


def test_lanes_hold_no_verdict_no_name_and_only_ones_own_notes(tmp_path: Path) -> None:
    path = record(tmp_path, 20, "nightowl")
    mine = annotate(path, MARKER, t_ns=1, who="ada")
    annotate(path, NOTE, t_ns=2, data={"text": "that is wrong"}, who="eve")
    annotate(path, TAG, t_ns=3, data={"tag": "bad"}, who="ada")
    found = lanes_of(open_review(path))
    known = Expected(id="e1", window=(0, 1), meaning="one", outcome="wrong_meaning", passed=False, output=0)
    blind = blind_lanes(replace(found, expected=(known,), problems=("nightowl.grades.jsonl is damaged",)), {mine.id})
    assert [f.id for f in blind.flags if f.id] == [mine.id]
    assert not [f for f in blind.flags if f.who or f.when or f.data]
    assert {f.text for f in blind.flags if f.kind in ("error", "notice")} == {""}
    assert "nice" in {f.text for f in blind.flags}, "what was noted in the session stays"
    assert not blind.grades
    assert not blind.untimed
    assert not blind.problems
    assert (blind.expected[0].outcome, blind.expected[0].passed, blind.expected[0].meaning) == ("", None, "one")
    assert {g.reason for g in blind.gaps} == {""}
    assert blind.outputs == found.outputs


def test_reasons_have_no_numbers_of_the_models_own_and_no_link(tmp_path: Path) -> None:
    path = record(tmp_path, 12, "nightowl")
    review = open_review(path)
    lanes = lanes_of(review)
    found = why(review.recording, lanes, lanes.outputs[-1])
    assert found.names == ("p",)
    blind = blind_why(found)
    assert blind.names == ()
    assert "nightowl" not in text_of(blind)
    assert [row.level_dbfs for row in blind.rows] == [row.level_dbfs for row in found.rows]
