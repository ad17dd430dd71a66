"""Takes with picture: recorded with the camera, shown at the playhead, and carried wherever the take goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from tests.capture.media_made import number_of, numbered, write_video
from tests.ui.conftest import Person
from tests.ui.items_desk import RATE, TakeDesk, make_set, open_set, page_of, press, speech, write_wav
from tmlapp.bench.authoring.media import digest
from tmlapp.capture.video_seek import VideoSeeker
from tmlapp.ui.items.memory import load_memory
from tmlapp.ui.items.picture import TakePicture
from tmlapp.ui.items.workspace import ItemsWorkspace
from tmlapp.ui.theme import load_theme
from tmlapp.ui.timeline.axis import TimeAxis
from tmlapp.ui.timeline.view import TimelineView

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
Key = Qt.Key
FPS = 10


def number_in(image: QImage | None) -> int:
    """Which picture of the numbered clip it is; -1 for none."""
    if image is None:
        return -1
    plain = image.convertToFormat(QImage.Format.Format_BGR888)
    rows = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    return number_of(rows[:, : 3 * plain.width()].reshape(plain.height(), plain.width(), 3))


@pytest.fixture
def desk(tmp_path: Path) -> TakeDesk:
    clip = write_video(tmp_path / "clip.mp4", [numbered(n) for n in range(80)], fps=FPS)
    made = TakeDesk(write_wav(tmp_path / "said.wav", speech(8.0)))
    made.source = f"{clip},{tmp_path / 'said.wav'}"
    return made


def page_with(open_window: OpenWindow, tmp_path: Path, desk: TakeDesk, takes: int = 0) -> tuple[Person, ItemsWorkspace]:
    folder = make_set(tmp_path / "set", takes=takes, items=1)
    person = open_window()
    page = page_of(person, desk)
    open_set(person, page, folder)
    return person, page


def test_with_the_camera_on_the_take_has_a_film_that_follows_the_playhead(
    open_window: OpenWindow, tmp_path: Path, desk: TakeDesk
) -> None:
    person, page = page_with(open_window, tmp_path, desk)
    assert page.header.camera.text() == "camera off"
    press(person, Key.Key_V)
    assert page.header.camera.text() == "camera on"
    assert load_memory().camera
    press(person, Key.Key_R)
    person.sees(lambda: page.recorder.state == "counting")
    assert desk.settings is not None
    assert desk.settings.camera == "camera:0"
    desk.go_on_to(5.0)
    person.sees(lambda: number_in(page.recorder.camera.image) >= 40)
    assert page.recorder.camera.isVisible()
    person.sees(lambda: page.recorder.state == "running")
    press(person, Key.Key_R)
    person.sees(lambda: page.model.take is not None)
    take = page.model.take
    assert take is not None
    assert take.video.endswith(".mp4")
    assert page.model.folder is not None
    assert take.video_sha256 == digest(page.model.folder / take.video)
    shown = page.take_card.picture
    assert shown.isVisible()
    # The count-in of 3 s is not in the take: it begins with picture 30.
    person.sees(lambda: number_in(shown.image) == 30)
    page.playing.seek(round(1.55 * RATE))
    person.sees(lambda: number_in(shown.image) == 45)
    page.playing.seek(round(0.25 * RATE))
    person.sees(lambda: number_in(shown.image) == 32)
    page.takes.take_stretch(page.model.folder / take.recording, 4_200_000_000, 4_800_000_000)
    person.sees(lambda: len(page.model.state.items[0].takes) == 2)
    person.sees(lambda: number_in(shown.image) == 42)
    press(person, Key.Key_V)
    assert not load_memory().camera


def test_a_take_without_camera_shows_no_picture_and_asks_for_no_camera(
    open_window: OpenWindow, tmp_path: Path, desk: TakeDesk
) -> None:
    person, page = page_with(open_window, tmp_path, desk, takes=1)
    assert not page.take_card.picture.isVisible()
    press(person, Key.Key_R)
    person.sees(lambda: page.recorder.state == "counting")
    assert desk.settings is not None
    assert desk.settings.camera == "none"
    assert not page.recorder.camera.isVisible()
    press(person, Key.Key_R)
    person.sees(lambda: not page.recording.active)


def test_a_film_that_cannot_be_read_says_why(qtbot: QtBot, tmp_path: Path, desk: TakeDesk) -> None:
    theme = load_theme("dark")
    view = TimelineView(TimeAxis(8_000_000_000), theme)
    shown = TakePicture(view, theme)
    qtbot.addWidget(view)
    qtbot.addWidget(shown)
    shown.open_video = VideoSeeker
    shown.show_video(tmp_path / "missing.mp4")
    qtbot.waitUntil(lambda: "no file" in shown.why)
    shown.show_video(tmp_path / "clip.mp4")
    qtbot.waitUntil(lambda: number_in(shown.image) == 0)
    assert shown.why == ""
    shown.shut()
