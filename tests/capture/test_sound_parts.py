"""Ring, clock fit, chunker, level, voice activity: the small parts of the microphone's path."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from tests.capture.sound_made import noise
from tmlapp.capture.chunker import Chunker
from tmlapp.capture.clockfit import ClockFit
from tmlapp.capture.devices import list_devices, reason, resolve
from tmlapp.capture.level import peak_dbfs
from tmlapp.capture.ring import BlockRing
from tmlapp.capture.vad import VoiceActivity
from tmlapp.core.errors import AppError
from tmlapp.core.event import Marker

pytestmark = pytest.mark.unit

MS = 1_000_000
BLOCK_NS = 20 * MS


def _ring() -> BlockRing:
    return BlockRing(rate_hz=1000, channels=2, block_frames=20, seconds=0.2)


def _block(value: int, frames: int = 20) -> memoryview:
    return np.full((frames, 2), value, np.int16).reshape(-1).data.cast("B")


def test_the_ring_gives_back_what_was_written_across_its_end() -> None:
    ring = _ring()
    for value in range(25):
        ring.write(_block(value, 15), 15, value * MS, 0.01, value == 3)
        meta = ring.meta(value)
        assert (meta.frames, meta.callback_ns, meta.age_ns) == (15, value * MS, 10 * MS)
        assert meta.overflow == (value == 3)
        assert np.array_equal(ring.take(1), np.full((15, 2), value))
    assert ring.overflows == 1
    assert ring.last_callback_ns == 24 * MS


def test_a_ring_that_nobody_reads_refuses_and_says_how_much() -> None:
    ring = _ring()
    for value in range(13):
        ring.write(_block(value), 20, value, 0.0, False)
    assert ring.written == ring.capacity == 200
    assert ring.take(10).shape == (200, 2)
    ring.write(_block(99), 20, 99, 0.0, False)
    assert ring.meta(10).missing == 60
    ring.write(_block(100), 20, 100, 0.0, False)
    assert ring.meta(11).missing == 0


def test_a_paused_ring_drops_and_marks_the_first_block_after_it() -> None:
    ring = _ring()
    ring.accepting = False
    ring.write(_block(1), 20, 1, 0.0, False)
    ring.accepting = True
    ring.write(_block(2), 20, 2, 0.0, False)
    ring.write(_block(3), 20, 3, 0.0, False)
    assert ring.blocks_written == 2
    assert ring.meta(0).resumed
    assert not ring.meta(1).resumed


def test_an_absurd_age_counts_as_unknown() -> None:
    ring = _ring()
    for age_s in (-3600.0, 1e9, float("nan")):
        ring.write(_block(0), 20, 0, age_s, False)
    assert [ring.meta(block).age_ns for block in range(3)] == [0, 0, 0]


def test_the_newest_frames_can_be_looked_at_without_taking_them() -> None:
    ring = _ring()
    assert ring.newest(50).shape == (0, 2)
    for value in range(13):
        ring.write(_block(value), 20, 0, 0.0, False)
        ring.take(1)
    assert np.array_equal(ring.newest(30)[:, 0], [11] * 10 + [12] * 20)
    assert ring.blocks_read == 13


def _fitted(ppm: float, seconds: int, jitter_ms: float = 20.0) -> ClockFit:
    """A fit over a device that is `ppm` fast, with callbacks up to `jitter_ms` late, age stamps +-7 ms off."""
    rng = np.random.default_rng(3)
    fit = ClockFit()
    fit.anchor(0, 10**12)
    for block in range(1, seconds * 50 + 1):
        end_ns = block * BLOCK_NS
        true_ns = 10**12 + round(end_ns / (1 + ppm * 1e-6))
        late_ns = round(rng.uniform(0, jitter_ms) * MS)
        wobble_ns = round(rng.uniform(-7, 7) * MS)
        fit.add(end_ns, true_ns + 30 * MS + late_ns, true_ns + wobble_ns)
    return fit


@pytest.mark.parametrize("ppm", [-200.0, 0.0, 80.0])
def test_drift_is_measured_through_the_jitter_of_callbacks(ppm: float) -> None:
    fit = _fitted(ppm, 60)
    assert fit.drift_ppm == pytest.approx(ppm, abs=15)
    true_ns = 10**12 + round(60e9 / (1 + ppm * 1e-6))
    assert abs(fit.mono_ns(60 * 10**9) - true_ns) < 3 * MS
    assert abs(fit.session_ns(fit.mono_ns(61 * 10**9)) - 61 * 10**9) <= 2


def test_drift_is_unknown_at_first_but_times_are_not() -> None:
    fit = _fitted(0.0, 5)
    assert fit.drift_ppm is None
    assert abs(fit.mono_ns(5 * 10**9) - 10**12 - 5 * 10**9) < 4 * MS


def test_a_block_that_jumps_ahead_starts_the_fit_again() -> None:
    fit = _fitted(0.0, 30)
    for block in range(1501, 1601):
        end_ns = block * BLOCK_NS
        fit.add(end_ns, 10**12 + end_ns - 200 * MS, 10**12 + end_ns - 230 * MS)
    assert abs(fit.late_ns(32 * 10**9, 10**12 + 32 * 10**9 - 200 * MS)) < MS


def test_the_chunker_cuts_exactly_and_keeps_every_sample() -> None:
    source = noise(1.0, 16_000)
    chunker = Chunker()
    for part in np.split(source, [100, 3199, 3200, 9000, 9000, 15_999]):
        chunker.push(part, len(part))
    chunker.silence(3200, 77)
    turns = []
    while (turn := chunker.pop()) is not None:
        turns.append(turn)
    assert np.array_equal(np.concatenate([turn.pcm for turn in turns]), np.concatenate((source, np.zeros(3200))))
    assert [turn.index for turn in turns] == list(range(6))
    assert turns[-1].ready_ns == 77
    assert chunker.missing == 3200
    assert chunker.t_ns == 1_200_000_000


def test_an_event_goes_into_the_micro_turn_in_which_it_begins() -> None:
    chunker = Chunker()
    chunker.note(Marker(t_ns=250 * MS, label="late"))
    chunker.note(Marker(t_ns=199 * MS, label="early"))
    chunker.silence(9600, 0)
    first, second = chunker.pop(), chunker.pop()
    assert first is not None
    assert second is not None
    assert [e.t_ns for e in first.events] == [199 * MS]
    assert [e.t_ns for e in second.events] == [250 * MS]
    chunker.note(Marker(t_ns=0, label="belated"))
    third = chunker.pop()
    assert third is not None
    assert len(third.events) == 1


def test_levels() -> None:
    assert peak_dbfs(np.zeros(0, np.int16)) == -120.0
    assert peak_dbfs(np.zeros(10, np.int16)) == -120.0
    assert peak_dbfs(np.array([-32768], np.int16)) == 0.0


def test_voice_activity_gives_ten_flags_and_hears_speech(shared_data: Path) -> None:
    vad = VoiceActivity()
    assert vad.push(np.zeros(3200, np.int16)) == [False] * 10
    clips = sorted(shared_data.glob("speech/**/*.wav"))
    if not clips:
        pytest.skip("there is no recorded speech in the shared data")
    pcm, rate = soundfile.read(clips[0], dtype="int16")
    assert rate == 16_000
    flags = vad.push(pcm[: len(pcm) // 320 * 320])
    assert sum(flags) > len(flags) // 3


def test_voice_activity_refuses_other_lengths() -> None:
    with pytest.raises(ValueError, match="multiple of 320"):
        VoiceActivity().push(np.zeros(100, np.int16))


def test_a_machine_without_portaudio_lists_its_cameras_and_says_why_there_is_no_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> object:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return importlib.import_module(name)

    monkeypatch.setattr("tmlapp.capture.devices.importlib", SimpleNamespace(import_module=missing))
    found = list_devices()
    assert found.microphones == ()
    assert "libportaudio2" in found.problem
    assert found.to_json()["problem"] == found.problem


def test_a_machine_without_sound_cards_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tmlapp.capture.devices.list_sound", lambda _: ())
    with pytest.raises(AppError, match="There is no loudspeaker"):
        resolve("output", "default")


def test_portaudios_host_error_is_told_with_its_details() -> None:
    assert reason(Exception("Unanticipated host error", -9999, (8, -5, "Input/output error"))) == (
        "Unanticipated host error: Input/output error."
    )
