"""Events of any endpoint become items, one per utterance, and the model learns how far it was heard."""

from __future__ import annotations

import numpy as np
import pytest

from tmlapp.core.event import (
    AudioOut,
    ConnectionChanged,
    EndpointEvent,
    Granted,
    Heard,
    Interrupted,
    SessionOpened,
    TextOut,
    TextOutDone,
    TurnDone,
    TurnStarted,
    UnitDone,
)
from tmlapp.core.turn import Interrupt, PlaybackReport
from tmlapp.core.units import NS_PER_MS as MS
from tmlapp.live.speaking import Speaking

pytestmark = pytest.mark.unit


def opened(*, local: bool = False, reports: bool = False) -> SessionOpened:
    return SessionOpened(granted=Granted(endpoint="x:y", name="x", local=local, can_ack_playback=reports))


def sound(t_ms: int, dur_ms: int = 100, *, loud: bool = True, **names: str) -> AudioOut:
    pcm = np.full(24 * dur_ms, 3000 if loud else 0, "<i2").tobytes()
    return AudioOut(pcm16=pcm, rate=24_000, t_rx_ns=t_ms * MS, **names)  # type: ignore[arg-type]


class Stage:
    """One session's speech on a loudspeaker without delay."""

    def __init__(self, *, local: bool = False, reports: bool = False) -> None:
        self.speaking = Speaking()
        self.speaking.take(opened(local=local, reports=reports))
        self.heard: list[Heard] = []
        self.samples = 0

    def take(self, *events: EndpointEvent) -> list[EndpointEvent]:
        return [self.speaking.take(event) for event in events]

    def to(self, t_ms: int) -> list[tuple[str, int, int, bool]]:
        pieces, events = self.speaking.advance(t_ms * MS)
        self.samples += sum(len(p.pcm) for p in pieces)
        new = [e for e in events if isinstance(e, Heard)]
        self.heard += new
        return [(h.item_id, h.t_ns // MS, h.dur_ns // MS, h.interrupted) for h in new]


def test_deltas_of_a_response_are_one_utterance_with_its_transcript_and_three_times() -> None:
    stage = Stage()
    stage.take(TurnStarted(response_id="r"))
    for k in range(8):
        stage.take(
            sound(10 * k, item_id="i", response_id="r"),
            TextOut(delta=f"w{k} ", channel="transcript", item_id="i", response_id="r"),
            TextOut(delta="hm", channel="thought", item_id="i"),
        )
    assert stage.to(800) == []
    stage.take(
        TextOutDone(text="all the words", channel="transcript", item_id="i"), UnitDone(micro_turn=0, latency_ns=0)
    )
    stage.take(TurnDone(status="completed", response_id="r"))
    assert stage.to(1_000) == [("i", 0, 800, False)]
    (heard,) = stage.heard
    assert (heard.text, heard.t_rx_ns, heard.audible_ns) == ("all the words", 0, 0)


def test_words_told_under_the_name_of_the_response_are_those_of_its_sound() -> None:
    stage = Stage()
    stage.take(TurnStarted(response_id="r"), sound(0, item_id="i", response_id="r"))
    stage.take(TextOutDone(text="Yes.", channel="transcript", response_id="r"))
    stage.take(TextOut(delta=" And", channel="transcript", response_id="r"))
    stage.take(TurnDone(status="completed", response_id="r"))
    stage.to(200)
    assert [h.text for h in stage.heard] == ["Yes.  And"]


def test_an_hour_of_frames_with_zeros_in_between_is_one_item_per_utterance() -> None:
    stage = Stage()
    loud = {*range(10, 20), *range(24, 30), *range(60, 70)}
    named = stage.take(*(sound(100 * k, loud=k in loud) for k in range(120)))
    assert stage.to(13_000) == [("say-1", 1_000, 2_600, False), ("say-2", 6_000, 1_600, False)]
    assert {e.item_id for e in named[:10]} == {None}, "silence belongs to nobody"
    assert stage.samples == 42 * 2_400


def test_sound_named_by_turns_that_were_found_in_it_keeps_the_names() -> None:
    stage = Stage()
    stage.take(sound(0, loud=False), TurnStarted(item_id="turn-0-1", response_id="turn-0-1"))
    stage.take(*(sound(100 + 100 * k, loud=k < 3, item_id="turn-0-1", response_id="turn-0-1") for k in range(9)))
    stage.take(TurnDone(status="completed", response_id="turn-0-1"), sound(1_000, loud=False))
    assert stage.to(2_000) == [("turn-0-1", 100, 900, False)]


def test_an_endpoint_with_one_name_for_all_of_its_sound_leaves_no_item_of_an_hour() -> None:
    stage = Stage()
    loud = {*range(5, 10), *range(100, 110)}
    for k in range(200):
        stage.take(sound(100 * k, loud=k in loud, item_id="voice"))
        stage.to(100 * k)
    stage.speaking.finish()
    stage.to(30_000)
    found = [(h.item_id, h.t_ns // MS) for h in stage.heard]
    assert found == [("voice", 500), ("voice", 10_000)]
    assert all(h.dur_ns < 4_000 * MS for h in stage.heard)


def test_a_pause_inside_of_sound_that_comes_in_a_burst_is_kept() -> None:
    stage = Stage()
    stage.take(TurnStarted(response_id="r"))
    stage.take(*(sound(k, loud=k < 10 or k > 60, item_id="i", response_id="r") for k in range(70)))
    stage.take(TurnDone(status="completed", response_id="r"))
    assert stage.to(8_000) == [("i", 0, 7_000, False)]


def test_sound_without_any_name_belongs_to_the_turn_that_is_open() -> None:
    stage = Stage()
    named = stage.take(TurnStarted(), sound(0), sound(10), TurnDone(status="completed"), TurnStarted(), sound(20))
    assert [e.item_id for e in named if isinstance(e, AudioOut)] == ["turn-1", "turn-1", "turn-2"]
    named = stage.take(TurnStarted(response_id="r"), sound(30), TurnDone(status="completed", response_id="r"))
    assert named[1].item_id == "turn-2"


def test_a_model_in_this_process_says_whole_utterances() -> None:
    stage = Stage(local=True)
    named = stage.take(sound(0, 500), sound(0, 300), sound(900, loud=False), sound(900, loud=False, item_id="x"))
    assert [e.item_id for e in named] == ["say-1", "say-2", None, "x"]
    assert stage.to(800) == [("say-1", 0, 500, False), ("say-2", 500, 300, False)]
    assert stage.to(1_000) == [("x", 900, 100, False)]


def test_the_next_micro_turn_says_how_far_the_model_was_heard_before_it_was_interrupted() -> None:
    stage = Stage()
    stage.take(TurnStarted(response_id="r"), sound(0, 1_000, item_id="i", response_id="r"))
    stage.to(200)
    stage.take(Interrupted(t_rx_ns=250 * MS))
    assert stage.speaking.wants_position
    assert stage.to(400) == [("i", 0, 250, True)]
    assert stage.speaking.controls() == (Interrupt(250 * MS, "i", by_person=False),)
    assert stage.speaking.controls() == ()
    assert not stage.speaking.wants_position


def test_a_person_who_interrupts_is_named_and_what_comes_late_is_not_played() -> None:
    stage = Stage()
    stage.take(TurnStarted(response_id="r"), sound(0, 1_000, item_id="i", response_id="r"))
    stage.take(sound(0, 1_000, item_id="j", response_id="r"))
    stage.to(200)
    assert stage.speaking.interrupt(300 * MS) == Interrupted(t_rx_ns=300 * MS)
    (late,) = stage.take(sound(320, item_id="i", response_id="r"))
    assert late.item_id == "i"
    stage.to(400)
    assert stage.speaking.controls() == (Interrupt(300 * MS, "i"), Interrupt(0, "j"))
    assert not stage.speaking.busy
    stage.take(TurnDone(status="cancelled", response_id="r"), TurnStarted(response_id="s"))
    stage.take(sound(500, item_id="k", response_id="s"))
    assert stage.speaking.busy


def test_an_interruption_of_silence_is_told_too() -> None:
    stage = Stage()
    stage.take(Interrupted(t_rx_ns=0))
    stage.speaking.interrupt(1)
    assert stage.speaking.controls() == (Interrupt(0, "", by_person=True),)


def test_after_an_interruption_a_stream_without_names_is_silent_until_it_has_been_quiet() -> None:
    stage = Stage()
    stage.take(sound(0), sound(100))
    stage.to(200)
    stage.speaking.interrupt(200 * MS)
    stage.take(sound(200), sound(300))
    stage.take(*(sound(400 + 100 * k, loud=False) for k in range(8)))
    assert stage.to(1_500)[0][:3] == ("say-1", 0, 200)
    assert not stage.speaking.busy
    stage.take(sound(1_500))
    assert stage.speaking.busy


def test_sound_of_a_cut_turn_without_names_stays_silent_until_the_next_turn() -> None:
    stage = Stage()
    stage.take(TurnStarted(), sound(0, 300))
    stage.take(Interrupted(t_rx_ns=100 * MS), sound(110))
    stage.to(1_000)
    assert stage.samples == 2_400
    stage.take(TurnDone(status="cancelled"), TurnStarted(), sound(1_000))
    stage.to(2_000)
    assert stage.samples == 4_800


def test_a_loudspeaker_that_has_not_reported_yet_is_believed_as_far_as_it_has() -> None:
    class Slow:
        playing = ("i", 40 * MS)
        busy = True

        def play(self, audio: AudioOut, item_id: str, *, more: bool = False) -> None: ...
        def finish(self, item_id: str | None) -> None: ...
        def flush(self, t_ns: int) -> tuple[str, ...]:
            return ("i",)

    from tmlapp.live.playout import Position

    slow = Slow()
    slow.playing = Position("i", 40 * MS)
    speaking = Speaking(slow)  # type: ignore[arg-type]
    speaking.take(opened())
    speaking.take(sound(0, item_id="i"))
    speaking.interrupt(50 * MS)
    assert speaking.controls() == (Interrupt(40 * MS, "i"),)


def test_an_endpoint_that_wants_to_know_is_told_with_every_micro_turn() -> None:
    stage = Stage(reports=True)
    stage.take(TurnStarted(response_id="r"), sound(0, 300, item_id="i", response_id="r"))
    stage.to(200)
    assert stage.speaking.wants_position
    assert stage.speaking.controls() == (PlaybackReport("i", 200 * MS),)
    stage.take(TurnDone(status="completed", response_id="r"))
    stage.to(400)
    assert stage.speaking.controls() == (PlaybackReport("i", 300 * MS),)
    assert stage.speaking.controls() == ()


def test_a_turn_that_a_broken_connection_cut_short_has_ended() -> None:
    stage = Stage()
    stage.take(TurnStarted(response_id="r"), sound(0, 300, item_id="i", response_id="r"))
    stage.take(ConnectionChanged(state="reconnecting"))
    assert stage.to(300) == [("i", 0, 300, False)]
    named = stage.take(sound(400), sound(500, loud=False), sound(600, loud=False, item_id="j"))
    assert [e.item_id for e in named] == ["say-1", "say-1", "j"]


def test_what_is_remembered_of_items_does_not_grow() -> None:
    stage = Stage()
    for k in range(500):
        stage.take(TextOut(delta="x", item_id=f"i{k}"), sound(100 * k, item_id=f"i{k}", response_id=f"r{k}"))
        stage.to(100 * k)
    held = stage.speaking
    assert max(len(held._incoming), len(held._texts), len(held._names)) <= 64
