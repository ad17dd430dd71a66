"""The search box of the Library: completes conditions, and chips for those that are asked for most."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QCompleter,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tmlapp.bench.catalogue.query import HELP
from tmlapp.ui.controls import KeyButton, KeyEdit
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

_FIELDS = (
    "endpoint:", "suite:", "tag:", "verdict:pass", "verdict:fail", "verdict:unsure", "verdict:none", "date:today",
    "date:yesterday", "date:week", "after:", "before:", "is:unfinished", "is:damaged", "is:missing", "is:trashed",
    "is:copy", "is:tagged", "is:graded", "kind:recording", "kind:run", "kind:items", "kind:export", "in:",
)  # fmt: skip
_WAIT_MS = 120
_GAP_PX = 6


class TokenCompleter(QCompleter):
    """Completes the word at the end, and leaves what stands before it."""

    def __init__(self, box: KeyEdit) -> None:
        super().__init__(box)
        self._box = box
        self._words = QStringListModel(list(_FIELDS), self)
        self.setModel(self._words)
        self.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        popup = self.popup()
        assert popup is not None
        popup.setAccessibleName(tr("Conditions"))

    def offer(self, more: Sequence[str]) -> None:
        """Conditions that this library can fulfil, besides the usual ones."""
        self._words.setStringList([*_FIELDS, *more])

    def splitPath(self, path: str) -> list[str]:  # noqa: N802 - Qt's name
        return [path.rpartition(" ")[2]]

    def pathFromIndex(self, index: QModelIndex | QPersistentModelIndex) -> str:  # noqa: N802 - Qt's name
        before, space, _ = self._box.text().rpartition(" ")
        return f"{before}{space}{index.data()}"


class SearchBox(KeyEdit):
    """Words and conditions; tells what is asked for when the typing rests.

    Signals:
        asked: the search has changed.
        left: Return or Down: the person wants to see what was found.
    """

    asked = Signal(str)
    left = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "/")
        # The key cap stands at the right: what is too long ends before it.
        self._placeholder = tr("Search: words, endpoint:… suite:… tag:… verdict:… date:… is:…")
        self.setAccessibleName(tr("Search the library"))
        self.completer_ = TokenCompleter(self)
        self.setCompleter(self.completer_)
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.setInterval(_WAIT_MS)
        self._resting.timeout.connect(lambda: self.asked.emit(self.text()))
        self.textChanged.connect(lambda _text: self._resting.start())
        self.returnPressed.connect(self._leave)

    def ask(self, text: str) -> None:
        """Put `text` in the box, and look for it at once."""
        self.setText(text)
        self._now()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        room = self.width() - self._theme.px(18) - 40
        self.setPlaceholderText(self.fontMetrics().elidedText(self._placeholder, Qt.TextElideMode.ElideRight, room))

    def stop(self) -> None:
        """Ask for nothing any more."""
        self._resting.stop()

    def _now(self) -> None:
        self._resting.stop()
        self.asked.emit(self.text())

    def _leave(self) -> None:
        popup = self.completer_.popup()
        if popup is None or not popup.isVisible():
            self._now()
            self.left.emit()


CHIPS: tuple[tuple[str, str], ...] = (
    ("All", ""), ("Recordings", "kind:recording"), ("Runs", "kind:run"), ("Items", "kind:items"),
    ("Unfinished", "is:unfinished"), ("Damaged", "is:damaged"), ("Failed", "verdict:fail"), ("Trash", "is:trashed"),
)  # fmt: skip


class Chips(QWidget):
    """One press each; the words of the search stay.

    Signals:
        asked: the search that it makes.
    """

    asked = Signal(str)

    def __init__(self, theme: Theme, box: SearchBox) -> None:
        super().__init__()
        self._box = box
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(_GAP_PX)
        row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.buttons: list[KeyButton] = []
        for title, condition in CHIPS:
            button = KeyButton(theme, tr(title))
            button.setCheckable(True)
            button.setToolTip(condition or tr("everything but what lies in the trash"))
            button.clicked.connect(lambda _checked=False, c=condition: self.asked.emit(self._with(c)))
            self.buttons.append(button)
            row.addWidget(button)
        row.addStretch(1)
        box.textChanged.connect(lambda _text: self._show())
        self._show()

    def set_theme(self, theme: Theme) -> None:
        for button in self.buttons:
            button.set_theme(theme)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Show those for which there is room, from the left; the search box can ask for all of them."""
        x = 0
        for button in self.buttons:
            x += button.sizeHint().width()
            button.set_spared(x > self.width() and button is not self.buttons[0])
            x += _GAP_PX

    def _with(self, condition: str) -> str:
        ours = {c for _, c in CHIPS}
        words = [w for w in self._box.text().split() if w not in ours]
        return " ".join([*words, condition] if condition else words)

    def _show(self) -> None:
        words = self._box.text().split()
        conditions = [c for _, c in CHIPS if c]
        for button, (_, condition) in zip(self.buttons, CHIPS, strict=True):
            on = condition in words if condition else not any(c in words for c in conditions)
            QAbstractButton.setChecked(button, on)
            button.update()


class SearchHelp(QDialog):
    """What can be asked for."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Search the library"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QVBoxLayout(self)
        grid.setContentsMargins(20, 16, 20, 16)
        grid.setSpacing(4)
        for line in HELP.splitlines():
            term, _, meaning = line.partition("  ")
            row = QHBoxLayout()
            left, right = QLabel(term.strip()), QLabel(meaning.strip())
            left.setFont(font(theme.font_px))
            left.setFixedWidth(theme.px(150))
            left.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            right.setObjectName("muted")
            row.addWidget(left)
            row.addWidget(right, 1)
            grid.addLayout(row)
