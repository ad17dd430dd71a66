"""A model that lowers its voice is heard lower at once, and the heard track holds it so."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.capture.test_speaker_parts import BLOCK, MS, RATE, Desk
from tmlapp.core.event import AudioOut, Ducked, Granted, Heard, SessionOpened, TurnDone, TurnStarted
from tmlapp.live.playout import HeardPiece, SpeakerPlayout
from tmlapp.live.speaking import Speaking

pytestmark = pytest.mark.unit

LOUD = 16_000
DOWN = Ducked(t_rx_ns=400 * MS, gain_db=-12.0, since_ns=200 * MS)
UP = Ducked(t_rx_ns=800 * MS, gain_db=0.0, since_ns=600 * MS)
LOW = round(LOUD * 10 ** (-12 / 20))


def said(milliseconds: int = 1_000, rate: int = 24_000) -> AudioOut:
    return AudioOut(pcm16=np.full(rate * milliseconds // 1_000, LOUD, "<i2").tobytes(), rate=rate, item_id="i")


def track(pieces: list[HeardPiece]) -> np.ndarray:
    return np.concatenate([piece.pcm for piece in pieces])


def test_without_a_sound_card_the_voice_is_lower_from_the_micro_turn_on_in_which_it_was_lowered() -> None:
    speaking = Speaking()
    speaking.take(said())
    pieces: list[HeardPiece] = []
    ended: list[Heard] = []
    for k in range(1, 8):
        new, over = speaking.advance(200 * k * MS)
        pieces += new
        ended += [event for event in over if isinstance(event, Heard)]
        for event in (DOWN, UP):
            if event.t_rx_ns == 200 * k * MS:
                speaking.take(event)
    heard = track(pieces)
    assert (heard[: 24 * 400] == LOUD).all()
    assert np.abs(heard[24 * 416 : 24 * 800] - LOW).max() <= 1
    assert (heard[24 * 816 :] == LOUD).all()
    assert max(abs(int(b) - int(a)) for a, b in pairwise(heard)) < LOUD // 200, "nothing clicks"
    (whole,) = ended
    assert (whole.t_ns, whole.dur_ns, whole.interrupted) == (0, 1_000 * MS, False)


def test_a_voice_that_was_never_lowered_is_not_touched() -> None:
    speaking = Speaking()
    noise = np.random.default_rng(1).integers(-30_000, 30_000, 4_800, np.int16)
    speaking.take(AudioOut(pcm16=noise.astype("<i2").tobytes(), rate=24_000, item_id="i"))
    assert np.array_equal(track(speaking.advance(200 * MS)[0]), noise)


def test_the_loudspeaker_plays_lower_from_its_next_block_on_and_reports_it_so(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(monkeypatch)
    desk.speaker.open()
    speaking = Speaking(SpeakerPlayout(desk.speaker, lambda mono_ns: mono_ns))
    speaking.take(SessionOpened(granted=Granted(endpoint="x:y", name="x", local=False)))
    speaking.take(TurnStarted(response_id="r"))
    speaking.take(said(rate=RATE))
    speaking.take(TurnDone(status="completed", response_id="r"))
    desk.pull(10)
    pieces = speaking.advance(200 * MS)[0]
    speaking.take(DOWN)
    desk.pull(10)
    pieces += speaking.advance(400 * MS)[0]
    speaking.take(UP)
    desk.pull(40)
    pieces += speaking.advance(2_000 * MS)[0]
    sent = desk.card.pcm[:RATE]
    assert (sent[: 10 * BLOCK] == LOUD).all()
    assert np.abs(sent[11 * BLOCK : 20 * BLOCK] - LOW).max() <= 1
    assert (sent[21 * BLOCK :] == LOUD).all()
    assert np.abs(track(pieces).astype(int) - sent).max() <= 2, "what was heard is what was sent"
    tap = desk.speaker.tap
    assert tap is not None
    assert np.array_equal(tap.read(0).pcm[:RATE], sent), "and what the echo canceller is told"
