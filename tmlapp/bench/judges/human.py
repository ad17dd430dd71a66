"""A person rules, in the terminal for now."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

from tmlapp.bench.judges.base import TRIES, JudgePrompt, Question, Ruling

_TIMES = re.compile(r"(^|_)(t|t0|t1|s|ms|ns|time|times|onset|onsets|window|latency|timestamp)$")
_YES, _NO, _SKIP = frozenset(["y", "yes"]), frozenset(["n", "no"]), frozenset(["s", "skip", ""])


class HumanJudge:
    """Shows a question's fields and takes y, n or skip, or the reply that the question asks for.

    Times are not shown, nor who said it: the meaning alone is judged.
    """

    name = "human"
    parallel = 1

    def __init__(self, ask: Callable[[str], str]) -> None:
        """`ask` shows a text and returns the line that is typed; it raises EOFError where nobody is there any more."""
        self._ask = ask
        self._gone = False
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], dict[str, Any]] = {}

    def ask(self, question: Question) -> Ruling:
        """What the person rules; skipped questions stay ungraded."""
        with self._lock:
            ruling = self._ruling(question)
            entry = self._kinds.setdefault(
                (question.prompt.kind, question.prompt.sha256), _entry(self.name, question.prompt)
            )
            entry["questions"] += 1
            entry["ungraded"] += ruling.value is None
            return ruling

    def close(self) -> None:
        """End the waiting for a line; what is still to be asked stays ungraded."""
        self._gone = True
        close: Callable[[], None] = getattr(self._ask, "close", lambda: None)
        close()

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """Per kind: questions, and how many were skipped."""
        return tuple(dict(entry) for entry in self._kinds.values())

    def _ruling(self, question: Question) -> Ruling:
        text = shown(question)
        replies: list[str] = []
        for _ in range(TRIES):
            if self._gone:
                return Ruling(value=None, judge=self.name, why="nobody was there to ask")
            try:
                reply = self._ask(text).strip()
            except EOFError:
                self._gone = True
                continue
            replies.append(reply)
            if reply.casefold() in _SKIP:
                return Ruling(value=None, judge=self.name, why="skipped", replies=tuple(replies))
            value = _value(question.prompt, reply)
            if value is not None:
                return Ruling(value=value, judge=self.name, replies=tuple(replies))
            text = "Please type y, n or s.\n"
        return Ruling(value=None, judge=self.name, why="no reply could be read", replies=tuple(replies))


def shown(question: Question) -> str:
    """The text that a person sees: fields with a name in front, no times, nothing that would steer the terminal."""
    lines = [question.prompt.kind]
    for name, value in question.fields.items():
        if value.strip() and not _TIMES.search(name):
            clean = "".join(c if c.isprintable() or c == "\n" else "�" for c in value.strip())
            lines.append(f"  {name}: " + clean.replace("\n", "\n" + " " * (len(name) + 4)))
    return "\n".join([*lines, "y = right, n = wrong, s = skip, or the reply that is asked for", ""])


def _value(prompt: JudgePrompt, reply: str) -> Any:
    if reply.casefold() in _YES:
        return prompt.right_value
    if reply.casefold() in _NO:
        return prompt.wrong_value
    return prompt.parse(reply)


def _entry(judge: str, prompt: JudgePrompt) -> dict[str, Any]:
    return {"judge": judge, "kind": prompt.kind, "prompt_sha256": prompt.sha256, "questions": 0, "ungraded": 0}
