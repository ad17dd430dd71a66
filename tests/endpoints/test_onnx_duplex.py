"""A conversation with a local model: what it says, when, and what happens when it is late or breaks."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.endpoints.minimodel import Plain, mini_graph, mini_manifest, write_model
from tests.endpoints.talk import COUNT_SQUATS, DRAIN_S, GatedStepper, Heard, converse, finish, frame, setup_for, turn
from tmlapp.core.clock import ManualClock
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    EndpointEvent,
    Granted,
    Interrupted,
    Limit,
    Listen,
    SessionOpened,
    TaskSet,
    TextOut,
    TextOutDone,
    UnitDone,
)
from tmlapp.core.media import AudioClip
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.endpoints import onnx_duplex
from tmlapp.endpoints.onnx_contract import load_model
from tmlapp.endpoints.onnx_duplex import OnnxDuplex
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_local import OnnxEndpoint

pytestmark = pytest.mark.unit


@pytest.fixture
def endpoint(tmp_path: Path) -> OnnxEndpoint:
    return OnnxEndpoint("onnx:mini", write_model(tmp_path / "mini"))


def spoken(text: str) -> AudioClip:
    return AudioClip(np.full(1200 * len(text), 500, dtype=np.int16), 24_000)


def plain(events: list[EndpointEvent]) -> list[EndpointEvent]:
    """Events without what was measured."""
    return [e for e in events if not isinstance(e, UnitDone)]


# ---------------------------------------------------------------- what is said


def test_a_decision_is_text_then_sound_then_the_acknowledgement(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0, level=1)])
    kinds = [type(e) for e in heard.events]
    assert kinds == [SessionOpened, TaskSet, TextOut, TextOutDone, AudioOut, UnitDone, Closed]
    assert [(e.text, e.t_rx_ns, e.t_media_ns) for e in heard.of(TextOutDone)] == [("one", TURN_NS, TURN_NS)]
    sound = heard.of(AudioOut)[0]
    assert (sound.rate, sound.text, len(sound.pcm16), sound.dur_media_ns) == (24_000, "one", 4800, NS_PER_S // 10)
    done = heard.of(UnitDone)[0]
    assert (done.micro_turn, done.latency_ns, done.lag_turns) == (0, 0, 0)
    assert done.diagnostics["activity"] == [0.0]


def test_silence_is_a_decision_too(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0), turn(1)])
    assert [e.micro_turn for e in heard.of(Listen)] == [0, 1]
    assert not heard.of(TextOut)


def test_the_same_input_gives_the_same_events(endpoint: OnnxEndpoint) -> None:
    turns = [turn(i, level=i % 4, frames=[frame(i * TURN_NS, colour=(i * 20, 9, 90))]) for i in range(10)]
    first, second = converse(endpoint, turns), converse(endpoint, turns)
    assert plain(first.events) == plain(second.events)
    assert [u.diagnostics["activity"] for u in first.of(UnitDone)] == [
        u.diagnostics["activity"] for u in second.of(UnitDone)
    ]


def test_a_phrase_without_recording_is_spoken_by_the_voice(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0, level=2)], setup_for(synthesize=spoken))
    assert heard.of(AudioOut)[0].dur_media_ns == spoken("two").duration_ns


def test_without_a_voice_the_text_alone_is_given(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0, level=2)])
    assert [e.text for e in heard.of(TextOutDone)] == ["two"]
    assert not heard.of(AudioOut)


def test_a_voice_that_fails_is_reported_once(endpoint: OnnxEndpoint) -> None:
    def dumb(text: str) -> AudioClip:
        raise AppError("There is no voice.", "It is gone.", "Install it.")

    heard = converse(endpoint, [turn(0, level=2), turn(1, level=2)], setup_for(synthesize=dumb))
    assert [(e.code, e.fatal) for e in heard.of(EndpointError)] == [("E_VOICE", False)]
    assert len(heard.of(TextOut)) == 2


def changed(folder: Path, **keys: object) -> OnnxEndpoint:
    """The minimal model with other top-level keys."""

    def change(manifest: Plain) -> None:
        manifest.update(keys)

    return OnnxEndpoint("onnx:mini", write_model(folder, change=change))


def test_the_same_phrase_is_not_repeated_too_soon(tmp_path: Path) -> None:
    endpoint = changed(tmp_path, say_policy={"repeat_ms": 500})
    heard = converse(endpoint, [turn(i, level=1) for i in range(4)])
    assert [e.t_rx_ns for e in heard.of(TextOut)] == [TURN_NS, 4 * TURN_NS]


def test_a_narrow_decision_is_silence(tmp_path: Path) -> None:
    heard = converse(changed(tmp_path, say_policy={"min_margin": 1.5}), [turn(0, level=1), turn(1, level=2)])
    assert [e.text for e in heard.of(TextOutDone)] == ["two"]


def test_a_phrase_may_interrupt_the_one_before(tmp_path: Path) -> None:
    turns = [turn(0, level=3), turn(1, level=2)]
    endpoint = changed(tmp_path, say_policy={"interrupts": True})
    heard = converse(endpoint, turns, setup_for(synthesize=spoken))
    assert [e.t_media_ns for e in heard.of(Interrupted)] == [2 * TURN_NS]
    polite = converse(changed(tmp_path / "b"), turns, setup_for(synthesize=spoken))
    assert not polite.of(Interrupted)


def content_model(folder: Path) -> OnnxEndpoint:
    manifest = mini_manifest()
    manifest["vocabulary"][2] = {"text": "{content}"}
    manifest["task"]["rules"].insert(
        0, {"match": "remind me to (?P<content>.+) every (?P<seconds>[0-9.]+) seconds", "option": 2}
    )
    return OnnxEndpoint("onnx:mini", write_model(folder, manifest=manifest))


def test_open_content_comes_from_the_instruction(tmp_path: Path) -> None:
    said = setup_for("Remind me to “breathe in and out.” every four seconds", synthesize=spoken)
    heard = converse(content_model(tmp_path), [turn(0, level=2)], said)
    assert [e.text for e in heard.of(TextOutDone)] == ["breathe in and out"]
    assert heard.of(AudioOut)[0].text == "breathe in and out"


def test_open_content_is_spoken_before_it_is_needed(tmp_path: Path) -> None:
    asked: list[str] = []

    def voice(text: str) -> AudioClip:
        asked.append(text)
        return spoken(text)

    turns = [turn(0, text="Remind me to sit up every 9 seconds"), turn(1)]
    heard = converse(content_model(tmp_path), turns, setup_for("Remind me to drink every 4 seconds", synthesize=voice))
    assert asked == ["drink", "sit up"]
    assert not heard.of(AudioOut)


def test_a_voice_that_fails_beforehand_is_reported_when_it_is_needed(tmp_path: Path) -> None:
    def dumb(text: str) -> AudioClip:
        raise AppError("There is no voice.", "It is gone.", "Install it.")

    said = setup_for("Remind me to drink every 4 seconds", synthesize=dumb)
    heard = converse(content_model(tmp_path), [turn(0), turn(1, level=2)], said)
    assert [(e.code, e.t_rx_ns) for e in heard.of(EndpointError)] == [("E_VOICE", 2 * TURN_NS)]


def test_content_that_nothing_filled_is_silence_and_reported_once(tmp_path: Path) -> None:
    heard = converse(content_model(tmp_path), [turn(0, level=2), turn(1, level=2)])
    assert [(e.code, e.fatal) for e in heard.of(EndpointError)] == [("E_PHRASE_EMPTY", False)]
    assert len(heard.of(Listen)) == 2


# ---------------------------------------------------------------- own speech


def test_own_speech_is_passed_on_and_silence_is_not(tmp_path: Path) -> None:
    endpoint = OnnxEndpoint("onnx:mini", write_model(tmp_path, graph=mini_graph(speech=True)))
    heard = converse(endpoint, [turn(0), turn(1, level=1), turn(2, level=1), turn(3), turn(4, level=2)])
    sounds = heard.of(AudioOut)
    assert [(e.t_media_ns, e.item_id, e.text) for e in sounds] == [
        (2 * TURN_NS, "speech-1", "one"),
        (3 * TURN_NS, "speech-1", "one"),
        (5 * TURN_NS, "speech-4", "two"),
    ]
    assert all(len(e.pcm16) == 9600 and e.dur_media_ns == TURN_NS for e in sounds)


def test_speech_out_of_range_is_clipped_and_counted(tmp_path: Path) -> None:
    endpoint = OnnxEndpoint("onnx:mini", write_model(tmp_path, graph=mini_graph(speech=True, gain=5.0)))
    heard = converse(endpoint, [turn(0, level=1), turn(1, level=3)])
    assert np.frombuffer(heard.of(AudioOut)[1].pcm16, "<i2").max() == 32767
    assert [u.diagnostics["app.speech_clipped"] for u in heard.of(UnitDone)] == [[0.0], [2.0]]


# ---------------------------------------------------------------- tasks


def test_typed_text_changes_the_task_from_the_next_micro_turn_on(endpoint: OnnxEndpoint) -> None:
    turns = [turn(0, level=1), turn(1, level=1, text="stop now"), turn(2, level=1)]
    heard = converse(endpoint, turns)
    assert [(e.task, e.from_turn) for e in heard.of(TaskSet)] == [("count_reps", 0), ("none", 2)]
    assert [e.t_rx_ns for e in heard.of(TextOut)] == [TURN_NS, 2 * TURN_NS]
    assert isinstance(heard.events[heard.events.index(heard.of(TaskSet)[1]) + 1], UnitDone)


def test_without_instruction_the_model_waits_until_one_is_typed(endpoint: OnnxEndpoint) -> None:
    endpoint.check("")
    heard = converse(endpoint, [turn(0, level=1, text=COUNT_SQUATS), turn(1, level=1)], setup_for(""))
    assert [e.task for e in heard.of(TaskSet)] == ["none", "count_reps"]
    assert [e.t_rx_ns for e in heard.of(TextOut)] == [2 * TURN_NS]


def test_text_that_is_not_understood_says_what_is(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0, text="Tell me a joke."), turn(1, level=1)])
    error = heard.of(EndpointError)[0]
    assert (error.kind, error.code, error.fatal) == ("unsupported", "E_TASK_UNSUPPORTED", False)
    assert "Please count out reps for squats." in error.message
    assert len(heard.of(TextOut)) == 1


def test_text_that_is_too_long_is_refused(endpoint: OnnxEndpoint) -> None:
    error = converse(endpoint, [turn(0, text="count " * 100)]).of(EndpointError)[0]
    assert (error.kind, error.code) == ("invalid_input", "E_TASK_TOO_LONG")


def test_blank_text_is_nothing_and_system_text_is_refused(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0, text="  "), turn(1, text="Be brief.", role="system")])
    assert [(e.code, e.t_rx_ns) for e in heard.of(EndpointError)] == [("E_TASK_UNSUPPORTED", 2 * TURN_NS)]


def test_an_instruction_that_is_not_understood_is_refused_before_the_start(endpoint: OnnxEndpoint) -> None:
    with pytest.raises(OnnxContractError) as caught:
        endpoint.check("Sing a song.")
    assert caught.value.code == "E_TASK_UNSUPPORTED"
    assert "Please count out reps for squats." in caught.value.fix


def test_a_model_that_does_one_thing_takes_no_instruction(tmp_path: Path) -> None:
    graph = mini_graph()
    graph.graph.input.remove(next(i for i in graph.graph.input if i.name == "task"))
    graph.graph.initializer.append(type(graph.graph.initializer[0])(name="task", data_type=7, dims=[1], int64_data=[1]))
    endpoint = OnnxEndpoint(
        "onnx:mini", write_model(tmp_path, graph=graph, change=lambda m: m.update(task={"kind": "none"}))
    )
    heard = converse(endpoint, [turn(0, level=1, text="count")])
    granted = heard.of(SessionOpened)[0].granted
    assert [r.asked for r in granted.rejections if "one thing" in r.reason] == [COUNT_SQUATS]
    assert granted.modalities_in == ("audio", "video")
    assert not heard.of(TaskSet)
    assert [e.code for e in heard.of(EndpointError)] == ["E_TASK_UNSUPPORTED"]


def test_what_was_granted_names_the_model(endpoint: OnnxEndpoint) -> None:
    granted = converse(endpoint, []).of(SessionOpened)[0].granted
    assert (granted.endpoint, granted.name, granted.local) == ("onnx:mini", "mini", True)
    assert granted.provider == "CPUExecutionProvider"
    assert granted.details["threads"] == 1
    assert len(granted.details["manifest_sha256"]) == 64


# ---------------------------------------------------------------- breaking


@pytest.fixture
def fragile(tmp_path: Path) -> OnnxEndpoint:
    graph = mini_graph(fragile=True)
    return OnnxEndpoint("onnx:mini", write_model(tmp_path / "fragile", graph=graph))


def loud(index: int, peak: int) -> MicroTurn:
    pcm = np.zeros(3200, dtype=np.int16)
    pcm[0] = peak
    return MicroTurn(index, pcm)


@pytest.mark.parametrize(("peak", "code"), [(32_000, "E_NONFINITE"), (-32_768, "E_RUN")])
def test_a_broken_step_stops_the_session_and_nothing_of_it_is_played(
    fragile: OnnxEndpoint, peak: int, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = converse(fragile, [turn(0, level=1), loud(1, peak), turn(2, level=1)])
    errors = heard.of(EndpointError)
    assert [(e.kind, e.code, e.fatal) for e in errors] == [("internal", code, True)]
    assert [u.micro_turn for u in heard.of(UnitDone)] == [0]
    assert len(heard.of(TextOut)) == 1
    assert (heard.of(Closed)[0].code, heard.of(Closed)[0].initiated_by) == (code, "us")
    assert capfd.readouterr() == ("", "")


def test_a_bug_in_the_worker_is_an_error_and_no_dead_thread(endpoint: OnnxEndpoint) -> None:
    def broken(text: str) -> AudioClip:
        raise ZeroDivisionError("oh")

    heard = converse(endpoint, [turn(0, level=2), turn(1)], setup_for(synthesize=broken))
    assert [(e.code, e.fatal) for e in heard.of(EndpointError)] == [("E_INTERNAL", True)]


def test_a_bug_before_the_first_step_is_an_error_too(tmp_path: Path) -> None:
    def broken(text: str) -> AudioClip:
        raise ZeroDivisionError("oh")

    said = setup_for("Remind me to drink every 4 seconds", synthesize=broken)
    heard = Heard()
    duplex = content_model(tmp_path).open(said, heard)
    heard.wait_for(EndpointError)
    finish(duplex, [turn(0)])
    assert [(e.code, e.fatal) for e in heard.of(EndpointError)] == [("E_INTERNAL", True)]
    assert not heard.of(UnitDone)


def test_micro_turns_must_follow_each_other(endpoint: OnnxEndpoint) -> None:
    duplex = endpoint.open(setup_for(), Heard())
    duplex.push(turn(0))
    with pytest.raises(ValueError, match="micro-turn 1 was expected, not 2"):
        duplex.push(turn(2))
    duplex.close()


# ---------------------------------------------------------------- being late


class Slow:
    """A conversation in real time on a clock that stands still, with a model that waits for `gate.let`."""

    def __init__(self, folder: Path, *, virtual_time: bool = False, honest_clock: bool = False) -> None:
        self.clock = ManualClock()
        model = load_model(write_model(folder))
        self.gate = GatedStepper(model.stepper())
        self.heard = Heard()
        setup = setup_for(virtual_time=virtual_time, honest_clock=honest_clock, clock=self.clock)
        granted = Granted(endpoint="onnx:mini", name="mini", local=True)
        self.duplex = OnnxDuplex(
            model, setup, self.heard, granted, stepper=self.gate, timer=self.clock.now_ns
        )  # the stopwatch is the same clock, so that costs are exact

    def push_until(self, first: int, last: int) -> None:
        for index in range(first, last + 1):
            self.clock.advance(TURN_NS)
            self.duplex.push(turn(index, level=1, frames=[frame(index * TURN_NS + 1)]))


@pytest.fixture
def slow(tmp_path: Path) -> Slow:
    return Slow(tmp_path)


def test_a_step_of_one_second_delays_outputs_and_nothing_is_lost(slow: Slow) -> None:
    slow.push_until(0, 0)
    slow.gate.await_step()
    slow.push_until(1, 4)
    slow.clock.advance(TURN_NS)
    slow.gate.let(5)
    slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    done = slow.heard.of(UnitDone)
    assert [u.micro_turn for u in done] == [0, 1, 2, 3, 4]
    assert [u.lag_turns for u in done] == [0, 3, 2, 1, 0]
    assert done[0].compute_ns == NS_PER_S
    assert done[0].latency_ns == NS_PER_S
    assert [u.t_media_ns for u in done] == [(k + 1) * TURN_NS for k in range(5)]
    assert {u.t_rx_ns for u in done} == {6 * TURN_NS}
    assert done[4].queue_ns == TURN_NS
    assert len(slow.heard.of(TextOut)) == 5
    assert not slow.heard.of(Limit)


def test_at_five_waiting_micro_turns_pictures_are_skipped_until_it_has_caught_up(slow: Slow) -> None:
    slow.push_until(0, 0)
    slow.gate.await_step()
    slow.push_until(1, 4)
    assert not slow.heard.of(Limit)
    slow.push_until(5, 7)
    limit = slow.heard.of(Limit)
    assert [(e.kind, e.t_rx_ns) for e in limit] == [("rate", 6 * TURN_NS)]
    assert "5 micro-turns (1.0 s) behind" in limit[0].message
    slow.gate.let(8)
    slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    done = slow.heard.of(UnitDone)
    assert [u.lag_turns for u in done] == [0, 6, 5, 4, 3, 2, 1, 0]
    assert [u.diagnostics["app.frames_skipped"] for u in done] == [[0.0], *[[1.0]] * 5, [0.0], [0.0]]
    shown = [inputs["frames"] for inputs in slow.gate.seen]
    assert all(np.array_equal(picture[0, 1], shown[0][0, 1]) for picture in shown)


def test_a_second_delay_is_reported_again(slow: Slow) -> None:
    for start in (0, 7):
        slow.push_until(start, start)
        slow.gate.await_step()
        slow.push_until(start + 1, start + 6)
        slow.gate.let(7)
        slow.duplex.drain(DRAIN_S)
        for _ in range(6):
            slow.gate.await_step()
    slow.duplex.close()
    assert len(slow.heard.of(Limit)) == 2


def test_five_seconds_behind_ends_the_session_even_if_the_step_never_returns(slow: Slow) -> None:
    slow.push_until(0, 0)
    slow.gate.await_step()
    slow.push_until(1, 24)
    assert not slow.heard.of(EndpointError)
    slow.push_until(25, 25)
    error = slow.heard.of(EndpointError)[0]
    assert (error.kind, error.code, error.fatal) == ("backpressure", "E_OVERRUN", True)
    slow.push_until(26, 30)
    slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    assert not slow.heard.of(UnitDone)
    assert slow.heard.of(Closed)[0].code == "E_OVERRUN"


def test_drain_gives_up_after_its_time(slow: Slow) -> None:
    slow.push_until(0, 0)
    slow.gate.await_step()
    waiter = threading.Thread(target=slow.duplex.drain, args=(3.0,))
    waiter.start()
    slow.clock.await_waiters()
    slow.clock.advance(3 * NS_PER_S)
    waiter.join(DRAIN_S)
    assert not waiter.is_alive()
    slow.duplex.close()
    assert not slow.heard.of(UnitDone)


def test_in_virtual_time_nothing_is_ever_late(tmp_path: Path) -> None:
    slow = Slow(tmp_path, virtual_time=True)
    slow.push_until(0, 40)
    slow.gate.let(41)
    slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    done = slow.heard.of(UnitDone)
    assert [u.t_rx_ns for u in done] == [(k + 1) * TURN_NS for k in range(41)]
    assert {u.lag_turns for u in done} == {0}
    assert not slow.heard.of(Limit)


def test_an_honest_clock_adds_the_cost_and_passes_delays_on(tmp_path: Path) -> None:
    slow = Slow(tmp_path, virtual_time=True, honest_clock=True)
    for index, cost_ns in enumerate((NS_PER_S, 0, TURN_NS // 2)):
        slow.duplex.push(turn(index, level=1))
        slow.gate.await_step()
        slow.clock.advance(cost_ns)
        slow.gate.let()
        slow.duplex.drain(DRAIN_S)
    slow.duplex.close()
    done = slow.heard.of(UnitDone)
    assert [u.t_rx_ns for u in done] == [6 * TURN_NS, 6 * TURN_NS, 6 * TURN_NS + TURN_NS // 2]
    assert [u.lag_turns for u in done] == [0, 4, 3]
    assert [e.t_rx_ns for e in slow.heard.of(TextOut)] == [u.t_rx_ns for u in done]


def test_closing_during_a_step_lets_nothing_through_afterwards(slow: Slow) -> None:
    slow.push_until(0, 1)
    slow.gate.await_step()
    slow.duplex.close()
    assert isinstance(slow.heard.events[-1], Closed)
    assert not slow.heard.of(EndpointError)


def test_a_step_that_never_ends_does_not_hold_up_the_end(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_duplex, "_JOIN_S", 0.0)
    monkeypatch.setattr(slow.gate, "stop", lambda: None)
    slow.push_until(0, 0)
    slow.gate.await_step()
    slow.duplex.close()
    assert isinstance(slow.heard.events[-1], Closed)
    count = len(slow.heard.events)
    slow.gate.let()
    slow.duplex._worker.join(DRAIN_S)
    assert len(slow.heard.events) == count


def test_a_sink_may_close_the_conversation(endpoint: OnnxEndpoint) -> None:
    heard = Heard()

    def sink(event: EndpointEvent) -> None:
        heard(event)
        if isinstance(event, UnitDone):
            duplex.close()

    duplex = endpoint.open(setup_for(), sink)
    duplex.push(turn(0))
    heard.wait_for(Closed)
    duplex.close()
    assert len(heard.of(Closed)) == 1


# ---------------------------------------------------------------- memory


def test_a_session_goes_on_from_a_saved_state(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    turns = [turn(i, frames=[frame(i * TURN_NS, colour=(i * 25, 0, 0))]) for i in range(8)]
    whole = converse(endpoint, turns)
    duplex = endpoint.open(setup_for(), Heard())
    for one in turns[:4]:
        duplex.push(one)
    duplex.drain(DRAIN_S)
    duplex.save_state(tmp_path / "at4.npz")
    duplex.close()
    rest = converse(endpoint, turns[4:], setup_for(options={"state": str(tmp_path / "at4.npz")}))
    assert [u.diagnostics["activity"] for u in rest.of(UnitDone)] == [
        u.diagnostics["activity"] for u in whole.of(UnitDone)[4:]
    ]


def test_reset_forgets_what_was_seen(endpoint: OnnxEndpoint) -> None:
    heard = Heard()
    duplex = endpoint.open(setup_for(), heard)
    duplex.push(turn(0, frames=[frame(0)]))
    duplex.drain(DRAIN_S)
    duplex.reset()
    finish(duplex, [turn(1)])
    assert heard.of(UnitDone)[1].diagnostics["activity"] == [0.0]


def test_a_state_of_another_model_is_refused(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    other = changed(tmp_path / "other", name="other")
    duplex = other.open(setup_for(), Heard())
    duplex.save_state(tmp_path / "s.npz")
    duplex.close()
    with pytest.raises(OnnxContractError, match="another model"):
        endpoint.open(setup_for(options={"state": str(tmp_path / "s.npz")}), Heard())


def test_a_damaged_state_is_refused(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    (tmp_path / "s.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(OnnxContractError, match="E_STATE_FILE"):
        endpoint.open(setup_for(options={"state": str(tmp_path / "s.npz")}), Heard())


def test_a_state_with_other_tensors_is_refused(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    duplex = endpoint.open(setup_for(), Heard())
    duplex.save_state(tmp_path / "s.npz")
    duplex.close()
    with np.load(tmp_path / "s.npz") as file:
        arrays = dict(file)
    arrays["next.count"] = np.zeros((2, 2), np.float32)
    np.savez(tmp_path / "s.npz", **arrays)
    with pytest.raises(OnnxContractError, match="does not hold the states"):
        endpoint.open(setup_for(options={"state": str(tmp_path / "s.npz")}), Heard())


def test_a_state_that_cannot_be_written_is_an_error(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    duplex = endpoint.open(setup_for(), Heard())
    with pytest.raises(AppError, match="cannot be written"):
        duplex.save_state(tmp_path / "no" / "s.npz")
    duplex.close()


# ---------------------------------------------------------------- checked, then opened


def test_files_that_change_between_check_and_open_are_noticed(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    endpoint.check(COUNT_SQUATS)
    (tmp_path / "mini" / "model.onnx").write_bytes(b"changed")
    with pytest.raises(OnnxContractError, match="E_FILE_HASH"):
        endpoint.open(setup_for(), Heard())


def test_a_file_that_goes_between_check_and_open_is_noticed(endpoint: OnnxEndpoint, tmp_path: Path) -> None:
    endpoint.check(COUNT_SQUATS)
    (tmp_path / "mini" / "prev.npy").unlink()
    with pytest.raises(OnnxContractError, match="E_FILE_MISSING"):
        endpoint.open(setup_for(), Heard())


def test_a_checked_model_answers(endpoint: OnnxEndpoint) -> None:
    endpoint.check(COUNT_SQUATS)
    assert len(converse(endpoint, [turn(0, level=1)]).of(TextOut)) == 1


def test_a_forced_provider_is_used(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0)], setup_for(options={"provider": "cpu"}))
    assert heard.of(SessionOpened)[0].granted.provider == "CPUExecutionProvider"
    assert heard.of(SessionOpened)[0].granted.rejections == ()
    with pytest.raises(OnnxContractError, match="E_PROVIDER"):
        endpoint.open(setup_for(options={"provider": "abacus"}), Heard())
