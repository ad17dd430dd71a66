"""Utterances of many pieces through the loudspeaker's own queue and ring, to the sample."""

from __future__ import annotations

import numpy as np
import pytest

from tests.capture.sound_made import noise
from tests.capture.test_speaker_parts import MS, RATE, Desk
from tmlapp.core.event import AudioOut, Granted, Heard, Interrupted, SessionOpened, TurnDone, TurnStarted
from tmlapp.core.resample import Resampler
from tmlapp.core.turn import Interrupt
from tmlapp.live.playout import SpeakerPlayout
from tmlapp.live.speaking import Speaking

pytestmark = pytest.mark.unit

VOICE = 24_000


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(monkeypatch)
    made.speaker.open()
    return made


def opened(desk: Desk) -> Speaking:
    start_ns = desk.clock.now_ns()
    speaking = Speaking(SpeakerPlayout(desk.speaker, lambda mono_ns: mono_ns - start_ns))
    speaking.take(SessionOpened(granted=Granted(endpoint="x:y", name="x", local=False)))
    speaking.take(TurnStarted(response_id="r"))
    return speaking


def deltas(speaking: Speaking, sound: np.ndarray, size: int = 2_400) -> None:
    for at in range(0, len(sound), size):
        pcm16 = sound[at : at + size].astype("<i2").tobytes()
        speaking.take(AudioOut(pcm16=pcm16, rate=VOICE, item_id="i", response_id="r"))


def heard(speaking: Speaking, to_ms: int) -> list[Heard]:
    return [e for e in speaking.advance(to_ms * MS)[1] if isinstance(e, Heard)]


def test_a_burst_of_deltas_sounds_without_a_seam_and_is_heard_once(desk: Desk) -> None:
    speaking, sound = opened(desk), noise(1.0, VOICE)
    deltas(speaking, sound)
    speaking.take(TurnDone(status="completed", response_id="r"))
    found: list[Heard] = []
    for k in range(60):
        desk.pull(1)
        found += heard(speaking, 20 * k)
    (said,) = found
    assert (said.item_id, said.dur_ns, said.interrupted) == ("i", 1_000 * MS, False)
    assert said.t_ns == 20 * MS + 60 * MS, "by the converter's clock"
    assert said.audible_ns is not None
    assert said.audible_ns - said.t_ns < 5 * MS
    whole = Resampler(VOICE, RATE).push(sound)
    assert np.array_equal(desk.card.pcm[: len(whole)], whole)


def test_deltas_that_come_too_late_leave_a_pause_and_one_utterance(desk: Desk) -> None:
    speaking, sound = opened(desk), noise(0.2, VOICE)
    deltas(speaking, sound[:2_400])
    desk.pull(20)
    assert heard(speaking, 400) == []
    assert not speaking.busy
    deltas(speaking, sound[2_400:])
    desk.pull(20)
    assert heard(speaking, 800) == []
    speaking.take(TurnDone(status="completed", response_id="r"))
    (said,) = heard(speaking, 820)
    assert said.dur_ns == 200 * MS


def test_the_model_learns_how_many_samples_had_left_the_loudspeaker(desk: Desk) -> None:
    speaking = opened(desk)
    deltas(speaking, noise(3.0, VOICE))
    desk.pull(25)
    speaking.take(Interrupted(t_rx_ns=500 * MS))
    desk.pull(5)
    (said,) = heard(speaking, 600)
    (cut,) = speaking.controls()
    assert cut == Interrupt(said.dur_ns, "i", by_person=False)
    sent = int(np.flatnonzero(desk.card.pcm)[-1]) + 1
    assert abs(cut.played_ns - sent * 1_000_000_000 // RATE) <= MS, "what was faded out counts as played"
    assert 500 * MS <= cut.played_ns <= 506 * MS
    deltas(speaking, noise(0.5, VOICE))
    assert not speaking.busy
