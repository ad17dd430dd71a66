"""Nothing in a set contradicts itself: the rules that every state keeps, whatever was done to it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tmlapp.bench.authoring.codec import LIMIT
from tmlapp.bench.authoring.times import SPARE_SAMPLES, ModelError, to_seconds

if TYPE_CHECKING:
    from tmlapp.bench.authoring.model import Expectation, ItemDraft, ItemSet, Span, Take

_ID = re.compile(r"[a-z0-9-]+")


def check_set(state: ItemSet) -> None:
    """Nothing in `state` contradicts itself.

    Raises:
        ModelError: naming the place.
    """
    _unique([s.id for s in state.speakers], "speaker")
    _unique([i.id for i in state.items], "item")
    for speaker in state.speakers:
        check_name(speaker.id, "speaker")
    for item in state.items:
        check_item(item)
        for take in item.takes:
            check_speaker(state, take)


def check_speaker(state: ItemSet, take: Take) -> None:
    """The take's speaker is one of the set's.

    Raises:
        ModelError: it is not.
    """
    if take.speaker and take.speaker not in [s.id for s in state.speakers]:
        raise ModelError(f"the take {take.id} names a speaker {take.speaker!r} whom the set does not have")


def check_item(item: ItemDraft) -> None:
    """The item and its takes do not contradict themselves.

    Raises:
        ModelError: naming the place.
    """
    check_name(item.id, "item")
    _unique([t.id for t in item.takes], f"take of {item.id}")
    for take in item.takes:
        check_take(take)
    if item.best is not None:
        if item.best not in [t.id for t in item.takes]:
            raise ModelError(f"{item.id} has no take {item.best!r} that could be its best")
        if item.take(item.best).discarded:
            raise ModelError(f"the take {item.best} of {item.id} is discarded and cannot be its best")


def check_take(take: Take) -> None:
    """All times lie in the take, windows at most ten seconds behind it.

    Raises:
        ModelError: naming the place.
    """
    check_name(take.id, "take")
    for name in take.files:
        if not is_inside(name):
            raise ModelError(f"the take {take.id} names a file outside the set: {name!r}")
    if not take.audio:
        raise ModelError(f"the take {take.id} has no sound")
    if not 0 < take.samples < LIMIT:
        raise ModelError(f"the take {take.id} has {take.samples} samples")
    if take.instruction is not None:
        _within(take.instruction, take.samples, "the instruction")
    for word in take.user_words:
        _within(word.span, take.samples, f"the word {word.text[:40]!r}")
    if take.stop is not None and not 0 <= take.stop <= take.samples:
        raise ModelError(f"the request to stop at {_s(take.stop)} lies outside the {_s(take.samples)} of the take")
    _unique([e.id for e in take.expectations], f"expectation of {take.id}")
    for expectation in take.expectations:
        _check_expectation(expectation, take.samples)


def _check_expectation(value: Expectation, samples: int) -> None:
    what = f"the expectation {value.id}"
    if not value.id.strip():
        raise ModelError("an expectation has no id")
    _within(value.cue, samples, f"the cue of {what}")
    if not 0 <= value.t_ref <= samples:
        raise ModelError(f"the reference of {what} at {_s(value.t_ref)} lies outside the {_s(samples)} of the take")
    lo, hi = value.window.t0, value.window.t1
    if hi <= lo:
        raise ModelError(f"the window of {what} ends ({_s(hi)}) no later than it begins ({_s(lo)})")
    if lo < 0 or hi > samples + SPARE_SAMPLES:
        last = _s(samples + SPARE_SAMPLES)
        raise ModelError(f"the window of {what}, {_s(lo)} to {_s(hi)}, lies outside 0 s to {last}")


def _within(span: Span, samples: int, what: str) -> None:
    if span.t1 < span.t0:
        raise ModelError(f"{what} ends ({_s(span.t1)}) before it begins ({_s(span.t0)})")
    if span.t0 < 0 or span.t1 > samples:
        raise ModelError(f"{what}, {_s(span.t0)} to {_s(span.t1)}, lies outside the {_s(samples)} of the take")


def check_name(name: str, what: str) -> None:
    """An id that may stand in file names and in `items.jsonl`.

    Raises:
        ModelError: it has other characters than a-z, 0-9 and -, none, or too many.
    """
    if not _ID.fullmatch(name):
        raise ModelError(f"the id {name[:60]!r} of the {what} has other characters than a-z, 0-9 and -, or none")
    if len(name) > 100:
        raise ModelError(f"the id of the {what} has {len(name)} characters, more than 100")


def is_inside(name: str) -> bool:
    """A relative path with forward slashes that stays in the folder, on every system."""
    parts = PurePosixPath(name).parts
    return not (name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name)


def _unique(names: list[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ModelError(f"two are called {name[:60]!r}: each {what} has an id of its own")
        seen.add(name)


def _s(samples: int) -> str:
    return f"{to_seconds(samples):.10g} s"
