"""What a model said in an item, as graders of what is said at a moment see it: in order, on the item's clock."""

from __future__ import annotations

from dataclasses import replace

from tmlapp.bench.answer import Utterance, utterances_of
from tmlapp.bench.said import is_time, shifted
from tmlapp.bench.suite import Entry
from tmlapp.core.errors import AppError


def utterances_on(entry: Entry, start_s: float) -> tuple[Utterance, ...]:
    """Everything that was said, by onset, to the nanosecond; nothing for an item that was not run.

    Args:
        entry: the times of its answers are the item's already; those of bare outputs are a session's.
        start_s: when the item began in the session.

    Raises:
        AppError: a time is not a finite number.
    """
    if entry.outputs is None:
        return ()
    if not entry.answers:
        return tuple(Utterance(s.t_s, None, s.text) for s in shifted(entry.outputs, -start_s))
    answer = next(iter(entry.answers.values()))
    found = answer.utterances
    if answer.words and not (found and all(u.words for u in found)):
        for word in answer.words:
            _check(word.t0_s, word.text)
        found = utterances_of(answer.words)
    return tuple(sorted((_exact(u) for u in found), key=lambda u: u.t0_s))


def _exact(utterance: Utterance) -> Utterance:
    _check(utterance.t0_s, utterance.text)
    for word in utterance.words:
        _check(word.t0_s, word.text)
    # Bounds are inclusive, so a time must not lie a rounding error outside.
    t0 = round(utterance.t0_s, 9)
    return utterance if t0 == utterance.t0_s else replace(utterance, t0_s=t0)


def _check(t_s: float, text: str) -> None:
    if not is_time(t_s):
        raise AppError(
            f"The output {text[:40]!r} cannot be graded.",
            f"Its time is {t_s}.",
            "Give every output a time in seconds.",
        )
