"""The player through a real sound card: what is recorded at the loudspeaker is the track, at the place it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vdesk.desk import VirtualDesk
from tmlapp.capture.speaker import Speaker
from tmlapp.core.clock import MonotonicClock
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S
from tmlapp.live.player import Player
from tmlapp.live.player_sound import ArraySound

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("virtual_desk")]
RATE = 48_000


PIECE = RATE // 20


def share_heard(recorded: Pcm, wanted: Pcm) -> float:
    """Which share of the pieces of `wanted`, 50 ms each, stands somewhere in `recorded`, in their order.

    A machine under load lets its sound server starve, which tears the sound between two pieces; each of them is whole.
    """
    size = 1 << (len(recorded) + PIECE).bit_length()
    spectrum = np.fft.rfft(recorded.astype(float), size)
    energy = np.cumsum(np.concatenate([[0.0], recorded.astype(float) ** 2]))
    found, after = 0, 0
    pieces = [wanted[k : k + PIECE].astype(float) for k in range(0, len(wanted) - PIECE + 1, PIECE)]
    for piece in pieces:
        match = np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, size)), size)[: len(recorded) - PIECE]
        place = after + int(np.argmax(match[after:])) if after < len(match) else 0
        there = energy[place + PIECE] - energy[place]
        if match[place] > 0.8 * np.sqrt(max(1.0, there) * float(piece @ piece)):
            found, after = found + 1, place + PIECE // 2
    return found / len(pieces)


def test_the_track_the_switch_and_the_seek_are_heard(virtual_desk: VirtualDesk, tmp_path: Path) -> None:
    """To the sample this is tested on a manual clock; how far off a real card is, is measured."""
    rng = np.random.default_rng(4)
    first, second = (rng.normal(0, 4000, 10 * RATE).astype(np.int16) for _ in range(2))
    clock = MonotonicClock()
    player = Player(
        clock,
        duration_ns=10 * NS_PER_S,
        choices={"A": [ArraySound(first, RATE)], "B": [ArraySound(second, RATE)]},
        loudspeaker=lambda: Speaker("vd_speaker", clock=clock),
    )
    raw = tmp_path / "heard.raw"
    recorder = virtual_desk.record(raw)
    player.start()
    try:
        player.play(NS_PER_S)
        virtual_desk.let_pass(0.6)
        player.choose("B")
        virtual_desk.let_pass(0.6)
        assert player.silent == ""
        player.seek(6 * NS_PER_S)
        assert player.position_ns == 6 * NS_PER_S
        virtual_desk.let_pass(0.6)
        player.pause()
        stopped_ns = player.position_ns
        virtual_desk.let_pass(0.2)
    finally:
        player.close()
        recorder.terminate()
        recorder.wait()
    heard = np.fromfile(raw, "<i2")
    assert share_heard(heard, first[RATE : RATE + RATE // 4]) > 0.5
    assert share_heard(heard, second[6 * RATE : stopped_ns * RATE // NS_PER_S]) > 0.5
    assert share_heard(heard, first[6 * RATE : 6 * RATE + RATE // 4]) == 0, "the other track is not heard any more"
    assert share_heard(heard, second[4 * RATE : 4 * RATE + RATE // 4]) == 0, "nor what lies before the seek"
