"""What came of trying an item: timing at once, meaning by a judge, kept in `tries.jsonl` of the set.

A line is never changed. Grading the same session again, after a window was moved or with another judge, is a new line
that names the one it is made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.answer import Answer, Utterance
from tmlapp.bench.labels.speak_items import Expectation, SpeakItem
from tmlapp.bench.runs.lines import append_line, read_numbered
from tmlapp.bench.suites.speak_params import SpeakParams
from tmlapp.bench.suites.speak_scoring import Met, Timed, score_item
from tmlapp.core.grade import Grade, Verdict

SCHEMA = "tmlapp.try/1"
TRIES = "tries.jsonl"
FOLDER = "tries"
"""Folder of the set in which sessions are kept: `tries/<item>/<when>-<endpoint>/main.mcap`."""

When = Literal["in_window", "early", "late", "silent"]
Means = Literal["right", "wrong", "ungraded", "not_asked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When the reply to one expectation came, without asking what it says.

    Attributes:
        verdict: the first utterance in the window that no other expectation has used; or else the utterance nearest
            to it, of those that are in no window and no acknowledgement: too early, too late; or nothing was said.
        off_s: by how much it is too early or too late. onset_s: when it came. late_s: onset minus reference.
        utterance: its index; None: none. text: what was said.
    """

    expectation: str
    window: tuple[float, float]
    required: bool
    verdict: When
    off_s: float = 0.0
    onset_s: float | None = None
    late_s: float | None = None
    utterance: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the judge ruled about one expectation; `not_asked` where nothing was said in its window."""

    expectation: str
    verdict: Means
    why: str = ""
    judge: str = ""
    utterance: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One try.

    Attributes:
        id: unique. of: the try whose session was graded again; empty for a session of its own.
        who, when, tool, why: provenance.
        item_sha256: of what the grade depends on; differs from the item's own where that was changed since.
        sound_sha256: of the sound that was played.
        granted: what the endpoint agreed to. clock: `real`, or `fast` for virtual time.
        recording, wav: the session and the model's sound, relative to the folder of the set.
        answer: what the model did, on the item's clock. grade: the item's score with parameters, formula, judges.
        error: what, why, fix, where it could not be run; everything below is empty then.
    """

    id: str
    who: str
    when: str
    tool: str
    why: str
    item: str
    take: str
    item_sha256: str
    sound_sha256: str
    endpoint: str
    of: str = ""
    clock: str = ""
    granted: Mapping[str, Any] | None = None
    recording: str = ""
    wav: str = ""
    duration_s: float = 0.0
    answer: Answer | None = None
    timing: tuple[Timing, ...] = ()
    meaning: tuple[Meaning, ...] = ()
    grade: Grade | None = None
    error: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict | None:
        """The suite's verdict on the item."""
        return self.grade.verdicts[0] if self.grade else None

    @property
    def score(self) -> float | None:
        """0 … 100; None where it could not be run, or the rule gives the item none of its own."""
        return self.verdict.score if self.verdict else None

    @property
    def passed(self) -> bool | None:
        """Whether the item passes; None where it could not be run."""
        return self.verdict.passed if self.verdict else None

    @property
    def utterances(self) -> tuple[Mapping[str, Any], ...]:
        """What was graded, in order: `index, t0_s, t1_s, onset_s, text, role` (used, extra, acknowledgement, …)."""
        return tuple(self.verdict.details["utterances"]) if self.verdict else ()

    @property
    def judge(self) -> str:
        """Who was asked."""
        return str(self.grade.provenance.parameters.get("judge_model", "")) if self.grade else ""

    def is_stale(self, item_sha256: str) -> bool:
        """The item, with this digest now, was changed after it was tried."""
        return self.item_sha256 != item_sha256

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Tried:
        """The inverse of `to_json`.

        Raises:
            TypeError, KeyError, ValueError: `value` is no try, or one of another version.
        """
        plain = dict(value)
        if plain.pop("schema") != SCHEMA:
            raise ValueError("it is a try of another version")
        plain["answer"] = None if plain["answer"] is None else Answer.from_json(plain["answer"])
        plain["grade"] = None if plain["grade"] is None else Grade.from_json(plain["grade"])
        plain["timing"] = tuple(Timing(**{**t, "window": tuple(t["window"])}) for t in plain["timing"])
        plain["meaning"] = tuple(Meaning(**m) for m in plain["meaning"])
        made = cls(**plain)
        _check_form(made)
        return made


_WHOLE: dict[str, Any] = {"required": bool | None, "utterance": int | None}


def _check_form(tried: Tried) -> None:
    """What a window draws and sorts is of its kind, whoever wrote the line.

    Raises:
        TypeError, KeyError: it is not.
    """
    _check_texts(tried)
    numbers: list[object] = [tried.duration_s]
    parts: tuple[Timing | Meaning, ...] = (*tried.timing, *tried.meaning)
    for one in parts:
        _check_texts(one)
        for name, kind in _WHOLE.items():
            if not isinstance(getattr(one, name, None), kind):
                raise TypeError(f"{name} is of another kind")
    for timing in tried.timing:
        lo, hi = timing.window
        numbers += [lo, hi, timing.off_s, timing.onset_s or 0.0, timing.late_s or 0.0]
    if tried.grade is not None and not tried.grade.verdicts:
        raise TypeError("its grade holds no verdict")
    for utterance in tried.utterances:
        numbers += [utterance[name] for name in ("index", "t0_s", "onset_s")]
    for said in tried.answer.utterances if tried.answer else ():
        numbers += [said.t0_s, said.t0_s if said.t1_s is None else said.t1_s]
    if not all(isinstance(n, int | float) and abs(n) < 1e9 for n in numbers):
        raise TypeError("a time is no number of seconds")


def _check_texts(value: Tried | Timing | Meaning) -> None:
    for one in fields(value):
        if one.type in ("str", "When", "Means") and not isinstance(getattr(value, one.name), str):
            raise TypeError(f"{one.name} is no text")


# ---------------------------------------------------------------------- timing and meaning


def timing_of(item: SpeakItem, timed: Sequence[Timed], params: SpeakParams) -> tuple[Timing, ...]:
    """When the reply to each expectation came, in the order of the item; windows by the rule of the suite.

    Args:
        timed: what was said, on the item's clock (`in_onset_order`). May grow while a session goes on.
    """

    def says_yes(expectation: Expectation, key: str, candidates: Sequence[Utterance]) -> bool:  # noqa: ARG001 - an Ask
        return True

    score = score_item(item, timed, params, says_yes)
    by_index = {t.index: t for t in timed}
    found = {met.id: met for met in score.met}
    # What lies in a window of another expectation answers that one, and an acknowledgement answers none.
    free = [by_index[index] for index in score.extras]
    return tuple(_timing(e, found[e.id], by_index, free) for e in item.expectations)


def _timing(value: Expectation, met: Met, by_index: Mapping[int, Timed], free: Sequence[Timed]) -> Timing:
    window = met.window
    if met.utterance is not None:
        return _placed(value, window, "in_window", 0.0, by_index[met.utterance])
    if not free:
        return Timing(expectation=value.id, window=window, required=value.required, verdict="silent")
    nearest = min(free, key=lambda t: (_off(t.onset_s, window), t.index))
    early = nearest.onset_s < window[0]
    return _placed(value, window, "early" if early else "late", round(_off(nearest.onset_s, window), 6), nearest)


def _off(onset_s: float, window: tuple[float, float]) -> float:
    return max(window[0] - onset_s, onset_s - window[1])


def _placed(value: Expectation, window: tuple[float, float], verdict: When, off_s: float, timed: Timed) -> Timing:
    return Timing(
        expectation=value.id, window=window, required=value.required, verdict=verdict, off_s=off_s,
        onset_s=timed.onset_s, late_s=round(timed.onset_s - value.t_ref_s, 6), utterance=timed.index,
        text=timed.utterance.text,
    )  # fmt: skip


def meaning_of(verdict: Verdict) -> tuple[Meaning, ...]:
    """What the judge ruled, in the order in which the suite asked."""
    reasons: dict[str, Means] = {"ok": "right", "wrong_meaning": "wrong", "ungraded": "ungraded"}
    made: list[Meaning] = []
    for found in verdict.details["expectations"]:
        last = found["questions"][-1] if found["questions"] else {}
        made.append(
            Meaning(
                expectation=found["id"],
                verdict=reasons.get(found["reason"], "not_asked"),
                why=str(last.get("why", "")),
                judge=str(last.get("judge", "")),
                utterance=found["utterance"],
                text=str(last.get("candidate", "")),
            )
        )
    return tuple(made)


# ---------------------------------------------------------------------- on the disk


@dataclass(frozen=True, slots=True)
class TryLog:
    """The lines of `tries.jsonl`, oldest first, and the numbers of those that cannot be read."""

    tries: tuple[Tried, ...] = ()
    damaged: tuple[int, ...] = ()

    def of_item(self, item: str) -> tuple[Tried, ...]:
        """Those of one item."""
        return tuple(t for t in self.tries if t.item == item)

    def newest(self, item: str) -> dict[str, Tried]:
        """The newest try of one item on each endpoint, in the order in which the endpoints were first tried."""
        return {t.endpoint: t for t in self.tries if t.item == item}


def keep_try(folder: Path, tried: Tried) -> None:
    """Add `tried` to the set in `folder`; it is on the disk when this returns.

    Raises:
        AppError: it cannot be written.
    """
    append_line(folder / TRIES, tried.to_json())


def read_tries(folder: Path) -> TryLog:
    """Every try of the set in `folder`; none where there is no file.

    Raises:
        AppError: the file cannot be read at all.
    """
    numbered, damaged = read_numbered(folder / TRIES)
    found: list[Tried] = []
    for number, value in numbered:
        try:
            found.append(Tried.from_json(value))
        except (TypeError, KeyError, ValueError, AttributeError, IndexError):
            damaged.append(number)
    return TryLog(tuple(found), tuple(sorted(damaged)))
