"""IFEval's rule: which instructions a response follows, strictly and loosely, and the four accuracies with their mean.

Source: google-research/instruction_following_eval (Apache-2.0), as in lm-eval's `process_results`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tmlapp.bench.stats import RESAMPLES, SEED
from tmlapp.bench.suites.ifeval_checkers import Checkers
from tmlapp.bench.truth import Fields

RATES = ("prompt_strict", "prompt_loose", "instruction_strict", "instruction_loose")
_MARKS = ("<1>", "<2>", "<3>")
_END = "<|user|>"
_KNOWN = ("suite", "key", "prompt", "instruction_id_list", "kwargs")


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt: its instructions and the arguments of each."""

    key: int
    prompt: str
    ids: tuple[str, ...]
    kwargs: tuple[Mapping[str, Any], ...]


def parse_row(raw: Mapping[str, Any]) -> Row:
    """The row of input_data.jsonl in a truth; null arguments, with which copies are padded, are left out.

    Raises:
        AppError: a member is missing or malformed.
    """
    fields = Fields(raw, "ifeval", _KNOWN)
    prompt, ids, kwargs = fields.text("prompt"), raw.get("instruction_id_list"), raw.get("kwargs")
    if not prompt.strip():
        raise fields.error("prompt is missing")
    if not isinstance(ids, list | tuple) or not ids or not all(isinstance(i, str) for i in ids):
        raise fields.error("instruction_id_list is not a list of names")
    if not isinstance(kwargs, list | tuple) or not all(k is None or isinstance(k, Mapping) for k in kwargs):
        raise fields.error("kwargs is not a list of objects")
    if len(kwargs) != len(ids):
        raise fields.error(f"There are {len(ids)} instructions, but {len(kwargs)} kwargs")
    given = tuple({k: _plain(v) for k, v in (each or {}).items() if v is not None} for each in kwargs)
    return Row(fields.integer("key"), prompt, tuple(ids), given)


def _plain(value: Any) -> Any:
    # Tables turn whole numbers with gaps into floats; one checker takes an index from them.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def cleaned(response: str) -> str:
    """A response without the marks that VoiceBench takes off: `<1>`, `<2>` or `<3>` before, `<|user|>` behind."""
    if response.startswith(_MARKS):
        response = response[len(_MARKS[0]) :].strip()
    if response.endswith(_END):
        response = response[: -len(_END)].strip()
    return response


def variants(response: str) -> tuple[str, ...]:
    """What the loose rule tries, the response itself first; without blank ones and without repetitions."""
    lines = response.split("\n")
    cut = [response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    tried = (cut[0], cut[0].replace("*", ""), *cut[1:], *(c.replace("*", "") for c in cut[1:]))
    return tuple(dict.fromkeys(t for t in tried if t.strip()))


@dataclass(frozen=True, slots=True)
class Followed:
    """Which instructions of a row were followed; None where an instruction could not be checked."""

    strict: tuple[bool | None, ...]
    loose: tuple[bool | None, ...]

    @classmethod
    def nothing(cls, row: Row) -> Followed:
        """What a blank response follows."""
        none = (False,) * len(row.ids)
        return cls(none, none)

    @property
    def decided(self) -> bool:
        """Every instruction was checked."""
        return None not in self.strict

    def counts(self) -> tuple[int, ...]:
        """Prompt strict, prompt loose, prompts; instructions strict, loose, instructions: what the rates are made of.

        A prompt of which an instruction was not checked counts in none of the first three.
        """
        prompts = self.decided
        return (
            prompts and all(self.strict), prompts and all(self.loose), prompts,
            self.strict.count(True), self.loose.count(True), len(self.strict) - self.strict.count(None),
        )  # fmt: skip


def follow(checkers: Checkers, row: Row, response: str) -> Followed:
    """Check one response; Python's random numbers, where a row needs some, begin at seed 0.

    Raises:
        AppError: the row's instructions or arguments are not those of the library.
    """
    if not response.strip():
        return Followed.nothing(row)
    checkers.random.restart()
    built = _built(checkers, row)
    able = [checkers.can_check(name) for name in row.ids]
    each = list(zip(row.ids, built, able, strict=True))
    strict = [checkers.follows(check, name, response) if can else None for name, check, can in each]
    tried = variants(response)
    known = strict
    if checkers.random.used:
        # The official loop makes every checker a second time for the loose rule, with the next random numbers.
        each = list(zip(row.ids, _built(checkers, row), able, strict=True))
        known = [False] * len(each)
    else:
        tried = tried[1:]
    loose = [
        (done or any(checkers.follows(check, name, text) for text in tried)) if can else None
        for done, (name, check, can) in zip(known, each, strict=True)
    ]
    return Followed(tuple(strict), tuple(loose))


def _built(checkers: Checkers, row: Row) -> list[Any]:
    return [checkers.build(name, kwargs, row.prompt) for name, kwargs in zip(row.ids, row.kwargs, strict=True)]


def rates(sums: Sequence[float]) -> dict[str, float | None]:
    """The four accuracies and `final`, their mean, as fractions, from the sums of `Followed.counts` (source: spec of
    the VoiceBench leaderboard for `final`); None where nothing could be checked."""
    prompt_strict, prompt_loose, prompts, strict, loose, instructions = sums
    if not prompts or not instructions:
        return dict.fromkeys((*RATES, "final"))
    four = (prompt_strict / prompts, prompt_loose / prompts, strict / instructions, loose / instructions)
    return {**dict(zip(RATES, four, strict=True)), "final": sum(four) / 4}


def summed(followed: Sequence[Followed]) -> tuple[int, ...]:
    """`Followed.counts` of all of them, added up."""
    return tuple(map(sum, zip(*(f.counts() for f in followed), strict=True))) if followed else (0,) * 6


def intervals(followed: Sequence[Followed]) -> dict[str, tuple[float, float] | None]:
    """Bootstrap 95 % interval of each rate and of `final`, prompts drawn anew with all their instructions."""
    names = (*RATES, "final")
    if len(followed) < 2:
        return dict.fromkeys(names)
    # Prompts with equal counts are alike: drawing how often each kind occurs is drawing prompts, and takes no memory.
    kinds, often = np.unique(np.array([f.counts() for f in followed], dtype=np.int64), axis=0, return_counts=True)
    drawn = np.random.default_rng(SEED).multinomial(len(followed), often / len(followed), size=RESAMPLES)
    sums: npt.NDArray[np.int64] = drawn @ kinds
    sums = sums[(sums[:, 2] > 0) & (sums[:, 5] > 0)]
    if not len(sums):
        return dict.fromkeys(names)
    parts = [sums[:, 0] / sums[:, 2], sums[:, 1] / sums[:, 2], sums[:, 3] / sums[:, 5], sums[:, 4] / sums[:, 5]]
    found: dict[str, tuple[float, float] | None] = {}
    for name, values in zip(names, [*parts, sum(parts) / 4], strict=True):
        low, high = np.percentile(values, [2.5, 97.5])
        found[name] = (float(low), float(high))
    return found
