"""From what the model said to what was heard, on the session clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tmlapp.core.event import AudioOut, Heard, SessionEvent
from tmlapp.core.media import Pcm
from tmlapp.core.units import ns_to_samples, samples_to_ns


@dataclass(frozen=True, slots=True, eq=False)
class HeardPiece:
    """A stretch of sound that the loudspeaker really played: int16 mono at `rate_hz` from `t_ns` on."""

    t_ns: int
    pcm: Pcm
    rate_hz: int


class Playout(Protocol):
    """Owns what is heard. Called on the engine thread only."""

    def play(self, audio: AudioOut, item_id: str) -> None:
        """Queue `audio` behind whatever is still playing."""
        ...

    def flush(self, t_ns: int) -> None:
        """Throw away everything not heard by `t_ns`."""
        ...

    def advance(self, to_ns: int) -> tuple[list[HeardPiece], list[SessionEvent]]:
        """What was heard up to `to_ns` since the last call; a `Heard` for each item that ended, and notices."""
        ...

    @property
    def busy(self) -> bool:
        """True while something is still to be heard."""
        ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Item:
    item_id: str
    text: str
    pcm: Pcm
    rate_hz: int
    start_ns: int
    played: int = 0
    interrupted: bool = False

    @property
    def end_ns(self) -> int:
        return self.start_ns + samples_to_ns(len(self.pcm), self.rate_hz)

    def heard(self) -> Heard:
        return Heard(
            t_ns=self.start_ns,
            item_id=self.item_id,
            text=self.text,
            dur_ns=samples_to_ns(len(self.pcm), self.rate_hz),
            interrupted=self.interrupted,
        )


class VirtualPlayout:
    """A loudspeaker without delay, for runs from files and machines without sound.

    Each item begins as soon as it was received and the one before it has ended.
    """

    def __init__(self) -> None:
        self._items: deque[_Item] = deque()
        self._free_ns = 0

    def play(self, audio: AudioOut, item_id: str) -> None:
        pcm = np.frombuffer(audio.pcm16, "<i2")
        item = _Item(item_id, audio.text, pcm, audio.rate, max(audio.t_rx_ns, self._free_ns))
        self._free_ns = item.end_ns
        self._items.append(item)

    def flush(self, t_ns: int) -> None:
        for item in self._items:
            heard = max(item.played, ns_to_samples(max(0, t_ns - item.start_ns), item.rate_hz))
            if heard < len(item.pcm):
                item.pcm = item.pcm[:heard]
                item.interrupted = True
        self._free_ns = min(self._free_ns, t_ns)

    def advance(self, to_ns: int) -> tuple[list[HeardPiece], list[SessionEvent]]:
        pieces: list[HeardPiece] = []
        ended: list[SessionEvent] = []
        while self._items:
            item = self._items[0]
            until = min(len(item.pcm), ns_to_samples(max(0, to_ns - item.start_ns), item.rate_hz))
            if until > item.played:
                at_ns = item.start_ns + samples_to_ns(item.played, item.rate_hz)
                pieces.append(HeardPiece(at_ns, item.pcm[item.played : until], item.rate_hz))
                item.played = until
            if item.played < len(item.pcm):
                break
            ended.append(self._items.popleft().heard())
        return pieces, ended

    @property
    def busy(self) -> bool:
        return bool(self._items)

    def close(self) -> None:
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
    def poll(self) -> Sequence[PlayedPart]: ...
    def pop_events(self, to_session_ns: Callable[[int], int]) -> Sequence[SessionEvent]: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class _Pending:
    text: str
    start_ns: int | None = None
    dur_ns: int = 0


class SpeakerPlayout:
    """A real loudspeaker; times are those of its converter, mapped to the session by `to_session_ns`."""

    def __init__(self, speaker: Loudspeaker, to_session_ns: Callable[[int], int]) -> None:
        self._speaker = speaker
        self._to_session_ns = to_session_ns
        self._pending: dict[str, _Pending] = {}

    def play(self, audio: AudioOut, item_id: str) -> None:
        self._pending[item_id] = _Pending(audio.text)
        self._speaker.play(item_id, np.frombuffer(audio.pcm16, "<i2"), audio.rate)

    def flush(self, t_ns: int) -> None:  # noqa: ARG002 - the device knows best what it has sent
        self._speaker.flush()

    def advance(self, to_ns: int) -> tuple[list[HeardPiece], list[SessionEvent]]:  # noqa: ARG002
        pieces: list[HeardPiece] = []
        ended = list(self._speaker.pop_events(self._to_session_ns))
        for part in self._speaker.poll():
            t_ns = max(0, self._to_session_ns(part.start_mono_ns))
            if len(part.pcm):
                pieces.append(HeardPiece(t_ns, part.pcm, part.rate_hz))
            pending = self._pending.get(part.item_id)
            if pending is None:
                continue
            if pending.start_ns is None:
                pending.start_ns = t_ns
            pending.dur_ns += samples_to_ns(len(part.pcm), part.rate_hz)
            if part.done:
                del self._pending[part.item_id]
                ended.append(
                    Heard(
                        t_ns=pending.start_ns,
                        item_id=part.item_id,
                        text=pending.text,
                        dur_ns=pending.dur_ns,
                        interrupted=part.interrupted,
                    )
                )
        return pieces, ended

    @property
    def busy(self) -> bool:
        return bool(self._pending)

    def close(self) -> None:
        self._speaker.close()
