from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.capture.sound_made import decimated_exactly, noise, write_wav
from tests.vdesk.desk import VirtualDesk
from tests.vdesk.fixture import virtual_desk
from tmlapp.config.settings import Settings
from tmlapp.core.event import Gap, Marker
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.live.observer import BlankObserver
from tmlapp.live.take import EXPECT, TakePlan, take_recorder
from tmlapp.recording.reader import Recording

__all__ = ["virtual_desk"]

pytestmark = pytest.mark.device

PATIENCE_S = 20.0


class Hearing(BlankObserver):
    """Says when `turns` micro-turns with sound have come."""

    def __init__(self, turns: int) -> None:
        self.enough = threading.Event()
        self._left = turns

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:
        self._left -= bool(turn.pcm.any())
        if self._left <= 0:
            self.enough.set()


def test_a_take_of_a_real_microphone_is_what_was_played_bit_for_bit(virtual_desk: VirtualDesk, tmp_path: Path) -> None:
    source = noise(5.0, 48_000)
    recorder = take_recorder(TakePlan(folder=tmp_path / "takes", name="t1", microphone="vd_mic"), Settings())
    hearing = Hearing(8)
    recorder.add_observer(hearing)
    recorder.start()
    with virtual_desk.play(write_wav(tmp_path / "noise.wav", source, 48_000)) as player:
        assert hearing.enough.wait(PATIENCE_S)
        at_ns = recorder.drop()
        path = recorder.stop()
        player.terminate()
    assert recorder.error is None
    assert recorder.sound.peak_dbfs > -20
    recording = Recording.open(path)
    assert list(recording.events((Gap,))) == []
    heard = recording.audio("/mic", recording.duration_ns - 1_000_000_000, recording.duration_ns)[0]
    assert decimated_exactly(heard, source, 48_000)
    assert [(m.t_ns, m.label) for m in recording.events((Marker,)) if isinstance(m, Marker)] == [(at_ns, EXPECT)]
    assert 1_000_000_000 < at_ns <= recording.duration_ns
