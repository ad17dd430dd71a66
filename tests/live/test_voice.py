"""The voice for free texts."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from tmlapp.core.errors import AppError
from tmlapp.live.voice import EspeakVoice, FileVoice
from tmlapp.live.voice_engines import voice_for, voices
from tmlapp.live.voice_sound import polished, resampled, streamed_wav

pytestmark = pytest.mark.unit

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def program(folder: Path, body: str) -> str:
    """A stand-in for espeak-ng: a real program, started as a real process."""
    path = folder / "speaker"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def wav(samples: bytes, *, channels: int = 1, rate: int = 24_000, bits: int = 16, size: int | None = None) -> bytes:
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * 2, 2, bits)
    length = len(samples) if size is None else size
    return b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", length) + samples


@needs_espeak
def test_speaks_a_word_at_24_khz_that_begins_within_12_ms() -> None:
    clip = EspeakVoice().speak("one")
    assert clip.rate_hz == 24_000
    assert 0.15 < len(clip.pcm) / 24_000 < 1.0
    peak = int(np.abs(clip.pcm.astype(np.int32)).max())
    assert 0.3 < peak / 32768 < 0.36
    first = int(np.flatnonzero(np.abs(clip.pcm.astype(np.int32)) > peak * 0.01)[0])
    assert first <= 0.012 * 24_000


@needs_espeak
def test_the_same_text_is_spoken_once_and_then_remembered() -> None:
    voice = EspeakVoice()
    assert voice("breathe  in") is voice.speak(" breathe in ")


@needs_espeak
def test_a_text_that_looks_like_an_option_is_spoken_and_not_obeyed() -> None:
    assert len(EspeakVoice().speak("--version").pcm) > 2000


@needs_espeak
def test_a_text_without_any_sound_is_refused() -> None:
    with pytest.raises(AppError, match="could not be spoken"):
        EspeakVoice().speak("   ")


def test_only_the_newest_phrases_are_kept(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav((b"\x00\x20\x00\xe0") * 500))
    voice = EspeakVoice(program=program(tmp_path, f"cat > /dev/null; cat {tmp_path}/x.wav"))
    first = voice.speak("0")
    for n in range(1, 257):
        voice.speak(str(n))
    assert voice.speak("256") is voice.speak("256")
    assert voice.speak("0") is not first


def test_a_missing_program_is_named_with_the_fix() -> None:
    voice = EspeakVoice(program="no-such-speaker")
    assert not voice.available()
    with pytest.raises(AppError, match="not installed") as caught:
        voice.speak("one")
    assert "apt install espeak-ng" in caught.value.fix


def test_a_failing_program_is_quoted(tmp_path: Path) -> None:
    voice = EspeakVoice(program=program(tmp_path, "echo no such voice >&2; exit 3"))
    assert voice.available()
    with pytest.raises(AppError, match="no such voice"):
        voice.speak("one")


def test_a_program_that_fails_in_silence_gives_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="ended with 4"):
        EspeakVoice(program=program(tmp_path, "exit 4")).speak("one")


def test_a_program_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "speaker"
    path.write_text("not a program")
    with pytest.raises(AppError, match="did not work"):
        EspeakVoice(program=str(path)).speak("one")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"RIFF",
        wav(b"\0\0", channels=2),
        wav(b"\0\0", bits=8),
        wav(b"\0\0", rate=0),
        wav(b"\0\0", rate=3),
        wav(b"")[:36],
    ],
    ids=["nothing", "cut", "stereo", "8 bit", "no rate", "no such rate", "no data"],
)
def test_what_is_no_mono_pcm16_wav_is_refused(raw: bytes) -> None:
    with pytest.raises(AppError, match="no mono PCM16"):
        streamed_wav(raw, "it")


def test_a_wav_from_a_pipe_is_read_to_its_end_whatever_its_header_says() -> None:
    samples, rate = streamed_wav(wav(b"\x01\0\x02\0\x03", size=0x7FFFF000), "it")
    assert samples.tolist() == [1, 2]
    assert rate == 24_000


def test_resampling_keeps_a_tone() -> None:
    t = np.arange(22_050) / 22_050
    window = np.hanning(len(t))
    out = resampled(window * np.sin(2 * np.pi * 440 * t), 22_050)
    t24 = np.arange(24_000) / 24_000
    wanted = np.interp(t24, t, window) * np.sin(2 * np.pi * 440 * t24)
    assert np.abs(out[:24_000] - wanted).max() < 1e-3


def test_sound_at_24_khz_is_left_alone() -> None:
    sound = np.ones(10)
    assert resampled(sound, 24_000) is sound


def test_silence_becomes_nothing() -> None:
    assert len(polished(np.zeros(100, dtype=np.int16), 24_000)) == 0
    assert len(polished(np.zeros(0, dtype=np.int16), 24_000)) == 0


def test_silence_around_a_sound_is_cut() -> None:
    pcm = np.zeros(24_000, dtype=np.int16)
    pcm[12_000:14_400] = 8000
    assert len(polished(pcm, 24_000)) == 2400 + 240 + 1440


# ---------------------------------------------------------------- the engines


def level(pcm: np.ndarray) -> float:
    return float(np.abs(pcm.astype(np.int32)).max()) / 32768


@needs_flite
@pytest.mark.parametrize("text", ["breathe in and out", "-voice kal", 'one $(two) `three` \\ "four"'])
def test_flite_speaks_like_the_other_engine(text: str) -> None:
    voice = voice_for("flite")
    assert voice is not None
    clip = voice.speak(text)
    assert clip.rate_hz == 24_000
    assert 0.4 < len(clip.pcm) / 24_000 < 4.0
    assert 0.3 < level(clip.pcm) < 0.36
    assert int(np.flatnonzero(np.abs(clip.pcm.astype(np.int32)) > 32768 * 0.0035)[0]) <= 0.012 * 24_000
    assert voice.speak(f" {text} ") is clip


def test_an_engine_with_files_gets_them_by_argument_and_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(b"\x00\x20\x00\xe0" * 500))
    copies = f'test "$(cat "$1")" = "drink; water" && test "$1" = "$TMLAPP_TEXT" && cp {tmp_path}/x.wav "$TMLAPP_WAV"'
    voice = FileVoice(program(tmp_path, copies), ["{text}", "{wav}"], "Fix it.")
    assert len(voice.speak("drink; water").pcm) == 1000


def test_an_engine_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="wrote no sound") as caught:
        FileVoice(program(tmp_path, "exit 0"), [], "Fix it.").speak("one")
    assert caught.value.fix == "Fix it."
    with pytest.raises(AppError, match="cannot be read"):
        FileVoice(program(tmp_path, 'mkdir "$TMLAPP_WAV"'), [], "Fix it.").speak("one")


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("linux", ["espeak-ng", "flite"]),
        ("darwin", ["espeak-ng", "flite", "say"]),
        ("win32", ["espeak-ng", "flite", "sapi"]),
    ],
)
def test_every_system_has_its_engines_and_only_linux_was_tried(platform: str, names: list[str]) -> None:
    engines = voices(platform)
    assert [e.name for e in engines] == names
    assert {e.tried for e in engines} == {platform == "linux"}
    assert all(e.fix.endswith(".") for e in engines)


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    """A machine that has these programs and no others."""
    for name in programs:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("platform", "programs", "found"),
    [
        ("linux", ("flite", "espeak-ng"), "espeak-ng"),
        ("linux", ("flite",), "flite"),
        ("darwin", ("say",), "say"),
        ("win32", ("powershell",), "sapi"),
        ("linux", (), None),
    ],
)
def test_auto_takes_the_first_engine_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, programs: tuple[str, ...], found: str | None
) -> None:
    installed(tmp_path, monkeypatch, *programs)
    assert [e.name for e in voices(platform) if e.found][:1] == ([] if found is None else [found])
    voice = voice_for("auto", platform)
    assert (voice is None) == (found is None)
    assert voice is None or voice.available()


def test_none_is_no_voice() -> None:
    assert voice_for("none") is None


@pytest.mark.parametrize("name", ["flite", "say", "hal"])
def test_no_other_voice_speaks_in_place_of_the_one_that_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    installed(tmp_path, monkeypatch, "espeak-ng")
    voice = voice_for(name, "linux")
    assert voice is not None
    assert not voice.available()
    with pytest.raises(AppError, match="There is no voice") as caught:
        voice.speak("drink")
    assert "settings" in caught.value.fix
