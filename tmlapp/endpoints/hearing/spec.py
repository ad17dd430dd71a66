"""What a model's manifest says about hearing (`x-hearing`), as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENGINES = ("pocketsphinx",)
COMMANDS, STOP, PAUSED = MODES = ("commands", "stop", "paused")
"""What is listened for: anything while the model waits, its end while a task runs, its going on while it is paused."""


NOISY, OVER_VOICE = ".noisy", ".over_voice"
"""Endings of the places of a grammar's variants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """Sentences of one kind, and when words that fit are believed.

    Attributes:
        file: JSGF, relative to the model's folder.
        score: least mean acoustic score per frame of 10 ms (ln, 0 is best).
        worst: least score of any single word.
        distance: most that words of the best score (0) may differ from the sounds heard without a grammar.
        slope: by how much less they may differ for each unit of score below 0.
        coverage: least share of the stretch that the words must fill.
        longest_s: a longer stretch of speech is no instruction.
        pace_s: least time that a stretch takes per voiced sound of the words; nobody speaks faster.
        silence_ms: that long nothing must be said before a stretch has ended.
        noisy: what holds instead in noise, where words of other sentences swallow those of instructions.
        over_voice: what holds instead of both for speech that begins while the model itself speaks.
    """

    file: str
    score: float
    worst: float
    distance: float
    slope: float
    coverage: float
    longest_s: float
    silence_ms: int
    pace_s: float = 0.0
    noisy: Grammar | None = None
    over_voice: Grammar | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingSpec:
    """How a model hears instructions outside of its graph.

    Attributes:
        engine: one of `ENGINES`.
        grammars: by mode; `commands` and `stop` are always there.
        noise_db: speech that is less than this above the sound before it is in noise.
        words: pronunciations (ARPAbet) of words that the engine's dictionary lacks.
    """

    engine: str
    grammars: Mapping[str, Grammar]
    noise_db: float = 20.0
    words: Mapping[str, str] = field(default_factory=dict)

    def all(self) -> dict[str, Grammar]:
        """Every grammar by its place in the manifest: `stop`, `stop.noisy`, `stop.over_voice`."""
        found: dict[str, Grammar] = {}
        for mode, grammar in self.grammars.items():
            places = {mode: grammar, mode + NOISY: grammar.noisy, mode + OVER_VOICE: grammar.over_voice}
            found |= {place: g for place, g in places.items() if g is not None}
        return found

    def mode(self, wanted: str) -> str:
        """`wanted`, or `stop` where the model has no grammar of that name."""
        return wanted if wanted in self.grammars else STOP


@dataclass(frozen=True, slots=True)
class Heard:
    """One word of the best path.

    Attributes:
        score: mean ln likelihood per frame, relative to the best sound.
        entry: as the engine's dictionary names it, with the number of the pronunciation.
    """

    word: str
    from_s: float
    to_s: float
    score: float
    entry: str


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The sentence of a grammar that fits a stretch best; no words where none does."""

    words: tuple[Heard, ...] = ()

    @property
    def text(self) -> str:
        return " ".join(word.word for word in self.words)

    @property
    def seconds(self) -> float:
        """That the words last, without pauses between them."""
        return sum(word.to_s - word.from_s for word in self.words)

    @property
    def score(self) -> float:
        """Mean per frame over all words."""
        return sum(w.score * (w.to_s - w.from_s) for w in self.words) / self.seconds

    @property
    def worst(self) -> float:
        """Of the word that fits least."""
        return min(word.score for word in self.words)
