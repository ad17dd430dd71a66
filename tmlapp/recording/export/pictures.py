"""JPEG frames to pixels and to a video file. The only place of the recording that decodes pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tmlapp.core.errors import AppError
from tmlapp.core.media import Frame, Picture
from tmlapp.core.units import NS_PER_S


def decode_bgr(frame: Frame) -> Picture:
    """Pixels of a frame, uint8 [height, width, 3], blue first.

    Raises:
        AppError: the frame is no picture.
    """
    picture = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise AppError(
            f"The frame at {frame.t_ns / NS_PER_S:.3f} s cannot be decoded.",
            f"Its {len(frame.jpeg)} bytes are no JPEG picture.",
            "Run `tmlapp verify` on the recording.",
        )
    return picture.astype(np.uint8, copy=False)


def frame_rate(times_ns: list[int]) -> Fraction:
    """A constant rate that fits frames at these times: the median distance, in whole frames per second, 1 to 120."""
    if len(times_ns) < 2:
        return Fraction(1)
    median = float(np.median(np.diff(times_ns)))
    return Fraction(min(120, max(1, round(NS_PER_S / median)))) if median > 0 else Fraction(30)


def write_video(path: Path, frames: Iterable[Frame], times_ns: list[int], duration_ns: int) -> None:
    """Write `frames` to an MP4 of constant rate that is `duration_ns` long: frame at time t is the newest before it.

    Before the first frame the first one is shown. Frames of another size are scaled to that of the first.

    Raises:
        AppError: a frame is no picture, or the file cannot be written.
    """
    rate = frame_rate(times_ns)
    total = max(1, round(duration_ns * rate / NS_PER_S))
    writer: cv2.VideoWriter | None = None
    size, written = (0, 0), 0
    unfinished = path.with_name(f"unfinished-{path.name}")
    try:
        picture: Picture | None = None
        for frame in frames:
            due = min(total, -(-frame.t_ns * rate.numerator // (NS_PER_S * rate.denominator)))
            if picture is not None and writer is not None:
                written = _repeat(writer, picture, written, due)
            picture = decode_bgr(frame)
            if writer is None:
                size = (picture.shape[1], picture.shape[0])
                writer = cv2.VideoWriter(str(unfinished), cv2.VideoWriter.fourcc(*"mp4v"), float(rate), size)
                if not writer.isOpened():
                    raise AppError(
                        f"{path.name} cannot be written.", "OpenCV has no MPEG-4 encoder here.", "Install ffmpeg."
                    )
            if (picture.shape[1], picture.shape[0]) != size:
                picture = cv2.resize(picture, size).astype(np.uint8, copy=False)
        if picture is not None and writer is not None:
            _repeat(writer, picture, written, total)
            writer.release()
            _check_length(unfinished, path.name, total)
            os.replace(unfinished, path)
    finally:
        if writer is not None:
            writer.release()
        unfinished.unlink(missing_ok=True)


def _check_length(video: Path, name: str, frames: int) -> None:
    # OpenCV says nothing when the disk takes no more.
    reader = cv2.VideoCapture(str(video))
    found = int(max(0.0, reader.get(cv2.CAP_PROP_FRAME_COUNT)))
    reader.release()
    if found != frames:
        raise AppError(
            f"{name} cannot be written.",
            f"Only {found} of {frames} frames can be read back.",
            "Free space, or choose another folder.",
        )


def _repeat(writer: cv2.VideoWriter, picture: Picture, written: int, until: int) -> int:
    for _ in range(written, until):
        writer.write(picture)
    return max(written, until)
