"""Sound tracks inside containers, read with PyAV (the extra `media`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.capture.sound_file import Samples
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, Notice, SessionEvent
from tmlapp.core.units import NS_PER_S, samples_to_ns

_JUMP_S = 0.02
"""Time stamps that are off by less are rounding of the container."""

_STORED = {"u8": "u1", "s16": "i2", "s32": "i4", "flt": "f4", "dbl": "f8", "s64": "i8"}
_SCALE = {
    "uint8": (128.0, 1 / 128.0),
    "int16": (0.0, 1 / 32768.0),
    "int32": (0.0, 1 / 2147483648.0),
    "int64": (0.0, 2.0**-63),
}


def import_av(path: Path) -> Any:
    """PyAV.

    Raises:
        AppError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise AppError(
            f"The sound track of {path.name} cannot be read.",
            "PyAV, which opens sound inside video files, is not installed.",
            f'pip install "tmlapp[media]", or name the sound: "{path.name},SOUND.wav", or "{path.name},none".',
        ) from error
    return av


class ContainerBlocks:
    """`SoundBlocks` of the first sound track of a container; placed by its time stamps, so a hole stays a hole.

    Attributes:
        start_ns: time of the first sample against the first picture; 0 where there is no picture.
    """

    def __init__(self, av: Any, path: Path, container: Any) -> None:
        self._av = av
        self._name = path.name
        self._container = container
        stream = container.streams.audio[0]
        self._stream = stream
        self.rate_hz = int(stream.codec_context.sample_rate)
        self.channels = int(stream.codec_context.channels)
        self.codec = str(stream.codec_context.name)
        self.events: list[SessionEvent] = []
        self._damaged = 0
        self._frames = self._decode()
        self._first = next(self._frames, None)
        first_s = self._first.time if self._first is not None and self._first.time is not None else 0.0
        self._origin_s = float(first_s)
        videos = [s for s in container.streams.video if not is_cover(s)]
        picture_s = 0.0
        if videos and videos[0].start_time is not None:
            picture_s = float(videos[0].start_time * videos[0].time_base)
        self.start_ns = round((self._origin_s - picture_s) * NS_PER_S) if videos else 0
        length = float(stream.duration * stream.time_base) if stream.duration is not None else None
        self.expected: int | None = None if length is None else round(length * self.rate_hz)

    def _decode(self) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            try:
                yield from packet.decode()
            except self._av.error.FFmpegError:
                self._damaged += 1

    def _all_frames(self) -> Iterator[Any]:
        if self._first is not None:
            yield self._first
            self._first = None
            yield from self._frames

    def blocks(self) -> Iterator[Samples]:
        """Blocks as stored, with silence and a `Gap` where the time stamps jump."""
        done = 0
        for frame in self._all_frames():
            samples = self._mono(frame)
            if frame.time is not None:
                off = round((float(frame.time) - self._origin_s) * self.rate_hz) - done
                if off > _JUMP_S * self.rate_hz:
                    self._lost(done, off, f"{self._name} holds no sound here.")
                    yield np.zeros(off, np.float32)
                    done += off
                elif off < -_JUMP_S * self.rate_hz:
                    samples = samples[-off:]
                    self._overlap(done, -off)
            yield samples
            done += len(samples)
        if self._damaged:
            what = f"{self._damaged} damaged packets of sound in {self._name} were left out."
            self.events.append(Notice(t_ns=samples_to_ns(done, self.rate_hz), level="warning", what=what))
        if self.expected is not None and self.expected - done > 0.1 * self.rate_hz:
            missing = self.expected - done
            self._lost(done, missing, f"The last {missing / self.rate_hz:.2f} s of sound in {self._name} are missing.")

    def _lost(self, at: int, samples: int, reason: str) -> None:
        dur_ns = samples_to_ns(samples, self.rate_hz)
        self.events.append(Gap(t_ns=samples_to_ns(at, self.rate_hz), track="mic", dur_ns=dur_ns, reason=reason))

    def _overlap(self, at: int, samples: int) -> None:
        t_ns = samples_to_ns(at, self.rate_hz)
        what = f"Two stretches of sound in {self._name} overlap by {samples / self.rate_hz:.3f} s; the first was kept."
        self.events.append(Notice(t_ns=t_ns, level="warning", what=what))

    def _mono(self, frame: Any) -> Samples:
        if frame.sample_rate != self.rate_hz:
            raise AppError(
                f"The sound track of {self._name} changes its rate.",
                f"It goes from {self.rate_hz} to {frame.sample_rate} Hz at {frame.time:.2f} s.",
                "Convert the file to one rate.",
            )
        channels = frame.layout.nb_channels
        kind = np.dtype(_STORED[frame.format.packed.name])
        # to_ndarray() reads a ninth plane where there are eight, and kills the process.
        planes = frame.planes[:channels]
        by_channel = np.stack([np.frombuffer(plane, kind)[: frame.samples] for plane in planes])
        if not frame.format.is_planar:
            by_channel = np.frombuffer(planes[0], kind)[: frame.samples * channels].reshape(-1, channels).T
        offset, scale = _SCALE.get(kind.name, (0.0, 1.0))
        mono = by_channel.astype(np.float32).mean(axis=0)
        return np.asarray((mono - offset) * scale, np.float32)

    def close(self) -> None:
        self._container.close()


def is_cover(stream: Any) -> bool:
    """True for the cover picture of a piece of music."""
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def open_container_sound(path: Path) -> ContainerBlocks | None:
    """The sound track inside `path`; None if there is none.

    Raises:
        AppError: PyAV is not installed, or the container cannot be read.
    """
    av = import_av(path)
    try:
        container = av.open(str(path.resolve()))
    except av.error.FFmpegError as error:
        raise AppError(
            f"{path.name} cannot be read.", f"The decoder says: {error.strerror}.", "Play it in another program."
        ) from error
    if not container.streams.audio:
        container.close()
        return None
    return ContainerBlocks(av, path, container)


def holds_only_sound(path: Path) -> bool:
    """True for music with a cover and the like: no picture track that moves. False where PyAV is not installed."""
    try:
        av = import_av(path)
        container = av.open(str(path.resolve()))
    except AppError:
        return False
    except av.error.FFmpegError:
        return False
    with container:
        return bool(container.streams.audio) and all(is_cover(s) for s in container.streams.video)
