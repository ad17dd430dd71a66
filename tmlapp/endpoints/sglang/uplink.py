"""The input timeline of one connection: which samples were sent, what session time they are, what was refused.

The server counts samples; a micro-turn that it refused is missing on its timeline, and everything after it lies earlier
there than in the session.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from tmlapp.core.event import InputLost
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS

_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch to append: `pcm16` are `samples` from `start` on; `last` of its micro-turn, which began at `begin`."""

    pcm16: bytes
    seq: int
    start: int
    samples: int
    last: bool
    begin: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG of micro-turn `index`, taken at `t_ms` of the input timeline."""

    t_ms: float
    jpeg: bytes
    index: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """What waits for its answer; `sound` is None for a picture. `run` grows with every refusal."""

    index: int
    run: int
    sound: Sound | None


class Uplink:
    """Orders what a micro-turn sends, and keeps the books on what became of it.

    Args:
        rate: of the sound that is sent.
        unit_ms: of the model.
        frames_per_unit: at most so many pictures go with a unit; 0 for no limit.
        max_image_bytes: of one picture.
    """

    def __init__(self, rate: int, unit_ms: int, frames_per_unit: int, max_image_bytes: int) -> None:
        self.rate = rate
        self.unit_ms = unit_ms
        self._unit = max(1, rate * unit_ms // 1000)
        self._frames = frames_per_unit
        self._most_bytes = max_image_bytes
        self._seq = 0
        self._run = 0
        self.samples = 0
        # (first sample, session time) of every stretch without a hole, oldest first.
        self._anchors: list[tuple[int, int]] = []
        # (sample after the last one, index) of every micro-turn whose units are not all done.
        self._ends: deque[tuple[int, int]] = deque()
        self._held: list[Picture] = []
        self._waiting: OrderedDict[str, _Sent] = OrderedDict()

    # ------------------------------------------------------------------ out

    def turn(self, turn: MicroTurn, pcm16: bytes, *, pictures: bool) -> Iterator[Sound | Picture | InputLost]:
        """What to send for `turn`, in order: of every stretch first the pictures, then the sound."""
        start, count = self.samples, len(pcm16) // 2
        self._anchor(start, turn.t_ns)
        due: list[Picture] = []
        if pictures:
            yield from self._take(turn, start)
            due, lost = self._due(start + count)
            yield from lost
        # A server takes pictures only so many units ahead of the sound.
        step = 2 * self._unit if due and count > 2 * self._unit else count
        for at in range(0, count, step):
            piece = pcm16[2 * at : 2 * (at + step)]
            samples, last = len(piece) // 2, at + step >= count
            end_ms = math.inf if last else self.ms(start + at + samples)
            while due and due[0].t_ms < end_ms:
                yield due.pop(0)
            yield Sound(piece, self._seq, self.samples, samples, last, start)
            self._seq += 1
            self.samples += samples
        self._ends.append((self.samples, turn.index))
        if len(self._ends) > _KEPT:
            self._ends.popleft()

    def leftovers(self) -> list[Picture]:
        """Pictures that waited for the rest of their unit, which will not come."""
        held, self._held = self._held, []
        return held

    def sent(self, event_id: str, index: int, sound: Sound | None = None) -> None:
        """A stretch or a picture of micro-turn `index` went out under this name."""
        self._waiting[event_id] = _Sent(index, self._run, sound)
        if len(self._waiting) > _KEPT:
            self._waiting.popitem(last=False)

    def _anchor(self, start: int, t_ns: int) -> None:
        expected = self.session_ns(self.ms(start))
        # Rates that do not divide a micro-turn round to whole samples.
        if expected is None or abs(expected - t_ns) > 2 * NS_PER_S // self.rate:
            self._anchors.append((start, t_ns))
            del self._anchors[:-_KEPT]

    def _take(self, turn: MicroTurn, start: int) -> Iterator[InputLost]:
        """Hold this micro-turn's pictures for their units; those that are too large are left out."""
        for frame in turn.frames:
            if len(frame.jpeg) > self._most_bytes:
                why = f"A picture has {len(frame.jpeg)} bytes, and the endpoint takes {self._most_bytes}."
                yield InputLost(micro_turn=turn.index, what="video", reason=why)
                continue
            after_ns = min(max(0, frame.t_ns - turn.t_ns), TURN_NS - 1)
            self._held.append(Picture(self.ms(start) + after_ns / NS_PER_MS, frame.jpeg, turn.index))

    def _due(self, end: int) -> tuple[list[Picture], list[InputLost]]:
        """The newest pictures of every unit that is complete at sample `end`, and what there was no room for."""
        units: dict[int, list[Picture]] = {}
        for picture in sorted(self._held, key=lambda p: p.t_ms):
            units.setdefault(math.floor(picture.t_ms / self.unit_ms), []).append(picture)
        due: list[Picture] = []
        lost: list[int] = []
        self._held = []
        for unit, pictures in units.items():
            kept = pictures[-self._frames :] if self._frames else pictures
            lost += [picture.index for picture in pictures[: len(pictures) - len(kept)]]
            complete = (unit + 1) * self._unit <= end
            (due if complete or not self._frames else self._held).extend(kept)
        why = f"The endpoint takes {self._frames} pictures in {self.unit_ms} ms; the newest are sent."
        return due, [InputLost(micro_turn=i, what="video", reason=why) for i in dict.fromkeys(lost)]

    # ------------------------------------------------------------------ what became of it

    def accepted(self, event_id: str, seq: int | None) -> tuple[int, Sound] | None:
        """A stretch was taken: its micro-turn, and what it was; None if nobody knows it."""
        if event_id not in self._waiting:
            event_id = next((n for n, s in self._waiting.items() if s.sound and s.sound.seq == seq), event_id)
        sent = self._waiting.pop(event_id, None)
        return None if sent is None or sent.sound is None else (sent.index, sent.sound)

    def picture_accepted(self, event_id: str) -> None:
        self._waiting.pop(event_id, None)

    def refused(self, event_id: str, why: str) -> list[InputLost]:
        """The server did not take it: what is lost. The next stretch goes where this one would have been."""
        sent = self._waiting.pop(event_id, None)
        if sent is None:
            return []
        if sent.sound is None:
            return [InputLost(micro_turn=sent.index, what="video", reason=why)]
        if sent.run == self._run:
            # What went out behind it is refused as well, for its numbers; none of it is sent again: it would be late.
            self._run += 1
            self._seq, self.samples = sent.sound.seq, sent.sound.start
            while self._ends and self._ends[-1][0] > self.samples:
                self._ends.pop()
        lost = [InputLost(micro_turn=sent.index, what="turn", reason=why)]
        held = dict.fromkeys(picture.index for picture in self.leftovers())
        gone = "The sound that it belonged to was refused."
        return lost + [InputLost(micro_turn=i, what="video", reason=gone) for i in held if i != sent.index]

    def done(self, end_ms: float) -> int | None:
        """Units up to `end_ms` are done: the micro-turn of which now all is answered that it completed, if any."""
        end = round(end_ms * self.rate / 1000)
        while self._ends and self._ends[0][0] < end:
            self._ends.popleft()
        if not self._ends or end + self._unit <= self._ends[0][0]:
            return None
        return self._ends.popleft()[1]

    def completes(self, sound: Sound) -> bool:
        """Whether a unit ends within the micro-turn of this stretch, its last one."""
        return (sound.start + sound.samples) // self._unit > sound.begin // self._unit

    def session_ns(self, ms: float) -> int | None:
        """Session time of `ms` of the input timeline; None before anything was sent."""
        if not self._anchors:
            return None
        at = max(0, bisect_right(self._anchors, (round(ms * self.rate / 1000), math.inf)) - 1)
        sample, t_ns = self._anchors[at]
        return t_ns + round((ms - self.ms(sample)) * NS_PER_MS)

    @property
    def sent_ms(self) -> float:
        """Length of everything that was sent and not refused."""
        return self.ms(self.samples)

    @property
    def offset_ns(self) -> int | None:
        """Session time of the zero of the input timeline, as the newest stretch without a hole has it."""
        return self._anchors[-1][1] - round(self.ms(self._anchors[-1][0]) * NS_PER_MS) if self._anchors else None

    def ms(self, samples: int) -> float:
        """Milliseconds of `samples`."""
        return samples * 1000 / self.rate
