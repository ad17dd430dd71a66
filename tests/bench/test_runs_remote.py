"""Benchmarks with a model elsewhere: keys stay where they are, a hole in a run is no result, clocks are demanded."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keyring
import numpy as np
import pytest

import tmlapp.bench.runs.grade_run as grading
from tests.bench.test_drive import sound, task
from tests.bench.test_runs_make import Echo
from tests.endpoints.remote.serving import Model, served
from tmlapp.bench import drive_item
from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail
from tmlapp.bench.drive import drive_part
from tmlapp.bench.drive_item import ItemDriver, ItemTask, Outcome
from tmlapp.bench.drive_listen import Listener
from tmlapp.bench.engines import OnOutcome
from tmlapp.bench.engines.pool import PoolEngine
from tmlapp.bench.runs import make
from tmlapp.bench.runs.grade_run import GradeRequest, grade_run
from tmlapp.bench.runs.info import ItemResult, RunInfo
from tmlapp.bench.runs.make import RunRequest, make_run
from tmlapp.bench.runs.run import load_run
from tmlapp.bench.runs.store import write_result
from tmlapp.config import secrets
from tmlapp.config.profiles import made_profile, put_profile
from tmlapp.config.settings import Settings
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    Delegation,
    DelegationReturned,
    EndpointEvent,
    InputLost,
    Interrupted,
    RoundTrip,
    TextOut,
    TextOutDone,
    ToolReturned,
    TurnDone,
    TurnStarted,
)
from tmlapp.core.secret import Secret
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS as MS
from tmlapp.endpoints.registry import endpoint_from_address
from tmlapp.live.elsewhere import check_clock, target_of, where_it_goes
from tmlapp.live.plan import SessionPlan, build_session, make_endpoint
from tmlapp.live.preflight import check_endpoint
from tmlapp.recording.reader import Recording

pytestmark = pytest.mark.unit

KEY = "marker-key-0815"


def answers(turn: MicroTurn) -> Iterator[EndpointEvent]:
    if turn.index == 2:
        yield TextOut(delta="yes", item_id="say")
        yield AudioOut(pcm16=np.full(4_800, 3_000, "<i2").tobytes(), rate=24_000, item_id="say")
        yield TextOutDone(text="yes", item_id="say")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a profile whose model is served on loopback, behind a token that stands in the environment."""
    monkeypatch.setenv("LAB_TOKEN", KEY)
    with served(lambda: Model(answers), token=Secret(KEY), sessions=2) as server:
        put_profile(made_profile(name="lab", kind="sglang_omni", url=server.url, key="env:LAB_TOKEN"))
        yield "profile:lab"


def test_a_worker_reads_the_profile_and_its_key_itself(tmp_path: Path, lab: str) -> None:
    part = Part(sounds=(sound(tmp_path / "a.wav", 0.8),), tail=Tail(least_s=0.4))
    asked = task(tmp_path, part, lab)
    assert KEY not in repr(asked)
    outcomes: list[Outcome] = []
    PoolEngine(1).run([asked], outcomes.append)
    (outcome,) = outcomes
    assert (outcome.result.state, outcome.result.reason) == ("done", "")
    assert outcome.answers["main"].text == "yes"
    assert outcome.result.granted is not None
    assert outcome.result.granted["local"] is False
    files = [p for p in asked.run_folder.rglob("*") if p.is_file()]
    assert files
    assert not [p for p in files if KEY.encode() in p.read_bytes()]
    recording = Recording.open(asked.folder / outcome.result.parts["main"].recording)
    assert recording.topics["/wire"] > 4


def test_what_is_reached_is_told_without_what_is_secret(lab: str) -> None:
    endpoint = make_endpoint(lab, Settings())
    found = target_of(endpoint)
    assert (found["kind"], found["options"]) == ("sglang_omni", {})
    assert found["url"].startswith("ws://127.0.0.1:")
    assert where_it_goes(endpoint).startswith("sends ")
    assert where_it_goes(endpoint).endswith(endpoint.host)
    local = endpoint_from_address("onnx:tiny")
    assert (target_of(local), where_it_goes(local)) == ({}, "on this machine")


REAL_ONLY = "gemini_live:any-model"


def test_virtual_time_is_for_those_who_say_what_they_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    far = make_endpoint(REAL_ONLY, Settings())
    check_clock(far, "real")
    check_clock(endpoint_from_address("onnx:tiny"), "fast")
    check_clock(make_endpoint("sglang_omni:ws://127.0.0.1:9", Settings()), "fast")
    with pytest.raises(AppError, match="cannot run on virtual time"):
        check_clock(far, "fast")
    plan = SessionPlan(endpoint=REAL_ONLY, source="synthetic:clap", clock="fast", folder=tmp_path)
    with pytest.raises(AppError, match="cannot run on virtual time"):
        build_session(plan, Settings())
    red = check_endpoint(plan, Settings())
    assert (red.ok, red.fix) == (False, "Use the real clock (--clock real).")
    green = check_endpoint(replace(plan, clock="real"), Settings())
    assert green.ok
    assert KEY not in green.detail
    assert "sends " in green.detail


def test_a_check_of_the_endpoint_never_touches_the_network(tmp_path: Path) -> None:
    # Nobody listens on that port: whoever asked the network would be refused.
    plan = SessionPlan(endpoint="sglang_omni:ws://127.0.0.1:9", folder=tmp_path)
    assert check_endpoint(plan, Settings()).ok
    assert not check_endpoint(replace(plan, endpoint="profile:nobody"), Settings()).ok


def test_a_check_says_that_a_model_elsewhere_was_not_asked_yet(tmp_path: Path) -> None:
    plan = SessionPlan(endpoint="sglang_omni:ws://127.0.0.1:9", folder=tmp_path)
    assert check_endpoint(plan, Settings()).detail.endswith(" to 127.0.0.1:9; it is asked at the start")
    assert "asked" not in check_endpoint(replace(plan, endpoint="onnx:tiny"), Settings()).detail


def test_a_check_does_not_wait_for_ever_for_a_key_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_profile(made_profile(name="mute", kind="sglang_omni", url="ws://127.0.0.1:9", key="keyring"))
    answer = threading.Event()
    monkeypatch.setattr(keyring, "get_password", lambda *_: answer.wait())
    monkeypatch.setattr(secrets, "ANSWER_S", 0.01)
    red = check_endpoint(SessionPlan(endpoint="profile:mute", folder=tmp_path), Settings())
    answer.set()
    assert (red.ok, red.action) == (False, "choose_endpoint")
    assert "does not answer" in red.why


def interrupted_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: str) -> ItemTask:
    """A task whose only part is driven on this machine, and said to have been interrupted."""
    made = drive_part
    monkeypatch.setattr(drive_item, "drive_part", lambda *a, **k: replace(made(*a, **k), interruption=why))
    part = Part(sounds=(sound(tmp_path / "a.wav", 0.4),))
    script = tmp_path / "script.json"
    script.write_text('[{"t_s": 0.2, "text": "yes"}]')
    return task(tmp_path, part, f"scripted:{script}")


def test_an_item_with_a_hole_in_it_is_kept_and_has_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = interrupted_parts(monkeypatch, tmp_path, "2 micro-turns did not reach the model")
    outcome = ItemDriver()(asked)
    assert (outcome.result.state, outcome.answers) == ("interrupted", {})
    assert outcome.result.reason == "interrupted: main: 2 micro-turns did not reach the model"
    assert (asked.folder / outcome.result.parts["main"].recording).exists()
    assert ItemResult.from_json(outcome.result.to_json()) == outcome.result


def test_a_suite_may_allow_it_and_then_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Patient(Echo):
        allows_interruptions = True

    monkeypatch.setattr(drive_item, "suite_named", lambda _: Patient())
    outcome = ItemDriver()(interrupted_parts(monkeypatch, tmp_path, "the connection was made again"))
    assert outcome.result.state == "done"
    assert outcome.answers["main"].text == "yes"
    assert outcome.result.parts["main"].notes == ("main: the connection was made again",)


class Breaking:
    """Each item is done at once; those in `holes` are interrupted."""

    def __init__(self, *holes: str) -> None:
        self.holes = holes
        self.asked: list[str] = []

    def run(self, tasks: Sequence[ItemTask], on_outcome: OnOutcome) -> None:
        for one in tasks:
            name = one.item.id
            self.asked.append(name)
            result = ItemResult(id=name, state="done")
            if name in self.holes:
                result = replace(result, state="interrupted", reason="interrupted: main: it was cut")
            write_result(one.folder, result)
            on_outcome(Outcome(result=result, answers={} if name in self.holes else {"main": Answer(text=name)}))


def test_interrupted_items_are_reported_not_graded_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab: str
) -> None:
    for module in (make, grading):
        monkeypatch.setattr(module, "suite_named", lambda _: Echo())
    request = RunRequest(suite="echo", data=tmp_path, endpoint=lab, out=tmp_path / "run")
    made = make_run(request, clock=ManualClock(), engine=Breaking("i1"))
    assert made.failed == {"i1": "interrupted: main: it was cut"}
    run = load_run(made.folder)
    assert run.info.clock == "real"
    assert run.info.target["kind"] == "sglang_omni"
    assert KEY not in (made.folder / "run.json").read_text()
    graded = grade_run(made.folder, GradeRequest(profiles=("loud",)))
    assert [v.why for v in graded.grades[0].verdicts if not v.passed] == ["interrupted: main: it was cut"]
    assert graded.grades[0].n_missing == 1
    assert graded.grades[0].provenance.protocol["target"]["kind"] == "sglang_omni"
    assert graded.notes == ("1 items were interrupted and are not graded: go on with tmlapp bench run --resume",)
    again = Breaking()
    make_run(replace(request, resume=True), clock=ManualClock(), engine=again)
    assert "i1" in again.asked
    assert make_run(replace(request, resume=True, clock="real"), clock=ManualClock(), engine=Breaking()).failed == {}
    put_profile(made_profile(name="lab", kind="sglang_omni", url="ws://127.0.0.1:9", key="env:LAB_TOKEN"))
    with pytest.raises(AppError, match="cannot be resumed like this") as error:
        make_run(replace(request, resume=True), clock=ManualClock(), engine=Breaking())
    assert "target was" in error.value.why


@pytest.mark.parametrize(
    ("instruct", "said", "told"), [("auto", "", True), ("typed", "", False), ("auto", "one", False)]
)
def test_a_run_in_which_nothing_was_answered_says_that_instructions_were_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab: str, instruct: Any, said: str, told: bool
) -> None:
    class Asking(Echo):
        def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
            item = SuiteItem(id="i0", truth={}, parts=(Part(instruction="Count."),))
            return Loaded(items=(item,), quarantined=(), expected=1)

    class Quiet(Breaking):
        def run(self, tasks: Sequence[ItemTask], on_outcome: OnOutcome) -> None:
            for one in tasks:
                result = ItemResult(id=one.item.id, state="done")
                write_result(one.folder, result)
                on_outcome(Outcome(result=result, answers={"main": Answer(text=said)}))

    monkeypatch.setattr(make, "suite_named", lambda _: Asking())
    request = RunRequest(suite="echo", data=tmp_path, endpoint=lab, out=tmp_path / "run", instruct=instruct)
    made = make_run(request, clock=ManualClock(), engine=Quiet())
    assert any("--instruct typed" in note for note in made.notes) is told


def test_a_run_of_an_older_app_had_no_target() -> None:
    plain = RunInfo(suite="echo", data="x", endpoint="onnx:tiny").to_json()
    del plain["target"]
    assert RunInfo.from_json(plain).target == {}


# ------------------------------------------------------------------ who listens


def heard(*events: Any) -> Listener:
    listener = Listener()
    for event in events:
        listener.on_event(event)
    return listener


def loud(t_ms: int, level: int = 1, **names: str) -> AudioOut:
    return AudioOut(t_rx_ns=t_ms * MS, pcm16=bytes([level, level]) * 2_400, rate=24_000, **names)  # type: ignore[arg-type]


def test_zeros_are_quiet_and_an_open_turn_is_not() -> None:
    assert heard(loud(0), *(loud(100 * k, 0) for k in range(1, 9))).quiet_since_ns(0) == 100 * MS
    begun = TurnStarted(response_id="r")
    assert heard(begun, loud(0)).quiet_since_ns(0) is None
    assert heard(begun, loud(0), TurnDone(status="completed", response_id="r")).quiet_since_ns(0) == 100 * MS
    assert heard(begun, loud(0), ConnectionChanged(state="reconnecting")).quiet_since_ns(0) == 100 * MS


def test_sound_of_a_cut_item_does_not_count() -> None:
    first = loud(0, item_id="i", response_id="r")
    late = loud(300, item_id="i", response_id="r")
    assert heard(first, Interrupted(t_rx_ns=50 * MS), late).quiet_since_ns(0) == 50 * MS


def test_a_delegation_is_work_until_it_is_answered() -> None:
    asked = Delegation(id="d", target="client", state="created")
    done = DelegationReturned(t_ns=0, id="d", name="delegate", text="", final=True)
    assert heard(loud(0), asked).quiet_since_ns(0) is None
    assert heard(loud(0), asked, done).quiet_since_ns(0) == 100 * MS
    over = Delegation(id="d", target="responses", state="done")
    assert heard(loud(0), replace(asked, target="responses"), over).quiet_since_ns(0) == 100 * MS


def test_what_makes_a_run_no_whole_one_is_named() -> None:
    assert heard(loud(0), InputLost(micro_turn=1, what="video", reason="slow")).interruption == ""
    lost = [InputLost(micro_turn=k, what="turn", reason="gone") for k in (5, 6)]
    assert heard(*lost).interruption == "2 micro-turns did not reach the model, the first at 1.0 s"
    assert heard(RoundTrip(rtt_ns=1, epoch=1)).interruption == "the connection was made again"
    assert heard(RoundTrip(rtt_ns=1, epoch=3)).interruption == "the connection was made again 3 times"


@pytest.mark.parametrize(
    ("events", "delegated"),
    [
        ([Delegation(id="d", target="client", state="created")], False),
        (
            [
                Delegation(id="d", target="client", state="created"),
                ToolReturned(t_ns=0, call_id="d", name="delegate", output="nobody", is_error=True),
            ],
            False,
        ),
        (
            [
                Delegation(id="d", target="client", state="created"),
                DelegationReturned(t_ns=0, id="d", name="delegate", text="42", final=True),
            ],
            True,
        ),
        ([Delegation(id="d", target="responses", state="created")], True),
    ],
    ids=["asked", "nobody there", "answered", "a backend of the service"],
)
def test_an_answer_is_flagged_where_a_background_model_took_part(events: list[Any], delegated: bool) -> None:
    from tmlapp.bench.answers import _tools

    class Told:
        def events(self, types: object) -> list[Any]:
            return events

    assert _tools(Told(), 0, ("delegate",))[1] is delegated  # type: ignore[arg-type]
