"""Every message in a file, however damaged: what holds is kept, what does not is skipped and named."""

from __future__ import annotations

import contextlib
import json
import mmap
import re
import struct
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

import zstandard
from mcap.opcode import Opcode
from mcap.writer import MCAP0_MAGIC

from tmlapp.core.errors import AppError
from tmlapp.recording.schema import BY_ID, RAW_AUDIO, TOPICS, Topic, decode_picture, decode_sound

Source = mmap.mmap | bytes

_HEADER = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_CHUNK = struct.Struct("<QQQII")
_CANDIDATE = re.compile(rb"\x05[\s\S]{4}\x00{4}[\x01-\x%02x]\x00|\x06[\s\S]{4}\x00{4}" % len(TOPICS))
_MAX_RECORD = 256 * 1024 * 1024
_MAX_OTHER = 16 * 1024 * 1024
NOT_IN_CHUNK = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Found:
    """One message: where it stands, and what it says of itself. `data` is its payload."""

    topic: Topic
    sequence: int
    log_time: int
    data: bytes


@dataclass(slots=True)
class Scan:
    """What a file holds: a compact table of its messages (30 bytes each), and the ranges that hold nothing.

    `crcs` are the CRC-32 of the samples or of the JPEG, and of the whole payload for everything else; `complete`:
    the file ends as a finished one does, and `data_end` is where its index begins. `visit` sees
    every message as it is found.
    """

    size: int
    visit: Callable[[Found], None] | None = None
    damage: list[tuple[int, int]] = field(default_factory=list)
    complete: bool = False
    data_end: int | None = None
    channels: array[int] = field(default_factory=lambda: array("B"))
    sequences: array[int] = field(default_factory=lambda: array("I"))
    log_times: array[int] = field(default_factory=lambda: array("Q"))
    crcs: array[int] = field(default_factory=lambda: array("I"))
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    chunks: array[int] = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self.channels)

    def add(self, message: Found, channel: int, crc: int, offset: int, chunk: int) -> None:
        """Enter one message, its payload at `offset` of the file or of the chunk at `chunk`."""
        self.channels.append(channel)
        self.sequences.append(message.sequence)
        self.log_times.append(message.log_time)
        self.crcs.append(crc)
        self.offsets.append(offset)
        self.chunks.append(chunk)
        if self.visit is not None:
            self.visit(message)


def open_file(path: Path) -> BufferedReader:
    """Open `path` for reading.

    Raises:
        AppError: there is no such file, or it cannot be read.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            # Opening a pipe would wait for ever for somebody to write into it.
            raise OSError("It is a pipe or a device, not a file")
        return path.open("rb")
    except OSError as error:
        raise AppError(
            f"{path.name} cannot be opened.", f"{error.strerror or error}.", "Check the path and its permissions."
        ) from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The bytes of a file, mapped rather than read.

    Raises:
        AppError: there is no such file, or it cannot be read.
    """
    with open_file(path) as file:
        if file.seek(0, 2) == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            yield source


def media_crc(topic: Topic, data: bytes) -> int:
    """Checksum of what a message carries.

    Raises:
        ValueError: the payload is not what its topic promises.
    """
    if topic.schema == RAW_AUDIO:
        return zlib.crc32(decode_sound(data).pcm16)
    if topic.is_media:
        return zlib.crc32(decode_picture(data).jpeg)
    if not isinstance(json.loads(str(data, "utf-8", "surrogatepass")), dict):
        raise ValueError("not a JSON object")
    return zlib.crc32(data)


def scan(source: Source, visit: Callable[[Found], None] | None = None) -> Scan:
    """Walk through `source` from record to record; where one does not hold, go on at the next one that does."""
    found = Scan(len(source), visit)
    at = len(MCAP0_MAGIC) if source[: len(MCAP0_MAGIC)] == MCAP0_MAGIC else 0
    while at < len(source):
        end = None if at == 0 else _record(source, at, found)
        if end is None:
            start, at = at, _resync(source, at + 1)
            found.damage.append((start, at))
        elif source[at] == Opcode.FOOTER:
            found.complete = source[end:] == MCAP0_MAGIC
            if not found.complete:
                found.damage.append((end, len(source)))
            return found
        else:
            at = end
    return found


def _extent(source: Source, at: int) -> tuple[int, int] | None:
    """Opcode and end of the record at `at`, if its header can be true."""
    if at + _HEADER.size > len(source):
        return None
    opcode, length = _HEADER.unpack_from(source, at)
    end = at + _HEADER.size + length
    limit = _MAX_RECORD if opcode in (Opcode.MESSAGE, Opcode.CHUNK) else _MAX_OTHER
    if not Opcode.HEADER <= opcode <= Opcode.DATA_END or length > limit or end > len(source):
        return None
    return opcode, end


def _record(source: Source, at: int, into: Scan) -> int | None:
    """Enter the record at `at`; returns its end, or None if it does not hold."""
    extent = _extent(source, at)
    if extent is None:
        return None
    opcode, end = extent
    body = at + _HEADER.size
    if opcode == Opcode.MESSAGE:
        return end if _message(source, body, end, into, NOT_IN_CHUNK) else None
    if opcode == Opcode.DATA_END:
        into.data_end = at
    if opcode == Opcode.CHUNK:
        return end if _chunk(source, at, into) else None
    # Nothing in such a record can be checked, so what follows it must look like a record as well.
    if opcode != Opcode.FOOTER and end < len(source) and _extent(source, end) is None:
        return None
    return end


def read_message(source: Source, body: int, end: int, wanted: frozenset[int] | None = None) -> tuple[int, Found] | None:
    """Channel id and message whose body lies at `body`, if it can be one of ours and its channel is `wanted`."""
    if end - body < _MESSAGE.size or (wanted is not None and source[body] not in wanted):
        return None
    channel, sequence, log_time, publish_time = _MESSAGE.unpack_from(source, body)
    topic = BY_ID.get(channel)
    if topic is None or log_time != publish_time:
        return None
    return channel, Found(topic, sequence, log_time, bytes(source[body + _MESSAGE.size : end]))


def _message(source: Source, body: int, end: int, into: Scan, chunk: int) -> bool:
    read = read_message(source, body, end)
    if read is None:
        return False
    channel, message = read
    try:
        crc = media_crc(message.topic, message.data)
    except ValueError:
        return False
    into.add(message, channel, crc, body, chunk)
    return True


def unpacked(source: Source, at: int) -> bytes | None:
    """What lies in the chunk record at `at`, if its checksum holds."""
    extent = _extent(source, at)
    body = at + _HEADER.size
    if extent is None or extent[1] - body < _CHUNK.size:
        return None
    _, _, size, crc, name_size = _CHUNK.unpack_from(source, body)
    name_at = body + _CHUNK.size
    name = bytes(source[name_at : name_at + name_size])
    data_at = name_at + name_size + 8
    if name != b"zstd" or size > _MAX_RECORD or data_at > extent[1]:
        return None
    try:
        data = zstandard.decompress(source[data_at : extent[1]], size)
    except zstandard.ZstdError:
        return None
    return data if len(data) == size and zlib.crc32(data) == crc else None


def records_in(chunk: bytes) -> Iterator[tuple[int, int, int]]:
    """Opcode, body offset and end of each record in an unpacked chunk.

    Raises:
        ValueError: a record runs over the end.
    """
    at = 0
    while at < len(chunk):
        extent = _extent(chunk, at)
        if extent is None:
            raise ValueError("a record in a chunk does not fit")
        yield extent[0], at + _HEADER.size, extent[1]
        at = extent[1]


def _chunk(source: Source, at: int, into: Scan) -> bool:
    data = unpacked(source, at)
    if data is None:
        return False
    try:
        for opcode, body, stop in records_in(data):
            if opcode == Opcode.MESSAGE:
                _message(data, body, stop, into, at)
    except ValueError:
        return False
    return True


def _resync(source: Source, at: int) -> int:
    """Where the next message or chunk that holds begins, or the end of the file."""
    while True:
        match = _CANDIDATE.search(source, at)
        if match is None:
            return len(source)
        at = match.start()
        if _record(source, at, Scan(len(source))) is not None:
            return at
        at += 1


def payloads(source: Source, found: Scan, wanted: Iterator[int]) -> Iterator[tuple[int, Found]]:
    """The messages with the given places in the table, in that order."""
    unpacked_at, unpacked_data = NOT_IN_CHUNK, b""
    for i in wanted:
        chunk, body = found.chunks[i], found.offsets[i]
        data: Source = source
        if chunk != NOT_IN_CHUNK:
            if chunk != unpacked_at:
                unpacked_at, unpacked_data = chunk, unpacked(source, chunk) or b""
            data = unpacked_data
        (length,) = struct.unpack_from("<Q", data, body - 8)
        read = read_message(data, body, body + length)
        if read is None:
            raise ValueError(f"the message at {body} has changed while it was read")
        yield i, read[1]
