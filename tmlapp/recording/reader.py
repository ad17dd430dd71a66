"""Reading a finished recording back: lazily, bit for bit, and placed on the axis of session time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from tmlapp.core.cue import Cue
from tmlapp.core.errors import AppError
from tmlapp.core.event import (
    EVENT_TYPES,
    AudioOut,
    EndpointEvent,
    Event,
    Gap,
    Granted,
    Health,
    Marker,
    SessionEvent,
    SessionOpened,
    SessionUpdated,
    WireFrame,
    from_json,
)
from tmlapp.core.media import Frame, Pcm
from tmlapp.core.turn import MicroTurn, TextInput
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES, ns_to_samples, samples_to_ns
from tmlapp.recording.content import control_of
from tmlapp.recording.log import Log
from tmlapp.recording.scan import Found
from tmlapp.recording.schema import Sound, decode_picture, decode_sound

_EVENT_TOPICS: dict[str, type[Any]] = {
    "/output": EndpointEvent, "/gap": Gap, "/marker": Marker, "/health": Health, "/session": SessionEvent,
    "/wire": WireFrame,
}  # fmt: skip


PROCESSED = "/mic/processed"
MIC_TOPICS = ("/mic", PROCESSED)
"""Tracks with one message per micro-turn, at its place."""

_NAMED = re.compile(rb'\{"type":"([A-Za-z]+)",')
"""How an event begins as we write it."""

_NO_TEXTS = b'"texts":[]'


def samples_of(pcm16: bytes) -> Pcm:
    """Little-endian PCM16 as an array."""
    return np.frombuffer(pcm16, "<i2").astype(np.int16, copy=False)


class _Ahead:
    """Messages in rising order of a key, fetched by that key; those in between are passed over."""

    def __init__(self, messages: Iterator[Found], key: Callable[[Found], int]) -> None:
        self._messages = messages
        self._key = key
        self._next = next(messages, None)

    def at(self, wanted: int) -> Found | None:
        while self._next is not None and self._key(self._next) < wanted:
            self._next = next(self._messages, None)
        return self._next if self._next is not None and self._key(self._next) == wanted else None


class Recording:
    """A finished recording. Opening reads only its index; everything else is read when asked for.

    Micro-turns that a repair had to give up come back as silence without frames, at their place: `lost_turns`.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    @classmethod
    def open(cls, path: Path) -> Recording:
        """Open the recording at `path`.

        Raises:
            AppError: it is missing, a `.part`, empty, damaged, or no recording of ours; with the fix.
        """
        return cls(Log.open(path))

    @property
    def path(self) -> Path:
        return self._log.path

    @cached_property
    def info(self) -> dict[str, Any]:
        """`SessionInfo.to_json()` of the session."""
        return next((_object(m) for m in self._log.messages(["/setup"])), {})

    @cached_property
    def granted(self) -> Granted | None:
        """What the endpoint agreed to at the start; None if it never answered."""
        opened = next(self.events((SessionOpened, SessionUpdated)), None)
        return opened.granted if isinstance(opened, SessionOpened | SessionUpdated) else None

    @property
    def n_turns(self) -> int:
        return int(self._log.metadata["turns"])

    @property
    def duration_ns(self) -> int:
        return self.n_turns * TURN_NS

    @property
    def topics(self) -> dict[str, int]:
        """Messages per topic."""
        return self._log.counts

    @cached_property
    def lost_turns(self) -> frozenset[int]:
        """Micro-turns without their sound, given up by a repair."""
        return frozenset(int(t) for t in self._log.metadata["lost_turns"].split())

    def turn_records(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """The `/turn` messages from micro-turn `start` on: times, frames, texts, controls; no media."""
        for message in self._log.messages(["/turn"], start * TURN_NS):
            yield _object(message)

    def typed(self) -> Iterator[TextInput]:
        """Texts that were typed to the model, in order; micro-turns without any are not parsed."""
        for message in self._log.messages(["/turn"]):
            if _NO_TEXTS not in message.data:
                for text in _object(message)["texts"]:
                    yield TextInput(**text)

    @property
    def input_topic(self) -> str:
        """The track that the endpoint heard: `/mic/processed` where an echo canceller stood between, else `/mic`."""
        return PROCESSED if PROCESSED in self.topics else "/mic"

    def turns(self, start: int = 0) -> Iterator[MicroTurn]:
        """Micro-turns from `start` on, none left out, as the endpoint got them.

        Raises:
            AppError: the file is damaged.
        """
        sound, processed = (
            _Ahead(self._log.messages([topic], start * TURN_NS), lambda m: m.log_time // TURN_NS)
            for topic in ("/mic", PROCESSED)
        )
        camera = _Ahead(self._log.messages(["/camera"], start * TURN_NS), lambda m: m.sequence)
        for record in self.turn_records(start):
            heard = processed if "processed_crc32" in record else sound
            yield _turn(record, heard.at(record["index"]), camera)

    def events(
        self,
        types: tuple[type[Any], ...] | None = None,
        start_ns: int = 0,
        end_ns: int | None = None,
        *,
        sound: bool = True,
    ) -> Iterator[Event]:
        """Events in the order in which they were recorded; only those of `types` if given.

        Frames of the wire come only where `types` names `WireFrame` itself; see `wire`.

        Args:
            start_ns, end_ns: only those filed at `start_ns` ≤ t < `end_ns`, by the time they were received or set.
            sound: False reads no sound: an `AudioOut` comes with silence of its length.
        """
        names = {n for n, t in EVENT_TYPES.items() if types is None or issubclass(t, types)}
        if types is None or WireFrame not in types:
            names.discard(WireFrame.__name__)
        topics = [t for t in _EVENT_TOPICS if any(_lies_in(EVENT_TYPES[n], t) for n in names)]
        wanted = ["/model/audio"] if sound and "AudioOut" in names else []
        heard = _Ahead(self._log.messages(wanted, start_ns, end_ns), lambda m: m.sequence) if sound else None
        for message in self._log.messages(topics, start_ns, end_ns):
            # Most of a long log are units: those that nobody asked for are not even parsed.
            named = _NAMED.match(message.data)
            if named is not None and named[1].decode("ascii") not in names:
                continue
            value = _object(message)
            if value["type"] in names:
                yield _event(value, heard)

    def wire(self, start_ns: int = 0, end_ns: int | None = None) -> Iterator[WireFrame]:
        """What went over the wire at `start_ns` ≤ t < `end_ns`, by `index`; nothing in a session without a network.

        Frames before the first sample stand at time 0.
        """
        yield from cast(Iterator[WireFrame], self.events((WireFrame,), start_ns, end_ns))

    def cues(self) -> Iterator[Cue]:
        """The cues as they were shown."""
        for message in self._log.messages(["/cue"]):
            yield Cue(**_object(message))

    def frames(self, start_ns: int = 0, end_ns: int | None = None) -> Iterator[Frame]:
        """Frames grabbed at `start_ns` ≤ t < `end_ns`."""
        first = max(0, start_ns // TURN_NS)
        camera = _Ahead(self._log.messages(["/camera"], first * TURN_NS), lambda m: m.sequence)
        for record in self.turn_records(first):
            if end_ns is not None and record["t_ns"] >= end_ns:
                return
            for frame in _frames(record, camera):
                if start_ns <= frame.t_ns and (end_ns is None or frame.t_ns < end_ns):
                    yield frame

    def pieces(self, topic: str) -> Iterator[Sound]:
        """The stretches of sound of `/mic`, `/mic/processed`, `/model/audio` or `/model/heard`, each with its place."""
        for message in self._log.messages([topic]):
            yield decode_sound(message.data)

    def heard_pieces(self) -> Iterator[tuple[int, Pcm, int]]:
        """What the loudspeaker played: session time of the first sample, samples, rate in Hz."""
        for piece in self.pieces("/model/heard"):
            yield piece.t_ns, samples_of(piece.pcm16), piece.rate_hz

    @cached_property
    def _places(self) -> dict[str, list[tuple[int, int, int, int]]]:
        found: dict[str, list[tuple[int, int, int, int]]] = {"/model/audio": [], "/model/heard": []}
        for message in self._log.messages(found):
            piece = decode_sound(message.data)
            end_ns = piece.t_ns + samples_to_ns(len(piece.pcm16) // 2, piece.rate_hz)
            found[message.topic.name].append((piece.t_ns, end_ns, message.log_time, piece.rate_hz))
        return found

    def places(self, topic: str) -> list[tuple[int, int]]:
        """Start and end in session time of each piece of `/model/audio` or `/model/heard`, without reading sound."""
        return [(start_ns, end_ns) for start_ns, end_ns, _, _ in self._places[topic]]

    def audio(self, topic: str, start_ns: int = 0, end_ns: int | None = None) -> tuple[Pcm, int]:
        """One track from `start_ns` to `end_ns` (the end of the session if None), silence where there is nothing.

        Returns:
            int16 [n], exactly as long as the stretch, and its rate in Hz: that of the track's first piece.
            Pieces at another rate are interpolated to it.
        """
        end_ns = self.duration_ns if end_ns is None else end_ns
        rate, filed_from, filed_to = SAMPLE_RATE_HZ, start_ns - TURN_NS, end_ns
        if topic not in MIC_TOPICS:
            places = self._places[topic]
            rate = places[0][3] if places else rate
            filed = [filed for begin, end, filed, _ in places if begin < end_ns and end > start_ns]
            filed_from, filed_to = (min(filed), max(filed) + 1) if filed else (0, 0)
        first = ns_to_samples(start_ns, rate)
        track = np.zeros(max(0, ns_to_samples(end_ns, rate) - first), np.int16)
        for message in self._log.messages([topic], filed_from, filed_to):
            _place(track, first, rate, decode_sound(message.data))
        return track, rate


def _lies_in(kind: type[Any], topic: str) -> bool:
    return (topic == "/wire") == issubclass(kind, WireFrame) and issubclass(kind, _EVENT_TOPICS[topic])


def _object(message: Found) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(message.data)
    return value


def _there(message: Found | None, what: str) -> Found:
    if message is None:
        raise AppError("The recording is damaged.", f"{what} is missing.".capitalize(), "Run `tmlapp recover` on it.")
    return message


def _turn(record: dict[str, Any], sound: Found | None, camera: _Ahead) -> MicroTurn:
    if record.get("lost_sound") and "processed_crc32" not in record:
        pcm: Pcm = np.zeros(TURN_SAMPLES, np.int16)
    else:
        pcm = samples_of(decode_sound(_there(sound, f"the sound of micro-turn {record['index']}").data).pcm16)
    return MicroTurn(
        record["index"],
        pcm,
        tuple(_frames(record, camera)),
        tuple(TextInput(**t) for t in record["texts"]),
        tuple(control_of(c) for c in record["controls"]),
        record["mono_ns"],
    )


def _frames(record: dict[str, Any], camera: _Ahead) -> Iterator[Frame]:
    for frame in record["frames"]:
        jpeg = decode_picture(_there(camera.at(frame["seq"]), f"frame {frame['seq']}").data).jpeg
        yield Frame(frame["t_ns"], jpeg, frame["width"], frame["height"], frame["repeated"])


def _event(value: dict[str, Any], sound: _Ahead | None) -> Event:
    reference = value.pop("audio", None)
    event = from_json(value)
    if reference is None or not isinstance(event, AudioOut):
        return event
    if reference.get("lost") or sound is None:
        # Lost sound comes back as silence of the same length, so that nothing behind it moves.
        pcm16 = bytes(2 * reference["samples"])
    else:
        message = _there(sound.at(reference["seq"]), f"the sound of output {reference['seq']}")
        pcm16 = decode_sound(message.data).pcm16
    members = {name: getattr(event, name) for name in event.__dataclass_fields__}
    return AudioOut(**members | {"pcm16": pcm16})


def _place(track: Pcm, first: int, rate: int, piece: Sound) -> None:
    pcm = samples_of(piece.pcm16)
    if piece.rate_hz != rate and len(pcm):
        at = np.arange(len(pcm) * rate // piece.rate_hz) * (piece.rate_hz / rate)
        pcm = np.interp(at, np.arange(len(pcm)), pcm).round().astype(np.int16)
    begin = round(piece.t_ns * rate / 1e9) - first
    inside = pcm[max(0, -begin) : max(0, len(track) - begin)]
    track[max(0, begin) : max(0, begin) + len(inside)] = inside
