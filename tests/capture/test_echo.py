"""The echo canceller, its reference on the microphone's axis, and how it is measured; in a made room."""

from __future__ import annotations

import wave
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tmlapp.capture.echo import DELAY_SAMPLES, EchoCanceller, library_version
from tmlapp.capture.echo_meter import EchoMeter
from tmlapp.capture.echo_reference import EchoReference
from tmlapp.capture.playtap import PlayTap
from tmlapp.core.media import Pcm
from tmlapp.core.resample import resample
from tmlapp.core.units import TURN_NS, TURN_SAMPLES

pytestmark = pytest.mark.unit

PHRASES = Path("models/tiny/phrases")
RATE = 48_000
BLOCK = RATE // 100
MS = 1_000_000
START_NS = 5_000_000 * MS


def spoken(seconds: float) -> Pcm:
    """The model's voice, one word after the other, at 16 kHz."""
    found: list[Pcm] = []
    for name in ("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen") * 4:
        with wave.open(str(PHRASES / f"{name}.wav"), "rb") as file:
            found.append(resample(np.frombuffer(file.readframes(-1), "<i2"), file.getframerate(), 16_000))
    return np.concatenate(found)[: round(seconds * 16_000) // TURN_SAMPLES * TURN_SAMPLES]


def echo_of(far: Pcm, delay_ms: int = 90, seed: int = 1) -> Pcm:
    """`far` through a loudspeaker that saturates a little and a room of 300 ms, with a little noise."""
    random = np.random.default_rng(seed)
    tail = random.normal(size=4_800) * np.exp(-np.arange(4_800) / 700)
    tail[0] = 4.0
    moved = np.tanh(1.5 * far / 32_768) / 1.5
    heard = np.convolve(moved, tail / np.linalg.norm(tail))
    heard = np.concatenate([np.zeros(16 * delay_ms), heard])[: len(far)] + random.normal(size=len(far)) * 2e-4
    return np.asarray(np.clip(heard * 32_768 * 0.7, -32_768, 32_767)).astype(np.int16)


def turns(*tracks: Pcm) -> list[tuple[Pcm, ...]]:
    return [tuple(t[at : at + TURN_SAMPLES] for t in tracks) for at in range(0, len(tracks[0]), TURN_SAMPLES)]


def loss_db(before: Pcm, after: Pcm) -> float:
    return float(10 * np.log10((before.astype(float) ** 2).sum() / (after.astype(float) ** 2).sum()))


def test_what_the_loudspeaker_plays_is_taken_out_and_what_a_person_says_stays() -> None:
    far = spoken(10.0)
    raw = echo_of(far)
    canceller, meter = EchoCanceller(), EchoMeter()
    clean = []
    for near, reference in turns(raw, far):
        clean.append(canceller.process(near, reference))
        meter.push(near, clean[-1], reference)
    left = np.concatenate(clean)
    later = 5 * 16_000
    assert loss_db(raw[later:-DELAY_SAMPLES], left[later + DELAY_SAMPLES :]) > 25
    assert meter.loss_db is not None
    assert meter.loss_db > 20
    assert meter.delay_ms == pytest.approx(90, abs=2)
    person = spoken(3.0)[::-1].copy()
    alone = np.concatenate([canceller.process(near, np.zeros_like(near)) for (near,) in turns(person)])
    assert abs(loss_db(person, alone)) < 3


def test_who_speaks_into_the_loudspeakers_words_is_kept_whole() -> None:
    far = spoken(12.0)
    person = np.zeros(len(far))
    person[8 * 16_000 : 11 * 16_000] = spoken(3.0)[::-1] * 0.7
    echo = echo_of(far)
    raw = np.clip(echo + person, -32_768, 32_767).astype(np.int16)
    canceller = EchoCanceller()
    clean = np.concatenate([canceller.process(near, reference) for near, reference in turns(raw, far)])
    wanted = person[: -DELAY_SAMPLES or None].astype(np.float64)
    wrong = clean[DELAY_SAMPLES:] - wanted
    loud = np.square(wanted.reshape(-1, 128)).mean(axis=1).repeat(128) > 300**2
    assert loud.sum() > 16_000
    heard_db = 10 * np.log10(np.square(wanted[loud]).sum() / np.square(wrong[loud]).sum())
    # With AEC3 behind the same filter all the time it is half of that.
    assert heard_db > 12


def test_an_echo_that_jumps_is_not_taken_for_a_person() -> None:
    far, jump = spoken(12.0), 8 * 16_000
    raw = np.concatenate([echo_of(far)[:jump], echo_of(far, delay_ms=150)[jump:]])
    known, blind = EchoCanceller(), EchoCanceller()
    left: dict[bool, list[Pcm]] = {True: [], False: []}
    for index, (near, reference) in enumerate(turns(raw, far)):
        if index * TURN_SAMPLES == jump:
            known.moved()
        left[True].append(known.process(near, reference))
        left[False].append(blind.process(near, reference))
    told, untold = (np.concatenate(left[kind])[jump : jump + 2 * 16_000] for kind in (True, False))
    assert loss_db(raw[jump : jump + 2 * 16_000], told) > 0
    assert loss_db(untold, told) > 2


def test_what_comes_out_is_late_by_a_known_number_of_samples() -> None:
    noise = np.random.default_rng(3).normal(size=16_000) * 3_000
    out = EchoCanceller().process(noise.astype(np.int16), np.zeros(16_000, np.int16))
    lags = [float(np.dot(out[lag : 15_000 + lag], noise[:15_000])) for lag in range(400)]
    assert int(np.argmax(lags)) == DELAY_SAMPLES
    assert library_version().startswith("pywebrtc-audio 0.")


def test_forgetting_the_room_is_beginning_anew() -> None:
    far = spoken(2.0)
    raw = echo_of(far)
    canceller = EchoCanceller()
    first = canceller.process(raw, far)
    canceller.reset()
    assert np.array_equal(canceller.process(raw, far), first)


@pytest.mark.parametrize(("near", "far"), [(640, 1280), (160, 160)])
def test_only_whole_frames_of_both_are_taken(near: int, far: int) -> None:
    with pytest.raises(ValueError, match="int16"):
        EchoCanceller().process(np.zeros(near, np.int16), np.zeros(far, np.int16))


class Desk:
    """A sound card that asks for 10 ms at a time, and a microphone beside it that hears it `loop_ms` later.

    Its clock is faster than the microphone's by the share `fast`.
    """

    def __init__(self, sound: Pcm, *, loop_ms: int = 40, jitter_ms: int = 0, fast: float = 0.0) -> None:
        self.tap = PlayTap(RATE)
        self.sound = sound
        self.loop_ms = loop_ms
        self.reference = EchoReference()
        self._random = np.random.default_rng(2)
        self._jitter_ms = jitter_ms
        self._fast = fast
        self._callbacks = count()
        self._next = next(self._callbacks)
        self.lost_ns = 0
        self.index = 0

    def to(self, now_ns: int) -> None:
        while (at_ns := START_NS + self.lost_ns + round(self._next * 10 * MS / (1 + self._fast))) <= now_ns:
            block = np.zeros(BLOCK, np.int16)
            part = self.sound[self._next * BLOCK : (self._next + 1) * BLOCK]
            block[: len(part)] = part
            late_ns = int(self._random.integers(0, self._jitter_ms + 1)) * MS
            self.tap.write(block, at_ns + late_ns)
            self._next = next(self._callbacks)

    def turn(self, *, ready_late_ms: int = 8) -> Pcm:
        """The reference of the next micro-turn, whose last sample was captured 8 ms before it was there."""
        self.index += 1
        captured_ns = START_NS + self.index * TURN_NS
        self.to(captured_ns + ready_late_ms * MS)
        return self.reference.turn(self.tap, captured_ns - TURN_NS, captured_ns + ready_late_ms * MS)


def clicks(seconds: int = 12) -> Pcm:
    """One loud stretch of 5 ms each half second."""
    sound = np.zeros(RATE * seconds, np.int16)
    for at in range(RATE // 2, len(sound), RATE // 2):
        sound[at : at + 240] = 20_000
    return sound


def leads_ms(desk: Desk, turns: int) -> list[float]:
    """How long before its echo each click stands in the reference."""
    track = np.concatenate([desk.turn() for _ in range(turns)])
    found = np.flatnonzero((track > 10_000) & (np.roll(track, 1) <= 10_000)) / 16
    expected = np.arange(500, len(track) / 16, 500) + desk.loop_ms
    return [float(echo - at) for echo, at in zip(expected, found, strict=False)]


@pytest.mark.parametrize("jitter_ms", [0, 12])
def test_the_reference_never_comes_after_its_echo_and_holds_still(jitter_ms: int) -> None:
    leads = leads_ms(Desk(clicks(), jitter_ms=jitter_ms), 40)
    assert len(leads) >= 14
    assert min(leads) > 0
    assert max(leads) < 80
    assert len({round(lead, 2) for lead in leads[6:]}) == 1, "to the sample, once it is aligned"


@pytest.mark.parametrize("fast", [8e-5, -8e-5, 0.0])
def test_two_sound_cards_with_clocks_of_their_own_stay_together(fast: float) -> None:
    desk = Desk(clicks(180), jitter_ms=4, fast=fast)
    track = np.concatenate([desk.turn() for _ in range(850)])
    at = np.flatnonzero((track > 10_000) & (np.roll(track, 1) <= 10_000)) / 16
    heard = np.arange(1, len(at) + 1) * 500 / (1 + fast) + desk.loop_ms
    leads = (heard - at)[-60:]
    assert np.ptp(leads) < (0.4 if fast else 0.07), "2.4 ms apart in this half minute if nothing were done"
    assert leads.min() > 0


def test_it_says_when_the_two_are_aligned_anew() -> None:
    desk = Desk(clicks())
    moved = []
    for index in range(40):
        if index == 20:
            # 60 ms in which the sound card asks for nothing.
            desk.lost_ns += 60 * MS
        desk.turn()
        moved.append(desk.reference.moved)
    assert moved[0]
    assert any(moved[20:23])
    assert not any((*moved[1:20], *moved[23:]))


def test_a_loudspeaker_that_was_opened_again_has_a_reference_of_its_own() -> None:
    desk = Desk(clicks())
    for _ in range(10):
        desk.turn()
    old = desk.tap
    assert not desk.reference.turn(None, START_NS + 10 * TURN_NS, START_NS + 11 * TURN_NS).any()
    desk.tap = PlayTap(RATE)
    desk.index += 1
    track = np.concatenate([desk.turn() for _ in range(10)])
    assert track.max() > 10_000
    assert desk.tap is not old


def test_after_a_pause_the_two_are_aligned_anew() -> None:
    desk = Desk(clicks())
    for _ in range(10):
        desk.turn()
    desk.index += 7
    track = np.concatenate([desk.turn() for _ in range(10)])
    at = np.flatnonzero((track > 10_000) & (np.roll(track, 1) <= 10_000)) / 16
    assert len(at) == 4
    echoes = (17 * 200 + at + np.mean(leads_ms(Desk(clicks()), 20))) % 500
    assert np.abs(echoes - desk.loop_ms).max() < 30


def test_an_engine_that_stood_still_goes_on_with_what_is_remembered() -> None:
    desk = Desk(clicks())
    for _ in range(5):
        desk.turn()
    desk.to(START_NS + 6 * TURN_NS + 9_000 * MS)
    assert desk.turn().shape == (TURN_SAMPLES,)
    assert desk.tap.read(0).first > 0
    assert desk.tap.handed_by(START_NS - 1) == 0


def test_what_a_person_says_and_noise_are_not_measured() -> None:
    far, meter = spoken(3.0), EchoMeter()
    noise = (np.random.default_rng(4).normal(size=len(far)) * 300).astype(np.int16)
    for raw, reference in turns(noise, far):
        meter.push(raw, raw, reference)
    assert (meter.loss_db, meter.delay_ms) == (None, None), "headphones: no echo stands out"
    meter = EchoMeter()
    for raw, reference in turns(far[::-1].copy(), np.zeros_like(far)):
        meter.push(raw, raw, reference)
    assert meter.loss_db is None, "nothing is played"
