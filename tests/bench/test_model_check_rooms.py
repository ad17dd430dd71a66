"""Rooms, loudspeakers and levels: what is drawn is what was asked for, and it is drawn again from the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from tmlapp.bench.model_check.echo import EchoAir, canceller_alone
from tmlapp.bench.model_check.material import (
    active_rms,
    at_level,
    floats,
    integers,
    kitchen_like,
    stretch_of,
    voiced_ends,
)
from tmlapp.bench.model_check.rooms import RT60_S, Filter, Loudspeaker, draw_room, high_passed, hum, in_room, turns_in
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_SAMPLES
from tmlapp.endpoints.hearing.silero import SileroGraph

pytestmark = pytest.mark.unit


def speech_like(seconds: float, seed: int = 0) -> np.ndarray:
    """Syllables of coloured noise, 4 per second."""
    random = np.random.default_rng(seed)
    n = round(seconds * SAMPLE_RATE_HZ)
    noise = np.convolve(random.normal(0, 0.2, n), np.hanning(9), mode="same")
    return noise * (0.5 - 0.5 * np.cos(2 * np.pi * 4 * np.arange(n) / SAMPLE_RATE_HZ)) ** 2


@pytest.mark.parametrize("number", range(2))
def test_a_room_dies_away_as_it_was_drawn(number: int) -> None:
    room = draw_room(5, number)
    left = (room.person[::-1] ** 2).cumsum()[::-1]
    db = 10 * np.log10(left / left[0])
    rt60 = (np.argmax(db < -25) - np.argmax(db < -5)) / SAMPLE_RATE_HZ * 3
    assert RT60_S[0] <= room.rt60_s <= RT60_S[1]
    assert rt60 == pytest.approx(room.rt60_s, rel=0.3)
    assert float((room.person**2).sum()) == pytest.approx(1.0)
    assert np.abs(room.person).argmax() <= 2


def test_the_same_seed_draws_the_same_room_and_another_one_another() -> None:
    first, again, other = draw_room(5, 1), draw_room(5, 1), draw_room(6, 1)
    assert first.name == again.name != other.name
    assert np.array_equal(first.speaker, again.speaker)


def test_a_filter_gives_block_by_block_what_it_gives_at_once() -> None:
    random = np.random.default_rng(3)
    taps, sound = random.normal(size=5000), random.normal(size=4 * TURN_SAMPLES)
    filter_ = Filter(taps)
    blocks = [filter_.push(block) for block in sound.reshape(4, TURN_SAMPLES)]
    assert np.allclose(np.concatenate(blocks), np.convolve(sound, taps)[: len(sound)])
    assert np.allclose(Filter(taps).whole(sound), np.convolve(sound, taps))


def test_the_echo_comes_after_its_delay_and_at_its_level() -> None:
    room, sound = draw_room(5, 0), speech_like(2)
    speaker = Loudspeaker(room, Loudspeaker.gain_for(room, sound, -30.0))
    echo = speaker.push(sound)
    assert active_rms(echo) == pytest.approx(10 ** (-30 / 20), rel=1e-6)
    click = np.zeros(3 * TURN_SAMPLES)
    click[0] = 0.1
    came = np.abs(Loudspeaker(room).push(click))
    assert not came[: room.delay].max() > 1e-9
    assert came[room.delay] > 0
    with pytest.raises(ValueError, match="silence"):
        Loudspeaker.gain_for(room, np.zeros(3200), -30.0)


def test_a_loud_membrane_saturates() -> None:
    room, sound = draw_room(5, 1), speech_like(1)
    quiet, loud = Loudspeaker(room).push(sound * 1e-3) * 1e3, Loudspeaker(room).push(sound)
    assert active_rms(loud) < 0.97 * active_rms(quiet)


def test_levels_and_ends_of_a_voice() -> None:
    silence = np.zeros(SAMPLE_RATE_HZ)
    sound = np.concatenate([silence, speech_like(1), silence])
    assert 20 * np.log10(active_rms(at_level(sound, -26.0))) == pytest.approx(-26.0)
    first, last = voiced_ends(sound)
    assert SAMPLE_RATE_HZ <= first < SAMPLE_RATE_HZ * 1.1
    assert SAMPLE_RATE_HZ * 1.9 < last <= SAMPLE_RATE_HZ * 2
    assert voiced_ends(silence) == (0, 0)
    assert np.array_equal(at_level(silence), silence)
    assert active_rms(np.zeros(3)) == active_rms(np.zeros(0)) == 0.0


def test_noise_goes_round_and_hum_is_quiet() -> None:
    random = np.random.default_rng(1)
    noise = np.arange(10.0)
    assert sorted(set(stretch_of(noise, 25, random))) == sorted(noise)
    assert 20 * np.log10(hum(16000, random).std()) == pytest.approx(-72, abs=0.5)
    assert abs(high_passed(np.ones(16000), 60.0)[-1]) < 1e-3
    assert turns_in(0.21) == 2
    assert kitchen_like([]) == []


def test_floats_and_integers_are_each_others_way_back() -> None:
    pcm = np.array([-32768, -1, 0, 1, 32767], np.int16)
    assert np.array_equal(integers(floats(pcm)), pcm)
    assert integers(np.array([2.0, -2.0])).tolist() == [32767, -32768]


def test_the_canceller_takes_most_of_the_echo_away() -> None:
    room = draw_room(5, 0)
    found = canceller_alone(room, speech_like(6.4), np.random.default_rng(0), SileroGraph())
    assert found.loss_db > 15
    assert 0 <= found.voiced <= 1
    assert found.row()["room"] == room.name
    far, air = (
        speech_like(0.2),
        EchoAir(room, np.random.default_rng(0), speech_like(1), echo_dbfs=-30, cancel=False),
    )
    assert np.array_equal(air(np.zeros(TURN_SAMPLES), far).shape, (TURN_SAMPLES,))
    assert len(in_room(far, room)) > len(far)
