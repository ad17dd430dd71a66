"""Verdicts of people, the questions that they are asked, and in which order."""

from __future__ import annotations

import copy
import getpass
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench.people_runs import Named, make_run, regrade
from tests.bench.sessions import make_recording
from tmlapp.bench.annotations import annotations_of, read_annotations
from tmlapp.bench.judges.base import NoJudge
from tmlapp.bench.people.questions import Question, Ruled, questions_of, questions_of_run, short_name
from tmlapp.bench.people.queue import Queue, queue_of
from tmlapp.bench.people.verdicts import (
    PEOPLE,
    Subject,
    Verdicts,
    default_rater,
    file_of,
    give,
    read_verdicts,
    run_of,
    take_back,
)
from tmlapp.bench.runs.run import load_run
from tmlapp.bench.sidecar import write_grade
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

E1 = Subject("cs-0", "e1", "meaning")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", "scripted:alpha")


# --- verdicts ---------------------------------------------------------------------------------------------------------


def test_the_newest_verdict_of_a_rater_holds_and_nothing_is_overwritten(run: Path) -> None:
    first = give(run, E1, "right", rater="ada", confidence=2, note=" clear ")
    second = give(run, E1, "wrong", rater="ada", confidence=3)
    other = give(run, E1, "unsure", rater="eve")
    found = read_verdicts(run)
    assert found.of(E1) == {"ada": second, "eve": other}
    assert (first.note, first.confidence, found.raters, found.damaged) == ("clear", 2, ("ada", "eve"), 0)
    assert len((run / PEOPLE).read_text().splitlines()) == 3
    take_back(run, second.id)
    assert read_verdicts(run).of(E1)["ada"] == first
    line = json.loads((run / PEOPLE).read_text().splitlines()[0])
    assert (line["kind"], line["data"]["scale"]) == ("verdict", ["right", "wrong", "unsure"])
    assert line["who"]
    assert line["tool"].startswith("tmlapp ")


def test_a_verdict_on_a_recording_of_a_run_belongs_to_the_run_and_on_another_lies_beside_it(
    run: Path, tmp_path: Path
) -> None:
    inside = run / "items" / "00000-cs-0" / "main.mcap"
    assert (run_of(inside), file_of(inside)) == (run, run / PEOPLE)
    alone = tmp_path / "items" / "x" / "alone.mcap"
    assert (run_of(alone), file_of(alone)) == (None, annotations_of(alone))
    alone.parent.mkdir(parents=True)
    give(alone, Subject("alone", "main", "overall"), "right", rater="ada")
    assert [a.kind for a in read_annotations(alone).current] == ["verdict"]


def test_a_decision_stands_beside_the_verdicts(run: Path) -> None:
    give(run, E1, "right", rater="ada")
    decided = give(run, E1, "wrong", rater="chair", decides=True, why="adjudicated")
    found = read_verdicts(run)
    assert (found.decisions, list(found.of(E1))) == ({E1: decided}, ["ada"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"value": "maybe", "rater": "ada"}, "'maybe' is no verdict"),
        ({"value": "right", "rater": " "}, "no rater"),
        ({"value": "right", "rater": "ada", "confidence": 4}, "4 is no confidence"),
    ],
)
def test_what_is_no_verdict_is_refused(run: Path, given: dict[str, object], told: str) -> None:
    with pytest.raises(AppError, match=told):
        give(run, E1, **given)  # type: ignore[arg-type]
    assert not (run / PEOPLE).exists()


def test_a_line_that_holds_no_verdict_is_counted(run: Path) -> None:
    give(run, E1, "right", rater="ada")
    lines = [
        {"id": "1", "kind": "verdict", "data": {"item": "cs-0"}},
        {"id": "2", "kind": "verdict", "data": dict.fromkeys(("item", "key", "value", "rater", "aspect"), "x")},
        {"id": "3", "kind": "verdict",
         "data": {"item": "a", "key": "b", "value": "c", "rater": "d", "aspect": "meaning", "confidence": 9}},
        {"id": "4", "kind": "note"},
    ]  # fmt: skip
    with (run / PEOPLE).open("a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines) + "{cut")
    found = read_verdicts(run)
    assert (found.damaged, list(found.of(E1))) == (4, ["ada"])


def test_a_machine_without_user_names_has_a_pseudonym(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = default_rater()
    assert usual == default_rater()
    assert usual.startswith("rater-")

    def nobody() -> str:
        raise KeyError("no such user")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert default_rater().startswith("rater-")


# --- questions --------------------------------------------------------------------------------------------------------


def test_a_run_is_asked_about_by_expectation_with_what_judges_said(run: Path) -> None:
    regrade(run, Named("openai:gpt-4o-mini@api.example.org", {"e1/0": False}))
    regrade(run, Named("slow", {"e1/0": None}))
    found = {q.subject: q for q in questions_of(run)}
    assert len(found) == 4 * 2 * 2
    meaning = found[E1]
    assert (meaning.expected, meaning.said, meaning.group) == ("says butterfly", "a butterfly", "codeswitch")
    assert (meaning.accept, meaning.reject, meaning.context) == (("butterfly",), ("moth",), "I saw a")
    assert (meaning.window_s, meaning.said_s, meaning.at_s) == ((6.0, 9.0), ((6.5, 7.0),), 6.5)
    assert meaning.rulings == (
        Ruled("gpt-4o-mini", "wrong", "as written"),
        Ruled("rules", "right", "as written"),
        Ruled("slow", None, "as written"),
    )
    timing = found[Subject("cs-0", "e2", "timing")]
    assert (timing.rulings, timing.said) == ((Ruled("timing rule", "right"),), "a butterfly … a dog")
    assert meaning.recording == run / "items" / "00000-cs-0" / "main.mcap"
    assert short_name("first(a, b)") == "first(a, b)"


def test_nothing_said_in_the_window_is_a_question_of_time_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "scripted:late", onset_s=3.5, items=1)
    found = {q.subject: q for q in questions_of(run)}
    assert E1 not in found
    assert found[Subject("cs-0", "e1", "timing")].rulings == (Ruled("timing rule", "wrong"),)


def test_a_run_that_nobody_has_graded_is_asked_about_as_a_whole(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "scripted:alpha", items=1, ungraded=True)
    (question,) = questions_of(run)
    assert question.subject == Subject("cs-0", "main", "overall")
    assert (question.said, question.rulings) == ("a butterfly a dog", ())
    assert questions_of(run / "items" / "00000-cs-0" / "main.mcap") == (question,)
    regrade(run, NoJudge())
    assert questions_of(run)[0].rulings == ()


def test_a_recording_is_asked_about_by_its_grades_or_as_a_whole(tmp_path: Path, run: Path) -> None:
    recording = make_recording(tmp_path, [(1.0, "three")]).path
    (whole,) = questions_of(recording)
    assert (whole.subject.aspect, whole.said, whole.said_s) == ("overall", "three", ((1.0, None),))
    write_grade(recording, load_run(run).grades[0].grade)
    with recording.with_suffix(".grades.jsonl").open("a") as file:
        file.write('{"grade": {"suite": "of tomorrow"}}\n')
    subjects = {q.subject for q in questions_of(recording)}
    assert Subject(recording.stem, "e1", "meaning") in subjects
    assert {s.item for s in subjects} == {recording.stem}


def test_a_suite_of_whole_answers_is_asked_about_item_by_item(run: Path) -> None:
    loaded = load_run(run)
    grade = loaded.grades[0].grade
    first, second, third, *_ = grade.verdicts
    details: dict[str, Any] = {"question": "Which insect?", "answer": {"text": "a butterfly"}}
    verdicts = (
        replace(first, details=details, passed=True),
        replace(second, details={"short_answer": 3}, passed=False, ungraded=True, why="the judge is down"),
        replace(third, details={}, graded_text=(), silent=True),
    )
    made = replace(grade, verdicts=verdicts, provenance=replace(grade.provenance, judges=()))
    kept = replace(loaded, grades=(replace(loaded.grades[0], grade=made),))
    found = questions_of_run(kept)
    assert [(q.subject.item, q.subject.key, q.subject.aspect) for q in found] == [
        ("cs-0", "main", "overall"), ("cs-1", "main", "overall"),
    ]  # fmt: skip
    assert (found[0].instruction, found[0].expected, found[0].said) == (
        "Give me the right word.", "a butterfly", "a butterfly a dog",
    )  # fmt: skip
    assert found[0].rulings == (Ruled(made.provenance.formula, "right"),)
    assert (found[1].expected, found[1].rulings[0].value, found[1].rulings[0].why) == ("3", None, "the judge is down")


def test_a_suite_that_rates_is_judged_on_its_own_scale(run: Path) -> None:
    loaded = load_run(run)
    grade = loaded.grades[0].grade
    verdicts = tuple(
        replace(v, details={}, values={"rating": rating})
        for v, rating in zip(grade.verdicts, (4.0, 9.0, 0, 5), strict=True)
    )
    kept = replace(loaded, grades=(replace(loaded.grades[0], grade=replace(grade, verdicts=verdicts)),))
    found = questions_of_run(kept)
    assert [q.rulings[0].value for q in found] == ["4", None, "0", "5"]
    assert {q.subject.key for q in found} == {"rating"}
    assert found[0].scale == ("0", "1", "2", "3", "4", "5")
    given = give(run, found[0].subject, "3", rater="ada", scale=found[0].scale)
    assert given.value == "3"


def test_several_candidates_are_one_question_and_joined_ones_are_found_by_their_times(run: Path) -> None:
    loaded = load_run(run)
    grade = loaded.grades[0].grade
    details = copy.deepcopy(dict(grade.verdicts[0].details))
    asked = details["expectations"][0]["questions"]
    asked[0]["key"] = "e1/joined"
    made = replace(grade, verdicts=(replace(grade.verdicts[0], details=details),))
    kept = replace(loaded, grades=(replace(loaded.grades[0], grade=made),))
    assert questions_of_run(kept)[0].said_s == ((6.5, 7.0),)
    asked.append({"key": "e1/1", "value": True, "judge": "rules@1", "candidate": "a dog", "context": "so far"})
    asked[0]["value"] = False
    question = questions_of_run(kept)[0]
    assert (question.said, question.context) == ("a butterfly … a dog", "so far")
    assert question.rulings == (Ruled("rules", "right", "as written"),)


# --- the queue --------------------------------------------------------------------------------------------------------


def queue(run: Path, rater: str = "eve", **more: int) -> Queue:
    return queue_of(questions_of(run), {run: read_verdicts(run)}, rater=rater, **more)


def test_undecided_comes_first_then_disagreement_then_rare_kinds_then_a_sample(tmp_path: Path) -> None:
    kinds = ("common", "common", "rare", "common")
    run = make_run(tmp_path / "run", "scripted:alpha", items=8, categories=kinds)
    for n in (0, 1, 3):
        give(run, Subject(f"cs-{n}", "e1", "meaning"), "right", rater="ada")
    give(run, Subject("cs-4", "e1", "meaning"), "wrong", rater="ada")
    give(run, Subject("cs-5", "e1", "meaning"), "unsure", rater="ada")
    found = queue(run, sample=3)
    told = [(str(e.question.subject), e.reason, e.why) for e in found.entries]
    assert told[0] == ("cs-5 e1", "undecided", "unsure: ada")
    assert told[1] == ("cs-4 e1", "differ", "judges differ: ada wrong, rules right")
    assert {t[1:] for t in told[2:5]} == {("rare", "rare: 0 of rare judged by people")}
    assert [t[1:] for t in told[5:]] == [("sample", "random sample, seed 0")] * 3
    assert (found.remaining, found.n_questions, found.n_judged) == (8, 16, 0)
    assert found.counts() == {"undecided": 1, "differ": 1, "rare": 3, "sample": 3}


def test_what_no_judge_could_decide_is_undecided_until_somebody_does(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "scripted:a", items=1, judges=[Named("rules@1", {"e1/0": None})])
    assert queue(run).entries[0].why == "undecided by rules"
    give(run, E1, "right", rater="ada")
    assert "undecided" not in {e.reason for e in queue(run).entries}
    ungraded = make_run(tmp_path / "other", "scripted:a", items=1, ungraded=True)
    assert queue(ungraded).entries[0].why == "nobody has judged it"


def test_what_the_rater_has_judged_and_what_was_settled_is_left_out(run: Path) -> None:
    give(run, E1, "right", rater="eve")
    give(run, Subject("cs-1", "e1", "meaning"), "right", rater="ada")
    give(run, Subject("cs-1", "e1", "meaning"), "wrong", rater="bob")
    before = queue(run)
    assert before.n_judged == 1
    assert E1 not in {e.question.subject for e in before.entries}
    assert before.entries[0].reason == "differ"
    give(run, Subject("cs-1", "e1", "meaning"), "wrong", rater="chair", decides=True)
    assert queue(run).counts()["differ"] == 0


def test_the_order_depends_on_the_seed_and_on_nothing_else(run: Path) -> None:
    asked = list(questions_of(run))
    orders = []
    for seed in (1, 2, 1):
        random.Random(seed).shuffle(asked)
        found = queue_of(asked, {run: Verdicts()}, rater="eve", seed=seed, sample=5)
        orders.append([e.question.subject for e in found.entries])
    assert orders[0] == orders[2]
    assert orders[0] != orders[1]
    fewer = [q for q in asked if q.subject.item != "cs-0"]
    rest = [e.question.subject for e in queue_of(fewer, {}, rater="eve", seed=1, few=0).entries]
    whole = [e.question.subject for e in queue_of(asked, {}, rater="eve", seed=1, few=0).entries]
    assert rest == [s for s in whole if s.item != "cs-0"]


def test_timing_is_asked_only_where_it_is_wanted(run: Path) -> None:
    asked: list[Question] = list(questions_of(run))
    assert {e.question.subject.aspect for e in queue_of(asked, {}, rater="eve").entries} == {"meaning"}
    timing = queue_of(asked, {}, rater="eve", aspects=("timing",))
    assert {e.question.subject.aspect for e in timing.entries} == {"timing"}
