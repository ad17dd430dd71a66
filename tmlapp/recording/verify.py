"""Is a finished recording whole? Read everything, trust nothing."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tmlapp.core.errors import AppError
from tmlapp.core.units import TURN_NS
from tmlapp.recording.content import check
from tmlapp.recording.log import Log
from tmlapp.recording.scan import Found, Scan, Source, opened, scan
from tmlapp.recording.schema import CHANNEL_IDS

_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Digest:
    """How many messages a topic has, and a checksum over all of them in order."""

    count: int = 0
    crc: int = 0

    def after(self, message: Found) -> Digest:
        """The digest with one more message."""
        head = struct.pack("<IQ", message.sequence, message.log_time)
        return Digest(self.count + 1, zlib.crc32(message.data, zlib.crc32(head, self.crc)))


@dataclass(slots=True)
class VerifyReport:
    """What `verify` found.

    Attributes:
        ok: nothing is wrong: `problems` is empty.
        counts: messages per topic.
        turns: micro-turns, lost ones included.
        lost_turns: micro-turns that a repair had to give up; they are declared in the file and no problem of it.
        sha256: of the whole file.
        problems: one sentence each.
    """

    path: Path
    ok: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    turns: int = 0
    lost_turns: list[int] = field(default_factory=list)
    sha256: str = ""
    problems: list[str] = field(default_factory=list)
    digests: dict[str, Digest] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; the digests are left out."""
        plain = asdict(self) | {"path": str(self.path)}
        del plain["digests"]
        return plain


def verify(path: Path) -> VerifyReport:
    """Check a finished recording: checksums of file, chunks and media, index against content, no micro-turn missing.

    Raises:
        AppError: the file is missing or cannot be read at all.
    """
    report = VerifyReport(path)
    with opened(path) as source:
        content = _Content(report)
        found = scan(source, content.take)
        report.problems += [f"bytes {a} to {b} do not hold" for a, b in found.damage]
        report.sha256, data_crc = _sums(source, found.data_end)
        _check_end(source, found, data_crc, report)
        content.check(found)
        _check_index(path, report)
    report.ok = not report.problems
    return report


def _sums(source: Source, data_end: int | None) -> tuple[str, int]:
    whole, crc = hashlib.sha256(), 0
    for at in range(0, len(source), _BLOCK):
        block = source[at : at + _BLOCK]
        whole.update(block)
        if data_end is not None and at < data_end:
            crc = zlib.crc32(block[: data_end - at], crc)
    return whole.hexdigest(), crc


def _check_end(source: Source, found: Scan, data_crc: int, report: VerifyReport) -> None:
    if not found.complete or found.data_end is None:
        report.problems.append("the file has no end: it is unfinished or was cut")
        return
    (stored,) = struct.unpack_from("<I", source, found.data_end + 9)
    if stored != data_crc:
        report.problems.append("the checksum over all data is wrong")


def _check_index(path: Path, report: VerifyReport) -> None:
    try:
        log = Log.open(path)
    except AppError as error:
        report.problems.append(f"the index is unusable: {error.why}")
        return
    if log.counts != report.counts:
        report.problems.append("the index counts other messages than there are")
    if int(log.metadata["turns"]) != report.turns:
        report.problems.append(f"the index speaks of {log.metadata['turns']} micro-turns, there are {report.turns}")


@dataclass(slots=True)
class _Content:
    """Holds the messages against one another: micro-turns against their sound and frames, outputs against theirs."""

    report: VerifyReport
    pcm: dict[int, int] = field(default_factory=dict)
    processed: dict[int, int] = field(default_factory=dict)
    frames: dict[int, int] = field(default_factory=dict)
    outputs: dict[int, int] = field(default_factory=dict)
    last: int = -1
    missing: list[int] = field(default_factory=list)

    def take(self, message: Found) -> None:
        name = message.topic.name
        try:
            said = check(message)
        except ValueError as error:
            self.report.problems.append(f"{name} message {message.sequence} is malformed: {error}")
            return
        self.report.digests[name] = self.report.digests.get(name, Digest()).after(message)
        if name == "/turn":
            self._turn(said)
        elif name == "/output":
            reference = said.get("audio")
            if reference and not reference.get("lost"):
                self.outputs[reference["seq"]] = reference["crc32"]

    def check(self, found: Scan) -> None:
        self.report.counts = {n: self.report.digests[n].count for n in CHANNEL_IDS if n in self.report.digests}
        self.report.turns = self.last + 1
        if "/setup" not in self.report.counts:
            self.report.problems.append("/setup is missing")
        self._say("micro-turn", self.missing, "missing")
        self._media(found, "/mic", self.pcm, "the sound of micro-turn", per=TURN_NS)
        self._media(found, "/mic/processed", self.processed, "the processed sound of micro-turn", per=TURN_NS)
        self._media(found, "/camera", self.frames, "frame")
        self._media(found, "/model/audio", self.outputs, "the sound of output")

    def _turn(self, turn: dict[str, Any]) -> None:
        index = int(turn["index"])
        self.missing += range(self.last + 1, index)
        if index <= self.last:
            self.report.problems.append(f"micro-turn {index} comes after {self.last}")
        self.last = max(self.last, index)
        if turn.get("lost_sound"):
            self.report.lost_turns.append(index)
        else:
            self.pcm[index] = turn["pcm_crc32"]
        if "processed_crc32" in turn:
            self.processed[index] = turn["processed_crc32"]
        for frame in turn["frames"]:
            self.frames[frame["seq"]] = frame["crc32"]

    def _media(self, found: Scan, topic: str, promised: dict[int, int], what: str, per: int = 0) -> None:
        channel = CHANNEL_IDS[topic]
        there = {
            (found.log_times[i] // per if per else found.sequences[i]): found.crcs[i]
            for i in range(len(found))
            if found.channels[i] == channel
        }
        self._say(what, promised.keys() - there.keys(), "missing")
        self._say(what, there.keys() - promised.keys(), "promised by nothing")
        self._say(what, (k for k in promised.keys() & there.keys() if promised[k] != there[k]), "not what was recorded")

    def _say(self, what: str, which: Iterable[int], verdict: str) -> None:
        listed = sorted(which)
        if listed:
            more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
            self.report.problems.append(f"{what} {', '.join(map(str, listed[:5]))}{more}: {verdict}")
