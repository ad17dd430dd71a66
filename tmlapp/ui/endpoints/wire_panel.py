"""The wire inspector: every frame both ways, searched and filtered, the chosen one in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QItemSelection, QModelIndex, QPersistentModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QColor, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QSplitter,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from tmlapp.core.event import EndpointEvent, WireFrame
from tmlapp.ui.controls import KeyButton
from tmlapp.ui.endpoints.frame_detail import FrameDetail
from tmlapp.ui.endpoints.wire_model import DIRECTION, KIND, ROW, SIZE, SUMMARY, TIME, WireModel
from tmlapp.ui.endpoints.wire_rows import WireFilter, WireRow
from tmlapp.ui.settings_dialog import Choice
from tmlapp.ui.text import bytes_text, tr
from tmlapp.ui.theme import Theme

_TYPED_MS = 150
_Index = QModelIndex | QPersistentModelIndex


class Named(Protocol):
    """Actions by their keys `wire.errors`, `wire.follow`, `wire.save`."""

    def __getitem__(self, key: str) -> QAction: ...


class _Cells(QStyledItemDelegate):
    """Colours of the columns; words and signs say the same."""

    def __init__(self, theme: Theme, view: QTableView) -> None:
        super().__init__(view)
        self.theme = theme

    def initStyleOption(self, option: QStyleOptionViewItem, index: _Index) -> None:  # noqa: N802 - Qt's name
        super().initStyleOption(option, index)
        theme, row = self.theme, index.data(ROW)
        if index.column() == KIND:
            # The beginning is the protocol's, the end tells what happened.
            option.textElideMode = Qt.TextElideMode.ElideMiddle
        color = {TIME: theme.faint, SIZE: theme.muted, SUMMARY: theme.muted}.get(index.column(), theme.text)
        if index.column() == DIRECTION:
            color = theme.you if row.sent else theme.model
        if row.error and index.column() in (KIND, SUMMARY):
            color = theme.notice
        option.palette.setColor(option.palette.ColorRole.Text, QColor(color))
        option.palette.setColor(option.palette.ColorRole.HighlightedText, QColor(color))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        # No frame around the one cell that has the cursor: a row is chosen, not a cell.
        option.state &= ~option.state.State_HasFocus
        super().paint(painter, option, index)


class WireTable(QTableView):
    """The list of frames; End follows the newest again."""

    end_asked = Signal()

    def __init__(self, theme: Theme, model: WireModel) -> None:
        super().__init__()
        self.setObjectName("wire")
        self.setModel(model)
        self.setAccessibleName(tr("Frames on the wire"))
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.cells = _Cells(theme, self)
        self.setItemDelegate(self.cells)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        self.cells.theme = theme
        self.verticalHeader().setDefaultSectionSize(theme.px(22))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_End:
            self.end_asked.emit()
        elif event.text().strip() or event.key() == Qt.Key.Key_Space:
            event.ignore()  # Letters are commands of the workspace, not a search in the first column.
        else:
            super().keyPressEvent(event)

    def _fit(self) -> None:
        px, room = self.cells.theme.px, self.viewport().width()
        time, way, size = px(62), px(82), px(64)
        kind = max(px(90), min(px(230), round((room - time - way - size) * 0.45)))
        for column, width in ((TIME, time), (DIRECTION, way), (KIND, kind), (SIZE, size)):
            self.setColumnWidth(column, width)
        self.setColumnWidth(SUMMARY, max(px(60), room - time - way - kind - size))


class WirePanel(QWidget):
    """Tools, list and chosen frame.

    Signals:
        following: it follows the newest frame, or stands where the person looks.
    """

    following_changed = Signal(bool)

    def __init__(self, theme: Theme, actions: Named) -> None:
        super().__init__()
        self._theme = theme
        self._none = tr("What a remote model is sent and answers is listed here, frame by frame; keys are masked.")
        self.model = WireModel()
        self.following = True
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Words in a frame"))
        self.search.setAccessibleName(tr("Search frames"))
        self.search.setClearButtonEnabled(True)
        self.direction = self._choice(tr("Direction"), [(tr("both ways"), ""), (tr("↑ sent"), "sent"),
                                                        (tr("↓ received"), "received")])  # fmt: skip
        self.kind = self._choice(tr("Kind of frame"), [(tr("all kinds"), "")])
        self.errors, self.follow, self.save = KeyButton(theme), KeyButton(theme), KeyButton(theme)
        self.errors.follow(actions["wire.errors"], text=tr("Errors"))
        self.follow.follow(actions["wire.follow"], text=tr("Follow"))
        self.save.follow(actions["wire.save"], text=tr("Save…"))
        self.table = WireTable(theme, self.model)
        self.detail = FrameDetail(theme)
        self.count = QLabel()
        self.count.setObjectName("small")
        self.empty = QLabel()
        self.empty.setObjectName("muted")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.setContentsMargins(14, 10, 14, 0)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(_TYPED_MS)
        self._typed.timeout.connect(self._filter)
        self._errors_only = False
        self._arrange()
        self._connect()
        self._say()

    # ------------------------------------------------------------------ frames

    def add_connection(self, event: EndpointEvent) -> None:
        """List what `event` says of a connection that broke, after the frames that are here."""
        kinds = len(self.model.kinds)
        self.model.add_connection(event)
        if len(self.model.kinds) != kinds:
            self._list_kinds()
            self._say()

    def add(self, frames: Sequence[WireFrame]) -> None:
        """Take new frames; the list goes along only while it follows."""
        if not frames:
            return
        kinds = len(self.model.kinds)
        self.model.add(frames)
        if len(self.model.kinds) != kinds:
            self._list_kinds()
        self._say()
        if self.following and self.isVisible():
            self.table.scrollToBottom()

    def show_rows(self, rows: Sequence[WireRow], none: str) -> None:
        """Show the frames of a recording instead; `none` is said where there are none."""
        self._none = none
        self.clear()
        self.model.add_rows(rows)
        self._list_kinds()
        self._say()

    def clear(self) -> None:
        """Ready for another session."""
        self.model.clear()
        self.detail.show_row(None)
        self._list_kinds()
        self.set_following(True)
        self._say()

    def show_frame(self, index: int) -> bool:
        """Choose the frame `index`, whatever is filtered; False if it is not here any more."""
        if not self.model.holds(index):
            self.count.setText(tr("▲ Frame {n} is no longer kept here; the recording has it.").format(n=index))
            return False
        place = self.model.place_of(index)
        if place is None:
            self.show_all()
            place = self.model.place_of(index)
        if place is not None:
            self.table.selectRow(place)
            self.table.scrollTo(self.model.index(place, 0), QAbstractItemView.ScrollHint.PositionAtCenter)
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)
        return place is not None

    # ------------------------------------------------------------------ what a person does

    def set_following(self, on: bool) -> None:
        """Go along with the newest frame, or stand still."""
        self.following = on
        if on:
            self.table.clearSelection()
            self.table.scrollToBottom()
        self.following_changed.emit(on)

    def set_errors_only(self, on: bool) -> None:
        self._errors_only = on
        self._filter()

    def show_all(self) -> None:
        """Take every filter back."""
        for box in (self.direction, self.kind):
            box.setCurrentIndex(0)
        self.search.clear()
        self._errors_only = False
        self._filter()

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    @property
    def errors_only(self) -> bool:
        return self._errors_only

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        for part in (self.errors, self.follow, self.save, self.table, self.detail, self.direction, self.kind):
            part.set_theme(theme)

    # ------------------------------------------------------------------ helpers

    def _arrange(self) -> None:
        tools = QHBoxLayout()
        tools.setContentsMargins(14, 0, 14, 8)
        tools.setSpacing(8)
        self.search.setMinimumWidth(90)
        tools.addWidget(self.search, 3)
        tools.addWidget(self.direction, 1)
        tools.addWidget(self.kind, 2)
        for button in (self.errors, self.follow, self.save):
            tools.addWidget(button)
        left = QWidget()
        list_ = QVBoxLayout(left)
        list_.setContentsMargins(8, 0, 0, 0)
        list_.addWidget(self.table, 1)
        list_.addWidget(self.empty, 1)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(self.detail)
        split.setStretchFactor(0, 5)
        split.setStretchFactor(1, 3)
        split.setSizes([590, 300])
        self.detail.setMinimumWidth(160)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(tools)
        column.addWidget(split, 1)

    def _connect(self) -> None:
        self.search.textChanged.connect(lambda _text: self._typed.start())
        self.search.returnPressed.connect(self._found)
        self.direction.currentIndexChanged.connect(lambda _i: self._filter())
        self.kind.currentIndexChanged.connect(lambda _i: self._filter())
        self.table.selectionModel().selectionChanged.connect(self._on_chosen)
        self.table.verticalScrollBar().actionTriggered.connect(self._on_scrolled)
        self.table.end_asked.connect(lambda: self.set_following(True))

    def _choice(self, name: str, entries: list[tuple[str, str]]) -> Choice:
        box = Choice(self._theme)
        for text, key in entries:
            box.addItem(text, key)
        box.setAccessibleName(name)
        box.setToolTip(name)
        box.setMinimumContentsLength(7)
        box.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        return box

    def _list_kinds(self) -> None:
        chosen = self.kind.currentData()
        self.kind.blockSignals(True)
        self.kind.clear()
        self.kind.addItem(tr("all kinds"), "")
        for kind in sorted(self.model.kinds):
            self.kind.addItem(kind, kind)
        at = self.kind.findData(chosen)
        self.kind.setCurrentIndex(max(0, at))
        self.kind.blockSignals(False)
        if at < 0:
            self._filter()

    def _filter(self) -> None:
        self._typed.stop()
        chosen = self.detail.row
        self.model.set_filter(
            WireFilter(
                self.search.text().strip(),
                str(self.direction.currentData() or ""),
                str(self.kind.currentData() or ""),
                self._errors_only,
            )
        )
        place = self.model.place_of(chosen.index) if chosen is not None else None
        if place is not None:
            self.table.selectRow(place)
            self.table.scrollTo(self.model.index(place, 0))
        elif self.following:
            self.table.scrollToBottom()
        self._say()

    def _found(self) -> None:
        """Return in the search box: to the newest frame that was found."""
        self._filter()
        if self.model.rowCount():
            self.table.selectRow(self.model.rowCount() - 1)
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_chosen(self, chosen: QItemSelection, _before: QItemSelection) -> None:
        rows = chosen.indexes()
        if rows:
            self.detail.show_row(rows[0].data(ROW))
            if self.following:
                self.following = False
                self.following_changed.emit(False)

    def _on_scrolled(self, _action: int) -> None:
        bar = self.table.verticalScrollBar()
        at_end = bar.sliderPosition() >= bar.maximum() - 2
        if self.following and not at_end:
            self.following = False
            self.following_changed.emit(False)

    def _say(self) -> None:
        shown, kept, gone = self.model.rowCount(), len(self.model.kept), self.model.gone
        parts = [tr("{n} of {m} frames").format(n=shown, m=kept) if shown != kept else tr("{n} frames").format(n=kept)]
        parts.append(f"↑ {bytes_text(self.model.sent_bytes)}  ↓ {bytes_text(self.model.received_bytes)}")
        if gone:
            parts.append(tr("{n} older ones in the recording").format(n=gone))
        self.count.setText(" · ".join(parts))
        self.table.setVisible(shown > 0)
        self.empty.setVisible(shown == 0)
        if kept:
            self.empty.setText(tr("No frame matches. Take a filter back to see more."))
        else:
            self.empty.setText(self._none)
