"""Sentences said by a speech engine that is installed, as sound of the microphone."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tmlapp.core.media import Pcm
from tmlapp.core.resample import resample
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import SAMPLE_RATE_HZ, TURN_SAMPLES


@cache
def said(text: str) -> Pcm:
    """`text` in an American voice, int16 at 16 kHz; the test is skipped where nothing can speak."""
    if shutil.which("flite"):
        command = ["flite", "-voice", "slt", "-t", text, "-o", "/dev/stdout"]
    elif shutil.which("espeak-ng"):
        command = ["espeak-ng", "-v", "en-us", "-s", "150", "--stdout", text]
    else:
        pytest.skip("neither flite nor espeak-ng is installed")
    with wave.open(io.BytesIO(subprocess.run(command, check=True, capture_output=True).stdout)) as file:
        sound = np.frombuffer(file.readframes(-1), "<i2").astype(np.int16)
        return resample(sound, file.getframerate(), SAMPLE_RATE_HZ)


def recorded(path: Path) -> Pcm:
    """A mono file at 16 kHz as int16."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (1, SAMPLE_RATE_HZ)
        return np.frombuffer(file.readframes(-1), "<i2").astype(np.int16)


def quiet(seconds: float) -> Pcm:
    return np.zeros(int(seconds * SAMPLE_RATE_HZ), np.int16)


def microphone(*sounds: Pcm) -> list[MicroTurn]:
    """Micro-turns of `sounds`, one after the other."""
    whole = np.concatenate(sounds)
    whole = np.pad(whole, (0, -len(whole) % TURN_SAMPLES))
    return [MicroTurn(i, piece) for i, piece in enumerate(_cut(whole))]


def _cut(whole: Pcm) -> Iterable[Pcm]:
    return (whole[i : i + TURN_SAMPLES] for i in range(0, len(whole), TURN_SAMPLES))
