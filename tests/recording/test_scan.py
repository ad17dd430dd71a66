"""Walking through damaged bytes."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.recording.parts import record, write_part
from tmlapp.recording.scan import payloads, scan

pytestmark = pytest.mark.unit

MAGIC = b"\x89MCAP0\r\n"


def record_bytes(opcode: int, body: bytes) -> bytes:
    return struct.pack("<BQ", opcode, len(body)) + body


def chunk(inner: bytes, *, name: bytes = b"zstd", size: int | None = None, crc: int | None = None) -> bytes:
    packed = zstandard.compress(inner)
    head = struct.pack(
        "<QQQII", 0, 0, len(inner) if size is None else size, zlib.crc32(inner) if crc is None else crc, len(name)
    )
    return record_bytes(6, head + name + struct.pack("<Q", len(packed)) + packed)


def message(channel: int = 9, log_time: int = 5, publish_time: int = 5, data: bytes = b'{"a":1}') -> bytes:
    return record_bytes(5, struct.pack("<HIQQ", channel, 0, log_time, publish_time) + data)


@given(st.binary(max_size=400))
def test_no_bytes_make_it_stumble(data: bytes) -> None:
    for source in (data, MAGIC + data):
        found = scan(source)
        assert sum(b - a for a, b in found.damage) <= len(source)


@pytest.mark.parametrize(
    "bad",
    [
        message(channel=99),
        message(log_time=6),
        message(data=b"not json"),
        message(data=b"[1]"),
        record_bytes(5, b"short"),
        record_bytes(0x0C, b"abc") + b"\0",
        chunk(message(), name=b"lz77"),
        chunk(message(), size=1 << 40),
        chunk(message(), crc=1),
        chunk(message() + b"\0\0"),
        record_bytes(6, b"short"),
        chunk(message())[:9] + struct.pack("<QQQII", 0, 0, 4, 0, 4) + b"zstd" + bytes(80),
        struct.pack("<BQ", 5, 1 << 40),
    ],
    ids=range(13),
)
def test_a_record_that_does_not_hold_is_skipped_and_the_next_one_found(bad: bytes) -> None:
    found = scan(MAGIC + message() + bad + message(data=b'{"b":2}'))
    data = [
        m.data for _, m in payloads(MAGIC + message() + bad + message(data=b'{"b":2}'), found, iter(range(len(found))))
    ]
    assert data[0] == b'{"a":1}'
    assert data[-1] == b'{"b":2}'
    assert found.damage


def test_messages_in_chunks_are_found_and_indexes_passed_over() -> None:
    source = MAGIC + chunk(record_bytes(4, b"") + message() * 2) + record_bytes(7, bytes(6)) + chunk(message())
    found = scan(source)
    assert len(found) == 3
    assert not found.damage
    assert len(list(payloads(source, found, iter([0, 2, 1])))) == 3


def test_a_finished_file_is_complete_and_an_unfinished_one_is_not(tmp_path: Path) -> None:
    part, _ = write_part(tmp_path)
    assert not scan(part.read_bytes()).complete
    part.unlink()
    assert scan(record(tmp_path).read_bytes()).complete


def test_a_file_that_changes_while_it_is_read_is_noticed() -> None:
    source = bytearray(MAGIC + message())
    found = scan(bytes(source))
    source[17] = 99
    with pytest.raises(ValueError, match="has changed"):
        list(payloads(bytes(source), found, iter([0])))
