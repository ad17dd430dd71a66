"""What a model did in one part of an item, on the item's own clock: everything that a grader may look at.

Times are seconds, 0 at the first sample of the user's sound (audio benchmarks) or at the first video frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tmlapp.bench.said import Said


@dataclass(frozen=True, slots=True)
class Word:
    """One word; `t1_s` is None where only its onset is known."""

    t0_s: float
    t1_s: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech without a long pause; `words` may be empty where only the text is known."""

    t0_s: float
    t1_s: float | None
    text: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A tool that the model called, from the call to its last result (None: none came)."""

    name: str
    arguments: Mapping[str, Any] | str
    t0_s: float
    t1_s: float | None = None
    output: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model did.

    Attributes:
        text: everything it said, in order: the text that is graded.
        utterances: the same in pieces with times; `words` of the whole answer where word times are known.
        speech_s: stretches with voice in the model's sound, as the voice activity detector found them; None: not
            measured. `user_speech_s`: the same of the user's sound.
        user_text, user_words: the user's sound as a transcriber heard it; empty where nobody asked.
        tools: calls in order of time.
        duration_s: length of the user's sound or of the video; None: unknown.
        samples, rate_hz: of the model's sound as written for the official script (16 kHz, as long as the input).
        delegated: a background agent took part (marked `*` in tables).
        text_source: `model_text`, `asr` or `recorded`. timing_source: `audio` (onset in the sound), `text` (end of a
            micro-turn) or `recorded`.
        audio: path of the model's sound inside the run; empty where there is none.
        extra: what one suite needs besides, as plain JSON values.
    """

    text: str = ""
    utterances: tuple[Utterance, ...] = ()
    words: tuple[Word, ...] = ()
    speech_s: tuple[tuple[float, float], ...] | None = None
    user_speech_s: tuple[tuple[float, float], ...] | None = None
    user_text: str = ""
    user_words: tuple[Word, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    duration_s: float | None = None
    samples: int | None = None
    rate_hz: int = 16_000
    delegated: bool = False
    text_source: str = "model_text"
    timing_source: str = "text"
    audio: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Nothing was said."""
        return not self.text.strip()

    def said(self) -> tuple[Said, ...]:
        """The utterances as onset and text."""
        return tuple(Said(u.t0_s, u.text) for u in self.utterances)

    @classmethod
    def of_said(cls, said: tuple[Said, ...], **more: Any) -> Answer:
        """An answer of which only utterances are known."""
        utterances = tuple(Utterance(s.t_s, None, s.text) for s in said)
        return cls(text=" ".join(s.text for s in said), utterances=utterances, **more)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Answer:
        """The inverse of `to_json`.

        Raises:
            TypeError, KeyError, ValueError: `value` is no answer.
        """
        plain = dict(value)
        plain["words"] = tuple(Word(**w) for w in plain.get("words", ()))
        plain["user_words"] = tuple(Word(**w) for w in plain.get("user_words", ()))
        plain["utterances"] = tuple(
            Utterance(u["t0_s"], u["t1_s"], u["text"], tuple(Word(**w) for w in u.get("words", ())))
            for u in plain.get("utterances", ())
        )
        plain["tools"] = tuple(ToolUse(**t) for t in plain.get("tools", ()))
        for key in ("speech_s", "user_speech_s"):
            spans = plain.get(key)
            plain[key] = None if spans is None else tuple((float(a), float(b)) for a, b in spans)
        made = cls(**plain)
        said: tuple[Any, ...] = (made, *made.utterances, *made.words, *made.user_words)
        if not all(isinstance(one.text, str) for one in said):
            raise TypeError("a text is none")
        return made


UTTERANCE_GAP_S = 0.8
"""Silence after which a new utterance begins (TimeSpeak, CueSpeak and ProactiveVideoQA share it)."""


def utterances_of(words: tuple[Word, ...], gap_s: float = UTTERANCE_GAP_S) -> tuple[Utterance, ...]:
    """Words in order of time as utterances; a new one begins after `gap_s` or more without speech."""
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda w: w.t0_s):
        # Rounded as the windows are: 0.8 s of silence stays 0.8 s whatever the floats say.
        if found and round(word.t0_s - _end(found[-1][-1]), 6) < gap_s:
            found[-1].append(word)
        else:
            found.append([word])
    return tuple(Utterance(w[0].t0_s, w[-1].t1_s, " ".join(x.text for x in w), tuple(w)) for w in found)


def _end(word: Word) -> float:
    return word.t0_s if word.t1_s is None else word.t1_s
