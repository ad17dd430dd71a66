"""The two tracks of a programme: pictures that begin at a given moment, and sounds one after another."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tmlapp.capture.media_file import PictureSource, check_file
from tmlapp.capture.paced import encode_jpeg
from tmlapp.capture.program_subtitles import Subtitles
from tmlapp.capture.sound_file import SndfileBlocks, SoundTrack, is_sound_file
from tmlapp.capture.sound_in_video import open_container_sound
from tmlapp.capture.tracks import TIME_GRAIN_NS
from tmlapp.core.errors import AppError
from tmlapp.core.event import SessionEvent
from tmlapp.core.media import Frame, Pcm, Picture
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ, samples_to_ns

_PORTION = SAMPLE_RATE_HZ
HELD_SIZE = 16
"""Pictures that wait for the encoder; more would only cost memory."""


def open_sound(path: Path) -> SoundTrack:
    """The sound of a file, or the first sound track of a container, at 16 kHz mono.

    Raises:
        AppError: there is none, or it cannot be read.
    """
    check_file(path)
    blocks = SndfileBlocks(path) if is_sound_file(path) else open_container_sound(path)
    if blocks is None:
        raise AppError(f"{path.name} holds no sound.", "It has no sound track.", "Name another file.")
    return SoundTrack(path, blocks)


def read_sound(path: Path) -> tuple[Pcm, str]:
    """All of a sound file as int16 [n] at 16 kHz mono, and the sha256 of the file.

    Raises:
        AppError: it cannot be read.
    """
    track = open_sound(path)
    try:
        pieces = []
        while len(piece := track.read(_PORTION)):
            pieces.append(piece)
    finally:
        track.close()
    return (np.concatenate(pieces) if pieces else np.zeros(0, np.int16)), track.info.sha256


class ShownPictures:
    """The pictures of a source from `first_ns` on; after the last one it stands, encoded once, marked as repeated.

    Nothing is shown before `first_ns`. After the end one picture is given per micro-turn. With `max_fps` the last
    picture of each of so many parts of a second is shown. The first one would stand exactly where a part begins: a
    local model that asks for the newest picture at or before such a moment would get one picture twice.

    Attributes:
        end_ns: session time at which the last picture's own time is over; None while there are more.
    """

    def __init__(
        self, source: PictureSource, *, first_ns: int, quality: int, subtitles: Subtitles | None, encoder: Executor,
        max_fps: float | None = None,
    ) -> None:  # fmt: skip
        self._source = source
        self._max_fps = max_fps
        self._first_ns = first_ns
        self._quality = quality
        self._subtitles = subtitles
        self._encoder = encoder
        self._step_ns = round(NS_PER_S / source.fps)
        self._next = source.read()
        self._last: Future[Frame] | None = None
        self._waiting: deque[Future[Frame]] = deque()
        self.end_ns: int | None = None

    def turn(self, start_ns: int, end_ns: int) -> list[Future[Frame]]:
        """The frames of one micro-turn, being encoded."""
        frames: list[Future[Frame]] = []
        while self._next is not None and self._first_ns + self._next[0] < end_ns:
            video_ns, picture = self._next
            self._next = self._source.read()
            if self._next is None or self._is_due(video_ns, self._next[0]):
                self._last = self._encoded(video_ns, picture)
                frames.append(self._last)
            if self._next is None:
                self.end_ns = self._first_ns + video_ns + self._step_ns
        if not frames and self._last is not None and self.end_ns is not None and self.end_ns <= start_ns:
            held: Future[Frame] = Future()
            held.set_result(replace(self._last.result(), t_ns=start_ns, repeated=True))
            frames.append(held)
        return frames

    def _is_due(self, video_ns: int, next_ns: int) -> bool:
        """Whether the picture is the last one of its part of a second, or there is no limit."""
        return self._max_fps is None or self._part(video_ns, self._max_fps) != self._part(next_ns, self._max_fps)

    @staticmethod
    def _part(video_ns: int, max_fps: float) -> int:
        # Containers round times down, which must not move a picture to the part before.
        return int((video_ns + TIME_GRAIN_NS) * max_fps / NS_PER_S)

    def _encoded(self, video_ns: int, picture: Picture) -> Future[Frame]:
        if len(self._waiting) >= HELD_SIZE:
            self._waiting.popleft().result()
        future = self._encoder.submit(self._frame, video_ns, picture)
        self._waiting.append(future)
        return future

    def _frame(self, video_ns: int, picture: Picture) -> Frame:
        if self._subtitles is not None:
            picture = self._subtitles.drawn(picture, video_ns)
        height, width = picture.shape[:2]
        return Frame(self._first_ns + video_ns, encode_jpeg(picture, self._quality), width, height)

    def take_events(self) -> list[SessionEvent]:
        """What the source found, on session time."""
        return [replace(e, t_ns=e.t_ns + self._first_ns) for e in self._source.take_events()]


@dataclass(slots=True)
class _Queued:
    pcm: Pcm | None
    track: SoundTrack | None
    left: int
    """Samples of silence still to come; 0 for sound."""
    begun: int | None = None


class SoundLine:
    """Silence, samples and files one behind the other, read as one stream; silence where nothing is queued.

    Attributes:
        position: samples read so far.
        spans: first sample and the one after the last of every file that was played, in order; the end is None while
            it plays.
    """

    def __init__(self) -> None:
        self._queue: deque[_Queued] = deque()
        self._events: list[SessionEvent] = []
        self.position = 0
        self.spans: list[tuple[int, int | None]] = []

    def silence(self, samples: int) -> None:
        """Queue digital silence."""
        if samples > 0:
            self._queue.append(_Queued(None, None, samples))

    def samples(self, pcm: Pcm) -> None:
        """Queue int16 [n]."""
        if len(pcm):
            self._queue.append(_Queued(pcm, None, 0))

    def file(self, track: SoundTrack) -> None:
        """Queue all of a file; the caller closes it."""
        self._queue.append(_Queued(None, track, 0))

    @property
    def empty(self) -> bool:
        """Nothing is queued: silence follows."""
        return not self._queue

    def read(self, count: int) -> Pcm:
        """The next `count` samples."""
        out = np.zeros(count, np.int16)
        done = 0
        while done < count and self._queue:
            head = self._queue[0]
            piece, over = self._piece(head, count - done)
            out[done : done + len(piece)] = piece
            done += len(piece)
            self.position += len(piece)
            if over:
                self._queue.popleft()
                if head.track is not None:
                    self.spans[-1] = (self.spans[-1][0], self.position)
        self.position += count - done
        return out

    def _piece(self, head: _Queued, most: int) -> tuple[Pcm, bool]:
        if head.track is not None:
            if head.begun is None:
                head.begun = self.position
                self.spans.append((self.position, None))
            piece = head.track.read(most)
            start_ns = samples_to_ns(head.begun)
            self._events += [replace(e, t_ns=e.t_ns + start_ns) for e in head.track.take_events()]
            return piece, len(piece) < most
        if head.pcm is not None:
            piece, head.pcm = head.pcm[:most], head.pcm[most:]
            return piece, not len(head.pcm)
        used = min(head.left, most)
        head.left -= used
        return np.zeros(used, np.int16), not head.left

    def take_events(self) -> list[SessionEvent]:
        """What the files held, on session time."""
        events, self._events = self._events, []
        return events
