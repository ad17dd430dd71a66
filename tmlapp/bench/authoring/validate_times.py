"""Checks of what is expected in a take: meanings, windows, cues, and the user's speech around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tmlapp.bench.authoring.commands import (
    RemoveExpectation,
    SetCue,
    SetExpectation,
    SetInstructionSpan,
    SetWindow,
)
from tmlapp.bench.authoring.expecting import default_window, speaks_in
from tmlapp.bench.authoring.measure_alike import plain_text
from tmlapp.bench.authoring.model import RATE_HZ, SPARE_SAMPLES, Expectation, Span, Take, to_seconds
from tmlapp.bench.authoring.validate_finding import Finding, Fix
from tmlapp.bench.authoring.validate_rules import Case, does

_PHRASE_GAP = RATE_HZ


def check_expectations(case: Case) -> Iterator[Finding]:
    """There is something to expect, and somebody required to do it."""
    take = case.take
    if take is None:
        return
    if take.instruction is None:
        span = _spoken_first(case)
        fix = None
        if span is not None:
            fix = does("Set it to the first phrase", SetInstructionSpan(case.item.id, take.id, span))
        yield case.finding(
            "no-instruction-span", "error", "Where the instruction is said is not marked",
            "What comes before its end plus 3 s counts as an acknowledgement.", "Mark it on the waveform.",
            field="instruction", span=span, fix=fix,
        )  # fmt: skip
    if not take.expectations:
        yield case.finding(
            "no-expectation", "error", "Nothing is expected", "An item needs at least one expectation.",
            "Drop one with E, or use a template.",
        )  # fmt: skip
    elif not any(e.required for e in take.expectations):
        first = take.expectations[0]
        command = SetExpectation(case.item.id, take.id, first.id, replace(first, required=True))
        yield case.finding(
            "no-required", "error", "No expectation is required", "Optional ones do not count in the score.",
            "Make one of them required.", expectation=first.id, fix=does(f"Make {first.id} required", command),
        )  # fmt: skip
    for expectation in take.expectations:
        yield from _one(case, take, expectation)
    yield from _equal_windows(case, take)


def _spoken_first(case: Case) -> Span | None:
    """The first phrase of the sound, as far as the first cue."""
    figures = case.sound.figures if case.sound else None
    if case.take is None or figures is None or not figures.voice:
        return None
    begin, end = figures.voice[0]
    for a, b in figures.voice[1:]:
        if a - end > _PHRASE_GAP:
            break
        end = b
    limit = min((e.cue.t0 for e in case.take.expectations if e.cue.t0 > begin), default=case.take.samples)
    return Span(begin, min(end, limit, case.take.samples))


def _one(case: Case, take: Take, value: Expectation) -> Iterator[Finding]:
    if not value.meaning.strip():
        yield case.finding(
            "no-meaning", "error", f"{value.id} has no meaning", "The judge has nothing to compare with.",
            "Write in one sentence what the reply must convey.", expectation=value.id, field="meaning",
            span=value.window,
        )  # fmt: skip
    yield from _window(case, take, value)
    yield from _cue(case, take, value)
    yield from _user_speech(case, take, value)


def _set_window(case: Case, take: Take, value: Expectation, window: Span, title: str) -> Fix | None:
    if window.t1 <= window.t0 or window == value.window:
        return None
    return does(title, SetWindow(case.item.id, take.id, value.id, window))


def _window(case: Case, take: Take, value: Expectation) -> Iterator[Finding]:
    lo, hi = value.window.t0, value.window.t1
    last = take.samples + SPARE_SAMPLES
    default = default_window(case.item.suite, min(max(0, value.t_ref), take.samples), take.samples)
    reset = _set_window(case, take, value, default, "Set the default window")
    if hi <= lo:
        yield case.finding(
            "window-order", "error", f"The window of {value.id} is empty",
            f"It ends at {_s(hi)}, no later than it begins.", "Set its edges again.", expectation=value.id,
            span=value.window, fix=reset,
        )  # fmt: skip
        return
    if lo < 0 or hi > last:
        inside = Span(max(0, lo), min(hi, last))
        fix = _set_window(case, take, value, inside, "Move it inside") or reset
        yield case.finding(
            "window-outside", "error", f"The window of {value.id} lies outside the take",
            f"It lasts from {_s(lo)} to {_s(hi)}; it may last from 0 s to {_s(last)}.", "Move it inside.",
            expectation=value.id, span=value.window, fix=fix,
        )  # fmt: skip
        return
    end = take.samples + round(case.limits.tail_s * RATE_HZ)
    if hi > end:
        yield case.finding(
            "window-late", "warning", f"The window of {value.id} ends after the session",
            f"It ends at {_s(hi)}; a session goes on for {case.limits.tail_s:g} s after the sound, until {_s(end)}.",
            "End it earlier, or record a longer silence.", expectation=value.id, span=value.window,
            fix=_set_window(case, take, value, Span(min(lo, end - 1), end), "End it with the session"),
        )  # fmt: skip
    if hi - lo < round(case.limits.window_least_s * RATE_HZ):
        yield case.finding(
            "window-narrow", "warning", f"The window of {value.id} is {_s(hi - lo)} long",
            "Models answer in micro-turns of 0.2 s.", "Make it wider.", expectation=value.id, span=value.window,
            fix=reset,
        )  # fmt: skip
    if not lo <= value.t_ref <= hi:
        yield case.finding(
            "window-without-ref", "warning", f"The window of {value.id} does not hold its moment",
            f"The moment is {_s(value.t_ref)}, the window lasts from {_s(lo)} to {_s(hi)}.",
            "Move the window, or the cue.", expectation=value.id, span=value.window, fix=reset,
        )  # fmt: skip
    yield from _window_around(case, take, value)


def _window_around(case: Case, take: Take, value: Expectation) -> Iterator[Finding]:
    lo, hi = value.window.t0, value.window.t1
    told = take.instruction.t1 if take.instruction else 0
    if lo < told:
        yield case.finding(
            "window-before-told", "warning", f"The window of {value.id} begins before the instruction ends",
            f"Until {_s(told)} the model cannot know what to do.", "Begin it later.", expectation=value.id,
            span=value.window, fix=_set_window(case, take, value, Span(told, hi), "Begin it when the instruction ends"),
        )  # fmt: skip
    if take.stop is not None and lo > take.stop:
        yield case.finding(
            "window-after-stop", "warning", f"{value.id} is expected after the user asked to stop",
            f"The user asks at {_s(take.stop)}, the window begins at {_s(lo)}.", "Remove it, or move the stop.",
            expectation=value.id, span=value.window,
            fix=does(f"Remove {value.id}", RemoveExpectation(case.item.id, take.id, value.id)),
        )  # fmt: skip


def _cue(case: Case, take: Take, value: Expectation) -> Iterator[Finding]:
    lo = value.window.t0
    early = round(case.limits.cue_early_s * RATE_HZ)
    if value.kind == "event" and lo < value.cue.t0 - early:
        yield case.finding(
            "window-before-cue", "warning", f"The window of {value.id} begins long before its cue",
            f"Speech from {_s(lo)} on would count; the cue begins at {_s(value.cue.t0)}.", "Begin it with the cue.",
            expectation=value.id, span=value.window,
            fix=_set_window(case, take, value, Span(value.cue.t0, value.window.t1), "Begin it with the cue"),
        )  # fmt: skip
    due = value.cue.t1
    point = value.kind == "event" or value.cue.t0 == value.cue.t1
    if value.t_ref != due or not point:
        cue = value.cue if value.kind == "event" else Span(value.t_ref, value.t_ref)
        told = "end of its cue" if value.kind == "event" else "due moment"
        yield case.finding(
            "ref-not-cue", "warning", f"The moment of {value.id} is not the {told}",
            f"It is {_s(value.t_ref)}; the cue lasts from {_s(value.cue.t0)} to {_s(value.cue.t1)}.",
            "Lateness is measured from that moment; set it to the cue.", expectation=value.id, span=value.cue,
            fix=does("Set the moment", SetCue(case.item.id, take.id, value.id, cue, cue.t1)),
        )  # fmt: skip


def _user_speech(case: Case, take: Take, value: Expectation) -> Iterator[Finding]:
    words = any(word.span.overlaps(value.window) for word in take.user_words)
    if case.item.suite == "cuespeak" and not words:
        figures = case.sound.figures if case.sound else None
        heard = figures is not None and any(Span(a, b).overlaps(value.window) for a, b in figures.voice)
        why = "There is voice, but no words are written down there." if heard else "The user is silent there."
        what = "No words of the user" if heard else "The user does not speak"
        yield case.finding(
            "no-overlap", "warning", f"{what} within the window of {value.id}",
            f"{why} CueSpeak asks the model to speak over the user.",
            "Write down the words, or align the script." if heard else "Record it again and keep talking.",
            expectation=value.id, span=value.window,
        )  # fmt: skip
    known = speaks_in(take, value.window)
    wrong = value.while_user_speaks is not None and known is not None and value.while_user_speaks != known
    if wrong or (case.item.suite == "cuespeak" and value.while_user_speaks is None and known is not None):
        command = SetExpectation(case.item.id, take.id, value.id, replace(value, while_user_speaks=known))
        yield case.finding(
            "while-speaking", "warning", f"Whether the user speaks during {value.id} is noted wrongly"
            if wrong else f"Whether the user speaks during {value.id} is not noted",
            f"By the user's words it is {'true' if known else 'false'}.", "Set it by the words.",
            expectation=value.id, field="while_user_speaks", span=value.window,
            fix=does("Set it by the words", command),
        )  # fmt: skip


def _equal_windows(case: Case, take: Take) -> Iterator[Finding]:
    ordered = sorted(take.expectations, key=lambda e: (e.window.t0, e.window.t1, e.id))
    meanings = {e.id: plain_text(e.meaning) for e in ordered}
    # Each with the next of the same meaning only: with every other one, an hour of reminders would be their square.
    last: dict[str, Expectation] = {}
    for value in ordered:
        meaning = meanings[value.id]
        before = last.get(meaning) if meaning else None
        last[meaning] = value
        # Bounds belong to the window: two that touch share a moment.
        if before is None or before.window.t1 < value.window.t0:
            continue
        shared = Span(value.window.t0, max(value.window.t0, min(before.window.t1, value.window.t1)))
        cut = Span(before.window.t0, value.window.t0 - 1)
        yield case.finding(
            "windows-overlap", "warning", f"The windows of {before.id} and {value.id} overlap",
            "Both expect the same, and one reply counts for one of them only.", "Let one end before the other begins.",
            expectation=before.id, span=shared,
            fix=_set_window(case, take, before, cut, f"End {before.id} before {value.id} begins"),
        )  # fmt: skip


def _s(samples: int) -> str:
    return f"{round(to_seconds(samples), 3):g} s"
