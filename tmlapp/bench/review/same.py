"""Did two recordings get the same input? By the digest of each micro-turn's sound, without reading any sound."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from tmlapp.core.units import NS_PER_S, TURN_NS
from tmlapp.recording.reader import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Sameness:
    """How far two inputs agree.

    Attributes:
        sound: every micro-turn of the shorter one has the same sound, bit for bit.
        frames: and the same frames.
        differs_at_ns: the first micro-turn that does not agree; None where all do.
        turns: micro-turns of each.
    """

    sound: bool
    frames: bool
    differs_at_ns: int | None
    turns: tuple[int, int]

    @property
    def text(self) -> str:
        """For a person, in one sentence."""
        if self.differs_at_ns is None:
            shorter, longer = sorted(self.turns)
            more = f", one of them {(longer - shorter) * TURN_NS / NS_PER_S:.1f} s longer" if longer > shorter else ""
            return f"The same input, bit for bit{more}."
        what = "sound" if not self.sound else "frames"
        return f"The inputs differ: other {what} from {self.differs_at_ns / NS_PER_S:.1f} s on."


def same_input(a: Recording, b: Recording) -> Sameness:
    """Compare what two endpoints were given; call it on a worker thread.

    Raises:
        AppError: a recording is damaged.
    """
    sound = frames = True
    differs: int | None = None
    for one, other in zip_longest(a.turn_records(), b.turn_records()):
        if one is None or other is None:
            break
        same_sound = one["pcm_crc32"] == other["pcm_crc32"]
        same_frames = [f["crc32"] for f in one["frames"]] == [f["crc32"] for f in other["frames"]]
        sound, frames = sound and same_sound, frames and same_frames
        if differs is None and not (same_sound and same_frames):
            differs = one["index"] * TURN_NS
    return Sameness(sound=sound, frames=frames, differs_at_ns=differs, turns=(a.n_turns, b.n_turns))
