"""Word times of a known text: forced alignment by pocketsphinx, offline, in English.

A text is aligned to each stretch with voice on its own, for a pause or foreign speech in between draws words away
(measured: seconds). Whatever cannot be placed is said in the notes, never dropped.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from tmlapp.bench.answer import Word
from tmlapp.bench.transcripts.base import Transcript
from tmlapp.bench.transcripts.pronounce import guessed_phones, spoken_forms
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm
from tmlapp.core.units import SAMPLE_RATE_HZ

_FRAME_S = 0.01
_PAD_S = 0.25
_JOIN_S = 0.3
_QUIET_S = 0.2
_VARIANT = re.compile(r"\(\d+\)$")


@dataclass(frozen=True, slots=True)
class _Token:
    """A word as written, and the dictionary entries that say it; none: nobody knows how it sounds."""

    text: str
    entries: tuple[str, ...]


class AlignTranscriber:
    """Places the words of a text that is known to be said. Safe to call from any thread.

    Raises:
        AppError: pocketsphinx cannot be loaded.
    """

    name = "align:pocketsphinx-en-us"
    aligns = True

    def __init__(self, vad: VoiceActivityDetector | None = None) -> None:
        self._vad = vad or VoiceActivityDetector()
        self._decoder = _decoder()
        self._lock = threading.Lock()
        self._guessed: dict[str, str] = {}

    def provenance(self) -> Mapping[str, Any]:
        """Version of pocketsphinx, its acoustic model, and the voice activity detector."""
        return {
            "provider": self.name,
            "version": version("pocketsphinx"),
            "model": "en-us",
            "vad": self._vad.provenance(),
        }

    def transcribe(self, pcm: Pcm, *, text: str = "") -> Transcript:
        """The words of `text` with their times in `pcm` (int16, 16 kHz).

        Words come back as they are written, in order. A note names every word whose pronunciation was guessed, that
        has no pronunciation at all (its time is the end of the word before), and every stretch with voice that no word
        falls into. Without a text, or where it does not fit the sound, there are no words.
        """
        if not text.strip():
            return Transcript(text="", words=(), notes=("There is no text to align.",))
        with self._lock:
            tokens, notes = self._tokens(text)
            voiced = _joined(self._vad(pcm).segments_s)
            words = self._placed(pcm, tokens, voiced, notes)
        return Transcript(text=text, words=words, notes=tuple(notes))

    def _placed(
        self, pcm: Pcm, tokens: Sequence[_Token], voiced: Sequence[tuple[float, float]], notes: list[str]
    ) -> tuple[Word, ...]:
        said = [t for t in tokens if t.entries]
        if not pcm.any():
            notes.append("The sound is silent.")
            return ()
        if not voiced:
            notes.append("No voice was found in the sound.")
        spans = self._spans(pcm, said, 0.0)
        if spans is None:
            notes.append(f"The text does not fit the sound: {' '.join(t.text for t in tokens)[:60]!r}.")
            return ()
        if len(voiced) > 1:
            spans = self._again(pcm, said, spans, voiced, notes)
        return _with_unknown(tokens, spans)

    def _again(
        self,
        pcm: Pcm,
        said: Sequence[_Token],
        spans: Sequence[tuple[float, float]],
        voiced: Sequence[tuple[float, float]],
        notes: list[str],
    ) -> list[tuple[float, float]]:
        """Each stretch with voice once more on its own, with the words that fell into it."""
        home = [_nearest(voiced, (a + b) / 2) for a, b in spans]
        found = list(spans)
        for n, (begin, end) in enumerate(voiced):
            inside = [i for i, h in enumerate(home) if h == n]
            if not inside:
                notes.append(f"No word of the text falls into the voice from {begin:.2f} to {end:.2f} s.")
                continue
            first = voiced[n - 1][1] if n else 0.0
            last = voiced[n + 1][0] if n + 1 < len(voiced) else len(pcm) / SAMPLE_RATE_HZ
            lead, tail = max(first, begin - _PAD_S), min(last, end + _PAD_S)
            piece = pcm[round(lead * SAMPLE_RATE_HZ) : round(tail * SAMPLE_RATE_HZ)]
            again = self._spans(piece, [said[i] for i in inside], lead)
            if again is None:
                notes.append(f"The words from {begin:.2f} to {end:.2f} s were aligned with their surroundings only.")
                continue
            for i, span in zip(inside, again, strict=True):
                found[i] = span
        return found

    def _spans(self, pcm: Pcm, said: Sequence[_Token], offset_s: float) -> list[tuple[float, float]] | None:
        """Begin and end of each token in seconds; None where the text does not fit."""
        found = self._aligned(pcm, said, offset_s)
        if found is None:
            # A sound that is cut close leaves no frame for the silence around it.
            quiet = np.zeros(round(_QUIET_S * SAMPLE_RATE_HZ), np.int16)
            found = self._aligned(np.concatenate((quiet, pcm, quiet)), said, offset_s - _QUIET_S)
        return found

    def _aligned(self, pcm: Pcm, said: Sequence[_Token], offset_s: float) -> list[tuple[float, float]] | None:
        entries = [e for t in said for e in t.entries]
        if not entries:
            return []
        decoder = self._decoder
        try:
            # The front end remembers the sounds before, and times would depend on them.
            decoder.reinit_feat()
            decoder.set_align_text(" ".join(entries))
            decoder.start_utt()
            decoder.process_raw(np.ascontiguousarray(pcm, dtype="<i2").tobytes(), full_utt=True)
            decoder.end_utt()
        except RuntimeError:
            # It is of no use any more once it stands inside an utterance.
            self._decoder = self._renewed()
            return None
        segments = [s for s in (decoder.seg() or ()) if not s.word.startswith(("<", "["))]
        if [_VARIANT.sub("", s.word) for s in segments] != entries:
            return None
        times = iter((s.start_frame * _FRAME_S, (s.end_frame + 1) * _FRAME_S) for s in segments)
        spans = []
        for token in said:
            own = [next(times) for _ in token.entries]
            spans.append((round(max(0.0, own[0][0] + offset_s), 3), round(max(0.0, own[-1][1] + offset_s), 3)))
        return spans

    def _renewed(self) -> Any:
        decoder = _decoder()
        for form, phones in self._guessed.items():
            decoder.add_word(form, phones, True)
        return decoder

    def _tokens(self, text: str) -> tuple[list[_Token], list[str]]:
        tokens, guessed, unknown, lead = [], [], [], ""
        for written in text.split():
            forms = spoken_forms(written)
            if not forms:
                if any(c.isalnum() for c in written):
                    unknown.append(written)
                    tokens.append(_Token(lead + written, ()))
                    lead = ""
                elif tokens:
                    # A dash or an ellipsis on its own is no word; it stays with the one before.
                    tokens[-1] = _Token(f"{tokens[-1].text} {written}", tokens[-1].entries)
                else:
                    lead += f"{written} "
                continue
            if any(self._known(form) for form in forms):
                guessed.append(written)
            tokens.append(_Token(lead + written, forms))
            lead = ""
        notes = []
        if guessed:
            notes.append(f"Pronunciation guessed from the spelling: {', '.join(guessed)}.")
        if unknown:
            notes.append(f"No pronunciation, placed after the word before: {', '.join(unknown)}.")
        return tokens, notes

    def _known(self, form: str) -> bool:
        """Make sure that the dictionary has `form`; True if its pronunciation is a guess."""
        if form in self._guessed:
            return True
        if self._decoder.lookup_word(form) is not None:
            return False
        self._guessed[form] = guessed_phones(form)
        self._decoder.add_word(form, self._guessed[form], True)
        return True


def _decoder() -> Any:
    try:
        import pocketsphinx
    except ImportError as error:
        raise AppError(
            "Texts cannot be aligned to sound.",
            f"pocketsphinx cannot be loaded: {error}.",
            "Install tmlapp again.",
        ) from error
    return pocketsphinx.Decoder(lm=None, loglevel="FATAL")


def _joined(voiced: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Stretches with short pauses closed: a pause inside a sentence is the aligner's own business."""
    found: list[tuple[float, float]] = []
    for begin, end in voiced:
        if found and begin - found[-1][1] <= _JOIN_S:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _nearest(voiced: Sequence[tuple[float, float]], t_s: float) -> int:
    return min(range(len(voiced)), key=lambda n: max(voiced[n][0] - t_s, t_s - voiced[n][1], 0.0))


def _with_unknown(tokens: Sequence[_Token], spans: Sequence[tuple[float, float]]) -> tuple[Word, ...]:
    words: list[Word] = []
    times = iter(spans)
    first_s = spans[0][0] if spans else 0.0
    for token in tokens:
        if token.entries:
            begin, end = next(times)
            words.append(Word(begin, end, token.text))
        else:
            after_s = words[-1].t1_s if words else first_s
            words.append(Word(after_s if after_s is not None else words[-1].t0_s, None, token.text))
    return tuple(words)
