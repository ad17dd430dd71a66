"""Sounds of a run as wav files: mono PCM16."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from tmlapp.bench.runs.lines import written
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ


def read_wav(path: Path) -> Pcm | None:
    """Mono PCM16 of a wav that a run has written; None where there is none.

    Raises:
        AppError: it is damaged.
    """
    try:
        with wave.open(str(path), "rb") as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    except FileNotFoundError:
        return None
    except (OSError, EOFError, wave.Error) as error:
        raise AppError(f"The sound {path} cannot be read.", f"{error}.", "Run the item again.") from error


def write_wav(path: Path, pcm: Pcm, rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """int16 [n] mono as a wav.

    Raises:
        AppError: it cannot be written.
    """
    with written(path), wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.astype("<i2").tobytes())
