"""Reads what the catalogue shows of runs, item sets and exports, and of a recording that belongs to a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from tmlapp.bench.annotations import read_annotations
from tmlapp.bench.catalogue.entry import Candidate, Entry
from tmlapp.bench.catalogue.probe import (
    LONGEST_TEXT,
    folded,
    iso,
    listed,
    model_text,
    newest_grade,
    plain_number,
    probe_recording,
)
from tmlapp.bench.runs.lines import read_lines, read_object
from tmlapp.core.errors import AppError

_HASHED = 1024 * 1024


def probe(candidate: Candidate) -> Entry:
    """The row of any candidate; whatever cannot be read gets a state and a reason instead."""
    if candidate.kind == "recording":
        entry = probe_recording(candidate)
        if candidate.run is not None:
            entry = _in_run(entry, candidate.run, candidate.stamp)
    else:
        entry = _folder(candidate)
    if candidate.trashed is not None:
        entry = _trashed(entry, candidate.trashed)
    return entry


def _folder(candidate: Candidate) -> Entry:
    path = candidate.path
    entry = Entry(
        path=path, root=candidate.root, kind=candidate.kind, name=path.parent.name, size=candidate.size,
        mtime_ns=candidate.mtime_ns, stamp=candidate.stamp, created=iso(candidate.mtime_ns / 1e9),
        created_s=candidate.mtime_ns / 1e9,
    )  # fmt: skip
    read = {"run.json": _run, "set.json": _set, "items.jsonl": _dataset, "setup.json": _export}[path.name]
    try:
        entry = read(entry)
        log = read_annotations(path)
    except AppError as error:
        return replace(entry, state="damaged", why=f"{error.what} {error.why}")
    except OSError as error:
        return replace(entry, state="damaged", why=f"It cannot be read: {error.strerror or error}.")
    tags, notes, verdict = folded(list(log.current))
    text = "\n".join(t for t in (entry.notes, *notes) if t)
    return replace(entry, tags=tags, notes=text, verdict=verdict or entry.verdict)


def _object(path: Path) -> dict[str, Any]:
    value = read_object(path)
    if value is None:
        raise AppError(f"{path.name} is damaged.", "It holds no JSON object.", "Copy the folder again.")
    return value


def _dated(entry: Entry, text: object) -> Entry:
    try:
        moment = datetime.fromisoformat(str(text))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return replace(
            entry,
            created=moment.astimezone(UTC).isoformat(timespec="seconds"),
            created_s=moment.timestamp(),
        )
    except (ValueError, OverflowError):
        return entry


def _run(entry: Entry) -> Entry:
    info = _object(entry.path)
    if "suite" not in info or "endpoint" not in info:
        return replace(entry, state="foreign", why="This run.json is another program's.")
    grades = read_lines(entry.path.with_name("grades.jsonl")).values
    grade, _ = newest_grade([g["grade"] for g in grades if isinstance(g.get("grade"), dict)])
    done = len(read_lines(entry.path.with_name("answers.jsonl")).values)
    entry = _dated(entry, info.get("created"))
    open_items = not info.get("finished")
    broken, granted = _interrupted(entry.path.parent), info.get("granted")
    told = {
        "model": model_text(granted) if isinstance(granted, dict) else "",
        "interrupted": f"{broken} item{'s' if broken > 1 else ''}" if broken else "",
    }
    return replace(
        entry,
        identity=f"run:{info.get('items_sha256', '')}:{info.get('created', '')}:{info.get('endpoint', '')}",
        suite=str(info["suite"]),
        endpoint=str(info["endpoint"]),
        grade=grade,
        state="unfinished" if open_items else "ok",
        why="Items of it are still open." if open_items else "",
        notes="\n".join(str(n) for n in listed(info.get("notes"))),
        details={"items": info.get("n_items"), "answers": done, "instruct": str(info.get("instruct", ""))}
        | {name: text for name, text in told.items() if text},
    )


def _interrupted(run: Path) -> int:
    """Of how many items the connection broke; such an item is not graded."""
    results = (read_object(path) for path in run.glob("items/*/result.json"))
    return sum(result is not None and result.get("state") == "interrupted" for result in results)


def _set(entry: Entry) -> Entry:
    from tmlapp.bench.authoring.store import SCHEMA, read_set

    if _object(entry.path).get("schema") != SCHEMA:
        return replace(entry, state="foreign", why="This set.json is another program's.")
    state = read_set(entry.path.parent)
    texts = [text for i in state.items for text in (i.id, i.instruction, i.script, i.notes)]
    return replace(
        entry,
        identity=f"set:{_digest(entry.path)}",
        name=state.name or entry.name,
        suite=str(state.suite),
        said="\n".join(t for t in texts if t)[:LONGEST_TEXT],
        details={"items": len(state.items), "takes": sum(len(i.takes) for i in state.items), "version": state.version},
    )


def _dataset(entry: Entry) -> Entry:
    lines = read_lines(entry.path)
    items = [v for v in lines.values if "id" in v]
    if not items:
        return replace(entry, state="foreign", why="This items.jsonl holds no items.")
    texts: list[str] = []
    for item in items:
        instruction = item.get("instruction")
        said = instruction.get("text") if isinstance(instruction, Mapping) else instruction
        texts += [str(item["id"]), str(said or "")]
    suites = Counter(str(i.get("suite") or "") for i in items)
    why = f"{len(lines.damaged)} of its lines cannot be read." if lines.damaged else ""
    return replace(
        entry,
        identity=f"items:{_digest(entry.path)}",
        suite=", ".join(s for s in suites if s),
        said="\n".join(t for t in texts if t)[:LONGEST_TEXT],
        state="damaged" if lines.damaged else "ok",
        why=why,
        details={"items": len(items)},
    )


def _export(entry: Entry) -> Entry:
    setup = _object(entry.path)
    if "session_id" not in setup:
        return replace(entry, state="foreign", why="This setup.json is another program's.")
    entry = _dated(entry, setup.get("created_utc"))
    return replace(
        entry,
        identity=f"export:{setup['session_id']}",
        session=str(setup["session_id"]),
        endpoint=str(setup.get("endpoint") or ""),
        instruction=str(setup.get("instruction") or ""),
    )


def _digest(path: Path) -> str:
    import hashlib

    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_HASHED):
            digest.update(block)
    return digest.hexdigest()


def _in_run(entry: Entry, run: Path, stamp: str) -> Entry:
    """What the run above says of one of its recordings: suite, item, and how it was graded."""
    suite, endpoint, verdicts = _of_run(run, stamp)
    item = _item_of(entry.path, run)
    verdict, why = verdicts.get(item, ("", ""))
    return replace(
        entry,
        suite=entry.suite or suite,
        endpoint=entry.endpoint or endpoint,
        verdict=entry.verdict or verdict,
        grade=entry.grade or why,
        part_of=str(run),
        details={**entry.details, "item": item},
    )


def _item_of(path: Path, run: Path) -> str:
    """Id of the item whose recording lies at `path`, as its own `result.json` says; "" for a replay beside it."""
    for folder in path.parents:
        if folder == run.parent:
            break
        result = read_object(folder / "result.json")
        if result is not None and isinstance(result.get("id"), str):
            parts = result.get("parts")
            own = {p.get("recording") for p in parts.values() if isinstance(p, dict)} if isinstance(parts, dict) else ()
            # Grades of the run are of what the run recorded, and of nothing that was made of it later.
            return "" if own and path.name not in own else str(result["id"])
    return ""


# `stamp` says which state of the run it was; one run is asked about once for each of its recordings.
@lru_cache(maxsize=4)
def _of_run(run: Path, stamp: str) -> tuple[str, str, Mapping[str, tuple[str, str]]]:  # noqa: ARG001 - see above
    try:
        info = read_object(run) or {}
        grades = read_lines(run.with_name("grades.jsonl")).values
    except AppError:
        return "", "", {}
    verdicts: dict[str, tuple[str, str]] = {}
    for line in grades:
        grade = line.get("grade")
        for verdict in listed(grade.get("verdicts")) if isinstance(grade, dict) else ():
            if not isinstance(verdict, dict):
                continue
            passed, score = verdict.get("passed"), plain_number(verdict.get("score"))
            # What no judge could decide counts as failed in a grade; it is not shown as wrong.
            undecided = passed is False and verdict.get("ungraded") is True
            word = "" if passed is None else "pass" if passed else "unsure" if undecided else "fail"
            verdicts[str(verdict.get("item"))] = (word, "" if score is None else f"{score:g}")
    return str(info.get("suite", "")), str(info.get("endpoint", "")), verdicts


def _trashed(entry: Entry, manifest: Path) -> Entry:
    try:
        told = json.loads(manifest.read_bytes())
        when = str(told.get("created", ""))
    except (OSError, ValueError, AttributeError):
        when = ""
    return replace(
        entry, state="trashed", why=f"It was moved to the trash {when[:16].replace('T', ' ')}.",
        details={**entry.details, "bundle": str(manifest.parent)},
    )  # fmt: skip
