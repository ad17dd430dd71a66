"""The items of the set at the left: filter, name, state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from tmlapp.ui.dialogs import matches
from tmlapp.ui.text import tr
from tmlapp.ui.theme import Theme, font

ROW = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex
_WIDTH_SHARE, _WIDTH_PX, _WIDTH_MOST = 0.1845, 236, 300


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One line: `id`, `state` in words, and whether it asks for something."""

    id: str
    state: str
    mark: Literal["", "warning", "error"] = ""
    words: str = ""

    @property
    def shown(self) -> str:
        """The state with its symbol, so that nothing depends on colour alone."""
        return {"": "", "warning": "▲ ", "error": "✕ "}[self.mark] + self.state


class RowModel(QAbstractListModel):
    """Rows that hold the words of the filter."""

    def __init__(self) -> None:
        super().__init__()
        self._all: tuple[ItemRow, ...] = ()
        self._words = ""
        self.rows: list[ItemRow] = []

    def show_rows(self, rows: tuple[ItemRow, ...]) -> None:
        self._all = rows
        self._filter()

    def set_filter(self, words: str) -> None:
        self._words = words
        self._filter()

    def row_of(self, item: str) -> int:
        """Where the item `item` stands; -1 if it is not shown."""
        return next((i for i, r in enumerate(self.rows) if r.id == item), -1)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == ROW:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{row.id}, {row.state}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.words or row.state
        return None

    def _filter(self) -> None:
        fresh = [r for r in self._all if matches(self._words, f"{r.id} {r.state} {r.words}")]
        if [r.id for r in fresh] == [r.id for r in self.rows]:
            # The same rows in the same places: the view keeps its place and its selection.
            changed = [i for i, (a, b) in enumerate(zip(fresh, self.rows, strict=True)) if a != b]
            self.rows = fresh
            for i in changed:
                self.dataChanged.emit(self.index(i), self.index(i))
            return
        self.beginResetModel()
        self.rows = fresh
        self.endResetModel()


class _TwoLines(QStyledItemDelegate):
    """Name above, state below, the current one on the accent ground."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 - Qt's name
        return QSize(80, self.theme.px(52))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, row = self.theme, index.data(ROW)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(0, 1, 0, -1)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen or option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.accent_soft if chosen else theme.raised)
            painter.drawRoundedRect(box, theme.radius_control, theme.radius_control)
        if chosen and option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(theme.accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), theme.radius_control, theme.radius_control)
        name = font(theme.font_px + 0.5, weight=QFont.Weight.DemiBold if chosen else QFont.Weight.Normal)
        text = box.adjusted(10, 0, -10, 0)
        self._line(painter, text, theme.px(9), name, row.id, theme.text)
        ink = {"": theme.muted, "warning": theme.notice, "error": theme.act}[row.mark]
        self._line(painter, text, theme.px(28), font(theme.font_small_px), row.shown, ink)
        painter.restore()

    def _line(self, painter: QPainter, box: QRectF, top: int, face: QFont, text: str, ink: Any) -> None:
        metrics = QFontMetricsF(face)
        painter.setFont(face)
        painter.setPen(ink)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        line = QRectF(box.left(), box.top() + top - 2, box.width(), metrics.height())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


class _Rows(QListView):
    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        # Letters are commands here, not a search by first letter: the filter searches.
        if event.text().isprintable() and event.text():
            event.ignore()
            return
        super().keyPressEvent(event)


class ItemList(QFrame):
    """Filter above, items below.

    Signals:
        chosen: the id of the item that the person went to.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("items-list")
        self.theme = theme
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(tr("Filter items"))
        self.filter.setAccessibleName(tr("Filter items"))
        self.filter.setToolTip(tr("Words in id, state, category or script (Ctrl+F)"))
        self.filter.setClearButtonEnabled(True)
        self.model = RowModel()
        self.view = _Rows()
        self.view.setAccessibleName(tr("Items of the set"))
        self.view.setModel(self.model)
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._delegate = _TwoLines(theme, self.view)
        self.view.setItemDelegate(self._delegate)
        self.empty = QLabel()
        self.empty.setObjectName("muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.setContentsMargins(10, 4, 10, 0)
        column.addWidget(self.filter)
        column.addWidget(self.empty)
        column.addWidget(self.view, 1)
        self._item = ""
        self._quiet = False
        self.filter.textChanged.connect(self._on_filter)
        self.filter.returnPressed.connect(self.view.setFocus)
        self.view.selectionModel().currentChanged.connect(self._on_current)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.theme = self._delegate.theme = theme
        self.view.doItemsLayout()
        self.view.viewport().update()

    def fit(self, width: int) -> None:
        """Take the share of a window that is `width` wide."""
        usual = max(self.theme.px(_WIDTH_PX), min(self.theme.px(_WIDTH_MOST), round(width * _WIDTH_SHARE)))
        self.setFixedWidth(min(usual, round(width * 0.26)))

    def show_rows(self, rows: tuple[ItemRow, ...], current: str) -> None:
        """Show `rows`; `current` is the one that stands open."""
        self._item = current
        self.model.show_rows(rows)
        self._show_current()

    def _show_current(self) -> None:
        self._quiet = True
        row = self.model.row_of(self._item)
        self.view.setCurrentIndex(self.model.index(row) if row >= 0 else QModelIndex())
        self._quiet = False
        nothing = not self.model.rows
        self.view.setVisible(not nothing)
        self.empty.setVisible(nothing)
        words = tr("No item has these words.") if self.filter.text() else tr("No items yet. Ctrl+N makes the first.")
        self.empty.setText(words)

    def _on_filter(self, words: str) -> None:
        self._quiet = True
        self.model.set_filter(words)
        self._quiet = False
        self._show_current()

    def _on_current(self, index: QModelIndex, _before: QModelIndex) -> None:
        if self._quiet or not index.isValid():
            return
        self._item = index.data(ROW).id
        self.chosen.emit(self._item)
