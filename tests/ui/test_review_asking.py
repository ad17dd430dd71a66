"""What is looked at in Review is what the keys of the judge are about."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from tests.bench.people_runs import make_run
from tests.bench.sessions import make_recording
from tests.ui.conftest import Person
from tmlapp.bench.people.questions import Question
from tmlapp.bench.people.verdicts import Subject, read_verdicts
from tmlapp.config.settings import Settings
from tmlapp.core.units import s_to_ns
from tmlapp.ui.judge.model import Judging, Loaded, load
from tmlapp.ui.review.workspace import ReviewWorkspace

pytestmark = pytest.mark.qt
Key = Qt.Key


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Of an item with two expectations."""
    run = make_run(tmp_path / "run", "scripted:model", items=1)
    place = next((run / "items").iterdir())
    shutil.copy(make_recording(tmp_path, [(1.0, "three")], seconds=12.0).path, place / "main.mcap")
    return place / "main.mcap"


def opened(open_window: Callable[..., Person], recording: Path, at_s: float) -> tuple[Person, ReviewWorkspace]:
    person = open_window(settings=Settings(theme="dark", loudspeaker="none"))
    person.press(Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    person.window.workspaces.open_recording(recording, at_s)
    page = person.window.workspaces.page("review")
    assert isinstance(page, ReviewWorkspace)
    person.sees(lambda: page.found is not None and page.judge.state.current is not None)
    return person, page


def asked(page: ReviewWorkspace) -> str:
    return "" if page.judge.state.current is None else page.judge.state.current.subject.key


def test_opening_at_a_moment_asks_about_the_expectation_there(
    open_window: Callable[..., Person], recording: Path
) -> None:
    run = recording.parents[2]
    second = next(q for q in load([run]).questions if q.subject.key == "e2" and q.subject.aspect == "meaning")
    assert second.window_s is not None
    person, page = opened(open_window, recording, second.window_s[0] + 0.2)
    assert asked(page) == "e2"
    assert page.axis.cursor_ns == s_to_ns(second.window_s[0] + 0.2)
    person.press(Key.Key_2)
    person.sees(lambda: [s.key for s, _ in read_verdicts(run).current] == ["e2"])
    assert page.lanes.expectations.spans
    page.lanes.expectations.select("e1")
    assert asked(page) == "e1"
    page.judge.show_question(second)
    page.lanes.expectations.clicked.emit("e1")
    assert asked(page) == "e1"
    page.lanes.grades.select("e2")
    assert asked(page) == "e2"
    page.lanes.outputs.select(page.lanes.outputs.spans[0].key)
    assert asked(page) == "e2", "no expectation there"
    person.press(Key.Key_BracketLeft)
    assert asked(page) == "e2"
    first = next(q for q in page.judge.state.loaded.questions if q.subject.key == "e1")
    assert first.window_s is not None
    page.open((recording, first.window_s[0] + 0.1))
    person.sees(lambda: asked(page) == "e1")


def question(key: str, aspect: str = "meaning", **more: object) -> Question:
    made: dict[str, object] = {"recording": Path("a.mcap"), **more}
    return Question(place=Path("run"), subject=Subject("i", key, aspect), **made)  # type: ignore[arg-type]


def test_the_question_at_a_time() -> None:
    wide = question("wide", window_s=(0.0, 10.0))
    late = question("late", window_s=(1.0, 2.0), said_s=((5.0, 6.0),))
    short = question("short", window_s=(4.0, 7.0))
    timing = question("short", "timing", window_s=(4.0, 7.0), said_s=((5.0, 6.0),))
    whole = question("main", "overall")
    state = Judging("ada")
    state.loaded = Loaded((Path("run"),), (timing, wide, late, short, whole))
    here = Path("a.mcap")
    assert state.question_at(5.5, here) is short
    assert state.question_at(5.5, here, said=True) is late
    assert state.question_at(9.0, here) is wide
    assert state.question_at(11.0, here) is None
    assert state.question_at(5.5, Path("b.mcap")) is None
    state.choose(wide)
    assert state.question_at(0.0, here) is wide
    assert state.question_named("short", here) is short
    state.choose(timing)
    assert state.question_named("short", here) is timing
    assert state.question_named("", here) is whole
    assert state.question_named("none", here) is None
