"""The last half minute of a session, as the lanes draw it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ui.voice import VOICE
from tmlapp.core.cue import Cue
from tmlapp.core.event import AudioOut, Gap, Heard, Interrupted, Listen, UnitDone
from tmlapp.core.feed import Captured
from tmlapp.core.media import Pcm
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS, TURN_SAMPLES
from tmlapp.live.history import BUCKETS_PER_TURN, SPAN_NS, History, peaks

pytestmark = pytest.mark.unit


def turn(history: History, index: int, level: int = 0, ready_ns: int | None = None) -> None:
    heard(history, index, np.full(TURN_SAMPLES, level, np.int16), ready_ns)


def heard(history: History, index: int, pcm: Pcm, ready_ns: int | None = None) -> None:
    ready = (index + 1) * TURN_NS if ready_ns is None else ready_ns
    history.on_turn(MicroTurn(index, pcm), Captured(index, pcm, (), index * TURN_NS, ready))


def audio(item_id: str, t_ns: int, seconds: float = 0.5, level: int = 16_384) -> AudioOut:
    pcm = np.full(round(24_000 * seconds), level, np.int16)
    return AudioOut(pcm16=pcm.tobytes(), rate=24_000, text=item_id, item_id=item_id, t_rx_ns=t_ns)


def test_peaks_are_the_loudest_sample_of_each_bucket_up_or_down() -> None:
    pcm = np.asarray([0, 100, -32_768, 5, 7], np.int16)
    assert peaks(pcm, 2).tolist() == pytest.approx([100 / 32_768, 1.0, 7 / 32_768])
    assert peaks(np.zeros(0, np.int16), 2).tolist() == []


def test_the_microphone_lane_ends_where_the_last_micro_turn_ends() -> None:
    history = History()
    for k in range(3):
        turn(history, k, 3277 * (k + 1))
    view = history.view(3 * TURN_NS)
    assert view.mic_t_ns == 0
    assert view.mic.tolist() == pytest.approx(np.repeat([0.1, 0.2, 0.3], BUCKETS_PER_TURN).tolist(), abs=1e-3)


def test_no_more_than_half_a_minute_is_kept() -> None:
    history = History()
    for k in range(400):
        turn(history, k)
        history.on_event(UnitDone(micro_turn=k, latency_ns=0, diagnostics={"phase": [float(k)]}))
    view = history.view(400 * TURN_NS)
    assert len(view.mic) <= SPAN_NS // TURN_NS * BUCKETS_PER_TURN + 2 * BUCKETS_PER_TURN
    assert view.mic_t_ns + len(view.mic) * 20 * NS_PER_MS == 400 * TURN_NS
    assert len(view.replies) == 150
    (signal,) = view.signals
    assert (signal.name, len(signal.values), signal.low, signal.high) == ("phase", 150, 0.0, 399.0)


def test_a_voice_is_told_from_the_noise_of_the_room() -> None:
    history = History()
    said = VOICE("please count my repetitions now", 16_000).pcm
    room = np.random.default_rng(1).normal(0, 60, (2, 10 * TURN_SAMPLES))
    room[1, : len(said)] += said[: 10 * TURN_SAMPLES]
    for k, pcm in enumerate(room.reshape(20, -1)):
        heard(history, k, pcm.astype(np.int16))
    view = history.view(20 * TURN_NS)
    assert len(view.voice) == len(view.mic) == 20 * BUCKETS_PER_TURN
    quiet, voice = view.voice.reshape(2, -1)
    assert quiet.mean() < 0.1
    assert voice[: len(said) // 320].mean() > 0.8


def test_sound_is_foreseen_when_it_arrives_and_corrected_when_it_was_heard() -> None:
    history = History()
    history.on_event(audio("one", NS_PER_S))
    history.on_event(audio("two", NS_PER_S))
    first, second = history.view(3 * NS_PER_S).spoken
    assert (first.t_ns, first.dur_ns, first.played) == (NS_PER_S, NS_PER_S // 2, False)
    assert second.t_ns == NS_PER_S + NS_PER_S // 2
    history.on_event(Heard(t_ns=NS_PER_S + 60 * NS_PER_MS, item_id="one", text="one", dur_ns=NS_PER_S // 4))
    first = next(s for s in history.view(3 * NS_PER_S).spoken if s.item_id == "one")
    assert (first.t_ns, first.dur_ns, first.played) == (NS_PER_S + 60 * NS_PER_MS, NS_PER_S // 4, True)
    assert len(first.levels) == 13
    assert first.levels[0] == pytest.approx(0.5, abs=0.01)


def test_pieces_of_one_item_grow_together() -> None:
    history = History()
    history.on_event(audio("one", NS_PER_S, 0.2))
    history.on_event(audio("one", NS_PER_S, 0.3))
    (spoken,) = history.view(2 * NS_PER_S).spoken
    assert spoken.dur_ns == NS_PER_S // 2
    assert len(spoken.levels) == 25


def test_heard_sound_that_was_never_announced_is_shown_too() -> None:
    history = History()
    history.on_event(Heard(t_ns=0, item_id="x", text="hm", dur_ns=100 * NS_PER_MS))
    assert len(history.view(NS_PER_S).spoken[0].levels) == 5


def test_an_interruption_cuts_what_was_not_heard() -> None:
    history = History()
    history.on_event(audio("past", 0, 0.5))
    history.on_event(audio("now", NS_PER_S, 1.0))
    history.on_event(audio("next", NS_PER_S, 1.0))
    history.on_event(Interrupted(t_rx_ns=NS_PER_S + 300 * NS_PER_MS))
    spoken = {s.item_id: s.dur_ns for s in history.view(2 * NS_PER_S).spoken}
    assert spoken == {"past": NS_PER_S // 2, "now": 300 * NS_PER_MS}


@pytest.mark.parametrize(
    ("latency_ms", "lag", "late"), [(30, 0, False), (200, 0, False), (201, 0, True), (30, 1, True)]
)
def test_a_reply_is_late_beyond_a_micro_turn_or_behind_another(latency_ms: int, lag: int, late: bool) -> None:
    history = History()
    history.on_event(UnitDone(micro_turn=4, latency_ns=latency_ms * NS_PER_MS, lag_turns=lag))
    (reply,) = history.view(2 * NS_PER_S).replies
    assert (reply.t_ns, reply.late) == (NS_PER_S, late)


def test_cues_and_gaps_stand_at_their_time_until_they_leave_the_window() -> None:
    history = History()
    history.on_cue(Cue(NS_PER_S, "count", "one", 1))
    history.on_event(Gap(t_ns=2 * NS_PER_S, track="mic", dur_ns=NS_PER_S, reason="unplugged"))
    history.on_event(Listen(micro_turn=0))
    history.on_state("running", "")
    assert len(history.view(30 * NS_PER_S).cues) == 1
    assert len(history.view(32 * NS_PER_S).cues) == 0
    assert len(history.view(32 * NS_PER_S).gaps) == 1
    assert len(history.view(33 * NS_PER_S).gaps) == 0


def test_the_spacing_of_micro_turns_is_measured() -> None:
    history = History()
    assert history.view(0).turn_mean_ms is None
    assert history.view(0).signals == ()
    for k, ready_ms in enumerate((200, 401, 600, 801)):
        turn(history, k, ready_ns=ready_ms * NS_PER_MS)
    view = history.view(4 * TURN_NS)
    assert view.turn_mean_ms == pytest.approx(200.33, abs=0.01)
    assert view.turn_jitter_ms == pytest.approx(0.94, abs=0.01)
