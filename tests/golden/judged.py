"""The judge of golden files: it rules what the file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.golden.checks import TOLERANCE, Check, Golden
from tmlapp.bench.judges.base import Question, Ruling

NO_SUCH = "no such figure"


class Written:
    """Rulings by item and key of the question; a question that is not listed stays ungraded.

    With `raw` they are replies, read as those of a real judge; None is no reply at all.
    """

    name = "written"
    parallel = 1

    def __init__(self, rulings: Mapping[tuple[str, str], Any], *, raw: bool) -> None:
        self._rulings = rulings
        self._raw = raw
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Ruling:
        self.asked.append(question)
        written = self._rulings.get((question.item, question.key))
        if written is None or not self._raw:
            return Ruling(value=written, judge=self.name)
        return Ruling(value=question.prompt.parse(written), judge=self.name, replies=(written,))

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ()


def figures(golden: Golden, where: str, expect: Mapping[str, Any], got: Mapping[str, Any]) -> Iterator[Check]:
    """Every figure that is expected, against ours of the same name; nested ones member by member."""
    for key, expected in expect.items():
        actual = got.get(key, NO_SUCH)
        if isinstance(expected, Mapping) and isinstance(actual, Mapping):
            yield from figures(golden, f"{where}{key} ", expected, actual)
            # Groups that we have and the file does not are a mismatch, too.
            for extra in sorted(set(actual) - set(expected)) if key.startswith(("by_", "asr_by_")) else ():
                yield Check(f"{where}{key}", None, extra)
        else:
            yield Check(f"{where}{key}", expected, actual, golden.get("tolerance", TOLERANCE))
