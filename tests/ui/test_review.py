"""Review as a person uses it, by keyboard alone: open, play, look, mark, compare, replay, export, and bad files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QListWidget, QMenu, QWidget

from tests.recording.parts import record, write_part
from tests.ui.conftest import Person
from tmlapp.bench.annotations import NOTE, annotate, read_annotations
from tmlapp.bench.people.verdicts import Subject, give
from tmlapp.bench.review.exports import format_of
from tmlapp.bench.sidecar import write_grade
from tmlapp.config.settings import Settings
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Provenance, Verdict
from tmlapp.core.units import NS_PER_MS, NS_PER_S, TURN_NS
from tmlapp.ui.memory import memory_file, remembered
from tmlapp.ui.review.kept_lanes import KeptLanes
from tmlapp.ui.review.parts import Fact
from tmlapp.ui.review.replaying import ReplayDialog
from tmlapp.ui.review.workspace import ReviewWorkspace
from tmlapp.ui.theme import load_theme

pytestmark = pytest.mark.qt
S = NS_PER_S
TURNS = 40


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Eight seconds with sound, picture, outputs, a gap and a marker."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    return record(folder, TURNS, "first")


class Reviewer:
    """Somebody before Review."""

    def __init__(self, person: Person) -> None:
        self.person = person
        page = person.window.workspaces.page("review")
        assert isinstance(page, ReviewWorkspace)
        self.page = page

    def sees(self, what: Callable[[], bool]) -> None:
        self.person.sees(what)

    def press(self, key: Any, *modifiers: Any) -> None:
        self.person.press(key, *modifiers)

    def open(self, path: Path, at_s: float | None = None) -> None:
        self.person.window.workspaces.open_recording(path, at_s)
        self.sees(lambda: self.page.path == path and self.page.found is not None)
        self.sees(lambda: self.page.lanes.heard.peaks is not None and self.page.lanes.you.peaks is not None)
        self.sees(lambda: self.page.why is not None)

    @property
    def at_ns(self) -> int:
        return self.page.axis.cursor_ns


@pytest.fixture
def review(open_window: Callable[..., Person], tmp_path: Path) -> Reviewer:
    settings = Settings(theme="dark", recordings_dir=tmp_path / "recordings", loudspeaker="none", endpoint="onnx:tiny")
    person = open_window(settings=settings)
    person.press(Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    return Reviewer(person)


@pytest.fixture
def opened(review: Reviewer, recording: Path) -> Reviewer:
    review.open(recording)
    return review


def test_the_empty_page_lists_the_newest_and_return_opens_one(recording: Path, review: Reviewer) -> None:
    empty = review.page.empty
    review.sees(lambda: empty.list.count() == 1)
    assert "Drop a .mcap file" in empty.fix.text()
    empty.list.setFocus()
    review.press(Qt.Key.Key_Return)
    review.sees(lambda: review.page.path == recording)


def test_the_empty_page_promises_only_what_is_there_and_sees_what_was_recorded_since(
    review: Reviewer, tmp_path: Path
) -> None:
    empty = review.page.empty
    assert "pick one" not in empty.fix.text()
    assert empty.fix.geometry().bottom() - empty.heading.geometry().top() < empty.height() // 3
    (tmp_path / "recordings").mkdir()
    record(tmp_path / "recordings", TURNS, "later")
    for page in (Qt.Key.Key_1, Qt.Key.Key_3):
        review.press(page, Qt.KeyboardModifier.ControlModifier)
    review.sees(empty.list.hasFocus)
    assert empty.list.count() == 1
    assert "pick one" in empty.fix.text()


def test_everything_of_a_recording_is_on_the_screen(opened: Reviewer) -> None:
    page = opened.page
    assert page.picture.shown is not None
    assert len(page.lanes.outputs.spans) == TURNS
    assert len(page.lanes.cues.flags) == TURNS
    assert [s.label for s in page.lanes.gaps.spans] == ["mic: unplugged", "model: stalled"]
    assert "nice" in [f.label for f in page.lanes.markers.flags]
    assert page.why_panel.found is not None
    opened.sees(lambda: "verified" in page.status.text("file"))
    assert page.header.title.toolTip().startswith("Squats")
    assert page.header.a.text() == "onnx · tiny"
    page.grab()


def test_it_opens_where_it_was_asked_for(review: Reviewer, recording: Path) -> None:
    review.open(recording, 3.5)
    assert review.at_ns == 3_500 * NS_PER_MS
    shown = review.page.picture.shown
    assert shown is not None
    assert shown.t_ns <= review.at_ns < shown.end_ns


def test_space_plays_and_pauses_and_everything_follows(opened: Reviewer) -> None:
    page = opened.page
    opened.press(Qt.Key.Key_Space)
    assert page.header.play.text() == "Pause"
    opened.sees(lambda: opened.at_ns > 300 * NS_PER_MS)
    opened.press(Qt.Key.Key_Space)
    assert not page.playback.playing
    assert page.header.play.text() == "Play"
    stopped = opened.at_ns
    opened.sees(lambda: page.picture.shown is not None and page.picture.offset_ns == 0)
    assert opened.at_ns == stopped
    assert page.status.text("silent").startswith("silent: No loudspeaker")


def test_shuttle_keys_turn_and_stop(opened: Reviewer) -> None:
    player = opened.page.playback.player
    assert player is not None
    opened.press(Qt.Key.Key_End)
    opened.press(Qt.Key.Key_J)
    opened.press(Qt.Key.Key_J)
    assert player.speed == -2
    opened.sees(lambda: opened.at_ns < 5 * S)  # Far enough from the end, to which L then plays.
    opened.press(Qt.Key.Key_L)
    assert player.speed == 1
    opened.press(Qt.Key.Key_K)
    assert player.speed == 0


def test_micro_turns_outputs_and_ends_are_reached_by_key(opened: Reviewer) -> None:
    opened.press(Qt.Key.Key_Period)
    opened.press(Qt.Key.Key_Period)
    assert opened.at_ns == 2 * TURN_NS
    opened.press(Qt.Key.Key_Comma)
    assert opened.at_ns == TURN_NS
    opened.press(Qt.Key.Key_End)
    assert opened.at_ns == TURNS * TURN_NS
    opened.press(Qt.Key.Key_Home)
    assert opened.at_ns == 0
    opened.press(Qt.Key.Key_BracketRight)
    first = opened.at_ns
    opened.press(Qt.Key.Key_BracketRight)
    assert opened.at_ns > first > 0
    opened.press(Qt.Key.Key_BracketLeft)
    assert opened.at_ns == first


def test_zoom_and_lanes_by_key(opened: Reviewer) -> None:
    page = opened.page
    opened.press(Qt.Key.Key_Plus)
    assert page.axis.span_ns < page.axis.duration_ns
    opened.press(Qt.Key.Key_Minus)
    opened.press(Qt.Key.Key_Equal)
    opened.press(Qt.Key.Key_0)
    assert page.axis.span_ns == page.axis.duration_ns
    opened.press(Qt.Key.Key_S)
    assert page.lanes.spectrogram in page.timeline.shown
    page.timeline.grab()
    opened.sees(lambda: page.lanes.spectrogram.ready)
    opened.press(Qt.Key.Key_S)
    opened.press(Qt.Key.Key_Tab)
    assert page.timeline.focused is page.lanes.you
    opened.press(Qt.Key.Key_V)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    next(a for a in menu.actions() if a.text() == "markers").trigger()
    menu.close()
    assert page.lanes.markers.hidden


def test_a_hidden_lane_stays_hidden_in_the_next_recording(opened: Reviewer, tmp_path: Path) -> None:
    opened.page.timeline.hide_lane("cues")
    opened.open(record(tmp_path, 10, "second"))
    assert opened.page.lanes.cues.hidden


def test_why_follows_the_cursor_and_is_copied(opened: Reviewer) -> None:
    page = opened.page
    opened.press(Qt.Key.Key_End)
    opened.sees(lambda: page.why is not None and page.why.output.number == TURNS)
    opened.press(Qt.Key.Key_C, Qt.KeyboardModifier.ShiftModifier)
    assert f"micro-turn {TURNS - 1}" in QGuiApplication.clipboard().text()
    opened.press(Qt.Key.Key_Home)
    opened.press(Qt.Key.Key_Period)
    opened.press(Qt.Key.Key_C)
    assert QGuiApplication.clipboard().text().endswith("first.mcap --at 0.20")


def test_a_marker_and_a_note_are_written_beside_the_recording_and_taken_back(opened: Reviewer, recording: Path) -> None:
    page = opened.page
    opened.press(Qt.Key.Key_Period)
    before = len(page.lanes.markers.flags)
    opened.press(Qt.Key.Key_M)
    opened.sees(lambda: len(page.lanes.markers.flags) == before + 1)
    opened.press(Qt.Key.Key_N)
    opened.person.type("said in twice, n m k l")
    opened.press(Qt.Key.Key_Return)
    opened.sees(lambda: len(page.lanes.markers.flags) == before + 2)
    kept = read_annotations(recording).current
    assert [(a.kind, a.t_ns, a.data.get("text")) for a in kept] == [
        ("marker", TURN_NS, None), ("note", TURN_NS, "said in twice, n m k l"),
    ]  # fmt: skip
    opened.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    opened.sees(lambda: len(page.lanes.markers.flags) == before + 1)
    opened.sees(lambda: [a.kind for a in read_annotations(recording).current] == ["marker"])
    opened.press(Qt.Key.Key_N)
    opened.press(Qt.Key.Key_Escape)
    assert not page.note.isVisible()
    opened.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    opened.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    opened.sees(lambda: page.status.text("note") in ("There is nothing to take back.", "Taken back."))


def test_ctrl_z_takes_back_whatever_was_done_last_mark_or_verdict(opened: Reviewer, recording: Path) -> None:
    page = opened.page
    opened.sees(lambda: page.judge.state.current is not None)
    opened.press(Qt.Key.Key_M)
    opened.sees(lambda: [a.kind for a in read_annotations(recording).current] == ["marker"])
    opened.press(Qt.Key.Key_2)
    opened.sees(lambda: page.judge.state.mine() is not None)
    opened.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    opened.sees(lambda: page.judge.state.mine() is None)
    assert [a.kind for a in read_annotations(recording).current] == ["marker"]
    opened.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    opened.sees(lambda: not read_annotations(recording).current)


def everything_told(page: ReviewWorkspace) -> str:
    """Every text of the window that can be seen, read by a screen reader, or shown at the pointer."""
    window = page.window()
    told = [window.windowTitle(), *(a.text() + a.toolTip() for a in window.actions() if a.isVisible())]
    for widget in [window, *window.findChildren(QWidget)]:
        if not widget.isVisible():
            continue
        told += [widget.toolTip(), widget.statusTip(), widget.accessibleName(), widget.accessibleDescription()]
        told += [str(widget.property(name) or "") for name in ("text", "placeholderText", "title", "plainText")]
        if isinstance(widget, QListWidget):
            items = [widget.item(n) for n in range(widget.count())]
            told += [text for item in items for text in (item.text(), item.toolTip())]
    for lane in page.timeline.lanes:
        told += [lane.title, lane.describe(page.axis)]
        told += [t for span in getattr(lane, "spans", ()) for t in (span.label, span.symbol, span.hint)]
        told += [t for flag in getattr(lane, "flags", ()) for t in (flag.label, flag.symbol, flag.hint)]
    return "\n".join(told)


def with_grade(path: Path) -> None:
    """Put a grade beside `path`, with a judge and a verdict that can be told from everything else."""
    verdict = Verdict(item=path.stem, score=0.0, passed=False, graded_text=((1.0, "one"),), why="wrong_count")
    made_by = Provenance(
        formula="repcount-a/x@1", profile="official", parameters={}, files={}, judges=({"judge": "count_reps-judge"},)
    )
    write_grade(
        path,
        Grade(
            suite="repcount-a", metric="OBO", score=0.0, n=1, n_scored=1, n_missing=0, n_silent=0, n_ungraded=0,
            verdicts=(verdict,), baselines=(), provenance=made_by,
        ),
    )  # fmt: skip


def test_blind_hides_model_file_and_what_others_judge_everywhere(review: Reviewer, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    path = record(folder, TURNS, "nightowl")
    with_grade(path)
    give(path, Subject("nightowl", "main", "overall"), "wrong", rater="grace", note="hopeless")
    annotate(path, NOTE, t_ns=S, data={"text": "grace thinks that is wrong"}, who="grace")
    review.open(path)
    page = review.page
    review.sees(lambda: "verified" in page.status.text("file") and "wrong" in everything_told(page))
    secrets = ("onnx", "tiny", "nightowl", "count_reps-judge", "grace", "wrong_count", "hopeless", "repcount")
    told = everything_told(page).lower()
    assert [s for s in secrets if s not in told] == ["hopeless"], "the test looks where names are"
    review.press(Qt.Key.Key_M)
    review.sees(lambda: "Saved" in page.status.text("note"))
    review.press(Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    shown = page.why_panel.found
    assert shown is not None
    assert not shown.names

    def leaks() -> list[str]:
        told = everything_told(page).lower()
        return [secret for secret in secrets if secret in told]

    assert leaks() == []
    assert "Wrong" in page.judge.values.buttons[1].text(), "the keys stay"
    assert page.lanes.grades.empty == "hidden while you judge blind"
    assert "marker" in [f.label for f in page.lanes.markers.flags], "one's own marker stays"
    for keys in (("C",), ("R", Qt.KeyboardModifier.ControlModifier), ("E", Qt.KeyboardModifier.ControlModifier)):
        review.press(getattr(Qt.Key, f"Key_{keys[0]}"), *keys[1:])
        assert page.status.text("note").startswith("You judge blind"), keys
        assert QApplication.activePopupWidget() is None
    review.press(Qt.Key.Key_C, Qt.KeyboardModifier.ShiftModifier)
    assert "nightowl" not in QGuiApplication.clipboard().text()
    assert "voice" in QGuiApplication.clipboard().text()
    page.show_error(AppError("nightowl.mcap cannot be read.", "The model onnx:tiny is gone.", f"Look at {path}."))
    page.open(path)
    review.sees(lambda: page.reading.checked is not None and page.found is not None and page.why is not None)
    assert leaks() == []
    review.press(Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    review.sees(lambda: "repcount" in page.status.text("formula"))
    assert page.header.a.text() == "onnx · tiny"
    assert page.lanes.grades.spans


def test_why_tells_how_much_of_each_micro_turn_is_voice(opened: Reviewer) -> None:
    found = opened.page.why_panel.found
    assert found is not None
    assert [row.voice for row in found.rows] == [0.0] * len(found.rows), "the recording has noise, and no voice"
    assert "0 %" in opened.page.why_panel.cells(found.rows[-1]).values()


def test_without_the_voice_detector_the_reasons_are_told_all_the_same(review: Reviewer, recording: Path) -> None:
    def missing() -> Any:
        raise AppError("Voice activity cannot be found.", "The graph is gone.", "Install it again.")

    review.page.reading.find_voice = missing
    review.open(recording)
    assert "Voice activity" in review.page.banner.what.text()
    assert review.page.why is not None
    assert review.page.why.rows[-1].voice is None


def test_a_second_recording_is_locked_to_the_first_and_heard_at_the_same_place(
    opened: Reviewer, tmp_path: Path
) -> None:
    page = opened.page
    other = record(tmp_path, TURNS, "other")
    page.open_second(other)
    opened.sees(lambda: page.second.sameness is not None)
    assert page.status.text("note") == "The same input, bit for bit."
    opened.sees(lambda: len(page.second.lanes.outputs.spans) == TURNS)
    opened.sees(lambda: len(page.second.peaks) == 2)
    assert [lane.key for lane in page.timeline.shown if lane.key.endswith(".B")] == [
        "hears.B",
        "heard.B",
        "outputs.B",
        "inner.B",
        "grades.B",
        "reply.B",
    ]
    opened.press(Qt.Key.Key_Space)
    opened.press(Qt.Key.Key_B)
    player = page.playback.player
    assert player is not None
    assert player.choice == "B"
    assert page.playback.playing
    opened.press(Qt.Key.Key_A)
    assert player.choice == "A"
    opened.press(Qt.Key.Key_K)
    opened.press(Qt.Key.Key_End)
    opened.sees(lambda: page.picture_b.shown is not None and page.picture_b.at_ns == opened.at_ns)
    opened.press(Qt.Key.Key_W, Qt.KeyboardModifier.ShiftModifier)
    assert not [lane for lane in page.timeline.lanes if lane.key.endswith(".B")]
    assert not page.picture_b.isVisible()


def test_the_same_input_goes_into_another_model(opened: Reviewer) -> None:
    page = opened.page
    opened.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    dialog = page.findChild(ReplayDialog)
    assert isinstance(dialog, ReplayDialog)
    press = opened.person.qtbot.keyClick
    dialog.endpoint.setText("scripted:nowhere")
    press(dialog.endpoint, Qt.Key.Key_Return)  # type: ignore[no-untyped-call]
    opened.sees(lambda: dialog.job is None and "nowhere" in dialog.words.text())
    dialog.endpoint.setText("onnx:tiny")
    press(dialog.endpoint, Qt.Key.Key_Return)  # type: ignore[no-untyped-call]
    opened.sees(lambda: page.second.opened is not None)
    assert page.second.path is not None
    assert page.second.path.name.startswith("first-replay")
    opened.sees(lambda: page.second.sameness is not None)
    assert page.second.sameness is not None
    assert page.second.sameness.differs_at_ns is None


def test_a_replay_is_cancelled_by_esc(opened: Reviewer) -> None:
    page = opened.page
    opened.press(Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    dialog = page.findChild(ReplayDialog)
    assert isinstance(dialog, ReplayDialog)
    assert dialog.cancel.x() < dialog.go.x()
    dialog.remote.setFocus()
    opened.person.qtbot.keyClick(dialog.remote, Qt.Key.Key_Return)  # type: ignore[no-untyped-call]
    assert dialog.job is not None
    assert dialog.focusWidget() is not dialog.cancel
    dialog.reject()
    opened.sees(lambda: dialog.job is None)
    opened.sees(lambda: "cancelled" in page.status.text("note"))
    assert page.second.opened is None


def test_exports_are_offered_and_written(opened: Reviewer, tmp_path: Path) -> None:
    page = opened.page
    opened.press(Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert "Captions (WebVTT)…" in [a.text() for a in menu.actions()]
    menu.close()
    page.axis.look_at(S, 3 * S)
    part = page.exporting.menu()
    assert part.actions()[-1].text() == "Only what is looked at"
    part.deleteLater()
    out = tmp_path / "said.csv"
    page.exporting.write(format_of(out), out, part=True)
    opened.sees(lambda: page.status.text("note").startswith("Written"))
    assert out.stat().st_size > 20


def test_an_unfinished_recording_is_recovered_from_here(review: Reviewer, tmp_path: Path) -> None:
    part, _ = write_part(tmp_path, 10, "cut")
    page = review.page
    page.open(part)
    review.sees(lambda: page.empty.heading.text() == "cut.mcap.part is an unfinished recording.")
    assert page.empty.recover.isVisible()
    review.press(Qt.Key.Key_R)
    review.sees(lambda: page.path is not None and page.path.name == "cut.mcap")


@pytest.mark.parametrize("content", [b"", b"no recording of ours" * 20])
def test_a_foreign_file_is_told_in_three_sentences_and_what_was_open_stays(
    opened: Reviewer, recording: Path, tmp_path: Path, content: bytes
) -> None:
    foreign = tmp_path / "foreign.mcap"
    foreign.write_bytes(content)
    opened.page.open(foreign)
    opened.sees(lambda: opened.page.banner.isVisible())
    assert opened.page.banner.what.text().startswith("✕  foreign.mcap is")
    assert opened.page.path == recording
    opened.press(Qt.Key.Key_Escape)
    assert not opened.page.banner.isVisible()


def test_files_are_dropped_the_second_beside_the_first(review: Reviewer, recording: Path, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(recording))])
    event = QDropEvent(
        QPointF(300, 300), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    review.page.dropEvent(event)
    review.sees(lambda: review.page.path == recording)


def test_leaving_the_page_stops_the_sound(opened: Reviewer) -> None:
    opened.press(Qt.Key.Key_Space)
    opened.press(Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert not opened.page.playback.playing


def test_a_loop_plays_what_is_looked_at(opened: Reviewer) -> None:
    page = opened.page
    page.axis.look_at(2 * S, 3 * S)
    opened.press(Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    opened.sees(lambda: opened.at_ns > 2 * S + 100 * NS_PER_MS)
    assert page.playback.playing
    opened.press(Qt.Key.Key_K)


def test_the_view_follows_what_is_heard_and_leaves_who_looks_elsewhere_alone(opened: Reviewer) -> None:
    axis = opened.page.axis
    axis.look_at(0, S // 4)
    opened.press(Qt.Key.Key_Space)
    opened.sees(lambda: axis.start_ns > 0)
    axis.look_at(5 * S, 6 * S)
    begin = opened.at_ns
    opened.sees(lambda: opened.at_ns > begin + 100 * NS_PER_MS)
    assert round(axis.start_ns) == 5 * S
    opened.press(Qt.Key.Key_K)


def test_the_status_line_fits_at_any_size_of_text(opened: Reviewer) -> None:
    page, window = opened.page, opened.person.window
    window.resize(1280, 800)
    page.open_second(page.path or Path())
    page.status.say("formula", "formula", "repcount-a", "· official profile of the suite, third edition")
    page.status.say("file", "recording", "a-very-long-name-of-a-recording-of-the-third-afternoon.mcap", "verified")
    opened.sees(lambda: page.status.text("note") != "")
    for scale in (1.0, 1.5, 2.0):
        window.apply_theme(load_theme("dark", scale))
        facts = [f for f in page.status.findChildren(Fact) if f.isVisible()]
        QApplication.sendPostedEvents()
        ends = [f.geometry().right() for f in facts]
        begins = [f.geometry().left() for f in facts]
        assert all(end < begin for end, begin in zip(ends, begins[1:], strict=False)), scale
        assert ends[-1] <= page.status.width() <= 1280, scale
        assert window.width() == 1280, "the window does not grow"
        page.grab()
    assert "…" in page.status.shown("file")
    assert "…" not in page.status.shown("offset")
    assert page.status.text("file").endswith("verified"), "a screen reader reads all of it"


def test_lanes_are_as_they_were_left_at_the_next_start(opened: Reviewer, open_window: Callable[..., Person]) -> None:
    timeline = opened.page.timeline
    timeline.focus_lane(timeline.lane("words"))
    opened.press(Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    opened.press(Qt.Key.Key_Plus, Qt.KeyboardModifier.AltModifier)
    timeline.hide_lane("reply")
    left = timeline.arrangement()
    opened.sees(lambda: len(remembered("review").get("lanes", ())) == len(left))
    opened.page.shut()
    second = open_window(settings=opened.person.window.controller.settings).window.workspaces.page("review")
    assert isinstance(second, ReviewWorkspace)
    assert second.timeline.arrangement() == left
    assert ("reply", True, 1.0) in left
    assert ("words", False, 1.25) in left


@pytest.mark.parametrize("kept", ['{"lanes": 3}', '{"lanes": [["you", "x", 1], ["heard", true, 99.0]]}', "{"])
def test_a_damaged_memory_of_lanes_is_worth_no_question(kept: str) -> None:
    memory_file("review").parent.mkdir(parents=True, exist_ok=True)
    memory_file("review").write_text(kept, encoding="utf-8")
    assert KeptLanes().arrangement == ([("heard", True, 4.0)] if "heard" in kept else [])


def test_the_page_in_light_and_large(opened: Reviewer) -> None:
    opened.page.set_theme(load_theme("light", 1.6))
    opened.page.grab()
