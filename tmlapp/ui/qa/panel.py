"""The checklist beside the stage: the current step large, its checks as they stand, all steps below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from tmlapp.ui.actions import Actions
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.qa.rows import RowList, plain_label
from tmlapp.ui.qa.signs import sign_of, word_of
from tmlapp.ui.text import stamp_text, tr
from tmlapp.ui.theme import Theme, rgba

if TYPE_CHECKING:
    from tmlapp.bench.qa.checklist import Checklist
    from tmlapp.bench.qa.view import StepView, TryView

_MARGIN = 14
_MOST_SIGNS = 12
_SHORT_PX = 500


class QaPanel(QWidget):
    """Shows what it is given; what a person presses goes through the window's commands.

    Signals:
        step_chosen: the number of the step that was clicked.
    """

    step_chosen = Signal(int)

    def __init__(self, theme: Theme, actions: Actions) -> None:
        super().__init__()
        self._theme = theme
        self.title, self.progress = plain_label("heading"), plain_label("small", wraps=False)
        self.empty = plain_label("muted")
        self.empty.setText(tr("No checklist yet. Choose one to test the model step by step beside the session."))
        self.step_title, self.timer = plain_label("title"), plain_label(wraps=False)
        self.do, self.expect, self.told, self.why = (plain_label() for _ in range(4))
        self.told.setObjectName("muted")
        self.why.setObjectName("small")
        self.notes = plain_label("small")
        self.setup = plain_label("muted")
        self.checks = RowList(theme, inset=0)
        self.steps = RowList(theme, inset=_MARGIN)
        self.steps.chosen.connect(self.step_chosen)
        self.choose = KeyButton(theme)
        self.choose.follow(actions["qa.choose"], text=tr("Choose"))
        self.first = KeyButton(theme, kind="primary")
        self.first.follow(actions["qa.choose"])
        self.start = KeyButton(theme, kind="primary")
        self.start.follow(actions["qa.start"])
        self.verdicts = [
            self._button(actions, key) for key in ("qa.pass", "qa.fail", "qa.blocked", "qa.skip", "qa.shot")
        ]
        self._buttons = [self.choose, self.first, self.start, *self.verdicts]
        self._arrange()
        self.setAccessibleName(tr("Checklist"))
        self.show_nothing()

    # ------------------------------------------------------------------ what is shown

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        # Where room is short the step is worth more than what its key does as well.
        short = self.height() < self._theme.px(_SHORT_PX)
        for button in (self.verdicts[-1], self.choose):
            button.set_spared(short)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        for button in self._buttons:
            button.set_theme(theme)
        for rows in (self.checks, self.steps):
            rows.set_theme(theme)

    def show_nothing(self) -> None:
        """No checklist is chosen."""
        self._body.hide()
        self._none.show()

    def show_run(self, checklist: Checklist, views: Sequence[StepView], current: str, *, live: bool) -> None:
        """Show `checklist` as it stands, with the step `current` large; `live`: steps can be started."""
        self._none.hide()
        self._body.show()
        self.title.setText(checklist.title)
        done = sum(v.state not in ("pending", "running", "ended") for v in views)
        signs = " ".join(sign_of(v.state) for v in views) if len(views) <= _MOST_SIGNS else ""
        self.progress.setText(f"{tr('{n} of {all} done').format(n=done, all=len(views))}   {signs}")
        untouched = all(not v.tries for v in views)
        self.setup.setText(checklist.setup)
        self.setup.setVisible(bool(checklist.setup) and untouched)
        self._show_current(next((v for v in views if v.step.id == current), None), live)
        for row, view in zip(self.steps.need(len(views)), views, strict=True):
            row.show_state(view.state, view.step.title, _detail(view), _beside(view), view.step.id == current)
            row.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_top(self) -> None:
        """Scroll up to the current step."""
        self._area.verticalScrollBar().setValue(0)

    # ------------------------------------------------------------------ helpers

    def _show_current(self, view: StepView | None, live: bool) -> None:
        self._card.setVisible(view is not None)
        if view is None:
            return
        step, last = view.step, view.last
        self.step_title.setText(step.title)
        self.do.setText(step.do)
        self.expect.setText(step.expect)
        self.told.setText(tr("Told to the model: {text}").format(text=step.instruction))
        self.told.setVisible(bool(step.instruction))
        self._show_timer(view, last)
        why = view.why if view.state == "not_applicable" else ""
        if not live and not why and view.state == "pending":
            why = tr("Steps are done while a session runs: Space starts one.")
        self.why.setText(why)
        self.why.setVisible(bool(why))
        shown = last.checks if last is not None else ()
        rows = self.checks.need(len(step.checks))
        for i, (row, check) in enumerate(zip(rows, step.checks, strict=True)):
            if i < len(shown):
                row.show_state(shown[i].outcome.state, check.words(), shown[i].outcome.why)
            else:
                row.show_state("pending", check.words())
        self._checks_title.setVisible(bool(step.checks))
        notes = [tr("Note: {text}").format(text=n.text) for n in last.tried.notes] if last else []
        shots = [tr("Screenshot: {name}").format(name=s.text) for s in last.tried.shots] if last else []
        self.notes.setText("\n".join((*notes, *shots)))
        self.notes.setVisible(bool(notes or shots))

    def _show_timer(self, view: StepView, last: TryView | None) -> None:
        limit = stamp_text(round(view.step.limit_s * 1e9))
        if last is None:
            self.timer.setText(tr("limit {limit}").format(limit=limit))
            late = False
        else:
            spent = stamp_text(last.end_ns - last.tried.start_ns)
            late = last.late
            self.timer.setText(
                tr("{spent}, over {limit}").format(spent=spent, limit=limit) if late else f"{spent} / {limit}"
            )
        color = self._theme.notice if late else self._theme.muted
        self.timer.setStyleSheet(f"color: {rgba(color)};")

    def _button(self, actions: Actions, key: str) -> KeyButton:
        button = KeyButton(self._theme)
        button.follow(actions[key])
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        return button

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._none = QWidget()
        none = QVBoxLayout(self._none)
        none.setContentsMargins(_MARGIN, 4, _MARGIN, 0)
        none.setSpacing(12)
        none.addWidget(self.empty)
        none.addWidget(self.first, 0, Qt.AlignmentFlag.AlignLeft)
        none.addStretch(1)
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(_MARGIN, 0, _MARGIN, 2)
        head.addWidget(self.title, 1)
        head.addWidget(self.choose)
        body.addLayout(head)
        self.progress.setContentsMargins(_MARGIN, 0, _MARGIN, 8)
        body.addWidget(self.progress)
        body.addWidget(self._scrolled(), 1)
        body.addWidget(self._controls())
        column.addWidget(self._none, 1)
        column.addWidget(self._body, 1)

    def _controls(self) -> QWidget:
        """The keys that judge stand below, where they are always to be seen."""
        controls = QFrame()
        controls.setObjectName("composer")
        grid = QGridLayout(controls)
        grid.setContentsMargins(_MARGIN, 10, _MARGIN, 10)
        grid.setSpacing(8)
        self.start.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        grid.addWidget(self.start, 0, 0, 1, 2)
        for i, button in enumerate(self.verdicts[:4]):
            grid.addWidget(button, 1 + i // 2, i % 2)
        grid.addWidget(self.verdicts[4], 3, 0, 1, 2)
        return controls

    def _scrolled(self) -> QScrollArea:
        inner = QWidget()
        inner.setObjectName("scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 8)
        column.setSpacing(0)
        column.addWidget(self._current())
        column.addSpacing(10)
        heading = self._heading(tr("Steps"))
        heading.setContentsMargins(_MARGIN, 0, _MARGIN, 2)
        column.addWidget(heading)
        column.addWidget(self.steps)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        self._area = area
        return area

    def _current(self) -> QWidget:
        holder = QWidget()
        around = QVBoxLayout(holder)
        around.setContentsMargins(_MARGIN, 0, _MARGIN, 0)
        self._card = QFrame()
        self._card.setObjectName("row")
        column = QVBoxLayout(self._card)
        column.setContentsMargins(12, 10, 12, 12)
        column.setSpacing(2)
        column.addWidget(self.step_title)
        column.addWidget(self.timer)
        self._checks_title = self._heading(tr("Automatic checks"))
        for title, part in ((tr("Say and do"), self.do), (tr("Expected"), self.expect)):
            column.addSpacing(6)
            column.addWidget(self._heading(title))
            column.addWidget(part)
        column.addWidget(self.told)
        column.addWidget(self.why)
        column.addSpacing(6)
        column.addWidget(self._checks_title)
        column.addWidget(self.checks)
        column.addWidget(self.notes)
        around.addWidget(self.setup)
        around.addSpacing(6)
        around.addWidget(self._card)
        return holder

    def _heading(self, text: str) -> QLabel:
        label = plain_label("small")
        label.setText(text)
        return label


def _detail(view: StepView) -> str:
    return view.why if view.state in ("not_applicable", "skipped") else ""


def _beside(view: StepView) -> str:
    last = view.last
    if last is None:
        return word_of(view.state) if view.state in ("skipped", "not_applicable") else ""
    tried = tr("try {n}").format(n=last.tried.number) if last.tried.number > 1 else ""
    failed = sum(c.outcome.state == "fail" for c in last.checks)
    passed = sum(c.outcome.state == "pass" for c in last.checks)
    checks = tr("{n} failed").format(n=failed) if failed else f"{passed}/{len(last.checks)} ✓" if last.checks else ""
    return " · ".join(t for t in (tried, checks) if t)
