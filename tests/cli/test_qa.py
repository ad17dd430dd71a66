"""`tmlapp qa`: lists, checks again, reports; every error in three sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.qa_parts import Done, TurnFeed, judge, microphone, model, run_session, start
from tests.bench.sessions import make_recording
from tests.cli.invoking import answer, invoke
from tmlapp.bench.qa.checklist import find_checklist, load_checklist

pytestmark = pytest.mark.unit


@pytest.fixture
def tested(tmp_path: Path) -> Done:
    checklist = load_checklist(find_checklist("counting"))
    deeds = [(1.0, start("rest")), (3.0, judge("rest", "pass")), (4.0, start("goes-on"))]
    return run_session(tmp_path / "über", TurnFeed(microphone(7, [])), model([(5.0, "six", 0.4)]), checklist, deeds)


def test_the_shipped_checklists_are_listed() -> None:
    assert len(answer(invoke("qa", "list", "--json"))) == 10
    assert "interruption" in invoke("qa", "list").stdout


def test_a_checklist_is_validated(tmp_path: Path) -> None:
    assert answer(invoke("qa", "validate", "counting", "--json"))["steps"][1]["checks"][1] == "the count reaches 5"
    assert "cue “count”, exactly 5" in invoke("qa", "validate", "counting").stdout
    broken = tmp_path / "broken.yaml"
    broken.write_text("schema: 1\nid: a\ntitle: A\nsteps: {}\n", encoding="utf-8")
    told = invoke("qa", "validate", broken)
    assert told.exit_code == 1
    assert "Line 4: steps is a list." in " ".join(told.stderr.split())


def test_a_recording_is_checked_again(tested: Done) -> None:
    found = answer(invoke("qa", "check", tested.path, "--json"))
    run = found["runs"][0]
    assert (run["failed"], run["changed"], found["damaged_annotation_lines"]) == (False, False, [])
    assert [s["result"] for s in run["steps"]] == ["undecided", "undecided", "pass", "pass"]
    shown = invoke("qa", "check", tested.path).stdout
    assert "Goes on where it was: ended, automatic: pass" in shown
    assert "says the number 6: It said 6." in shown


def test_a_failing_check_gives_the_exit_status_of_a_failure(tested: Done, tmp_path: Path) -> None:
    text = load_checklist(find_checklist("counting")).text.replace("value: 6", "value: 7").replace("id: rest", "id: r")
    other = tmp_path / "other.yaml"
    other.write_text(text, encoding="utf-8")
    found = answer(invoke("qa", "check", tested.path, "--checklist", other, "--json"), 1)
    assert found["runs"][0]["changed"]
    assert found["runs"][0]["unknown_steps"] == ["rest"]
    shown = invoke("qa", "check", tested.path, "--checklist", other).stdout
    assert "its digest differs" in shown
    assert "no step “rest” any more" in shown


def test_the_report_is_written_where_it_was_asked_for(tested: Done, tmp_path: Path) -> None:
    made = answer(invoke("qa", "report", tested.path, "--out", tmp_path / "out", "--no-media", "--json"))
    assert Path(made["page"]).is_file()
    assert Path(made["junit"]).is_file()
    assert made["media"] == []
    assert "report.html" in invoke("qa", "report", tested.path).stdout


@pytest.mark.parametrize("verb", ["check", "report"])
def test_what_is_no_recording_with_a_checklist_is_explained(verb: str, tmp_path: Path) -> None:
    plain = make_recording(tmp_path).path
    told = invoke("qa", verb, plain)
    assert told.exit_code == 1
    assert "No checklist was run" in told.stderr
    assert invoke("qa", verb, tmp_path / "none.mcap").exit_code == 1
    assert "has made a mistake" not in invoke("qa", verb, tmp_path / "none.mcap").stderr
    assert "There is no checklist" in invoke("qa", verb, plain, "--checklist", "none").stderr
