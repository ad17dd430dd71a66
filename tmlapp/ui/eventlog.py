"""What the event list says about each happening. No widget here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tmlapp.core.event import (
    Delegation,
    EndpointError,
    EndpointEvent,
    Event,
    Gap,
    Interrupted,
    Limit,
    Marker,
    Notice,
    SpeechHeard,
    StateChanged,
    TaskSet,
    TextOutDone,
    ToolCall,
    UnitDone,
    UserTranscript,
)
from tmlapp.core.turn import TextInput
from tmlapp.core.units import NS_PER_MS
from tmlapp.ui.endpoints.link import limit_text
from tmlapp.ui.text import ms_text, refusal_text, tr

Who = Literal["you", "model", "remind", "marker", "note", "gap", "session", "task", "warning", "error", "verdict"]

_MERGE_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the event list; `extra` is shown dimmed behind `text`, `end_ns` is where a gap ends.

    `wire_ref` is the frame that told it, where there is one; `refused` counts stretches of speech, one after the other,
    that were not understood.
    """

    t_ns: int
    who: Who
    text: str
    extra: str = ""
    end_ns: int = 0
    wire_ref: int | None = None
    refused: int = 0


class EventLog:
    """Rows in order of arrival. `add` says which row is new or changed."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._unanswered: list[int] = []
        self._cause: int | None = None
        self._just_heard = ""

    def add(self, what: Event | TextInput) -> list[int]:
        """Take one happening; indices of the rows that are new or changed."""
        if isinstance(what, TextInput):
            return self._append(Row(what.t_ns, "you", what.text, tr("typed")))
        if isinstance(what, UnitDone):
            return self._answered(what)
        if isinstance(what, Gap):
            return self._gap(what)
        if isinstance(what, SpeechHeard):
            return self._heard(what)
        if isinstance(what, UserTranscript) and what.text.strip() == self._just_heard:
            return []  # The same words once more, from an endpoint that tells them in two ways.
        if isinstance(what, TaskSet) and what.instruction and what.instruction == self._just_heard:
            waits = what.task == "none"
            text = tr("waits for an instruction") if waits else what.task.replace("_", " ")
            return self._append(Row(what.t_rx_ns, "task", text))
        if isinstance(what, EndpointEvent):
            self._cause = what.wire_ref
        row = row_of(what)
        if row is None or told_by_notice(what):
            return []
        if isinstance(what, EndpointEvent | Notice):
            # The session tells at once what follows from an event of the endpoint.
            row = replace(row, wire_ref=self._cause)
        else:
            self._cause = None
        changed = self._append(row)
        if isinstance(what, TextOutDone):
            self._unanswered.extend(changed)
        return changed

    def _append(self, row: Row) -> list[int]:
        self.rows.append(row)
        return [len(self.rows) - 1]

    def _answered(self, done: UnitDone) -> list[int]:
        # A reply's latency comes with the unit that it was an answer in.
        changed, self._unanswered = self._unanswered, []
        for i in changed:
            self.rows[i] = replace(self.rows[i], extra=f"+{ms_text(done.latency_ns / NS_PER_MS)} ms")
        return changed

    def _heard(self, heard: SpeechHeard) -> list[int]:
        """An instruction like a typed one; talk that is none is one row, however much of it there is."""
        self._just_heard = heard.text if heard.accepted else ""
        if heard.accepted:
            return self._append(Row(heard.to_ns, "you", heard.text, tr("heard")))
        last = self.rows[-1] if self.rows else None
        if last is not None and last.refused:
            times = last.refused + 1
            self.rows[-1] = replace(last, refused=times, extra=_refusal(heard.reason, times))
            return [len(self.rows) - 1]
        text = tr("did not understand")
        return self._append(Row(heard.to_ns, "you", text, _refusal(heard.reason, 1), refused=1))

    def _gap(self, gap: Gap) -> list[int]:
        if gap.kind in ("muted", "paused"):
            return []  # The session says it once, as a change of state.
        if gap.dur_ns <= 0:
            return self._append(Row(gap.t_ns, "gap", f"{_track(gap.track)}: {gap.reason}"))
        for i in range(len(self.rows) - 1, max(-1, len(self.rows) - 6), -1):
            row = self.rows[i]
            same = row.who == "gap" and row.text == f"{_track(gap.track)}: {gap.reason}"
            if same and gap.t_ns - row.end_ns < _MERGE_NS:
                end_ns = gap.t_ns + gap.dur_ns
                self.rows[i] = replace(row, end_ns=end_ns, extra=_span(end_ns - row.t_ns))
                return [i]
        end_ns = gap.t_ns + gap.dur_ns
        return self._append(Row(gap.t_ns, "gap", f"{_track(gap.track)}: {gap.reason}", _span(gap.dur_ns), end_ns))


def _refusal(reason: str, times: int) -> str:
    return " ".join(s for s in (refusal_text(reason), f"×{times}" if times > 1 else "") if s)


def _track(track: str) -> str:
    return {"mic": tr("microphone"), "camera": tr("camera"), "model": tr("model")}[track]


def _span(dur_ns: int) -> str:
    ms = dur_ns / NS_PER_MS
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"


def told_by_notice(event: Event) -> bool:
    """True where the session itself says in a `Notice` what the event means: once, however often it comes."""
    return isinstance(event, Limit) or (isinstance(event, EndpointError) and not event.fatal)


def row_of(event: Event) -> Row | None:
    """The row that `event` becomes by itself; None where it is not for the list."""
    match event:
        case TextOutDone(channel="thought"):
            return None
        case TextOutDone():
            return Row(event.t_rx_ns, "model", event.text)
        case UserTranscript(final=True):
            return Row(event.t_rx_ns, "you", event.text)
        case Marker():
            return _marker(event)
        case Notice():
            who: Who = "session" if event.level == "info" else event.level
            return Row(event.t_ns, who, " ".join(s for s in (event.what, event.why, event.fix) if s))
        case EndpointError():
            return Row(event.t_rx_ns, "error", event.message, event.code)
        case TaskSet():
            return Row(event.t_rx_ns, "task", event.instruction or tr("no instruction"), event.task)
        case StateChanged():
            return _state(event)
        case Interrupted():
            return Row(event.t_rx_ns, "session", tr("the model was interrupted"))
        case ToolCall():
            return Row(event.t_rx_ns, "model", tr("calls {name}").format(name=event.name))
        case Delegation():
            return Row(event.t_rx_ns, "model", tr("delegates to {name}").format(name=event.target), event.state)
        case Limit():
            return Row(event.t_rx_ns, "warning", limit_text(event))
        case _:
            return None


def _marker(event: Marker) -> Row:
    if event.label == "note":
        return Row(event.t_ns, "note", event.note)
    if event.label.isdigit():
        return Row(event.t_ns, "verdict", tr("verdict {n}").format(n=event.label), event.note)
    return Row(event.t_ns, "marker", event.note or tr("marker"))


def _state(event: StateChanged) -> Row | None:
    texts = {
        "running": tr("recording started"),
        "draining": tr("stopping"),
        "closed": tr("closed"),
        "muted": tr("microphone muted"),
        "unmuted": tr("microphone on"),
        "paused": tr("paused"),
        "resumed": tr("resumed"),
    }
    text = texts.get(event.state)
    if text is None:
        return None
    reason = event.reason if event.state == "closed" else ""
    return Row(event.t_ns, "session", f"{text}: {reason}" if reason else text)
