"""Sets of items for tests of the window: real folders, a sound shaped like speech, and takes fed from a file."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtWidgets import QApplication

from tests.ui.conftest import Person
from tests.ui.sessions import HeldFeed
from tmlapp.bench.authoring import commands as c
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.importing import take_from_file
from tmlapp.bench.authoring.measure import voice_by_energy
from tmlapp.bench.authoring.model import Expectation, ItemDraft, Span, Speaker, Take, UserWord
from tmlapp.bench.authoring.snapping import SnapPoints, points_of
from tmlapp.bench.authoring.validate import Context
from tmlapp.capture.file_feed import open_source
from tmlapp.config.settings import Settings
from tmlapp.core.clock import ManualClock, MonotonicClock
from tmlapp.core.media import Pcm
from tmlapp.live.player import Player
from tmlapp.live.player_sound import ArraySound
from tmlapp.live.take import TakePlan, TakeRecorder
from tmlapp.ui.items.workspace import ItemsWorkspace

RATE = 16_000
SECONDS = 6.0
INSTRUCTION = "Every time I use a French word, say it in English."
SCRIPT = "Yesterday I opened the fenêtre\nbecause it was warm."


def speech(seconds: float = SECONDS, seed: int = 1) -> Pcm:
    """Bursts of a buzzing voice with pauses between them, over a quiet room; int16 [n] at 16 kHz."""
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    rng = np.random.default_rng(seed)
    loud = (np.sin(2 * np.pi * 0.5 * t) > -0.3) * (0.4 + 0.6 * np.abs(np.sin(2 * np.pi * 2.3 * t)))
    loud[: RATE // 4] = 0
    loud[-RATE // 4 :] = 0
    tone = np.sin(2 * np.pi * 130 * t) + 0.5 * np.sin(2 * np.pi * 390 * t + 1) + 0.3 * np.sin(2 * np.pi * 910 * t)
    return np.clip(tone * loud * 7000 + rng.normal(0, 6, n), -32768, 32767).astype(np.int16)


def write_wav(path: Path, pcm: Pcm) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.astype("<i2").tobytes())
    return path


def draft(name: str = "cs-0001") -> ItemDraft:
    return ItemDraft(
        id=name,
        suite="cuespeak",
        category="codeswitch",
        lang="en",
        instruction=INSTRUCTION,
        script=SCRIPT,
        author="lab",
        licence="CC-BY-4.0",
        created_at="2026-11-22T10:00:00+00:00",
    )


def expectation(name: str, begin: float, end: float, meaning: str = "gives the English word window") -> Expectation:
    lo, hi = round(begin * RATE), round(end * RATE)
    return Expectation(
        id=name,
        kind="event",
        cue=Span(lo, lo + RATE // 2),
        t_ref=lo + RATE // 2,
        window=Span(lo, hi),
        cue_text="fenêtre",
        meaning=meaning,
        accept=("window",),
        reject=("door",),
    )


_MADE: dict[tuple[int, int], dict[Path, bytes]] = {}


def make_set(folder: Path, *, takes: int = 1, items: int = 2) -> Path:
    """A set whose first item has takes with two expectations, the others none; the same bytes each time."""
    key = (takes, items)
    if key not in _MADE:
        _really_make_set(folder, takes, items)
        _MADE[key] = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for name, data in _MADE[key].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def _really_make_set(folder: Path, takes: int, items: int) -> None:
    sound = folder.parent / "sounds"
    with Editor.open(folder) as editor:
        for name, value in (("name", "codeswitch set"), ("suite", "cuespeak"), ("licence", "CC-BY-4.0")):
            editor.do(c.SetField(name, value))  # type: ignore[arg-type]
        editor.do(c.AddSpeaker(Speaker("s-014", True, "2026-11-22", "en", "Scarlett 2i2", "office")))
        for n in range(items):
            editor.do(c.AddItem(draft(f"cs-{n + 1:04d}")))
        for n in range(takes):
            path = write_wav(sound / f"{n}.wav", speech(seed=n + 1))
            taken = take_from_file(folder, editor.state.items[0], path, speaker="s-014").take
            take = replace(
                taken,
                instruction=Span(4000, 24_000),
                expectations=(expectation("e1", 2.0, 3.5), expectation("e2", 4.0, 5.5, "says it once more")),
                user_words=(UserWord(Span(32_000, 40_000), "fenêtre"), UserWord(Span(62_000, 80_000), "it was warm")),
            )
            editor.do(c.AddTake("cs-0001", take))


class EnergyVad:
    """Finds voice by its energy: the voice of these tests is one, and nothing has to be loaded for it."""

    def timestamps(self, pcm: Pcm) -> list[tuple[int, int]]:
        return list(voice_by_energy(pcm))


def quick_points(pcm: Pcm, take: Take) -> SnapPoints:
    return points_of(pcm, take, EnergyVad())  # type: ignore[arg-type]


def quick_context(folder: Path) -> Context:
    return Context(folder, eager=True, voice="energy")


class TakeDesk:
    """Takes fed from a file, released step by step; a player whose clock the test moves."""

    def __init__(self, wav: Path) -> None:
        self.source = str(wav)
        self.settings: Settings | None = None
        self.feed: HeldFeed | None = None
        self.recorder: TakeRecorder | None = None
        self.clock = ManualClock()
        self.players: list[Player] = []

    def take_recorder(
        self, folder: Path, item: ItemDraft, name: str, speaker: str, settings: Settings, count_in_s: float
    ) -> TakeRecorder:
        clock = MonotonicClock()
        self.settings = settings
        self.feed = HeldFeed(open_source(self.source, realtime=False, clock=clock, tail_s=600.0))
        plan = TakePlan(
            folder=folder / "takes" / item.id,
            name=name,
            microphone=settings.microphone,
            count_in_s=count_in_s,
            instruction=item.instruction,
            speaker=speaker,
            fast=True,
        )
        self.recorder = TakeRecorder(plan, self.feed, clock=clock)
        return self.recorder

    def go_on_to(self, t_s: float) -> None:
        """Let the take go on to session time `t_s`; the count-in is part of it."""
        assert self.feed is not None
        self.feed.release(t_s)

    def player(self, pcm: Pcm, _settings: Settings) -> Player:
        made = Player(
            self.clock, duration_ns=len(pcm) * 62_500, choices={"take": [ArraySound(pcm, RATE)]}, loudspeaker=None
        )
        self.players.append(made)
        return made


def page_of(person: Person, desk: TakeDesk | None = None, **services: Any) -> ItemsWorkspace:
    """Go to Items; what it asks of the program may be replaced."""
    window = person.window
    page = window.workspaces.page("items")
    assert isinstance(page, ItemsWorkspace)
    if desk is not None:
        quick: dict[str, Any] = {"context": quick_context, "snap_points": quick_points}
        services = quick | {"take_recorder": desk.take_recorder, "player": desk.player} | services
    page.services = replace(page.services, **services)
    window.go_to("items")
    return page


def open_set(person: Person, page: ItemsWorkspace, folder: Path) -> None:
    """Open the set, and wait until it stands on the page, sound and findings as well."""
    page.sets.open(folder)
    person.sees(lambda: page.model.editor is not None)
    if page.model.take is not None:
        person.sees(lambda: page.take_card.wave.peaks is not None)
    person.sees(lambda: bool(page.findings.rows) or not page.model.state.items)


def press(person: Person, key: Any, *modifiers: Any) -> None:
    """Press a key where the cursor is; where no window manager is, nobody gives the keys back after a dialog."""
    if QApplication.activeWindow() is None:
        person.window.activateWindow()
        person.sees(lambda: QApplication.activeWindow() is person.window)
    person.press(key, *modifiers)
