"""From the file that grew to the file that stays: chunks, index, zstd; verified before it gets its name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mcap.writer import CompressionType, Writer

from tmlapp.core.errors import AppError
from tmlapp.core.units import TURN_NS
from tmlapp.recording.log_writer import register
from tmlapp.recording.names import FINAL, UNVERIFIED, base_of
from tmlapp.recording.part import sync_folder
from tmlapp.recording.scan import Found, Scan, Source, opened, payloads, scan
from tmlapp.recording.schema import BY_ID, CHANNEL_IDS, FORMAT, LIBRARY, METADATA, Group
from tmlapp.recording.verify import Digest, VerifyReport, verify

CHUNK_BYTES = 2 * 1024 * 1024
SMALL_CHUNK_BYTES = 64 * 1024
"""Of everything but pictures: one damaged byte costs a chunk, and this much of the microphone is two seconds."""


@dataclass(slots=True)
class Written:
    """What went into a finished file, to be held against what is read back from it."""

    turns: int = 0
    digests: dict[str, Digest] = field(default_factory=dict)


def finalize(part: Path) -> Path:
    """Rewrite a cleanly written `.part` as the `.mcap` beside it; the caller removes the `.part`.

    Returns:
        The verified file under its final name.

    Raises:
        AppError: the disk is full, or what was read back is not what was written; the `.part` is untouched.
    """
    final = part.with_name(base_of(part) + FINAL)
    with opened(part) as source:
        found = scan(source)
        if found.damage:
            raise AppError(
                f"{part.name} is damaged.",
                f"{sum(b - a for a, b in found.damage)} of its {found.size} bytes cannot be read.",
                f'Run `tmlapp recover "{part}"`.',
            )
        publish(final, in_groups(source, found), lost_turns=[])
    return final


def in_groups(source: Source, found: Scan) -> Iterator[Found]:
    """Every message of a scanned file, kind by kind, each kind in the order in which it was written."""
    for group in Group:
        channels = {channel for channel, topic in BY_ID.items() if topic.group is group}
        wanted = (i for i in range(len(found)) if found.channels[i] in channels)
        for _, message in payloads(source, found, wanted):
            yield message


def publish(final: Path, messages: Iterable[Found], *, lost_turns: list[int]) -> VerifyReport:
    """Write, sync, verify, and only then rename to `final`.

    Raises:
        AppError: `final` exists, the disk refuses, or the file does not verify; nothing is left behind.
    """
    if final.exists():
        raise AppError(f"{final.name} already exists.", f"It lies in {final.parent}.", "Move it away and try again.")
    unverified = final.with_name(base_of(final) + UNVERIFIED)
    try:
        unverified.unlink(missing_ok=True)
        written = write_finished(unverified, messages, lost_turns)
        report = verify(unverified)
        _compare(final, written, report)
        os.rename(unverified, final)
        sync_folder(final.parent)
    except OSError as error:
        unverified.unlink(missing_ok=True)
        raise AppError(
            f"{final.name} cannot be written.",
            f"{error.strerror or error}.",
            f"Free space on the disk of {final.parent}, then run `tmlapp recover`; nothing recorded is lost.",
        ) from error
    except AppError:
        unverified.unlink(missing_ok=True)
        raise
    return report


def write_finished(path: Path, messages: Iterable[Found], lost_turns: list[int]) -> Written:
    """Write `messages` to a new file at `path`, with chunks, index, checksums and zstd, and sync it.

    Raises:
        OSError: the disk refuses.
    """
    written = Written()
    with path.open("xb") as file:
        writer = Writer(file, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD, enable_data_crcs=True)
        writer.start(library=LIBRARY)
        register(writer)
        waiting = 0
        for message in messages:
            name = message.topic.name
            waiting += len(message.data)
            if name != "/camera" and waiting > SMALL_CHUNK_BYTES:
                writer.flush()  # type: ignore[no-untyped-call]
                waiting = len(message.data)
            writer.add_message(CHANNEL_IDS[name], message.log_time, message.data, message.log_time, message.sequence)
            written.digests[name] = written.digests.get(name, Digest()).after(message)
            if name == "/turn":
                written.turns = max(written.turns, message.log_time // TURN_NS + 1)
        writer.add_metadata(METADATA, {
            "format": FORMAT, "turns": str(written.turns), "duration_ns": str(written.turns * TURN_NS),
            "lost_turns": " ".join(map(str, lost_turns)),
        })  # fmt: skip
        writer.finish()  # type: ignore[no-untyped-call]
        file.flush()
        os.fsync(file.fileno())
    return written


def _compare(final: Path, written: Written, report: VerifyReport) -> None:
    problems = list(report.problems)
    for name in sorted(written.digests.keys() | report.digests.keys()):
        if written.digests.get(name) != report.digests.get(name):
            problems.append(f"{name} does not read back as it was written")
    if problems:
        raise AppError(
            f"{final.name} did not verify.",
            f"{problems[0]}{f' (and {len(problems) - 1} more)' if len(problems) > 1 else ''}.",
            "The unfinished recording is kept: run `tmlapp recover`. If this happens again, check the disk.",
        )
