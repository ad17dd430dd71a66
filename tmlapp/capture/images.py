"""A folder of pictures as a video."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import cv2
import numpy as np

from tmlapp.capture.video_file import fit
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, SessionEvent
from tmlapp.core.feed import TrackInfo
from tmlapp.core.media import Picture
from tmlapp.core.units import NS_PER_S

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
DEFAULT_IMAGES_FPS = 10.0


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key by which `frame2` comes before `frame10`."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return [(0, int(p), p) if p.isdigit() else (1, 0, p) for p in parts]


class ImageFolder:
    """A `PictureSource` over the pictures of a folder, in natural order, `fps` of them a second.

    A picture that cannot be read leaves a hole and a `Gap`; the first readable one sets the size for all.

    Raises:
        AppError: not a folder, no picture in it, or none that can be read.
    """

    def __init__(self, folder: Path, *, fps: float = DEFAULT_IMAGES_FPS, max_side: int | None = 1920) -> None:
        if not folder.is_dir():
            raise AppError(f"{folder} is no folder.", "A folder of pictures is needed here.", "Check the path.")
        self._paths = sorted(
            (p for p in folder.iterdir() if p.suffix.casefold() in IMAGE_SUFFIXES and p.is_file()),
            key=lambda p: natural_key(p.name),
        )
        self.fps = fps
        self.expected_ns: int | None = round(len(self._paths) / fps * NS_PER_S)
        self._max_side = max_side
        self._next = 0
        self._size: tuple[int, int] | None = None
        self._events: list[SessionEvent] = []
        self._first = self._read_next()
        if self._first is None:
            raise AppError(
                f"No picture could be read from the folder {folder}.",
                f"It holds {len(self._paths)} files with the name of a picture.",
                "Name a folder of JPEG, PNG, BMP, WebP or TIFF files.",
            )
        self._origin_ns = self._first[0]
        self._first = (0, self._first[1])
        height, width = self._first[1].shape[:2]
        self.info = TrackInfo(
            kind="file",
            name=str(folder),
            sha256=self._digest(),
            asked={"fps": fps, "max_side": max_side},
            actual={"width": width, "height": height, "fps": fps, "frames": len(self._paths)},
        )

    def _digest(self) -> str:
        """Over names and bytes of all pictures, in order."""
        digest = hashlib.sha256()
        for path in self._paths:
            digest.update(os.fsencode(path.name) + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    _origin_ns = 0

    def read(self) -> tuple[int, Picture] | None:
        """Next picture and its time in ns since the first; None at the end."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return self._read_next()

    def _read_next(self) -> tuple[int, Picture] | None:
        while self._next < len(self._paths):
            path = self._paths[self._next]
            t_ns = round(self._next / self.fps * NS_PER_S) - self._origin_ns
            self._next += 1
            # cv2.imread takes no non-ASCII path on Windows.
            data = np.frombuffer(path.read_bytes(), np.uint8)
            picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
            if picture is None:
                reason = f"The picture {path.name} cannot be read."
                dur_ns = round(NS_PER_S / self.fps)
                self._events.append(Gap(t_ns=max(0, t_ns), track="camera", dur_ns=dur_ns, reason=reason))
                continue
            return t_ns, self._sized(fit(np.asarray(picture, np.uint8), self._max_side))
        return None

    def _sized(self, picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        self._size = self._size or (width, height)
        if (width, height) == self._size:
            return picture
        return np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA), np.uint8)

    def take_events(self) -> list[SessionEvent]:
        """What was found since the last call, timed like the pictures."""
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Nothing is held open."""
