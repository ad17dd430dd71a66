"""Small things that several cards of Items share."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tmlapp.bench.authoring.model import RATE_HZ, Span
from tmlapp.ui.theme import Theme


def heading(text: str) -> QLabel:
    """The name of a part of the page."""
    label = QLabel(text)
    label.setObjectName("section")
    return label


def words(name: str = "", *, wrap: bool = True) -> QLabel:
    """A label for texts that people wrote; never read as markup."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wrap)
    if name:
        label.setObjectName(name)
    return label


def card() -> tuple[QFrame, QVBoxLayout]:
    """A card and its column."""
    frame = QFrame()
    frame.setObjectName("card")
    column = QVBoxLayout(frame)
    column.setContentsMargins(14, 10, 14, 12)
    column.setSpacing(6)
    return frame, column


class Elided(QLabel):
    """One line that takes the room there is; what does not fit gives way to an ellipsis in the middle."""

    def __init__(self, text: str, name: str = "") -> None:
        super().__init__(text)
        self.whole = text
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setObjectName(name)
        self.setAccessibleName(text)
        self.setMinimumWidth(30)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.setText(self.fontMetrics().elidedText(self.whole, Qt.TextElideMode.ElideMiddle, self.width()))


class FlatButton(QToolButton):
    """Return presses it; Space belongs to the take."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        event.ignore()


class Tick(QCheckBox):
    """A box to tick with Return, or with Space while it has the focus, although Space is a command."""

    def event(self, event: QEvent) -> bool:
        over = event.type() == QEvent.Type.ShortcutOverride
        if over and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Space:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
            return
        super().keyPressEvent(event)


def flat(text: str, do: Callable[[], object], *, name: str = "flat", tip: str = "") -> FlatButton:
    """A button that looks like a word."""
    button = FlatButton()
    button.setObjectName(name)
    button.setText(text)
    button.setAccessibleName(tip or text)
    button.setToolTip(tip or text)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    button.clicked.connect(lambda: do())
    return button


def following(action: QAction, text: str) -> FlatButton:
    """A flat button for `action`, enabled as it is."""
    button = flat(text, action.trigger, name="quiet", tip=action.toolTip())
    button.setAccessibleName(action.text())

    def update() -> None:
        button.setEnabled(action.isEnabled())
        button.setCheckable(action.isCheckable())
        button.setChecked(action.isChecked())

    action.changed.connect(update)
    action.toggled.connect(lambda on: button.setChecked(on))
    update()
    return button


class LineField(QLineEdit):
    """One line that is taken when the cursor leaves it or Return is pressed; Esc puts back what stood there.

    Signals:
        taken: another text than the one that was shown.
        left: Return or Esc: the keys are free for commands again.
    """

    taken = Signal(str)
    left = Signal()

    def __init__(self, title: str, *, plain: bool = True) -> None:
        super().__init__()
        if plain:
            self.setObjectName("plain")
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(24)
        self._shown = ""
        self.editingFinished.connect(self._take)

    def show_text(self, text: str) -> None:
        """Show `text`, unless the person is writing here."""
        if self.hasFocus() and self.text() != self._shown:
            return
        self._shown = text
        if self.text() != text:
            self.setText(text)
            self.setCursorPosition(0)
        self.setToolTip(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape:
            self.setText(self._shown)
            self.left.emit()
            return
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.left.emit()

    def _take(self) -> None:
        text = self.text().strip()
        if text != self._shown:
            self._shown = text
            self.taken.emit(text)


class TextField(QPlainTextEdit):
    """Several lines; Ctrl+Return or leaving takes them, Esc puts back what stood there. Tab moves on."""

    taken = Signal(str)
    left = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setAccessibleName(title)
        self.setTabChangesFocus(True)
        self._shown = ""

    def show_text(self, text: str) -> None:
        """Show `text`, unless the person is writing here."""
        if self.hasFocus() and self.toPlainText() != self._shown:
            return
        self._shown = text
        if self.toPlainText() != text:
            self.setPlainText(text)

    def take(self) -> None:
        """Hand on what was written."""
        text = self.toPlainText().strip()
        if text != self._shown:
            self._shown = text
            self.taken.emit(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.key() == Qt.Key.Key_Escape:
            self.setPlainText(self._shown)
            self.left.emit()
        elif control and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.take()
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusOutEvent(event)
        self.take()


def seconds(samples: int, digits: int = 2) -> str:
    """Samples as seconds with `digits` decimals."""
    return f"{samples / RATE_HZ:.{digits}f}"


def span_text(span: Span, digits: int = 2) -> str:
    """`7.41–7.99` of a span."""
    return f"{seconds(span.t0, digits)}–{seconds(span.t1, digits)}"


def minus(text: str) -> str:
    """With a real minus sign, which is as wide as a plus."""
    return text.replace("-", "−")


def repolish(widget: QWidget) -> None:
    """Let the style sheet look again at the widget's properties."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def scaled(widget: QWidget, theme: Theme, width: float) -> None:
    """Give `widget` a fixed width that grows with the texts."""
    widget.setFixedWidth(theme.px(width))
