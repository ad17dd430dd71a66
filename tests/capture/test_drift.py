"""Two counts of samples: what is taken for a drift between two clocks, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from tmlapp.capture.drift import REACH, Drift, between
from tmlapp.capture.echo_reference import EchoReference
from tmlapp.capture.playtap import PlayTap
from tmlapp.core.units import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ, TURN_NS, TURN_SAMPLES

pytestmark = pytest.mark.unit

RATE = 48_000


def rates(seconds: int, *, fast: float = 0.0, jumps: dict[int, float] | None = None) -> list[float]:
    """What is believed after each micro-turn, in millionths; the second count jumps by samples at some of them."""
    drift, random, jumped = Drift(), np.random.default_rng(1), 0.0
    found = []
    for turn in range(1, 5 * seconds):
        jumped += (jumps or {}).get(turn, 0.0)
        first = turn * TURN_SAMPLES
        drift.push(first, first * (1 + fast) + jumped + random.uniform(-50, 50))
        found.append((drift.rate - 1) * 1e6)
    return found


@pytest.mark.parametrize("fast", [3e-4, -3e-4, 0.0])
@pytest.mark.parametrize("jumps", [{}, {700: -960.0}, {910: 160.0, 1400: -160.0}])
def test_a_sound_card_that_fails_for_a_moment_is_no_drift(fast: float, jumps: dict[int, float]) -> None:
    found = rates(600, fast=fast, jumps=jumps)
    assert not any(found[:299]), "too little is known"
    # The first estimates are from one minute, in which each place may be wrong by 3 ms.
    assert np.abs(np.array(found[600:]) - fast * 1e6).max() < 8


def test_more_than_crystals_differ_by_is_not_believed() -> None:
    assert not any(rates(120, fast=1e-3))


def follow(at_once: int, *, fast: float, begins_s: float = 0.0, seconds: int = 240) -> EchoReference:
    """A sound card that asks for 10 ms so many times at once, and begins so late."""
    tap, reference = PlayTap(RATE), EchoReference()
    block, asked = np.zeros(RATE // 100, np.int16), 0
    begins_ns = NS_PER_S + round(begins_s * NS_PER_S)
    for turn in range(1, 5 * seconds):
        ready_ns = NS_PER_S + turn * TURN_NS + 8 * NS_PER_MS
        while (at_ns := begins_ns + round(asked * 10 * NS_PER_MS / (1 + fast))) <= ready_ns:
            for n in range(at_once):
                tap.write(block, at_ns + n * NS_PER_MS // 10)
            asked += at_once
        reference.turn(tap, ready_ns - 8 * NS_PER_MS - TURN_NS, ready_ns)
    return reference


@pytest.mark.parametrize(("at_once", "begins_s"), [(1, 0.0), (4, 0.0), (1, 0.9)])
def test_a_drift_is_found_however_the_sound_card_asks(at_once: int, begins_s: float) -> None:
    found = follow(at_once, fast=1e-4, begins_s=begins_s)._drift.rate
    assert found == pytest.approx(1 + 1e-4, abs=5e-6)


def test_frames_that_were_asked_for_at_once_are_handed_over_one_by_one() -> None:
    tap, block = PlayTap(RATE), np.zeros(480, np.int16)
    assert tap.handed_at(NS_PER_S) == 0
    for burst in range(300):
        for n in range(4):
            tap.write(block, NS_PER_S + burst * 40 * NS_PER_MS + n * 1000)
    newest_ns = NS_PER_S + 299 * 40 * NS_PER_MS + 3000
    assert tap.handed_at(newest_ns + 30 * NS_PER_MS) == 300 * 1920 + 1440
    assert tap.handed_at(newest_ns + NS_PER_S) == 300 * 1920 + 1920, "a card that stands still is not waited for"
    assert tap.handed_at(newest_ns - 40 * NS_PER_MS) == 299 * 1920
    assert tap.handed_at(NS_PER_S) == 0, "that is forgotten"


@pytest.mark.parametrize("rate", [1.0, 1 + 3e-4, 1 - 3e-4])
def test_between_samples_is_the_same_sound(rate: float) -> None:
    wave = 9_000 * np.sin(2 * np.pi * 1_000 / SAMPLE_RATE_HZ * np.arange(4_000))
    places = REACH + 0.25 + rate * np.arange(TURN_SAMPLES, dtype=np.float64)
    found = between(wave.astype(np.int16), places)
    assert np.abs(found - 9_000 * np.sin(2 * np.pi * 1_000 / SAMPLE_RATE_HZ * places)).max() < 20
