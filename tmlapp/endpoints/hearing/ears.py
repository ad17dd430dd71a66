"""From micro-turns to what a person said: stretches of voice, words of a grammar, and whether they are believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tmlapp.core.event import Ducked, SpeechHeard
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ
from tmlapp.endpoints.hearing.silero import SileroGraph
from tmlapp.endpoints.hearing.spec import MODES, STOP, Grammar, HearingSpec, Hypothesis
from tmlapp.endpoints.hearing.sphinx import IN_NOISE, Recogniser
from tmlapp.endpoints.hearing.stretches import Stretch, Stretches

DUCKED_DB = -15.0
"""The model's own voice while the person speaks."""

ONLY_STOP = "Only stop is listened for."
TOO_LONG = "Did not understand: no instruction is that long."
NO_WORDS = "Did not understand: the words fit no instruction."


class Hearing:
    """Hears instructions in one session's microphone, on the thread that answers it.

    What was heard is no part of the model's memory: a session that goes on from a saved state begins in silence.

    Args:
        spec: grammars and when their words are believed.
        folder: of the model.
        doubt: why the model cannot follow a text now, one sentence; empty if it can.

    Raises:
        AppError: voice activity cannot be found.
    """

    def __init__(self, spec: HearingSpec, folder: Path, doubt: Callable[[str], str]) -> None:
        self._spec = spec
        self._folder = folder
        self._doubt_about = doubt
        self._graph = SileroGraph()
        self._recogniser: Recogniser | None = None
        self._mode = STOP
        self._start = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self._stretches = Stretches(self._graph)
        self._fresh = True
        self._ducked = False

    def turn(self, turn: MicroTurn, mode: str) -> list[SpeechHeard | Ducked]:
        """What `turn` brought: the voice to be lowered or raised, and every stretch of speech that ended.

        Args:
            turn: follows the one before it.
            mode: what is listened for, one of `MODES`.

        Raises:
            AppError, GrammarError: the recogniser cannot be loaded; it is when somebody speaks for the first time.
        """
        if self._fresh:
            self._start, self._fresh = turn.start_sample, False
        self._mode = self._spec.mode(mode)
        grammar = self._spec.grammars[self._mode]
        ended = self._stretches.push(turn.pcm, grammar.silence_ms)
        found: list[SpeechHeard | Ducked] = [*self._duck()]
        found += [self._judged(stretch, grammar) for stretch in ended]
        return found

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
        # While the person still speaks: loading takes longer than listening.
        self._loaded()
        return [Ducked(gain_db=DUCKED_DB, since_ns=self._ns(since))]

    def _judged(self, stretch: Stretch, grammar: Grammar) -> SpeechHeard:
        best = Hypothesis()
        name = self._mode
        if grammar.noisy is not None and stretch.above_noise_db < self._spec.noise_db:
            name, grammar = name + IN_NOISE, grammar.noisy
        if stretch.seconds <= grammar.longest_s:
            best = self._loaded().words(stretch.pcm, name)
        coverage = min(1.0, best.seconds / stretch.seconds)
        reason = self._doubt(stretch, grammar, best, coverage)
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

    def _doubt(self, stretch: Stretch, grammar: Grammar, best: Hypothesis, coverage: float) -> str:
        """Why `best` is not believed, one sentence; empty if it is."""
        why = ""
        if stretch.seconds > grammar.longest_s:
            why = TOO_LONG
        elif not best.words:
            why = NO_WORDS
        elif best.score < grammar.score or best.worst < grammar.worst:
            why = f"Not sure enough: “{best.text}”."
        elif coverage < grammar.coverage:
            why = f"Not sure enough: more was said than “{best.text}”."
        else:
            why = self._doubt_about(best.text)
        # Last: it costs as much as all the rest.
        if not why and self._loaded().distance(stretch.pcm, best) > grammar.distance + grammar.slope * best.score:
            why = f"Not sure enough: “{best.text}”."
        return ONLY_STOP if why and self._mode == STOP else why

    def _loaded(self) -> Recogniser:
        if self._recogniser is None:
            self._recogniser = Recogniser(self._spec, self._folder)
        return self._recogniser

    def _ns(self, sample: int) -> int:
        return (self._start + sample) * NS_PER_S // SAMPLE_RATE_HZ
