"""New expectations with the default windows of their suite, always written out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tmlapp.bench.authoring.model import (
    RATE_HZ,
    SPARE_SAMPLES,
    Expectation,
    Span,
    Suite,
    Take,
    UserWord,
    free_id,
)
from tmlapp.bench.suites.speak_params import SpeakParams


@dataclass(frozen=True, slots=True)
class Wording:
    """What new expectations say, see `Expectation`."""

    meaning: str = ""
    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    required: bool = True


def default_window(suite: Suite, t_ref: int, samples: int) -> Span:
    """The default window of `suite` around `t_ref`, as far as it may lie in a take of `samples` samples."""
    params = SpeakParams()
    lo = t_ref + round(params.window_before_s[suite] * RATE_HZ)
    hi = t_ref + round(params.window_after_s[suite] * RATE_HZ)
    return Span(max(0, lo), min(hi, samples + SPARE_SAMPLES))


def dropped(suite: Suite, at: int, take: Take, wording: Wording | None = None) -> Expectation:
    """What a person meant who marked sample `at` while speaking: the model should speak here.

    In TimeSpeak that is a due moment, in CueSpeak the end of a cue whose beginning is not known. A moment outside the
    take counts as its nearest end. The id is free in `take`.
    """
    at = min(max(0, at), take.samples)
    kind = "time" if suite == "timespeak" else "event"
    return expectation(suite, take, Span(at, at), kind=kind, taken=[e.id for e in take.expectations], wording=wording)


def expectation(
    suite: Suite,
    take: Take,
    cue: Span,
    *,
    kind: str,
    taken: Iterable[str],
    cue_text: str = "",
    wording: Wording | None = None,
) -> Expectation:
    """An expectation at the end of `cue` with the default window; its id is not among `taken`."""
    said = wording or Wording()
    window = default_window(suite, cue.t1, take.samples)
    return Expectation(
        id=free_id(taken, "e"),
        kind="time" if kind == "time" else "event",
        cue=cue,
        t_ref=cue.t1,
        window=window,
        cue_text=cue_text,
        meaning=said.meaning,
        accept=said.accept,
        reject=said.reject,
        required=said.required,
        while_user_speaks=speaks_in(take, window),
    )


def speaks_in(take: Take, window: Span) -> bool | None:
    """Whether the user says something within `window`; None while no words of the take are known."""
    if not take.user_words:
        return None
    return any(word.span.overlaps(window) for word in take.user_words)


def all_dropped(suite: Suite, drops: Sequence[tuple[int, Wording]], take: Take) -> tuple[Expectation, ...]:
    """An expectation for each moment and its wording, in order of time, after those that `take` has."""
    for at, wording in sorted(drops, key=lambda drop: drop[0]):
        take = replace(take, expectations=(*take.expectations, dropped(suite, at, take, wording)))
    return take.expectations


def cues_of(words: Sequence[UserWord], text: str) -> list[UserWord]:
    """Where `text`, one word or several, is said in `words`; case, accents' form and punctuation do not matter.

    An entry of several words that holds the text is the cue as a whole: nobody knows where in it the text is said.
    """
    wanted = _words(text)
    if not wanted:
        return []
    spoken = [(index, part) for index, word in enumerate(words) for part in _words(word.text)]
    found: list[UserWord] = []
    at = 0
    while at + len(wanted) <= len(spoken):
        stretch = spoken[at : at + len(wanted)]
        if [part for _, part in stretch] != wanted:
            at += 1
            continue
        first, last = words[stretch[0][0]], words[stretch[-1][0]]
        said = " ".join(words[n].text for n in range(stretch[0][0], stretch[-1][0] + 1))
        cue = UserWord(Span(first.span.t0, max(first.span.t1, last.span.t1)), said)
        # The same entry may hold the text twice.
        if not found or found[-1] != cue:
            found.append(cue)
        at += len(wanted)
    return found


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", plain)
