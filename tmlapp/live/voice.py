"""The app's voice for texts that have no recording: a speech engine in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tmlapp.core.errors import AppError
from tmlapp.core.media import AudioClip, Pcm
from tmlapp.core.units import OUTPUT_RATE_HZ
from tmlapp.live.voice_sound import polished, streamed_wav

PROGRAM = "espeak-ng"
ESPEAK_FIX = "Install espeak-ng (Debian and Ubuntu: apt install espeak-ng), or run without a voice."
_TIMEOUT_S = 10
_KEPT = 256
_LONGEST = 1000


class Voice(ABC):
    """Speaks short texts; what was spoken once is kept. Safe to call from any thread.

    Args:
        program: to be started, by name or path.
        fix: what a person can do where it is missing or fails.
    """

    def __init__(self, program: str, fix: str) -> None:
        self._program = program
        self._fix = fix
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
            AppError: the program is missing or fails, or the text holds nothing that can be spoken.
        """
        key = " ".join(text.split())
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        raw = self._rendered(key[:_LONGEST])
        # For a text without a single sound some engines write not even a header.
        pcm, rate = streamed_wav(raw, self._program) if raw else (np.zeros(0, dtype=np.int16), OUTPUT_RATE_HZ)
        clip = AudioClip(self._polished(pcm, rate, key), OUTPUT_RATE_HZ)
        with self._lock:
            self._kept[key] = clip
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return clip

    def _polished(self, pcm: Pcm, rate_hz: int, text: str) -> Pcm:
        sound = polished(pcm, rate_hz)
        if not len(sound):
            raise AppError(
                f"“{text}” could not be spoken.", f"{self._program} gave only silence for it.", "Change the text."
            )
        return sound

    @abstractmethod
    def _rendered(self, text: str) -> bytes:
        """A wav of `text`. Raises AppError."""

    def _run(self, arguments: Sequence[str], given: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """What the program writes to its standard output. Raises AppError."""
        try:
            done = subprocess.run(
                [self._program, *arguments],
                input=given,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
                env=None if environment is None else {**os.environ, **environment},
            )
        except FileNotFoundError as error:
            raise AppError("There is no voice.", f"The program {self._program} is not installed.", self._fix) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AppError("The voice failed.", f"{self._program} did not work: {error}.", self._fix) from error
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip() or f"it ended with {done.returncode}"
            raise AppError("The voice failed.", f"{self._program}: {said}.", self._fix)
        return done.stdout


class EspeakVoice(Voice):
    """espeak-ng; it is under the GPL and is therefore only ever started as a separate program."""

    def __init__(self, *, voice: str = "en-us", words_per_minute: int = 165, program: str = PROGRAM) -> None:
        super().__init__(program, ESPEAK_FIX)
        self._arguments = ["-v", voice, "-s", str(words_per_minute), "-b", "1", "-z", "--stdin", "--stdout"]

    def _rendered(self, text: str) -> bytes:
        # The text goes through stdin: as an argument, a text that begins with a hyphen would be an option.
        return self._run(self._arguments, text.encode("utf-8", "replace"))


class FileVoice(Voice):
    """An engine that reads the text from a file and writes a wav.

    Args:
        program, fix: see `Voice`.
        arguments: of the program; `{text}` and `{wav}` stand for the two files, which are in its environment as
            TMLAPP_TEXT and TMLAPP_WAV too.
    """

    def __init__(self, program: str, arguments: Sequence[str], fix: str) -> None:
        super().__init__(program, fix)
        self._arguments = list(arguments)

    def _rendered(self, text: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="tmlapp-voice-") as folder:
            files = {"text": str(Path(folder) / "text.txt"), "wav": str(Path(folder) / "said.wav")}
            Path(files["text"]).write_bytes(text.encode("utf-8", "replace") + b"\n")
            environment = {"TMLAPP_TEXT": files["text"], "TMLAPP_WAV": files["wav"]}
            named = {"{text}": files["text"], "{wav}": files["wav"]}
            self._run([named.get(a, a) for a in self._arguments], environment=environment)
            try:
                return Path(files["wav"]).read_bytes()
            except FileNotFoundError as error:
                raise AppError("The voice failed.", f"{self._program} wrote no sound.", self._fix) from error
            except OSError as error:
                why = f"What {self._program} wrote cannot be read: {error.strerror}."
                raise AppError("The voice failed.", why, self._fix) from error


class MissingVoice(Voice):
    """A voice that was chosen and is not known here: every text is refused, with the reason."""

    def __init__(self, name: str, fix: str) -> None:
        super().__init__(name, fix)

    def available(self) -> bool:
        return False

    def _rendered(self, text: str) -> bytes:
        why = f"The voice {self._program} was chosen in the settings, and there is none of that name here."
        raise AppError(f"There is no voice for “{text}”.", why, self._fix)
