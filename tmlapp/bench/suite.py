"""What a suite is, and how the results of its items become one grade."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import tmlapp
from tmlapp.bench.said import Said
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Provenance, Verdict


@dataclass(frozen=True, slots=True)
class Entry:
    """One item to grade: its name, its truth as in a truth file, and what was said (session time).

    `outputs` is None where the item was never run: it counts as missing, and as a failure.
    """

    item: str
    truth: Mapping[str, Any]
    outputs: tuple[Said, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What went into a grade besides the rule: sha256 of files by role, whose words, on which clock."""

    files: Mapping[str, str] = field(default_factory=dict)
    text_source: str = "model_text"
    timing_source: str = "t_rx"


class Suite(Protocol):
    """One benchmark. Marked with `@suite(name)`; found by `registry.suites()`."""

    suite_name: ClassVar[str]
    profiles: ClassVar[tuple[str, ...]]
    """Names of the rules it can grade by; the first is the default."""
    length_members: ClassVar[tuple[str, ...]]
    """Members of a truth that give the length of the video; the first takes seconds."""

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        """Grade every entry.

        Raises:
            AppError: profile, parameter or truth are not valid.
        """
        ...


S_ = TypeVar("S_", bound=type[Any])


def suite(name: str) -> Callable[[S_], S_]:
    """Mark a class as the suite `name`."""

    def mark(cls: S_) -> S_:
        cls.suite_name = name
        return cls

    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one item; `score` is None only where the rule leaves the item out (`dropped`)."""

    verdict: Verdict
    silent: bool = False
    missing: bool = False
    dropped: bool = False


def merged_parameters(
    suite_name: str, profile: str, profiles: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of `profile`, overridden by `given`.

    Raises:
        AppError: no such profile, or a parameter that the profile does not have or of another type.
    """
    if profile not in profiles:
        raise AppError(
            f"The suite {suite_name} has no profile {profile!r}.",
            "A grade names the rule that it was made by.",
            f"Use one of: {', '.join(profiles)}.",
        )
    defaults = profiles[profile]
    for key, value in given.items():
        if key not in defaults:
            raise AppError(
                f"The profile {profile} of {suite_name} has no parameter {key!r}.",
                "An unknown parameter would change nothing.",
                f"Use one of: {', '.join(defaults)}.",
            )
        if not _same_kind(value, defaults[key]):
            raise AppError(
                f"The parameter {key} of {suite_name} cannot be {value!r}.",
                f"It is a value like {defaults[key]!r}.",
                "Correct it, or leave it out for the default.",
            )
    return {**defaults, **given}


def _same_kind(value: object, default: object) -> bool:
    if isinstance(default, float):
        # bool is an int for Python; NaN fails both comparisons.
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6
    return isinstance(value, type(default))


def assemble(
    *,
    suite_name: str,
    metric: str,
    formula: str,
    profile: str,
    parameters: Mapping[str, Any],
    outcomes: Sequence[Outcome],
    baselines: Sequence[Baseline],
    aggregates: Mapping[str, Any],
    sources: Sources,
) -> Grade:
    """One grade out of the results of the items: the mean over all that the rule scores, missing ones as 0."""
    # Missing and silent items have a score of 0 by now; only what the rule itself leaves out has none.
    scores = [o.verdict.score for o in outcomes if not o.dropped and o.verdict.score is not None]
    n_dropped = sum(o.dropped for o in outcomes)
    extra = {} if scores else {"score_reason": "no item that the rule scores"}
    return Grade(
        suite=suite_name,
        metric=metric,
        score=sum(scores) / len(scores) if scores else None,
        n=len(outcomes),
        n_scored=len(scores),
        n_missing=sum(o.missing for o in outcomes),
        n_silent=sum(o.silent for o in outcomes),
        n_ungraded=0,
        verdicts=tuple(o.verdict for o in outcomes),
        baselines=tuple(baselines),
        aggregates={"n_dropped": n_dropped, **aggregates, **extra},
        provenance=Provenance(
            formula=formula,
            profile=profile,
            parameters=dict(parameters),
            files=dict(sources.files),
            text_source=sources.text_source,
            timing_source=sources.timing_source,
            software={"tmlapp": tmlapp.__version__, "python": platform.python_version()},
        ),
    )
