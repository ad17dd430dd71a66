"""Speech engines that are installed, as voices for a check: programs of their own; a text always sounds the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tmlapp.bench.model_check.material import LEVEL_DBFS, Sound, at_level, floats, voiced_ends
from tmlapp.core.errors import AppError
from tmlapp.core.resample import resample
from tmlapp.core.units import SAMPLE_RATE_HZ
from tmlapp.live.voice_sound import streamed_wav

_TIMEOUT_S = 30
_MARGIN = SAMPLE_RATE_HZ // 50


@dataclass(frozen=True, slots=True)
class Voice:
    """A way to speak: `name` for people, the program, and its arguments."""

    name: str
    program: str
    arguments: tuple[str, ...]

    def speak(self, text: str) -> Sound:
        """`text` at 16 kHz, cut to what sounds, at the level of a person.

        Raises:
            AppError: the program fails.
        """
        return _spoken(self, text)


def _espeak(name: str, voice: str, words_per_minute: int, pitch: int = 50) -> Voice:
    arguments = ("-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "-b", "1", "-z", "--stdin", "--stdout")
    return Voice(f"espeak-ng {name}", "espeak-ng", arguments)


def _flite(voice: str) -> Voice:
    return Voice(f"flite {voice}", "flite", ("-voice", voice))


VOICES: tuple[Voice, ...] = (
    _flite("slt"),
    _espeak("en-us", "en-us", 160),
    _flite("rms"),
    _espeak("en-gb", "en-gb", 150),
    _flite("awb"),
    _espeak("en-us+f3", "en-us+f3", 155, 55),
    _flite("kal16"),
    _espeak("en-gb-scotland", "en-gb-scotland", 145),
    _espeak("en-us+m3", "en-us+m3", 175, 40),
)
"""Engines take turns, so that the first few are a fair choice."""


def installed_voices(limit: int | None = None) -> list[Voice]:
    """Voices whose program is here."""
    found = [voice for voice in VOICES if shutil.which(voice.program)]
    return found[:limit]


def engine_versions() -> dict[str, str]:
    """What the installed engines say of themselves."""
    asked = {"espeak-ng": ["espeak-ng", "--version"], "flite": ["flite", "--version"]}
    found = {}
    for name, command in asked.items():
        if shutil.which(name):
            done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
            said = (done.stdout or done.stderr).decode("utf-8", "replace")
            version = re.search(r"flite-\S+|speech: *(\S+)", said)
            found[name] = (version.group(1) or version.group()) if version else "unknown"
    return found


@lru_cache(maxsize=4096)
def _spoken(voice: Voice, text: str) -> Sound:
    raw = _flite_wav(voice, text) if voice.program == "flite" else _run(voice, [voice.program, *voice.arguments], text)
    pcm, rate = streamed_wav(raw, voice.program)
    sound = at_level(floats(resample(pcm, rate, SAMPLE_RATE_HZ)), LEVEL_DBFS)
    first, last = voiced_ends(sound)
    cut = sound[max(0, first - _MARGIN) : last + _MARGIN].copy()
    # Shared by all who ask for it.
    cut.setflags(write=False)
    return cut


def _flite_wav(voice: Voice, text: str) -> bytes:
    # It writes its sound to a file only.
    with tempfile.TemporaryDirectory(prefix="tmlapp-") as folder:
        path = Path(folder) / "said.wav"
        _run(voice, [voice.program, *voice.arguments, "-t", text, "-o", str(path)], "")
        return path.read_bytes() if path.is_file() else b""


def _run(voice: Voice, command: list[str], text: str) -> bytes:
    try:
        done = subprocess.run(command, input=text.encode("utf-8"), capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(voice, f"{error}") from error
    if done.returncode != 0:
        raise _failed(voice, done.stderr.decode("utf-8", "replace").strip() or f"it ended with {done.returncode}")
    return done.stdout


def _failed(voice: Voice, why: str) -> AppError:
    return AppError(f"The voice {voice.name} failed.", f"{why}.", f"Repair {voice.program}, or remove it.")
