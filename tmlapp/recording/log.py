"""Indexed access to a finished file: only the chunks that are asked for are read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Metadata, MetadataIndex
from mcap.summary import Summary
from mcap.writer import MCAP0_MAGIC

from tmlapp.core.errors import AppError
from tmlapp.recording.index import summary_of
from tmlapp.recording.names import PART
from tmlapp.recording.scan import Found, open_file, read_message, records_in, unpacked
from tmlapp.recording.schema import CHANNEL_IDS, FIRST_TOPICS, METADATA, TOPIC_NAMES

_FOOTER = struct.Struct("<BQQQI")


@dataclass(frozen=True, slots=True)
class Log:
    """The index of a finished recording. Holds no open file: threads read side by side.

    `metadata` is what the finished file says of itself: `turns`, `duration_ns`, `lost_turns`, `format`.
    """

    path: Path
    summary: Summary
    metadata: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> Log:
        """Read the index of `path`, a few kilobytes whatever the length.

        Raises:
            AppError: it is missing, unfinished, empty, damaged, or no recording of ours.
        """
        if path.name.endswith(PART):
            raise AppError(
                f"{path.name} is an unfinished recording.", "The session that wrote it did not end.", _recover(path)
            )
        with open_file(path) as file:
            try:
                summary = summary_of(_checked_summary(path, file))
            except ValueError as error:
                raise _foreign(path) from error
            metadata = _metadata(file, summary.metadata_indexes)
        ours = {i: c.topic for i, c in summary.channels.items()}
        if metadata is None or not _known(ours):
            raise _foreign(path)
        return cls(path, summary, metadata)

    @property
    def counts(self) -> dict[str, int]:
        """Messages per topic, for topics that have any."""
        statistics = self.summary.statistics
        counted = statistics.channel_message_counts if statistics is not None else {}
        return {TOPIC_NAMES[i]: n for i, n in sorted(counted.items())}

    def messages(self, topics: Iterable[str], start_ns: int = 0, end_ns: int | None = None) -> Iterator[Found]:
        """Messages of `topics` filed at `start_ns` ≤ t < `end_ns`, each topic in the order of writing.

        Raises:
            AppError: the file is gone, or a chunk does not hold.
        """
        wanted = frozenset(CHANNEL_IDS[name] for name in topics)
        with open_file(self.path) as file:
            for index in self.summary.chunk_indexes:
                if wanted.isdisjoint(index.message_index_offsets) or index.message_end_time < start_ns:
                    continue
                if end_ns is not None and index.message_start_time >= end_ns:
                    continue
                file.seek(index.chunk_start_offset)
                chunk = unpacked(file.read(index.chunk_length), 0)
                if chunk is None:
                    raise AppError(
                        f"{self.path.name} is damaged.",
                        f"The piece at byte {index.chunk_start_offset} does not hold.",
                        _recover(self.path),
                    )
                for message in _messages_in(chunk, wanted):
                    if message.log_time >= start_ns and (end_ns is None or message.log_time < end_ns):
                        yield message


def _known(channels: dict[int, str]) -> bool:
    """Whether these are our topics: all of them, or those that an older version of the app knew."""
    first = {i: name for i, name in TOPIC_NAMES.items() if i <= max(FIRST_TOPICS, len(channels))}
    return channels == first


def _messages_in(chunk: bytes, wanted: frozenset[int]) -> Iterator[Found]:
    for opcode, body, end in records_in(chunk):
        read = read_message(chunk, body, end, wanted) if opcode == Opcode.MESSAGE else None
        if read is not None:
            yield read[1]


def _foreign(path: Path) -> AppError:
    return AppError(
        f"{path.name} is not a recording of this app.",
        "It is an MCAP file, but with other topics.",
        "Choose a recording that tmlapp made.",
    )


def _recover(path: Path) -> str:
    return f'Run `tmlapp recover "{path}"`.'


def _checked_summary(path: Path, file: BinaryIO) -> bytes:
    size = file.seek(0, 2)
    if size == 0:
        raise AppError(f"{path.name} is empty.", "It has 0 bytes.", "Choose another recording.")
    file.seek(0)
    if file.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
        raise AppError(
            f"{path.name} is not a recording.", "It does not begin as an MCAP file does.", "Choose a .mcap file."
        )
    tail = _FOOTER.size + len(MCAP0_MAGIC)
    file.seek(max(0, size - tail))
    footer = file.read(tail)
    cut = AppError(f"{path.name} is damaged.", "Its end is missing or does not hold.", _recover(path))
    if size < 2 * tail or footer[-len(MCAP0_MAGIC) :] != MCAP0_MAGIC:
        raise cut
    opcode, _, summary_start, _, crc = _FOOTER.unpack_from(footer)
    if opcode != Opcode.FOOTER or not 0 < summary_start <= size - tail:
        raise cut
    file.seek(summary_start)
    # The checksum covers the summary and the footer up to the checksum itself.
    data = file.read(size - summary_start - len(MCAP0_MAGIC) - 4)
    if zlib.crc32(data) != crc:
        raise cut
    return data[: 4 - _FOOTER.size]


def _metadata(file: BinaryIO, indexes: list[MetadataIndex]) -> dict[str, str] | None:
    for index in indexes:
        if index.name == METADATA:
            file.seek(index.offset + 9)
            return dict(Metadata.read(ReadDataStream(file)).metadata)
    return None
