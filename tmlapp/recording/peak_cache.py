"""Waveform pyramids of recordings, kept in the user's cache folder: made once, there at once the next time."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tmlapp.config.paths import cache_dir
from tmlapp.recording.apart import run_apart
from tmlapp.recording.peaks import Peaks, build_peaks
from tmlapp.recording.reader import Recording

_MAGIC = b"TMLPEAK1"
_HEAD = struct.Struct("<8sIII")
_LIMIT_BYTES = 1024 * 1024 * 1024
_SUFFIX = ".peaks"


@dataclass(frozen=True, slots=True)
class PeakCache:
    """A folder of pyramids. Whatever is damaged or of another file is none; a folder that takes nothing is no error."""

    folder: Path

    @classmethod
    def of_user(cls) -> PeakCache:
        """The one in the user's cache folder."""
        return cls(cache_dir() / "peaks")

    def get(self, recording: Path, topic: str) -> Peaks | None:
        """The pyramid that was kept of this very file, None if there is none."""
        try:
            return _unpacked(self._place(recording, topic).read_bytes(), _key(recording, topic))
        except (OSError, ValueError, KeyError, TypeError):
            # A cache that cannot be read is made anew; nothing but time is lost.
            return None

    def keep(self, recording: Path, topic: str, peaks: Peaks) -> bool:
        """Keep it for the next time; False where the folder takes nothing."""
        place = self._place(recording, topic)
        new = place.with_suffix(f".{os.getpid()}.new")
        try:
            packed = _packed(peaks, _key(recording, topic))
            self.folder.mkdir(parents=True, exist_ok=True)
            new.write_bytes(packed)
            os.replace(new, place)
            self._trim()
        except OSError:
            return False
        return True

    def _place(self, recording: Path, topic: str) -> Path:
        name = hashlib.sha256(f"{recording.resolve()}\n{topic}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return self.folder / f"{name}{_SUFFIX}"

    def _trim(self) -> None:
        kept = sorted(((f.stat(), f) for f in self.folder.glob(f"*{_SUFFIX}")), key=lambda k: -k[0].st_mtime_ns)
        total = 0
        for stat, file in kept:
            total += stat.st_size
            if total > _LIMIT_BYTES:
                file.unlink(missing_ok=True)


def peaks_of(recording: Recording, topic: str, *, cache: PeakCache | None = None) -> Peaks:
    """The pyramid of a track: from the cache, or made here and now and kept.

    Raises:
        AppError: the recording is damaged, or gone.
    """
    cache = cache or PeakCache.of_user()
    known = cache.get(recording.path, topic)
    if known is None:
        known = build_peaks(recording, topic)
        cache.keep(recording.path, topic, known)
    return known


def peaks_aside(
    path: Path,
    topic: str,
    *,
    tell: Callable[[float], object] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Peaks:
    """The same, but made in a process of its own, so that no thread of this one is held up; blocks its caller.

    Args:
        tell: hears the part done, 0 to 1, on the caller's thread.
        cancelled: asked often; True ends it.

    Raises:
        AppError: the recording is damaged, or gone; or the process died.
        StoppedError: it was cancelled.
    """
    cache = PeakCache.of_user()
    known = cache.get(path, topic)
    if known is None:
        packed = run_apart(packed_peaks, path, topic, tell=tell, cancelled=cancelled)
        known = _unpacked(packed, _key(path, topic))
        cache.keep(path, topic, known)
    return known


def packed_peaks(path: Path, topic: str, tell: Callable[[float], object]) -> bytes:
    """The other process's part."""
    return _packed(build_peaks(Recording.open(path), topic, tell), _key(path, topic))


def _key(recording: Path, topic: str) -> dict[str, object]:
    stat = recording.stat()
    return {"path": str(recording.resolve()), "topic": topic, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _packed(peaks: Peaks, key: dict[str, object]) -> bytes:
    head = json.dumps({"key": key, "rate_hz": peaks.rate_hz, "samples": peaks.samples}).encode()
    data = peaks.finest.astype("<i2").tobytes()
    return _HEAD.pack(_MAGIC, len(head), zlib.crc32(head), zlib.crc32(data)) + head + data


def _unpacked(packed: bytes, key: dict[str, object]) -> Peaks:
    """The inverse; ValueError if it does not hold, or belongs to another file."""
    if len(packed) < _HEAD.size:
        raise ValueError("too short")
    magic, size, head_crc, data_crc = _HEAD.unpack_from(packed)
    head, data = packed[_HEAD.size : _HEAD.size + size], memoryview(packed)[_HEAD.size + size :]
    if magic != _MAGIC or zlib.crc32(head) != head_crc or zlib.crc32(data) != data_crc:
        raise ValueError("damaged")
    said = json.loads(head)
    if said["key"] != key:
        raise ValueError("of another file")
    return Peaks(
        said["rate_hz"], said["samples"], np.frombuffer(data, "<i2").astype(np.int16, copy=False).reshape(-1, 2)
    )
