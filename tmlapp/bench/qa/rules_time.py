"""Decides the checks of when the model speaks. Rules in words: `tmlapp.bench.qa.checks_time`."""

from __future__ import annotations

from itertools import pairwise

from tmlapp.bench.qa.anchors import HANG_NS, Anchor, anchor_of
from tmlapp.bench.qa.checks_time import (
    KeepsSpeaking,
    RepeatsEvery,
    SilentWhileUserSpeaks,
    SpeaksAtMost,
    SpeaksWithin,
    StaysSilent,
    StopsWithin,
)
from tmlapp.bench.qa.facts import Facts
from tmlapp.bench.qa.outcome import Outcome, Stretch, measured, open_or, passed, s_text
from tmlapp.bench.qa.speech import PAUSE_NS, Span, joined
from tmlapp.core.units import s_to_ns

_WAITS = "Waits."


def speaks_within(check: SpeaksWithin, facts: Facts, step: Stretch) -> Outcome:
    anchor = anchor_of(check.after, facts, step)
    if anchor.t_ns is None:
        return _nothing_to_count_from(anchor, step)
    at, limit = anchor.t_ns, anchor.t_ns + s_to_ns(check.s)
    earliest = at - HANG_NS if check.after == "user_speech_end" else at
    begin = next((b for b, _ in facts.model_speech(step.start_ns, step.end_ns) if earliest <= b <= step.end_ns), None)
    if begin is not None:
        return measured(begin <= limit, f"It spoke after {s_text(begin - at)}.", begin - at, begin)
    if step.over:
        return Outcome(state="fail", why=f"It did not speak in the {s_text(step.end_ns - at)} that were left.")
    if anchor.final and step.end_ns > limit:
        return Outcome(state="fail", why=f"It has been silent for {s_text(step.end_ns - at)}.", at_ns=limit)
    return Outcome(state="waiting", why=f"{s_text(step.end_ns - at)} of {check.s:g} s.")


def stays_silent(check: StaysSilent, facts: Facts, step: Stretch) -> Outcome:
    anchor = anchor_of(check.after, facts, step)
    if anchor.t_ns is None:
        return _nothing_to_count_from(anchor, step)
    start = anchor.t_ns + s_to_ns(check.grace_s)
    limit = None if check.s is None else anchor.t_ns + s_to_ns(check.s)
    until = step.end_ns if limit is None else min(limit, step.end_ns)
    speech = facts.model_speech(step.start_ns, step.end_ns) if start <= until else []
    spoken = next((max(b, start) for b, e in speech if b <= until and e >= start), None)
    if spoken is not None:
        return measured(False, f"It spoke after {s_text(spoken - anchor.t_ns)}.", spoken - anchor.t_ns, spoken)
    quiet = until - anchor.t_ns
    if limit is not None and step.end_ns >= limit:
        # While the step runs the user may still move the moment from which it counts.
        if anchor.final or step.over:
            return measured(True, f"It was silent for {s_text(quiet)}.", quiet, until)
        return Outcome(state="waiting", why=f"Silent for {s_text(quiet)}.")
    if not step.over:
        return Outcome(state="waiting", why=f"Silent for {s_text(quiet)}.")
    if limit is None:
        return measured(True, f"It was silent for {s_text(quiet)}.", quiet, until)
    return Outcome(state="undecided", why=f"The step ended after {s_text(quiet)} of {check.s:g} s.")


def stops_within(check: StopsWithin, facts: Facts, step: Stretch) -> Outcome:
    running = _running(check.after, facts, step)
    if isinstance(running, Outcome):
        return running
    at, end, ended = running
    limit = at + s_to_ns(check.s)
    if not ended and end <= limit:
        return Outcome(state="waiting", why="It still speaks.")
    return measured(end <= limit, f"It went on for {s_text(end - at)}.", end - at, end)


def keeps_speaking(check: KeepsSpeaking, facts: Facts, step: Stretch) -> Outcome:
    running = _running(check.after, facts, step)
    if isinstance(running, Outcome):
        return running
    at, end, ended = running
    if not ended and end < at + s_to_ns(check.s):
        return Outcome(state="waiting", why="It still speaks.")
    return measured(end - at >= s_to_ns(check.s), f"It went on for {s_text(end - at)}.", end - at, end)


def repeats_every(check: RepeatsEvery, facts: Facts, step: Stretch) -> Outcome:
    begins = [b for b, _ in facts.model_speech(step.start_ns, step.end_ns) if step.start_ns <= b <= step.end_ns]
    for before, begin in pairwise(begins):
        if abs(begin - before - s_to_ns(check.s)) > s_to_ns(check.tolerance_s):
            return measured(False, f"{s_text(begin - before)} lie between two.", begin - before, begin)
    found = f"It spoke {len(begins)} times."
    state = passed(len(begins) >= check.times)
    over = Outcome(state=state, why=found, value=len(begins), unit="times", at_ns=step.end_ns)
    return open_or(step, found, over)


def silent_while_user_speaks(check: SilentWhileUserSpeaks, facts: Facts, step: Stretch) -> Outcome:
    user = _inside(facts.user_speech(), step)
    model = facts.model_speech(step.start_ns, step.end_ns)
    shared = ((max(a, c), min(b, d)) for a, b in user for c, d in model if max(a, c) < min(b, d))
    both = joined(shared, pause_ns=1)
    length = sum(b - a for a, b in both)
    if length > s_to_ns(check.allow_s):
        return measured(False, f"Both spoke for {s_text(length)}.", length, both[0][0])
    if not user:
        return open_or(step, _WAITS, Outcome(state="undecided", why="Nobody was heard on the microphone."))
    over = measured(True, f"Both spoke for {s_text(length)}.", length, step.end_ns)
    return open_or(step, f"Both spoke for {s_text(length)}.", over)


def speaks_at_most(check: SpeaksAtMost, facts: Facts, step: Stretch) -> Outcome:
    length = sum(b - a for a, b in _inside(facts.model_speech(step.start_ns, step.end_ns), step))
    said = f"It spoke for {s_text(length)}."
    if length > s_to_ns(check.s):
        return measured(False, said, length, step.end_ns)
    return open_or(step, said, measured(True, said, length, step.end_ns))


def _nothing_to_count_from(anchor: Anchor, step: Stretch) -> Outcome:
    return open_or(step, anchor.why, Outcome(state="undecided", why=anchor.why))


def _running(after: str, facts: Facts, step: Stretch) -> tuple[int, int, bool] | Outcome:
    """The moment, the end of the speech of the model that goes on at it, and whether that has ended."""
    anchor = anchor_of(after, facts, step)  # type: ignore[arg-type]
    if anchor.t_ns is None:
        return _nothing_to_count_from(anchor, step)
    at = anchor.t_ns
    end = next((e for b, e in facts.model_speech(step.start_ns, step.end_ns) if b <= at <= e and e > b), None)
    if end is None:
        return open_or(step, _WAITS, Outcome(state="undecided", why="The model did not speak then."))
    return at, end, step.over or step.end_ns >= end + PAUSE_NS


def _inside(spans: list[Span], step: Stretch) -> list[Span]:
    cut = ((max(a, step.start_ns), min(b, step.end_ns)) for a, b in spans)
    return [(a, b) for a, b in cut if a < b]
