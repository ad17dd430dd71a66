"""Finds copies: takes that sound alike, and instructions that read alike.

A sound's print is its log-mel envelope: 16 bands from 100 Hz to 3.8 kHz (what also a telephone keeps), a row every
50 ms, 40 dB deep. Two prints are laid over each other where a coarse correlation (rows of 0.2 s, all lags) is highest,
and there, 0.25 s around it, their likeness is the correlation of all rows in which one of them is less than 30 dB below
its own loudest, the mean of each band taken off: neither gain nor a microphone's colour nor silence around it matters.
From `SOUND_ALIKE` on they are called copies.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

VERSION = "sound-print@1"
SOUND_ALIKE = 0.88
"""Copies in another gain or format, or with noise 20 dB below the voice, reach 0.89 and more; another reading of the
same sentence by the same voice reached 0.81."""
TEXT_ALIKE = 0.85

BANDS = 16
_LOWEST_HZ, _HIGHEST_HZ = 100.0, 3_800.0
_ROW = SAMPLE_RATE_HZ // 20
_HOP, _WINDOW = SAMPLE_RATE_HZ // 40, 512
_DEPTH_DB, _ACTIVE_DB = 40.0, 30.0
_COARSE, _COARSE_LONGEST = 4, 512
"""Rows per coarse row, and how many of these are looked at (100 s)."""
_COARSE_LEAST = 0.5
_NEAR = 5
_LEAST_ROWS = 8
_LEAST_OVERLAP = 0.6
_AT_ONCE = 128
_LONGEST_TEXT = 5_000
_MASK_BITS = 1_024

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SoundPrint:
    """What a sound is compared by.

    Attributes:
        rows: level in dB below the loudest row, float32 [n, 16]; empty for a sound of under 0.4 s.
        coarse: float32 [m, 8], four rows and two bands in one, of length 1 as a vector; silence is 0.
    """

    rows: Floats
    coarse: Floats
    _spectra: dict[int, npt.NDArray[np.complex64]] = field(default_factory=dict)

    def spectrum(self, size: int) -> npt.NDArray[np.complex64]:
        """Of the coarse rows, at `size` points; made once."""
        found = self._spectra.get(size)
        if found is None:
            found = self._spectra[size] = np.fft.rfft(self.coarse, size, axis=0).astype(np.complex64)
        return found


def sound_print(pcm: Pcm) -> SoundPrint:
    """The print of `pcm` (int16 [n] at 16 kHz)."""
    return print_of_rows(_levels(pcm))


def print_of_rows(rows: Floats) -> SoundPrint:
    """The print with these rows."""
    whole = min(len(rows) // _COARSE, _COARSE_LONGEST)
    coarse: Floats = np.zeros((0, BANDS // 2), np.float32)
    if len(rows) >= _LEAST_ROWS:
        active = _active(rows)
        centred = np.where(active[:, None], rows - rows[active].mean(axis=0), np.float32(0.0))
        coarse = centred[: whole * _COARSE].reshape(whole, _COARSE, BANDS // 2, 2).mean(axis=(1, 3))
    size = np.float32(np.linalg.norm(coarse))
    return SoundPrint(rows, coarse / size if size else coarse)


def _levels(pcm: Pcm) -> Floats:
    count = len(pcm) // _ROW
    if count < _LEAST_ROWS:
        return np.zeros((0, BANDS), np.float32)
    sound = np.concatenate((pcm[: count * _ROW].astype(np.float32), np.zeros(_WINDOW, np.float32)))
    sound /= np.float32(32768)
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[: count * _ROW : _HOP]
    spectrum = np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) @ _mel()
    power = power.reshape(count, _ROW // _HOP, BANDS).mean(axis=1)
    level = 10.0 * np.log10(np.maximum(power, 1e-12))
    # In steps of a quarter, so that a print that was kept in a byte per level is the same print.
    found: Floats = (np.round(np.maximum(level - level.max(), -_DEPTH_DB) * 4.0) / 4.0).astype(np.float32)
    return found


def _mel() -> Floats:
    """Triangles of equal width on the mel scale: [bins, bands]."""
    lowest, highest = (2595.0 * math.log10(1.0 + hertz / 700.0) for hertz in (_LOWEST_HZ, _HIGHEST_HZ))
    edges = 700.0 * (10.0 ** (np.linspace(lowest, highest, BANDS + 2) / 2595.0) - 1.0)
    bins = np.fft.rfftfreq(_WINDOW, 1.0 / SAMPLE_RATE_HZ)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    found: Floats = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return found


def _active(rows: Floats) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = rows.max(axis=1) > -_ACTIVE_DB
    return found


def likeness(one: SoundPrint, other: SoundPrint) -> float:
    """How alike two sounds are, at most 1; 0 where one is very short or the coarse look finds them different."""
    return alike(one, [other])[0]


def alike(one: SoundPrint, others: Sequence[SoundPrint]) -> list[float]:
    """`likeness` of one sound with each of the others."""
    found = [0.0] * len(others)
    if not len(one.coarse):
        return found
    groups: dict[int, list[int]] = {}
    for place, other in enumerate(others):
        if len(other.coarse):
            size = 1 << (len(one.coarse) + len(other.coarse) - 1).bit_length()
            groups.setdefault(size, []).append(place)
    for size, places in groups.items():
        for at in range(0, len(places), _AT_ONCE):
            part = places[at : at + _AT_ONCE]
            spectra = np.stack([others[place].spectrum(size) for place in part])
            products = np.einsum("ij,kij->ki", one.spectrum(size), spectra.conj())
            correlations = np.fft.irfft(products, size, axis=1)
            peaks = correlations.argmax(axis=1)
            for row, place in enumerate(part):
                lag = int(peaks[row])
                if correlations[row, lag] >= _COARSE_LEAST:
                    lag = lag if lag < len(one.coarse) else lag - size
                    # 1 is left to sounds that are the same sample for sample.
                    found[place] = min(0.9999, _refined(one.rows, others[place].rows, lag * _COARSE))
    return found


def _refined(one: Floats, other: Floats, lag: int) -> float:
    best = 0.0
    for tried in range(lag - _NEAR, lag + _NEAR + 1):
        a, b = one[max(0, tried) :], other[max(0, -tried) :]
        rows = min(len(a), len(b))
        if rows >= max(_LEAST_ROWS, _LEAST_OVERLAP * min(len(one), len(other))):
            best = max(best, _correlation(a[:rows], b[:rows]))
    return best


def _correlation(one: Floats, other: Floats) -> float:
    either = _active(one) | _active(other)
    if either.sum() < _LEAST_ROWS:
        return 0.0
    a, b = one[either], other[either]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = math.sqrt(float(np.vdot(a, a)) * float(np.vdot(b, b)))
    return float(np.vdot(a, b)) / size if size > 0.0 else 0.0


def plain_text(text: str) -> str:
    """`text` for comparison: compatibility forms and case folded, letters and digits only, single blanks."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST_TEXT]).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", folded).split())


@dataclass(frozen=True, slots=True)
class Grams:
    """Every three neighbouring characters of a plain text, with a blank at either end.

    `mask` has a bit for each of them, several for one: what it says of two texts that differ is certain, and quick.
    """

    grams: frozenset[str]
    mask: int


def trigrams(text: str) -> Grams:
    """The trigrams of `text`."""
    plain = plain_text(text)
    padded = f" {plain} "
    grams = frozenset(padded[i : i + 3] for i in range(len(padded) - 2)) if plain else frozenset[str]()
    mask = 0
    for gram in grams:
        mask |= 1 << hash(gram) % _MASK_BITS
    return Grams(grams, mask)


def text_likeness(one: Grams, other: Grams) -> float:
    """Dice's coefficient of two sets of trigrams, 0 … 1; two empty texts are not alike."""
    total = len(one.grams) + len(other.grams)
    return 2.0 * len(one.grams & other.grams) / total if total else 0.0


K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Neighbours(Generic[K, V]):
    """Which of many values are alike; each pair is compared once, and only pairs from `least` on are remembered.

    Args:
        compare: a value with many others, how alike it is to each.
    """

    def __init__(self, compare: Callable[[V, Sequence[V]], Sequence[float]], least: float) -> None:
        self._compare = compare
        self._least = least
        self._values: dict[K, V] = {}
        self._near: dict[K, dict[K, float]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def add(self, key: K, value: V) -> None:
        """Compare a new value with all known ones; one that is known changes nothing."""
        if key in self._values:
            return
        keys = list(self._values)
        likeness = self._compare(value, [self._values[k] for k in keys]) if keys else ()
        self._near[key] = {}
        for other, found in zip(keys, likeness, strict=True):
            if found >= self._least:
                self._near[key][other] = self._near[other][key] = found
        self._values[key] = value

    def near(self, key: K) -> Mapping[K, float]:
        """What is like `key`, itself left out."""
        return self._near.get(key, {})

    def keep_only(self, keys: Collection[K]) -> None:
        """Forget what is not in use, once that is more than what is."""
        if len(self._values) <= 2 * len(keys) + 16:
            return
        for key in [k for k in self._values if k not in keys]:
            del self._values[key]
            for other in self._near.pop(key):
                del self._near[other][key]


def texts_alike(one: Grams, others: Sequence[Grams]) -> list[float]:
    """`text_likeness` with each of the others; 0 at once where it is certain to be below `TEXT_ALIKE`."""
    return [text_likeness(one, other) if _may_be_alike(one, other) else 0.0 for other in others]


def _may_be_alike(one: Grams, other: Grams) -> bool:
    # A bit of one text that the other does not have stands for at least one trigram that they do not share.
    shared = min(
        len(one.grams) - (one.mask & ~other.mask).bit_count(), len(other.grams) - (other.mask & ~one.mask).bit_count()
    )
    return 2 * shared >= TEXT_ALIKE * (len(one.grams) + len(other.grams))
