"""Plays the programme of a benchmark item: a spoken instruction, silence, sounds or a video, and a tail.

Some of its moments depend on the model: a sound after the first one begins, and the tail ends, when the model has
been quiet for a while. Nothing that depends on such a moment is made ahead: the read-ahead thread stops there until
the session asks for the micro-turn, which it does only when everything before was handed over (and, on virtual time,
answered). Such a moment is therefore the start of a micro-turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tmlapp.capture.images import ImageFolder
from tmlapp.capture.media_file import PictureSource, check_file, may_hold_sound
from tmlapp.capture.paced import PacedFeed, TurnContent
from tmlapp.capture.program_subtitles import Line, Subtitles
from tmlapp.capture.program_tracks import ShownPictures, SoundLine, open_sound
from tmlapp.capture.sound_file import SoundTrack
from tmlapp.capture.sound_in_video import open_container_sound
from tmlapp.capture.tracks import TIME_GRAIN_NS
from tmlapp.capture.video_file import VideoFile
from tmlapp.core.clock import Clock
from tmlapp.core.errors import AppError
from tmlapp.core.event import Gap, SessionEvent
from tmlapp.core.feed import Captured, FeedInfo, TrackInfo
from tmlapp.core.media import Frame, Pcm
from tmlapp.core.turn import TextInput
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES, ns_to_samples, s_to_ns, samples_to_ns

_IN_WORK = 2
"""Micro-turns whose pictures are being encoded while the next one is decoded."""


class Director(Protocol):
    """Watches the model. Asked on the session's own thread, between two micro-turns."""

    def quiet_since_ns(self, after_ns: int) -> int | None:
        """Session time at which the model fell silent, or will as far as is known.

        None while it has not spoken after `after_ns`, or is still busy (a tool runs).
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Program:
    """What is played; times in seconds.

    Attributes:
        lead: what is heard first (a spoken instruction), int16 [n] at 16 kHz; `lead_info` says what it is.
        silence_s: between the lead and the media; there is none without a lead.
        texts: typed in the first micro-turn.
        sounds: files; the next begins when the model has spoken after the end of the one before and has then been
            quiet for `turn_quiet_s`, at the latest `turn_most_s` after that end.
        video: a video file, or a folder of pictures; its own sound is heard unless `muted`.
        least_s, quiet_s, most_s: the tail. It lasts `least_s`; then, if `quiet_s` is not 0, until the model has spoken
            and been quiet for so long, at most `most_s` in all.
    """

    lead: Pcm = field(default_factory=lambda: np.zeros(0, np.int16))
    lead_info: dict[str, Any] = field(default_factory=dict)
    silence_s: float = 2.0
    texts: tuple[str, ...] = ()
    sounds: tuple[Path, ...] = ()
    turn_quiet_s: float = 1.0
    turn_most_s: float = 20.0
    video: Path | None = None
    muted: bool = True
    subtitles: tuple[Line, ...] = ()
    least_s: float = 0.0
    quiet_s: float = 0.0
    most_s: float = 0.0


class _NobodySpeaks:
    def quiet_since_ns(self, after_ns: int) -> int | None:  # noqa: ARG002 - the signature of a director
        return None


class ProgramFeed(PacedFeed):
    """A `Feed` over a `Program`.

    The media begin at `media_t0_ns`, exact to the sample and known once the feed is open: the first sample of the
    first sound, or the first picture. Before it no picture is sent, as our choice: what a model sees begins with the
    video. In the tail it sees the last picture once per micro-turn, the same bytes, marked as repeated, and hears
    silence. A sound inside a video keeps its place against the pictures.

    Args:
        realtime: hand turns out when a microphone would, instead of as fast as they are taken.
        director: who knows when the model is quiet; None: it never speaks.
        max_side: larger pictures are scaled down to this many pixels; None keeps them.
        max_fps: more pictures per second are left out; None keeps them all.
        images_fps: pictures per second of a folder.

    Attributes:
        media_end_ns: session time at which the last sound and the video were over; valid once `completed`.
        turns: micro-turns made so far.
    """

    def __init__(
        self,
        program: Program,
        *,
        realtime: bool,
        clock: Clock,
        director: Director | None = None,
        jpeg_quality: int = 85,
        max_side: int | None = 1920,
        max_fps: float | None = None,
        images_fps: float = 10.0,
    ) -> None:
        super().__init__(realtime=realtime, clock=clock)
        if program.sounds and program.video is not None and not program.muted:
            raise AppError(
                "A programme cannot be played.",
                "It holds sounds and a video with its own sound at once.",
                "Mute the video, or leave the sounds out.",
            )
        self._program = program
        self._director: Director = director or _NobodySpeaks()
        self._quality = jpeg_quality
        self._max_side = max_side
        self._max_fps = max_fps
        self._images_fps = images_fps
        self._source: PictureSource | None = None
        self._tracks: list[SoundTrack] = []
        self._own_start_ns = 0
        self._line = SoundLine()
        self._info: FeedInfo | None = None
        self._question: Callable[[], bool] | None = None
        self._decision = False
        self.media_end_ns = 0
        self.turns = 0
        self._taken = 0
        self._made_whole = False

    @property
    def info(self) -> FeedInfo:
        if self._info is None:
            raise RuntimeError("a feed has no info before it is opened")
        return self._info

    @property
    def completed(self) -> bool:
        """Everything was handed over, the tail as well."""
        return self._made_whole and self._taken == self.turns

    # Times

    @property
    def _base_samples(self) -> int:
        lead = len(self._program.lead)
        return lead + round(self._program.silence_s * SAMPLE_RATE_HZ) if lead else 0

    @property
    def media_t0_ns(self) -> int:
        """Session time of the first sample of the first sound, or of the first picture."""
        before = max(0, -self._own_start_ns) if self._source is not None else 0
        return samples_to_ns(self._base_samples + ns_to_samples(before))

    @property
    def sound_spans_ns(self) -> tuple[tuple[int, int], ...]:
        """Session time of the start and the end of each file in `sounds` that was played to its end."""
        if not self._program.sounds:
            return ()
        return tuple((samples_to_ns(a), samples_to_ns(b)) for a, b in self._line.spans if b is not None)

    # Opening

    def _prepare(self) -> None:
        program = self._program
        try:
            if program.video is not None:
                self._source = self._pictures(program.video)
            for path in program.sounds:
                self._tracks.append(open_sound(path))
            if program.video is not None and not program.muted:
                self._open_own_sound(program.video)
        except BaseException:
            self._release_sources()
            raise
        self._info = FeedInfo(
            mic=self._mic_info(), camera=self._camera_info(), realtime=self._realtime, duration_ns=None
        )

    def _pictures(self, path: Path) -> PictureSource:
        if path.is_dir():
            return ImageFolder(path, fps=self._images_fps, max_side=self._max_side)
        return VideoFile(path, max_side=self._max_side)

    def _open_own_sound(self, path: Path) -> None:
        if path.is_dir():
            return
        check_file(path)
        blocks = open_container_sound(path) if may_hold_sound(path) else None
        if blocks is not None:
            self._own_start_ns = blocks.start_ns
            sha256 = self._source.info.sha256 if self._source is not None else None
            self._tracks.append(SoundTrack(path, blocks, sha256=sha256))

    def _mic_info(self) -> TrackInfo:
        program = self._program
        pieces: list[dict[str, Any]] = []
        if len(program.lead):
            pieces.append({"kind": "instruction", "samples": len(program.lead), **program.lead_info})
            pieces.append({"kind": "silence", "s": program.silence_s})
        for track in self._tracks:
            pieces.append({"kind": "sound", "name": track.info.name, "sha256": track.info.sha256, **track.info.actual})
        first = self._tracks[0].info if self._tracks else None
        kind = "file" if first else "synthetic" if pieces else "none"
        sha256 = first.sha256 if first is not None and len(self._tracks) == 1 else ""
        asked = {"rate_hz": SAMPLE_RATE_HZ, "channels": 1}
        name = first.name if first else ""
        return TrackInfo(kind=kind, name=name, sha256=sha256, asked=asked, actual={"program": pieces})

    def _camera_info(self) -> TrackInfo:
        if self._source is None:
            return TrackInfo(kind="none", name="")
        more: dict[str, Any] = {}
        if self._program.subtitles:
            more["subtitles"] = Subtitles(self._program.subtitles).info
        if self._max_fps is not None:
            more["max_fps"] = self._max_fps
        return replace(self._source.info, actual=self._source.info.actual | more)

    def _release_sources(self) -> None:
        for source in (self._source, *self._tracks):
            if source is not None:
                source.close()

    # Decisions

    def poll(self) -> Captured | None:
        """The next micro-turn if it is due; a moment that depends on the model is decided here.

        Raises:
            AppError: reading ahead failed.
        """
        with self._changed:
            # Everything made so far was handed out, or the question would not be the next thing to know.
            if self._question is not None and not self._queue:
                self._decision = self._question()
                self._question = None
                self._changed.notify_all()
        captured = super().poll()
        if captured is not None:
            self._taken = captured.index + 1
        if captured is not None and captured.index == 0 and self._program.texts:
            return replace(captured, texts=tuple(TextInput(0, text) for text in self._program.texts))
        return captured

    def _decided(self, question: Callable[[], bool]) -> bool:
        """Let the session's thread answer `question` when it has taken everything made so far."""
        with self._changed:
            self._question = question
        self._wake()
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._question is None)
            self._question = None
            return self._decision

    def _quiet_for(self, t_ns: int, after_ns: int, quiet_s: float) -> bool:
        since_ns = self._director.quiet_since_ns(after_ns)
        return since_ns is not None and t_ns - since_ns >= s_to_ns(quiet_s)

    # Turns

    def _contents(self) -> Generator[TurnContent]:
        self._queue_start()
        with ThreadPoolExecutor(1, "tmlapp-encoder") as encoder:
            yield from self._turns(self._show(encoder))

    def _queue_start(self) -> None:
        program, line = self._program, self._line
        line.samples(program.lead)
        line.silence(self._base_samples - len(program.lead))
        if self._source is not None:
            line.silence(ns_to_samples(max(0, self._own_start_ns)))
        if self._tracks:
            line.file(self._tracks[0])

    def _show(self, encoder: ThreadPoolExecutor) -> ShownPictures | None:
        if self._source is None:
            return None
        lines = self._program.subtitles
        return ShownPictures(
            self._source,
            first_ns=self.media_t0_ns,
            quality=self._quality,
            subtitles=Subtitles(lines) if lines else None,
            encoder=encoder,
            max_fps=self._max_fps,
        )

    def _turns(self, shown: ShownPictures | None) -> Generator[TurnContent]:
        sounds = deque(self._tracks[1:])
        in_work: deque[_Turn] = deque()
        events = self._absent_tracks()
        index = 0
        while True:
            start_ns = index * TURN_NS
            if self._line.empty and sounds:
                while in_work:
                    yield in_work.popleft().finished()
                self._next_sound(start_ns, sounds)
            elif self._over(start_ns, shown):
                while in_work:
                    yield in_work.popleft().finished()
                if not self._goes_on(start_ns):
                    self._made_whole = True
                    return
            frames = shown.turn(start_ns, start_ns + TURN_NS) if shown else []
            pcm = self._line.read(TURN_SAMPLES)
            events += self._line.take_events() + (shown.take_events() if shown else [])
            in_work.append(_Turn(index, pcm, frames, events))
            events = []
            if len(in_work) > _IN_WORK:
                yield in_work.popleft().finished()
            index += 1
            self.turns = index

    def _next_sound(self, start_ns: int, sounds: deque[SoundTrack]) -> None:
        """Queue the next sound if it begins in the micro-turn at `start_ns`."""
        ended_ns = samples_to_ns(self._line.spans[-1][1] or 0)
        latest_ns = ended_ns + s_to_ns(self._program.turn_most_s)
        quiet_s = self._program.turn_quiet_s
        if start_ns < latest_ns and not self._decided(lambda: self._quiet_for(start_ns, ended_ns, quiet_s)):
            if latest_ns >= start_ns + TURN_NS:
                return
            self._line.silence(ns_to_samples(latest_ns - start_ns))
        self._line.file(sounds.popleft())

    def _over(self, start_ns: int, shown: ShownPictures | None) -> bool:
        """Whether the media are over, and the least tail as well; sets `media_end_ns`."""
        if not self._line.empty or (shown is not None and shown.end_ns is None):
            return False
        ends = [self.media_t0_ns, *(samples_to_ns(b) for _, b in self._line.spans if b is not None)]
        self.media_end_ns = max([*ends, shown.end_ns or 0] if shown is not None else ends)
        return start_ns >= TURN_NS and start_ns + TIME_GRAIN_NS >= self.media_end_ns + s_to_ns(self._program.least_s)

    def _goes_on(self, start_ns: int) -> bool:
        program = self._program
        if not program.quiet_s or start_ns + TIME_GRAIN_NS >= self.media_end_ns + s_to_ns(program.most_s):
            return False
        spoken_after_ns = self.media_end_ns if program.sounds else self.media_t0_ns
        return not self._decided(lambda: self._quiet_for(start_ns, spoken_after_ns, program.quiet_s))

    def _absent_tracks(self) -> list[SessionEvent]:
        gaps: list[SessionEvent] = []
        if not self._tracks:
            muted = self._program.video is not None and self._program.muted
            why = "The sound of the video was left out, as asked." if muted else "There is no sound: silence."
            gaps.append(Gap(t_ns=self.media_t0_ns, track="mic", dur_ns=0, reason=why, kind="absent"))
        if self._source is None:
            gaps.append(Gap(t_ns=0, track="camera", dur_ns=0, reason="There are no pictures.", kind="absent"))
        return gaps


@dataclass(slots=True)
class _Turn:
    index: int
    pcm: Pcm
    frames: list[Future[Frame]]
    events: list[SessionEvent]

    def finished(self) -> TurnContent:
        """Waits for the encoder."""
        events = tuple(sorted(self.events, key=lambda e: e.t_ns))
        return TurnContent(self.index, self.pcm, tuple(f.result() for f in self.frames), events)
