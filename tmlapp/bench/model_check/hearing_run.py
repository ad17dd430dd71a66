"""The table of hearing: task phrases, spoken stops, and talk that nobody meant for the model (docs/bench-model.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tmlapp.bench.model_check.figures import Figure, percentile_of, ratio_figure, ratio_of
from tmlapp.bench.model_check.hearing_talk import Air, Talk
from tmlapp.bench.model_check.hearing_trials import RUNNING, Trial, Typed, phrase_trial, stop_trial, talk_trial
from tmlapp.bench.model_check.material import (
    COMMANDS,
    KEYWORD,
    LEVEL_DBFS,
    OTHER,
    Recording,
    Sound,
    at_level,
    integers,
    kitchen_like,
    read_recordings,
    stretch_of,
)
from tmlapp.bench.model_check.material_text import EVERYDAY, HARD, STOPS, Phrase, task_phrases
from tmlapp.bench.model_check.material_voices import Voice, engine_versions, installed_voices
from tmlapp.bench.model_check.options import Options, Progress
from tmlapp.bench.model_check.rooms import draw_room, hum, in_room
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.media import Pcm

SNR_DB = 15.0
EVERYDAY_VOICES, HARD_VOICES, ROOM_VOICES = 3, 2, 2
"""How many voices speak each sentence."""

NO_VOICE = "there is neither a speech engine (espeak-ng, flite) nor a recording of it"

_EXACT = (
    "share of task phrases x voices whose task, numbers and content are those of the same words when they are typed"
)
_WRONG = "share of task phrases x voices that led to another task, other numbers or other content"
_STOP = "share of spoken stops x voices that end the running task within 2 s of the last sound"
_STOP_FALSE = "instructions accepted while a task runs, per minute of speech that holds none"
_TASK_FALSE = "instructions accepted while nothing runs, per minute of speech that holds none"


@dataclass(frozen=True, slots=True)
class Material:
    """What is said in a check, after `limit`.

    Attributes:
        sources: sentences for the notes: which phrases, engines and recordings.
        inputs: sha256 of the recordings by name.
    """

    phrases: tuple[Phrase, ...]
    stops: tuple[str, ...]
    voices: tuple[Voice, ...]
    recordings: tuple[Recording, ...]
    everyday: tuple[str, ...]
    hard: tuple[str, ...]
    sources: tuple[str, ...]
    inputs: dict[str, str] = field(default_factory=dict)

    def of_kind(self, *kinds: str) -> list[Recording]:
        return [r for r in self.recordings if r.kind in kinds]


def gather(speech: Path | None, options: Options) -> Material:
    """Everything that can be said on this machine.

    Raises:
        AppError: the speech folder cannot be used.
    """
    phrases, origin = task_phrases(speech)
    recordings = read_recordings(speech) if speech is not None else []
    most = options.limit
    engines = ", ".join(f"{name} {version}" for name, version in engine_versions().items()) or "no speech engine"
    return Material(
        phrases[:most], STOPS[:most], tuple(installed_voices(most)), tuple(_limited(recordings, most)),
        EVERYDAY[:most], HARD[:most],
        (f"Task phrases: {origin}.", f"Voices: {engines}.", f"Recordings: {len(recordings)}."),
        {r.name: r.sha256 for r in recordings},
    )  # fmt: skip


def _limited(recordings: Sequence[Recording], most: int | None) -> Iterator[Recording]:
    """The first so many of each kind, but no long dialogs where little is wanted."""
    seen: dict[str, int] = {}
    for recording in recordings:
        seen[recording.kind] = seen.get(recording.kind, 0) + 1
        if most is None or (seen[recording.kind] <= most and (recording.seconds < 25 or recording.kind == "noise")):
            yield recording


Endpoints = tuple[Endpoint, Endpoint]
"""Two of the same address: one that is spoken to, one that is typed to meanwhile."""


class HearingRun:
    """All trials without a loudspeaker. `trials` grows as they are made."""

    def __init__(self, endpoints: Endpoints, material: Material, options: Options, progress: Progress) -> None:
        self._endpoint, self._typed_endpoint = endpoints
        self._material = material
        self._options = options
        self._progress = progress
        self.trials: list[Trial] = []

    def run(self) -> None:
        """Make every trial."""
        with Talk(self._typed_endpoint) as listening:
            typed = Typed(listening)
            self._phrases(typed)
            self._phrases_in_rooms(typed)
            self._stops(typed, "stop.quiet")
            if kitchen_like(self._material.recordings):
                self._stops(typed, "stop.kitchen")
            self._others(typed, "stop.false_per_min", RUNNING, self._everyday())
            self._others(typed, "stop.false_per_min_hard", RUNNING, self._hard())
            self._others(typed, "tasks.false_per_min", "", self._everyday())
            self._others(typed, "tasks.false_per_min_hard", "", self._hard())

    def _phrases(self, typed: Typed) -> None:
        material = self._material
        spoken = material.of_kind(*COMMANDS)
        for number, voice in enumerate(material.voices):
            self._progress("task phrases", number, len(material.voices) + bool(spoken))
            random = self._random(number)
            with Talk(self._endpoint, air=quiet_air(random)) as talk:
                for phrase in material.phrases:
                    sound = voice.speak(phrase.text)
                    self.trials.append(phrase_trial(talk, typed, phrase, voice.name, sound, random))
        if spoken:
            random = self._random(99)
            with Talk(self._endpoint, air=quiet_air(random)) as talk:
                for recording in spoken:
                    phrase, sound = Phrase(recording.transcript), at_level(recording.sound)
                    if typed.meant(phrase)[0] is not None:
                        self.trials.append(phrase_trial(talk, typed, phrase, recording.name, sound, random))

    def _phrases_in_rooms(self, typed: Typed) -> None:
        for number, voice in enumerate(self._material.voices[:ROOM_VOICES]):
            self._progress("task phrases in rooms", number, ROOM_VOICES)
            room, random = draw_room(self._options.seed, number), self._random(number)
            speaker = f"{voice.name}, {room.name}"
            with Talk(self._endpoint, air=quiet_air(random)) as talk:
                for phrase in self._material.phrases:
                    sound = at_level(in_room(voice.speak(phrase.text), room), LEVEL_DBFS)
                    self.trials.append(phrase_trial(talk, typed, phrase, speaker, sound, random, figure="phrases.room"))

    def _stops(self, typed: Typed, figure: str) -> None:
        noises = kitchen_like(self._material.recordings)
        speakers = [(v.name, [(text, v.speak(text)) for text in self._material.stops]) for v in self._material.voices]
        stops = [r for r in self._material.of_kind(KEYWORD, *COMMANDS) if r.transcript in STOPS]
        speakers += [(r.name, [(r.transcript, at_level(r.sound))]) for r in stops]
        for number, (speaker, said) in enumerate(speakers):
            self._progress("spoken stops", number, len(speakers))
            random = self._random(number)
            air = kitchen_air(noises, number, random) if figure == "stop.kitchen" else quiet_air(random)
            with Talk(self._endpoint, air=air) as talk:
                for text, sound in said:
                    self.trials.append(stop_trial(talk, typed, text, speaker, sound, random, figure=figure))

    def _others(self, typed: Typed, figure: str, instruction: str, said: Sequence[tuple[str, str, Sound]]) -> None:
        random = self._random(7)
        with Talk(self._endpoint, instruction, air=quiet_air(random)) as talk:
            for number, (speaker, text, sound) in enumerate(said):
                if number % 20 == 0:
                    self._progress(f"other speech ({figure.partition('.')[0]})", number, len(said))
                self.trials.append(
                    talk_trial(
                        talk, typed, text, speaker, sound, random, figure=figure,
                        context="running" if instruction else "idle",
                    )
                )  # fmt: skip

    def _everyday(self) -> list[tuple[str, str, Sound]]:
        recorded = [(r.name, r.transcript, at_level(r.sound)) for r in self._material.of_kind(*OTHER)]
        return recorded + self._spoken(self._material.everyday, EVERYDAY_VOICES)

    def _hard(self) -> list[tuple[str, str, Sound]]:
        """Words of instructions in other uses, and single words of people that ask for nothing while a task runs."""
        words = [r for r in self._material.of_kind(KEYWORD) if r.transcript not in STOPS]
        recorded = [(r.name, r.transcript, at_level(r.sound)) for r in words]
        return recorded + self._spoken(self._material.hard, HARD_VOICES)

    def _spoken(self, sentences: Sequence[str], voices: int) -> list[tuple[str, str, Sound]]:
        there = self._material.voices
        found = []
        for number, text in enumerate(sentences):
            for step in range(min(voices, len(there))):
                voice = there[(number + step) % len(there)]
                found.append((voice.name, text, voice.speak(text)))
        return found

    def _random(self, number: int) -> np.random.Generator:
        return np.random.default_rng((self._options.seed, 1000 + number))


def quiet_air(random: np.random.Generator) -> Air:
    """A quiet room; the model is heard through headphones."""
    return lambda near, _played: integers(near + hum(len(near), random))


def kitchen_air(noises: Sequence[Recording], number: int, random: np.random.Generator) -> Air:
    """A kitchen that goes on, `SNR_DB` below the person's active level."""
    noise = noises[number % len(noises)].sound
    level = float(np.sqrt((noise * noise).mean()))
    noise = stretch_of(noise, len(noise), random) * (10 ** ((LEVEL_DBFS - SNR_DB) / 20) / level)
    at = 0

    def air(near: Sound, _played: Sound) -> Pcm:
        nonlocal at
        around = np.take(noise, np.arange(at, at + len(near)), mode="wrap")
        at += len(near)
        return integers(near + around)

    return air


def figures_of(trials: Sequence[Trial], seed: int) -> list[Figure]:
    """The rows of the table, in its order."""
    found: list[Figure] = []

    def share(name: str, label: str, figure: str, outcome: str, definition: str, of: str) -> None:
        found.append(share_of(name, label, [t for t in trials if t.figure == figure], outcome, definition, of, seed))

    share("phrases.exact", "task phrases: exact", "phrases", "exact", _EXACT, "phrases")
    share("phrases.wrong_accepted", "task phrases: wrong, accepted", "phrases", "wrong", _WRONG, "phrases")
    share("phrases.room_exact", "task phrases in rooms: exact", "phrases.room", "exact", _EXACT, "phrases")
    share("phrases.room_wrong", "task phrases in rooms: wrong, accepted", "phrases.room", "wrong", _WRONG, "phrases")
    share("stop.quiet", "spoken stop: quiet", "stop.quiet", "obeyed", _STOP, "stops")
    share("stop.kitchen", "spoken stop: kitchen at 15 dB", "stop.kitchen", "obeyed", _STOP, "stops")
    delays = [t.delay_s for t in trials if t.figure == "stop.quiet" and t.outcome == "obeyed" and t.delay_s is not None]
    found.append(
        Figure(
            name="stop.delay", label="stop: from its last sound to its effect, median", unit="s", better="lower",
            value=percentile_of(delays, 0.5), n=len(delays), of="stops", reason="" if delays else NO_VOICE,
            definition="median over the stops that were obeyed in the quiet",
        )
    )  # fmt: skip
    _rates(trials, seed, found)
    return found


def share_of(
    name: str, label: str, chosen: Sequence[Trial], outcome: str, definition: str, of: str, seed: int
) -> Figure:
    """Share of `chosen` with `outcome`; the interval draws phrases, or for stops the people who said them."""
    key = "said" if of == "phrases" else "speaker"
    wrong = outcome == "wrong"
    always = ratio_of([(float(t.misled if wrong else t.best), 1.0) for t in chosen])
    row = ratio_figure(
        name, label, _grouped(chosen, key, outcome), definition, seed=seed, of=of,
        better="lower" if wrong else "higher",
        baselines={"silence": 0.0, "best parse": always} if chosen else {},
    )  # fmt: skip
    return row if chosen else missing(row, NO_VOICE)


def _grouped(trials: Sequence[Trial], key: str, outcome: str) -> list[tuple[float, float]]:
    """Trials with `outcome`, and all trials, for each phrase or speaker: they stand or fall together."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(getattr(trial, key), []).append(trial)
    return [(float(sum(t.outcome == outcome for t in group)), float(len(group))) for group in groups.values()]


def _rates(trials: Sequence[Trial], seed: int, found: list[Figure]) -> None:
    for name, label, definition in (
        ("stop.false_per_min", "false stops per minute of other speech", _STOP_FALSE),
        ("stop.false_per_min_hard", "false stops where it has words of instructions", _STOP_FALSE),
        ("tasks.false_per_min", "tasks started by other speech, per minute", _TASK_FALSE),
        ("tasks.false_per_min_hard", "tasks started where it has words of instructions", _TASK_FALSE),
    ):
        chosen = [t for t in trials if t.figure == name]
        always = ratio_of([(t.more.get("best_parses", 0), t.seconds / 60) for t in chosen])
        row = ratio_figure(
            name, label, [(t.events, t.seconds / 60) for t in chosen], definition, seed=seed, of="minutes",
            unit="/min", better="lower", baselines={"silence": 0.0, "best parse": always} if chosen else {},
        )  # fmt: skip
        found.append(row if chosen else missing(row, NO_VOICE))


def missing(figure: Figure, reason: str) -> Figure:
    """The same row, not measured."""
    return Figure(
        name=figure.name, label=figure.label, value=None, n=0, of=figure.of, definition=figure.definition,
        better=figure.better, unit=figure.unit, reason=reason, timing=figure.timing,
    )  # fmt: skip
