"""Words of a closed grammar in a stretch of sound, by pocketsphinx and the acoustic model that comes with it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.endpoints.hearing.phones import distance
from tmlapp.endpoints.hearing.spec import Heard, HearingSpec, Hypothesis

FRAMES_PER_S = 100
_UNITS = 1024
"""pocketsphinx gives the ln of a word's likelihood divided by this (its scores are shifted by ten bits). Scores of
5.0.4 and 5.1.1 were the same to the last digit; a test holds them to their range."""
_HISS = 8.0
"""Of the noise that is added, in units of int16: digital silence has no spectrum. Always the same, so that the same
sound gives the same words."""
_NO_WORD = re.compile(r"^[<\[+(]|^SIL$")
_NO_SOUND = re.compile(r"^(SIL|\+.*)$")
_BEAMS = {"beam": 1e-60, "pbeam": 1e-60, "wbeam": 1e-45}
"""Wider than pocketsphinx's own, with which long sentences of some voices are lost halfway; a sixth more time."""
_FREE = " sounds"
"""Name of the search without a grammar; none of a manifest has a blank in it."""
_LEVEL = " level"
"""Name of the cheapest search there is, for passes of which only the mean spectrum is wanted."""
_ONE_WORD = "#JSGF V1.0; grammar level; public <level> = stop;"
_VARIANT = re.compile(r"\(\d+\)$")


class GrammarError(Exception):
    """The engine refuses a grammar or a pronunciation; the text says which."""


class Recogniser:
    """The decoders of a model: one with all its grammars, one without any. Not for several threads at once.

    Raises:
        GrammarError: a grammar cannot be used.
        AppError: pocketsphinx is not installed.
    """

    def __init__(self, spec: HearingSpec, folder: Path) -> None:
        self._decoder = _decoder()
        for word, phones in spec.words.items():
            _accepted(f"the pronunciation of {word}", self._decoder.add_word, word, phones, True)
        for name, grammar in spec.all().items():
            _accepted(grammar.file, self._decoder.add_jsgf_file, name, str(folder / grammar.file))
        self._decoder.add_jsgf_string(_LEVEL, _ONE_WORD)
        # One of its own: both follow the same speech at the same time.
        self._sounds = _decoder()
        self._sounds.add_allphone_file(_FREE, _phone_model())
        self._hiss = np.random.default_rng(1).normal(0.0, _HISS, 20 * 16_000)

    def words(self, pcm: Pcm, grammar: str) -> Hypothesis:
        """The whole sentence of `grammar` that fits `pcm` (int16 [n], 16 kHz) best.

        The same sound always gives the same words: nothing is kept from one call to the next, and loudness and
        microphone are evened out over this sound alone.
        """
        self._decoded(self._decoder, pcm, grammar)
        return self._best()

    def distance(self, pcm: Pcm, best: Hypothesis) -> float:
        """How far the sounds of `best` are from those heard in `pcm` without a grammar; see `phones.distance`."""
        self._decoded(self._sounds, pcm, _FREE)
        return self._apart(best)

    def sounds(self, best: Hypothesis) -> list[str]:
        """Those of its words (ARPAbet), one after the other."""
        return [sound for word in best.words for sound in (self._decoder.lookup_word(word.entry) or "").split()]

    def follow(self, first: Pcm, grammar: str) -> Utterance:
        """Speech that is decoded while it comes. It ends before anything else is decoded.

        Args:
            first: its beginning, int16 [n], by which loudness and microphone are evened out; pushed as well later.
            grammar: as for `words`.
        """
        self._decoded(self._decoder, first, _LEVEL)
        mean = self._decoder.get_cmn()
        for decoder, search in ((self._decoder, grammar), (self._sounds, _FREE)):
            _begin(decoder, search, mean)
        return Utterance(self)

    def _push(self, pcm: Pcm, at: int) -> None:
        raw = self._raw(pcm, at)
        for decoder in (self._decoder, self._sounds):
            decoder.process_raw(raw, full_utt=False)

    def _end(self) -> Hypothesis:
        for decoder in (self._decoder, self._sounds):
            decoder.end_utt()
        return self._best()

    def _best(self) -> Hypothesis:
        best = self._decoder.hyp()
        if best is None or not best.hypstr:
            return Hypothesis()
        return Hypothesis(tuple(_heard(self._decoder.seg())))

    def _apart(self, best: Hypothesis) -> float:
        heard = [s.word for s in self._sounds.seg() or () if not _NO_SOUND.search(s.word)]
        return distance(self.sounds(best), heard)

    def _decoded(self, decoder: Any, pcm: Pcm, search: str) -> None:
        _begin(decoder, search)
        decoder.process_raw(self._raw(pcm, 0), full_utt=True)
        decoder.end_utt()

    def _raw(self, pcm: Pcm, at: int) -> bytes:
        """`pcm`, which begins `at` samples after the beginning, with its noise."""
        noisy = pcm.astype(np.float64) + self._hiss[np.arange(at, at + len(pcm)) % len(self._hiss)]
        return np.clip(np.rint(noisy), -32768, 32767).astype("<i2").tobytes()


class Utterance:
    """Speech that goes on: its words are found piece by piece, whatever the pieces. See `Recogniser.follow`."""

    def __init__(self, by: Recogniser) -> None:
        self._by = by
        self.samples = 0

    def push(self, pcm: Pcm) -> None:
        """What follows, int16 [n]."""
        # pocketsphinx refuses nothing at all.
        if len(pcm):
            self._by._push(pcm, self.samples)
        self.samples += len(pcm)

    def end(self) -> Hypothesis:
        """The sentence that fits best; nothing may be pushed after it."""
        return self._by._end()

    def distance(self, best: Hypothesis) -> float:
        """As `Recogniser.distance`, after `end` and before anything else is decoded."""
        return self._by._apart(best)


def _begin(decoder: Any, search: str, mean: str = "") -> None:
    decoder.activate_search(search)
    # Else something of the sound before stays behind, and scores depend on it.
    decoder.reinit_feat()
    if mean:
        decoder.set_cmn(mean)
    decoder.start_utt()


def _heard(segments: Iterable[Any]) -> Iterable[Heard]:
    for segment in segments:
        if _NO_WORD.search(segment.word):
            continue
        frames = segment.end_frame - segment.start_frame + 1
        score = math.log(segment.ascore) * _UNITS / frames if segment.ascore > 0 else -math.inf
        times = segment.start_frame / FRAMES_PER_S, (segment.end_frame + 1) / FRAMES_PER_S
        yield Heard(_VARIANT.sub("", segment.word), *times, score, segment.word)


def engine_version() -> str:
    """Of pocketsphinx."""
    return f"pocketsphinx {version('pocketsphinx')}"


def _accepted(what: str, do: Callable[..., Any], *values: object) -> None:
    try:
        do(*values)
    except (RuntimeError, ValueError) as error:
        raise GrammarError(f"pocketsphinx refuses {what}") from error


def _phone_model() -> str:
    import pocketsphinx

    return str(pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin"))


def _decoder() -> Any:
    # Late: only a model that is spoken to pays for loading the acoustic model.
    try:
        import pocketsphinx
    except ImportError as error:
        raise AppError(
            "Spoken instructions cannot be heard.",
            f"pocketsphinx cannot be loaded: {error}.",
            "Install tmlapp again, or switch hearing off (--option hearing=off) and type instructions.",
        ) from error
    return pocketsphinx.Decoder(lm=None, bestpath=False, loglevel="FATAL", **_BEAMS)
