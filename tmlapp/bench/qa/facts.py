"""What happened in a session, as the checks look at it: one fold over sound and events, live and from a recording."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from tmlapp.bench.qa.checklist import Abilities
from tmlapp.bench.qa.marks import LABEL, Mark, mark_of
from tmlapp.bench.qa.speech import ModelSpeech, Span, UserSpeech, around, joined
from tmlapp.core.cue import CueKind, Overlay, fold
from tmlapp.core.event import (
    AudioOut,
    EndpointError,
    Event,
    Gap,
    Heard,
    InputLost,
    Interrupted,
    Marker,
    Notice,
    SessionOpened,
    SessionUpdated,
    TaskSet,
    TextOutDone,
    TurnStarted,
    UnitDone,
)
from tmlapp.core.granted import Granted
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.live.playout import LateSound

WATCHED = (
    AudioOut, EndpointError, Gap, Heard, InputLost, Interrupted, Marker, Notice, SessionOpened, SessionUpdated, TaskSet,
    TextOutDone, TurnStarted, UnitDone,
)  # fmt: skip
"""The events that change anything here; others need not be passed on."""

_HOLES = ("lost", "unplugged", "stalled", "clock")
_NEAR_NS = NS_PER_S
_REACH_NS = 10 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Said:
    """A text of the model: `t_ns` is when it was heard, or came, where it has no sound."""

    t_ns: int
    text: str
    kind: CueKind
    value: int | None


@dataclass(frozen=True, slots=True)
class _Text:
    t_rx_ns: int
    item_id: str
    text: str
    kind: CueKind
    value: int | None


class Facts:
    """Everything known so far. Give it the microphone's sound in order, and the events in order of their recording.

    The two orders need not agree: no rule looks at the moment at which something became known.
    """

    def __init__(self) -> None:
        self._user = UserSpeech()
        self._model = ModelSpeech()
        self._late = LateSound()
        self._overlay = Overlay()
        self._texts: list[_Text] = []
        self._said: list[Said] | None = None
        self._answers: list[tuple[int, int]] = []
        self.holes: list[tuple[int, int, str]] = []
        self.errors: list[tuple[int, str]] = []
        self.markers: list[int] = []
        self.marks: list[Mark] = []
        self.granted: Granted | None = None
        self.pictures = False

    @property
    def now_ns(self) -> int:
        """How far the session has come: the end of the newest sound."""
        return self._user.now_ns

    @property
    def abilities(self) -> Abilities:
        """What this session can do, as far as it has shown."""
        return Abilities(self.granted, pictures=self.pictures if self.now_ns else None)

    def on_sound(self, pcm: Pcm) -> None:
        """The next int16 [n * 320] of the microphone at 16 kHz."""
        self._user.push(pcm)

    def on_event(self, event: Event) -> None:
        """The next event."""
        if self._late.late(event):
            return
        match event:
            case UnitDone():
                self._answers.append((event.t_rx_ns, event.latency_ns))
            case AudioOut() | Interrupted() | Heard():
                self._on_playing(event)
            case TextOutDone() | TaskSet():
                self._on_text(event)
            case Marker(label="marker"):
                self.markers.append(event.t_ns)
            case Marker(label=label) if label == LABEL:
                found = mark_of(event)
                self.marks += [found] if found else []
            case Gap() if event.kind in _HOLES:
                self.holes.append((event.t_ns, event.t_ns + event.dur_ns, f"{event.track}: {event.reason}"))
            case InputLost(what="turn"):
                t_ns = event.micro_turn * TURN_NS
                self.holes.append((t_ns, t_ns + TURN_NS, f"not sent: {event.reason}"))
            case EndpointError():
                self.errors.append((event.t_rx_ns, f"{event.code}: {event.message}"))
            case Notice(level="error"):
                self.errors.append((event.t_ns, f"{event.what} {event.why}".strip()))
            case SessionOpened() | SessionUpdated():
                self.granted = event.granted
            case _:
                pass

    def user_speech(self) -> list[Span]:
        """Stretches in which the user speaks; the last may still go on."""
        return self._user.stretches()

    def model_speech(self, start_ns: int, end_ns: int) -> list[Span]:
        """Stretches in which the model speaks around `start_ns` … `end_ns`; a text without sound has no length."""
        reach = range(start_ns - _REACH_NS, end_ns + _REACH_NS)
        silent = [(t.t_rx_ns, t.t_rx_ns) for t in self._texts if t.t_rx_ns in reach and self._is_silent(t)]
        return joined([*around(self._model.spans(), start_ns, end_ns), *silent])

    def said(self, start_ns: int, end_ns: int) -> list[Said]:
        """What was said at `start_ns` ≤ t ≤ `end_ns`, in order of time."""
        if self._said is None:
            self._said = sorted((self._placed(t) for t in self._texts), key=lambda s: s.t_ns)
        first = bisect_left(self._said, start_ns, key=lambda s: s.t_ns)
        return self._said[first : bisect_right(self._said, end_ns, key=lambda s: s.t_ns)]

    def latencies(self, start_ns: int, end_ns: int) -> list[int]:
        """Of the answers that came at `start_ns` ≤ t ≤ `end_ns`, in ns."""
        return [latency for t_ns, latency in self._answers if start_ns <= t_ns <= end_ns]

    def _on_playing(self, event: AudioOut | Interrupted | Heard) -> None:
        match event:
            case AudioOut():
                self._model.on_audio(event)
            case Interrupted():
                self._model.on_interrupted(event)
            case Heard():
                self._model.on_heard(event)
        self._said = None

    def _on_text(self, event: TextOutDone | TaskSet) -> None:
        self._overlay, cue = fold(self._overlay, event)
        if cue is not None and isinstance(event, TextOutDone):
            self._texts.append(_Text(event.t_rx_ns, event.item_id or "", event.text, cue.kind, cue.value))
            self._said = None

    def _is_silent(self, text: _Text) -> bool:
        heard = text.item_id and self._model.begin_of(text.item_id) is not None
        return not heard and not self._model.near(text.t_rx_ns, _NEAR_NS)

    def _placed(self, text: _Text) -> Said:
        begin = self._model.begin_of(text.item_id) if text.item_id else None
        return Said(text.t_rx_ns if begin is None else begin, text.text, text.kind, text.value)
