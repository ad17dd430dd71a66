"""Speaks to an endpoint in tests: micro-turns to push, a sink that collects, a gate in place of a slow model."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TypeVar

import cv2
import numpy as np

from tests.endpoints.minimodel import LEVEL
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.endpoint import Duplex, Endpoint, EndpointSetup, Synthesizer
from tmlapp.core.event import EndpointEvent
from tmlapp.core.media import Frame
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import TURN_NS, TURN_SAMPLES
from tmlapp.endpoints.onnx_step import Stepper, Tensor

COUNT_SQUATS = "Please count out reps for squats."
DRAIN_S = 60.0
E_ = TypeVar("E_", bound=EndpointEvent)


def setup_for(
    instruction: str = COUNT_SQUATS,
    *,
    virtual_time: bool = True,
    honest_clock: bool = False,
    synthesize: Synthesizer | None = None,
    options: Mapping[str, str] | None = None,
    clock: ManualClock | None = None,
) -> EndpointSetup:
    """A set-up; with `clock`, session time is that clock's."""
    return EndpointSetup(
        instruction=instruction,
        clock=clock or MonotonicClock(),
        session_now_ns=clock.now_ns if clock else lambda: 0,
        virtual_time=virtual_time,
        honest_clock=honest_clock,
        synthesize=synthesize,
        options=options or {},
    )


def turn(index: int, *, level: int = 0, frames: Iterable[Frame] = (), text: str = "", role: str = "user") -> MicroTurn:
    """A micro-turn whose loudest sample is `level` tenths of full scale, with `text` typed in it."""
    pcm = np.zeros(TURN_SAMPLES, dtype=np.int16)
    pcm[100] = -32768 if level == 10 else LEVEL * level
    texts = (TextInput(index * TURN_NS, text, role),) if text else ()  # type: ignore[arg-type]
    return MicroTurn(index, pcm, frames=tuple(frames), texts=texts)


def jpeg(width: int = 64, height: int = 48, *, colour: tuple[int, int, int] = (40, 80, 160)) -> bytes:
    """One colour (blue, green, red) as JPEG."""
    picture = np.full((height, width, 3), colour, dtype=np.uint8)
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert done
    return bytes(data.tobytes())


def frame(t_ns: int, width: int = 64, height: int = 48, *, colour: tuple[int, int, int] = (40, 80, 160)) -> Frame:
    return Frame(t_ns, jpeg(width, height, colour=colour), width, height)


class Heard:
    """A sink; `of` picks the events of one kind."""

    def __init__(self) -> None:
        self.events: list[EndpointEvent] = []
        self._came = threading.Condition()

    def __call__(self, event: EndpointEvent) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def of(self, kind: type[E_]) -> list[E_]:
        return [e for e in self.events if isinstance(e, kind)]

    def wait_for(self, kind: type[EndpointEvent], count: int = 1) -> None:
        """Block until `count` events of `kind` came."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.of(kind)) >= count, DRAIN_S)


def converse(endpoint: Endpoint, turns: Iterable[MicroTurn], setup: EndpointSetup | None = None) -> Heard:
    """Open, push all of `turns`, drain and close."""
    heard = Heard()
    duplex = endpoint.open(setup or setup_for(), heard)
    finish(duplex, turns)
    return heard


def finish(duplex: Duplex, turns: Iterable[MicroTurn]) -> None:
    for one in turns:
        duplex.push(one)
    duplex.drain(DRAIN_S)
    duplex.close()


class GatedStepper:
    """A model that works only when it is let: each step waits for one `let`."""

    def __init__(self, inner: Stepper) -> None:
        self._inner = inner
        self._tickets = threading.Semaphore(0)
        self._entered = threading.Semaphore(0)
        self.seen: list[Mapping[str, Tensor]] = []

    def let(self, count: int = 1) -> None:
        self._tickets.release(count)

    def await_step(self) -> None:
        """Block until the next step has begun."""
        assert self._entered.acquire(timeout=DRAIN_S)

    def step(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.seen.append(dict(inputs))
        self._entered.release()
        assert self._tickets.acquire(timeout=DRAIN_S)
        return self._inner.step(inputs)

    def states(self) -> dict[str, Tensor]:
        return self._inner.states()

    def restore(self, states: Mapping[str, Tensor]) -> None:
        self._inner.restore(states)

    def reset(self) -> None:
        self._inner.reset()

    def stop(self) -> None:
        self.let(1000)
        self._inner.stop()
