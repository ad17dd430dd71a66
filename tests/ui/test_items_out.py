"""What leaves the Items page and comes back: tries, exports, windows from other programs; and how the page fits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from tests.ui.conftest import Person
from tests.ui.items_desk import RATE, TakeDesk, make_set, open_set, page_of, press, speech, write_wav
from tests.ui.sessions import counting
from tmlapp.bench.authoring.trying import Cancel, Progress, TryRequest, try_item
from tmlapp.bench.authoring.trying_tried import Tried
from tmlapp.bench.labels.speak_items import load_items
from tmlapp.config.settings import Settings
from tmlapp.endpoints.scripted import Line, ScriptedEndpoint
from tmlapp.ui.items.chips import Chip
from tmlapp.ui.items.export_dialog import ExportDialog
from tmlapp.ui.items.status import ago
from tmlapp.ui.items.try_dialog import TryDialog
from tmlapp.ui.items.windows_dialog import WindowsDialog, read_windows
from tmlapp.ui.items.workspace import ItemsWorkspace
from tmlapp.ui.services import EndpointFacts

pytestmark = pytest.mark.qt

OpenWindow = Callable[..., Person]
Key, Mod = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def desk(tmp_path: Path) -> TakeDesk:
    return TakeDesk(write_wav(tmp_path / "said.wav", speech(6.0)))


@pytest.fixture
def opened(open_window: OpenWindow, tmp_path: Path, desk: TakeDesk) -> tuple[Person, ItemsWorkspace]:
    folder = make_set(tmp_path / "set", takes=1)
    person = open_window()
    page = page_of(person, desk)
    open_set(person, page, folder)
    return person, page


Opened = tuple[Person, ItemsWorkspace]


def scripted(lines: tuple[Line, ...]) -> Callable[..., Tried]:
    """Tries go to a scripted endpoint, whatever their address."""

    def tried(state: Any, folder: Path, request: TryRequest, tell: Callable[[Progress], object], cancel: Cancel) -> Any:
        endpoint = ScriptedEndpoint(lines)

        def told(progress: Progress) -> None:
            tell(progress)

        return try_item(state, folder, request, on_progress=told, cancel=cancel, endpoint=endpoint)

    return tried


def test_t_plays_the_item_into_the_endpoint_and_says_when_it_spoke(opened: Opened) -> None:
    person, page = opened
    word = replace(counting([2.4])[0], text="window")
    second = replace(counting([4.6])[0], text="it says it once more")
    page.services = replace(page.services, try_item=scripted((word, second)))
    press(person, Key.Key_T)
    person.sees(lambda: any("in time" in r.verdict for r in page.trying.rows()))
    row = page.trying.rows()[0]
    assert row.endpoint == "onnx:tiny"
    assert "2 of 2 in time" in row.verdict
    assert row.said == "window"
    assert not row.stale
    assert not page.take_card.said.hidden
    assert page.take_card.said.spans[0].label == "window"
    page.take_card.setFocus()
    press(person, Key.Key_Right)
    assert page.trying.rows()[0].stale
    press(person, Key.Key_Z, Mod.ControlModifier)
    assert not page.trying.rows()[0].stale


def test_an_endpoint_that_says_nothing_is_silent_in_words(opened: Opened) -> None:
    person, page = opened
    page.model.choose_expectation("e2")
    press(person, Key.Key_Delete)
    page.services = replace(page.services, try_item=scripted((Line(3600_000_000_000, "end"),)))
    press(person, Key.Key_T)
    person.sees(lambda: any("silent" in r.verdict for r in page.trying.rows()))
    assert page.trying.rows()[0].mood == "bad"


def test_nothing_is_sent_away_before_the_person_agrees(opened: Opened) -> None:
    person, page = opened
    asked: list[str] = []

    def tried(_state: Any, _folder: Path, request: TryRequest, _tell: Any, _cancel: Any) -> None:
        asked.append(request.endpoint)

    facts = {"far:model": EndpointFacts(False, "api.example.org")}
    page.services = replace(page.services, endpoint_facts=lambda _a, _s: facts, try_item=tried)
    page.memory = replace(page.memory, endpoints=("far:model",))
    press(person, Key.Key_T)
    person.sees(lambda: page.findChild(TryDialog) is not None)
    dialog = page.findChild(TryDialog)
    assert dialog is not None
    assert asked == []
    assert "api.example.org" in dialog.agree.text()
    assert not dialog.yes.isEnabled()
    dialog.agree.click()
    dialog.take()
    person.sees(lambda: asked == ["far:model"])


@pytest.mark.parametrize(("kind", "name"), [("textgrid", "cs-0001-t1.TextGrid"), ("eaf", "cs-0001-t1.eaf")])
def test_windows_go_to_praat_and_elan_and_come_back_changed(
    opened: Opened, tmp_path: Path, kind: str, name: str
) -> None:
    person, page = opened
    press(person, Key.Key_E, Mod.ControlModifier)
    dialog = page.findChild(ExportDialog)
    assert dialog is not None
    dialog.kind.setCurrentIndex(dialog.kind.findData(kind))
    dialog.out.setText(str(tmp_path / "tiers"))
    dialog.take()
    person.sees(lambda: (tmp_path / "tiers" / name).is_file())
    before = page.model.expectation
    assert before is not None
    page.take_card.setFocus()
    press(person, Key.Key_Right, Mod.ShiftModifier)
    read_windows(page, tmp_path / "tiers" / name)
    person.sees(lambda: page.findChild(WindowsDialog) is not None)
    shown = page.findChild(WindowsDialog)
    assert shown is not None
    assert shown.list.count() == 1
    assert "e1: window 2.200–3.700 → 2.000–3.500 s" in shown.list.item(0).text()
    shown.take()
    assert page.model.expectation == before
    read_windows(page, tmp_path / "tiers" / name)
    person.sees(lambda: any("nothing would change" in d.note.text() for d in page.findChildren(WindowsDialog)))


def test_an_fd_bench_folder_is_written(opened: Opened, tmp_path: Path) -> None:
    person, page = opened
    press(person, Key.Key_E, Mod.ControlModifier)
    dialog = page.findChild(ExportDialog)
    assert dialog is not None
    dialog.kind.setCurrentIndex(dialog.kind.findData("fdb"))
    dialog.out.setText(str(tmp_path / "fdb"))
    assert dialog.no.x() < dialog.yes.x()
    person.qtbot.keyClick(dialog.kind, Key.Key_Return)  # type: ignore[no-untyped-call]
    person.sees(lambda: (tmp_path / "fdb").is_dir())
    person.sees(lambda: "1 items written" in page.status.note.toolTip())


def test_a_dataset_is_exported_and_loads_and_a_failure_is_told(opened: Opened, tmp_path: Path) -> None:
    person, page = opened
    press(person, Key.Key_E, Mod.ControlModifier)
    dialog = page.findChild(ExportDialog)
    assert dialog is not None
    dialog.only_valid.setChecked(False)
    dialog.out.setText(str(tmp_path / "out"))
    dialog.take()
    person.sees(page.banner.isVisible)
    assert not (tmp_path / "out").exists()
    page.back()
    person, page = opened
    press(person, Key.Key_E, Mod.ControlModifier)
    dialog = page.findChild(ExportDialog)
    assert dialog is not None
    assert dialog.only_valid.isChecked()
    dialog.out.setText(str(tmp_path / "set"))
    dialog.take()
    assert "already" in dialog.wrong.text()
    dialog.out.setText(str(tmp_path / "out"))
    dialog.take()
    person.sees(lambda: (tmp_path / "out" / "items.jsonl").is_file())
    assert [i.id for i in load_items(tmp_path / "out" / "items.jsonl")] == ["cs-0001"]
    person.sees(lambda: "1 items" in page.status.note.toolTip())


def test_parts_and_the_version_before_are_given_in_the_window(opened: Opened, tmp_path: Path) -> None:
    person, page = opened
    for version, parts in (("one", "train=0.5, test=0.5"), ("two", "")):
        press(person, Key.Key_E, Mod.ControlModifier)
        dialog = page.findChildren(ExportDialog)[-1]
        person.sees(lambda d=dialog: bool(d.parts.text()))  # type: ignore[misc]
        assert dialog.parts.text() == ("test=1" if version == "one" else "train=0.5, test=0.5")
        if parts:
            dialog.parts.setText(parts)
        else:
            dialog.previous.setText(str(tmp_path / "nowhere"))
            dialog.out.setText(str(tmp_path / version))
            dialog.take()
            assert "items.jsonl" in dialog.wrong.text()
            dialog.previous.setText(str(tmp_path / "one"))
        dialog.out.setText(str(tmp_path / version))
        dialog.take()
        person.sees(lambda v=version: (tmp_path / v / "items.jsonl").is_file())  # type: ignore[misc]
    told = json.loads((tmp_path / "two" / "dataset.json").read_text("utf-8"))
    assert set(told["split"]["ratios"]) == {"train", "test"}


class Shown(QObject):
    """Remembers which windows appear."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.windows.append(type(watched).__name__)
        return False


@pytest.fixture
def shown(qapp: QApplication) -> Iterator[Shown]:
    spy = Shown()
    qapp.installEventFilter(spy)
    yield spy
    qapp.removeEventFilter(spy)


def test_without_a_microphone_the_page_says_so_and_no_part_of_it_flashes_up_as_a_window_of_its_own(
    shown: Shown, open_window: OpenWindow, tmp_path: Path, desk: TakeDesk
) -> None:
    folder = make_set(tmp_path / "set", takes=2)
    person = open_window(settings=Settings(theme="light", recordings_dir=tmp_path, microphone="none"))
    page = page_of(person, desk)
    open_set(person, page, folder)
    press(person, Key.Key_R)
    assert page.recorder.state == "failed"
    assert "No microphone" in page.recorder.failure.text()
    assert set(shown.windows) == {"MainWindow"}


@pytest.mark.parametrize(("sizes", "scale"), [(((1024, 640), (1280, 800)), 1.0), (((1280, 800),), 2.0)])
def test_every_part_keeps_its_place_in_small_windows_and_with_large_texts(
    open_window: OpenWindow, tmp_path: Path, desk: TakeDesk, sizes: tuple[tuple[int, int], ...], scale: float
) -> None:
    folder = make_set(tmp_path / "set", takes=1)
    person = open_window(settings=Settings(text_scale=scale, recordings_dir=tmp_path))
    page = page_of(person, desk)
    open_set(person, page, folder)
    # However long the texts are, the take keeps its room.
    page.windows.edit_item("instruction", "Say it in English, whatever I say. " * 20)
    page.windows.edit_item("script", "Yesterday I opened the window. " * 60)
    for size in sizes:
        person.window.resize(*size)
        QApplication.processEvents()
        assert (person.window.width(), person.window.height()) == size
        assert page.take_card.view.height() >= size[1] // 5
        assert page.take_card.width() >= size[0] // 4
        header = page.header
        assert header.record.width() >= header.record.minimumSizeHint().width()
        assert header.record.geometry().right() <= header.width()
        inside = page.side_scroll.widget()
        assert inside is not None
        viewport = page.side_scroll.viewport()
        person.sees(lambda inside=inside, viewport=viewport: inside.width() <= viewport.width())  # type: ignore[misc]


def test_controls_have_names_f6_goes_round_and_cards_and_chips_take_clicks(opened: Opened) -> None:
    _, page = opened
    silent = [
        w
        for w in page.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isVisible() and not w.accessibleName()
    ]
    assert [f"{type(w).__name__} {w.objectName()}" for w in silent] == []
    person, page = opened
    page.list.view.setFocus()
    press(person, Key.Key_F6)
    assert QApplication.focusWidget() is page.take_card.view
    press(person, Key.Key_F6)
    field = QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    before = len(page.model.state.items[0].takes)
    QTest.keyClicks(field, "red e x")
    assert field.text().endswith("red e x")
    assert len(page.model.state.items[0].takes) == before
    press(person, Key.Key_Escape)
    press(person, Key.Key_F6)
    press(person, Key.Key_F6)
    press(person, Key.Key_F6)
    press(person, Key.Key_F6)
    assert page.isVisible()
    _, page = opened
    card = page.expectations.cards["e2"]
    pos = card.rect().center()
    event = QMouseEvent(
        QEvent.Type.MouseButtonPress, pos.toPointF(), card.mapToGlobal(pos).toPointF(),
        Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton, Mod.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(card, event)
    assert page.model.expectation_id == "e2"
    card.required.click()
    take = page.model.take
    assert take is not None
    assert not take.expectation("e2").required
    _, page = opened
    chip = page.expectations.cards["e1"].accept.chips()[0]
    assert isinstance(chip, Chip)
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton, pos=chip.rect().center())
    assert page.model.expectation is not None
    assert page.model.expectation.accept == ("window",)
    pos = chip.rect().center()
    pos.setX(chip.width() - 8)
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton, pos=pos)
    assert page.model.state.items[0].takes[0].expectations[0].accept == ()


def test_times_since_the_last_change_are_told_in_one_unit() -> None:
    assert (ago(2.2), ago(61), ago(7300)) == ("2 s", "1 min", "2 h")
    assert RATE == 16_000
