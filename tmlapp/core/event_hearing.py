"""What an endpoint that listens in this process heard, and what it does to its own voice because of it."""

from __future__ import annotations

from dataclasses import dataclass

from tmlapp.core.event_base import EndpointEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechHeard(EndpointEvent):
    """A stretch of the person's speech has ended, and was held against the instructions that the model knows.

    An accepted one is followed by the `TaskSet` that it leads to; every other one changes nothing.

    Attributes:
        text: the words that fit best; empty where none did.
        accepted: whether they are taken for an instruction.
        reason: why not, one sentence for a person; empty if accepted.
        grammar: which instructions were listened for: `commands`, `stop` or `paused`.
        from_ns, to_ns: session time of the first and the last voiced sample.
        score: mean acoustic score per frame of 10 ms (ln; 0 is best); None where nothing fitted.
        coverage: share of the voiced frames that the words cover, 0 to 1; None where nothing fitted.
    """

    text: str
    accepted: bool
    reason: str = ""
    grammar: str
    from_ns: int
    to_ns: int
    score: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ducked(EndpointEvent):
    """The model lowers its own voice, or raises it again, because the person speaks or has stopped.

    Attributes:
        gain_db: of everything that it says from now on; 0.0 for its usual voice.
        since_ns: session time at which the person's voice set in, or ended.
    """

    gain_db: float
    since_ns: int
