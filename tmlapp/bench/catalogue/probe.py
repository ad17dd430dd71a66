"""Reads what the catalogue shows of one recording: its index, and the small topics. Runs in a worker process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tmlapp.bench.annotations import NOTE, QA, TAG, VERDICT, Annotation, annotations_of, read_file
from tmlapp.bench.catalogue.entry import Candidate, Entry
from tmlapp.bench.sidecar import read_grades, sidecar_of
from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.recording.lock import try_lock
from tmlapp.recording.log import Log
from tmlapp.recording.names import PART, base_of
from tmlapp.recording.scan import Found, scan
from tmlapp.recording.summary import interruption_text

LONGEST_TEXT = 20_000
_HEAD, _TAIL = 512 * 1024, 1024 * 1024
_SAID, _HEARD = b'"type":"TextOutDone"', b'"type":"UserTranscript"'
_LOST, _CONNECTED, _OPENED = b'"type":"InputLost"', b'"type":"ConnectionChanged"', b'"type":"SessionOpened"'
_VERDICTS = {
    "right": "pass", "pass": "pass", "passed": "pass", "wrong": "fail", "fail": "fail", "failed": "fail",
    "unsure": "unsure", "blocked": "unsure",
}  # fmt: skip


@dataclass(slots=True)
class _Texts:
    """Words without repetition, in order, until there are enough of them."""

    found: dict[str, None] = field(default_factory=dict)
    room: int = LONGEST_TEXT

    def add(self, text: object) -> None:
        if isinstance(text, str) and text.strip() and self.room > 0 and text not in self.found:
            self.found[text] = None
            self.room -= len(text)

    def __str__(self) -> str:
        return "\n".join(self.found)[:LONGEST_TEXT]


@dataclass(slots=True)
class _Connection:
    """Who was met, and what a broken connection cost."""

    model: str = ""
    not_sent: int = 0
    again: int = 0

    def take(self, message: Found) -> None:
        """Look at one message of an endpoint."""
        data = message.data
        if _LOST in data:
            self.not_sent += _object(message).get("what") == "turn"
        elif _CONNECTED in data:
            epoch = _object(message).get("epoch")
            self.again = max(self.again, epoch if isinstance(epoch, int) else 0)
        elif _OPENED in data and not self.model:
            granted = _object(message).get("granted")
            self.model = model_text(granted if isinstance(granted, dict) else {})

    def details(self) -> dict[str, Any]:
        """For the row; nothing where there is nothing to say."""
        told = {"model": self.model, "interrupted": interruption_text(self.not_sent, self.again)}
        return {name: text for name, text in told.items() if text}


def model_text(granted: Mapping[str, Any]) -> str:
    """The model's name, and at which host, of what a remote endpoint granted; empty for a local one."""
    if granted.get("local") is not False:
        return ""
    name, host = str(granted.get("name") or ""), str(granted.get("provider") or "")
    return f"{name} at {host}" if name and host else name or host


def probe_recording(candidate: Candidate) -> Entry:
    """The row of a recording; one that cannot be read gets a state and a reason instead."""
    entry = Entry(
        path=candidate.path, root=candidate.root, kind="recording", name=base_of(candidate.path), size=candidate.size,
        mtime_ns=candidate.mtime_ns, stamp=candidate.stamp, created=iso(candidate.mtime_ns / 1e9),
        created_s=candidate.mtime_ns / 1e9,
    )  # fmt: skip
    try:
        entry = _unfinished(entry) if candidate.path.name.endswith(PART) else _finished(entry)
    except AppError as error:
        entry = _damaged(entry, error)
    except OSError as error:
        return replace(entry, state="damaged", why=f"It cannot be read: {error.strerror or error}.")
    return with_sidecars(entry)


def _finished(entry: Entry) -> Entry:
    log = Log.open(entry.path)
    turns = int(log.metadata["turns"])
    said, notes, connection = _Texts(), _Texts(), _Connection()
    setup: dict[str, Any] = {}
    # A recording of an hour has tens of thousands of these; only the few with words in them are parsed.
    for message in log.messages(["/setup", "/cue", "/output", "/marker", "/turn"]):
        if message.topic.name == "/setup":
            setup = _object(message)
        else:
            _collect(message, said, notes)
            connection.take(message)
    entry = _with_setup(entry, setup)
    lost = len(log.metadata["lost_turns"].split())
    return replace(
        entry,
        identity=f"{entry.session}:{turns}:{lost}:{entry.size}",
        duration_s=turns * TURN_NS / NS_PER_S,
        said=str(said),
        notes=str(notes),
        picture=bool(log.counts.get("/camera")),
        details={**entry.details, "turns": turns, "lost_turns": lost, "topics": log.counts, **connection.details()},
    )


def _collect(message: Found, said: _Texts, notes: _Texts) -> None:
    name, data = message.topic.name, message.data
    if name == "/cue":
        said.add(_object(message).get("text"))
    elif name == "/marker":
        notes.add(_object(message).get("note"))
    elif name == "/turn":
        if b'"texts":[]' not in data:
            for text in _object(message).get("texts", ()):
                notes.add(text.get("text"))
    elif _SAID in data:
        said.add(_object(message).get("text"))
    elif _HEARD in data:
        notes.add(_object(message).get("text"))


def _object(message: Found) -> dict[str, Any]:
    value = json.loads(message.data.decode("utf-8", "surrogatepass"))
    return value if isinstance(value, dict) else {}


def _with_setup(entry: Entry, setup: dict[str, Any]) -> Entry:
    created, created_s = entry.created, entry.created_s
    try:
        moment = datetime.fromisoformat(str(setup.get("created_utc", "")))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        created, created_s = moment.astimezone(UTC).isoformat(timespec="seconds"), moment.timestamp()
    except (ValueError, OverflowError):
        pass  # A repair that lost the beginning does not know it: the file's own time stands in.
    feed = setup.get("feed") or {}
    tracks = {n: (feed.get(n) or {}).get("name", "") for n in ("mic", "camera")} if isinstance(feed, dict) else {}
    options = setup.get("options") or {}
    return replace(
        entry,
        session=str(setup.get("session_id") or ""),
        created=created,
        created_s=created_s,
        endpoint=str(setup.get("endpoint") or ""),
        instruction=str(setup.get("instruction") or ""),
        suite=str(options.get("suite") or "") if isinstance(options, dict) else "",
        details={"session_name": str(setup.get("name") or ""), **tracks},
    )


def _unfinished(entry: Entry) -> Entry:
    """A `.part` has no index: the beginning tells what it is, the end how far it came."""
    with entry.path.open("rb") as file:
        writing = not try_lock(file.fileno())
        head = file.read(_HEAD)
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    found = _heads(head)
    if found is None:
        if writing:
            return replace(entry, state="recording", why="It is being recorded now.")
        return replace(entry, state="damaged", why="Its beginning cannot be read." if size else "It has 0 bytes.")
    turns: list[int] = []
    scan(tail, lambda m: turns.append(m.log_time // TURN_NS + 1) if m.topic.name in ("/turn", "/mic") else None)
    entry = _with_setup(entry, found)
    why = "It is being recorded now." if writing else "The session that wrote it did not end."
    return replace(
        entry,
        # Growing changes neither what it is nor where its words lie.
        identity=f"{entry.session}:part",
        state="recording" if writing else "unfinished",
        why=why,
        duration_s=max(turns, default=0) * TURN_NS / NS_PER_S,
    )


def _heads(head: bytes) -> dict[str, Any] | None:
    """The `/setup` in the first bytes of a file; None where there is none."""
    setups: list[Found] = []
    scan(head, lambda m: setups.append(m) if m.topic.name == "/setup" else None)
    return _object(setups[0]) if setups else None


def _damaged(entry: Entry, error: AppError) -> Entry:
    """A file that cannot be opened: damaged where it is one of ours, else another program's."""
    with entry.path.open("rb") as file:
        head = file.read(_HEAD)
    setup = _heads(head)
    if setup is None and head and b"tmlapp" not in head:
        return replace(entry, state="foreign", why=f"{error.what} {error.why}")
    entry = _with_setup(entry, setup or {})
    identity = f"{entry.session}:damaged:{entry.size}" if entry.session else ""
    return replace(entry, identity=identity, state="damaged", why=f"{error.what} {error.why}")


def with_sidecars(entry: Entry, strays: tuple[Path, ...] = ()) -> Entry:
    """`entry` with tags, notes, verdict and grade from the files beside it, and from `strays` of its session."""
    annotations, problems = _annotations(entry.path, strays)
    tags, notes, verdict = folded(annotations)
    grade, graded = "", ""
    if sidecar_of(entry.path).exists():
        try:
            grade, graded = newest_grade([line["grade"] for line in read_grades(entry.path).lines])
        except AppError as error:
            problems.append(error.what)
    text = "\n".join(t for t in (entry.notes, *notes) if t)[: 2 * LONGEST_TEXT]
    details = dict(entry.details) | ({"problems": problems} if problems else {})
    # What a person said holds against what a rule found.
    return replace(
        entry, tags=tags, notes=text, verdict=verdict or graded or entry.verdict, grade=grade or entry.grade,
        details=details,
    )  # fmt: skip


def _annotations(path: Path, strays: tuple[Path, ...]) -> tuple[list[Annotation], list[str]]:
    found: list[Annotation] = []
    problems: list[str] = []
    for file in (annotations_of(path), *strays):
        if file.exists():
            try:
                found += read_file(file).current
            except AppError as error:
                problems.append(error.what)
    return found, problems


def folded(annotations: list[Annotation]) -> tuple[tuple[str, ...], list[str], str]:
    """Tags (small letters, sorted), texts of notes, and the newest verdict: `pass`, `fail`, `unsure` or empty."""
    tags: set[str] = set()
    notes: list[str] = []
    verdict = ""
    for annotation in annotations:
        if annotation.kind == TAG:
            tags.add(tag_text(annotation.data.get("tag", "")))
        elif annotation.kind in (VERDICT, QA):
            value = str(annotation.data.get("value", annotation.data.get("verdict", ""))).casefold()
            verdict = _VERDICTS.get(value, verdict)
        if annotation.kind == NOTE or "note" in annotation.data or "text" in annotation.data:
            notes.append(str(annotation.data.get("text") or annotation.data.get("note") or ""))
    return tuple(sorted(tags - {""})), notes, verdict


def tag_text(tag: object) -> str:
    """A tag as it is compared and shown: one line, small letters."""
    return " ".join(str(tag).casefold().split())[:80]


def newest_grade(grades: list[dict[str, Any]]) -> tuple[str, str]:
    """The newest of `grades` (as JSON, oldest first) in a few words, and `pass` or `fail` where it says so."""
    for grade in reversed(grades):
        verdicts = [v for v in listed(grade.get("verdicts")) if isinstance(v, dict)]
        passed = [v.get("passed") for v in verdicts]
        known = [p for p in passed if p is not None]
        verdict = "" if not known else "pass" if all(known) else "fail"
        score, metric = plain_number(grade.get("score")), str(grade.get("metric") or "")
        if score is not None:
            unit = " %" if metric.endswith(", %") else ""
            return f"{score:.1f}{unit} {metric.removesuffix(', %')}".rstrip(), verdict
        if metric:
            return f"– {metric}", verdict
    return "", ""


def listed(value: object) -> list[Any]:
    """`value` if it is a list; a file that says something else there says nothing."""
    return value if isinstance(value, list) else []


def plain_number(value: object) -> float | None:
    """`value` if it is a number that can be shown."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def iso(seconds: float) -> str:
    """UTC in ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def sessions_in(path: Path) -> Iterator[str]:
    """Sessions that annotations in `path` say they are about."""
    try:
        log = read_file(path)
    except AppError:
        return  # It cannot be read: nobody's, as far as anyone can tell; the walk meets it again next time.
    seen: set[str] = set()
    for annotation in log.everything:
        session = annotation.data.get("session")
        if isinstance(session, str) and session and session not in seen:
            seen.add(session)
            yield session
