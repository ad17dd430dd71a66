"""Checklists beside real sessions: what is found live is found again in the recording, to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bench.qa_parts import (
    Deed,
    Done,
    Model,
    TurnFeed,
    judge,
    microphone,
    model,
    press_m,
    run_session,
    start,
)
from tests.bench.qa_scenes import SCENES, Scene
from tmlapp.bench.annotations import annotations_of, read_annotations
from tmlapp.bench.qa.checklist import Checklist, find_checklist, load_checklist, read_checklist, shipped_checklists
from tmlapp.bench.qa.offline import QaSession, open_qa
from tmlapp.capture.file_feed import open_source
from tmlapp.config.settings import Settings
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError, EndpointEvent, Gap, Marker
from tmlapp.core.units import s_to_ns
from tmlapp.live.plan import make_endpoint

pytestmark = pytest.mark.unit

EVERYTHING = """
schema: 1
id: everything
title: Everything
steps:
  - id: all
    title: All checks
    do: Speak, and set a marker.
    expect: Whatever comes.
    checks:
      - speaks_within: {s: 2, after: step_start}
      - speaks_within: {s: 1, after: user_speech_end}
      - speaks_within: {s: 3, after: user_speech_start}
      - stays_silent: {s: 3, after: marker, grace_s: 0.5}
      - stays_silent: {after: user_speech_end}
      - stops_within: {s: 1, after: interruption}
      - keeps_speaking: {s: 1, after: marker}
      - says: {any_of: [one, stop]}
      - never_says: {regex: "t(?:wo|hree)"}
      - says_number: {increasing: true}
      - says_number: {value: 2}
      - count_reaches: {value: 2, tolerance: 1}
      - cue: {kind: count, at_least: 1, at_most: 3}
      - repeats_every: {s: 2, tolerance_s: 1, times: 2}
      - says_nothing_while_user_speaks: {allow_s: 0.2}
      - speaks_at_most: {s: 4}
      - reply_latency: {p95_ms: 50}
      - no_gap: {}
      - no_error: {}
"""


def both(done: Done) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What was found live, and what the recording gives."""
    return [v.to_json() for v in done.run.views()], [v.to_json() for v in open_qa(done.path).runs[0].steps]


def shipped(name: str) -> Checklist:
    return load_checklist(find_checklist(name))


def scene_session(folder: Path, name: str, *, good: bool) -> Done:
    """All steps of the checklist `name` in one session, two seconds apart; judged as the model deserves."""
    checklist = shipped(name)
    at, user, said, cut = 1.0, [], [], []
    deeds: list[tuple[float, Deed]] = []
    for step in checklist.steps:
        scene: Scene = SCENES[name][step.id]
        deeds.append((at, start(step.id)))
        deeds += [(at + t, press_m) for t in scene.markers]
        deeds.append((at + scene.length, judge(step.id, "pass" if good else "fail")))
        user += [(at + a, at + b) for a, b in scene.user]
        said += [(at + t, text, length) for t, text, length in (scene.good if good else scene.bad)]
        cut += [at + t for t in scene.cut] if good else []
        at += scene.length + 2.0
    return run_session(folder, TurnFeed(microphone(at, user)), model(said, cut=cut), checklist, deeds)


def test_every_shipped_checklist_has_scenes_for_all_its_steps() -> None:
    assert {p.stem for p in shipped_checklists()} == set(SCENES)
    for name, scenes in SCENES.items():
        assert [s.id for s in shipped(name).steps] == list(scenes)


@pytest.mark.parametrize("name", sorted(SCENES))
def test_a_model_that_behaves_passes_every_check(name: str, tmp_path: Path) -> None:
    done = scene_session(tmp_path, name, good=True)
    live, offline = both(done)
    found = {(s["id"], c["words"]): (c["state"], c["why"]) for s in offline for t in s["tries"] for c in t["checks"]}
    assert {k: v for k, v in found.items() if v[0] != "pass"} == {}
    assert live == offline
    assert not open_qa(done.path).runs[0].failed


@pytest.mark.parametrize("name", sorted(SCENES))
def test_a_model_that_misbehaves_fails_in_every_step(name: str, tmp_path: Path) -> None:
    live, offline = both(scene_session(tmp_path, name, good=False))
    assert {s["id"]: s["tries"][0]["automatic"] for s in offline} == {s["id"]: "fail" for s in offline}
    assert live == offline


TIMES = st.floats(0.2, 9.5).map(lambda t: round(t, 3))
WORDS = st.sampled_from(["one", "two", "three", "stop", "start", "well, I would say", "two of them"])
SAID = st.lists(st.tuples(TIMES, WORDS, st.sampled_from([0.0, 0.3, 1.2, 3.0])), max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=SAID,
    user=st.lists(st.tuples(TIMES, st.floats(0.3, 2.0)), max_size=3),
    cut=st.lists(TIMES, max_size=2),
    marks=st.lists(TIMES, max_size=2),
    steps=st.lists(st.tuples(TIMES, st.sampled_from(["start", "pass", "fail"])), min_size=1, max_size=5),
    lost=st.lists(TIMES, max_size=1),
)
def test_what_is_found_live_is_found_again(
    tmp_path_factory: pytest.TempPathFactory,
    said: list[Model],
    user: list[tuple[float, float]],
    cut: list[float],
    marks: list[float],
    steps: Sequence[tuple[float, str]],
    lost: list[float],
) -> None:
    checklist = read_checklist(EVERYTHING, "everything.yaml")
    deeds: list[tuple[float, Deed]] = [(t, press_m) for t in marks]
    begun = False
    for t, what in sorted(steps):
        begun = begun or what == "start"
        if begun:
            deeds.append((t, start("all") if what == "start" else judge("all", what)))
    more: dict[int, list[EndpointEvent]] = {
        int(t * 5): [EndpointError(kind="server", code="E", message="no", fatal=False, t_rx_ns=s_to_ns(t))]
        for t in lost
    }
    feed = TurnFeed(microphone(10, [(a, min(9.9, a + d)) for a, d in user]))
    done = run_session(tmp_path_factory.mktemp("s"), feed, model(said, cut=cut, more=more), checklist, deeds)
    live, offline = both(done)
    assert live == offline


def test_the_tiny_model_counts_and_both_evaluations_agree(tmp_path: Path, demo_clip: Path) -> None:
    source = f"{demo_clip / 'squats.mp4'},{demo_clip / 'squats.wav'}"
    feed = open_source(source, realtime=False, clock=MonotonicClock(), tail_s=2.0)
    deeds = [(0.2, start("before-the-first")), (4.0, judge("before-the-first", "blocked")), (5.0, start("five-squats"))]
    done = run_session(
        tmp_path, feed, make_endpoint("onnx:tiny", Settings()), shipped("counting"), deeds,
        instruction="Please count out reps for squats.",
    )  # fmt: skip
    live, offline = both(done)
    assert live == offline
    counted = next(c for c in offline[1]["tries"][0]["checks"] if c["check"] == "says_number")
    assert counted["value"] is not None
    assert [s["state"] for s in offline] == ["blocked", "ended", "pending", "pending"]


def test_a_step_is_tried_again_and_the_first_try_is_kept(tmp_path: Path) -> None:
    deeds = [
        (1.0, start("before-the-first")), (3.0, judge("before-the-first", "fail")),
        (4.0, start("before-the-first")), (13.0, judge("before-the-first", "pass")),
        (13.4, judge("before-the-first", "blocked")), (14.0, lambda run, _s: run.skip("rest", "no time")),
        (14.2, lambda run, _s: run.note("before-the-first", "größer · 測試\nsecond line")),
        (14.4, lambda run, _s: run.shot("before-the-first", "007-before-the-first.png")),
    ]  # fmt: skip
    done = run_session(tmp_path, TurnFeed(microphone(16, [])), model([]), shipped("counting"), deeds)
    live, offline = both(done)
    assert live == offline
    first = offline[0]
    assert [(t["try"], t["verdict"], t["verdicts"]) for t in first["tries"]] == [
        (1, "fail", ["fail"]), (2, "blocked", ["pass", "blocked"]),
    ]  # fmt: skip
    assert [t["checks"][0]["state"] for t in first["tries"]] == ["undecided", "pass"]
    assert first["tries"][1]["notes"] == ["größer · 測試\nsecond line"]
    assert first["tries"][1]["screenshots"] == ["007-before-the-first.png"]
    assert (offline[2]["state"], offline[2]["why"]) == ("skipped", "no time")


def test_a_verdict_after_the_session_is_kept_beside_the_recording(tmp_path: Path) -> None:
    done = run_session(tmp_path, TurnFeed(microphone(4, [])), model([]), shipped("counting"), [(1, start("rest"))])
    with pytest.raises(AppError, match="The session is over"):
        done.run.start("rest")
    done.run.judge("rest", "fail")
    from tmlapp.bench.qa.offline import keep_mark

    keep_mark(done.path, done.kept[-1])
    live, offline = both(done)
    assert live == offline
    assert offline[2]["state"] == "fail"


def test_the_marks_alone_are_enough_where_the_annotations_are_gone(tmp_path: Path) -> None:
    done = scene_session(tmp_path, "counting", good=True)
    before = both(done)[1]
    annotations_of(done.path).unlink()
    assert [v.to_json() for v in open_qa(done.path).runs[0].steps] == before


def test_damaged_annotations_are_counted_and_nothing_else_is_lost(tmp_path: Path) -> None:
    done = scene_session(tmp_path, "counting", good=True)
    before = both(done)[1]
    path = annotations_of(done.path)
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:40]
    path.write_bytes(b"\n".join(lines) + b'{"kind":"qa","id":"x","data":{"n":"two","action":"start"}}\n[]\n')
    session = open_qa(done.path)
    assert len(session.damaged) == 2
    assert [v.to_json() for v in session.runs[0].steps] == before


def test_a_checklist_that_was_changed_is_told_apart_from_the_one_that_was_run(tmp_path: Path) -> None:
    done = scene_session(tmp_path, "counting", good=True)
    text = shipped("counting").text.replace("id: rest", "id: break").replace("value: 5", "value: 9")
    changed = read_checklist(text, "changed.yaml")
    session: QaSession = open_qa(done.path, changed)
    run = session.runs[0]
    assert run.changed
    assert run.run.sha256 == shipped("counting").sha256 != changed.sha256
    assert run.unknown == ("rest",)
    assert run.steps[1].last is not None
    assert run.steps[1].last.automatic == "fail"
    assert run.steps[2].state == "pending"


def test_a_recording_without_a_checklist_says_so(tmp_path: Path) -> None:
    from tests.bench.sessions import make_recording

    path = make_recording(
        tmp_path, events=[Marker(t_ns=5, label="qa", note="not ours"), Marker(t_ns=5, label="1")]
    ).path
    with pytest.raises(AppError, match="No checklist was run"):
        open_qa(path)


def test_a_checklist_that_is_nowhere_any_more_is_named(tmp_path: Path) -> None:
    own = read_checklist(EVERYTHING, "own.yaml")
    done = run_session(tmp_path, TurnFeed(microphone(2, [])), model([]), own, [(1, start("all"))], keep=False)
    with pytest.raises(AppError, match="is gone") as gone:
        open_qa(done.path)
    assert own.sha256 in gone.value.why
    assert open_qa(done.path, own).runs[0].steps[0].state == "ended"


def test_a_step_that_cannot_apply_says_why_and_is_not_started(tmp_path: Path) -> None:
    done = run_session(tmp_path, TurnFeed(microphone(3, []), pictures=False), model([]), shipped("counting"), [])
    views = done.run.views()
    assert {v.state for v in views} == {"not_applicable"}
    assert "there is no camera" in views[0].why
    assert both(done)[0] == both(done)[1]


def test_gaps_count_while_they_touch_the_step(tmp_path: Path) -> None:
    from tmlapp.bench.qa.facts import Facts
    from tmlapp.bench.qa.log import Try
    from tmlapp.bench.qa.view import try_view

    step = read_checklist(EVERYTHING, "x").steps[0]
    facts = Facts()
    facts.on_event(Gap(t_ns=s_to_ns(1), track="mic", dur_ns=s_to_ns(1), reason="muted", kind="muted"))
    facts.on_event(Gap(t_ns=s_to_ns(3), track="mic", dur_ns=s_to_ns(1), reason="lost", kind="lost"))

    def state(a: float, b: float) -> str:
        tried = Try(step="all", number=1, start_ns=s_to_ns(a), end_ns=s_to_ns(b))
        return next(c.outcome.state for c in try_view(step, tried, facts).checks if c.check.name == "no_gap")

    assert [state(0, 2.9), state(0, 3), state(4, 5), state(4.1, 5)] == ["pass", "fail", "fail", "pass"]


def test_everything_that_was_done_is_in_the_annotations_with_who_and_when(tmp_path: Path) -> None:
    done = scene_session(tmp_path, "counting", good=True)
    lines = read_annotations(done.path).of("qa")
    assert [line.data["n"] for line in lines] == [m.n for m in done.kept]
    assert all(line.who and line.when for line in lines)
    assert lines[0].data["checklist"] == shipped("counting").text
