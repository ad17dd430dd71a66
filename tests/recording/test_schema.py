"""What stands in the file is what other programs expect there."""

from __future__ import annotations

import json
import struct
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader

from tests.recording.parts import make_turn, record
from tmlapp.core.units import TURN_NS
from tmlapp.recording.schema import (
    COMPRESSED_IMAGE,
    RAW_AUDIO,
    TOPICS,
    Picture,
    Sound,
    decode_picture,
    decode_sound,
    json_schema,
    members_of,
)

pytestmark = pytest.mark.unit


def message_class(name: str, descriptor_set: bytes) -> Any:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def first(path: Path, topic: str) -> tuple[Any, Any, Any]:
    with path.open("rb") as file:
        return next(iter(make_reader(file, validate_crcs=True).iter_messages(topics=[topic])))


def test_sound_decodes_with_the_schema_that_the_file_carries(tmp_path: Path) -> None:
    schema, channel, message = first(record(tmp_path), "/mic")
    assert (schema.name, schema.encoding, channel.message_encoding) == (RAW_AUDIO, "protobuf", "protobuf")
    sound = message_class(schema.name, schema.data).FromString(message.data)
    assert sound.data == make_turn(0).pcm.astype("<i2").tobytes()
    assert (sound.format, sound.sample_rate, sound.number_of_channels) == ("pcm-s16", 16_000, 1)
    assert sound.timestamp.ToNanoseconds() == 0


def test_frames_decode_with_the_schema_that_the_file_carries(tmp_path: Path) -> None:
    path = record(tmp_path)
    with path.open("rb") as file:
        schema, channel, message = list(make_reader(file).iter_messages(topics=["/camera"]))[3]
    assert schema is not None
    assert (schema.name, schema.encoding, channel.message_encoding) == (COMPRESSED_IMAGE, "protobuf", "protobuf")
    picture = message_class(schema.name, schema.data).FromString(message.data)
    frame = make_turn(1).frames[1]
    assert (picture.data, picture.format, picture.frame_id) == (frame.jpeg, "jpeg", "camera")
    assert picture.timestamp.ToNanoseconds() == frame.t_ns == message.log_time == message.publish_time


def test_field_numbers_are_those_of_the_published_schemas(tmp_path: Path) -> None:
    path = record(tmp_path, turns=1)
    numbers = {}
    for topic in ("/mic", "/camera"):
        schema, _, _ = first(path, topic)
        described = message_class(schema.name, schema.data).DESCRIPTOR
        numbers[schema.name] = {f.name: (f.number, f.type) for f in described.fields}
    time, data, text, fixed = (1, 11), (2, 12), (3, 9), 7
    assert numbers == {
        RAW_AUDIO: {
            "timestamp": time, "data": data, "format": text, "sample_rate": (4, fixed),
            "number_of_channels": (5, fixed),
        },
        COMPRESSED_IMAGE: {"timestamp": time, "data": data, "format": text, "frame_id": (4, 9)},
    }  # fmt: skip


def unsupported(schema: dict[str, Any]) -> list[str]:
    """What a viewer that builds a flat type out of a JSON schema refuses: unions, and types that are left out."""
    found = []
    for name, member in schema["properties"].items():
        kind = member.get("type")
        if kind not in ("string", "integer", "number", "boolean", "object", "array"):
            found.append(name)
        elif kind == "object":
            found += unsupported(member)
        elif kind == "array" and member["items"]["type"] == "object":
            found += unsupported(member["items"])
    return found


@pytest.mark.parametrize("topic", [t for t in TOPICS if not t.is_media], ids=lambda t: t.name)
def test_json_schemas_have_one_type_per_member(topic: Any) -> None:
    schema = json.loads(json_schema(topic.schema))
    assert schema["type"] == "object"
    assert schema["properties"]
    assert unsupported(schema) == []


def test_a_member_with_two_types_is_left_undescribed() -> None:
    first, second = (make_dataclass("D", [("a", "int"), ("b", kind)]) for kind in ("int", "str"))
    assert members_of(first, second) == {"a": {"type": "integer"}}


def test_times_in_messages_are_session_time_described_in_the_schema(tmp_path: Path) -> None:
    schema, _, message = first(record(tmp_path), "/turn")
    assert "session time" in json.loads(schema.data)["properties"]["t_ns"]["description"]
    value = json.loads(message.data)
    assert value["t_ns"] == message.log_time == value["index"] * TURN_NS


@given(t_ns=st.integers(0, 10**18), pcm=st.binary(max_size=600), rate=st.integers(1, 200_000))
def test_sound_round_trips(t_ns: int, pcm: bytes, rate: int) -> None:
    sound = Sound(t_ns, pcm[: len(pcm) // 2 * 2], rate)
    assert decode_sound(sound.encode()) == sound


@given(t_ns=st.integers(0, 10**18), jpeg=st.binary(max_size=600))
def test_pictures_round_trip(t_ns: int, jpeg: bytes) -> None:
    picture = Picture(t_ns, jpeg)
    assert decode_picture(picture.encode()) == picture


@given(st.binary(max_size=80))
def test_garbage_is_refused_with_a_value_error_or_decodes(data: bytes) -> None:
    for decode in (decode_sound, decode_picture):
        try:
            decode(data)
        except ValueError:
            continue


SOUND = Sound(5, b"\1\2", 8000).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (SOUND[:-1], "does not fit"),
        (b"\x80", "no end"),
        (b"\x80" * 11, "no end"),
        (b"\x0b", "does not fit"),
        (SOUND + struct.pack("<BI", 5 << 3 | 5, 2), "not mono"),
        (SOUND.replace(b"pcm-s16", b"pcm-s24"), "not mono"),
        (Sound(5, b"\1\2\3", 8000).encode(), "half a sample"),
        (Sound(5, b"\1\2", 0).encode(), "no rate"),
        (SOUND[SOUND.index(b"\x12") :], "field 1 is missing"),
    ],
)
def test_sound_that_is_not_ours_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decode_sound(data)


def test_a_picture_that_is_no_jpeg_is_refused() -> None:
    with pytest.raises(ValueError, match="JPEG"):
        decode_picture(Picture(0, b"x").encode().replace(b"jpeg", b"webp"))
