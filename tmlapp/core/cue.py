"""Cues: proactive outputs as a person sees them.

The window paints an `Overlay`; only this module decides what is in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    Ducked,
    Event,
    Interrupted,
    SpeechHeard,
    TaskSet,
    TextOut,
    TextOutDone,
)
from tmlapp.core.numbers import numbers_in
from tmlapp.core.units import NS_PER_S, samples_to_ns

CueKind = Literal["count", "start", "stop", "remind", "say"]


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing the model said of its own accord, at session time `t_ns`; `value` is the number of a count."""

    t_ns: int
    kind: CueKind
    text: str
    value: int | None = None


def classify(text: str, *, task: str = "") -> tuple[CueKind, int | None]:
    """Which kind of cue a finished utterance is.

    A bare number is a count, a bare `start` or `stop` a border; what is said under a timer task is a reminder;
    everything else is speech.
    """
    words = re.findall(r"[a-z0-9']+", text.casefold())
    numbers = numbers_in(text)
    if len(numbers) == 1 and not numbers_in_rest(text):
        return "count", numbers[0].value
    if words in (["start"], ["stop"]):
        return ("start" if words == ["start"] else "stop"), None
    if task in TIMER_TASKS:
        return "remind", None
    return "say", None


TIMER_TASKS = frozenset({"every_n_seconds", "once_after_n", "beat", "timer", "remind"})


def numbers_in_rest(text: str) -> str:
    """What stands in `text` beside its first number, without punctuation: empty for a bare count."""
    found = numbers_in(text)
    if not found:
        return text
    rest = text[: found[0].start] + text[found[0].end :]
    return "".join(re.findall(r"\w+", rest))


@dataclass(frozen=True, slots=True)
class Overlay:
    """What lies over the picture right now.

    Attributes:
        count: number in the badge, None before the first count; `count_t_ns` is when it changed.
        border: the latest of `start` and `stop`, None before the first; `border_t_ns` is when it came.
        action: what is being watched, as named by the instruction.
        reminders: reminder toasts, newest last; each stays for `TOAST_NS`.
        caption: what the model is saying or said last; `caption_open` while more of it may come.
        speaking_until_ns: the loudspeaker is busy up to here, as far as is known.
        lowered: the model speaks more quietly than usual, because the person speaks.
        heard: what was heard last and is to be shown; words that were not taken for an instruction only while
            instructions are listened for, and no more often than every `REFUSED_APART_NS`.
    """

    count: int | None = None
    count_t_ns: int = 0
    border: Literal["start", "stop"] | None = None
    border_t_ns: int = 0
    action: str = ""
    reminders: tuple[Cue, ...] = ()
    caption: str = ""
    caption_t_ns: int = 0
    caption_open: bool = False
    speaking_until_ns: int = 0
    task: str = ""
    lowered: bool = False
    heard: SpeechHeard | None = None

    def heard_at(self, t_ns: int) -> SpeechHeard | None:
        """What was heard, while it is still to be shown at `t_ns`."""
        if self.heard is None or t_ns - self.heard.t_rx_ns >= (HEARD_NS if self.heard.accepted else REFUSED_NS):
            return None
        return self.heard

    def speaking_at(self, t_ns: int) -> bool:
        return t_ns < self.speaking_until_ns

    def toasts_at(self, t_ns: int) -> tuple[Cue, ...]:
        """Reminders still to be shown at `t_ns`."""
        return tuple(c for c in self.reminders if t_ns - c.t_ns < TOAST_NS)


TOAST_NS = 4 * NS_PER_S
HEARD_NS, REFUSED_NS = 5 * NS_PER_S, 3 * NS_PER_S
"""How long an instruction that was heard, and one that was not understood, is shown."""

REFUSED_APART_NS = 10 * NS_PER_S
"""Somebody who talks to others in the room is not told all the time that it was not understood."""

_TOASTS_KEPT = 3
CAPTION_CHARS = 10_000
"""A caption holds no more than this."""


_ACTIONS = (
    r"(?:reps|repetitions) (?:for|of) (?:the |my )?(?P<a>[^.,;]+)",
    r"when (?:.+? )?(?:starts?|is|am) (?:doing )?(?P<a>.+?),?(?: and)? then\b",
    r"starts? (?:doing )?(?P<a>.+?) then\b",
    r"count (?:out )?(?:my |the )?(?P<a>[a-z -]+)",
)


def action_of(instruction: str) -> str:
    """The `{action}` of the usual instructions ("count out reps for squats" → "squats"), or an empty string."""
    for pattern in _ACTIONS:
        if match := re.search(pattern, instruction, re.IGNORECASE):
            return match["a"].strip()
    return ""


def fold(overlay: Overlay, event: Event) -> tuple[Overlay, Cue | None]:
    """The overlay after `event`, and the cue that the event was, if it was one. Pure: no clock, no widget."""
    match event:
        case TaskSet() if event.task == "paused" or event.params.get("since_turn", event.from_turn) < event.from_turn:
            # A pause, and the task that goes on after it: what was counted stays.
            return replace(overlay, task=event.task), None
        case TaskSet():
            return replace(overlay, task=event.task, action=action_of(event.instruction), count=None, border=None), None
        case TextOut(channel="thought") | TextOutDone(channel="thought"):
            return overlay, None
        case TextOut():
            caption = overlay.caption + event.delta if overlay.caption_open else event.delta
            return replace(overlay, caption=_shown(caption), caption_t_ns=event.t_rx_ns, caption_open=True), None
        case TextOutDone():
            return _utterance(overlay, event)
        case AudioOut() if _silent(event) and overlay.speaking_until_ns <= event.t_rx_ns:
            # Some endpoints send sound all the time, zeros while they are quiet.
            return overlay, None
        case AudioOut():
            begins_ns = max(overlay.speaking_until_ns, event.t_rx_ns)
            return replace(
                overlay, speaking_until_ns=begins_ns + samples_to_ns(len(event.pcm16) // 2, event.rate)
            ), None
        case ConnectionChanged(state="reconnecting"):
            # What was being said is not said any more; left standing it would look like what the model says now.
            return replace(overlay, caption="", caption_open=False), None
        case SpeechHeard():
            return (replace(overlay, heard=event) if _worth_showing(overlay, event) else overlay), None
        case Ducked():
            return replace(overlay, lowered=event.gain_db < 0), None
        case Interrupted():
            return replace(overlay, speaking_until_ns=min(overlay.speaking_until_ns, event.t_rx_ns)), None
        case _:
            return overlay, None


def _worth_showing(overlay: Overlay, heard: SpeechHeard) -> bool:
    if heard.accepted:
        return True
    shown = overlay.heard
    recent = shown is not None and not shown.accepted and heard.t_rx_ns - shown.t_rx_ns < REFUSED_APART_NS
    # While a task runs the person talks of other things; that is told in the list and the lanes alone.
    return heard.grammar == "commands" and not recent


def _shown(caption: str) -> str:
    """The end of what a model says without end: nobody can read more of it, and each piece must cost the same."""
    return caption if len(caption) <= CAPTION_CHARS else "…" + caption[1 - CAPTION_CHARS :]


def _silent(event: AudioOut) -> bool:
    return not event.text and not any(event.pcm16)


def _utterance(overlay: Overlay, event: TextOutDone) -> tuple[Overlay, Cue]:
    t_ns = event.t_rx_ns
    kind, value = classify(event.text, task=overlay.task)
    cue = Cue(t_ns, kind, event.text, value)
    after = replace(overlay, caption=_shown(event.text), caption_t_ns=t_ns, caption_open=False)
    if kind == "count":
        after = replace(after, count=value, count_t_ns=t_ns)
    elif kind == "start":
        after = replace(after, border="start", border_t_ns=t_ns)
    elif kind == "stop":
        after = replace(after, border="stop", border_t_ns=t_ns)
    elif kind == "remind":
        after = replace(after, reminders=(*overlay.reminders, cue)[-_TOASTS_KEPT:])
    return after, cue
