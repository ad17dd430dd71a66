"""A conversation with an endpoint in virtual time, turn by turn, so that what it says can change what it hears.

What it says goes through the same playout as in a session on virtual time: sound that is received at the end of
micro-turn k is heard from there on. A `Ducked` lowers it for the next micro-turn.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TypeVar

import numpy as np

from tmlapp.bench.model_check.material import Sound, floats, integers
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.endpoint import Endpoint, EndpointSetup, Synthesizer
from tmlapp.core.errors import AppError
from tmlapp.core.event import EndpointError, EndpointEvent, Granted, Heard, SpeechHeard, TaskSet, UnitDone
from tmlapp.core.media import Pcm
from tmlapp.core.resample import Resampler
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import NS_PER_S, OUTPUT_RATE_HZ, SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES
from tmlapp.live.speaking import Speaking

ANSWER_TIMEOUT_S = 120.0
WHEN = ("elapsed_s", "since_turn")
"""Parameters that tell when something was said, which differs from trial to trial and is no part of what was asked."""

_LONGEST_NS = 30 * NS_PER_S
_OUT_SAMPLES = OUTPUT_RATE_HZ // 5
E_ = TypeVar("E_", bound=EndpointEvent)

Air = Callable[[Sound, Sound], Pcm]
"""From what the person says at the microphone and what the loudspeaker plays in a micro-turn (float64 [3200] each) to
what the model hears in it (int16 [3200])."""


class Unheard(Exception):  # noqa: N818 - it is a finding, not a failure
    """The endpoint cannot be asked this; the text says why, for the table."""


class Talk:
    """One open conversation.

    Attributes:
        granted: what the endpoint agreed to.
        events: everything that it sent.
        heard: what of it was heard, item by item.

    Raises:
        AppError: the endpoint cannot be opened.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        instruction: str = "",
        *,
        options: Mapping[str, str] | None = None,
        synthesize: Synthesizer | None = None,
        air: Air | None = None,
    ) -> None:
        self.events: list[EndpointEvent] = []
        self.heard: list[Heard] = []
        self.index = 0
        self._queue: queue.SimpleQueue[EndpointEvent] = queue.SimpleQueue()
        self._speaking = Speaking()
        self._to_16k = Resampler(OUTPUT_RATE_HZ, SAMPLE_RATE_HZ)
        self._air = air or _still
        setup = EndpointSetup(
            instruction=instruction,
            clock=MonotonicClock(),
            session_now_ns=lambda: 0,
            virtual_time=True,
            synthesize=synthesize,
            options=dict(options or {}),
        )
        endpoint.check(instruction)
        self._duplex = endpoint.open(setup, self._queue.put)
        self.granted: Granted = self._duplex.granted

    def __enter__(self) -> Talk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._duplex.close()

    @property
    def t_ns(self) -> int:
        """Session time of the next micro-turn's first sample."""
        return self.index * TURN_NS

    def played(self) -> Sound:
        """What the loudspeaker plays in the next micro-turn: float64 [3200]. Asked for once per micro-turn.

        It is known before that micro-turn is captured: every answer so far has come by its beginning.
        """
        begin, out = self.t_ns, np.zeros(_OUT_SAMPLES, np.int16)
        pieces, ended = self._speaking.advance(begin + TURN_NS)
        self.heard += [event for event in ended if isinstance(event, Heard)]
        for piece in pieces:
            if piece.rate_hz != OUTPUT_RATE_HZ:
                raise ValueError(f"the embedded voice speaks at {OUTPUT_RATE_HZ} Hz, not {piece.rate_hz}")
            at = round((piece.t_ns - begin) * OUTPUT_RATE_HZ / NS_PER_S)
            room = out[max(0, at) : at + len(piece.pcm)]
            room[:] = piece.pcm[: len(room)]
        return floats(self._to_16k.push(out))

    def played_out(self) -> None:
        """Let what has been received be heard to its end; for the last look at `heard`."""
        _, ended = self._speaking.advance(self.t_ns + _LONGEST_NS)
        self.heard += [event for event in ended if isinstance(event, Heard)]

    def turn(self, pcm: Pcm, *texts: TextInput) -> list[EndpointEvent]:
        """Push one micro-turn (int16 [3200]) and wait for everything that it leads to.

        Raises:
            AppError: the endpoint fails, or does not answer.
        """
        self._duplex.push(MicroTurn(self.index, pcm, texts=texts))
        found: list[EndpointEvent] = []
        while True:
            try:
                event = self._queue.get(timeout=ANSWER_TIMEOUT_S)
            except queue.Empty as error:
                raise AppError(
                    "The endpoint does not answer.",
                    f"Nothing came for micro-turn {self.index} in {ANSWER_TIMEOUT_S:.0f} s.",
                    "Try it by hand: tmlapp run.",
                ) from error
            found.append(event)
            self._speaking.take(event)
            if isinstance(event, EndpointError) and event.fatal:
                raise AppError("The endpoint failed.", event.message, "Try it by hand: tmlapp run.")
            if isinstance(event, UnitDone) and event.micro_turn == self.index:
                break
        self.index += 1
        self.events += found
        return found

    def listen(self, near: Sound, *texts: TextInput) -> list[EndpointEvent]:
        """One micro-turn in which the person says `near` (float64 [3200], at the microphone)."""
        return self.turn(self._air(near, self.played()), *texts)

    def quiet(self, turns: int) -> list[EndpointEvent]:
        """So many micro-turns in which the person says nothing."""
        return [event for _ in range(turns) for event in self.listen(np.zeros(TURN_SAMPLES))]

    def type(self, text: str, *, after_ns: int = 0) -> list[EndpointEvent]:
        """Type `text` so long after the beginning of the next micro-turn."""
        return self.listen(np.zeros(TURN_SAMPLES), TextInput(self.t_ns + after_ns, text))


def _still(near: Sound, played: Sound) -> Pcm:  # noqa: ARG001 - headphones: nothing of it comes back
    return integers(near)


def of(events: list[EndpointEvent], kind: type[E_]) -> list[E_]:
    """Those of one kind."""
    return [event for event in events if isinstance(event, kind)]


def hearing_of(endpoint: Endpoint) -> Granted:
    """What `endpoint` agrees to, if it can hear instructions on virtual time.

    Raises:
        Unheard: it cannot.
        AppError: it cannot be opened.
    """
    if not endpoint.local:
        raise Unheard(f"{endpoint.address} runs elsewhere; its hearing cannot be run on virtual time")
    with Talk(endpoint) as talk:
        granted = talk.granted
    if not granted.acknowledges_units:
        raise Unheard(f"{endpoint.address} does not say when it has answered a micro-turn")
    if not granted.details.get("hears_instructions"):
        raise Unheard(f"{endpoint.address} does not hear instructions")
    return granted


def effect(events: list[EndpointEvent]) -> tuple[str, tuple[tuple[str, float], ...]] | None:
    """What an instruction led to: the last task with its parameters; None for nothing."""
    found = of(events, TaskSet)
    if not found:
        return None
    params = {name: value for name, value in found[-1].params.items() if name not in WHEN}
    return found[-1].task, tuple(sorted(params.items()))


def words_heard(events: list[EndpointEvent]) -> str:
    """Accepted and refused words of `events`, for people."""
    parts = [f"“{e.text}”" + ("" if e.accepted else f" (refused: {e.reason})") for e in of(events, SpeechHeard)]
    return "; ".join(parts) or "nothing"
