"""Turns, events and sound to messages. Knows the layout of a recording; knows nothing of threads and failures."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from dataclasses import asdict, replace
from typing import IO, Any, cast

import numpy as np
from mcap.well_known import MessageEncoding, SchemaEncoding
from mcap.writer import CompressionType, IndexType, Writer

from tmlapp.core.cue import Cue
from tmlapp.core.event import AudioOut, EndpointEvent, Event, Gap, Health, Interrupted, Marker, WireFrame, to_json
from tmlapp.core.media import Pcm
from tmlapp.core.session import SessionInfo
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_NS, samples_to_ns
from tmlapp.recording.part import PartFile
from tmlapp.recording.schema import CHANNEL_IDS, FORMAT, LIBRARY, TOPICS, Picture, Sound, descriptor_set, json_schema

_SESSION_TOPICS: dict[type[Any], str] = {Gap: "/gap", Marker: "/marker", Health: "/health"}


def register(writer: Writer) -> None:
    """Put every schema and channel into a file, in the order of `TOPICS`."""
    schemas: dict[str, int] = {}
    for topic in TOPICS:
        if topic.schema not in schemas:
            encoding = SchemaEncoding.Protobuf if topic.is_media else SchemaEncoding.JSONSchema
            data = descriptor_set(topic.schema) if topic.is_media else json_schema(topic.schema)
            schemas[topic.schema] = writer.register_schema(topic.schema, encoding, data)
        encoding = MessageEncoding.Protobuf if topic.is_media else MessageEncoding.JSON
        metadata = {"tmlapp.format": FORMAT} if topic.name == "/setup" else {}
        writer.register_channel(topic.name, encoding, schemas[topic.schema], metadata)


def dump_json(value: dict[str, Any]) -> bytes:
    """`value` as strict JSON: numbers of numpy become plain ones, NaN and infinities become null."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
    # Half of a surrogate pair has no UTF-8; its escape is JSON and reads back as the same text.
    return text.encode(errors="backslashreplace")


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return _finite(value.item())
    raise TypeError(f"a {type(value).__name__} has no place in a recording")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def pcm_bytes(pcm: np.ndarray[Any, Any]) -> bytes:
    """Samples as little-endian PCM16."""
    return pcm.astype("<i2", copy=False).tobytes()


class LogWriter:
    """Writes one session into a `PartFile`; nothing counts before `flush` has returned."""

    def __init__(self, part: PartFile) -> None:
        self._part = part
        self._mcap = Writer(
            cast(IO[Any], part), use_chunking=False, compression=CompressionType.NONE, index_types=IndexType.NONE
        )
        self._sequence: Counter[str] = Counter()
        self._model_end_ns = 0
        self._last_turn = -1
        self._end_ns = 0
        self._checked = 0

    def start(self, info: SessionInfo) -> None:
        """Header, schemas, channels, and `/setup` as the first message."""
        self._mcap.start(library=LIBRARY)
        register(self._mcap)
        self._json("/setup", 0, info.to_json())

    def turn(
        self, turn: MicroTurn, ready_ns: int, pushed_ns: int, drift_ppm: float | None, raw: Pcm | None = None
    ) -> None:
        """Sound, frames, and then the `/turn` that says what belongs to it and seals it with checksums."""
        pcm = pcm_bytes(turn.pcm if raw is None else raw)
        self._message("/mic", turn.t_ns, Sound(turn.t_ns, pcm, SAMPLE_RATE_HZ).encode())
        processed = {}
        if raw is not None:
            heard = pcm_bytes(turn.pcm)
            self._message("/mic/processed", turn.t_ns, Sound(turn.t_ns, heard, SAMPLE_RATE_HZ).encode())
            processed["processed_crc32"] = zlib.crc32(heard)
        frames = []
        for frame in turn.frames:
            # Filed within its micro-turn, so that a range of time finds it; its own time stands in the message.
            place_ns = min(max(frame.t_ns, turn.t_ns), turn.end_ns - 1)
            sequence = self._message("/camera", place_ns, Picture(frame.t_ns, frame.jpeg).encode())
            frames.append({
                "seq": sequence, "t_ns": frame.t_ns, "repeated": frame.repeated, "width": frame.width,
                "height": frame.height, "crc32": zlib.crc32(frame.jpeg),
            })  # fmt: skip
        self._json("/turn", turn.t_ns, {
            "index": turn.index, "start_sample": turn.start_sample, "t_ns": turn.t_ns, "mono_ns": turn.mono_ns,
            "ready_ns": ready_ns, "pushed_ns": pushed_ns, "drift_ppm": drift_ppm, "pcm_crc32": zlib.crc32(pcm),
            **processed, "frames": frames, "texts": [asdict(t) for t in turn.texts],
            "controls": [{"type": type(c).__name__, **asdict(c)} for c in turn.controls],
        })  # fmt: skip
        self._last_turn = turn.index
        self._end_ns = max(self._end_ns, turn.t_ns + TURN_NS)

    def event(self, event: Event) -> None:
        """One event, to the topic of its kind."""
        if isinstance(event, AudioOut):
            self._audio_out(event)
        elif isinstance(event, WireFrame):
            self._json("/wire", event.t_rx_ns, to_json(event))
        elif isinstance(event, EndpointEvent):
            if isinstance(event, Interrupted):
                self._model_end_ns = min(self._model_end_ns, event.t_rx_ns)
            self._json("/output", event.t_rx_ns, to_json(event))
        else:
            self._json(_SESSION_TOPICS.get(type(event), "/session"), event.t_ns, to_json(event))

    def _audio_out(self, event: AudioOut) -> None:
        # Sound that came faster than it plays is placed behind what came before it, as a player would.
        start_ns = max(event.t_rx_ns, self._model_end_ns)
        samples = len(event.pcm16) // 2
        self._model_end_ns = start_ns + samples_to_ns(samples, event.rate)
        sequence = self._message("/model/audio", event.t_rx_ns, Sound(start_ns, event.pcm16, event.rate).encode())
        reference = {"seq": sequence, "samples": samples, "crc32": zlib.crc32(event.pcm16)}
        self._json("/output", event.t_rx_ns, to_json(replace(event, pcm16=b"")) | {"audio": reference})

    def cue(self, cue: Cue) -> None:
        """A cue as it was shown."""
        self._json("/cue", cue.t_ns, asdict(cue))

    def heard(self, t_ns: int, pcm16: bytes, rate_hz: int) -> None:
        """A stretch that the loudspeaker played, its first sample at `t_ns`."""
        self._message("/model/heard", t_ns, Sound(t_ns, pcm16, rate_hz).encode())

    def checkpoint(self) -> None:
        """How far the file has come, for a later reader to hold against what it finds; call after a flush."""
        at = self._part.flushed
        counts = dict(self._sequence)
        self._json("/checkpoint", self._end_ns, {
            "turn": self._last_turn, "from": self._checked, "bytes": at, "crc32": self._part.take_crc(),
            "counts": counts,
        })  # fmt: skip
        self._checked = at

    def _json(self, topic: str, t_ns: int, value: dict[str, Any]) -> None:
        self._message(topic, t_ns, dump_json(value))

    def _message(self, topic: str, t_ns: int, data: bytes) -> int:
        sequence = self._sequence[topic]
        self._sequence[topic] += 1
        log_time = max(0, t_ns)
        self._mcap.add_message(CHANNEL_IDS[topic], log_time, data, log_time, sequence)
        return sequence
