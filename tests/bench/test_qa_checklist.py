"""Checklists are read strictly: whatever is wrong is named with file and line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tmlapp.bench.qa.checklist import (
    Abilities,
    find_checklist,
    load_checklist,
    needs_of,
    read_checklist,
    shipped_checklists,
)
from tmlapp.bench.qa.checks import CHECKS
from tmlapp.bench.qa.pattern import LONGEST_PATTERN, LONGEST_TEXT, PatternError, SafePattern
from tmlapp.core.errors import AppError
from tmlapp.core.event import Granted

pytestmark = pytest.mark.unit

HEAD = "schema: 1\nid: a\ntitle: A\nsteps:\n"
STEP = "  - id: s\n    title: T\n    do: D\n    expect: E\n"


def check(line: str) -> str:
    return f"{HEAD}{STEP}    checks:\n      - {line}\n"


def test_ten_checklists_are_shipped_and_every_one_can_be_read() -> None:
    found = [load_checklist(path) for path in shipped_checklists()]
    assert sorted(c.id for c in found) == [
        "backchannel", "background-speech", "camera-covered", "counting", "interruption", "long-silence", "reminders",
        "start-stop", "stop-on-request", "talking-to-others",
    ]  # fmt: skip
    assert all(path.stem == checklist.id for path, checklist in zip(shipped_checklists(), found, strict=True))
    assert all(c.description and c.setup and all(s.checks for s in c.steps) for c in found)


def test_the_smallest_checklist() -> None:
    checklist = read_checklist(HEAD + STEP, "a.yaml")
    assert (checklist.id, checklist.steps[0].limit_s, checklist.steps[0].checks) == ("a", 60.0, ())
    assert len(checklist.sha256) == 64
    assert checklist.step("none") is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "empty"),
        ("- a", 1, "mapping"),
        ("schema: 2\nid: a\ntitle: A\nsteps: []", 1, "reads schema 1"),
        ("schema: yes\nid: a\ntitle: A\nsteps: []", 1, "whole number"),
        ("schema: 0x1\nid: a\ntitle: A\nsteps: []", 1, "whole number"),
        ("schema: 1\nid: a\ntitle: A\nsteps: []", 4, "1 to 200 steps, not 0"),
        ("schema: 1\nid: a\ntitle: A\nsteps: 3", 4, "list"),
        ("schema: 1\nid: a\ntitle: A\ncolour: red\nsteps: []", 4, "“colour” is no member"),
        ("schema: 1\nid: a\nid: b\ntitle: A\nsteps: []", 3, "twice"),
        ("schema: 1\nid: a\nsteps: []", 1, "has no “title”"),
        ("schema: 1\nid: A b\ntitle: A\nsteps:\n" + STEP, 2, "small letters"),
        ("schema: 1\nid: a\ntitle: 3\nsteps:\n" + STEP, 3, "put it in quotes"),
        ("schema: 1\nid: a\ntitle: ' '\nsteps:\n" + STEP, 3, "empty"),
        ("schema: 1\nid: a\ntitle: " + "x" * 121 + "\nsteps:\n" + STEP, 3, "121 characters"),
        (HEAD + STEP + STEP, 9, "taken by another step"),
        (HEAD + STEP + "    needs: [flies]\n", 9, "one of hears"),
        (HEAD + STEP + "    limit_s: 0\n", 9, "number from 1 to 3600"),
        (HEAD + STEP + "    limit_s: .nan\n", 9, "number from 1 to 3600"),
        (HEAD + STEP + "    ? [a, b]\n    : c\n", 9, "no member of a step"),
        (check("smiles: {}"), 10, "“smiles” is no member of a check"),
        (check("no_gap: {track: mic}"), 10, "“track” is no member of no_gap"),
        (check("{no_gap: {}, no_error: {}}"), 10, "one name"),
        (check("speaks_within: {s: 2}"), 10, "has no “after”"),
        (check("speaks_within: {s: two, after: marker}"), 10, "s is a number"),
        (check("speaks_within: {s: 2, after: lunch}"), 10, "one of step_start"),
        (check("says: {}"), 10, "any_of or regex"),
        (check("says: {any_of: []}"), 10, "any_of is empty"),
        (check("says: {any_of: [a], regex: b}"), 10, "one of the two"),
        (check("says: {regex: '('}"), 10, "no regular expression"),
        (check("says: {regex: '(a+)+b'}"), 10, "search for too long"),
        (check("says_number: {value: 1, increasing: true}"), 10, "not both"),
        (check("says_number: {increasing: maybe}"), 10, "true or false"),
        (check("cue: {kind: wink}"), 10, "one of count"),
        (check("cue: {kind: say, at_least: 3, at_most: 1}"), 10, "not less than at_least"),
        (check("repeats_every: {s: 4, tolerance_s: 1, times: 1}"), 10, "from 2 to"),
        ("a: [1, 2", 1, "no YAML"),
        ("schema: 1\n\tid: a", 2, "no YAML"),
        ("a: &x 1\nb: *x", 2, "aliases"),
        ("a: 1\n---\nb: 2", 2, "no YAML"),
        ("[" * 5000, 1, "nested more than 12"),
        ("a: !!python/object:os.system x", 1, "no member"),
        ("a: \x00", 1, "no YAML"),
        ("x" * 1_000_001, 1, "at most"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(AppError) as told:
        read_checklist(text, "mine.yaml")
    assert "mine.yaml" in told.value.what
    assert told.value.why.startswith(f"Line {line}: "), told.value.why
    assert words in told.value.why


def test_a_file_that_is_missing_or_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="cannot be read"):
        load_checklist(tmp_path / "none.yaml")
    broken = tmp_path / "latin.yaml"
    broken.write_bytes(b"schema: 1\ntitle: caf\xe9\n")
    with pytest.raises(AppError, match="Line 2: It is not UTF-8"):
        load_checklist(broken)


def test_a_checklist_is_found_by_name_or_by_path(tmp_path: Path) -> None:
    assert find_checklist("counting").name == "counting.yaml"
    own = tmp_path / "prüfung.yaml"
    own.write_text("\ufeff" + HEAD.replace("title: A", "title: Prüfung 測試") + STEP, encoding="utf-8")
    assert load_checklist(find_checklist(str(own))).title == "Prüfung 測試"
    with pytest.raises(AppError, match="Shipped are backchannel"):
        find_checklist("none")


def test_every_kind_of_check_says_what_it_does_and_by_which_rule() -> None:
    text = Path(__file__).with_name("test_qa_sessions.py").read_text(encoding="utf-8").split('"""')[3]
    checks = read_checklist(text, "everything").steps[0].checks
    assert {c.name for c in checks} == set(CHECKS)
    assert all(c.words() and c.rule.endswith(".") for c in checks)
    assert checks[3].words() == "stays silent for 3 s after the marker, from 0.5 s on"


@pytest.mark.parametrize(
    "expression",
    [r"\b(?:can't|cannot|can not) see\b", r".*stop", "colou?r", "(?:ab){3}", "[]a-z]+", "x{,3}", "(a|b)?c", r"[^\]]*",
     "a{2}", r"(?:ab)+", "^one$", r"\d{1,3}"],
)  # fmt: skip
def test_expressions_that_are_taken(expression: str) -> None:
    assert SafePattern(expression) == SafePattern(expression)
    assert len({SafePattern(expression), SafePattern(expression)}) == 1


@pytest.mark.parametrize(
    "expression",
    ["(a+)+b", "(a|a)*b", "a*a*b", r"\w+\s+\w+x", "(?=a)b", r"(a)\1", "a++", "(?i:a)", "a{1,}b{2,}", "x{,}y{,}",
     "(?:a?){500}", r"\Aa", "a" * (LONGEST_PATTERN + 1), "(", "[", "a{2,1}", "*"],
)  # fmt: skip
def test_expressions_that_could_hang_or_are_malformed_are_refused(expression: str) -> None:
    with pytest.raises(PatternError):
        SafePattern(expression)


def test_the_worst_expression_that_is_taken_comes_to_an_end() -> None:
    begun = time.process_time()
    assert not SafePattern(r"(?:a|b)?a*x").search("a" * 100_000)
    assert not SafePattern("x").search("a" * LONGEST_TEXT + "x")
    assert time.process_time() - begun < 60


def test_a_step_applies_until_it_is_known_that_it_cannot() -> None:
    deaf = Granted(
        endpoint="e", name="e", local=True, modalities_in=("text",), modalities_out=("text",), proactive=False
    )
    step = read_checklist(HEAD + STEP + "    instruction: Go.\n    needs: [sees]\n", "a").steps[0]
    checklist = read_checklist("needs: [hears]\n" + HEAD + STEP, "a")
    assert needs_of(checklist, step) == ("hears", "sees", "reads")
    every = ("hears", "sees", "reads", "speaks", "proactive", "answers_each_turn")
    assert Abilities().lacks(every) == ""
    assert Abilities(Granted(endpoint="e", name="e", local=True, acknowledges_units=True)).lacks(every) == ""
    lacks = Abilities(deaf).lacks(every)
    assert "no sound, or there is no microphone" in lacks
    assert "no typed text" not in lacks
    assert "only when it is asked" in lacks
    assert "gives no sound" in lacks
    assert "no pictures" in Abilities(pictures=False).lacks(("sees", "sees"))
    assert Abilities(sound=False).lacks(("hears",))
