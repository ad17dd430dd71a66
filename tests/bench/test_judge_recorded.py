from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.judge_server import Scripted, question
from tmlapp.bench.judges.base import NoJudge, json_objects
from tmlapp.bench.judges.cache import CachedJudge
from tmlapp.bench.judges.recorded import RecordedJudge
from tmlapp.bench.suite import RecordedVerdict
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def verdict(n: int = 0, **more: Any) -> RecordedVerdict:
    return RecordedVerdict(kind="t/correct", item=f"item-{n}", key="main", **more)


def table(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(n: int = 0, **more: Any) -> dict[str, Any]:
    return {"kind": "t/correct", "item": f"item-{n}", "key": "main", **more}


def test_values_are_taken_and_raw_replies_read() -> None:
    judge = RecordedJudge([verdict(0, value=False), verdict(1, reply='{"correct": true}'), verdict(2, reply="?")])
    rulings = [judge.ask(question(n)) for n in range(4)]
    assert [ruling.value for ruling in rulings] == [False, True, None, None]
    assert rulings[0].cached
    assert rulings[1].replies == ('{"correct": true}',)
    assert [r.why for r in rulings[2:]] == ["the recorded reply cannot be read", "no verdict was recorded for it"]
    (stated,) = judge.provenance()
    assert len(stated.pop("verdicts_sha256")) == 64
    assert stated == {
        "judge": "recorded",
        "kind": "t/correct",
        "prompt_sha256": question().prompt.sha256,
        "official_model": "",
        "questions": 4,
        "ungraded": 2,
        "recorded_from": [],
    }


def test_two_different_verdicts_on_one_question_are_an_error_unless_the_last_wins() -> None:
    RecordedJudge([verdict(value=True), verdict(value=True)])
    with pytest.raises(AppError, match="Two recorded verdicts on t/correct 'main' of 'item-0' differ"):
        RecordedJudge([verdict(value=True), verdict(value=False)])
    assert RecordedJudge([verdict(value=True), verdict(value=False)], last_wins=True).ask(question()).value is False


def test_a_table_is_read(tmp_path: Path) -> None:
    path = table(tmp_path / "t.jsonl", row(value=3), row(1, reply='{"correct": false}'), row(2))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\n\n")
    judge = RecordedJudge.of_file(path)
    assert [judge.ask(question(n)).value for n in range(3)] == [3, False, None]
    assert judge.name == "recorded:t.jsonl"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[1]", "not a JSON object"),
        ("{", "not a JSON object"),
        (json.dumps({"item": "i", "key": "k", "value": 1}), "needs kind, item and key"),
        (json.dumps(row(reply=7)), "reply is not text"),
        (json.dumps(row(digest="d", reparse=True)), "neither a value nor a reply"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(row(value=1)) + "\n" + line + "\n")
    with pytest.raises(AppError, match=rf"Line 2 of .*{why}"):
        RecordedJudge.of_file(path)


def test_a_last_line_that_was_cut_off_is_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(row(value=True)) + '\n{"kind": "t/c')
    judge = RecordedJudge.of_file(path)
    assert judge.ask(question()).value is True
    assert judge.provenance()[0]["unreadable_lines"] == [2]


def test_a_file_without_verdicts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no recorded verdicts"):
        RecordedJudge.of_file(tmp_path / "none.jsonl")


def test_our_own_cache_answers_by_content(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    CachedJudge(Scripted(None, why="down"), path).ask(question(0))
    CachedJudge(Scripted(False, reply="no"), path).ask(question(0))
    CachedJudge(Scripted(True), path).ask(question(1))
    judge = RecordedJudge.of_file(path)
    ruling = judge.ask(question(0))
    assert (ruling.value, ruling.judge, ruling.replies, ruling.details) == (
        False,
        "scripted",
        ("no",),
        {"model": "m-1"},
    )
    changed = question(0, user="Another prompt for $candidate")
    assert judge.ask(changed).why == "the recorded verdict is about another text or prompt"
    assert judge.provenance()[0]["recorded_from"] == ["scripted"]


def test_a_cache_of_several_judges_needs_the_name_of_one(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    other = Scripted(False)
    other.name = "other"
    for judge in (Scripted(True), other):
        CachedJudge(judge, path).ask(question())
    with pytest.raises(AppError, match=r"several judges.*scripted, other"):
        RecordedJudge.of_file(path)
    assert RecordedJudge.of_file(path, judge="other").ask(question()).value is False


def test_the_digest_of_the_verdicts_stands_in_the_grade_and_follows_their_content_alone(tmp_path: Path) -> None:
    def digest(*values: bool, name: str = "a.jsonl") -> str:
        rows = [{"kind": "t/correct", "item": f"item-{n}", "key": "main", "value": v} for n, v in enumerate(values)]
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[:: -1 if name == "b.jsonl" else 1]))
        judge = RecordedJudge.of_file(path)
        judge.ask(question())
        return str(judge.provenance()[0]["verdicts_sha256"])

    assert digest(True, False) == digest(True, False, name="b.jsonl")
    assert digest(True, False) != digest(True, True)


def test_nobody_leaves_everything_ungraded() -> None:
    judge = NoJudge()
    assert judge.ask(question()).why == "no judge was chosen"
    assert judge.provenance() == ()


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('so: ```json\n{"a": 1}\n``` and {"b": {"c": 2}}', [{"a": 1}, {"b": {"c": 2}}]),
        ('{broken {"a": 1}', [{"a": 1}]),
        ("none", []),
        ('{"a":' * 50_000, []),
    ],
)
def test_objects_are_found_in_a_reply(reply: str, found: list[Any]) -> None:
    assert json_objects(reply) == found
