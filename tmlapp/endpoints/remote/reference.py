"""The recording of a voice that a model is asked to speak with: a WAV file of the person's."""

from __future__ import annotations

import base64
import wave
from pathlib import Path

import numpy as np

from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

LONGEST_S = 60


def read_reference(path: str) -> Pcm:
    """Samples of a WAV file with PCM16, mono, 16 kHz, of at most a minute.

    Raises:
        AppError: it is not there, or is another kind of sound.
    """
    file = Path(path).expanduser()
    try:
        with wave.open(str(file), "rb") as sound:
            shape = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
            frames = sound.getnframes()
            data = sound.readframes(min(frames, LONGEST_S * SAMPLE_RATE_HZ))
    except (OSError, EOFError, wave.Error) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise AppError(
            f"The reference voice {file.name} cannot be read.",
            f"{why or str(error) or 'It ends too early'}.",
            "Name a WAV file with PCM16, mono, 16 kHz in the option ref_audio.",
        ) from error
    if shape != (1, 2, SAMPLE_RATE_HZ) or not data or frames > LONGEST_S * SAMPLE_RATE_HZ:
        channels, width, rate = shape
        raise AppError(
            f"The reference voice {file.name} is the wrong kind of sound.",
            f"It has {channels} channel(s) of {8 * width} bits at {rate} Hz and lasts {frames / rate:.1f} s.",
            f"Convert it to PCM16, mono, 16 kHz, at most {LONGEST_S} s.",
        )
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)


def reference_float32(path: str) -> str:
    """`read_reference` as base64 of float32 little-endian."""
    return float32_base64(read_reference(path))


def reference_data_uri(path: str) -> str:
    """The file itself as a `data:` URI, once `read_reference` takes it."""
    read_reference(path)
    return "data:audio/wav;base64," + base64.b64encode(Path(path).expanduser().read_bytes()).decode("ascii")


def float32_base64(pcm: Pcm) -> str:
    """PCM16 as base64 of float32 little-endian, -1 … 1."""
    return base64.b64encode((pcm.astype("<f4") / np.float32(32768)).tobytes()).decode("ascii")
