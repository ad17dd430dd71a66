"""How far a sentence is from what a decoder without any grammar heard: the check that rejects what was forced to fit.

A closed grammar makes an instruction out of any speech. Sounds decoded freely agree with the sounds of the sentence
only where it was really said; thresholds are in the manifest, figures in docs/local-onnx-model.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

VOICELESS = frozenset(("P", "T", "K", "F", "TH", "S", "SH", "CH", "HH"))
"""Voice activity often misses them at the beginning or end of speech."""
VOWELS = frozenset(("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"))
_CLASSES = tuple(
    frozenset(group.split())
    for group in (
        "P B",
        "T D",
        "K G",
        "F V TH DH",
        "S Z SH ZH CH JH",
        "M N NG",
        "L R ER W",
        "IY IH EY Y",
        "EH AE AH IH",
        "AA AO AH OW AW",
        "UW UH OW",
        "AY AA AH",
    )
)
MISSING, EXTRA = 1.0, 0.7
ALIKE, OTHER, UNLIKE = 0.5, 1.0, 1.3
"""Costs of a sound that was not heard, of one too many, and of one taken for another: of its class, of another class,
a vowel for a consonant."""


@cache
def swap(said: str, heard: str) -> float:
    """Cost of `heard` for `said` (ARPAbet)."""
    if said == heard:
        return 0.0
    if any(said in group and heard in group for group in _CLASSES):
        return ALIKE
    return UNLIKE if (said in VOWELS) != (heard in VOWELS) else OTHER


def distance(said: Sequence[str], heard: Sequence[str]) -> float:
    """Weighted edit distance per sound of `said`: 0 where all agree, about 0.8 for different sentences; may pass 1."""
    if not said:
        return 0.0
    row = [EXTRA * i for i in range(len(heard) + 1)]
    for sound in said:
        last, row = row, [row[0] + MISSING]
        for j, other in enumerate(heard):
            row.append(min(last[j + 1] + MISSING, row[j] + EXTRA, last[j] + swap(sound, other)))
    return row[-1] / len(said)
