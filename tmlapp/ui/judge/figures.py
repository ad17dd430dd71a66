"""How raters agree, and how judges that are programs do against people, as tables in a dialog."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from tmlapp.bench.people.adjudication import Confusion
from tmlapp.bench.people.agreement import Agreement
from tmlapp.bench.people.preference import Preference
from tmlapp.bench.people.summary import AspectFigures, Summary, summary_of
from tmlapp.core.errors import AppError
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.judge.parts import aspect_text, value_text, words
from tmlapp.ui.text import tr
from tmlapp.ui.workspace import Host


class FiguresDialog(QDialog):
    """Counts once, in the background; Esc closes it."""

    def __init__(self, host: Host, places: Sequence[Path], parent: QWidget) -> None:
        super().__init__(parent)
        self._open = True
        self.setWindowTitle(tr("Agreement and confusion"))
        self.setAccessibleName(tr("Agreement and confusion"))
        self.resize(720, 560)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        self.note = words(tr("Counting: every interval is drawn from a thousand samples of the items."), "muted")
        column.addWidget(self.note)
        self.inside = QWidget()
        self.inside.setObjectName("scrolled")
        self.tables = QVBoxLayout(self.inside)
        self.tables.setContentsMargins(0, 0, 12, 0)
        self.tables.setSpacing(10)
        self.reader = scroll = QScrollArea()
        scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        scroll.setAccessibleName(tr("Figures"))
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(self.inside)
        column.addWidget(scroll, 1)
        close = KeyButton(host.theme, tr("Close"), key="Esc")
        close.clicked.connect(self.reject)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        self.finished.connect(self._ended)
        if not places:
            self.note.setText(tr("Open a recording or a run first, then its figures stand here."))
            return
        host.work(lambda: summary_of(list(places)), self.show_summary, self.show_problem)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self.reader.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_summary(self, summary: Summary) -> None:
        """Fill the dialog."""
        if not self._open:
            return
        if not summary.aspects and summary.preference is None:
            self.note.setText(tr("Nobody has judged anything here yet: give verdicts, or merge packets."))
            return
        self.note.setText(
            tr("{n} raters: {names}. {open} of {conflicts} conflicts are open.").format(
                n=len(summary.raters),
                names=", ".join(summary.raters),
                open=summary.n_open,
                conflicts=len(summary.conflicts),
            )
        )
        for one in summary.aspects:
            self._add_aspect(one)
        if summary.preference is not None:
            self._add_preference(summary.preference, [p.name for p in summary.places])
        self.tables.addStretch()

    def show_problem(self, error: AppError) -> None:
        """Say why there are no figures."""
        if self._open:
            self.note.setText(f"{error.what} {error.why} {error.fix}")

    def _ended(self) -> None:
        self._open = False
        self.deleteLater()

    def _add_aspect(self, one: AspectFigures) -> None:
        self._heading(tr("{aspect}: {n} judged").format(aspect=aspect_text(one.aspect).capitalize(), n=one.n_judged))
        rows = [[_name(a), ", ".join(a.raters), figure_text(a.value, a.interval), str(a.n)] for a in one.agreements]
        why = [a.reason for a in one.agreements]
        self._table([tr("measure"), tr("raters"), tr("value [95 %]"), "n"], rows, why)
        for confusion in one.confusions:
            self._add_confusion(confusion)

    def _add_confusion(self, one: Confusion) -> None:
        left = sum(one.left_out.values())
        self._heading(tr("{judge} against people").format(judge=one.judge))
        told = tr("n = {n}, {undecided} undecided by the judge, {left} without one verdict of people").format(
            n=one.n, undecided=one.undecided, left=left
        )
        accuracy = figure_text(one.accuracy, one.accuracy_interval)
        kappa = figure_text(one.kappa.value, one.kappa.interval)
        told += tr(" · accuracy {accuracy} · κ {kappa}").format(accuracy=accuracy, kappa=kappa)
        self.tables.addWidget(words(told, "muted"))
        if not one.n:
            return
        head = [tr("people say"), *(tr("judge: {v}").format(v=value_text(v)) for v in one.labels)]
        rows = []
        for label, counts, figures in zip(one.labels, one.table, one.classes, strict=True):
            shares = (figure_text(v, None) for v in (figures.precision, figures.recall, figures.f1))
            rows.append([value_text(label), *(str(n) for n in counts), *shares])
        self._table([*head, tr("precision"), tr("recall"), "F1"], rows)

    def _add_preference(self, one: Preference, names: Sequence[str]) -> None:
        self._heading(tr("Preference"))
        rows = [
            [names[0], str(one.wins[0]), figure_text(one.share, one.interval)],
            [names[1], str(one.wins[1]), ""],
            [tr("neither"), str(one.ties), ""],
        ]
        self._table([tr("run"), tr("chosen"), tr("share [95 %]")], rows)
        if one.p_value is not None:
            side = (
                tr("The side mattered: do not trust this result.") if one.sides_matter else tr("Sides did not matter.")
            )
            self.tables.addWidget(words(f"p = {one.p_value:.3f}. {side}", "muted"))

    def _heading(self, text: str) -> None:
        label = QLabel(text)
        label.setObjectName("heading")
        self.tables.addWidget(label)

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[str]], why: Sequence[str] = ()) -> None:
        box = QFrame()
        box.setObjectName("card")
        grid = QGridLayout(box)
        grid.setContentsMargins(14, 10, 14, 10)
        grid.setHorizontalSpacing(22)
        for column, text in enumerate(head):
            grid.addWidget(_cell(text, "small", first=column == 0), 0, column)
        for number, row in enumerate(rows, start=1):
            for column, text in enumerate(row):
                cell = _cell(text, "", first=column == 0)
                if why and why[number - 1]:
                    cell.setToolTip(why[number - 1])
                    if text == "–":
                        cell.setText(f"– ({why[number - 1]})")
                        cell.setWordWrap(True)
                grid.addWidget(cell, number, column)
        grid.setColumnStretch(1 if len(head) > 2 else 0, 1)
        box.setAccessibleName("; ".join(", ".join(row) for row in rows))
        self.tables.addWidget(box)


def figure_text(value: float | None, interval: tuple[float, float] | None) -> str:
    """A number with its interval, or a dash."""
    if value is None:
        return "–"
    return f"{value:.2f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def _name(one: Agreement) -> str:
    names = {"cohen": tr("Cohen's κ"), "fleiss": tr("Fleiss' κ"), "alpha": tr("Krippendorff's α")}
    return names[one.name]


def _cell(text: str, kind: str, *, first: bool) -> QLabel:
    label = QLabel(text)
    label.setObjectName(kind)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setAlignment(
        Qt.AlignmentFlag.AlignVCenter | (Qt.AlignmentFlag.AlignLeft if first else Qt.AlignmentFlag.AlignRight)
    )
    return label
