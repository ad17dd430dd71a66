"""A trial says what an endpoint granted, how long it took, and what it said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from tmlapp.config.settings import Settings
from tmlapp.core.clock import ManualClock
from tmlapp.core.endpoint import EndpointSetup, EventSink
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    Closed,
    ConnectionChanged,
    EndpointError,
    EndpointEvent,
    Granted,
    InputLost,
    Rejection,
    RoundTrip,
    SessionOpened,
    TextOut,
    TextOutDone,
    TurnDone,
)
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS
from tmlapp.live.try_endpoint import Trial, try_endpoint

pytestmark = pytest.mark.unit


class JumpingClock(ManualClock):
    """Whoever waits is at once where he wanted to be."""

    def wait(self, event: threading.Event, until_ns: int | None) -> bool:
        if until_ns is not None:
            self.advance(max(0, until_ns - self.now_ns()))
        return event.is_set()


@dataclass
class Model:
    """Answers each micro-turn with the events that `answers` gives for it."""

    answers: Callable[[MicroTurn, int], list[EndpointEvent]]
    fails: AppError | None = None
    address: str = "fake:model"
    local: bool = False
    host: str = "model.example"
    turns: list[MicroTurn] = field(default_factory=list)
    drained: bool = False
    closed: bool = False
    sink: EventSink = print
    granted: Granted = field(
        default_factory=lambda: Granted(
            endpoint="fake:model",
            name="Fake",
            local=False,
            modalities_in=("audio",),
            modalities_out=("audio",),
            rejections=(Rejection(asked="images", granted="", reason="It sees nothing."),),
        )
    )

    def check(self, instruction: str) -> None:
        assert instruction

    def open(self, setup: EndpointSetup, sink: EventSink) -> Model:
        self.setup, self.sink = setup, sink
        sink(ConnectionChanged(state="waiting", reason="Place 2 in the queue"))
        if self.fails:
            raise self.fails
        sink(SessionOpened(granted=self.granted))
        return self

    def push(self, turn: MicroTurn) -> None:
        self.turns.append(turn)
        for event in self.answers(turn, self.setup.session_now_ns()):
            self.sink(event)

    def drain(self, timeout_s: float) -> None:
        self.drained = True

    def close(self) -> None:
        self.closed = True
        self.sink(Closed(code="normal", reason="", initiated_by="us"))


def _sound(t_ns: int, seconds: float = 0.2) -> AudioOut:
    return AudioOut(t_rx_ns=t_ns, pcm16=np.full(round(24_000 * seconds), 5000, "<i2").tobytes(), rate=24_000)


def _says_hello_at(index: int) -> Callable[[MicroTurn, int], list[EndpointEvent]]:
    def answers(turn: MicroTurn, now_ns: int) -> list[EndpointEvent]:
        if turn.index != index:
            return [RoundTrip(rtt_ns=7 * NS_PER_MS)] if turn.index < 2 else []
        return [
            TextOut(t_rx_ns=now_ns, delta="Hello", channel="transcript"),
            _sound(now_ns),
            TextOutDone(t_rx_ns=now_ns, text="Hello you.", channel="transcript"),
            TurnDone(status="completed"),
        ]

    return answers


def _try(model: Model, **more: object) -> Trial:
    return try_endpoint("fake:model", Settings(), endpoint=model, clock=JumpingClock(), **more)  # type: ignore[arg-type]


def test_the_sentence_is_spoken_and_the_answer_comes_back_with_its_times() -> None:
    model = Model(_says_hello_at(30))
    told: list[str] = []
    trial = _try(model, on_progress=told.append)
    spoken = np.concatenate([t.pcm for t in model.turns])
    end = int(np.flatnonzero(spoken)[-1]) / 16
    assert np.abs(spoken.astype(int)).max() > 3000
    assert trial.said == "Hello you."
    assert trial.sound is not None
    assert len(trial.sound.pcm) == 4800
    assert trial.rtt_ms == 7
    assert trial.first_sound_ms == pytest.approx(31 * 200 - end, abs=70)
    assert trial.first_text_ms == trial.first_sound_ms
    assert trial.error is None
    assert (model.drained, model.closed) == (True, True)
    assert told == ["Connecting", "Place 2 in the queue", "Speaking", "Listening"]


_GRANTED = Granted(endpoint="onnx:tiny", name="tiny", local=True, modalities_in=("audio",), modalities_out=("audio",))


def test_an_answer_before_the_end_of_the_sentence_is_told_without_a_minus_sign() -> None:
    trial = Trial(address="onnx:tiny", host="", granted=_GRANTED, first_sound_ms=-1149.6, first_text_ms=80.2)
    assert "First sound: 1150 ms before the end of the sentence, unasked" in trial.lines()
    assert "First text: 80 ms after the end of the sentence" in trial.lines()


def test_it_listens_no_longer_than_needed_after_an_answer() -> None:
    model = Model(_says_hello_at(30))
    _try(model)
    assert 31 < len(model.turns) < 45


def test_a_silent_model_is_listened_to_for_the_whole_time_and_said_to_be_silent() -> None:
    model = Model(lambda turn, now: [])  # noqa: ARG005 - the form of what it stands for
    trial = _try(model, longest_s=5.0)
    assert len(model.turns) == 25
    assert "It wrote no words." in trial.lines()
    assert "It sent no sound." in trial.lines()
    assert trial.first_sound_ms is None


def test_what_was_refused_lost_or_complained_about_stands_in_the_lines() -> None:
    def answers(turn: MicroTurn, now_ns: int) -> list[EndpointEvent]:
        if turn.index == 3:
            return [
                InputLost(micro_turn=3, what="turn", reason="gone"),
                EndpointError(kind="invalid_input", code="bad", message="No.", fatal=False),
            ]
        return []

    lines = _try(Model(answers), longest_s=2.0).lines()
    assert "Refused: images (granted: nothing): It sees nothing." in lines
    assert "Lost micro-turns: 1" in lines
    assert "Complaint: invalid_input (bad): No." in lines


def test_a_fatal_error_ends_the_trial_and_says_why() -> None:
    def answers(turn: MicroTurn, now_ns: int) -> list[EndpointEvent]:
        fatal = EndpointError(kind="quota", code="insufficient_quota", message="No credit.", fatal=True)
        return [fatal] if turn.index == 2 else []

    model = Model(answers)
    trial = _try(model)
    assert trial.error is not None
    assert "insufficient_quota" in trial.error.what
    assert trial.error.why == "No credit."
    assert len(model.turns) == 3
    assert model.closed


def test_an_endpoint_that_cannot_be_opened_is_an_error_in_the_trial() -> None:
    error = AppError("No.", "The key is refused.", "Use another.")
    trial = _try(Model(lambda turn, now: [], fails=error))  # noqa: ARG005 - the form of what it stands for
    assert trial.error is error
    assert trial.granted is None
    assert trial.connect_ms is None


def test_an_address_that_nobody_knows_is_an_error_in_the_trial() -> None:
    trial = try_endpoint("nobody:x", Settings())
    assert trial.error is not None
    assert "nobody" in trial.error.what


def test_a_refused_address_is_not_told_again_for_a_key_may_stand_in_it() -> None:
    trial = try_endpoint("sglang_omni:wss://lab.example/?token=marker-0123456789", Settings())
    assert trial.error is not None
    assert "carries a key" in trial.error.why
    assert "marker-0123456789" not in " ".join(trial.lines())


def test_a_cancelled_trial_stops_at_once_and_says_so() -> None:
    model = Model(lambda turn, now: [])  # noqa: ARG005 - the form of what it stands for
    trial = _try(model, cancelled=lambda: len(model.turns) >= 4)
    assert len(model.turns) == 4
    assert trial.error is not None
    assert trial.error.what == "The test was cancelled."
    assert model.setup.abandoned()


def test_without_a_voice_the_sentence_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.live.voice.shutil.which", lambda program: None)  # noqa: ARG005 - the form of what it stands for
    model = Model(_says_hello_at(6))
    trial = _try(model, sentence="Hi there.")
    assert [t.text for turn in model.turns for t in turn.texts] == ["Hi there."]
    assert not any(t.pcm.any() for t in model.turns)
    assert trial.said == "Hello you."
