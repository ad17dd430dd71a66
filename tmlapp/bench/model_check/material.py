"""Recordings of a speech folder: manifest.csv with file, transcript, kind, seconds, note (16 kHz mono or any other)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tmlapp.capture.program_tracks import read_sound
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

MANIFEST = "manifest.csv"
COMMANDS = ("command",)
OTHER = ("speech", "dialog", "overlap")
KEYWORD = "keyword"
NOISE = "noise"

LEVEL_DBFS = -26.0
"""Active level of a person's voice in the microphone."""

_FRAME = SAMPLE_RATE_HZ // 50
_ACTIVE_DB = 30.0
_KITCHEN = re.compile(r"dish|tap|kitchen|sink|water|cook|wash", re.IGNORECASE)

Sound = npt.NDArray[np.float64]
"""Mono at 16 kHz, full scale 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A row of the manifest with its sound."""

    name: str
    kind: str
    transcript: str
    sound: Sound
    sha256: str
    note: str = ""

    @property
    def seconds(self) -> float:
        return len(self.sound) / SAMPLE_RATE_HZ


def read_recordings(folder: Path, kinds: Iterable[str] | None = None) -> list[Recording]:
    """The recordings of `folder` in the order of their names; `kinds`: only those.

    Raises:
        AppError: the manifest or a sound cannot be read.
    """
    path = folder / MANIFEST
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unusable(path, f"{error}") from error
    if rows and not {"file", "kind"} <= rows[0].keys():
        raise _unusable(path, "it lacks the columns file and kind")
    wanted = None if kinds is None else set(kinds)
    found = []
    for row in sorted(rows, key=lambda r: r["file"] or ""):
        name, kind = (row["file"] or "").strip(), (row["kind"] or "").strip()
        if wanted is not None and kind not in wanted:
            continue
        pcm, sha256 = read_sound(folder / name)
        text = plain_words(row.get("transcript") or "")
        found.append(Recording(name, kind, text, floats(pcm), sha256, (row.get("note") or "").strip()))
    return found


def kitchen_like(recordings: Sequence[Recording]) -> list[Recording]:
    """Noises of a kitchen by their names and notes; every noise where none is."""
    noises = [r for r in recordings if r.kind == NOISE]
    return [r for r in noises if _KITCHEN.search(f"{r.name} {r.note}")] or noises


def plain_words(text: str) -> str:
    """Lower case words with single spaces, without punctuation and hyphens."""
    return " ".join(re.sub(r"[^\w' ]+", " ", text.lower().replace("’", "'")).split())


def floats(pcm: Pcm) -> Sound:
    return pcm.astype(np.float64) / 32768.0


def integers(sound: Sound) -> Pcm:
    """As int16, clipped at full scale."""
    return np.clip(np.rint(sound * 32768.0), -32768, 32767).astype(np.int16)


def active_rms(sound: Sound) -> float:
    """RMS of the stretches of 20 ms that are at most 30 dB below the loudest one; 0.0 for silence.

    Near enough to an active speech level (ITU-T P.56) for voices without noise.
    """
    count = len(sound) // _FRAME
    if not count:
        return float(np.sqrt((sound * sound).mean())) if len(sound) else 0.0
    power = (sound[: count * _FRAME].reshape(count, _FRAME) ** 2).mean(axis=1)
    active = power[power >= power.max() * 10 ** (-_ACTIVE_DB / 10)]
    return float(np.sqrt(active.mean()))


def at_level(sound: Sound, dbfs: float = LEVEL_DBFS) -> Sound:
    """`sound` with its active level at `dbfs`; silence stays silence."""
    rms = active_rms(sound)
    return sound * (10 ** (dbfs / 20) / rms) if rms > 0 else sound


def voiced_ends(sound: Sound) -> tuple[int, int]:
    """Where the first 10 ms within 35 dB of the loudest begin and the last ones end, in samples; (0, 0) of silence."""
    step = _FRAME // 2
    count = len(sound) // step
    power = (sound[: count * step].reshape(count, step) ** 2).mean(axis=1) if count else np.zeros(0)
    if not count or power.max() <= 0:
        return 0, 0
    loud = np.flatnonzero(power >= power.max() * 10 ** (-3.5))
    return int(loud[0]) * step, (int(loud[-1]) + 1) * step


def stretch_of(noise: Sound, length: int, random: np.random.Generator) -> Sound:
    """`length` samples of `noise` from a drawn place on, going round where it is too short."""
    begin = int(random.integers(0, len(noise)))
    return np.resize(np.roll(noise, -begin), length)


def _unusable(path: Path, why: str) -> AppError:
    return AppError(
        f"The speech folder {path.parent.name} cannot be used.",
        f"{path.name}: {why}.",
        "Name a folder with a manifest.csv with the columns file, transcript and kind "
        "(speech, command, keyword, dialog, overlap, noise).",
    )
