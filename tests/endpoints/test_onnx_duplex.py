"""A conversation with a local model: what it says and when, tasks, and broken steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.endpoints.minimodel import Plain, mini_graph, mini_manifest, write_model
from tests.endpoints.talk import COUNT_SQUATS, Heard, converse, finish, frame, setup_for, turn
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    EndpointError,
    EndpointEvent,
    Interrupted,
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


def test_without_a_voice_it_is_told_once_for_each_text(endpoint: OnnxEndpoint) -> None:
    heard = converse(endpoint, [turn(0, level=2), turn(1, level=2), turn(2, level=1)])
    errors = heard.of(EndpointError)
    assert [(e.code, e.fatal) for e in errors] == [("E_VOICE", False)]
    assert errors[0].message.startswith("There is no voice for “two”: it is shown only. Install")


def test_a_voice_that_fails_is_reported_once(endpoint: OnnxEndpoint) -> None:
    def dumb(text: str) -> AudioClip:
        raise AppError("There is no voice.", "It is gone.", "Install it.")

    heard = converse(endpoint, [turn(0, level=2), turn(1, level=2)], setup_for(synthesize=dumb))
    assert [(e.code, e.fatal) for e in heard.of(EndpointError)] == [("E_VOICE", False)]
    assert heard.of(EndpointError)[0].message == "“two” is shown only. There is no voice. It is gone. Install it."
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


def test_open_content_is_played_from_its_recording_and_only_from_its_own(tmp_path: Path) -> None:
    manifest = mini_manifest()
    manifest["vocabulary"][2] = {"text": "{content}"}
    manifest["x-recordings"] = {"drink water": "phrases/one.wav"}
    manifest["task"]["rules"].insert(0, {"match": "remind me to (?P<content>.+)", "option": 2})
    endpoint = OnnxEndpoint("onnx:mini", write_model(tmp_path, manifest=manifest))
    turns = [turn(0, level=2, text="Remind me to drink."), turn(1, level=2)]
    heard = converse(endpoint, turns, setup_for("Remind me to “Drink  Water”!"))
    assert [(e.text, e.dur_media_ns) for e in heard.of(AudioOut)] == [("drink water", NS_PER_S // 10)]
    assert ["“drink”" in e.message for e in heard.of(EndpointError)] == [True]


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


def test_own_speech_that_goes_on_is_not_cut_off_by_an_instruction(tmp_path: Path) -> None:
    endpoint = OnnxEndpoint("onnx:mini", write_model(tmp_path, graph=mini_graph(speech=True)))
    heard = converse(endpoint, [turn(0, level=1), turn(1, level=1, text="stop now"), turn(2, level=1)])
    assert [e.task for e in heard.of(TaskSet)] == ["count_reps", "none"]
    # The graph knows of it, and decides itself; cut off, its speech would stay away until it is silent.
    assert not heard.of(Interrupted)
    assert [e.item_id for e in heard.of(AudioOut)] == ["speech-0"] * 3


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
    # What was just begun is cut off, and then the micro-turn is over.
    after = heard.events[heard.events.index(heard.of(TaskSet)[1]) + 1 :]
    assert [type(e) for e in after[:2]] == [Interrupted, UnitDone]


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
