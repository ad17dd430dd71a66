"""Short texts as chips: read, added, taken away, by mouse or by keys alone."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QLabel, QLayout, QLayoutItem, QLineEdit, QSizePolicy, QWidget

from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font


class Flow(QLayout):
    """Lays widgets out from left to right and begins a new row where room ends."""

    def __init__(self, parent: QWidget | None = None, gap: int = 6) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802 - Qt's name
        self._items.append(item)

    def insert(self, at: int, widget: QWidget) -> None:
        """Put `widget` at place `at`."""
        self.addWidget(widget)
        self._items.insert(at, self._items.pop())
        self.invalidate()

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802 - Qt's name
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        hints = [i.sizeHint() for i in self._items if (w := i.widget()) is None or not w.isHidden()]
        width = sum(h.width() for h in hints) + self._gap * max(0, len(hints) - 1)
        return QSize(width, max((h.height() for h in hints), default=0))

    def minimumSize(self) -> QSize:  # noqa: N802 - Qt's name
        size = QSize()
        for item in self._items:
            size = size.expandedTo(QSize(min(60, item.minimumSize().width()), item.minimumSize().height()))
        return size

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        x, y, row = rect.x(), rect.y(), 0
        placed: list[tuple[QLayoutItem, QRect]] = []
        for item in self._items:
            widget = item.widget()
            if widget is not None and widget.isHidden():
                continue
            hint = item.sizeHint()
            width = min(hint.width(), rect.width())
            height = item.heightForWidth(width) if item.hasHeightForWidth() else hint.height()
            if x + width > rect.right() + 1 and x > rect.x():
                x, y, row = rect.x(), y + row + self._gap, 0
            placed.append((item, QRect(QPoint(x, y), QSize(width, height))))
            x += width + self._gap
            row = max(row, height)
        if move:
            for item, box in placed:
                item.setGeometry(box)
        return y + row - rect.y()


class Chip(QAbstractButton):
    """One text; Del or a click on its cross takes it away."""

    removed = Signal()

    def __init__(self, theme: Theme, text: str, *, editable: bool = True) -> None:
        super().__init__()
        self._theme = theme
        self._editable = editable
        self.setText(text)
        self.setAccessibleName(text)
        self.setAccessibleDescription(tr("Del takes it away") if editable else "")
        self.setToolTip(text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if editable else Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        width = QFontMetricsF(font(self._theme.font_px)).horizontalAdvance(self.text())
        return QSize(round(width) + 24, self._theme.px(22))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if self._editable and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Return):
            self.removed.emit()
            return
        event.ignore()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self._editable and event.position().x() > self.width() - 18:
            self.removed.emit()
            return
        super().mouseReleaseEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = self._theme
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(theme.accent, 2) if self.hasFocus() else QPen(theme.line))
        painter.setBrush(theme.surface)
        painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
        face = font(theme.font_px)
        painter.setFont(face)
        painter.setPen(theme.text)
        over = self._editable and (self.underMouse() or self.hasFocus())
        shown = QFontMetricsF(face).elidedText(self.text(), Qt.TextElideMode.ElideRight, box.width() - 22)
        painter.drawText(box.adjusted(0, 0, -8 if over else 0, 0), Qt.AlignmentFlag.AlignCenter, shown)
        if over:
            painter.setPen(QPen(theme.muted, 1.4))
            x, y = box.right() - 10, box.center().y()
            painter.drawLine(QPointF(x - 3, y - 3), QPointF(x + 3, y + 3))
            painter.drawLine(QPointF(x - 3, y + 3), QPointF(x + 3, y - 3))


class _NewChip(QLineEdit):
    """Where the next chip is written; Backspace in the empty field takes the last one away."""

    emptied = Signal()
    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Backspace and not self.text():
            self.emptied.emit()
            return
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
            self.left.emit()
            return
        super().keyPressEvent(event)


class ChipRow(QWidget):
    """A named row of chips.

    Signals:
        changed: what the person wants now, all texts of the row.
        left: Esc in the field.
    """

    changed = Signal(tuple)
    left = Signal()

    def __init__(self, theme: Theme, title: str, *, editable: bool = True) -> None:
        super().__init__()
        self._theme, self._editable = theme, editable
        self.texts: tuple[str, ...] = ()
        self._flow = Flow(self)
        self._label = QLabel(title)
        self._label.setObjectName("muted")
        self._label.setMinimumHeight(theme.px(22))
        self._flow.addWidget(self._label)
        self.field = _NewChip()
        self.field.setObjectName("chip")
        self.field.setPlaceholderText("+")
        self.field.setAccessibleName(tr("Add to {title}").format(title=title))
        self.field.setToolTip(tr("Write, and press Return"))
        self.field.setFixedWidth(theme.px(46))
        self.field.returnPressed.connect(self._add)
        self.field.emptied.connect(lambda: self._set(self.texts[:-1]))
        self.field.left.connect(self.left)
        self._flow.addWidget(self.field)
        # Only now: shown without a parent it would be a window of its own for a moment.
        self.field.setVisible(editable)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.field.setFixedWidth(theme.px(46))
        self._label.setMinimumHeight(theme.px(22))
        for chip in self.chips():
            chip.set_theme(theme)

    def set_editable(self, editable: bool) -> None:
        """Offer the field, or only show what is there."""
        self.field.setVisible(editable)
        self.updateGeometry()

    def chips(self) -> list[Chip]:
        found = (self._flow.itemAt(i) for i in range(self._flow.count()))
        return [w for item in found if item is not None and isinstance(w := item.widget(), Chip)]

    def show_texts(self, texts: tuple[str, ...]) -> None:
        """Show `texts`; nothing is emitted."""
        if texts == self.texts:
            return
        self.texts = texts
        for chip in self.chips():
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        for at, text in enumerate(texts):
            chip = Chip(self._theme, text, editable=self._editable)
            chip.removed.connect(lambda t=text: self._set(tuple(x for x in self.texts if x != t)))
            self._flow.insert(1 + at, chip)
            chip.show()
        self.updateGeometry()

    def _add(self) -> None:
        text = self.field.text().strip()
        self.field.clear()
        if text and text not in self.texts:
            self._set((*self.texts, text))

    def _set(self, texts: tuple[str, ...]) -> None:
        if texts == self.texts:
            return
        self.show_texts(texts)
        self.field.setFocus()
        self.changed.emit(texts)
