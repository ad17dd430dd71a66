"""The search language: what it means, and that no text of a person is ever more than a value."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tmlapp.bench.catalogue.entry import Entry
from tmlapp.bench.catalogue.query import HELP, Term, compiled, parse
from tmlapp.bench.catalogue.store import Catalogue
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 15, 0).astimezone()


def row(name: str, **more: object) -> Entry:
    day = datetime.fromisoformat(str(more.pop("day", "2026-11-22T10:00"))).astimezone()
    root = Path("/r")
    given: dict[str, object] = {"path": root / f"{name}.mcap", "root": root, "kind": "recording", "name": name}
    return Entry(**given | {"created_s": day.timestamp()} | more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    made = Catalogue.open(tmp_path_factory.mktemp("cache"))
    made.put([
        row("squats", endpoint="onnx:tiny", tags=("blurred", "to check"), verdict="pass", grade="100.0 % OBO"),
        row("breathing", day="2026-10-31T23:59", suite="timespeak", said="Café, breathe in!", verdict="fail"),
        row("深蹲练习", day="2025-12-31T12:00", state="unfinished", notes="100% sure\nand_more", endpoint="gpt-live-1"),
        row("gone", state="missing"),
        row("old", state="trashed", kind="run"),
        row("twin", day="2026-11-21T00:00", copies=2, kind="items"),
    ])  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "squats breathing 深蹲练习 twin"),
        ("squat", "squats"),
        ("SQUATS blurred", "squats"),
        ("squats breathe", ""),
        ("cafe", "breathing"),
        ('"breathe in"', "breathing"),
        ('"in breathe"', ""),
        ("蹲练", "深蹲练习"),
        ("endpoint:ONNX", "squats"),
        ("endpoint:gpt-live", "深蹲练习"),
        ("-endpoint:onnx", "breathing 深蹲练习 twin"),
        ("suite:time", "breathing"),
        ("tag:blurred", "squats"),
        ("tag:blur", ""),
        ('tag:"to check"', "squats"),
        ('TAG:"To Check', "squats"),
        ("verdict:pass", "squats"),
        ("verdict:none", "深蹲练习 twin"),
        ("date:2026-11", "squats twin"),
        ("date:2026", "squats breathing twin"),
        ("date:2025-12-31", "深蹲练习"),
        ("date:2025-12", "深蹲练习"),
        ("date:today", "squats"),
        ("date:yesterday", "twin"),
        ("date:week", "squats twin"),
        ("after:2026-11-01 before:2026-11-22", "twin"),
        ("before:2026", "深蹲练习"),
        ("is:unfinished", "深蹲练习"),
        ("is:missing", "gone"),
        ("is:trashed kind:runs", "old"),
        ("-is:missing", "squats breathing 深蹲练习 twin"),
        ("is:copy", "twin"),
        ("is:graded is:tagged", "squats"),
        ("kind:items", "twin"),
        ("in:r/squ", "squats"),
        ("100%", "深蹲练习"),
        ("…", ""),
        ("12:30", ""),
        ("-", "squats breathing 深蹲练习 twin"),
        ('""', "squats breathing 深蹲练习 twin"),
    ],
)
def test_a_search_finds_what_it_says(catalogue: Catalogue, text: str, names: str) -> None:
    found = catalogue.rows(catalogue.search(text, now=NOW))
    assert sorted(e.name for e in found) == sorted(names.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("color:red", "“color:” is no condition"),
        ("tag:", "“tag:” has no value"),
        ("verdict:great", "There is no verdict “great”"),
        ("date:2026-13", "“2026-13” is no date"),
        ("date:2026-00", "is no date"),
        ("date:9999-12-31", "is no date"),
        ("after:soon", "“soon” is no date"),
        ("is:nice", "Nothing is ever “nice”"),
        ("kind:film", "There is no kind “film”"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_can(catalogue: Catalogue, text: str, words: str) -> None:
    with pytest.raises(AppError, match=words) as told:
        catalogue.search(text)
    assert told.value.why
    assert told.value.fix


def test_quotes_and_signs_of_sql_are_only_text(catalogue: Catalogue) -> None:
    for text in ("'; DROP TABLE entry; --", '" OR 1=1', "x* NEAR/2 y", "tag:%", "endpoint:_", "NOT AND OR", "{}^:"):
        assert catalogue.search(text) == [], text
    assert len(catalogue.search()) == 4


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40))
def test_any_text_is_understood_or_refused(catalogue: Catalogue, text: str) -> None:
    with suppress(AppError):
        catalogue.search(text)


def test_pieces_of_a_search() -> None:
    assert parse('one -two tag:"a b" -is:missing') == [
        Term("", "one"), Term("", "two", True), Term("tag", "a b"), Term("is", "missing", True),
    ]  # fmt: skip
    assert compiled("x", fts=True, now=datetime(2026, 1, 1, tzinfo=UTC)).values[0] == '"x"*'
    assert "tag:" in HELP
