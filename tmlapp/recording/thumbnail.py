"""A small picture of a recording: a frame that is not dark, or the outline of its sound. Reads little of long ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from tmlapp.core.media import Frame, Picture
from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.recording.export.pictures import decode_bgr
from tmlapp.recording.reader import Recording

WIDTH_PX = 240
BARS = 120
_DARK, _FLAT = 20.0, 6.0
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One of the two: `jpeg`, `WIDTH_PX` wide, or `bars`: the loudest sample of `BARS` stretches, 0 to 255."""

    jpeg: bytes = b""
    bars: bytes = b""


def thumbnail(recording: Recording) -> Thumbnail:
    """The thumbnail of `recording`.

    Raises:
        AppError: it is damaged.
    """
    if recording.topics.get("/camera"):
        best: Picture | None = None
        for frame in _samples(recording):
            picture = decode_bgr(frame)
            if best is None or _worth(picture) > _worth(best):
                best = picture
            if picture.mean() > _DARK and picture.std() > _FLAT:
                break
        if best is not None:
            return Thumbnail(jpeg=_jpeg(best))
    return Thumbnail(bars=outline(recording))


def _samples(recording: Recording) -> Iterator[Frame]:
    """A frame near each of a few places: the beginning, then ever further in."""
    length = recording.duration_ns
    places = (0, NS_PER_S, 3 * NS_PER_S, length // 20, length // 8, length // 4, length // 2, 3 * length // 4)
    for place in sorted({p for p in places if p < length}):
        frame = next(recording.frames(place, place + 2 * NS_PER_S), None)
        if frame is not None:
            yield frame


def _worth(picture: Picture) -> float:
    return float(picture.std() + picture.mean())


def _jpeg(picture: Picture) -> bytes:
    height, width = picture.shape[:2]
    size = (WIDTH_PX, max(1, round(height * WIDTH_PX / width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()


def outline(recording: Recording) -> bytes:
    """The loudest sample of one micro-turn in each of `BARS` stretches of the microphone, on a scale of decibels."""
    turns = recording.n_turns
    bars = bytearray()
    for i in range(min(BARS, turns)):
        at_ns = i * turns // min(BARS, turns) * TURN_NS
        pcm, _ = recording.audio("/mic", at_ns, at_ns + TURN_NS)
        peak = int(np.abs(pcm.astype(np.int32)).max())
        # 54 dB of range: what one hears as silence is flat.
        level = (20 * np.log10(max(peak, 1) / 32768) + 54) / 54
        bars.append(round(255 * min(1.0, max(0.0, level))))
    return bytes(bars)
