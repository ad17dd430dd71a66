"""The session of a try: one item into one endpoint, watched, and called off if the person wants that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tmlapp.bench.answer import Answer
from tmlapp.bench.authoring.trying_tried import FOLDER
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.drive import DriveSettings, drive_part
from tmlapp.bench.drive_item import part_answer, with_sounds
from tmlapp.bench.runs.lines import written
from tmlapp.bench.runs.run import safe_name
from tmlapp.bench.suites.speak_params import TAIL_S
from tmlapp.bench.transcripts.registry import bound, transcriber_from_address
from tmlapp.bench.transcripts.silero import VoiceActivityDetector
from tmlapp.config.settings import Settings
from tmlapp.core.clock import Clock
from tmlapp.core.endpoint import Endpoint
from tmlapp.core.errors import AppError
from tmlapp.core.event import SessionOpened
from tmlapp.core.event import to_json as event_to_json
from tmlapp.core.feed import Captured
from tmlapp.core.turn import MicroTurn
from tmlapp.core.units import NS_PER_S
from tmlapp.live.observer import BlankObserver
from tmlapp.live.plan import make_endpoint
from tmlapp.live.session import LiveSession
from tmlapp.live.voice import EspeakVoice

TOLD_EVERY = 5
"""Progress is told once in so many micro-turns."""


class CancelledError(Exception):
    """The person has called it off; nothing of it was kept."""


class Cancel:
    """Calls a try off, from any thread, at any time."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._session: LiveSession | None = None

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def __call__(self) -> None:
        """Call it off; returns at once."""
        self._asked.set()
        session = self._session
        if session is not None:
            session.stop("the try was cancelled")

    def follow(self, session: LiveSession | None) -> None:
        """The session that is to be stopped; None: there is none any more."""
        self._session = session
        if session is not None and self.asked:
            session.stop("the try was cancelled")

    def check(self) -> None:
        """Raises CancelledError if it was called off."""
        if self.asked:
            raise CancelledError


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a try is; seconds of the session."""

    endpoint: str
    phase: Literal["opening", "playing", "judging"]
    done_s: float = 0.0
    total_s: float = 0.0


OnProgress = Callable[[Progress], None]
AskedClock = Literal["auto", "real", "fast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What is played where.

    Attributes:
        folder: of the set. place: folder for the session, inside of it.
        item: with its one part. duration_s: of its sound.
        clock: `auto` is virtual time for local endpoints, and real time for all others.
        transcripts: address of a transcriber; empty: the endpoint's own text.
        voice: also find the voice in the model's sound.
        endpoint: instead of the one at `address`. ticks: the machine's clock if left out.
    """

    folder: Path
    place: Path
    item: SuiteItem
    duration_s: float
    address: str
    clock: AskedClock
    settings: DriveSettings
    transcripts: str = ""
    voice: bool = False
    endpoint: Endpoint | None = None
    ticks: Clock | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A session that came to its end; paths are relative to the folder of the set."""

    clock: Literal["real", "fast"]
    granted: dict[str, Any] | None
    recording: str
    session_s: float
    answer: Answer


def played(play: Play, on_progress: OnProgress, cancel: Cancel) -> Played:
    """Drive the item and read its answer, as a worker of a run does.

    Raises:
        AppError: the endpoint cannot be used or ended too early (also when it was called off), or a file not written.
    """
    chosen = play.endpoint or make_endpoint(play.address, Settings(model_threads=play.settings.threads))
    clock = _clock(play, chosen)
    total_s = play.duration_s + TAIL_S
    voice = EspeakVoice()

    def on_session(session: LiveSession) -> None:
        session.add_observer(_Watch(play.address, total_s, on_progress))
        cancel.follow(session)

    try:
        driven = drive_part(
            play.item.id, play.item.parts[0], play.address, play.place, play.settings,
            instruct="spoken", clock=clock, synthesize=voice.speak if voice.available() else None,
            endpoint=chosen, ticks=play.ticks, on_session=on_session,
        )  # fmt: skip
    finally:
        cancel.follow(None)
    part = with_sounds(play.place, driven.part)
    transcriber = transcriber_from_address(play.transcripts) if play.transcripts else None
    answer = part_answer(
        play.place,
        play.folder,
        part,
        transcriber=bound(transcriber, play.item.id),
        vad=VoiceActivityDetector() if play.voice else None,
    )
    granted = None
    if driven.granted is not None:
        granted = event_to_json(SessionOpened(granted=driven.granted))["granted"]
    recording = (play.place / part.recording).relative_to(play.folder).as_posix()
    return Played(clock=clock, granted=granted, recording=recording, session_s=part.session_s, answer=answer)


def _clock(play: Play, endpoint: Endpoint) -> Literal["real", "fast"]:
    if play.clock == "fast" and not endpoint.local:
        raise AppError(
            f"{play.address} cannot run on virtual time.", "It is not on this machine.", "Use the real clock."
        )
    if play.clock != "auto":
        return play.clock
    return "fast" if endpoint.local else "real"


class _Watch(BlankObserver):
    """Tells how far a session is."""

    def __init__(self, endpoint: str, total_s: float, on_progress: OnProgress) -> None:
        self._endpoint = endpoint
        self._total_s = total_s
        self._on_progress = on_progress

    def on_turn(self, turn: MicroTurn, captured: Captured) -> None:  # noqa: ARG002 - the signature of an observer
        if turn.index % TOLD_EVERY == 0:
            done_s = min(self._total_s, turn.end_ns / NS_PER_S)
            self._on_progress(Progress(endpoint=self._endpoint, phase="playing", done_s=done_s, total_s=self._total_s))


def own_folder(folder: Path, item: str, address: str) -> Path:
    """A new folder for one session in the set at `folder`.

    Raises:
        AppError: it cannot be made.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    holder = folder / FOLDER / item
    name = f"{stamp}-{safe_name(address.rpartition('/')[2] or address)}"
    with written(holder):
        holder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            place = holder / (name if number == 1 else f"{name}-{number}")
            try:
                place.mkdir()
            except FileExistsError:
                number += 1
                continue
            return place
