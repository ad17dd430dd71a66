"""Figures of a take's sound, and how copies are found."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.bench.items_made import RATE, room, s, speech_like, take_sound, write_wav
from tmlapp.bench.authoring.measure import (
    FRAME,
    SoundFigures,
    clipped_runs,
    frame_powers,
    measure,
    pcm_sha256,
    voice_by_energy,
)
from tmlapp.bench.authoring.measure_alike import (
    SOUND_ALIKE,
    TEXT_ALIKE,
    Neighbours,
    alike,
    likeness,
    plain_text,
    sound_print,
    text_likeness,
    texts_alike,
    trigrams,
)
from tmlapp.bench.authoring.measure_files import SoundFiles, SoundFormError, read_pcm16
from tmlapp.bench.transcripts.placement import read_wav
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.core.media import Pcm
from tmlapp.core.resample import resample

pytestmark = pytest.mark.unit


def tone(seconds: float, amplitude: float, hertz: float = 400.0) -> Pcm:
    t = np.arange(s(seconds)) / RATE
    return np.round(amplitude * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


# ---------------------------------------------------------------------- figures


def test_levels_are_those_of_a_known_tone() -> None:
    found = measure(tone(1.0, 16_384.0), [(0, RATE)])
    assert found.peak_dbfs == pytest.approx(-6.02, abs=0.01)
    assert found.rms_dbfs == pytest.approx(-9.03, abs=0.01)
    assert found.dc == pytest.approx(0.0, abs=1e-6)
    assert (found.samples, found.voice_by, found.clipped) == (RATE, "given", ())
    assert measure(tone(1.0, 1000.0) + np.int16(655)).dc == pytest.approx(0.02, abs=1e-4)


def test_the_snr_is_that_of_voice_over_noise_of_known_levels() -> None:
    noise = np.random.default_rng(1).normal(0.0, 100.0, s(3.0))
    sound = noise.copy()
    sound[s(1.0) : s(2.0)] += tone(1.0, 4000.0)
    found = measure(sound.astype(np.int16), [(s(1.0), s(2.0))])
    assert found.snr_db == pytest.approx(20 * np.log10(4000 / np.sqrt(2) / 100), abs=0.3)
    assert found.noise_dbfs == pytest.approx(20 * np.log10(100 / 32768), abs=0.3)
    assert (found.lead, found.trail) == (s(1.0), s(1.0))


def test_digital_silence_around_a_voice_gives_a_number() -> None:
    sound = np.zeros(s(2.0), np.int16)
    sound[s(0.5) : s(1.5)] = tone(1.0, 8000.0)
    found = measure(sound, [(s(0.5), s(1.5))])
    assert found.noise_dbfs == -96.0
    assert found.snr_db is not None
    assert 70 < found.snr_db < 90


@pytest.mark.parametrize("pcm", [np.zeros(0, np.int16), np.zeros(RATE, np.int16), room(1.0)])
def test_a_sound_without_voice_has_none(pcm: Pcm) -> None:
    found = measure(pcm)
    assert found.voice == ()
    assert (found.snr_db, found.speech_dbfs) == (None, None)
    assert (found.lead, found.trail) == (len(pcm), len(pcm))


def test_voice_is_found_by_energy_where_it_is() -> None:
    found = voice_by_energy(take_sound(3))
    assert found[0][0] == pytest.approx(s(0.3), abs=2 * FRAME)
    assert found[-1][1] == pytest.approx(s(7.5), abs=s(0.2))
    click = room(1.0).copy()
    click[8000:8100] = 9000
    assert voice_by_energy(click) == ()


def test_every_clipped_run_is_found_with_its_place() -> None:
    sound = tone(1.0, 20_000.0)
    sound[100:110] = 32_767
    sound[500:503] = -32_768
    sound[700:702] = 32_767
    assert clipped_runs(sound) == ((100, 110), (500, 503))
    assert clipped_runs(np.zeros(0, np.int16)) == ()
    assert clipped_runs(np.zeros(100, np.int16)) == ()


def test_a_flat_top_below_full_scale_is_clipping_too() -> None:
    loud = np.clip(tone(0.1, 30_000.0, 200.0), -20_000, 20_000).astype(np.int16)
    assert len(clipped_runs(loud)) == 40
    quiet = np.clip(tone(0.1, 3_000.0, 200.0), -2_000, 2_000).astype(np.int16)
    assert clipped_runs(quiet) == ()


def test_noise_that_rises_near_the_end_is_measured_with_its_begin() -> None:
    sound = take_sound(5, 10.0).astype(np.int32)
    sound[s(9.5) :] += np.random.default_rng(3).normal(0, 120, s(0.5)).astype(np.int32)
    found = measure(sound.astype(np.int16), [(s(0.3), s(2.4)), (s(3.0), s(9.5))])
    assert found.rise_db is not None
    assert found.rise_db > 15
    assert found.rise_from == pytest.approx(s(9.5), abs=s(0.15))
    level = measure(take_sound(5, 10.0))
    assert (level.rise_db, level.rise_from) == (0.0, None)
    assert measure(tone(1.0, 9000.0), [(0, RATE)]).rise_db is None


def test_figures_survive_json() -> None:
    sound = take_sound(2)
    sound[100:110] = 32_767
    found = measure(sound)
    assert SoundFigures.from_json(found.to_json()) == found
    assert found.sha256 == pcm_sha256(sound) == hashlib.sha256(sound.astype("<i2").tobytes()).hexdigest()
    assert len(frame_powers(sound)) == len(sound) // FRAME


def test_real_speech_has_voice_by_both_ways(shared_data: Path) -> None:
    pcm = read_wav(shared_data / "speech" / "cmusphinx__pocketsphinx" / "goforward.wav")
    by_net = measure(pcm, VoiceActivityDetector().timestamps(pcm), voice_by="silero")
    by_energy = measure(pcm)
    assert by_net.voice_by == "silero"
    assert by_net.snr_db == pytest.approx(27, abs=3)
    assert by_energy.snr_db == pytest.approx(27, abs=4)
    assert by_energy.lead == pytest.approx(by_net.lead, abs=s(0.1))


# ---------------------------------------------------------------------- copies


def with_noise(pcm: Pcm, snr_db: float) -> Pcm:
    power = float(np.square(pcm, dtype=np.float64).mean())
    noise = np.random.default_rng(9).normal(0.0, np.sqrt(power / 10 ** (snr_db / 10)), len(pcm))
    return np.clip(pcm + noise, -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_in_another_form_is_found_and_another_sound_is_not(seed: int) -> None:
    sound = take_sound(seed)
    one = sound_print(sound)
    copies = [
        (sound * 0.1).astype(np.int16),
        with_noise(sound, 20.0),
        np.concatenate((room(1.3, 7), sound, room(20.0, 8))),
        resample(resample(sound, 16_000, 8_000), 8_000, 16_000),
        sound[s(0.5) : -s(0.5)],
    ]
    assert all(likeness(one, sound_print(copy)) >= SOUND_ALIKE for copy in copies)
    others = [sound_print(take_sound(other)) for other in range(20, 30)]
    assert max(alike(one, others)) < 0.7


def test_real_speech_by_one_voice_is_no_copy(shared_data: Path) -> None:
    files = sorted((shared_data / "speech" / "cmusphinx__pocketsphinx").glob("sense*.wav"))
    prints = [sound_print(read_wav(path)) for path in files]
    assert len(prints) >= 4
    assert max(max(alike(p, prints[:i]), default=0.0) for i, p in enumerate(prints)) < 0.5
    assert likeness(prints[0], prints[0]) > 0.99


def test_short_and_silent_sounds_are_like_nothing() -> None:
    short, silent = sound_print(speech_like(0.2, 1)), sound_print(np.zeros(RATE, np.int16))
    whole = sound_print(take_sound(1))
    assert likeness(short, whole) == likeness(whole, short) == likeness(short, short) == 0.0
    assert likeness(silent, whole) == 0.0
    assert alike(whole, []) == []


def test_texts_are_compared_by_what_they_say() -> None:
    one = trigrams("Remind me to breathe in and out every four seconds!")
    assert text_likeness(one, trigrams("remind me to  BREATHE in, and out every 4 seconds")) > TEXT_ALIKE
    assert text_likeness(one, trigrams("Tell me when ten seconds are over.")) < 0.4
    assert plain_text("  Fenêtre… ＡＢＣ_1 ") == "fenêtre abc 1"
    assert text_likeness(trigrams("…"), trigrams("")) == 0.0
    assert text_likeness(trigrams("時計を見て"), trigrams("時計を見て!")) == 1.0
    other = trigrams("remind me to breathe in, and out every 4 seconds")
    assert texts_alike(one, [trigrams(""), one, other]) == [0.0, 1.0, text_likeness(one, other)]


def test_neighbours_compare_each_pair_once_and_forget_what_is_gone() -> None:
    asked: list[tuple[int, int]] = []

    def compare(value: int, others: object) -> list[float]:
        assert isinstance(others, list)
        asked.extend((value, other) for other in others)
        return [1.0 if abs(value - other) <= 1 else 0.0 for other in others]

    found = Neighbours[str, int](compare, 0.5)
    for n in range(40):
        found.add(f"k{n}", n)
    found.add("k3", 99)
    assert len(asked) == 40 * 39 // 2
    assert dict(found.near("k7")) == {"k6": 1.0, "k8": 1.0}
    assert dict(found.near("nobody")) == {}
    found.keep_only({f"k{n}" for n in range(30)})
    assert "k39" in found
    found.keep_only({"k7", "k8"})
    assert "k39" not in found
    assert dict(found.near("k7")) == {"k8": 1.0}


# ---------------------------------------------------------------------- files


def test_a_file_is_measured_once_and_kept_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wav(tmp_path / "set" / "a.wav", take_sound(1))
    first = SoundFiles(tmp_path / "set", voice="energy", keep=tmp_path / "keep")
    sound = first.sound("a.wav")
    assert sound is not None
    assert sound.figures == measure(take_sound(1))
    assert first.sound("a.wav") is sound
    assert first.version == 1
    assert first.known(first.state("a.wav").sha256) is sound

    again = SoundFiles(tmp_path / "set", voice="energy", keep=tmp_path / "keep")
    monkeypatch.setattr("tmlapp.bench.authoring.measure_files.measure", None)
    kept = again.sound("a.wav")
    assert kept is not None
    assert kept.figures == sound.figures
    assert kept.print is not None
    assert sound.print is not None
    assert np.array_equal(kept.print.rows, sound.print.rows)


def test_damaged_figures_on_the_disk_are_measured_anew(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", take_sound(1))
    SoundFiles(tmp_path, voice="energy", keep=tmp_path / "keep").sound("a.wav")
    (kept,) = (tmp_path / "keep").rglob("*.json")
    for damage in (b"{", b"{}", b'{"figures": 3, "rows": "zz"}', b""):
        kept.write_bytes(damage)
        found = SoundFiles(tmp_path, voice="energy", keep=tmp_path / "keep").sound("a.wav")
        assert found is not None
        assert found.figures is not None


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", take_sound(1))
    files = SoundFiles(tmp_path, voice="energy")
    before = files.state("a.wav")
    assert files.state("a.wav") is before
    write_wav(tmp_path / "a.wav", take_sound(2, 9.0))
    assert files.state("a.wav").sha256 != before.sha256


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    files = SoundFiles(tmp_path, voice="energy")
    assert files.state("absent.wav").state == "missing"
    assert files.state("folder").state == "missing"
    assert files.state("a\0b").state == "unreadable"
    assert files.sound("absent.wav") is None


@pytest.mark.parametrize(("rate", "channels", "code"), [(44_100, 1, "rate"), (8_000, 1, "rate"), (16_000, 2, "form")])
def test_another_form_of_sound_is_named(tmp_path: Path, rate: int, channels: int, code: str) -> None:
    write_wav(tmp_path / "a.wav", speech_like(1.0, 1), rate=rate, channels=channels)
    found = SoundFiles(tmp_path, voice="energy").sound("a.wav")
    assert found is not None
    assert (found.problem_code, found.figures) == (code, None)


def test_cut_and_empty_and_foreign_files_are_damaged(tmp_path: Path) -> None:
    whole = write_wav(tmp_path / "a.wav", speech_like(1.0, 1)).read_bytes()
    empty = write_wav(tmp_path / "e.wav", np.zeros(0, np.int16)).read_bytes()
    for data in (whole[:40], whole[:-10], empty, b"", b"not a sound", b"RIFF\0\0\0\0WAVEjunk"):
        with pytest.raises(SoundFormError) as error:
            read_pcm16(data)
        assert error.value.code == "damaged"


def test_the_shipped_graph_finds_the_voice(tmp_path: Path, shared_data: Path) -> None:
    pcm = read_wav(shared_data / "speech" / "cmusphinx__pocketsphinx" / "goforward.wav")
    write_wav(tmp_path / "a.wav", pcm)
    found = SoundFiles(tmp_path).sound("a.wav")
    assert found is not None
    assert found.figures is not None
    assert found.figures.voice_by.startswith("silero ")
