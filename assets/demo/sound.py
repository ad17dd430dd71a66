"""The sound of the clips: what is asked, spoken by espeak-ng, a little echo of the room, and its tone."""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
INSTRUCTION = "Please count out reps for squats."
SPOKEN_AT_S = 0.6
VOICE = ("-v", "en-us", "-s", "150", "-p", "42", "-g", "2")


def speak(text: str) -> np.ndarray:
    """Return `text` as espeak-ng says it, float64 in -1 to 1 at 16 kHz."""
    said = subprocess.run(["espeak-ng", *VOICE, "--stdout", text], check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(said)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(10**7), np.int16)
    return _resample(samples / 32768, rate)


def _resample(samples: np.ndarray, rate: int) -> np.ndarray:
    count = round(len(samples) * RATE / rate)
    spectrum = np.fft.rfft(samples)[: count // 2 + 1]
    return np.fft.irfft(spectrum, count) * (count / len(samples))


def _room_echo(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    t_s = np.arange(int(0.18 * RATE)) / RATE
    tail = rng.normal(0, 1, len(t_s)) * np.exp(-t_s / 0.035)
    tail *= 0.16 / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.convolve(samples, tail)


def _room_tone(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return noise that falls with frequency, at about -62 dB of full scale."""
    spectrum = np.fft.rfft(rng.normal(0, 1, count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum /= np.sqrt(np.maximum(hertz, 60) / 60)
    tone = np.fft.irfft(spectrum, count)
    return tone * (10 ** (-62 / 20) / np.sqrt(np.mean(tone**2)))


def make_sound(
    duration_s: float, rng: np.random.Generator, lines: Sequence[tuple[float, str]] = ((SPOKEN_AT_S, INSTRUCTION),)
) -> tuple[np.ndarray, list[float]]:
    """Return the whole track, int16 at 16 kHz, and when each of `lines` (time of its begin, text) ends."""
    track = _room_tone(round(duration_s * RATE), rng)
    ends_s = []
    for at_s, text in lines:
        dry = speak(text)
        voice = _room_echo(dry, rng)
        voice *= 0.45 / np.max(np.abs(voice))
        first = round(at_s * RATE)
        track[first : first + len(voice)] += voice
        ends_s.append(at_s + (int(np.flatnonzero(np.abs(dry) > 0.01 * np.max(np.abs(dry)))[-1]) + 1) / RATE)
    return np.round(np.clip(track, -1, 1) * 32767).astype(np.int16), ends_s


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def write_ogg(path: Path, samples: np.ndarray) -> None:
    """Write a long track small."""
    soundfile.write(path, samples, RATE, format="OGG", subtype="VORBIS")
