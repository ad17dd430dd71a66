"""The right side of Review: one question, three keys, what judges say, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QListWidgetItem

from tmlapp.bench.people.agreement import Agreement
from tmlapp.bench.people.questions import Question
from tmlapp.bench.people.queue import Entry, Queue
from tmlapp.bench.people.verdicts import Subject, default_rater
from tmlapp.core.errors import AppError
from tmlapp.ui.judge import model
from tmlapp.ui.judge.commands import VALUES, register
from tmlapp.ui.judge.panel_look import PanelLook
from tmlapp.ui.judge.parts import (
    SHOWN,
    Pair,
    aspect_text,
    cleared,
    figure_help,
    figure_text,
    item_text,
    judged,
    reason,
    shortened,
    subject_text,
    tip_text,
    words,
)
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme
from tmlapp.ui.workspace import Host

_SHOWN = 200
_ENTRY = Qt.ItemDataRole.UserRole


class JudgePanel(PanelLook):
    """Judging beside what is shown. `show_recording` or `show_run` fill it; `clear` empties it.

    Signals:
        seek_wanted: session time in seconds at which the current question lies, in the recording that is shown.
        blind_changed: whether models' names have to be hidden.
    """

    seek_wanted = Signal(float)
    blind_changed = Signal(bool)

    def __init__(self, host: Host) -> None:
        super().__init__(host.theme)
        self.host = host
        self.state = model.Judging(host.settings.rater or default_rater())
        self.blind = False
        self._theme = host.theme
        self._recording: Path | None = None
        self._asked_for = 0
        self._jobs: list[Callable[[], Callable[[], model.Kept] | None]] = []
        self._writing = False
        self._writes = 0
        self._wanted: dict[tuple[Path, Subject], tuple[str, int | None, str]] = {}
        self._figure: Agreement | None = None
        self._figure_why = ""
        self._confidence: int | None = None
        self._shown: object = None
        self.values.chosen.connect(self.give)
        self.confidence.chosen.connect(self.set_confidence)
        self.note.returnPressed.connect(self.keep_note)
        self.rater.returnPressed.connect(self.set_rater)
        self.next_button.clicked.connect(self.go_on)
        self.list.itemActivated.connect(lambda item: self.choose(item.data(_ENTRY)))
        self.list.itemClicked.connect(lambda item: self.choose(item.data(_ENTRY)))
        register(self)
        self.set_theme(host.theme)

    # ------------------------------------------------------------------ for Review

    def show_recording(self, path: Path, at_s: float | None = None) -> None:
        """Ask about `path`, begin at `at_s` seconds; the queue is that of its run, where it belongs to one."""
        self._recording, self.state.at_s = path, at_s
        self._load((path,), path)

    def show_run(self, path: Path) -> None:
        """Ask about the run folder `path`, beginning with what the queue names first."""
        self._recording = None
        self._load((path,), None)

    def clear(self) -> None:
        """Nothing is shown any more."""
        self._recording = None
        self._asked_for += 1
        self.state.loaded, self.state.current = model.Loaded(), None
        self.state.set_rater(self.state.rater)
        self._figure, self._figure_why = None, ""
        self.refresh()

    def set_blind(self, blind: bool) -> None:
        """Hide what judges and others say until the question is judged; whoever shows models' names hides them, too."""
        if blind != self.blind:
            self.blind = blind
            self.host.actions_["judge.blind"].setChecked(blind)
            self.blind_changed.emit(blind)
            self.refresh()

    def refuses(self) -> bool:
        """Whether what was asked for would show what others say; says so, and how to go on."""
        if self.blind:
            self.host.show_note(tr("You judge blind: that would show what others say. Shift+B ends it."))
        return self.blind

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.paint_in(theme)
        self.refresh()

    # ------------------------------------------------------------------ what the person does

    def give(self, value: str) -> None:
        """The verdict on the current question."""
        question = self.state.current
        if question is None or value not in question.scale:
            return
        wanted = value, self._confidence, self.note.text().strip()
        if wanted == self._said():
            return
        rater = self.state.rater
        self._wanted[question.place, question.subject] = wanted
        self._write(lambda: lambda: model.keep(question, value, rater, *wanted[1:]))

    def give_number(self, number: int) -> None:
        """The value on key `number`, from 1."""
        question = self.state.current
        if question is not None and number <= len(question.scale):
            self.give(question.scale[number - 1])

    def set_confidence(self, confidence: int) -> None:
        """How sure; the same again takes it away. A verdict that was given is given anew with it."""
        self._confidence = None if self._confidence == confidence else confidence
        self.confidence.set_chosen(self._confidence)
        self._give_again()

    def write_note(self) -> None:
        """Put the cursor into the note."""
        self.note.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def keep_note(self) -> None:
        """Return in the note: the cursor leaves, and a verdict that was given has the note."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self._give_again()

    def undo(self) -> None:
        """Take the newest verdict of this sitting back."""
        self._write(self._undo_newest)

    def go_on(self) -> None:
        """The next of the queue."""
        question = self.state.go_on()
        if question is None:
            self.host.show_note(tr("Nothing is left in the queue."))
            return
        self._look_at(question)

    def choose(self, entry: Entry) -> None:
        """An entry of the queue was picked."""
        self.show_question(entry.question)

    def show_question(self, question: Question) -> None:
        """Ask `question`, and go to its place."""
        self.state.choose(question)
        self._look_at(question)

    def set_rater(self) -> None:
        """Judge under the pseudonym that was typed, now and next time."""
        name = self.rater.text().strip() or default_rater()
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        if name != self.state.rater:
            self.state.set_rater(name)
            self.host.keep_settings(self.host.settings.model_copy(update={"rater": name}))
        self.refresh()

    # ------------------------------------------------------------------ work

    def _load(self, places: Sequence[Path], recording: Path | None) -> None:
        self._asked_for += 1
        asked = self._asked_for
        rater, writes = self.state.rater, self._writes

        def done(found: tuple[model.Loaded, Queue]) -> None:
            if asked != self._asked_for:
                return
            if self._writing or writes != self._writes:
                # What was read is older than what was written meanwhile.
                self._load(places, recording)
            else:
                self.state.use(*found, recording)
                self._count_agreement()
                if recording is None and self.state.current is not None:
                    self._look_at(self.state.current)
                else:
                    self.refresh()

        def read() -> tuple[model.Loaded, Queue]:
            loaded = model.load(places)
            return loaded, loaded.queue(rater)

        self.host.work(read, done)

    def _said(self) -> tuple[str, int | None, str] | None:
        """The verdict on the current question, one that is still being written included."""
        question, mine = self.state.current, self.state.mine()
        if question is not None and (question.place, question.subject) in self._wanted:
            return self._wanted[question.place, question.subject]
        return None if mine is None else (mine.value, mine.confidence, mine.note)

    def _give_again(self) -> None:
        if (said := self._said()) is not None:
            self.give(said[0])

    def _undo_newest(self) -> Callable[[], model.Kept] | None:
        before = self.state.current
        target = self.state.to_undo()
        if target is None:
            return None
        if self.state.current is not None and self.state.current is not before:
            self._look_at(self.state.current)
        place, verdict = target
        return lambda: model.remove(place, verdict)

    def _write(self, make: Callable[[], Callable[[], model.Kept] | None]) -> None:
        """Do what `make` gives when its turn comes: a verdict and its undo must not overtake each other."""
        self._jobs.append(make)
        if not self._writing:
            self._write_next()

    def _write_next(self) -> None:
        while self._jobs:
            job = self._jobs.pop(0)()
            if job is not None:
                self._writing = True
                self.host.work(
                    partial(_done, job, self.state.loaded, self.state.rater), self._written, self._not_written
                )
                return
        self._wanted.clear()

    def _written(self, done: tuple[model.Kept, Queue]) -> None:
        self._writing = False
        self._writes += 1
        self.state.take(*done)
        self._write_next()
        if not self._writing:
            self._count_agreement()
            self.refresh()

    def _not_written(self, error: AppError) -> None:
        self._writing = False
        self._wanted.clear()
        self.host.show_error(error)
        self._write_next()
        self.refresh()

    def _count_agreement(self) -> None:
        asked = self._asked_for

        def done(found: Agreement | None) -> None:
            if asked == self._asked_for:
                self._figure, self._figure_why = found, found.reason if found else ""
                self._show_judges()

        def failed(error: AppError) -> None:
            self._figure, self._figure_why = None, f"{error.why} {error.fix}"
            self._show_judges()

        self.host.work(self.state.agreement, done, failed)

    def _look_at(self, question: Question) -> None:
        self.refresh()
        at_s = question.at_s
        if question.recording is None or not question.recording.is_file():
            self.host.show_note(
                tr("The recording of {item} is not there.").format(item=item_text(question, blind=self.blind))
            )
            return
        if self._recording is not None and model.same_file(question.recording, self._recording):
            if at_s is not None:
                self.seek_wanted.emit(at_s)
            return
        self._recording = question.recording
        self.host.open_recording(question.recording, at_s)

    # ------------------------------------------------------------------ what is seen

    def refresh(self) -> None:
        """Show the current question, its verdicts and the queue as they are now."""
        question, mine = self.state.current, self.state.mine()
        self._show_question(question)
        self.values.set_chosen(mine.value if mine else None)
        shown = (question.place, question.subject, self.state.rater) if question else None
        if shown != self._shown or (mine is not None and not self.note.hasFocus()):
            self._confidence = mine.confidence if mine else None
            self.note.setText(mine.note if mine else "")
        self._shown = shown
        self.confidence.set_chosen(self._confidence)
        self.rater.setText(self.state.rater)
        for part in (self.values, self.sure, self.confidence, self.note):
            part.setVisible(question is not None)
        self._show_judges()
        self._show_queue()
        self.host.restored()

    def _show_question(self, question: Question | None) -> None:
        if question is None:
            nothing = not self.state.loaded.places
            self.verdict_part.title.setText(tr("Verdict"))
            self.expected.setText(
                tr("Open a recording or a run to judge it.") if nothing else tr("There is nothing to judge here.")
            )
            self.said.setText(
                "" if nothing else tr("Grade the run first (tmlapp bench grade), then its expectations stand here.")
            )
            return
        subject = question.subject
        name = item_text(question, blind=self.blind) if subject.key == "main" else subject.key
        aspect = "" if subject.aspect == "meaning" else f" · {aspect_text(subject.aspect)}"
        self.verdict_part.title.setText(tr("Verdict of {name}").format(name=name) + aspect)
        expected = question.expected or question.instruction or tr("what the user asked for")
        self.expected.setText(tr("expected: {text}").format(text=shortened(expected, SHOWN)))
        said = shortened(question.said, SHOWN)
        self.said.setText(tr("said: “{text}”").format(text=said) if said else tr("said: nothing"))
        self.said.setToolTip(tip_text(question.said) if said != question.said else "")
        wordings = [tr("good: {words}").format(words=", ".join(question.accept))] if question.accept else []
        wordings += [tr("wrong: {words}").format(words=", ".join(question.reject))] if question.reject else []
        whole = [expected] if len(expected) > SHOWN else []
        self.expected.setToolTip(tip_text("\n".join([question.instruction, *wordings, *whole])))
        self.values.show_scale(question.scale)
        for number in range(1, VALUES + 1):
            self.host.actions_.offer(f"judge.value{number}", number <= len(question.scale))

    def _show_judges(self) -> None:
        cleared(self.judges)
        question = self.state.current
        self.judges_part.setVisible(question is not None)
        if question is None:
            return
        if self.blind and self.state.mine() is None:
            self.judges.addWidget(words(tr("Hidden until you have judged: you judge blind."), "muted"))
            return
        for ruling in question.rulings:
            self.judges.addWidget(judged(ruling.judge, ruling.value, self._theme))
        for rater, verdict in sorted(self.state.people().items()):
            name = tr("{rater} (you)").format(rater=rater) if rater == self.state.rater else rater
            self.judges.addWidget(judged(name, verdict.value, self._theme))
        decision = self.state.decision()
        if decision is not None:
            self.judges.addWidget(
                judged(tr("decided by {rater}").format(rater=decision.rater), decision.value, self._theme)
            )
        if not self.judges.count():
            self.judges.addWidget(words(tr("Nobody has judged this yet."), "muted"))
        figure = self._figure
        sign = "α" if figure is not None and figure.name == "alpha" else "κ"
        pair = Pair(tr("agreement {sign}").format(sign=sign), figure_text(figure), muted=True)
        pair.setToolTip(figure_help(figure, self._figure_why))
        self.judges.addWidget(pair)

    def _show_queue(self) -> None:
        queue = self.state.queue
        self.queue_part.setVisible(bool(self.state.loaded.places))
        self.queue_part.title.setText(tr("Queue · {n} left").format(n=queue.remaining))
        self.list.clear()
        for entry in queue.entries[:_SHOWN]:
            called = subject_text(entry.question, blind=self.blind)
            # Why it stands here tells what others have judged.
            item = QListWidgetItem(called if self.blind else f"{called} · {reason(entry)}")
            item.setToolTip("" if self.blind else entry.why)
            item.setData(_ENTRY, entry)
            self.list.addItem(item)
            if self.state.current is not None and entry.question.subject == self.state.current.subject:
                self.list.setCurrentItem(item)
        self.list.setVisible(bool(queue.entries))
        self.empty.setText(
            tr("undecided first, then disagreements, rare kinds and a sample (seed {seed})").format(seed=queue.seed)
            if queue.entries
            else tr("Nothing is left: {n} of {all} questions are judged by you.").format(
                n=queue.n_judged, all=queue.n_questions
            )
        )
        self.next_button.setVisible(bool(queue.entries))


def _done(job: Callable[[], model.Kept], loaded: model.Loaded, rater: str) -> tuple[model.Kept, Queue]:
    kept = job()
    return kept, loaded.queue(rater, kept)
