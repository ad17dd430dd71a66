"""Sound of a file as 16 kHz mono PCM, sample 0 of the file at sample 0 of the track."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from tmlapp.capture.media_file import head_of, sha256_of
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Notice, SessionEvent
from tmlapp.core.feed import TrackInfo
from tmlapp.core.media import Pcm
from tmlapp.core.resample import Resampler
from tmlapp.core.units import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, samples_to_ns

Samples = npt.NDArray[np.float32]
"""Mono, full scale at ±1, shape [n]."""

_BLOCK_S = 0.25
_CUT_TOLERANCE_NS = 100 * NS_PER_MS
_FULL_SCALE = 1.0001


class SoundBlocks(Protocol):
    """Decoded mono sound at the file's own rate.

    Attributes:
        rate_hz, channels, codec: as stored.
        expected: length in samples by the file's own account, None where it gives none.
        events: what was found so far, timed from sample 0; the reader empties it.
    """

    rate_hz: int
    channels: int
    codec: str
    expected: int | None
    events: list[SessionEvent]

    def blocks(self) -> Iterator[Samples]:
        """Blocks of about 0.25 s until the end."""
        ...

    def close(self) -> None: ...


def is_sound_file(path: Path) -> bool:
    """True if libsndfile reads `path` (WAV, FLAC, Ogg, MP3, AIFF, …) and it holds no pictures."""
    head = head_of(path)
    if head.startswith(b"OggS") and b"theora" in head:
        return False
    try:
        return bool(soundfile.info(str(path)).frames > 0)
    except soundfile.LibsndfileError:
        return False


class SndfileBlocks:
    """`SoundBlocks` through libsndfile."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        try:
            self._file = soundfile.SoundFile(str(path))
        except soundfile.LibsndfileError as error:
            raise AppError(
                f"The sound of {path.name} cannot be read.", f"{error.error_string}", "Convert it to WAV or FLAC."
            ) from error
        self.rate_hz = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.codec = f"{self._file.format}/{self._file.subtype}"
        self.expected: int | None = _stated_samples(path, self._file)
        self.events: list[SessionEvent] = []

    def blocks(self) -> Iterator[Samples]:
        """Blocks of 0.25 s; a damaged file ends where the damage begins, with a `Gap` for the rest."""
        done = 0
        why = "the file ends early"
        while True:
            try:
                block = self._file.read(int(self.rate_hz * _BLOCK_S) or 1, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                why = error.error_string
                break
            if not len(block):
                break
            yield block.mean(axis=1, dtype=np.float32) if self.channels > 1 else block[:, 0]
            done += len(block)
        self.events.extend(_missing_end(self._name, done, self.expected, self.rate_hz, why))

    def close(self) -> None:
        self._file.close()


def _stated_samples(path: Path, file: Any) -> int:
    """Samples that the file's header promises; libsndfile quietly shortens a cut WAV to what is there."""
    with path.open("rb") as raw:
        head = raw.read(1 << 16)
    at = head.find(b"data", 12)
    if (
        not head.startswith(b"RIFF")
        or head[8:12] != b"WAVE"
        or at < 0
        or not file.subtype.startswith(("PCM_", "FLOAT"))
    ):
        return int(file.frames)
    stated = int.from_bytes(head[at + 4 : at + 8], "little")
    bytes_per_sample = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3}.get(file.subtype, 4)
    if stated >= 0x7FFFF000:  # written as a stream, of unknown length
        return int(file.frames)
    return max(int(file.frames), stated // (bytes_per_sample * int(file.channels)))


def _missing_end(name: str, done: int, expected: int | None, rate_hz: int, why: str) -> list[SessionEvent]:
    if expected is None or samples_to_ns(expected - done, rate_hz) <= _CUT_TOLERANCE_NS:
        return []
    missing_ns = samples_to_ns(expected - done, rate_hz)
    reason = f"The last {missing_ns / 1e9:.2f} s of sound in {name} could not be read ({why})."
    return [Gap(t_ns=samples_to_ns(done, rate_hz), track="mic", dur_ns=missing_ns, reason=reason)]


def _clean(block: Samples, t_ns: int, rate_hz: int, name: str) -> tuple[Samples, list[SessionEvent]]:
    """`block` with everything that is no number made silent, and a `Gap` over it."""
    bad = np.flatnonzero(~np.isfinite(block))
    if not bad.size:
        return block, []
    first, last = int(bad[0]), int(bad[-1])
    gap = Gap(
        t_ns=t_ns + samples_to_ns(first, rate_hz),
        track="mic",
        dur_ns=samples_to_ns(last + 1 - first, rate_hz),
        reason=f"{bad.size} samples of {name} are no numbers (NaN or infinite); they became silence.",
    )
    return np.where(np.isfinite(block), block, np.float32(0)).astype(np.float32), [gap]


class SoundTrack:
    """16 kHz mono PCM16 of a file, read as a stream.

    A 16-bit mono file at 16 kHz passes through bit for bit. Attributes as in `PictureSource`;
    `sha256` spares hashing the file once more.
    """

    def __init__(self, path: Path, blocks: SoundBlocks, *, sha256: str | None = None) -> None:
        self._name = path.name
        self._source = blocks
        self._blocks = blocks.blocks()
        self._rate_hz = blocks.rate_hz
        self._resampler = Resampler(blocks.rate_hz, SAMPLE_RATE_HZ)
        self._to_skip = round(self._resampler.delay_ns * SAMPLE_RATE_HZ / NS_PER_S)
        self._delay = self._to_skip
        self._read = 0
        self._given = 0
        self._held: list[Pcm] = []
        self._held_samples = 0
        self._ended = False
        self._told_clipping = False
        self._events: list[SessionEvent] = []
        self.expected_ns = None if blocks.expected is None else samples_to_ns(blocks.expected, blocks.rate_hz)
        self.info = TrackInfo(
            kind="file",
            name=str(path),
            sha256=sha256_of(path) if sha256 is None else sha256,
            asked={"rate_hz": SAMPLE_RATE_HZ, "channels": 1},
            actual={"rate_hz": blocks.rate_hz, "channels": blocks.channels, "codec": blocks.codec},
        )

    def read(self, samples: int) -> Pcm:
        """The next `samples` samples, fewer only at the end, none after it."""
        while self._held_samples < samples and not self._ended:
            self._fill()
        joined = np.concatenate(self._held) if self._held else np.zeros(0, np.int16)
        self._held = [joined[samples:]]
        self._held_samples = len(self._held[0])
        return joined[:samples]

    def _fill(self) -> None:
        block = next(self._blocks, None)
        self._events += self._source.events
        self._source.events = []
        if block is None:
            self._ended = True
            count = self._resampler.count_after(0)
            self._hold(self._resampler.push(np.zeros(self._resampler.frames_for(self._delay), np.int16)), count)
            return
        t_ns = samples_to_ns(self._read, self._rate_hz)
        block, gaps = _clean(block, t_ns, self._rate_hz, self._name)
        self._events += gaps
        self._read += len(block)
        if not self._told_clipping and block.size and float(np.abs(block).max()) > _FULL_SCALE:
            self._told_clipping = True
            what = f"The sound of {self._name} is too loud for 16 bits and is clipped."
            fix = "Scale it to ±1 if this is not meant."
            self._events.append(Notice(t_ns=t_ns, level="warning", what=what, why="Samples lie beyond ±1.", fix=fix))
        self._hold(self._resampler.push(_to_int16(block)))

    def _hold(self, pcm: Pcm, total: int | None = None) -> None:
        """Keep `pcm` less the filter's delay, and no more than `total` samples of the whole track."""
        skipped = min(self._to_skip, len(pcm))
        self._to_skip -= skipped
        pcm = pcm[skipped:]
        if total is not None:
            pcm = pcm[: total - self._given]
        self._given += len(pcm)
        self._held.append(pcm)
        self._held_samples += len(pcm)

    def take_events(self) -> list[SessionEvent]:
        """What was found since the last call, timed from sample 0."""
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        self._source.close()


def _to_int16(block: Samples) -> Pcm:
    scaled: Samples = np.clip(np.rint(block * np.float32(32768.0)), -32768, 32767)
    return scaled.astype(np.int16)
