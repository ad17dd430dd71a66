"""Every open point of TimeSpeak and CueSpeak as a parameter: one object, kept and hashed in every result.

Only the task and its grading sentence are published; all values are our choice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tmlapp.bench.answer import UTTERANCE_GAP_S
from tmlapp.bench.judges.base import TRIES
from tmlapp.bench.labels.speak_items import SUITES
from tmlapp.core.errors import AppError

TAIL_S = 5.0
"""How long a session goes on after the item's sound."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "onset": ("first_word", "audio_onset", "utterance_end"),
    "candidates": ("any", "first", "joined"),
    "extra": ("report", "fail_item"),
    "multi": ("all", "mean", "first", "expand"),
    "macro_over": ("example", "category"),
}
_LIMIT_S = 1e6


def _before() -> dict[str, float]:
    return {"timespeak": -0.5, "cuespeak": -0.3}


def _after() -> dict[str, float]:
    return {"timespeak": 1.5, "cuespeak": 3.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakParams:
    """The defaults are the profile `tml_reading`.

    Attributes:
        window_before_s, window_after_s: bounds around `t_ref` by suite, where an item has no window of its own.
        onset: when a reply happens: its first word, the onset of its voice, or its end.
        utterance_gap_s: a new utterance begins after so long without speech.
        candidates: which utterances in a window are judged: `any` until one is right, at most `max_candidates`;
            the `first` only; all of them `joined`.
        reuse_utterance: one utterance may serve several expectations.
        extra: what speech outside every window does: nothing (`report`), or fail the item.
        ack_s: before the end of the instruction plus this, speech outside the windows acknowledges.
        multi: the score of an item with several required expectations.
        macro_over: the headline is a mean over examples or over categories.
        stop_grace_s: after the user asked to stop, plus this, speech is counted in `n_after_stop`.
        judge_model: name of the judge, for the record. temperature, seed: it is asked with them; tries: how often.
    """

    window_before_s: Mapping[str, float] = field(default_factory=_before)
    window_after_s: Mapping[str, float] = field(default_factory=_after)
    onset: str = "first_word"
    utterance_gap_s: float = UTTERANCE_GAP_S
    candidates: str = "any"
    max_candidates: int = 5
    reuse_utterance: bool = False
    extra: str = "report"
    ack_s: float = 3.0
    multi: str = "all"
    macro_over: str = "example"
    stop_grace_s: float = 1.0
    tail_s: float = TAIL_S
    judge_model: str = ""
    temperature: float = 0.0
    seed: int = 0
    tries: int = TRIES

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @property
    def sha256(self) -> str:
        """Digest of all values."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode("ascii")).hexdigest()


PROFILES: dict[str, dict[str, Any]] = {
    "tml_reading": {},
    "strict": {"candidates": "first", "extra": "fail_item"},
}
_NAMES = tuple(f.name for f in fields(SpeakParams))


def speak_params(suite: str, profile: str, given: Mapping[str, Any]) -> SpeakParams:
    """The parameters of `profile`, overridden by `given`.

    A window bound may be one number for `suite`, or an object with a number for each suite.

    Raises:
        AppError: no such profile or parameter, or a value that it cannot have.
    """
    if profile not in PROFILES:
        raise AppError(
            f"The suite {suite} has no profile {profile!r}.",
            "A grade names the rule that it was made by.",
            f"Use one of: {', '.join(PROFILES)}.",
        )
    values: dict[str, Any] = dict(PROFILES[profile])
    for key, value in given.items():
        if key not in _NAMES:
            raise AppError(
                f"The profile {profile} of {suite} has no parameter {key!r}.",
                "An unknown parameter would change nothing.",
                f"Use one of: {', '.join(_NAMES)}.",
            )
        values[key] = _checked(suite, key, value)
    params = SpeakParams(**values)
    for name in SUITES:
        if params.window_before_s[name] >= params.window_after_s[name]:
            raise _cannot("window_before_s", params.window_before_s[name], "a window ends later than it begins")
    return params


def _checked(suite: str, key: str, value: Any) -> Any:
    if key in _CHOICES:
        if value not in _CHOICES[key]:
            raise _cannot(key, value, f"it is one of: {', '.join(_CHOICES[key])}")
        return value
    if key in ("window_before_s", "window_after_s"):
        return _by_suite(suite, key, value)
    if key == "judge_model":
        if not isinstance(value, str):
            raise _cannot(key, value, "it is the name of a judge")
        return value
    if key == "reuse_utterance":
        if not isinstance(value, bool):
            raise _cannot(key, value, "it is true or false")
        return value
    if key == "tries" and value != TRIES:
        raise _cannot(key, value, f"a judge is asked {TRIES} times")
    if key in ("max_candidates", "seed", "tries"):
        least = 1 if key == "max_candidates" else 0
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise _cannot(key, value, f"it is a whole number from {least} on")
        return value
    if not _is_number(value) or value < 0:
        raise _cannot(key, value, "it is a number of seconds, or a temperature, from 0 on")
    return float(value)


def _by_suite(suite: str, key: str, value: Any) -> dict[str, float]:
    found = _before() if key == "window_before_s" else _after()
    given = value if isinstance(value, Mapping) else {suite: value}
    for name, bound in given.items():
        if name not in SUITES or not _is_number(bound):
            raise _cannot(key, value, "it is a number of seconds, or one each for timespeak and cuespeak")
        found[name] = float(bound)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LIMIT_S


def _cannot(key: str, value: object, why: str) -> AppError:
    return AppError(
        f"The parameter {key} cannot be {value!r}.",
        f"{why[:1].upper()}{why[1:]}.",
        "Correct it, or leave it out for the default.",
    )
