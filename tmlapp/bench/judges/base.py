"""What a judge is asked, and what it rules.

A suite states its questions as a `JudgePrompt` (the text and how its reply is read); a judge answers a `Question`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from string import Template
from typing import Any, Literal, Protocol

TRIES = 3
"""How often a reply that cannot be read is asked for again before the question stays ungraded."""

RuleVerdict = Literal["right", "wrong", "undecided"]
Rules = Callable[[Mapping[str, str]], RuleVerdict]
"""The offline fallback: decides a question from its fields, or says that it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePrompt:
    """A kind of question.

    Attributes:
        kind: stable name, `<suite>/<what>`, e.g. `qivd/correct`.
        system, user: the texts; `$name` stands for a field of the question. An empty `system` is left out.
        parse: the reply's value, or None where it cannot be read.
        model: the official judge, for tables; the user chooses the one that is asked.
        temperature, seed: as the official script sets them; None where it leaves them out.
        seed_step: added to the seed with every further try.
        max_tokens: of the reply; None for the service's own limit.
        rules: offline fallback for this kind, if there is one; `right_value` and `wrong_value` are what it rules.
        source: where the texts come from (`ours`, or the file of the user's checkout).
    """

    kind: str
    system: str = ""
    user: str = ""
    parse: Callable[[str], Any]
    model: str = ""
    temperature: float | None = 0.0
    seed: int | None = 0
    seed_step: int = 0
    max_tokens: int | None = None
    rules: Rules | None = None
    right_value: Any = True
    wrong_value: Any = False
    source: str = "ours"

    @property
    def sha256(self) -> str:
        """Digest of both texts."""
        return hashlib.sha256(json.dumps([self.system, self.user]).encode("ascii")).hexdigest()

    def messages(self, fields: Mapping[str, str]) -> list[dict[str, str]]:
        """Chat messages for one question."""
        texts = (("system", self.system), ("user", self.user))
        return [{"role": role, "content": Template(text).safe_substitute(fields)} for role, text in texts if text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: `item` and `key` name it in tables of recorded verdicts (`key` is unique inside the item)."""

    prompt: JudgePrompt
    item: str
    key: str
    fields: Mapping[str, str]

    def digest(self) -> str:
        """Content hash: the same text asked again is the same question, whatever item it stands in."""
        content = json.dumps([self.prompt.kind, self.prompt.sha256, sorted(self.fields.items())])
        return hashlib.sha256(content.encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a judge ruled; `value` is None where the question stays ungraded, and `why` says why.

    `replies` are the raw replies, one per try. `undecided`: the rules could not decide it (also ungraded).
    """

    value: Any
    judge: str
    why: str = ""
    replies: tuple[str, ...] = ()
    cached: bool = False
    undecided: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


def yes_or_no(ruling: Ruling) -> Ruling:
    """`ruling` where it says true, false or nothing; anything else (a table may hold it) is no verdict."""
    if ruling.value is None or isinstance(ruling.value, bool):
        return ruling
    return replace(ruling, value=None, why=f"{ruling.value!r:.60} is neither true nor false")


class Judge(Protocol):
    """Answers questions. May be asked from several threads at once, as many as `parallel` says."""

    @property
    def name(self) -> str:
        """Kind, model and host, e.g. `openai:gpt-4o-mini@api.example.org`; never a key."""
        ...

    @property
    def parallel(self) -> int:
        """How many questions it takes at once."""
        ...

    def ask(self, question: Question) -> Ruling:
        """Rule; a service that is down, a budget that is spent or a reply that is nonsense leave it ungraded.

        Raises:
            AppError: the judge cannot be used at all (wrong key, no such model): nothing more should be asked.
        """
        ...

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """One entry per kind asked so far: judge, kind, prompt sha256, seed, temperature, calls, tokens."""
        ...


_THINKING = re.compile(r"^\s*+(?:<think>)?.*?</think>", re.S)


def read_reply(prompt: JudgePrompt, reply: str) -> Any:
    """The value of a raw reply, or None; what a reasoning model thinks aloud before it is not part of it."""
    return prompt.parse(_THINKING.sub("", reply, count=1))


def close_of(judge: Judge) -> Callable[[], None]:
    """What ends `judge`'s waits and closes its files; does nothing where it has neither."""
    close: Callable[[], None] = getattr(judge, "close", lambda: None)
    return close


class NoJudge:
    """Nobody was chosen: every question stays ungraded, and is remembered as one that somebody should have ruled."""

    name = "none"
    parallel = 1
    asked = 0

    def ask(self, question: Question) -> Ruling:  # noqa: ARG002 - the answer is the same to all
        """Ungraded."""
        self.asked += 1
        return Ruling(value=None, judge=self.name, why="no judge was chosen")

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """Nothing was asked."""
        return ()


def json_objects(reply: str) -> list[dict[str, Any]]:
    """Every JSON object at the top level of `reply`, in order; text and code fences around them are skipped."""
    decoder = json.JSONDecoder()
    found: list[dict[str, Any]] = []
    at = reply.find("{")
    while at >= 0:
        try:
            value, end = decoder.raw_decode(reply, at)
        except RecursionError:
            break  # nonsense: every brace behind it would take as long to fail
        except ValueError:
            end = at + 1
        else:
            found.append(value)
        at = reply.find("{", end)
    return found
