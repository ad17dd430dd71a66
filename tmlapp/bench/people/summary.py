"""What people say about runs, in figures: agreement, open conflicts, judges against people, preferences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlapp.bench.annotations import read_file
from tmlapp.bench.intervals import Interval
from tmlapp.bench.labels.speak_items import load_items
from tmlapp.bench.people.adjudication import Conflict, Confusion, conflicts_of, confusions
from tmlapp.bench.people.agreement import Agreement, agreements, binary
from tmlapp.bench.people.alpha import Level
from tmlapp.bench.people.preference import Preference, choices_in, preference_of
from tmlapp.bench.people.questions import Question, questions_of
from tmlapp.bench.people.verdicts import PEOPLE, SCALE, Aspect, Verdicts, read_verdicts, run_of
from tmlapp.bench.runs.run import read_info
from tmlapp.bench.stats import RESAMPLES, SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class AspectFigures:
    """One aspect on one scale: raters among each other, and judges that are programs against people."""

    aspect: Aspect
    scale: tuple[str, ...]
    n_judged: int
    agreements: tuple[Agreement, ...]
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All of it; `places` are the runs and recordings, `preference` is there for exactly two runs."""

    places: tuple[Path, ...]
    raters: tuple[str, ...]
    aspects: tuple[AspectFigures, ...]
    conflicts: tuple[Conflict, ...]
    preference: Preference | None = None
    damaged: int = 0

    @property
    def n_open(self) -> int:
        """Conflicts that nobody has settled."""
        return sum(c.decision is None for c in self.conflicts)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; conflicts as what was asked and who said what."""
        return {
            "places": [str(p) for p in self.places],
            "raters": list(self.raters),
            "aspects": [
                {
                    "aspect": a.aspect, "scale": list(a.scale), "n_judged": a.n_judged,
                    "agreements": [one.to_json() for one in a.agreements],
                    "confusions": [one.to_json() for one in a.confusions],
                }
                for a in self.aspects
            ],
            "conflicts": [
                {
                    "place": str(c.question.place), "item": c.question.subject.item, "key": c.question.subject.key,
                    "aspect": c.question.subject.aspect, "said": c.question.said,
                    "verdicts": {rater: v.value for rater, v in c.verdicts.items()},
                    "decision": c.decision.value if c.decision else None,
                }
                for c in self.conflicts
            ],
            "preference": self.preference.to_json() if self.preference else None,
            "damaged": self.damaged,
        }  # fmt: skip


def summary_of(places: Sequence[Path], *, resamples: int = RESAMPLES, seed: int = SEED) -> Summary:
    """Figures over runs and recordings together.

    Raises:
        AppError: one of them cannot be read, or the extra `agreement` is not installed.
    """
    found = [q for place in places for q in questions_of(place)]
    verdicts = {q.place: read_verdicts(q.place) for q in found} | {p: read_verdicts(p) for p in places}
    groups: dict[tuple[Aspect, tuple[str, ...]], list[Question]] = defaultdict(list)
    for question in found:
        groups[question.subject.aspect, question.scale].append(question)
    aspects = [
        _figures(aspect, scale, asked, verdicts, resamples, seed)
        for (aspect, scale), asked in sorted(groups.items())
        if any(verdicts[q.place].of(q.subject) for q in asked)
    ]
    return Summary(
        places=tuple(places),
        raters=tuple(sorted({r for v in verdicts.values() for r in v.raters})),
        aspects=tuple(aspects),
        conflicts=conflicts_of(found, verdicts),
        preference=_preference(places),
        damaged=sum(v.damaged for v in {id(v): v for v in verdicts.values()}.values()),
    )


def labels_of(questions: Sequence[Question], verdicts: Mapping[Path, Verdicts]) -> dict[str, dict[Any, str]]:
    """By rater, what each question was judged as; unsure is a label that was not given."""
    found: dict[str, dict[Any, str]] = {}
    for question in questions:
        for rater, verdict in verdicts[question.place].of(question.subject).items():
            label = binary(verdict.value)
            if label is not None:
                found.setdefault(rater, {})[question.place, question.subject] = label
    return found


def _figures(
    aspect: Aspect,
    scale: tuple[str, ...],
    questions: Sequence[Question],
    verdicts: Mapping[Path, Verdicts],
    resamples: int,
    seed: int,
) -> AspectFigures:
    labels = labels_of(questions, verdicts)
    level: Level = "nominal" if scale == SCALE else "ordinal"
    order = None if level == "nominal" else scale
    return AspectFigures(
        aspect=aspect,
        scale=scale,
        n_judged=len({thing for given in labels.values() for thing in given}),
        agreements=agreements(labels, level=level, order=order, resamples=resamples, seed=seed),
        confusions=confusions(questions, verdicts, resamples=resamples, seed=seed),
    )


def _preference(places: Sequence[Path]) -> Preference | None:
    runs = [run for place in places if (run := run_of(place)) is not None]
    if len(runs) != 2:
        return None
    names = [f"{read_info(run).created}/{run.name}" for run in runs]
    choices = choices_in(read_file(runs[0] / PEOPLE).current, names[0], names[1])
    return preference_of(choices) if choices else None


def item_windows(path: Path) -> tuple[dict[str, list[Interval]], dict[str, float]]:
    """Windows and lengths of the items in an `items.jsonl`; seconds. Items without explicit windows have none.

    Raises:
        AppError: the file cannot be read, or has a mistake.
    """
    file = path / "items.jsonl" if path.is_dir() else path
    items = load_items(file)
    windows = {item.id: [e.window for e in item.expectations if e.window is not None] for item in items}
    return windows, {item.id: item.duration_s for item in items}
