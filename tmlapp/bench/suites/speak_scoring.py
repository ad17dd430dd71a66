"""The rule of TimeSpeak and CueSpeak: which utterance meets which expectation, and what an item scores.

Pure: times in, a question to somebody who judges the meaning, results out. All times are seconds on the item's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tmlapp.bench.answer import Utterance
from tmlapp.bench.labels.speak_items import Expectation, SpeakItem
from tmlapp.bench.suites.speak_params import SpeakParams
from tmlapp.core.errors import AppError

TOLERANCE_S = 1e-9

Ask = Callable[[Expectation, str, Sequence[Utterance]], bool | None]
"""(expectation, key in a table of verdicts, candidates) -> whether they convey the meaning; None: ungraded."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An utterance with its place in the order (`index`) and the moment at which it happens (`onset_s`)."""

    index: int
    onset_s: float
    utterance: Utterance

    @property
    def end_s(self) -> float:
        """Its end, or its onset where only that is known."""
        end = self.utterance.t1_s
        return self.utterance.t0_s if end is None else end


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What became of one expectation: `reason` is ok, no_speech_in_window, wrong_meaning or ungraded.

    `utterance` is the index of the one that passed (of several joined: the first), `judged` of all that were judged.
    """

    id: str
    required: bool
    window: tuple[float, float]
    t_ref_s: float
    passed: bool
    reason: str
    utterance: int | None
    judged: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemScore:
    """The result of one item; `met` in order of window, `score` None under `expand`.

    `examples` are the scores that enter the suite's mean: one, or one per required expectation under `expand`.
    `score_all` and `score_mean` are what the item would score under these two readings. `used`, `extras` and `acks` are
    indices of utterances.
    """

    met: tuple[Met, ...]
    score: float | None
    examples: tuple[float, ...]
    score_all: float
    score_mean: float
    n_judge_calls: int
    n_extra: int
    n_ack: int
    n_unmatched_in_window: int
    n_after_stop: int
    used: tuple[int, ...] = ()
    extras: tuple[int, ...] = ()
    acks: tuple[int, ...] = ()


def window_of(expectation: Expectation, suite: str, params: SpeakParams) -> tuple[float, float]:
    """The bounds of its window, both inclusive; computed ones are rounded to 6 decimals."""
    if expectation.window is not None:
        return expectation.window
    ref = expectation.t_ref_s
    return round(ref + params.window_before_s[suite], 6), round(ref + params.window_after_s[suite], 6)


def in_onset_order(
    utterances: Sequence[Utterance], params: SpeakParams, speech_s: Sequence[tuple[float, float]] | None = None
) -> list[Timed]:
    """Utterances by (t0, order given), each with the onset that the parameter names.

    Raises:
        AppError: the onset needs an end or a measured voice that is not there.
    """
    ordered = sorted(utterances, key=lambda u: u.t0_s)
    if params.onset == "first_word":
        return [Timed(i, u.t0_s, u) for i, u in enumerate(ordered)]
    if params.onset == "utterance_end":
        return [Timed(i, _end(u), u) for i, u in enumerate(ordered)]
    if speech_s is None and ordered:
        raise AppError(
            "The onset cannot be taken from the voice.",
            "The model's sound was not searched for voice.",
            "Transcribe the run with voice activity, or use the onset first_word.",
        )
    found: list[Timed] = []
    before = float("-inf")
    for i, u in enumerate(ordered):
        found.append(Timed(i, _voice_onset(u, before, speech_s or ()), u))
        before = u.t0_s if u.t1_s is None else u.t1_s
    return found


def _end(utterance: Utterance) -> float:
    if utterance.t1_s is None:
        raise AppError(
            f"The end of {utterance.text[:40]!r} is not known.",
            "The onset utterance_end needs the end of each utterance, and only its beginning was recorded.",
            "Grade with word times, or use the onset first_word.",
        )
    return utterance.t1_s


def _voice_onset(utterance: Utterance, before: float, speech_s: Sequence[tuple[float, float]]) -> float:
    """Start of the stretch of voice that holds the first word, or of the first one inside the utterance.

    A stretch that began while the utterance before was still going on belongs to that one: the word's own time stays.
    """
    end = utterance.t0_s if utterance.t1_s is None else utterance.t1_s
    for start, stop in speech_s:
        if stop >= utterance.t0_s and start <= end:
            return start if start >= before else utterance.t0_s
    return utterance.t0_s


def score_item(item: SpeakItem, timed: Sequence[Timed], params: SpeakParams, ask: Ask) -> ItemScore:
    """The rule on one item; `ask` is called only for utterances inside a window."""
    windows = {e.id: window_of(e, item.suite, params) for e in item.expectations}
    ordered = sorted(item.expectations, key=lambda e: (*windows[e.id], e.id))
    by_onset = sorted(timed, key=lambda t: t.onset_s)
    used: set[int] = set()
    calls = 0
    met: list[Met] = []
    for expectation in ordered:
        window = windows[expectation.id]
        found = [t for t in by_onset if _inside(t.onset_s, window) and (params.reuse_utterance or t.index not in used)]
        result, taken, asked = _judged(expectation, window, found, params, ask)
        calls += asked
        used.update(taken)
        met.append(result)
    outside = [t for t in timed if not any(_inside(t.onset_s, w) for w in windows.values())]
    limit = item.instruction_s[1] + params.ack_s
    extras = tuple(t.index for t in outside if t.onset_s >= limit)
    stopped = float("inf") if item.stop_s is None else item.stop_s + params.stop_grace_s
    failed = params.extra == "fail_item" and bool(extras)
    required = [0.0 if failed else float(m.passed) for m in met if m.required]
    readings = {
        "all": float(all(required)),
        "mean": sum(required) / len(required),
        "first": required[0],
    }
    score = readings.get(params.multi)
    return ItemScore(
        met=tuple(met),
        score=score,
        examples=tuple(required) if score is None else (score,),
        score_all=readings["all"],
        score_mean=readings["mean"],
        n_judge_calls=calls,
        n_extra=len(extras),
        n_ack=len(outside) - len(extras),
        n_unmatched_in_window=len(timed) - len(outside) - len(used),
        n_after_stop=sum(t.onset_s > stopped for t in timed),
        used=tuple(sorted(used)),
        extras=extras,
        acks=tuple(t.index for t in outside if t.index not in extras),
    )


def _inside(onset_s: float, window: tuple[float, float]) -> bool:
    return window[0] - TOLERANCE_S <= onset_s <= window[1] + TOLERANCE_S


def _judged(
    expectation: Expectation, window: tuple[float, float], found: Sequence[Timed], params: SpeakParams, ask: Ask
) -> tuple[Met, tuple[int, ...], int]:
    """The result of one expectation, the indices that it uses up, and how many questions it took."""
    if params.candidates == "joined" and found:
        # The texts are joined in the order in which they were said, whatever their onset is measured by.
        tries: list[tuple[str, Sequence[Timed]]] = [("joined", sorted(found, key=lambda t: t.index))]
    else:
        most = 1 if params.candidates == "first" else params.max_candidates
        tries = [(str(t.index), [t]) for t in found[:most]]
    reason = "wrong_meaning" if tries else "no_speech_in_window"
    asked = 0
    judged: list[int] = []
    for key, candidates in tries:
        asked += 1
        judged += [t.index for t in candidates]
        verdict = ask(expectation, f"{expectation.id}/{key}", [t.utterance for t in candidates])
        if verdict:
            taken = tuple(t.index for t in candidates)
            return _met(expectation, window, True, "ok", taken[0], judged), taken, asked
        if verdict is None:
            reason = "ungraded"
    return _met(expectation, window, False, reason, None, judged), (), asked


def _met(
    expectation: Expectation,
    window: tuple[float, float],
    passed: bool,
    reason: str,
    utterance: int | None,
    judged: Sequence[int],
) -> Met:
    return Met(
        id=expectation.id,
        required=expectation.required,
        window=window,
        t_ref_s=expectation.t_ref_s,
        passed=passed,
        reason=reason,
        utterance=utterance,
        judged=tuple(judged),
    )


@dataclass(frozen=True, slots=True)
class SuiteScore:
    """Both macro averages in percent, None without examples, and the mean of each category."""

    n_examples: int
    macro_example: float | None
    macro_category: float | None
    by_category: Mapping[str, float]
    examples: Mapping[str, tuple[float, ...]]

    def accuracy(self, params: SpeakParams) -> float | None:
        """The headline."""
        return self.macro_category if params.macro_over == "category" else self.macro_example


def score_suite(scored: Sequence[tuple[str, ItemScore]]) -> SuiteScore:
    """The averages over items, given as (category, result)."""
    examples: dict[str, list[float]] = {}
    for category, item in scored:
        examples.setdefault(category, []).extend(100.0 * v for v in item.examples)
    # Sorted, so that sums do not depend on the order of the items by a last digit.
    ordered = {category: tuple(sorted(examples[category])) for category in sorted(examples)}
    by_category = {category: sum(v) / len(v) for category, v in ordered.items()}
    n = sum(len(v) for v in ordered.values())
    return SuiteScore(
        n_examples=n,
        macro_example=sum(sum(v) for v in ordered.values()) / n if n else None,
        macro_category=sum(by_category.values()) / len(by_category) if by_category else None,
        by_category=by_category,
        examples=ordered,
    )
