"""The session's track of sound: blocks of one or several openings of the microphone, each at its place."""

from __future__ import annotations

import numpy as np

from tmlapp.capture.chunker import Chunker
from tmlapp.capture.clockfit import ClockFit
from tmlapp.capture.microphone import MicLine, Microphone
from tmlapp.capture.placement import LATE_NS, hole_before
from tmlapp.capture.ring import BlockMeta
from tmlapp.core.clock import Clock
from tmlapp.core.event import Gap
from tmlapp.core.resample import Resampler
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ, ns_to_samples, samples_to_ns

_NOTE_EVERY_NS = NS_PER_S
_STALLED = "The sound of this stretch never came: the computer or the sound server stood still."
_OVERFLOWED = "The sound card reported that it lost input."
_REFUSED = "The session did not read its microphone for so long that the buffer was full."
_UNPLUGGED = "The microphone does not answer."
_ABSENT = "There is no microphone; the track is silent."


class SoundLine:
    """Fills a chunker from a microphone, on the engine's thread; without a microphone it gives silence by the clock.

    Attributes:
        fit: session time against monotonic time.
        by_clock: no stream is open now, so somebody has to call at `due_ns`.
    """

    def __init__(self, microphone: Microphone | None, chunker: Chunker, clock: Clock) -> None:
        self._microphone = microphone
        self._chunker = chunker
        self._clock = clock
        self.fit = ClockFit()
        self.by_clock = True
        self._line: MicLine | None = None
        self._resampler = Resampler(SAMPLE_RATE_HZ, SAMPLE_RATE_HZ)
        self._base_samples = 0
        self._first = True
        self._filled = -1
        self._gap_from_ns: int | None = None
        self._paused = False
        self._resumed = False

    def start(self) -> None:
        """Session time begins with the first sample that comes; without a microphone, now."""
        self.fit.anchor(0, self._clock.now_ns())
        if self._microphone is None:
            self._chunker.note(Gap(t_ns=0, track="mic", dur_ns=0, reason=_ABSENT, kind="absent"))

    def pause(self, paused: bool) -> None:
        """From now on drop what comes, or take it again; any thread."""
        line = self._line
        if line is not None:
            line.ring.accepting = not paused
        self._resumed = self._paused and not paused
        self._paused = paused

    @property
    def due_ns(self) -> int:
        """Monotonic time at which the next micro-turn should be complete."""
        return self.fit.due_ns(self._chunker.t_ns + samples_to_ns(self._chunker.missing))

    def advance(self) -> bool:
        """Move what is there towards the next micro-turn; False if there is nothing to do now."""
        current = self._microphone.line if self._microphone else None
        if self._line is None:
            # One that came back and has not woken up yet must not hold up the session.
            waking = current is not None and self._chunker.samples > 0 and not current.ring.blocks_written
            self._begin(None if waking else current)
        line = self._line
        if line is None:
            return self._silence()
        if self._pull(line, final=line is not current):
            return True
        if line is not current:
            self._line = None
            return True
        return self._ask(line)

    def _begin(self, line: MicLine | None) -> None:
        self._line = line
        self.by_clock = line is None
        if line is not None:
            self._resampler = Resampler(line.rate_hz, SAMPLE_RATE_HZ)
            self._base_samples = self._chunker.samples
            self._first = True
            self._filled = -1
            line.ring.accepting = not self._paused

    def _ask(self, line: MicLine) -> bool:
        """Have the callback wake us when the next micro-turn can be complete; True if more came meanwhile."""
        ring = line.ring
        known = ring.written
        wanted = ring.read + self._resampler.frames_for(self._chunker.missing)
        # Also woken one block early, the engine does most of the work before it is urgent, and is warm for the rest.
        early = wanted - ring.block_frames
        ring.wake_at = early if early > known else max(wanted, known + 1)
        return ring.written >= ring.wake_at

    def _silence(self) -> bool:
        now_ns = self._clock.now_ns()
        if self._paused:
            return False
        if self._resumed:
            self._resumed = False
            self.fit.anchor(self._chunker.t_ns, now_ns)
        due_ns = self.due_ns
        if now_ns < due_ns:
            return False
        if self._microphone is not None:
            if self._gap_from_ns is None:
                self._gap_from_ns = self._chunker.t_ns
            elif self._chunker.t_ns - self._gap_from_ns >= _NOTE_EVERY_NS:
                self._note_unplugged()
                self._gap_from_ns = self._chunker.t_ns
        self._chunker.silence(self._chunker.missing, due_ns)
        return True

    def _note_unplugged(self) -> None:
        if self._gap_from_ns is not None:
            dur_ns = self._chunker.t_ns - self._gap_from_ns
            gap = Gap(t_ns=self._gap_from_ns, track="mic", dur_ns=dur_ns, reason=_UNPLUGGED, kind="unplugged")
            self._chunker.note(gap)
            self._gap_from_ns = None

    def _position_ns(self, line: MicLine, more_frames: int) -> int:
        """Session time of the sound that is `more_frames` after what the resampler has taken."""
        frames = self._resampler.taken + more_frames
        return samples_to_ns(self._base_samples) + frames * NS_PER_S // line.rate_hz + self._resampler.delay_ns

    def _pull(self, line: MicLine, *, final: bool) -> bool:
        """Take the blocks that are there, as far as the next micro-turn needs them; False if there are none."""
        ring = line.ring
        need = self._resampler.frames_for(self._chunker.missing)
        count, frames, ready_ns = 0, 0, 0
        for block in range(ring.blocks_read, ring.blocks_written):
            meta = ring.meta(block)
            met = self._first or meta.resumed
            if met:
                self._meet(line, meta, frames)
                need = self._resampler.frames_for(self._chunker.missing)
            end_ns = self._position_ns(line, frames + meta.frames)
            hole: int | None = 0 if block == self._filled else meta.missing
            if not (hole or met or final or block == self._filled):
                hole = self._hole_frames(line, block, end_ns)
            if hole is None or (hole and count):
                break
            if hole:
                self._fill(line, hole, meta)
                self._filled = block
                return True
            self._stamp(line, meta, end_ns)
            count, frames, ready_ns = count + 1, frames + meta.frames, meta.callback_ns
            if frames >= need:
                break
        if count and self._microphone is not None:
            pcm = self._microphone.mono(ring.take(count))
            self._chunker.push(self._resampler.push(pcm), ready_ns)
        return count > 0

    def _hole_frames(self, line: MicLine, block: int, end_ns: int) -> int | None:
        hole_ns = hole_before(line.ring, block, end_ns, line.rate_hz, self.fit)
        return hole_ns if hole_ns is None else hole_ns * line.rate_hz // NS_PER_S

    def _meet(self, line: MicLine, meta: BlockMeta, frames: int) -> None:
        """The first block of a stream, or after a pause: it says what time it is."""
        if self._first and self._chunker.samples and not self._resumed:
            # Back again: silence up to where its first frame belongs.
            begin_ns = self.fit.arrived_ns(meta.callback_ns) - meta.frames * NS_PER_S // line.rate_hz
            self._chunker.silence(ns_to_samples(begin_ns - self._chunker.t_ns), meta.callback_ns)
            self._base_samples = self._chunker.samples
            self._note_unplugged()
        self._first = self._resumed = False
        self.fit.anchor(self._position_ns(line, frames + meta.frames), meta.callback_ns)

    def _fill(self, line: MicLine, frames: int, meta: BlockMeta) -> None:
        """Silence in the place of `frames` lost ones."""
        t_ns = self._position_ns(line, 0)
        ringing = min(frames, self._resampler.ring_frames)
        self._chunker.push(self._resampler.push(np.zeros(ringing, np.int16)), meta.callback_ns)
        self._chunker.silence(self._resampler.skip(frames - ringing), meta.callback_ns)
        dur_ns = frames * NS_PER_S // line.rate_hz
        lost = meta.overflow or meta.missing > 0
        reason = _REFUSED if meta.missing else _OVERFLOWED if meta.overflow else _STALLED
        self._chunker.note(
            Gap(t_ns=t_ns, track="mic", dur_ns=dur_ns, reason=reason, kind="lost" if lost else "stalled")
        )

    def _stamp(self, line: MicLine, meta: BlockMeta, end_ns: int) -> None:
        if self.fit.late_ns(end_ns, meta.callback_ns) <= LATE_NS:
            converted_ns = meta.callback_ns - meta.age_ns + meta.frames * NS_PER_S // line.rate_hz
            self.fit.add(end_ns, meta.callback_ns, converted_ns)
