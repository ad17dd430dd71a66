"""The Review workspace: where its parts stand, and how they follow one position."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication

from tmlapp.bench.review.lanes import Lanes
from tmlapp.bench.review.why import Why, deep_link, text_of
from tmlapp.core.errors import AppError
from tmlapp.core.units import NS_PER_S, TURN_NS, s_to_ns
from tmlapp.recording.reader import PROCESSED
from tmlapp.ui.review import commands
from tmlapp.ui.review.aside import Aside
from tmlapp.ui.review.asking import Asking
from tmlapp.ui.review.exporting import Exporting
from tmlapp.ui.review.kept_lanes import KeptLanes
from tmlapp.ui.review.lanes import ReviewLanes, beside
from tmlapp.ui.review.marking import Marking
from tmlapp.ui.review.naming import Naming
from tmlapp.ui.review.opening import Opened
from tmlapp.ui.review.playback import Playback
from tmlapp.ui.review.reading import EAR, Reading
from tmlapp.ui.review.replaying import ReplayDialog
from tmlapp.ui.review.second import Second
from tmlapp.ui.review.view import ReviewView
from tmlapp.ui.text import tr
from tmlapp.ui.timeline.lane_menu import lane_menu
from tmlapp.ui.workspace import Host

_THREADS = 4
_SOON_MS = 80
_NS_PER_MS = 1e6


class ReviewWorkspace(ReviewView):
    """One recording (and a second one of the same input) on one axis."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.opened: Opened | None = None
        self.found: Lanes | None = None
        self.why: Why | None = None
        self._output = -1
        self._error: AppError | None = None
        # Reasons are looked for when the picture of a seek is there, and not for each place that is passed.
        self._soon = QTimer(self, singleShot=True, interval=_SOON_MS)
        self._soon.timeout.connect(self._why)
        self.aside, self.kept = Aside(host, _THREADS), KeptLanes()
        self.playback = Playback(host, self.axis)
        self.marking, self.exporting, self.asking = Marking(self), Exporting(self), Asking(self)
        self.second, self.reading, self.naming = Second(self), Reading(self), Naming(self)
        self.timeline.arrange(self.kept.arrangement)
        self._connect()
        self.naming.show()
        self._offer()
        self.reading.list_newest()

    def register(self) -> None:
        commands.register(self.host.actions_, self)

    def _connect(self) -> None:
        self.timeline.lanes_changed.connect(self._lanes_changed)
        self.axis.cursor_changed.connect(self._cursor_moved)
        self.playback.state_changed.connect(self._play_changed)
        for failing in (self.playback, self.picture, self.picture_b):
            failing.failed.connect(self.host.show_error)
        self.note.written.connect(self.marking.note_written)
        self.note.dropped.connect(self.timeline.setFocus)
        self.empty.chosen.connect(self.open)
        self.judge.seek_wanted.connect(lambda at_s: self.jump(s_to_ns(at_s)))
        self.judge.blind_changed.connect(self.blinded)

    # ------------------------------------------------------------------ Workspace

    def entered(self) -> None:
        if self.opened is None:
            self.reading.list_newest()
        self._focus()

    def left(self) -> None:
        self.playback.release()

    def shut(self) -> None:
        self._soon.stop()
        self.exporting.stop()
        self.playback.close()
        self.picture.close_reader()
        self.picture_b.close_reader()
        self.reading.stop()
        self.aside.shut()
        with suppress(AppError):  # That it cannot be kept was told when it was changed.
            self.kept.save()

    def open(self, what: Any) -> None:
        """Open a recording: its path, or a pair of path and session time in seconds."""
        path, at_s = what if isinstance(what, tuple) else (what, None)
        self.reading.open(Path(path), at_s)

    # ------------------------------------------------------------------ what was read

    @property
    def path(self) -> Path | None:
        """The recording that is open."""
        return self.opened.review.path if self.opened is not None else None

    @property
    def blind(self) -> bool:
        """Names of models and files are hidden."""
        return self.judge.blind

    def show_opened(self, opened: Opened) -> None:
        """The index and first picture of a recording are there."""
        self.second.close()
        review = opened.review
        arrangement = self.timeline.arrangement()
        self.opened, self.found, self.why, self._output = opened, None, None, -1
        self.lanes = ReviewLanes(tracks=review.tracks)
        self.asking.follow_lanes()
        self.marking.reset()
        self.banner.hide()
        self.timeline.set_lanes(self.lanes.first())
        self.timeline.arrange(arrangement)
        self.axis.set_duration(review.duration_ns)
        self.axis.set_cursor(opened.at_ns)
        self.playback.set_recording(review.duration_ns, opened.at_ns)
        empty = "" if "/camera" in review.tracks else tr("This recording has no picture.")
        self.picture.set_recording(review.recording, opened.picture, empty)
        self.picture.show_at(opened.at_ns)
        self.why_panel.show_note(tr("Reading what the model said…"))
        self.status.say("note", "")
        self.judge.show_recording(review.path, opened.at_ns / NS_PER_S if opened.at_ns else None)
        self.pages.setCurrentIndex(1)
        self.naming.show()
        self._offer()
        self._focus()

    def show_lanes(self, found: Lanes) -> None:
        """Words, outputs, expectations and all else are there."""
        self.found = found
        self.fill_lanes()
        self._output = -1
        self._why()
        self.naming.show_formula()
        if found.problems:
            self.show_note(found.problems[0])

    def _lanes_changed(self) -> None:
        kept = self.kept.changed(self.timeline.arrangement())
        if kept is not None:
            self.aside.work(kept, lambda _: None)

    def fill_lanes(self) -> None:
        """Show of both recordings what may be seen."""
        for lanes, found in ((self.lanes, self.found), (self.second.lanes, self.second.found)):
            if found is not None:
                lanes.fill(self.naming.lanes(found), blind=self.blind)

    def set_choices(self) -> None:
        """Tell the player what can be heard: you and the model, of the first and of the second recording."""
        choices = self.reading.choices()
        if self.second.opened is not None:
            recording = self.second.opened.review.recording
            choices["B"] = [self.reading.sound(recording, t, p) for t, p in self.second.peaks.items()]
        self.playback.set_choices(choices)

    def second_changed(self) -> None:
        """The second recording was opened or closed."""
        opened = self.second.opened
        arrangement = self.timeline.arrangement()
        self.timeline.set_lanes(self.lanes.first())
        self.timeline.arrange(arrangement)
        if opened is not None:
            self.timeline.set_lanes(beside(self.timeline.lanes, self.second.lanes.second()))
        self.picture_b.setVisible(opened is not None)
        if opened is None:
            self.picture_b.close_reader()
        else:
            empty = "" if "/camera" in opened.review.tracks else tr("This recording has no picture.")
            self.picture_b.set_recording(opened.review.recording, opened.picture, empty)
            self.picture_b.show_at(self.axis.cursor_ns)
        self.picture.name = "A" if opened else ""
        self.set_choices()
        self.hear("A")
        self.naming.show()
        self._offer()

    def show_unreadable(self, path: Path | None, error: AppError) -> None:
        """Something cannot be opened; what was open stays open. `path`: it can be recovered."""
        self.reading.unreadable = path
        if self.opened is None:
            self.empty.show_error(error)
        else:
            self.show_error(error)
        self._offer()
        self._focus()

    # ------------------------------------------------------------------ play

    def toggle(self) -> None:
        self.playback.toggle()

    def pause(self) -> None:
        self.playback.pause()

    def shuttle(self, direction: int) -> None:
        self.playback.shuttle(direction)

    def loop_view(self) -> None:
        """Play what is looked at, again and again."""
        self.playback.play(round(self.axis.start_ns), round(self.axis.end_ns), loop=True)

    def jump(self, t_ns: int | None) -> None:
        """To `t_ns`, or to the end."""
        self.axis.seek(self.axis.duration_ns if t_ns is None else t_ns)
        self.axis.reveal(self.axis.cursor_ns)

    def step_turn(self, by: int) -> None:
        """To the begin of the next micro-turn, or of the one before."""
        cursor = self.axis.cursor_ns
        self.jump((cursor // TURN_NS + 1) * TURN_NS if by > 0 else (-(-cursor // TURN_NS) - 1) * TURN_NS)

    def step_output(self, by: int) -> None:
        """To what the model said next, or before."""
        starts = self._starts()
        place = bisect_right(starts, self.axis.cursor_ns)
        place = place if by > 0 else place - 2 if place and starts[place - 1] == self.axis.cursor_ns else place - 1
        if 0 <= place < len(starts):
            self.jump(starts[place])
            self.asking.about_output(starts[place])

    def hear(self, name: str) -> None:
        """Switch the sound at this very position."""
        if name == "B" and self.second.opened is None:
            self.choose_second()
        elif self.opened is not None:
            self.playback.choose(name)
        heard = self.playback.player.choice if self.playback.player else "A"
        for known in ("A", "B", EAR):
            self.host.actions_[f"review.{known.lower()}"].setChecked(known == heard and self.opened is not None)

    def _cursor_moved(self) -> None:
        t_ns = self.axis.cursor_ns
        self.picture.show_at(t_ns)
        if self.second.opened is not None:
            self.picture_b.show_at(t_ns)
        if self.found is not None and not self._soon.isActive():
            self._soon.start()
        if self.opened is not None and "/camera" in self.opened.review.tracks:
            ms = round(self.picture.offset_ns / _NS_PER_MS)
            hint = tr("The picture on the screen against what is heard")
            self.status.say("offset", tr("A/V offset"), f"{ms:+d}".replace("-", "−"), "ms", hint=hint)

    def _play_changed(self) -> None:
        action = self.host.actions_["review.play"]
        action.setText(tr("Pause") if self.playback.playing else tr("Play"))
        silent = self.playback.silent
        self.status.say(
            "silent", tr("silent:") if silent else "", tail=silent.split(". ")[0].rstrip(".")[:60], hint=silent
        )

    # ------------------------------------------------------------------ why

    def _starts(self) -> list[int]:
        outputs = self.found.outputs if self.found else ()
        return sorted((o.heard or o.received or (o.t_ns, 0))[0] for o in outputs)

    def _why(self) -> None:
        found = self.found
        if found is None:
            return
        if not found.outputs:
            self.why_panel.show_note(tr("The model said nothing in this recording."))
            return
        outputs = sorted(found.outputs, key=lambda o: (o.heard or o.received or (o.t_ns, 0))[0])
        place = max(0, bisect_right(self._starts(), self.axis.cursor_ns) - 1)
        if place != self._output:
            self._output = place
            self.reading.ask_why(found, outputs[place])

    def show_why(self, why: Why) -> None:
        self.why = why
        self.why_panel.show_why(self.naming.why(why))

    def copy_link(self) -> None:
        if self.path is not None and not self.naming.refuses():
            QGuiApplication.clipboard().setText(deep_link(self.path, self.axis.cursor_ns))
            self.show_note(tr("Copied: the command that opens this recording here."))

    def copy_why(self) -> None:
        if self.why is not None:
            QGuiApplication.clipboard().setText(text_of(self.naming.why(self.why)))
            self.show_note(tr("Copied: the micro-turns before this output."))

    # ------------------------------------------------------------------ commands

    def choose(self) -> None:
        self.ask_file(tr("Open a recording"), self.open)

    def choose_second(self) -> None:
        if self.opened is not None:
            self.ask_file(tr("Another recording of the same input"), self.open_second)

    def open_second(self, path: Path) -> None:
        if self.opened is None:
            self.open(path)
        else:
            self.second.open(Path(path))

    def close_second(self) -> None:
        self.second.close()

    def recover(self) -> None:
        self.reading.recover()

    def verify(self) -> None:
        self.reading.verify()

    def replay(self) -> None:
        if self.opened is not None and not self.naming.refuses():
            self.playback.pause()
            ReplayDialog(self, self.opened.review.path, str(self.opened.review.info.get("instruction", ""))).open()

    def show_exports(self) -> None:
        if self.opened is not None and not self.naming.refuses():
            self.exporting.menu().popup(self.header.export.mapToGlobal(self.header.export.rect().bottomLeft()))

    def make_item(self) -> None:
        """What is looked at becomes a take of an item."""
        if self.path is not None and not self.naming.refuses():
            self.playback.pause()
            axis = self.axis
            end_ns = min(axis.end_ns, axis.duration_ns)
            stretch = (max(0.0, axis.start_ns) / NS_PER_S, end_ns / NS_PER_S)
            self.host.open_in("items", ("stretch", self.path, *stretch))

    def show_lane_menu(self) -> None:
        lane_menu(self.timeline, self.timeline.focused).popup(self.timeline.mapToGlobal(self.timeline.rect().topLeft()))

    def toggle_spectrogram(self) -> None:
        lane = self.lanes.spectrogram
        self.timeline.hide_lane(lane.key, not lane.hidden)
        self.host.actions_["review.spectrogram"].setChecked(not lane.hidden)

    def blinded(self) -> None:
        """Every name of a model and of a file is hidden, or shown again; so is what others have judged."""
        self.naming.show()
        self.show_note("")
        if self.banner.isVisible() and self._error is not None:
            self.show_error(self._error)
        self.fill_lanes()
        # What the lane with the keyboard says of itself has changed.
        self.timeline.focus_lane(self.timeline.focused)
        if self.why is not None:
            self.show_why(self.why)

    def show_error(self, error: AppError) -> bool:
        self._error = error
        return super().show_error(self.naming.masked_error(error))

    def show_note(self, text: str) -> None:
        super().show_note(self.naming.masked(text))

    def mark(self) -> None:
        self.marking.mark()

    def write_note(self) -> None:
        self.marking.ask_note()

    def undo_mark(self) -> None:
        self.marking.take_back()

    def back(self) -> None:
        if self.note.isVisible():
            self.note.close_box()
        elif self.banner.isVisible():
            self.banner.dismiss()
        self._focus()

    # ------------------------------------------------------------------ helpers

    def _focus(self) -> None:
        (self.empty.list if self.opened is None and self.empty.list.count() else self.timeline).setFocus()

    def _offer(self) -> None:
        actions = self.host.actions_
        for key in ("a", "b", "replay", "export", "play", "make_item"):
            actions.offer(f"review.{key}", self.opened is not None)
        actions.offer("judge.blind", self.opened is not None)
        actions.offer(f"review.{EAR}", self.opened is not None and PROCESSED in self.opened.review.tracks)
        actions.offer("review.recover", self.reading.unreadable is not None)
        self.side.setVisible(self.opened is not None)
        self.host.restored()
