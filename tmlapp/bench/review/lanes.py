"""What Review draws: plain values on one axis, session time in nanoseconds; they travel between processes.

The clock of an item begins where its media begin: item time t stands at session time `media_t0_ns` + t. Everything
here is on the session's clock already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tmlapp.core.event import SpeechHeard
from tmlapp.live.inner import Signal

Times = npt.NDArray[np.int64]
"""Nanoseconds, int64 [n]."""

Span = tuple[int, int]
"""Begin and end, nanoseconds of session time."""

LATE_NS = 200_000_000
"""A reply that takes longer than a micro-turn is late: the next input is already complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenWord:
    """A word; `t1_ns` is None where only its onset is known."""

    t0_ns: int
    t1_ns: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """Something that was said in one piece; `t1_ns` is None where its end is not known.

    Attributes:
        timing: `audio` (its sound), `text` (when it was sent), `event` (as the endpoint told it).
        interrupted: not all of its sound was played.
    """

    t0_ns: int
    t1_ns: int | None
    text: str
    timing: Literal["audio", "text", "event"] = "audio"
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One thing that the model said of its own accord.

    Attributes:
        number: its place in the session, from 1.
        t_ns: when its text was complete at our side.
        kind, value: as a cue (`count`, `start`, `stop`, `remind`, `say`; the number of a count).
        turn: the micro-turn whose answer it was.
        received, heard: where its sound lies as it came in, and as the loudspeaker played it; None: no sound, or not
            played.
    """

    number: int
    t_ns: int
    kind: str
    text: str
    value: int | None = None
    turn: int = 0
    received: Span | None = None
    heard: Span | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What should have been said or done, and when.

    Attributes:
        window: begin and end; the same where it is a moment.
        cue, t_ref_ns: what it refers to, where the item says so.
        outcome: of the newest grade that knows it: `ok`, `no_speech_in_window`, `wrong_meaning`, …; empty: ungraded.
        passed: None where nothing was graded.
        output: index of the utterance that met it, in the grade's own count.
    """

    id: str
    window: Span
    meaning: str
    t_ref_ns: int | None = None
    cue: Span | None = None
    cue_text: str = ""
    kind: str = ""
    required: bool = True
    outcome: str = ""
    passed: bool | None = None
    output: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """A grade that concerns this recording.

    Attributes:
        source: its sidecar, the run that it belongs to, or the set of items in which it was tried.
    """

    suite: str
    profile: str
    metric: str
    score: float | None
    passed: bool | None
    why: str
    item: str
    when: str
    who: str = ""
    source: Literal["recording", "run", "try"] = "recording"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replies:
    """Answers to micro-turns, one entry each: arrays of the same length, in the order of `turn`.

    Attributes:
        turn: index of the micro-turn. end_ns: session time of its end.
        latency_ns: from there to the answer. compute_ns: what the model took; 0 where it does not say.
        lag_turns: micro-turns that waited.
        late: the answer took longer than a micro-turn, or micro-turns waited.
    """

    turn: Times
    end_ns: Times
    latency_ns: Times
    compute_ns: Times
    lag_turns: Times
    late: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A gap: media that are not there, or stand in for something else.

    Of the kind `not sent` it is there, and a remote endpoint did not get it.
    """

    t0_ns: int
    t1_ns: int
    track: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A moment that somebody or something has marked.

    Attributes:
        kind: `marker`, `note`, a QA tag `1` … `9`, `tag`, `verdict`, `qa`, `notice`, `error`, `interrupted`, `typed`,
            `connection` (of a remote endpoint: it was made, lost, made again).
        end_ns: where it concerns a stretch.
        id: of the annotation, which can be taken back; empty for what stands in the recording itself.
        who: empty for what stands in the recording.
    """

    t_ns: int
    kind: str
    text: str = ""
    end_ns: int | None = None
    id: str = ""
    who: str = ""
    when: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a local model was set to do from micro-turn `from_turn` on; `params` are its numbers."""

    t_ns: int
    instruction: str
    task: str
    params: Mapping[str, float]
    from_turn: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vitals:
    """Signs of life, one entry per second: arrays of the same length; NaN where nothing was measured."""

    t_ns: Times
    turn_late_p99_ms: npt.NDArray[np.float64]
    reply_p99_ms: npt.NDArray[np.float64]
    drift_ppm: npt.NDArray[np.float64]
    camera_fps: npt.NDArray[np.float64]
    dropped_samples: Times
    dropped_frames: Times


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lanes:
    """Everything that Review draws beside sound and picture.

    Attributes:
        user_words, model_words: with times; `user_words_from` and `model_words_from` say whose they are (`item`,
            `transcript`, `endpoint`, `text`), empty where there are none.
        user_said: what the endpoint wrote down of the user, and the user's voice as it told it.
        received, heard: what the model said, as it came in and as the loudspeaker played it.
        flags: markers, notes, notices and annotations, in order of time; `untimed` are annotations about the whole.
        lost_turns: micro-turns whose sound a repair had to give up.
        problems: what could not be read, in words for a person; everything else was read.
        signals: a local model's own numbers by micro-turn.
        speech: what it took for the user's speech, understood or not.
    """

    duration_ns: int
    media_t0_ns: int
    user_words: tuple[SpokenWord, ...]
    user_words_from: str
    model_words: tuple[SpokenWord, ...]
    model_words_from: str
    user_said: tuple[Utterance, ...]
    user_voice: tuple[Span, ...]
    received: tuple[Utterance, ...]
    heard: tuple[Utterance, ...]
    outputs: tuple[Output, ...]
    tasks: tuple[Task, ...]
    expected: tuple[Expected, ...]
    grades: tuple[Graded, ...]
    replies: Replies
    gaps: tuple[Missing, ...]
    flags: tuple[Flag, ...]
    untimed: tuple[Flag, ...]
    vitals: Vitals
    lost_turns: tuple[int, ...]
    problems: tuple[str, ...]
    signals: tuple[Signal, ...] = ()
    speech: tuple[SpeechHeard, ...] = ()
