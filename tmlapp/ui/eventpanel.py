"""The list of what happened, with search, and the two boxes below it: tell the model, take a note."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtCore import QSortFilterProxyModel as FilterModel
from PySide6.QtGui import QColor, QFont, QPainter, QResizeEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from tmlapp.core.event import Event
from tmlapp.core.turn import TextInput
from tmlapp.ui.controls import KeyButton, KeyEdit
from tmlapp.ui.eventlog import EventLog, Row
from tmlapp.ui.text import stamp_text, tr
from tmlapp.ui.theme import Theme, font

_ROW = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex
_TIME_PX, _WHO_PX, _MARGIN_PX = 60, 59, 14
_BAR_PX = 6


class EventModel(QAbstractListModel):
    """The rows of an `EventLog`."""

    def __init__(self) -> None:
        super().__init__()
        self._log = EventLog()
        self._count = 0

    def rowCount(self, parent: _Index | None = None) -> int:  # noqa: N802 - Qt's name
        return 0 if parent is not None and parent.isValid() else self._count

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._log.rows[index.row()]
        if role == _ROW:
            return row
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{stamp_text(row.t_ns)} {who_text(row.who)} {row.text} {row.extra}".rstrip()
        if role == Qt.ItemDataRole.ToolTipRole and row.wire_ref is not None:
            return tr("Return or a double click shows the frame that told it")
        return None

    def add(self, what: Event | TextInput) -> None:
        """Take one happening."""
        before = self._count
        changed = self._log.add(what)
        if len(self._log.rows) > before:
            # Views and filters still count the rows of before when they hear of new ones.
            self.beginInsertRows(QModelIndex(), before, len(self._log.rows) - 1)
            self._count = len(self._log.rows)
            self.endInsertRows()
        for i in changed:
            if i < before:
                self.dataChanged.emit(self.index(i), self.index(i))

    def clear(self) -> None:
        self.beginResetModel()
        self._log, self._count = EventLog(), 0
        self.endResetModel()


def who_text(who: str) -> str:
    """Who a row is about, in words."""
    return {"you": tr("you"), "model": tr("model"), "warning": tr("warning"), "error": tr("error")}.get(who, tr(who))


class RowPainter(QStyledItemDelegate):
    """Time, who, and what, on one grid."""

    def __init__(self, theme: Theme, view: QListView) -> None:
        super().__init__(view)
        self.theme = theme
        self._view = view
        self._heights: dict[tuple[str, str, int], int] = {}

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: N802 - Qt's name
        row: Row = index.data(_ROW)
        width = self._view.viewport().width()
        key = (row.text, row.extra, self._text_width())
        height = self._heights.get(key)
        if height is None:
            layout = self._laid_out(row)
            height = self._heights[key] = round(layout.boundingRect().height()) + 11
        return QSize(width, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        row: Row = index.data(_ROW)
        theme = self.theme
        time_px, who_px = self._columns()
        box = QRectF(option.rect)
        painter.save()
        if row.who in ("marker", "note", "verdict") or option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, theme.raised)
        top = box.adjusted(_MARGIN_PX, 5, -_MARGIN_PX, -5)
        painter.setFont(font(theme.font_px))
        painter.setPen(theme.faint)
        line = Qt.AlignmentFlag.AlignTop
        painter.drawText(QRectF(top.x(), top.y(), time_px, top.height()), line, stamp_text(row.t_ns))
        painter.setFont(font(theme.font_px, weight=QFont.Weight.DemiBold))
        painter.setPen(self._color(row.who))
        painter.drawText(QRectF(top.x() + time_px, top.y(), who_px + 6, top.height()), line, who_text(row.who))
        painter.setPen(theme.text)
        layout = self._laid_out(row)
        layout.draw(painter, QPointF(top.x() + time_px + who_px, top.y()))
        painter.restore()

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self._heights.clear()

    def _columns(self) -> tuple[int, int]:
        return self.theme.px(_TIME_PX), self.theme.px(_WHO_PX)

    def _text_width(self) -> int:
        # As if the scroll bar were there: when it appears, nothing may have to wrap again.
        return self._view.width() - sum(self._columns()) - 2 * _MARGIN_PX - _BAR_PX

    def _laid_out(self, row: Row) -> QTextLayout:
        """The row's text, and behind it, dimmed, its extra, wrapped."""
        width = self._text_width()
        text = f"{row.text} {row.extra}" if row.extra else row.text
        layout = QTextLayout(text, font(self.theme.font_px))
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        if row.extra:
            dim = QTextLayout.FormatRange()
            dim.start, dim.length = len(row.text) + 1, len(row.extra)
            dim.format.setForeground(self.theme.faint)
            layout.setFormats([dim])
        layout.beginLayout()
        y = 0.0
        while (line := layout.createLine()).isValid():
            line.setLineWidth(max(40, width))
            line.setPosition(QPointF(0, y))
            y += line.height()
        layout.endLayout()
        return layout

    def _color(self, who: str) -> QColor:
        theme = self.theme
        return {
            "you": theme.you,
            "model": theme.model,
            "remind": theme.remind,
            "marker": theme.notice,
            "note": theme.notice,
            "verdict": theme.notice,
            "warning": theme.notice,
            "gap": theme.act,
            "error": theme.act,
        }.get(who, theme.muted)


class EventPanel(QFrame):
    """Right side of the Live workspace.

    Signals:
        note_written: a note to be kept at the present moment.
        text_written: a text for the model.
        frame_asked: the frame on the wire that told the chosen event.
    """

    note_written = Signal(str)
    text_written = Signal(str)
    frame_asked = Signal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("side")
        self.setFixedWidth(300)
        self._theme = theme
        self.model = EventModel()
        self._shown = FilterModel(self)
        self._shown.setSourceModel(self.model)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.search_button = KeyButton(theme, tr("Search"))
        self.head = self._head()
        column.addWidget(self.head)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Words to look for"))
        self.search.setAccessibleName(tr("Search events"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        searching = QWidget()
        inner = QHBoxLayout(searching)
        inner.setContentsMargins(14, 0, 14, 8)
        inner.addWidget(self.search)
        self._searching = searching
        searching.hide()
        column.addWidget(searching)
        self.view = self._list(theme)
        column.addWidget(self.view, 1)
        self.empty = QLabel()
        self.empty.setObjectName("muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.empty.setContentsMargins(14, 4, 14, 0)
        column.addWidget(self.empty, 1)
        self.composer = self._composer()
        column.addWidget(self.composer)
        self._say_emptiness()

    def set_theme(self, theme: Theme) -> None:
        self._painter.set_theme(theme)
        self.view.doItemsLayout()
        for part in (self.search_button, self.text, self.note):
            part.set_theme(theme)
        self.view.viewport().update()

    def set_live(self, live: bool) -> None:
        """Notes and texts are taken only while a session runs."""
        for box in (self.note, self.text):
            box.setEnabled(live)

    def add(self, what: Event | TextInput) -> None:
        """Show one happening; the list follows unless the person has scrolled up."""
        bar = self.view.verticalScrollBar()
        following = bar.value() >= bar.maximum() - 4
        self.model.add(what)
        self._say_emptiness()
        if following:
            self.view.scrollToBottom()

    def clear(self) -> None:
        self.model.clear()
        self._say_emptiness()

    def open_search(self) -> None:
        """Show the search box and put the cursor there."""
        self._searching.show()
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def close_search(self) -> bool:
        """Hide the search box and show everything again; False if it was not open."""
        was_open = self._searching.isVisible()
        self.search.clear()
        self._searching.hide()
        return was_open

    def shown_rows(self) -> list[str]:
        """The rows as they are shown, one text each."""
        return [str(self._shown.index(i, 0).data()) for i in range(self._shown.rowCount())]

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.view.doItemsLayout()

    def _head(self) -> QWidget:
        head = QWidget()
        row = QHBoxLayout(head)
        row.setContentsMargins(14, 8, 14, 8)
        title = QLabel(tr("Events"))
        title.setObjectName("heading")
        row.addWidget(title, 1)
        row.addWidget(self.search_button)
        return head

    def _list(self, theme: Theme) -> QListView:
        view = QListView()
        view.setModel(self._shown)
        view.setAccessibleName(tr("Events"))
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setResizeMode(QListView.ResizeMode.Adjust)
        view.setTextElideMode(Qt.TextElideMode.ElideNone)
        self._painter = RowPainter(theme, view)
        view.setItemDelegate(self._painter)
        view.activated.connect(self._ask_frame)
        return view

    def _ask_frame(self, index: QModelIndex) -> None:
        """Return or a double click on an event: to its frame, where it came over a wire."""
        row: Row = index.data(_ROW)
        if row.wire_ref is not None:
            self.frame_asked.emit(row.wire_ref)

    def _composer(self) -> QWidget:
        composer = QFrame()
        composer.setObjectName("composer")
        column = QVBoxLayout(composer)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        self.text = self._box(tr("Tell the model…"), "T", self.text_written)
        self.note = self._box(tr("Note…"), "N", self.note_written)
        column.addWidget(self.text)
        column.addWidget(self.note)
        return composer

    def _box(self, hint: str, key: str, written: Any) -> KeyEdit:
        box = KeyEdit(self._theme, key)
        box.setPlaceholderText(hint)
        box.setAccessibleName(hint.rstrip("…"))
        box.setToolTip(tr("{what} ({key}), Return sends it").format(what=hint.rstrip("…"), key=key))
        box.setEnabled(False)

        def send() -> None:
            text = box.text().strip()
            if text:
                written.emit(text)
                box.clear()
            box.clearFocus()

        box.returnPressed.connect(send)
        return box

    def _filter(self, words: str) -> None:
        self._shown.setFilterFixedString(words)
        self._say_emptiness()

    def _say_emptiness(self) -> None:
        none_shown = self._shown.rowCount() == 0
        self.view.setVisible(not none_shown)
        self.empty.setVisible(none_shown)
        if self.model.rowCount():
            self.empty.setText(tr("Nothing matches. Esc shows all events again."))
        else:
            self.empty.setText(tr("What you and the model say, markers and gaps are listed here."))
