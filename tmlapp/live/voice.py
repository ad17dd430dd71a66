"""The app's voice for texts that have no recording: espeak-ng in a process of its own."""

from __future__ import annotations

import shutil
import struct
import subprocess
import threading
from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from tmlapp.core.errors import AppError
from tmlapp.core.media import AudioClip, Pcm
from tmlapp.core.units import OUTPUT_RATE_HZ

PROGRAM = "espeak-ng"
_TIMEOUT_S = 10
_KEPT = 256
_LONGEST = 1000
_PEAK = 0.35
_LEAD_S, _TAIL_S = 0.010, 0.060
_AUDIBLE = 0.01
_FIX = "Install espeak-ng (Debian and Ubuntu: apt install espeak-ng), or run without a voice."


class EspeakVoice:
    """Speaks short texts; what was spoken once is kept. Safe to call from any thread.

    espeak-ng is under the GPL and is therefore only ever started as a separate program.
    """

    def __init__(self, *, voice: str = "en-us", words_per_minute: int = 165, program: str = PROGRAM) -> None:
        self._program = program
        self._arguments = ["-v", voice, "-s", str(words_per_minute), "-b", "1", "-z", "--stdin", "--stdout"]
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, AudioClip] = OrderedDict()

    def available(self) -> bool:
        """True if the program is installed."""
        return shutil.which(self._program) is not None

    def __call__(self, text: str) -> AudioClip:
        return self.speak(text)

    def speak(self, text: str) -> AudioClip:
        """`text` as mono PCM16 at 24 kHz; the sound begins within 12 ms, its peak is at −9 dBFS.

        Raises:
            AppError: espeak-ng is missing or fails, or the text holds nothing that can be spoken.
        """
        key = " ".join(text.split())
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        clip = AudioClip(polished(*self._rendered(key)), OUTPUT_RATE_HZ)
        if not len(clip.pcm):
            raise AppError(f"“{key}” could not be spoken.", "espeak-ng gave only silence for it.", "Change the text.")
        with self._lock:
            self._kept[key] = clip
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return clip

    def _rendered(self, text: str) -> tuple[Pcm, int]:
        # The text goes through stdin: as an argument, a text that begins with a hyphen would be an option.
        try:
            done = subprocess.run(
                [self._program, *self._arguments],
                input=text[:_LONGEST].encode("utf-8", "replace"),
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise AppError("There is no voice.", f"The program {self._program} is not installed.", _FIX) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AppError("The voice failed.", f"{self._program} did not work: {error}.", _FIX) from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip() or f"it ended with {done.returncode}"
            raise AppError("The voice failed.", f"{self._program}: {said}.", _FIX)
        # For a text without a single sound espeak-ng writes not even a header.
        return streamed_wav(done.stdout) if done.stdout else (np.zeros(0, dtype=np.int16), OUTPUT_RATE_HZ)


def streamed_wav(raw: bytes) -> tuple[Pcm, int]:
    """Samples and rate of a wav that was written to a pipe, whose header therefore gives no true lengths.

    Raises:
        AppError: it is no mono PCM16 wav.
    """
    problem = AppError("The voice failed.", "What espeak-ng gave is no mono PCM16 sound.", _FIX)
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise problem
    at, rate = 12, 0
    while at + 8 <= len(raw):
        name, size = raw[at : at + 4], struct.unpack_from("<I", raw, at + 4)[0]
        body = at + 8
        if name == b"fmt " and body + 16 <= len(raw):
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", raw, body)
            if (kind, channels, bits) != (1, 1, 16) or not rate:
                raise problem
        elif name == b"data" and rate:
            data = raw[body : body + min(size, len(raw) - body)]
            return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16), rate
        at = body + size + size % 2
    raise problem


def polished(pcm: Pcm, rate_hz: int) -> Pcm:
    """`pcm` at 24 kHz without silence around it, at a soft level; empty if nothing can be heard."""
    sound = resampled(pcm.astype(np.float64) / 32768.0, rate_hz)
    peak = float(np.abs(sound).max(initial=0.0))
    if peak == 0.0:
        return np.zeros(0, dtype=np.int16)
    heard = np.flatnonzero(np.abs(sound) > _AUDIBLE * peak)
    first = max(0, int(heard[0]) - round(_LEAD_S * OUTPUT_RATE_HZ))
    last = min(len(sound), int(heard[-1]) + 1 + round(_TAIL_S * OUTPUT_RATE_HZ))
    cut = sound[first:last] * (_PEAK / peak)
    ramp = min(len(cut) // 2, round(0.002 * OUTPUT_RATE_HZ))
    if ramp:
        cut[:ramp] *= np.linspace(0.0, 1.0, ramp)
        cut[-ramp:] *= np.linspace(1.0, 0.0, ramp)
    return np.asarray(np.rint(cut * 32767.0), dtype=np.int16)


def resampled(sound: npt.NDArray[np.float64], rate_hz: int) -> npt.NDArray[np.float64]:
    """`sound` at 24 kHz, by its spectrum: exact for a whole phrase that begins and ends in silence."""
    if rate_hz == OUTPUT_RATE_HZ or not len(sound):
        return sound
    # Padding to a whole number of output samples keeps the ratio of the rates exact.
    step = rate_hz // np.gcd(rate_hz, OUTPUT_RATE_HZ)
    padded = np.pad(sound, (0, -len(sound) % step + step))
    length = len(padded) * OUTPUT_RATE_HZ // rate_hz
    spectrum = np.fft.rfft(padded)
    wide = np.zeros(length // 2 + 1, dtype=complex)
    kept = min(len(spectrum), len(wide))
    wide[:kept] = spectrum[:kept]
    return np.asarray(np.fft.irfft(wide, length) * (length / len(padded)))
