"""Who speaks the instructions: the app's voice, or recordings that the user has made."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tmlapp.bench.runs.run import safe_name
from tmlapp.capture.program_tracks import read_sound
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.resample import resample
from tmlapp.core.units import SAMPLE_RATE_HZ
from tmlapp.live.voice import PROGRAM, EspeakVoice

VOICE, WORDS_PER_MINUTE = "en-us", 165
_LONGEST = 900
"""Characters per phrase; the voice takes no more than 1,000 at once."""
_BREATH = SAMPLE_RATE_HZ // 5
_TIMEOUT_S = 10


class Speech(Protocol):
    """Turns instructions into sound."""

    @property
    def info(self) -> Mapping[str, Any]:
        """Who speaks: the same information gives the same sound."""
        ...

    def speak(self, item: str, text: str) -> tuple[Pcm, dict[str, Any]]:
        """The instruction of `item` as int16 [n] at 16 kHz, and where it comes from.

        Raises:
            AppError: it cannot be spoken.
        """
        ...


def text_sha256(text: str) -> str:
    """Digest of an instruction, by which a recording of it may be named."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class AppSpeech:
    """espeak-ng, the voice of the app."""

    def __init__(self, voice: EspeakVoice | None = None, *, program: str = PROGRAM) -> None:
        self._voice = voice or EspeakVoice(voice=VOICE, words_per_minute=WORDS_PER_MINUTE, program=program)
        self.info: dict[str, Any] = {
            "id": "espeak-ng", "version": espeak_version(program), "voice": VOICE,
            "words_per_minute": WORDS_PER_MINUTE, "rate_hz": SAMPLE_RATE_HZ,
        }  # fmt: skip

    def speak(self, item: str, text: str) -> tuple[Pcm, dict[str, Any]]:  # noqa: ARG002 - one voice for all items
        """See `Speech`."""
        pieces: list[Pcm] = []
        for phrase in phrases(text):
            clip = self._voice.speak(phrase)
            pieces += [np.zeros(_BREATH if pieces else 0, np.int16), resample(clip.pcm, clip.rate_hz, SAMPLE_RATE_HZ)]
        pcm = np.concatenate(pieces) if pieces else np.zeros(0, np.int16)
        return pcm, {**self.info, "text": text, "sha256": sound_sha256(pcm)}


def espeak_version(program: str = PROGRAM) -> str:
    """What the program says of itself.

    Raises:
        AppError: it is not installed or does not work.
    """
    try:
        done = subprocess.run([program, "--version"], capture_output=True, timeout=_TIMEOUT_S, check=True, text=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise AppError(
            "Instructions cannot be spoken.",
            f"The program {program} does not work: {error}.",
            "Install espeak-ng, give recordings with --instructions, or type them with --instruct typed.",
        ) from error
    found = re.search(r"\d+(\.\d+)+", done.stdout)
    return found[0] if found else done.stdout.strip()


class RecordedSpeech:
    """Recordings in a folder: `<item>.wav`, its safe name, or `<sha256 of the text>.wav`."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise AppError(f"There is no folder {folder}.", "Recorded instructions were asked for.", "Check the path.")
        self._folder = folder
        files = sorted(p for p in folder.rglob("*.wav") if p.is_file())
        digest = hashlib.sha256()
        for path in files:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            digest.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape") + b"\0" + content)
        self.info: dict[str, Any] = {"id": "files", "files": len(files), "sha256": digest.hexdigest()}

    def speak(self, item: str, text: str) -> tuple[Pcm, dict[str, Any]]:
        """See `Speech`."""
        inside = self._folder.resolve()
        for name in (item, safe_name(item), text_sha256(text)):
            path = (self._folder / f"{name}.wav").resolve()
            if "\0" not in name and path.is_relative_to(inside) and path.is_file():
                pcm, _ = read_sound(path)
                return pcm, {"id": "files", "name": path.name, "text": text, "sha256": sound_sha256(pcm)}
        raise AppError(
            f"The instruction of {item} has not been recorded.",
            f"{self._folder} holds neither {safe_name(item)}.wav nor {text_sha256(text)}.wav.",
            "Record it, or leave --instructions out for the voice of the app.",
        )


def sound_sha256(pcm: Pcm) -> str:
    """Digest of int16 [n], little-endian."""
    return hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest()


def phrases(text: str, longest: int = _LONGEST) -> list[str]:
    """`text` in pieces of at most `longest` characters, cut after a sentence where there is one, else at a space."""
    left, found = " ".join(text.split()), []
    while len(left) > longest:
        ends = [m.end() for m in re.finditer(r"[.!?;:,](?= )", left[: longest + 1])]
        at = ends[-1] if ends else left.rfind(" ", 1, longest + 1)
        at = at if at > 0 else longest
        found.append(left[:at].strip())
        left = left[at:].strip()
    return [*found, left] if left else found
