"""The typed script placed in a take: when each word is said, and where the instruction lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tmlapp.bench.answer import Word
from tmlapp.bench.authoring.commands import Command, ReplaceWords, SetInstructionSpan, Together
from tmlapp.bench.authoring.expecting import cues_of
from tmlapp.bench.authoring.model import ItemDraft, Span, UserWord, to_samples
from tmlapp.bench.transcripts.align import AlignTranscriber
from tmlapp.bench.transcripts.base import Transcriber
from tmlapp.core.errors import AppError
from tmlapp.core.media import Pcm


@dataclass(frozen=True, slots=True)
class Aligned:
    """What an alignment found.

    Attributes:
        words: every word of the script, the instruction's too, in order.
        instruction: from the first to the last word of the instruction; None where it is not in the script.
        notes: what could not be placed, or was guessed, in sentences.
    """

    words: tuple[UserWord, ...]
    instruction: Span | None
    notes: tuple[str, ...]

    @property
    def user_words(self) -> tuple[UserWord, ...]:
        """The words outside the instruction."""
        span = self.instruction
        return tuple(w for w in self.words if span is None or w.span.t0 >= span.t1 or w.span.t1 <= span.t0)


def script_of(item: ItemDraft) -> str:
    """What is said in a take of `item`: its script, with the instruction before it where that is not part of it."""
    words = [UserWord(Span(0, 0), word) for word in item.script.split()]
    if not item.instruction.strip() or cues_of(words, item.instruction):
        return item.script
    return f"{item.instruction} {item.script}".strip()


def align(item: ItemDraft, pcm: Pcm, transcriber: Transcriber | None = None) -> Aligned:
    """Place the script of `item` in the sound of a take (int16 [samples] at 16 kHz). Slow: call it in a worker.

    Raises:
        AppError: there is no script, nothing of it can be placed, or the extra `align` is not installed.
    """
    text = script_of(item)
    if not text.strip():
        raise AppError("There is nothing to align.", "The item has neither script nor instruction.", "Type the script.")
    found = (transcriber or AlignTranscriber()).transcribe(pcm, text=text)
    if not found.words:
        raise AppError(
            "The script could not be aligned.",
            " ".join(found.notes) or "No word of it was found in the sound.",
            "Check that the script is what was said, or set the words by hand.",
        )
    words = _spans(found.words, len(pcm))
    said = cues_of(words, item.instruction)
    return Aligned(words, said[0].span if said else None, found.notes)


def _spans(words: Sequence[Word], samples: int) -> tuple[UserWord, ...]:
    found = []
    for word in words:
        begin = min(max(0, to_samples(word.t0_s)), samples)
        end = begin if word.t1_s is None else min(max(begin, to_samples(word.t1_s)), samples)
        found.append(UserWord(Span(begin, end), word.text))
    return tuple(found)


def align_command(item: str, take: str, aligned: Aligned) -> Together:
    """One step that takes over what was aligned; a span of the instruction that was not found stays as it is."""
    commands: list[Command] = [ReplaceWords(item, take, aligned.user_words)]
    if aligned.instruction is not None:
        commands.append(SetInstructionSpan(item, take, aligned.instruction))
    return Together(tuple(commands), "align the script")
