"""Several judges as one: by kind of question, or one after the other until somebody decides."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from tmlapp.bench.judges.base import Judge, NoJudge, Question, Ruling, close_of


class _Gate:
    """Lets as many threads through to a judge as it takes at once."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._free = threading.BoundedSemaphore(max(1, judge.parallel))

    def ask(self, question: Question) -> Ruling:
        with self._free:
            return self.judge.ask(question)


class _Several:
    def __init__(self, judges: Sequence[Judge]) -> None:
        # One judge may stand in several places; it still takes only as many questions as it says.
        self._gates = {id(judge): _Gate(judge) for judge in judges}

    @property
    def parallel(self) -> int:
        """As many as the most patient of them takes."""
        return max((gate.judge.parallel for gate in self._gates.values()), default=1)

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """That of all of them."""
        return tuple(entry for gate in self._gates.values() for entry in gate.judge.provenance())

    def close(self) -> None:
        """Close those that can be closed."""
        for gate in self._gates.values():
            close_of(gate.judge)()

    def _put(self, judge: Judge, question: Question) -> Ruling:
        return self._gates[id(judge)].ask(question)


class Panel(_Several):
    """A judge for each kind of question; a kind may end in `*`. All others go to `default`."""

    def __init__(self, judges: Mapping[str, Judge], default: Judge | None = None) -> None:
        self._default: Judge = default or NoJudge()
        self._judges = dict(judges)
        super().__init__([*judges.values(), self._default])

    @property
    def name(self) -> str:
        """Kinds and names."""
        parts = [f"{kind}={judge.name}" for kind, judge in self._judges.items()]
        return f"panel({'; '.join([*parts, self._default.name])})"

    def ask(self, question: Question) -> Ruling:
        """The ruling of the judge for this kind."""
        return self._put(self._judge_of(question.prompt.kind), question)

    def _judge_of(self, kind: str) -> Judge:
        if kind in self._judges:
            return self._judges[kind]
        fitting = [pattern for pattern in self._judges if fnmatchcase(kind, pattern)]
        return self._judges[max(fitting, key=len)] if fitting else self._default


class FirstDecides(_Several):
    """Asks one judge after the other; the ruling carries the name of the one that decided."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        self._judges = list(judges)
        super().__init__(self._judges)

    @property
    def name(self) -> str:
        """Their names in order."""
        return f"first({', '.join(judge.name for judge in self._judges)})"

    def ask(self, question: Question) -> Ruling:
        """The first ruling with a value; where there is none, all reasons, and undecided if nobody but rules ruled."""
        passed: list[Ruling] = []
        for judge in self._judges:
            ruling = self._put(judge, question)
            if ruling.value is not None:
                more = {"passed_by": [p.judge for p in passed]} if passed else {}
                return replace(ruling, details={**ruling.details, **more})
            passed.append(ruling)
        return Ruling(
            value=None,
            judge=self.name,
            why="; ".join(f"{p.judge}: {p.why}" for p in passed) or "nobody was asked",
            replies=tuple(reply for p in passed for reply in p.replies),
            undecided=bool(passed) and all(p.undecided for p in passed),
        )


def first_decides(judges: Sequence[Judge]) -> Judge:
    """One after the other, e.g. rules, then a model, then a person; a single one as it is."""
    return judges[0] if len(judges) == 1 else FirstDecides(judges)
