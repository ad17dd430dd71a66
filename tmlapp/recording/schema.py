"""What stands in a recording: its topics, their schemas, and the two media messages on the wire.

Sound and pictures are protobuf messages of the Foxglove schemas, encoded by hand: they have five and four
fields, and JSON would make them a third larger. Everything else is JSON.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

from tmlapp.core.cue import Cue
from tmlapp.core.event import EVENT_TYPES, EndpointEvent, Gap, Health, Marker, SessionEvent, WireFrame
from tmlapp.core.units import NS_PER_S

FORMAT = "1"
"""Version of the layout below, kept in the metadata of the `/setup` channel."""

METADATA = "tmlapp"
"""Name of the metadata record in which a finished file says how many micro-turns it holds."""

LIBRARY = f"tmlapp recording/{FORMAT}"

RAW_AUDIO = "foxglove.RawAudio"
COMPRESSED_IMAGE = "foxglove.CompressedImage"


class Group(IntEnum):
    """Messages that lie together in a finished file, in this order, so that one kind is read without the others."""

    EVENTS = 0
    MODEL = 1
    MIC = 2
    CAMERA = 3
    WIRE = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """One channel: `schema` is the name that the file registers, `group` where its messages lie."""

    name: str
    schema: str
    group: Group

    @property
    def is_media(self) -> bool:
        return self.schema in (RAW_AUDIO, COMPRESSED_IMAGE)


TOPICS = (
    Topic("/setup", "tmlapp.Setup", Group.EVENTS),
    Topic("/mic", RAW_AUDIO, Group.MIC),
    Topic("/camera", COMPRESSED_IMAGE, Group.CAMERA),
    Topic("/turn", "tmlapp.Turn", Group.EVENTS),
    Topic("/output", "tmlapp.Output", Group.EVENTS),
    Topic("/session", "tmlapp.Session", Group.EVENTS),
    Topic("/model/audio", RAW_AUDIO, Group.MODEL),
    Topic("/model/heard", RAW_AUDIO, Group.MODEL),
    Topic("/cue", "tmlapp.Cue", Group.EVENTS),
    Topic("/marker", "tmlapp.Marker", Group.EVENTS),
    Topic("/health", "tmlapp.Health", Group.EVENTS),
    Topic("/gap", "tmlapp.Gap", Group.EVENTS),
    Topic("/checkpoint", "tmlapp.Checkpoint", Group.EVENTS),
    Topic("/wire", "tmlapp.Wire", Group.WIRE),
    # What the endpoint heard where an echo canceller stood between; /mic is always as captured.
    Topic("/mic/processed", RAW_AUDIO, Group.MIC),
)
"""Every topic; a channel's id is its place here plus one, so that a file whose beginning is lost can still be read.

New ones are appended: a file of an older app has the first ones only.
"""

FIRST_TOPICS = 13
"""As many as the first version of the format had."""

CHANNEL_IDS = {topic.name: i + 1 for i, topic in enumerate(TOPICS)}
TOPIC_NAMES = {i + 1: topic.name for i, topic in enumerate(TOPICS)}
BY_ID = {i + 1: topic for i, topic in enumerate(TOPICS)}


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes_field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _int_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _timestamp(t_ns: int) -> bytes:
    seconds, nanos = divmod(max(0, t_ns), NS_PER_S)
    return _bytes_field(1, _int_field(1, seconds) + _int_field(2, nanos))


@dataclass(frozen=True, slots=True)
class Sound:
    """A RawAudio message: mono PCM16 whose first sample stands at `t_ns`."""

    t_ns: int
    pcm16: bytes
    rate_hz: int

    def encode(self) -> bytes:
        """Bytes of a `foxglove.RawAudio`."""
        rate_and_channels = struct.pack("<BIBI", 4 << 3 | 5, self.rate_hz, 5 << 3 | 5, 1)
        return _timestamp(self.t_ns) + _bytes_field(2, self.pcm16) + _bytes_field(3, b"pcm-s16") + rate_and_channels


@dataclass(frozen=True, slots=True)
class Picture:
    """A CompressedImage message: one JPEG of the camera, grabbed at `t_ns`."""

    t_ns: int
    jpeg: bytes

    def encode(self) -> bytes:
        """Bytes of a `foxglove.CompressedImage`."""
        return (
            _timestamp(self.t_ns) + _bytes_field(2, self.jpeg) + _bytes_field(3, b"jpeg") + _bytes_field(4, b"camera")
        )


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a varint has no end")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _read_fields(data: bytes) -> dict[int, int | bytes]:
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == 0:
            found[key >> 3], at = _read_varint(data, at)
            continue
        size, at = _read_varint(data, at) if kind == 2 else (4, at)
        if kind not in (2, 5) or at + size > len(data):
            raise ValueError("a protobuf field does not fit")
        raw = data[at : at + size]
        found[key >> 3] = raw if kind == 2 else struct.unpack("<I", raw)[0]
        at += size
    return found


def _need(found: dict[int, int | bytes], number: int, kind: type[Any]) -> Any:
    value = found.get(number)
    if not isinstance(value, kind):
        raise ValueError(f"protobuf field {number} is missing")
    return value


def _time_of(found: dict[int, int | bytes]) -> int:
    stamp = _read_fields(_need(found, 1, bytes))
    return int(stamp.get(1, 0)) * NS_PER_S + int(stamp.get(2, 0))


def decode_sound(data: bytes) -> Sound:
    """The inverse of `Sound.encode`.

    Raises:
        ValueError: the bytes are not a mono `pcm-s16` RawAudio.
    """
    found = _read_fields(data)
    if (found.get(3), found.get(5)) != (b"pcm-s16", 1):
        raise ValueError("not mono pcm-s16")
    sound = Sound(_time_of(found), _need(found, 2, bytes), _need(found, 4, int))
    if len(sound.pcm16) % 2 or sound.rate_hz <= 0:
        raise ValueError("half a sample, or no rate")
    return sound


def decode_picture(data: bytes) -> Picture:
    """The inverse of `Picture.encode`.

    Raises:
        ValueError: the bytes are not a JPEG CompressedImage.
    """
    found = _read_fields(data)
    if found.get(3) != b"jpeg":
        raise ValueError("not a JPEG picture")
    return Picture(_time_of(found), _need(found, 2, bytes))


_STRING, _BYTES, _FIXED32, _MESSAGE, _INT64, _INT32 = 9, 12, 7, 11, 3, 5


def _message_type(name: str, members: list[tuple[str, int, int]]) -> bytes:
    described = b""
    for member, number, kind in members:
        field = _bytes_field(1, member.encode()) + _int_field(3, number) + _int_field(4, 1) + _int_field(5, kind)
        if kind == _MESSAGE:
            field += _bytes_field(6, b".google.protobuf.Timestamp")
        described += _bytes_field(2, field)
    return _bytes_field(1, name.encode()) + described


def _proto_file(name: str, package: str, message: bytes, needs: str = "") -> bytes:
    described = _bytes_field(1, name.encode()) + _bytes_field(2, package.encode())
    if needs:
        described += _bytes_field(3, needs.encode())
    return _bytes_field(1, described + _bytes_field(4, message) + _bytes_field(12, b"proto3"))


def descriptor_set(schema: str) -> bytes:
    """The FileDescriptorSet of one of the two media schemas, as MCAP asks for with protobuf."""
    stamp = _proto_file(
        "google/protobuf/timestamp.proto",
        "google.protobuf",
        _message_type("Timestamp", [("seconds", 1, _INT64), ("nanos", 2, _INT32)]),
    )
    members = [("timestamp", 1, _MESSAGE), ("data", 2, _BYTES), ("format", 3, _STRING)]
    if schema == RAW_AUDIO:
        members += [("sample_rate", 4, _FIXED32), ("number_of_channels", 5, _FIXED32)]
    else:
        members += [("frame_id", 4, _STRING)]
    short = schema.removeprefix("foxglove.")
    message = _message_type(short, members)
    return stamp + _proto_file(f"foxglove/{short}.proto", "foxglove", message, "google/protobuf/timestamp.proto")


_JSON_TYPES = {"int": "integer", "float": "number", "str": "string", "bool": "boolean", "bytes": "string"}
_TIME = {"type": "integer", "description": "session time, ns"}
_OBJECT: dict[str, Any] = {"type": "object", "properties": {}}


def members_of(*types: type[Any]) -> dict[str, Any]:
    """JSON schema of the members of these dataclasses that have one and the same simple type in all of them.

    Viewers refuse unions, so a member that is something else here and there is left out.
    """
    found: dict[str, Any] = {}
    for cls in types:
        for member in fields(cls):
            kind = _JSON_TYPES.get(str(member.type).removesuffix(" | None"))
            known = found.setdefault(member.name, kind)
            if known != kind:
                found[member.name] = None
    return {name: {"type": kind} for name, kind in found.items() if kind}


def _array(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": of}}


def _turn_properties() -> dict[str, Any]:
    integer, string = {"type": "integer"}, {"type": "string"}
    frame = {"seq": integer, "t_ns": _TIME, "repeated": {"type": "boolean"}, "width": integer, "height": integer}
    return {
        **dict.fromkeys(
            ("index", "start_sample", "mono_ns", "ready_ns", "pushed_ns", "pcm_crc32", "processed_crc32"), integer
        ),
        "t_ns": _TIME,
        "drift_ppm": {"type": "number"},
        "frames": _array({**frame, "crc32": integer}),
        "texts": _array({"t_ns": _TIME, "text": string, "role": string}),
        "controls": _array({"type": string}),
    }


def json_schema(schema: str) -> bytes:
    """The JSON schema of one of our own messages."""
    of_type = {"type": {"type": "string"}}
    session_types = [t for t in EVENT_TYPES.values() if issubclass(t, SessionEvent)]
    endpoint_types = [t for t in EVENT_TYPES.values() if issubclass(t, EndpointEvent) and t is not WireFrame]
    audio = {"type": "object", "properties": {n: {"type": "integer"} for n in ("seq", "samples", "crc32")}}
    counters = {n: {"type": "integer"} for n in ("turn", "bytes", "from", "crc32")}
    properties: dict[str, dict[str, Any]] = {
        "tmlapp.Setup": {n: {"type": "string"} for n in ("session_id", "name", "created_utc", "instruction", "clock")}
        | {"endpoint": {"type": "string"}, "feed": _OBJECT, "versions": _OBJECT, "options": _OBJECT},
        "tmlapp.Turn": _turn_properties(),
        "tmlapp.Output": of_type | members_of(*endpoint_types) | {"audio": audio},
        "tmlapp.Session": of_type | members_of(*session_types),
        "tmlapp.Cue": members_of(Cue) | {"kind": {"type": "string"}},
        "tmlapp.Marker": of_type | members_of(Marker),
        "tmlapp.Health": of_type | members_of(Health),
        "tmlapp.Gap": of_type | members_of(Gap),
        "tmlapp.Checkpoint": counters | {"counts": _OBJECT},
        "tmlapp.Wire": of_type | members_of(WireFrame) | {"direction": {"type": "string"}},
    }
    described = {"title": schema, "type": "object", "properties": properties[schema]}
    return json.dumps(described, separators=(",", ":")).encode()
