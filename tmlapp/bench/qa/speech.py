"""Who speaks when: the model's sound as it was heard, the user's voice on the microphone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from tmlapp.capture.vad import FRAME_SAMPLES, VoiceActivity
from tmlapp.core.event import AudioOut, Heard, Interrupted
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S, samples_to_ns

PAUSE_NS = 500 * NS_PER_MS
"""A shorter pause does not end a stretch of speech."""

USER_LEAST_NS = 200 * NS_PER_MS
"""Less voice than this is a cough, or the detector finding its level."""

LEVEL = 32768 * 10 ** (-50 / 20)
"""Root mean square of 20 ms from which on the model is heard: −50 dBFS."""

_STEP_MS = 20
_LONGEST_NS = 600 * NS_PER_S
"""Nobody speaks longer than ten minutes without a pause; further back is not looked."""

_FAR_NS = 1 << 62
_FRAME_NS = samples_to_ns(FRAME_SAMPLES)

Span = tuple[int, int]
"""Begin and end, session time."""


def around(spans: Sequence[Span], start_ns: int, end_ns: int) -> Sequence[Span]:
    """Those of `spans`, in order of time, that belong to a stretch which may touch `start_ns` … `end_ns`."""
    first = bisect_left(spans, (start_ns, 0))
    earliest = start_ns
    while first > 0 and spans[first - 1][1] + PAUSE_NS >= earliest and earliest > start_ns - _LONGEST_NS:
        first -= 1
        earliest = min(earliest, spans[first][0])
    last = bisect_right(spans, (end_ns, _FAR_NS))
    while 0 < last < len(spans) and spans[last][0] - spans[last - 1][1] < PAUSE_NS:
        last += 1
    return spans[first:last]


def joined(spans: Iterable[Span], pause_ns: int = PAUSE_NS) -> list[Span]:
    """`spans` in order of time, those closer than `pause_ns` made one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin - found[-1][1] < pause_ns:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


class UserSpeech:
    """The user's voice, from the microphone's sound without a hole."""

    def __init__(self) -> None:
        self._activity = VoiceActivity()
        self._frames = 0
        self._found: list[list[int]] = []

    def push(self, pcm: Pcm) -> None:
        """int16 [n * 320] at 16 kHz that follows what came before."""
        for voiced in self._activity.push(pcm):
            begin = self._frames * _FRAME_NS
            self._frames += 1
            if not voiced:
                continue
            if self._found and begin - self._found[-1][1] < PAUSE_NS:
                self._found[-1][1] = begin + _FRAME_NS
                self._found[-1][2] += _FRAME_NS
            else:
                self._found.append([begin, begin + _FRAME_NS, _FRAME_NS])

    @property
    def now_ns(self) -> int:
        return self._frames * _FRAME_NS

    def stretches(self) -> list[Span]:
        """Every stretch with enough voice in it; the last one may still go on."""
        return [(begin, end) for begin, end, voice in self._found if voice >= USER_LEAST_NS]


@dataclass(slots=True)
class _Chunk:
    """A piece of an item as it was received: `offset_ns` into the item's sound, foreseen at `start_ns` … `end_ns`."""

    start_ns: int
    end_ns: int
    offset_ns: int


@dataclass(slots=True)
class _Item:
    key: str
    chunks: list[_Chunk] = field(default_factory=list)
    loud: list[Span] = field(default_factory=list)
    heard: list[tuple[int, int, int]] = field(default_factory=list)
    length_ns: int = 0
    played_ns: int = 0
    spans: list[Span] = field(default_factory=list)


class ModelSpeech:
    """The model's sound: where it is foreseen until the loudspeaker has told what it played."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}
        self._open: list[tuple[_Chunk, _Item]] = []
        self._chunks: list[_Chunk] = []
        self._free_ns = 0
        self._spans: list[Span] = []
        self._changed: dict[str, _Item] = {}

    def on_audio(self, event: AudioOut) -> None:
        """Sound came: it is foreseen behind what still plays."""
        pcm = np.frombuffer(event.pcm16, "<i2")
        item = self._item(event.item_id or "")
        begin_ns = max(event.t_rx_ns, self._free_ns)
        end_ns = begin_ns + samples_to_ns(len(pcm), event.rate)
        chunk = _Chunk(begin_ns, end_ns, item.length_ns)
        item.chunks.append(chunk)
        item.loud += [(item.length_ns + a, item.length_ns + b) for a, b in loud_spans(pcm, event.rate)]
        item.length_ns += end_ns - begin_ns
        self._open = [(c, i) for c, i in self._open if c.end_ns > event.t_rx_ns]
        self._open.append((chunk, item))
        self._chunks.append(chunk)
        self._free_ns = end_ns
        self._changed[item.key] = item

    def on_interrupted(self, event: Interrupted) -> None:
        """What was not played yet is thrown away."""
        for chunk, item in self._open:
            # What had not begun has no length any more, and no later place than what comes next.
            chunk.start_ns = min(chunk.start_ns, event.t_rx_ns)
            chunk.end_ns = min(chunk.end_ns, event.t_rx_ns)
            self._changed[item.key] = item
        self._open.clear()
        self._free_ns = min(self._free_ns, event.t_rx_ns)

    def on_heard(self, event: Heard) -> None:
        """The loudspeaker has played the next `dur_ns` of the item; the rest of an interrupted one is gone."""
        item = self._item(event.item_id)
        item.heard.append((event.t_ns, item.played_ns, event.dur_ns))
        item.played_ns += event.dur_ns
        if event.interrupted:
            item.played_ns = max(item.played_ns, item.length_ns)
        self._changed[item.key] = item

    def begin_of(self, item_id: str) -> int | None:
        """When the item is first heard; None where it has no sound that can be heard."""
        self._settle()
        item = self._items.get(item_id)
        return item.spans[0][0] if item is not None and item.spans else None

    def near(self, t_ns: int, reach_ns: int) -> bool:
        """True if sound came around `t_ns`."""
        # Chunks follow one another, so only the last one that began before matters.
        last = bisect_right(self._chunks, t_ns + reach_ns, key=lambda c: c.start_ns) - 1
        return last >= 0 and self._chunks[last].end_ns >= t_ns - reach_ns

    def spans(self) -> list[Span]:
        """Every loud stretch, in order of time, pauses not yet joined."""
        self._settle()
        return self._spans

    def _item(self, key: str) -> _Item:
        return self._items.setdefault(key, _Item(key))

    def _settle(self) -> None:
        """Put the spans of items that changed in place of their old ones; an hour of the others stays as it is."""
        for item in self._changed.values():
            for span in item.spans:
                del self._spans[bisect_left(self._spans, span)]
            item.spans = sorted(_placed(item))
            for span in item.spans:
                insort(self._spans, span)
        self._changed.clear()


def _placed(item: _Item) -> Iterator[Span]:
    places = [(offset, offset + dur, t_ns) for t_ns, offset, dur in item.heard]
    for chunk in item.chunks:
        # What was played already lies where it was played; only the rest is still foreseen.
        skip = max(0, item.played_ns - chunk.offset_ns)
        length = chunk.end_ns - chunk.start_ns
        if skip < length:
            places.append((chunk.offset_ns + skip, chunk.offset_ns + length, chunk.start_ns + skip))
    for begin, end, t_ns in places:
        for a, b in item.loud:
            if a < end and b > begin:
                yield t_ns + max(a, begin) - begin, t_ns + min(b, end) - begin


def loud_spans(pcm: Pcm, rate_hz: int) -> list[Span]:
    """Where int16 [n] at `rate_hz` can be heard, in ns from its first sample on."""
    size = max(1, rate_hz * _STEP_MS // 1000)
    whole = -(-len(pcm) // size)
    padded = np.zeros(whole * size, np.float64)
    padded[: len(pcm)] = pcm
    loud = np.sqrt((padded.reshape(whole, size) ** 2).mean(axis=1)) >= LEVEL
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(np.int8)))
    ends = np.minimum(edges * size, len(pcm))
    return [(samples_to_ns(int(a), rate_hz), samples_to_ns(int(b), rate_hz)) for a, b in ends.reshape(-1, 2)]
