"""Turns found in sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmlapp.core.event import AudioOut, EndpointEvent, TurnDone, TurnStarted
from tmlapp.core.units import NS_PER_MS, samples_to_ns
from tmlapp.endpoints.remote.loudness import Loudness

pytestmark = pytest.mark.unit

RATE = 24_000
FRAME = 2_400
LOUD, DITHER = 66, 20


def audio(level: int, samples: int = FRAME, t_media_ns: int | None = None) -> AudioOut:
    pcm = np.full(samples, level, "<i2")
    return AudioOut(
        pcm16=pcm.tobytes(), rate=RATE, t_media_ns=t_media_ns, media_kind=None if t_media_ns is None else "session"
    )


def kinds(events: list[EndpointEvent]) -> list[str]:
    return [type(e).__name__ for e in events]


def fed(loudness: Loudness, *levels: int) -> list[EndpointEvent]:
    return [
        event for i, level in enumerate(levels) for event in loudness.feed(audio(level, t_media_ns=i * 100 * NS_PER_MS))
    ]


def test_a_turn_begins_at_the_first_audible_frame_and_ends_after_600_ms_of_quiet() -> None:
    events = fed(Loudness(), 0, DITHER, LOUD, -LOUD, *[DITHER] * 7)
    assert kinds(events) == ["AudioOut"] * 2 + ["TurnStarted"] + ["AudioOut"] * 8 + ["TurnDone"] + ["AudioOut"]
    started = next(e for e in events if isinstance(e, TurnStarted))
    done = next(e for e in events if isinstance(e, TurnDone))
    assert (started.t_media_ns, started.media_kind, started.response_id) == (200 * NS_PER_MS, "session", "turn-0-1")
    assert (done.t_media_ns, done.media_kind, done.status) == (400 * NS_PER_MS, "session", "completed")
    names = [e.item_id for e in events if isinstance(e, AudioOut)]
    assert names == [None, None, *["turn-0-1"] * 8, None]


def test_speech_within_600_ms_goes_on_with_the_same_turn() -> None:
    events = fed(Loudness(), LOUD, *[0] * 5, LOUD, *[0] * 5)
    assert kinds(events) == ["TurnStarted"] + ["AudioOut"] * 12


def test_quiet_and_level_are_configurable() -> None:
    assert kinds(fed(Loudness(quiet_ms=100, audible_dbfs=-20), LOUD, 4000, 0)) == [
        "AudioOut",
        "TurnStarted",
        "AudioOut",
        "AudioOut",
        "TurnDone",
    ]


def test_quiet_is_counted_from_the_last_loud_sample_of_a_long_piece() -> None:
    pcm = np.zeros(RATE, "<i2")
    pcm[100:200] = 1000
    loudness = Loudness(epoch=3)
    events = list(loudness.feed(AudioOut(pcm16=pcm.tobytes(), rate=RATE, t_media_ns=0, media_kind="output")))
    assert kinds(events) == ["TurnStarted", "AudioOut", "TurnDone"]
    assert events[0].t_media_ns == samples_to_ns(100, RATE)
    assert events[2].t_media_ns == samples_to_ns(200, RATE)
    assert events[0].response_id == "turn-3-1"


def test_a_turn_that_is_cut_short_says_so_once() -> None:
    loudness = Loudness()
    assert loudness.end() == ()
    loudness.feed(audio(LOUD))
    (done,) = loudness.end("incomplete", "closed")
    assert (done.status, done.reason, done.t_media_ns) == ("incomplete", "closed", None)
    assert loudness.end() == ()
    assert loudness.turn_id is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, DITHER, LOUD, -32768]), st.integers(0, 5000)), max_size=20))
def test_turns_alternate_and_every_sample_passes_through(pieces: list[tuple[int, int]]) -> None:
    loudness = Loudness()
    events = [e for level, samples in pieces for e in loudness.feed(audio(level, samples))]
    marks = [e for e in events if not isinstance(e, AudioOut)]
    assert [isinstance(m, TurnStarted) for m in marks] == [i % 2 == 0 for i in range(len(marks))]
    assert b"".join(e.pcm16 for e in events if isinstance(e, AudioOut)) == b"".join(
        audio(level, samples).pcm16 for level, samples in pieces
    )
