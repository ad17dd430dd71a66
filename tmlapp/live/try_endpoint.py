"""A first conversation with an endpoint: one spoken sentence in, what comes back out, nothing recorded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tmlapp.config.settings import Settings
from tmlapp.core.clock import Clock, MonotonicClock
from tmlapp.core.endpoint import Duplex, Endpoint, EndpointSetup
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
    SessionUpdated,
    TextOut,
    TextOutDone,
    TurnDone,
)
from tmlapp.core.media import AudioClip, Pcm
from tmlapp.core.resample import resample
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import NS_PER_MS, OUTPUT_RATE_HZ, SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES, samples_to_ns
from tmlapp.live.plan import make_endpoint
from tmlapp.live.voice import EspeakVoice

INSTRUCTION = "In 2 seconds tell me to drink."
"""Models that speak unasked do so by themselves; the others answer the sentence."""

SENTENCE = "Hello. Please answer with one short sentence."
LEAD_TURNS = 2
LONGEST_S = 15.0
PATIENCE_TURNS = 6
"""So long nothing more may come after the sound has ended, before the trial is over."""

DRAIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a trial showed. Times in ms; None where it did not come to that.

    Attributes:
        connect_ms: from the start to the model's agreement.
        rtt_ms: median of the pings that were answered.
        first_sound_ms, first_text_ms: from the end of the spoken sentence; negative where the model spoke before.
        sent: what was said to the model.
        said: its words, as it wrote them.
        sound: all sound that it sent.
        lost_turns: micro-turns that did not reach it.
        errors: what the endpoint complained about without ending the session.
        error: why the trial ended early.
    """

    address: str
    host: str
    granted: Granted | None = None
    connect_ms: float | None = None
    rtt_ms: float | None = None
    first_sound_ms: float | None = None
    first_text_ms: float | None = None
    sent: str = ""
    said: str = ""
    sound: AudioClip | None = None
    lost_turns: int = 0
    errors: tuple[str, ...] = ()
    error: AppError | None = None

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """What was asked for and not granted."""
        return self.granted.rejections if self.granted else ()

    def lines(self) -> list[str]:
        """The whole of it for a person, one fact a line."""
        where = f" at {self.host}" if self.host else ""
        if self.granted is None:
            # Nothing was said, so there is nothing to say about an answer.
            return [f"Endpoint: {self.address}{where}"]
        found = [f"Endpoint: {self.address}{where or ', on this machine'}", *_granted_lines(self.granted)]
        found += [
            f"{what}: {value:.0f} ms"
            for what, value in (
                ("Connected and configured after", self.connect_ms),
                ("Round trip of the network", self.rtt_ms),
            )
            if value is not None
        ]
        found += [
            f"{what}: {_from_the_end(value)}"
            for what, value in (("First sound", self.first_sound_ms), ("First text", self.first_text_ms))
            if value is not None
        ]
        found.append(f"Said to it: “{self.sent}”")
        found.append(f"It said: “{self.said}”" if self.said else "It wrote no words.")
        found.append(f"It sent {_seconds(self.sound):.1f} s of sound." if self.sound else "It sent no sound.")
        if self.lost_turns:
            found.append(f"Lost micro-turns: {self.lost_turns}")
        return found + [f"Complaint: {text}" for text in self.errors]


def _from_the_end(ms: float) -> str:
    if ms >= 0:
        return f"{ms:.0f} ms after the end of the sentence"
    return f"{-ms:.0f} ms before the end of the sentence, unasked"


def _seconds(sound: AudioClip) -> float:
    return len(sound.pcm) / sound.rate_hz


def _granted_lines(granted: Granted) -> list[str]:
    found = [
        f"Granted: {' and '.join(granted.modalities_in) or 'nothing'} in, "
        f"{' and '.join(granted.modalities_out) or 'nothing'} out, a unit every {granted.unit_ms} ms, "
        f"turns owned by {granted.turn_owner}, {'speaks unasked' if granted.proactive else 'does not speak unasked'}"
    ]
    for refused in granted.rejections:
        found.append(f"Refused: {refused.asked} (granted: {refused.granted or 'nothing'}): {refused.reason}")
    return found


@dataclass(slots=True)
class _Gathered:
    """What has come so far; `ends_ns` is when its sound would have been played."""

    granted: Granted | None = None
    rtts: list[int] = field(default_factory=list)
    pieces: list[Pcm] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    open_text: str = ""
    first_sound_ns: int | None = None
    first_text_ns: int | None = None
    ends_ns: int = 0
    turn_done: bool = False
    lost: int = 0
    errors: list[str] = field(default_factory=list)
    fatal: EndpointError | None = None
    closed: bool = False

    def take(self, event: EndpointEvent) -> None:
        match event:
            case SessionUpdated():
                self.granted = event.granted
            case RoundTrip():
                self.rtts.append(event.rtt_ns)
            case AudioOut():
                self._sound(event)
            case TextOut(channel="say" | "transcript"):
                self.open_text += event.delta
                self.first_text_ns = event.t_rx_ns if self.first_text_ns is None else self.first_text_ns
            case TextOutDone(channel="say" | "transcript"):
                self.done.append(event.text)
                self.open_text = ""
            case TurnDone():
                self.turn_done = True
            case InputLost(what="turn"):
                self.lost += 1
            case EndpointError(fatal=True):
                self.fatal = event
            case EndpointError():
                self.errors.append(f"{event.kind} ({event.code}): {event.message}")
            case Closed():
                self.closed = True
            case _:
                pass

    def _sound(self, event: AudioOut) -> None:
        pcm = resample(np.frombuffer(event.pcm16, "<i2"), event.rate, OUTPUT_RATE_HZ)
        self.pieces.append(pcm)
        self.ends_ns = max(self.ends_ns, event.t_rx_ns) + samples_to_ns(len(pcm), OUTPUT_RATE_HZ)
        audible = bool(np.abs(pcm.astype(np.int32)).max(initial=0) >= _AUDIBLE)
        if self.first_sound_ns is None and audible:
            self.first_sound_ns = event.t_rx_ns
        if event.text and not self.open_text and event.text not in self.done:
            self.done.append(event.text)

    @property
    def said(self) -> str:
        return " ".join(t.strip() for t in (*self.done, self.open_text) if t.strip())

    @property
    def sound(self) -> AudioClip | None:
        whole = np.concatenate(self.pieces) if self.pieces else np.zeros(0, np.int16)
        return AudioClip(whole, OUTPUT_RATE_HZ) if len(whole) else None


_TOLD = ("connecting", "waiting", "configuring", "reconnecting")
_AUDIBLE = round(32768 * 10 ** (-54 / 20))


def try_endpoint(
    address: str,
    settings: Settings,
    *,
    sentence: str = SENTENCE,
    instruction: str = INSTRUCTION,
    longest_s: float = LONGEST_S,
    on_progress: Callable[[str], None] = lambda text: None,  # noqa: ARG005 - nobody listens
    cancelled: Callable[[], bool] = lambda: False,
    clock: Clock | None = None,
    endpoint: Endpoint | None = None,
) -> Trial:
    """Connect, say `sentence` in the app's voice (typed where there is none), and gather what comes back.

    Takes up to `longest_s` of real time after the connection. Whatever goes wrong stands in `Trial.error`.
    """
    clock = clock or MonotonicClock()
    try:
        endpoint = endpoint or make_endpoint(address, settings)
    except AppError as error:
        # An address that is refused may be so because a key stands in it: it is not told again.
        return Trial(address=address.partition(":")[0] + ":…", host="", sent=sentence, error=error)
    try:
        endpoint.check(instruction)
    except AppError as error:
        return Trial(address=endpoint.address, host=endpoint.host, sent=sentence, error=error)
    return _Conversation(endpoint, sentence, instruction, longest_s, on_progress, cancelled, clock).run()


class _Conversation:
    def __init__(
        self,
        endpoint: Endpoint,
        sentence: str,
        instruction: str,
        longest_s: float,
        on_progress: Callable[[str], None],
        cancelled: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._endpoint = endpoint
        self._sentence = sentence
        self._instruction = instruction
        self._turns = max(1, round(longest_s * 1e9) // TURN_NS)
        self._on_progress = on_progress
        self._told = ""
        self._cancelled = cancelled
        self._clock = clock
        self._voice = EspeakVoice()
        self._inbox: queue.SimpleQueue[EndpointEvent] = queue.SimpleQueue()
        self._found = _Gathered()
        self._origin_ns: int | None = None
        self._connect_ms: float | None = None
        self._spoken_ns = 0

    def run(self) -> Trial:
        began_ns = self._clock.now_ns()
        try:
            speech = self._speech()
            self._progress("Connecting")
            duplex = self._endpoint.open(self._setup(), self._sink)
        except AppError as error:
            self._drain_inbox()
            return self._trial(error)
        self._connect_ms = (self._clock.now_ns() - began_ns) / NS_PER_MS
        self._found.granted = duplex.granted
        try:
            self._talk(duplex, speech)
            duplex.drain(DRAIN_S)
        finally:
            duplex.close()
        self._drain_inbox()
        return self._trial(self._failure())

    def _progress(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._on_progress(text)

    def _setup(self) -> EndpointSetup:
        return EndpointSetup(
            instruction=self._instruction,
            clock=self._clock,
            session_now_ns=self._now_ns,
            synthesize=self._voice.speak if self._voice.available() else None,
            abandoned=self._cancelled,
        )

    def _speech(self) -> Pcm | None:
        """The sentence at 16 kHz; None where it has to be typed."""
        if not self._voice.available():
            return None
        clip = self._voice.speak(self._sentence)
        return resample(clip.pcm, clip.rate_hz, SAMPLE_RATE_HZ)

    def _talk(self, duplex: Duplex, speech: Pcm | None) -> None:
        lead = np.zeros(LEAD_TURNS * TURN_SAMPLES, np.int16)
        sound = lead if speech is None else np.concatenate((lead, speech))
        self._spoken_ns = samples_to_ns(len(sound), SAMPLE_RATE_HZ)
        self._progress("Speaking" if speech is not None else "Typing, for there is no voice here")
        origin_ns = self._origin_ns = self._clock.now_ns()
        never = threading.Event()
        for index in range(self._turns):
            self._clock.wait(never, origin_ns + (index + 1) * TURN_NS)
            piece = sound[index * TURN_SAMPLES : (index + 1) * TURN_SAMPLES]
            pcm = np.zeros(TURN_SAMPLES, np.int16)
            pcm[: len(piece)] = piece
            typed = (TextInput(index * TURN_NS, self._sentence),) if speech is None and index == LEAD_TURNS else ()
            duplex.push(MicroTurn(index, pcm, texts=typed, mono_ns=origin_ns + index * TURN_NS))
            self._drain_inbox()
            if index * TURN_NS > self._spoken_ns:
                self._progress("Listening")
            if self._cancelled() or self._over((index + 1) * TURN_NS):
                return

    def _over(self, now_ns: int) -> bool:
        found = self._found
        if found.fatal is not None or found.closed:
            return True
        answered = found.first_sound_ns is not None or (found.turn_done and found.said)
        quiet_from_ns = max(found.ends_ns, self._spoken_ns) + PATIENCE_TURNS * TURN_NS
        return bool(answered) and now_ns > quiet_from_ns

    def _failure(self) -> AppError | None:
        fatal = self._found.fatal
        if fatal is not None:
            return AppError(
                f"The endpoint {self._endpoint.address} failed ({fatal.code}).",
                fatal.message,
                "Correct the cause and test again.",
            )
        if self._cancelled():
            return AppError("The test was cancelled.", "It was stopped before its end.", "Start it again.")
        return None

    def _trial(self, error: AppError | None) -> Trial:
        found = self._found
        return Trial(
            address=self._endpoint.address,
            host=self._endpoint.host,
            granted=found.granted,
            connect_ms=self._connect_ms,
            rtt_ms=float(np.median(found.rtts)) / NS_PER_MS if found.rtts else None,
            first_sound_ms=self._after(found.first_sound_ns),
            first_text_ms=self._after(found.first_text_ns),
            sent=self._sentence,
            said=found.said,
            sound=found.sound,
            lost_turns=found.lost,
            errors=tuple(found.errors),
            error=error,
        )

    def _after(self, t_ns: int | None) -> float | None:
        return None if t_ns is None else (t_ns - self._spoken_ns) / NS_PER_MS

    def _now_ns(self) -> int:
        return 0 if self._origin_ns is None else max(0, self._clock.now_ns() - self._origin_ns)

    def _sink(self, event: EndpointEvent) -> None:
        # While `open` waits nobody empties the inbox: what a person should see meanwhile is told from here.
        if isinstance(event, ConnectionChanged) and event.state in _TOLD and event.reason:
            self._progress(event.reason)
        self._inbox.put(event)

    def _drain_inbox(self) -> None:
        while True:
            try:
                self._found.take(self._inbox.get_nowait())
            except queue.Empty:
                return
