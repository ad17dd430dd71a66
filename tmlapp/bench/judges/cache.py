"""Keeps every ruling, so that nothing is asked twice and every grade can be repeated without the judge."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from tmlapp.bench.judges.base import Judge, Question, Ruling, close_of, read_reply
from tmlapp.bench.judges.table import Appender, Lines, WriteError, read_lines, row_of, ruling_of
from tmlapp.core.errors import AppError


class CachedJudge:
    """Asks `judge` only what the file does not answer. A question is known by its judge and its content.

    Ungraded questions are written for the record and asked again the next time.
    """

    def __init__(self, judge: Judge, path: Path) -> None:
        """Read what is there.

        Raises:
            AppError: the file cannot be read, or is something else.
        """
        self._judge = judge
        self._path = path
        self._file = Appender(path)
        self._lock = threading.Lock()
        self._under_way: dict[str, threading.Lock] = {}
        self._unwritten: list[str] = []
        self._hits: dict[tuple[str, str], dict[str, Any]] = {}
        lines = read_lines(path)
        self.unreadable_lines = tuple(lines.unreadable)
        self._known = _known(lines, judge.name, path)

    @property
    def name(self) -> str:
        """That of the judge behind."""
        return self._judge.name

    @property
    def parallel(self) -> int:
        """That of the judge behind."""
        return self._judge.parallel

    def ask(self, question: Question) -> Ruling:
        """The ruling in the file, else that of the judge.

        Raises:
            AppError: the judge cannot be used, or the ruling cannot be written; it is kept, and written with the next.
        """
        digest = question.digest()
        with self._lock:
            gate = self._under_way.setdefault(digest, threading.Lock())
        with gate:
            found = self._found(question, digest)
            if found is not None:
                return found
            ruling = self._judge.ask(question)
            self._keep(question, digest, ruling)
            return ruling

    def close(self) -> None:
        """Close the file, and the judge behind where it can be closed."""
        with self._lock:
            self._file.close()
        close_of(self._judge)()

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """That of the judge behind, with how many rulings came from the file, and what in it cannot be read."""
        entries = [dict(entry) for entry in self._judge.provenance()]
        with self._lock:
            for (kind, sha256), hits in self._hits.items():
                same = [e for e in entries if (e["kind"], e.get("prompt_sha256", sha256)) == (kind, sha256)]
                if not same:
                    entries.append({k: v for k, v in hits.items() if k not in ("cached", "models")} | {"calls": 0})
                    same = entries[-1:]
                same[0]["cached"] = hits["cached"]
                same[0]["models"] = sorted(set(same[0].get("models", ())) | hits["models"])
        if self.unreadable_lines:
            entries = [e | {"unreadable_lines": list(self.unreadable_lines)} for e in entries]
        return tuple(entries)

    def _found(self, question: Question, digest: str) -> Ruling | None:
        with self._lock:
            row = self._known.get(digest)
            if row is None:
                return None
            ruling = ruling_of(row)
            prompt = question.prompt
            if row.get("reparse"):
                value = read_reply(prompt, ruling.replies[-1])
                ruling = Ruling(
                    value=value, judge=ruling.judge, replies=ruling.replies, cached=True, details=ruling.details
                )
            hits = self._hits.setdefault(
                (prompt.kind, prompt.sha256),
                {
                    "judge": self.name,
                    "kind": prompt.kind,
                    "prompt_sha256": prompt.sha256,
                    "prompt_source": prompt.source,
                    "official_model": prompt.model,
                    "temperature": prompt.temperature,
                    "seed": prompt.seed,
                    "models": set(),
                    "cached": 0,
                },
            )
            hits["cached"] += 1
            hits["models"] |= {str(ruling.details["model"])} if "model" in ruling.details else set()
            return ruling

    def _keep(self, question: Question, digest: str, ruling: Ruling) -> None:
        row = row_of(question, self.name, ruling)
        if json.loads(json.dumps(row["value"], default=str)) != ruling.value and ruling.replies:
            # A value that JSON does not give back as it was (a tuple) is read from the raw reply again.
            row |= {"value": None, "reparse": True}
        line = json.dumps(row, default=str)
        with self._lock:
            if ruling.value is not None:
                self._known[digest] = json.loads(line)
            self._unwritten.append(line)
            try:
                done = self._file.add(self._unwritten, sync=bool(ruling.replies))
            except WriteError as e:
                del self._unwritten[: e.done]
                raise
            del self._unwritten[:done]


def _known(lines: Lines, judge: str, path: Path) -> dict[str, dict[str, Any]]:
    """Rows of this judge by digest; of several complete ones, the last."""
    if lines.unreadable and not lines.rows and not (lines.cut and len(lines.unreadable) == 1):
        raise _foreign(path, lines.unreadable[0])
    known: dict[str, dict[str, Any]] = {}
    for number, row in lines.rows:
        try:
            complete = row["value"] is not None or bool(row.get("reparse") and row["replies"])
            asked, digest = row["asked"], row["digest"]
            ruling_of(row)
        except (KeyError, TypeError, ValueError):
            raise _foreign(path, number) from None
        if complete and asked == judge:
            known[digest] = row
    return known


def _foreign(path: Path, number: int) -> AppError:
    return AppError(
        f"{path} is not a file of verdicts that this app wrote.",
        f"Line {number} holds something else.",
        "Choose another file, or give it as recorded: to read it only.",
    )
