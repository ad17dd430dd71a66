"""The table of time: when reminders sound, whether any comes after a stop, and what hearing and echo cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tmlapp.bench.model_check.echo import TALKATIVE, EchoAir, own_voice
from tmlapp.bench.model_check.figures import Figure, bootstrap, percentile_of, ratio_figure
from tmlapp.bench.model_check.hearing_run import Material, missing, quiet_air
from tmlapp.bench.model_check.hearing_talk import Talk, effect, of
from tmlapp.bench.model_check.hearing_trials import STOP, say
from tmlapp.bench.model_check.material import Sound
from tmlapp.bench.model_check.options import Options, Progress
from tmlapp.bench.model_check.rooms import draw_room, turns_in
from tmlapp.core.endpoint import Endpoint, Synthesizer
from tmlapp.core.event import SpeechHeard, UnitDone
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS

PERIODS_S = (1, 2, 3, 4, 5, 7, 10, 12, 15, 20, 30, 45, 60)
SPOKEN_PERIODS = (("four", 4), ("five", 5))
SPOKEN_VOICES = 3
MOST_REMINDERS, MOST_S = 12, 90.0
GRACE_S, WATCHED_S = 1.0, 4.0
STOPS_AT = 12
_SAID_S = 2.0

_ONSET = (
    "from k x N s after the instruction's last sound (typed: its time) to the first sample at or above -54 dBFS in the "
    "heard track, either way; matched within half a period"
)
_MISSED = "share of reminders due that are not heard within half a period"
_AFTER = "items that begin more than 1 s after a stop"
_COST = (
    "CPU time for a micro-turn of 200 ms in which a person speaks, half of them into the model's talk: the canceller's "
    "and what the endpoint says that its hearing took"
)


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder that was due; `error_s` None where it never came."""

    how: str
    period_s: float
    number: int
    error_s: float | None


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU time per micro-turn, ms."""

    hearing: tuple[float, ...] = ()
    echo: tuple[float, ...] = ()
    reason: str = ""

    @property
    def both(self) -> list[float]:
        """Of hearing and echo in the same micro-turn."""
        return [a + b for a, b in zip(self.hearing, self.echo, strict=True)]


class TimingRun:
    """Reminders and stops on virtual time; results grow as they are made."""

    def __init__(
        self,
        endpoint: Endpoint,
        material: Material,
        options: Options,
        progress: Progress,
        synthesize: Synthesizer | None,
    ) -> None:
        self._endpoint = endpoint
        self._material = material
        self._options = options
        self._progress = progress
        self._synthesize = synthesize
        self.reminders: list[Reminder] = []
        self.after_stop: list[tuple[float, float]] = []

    def typed(self) -> None:
        """Reminders of every period, and stops between them."""
        periods = PERIODS_S[: self._options.limit]
        for number, period in enumerate(periods):
            self._progress("reminders", number, len(periods))
            random = np.random.default_rng((self._options.seed, 3000 + number))
            with Talk(self._endpoint, synthesize=self._synthesize, air=quiet_air(random)) as talk:
                talk.quiet(int(random.integers(1, 4)))
                after_ns = int(random.integers(0, TURN_NS))
                asked_ns = talk.t_ns + after_ns
                talk.type(f"Remind me to breathe out every {period} seconds.", after_ns=after_ns)
                self._watch(talk, "typed", asked_ns, period)
                self._typed_stop(talk, random)
        for number in range(STOPS_AT if self._options.limit is None else 1):
            random = np.random.default_rng((self._options.seed, 3500 + number))
            with Talk(self._endpoint, "Remind me to breathe out every second.", synthesize=self._synthesize) as talk:
                talk.quiet(int(random.integers(8, 20)))
                self._typed_stop(talk, random)

    def spoken(self) -> None:
        """Reminders that were asked for by voice."""
        voices = self._material.voices[:SPOKEN_VOICES]
        for number, voice in enumerate(voices):
            self._progress("reminders asked for by voice", number, len(voices))
            random = np.random.default_rng((self._options.seed, 3900 + number))
            for word, period in SPOKEN_PERIODS[: self._options.limit]:
                text = f"remind me to breathe in and out every {word} seconds until i ask you to stop"
                with Talk(self._endpoint, synthesize=self._synthesize, air=quiet_air(random)) as talk:
                    events, last_ns = say(talk, voice.speak(text), random)
                    meant = effect(events)
                    # Another number, or none: that is a matter of hearing, not of time.
                    if meant is not None and period in [value for _, value in meant[1]]:
                        self._watch(talk, "spoken", last_ns, period)

    def _watch(self, talk: Talk, how: str, asked_ns: int, period_s: float) -> None:
        count = min(MOST_REMINDERS, int(MOST_S // period_s))
        if self._options.limit is not None:
            count = min(count, 3)
        end_ns = asked_ns + int((count + 0.5) * period_s * NS_PER_S)
        talk.quiet(max(0, turns_in((end_ns - talk.t_ns) / NS_PER_S + _SAID_S)))
        onsets = [h.audible_ns for h in talk.heard if h.audible_ns is not None]
        for k in range(1, count + 1):
            due_ns = asked_ns + int(k * period_s * NS_PER_S)
            errors = [(ns - due_ns) / NS_PER_S for ns in onsets]
            near = [e for e in errors if abs(e) <= period_s / 2]
            self.reminders.append(Reminder(how, period_s, k, min(near, key=abs) if near else None))

    def _typed_stop(self, talk: Talk, random: np.random.Generator) -> None:
        after_ns = int(random.integers(0, TURN_NS))
        stop_ns = talk.t_ns + after_ns
        talk.type(STOP, after_ns=after_ns)
        talk.quiet(turns_in(WATCHED_S))
        talk.played_out()
        late = [h for h in talk.heard if h.t_ns > stop_ns + GRACE_S * NS_PER_S]
        self.after_stop.append((float(len(late)), 1.0))


def costs(endpoint: Endpoint, material: Material, options: Options, synthesize: Synthesizer) -> Costs:
    """What hearing and the canceller cost while the model and a person talk at the same time.

    The endpoint gives what its hearing took as the diagnostic `app.hear_cpu_ms`, CPU time of its thread.
    """
    if not material.voices:
        return Costs(reason="nobody is there to speak")
    random = np.random.default_rng((options.seed, 4000))
    canceller: list[float] = []
    voice = own_voice(synthesize, 6.0)
    room = EchoAir(draw_room(options.seed, 0), random, voice, echo_dbfs=-30.0)

    def timed(near: Sound, played: Sound) -> Pcm:
        mixed, far = room.mixed(near, played)
        begin = time.thread_time_ns()
        clean = room.cancelled(mixed, far)
        canceller.append((time.thread_time_ns() - begin) / NS_PER_MS)
        return clean

    found, noticed = [], 0
    # Large grammar first, then the one for stops while the model talks.
    for instruction in ("", TALKATIVE[0]):
        with Talk(endpoint, instruction, air=timed, synthesize=synthesize) as talk:
            for phrase in material.phrases:
                say(talk, material.voices[0].speak(phrase.text), random)
            found += [e.diagnostics.get("app.hear_cpu_ms") for e in of(talk.events, UnitDone)]
            noticed += len(of(talk.events, SpeechHeard))
    hearing = [value[0] for value in found if value]
    if len(hearing) != len(canceller):
        return Costs(reason="the endpoint does not say what its hearing costs (app.hear_cpu_ms)")
    if not noticed:
        return Costs(reason="the endpoint heard nothing of what was said")
    return Costs(tuple(hearing), tuple(canceller))


def timing_figures(run: TimingRun, seed: int) -> list[Figure]:
    """Rows of the reminders."""
    found = []
    for how, prefix in (("typed", "reminder"), ("spoken", "reminder.spoken")):
        chosen = [r for r in run.reminders if r.how == how]
        late = [abs(r.error_s) * 1000 for r in chosen if r.error_s is not None]
        # Within a session every reminder is as late as the first: the interval draws sessions.
        sessions = _by_session(chosen)
        for share, name in ((0.5, "median"), (0.99, "p99")):
            found.append(
                Figure(
                    name=f"{prefix}.{name}", label=f"reminders {how}: {name}",
                    value=percentile_of(late, share), n=len(late), of="reminders", definition=_ONSET, better="lower",
                    unit="ms", reason="" if late else "no reminder was heard",
                    interval=bootstrap(sessions, partial(_of_sessions, share=share), seed, 500),
                )
            )  # fmt: skip
        found.append(
            ratio_figure(
                f"{prefix}.missed", f"reminders {how}: never came",
                [(float(r.error_s is None), 1.0) for r in chosen], _MISSED,
                seed=seed, of="reminders", better="lower", baselines={"silence": 1.0},
            )
        )  # fmt: skip
    found.append(
        ratio_figure(
            "reminder.after_stop", "reminders more than 1 s after a stop, per stop", run.after_stop, _AFTER, seed=seed,
            of="stops", better="lower", baselines={"silence": 0.0},
        )
    )  # fmt: skip
    return found


def _by_session(reminders: Sequence[Reminder]) -> list[list[float]]:
    """How late reminders were, in ms, session by session; each begins with its first reminder."""
    found: list[list[float]] = []
    for reminder in reminders:
        if reminder.number == 1:
            found.append([])
        if reminder.error_s is not None:
            found[-1].append(abs(reminder.error_s) * 1000)
    return found


def _of_sessions(sessions: Sequence[Sequence[float]], *, share: float) -> float | None:
    return percentile_of([late for session in sessions for late in session], share)


def cost_figures(spent: Costs) -> list[Figure]:
    """Rows of what hearing and echo cost."""
    rows: Sequence[tuple[str, str, Sequence[float], float]] = (
        ("hearing.p50", "hearing and echo per micro-turn, one core: median", spent.both, 0.5),
        ("hearing.p99", "hearing and echo: p99", spent.both, 0.99),
        ("hearing.alone_p50", "hearing alone: median", spent.hearing, 0.5),
        ("hearing.echo_p50", "echo alone: median", spent.echo, 0.5),
    )
    found = []
    for name, label, values, share in rows:
        row = Figure(
            name=name, label=label, value=percentile_of(values, share), n=len(values), of="micro-turns",
            definition=_COST, better="lower", unit="ms", timing=True,
        )  # fmt: skip
        found.append(row if values else missing(row, spent.reason))
    return found
