"""A blind packet is rated inside the app, by keyboard alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from tests.bench.people_runs import make_run
from tests.ui.conftest import Person
from tests.ui.test_judge import dialog, page_of, person
from tmlapp.bench.people.packet import PacketRequest, make_packets
from tmlapp.bench.people.packet_files import ANSWERS, MEDIA, Given, read_answers, read_packet
from tmlapp.bench.people.packet_merge import merge_packets
from tmlapp.config.settings import Settings
from tmlapp.core.clock import ManualClock
from tmlapp.core.media import Pcm
from tmlapp.core.units import NS_PER_S
from tmlapp.live.player import Player
from tmlapp.live.player_sound import ArraySound
from tmlapp.ui.judge.packet_dialog import PacketDialog, open_packet, player_of

__all__ = ["person"]

pytestmark = pytest.mark.qt

Key, SHIFT = Qt.Key, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def packets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of two items: a packet of meanings, one of preferences."""
    folder = tmp_path_factory.mktemp("packets")
    runs = [make_run(folder / name, f"scripted:{name}", items=2, hz=hz) for name, hz in (("alpha", 220), ("beta", 330))]
    for kind in ("meaning", "preference"):
        make_packets(
            PacketRequest(runs=runs, out=folder / kind, key=folder / f"{kind}-key", raters=1, kinds=(kind,), seed=2)
        )
    return folder


class Room:
    """Opens packets with a player whose time moves only when told, and without a loudspeaker."""

    def __init__(self, person: Person, folder: Path) -> None:
        self.person, self.folder = person, folder
        self.clock = ManualClock()
        self.players: list[Player] = []

    def player(self, sounds: list[Pcm], settings: Settings) -> Player:
        choices = {"AB"[i]: [ArraySound(pcm, 16_000)] for i, pcm in enumerate(sounds)}
        duration_ns = max(len(pcm) for pcm in sounds) * 62_500
        made = Player(self.clock, duration_ns=duration_ns, choices=choices)
        self.players.append(made)
        return made

    def open(self) -> PacketDialog:
        page = page_of(self.person)
        open_packet(page.host, self.folder, page.window(), player=self.player)
        shown = dialog(self.person, PacketDialog)
        assert isinstance(shown, PacketDialog)
        self.person.sees(lambda: shown.player is not None)
        return shown

    def answers(self) -> dict[str, Given]:
        return dict(read_answers(self.folder).answers) if (self.folder / ANSWERS).exists() else {}


@pytest.fixture
def room(person: Person, packets: Path, tmp_path: Path) -> Callable[[str], Room]:
    return lambda kind: Room(person, shutil.copytree(packets / kind / "rater-1", tmp_path / kind))


def texts(shown: PacketDialog) -> str:
    return " ".join(label.text() for label in shown.findChildren(QLabel) if not label.isHidden())


def test_a_packet_is_rated_by_keyboard_and_every_answer_is_on_the_disk(
    room: Callable[[str], Room], packets: Path
) -> None:
    desk = room("meaning")
    person = desk.person
    shown = desk.open()
    questions = read_packet(desk.folder).questions
    assert shown.place.text() == "Question 1 of 8"
    assert "Expected" in texts(shown)
    assert not [name for name in ("alpha", "beta", "scripted", "rater-1", "cs-0") if name in texts(shown)]
    person.press(Key.Key_2)
    person.sees(lambda: desk.answers() == {questions[0].id: Given(value="wrong")})
    person.press(Key.Key_Exclam, SHIFT)
    person.press(Key.Key_N)
    person.type("odd")
    person.press(Key.Key_Return)
    person.sees(lambda: desk.answers() == {questions[0].id: Given(value="wrong", confidence=1, note="odd")})
    person.sees(lambda: shown.count.text() == "1 answered, saved")
    for number, question in enumerate(questions[1:], start=2):
        person.press(Key.Key_Right)
        assert shown.place.text() == f"Question {number} of 8"
        person.press(Key.Key_1)
        person.sees(lambda q=question: desk.answers().get(q.id) == Given(value="right"))
    person.press(Key.Key_Right)
    person.press(Key.Key_U)
    person.sees(lambda: questions[-1].id not in desk.answers())
    person.press(Key.Key_1)
    person.sees(lambda: len(desk.answers()) == 8)
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)
    assert merge_packets(packets / "meaning-key", [desk.folder]).written == 8


def test_rating_goes_on_where_it_was_left(room: Callable[[str], Room]) -> None:
    desk = room("meaning")
    person = desk.person
    desk.open()
    person.press(Key.Key_1)
    person.press(Key.Key_Right)
    person.press(Key.Key_3)
    person.press(Key.Key_3, SHIFT)
    person.sees(lambda: [g.confidence for g in desk.answers().values()] == [None, 3])
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)
    again = desk.open()
    assert again.place.text() == "Question 3 of 8"
    person.press(Key.Key_Left)
    assert [b.isChecked() for b in again.values.buttons] == [False, False, True]
    assert [b.isChecked() for b in again.confidence.buttons] == [False, False, True]
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)


def test_space_plays_and_stops_and_nothing_plays_after_the_end(room: Callable[[str], Room]) -> None:
    desk = room("meaning")
    person = desk.person
    shown = desk.open()
    player = desk.players[-1]
    person.press(Key.Key_Space)
    assert player.playing
    desk.clock.advance(NS_PER_S // 2)
    person.sees(lambda: shown.state.text().startswith("00:00.5 / 00:01.0"))
    assert "No sound" in shown.state.text()
    person.press(Key.Key_Space)
    assert not player.playing
    person.press(Key.Key_Space)
    person.press(Key.Key_Right)
    person.sees(lambda: len(desk.players) == 2 and shown.player is desk.players[1])
    assert not player.playing
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)


def test_a_pair_is_heard_side_by_side(room: Callable[[str], Room]) -> None:
    desk = room("preference")
    person = desk.person
    shown = desk.open()
    assert [b.text() for b in shown.values.buttons] == ["A is better", "B is better", "Neither"]
    person.press(Key.Key_B)
    assert (desk.players[-1].choice, desk.players[-1].playing) == ("B", True)
    person.press(Key.Key_A)
    assert desk.players[-1].choice == "A"
    person.press(Key.Key_2)
    person.sees(lambda: [g.value for g in desk.answers().values()] == ["second"])
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)


def test_a_missing_sound_and_a_full_disk_are_told_in_the_dialog(room: Callable[[str], Room]) -> None:
    desk = room("meaning")
    person = desk.person
    first = read_packet(desk.folder).questions[0].media[0]
    (desk.folder / MEDIA / first).unlink()
    page = page_of(person)
    open_packet(page.host, desk.folder, page.window(), player=desk.player)
    shown = dialog(person, PacketDialog)
    person.sees(lambda: shown.banner.isVisible())
    assert first in shown.banner.why.text()
    shown.banner.dismiss()
    (desk.folder / ANSWERS).mkdir()
    person.press(Key.Key_1)
    person.sees(lambda: shown.banner.isVisible())
    assert "could not be written" in shown.banner.what.text()
    assert not any(b.isChecked() for b in shown.values.buttons)
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)


def test_a_folder_that_is_no_packet_is_told(
    person: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = page_of(person)
    answers = ["", str(tmp_path)]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_args: answers.pop(0))
    page.host.actions_["judge.packet"].trigger()
    page.host.actions_["judge.packet"].trigger()
    person.sees(lambda: len(page.errors) == 1)
    assert "is no packet" in page.errors[0].what


def test_without_a_loudspeaker_the_player_says_so() -> None:
    import numpy as np

    player = player_of([np.zeros(16_000, np.int16)], Settings(loudspeaker="none"))
    assert player.duration_ns == NS_PER_S
    assert player.silent
    player.close()
