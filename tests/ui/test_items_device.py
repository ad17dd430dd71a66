"""A take through a real sound card: what is said into the microphone is the take, and the marks lie in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt

from tests.ui.conftest import Person
from tests.ui.items_desk import RATE, make_set, open_set, page_of, press, speech, write_wav
from tests.vdesk.desk import VirtualDesk
from tests.vdesk.fixture import virtual_desk
from tmlapp.bench.authoring.media import read_take
from tmlapp.bench.authoring.model import ItemDraft
from tmlapp.config.settings import Settings
from tmlapp.live.take import TakePlan, TakeRecorder, take_recorder

__all__ = ["virtual_desk"]

pytestmark = pytest.mark.device


def test_a_take_is_recorded_by_keys_through_the_sound_card(
    virtual_desk: VirtualDesk, open_window: Callable[..., Person], tmp_path: Path
) -> None:
    def recorder(
        folder: Path, item: ItemDraft, name: str, _speaker: str, settings: Settings, _count_in_s: float
    ) -> TakeRecorder:
        plan = TakePlan(folder=folder / "takes" / item.id, name=name, microphone=settings.microphone, count_in_s=0.4)
        return take_recorder(plan, settings)

    folder = make_set(tmp_path / "set", takes=0)
    settings = Settings(recordings_dir=tmp_path, microphone="vd_mic", loudspeaker="none")
    person = open_window(settings=settings)
    page = page_of(person, take_recorder=recorder)
    open_set(person, page, folder)
    said = write_wav(tmp_path / "said.wav", speech(20.0))
    with virtual_desk.play(said) as player:
        press(person, Qt.Key.Key_R)
        person.sees(lambda: page.recorder.state == "running")
        person.sees(lambda: page.recorder.level._now > -30)
        press(person, Qt.Key.Key_E)
        virtual_desk.let_pass(1.0)
        press(person, Qt.Key.Key_I)
        press(person, Qt.Key.Key_R)
        person.sees(lambda: page.model.take is not None)
        player.terminate()
    take = page.model.take
    assert take is not None
    assert take.samples > RATE
    assert len(take.expectations) == 1
    assert take.instruction is not None
    assert take.instruction.t1 > take.expectations[0].t_ref
    assert np.abs(read_take(folder, take)).max() > 3000
    person.sees(lambda: page.take_card.wave.peaks is not None)


def test_a_microphone_that_is_not_there_is_named(open_window: Callable[..., Person], tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", takes=0)
    settings = Settings(recordings_dir=tmp_path, microphone="no such device", loudspeaker="none")
    person = open_window(settings=settings)
    page = page_of(person)
    open_set(person, page, folder)
    press(person, Qt.Key.Key_R)
    person.sees(lambda: page.recorder.state == "failed")
    assert "no such device" in f"{page.recorder.failure.text()} {page.recorder.advice.text()}"
