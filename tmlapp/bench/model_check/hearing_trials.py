"""What one spoken thing led to: task phrases, spoken stops, and talk that should lead to nothing."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tmlapp.bench.model_check.figures import Failure
from tmlapp.bench.model_check.hearing_talk import Talk, effect, of, words_heard
from tmlapp.bench.model_check.material import Sound, integers, plain_words, voiced_ends
from tmlapp.bench.model_check.material_text import Context, Phrase
from tmlapp.core.event import EndpointEvent, SpeechHeard
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ, TURN_SAMPLES

RUNNING = "Please count out reps for squats."
"""The task that runs while somebody says stop; without pictures it says nothing of its own."""

STOP, PAUSE = "Stop.", "Pause."
WAIT_S = 2.0
"""An instruction has this long after its last sound to take effect."""

SETTLE_TURNS = 3
AFTER_TURNS = 4
_ENOUGH_NS = 300_000_000

Effect = tuple[str, tuple[tuple[str, float], ...]]
Outcome = Literal["exact", "missed", "wrong", "obeyed", "false", "silent"]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One thing that was said.

    Attributes:
        figure: which figure it belongs to.
        speaker: voice or recording.
        best: whether the best parse, believed whatever its score, would have led to what was meant (of talk: to
            anything at all). misled: whether it would have led to something else.
        events: how many tasks or stops it led to that nobody asked for.
        delay_s: from the last sound of an instruction to its effect.
    """

    figure: str
    speaker: str
    said: str
    heard: str
    outcome: Outcome
    why: str = ""
    best: bool = False
    misled: bool = False
    events: int = 0
    seconds: float = 0.0
    delay_s: float | None = None
    more: dict[str, Any] = field(default_factory=dict)
    sound: Sound | None = None

    def row(self) -> dict[str, Any]:
        """As plain JSON."""
        found: dict[str, Any] = {
            "figure": self.figure, "speaker": self.speaker, "said": self.said, "heard": self.heard,
            "outcome": self.outcome, "seconds": round(self.seconds, 3),
        }  # fmt: skip
        if self.delay_s is not None:
            found["delay_s"] = round(self.delay_s, 3)
        if self.why:
            found["why"] = self.why
        return found | self.more

    def failure(self) -> Failure | None:
        """For the page; None where nothing went wrong."""
        worst = {"wrong": 2.0, "false": 2.0, "missed": 1.0}.get(self.outcome)
        if worst is None:
            return None
        facts = {"figure": self.figure, "said": self.said, "heard": self.heard}
        return Failure(
            name=f"{self.speaker}: {self.said}"[:120],
            why=self.why or self.outcome,
            badness=worst,
            wav=wav_bytes(self.sound) if self.sound is not None else None,
            facts=facts,
        )


class Typed:
    """What instructions lead to when they are typed: what a spoken one is held against. One conversation, kept."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._known: dict[tuple[Context, str], Effect | None] = {}

    def effect(self, text: str, context: Context) -> Effect | None:
        """Task and parameters; None where the model does not understand it."""
        key = (context, plain_words(text))
        if key not in self._known:
            put_into(self._talk, context)
            self._known[key] = effect(self._talk.type(text)) if key[1] else None
        return self._known[key]

    def meant(self, phrase: Phrase) -> tuple[Effect | None, str]:
        """What `phrase` is to lead to, and what is wrong already when it is typed."""
        found = self.effect(phrase.text, phrase.context)
        if found is None:
            return None, "it is not understood even when it is typed"
        numbers = sorted(value for _, value in found[1] if value)
        if phrase.numbers and numbers != sorted(phrase.numbers):
            return found, f"typed, it gives the numbers {numbers} and not {sorted(phrase.numbers)}"
        return found, ""


def put_into(talk: Talk, context: Context) -> None:
    """Bring the model into `context` by typing."""
    talk.type(STOP)
    if context != "idle":
        talk.type(RUNNING)
    if context == "paused":
        talk.type(PAUSE)
    talk.quiet(SETTLE_TURNS)


def say(
    talk: Talk, sound: Sound, random: np.random.Generator, *, wait_s: float = WAIT_S
) -> tuple[list[EndpointEvent], int]:
    """Speak `sound` to the model, then wait until what was said has been judged, but no longer than `wait_s`.

    Returns:
        Every event, and the session time of the last voiced sample.
    """
    # People do not wait for the beginning of a micro-turn.
    lead = int(random.integers(0, TURN_SAMPLES))
    last_ns = talk.t_ns + (lead + voiced_ends(sound)[1]) * NS_PER_S // SAMPLE_RATE_HZ
    said_turns = -(-(lead + len(sound)) // TURN_SAMPLES)
    turns = said_turns + round(wait_s * SAMPLE_RATE_HZ / TURN_SAMPLES)
    padded = np.zeros(turns * TURN_SAMPLES)
    padded[lead : lead + len(sound)] = sound
    events: list[EndpointEvent] = []
    for k in range(turns):
        events += talk.listen(padded[k * TURN_SAMPLES : (k + 1) * TURN_SAMPLES])
        if k >= said_turns and _over(events, last_ns):
            break
    return events, last_ns


def _over(events: Sequence[EndpointEvent], last_ns: int) -> bool:
    """Whether the end of what was said has been judged."""
    return any(e.to_ns >= last_ns - _ENOUGH_NS for e in of(list(events), SpeechHeard))


def phrase_trial(
    talk: Talk, typed: Typed, phrase: Phrase, speaker: str, sound: Sound, random: np.random.Generator,
    *, figure: str = "phrases",
) -> Trial:  # fmt: skip
    """Say `phrase` in its context; `talk` may be in any."""
    meant, problem = typed.meant(phrase)
    put_into(talk, phrase.context)
    events, last_ns = say(talk, sound, random)
    got = effect(events)
    heard = of(events, SpeechHeard)
    accepted = " ".join(e.text for e in heard if e.accepted)
    best = " ".join(e.text for e in heard).strip()
    right = bool(best) and typed.effect(best, phrase.context) == meant and _content_in(phrase, best)
    outcome: Outcome
    why = problem
    if got is None:
        outcome = "missed"
        why = why or next((e.reason for e in heard if e.reason), "" if heard else "no speech was noticed")
    elif got == meant and not problem and _content_in(phrase, accepted):
        outcome = "exact"
    else:
        outcome = "wrong"
        why = why or f"it was taken for {_told(got)}"
    return Trial(
        figure, speaker, phrase.text, words_heard(events), outcome, why,
        best=right, misled=bool(best) and not right, seconds=len(sound) / SAMPLE_RATE_HZ,
        delay_s=_delay_s(events, last_ns), sound=sound,
    )  # fmt: skip


def stop_trial(
    talk: Talk, typed: Typed, text: str, speaker: str, sound: Sound, random: np.random.Generator,
    *, figure: str,
) -> Trial:  # fmt: skip
    """Say a stop while `RUNNING` runs."""
    put_into(talk, "running")
    events, last_ns = say(talk, sound, random)
    return judged_stop(events, last_ns, typed, text, speaker, sound, figure)


def judged_stop(
    events: list[EndpointEvent], last_ns: int, typed: Typed, text: str, speaker: str, sound: Sound, figure: str
) -> Trial:
    """Whether a spoken stop had the effect of a typed one in time."""
    meant, got = typed.effect(STOP, "running"), effect(events)
    heard = of(events, SpeechHeard)
    delay_s = _delay_s(events, last_ns)
    obeyed = got is not None and got == meant and (delay_s is None or delay_s <= WAIT_S)
    reasons = [e.reason for e in heard if e.reason] or ([] if heard else ["no speech was noticed"])
    return Trial(
        figure, speaker, text, words_heard(events), "obeyed" if obeyed else "missed",
        "" if obeyed else next(iter(reasons), "it was taken for something else"),
        best=any(typed.effect(e.text, "running") == meant for e in heard), seconds=len(sound) / SAMPLE_RATE_HZ,
        delay_s=delay_s, sound=sound,
    )  # fmt: skip


def talk_trial(
    talk: Talk, typed: Typed, text: str, speaker: str, sound: Sound, random: np.random.Generator,
    *, figure: str, context: Context,
) -> Trial:  # fmt: skip
    """Say something that asks for nothing; what it starts or stops is undone by typing."""
    events, _ = say(talk, sound, random, wait_s=AFTER_TURNS * TURN_SAMPLES / SAMPLE_RATE_HZ)
    heard = of(events, SpeechHeard)
    count = sum(e.accepted for e in heard)
    # Words that fill up a grammar lead to nothing even if they are believed.
    believed = sum(typed.effect(e.text, context) is not None for e in heard)
    if count or effect(events) is not None:
        put_into(talk, context)
    return Trial(
        figure, speaker, text or "(no transcript)", words_heard(events), "false" if count else "silent",
        f"it was taken for {_told(effect(events))}" if count else "",
        best=bool(believed), events=count, seconds=len(sound) / SAMPLE_RATE_HZ, more={"best_parses": believed},
        sound=sound if count else None,
    )  # fmt: skip


def wav_bytes(sound: Sound) -> bytes:
    """As a mono PCM16 file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(integers(sound).astype("<i2").tobytes())
    return file.getvalue()


def _content_in(phrase: Phrase, heard: str) -> bool:
    return f" {plain_words(phrase.content)} " in f" {plain_words(heard)} " if phrase.content else True


def _delay_s(events: list[EndpointEvent], last_ns: int) -> float | None:
    accepted = [e for e in of(events, SpeechHeard) if e.accepted]
    return (accepted[0].t_rx_ns - last_ns) / NS_PER_S if accepted else None


def _told(found: Effect | None) -> str:
    if found is None:
        return "an instruction without a task"
    name, params = found
    if name == "none":
        return "a stop"
    numbers = ", ".join(f"{k} {v:g}" for k, v in params if v)
    return f"{name.replace('_', ' ')}{f' ({numbers})' if numbers else ''}"
