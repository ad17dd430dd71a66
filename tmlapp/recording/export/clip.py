"""A stretch of a recording as a film with its sound: H.264 and AAC in MP4, by PyAV (the extra `media`)."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame, Picture
from tmlapp.core.units import NS_PER_S, ns_to_samples
from tmlapp.recording.export.pace import Pace, check_stretch, unfinished
from tmlapp.recording.export.pictures import decode_bgr
from tmlapp.recording.export.sound import Sound, Source
from tmlapp.recording.reader import Recording

_TICKS = 90_000
"""Pictures stand at their own time, in 90,000ths of a second, the finest that players are used to."""

_LOOK_BACK_NS = 2 * NS_PER_S
_BLOCK_S = 2
_ENCODERS = ("libx264", "h264", "mpeg4")


def has_media() -> bool:
    """PyAV is installed."""
    return find_spec("av") is not None


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise AppError(
            "The film cannot be written.",
            "PyAV, which writes picture and sound into one file, is not installed.",
            "pip install 'tmlapp[media]'",
        ) from error
    return av


def write_mp4(
    recording: Recording,
    path: Path,
    *,
    start_ns: int = 0,
    end_ns: int | None = None,
    sound: Sound = "mix",
    force: bool = False,
    pace: Pace | None = None,
) -> Path:
    """Write pictures and sound from `start_ns` to `end_ns` (the end of the session if None) as MP4.

    Each picture stands at the time at which it was grabbed; the newest one before the stretch opens it. Pictures of
    another size are scaled to that of the first.

    Raises:
        AppError: the extra `media` is missing, there is no picture, the stretch is empty, `path` is there and `force`
            is false, or it cannot be written.
        StoppedError: the export was stopped.
    """
    av = _import_av()
    end_ns = recording.duration_ns if end_ns is None else end_ns
    check_stretch(start_ns, end_ns, recording.duration_ns)
    first = _opening(recording, start_ns, end_ns)
    try:
        with unfinished(path, force=force) as beside, Writer(av, beside, first, Source(recording, sound)) as writer:
            _write(recording, writer, first, (start_ns, end_ns), pace or Pace())
    except av.error.FFmpegError as error:
        raise AppError(
            f"{path} cannot be written.", f"The encoder says: {error}.", "Choose another folder, or free space."
        ) from error
    return path


def _opening(recording: Recording, start_ns: int, end_ns: int) -> Frame:
    before = deque(recording.frames(max(0, start_ns - _LOOK_BACK_NS), start_ns + 1), maxlen=1)
    found = before.pop() if before else next(recording.frames(start_ns, end_ns), None)
    if found is None:
        raise AppError("There is no picture to export.", "No camera was recorded there.", "Export the sound: wav.")
    return found


def _write(recording: Recording, writer: Writer, first: Frame, stretch: tuple[int, int], pace: Pace) -> None:
    start_ns, end_ns = stretch
    picture = decode_bgr(first)
    writer.picture(picture, 0)
    for frame in recording.frames(start_ns, end_ns):
        pace.at((frame.t_ns - start_ns) / (end_ns - start_ns))
        if frame.t_ns == first.t_ns:
            continue
        picture = decode_bgr(frame)
        writer.sound(stretch, frame.t_ns)
        writer.picture(picture, frame.t_ns - start_ns)
    # A picture lasts until the next one: without this the last one would be over at once.
    writer.picture(picture, end_ns - start_ns - NS_PER_S // 30)
    writer.sound(stretch, end_ns)
    pace.at(1.0)


class Writer:
    """An MP4 that grows: pictures and sound, in order of time. A context manager that finishes the file."""

    def __init__(self, av: Any, path: Path, first: Frame, source: Source) -> None:
        self._av = av
        self._source = source
        self._size = (first.width & ~1, first.height & ~1)
        self._last = -1
        self._done = 0
        self._file = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        # Without pictures that refer to later ones, nothing has to be shifted.
        options = {"bf": "0", "preset": "veryfast", "crf": "20"}
        self._video = self._file.add_stream(_encoder(av), rate=30, options=options)
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.time_base = Fraction(1, _TICKS)
        layout = "stereo" if source.channels == 2 else "mono"
        self._audio = self._file.add_stream("aac", rate=source.rate_hz, layout=layout)
        self._layout = layout

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                for stream in (self._video, self._audio):
                    self._file.mux(stream.encode(None))
        finally:
            self._file.close()

    def picture(self, picture: Picture, t_ns: int) -> None:
        """Show `picture` from `t_ns` of the film on; one that comes no later than the one before it is left out."""
        pts = round(t_ns * _TICKS / NS_PER_S)
        if pts <= self._last:
            return
        self._last = pts
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        frame = self._av.VideoFrame.from_ndarray(picture, format="bgr24")
        frame.pts, frame.time_base = pts, Fraction(1, _TICKS)
        self._file.mux(self._video.encode(frame))

    def sound(self, stretch: tuple[int, int], to_ns: int) -> None:
        """Write the sound of the stretch at least up to session time `to_ns`; in blocks, for small pieces cost time."""
        rate = self._source.rate_hz
        first, last, wanted = (ns_to_samples(t_ns, rate) for t_ns in (*stretch, to_ns))
        while first + self._done < min(wanted, last):
            at = first + self._done
            pcm = self._source.read(at, min(_BLOCK_S * rate, last - at))
            frame = self._av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout=self._layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, self._done, Fraction(1, rate)
            self._file.mux(self._audio.encode(frame))
            self._done += len(pcm)


def _encoder(av: Any) -> str:
    for name in _ENCODERS:
        if name in av.codecs_available:
            return name
    raise AppError(
        "The film cannot be written.", "PyAV has no encoder for H.264 or MPEG-4.", "pip install 'tmlapp[media]'"
    )
