"""What a suite is, and how the results of its items become one grade."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

import tmlapp
from tmlapp.bench.answer import Answer
from tmlapp.bench.data import Loaded, SuiteItem
from tmlapp.bench.judges.base import Judge, NoJudge
from tmlapp.bench.said import Said
from tmlapp.bench.stats import RESAMPLES, SEED, mean_interval
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Baseline, Grade, Metric, Provenance, Verdict
from tmlapp.core.tool import Toolbox


@dataclass(frozen=True, slots=True)
class Entry:
    """One item to grade: its name, its truth, and what the model did.

    `outputs` is None where the item was never run: it counts as missing, and as a failure. `answers` hold everything
    else, by part; a suite that needs only utterances reads `outputs`. `failure` says why an item was not run.
    """

    item: str
    truth: Mapping[str, Any]
    outputs: tuple[Said, ...] | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    group: str = ""
    failure: str = ""

    @property
    def answer(self) -> Answer | None:
        """What the model did in the only part, `main` (of several: the first); None where the item was not run."""
        if self.failure:
            return None
        for answer in self.answers.values():
            return answer
        return None if self.outputs is None else Answer.of_said(self.outputs)

    @classmethod
    def of(cls, item: SuiteItem, answers: Mapping[str, Answer] | None, failure: str = "") -> Entry:
        """The entry of a loaded item; `answers` None or incomplete where it was not run to its end."""
        wanted = [part.name for part in item.parts]
        if not answers or any(name not in answers for name in wanted):
            return cls(item.id, item.truth, None, answers or {}, item.group, failure or "the item was not run")
        ordered = {name: answers[name] for name in wanted} | dict(answers)
        first = next(iter(ordered.values()))
        return cls(item.id, item.truth, first.said(), ordered, item.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What goes into a grade besides the rule.

    Attributes:
        files: sha256 of files by role.
        text_source, timing_source: whose words were graded, and which clock their times are on.
        judge: who decides what a program cannot.
        folders: where the user keeps what a suite may not ship, by name (`fdb_checkout`, `nltk_data`).
        transcripts, protocol, items_sha256, n_quarantined: kept in the grade as they are.
        delegated: a background agent took part; tables mark the row with `*`.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    text_source: str = "model_text"
    timing_source: str = "t_rx"
    judge: Judge = field(default_factory=NoJudge)
    folders: Mapping[str, Path] = field(default_factory=dict)
    transcripts: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    items_sha256: str = ""
    n_quarantined: int = 0
    delegated: bool = False


class Suite(ABC):
    """One benchmark. Marked with `@suite(name)`; found by `registry.suites()`.

    Only `grade` is needed. A suite that can be run also has `load`; one whose official scripts read files of their
    own has `write_official` and `read_official`.
    """

    suite_name: ClassVar[str]
    title: ClassVar[str] = ""
    profiles: ClassVar[tuple[str, ...]]
    """Names of the rules it can grade by; the first is the default."""
    length_members: ClassVar[tuple[str, ...]] = ()
    """Members of a truth that give the length of the video; the first takes seconds."""
    where: ClassVar[str] = ""
    """Where a user gets the data, and under which licence: one or two sentences."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options of `load` with their defaults (split, subset, protocol …)."""
    needs: ClassVar[frozenset[Literal["words", "vad", "user_words", "user_vad"]]] = frozenset()
    """What a grader needs besides the text: word times, voice activity, the same of the user's sound."""
    listen: ClassVar[Literal["all", "input"]] = "all"
    """What a transcriber hears: all of the model's sound, or as much as the input is long (as official scripts do)."""

    allows_interruptions: ClassVar[bool] = False
    """Whether an item is graded although input did not reach the model, or the connection was made again meanwhile."""

    @abstractmethod
    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        """Grade every entry.

        Raises:
            AppError: profile, parameter or truth are not valid, or the judge cannot be used at all.
        """

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        """The items in `folder`, laid out as published; rows that cannot be used are quarantined.

        Raises:
            AppError: nothing of the benchmark is there, or an option is not valid.
        """
        raise self._cannot("be loaded from a folder")

    def toolbox(self, item: SuiteItem, folder: Path) -> Toolbox | None:
        """The tools of `item`, read from the user's folder; None where it has none."""
        return None

    def user_text(self, item: SuiteItem, part: str) -> str:
        """What the user is known to say in a part, for a forced alignment; empty where the data do not tell."""
        return ""

    def write_official(self, folder: Path, items: Sequence[SuiteItem], answers: Answers, sounds: Sounds) -> list[Path]:
        """Write what the official scripts read.

        Args:
            folder: made if it is not there.
            answers: by item and part; items without one are left out, as the official scripts expect.
            sounds: the model's sound of an item and part, int16 [n] at 16 kHz, as long as the input; None: no sound.

        Raises:
            AppError: a file cannot be written.
        """
        raise self._cannot("be written in an official layout")

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        """The inverse: what an official run of somebody left in `folder`, by item and part.

        Raises:
            AppError: a file cannot be read.
        """
        raise self._cannot("be read from an official layout")

    def recorded_verdicts(self, folder: Path, items: Sequence[SuiteItem]) -> Iterable[RecordedVerdict]:
        """Official verdict files in `folder` (rating.json, content_tag.json …)."""
        return ()

    def _cannot(self, what: str) -> AppError:
        return AppError(
            f"The suite {self.suite_name} cannot {what}.",
            "It can only grade.",
            "Use a suite that can, or a truth file.",
        )


Answers = Mapping[str, Mapping[str, Answer]]
Sounds = Callable[[str, str], Any]
"""(item, part) -> int16 [n] at 16 kHz, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVerdict:
    """A verdict that somebody's judge gave: `reply` raw where it was kept, else the `value` it stands for."""

    kind: str
    item: str
    key: str
    value: Any = None
    reply: str | None = None


def mapped(work: Callable[[Entry], R_], entries: Sequence[Entry], judge: Judge) -> list[R_]:
    """`work` on each entry, in order; several at once where the judge takes several questions at once."""
    if judge.parallel <= 1 or len(entries) < 2:
        return [work(entry) for entry in entries]
    with ThreadPoolExecutor(judge.parallel, thread_name_prefix="judge") as pool:
        waiting = [pool.submit(work, entry) for entry in entries]
        try:
            return [one.result() for one in waiting]
        except BaseException:
            # Whatever ended it (a wrong key, Ctrl-C): do not ask the rest, each question may cost money.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


R_ = TypeVar("R_")
S_ = TypeVar("S_", bound=type[Any])


def suite(name: str) -> Callable[[S_], S_]:
    """Mark a class as the suite `name`; a file or folder that its readers may not open is an `AppError`."""

    def mark(cls: S_) -> S_:
        cls.suite_name = name
        for reader in filter(functools.partial(hasattr, cls), _READERS):
            setattr(cls, reader, _told(getattr(cls, reader)))
        return cls

    return mark


_READERS = ("load", "read_official", "recorded_verdicts")


def _told(read: Callable[..., Any]) -> Callable[..., Any]:
    # Here for all of them: any of the many looks into a user's folder may meet one that is closed to us.
    @functools.wraps(read)
    def reader(self: Suite, folder: Path, *args: Any, **kwargs: Any) -> Any:
        try:
            found = read(self, folder, *args, **kwargs)
            return list(found) if isinstance(found, Iterator) else found
        except OSError as error:
            where = folder if error.filename is None else error.filename
            raise AppError(f"{where} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error

    return reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one item; `score` is None only where the rule leaves the item out (`dropped`)."""

    verdict: Verdict
    silent: bool = False
    missing: bool = False
    ungraded: bool = False
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


def mean_metric(
    name: str, label: str, values: Sequence[float], *, reason: str = "", interval: bool = True, **more: Any
) -> Metric:
    """A metric that is the mean of `values`; without any, its value is None and `reason` says why."""
    if not values:
        return Metric(name=name, label=label, value=None, n=0, reason=reason or "no item entered it", **more)
    found = mean_interval(values) if interval else None
    # Sorted, so that a sum does not depend on the order of the items by a last digit.
    mean = sum(sorted(values)) / len(values)
    return Metric(name=name, label=label, value=mean, n=len(values), interval=found, **more)


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
    metrics: Sequence[Metric] = (),
    judged: bool = True,
) -> Grade:
    """One grade out of the results of the items.

    The first of `metrics` is the headline; where there are none, it is the mean over all that the rule scores, missing
    ones as 0. `judged`: rulings of a judge enter the headline, so it has no value where nobody was chosen to judge.
    """
    # Missing and silent items have a score of 0 by now; only what the rule itself leaves out has none.
    scores = [o.verdict.score for o in outcomes if not o.dropped and o.verdict.score is not None]
    n_dropped = sum(o.dropped for o in outcomes)
    listed = tuple(metrics) or (mean_metric("score", metric, scores, reason="no item that the rule scores"),)
    n_ungraded = sum(o.ungraded for o in outcomes)
    judge = sources.judge
    if judged and listed[0].value is not None and n_ungraded and type(judge) is NoJudge and judge.asked:
        # Counted as failures they would read like a result, and nobody has looked at one of them.
        why = f"no judge was chosen: {n_ungraded} of {len(outcomes)} items are ungraded"
        listed = (replace(listed[0], value=None, interval=None, reason=why), *listed[1:])
    headline = listed[0]
    extra = {} if headline.value is not None else {"score_reason": headline.reason}
    return Grade(
        suite=suite_name,
        metric=metric,
        score=headline.value,
        n=len(outcomes),
        n_scored=len(scores),
        n_missing=sum(o.missing for o in outcomes),
        n_silent=sum(o.silent for o in outcomes),
        n_ungraded=n_ungraded,
        n_quarantined=sources.n_quarantined,
        verdicts=tuple(_marked(o) for o in outcomes),
        baselines=tuple(baselines),
        aggregates={"n_dropped": n_dropped, **aggregates, **extra},
        metrics=listed,
        interval=headline.interval,
        provenance=Provenance(
            formula=formula,
            profile=profile,
            parameters=dict(parameters),
            files=dict(sources.files),
            text_source=sources.text_source,
            timing_source=sources.timing_source,
            software={
                "tmlapp": tmlapp.__version__,
                "python": platform.python_version(),
                "numpy": np.__version__,
            },
            judges=sources.judge.provenance(),
            transcripts=dict(sources.transcripts),
            seeds={"bootstrap": SEED, "bootstrap_resamples": RESAMPLES},
            items_sha256=sources.items_sha256,
            parameters_sha256=_digest(parameters),
            protocol=dict(sources.protocol) | ({"background_agent": True} if sources.delegated else {}),
        ),
    )


def _digest(parameters: Mapping[str, Any]) -> str:
    text = json.dumps(dict(parameters), sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _marked(outcome: Outcome) -> Verdict:
    verdict = outcome.verdict
    marks = (outcome.silent, outcome.missing, outcome.ungraded)
    if marks == (verdict.silent, verdict.missing, verdict.ungraded):
        return verdict
    return replace(verdict, silent=marks[0], missing=marks[1], ungraded=marks[2])
