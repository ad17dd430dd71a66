"""Opening a recording for Review: its index at once, everything else when it was read in another process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.bench.annotations import Annotation, annotations_of, read_annotations
from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.review.belongs import (
    belongs_to,
    expectations_of,
    grades_of,
    media_start_ns,
    run_of,
    user_words_of,
)
from tmlapp.bench.review.lanes import (
    LATE_NS,
    Flag,
    Lanes,
    Missing,
    Replies,
    SpokenWord,
    Task,
    Vitals,
)
from tmlapp.bench.review.said import ModelSaid, UserSaid, outputs_of, timed_words, utterances, words_of
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    EndpointError,
    Event,
    Gap,
    Granted,
    Health,
    Heard,
    InputLost,
    Interrupted,
    Marker,
    Notice,
    SpeechHeard,
    TaskSet,
    TextOut,
    TextOutDone,
    TurnStarted,
    UnitDone,
    UserSpeech,
    UserTranscript,
)
from tmlapp.core.units import TURN_NS
from tmlapp.live.history import not_sent
from tmlapp.live.inner import Signal, SignalLog
from tmlapp.recording.reader import MIC_TOPICS, Recording

_READ = (
    UnitDone, Health, Gap, TaskSet, Marker, Notice, EndpointError, Interrupted, TextOut, TextOutDone, AudioOut, Heard,
    UserSpeech, UserTranscript, TurnStarted, ConnectionChanged, InputLost, SpeechHeard,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A recording whose index was read, and what it says of itself.

    Attributes:
        tracks: of `/mic`, `/mic/processed`, `/model/audio`, `/model/heard`, `/camera`: those with something in them.
        messages: how many there are in all.
        run: the run folder that it lies in, if it does.
    """

    recording: Recording
    info: Mapping[str, Any]
    granted: Granted | None
    duration_ns: int
    turns: int
    lost_turns: frozenset[int]
    tracks: frozenset[str]
    messages: int
    run: Path | None

    @property
    def path(self) -> Path:
        return self.recording.path

    @property
    def title(self) -> str:
        """What the person called it, or the name of its file."""
        return str(self.info.get("name") or self.path.stem)


def open_review(path: Path) -> Review:
    """Open a recording: only its index, its setup and what the endpoint agreed to are read, whatever its length.

    Raises:
        AppError: it is missing, a `.part`, empty, damaged, or no recording of ours; with the fix.
    """
    recording = Recording.open(path)
    counts = recording.topics
    media = (*MIC_TOPICS, "/model/audio", "/model/heard", "/camera")
    return Review(
        recording=recording,
        info=recording.info,
        granted=recording.granted,
        duration_ns=recording.duration_ns,
        turns=recording.n_turns,
        lost_turns=recording.lost_turns,
        tracks=frozenset(name for name in media if counts.get(name)),
        messages=sum(counts.values()),
        run=run_of(path),
    )


def read_lanes(path: Path, item: Mapping[str, Any] | None = None) -> Lanes:
    """Everything that Review draws beside sound and picture; parses the whole log, in this thread.

    Args:
        path: the recording.
        item: the truth of its item where the files around it do not tell (a take that was tried): an object of
            `items.jsonl`, or of a truth file.

    Raises:
        AppError: the recording cannot be read. Damage in what lies around it is told in `problems` instead.
    """
    recording = Recording.open(path)
    options = recording.info.get("options") or {}
    found = belongs_to(path, options, item)
    media_t0_ns = media_start_ns(found, options)
    grades, bad_grades = grades_of(path, found)
    notes, bad_notes = _annotations(path)
    gathered = _Gathered()
    for event in recording.events(_READ, sound=False):
        gathered.add(event)
    typed = [Flag(t_ns=text.t_ns, kind="typed", text=text.text) for text in recording.typed()]
    received, heard = gathered.model.received(), gathered.model.heard()
    replies = gathered.replies()
    answered = sorted((u.t_rx_ns, u.micro_turn) for u in gathered.units)
    outputs = outputs_of(received, heard, list(recording.cues()), gathered.model.finished(), answered)
    user_words, user_from = _user_words(found.answer, user_words_of(found, grades), media_t0_ns)
    transcribed = found.answer.words if found.answer is not None else ()
    model_words = timed_words(transcribed, media_t0_ns) if transcribed else words_of(received)
    timed = [_flag(note) for note in notes if note.t_ns is not None]
    return Lanes(
        duration_ns=recording.duration_ns,
        media_t0_ns=media_t0_ns,
        user_words=user_words,
        user_words_from=user_from,
        model_words=model_words,
        model_words_from="transcript" if transcribed else "endpoint" if model_words else "",
        user_said=tuple(gathered.user.said),
        user_voice=gathered.user.voice(recording.duration_ns),
        received=utterances(received),
        heard=utterances(heard, sounded=True),
        outputs=outputs,
        tasks=tuple(gathered.tasks),
        expected=expectations_of(found, grades, media_t0_ns),
        grades=tuple(grades),
        replies=replies,
        gaps=tuple(gathered.gaps),
        flags=tuple(sorted([*gathered.flags, *typed, *timed], key=lambda f: f.t_ns)),
        untimed=tuple(_flag(note) for note in notes if note.t_ns is None),
        vitals=gathered.vitals(),
        lost_turns=tuple(sorted(recording.lost_turns)),
        problems=(*found.problems, *bad_grades, *bad_notes),
        signals=gathered.signals(),
        speech=tuple(gathered.speech),
    )


def _annotations(path: Path) -> tuple[tuple[Annotation, ...], list[str]]:
    try:
        log = read_annotations(path)
    except AppError as error:
        return (), [f"{error.what} {error.why}"]
    lines = ", ".join(map(str, log.damaged))
    return log.current, [f"{annotations_of(path).name}: lines {lines} cannot be read."] if log.damaged else []


def _flag(note: Annotation) -> Flag:
    text = next((str(note.data[k]) for k in ("text", "note", "label", "tag", "verdict") if note.data.get(k)), note.why)
    return Flag(
        t_ns=note.t_ns or 0, kind=note.kind, text=text, end_ns=note.end_ns, id=note.id, who=note.who, when=note.when,
        data=note.data,
    )  # fmt: skip


def _user_words(
    answer: Answer | None, known: Sequence[tuple[float, float, str]], t0_ns: int
) -> tuple[tuple[SpokenWord, ...], str]:
    if answer is not None and answer.user_words:
        return timed_words(answer.user_words, t0_ns), "transcript"
    words = timed_words((Word(a, b, text) for a, b, text in known), t0_ns)
    return words, "item" if words else ""


def _matters(event: ConnectionChanged) -> bool:
    """The first connection and its end are as they should be."""
    return event.state in ("reconnecting", "waiting") or (event.state == "open" and event.epoch > 0)


def _connection(event: ConnectionChanged) -> Flag:
    words = f"connection: {event.state}" + (f", attempt {event.attempt}" if event.attempt else "")
    text = f"{words}: {event.reason}" if event.reason else words
    data = {"state": event.state, "epoch": event.epoch}
    return Flag(t_ns=max(0, event.t_rx_ns), kind="connection", text=text, data=data)


class _Gathered:
    """One pass over the events."""

    def __init__(self) -> None:
        self.model = ModelSaid()
        self.user = UserSaid()
        self.units: list[UnitDone] = []
        self.gaps: list[Missing] = []
        self.flags: list[Flag] = []
        self.tasks: list[Task] = []
        self.speech: list[SpeechHeard] = []
        self._health: list[Health] = []

    def add(self, event: Event) -> None:
        match event:
            case UnitDone():
                self.units.append(event)
            case Health():
                self._health.append(event)
            case Gap():
                self._gap(event)
            case InputLost():
                self._gap(not_sent(event))
            case ConnectionChanged() if _matters(event):
                self.flags.append(_connection(event))
            case TaskSet():
                self.tasks.append(
                    Task(
                        t_ns=event.t_rx_ns,
                        instruction=event.instruction,
                        task=event.task,
                        params=event.params,
                        from_turn=event.from_turn,
                    )
                )
            case Marker():
                self.flags.append(Flag(t_ns=event.t_ns, kind=event.label, text=event.note))
            case Notice():
                words = " ".join(filter(None, (event.what, event.why, event.fix)))
                self.flags.append(Flag(t_ns=event.t_ns, kind="notice", text=words, data={"level": event.level}))
            case EndpointError():
                data = {"code": event.code, "fatal": event.fatal}
                self.flags.append(Flag(t_ns=event.t_rx_ns, kind="error", text=event.message, data=data))
            case _:
                if isinstance(event, SpeechHeard):
                    self.speech.append(event)
                if isinstance(event, Interrupted):
                    self.flags.append(Flag(t_ns=event.t_rx_ns, kind="interrupted"))
                self.model.add(event)
                self.user.add(event)

    def _gap(self, event: Gap) -> None:
        end_ns = event.t_ns + max(0, event.dur_ns)
        last = self.gaps[-1] if self.gaps else None
        alike = last is not None and (last.track, last.kind, last.reason) == (event.track, event.kind, event.reason)
        if event.kind == "not sent" and last is not None and alike and last.t1_ns == event.t_ns:
            # Lost micro-turn by micro-turn: one hole, as long as the connection was away.
            self.gaps[-1] = replace(last, t1_ns=end_ns)
            return
        self.gaps.append(
            Missing(t0_ns=event.t_ns, t1_ns=end_ns, track=event.track, kind=event.kind, reason=event.reason)
        )

    def replies(self) -> Replies:
        units = sorted(self.units, key=lambda u: u.micro_turn)
        # One row per micro-turn: a unit that was answered twice after a reconnect counts once, the first time.
        rows: dict[int, tuple[int, int, int]] = {}
        for u in units:
            rows.setdefault(u.micro_turn, (u.latency_ns, u.compute_ns, u.lag_turns))
        turn = np.fromiter(rows, np.int64, len(rows))
        table = np.array(list(rows.values()), np.int64).reshape(len(rows), 3)
        return Replies(
            turn=turn,
            end_ns=(turn + 1) * TURN_NS,
            latency_ns=table[:, 0],
            compute_ns=table[:, 1],
            lag_turns=table[:, 2],
            late=(table[:, 0] > LATE_NS) | (table[:, 2] > 0),
        )

    def signals(self) -> tuple[Signal, ...]:
        log = SignalLog()
        for unit in sorted(self.units, key=lambda u: u.micro_turn):
            log.add(unit)
        return log.signals()

    def vitals(self) -> Vitals:
        def column(name: str) -> Any:
            return np.array([np.nan if (v := getattr(h, name)) is None else v for h in self._health], np.float64)

        def count(name: str) -> Any:
            return np.array([getattr(h, name) for h in self._health], np.int64)

        return Vitals(
            t_ns=count("t_ns"),
            turn_late_p99_ms=column("turn_late_p99_ms"),
            reply_p99_ms=column("reply_p99_ms"),
            drift_ppm=column("drift_ppm"),
            camera_fps=column("camera_fps"),
            dropped_samples=count("dropped_samples"),
            dropped_frames=count("dropped_frames"),
        )
