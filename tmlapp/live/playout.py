"""From what the model said to what was heard, on the session clock.

Sound comes item by item, an item in one piece or in many that may come faster than real time. Pieces of an item join
without a seam, and each item leaves one `Heard`: when everything of it was played and nothing more comes (its turn is
over, or the next item is there), or when nothing has come for `DRY_NS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from tmlapp.capture.playtap import PlayTap
from tmlapp.core.event import AudioOut, Event, Heard, Interrupted, SessionEvent, TurnStarted
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S, samples_to_ns

AUDIBLE = 66
"""Smallest sample that counts as heard: -54 dBFS."""

DRY_NS = 2 * NS_PER_S
"""An item of which more was to come ends when nothing was left to play for this long."""


@dataclass(frozen=True, slots=True, eq=False)
class HeardPiece:
    """A stretch of sound that the loudspeaker really played: int16 mono at `rate_hz` from `t_ns` on."""

    t_ns: int
    pcm: Pcm
    rate_hz: int


class Position(NamedTuple):
    """How much of an item was heard so far, by its samples."""

    item_id: str
    played_ns: int


def first_audible(pcm: Pcm) -> int | None:
    """Index of the first sample at or above -54 dBFS."""
    # int16 has no +32768: its negative extreme is compared as it stands.
    loud = (pcm >= AUDIBLE) | (pcm <= -AUDIBLE)
    at = int(loud.argmax()) if len(pcm) else 0
    return at if len(pcm) and loud[at] else None


class LateSound:
    """Tells sound of items that were interrupted already, which nobody shall hear. Fed with every event in order."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._cut: set[str] = set()

    def late(self, event: Event) -> bool:
        """Whether `event` is sound of an item, or of a response, that an interruption has ended."""
        match event:
            case AudioOut():
                names = {name for name in (event.item_id, event.response_id) if name}
                self._seen |= names
                return not self._cut.isdisjoint(names)
            case Interrupted():
                self._cut |= self._seen
                self._seen.clear()
            case TurnStarted():
                # Everything late has come; an endpoint with one name for all of its sound begins anew.
                self._cut.clear()
            case _:
                pass
        return False


class Playout(Protocol):
    """Owns what is heard. Called on the engine thread only."""

    def play(self, audio: AudioOut, item_id: str, *, more: bool = False) -> None:
        """Queue `audio` behind whatever is still to be played; `more` of the item may follow."""
        ...

    def finish(self, item_id: str | None) -> None:
        """Nothing more comes of the item; None: of any."""
        ...

    def flush(self, t_ns: int) -> tuple[str, ...]:
        """Throw away everything not heard by `t_ns`; the items that this cuts off, in the order of their sound."""
        ...

    def duck(self, gain: float, t_ns: int) -> None:
        """Play everything from `t_ns` (or now, if that is past) on `gain` times as loud, also what waits."""
        ...

    def advance(self, to_ns: int) -> tuple[list[HeardPiece], list[SessionEvent]]:
        """What was heard up to `to_ns` since the last call; a `Heard` for each item that ended, and notices."""
        ...

    @property
    def playing(self) -> Position | None:
        """The item that is being heard, or was the last to be and has not ended."""
        ...

    @property
    def busy(self) -> bool:
        """True while something is still to be heard."""
        ...

    @property
    def tap(self) -> PlayTap | None:
        """What was handed to the sound card; None where nothing sounds."""
        ...

    def close(self) -> None: ...


@dataclass(slots=True, eq=False)
class Item:
    """An item from its first sound to its `Heard`. `waiting` pieces are still to be played."""

    item_id: str
    text: str
    t_rx_ns: int
    t_media_ns: int | None
    on_output: bool
    more: bool
    start_ns: int | None = None
    audible_ns: int | None = None
    played_ns: int = 0
    end_ns: int = 0
    waiting: int = 0
    interrupted: bool = False

    @classmethod
    def of(cls, audio: AudioOut, item_id: str) -> Item:
        on_output = audio.media_kind == "output"
        return cls(item_id, audio.text, audio.t_rx_ns, audio.t_media_ns, on_output, more=False)

    def hear(self, t_ns: int, pcm: Pcm, rate_hz: int) -> None:
        if self.start_ns is None:
            self.start_ns = t_ns
        if self.audible_ns is None and (at := first_audible(pcm)) is not None:
            self.audible_ns = t_ns + samples_to_ns(at, rate_hz)
        dur_ns = samples_to_ns(len(pcm), rate_hz)
        self.played_ns += dur_ns
        self.end_ns = t_ns + dur_ns

    def over(self, now_ns: int) -> bool:
        return not self.waiting and (not self.more or now_ns - self.end_ns >= DRY_NS)

    def heard(self) -> Heard:
        return Heard(
            t_ns=self.end_ns if self.start_ns is None else self.start_ns,
            item_id=self.item_id,
            text=self.text,
            dur_ns=self.played_ns,
            interrupted=self.interrupted,
            t_rx_ns=self.t_rx_ns,
            t_media_ns=self.media_ns,
            audible_ns=self.audible_ns,
        )

    @property
    def media_ns(self) -> int | None:
        """Where its first sound belongs on the session clock: a place in the output begins when it is played."""
        return self.start_ns if self.on_output and self.t_media_ns is not None else self.t_media_ns


class Items:
    """The items that have not ended, in the order of their first sound."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._newest: Item | None = None
        self._latest: Item | None = None

    def take(self, audio: AudioOut, item_id: str, more: bool) -> Item:
        item = self._items.get(item_id)
        if item is None:
            if self._newest is not None:
                # The next item ends the one before.
                self._newest.more = False
            item = self._newest = self._items[item_id] = Item.of(audio, item_id)
        elif audio.text.strip() and audio.text != item.text:
            # A long text may be repeated with every piece of its sound.
            item.text = f"{item.text} {audio.text}".strip()
        item.more = more
        item.waiting += 1
        return item

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def hear(self, item: Item, t_ns: int, pcm: Pcm, rate_hz: int) -> None:
        item.hear(t_ns, pcm, rate_hz)
        self._latest = item

    def finish(self, item_id: str | None) -> None:
        for item in self._items.values():
            if item_id in (None, item.item_id):
                item.more = False

    def cut_off(self) -> tuple[str, ...]:
        """More was to come of them, or something waits."""
        cut = [item for item in self._items.values() if item.more or item.waiting]
        for item in cut:
            item.interrupted = item.interrupted or item.more
            item.more = False
        return tuple(item.item_id for item in cut)

    def pop(self, item: Item, now_ns: int) -> list[SessionEvent]:
        """Its `Heard`, if it is over."""
        if not item.over(now_ns):
            return []
        del self._items[item.item_id]
        return [item.heard()]

    def pop_over(self, now_ns: int) -> list[SessionEvent]:
        ended = [item for item in self._items.values() if item.over(now_ns)]
        for item in ended:
            del self._items[item.item_id]
        return [item.heard() for item in ended]

    @property
    def waiting(self) -> bool:
        return any(item.waiting for item in self._items.values())

    @property
    def playing(self) -> Position | None:
        item = self._latest
        if item is None or self._items.get(item.item_id) is not item:
            return None
        return Position(item.item_id, item.played_ns)

    def clear(self) -> None:
        self._items.clear()


class PlayedPart(Protocol):
    """What a loudspeaker reports: a stretch of an item that left the converter at `start_mono_ns`."""

    @property
    def item_id(self) -> str: ...
    @property
    def start_mono_ns(self) -> int: ...
    @property
    def pcm(self) -> Pcm: ...
    @property
    def rate_hz(self) -> int: ...
    @property
    def interrupted(self) -> bool: ...
    @property
    def done(self) -> bool: ...


class Loudspeaker(Protocol):
    """The part of a sound device that playout needs."""

    def open(self) -> None: ...
    def play(self, item_id: str, pcm: Pcm, rate_hz: int) -> None: ...
    def flush(self) -> None: ...
    def duck(self, gain: float) -> None: ...
    @property
    def tap(self) -> PlayTap | None: ...
    def poll(self) -> Sequence[PlayedPart]: ...
    def pop_events(self, to_session_ns: Callable[[int], int]) -> Sequence[SessionEvent]: ...
    def close(self) -> None: ...


class SpeakerPlayout:
    """A real loudspeaker; times are those of its converter, mapped to the session by `to_session_ns`."""

    def __init__(self, speaker: Loudspeaker, to_session_ns: Callable[[int], int]) -> None:
        self._speaker = speaker
        self._to_session_ns = to_session_ns
        self._items = Items()

    def play(self, audio: AudioOut, item_id: str, *, more: bool = False) -> None:
        # For the device an item waits or does not, in however many pieces it came.
        self._items.take(audio, item_id, more).waiting = 1
        self._speaker.play(item_id, np.frombuffer(audio.pcm16, "<i2"), audio.rate)

    def finish(self, item_id: str | None) -> None:
        self._items.finish(item_id)

    def flush(self, t_ns: int) -> tuple[str, ...]:  # noqa: ARG002 - the device knows best what it has sent
        self._speaker.flush()
        return self._items.cut_off()

    def duck(self, gain: float, t_ns: int) -> None:  # noqa: ARG002 - the next block of the device is soonest
        self._speaker.duck(gain)

    def advance(self, to_ns: int) -> tuple[list[HeardPiece], list[SessionEvent]]:
        pieces: list[HeardPiece] = []
        notices = list(self._speaker.pop_events(self._to_session_ns))
        for part in self._speaker.poll():
            t_ns = max(0, self._to_session_ns(part.start_mono_ns))
            if len(part.pcm):
                pieces.append(HeardPiece(t_ns, part.pcm, part.rate_hz))
            item = self._items.get(part.item_id)
            if item is None:
                continue
            if len(part.pcm) or item.start_ns is None:
                self._items.hear(item, t_ns, part.pcm, part.rate_hz)
            item.interrupted = item.interrupted or part.interrupted
            item.waiting = 0 if part.done else 1
        return pieces, [*notices, *self._items.pop_over(to_ns)]

    @property
    def playing(self) -> Position | None:
        return self._items.playing

    @property
    def busy(self) -> bool:
        return self._items.waiting

    @property
    def tap(self) -> PlayTap | None:
        return self._speaker.tap

    def close(self) -> None:
        self._speaker.close()
