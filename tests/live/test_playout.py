"""What was heard is known to the sample, on a virtual and on a real loudspeaker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from tests.live.parts import sound
from tmlapp.core.event import Heard, Notice, SessionEvent
from tmlapp.core.media import Pcm
from tmlapp.core.units import TURN_NS
from tmlapp.live.playout import SpeakerPlayout, VirtualPlayout

pytestmark = pytest.mark.unit

MS = 1_000_000


def test_items_are_heard_one_after_the_other_and_never_overlap() -> None:
    playout = VirtualPlayout()
    playout.play(sound(0, 24_000, "one"), "a")
    playout.play(sound(1, 12_000, "two"), "b")
    pieces, ended = playout.advance(5_000 * MS)
    assert [(p.t_ns // MS, len(p.pcm)) for p in pieces] == [(200, 24_000), (1_200, 12_000)]
    assert [(e.t_ns // MS, e.dur_ns // MS) for e in ended if isinstance(e, Heard)] == [(200, 1_000), (1_200, 500)]
    assert not playout.busy


def test_a_piece_is_never_reported_twice() -> None:
    playout = VirtualPlayout()
    playout.play(sound(0, 24_000), "a")
    total = 0
    for k in range(1, 10):
        pieces, _ = playout.advance(k * TURN_NS)
        total += sum(len(p.pcm) for p in pieces)
    assert total == 24_000


def test_nothing_is_heard_before_it_was_received() -> None:
    playout = VirtualPlayout()
    playout.play(sound(4, 2_400), "a")
    assert playout.advance(900 * MS) == ([], [])
    assert playout.busy
    playout.close()
    assert not playout.busy


def test_a_flush_keeps_what_was_heard_and_drops_what_waits() -> None:
    playout = VirtualPlayout()
    playout.play(sound(0, 24_000, "one"), "a")
    playout.play(sound(0, 24_000, "two"), "b")
    playout.flush(700 * MS)
    pieces, ended = playout.advance(9_000 * MS)
    assert sum(len(p.pcm) for p in pieces) == 12_000
    assert [(e.item_id, e.interrupted, e.dur_ns // MS) for e in ended if isinstance(e, Heard)] == [
        ("a", True, 500),
        ("b", True, 0),
    ]
    playout.play(sound(4, 2_400, "three"), "c")
    pieces, _ = playout.advance(9_000 * MS)
    assert [p.t_ns // MS for p in pieces] == [1_000]


@dataclass
class Part:
    item_id: str
    start_mono_ns: int
    pcm: Pcm
    rate_hz: int = 24_000
    interrupted: bool = False
    done: bool = False


class Converter:
    """A loudspeaker whose reports the test writes."""

    def __init__(self) -> None:
        self.reports: list[Part] = []
        self.queued: list[str] = []
        self.flushed = 0
        self.events: list[SessionEvent] = []
        self.closed = False

    def open(self) -> None: ...

    def play(self, item_id: str, pcm: Pcm, rate_hz: int) -> None:
        self.queued.append(item_id)

    def flush(self) -> None:
        self.flushed += 1

    def poll(self) -> list[Part]:
        reports, self.reports = self.reports, []
        return reports

    def pop_events(self, to_session_ns: Callable[[int], int]) -> list[SessionEvent]:
        events, self.events = self.events, []
        return events

    def close(self) -> None:
        self.closed = True


def test_a_real_loudspeaker_is_believed_about_when_it_played() -> None:
    converter = Converter()
    playout = SpeakerPlayout(converter, lambda mono_ns: mono_ns - 1_000 * MS)
    playout.play(sound(0, 4_800, "one"), "a")
    assert playout.busy
    converter.reports = [
        Part("a", 1_260 * MS, np.ones(2_400, np.int16)),
        Part("a", 1_360 * MS, np.ones(2_400, np.int16), done=True),
        Part("unknown", 1_400 * MS, np.zeros(0, np.int16), done=True),
    ]
    converter.events = [Notice(t_ns=5, level="warning", what="The loudspeaker is gone.")]
    pieces, events = playout.advance(0)
    assert [p.t_ns // MS for p in pieces] == [260, 360]
    assert isinstance(events[0], Notice)
    assert events[1] == Heard(t_ns=260 * MS, item_id="a", text="one", dur_ns=200 * MS, t_rx_ns=200 * MS)
    assert not playout.busy
    playout.flush(0)
    playout.close()
    assert (converter.flushed, converter.closed, converter.queued) == (1, True, ["a"])
