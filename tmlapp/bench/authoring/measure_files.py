"""The sounds of a set as files: are they there, unchanged and of the right form, and what was measured in them.

A file is read once: its digest is remembered with its size and time of change, its figures with the digest, in memory
and, where a folder for that is given, on the disk.
"""

from __future__ import annotations

import hashlib
import threading
import wave
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from tmlapp.bench.authoring import measure_alike
from tmlapp.bench.authoring.measure import VERSION, SoundFigures, Stretch, measure
from tmlapp.bench.authoring.measure_alike import SoundPrint, print_of_rows, sound_print
from tmlapp.bench.runs.lines import dumped, read_object, write_whole
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.endpoints.hearing.silero import VERSION as SILERO_VERSION

State = Literal["there", "missing", "unreadable"]
VoiceBy = Literal["silero", "energy", "nobody"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file as it lies on the disk; `sha256` is empty unless it is there and was read."""

    state: State
    sha256: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sound:
    """What is known of the content of a sound file; `problem` says why it is no 16 kHz mono PCM16 wav.

    `problem_code` is `rate`, `form`, or `damaged`; figures and print are None then.
    """

    figures: SoundFigures | None = None
    print: SoundPrint | None = None
    problem: str = ""
    problem_code: str = ""


class Voice(Protocol):
    """Finds voice: begin and end in samples."""

    def timestamps(self, pcm: Pcm) -> list[Stretch]: ...


class SoundFiles:
    """Files below `folder`, each read once. May be asked from several threads.

    Args:
        voice: who finds voice: `silero` (the shipped graph; some 6 ms per second of sound) or `energy`; `nobody` where
            only the form of the files matters: there is no voice and no print then.
        keep: folder in which figures are kept for the next time; None: in memory only.
    """

    def __init__(self, folder: Path, *, voice: VoiceBy = "silero", keep: Path | None = None) -> None:
        self.folder = folder
        self._voice_by = voice
        self._voice: Voice | None = None
        self._keep = keep
        self._files: dict[str, tuple[tuple[int, int, int], FileState]] = {}
        self._sounds: dict[str, Sound] = {}
        self._lock = threading.Lock()
        self.version = 0
        """Grows whenever a sound was measured: what was said without its figures can then be said better."""

    def state(self, name: str, *, read: bool = True) -> FileState:
        """The file `name` (relative, forward slashes); read again only if its size or time has changed.

        `read` False: a file that nobody has read yet, as it is now, is `there` without a digest; returns at once.
        """
        path = self.folder / name
        try:
            found = path.stat()
            # A folder or a pipe would be read for ever, or not at all.
            if not path.is_file():
                return FileState(state="missing", why="it is no file")
        except FileNotFoundError:
            return FileState(state="missing", why="there is no such file")
        except (OSError, ValueError) as error:
            return FileState(state="unreadable", why=getattr(error, "strerror", None) or str(error))
        mark = (found.st_size, found.st_mtime_ns, found.st_ino)
        known = self._files.get(name)
        if known is not None and known[0] == mark:
            return known[1]
        if not read:
            return FileState(state="there")
        try:
            with path.open("rb") as file:
                state = FileState(state="there", sha256=hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            return FileState(state="unreadable", why=f"{error.strerror}")
        self._files[name] = (mark, state)
        return state

    def known(self, sha256: str) -> Sound | None:
        """What was measured in the file with this digest; None: nobody has, yet."""
        return self._sounds.get(sha256)

    def know(self, sha256: str, sound: Sound) -> None:
        """Remember what somebody else has measured in the file with this digest."""
        with self._lock:
            self._sounds[sha256] = sound
            self.version += 1

    def sound(self, name: str) -> Sound | None:
        """The sound `name`, measured now if nobody has; None where there is no such file."""
        state = self.state(name)
        if state.state != "there":
            return None
        found = self._sounds.get(state.sha256)
        if found is None:
            found = self._kept(state.sha256) or self._measured(self.folder / name, state.sha256)
            self.know(state.sha256, found)
        return found

    def _measured(self, path: Path, sha256: str) -> Sound:
        try:
            pcm = read_pcm16(path.read_bytes())
        except SoundFormError as error:
            return Sound(problem=str(error), problem_code=error.code)
        except OSError as error:
            return Sound(problem=f"it cannot be read: {error.strerror}", problem_code="damaged")
        if self._voice_by == "nobody":
            return Sound(figures=measure(pcm, (), voice_by="nobody"))
        if self._voice_by == "silero":
            figures = measure(pcm, self._detector()(pcm), voice_by=f"silero {SILERO_VERSION}")
        else:
            figures = measure(pcm)
        made = Sound(figures=figures, print=sound_print(pcm))
        self._store(sha256, made)
        return made

    def _detector(self) -> Callable[[Pcm], list[Stretch]]:
        with self._lock:
            if self._voice is None:
                self._voice = VoiceActivityDetector()
            return self._voice.timestamps

    # ------------------------------------------------------------------ on the disk

    def _path(self, sha256: str) -> Path | None:
        if self._keep is None:
            return None
        formulas = f"{VERSION} {measure_alike.VERSION} {self._voice_by} {SILERO_VERSION}"
        name = hashlib.sha256(f"{sha256} {formulas}".encode("ascii")).hexdigest()
        return self._keep / name[:2] / f"{name[2:]}.json"

    def _store(self, sha256: str, sound: Sound) -> None:
        path = self._path(sha256)
        if path is None or sound.figures is None or sound.print is None:
            return
        levels = np.round(-sound.print.rows * 4.0).astype(np.uint8)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, dumped({"figures": sound.figures.to_json(), "rows": levels.tobytes().hex()}))
        except (OSError, AppError):
            # A cache that cannot be written costs time the next time, nothing else.
            return

    def _kept(self, sha256: str) -> Sound | None:
        path = self._path(sha256)
        if path is None:
            return None
        try:
            found = read_object(path)
            if found is None:
                return None
            levels = np.frombuffer(bytes.fromhex(found["rows"]), np.uint8).reshape(-1, measure_alike.BANDS)
            rows = levels.astype(np.float32) / np.float32(-4.0)
            return Sound(figures=SoundFigures.from_json(found["figures"]), print=print_of_rows(rows))
        except (AppError, KeyError, TypeError, ValueError):
            # Whatever is wrong with it, the sound itself is there to be measured.
            return None


class SoundFormError(ValueError):
    """Why a file is no 16 kHz mono PCM16 wav."""

    def __init__(self, why: str, code: str) -> None:
        super().__init__(why)
        self.code = code


def read_pcm16(data: bytes) -> Pcm:
    """The samples of a wav of 16 kHz mono PCM16, int16 [n].

    Raises:
        SoundFormError: it is another one, or damaged.
    """
    try:
        with wave.open(BytesIO(data), "rb") as file:
            rate, channels, width, count = (
                file.getframerate(), file.getnchannels(), file.getsampwidth(), file.getnframes()
            )  # fmt: skip
            raw = file.readframes(count)
    except (wave.Error, EOFError, ValueError, OSError) as error:
        raise SoundFormError(f"it is no wav file: {str(error) or 'it ends too soon'}", "damaged") from error
    if rate != 16_000:
        raise SoundFormError(f"its sample rate is {rate} Hz, not 16000 Hz", "rate")
    if (channels, width) != (1, 2):
        raise SoundFormError(f"it has {channels} channels of {8 * width} bits, not one of 16 bits", "form")
    if len(raw) != 2 * count or not count:
        raise SoundFormError("it holds less sound than its header says, or none", "damaged")
    return np.frombuffer(raw, "<i2").astype(np.int16)


def cache_folder(root: Path) -> Path:
    """Where figures are kept below the user's cache folder."""
    return root / "sound-figures"
