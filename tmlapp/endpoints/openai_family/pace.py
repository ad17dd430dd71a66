"""When a picture is sent, and when a person who is not listened to by the service has finished speaking."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tmlapp.core.media import Frame, Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS

LOUD = 328
"""Peak of int16 from which a micro-turn may be speech: -40 dBFS."""

_FORGET_TURNS = 25


def is_loud(pcm: Pcm) -> bool:
    return bool(np.max(pcm, initial=0) >= LOUD or np.min(pcm, initial=0) <= -LOUD)


class PicturePace:
    """Chooses the newest picture of a micro-turn, at most `per_s` of them per second of session time; 0: none."""

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s
        self._next_ns: int | None = None

    def take(self, turn: MicroTurn) -> Frame | None:
        """The picture that is due; one that stands in for a stalled camera is not sent again."""
        if self.per_s <= 0 or not turn.frames:
            return None
        frame = turn.frames[-1]
        if self._next_ns is not None and (frame.repeated or frame.t_ns < self._next_ns):
            return None
        every_ns = round(NS_PER_S / self.per_s)
        # Due times stand on a grid, so that a rate is kept although pictures come in micro-turns.
        due_ns = frame.t_ns if self._next_ns is None else self._next_ns
        self._next_ns = max(due_ns + every_ns, frame.t_ns + every_ns - TURN_NS)
        return frame


class ClientTurns:
    """Says by loudness when a person has finished, for a service that leaves it to us.

    Args:
        silence_ms: quiet that ends a turn, rounded up to micro-turns.
        every_s: a turn also ends after so long, whatever was heard; 0: never.
    """

    def __init__(self, silence_ms: float, every_s: float = 0.0) -> None:
        self._silence_turns = max(1, -(-round(silence_ms * NS_PER_MS) // TURN_NS))
        self._every_turns = round(every_s * NS_PER_S / TURN_NS)
        self.spoken = False
        self._quiet = 0
        self._since = 0

    def after(self, turn: MicroTurn) -> Literal["", "ended", "tick", "forget"]:
        """What to do after the sound of `turn`.

        `ended`: the person has finished, `tick`: it is time to ask; `forget`: the buffer holds nothing but quiet.
        """
        self._since += 1
        if is_loud(turn.pcm):
            self.spoken, self._quiet = True, 0
        else:
            self._quiet += 1
        if self.spoken and self._quiet >= self._silence_turns:
            self.ended()
            return "ended"
        if 0 < self._every_turns <= self._since:
            self.ended()
            return "tick"
        # A buffer of quiet would be listened to, and paid for, with the next turn.
        if not self.spoken and not self._every_turns and self._quiet >= _FORGET_TURNS:
            self._quiet = self._since = 0
            return "forget"
        return ""

    def ended(self) -> None:
        self.spoken = False
        self._quiet = self._since = 0
