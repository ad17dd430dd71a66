"""What stands before the first and after the last frame of a file: the frame, with the noise of a sensor."""

from __future__ import annotations

from concurrent.futures import Executor, Future

import cv2
import numpy as np

from tmlapp.capture.media_file import PictureSource
from tmlapp.capture.paced import encode_jpeg
from tmlapp.core.media import Frame, Picture
from tmlapp.core.units import NS_PER_S

NOISE_SIGMA = 2.0
_TABLE_MARGIN = 1 << 20
_SAME_STEP = 1e-3


class SensorNoise:
    """Gaussian noise of standard deviation 2, other for every frame, the same for every run with one seed.

    The noise comes from one long table that each frame enters at a random place: drawing fresh normal deviates for
    every pixel would cost five times the JPEG encoder.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._table = np.zeros(0, np.int8)

    def on(self, picture: Picture) -> Picture:
        """`picture` with fresh noise, as a new array."""
        if self._table.size < picture.size + _TABLE_MARGIN:
            deviates = self._random.standard_normal(picture.size + 2 * _TABLE_MARGIN, dtype=np.float32)
            self._table = np.clip(np.rint(deviates * NOISE_SIGMA), -127, 127).astype(np.int8)
        start = int(self._random.integers(self._table.size - picture.size))
        noise = self._table[start : start + picture.size].reshape(picture.shape)
        return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)


class HeldPictures:
    """The pictures of a source as frames on session time, its first and last held where it has none.

    Before the first picture and after the last one it gives the picture with sensor noise at the clip's rate; the
    spacing runs on evenly across both borders.

    Encoding runs in `encoder`, one thread of which keeps the second core busy while this one decodes.

    Attributes:
        end_ns: session time at which the clip itself ended; None until it did.
    """

    def __init__(
        self, source: PictureSource, *, first_ns: int, seed: int, jpeg_quality: int, encoder: Executor
    ) -> None:
        self._source = source
        self._first_ns = first_ns
        self._noise = SensorNoise(seed)
        self._quality = jpeg_quality
        self._encoder = encoder
        self._step_ns = NS_PER_S / source.fps
        self._next = source.read()
        if self._next is None:
            raise ValueError("a picture source holds at least one picture")
        self._before = int(first_ns / self._step_ns + _SAME_STEP)
        self._after = 0
        self._still = self._next[1]
        self.end_ns: int | None = None

    def until(self, limit_ns: int) -> list[Future[Frame]]:
        """All frames before `limit_ns` that were not given yet."""
        frames: list[Future[Frame]] = []
        while (frame := self._one_before(limit_ns)) is not None:
            frames.append(frame)
        return frames

    def _one_before(self, limit_ns: int) -> Future[Frame] | None:
        if self._before:
            t_ns = max(0, self._first_ns - round(self._before * self._step_ns))
            if t_ns >= limit_ns:
                return None
            self._before -= 1
            return self._frame(t_ns, self._noise.on(self._still))
        if self._next is not None:
            t_ns, picture = self._first_ns + self._next[0], self._next[1]
            if t_ns >= limit_ns:
                return None
            self._still = picture
            self._next = self._source.read()
            if self._next is None:
                self.end_ns = t_ns + round(self._step_ns)
            return self._frame(t_ns, picture)
        assert self.end_ns is not None
        t_ns = self.end_ns + round(self._after * self._step_ns)
        if t_ns >= limit_ns:
            return None
        self._after += 1
        return self._frame(t_ns, self._noise.on(self._still))

    def _frame(self, t_ns: int, picture: Picture) -> Future[Frame]:
        return self._encoder.submit(_encoded, t_ns, picture, self._quality)


def _encoded(t_ns: int, picture: Picture, quality: int) -> Frame:
    height, width = picture.shape[:2]
    return Frame(t_ns, encode_jpeg(picture, quality), width, height)
