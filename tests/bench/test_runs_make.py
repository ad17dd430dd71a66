"""Making a run without a model: what is asked for, how far it is, what is left when somebody stops it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

import tmlapp
import tmlapp.bench.runs.grade_run as grading
from tmlapp.bench import check
from tmlapp.bench.answer import Answer
from tmlapp.bench.data import HistoryPart, Loaded, Part, Quarantined, SuiteItem
from tmlapp.bench.drive_item import ItemTask, Outcome
from tmlapp.bench.engines import OnOutcome, StoppedError
from tmlapp.bench.runs import make
from tmlapp.bench.runs.grade_run import GradeRequest, grade_official, grade_run, profiles_of
from tmlapp.bench.runs.info import ItemResult
from tmlapp.bench.runs.make import Progress, RunRequest, chosen, commit_of_app, loader_options, make_run, value_like
from tmlapp.bench.runs.run import load_run
from tmlapp.bench.runs.store import write_result
from tmlapp.bench.suite import Answers, Entry, Sounds, Sources, Suite, assemble
from tmlapp.bench.suite import Outcome as Result
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Verdict
from tmlapp.core.units import NS_PER_S

pytestmark = pytest.mark.unit


class Echo(Suite):
    """Passes an item whose answer is its own name."""

    suite_name: ClassVar[str] = "echo"
    profiles: ClassVar[tuple[str, ...]] = ("loud", "official", "clean")
    where: ClassVar[str] = "Ask around."
    options: ClassVar[Mapping[str, Any]] = {"n": 3, "unpack": False, "names": ("a", "b"), "at": 0.5, "split": "test"}
    disk_full: ClassVar[bool] = False

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        items = tuple(
            SuiteItem(id=f"i{k}", truth={}, parts=(Part(message="hi", sounds=(str(folder / f"{k}.wav"),)),))
            for k in range(options["n"])
        )
        return Loaded(items=items, quarantined=(Quarantined(row="7", why="torn", kind="damaged"),), expected=3)

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        outcomes = []
        for entry in entries:
            right = entry.answer is not None and entry.answer.text == entry.item
            verdict = Verdict(
                item=entry.item, score=100.0 * right, passed=right, graded_text=(), why=entry.failure or "heard"
            )
            outcomes.append(Result(verdict=verdict, missing=entry.answer is None))
        return assemble(
            suite_name="echo", metric="echoes", formula="echo@1", profile=profile, parameters=params,
            outcomes=outcomes, baselines=(), aggregates={}, sources=sources,
        )  # fmt: skip

    def write_official(self, folder: Path, items: Sequence[SuiteItem], answers: Answers, sounds: Sounds) -> list[Path]:
        if self.disk_full:
            raise AppError("The disk is full.", "No space.", "Make room.")
        folder.mkdir(exist_ok=True)
        (folder / "all.txt").write_text(",".join(answers))
        return [folder / "all.txt"]

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        return {name: {"main": Answer(text=name)} for name in (folder / "all.txt").read_text().split(",")}


class Instant:
    """Each task takes two seconds of `clock`; `fails` fail, and at `stop_at` somebody presses Ctrl-C."""

    def __init__(self, clock: ManualClock, fails: tuple[str, ...] = (), stop_at: str = "") -> None:
        self.clock, self.fails, self.stop_at = clock, fails, stop_at
        self.tasks: list[ItemTask] = []

    def run(self, tasks: Sequence[ItemTask], on_outcome: OnOutcome) -> None:
        for task in tasks:
            if task.item.id == self.stop_at:
                raise StoppedError
            self.tasks.append(task)
            self.clock.advance(2 * NS_PER_S)
            name, bad = task.item.id, task.item.id in self.fails
            result = ItemResult(id=name, state="failed" if bad else "done", reason="no luck" if bad else "")
            # No part was really driven; a result without one would count as open.
            write_result(task.folder, result)
            on_outcome(Outcome(result=result, answers={} if bad else {"main": Answer(text=name)}))


@pytest.fixture(autouse=True)
def _echo(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (make, grading, check):
        monkeypatch.setattr(module, "suite_named", lambda _: Echo())


@pytest.fixture
def request_(tmp_path: Path) -> RunRequest:
    return RunRequest(suite="echo", data=tmp_path, endpoint="onnx:tiny", out=tmp_path / "run", command=("tmlapp",))


def test_progress_says_how_long_the_rest_takes(request_: RunRequest) -> None:
    clock, told = ManualClock(), list[Progress]()
    made = make_run(request_, on_progress=told.append, clock=clock, engine=Instant(clock, fails=("i1",)))
    assert [(p.done, p.failed, p.total, p.left_s) for p in told] == [
        (0, 0, 3, None), (1, 0, 3, 4.0), (1, 1, 3, 2.0), (2, 1, 3, 0.0)
    ]  # fmt: skip
    assert (told[2].item, told[2].reason) == ("i1", "no luck")
    assert (made.done, made.failed, made.total, made.took_s) == (2, {"i1": "no luck"}, 3, 6.0)
    assert made.quarantined == 1
    assert [p.name for p in made.official] == ["all.txt"]
    assert not load_run(made.folder).info.finished


def test_whoever_stops_a_run_keeps_what_was_done(request_: RunRequest) -> None:
    clock = ManualClock()
    made = make_run(request_, clock=clock, engine=Instant(clock, stop_at="i2"))
    assert (made.stopped, made.done, made.failed) == (True, 2, {})
    assert set(load_run(made.folder).answers) == {"i0", "i1"}
    assert not load_run(made.folder).info.finished


def test_official_files_that_cannot_be_written_cost_nothing_else(
    request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Echo, "disk_full", True)
    made = make_run(request_, clock=ManualClock(), engine=Instant(ManualClock()))
    assert made.done == 3
    assert "The disk is full" in made.notes[0]
    monkeypatch.setattr(Echo, "write_official", Suite.write_official)
    again = make_run(replace(request_, resume=True), clock=ManualClock(), engine=Instant(ManualClock()))
    assert (again.official, again.notes) == ((), ())


def test_grades_of_a_run_and_of_its_official_files_agree(request_: RunRequest) -> None:
    made = make_run(request_, clock=ManualClock(), engine=Instant(ManualClock(), fails=("i1",)))
    graded = grade_run(made.folder, GradeRequest(why="first"))
    assert [g.provenance.profile for g in graded.grades] == ["loud", "official", "clean"]
    grade = graded.grades[0]
    assert grade.score == pytest.approx(66.667, abs=0.001)
    assert (grade.n_missing, grade.n_quarantined) == (1, 1)
    assert grade.verdicts[1].why == "no luck"
    assert grade.provenance.text_source == "model_text"
    official = grade_official(made.folder / "official", "echo", request_.data, GradeRequest(profiles=("clean",)))
    assert [g.score for g in official.grades] == [grade.score]
    assert [k.why for k in load_run(made.folder).grades] == ["first"] * 3
    ruled = grade_run(made.folder, GradeRequest(profiles=("loud",), judges=("rules",)))
    assert ruled.grades[0].score == grade.score
    assert profiles_of(Echo(), ["clean", "clean"]) == ("clean",)


def test_a_run_asks_nobody_where_the_judge_is_none(request_: RunRequest) -> None:
    made = make_run(request_, clock=ManualClock(), engine=Instant(ManualClock()))
    assert grade_run(made.folder, GradeRequest(judges=("none",))).grades[0].score == 100.0
    assert not (made.folder / "verdicts.jsonl").exists()


def test_items_are_the_first_or_a_sample_that_a_seed_repeats() -> None:
    items = [SuiteItem(id=str(k), truth={}) for k in range(50)]
    assert chosen(items, None, 3) == tuple(items)
    assert chosen(items, 50, 3) == tuple(items)
    assert [i.id for i in chosen(items, 2, None)] == ["0", "1"]
    sample = chosen(items, 10, 3)
    assert sample == chosen(items, 10, 3)
    assert sample != chosen(items, 10, 4)
    assert [int(i.id) for i in sample] == sorted(int(i.id) for i in sample)


def test_options_of_a_command_line_become_what_the_suite_takes() -> None:
    given = {"n": "5", "unpack": "yes", "names": "x, y,", "at": "2", "split": "7"}
    assert loader_options(Echo(), given) == {"n": 5, "unpack": True, "names": ("x", "y"), "at": 2.0, "split": "7"}
    assert loader_options(Echo(), {"n": 9})["n"] == 9
    assert value_like(None, "x", "text") == "text"
    assert value_like({}, "x", "text") == "text"
    with pytest.raises(AppError, match="has no option 'moon'"):
        loader_options(Echo(), {"moon": "full"})
    for bad in ({"n": "many"}, {"unpack": "perhaps"}):
        with pytest.raises(AppError, match="cannot be"):
            loader_options(Echo(), bad)


def test_a_remote_model_knows_no_virtual_time(request_: RunRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    class Far:
        local = False
        address = "far:away"

        def check(self, instruction: str) -> None:
            """Nothing to check."""

    monkeypatch.setattr(make, "make_endpoint", lambda *_: Far())
    asked = replace(request_, endpoint="far:away")
    with pytest.raises(AppError, match="cannot run on virtual time"):
        make_run(replace(asked, clock="fast"), engine=Instant(ManualClock()))
    made = make_run(asked, clock=ManualClock(), engine=Instant(ManualClock()))
    info = load_run(made.folder).info
    assert (info.clock, info.instruct, info.voice) == ("real", "spoken", {})


def test_the_commit_is_that_of_a_checkout_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(commit_of_app().rstrip("+")) in (0, 40)
    monkeypatch.setattr(tmlapp, "__file__", str(tmp_path / "tmlapp" / "__init__.py"))
    assert commit_of_app() == ""
    (tmp_path / ".git").mkdir()
    assert commit_of_app() == ""


def test_data_are_complete_incomplete_or_unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = check.check_data("echo", tmp_path, {})
    assert (found.state, found.kinds) == ("incomplete", {"damaged": 1})
    assert len(found.absent_files) == 3
    assert check.check_data("echo", tmp_path, {"n": "0"}).state == "unusable"
    sound = tmp_path / "0.wav"
    sound.write_bytes(b"x")
    history = (HistoryPart(role="user", sound=str(sound)), HistoryPart(role="assistant", text="yes"))
    item = SuiteItem(id="a", truth={}, parts=(Part(history=history),))
    monkeypatch.setattr(Echo, "load", lambda *_: Loaded(items=(item,), expected=1))
    whole = check.check_data("echo", tmp_path, {})
    assert (whole.state, whole.absent_files) == ("complete", ())
    assert whole.to_json()["kinds"] == {}
