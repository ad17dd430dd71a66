"""Repair: from an unfinished, cut or holed file to a verified recording, and an honest list of what is gone."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, to_json
from tmlapp.core.units import TURN_NS
from tmlapp.recording.content import check
from tmlapp.recording.finalize import publish
from tmlapp.recording.lock import try_lock
from tmlapp.recording.log_writer import dump_json
from tmlapp.recording.names import FINAL, PART, base_of
from tmlapp.recording.reader import MIC_TOPICS, PROCESSED, Recording
from tmlapp.recording.scan import NOT_IN_CHUNK, Found, Scan, Source, open_file, opened, payloads, scan
from tmlapp.recording.schema import BY_ID, CHANNEL_IDS, Group, decode_picture

_MIC, _CAMERA, _TURN, _MODEL = (CHANNEL_IDS[n] for n in ("/mic", "/camera", "/turn", "/model/audio"))
_PROCESSED = CHANNEL_IDS[PROCESSED]
_EVENTS = [t.name for t in BY_ID.values() if t.group is Group.EVENTS]
_TOLD = [*_EVENTS, *(t.name for t in BY_ID.values() if t.group is Group.WIRE)]
_CHECKED = (*MIC_TOPICS, "/camera", "/model/audio")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryReport:
    """What a repair saved and what it could not.

    Attributes:
        path: the verified recording.
        source: the damaged file, untouched.
        turns: micro-turns in the recording, lost ones included.
        lost_turns: those whose sound is gone; they are silence at their place.
        rebuilt_turns: those whose own entry is gone: sound and frames are there, typed texts are not.
        lost_processed: those whose processed sound is gone; the endpoint heard something else than is there now.
        lost_frames, lost_outputs: frames and model sounds that are gone although something speaks of them.
        malformed: messages that read as JSON but not as what they should be, left out.
        damage: byte ranges `(from, to)` of the source that hold nothing readable.
        altered: byte ranges that are not what was written, going by the seals that were written each second;
            damage lies in them, but so may changes that nothing else shows (a letter of a text).
        already: the recording had been finished or repaired before; nothing was written.
    """

    path: Path
    source: Path
    turns: int
    lost_turns: tuple[int, ...] = ()
    rebuilt_turns: tuple[int, ...] = ()
    lost_processed: tuple[int, ...] = ()
    lost_frames: int = 0
    lost_outputs: int = 0
    malformed: int = 0
    damage: tuple[tuple[int, int], ...] = ()
    altered: tuple[tuple[int, int], ...] = ()
    already: bool = False

    @property
    def complete(self) -> bool:
        """Nothing at all was lost."""
        sound = (self.lost_turns, self.rebuilt_turns, self.lost_processed)
        return not any((*sound, self.lost_frames, self.lost_outputs, self.malformed, self.damage, self.altered))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"path": str(self.path), "source": str(self.source), "complete": self.complete}


def find_parts(folder: Path) -> list[Path]:
    """The `.part` files in `folder` that no process writes and that were not repaired yet, oldest name first."""
    if not folder.is_dir():
        return []
    parts = sorted(folder.glob(f"*{PART}"))
    return [p for p in parts if not p.with_name(base_of(p) + FINAL).exists() and not _in_use(p)]


def _in_use(part: Path) -> bool:
    with part.open("rb") as file:
        return not try_lock(file.fileno())


def recover(source: Path, *, out: Path | None = None) -> RecoveryReport:
    """Write everything that still holds in `source` to a verified recording; `source` itself is not changed.

    Args:
        source: a `.mcap.part`, or a damaged `.mcap`.
        out: the file to write; by default `<name>.mcap` beside a `.part`, `<name> (recovered).mcap` beside a `.mcap`.

    Raises:
        AppError: `source` is still being written, holds nothing, or the result cannot be written.
    """
    final = out or _beside(source)
    with open_file(source) as file:
        if not try_lock(file.fileno()):
            raise AppError(
                f"{source.name} is still being written.", "A session holds it open.", "Stop that session first."
            )
        with opened(source) as data:
            found = scan(data)
            if not len(found):
                raise AppError(
                    f"{source.name} holds nothing to recover.",
                    f"None of its {found.size} bytes is part of a recording.",
                    "Delete it.",
                )
            if out is None and final.exists() and os.fspath(source).endswith(PART):
                return _already(source, final, data, found)
            return _Repair(source, final, data, found).run()


def _beside(source: Path) -> Path:
    suffix = "" if source.name.endswith(PART) else " (recovered)"
    return source.with_name(base_of(source) + suffix + FINAL)


def _already(source: Path, final: Path, data: Source, found: Scan) -> RecoveryReport:
    recording = Recording.open(final)
    setup = next((m for _, m in payloads(data, found, iter(range(len(found)))) if m.topic.name == "/setup"), None)
    if setup is None or json.loads(setup.data).get("session_id") != recording.info.get("session_id"):
        raise AppError(
            f"{final.name} already exists.", "It is another session's recording.", "Give another name for the result."
        )
    return RecoveryReport(
        path=final,
        source=source,
        turns=recording.n_turns,
        lost_turns=tuple(sorted(recording.lost_turns)),
        already=True,
    )


@dataclass(slots=True)
class _Turns:
    """What the `/turn` messages promise, by micro-turn and by sequence number."""

    records: dict[int, int] = field(default_factory=dict)
    pcm: dict[int, int] = field(default_factory=dict)
    processed: dict[int, int] = field(default_factory=dict)
    frames: dict[int, int] = field(default_factory=dict)
    outputs: dict[int, int] = field(default_factory=dict)


class _Repair:
    def __init__(self, source: Path, final: Path, data: Source, found: Scan) -> None:
        self._source, self._final, self._data, self._found = source, final, data, found
        self._malformed: set[int] = set()
        self._malformed = {i for i, message in self._of(*_TOLD) if not _holds(message)}
        self._promised = self._read_promises()
        good = self._good_media()
        self._mic = {found.log_times[i] // TURN_NS: i for i in good if found.channels[i] == _MIC}
        self._processed = {found.log_times[i] // TURN_NS: i for i in good if found.channels[i] == _PROCESSED}
        self._frames = {found.sequences[i]: i for i in good if found.channels[i] == _CAMERA}
        self._model = {found.sequences[i]: i for i in good if found.channels[i] == _MODEL}
        self._loose = self._loose_frames()
        known = self._promised.records.keys() | self._mic.keys() | self._processed.keys() | self._loose.keys()
        self._turns = max(known, default=-1) + 1
        self._lost = [k for k in range(self._turns) if k not in self._mic]
        rebuilt = (self._mic.keys() | self._processed.keys() | self._loose.keys()) - self._promised.records.keys()
        self._rebuilt = sorted(rebuilt)
        self._unprocessed = sorted(self._promised.processed.keys() - self._processed.keys())
        self._sequence: Counter[str] = Counter()
        self._gaps: list[Gap] = []
        self._lost_outputs = 0

    def run(self) -> RecoveryReport:
        lost_frames = len(self._promised.frames.keys() - self._frames.keys())
        publish(self._final, self._messages(), lost_turns=self._lost)
        return RecoveryReport(
            path=self._final, source=self._source, turns=self._turns, lost_turns=tuple(self._lost),
            rebuilt_turns=tuple(self._rebuilt), lost_processed=tuple(self._unprocessed), lost_frames=lost_frames,
            lost_outputs=self._lost_outputs, malformed=len(self._malformed),
            damage=tuple(self._found.damage), altered=tuple(self._altered()),
        )  # fmt: skip

    def _read_promises(self) -> _Turns:
        promised = _Turns()
        for i, message in self._of("/turn", "/output"):
            value = json.loads(message.data)
            if message.topic.name == "/turn":
                index = int(value["index"])
                promised.records[index] = i
                if not value.get("lost_sound"):
                    promised.pcm[index] = value["pcm_crc32"]
                if "processed_crc32" in value:
                    promised.processed[index] = value["processed_crc32"]
                promised.frames.update((f["seq"], f["crc32"]) for f in value["frames"])
            elif value.get("audio") and not value["audio"].get("lost"):
                promised.outputs[value["audio"]["seq"]] = value["audio"]["crc32"]
        return promised

    def _altered(self) -> Iterator[tuple[int, int]]:
        for i, message in self._of("/checkpoint"):
            # Within a finished file the checksums of its chunks say the same.
            if self._found.chunks[i] == NOT_IN_CHUNK:
                sealed = json.loads(message.data)
                start, end = sealed["from"], sealed["bytes"]
                if zlib.crc32(self._data[start:end]) != sealed["crc32"]:
                    yield start, end

    def _of(self, *topics: str) -> Iterator[tuple[int, Found]]:
        channels = {CHANNEL_IDS[t] for t in topics}
        places = (i for i in range(len(self._found)) if self._found.channels[i] in channels)
        wanted = (i for i in places if i not in self._malformed)
        return payloads(self._data, self._found, wanted)

    def _good_media(self) -> list[int]:
        """Places of sound and frames that nothing contradicts: no checksum, or the right one."""
        found, promised, good = self._found, self._promised, []
        for i in range(len(found)):
            channel, crc, sequence = found.channels[i], found.crcs[i], found.sequences[i]
            expected: int | None = crc
            if channel == _MIC:
                expected = promised.pcm.get(found.log_times[i] // TURN_NS, crc)
            elif channel == _PROCESSED:
                index = found.log_times[i] // TURN_NS
                expected = promised.processed.get(index) if index in promised.records else crc
            elif channel == _CAMERA:
                expected = promised.frames.get(sequence, crc)
            elif channel == _MODEL:
                expected = promised.outputs.get(sequence)
            if channel in (_MIC, _PROCESSED, _CAMERA, _MODEL) and expected == crc:
                good.append(i)
        return good

    def _loose_frames(self) -> dict[int, list[int]]:
        """Frames of micro-turns whose own entry is gone, by micro-turn."""
        loose: dict[int, list[int]] = {}
        for sequence, i in sorted(self._frames.items()):
            index = self._found.log_times[i] // TURN_NS
            if sequence not in self._promised.frames and index not in self._promised.records:
                loose.setdefault(index, []).append(sequence)
        return loose

    def _messages(self) -> Iterator[Found]:
        yield from self._events()
        yield from self._all_turns()
        yield from self._new_gaps()
        for group in (Group.MODEL, Group.MIC, Group.CAMERA, Group.WIRE):
            names = [t.name for t in BY_ID.values() if t.group is group]
            kept = {*self._mic.values(), *self._processed.values(), *self._frame_places(), *self._model.values()}
            for i, message in self._of(*names):
                if message.topic.name not in _CHECKED or i in kept:
                    yield message

    def _frame_places(self) -> set[int]:
        wanted = set(self._promised.frames) | {s for loose in self._loose.values() for s in loose}
        return {i for sequence, i in self._frames.items() if sequence in wanted}

    def _events(self) -> Iterator[Found]:
        names = [name for name in _EVENTS if name != "/turn"]
        if next(self._of("/setup"), None) is None:
            yield _json("/setup", 0, 0, _lost_setup(base_of(self._source)))
        for _, message in self._of(*names):
            name = message.topic.name
            self._sequence[name] = max(self._sequence[name], message.sequence + 1)
            yield self._output(message) if name == "/output" else message

    def _output(self, message: Found) -> Found:
        value = json.loads(message.data)
        audio = value.get("audio")
        if not audio or audio.get("lost") or audio["seq"] in self._model:
            return message
        self._lost_outputs += 1
        dur_ns = audio["samples"] * 1_000_000_000 // value["rate"]
        self._gap("model", message.log_time, dur_ns)
        value["audio"] = {"lost": True, "samples": audio["samples"]}
        return _json("/output", message.sequence, message.log_time, value)

    def _gap(self, track: str, t_ns: int, dur_ns: int) -> None:
        reason = "Lost when the file of the recording was damaged."
        last = self._gaps[-1] if self._gaps else None
        if last is not None and last.track == track and last.t_ns + last.dur_ns == t_ns:
            self._gaps[-1] = Gap(t_ns=last.t_ns, track=last.track, dur_ns=last.dur_ns + dur_ns, reason=reason)
        else:
            self._gaps.append(Gap(t_ns=t_ns, track=track, dur_ns=dur_ns, reason=reason))  # type: ignore[arg-type]

    def _all_turns(self) -> Iterator[Found]:
        lost, mono_ns = set(self._lost), self._first_mono_ns()
        for index in range(self._turns):
            place = self._promised.records.get(index)
            if place is None:
                yield self._rebuild(index, mono_ns)
            else:
                message = self._at(place)
                value = json.loads(message.data)
                mono_ns = value["mono_ns"]
                yield self._turn(message, value, index in lost)
            mono_ns += TURN_NS
            if index in lost:
                self._gap("mic", index * TURN_NS, TURN_NS)

    def _first_mono_ns(self) -> int:
        """Monotonic time of micro-turn 0, counted back from the first one that still tells its own."""
        if not self._promised.records:
            return 0
        index = min(self._promised.records)
        first = json.loads(self._at(self._promised.records[index]).data)
        return int(first["mono_ns"]) - index * TURN_NS

    def _at(self, place: int) -> Found:
        return next(payloads(self._data, self._found, iter([place])))[1]

    def _turn(self, message: Found, value: dict[str, Any], lost: bool) -> Found:
        frames = [f for f in value["frames"] if f["seq"] in self._frames]
        missing = len(value["frames"]) - len(frames)
        unprocessed = "processed_crc32" in value and value["index"] not in self._processed
        if not missing and not unprocessed and (not lost or value.get("lost_sound")):
            return message
        if unprocessed:
            # What the endpoint heard is gone; the sound as captured stands in for it.
            del value["processed_crc32"]
            value["lost_processed"] = True
        if missing:
            self._gap("camera", value["t_ns"], TURN_NS)
        value |= {"frames": frames, "lost_sound": lost, "lost_frames": missing}
        return _json("/turn", message.sequence, message.log_time, value)

    def _rebuild(self, index: int, mono_ns: int) -> Found:
        frames = []
        for sequence in self._loose.get(index, []):
            picture = decode_picture(self._at(self._frames[sequence]).data)
            width, height = jpeg_size(picture.jpeg)
            frames.append({
                "seq": sequence, "t_ns": picture.t_ns, "repeated": False, "width": width, "height": height,
                "crc32": self._found.crcs[self._frames[sequence]],
            })  # fmt: skip
        place, processed = self._mic.get(index), self._processed.get(index)
        heard = {} if processed is None else {"processed_crc32": self._found.crcs[processed]}
        return _json("/turn", index, index * TURN_NS, {
            "index": index, "start_sample": index * 3200, "t_ns": index * TURN_NS, "mono_ns": mono_ns,
            "ready_ns": None, "pushed_ns": None, "drift_ppm": None, "frames": frames, "texts": [], "controls": [],
            "pcm_crc32": 0 if place is None else self._found.crcs[place], "lost_sound": place is None, "rebuilt": True,
            **heard,
        })  # fmt: skip

    def _new_gaps(self) -> Iterator[Found]:
        for number, gap in enumerate(self._gaps, self._sequence["/gap"]):
            yield _json("/gap", number, gap.t_ns, to_json(gap))


def _holds(message: Found) -> bool:
    try:
        check(message)
    except ValueError:
        return False
    return True


def _json(topic: str, sequence: int, t_ns: int, value: dict[str, Any]) -> Found:
    return Found(BY_ID[CHANNEL_IDS[topic]], sequence, max(0, t_ns), dump_json(value))


def _lost_setup(name: str) -> dict[str, Any]:
    track = {"kind": "none", "name": "", "sha256": "", "asked": {}, "actual": {}}
    return {
        "session_id": "", "name": name, "created_utc": "", "instruction": "", "endpoint": "", "clock": "real",
        "feed": {"mic": track, "camera": track, "realtime": True, "duration_ns": None}, "versions": {},
        "options": {"recovered": "the beginning of the file was lost"},
    }  # fmt: skip


def jpeg_size(jpeg: bytes) -> tuple[int, int]:
    """Width and height as the frame header of a JPEG states them; (0, 0) if there is none."""
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = struct.unpack_from(">BH", jpeg, at + 1)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", jpeg, at + 5)
            return width, height
        at += 2 + length
    return 0, 0
