"""Templates: all expectations of a take from one rule. The outcome is a command; what it holds can be edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tmlapp.bench.authoring.commands import ReplaceExpectations
from tmlapp.bench.authoring.expecting import Wording, all_dropped, cues_of, expectation, speaks_in
from tmlapp.bench.authoring.model import SPARE_SAMPLES, Expectation, ItemSet, Span, Suite, Take, free_id
from tmlapp.core.errors import AppError

MOST = 1000
"""A rule that gives more expectations than this is a mistake."""


def every(suite: Suite, take: Take, step: int, wording: Wording) -> tuple[Expectation, ...]:
    """Due every `step` samples, counted from the end of the instruction, until the user asks to stop or the take ends.

    A moment at which the user has asked to stop is not due any more.

    Raises:
        AppError: the instruction's span is not set, nothing is due in the take, or far too much is.
    """
    begin = _end_of_instruction(take)
    end = take.samples if take.stop is None else take.stop - 1
    if step < 1 or (end - begin) // step > MOST:
        raise _cannot(f"a distance of {step} samples gives no usable list", "Choose a longer distance.")
    due = list(range(begin + step, end + 1, step))
    if not due:
        raise _cannot("nothing is due before the end of the take or the request to stop", "Choose a shorter distance.")
    return _at(suite, take, due, wording)


def once(suite: Suite, take: Take, after: int, wording: Wording) -> tuple[Expectation, ...]:
    """Due once, `after` samples after the end of the instruction.

    Raises:
        AppError: the instruction's span is not set, or the moment lies outside the take.
    """
    due = _end_of_instruction(take) + after
    if not 0 <= due <= take.samples:
        raise _cannot("that moment lies outside the take", "Choose a shorter time, or record a longer take.")
    return _at(suite, take, [due], wording)


def at_each_word(suite: Suite, take: Take, text: str, wording: Wording) -> tuple[Expectation, ...]:
    """At the end of each place where the user says `text` (`user_words` of the take).

    Raises:
        AppError: the user says it nowhere.
    """
    cues = cues_of(take.user_words, text)
    if not cues:
        raise _cannot(
            f"{text[:40]!r} is not among the words of the take", "Type or align the words first, or correct the text."
        )
    made: list[Expectation] = []
    for cue in cues:
        taken = [e.id for e in made]
        made.append(expectation(suite, take, cue.span, kind="event", taken=taken, cue_text=cue.text, wording=wording))
    return tuple(made)


def at_each_drop(suite: Suite, take: Take, drops: Sequence[int], wording: Wording) -> tuple[Expectation, ...]:
    """At each sample that a person marked.

    Raises:
        AppError: nothing was marked.
    """
    if not drops:
        raise _cannot("nothing was marked in the take", "Mark the cues while speaking, or in the timeline.")
    return all_dropped(suite, [(at, wording) for at in drops], replace(take, expectations=()))


def copied(source: Take, target: Take) -> tuple[Expectation, ...]:
    """The expectations of `source` for `target`, by their order in time.

    The first of `source` gives its wording to the first of `target`, which keeps its own times, and so on. Those that
    are left over come along, later or earlier by as much as the last pair differs (without a pair: as the ends of the
    instructions do). What `target` has more than `source` stays. Times are kept inside the take.
    """
    given = sorted(source.expectations, key=lambda e: (e.t_ref, e.window.t0))
    own = sorted(target.expectations, key=lambda e: (e.t_ref, e.window.t0))
    pairs = list(zip(given, own, strict=False))
    made = [
        replace(
            new, meaning=old.meaning, accept=old.accept, reject=old.reject, required=old.required, cue_text=old.cue_text
        )
        for old, new in pairs
    ]
    made += own[len(pairs) :]
    by = pairs[-1][1].t_ref - pairs[-1][0].t_ref if pairs else _later(source, target)
    for old in given[len(pairs) :]:
        moved = _moved(old, by, target)
        made.append(replace(moved, id=free_id((e.id for e in made), "e")))
    return tuple(made)


def template_command(item: str, take: str, expectations: tuple[Expectation, ...]) -> ReplaceExpectations:
    """The command that puts what a template gave in place of what the take has."""
    return ReplaceExpectations(item, take, expectations, "template")


def copy_command(state: ItemSet, item: str, take: str, source: str) -> ReplaceExpectations:
    """The command that copies the expectations of the take `source` of the same item.

    Raises:
        AppError: there is no such take, or it expects nothing.
    """
    try:
        draft = state.item(item)
        given, target = draft.take(source), draft.take(take)
    except KeyError as error:
        raise _cannot(f"the set has no {error.args[0]!r}", "Choose a take of this item.") from error
    if not given.expectations:
        raise _cannot(f"the take {source} expects nothing", "Choose another take.")
    return ReplaceExpectations(item, take, copied(given, target), "copy")


def _at(suite: Suite, take: Take, due: Sequence[int], wording: Wording) -> tuple[Expectation, ...]:
    made: list[Expectation] = []
    for at in due:
        taken = [e.id for e in made]
        made.append(expectation(suite, take, Span(at, at), kind="time", taken=taken, wording=wording))
    return tuple(made)


def _later(source: Take, target: Take) -> int:
    if source.instruction is None or target.instruction is None:
        return 0
    return target.instruction.t1 - source.instruction.t1


def _moved(value: Expectation, by: int, take: Take) -> Expectation:
    end, last = take.samples, take.samples + SPARE_SAMPLES
    lo = min(max(0, value.window.t0 + by), last - 1)
    window = Span(lo, min(max(lo + 1, value.window.t1 + by), last))
    cue = Span(min(max(0, value.cue.t0 + by), end), min(max(0, value.cue.t1 + by), end))
    return replace(
        value,
        cue=cue,
        t_ref=min(max(0, value.t_ref + by), end),
        window=window,
        while_user_speaks=speaks_in(take, window),
    )


def _end_of_instruction(take: Take) -> int:
    if take.instruction is None:
        raise _cannot("times count from the end of the instruction, and nobody said where that is", "Set its span.")
    return take.instruction.t1


def _cannot(why: str, fix: str) -> AppError:
    return AppError("The template cannot be applied.", f"{why[:1].upper()}{why[1:]}.", fix)
