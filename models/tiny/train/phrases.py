"""Renders the spoken phrases with espeak-ng: mono PCM16 at 24 kHz, trimmed, soft, and short enough to count with."""

from __future__ import annotations

import subprocess
import wave
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.tiny.train.tasks import REMINDERS, VOCABULARY, phrase_file, reminder_file

RATE_HZ = 24000
VOICE = "en-us"
WORDS_PER_MINUTE = {"plain": 180, "-": 225, "hundred": 370}
"""Longer numbers are spoken faster, so that a count ends before the next one is due."""
LEVEL_DBFS = -24.0
"""RMS level of the trimmed phrase."""
PEAK = 0.6
SILENCE = 0.02
"""Share of the peak under which the edges are cut."""
MARGIN_S, FADE_S = 0.01, 0.008


def synthesise(text: str) -> tuple[NDArray[np.float64], int]:
    """Speech of one phrase, [-1, 1], and its rate in Hz."""
    pace = next((pace for mark, pace in reversed(WORDS_PER_MINUTE.items()) if mark in text), WORDS_PER_MINUTE["plain"])
    command = ["espeak-ng", "-v", VOICE, "-s", str(pace), "-g", "0", "--stdout", text]
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(BytesIO(sound)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return data / 32768.0, file.getframerate()


def resample(x: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Band-limited change of rate to 24 kHz through the spectrum."""
    n = round(len(x) * RATE_HZ / rate)
    return np.asarray(np.fft.irfft(np.fft.rfft(x), n) * (n / len(x)))


def trim(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut silent edges, fade the new ones."""
    loud = np.flatnonzero(np.abs(x) > SILENCE * np.abs(x).max())
    margin, fade = int(MARGIN_S * RATE_HZ), int(FADE_S * RATE_HZ)
    x = x[max(0, loud[0] - margin) : loud[-1] + margin].copy()
    ramp = np.linspace(0, 1, fade)
    x[:fade] *= ramp
    x[-fade:] *= ramp[::-1]
    return x


def render(text: str, path: Path) -> None:
    x, rate = synthesise(text)
    x = trim(resample(x, rate))
    x *= 10 ** (LEVEL_DBFS / 20) / np.sqrt((x * x).mean())
    x *= min(1.0, PEAK / np.abs(x).max())
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((x * 32767).round().astype("<i2").tobytes())


def render_all(folder: Path) -> int:
    """Every phrase of the vocabulary and the usual reminders; returns the total size in bytes."""
    files = {text: relative for text in VOCABULARY if (relative := phrase_file(text))}
    files |= {text: reminder_file(text) for text in REMINDERS}
    for text, relative in files.items():
        render(text, folder / relative)
    return sum((folder / relative).stat().st_size for relative in files.values())
