"""Verdicts that were given before: official files, tables, and our own cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlapp.bench.judges.base import JudgePrompt, Question, Ruling, read_reply
from tmlapp.bench.judges.table import read_lines
from tmlapp.bench.suite import RecordedVerdict
from tmlapp.core.errors import AppError


@dataclass(frozen=True, slots=True)
class _Row:
    value: Any
    reply: str | None = None
    digest: str = ""
    judge: str = ""
    details: Mapping[str, Any] | None = None


class RecordedJudge:
    """Looks up kind, item and key; what is not recorded stays ungraded. Nothing is asked anywhere."""

    parallel = 1

    def __init__(
        self, verdicts: Iterable[RecordedVerdict] = (), *, name: str = "recorded", last_wins: bool = False
    ) -> None:
        """Take the verdicts.

        Args:
            last_wins: of several for one question, take the last; otherwise they have to agree.

        Raises:
            AppError: two verdicts on one question differ.
        """
        self.name = name
        self._rows: dict[tuple[str, str, str], _Row] = {}
        self._contents: dict[str, _Row] = {}
        self._kinds: dict[str, dict[str, Any]] = {}
        self._unreadable: list[int] = []
        for verdict in verdicts:
            where = (verdict.kind, verdict.item, verdict.key)
            self._put(where, _Row(verdict.value, verdict.reply), last_wins)

    @classmethod
    def of_file(cls, path: Path, *, judge: str = "") -> RecordedJudge:
        """The verdicts in a `.jsonl` file: a table of {kind, item, key, value or reply}, or our own cache.

        Of several complete ones in a cache the last one counts. Unreadable lines inside a table are an error; those of
        a cache, and a last line that was cut off, are left out and told in the provenance.

        Args:
            judge: only those that this judge gave (of a cache that several were asked into).

        Raises:
            AppError: it is not there, a line is not valid, or verdicts differ.
        """
        lines = read_lines(path)
        if not lines.rows:
            raise AppError(
                f"There are no recorded verdicts in {path}.",
                "The file is not there, or holds none.",
                "Give a .jsonl file with one verdict per line.",
            )
        # A cache was added to after a crash; a table was written by somebody, and a bad line is a mistake.
        mistakes = [] if "digest" in lines.rows[0][1] else lines.unreadable[: -1 if lines.cut else None]
        for number in mistakes:
            raise _bad_line(path, number, "It is not a JSON object.")
        made = cls(name=f"recorded:{path.name}")
        made._unreadable = lines.unreadable
        judges: dict[str, None] = {}
        for number, line in lines.rows:
            if line.get("value") is None and line.get("reply") is None and not line.get("reparse"):
                continue  # ungraded, kept for the record only
            where, row = _row(path, number, line)
            judges |= {row.judge: None} if row.digest else {}
            if not judge or row.judge == judge:
                made._put(where, row, last_wins=bool(row.digest))
        if not judge and len(judges) > 1:
            raise AppError(
                f"{path} holds verdicts of several judges.",
                f"They are {', '.join(judges)}.",
                "Say whose are meant: recorded:FILE?judge=NAME.",
            )
        return made

    def ask(self, question: Question) -> Ruling:
        """The recorded ruling."""
        prompt = question.prompt
        entry = self._kinds.setdefault(prompt.kind, _entry(self.name, prompt))
        entry["questions"] += 1
        # Our own cache knows a question by its content, wherever it stands now; tables know only its place.
        row = self._contents.get(question.digest()) if self._contents else None
        ruling = self._ruling(question, row or self._rows.get((prompt.kind, question.item, question.key)))
        entry["ungraded"] += ruling.value is None
        if ruling.judge != self.name and ruling.judge not in entry["recorded_from"]:
            entry["recorded_from"].append(ruling.judge)
        return ruling

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """Per kind: how many were looked up, how many were not there, who gave them, sha256 of all verdicts."""
        more: dict[str, Any] = {"verdicts_sha256": self._sha256()} if self._kinds else {}
        more |= {"unreadable_lines": list(self._unreadable)} if self._unreadable else {}
        return tuple(dict(entry) | more for entry in self._kinds.values())

    def _sha256(self) -> str:
        """Digest of what is recorded, whatever files it came from and in whatever order."""
        lines = sorted(
            json.dumps([*where, row.value, row.reply, row.digest, row.judge], sort_keys=True, default=str)
            for where, row in self._rows.items()
        )
        return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()

    def _ruling(self, question: Question, row: _Row | None) -> Ruling:
        if row is None:
            return Ruling(value=None, judge=self.name, why="no verdict was recorded for it")
        if row.digest and row.digest != question.digest():
            return Ruling(value=None, judge=self.name, why="the recorded verdict is about another text or prompt")
        value, replies = row.value, () if row.reply is None else (row.reply,)
        if row.reply is not None and (value is None or not row.digest):
            value = read_reply(question.prompt, row.reply)
        why = "" if value is not None else "the recorded reply cannot be read"
        return Ruling(
            value=value, judge=row.judge or self.name, why=why, replies=replies, cached=True, details=row.details or {}
        )

    def _put(self, where: tuple[str, str, str], row: _Row, last_wins: bool) -> None:
        before = self._rows.get(where)
        if before is not None and not last_wins and (before.value, before.reply) != (row.value, row.reply):
            raise AppError(
                f"Two recorded verdicts on {where[0]} {where[2]!r} of {where[1]!r} differ.",
                "A question can have only one.",
                "Remove one of them.",
            )
        self._rows[where] = row
        if row.digest:
            self._contents[row.digest] = row


def _row(path: Path, number: int, line: Mapping[str, Any]) -> tuple[tuple[str, str, str], _Row]:
    named = [line.get(name) for name in ("kind", "item", "key")]
    if not all(isinstance(value, str) for value in named):
        raise _bad_line(path, number, "It needs kind, item and key, all of them text.")
    if line.get("reply") is not None and not isinstance(line["reply"], str):
        raise _bad_line(path, number, "Its reply is not text.")
    where = (str(named[0]), str(named[1]), str(named[2]))
    if "digest" not in line:
        return where, _Row(line.get("value"), line.get("reply"))
    replies = [str(reply) for reply in line.get("replies") or ()]
    reply = replies[-1] if replies else None
    if line.get("reparse") and reply is None:
        raise _bad_line(path, number, "It has neither a value nor a reply.")
    details = line.get("details") if isinstance(line.get("details"), dict) else {}
    return where, _Row(line.get("value"), reply, str(line["digest"]), str(line.get("judge", "")), details)


def _bad_line(path: Path, number: int, why: str) -> AppError:
    return AppError(f"Line {number} of {path} is not a verdict.", why, "Correct or remove the line.")


def _entry(judge: str, prompt: JudgePrompt) -> dict[str, Any]:
    return {
        "judge": judge,
        "kind": prompt.kind,
        "prompt_sha256": prompt.sha256,
        "official_model": prompt.model,
        "questions": 0,
        "ungraded": 0,
        "recorded_from": [],
    }
