"""Judging by people, by keyboard alone: verdicts, notes, the queue, conflicts, figures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.bench.people_runs import Named, make_run, regrade
from tests.bench.sessions import make_recording
from tests.ui.conftest import Person
from tests.ui.judge_page import JudgePage
from tmlapp.bench.annotations import read_annotations
from tmlapp.bench.people.verdicts import PEOPLE, PersonVerdict, Subject, give, read_verdicts
from tmlapp.bench.runs.run import append_grade, load_run
from tmlapp.config.settings import load_settings
from tmlapp.ui import workspaces
from tmlapp.ui.judge.adjudicate import AdjudicateDialog
from tmlapp.ui.judge.figures import FiguresDialog
from tmlapp.ui.judge.parts import Pair
from tmlapp.ui.theme import load_theme
from tmlapp.ui.workspace import PLACES

pytestmark = pytest.mark.qt

Key, SHIFT = Qt.Key, Qt.KeyboardModifier.ShiftModifier
OpenWindow = Callable[..., Person]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three items with recordings; the second judge differs on the first expectation, the third cannot decide."""
    folder = tmp_path_factory.mktemp("judging")
    run = make_run(folder / "run", "scripted:secretmodel", items=3)
    regrade(run, Named("openai:gpt-4o-mini@host.example", {"e1/0": False}))
    recording = make_recording(folder, [(1.0, "three")]).path
    for place in (run / "items").iterdir():
        shutil.copy(recording, place / "main.mcap")
    return folder


@pytest.fixture
def run(graded: Path, tmp_path: Path) -> Path:
    shutil.copy(graded / "in.wav", tmp_path / "in.wav")
    return shutil.copytree(graded / "run", tmp_path / "run")


@pytest.fixture
def person(open_window: OpenWindow, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Somebody before the page; Review's place is taken by the panel alone."""
    places = tuple(replace(p, made_by="tests.ui.judge_page:JudgePage") if p.name == "review" else p for p in PLACES)
    monkeypatch.setattr(workspaces, "PLACES", places)
    made = open_window()
    made.window.go_to("review")
    return made


def page_of(person: Person) -> JudgePage:
    page = person.window.workspaces.page("review")
    assert isinstance(page, JudgePage)
    return page


def show(person: Person, place: Path) -> JudgePage:
    """Open a run or a recording, and wait for its question."""
    page = page_of(person)
    (page.judge.show_run if place.is_dir() else page.judge.show_recording)(place)
    person.sees(lambda: page.judge.state.current is not None)
    person.sees(lambda: page.judge.values.isVisible())
    column = page.judge.judges

    def shown() -> list[bool]:
        return [w.isVisible() for n in range(column.count()) if (w := column.itemAt(n).widget())]

    person.sees(lambda: bool(shown()) and all(shown()))
    return page


def mine(run: Path, page: JudgePage) -> list[PersonVerdict]:
    return [v for (_, rater), v in read_verdicts(run).current.items() if rater == page.judge.state.rater]


def judges(page: JudgePage) -> dict[str, str]:
    pairs = [w for w in page.judge.judges_part.findChildren(Pair) if w.isVisible()]
    return {p.left.text(): p.right.text() for p in pairs}


def words(widget: QWidget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def dialog(person: Person, kind: type[QDialog]) -> Any:
    person.sees(lambda: isinstance(QApplication.activeModalWidget(), kind))
    shown = QApplication.activeModalWidget()
    assert shown is not None
    shown.activateWindow()
    person.sees(lambda: QApplication.focusWidget() is not None and QApplication.focusWidget().window() is shown)
    return shown


def test_an_empty_panel_says_what_to_do(person: Person) -> None:
    page = page_of(person)
    assert "Open a recording or a run" in page.judge.expected.text()
    for key in (Key.Key_1, Key.Key_U, Key.Key_G):
        person.press(key)
    assert not page.judge.values.isVisible()
    assert not page.judge.queue_part.isVisible()


def test_a_run_is_judged_by_keyboard_alone(person: Person, run: Path) -> None:
    page = show(person, run)
    panel = page.judge
    person.sees(lambda: len(page.opened) == 1)
    first = panel.state.current
    assert first is not None
    assert panel.verdict_part.title.text() == "Verdict of e1"
    assert panel.expected.text() == "expected: says butterfly"
    assert panel.said.text() == "said: “a butterfly”"
    assert judges(page)["gpt-4o-mini"] == "✕ wrong"
    assert judges(page)["rules"] == "✓ right"
    person.press(Key.Key_2)
    person.sees(lambda: [v.value for v in mine(run, page)] == ["wrong"])
    person.sees(lambda: panel.values.buttons[1].isChecked())
    person.press(Key.Key_3, SHIFT)
    person.sees(lambda: [v.confidence for v in mine(run, page)] == [3])
    person.press(Key.Key_N, SHIFT)
    person.type("says 1 or 2 things")
    person.press(Key.Key_Return)
    person.sees(lambda: [v.note for v in mine(run, page)] == ["says 1 or 2 things"])
    assert [(v.value, v.confidence) for v in mine(run, page)] == [("wrong", 3)]
    assert QApplication.focusWidget() is not panel.note
    person.sees(lambda: judges(page).get(f"{panel.state.rater} (you)") == "✕ wrong")
    person.press(Key.Key_G)
    person.sees(lambda: panel.state.current is not None and panel.state.current.subject != first.subject)
    person.sees(lambda: len(page.opened) == 2)
    assert panel.note.text() == ""
    assert not any(b.isChecked() for b in panel.values.buttons)


def test_undo_is_a_new_line_and_shows_what_was_taken_back(person: Person, run: Path) -> None:
    page = show(person, run)
    first = page.judge.state.current
    person.press(Key.Key_1)
    person.sees(lambda: len(mine(run, page)) == 1)
    person.press(Key.Key_G)
    person.sees(lambda: page.judge.state.current != first)
    person.press(Key.Key_U)
    person.sees(lambda: not mine(run, page))
    person.sees(lambda: page.judge.state.current is not None and page.judge.state.current.subject == first.subject)  # type: ignore[union-attr]
    assert len((run / PEOPLE).read_text().splitlines()) == 2
    person.press(Key.Key_U)
    assert len((run / PEOPLE).read_text().splitlines()) == 2


def test_quick_keys_are_kept_in_their_order(person: Person, run: Path) -> None:
    page = show(person, run)
    for key in (Key.Key_1, Key.Key_2, Key.Key_3, Key.Key_1):
        person.press(key)
    person.sees(lambda: (run / PEOPLE).is_file() and len((run / PEOPLE).read_text().splitlines()) == 4)
    person.sees(lambda: [v.value for v in mine(run, page)] == ["right"])
    person.press(Key.Key_1)
    person.sees(lambda: page.judge.values.buttons[0].isChecked())
    assert len((run / PEOPLE).read_text().splitlines()) == 4


def test_the_queue_says_why_and_is_walked_by_keyboard(person: Person, run: Path) -> None:
    give(run, Subject("cs-1", "e2", "meaning"), "unsure", rater="ada")
    page = show(person, run)
    panel = page.judge
    assert panel.queue_part.title.text() == "Queue · 6 left"
    rows = [panel.list.item(n).text() for n in range(panel.list.count())]
    assert rows[0] == "cs-1 e2 · undecided"
    assert sorted(rows[1:4]) == [f"cs-{n} e1 · judges differ" for n in range(3)]
    assert panel.list.item(1).toolTip() == "judges differ: gpt-4o-mini wrong, rules right"
    panel.list.setFocus()
    person.press(Key.Key_Down)
    person.press(Key.Key_Return)
    person.sees(lambda: str(panel.state.current.subject) == rows[1].split(" · ")[0])  # type: ignore[union-attr]
    for n in range(6):
        panel.setFocus()
        person.press(Key.Key_1)
        person.sees(lambda n=n: len(mine(run, page)) == n + 1)
        person.press(Key.Key_G)
        person.sees(lambda: panel.state.mine() is None or panel.state.queue.remaining == 0)
    person.sees(lambda: panel.empty.text() == "Nothing is left: 6 of 6 questions are judged by you.")
    assert page.notes[-1] == "Nothing is left in the queue."


def test_blind_hides_what_others_say_until_the_person_has_judged(person: Person, run: Path) -> None:
    give(run, Subject("cs-0", "e1", "meaning"), "right", rater="ada")
    page = show(person, run)
    person.press(Key.Key_B, SHIFT)
    assert page.blinded == [True]
    assert "secretmodel" not in words(page.judge)
    person.sees(lambda: "Hidden until you have judged" in words(page.judge))
    assert not judges(page)
    assert "gpt" not in "".join(page.judge.list.item(n).toolTip() for n in range(page.judge.list.count()))
    person.press(Key.Key_1)
    person.sees(lambda: "rules" in judges(page))
    person.press(Key.Key_B, SHIFT)
    assert page.blinded == [True, False]


def test_the_pseudonym_is_typed_once_and_kept(person: Person, run: Path) -> None:
    page = show(person, run)
    page.judge.rater.setFocus()
    page.judge.rater.selectAll()
    person.type("rater 2")
    person.press(Key.Key_Return)
    person.sees(lambda: load_settings().rater == "rater 2")
    person.press(Key.Key_1)
    person.sees(lambda: [v.rater for v in mine(run, page)] == ["rater 2"])


def test_a_recording_of_a_run_begins_with_its_own_question_and_stays_with_it(person: Person, run: Path) -> None:
    recording = run / "items" / "00002-cs-2" / "main.mcap"
    page = show(person, recording)
    current = page.judge.state.current
    assert current is not None
    assert current.subject.item == "cs-2"
    other = next(q for q in page.judge.state.loaded.questions if q.subject == Subject("cs-2", "e2", "meaning"))
    page.judge.show_question(other)
    assert page.sought == [9.1]
    assert page.opened == []


def test_a_recording_of_its_own_has_one_question_and_the_verdict_lies_beside_it(person: Person, tmp_path: Path) -> None:
    recording = make_recording(tmp_path, [(1.0, "three")]).path
    page = show(person, recording)
    assert "as a whole" in page.judge.verdict_part.title.text()
    assert page.judge.said.text() == "said: “three”"
    person.sees(lambda: "Nobody has judged this yet." in words(page.judge))
    person.press(Key.Key_1)
    person.sees(lambda: [a.data["value"] for a in read_annotations(recording).of("verdict")] == ["right"])


def test_an_hour_of_speech_leaves_the_keys_where_they_are(person: Person, tmp_path: Path) -> None:
    said = [(0.01 * n, f"Word number <b>{n}</b> of a long afternoon.") for n in range(600)]
    page = show(person, make_recording(tmp_path, said).path)
    panel = page.judge
    assert len(panel.state.current.said if panel.state.current else "") > 10_000
    assert len(panel.said.text()) < 340
    assert panel.said.text().endswith("…”")
    assert 1000 < len(panel.said.toolTip()) < 4000
    assert "&lt;b&gt;1&lt;/b&gt;" in panel.said.toolTip()
    assert panel.values.isVisibleTo(page)
    assert panel.values.mapTo(page, QPoint(0, 0)).y() < 300


def test_what_cannot_be_read_or_written_is_told_and_the_next_key_works(
    person: Person, run: Path, tmp_path: Path
) -> None:
    page = page_of(person)
    page.judge.show_recording(tmp_path / "nothing.mcap")
    person.sees(lambda: len(page.errors) == 1)
    show(person, run)
    (run / PEOPLE).mkdir()
    person.press(Key.Key_1)
    # The queue may be read anew meanwhile, and say so, too.
    person.sees(lambda: any("could not be written" in error.what for error in page.errors))
    (run / PEOPLE).rmdir()
    person.press(Key.Key_2)
    person.sees(lambda: [v.value for v in mine(run, page)] == ["wrong"])


def test_a_run_without_its_recordings_is_judged_by_its_texts(person: Person, run: Path) -> None:
    for place in (run / "items").iterdir():
        (place / "main.mcap").unlink()
    page = show(person, run)
    person.sees(lambda: any("is not there" in note for note in page.notes))
    page.judge.clear()
    assert "Open a recording or a run" in page.judge.expected.text()


def test_agreement_stands_beside_the_judges(person: Person, run: Path) -> None:
    for n in range(3):
        for rater, values in (("ada", "rrw"), ("eve", "rww")):
            value = {"r": "right", "w": "wrong"}[values[n]]
            give(run, Subject(f"cs-{n}", "e1", "meaning"), value, rater=rater)
    page = show(person, run)
    person.sees(lambda: judges(page).get("agreement κ", "–") != "–")
    assert judges(page)["agreement κ"].startswith("0.40")
    pair = next(p for p in page.judge.judges_part.findChildren(Pair) if p.left.text() == "agreement κ")
    assert pair.toolTip() == "Cohen's kappa of ada, eve, n = 3"


def test_conflicts_are_decided_by_key(person: Person, run: Path) -> None:
    for item in ("cs-0", "cs-1"):
        give(run, Subject(item, "e1", "meaning"), "right", rater="ada", note="clear")
        give(run, Subject(item, "e1", "meaning"), "wrong", rater="eve")
    page = show(person, run)
    page.host.actions_["judge.conflicts"].trigger()
    shown = dialog(person, AdjudicateDialog)
    assert shown.count.text() == "2 of 2 are open"
    assert "ada – clear" in words(shown)
    person.press(Key.Key_N)
    person.type("as asked")
    person.press(Key.Key_Return)
    person.press(Key.Key_1)
    person.sees(lambda: shown.count.text() == "1 of 2 are open")
    (decided,) = read_verdicts(run).decisions.values()
    assert (decided.value, decided.note) == ("right", "as asked")
    person.press(Key.Key_Down)
    assert "decided: right" in shown.list.currentItem().text()
    assert shown.values.buttons[0].isChecked()
    person.press(Key.Key_Up)
    person.press(Key.Key_L)
    person.sees(lambda: QApplication.activeModalWidget() is None)
    assert page.judge.state.current is not None
    assert page.judge.state.current.subject.item in ("cs-0", "cs-1")


def test_without_conflicts_it_says_so(person: Person, run: Path) -> None:
    page = show(person, run)
    page.host.actions_["judge.conflicts"].trigger()
    shown = dialog(person, AdjudicateDialog)
    assert shown.heading.text() == "No conflicts"
    person.press(Key.Key_1)
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)


def test_figures_stand_in_tables(person: Person, run: Path) -> None:
    for n in range(3):
        give(run, Subject(f"cs-{n}", "e1", "meaning"), "right" if n else "wrong", rater="ada")
        give(run, Subject(f"cs-{n}", "e1", "meaning"), "right", rater="eve")
    page = show(person, run)
    page.host.actions_["judge.figures"].trigger()
    shown = dialog(person, FiguresDialog)
    person.sees(lambda: "gpt-4o-mini against people" in words(shown))
    told = words(shown)
    for part in ("Krippendorff's α", "Cohen's κ", "ada, eve", "people say", "precision", "1 of 1 conflicts"):
        assert part in told, part
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)


def test_figures_of_nothing_say_what_to_do(person: Person, run: Path) -> None:
    page = page_of(person)
    page.host.actions_["judge.figures"].trigger()
    shown = dialog(person, FiguresDialog)
    assert "Open a recording or a run first" in shown.note.text()
    person.press(Key.Key_Escape)
    show(person, run)
    page.host.actions_["judge.figures"].trigger()
    shown = dialog(person, FiguresDialog)
    person.sees(lambda: "Nobody has judged anything" in shown.note.text())
    person.press(Key.Key_Escape)
    person.sees(lambda: QApplication.activeModalWidget() is None)


def test_a_run_is_chosen_by_its_folder(person: Person, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(person)
    answers = ["", str(run)]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_args: answers.pop(0))
    page.host.actions_["judge.run"].trigger()
    assert page.judge.state.loaded.places == ()
    page.host.actions_["judge.run"].trigger()
    person.sees(lambda: page.judge.state.loaded.places == (run,))


def test_every_control_has_a_name_and_both_schemes_are_drawn(person: Person, run: Path, qtbot: QtBot) -> None:
    page = show(person, run)
    panel = page.judge
    for scheme in ("light", "dark"):
        panel.set_theme(load_theme(scheme))  # type: ignore[arg-type]
        assert not panel.grab().isNull()
    for control in (*panel.values.buttons, *panel.confidence.buttons, panel.note, panel.list, panel.rater):
        assert control.accessibleName()
    for button in panel.values.buttons:
        assert button.width() >= button.sizeHint().width()


def test_a_suite_that_rates_is_judged_on_six_keys(person: Person, run: Path) -> None:
    newest = load_run(run).grades[-1].grade
    verdicts = tuple(replace(v, details={}, values={"rating": 4.0}) for v in newest.verdicts)
    (run / "grades.jsonl").unlink()
    append_grade(run, replace(newest, verdicts=verdicts))
    page = show(person, run)
    assert [b.text() for b in page.judge.values.buttons] == ["0", "1", "2", "3", "4", "5"]
    person.press(Key.Key_6)
    person.sees(lambda: [v.value for v in mine(run, page)] == ["5"])
