"""The last half minute of a session, ready to be drawn: filled on the engine thread, read by the window."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from tmlapp.capture.vad import VoiceActivity
from tmlapp.core.cue import Cue
from tmlapp.core.event import (
    AudioOut,
    Ducked,
    Event,
    Gap,
    Heard,
    InputLost,
    Interrupted,
    SpeechHeard,
    UnitDone,
)
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS, samples_to_ns
from tmlapp.live.inner import Signal, SignalLog

SPAN_NS = 30 * NS_PER_S
"""How far back the lanes look."""

BUCKET_NS = 20 * NS_PER_MS
"""One peak of a waveform."""

BUCKETS_PER_TURN = TURN_NS // BUCKET_NS

LATE_NS = TURN_NS
"""A reply that takes longer than a micro-turn is late: the next input is already complete."""

Levels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something the model says: heard from `t_ns` on for `dur_ns`; one peak of `levels` (0 … 1) per bucket."""

    item_id: str
    text: str
    t_ns: int
    dur_ns: int
    levels: Levels
    played: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one micro-turn, placed at the end of that micro-turn."""

    t_ns: int
    latency_ns: int
    late: bool


@dataclass(frozen=True, slots=True)
class Lowered:
    """The model speaks more quietly, by `gain_db`, from `t_ns` to `end_ns`; None while it still does."""

    t_ns: int
    end_ns: int | None
    gain_db: float


@dataclass(frozen=True, slots=True, eq=False)
class HistoryView:
    """What the lanes draw.

    Attributes:
        mic: float32 [n], peak of each bucket of the microphone, 0 … 1; bucket i begins at `mic_t_ns + i * BUCKET_NS`.
        voice: bool [n], where somebody seems to speak (WebRTC's voice activity).
        signals: the model's own numbers, in its order.
        speech: what the model took for somebody's speech, understood or not.
        listens: which instructions it listens for now (`commands`, `stop`, `paused`); empty where it does not hear.
        ducked: stretches in which it lowers its own voice.
        turn_mean_ms, turn_jitter_ms: spacing of micro-turns and its standard deviation; None before the third.
    """

    mic: Levels
    voice: npt.NDArray[np.bool_]
    mic_t_ns: int
    spoken: tuple[Spoken, ...]
    cues: tuple[Cue, ...]
    replies: tuple[Reply, ...]
    gaps: tuple[Gap, ...]
    signals: tuple[Signal, ...]
    speech: tuple[SpeechHeard, ...]
    listens: str
    ducked: tuple[Lowered, ...]
    turn_mean_ms: float | None
    turn_jitter_ms: float | None


def peaks(pcm: Pcm, samples_per_bucket: int) -> Levels:
    """Peak of each bucket of `pcm`, 0 … 1; the last one may be short."""
    if len(pcm) == 0:
        return np.zeros(0, np.float32)
    whole = -(-len(pcm) // samples_per_bucket)
    padded = np.zeros(whole * samples_per_bucket, np.int32)
    padded[: len(pcm)] = np.abs(pcm.astype(np.int32))
    return np.asarray(padded.reshape(whole, -1).max(axis=1) / 32768.0, dtype=np.float32)


class History:
    """An observer that keeps the last `span_ns` of what the lanes show."""

    def __init__(self, span_ns: int = SPAN_NS) -> None:
        self._span_ns = span_ns
        turns = span_ns // TURN_NS + 2
        self._lock = threading.Lock()
        self._mic: deque[Levels] = deque(maxlen=turns)
        self._voice: deque[npt.NDArray[np.bool_]] = deque(maxlen=turns)
        self._mic_end_ns = 0
        self._ready_ns: deque[int] = deque(maxlen=turns)
        self._activity = VoiceActivity()
        self._spoken: dict[str, Spoken] = {}
        self._cues: deque[Cue] = deque(maxlen=256)
        self._replies: deque[Reply] = deque(maxlen=turns)
        self._gaps: deque[Gap] = deque(maxlen=turns)
        self._signals = SignalLog(turns)
        self._speech: deque[SpeechHeard] = deque(maxlen=64)
        self._ducked: deque[Lowered] = deque(maxlen=64)

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        levels = peaks(turn.pcm, len(turn.pcm) // BUCKETS_PER_TURN)
        voice = np.asarray(self._activity.push(turn.pcm), np.bool_)
        with self._lock:
            self._mic.append(levels)
            self._voice.append(voice)
            self._mic_end_ns = turn.end_ns
            self._ready_ns.append(captured.ready_ns)

    def on_event(self, event: Event) -> None:
        match event:
            case UnitDone():
                self._on_reply(event)
            case AudioOut():
                self._on_audio(event)
            case Heard():
                self._on_heard(event)
            case Interrupted():
                with self._lock:
                    self._cut(event.t_rx_ns)
            case Gap():
                with self._lock:
                    self._gaps.append(event)
            case InputLost():
                with self._lock:
                    self._gaps.append(not_sent(event))
            case SpeechHeard() | Ducked():
                with self._lock:
                    self._on_hearing(event)
            case _:
                pass

    def on_cue(self, cue: Cue) -> None:
        with self._lock:
            self._cues.append(cue)

    def on_state(self, state: str, reason: str) -> None:
        """States leave no trace in the lanes."""

    def view(self, now_ns: int) -> HistoryView:
        """Everything that touches the last `span_ns` before `now_ns`; any thread."""
        from_ns = now_ns - self._span_ns
        with self._lock:
            mic = np.concatenate(self._mic) if self._mic else np.zeros(0, np.float32)
            voice = np.concatenate(self._voice) if self._voice else np.zeros(0, np.bool_)
            mic_t_ns = self._mic_end_ns - len(mic) * BUCKET_NS
            spoken = tuple(s for s in self._spoken.values() if s.t_ns + s.dur_ns > from_ns)
            self._spoken = {s.item_id: s for s in spoken}
            cues = tuple(c for c in self._cues if c.t_ns > from_ns)
            replies = tuple(r for r in self._replies if r.t_ns > from_ns)
            gaps = tuple(g for g in self._gaps if g.t_ns + g.dur_ns > from_ns)
            signals = self._signals.signals(from_ns)
            speech = tuple(h for h in self._speech if h.to_ns > from_ns)
            ducked = tuple(d for d in self._ducked if d.end_ns is None or d.end_ns > from_ns)
            ready = tuple(self._ready_ns)
            listens = self._signals.listens
        mean, jitter = _spacing_ms(ready)
        return HistoryView(
            mic=mic,
            voice=voice,
            mic_t_ns=mic_t_ns,
            spoken=spoken,
            cues=cues,
            replies=replies,
            gaps=gaps,
            signals=signals,
            speech=speech,
            listens=listens,
            ducked=ducked,
            turn_mean_ms=mean,
            turn_jitter_ms=jitter,
        )

    def _on_reply(self, done: UnitDone) -> None:
        end_ns = (done.micro_turn + 1) * TURN_NS
        late = done.latency_ns > LATE_NS or done.lag_turns > 0
        with self._lock:
            self._replies.append(Reply(end_ns, done.latency_ns, late))
            self._signals.add(done)

    def _on_hearing(self, event: SpeechHeard | Ducked) -> None:
        if isinstance(event, SpeechHeard):
            self._speech.append(event)
            return
        if self._ducked and self._ducked[-1].end_ns is None:
            self._ducked[-1] = replace(self._ducked[-1], end_ns=event.t_rx_ns)
        if event.gain_db < 0:
            self._ducked.append(Lowered(event.t_rx_ns, None, event.gain_db))

    def _on_audio(self, event: AudioOut) -> None:
        if not event.item_id and not any(event.pcm16):
            # Some endpoints send sound all the time, zeros while they are quiet.
            return
        pcm = np.frombuffer(event.pcm16, dtype="<i2")
        levels = peaks(pcm, event.rate * BUCKET_NS // NS_PER_S)
        dur_ns = samples_to_ns(len(pcm), event.rate)
        item_id = event.item_id or ""
        with self._lock:
            known = self._spoken.get(item_id)
            if known is not None:
                levels = np.concatenate([known.levels, levels])
                self._spoken[item_id] = replace(known, levels=levels, dur_ns=known.dur_ns + dur_ns)
                return
            busy_ns = max((s.t_ns + s.dur_ns for s in self._spoken.values()), default=0)
            self._spoken[item_id] = Spoken(item_id, event.text, max(busy_ns, event.t_rx_ns), dur_ns, levels)

    def _on_heard(self, heard: Heard) -> None:
        # What was foreseen when the sound arrived gives way to what the loudspeaker did.
        with self._lock:
            known = self._spoken.get(heard.item_id)
            levels = known.levels if known else np.full(-(-heard.dur_ns // BUCKET_NS), 0.5, np.float32)
            self._spoken[heard.item_id] = Spoken(
                heard.item_id, heard.text, heard.t_ns, heard.dur_ns, levels[: -(-heard.dur_ns // BUCKET_NS)], True
            )

    def _cut(self, t_ns: int) -> None:
        kept: dict[str, Spoken] = {}
        for spoken in self._spoken.values():
            if spoken.played or spoken.t_ns + spoken.dur_ns <= t_ns:
                kept[spoken.item_id] = spoken
            elif spoken.t_ns < t_ns:
                dur_ns = t_ns - spoken.t_ns
                levels = spoken.levels[: -(-dur_ns // BUCKET_NS)]
                kept[spoken.item_id] = replace(spoken, dur_ns=dur_ns, levels=levels)
        self._spoken = kept


def not_sent(lost: InputLost) -> Gap:
    """Input that was recorded and did not reach the endpoint, as a hole in what it heard (or saw)."""
    track: Literal["mic", "camera"] = "mic" if lost.what == "turn" else "camera"
    t_ns = lost.micro_turn * TURN_NS
    return Gap(t_ns=t_ns, track=track, dur_ns=TURN_NS, reason=lost.reason, kind="not sent")


def _spacing_ms(ready_ns: tuple[int, ...]) -> tuple[float | None, float | None]:
    if len(ready_ns) < 3:
        return None, None
    steps = np.asarray([b - a for a, b in pairwise(ready_ns)], dtype=np.float64) / NS_PER_MS
    return float(steps.mean()), float(steps.std())
