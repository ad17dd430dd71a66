"""From micro-turns to what a person said: stretches of voice, words of a grammar, and whether they are believed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tmlapp.core.event import Ducked, SpeechHeard
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_MS, NS_PER_S, SAMPLE_RATE_HZ
from tmlapp.endpoints.hearing.phones import VOICELESS
from tmlapp.endpoints.hearing.silero import SileroGraph
from tmlapp.endpoints.hearing.spec import MODES, NOISY, OVER_VOICE, STOP, Grammar, HearingSpec, Hypothesis
from tmlapp.endpoints.hearing.sphinx import Recogniser, Utterance
from tmlapp.endpoints.hearing.stretches import Stretch, Stretches

DUCKED_DB = -15.0
"""The model's own voice while the person speaks."""

CATCH_UP = SAMPLE_RATE_HZ // 2
"""Samples that are decoded at most per micro-turn while the person speaks, so that no micro-turn takes long."""

ECHO_NS = 300 * NS_PER_MS
"""For so long the model's voice is in the room after its last sample was given out."""
_REMEMBERED = 8
"""Stretches of which it is known whether they began in the model's voice; more do not go on at once."""

ONLY_STOP = "Only stop is listened for."
TOO_LONG = "Did not understand: no instruction is that long."
NO_WORDS = "Did not understand: the words fit no instruction."


@dataclass(slots=True)
class _Followed:
    """A stretch that goes on: `at` is the sample of the stream at which `heard` begins."""

    heard: Utterance
    name: str
    from_sample: int
    at: int


class Hearing:
    """Hears instructions in one session's microphone, on the thread that answers it.

    What was heard is no part of the model's memory: a session that goes on from a saved state begins in silence.

    Args:
        spec: grammars and when their words are believed.
        recogniser: of the grammars; used by nobody else.
        doubt: why the model cannot follow a text now, one sentence; empty if it can.

    Raises:
        AppError: voice activity cannot be found.
    """

    def __init__(self, spec: HearingSpec, recogniser: Recogniser, doubt: Callable[[str], str]) -> None:
        self.spec = spec
        self._recogniser = recogniser
        self._doubt_about = doubt
        self._graph = SileroGraph()
        self._followed: _Followed | None = None
        self._mode = STOP
        self._start = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self._stretches = Stretches(self._graph)
        self._leave()
        self._begun: deque[int] = deque(maxlen=_REMEMBERED)
        self._over_voice: deque[int] = deque(maxlen=_REMEMBERED)
        self._fresh = True
        self._ducked = False

    def turn(self, turn: MicroTurn, mode: str, speaks_until_ns: int = 0) -> list[SpeechHeard | Ducked]:
        """What `turn` brought: the voice to be lowered or raised, and every stretch of speech that ended.

        Args:
            turn: follows the one before it.
            mode: what is listened for, one of `MODES`.
            speaks_until_ns: session time at which the model's own voice ends; 0 before its first word.
        """
        if self._fresh:
            self._start, self._fresh = turn.start_sample, False
        self._mode = self.spec.mode(mode)
        grammar = self.spec.grammars[self._mode]
        ended = self._stretches.push(turn.pcm, grammar.silence_ms)
        self._notice(speaks_until_ns)
        found: list[SpeechHeard | Ducked] = [*self._duck()]
        found += [self._judged(stretch) for stretch in ended]
        if (stretch := self._stretches.going_on) is not None and stretch.long:
            self._follow(stretch, *self._grammar(stretch), CATCH_UP)
        return found

    def close(self) -> Recogniser:
        """The recogniser, for somebody else."""
        self._leave()
        return self._recogniser

    def diagnostics(self) -> dict[str, list[float]]:
        """Greatest probability of voice in the last micro-turn, and which of `MODES` was listened for."""
        return {
            "hear.voice": [self._stretches.probability],
            "hear.listening": [float(MODES.index(self._mode))],
        }

    def _duck(self) -> list[Ducked]:
        since = self._stretches.speaking_since
        if self._ducked == (since is not None):
            return []
        self._ducked = since is not None
        if since is None:
            return [Ducked(gain_db=0.0, since_ns=self._ns(self._stretches.silent_since))]
        return [Ducked(gain_db=DUCKED_DB, since_ns=self._ns(since))]

    def _notice(self, speaks_until_ns: int) -> None:
        """Whether the stretch that has just begun is spoken into the model's own voice."""
        since = self._stretches.speaking_since
        if since is None or since in self._begun:
            return
        self._begun.append(since)
        if 0 < self._ns(since) - ECHO_NS < speaks_until_ns:
            self._over_voice.append(since)

    def _grammar(self, stretch: Stretch) -> tuple[str, Grammar]:
        """What `stretch` is held against, and its name."""
        grammar = self.spec.grammars[self._mode]
        if grammar.over_voice is not None and stretch.from_sample in self._over_voice:
            return self._mode + OVER_VOICE, grammar.over_voice
        if grammar.noisy is not None and stretch.above_noise_db < self.spec.noise_db:
            return self._mode + NOISY, grammar.noisy
        return self._mode, grammar

    def _follow(self, stretch: Stretch, name: str, grammar: Grammar, most: int) -> _Followed | None:
        """Decode up to `most` more samples of `stretch`; None where it is too long for an instruction."""
        followed = self._followed
        if followed is not None and (followed.name, followed.from_sample) != (name, stretch.from_sample):
            self._leave()
        if stretch.seconds > grammar.longest_s:
            self._leave()
            return None
        at = stretch.from_sample - stretch.lead
        if self._followed is None:
            heard = self._recogniser.follow(stretch.beginning, name)
            self._followed = _Followed(heard, name, stretch.from_sample, at)
        skipped = self._followed.at + self._followed.heard.samples - at
        self._followed.heard.push(stretch.pcm[skipped : skipped + most])
        return self._followed

    def _leave(self) -> None:
        """Follow no longer; whatever was found does not matter."""
        if self._followed is not None:
            self._followed.heard.end()
        self._followed = None

    def _decoded(self, stretch: Stretch, name: str, grammar: Grammar) -> tuple[Hypothesis, Callable[[], float]]:
        """What fits `stretch` best, and how far its sounds are from it."""
        if stretch.long:
            followed = self._follow(stretch, name, grammar, len(stretch.pcm))
            if followed is None:
                return Hypothesis(), lambda: 0.0
            self._followed = None
            best = followed.heard.end()
            return best, lambda: followed.heard.distance(best)
        self._leave()
        best = self._recogniser.words(stretch.pcm, name)
        return best, lambda: self._recogniser.distance(stretch.pcm, best)

    def _judged(self, stretch: Stretch) -> SpeechHeard:
        name, grammar = self._grammar(stretch)
        best, distance = self._decoded(stretch, name, grammar)
        coverage = min(1.0, best.seconds / stretch.seconds)
        reason = self._doubt(stretch, grammar, best, coverage, distance)
        return SpeechHeard(
            text=best.text,
            accepted=not reason,
            reason=reason,
            grammar=self._mode,
            from_ns=self._ns(stretch.from_sample),
            to_ns=self._ns(stretch.to_sample),
            score=best.score if best.words else None,
            coverage=coverage if best.words else None,
        )

    def _doubt(
        self, stretch: Stretch, grammar: Grammar, best: Hypothesis, coverage: float, distance: Callable[[], float]
    ) -> str:
        """Why `best` is not believed, one sentence; empty if it is."""
        why = ""
        if stretch.seconds > grammar.longest_s:
            why = TOO_LONG
        elif not best.words:
            why = NO_WORDS
        elif best.score < grammar.score or best.worst < grammar.worst:
            why = f"Not sure enough: “{best.text}”."
        elif stretch.seconds < grammar.pace_s * sum(s not in VOICELESS for s in self._recogniser.sounds(best)):
            why = f"Not sure enough: less was said than “{best.text}”."
        elif coverage < grammar.coverage:
            why = f"Not sure enough: more was said than “{best.text}”."
        else:
            why = self._doubt_about(best.text)
        # Last: of short speech it costs as much as all the rest.
        if not why and distance() > grammar.distance + grammar.slope * best.score:
            why = f"Not sure enough: “{best.text}”."
        return ONLY_STOP if why and self._mode == STOP else why

    def _ns(self, sample: int) -> int:
        return (self._start + sample) * NS_PER_S // SAMPLE_RATE_HZ
