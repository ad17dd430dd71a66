"""The table of echo: the canceller by itself in drawn rooms, then the model that hears itself and a person in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tmlapp.bench.model_check.figures import Failure, Figure, mean_figure, mean_of, ratio_figure
from tmlapp.bench.model_check.hearing_run import NO_VOICE, Endpoints, Material, missing, share_of
from tmlapp.bench.model_check.hearing_talk import Talk, of
from tmlapp.bench.model_check.hearing_trials import Trial, Typed, judged_stop, say
from tmlapp.bench.model_check.material import Sound, at_level, floats, integers, voiced_ends
from tmlapp.bench.model_check.material_voices import Voice
from tmlapp.bench.model_check.options import Options, Progress
from tmlapp.bench.model_check.rooms import Loudspeaker, Room, draw_room, hum, in_room
from tmlapp.capture.echo import EchoCanceller
from tmlapp.core.endpoint import Synthesizer
from tmlapp.core.event import Ducked, SpeechHeard
from tmlapp.core.media import Pcm
from tmlapp.core.numbers import number_words
from tmlapp.core.resample import resample
from tmlapp.core.units import NS_PER_S, SAMPLE_RATE_HZ, TURN_SAMPLES
from tmlapp.endpoints.hearing.silero import WINDOW, SileroGraph

TALKATIVE = (
    "Remind me to breathe in and out every second.",
    "Remind me to drink some water now every second.",
    "Remind me to look away and relax every second.",
)
"""Reminders that take as long as their period or longer: the model talks without pause."""

SAID = ("breathe in and out", "drink some water now", "sit up straight and look away from the screen")

SPARSE = "Remind me to breathe in and out every 6 seconds."

ROOMS, MORE_VOICES = 6, 2
ALONE_S, TYPICAL_S = 20.0, 8.0
SETTLED_S, EARLY_S = 5.0, 2.0
NEAR_DBFS = -30.0
LEVELS_DB = (0, -6, -12)
"""How much louder the person is than the echo."""

NOTICED_S = 1.2
BARGE_INS = 40
VOICED = 0.5
_WARM_TURNS = 30
_BETWEEN_TURNS = 12

_LOSS = "energy of the echo over that of what the canceller leaves of it, from 5 s on; mean over rooms"
_VAD = "share of Silero's windows of 32 ms at 0.5 or more while only the model talks, canceller on; mean over rooms"
_VAD_LATER = "the same from 2 s on, when the canceller knows the room"
_BARGE = "share of sentences spoken into the model's speech at which it ducks within 1.2 s of their first sound"
_STOP = "share of spoken stops obeyed within 2 s of the last sound, through the canceller, the model ducking its voice"
_FALSE_STOPS = "stops and pauses taken from its own voice or other sentences spoken into it, per minute of its talk"
_FALSE = "how often the model ducks though nobody speaks, per minute of its talk"


class EchoAir:
    """A room with a loudspeaker in it, and the canceller behind the microphone.

    Args:
        echo_dbfs: active level of the echo at the microphone for the model's usual voice.
        typical: what the model sounds like, to set that level.
        cancel: whether the canceller is on.
    """

    def __init__(
        self, room: Room, random: np.random.Generator, typical: Sound, *, echo_dbfs: float, cancel: bool = True
    ) -> None:
        self._speaker = Loudspeaker(room, Loudspeaker.gain_for(room, typical, echo_dbfs))
        self._canceller = EchoCanceller() if cancel else None
        self._random = random

    def __call__(self, near: Sound, played: Sound) -> Pcm:
        return self.heard(near, played)[1]

    def heard(self, near: Sound, played: Sound) -> tuple[Sound, Pcm]:
        """The echo alone, and what is left of everything."""
        echo = self._speaker.push(played)
        captured = integers(near + echo + hum(len(near), self._random))
        return echo, self.cancelled(captured, integers(played))

    def mixed(self, near: Sound, played: Sound) -> tuple[Pcm, Pcm]:
        """What the microphone and the canceller's reference hold, int16 each."""
        return integers(near + self._speaker.push(played) + hum(len(near), self._random)), integers(played)

    def cancelled(self, captured: Pcm, far: Pcm) -> Pcm:
        """What is left of `captured`."""
        return self._canceller.process(captured, far) if self._canceller else captured


@dataclass(frozen=True, slots=True)
class BargeIn:
    """A sentence spoken while the model talks; `delay_s` until it ducked, None where it did not."""

    level_db: int
    speaker: str
    said: str
    delay_s: float | None

    @property
    def noticed(self) -> bool:
        return self.delay_s is not None and self.delay_s <= NOTICED_S

    def row(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"figure": "echo.barge_in"} | asdict(self)

    def failure(self) -> Failure | None:
        """For the page; None where it was noticed."""
        if self.noticed:
            return None
        ducked = "never" if self.delay_s is None else f"{self.delay_s:.2f} s"
        return Failure(
            name=f"{self.speaker}: {self.said}"[:120],
            why="not noticed within 1.2 s while the model talks",
            badness=0.5,
            facts={"level": f"{_signed(self.level_db)} dB to the echo", "ducked after": ducked},
        )


def own_voice(synthesize: Synthesizer, seconds: float) -> Sound:
    """The app's voice without pause: numbers and sentences back to back, float64 at 16 kHz as a loudspeaker gets it."""
    found: list[Sound] = []
    while sum(map(len, found)) < seconds * SAMPLE_RATE_HZ:
        for text in (*SAID, number_words(20 + len(found)), number_words(100 + len(found))):
            clip = synthesize(text)
            found.append(floats(resample(clip.pcm, clip.rate_hz, SAMPLE_RATE_HZ)))
    return np.concatenate(found)[: round(seconds * SAMPLE_RATE_HZ)]


@dataclass(frozen=True, slots=True)
class Alone:
    """The canceller in one room while only the model talks."""

    room: str
    loss_db: float
    early_db: float
    voiced: float
    voiced_later: float
    voiced_raw: float

    def row(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"figure": "echo.alone"} | asdict(self)


def canceller_alone(room: Room, voice: Sound, random: np.random.Generator, graph: SileroGraph) -> Alone:
    """Play `voice` in `room` at the level of a person, and see what is left."""
    air = EchoAir(room, random, voice, echo_dbfs=NEAR_DBFS + 4)
    with_it, without = graph.stream(renewed=True), graph.stream(renewed=True)
    echoes, left, voiced, raw = [], [], [], []
    for at in range(0, len(voice) - TURN_SAMPLES + 1, TURN_SAMPLES):
        echo, clean = air.heard(np.zeros(TURN_SAMPLES), voice[at : at + TURN_SAMPLES])
        echoes.append(echo)
        left.append(floats(clean))
        voiced += with_it.push(clean)
        raw += without.push(integers(echo))
    echo, rest = np.concatenate(echoes), np.concatenate(left)
    settled = round(SETTLED_S * SAMPLE_RATE_HZ)
    early = round(EARLY_S * SAMPLE_RATE_HZ)
    return Alone(
        room.name, _loss_db(echo[settled:], rest[settled:]), _loss_db(echo[:early], rest[:early]),
        _share(voiced), _share(voiced[round(EARLY_S * SAMPLE_RATE_HZ) // WINDOW :]), _share(raw),
    )  # fmt: skip


def _share(probabilities: Sequence[float]) -> float:
    return float(np.mean(np.array(probabilities) >= VOICED))


def _loss_db(echo: Sound, left: Sound) -> float:
    return float(10 * np.log10((echo * echo).sum() / max((left * left).sum(), 1e-12)))


class EchoRun:
    """Everything with a loudspeaker; results grow as they are made.

    Attributes:
        reason: why what is not there could not be measured.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        material: Material,
        options: Options,
        progress: Progress,
    ) -> None:
        self._endpoint, self._typed_endpoint = endpoints
        self._material = material
        self._seed, self._limit = options.seed, options.limit
        self._progress = progress
        self._synthesize: Synthesizer | None = None
        self._typical: dict[str, Sound] = {}
        self.reason = NO_VOICE
        self.alone: list[Alone] = []
        self.trials: list[Trial] = []
        self.barge_ins: list[BargeIn] = []
        self.false_ducks: list[tuple[float, float]] = []
        self.false_stops: list[tuple[float, float]] = []

    def canceller(self, synthesize: Synthesizer) -> None:
        """The canceller by itself."""
        graph = SileroGraph()
        voice = own_voice(synthesize, ALONE_S if self._limit is None else SETTLED_S + 3)
        for number in range(self._rooms):
            self._progress("echo in rooms", number, self._rooms)
            room = draw_room(self._seed, number)
            self.alone.append(canceller_alone(room, voice, self._random(number), graph))

    def endpoint(self, synthesize: Synthesizer) -> None:
        """The model in rooms, with people who say stop and people who just speak."""
        self._synthesize = synthesize
        if not all(self._sounds_like(instruction).any() for instruction in (*TALKATIVE, SPARSE)):
            self.reason = "the model is silent when it is asked for a reminder every second"
            return
        with Talk(self._typed_endpoint) as listening:
            typed = Typed(listening)
            voices = self._material.voices
            for number, voice in enumerate(voices):
                self._progress("stops while the model talks", number, len(voices))
                room, talkative = draw_room(self._seed, number), TALKATIVE[number % len(TALKATIVE)]
                self._stops(typed, room, voice, "stop.talking", talkative, 0)
                if number < MORE_VOICES and self._limit is None:
                    self._stops(typed, room, voice, "stop.talking_6db", talkative, -6)
                    self._stops(typed, room, voice, "stop.sparse", SPARSE, 0)
        for level in LEVELS_DB:
            self._progress("people who speak into the model's talk", LEVELS_DB.index(level), len(LEVELS_DB))
            for number in range(self._rooms):
                self._barge_in(draw_room(self._seed, number), level, number)
        for number in range(self._rooms):
            self._progress("nobody speaks into the model's talk", number, self._rooms)
            self._undisturbed(draw_room(self._seed, number), number)

    @property
    def _warm(self) -> int:
        """Micro-turns in which the canceller learns the room."""
        return _WARM_TURNS if self._limit is None else _WARM_TURNS // 3

    @property
    def _rooms(self) -> int:
        return ROOMS if self._limit is None else min(ROOMS, self._limit)

    def _stops(self, typed: Typed, room: Room, voice: Voice, figure: str, instruction: str, level_db: int) -> None:
        random = self._random(hash_of(voice.name, figure))
        with self._talk(room, instruction, level_db, random) as talk:
            talk.quiet(self._warm)
            for text in self._material.stops:
                sound = at_level(in_room(voice.speak(text), room), NEAR_DBFS)
                events, last_ns = say(talk, sound, random)
                heard = judged_stop(events, last_ns, typed, text, f"{voice.name}, {room.name}", sound, figure)
                self.trials.append(heard)
                if heard.outcome != "obeyed":
                    talk.quiet(2)
                else:
                    talk.type(instruction)
                    talk.quiet(_BETWEEN_TURNS)

    def _barge_in(self, room: Room, level_db: int, number: int) -> None:
        random = self._random(number)
        voices = self._material.voices
        count = max(1, BARGE_INS // ROOMS + (number < BARGE_INS % ROOMS)) if self._limit is None else 1
        instruction = TALKATIVE[number % len(TALKATIVE)]
        with self._talk(room, instruction, level_db, random) as talk:
            talk.quiet(self._warm)
            for step in range(count):
                voice = voices[(number + step) % len(voices)]
                text = self._material.everyday[(number * 11 + step) % len(self._material.everyday)]
                sound = at_level(in_room(voice.speak(text), room), NEAR_DBFS)
                events, last_ns = say(talk, sound, random)
                begin, end = voiced_ends(sound)
                first_ns = last_ns - (end - begin) * NS_PER_S // SAMPLE_RATE_HZ
                at = [e.t_rx_ns for e in of(events, Ducked) if e.gain_db < 0]
                delay = (at[0] - first_ns) / NS_PER_S if at else None
                self.barge_ins.append(BargeIn(level_db, f"{voice.name}, {room.name}", text, delay))
                # Whatever was heard, the model goes on talking.
                talk.type(instruction)
                talk.quiet(_BETWEEN_TURNS)
            self._obeyed(talk)

    def _undisturbed(self, room: Room, number: int) -> None:
        random = self._random(number)
        turns = 50 if self._limit is None else 15
        with self._talk(room, TALKATIVE[number % len(TALKATIVE)], 0, random) as talk:
            events = talk.quiet(turns)
            self._obeyed(talk)
        ducks = sum(e.gain_db < 0 for e in of(events, Ducked))
        self.false_ducks.append((ducks, turns * TURN_SAMPLES / SAMPLE_RATE_HZ / 60))

    def _obeyed(self, talk: Talk) -> None:
        """Nobody has told the model anything: whatever it obeyed in `talk` was false."""
        self.false_stops.append((sum(e.accepted for e in of(talk.events, SpeechHeard)), talk.t_ns / NS_PER_S / 60))

    def _talk(self, room: Room, instruction: str, level_db: int, random: np.random.Generator) -> Talk:
        air = EchoAir(room, random, self._sounds_like(instruction), echo_dbfs=NEAR_DBFS - level_db)
        return Talk(self._endpoint, instruction, synthesize=self._synthesize, air=air)

    def _sounds_like(self, instruction: str) -> Sound:
        """The model's talk under `instruction` while nobody speaks: it sets the level of the echo."""
        if instruction not in self._typical:
            with Talk(self._endpoint, instruction, options={"hearing": "off"}, synthesize=self._synthesize) as talk:
                played = []
                while talk.t_ns < TYPICAL_S * NS_PER_S:
                    played.append(talk.played())
                    talk.turn(np.zeros(TURN_SAMPLES, np.int16))
            self._typical[instruction] = np.concatenate(played)
        return self._typical[instruction]

    def _random(self, number: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, 2000 + number))


def hash_of(*words: str) -> int:
    """A small number from words, the same on every machine."""
    return sum((i + 1) * ord(c) for i, c in enumerate("|".join(words))) % 100_000


def canceller_figures(alone: Sequence[Alone], seed: int) -> list[Figure]:
    """Rows of the canceller by itself."""
    return [
        mean_figure(
            "echo.loss_db", "echo return loss after 5 s", [a.loss_db for a in alone], _LOSS, seed=seed, of="rooms",
            unit="dB", baselines={"no canceller": 0.0},
        ),
        mean_figure(
            "echo.loss_early_db", "echo return loss in the first 2 s", [a.early_db for a in alone], _LOSS,
            seed=seed, of="rooms", unit="dB", baselines={"no canceller": 0.0},
        ),
        mean_figure(
            "echo.vad", "voice activity that fires on echo", [a.voiced for a in alone], _VAD, seed=seed, of="rooms",
            better="lower", baselines={"no canceller": mean_of([a.voiced_raw for a in alone])},
        ),
        mean_figure(
            "echo.vad_later", "voice activity on echo, from 2 s on", [a.voiced_later for a in alone], _VAD_LATER,
            seed=seed, of="rooms", better="lower",
        ),
    ]  # fmt: skip


def endpoint_figures(run: EchoRun, seed: int) -> list[Figure]:
    """Rows of the model in rooms."""
    found = []
    for figure, label in (
        ("stop.talking", "spoken stop: the model talks without pause"),
        ("stop.talking_6db", "spoken stop: talks without pause, echo 6 dB louder"),
        ("stop.sparse", "spoken stop: a reminder every 6 s, in rooms"),
    ):
        chosen = [t for t in run.trials if t.figure == figure]
        row = share_of(figure, label, chosen, "obeyed", _STOP, "stops", seed)
        found.append(row if chosen else missing(row, run.reason))
    for level in LEVELS_DB:
        tried = [b for b in run.barge_ins if b.level_db == level]
        row = mean_figure(
            f"echo.barge_in_{-level}db", f"person noticed within 1.2 s, {_signed(level)} dB to the echo",
            [float(b.noticed) for b in tried], _BARGE, seed=seed, of="sentences", baselines={"silence": 0.0},
        )  # fmt: skip
        found.append(row if tried else missing(row, run.reason))
    found.append(
        ratio_figure(
            "echo.false_ducks_per_min", "ducks though nobody speaks, per minute", run.false_ducks, _FALSE, seed=seed,
            of="minutes", unit="/min", better="lower", baselines={"silence": 0.0},
        )
    )  # fmt: skip
    row = ratio_figure(
        "echo.false_stops_per_min", "false stops while the model talks, per minute", run.false_stops, _FALSE_STOPS,
        seed=seed, of="minutes", unit="/min", better="lower", baselines={"silence": 0.0},
    )  # fmt: skip
    found.append(row if run.false_stops else missing(row, run.reason))
    return found


def _signed(value: int) -> str:
    return f"{value}".replace("-", "−")
