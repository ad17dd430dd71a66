"""Micro-turns out of files: any video or sound that the libraries read, fast or in real time."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tmlapp.capture.images import ImageFolder
from tmlapp.capture.media_file import PictureSource, check_file, is_there, may_hold_sound
from tmlapp.capture.paced import PacedFeed, TurnContent
from tmlapp.capture.sound_file import SndfileBlocks, SoundTrack, is_sound_file
from tmlapp.capture.sound_in_video import ContainerBlocks, holds_only_sound, open_container_sound
from tmlapp.capture.synthetic import SYNTHETIC_KINDS, SyntheticFeed
from tmlapp.capture.tracks import TIME_GRAIN_NS, Tracks
from tmlapp.capture.video_file import VideoFile
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, SessionEvent
from tmlapp.core.feed import FeedInfo, TrackInfo
from tmlapp.core.media import Frame, Pcm
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ, TURN_NS, ns_to_samples, samples_to_ns

_SYNTHETIC = "synthetic:"
_NO_TRACK = TrackInfo(kind="none", name="")


class FileFeed(PacedFeed):
    """A `Feed` over a video (or a folder of pictures), a sound file, or both.

    Frames keep their own presentation times, sound its place against them. Session time 0 is the first padded sample;
    the clip begins at `pad_before_s` (rounded to a sample). Before and after it the first and last frame stand, with
    light sensor noise, and silence. The length is the longer track + padding + tail, rounded up to whole micro-turns.

    Args:
        video: a video file, a GIF, a picture, a folder of pictures; or a sound file (content decides); or None.
        audio: a sound file or a container with a sound track; None for the one inside `video`; "none" for silence.
        realtime: hand turns out when a microphone would, instead of as fast as they are taken.
        pad_before_s, pad_after_s, tail_s: idle time around the clip, in seconds.
        seed: of the sensor noise; two runs with one seed give the same bytes.
        max_side: larger pictures are scaled down to this many pixels; None keeps them.
        images_fps: pictures per second of a folder.
    """

    def __init__(
        self,
        video: Path | None,
        audio: Path | Literal["none"] | None,
        *,
        realtime: bool,
        clock: Clock,
        pad_before_s: float = 0.0,
        pad_after_s: float = 0.0,
        tail_s: float = 0.0,
        jpeg_quality: int = 85,
        seed: int = 0,
        max_side: int | None = 1920,
        images_fps: float = 10.0,
    ) -> None:
        super().__init__(realtime=realtime, clock=clock)
        if min(pad_before_s, pad_after_s, tail_s) < 0:
            raise ValueError("padding and tail cannot be negative")
        self._video = video
        self._audio = audio
        self._pad_ns = samples_to_ns(round(pad_before_s * SAMPLE_RATE_HZ))
        self._after_ns = round((pad_after_s + tail_s) * NS_PER_S)
        self._quality = jpeg_quality
        self._seed = seed
        self._max_side = max_side
        self._images_fps = images_fps
        self._pictures: PictureSource | None = None
        self._sound: SoundTrack | None = None
        self._sound_leads_ns = 0
        self._info: FeedInfo | None = None

    @property
    def info(self) -> FeedInfo:
        if self._info is None:
            raise RuntimeError("a feed has no info before it is opened")
        return self._info

    # Opening

    def _prepare(self) -> None:
        try:
            self._pictures = self._open_pictures()
            self._sound = self._open_sound()
        except BaseException:
            self._release_sources()
            raise
        if self._pictures is None and self._sound is None:
            raise AppError("There is nothing to play.", "Neither pictures nor sound were named.", "Name a file.")
        self._info = FeedInfo(
            mic=self._sound.info if self._sound else _NO_TRACK,
            camera=self._pictures.info if self._pictures else _NO_TRACK,
            realtime=self._realtime,
            duration_ns=self._expected_ns(),
        )

    def _open_pictures(self) -> PictureSource | None:
        if self._video is None:
            return None
        if self._video.is_dir():
            return ImageFolder(self._video, fps=self._images_fps, max_side=self._max_side)
        check_file(self._video)
        if is_sound_file(self._video) or holds_only_sound(self._video):
            return None
        return VideoFile(self._video, max_side=self._max_side)

    def _open_sound(self) -> SoundTrack | None:
        if self._audio == "none":
            return None
        if self._audio is not None:
            return self._open_sound_file(self._audio)
        if self._video is None or self._video.is_dir():
            return None
        if self._pictures is None:
            return self._open_sound_file(self._video)
        blocks = open_container_sound(self._video) if may_hold_sound(self._video) else None
        if blocks is None:
            return None
        self._sound_leads_ns = -blocks.start_ns
        return SoundTrack(self._video, blocks, sha256=self._pictures.info.sha256)

    def _open_sound_file(self, path: Path) -> SoundTrack:
        check_file(path)
        blocks: SndfileBlocks | ContainerBlocks | None
        blocks = SndfileBlocks(path) if is_sound_file(path) else open_container_sound(path)
        if blocks is None:
            raise AppError(
                f"{path.name} holds no sound.", "It has no sound track.", 'Name another file, or "none" for silence.'
            )
        return SoundTrack(path, blocks)

    def _release_sources(self) -> None:
        for source in (self._pictures, self._sound):
            if source is not None:
                source.close()

    # Time

    @property
    def _pictures_ns(self) -> int:
        """Session time of the first picture: the earlier of the two tracks begins where the padding ends."""
        return self._pad_ns + max(0, self._sound_leads_ns)

    @property
    def _sound_start(self) -> int:
        """Session sample of the first sample of the sound."""
        return ns_to_samples(self._pad_ns + max(0, -self._sound_leads_ns) + NS_PER_S // SAMPLE_RATE_HZ // 2)

    def _whole_turns(self, content_end_ns: int) -> int:
        return max(1, -(-(content_end_ns + self._after_ns) // TURN_NS))

    def _expected_ns(self) -> int | None:
        ends: list[int] = []
        if self._pictures is not None:
            if self._pictures.expected_ns is None:
                return None
            ends.append(self._pictures_ns + self._pictures.expected_ns - TIME_GRAIN_NS)
        if self._sound is not None:
            if self._sound.expected_ns is None:
                return None
            ends.append(samples_to_ns(self._sound_start) + self._sound.expected_ns)
        return self._whole_turns(max(ends)) * TURN_NS

    # Turns

    def _contents(self) -> Generator[TurnContent]:
        with ThreadPoolExecutor(1, "tmlapp-encoder") as encoder:
            tracks = Tracks(
                self._pictures, self._sound, self._pictures_ns, self._sound_start, self._seed, self._quality, encoder
            )
            yield from self._turns(tracks)

    def _turns(self, tracks: Tracks) -> Generator[TurnContent]:
        """One turn is held back: its frames are encoded while the next one is decoded."""
        events = self._absent_tracks()
        held: tuple[Pcm, list[Future[Frame]]] | None = None
        index = 0
        while True:
            frames = tracks.frames((index + 1) * TURN_NS)
            pcm = tracks.pcm()
            events += tracks.events()
            end_ns = tracks.end_ns()
            last = end_ns is not None and index >= self._whole_turns(end_ns)
            if held is not None:
                # What was found at the very end belongs to the last turn, since no other follows.
                due = [e for e in events if last or e.t_ns < index * TURN_NS]
                events = [e for e in events if e not in due]
                encoded = tuple(f.result() for f in held[1])
                yield TurnContent(index - 1, held[0], encoded, tuple(sorted(due, key=lambda e: e.t_ns)))
            if last:
                return
            held = (pcm, frames)
            index += 1

    def _absent_tracks(self) -> list[SessionEvent]:
        dur_ns = self.info.duration_ns or 0
        gaps: list[SessionEvent] = []
        if self._sound is None:
            why = "Sound was left out, as asked." if self._audio == "none" else "The source holds no sound: silence."
            gaps.append(Gap(t_ns=0, track="mic", dur_ns=dur_ns, reason=why, kind="absent"))
        if self._pictures is None:
            why = "The source holds no pictures."
            gaps.append(Gap(t_ns=0, track="camera", dur_ns=dur_ns, reason=why, kind="absent"))
        return gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What `parse_source` understood: files, or the name of a synthetic source.

    Attributes:
        video: video file, folder of pictures, or sound file; None for sound alone.
        audio: sound file; None for the sound inside `video`; "none" for silence.
        synthetic: `tone` or `clap`, in which case the others are None.
    """

    video: Path | None = None
    audio: Path | Literal["none"] | None = None
    synthetic: str | None = None


def parse_source(text: str) -> Source:
    """Understand `VIDEO`, `VIDEO,AUDIO`, `VIDEO,none`, `,AUDIO`, `synthetic:tone` and `synthetic:clap`.

    A comma may be part of a name: what exists as a whole is one path, and of several commas the first one that has an
    existing path before it separates.

    Raises:
        AppError: nothing is named, a named file does not exist, or the synthetic source is unknown.
    """
    text = text.strip()
    if not text:
        raise AppError("No source was named.", "The name is empty.", "Name a video file, or VIDEO,AUDIO.")
    if text.startswith(_SYNTHETIC):
        kind = text.removeprefix(_SYNTHETIC)
        if kind not in SYNTHETIC_KINDS:
            known = " and ".join(_SYNTHETIC + k for k in sorted(SYNTHETIC_KINDS))
            raise AppError(f"There is no synthetic source {kind!r}.", f"Known are {known}.", "Use one of these.")
        return Source(synthetic=kind)
    if is_there(Path(text)):
        return Source(video=Path(text))
    video, audio = _split(text)
    if video and not (is_there(Path(video)) and Path(video).is_dir()):
        check_file(Path(video))
    if not audio or audio == "none":
        return Source(video=Path(video), audio="none" if audio else None)
    check_file(Path(audio))
    return Source(video=Path(video) if video else None, audio=Path(audio))


def _split(text: str) -> tuple[str, str]:
    commas = [i for i, c in enumerate(text) if c == ","]
    for i in commas:
        before, after = text[:i].strip(), text[i + 1 :].strip()
        if (not before or is_there(Path(before))) and (after == "none" or is_there(Path(after))):
            return before, after
    if not commas:
        return text, ""
    # Nothing fits: report on the split that a person most likely meant.
    best = next((i for i in commas if is_there(Path(text[:i].strip()))), commas[-1])
    return text[:best].strip(), text[best + 1 :].strip()


def open_source(
    source: str,
    *,
    realtime: bool,
    clock: Clock,
    pad_before_s: float = 0.0,
    pad_after_s: float = 0.0,
    tail_s: float = 0.0,
    jpeg_quality: int = 85,
    seed: int = 0,
) -> PacedFeed:
    """The feed for `source` as `parse_source` understands it, not opened yet; a synthetic one takes no padding.

    Raises:
        AppError: `source` names nothing that is there.
    """
    parsed = parse_source(source)
    if parsed.synthetic is not None:
        return SyntheticFeed(parsed.synthetic, realtime=realtime, clock=clock, jpeg_quality=jpeg_quality)
    return FileFeed(
        parsed.video,
        parsed.audio,
        realtime=realtime,
        clock=clock,
        pad_before_s=pad_before_s,
        pad_after_s=pad_after_s,
        tail_s=tail_s,
        jpeg_quality=jpeg_quality,
        seed=seed,
    )
