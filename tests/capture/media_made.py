"""Media files and small helpers that the tests of this folder make for themselves."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from tmlapp.capture.file_feed import FileFeed
from tmlapp.core.clock import Clock, ManualClock
from tmlapp.core.event import SessionEvent
from tmlapp.core.feed import Captured, Feed
from tmlapp.core.media import Picture

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "data" / "clips"
BARS = 8


def numbered(number: int, width: int = 160, height: int = 120) -> Picture:
    """A picture that carries `number` (0 … 255) as eight black and white bars."""
    picture = np.zeros((height, width, 3), np.uint8)
    for bit in range(BARS):
        if number >> bit & 1:
            picture[:, width * bit // BARS : width * (bit + 1) // BARS] = 255
    return picture


def number_of(picture: Picture) -> int:
    """The number that `numbered` put into it."""
    height, width = picture.shape[:2]
    bars = [picture[height // 2, width * (2 * bit + 1) // (2 * BARS), 0] for bit in range(BARS)]
    return sum(1 << bit for bit, value in enumerate(bars) if value > 127)


def decoded(jpeg: bytes) -> Picture:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def write_video(
    path: Path,
    pictures: Sequence[Picture],
    *,
    times_ms: Sequence[int] | None = None,
    fps: int = 30,
    sound: npt.NDArray[np.int16] | None = None,
    sound_rate: int = 48_000,
    sound_starts_ms: int = 0,
    sound_codec: str | None = None,
    options: dict[str, str] | None = None,
    container: str | None = None,
    codec: str = "mpeg4",
) -> Path:
    """MPEG-4 (or whatever the container likes) pictures at their own times, with PCM or AAC sound if given."""
    with av.open(str(path), "w", format=container, options=options or {}) as out:
        height, width = pictures[0].shape[:2]
        video = out.add_stream(codec, rate=fps, width=width, height=height, pix_fmt="yuv420p")
        video.codec_context.time_base = Fraction(1, 1000)
        video.codec_context.bit_rate = 4_000_000
        voice = None
        if sound is not None:
            lossless = path.suffix in (".mkv", ".mov")
            voice = out.add_stream(sound_codec or ("pcm_s16le" if lossless else "aac"), rate=sound_rate, layout="mono")
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = times_ms[i] if times_ms is not None else round(i * 1000 / fps)
            frame.time_base = Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        if voice is not None and sound is not None:
            step = 1024
            for at in range(0, len(sound), step):
                block = av.AudioFrame.from_ndarray(sound[None, at : at + step], format="s16", layout="mono")
                block.sample_rate = sound_rate
                block.pts = at + sound_starts_ms * sound_rate // 1000
                block.time_base = Fraction(1, sound_rate)
                out.mux(voice.encode(block))
            out.mux(voice.encode())
    return path


def write_sound_blocks(path: Path, starts: Sequence[int], *, samples: int = 1600, value: int = 1000) -> Path:
    """16 kHz PCM in a container, in blocks of `samples` at the given samples: holes and overlaps as asked."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number, pts in enumerate(starts):
            stored = np.full((1, samples), value + number, np.int16)
            block = av.AudioFrame.from_ndarray(stored, format="s16", layout="mono")
            block.sample_rate, block.pts = 16_000, pts
            out.mux(stream.encode(block))
        out.mux(stream.encode())
    return path


def impulse(rate: int, seconds: float, at_s: float) -> npt.NDArray[np.int16]:
    """Silence with 1 ms of full scale at `at_s`."""
    sound = np.zeros(round(rate * seconds), np.int16)
    start = round(at_s * rate)
    sound[start : start + max(1, rate // 1000)] = 30_000
    return sound


def file_feed(video: Path | None, audio: Path | None = None, **options: object) -> FileFeed:
    """A fast feed on a clock that stands still."""
    return FileFeed(video, audio, realtime=False, clock=ManualClock(), **options)  # type: ignore[arg-type]


def play(feed: Feed) -> list[Captured]:
    """All turns of a fast feed; checks what holds for every feed, and closes it."""
    more = threading.Event()
    feed.open(more.set)
    turns: list[Captured] = []
    try:
        while not feed.finished:
            turn = feed.poll()
            if turn is None:
                more.wait()
                more.clear()
                continue
            assert turn.index == len(turns)
            assert all(turn.index * 200_000_000 <= f.t_ns < (turn.index + 1) * 200_000_000 for f in turn.frames)
            turns.append(turn)
    finally:
        feed.close()
    times = [f.t_ns for t in turns for f in t.frames]
    assert times == sorted(set(times)), "frame times rise"
    return turns


def sound_of(turns: Sequence[Captured]) -> npt.NDArray[np.int16]:
    return np.concatenate([t.pcm for t in turns])


def frame_times_ms(turns: Sequence[Captured]) -> list[float]:
    return [f.t_ns / 1e6 for t in turns for f in t.frames]


def numbers_of(turns: Sequence[Captured]) -> list[int]:
    return [number_of(decoded(f.jpeg)) for t in turns for f in t.frames]


def events_of(turns: Sequence[Captured]) -> list[SessionEvent]:
    return [e for t in turns for e in t.events]


def onset(pcm: npt.NDArray[np.int16], share: float = 0.5) -> int:
    """First sample that reaches `share` of the peak."""
    level = np.abs(pcm.astype(np.int32))
    return int(np.flatnonzero(level >= share * level.max())[0])


def until(condition: object, clock: Clock | None = None, *, seconds: float = 20.0) -> None:
    """Wait for something that another thread brings about; fails after `seconds`."""
    assert callable(condition)
    waiting = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if condition():
            return
        waiting.wait(0.005)
    raise AssertionError("what was waited for did not happen")
