"""Draws Items, Review and Library with what they hold in use: real speech, a real session, a real try."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.screenshots.items_set import make_set

if TYPE_CHECKING:
    from tmlapp.ui.window import MainWindow

Until = Callable[[Callable[[], bool]], Coroutine[Any, Any, None]]
Draw = Callable[[], Coroutine[Any, Any, None]]


def draws(window: MainWindow, folder: Path, speech: Path, recording: Path, until: Until) -> dict[str, Draw]:
    """What brings each workspace into the state of its picture; Items only where there is real speech."""
    found: dict[str, Draw] = {}
    if speech.is_dir():
        found["items"] = partial(draw_items, window, folder, speech, until)
    found["review"] = partial(draw_review, window, recording)
    found["library"] = partial(draw_library, window, until)
    return found


async def draw_items(window: MainWindow, folder: Path, speech: Path, until: Until) -> None:
    """A recorded item, its findings, and a try of it."""
    from tmlapp.ui.items.workspace import ItemsWorkspace

    window.go_to("items")
    page = window.workspaces.page("items")
    assert isinstance(page, ItemsWorkspace)
    made = await asyncio.get_running_loop().run_in_executor(None, make_set, folder / "items" / "word-choice", speech)
    page.sets.open(made)
    await until(lambda: page.model.editor is not None)
    page.model.choose_item("cs-0003")
    await until(lambda: page.take_card.wave.peaks is not None and bool(page.findings.rows))
    page.trying.start()
    await until(lambda: not page.trying.running and bool(page.trying.rows()))
    page.playing.seek(round(7.4 * 16_000))
    page.give_keys_back()
    await until(lambda: page.take_card.spectrogram.ready)


async def draw_library(window: MainWindow, until: Until) -> None:
    """The session, the set, the try."""
    from tmlapp.ui.library.workspace import LibraryWorkspace

    window.go_to("library")
    page = window.workspaces.page("library")
    assert isinstance(page, LibraryWorkspace)
    await until(lambda: page.model.rowCount() >= 2)
    await asyncio.sleep(2.0)


async def draw_review(window: MainWindow, recording: Path) -> None:
    """The session that was recorded for the pictures."""
    window.workspaces.open_recording(recording, 9.4)
