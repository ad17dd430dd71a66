"""What was heard is known to the sample, on a virtual and on a real loudspeaker."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.live.parts import sound
from tmlapp.core.event import AudioOut, Heard, Interrupted, Notice, SessionEvent, TurnStarted
from tmlapp.core.media import Pcm
from tmlapp.core.units import TURN_NS
from tmlapp.live.playout import AUDIBLE, LateSound, SpeakerPlayout, first_audible
from tmlapp.live.virtual_playout import VirtualPlayout

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


def part(t_ms: int, dur_ms: int, *, level: int = 1000, text: str = "", media_ns: int | None = None) -> AudioOut:
    """Sound at 24 kHz that came at `t_ms`."""
    pcm = np.full(24 * dur_ms, level, "<i2").tobytes()
    return AudioOut(pcm16=pcm, rate=24_000, text=text, t_rx_ns=t_ms * MS, t_media_ns=media_ns)


def all_heard(events: list[SessionEvent]) -> list[tuple[str, int, int, bool]]:
    return [(e.item_id, e.t_ns // MS, e.dur_ns // MS, e.interrupted) for e in events if isinstance(e, Heard)]


def test_pieces_of_an_item_that_come_faster_than_they_play_are_heard_as_one() -> None:
    playout = VirtualPlayout()
    for k in range(10):
        playout.play(part(k, 100, text="la" if k == 3 else ""), "a", more=True)
    pieces, ended = playout.advance(1_500 * MS)
    assert (pieces[0].t_ns, sum(len(p.pcm) for p in pieces)) == (0, 24_000)
    assert [b.t_ns - a.t_ns for a, b in itertools.pairwise(pieces)] == [100 * MS] * 9
    assert ended == [], "more may come of it"
    assert playout.playing == ("a", 1_000 * MS)
    playout.finish("a")
    (heard,) = playout.advance(1_500 * MS)[1]
    assert heard == Heard(t_ns=0, item_id="a", text="la", dur_ns=1_000 * MS, t_rx_ns=0, t_media_ns=None, audible_ns=0)
    assert playout.playing is None


def test_an_item_of_which_nothing_came_for_long_has_ended_and_one_that_went_on_in_time_has_not() -> None:
    playout = VirtualPlayout()
    playout.play(part(0, 100), "a", more=True)
    assert playout.advance(2_000 * MS)[1] == []
    playout.play(part(2_050, 100), "a", more=True)
    assert playout.advance(4_100 * MS)[1] == []
    assert all_heard(playout.advance(4_200 * MS)[1]) == [("a", 0, 200, False)]


def test_the_next_item_ends_the_one_before() -> None:
    playout = VirtualPlayout()
    playout.play(part(0, 300), "a", more=True)
    playout.play(part(10, 300), "b", more=True)
    assert all_heard(playout.advance(400 * MS)[1]) == [("a", 0, 300, False)]
    playout.finish(None)
    assert all_heard(playout.advance(900 * MS)[1]) == [("b", 300, 300, False)]


def test_a_flush_tells_whom_it_cut_off_also_where_more_was_only_expected() -> None:
    playout = VirtualPlayout()
    playout.play(part(0, 100), "over")
    playout.play(part(0, 100), "open", more=True)
    assert playout.flush(250 * MS) == ("open",)
    assert all_heard(playout.advance(300 * MS)[1]) == [("over", 0, 100, False), ("open", 100, 100, True)]
    playout.play(part(300, 1_000), "playing")
    playout.play(part(300, 1_000), "waiting")
    playout.advance(400 * MS)
    assert playout.flush(450 * MS) == ("playing", "waiting")
    heard = all_heard(playout.advance(600 * MS)[1])
    assert [(name, dur, cut) for name, _, dur, cut in heard] == [("playing", 150, True), ("waiting", 0, True)]


def test_the_first_audible_sample_is_found_whatever_piece_it_lies_in() -> None:
    playout = VirtualPlayout()
    playout.play(part(100, 50, level=AUDIBLE - 1, media_ns=77), "a", more=True)
    lead = np.zeros(240, "<i2")
    lead[100] = -AUDIBLE
    playout.play(AudioOut(pcm16=lead.tobytes(), rate=24_000, t_rx_ns=101 * MS), "a")
    (heard,) = (e for e in playout.advance(1_000 * MS)[1] if isinstance(e, Heard))
    assert heard.audible_ns == 150 * MS + 100 * 1_000_000_000 // 24_000
    assert (heard.t_rx_ns, heard.t_media_ns, heard.t_ns) == (100 * MS, 77, 100 * MS)
    assert first_audible(np.zeros(0, np.int16)) is None
    assert first_audible(np.array([0, -32768], np.int16)) == 1


def test_a_place_in_the_output_becomes_session_time_where_its_item_is_played() -> None:
    playout = VirtualPlayout()
    playout.play(replace(part(100, 50, media_ns=0), media_kind="output"), "first")
    playout.play(replace(part(110, 50, media_ns=0), media_kind="output"), "second")
    playout.play(replace(part(110, 50, media_ns=80 * MS), media_kind="output"), "in a stream")
    playout.play(replace(part(120, 50, media_ns=80 * MS), media_kind="output"), "never played")
    playout.flush(210 * MS)
    heard = {e.item_id: e.t_media_ns for e in playout.advance(1_000 * MS)[1] if isinstance(e, Heard)}
    assert heard == {"first": 100 * MS, "second": 150 * MS, "in a stream": 200 * MS, "never played": None}


def test_on_a_real_loudspeaker_an_item_goes_on_after_it_ran_dry() -> None:
    converter = Converter()
    playout = SpeakerPlayout(converter, lambda mono_ns: mono_ns)
    playout.play(part(0, 100, text="one"), "a", more=True)
    playout.play(part(0, 100, text="one two"), "a", more=True)
    converter.reports = [Part("a", 50 * MS, np.full(4_800, 500, np.int16), done=True)]
    pieces, events = playout.advance(400 * MS)
    assert (len(pieces), events, playout.busy) == (1, [], False)
    playout.play(part(400, 100), "a", more=True)
    assert playout.busy
    converter.reports = [Part("a", 450 * MS, np.full(2_400, 500, np.int16), done=True)]
    assert playout.advance(600 * MS)[1] == []
    assert playout.playing == ("a", 300 * MS)
    playout.finish("a")
    (heard,) = playout.advance(600 * MS)[1]
    assert heard == Heard(t_ns=50 * MS, item_id="a", text="one one two", dur_ns=300 * MS, t_rx_ns=0, audible_ns=50 * MS)


def test_a_real_loudspeaker_says_how_much_of_a_cut_item_it_played() -> None:
    converter = Converter()
    playout = SpeakerPlayout(converter, lambda mono_ns: mono_ns)
    playout.play(part(0, 1_000), "a", more=True)
    playout.play(part(0, 1_000), "b", more=True)
    assert playout.flush(0) == ("a", "b")
    converter.reports = [
        Part("a", 10 * MS, np.ones(2_400, np.int16), interrupted=True, done=True),
        Part("b", 110 * MS, np.zeros(0, np.int16), interrupted=True, done=True),
    ]
    assert all_heard(playout.advance(200 * MS)[1]) == [("a", 10, 100, True), ("b", 110, 0, True)]


def test_sound_of_an_interrupted_item_is_late_until_the_next_turn_begins() -> None:
    late = LateSound()
    first = AudioOut(pcm16=b"", rate=24_000, item_id="a", response_id="r")
    assert [late.late(e) for e in (first, Interrupted(), first)] == [False, False, True]
    assert late.late(AudioOut(pcm16=b"", rate=24_000, item_id="b", response_id="r")), "of the same response"
    assert not late.late(AudioOut(pcm16=b"", rate=24_000, item_id="c", response_id="s"))
    assert not late.late(TurnStarted(response_id="r"))
    assert not late.late(first)
