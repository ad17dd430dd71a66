"""Why did it speak: the micro-turns before an output, what they held, and what the model said of them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tmlapp.bench.review.lanes import LATE_NS, Expected, Lanes, Output, Span, Task
from tmlapp.bench.review.said import turn_at
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.core.event import (
    AudioOut,
    EndpointEvent,
    InputLost,
    Interrupted,
    Listen,
    TextOut,
    TextOutDone,
    ToolCall,
    UnitDone,
)
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, TURN_NS
from tmlapp.recording.reader import Recording

TURNS = 10
"""How many micro-turns before the output are shown, its own included."""

_ANSWER_NS = 10 * NS_PER_S
"""How long after a micro-turn its answer is looked for; a slower one is not found and stands as none."""

_VOICE_MARGIN_NS = NS_PER_S
_FLOOR_DBFS = -96.0
_SOUND = "(sound)"
_NOT_UNDERSTOOD = "(not understood)"

Voice = Callable[[Pcm], Sequence[tuple[float, float]]]
"""Finds voice in 16 kHz sound: stretches in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRow:
    """One micro-turn before the output.

    Attributes:
        index, t_ns: its place in the session.
        words: of the user in it. level_dbfs: peak of the microphone. voice: share of it in which the user speaks, None
            where nobody looked.
        lost: its sound is missing. not_sent: a remote model did not get it. typed: texts that went to the model.
        answered: the model has answered it. said: what it gave; empty where it kept silent.
        latency_ns, compute_ns, lag_turns: of the answer; None where none came. late: later than a micro-turn.
        diagnostics: the model's own numbers for it.
    """

    index: int
    t_ns: int
    words: str = ""
    level_dbfs: float = _FLOOR_DBFS
    voice: float | None = None
    lost: bool = False
    not_sent: bool = False
    typed: tuple[str, ...] = ()
    answered: bool = False
    said: str = ""
    latency_ns: int | None = None
    compute_ns: int | None = None
    lag_turns: int | None = None
    late: bool = False
    diagnostics: dict[str, list[float]] = field(default_factory=dict)

    @property
    def decision(self) -> str:
        """`say`, `listen`, or `none` where no answer came."""
        return "say" if self.said else "listen" if self.answered else "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The whole answer for one output.

    Attributes:
        rows: micro-turns in order, the last is the one whose answer the output was.
        task: what the model was set to do then, where it tells: name and numbers.
        expected: the expectation whose window holds the output, or the nearest one; None where nothing is expected.
        inside: the output lies in that window.
        due_ns: when it should have spoken: the reference moment of the expectation, or the timer's; None: not known.
        due_from: `expectation` or `timer`.
        speak_ns: when it is counted as having spoken: its sound as received, else its text.
    """

    output: Output
    rows: tuple[TurnRow, ...]
    task: str = ""
    task_params: dict[str, float] = field(default_factory=dict)
    expected: Expected | None = None
    inside: bool = False
    due_ns: int | None = None
    due_from: str = ""
    speak_ns: int = 0
    link: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the diagnostics, in the order in which they first come."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.diagnostics))


def deep_link(path: Path, t_ns: int) -> str:
    """The command that opens the recording at that moment, to be pasted into a terminal."""
    return f"tmlapp open {shlex.quote(str(path))} --at {t_ns / NS_PER_S:.2f}"


def voice_detector() -> Voice:
    """The detector that the graders use; made once, it serves many outputs.

    Raises:
        AppError: its graph is missing.
    """
    detector = VoiceActivityDetector()
    return lambda pcm: detector(pcm).segments_s


def why(recording: Recording, lanes: Lanes, output: Output, *, turns: int = TURNS, voice: Voice | None = None) -> Why:
    """Explain `output`, one of `lanes.outputs`; reads only the stretch that it needs. Call it on a worker thread.

    Args:
        turns: how many micro-turns, the one of the output included.
        voice: finds the user's voice; None leaves that out.

    Raises:
        AppError: the recording is damaged there.
    """
    last = max(0, min(output.turn, recording.n_turns - 1))
    first = max(0, last - turns + 1)
    start_ns, end_ns = first * TURN_NS, (last + 1) * TURN_NS
    events = [
        e
        for e in recording.events(
            (UnitDone, Listen, TextOut, TextOutDone, AudioOut, ToolCall, Interrupted, InputLost),
            start_ns,
            max(end_ns + _ANSWER_NS, output.t_ns + 1),
            sound=False,
        )
        if isinstance(e, EndpointEvent)
    ]
    rows = _rows(recording, lanes, events, first, last, voice)
    task = _task(lanes.tasks, output.t_ns)
    expected, inside = _nearest(lanes.expected, _speak_ns(output))
    due_ns, due_from = _due(expected, task, output)
    return Why(
        output=output,
        rows=rows,
        task=task.task if task else "",
        task_params=dict(task.params) if task else {},
        expected=expected,
        inside=inside,
        due_ns=due_ns,
        due_from=due_from,
        speak_ns=_speak_ns(output),
        link=deep_link(recording.path.absolute(), output.t_ns),
    )


def _speak_ns(output: Output) -> int:
    return output.received[0] if output.received else output.t_ns


def _rows(
    recording: Recording, lanes: Lanes, events: Sequence[EndpointEvent], first: int, last: int, voice: Voice | None
) -> tuple[TurnRow, ...]:
    units = {e.micro_turn: e for e in reversed(events) if isinstance(e, UnitDone)}
    answered = sorted((u.t_rx_ns, u.micro_turn) for u in units.values())
    unsent = {e.micro_turn for e in events if isinstance(e, InputLost) and e.what == "turn"}
    listened = {e.micro_turn for e in events if isinstance(e, Listen)}
    said: dict[int, list[str]] = {}
    for event in events:
        if text := _said(event):
            said.setdefault(turn_at(event.t_rx_ns, answered), []).append(text)
    levels, spoken = _sound(recording, first, last, voice)
    typed = _typed(recording, first, last)
    rows = []
    for index in range(first, last + 1):
        unit = units.get(index)
        t_ns = index * TURN_NS
        rows.append(
            TurnRow(
                index=index,
                t_ns=t_ns,
                words=_words(lanes, (t_ns, t_ns + TURN_NS)),
                level_dbfs=levels[index - first],
                voice=None if spoken is None else spoken[index - first],
                lost=index in recording.lost_turns,
                not_sent=index in unsent,
                typed=typed.get(index, ()),
                answered=unit is not None or index in listened,
                said=_joined(said.get(index, ())),
                latency_ns=unit.latency_ns if unit else None,
                compute_ns=unit.compute_ns if unit and unit.compute_ns else None,
                lag_turns=unit.lag_turns if unit else None,
                late=unit is not None and (unit.latency_ns > LATE_NS or unit.lag_turns > 0),
                diagnostics=dict(unit.diagnostics) if unit else {},
            )
        )
    return tuple(rows)


def _said(event: EndpointEvent) -> str:
    match event:
        case TextOutDone(channel="thought") | TextOut(channel="thought"):
            return ""
        case TextOutDone():
            return event.text.strip()
        case TextOut():
            return event.delta.strip()
        case AudioOut():
            return event.text.strip() or _SOUND
        case ToolCall():
            return f"calls {event.name}"
        case Interrupted():
            return "(interrupted)"
        case _:
            return ""


def _joined(said: Sequence[str]) -> str:
    told = [text for text in dict.fromkeys(said) if text != _SOUND]
    return " ".join(told) or " ".join(dict.fromkeys(said))


def _words(lanes: Lanes, turn: Span) -> str:
    words = [
        w.text for w in lanes.user_words if w.t0_ns < turn[1] and (w.t0_ns if w.t1_ns is None else w.t1_ns) >= turn[0]
    ]
    if words:
        return " ".join(words)
    said = [u.text for u in lanes.user_said if u.t0_ns < turn[1] and (u.t1_ns or u.t0_ns) >= turn[0]]
    there = [h for h in lanes.speech if h.from_ns < turn[1] and h.to_ns >= turn[0]]
    said += [h.text for h in there if h.accepted and h.text not in said]
    refused = [_NOT_UNDERSTOOD] if any(not h.accepted for h in there) else []
    return " ".join([*(f"…{text}…" for text in said), *refused])


def _sound(recording: Recording, first: int, last: int, voice: Voice | None) -> tuple[list[float], list[float] | None]:
    start_ns, end_ns = first * TURN_NS, (last + 1) * TURN_NS
    begin_ns = max(0, start_ns - _VOICE_MARGIN_NS)
    # A detector needs a little sound on either side to know where a voice begins.
    pcm, _ = recording.audio("/mic", begin_ns, min(end_ns + _VOICE_MARGIN_NS, recording.duration_ns))
    step = SAMPLE_RATE_HZ * TURN_NS // NS_PER_S
    skipped = (start_ns - begin_ns) * SAMPLE_RATE_HZ // NS_PER_S
    turns = [pcm[skipped + k * step : skipped + (k + 1) * step] for k in range(last - first + 1)]
    levels = [_dbfs(part) for part in turns]
    if voice is None:
        return levels, None
    stretches = [(begin_ns + round(a * NS_PER_S), begin_ns + round(b * NS_PER_S)) for a, b in voice(pcm)]
    shares = []
    for k in range(first, last + 1):
        covered = sum(max(0, min(b, (k + 1) * TURN_NS) - max(a, k * TURN_NS)) for a, b in stretches)
        shares.append(min(1.0, covered / TURN_NS))
    return levels, shares


def _dbfs(pcm: Pcm) -> float:
    peak = int(np.abs(pcm.astype(np.int32)).max(initial=0))
    return 20 * math.log10(peak / 32768) if peak else _FLOOR_DBFS


def _typed(recording: Recording, first: int, last: int) -> dict[int, tuple[str, ...]]:
    found = {}
    for record in recording.turn_records(first):
        if record["index"] > last:
            break
        found[record["index"]] = tuple(text["text"] for text in record["texts"])
    return found


def _task(tasks: Sequence[Task], t_ns: int) -> Task | None:
    """The task that held at `t_ns`."""
    return next((task for task in reversed(tasks) if task.t_ns <= t_ns), None)


def _nearest(expected: Sequence[Expected], t_ns: int) -> tuple[Expected | None, bool]:
    inside = [e for e in expected if e.window[0] <= t_ns <= e.window[1]]
    if inside:
        return min(inside, key=lambda e: abs((e.t_ref_ns or e.window[0]) - t_ns)), True
    nearest = min(expected, key=lambda e: max(e.window[0] - t_ns, t_ns - e.window[1]), default=None)
    return nearest, False


def _due(expected: Expected | None, task: Task | None, output: Output) -> tuple[int | None, str]:
    if expected is not None:
        return (expected.window[0] if expected.t_ref_ns is None else expected.t_ref_ns), "expectation"
    if task is None:
        return None, ""
    # After a pause a task holds again, but counts from its own instruction.
    turn = int(task.params.get("since_turn", task.from_turn))
    since_ns = turn * TURN_NS - round(task.params.get("elapsed_s", 0.0) * NS_PER_S)
    period_ns = round((task.params.get("period_s", 0.0) + 60 * task.params.get("period_min", 0.0)) * NS_PER_S)
    until_ns = round((task.params.get("until_s", 0.0) + 60 * task.params.get("until_min", 0.0)) * NS_PER_S)
    if period_ns > 0:
        # The due moment nearest to it: a timer may be early as well as late.
        return since_ns + max(1, round((output.t_ns - since_ns) / period_ns)) * period_ns, "timer"
    return (since_ns + until_ns, "timer") if until_ns > 0 else (None, "")


def text_of(found: Why) -> str:
    """The answer as text to be copied: facts, then a table of the micro-turns."""
    output = found.output
    facts = [
        f"“{output.text}” ({output.kind}) at {_s(output.t_ns)}, micro-turn {output.turn}",
        f"Received: {_span(output.received)}. Heard: {_span(output.heard)}.",
    ]
    if found.due_ns is not None:
        late_ms = (found.speak_ns - found.due_ns) / NS_PER_MS
        facts.append(f"Due: {_s(found.due_ns)} by the {found.due_from}; spoken {late_ms:+.0f} ms from there.")
    if found.expected is not None:
        where = "inside" if found.inside else "outside"
        facts.append(
            f"Window of {found.expected.id}: {_span(found.expected.window)}, {where} it: {found.expected.meaning}"
        )
    if found.task:
        numbers = ", ".join(f"{k} {v:g}" for k, v in found.task_params.items() if v)
        facts.append(f"Task: {found.task}{f' ({numbers})' if numbers else ''}")
    heading = ["turn", "from s", "user", "level dBFS", "voice %", "decision", "said", "compute ms", "reply ms", "late"]
    table = [[*heading, *found.names], *(_cells(row, found.names) for row in found.rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join([*facts, "", *lines, "", found.link])


def _cells(row: TurnRow, names: Sequence[str]) -> list[str]:
    heard = " ".join([row.words, *(f"[{text}]" for text in row.typed)]).strip()
    return [
        str(row.index),
        f"{row.t_ns / NS_PER_S:.1f}",
        "(lost)" if row.lost else "(not sent)" if row.not_sent else heard,
        f"{row.level_dbfs:.0f}",
        "" if row.voice is None else f"{100 * row.voice:.0f}",
        row.decision,
        row.said,
        "" if row.compute_ns is None else f"{row.compute_ns / NS_PER_MS:.1f}",
        "" if row.latency_ns is None else f"{row.latency_ns / NS_PER_MS:.1f}",
        "late" if row.late else "",
        *(" ".join(f"{v:.3g}" for v in row.diagnostics.get(name, ())) for name in names),
    ]


def _s(t_ns: int) -> str:
    return f"{t_ns / NS_PER_S:.3f} s"


def _span(span: Span | None) -> str:
    return "–" if span is None else f"{span[0] / NS_PER_S:.3f} to {span[1] / NS_PER_S:.3f} s"
