"""The player through a real sound card: what is recorded at the loudspeaker is the track, at the place it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vdesk.desk import VirtualDesk
from tmlapp.capture.speaker import Speaker
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S
from tmlapp.live.player import Player
from tmlapp.live.player_sound import ArraySound

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("virtual_desk")]
RATE = 48_000


def find(recorded: Pcm, wanted: Pcm) -> int:
    """Where `wanted` begins in `recorded`."""
    size = 1 << (len(recorded) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(recorded.astype(float), size) * np.conj(np.fft.rfft(wanted.astype(float), size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(recorded)]))


def heard_through(desk: VirtualDesk, raw: Path, first: Pcm, second: Pcm) -> tuple[Pcm, int]:
    """Play `first` from 1 s on, switch to `second`, seek to 6 s, pause: what was recorded, and where it stopped."""
    clock = MonotonicClock()
    player = Player(
        clock,
        duration_ns=10 * NS_PER_S,
        choices={"A": [ArraySound(first, RATE)], "B": [ArraySound(second, RATE)]},
        loudspeaker=lambda: Speaker("vd_speaker", clock=clock),
    )
    recorder = desk.record(raw)
    player.start()
    try:
        player.play(NS_PER_S)
        desk.let_pass(0.8)
        player.choose("B")
        desk.let_pass(0.8)
        assert player.silent == ""
        player.seek(6 * NS_PER_S)
        assert player.position_ns == 6 * NS_PER_S
        desk.let_pass(0.8)
        player.pause()
        stopped_ns = player.position_ns
        desk.let_pass(0.3)
    finally:
        player.close()
        recorder.terminate()
        recorder.wait()
    return np.fromfile(raw, "<i2"), stopped_ns


def test_seeks_and_switches_are_heard_where_they_were_asked_for(virtual_desk: VirtualDesk, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    first, second = (rng.normal(0, 4000, 10 * RATE).astype(np.int16) for _ in range(2))
    # A machine that lets its sound server starve tears the sound itself; then it is played again.
    for attempt in range(4):
        heard, stopped_ns = heard_through(virtual_desk, tmp_path / f"{attempt}.raw", first, second)
        at_one = find(heard, first[RATE : RATE + RATE // 4])
        later = find(heard, second[2 * RATE : 2 * RATE + RATE // 4])
        if abs(later - at_one - RATE) <= 1:
            break
    # One second of the track is one second at the loudspeaker, across the switch: no gap and no jump.
    assert abs(later - at_one - RATE) <= 1
    sought = find(heard, second[6 * RATE : 6 * RATE + RATE // 4])
    # After the seek sounds the place that was asked for.
    assert np.corrcoef(heard[sought : sought + 4800], second[6 * RATE : 6 * RATE + 4800])[0, 1] > 0.9
    end = int(np.flatnonzero(heard)[-1])
    # The pause stands where the sound stopped, but for the fade and the block that was on its way.
    assert abs((end - sought) / RATE + 6 - stopped_ns / NS_PER_S) <= 150 * NS_PER_MS / NS_PER_S
